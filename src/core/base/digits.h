// SPDX-License-Identifier: Apache-2.0
// Decimal digits written two at a time: the inner loop of every number, date and time that becomes text.
#ifndef LEAT_CORE_BASE_DIGITS_H
#define LEAT_CORE_BASE_DIGITS_H

#include "core/base/defs.h"

static const char DIGIT_PAIRS[201] = "00010203040506070809101112131415161718192021222324"
                                     "25262728293031323334353637383940414243444546474849"
                                     "50515253545556575859606162636465666768697071727374"
                                     "75767778798081828384858687888990919293949596979899";

// Two digits of v (0 to 99).
static inline uint8_t *digits_put2(uint8_t *at, uint32_t v) {
    memcpy(at, DIGIT_PAIRS + (size_t)v * 2, 2);
    return at + 2;
}
// Four digits of v (0 to 9999).
static inline uint8_t *digits_put4(uint8_t *at, uint32_t v) {
    return digits_put2(digits_put2(at, v / 100), v % 100);
}
// How many digits v has: 1 to 20.
static inline uint32_t digits_count(uint64_t v) {
    // clang-format off
    static const uint64_t POWERS[] = {
        0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
        1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
        1000000000000000000, 10000000000000000000u,
    };
    // clang-format on
    uint32_t least = (64 - (uint32_t)__builtin_clzll(v | 1)) * 1233 >> 12; // bits * log10(2)
    return least + (v >= POWERS[least]);
}
// As many digits as v has.
static inline uint8_t *digits_put(uint8_t *at, uint64_t v) {
    uint8_t *end = at + digits_count(v);
    uint8_t *to = end;
    while (v >= 100) {
        to -= 2;
        digits_put2(to, (uint32_t)(v % 100));
        v /= 100;
    }
    if (v >= 10) {
        digits_put2(to - 2, (uint32_t)v);
    } else {
        to[-1] = (uint8_t)('0' + v);
    }
    return end;
}
static inline bool digit_is(uint8_t c) {
    return c >= '0' && c <= '9';
}

#endif
