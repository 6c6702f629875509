// SPDX-License-Identifier: Apache-2.0
#include "flow/source/kafka/field.h"

#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "data/connect/decimal_bytes.h"
#include "data/connect/notes.h"
#include "data/connect/temporal.h"
#include "data/connect/java_text.h"
#include "data/registry/json_tree.h"

enum { DECIMAL_PRECISION_MAX = 1000, SCALE_MAX = 1000, EPOCH_DAYS = 10957 };

typedef enum Form {
    FORM_COPY,
    FORM_DECIMAL,
    FORM_VARIABLE,
    FORM_DATE,
    FORM_TIME,      // units of `scale` microseconds
    FORM_TIMESTAMP, // likewise, since 1970
    FORM_ZONED,
    FORM_DATE_TEXT,
    FORM_TIME_TEXT,
    FORM_TIMESTAMP_TEXT,
    FORM_UUID,
    FORM_BITS,
    FORM_LIST,
    FORM_MAP,
    FORM_STRUCT,
} Form;

static const struct {
    const char *name; // of the Connect schema
    ShapeKind shape;
    Form form;
    TypeKind type;
    int32_t precision, scale;
    const char *source_name;
} LOGICAL[] = {
    {"io.debezium.time.Date", SHAPE_INT32, FORM_DATE, TYPE_DATE, 0, 0, "date"},
    {"org.apache.kafka.connect.data.Date", SHAPE_INT32, FORM_DATE, TYPE_DATE, 0, 0, "date"},
    {"io.debezium.time.IsoDate", SHAPE_STRING, FORM_DATE_TEXT, TYPE_DATE, 0, 0, "date"},
    {"io.debezium.time.Time", SHAPE_INT32, FORM_TIME, TYPE_TIME, 3, 1000, "time"},
    {"org.apache.kafka.connect.data.Time", SHAPE_INT32, FORM_TIME, TYPE_TIME, 3, 1000, "time"},
    {"io.debezium.time.MicroTime", SHAPE_INT64, FORM_TIME, TYPE_TIME, 6, 1, "time"},
    {"io.debezium.time.IsoTime", SHAPE_STRING, FORM_TIME_TEXT, TYPE_TIME, 6, 0, "time"},
    {"io.debezium.time.Timestamp", SHAPE_INT64, FORM_TIMESTAMP, TYPE_TIMESTAMP, 3, 1000, "timestamp"},
    {"org.apache.kafka.connect.data.Timestamp", SHAPE_INT64, FORM_TIMESTAMP, TYPE_TIMESTAMPTZ, 3, 1000, "timestamptz"},
    {"io.debezium.time.MicroTimestamp", SHAPE_INT64, FORM_TIMESTAMP, TYPE_TIMESTAMP, 6, 1, "timestamp"},
    {"io.debezium.time.IsoTimestamp", SHAPE_STRING, FORM_TIMESTAMP_TEXT, TYPE_TIMESTAMP, 6, 0, "timestamp"},
    {"io.debezium.time.ZonedTimestamp", SHAPE_STRING, FORM_ZONED, TYPE_TIMESTAMPTZ, 6, 0, "timestamptz"},
    {"io.debezium.data.Uuid", SHAPE_STRING, FORM_UUID, TYPE_UUID, 0, 0, "uuid"},
    {"io.debezium.data.Json", SHAPE_STRING, FORM_COPY, TYPE_JSON, 0, 0, "jsonb"},
};

