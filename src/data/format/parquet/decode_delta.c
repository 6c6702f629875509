// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/decode_delta.h"

#include "data/format/parquet/decode_bits.h"

enum { BLOCK_VALUES_MAX = 1 << 30, BLOCK_MINIS_MAX = 1 << 16 };

bool delta_open(DeltaDecoder *decoder, Slice bytes) {
    *decoder = (DeltaDecoder){.bytes = reader_of(bytes), .first = true};
    Reader *in = &decoder->bytes;
    uint64_t block_values = read_varint(in);
    decoder->block_minis = read_varint(in);
    decoder->left = read_varint(in);
    decoder->last = (uint64_t)read_zigzag(in);
    decoder->mini = decoder->block_minis; // a block must be begun
    if (in->bad || decoder->block_minis == 0 || decoder->block_minis > BLOCK_MINIS_MAX ||
        block_values > BLOCK_VALUES_MAX || block_values % decoder->block_minis != 0) {
        return false;
    }
    decoder->mini_values = block_values / decoder->block_minis;
    return decoder->mini_values > 0 && decoder->mini_values % 8 == 0;
}

static bool next_mini(DeltaDecoder *decoder) {
    Reader *in = &decoder->bytes;
    decoder->mini++;
    decoder->mini_at = 0;
    if (decoder->mini >= decoder->block_minis || decoder->widths.data == NULL) {
        decoder->min_delta = (uint64_t)read_zigzag(in);
        decoder->widths = read_bytes(in, (size_t)decoder->block_minis);
        decoder->mini = 0;
        if (in->bad) {
            return false;
        }
    }
    uint8_t width = decoder->widths.data[decoder->mini];
    if (width > 64) {
        return false;
    }
    decoder->packed = read_bytes(in, (size_t)decoder->mini_values / 8 * width);
    return !in->bad;
}

bool delta_read(DeltaDecoder *decoder, int64_t *values, size_t count) {
    if (count > decoder->left) {
        return false;
    }
    size_t done = 0;
    if (decoder->first && count > 0) {
        decoder->first = false;
        values[done++] = (int64_t)decoder->last;
    }
    while (done < count) {
        if (decoder->widths.data == NULL || decoder->mini_at == decoder->mini_values) {
            if (!next_mini(decoder)) {
                return false;
            }
        }
        size_t step = (size_t)MIN(decoder->mini_values - decoder->mini_at, count - done);
        uint8_t width = decoder->widths.data[decoder->mini];
        uint64_t last = decoder->last;
        for (size_t i = 0; i < step; i++) {
            last += decoder->min_delta + bits_at(decoder->packed, (size_t)decoder->mini_at + i, width);
            values[done + i] = (int64_t)last;
        }
        decoder->last = last;
        decoder->mini_at += step;
        done += step;
    }
    decoder->left -= count;
    return true;
}

bool delta_end(const DeltaDecoder *decoder, Slice *rest) {
    DeltaDecoder walk = *decoder;
    uint64_t left = walk.left > 0 ? walk.left - 1 : 0; // the first stands in the head
    ASSERT(walk.first);
    while (left > 0) {
        if (!next_mini(&walk)) {
            return false;
        }
        left -= MIN(left, walk.mini_values);
    }
    *rest = (Slice){walk.bytes.at, reader_left(&walk.bytes)};
    return true;
}
