// SPDX-License-Identifier: Apache-2.0
// Decimals as Kafka Connect carries them: the unscaled integer, big-endian, two's complement, as few bytes as hold it.
#ifndef LEAT_DATA_CONNECT_DECIMAL_BYTES_H
#define LEAT_DATA_CONNECT_DECIMAL_BYTES_H

#include "core/base/arena.h"
#include "core/base/decimal.h"

// number × 10^scale; any number of digits, scale at least 0. False when that is not exact, or `decimal` no number or
// malformed.
CHECKED bool decimal_unscaled(Arena *arena, Slice decimal, int32_t scale, Slice *bytes);
// Into 16 bytes at `room`; returns the part of it that is used.
Slice decimal_unscaled_int128(Int128 units, uint8_t room[16]);
// The other way round: bytes × 10^-scale, whatever the sign of the scale. False: no bytes, or more digits than a
// decimal of leat's takes.
CHECKED bool decimal_from_unscaled(Arena *arena, Slice bytes, int32_t scale, Slice *decimal);
// The digits after the point that it needs, without zeros at the end. The bytes are a decimal's (decimal.h), a number.
int32_t decimal_scale_needed(Slice decimal);

#endif
