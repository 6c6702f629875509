// SPDX-License-Identifier: Apache-2.0
// Schemas of both types through the one door that the registry uses.
#include "core/base/test.h"
#include "data/registry/registry_schema.c"

static Slice text_of(Arena *arena, RegistryType type, const char *text, RegistryForm form) {
    Err err[1] = {{0}};
    RegistrySchema schema = {0};
    CHECK_OK(registry_schema_parse(arena, type, slice_of(text), NULL, 0, form, &schema, err));
    return schema.text;
}

static Arena *fresh(void) {
    static Arena arena[1];
    arena_release(arena);
    arena_init(arena, "test", 0);
    return arena;
}

TEST(avro_text_is_written_as_java_does) {
    static const struct {
        const char *given, *canonical, *normalized;
    } CASES[] = {
        {"{\"type\" : \"string\"}", "\"string\"", "\"string\""},
        {"string", "\"string\"", "\"string\""},
        {"{\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}}", "{\"type\":\"int\",\"logicalType\":\"date\"}",
         "{\"type\":\"int\",\"logicalType\":\"date\"}"},
        {"{\"fields\":[{\"type\":\"string\",\"name\":\"f\",\"order\":\"ascending\",\"z\":1,\"default\":\"d\",\"doc\":"
         "\"D\",\"a\":"
         "{\"y\":1,\"x\":2}}],\"namespace\":\"n.s\",\"name\":\"R\",\"type\":\"record\"}",
         "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n.s\",\"fields\":[{\"name\":\"f\",\"type\":\"string\","
         "\"doc\":\"D\","
         "\"default\":\"d\",\"z\":1,\"a\":{\"y\":1,\"x\":2}}]}",
         "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n.s\",\"fields\":[{\"name\":\"f\",\"type\":\"string\","
         "\"doc\":\"D\","
         "\"default\":\"d\",\"a\":{\"x\":2,\"y\":1},\"z\":1}]}"},
        {"{\"type\":\"record\",\"name\":\"a.R\",\"aliases\":[\"S\",\"b.T\"],\"fields\":[{\"name\":\"next\",\"type\":["
         "\"null\",\"a.R\"],"
         "\"default\":null},{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\",\"Y\"],"
         "\"default\":\"X\"}},"
         "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"b.F\",\"size\":4}},{\"name\":\"y\",\"type\":\"b.F\"}]"
         "}",
         "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a\",\"fields\":[{\"name\":\"next\",\"type\":[\"null\","
         "\"R\"],"
         "\"default\":null},{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\",\"Y\"],"
         "\"default\":\"X\"}},"
         "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"b\",\"size\":4}},{\"name\":\"y\","
         "\"type\":"
         "\"b.F\"}],\"aliases\":[\"S\",\"b.T\"]}",
         NULL},
        {"{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":[\"null\",\"bytes\"]},\"connect.name\":\"m\"}",
         "{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":[\"null\",\"bytes\"]},\"connect.name\":\"m\"}",
         NULL},
    };
    Arena *arena = fresh();
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        CHECK_TEXT(text_of(arena, REGISTRY_AVRO, CASES[i].given, REGISTRY_CANONICAL), CASES[i].canonical);
        CHECK_TEXT(text_of(arena, REGISTRY_AVRO, CASES[i].canonical, REGISTRY_CANONICAL), CASES[i].canonical);
        if (CASES[i].normalized != NULL) {
            CHECK_TEXT(text_of(arena, REGISTRY_AVRO, CASES[i].given, REGISTRY_NORMALIZED), CASES[i].normalized);
        }
    }
}

TEST(avro_schemas_that_are_none) {
    static const struct {
        const char *text, *why;
    } CASES[] = {
        {"{\"type\":\"record\",\"name\":\"R\"}", "no array of fields"},
        {"{\"type\":\"record\",\"fields\":[]}", "without a name"},
        {"\"bogus\"", "'bogus' is not defined"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"nope\"}]}", "in field 'f' of 'R'"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"int\",\"default\":\"x\"}]}",
         "default"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"int\"},{\"name\":\"f\",\"type\":"
         "\"int\"}]}",
         "twice"},
        {"[\"int\",\"int\"]", "twice"},
        {"[\"int\",[\"string\"]]", "union within"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "twice"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}", "not one of its symbols"},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a-b\"]}", "no name"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "size"},
        {"{\"type\":\"record\",\"name\":\"1R\",\"fields\":[]}", "not valid"},
        {"{\"type\":\"record\",\"name\":\"int\",\"fields\":[]}", "Avro's own"},
        {"{\"type\":\"array\"}", "without items"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"int\",\"order\":\"up\"}]}",
         "order"},
        {"{}", "without a type"},
        {"12", "no name, object or array"},
        {"{\"type\":\"record\"", "not JSON"},
        {"[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}]",
         "defined twice"},
    };
    Arena *arena = fresh();
    Err err[1] = {{0}};
    RegistrySchema schema = {0};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        CHECK(!registry_schema_parse(arena, REGISTRY_AVRO, slice_of(CASES[i].text), NULL, 0, REGISTRY_CANONICAL,
                                     &schema, err));
        if (strstr(err->message, CASES[i].why) == NULL ||
            strstr(err->message, "Invalid schema of type AVRO, details: ") != err->message) {
            test_fail(__FILE__, __LINE__, "%s: %s", CASES[i].text, err->message);
        }
        err_clear(err);
    }
}

