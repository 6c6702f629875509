// SPDX-License-Identifier: Apache-2.0
// org.apache.kafka.connect.transforms.Cast: fields, or the whole part, as another type; numbers as Java narrows them.
#include "data/connect/smt.h"

#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "core/base/json.h"
#include "data/connect/column.h"
#include "data/connect/java_time.h"

#include <ctype.h>
#include <math.h>
#include <strings.h>

typedef enum CastType {
    CAST_NONE,
    CAST_INT8,
    CAST_INT16,
    CAST_INT32,
    CAST_INT64,
    CAST_FLOAT32,
    CAST_FLOAT64,
    CAST_BOOLEAN,
    CAST_STRING
} CastType;

static const struct {
    const char *name;
    ShapeKind kind;
    const char *note; // connect.type
} TYPES[] = {
    [CAST_INT8] = {"int8", SHAPE_INT32, "\"int8\""},   [CAST_INT16] = {"int16", SHAPE_INT32, "\"int16\""},
    [CAST_INT32] = {"int32", SHAPE_INT32, NULL},       [CAST_INT64] = {"int64", SHAPE_INT64, NULL},
    [CAST_FLOAT32] = {"float32", SHAPE_FLOAT32, NULL}, [CAST_FLOAT64] = {"float64", SHAPE_FLOAT64, NULL},
    [CAST_BOOLEAN] = {"boolean", SHAPE_BOOL, NULL},    [CAST_STRING] = {"string", SHAPE_STRING, NULL},
};

typedef struct Cast {
    SmtList fields;
    CastType *types;
    CastType whole; // CAST_NONE: fields
    bool replace_null;
    JavaTimeFormat *date, *time, *timestamp;
} Cast;

typedef struct CastPlan {
    const Shape *shape;
    const CastType *types; // one a field; NULL: the whole
} CastPlan;

// --- compiling -------------------------------------------------------------------------------------------------

static CastType type_named(Slice name) {
    while (name.size > 0 && isspace(name.data[0])) {
        name = slice_from(name, 1);
    }
    for (size_t i = CAST_INT8; i < ARRAY_LEN(TYPES); i++) {
        if (name.size == strlen(TYPES[i].name) && strncasecmp((const char *)name.data, TYPES[i].name, name.size) == 0) {
            return (CastType)i;
        }
    }
    return CAST_NONE;
}

static bool item_parse(Smt *smt, Cast *cast, Slice item, bool alone, Err *err) {
    const uint8_t *colon = memchr(item.data, ':', item.size);
    Slice field = colon == NULL ? (Slice){0} : (Slice){item.data, (size_t)(colon - item.data)};
    CastType type = type_named(colon == NULL ? item : slice_from(item, field.size + 1));
    while (field.size > 0 && isspace(field.data[field.size - 1])) {
        field.size--;
    }
    if (type == CAST_NONE || (colon != NULL && field.size == 0)) {
        smt_option_failed(smt, "spec", err, "\"%.*s\" is no FIELD:TYPE", (int)MIN(item.size, 60),
                          (const char *)item.data);
        return err_hint(err, "types are int8, int16, int32, int64, float32, float64, boolean, string");
    }
    if (colon == NULL && !alone) {
        return smt_option_failed(smt, "spec", err, "a type for the whole must stand alone");
    }
    cast->whole = colon == NULL ? type : CAST_NONE;
    cast->fields.at[cast->fields.count] = field;
    cast->types[cast->fields.count++] = type;
    return true;
}

static bool cast_compile(Smt *smt, Err *err) {
    Cast *cast = smt->state = ARENA_NEW(smt->arena, Cast);
    SmtList items = smt_list(smt, "spec");
    if (items.count == 0) {
        return smt_option_failed(smt, "spec", err, "it must name at least one field and its type");
    }
    cast->fields.at = ARENA_ARRAY(smt->arena, Slice, items.count);
    cast->types = ARENA_ARRAY(smt->arena, CastType, items.count);
    for (size_t i = 0; i < items.count; i++) {
        TRY(item_parse(smt, cast, items.at[i], items.count == 1, err));
    }
    TRY(java_time_new(smt->arena, SLICE("yyyy-MM-dd"), "spec", smt->prefix, &cast->date, err));
    TRY(java_time_new(smt->arena, SLICE("HH:mm:ss.SSS'Z'"), "spec", smt->prefix, &cast->time, err));
    TRY(java_time_new(smt->arena, SLICE("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"), "spec", smt->prefix, &cast->timestamp, err));
    return smt_bool(smt, "replace.null.with.default", true, &cast->replace_null, err);
}

