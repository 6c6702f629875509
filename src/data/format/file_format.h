// SPDX-License-Identifier: Apache-2.0
// The file format seam: records in, the bytes of one file out. Drivers: JSON lines, Avro, Parquet, raw bytes.
//
// A plan is compiled once per shape and options; an encoder writes one file. What an encoder has completed is in `out`,
// for the caller to take away at any time; what it must still hold (a block, a row group) it counts in `held`.
#ifndef LEAT_DATA_FORMAT_FILE_FORMAT_H
#define LEAT_DATA_FORMAT_FILE_FORMAT_H

#include "core/base/buf.h"
#include "data/format/compress.h"
#include "data/format/record.h"

typedef enum RecordPart { RECORD_VALUE, RECORD_KEY, RECORD_HEADERS } RecordPart;

static inline const Value *record_part(const Record *record, RecordPart part) {
    return part == RECORD_VALUE ? record->value : part == RECORD_KEY ? record->key : record->headers;
}

typedef struct FileFormatOptions {
    Codec codec;
    int level;                    // 0 = the codec's default
    size_t group_bytes_max;       // Parquet: memory of a row group; Avro: of a block; 0 = the default
    bool json_decimals_number;    // JSON: decimals as numbers, else strings
    bool json_documents_embedded; // JSON: json columns embedded, else strings
    bool byte_stream_split;       // Parquet: for floating point columns
    const char *bloom_columns;    // Parquet: comma-separated names, "*", or NULL
    Slice separator;              // bytes: behind each record
    bool compatible;              // Parquet: PLAIN and RLE_DICTIONARY only, for old readers
} FileFormatOptions;

typedef struct FilePlan {
    const Schema *schema; // of the table; NULL where the envelope is not the flat one
    const Shape *shape;   // of `part`: a STRUCT
    RecordPart part;
    const FileFormatOptions *options;
    bool bare;            // Avro: the shape's only field is the record
    bool primitive;       // Avro, JSON: likewise; it is no struct
    Slice before, behind; // JSON: text around each record that is not null
} FilePlan;               // drivers embed it first

typedef struct FileEncoder {
    const struct FileFormat *format;
    Buf out;           // completed; the caller takes it and resets
    size_t held;       // memory beside `out`
    uint64_t written;  // bytes that ever went to `out`
    uint64_t estimate; // of the file's size if it were finished now
    uint64_t records;
} FileEncoder; // drivers embed it first

typedef struct FileFormat {
    const char *name;
    bool schema_per_file; // a change of the shape needs a new file
    // Reads record->event alone when the plan has a schema and is of values: no record need be made. Other plans (keys,
    // other envelopes) read record_part() of every format.
    bool takes_events;
    // "json.gz", "avro", "snappy.parquet": without the first dot.
    const char *(*extension)(const FileFormatOptions *options);
    bool (*plan)(Arena *arena, const FilePlan *wanted, const FilePlan **plan, Err *err);
    bool (*open)(const FilePlan *plan, FileEncoder **encoder, Err *err);
    // The file goes on with another plan of the same options; NULL with schema_per_file.
    void (*change)(FileEncoder *encoder, const FilePlan *plan);
    bool (*append)(FileEncoder *encoder, const Record *record, Err *err);
    // Moves what is held to `out` as far as the format allows, to free memory: ends the block, the row group.
    bool (*flush)(FileEncoder *encoder, Err *err);
    bool (*finish)(FileEncoder *encoder, Err *err); // the file's end; then only `out` is looked at
    void (*close)(FileEncoder *encoder);            // NULL is fine
} FileFormat;

#endif