// --- compatibility ---------------------------------------------------------------------------------------------

static RegistryMessages check(Arena *arena, RegistryType type, RegistryLevel level, const char *schema_text,
                              const char *const *earlier_texts, size_t count) {
    Err err[1] = {{0}};
    RegistrySchema schema = {0};
    RegistryMessages messages = {0};
    RegistryVersionText earlier[4] = {0};
    for (size_t i = 0; i < count; i++) {
        earlier[i] = (RegistryVersionText){type, (int32_t)i + 1, slice_of(earlier_texts[i]), NULL, 0};
    }
    CHECK_OK(registry_schema_parse(arena, type, slice_of(schema_text), NULL, 0, REGISTRY_CANONICAL, &schema, err));
    CHECK_OK(registry_compatible(arena, level, &schema, earlier, count, &messages, err));
    return messages;
}

static bool fits(RegistryLevel level, const char *schema, const char *first, const char *second) {
    const char *earlier[2] = {first, second};
    return check(fresh(), REGISTRY_AVRO, level, schema, earlier, second != NULL ? 2 : 1).count == 0;
}

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"myrecord\",\"fields\":[" fields "]}"
#define F1             "{\"type\":\"string\",\"name\":\"f1\"}"
#define S1             RECORD(F1)
#define S2             RECORD(F1 ",{\"type\":\"string\",\"name\":\"f2\",\"default\":\"foo\"}")
#define S3             RECORD(F1 ",{\"type\":\"string\",\"name\":\"f2\"}")
#define S4             RECORD("{\"type\":\"string\",\"name\":\"f1_new\",\"aliases\":[\"f1\"]}")
#define S6             RECORD("{\"type\":[\"null\",\"string\"],\"name\":\"f1\"}")
#define S7             RECORD("{\"type\":[\"null\",\"string\",\"int\"],\"name\":\"f1\"}")
#define S8                                                                  \
    RECORD(F1 ",{\"type\":\"string\",\"name\":\"f2\",\"default\":\"foo\"}," \
              "{\"type\":\"string\",\"name\":\"f3\",\"default\":\"bar\"}")

