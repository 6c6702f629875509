// SPDX-License-Identifier: Apache-2.0
#include "data/format/json_document.c"

#include "core/base/test.h"

TEST(json_documents_are_taken_only_when_they_are_one_value) {
    static const struct {
        const char *text;
        bool valid;
    } CASES[] = {
        {"null", true},        {" true\n", true},     {"false", true},
        {"-0.5e+7", true},     {"\"\\u00e9\"", true}, {"[]", true},
        {"{}", true},          {"[1,[2,{}]]", true},  {"{\"a\":[],\"a\":1}", true},
        {"[ 1 , 2 ]", true},   {"", false},           {" ", false},
        {"nul", false},        {"01", false},         {"1.", false},
        {"-", false},          {".5", false},         {"1e", false},
        {"[1,]", false},       {"[", false},          {"{\"a\"}", false},
        {"{\"a\":1,}", false}, {"{1:2}", false},      {"[1}", false},
        {"1 2", false},        {"\"\n\"", false},     {"\"\\x\"", false},
        {"\"\\u12\"", false},  {"\"", false},         {"\"\xff\"", false},
        {"NaN", false},        {"{\"a\":1}}", false}, {"[1]]", false},
        {"\"a\"b", false},     {"+1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Buf buf;
        buf_init(&buf, 0);
        if (json_document_write(&buf, slice_of(CASES[i].text)) != CASES[i].valid) {
            test_fail(__FILE__, __LINE__, "%s", CASES[i].text);
        }
        CHECK_INT(buf.size, CASES[i].valid ? strlen(CASES[i].text) : 0);
        buf_release(&buf);
    }
    CHECK(!json_document_write(NULL, (Slice){(const uint8_t *)"1\0", 2}));
}

TEST(json_documents_have_a_depth_limit) {
    static char text[2 * JSON_DOCUMENT_DEPTH_MAX + 4];
    for (size_t depth = JSON_DOCUMENT_DEPTH_MAX - 1; depth <= JSON_DOCUMENT_DEPTH_MAX + 2; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        Buf buf;
        buf_init(&buf, 0);
        // The innermost pair is empty and needs no level.
        CHECK(json_document_write(&buf, (Slice){(const uint8_t *)text, 2 * depth}) ==
              (depth <= JSON_DOCUMENT_DEPTH_MAX + 1));
        buf_release(&buf);
    }
}
