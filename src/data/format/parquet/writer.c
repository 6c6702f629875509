// SPDX-License-Identifier: Apache-2.0
//     "PAR1"
//     row groups: the column chunks one behind another (dictionary page, data pages), then their bloom filters
//     column indexes, offset indexes of all row groups
//     FileMetaData, its size as uint32_t, "PAR1"
#include "data/format/parquet/writer.h"

#include "core/base/version.h"

enum {
    CHECK_ROWS = 512,            // at most between two looks at pages and memory
    CHECK_BYTES = 64 << 10,      // likewise, or until the next page is due
    FOOTER_BYTES_PER_LEAF = 160, // an estimate
    BLOOM_BYTES_PER_VALUE = 2,   // likewise
    PAGE_ROWS_MIN = 1000         // a page with less is not ended to make room
};

struct ParquetWriter {
    const Tree *tree;
    LeafOptions options;
    size_t group_bytes_max;
    uint64_t group_rows_max;
    const ParquetNote *notes;
    uint32_t note_count;
    Buf *out;
    uint64_t written;
    uint64_t rows;       // of done row groups
    uint64_t group_rows; // of the open one
    // Looked at in writer_look; between two looks what is staged since is added to it.
    size_t held;
    size_t held_open; // of that the open row group's
    uint64_t estimate;
    size_t staged;      // since
    size_t staged_next; // when to look again
    uint64_t rows_next;
    double ratio; // of staged bytes in the file, so far
    // Of done row groups, encoded: what a file that stays open for long holds is small. The RowGroups' offsets of
    // indexes count from the begin of these buffers.
    Buf groups;
    Buf column_indexes;
    Buf offset_indexes;
    uint32_t group_count;
    Arena run[1]; // the tree, when it is the writer's own
    Leaf leaves[];
};

// --- open, close -----------------------------------------------------------------------------------------------

bool writer_codec_check(Codec codec, int level, Err *err) {
    if (codec == CODEC_DEFLATE) {
        FAIL(err, ERR_OPTION, "Parquet has no codec %s", codec_name(codec));
        return err_hint(err, "take one of none, snappy, gzip, zstd, lz4_raw");
    }
    Compressor *compressor = NULL;
    TRY(compressor_open(codec, level, &compressor, err));
    compressor_close(compressor);
    return true;
}

static void writer_look_next(ParquetWriter *writer);

bool writer_open(const Tree *tree, const ParquetWriterOptions *options, Buf *out, ParquetWriter **writer, Err *err) {
    ParquetWriter *opened = calloc(1, sizeof(*opened) + tree->leaf_count * sizeof(Leaf));
    if (opened == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for a Parquet writer of %u columns", tree->leaf_count);
    }
    opened->tree = tree;
    opened->out = out;
    opened->options = (LeafOptions){
        .codec = options->codec,
        .level = options->level,
        .page_bytes = options->page_bytes != 0 ? options->page_bytes : MIB,
        .large_page_bytes = options->large_page_bytes != 0 ? options->large_page_bytes : SIZE_MAX,
        .page_rows = options->page_rows != 0 ? options->page_rows : 20000,
        .dictionary_bytes_max = options->dictionary_bytes_max,
        .byte_stream_split = options->byte_stream_split,
        .compatible = options->compatible,
    };
    opened->group_bytes_max = options->group_bytes_max != 0 ? options->group_bytes_max : 128 * MIB;
    if (options->dictionary_bytes_max == 0) {
        opened->options.dictionary_bytes_max = MIN((size_t)MIB, opened->group_bytes_max / 8);
    }
    opened->group_rows_max = options->group_rows_max != 0 ? options->group_rows_max : MIB;
    opened->notes = options->notes;
    opened->note_count = options->note_count;
    opened->ratio = options->codec == CODEC_NONE ? 0.8 : 0.4;
    arena_init(opened->run, "run", 0);
    for (uint32_t i = 0; i < tree->leaf_count; i++) {
        leaf_init(&opened->leaves[i], &tree->leaves[i], &opened->options);
    }
    writer_look_next(opened);
    *writer = opened;
    return true;
}

