// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/bloom.h"
#include "data/format/parquet/leaf.h"

static const LeafPage *page_at(const Leaf *leaf, size_t i) {
    return (const LeafPage *)(const void *)leaf->page_list.data + i;
}

static size_t page_count(const Leaf *leaf) {
    return leaf->page_list.size / sizeof(LeafPage);
}

// --- indexes ---------------------------------------------------------------------------------------------------

static Slice bound(const Leaf *leaf, size_t at, size_t size) {
    const Buf *bounds = &leaf->page_bounds; // without memory while all bounds are empty
    return bounds->data == NULL ? (Slice){0} : (Slice){bounds->data + at, size};
}

static Slice page_min(const Leaf *leaf, const LeafPage *page) {
    return bound(leaf, page->bounds_at, page->min_size);
}

static Slice page_max(const Leaf *leaf, const LeafPage *page) {
    return bound(leaf, page->bounds_at + page->min_size, page->max_size);
}

// Whether the pages' bounds go up, or down; pages of nulls only do not count.
static BoundaryOrder boundary_order(const Leaf *leaf) {
    bool up = true, down = true;
    const LeafPage *last = NULL;
    for (size_t i = 0; i < page_count(leaf); i++) {
        const LeafPage *page = page_at(leaf, i);
        if (page->empty) {
            continue;
        }
        if (last != NULL) {
            int min = bound_compare(leaf->spec->order, page_min(leaf, last), page_min(leaf, page));
            int max = bound_compare(leaf->spec->order, page_max(leaf, last), page_max(leaf, page));
            up &= min <= 0 && max <= 0;
            down &= min >= 0 && max >= 0;
        }
        last = page;
    }
    return up ? BOUNDARY_ASCENDING : down ? BOUNDARY_DESCENDING : BOUNDARY_UNORDERED;
}

static void column_index_write(const Leaf *leaf, Arena *scratch, Buf *out) {
    uint32_t count = (uint32_t)page_count(leaf);
    ColumnIndex index = {
        .null_pages = {ARENA_ARRAY(scratch, bool, count), count},
        .min_values = {ARENA_ARRAY(scratch, Slice, count), count},
        .max_values = {ARENA_ARRAY(scratch, Slice, count), count},
        .boundary_order = (int32_t)boundary_order(leaf),
        .null_counts = {ARENA_ARRAY(scratch, int64_t, count), count},
    };
    for (uint32_t i = 0; i < count; i++) {
        const LeafPage *page = page_at(leaf, i);
        index.null_pages.at[i] = page->empty;
        index.min_values.at[i] = page_min(leaf, page);
        index.max_values.at[i] = page_max(leaf, page);
        index.null_counts.at[i] = (int64_t)page->null_count;
    }
    column_index_encode(out, &index);
}

static void offset_index_write(const Leaf *leaf, Arena *scratch, uint64_t first_page, Buf *out) {
    uint32_t count = (uint32_t)page_count(leaf);
    OffsetIndex index = {.pages = {ARENA_ARRAY(scratch, PageLocation, count), count}};
    for (uint32_t i = 0; i < count; i++) {
        const LeafPage *page = page_at(leaf, i);
        index.pages.at[i] = (PageLocation){
            .offset = (int64_t)(first_page + page->offset),
            .size_on_disk = (int32_t)page->size_on_disk,
            .first_row = (int64_t)page->first_row,
        };
    }
    offset_index_encode(out, &index);
}

static void indexes_write(const Leaf *leaf, const ChunkPlace *place, uint64_t first_page, ColumnChunk *chunk) {
    if (!leaf->no_index) {
        chunk->has |= THRIFT_HAS(COLUMN_CHUNK_COLUMN_INDEX_OFFSET) | THRIFT_HAS(COLUMN_CHUNK_COLUMN_INDEX_LENGTH);
        size_t begin = place->column_indexes->size;
        column_index_write(leaf, place->scratch, place->column_indexes);
        chunk->column_index_offset = (int64_t)begin;
        chunk->column_index_length = (int32_t)(place->column_indexes->size - begin);
    }
    chunk->has |= THRIFT_HAS(COLUMN_CHUNK_OFFSET_INDEX_OFFSET) | THRIFT_HAS(COLUMN_CHUNK_OFFSET_INDEX_LENGTH);
    size_t begin = place->offset_indexes->size;
    offset_index_write(leaf, place->scratch, first_page, place->offset_indexes);
    chunk->offset_index_offset = (int64_t)begin;
    chunk->offset_index_length = (int32_t)(place->offset_indexes->size - begin);
}

static void bloom_write(Leaf *leaf, Buf *out, ColumnMeta *meta) {
    for (uint32_t i = 0; i < leaf->dictionary.count; i++) {
        buf_u64le(&leaf->hashes, bloom_hash(dictionary_value(&leaf->dictionary, i)));
    }
    size_t begin = out->size;
    bloom_encode(out, (const uint64_t *)(const void *)leaf->hashes.data, leaf->hashes.size / sizeof(uint64_t));
    meta->has |= THRIFT_HAS(COLUMN_META_BLOOM_OFFSET) | THRIFT_HAS(COLUMN_META_BLOOM_LENGTH);
    meta->bloom_filter_offset = (int64_t)begin;
    meta->bloom_filter_length = (int32_t)(out->size - begin);
}

// --- metadata --------------------------------------------------------------------------------------------------

