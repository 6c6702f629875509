// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/encode.c" // NOLINT

#include "core/base/test.h"

enum { VALUES_MAX = 4000 };

// Decoders as the specification reads, a bit at a time.
static uint64_t bits_at(const uint8_t *bytes, size_t bit, uint32_t width) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < width; i++) {
        value |= (uint64_t)(bytes[(bit + i) / 8] >> ((bit + i) % 8) & 1) << i;
    }
    return value;
}

static void hybrid_check(const uint32_t *values, size_t count, uint32_t width) {
    DEFER(buf_release) Buf buf = {0};
    encode_hybrid(&buf, values, count, width);
    Reader reader = reader_of(buf_slice(&buf));
    for (size_t at = 0; at < count;) {
        uint64_t head = read_varint(&reader);
        size_t length = (size_t)(head >> 1);
        CHECK(length > 0 && !reader.bad);
        if ((head & 1) != 0) {
            Slice packed = read_bytes(&reader, length * width);
            for (size_t i = 0; i < length * 8; i++) {
                uint64_t value = bits_at(packed.data, i * width, width);
                CHECK(value == (at + i < count ? values[at + i] : 0));
            }
            CHECK(at + length * 8 < count + 8);
            at = MIN(at + length * 8, count);
        } else {
            Slice run = read_bytes(&reader, (width + 7) / 8);
            for (size_t i = 0; i < length; i++) {
                CHECK(at + i < count && bits_at(run.data, 0, width) == values[at + i]);
            }
            at += length;
        }
    }
    CHECK(reader_done(&reader));
}

