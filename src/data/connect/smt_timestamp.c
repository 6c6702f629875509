// SPDX-License-Identifier: Apache-2.0
// org.apache.kafka.connect.transforms.TimestampConverter: text, Unix time, and Connect's Date, Time and Timestamp into
// each other, to the millisecond.
#include "data/connect/smt.h"

#include "data/connect/column.h"
#include "data/connect/java_time.h"

#include <ctype.h>

typedef enum Form { FORM_STRING, FORM_UNIX, FORM_DATE, FORM_TIME, FORM_TIMESTAMP, FORM_NONE } Form;

#define DAY_MS INT64_C(86400000)

static const struct {
    const char *name;
    ShapeKind kind;
} LOGICAL[] = {
    [FORM_STRING] = {NULL, SHAPE_STRING},
    [FORM_UNIX] = {NULL, SHAPE_INT64},
    [FORM_DATE] = {"org.apache.kafka.connect.data.Date", SHAPE_INT32},
    [FORM_TIME] = {"org.apache.kafka.connect.data.Time", SHAPE_INT32},
    [FORM_TIMESTAMP] = {"org.apache.kafka.connect.data.Timestamp", SHAPE_INT64},
};

typedef struct Converter {
    Slice field; // empty: the whole
    Form target;
    JavaTimeFormat *format; // NULL: none was given
    int precision;          // of unix: seconds, milliseconds, microseconds, nanoseconds
    bool replace_null;
} Converter;

typedef struct Plan {
    const Shape *shape;
    int32_t place; // -1: the field is not there
    Form from;
} Plan;

static bool timestamp_compile(Smt *smt, Err *err) {
    Converter *state = smt->state = ARENA_NEW(smt->arena, Converter);
    int target = 0;
    Slice given = {0}, format = smt_text(smt, "format", "");
    state->field = smt_text(smt, "field", "");
    TRY(smt_required(smt, "target.type", &given, err));
    TRY(smt_choice(smt, "target.type", "", "string,unix,Date,Time,Timestamp", &target, err));
    TRY(smt_choice(smt, "unix.precision", "milliseconds", "seconds,milliseconds,microseconds,nanoseconds",
                   &state->precision, err));
    TRY(smt_bool(smt, "replace.null.with.default", true, &state->replace_null, err));
    state->target = (Form)target;
    if (state->target == FORM_STRING && format.size == 0) {
        return smt_option_failed(smt, "format", err, "target.type=string needs it");
    }
    if (format.size > 0) {
        TRY(java_time_new(smt->arena, format, "format", smt->prefix, &state->format, err));
    }
    return true;
}

static Form form_of(const Shape *shape) {
    for (int form = FORM_DATE; form <= FORM_TIMESTAMP; form++) {
        if (shape->kind == LOGICAL[form].kind && smt_named(shape, LOGICAL[form].name)) {
            return (Form)form;
        }
    }
    return shape->kind == SHAPE_STRING ? FORM_STRING : shape->kind == SHAPE_INT64 ? FORM_UNIX : FORM_NONE;
}

static Shape target_shape(Smt *smt, const Converter *state, const Shape *from) {
    Shape shape = {.kind = LOGICAL[state->target].kind, .optional = from->optional};
    if (LOGICAL[state->target].name != NULL) {
        connect_describe(smt->arena, &shape, LOGICAL[state->target].name, 1, NULL, NULL);
    }
    return shape;
}

static Plan *plan_make(Smt *smt, const Converter *state, const Shape *from) {
    Plan *plan = ARENA_NEW(smt->arena, Plan);
    smt_plan_keep(smt, from, plan);
    plan->place = -1;
    if (state->field.size == 0) {
        plan->from = form_of(from);
        plan->shape = smt_shape_keep(smt->arena, target_shape(smt, state, from));
        return plan;
    }
    plan->shape = from;
    plan->place = from->kind == SHAPE_STRUCT ? shape_find(from, state->field) : -1;
    if (plan->place < 0) {
        return plan;
    }
    const Shape *field = &from->fields[plan->place].shape;
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, from->field_count);
    memcpy(fields, from->fields, from->field_count * sizeof(*fields));
    Shape target = target_shape(smt, state, field), shape = *from;
    fields[plan->place] = smt_field(state->field, &target);
    shape.fields = fields;
    plan->from = form_of(field);
    plan->shape = smt_shape_keep(smt->arena, shape);
    return plan;
}

static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