TEST(avro_levels) {
    CHECK(fits(LEVEL_BACKWARD, S2, S1, NULL) && !fits(LEVEL_BACKWARD, S3, S1, NULL));
    CHECK(fits(LEVEL_BACKWARD, S4, S1, NULL) && fits(LEVEL_BACKWARD, S6, S1, NULL));
    CHECK(!fits(LEVEL_BACKWARD, S1, S6, NULL) && fits(LEVEL_BACKWARD, S7, S6, NULL));
    CHECK(!fits(LEVEL_BACKWARD, S6, S7, NULL) && fits(LEVEL_BACKWARD, S3, S1, S2));
    CHECK(fits(LEVEL_BACKWARD_TRANSITIVE, S8, S1, S2) && fits(LEVEL_BACKWARD_TRANSITIVE, S2, S1, NULL));
    CHECK(fits(LEVEL_BACKWARD_TRANSITIVE, S3, S2, NULL) && !fits(LEVEL_BACKWARD_TRANSITIVE, S3, S2, S1));
    CHECK(!fits(LEVEL_BACKWARD_TRANSITIVE, S3, S1, S2));
    CHECK(fits(LEVEL_FORWARD, S2, S1, NULL) && fits(LEVEL_FORWARD, S3, S1, NULL));
    CHECK(fits(LEVEL_FORWARD, S3, S2, NULL) && fits(LEVEL_FORWARD, S2, S3, NULL));
    CHECK(fits(LEVEL_FORWARD, S1, S3, S2) && !fits(LEVEL_FORWARD, S1, S3, NULL));
    CHECK(fits(LEVEL_FORWARD_TRANSITIVE, S1, S8, S2) && !fits(LEVEL_FORWARD_TRANSITIVE, S1, S2, S3));
    CHECK(fits(LEVEL_FULL, S2, S1, NULL) && fits(LEVEL_FULL, S3, S1, S2) && fits(LEVEL_FULL, S1, S3, S2));
    CHECK(!fits(LEVEL_FULL, S3, S1, NULL) && !fits(LEVEL_FULL, S1, S3, NULL));
    CHECK(fits(LEVEL_FULL_TRANSITIVE, S8, S1, S2) && fits(LEVEL_FULL_TRANSITIVE, S1, S8, S2));
    CHECK(!fits(LEVEL_FULL_TRANSITIVE, S3, S2, S1) && !fits(LEVEL_FULL_TRANSITIVE, S1, S2, S3));
    CHECK(fits(LEVEL_NONE, "\"int\"", S1, NULL));
}

#define LINKED(name, type)                                                                    \
    "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[{\"name\":\"v\",\"type\":\"" type \
    "\"},{\"name\":\"next\",\"type\":[\"null\",\"" name "\"]}]}"

TEST(avro_reads_what_the_rules_allow) {
    static const struct {
        const char *reader, *writer;
        bool reads;
    } CASES[] = {
        {"\"long\"", "\"int\"", true},
        {"\"int\"", "\"long\"", false},
        {"\"float\"", "\"long\"", true},
        {"\"double\"", "\"float\"", true},
        {"\"float\"", "\"double\"", false},
        {"\"string\"", "\"bytes\"", true},
        {"\"bytes\"", "\"string\"", true},
        {"\"int\"", "\"boolean\"", false},
        {"{\"type\":\"array\",\"items\":\"long\"}", "{\"type\":\"array\",\"items\":\"int\"}", true},
        {"{\"type\":\"map\",\"values\":\"int\"}", "{\"type\":\"map\",\"values\":\"string\"}", false},
        {"{\"type\":\"map\",\"values\":\"int\"}", "{\"type\":\"array\",\"items\":\"int\"}", false},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", "{\"type\":\"fixed\",\"name\":\"n.F\",\"size\":4}", true},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":5}", false},
        {"{\"type\":\"fixed\",\"name\":\"G\",\"size\":4}", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", false},
        {"{\"type\":\"fixed\",\"name\":\"G\",\"aliases\":[\"F\"],\"size\":4}",
         "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", true},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}",
         "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"B\"]}", true},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}",
         "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", false},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"A\"}",
         "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", true},
        {"[\"null\",\"long\"]", "[\"int\",\"null\"]", true},
        {"\"string\"", "[\"string\"]", true},
        {"\"string\"", "[\"null\",\"string\"]", false},
        {"[]", "\"int\"", false},
        {LINKED("R", "long"), LINKED("R", "int"), true},
        {LINKED("R", "int"), LINKED("R", "string"), false},
        {LINKED("R", "int"), LINKED("S", "int"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        if (fits(LEVEL_BACKWARD, CASES[i].reader, CASES[i].writer, NULL) != CASES[i].reads) {
            test_fail(__FILE__, __LINE__, "%s from %s", CASES[i].reader, CASES[i].writer);
        }
    }
}

