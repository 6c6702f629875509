// SPDX-License-Identifier: Apache-2.0
// The one text form of each value, shared by every text format: what PostgreSQL prints with DateStyle ISO,
// IntervalStyle iso_8601, TimeZone UTC and extra_float_digits 1, except: timestamps have a T ("2026-01-01T13:14:15.5"),
// timestamptz ends in Z. Infinity and BC as PostgreSQL prints them.
#ifndef LEAT_DATA_FORMAT_TEXT_H
#define LEAT_DATA_FORMAT_TEXT_H

#include "core/base/buf.h"
#include "data/event/value.h"

// Any value but NULL and UNCHANGED. Lists, structs and maps print as PostgreSQL's literals ({1,2}; ("a b",5); k=>v).
void value_text(Buf *buf, const Type *type, const Value *value);

#endif
