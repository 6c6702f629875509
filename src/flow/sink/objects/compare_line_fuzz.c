// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/compare_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Slice rest, name, value;
    bool more = true;
    uint64_t sum = 0;
    if (line_open((Slice){data, size}, &rest)) {
        while (line_member(&rest, &name, &value, &more) && more) {
            for (size_t i = 0; i < name.size; i++) {
                sum += name.data[i];
            }
            for (size_t i = 0; i < value.size; i++) {
                sum += value.data[i];
            }
        }
    }
    return sum == UINT64_MAX ? 1 : 0;
}
