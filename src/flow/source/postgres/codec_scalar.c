// SPDX-License-Identifier: Apache-2.0
// Numbers, strings, bytes: boolsend, int4send, float8send, numeric_send, cash_send, byteasend, uuid_send, varbit_send …
// of PostgreSQL's utils/adt.
#include "core/base/decimal.h"
#include "core/base/digits.h"
#include "flow/source/postgres/codec_decode.h"

#include <math.h>

bool pg_binary_bool(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 1)) {
        return BAD_VALUE(codec, err, "not 1 byte");
    }
    *value = value_bool(bytes.data[0] != 0);
    return true;
}

bool pg_text_bool(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (!slice_is(bytes, "t") && !slice_is(bytes, "f")) {
        return BAD_VALUE(codec, err, "neither t nor f");
    }
    *value = value_bool(bytes.data[0] == 't');
    return true;
}

// --- integers --------------------------------------------------------------------------------------------------

bool pg_binary_int16(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 2)) {
        return BAD_VALUE(codec, err, "not 2 bytes");
    }
    *value = value_int((int16_t)load_u16be(bytes.data));
    return true;
}

bool pg_binary_int32(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 4)) {
        return BAD_VALUE(codec, err, "not 4 bytes");
    }
    *value = value_int((int32_t)load_u32be(bytes.data));
    return true;
}

bool pg_binary_uint32(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 4)) {
        return BAD_VALUE(codec, err, "not 4 bytes");
    }
    *value = value_int((int64_t)load_u32be(bytes.data));
    return true;
}

bool pg_binary_int64(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 8)) {
        return BAD_VALUE(codec, err, "not 8 bytes");
    }
    *value = value_int((int64_t)load_u64be(bytes.data));
    return true;
}

bool pg_binary_uint64(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 8)) {
        return BAD_VALUE(codec, err, "not 8 bytes");
    }
    *value = (Value){.kind = VALUE_UINT64, .integer = (int64_t)load_u64be(bytes.data)};
    return true;
}

static bool text_int(const PgCodec *codec, Slice text, int64_t min, int64_t max, Value *value, Err *err) {
    int64_t integer;
    if (!pg_parse_int(text, min, max, &integer)) {
        return BAD_VALUE(codec, err, "no integer of its range");
    }
    *value = value_int(integer);
    return true;
}

bool pg_text_int16(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return text_int(codec, bytes, INT16_MIN, INT16_MAX, value, err);
}

bool pg_text_int32(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return text_int(codec, bytes, INT32_MIN, INT32_MAX, value, err);
}

bool pg_text_uint32(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return text_int(codec, bytes, 0, UINT32_MAX, value, err);
}

bool pg_text_int64(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return text_int(codec, bytes, INT64_MIN, INT64_MAX, value, err);
}

bool pg_text_uint64(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t digit = (uint8_t)(bytes.data[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, digit, &sum)) {
            return BAD_VALUE(codec, err, "no integer of its range");
        }
    }
    if (bytes.size == 0) {
        return BAD_VALUE(codec, err, "empty");
    }
    *value = (Value){.kind = VALUE_UINT64, .integer = (int64_t)sum};
    return true;
}

// --- floating point --------------------------------------------------------------------------------------------

// One NaN for all, so that it is the same by every road.
static void float_value(Value *value, ValueKind kind, double real) {
    *value = (Value){.kind = (uint8_t)kind, .real = LIKELY(real == real) ? real : (double)NAN};
}

bool pg_binary_float32(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 4)) {
        return BAD_VALUE(codec, err, "not 4 bytes");
    }
    uint32_t bits = load_u32be(bytes.data);
    float narrow;
    memcpy(&narrow, &bits, sizeof(narrow));
    float_value(value, VALUE_FLOAT32, (double)narrow);
    return true;
}

bool pg_binary_float64(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 8)) {
        return BAD_VALUE(codec, err, "not 8 bytes");
    }
    uint64_t bits = load_u64be(bytes.data);
    double real;
    memcpy(&real, &bits, sizeof(real));
    float_value(value, VALUE_FLOAT64, real);
    return true;
}

// The words and the digits that PostgreSQL prints; strtod alone would take more.
static bool text_float(const PgCodec *codec, Slice text, ValueKind kind, Value *value, Err *err) {
    char copy[64];
    if (slice_is(text, "NaN")) {
        float_value(value, kind, (double)NAN);
        return true;
    }
    if (slice_is(text, "Infinity") || slice_is(text, "-Infinity")) {
        float_value(value, kind, text.data[0] == '-' ? -HUGE_VAL : HUGE_VAL);
        return true;
    }
    if (text.size == 0 || text.size >= sizeof(copy)) {
        return BAD_VALUE(codec, err, "no number");
    }
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (!digit_is(c) && c != '-' && c != '+' && c != '.' && c != 'e') {
            return BAD_VALUE(codec, err, "no number");
        }
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    char *end = copy;
    double real = kind == VALUE_FLOAT32 ? (double)strtof(copy, &end) : strtod(copy, &end);
    if (end != copy + text.size || isinf(real)) {
        return BAD_VALUE(codec, err, "no number of its range");
    }
    float_value(value, kind, real);
    return true;
}

