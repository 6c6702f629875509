// SPDX-License-Identifier: Apache-2.0
// JSON as Kafka Connect's JsonConverter writes it, read: a schema as a Shape whose notes keep what only Connect has
// (data/connect/notes.h), and values of such a shape. The other way round: data/connect/json_converter.h.
#ifndef LEAT_FLOW_SOURCE_KAFKA_CONNECT_JSON_H
#define LEAT_FLOW_SOURCE_KAFKA_CONNECT_JSON_H

#include "data/event/value.h"
#include "data/format/shape.h"
#include "data/registry/json_tree.h"

// {"type":"struct","fields":[…],"optional":false,"name":…}; what it keeps lives in the arena. ERR_VALUE says what is
// wrong and of which field.
CHECKED bool connect_json_schema(Arena *arena, const JsonNode *json, Shape *shape, Err *err);
// A member that is there and not null becomes the shape's note of that name, as it is written.
void connect_json_note(Arena *arena, const JsonNode *json, const char *member, const char *note, Shape *shape);
// The note of a shape of kind STRING whose values are any JSON, kept as its text.
#define CONNECT_JSON_DOCUMENT "leat.json"
// Bytes are base64, a Decimal that or a number; a field that is absent is null. Texts are the tree's. ERR_VALUE names
// the field.
CHECKED bool connect_json_value(Arena *scratch, const Shape *shape, const JsonNode *json, Value *value, Err *err);
// JSON without a schema, as the converter reads it: maps, lists, texts, whole numbers, doubles. ERR_VALUE: a number
// that is none of these.
CHECKED bool connect_json_free(Arena *scratch, const JsonNode *json, Value *value, Err *err);

#endif
