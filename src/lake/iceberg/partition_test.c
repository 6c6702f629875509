// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/partition.c"

#include "core/base/test.h"

static Arena arena[1];
static Err err[1];

static Value transformed(const char *transform, Shape source, Value value) {
    PartitionField field = {.name = SLICE("f"), .transform_text = slice_of(transform)};
    CHECK(transform_parse(field.transform_text, &field.transform, &field.width));
    Value result;
    CHECK_OK(transform_value(&field, &source, &value, arena, &result, err));
    return result;
}

static int32_t hash_of(Shape source, Value value) {
    PartitionField field = {.name = SLICE("f"), .transform = TRANSFORM_BUCKET, .width = 1};
    int32_t hash = 0;
    CHECK_OK(bucket_hash(&field, &source, &value, &hash, err));
    return hash;
}

static Value decimal(const char *text) {
    Value value = {.kind = VALUE_DECIMAL};
    CHECK(decimal_from_text(arena, slice_of(text), &value.bytes));
    return value;
}

// The specification's own, Appendix B.
TEST(partition_hash_is_that_of_the_specification) {
    arena_init(arena, "test", 0);
    const Shape long_ = {.kind = SHAPE_INT64}, int_ = {.kind = SHAPE_INT32}, date = {.kind = SHAPE_DATE},
                time = {.kind = SHAPE_TIME}, stamp = {.kind = SHAPE_TIMESTAMP}, zoned = {.kind = SHAPE_TIMESTAMPTZ},
                text = {.kind = SHAPE_STRING}, uuid = {.kind = SHAPE_UUID}, bytes = {.kind = SHAPE_BYTES},
                money = {.kind = SHAPE_DECIMAL, .precision = 9, .scale = 2};
    CHECK_INT(hash_of(int_, value_int(34)), 2017239379);
    CHECK_INT(hash_of(long_, value_int(34)), 2017239379);
    CHECK_INT(hash_of(money, decimal("14.20")), -500754589);
    CHECK_INT(hash_of(date, (Value){.kind = VALUE_DATE, .integer = 17486 - EPOCH_DAYS}), -653330422);
    CHECK_INT(hash_of(time, (Value){.kind = VALUE_TIME, .integer = INT64_C(81068000000)}), -662762989);
    const int64_t at = INT64_C(1510871468000000) - EPOCH_US;
    CHECK_INT(hash_of(stamp, (Value){.kind = VALUE_TIMESTAMP, .integer = at}), -2047944441);
    CHECK_INT(hash_of(zoned, (Value){.kind = VALUE_TIMESTAMPTZ, .integer = at}), -2047944441);
    CHECK_INT(hash_of(stamp, (Value){.kind = VALUE_TIMESTAMP, .integer = at + 1}), -1207196810);
    CHECK_INT(hash_of(text, value_bytes(VALUE_STRING, SLICE("iceberg"))), 1210000089);
    CHECK_INT(hash_of(uuid, value_bytes(VALUE_UUID, SLICE("\xf7\x9c>\tg|K\xbd\xa4y?4\x9c\xb7\x85\xe7"))), 1488055340);
    CHECK_INT(hash_of(bytes, value_bytes(VALUE_BYTES, SLICE("\0\1\2\3"))), -188683207);
    CHECK_INT(transformed("bucket[16]", long_, value_int(34)).integer, 2017239379 % 16);
    CHECK_INT(transformed("bucket[100]", money, decimal("14.20")).integer, (-500754589 & INT32_MAX) % 100);
    CHECK(transformed("bucket[16]", long_, (Value){.kind = VALUE_NULL}).kind == VALUE_NULL);
    arena_release(arena);
}

TEST(partition_truncate_goes_towards_the_past) {
    arena_init(arena, "test", 0);
    const Shape int_ = {.kind = SHAPE_INT32}, long_ = {.kind = SHAPE_INT64}, text = {.kind = SHAPE_STRING},
                bytes = {.kind = SHAPE_BYTES}, money = {.kind = SHAPE_DECIMAL, .precision = 9, .scale = 2};
    CHECK_INT(transformed("truncate[10]", int_, value_int(1)).integer, 0);
    CHECK_INT(transformed("truncate[10]", int_, value_int(-1)).integer, -10);
    CHECK_INT(transformed("truncate[10]", long_, value_int(-10)).integer, -10);
    CHECK_INT(transformed("truncate[10]", long_, value_int(INT64_MAX)).integer, INT64_C(9223372036854775800));
    CHECK_INT(transformed("truncate[10]", int_, value_int(INT32_MIN)).integer, 2147483646); // Java goes round, too
    CHECK_TEXT(transformed("truncate[3]", text, value_bytes(VALUE_STRING, SLICE("iceberg"))).bytes, "ice");
    CHECK_TEXT(transformed("truncate[2]", text, value_bytes(VALUE_STRING, SLICE("\xc3\xa4\xf0\x9f\x98\x80x"))).bytes,
               "\xc3\xa4\xf0\x9f\x98\x80");
    CHECK_TEXT(transformed("truncate[9]", text, value_bytes(VALUE_STRING, SLICE("ice"))).bytes, "ice");
    CHECK_INT(transformed("truncate[2]", bytes, value_bytes(VALUE_BYTES, SLICE("\1\2\3"))).bytes.size, 2);
    Buf out;
    buf_init(&out, 0);
    decimal_text(&out, transformed("truncate[50]", money, decimal("10.65")).bytes);
    buf_u8(&out, ' ');
    decimal_text(&out, transformed("truncate[50]", money, decimal("-0.05")).bytes);
    CHECK_TEXT(buf_slice(&out), "10.50 -0.50");
    buf_release(&out);
    arena_release(arena);
}

