// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/codec.c"
#include "core/base/test.h"
#include "data/format/text.h"

static PgTypes *types;
static Arena arena[1];

static const PgCodec *codec_of(uint32_t oid, int32_t typmod) {
    static Err err[1];
    if (types == NULL) {
        types = pg_types_new();
        arena_init(arena, "test", 0);
    }
    const PgCodec *codec = NULL;
    CHECK_OK(pg_types_codec(types, NULL, oid, typmod, &codec, err));
    return codec;
}

static uint8_t hex_value(char c) {
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

// Spaces are for the reader.
static Slice unhex(const char *hex) {
    uint8_t *data = arena_alloc(arena, strlen(hex));
    size_t digits = 0;
    for (; *hex != '\0'; hex++) {
        if (*hex != ' ') {
            data[digits / 2] = (uint8_t)(data[digits / 2] << 4 | hex_value(*hex));
            digits++;
        }
    }
    return (Slice){data, digits / 2};
}

typedef struct Row {
    uint32_t oid;
    const char *hex;  // NULL: text only
    const char *text; // what PostgreSQL prints; NULL: the bytes are malformed
    const char *ours; // what leat prints, where it differs
} Row;

static const Row ROWS[] = {
#include "flow/source/postgres/codec_rows.inc"
};

static Slice text_of(const PgCodec *codec, const Value *value) {
    Buf buf;
    buf_init(&buf, 0);
    value_text(&buf, &codec->type, value);
    Slice text = arena_slice(arena, buf_slice(&buf));
    buf_release(&buf);
    return text;
}

TEST(every_row_decodes_alike_from_binary_and_text) {
    Err err[1] = {{0}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const PgCodec *codec = codec_of(ROWS[i].oid, -1);
        Value binary = {0}, text = {0};
        if (ROWS[i].hex != NULL && ROWS[i].text == NULL) {
            CHECK_FAILS(pg_decode_binary(codec, unhex(ROWS[i].hex), arena, &binary, err), ERR_VALUE);
            continue;
        }
        const char *want = ROWS[i].ours != NULL ? ROWS[i].ours : ROWS[i].text;
        CHECK_OK(pg_decode_text(codec, slice_of(ROWS[i].text), arena, &text, err));
        CHECK_TEXT(text_of(codec, &text), want);
        if (ROWS[i].hex != NULL) {
            CHECK_OK(pg_decode_binary(codec, unhex(ROWS[i].hex), arena, &binary, err));
            CHECK_TEXT(text_of(codec, &binary), want);
            CHECK(value_equal(&binary, &text));
        }
    }
}

typedef struct BadText {
    uint32_t oid;
    const char *text;
} BadText;

TEST(text_that_is_no_value_is_refused) {
    static const BadText BAD[] = {
        {16, ""},
        {16, "true"},
        {21, "32768"},
        {23, ""},
        {23, "-"},
        {23, "2147483648"},
        {23, "1x"},
        {20, "9223372036854775808"},
        {26, "-1"},
        {5069, "18446744073709551616"},
        {5069, ""},
        {700, "1e39"},
        {701, "0x10"},
        {701, "1e"},
        {701, ""},
        {1700, "1e5"},
        {1700, "."},
        {1700, ""},
        {1700, "1.2.3"},
        {17, "\\x0"},
        {17, "\\xgg"},
        {17, "\\9"},
        {2950, "123"},
        {1560, "2"},
        {3220, "1"},
        {18, "ab"},
        {1082, "2023-02-29"},
        {1082, "2023-13-01"},
        {1082, "5874898-01-01"},
        {1082, "2023-1-01"},
        {1082, "x"},
        {1083, "24:00:01"},
        {1083, "23:60:00"},
        {1083, "1:00:00"},
        {1266, "01:00:00"},
        {1266, "01:00:00+16"},
        {1114, "2023-01-01"},
        {1114, "2023-01-01 00:00:00+00"},
        {1184, "2023-01-01 00:00:00"},
        {1114, "294277-01-01 00:00:00"},
        {1186, ""},
        {1186, "P"},
        {1186, "P1X"},
        {1186, "1 week"},
        {1186, "P9999999999Y"},
        {1007, "1,2"},
        {1007, "{1,2"},
        {1007, "{1,{2}}"},
        {1007, "{{1},{2,3}}"},
        {1007, "{1,2}x"},
        {1007, "{,}"},
        {1007, "{{{{{{{1}}}}}}}"},
        {1009, "{\"a}"},
        {1009, "{\"a\\"},
        {3904, "[1,2"},
        {3904, "1,2"},
        {3904, "[1,2)x"},
        {3904, "(\"1,2)"},
        {4451, "{[1,2),}"},
        {4451, "[1,2)"},
        {22, "1 "},
        {22, "1  2"},
    };
    Err err[1] = {{0}};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        Value value;
        const PgCodec *codec = codec_of(BAD[i].oid, -1);
        if (pg_decode_text(codec, slice_of(BAD[i].text), arena, &value, err)) {
            test_fail(__FILE__, __LINE__, "type %u takes '%s'", BAD[i].oid, BAD[i].text);
        }
        CHECK_INT(err->code, ERR_VALUE);
        err_clear(err);
    }
}

TEST(errors_name_the_type_and_never_the_value) {
    Err err[1] = {{0}};
    Value value;
    CHECK(!pg_decode_text(codec_of(23, -1), SLICE("secret"), arena, &value, err));
    CHECK_TEXT(slice_of(err->message), "a value of type int4: no integer of its range");
}

