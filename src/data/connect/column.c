// SPDX-License-Identifier: Apache-2.0
#include "data/connect/column.h"
#include "core/base/calendar.h"
#include "core/base/json.h"
#include "data/connect/decimal_bytes.h"
#include "data/connect/geometry.h"
#include "data/connect/temporal.h"
#include "data/format/flat.h"
#include "data/format/text.h"

#define UNAVAILABLE "__debezium_unavailable_value"

typedef enum Form {
    FORM_COPY, // as it is
    FORM_BOOL,
    FORM_INT32,
    FORM_TEXT,          // leat's text form
    FORM_DECIMAL,       // Decimal of at most 38 digits
    FORM_DECIMAL_BYTES, // Decimal of any number of digits
    FORM_VARIABLE,      // VariableScaleDecimal
    FORM_DATE,
    FORM_TIME_MS,
    FORM_TIME_US,
    FORM_TIMESTAMP_MS,
    FORM_TIMESTAMP_US,
    FORM_ZONED_TIMESTAMP,
    FORM_ZONED_TIME,
    FORM_DURATION,
    FORM_BIT,  // bit(1)
    FORM_BITS, // little-endian
    FORM_HSTORE,
    FORM_RANGE,
    FORM_VECTOR,
    FORM_HALF_VECTOR,
    FORM_LIST,
    FORM_LIST_STRICT, // whose elements cannot be NULL
    FORM_GEOMETRY,    // + Geometry
} Form;

typedef struct NameRow {
    const char *source; // the type's own name, without its schema
    Form form;
    ShapeKind shape;
    const char *name; // of the Connect schema; NULL = none
    bool in_lists;
} NameRow;

// Types whose values are strings with leat. Those that are not here Debezium leaves out.
static const NameRow STRINGS[] = {
    {"text", FORM_COPY, SHAPE_STRING, NULL, true},
    {"varchar", FORM_COPY, SHAPE_STRING, NULL, true},
    {"bpchar", FORM_COPY, SHAPE_STRING, NULL, true},
    {"char", FORM_COPY, SHAPE_STRING, NULL, true},
    {"name", FORM_COPY, SHAPE_STRING, NULL, false},
    {"citext", FORM_COPY, SHAPE_STRING, NULL, true},
    {"inet", FORM_COPY, SHAPE_STRING, NULL, true},
    {"cidr", FORM_COPY, SHAPE_STRING, NULL, true},
    {"macaddr", FORM_COPY, SHAPE_STRING, NULL, true},
    {"macaddr8", FORM_COPY, SHAPE_STRING, NULL, true},
    {"xml", FORM_COPY, SHAPE_STRING, "io.debezium.data.Xml", false},
    {"ltree", FORM_COPY, SHAPE_STRING, "io.debezium.data.Ltree", true},
    {"tsvector", FORM_COPY, SHAPE_STRING, "io.debezium.data.Tsvector", false},
    {"point", (Form)(FORM_GEOMETRY + GEOMETRY_POINT), SHAPE_STRUCT, NULL, false},
    {"line", (Form)(FORM_GEOMETRY + GEOMETRY_LINE), SHAPE_STRUCT, NULL, false},
    {"lseg", (Form)(FORM_GEOMETRY + GEOMETRY_LSEG), SHAPE_STRUCT, NULL, false},
    {"box", (Form)(FORM_GEOMETRY + GEOMETRY_BOX), SHAPE_STRUCT, NULL, false},
    {"path", (Form)(FORM_GEOMETRY + GEOMETRY_PATH), SHAPE_STRUCT, NULL, false},
    {"polygon", (Form)(FORM_GEOMETRY + GEOMETRY_POLYGON), SHAPE_STRUCT, NULL, false},
    {"circle", (Form)(FORM_GEOMETRY + GEOMETRY_CIRCLE), SHAPE_STRUCT, NULL, false},
    {"geometry", (Form)(FORM_GEOMETRY + GEOMETRY_POSTGIS), SHAPE_STRUCT, NULL, false},
    {"geography", (Form)(FORM_GEOMETRY + GEOMETRY_GEOGRAPHY), SHAPE_STRUCT, NULL, false},
    {"vector", FORM_VECTOR, SHAPE_LIST, "io.debezium.data.DoubleVector", false},
    {"halfvec", FORM_HALF_VECTOR, SHAPE_LIST, "io.debezium.data.FloatVector", false},
};

