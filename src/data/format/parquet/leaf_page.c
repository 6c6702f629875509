// SPDX-License-Identifier: Apache-2.0
// Pages are of version 1, levels and values compressed together: every reader takes them, also Spark's vectorised one
// before 3.3, which refuses version 2; and levels, mostly one long run, cost nothing there. Rows never cross pages.
#include "core/base/digest.h"
#include "data/format/parquet/bloom.h"
#include "data/format/parquet/encode.h"
#include "data/format/parquet/leaf.h"
#include "data/format/parquet/pack.h"

#include <stdatomic.h>

enum {
    WORKBENCH_BYTES_KEPT = 4 << 20, // of each buffer
    READ_SLACK = 8,                 // bytes that kernels read past the end
};

// --- the workbench ---------------------------------------------------------------------------------------------

static _Atomic(Workbench *) idle_workbenches[4];

static void workbench_free(Workbench *bench) {
    Buf *bufs[] = {&bench->page, &bench->packed, &bench->other, &bench->indices, &bench->marks};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++) {
        buf_release(bufs[i]);
    }
    free(bench);
}

Workbench *workbench_take(void) {
    for (size_t i = 0; i < ARRAY_LEN(idle_workbenches); i++) {
        Workbench *bench = atomic_exchange(&idle_workbenches[i], NULL);
        if (bench != NULL) {
            return bench;
        }
    }
    Workbench *bench = calloc(1, sizeof(*bench));
    if (bench == NULL) {
        panic("out of memory: %zu bytes", sizeof(*bench));
    }
    return bench;
}

void workbench_give(Workbench *bench) {
    Buf *bufs[] = {&bench->page, &bench->packed, &bench->other, &bench->indices, &bench->marks};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++) {
        buf_reset_keep(bufs[i], WORKBENCH_BYTES_KEPT);
    }
    for (size_t i = 0; i < ARRAY_LEN(idle_workbenches); i++) {
        Workbench *none = NULL;
        if (atomic_compare_exchange_strong(&idle_workbenches[i], &none, bench)) {
            return;
        }
    }
    workbench_free(bench);
}

// --- levels ----------------------------------------------------------------------------------------------------

static size_t level_head(Buf *out) {
    buf_u32le(out, 0);
    return out->size;
}

// The size before the levels, known behind them.
static void level_end(Buf *out, size_t begin) {
    uint32_t size = (uint32_t)(out->size - begin);
    memcpy(out->data + begin - 4, &size, 4);
}

static void nested_levels(const Leaf *leaf, Workbench *bench, size_t which, uint8_t max) {
    if (max == 0) {
        return;
    }
    buf_reset(&bench->indices);
    uint32_t *levels = (uint32_t *)(void *)buf_room(&bench->indices, leaf->entry_count * 4);
    for (size_t i = 0; i < leaf->entry_count; i++) {
        levels[i] = leaf->levels.data[i * 2 + which];
    }
    size_t begin = level_head(&bench->page);
    encode_hybrid(&bench->page, levels, leaf->entry_count, bits_width32(max));
    level_end(&bench->page, begin);
}

static void levels_encode(Leaf *leaf, Workbench *bench) {
    if (!leaf_is_flat(leaf)) {
        nested_levels(leaf, bench, 1, leaf->spec->max_repetition);
        nested_levels(leaf, bench, 0, leaf->spec->max_definition);
        return;
    }
    if (leaf->spec->max_definition == 0) {
        return;
    }
    size_t begin = level_head(&bench->page);
    if (leaf->present.size == 0) {
        buf_varint(&bench->page, (uint64_t)leaf->row_count << 1); // one run of ones
        buf_u8(&bench->page, 1);
    } else {
        memset(buf_room(&leaf->present, READ_SLACK), 0, READ_SLACK);
        encode_hybrid_bitmap(&bench->page, leaf->present.data, leaf->row_count);
    }
    level_end(&bench->page, begin);
}

// --- values ----------------------------------------------------------------------------------------------------

static const uint32_t *lengths_of(const Leaf *leaf) {
    return (const uint32_t *)(const void *)leaf->lengths.data;
}

static bool is_integer(const Leaf *leaf) {
    return leaf->spec->physical == PHYSICAL_INT32 || leaf->spec->physical == PHYSICAL_INT64;
}

static bool is_real(const Leaf *leaf) {
    return leaf->spec->physical == PHYSICAL_FLOAT || leaf->spec->physical == PHYSICAL_DOUBLE;
}

static void delta_encode(const Leaf *leaf, Buf *out) {
    const void *values = leaf->values.data;
    if (leaf->spec->physical == PHYSICAL_INT32) {
        encode_delta32(out, values, leaf->value_count);
    } else {
        encode_delta64(out, values, leaf->value_count);
    }
}

static Encoding plain_encode(const Leaf *leaf, Buf *out) {
    if (leaf->spec->physical == PHYSICAL_BOOLEAN) {
        encode_plain_bool(out, leaf->values.data, leaf->value_count);
    } else if (leaf->spec->value_size == 0) {
        encode_plain_bytes(out, lengths_of(leaf), leaf->value_count, buf_slice(&leaf->values));
    } else {
        buf_put(out, buf_slice(&leaf->values));
    }
    return ENCODING_PLAIN;
}

