// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/decode_hybrid.h"

#include "data/format/parquet/decode_bits.h"

HybridDecoder hybrid_decoder(Slice bytes, uint32_t width) {
    ASSERT(width <= 32);
    return (HybridDecoder){.bytes = reader_of(bytes), .width = width};
}

HybridDecoder hybrid_decoder_old(Slice bytes, uint32_t width) {
    ASSERT(width <= 32);
    uint64_t left = width == 0 ? UINT64_MAX : (uint64_t)bytes.size * 8 / width;
    return (HybridDecoder){.width = width, .old_bits = true, .packed = bytes, .left = left};
}

static bool next_run(HybridDecoder *decoder) {
    Reader *bytes = &decoder->bytes;
    while (decoder->left == 0) {
        if (decoder->old_bits || bytes->bad || bytes->at == NULL || bytes->at == bytes->end) {
            return false;
        }
        uint64_t head = read_varint(bytes);
        if (head & 1) {
            uint64_t groups = head >> 1;
            uint64_t there = decoder->width == 0 ? groups : reader_left(bytes) / decoder->width;
            decoder->left = MIN(groups, UINT32_MAX) * 8;
            size_t size = (size_t)MIN(groups, UINT32_MAX) * decoder->width;
            if (groups > there && decoder->width > 0) { // the last group may be cut to the bytes that count
                size = reader_left(bytes);
                decoder->left = (uint64_t)size * 8 / decoder->width;
            }
            decoder->packed = read_bytes(bytes, size);
            decoder->packed_at = 0;
        } else {
            decoder->left = head >> 1;
            decoder->packed = (Slice){NULL, 0};
            decoder->value = 0;
            Slice value = read_bytes(bytes, (decoder->width + 7) / 8);
            if (value.size > 0) {
                memcpy(&decoder->value, value.data, value.size);
            }
        }
        if (bytes->bad) {
            return false;
        }
    }
    return true;
}

static uint32_t old_bits_at(Slice bytes, size_t index, uint32_t width) {
    uint32_t value = 0;
    for (size_t bit = index * width, end = bit + width; bit < end; bit++) {
        value = value << 1 | (bytes.data[bit / 8] >> (7 - bit % 8) & 1);
    }
    return value;
}

bool hybrid_read(HybridDecoder *decoder, uint32_t *values, size_t count) {
    while (count > 0) {
        if (!next_run(decoder)) {
            return false;
        }
        size_t step = (size_t)MIN(decoder->left, count);
        for (size_t i = 0; i < step; i++) {
            if (decoder->packed.data == NULL) {
                values[i] = decoder->value;
            } else if (decoder->old_bits) {
                values[i] = old_bits_at(decoder->packed, decoder->packed_at + i, decoder->width);
            } else {
                values[i] = (uint32_t)bits_at(decoder->packed, decoder->packed_at + i, decoder->width);
            }
        }
        decoder->packed_at += step;
        decoder->left -= step;
        values += step;
        count -= step;
    }
    return true;
}
