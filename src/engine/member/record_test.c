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
    member_config_json(&json, 3, SLICE("{\"name\": \"a\", \"config\":{}}"));
    CHECK_OK(member_record_read(buf_slice(&json), &arena, &record, err));
    CHECK_INT(record.slot, 3);
    CHECK_TEXT(record.document, "{\"name\": \"a\", \"config\":{}}"); // byte for byte
    buf_reset(&json);
    member_status_json(&json, &member, 7, (Slice){0});
    CHECK_OK(member_record_read(buf_slice(&json), &arena, &record, err));
    CHECK_INT(record.term, 7);
    CHECK_TEXT(record.node, "10.0.0.1:8083");
    CHECK_INT(record.state.size, 0);
    CHECK_FAILS(member_record_read(SLICE("{\"format_version\":2}"), &arena, &record, err), ERR_FORMAT_NEWER);
    CHECK_FAILS(member_record_read(SLICE("{\"slot\":2}"), &arena, &record, err), ERR_OPTION);
    CHECK_FAILS(member_record_read(SLICE("[1]"), &arena, &record, err), ERR_OPTION);
    CHECK_FAILS(member_record_read(SLICE("{\"format_version\":1,\"document\":{"), &arena, &record, err), ERR_OPTION);
    arena_release(&arena);
}

TEST(member_slots_are_the_lowest_that_are_free) {
    Member member = {0};
    CHECK_INT(member_slot_free(&member), 0);
    member_connector(&member, SLICE("a"))->slot = 0;
    member_connector(&member, SLICE("b"))->slot = 2;
    CHECK_INT(member_slot_free(&member), 1);
    MemberChange change = {.slot = 1}; // on its way
    member.changes = &change;
    CHECK_INT(member_slot_free(&member), 3);
    for (MapEntry *at = NULL; (at = map_next(&member.connectors, at)) != NULL;) {
        member_connector_free(at->value);
    }
    map_release(&member.connectors);
}