// Without a dictionary.
static Encoding values_encode(const Leaf *leaf, const LeafOptions *options, Buf *out) {
    if (options->compatible || leaf->value_count == 0) {
        return plain_encode(leaf, out);
    }
    if (is_integer(leaf)) {
        delta_encode(leaf, out);
        return ENCODING_DELTA_BINARY_PACKED;
    }
    if (leaf->spec->value_size == 0) {
        encode_delta_length(out, lengths_of(leaf), leaf->value_count, buf_slice(&leaf->values));
        return ENCODING_DELTA_LENGTH_BYTE_ARRAY;
    }
    if (is_real(leaf) && options->byte_stream_split) {
        encode_byte_stream_split(out, leaf->values.data, leaf->value_count, leaf->spec->value_size);
        return ENCODING_BYTE_STREAM_SPLIT;
    }
    return plain_encode(leaf, out);
}

static uint32_t index_width(const Dictionary *dictionary) {
    return MAX(bits_width32(dictionary->count - 1), 1U); // 0 is legal, but not all readers take it
}

// Bytes of the dictionary that came with the second half of its first page.
static size_t dictionary_growth(const Leaf *leaf, const uint32_t *indices) {
    uint32_t count = 0; // after the first half: numbers are given as values come
    for (size_t i = 0; i < leaf->value_count / 2; i++) {
        count = MAX(count, indices[i] + 1);
    }
    return leaf->dictionary.values.size - dictionary_bytes(&leaf->dictionary, count);
}

// Whether the dictionary is worth it, looking at the chunk's first page. Its values are stored once for all pages of
// the chunk, so that as long as more will come only a part of them counts, or what it will likely grow with each.
static bool dictionary_pays(const Leaf *leaf, const LeafOptions *options, Workbench *bench, bool last) {
    size_t other = leaf_staged(leaf);
    if (is_integer(leaf) && !options->compatible) {
        buf_reset(&bench->other);
        delta_encode(leaf, &bench->other);
        other = bench->other.size;
    }
    const Dictionary *dictionary = &leaf->dictionary;
    size_t indices = leaf->value_count * index_width(dictionary) / 8, values = dictionary->values.size;
    if (!last) {
        values = MAX(values / 4, 2 * dictionary_growth(leaf, (const uint32_t *)(const void *)bench->indices.data));
    }
    return indices + values < other / 10 * 9;
}

// The page's values as numbers of the dictionary, or false: it is to be encoded otherwise.
static bool dictionary_page(Leaf *leaf, const LeafOptions *options, Workbench *bench, bool last) {
    bool first = leaf->state == DICTIONARY_UNDECIDED;
    if (leaf->value_count == 0 || (!first && leaf->state != DICTIONARY_ON)) {
        return false;
    }
    uint32_t before = leaf->dictionary.count;
    buf_reset(&bench->indices);
    uint32_t *indices = (uint32_t *)(void *)buf_room(&bench->indices, leaf->value_count * 4);
    DictionaryLimits limits = {options->dictionary_bytes_max, first};
    bool mapped =
        dictionary_map(&leaf->dictionary, leaf->values.data, lengths_of(leaf), leaf->value_count, limits, indices);
    if (first && (!mapped || !dictionary_pays(leaf, options, bench, last))) {
        dictionary_clear(&leaf->dictionary);
        leaf->state = DICTIONARY_OFF;
        return false;
    }
    if (!mapped) {
        dictionary_cut(&leaf->dictionary, before);
        leaf->state = DICTIONARY_FULL;
        return false;
    }
    leaf->state = DICTIONARY_ON;
    return true;
}

static void indices_encode(const Leaf *leaf, Workbench *bench) {
    uint32_t width = index_width(&leaf->dictionary);
    buf_u8(&bench->page, (uint8_t)width);
    encode_hybrid(&bench->page, (const uint32_t *)(const void *)bench->indices.data, leaf->value_count, width);
}

// --- bounds ----------------------------------------------------------------------------------------------------

// Of texts that repeat: each of the dictionary's values that the page has is looked at once.
static void dictionary_bounds(const Leaf *leaf, Workbench *bench, Bounds *bounds) {
    const Dictionary *dictionary = &leaf->dictionary;
    const uint32_t *indices = (const uint32_t *)(const void *)bench->indices.data;
    buf_reset(&bench->marks);
    uint8_t *marks = buf_room(&bench->marks, dictionary->count);
    memset(marks, 0, dictionary->count);
    for (size_t i = 0; i < leaf->value_count; i++) {
        marks[indices[i]] = 1;
    }
    BytesRange range = {0};
    for (uint32_t i = 0; i < dictionary->count; i++) {
        if (marks[i] != 0) {
            bytes_range_add(&range, dictionary_value(dictionary, i));
        }
    }
    *bounds = (Bounds){0};
    bounds_cut(bounds, leaf->spec->order, &range);
}