static const struct {
    Form form;
    TypeKind type;
    int32_t precision;
    const char *source_name;
} PLAIN[] = {
    [SHAPE_BOOL] = {FORM_COPY, TYPE_BOOL, 0, "bool"},
    [SHAPE_INT32] = {FORM_COPY, TYPE_INT32, 0, "int4"},
    [SHAPE_INT64] = {FORM_COPY, TYPE_INT64, 0, "int8"},
    [SHAPE_FLOAT32] = {FORM_COPY, TYPE_FLOAT32, 0, "float4"},
    [SHAPE_FLOAT64] = {FORM_COPY, TYPE_FLOAT64, 0, "float8"},
    [SHAPE_DECIMAL] = {FORM_COPY, TYPE_DECIMAL, 0, "numeric"},
    [SHAPE_STRING] = {FORM_COPY, TYPE_STRING, 0, "text"},
    [SHAPE_BYTES] = {FORM_COPY, TYPE_BYTES, 0, "bytea"},
    [SHAPE_DATE] = {FORM_COPY, TYPE_DATE, 0, "date"},
    [SHAPE_TIME] = {FORM_COPY, TYPE_TIME, 6, "time"},
    [SHAPE_TIMESTAMP] = {FORM_COPY, TYPE_TIMESTAMP, 6, "timestamp"},
    [SHAPE_TIMESTAMPTZ] = {FORM_COPY, TYPE_TIMESTAMPTZ, 6, "timestamptz"},
    [SHAPE_UUID] = {FORM_COPY, TYPE_UUID, 0, "uuid"},
    [SHAPE_LIST] = {FORM_LIST, TYPE_LIST, 0, "list"},
    [SHAPE_STRUCT] = {FORM_STRUCT, TYPE_STRUCT, 0, "struct"},
    [SHAPE_MAP] = {FORM_MAP, TYPE_MAP, 0, "map"},
};

// --- types -------------------------------------------------------------------------------------------------------

static bool named(const Shape *shape, const char *name) {
    Slice note = connect_note(shape, "connect.name");
    size_t size = strlen(name);
    return (note.size == size + 2 && memcmp(note.data + 1, name, size) == 0) ||
           (note.size == 0 && shape->kind == SHAPE_STRUCT && slice_is(shape->name, name));
}

// Of connect.parameters; empty when absent.
static Slice parameter(Arena *arena, const Shape *shape, const char *name) {
    const JsonNode *json = NULL;
    Err ignored[1] = {{0}};
    Slice note = connect_note(shape, "connect.parameters");
    return note.size > 0 && json_tree_parse(arena, note, &json, ignored) ? json_tree_text(json, name) : (Slice){0};
}

static bool number_parameter(Arena *arena, const Shape *shape, const char *name, int64_t *number) {
    Slice text = parameter(arena, shape, name);
    return text.size > 0 && text_int(text, number);
}

static bool decimal_new(Arena *arena, const Shape *shape, KafkaField *field) {
    int64_t scale = 0, precision = 0;
    if (named(shape, "io.debezium.data.VariableScaleDecimal")) {
        field->form = FORM_VARIABLE;
        return shape->field_count == 2 && shape->fields[0].shape.kind == SHAPE_INT32 &&
               shape->fields[1].shape.kind == SHAPE_BYTES;
    }
    bool told = shape->kind == SHAPE_DECIMAL;
    if (told) { // Avro's: 38 digits and fewer are as they are told
        precision = shape->precision;
        scale = shape->scale;
    } else if (shape->kind != SHAPE_BYTES || !named(shape, "org.apache.kafka.connect.data.Decimal") ||
               !number_parameter(arena, shape, "scale", &scale) || scale < 0 || scale > SCALE_MAX) {
        return false;
    } else if (!number_parameter(arena, shape, "connect.decimal.precision", &precision) ||
               precision > DECIMAL_PRECISION_MAX || precision < scale) {
        precision = 0;
    }
    field->form = told ? FORM_COPY : FORM_DECIMAL;
    field->scale = (int32_t)scale;
    field->type.precision = (int32_t)precision;
    field->type.scale = precision > 0 ? (int32_t)scale : 0;
    return true;
}

static void enum_new(Arena *arena, const Shape *shape, KafkaField *field) {
    Slice allowed = parameter(arena, shape, "allowed");
    uint32_t count = 0;
    Slice *labels = ARENA_ARRAY(arena, Slice, allowed.size + 1);
    while (allowed.size > 0) {
        const uint8_t *comma = memchr(allowed.data, ',', allowed.size);
        size_t size = comma != NULL ? (size_t)(comma - allowed.data) : allowed.size;
        labels[count++] = arena_slice(arena, (Slice){allowed.data, size});
        allowed = slice_from(allowed, comma != NULL ? size + 1 : size);
    }
    field->type.kind = TYPE_ENUM;
    field->type.labels = labels;
    field->type.label_count = count;
}

