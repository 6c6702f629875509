// SPDX-License-Identifier: Apache-2.0
// What each kind of column takes, and what it never takes: a value that would be another one there.
#include "flow/sink/iceberg/record_leaf.c"

#include "core/base/test.h"

static Arena arena[1];
static Err err[1];
static const RecordRules RULES = {0};

static Value text(const char *is) {
    return value_bytes(VALUE_STRING, slice_of(is));
}

static Value real(double is) {
    return (Value){.kind = VALUE_FLOAT64, .real = is};
}

static Value decimal(const char *is) {
    Slice bytes = {0};
    CHECK(decimal_from_text(arena, slice_of(is), &bytes));
    return value_bytes(VALUE_DECIMAL, bytes);
}

// Of a record with a schema of that kind; `from` NULL: of one without.
static bool cast(const Shape *from, Shape to, Value value, Value *made) {
    LeafCast leaf = leaf_cast(&RULES, from, &to);
    err_clear(err);
    return leaf_cast_value(&leaf, arena, &value, made, err) && smt_fits(&to, made);
}

static bool refused(Shape to, Value value) {
    Value made;
    return !cast(NULL, to, value, &made) && err->code == ERR_VALUE;
}

#define CHECK_INTEGER(to, value, is)              \
    do {                                          \
        Value made_;                              \
        CHECK(cast(NULL, (to), (value), &made_)); \
        CHECK_INT(made_.integer, (is));           \
    } while (0)

static const Shape INT = {.kind = SHAPE_INT32}, LONG = {.kind = SHAPE_INT64}, FLOAT = {.kind = SHAPE_FLOAT32},
                   DOUBLE = {.kind = SHAPE_FLOAT64}, TEXT = {.kind = SHAPE_STRING}, BYTES = {.kind = SHAPE_BYTES},
                   UUID = {.kind = SHAPE_UUID}, BOOL = {.kind = SHAPE_BOOL}, DATE = {.kind = SHAPE_DATE},
                   TIME = {.kind = SHAPE_TIME}, STAMP = {.kind = SHAPE_TIMESTAMP},
                   STAMPTZ = {.kind = SHAPE_TIMESTAMPTZ}, MONEY = {.kind = SHAPE_DECIMAL, .precision = 6, .scale = 2};

TEST(leaf_whole_numbers_are_never_cut) {
    arena_init(arena, "test", 0);
    CHECK_INTEGER(INT, value_int(INT32_MAX), INT32_MAX);
    CHECK_INTEGER(LONG, text("-9223372036854775808"), INT64_MIN);
    CHECK_INTEGER(LONG, real(4503599627370496.0), INT64_C(4503599627370496));
    CHECK_INTEGER(INT, decimal("12.00"), 12);
    CHECK(refused(INT, value_int(INT64_C(1) + INT32_MAX)) && refused(INT, value_int(INT64_C(-1) + INT32_MIN)));
    CHECK(refused(INT, real(1.5)) && refused(LONG, real(1e19)) && refused(LONG, real(NAN)));
    CHECK(refused(LONG, decimal("1.5")) && refused(LONG, decimal("9223372036854775808")));
    CHECK(refused(LONG, text("1.0")) && refused(LONG, text("")) && refused(INT, value_bool(true)));
    arena_release(arena);
}

TEST(leaf_reals_of_whole_numbers_are_those_numbers) {
    Value made;
    arena_init(arena, "test", 0);
    CHECK(cast(NULL, DOUBLE, value_int(INT64_C(9007199254740992)), &made) && made.real == 9007199254740992.0);
    CHECK(refused(DOUBLE, value_int(INT64_C(9007199254740993)))); // it has no such double
    CHECK(refused(DOUBLE, value_int(INT64_MAX)));                 // 2^63 - 1 would be 2^63
    CHECK(cast(NULL, DOUBLE, value_int(INT64_MIN), &made) && made.real == -9223372036854775808.0);
    CHECK(cast(NULL, FLOAT, value_int(16777216), &made) && made.real == 16777216.0);
    CHECK(refused(FLOAT, value_int(16777217)));
    CHECK(cast(NULL, FLOAT, real(0.1), &made) && made.real == (double)0.1F);
    CHECK(cast(NULL, DOUBLE, text("1.5e3"), &made) && made.real == 1500);
    CHECK(cast(NULL, DOUBLE, decimal("0.1"), &made) && made.real == 0.1);
    CHECK(refused(DOUBLE, text("x")) && refused(DOUBLE, value_bool(false)));
    arena_release(arena);
}