typedef struct KindRow {
    Form form;
    ShapeKind shape;
    ValueKind value;
    const char *name;
    bool known;
    bool in_lists;
} KindRow;

// The rest, by leat's kind of type; strings, numbers and times are refined below.
static const KindRow KINDS[TYPE_KIND_COUNT] = {
    [TYPE_BOOL] = {FORM_BOOL, SHAPE_BOOL, VALUE_TRUE, NULL, true, true},
    [TYPE_INT16] = {FORM_INT32, SHAPE_INT32, VALUE_INT, NULL, true, true},
    [TYPE_INT32] = {FORM_INT32, SHAPE_INT32, VALUE_INT, NULL, true, true},
    [TYPE_INT64] = {FORM_COPY, SHAPE_INT64, VALUE_INT, NULL, true, true},
    [TYPE_UINT32] = {FORM_COPY, SHAPE_INT64, VALUE_INT, NULL, true, true}, // oid only
    [TYPE_FLOAT32] = {FORM_COPY, SHAPE_FLOAT32, VALUE_FLOAT32, NULL, true, true},
    [TYPE_FLOAT64] = {FORM_COPY, SHAPE_FLOAT64, VALUE_FLOAT64, NULL, true, true},
    [TYPE_DECIMAL] = {FORM_VARIABLE, SHAPE_STRUCT, VALUE_DECIMAL, NULL, true, true},
    [TYPE_STRING] = {FORM_COPY, SHAPE_STRING, VALUE_STRING, NULL, true, true},
    [TYPE_BYTES] = {FORM_COPY, SHAPE_BYTES, VALUE_BYTES, NULL, true, true},
    [TYPE_DATE] = {FORM_DATE, SHAPE_INT32, VALUE_DATE, "io.debezium.time.Date", true, true},
    [TYPE_TIME] = {FORM_TIME_US, SHAPE_INT64, VALUE_TIME, "io.debezium.time.MicroTime", true, true},
    [TYPE_TIMETZ] = {FORM_ZONED_TIME, SHAPE_STRING, VALUE_TIMETZ, "io.debezium.time.ZonedTime", true, true},
    [TYPE_TIMESTAMP] = {FORM_TIMESTAMP_US, SHAPE_INT64, VALUE_TIMESTAMP, "io.debezium.time.MicroTimestamp", true, true},
    [TYPE_TIMESTAMPTZ] = {FORM_ZONED_TIMESTAMP, SHAPE_STRING, VALUE_TIMESTAMPTZ, "io.debezium.time.ZonedTimestamp",
                          true, true},
    [TYPE_INTERVAL] = {FORM_DURATION, SHAPE_INT64, VALUE_INTERVAL, "io.debezium.time.MicroDuration", true, false},
    [TYPE_UUID] = {FORM_TEXT, SHAPE_STRING, VALUE_UUID, "io.debezium.data.Uuid", true, true},
    [TYPE_JSON] = {FORM_COPY, SHAPE_STRING, VALUE_STRING, "io.debezium.data.Json", true, true},
    [TYPE_ENUM] = {FORM_COPY, SHAPE_STRING, VALUE_STRING, "io.debezium.data.Enum", true, true},
    [TYPE_BITS] = {FORM_BITS, SHAPE_BYTES, VALUE_BITS, "io.debezium.data.Bits", true, false},
    [TYPE_LIST] = {FORM_LIST, SHAPE_LIST, VALUE_LIST, NULL, true, false},
    [TYPE_MAP] = {FORM_HSTORE, SHAPE_STRING, VALUE_MAP, "io.debezium.data.Json", true, false},
    [TYPE_RANGE] = {FORM_RANGE, SHAPE_STRING, VALUE_RANGE, NULL, true, true},
};

// --- notes -----------------------------------------------------------------------------------------------------

void connect_note_add(Arena *arena, Shape *shape, const char *name, Slice json) {
    ShapeNote *notes = ARENA_ARRAY(arena, ShapeNote, (size_t)shape->note_count + 1);
    if (shape->note_count > 0) {
        memcpy(notes, shape->notes, shape->note_count * sizeof(*notes));
    }
    notes[shape->note_count] = (ShapeNote){slice_of(name), json};
    shape->notes = notes;
    shape->note_count++;
}