static void logical_new(Arena *arena, const Shape *shape, KafkaField *field) {
    int64_t length = 0;
    if (shape->kind == SHAPE_STRING && named(shape, "io.debezium.data.Enum")) {
        enum_new(arena, shape, field);
    } else if (shape->kind == SHAPE_BYTES && named(shape, "io.debezium.data.Bits") &&
               number_parameter(arena, shape, "length", &length) && length > 0 && length < INT32_MAX) {
        field->form = FORM_BITS;
        field->type = (Type){.kind = TYPE_BITS, .precision = (int32_t)length, .source_name = SLICE("bit")};
    } else if (slice_is(connect_note(shape, "connect.type"), "\"int16\"") ||
               slice_is(connect_note(shape, "connect.type"), "\"int8\"")) {
        field->type.kind = TYPE_INT16;
        field->type.source_name = SLICE("int2");
    }
    for (size_t i = 0; i < ARRAY_LEN(LOGICAL); i++) {
        if (shape->kind == LOGICAL[i].shape && named(shape, LOGICAL[i].name)) {
            field->form = (uint8_t)LOGICAL[i].form;
            field->scale = LOGICAL[i].scale;
            field->type = (Type){.kind = LOGICAL[i].type,
                                 .precision = LOGICAL[i].precision,
                                 .source_name = slice_of(LOGICAL[i].source_name)};
        }
    }
    if (field->change && field->type.kind == TYPE_TIMESTAMPTZ &&
        named(shape, "org.apache.kafka.connect.data.Timestamp")) {
        field->form = field->form == FORM_COPY ? (uint8_t)FORM_TIMESTAMP : field->form; // Avro's is an instant
        field->type.kind = TYPE_TIMESTAMP;
        field->type.source_name = SLICE("timestamp");
    }
}

static void nested_new(Arena *arena, const Shape *shape, KafkaField *field) {
    bool is_struct = shape->kind == SHAPE_STRUCT;
    uint32_t count = is_struct ? shape->field_count : 1;
    KafkaField *parts = ARENA_ARRAY(arena, KafkaField, count);
    Field *fields = ARENA_ARRAY(arena, Field, count);
    for (uint32_t i = 0; i < count; i++) {
        kafka_field_new(arena, is_struct ? &shape->fields[i].shape : shape->element, field->change, &parts[i]);
        parts[i].change = false; // a value is unchanged as a whole
        fields[i] = (Field){is_struct ? arena_slice(arena, shape->fields[i].name) : (Slice){0}, parts[i].type};
    }
    field->parts = parts;
    field->part_count = count;
    if (is_struct) {
        field->type.fields = fields;
        field->type.field_count = count;
    } else {
        field->type.element = &parts[0].type;
    }
}

void kafka_field_new(Arena *arena, const Shape *shape, bool change, KafkaField *field) {
    *field = (KafkaField){.form = (uint8_t)PLAIN[shape->kind].form,
                          .change = change,
                          .type = {.kind = PLAIN[shape->kind].type,
                                   .precision = PLAIN[shape->kind].precision,
                                   .source_name = slice_of(PLAIN[shape->kind].source_name)}};
    if (decimal_new(arena, shape, field)) {
        field->type.kind = TYPE_DECIMAL;
        field->type.source_name = SLICE("numeric");
    } else if (shape->kind == SHAPE_LIST || shape->kind == SHAPE_MAP || shape->kind == SHAPE_STRUCT) {
        nested_new(arena, shape, field);
    } else {
        logical_new(arena, shape, field);
    }
    field->plain = field->form == FORM_COPY;
}

// --- values ------------------------------------------------------------------------------------------------------

static bool none(const KafkaField *field, Err *err) {
    return FAIL(err, ERR_VALUE, "a value that is no %s, or past its range", type_kind_name(field->type.kind));
}

static bool decimal_value(const KafkaField *field, Arena *scratch, const Value *from, Value *to, Err *err) {
    *to = (Value){.kind = VALUE_DECIMAL, .bytes = from->bytes};
    return from->kind == VALUE_DECIMAL || decimal_from_unscaled(scratch, from->bytes, field->scale, &to->bytes) ||
           none(field, err);
}

