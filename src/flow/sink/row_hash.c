// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/row_hash.h"

#include "core/base/decimal.h"
#include "core/sys/random.h"

// What stands before a value: that 0, "" and NULL are not alike.
enum { MARK_NULL = 1, MARK_NUMBER, MARK_REAL, MARK_BYTES, MARK_ITEMS, MARK_DECIMAL };

#define NAN_BITS UINT64_C(0x7ff8000000000000)

typedef struct Mixer {
    RowSecret secret;
    RowHash hash;
} Mixer;

static inline uint64_t multiply(uint64_t a, uint64_t b) {
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline void mix(Mixer *mixer, uint64_t x, uint64_t y) {
    const uint64_t *word = mixer->secret.word;
    mixer->hash.a = multiply(x ^ word[0] ^ mixer->hash.a, y ^ word[1]) + mixer->hash.a;
    mixer->hash.b = multiply(x ^ word[2], y ^ word[3] ^ mixer->hash.b) + mixer->hash.b;
}

static void mix_bytes(Mixer *mixer, Slice bytes, uint64_t mark) {
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    mix(mixer, bytes.size, mark);
    for (; left >= 16; left -= 16, at += 16) {
        mix(mixer, load_u64le(at), load_u64le(at + 8));
    }
    if (left > 0) {
        uint8_t rest[16] = {0};
        memcpy(rest, at, left);
        mix(mixer, load_u64le(rest), load_u64le(rest + 8));
    }
}

static void mix_real(Mixer *mixer, double real) {
    uint64_t bits = 0;
    double canonical = real == 0 ? 0.0 : real; // -0
    memcpy(&bits, &canonical, sizeof(bits));
    mix(mixer, real != real ? NAN_BITS : bits, MARK_REAL);
}

// Digits and where they stand, without how many of them are shown.
static void mix_decimal(Mixer *mixer, Slice decimal) {
    uint64_t head = (uint64_t)load_u16be(decimal.data + 2) << 16 | decimal_sign(decimal);
    mix(mixer, head, MARK_DECIMAL);
    mix_bytes(mixer, slice_from(decimal, DECIMAL_HEAD_BYTES), MARK_DECIMAL);
}

static void mix_value(Mixer *mixer, const Shape *shape, const Value *value);

static void mix_struct(Mixer *mixer, const Shape *shape, const Value *value) {
    mix(mixer, value->items.count, MARK_ITEMS);
    for (size_t i = 0; i < value->items.count && i < shape->field_count; i++) {
        mix_value(mixer, &shape->fields[i].shape, &value->items.at[i]);
    }
}

// Entries have no order: their hashes are added.
static void mix_map(Mixer *mixer, const Shape *shape, const Value *value) {
    uint64_t a = 0, b = 0;
    for (size_t i = 0; i + 1 < value->items.count; i += 2) {
        Mixer entry = {.secret = mixer->secret, .hash = {mixer->secret.word[3], mixer->secret.word[0]}};
        mix_bytes(&entry, value->items.at[i].bytes, MARK_BYTES);
        mix_value(&entry, shape->element, &value->items.at[i + 1]);
        a += entry.hash.a;
        b += entry.hash.b;
    }
    mix(mixer, value->items.count, MARK_ITEMS);
    mix(mixer, a, b);
}

static void mix_value(Mixer *mixer, const Shape *shape, const Value *value) {
    if (value_is_absent(value)) {
        mix(mixer, 0, MARK_NULL);
        return;
    }
    switch (shape->kind) {
    case SHAPE_BOOL:
        mix(mixer, value->kind == VALUE_TRUE, MARK_NUMBER);
        return;
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        mix(mixer, (uint64_t)value->integer, MARK_NUMBER);
        return;
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
        mix_real(mixer, value->real);
        return;
    case SHAPE_DECIMAL:
        mix_decimal(mixer, value->bytes);
        return;
    case SHAPE_STRING:
    case SHAPE_BYTES:
    case SHAPE_UUID:
        mix_bytes(mixer, value->bytes, MARK_BYTES);
        return;
    case SHAPE_LIST:
        mix(mixer, value->items.count, MARK_ITEMS);
        for (size_t i = 0; i < value->items.count; i++) {
            mix_value(mixer, shape->element, &value->items.at[i]);
        }
        return;
    case SHAPE_STRUCT:
        mix_struct(mixer, shape, value);
        return;
    case SHAPE_MAP:
        mix_map(mixer, shape, value);
        return;
    }
    UNREACHABLE();
}

static Mixer mixer_of(const RowSecret *secret) {
    return (Mixer){.secret = *secret, .hash = {secret->word[1], secret->word[2]}};
}

void row_secret_make(RowSecret *secret) {
    random_bytes(secret->word, sizeof(secret->word));
}

RowHash value_hash(const RowSecret *secret, const Shape *shape, const Value *value) {
    Mixer mixer = mixer_of(secret);
    mix_value(&mixer, shape, value);
    mix(&mixer, 1, 0);
    return mixer.hash;
}

RowHash row_hash(const RowSecret *secret, const Shape *record, const Value *values, const int32_t *fields,
                 size_t count) {
    Mixer mixer = mixer_of(secret);
    for (size_t i = 0; i < count; i++) {
        size_t field = fields != NULL ? (size_t)fields[i] : i;
        mix_value(&mixer, &record->fields[field].shape, &values[field]);
    }
    mix(&mixer, count, 0); // the last value is mixed twice
    return mixer.hash;
}

size_t row_bytes(const Value *values, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        switch ((ValueKind)values[i].kind) {
        case VALUE_DECIMAL:
        case VALUE_STRING:
        case VALUE_BYTES:
        case VALUE_UUID:
        case VALUE_BITS:
            bytes += 4 + values[i].bytes.size;
            break;
        case VALUE_LIST:
        case VALUE_STRUCT:
        case VALUE_MAP:
        case VALUE_RANGE:
        case VALUE_MULTIRANGE:
            bytes += 4 + row_bytes(values[i].items.at, values[i].items.count);
            break;
        case VALUE_NULL:
        case VALUE_UNCHANGED:
        case VALUE_FALSE:
        case VALUE_TRUE:
        case VALUE_INT:
        case VALUE_UINT64:
        case VALUE_FLOAT32:
        case VALUE_FLOAT64:
        case VALUE_DATE:
        case VALUE_TIME:
        case VALUE_TIMETZ:
        case VALUE_TIMESTAMP:
        case VALUE_TIMESTAMPTZ:
        case VALUE_INTERVAL:
        case VALUE_KIND_COUNT:
            bytes += 8;
            break;
        }
    }
    return bytes;
}
