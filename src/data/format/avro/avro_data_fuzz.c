// SPDX-License-Identifier: Apache-2.0
// One record's bytes under a schema with every kind of type. What is read is written again by our encoder, and read as
// the same values.
#include "data/format/avro/avro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TYPE(name, type)    "{\"name\":\"" name "\",\"type\":" type "},"
#define LOGICAL(type, name) "{\"type\":\"" type "\",\"logicalType\":\"" name "\"}"

static const char SCHEMA[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" TYPE("b", "\"boolean\"")
    TYPE("i", "[\"null\",\"int\"]") TYPE("l", "\"long\"") TYPE("f", "\"float\"") TYPE("s", "[\"string\",\"null\"]")
        TYPE("y", "\"bytes\"") TYPE("d", LOGICAL("int", "date")) TYPE("t", LOGICAL("long", "time-micros"))
            TYPE("ts", LOGICAL("long", "timestamp-millis")) TYPE("lt", LOGICAL("long", "local-timestamp-micros")) TYPE(
                "u", "[\"null\"," LOGICAL("string", "uuid") "]")
                TYPE("n", "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":38,\"scale\":5}") TYPE(
                    "un", "[\"null\",\"int\",\"string\",{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}]")
                    TYPE("a", "{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"map\",\"values\":\"long\"}]}") TYPE(
                        "r", "[\"null\",\"R\"]") "{\"name\":\"z\",\"type\":{\"type\":\"array\",\"items\":\"null\"}}]}";

static void put_file(Buf *file, const char *schema, size_t schema_size, Slice data) {
    buf_text(file, "Obj\x01\x02\x16"
                   "avro.schema");
    buf_zigzag(file, (int64_t)schema_size);
    buf_bytes(file, schema, schema_size);
    buf_text(file, "");
    buf_u8(file, 0);
    buf_text(file, "0123456789ABCDEF");
    buf_zigzag(file, 1);
    buf_zigzag(file, (int64_t)data.size);
    buf_put(file, data);
    buf_text(file, "0123456789ABCDEF");
}

static void check_again(const Shape *shape, const Value *values) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    Buf json, record, file;
    buf_init(&json, 0);
    buf_init(&record, 0);
    buf_init(&file, 0);
    const AvroEncoder *encoder = NULL;
    ASSERT(avro_schema_json(shape, SLICE("R"), &json, err));
    ASSERT(avro_encoder_new(&arena, shape, &encoder, err));
    ASSERT(avro_encode(encoder, values, &record, err));
    put_file(&file, (const char *)json.data, json.size, buf_slice(&record));
    AvroReader *reader = NULL;
    const Value *again = NULL;
    ASSERT(avro_reader_open(buf_slice(&file), &reader, err));
    ASSERT(avro_reader_next(reader, &again, err) && again != NULL);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        ASSERT(value_equal(&values[i], &again[i]));
    }
    avro_reader_close(reader);
    buf_release(&json);
    buf_release(&record);
    buf_release(&file);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Err err[1] = {{0}};
    Buf file;
    buf_init(&file, 0);
    put_file(&file, SCHEMA, sizeof(SCHEMA) - 1, (Slice){data, size});
    AvroReader *reader = NULL;
    const Value *values = NULL;
    ASSERT(avro_reader_open(buf_slice(&file), &reader, err));
    if (avro_reader_next(reader, &values, err)) {
        check_again(avro_reader_shape(reader), values);
    } else {
        ASSERT(err->code == ERR_VALUE);
    }
    avro_reader_close(reader);
    buf_release(&file);
    return 0;
}
