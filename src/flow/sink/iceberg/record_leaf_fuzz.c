// SPDX-License-Identifier: Apache-2.0
// Texts of records, as any column may be asked to take them.
#include "data/connect/java_text.h"

#include "core/base/calendar.h"
#include "flow/sink/iceberg/record_leaf.h"

#include "data/connect/smt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void column_take(Arena *arena, Shape to, Slice text) {
    static const RecordRules RULES = {0};
    Err err[1] = {{0}};
    Value value = value_bytes(VALUE_STRING, text), made;
    LeafCast cast = leaf_cast(&RULES, NULL, &to);
    if (leaf_cast_value(&cast, arena, &value, &made, err)) {
        ASSERT(smt_fits(&to, &made));
    } else {
        ASSERT(err->code == ERR_VALUE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const Shape COLUMNS[] = {
        {.kind = SHAPE_BOOL},    {.kind = SHAPE_INT32},     {.kind = SHAPE_INT64},
        {.kind = SHAPE_FLOAT32}, {.kind = SHAPE_FLOAT64},   {.kind = SHAPE_DECIMAL, .precision = 38, .scale = 9},
        {.kind = SHAPE_STRING},  {.kind = SHAPE_BYTES},     {.kind = SHAPE_DATE},
        {.kind = SHAPE_TIME},    {.kind = SHAPE_TIMESTAMP}, {.kind = SHAPE_TIMESTAMPTZ},
        {.kind = SHAPE_UUID},    {.kind = SHAPE_LIST}};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    Slice text = {data, size};
    int64_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(COLUMNS); i++) {
        column_take(&arena, COLUMNS[i], text);
    }
    if (text_date(text, &at)) {
        ASSERT(at >= CALENDAR_DAY_MIN && at < CALENDAR_DAY_END);
    }
    if (text_time(text, &at)) {
        ASSERT(at >= 0 && at < CALENDAR_DAY_US);
    }
    return 0;
}