bool pg_text_float32(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return text_float(codec, bytes, VALUE_FLOAT32, value, err);
}

bool pg_text_float64(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return text_float(codec, bytes, VALUE_FLOAT64, value, err);
}

// --- exact numbers ---------------------------------------------------------------------------------------------

bool pg_binary_numeric(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Slice decimal;
    if (UNLIKELY(!decimal_from_bytes(arena, bytes, &decimal))) {
        return BAD_VALUE(codec, err, "not the form of numeric_send");
    }
    *value = value_bytes(VALUE_DECIMAL, decimal);
    return true;
}

bool pg_text_numeric(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Slice decimal;
    if (!decimal_from_text(arena, bytes, &decimal)) {
        return BAD_VALUE(codec, err, "no number");
    }
    *value = value_bytes(VALUE_DECIMAL, decimal);
    return true;
}

// Money travels as an integer of the smallest unit of lc_monetary, which the wire does not tell; two digits after the
// point are those of the C locale and of nearly all currencies.
enum { MONEY_SCALE = 2 };

bool pg_binary_money(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (bytes.size != 8) {
        return BAD_VALUE(codec, err, "not 8 bytes");
    }
    *value = value_bytes(VALUE_DECIMAL, decimal_from_int64(arena, (int64_t)load_u64be(bytes.data), MONEY_SCALE));
    return true;
}

// "-$1,234.56", "1.234,56 €", "($5.00)": only the digits and a sign count.
bool pg_text_money(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    uint8_t digits[24] = {'-'};
    size_t size = 1;
    bool negative = false;
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        if (digit_is(c)) {
            if (size == sizeof(digits)) {
                return BAD_VALUE(codec, err, "too many digits");
            }
            digits[size++] = c;
        } else if (c == '-' || c == '(') {
            negative = true;
        }
    }
    int64_t units;
    if (!pg_parse_int(negative ? (Slice){digits, size} : (Slice){digits + 1, size - 1}, INT64_MIN, INT64_MAX, &units)) {
        return BAD_VALUE(codec, err, "no amount of its range");
    }
    *value = value_bytes(VALUE_DECIMAL, decimal_from_int64(arena, units, MONEY_SCALE));
    return true;
}

// --- strings and bytes -----------------------------------------------------------------------------------------

bool pg_string(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    *value = value_bytes(VALUE_STRING, bytes);
    return true;
}

// jsonb, jsonpath, ltree …: a version, then the text.
bool pg_binary_versioned(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size < 1 || bytes.data[0] != 1)) {
        return BAD_VALUE(codec, err, "not version 1 of its binary form");
    }
    *value = value_bytes(VALUE_STRING, slice_from(bytes, 1));
    return true;
}

// "char": one byte; 0 prints as nothing, and what is no ASCII as \ooo (as PostgreSQL 16 does), so it stays UTF-8.
static void qchar_value(uint8_t c, Slice bytes, Arena *arena, Value *value) {
    if (c < 0x80) {
        *value = value_bytes(VALUE_STRING, (Slice){bytes.data, c != 0 ? 1 : 0});
        return;
    }
    uint8_t *text = arena_alloc(arena, 4);
    text[0] = '\\';
    text[1] = (uint8_t)('0' + (c >> 6));
    text[2] = (uint8_t)('0' + ((c >> 3) & 7));
    text[3] = (uint8_t)('0' + (c & 7));
    *value = value_bytes(VALUE_STRING, (Slice){text, 4});
}

bool pg_binary_qchar(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (bytes.size != 1) {
        return BAD_VALUE(codec, err, "not 1 byte");
    }
    qchar_value(bytes.data[0], bytes, arena, value);
    return true;
}

bool pg_text_qchar(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (bytes.size == 1) {
        qchar_value(bytes.data[0], bytes, arena, value);
    } else if (bytes.size == 0 || bytes.size == 4) {
        *value = value_bytes(VALUE_STRING, bytes);
    } else {
        return BAD_VALUE(codec, err, "not one character");
    }
    return true;
}

bool pg_binary_bytes(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    *value = value_bytes(VALUE_BYTES, bytes);
    return true;
}

