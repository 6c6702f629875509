// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/decode_delta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Reading in steps of any size gives the same numbers and ends where delta_end says.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { ALL = 4096 };
    static int64_t at_once[ALL], in_steps[ALL];
    DeltaDecoder decoder;
    if (size == 0 || !delta_open(&decoder, (Slice){data + 1, size - 1})) {
        return 0;
    }
    Slice rest;
    bool ends = delta_end(&decoder, &rest);
    size_t step = data[0] % 100 + 1, count = 0;
    DeltaDecoder second = decoder;
    while (count + step <= ALL && delta_read(&second, in_steps + count, step)) {
        count += step;
    }
    ASSERT(count == 0 || delta_read(&decoder, at_once, count));
    ASSERT(count == 0 || memcmp(at_once, in_steps, count * sizeof(int64_t)) == 0);
    size_t left = (size_t)MIN(decoder.left, ALL);
    if (ends && decoder.left == left && left > 0) {
        ASSERT(delta_read(&decoder, at_once, left));
        ASSERT(decoder.bytes.at == rest.data);
    }
    return 0;
}
