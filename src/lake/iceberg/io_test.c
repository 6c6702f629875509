// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/io.c"

#include "core/base/test.h"
#include "core/sys/file.h"

static char folder[] = "/tmp/leat_lake_io_XXXXXX";
static Arena arena;
static Err err[1];

static Slice under(const char *name) {
    return slice_of(arena_printf(&arena, "file://%s/%s", folder, name));
}

static LakeIo *open_local(void) {
    arena_init(&arena, "test", 0);
    CHECK(mkdtemp(folder) != NULL);
    LakeIo *io = NULL;
    LakeIoContext context = {.warehouse = arena_printf(&arena, "%s/wh//", folder), .owner = "test"};
    CHECK_OK(lake_io_open(&context, &io, err));
    return io;
}

static void close_local(LakeIo *io) {
    lake_io_close(io);
    CHECK_OK(file_remove_tree(folder, err));
    arena_release(&arena);
}

static bool count_files(void *context, Slice uri, uint64_t size) {
    Buf *seen = context;
    buf_put(seen, slice_from(uri, strlen(folder) + 8));
    buf_printf(seen, " %" PRIu64 "\n", size);
    return true;
}

TEST(lake_uris_are_normal) {
    arena_init(&arena, "test", 0);
    static const char *const CASES[][2] = {
        {"s3a://b//k/x", "s3://b/k/x"},
        {"s3n://b/k", "s3://b/k"},
        {"/a//b///c", "file:///a/b/c"},
        {"file:/a/b", "file:///a/b"},
        {"file:///a/b%20c", "file:///a/b%20c"},
        {"file://localhost/a", "file:///a"},
        {"file://host/a", "file://host/a"},
        {"file:////a", "file:///a"},
        {"gs://b/k", "gs://b/k"},
        {"", ""},
        {"file:", "file:"},
        {"file://", "file:///"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        CHECK_TEXT(lake_uri_normal(slice_of(CASES[i][0]), &arena), CASES[i][1]);
    }
    arena_release(&arena);
}

TEST(lake_files_come_and_go) {
    LakeIo *io = open_local();
    CHECK_TEXT(lake_io_warehouse(io), arena_printf(&arena, "file://%s/wh", folder));
    CHECK_OK(lake_io_put(io, under("wh/n/t/metadata/a.json"), SLICE("abcdef"), true, err));
    CHECK_FAILS(lake_io_put(io, under("wh/n/t/metadata/a.json"), SLICE("x"), true, err), ERR_CHANGED);
    CHECK_OK(lake_io_put(io, under("wh/n/t/metadata/a.json"), SLICE("abcdefg"), false, err));
    Slice bytes = {0};
    CHECK_OK(lake_io_get(io, under("wh//n/t/metadata/a.json"), &arena, &bytes, err));
    CHECK_TEXT(bytes, "abcdefg");
    CHECK_FAILS(lake_io_get(io, under("wh/n/t/metadata/b.json"), &arena, &bytes, err), ERR_NOT_FOUND);
    DEFER(buf_release) Buf out = {0};
    CHECK_OK(lake_io_read(io, under("wh/n/t/metadata/a.json"), 2, 3, &out, err));
    CHECK_TEXT(buf_slice(&out), "cde");
    ParquetFile parquet = lake_io_parquet(io, under("wh/n/t/metadata/a.json"), 7, &arena);
    CHECK_FAILS(parquet.read(parquet.context, 5, 3, &out, err), ERR_VALUE);

    LakeFile *files[3] = {0};
    static const char *const NAMES[] = {"wh/n/t/data/p=a%2Fb/1.parquet", "wh/n/t/data/2.parquet", "wh/n/t/data/3"};
    uint8_t *many = arena_alloc(&arena, SMALL_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CHECK_OK(lake_file_open(io, under(NAMES[i]), &files[i], err));
        CHECK_OK(lake_file_write(files[i], SLICE("head"), err));
        CHECK_OK(lake_file_write(files[i], (Slice){many, i == 1 ? SMALL_BYTES_MAX : 1000}, err));
    }
    lake_file_abort(files[2]);
    CHECK_OK(lake_files_finish(files, 2, err));
    buf_reset(&out);
    CHECK_OK(lake_io_list(io, under("wh/n/t/"), count_files, &out, err));
    CHECK_TEXT(buf_slice(&out), "wh/n/t/data/2.parquet 524292\nwh/n/t/data/p=a%2Fb/1.parquet 1004\n"
                                "wh/n/t/metadata/a.json 7\n");
    CHECK_OK(lake_file_open(io, under("wh/n/t/data/2.parquet"), &files[0], err));
    CHECK_OK(lake_file_open(io, under("wh/n/t/data/4.parquet"), &files[1], err));
    CHECK_OK(lake_file_write(files[0], (Slice){many, SMALL_BYTES_MAX}, err));
    CHECK_OK(lake_file_write(files[0], (Slice){many, SMALL_BYTES_MAX}, err));
    CHECK_FAILS(lake_files_finish(files, 2, err), ERR_EXISTS);
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(lake_io_remove(io, under(NAMES[i]), err));
        CHECK_OK(lake_io_remove(io, under(NAMES[i]), err));
    }
    lake_io_close(io);
    CHECK(!file_exists(arena_printf(&arena, "%s/wh/.leat-staging", folder)));
    close_local(NULL);
}

