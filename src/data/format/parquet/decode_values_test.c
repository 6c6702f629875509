// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/decode_values.c"

#include "core/base/test.h"

static const ValueForm BYTE_ARRAYS = {PHYSICAL_BYTE_ARRAY, 0}, INTS = {PHYSICAL_INT32, 4};

static Err err[1];

// All values of a page in steps of `step`; the last cells stay in `cells`.
static size_t read_all(ValueDecoder *decoder, size_t step, Cell *cells) {
    size_t all = 0, count = step;
    while (value_decoder_read(decoder, cells, &count, err)) {
        all += count;
        count = step;
    }
    CHECK_INT(err->code, ERR_VALUE);
    err_clear(err);
    return all;
}

TEST(split_streams_are_joined) {
    ValueDecoder decoder = {0};
    Cell cells[CELLS_MAX];
    // Encodings.md: AA BB CC DD, 00 11 22 33, A3 B4 C5 D6
    Slice page = SLICE("\xAA\x00\xA3\xBB\x11\xB4\xCC\x22\xC5\xDD\x33\xD6");
    CHECK_OK(value_decoder_page(&decoder, INTS, ENCODING_BYTE_STREAM_SPLIT, page, NULL, err));
    size_t count = 3;
    CHECK_OK(value_decoder_read(&decoder, cells, &count, err));
    CHECK_INT(cells[0].integer, (int32_t)0xDDCCBBAA);
    CHECK_INT(cells[2].integer, (int32_t)0xD6C5B4A3);
    count = 1;
    CHECK_FAILS(value_decoder_read(&decoder, cells, &count, err), ERR_VALUE);
    value_decoder_release(&decoder);
}

TEST(shared_prefixes_are_put_before) {
    ValueDecoder decoder = {0};
    Cell cells[CELLS_MAX];
    // "axis", "axle", "babble", "babyhood": prefixes 0 2 0 3 and suffixes 4 2 6 5, deltas in 3 bits.
    Slice page = SLICE("\x08\x01\x04\x00\x03\x03\x44\x01\x00"
                       "\x08\x01\x04\x08\x03\x03\x70\x00\x00"
                       "axislebabbleyhood");
    CHECK_OK(value_decoder_page(&decoder, BYTE_ARRAYS, ENCODING_DELTA_BYTE_ARRAY, page, NULL, err));
    size_t count = 3;
    CHECK_OK(value_decoder_read(&decoder, cells, &count, err));
    CHECK_INT(count, 3);
    CHECK_TEXT(cells[0].bytes, "axis");
    CHECK_TEXT(cells[1].bytes, "axle");
    CHECK_TEXT(cells[2].bytes, "babble");
    count = 3;
    CHECK_OK(value_decoder_read(&decoder, cells, &count, err)); // fewer than asked for
    CHECK_INT(count, 1);
    CHECK_TEXT(cells[0].bytes, "babyhood");
    value_decoder_release(&decoder);
}

static void put_lengths(Buf *out, uint64_t count, int64_t first) { // then all the same: deltas of 0
    buf_varint(out, 1 << 20);
    buf_varint(out, 1);
    buf_varint(out, count);
    buf_zigzag(out, first);
    buf_put(out, SLICE("\x00\x00"));
}