bool parquet_writer_open(const Shape *shape, const ParquetWriterOptions *options, Buf *out, ParquetWriter **writer,
                         Err *err) {
    TRY(writer_codec_check(options->codec, options->level, err));
    Arena run[1];
    arena_init(run, "run", 0);
    const Tree *tree = NULL;
    if (!tree_compile(run, shape, options->bloom_columns, &tree, err) ||
        !writer_open(tree, options, out, writer, err)) {
        arena_release(run);
        return err_frame(err, __FILE__, __LINE__);
    }
    *(*writer)->run = *run;
    return true;
}

void parquet_writer_close(ParquetWriter *writer) {
    if (writer == NULL) {
        return;
    }
    for (uint32_t i = 0; i < writer->tree->leaf_count; i++) {
        leaf_release(&writer->leaves[i]);
    }
    buf_release(&writer->groups);
    buf_release(&writer->column_indexes);
    buf_release(&writer->offset_indexes);
    arena_release(writer->run);
    free(writer);
}

// --- memory and size -------------------------------------------------------------------------------------------

static void writer_count(ParquetWriter *writer) {
    size_t file = sizeof(*writer) + writer->tree->leaf_count * sizeof(Leaf) + writer->run->used +
                  writer->groups.capacity + writer->column_indexes.capacity + writer->offset_indexes.capacity;
    size_t open = 0;
    uint64_t estimate = writer->column_indexes.size + writer->offset_indexes.size + writer->groups.size +
                        (uint64_t)writer->tree->leaf_count * FOOTER_BYTES_PER_LEAF;
    for (uint32_t i = 0; i < writer->tree->leaf_count; i++) {
        const Leaf *leaf = &writer->leaves[i];
        open += leaf_held(leaf);
        double ratio = leaf->chunk_staged > 0 ? (double)leaf->pages.size / (double)leaf->chunk_staged : writer->ratio;
        estimate += leaf->pages.size + (uint64_t)((double)leaf_staged(leaf) * ratio) +
                    leaf->dictionary.values.size / 2 + leaf->page_bounds.size +
                    leaf->page_list.size / sizeof(LeafPage) * 8;
        if (leaf->spec->bloom) {
            estimate += (leaf->hashes.size / sizeof(uint64_t) + leaf->dictionary.count) * BLOOM_BYTES_PER_VALUE;
        }
    }
    writer->held = file + open;
    writer->held_open = open;
    writer->estimate = estimate;
    writer->staged = 0;
}

// When a page is due, or memory and size are to be looked at again.
static void writer_look_next(ParquetWriter *writer) {
    // Soon at first, as long as buffers grow from nothing.
    uint64_t rows = MIN(MAX(writer->group_rows, (uint64_t)1), (uint64_t)CHECK_ROWS);
    rows = MIN(rows, writer->group_rows_max - writer->group_rows);
    size_t staged = CHECK_BYTES;
    for (uint32_t i = 0; i < writer->tree->leaf_count; i++) {
        const Leaf *leaf = &writer->leaves[i];
        rows = MIN(rows, leaf->row_count_max - leaf->row_count);
        if (leaf->spec->value_size == 0 || leaf->spec->max_repetition > 0) {
            size_t page = leaf_is_large(leaf) ? MIN(writer->options.page_bytes, writer->options.large_page_bytes)
                                              : writer->options.page_bytes;
            size_t room = page - MIN(page, leaf->values.size + leaf->levels.size);
            staged = MIN(staged, MAX(room, page / 64));
        }
    }
    writer->rows_next = writer->group_rows + rows;
    writer->staged_next = staged;
    writer_count(writer);
}