static Slice quoted(Arena *arena, Slice text) {
    Buf buf;
    buf_init(&buf, 0);
    json_quote(&buf, text);
    Slice json = arena_slice(arena, buf_slice(&buf));
    buf_release(&buf);
    return json;
}

void connect_describe(Arena *arena, Shape *shape, const char *name, int version, const char *parameters,
                      const char *doc) {
    if (doc != NULL) {
        connect_note_add(arena, shape, "connect.doc", quoted(arena, slice_of(doc)));
    }
    connect_note_add(arena, shape, "connect.version", slice_of(arena_printf(arena, "%d", version)));
    if (parameters != NULL) {
        connect_note_add(arena, shape, "connect.parameters", slice_of(parameters));
    }
    connect_note_add(arena, shape, "connect.name", quoted(arena, slice_of(name)));
}

Slice connect_note(const Shape *shape, const char *name) {
    for (uint32_t i = 0; i < shape->note_count; i++) {
        if (slice_is(shape->notes[i].name, name)) {
            return shape->notes[i].json;
        }
    }
    return (Slice){0};
}

// --- shapes ----------------------------------------------------------------------------------------------------

static bool named(const Type *type, const char *name) {
    Slice own = type->source_name;
    for (size_t i = own.size; i-- > 0;) {
        if (own.data[i] == '.') {
            own = slice_from(own, i + 1);
            break;
        }
    }
    return slice_is(own, name);
}

static const NameRow *string_row(const Type *type) {
    for (size_t i = 0; i < ARRAY_LEN(STRINGS); i++) {
        if (named(type, STRINGS[i].source)) {
            return &STRINGS[i];
        }
    }
    return NULL;
}

static const char *decimal_parameters(Arena *arena, int64_t scale, int64_t precision) {
    return precision > 0
               ? arena_printf(arena, "{\"scale\":\"%" PRId64 "\",\"connect.decimal.precision\":\"%" PRId64 "\"}", scale,
                              precision)
               : arena_printf(arena, "{\"scale\":\"%" PRId64 "\"}", scale);
}

// A Decimal that no shape of ours says: its bytes, and in the notes what makes Avro's logical type of them.
static void decimal_bytes(Arena *arena, int64_t scale, int64_t precision, ConnectColumn *column) {
    column->form = FORM_DECIMAL_BYTES;
    Shape *shape = &column->shape;
    shape->kind = SHAPE_BYTES;
    shape->scale = (int32_t)scale; // for FORM_DECIMAL_BYTES
    connect_note_add(arena, shape, "scale", slice_of(arena_printf(arena, "%" PRId64, scale)));
    connect_note_add(arena, shape, "precision",
                     slice_of(arena_printf(arena, "%" PRId64, precision > 0 ? precision : 64)));
    connect_describe(arena, shape, "org.apache.kafka.connect.data.Decimal", 1,
                     decimal_parameters(arena, scale, precision), NULL);
    connect_note_add(arena, shape, "logicalType", SLICE("\"decimal\""));
}

static void variable_decimal(Arena *arena, ConnectColumn *column) {
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, 2);
    fields[0] = (ShapeField){.name = SLICE("scale"), .shape = {.kind = SHAPE_INT32}};
    fields[1] = (ShapeField){.name = SLICE("value"), .shape = {.kind = SHAPE_BYTES}};
    column->shape.kind = SHAPE_STRUCT;
    column->shape.name = SLICE("io.debezium.data.VariableScaleDecimal");
    column->shape.fields = fields;
    column->shape.field_count = 2;
    connect_describe(arena, &column->shape, "io.debezium.data.VariableScaleDecimal", 1, NULL,
                     "Variable scaled decimal");
}

static void decimal_column(Arena *arena, const Type *type, ConnectColumn *column) {
    int64_t precision = type->precision, scale = type->scale;
    if (named(type, "money")) {
        decimal_bytes(arena, scale, 0, column);
    } else if (precision <= 0) {
        variable_decimal(arena, column);
    } else {
        precision = scale < 0 ? precision - scale : precision;
        scale = MAX(scale, 0);
        if (precision > 38 || scale > precision) {
            decimal_bytes(arena, scale, precision, column);
            return;
        }
        column->form = FORM_DECIMAL;
        column->shape.kind = SHAPE_DECIMAL;
        column->shape.precision = (int32_t)precision;
        column->shape.scale = (int32_t)scale;
        connect_describe(arena, &column->shape, "org.apache.kafka.connect.data.Decimal", 1,
                         decimal_parameters(arena, scale, precision), NULL);
    }
}

