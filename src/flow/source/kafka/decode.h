// SPDX-License-Identifier: Apache-2.0
// Keys and values of records, read as what they are: Confluent's frame around Avro or JSON of a JSON Schema, JSON with
// its schema, JSON, text, bytes. What a topic's records are is told by each of them (`auto`) or by options; types are
// never guessed.
#ifndef LEAT_FLOW_SOURCE_KAFKA_DECODE_H
#define LEAT_FLOW_SOURCE_KAFKA_DECODE_H

#include "core/base/map.h"
#include "data/event/value.h"
#include "data/format/avro/avro.h"
#include "data/format/shape.h"
#include "data/registry/json_tree.h"
#include "storage/kafka/registrar.h"

typedef enum DecodeFormat {
    DECODE_AUTO, // the registry's frame behind a zero byte, JSON with its schema, JSON
    DECODE_JSON,
    DECODE_JSON_SCHEMA,
    DECODE_AVRO,
    DECODE_STRING,
    DECODE_BYTES,
} DecodeFormat;
CHECKED bool decode_format(const char *name, DecodeFormat *format);

// {"schema":…,"payload": of JSON with its schema, byte by byte: records of one writer begin alike.
typedef struct JsonFrame JsonFrame;
struct JsonFrame {
    Slice bytes;
    const Shape *shape;
    JsonFrame *next;
};

// Shapes that equal texts of schemas gave are the same one, and stay as long as the decoder.
typedef struct Decoder {
    // For Connect's records (data/connect/connect_record.h): shapes as its converters read them, JSON without a schema
    // as maps without a shape.
    bool connect;
    bool json_schemas;        // those of the registry are JSON Schemas, else Avro's; of Connect's records
    bool optional_unrequired; // use.optional.for.nonrequired of JsonSchemaConverter
    Registrar *registrar;     // NULL = there is none
    const Shape *declared;    // of JSON without a schema; NULL = none: it is one JSON document
    Arena arena[1];
    Map framed; // id in the registry to Framed
    struct {
        int32_t id;
        struct Framed *framed; // NULL = none yet
    } recent[4];               // …those last asked for, by the lowest bits of the id
    Map json;                  // text of a schema to Shape
    JsonFrame *frames;         // the one of the newest record first
    size_t frame_count;
} Decoder;

typedef struct Decoded {
    const Shape *shape;
    const Value *value; // NULL = null
    bool document;      // JSON without a schema: the value is its text
} Decoded;

// Of a schema in the registry.
typedef struct Framed {
    AvroReader *avro;     // NULL: a JSON Schema,
    const Shape *json;    // of values in JSON
    const Shape *connect; // of Connect's records, in place of the reader's
} Framed;

void decoder_init(Decoder *decoder);
void decoder_release(Decoder *decoder);
// The value is good until `scratch` is reset or the next value of its schema is read; `bytes` must live as long.
// ERR_VALUE: the bytes are not of that format. Others: the registry does not answer.
// A key is JSON only with its schema: else `auto` takes it as text.
CHECKED bool decode_key(Decoder *decoder, DecodeFormat format, Arena *scratch, Slice bytes, Decoded *decoded, Err *err);
CHECKED bool decode(Decoder *decoder, DecodeFormat format, Arena *scratch, Slice bytes, Decoded *decoded, Err *err);

#endif