TEST(avro_messages_are_confluents) {
    const char *earlier[] = {S1};
    RegistryMessages messages = check(fresh(), REGISTRY_AVRO, LEVEL_BACKWARD, S3, earlier, 1);
    CHECK_INT(messages.count, 4);
    CHECK_TEXT(
        slice_of(messages.at[0]),
        "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'f2' at path '/fields/1' in the "
        "new schema has no default value and is missing in the old schema', additionalInfo:'f2'}");
    CHECK_TEXT(slice_of(messages.at[1]), "{oldSchemaVersion: 1}");
    CHECK_TEXT(slice_of(messages.at[2]), "{oldSchema: '" S1 "'}");
    CHECK_TEXT(slice_of(messages.at[3]), "{validateFields: 'false', compatibility: 'BACKWARD'}");
    const char *number[] = {RECORD("{\"type\":\"int\",\"name\":\"f1\"}")};
    messages = check(fresh(), REGISTRY_AVRO, LEVEL_FORWARD, S1, number, 1);
    CHECK_TEXT(slice_of(messages.at[0]),
               "{errorType:'TYPE_MISMATCH', description:'The type (path '/fields/0/type') of a field in the old schema "
               "does not match with the new schema', additionalInfo:'reader type: INT not compatible with writer type: "
               "STRING'}");
    const char *other[] = {"{\"type\":\"record\",\"name\":\"a.Other\",\"fields\":[]}"};
    messages = check(fresh(), REGISTRY_AVRO, LEVEL_BACKWARD, RECORD(""), other, 1);
    CHECK_TEXT(slice_of(messages.at[0]), "{errorType:'NAME_MISMATCH', description:'The name of the schema has changed "
                                         "(path '/name')', additionalInfo:'expected: a.Other'}");
    const char *wider[] = {S7};
    messages = check(fresh(), REGISTRY_AVRO, LEVEL_BACKWARD, S6, wider, 1);
    CHECK_TEXT(
        slice_of(messages.at[0]),
        "{errorType:'MISSING_UNION_BRANCH', description:'The new schema is missing a type inside a union field "
        "at path '/fields/0/type/2' in the old schema', additionalInfo:'reader union lacking writer type: INT'}");
}

TEST(avro_references_are_written_as_names) {
    static const char ADDRESS[] =
        "{\"type\":\"record\",\"name\":\"x.Address\",\"fields\":[{\"name\":\"city\",\"type\":\"string\"}]}";
    Arena *arena = fresh();
    Err err[1] = {{0}};
    RegistrySchema schema = {0};
    RegistryReference reference = {SLICE("x.Address"), SLICE("address"), 1, slice_of(ADDRESS)};
    CHECK_OK(registry_schema_parse(arena, REGISTRY_AVRO,
                                   SLICE("{\"type\":\"record\",\"name\":\"x.Person\",\"fields\":[{\"name\":\"home\","
                                         "\"type\":\"x.Address\"},{\"name\":\"work\",\"type\":\"Address\"}]}"),
                                   &reference, 1, REGISTRY_CANONICAL, &schema, err));
    CHECK_TEXT(schema.text,
               "{\"type\":\"record\",\"name\":\"Person\",\"namespace\":\"x\",\"fields\":[{\"name\":\"home\",\"type\":"
               "\"Address\"},{\"name\":\"work\",\"type\":\"Address\"}]}");
    uint8_t with[REGISTRY_FINGERPRINT_BYTES], without[REGISTRY_FINGERPRINT_BYTES];
    registry_fingerprint(REGISTRY_AVRO, schema.text, &reference, 1, with);
    registry_fingerprint(REGISTRY_AVRO, schema.text, NULL, 0, without);
    CHECK(memcmp(with, without, sizeof(with)) != 0);
    registry_fingerprint(REGISTRY_JSON, schema.text, NULL, 0, with);
    CHECK(memcmp(with, without, sizeof(with)) != 0);
}

