// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/names.c"

#include "core/base/test.h"

static Arena arena;

static NameOptions options_of(const char *layout) {
    return (NameOptions){.layout = layout,
                         .template_text = "",
                         .topics_dir = "topics",
                         .file_delimiter = "+",
                         .directory_delimiter = "/",
                         .tenant = "",
                         .connector = SLICE("shop"),
                         .pad_width = -1};
}

static const NameLayout *layout_of(const NameOptions *options) {
    Err err[1] = {{0}};
    const NameLayout *layout = NULL;
    CHECK_OK(name_layout_make(&arena, options, &layout, err));
    return layout;
}

static void check_family(const char *space, const char *table, const char *want) {
    NameOptions options = options_of("leat");
    Buf pattern, name;
    buf_init(&pattern, 0);
    buf_init(&name, 0);
    name_pattern(&pattern, layout_of(&options), &(NameParts){SLICE("t"), 0, slice_of(space), slice_of(table), "json"});
    CHECK_TEXT(name_prefix(buf_slice(&pattern)), want);
    CHECK(name_has_hole(buf_slice(&pattern), HOLE_OFFSET) && !name_has_hole(buf_slice(&pattern), HOLE_ID));
    uint64_t offset = 0;
    name_fill(&name, buf_slice(&pattern), &(NameFill){.offset = UINT64_MAX - 1});
    CHECK(name_match(buf_slice(&pattern), buf_slice(&name), &offset) && offset == UINT64_MAX - 1);
    CHECK(!name_match(buf_slice(&pattern), slice_from(buf_slice(&name), 1), &offset));
    name.data[pattern.size - 7] = '2'; // past 64 bits
    CHECK(!name_match(buf_slice(&pattern), buf_slice(&name), &offset));
    buf_release(&name);
    buf_release(&pattern);
}

