// SPDX-License-Identifier: Apache-2.0
// Positions are a roaring bitmap for each value of their upper 32 bits, in rising order: nearly always one.
//
// Written through the library, read by hand (RoaringFormatSpec: what the library's reader takes on trust is checked
// here: order, counts, what is behind). A deletion vector:
//
//     u32 BE size of magic and bitmaps · D1 D3 39 64 · u64 LE bitmaps, each: u32 LE upper half, portable bitmap ·
//     u32 BE CRC-32 of magic and bitmaps
#include "lake/iceberg/deletes.h"

#include "core/base/digest.h"

#include <roaring/roaring.h>

enum {
    COOKIE_RUNS = 12347,
    COOKIE_PLAIN = 12346,
    OFFSETS_FROM = 4, // containers, with runs; without there are always offsets
    ARRAY_MOST = 4096,
    BITSET_BYTES = 8192,
    CONTAINERS_MAX = 65536,
};

static const uint8_t MAGIC[4] = {0xd1, 0xd3, 0x39, 0x64};

typedef struct Part {
    uint32_t high;
    roaring_bitmap_t *bitmap;
} Part;

struct Positions {
    Part *parts; // in `memory`
    size_t part_count;
    Buf memory;
    size_t last; // used
    uint64_t count;
};

Positions *positions_new(void) {
    Positions *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    return made;
}

void positions_free(Positions *positions) {
    if (positions != NULL) {
        for (size_t i = 0; i < positions->part_count; i++) {
            roaring_bitmap_free(positions->parts[i].bitmap);
        }
        buf_release(&positions->memory);
        free(positions);
    }
}

// The first part at or above.
static size_t part_at(const Positions *positions, uint32_t high) {
    size_t low = 0, end = positions->part_count;
    while (low < end) {
        size_t middle = (low + end) / 2;
        if (positions->parts[middle].high < high) {
            low = middle + 1;
        } else {
            end = middle;
        }
    }
    return low;
}

static const roaring_bitmap_t *part_find(const Positions *positions, uint32_t high) {
    size_t at = part_at(positions, high);
    return at < positions->part_count && positions->parts[at].high == high ? positions->parts[at].bitmap : NULL;
}

// Takes the bitmap.
static Part *part_insert(Positions *positions, size_t at, uint32_t high, roaring_bitmap_t *bitmap) {
    ASSERT(bitmap != NULL);
    uint8_t *room = buf_room(&positions->memory, sizeof(Part));
    ASSERT(room != NULL);
    buf_advance(&positions->memory, sizeof(Part));
    positions->parts = (Part *)(void *)positions->memory.data;
    memmove(positions->parts + at + 1, positions->parts + at, (positions->part_count - at) * sizeof(Part));
    positions->parts[at] = (Part){high, bitmap};
    positions->part_count++;
    return &positions->parts[at];
}

bool positions_add(Positions *positions, uint64_t position) {
    uint32_t high = (uint32_t)(position >> 32);
    ASSERT(high <= INT32_MAX);
    size_t at = positions->last;
    if (at >= positions->part_count || positions->parts[at].high != high) {
        at = part_at(positions, high);
        if (at == positions->part_count || positions->parts[at].high != high) {
            part_insert(positions, at, high, roaring_bitmap_create());
        }
        positions->last = at;
    }
    bool added = roaring_bitmap_add_checked(positions->parts[at].bitmap, (uint32_t)position);
    positions->count += added ? 1 : 0;
    return added;
}

bool positions_has(const Positions *positions, uint64_t position) {
    const roaring_bitmap_t *bitmap = part_find(positions, (uint32_t)(position >> 32));
    return bitmap != NULL && roaring_bitmap_contains(bitmap, (uint32_t)position);
}

uint64_t positions_count(const Positions *positions) {
    return positions->count;
}

uint64_t positions_below(const Positions *positions, uint64_t position) {
    uint32_t high = (uint32_t)(position >> 32), low = (uint32_t)position;
    uint64_t below = 0;
    for (size_t i = 0; i < positions->part_count && positions->parts[i].high <= high; i++) {
        const Part *part = &positions->parts[i];
        if (part->high < high) {
            below += roaring_bitmap_get_cardinality(part->bitmap);
        } else if (low > 0) {
            below += roaring_bitmap_rank(part->bitmap, low - 1);
        }
    }
    return below;
}