// Ends the pages that are due. When all open pages hold much of what a row group may, those that hold most of it end
// too: compressed they are a fraction of that, and the row group can go on.
static bool pages_end(ParquetWriter *writer, Err *err) {
    size_t staged = 0, large = SIZE_MAX;
    for (uint32_t i = 0; i < writer->tree->leaf_count; i++) {
        staged += leaf_staged(&writer->leaves[i]);
    }
    if (staged >= writer->group_bytes_max / 4) {
        large = staged / writer->tree->leaf_count;
    }
    Workbench *bench = NULL;
    bool done = true;
    for (uint32_t i = 0; i < writer->tree->leaf_count && done; i++) {
        Leaf *leaf = &writer->leaves[i];
        bool ends = leaf_staged(leaf) >= large && leaf->row_count >= PAGE_ROWS_MIN;
        if (ends || leaf_page_is_due(leaf, &writer->options)) {
            bench = bench != NULL ? bench : workbench_take();
            done = leaf_end_page(leaf, &writer->options, bench, false, err);
        }
    }
    if (bench != NULL) {
        workbench_give(bench);
    }
    return done || err_frame(err, __FILE__, __LINE__);
}

static bool group_end(ParquetWriter *writer, Err *err);

static void leaves_trim(ParquetWriter *writer) {
    for (uint32_t i = 0; i < writer->tree->leaf_count; i++) {
        leaf_trim(&writer->leaves[i]);
    }
}

// What the open row group may hold: not less because of what is known of the ones before it than half of the limit, or
// the more there are the smaller they would get.
static size_t open_max(const ParquetWriter *writer) {
    size_t file = writer->held - writer->held_open, max = writer->group_bytes_max;
    return file < max / 2 ? max - file : max / 2;
}

static bool writer_look(ParquetWriter *writer, Err *err) {
    TRY(pages_end(writer, err));
    writer_count(writer);
    if (writer->group_rows >= writer->group_rows_max || writer->held_open >= open_max(writer)) {
        TRY(group_end(writer, err));
        writer_count(writer);
        if (writer->held_open > open_max(writer) / 2) { // what was large need not come again
            leaves_trim(writer);
        }
    }
    writer_look_next(writer);
    return true;
}

size_t parquet_writer_held(const ParquetWriter *writer) {
    return writer->held + writer->staged;
}

uint64_t parquet_writer_written(const ParquetWriter *writer) {
    return writer->written;
}

uint64_t parquet_writer_estimate(const ParquetWriter *writer) {
    return writer->estimate + (uint64_t)((double)writer->staged * writer->ratio);
}

// --- rows ------------------------------------------------------------------------------------------------------