static bool variable_value(const KafkaField *field, Arena *scratch, const Value *from, Value *to, Err *err) {
    const Value *parts = from->items.at;
    *to = (Value){.kind = VALUE_DECIMAL};
    return (parts[0].kind == VALUE_INT && parts[1].kind == VALUE_BYTES && parts[0].integer >= -SCALE_MAX &&
            parts[0].integer <= DECIMAL_SCALE_MAX &&
            decimal_from_unscaled(scratch, parts[1].bytes, (int32_t)parts[0].integer, &to->bytes)) ||
           none(field, err);
}

static bool time_value(const KafkaField *field, const Value *from, Value *to, Err *err) {
    bool stamp = field->form == FORM_TIMESTAMP;
    int64_t micros = from->integer;
    bool fits = from->kind == VALUE_TIMESTAMPTZ || !__builtin_mul_overflow(micros, (int64_t)field->scale, &micros);
    if (stamp) {
        ValueKind kind = field->type.kind == TYPE_TIMESTAMP ? VALUE_TIMESTAMP : VALUE_TIMESTAMPTZ;
        fits = fits && (from->kind == VALUE_TIMESTAMPTZ || !__builtin_sub_overflow(micros, CALENDAR_1970_US, &micros));
        *to = (Value){.kind = (uint8_t)kind, .integer = micros};
        return (fits && micros > INT64_MIN && micros < INT64_MAX) || none(field, err);
    }
    *to = (Value){.kind = VALUE_TIME, .integer = micros};
    return (fits && micros >= 0 && micros <= CALENDAR_DAY_US) || none(field, err);
}

// "…Z" is cut off where the type has no zone.
static Slice without_zone(Slice text) {
    return (Slice){text.data, text.size - (text.size > 0 && text.data[text.size - 1] == 'Z')};
}

static bool text_value(const KafkaField *field, Arena *scratch, Slice text, Value *to, Err *err) {
    bool ok = false;
    int sign = slice_is(text, "infinity") ? 1 : slice_is(text, "-infinity") ? -1 : 0;
    int64_t last = field->form == FORM_DATE_TEXT ? INT32_MAX : INT64_MAX, first = -last - 1;
    uint8_t *uuid = NULL;
    if (field->form == FORM_UUID) {
        uuid = arena_alloc(scratch, 16);
        *to = value_bytes(VALUE_UUID, (Slice){uuid, 16});
        return text_uuid(text, uuid) || none(field, err);
    }
    if (field->form == FORM_DATE_TEXT) {
        to->kind = VALUE_DATE;
        ok = sign != 0 || text_date(without_zone(text), &to->integer);
    } else if (field->form == FORM_TIME_TEXT) {
        to->kind = VALUE_TIME;
        ok = sign == 0 && text_time(without_zone(text), &to->integer);
    } else {
        to->kind = field->type.kind == TYPE_TIMESTAMP ? VALUE_TIMESTAMP : VALUE_TIMESTAMPTZ;
        ok = sign != 0 || text_timestamp(text, field->form == FORM_ZONED, &to->integer);
    }
    to->integer = sign > 0 ? last : sign < 0 ? first : to->integer;
    return ok || none(field, err);
}

// Debezium's are little-endian: the last bit is the lowest of the first byte.
static bool bits_value(const KafkaField *field, Arena *scratch, Slice from, Value *to, Err *err) {
    size_t count = (size_t)field->type.precision;
    uint8_t *bytes = ARENA_ARRAY(scratch, uint8_t, (count + 7) / 8);
    if (from.size > (count + 7) / 8) {
        return none(field, err);
    }
    for (size_t i = 0; i < from.size * 8; i++) {
        bool set = (from.data[i / 8] >> (i % 8) & 1) != 0;
        if (set && i >= count) {
            return none(field, err);
        }
        size_t place = set ? count - 1 - i : 0;
        bytes[place / 8] |= (uint8_t)(set ? 0x80 >> (place % 8) : 0);
    }
    *to = (Value){.kind = VALUE_BITS, .aux = (int32_t)count, .bytes = {bytes, (count + 7) / 8}};
    return true;
}

