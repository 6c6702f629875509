// SPDX-License-Identifier: Apache-2.0
// Any bytes are a message or an ERR_SOURCE_PROTOCOL, in bounded memory.
#include "flow/source/postgres/pgoutput.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tuple_walk(PgTuple tuple) {
    PgField field;
    for (uint16_t i = 0; tuple.present && i < tuple.column_count && pg_tuple_next(&tuple, &field); i++) {
        ASSERT(field.bytes.size <= UINT32_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    arena_init(&arena, "scratch", 16 * MIB);
    for (int in_stream = 0; in_stream < 2; in_stream++) {
        Err err[1] = {{0}};
        PgMessage message;
        PgFrame frame;
        if (pg_message_parse((Slice){data, size}, in_stream != 0, &arena, &message, err)) {
            if (message.kind == PG_INSERT || message.kind == PG_UPDATE || message.kind == PG_DELETE) {
                tuple_walk(message.change.before);
                tuple_walk(message.change.after);
            }
        }
        err_clear(err);
        if (!pg_frame_parse((Slice){data, size}, &frame, err)) {
            ASSERT(err->code == ERR_SOURCE_PROTOCOL);
        }
    }
    arena_release(&arena);
    return 0;
}
