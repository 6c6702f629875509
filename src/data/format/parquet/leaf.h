// SPDX-License-Identifier: Apache-2.0
// One leaf column of a file being written: the values of the page that is open, as they come, then the pages of its
// column chunk, encoded and compressed. So what a row group holds in memory is about what it will take in the file.
#ifndef LEAT_DATA_FORMAT_PARQUET_LEAF_H
#define LEAT_DATA_FORMAT_PARQUET_LEAF_H

#include "data/event/value.h"
#include "data/format/compress.h"
#include "data/format/parquet/dictionary.h"
#include "data/format/parquet/parquet.h"
#include "data/format/parquet/tree.h"

// How a writer was opened, defaults filled in.
typedef struct LeafOptions {
    Codec codec;
    int level;
    size_t page_bytes;
    size_t large_page_bytes; // SIZE_MAX = none
    uint32_t page_rows;
    size_t dictionary_bytes_max;
    bool byte_stream_split;
    bool compatible;
} LeafOptions;

// Working memory for making pages; see workbench_take.
typedef struct Workbench {
    Buf page;    // levels and values, encoded
    Buf packed;  // the same compressed
    Buf other;   // the other encoding of the same values, to compare
    Buf indices; // dictionary indices, or levels widened
    Buf marks;
} Workbench;
// Kept from one page, of whatever file, to the next: an encoder that is idle holds none.
Workbench *workbench_take(void);
void workbench_give(Workbench *workbench);

typedef enum DictionaryState {
    DICTIONARY_UNDECIDED, // no page yet
    DICTIONARY_ON,
    DICTIONARY_FULL, // pages behind this are encoded otherwise
    DICTIONARY_OFF,
} DictionaryState;

// A page that is done. Its bounds are in Leaf.page_bounds.
typedef struct LeafPage {
    uint64_t offset; // from the chunk's first data page
    uint32_t size_on_disk;
    uint32_t row_count;
    uint64_t first_row;
    uint64_t null_count;
    uint32_t bounds_at;
    uint8_t min_size;
    uint8_t max_size;
    bool empty; // nulls only
} LeafPage;

enum { ENCODING_COUNT = 10, LEAF_BYTES_MAX = INT32_MAX / 2, LEAF_LARGE_BYTES = 256 };

// How values are staged, by what needs no look at the shape.
typedef enum LeafRoad {
    LEAF_OTHER, // see leaf_put_any
    LEAF_INT32, // integer + epoch
    LEAF_INT64, // likewise
    LEAF_BYTES, // byte arrays
} LeafRoad;

typedef struct Leaf {
    // What each value needs comes first. The open page:
    const TreeLeaf *spec;
    uint8_t road;       // a LeafRoad
    uint8_t value_kind; // spec's
    int64_t epoch;      // spec's
    size_t value_count;
    size_t entry_count; // values, NULLs and empty lists; flat: rows
    size_t row_count;
    Buf values;  // fixed size one behind another; byte arrays likewise, their sizes in `lengths`
    Buf present; // flat: a bitmap of what is no NULL, lowest bit first; empty until the first NULL comes
    Buf lengths; // uint32_t
    Buf levels;  // nested: uint8_t definition, repetition of each entry
    size_t row_count_max;
    // The open column chunk.
    Buf pages;
    Buf page_list; // LeafPage
    Buf page_bounds;
    Buf hashes; // bloom: of values outside of the dictionary
    Dictionary dictionary;
    DictionaryState state;
    Bounds bounds;
    uint64_t chunk_rows; // in done pages
    uint64_t chunk_entries;
    uint64_t chunk_nulls;
    uint64_t chunk_raw;    // bytes of done pages before compression, heads included
    uint64_t chunk_staged; // bytes of the values in done pages, as they came
    uint32_t page_counts[ENCODING_COUNT];
    bool no_index; // a page has no bounds
} Leaf;

void leaf_init(Leaf *leaf, const TreeLeaf *spec, const LeafOptions *options);
void leaf_release(Leaf *leaf);
// As it was before the first value of a chunk, but for the memory of pages.
void leaf_reset(Leaf *leaf);
// Gives back the memory of the open page, which must be empty.
void leaf_trim(Leaf *leaf);
size_t leaf_held(const Leaf *leaf);
// Bytes in the open page, as they came.
static inline size_t leaf_staged(const Leaf *leaf) {
    return leaf->values.size + leaf->lengths.size + leaf->levels.size + leaf->present.size;
}
static inline bool leaf_is_flat(const Leaf *leaf) {
    return leaf->spec->flat;
}

// --- staging ---------------------------------------------------------------------------------------------------

