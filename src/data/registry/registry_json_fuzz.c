// SPDX-License-Identifier: Apache-2.0
#include "data/registry/registry_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    registry_fuzz(REGISTRY_JSON, data, size);
    return 0;
}
