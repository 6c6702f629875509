// SPDX-License-Identifier: Apache-2.0
// Events as JSON lines: the table's columns, then leat's own: __op, __commit_lsn, __ordinal, __source_ts_ms, __deleted,
// __unchanged (names of columns whose value did not travel), and on the CREATE half of a key change __key_before.
#ifndef LEAT_DATA_FORMAT_JSON_LINES_H
#define LEAT_DATA_FORMAT_JSON_LINES_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "data/event/event.h"
#include "data/event/schema.h"

typedef enum JsonDecimals { JSON_DECIMALS_STRING, JSON_DECIMALS_NUMBER } JsonDecimals;
typedef enum JsonDocuments { JSON_DOCUMENTS_STRING, JSON_DOCUMENTS_EMBEDDED } JsonDocuments;

typedef struct JsonOptions {
    JsonDecimals decimals;   // string (exact in every reader) or number
    JsonDocuments documents; // json and jsonb columns: string ("null" and NULL differ) or embedded
} JsonOptions;

// A program compiled once per schema: escaped names and a writer for each column.
typedef struct JsonLines JsonLines;
JsonLines *json_lines_new(Arena *arena, const Schema *schema, const JsonOptions *options);
// One line with its newline.
void json_lines_write(const JsonLines *lines, Buf *buf, const Event *event);

// The name under which a column is written, here and in every flat record: its own, unless leat's fields have that one;
// then underscores are put before it until the name is free. Borrowed, or in the arena.
Slice json_lines_name(Arena *arena, const Schema *schema, Slice name);
// One value of the type as a JSON value.
void json_lines_value(Buf *buf, const JsonOptions *options, const Type *type, const Value *value);

#endif
