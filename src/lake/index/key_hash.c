// SPDX-License-Identifier: Apache-2.0
// Hashes of keys. They stand in files, so nothing here may change without a new version of the index's format.
//
// Exact: the integer, mixed by a bijection of 64 bits (the finaliser of SplitMix64): different keys, different hashes.
// Other keys: the upper 64 and the lowest 32 bits of XXH3's 128 over an encoding that differs where keys differ and is
// equal where the source holds them to be equal: 1.0 and 1.00, 0.0 and -0.0, 1 month and 30 days.
#include "core/base/decimal.h"
#include "lake/index/index.h"

#define XXH_INLINE_ALL // its state on the stack, and short keys without a call
#include <xxhash.h>

#define HASH_SEED 0x6c6561742d6b6579u // "leat-key"

// --- exact -----------------------------------------------------------------------------------------------------

bool key_kind_exact(TypeKind kind) {
    switch (kind) {
    case TYPE_BOOL:
    case TYPE_INT16:
    case TYPE_INT32:
    case TYPE_INT64:
    case TYPE_UINT32:
    case TYPE_UINT64:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return true;
    case TYPE_FLOAT32:
    case TYPE_FLOAT64:
    case TYPE_DECIMAL:
    case TYPE_STRING:
    case TYPE_BYTES:
    case TYPE_TIMETZ:
    case TYPE_INTERVAL:
    case TYPE_UUID:
    case TYPE_JSON:
    case TYPE_ENUM:
    case TYPE_BITS:
    case TYPE_LIST:
    case TYPE_STRUCT:
    case TYPE_MAP:
    case TYPE_RANGE:
    case TYPE_MULTIRANGE:
    case TYPE_KIND_COUNT:
        break;
    }
    return false;
}