static const char *enum_parameters(Arena *arena, const Type *type) {
    Buf labels;
    buf_init(&labels, 0);
    for (uint32_t i = 0; i < type->label_count; i++) {
        buf_text(&labels, i > 0 ? "," : "");
        buf_put(&labels, type->labels[i]);
    }
    Slice json = quoted(arena, buf_slice(&labels));
    buf_release(&labels);
    return arena_printf(arena, "{\"allowed\":%.*s}", SLICE_ARG(json));
}

static void bits_column(Arena *arena, const Type *type, ConnectColumn *column) {
    if (type->precision == 1 && named(type, "bit")) {
        column->form = FORM_BIT;
        column->shape.kind = SHAPE_BOOL;
        return;
    }
    connect_describe(arena, &column->shape, "io.debezium.data.Bits", 1,
                     arena_printf(arena, "{\"length\":\"%d\"}", type->precision > 0 ? type->precision : INT32_MAX),
                     NULL);
}

static bool list_column(Arena *arena, const Type *type, ConnectColumn *column) {
    const Type *element = type->element;
    ConnectColumn *inner = ARENA_NEW(arena, ConnectColumn);
    const NameRow *row = element == NULL || element->kind != TYPE_STRING ? NULL : string_row(element);
    if (element == NULL || !KINDS[element->kind].in_lists || (row != NULL && !row->in_lists) ||
        named(element, "money") || named(type, "int2vector") || named(type, "oidvector") ||
        !connect_column(arena, element, element->kind != TYPE_ENUM, inner)) {
        return false;
    }
    column->element = inner;
    column->shape.element = &inner->shape;
    column->form = element->kind == TYPE_ENUM ? FORM_LIST_STRICT : FORM_LIST;
    return true;
}

static bool string_column(Arena *arena, const Type *type, ConnectColumn *column) {
    const NameRow *row = string_row(type);
    if (row == NULL) {
        return false;
    }
    bool optional = column->shape.optional;
    column->form = (uint8_t)row->form;
    column->shape.kind = row->shape;
    if (row->form >= FORM_GEOMETRY) {
        column->shape = geometry_shape(arena, (Geometry)(row->form - FORM_GEOMETRY));
        column->shape.optional = optional;
    } else if (row->form == FORM_VECTOR || row->form == FORM_HALF_VECTOR) {
        Shape *element = ARENA_NEW(arena, Shape);
        *element = (Shape){.kind = row->form == FORM_VECTOR ? SHAPE_FLOAT64 : SHAPE_FLOAT32};
        column->shape.element = element;
    }
    if (row->name != NULL) {
        connect_describe(arena, &column->shape, row->name, 1, NULL, NULL);
    }
    return true;
}

// Up to milliseconds there is a type of its own.
static bool milliseconds(Arena *arena, const Type *type, ConnectColumn *column) {
    if (type->precision > 3 || (type->kind != TYPE_TIME && type->kind != TYPE_TIMESTAMP)) {
        return false;
    }
    column->form = type->kind == TYPE_TIME ? FORM_TIME_MS : FORM_TIMESTAMP_MS;
    column->shape.kind = type->kind == TYPE_TIME ? SHAPE_INT32 : SHAPE_INT64;
    connect_describe(arena, &column->shape,
                     type->kind == TYPE_TIME ? "io.debezium.time.Time" : "io.debezium.time.Timestamp", 1, NULL, NULL);
    return true;
}

static void unavailable_set(Arena *arena, ConnectColumn *column);
static Value zero_value(Arena *arena, const Shape *shape);

