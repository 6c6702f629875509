// SPDX-License-Identifier: Apache-2.0
#include "data/connect/headers.h"

#include "core/base/decimal.h"
#include "core/base/json.h"
#include "data/connect/json_converter.h"

const Shape *connect_headers_shape(Arena *arena) {
    ShapeField *pair = ARENA_ARRAY(arena, ShapeField, 2);
    pair[0] = (ShapeField){.name = SLICE("key"), .shape = {.kind = SHAPE_STRING}};
    pair[1] = (ShapeField){.name = SLICE("value"), .shape = {.kind = SHAPE_STRING}};
    Shape *element = ARENA_NEW(arena, Shape);
    // A struct without a name has this one in Avro.
    *element = (Shape){.kind = SHAPE_STRUCT,
                       .name = SLICE("io.confluent.connect.avro.ConnectDefault"),
                       .fields = pair,
                       .field_count = 2};
    ShapeField *list = ARENA_NEW(arena, ShapeField);
    *list = (ShapeField){.name = SLICE("headers"), .shape = {.kind = SHAPE_LIST, .element = element}};
    Shape *shape = ARENA_NEW(arena, Shape);
    *shape = (Shape){.kind = SHAPE_STRUCT, .name = SLICE("RecordHeaders"), .fields = list, .field_count = 1};
    return shape;
}

Value connect_header(Arena *arena, Slice name, Slice text) {
    Value *pair = ARENA_ARRAY(arena, Value, 2);
    pair[0] = value_bytes(VALUE_STRING, name);
    pair[1] = value_bytes(VALUE_STRING, text);
    return (Value){.kind = VALUE_STRUCT, .items = {pair, 2}};
}

static void put_text(Buf *buf, const Shape *shape, const Value *value) {
    if (value->kind == VALUE_DECIMAL && shape->kind == SHAPE_DECIMAL) {
        decimal_text(buf, value->bytes);
    } else if (value->kind == VALUE_STRUCT && shape->kind == SHAPE_STRUCT) {
        connect_key_text(buf, shape, value->items.at);
    } else if (value->kind == VALUE_LIST && shape->kind == SHAPE_LIST) {
        buf_u8(buf, '[');
        for (size_t i = 0; i < value->items.count; i++) {
            buf_text(buf, i > 0 ? "," : "");
            put_text(buf, shape->element, &value->items.at[i]);
        }
        buf_u8(buf, ']');
    } else {
        json_converter_value(buf, shape, value);
    }
}

void connect_key_text(Buf *buf, const Shape *shape, const Value *values) {
    buf_u8(buf, '{');
    for (uint32_t i = 0; i < shape->field_count; i++) {
        buf_text(buf, i > 0 ? "," : "");
        json_quote(buf, shape->fields[i].name);
        buf_u8(buf, ':');
        put_text(buf, &shape->fields[i].shape, &values[i]);
    }
    buf_u8(buf, '}');
}

void connect_header_text(Buf *buf, const ConnectHeader *header) {
    static const Shape TEXT = {.kind = SHAPE_STRING};
    const Value *value = header->value;
    const Shape *shape = header->shape != NULL ? header->shape : &TEXT;
    if (value == NULL || value_is_absent(value)) {
        buf_text(buf, "null");
    } else if (value->kind == VALUE_STRING) {
        buf_put(buf, value->bytes);
    } else {
        put_text(buf, shape, value);
    }
}
