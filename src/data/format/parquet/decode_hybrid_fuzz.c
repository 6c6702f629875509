// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/decode_hybrid.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Reading in steps of any size gives the same numbers, and none is wider than said.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { ALL = 4096 };
    if (size < 2) {
        return 0;
    }
    static uint32_t at_once[ALL], in_steps[ALL];
    uint32_t width = data[0] % 33;
    bool old = (data[0] & 0x80) != 0;
    size_t step = data[1] % 100 + 1;
    Slice bytes = {data + 2, size - 2};
    HybridDecoder first = old ? hybrid_decoder_old(bytes, width) : hybrid_decoder(bytes, width);
    HybridDecoder second = first;
    size_t count = 0;
    while (count + step <= ALL && hybrid_read(&second, in_steps + count, step)) {
        count += step;
    }
    ASSERT(count == 0 || hybrid_read(&first, at_once, count));
    for (size_t i = 0; i < count; i++) {
        ASSERT(at_once[i] == in_steps[i]);
        // A repeated value takes whole bytes.
        ASSERT((width + 7) / 8 * 8 == 32 || at_once[i] >> ((width + 7) / 8 * 8) == 0);
    }
    return 0;
}
