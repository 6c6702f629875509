// SPDX-License-Identifier: Apache-2.0
// What a configuration says of single columns: which are shown (column.include.list, column.exclude.list), which are
// masked or cut (mask.h), whose source type is told in schemas (column.propagate.source.type,
// datatype.propagate.source.type), which make the key (message.key.columns). All by regexes over whole names
// "SCHEMA.TABLE.COLUMN", whatever the case.
//
// Of masks the first that matches acts: those that cut, then those of stars, then hashes, then hashes of v2, each in
// the order of the configuration.
#ifndef LEAT_DATA_CONNECT_RULES_H
#define LEAT_DATA_CONNECT_RULES_H

#include "core/config/properties.h"
#include "data/connect/mask.h"
#include "data/event/schema.h"

typedef struct ColumnRules ColumnRules; // one thread at a time

// ERR_OPTION names the key and what is wrong with it.
CHECKED bool column_rules_new(Arena *arena, const Properties *config, ColumnRules **rules, Err *err);
void column_rules_release(ColumnRules *rules); // what is not in the arena; NULL is fine

// Without rules (NULL) all are shown and none is masked.
bool column_rules_shown(const ColumnRules *rules, const Schema *schema, const Column *column);
const Mask *column_rules_mask(const ColumnRules *rules, const Schema *schema, const Column *column); // NULL = none
bool column_rules_tell(const ColumnRules *rules, const Schema *schema, const Column *column);
// Places of the columns that make the key, in the order of the configuration; their number, 0 = nothing is said.
uint32_t column_rules_key(const ColumnRules *rules, const Schema *schema, uint32_t *places);

// Of a column's type, as PostgreSQL's JDBC driver tells it: its length (INT32_MAX = any); its digits after the point,
// -1 = unknown; its name ("int4", "_text").
int64_t column_length(const Type *type);
int64_t column_scale(const Type *type);
Slice column_type_name(Arena *arena, const Type *type);

#endif