static void zero_set(Arena *arena, ConnectColumn *column) {
    column->zero = zero_value(arena, &column->shape);
    const char *text = column->type->kind == TYPE_JSON || column->form == FORM_HSTORE ? "{}"
                       : column->form == FORM_ZONED_TIME                              ? "00:00:00Z"
                       : column->type->kind == TYPE_UUID ? "00000000-0000-0000-0000-000000000000"
                                                         : NULL;
    if (column->form == FORM_ZONED_TIMESTAMP) {
        Buf buf;
        buf_init(&buf, 0);
        zoned_timestamp_text(&buf, -CALENDAR_1970_US, column->type->precision);
        column->zero = value_bytes(VALUE_STRING, arena_slice(arena, buf_slice(&buf)));
        buf_release(&buf);
    } else if (text != NULL) {
        column->zero = value_bytes(VALUE_STRING, slice_of(text));
    }
}

bool connect_column(Arena *arena, const Type *type, bool optional, ConnectColumn *column) {
    const KindRow *row = type->kind < TYPE_KIND_COUNT ? &KINDS[type->kind] : NULL;
    if (row == NULL || !row->known || (type->kind == TYPE_UINT32 && !named(type, "oid"))) {
        return false;
    }
    if ((type->kind == TYPE_RANGE && type->element == NULL) ||
        (type->kind == TYPE_MAP && type->element != NULL && type->element->kind != TYPE_STRING)) {
        return false;
    }
    *column = (ConnectColumn){.form = (uint8_t)row->form, .value = (uint8_t)row->value, .type = type};
    column->shape = (Shape){.kind = row->shape, .optional = optional};
    const char *name = milliseconds(arena, type, column) ? NULL : row->name, *parameters = NULL;
    if (type->kind == TYPE_STRING && !string_column(arena, type, column)) {
        return false;
    }
    if (type->kind == TYPE_LIST && !list_column(arena, type, column)) {
        return false;
    }
    if (type->kind == TYPE_DECIMAL) {
        decimal_column(arena, type, column);
    } else if (type->kind == TYPE_INT16) {
        connect_note_add(arena, &column->shape, "connect.type", SLICE("\"int16\""));
    } else if (type->kind == TYPE_ENUM) {
        parameters = enum_parameters(arena, type);
    } else if (type->kind == TYPE_BITS) {
        bits_column(arena, type, column);
        name = NULL;
    }
    if (name != NULL) {
        connect_describe(arena, &column->shape, name, 1, parameters, NULL);
    }
    zero_set(arena, column);
    unavailable_set(arena, column);
    return true;
}

// --- stand-ins -------------------------------------------------------------------------------------------------

static Value zero_value(Arena *arena, const Shape *shape) {
    if (shape->optional && shape->kind != SHAPE_STRUCT) {
        return (Value){.kind = VALUE_NULL};
    }
    Value *items = NULL;
    switch (shape->kind) {
    case SHAPE_BOOL:
        return value_bool(false);
    case SHAPE_INT32:
    case SHAPE_INT64:
        return value_int(0);
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
        return (Value){.kind = shape->kind == SHAPE_FLOAT32 ? VALUE_FLOAT32 : VALUE_FLOAT64};
    case SHAPE_DECIMAL:
        return value_bytes(VALUE_DECIMAL, decimal_from_int64(arena, 0, (uint32_t)MIN(shape->scale, 18)));
    case SHAPE_STRING:
        return value_bytes(VALUE_STRING, SLICE(""));
    case SHAPE_BYTES: // a Decimal's zero is one byte
        return value_bytes(VALUE_BYTES, connect_note(shape, "logicalType").size > 0 ? SLICE("\0") : SLICE(""));
    case SHAPE_LIST:
        return (Value){.kind = VALUE_LIST};
    case SHAPE_MAP:
        return (Value){.kind = VALUE_MAP};
    case SHAPE_STRUCT:
        items = ARENA_ARRAY(arena, Value, shape->field_count);
        for (uint32_t i = 0; i < shape->field_count; i++) {
            const Shape *field = &shape->fields[i].shape;
            items[i] = field->optional ? (Value){.kind = VALUE_NULL} : zero_value(arena, field);
        }
        return (Value){.kind = VALUE_STRUCT, .items = {items, shape->field_count}};
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
    case SHAPE_UUID:
        break; // no column has these
    }
    UNREACHABLE();
}

