// SPDX-License-Identifier: Apache-2.0
#include "data/connect/json_converter.h"
#include "core/base/json.h"
#include "data/connect/column.h"
#include "data/connect/decimal_bytes.h"
#include "data/connect/temporal.h"
#include "data/format/float_text.h"
#include "data/format/json_lines.h"
#include "data/format/text.h"

#include <math.h>

// --- the schema ------------------------------------------------------------------------------------------------

typedef struct KindRow {
    const char *type;
    const char *name; // where the shape has no connect.name; quoted
} KindRow;

static const KindRow KINDS[] = {
    [SHAPE_BOOL] = {"boolean", NULL},
    [SHAPE_INT32] = {"int32", NULL},
    [SHAPE_INT64] = {"int64", NULL},
    [SHAPE_FLOAT32] = {"float", NULL},
    [SHAPE_FLOAT64] = {"double", NULL},
    [SHAPE_DECIMAL] = {"bytes", "\"org.apache.kafka.connect.data.Decimal\""},
    [SHAPE_STRING] = {"string", NULL},
    [SHAPE_BYTES] = {"bytes", NULL},
    [SHAPE_DATE] = {"int32", "\"io.debezium.time.Date\""},
    [SHAPE_TIME] = {"int64", "\"io.debezium.time.MicroTime\""},
    [SHAPE_TIMESTAMP] = {"int64", "\"io.debezium.time.MicroTimestamp\""},
    [SHAPE_TIMESTAMPTZ] = {"string", "\"io.debezium.time.ZonedTimestamp\""},
    [SHAPE_UUID] = {"string", "\"io.debezium.data.Uuid\""},
    [SHAPE_LIST] = {"array", NULL},
    [SHAPE_STRUCT] = {"struct", NULL},
    [SHAPE_MAP] = {"map", NULL},
};

static void put_member(Buf *buf, const char *lead, Slice json) {
    if (json.size > 0) {
        buf_text(buf, lead);
        buf_put(buf, json);
    }
}

static void put_schema(Buf *buf, const Shape *shape, const ShapeField *field);

static void put_inner(Buf *buf, const Shape *shape) {
    if (shape->kind == SHAPE_STRUCT) {
        buf_text(buf, ",\"fields\":[");
        for (uint32_t i = 0; i < shape->field_count; i++) {
            buf_text(buf, i > 0 ? "," : "");
            put_schema(buf, &shape->fields[i].shape, &shape->fields[i]);
        }
        buf_u8(buf, ']');
    } else if (shape->kind == SHAPE_LIST) {
        buf_text(buf, ",\"items\":");
        put_schema(buf, shape->element, NULL);
    } else if (shape->kind == SHAPE_MAP) {
        buf_text(buf, ",\"keys\":{\"type\":\"string\",\"optional\":false},\"values\":");
        put_schema(buf, shape->element, NULL);
    }
}

static void put_schema(Buf *buf, const Shape *shape, const ShapeField *field) {
    const KindRow *row = &KINDS[shape->kind];
    Slice type = connect_note(shape, "connect.type"), name = connect_note(shape, "connect.name");
    Slice version = connect_note(shape, "connect.version"), parameters = connect_note(shape, "connect.parameters");
    if (name.size == 0 && row->name != NULL) {
        name = slice_of(row->name);
        version = SLICE("1");
    }
    buf_text(buf, "{\"type\":");
    if (type.size > 0) {
        buf_put(buf, type);
    } else {
        buf_printf(buf, "\"%s\"", row->type);
    }
    put_inner(buf, shape);
    buf_text(buf, shape->optional ? ",\"optional\":true" : ",\"optional\":false");
    put_member(buf, ",\"name\":", name);
    put_member(buf, ",\"version\":", version);
    put_member(buf, ",\"doc\":", connect_note(shape, "connect.doc"));
    put_member(buf, ",\"parameters\":", parameters);
    if (parameters.size == 0 && shape->kind == SHAPE_DECIMAL) {
        buf_printf(buf, ",\"parameters\":{\"scale\":\"%d\",\"connect.decimal.precision\":\"%d\"}", shape->scale,
                   shape->precision);
    }
    put_member(buf, ",\"default\":", connect_note(shape, "connect.default"));
    if (field != NULL) {
        buf_text(buf, ",\"field\":");
        json_quote(buf, field->name);
    }
    buf_u8(buf, '}');
}

void json_converter_schema(Buf *buf, const Shape *shape) {
    put_schema(buf, shape, NULL);
}

// --- values ----------------------------------------------------------------------------------------------------

static void put_base64(Buf *buf, Slice bytes) {
    static const JsonOptions OPTIONS = {0};
    static const Type TYPE = {.kind = TYPE_BYTES};
    Value value = value_bytes(VALUE_BYTES, bytes);
    json_lines_value(buf, &OPTIONS, &TYPE, &value);
}

