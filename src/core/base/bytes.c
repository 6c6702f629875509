// SPDX-License-Identifier: Apache-2.0
#include "core/base/bytes.h"

uint64_t read_varint_slow(Reader *reader) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = read_u8(reader);
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return reader->bad ? 0 : value;
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
