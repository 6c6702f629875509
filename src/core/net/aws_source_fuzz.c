// SPDX-License-Identifier: Apache-2.0
// Any bytes are credentials, ERR_NET_AUTH or ERR_NET_PROTOCOL, in bounded memory.
#include "core/net/aws_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    arena_init(&arena, "scratch", 8 * size + 4096);
    Err err[1] = {{0}};
    AwsCredentials credentials;
    if (aws_credentials_parse((Slice){data, size}, "Token", &arena, &credentials, err)) {
        ASSERT(credentials.access_key != NULL && credentials.secret_key != NULL);
    } else {
        ASSERT(err->code == ERR_NET_AUTH || err->code == ERR_NET_PROTOCOL);
    }
    int64_t time_us;
    (void)!aws_time_parse(arena_text(&arena, (Slice){data, size}), &time_us);
    arena_release(&arena);
    return 0;
}