// --- values ----------------------------------------------------------------------------------------------------

static Value narrowed(CastType type, int64_t n) {
    return value_int(type == CAST_INT8    ? (int8_t)n
                     : type == CAST_INT16 ? (int16_t)n
                     : type == CAST_INT32 ? (int32_t)n
                                          : n);
}

static Value real_value(CastType type, double real) {
    return type == CAST_FLOAT32 ? (Value){.kind = VALUE_FLOAT32, .real = (double)(float)real}
                                : (Value){.kind = VALUE_FLOAT64, .real = real};
}

// As Java: towards zero, NaN is 0, and what is too large is the largest; for int8 and int16 by way of an int.
static int64_t real_integer(CastType type, double real) {
    if (isnan(real)) {
        return 0;
    }
    if (type == CAST_INT64) {
        return real >= 0x1p63 ? INT64_MAX : real < -0x1p63 ? INT64_MIN : (int64_t)real;
    }
    return real >= 0x1p31 ? INT32_MAX : real < -0x1p31 ? INT32_MIN : (int64_t)real;
}

static void value_words(const Cast *cast, Arena *scratch, const Shape *shape, const Value *value, Buf *out) {
    static const char DATE[] = "org.apache.kafka.connect.data.Date", TIME[] = "org.apache.kafka.connect.data.Time",
                      STAMP[] = "org.apache.kafka.connect.data.Timestamp";
    Slice decimal;
    if (value->kind == VALUE_INT && smt_named(shape, DATE)) {
        java_time_write(cast->date, value->integer * 86400000, out);
    } else if (value->kind == VALUE_INT && (smt_named(shape, TIME) || smt_named(shape, STAMP))) {
        java_time_write(smt_named(shape, TIME) ? cast->time : cast->timestamp, value->integer, out);
    } else if (value->kind == VALUE_INT) {
        buf_int(out, value->integer);
    } else if (value->kind == VALUE_FLOAT32 || value->kind == VALUE_FLOAT64) {
        smt_real_text(out, value->real, value->kind == VALUE_FLOAT32);
    } else if (value->kind == VALUE_STRING) {
        buf_put(out, value->bytes);
    } else if (smt_decimal(scratch, shape, value, &decimal)) {
        smt_decimal_text(out, decimal);
    } else if (value->kind == VALUE_BYTES) {
        json_base64(out, value->bytes);
        memmove(out->data, out->data + 1, out->size - 2); // without its quotes
        out->size -= 2;
    } else {
        buf_text(out, value->kind == VALUE_TRUE ? "true" : "false");
    }
}

// Text as Java's parseLong, parseFloat and parseBoolean read it.
static bool text_cast(CastType type, Arena *scratch, Slice bytes, Value *to) {
    const char *text = arena_text(scratch, bytes);
    char *end = NULL;
    if (type == CAST_BOOLEAN) {
        *to = value_bool(strcasecmp(text, "true") == 0);
        return true;
    }
    if (type == CAST_FLOAT32 || type == CAST_FLOAT64) {
        double real = strtod(text, &end);
        while (isspace((uint8_t)*end)) {
            end++;
        }
        *to = real_value(type, type == CAST_FLOAT32 ? (double)strtof(text, NULL) : real);
        return bytes.size > 0 && (size_t)(end - text) == bytes.size && strpbrk(text, "xXiI(") == NULL;
    }
    int64_t limit = type == CAST_INT8 ? INT8_MAX : type == CAST_INT16 ? INT16_MAX : INT32_MAX;
    size_t digits = text[0] == '-' || text[0] == '+' ? 1 : 0;
    for (size_t i = digits; i < bytes.size; i++) {
        if (!isdigit(bytes.data[i])) {
            return false;
        }
    }
    if (bytes.size == digits || bytes.size > 40) {
        return false;
    }
    Slice decimal;
    Int128 units = 0;
    if (!decimal_from_text(scratch, bytes, &decimal) || !decimal_to_int128(decimal, 0, &units)) {
        return false;
    }
    *to = value_int((int64_t)units);
    return type == CAST_INT64 ? units == (int64_t)units : units >= -(Int128)limit - 1 && units <= limit;
}

