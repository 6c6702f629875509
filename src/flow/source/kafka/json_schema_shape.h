// SPDX-License-Identifier: Apache-2.0
// JSON Schemas, as Confluent's serializers and JsonSchemaConverter register them, as Shapes: types by `type` and
// connect.type, names by `title`, order by connect.index. What has no type of its own (unions of more than null and one
// other, objects without properties, schemas within themselves) is a document: its JSON text, of type jsonb.
// Derived from Confluent's published source (JsonSchemaData.java); their program was not run.
//
// For Connect's records what would be a document is refused: the original makes other things of it. Properties that
// `required` does not name may only be left out where use.optional.for.nonrequired says so.
#ifndef LEAT_FLOW_SOURCE_KAFKA_JSON_SCHEMA_SHAPE_H
#define LEAT_FLOW_SOURCE_KAFKA_JSON_SCHEMA_SHAPE_H

#include "data/format/shape.h"
#include "data/registry/json_tree.h"

typedef struct JsonSchemaRules {
    bool connect;
    bool required; // Connect's: only properties that say so may be null
} JsonSchemaRules;

// Values of the shape are read by connect_json_value. What it keeps lives in the arena. ERR_VALUE names the field.
CHECKED bool json_schema_shape(Arena *arena, Slice schema, const JsonSchemaRules *rules, Shape *shape, Err *err);

#endif
