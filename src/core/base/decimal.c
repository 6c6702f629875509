// SPDX-License-Identifier: Apache-2.0
#include "core/base/decimal.h"
#include "core/base/digits.h"

// A number's text before the point: at most 131072 digits, as on PostgreSQL.
enum { WEIGHT_MAX = 32767, TEXT_DIGITS_MAX = (WEIGHT_MAX + 1) * 4 };

static const uint8_t NAN_BYTES[] = {0, 0, 0, 0, 0xC0, 0, 0, 0};
static const uint8_t INFINITY_BYTES[] = {0, 0, 0, 0, 0xD0, 0, 0, 0};
static const uint8_t NEGATIVE_INFINITY_BYTES[] = {0, 0, 0, 0, 0xF0, 0, 0, 0};

static bool special_slice(uint16_t sign, Slice *decimal) {
    const uint8_t *bytes = sign == DECIMAL_NAN                 ? NAN_BYTES
                           : sign == DECIMAL_INFINITY          ? INFINITY_BYTES
                           : sign == DECIMAL_NEGATIVE_INFINITY ? NEGATIVE_INFINITY_BYTES
                                                               : NULL;
    *decimal = (Slice){bytes, DECIMAL_HEAD_BYTES};
    return bytes != NULL;
}

static void store_u16(uint8_t *at, uint16_t v) {
    v = __builtin_bswap16(v);
    memcpy(at, &v, sizeof(v));
}

// Head and digits in their one form; `digits` are big-endian pairs, as they stand in a decimal.
static Slice decimal_make(Arena *arena, uint16_t sign, int32_t weight, uint32_t scale, Slice digits) {
    while (digits.size > 0 && load_u16be(digits.data) == 0) {
        digits = slice_from(digits, 2);
        weight--;
    }
    while (digits.size > 0 && load_u16be(digits.data + digits.size - 2) == 0) {
        digits.size -= 2;
    }
    if (digits.size == 0) {
        weight = 0;
        sign = DECIMAL_POSITIVE;
    }
    uint8_t *data = arena_alloc(arena, DECIMAL_HEAD_BYTES + digits.size);
    store_u16(data, (uint16_t)(digits.size / 2));
    store_u16(data + 2, (uint16_t)(int16_t)weight);
    store_u16(data + 4, sign);
    store_u16(data + 6, (uint16_t)scale);
    if (digits.size > 0) {
        memcpy(data + DECIMAL_HEAD_BYTES, digits.data, digits.size);
    }
    return (Slice){data, DECIMAL_HEAD_BYTES + digits.size};
}

bool decimal_from_bytes(Arena *arena, Slice bytes, Slice *decimal) {
    if (UNLIKELY(bytes.size < DECIMAL_HEAD_BYTES)) {
        return false;
    }
    size_t count = load_u16be(bytes.data);
    int32_t weight = (int16_t)load_u16be(bytes.data + 2);
    uint16_t sign = load_u16be(bytes.data + 4);
    uint16_t scale = load_u16be(bytes.data + 6);
    Slice digits = slice_from(bytes, DECIMAL_HEAD_BYTES);
    if (UNLIKELY(digits.size != count * 2)) {
        return false;
    }
    if (UNLIKELY(sign != DECIMAL_POSITIVE && sign != DECIMAL_NEGATIVE)) {
        return count == 0 && special_slice(sign, decimal);
    }
    if (UNLIKELY(scale > DECIMAL_SCALE_MAX)) {
        return false;
    }
    uint32_t largest = 0;
    for (size_t i = 0; i < digits.size; i += 2) {
        uint32_t digit = load_u16be(digits.data + i);
        largest = MAX(largest, digit);
    }
    if (UNLIKELY(largest > 9999)) {
        return false;
    }
    // Digits behind the scale would be lost in the text; PostgreSQL cuts them off before it stores a number.
    int32_t hidden = ((int32_t)count - 1 - weight) * 4 - (int32_t)scale;
    if (UNLIKELY(count > 0 && hidden > 0)) {
        static const uint32_t POWERS[] = {1, 10, 100, 1000};
        if (hidden > 3 || load_u16be(digits.data + digits.size - 2) % POWERS[hidden] != 0) {
            return false;
        }
    }
    bool canonical = count > 0 ? load_u16be(digits.data) != 0 && load_u16be(digits.data + digits.size - 2) != 0
                               : weight == 0 && sign == DECIMAL_POSITIVE;
    if (LIKELY(canonical)) {
        *decimal = bytes;
        return true;
    }
    // Leading zeros lower the weight: one that would leave its field is refused.
    if (weight - (int32_t)MIN(count, (size_t)WEIGHT_MAX) < -WEIGHT_MAX) {
        return false;
    }
    *decimal = decimal_make(arena, sign, weight, scale, digits);
    return true;
}

// --- from text -------------------------------------------------------------------------------------------------

