// SPDX-License-Identifier: Apache-2.0
#include "core/config/properties.c" // NOLINT

#include "core/base/test.h"

static Arena scratch;

static Properties parsed(const char *json) {
    Err err[1] = {{0}};
    Properties properties;
    CHECK_OK(properties_parse(&scratch, slice_of(json), &properties, err));
    return properties;
}

static void refused(const char *json) {
    Err err[1] = {{0}};
    Properties properties;
    CHECK_FAILS(properties_parse(&scratch, slice_of(json), &properties, err), ERR_OPTION);
}

TEST(properties_take_scalars_in_their_order) {
    arena_init(&scratch, "scratch", 0);
    Properties properties = parsed("{\"z\":\"text\",\"a\":7,\"b\":true,\"c\":null,\"d\":1.5,\"e\":\"\"}");
    DEFER(buf_release) Buf out = {0};
    properties_json(&out, &properties);
    CHECK_TEXT(buf_slice(&out), "{\"z\":\"text\",\"a\":\"7\",\"b\":\"true\",\"c\":null,\"d\":\"1.5\",\"e\":\"\"}");
    CHECK_TEXT(slice_of(properties_text(&scratch, &properties, "a", "no")), "7");
    CHECK_TEXT(slice_of(properties_text(&scratch, &properties, "c", "no")), "no");
    CHECK(properties_text(&scratch, &properties, "absent", NULL) == NULL);
    arena_release(&scratch);
}

TEST(properties_numbers_stay_as_they_were_written) {
    arena_init(&scratch, "scratch", 0);
    Properties properties = parsed("{\"a\":0.1,\"b\":1e3,\"c\":123456789012345678901234567890,\"d\":-0,\"e\":1.10}");
    DEFER(buf_release) Buf out = {0};
    properties_json(&out, &properties);
    CHECK_TEXT(buf_slice(&out), "{\"a\":\"0.1\",\"b\":\"1e3\",\"c\":\"123456789012345678901234567890\",\"d\":\"-0\","
                                "\"e\":\"1.10\"}");
    arena_release(&scratch);
}

TEST(properties_refuse_what_is_no_flat_list) {
    arena_init(&scratch, "scratch", 0);
    refused("");
    refused("[]");
    refused("\"a\"");
    refused("{");
    refused("{\"a\":{}}");
    refused("{\"a\":[1]}");
    refused("{\"a\":\"1\",\"a\":\"2\"}");
    refused("{\"\":\"1\"}");
    refused("{\"a\":\"\xff\"}");
    refused("{\"a\":\"1\"} x");
    arena_release(&scratch);
}

TEST(properties_change) {
    arena_init(&scratch, "scratch", 0);
    Properties properties = {0};
    properties_set(&scratch, &properties, SLICE("a"), SLICE("1"));
    properties_set(&scratch, &properties, SLICE("b"), SLICE("2"));
    properties_set(&scratch, &properties, SLICE("a"), SLICE("3"));
    CHECK_INT(properties.count, 2);
    properties_remove(&properties, SLICE("a"));
    properties_remove(&properties, SLICE("a"));
    CHECK_INT(properties.count, 1);
    CHECK_TEXT(properties.at[0].name, "b");
    properties = parsed("{\"transforms\":\"u\",\"transforms.u.type\":\"X\",\"transforms.u.\":\"y\"}");
    Properties under = properties_under(&scratch, &properties, SLICE("transforms.u."));
    CHECK_INT(under.count, 1);
    CHECK_TEXT(under.at[0].name, "type");
    arena_release(&scratch);
}

TEST(properties_lists) {
    arena_init(&scratch, "scratch", 0);
    size_t count;
    Slice *items = properties_list(&scratch, SLICE(" a ,b,, c c ,"), &count);
    CHECK_INT(count, 3);
    CHECK_TEXT(items[2], "c c");
    properties_list(&scratch, (Slice){0}, &count);
    CHECK_INT(count, 0);
    arena_release(&scratch);
}
