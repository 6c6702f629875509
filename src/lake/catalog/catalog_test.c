// SPDX-License-Identifier: Apache-2.0
#include "lake/catalog/catalog.c"

#include "core/base/test.h"

// A catalog of two tables that does as the script says, one letter a commit: 'g' good, 'l' done but the answer is lost,
// 'a' away, 'c' refused; and for a load: it answers unless `deaf` is above 0.
typedef struct Scripted {
    const char *script;
    int commits, loads, deaf, spaces;
    size_t sent; // tables in the newest commit
    bool stands[2];
    Buf said; // names of namespaces that were made
} Scripted;

static Scripted scripted;

static bool scripted_open(const CatalogContext *context, void **state, Err *err) {
    *state = &scripted;
    return true;
}

static void scripted_close(void *state) {
    buf_release(&scripted.said);
}

static bool scripted_commit(void *state, CatalogCommit *commits, size_t count, Arena *arena, Err *err) {
    char what = scripted.script[scripted.commits++];
    scripted.sent = count;
    for (size_t i = 0; i < count; i++) {
        bool first = slice_equal(commits[i].name.table, SLICE("a"));
        bool done = what == 'g' || what == 'l' || (what == 'h' && first);
        scripted.stands[first ? 0 : 1] = scripted.stands[first ? 0 : 1] || done;
    }
    return what == 'g'   ? true
           : what == 'c' ? FAIL(err, ERR_CHANGED, "branch main has moved")
           : what == 'd' ? FAIL(err, ERR_VALUE, "no sense")
                         : FAIL(err, ERR_NET_BUSY, "no answer");
}

static bool scripted_load(void *state, TableName name, Arena *arena, CatalogTable *table, Err *err) {
    scripted.loads++;
    if (scripted.deaf > 0) {
        scripted.deaf--;
        return FAIL(err, ERR_NET_UNREACHABLE, "nobody is there");
    }
    bool is = scripted.stands[slice_equal(name.table, SLICE("a")) ? 0 : 1];
    DEFER(buf_release) Buf json = {0};
    buf_printf(
        &json,
        "{\"format-version\":2,\"table-uuid\":\"11111111-1111-4111-8111-111111111111\",\"location\":\"file:///w\","
        "\"last-sequence-number\":1,\"last-updated-ms\":1,\"last-column-id\":1,\"schemas\":[{\"type\":\"struct\","
        "\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":false,\"type\":\"int\"}]}],"
        "\"current-schema-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"default-spec-id\":0,"
        "\"last-partition-id\":999,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],\"default-sort-order-id\":0,"
        "\"properties\":{\"k\":\"%s\"},\"snapshots\":[%s]}",
        is ? "new" : "old",
        is ? "{\"snapshot-id\":42,\"sequence-number\":1,\"timestamp-ms\":1,\"manifest-list\":\"file:///w/l\","
             "\"summary\":{\"operation\":\"append\"},\"schema-id\":0}"
           : "");
    table->metadata_json = arena_slice(arena, buf_slice(&json));
    table->metadata_file = SLICE("file:///w/metadata/1.json");
    return true;
}

static bool scripted_space(void *state, Slice space, const Property *properties, size_t count, Err *err) {
    buf_put(&scripted.said, space);
    buf_u8(&scripted.said, '|');
    return slice_equal(space, SLICE("a")) ? FAIL(err, ERR_EXISTS, "Namespace already exists: a") : true;
}

static const CatalogDriver SCRIPTED = {.name = "scripted",
                                       .open = scripted_open,
                                       .close = scripted_close,
                                       .commit = scripted_commit,
                                       .load = scripted_load,
                                       .space_create = scripted_space};

static Catalog *begin(const char *script) {
    Err err[1] = {{0}};
    Catalog *catalog = NULL;
    scripted = (Scripted){.script = script};
    CHECK_OK(catalog_open(&SCRIPTED, &(CatalogContext){0}, &catalog, err));
    return catalog;
}

static const Property NEW = {{(const uint8_t *)"k", 1}, {(const uint8_t *)"new", 3}};

static bool commit_two(const char *script, bool snapshot, int deaf, CatalogCommit commits[2], Err *err) {
    static TableUpdate update;
    Arena arena[1];
    arena_init(arena, "scratch", 0);
    update = snapshot ? (TableUpdate){.action = UPDATE_ADD_SNAPSHOT, .snapshot = {.id = 42}}
                      : (TableUpdate){.action = UPDATE_SET_PROPERTIES, .properties = &NEW, .count = 1};
    for (int i = 0; i < 2; i++) {
        commits[i] = (CatalogCommit){.name = {SLICE("n"), i == 0 ? SLICE("a") : SLICE("b")},
                                     .change = {.updates = &update, .update_count = 1}};
    }
    Catalog *catalog = begin(script);
    scripted.deaf = deaf;
    bool good = catalog_commit(catalog, commits, 2, 60000, arena, err);
    catalog_close(catalog);
    arena_release(arena);
    return good;
}

