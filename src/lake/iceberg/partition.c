// SPDX-License-Identifier: Apache-2.0
// Partition transforms and the hash of buckets.
#include "lake/iceberg/partition.h"

#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "lake/iceberg/parts.h"

// From 1970 to 2000.
#define EPOCH_DAYS INT64_C(10957)
#define EPOCH_US   (EPOCH_DAYS * CALENDAR_DAY_US)
#define HOUR_US    INT64_C(3600000000)

// --- names -----------------------------------------------------------------------------------------------------

// "[16]"
static bool width_parse(Slice text, int32_t *width) {
    if (text.size < 3 || text.size > 12 || text.data[0] != '[' || text.data[text.size - 1] != ']') {
        return false;
    }
    int64_t number = 0;
    for (size_t i = 1; i + 1 < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = number * 10 + (text.data[i] - '0');
    }
    *width = (int32_t)MIN(number, INT32_MAX);
    return number > 0 && number <= INT32_MAX;
}

bool transform_parse(Slice text, TransformKind *kind, int32_t *width) {
    static const struct {
        const char *name;
        TransformKind kind;
    } NAMES[] = {{"identity", TRANSFORM_IDENTITY}, {"year", TRANSFORM_YEAR}, {"month", TRANSFORM_MONTH},
                 {"day", TRANSFORM_DAY},           {"hour", TRANSFORM_HOUR}, {"void", TRANSFORM_VOID}};
    *width = 0;
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (slice_is(text, NAMES[i].name)) {
            *kind = NAMES[i].kind;
            return true;
        }
    }
    if (text.size > 6 && memcmp(text.data, "bucket", 6) == 0 && width_parse(slice_from(text, 6), width)) {
        *kind = TRANSFORM_BUCKET;
        return true;
    }
    if (text.size > 8 && memcmp(text.data, "truncate", 8) == 0 && width_parse(slice_from(text, 8), width)) {
        *kind = TRANSFORM_TRUNCATE;
        return true;
    }
    *kind = TRANSFORM_OTHER;
    return false;
}

// --- what goes with what ---------------------------------------------------------------------------------------

static bool is_timestamp(ShapeKind kind) {
    return kind == SHAPE_TIMESTAMP || kind == SHAPE_TIMESTAMPTZ;
}

static bool buckets(ShapeKind kind) {
    switch (kind) {
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_DECIMAL:
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
    case SHAPE_STRING:
    case SHAPE_UUID:
    case SHAPE_BYTES:
        return true;
    case SHAPE_BOOL:
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
    default:
        return false;
    }
}

// Foreign types stand as bytes, and take what they take: the metadata is right, though leat does not write to them.
static bool foreign_takes(const Shape *source, TransformKind kind) {
    Slice type = shape_note(source, ICEBERG_NOTE_TYPE);
    bool nanos = slice_is(type, "\"timestamp_ns\"") || slice_is(type, "\"timestamptz_ns\"");
    bool fixed = type.size > 6 && memcmp(type.data, "\"fixed", 6) == 0;
    switch (kind) {
    case TRANSFORM_IDENTITY:
    case TRANSFORM_BUCKET:
        return nanos || fixed;
    case TRANSFORM_YEAR:
    case TRANSFORM_MONTH:
    case TRANSFORM_DAY:
    case TRANSFORM_HOUR:
        return nanos;
    case TRANSFORM_VOID:
        return true;
    case TRANSFORM_TRUNCATE:
    case TRANSFORM_OTHER:
    default:
        return false;
    }
}

static bool takes(const Shape *source, TransformKind transform) {
    if (shape_is_foreign(source)) {
        return foreign_takes(source, transform);
    }
    ShapeKind kind = source->kind;
    switch (transform) {
    case TRANSFORM_IDENTITY:
        return kind != SHAPE_LIST && kind != SHAPE_STRUCT && kind != SHAPE_MAP;
    case TRANSFORM_BUCKET:
        return buckets(kind);
    case TRANSFORM_TRUNCATE:
        return kind == SHAPE_INT32 || kind == SHAPE_INT64 || kind == SHAPE_DECIMAL || kind == SHAPE_STRING ||
               kind == SHAPE_BYTES;
    case TRANSFORM_YEAR:
    case TRANSFORM_MONTH:
    case TRANSFORM_DAY:
        return kind == SHAPE_DATE || is_timestamp(kind);
    case TRANSFORM_HOUR:
        return is_timestamp(kind);
    case TRANSFORM_VOID:
        return true;
    case TRANSFORM_OTHER:
    default:
        return false;
    }
}

