// SPDX-License-Identifier: Apache-2.0
// The decoders behind codec.h, for the type table in codec.c: for each family of types one for the binary form and one
// for the text form, which give equal values.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_CODEC_DECODE_H
#define LEAT_FLOW_SOURCE_POSTGRES_CODEC_DECODE_H

#include "core/base/buf.h"
#include "flow/source/postgres/codec.h"

// ERR_VALUE; `what` is about the form, never the value itself.
#define BAD_VALUE(codec, err, what) \
    FAIL((err), ERR_VALUE, "a value of type %.*s: %s", SLICE_ARG((codec)->type.source_name), (what))

// The formatter of LLVM 14 never comes to rest on these lists.
// clang-format off
#define PG_DECODERS(X)                                                                                                 \
    X(bool)                                                                                                            \
    X(int16) X(int32) X(int64) X(uint32) X(uint64) X(float32) X(float64) X(numeric) X(money) X(qchar) X(bytes) X(uuid) \
        X(bits) X(lsn) X(tid) X(date) X(time) X(timetz) X(timestamp) X(timestamptz) X(interval) X(array) X(vector)     \
            X(composite) X(range) X(multirange) X(hstore)
// clang-format on

#define X(name)                                                                                     \
    bool pg_binary_##name(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err); \
    bool pg_text_##name(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err);
PG_DECODERS(X)
#undef X

// The value is a string: of these bytes, of those behind a version byte, or as the type's output function prints it.
// clang-format off
#define PG_STRING_DECODERS(X)                                                                                   \
    X(versioned) X(inet) X(macaddr) X(point) X(line) X(lseg) X(box) X(path) X(polygon) X(circle) X(tsvector)    \
    X(tsquery) X(snapshot)
// clang-format on

#define X(name) bool pg_binary_##name(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err);
PG_STRING_DECODERS(X)
#undef X
bool pg_string(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err); // both forms

// Text that a decoder has built; its room is given by the caller.
static inline bool pg_string_built(Value *value, const uint8_t *text, const uint8_t *end) {
    *value = value_bytes(VALUE_STRING, (Slice){text, (size_t)(end - text)});
    return true;
}

// A whole decimal integer within the bounds.
static inline bool pg_parse_int(Slice text, int64_t min, int64_t max, int64_t *integer) {
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i >= text.size || text.size - i > 20) {
        return false;
    }
    int64_t sum = 0; // negative: it reaches one further
    for (; i < text.size; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) || __builtin_sub_overflow(sum, digit, &sum)) {
            return false;
        }
    }
    if (!negative && __builtin_sub_overflow(0, sum, &sum)) {
        return false;
    }
    *integer = sum;
    return sum >= min && sum <= max;
}

#endif