// The integer part, of which Java keeps the lowest bits.
static bool decimal_cast(CastType type, Arena *scratch, Slice decimal, Value *to) {
    Buf text;
    buf_init(&text, 0);
    decimal_text(&text, decimal);
    bool ok = decimal_sign(decimal) <= DECIMAL_NEGATIVE;
    if (type == CAST_FLOAT32 || type == CAST_FLOAT64) {
        const char *digits = arena_text(scratch, buf_slice(&text));
        *to = real_value(type, type == CAST_FLOAT32 ? (double)strtof(digits, NULL) : strtod(digits, NULL));
    } else {
        uint64_t low = 0;
        bool negative = text.size > 0 && text.data[0] == '-', any = false;
        for (size_t i = negative; i < text.size && isdigit(text.data[i]); i++) {
            low = low * 10 + (uint64_t)(text.data[i] - '0');
        }
        for (size_t i = 0; i < text.size; i++) {
            any |= text.data[i] >= '1' && text.data[i] <= '9';
        }
        *to = type == CAST_BOOLEAN ? value_bool(any) : narrowed(type, (int64_t)(negative ? 0 - low : low));
    }
    buf_release(&text);
    return ok;
}

static bool value_cast(const Cast *cast, Arena *scratch, const Shape *shape, CastType type, const Value *value,
                       Value *to) {
    bool integer = value->kind == VALUE_INT, truth = value->kind == VALUE_TRUE || value->kind == VALUE_FALSE;
    bool real = value->kind == VALUE_FLOAT32 || value->kind == VALUE_FLOAT64;
    Slice decimal;
    if (value->kind == VALUE_NULL) {
        *to = *value;
        return true;
    }
    if (type == CAST_STRING) {
        if (!integer && !truth && !real && value->kind != VALUE_STRING && value->kind != VALUE_DECIMAL &&
            value->kind != VALUE_BYTES) {
            return false;
        }
        Buf text;
        buf_init(&text, 0);
        value_words(cast, scratch, shape, value, &text);
        *to = value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&text)));
        buf_release(&text);
        return true;
    }
    bool to_real = type == CAST_FLOAT32 || type == CAST_FLOAT64;
    if (integer || truth) {
        int64_t n = integer ? value->integer : value->kind == VALUE_TRUE;
        *to = to_real                ? real_value(type, type == CAST_FLOAT32 ? (double)(float)n : (double)n)
              : type == CAST_BOOLEAN ? value_bool(n != 0)
                                     : narrowed(type, n);
        return true;
    }
    if (real) {
        *to = to_real                ? real_value(type, value->real)
              : type == CAST_BOOLEAN ? value_bool(value->real != 0)
                                     : narrowed(type, real_integer(type, value->real));
        return true;
    }
    return value->kind == VALUE_STRING                    ? text_cast(type, scratch, value->bytes, to)
           : smt_decimal(scratch, shape, value, &decimal) ? decimal_cast(type, scratch, decimal, to)
                                                          : false;
}

// --- plans -----------------------------------------------------------------------------------------------------

static void put_default(Smt *smt, const Cast *cast, const Shape *from, CastType type, Shape *shape) {
    Value value = smt_json_value(smt->arena, from, connect_note(from, "connect.default")), made;
    if (value.kind == VALUE_NULL || !value_cast(cast, smt->arena, from, type, &value, &made)) {
        return;
    }
    Buf json;
    buf_init(&json, 0);
    if (made.kind == VALUE_STRING) {
        json_quote(&json, made.bytes);
    } else if (made.kind == VALUE_INT) {
        buf_int(&json, made.integer);
    } else if (made.kind == VALUE_FLOAT32 || made.kind == VALUE_FLOAT64) {
        smt_real_text(&json, made.real, made.kind == VALUE_FLOAT32);
    } else {
        buf_text(&json, made.kind == VALUE_TRUE ? "true" : "false");
    }
    smt_note_set(smt->arena, shape, "connect.default", arena_slice(smt->arena, buf_slice(&json)));
    buf_release(&json);
}

