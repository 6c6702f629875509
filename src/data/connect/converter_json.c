// SPDX-License-Identifier: Apache-2.0
// org.apache.kafka.connect.json.JsonConverter. A shape is compiled into steps that know the text in front of each
// value, so that a record is a walk over steps and values.
#include "core/base/decimal.h"
#include "core/base/digits.h"
#include "core/base/json.h"
#include "data/connect/converter_class.h"
#include "data/connect/decimal_bytes.h"
#include "data/connect/json_converter.h"
#include "data/connect/notes.h"
#include "data/connect/smt.h"

#include <strings.h>

enum { LEAD_STEP = 16, NUMBER_BYTES = 32, DEPTH_MAX = 512 };

typedef struct JsonConverter {
    bool schemas, numeric, replace_null;
} JsonConverter;

typedef struct Step Step;
struct Step {
    uint8_t kind; // a ShapeKind
    bool decimal; // a Decimal, to be written in digits
    int32_t scale;
    uint32_t count;     // STRUCT: of `inner`; LIST, MAP: 1
    Slice lead;         // `,"name":`, readable up to a multiple of LEAD_STEP
    Slice null;         // what stands for null, with the lead; data NULL: null is not allowed
    const Shape *shape; // for kinds that are rare
    const Step *inner;
    Slice name; // for errors
};

typedef struct Plan {
    Step step;
    Slice before; // {"schema":…,"payload":
} Plan;

static bool json_compile(Converter *converter, const SchemaRegistrar *registrar, Err *err) {
    JsonConverter *state = converter->state = ARENA_NEW(converter->arena, JsonConverter);
    TRY(converter_option_bool(converter, "schemas.enable", true, &state->schemas, err));
    TRY(converter_option_bool(converter, "replace.null.with.default", true, &state->replace_null, err));
    Slice format = converter_option(converter, "decimal.format", "BASE64");
    state->numeric = format.size == 7 && strncasecmp((const char *)format.data, "NUMERIC", 7) == 0;
    if (!state->numeric && (format.size != 6 || strncasecmp((const char *)format.data, "BASE64", 6) != 0)) {
        return FAIL(err, ERR_OPTION, "%sdecimal.format: \"%.*s\" is neither BASE64 nor NUMERIC", converter->prefix,
                    (int)MIN(format.size, 60), (const char *)format.data);
    }
    converter->yield = state->schemas ? YIELD_SCHEMA : YIELD_SCHEMALESS;
    return true;
}

// --- compiling -------------------------------------------------------------------------------------------------

static Slice padded(Arena *arena, Slice text) {
    uint8_t *room = arena_alloc(arena, (text.size + LEAD_STEP) / LEAD_STEP * LEAD_STEP);
    memcpy(room, text.data, text.size);
    return (Slice){room, text.size};
}

static Slice lead_of(Arena *arena, Slice name, const char *before) {
    Buf buf;
    buf_init(&buf, 0);
    buf_text(&buf, before);
    json_quote(&buf, name);
    buf_u8(&buf, ':');
    Slice lead = padded(arena, buf_slice(&buf));
    buf_release(&buf);
    return lead;
}

static bool put(const Step *step, const Value *value, Buf *out, Err *err);

// What stands for null, with the lead: `null`, or the default as a value.
static bool null_compile(const JsonConverter *state, Arena *arena, Step *step, Err *err) {
    Value value = {.kind = VALUE_NULL};
    if (state->replace_null && step->kind != SHAPE_STRUCT) {
        value = smt_json_value(arena, step->shape, connect_note(step->shape, "connect.default"));
    }
    if (value.kind == VALUE_NULL) {
        step->null =
            !step->shape->optional ? (Slice){0} : slice_of(arena_printf(arena, "%.*snull", SLICE_ARG(step->lead)));
        return true;
    }
    Buf buf;
    buf_init(&buf, 0);
    bool done = put(step, &value, &buf, err);
    step->null = arena_slice(arena, buf_slice(&buf));
    buf_release(&buf);
    return done;
}

