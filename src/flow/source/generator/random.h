// SPDX-License-Identifier: Apache-2.0
// Repeatable randomness for generators: the same seed gives the same numbers on every machine. Not for secrets.
#ifndef LEAT_FLOW_SOURCE_GENERATOR_RANDOM_H
#define LEAT_FLOW_SOURCE_GENERATOR_RANDOM_H

#include "core/base/defs.h"

typedef struct Random {
    uint64_t state;
} Random;

static inline Random random_of(uint64_t seed) {
    return (Random){seed};
}

// SplitMix64 (Steele, Lea, Flood 2014).
static inline uint64_t random_next(Random *random) {
    uint64_t z = (random->state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

// 0 … bound - 1; 0 < bound <= 2^32.
static inline int64_t random_below(Random *random, int64_t bound) {
    ASSERT(0 < bound && bound <= INT64_C(1) << 32);
    return (int64_t)(((random_next(random) >> 32) * (uint64_t)bound) >> 32);
}

// low … high, both included.
static inline int64_t random_between(Random *random, int64_t low, int64_t high) {
    return low + random_below(random, high - low + 1);
}

// True that many times in a hundred.
static inline bool random_percent(Random *random, int percent) {
    return random_below(random, 100) < percent;
}

// 0 … bound - 1, skewed as sales are: the first tenth is drawn in about half of all cases. (u³ of a uniform u: a power
// law of exponent 2/3, close to Zipf's, without a table.)
static inline int64_t random_rank(Random *random, int64_t bound) {
    uint64_t u = random_next(random) >> 32;
    uint64_t cubed = (((u * u) >> 32) * u) >> 32;
    return (int64_t)((cubed * (uint64_t)bound) >> 32);
}

#endif