bool transform_shape(const PartitionField *field, const Shape *source, Shape *result, Err *err) {
    if (!takes(source, field->transform)) {
        Slice foreign = shape_note(source, ICEBERG_NOTE_TYPE);
        Slice type = foreign.data != NULL ? foreign : slice_of(shape_kind_name(source->kind));
        return FAIL(err, ERR_OPTION, "partition field %.*s: transform %.*s does not take a column of type %.*s",
                    (int)MIN(field->name.size, (size_t)100), field->name.data,
                    (int)MIN(field->transform_text.size, (size_t)40), field->transform_text.data,
                    (int)MIN(type.size, (size_t)60), type.data);
    }
    switch (field->transform) {
    case TRANSFORM_IDENTITY:
    case TRANSFORM_TRUNCATE:
    case TRANSFORM_VOID:
        *result = *source;
        break;
    case TRANSFORM_DAY:
        *result = (Shape){.kind = SHAPE_DATE};
        break;
    case TRANSFORM_BUCKET:
    case TRANSFORM_YEAR:
    case TRANSFORM_MONTH:
    case TRANSFORM_HOUR:
    case TRANSFORM_OTHER:
    default:
        *result = (Shape){.kind = SHAPE_INT32};
        break;
    }
    result->id = field->field_id;
    result->optional = true;
    result->doc = (Slice){0};
    return true;
}

// --- buckets ---------------------------------------------------------------------------------------------------

static uint32_t rotate_left(uint32_t v, int by) {
    return v << by | v >> (32 - by);
}

static uint32_t murmur_mix(uint32_t block) {
    return rotate_left(block * 0xcc9e2d51u, 15) * 0x1b873593u;
}

int32_t iceberg_hash_bytes(Slice bytes) {
    uint32_t hash = 0;
    size_t blocks = bytes.size / 4;
    for (size_t i = 0; i < blocks; i++) {
        hash = rotate_left(hash ^ murmur_mix(load_u32le(bytes.data + i * 4)), 13) * 5 + 0xe6546b64u;
    }
    uint32_t rest = 0;
    for (size_t i = bytes.size; i-- > blocks * 4;) {
        rest = rest << 8 | bytes.data[i];
    }
    hash ^= murmur_mix(rest);
    hash ^= (uint32_t)bytes.size;
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return (int32_t)(hash ^ hash >> 16);
}

static int32_t hash_long(int64_t v) {
    return iceberg_hash_bytes((Slice){(const uint8_t *)&v, sizeof(v)});
}

static bool no_number(const PartitionField *field, Err *err) {
    return FAIL(err, ERR_VALUE, "partition field %.*s: a value has no such partition: it is out of range or no number",
                (int)MIN(field->name.size, (size_t)100), field->name.data);
}

static bool bucket_hash(const PartitionField *field, const Shape *source, const Value *value, int32_t *hash, Err *err) {
    if (source->kind == SHAPE_STRING || source->kind == SHAPE_UUID || source->kind == SHAPE_BYTES) {
        *hash = iceberg_hash_bytes(value->bytes);
    } else if (source->kind == SHAPE_DECIMAL) {
        DEFER(buf_release) Buf bytes;
        buf_init(&bytes, 0);
        if (!single_value_write(source, value, &bytes)) {
            return no_number(field, err);
        }
        *hash = iceberg_hash_bytes(buf_slice(&bytes));
    } else if (source->kind == SHAPE_DATE) {
        *hash = hash_long(value->integer + EPOCH_DAYS);
    } else if (is_timestamp(source->kind)) {
        int64_t micros = 0;
        if (__builtin_add_overflow(value->integer, EPOCH_US, &micros)) {
            return no_number(field, err);
        }
        *hash = hash_long(micros);
    } else {
        *hash = hash_long(value->integer);
    }
    return true;
}

