// SPDX-License-Identifier: Apache-2.0
#include "data/format/shape_json.c"

#include "core/base/test.h"

static void check(const Shape *shape, Value value, const char *want) {
    DEFER(buf_release) Buf text = {0};
    shape_value_json(&text, shape, &value);
    CHECK_TEXT(buf_slice(&text), want);
}

TEST(shape_json_writes_scalars) {
    check(&(Shape){.kind = SHAPE_BOOL}, value_bool(true), "true");
    check(&(Shape){.kind = SHAPE_INT64}, value_int(-5), "-5");
    check(&(Shape){.kind = SHAPE_INT32}, (Value){.kind = VALUE_NULL}, "null");
    check(&(Shape){.kind = SHAPE_FLOAT64}, (Value){.kind = VALUE_FLOAT64, .real = 0.5}, "0.5");
    check(&(Shape){.kind = SHAPE_FLOAT64}, (Value){.kind = VALUE_FLOAT64, .real = (double)NAN}, "\"NaN\"");
    check(&(Shape){.kind = SHAPE_STRING}, value_bytes(VALUE_STRING, SLICE("a\"b")), "\"a\\\"b\"");
    check(&(Shape){.kind = SHAPE_BYTES}, value_bytes(VALUE_BYTES, SLICE("ab")), "\"YWI=\"");
    check(&(Shape){.kind = SHAPE_DATE}, (Value){.kind = VALUE_DATE, .integer = 1}, "\"2000-01-02\"");
    check(&(Shape){.kind = SHAPE_TIMESTAMPTZ}, (Value){.kind = VALUE_TIMESTAMPTZ, .integer = 1},
          "\"2000-01-01T00:00:00.000001Z\"");
}

TEST(shape_json_writes_what_has_items) {
    Shape number = {.kind = SHAPE_INT64, .optional = true};
    Value items[] = {value_bytes(VALUE_STRING, SLICE("k")), value_int(1)};
    Value numbers[] = {value_int(1), {.kind = VALUE_NULL}};
    ShapeField fields[] = {{.name = SLICE("a"), .shape = number}, {.name = SLICE("b"), .shape = number}};
    check(&(Shape){.kind = SHAPE_MAP, .element = &number}, (Value){.kind = VALUE_MAP, .items = {items, 2}},
          "{\"k\":1}");
    check(&(Shape){.kind = SHAPE_LIST, .element = &number}, (Value){.kind = VALUE_LIST, .items = {numbers, 2}},
          "[1,null]");
    check(&(Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = 2},
          (Value){.kind = VALUE_STRUCT, .items = {numbers, 2}}, "{\"a\":1,\"b\":null}");
}