void positions_union(Positions *positions, const Positions *other) {
    for (size_t i = 0; i < other->part_count; i++) {
        const Part *part = &other->parts[i];
        size_t at = part_at(positions, part->high);
        if (at < positions->part_count && positions->parts[at].high == part->high) {
            roaring_bitmap_or_inplace(positions->parts[at].bitmap, part->bitmap);
        } else {
            part_insert(positions, at, part->high, roaring_bitmap_copy(part->bitmap));
        }
    }
    positions->count = 0;
    for (size_t i = 0; i < positions->part_count; i++) {
        positions->count += roaring_bitmap_get_cardinality(positions->parts[i].bitmap);
    }
}

Positions *positions_copy(const Positions *positions) {
    Positions *copy = positions_new();
    positions_union(copy, positions);
    return copy;
}

size_t positions_next(const Positions *positions, uint64_t *from, uint64_t *out, size_t max) {
    enum { PIECE = 256 };
    size_t count = 0;
    for (size_t i = part_at(positions, (uint32_t)(*from >> 32)); i < positions->part_count && count < max; i++) {
        const Part *part = &positions->parts[i];
        uint64_t base = (uint64_t)part->high << 32;
        roaring_uint32_iterator_t iterator;
        roaring_init_iterator(part->bitmap, &iterator);
        if (*from > base && !roaring_move_uint32_iterator_equalorlarger(&iterator, (uint32_t)*from)) {
            continue;
        }
        uint32_t piece[PIECE], found;
        do {
            found = roaring_read_uint32_iterator(&iterator, piece, (uint32_t)MIN(max - count, (size_t)PIECE));
            for (uint32_t j = 0; j < found; j++) {
                out[count++] = base | piece[j];
            }
        } while (found > 0 && count < max);
    }
    *from = count > 0 ? out[count - 1] + 1 : *from;
    return count;
}

uint64_t positions_last(const Positions *positions) {
    ASSERT(positions->count > 0);
    const Part *part = &positions->parts[positions->part_count - 1];
    return (uint64_t)part->high << 32 | roaring_bitmap_maximum(part->bitmap);
}

size_t positions_memory(const Positions *positions) {
    size_t size = sizeof(*positions) + positions->memory.capacity;
    for (size_t i = 0; i < positions->part_count; i++) {
        const roaring_bitmap_t *bitmap = positions->parts[i].bitmap;
        size += sizeof(*bitmap) + roaring_bitmap_size_in_bytes(bitmap) +
                (size_t)bitmap->high_low_container.allocation_size * 11; // pointer, key, type
    }
    return size;
}

// --- deletion vectors ------------------------------------------------------------------------------------------

void deletion_vector_write(const Positions *positions, Buf *out) {
    size_t start = out->size;
    buf_u32be(out, 0);
    buf_bytes(out, MAGIC, sizeof(MAGIC));
    buf_u64le(out, positions->part_count);
    for (size_t i = 0; i < positions->part_count; i++) {
        roaring_bitmap_t *bitmap = positions->parts[i].bitmap;
        roaring_bitmap_run_optimize(bitmap); // the same set, in fewer bytes
        buf_u32le(out, positions->parts[i].high);
        uint8_t *room = buf_room(out, roaring_bitmap_portable_size_in_bytes(bitmap));
        if (room != NULL) {
            buf_advance(out, roaring_bitmap_portable_serialize(bitmap, (char *)room));
        }
    }
    if (!out->overflow) {
        Slice body = {out->data + start + 4, out->size - start - 4};
        uint32_t size = __builtin_bswap32((uint32_t)body.size), crc = digest_crc32(0, body);
        memcpy(out->data + start, &size, sizeof(size));
        buf_u32be(out, crc);
    }
}

static bool bad(const char *what, Err *err) {
    return FAIL(err, ERR_VALUE, "a deletion vector that is damaged: %s", what);
}

static uint16_t read_u16le(Reader *reader) {
    return __builtin_bswap16(read_u16be(reader));
}

static bool read_runs(Reader *reader, uint32_t base, uint32_t count, roaring_bitmap_t *bitmap, Err *err) {
    uint32_t runs = read_u16le(reader), next = 0, found = 0;
    for (uint32_t i = 0; i < runs; i++) {
        uint32_t first = read_u16le(reader), last = first + read_u16le(reader);
        if (reader->bad || last > UINT16_MAX || (i > 0 && first < next)) {
            return bad("its runs are cut off or out of order", err);
        }
        next = last + 1;
        found += last - first + 1;
        roaring_bitmap_add_range_closed(bitmap, base | first, base | last);
    }
    return found == count || bad("a run container holds another number of positions than it says", err);
}