TEST(catalog_commit_is_sent_once) {
    Err err[1] = {{0}};
    CatalogCommit commits[2];
    CHECK_OK(commit_two("g", true, 0, commits, err));
    CHECK_INT(scripted.commits, 1);
    CHECK_INT(scripted.loads, 0);
    CHECK(commits[0].done && commits[1].done);
}

TEST(catalog_commit_finds_out_what_was_done) {
    Err err[1] = {{0}};
    CatalogCommit commits[2];
    CHECK_OK(commit_two("l", true, 0, commits, err));
    CHECK_INT(scripted.commits, 1);
    CHECK_INT(scripted.loads, 2);
    CHECK_OK(commit_two("l", false, 0, commits, err)); // without a snapshot: by the properties
    CHECK_INT(scripted.commits, 1);
}

TEST(catalog_commit_sends_again_what_was_not_done) {
    Err err[1] = {{0}};
    CatalogCommit commits[2];
    CHECK_OK(commit_two("ag", true, 0, commits, err));
    CHECK_INT(scripted.commits, 2);
    CHECK_OK(commit_two("hg", true, 0, commits, err)); // only one of them was
    CHECK_INT(scripted.commits, 2);
    CHECK_INT(scripted.sent, 1);
    CHECK(commits[0].done && commits[1].done);
}

TEST(catalog_commit_is_its_own_conflict) {
    Err err[1] = {{0}};
    CatalogCommit commits[2];
    // Done and lost, nobody answers the question either, sent again: refused, as the branch has moved, by us.
    CHECK_OK(commit_two("lc", true, 1, commits, err));
    CHECK_INT(scripted.commits, 2);
    CHECK(commits[0].done && commits[1].done);
}

TEST(catalog_commit_conflicts) {
    Err err[1] = {{0}};
    CatalogCommit commits[2];
    CHECK_FAILS(commit_two("c", true, 0, commits, err), ERR_CHANGED);
    CHECK_INT(scripted.loads, 0);
    CHECK_FAILS(commit_two("ac", true, 0, commits, err), ERR_CHANGED);
    CHECK(!commits[0].done && !commits[1].done);
    CHECK_FAILS(commit_two("hc", true, 0, commits, err), ERR_CHANGED); // the one that is done stands
    CHECK(commits[0].done && !commits[1].done);
    CHECK_FAILS(commit_two("d", true, 0, commits, err), ERR_VALUE);
}

TEST(catalog_commit_has_patience_as_told) {
    Err err[1] = {{0}};
    Arena arena[1];
    arena_init(arena, "scratch", 0);
    TableUpdate update = {.action = UPDATE_ADD_SNAPSHOT, .snapshot = {.id = 42}};
    CatalogCommit commit = {.name = {SLICE("n"), SLICE("a")}, .change = {.updates = &update, .update_count = 1}};
    Catalog *catalog = begin("aaaaaaaa");
    CHECK_FAILS(catalog_commit(catalog, &commit, 1, 0, arena, err), ERR_NET_BUSY);
    CHECK_INT(scripted.commits, 1);
    catalog_close(catalog);
    arena_release(arena);
}

static bool wait_counted(void *context, const Err *why) {
    CHECK_INT(why->code, ERR_NET_BUSY);
    return ++*(int *)context < 2;
}

TEST(catalog_commit_says_that_it_waits) {
    Err err[1] = {{0}};
    Arena arena[1];
    arena_init(arena, "scratch", 0);
    TableUpdate update = {.action = UPDATE_ADD_SNAPSHOT, .snapshot = {.id = 42}};
    CatalogCommit commit = {.name = {SLICE("n"), SLICE("a")}, .change = {.updates = &update, .update_count = 1}};
    Catalog *catalog = begin("aaaaaaaa");
    int said = 0;
    catalog_on_wait(catalog, wait_counted, &said);
    CHECK_FAILS(catalog_commit(catalog, &commit, 1, -1, arena, err), ERR_NET_BUSY); // no patience any more
    CHECK_INT(said, 2);
    CHECK_INT(scripted.commits, 3); // of the first one nothing is said: mostly the next one does it
    catalog_close(catalog);
    arena_release(arena);
}

TEST(catalog_makes_parents) {
    Err err[1] = {{0}};
    Catalog *catalog = begin("");
    CHECK_OK(catalog_ensure_space(catalog,
                                  SLICE("a\x1f"
                                        "b\x1f"
                                        "c"),
                                  err));
    CHECK_TEXT(buf_slice(&scripted.said), "a|a\x1f"
                                          "b|a\x1f"
                                          "b\x1f"
                                          "c|");
    catalog_close(catalog);
}