// bytea_output = escape: \\ and \ooo.
static bool bytes_unescape(Slice text, uint8_t *data, size_t *size) {
    *size = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '\\') {
            data[(*size)++] = text.data[i];
        } else if (i + 1 < text.size && text.data[i + 1] == '\\') {
            data[(*size)++] = '\\';
            i++;
        } else {
            if (text.size - i < 4) {
                return false;
            }
            uint32_t a = text.data[i + 1] - (uint32_t)'0', b = text.data[i + 2] - (uint32_t)'0',
                     c = text.data[i + 3] - (uint32_t)'0';
            if (a > 3 || b > 7 || c > 7) {
                return false;
            }
            data[(*size)++] = (uint8_t)(a << 6 | b << 3 | c);
            i += 3;
        }
    }
    return true;
}

bool pg_text_bytes(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    size_t size;
    uint8_t *data;
    if (bytes.size >= 2 && bytes.data[0] == '\\' && bytes.data[1] == 'x') {
        size = (bytes.size - 2) / 2;
        data = arena_alloc(arena, size);
        int all = bytes.size % 2 == 0 ? 0 : -1;
        for (size_t i = 0; i < size; i++) {
            int high = hex_digit(bytes.data[i * 2 + 2]), low = hex_digit(bytes.data[i * 2 + 3]);
            all |= high | low;
            data[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
        }
        if (all < 0) {
            return BAD_VALUE(codec, err, "not hexadecimal");
        }
    } else {
        data = arena_alloc(arena, bytes.size);
        if (!bytes_unescape(bytes, data, &size)) {
            return BAD_VALUE(codec, err, "neither hexadecimal nor escaped");
        }
    }
    *value = value_bytes(VALUE_BYTES, (Slice){data, size});
    return true;
}

bool pg_binary_uuid(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 16)) {
        return BAD_VALUE(codec, err, "not 16 bytes");
    }
    *value = value_bytes(VALUE_UUID, bytes);
    return true;
}

bool pg_text_uuid(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    uint8_t *data = arena_alloc(arena, 16);
    size_t digits = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = dash ? 0 : hex_digit(bytes.data[i]);
        if (bytes.size != 36 || digit < 0 || (dash && bytes.data[i] != '-')) {
            return BAD_VALUE(codec, err, "no UUID");
        }
        if (!dash) {
            data[digits / 2] |= (uint8_t)(digits % 2 == 0 ? digit << 4 : digit);
            digits++;
        }
    }
    if (digits != 32) {
        return BAD_VALUE(codec, err, "no UUID");
    }
    *value = value_bytes(VALUE_UUID, (Slice){data, 16});
    return true;
}

bool pg_binary_bits(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (bytes.size < 4) {
        return BAD_VALUE(codec, err, "shorter than 4 bytes");
    }
    int32_t count = (int32_t)load_u32be(bytes.data);
    Slice data = slice_from(bytes, 4);
    if (count < 0 || data.size != ((size_t)count + 7) / 8) {
        return BAD_VALUE(codec, err, "its length does not match its bytes");
    }
    if (count % 8 != 0 && (data.data[data.size - 1] & (0xFF >> (count % 8))) != 0) {
        return BAD_VALUE(codec, err, "bits behind its length are set");
    }
    *value = (Value){.kind = VALUE_BITS, .aux = count, .bytes = data};
    return true;
}

bool pg_text_bits(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (bytes.size > INT32_MAX) {
        return BAD_VALUE(codec, err, "too long");
    }
    size_t size = (bytes.size + 7) / 8;
    uint8_t *data = arena_alloc(arena, size);
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] != '0' && bytes.data[i] != '1') {
            return BAD_VALUE(codec, err, "neither 0 nor 1");
        }
        data[i / 8] |= (uint8_t)((bytes.data[i] - '0') << (7 - i % 8));
    }
    *value = (Value){.kind = VALUE_BITS, .aux = (int32_t)bytes.size, .bytes = {data, size}};
    return true;
}

// --- places in the server --------------------------------------------------------------------------------------

bool pg_binary_lsn(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (bytes.size != 8) {
        return BAD_VALUE(codec, err, "not 8 bytes");
    }
    uint8_t *text = arena_alloc(arena, 18);
    int size = snprintf((char *)text, 18, "%X/%X", load_u32be(bytes.data), load_u32be(bytes.data + 4));
    return pg_string_built(value, text, text + size);
}

bool pg_text_lsn(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    uint64_t lsn;
    if (!pg_lsn_parse(bytes, &lsn)) {
        return BAD_VALUE(codec, err, "no LSN");
    }
    *value = value_bytes(VALUE_STRING, bytes);
    return true;
}

bool pg_binary_tid(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (bytes.size != 6) {
        return BAD_VALUE(codec, err, "not 6 bytes");
    }
    uint8_t *text = arena_alloc(arena, 24);
    int size = snprintf((char *)text, 24, "(%u,%u)", load_u32be(bytes.data), load_u16be(bytes.data + 4));
    return pg_string_built(value, text, text + size);
}

bool pg_text_tid(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return pg_string(codec, bytes, arena, value, err);
}
