// SPDX-License-Identifier: Apache-2.0
#include "engine/member/member_room.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Records of the cluster's topics, which anybody may have written: what is taken as a document is read back the same.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Err err[1] = {{0}};
    Arena arena;
    MemberRecord record, again;
    DEFER(buf_release) Buf json = {0};
    arena_init(&arena, "fuzz", 0);
    if (member_record_read((Slice){data, size}, &arena, &record, err) && record.document.size > 0) {
        member_config_json(&json, record.slots, record.tasks, record.document);
        ASSERT(member_record_read(buf_slice(&json), &arena, &again, err));
        ASSERT(slice_equal(again.document, record.document));
    }
    arena_release(&arena);
    return 0;
}
