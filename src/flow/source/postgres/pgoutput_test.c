// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/pgoutput.c" // NOLINT

#include "core/base/buf.h"
#include "core/base/test.h"

static void field_put(Buf *buf, char kind, const char *text) {
    buf_u8(buf, (uint8_t)kind);
    if (text != NULL) {
        buf_u32be(buf, (uint32_t)strlen(text));
        buf_text(buf, text);
    }
}

TEST(pgoutput_update_with_old_key) {
    Err err[1] = {{0}};
    DEFER(buf_release) Buf buf = {0};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    buf_u8(&buf, 'U');
    buf_u32be(&buf, 4711);
    buf_u8(&buf, 'K');
    buf_u16be(&buf, 2);
    field_put(&buf, 't', "7");
    field_put(&buf, 'n', NULL);
    buf_u8(&buf, 'N');
    buf_u16be(&buf, 2);
    field_put(&buf, 'b', "12345678");
    field_put(&buf, 'u', NULL);
    PgMessage message;
    CHECK_OK(pg_message_parse(buf_slice(&buf), false, &arena, &message, err));
    CHECK_INT(message.change.oid, 4711);
    CHECK(message.change.old_is_key && message.change.before.present);
    PgField field;
    CHECK(pg_tuple_next(&message.change.before, &field));
    CHECK_TEXT(field.bytes, "7");
    CHECK(pg_tuple_next(&message.change.after, &field) && field.kind == PG_FIELD_BINARY);
    CHECK(pg_tuple_next(&message.change.after, &field) && field.kind == PG_FIELD_UNCHANGED);
    CHECK(!pg_tuple_next(&message.change.after, &field));
    // Cut off anywhere, it is an error or a tuple that ends early; never a read past the end.
    for (size_t size = 0; size < buf.size; size++) {
        if (pg_message_parse((Slice){buf.data, size}, false, &arena, &message, err)) {
            bool whole = true;
            for (int i = 0; i < 2; i++) {
                whole = whole && pg_tuple_next(&message.change.after, &field);
            }
            CHECK(!whole);
        }
        err_clear(err);
    }
}

TEST(pgoutput_counts_that_lie_are_refused) {
    Err err[1] = {{0}};
    DEFER(arena_release) Arena arena = {.name = "scratch", .limit = 64 * KIB};
    PgMessage message;
    const uint8_t truncate[] = {'T', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1};
    CHECK_FAILS(pg_message_parse((Slice){truncate, sizeof(truncate)}, false, &arena, &message, err),
                ERR_SOURCE_PROTOCOL);
    const uint8_t unknown[] = {'?', 1};
    CHECK_FAILS(pg_message_parse((Slice){unknown, sizeof(unknown)}, false, &arena, &message, err), ERR_SOURCE_PROTOCOL);
}
