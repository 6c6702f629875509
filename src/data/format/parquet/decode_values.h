// SPDX-License-Identifier: Apache-2.0
// The values of one page, in every encoding of Encodings.md: a few at a time, as cells of their physical type.
#ifndef LEAT_DATA_FORMAT_PARQUET_DECODE_VALUES_H
#define LEAT_DATA_FORMAT_PARQUET_DECODE_VALUES_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "data/format/parquet/decode_delta.h"
#include "data/format/parquet/decode_hybrid.h"
#include "data/format/parquet/metadata.h"

typedef union Cell {
    int64_t integer; // BOOLEAN, INT32, INT64
    double real;     // FLOAT, DOUBLE
    Slice bytes;     // BYTE_ARRAY, FIXED, INT96
} Cell;

typedef struct ValueForm {
    PhysicalType type;
    uint32_t width; // bytes of a value in PLAIN; 0: BOOLEAN, BYTE_ARRAY
} ValueForm;

// A dictionary page's values, which stay where they are. Byte arrays are found by their places.
typedef struct Dictionary {
    bool there;
    uint32_t count;
    Slice bytes;
    Buf places; // uint32_t each, where a byte array's length stands
} Dictionary;

// Borrows the page's bytes. The places are kept for the next one: init with zero, then release.
CHECKED bool dictionary_load(Dictionary *dictionary, ValueForm form, Slice page, uint32_t count, Err *err);
void dictionary_release(Dictionary *dictionary);

typedef struct ValueDecoder {
    ValueForm form;
    Encoding encoding;
    const Dictionary *dictionary;
    Reader bytes;         // PLAIN; the bytes behind the lengths in DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY
    size_t at;            // BOOLEAN in PLAIN: bits read; BYTE_STREAM_SPLIT: values read
    HybridDecoder hybrid; // dictionary indices, booleans
    DeltaDecoder delta;   // numbers, or lengths
    DeltaDecoder prefixes;
    int64_t prefix[64], suffix[64]; // DELTA_BYTE_ARRAY: lengths read ahead
    uint32_t length_at, length_count;
    Slice last;  // DELTA_BYTE_ARRAY: the value before, in `made`
    Buf made[2]; // values that do not lie in the page as they are: of this step and of the one before
    uint32_t made_turn;
    uint64_t made_left; // bytes that the page may still make
} ValueDecoder;

// Zero-initialised, then for each page. `dictionary` may be empty.
CHECKED bool value_decoder_page(ValueDecoder *decoder, ValueForm form, int32_t encoding, Slice values,
                                const Dictionary *dictionary, Err *err);
void value_decoder_release(ValueDecoder *decoder);
// The next `*count` values (1 to CELLS_MAX), or fewer where they are large: *count is set to what was read, at least 1.
// Their bytes are good until the next read; those in the page or the dictionary as long as these.
enum { CELLS_MAX = 256 };
CHECKED bool value_decoder_read(ValueDecoder *decoder, Cell *cells, size_t *count, Err *err);

#endif
