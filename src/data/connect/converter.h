// SPDX-License-Identifier: Apache-2.0
// Converters of Kafka Connect: a key or value into the bytes that topics hold. JsonConverter, StringConverter,
// ByteArrayConverter, the primitive ones, and Confluent's AvroConverter (also under the names of its forks), which asks
// a schema registry.
#ifndef LEAT_DATA_CONNECT_CONVERTER_H
#define LEAT_DATA_CONNECT_CONVERTER_H

#include "core/base/err.h"
#include "core/config/definition.h"
#include "data/connect/connect_record.h"

typedef struct Converter Converter; // one thread at a time

// How a schema gets its id: over HTTP (data/registry has the client's rules, core/net the client), or in a test.
// `subject` and `schema` (Avro JSON) are borrowed. ERR_OPTION with the registry's own message when it refuses.
typedef struct SchemaRegistrar {
    bool (*register_schema)(void *context, Slice subject, Slice schema, int32_t *id, Err *err);
    void *context;
} SchemaRegistrar;

// Of "key.converter" or "value.converter" in `config`, else JsonConverter. `registrar` may be NULL: then Avro is
// refused.
CHECKED bool converter_new(Arena *arena, const Properties *config, bool is_key, const SchemaRegistrar *registrar,
                           Converter **converter, Err *err);
void converter_release(Converter *converter);
// Appends the bytes; *null says that the record's part is null on the wire (nothing is appended).
CHECKED bool converter_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out,
                             bool *null, Err *err);
// Makes sure that the schema has its id, before a record of it is stored: a source worker calls it for each new shape.
CHECKED bool converter_prepare(Converter *converter, Slice topic, const Shape *shape, Err *err);
// What a sink gets that reads with this converter what `written` wrote: the same structs (Avro, JSON with schemas),
// maps without schema (JSON without), text, or bytes.
typedef enum ConverterYield { YIELD_SCHEMA, YIELD_SCHEMALESS, YIELD_STRING, YIELD_BYTES } ConverterYield;
ConverterYield converter_yield(const Converter *reading);
bool converter_is(const Converter *converter, const char *simple_class_name); // "AvroConverter"

#endif
