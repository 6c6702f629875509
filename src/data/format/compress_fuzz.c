// SPDX-License-Identifier: Apache-2.0
// Damaged blocks are refused within their limit; what is read compresses and comes back the same.
#include "data/format/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    enum { SIZE_LIMIT = 1 << 20 };
    Codec codec = (Codec)(data[0] % 6);
    Err err[1] = {{0}};
    Buf out, block, back;
    buf_init(&out, 0);
    buf_init(&block, 0);
    buf_init(&back, 0);
    if (decompress_block(codec, (Slice){data + 1, size - 1}, SIZE_LIMIT, &out, err)) {
        ASSERT(out.size <= SIZE_LIMIT);
        Compressor *compressor = NULL;
        ASSERT(compressor_open(codec, 0, &compressor, err));
        ASSERT(compress_block(compressor, buf_slice(&out), &block, err));
        ASSERT(decompress_block(codec, buf_slice(&block), out.size, &back, err));
        ASSERT(slice_equal(buf_slice(&out), buf_slice(&back)));
        compressor_close(compressor);
    } else {
        ASSERT(err->code == ERR_VALUE && out.size == 0);
    }
    buf_release(&out);
    buf_release(&block);
    buf_release(&back);
    return 0;
}