static inline void leaf_put32(Leaf *leaf, int32_t v) {
    memcpy(buf_room(&leaf->values, 4), &v, 4);
    buf_advance(&leaf->values, 4);
    leaf->value_count++;
}
static inline void leaf_put64(Leaf *leaf, int64_t v) {
    memcpy(buf_room(&leaf->values, 8), &v, 8);
    buf_advance(&leaf->values, 8);
    leaf->value_count++;
}

// Adds a value of the leaf's kind, not NULL; the entry it belongs to is added by the caller. ERR_VALUE: out of its
// range.
CHECKED bool leaf_put_any(Leaf *leaf, const Value *value, Err *err);
CHECKED static inline __attribute__((always_inline)) bool leaf_put(Leaf *leaf, const Value *value, Err *err) {
    int64_t v = 0;
    if (UNLIKELY(value->kind != leaf->value_kind)) {
        return leaf_put_any(leaf, value, err);
    }
    if (leaf->road == LEAF_INT64 && LIKELY(!__builtin_add_overflow(value->integer, leaf->epoch, &v))) {
        leaf_put64(leaf, v);
        return true;
    }
    if (leaf->road == LEAF_BYTES && LIKELY(value->bytes.size <= LEAF_BYTES_MAX)) {
        buf_u32le(&leaf->lengths, (uint32_t)value->bytes.size);
        buf_put(&leaf->values, value->bytes);
        leaf->value_count++;
        return true;
    }
    if (leaf->road == LEAF_INT32 && LIKELY(!__builtin_add_overflow(value->integer, leaf->epoch, &v)) &&
        LIKELY(v == (int32_t)v)) {
        leaf_put32(leaf, (int32_t)v);
        return true;
    }
    return leaf_put_any(leaf, value, err);
}
static inline void leaf_entry_present(Leaf *leaf) { // flat
    if (UNLIKELY(leaf->present.size != 0)) {
        if (leaf->row_count % 8 == 0) {
            buf_u8(&leaf->present, 0);
        }
        leaf->present.data[leaf->row_count / 8] |= (uint8_t)(1U << (leaf->row_count % 8));
    }
    leaf->entry_count++;
    leaf->row_count++;
}
void leaf_entry_null(Leaf *leaf);                                                   // flat
static inline void leaf_entry(Leaf *leaf, uint8_t definition, uint8_t repetition) { // nested
    uint8_t *at = buf_room(&leaf->levels, 2);
    at[0] = definition;
    at[1] = repetition;
    buf_advance(&leaf->levels, 2);
    leaf->entry_count++;
    leaf->row_count += repetition == 0;
}
// Takes back rows behind the first `row_count` of the page.
void leaf_cut(Leaf *leaf, size_t row_count);
// Adds rows [first, first + count) of columnar memory, as many as the open page may take; at least one.
CHECKED bool leaf_columns(Leaf *leaf, const ParquetColumn *column, size_t first, size_t count, size_t page_bytes,
                          size_t *taken, Err *err);

// --- pages (leaf_page.c) ---------------------------------------------------------------------------------------

// Byte arrays that are large on average: pages of them are small, so that one can be read without many others.
static inline bool leaf_is_large(const Leaf *leaf) {
    return leaf->spec->value_size == 0 && leaf->values.size >= leaf->value_count * LEAF_LARGE_BYTES;
}
static inline bool leaf_page_is_due(const Leaf *leaf, const LeafOptions *options) {
    return leaf->row_count >= leaf->row_count_max || leaf->values.size + leaf->levels.size >= options->page_bytes ||
           (leaf->values.size >= options->large_page_bytes && leaf_is_large(leaf));
}
// Ends the open page; `last` of the chunk: the dictionary need not pay for more.
CHECKED bool leaf_end_page(Leaf *leaf, const LeafOptions *options, Workbench *bench, bool last, Err *err);

// Appends the page in bench->page, compressed, with its header; adds the bytes before compression to *raw.
CHECKED bool page_write(Buf *out, const LeafOptions *options, Workbench *bench, PageHeader *header, uint64_t *raw,
                        Err *err);

// --- chunks (leaf_chunk.c) -------------------------------------------------------------------------------------

// Ends the open page, appends the column chunk, which begins at `offset` of the file, to `out`, its indexes to theirs
// and its bloom filter to `blooms`, and fills *chunk, its lists in `scratch`: there the indexes' and the filter's
// offsets count from where those buffers were when they were empty. Then the leaf is as new, with the memory it had for
// an open page.
typedef struct ChunkPlace {
    Arena *scratch;
    uint64_t offset;
    Buf *out;
    Buf *column_indexes;
    Buf *offset_indexes;
    Buf *blooms;
} ChunkPlace;
CHECKED bool leaf_end_chunk(Leaf *leaf, const LeafOptions *options, Workbench *bench, const ChunkPlace *place,
                            ColumnChunk *chunk, Err *err);

#endif
