// SPDX-License-Identifier: Apache-2.0
// Any bytes are profiles or an ERR_NET_SETUP, in memory bounded by their size.
#include "core/net/aws_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    arena_init(&arena, "scratch", 512 * size + 4096);
    for (int config = 0; config < 2; config++) {
        Err err[1] = {{0}};
        AwsProfiles profiles = {0};
        if (!aws_profiles_parse(&profiles, "file", (Slice){data, size}, config == 1, &arena, err)) {
            ASSERT(err->code == ERR_NET_SETUP);
        }
        const char *value = aws_profile_get(&profiles, "default", "region");
        ASSERT(value == NULL || strlen(value) <= size);
    }
    arena_release(&arena);
    return 0;
}
