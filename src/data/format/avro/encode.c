// SPDX-License-Identifier: Apache-2.0
// Avro's binary encoding of records, by a program compiled once per shape.
//
// A step writes at a bare pointer. Room is asked for once for all that has a bounded size: a step's `after` counts the
// bytes that the steps behind it may need, in all structs around it too, so only what has no bound (strings, items of
// lists) asks again.
#include "core/base/decimal.h"
#include "data/format/avro/avro.h"
#include "data/format/avro/avro_schema.h"

typedef struct Step Step;
struct Step {
    uint8_t kind;  // a ShapeKind
    uint8_t value; // the ValueKind that it takes; BOOL: VALUE_FALSE, and VALUE_TRUE too
    bool optional;
    uint8_t value_branch; // as encoded
    Slice null;           // what NULL is encoded as; empty: it must have a value
    int32_t scale;
    uint32_t count; // STRUCT: of `inner`; LIST, MAP: 1
    size_t room;    // bytes that the step needs itself before it asks again
    size_t after;
    const Step *inner;
    Slice name; // for errors
};

struct AvroEncoder {
    Step record;
};

// --- compiling -------------------------------------------------------------------------------------------------

static const struct {
    uint8_t value, room;
} KINDS[] = {
    [SHAPE_BOOL] = {VALUE_FALSE, 1},
    [SHAPE_INT32] = {VALUE_INT, 5},
    [SHAPE_INT64] = {VALUE_INT, 10},
    [SHAPE_FLOAT32] = {VALUE_FLOAT32, 4},
    [SHAPE_FLOAT64] = {VALUE_FLOAT64, 8},
    [SHAPE_DECIMAL] = {VALUE_DECIMAL, 17},
    [SHAPE_STRING] = {VALUE_STRING, 10},
    [SHAPE_BYTES] = {VALUE_BYTES, 10},
    [SHAPE_DATE] = {VALUE_DATE, 5},
    [SHAPE_TIME] = {VALUE_TIME, 10},
    [SHAPE_TIMESTAMP] = {VALUE_TIMESTAMP, 10},
    [SHAPE_TIMESTAMPTZ] = {VALUE_TIMESTAMPTZ, 10},
    [SHAPE_UUID] = {VALUE_UUID, 37},
    [SHAPE_LIST] = {VALUE_LIST, 11},
    [SHAPE_STRUCT] = {VALUE_STRUCT, 0},
    [SHAPE_MAP] = {VALUE_MAP, 11},
};

typedef struct Compiling {
    Arena *arena;
    const AvroDefaults *defaults; // NULL: NULL is null
} Compiling;

static bool null_compile(const Compiling *work, const Shape *shape, const Value *by_default, Step *step, Err *err);

static bool compile_inner(const Compiling *work, const Shape *shape, size_t after, int depth, Step *step, Err *err);

static bool compile_step(const Compiling *work, const Shape *shape, const ShapeField *field, size_t after, int depth,
                         Step *step, Err *err) {
    if (depth == 0) {
        return FAIL(err, ERR_TABLE, "%.*s is nested more than %d deep", SLICE_ARG(step->name), AVRO_DEPTH_MAX);
    }
    Value by_default = {.kind = VALUE_NULL};
    bool null_last = field != NULL && avro_null_last(field);
    if (work->defaults != NULL) {
        by_default = work->defaults->of(work->arena, shape);
        null_last = by_default.kind != VALUE_NULL;
    }
    step->kind = (uint8_t)shape->kind;
    step->value = KINDS[shape->kind].value;
    step->optional = shape->optional;
    step->value_branch = null_last ? 0 : 2;
    step->scale = shape->scale;
    step->after = after;
    step->room = KINDS[shape->kind].room + (shape->optional ? 1u : 0u);
    TRY(compile_inner(work, shape, after, depth, step, err));
    TRY(null_compile(work, shape, &by_default, step, err));
    step->room += step->null.size;
    return true;
}

static bool compile_inner(const Compiling *work, const Shape *shape, size_t after, int depth, Step *step, Err *err) {
    if (shape->kind == SHAPE_STRUCT) {
        Step *inner = ARENA_ARRAY(work->arena, Step, shape->field_count);
        for (uint32_t i = shape->field_count; i-- > 0;) {
            inner[i].name = arena_slice(work->arena, shape->fields[i].name);
            TRY(compile_step(work, &shape->fields[i].shape, &shape->fields[i], after, depth - 1, &inner[i], err));
            after += inner[i].room;
        }
        step->room += after - step->after;
        step->inner = inner;
        step->count = shape->field_count;
    } else if (shape->element != NULL) {
        Step *inner = ARENA_NEW(work->arena, Step);
        inner->name = step->name;
        TRY(compile_step(work, shape->element, NULL, after + 1, depth - 1, inner, err)); // 1: the list's end
        step->inner = inner;
        step->count = 1;
    }
    return true;
}

