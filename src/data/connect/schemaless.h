// SPDX-License-Identifier: Apache-2.0
// Values without a schema: what a sink reads whose converter is JSON without schemas. In a chain of transforms they
// are structs with a made-up shape, so that each transform is written once; behind it they are maps again.
#ifndef LEAT_DATA_CONNECT_SCHEMALESS_H
#define LEAT_DATA_CONNECT_SCHEMALESS_H

#include "core/base/err.h"
#include "data/connect/connect_record.h"

typedef struct Schemaless Schemaless; // the shapes made so far

Schemaless *schemaless_new(Arena *arena);
void schemaless_release(Schemaless *schemaless);
// A MAP becomes a STRUCT of optional fields, and so do maps in it; lists stay as they are. Equal outlines have one
// shape. ERR_VALUE: a map nested more than 64 deep; ERR_MEMORY: too many outlines.
CHECKED bool schemaless_import(Schemaless *schemaless, Arena *scratch, const Shape **shape, const Value **value,
                               Err *err);
// STRUCTs become MAPs, also within; *shape becomes NULL. Other values lose their shape only.
void schemaless_export(Arena *scratch, const Shape **shape, const Value **value);

#endif
