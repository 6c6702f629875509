// SPDX-License-Identifier: Apache-2.0
// Texts as JsonToMapTransform and MongoDebeziumTransform take them apart.
#include "data/connect/smt_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What the tests' helpers call where a check fails.
void test_fail(const char *file, int line, const char *format, ...) {
    panic("%s:%d: a check failed: %s", file, line, format);
}

#define ICEBERG     "org.apache.iceberg.connect.transforms."
#define MONGO(mode) ONE(ICEBERG "MongoDebeziumTransform") ",\"transforms.t.array_handling_mode\":\"" mode "\"}"

static void transformed(TransformChain *chain, ConnectRecord record) {
    Err err[1] = {{0}};
    bool keep = false;
    if (transform_chain_apply(chain, &scratch, &record, &keep, err)) {
        (void)text_of(record.key_shape, record.key);
        (void)text_of(record.value_shape, record.value);
    } else {
        ASSERT(err->code == ERR_VALUE);
    }
    transform_chain_release(chain);
}

static ConnectRecord mongo_record(Slice text) {
    ShapeField *key = ARENA_ARRAY(&run, ShapeField, 1), *top = ARENA_ARRAY(&run, ShapeField, 3);
    key[0] = field("id", SHAPE_STRING, false);
    top[0] = field("before", SHAPE_STRING, true);
    top[1] = field("after", SHAPE_STRING, true);
    top[2] = field("updateDescription", SHAPE_STRING, true);
    Value *items = ARENA_ARRAY(&scratch, Value, 3), *id = ARENA_ARRAY(&scratch, Value, 1);
    *id = value_bytes(VALUE_STRING, SLICE("1"));
    items[1] = value_bytes(VALUE_STRING, text);
    return (ConnectRecord){
        .topic = SLICE("docs"),
        .key_shape = smt_shape_keep(&run, structure("docs.Key", key, 1)),
        .key = smt_value_new(&scratch, (Value){.kind = VALUE_STRUCT, .items = {id, 1}}),
        .value_shape = smt_shape_keep(&run, structure("docs.Envelope", top, 3)),
        .value = smt_value_new(&scratch, (Value){.kind = VALUE_STRUCT, .items = {items, 3}}),
    };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const MODES[] = {MONGO("array"), MONGO("document")};
    Slice text = {data, size};
    setup();
    Value value = value_bytes(VALUE_STRING, text);
    transformed(chain_of(ONE(ICEBERG "JsonToMapTransform") "}"),
                (ConnectRecord){.topic = SLICE("t"), .value_shape = &SMT_STRING, .value = &value});
    for (size_t i = 0; i < ARRAY_LEN(MODES); i++) {
        transformed(chain_of(MODES[i]), mongo_record(text));
    }
    arena_release(&run);
    arena_release(&scratch);
    return 0;
}
