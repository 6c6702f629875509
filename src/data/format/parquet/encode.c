// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/encode.h"

#include "data/format/parquet/pack.h"

enum { BLOCK = 128, MINIBLOCK = 32, MINIBLOCKS = BLOCK / MINIBLOCK, DELTA_HEAD_BYTES = 32 };

static uint8_t *varint_put(uint8_t *at, uint64_t v) {
    while (v >= 0x80) {
        *at++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *at++ = (uint8_t)v;
    return at;
}

// --- runs and packed groups ------------------------------------------------------------------------------------

// From how many equal values on a run is shorter than what it takes to leave the packed groups and come back.
static size_t run_min(uint32_t width) {
    return width >= 4 ? 8 : width >= 2 ? 16 : 32;
}

static bool group_is_flat(const uint32_t *v) {
    return ((v[0] ^ v[1]) | (v[0] ^ v[2]) | (v[0] ^ v[3]) | (v[0] ^ v[4]) | (v[0] ^ v[5]) | (v[0] ^ v[6]) |
            (v[0] ^ v[7])) == 0;
}

static size_t run_length(const uint32_t *values, size_t count) {
    size_t length = 1;
    while (length < count && values[length] == values[0]) {
        length++;
    }
    return length;
}

static uint8_t *run_put(uint8_t *at, uint32_t value, size_t length, uint32_t width) {
    at = varint_put(at, (uint64_t)length << 1);
    memcpy(at, &value, 4);
    return at + (width + 7) / 8;
}

static uint8_t *groups_put(uint8_t *at, const uint32_t *values, size_t count, uint32_t width) {
    if (count == 0) {
        return at;
    }
    at = varint_put(at, (uint64_t)((count + 7) / 8) << 1 | 1);
    at = pack_groups32(values, count / 8, width, at);
    if (count % 8 != 0) {
        uint32_t rest[8] = {0};
        memcpy(rest, values + count / 8 * 8, count % 8 * sizeof(*rest));
        at = pack_groups32(rest, 1, width, at);
    }
    return at;
}

void encode_hybrid(Buf *out, const uint32_t *values, size_t count, uint32_t width) {
    ASSERT(width <= 32);
    // A group is `width` bytes packed; as a run at most 5 + 4, and each run may leave packed groups with a head.
    uint8_t *room = buf_room(out, (count / 8 + 2) * ((size_t)width + 16));
    if (room == NULL || count == 0) {
        return;
    }
    uint8_t *at = room;
    size_t packed_from = 0, i = 0;
    while (i + 8 <= count) {
        if (LIKELY(!group_is_flat(values + i))) {
            i += 8;
            continue;
        }
        size_t length = run_length(values + i, count - i);
        if (length < run_min(width) && i + length < count) {
            i += 8;
            continue;
        }
        at = groups_put(at, values + packed_from, i - packed_from, width);
        at = run_put(at, values[i], length, width);
        i += length;
        packed_from = i;
    }
    at = groups_put(at, values + packed_from, count - packed_from, width);
    buf_advance(out, (size_t)(at - room));
}

// The word of 64 bits at bit i (a multiple of 64) of `count`; bits past the count are `fill`'s.
static uint64_t bitmap_word(const uint8_t *bits, size_t i, size_t count, bool fill) {
    uint64_t word = load_u64le(bits + i / 8);
    if (count - i < 64) {
        uint64_t mask = (UINT64_C(1) << (count - i)) - 1;
        word = fill ? word | ~mask : word & mask;
    }
    return word;
}

static bool bitmap_flat(const uint8_t *bits, size_t i, size_t count, bool *value) {
    *value = (bits[i / 8] & 1) != 0;
    return bitmap_word(bits, i, count, *value) == (*value ? UINT64_MAX : 0);
}

void encode_hybrid_bitmap(Buf *out, const uint8_t *bits, size_t count) {
    uint8_t *room = buf_room(out, count / 8 + count / 64 * 12 + 64);
    if (room == NULL) {
        return;
    }
    uint8_t *at = room;
    for (size_t i = 0; i < count;) {
        bool value = false, other = false;
        size_t end = i;
        if (bitmap_flat(bits, i, count, &value)) {
            do {
                end += 64;
            } while (end < count && bitmap_flat(bits, end, count, &other) && other == value);
            at = run_put(at, value, MIN(end, count) - i, 1);
        } else {
            do {
                end += 64;
            } while (end < count && !bitmap_flat(bits, end, count, &other));
            size_t bytes = (MIN(end, count) - i + 7) / 8;
            at = varint_put(at, (uint64_t)bytes << 1 | 1);
            memcpy(at, bits + i / 8, bytes);
            at += bytes;
            if (end > count && count % 8 != 0) {
                at[-1] &= (uint8_t)((1U << (count % 8)) - 1);
            }
        }
        i = end;
    }
    buf_advance(out, (size_t)(at - room));
}

// --- deltas ----------------------------------------------------------------------------------------------------

static uint8_t *delta_head(uint8_t *at, size_t count, int64_t first) {
    at = varint_put(at, BLOCK);
    at = varint_put(at, MINIBLOCKS);
    at = varint_put(at, count);
    return varint_put(at, zigzag_encode(first));
}

// A block's head and bodies: miniblocks behind the last value have width 0 and no body.
static uint8_t *block64(uint8_t *at, const int64_t *values, size_t count) {
    uint64_t deltas[BLOCK];
    int64_t min = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        deltas[i] = (uint64_t)values[i] - (uint64_t)values[(ptrdiff_t)i - 1]; // wraps, as the reader's sum does
        min = MIN(min, (int64_t)deltas[i]);
    }
    for (size_t i = 0; i < count; i++) {
        deltas[i] -= (uint64_t)min;
    }
    memset(deltas + count, 0, (BLOCK - count) * sizeof(*deltas));
    at = varint_put(at, zigzag_encode(min));
    uint8_t *widths = at;
    at += MINIBLOCKS;
    for (size_t m = 0; m < MINIBLOCKS; m++) {
        const uint64_t *mini = deltas + m * MINIBLOCK;
        uint64_t any = 0;
        for (size_t i = 0; i < MINIBLOCK; i++) {
            any |= mini[i];
        }
        widths[m] = (uint8_t)bits_width64(any);
        at = pack_groups64(mini, MINIBLOCK / 8, widths[m], at);
    }
    return at;
}