bool parquet_writer_record(ParquetWriter *writer, const Value *values, Err *err) {
    if (UNLIKELY(!shred_record(writer->tree, writer->leaves, values, &writer->staged, err))) {
        for (uint32_t i = 0; i < writer->tree->leaf_count; i++) {
            leaf_cut(&writer->leaves[i], writer->group_rows - writer->leaves[i].chunk_rows);
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    writer->group_rows++;
    if (writer->group_rows >= writer->rows_next || writer->staged >= writer->staged_next) {
        TRY(writer_look(writer, err));
    }
    return true;
}

static bool column_append(ParquetWriter *writer, Leaf *leaf, const ParquetColumn *column, size_t first, size_t count,
                          Workbench *bench, Err *err) {
    while (count > 0) {
        size_t taken = 0;
        TRY(leaf_columns(leaf, column, first, count, writer->options.page_bytes, &taken, err));
        if (leaf_page_is_due(leaf, &writer->options)) {
            TRY(leaf_end_page(leaf, &writer->options, bench, false, err));
        }
        first += taken;
        count -= taken;
    }
    return true;
}

static bool columns_append(ParquetWriter *writer, const ParquetColumn *columns, size_t first, size_t count, Err *err) {
    Workbench *bench = workbench_take();
    bool done = true;
    for (uint32_t i = 0; i < writer->tree->leaf_count && done; i++) {
        done = column_append(writer, &writer->leaves[i], &columns[i], first, count, bench, err);
        if (!done) {
            err_prefix(err, "column %.*s", SLICE_ARG(writer->tree->nodes[i].name));
        }
    }
    workbench_give(bench);
    TRY(done);
    writer->group_rows += count;
    return writer_look(writer, err);
}

bool parquet_writer_columns(ParquetWriter *writer, const ParquetColumn *columns, size_t row_count, Err *err) {
    ASSERT(writer->tree->flat);
    for (size_t first = 0; first < row_count;) {
        uint64_t left = writer->group_rows_max - writer->group_rows;
        size_t count = (size_t)MIN(left, MIN((uint64_t)writer->options.page_rows, row_count - first));
        TRY(columns_append(writer, columns, first, count, err));
        first += count;
    }
    return true;
}

// --- row groups ------------------------------------------------------------------------------------------------

static bool out_check(const ParquetWriter *writer, Err *err) {
    return !writer->out->overflow ||
           FAIL(err, ERR_MEMORY, "a row group does not fit the buffer of %zu bytes", writer->out->limit);
}

static void magic_write(ParquetWriter *writer) {
    if (writer->written == 0) {
        buf_put(writer->out, SLICE("PAR1"));
        writer->written = 4;
    }
}

static bool chunks_write(ParquetWriter *writer, Arena *scratch, RowGroup *group, Buf *blooms, Err *err) {
    Workbench *bench = workbench_take();
    bool done = true;
    for (uint32_t i = 0; i < group->columns.count && done; i++) {
        ChunkPlace place = {
            .scratch = scratch,
            .offset = writer->written,
            .out = writer->out,
            .column_indexes = &writer->column_indexes,
            .offset_indexes = &writer->offset_indexes,
            .blooms = blooms,
        };
        size_t before = writer->out->size;
        done = leaf_end_chunk(&writer->leaves[i], &writer->options, bench, &place, &group->columns.at[i], err) &&
               out_check(writer, err);
        writer->written += writer->out->size - before;
        group->total_byte_size += group->columns.at[i].meta.size;
        group->total_compressed_size += group->columns.at[i].meta.size_on_disk;
    }
    workbench_give(bench);
    return done;
}

static void blooms_write(ParquetWriter *writer, RowGroup *group, const Buf *blooms) {
    for (uint32_t i = 0; i < group->columns.count; i++) {
        ColumnMeta *meta = &group->columns.at[i].meta;
        if ((meta->has & THRIFT_HAS(COLUMN_META_BLOOM_OFFSET)) != 0) {
            meta->bloom_filter_offset += (int64_t)writer->written;
        }
    }
    buf_put(writer->out, buf_slice(blooms));
    writer->written += blooms->size;
}

static bool group_write(ParquetWriter *writer, Arena *scratch, Err *err) {
    RowGroup group = {
        .has = THRIFT_HAS(ROW_GROUP_FILE_OFFSET) | THRIFT_HAS(ROW_GROUP_COMPRESSED_SIZE),
        .columns = {ARENA_ARRAY(scratch, ColumnChunk, writer->tree->leaf_count), writer->tree->leaf_count},
        .row_count = (int64_t)writer->group_rows,
        .file_offset = (int64_t)writer->written,
    };
    if (writer->group_count < INT16_MAX) {
        group.has |= THRIFT_HAS(ROW_GROUP_ORDINAL);
        group.ordinal = (int16_t)writer->group_count;
    }
    DEFER(buf_release) Buf blooms = {0};
    TRY(chunks_write(writer, scratch, &group, &blooms, err));
    blooms_write(writer, &group, &blooms);
    row_group_encode(&writer->groups, &group);
    return out_check(writer, err);
}

// The leaves keep the memory of open pages.
static bool group_end(ParquetWriter *writer, Err *err) {
    if (writer->group_rows == 0) {
        return true;
    }
    magic_write(writer);
    uint64_t estimate = MAX(writer->estimate, (uint64_t)1), before = writer->written;
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    bool done = group_write(writer, scratch, err);
    arena_release(scratch);
    TRY(done);
    // What is staged next will likely shrink as this has.
    writer->ratio = MIN(MAX(writer->ratio * (double)(writer->written - before) / (double)estimate, 0.01), 2.0);
    writer->group_count++;
    writer->rows += writer->group_rows;
    writer->group_rows = 0;
    return true;
}

bool parquet_writer_end_group(ParquetWriter *writer, Err *err) {
    TRY(group_end(writer, err));
    leaves_trim(writer);
    writer_look_next(writer);
    return true;
}

// --- the end ---------------------------------------------------------------------------------------------------

static void indexes_write(ParquetWriter *writer) {
    buf_put(writer->out, buf_slice(&writer->column_indexes));
    buf_put(writer->out, buf_slice(&writer->offset_indexes));
    writer->written += writer->column_indexes.size + writer->offset_indexes.size;
}

// The row groups as they go into the footer: now it is known where the indexes lie.
static bool groups_place(const ParquetWriter *writer, Arena *scratch, uint64_t indexes, RowGroup *groups, Err *err) {
    Slice left = buf_slice(&writer->groups);
    for (uint32_t i = 0; i < writer->group_count; i++) {
        size_t used = 0;
        TRY(row_group_decode(left, scratch, &groups[i], &used, err));
        left = slice_from(left, used);
        for (uint32_t j = 0; j < groups[i].columns.count; j++) {
            ColumnChunk *chunk = &groups[i].columns.at[j];
            chunk->column_index_offset += (int64_t)indexes;
            chunk->offset_index_offset += (int64_t)(indexes + writer->column_indexes.size);
        }
    }
    return true;
}

static bool footer_write(ParquetWriter *writer, Arena *scratch, uint64_t indexes, Err *err) {
    const Tree *tree = writer->tree;
    FileMeta meta = {
        .version = 1, // some readers refuse 2, and nothing hangs on it
        .schema = {tree->elements, tree->element_count},
        .row_count = (int64_t)writer->rows,
        .row_groups = {ARENA_ARRAY(scratch, RowGroup, writer->group_count), writer->group_count},
        .created_by = SLICE("leat version " LEAT_VERSION " (build " LEAT_VERSION ")"),
        .column_orders = {ARENA_ARRAY(scratch, ColumnOrder, tree->leaf_count), tree->leaf_count},
    };
    TRY(groups_place(writer, scratch, indexes, meta.row_groups.at, err));
    for (uint32_t i = 0; i < tree->leaf_count; i++) {
        meta.column_orders.at[i].kind = COLUMN_ORDER_TYPE_DEFINED;
    }
    if (writer->note_count > 0) {
        meta.key_values.at = ARENA_ARRAY(scratch, KeyValue, writer->note_count);
        meta.key_values.count = writer->note_count;
        for (uint32_t i = 0; i < writer->note_count; i++) {
            meta.key_values.at[i] = (KeyValue){writer->notes[i].key, writer->notes[i].value};
        }
    }
    size_t before = writer->out->size;
    file_meta_encode(writer->out, &meta);
    buf_u32le(writer->out, (uint32_t)(writer->out->size - before));
    buf_put(writer->out, SLICE("PAR1"));
    writer->written += writer->out->size - before;
    return true;
}

bool parquet_writer_finish(ParquetWriter *writer, Err *err) {
    TRY(parquet_writer_end_group(writer, err));
    magic_write(writer);
    uint64_t indexes = writer->written;
    indexes_write(writer);
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    bool done = footer_write(writer, scratch, indexes, err);
    arena_release(scratch);
    TRY(done);
    return out_check(writer, err);
}

bool parquet_writer_summary(const ParquetWriter *writer, Arena *arena, ParquetSummary *summary, Err *err) {
    return writer_summary(writer->tree, buf_slice(&writer->groups), writer->group_count, arena, summary, err);
}
