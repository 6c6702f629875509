// SPDX-License-Identifier: Apache-2.0
#include "data/connect/decimal_bytes.h"

Slice decimal_unscaled_int128(Int128 units, uint8_t room[16]) {
    for (size_t i = 16; i-- > 0; units >>= 8) {
        room[i] = (uint8_t)(units & 0xff);
    }
    // A leading byte goes when the next one has the same sign.
    size_t first = 0;
    while (first < 15 && (room[first] == 0 || room[first] == 0xff) &&
           (room[first] & 0x80) == (room[first + 1] & 0x80)) {
        first++;
    }
    return (Slice){room + first, 16 - first};
}

// --- numbers that 128 bits do not hold ---------------------------------------------------------------------------

typedef struct Limbs {
    uint32_t *at; // least significant first
    size_t count;
} Limbs;

static void limbs_multiply_add(Limbs *limbs, uint32_t factor, uint32_t carry) {
    for (size_t i = 0; i < limbs->count; i++) {
        uint64_t v = (uint64_t)limbs->at[i] * factor + carry;
        limbs->at[i] = (uint32_t)v;
        carry = (uint32_t)(v >> 32);
    }
    if (carry > 0) {
        limbs->at[limbs->count++] = carry;
    }
}

// Its digits up to `scale` behind the point, without sign and point; those missing are zeros. False: it has more.
static bool digits_of(Buf *text, int32_t scale) {
    size_t from = 0, to = 0, behind = 0;
    bool point = false;
    for (; from < text->size; from++) {
        uint8_t c = text->data[from];
        if (c == '.') {
            point = true;
        } else if (c != '-') {
            if (point && behind == (size_t)scale) {
                if (c != '0') {
                    return false;
                }
                continue;
            }
            behind += point;
            text->data[to++] = c;
        }
    }
    text->size = to;
    for (; behind < (size_t)scale; behind++) {
        buf_u8(text, '0');
    }
    return true;
}

static Slice limbs_bytes(Arena *arena, const Limbs *limbs, bool negative) {
    size_t size = limbs->count * 4 + 1;
    uint8_t *bytes = arena_alloc(arena, size);
    uint32_t carry = negative;
    for (size_t i = 0; i < size; i++) {
        uint32_t byte = i / 4 < limbs->count ? limbs->at[i / 4] >> (i % 4 * 8) & 0xff : 0;
        if (negative) {
            byte = (byte ^ 0xff) + carry;
            carry = byte >> 8;
        }
        bytes[size - 1 - i] = (uint8_t)byte;
    }
    size_t first = 0;
    while (first + 1 < size && bytes[first] == (negative ? 0xff : 0) &&
           (bytes[first] & 0x80) == (bytes[first + 1] & 0x80)) {
        first++;
    }
    return (Slice){bytes + first, size - first};
}

static bool unscaled_long(Arena *arena, Slice decimal, int32_t scale, Slice *bytes) {
    Buf text;
    buf_init(&text, 0);
    decimal_text(&text, decimal);
    bool ok = digits_of(&text, scale);
    if (ok) {
        Limbs limbs = {.at = arena_array(arena, sizeof(uint32_t), text.size / 9 + 2)}; // 9 digits are less than a limb
        for (size_t i = 0; i < text.size; i += 9) {
            size_t end = MIN(i + 9, text.size);
            uint32_t chunk = 0, factor = 1;
            for (size_t j = i; j < end; j++, factor *= 10) {
                chunk = chunk * 10 + (text.data[j] - (uint32_t)'0');
            }
            limbs_multiply_add(&limbs, factor, chunk);
        }
        *bytes = limbs_bytes(arena, &limbs, decimal_sign(decimal) == DECIMAL_NEGATIVE);
    }
    buf_release(&text);
    return ok;
}

