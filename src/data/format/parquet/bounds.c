// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/bounds.h"

#include "core/base/utf8.h"

// --- numbers ---------------------------------------------------------------------------------------------------

static void bounds_set(Bounds *bounds, const void *min, const void *max, size_t size) {
    bounds->any = true;
    bounds->min.exact = bounds->max.exact = true;
    bounds->min.size = bounds->max.size = (uint8_t)size;
    memcpy(bounds->min.bytes, min, size);
    memcpy(bounds->max.bytes, max, size);
}

static void bounds_bool(Bounds *bounds, const uint8_t *values, size_t count) {
    uint8_t min = 1, max = 0;
    for (size_t i = 0; i < count; i++) {
        min &= values[i];
        max |= values[i];
    }
    bounds_set(bounds, &min, &max, 1);
}

static void bounds_int32(Bounds *bounds, const uint8_t *values, size_t count) {
    const int32_t *at = (const int32_t *)(const void *)values;
    int32_t min = INT32_MAX, max = INT32_MIN;
    for (size_t i = 0; i < count; i++) {
        min = MIN(min, at[i]);
        max = MAX(max, at[i]);
    }
    bounds_set(bounds, &min, &max, sizeof(min));
}

static void bounds_int64(Bounds *bounds, const uint8_t *values, size_t count) {
    const int64_t *at = (const int64_t *)(const void *)values;
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        min = MIN(min, at[i]);
        max = MAX(max, at[i]);
    }
    bounds_set(bounds, &min, &max, sizeof(min));
}

// Comparisons with NaN are false, so it is passed over.
#define BOUNDS_REAL(Type)                                           \
    const Type *at = (const Type *)(const void *)values;            \
    Type min = (Type)__builtin_inf(), max = (Type)-__builtin_inf(); \
    bool any = false;                                               \
    for (size_t i = 0; i < count; i++) {                            \
        any |= at[i] == at[i];                                      \
        min = at[i] < min ? at[i] : min;                            \
        max = at[i] > max ? at[i] : max;                            \
    }                                                               \
    min = min == 0 ? (Type)-0.0 : min;                              \
    max = max == 0 ? (Type)0.0 : max;                               \
    if (any) {                                                      \
        bounds_set(bounds, &min, &max, sizeof(min));                \
    } else {                                                        \
        bounds->none = true;                                        \
    }

static void bounds_float(Bounds *bounds, const uint8_t *values, size_t count) {
    BOUNDS_REAL(float)
}

static void bounds_double(Bounds *bounds, const uint8_t *values, size_t count) {
    BOUNDS_REAL(double)
}

static int compare_decimal(Slice a, Slice b) {
    uint8_t x = a.data[0] ^ 0x80, y = b.data[0] ^ 0x80;
    return x != y ? (x > y) - (x < y) : slice_compare(a, b);
}

static void bounds_fixed(Bounds *bounds, BoundsOrder order, const uint8_t *values, size_t size, size_t count) {
    const uint8_t *min = values, *max = values;
    for (size_t i = 1; i < count; i++) {
        values += size;
        if (bound_compare(order, (Slice){values, size}, (Slice){min, size}) < 0) {
            min = values;
        } else if (bound_compare(order, (Slice){values, size}, (Slice){max, size}) > 0) {
            max = values;
        }
    }
    bounds_set(bounds, min, max, size);
}

int bound_compare(BoundsOrder order, Slice a, Slice b) {
#define COMPARE(Type)              \
    Type x, y;                     \
    memcpy(&x, a.data, sizeof(x)); \
    memcpy(&y, b.data, sizeof(y)); \
    return (x > y) - (x < y);
    switch (order) {
    case BOUNDS_INT32: {
        COMPARE(int32_t)
    }
    case BOUNDS_INT64: {
        COMPARE(int64_t)
    }
    case BOUNDS_FLOAT: {
        COMPARE(float)
    }
    case BOUNDS_DOUBLE: {
        COMPARE(double)
    }
    case BOUNDS_FIXED_DECIMAL:
        return compare_decimal(a, b);
    case BOUNDS_BOOL:
    case BOUNDS_FIXED:
    case BOUNDS_BYTES:
    case BOUNDS_TEXT:
        return slice_compare(a, b);
    }
    UNREACHABLE();
}

// --- byte arrays -----------------------------------------------------------------------------------------------