static void statistics_fill(const Leaf *leaf, Arena *arena, ColumnMeta *meta) {
    Statistics *statistics = &meta->statistics;
    meta->has |= THRIFT_HAS(COLUMN_META_STATISTICS);
    statistics->has = THRIFT_HAS(STATISTICS_NULL_COUNT);
    statistics->null_count = (int64_t)leaf->chunk_nulls;
    if (leaf->bounds.any && !leaf->bounds.none) {
        statistics->has |= THRIFT_HAS(STATISTICS_MIN_EXACT) | THRIFT_HAS(STATISTICS_MAX_EXACT);
        statistics->min_value = arena_slice(arena, bound_slice(&leaf->bounds.min));
        statistics->max_value = arena_slice(arena, bound_slice(&leaf->bounds.max));
        statistics->is_min_value_exact = leaf->bounds.min.exact;
        statistics->is_max_value_exact = leaf->bounds.max.exact;
    }
}

static void encodings_fill(const Leaf *leaf, Arena *arena, ColumnMeta *meta) {
    bool has_dictionary = leaf->dictionary.count > 0, has_plain = false;
    bool has_levels = leaf->spec->max_definition > 0 || leaf->spec->max_repetition > 0;
    meta->encodings.at = ARENA_ARRAY(arena, int32_t, ENCODING_COUNT + 2);
    meta->encoding_stats.at = ARENA_ARRAY(arena, PageEncodingStats, ENCODING_COUNT + 1);
    if (has_dictionary) {
        meta->encoding_stats.at[meta->encoding_stats.count++] = (PageEncodingStats){PAGE_DICTIONARY, ENCODING_PLAIN, 1};
    }
    for (int32_t i = 0; i < ENCODING_COUNT; i++) {
        if (leaf->page_counts[i] > 0) {
            has_plain |= i == ENCODING_PLAIN;
            meta->encodings.at[meta->encodings.count++] = i;
            meta->encoding_stats.at[meta->encoding_stats.count++] =
                (PageEncodingStats){PAGE_DATA, i, (int32_t)leaf->page_counts[i]};
        }
    }
    if (has_dictionary && !has_plain) {
        meta->encodings.at[meta->encodings.count++] = ENCODING_PLAIN;
    }
    if (has_levels) {
        meta->encodings.at[meta->encodings.count++] = ENCODING_RLE;
    }
}

static int32_t codec_number(Codec codec) {
    switch (codec) {
    case CODEC_NONE:
        return PARQUET_UNCOMPRESSED;
    case CODEC_GZIP:
        return PARQUET_GZIP;
    case CODEC_SNAPPY:
        return PARQUET_SNAPPY;
    case CODEC_ZSTD:
        return PARQUET_ZSTD;
    case CODEC_LZ4_RAW:
        return PARQUET_LZ4_RAW;
    case CODEC_DEFLATE:
        break;
    }
    panic("no Parquet codec: %d", (int)codec);
}

// --- the chunk -------------------------------------------------------------------------------------------------

static bool dictionary_write(const Leaf *leaf, const LeafOptions *options, Workbench *bench, Buf *out, uint64_t *raw,
                             Err *err) {
    PageHeader header = {
        .has = THRIFT_HAS(PAGE_HAS_DICTIONARY),
        .type = PAGE_DICTIONARY,
        .dictionary = {.value_count = (int32_t)leaf->dictionary.count, .encoding = ENCODING_PLAIN},
    };
    buf_reset(&bench->page);
    buf_put(&bench->page, buf_slice(&leaf->dictionary.values));
    return page_write(out, options, bench, &header, raw, err);
}

bool leaf_end_chunk(Leaf *leaf, const LeafOptions *options, Workbench *bench, const ChunkPlace *place,
                    ColumnChunk *chunk, Err *err) {
    const TreeLeaf *spec = leaf->spec;
    TRY(leaf_end_page(leaf, options, bench, true, err));
    *chunk = (ColumnChunk){.has = THRIFT_HAS(COLUMN_CHUNK_META)};
    ColumnMeta *meta = &chunk->meta;
    size_t begin = place->out->size;
    uint64_t raw = leaf->chunk_raw;
    if (leaf->dictionary.count > 0) {
        meta->has |= THRIFT_HAS(COLUMN_META_DICTIONARY_PAGE_OFFSET);
        meta->dictionary_page_offset = (int64_t)place->offset;
        TRY(dictionary_write(leaf, options, bench, place->out, &raw, err));
    }
    uint64_t first_page = place->offset + (place->out->size - begin);
    buf_put(place->out, buf_slice(&leaf->pages));
    buf_release(&leaf->pages);
    meta->type = (int32_t)spec->physical;
    meta->path.at = ARENA_ARRAY(place->scratch, Slice, spec->path_count);
    meta->path.count = spec->path_count;
    memcpy(meta->path.at, spec->path, spec->path_count * sizeof(Slice));
    meta->codec = codec_number(options->codec);
    meta->value_count = (int64_t)leaf->chunk_entries;
    meta->size = (int64_t)raw;
    meta->size_on_disk = (int64_t)(place->out->size - begin);
    meta->data_page_offset = (int64_t)first_page;
    encodings_fill(leaf, place->scratch, meta);
    statistics_fill(leaf, place->scratch, meta);
    indexes_write(leaf, place, first_page, chunk);
    if (spec->bloom) {
        bloom_write(leaf, place->blooms, meta);
    }
    leaf_reset(leaf);
    return true;
}
