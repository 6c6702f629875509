// SPDX-License-Identifier: Apache-2.0
#include "data/connect/smt_mongo.c"

#include "data/connect/smt_testing.h"

#define MONGO ONE("org.apache.iceberg.connect.transforms.MongoDebeziumTransform")

static Value text_or_null(const char *text) {
    return text == NULL ? (Value){.kind = VALUE_NULL} : value_bytes(VALUE_STRING, slice_of(text));
}

static const Shape *described_shape(void) {
    ShapeField *fields = ARENA_ARRAY(&run, ShapeField, 2);
    fields[0] = field("updatedFields", SHAPE_STRING, true);
    fields[1] = field("removedFields", SHAPE_LIST, true);
    fields[1].shape.element = &SMT_STRING;
    Shape shape = structure(NULL, fields, 2);
    shape.optional = true;
    return smt_shape_keep(&run, shape);
}

// `updated` NULL: there is no updateDescription. It removes the field "gone".
static ConnectRecord change(const char *key, const char *before, const char *after, const char *updated) {
    ShapeField *id = ARENA_ARRAY(&run, ShapeField, 1), *top = ARENA_ARRAY(&run, ShapeField, 4);
    id[0] = field("id", SHAPE_STRING, false);
    top[0] = field("before", SHAPE_STRING, true);
    top[1] = field("op", SHAPE_STRING, true);
    top[2] = field("after", SHAPE_STRING, true);
    top[3] = smt_field(SLICE("updateDescription"), described_shape());
    Value *items = ARENA_ARRAY(&scratch, Value, 8);
    items[0] = text_or_null(before);
    items[1] = text_or_null("c");
    items[2] = text_or_null(after);
    items[4] = text_or_null(key);
    items[5] = text_or_null(updated);
    items[6] = (Value){.kind = VALUE_LIST, .items = {&items[7], 1}};
    items[7] = text_or_null("gone");
    items[3] = updated == NULL ? (Value){.kind = VALUE_NULL} : (Value){.kind = VALUE_STRUCT, .items = {&items[5], 2}};
    return (ConnectRecord){
        .topic = SLICE("docs"),
        .key_shape = smt_shape_keep(&run, structure("d.Key", id, 1)),
        .key = smt_value_new(&scratch, (Value){.kind = VALUE_STRUCT, .items = {&items[4], 1}}),
        .value_shape = smt_shape_keep(&run, structure("d.Envelope", top, 4)),
        .value = smt_value_new(&scratch, (Value){.kind = VALUE_STRUCT, .items = {items, 4}}),
    };
}

typedef struct Case {
    const char *document, *value;
} Case;

static void check_documents(const char *config, const Case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ConnectRecord record = change("1", NULL, cases[i].document, NULL);
        TransformChain *chain = chain_of(config);
        apply(chain, &record);
        int32_t after = shape_find(record.value_shape, SLICE("after"));
        CHECK_TEXT(text_of(&record.value_shape->fields[after].shape, &record.value->items.at[after]), cases[i].value);
        transform_chain_release(chain);
    }
}