void bytes_range_add(BytesRange *range, Slice value) {
    if (range->min.data == NULL) {
        range->min = range->max = value;
    } else if (slice_compare(value, range->min) < 0) {
        range->min = value;
    } else if (slice_compare(value, range->max) > 0) {
        range->max = value;
    }
}

// The first 8 bytes as a number that orders as they do.
static uint64_t prefix_of(const uint8_t *value, size_t size) {
    uint64_t prefix = load_u64be(value);
    return size >= 8 ? prefix : size == 0 ? 0 : prefix >> (64 - size * 8) << (64 - size * 8);
}

static void bytes_range_of(BytesRange *range, const uint8_t *values, const uint32_t *lengths, size_t count) {
    uint64_t least = UINT64_MAX, greatest = 0;
    for (size_t i = 0; i < count; values += lengths[i], i++) {
        uint64_t prefix = prefix_of(values, lengths[i]);
        if (LIKELY(prefix > least && prefix < greatest)) {
            continue;
        }
        bytes_range_add(range, (Slice){values, lengths[i]});
        least = MIN(least, prefix);
        greatest = MAX(greatest, prefix);
    }
}

static bool text_raise(Bound *bound) {
    size_t size = utf8_raise(bound->bytes, bound->size);
    bound->size = size > 0 ? (uint8_t)size : bound->size;
    return size > 0;
}

static bool bytes_raise(Bound *bound) {
    while (bound->size > 0 && bound->bytes[bound->size - 1] == 0xFF) {
        bound->size--;
    }
    if (bound->size == 0) {
        return false;
    }
    bound->bytes[bound->size - 1]++;
    return true;
}

static void bound_cut(Bound *bound, BoundsOrder order, Slice value) {
    size_t size = MIN(value.size, (size_t)BOUND_BYTES_CUT);
    bound->exact = size == value.size;
    if (!bound->exact && order == BOUNDS_TEXT && utf8_continues(value.data[size])) {
        size = utf8_start(value.data, size);
    }
    bound->size = (uint8_t)size;
    if (size > 0) {
        memcpy(bound->bytes, value.data, size);
    }
}

void bounds_cut(Bounds *bounds, BoundsOrder order, const BytesRange *range) {
    bounds->any = true;
    bound_cut(&bounds->min, order, range->min);
    bound_cut(&bounds->max, order, range->max);
    if (!bounds->max.exact && !(order == BOUNDS_TEXT ? text_raise(&bounds->max) : bytes_raise(&bounds->max))) {
        *bounds = (Bounds){.none = true};
    }
}

// --- both ------------------------------------------------------------------------------------------------------

void bounds_of(Bounds *bounds, BoundsOrder order, const uint8_t *values, uint32_t value_size, const uint32_t *lengths,
               size_t count) {
    *bounds = (Bounds){0};
    if (count == 0) {
        return;
    }
    switch (order) {
    case BOUNDS_BOOL:
        bounds_bool(bounds, values, count);
        return;
    case BOUNDS_INT32:
        bounds_int32(bounds, values, count);
        return;
    case BOUNDS_INT64:
        bounds_int64(bounds, values, count);
        return;
    case BOUNDS_FLOAT:
        bounds_float(bounds, values, count);
        return;
    case BOUNDS_DOUBLE:
        bounds_double(bounds, values, count);
        return;
    case BOUNDS_FIXED:
    case BOUNDS_FIXED_DECIMAL:
        bounds_fixed(bounds, order, values, value_size, count);
        return;
    case BOUNDS_BYTES:
    case BOUNDS_TEXT: {
        BytesRange range = {0};
        bytes_range_of(&range, values, lengths, count);
        bounds_cut(bounds, order, &range);
        return;
    }
    }
}

void bounds_merge(Bounds *bounds, BoundsOrder order, const Bounds *other) {
    bounds->none |= other->none && (order == BOUNDS_BYTES || order == BOUNDS_TEXT);
    if (!other->any) {
        return;
    }
    if (!bounds->any) {
        bounds->any = true;
        bounds->min = other->min;
        bounds->max = other->max;
        return;
    }
    int least = bound_compare(order, bound_slice(&other->min), bound_slice(&bounds->min));
    if (least < 0 || (least == 0 && other->min.exact)) {
        bounds->min = other->min;
    }
    int greatest = bound_compare(order, bound_slice(&other->max), bound_slice(&bounds->max));
    if (greatest > 0 || (greatest == 0 && other->max.exact)) {
        bounds->max = other->max;
    }
}
