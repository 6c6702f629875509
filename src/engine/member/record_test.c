// SPDX-License-Identifier: Apache-2.0
#include "engine/member/record.c"

#include "core/base/test.h"

TEST(member_records_are_read_back) {
    Err err[1] = {{0}};
    Arena arena;
    MemberRecord record;
    Member member = {.node = "10.0.0.1:8083"};
    DEFER(buf_release) Buf json = {0};
    arena_init(&arena, "test", 0);
    member_config_json(&json, (const int32_t[]){3}, 1, SLICE("{\"name\": \"a\", \"config\":{}}"));
    CHECK_OK(member_record_read(buf_slice(&json), &arena, &record, err));
    CHECK_INT(record.slots[0], 3);
    CHECK_INT(record.tasks, 1);
    CHECK_TEXT(record.document, "{\"name\": \"a\", \"config\":{}}"); // byte for byte
    buf_reset(&json);
    member_config_json(&json, (const int32_t[]){4, 0, 17}, 3, SLICE("{}"));
    CHECK_TEXT(buf_slice(&json), "{\"format_version\":2,\"slot\":4,\"slots\":[4,0,17],\"document\":{}}");
    CHECK_OK(member_record_read(buf_slice(&json), &arena, &record, err));
    CHECK_INT(record.tasks, 3);
    CHECK_INT(record.slots[2], 17);
    CHECK_OK(member_record_read(SLICE("{\"format_version\":2,\"slots\":[4, \"1\", [2, 3], 99999999999, 7]}"), &arena,
                                &record, err));
    CHECK_INT(record.tasks, 5); // what is no slot is none, and moves no other
    const int32_t slots[] = {4, -1, -1, -1, 7};
    CHECK(memcmp(record.slots, slots, sizeof(slots)) == 0);
    CHECK_FAILS(member_record_read(SLICE("{\"format_version\":2,\"slots\":[4"), &arena, &record, err), ERR_OPTION);
    buf_reset(&json);
    member_status_json(&json, &member, 7, (Slice){0});
    CHECK_OK(member_record_read(buf_slice(&json), &arena, &record, err));
    CHECK_INT(record.term, 7);
    CHECK_TEXT(record.node, "10.0.0.1:8083");
    CHECK_INT(record.state.size, 0);
    CHECK_FAILS(member_record_read(SLICE("{\"format_version\":3}"), &arena, &record, err), ERR_FORMAT_NEWER);
    CHECK_FAILS(member_record_read(SLICE("{\"slot\":2}"), &arena, &record, err), ERR_OPTION);
    CHECK_FAILS(member_record_read(SLICE("[1]"), &arena, &record, err), ERR_OPTION);
    CHECK_FAILS(member_record_read(SLICE("{\"format_version\":1,\"document\":{"), &arena, &record, err), ERR_OPTION);
    arena_release(&arena);
}

TEST(member_slots_are_the_lowest_that_are_free) {
    Member member = {0};
    int32_t slots[3];
    member_slots(&member, SLICE("c"), slots, 1);
    CHECK_INT(slots[0], 0);
    member_connector(&member, SLICE("a"))->slot = 0;
    member_connector(&member, SLICE("b"))->slot = 2;
    member_slots(&member, SLICE("c"), slots, 1);
    CHECK_INT(slots[0], 1);
    MemberChange change = {.slots = {1, 4}, .tasks = 2}; // on its way
    member.changes = &change;
    member_slots(&member, SLICE("b"), slots, 3); // task 0 has one
    CHECK_INT(slots[0], 2);
    CHECK_INT(slots[1], 3);
    CHECK_INT(slots[2], 5);
    for (MapEntry *at = NULL; (at = map_next(&member.connectors, at)) != NULL;) {
        member_connector_free(at->value);
    }
    map_release(&member.connectors);
}