TEST(objects_names_are_safe_and_distinct) {
    check_family("public", "orders", "public/orders/public.orders-0-");
    check_family("a.b", "c", "a.b/c/a%2Eb.c-0-");
    check_family("a", "b.c", "a/b.c/a.b.c-0-");
    check_family("a%2Eb", "c", "a%252Eb/c/a%252Eb.c-0-");
    check_family("public", "Orders", "public/Orders/public.Orders-0-");
    check_family("", "orders", "orders/orders-0-");
    check_family("..", "a/b", "%2E./a%2Fb/%2E%2E.a%2Fb-0-");
    check_family("p%", "a+b*?", "p%25/a%2Bb%2A%3F/p%25.a%2Bb%2A%3F-0-");
    check_family("p", "a\n\x7f\\", "p/a%0A%7F%5C/p.a%0A%7F%5C-0-");
    check_family("p", "\xc3\xa4\xff", "p/\xc3\xa4%FF/p.\xc3\xa4%FF-0-");
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
            NameOptions options = options_of("leat");
            Slice long_name = {(const uint8_t *)table, 300};
            name_pattern(&bufs[i], layout_of(&options), &(NameParts){SLICE("t"), 0, SLICE("p"), long_name, "json"});
            cut[i] = name_prefix(buf_slice(&bufs[i]));
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

// The pattern of space.table, filled.
static void check_name(const NameOptions *options, const NameFill *fill, const char *extension, const char *want) {
    Buf pattern, name;
    buf_init(&pattern, 0);
    buf_init(&name, 0);
    name_pattern(&pattern, layout_of(options),
                 &(NameParts){SLICE("shop.public.orders"), 0, SLICE("public"), SLICE("orders"), extension});
    name_fill(&name, buf_slice(&pattern), fill);
    CHECK_TEXT(buf_slice(&name), want);
    uint64_t offset = 0;
    CHECK(name_match(buf_slice(&pattern), buf_slice(&name), &offset));
    CHECK(offset == (name_has_hole(buf_slice(&pattern), HOLE_OFFSET) ? fill->offset : UINT64_MAX));
    buf_release(&name);
    buf_release(&pattern);
}

TEST(objects_names_of_each_layout) {
    NameFill fill = {.partition = SLICE("year=2024/month=02"), .offset = 42, .local_s = 1709211600};
    name_id(fill.id, 1709211600123, SLICE("shop"), SLICE("t"), 42);
    NameOptions options = options_of("leat");
    check_name(&options, &fill, "json", "public/orders/public.orders-0-00000000000000000042.json");
    options.partitioned = true;
    check_name(&options, &fill, "snappy.parquet",
               "public/orders/year=2024/month=02/public.orders-0-00000000000000000042.snappy.parquet");
    NameFill bare = {.offset = 42};
    check_name(&options, &bare, "json", "public/orders/public.orders-0-00000000000000000042.json");
    options = options_of("confluent");
    check_name(&options, &fill, "avro", "topics/shop.public.orders/shop.public.orders+0+0000000042.avro");
    options.partitioned = true;
    options.pad_width = 3;
    options.topics_dir = "";
    check_name(&options, &fill, "avro", "shop.public.orders/year=2024/month=02/shop.public.orders+0+042.avro");
    options.topics_dir = "a/b";
    options.file_delimiter = "-";
    options.pad_width = 0;
    check_name(&options, &fill, "avro", "a/b/shop.public.orders/year=2024/month=02/shop.public.orders-0-42.avro");
    options = options_of("harbor");
    options.tenant = "7/8";
    check_name(&options, &fill, "json",
               "tenant-7%2F8/raw/cdc.shop.orders/2024/02/29/13/018df4f3-44fb-75b2-b6c8-264e75b8ab76.json");
    options = options_of("template");
    options.template_text = "x-{connector}/{topic}/{Y}{M}{D}-{offset}.{ext}";
    check_name(&options, &fill, "json", "x-shop/shop.public.orders/20240229-00000000000000000042.json");
}

TEST(objects_names_refuse_templates_that_could_mix_files) {
    static const char *const BAD[] = {"{table}/{offset}",  "{topic}/x",           "{topic}/{offset}/{nothing}",
                                      "{topic}/{offset",   "{topic}/offset}",     "/{topic}/{offset}",
                                      "{topic}//{offset}", "../{topic}/{offset}", "{topic}/{offset}/",
                                      "{topic}/.{offset}", "{topic}\n{offset}"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        Err err[1] = {{0}};
        const NameLayout *layout = NULL;
        NameOptions options = options_of("template");
        options.template_text = BAD[i];
        CHECK_FAILS(name_layout_make(&arena, &options, &layout, err), ERR_OPTION);
    }
    Err err[1] = {{0}};
    const NameLayout *layout = NULL;
    NameOptions options = options_of("template");
    options.template_text = "{topic}/{offset}";
    options.many_parts = true;
    CHECK_FAILS(name_layout_make(&arena, &options, &layout, err), ERR_OPTION);
    options.template_text = "{topic}/{offset}.{ext}";
    options.tombstones = true;
    CHECK_FAILS(name_layout_make(&arena, &options, &layout, err), ERR_OPTION);
    options = options_of("harbor");
    CHECK_FAILS(name_layout_make(&arena, &options, &layout, err), ERR_OPTION);
}

TEST(objects_ids_are_version_7_stable_and_distinct) {
    uint8_t a[16], b[16];
    name_id(a, 0x0123456789ab, SLICE("c"), SLICE("t"), 1);
    name_id(b, 0x0123456789ab, SLICE("c"), SLICE("t"), 1);
    CHECK(memcmp(a, b, 16) == 0 && memcmp(a, "\x01\x23\x45\x67\x89\xab", 6) == 0);
    CHECK((a[6] >> 4) == 7 && (a[8] >> 6) == 2);
    name_id(b, 0x0123456789ab, SLICE("c"), SLICE("t"), 2);
    CHECK(memcmp(a, b, 16) != 0);
    name_id(b, 0x0123456789ab, SLICE("ct"), SLICE(""), 1);
    CHECK(memcmp(a, b, 16) != 0);
}