bool avro_value_encoder_new(Arena *arena, const Shape *shape, const AvroDefaults *defaults, const AvroEncoder **encoder,
                            Err *err) {
    AvroEncoder *made = ARENA_NEW(arena, AvroEncoder);
    Compiling work = {arena, defaults};
    made->record.name = arena_slice(arena, shape->name);
    TRY(compile_step(&work, shape, NULL, 0, AVRO_DEPTH_MAX, &made->record, err));
    *encoder = made;
    return true;
}

bool avro_encoder_new(Arena *arena, const Shape *shape, const AvroEncoder **encoder, Err *err) {
    ASSERT(shape->kind == SHAPE_STRUCT);
    return avro_value_encoder_new(arena, shape, NULL, encoder, err);
}

// --- encoding --------------------------------------------------------------------------------------------------

static inline uint8_t *put_varint(uint8_t *at, uint64_t v) {
    while (v >= 0x80) {
        *at++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *at++ = (uint8_t)v;
    return at;
}
static inline uint8_t *put_zigzag(uint8_t *at, int64_t v) {
    return put_varint(at, zigzag_encode(v));
}

// Room for so many bytes at `at`, and for all that comes behind the step.
static uint8_t *ensure(const Step *step, size_t size, uint8_t *at, Buf *out, Err *err) {
    out->size = (size_t)(at - out->data);
    uint8_t *room = buf_room(out, size + step->after);
    if (UNLIKELY(room == NULL)) {
        FAIL(err, ERR_MEMORY, "%.*s: no room for %zu more bytes", SLICE_ARG(step->name), size);
    }
    return room;
}

static uint8_t *put_bytes(const Step *step, Slice bytes, uint8_t *at, Buf *out, Err *err) {
    if (UNLIKELY(bytes.size > out->capacity - (size_t)(at - out->data) ||
                 out->capacity - (size_t)(at - out->data) - bytes.size < 10 + step->after)) {
        at = ensure(step, bytes.size + 10, at, out, err);
        if (UNLIKELY(at == NULL)) {
            return NULL;
        }
    }
    at = put_varint(at, (uint64_t)bytes.size << 1);
    if (bytes.size > 0) {
        memcpy(at, bytes.data, bytes.size);
    }
    return at + bytes.size;
}

__extension__ typedef unsigned __int128 Unsigned128;

// Two's complement, big-endian, as few bytes as hold it.
static uint8_t *put_units(uint8_t *at, Int128 units) {
    int64_t low = (int64_t)units;
    if (LIKELY(units == low)) {
        uint64_t magnitude = (uint64_t)(low ^ (low >> 63));
        uint32_t size = (magnitude == 0 ? 0 : (uint32_t)(64 - __builtin_clzll(magnitude))) / 8 + 1;
        *at++ = (uint8_t)(size << 1);
        uint64_t bytes = __builtin_bswap64((uint64_t)low << (64 - 8 * size));
        memcpy(at, &bytes, 8);
        return at + size;
    }
    uint32_t size = 16;
    while (size > 9 && (Int128)((Unsigned128)units << (136 - 8 * size)) >> (136 - 8 * size) == units) {
        size--;
    }
    *at++ = (uint8_t)(size << 1);
    for (uint32_t i = size; i-- > 0;) {
        *at++ = (uint8_t)((Unsigned128)units >> (8 * i));
    }
    return at;
}

static uint8_t *put_uuid(uint8_t *at, Slice uuid) {
    static const char HEX[] = "0123456789abcdef";
    ASSERT(uuid.size == 16);
    *at++ = 36 << 1;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        *at++ = (uint8_t)HEX[uuid.data[i] >> 4];
        *at++ = (uint8_t)HEX[uuid.data[i] & 15];
    }
    return at;
}

static uint8_t *put_step(const Step *step, const Value *value, uint8_t *at, Buf *out, Err *err);

static uint8_t *misfit(const Step *step, const Value *value, Err *err) {
    if (value_is_absent(value)) {
        FAIL(err, ERR_VALUE, "%.*s has no value, and must have one", SLICE_ARG(step->name));
    } else {
        FAIL(err, ERR_VALUE, "%.*s: a value that Avro's %s cannot hold", SLICE_ARG(step->name),
             shape_kind_name((ShapeKind)step->kind));
    }
    return NULL;
}

static uint8_t *put_items(const Step *step, const Value *value, uint8_t *at, Buf *out, Err *err) {
    size_t count = value->items.count;
    bool map = step->kind == SHAPE_MAP;
    if (map && count % 2 != 0) {
        return misfit(step, value, err);
    }
    if (count > 0) {
        at = put_zigzag(at, (int64_t)(map ? count / 2 : count));
    }
    for (size_t i = 0; i < count && at != NULL; i++) {
        if (map) {
            at = put_bytes(step, value->items.at[i++].bytes, at, out, err);
        }
        at = at == NULL ? NULL : ensure(step->inner, step->inner->room, at, out, err);
        at = at != NULL ? put_step(step->inner, &value->items.at[i], at, out, err) : NULL;
    }
    if (at != NULL) {
        *at++ = 0;
    }
    return at;
}