static uint64_t random_state = 1;
static uint64_t random_next(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

TEST(hybrid_of_every_width_and_mix_is_read_back) {
    static uint32_t values[VALUES_MAX];
    for (uint32_t width = 1; width <= 32; width++) {
        for (size_t round = 0; round < 20; round++) {
            size_t count = random_next() % (round < 10 ? 40 : VALUES_MAX);
            for (size_t i = 0; i < count;) {
                size_t run = random_next() % 4 == 0 ? random_next() % 100 : 1;
                uint32_t value = (uint32_t)(random_next() & ((UINT64_C(1) << width) - 1));
                for (; run > 0 && i < count; run--) {
                    values[i++] = value;
                }
            }
            hybrid_check(values, count, width);
        }
    }
}

TEST(hybrid_of_a_long_run_is_small) {
    static uint32_t values[VALUES_MAX];
    DEFER(buf_release) Buf buf = {0};
    encode_hybrid(&buf, values, VALUES_MAX, 3);
    CHECK_INT(buf.size, 3);
}

TEST(bitmap_is_the_hybrid_of_its_bits) {
    static uint8_t bits[512];
    for (size_t round = 0; round < 200; round++) {
        size_t count = 1 + random_next() % (VALUES_MAX - 64);
        for (size_t i = 0; i < sizeof(bits); i += 8) {
            uint64_t word = round % 3 == 0           ? random_next()
                            : random_next() % 3 == 0 ? random_next()
                                                     : 0 - (random_next() % 2);
            memcpy(bits + i, &word, 8);
        }
        DEFER(buf_release) Buf buf = {0};
        encode_hybrid_bitmap(&buf, bits, count);
        Reader reader = reader_of(buf_slice(&buf));
        for (size_t at = 0; at < count;) {
            uint64_t head = read_varint(&reader);
            size_t length = (size_t)(head >> 1) * ((head & 1) != 0 ? 8 : 1);
            Slice body = read_bytes(&reader, (head & 1) != 0 ? (size_t)(head >> 1) : 1);
            for (size_t i = 0; i < length && at + i < count; i++) {
                CHECK(bits_at(body.data, (head & 1) != 0 ? i : 0, 1) == bits_at(bits, at + i, 1));
            }
            at += length;
        }
        CHECK(reader_done(&reader));
    }
}

static void delta_check(Slice bytes, const int64_t *values, size_t count, uint32_t bits) {
    Reader reader = reader_of(bytes);
    CHECK_INT(read_varint(&reader), BLOCK);
    CHECK_INT(read_varint(&reader), MINIBLOCKS);
    CHECK_INT(read_varint(&reader), count);
    uint64_t value = (uint64_t)read_zigzag(&reader);
    CHECK(count == 0 || (int64_t)value == values[0]);
    for (size_t i = 1; i < count;) {
        uint64_t min = (uint64_t)read_zigzag(&reader);
        Slice widths = read_bytes(&reader, MINIBLOCKS);
        for (size_t m = 0; m < MINIBLOCKS && i < count; m++) {
            CHECK(widths.data[m] <= bits);
            Slice body = read_bytes(&reader, (size_t)widths.data[m] * MINIBLOCK / 8);
            for (size_t j = 0; j < MINIBLOCK && i < count; j++, i++) {
                value += min + bits_at(body.data, j * widths.data[m], widths.data[m]);
                CHECK((bits == 32 ? (int32_t)value : (int64_t)value) == values[i]);
            }
        }
    }
    CHECK(reader_done(&reader));
}

TEST(deltas_of_every_width_are_read_back) {
    static int64_t values[VALUES_MAX];
    static int32_t narrow[VALUES_MAX];
    for (uint32_t width = 0; width <= 64; width++) {
        static const size_t COUNTS[] = {0, 1, 2, 32, 33, 128, 129, 130, 161, 1000, VALUES_MAX};
        for (size_t c = 0; c < ARRAY_LEN(COUNTS); c++) {
            for (size_t i = 0; i < COUNTS[c]; i++) {
                uint64_t random = width == 0 ? i * 7 : random_next() >> (64 - width);
                values[i] = (int64_t)random;
                narrow[i] = (int32_t)random;
            }
            DEFER(buf_release) Buf buf = {0};
            encode_delta64(&buf, values, COUNTS[c]);
            delta_check(buf_slice(&buf), values, COUNTS[c], 64);
            buf_reset(&buf);
            encode_delta32(&buf, narrow, COUNTS[c]);
            for (size_t i = 0; i < COUNTS[c]; i++) {
                values[i] = narrow[i];
            }
            delta_check(buf_slice(&buf), values, COUNTS[c], 32);
        }
    }
}

TEST(deltas_wrap_between_the_extremes) {
    static const int64_t VALUES[] = {INT64_MAX, INT64_MIN, 0, INT64_MIN, INT64_MAX, -1, 1};
    DEFER(buf_release) Buf buf = {0};
    encode_delta64(&buf, VALUES, ARRAY_LEN(VALUES));
    delta_check(buf_slice(&buf), VALUES, ARRAY_LEN(VALUES), 64);
    static const int32_t NARROW[] = {INT32_MAX, INT32_MIN, 0, INT32_MIN, INT32_MAX};
    static const int64_t WIDE[] = {INT32_MAX, INT32_MIN, 0, INT32_MIN, INT32_MAX};
    buf_reset(&buf);
    encode_delta32(&buf, NARROW, ARRAY_LEN(NARROW));
    delta_check(buf_slice(&buf), WIDE, ARRAY_LEN(WIDE), 32);
}

TEST(plain_and_split_forms) {
    DEFER(buf_release) Buf buf = {0};
    static const uint8_t BOOLS[] = {1, 0, 1, 1, 0, 0, 0, 1, 1};
    encode_plain_bool(&buf, BOOLS, ARRAY_LEN(BOOLS));
    CHECK(buf.size == 2 && buf.data[0] == 0x8D && buf.data[1] == 1);
    buf_reset(&buf);
    static const uint32_t LENGTHS[] = {2, 0, 1};
    encode_plain_bytes(&buf, LENGTHS, 3, SLICE("abc"));
    CHECK(slice_equal(buf_slice(&buf), SLICE("\2\0\0\0ab\0\0\0\0\1\0\0\0c")));
    buf_reset(&buf);
    encode_byte_stream_split(&buf, (const uint8_t *)"abcdABCD1234", 3, 4);
    CHECK_TEXT(buf_slice(&buf), "aA1bB2cC3dD4");
    buf_reset(&buf);
    encode_delta_length(&buf, LENGTHS, 3, SLICE("abc"));
    CHECK(slice_equal(slice_from(buf_slice(&buf), buf.size - 3), SLICE("abc")));
}