static bool nested_value(const KafkaField *field, Arena *scratch, const Value *from, Value *to, Err *err) {
    Value *items = ARENA_ARRAY(scratch, Value, from->items.count);
    for (size_t i = 0; i < from->items.count; i++) {
        bool key = field->form == FORM_MAP && i % 2 == 0;
        const KafkaField *part = &field->parts[field->form == FORM_STRUCT ? i : 0];
        items[i] = from->items.at[i];
        TRY(key || kafka_field_value(part, scratch, &from->items.at[i], &items[i], err));
    }
    *to = (Value){.kind = from->kind, .items = {items, from->items.count}};
    return true;
}

#define PLACEHOLDER CONNECT_UNAVAILABLE
static_assert(sizeof(PLACEHOLDER) - 1 == KAFKA_PLACEHOLDER_BYTES, "what is shorter is none");

// In place of a text or bytes; also as binary.handling.mode, hstore as JSON and uuid[] (its MD5) have it.
static bool is_placeholder_text(const Value *value) {
#define TEXT(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }
    static const Slice TEXTS[] = {TEXT(PLACEHOLDER), TEXT("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="),
                                  TEXT("{\"" PLACEHOLDER "\":\"" PLACEHOLDER "\"}"),
                                  TEXT("b68a35a7-17ad-35b3-af2a-ae46edb4545a")};
    if ((value->kind != VALUE_STRING && value->kind != VALUE_BYTES) || value->bytes.size < strlen(PLACEHOLDER)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        if (slice_equal(value->bytes, TEXTS[i])) {
            return true;
        }
    }
    return false;
#undef TEXT
}

// Lists: one item of text or of a uuid, or of integers one a byte of the placeholder; hstore as map: to itself.
static bool is_placeholder(const KafkaField *field, const Value *from) {
    size_t count = from->kind == VALUE_LIST || from->kind == VALUE_MAP ? from->items.count : 0;
    if (!field->change) {
        return false;
    }
    if (from->kind == VALUE_LIST && count == strlen(PLACEHOLDER)) {
        for (size_t i = 0; i < count; i++) {
            const Value *item = &from->items.at[i];
            if (item->kind != VALUE_INT || item->integer != PLACEHOLDER[i]) {
                return false;
            }
        }
        return true;
    }
    if (count == 0) {
        return is_placeholder_text(from);
    }
    bool alone = count == (from->kind == VALUE_MAP ? 2 : 1);
    return alone && is_placeholder_text(&from->items.at[0]) && is_placeholder_text(&from->items.at[count - 1]);
}

bool kafka_field_value(const KafkaField *field, Arena *scratch, const Value *from, Value *to, Err *err) {
    *to = *from;
    if (from->kind == VALUE_NULL) {
        return true;
    }
    if (is_placeholder(field, from)) {
        *to = (Value){.kind = VALUE_UNCHANGED};
        return true;
    }
    switch ((Form)field->form) {
    case FORM_COPY:
        return true;
    case FORM_DECIMAL:
        return decimal_value(field, scratch, from, to, err);
    case FORM_VARIABLE:
        return variable_value(field, scratch, from, to, err);
    case FORM_DATE:
        *to = (Value){.kind = VALUE_DATE, .integer = from->integer - EPOCH_DAYS};
        return to->integer > INT32_MIN || none(field, err);
    case FORM_TIME:
    case FORM_TIMESTAMP:
        return time_value(field, from, to, err);
    case FORM_ZONED:
    case FORM_DATE_TEXT:
    case FORM_TIME_TEXT:
    case FORM_TIMESTAMP_TEXT:
    case FORM_UUID:
        return text_value(field, scratch, from->bytes, to, err);
    case FORM_BITS:
        return bits_value(field, scratch, from->bytes, to, err);
    case FORM_LIST:
    case FORM_MAP:
    case FORM_STRUCT:
        return nested_value(field, scratch, from, to, err);
    }
    UNREACHABLE();
}
