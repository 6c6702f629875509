// SPDX-License-Identifier: Apache-2.0
#include "data/connect/smt_json_map.c"

#include "data/connect/smt_testing.h"

#define JSON_MAP ONE("org.apache.iceberg.connect.transforms.JsonToMapTransform")

static ConnectRecord text_record(const char *text) {
    ConnectRecord record = {.topic = SLICE("t"), .value_shape = &SMT_STRING};
    record.value = smt_value_new(&scratch, value_bytes(VALUE_STRING, slice_of(text)));
    return record;
}

typedef struct Case {
    const char *text, *value;
} Case;

TEST(json_to_map_types_what_has_one_type) {
    static const Case CASES[] = {
        {"{\"a\":1,\"b\":5000000000,\"c\":1.50,\"d\":true,\"e\":\"x\"}",
         "{\"a\":1,\"b\":5000000000,\"c\":1.5,\"d\":true,\"e\":\"x\"}"},
        {"{\"a\":null,\"b\":{},\"c\":[],\"d\":[[],[]],\"e\":0}", "{\"e\":0}"},
        {"{\"a\":1,\"b\":2,\"a\":\"last\"}", "{\"a\":\"last\",\"b\":2}"},
        {"{\"m\":{\"n\":null,\"i\":-0,\"r\":1e2,\"s\":0.00001,\"t\":\"x\",\"l\":[1, {\"k\":\"\\u001f\\\"\"}]}}",
         "{\"m\":{\"n\":\"null\",\"i\":\"0\",\"r\":\"100.0\",\"s\":\"1.0E-5\",\"t\":\"x\",\"l\":\"[1,{\\\"k\\\":"
         "\\\"\\\\u001F\\\\\\\"\\\"}]\"}}"},
        {"{\"a\":[1,2],\"b\":[1,5000000000],\"c\":[null],\"d\":[1,null]}",
         "{\"a\":[1,2],\"b\":[\"1\",\"5000000000\"],\"c\":[\"null\"],\"d\":[\"1\",\"null\"]}"},
        {"{\"a\":[[1],[2,3]],\"b\":[[1],[\"x\"]],\"c\":[[[1]],[[2]]],\"d\":[[[1]],[[\"x\"]]]}",
         "{\"a\":[[1],[2,3]],\"b\":[[\"1\"],[\"x\"]],\"c\":[[[1]],[[2]]],\"d\":[[\"[1]\"],[\"[\\\"x\\\"]\"]]}"},
        {"{\"a\":[{\"x\":1},{\"y\":[]}]} behind", "{\"a\":[{\"x\":\"1\"},{\"y\":\"[]\"}]}"},
    };
    setup();
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        check_value(JSON_MAP "}", text_record(CASES[i].text), CASES[i].value);
    }
    check_value(JSON_MAP ",\"transforms.t.json.root\":\"true\"}", text_record("{\"a\":{\"b\":[]},\"c\":null}"),
                "{\"payload\":{\"a\":\"{\\\"b\\\":[]}\",\"c\":\"null\"}}");
}

TEST(json_to_map_knows_its_shapes) {
    setup();
    TransformChain *chain = chain_of(JSON_MAP "}");
    ConnectRecord first = text_record("{\"a\":12345678901234567890,\"m\":{\"k\":1}}");
    ConnectRecord again = text_record("{\"a\":12345678901234567891,\"m\":{\"other\":1}}");
    apply(chain, &first);
    apply(chain, &again);
    CHECK(first.value_shape == again.value_shape);
    CHECK(smt_named(&first.value_shape->fields[0].shape, "org.apache.kafka.connect.data.Decimal"));
    Int128 units = 0;
    CHECK(decimal_to_int128(again.value->items.at[0].bytes, 0, &units));
    CHECK(units == (Int128)1234567890123456789 * 10 + 1);
    transform_chain_release(chain);
}

TEST(json_to_map_refuses_what_is_no_object) {
    setup();
    fails(JSON_MAP "}", text_record("[1]"), "no JSON object");
    fails(JSON_MAP "}", text_record(""), "no JSON");
    fails(JSON_MAP "}", text_record("{\"a\":"), "no JSON");
    fails(JSON_MAP "}", text_record("{\"big\":1234567890123456789012345678901234567890}"), "more than 38 digits");
    fails(JSON_MAP "}", plain(1, "a struct"), "no text");
    refused(JSON_MAP ",\"transforms.t.json.root\":\"maybe\"}", "json.root");
}