typedef struct DecimalText {
    Slice whole;    // digits before the point
    Slice fraction; // digits behind it
    uint16_t sign;
} DecimalText;

static Slice digits_take(Slice *text) {
    size_t size = 0;
    while (size < text->size && digit_is(text->data[size])) {
        size++;
    }
    Slice digits = {text->data, size};
    *text = slice_from(*text, size);
    return digits;
}

static bool decimal_text_split(Slice text, DecimalText *parts) {
    parts->sign = DECIMAL_POSITIVE;
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        parts->sign = text.data[0] == '-' ? DECIMAL_NEGATIVE : DECIMAL_POSITIVE;
        text = slice_from(text, 1);
    }
    parts->whole = digits_take(&text);
    parts->fraction = (Slice){text.data, 0};
    if (text.size > 0 && text.data[0] == '.') {
        text = slice_from(text, 1);
        parts->fraction = digits_take(&text);
    }
    return text.size == 0 && parts->whole.size + parts->fraction.size > 0 && parts->whole.size <= TEXT_DIGITS_MAX &&
           parts->fraction.size <= DECIMAL_SCALE_MAX;
}

// The base-10000 digits of decimal ones: `pad` zeros are thought before them, and as many as needed behind.
static void digits_pack(Slice text, size_t pad, uint8_t *digits, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t digit = 0;
        for (size_t j = i * 4; j < i * 4 + 4; j++) {
            digit = digit * 10 + (j >= pad && j - pad < text.size ? text.data[j - pad] - (uint32_t)'0' : 0);
        }
        store_u16(digits + i * 2, (uint16_t)digit);
    }
}

bool decimal_from_text(Arena *arena, Slice text, Slice *decimal) {
    DecimalText parts;
    if (!decimal_text_split(text, &parts)) {
        return (slice_is(text, "NaN") && special_slice(DECIMAL_NAN, decimal)) ||
               (slice_is(text, "Infinity") && special_slice(DECIMAL_INFINITY, decimal)) ||
               (slice_is(text, "-Infinity") && special_slice(DECIMAL_NEGATIVE_INFINITY, decimal));
    }
    size_t whole = (parts.whole.size + 3) / 4, fraction = (parts.fraction.size + 3) / 4;
    uint8_t small[128];
    uint8_t *digits = (whole + fraction) * 2 <= sizeof(small) ? small : arena_alloc(arena, (whole + fraction) * 2);
    digits_pack(parts.whole, whole * 4 - parts.whole.size, digits, whole);
    digits_pack(parts.fraction, 0, digits + whole * 2, fraction);
    *decimal = decimal_make(arena, parts.sign, (int32_t)whole - 1, (uint32_t)parts.fraction.size,
                            (Slice){digits, (whole + fraction) * 2});
    return true;
}

Slice decimal_from_int64(Arena *arena, int64_t units, uint32_t scale) {
    ASSERT(scale <= 18);
    uint64_t left = units < 0 ? 0 - (uint64_t)units : (uint64_t)units;
    // The point falls between two base-10000 digits: the last one has zeros behind it for that.
    static const uint32_t POWERS[] = {1, 10, 100, 1000, 10000};
    uint32_t fraction = (scale + 3) / 4, zeros = fraction * 4 - scale;
    uint8_t digits[24];
    uint8_t *end = digits + sizeof(digits), *at = end;
    if (zeros > 0) {
        store_u16(at -= 2, (uint16_t)(left % POWERS[4 - zeros] * POWERS[zeros]));
        left /= POWERS[4 - zeros];
    }
    for (; left > 0; left /= 10000) {
        store_u16(at -= 2, (uint16_t)(left % 10000));
    }
    int32_t count = (int32_t)(end - at) / 2;
    return decimal_make(arena, units < 0 ? DECIMAL_NEGATIVE : DECIMAL_POSITIVE, count - 1 - (int32_t)fraction, scale,
                        (Slice){at, (size_t)count * 2});
}

Slice decimal_from_int128(Arena *arena, Int128 units, uint32_t scale) {
    __extension__ typedef unsigned __int128 Uint128;
    Uint128 left = units < 0 ? 0 - (Uint128)units : (Uint128)units;
    ASSERT(scale <= 38);
    char text[64], *at = text + sizeof(text);
    size_t digits = 0;
    while (left > 0 || digits <= scale) {
        if (digits == scale && scale > 0) {
            *--at = '.';
        }
        *--at = (char)('0' + (int)(left % 10));
        left /= 10;
        digits++;
    }
    if (units < 0) {
        *--at = '-';
    }
    Slice decimal;
    bool made = decimal_from_text(arena, (Slice){(const uint8_t *)at, (size_t)(text + sizeof(text) - at)}, &decimal);
    ASSERT(made);
    return decimal;
}

// --- to text and integers --------------------------------------------------------------------------------------