static void page_bounds(Leaf *leaf, Workbench *bench, bool indexed, Bounds *bounds) {
    if (indexed && leaf->spec->value_size == 0 && leaf->dictionary.count < leaf->value_count / 2) {
        dictionary_bounds(leaf, bench, bounds);
    } else {
        bounds_of(bounds, leaf->spec->order, leaf->values.data, leaf->spec->value_size, lengths_of(leaf),
                  leaf->value_count);
    }
    bounds_merge(&leaf->bounds, leaf->spec->order, bounds);
}

static void page_hashes(Leaf *leaf) {
    const uint8_t *at = leaf->values.data;
    for (size_t i = 0; i < leaf->value_count; i++) {
        size_t size = leaf->spec->value_size != 0 ? leaf->spec->value_size : lengths_of(leaf)[i];
        buf_u64le(&leaf->hashes, bloom_hash((Slice){at, size}));
        at += size;
    }
}

// --- the page --------------------------------------------------------------------------------------------------

bool page_write(Buf *out, const LeafOptions *options, Workbench *bench, PageHeader *header, uint64_t *raw, Err *err) {
    Slice body = buf_slice(&bench->page);
    if (body.size > INT32_MAX) {
        return FAIL(err, ERR_VALUE, "a page of %zu bytes is too large for Parquet", body.size);
    }
    if (options->codec != CODEC_NONE) {
        Compressor *compressor = NULL;
        TRY(compressor_open(options->codec, options->level, &compressor, err));
        buf_reset(&bench->packed);
        bool done = compress_block(compressor, body, &bench->packed, err);
        compressor_close(compressor);
        TRY(done);
        body = buf_slice(&bench->packed);
    }
    header->size = (int32_t)bench->page.size;
    header->size_on_disk = (int32_t)body.size;
    header->crc = (int32_t)digest_crc32(0, body);
    header->has |= THRIFT_HAS(PAGE_CRC);
    size_t begin = out->size;
    page_header_encode(out, header);
    *raw += out->size - begin + bench->page.size;
    buf_put(out, body);
    return true;
}

static void page_note(Leaf *leaf, size_t begin, const Bounds *bounds) {
    bool empty = leaf->value_count == 0;
    LeafPage page = {
        .offset = begin,
        .size_on_disk = (uint32_t)(leaf->pages.size - begin),
        .row_count = (uint32_t)leaf->row_count,
        .first_row = leaf->chunk_rows,
        .null_count = leaf->entry_count - leaf->value_count,
        .bounds_at = (uint32_t)leaf->page_bounds.size,
        .min_size = bounds->min.size,
        .max_size = bounds->max.size,
        .empty = empty,
    };
    buf_put(&leaf->page_bounds, bound_slice(&bounds->min));
    buf_put(&leaf->page_bounds, bound_slice(&bounds->max));
    buf_bytes(&leaf->page_list, &page, sizeof(page));
    leaf->no_index |= !empty && !bounds->any;
    leaf->chunk_rows += page.row_count;
    leaf->chunk_entries += leaf->entry_count;
    leaf->chunk_nulls += page.null_count;
    leaf->chunk_staged += leaf_staged(leaf);
}

static void page_reset(Leaf *leaf) {
    // One large value does not keep its memory.
    buf_reset_keep(&leaf->values, WORKBENCH_BYTES_KEPT);
    buf_reset(&leaf->lengths);
    buf_reset(&leaf->present);
    buf_reset_keep(&leaf->levels, WORKBENCH_BYTES_KEPT);
    leaf->value_count = leaf->entry_count = leaf->row_count = 0;
}

bool leaf_end_page(Leaf *leaf, const LeafOptions *options, Workbench *bench, bool last, Err *err) {
    if (leaf->row_count == 0) {
        return true;
    }
    memset(buf_room(&leaf->values, READ_SLACK), 0, READ_SLACK);
    buf_reset(&bench->page);
    levels_encode(leaf, bench);
    bool indexed = dictionary_page(leaf, options, bench, last);
    Encoding encoding = ENCODING_RLE_DICTIONARY;
    if (indexed) {
        indices_encode(leaf, bench);
    } else {
        encoding = values_encode(leaf, options, &bench->page);
        if (leaf->spec->bloom) {
            page_hashes(leaf);
        }
    }
    Bounds bounds = {0};
    page_bounds(leaf, bench, indexed, &bounds);
    PageHeader header = {
        .has = THRIFT_HAS(PAGE_HAS_DATA),
        .type = PAGE_DATA,
        .data = {.value_count = (int32_t)leaf->entry_count,
                 .encoding = (int32_t)encoding,
                 .definition_encoding = ENCODING_RLE,
                 .repetition_encoding = ENCODING_RLE},
    };
    size_t begin = leaf->pages.size;
    TRY(page_write(&leaf->pages, options, bench, &header, &leaf->chunk_raw, err));
    leaf->page_counts[encoding]++;
    page_note(leaf, begin, &bounds);
    page_reset(leaf);
    return true;
}
