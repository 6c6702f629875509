// SPDX-License-Identifier: Apache-2.0
// What the halves of the Avro room share.
#ifndef LEAT_DATA_FORMAT_AVRO_AVRO_SCHEMA_H
#define LEAT_DATA_FORMAT_AVRO_AVRO_SCHEMA_H

#include "data/format/shape.h"

enum { AVRO_DEPTH_MAX = 64 };
// The attribute of a record or field whose name Avro does not take: its own name.
#define AVRO_NAME_NOTE "leat.name"
// From 1970 to 2000.
#define AVRO_EPOCH_DAYS 10957
#define AVRO_EPOCH_US   INT64_C(946684800000000)

// A default belongs to a union's first branch: null is the last one where the default is not null.
static inline bool avro_null_last(const ShapeField *field) {
    return field->shape.optional && field->default_json.size > 0 && !slice_is(field->default_json, "null");
}

#endif
