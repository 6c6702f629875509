// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/names.c"

#include "core/base/test.h"

static void check_family(const char *space, const char *table, const char *want) {
    Buf buf;
    buf_init(&buf, 0);
    objects_family(&buf, slice_of(space), slice_of(table));
    CHECK_TEXT(buf_slice(&buf), want);
    uint64_t offset = 0;
    Buf name;
    buf_init(&name, 0);
    objects_name(&name, buf_slice(&buf), UINT64_MAX, "json");
    CHECK(objects_name_parse(buf_slice(&name), buf_slice(&buf), "json", &offset) && offset == UINT64_MAX);
    CHECK(!objects_name_parse(buf_slice(&name), buf_slice(&buf), "avro", &offset));
    name.data[buf.size] = '2'; // past 64 bits
    CHECK(!objects_name_parse(buf_slice(&name), buf_slice(&buf), "json", &offset));
    buf_release(&name);
    buf_release(&buf);
}

TEST(objects_names_are_safe_and_distinct) {
    check_family("public", "orders", "public/orders/public.orders+0+");
    check_family("public", "Orders", "public/Orders/public.Orders+0+");
    check_family("", "orders", "orders/orders+0+");
    check_family("..", "a/b", "%2E./a%2Fb/%2E..a%2Fb+0+");
    check_family("p%", "a+b*?", "p%25/a%2Bb%2A%3F/p%25.a%2Bb%2A%3F+0+");
    check_family("p", "a\n\x7f\\", "p/a%0A%7F%5C/p.a%0A%7F%5C+0+");
    check_family("p", "\xc3\xa4\xff", "p/\xc3\xa4%FF/p.\xc3\xa4%FF+0+");
}

TEST(objects_names_that_are_too_long_are_cut_and_stay_distinct) {
    char table[301] = {0};
    for (size_t lead = 0; lead < 8; lead++) { // the cut falls on every place of a character and of an escape
        Slice cut[2];
        Buf bufs[2];
        for (int i = 0; i < 2; i++) {
            memset(table, 'x', lead);
            for (size_t at = lead; at + 3 <= 300; at += 3) {
                memcpy(table + at, at % 2 == 0 ? "\xe2\x82\xac" : "/xx", 3);
            }
            table[299] = (char)('a' + i);
            buf_init(&bufs[i], 0);
            objects_family(&bufs[i], SLICE("p"), (Slice){(const uint8_t *)table, 300});
            cut[i] = buf_slice(&bufs[i]);
            CHECK(json_utf8_valid(cut[i]));
            const uint8_t *slash = memrchr(cut[i].data, '/', cut[i].size);
            CHECK((size_t)(cut[i].data + cut[i].size - slash) <= NAME_BYTES_MAX + 4);
            CHECK(memchr(cut[i].data, '~', cut[i].size) != NULL);
        }
        CHECK(!slice_equal(cut[0], cut[1]));
        buf_release(&bufs[0]);
        buf_release(&bufs[1]);
    }
}
