// SPDX-License-Identifier: Apache-2.0
// Exact decimal numbers of any length, as bytes: the form of VALUE_DECIMAL, in memory and in the journal.
//
//     u16 count    base-10000 digits that follow
//     i16 weight   the first digit stands for digit × 10000^weight
//     u16 sign     0x0000 positive, 0x4000 negative, 0xC000 NaN, 0xD000 Infinity, 0xF000 -Infinity
//     u16 scale    decimal digits shown after the point, 0 to 16383
//     count × u16  0 to 9999, the most significant first
//
// all big-endian: what PostgreSQL's numeric_send writes, so that a value is borrowed from the wire once it was checked.
// There is one form of each number and scale: no digit behind the scale, no zero digit first or last, zero has no
// digits, weight 0 and no sign, NaN and the infinities have weight and scale 0. So equal bytes mean equal numbers shown
// alike (1.0 is not 1.00).
#ifndef LEAT_CORE_BASE_DECIMAL_H
#define LEAT_CORE_BASE_DECIMAL_H

#include "core/base/arena.h"
#include "core/base/buf.h"

enum {
    DECIMAL_POSITIVE = 0x0000,
    DECIMAL_NEGATIVE = 0x4000,
    DECIMAL_NAN = 0xC000,
    DECIMAL_INFINITY = 0xD000,
    DECIMAL_NEGATIVE_INFINITY = 0xF000,
    DECIMAL_SCALE_MAX = 16383,
    DECIMAL_HEAD_BYTES = 8,
};

__extension__ typedef __int128 Int128;

// Its sign field; above DECIMAL_NEGATIVE it is no number.
static inline uint16_t decimal_sign(Slice decimal) {
    ASSERT(decimal.size >= DECIMAL_HEAD_BYTES);
    return load_u16be(decimal.data + 4);
}
// The bytes are a decimal, but perhaps not in its one form: *decimal is `bytes` themselves where they are, else in the
// arena. False: they are none.
CHECKED bool decimal_from_bytes(Arena *arena, Slice bytes, Slice *decimal);
// Text as PostgreSQL prints it: [+-]digits[.digits], NaN, Infinity, -Infinity. The scale is that of the text.
CHECKED bool decimal_from_text(Arena *arena, Slice text, Slice *decimal);
// units × 10^-scale.
Slice decimal_from_int64(Arena *arena, int64_t units, uint32_t scale);
Slice decimal_from_int128(Arena *arena, Int128 units, uint32_t scale); // scale 0 to 38
// All digits, and zeros up to the scale.
void decimal_text(Buf *buf, Slice decimal);
// number × 10^scale as an integer; false when that is not exact, does not fit, or is no number.
CHECKED bool decimal_to_int128(Slice decimal, int32_t scale, Int128 *units);

#endif