// Lists: one item of text or of a uuid (the name-based one), or for integers one a byte of the text.
static Value unavailable_list(Arena *arena, const ConnectColumn *element) {
    if (element->form == FORM_INT32 || (element->form == FORM_COPY && element->shape.kind == SHAPE_INT64)) {
        size_t count = sizeof(UNAVAILABLE) - 1;
        Value *items = ARENA_ARRAY(arena, Value, count);
        for (size_t i = 0; i < count; i++) {
            items[i] = value_int(UNAVAILABLE[i]);
        }
        return (Value){.kind = VALUE_LIST, .items = {items, count}};
    }
    Value item = element->unavailable;
    if (element->type->kind == TYPE_UUID) {
        item = value_bytes(VALUE_STRING, SLICE("b68a35a7-17ad-35b3-af2a-ae46edb4545a"));
    }
    if (item.kind == VALUE_NULL) {
        return item;
    }
    Value *items = ARENA_NEW(arena, Value);
    *items = item;
    return (Value){.kind = VALUE_LIST, .items = {items, 1}};
}

static void unavailable_set(Arena *arena, ConnectColumn *column) {
    Form form = (Form)column->form;
    if (form == FORM_HSTORE) {
        column->unavailable = value_bytes(VALUE_STRING, SLICE("{\"" UNAVAILABLE "\":\"" UNAVAILABLE "\"}"));
    } else if (form == FORM_LIST || form == FORM_LIST_STRICT) {
        column->unavailable = unavailable_list(arena, column->element);
    } else if (form == FORM_RANGE || (form == FORM_COPY && column->shape.kind == SHAPE_STRING)) {
        column->unavailable = value_bytes(VALUE_STRING, SLICE(UNAVAILABLE));
    } else if (form == FORM_COPY && column->shape.kind == SHAPE_BYTES) {
        column->unavailable = value_bytes(VALUE_BYTES, SLICE(UNAVAILABLE));
    }
    if (column->unavailable.kind == VALUE_NULL && !column->shape.optional) {
        column->unavailable = column->zero;
    }
}

// --- values ----------------------------------------------------------------------------------------------------

static void hstore_text(Buf *buf, const Value *map) {
    buf_u8(buf, '{');
    for (size_t i = 0; i + 1 < map->items.count; i += 2) {
        buf_text(buf, i > 0 ? "," : "");
        json_quote(buf, map->items.at[i].bytes);
        buf_u8(buf, ':');
        const Value *value = &map->items.at[i + 1];
        if (value_is_absent(value)) {
            buf_text(buf, "null");
        } else {
            json_quote(buf, value->bytes);
        }
    }
    buf_u8(buf, '}');
}

// As PostgreSQL prints them: timestamps with a space, so in quotes, and with +00.
static void range_bound(Buf *buf, const Value *bound) {
    bool infinite = bound->integer == INT64_MIN || bound->integer == INT64_MAX;
    size_t start = buf->size;
    buf_text(buf, infinite ? "" : "\"");
    calendar_timestamp_text(buf, bound->integer, bound->kind == VALUE_TIMESTAMPTZ ? "+" : "");
    if (infinite || buf->overflow) {
        return;
    }
    uint8_t *t = memchr(buf->data + start, 'T', buf->size - start);
    ASSERT(t != NULL);
    *t = ' ';
    uint8_t *plus = memchr(buf->data + start, '+', buf->size - start);
    if (plus != NULL) { // "+" or "+ BC" becomes "+00" or "+00 BC"
        size_t after = (size_t)(plus - buf->data) + 1;
        uint8_t rest[8];
        size_t size = MIN(buf->size - after, sizeof(rest));
        memcpy(rest, buf->data + after, size);
        buf->size = after;
        buf_text(buf, "00");
        buf_bytes(buf, rest, size);
    }
    buf_u8(buf, '"');
}

static void range_text(Buf *buf, const Type *type, const Value *range) {
    bool stamps = type->element->kind == TYPE_TIMESTAMP || type->element->kind == TYPE_TIMESTAMPTZ;
    if (!stamps || (range->aux & RANGE_EMPTY) != 0) {
        value_text(buf, type, range);
        return;
    }
    buf_u8(buf, range->aux & RANGE_LOWER_INCLUSIVE ? '[' : '(');
    if (!value_is_absent(&range->items.at[0])) {
        range_bound(buf, &range->items.at[0]);
    }
    buf_u8(buf, ',');
    if (!value_is_absent(&range->items.at[1])) {
        range_bound(buf, &range->items.at[1]);
    }
    buf_u8(buf, range->aux & RANGE_UPPER_INCLUSIVE ? ']' : ')');
}

