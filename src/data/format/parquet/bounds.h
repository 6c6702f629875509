// SPDX-License-Identifier: Apache-2.0
// The least and the greatest value of a page or column chunk, as statistics and the page index hold them: PLAIN, byte
// arrays without their length and cut to 64 bytes.
#ifndef LEAT_DATA_FORMAT_PARQUET_BOUNDS_H
#define LEAT_DATA_FORMAT_PARQUET_BOUNDS_H

#include "core/base/bytes.h"

typedef enum BoundsOrder { // how a column's values compare
    BOUNDS_BOOL,
    BOUNDS_INT32,
    BOUNDS_INT64,
    BOUNDS_FLOAT,
    BOUNDS_DOUBLE,
    BOUNDS_FIXED,         // bytes, unsigned
    BOUNDS_FIXED_DECIMAL, // two's complement, the highest byte first
    BOUNDS_BYTES,
    BOUNDS_TEXT, // bytes that are UTF-8: cut between code points
} BoundsOrder;

enum { BOUND_BYTES_CUT = 64, BOUND_BYTES_MAX = 68 };

typedef struct Bound {
    bool exact; // not cut
    uint8_t size;
    uint8_t bytes[BOUND_BYTES_MAX];
} Bound;

typedef struct Bounds {
    bool any;  // min and max are there
    bool none; // there are values, but none that bounds them: NaN only, or no greater text of 64 bytes
    Bound min;
    Bound max;
} Bounds;

// NaN does not count; zero is -0 as min and +0 as max. Byte arrays: the bytes one behind another, with 8 more readable.
void bounds_of(Bounds *bounds, BoundsOrder order, const uint8_t *values, uint32_t value_size, const uint32_t *lengths,
               size_t count);
// Takes one more value in, exactly as it is; bounds_cut when all are in.
typedef struct BytesRange {
    Slice min;
    Slice max; // data NULL = none yet
} BytesRange;
void bytes_range_add(BytesRange *range, Slice value);
void bounds_cut(Bounds *bounds, BoundsOrder order, const BytesRange *range);
// Widens `bounds` by those of another part of the same column.
void bounds_merge(Bounds *bounds, BoundsOrder order, const Bounds *other);
int bound_compare(BoundsOrder order, Slice a, Slice b);

static inline Slice bound_slice(const Bound *bound) {
    return (Slice){bound->bytes, bound->size};
}

#endif