TEST(json_text_keeps_its_order_unless_normalized) {
    Arena *arena = fresh();
    static const char TEXT[] = "{ \"type\": \"object\",\n \"properties\": {\"b\": {}, \"a\": true} }";
    CHECK_TEXT(text_of(arena, REGISTRY_JSON, TEXT, REGISTRY_CANONICAL),
               "{\"type\":\"object\",\"properties\":{\"b\":{},\"a\":true}}");
    CHECK_TEXT(text_of(arena, REGISTRY_JSON, TEXT, REGISTRY_NORMALIZED),
               "{\"properties\":{\"a\":true,\"b\":{}},\"type\":\"object\"}");
}

#define CLOSED(properties) "{\"type\":\"object\",\"properties\":{" properties "},\"additionalProperties\":false}"
#define OPEN(properties)   "{\"type\":\"object\",\"properties\":{" properties "}}"

TEST(json_changes) {
    static const struct {
        const char *update, *original, *difference; // NULL: compatible
    } CASES[] = {
        {OPEN("\"a\":{\"type\":\"string\"}"), OPEN(""), "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"},
        {CLOSED("\"a\":{\"type\":\"string\"}"), CLOSED(""), NULL},
        {CLOSED(""), CLOSED("\"a\":{\"type\":\"string\"}"), "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"},
        {OPEN(""), OPEN("\"a\":{\"type\":\"string\"}"), NULL},
        {CLOSED(""), OPEN(""), "ADDITIONAL_PROPERTIES_REMOVED"},
        {OPEN(""), CLOSED(""), NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]}",
         OPEN("\"a\":{\"type\":\"string\"}"), "REQUIRED_ATTRIBUTE_ADDED"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"default\":\"\"}},\"required\":[\"a\"]}",
         OPEN("\"a\":{\"type\":\"string\"}"), NULL},
        {"{\"type\":\"integer\"}", "{\"type\":\"number\"}", "TYPE_NARROWED"},
        {"{\"type\":\"number\"}", "{\"type\":\"integer\"}", NULL},
        {"{\"type\":\"string\"}", "{\"type\":\"number\"}", "TYPE_CHANGED"},
        {"{}", "{\"type\":\"number\"}", NULL},
        {"{\"type\":[\"string\",\"null\"]}", "{\"type\":\"string\"}", NULL},
        {"{\"type\":\"string\"}", "{\"type\":[\"string\",\"null\"]}", "TYPE_CHANGED"},
        {"{\"enum\":[\"a\",\"b\",\"c\"]}", "{\"enum\":[\"b\",\"a\"]}", NULL},
        {"{\"enum\":[\"a\"]}", "{\"enum\":[\"b\",\"a\"]}", "ENUM_ARRAY_NARROWED"},
        {"{\"enum\":[\"a\",\"d\"]}", "{\"enum\":[\"b\",\"a\"]}", "ENUM_ARRAY_CHANGED"},
        {"{\"type\":\"number\",\"maximum\":5}", "{\"type\":\"number\",\"maximum\":6}", "MAXIMUM_DECREASED"},
        {"{\"type\":\"number\",\"maximum\":6.5}", "{\"type\":\"number\",\"maximum\":6}", NULL},
        {"{\"type\":\"number\",\"exclusiveMinimum\":1}", "{\"type\":\"number\"}", "EXCLUSIVE_MINIMUM_ADDED"},
        {"{\"type\":\"number\",\"multipleOf\":10}", "{\"type\":\"number\",\"multipleOf\":5}", "MULTIPLE_OF_EXPANDED"},
        {"{\"type\":\"number\",\"multipleOf\":0.5}", "{\"type\":\"number\",\"multipleOf\":1.5}", NULL},
        {"{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", "{\"type\":\"array\",\"items\":{\"type\":\"number\"}}",
         "TYPE_CHANGED"},
        {"{\"type\":\"array\",\"uniqueItems\":true}", "{\"type\":\"array\"}", "UNIQUE_ITEMS_ADDED"},
        {"{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}", "{\"oneOf\":[{\"type\":\"number\"}]}", NULL},
        {"{\"oneOf\":[{\"type\":\"string\"}]}", "{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"string\"}]}",
         "SUM_TYPE_NARROWED"},
        {"{\"allOf\":[{\"type\":\"object\"},{\"minProperties\":1}]}", "{\"allOf\":[{\"type\":\"object\"}]}",
         "PRODUCT_TYPE_EXTENDED"},
        {"{\"not\":{\"type\":\"string\"}}", "{\"not\":{}}", NULL},
        {"{\"not\":{}}", "{\"not\":{\"type\":\"string\"}}", "NOT_TYPE_EXTENDED"},
        {"{\"const\":1}", "{\"const\":2}", "ENUM_ARRAY_CHANGED"},
        {"{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"n\":{\"$ref\":\"#/$defs/"
         "n\"},\"v\":{"
         "\"type\":\"string\"}}}}}",
         "{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"n\":{\"$ref\":\"#/$defs/"
         "n\"},\"v\":{"
         "\"type\":\"integer\"}}}}}",
         "TYPE_CHANGED"},
        {"{\"type\":\"object\",\"dependentRequired\":{\"a\":[\"b\",\"c\"]}}",
         "{\"type\":\"object\",\"dependentRequired\":{\"a\":[\"b\"]}}", "DEPENDENCY_ARRAY_EXTENDED"},
        {"{\"type\":\"object\",\"properties\":{\"x_a\":{\"type\":\"string\"}},\"patternProperties\":{\"^x_\":{\"type\":"
         "\"string\"}},"
         "\"additionalProperties\":false}",
         "{\"type\":\"object\",\"patternProperties\":{\"^x_\":{\"type\":\"string\"}},\"additionalProperties\":false}",
         NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *earlier[] = {CASES[i].original};
        RegistryMessages messages = check(fresh(), REGISTRY_JSON, LEVEL_BACKWARD, CASES[i].update, earlier, 1);
        bool as_wanted = CASES[i].difference == NULL
                             ? messages.count == 0
                             : messages.count > 0 && strstr(messages.at[0], CASES[i].difference) != NULL;
        if (!as_wanted) {
            test_fail(__FILE__, __LINE__, "%s from %s: %s", CASES[i].update, CASES[i].original,
                      messages.count > 0 ? messages.at[0] : "compatible");
        }
    }
}