TEST(type_modifiers_become_precision_and_scale) {
    CHECK_INT(codec_of(1700, -1)->type.precision, 0);
    CHECK_INT(codec_of(1700, ((12 << 16) | 3) + 4)->type.precision, 12);
    CHECK_INT(codec_of(1700, ((12 << 16) | 3) + 4)->type.scale, 3);
    CHECK_INT(codec_of(1700, ((3 << 16) | (-2 & 0x7FF)) + 4)->type.scale, -2);
    CHECK_INT(codec_of(1043, 14)->type.precision, 10);
    CHECK_INT(codec_of(1042, 9)->type.precision, 5);
    CHECK_INT(codec_of(1560, 8)->type.precision, 8);
    CHECK_INT(codec_of(1114, -1)->type.precision, 6);
    CHECK_INT(codec_of(1184, 3)->type.precision, 3);
    CHECK_INT(codec_of(1186, (0x7FFF << 16) | 2)->type.precision, 2);
    CHECK_INT(codec_of(1186, (0x7FFF << 16) | 0xFFFF)->type.precision, 6);
    CHECK_INT(codec_of(1231, ((10 << 16) | 2) + 4)->type.element->precision, 10); // of the elements
    CHECK_INT(codec_of(790, -1)->type.scale, 2);
}

TEST(every_builtin_has_a_text_form_and_a_name) {
    for (uint32_t oid = 1; oid < 7000; oid++) {
        bool array;
        if (pg_builtin_find(oid, &array) != NULL) {
            const PgCodec *codec = codec_of(oid, -1);
            CHECK(codec->text != NULL && codec->oid == oid && codec->type.source_name.size > 0);
            CHECK((codec->type.kind == TYPE_LIST) == (array || oid == 22 || oid == 30));
            CHECK(codec_of(oid, -1) == codec); // cached
        }
    }
    CHECK_TEXT(codec_of(1007, -1)->type.source_name, "int4[]");
}

TEST(an_unknown_type_needs_a_connection) {
    Err err[1] = {{0}};
    const PgCodec *codec;
    CHECK(codec_of(23, -1) != NULL);
    CHECK_FAILS(pg_types_codec(types, NULL, 16385, -1, &codec, err), ERR_NOT_FOUND);
    CHECK(codec_of(2205, -1)->binary == NULL && codec_of(2210, -1)->binary == NULL);
    pg_types_forget(types, 23);
    CHECK(codec_of(23, -1) != NULL);
    pg_types_free(types);
}

static PgCodec composite_of(const PgCodec *const *fields, uint32_t count) {
    Field *type_fields = ARENA_ARRAY(arena, Field, count);
    for (uint32_t i = 0; i < count; i++) {
        type_fields[i] = (Field){SLICE("f"), fields[i]->type};
    }
    return (PgCodec){
        .type = {.kind = TYPE_STRUCT, .source_name = SLICE("addr"), .fields = type_fields, .field_count = count},
        .binary = pg_binary_composite,
        .text = pg_text_composite,
        .fields = fields,
        .field_count = count};
}

TEST(composites_and_hstore_decode_alike) {
    Err err[1] = {{0}};
    const PgCodec *fields[] = {codec_of(25, -1), codec_of(23, -1)};
    PgCodec composite = composite_of(fields, 2);
    Value binary, text;
    CHECK_OK(pg_decode_binary(&composite, unhex("00000002 00000019 00000006 61225c2c2062 00000017 ffffffff"), arena,
                              &binary, err));
    CHECK_OK(pg_decode_text(&composite, SLICE("(\"a\"\"\\\\, b\",)"), arena, &text, err));
    CHECK(value_equal(&binary, &text));
    CHECK_TEXT(text_of(&composite, &binary), "(\"a\"\"\\\\, b\",)");
    CHECK_FAILS(pg_decode_text(&composite, SLICE("(a)"), arena, &text, err), ERR_VALUE);
    CHECK_FAILS(pg_decode_text(&composite, SLICE("(a,1,2)"), arena, &text, err), ERR_VALUE);
    CHECK_FAILS(pg_decode_binary(&composite, unhex("00000001 00000019 00000000"), arena, &binary, err), ERR_VALUE);
    CHECK_FAILS(
        pg_decode_binary(&composite, unhex("00000002 00000019 00000000 00000014 ffffffff"), arena, &binary, err),
        ERR_VALUE);

    PgCodec hstore = {.type = {.kind = TYPE_MAP, .source_name = SLICE("hstore")}};
    CHECK_OK(pg_binary_hstore(&hstore, unhex("00000002 00000001 6b 00000001 22 00000002 6b32 ffffffff"), arena, &binary,
                              err));
    CHECK_OK(pg_text_hstore(&hstore, SLICE("\"k\"=>\"\\\"\", \"k2\"=>NULL"), arena, &text, err));
    CHECK(value_equal(&binary, &text));
    CHECK_TEXT(text_of(&hstore, &binary), "\"k\"=>\"\\\"\", \"k2\"=>NULL");
    CHECK_FAILS(pg_binary_hstore(&hstore, unhex("00000001 ffffffff 00000001 22"), arena, &binary, err), ERR_VALUE);
    CHECK_FAILS(pg_binary_hstore(&hstore, unhex("7fffffff 00000001 22"), arena, &binary, err), ERR_VALUE);
    CHECK_FAILS(pg_text_hstore(&hstore, SLICE("\"k\"=>1"), arena, &text, err), ERR_VALUE);
    CHECK_FAILS(pg_text_hstore(&hstore, SLICE("\"k\"=>\"v\","), arena, &text, err), ERR_VALUE);
}