static bool read_ms(const Converter *state, Form form, const Value *value, int64_t *ms, Err *err) {
    static const int64_t UNITS[] = {1000, 1, 1000, 1000000}; // of a millisecond, or in one
    bool text = value->kind == VALUE_STRING;
    if (form == FORM_NONE || text != (form == FORM_STRING) || (!text && value->kind != VALUE_INT)) {
        return FAIL(err, ERR_VALUE, "field %.*s has no known form of a timestamp", SLICE_ARG(state->field));
    }
    switch (form) {
    case FORM_STRING:
        if (state->format == NULL) {
            return FAIL(err, ERR_VALUE, "field %.*s is text, and `format` is not given", SLICE_ARG(state->field));
        }
        return java_time_read(state->format, value->bytes, ms) ||
               FAIL(err, ERR_VALUE, "field %.*s: its text does not fit `format`", SLICE_ARG(state->field));
    case FORM_UNIX:
        if (state->precision == 0) {
            return !__builtin_mul_overflow(value->integer, 1000, ms) ||
                   FAIL(err, ERR_VALUE, "field %.*s: more seconds than milliseconds can tell", SLICE_ARG(state->field));
        }
        *ms = value->integer / UNITS[state->precision]; // towards zero, as TimeUnit does
        return true;
    case FORM_DATE:
        *ms = value->integer * DAY_MS;
        return true;
    case FORM_TIME:
    case FORM_TIMESTAMP:
    case FORM_NONE:
        break;
    }
    *ms = value->integer;
    return true;
}

static bool write_ms(const Converter *state, Arena *scratch, int64_t ms, Value *to, Err *err) {
    static const int64_t UNITS[] = {1, 1, 1000, 1000000};
    Buf text;
    switch (state->target) {
    case FORM_STRING:
        buf_init(&text, 0);
        java_time_write(state->format, ms, &text);
        *to = value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&text)));
        buf_release(&text);
        return true;
    case FORM_UNIX:
        *to = value_int(state->precision == 0 ? ms / 1000 : 0);
        return state->precision == 0 || !__builtin_mul_overflow(ms, UNITS[state->precision], &to->integer) ||
               FAIL(err, ERR_VALUE, "field %.*s: too far away for its unit", SLICE_ARG(state->field));
    case FORM_DATE: {
        int64_t days = floor_divide(ms, DAY_MS);
        *to = value_int(days);
        return days == (int32_t)days ||
               FAIL(err, ERR_VALUE, "field %.*s: too far away for a Date", SLICE_ARG(state->field));
    }
    case FORM_TIME:
        *to = value_int(ms - floor_divide(ms, DAY_MS) * DAY_MS);
        return true;
    case FORM_TIMESTAMP:
    case FORM_NONE:
        break;
    }
    *to = value_int(ms);
    return true;
}

static bool convert(const Converter *state, Arena *scratch, const Shape *shape, Form form, const Value *value,
                    Value *to, Err *err) {
    Value given = shape != NULL ? smt_or_default(scratch, shape, value, state->replace_null) : *value;
    int64_t ms = 0;
    if (given.kind == VALUE_NULL) {
        *to = given;
        return true;
    }
    TRY(read_ms(state, form, &given, &ms, err));
    return write_ms(state, scratch, ms, to, err);
}

static bool timestamp_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const Converter *state = smt->state;
    const Value *value = smt_value(smt, record);
    const Shape *from = smt_shape(smt, record);
    if (value == NULL && (from == NULL || state->field.size == 0 || from->kind != SHAPE_STRUCT)) {
        return true;
    }
    if (state->field.size == 0 && from == NULL) { // without a schema
        Value *made = ARENA_NEW(scratch, Value);
        smt_put(smt, record, NULL, made);
        return convert(state, scratch, NULL, value->kind == VALUE_STRING ? FORM_STRING : FORM_UNIX, value, made, err);
    }
    if (value == NULL) { // a null has the schema that a value would have
        const Plan *of_null = smt_plan(smt, from);
        smt_put(smt, record, (of_null != NULL ? of_null : plan_make(smt, state, from))->shape, NULL);
        return true;
    }
    if (state->field.size > 0) {
        TRY(smt_require_struct(smt, record, "converting a timestamp", err));
    }
    const Plan *plan = smt_plan(smt, from);
    plan = plan != NULL ? plan : plan_make(smt, state, from);
    if (state->field.size == 0) {
        Value *made = ARENA_NEW(scratch, Value);
        smt_put(smt, record, plan->shape, made);
        return convert(state, scratch, from, plan->from, value, made, err);
    }
    if (plan->place < 0) {
        return true;
    }
    Value *items = NULL;
    Value *made = smt_struct_new(scratch, plan->shape, &items);
    memcpy(items, value->items.at, from->field_count * sizeof(*items));
    TRY(convert(state, scratch, &from->fields[plan->place].shape, plan->from, &value->items.at[plan->place],
                &items[plan->place], err));
    smt_put(smt, record, plan->shape, made);
    return true;
}

const SmtClass SMT_TIMESTAMP_CONVERTER = {
    .name = "org.apache.kafka.connect.transforms.TimestampConverter",
    .parts = true,
    .compile = timestamp_compile,
    .apply = timestamp_apply,
};
