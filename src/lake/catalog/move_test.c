// SPDX-License-Identifier: Apache-2.0
#include "lake/catalog/move.c"

#include "core/base/test.h"

// Two catalogs of one table each, in memory. Metadata files are numbers: file N of uuid U follows N - 1.
typedef struct Fake {
    int file; // 0 = no table
    char uuid;
    int lie; // what it says after a registration; 0 = the truth
    bool lost, dropped;
} Fake;

static bool fake_load(void *state, TableName name, Arena *arena, CatalogTable *table, Err *err) {
    const Fake *fake = state;
    if (fake->file == 0) {
        return FAIL(err, ERR_NOT_FOUND, "Table does not exist: n.t");
    }
    table->metadata_file = slice_of(arena_printf(arena, "file:///w/%d.metadata.json", fake->file));
    table->metadata_json = slice_of(arena_printf(
        arena,
        "{\"format-version\":2,\"table-uuid\":\"1111111%c-1111-4111-8111-111111111111\",\"location\":\"file:///w\","
        "\"last-sequence-number\":%d,\"last-updated-ms\":1,\"last-column-id\":1,\"schemas\":[{\"type\":\"struct\","
        "\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":false,\"type\":\"int\"}]}],"
        "\"current-schema-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"default-spec-id\":0,"
        "\"last-partition-id\":999,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],\"default-sort-order-id\":0,"
        "\"metadata-log\":[{\"timestamp-ms\":1,\"metadata-file\":\"file:/w/%d.metadata.json\"}],\"snapshots\":[]}",
        fake->uuid, fake->file, fake->file - 1));
    return true;
}

static bool fake_register(void *state, TableName name, Slice file, bool overwrite, Err *err) {
    Fake *fake = state;
    if (fake->file != 0 && !overwrite) {
        return FAIL(err, ERR_EXISTS, "Table already exists: n.t");
    }
    fake->file = fake->lie != 0 ? fake->lie : file.data[10] - '0';
    fake->uuid = 'a';
    return !fake->lost || FAIL(err, ERR_NET_BUSY, "no answer");
}

static bool fake_space(void *state, Slice space, const Property *properties, size_t count, Err *err) {
    return true;
}

static bool fake_drop(void *state, TableName name, bool purge, Err *err) {
    ((Fake *)state)->dropped = !purge;
    return true;
}

static bool fake_open(const CatalogContext *context, void **state, Err *err) {
    *state = (void *)(uintptr_t)context->options;
    return true;
}

static void fake_close(void *state) {
}

static const CatalogDriver FAKE = {.name = "fake",
                                   .open = fake_open,
                                   .close = fake_close,
                                   .load = fake_load,
                                   .register_table = fake_register,
                                   .space_create = fake_space,
                                   .drop = fake_drop};

static ErrCode move(Fake *from, Fake *to, MoveOutcome *outcome) {
    Err err[1] = {{0}};
    Arena arena[1];
    Catalog *one = NULL, *two = NULL;
    Slice at = {0};
    const TableName name = {SLICE("n"), SLICE("t")};
    arena_init(arena, "test", 0);
    CHECK_OK(catalog_open(&FAKE, &(CatalogContext){.options = from}, &one, err));
    CHECK_OK(catalog_open(&FAKE, &(CatalogContext){.options = to}, &two, err));
    bool good = catalog_move_table(one, two, name, arena, outcome, &at, err);
    ErrCode code = good ? ERR_NONE : err->code;
    if (good) {
        CHECK_OK(catalog_move_finish(one, name, at, err));
        CHECK(from->dropped);
        CHECK_FAILS(catalog_move_finish(one, name, SLICE("file:///w/old"), err), ERR_CHANGED);
    }
    catalog_close(one);
    catalog_close(two);
    arena_release(arena);
    return code;
}

TEST(move_registers_and_compares) {
    MoveOutcome outcome = MOVE_AHEAD;
    Fake to = {0};
    CHECK(move(&(Fake){.file = 3, .uuid = 'a'}, &to, &outcome) == ERR_NONE);
    CHECK(outcome == MOVE_REGISTERED && to.file == 3);
    CHECK(move(&(Fake){.file = 3, .uuid = 'a'}, &to, &outcome) == ERR_NONE);
    CHECK(outcome == MOVE_THERE && to.file == 3);
    to.file = 4; // the pipeline has gone on there
    CHECK(move(&(Fake){.file = 3, .uuid = 'a'}, &to, &outcome) == ERR_NONE);
    CHECK(outcome == MOVE_AHEAD && to.file == 4);
    CHECK(move(&(Fake){.file = 5, .uuid = 'a'}, &to, &outcome) == ERR_NONE); // an earlier try, and commits since
    CHECK(outcome == MOVE_REGISTERED && to.file == 5);
    CHECK(move(&(Fake){0}, &to, &outcome) == ERR_NOT_FOUND);
}

TEST(move_refuses_what_is_another_table) {
    MoveOutcome outcome = MOVE_AHEAD;
    CHECK(move(&(Fake){.file = 3, .uuid = 'a'}, &(Fake){.file = 3, .uuid = 'b'}, &outcome) == ERR_EXISTS);
    CHECK(move(&(Fake){.file = 3, .uuid = 'a'}, &(Fake){.lie = 2}, &outcome) == ERR_CHANGED);
    Fake to = {.lost = true}; // done, but no answer came
    CHECK(move(&(Fake){.file = 3, .uuid = 'a'}, &to, &outcome) == ERR_NONE);
    CHECK(outcome == MOVE_REGISTERED && to.file == 3);
}
