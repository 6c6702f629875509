// SPDX-License-Identifier: Apache-2.0
// JSON Schemas, as Confluent's serializers and JsonSchemaConverter register them, as Shapes: types by `type` and
// connect.type, names by `title`, order by connect.index. What has no type of its own (unions of more than null and one
// other, objects without properties, schemas within themselves) is a document: its JSON text, of type jsonb.
// Derived from Confluent's published source (JsonSchemaData.java); their program was not run.
#ifndef LEAT_FLOW_SOURCE_KAFKA_JSON_SCHEMA_SHAPE_H
#define LEAT_FLOW_SOURCE_KAFKA_JSON_SCHEMA_SHAPE_H

#include "data/format/shape.h"
#include "data/registry/json_tree.h"

// Values of the shape are read by connect_json_value. What it keeps lives in the arena. ERR_VALUE names the field.
CHECKED bool json_schema_shape(Arena *arena, Slice schema, Shape *shape, Err *err);

#endif
