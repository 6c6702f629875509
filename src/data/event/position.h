// SPDX-License-Identifier: Apache-2.0
// How far a source has been read: an opaque, versioned byte string that only its driver compares.
#ifndef LEAT_DATA_EVENT_POSITION_H
#define LEAT_DATA_EVENT_POSITION_H

#include "core/base/bytes.h"

enum { POSITION_BYTES_MAX = 64 };

typedef struct Position {
    uint8_t size; // 0 = before the beginning
    uint8_t bytes[POSITION_BYTES_MAX];
} Position;

static inline Slice position_slice(const Position *position) {
    return (Slice){position->bytes, position->size};
}
static inline Position position_of(Slice bytes) {
    Position position = {0};
    ASSERT(bytes.size <= POSITION_BYTES_MAX);
    position.size = (uint8_t)bytes.size;
    if (bytes.size > 0) {
        memcpy(position.bytes, bytes.data, bytes.size);
    }
    return position;
}

#endif