// A page of a few bytes that would make terabytes: stopped at 2 GiB, in steps of bounded size.
TEST(a_page_cannot_make_more_than_it_may) {
    ValueDecoder decoder = {0};
    Cell cells[CELLS_MAX];
    Buf page;
    buf_init(&page, 0);
    // Prefixes 0, 1 MiB, 1 MiB…; suffixes 1 MiB, then 0: a second block is not needed, as deltas are of one miniblock.
    buf_varint(&page, 8);
    buf_varint(&page, 1);
    buf_varint(&page, 8);
    buf_zigzag(&page, 0);
    buf_put(&page, SLICE("\x00\x15")); // widths of 21 bits: the first delta is 1 MiB
    uint8_t packed[21] = {0, 0, 0x10};
    buf_bytes(&page, packed, sizeof(packed));
    put_lengths(&page, 8, 0);
    CHECK_OK(value_decoder_page(&decoder, BYTE_ARRAYS, ENCODING_DELTA_BYTE_ARRAY, buf_slice(&page), NULL, err));
    CHECK_INT(read_all(&decoder, 1, cells), 1); // the second value shares more than the first has

    buf_reset(&page);
    put_lengths(&page, 1 << 20, 0);
    put_lengths(&page, 1 << 20, 4096);
    CHECK_OK(value_decoder_page(&decoder, BYTE_ARRAYS, ENCODING_DELTA_BYTE_ARRAY, buf_slice(&page), NULL, err));
    CHECK_INT(read_all(&decoder, 100, cells), 0); // suffixes past the end
    decoder.made_left = 100;
    decoder.last = SLICE("0123456789");
    decoder.prefix[0] = decoder.prefix[1] = 10;
    decoder.suffix[0] = decoder.suffix[1] = 0;
    decoder.length_at = 0;
    decoder.length_count = 2;
    decoder.made_left = 19;
    size_t count = 1;
    CHECK_OK(value_decoder_read(&decoder, cells, &count, err));
    CHECK_FAILS(value_decoder_read(&decoder, cells, &count, err), ERR_VALUE);
    buf_release(&page);
    value_decoder_release(&decoder);
}

TEST(dictionaries_are_looked_up) {
    ValueDecoder decoder = {0};
    Dictionary dictionary = {0};
    Cell cells[CELLS_MAX];
    Slice values = SLICE("\x01\x00\x00\x00"
                         "a"
                         "\x00\x00\x00\x00"
                         "\x02\x00\x00\x00"
                         "bc");
    CHECK_FAILS(dictionary_load(&dictionary, BYTE_ARRAYS, values, 4, err), ERR_VALUE);
    Slice page = SLICE("\x02\x04\x02\x02\x01\x02\x00\x02\x03");
    CHECK_FAILS(value_decoder_page(&decoder, BYTE_ARRAYS, ENCODING_RLE_DICTIONARY, page, &dictionary, err), ERR_VALUE);
    CHECK_OK(dictionary_load(&dictionary, BYTE_ARRAYS, values, 3, err));
    CHECK_OK(value_decoder_page(&decoder, BYTE_ARRAYS, ENCODING_RLE_DICTIONARY, page, &dictionary, err));
    size_t count = 4;
    CHECK_OK(value_decoder_read(&decoder, cells, &count, err));
    CHECK_TEXT(cells[1].bytes, "bc");
    CHECK_TEXT(cells[2].bytes, "");
    CHECK_TEXT(cells[3].bytes, "a");
    CHECK_FAILS(value_decoder_read(&decoder, cells, &count, err), ERR_VALUE); // 3 of 3
    dictionary_release(&dictionary);
    value_decoder_release(&decoder);
}

TEST(encodings_fit_types) {
    static const struct {
        PhysicalType type;
        int32_t encoding;
        bool fits;
    } CASES[] = {
        {PHYSICAL_BOOLEAN, ENCODING_RLE, true},
        {PHYSICAL_INT32, ENCODING_RLE, false},
        {PHYSICAL_BOOLEAN, ENCODING_PLAIN, true},
        {PHYSICAL_BOOLEAN, ENCODING_RLE_DICTIONARY, false},
        {PHYSICAL_INT64, ENCODING_BIT_PACKED, false},
        {PHYSICAL_FIXED, ENCODING_DELTA_BYTE_ARRAY, true},
        {PHYSICAL_FLOAT, ENCODING_DELTA_BINARY_PACKED, false},
        {PHYSICAL_INT64, 1, false},
        {PHYSICAL_INT64, 10, false},
        {PHYSICAL_INT64, -1, false},
    };
    ValueDecoder decoder = {0};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        ValueForm form = {CASES[i].type, 8};
        bool good = value_decoder_page(&decoder, form, CASES[i].encoding, SLICE(""), NULL, err);
        CHECK_INT(good, CASES[i].fits);
        err_clear(err);
    }
    value_decoder_release(&decoder);
}
