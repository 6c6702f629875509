// SPDX-License-Identifier: Apache-2.0
// Avro 1.11/1.12: schemas of shapes, the binary encoding, object container files.
#ifndef LEAT_DATA_FORMAT_AVRO_AVRO_H
#define LEAT_DATA_FORMAT_AVRO_AVRO_H

#include "data/format/file_format.h"

extern const FileFormat AVRO_FORMAT; // codecs NONE, DEFLATE, SNAPPY, ZSTD

// The schema as JSON: records named by shape->name or by path; names that Avro forbids are adjusted (the column's own
// name is kept as an attribute); logical types; notes as attributes.
CHECKED bool avro_schema_json(const Shape *shape, Slice name, Buf *json, Err *err);

// One record without any frame: what the Confluent wire format, a container's block and a manifest hold.
typedef struct AvroEncoder AvroEncoder; // compiled for a shape
CHECKED bool avro_encoder_new(Arena *arena, const Shape *shape, const AvroEncoder **encoder, Err *err);
CHECKED bool avro_encode(const AvroEncoder *encoder, const Value *values, Buf *out, Err *err); // one value a field

// Any schema (parsed whole, attributes kept), data read as it was written; what shapes cannot say (unions of several
// types, enums, fixed) is mapped to the nearest: fixed is BYTES, enum is STRING, a union of many a STRUCT of optionals.
typedef struct AvroReader AvroReader;
CHECKED bool avro_reader_open(Slice file, AvroReader **reader, Err *err); // borrows the bytes
const Shape *avro_reader_shape(const AvroReader *reader);
Slice avro_reader_metadata(const AvroReader *reader, const char *key);             // "avro.schema", …; empty = absent
CHECKED bool avro_reader_next(AvroReader *reader, const Value **values, Err *err); // NULL at the end
void avro_reader_close(AvroReader *reader);

#endif