// --- truncated -------------------------------------------------------------------------------------------------

// Towards the past by whole widths; at the low end around the type's edge, as in Java.
static int64_t truncate_long(int64_t v, int64_t width) {
    int64_t rest = v % width;
    return (int64_t)((uint64_t)v - (uint64_t)(rest < 0 ? rest + width : rest));
}

static Slice truncate_text(Slice text, int32_t width) {
    int32_t points = 0;
    for (size_t i = 0; i < text.size; i++) {
        points += (text.data[i] & 0xc0) != 0x80;
        if (points > width) {
            return (Slice){text.data, i};
        }
    }
    return text;
}

static bool truncate_decimal(const PartitionField *field, const Shape *source, const Value *value, Arena *arena,
                             Value *result, Err *err) {
    Int128 units = 0;
    if (!decimal_to_int128(value->bytes, source->scale, &units)) {
        return no_number(field, err);
    }
    Int128 rest = units % field->width;
    units -= rest < 0 ? rest + field->width : rest;
    result->kind = VALUE_DECIMAL;
    result->bytes = decimal_from_int128(arena, units, (uint32_t)source->scale);
    return true;
}

static bool truncate_value(const PartitionField *field, const Shape *source, const Value *value, Arena *arena,
                           Value *result, Err *err) {
    *result = *value;
    switch ((int)source->kind) {
    case SHAPE_INT32:
        result->integer = (int32_t)truncate_long(value->integer, field->width);
        return true;
    case SHAPE_INT64:
        result->integer = truncate_long(value->integer, field->width);
        return true;
    case SHAPE_DECIMAL:
        return truncate_decimal(field, source, value, arena, result, err);
    case SHAPE_STRING:
        result->bytes = truncate_text(value->bytes, field->width);
        return true;
    default:
        result->bytes.size = MIN(value->bytes.size, (size_t)field->width);
        return true;
    }
}

// --- times -----------------------------------------------------------------------------------------------------

static bool time_value(const PartitionField *field, const Shape *source, const Value *value, Value *result, Err *err) {
    int64_t of_day = 0;
    int64_t days = source->kind == SHAPE_DATE ? value->integer : calendar_split(value->integer, &of_day);
    if (days <= INT32_MIN || days >= INT32_MAX) {
        return no_number(field, err); // an infinity: formats are never given one
    }
    if (field->transform == TRANSFORM_DAY) {
        *result = (Value){.kind = VALUE_DATE, .integer = days};
    } else if (field->transform == TRANSFORM_HOUR) {
        int64_t hours = (days + EPOCH_DAYS) * 24 + of_day / HOUR_US;
        if (hours < INT32_MIN || hours > INT32_MAX) {
            return no_number(field, err);
        }
        *result = value_int(hours);
    } else {
        CalendarDate date = calendar_date((int32_t)days);
        int64_t years = (int64_t)date.year - 1970;
        *result = value_int(field->transform == TRANSFORM_YEAR ? years : years * 12 + date.month - 1);
    }
    return true;
}

bool transform_value(const PartitionField *field, const Shape *source, const Value *value, Arena *arena, Value *result,
                     Err *err) {
    *result = (Value){.kind = VALUE_NULL};
    if (value_is_absent(value) || field->transform == TRANSFORM_VOID) {
        return true;
    }
    Shape shape;
    TRY(transform_shape(field, source, &shape, err));
    if (shape_is_foreign(source)) {
        return no_number(field, err);
    }
    int32_t hash = 0;
    switch (field->transform) {
    case TRANSFORM_IDENTITY:
        *result = *value;
        return true;
    case TRANSFORM_BUCKET:
        TRY(bucket_hash(field, source, value, &hash, err));
        *result = value_int((hash & INT32_MAX) % field->width);
        return true;
    case TRANSFORM_TRUNCATE:
        return truncate_value(field, source, value, arena, result, err);
    case TRANSFORM_YEAR:
    case TRANSFORM_MONTH:
    case TRANSFORM_DAY:
    case TRANSFORM_HOUR:
    case TRANSFORM_VOID:
    case TRANSFORM_OTHER:
    default:
        return time_value(field, source, value, result, err);
    }
}