// Bytes in a journal were checked when they came in; a digit past 9999 must not reach behind the table all the same.
static uint32_t digit_at(const uint8_t *digits, int32_t count, int32_t i) {
    uint32_t digit = i >= 0 && i < count ? load_u16be(digits + (size_t)i * 2) : 0;
    return MIN(digit, 9999);
}

static uint8_t *digit_put_first(uint8_t *at, uint32_t digit) {
    if (digit >= 1000) {
        return digits_put4(at, digit);
    }
    if (digit >= 100) {
        *at++ = (uint8_t)('0' + digit / 100);
        return digits_put2(at, digit % 100);
    }
    if (digit >= 10) {
        return digits_put2(at, digit);
    }
    *at++ = (uint8_t)('0' + digit);
    return at;
}

void decimal_text(Buf *buf, Slice decimal) {
    uint16_t sign = decimal_sign(decimal);
    if (UNLIKELY(sign > DECIMAL_NEGATIVE)) {
        buf_text(buf, sign == DECIMAL_NAN ? "NaN" : sign == DECIMAL_INFINITY ? "Infinity" : "-Infinity");
        return;
    }
    int32_t count = (int32_t)load_u16be(decimal.data);
    int32_t weight = (int16_t)load_u16be(decimal.data + 2);
    int32_t scale = (int32_t)load_u16be(decimal.data + 6);
    const uint8_t *digits = decimal.data + DECIMAL_HEAD_BYTES;
    ASSERT(decimal.size == DECIMAL_HEAD_BYTES + (size_t)count * 2);
    uint8_t *room = buf_room(buf, (size_t)(MAX(weight, 0) + 1) * 4 + (size_t)scale + 8);
    if (UNLIKELY(room == NULL)) {
        return;
    }
    uint8_t *at = room;
    if (sign == DECIMAL_NEGATIVE) {
        *at++ = '-';
    }
    if (weight < 0) {
        *at++ = '0';
    } else {
        at = digit_put_first(at, digit_at(digits, count, 0));
        for (int32_t i = 1; i <= weight; i++) {
            at = digits_put4(at, digit_at(digits, count, i));
        }
    }
    if (scale > 0) {
        *at++ = '.';
        uint8_t *end = at + scale;
        for (int32_t i = weight + 1; at < end; i++) {
            at = digits_put4(at, digit_at(digits, count, i)); // up to three digits too many, cut off below
        }
        at = end;
    }
    buf_advance(buf, (size_t)(at - room));
}

// A number of up to four digits of base 10000, which most are, and its power of ten apart from them.
static bool short_to_int128(const uint8_t *digits, int32_t count, int32_t exponent, Int128 *units) {
    static const int64_t POWERS[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    int32_t shift = exponent < 0 ? -exponent : exponent;
    int64_t number = 0, power = POWERS[shift / 2] * POWERS[shift - shift / 2];
    for (int32_t i = 0; i < count; i++) {
        number = number * 10000 + digit_at(digits, count, i);
    }
    if (exponent < 0) {
        *units = number / power;
        return number % power == 0;
    }
    *units = (Int128)number * power;
    return true;
}

bool decimal_to_int128(Slice decimal, int32_t scale, Int128 *units) {
    uint16_t sign = decimal_sign(decimal);
    int32_t count = (int32_t)load_u16be(decimal.data);
    int32_t weight = (int16_t)load_u16be(decimal.data + 2);
    const uint8_t *digits = decimal.data + DECIMAL_HEAD_BYTES;
    ASSERT(decimal.size == DECIMAL_HEAD_BYTES + (size_t)count * 2);
    if (sign > DECIMAL_NEGATIVE) {
        return false;
    }
    *units = 0;
    if (count == 0) {
        return true;
    }
    int64_t exponent = ((int64_t)weight - (count - 1)) * 4 + scale;
    if (LIKELY(count <= 4 && exponent >= -16 && exponent <= 16)) {
        bool exact = short_to_int128(digits, count, (int32_t)exponent, units);
        *units = sign == DECIMAL_NEGATIVE ? -*units : *units;
        return exact;
    }
    // Decimal digit i stands for 10^(weight * 4 + 3 - i + scale) units; they end at the units' own digit.
    int64_t last = (int64_t)weight * 4 + 3 + scale;
    Int128 sum = 0; // negative, as its range reaches one further
    for (int64_t i = 0; i < MAX((int64_t)count * 4, last + 1); i++) {
        static const uint32_t POWERS[] = {1000, 100, 10, 1};
        int32_t digit = (int32_t)(digit_at(digits, count, (int32_t)(i / 4)) / POWERS[i % 4] % 10);
        if (i > last) {
            if (digit != 0) {
                return false;
            }
        } else if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_sub_overflow(sum, digit, &sum)) {
            return false;
        }
    }
    if (sign == DECIMAL_POSITIVE && __builtin_sub_overflow((Int128)0, sum, &sum)) {
        return false;
    }
    *units = sum;
    return true;
}
