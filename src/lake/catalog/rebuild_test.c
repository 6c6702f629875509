// SPDX-License-Identifier: Apache-2.0
#include "lake/catalog/rebuild.c"

#include "core/base/test.h"
#include "core/sys/file.h"

static char folder[64];
static Arena arena;
static Err err[1];
static LakeIo *io;

static void begin(void) {
    arena_init(&arena, "test", 0);
    test_folder(folder, sizeof(folder), "rebuild");
    CHECK_OK(lake_io_open(&(LakeIoContext){.warehouse = folder, .owner = "test"}, &io, err));
}

static void end(void) {
    lake_io_close(io);
    CHECK_OK(file_remove_tree(folder, err));
    arena_release(&arena);
}

typedef struct Made {
    const char *place; // "ns/t"
    int table;         // of its uuid
    int version;
    char letter;          // of the file's name
    const char *before;   // the file's name that it follows; NULL = none
    int updated, cut;     // ms; cut 0: no snapshot
    const char *snapshot; // its id
    const char *last;     // leat.commit-last; NULL = none
    const char *named;    // leat.table; NULL = none
} Made;

static void make(Made made) {
    DEFER(buf_release) Buf json = {0};
    buf_printf(&json,
               "{\"format-version\":2,\"table-uuid\":\"11111111-1111-4111-8111-11111111111%d\",\"location\":"
               "\"file://%s/%s\",\"last-sequence-number\":1,\"last-updated-ms\":%d,\"last-column-id\":1,\"schemas\":["
               "{\"type\":\"struct\",\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":false,\"type\":"
               "\"int\"}]}],\"current-schema-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],"
               "\"default-spec-id\":0,\"last-partition-id\":999,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],"
               "\"default-sort-order-id\":0,\"properties\":{\"leat.pipeline\":\"p\"",
               made.table, folder, made.place, made.updated);
    if (made.named != NULL) {
        buf_printf(&json, ",\"leat.namespace\":\"sales\",\"leat.table\":\"%s\"", made.named);
    }
    buf_text(&json, "},\"metadata-log\":[");
    if (made.before != NULL) {
        buf_printf(&json, "{\"timestamp-ms\":1,\"metadata-file\":\"file://%s/%s/metadata/%s.metadata.json\"}", folder,
                   made.place, made.before);
    }
    buf_text(&json, "],\"snapshots\":[");
    if (made.cut > 0) {
        buf_printf(&json,
                   "{\"snapshot-id\":%s,\"sequence-number\":1,\"timestamp-ms\":1,\"manifest-list\":\"file:///l\","
                   "\"summary\":{\"operation\":\"append\",\"leat.cut-ms\":\"%d\"%s%s%s}}",
                   made.snapshot, made.cut, made.last != NULL ? ",\"leat.commit-last\":\"" : "",
                   made.last != NULL ? made.last : "", made.last != NULL ? "\"" : "");
    }
    buf_printf(&json, "],\"current-snapshot-id\":%s}", made.cut > 0 ? made.snapshot : "-1");
    const char *uri = arena_printf(&arena, "file://%s/%s/metadata/%05d-%c.metadata.json", folder, made.place,
                                   made.version, made.letter);
    CHECK_OK(lake_io_put(io, slice_of(uri), buf_slice(&json), true, err));
}

#define UUID(n, id) "11111111-1111-4111-8111-11111111111" n "/" id

static FoundTable *found(size_t want) {
    FoundTable *tables = NULL;
    size_t count = 0;
    CHECK_OK(catalog_find_tables(io, lake_io_warehouse(io), &arena, &tables, &count, err));
    CHECK_INT(count, want);
    return tables;
}

static void is_file(const FoundTable *table, const char *name) {
    CHECK(table->left_out == NULL);
    Slice file = slice_from(table->metadata_file, folder_of(table->metadata_file).size + 1);
    CHECK_TEXT(file, arena_printf(&arena, "%s.metadata.json", name));
}

TEST(rebuild_takes_a_commit_that_is_there_whole) {
    begin();
    make((Made){.place = "n/a", .table = 1, .version = 1, .letter = 'a', .cut = 10, .snapshot = "1"});
    make((Made){.place = "n/b", .table = 2, .version = 1, .letter = 'a', .cut = 10, .snapshot = "2"});
    make((Made){"n/a", 1, 2, 'b', "00001-a", 20, 20, "3", UUID("2", "4"), NULL});
    make((Made){"n/b", 2, 2, 'b', "00001-a", 20, 20, "4", UUID("2", "4"), NULL});
    FoundTable *tables = found(2);
    is_file(&tables[0], "00002-b");
    is_file(&tables[1], "00002-b");
    CHECK_TEXT(tables[0].name.space, "n");
    CHECK_TEXT(tables[1].name.table, "b");
    CHECK_TEXT(tables[1].pipeline, "p");
    CHECK(tables[0].passed_over.data == NULL);
    end();
}

