// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.c" // NOLINT

#include "core/base/test.h"

static void check_quote(const char *text, const char *want) {
    DEFER(buf_release) Buf buf = {0};
    json_quote(&buf, slice_of(text));
    CHECK_TEXT(buf_slice(&buf), want);
}

TEST(json_quote_escapes) {
    check_quote("", "\"\"");
    DEFER(buf_release) Buf none = {0};
    json_quote(&none, (Slice){0});
    CHECK_TEXT(buf_slice(&none), "\"\"");
    CHECK(json_utf8_valid((Slice){0}));
    check_quote("plain text of some length", "\"plain text of some length\"");
    check_quote("\"\"", "\"\\\"\\\"\"");
    check_quote("{\"a\": [\"b\", 1], \"c\\d\": \"e\"}", "\"{\\\"a\\\": [\\\"b\\\", 1], \\\"c\\\\d\\\": \\\"e\\\"}\"");
    check_quote("\b\t\n\f\r\x01\x1f\x7f", "\"\\b\\t\\n\\f\\r\\u0001\\u001f\x7f\"");
    check_quote("Grüße 日本 😀", "\"Grüße 日本 😀\"");
    check_quote("\xff broken \xc3", "\"\xef\xbf\xbd broken \xef\xbf\xbd\"");
}

// Each byte alone among plain ones, at every place of a text of each length: as a text of that byte alone.
TEST(json_quote_at_every_place) {
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t alone = (uint8_t)byte;
        DEFER(buf_release) Buf one = {0};
        json_quote(&one, (Slice){&alone, 1});
        for (size_t size = 1; size < 20; size++) {
            for (size_t place = 0; place < size; place++) {
                uint8_t text[20];
                memset(text, 'x', sizeof(text));
                text[place] = alone;
                DEFER(buf_release) Buf got = {0}, want = {0};
                json_quote(&got, (Slice){text, size});
                buf_u8(&want, '"');
                for (size_t i = 0; i < size; i++) {
                    buf_put(&want, i == place ? (Slice){one.data + 1, one.size - 2} : SLICE("x"));
                }
                buf_u8(&want, '"');
                CHECK(slice_equal(buf_slice(&got), buf_slice(&want)));
            }
        }
    }
}

TEST(json_quote_stops_at_a_limit) {
    for (size_t limit = 1; limit < 40; limit++) {
        Buf buf;
        buf_init(&buf, limit);
        json_quote(&buf, SLICE("0123456789\"\x01\xc3\xbc"));
        CHECK(buf.size <= limit && buf.overflow == (limit < 22));
        buf_release(&buf);
    }
}
