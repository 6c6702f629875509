// SPDX-License-Identifier: Apache-2.0
#include "data/connect/json_converter.c"

#include "core/base/test.h"

static void check(Shape shape, Value value, const char *schema, const char *json) {
    Buf buf;
    buf_init(&buf, 0);
    json_converter_schema(&buf, &shape);
    CHECK_TEXT(buf_slice(&buf), schema);
    buf_reset(&buf);
    json_converter_value(&buf, &shape, &value);
    CHECK_TEXT(buf_slice(&buf), json);
    buf_release(&buf);
}

#define KIND(kind_) ((Shape){.kind = (kind_)})

TEST(json_converter_writes_every_kind) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Slice number;
    CHECK(decimal_from_text(&arena, SLICE("-1.5"), &number));
    Shape decimal = {.kind = SHAPE_DECIMAL, .precision = 5, .scale = 2};
    check(decimal, value_bytes(VALUE_DECIMAL, number),
          "{\"type\":\"bytes\",\"optional\":false,\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1,"
          "\"parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"5\"}}",
          "\"/2o=\"");
    check(KIND(SHAPE_FLOAT32), (Value){.kind = VALUE_FLOAT32, .real = 1}, "{\"type\":\"float\",\"optional\":false}",
          "1.0");
    check(KIND(SHAPE_FLOAT64), (Value){.kind = VALUE_FLOAT64, .real = (double)NAN},
          "{\"type\":\"double\",\"optional\":false}", "\"NaN\"");
    check(KIND(SHAPE_DATE), (Value){.kind = VALUE_DATE},
          "{\"type\":\"int32\",\"optional\":false,\"name\":\"io.debezium.time.Date\",\"version\":1}", "10957");
    check(KIND(SHAPE_TIME), (Value){.kind = VALUE_TIME, .integer = 5},
          "{\"type\":\"int64\",\"optional\":false,\"name\":\"io.debezium.time.MicroTime\",\"version\":1}", "5");
    check(KIND(SHAPE_TIMESTAMP), (Value){.kind = VALUE_TIMESTAMP},
          "{\"type\":\"int64\",\"optional\":false,\"name\":\"io.debezium.time.MicroTimestamp\",\"version\":1}",
          "946684800000000");
    check(KIND(SHAPE_TIMESTAMPTZ), (Value){.kind = VALUE_TIMESTAMPTZ},
          "{\"type\":\"string\",\"optional\":false,\"name\":\"io.debezium.time.ZonedTimestamp\",\"version\":1}",
          "\"2000-01-01T00:00:00.000000Z\"");
    check(KIND(SHAPE_UUID), value_bytes(VALUE_UUID, SLICE("0123456789abcdef")),
          "{\"type\":\"string\",\"optional\":false,\"name\":\"io.debezium.data.Uuid\",\"version\":1}",
          "\"30313233-3435-3637-3839-616263646566\"");
    Shape text = {.kind = SHAPE_STRING, .optional = true};
    Value pairs[] = {value_bytes(VALUE_STRING, SLICE("k\"")), {.kind = VALUE_NULL}};
    check((Shape){.kind = SHAPE_MAP, .element = &text}, (Value){.kind = VALUE_MAP, .items = {pairs, 2}},
          "{\"type\":\"map\",\"keys\":{\"type\":\"string\",\"optional\":false},\"values\":{\"type\":\"string\","
          "\"optional\":true},\"optional\":false}",
          "{\"k\\\"\":null}");
    arena_release(&arena);
}

TEST(json_converter_records_carry_their_schema) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    ShapeField fields[] = {{.name = SLICE("a"), .shape = {.kind = SHAPE_INT32}},
                           {.name = SLICE("s"), .shape = {.kind = SHAPE_STRING, .optional = true}}};
    connect_note_add(&arena, &fields[0].shape, "connect.type", SLICE("\"int16\""));
    connect_note_add(&arena, &fields[1].shape, "connect.default", SLICE("\"false\""));
    Shape shape = {.kind = SHAPE_STRUCT, .fields = fields, .field_count = 2};
    connect_describe(&arena, &shape, "x.Value", 3, "{\"p\":\"1\"}", "a doc");
    Buf schema, buf;
    buf_init(&schema, 0);
    buf_init(&buf, 0);
    json_converter_schema(&schema, &shape);
    Value values[] = {value_int(-5), {.kind = VALUE_NULL}};
    json_converter_record(&buf, buf_slice(&schema), &shape, values);
    CHECK_TEXT(buf_slice(&buf),
               "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int16\",\"optional\":false,\"field\":\"a\"},"
               "{\"type\":\"string\",\"optional\":true,\"default\":\"false\",\"field\":\"s\"}],\"optional\":false,"
               "\"name\":\"x.Value\",\"version\":3,\"doc\":\"a doc\",\"parameters\":{\"p\":\"1\"}},"
               "\"payload\":{\"a\":-5,\"s\":\"false\"}}");
    buf_reset(&buf);
    json_converter_record(&buf, buf_slice(&schema), &shape, NULL);
    CHECK_TEXT(buf_slice(&buf), "{\"schema\":null,\"payload\":null}");
    buf_release(&schema);
    buf_release(&buf);
    arena_release(&arena);
}
