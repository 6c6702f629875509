// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/bounds.h"

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

static bool continues(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

// The start of the code point that ends before `end`.
static size_t code_point_start(const uint8_t *bytes, size_t end) {
    size_t start = end - 1;
    while (start > 0 && end - start < 4 && continues(bytes[start])) {
        start--;
    }
    return start;
}

static uint32_t code_point_of(const uint8_t *at, size_t size) {
    static const uint8_t MASKS[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t point = at[0] & MASKS[size];
    for (size_t i = 1; i < size; i++) {
        point = point << 6 | (at[i] & 0x3F);
    }
    return point;
}

static size_t code_point_put(uint8_t *at, uint32_t point) {
    if (point < 0x80) {
        at[0] = (uint8_t)point;
        return 1;
    }
    size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t HEADS[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--, point >>= 6) {
        at[i] = (uint8_t)(0x80 | (point & 0x3F));
    }
    at[0] = (uint8_t)(HEADS[size] | point);
    return size;
}

// The next greater text that is not longer but for its last code point; false when there is none.
static bool text_raise(Bound *bound) {
    size_t size = bound->size;
    while (size > 0) {
        size_t start = code_point_start(bound->bytes, size);
        uint32_t point = code_point_of(bound->bytes + start, size - start);
        if (point < 0x10FFFF) {
            point = point == 0xD7FF ? 0xE000 : point + 1;
            bound->size = (uint8_t)(start + code_point_put(bound->bytes + start, point));
            return true;
        }
        size = start;
    }
    return false;
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
    if (!bound->exact && order == BOUNDS_TEXT && continues(value.data[size])) {
        size = code_point_start(value.data, size);
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
