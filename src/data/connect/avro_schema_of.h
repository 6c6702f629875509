// SPDX-License-Identifier: Apache-2.0
// The Avro schema that Confluent's AvroData derives from a Connect schema, as JSON, with its attributes in its order:
// what a registry compares with what other writers registered.
#ifndef LEAT_DATA_CONNECT_AVRO_SCHEMA_OF_H
#define LEAT_DATA_CONNECT_AVRO_SCHEMA_OF_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "data/format/shape.h"

typedef struct AvroSchemaOptions {
    bool connect_meta_data; // connect.* attributes
    bool scrub_names;       // what Avro's names cannot have becomes an underscore
} AvroSchemaOptions;

// ERR_VALUE: a name that Avro does not take, with what to do; one name for two different structs; a shape that Connect
// has no schema for; more than 64 levels.
CHECKED bool avro_schema_of(const Shape *shape, const AvroSchemaOptions *options, Buf *json, Err *err);
// The full name of the record that a shape is; empty where it is none.
Slice avro_record_name(Arena *arena, const Shape *shape, const AvroSchemaOptions *options);

#endif