static bool step_compile(const JsonConverter *state, Arena *arena, const Shape *shape, int depth, Step *step,
                         Err *err) {
    if (depth == 0) {
        return FAIL(err, ERR_TABLE, "%.*s is nested more than %d deep", SLICE_ARG(step->name), DEPTH_MAX);
    }
    step->kind = (uint8_t)shape->kind;
    step->shape = shape;
    step->scale = shape->scale;
    step->decimal =
        state->numeric && (shape->kind == SHAPE_DECIMAL || smt_named(shape, "org.apache.kafka.connect.data.Decimal"));
    if (shape->kind == SHAPE_STRUCT) {
        Step *inner = ARENA_ARRAY(arena, Step, shape->field_count);
        for (uint32_t i = 0; i < shape->field_count; i++) {
            inner[i].name = shape->fields[i].name;
            inner[i].lead = lead_of(arena, shape->fields[i].name, i == 0 ? "{" : ",");
            TRY(step_compile(state, arena, &shape->fields[i].shape, depth - 1, &inner[i], err));
        }
        step->inner = inner;
        step->count = shape->field_count;
    } else if (shape->element != NULL) {
        Step *inner = ARENA_NEW(arena, Step);
        inner->name = step->name;
        TRY(step_compile(state, arena, shape->element, depth - 1, inner, err));
        step->inner = inner;
        step->count = 1;
    }
    return null_compile(state, arena, step, err);
}

static bool plan_make(Converter *converter, const Shape *shape, Plan **made, Err *err) {
    const JsonConverter *state = converter->state;
    Plan *plan = ARENA_NEW(converter->arena, Plan);
    plan->step.name = SLICE("(the whole)");
    TRY(step_compile(state, converter->arena, shape, DEPTH_MAX, &plan->step, err));
    if (state->schemas) {
        Buf buf;
        buf_init(&buf, 0);
        buf_text(&buf, "{\"schema\":");
        json_converter_schema(&buf, shape);
        buf_text(&buf, ",\"payload\":");
        plan->before = arena_slice(converter->arena, buf_slice(&buf));
        buf_release(&buf);
    }
    converter_plan_keep(converter, shape, plan);
    *made = plan;
    return true;
}

// --- values ----------------------------------------------------------------------------------------------------

static bool null_refused(const Step *step, Err *err) {
    return FAIL(err, ERR_VALUE, "field %.*s is null, and must have a value", SLICE_ARG(step->name));
}

static bool misfit(const Step *step, Err *err) {
    return FAIL(err, ERR_VALUE, "field %.*s: its value is no %s", SLICE_ARG(step->name),
                shape_kind_name((ShapeKind)step->kind));
}

static bool put_decimal(const Step *step, const Value *value, Buf *out, Err *err) {
    uint8_t room[16];
    Int128 units;
    Slice decimal = value->bytes;
    if (step->decimal) {
        DEFER(arena_release) Arena scratch;
        arena_init_small(&scratch, "decimal", 256);
        if (!smt_decimal(&scratch, step->shape, value, &decimal)) {
            return misfit(step, err);
        }
        decimal_text(out, decimal);
        return true;
    }
    if (UNLIKELY(!decimal_to_int128(decimal, step->scale, &units))) {
        return FAIL(err, ERR_VALUE, "field %.*s: a number that does not fit its scale", SLICE_ARG(step->name));
    }
    json_base64(out, decimal_unscaled_int128(units, room));
    return true;
}

static bool put_items(const Step *step, const Value *value, Buf *out, Err *err) {
    bool map = step->kind == SHAPE_MAP;
    buf_u8(out, map ? '{' : '[');
    for (size_t i = 0; i < value->items.count; i++) {
        buf_text(out, i > 0 ? "," : "");
        if (map) {
            json_quote(out, value->items.at[i].bytes);
            buf_u8(out, ':');
            if (++i == value->items.count) {
                return misfit(step, err);
            }
        }
        TRY(put(step->inner, &value->items.at[i], out, err));
    }
    buf_u8(out, map ? '}' : ']');
    return true;
}

static bool put_fields(const Step *step, const Value *value, Buf *out, Err *err) {
    if (UNLIKELY(value->items.count != step->count)) {
        return misfit(step, err);
    }
    if (step->count == 0) {
        buf_u8(out, '{');
    }
    for (uint32_t i = 0; i < step->count; i++) {
        TRY(put(&step->inner[i], &value->items.at[i], out, err));
    }
    buf_u8(out, '}');
    return true;
}

