// SPDX-License-Identifier: Apache-2.0
// One column chunk as a sequence of entries: levels, and values where the levels say that there is one. Holds a page at
// a time, the chunk's dictionary and what was read ahead from the file.
#ifndef LEAT_DATA_FORMAT_PARQUET_READ_COLUMN_H
#define LEAT_DATA_FORMAT_PARQUET_READ_COLUMN_H

#include "data/format/parquet/parquet.h"
#include "data/format/parquet/read_schema.h"

enum { ENTRIES_MAX = 256 };

// Of a page's body, and of its header.
#define PAGE_BYTES_MAX        (512 * MIB)
#define PAGE_HEADER_BYTES_MAX (16 * MIB)

typedef struct ColumnReader {
    const Leaf *leaf;
    const ParquetFile *file;
    uint32_t group; // for errors
    Codec codec;
    uint64_t offset; // in the file, of what the window does not yet have
    uint64_t end;    // of the chunk
    uint64_t start;  // of the chunk
    size_t ahead;    // bytes to read at once
    size_t ahead_max;
    Buf window;       // read from the file
    size_t window_at; // taken from it
    Arena header;     // of the page's header
    int64_t left;     // entries of the chunk in pages not yet begun
    int64_t entries;  // of the chunk
    bool has_dictionary;
    uint32_t page; // number of the next page

    Buf dictionary_body;
    Dictionary dictionary;
    Buf body; // the page's, when it had to be decompressed
    ValueDecoder values;
    HybridDecoder definitions, repetitions;
    uint64_t page_left; // entries of the page not yet in the steps below

    // A step: entries, and the values of those that have one.
    uint16_t *definition, *repetition; // ENTRIES_MAX
    uint32_t at, count;
    Cell *cells; // CELLS_MAX
    uint32_t cell_at, cell_count;
    uint32_t cells_left; // values of this step that are not in `cells` yet
} ColumnReader;

// `columns` of a file share what is read ahead.
void column_init(ColumnReader *column, const Leaf *leaf, const ParquetFile *file, uint32_t columns);
void column_release(ColumnReader *column);
// Begins a chunk. ERR_VALUE: the chunk contradicts the schema or the file.
CHECKED bool column_open(ColumnReader *column, const ColumnChunk *chunk, uint32_t group, Err *err);
// Makes the next entry available; false without an error in *more when the chunk has ended.
CHECKED bool column_fill(ColumnReader *column, bool *more, Err *err);
// Passes over the entries of `rows` rows.
CHECKED bool column_skip(ColumnReader *column, uint64_t rows, Err *err);
// Of a column that is in no list, where an entry is a row: goes to a page, of which the offset index says where it lies
// and which row of the chunk is its first.
CHECKED bool column_jump(ColumnReader *column, const PageLocation *page, Err *err);
static inline uint64_t column_row(const ColumnReader *column) { // likewise: of the next entry, in the chunk
    return (uint64_t)(column->entries - column->left) - column->page_left - (column->count - column->at);
}
// Puts the place before an error's message; returns false.
bool column_err(const ColumnReader *column, Err *err);

// The entry's levels; there is one since column_fill said so.
static inline uint32_t column_definition(const ColumnReader *column) {
    return column->leaf->definition_max > 0 ? column->definition[column->at] : 0;
}
static inline uint32_t column_repetition(const ColumnReader *column) {
    return column->leaf->repetition_max > 0 ? column->repetition[column->at] : 0;
}
// Passes over the entry; *cell is its value, when its definition is the highest, else NULL.
CHECKED bool column_take(ColumnReader *column, const Cell **cell, Err *err);

#endif