TEST(json_messages_are_confluents) {
    const char *earlier[] = {OPEN("\"a\":{\"type\":\"string\"}")};
    RegistryMessages messages = check(fresh(), REGISTRY_JSON, LEVEL_BACKWARD,
                                      OPEN("\"a\":{\"type\":\"number\"},\"b\":{\"type\":\"null\"}"), earlier, 1);
    CHECK_TEXT(slice_of(messages.at[0]),
               "{errorType:\"TYPE_CHANGED\", description:\"A type at path '#/properties/a' is "
               "different between the new schema and the old schema'}");
    CHECK_TEXT(
        slice_of(messages.at[1]),
        "{errorType:\"OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL\", description:\"The new schema has an open "
        "content model and has a property or item at path '#/properties/b' which is missing in the old schema'}");
}

TEST(json_references) {
    static const char ADDRESS[] =
        "{\"$id\":\"http://x/address.json\",\"type\":\"object\",\"definitions\":{\"zip\":{\"type\":\"string\"}}}";
    Arena *arena = fresh();
    Err err[1] = {{0}};
    RegistrySchema schema = {0};
    RegistryReference reference = {SLICE("address.json"), SLICE("address"), 1, slice_of(ADDRESS)};
    static const char *const GOOD[] = {"{\"$ref\":\"address.json\"}",
                                       "{\"$ref\":\"address.json#/definitions/zip\"}",
                                       "{\"$ref\":\"http://x/address.json#\"}",
                                       "{\"$ref\":\"#\"}",
                                       "{\"$defs\":{\"a\":{\"$anchor\":\"here\"}},\"$ref\":\"#here\"}",
                                       "{\"$ref\":\"#/properties/a~1b%25\",\"properties\":{\"a/b%\":true}}"};
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        CHECK_OK(registry_schema_parse(arena, REGISTRY_JSON, slice_of(GOOD[i]), &reference, 1, REGISTRY_CANONICAL,
                                       &schema, err));
    }
    static const char *const BAD[] = {"{\"$ref\":\"other.json\"}",
                                      "{\"$ref\":\"#/definitions/none\"}",
                                      "{\"properties\":{\"a\":{\"$ref\":\"#nowhere\"}}}",
                                      "{\"$dynamicRef\":\"#x\"}",
                                      "{\"type\":\"strin\"}",
                                      "{\"properties\":[]}",
                                      "{\"required\":\"a\"}",
                                      "7",
                                      "{\"allOf\":{}}",
                                      "{\"enum\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        CHECK_FAILS(registry_schema_parse(arena, REGISTRY_JSON, slice_of(BAD[i]), &reference, 1, REGISTRY_CANONICAL,
                                          &schema, err),
                    ERR_VALUE);
    }
}