static uint8_t *put_integer(uint8_t *at, int64_t v) {
    if (v < 0) {
        *at++ = '-';
    }
    return digits_put(at, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

// The lead, and room for a number behind it, which is not counted yet.
static uint8_t *put_lead(const Step *step, Buf *out) {
    uint8_t *room = buf_room(out, step->lead.size + LEAD_STEP + NUMBER_BYTES);
    if (UNLIKELY(room == NULL)) {
        return NULL;
    }
    for (size_t i = 0; i < step->lead.size; i += LEAD_STEP) {
        memcpy(room + i, step->lead.data + i, LEAD_STEP);
    }
    out->size += step->lead.size;
    return room + step->lead.size;
}

static bool put(const Step *step, const Value *value, Buf *out, Err *err) {
    if (value->kind == VALUE_NULL) {
        buf_put(out, step->null);
        return step->null.data != NULL || null_refused(step, err);
    }
    if (UNLIKELY(!smt_fits(step->shape, value))) {
        return misfit(step, err);
    }
    uint8_t *at = put_lead(step, out);
    if (UNLIKELY(at == NULL)) {
        return true; // the writer sees the overflow
    }
    switch ((ShapeKind)step->kind) {
    case SHAPE_BOOL:
        buf_text(out, value->kind == VALUE_TRUE ? "true" : "false");
        return true;
    case SHAPE_INT32:
    case SHAPE_INT64:
        out->size += (size_t)(put_integer(at, value->integer) - at);
        return true;
    case SHAPE_STRING:
        json_quote(out, value->bytes);
        return true;
    case SHAPE_DECIMAL:
        return put_decimal(step, value, out, err);
    case SHAPE_BYTES:
        if (step->decimal) {
            return put_decimal(step, value, out, err);
        }
        json_base64(out, value->bytes);
        return true;
    case SHAPE_LIST:
    case SHAPE_MAP:
        return put_items(step, value, out, err);
    case SHAPE_STRUCT:
        return put_fields(step, value, out, err);
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
    case SHAPE_UUID:
        json_converter_value(out, step->shape, value);
        return true;
    }
    UNREACHABLE();
}

// --- without a schema ------------------------------------------------------------------------------------------

static bool put_any(const Value *value, int depth, Buf *out, Err *err) {
    static const Shape REAL = {.kind = SHAPE_FLOAT64}, SINGLE = {.kind = SHAPE_FLOAT32};
    bool map = value->kind == VALUE_MAP;
    if (depth == 0) {
        return FAIL(err, ERR_VALUE, "a value without schema is nested more than %d deep", DEPTH_MAX);
    }
    if (value->kind == VALUE_NULL) {
        buf_text(out, "null");
    } else if (value->kind == VALUE_TRUE || value->kind == VALUE_FALSE) {
        buf_text(out, value->kind == VALUE_TRUE ? "true" : "false");
    } else if (value->kind == VALUE_INT) {
        buf_int(out, value->integer);
    } else if (value->kind == VALUE_FLOAT64 || value->kind == VALUE_FLOAT32) {
        json_converter_value(out, value->kind == VALUE_FLOAT64 ? &REAL : &SINGLE, value);
    } else if (value->kind == VALUE_STRING) {
        json_quote(out, value->bytes);
    } else if (value->kind == VALUE_BYTES) {
        json_base64(out, value->bytes);
    } else if (value->kind == VALUE_DECIMAL) {
        decimal_text(out, value->bytes);
    } else if (map || value->kind == VALUE_LIST) {
        buf_u8(out, map ? '{' : '[');
        for (size_t i = 0; i < value->items.count; i++) {
            buf_text(out, i == 0 ? "" : map && i % 2 == 1 ? ":" : ",");
            TRY(put_any(&value->items.at[i], depth - 1, out, err));
        }
        buf_u8(out, map ? '}' : ']');
    } else {
        return FAIL(err, ERR_VALUE, "a value without schema that JSON has no form for");
    }
    return true;
}

static bool json_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out, Err *err) {
    const JsonConverter *state = converter->state;
    if (UNLIKELY(shape == NULL)) {
        buf_text(out, state->schemas ? "{\"schema\":null,\"payload\":" : "");
        TRY(put_any(value, DEPTH_MAX, out, err));
        buf_text(out, state->schemas ? "}" : "");
        return true;
    }
    Plan *plan = converter_plan(converter, shape);
    if (UNLIKELY(plan == NULL)) {
        TRY(plan_make(converter, shape, &plan, err));
    }
    buf_put(out, plan->before);
    TRY(put(&plan->step, value, out, err));
    if (state->schemas) {
        buf_u8(out, '}');
    }
    return true;
}

// A null that has a schema is the text `null`, in an envelope of its schema.
static bool json_write_null(Converter *converter, Slice topic, const Shape *shape, Buf *out, bool *null, Err *err) {
    static const Value NONE = {.kind = VALUE_NULL};
    return json_write(converter, topic, shape, &NONE, out, err);
}

const ConverterClass CONVERTER_JSON = {
    .names = {"org.apache.kafka.connect.json.JsonConverter"},
    .compile = json_compile,
    .write = json_write,
    .write_null = json_write_null,
};
