// SPDX-License-Identifier: Apache-2.0
#include "core/base/bytes.h"

Slice slice_trim(Slice slice, const char *blanks) {
    size_t count = strlen(blanks);
    while (slice.size > 0 && memchr(blanks, slice.data[0], count) != NULL) {
        slice = slice_from(slice, 1);
    }
    while (slice.size > 0 && memchr(blanks, slice.data[slice.size - 1], count) != NULL) {
        slice.size--;
    }
    return slice;
}

uint64_t read_varint_slow(Reader *reader) {
    const uint8_t *at = reader->at;
    size_t most = MIN(reader_left(reader), (size_t)10);
    uint64_t value = 0;
    for (size_t i = 0; i < most; i++) {
        if (i == 9 && at[i] > 1) {
            break;
        }
        value |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if (at[i] < 0x80) {
            reader->at = at + i + 1;
            return value;
        }
    }
    reader->bad = true;
    reader->at = reader->end;
    return 0;
}

Slice read_text0(Reader *reader) {
    const uint8_t *nul = memchr(reader->at, 0, reader_left(reader));
    if (nul == NULL) {
        reader->bad = true;
        reader->at = reader->end;
        return (Slice){reader->end, 0};
    }
    Slice text = {reader->at, (size_t)(nul - reader->at)};
    reader->at = nul + 1;
    return text;
}