static Shape cast_shape(Smt *smt, const Cast *cast, const Shape *from, CastType type) {
    Shape shape = {.kind = TYPES[type].kind, .optional = from->optional};
    if (TYPES[type].note != NULL) {
        connect_note_add(smt->arena, &shape, "connect.type", slice_of(TYPES[type].note));
    }
    put_default(smt, cast, from, type, &shape);
    return shape;
}

static CastPlan *cast_plan(Smt *smt, const Cast *cast, const Shape *from) {
    CastPlan *plan = ARENA_NEW(smt->arena, CastPlan);
    smt_plan_keep(smt, from, plan);
    if (cast->whole != CAST_NONE) {
        plan->shape = smt_shape_keep(smt->arena, cast_shape(smt, cast, from, cast->whole));
        return plan;
    }
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, from->field_count);
    CastType *types = ARENA_ARRAY(smt->arena, CastType, from->field_count);
    for (uint32_t i = 0; i < from->field_count; i++) {
        fields[i] = from->fields[i];
        for (size_t j = 0; j < cast->fields.count; j++) {
            types[i] = slice_equal(fields[i].name, cast->fields.at[j]) ? cast->types[j] : types[i];
        }
        if (types[i] != CAST_NONE) {
            Shape shape = cast_shape(smt, cast, &from->fields[i].shape, types[i]);
            fields[i] = smt_field(fields[i].name, &shape);
        }
    }
    Shape shape = *from; // optional stays
    shape.fields = fields;
    plan->shape = smt_shape_keep(smt->arena, shape);
    plan->types = types;
    return plan;
}

static bool cast_failed(Slice field, CastType type, const Value *value, Err *err) {
    return FAIL(err, ERR_VALUE, "field %.*s: its %s cannot be cast to %s", SLICE_ARG(field),
                value->kind == VALUE_STRING ? "text" : "value", TYPES[type].name);
}

static bool cast_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const Cast *cast = smt->state;
    const Value *value = smt_value(smt, record);
    const Shape *from = smt_shape(smt, record);
    if (value == NULL) {
        return true;
    }
    if (cast->whole == CAST_NONE) {
        TRY(smt_require_struct(smt, record, "casting fields", err));
    } else if (from == NULL) {
        from = &SMT_STRING_OPTIONAL;
    }
    const CastPlan *plan = smt_plan(smt, from);
    plan = plan != NULL ? plan : cast_plan(smt, cast, from);
    if (cast->whole != CAST_NONE) {
        Value *made = ARENA_NEW(scratch, Value);
        bool schemaless = smt_shape(smt, record) == NULL;
        smt_put(smt, record, schemaless ? NULL : plan->shape, made);
        return value_cast(cast, scratch, from, cast->whole, value, made) ||
               cast_failed(smt->on_key ? SLICE("(the key)") : SLICE("(the value)"), cast->whole, value, err);
    }
    Value *items = NULL;
    Value *made = smt_struct_new(scratch, plan->shape, &items);
    for (uint32_t i = 0; i < from->field_count; i++) {
        const Shape *shape = &from->fields[i].shape;
        const Value *item = &value->items.at[i];
        if (plan->types[i] == CAST_NONE) {
            items[i] = *item;
            continue;
        }
        Value given = smt_or_default(scratch, shape, item, cast->replace_null);
        if (!value_cast(cast, scratch, shape, plan->types[i], &given, &items[i])) {
            return cast_failed(from->fields[i].name, plan->types[i], item, err);
        }
    }
    smt_put(smt, record, plan->shape, made);
    return true;
}

const SmtClass SMT_CAST = {
    .name = "org.apache.kafka.connect.transforms.Cast",
    .parts = true,
    .compile = cast_compile,
    .apply = cast_apply,
};