bool decimal_unscaled(Arena *arena, Slice decimal, int32_t scale, Slice *bytes) {
    if (decimal.size < DECIMAL_HEAD_BYTES ||
        decimal.size != DECIMAL_HEAD_BYTES + (size_t)load_u16be(decimal.data) * 2 ||
        decimal_sign(decimal) > DECIMAL_NEGATIVE || scale < 0) {
        return false;
    }
    Int128 units;
    // 32 digits surely fit; a decimal of more base-10000 digits goes the long way.
    if (load_u16be(decimal.data) <= 8 && scale <= 32 && decimal_to_int128(decimal, scale, &units)) {
        uint8_t room[16];
        *bytes = arena_slice(arena, decimal_unscaled_int128(units, room));
        return true;
    }
    return unscaled_long(arena, decimal, scale, bytes);
}

int32_t decimal_scale_needed(Slice decimal) {
    int32_t count = load_u16be(decimal.data), weight = (int16_t)load_u16be(decimal.data + 2);
    if (count == 0) {
        return 0;
    }
    int32_t exponent = (weight - (count - 1)) * 4;
    for (uint32_t last = load_u16be(decimal.data + decimal.size - 2); last > 0 && last % 10 == 0; last /= 10) {
        exponent++;
    }
    return MAX(-exponent, 0);
}

// Of the magnitude of a two's complement, base 10^9, least significant first.
static Limbs limbs_of(Arena *arena, Slice bytes, bool negative) {
    const uint32_t base = 1000000000;
    Limbs limbs = {.at = arena_array(arena, sizeof(uint32_t), bytes.size / 3 + 2)}; // a limb is more than three bytes
    uint8_t *magnitude = arena_alloc(arena, bytes.size);
    uint32_t carry = negative;
    for (size_t i = bytes.size; i-- > 0;) {
        uint32_t byte = negative ? (uint32_t)(bytes.data[i] ^ 0xff) + carry : bytes.data[i];
        carry = byte >> 8;
        magnitude[i] = (uint8_t)byte;
    }
    for (size_t i = 0; i < bytes.size; i++) {
        uint64_t add = magnitude[i];
        for (size_t j = 0; j < limbs.count; j++) {
            uint64_t v = (uint64_t)limbs.at[j] * 256 + add;
            limbs.at[j] = (uint32_t)(v % base);
            add = v / base;
        }
        if (add > 0) {
            limbs.at[limbs.count++] = (uint32_t)add;
        }
    }
    return limbs;
}

bool decimal_from_unscaled(Arena *arena, Slice bytes, int32_t scale, Slice *decimal) {
    enum { BYTES_MAX = 4096 }; // 9,864 digits
    if (bytes.size == 0 || bytes.size > BYTES_MAX || scale > DECIMAL_SCALE_MAX || scale < -DECIMAL_SCALE_MAX) {
        return false;
    }
    bool negative = bytes.data[0] >= 0x80;
    if (LIKELY(bytes.size <= 8 && scale >= 0 && scale <= 18)) {
        uint64_t bits = negative ? UINT64_MAX : 0;
        for (size_t i = 0; i < bytes.size; i++) {
            bits = bits << 8 | bytes.data[i];
        }
        *decimal = decimal_from_int64(arena, (int64_t)bits, (uint32_t)scale);
        return true;
    }
    Limbs limbs = limbs_of(arena, bytes, negative);
    DEFER(buf_release) Buf digits = {0};
    DEFER(buf_release) Buf text = {0};
    for (size_t i = limbs.count; i-- > 0;) {
        buf_printf(&digits, i + 1 == limbs.count ? "%u" : "%09u", limbs.at[i]);
    }
    for (int32_t i = scale; i < 0 && limbs.count > 0; i++) {
        buf_u8(&digits, '0');
    }
    size_t behind = scale > 0 ? (size_t)scale : 0, before = digits.size > behind ? digits.size - behind : 0;
    buf_text(&text, negative ? "-" : "");
    buf_text(&text, before == 0 ? "0" : "");
    buf_put(&text, (Slice){digits.data, before});
    buf_text(&text, behind > 0 ? "." : "");
    for (size_t i = digits.size - before; i < behind; i++) {
        buf_u8(&text, '0');
    }
    buf_put(&text, (Slice){digits.data + before, digits.size - before});
    return decimal_from_text(arena, buf_slice(&text), decimal);
}
