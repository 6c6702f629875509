// SPDX-License-Identifier: Apache-2.0
// JSON as Kafka Connect's JsonConverter writes it, for any shape; its notes (data/connect/envelope.h) are the Connect
// schema's names, versions, parameters and defaults.
//
//     schemas.enable=false   json_converter_value
//     schemas.enable=true    {"schema":…,"payload":…}: json_converter_schema once a shape, json_converter_record
//
// Bytes are base64, as is a Decimal's unscaled integer. Shapes that Connect has no type for are written as Debezium
// does: dates are days and times microseconds since 1970, timestamps with zone and UUIDs text.
#ifndef LEAT_DATA_CONNECT_JSON_CONVERTER_H
#define LEAT_DATA_CONNECT_JSON_CONVERTER_H

#include "core/base/buf.h"
#include "data/event/value.h"
#include "data/format/shape.h"

void json_converter_schema(Buf *buf, const Shape *shape);
// `value` is one of the shape's (data/format/shape.h).
void json_converter_value(Buf *buf, const Shape *shape, const Value *value);
// A record's key or value: `values` has one a field of the STRUCT; NULL is the null of a tombstone or of a missing key.
void json_converter_fields(Buf *buf, const Shape *shape, const Value *values);
// The envelope around it. `schema` is what json_converter_schema wrote; NULL values are {"schema":null,"payload":null}.
void json_converter_record(Buf *buf, Slice schema, const Shape *shape, const Value *values);

#endif
