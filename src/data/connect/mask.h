// SPDX-License-Identifier: Apache-2.0
// Values that do not leave as they are: column.truncate.to.N.chars, column.mask.with.N.chars,
// column.mask.hash[.v2].ALGORITHM.with.salt.SALT. They act on the forms of values that leave (column.h); a key's are
// never masked.
//
// Masks and hashes act on text without a meaning of its own (text, varchar, char, name, citext, enums, addresses; not
// json, uuid, xml and the like, which stay as they are); cutting on all texts and bytes. Lengths count UTF-16 units.
#ifndef LEAT_DATA_CONNECT_MASK_H
#define LEAT_DATA_CONNECT_MASK_H

#include "core/base/err.h"
#include "data/connect/column.h"

typedef enum MaskKind { MASK_TRUNCATE, MASK_CHARS, MASK_HASH, MASK_HASH_V2 } MaskKind;

typedef struct Mask {
    MaskKind kind;
    int64_t count;         // TRUNCATE and CHARS: characters
    Slice salt;            // HASH
    const char *algorithm; // HASH: as OpenSSL knows it
} Mask;

// Of a key after "column.": "mask.with.5.chars". False: it is no mask's key. ERR_OPTION in *err: it is, with a number
// or an algorithm that does not exist.
bool mask_read(Arena *arena, Slice key, Mask *mask, Err *err);
// Tells the shape, and whether values change at all. `length` is that of the source's column.
bool mask_describe(const Mask *mask, Arena *arena, ConnectColumn *column, int64_t length);
// Changes *value, its new bytes in `scratch`. `length`: hashes are not longer than their columns.
void mask_apply(const Mask *mask, Arena *scratch, int64_t length, Value *value);

#endif