// Schemas that would take for ever, or all of the stack, are told so.
TEST(hostile_schemas_are_bounded) {
    Arena *arena = fresh();
    Err err[1] = {{0}};
    Buf texts[2] = {{0}};
    for (int t = 0; t < 2; t++) {
        buf_init(&texts[t], 0);
        buf_u8(&texts[t], '[');
        for (int i = 0; i < 3000; i++) { // each refers to the one before it: as deep as there are records
            buf_printf(&texts[t], "%s{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"f\",\"type\":",
                       i > 0 ? "," : "", i);
            if (i > 0) {
                buf_printf(&texts[t], "\"R%d\"", i - 1);
            } else {
                buf_text(&texts[t], t == 0 ? "\"int\"" : "\"string\"");
            }
            buf_text(&texts[t], "}]}");
        }
        buf_u8(&texts[t], ']');
    }
    RegistrySchema schema = {0};
    RegistryMessages messages = {0};
    RegistryVersionText earlier = {REGISTRY_AVRO, 1, buf_slice(&texts[0]), NULL, 0};
    CHECK_OK(
        registry_schema_parse(arena, REGISTRY_AVRO, buf_slice(&texts[1]), NULL, 0, REGISTRY_CANONICAL, &schema, err));
    CHECK_FAILS(registry_compatible(arena, LEVEL_BACKWARD, &schema, &earlier, 1, &messages, err), ERR_MEMORY);
    buf_release(&texts[0]);
    buf_release(&texts[1]);
    Slice large = {arena_alloc(arena, REGISTRY_SCHEMA_BYTES_MAX + 1), REGISTRY_SCHEMA_BYTES_MAX + 1};
    CHECK_FAILS(registry_schema_parse(arena, REGISTRY_AVRO, large, NULL, 0, REGISTRY_CANONICAL, &schema, err),
                ERR_MEMORY);
}
