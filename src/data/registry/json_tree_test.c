// SPDX-License-Identifier: Apache-2.0
#include "core/base/test.h"
#include "data/registry/json_tree.c"

static Slice again(Arena *arena, const char *text, TreeOrder order) {
    Err err[1] = {{0}};
    const JsonNode *root = NULL;
    CHECK_OK(json_tree_parse(arena, slice_of(text), &root, err));
    Buf buf = {0};
    buf_init(&buf, 0);
    json_tree_write(&buf, root, order);
    Slice copy = arena_slice(arena, buf_slice(&buf));
    buf_release(&buf);
    return copy;
}

TEST(json_tree_writes_what_it_read) {
    Arena arena[1];
    arena_init(arena, "test", 0);
    CHECK_TEXT(
        again(arena,
              " { \"b\" : [ 1.50 , -0e+3,\ttrue ],\n \"a\": {\"x\":null, \"\\u00e9\\ud83d\\ude00\":\"\\/\\n\"} } ",
              TREE_AS_WRITTEN),
        "{\"b\":[1.50,-0e+3,true],\"a\":{\"x\":null,\"é😀\":\"/\\n\"}}");
    CHECK_TEXT(again(arena, "{\"b\":{\"d\":1,\"c\":2},\"a\":[]}", TREE_SORTED), "{\"a\":[],\"b\":{\"c\":2,\"d\":1}}");
    Buf many = {0};
    buf_init(&many, 0);
    buf_u8(&many, '{');
    for (int i = 30; i > 0; i--) {
        buf_printf(&many, "\"k%02d\":%d%s", i, i, i > 1 ? "," : "}");
    }
    buf_u8(&many, 0);
    CHECK(memcmp(again(arena, (const char *)many.data, TREE_SORTED).data, "{\"k01\":1,\"k02\":2,", 17) == 0);
    buf_release(&many);
    arena_release(arena);
}

// Texts are looked at eight bytes at a time: at each place of one, and behind each number of them.
TEST(json_tree_sees_each_byte_of_a_text) {
    Arena arena[1];
    arena_init(arena, "test", 0);
    for (size_t size = 1; size < 20; size++) {
        for (size_t at = 0; at < size; at++) {
            Err err[1] = {{0}};
            const JsonNode *root = NULL;
            char text[32] = "\"", want[32] = "";
            memset(text + 1, 'x', size);
            memset(want, 'x', size);
            text[size + 1] = '"';
            CHECK(json_tree_parse(arena, (Slice){(uint8_t *)text, size + 2}, &root, err));
            CHECK_TEXT(root->text, want);
            CHECK(!json_tree_parse(arena, (Slice){(uint8_t *)text, size + 1}, &root, err)); // without its end
            text[1 + at] = 0x1f;
            CHECK(!json_tree_parse(arena, (Slice){(uint8_t *)text, size + 2}, &root, err));
            text[1 + at] = (char)0xff;
            CHECK(!json_tree_parse(arena, (Slice){(uint8_t *)text, size + 2}, &root, err));
            text[1 + at] = '"';
            CHECK(!json_tree_parse(arena, (Slice){(uint8_t *)text, size + 2}, &root, err));
            if (at + 1 < size) {
                memcpy(text + 1 + at, "\\n", 2);
                want[at] = '\n';
                want[size - 1] = '\0';
                CHECK(json_tree_parse(arena, (Slice){(uint8_t *)text, size + 2}, &root, err));
                CHECK_TEXT(root->text, want);
            }
        }
    }
    arena_release(arena);
}

TEST(json_tree_refuses_what_is_no_json) {
    static const char *const TEXTS[] = {"",
                                        "{",
                                        "[1,]",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"ab\":1,\"cd\":2,\"e\":3,\"ab\":4}",
                                        "01",
                                        "1.",
                                        "tru",
                                        "\"\\x\"",
                                        "\"\\ud800\"",
                                        "\"\\udc00x\"",
                                        "[1]]",
                                        "{\"a\" 1}",
                                        "\"a\nb\"",
                                        "\xff",
                                        "-",
                                        "\"abc",
                                        "{1:2}",
                                        "\"\\u12\"",
                                        "nul",
                                        "\"\\"};
    Arena arena[1];
    arena_init(arena, "test", 0);
    Err err[1] = {{0}};
    const JsonNode *root = NULL;
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        CHECK_FAILS(json_tree_parse(arena, slice_of(TEXTS[i]), &root, err), ERR_VALUE);
    }
    CHECK(!json_tree_parse(arena, slice_of("{\"a\":\n  [1, ?]}"), &root, err));
    CHECK(strstr(err->message, "line 2, column 7") != NULL);
    err_clear(err);
    char deep[2 * TREE_DEPTH_MAX + 8];
    memset(deep, '[', sizeof(deep));
    CHECK_FAILS(json_tree_parse(arena, (Slice){(uint8_t *)deep, sizeof(deep)}, &root, err), ERR_VALUE);
    arena_release(arena);
}

TEST(json_tree_compares_by_value) {
    Arena arena[1];
    arena_init(arena, "test", 0);
    Err err[1] = {{0}};
    const JsonNode *a = NULL, *b = NULL, *c = NULL;
    CHECK_OK(json_tree_parse(arena, slice_of("{\"x\":[1.0,\"t\"],\"y\":null}"), &a, err));
    CHECK_OK(json_tree_parse(arena, slice_of("{\"y\":null,\"x\":[1,\"t\"]}"), &b, err));
    CHECK_OK(json_tree_parse(arena, slice_of("{\"y\":null,\"x\":[\"t\",1]}"), &c, err));
    CHECK(json_tree_equal(a, b) && !json_tree_equal(a, c) && !json_tree_equal(a, NULL));
    int64_t number = 0;
    CHECK(!json_tree_int(json_tree_member(a, "x")->first, &number) &&
          json_tree_int(json_tree_member(b, "x")->first, &number));
    arena_release(arena);
}
