// SPDX-License-Identifier: Apache-2.0
// Avro 1.11/1.12: schemas of shapes, the binary encoding, object container files.
#ifndef LEAT_DATA_FORMAT_AVRO_AVRO_H
#define LEAT_DATA_FORMAT_AVRO_AVRO_H

#include "data/format/file_format.h"

extern const FileFormat AVRO_FORMAT; // codecs NONE, DEFLATE, SNAPPY, ZSTD

// The schema as JSON. Records are named by shape->name, else by their path ("orders_address"), and `name` is the
// whole's. A name that Avro forbids gets underscores, and a number where that makes two alike; its own is kept as the
// attribute "leat.name". Notes are attributes of the type; ids are "field-id", "element-id", "key-id" and "value-id". A
// default other than null makes null the union's last branch. ERR_TABLE: nested more than 64 deep.
CHECKED bool avro_schema_json(const Shape *shape, Slice name, Buf *json, Err *err);

// One record without any frame: what the Confluent wire format, a container's block and a manifest hold.
typedef struct AvroEncoder AvroEncoder; // compiled for a shape
CHECKED bool avro_encoder_new(Arena *arena, const Shape *shape, const AvroEncoder **encoder, Err *err);
// ERR_VALUE names the field; nothing is appended then. NULL values: the null of an optional shape.
CHECKED bool avro_encode(const AvroEncoder *encoder, const Value *values, Buf *out, Err *err); // one value a field
// The same for a value of any shape. With `defaults`, what they give for a shape is written in place of NULL, and
// stands first in its union.
typedef struct AvroDefaults {
    Value (*of)(Arena *arena, const Shape *shape); // NULL: it has none
    bool keep_nulls;                               // the null of an optional shape stays null
} AvroDefaults;
CHECKED bool avro_value_encoder_new(Arena *arena, const Shape *shape, const AvroDefaults *defaults,
                                    const AvroEncoder **encoder, Err *err);
CHECKED bool avro_encode_value(const AvroEncoder *encoder, const Value *value, Buf *out, Err *err);

// Any schema, data read as they were written (no resolution against another schema). Attributes are kept as notes, a
// logical type that is unknown or that values of leat cannot hold exactly (nanoseconds, decimals past 38 digits) is a
// note too. What shapes cannot say becomes the nearest: fixed BYTES, enum STRING, null a STRING that is always NULL, a
// union of many a STRUCT of optionals named by their types, a record within itself its encoded BYTES, and a schema that
// is no record a STRUCT of one field "value". Errors are ERR_VALUE. Values are good until the next call.
typedef struct AvroReader AvroReader;
CHECKED bool avro_reader_open(Slice file, AvroReader **reader, Err *err); // borrows the bytes
// Blocks that unpack to more are ERR_VALUE; 2,016 MiB unless it is said.
void avro_reader_block_max(AvroReader *reader, size_t bytes);
const Shape *avro_reader_shape(const AvroReader *reader);
Slice avro_reader_metadata(const AvroReader *reader, const char *key);             // "avro.schema", …; empty = absent
CHECKED bool avro_reader_next(AvroReader *reader, const Value **values, Err *err); // NULL at the end
void avro_reader_close(AvroReader *reader);

// For values without any frame, as users of a schema registry write them: a reader of one schema. Its shape is that of
// the schema, also when it is no record. With `plain`, dates, times and UUIDs are the numbers and texts that they are
// encoded as, their logical types are notes.
CHECKED bool avro_reader_of(Slice schema, bool plain, AvroReader **reader, Err *err);
// Of the record in field `field` of the value, NULL: of the value itself, these fields are wanted: all others are
// passed over and read as NULL.
void avro_reader_only(AvroReader *reader, const char *field, const char *const *names, size_t count);
// All of the bytes are one value, which is good until the next call.
CHECKED bool avro_reader_value(AvroReader *reader, Slice bytes, const Value **value, Err *err);

#endif
