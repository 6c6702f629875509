// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/memory.c"

#include "core/base/test.h"

static Remembered example(Arena *arena) {
    RememberedTable *tables = ARENA_ARRAY(arena, RememberedTable, 2);
    tables[0] = (RememberedTable){{SLICE("public"), SLICE("orders")}, SLICE("s3://b/wh/metadata/7.metadata.json")};
    tables[1] = (RememberedTable){{SLICE("a\037b"), SLICE("t")}, SLICE("file:///wh/t/metadata/1.metadata.json")};
    return (Remembered){.owner = "0123456789abcdef",
                        .sequence = 12345678901,
                        .epoch = 7,
                        .state = SLICE("the journal's state, the journal's state, the journal's state"),
                        .tables = tables,
                        .table_count = 2};
}

TEST(what_is_remembered_comes_back) {
    Err err[1] = {{0}};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    DEFER(buf_release) Buf bytes = {0};
    Remembered was = example(&arena), is;
    remembered_encode(&bytes, &was);
    CHECK_OK(remembered_decode(buf_slice(&bytes), &arena, &is, err));
    CHECK(strcmp(is.owner, was.owner) == 0 && is.sequence == was.sequence && is.epoch == 7);
    CHECK(slice_equal(is.state, was.state));
    CHECK_INT(is.table_count, 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK(slice_equal(is.tables[i].name.space, was.tables[i].name.space));
        CHECK(slice_equal(is.tables[i].name.table, was.tables[i].name.table));
        CHECK(slice_equal(is.tables[i].metadata_file, was.tables[i].metadata_file));
    }
    was.state = (Slice){0};
    was.table_count = 0;
    buf_reset(&bytes);
    remembered_encode(&bytes, &was);
    CHECK_OK(remembered_decode(buf_slice(&bytes), &arena, &is, err));
    CHECK(is.state.size == 0 && is.table_count == 0);
}

TEST(what_is_damaged_or_newer_is_refused) {
    Err err[1] = {{0}};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    DEFER(buf_release) Buf bytes = {0};
    Remembered was = example(&arena), is;
    remembered_encode(&bytes, &was);
    for (size_t size = 0; size < bytes.size; size++) {
        CHECK(!remembered_decode((Slice){bytes.data, size}, &arena, &is, err) && err->code == ERR_STATE_CORRUPT);
        err_clear(err);
    }
    for (size_t at = 0; at < bytes.size; at++) {
        bytes.data[at] ^= 0x40;
        CHECK(!remembered_decode(buf_slice(&bytes), &arena, &is, err));
        err_clear(err);
        bytes.data[at] ^= 0x40;
    }
    bytes.data[MAGIC_BYTES] = MEMORY_VERSION + 1;
    CHECK(!remembered_decode(buf_slice(&bytes), &arena, &is, err) && err->code == ERR_FORMAT_NEWER);
}

TEST(a_tables_newest_metadata_is_the_one_that_is_noted) {
    LakeMemory memory = {.lake = &(Lake){.pipeline = "shop"}};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    arena_init(memory.run, "run", 0);
    TableName name = {SLICE("a\037b"), SLICE("t")};
    memory_note(&memory, name, SLICE("s3://bucket/wh/a/t/metadata/00001-x.metadata.json"));
    memory_note(&memory, name, SLICE("s3://bucket/wh/a/t/metadata/00002-x.metadata.json"));
    CHECK(slice_is(memory.uri, "s3://bucket/wh/a/t/_leat/shop.lake"));
    Remembered listed = {0};
    tables_list(&memory, &arena, &listed);
    CHECK_INT(listed.table_count, 1);
    CHECK(slice_equal(listed.tables[0].name.space, name.space) && slice_is(listed.tables[0].name.table, "t"));
    CHECK(slice_is(listed.tables[0].metadata_file, "s3://bucket/wh/a/t/metadata/00002-x.metadata.json"));
    memory_close(&memory);
}
