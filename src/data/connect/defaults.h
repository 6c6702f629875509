// SPDX-License-Identifier: Apache-2.0
// What a column's DEFAULT is in a schema, as Debezium reads it out of the expression that PostgreSQL prints: the first
// literal in it ('abc'::text, 42), or what stands for a value that a function makes (0, "", the epoch). Expressions
// that are neither, and types without a place for it (arrays, bytea, money, structs), have none.
#ifndef LEAT_DATA_CONNECT_DEFAULTS_H
#define LEAT_DATA_CONNECT_DEFAULTS_H

#include "data/connect/column.h"

// False: none. *value is in the form of the column's shape, in the arena.
bool column_default(Arena *arena, const ConnectColumn *column, Slice expression, Value *value);
// Puts it into the shape: the note connect.default, as JsonConverter writes it. Returns the default of a field in Avro,
// where bytes are a text of one character a byte.
Slice column_default_describe(Arena *arena, Shape *shape, const Value *value);

#endif