// Always with a point or an exponent, as Java prints it: readers then tell it from an integer.
static void put_real(Buf *buf, double number, bool single) {
    buf_text(buf, isfinite(number) ? "" : "\"");
    size_t start = buf->size;
    if (single) {
        float32_text(buf, (float)number);
    } else {
        float64_text(buf, number);
    }
    if (!isfinite(number)) {
        buf_u8(buf, '"');
    } else if (!buf->overflow && memchr(buf->data + start, '.', buf->size - start) == NULL &&
               memchr(buf->data + start, 'e', buf->size - start) == NULL) {
        buf_text(buf, ".0");
    }
}

static void put_decimal(Buf *buf, const Shape *shape, Slice decimal) {
    uint8_t room[16];
    Int128 units;
    bool exact = decimal_to_int128(decimal, shape->scale, &units);
    ASSERT(exact); // a DECIMAL's value fits (data/format/shape.h)
    put_base64(buf, decimal_unscaled_int128(units, room));
}

static void put_items(Buf *buf, const Shape *shape, const Value *value) {
    buf_u8(buf, '[');
    for (size_t i = 0; i < value->items.count; i++) {
        buf_text(buf, i > 0 ? "," : "");
        json_converter_value(buf, shape->element, &value->items.at[i]);
    }
    buf_u8(buf, ']');
}

static void put_map(Buf *buf, const Shape *shape, const Value *value) {
    buf_u8(buf, '{');
    for (size_t i = 0; i + 1 < value->items.count; i += 2) {
        buf_text(buf, i > 0 ? "," : "");
        json_quote(buf, value->items.at[i].bytes);
        buf_u8(buf, ':');
        json_converter_value(buf, shape->element, &value->items.at[i + 1]);
    }
    buf_u8(buf, '}');
}

static void put_uuid(Buf *buf, const Value *value) {
    static const Type TYPE = {.kind = TYPE_UUID};
    buf_u8(buf, '"');
    value_text(buf, &TYPE, value);
    buf_u8(buf, '"');
}

void json_converter_value(Buf *buf, const Shape *shape, const Value *value) {
    if (value->kind == VALUE_NULL) {
        Slice stand_in = connect_note(shape, "connect.default"); // replace.null.with.default=true
        buf_put(buf, stand_in.size > 0 ? stand_in : SLICE("null"));
        return;
    }
    switch (shape->kind) {
    case SHAPE_BOOL:
        buf_text(buf, value->kind == VALUE_TRUE ? "true" : "false");
        return;
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_TIME:
        buf_int(buf, value->integer);
        return;
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
        put_real(buf, value->real, shape->kind == SHAPE_FLOAT32);
        return;
    case SHAPE_DECIMAL:
        put_decimal(buf, shape, value->bytes);
        return;
    case SHAPE_STRING:
        json_quote(buf, value->bytes);
        return;
    case SHAPE_BYTES:
        put_base64(buf, value->bytes);
        return;
    case SHAPE_DATE:
        buf_int(buf, value->integer + CALENDAR_1970_US / INT64_C(86400000000));
        return;
    case SHAPE_TIMESTAMP:
        buf_int(buf, value->integer + CALENDAR_1970_US);
        return;
    case SHAPE_TIMESTAMPTZ:
        buf_u8(buf, '"');
        zoned_timestamp_text(buf, value->integer, 6);
        buf_u8(buf, '"');
        return;
    case SHAPE_UUID:
        put_uuid(buf, value);
        return;
    case SHAPE_LIST:
        put_items(buf, shape, value);
        return;
    case SHAPE_STRUCT:
        json_converter_fields(buf, shape, value->items.at);
        return;
    case SHAPE_MAP:
        put_map(buf, shape, value);
        return;
    }
    UNREACHABLE();
}

void json_converter_fields(Buf *buf, const Shape *shape, const Value *values) {
    if (values == NULL) {
        buf_text(buf, "null");
        return;
    }
    buf_u8(buf, '{');
    for (uint32_t i = 0; i < shape->field_count; i++) {
        buf_text(buf, i > 0 ? "," : "");
        json_quote(buf, shape->fields[i].name);
        buf_u8(buf, ':');
        json_converter_value(buf, &shape->fields[i].shape, &values[i]);
    }
    buf_u8(buf, '}');
}

void json_converter_record(Buf *buf, Slice schema, const Shape *shape, const Value *values) {
    buf_text(buf, "{\"schema\":");
    buf_put(buf, values != NULL ? schema : SLICE("null"));
    buf_text(buf, ",\"payload\":");
    json_converter_fields(buf, shape, values);
    buf_u8(buf, '}');
}