static uint64_t mix_exact(uint64_t x) {
    x += HASH_SEED;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t exact_bits(const Value *value) {
    switch ((ValueKind)value->kind) {
    case VALUE_FALSE:
        return 0;
    case VALUE_TRUE:
        return 1;
    case VALUE_INT:
    case VALUE_UINT64:
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
        return (uint64_t)value->integer;
    case VALUE_NULL:
    case VALUE_UNCHANGED:
    case VALUE_FLOAT32:
    case VALUE_FLOAT64:
    case VALUE_DECIMAL:
    case VALUE_STRING:
    case VALUE_BYTES:
    case VALUE_TIMETZ:
    case VALUE_INTERVAL:
    case VALUE_UUID:
    case VALUE_BITS:
    case VALUE_LIST:
    case VALUE_STRUCT:
    case VALUE_MAP:
    case VALUE_RANGE:
    case VALUE_MULTIRANGE:
    case VALUE_KIND_COUNT:
        break;
    }
    panic("a value of kind %d is no exact key", value->kind);
}

// --- fingerprints ----------------------------------------------------------------------------------------------

// Short keys, nearly all, are hashed in one go; what does not fit goes through the streaming state.
typedef struct Encoder {
    uint8_t bytes[256];
    size_t size;
    bool streams;
    XXH3_state_t state;
} Encoder;

static void encode(Encoder *encoder, const void *bytes, size_t size) {
    if (size <= sizeof(encoder->bytes) - encoder->size) {
        if (size > 0) {
            memcpy(encoder->bytes + encoder->size, bytes, size);
        }
        encoder->size += size;
        return;
    }
    if (!encoder->streams) {
        XXH3_128bits_reset_withSeed(&encoder->state, HASH_SEED);
        encoder->streams = true;
    }
    XXH3_128bits_update(&encoder->state, encoder->bytes, encoder->size);
    encoder->size = 0;
    if (size > sizeof(encoder->bytes)) {
        XXH3_128bits_update(&encoder->state, bytes, size);
    } else {
        encode(encoder, bytes, size);
    }
}

static void encode_u8(Encoder *encoder, uint8_t v) {
    encode(encoder, &v, sizeof(v));
}
static void encode_u32(Encoder *encoder, uint32_t v) {
    encode(encoder, &v, sizeof(v));
}
static void encode_u64(Encoder *encoder, uint64_t v) {
    encode(encoder, &v, sizeof(v));
}
static void encode_sized(Encoder *encoder, Slice bytes) {
    encode_u64(encoder, bytes.size);
    encode(encoder, bytes.data, bytes.size);
}

// Zero has one sign and NaN one form.
static void encode_real(Encoder *encoder, double real) {
    if (real != real) {
        encode_u64(encoder, UINT64_MAX);
        return;
    }
    uint64_t bits = 0;
    if (real < 0 || real > 0) {
        memcpy(&bits, &real, sizeof(bits));
    }
    encode_u64(encoder, bits);
}

// Without the scale: the number alone makes the key.
static void encode_decimal(Encoder *encoder, Slice decimal) {
    ASSERT(decimal.size >= DECIMAL_HEAD_BYTES);
    encode(encoder, decimal.data, 6);
    encode(encoder, decimal.data + DECIMAL_HEAD_BYTES, decimal.size - DECIMAL_HEAD_BYTES);
}

// As PostgreSQL compares them: a month has 30 days, a day 24 hours.
static void encode_interval(Encoder *encoder, const Interval *interval) {
    Int128 micros = interval->micros;
    micros += ((Int128)interval->months * 30 + interval->days) * INT64_C(86400000000);
    encode(encoder, &micros, sizeof(micros));
}

static void encode_value(Encoder *encoder, const Value *value) {
    encode_u8(encoder, value->kind);
    switch ((ValueKind)value->kind) {
    case VALUE_NULL: // below a list or a struct
    case VALUE_FALSE:
    case VALUE_TRUE:
        return;
    case VALUE_INT:
    case VALUE_UINT64:
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
        encode_u64(encoder, (uint64_t)value->integer);
        return;
    case VALUE_TIMETZ:
        encode_u64(encoder, (uint64_t)value->integer);
        encode_u32(encoder, (uint32_t)value->aux);
        return;
    case VALUE_FLOAT32:
    case VALUE_FLOAT64:
        encode_real(encoder, value->real);
        return;
    case VALUE_DECIMAL:
        encode_decimal(encoder, value->bytes);
        return;
    case VALUE_INTERVAL:
        encode_interval(encoder, &value->interval);
        return;
    case VALUE_BITS:
        encode_u32(encoder, (uint32_t)value->aux);
        encode_sized(encoder, value->bytes);
        return;
    case VALUE_STRING:
    case VALUE_BYTES:
    case VALUE_UUID:
        encode_sized(encoder, value->bytes);
        return;
    case VALUE_RANGE:
        encode_u32(encoder, (uint32_t)value->aux);
        break;
    case VALUE_LIST:
    case VALUE_STRUCT:
    case VALUE_MAP:
    case VALUE_MULTIRANGE:
        break;
    case VALUE_UNCHANGED:
    case VALUE_KIND_COUNT:
        panic("a value of kind %d is no part of a key", value->kind);
    }
    encode_u64(encoder, value->items.count);
    for (size_t i = 0; i < value->items.count; i++) {
        encode_value(encoder, &value->items.at[i]);
    }
}

KeyHash key_hash(const Value *values, size_t count, bool exact) {
    ASSERT(count > 0);
    if (exact) {
        ASSERT(count == 1);
        return (KeyHash){mix_exact(exact_bits(values)), 0};
    }
    Encoder encoder;
    encoder.size = 0;
    encoder.streams = false;
    for (size_t i = 0; i < count; i++) {
        ASSERT(!value_is_absent(&values[i]));
        encode_value(&encoder, &values[i]);
    }
    XXH128_hash_t hash;
    if (encoder.streams) {
        XXH3_128bits_update(&encoder.state, encoder.bytes, encoder.size);
        hash = XXH3_128bits_digest(&encoder.state);
    } else {
        hash = XXH3_128bits_withSeed(encoder.bytes, encoder.size, HASH_SEED);
    }
    return (KeyHash){hash.high64, (uint32_t)hash.low64};
}
