// SPDX-License-Identifier: Apache-2.0
// Damaged blocks are refused within their limit; what is read, and any bytes, compress and come back the same.
#include "data/format/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(Codec codec, int level, Slice bytes) {
    Err err[1] = {{0}};
    Buf block, back;
    buf_init(&block, 0);
    buf_init(&back, 0);
    Compressor *compressor = NULL;
    ASSERT(compressor_open(codec, level, &compressor, err));
    ASSERT(compress_block(compressor, bytes, &block, err));
    ASSERT(block.size <= compress_bound(codec, bytes.size));
    ASSERT(decompress_block(codec, buf_slice(&block), bytes.size, &back, err));
    ASSERT(slice_equal(bytes, buf_slice(&back)));
    compressor_close(compressor);
    buf_release(&block);
    buf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    enum { SIZE_LIMIT = 1 << 20 };
    Codec codec = (Codec)(data[0] % 6);
    int level = data[0] / 6 % 5;
    Slice bytes = {data + 1, size - 1};
    Err err[1] = {{0}};
    Buf out;
    buf_init(&out, 0);
    if (decompress_block(codec, bytes, SIZE_LIMIT, &out, err)) {
        ASSERT(out.size <= SIZE_LIMIT);
        round_trip(codec, level, buf_slice(&out));
    } else {
        ASSERT(err->code == ERR_VALUE && out.size == 0);
    }
    round_trip(codec, level, bytes);
    buf_release(&out);
    return 0;
}