static void text_write(const ConnectColumn *column, Buf *buf, const Value *from) {
    if (column->form == FORM_ZONED_TIMESTAMP) {
        zoned_timestamp_text(buf, from->integer, column->type->precision);
    } else if (column->form == FORM_ZONED_TIME) {
        zoned_time_text(buf, from->integer, from->aux);
    } else if (column->form == FORM_HSTORE) {
        hstore_text(buf, from);
    } else if (column->form == FORM_RANGE) {
        range_text(buf, column->type, from);
    } else {
        value_text(buf, column->type, from);
    }
}

// On the stack first: what is short, nearly all, then is one copy into the arena.
static bool text_value(const ConnectColumn *column, Arena *scratch, const Value *from, Value *to, Err *err) {
    if (UNLIKELY(!flat_value_valid(column->type, from))) {
        return FAIL(err, ERR_VALUE, "its value is none of its type");
    }
    uint8_t room[512];
    Buf buf = {.data = room, .capacity = sizeof(room), .limit = sizeof(room)};
    text_write(column, &buf, from);
    if (buf.overflow) {
        buf_init(&buf, 0);
        text_write(column, &buf, from);
    }
    *to = value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&buf)));
    if (buf.data != room) {
        buf_release(&buf);
    }
    return true;
}

static bool decimal_value(const ConnectColumn *column, Arena *scratch, const Value *from, Value *to, Err *err) {
    if (UNLIKELY(!flat_value_valid(column->type, from))) {
        return FAIL(err, ERR_VALUE, "a decimal's bytes are malformed");
    }
    Slice bytes;
    if (UNLIKELY(decimal_sign(from->bytes) > DECIMAL_NEGATIVE)) {
        return true; // NaN, infinite
    }
    int32_t scale = column->form == FORM_VARIABLE ? decimal_scale_needed(from->bytes) : column->shape.scale;
    if (column->form == FORM_DECIMAL) {
        static const Int128 TEN = 10;
        Int128 units, limit = 1;
        for (int32_t i = 0; i < column->shape.precision; i++) {
            limit *= TEN;
        }
        if (decimal_to_int128(from->bytes, scale, &units) && units < limit && units > -limit) {
            *to = *from;
        }
    } else if (decimal_unscaled(scratch, from->bytes, scale, &bytes)) {
        *to = value_bytes(VALUE_BYTES, bytes);
        if (column->form == FORM_VARIABLE) {
            Value *items = ARENA_ARRAY(scratch, Value, 2);
            items[0] = value_int(scale);
            items[1] = *to;
            *to = (Value){.kind = VALUE_STRUCT, .items = {items, 2}};
        }
    }
    return true;
}

static bool bits_value(Arena *scratch, const Value *from, Value *to, Err *err) {
    if (UNLIKELY(from->aux < 0 || (size_t)from->aux > from->bytes.size * 8)) {
        return FAIL(err, ERR_VALUE, "a bit string has fewer bytes than bits");
    }
    // The last bit is the lowest of the first byte; bytes of zeros at the end are left out.
    size_t count = (size_t)from->aux, size = (count + 7) / 8;
    uint8_t *bytes = arena_alloc(scratch, size);
    for (size_t i = 0; i < count; i++) {
        size_t bit = count - 1 - i;
        bytes[i / 8] |= (uint8_t)((from->bytes.data[bit / 8] >> (7 - bit % 8) & 1) << (i % 8));
    }
    while (size > 0 && bytes[size - 1] == 0) {
        size--;
    }
    *to = value_bytes(VALUE_BYTES, (Slice){bytes, size});
    return true;
}

static bool vector_value(const ConnectColumn *column, Arena *scratch, const Value *from, Value *to, Err *err) {
    size_t max = from->bytes.size / 2 + 1;
    double *numbers = ARENA_ARRAY(scratch, double, max);
    size_t count = geometry_numbers(scratch, from->bytes, numbers, max);
    if (count == SIZE_MAX) {
        return FAIL(err, ERR_VALUE, "a vector is malformed");
    }
    Value *items = ARENA_ARRAY(scratch, Value, count);
    bool half = column->form == FORM_HALF_VECTOR;
    for (size_t i = 0; i < count; i++) {
        items[i] = (Value){.kind = half ? VALUE_FLOAT32 : VALUE_FLOAT64,
                           .real = half ? (double)(float)numbers[i] : numbers[i]};
    }
    *to = (Value){.kind = VALUE_LIST, .items = {items, count}};
    return true;
}

