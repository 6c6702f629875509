// SPDX-License-Identifier: Apache-2.0
// Parquet files, written and read. Format: apache/parquet-format 2.11 (parquet.thrift, Encodings.md, PageIndex.md,
// BloomFilter.md, LogicalTypes.md).
//
// Writing has two roads into the same column builders: a record at a time (PARQUET_FORMAT, the sink's), and columns at
// a time (parquet_writer_columns, for whoever has columnar memory).
#ifndef LEAT_DATA_FORMAT_PARQUET_PARQUET_H
#define LEAT_DATA_FORMAT_PARQUET_PARQUET_H

#include "data/format/file_format.h"

extern const FileFormat PARQUET_FORMAT;

// --- writing ---------------------------------------------------------------------------------------------------

typedef struct ParquetWriter ParquetWriter;

typedef struct ParquetNote {
    Slice key;
    Slice value;
} ParquetNote;

typedef struct ParquetWriterOptions {
    Codec codec;
    int level;
    size_t group_bytes_max;      // of memory; 0 = 128 MiB. A row group ends at this or at group_rows_max. What is known
                                 // of done row groups counts as well, but takes no more than half of it away
    uint64_t group_rows_max;     // 0 = 1 Mi
    size_t page_bytes;           // before encoding; 0 = 1 MiB
    size_t large_page_bytes;     // likewise, of byte arrays of 256 bytes and more on average; 0 = page_bytes
    uint32_t page_rows;          // 0 = 20,000
    size_t dictionary_bytes_max; // of a column chunk; 0 = 1 MiB, an eighth of group_bytes_max at most
    bool byte_stream_split;
    bool compatible;
    const char *bloom_columns; // comma-separated names, "*", or NULL
    const ParquetNote *notes;  // the footer's key-value metadata, borrowed until the end
    uint32_t note_count;
} ParquetWriterOptions;

// Appends to `out`, which the caller may take from and reset between calls. The shape is borrowed.
CHECKED bool parquet_writer_open(const Shape *shape, const ParquetWriterOptions *options, Buf *out,
                                 ParquetWriter **writer, Err *err);
// One value a field. After ERR_VALUE the writer is as it was before: the record is left out. After any other error, and
// any of the calls below, it can only be closed.
CHECKED bool parquet_writer_record(ParquetWriter *writer, const Value *values, Err *err);

// One leaf column of flat shapes (no LIST, STRUCT, MAP below the top), in memory order: bool uint8_t; INT32, DATE (days
// since 1970) int32_t; INT64, TIME, TIMESTAMP… (microseconds since 1970) int64_t; FLOAT32 float; FLOAT64 double;
// DECIMAL Int128 units; UUID 16 bytes; STRING, BYTES: `offsets` has count + 1 entries into `data`.
typedef struct ParquetColumn {
    const void *data;
    const uint32_t *offsets;
    const uint8_t
        *valid; // bit i (lowest first) set = there is a value; NULL = all are. Absent ones take a place in data
} ParquetColumn;
CHECKED bool parquet_writer_columns(ParquetWriter *writer, const ParquetColumn *columns, size_t row_count, Err *err);

CHECKED bool parquet_writer_end_group(ParquetWriter *writer, Err *err); // none is written when it is empty
CHECKED bool parquet_writer_finish(ParquetWriter *writer, Err *err);
size_t parquet_writer_held(const ParquetWriter *writer);      // memory, within some 64 KiB
uint64_t parquet_writer_written(const ParquetWriter *writer); // bytes that went to `out`
uint64_t
parquet_writer_estimate(const ParquetWriter *writer); // bytes of the open row group and the footer once written
void parquet_writer_close(ParquetWriter *writer);

// What a finished file says of its leaf columns, in the order of the shape.
typedef struct ParquetColumnSummary {
    const Shape *shape;     // of the leaf; its id is the column's, but for what is `repeated`
    uint32_t physical_size; // bytes of a value of fixed size; 0 = byte arrays
    bool repeated;          // in a LIST or MAP
    uint64_t size;          // bytes on disk
    uint64_t values;        // nulls included
    uint64_t nulls;
    bool bounded; // min and max are there: PLAIN, byte arrays without their length and cut to some 64 bytes
    Slice min, max;
} ParquetColumnSummary;
typedef struct ParquetSummary {
    const ParquetColumnSummary *columns;
    size_t column_count;
    const int64_t *group_offsets; // where the row groups begin
    size_t group_count;
} ParquetSummary;
// After parquet_writer_finish; lives in the arena and as long as the shape.
CHECKED bool parquet_writer_summary(const ParquetWriter *writer, Arena *arena, ParquetSummary *summary, Err *err);

// --- reading ---------------------------------------------------------------------------------------------------

// All that leat writes, and what other writers make of the same shapes: every encoding, both page versions, checksums
// where there are any; read_schema.h says what becomes of types that shapes do not have. Not read: encryption, LZO,
// BROTLI, Hadoop's LZ4, decimals above 38 digits. A file is read through a function, so it may lie in a store.
//
// Held at a time: a page (512 MiB at most) and the dictionary of each column, the metadata of one row group, the lists
// of one record (512 MiB at most). ERR_VALUE names column, row group and page, counted from 0 (dictionaries too).
typedef struct ParquetFile {
    void *context;
    uint64_t size;
    // Appends bytes [offset, offset + size) to `out`.
    bool (*read)(void *context, uint64_t offset, size_t size, Buf *out, Err *err);
} ParquetFile;

typedef struct ParquetReader ParquetReader;
CHECKED bool parquet_reader_open(const ParquetFile *file, ParquetReader **reader, Err *err);
const Shape *parquet_reader_shape(const ParquetReader *reader);
uint64_t parquet_reader_rows(const ParquetReader *reader);
// The next record: one value a field, good until the next call. *values = NULL at the end.
CHECKED bool parquet_reader_next(ParquetReader *reader, const Value **values, Err *err);
// From now on only the columns wanted (one a field of parquet_reader_shape) are read; the values of others are NULL.
// Any number of times.
CHECKED bool parquet_reader_choose(ParquetReader *reader, const bool *wanted, Err *err);
// The next record is number `row` of the file, counted from 0; parquet_reader_next gives NULL from the last one on.
// Pages that hold nothing of what is wanted are passed over, where the file has an offset index.
CHECKED bool parquet_reader_seek(ParquetReader *reader, uint64_t row, Err *err);
// Where the pages lie that parquet_reader_seek will read for these rows, in ascending order, and the selected columns:
// for who wants to fetch them together. Of columns in lists, and where the file has no offset index, nothing is said.
// Afterwards the reader stands anywhere: seek.
CHECKED bool parquet_reader_plan(ParquetReader *reader, const uint64_t *rows, size_t count,
                                 void (*visit)(void *context, uint64_t offset, size_t size), void *context, Err *err);
void parquet_reader_close(ParquetReader *reader);

#endif