TEST(mongo_reads_extended_json) {
    static const Case CASES[] = {
        {"{\"_id\":{\"$oid\":\"6516fa5e1d41c81b0c0e6b1A\"}}", "{\"_id\":\"6516fa5e1d41c81b0c0e6b1a\"}"},
        {"{\"a\":1,\"b\":5000000000,\"c\":1.5,\"d\":true,\"e\":null,\"f\":\"x\"}",
         "{\"a\":1,\"b\":5000000000,\"c\":1.5,\"d\":true,\"e\":null,\"f\":\"x\"}"},
        {"{\"a\":{\"$numberInt\":\"1\"},\"b\":{\"$numberLong\":\"2\"},\"c\":{\"$numberDouble\":\"3\"}}",
         "{\"a\":1,\"b\":2,\"c\":3.0}"},
        {"{\"a\":{\"$numberDecimal\":\"12.50\"},\"b\":{\"$numberDecimal\":\"1E+3\"},\"c\":{\"$numberDecimal\":"
         "\"-0.0000001\"},\"d\":{\"$numberDecimal\":\"0.00\"},\"e\":{\"$numberDecimal\":\"12e-3\"},\"f\":{"
         "\"$numberDecimal\":\"-inf\"},\"g\":{\"$numberDecimal\":\"123E4\"}}",
         "{\"a\":\"12.50\",\"b\":\"1E+3\",\"c\":\"-1E-7\",\"d\":\"0.00\",\"e\":\"0.012\",\"f\":\"-Infinity\",\"g\":"
         "\"1.23E+6\"}"},
        {"{\"a\":{\"$date\":0},\"b\":{\"$date\":{\"$numberLong\":\"-1\"}},\"c\":{\"$date\":\"1970-01-01T02:00:00.5+02:"
         "00\"},\"d\":{\"$timestamp\":{\"t\":5,\"i\":1}}}",
         "{\"a\":0,\"b\":-1,\"c\":500,\"d\":5000}"},
        {"{\"a\":{\"$binary\":\"AP8=\",\"$type\":\"00\"},\"b\":{\"$binary\":{\"base64\":\"AP8=\",\"subType\":\"00\"}}}",
         "{\"a\":\"AP8=\",\"b\":\"AP8=\"}"},
        {"{\"a\":{\"$regex\":\"x\",\"$options\":\"i\"},\"b\":{\"$regularExpression\":{\"pattern\":\"y\",\"options\":"
         "\"\"}},\"c\":{\"$code\":\"f()\"},\"d\":{\"$code\":\"g\",\"$scope\":{\"x\":1}}}",
         "{\"a\":{\"regex\":\"x\",\"options\":\"i\"},\"b\":{\"regex\":\"y\",\"options\":\"\"},\"c\":\"f()\",\"d\":{"
         "\"code\":\"g\",\"scope\":{\"x\":1}}}"},
        {"{\"a\":{\"$symbol\":\"s\"},\"b\":{\"$minKey\":1},\"c\":{\"$undefined\":true},\"d\":{\"$ref\":\"x\"}}",
         "{\"d\":{\"$ref\":\"x\"}}"},
        {"{\"a\":[1,2],\"b\":[],\"c\":[[1],[]],\"d\":[null],\"e\":[{\"$date\":1}]}",
         "{\"a\":[1,2],\"b\":[],\"c\":[[1],[]],\"d\":[],\"e\":[1]}"},
        {"{\"a\":[{\"x\":null,\"e\":[]},{\"x\":1,\"y\":{\"z\":2},\"e\":[3]}]}",
         "{\"a\":[{\"x\":null,\"e\":[],\"y\":null},{\"x\":1,\"e\":[3],\"y\":{\"z\":2}}]}"},
    };
    setup();
    // Fields of items stand in the order in which they are first seen; an empty list does not count as seen.
    check_documents(MONGO "}", CASES, ARRAY_LEN(CASES) - 1);
    ConnectRecord record = change("1", NULL, CASES[ARRAY_LEN(CASES) - 1].document, NULL);
    apply(chain_of(MONGO "}"), &record);
    CHECK(contains(text_of(record.value_shape, record.value), "{\"x\":1,\"y\":{\"z\":2},\"e\":[3]}"));
    static const Case PLACES[] = {{"{\"a\":[1,\"x\",{\"k\":2}]}", "{\"a\":{\"_0\":1,\"_1\":\"x\",\"_2\":{\"k\":2}}}"}};
    check_documents(MONGO ",\"transforms.t.array_handling_mode\":\"document\"}", PLACES, ARRAY_LEN(PLACES));
}

TEST(mongo_makes_changes) {
    setup();
    check_value(MONGO "}", change("1", "{\"a\":1}", NULL, NULL),
                "{\"before\":{\"a\":1},\"op\":\"c\",\"updateDescription\":null}");
    ConnectRecord record =
        change("{\"$numberLong\":\"7\"}", "{\"_id\":7,\"gone\":1,\"b\":2}", NULL, "{\"b\":3,\"c\":4}");
    apply(chain_of(MONGO "}"), &record);
    CHECK(contains(text_of(record.value_shape, record.value), "\"after\":{\"_id\":7,\"b\":3,\"c\":4}"));
    CHECK(contains(text_of(record.value_shape, record.value), "\"before\":{\"_id\":7,\"gone\":1,\"b\":2}"));
    CHECK_TEXT(text_of(record.key_shape, record.key), "{\"id\":7}");
    record = change("\"k\"", NULL, NULL, "{\"b\":3}");
    apply(chain_of(MONGO "}"), &record);
    CHECK(contains(text_of(record.value_shape, record.value), "\"after\":{\"b\":3,\"_id\":\"k\"}"));
    record = plain(1, "no envelope");
    apply(chain_of(MONGO "}"), &record);
    CHECK(record.value == NULL && record.key == NULL && record.value_shape == NULL);
}

TEST(mongo_refuses) {
    static const Case CASES[] = {
        {"{\"a\":[1,\"x\"]}", "different types"},
        {"{\"a\":[{\"x\":1},{\"x\":\"y\"}]}", "different types"},
        {"{\"a\":[{\"x\":{\"y\":1}},{\"x\":{\"z\":1}}]}", "is not in the first"},
        {"{\"a\":[{\"$regex\":\"x\",\"$options\":\"\"}]}", "not supported in arrays"},
        {"{\"a\":{\"$oid\":\"xyz\"}}", "no valid $oid"},
        {"{\"a\":{\"$date\":\"then\"}}", "no valid $date"},
        {"{\"a\":{\"$numberDecimal\":\"1.2.3\"}}", "no valid $numberDecimal"},
        {"{\"a\":12345678901234567890}", "more than 64 bits"},
        {"{\"a\":", "no JSON"},
        {"[1]", "no document"},
    };
    setup();
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        fails(MONGO "}", change("1", NULL, CASES[i].document, NULL), CASES[i].value);
    }
    fails(MONGO "}", change("1", NULL, NULL, NULL), "neither before nor after");
    fails(MONGO "}", change("nonsense", NULL, "{}", NULL), "key");
    fails(MONGO "}", envelope("c", NULL, NULL), "Unknown field: ");
    refused(MONGO ",\"transforms.t.array_handling_mode\":\"set\"}", "array_handling_mode");
}
