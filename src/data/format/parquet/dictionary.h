// SPDX-License-Identifier: Apache-2.0
// The distinct values of one column chunk, numbered as they come. They are held as a dictionary page holds them
// (PLAIN), found through an open-addressing table of hashes.
#ifndef LEAT_DATA_FORMAT_PARQUET_DICTIONARY_H
#define LEAT_DATA_FORMAT_PARQUET_DICTIONARY_H

#include "core/base/buf.h"

typedef struct DictionarySlot {
    uint32_t tag;   // of the value's hash
    uint32_t index; // of the value + 1; 0 = free
} DictionarySlot;

typedef struct Dictionary {
    uint32_t value_size; // bytes; 0 = byte arrays
    uint32_t count;
    Buf values;
    Buf starts; // byte arrays: where each begins in `values`, uint32_t
    DictionarySlot *slots;
    size_t slot_count; // 0 or a power of two
} Dictionary;

void dictionary_init(Dictionary *dictionary, uint32_t value_size);
void dictionary_clear(Dictionary *dictionary);
size_t dictionary_held(const Dictionary *dictionary);
// Forgets all values from that number on. No value may be looked up after that: the table is not kept right.
void dictionary_cut(Dictionary *dictionary, uint32_t count);
// Bytes of the first `count` values, as a page holds them.
size_t dictionary_bytes(const Dictionary *dictionary, uint32_t count);
// The value of a number, without the length before it.
Slice dictionary_value(const Dictionary *dictionary, uint32_t index);

typedef struct DictionaryLimits {
    size_t bytes_max; // of `values`
    bool sampled;     // give up early when nearly every value is new
} DictionaryLimits;
// Writes the number of each value to `indices`. False: it gave up, at one of the limits. Fixed size: `values` are
// count × value_size bytes. Byte arrays: `lengths`, and the bytes one behind another.
CHECKED bool dictionary_map(Dictionary *dictionary, const uint8_t *values, const uint32_t *lengths, size_t count,
                            DictionaryLimits limits, uint32_t *indices);

#endif