TEST(lake_files_beside_the_warehouse) {
    LakeIo *io = open_local();
    Slice bytes = {0};
    CHECK_FAILS(lake_io_get(io, under("other/t/metadata/x"), &arena, &bytes, err), ERR_NOT_FOUND);
    CHECK(!file_exists(arena_printf(&arena, "%s/other", folder)));
    CHECK_OK(lake_io_put(io, under("other/t/metadata/x"), SLICE("1"), true, err));
    CHECK_OK(lake_io_put(io, under("other/t/metadata/y"), SLICE("2"), true, err));
    CHECK_OK(lake_io_get(io, under("other/t/metadata/x"), &arena, &bytes, err));
    CHECK_TEXT(bytes, "1");
    CHECK_OK(lake_io_put(io, under("other/t/data/p=1/q=2/z"), SLICE("3"), true, err));
    size_t places = 0;
    for (const Place *place = io->places; place != NULL; place = place->next) {
        places++;
    }
    CHECK_INT(places, 3); // the warehouse, other/t, the root to read
    CHECK_OK(lake_io_remove(io, under("other/t/data/p=1/q=2/z"), err));
    DEFER(buf_release) Buf out = {0};
    CHECK_OK(lake_io_list(io, under("other"), count_files, &out, err));
    CHECK_TEXT(buf_slice(&out), "other/t/metadata/x 1\nother/t/metadata/y 1\n");
    CHECK_OK(lake_io_remove(io, under("other/t/metadata/x"), err));
    CHECK_OK(lake_io_remove(io, under("other/t/metadata/y"), err));
    CHECK_FAILS(lake_io_get(io, under("other/t/metadata/x"), &arena, &bytes, err), ERR_NOT_FOUND);
    close_local(io);
}

TEST(lake_files_without_a_warehouse) {
    LakeIo *io = open_local(), *other = NULL;
    Slice bytes = {0};
    CHECK_OK(lake_io_open(&(LakeIoContext){.owner = "other"}, &other, err));
    CHECK_TEXT(lake_io_warehouse(other), "");
    CHECK_OK(lake_io_put(other, under("wh/t/metadata/x"), SLICE("1"), true, err));
    CHECK_OK(lake_io_get(other, under("wh/t/metadata/x"), &arena, &bytes, err));
    CHECK_TEXT(bytes, "1");
    other->local = false; // as if the first file had been in a bucket
    CHECK_FAILS(lake_io_get(other, under("wh/t/metadata/x"), &arena, &bytes, err), ERR_VALUE);
    lake_io_close(other);
    close_local(io);
}

TEST(lake_refuses_strange_uris) {
    LakeIo *io = open_local();
    Slice bytes = {0};
    CHECK_FAILS(lake_io_get(io, SLICE("gs://b/k"), &arena, &bytes, err), ERR_VALUE);
    CHECK_FAILS(lake_io_get(io, SLICE("file://host/k"), &arena, &bytes, err), ERR_VALUE);
    CHECK_FAILS(lake_io_get(io, SLICE("s3:///k"), &arena, &bytes, err), ERR_VALUE);
    CHECK_FAILS(lake_io_get(io, SLICE("relative/k"), &arena, &bytes, err), ERR_VALUE);
    CHECK_FAILS(lake_io_get(io, under("wh/../x"), &arena, &bytes, err), ERR_VALUE);
    CHECK_FAILS(lake_io_get(io, under("wh/x/"), &arena, &bytes, err), ERR_VALUE);
    CHECK_FAILS(lake_io_get(io, SLICE("file:///a\0b"), &arena, &bytes, err), ERR_VALUE);
    CHECK_FAILS(lake_io_get(io, SLICE(""), &arena, &bytes, err), ERR_VALUE);
    io->local = false; // as if the warehouse were a bucket
    CHECK_FAILS(lake_io_get(io, SLICE("file:///etc/hostname"), &arena, &bytes, err), ERR_VALUE);
    close_local(io);
    LakeIoContext context = {.warehouse = "gs://bucket/x", .owner = "test"};
    CHECK_FAILS(lake_io_open(&context, &io, err), ERR_OPTION);
    context.warehouse = "/";
    CHECK_FAILS(lake_io_open(&context, &io, err), ERR_OPTION);
}