static bool list_value(const ConnectColumn *column, Arena *scratch, const Value *from, uint64_t *inexact, Value *to,
                       Err *err) {
    size_t count = from->items.count;
    Value *items = ARENA_ARRAY(scratch, Value, count);
    for (size_t i = 0; i < count; i++) {
        if (UNLIKELY(from->items.at[i].kind == VALUE_LIST)) {
            (*inexact)++; // a further dimension
        } else {
            TRY(connect_value(column->element, scratch, &from->items.at[i], inexact, &items[i], err));
        }
        if (UNLIKELY(items[i].kind == VALUE_NULL && column->form == FORM_LIST_STRICT)) {
            (*inexact)++;
            return true;
        }
    }
    *to = (Value){.kind = VALUE_LIST, .items = {items, count}};
    return true;
}

// Leaves *to NULL for what its shape cannot hold.
static bool value_make(const ConnectColumn *column, Arena *scratch, const Value *from, uint64_t *inexact, Value *to,
                       Err *err) {
    switch ((Form)column->form) {
    case FORM_COPY:
    case FORM_BOOL:
        *to = *from;
        return true;
    case FORM_INT32:
        *to = *from;
        return LIKELY(from->integer == (int32_t)from->integer) ||
               FAIL(err, ERR_VALUE, "a number does not fit its type");
    case FORM_DECIMAL:
    case FORM_DECIMAL_BYTES:
    case FORM_VARIABLE:
        return decimal_value(column, scratch, from, to, err);
    case FORM_DATE:
        return temporal_date(from->integer, to, err);
    case FORM_TIME_MS:
    case FORM_TIME_US:
        return temporal_time(from->integer, column->form == FORM_TIME_MS ? 1000 : 1, to, err);
    case FORM_TIMESTAMP_MS:
    case FORM_TIMESTAMP_US:
        return temporal_timestamp(from->integer, column->form == FORM_TIMESTAMP_MS ? 1000 : 1, to, err);
    case FORM_DURATION:
        *to = value_int(temporal_duration(&from->interval));
        return true;
    case FORM_BIT:
        *to = value_bool(from->bytes.size > 0 && (from->bytes.data[0] & 0x80) != 0);
        return true;
    case FORM_BITS:
        return bits_value(scratch, from, to, err);
    case FORM_VECTOR:
    case FORM_HALF_VECTOR:
        return vector_value(column, scratch, from, to, err);
    case FORM_LIST:
    case FORM_LIST_STRICT:
        return list_value(column, scratch, from, inexact, to, err);
    case FORM_ZONED_TIMESTAMP:
    case FORM_ZONED_TIME:
        TRY(temporal_valid(from, err));
        return text_value(column, scratch, from, to, err);
    case FORM_TEXT:
    case FORM_HSTORE:
    case FORM_RANGE:
        return text_value(column, scratch, from, to, err);
    case FORM_GEOMETRY:
        break;
    }
    return geometry_value((Geometry)(column->form - FORM_GEOMETRY), scratch, from->bytes, to, err);
}

bool connect_value(const ConnectColumn *column, Arena *scratch, const Value *from, uint64_t *inexact, Value *to,
                   Err *err) {
    *to = (Value){.kind = VALUE_NULL};
    if (value_is_absent(from)) {
        if (from->kind == VALUE_UNCHANGED) {
            *to = column->unavailable;
        }
        return true;
    }
    if (UNLIKELY(from->kind != column->value && (column->form != FORM_BOOL || from->kind != VALUE_FALSE))) {
        return FAIL(err, ERR_VALUE, "its type is %s, its value is of another kind (%u)",
                    type_kind_name(column->type->kind), from->kind);
    }
    uint64_t before = *inexact;
    TRY(value_make(column, scratch, from, inexact, to, err));
    if (UNLIKELY(to->kind == VALUE_NULL && *inexact == before)) {
        (*inexact)++;
    }
    return true;
}
