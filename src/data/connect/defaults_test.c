// SPDX-License-Identifier: Apache-2.0
#include "data/connect/defaults.c"

#include "core/base/test.h"

static Arena arena[1];

// The default in a schema as JSON; NULL: none.
static void check(Type type, const char *name, const char *expression, const char *want) {
    ConnectColumn column;
    Value value;
    type.source_name = slice_of(name);
    CHECK(connect_column(arena, &COLUMN_DEFAULTS, &type, true, &column));
    bool found = column_default(arena, &column, slice_of(expression), &value);
    CHECK(found == (want != NULL));
    if (found) {
        CHECK_TEXT(column_default_describe(arena, &column.shape, &value), want);
        Slice note = connect_note(&column.shape, "connect.default");
        CHECK_TEXT(note, type.kind == TYPE_DECIMAL ? "\"Bdw=\"" : want);
    }
}

TEST(defaults_of_each_type) {
    arena_init(arena, "scratch", 0);
    const Type int4 = {.kind = TYPE_INT32}, text = {.kind = TYPE_STRING}, bits = {.kind = TYPE_BITS, .precision = 1};
    check(int4, "int4", "42", "42");
    check(int4, "int4", "'-7'::integer", "-7");
    check(int4, "int4", "nextval('dflts_id_seq'::regclass)", "0");
    check(int4, "int4", "NULL::integer", NULL);
    check(int4, "int4", "(1 + 2)", NULL);
    check(int4, "int4", "99999999999", NULL);
    check(text, "text", "'it''s'::text", "\"it's\"");
    check(text, "varchar", "md5((random())::text)", "\"\"");
    check(text, "text", "NULL::text", NULL);
    check(text, "citext", "'a'::citext", NULL);
    check((Type){.kind = TYPE_BOOL}, "bool", "true", "true");
    check((Type){.kind = TYPE_DECIMAL, .precision = 8, .scale = 3}, "numeric", "1.5", "\"\\u0005\xC3\x9C\"");
    check((Type){.kind = TYPE_DECIMAL}, "numeric", "1.5", NULL);
    check((Type){.kind = TYPE_FLOAT64}, "float8", "2.25", "2.25");
    check((Type){.kind = TYPE_DATE}, "date", "'2020-02-29'::date", "18321");
    check((Type){.kind = TYPE_DATE}, "date", "CURRENT_DATE", "0");
    check((Type){.kind = TYPE_DATE}, "date", "'0044-03-15 BC'::date", "-735160");
    check((Type){.kind = TYPE_TIME, .precision = 6}, "time", "'01:02:03.5'::time without time zone", "3723500000");
    check((Type){.kind = TYPE_TIMESTAMP, .precision = 6}, "timestamp",
          "'2020-01-02 03:04:05.678901'::timestamp without time zone", "1577934245678901");
    const Type timestamptz = {.kind = TYPE_TIMESTAMPTZ, .precision = 6};
    check(timestamptz, "timestamptz", "'2021-01-01 02:30:00+02:30'::timestamp with time zone",
          "\"2021-01-01T00:00:00.000000Z\"");
    check(timestamptz, "timestamptz", "now()", "\"1970-01-01T00:00:00.000000Z\"");
    check((Type){.kind = TYPE_INTERVAL, .precision = 6}, "interval", "'1 day'::interval", "86400000000");
    check((Type){.kind = TYPE_INTERVAL, .precision = 6}, "interval", "'P1D'::interval", "86400000000");
    check((Type){.kind = TYPE_INTERVAL, .precision = 6}, "interval", "'P-1DT2H3M4.5S'::interval", "-79015500000");
    check((Type){.kind = TYPE_INTERVAL, .precision = 6}, "interval", "'-1 days +02:03:04.5'::interval", "-79015500000");
    check((Type){.kind = TYPE_UUID}, "uuid", "'00000000-0000-0000-0000-00000000000F'::uuid",
          "\"00000000-0000-0000-0000-00000000000f\"");
    check((Type){.kind = TYPE_JSON}, "jsonb", "'{\"a\": 1}'::jsonb", "\"{\\\"a\\\": 1}\"");
    check(bits, "bit", "B'1'::\"bit\"", "true");
    const Slice labels[] = {SLICE("sad"), SLICE("ok")};
    const Type mood = {.kind = TYPE_ENUM, .labels = labels, .label_count = 2};
    check(mood, "mood", "'ok'::mood", "\"ok\"");
    check(mood, "mood", "'gone'::mood", NULL);
    const Type list = {.kind = TYPE_LIST, .element = &int4};
    check(list, "int4[]", "'{1,2}'::integer[]", NULL);
    check((Type){.kind = TYPE_BYTES}, "bytea", "'\\x0102'::bytea", NULL);
    arena_release(arena);
}
