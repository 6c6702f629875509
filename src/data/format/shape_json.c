// SPDX-License-Identifier: Apache-2.0
#include "data/format/shape_json.h"

#include "core/base/json.h"
#include "data/format/text.h"

#include <math.h>

static const TypeKind TYPES[] = {[SHAPE_FLOAT32] = TYPE_FLOAT32,
                                 [SHAPE_FLOAT64] = TYPE_FLOAT64,
                                 [SHAPE_DECIMAL] = TYPE_DECIMAL,
                                 [SHAPE_DATE] = TYPE_DATE,
                                 [SHAPE_TIME] = TYPE_TIME,
                                 [SHAPE_TIMESTAMP] = TYPE_TIMESTAMP,
                                 [SHAPE_TIMESTAMPTZ] = TYPE_TIMESTAMPTZ,
                                 [SHAPE_UUID] = TYPE_UUID};

static void text_json(Buf *buf, const Shape *shape, const Value *value, bool quoted) {
    Type type = {.kind = TYPES[shape->kind], .precision = shape->kind == SHAPE_DECIMAL ? 0 : 6};
    DEFER(buf_release) Buf text = {0};
    value_text(&text, &type, value);
    if (quoted) {
        json_quote(buf, buf_slice(&text));
    } else {
        buf_put(buf, buf_slice(&text));
    }
}

static void list_json(Buf *buf, const Shape *element, ValueItems items) {
    buf_u8(buf, '[');
    for (size_t i = 0; i < items.count; i++) {
        buf_text(buf, i > 0 ? "," : "");
        shape_value_json(buf, element, &items.at[i]);
    }
    buf_u8(buf, ']');
}

static void struct_json(Buf *buf, const Shape *shape, ValueItems items) {
    buf_u8(buf, '{');
    for (size_t i = 0; i < items.count && i < shape->field_count; i++) {
        buf_text(buf, i > 0 ? "," : "");
        json_quote(buf, shape->fields[i].name);
        buf_u8(buf, ':');
        shape_value_json(buf, &shape->fields[i].shape, &items.at[i]);
    }
    buf_u8(buf, '}');
}

static void map_json(Buf *buf, const Shape *values, ValueItems items) {
    buf_u8(buf, '{');
    for (size_t i = 0; i + 1 < items.count; i += 2) {
        buf_text(buf, i > 0 ? "," : "");
        json_quote(buf, items.at[i].bytes);
        buf_u8(buf, ':');
        shape_value_json(buf, values, &items.at[i + 1]);
    }
    buf_u8(buf, '}');
}

void shape_value_json(Buf *buf, const Shape *shape, const Value *value) {
    if (value_is_absent(value)) {
        buf_text(buf, "null");
        return;
    }
    switch (shape->kind) {
    case SHAPE_BOOL:
        buf_text(buf, value->kind == VALUE_TRUE ? "true" : "false");
        return;
    case SHAPE_INT32:
    case SHAPE_INT64:
        buf_printf(buf, "%" PRId64, value->integer);
        return;
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
        text_json(buf, shape, value, !isfinite(value->real));
        return;
    case SHAPE_STRING:
        json_quote(buf, value->bytes);
        return;
    case SHAPE_BYTES:
        json_base64(buf, value->bytes);
        return;
    case SHAPE_DECIMAL:
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
    case SHAPE_UUID:
        text_json(buf, shape, value, true);
        return;
    case SHAPE_LIST:
        list_json(buf, shape->element, value->items);
        return;
    case SHAPE_STRUCT:
        struct_json(buf, shape, value->items);
        return;
    case SHAPE_MAP:
        map_json(buf, shape->element, value->items);
        return;
    }
    UNREACHABLE();
}