TEST(rebuild_passes_over_a_commit_that_never_was) {
    begin();
    make((Made){.place = "n/a", .table = 1, .version = 1, .letter = 'a', .cut = 10, .snapshot = "1"});
    make((Made){.place = "n/b", .table = 2, .version = 1, .letter = 'a', .cut = 10, .snapshot = "2"});
    make((Made){"n/a", 1, 2, 'b', "00001-a", 20, 20, "3", UUID("2", "4"), NULL});
    FoundTable *tables = found(2);
    is_file(&tables[0], "00001-a");
    is_file(&tables[1], "00001-a");
    CHECK(tables[0].passed_over.size > 0);
    end();
}

TEST(rebuild_keeps_what_others_have_left_behind) {
    begin();
    // b has gone on and expired what it had of that commit; c, the last of another, was dropped.
    make((Made){"n/a", 1, 2, 'b', "00001-a", 20, 20, "3", UUID("2", "4"), NULL});
    make((Made){"n/a", 1, 1, 'a', "00000-a", 10, 10, "1", NULL, NULL});
    make((Made){"n/b", 2, 9, 'b', "00008-a", 90, 90, "40", NULL, NULL});
    make((Made){"n/d", 4, 2, 'b', "00001-a", 20, 20, "5", UUID("3", "4"), NULL});
    make((Made){"n/d", 4, 1, 'a', "00000-a", 10, 10, "1", NULL, NULL});
    FoundTable *tables = found(3);
    is_file(&tables[0], "00002-b");
    is_file(&tables[1], "00009-b");
    is_file(&tables[2], "00002-b");
    end();
}

TEST(rebuild_follows_the_line_after_a_crash) {
    begin();
    // The commit of cut 20 died before its pointers moved, all files written; then one of cut 15 was made of b alone.
    make((Made){.place = "n/a", .table = 1, .version = 1, .letter = 'a', .cut = 10, .snapshot = "1", .updated = 10});
    make((Made){.place = "n/b", .table = 2, .version = 1, .letter = 'a', .cut = 10, .snapshot = "2", .updated = 10});
    make((Made){"n/a", 1, 2, 'x', "00001-a", 20, 20, "3", UUID("2", "4"), NULL});
    make((Made){"n/b", 2, 2, 'x', "00001-a", 20, 20, "4", UUID("2", "4"), NULL});
    make((Made){"n/b", 2, 2, 'c', "00001-a", 30, 15, "6", NULL, NULL});
    FoundTable *tables = found(2);
    is_file(&tables[0], "00001-a");
    is_file(&tables[1], "00002-c");
    // Then a was committed as well: its own line goes on.
    make((Made){"n/a", 1, 2, 'd', "00001-a", 40, 20, "7", UUID("2", "8"), NULL});
    make((Made){"n/b", 2, 3, 'd', "00002-c", 40, 20, "8", UUID("2", "8"), NULL});
    tables = found(2);
    is_file(&tables[0], "00002-d");
    is_file(&tables[1], "00003-d");
    end();
}

TEST(rebuild_knows_changes_that_are_no_rows) {
    begin();
    // The schema changed upon a commit whose other table has expired all of it but has nothing newer to show.
    make((Made){"n/a", 1, 1, 'a', NULL, 10, 10, "3", UUID("2", "4"), NULL});
    make((Made){"n/a", 1, 2, 'b', "00001-a", 20, 10, "3", UUID("2", "4"), NULL});
    make((Made){.place = "n/b", .table = 2, .version = 1, .letter = 'a'});
    FoundTable *tables = found(2);
    is_file(&tables[0], "00002-b");
    end();
}

TEST(rebuild_gives_names) {
    begin();
    make((Made){.place = "sales/old-11223344", .table = 1, .letter = 'a', .updated = 1, .named = "t"});
    make((Made){.place = "sales/t", .table = 2, .letter = 'a', .updated = 9, .named = "t"});
    make((Made){.place = "a/b/c", .table = 3, .letter = 'a'});
    make((Made){.place = "copy/c", .table = 3, .letter = 'a', .updated = 5});
    CHECK_OK(lake_io_put(io, slice_of(arena_printf(&arena, "file://%s/z/t/metadata/v1.metadata.json", folder)),
                         SLICE("{"), true, err));
    FoundTable *tables = found(5);
    CHECK_TEXT(tables[0].name.space, "a\x1f"
                                     "b");
    CHECK(tables[0].left_out != NULL && strstr(tables[0].left_out, "copy") != NULL);
    CHECK_TEXT(tables[1].name.space, "copy");
    CHECK(tables[1].left_out == NULL);
    CHECK_TEXT(tables[2].name.space, "sales");
    CHECK_INT(tables[2].updated_ms, 9);
    CHECK(tables[2].left_out == NULL && tables[3].left_out != NULL);
    CHECK_TEXT(tables[4].name.space, "z");
    CHECK(tables[4].left_out != NULL);
    end();
}
