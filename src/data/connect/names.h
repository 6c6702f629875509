// SPDX-License-Identifier: Apache-2.0
// Names as Debezium makes them: of topics (topic.naming.strategy) and of schemas and fields
// (schema.name.adjustment.mode, field.name.adjustment.mode).
#ifndef LEAT_DATA_CONNECT_NAMES_H
#define LEAT_DATA_CONNECT_NAMES_H

#include "core/base/err.h"
#include "core/config/properties.h"

typedef enum NameAdjust { ADJUST_NONE, ADJUST_AVRO, ADJUST_AVRO_UNICODE } NameAdjust;

// What Avro allows: in names of schemas a dot, in those of fields none.
Slice name_adjust(Arena *arena, NameAdjust adjust, bool is_field, Slice name);

typedef struct TopicNames TopicNames;

typedef enum TopicKind { TOPIC_MESSAGE, TOPIC_HEARTBEAT, TOPIC_TRANSACTION, TOPIC_NOTIFICATION } TopicKind;

// ERR_OPTION: topic.prefix is missing, the strategy is none of Debezium's, a pattern does not compile.
CHECKED bool topic_names_new(Arena *arena, const Properties *config, TopicNames **names, Err *err);
void topic_names_release(TopicNames *names); // what is not in the arena; NULL is fine
Slice topic_names_prefix(const TopicNames *names);
// A table's topic, in the arena.
Slice topic_names_table(const TopicNames *names, Arena *arena, Slice space, Slice table);
Slice topic_names_side(const TopicNames *names, Arena *arena, TopicKind kind);
// A field that the strategy adds to the keys of tables that may share a topic; false: none.
bool topic_names_key_field(const TopicNames *names, Arena *arena, Slice space, Slice table, Slice *name, Slice *value);

#endif