static bool money(Value value, const char *is) {
    Value made;
    DEFER(buf_release) Buf said = {0};
    if (!cast(NULL, MONEY, value, &made)) {
        return false;
    }
    decimal_text(&said, made.bytes);
    return slice_is(buf_slice(&said), is);
}

TEST(leaf_decimals_have_all_digits_or_are_refused) {
    arena_init(arena, "test", 0);
    CHECK(money(decimal("1234.5"), "1234.50") && money(value_int(-9999), "-9999.00") && money(real(0.1), "0.10"));
    CHECK(money(text(" 12.34 "), "12.34") && money(decimal("1.2300"), "1.23"));
    CHECK(refused(MONEY, decimal("1.234")) && refused(MONEY, decimal("10000")) && refused(MONEY, value_int(10000)));
    CHECK(refused(MONEY, real(0.125)) && refused(MONEY, real(1e30)) && refused(MONEY, real(INFINITY)));
    CHECK(refused(MONEY, text("many")) && refused(MONEY, value_bool(true)));
    arena_release(arena);
}

TEST(leaf_texts_of_all_there_is) {
    Value made;
    arena_init(arena, "test", 0);
    CHECK(cast(NULL, TEXT, value_int(-7), &made) && slice_is(made.bytes, "-7"));
    CHECK(cast(NULL, TEXT, value_bool(false), &made) && slice_is(made.bytes, "false"));
    CHECK(cast(NULL, TEXT, real(1.0), &made) && slice_is(made.bytes, "1.0"));
    CHECK(cast(NULL, TEXT, text("ü"), &made) && slice_is(made.bytes, "ü"));
    CHECK(cast(NULL, BYTES, text("AAEC"), &made) && made.bytes.size == 3);
    CHECK(cast(NULL, BYTES, value_bytes(VALUE_BYTES, SLICE("raw")), &made) && slice_is(made.bytes, "raw"));
    CHECK(refused(BYTES, text("$")) && refused(BYTES, value_int(1)));
    CHECK(cast(NULL, UUID, text("00112233-4455-6677-8899-aabbccddeeff"), &made) && made.bytes.size == 16);
    CHECK(refused(UUID, text("00112233")) && refused(UUID, value_int(1)));
    CHECK(cast(NULL, BOOL, text("TRUE"), &made) && made.kind == VALUE_TRUE);
    CHECK(cast(NULL, BOOL, text("yes"), &made) && made.kind == VALUE_FALSE); // as the original has it
    CHECK(refused(BOOL, value_int(1)));
    arena_release(arena);
}

static Shape named(const char *name, ShapeKind kind) {
    ShapeNote *note = ARENA_NEW(arena, ShapeNote);
    *note = (ShapeNote){SLICE("connect.name"), slice_of(arena_printf(arena, "\"%s\"", name))};
    return (Shape){.kind = kind, .notes = note, .note_count = 1};
}

TEST(leaf_dates_and_times_by_what_their_numbers_mean) {
    Value made;
    arena_init(arena, "test", 0);
    Shape day = named("org.apache.kafka.connect.data.Date", SHAPE_INT32);
    Shape nano = named("io.debezium.time.NanoTimestamp", SHAPE_INT64);
    Shape micro = named("io.debezium.time.MicroTime", SHAPE_INT64);
    CHECK(cast(&day, DATE, value_int(10957), &made) && made.integer == 0);
    CHECK(cast(&nano, STAMP, value_int(INT64_C(946684800000001000)), &made) && made.integer == 1);
    CHECK(!cast(&nano, STAMP, value_int(INT64_C(946684800000001001)), &made)); // below a microsecond
    CHECK(cast(&micro, TIME, value_int(INT64_C(86399999999)), &made) && made.integer == INT64_C(86399999999));
    CHECK(!cast(&micro, TIME, value_int(INT64_C(86400000000)), &made) && !cast(&micro, TIME, value_int(-1), &made));
    CHECK_INTEGER(STAMPTZ, value_int(INT64_C(946684800001)), 1000);
    CHECK_INTEGER(STAMPTZ, text("2000-01-01T01:00:00+01:00"), 0);
    CHECK_INTEGER(DATE, text("2000-03-01"), 60);
    CHECK(refused(STAMP, value_int(INT64_MAX)) && refused(DATE, value_int(INT64_C(1) << 40)));
    CHECK(refused(DATE, text("2001-02-29")) && refused(TIME, text("24:00")) && refused(STAMP, real(1)));
    arena_release(arena);
}
