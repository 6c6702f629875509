// SPDX-License-Identifier: Apache-2.0
// Keys and values as anybody may put them into a topic: u8 size of the key, the key, the value.
#include "data/format/avro/avro.h"
#include "flow/source/kafka/json_schema_shape.h"
#include "flow/source/kafka/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char AVRO[] =
    "{\"type\":\"record\",\"name\":\"Envelope\",\"fields\":[{\"name\":\"before\",\"type\":[\"null\",{\"type\":"
    "\"record\","
    "\"name\":\"Value\",\"fields\":[{\"name\":\"id\",\"type\":\"int\"},{\"name\":\"n\",\"type\":{\"type\":\"bytes\","
    "\"connect.parameters\":{\"scale\":\"2\"},\"connect.name\":\"org.apache.kafka.connect.data.Decimal\"}},{\"name\":"
    "\"z\","
    "\"type\":[\"null\",{\"type\":\"string\",\"connect.name\":\"io.debezium.time.ZonedTimestamp\"}]}]}]},{\"name\":"
    "\"after\",\"type\":[\"null\",\"Value\"]},{\"name\":\"source\",\"type\":{\"type\":\"record\",\"name\":\"Source\","
    "\"fields\":[{\"name\":\"ts_ms\",\"type\":\"long\"}]}},{\"name\":\"op\",\"type\":\"string\"}]}";

// As a sink connector's converters read it.
static void decode_connect(Slice bytes, Arena *scratch) {
    static const DecodeFormat FORMATS[] = {DECODE_JSON, DECODE_JSON_SCHEMA};
    Decoder decoder;
    decoder_init(&decoder);
    decoder.connect = true;
    for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++) {
        Err err[1] = {{0}};
        Decoded decoded;
        ASSERT(decode(&decoder, FORMATS[i], scratch, bytes, &decoded, err) || err_class(err->code) == ERR_CLASS_DATA);
    }
    decoder_release(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Err err[1] = {{0}};
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    Decoder decoder;
    Framed avro = {0}, json = {0};
    Shape shape;
    Decoded key, value;
    RowsPlan *plan = NULL;
    Event event;
    bool none = false;
    size_t key_size = size > 0 ? MIN((size_t)data[0], size - 1) : 0;
    Slice whole = {data + (size > 0), size - (size > 0)};
    KafkaHeader header = {SLICE("__debezium.oldkey"), {whole.data, key_size}};
    KafkaFetched record = {.key = {key_size > 0 ? whole.data : NULL, key_size},
                           .value = slice_from(whole, key_size),
                           .headers = &header,
                           .header_count = 1};
    RowsOptions options = {.space = SLICE("s"), .table = SLICE("t"), .upsert = size % 2 == 0, .metadata = true};
    decoder_init(&decoder);
    ASSERT(avro_reader_of(slice_of(AVRO), false, &avro.avro, err));
    map_put_u64(&decoder.framed, 1, &avro);
    if (json_schema_shape(&scratch, (Slice){whole.data, key_size}, &(JsonSchemaRules){.connect = (size & 1) != 0},
                          &shape, err)) { // a schema of anybody's, too
        json.json = &shape;
        map_put_u64(&decoder.framed, 2, &json);
    }
    err_clear(err);
    bool ok = decode(&decoder, DECODE_AUTO, &scratch, record.value, &value, err) &&
              decode_key(&decoder, DECODE_AUTO, &scratch, record.key, &key, err) && value.value != NULL &&
              rows_plan_new(&scratch, &options, &key, &value, &plan, err) &&
              rows_event(plan, &scratch, &record, &key, &value, &event, &none, err);
    ASSERT(ok || err->code == ERR_NONE || err_class(err->code) == ERR_CLASS_DATA);
    decoder_release(&decoder);
    decode_connect(record.value, &scratch);
    return 0;
}