static bool read_array(Reader *reader, uint32_t base, uint32_t count, roaring_bitmap_t *bitmap, Err *err) {
    uint32_t values[ARRAY_MOST];
    for (uint32_t i = 0; i < count; i++) {
        values[i] = base | read_u16le(reader);
        if (reader->bad || (i > 0 && values[i] <= values[i - 1])) {
            return bad("its positions are cut off or out of order", err);
        }
    }
    roaring_bitmap_add_many(bitmap, count, values);
    return true;
}

static bool read_bitset(Reader *reader, uint32_t base, uint32_t count, roaring_bitmap_t *bitmap, Err *err) {
    uint32_t values[64], found = 0;
    for (uint32_t word = 0; word < BITSET_BYTES / 8; word++) {
        uint64_t bits = read_u64le(reader);
        uint32_t size = 0;
        for (; bits != 0; bits &= bits - 1) {
            values[size++] = base | (word * 64 + (uint32_t)__builtin_ctzll(bits));
        }
        roaring_bitmap_add_many(bitmap, size, values);
        found += size;
    }
    return (!reader->bad && found == count) || bad("a bitset is cut off, or holds another number than it says", err);
}

static bool read_bitmap(Reader *reader, roaring_bitmap_t *bitmap, Err *err) {
    uint32_t cookie = read_u32le(reader), count = (cookie >> 16) + 1;
    bool runs = (cookie & 0xffff) == COOKIE_RUNS;
    if (!runs) {
        count = read_u32le(reader);
    }
    if (reader->bad || (!runs && cookie != COOKIE_PLAIN) || count > CONTAINERS_MAX) {
        return bad("a bitmap does not begin as one", err);
    }
    Slice flags = read_bytes(reader, runs ? (count + 7) / 8 : 0), heads = read_bytes(reader, (size_t)count * 4);
    if (!runs || count >= OFFSETS_FROM) {
        read_bytes(reader, (size_t)count * 4); // they follow from the rest
    }
    if (reader->bad) {
        return bad("a bitmap is cut off", err);
    }
    int64_t last = -1;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *head = heads.data + (size_t)i * 4;
        uint32_t key = (uint32_t)(head[0] | head[1] << 8), size = (uint32_t)(head[2] | head[3] << 8) + 1;
        if ((int64_t)key <= last) {
            return bad("its containers are out of order", err);
        }
        last = key;
        if (runs && (flags.data[i / 8] >> (i % 8) & 1) != 0) {
            TRY(read_runs(reader, key << 16, size, bitmap, err));
        } else if (size <= ARRAY_MOST) {
            TRY(read_array(reader, key << 16, size, bitmap, err));
        } else {
            TRY(read_bitset(reader, key << 16, size, bitmap, err));
        }
    }
    return true;
}

static bool read_parts(Reader *reader, Positions *positions, Err *err) {
    uint64_t count = read_u64le(reader);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t high = read_u32le(reader);
        size_t at = positions->part_count;
        if (reader->bad || high >= INT32_MAX || (at > 0 && high <= positions->parts[at - 1].high)) {
            return bad("its bitmaps are cut off, out of order or of positions that no file has", err);
        }
        Part *part = part_insert(positions, at, high, roaring_bitmap_create());
        TRY(read_bitmap(reader, part->bitmap, err));
        positions->count += roaring_bitmap_get_cardinality(part->bitmap);
    }
    return reader_done(reader) || bad("bytes are left behind its bitmaps", err);
}

bool deletion_vector_read(Slice blob, Positions **positions, Err *err) {
    Reader reader = reader_of(blob);
    uint32_t size = read_u32be(&reader);
    if (reader.bad || blob.size < 12 + sizeof(MAGIC) || size != blob.size - 8) {
        return FAIL(err, ERR_VALUE, "a deletion vector of %zu bytes that says it has %" PRIu32, blob.size, size);
    }
    Slice body = read_bytes(&reader, size);
    uint32_t crc = read_u32be(&reader);
    if (memcmp(body.data, MAGIC, sizeof(MAGIC)) != 0) {
        return bad("it does not begin as one", err);
    }
    if (crc != digest_crc32(0, body)) {
        return bad("its checksum differs", err);
    }
    Reader parts = reader_of(slice_from(body, sizeof(MAGIC)));
    Positions *made = positions_new();
    if (!read_parts(&parts, made, err)) {
        positions_free(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *positions = made;
    return true;
}