static uint8_t *put_fields(const Step *step, const Value *values, uint8_t *at, Buf *out, Err *err) {
    for (uint32_t i = 0; i < step->count && at != NULL; i++) {
        at = put_step(&step->inner[i], &values[i], at, out, err);
    }
    return at;
}

static uint8_t *put_decimal(const Step *step, const Value *value, uint8_t *at, Err *err) {
    Int128 units = 0;
    if (UNLIKELY(!decimal_to_int128(value->bytes, step->scale, &units))) {
        FAIL(err, ERR_VALUE, "%.*s: a number that does not fit its precision and scale", SLICE_ARG(step->name));
        return NULL;
    }
    return put_units(at, units);
}

static uint8_t *put_step(const Step *step, const Value *value, uint8_t *at, Buf *out, Err *err) {
    if (value->kind == VALUE_NULL && step->null.size > 0) {
        memcpy(at, step->null.data, step->null.size);
        return at + step->null.size;
    }
    if (step->optional) {
        *at++ = step->value_branch;
    }
    if (UNLIKELY(value->kind != step->value)) {
        if (step->kind == SHAPE_BOOL && value->kind == VALUE_TRUE) {
            *at++ = 1;
            return at;
        }
        return misfit(step, value, err);
    }
    switch ((ShapeKind)step->kind) {
    case SHAPE_BOOL:
        *at++ = 0;
        return at;
    case SHAPE_INT32:
        return value->integer == (int32_t)value->integer ? put_zigzag(at, value->integer) : misfit(step, value, err);
    case SHAPE_INT64:
    case SHAPE_TIME:
        return put_zigzag(at, value->integer);
    case SHAPE_DATE:
        return value->integer <= INT32_MAX - AVRO_EPOCH_DAYS ? put_zigzag(at, value->integer + AVRO_EPOCH_DAYS)
                                                             : misfit(step, value, err);
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        return value->integer <= INT64_MAX - AVRO_EPOCH_US ? put_zigzag(at, value->integer + AVRO_EPOCH_US)
                                                           : misfit(step, value, err);
    case SHAPE_FLOAT32: {
        float real = (float)value->real;
        memcpy(at, &real, sizeof(real));
        return at + sizeof(real);
    }
    case SHAPE_FLOAT64:
        memcpy(at, &value->real, sizeof(value->real));
        return at + sizeof(value->real);
    case SHAPE_DECIMAL:
        return put_decimal(step, value, at, err);
    case SHAPE_STRING:
    case SHAPE_BYTES:
        return put_bytes(step, value->bytes, at, out, err);
    case SHAPE_UUID:
        return put_uuid(at, value->bytes);
    case SHAPE_LIST:
    case SHAPE_MAP:
        return put_items(step, value, at, out, err);
    case SHAPE_STRUCT:
        return value->items.count == step->count ? put_fields(step, value->items.at, at, out, err)
                                                 : misfit(step, value, err);
    }
    UNREACHABLE();
}

// A default is encoded once, as any value is.
static bool null_compile(const Compiling *work, const Shape *shape, const Value *by_default, Step *step, Err *err) {
    static const uint8_t NULL_FIRST[] = {0}, NULL_LAST[] = {2};
    if (by_default->kind == VALUE_NULL || (shape->optional && work->defaults->keep_nulls)) {
        step->null = !shape->optional          ? (Slice){0}
                     : step->value_branch == 2 ? (Slice){NULL_FIRST, 1}
                                               : (Slice){NULL_LAST, 1};
        return true;
    }
    Buf out;
    buf_init(&out, 0);
    uint8_t *at = buf_room(&out, step->room + step->after);
    at = put_step(step, by_default, at, &out, err);
    out.size = at != NULL ? (size_t)(at - out.data) : 0;
    step->null = arena_slice(work->arena, buf_slice(&out));
    buf_release(&out);
    return at != NULL || err_frame(err, __FILE__, __LINE__);
}

bool avro_encode_value(const AvroEncoder *encoder, const Value *value, Buf *out, Err *err) {
    size_t start = out->size;
    uint8_t *at = buf_room(out, encoder->record.room + 1);
    if (UNLIKELY(at == NULL)) {
        return FAIL(err, ERR_MEMORY, "no room for a record");
    }
    at = put_step(&encoder->record, value, at, out, err);
    out->size = at != NULL ? (size_t)(at - out->data) : start;
    return at != NULL || err_frame(err, __FILE__, __LINE__);
}

bool avro_encode(const AvroEncoder *encoder, const Value *values, Buf *out, Err *err) {
    const Step *record = &encoder->record;
    if (values == NULL && !record->optional) {
        return FAIL(err, ERR_VALUE, "a record without a value cannot be written as Avro");
    }
    Value value = {.kind = values == NULL ? VALUE_NULL : VALUE_STRUCT, .items = {values, record->count}};
    return avro_encode_value(encoder, &value, out, err);
}
