// SPDX-License-Identifier: Apache-2.0
#include "engine/ipc/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A stream of messages: what can be read has the same bytes when it is written again.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    DEFER(buf_release) Buf again = {0};
    Slice rest = {data, size};
    for (;;) {
        Err err[1] = {{0}};
        Message message;
        size_t taken;
        if (!message_decode(rest, &message, &taken, err)) {
            ASSERT(err->code == ERR_INTERNAL);
            return 0;
        }
        if (taken == 0) {
            return 0;
        }
        buf_reset(&again);
        ASSERT(message_encode(&message, &again, err));
        ASSERT(slice_equal(buf_slice(&again), (Slice){rest.data, taken}));
        rest = slice_from(rest, taken);
    }
}
