// SPDX-License-Identifier: Apache-2.0
// A record's key and the head of a segment from anywhere: what is taken is written again as it was.
#include "storage/journal/kafka/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    UnitKey key, again;
    uint8_t encoded[UNIT_KEY_BYTES];
    if (unit_key_decode((Slice){data, MIN(size, (size_t)UNIT_KEY_BYTES)}, &key)) {
        unit_key_encode(&key, encoded);
        ASSERT(unit_key_decode((Slice){encoded, sizeof(encoded)}, &again));
        ASSERT(again.attempt == key.attempt && again.head == key.head && again.number == key.number);
    }
    DEFER(buf_release) Buf segments = {0};
    DEFER(buf_release) Buf bytes = {0};
    Slice rest;
    if (unit_segments_decode((Slice){data, size}, &segments, &rest)) {
        unit_segments_encode(&segments, &bytes);
        ASSERT(bytes.size + rest.size == size && memcmp(bytes.data, data, bytes.size) == 0);
    }
    return 0;
}