TEST(partition_times_are_floored) {
    arena_init(arena, "test", 0);
    const Shape date = {.kind = SHAPE_DATE}, stamp = {.kind = SHAPE_TIMESTAMP};
    const Value before = {.kind = VALUE_TIMESTAMP, .integer = -EPOCH_US - 1}; // 1969-12-31T23:59:59.999999
    CHECK_INT(transformed("year", stamp, before).integer, -1);
    CHECK_INT(transformed("month", stamp, before).integer, -1);
    CHECK_INT(transformed("day", stamp, before).integer, -EPOCH_DAYS - 1);
    CHECK(transformed("day", stamp, before).kind == VALUE_DATE);
    CHECK_INT(transformed("hour", stamp, before).integer, -1);
    const Value later = {.kind = VALUE_TIMESTAMP, .integer = INT64_C(1510871468000001) - EPOCH_US};
    CHECK_INT(transformed("year", stamp, later).integer, 47);
    CHECK_INT(transformed("month", stamp, later).integer, 574);
    CHECK_INT(transformed("day", stamp, later).integer + EPOCH_DAYS, 17486);
    CHECK_INT(transformed("hour", stamp, later).integer, 419686);
    const Value day = {.kind = VALUE_DATE, .integer = 17486 - EPOCH_DAYS};
    CHECK_INT(transformed("year", date, day).integer, 47);
    CHECK_INT(transformed("month", date, day).integer, 574);
    CHECK_INT(transformed("day", date, day).integer, day.integer);
    CHECK_INT(transformed("month", date, (Value){.kind = VALUE_DATE, .integer = -EPOCH_DAYS - 365}).integer, -12);
    CHECK_INT(transformed("identity", date, day).integer, day.integer);
    CHECK(transformed("void", date, day).kind == VALUE_NULL);
    arena_release(arena);
}

TEST(partition_transforms_take_what_the_specification_says) {
    static const struct {
        ShapeKind kind;
        const char *takes; // identity, bucket, truncate, year, month, day, hour
    } ROWS[] = {
        {SHAPE_BOOL, "i"},     {SHAPE_INT32, "ibt"},   {SHAPE_INT64, "ibt"},        {SHAPE_FLOAT32, "i"},
        {SHAPE_FLOAT64, "i"},  {SHAPE_DECIMAL, "ibt"}, {SHAPE_STRING, "ibt"},       {SHAPE_BYTES, "ibt"},
        {SHAPE_DATE, "ibymd"}, {SHAPE_TIME, "ib"},     {SHAPE_TIMESTAMP, "ibymdh"}, {SHAPE_TIMESTAMPTZ, "ibymdh"},
        {SHAPE_UUID, "ib"},    {SHAPE_LIST, ""},       {SHAPE_STRUCT, ""},          {SHAPE_MAP, ""}};
    static const char *const NAMES[] = {"identity", "bucket[2]", "truncate[2]", "year", "month", "day", "hour"};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        for (size_t j = 0; j < ARRAY_LEN(NAMES); j++) {
            PartitionField field = {.name = SLICE("f"), .transform_text = slice_of(NAMES[j])};
            CHECK(transform_parse(field.transform_text, &field.transform, &field.width));
            Shape source = {.kind = ROWS[i].kind, .precision = 9}, result;
            bool taken = transform_shape(&field, &source, &result, err);
            if (taken != (strchr(ROWS[i].takes, NAMES[j][0]) != NULL)) {
                test_fail(__FILE__, __LINE__, "%s of %s", NAMES[j], shape_kind_name(ROWS[i].kind));
            }
            err_clear(err);
        }
    }
    TransformKind kind;
    int32_t width;
    CHECK(!transform_parse(SLICE("bucket[0]"), &kind, &width) && kind == TRANSFORM_OTHER);
    CHECK(!transform_parse(SLICE("bucket[]"), &kind, &width));
    CHECK(!transform_parse(SLICE("bucket"), &kind, &width));
    CHECK(!transform_parse(SLICE("bucket[9999999999]"), &kind, &width));
    CHECK(!transform_parse(SLICE("truncate[-1]"), &kind, &width));
    CHECK(!transform_parse(SLICE("Day"), &kind, &width));
}
