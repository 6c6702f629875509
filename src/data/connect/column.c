// SPDX-License-Identifier: Apache-2.0
#include "data/connect/column.h"
#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "core/base/json.h"
#include "data/connect/column_form.h"
#include "data/connect/geometry.h"
#include "data/connect/notes.h"
#include "data/connect/temporal.h"

#include <openssl/evp.h>

const ColumnOptions COLUMN_DEFAULTS = {
    .money_digits = 2,
    .placeholder = {(const uint8_t *)CONNECT_UNAVAILABLE, sizeof(CONNECT_UNAVAILABLE) - 1},
};

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
    [TYPE_DATE] = {FORM_DATE, SHAPE_INT32, VALUE_DATE, NULL, true, true},
    [TYPE_TIME] = {FORM_TIME_US, SHAPE_INT64, VALUE_TIME, NULL, true, true},
    [TYPE_TIMETZ] = {FORM_ZONED_TIME, SHAPE_STRING, VALUE_TIMETZ, "io.debezium.time.ZonedTime", true, true},
    [TYPE_TIMESTAMP] = {FORM_TIMESTAMP_US, SHAPE_INT64, VALUE_TIMESTAMP, NULL, true, true},
    [TYPE_TIMESTAMPTZ] = {FORM_ZONED_TIMESTAMP, SHAPE_STRING, VALUE_TIMESTAMPTZ, "io.debezium.time.ZonedTimestamp",
                          true, true},
    [TYPE_INTERVAL] = {FORM_DURATION, SHAPE_INT64, VALUE_INTERVAL, NULL, true, false},
    [TYPE_UUID] = {FORM_TEXT, SHAPE_STRING, VALUE_UUID, "io.debezium.data.Uuid", true, true},
    [TYPE_JSON] = {FORM_COPY, SHAPE_STRING, VALUE_STRING, "io.debezium.data.Json", true, true},
    [TYPE_ENUM] = {FORM_COPY, SHAPE_STRING, VALUE_STRING, "io.debezium.data.Enum", true, true},
    [TYPE_BITS] = {FORM_BITS, SHAPE_BYTES, VALUE_BITS, "io.debezium.data.Bits", true, false},
    [TYPE_LIST] = {FORM_LIST, SHAPE_LIST, VALUE_LIST, NULL, true, false},
    [TYPE_MAP] = {FORM_HSTORE, SHAPE_STRING, VALUE_MAP, NULL, true, false},
    [TYPE_RANGE] = {FORM_RANGE, SHAPE_STRING, VALUE_RANGE, NULL, true, true},
};

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
    if (column->options->decimal != DECIMAL_PRECISE) {
        bool is_double = column->options->decimal == DECIMAL_DOUBLE;
        column->form = is_double ? FORM_DECIMAL_DOUBLE : FORM_DECIMAL_STRING;
        column->shape.kind = is_double ? SHAPE_FLOAT64 : SHAPE_STRING;
    } else if (column->money) {
        decimal_bytes(arena, column->options->money_digits, 0, column);
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
    Slice json = connect_quoted(arena, buf_slice(&labels));
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

static bool known_column(Arena *arena, const Type *type, ConnectColumn *column);
static void stand_ins_set(Arena *arena, ConnectColumn *column);

static bool element_column(Arena *arena, const ColumnOptions *options, const Type *type, ConnectColumn *column) {
    *column = (ConnectColumn){.type = type, .options = options, .shape = {.optional = type->kind != TYPE_ENUM}};
    if (!known_column(arena, type, column)) {
        return false;
    }
    stand_ins_set(arena, column);
    return true;
}

static bool list_column(Arena *arena, const Type *type, ConnectColumn *column) {
    const Type *element = type->element;
    ConnectColumn *inner = ARENA_NEW(arena, ConnectColumn);
    const NameRow *row = element == NULL || element->kind != TYPE_STRING ? NULL : string_row(element);
    if (element == NULL || !KINDS[element->kind].in_lists || (row != NULL && !row->in_lists) ||
        named(element, "money") || named(type, "int2vector") || named(type, "oidvector") ||
        !element_column(arena, column->options, element, inner)) {
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

typedef struct TimeRow {
    Form form;
    ShapeKind shape;
    const char *name;
    const char *logical; // Avro's; NULL = none
} TimeRow;

enum { TIME_MS, TIME_US, TIME_NS, TIME_MS_OF_CONNECT, TIME_TEXT, TIME_FORMS };

static const TimeRow TIMES[TIME_FORMS] = {
    [TIME_MS] = {FORM_TIME_MS, SHAPE_INT32, "io.debezium.time.Time", NULL},
    [TIME_US] = {FORM_TIME_US, SHAPE_INT64, "io.debezium.time.MicroTime", NULL},
    [TIME_NS] = {FORM_TIME_NS, SHAPE_INT64, "io.debezium.time.NanoTime", NULL},
    [TIME_MS_OF_CONNECT] = {FORM_TIME_MS, SHAPE_INT32, "org.apache.kafka.connect.data.Time", "\"time-millis\""},
    [TIME_TEXT] = {FORM_TIME_TEXT, SHAPE_STRING, "io.debezium.time.IsoTime", NULL},
};

static const TimeRow TIMESTAMPS[TIME_FORMS] = {
    [TIME_MS] = {FORM_TIMESTAMP_MS, SHAPE_INT64, "io.debezium.time.Timestamp", NULL},
    [TIME_US] = {FORM_TIMESTAMP_US, SHAPE_INT64, "io.debezium.time.MicroTimestamp", NULL},
    [TIME_NS] = {FORM_TIMESTAMP_NS, SHAPE_INT64, "io.debezium.time.NanoTimestamp", NULL},
    [TIME_MS_OF_CONNECT] = {FORM_TIMESTAMP_MS, SHAPE_INT64, "org.apache.kafka.connect.data.Timestamp",
                            "\"timestamp-millis\""},
    [TIME_TEXT] = {FORM_TIMESTAMP_TEXT, SHAPE_STRING, "io.debezium.time.IsoTimestamp", NULL},
};

static const TimeRow DATES[TIME_FORMS] = {
    [TIME_MS] = {FORM_DATE, SHAPE_INT32, "io.debezium.time.Date", NULL},
    [TIME_MS_OF_CONNECT] = {FORM_DATE, SHAPE_INT32, "org.apache.kafka.connect.data.Date", "\"date\""},
    [TIME_TEXT] = {FORM_DATE_TEXT, SHAPE_STRING, "io.debezium.time.IsoDate", NULL},
};

static int time_form(TimeMode mode, const Type *type) {
    if (mode == TIME_CONNECT || mode == TIME_ISOSTRING) {
        return mode == TIME_CONNECT ? TIME_MS_OF_CONNECT : TIME_TEXT;
    }
    if (type->kind == TYPE_DATE) {
        return TIME_MS;
    }
    if (mode == TIME_MICROSECONDS || mode == TIME_NANOSECONDS) {
        return mode == TIME_MICROSECONDS ? TIME_US : TIME_NS;
    }
    // Up to milliseconds there is a type of its own.
    bool micros = type->precision > 3 || (mode == TIME_ADAPTIVE_MICROSECONDS && type->kind == TYPE_TIME);
    return micros ? TIME_US : TIME_MS;
}

static void time_column(Arena *arena, const Type *type, ConnectColumn *column) {
    const TimeRow *rows = type->kind == TYPE_DATE ? DATES : type->kind == TYPE_TIME ? TIMES : TIMESTAMPS;
    const TimeRow *row = &rows[time_form(column->options->time, type)];
    column->form = (uint8_t)row->form;
    column->shape.kind = row->shape;
    connect_describe(arena, &column->shape, row->name, 1, NULL, NULL);
    if (row->logical != NULL) {
        connect_note_add(arena, &column->shape, "logicalType", slice_of(row->logical));
    }
}

// Types whose form a mode chooses, and that have no schema name, or another one.
static void mode_column(Arena *arena, const Type *type, ConnectColumn *column) {
    const ColumnOptions *options = column->options;
    if (type->kind == TYPE_BYTES) {
        if (options->binary != BINARY_BYTES) {
            column->form = FORM_BINARY_TEXT;
            column->shape.kind = SHAPE_STRING;
        }
    } else if (type->kind == TYPE_INTERVAL) {
        bool text = options->interval_text || options->exact;
        column->form = text ? FORM_INTERVAL_TEXT : FORM_DURATION;
        column->shape.kind = text ? SHAPE_STRING : SHAPE_INT64;
        connect_describe(arena, &column->shape, text ? "io.debezium.time.Interval" : "io.debezium.time.MicroDuration",
                         1, NULL, NULL);
    } else if (!options->hstore_map) {
        connect_describe(arena, &column->shape, "io.debezium.data.Json", 1, NULL, NULL);
    } else {
        Shape *text = ARENA_NEW(arena, Shape);
        *text = (Shape){.kind = SHAPE_STRING, .optional = true};
        column->form = FORM_COPY;
        column->shape.kind = SHAPE_MAP;
        column->shape.element = text;
    }
}

static bool known_column(Arena *arena, const Type *type, ConnectColumn *column) {
    const KindRow *row = type->kind < TYPE_KIND_COUNT ? &KINDS[type->kind] : NULL;
    if (row == NULL || !row->known || (type->kind == TYPE_UINT32 && !named(type, "oid"))) {
        return false;
    }
    if ((type->kind == TYPE_RANGE && type->element == NULL) ||
        (type->kind == TYPE_MAP && type->element != NULL && type->element->kind != TYPE_STRING)) {
        return false;
    }
    column->form = (uint8_t)row->form;
    column->value = (uint8_t)row->value;
    column->shape.kind = row->shape;
    if (type->kind == TYPE_STRING && !string_column(arena, type, column)) {
        return false;
    }
    if (type->kind == TYPE_LIST && !list_column(arena, type, column)) {
        return false;
    }
    if (type->kind == TYPE_DECIMAL) {
        decimal_column(arena, type, column);
    } else if (type->kind == TYPE_DATE || type->kind == TYPE_TIME || type->kind == TYPE_TIMESTAMP) {
        time_column(arena, type, column);
    } else if (type->kind == TYPE_BYTES || type->kind == TYPE_INTERVAL || type->kind == TYPE_MAP) {
        mode_column(arena, type, column);
    } else if (type->kind == TYPE_INT16) {
        connect_note_add(arena, &column->shape, "connect.type", SLICE("\"int16\""));
    } else if (type->kind == TYPE_BITS) {
        bits_column(arena, type, column);
    } else if (row->name != NULL) {
        const char *parameters = type->kind == TYPE_ENUM ? enum_parameters(arena, type) : NULL;
        connect_describe(arena, &column->shape, row->name, 1, parameters, NULL);
    }
    return true;
}

bool connect_column(Arena *arena, const ColumnOptions *options, const Type *type, bool optional,
                    ConnectColumn *column) {
    ConnectColumn fresh = {.type = type, .options = options, .shape = {.optional = optional}};
    fresh.money = type->kind == TYPE_DECIMAL && named(type, "money");
    *column = fresh;
    if (!known_column(arena, type, column)) {
        if (!options->unknown) {
            return false;
        }
        *column = fresh;
        column->form = FORM_UNKNOWN;
        column->shape.kind = SHAPE_BYTES;
    }
    stand_ins_set(arena, column);
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

static void zero_set(Arena *arena, ConnectColumn *column) {
    Form form = (Form)column->form;
    column->zero = zero_value(arena, &column->shape);
    const char *text = column->type->kind == TYPE_JSON || form == FORM_HSTORE ? "{}"
                       : form == FORM_ZONED_TIME || form == FORM_TIME_TEXT    ? "00:00:00Z"
                       : form == FORM_DATE_TEXT                               ? "1970-01-01Z"
                       : form == FORM_TIMESTAMP_TEXT                          ? "1970-01-01T00:00:00Z"
                       : form == FORM_INTERVAL_TEXT                           ? "P0Y0M0DT0H0M0S"
                       : form == FORM_DECIMAL_STRING                          ? "0"
                       : column->type->kind == TYPE_UUID                      ? "00000000-0000-0000-0000-000000000000"
                                                                              : NULL;
    if (form == FORM_ZONED_TIMESTAMP) {
        Buf buf;
        buf_init(&buf, 0);
        zoned_timestamp_text(&buf, -CALENDAR_1970_US, column->type->precision);
        column->zero = value_bytes(VALUE_STRING, arena_slice(arena, buf_slice(&buf)));
        buf_release(&buf);
    } else if (text != NULL) {
        column->zero = value_bytes(VALUE_STRING, slice_of(text));
    }
}

// The name-based UUID (RFC 4122, version 3, no namespace) of the placeholder.
static Value unavailable_uuid(Arena *arena, Slice placeholder) {
    uint8_t md5[EVP_MAX_MD_SIZE];
    if (EVP_Digest(placeholder.data, placeholder.size, md5, NULL, EVP_md5(), NULL) != 1) {
        panic("MD5 failed");
    }
    md5[6] = (uint8_t)((md5[6] & 0x0F) | 0x30);
    md5[8] = (uint8_t)((md5[8] & 0x3F) | 0x80);
    char text[40];
    char *at = text;
    for (size_t i = 0; i < 16; i++) {
        at += snprintf(at, sizeof(text) - (size_t)(at - text), "%s%02x",
                       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", md5[i]);
    }
    return value_bytes(VALUE_STRING, arena_slice(arena, slice_of(text)));
}

// Lists: one item of text or of a uuid, or for integers one a byte of the placeholder.
static Value unavailable_list(Arena *arena, const ConnectColumn *element) {
    Slice placeholder = element->options->placeholder;
    if (element->form == FORM_INT32 || (element->form == FORM_COPY && element->shape.kind == SHAPE_INT64)) {
        Value *items = ARENA_ARRAY(arena, Value, placeholder.size);
        for (size_t i = 0; i < placeholder.size; i++) {
            items[i] = value_int((int8_t)placeholder.data[i]);
        }
        return (Value){.kind = VALUE_LIST, .items = {items, placeholder.size}};
    }
    Value item = element->type->kind == TYPE_UUID ? unavailable_uuid(arena, placeholder) : element->unavailable;
    if (item.kind == VALUE_NULL) {
        return item;
    }
    Value *items = ARENA_NEW(arena, Value);
    *items = item;
    return (Value){.kind = VALUE_LIST, .items = {items, 1}};
}

static Value unavailable_hstore(Arena *arena, const ConnectColumn *column, Value text) {
    if (column->form == FORM_COPY) {
        Value *pair = ARENA_ARRAY(arena, Value, 2);
        pair[0] = pair[1] = text;
        return (Value){.kind = VALUE_MAP, .items = {pair, 2}};
    }
    Slice quoted = connect_quoted(arena, text.bytes);
    return value_bytes(VALUE_STRING,
                       slice_of(arena_printf(arena, "{%.*s:%.*s}", SLICE_ARG(quoted), SLICE_ARG(quoted))));
}

static void unavailable_set(Arena *arena, ConnectColumn *column) {
    Form form = (Form)column->form;
    Value text = value_bytes(VALUE_STRING, column->options->placeholder);
    Value bytes = value_bytes(VALUE_BYTES, column->options->placeholder);
    if (column->type->kind == TYPE_MAP && form != FORM_UNKNOWN) {
        column->unavailable = unavailable_hstore(arena, column, text);
    } else if (form == FORM_LIST || form == FORM_LIST_STRICT) {
        column->unavailable = unavailable_list(arena, column->element);
    } else if (form == FORM_RANGE || (form == FORM_COPY && column->shape.kind == SHAPE_STRING)) {
        column->unavailable = text;
    } else if (form == FORM_BINARY_TEXT) { // hex is not hex here
        BinaryMode mode = column->options->binary;
        column->unavailable = mode == BINARY_HEX ? text : connect_binary(arena, mode, &bytes);
    } else if ((form == FORM_COPY || form == FORM_UNKNOWN) && column->shape.kind == SHAPE_BYTES) {
        column->unavailable = bytes;
    }
    if (column->unavailable.kind == VALUE_NULL && !column->shape.optional) {
        column->unavailable = column->zero;
    }
}

static void stand_ins_set(Arena *arena, ConnectColumn *column) {
    zero_set(arena, column);
    unavailable_set(arena, column);
}
