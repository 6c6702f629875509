// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/deletes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool row(void *context, Slice path, uint64_t position, Err *err) {
    uint32_t *rows = context;
    ASSERT(path.size == 0 || path.data != NULL);
    return ++*rows < 10000 || FAIL(err, ERR_VALUE, "enough");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Err err[1] = {{0}};
    uint32_t rows = 0;
    bool ok = position_deletes_read((Slice){data, size}, row, &rows, err);
    ASSERT(ok || err->code == ERR_VALUE);
    return 0;
}