static uint8_t *block32(uint8_t *at, const int32_t *values, size_t count) {
    uint32_t deltas[BLOCK];
    int32_t min = INT32_MAX;
    for (size_t i = 0; i < count; i++) {
        deltas[i] = (uint32_t)values[i] - (uint32_t)values[(ptrdiff_t)i - 1];
        min = MIN(min, (int32_t)deltas[i]);
    }
    for (size_t i = 0; i < count; i++) {
        deltas[i] -= (uint32_t)min;
    }
    memset(deltas + count, 0, (BLOCK - count) * sizeof(*deltas));
    at = varint_put(at, zigzag_encode(min));
    uint8_t *widths = at;
    at += MINIBLOCKS;
    for (size_t m = 0; m < MINIBLOCKS; m++) {
        const uint32_t *mini = deltas + m * MINIBLOCK;
        uint32_t any = 0;
        for (size_t i = 0; i < MINIBLOCK; i++) {
            any |= mini[i];
        }
        widths[m] = (uint8_t)bits_width32(any);
        at = pack_groups32(mini, MINIBLOCK / 8, widths[m], at);
    }
    return at;
}

void encode_delta32(Buf *out, const int32_t *values, size_t count) {
    uint8_t *room = buf_room(out, DELTA_HEAD_BYTES + (count / BLOCK + 1) * (BLOCK * 4 + 10 + MINIBLOCKS));
    if (room == NULL) {
        return;
    }
    uint8_t *at = delta_head(room, count, count == 0 ? 0 : values[0]);
    for (size_t i = 1; i < count; i += BLOCK) {
        at = block32(at, values + i, MIN((size_t)BLOCK, count - i));
    }
    buf_advance(out, (size_t)(at - room));
}

void encode_delta64(Buf *out, const int64_t *values, size_t count) {
    uint8_t *room = buf_room(out, DELTA_HEAD_BYTES + (count / BLOCK + 1) * (BLOCK * 8 + 10 + MINIBLOCKS));
    if (room == NULL) {
        return;
    }
    uint8_t *at = delta_head(room, count, count == 0 ? 0 : values[0]);
    for (size_t i = 1; i < count; i += BLOCK) {
        at = block64(at, values + i, MIN((size_t)BLOCK, count - i));
    }
    buf_advance(out, (size_t)(at - room));
}

void encode_delta_length(Buf *out, const uint32_t *lengths, size_t count, Slice bytes) {
    encode_delta32(out, (const int32_t *)lengths, count);
    buf_put(out, bytes);
}

// --- plain -----------------------------------------------------------------------------------------------------

void encode_plain_bool(Buf *out, const uint8_t *values, size_t count) {
    uint8_t *at = buf_room(out, (count + 7) / 8);
    if (at == NULL) {
        return;
    }
    memset(at, 0, (count + 7) / 8);
    for (size_t i = 0; i < count; i++) {
        at[i / 8] |= (uint8_t)(values[i] << (i % 8));
    }
    buf_advance(out, (count + 7) / 8);
}

void encode_plain_bytes(Buf *out, const uint32_t *lengths, size_t count, Slice bytes) {
    uint8_t *at = buf_room(out, bytes.size + count * 4);
    if (at == NULL || count == 0) {
        return;
    }
    const uint8_t *from = bytes.data;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, &lengths[i], 4);
        if (lengths[i] != 0) {
            memcpy(at + 4, from, lengths[i]);
        }
        at += 4 + lengths[i];
        from += lengths[i];
    }
    ASSERT(from == bytes.data + bytes.size);
    buf_advance(out, bytes.size + count * 4);
}

void encode_byte_stream_split(Buf *out, const uint8_t *values, size_t count, size_t size) {
    uint8_t *at = buf_room(out, count * size);
    if (at == NULL) {
        return;
    }
    for (size_t byte = 0; byte < size; byte++) {
        const uint8_t *from = values + byte;
        for (size_t i = 0; i < count; i++, from += size) {
            *at++ = *from;
        }
    }
    buf_advance(out, count * size);
}
