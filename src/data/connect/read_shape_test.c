// SPDX-License-Identifier: Apache-2.0
#include "data/connect/read_shape.c" // NOLINT

#include "core/base/test.h"
#include "data/format/avro/avro.h"

static const char ORDERS[] =
    "{\"type\":\"record\",\"name\":\"Value\",\"namespace\":\"shop.orders\",\"fields\":["
    "{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"us\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
    "{\"name\":\"price\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":10,\"scale\":2}},"
    "{\"name\":\"note\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"n\",\"type\":\"int\",\"default\":7}]}";

TEST(read_shapes_of_avro_have_connects_names) {
    Err err[1] = {{0}};
    DEFER(arena_release) Arena arena = {.name = "test"};
    AvroReader *reader = NULL;
    CHECK_OK(avro_reader_of(slice_of(ORDERS), true, &reader, err));
    Shape shape = *avro_reader_shape(reader);
    connect_read_shape(&arena, &shape);
    CHECK_TEXT(connect_note(&shape, "connect.name"), "\"shop.orders.Value\"");
    const Shape *at = &shape.fields[0].shape, *us = &shape.fields[1].shape, *price = &shape.fields[2].shape;
    CHECK_INT(at->kind, SHAPE_INT64);
    CHECK_TEXT(connect_note(at, "connect.name"), "\"org.apache.kafka.connect.data.Timestamp\"");
    CHECK_INT(us->kind, SHAPE_INT64);
    CHECK_TEXT(connect_note(us, "connect.name"), "");
    CHECK_INT(price->kind, SHAPE_DECIMAL);
    CHECK_TEXT(connect_note(price, "connect.parameters"), "{\"scale\":\"2\",\"connect.decimal.precision\":\"10\"}");
    CHECK_TEXT(shape.fields[3].default_json, "null");
    CHECK_TEXT(connect_note(&shape.fields[4].shape, "connect.default"), "7");
    avro_reader_close(reader);
}

// A Decimal among bytes, as JSON has it.
static Shape decimal_read(Arena *arena, const char *parameters) {
    Shape shape = {.kind = SHAPE_BYTES};
    connect_describe(arena, &shape, "org.apache.kafka.connect.data.Decimal", 1, parameters, NULL);
    connect_read_shape(arena, &shape);
    return shape;
}

TEST(read_shapes_of_json_decimals) {
    DEFER(arena_release) Arena arena = {.name = "test"};
    Shape known = decimal_read(&arena, "{\"connect.decimal.precision\":\"10\",\"scale\":\"2\"}");
    CHECK_INT(known.kind, SHAPE_DECIMAL);
    CHECK_INT(known.precision, 10);
    CHECK_INT(known.scale, 2);
    Shape open = decimal_read(&arena, "{\"scale\":\"3\"}");
    CHECK_INT(open.kind, SHAPE_BYTES);
    CHECK_INT(open.scale, 3);
    CHECK_TEXT(connect_note(&open, "logicalType"), "\"decimal\"");
    CHECK_TEXT(connect_note(&open, "precision"), "64");
}
