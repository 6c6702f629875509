// SPDX-License-Identifier: Apache-2.0
// What every catalog driver must do, through lake/catalog/catalog.h alone. A new driver passes this list as it is:
// LEAT_CATALOG_URL names a catalog (one that others use too: every test has a namespace of its own); without it, the
// embedded one in a fresh directory. LEAT_CATALOG_PLAIN=1: its server takes no encoded slashes and per cents in paths.
#include "core/base/test.h"
#include "core/sys/file.h"
#include "lake/catalog/catalog.h"
#include "lake/catalog/embedded/embedded.h"
#include "lake/catalog/rest/rest.h"
#include "lake/iceberg/commit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static const CatalogDriver *const DRIVERS[] = {&EMBEDDED_CATALOG, &REST_CATALOG};

static char place[64];
static Arena arena[1];
static Err err[1];

typedef struct Texts {
    char file[128], warehouse[128], staging[128], owner[64];
} Texts;

typedef struct Seat {
    LakeIo *io;
    Catalog *catalog;
    const CatalogDriver *driver;
    void *state;
    Texts *texts; // what its LakeIo borrows
} Seat;
static Seat seat;
static Slice space; // of this test

static Seat seat_open(void) {
    static _Atomic int seats;
    Seat opened = {.texts = calloc(1, sizeof(Texts))};
    CHECK(opened.texts != NULL);
    const char *url = getenv("LEAT_CATALOG_URL");
    Texts *texts = opened.texts;
    int number = atomic_fetch_add(&seats, 1);
    snprintf(texts->file, sizeof(texts->file), "%s/catalog.db", place);
    snprintf(texts->warehouse, sizeof(texts->warehouse), "%s/warehouse", place);
    snprintf(texts->owner, sizeof(texts->owner), "conformance-%d", number);
    snprintf(texts->staging, sizeof(texts->staging), "%s/staging/%d", place, number);
    url = url != NULL ? url : texts->file;
    CHECK_OK(file_make_directories(texts->warehouse, err));
    const LakeIoContext how = {
        .warehouse = texts->warehouse, .owner = texts->owner, .staging_directory = texts->staging};
    CHECK_OK(lake_io_open(&how, &opened.io, err));
    for (size_t i = 0; i < ARRAY_LEN(DRIVERS) && opened.driver == NULL; i++) {
        opened.driver = DRIVERS[i]->accepts(url) ? DRIVERS[i] : NULL;
    }
    CHECK(opened.driver != NULL);
    CHECK_OK(catalog_open(opened.driver, &(CatalogContext){.url = url, .io = opened.io}, &opened.catalog, err));
    opened.state = catalog_state(opened.catalog);
    return opened;
}

static void seat_close(Seat *opened) {
    catalog_close(opened->catalog);
    lake_io_close(opened->io);
    free(opened->texts);
}

static void begin(const char *name) {
    snprintf(place, sizeof(place), "/tmp/leat-catalog-XXXXXX");
    CHECK(mkdtemp(place) != NULL);
    arena_init(arena, "run", 0);
    seat = seat_open();
    space = slice_of(arena_printf(arena, "%s_%d", name, (int)getpid()));
    CHECK_OK(seat.driver->space_create(seat.state, space, NULL, 0, err));
}

static void end(void) {
    seat_close(&seat);
    arena_release(arena);
    CHECK_OK(file_remove_tree(place, err));
}

// --- small helpers ---------------------------------------------------------------------------------------------

static TableName named(const char *table) {
    return (TableName){.space = space, .table = slice_of(table)};
}

static TableSchema schema_of(int columns) {
    static ShapeField fields[4];
    static Shape shape;
    for (int i = 0; i < columns; i++) {
        fields[i] = (ShapeField){.name = slice_of(arena_printf(arena, "c%d", i)),
                                 .shape = {.kind = SHAPE_INT64, .optional = i > 0, .id = i + 1}};
    }
    shape = (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = (uint32_t)columns};
    return (TableSchema){.shape = &shape};
}

static const TableRequirement CREATE = {.kind = REQUIRE_CREATE};

static bool create(const char *table, CatalogTable *after) {
    TableUpdate updates[] = {{.action = UPDATE_ASSIGN_UUID, .text = embedded_uuid(arena)},
                             {.action = UPDATE_UPGRADE_FORMAT_VERSION, .id = 2},
                             {.action = UPDATE_ADD_SCHEMA, .schema = schema_of(2)},
                             {.action = UPDATE_SET_CURRENT_SCHEMA, .id = -1},
                             {.action = UPDATE_ADD_SPEC},
                             {.action = UPDATE_SET_DEFAULT_SPEC, .id = -1},
                             {.action = UPDATE_ADD_SORT_ORDER},
                             {.action = UPDATE_SET_DEFAULT_SORT_ORDER, .id = -1}};
    CatalogCommit commit = {
        .name = named(table),
        .change = {
            .requirements = &CREATE, .requirement_count = 1, .updates = updates, .update_count = ARRAY_LEN(updates)}};
    bool good = catalog_commit(seat.catalog, &commit, 1, 10000, arena, err);
    if (good && after != NULL) {
        *after = commit.after;
    }
    return good;
}

static TableMetadata metadata_of(const Seat *at, TableName name, CatalogTable *table) {
    TableMetadata metadata;
    CatalogTable own;
    table = table != NULL ? table : &own;
    CHECK_OK(catalog_load(at->catalog, name, arena, table, err));
    CHECK_OK(table_metadata_parse(table->metadata_json, arena, &metadata, err));
    return metadata;
}

// A change that sets one property, whatever else has happened.
typedef struct Setting {
    Property property;
    TableUpdate update;
    TableRequirement requirement;
    CatalogCommit commit;
} Setting;

static CatalogCommit *setting_of(Setting *setting, TableName name, Slice uuid, const char *key, const char *value) {
    setting->property = (Property){slice_of(key), slice_of(value)};
    setting->update = (TableUpdate){.action = UPDATE_SET_PROPERTIES, .properties = &setting->property, .count = 1};
    setting->requirement = (TableRequirement){.kind = REQUIRE_UUID, .text = uuid};
    setting->commit = (CatalogCommit){.name = name,
                                      .change = {.requirements = &setting->requirement,
                                                 .requirement_count = 1,
                                                 .updates = &setting->update,
                                                 .update_count = 1}};
    return &setting->commit;
}

static bool text_is(Slice text, const char *want) {
    return slice_equal(text, slice_of(want));
}

// --- namespaces ------------------------------------------------------------------------------------------------

TEST(catalog_namespaces_have_properties) {
    begin("properties");
    Property *properties;
    size_t count;
    const Property two[] = {{SLICE("owner"), SLICE("käthe \"k\"")}, {SLICE("empty"), SLICE("")}};
    CHECK_OK(seat.driver->space_set(seat.state, space, two, 2, &(Slice){SLICE("absent").data, 6}, 1, err));
    CHECK_OK(seat.driver->space_properties(seat.state, space, arena, &properties, &count, err));
    bool owner = false, empty = false;
    for (size_t i = 0; i < count; i++) {
        owner = owner || (text_is(properties[i].key, "owner") && text_is(properties[i].value, "käthe \"k\""));
        empty = empty || (text_is(properties[i].key, "empty") && properties[i].value.size == 0);
    }
    CHECK(owner && empty);
    Slice gone = SLICE("empty");
    CHECK_OK(seat.driver->space_set(seat.state, space, NULL, 0, &gone, 1, err));
    CHECK_OK(seat.driver->space_properties(seat.state, space, arena, &properties, &count, err));
    for (size_t i = 0; i < count; i++) {
        CHECK(!text_is(properties[i].key, "empty"));
    }
    end();
}

TEST(catalog_namespaces_nest) {
    begin("nest");
    Slice child = slice_of(arena_printf(arena, "%.*s\x1finner", SLICE_ARG(space))), *names;
    Slice deep = slice_of(arena_printf(arena,
                                       "%.*s\x1fmore\x1f"
                                       "deep",
                                       SLICE_ARG(space)));
    size_t count;
    CHECK_OK(seat.driver->space_create(seat.state, child, NULL, 0, err));
    CHECK_FAILS(seat.driver->space_create(seat.state, child, NULL, 0, err), ERR_EXISTS);
    CHECK_OK(catalog_ensure_space(seat.catalog, deep, err));
    CHECK_OK(catalog_ensure_space(seat.catalog, deep, err));
    CHECK_OK(seat.driver->spaces(seat.state, space, arena, &names, &count, err));
    CHECK_INT(count, 2);
    CHECK(slice_equal(names[0], child));
    CHECK_OK(seat.driver->spaces(seat.state, (Slice){0}, arena, &names, &count, err));
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        found = found || slice_equal(names[i], space);
        CHECK(memchr(names[i].data, 0x1f, names[i].size) == NULL);
    }
    CHECK(found);
    CHECK_FAILS(seat.driver->space_drop(seat.state, space, err), ERR_CHANGED);
    CHECK_OK(seat.driver->space_drop(seat.state, child, err));
    CHECK_FAILS(seat.driver->space_drop(seat.state, child, err), ERR_NOT_FOUND);
    end();
}

TEST(catalog_absent_namespaces) {
    begin("absent");
    Slice absent = SLICE("no_such_namespace"), *names;
    Property *properties;
    size_t count;
    CHECK(!seat.driver->space_properties(seat.state, absent, arena, &properties, &count, err));
    CHECK(strstr(err->message, "Namespace does not exist: no_such_namespace") != NULL);
    CHECK_INT(err->code, ERR_NOT_FOUND);
    err_clear(err);
    CHECK_FAILS(seat.driver->tables(seat.state, absent, arena, &names, &count, err), ERR_NOT_FOUND);
    CHECK_FAILS(seat.driver->space_set(seat.state, absent, NULL, 0, NULL, 0, err), ERR_NOT_FOUND);
    space = absent;
    CHECK(!create("t", NULL));
    CHECK(strstr(err->message, "Namespace does not exist") != NULL);
    CHECK_INT(err->code, ERR_NOT_FOUND);
    err_clear(err);
    end();
}

// --- tables ----------------------------------------------------------------------------------------------------

TEST(catalog_tables_are_made_once) {
    begin("made");
    CatalogTable made, table;
    Slice *names;
    size_t count;
    CHECK_OK(create("orders", &made));
    CHECK_FAILS(create("orders", NULL), ERR_CHANGED);
    TableMetadata metadata = metadata_of(&seat, named("orders"), &table);
    CHECK(made.metadata_file.size == 0 || slice_equal(made.metadata_file, table.metadata_file));
    CHECK_INT(metadata.format_version, 2);
    CHECK_INT(table_schema_current(&metadata)->shape->field_count, 2);
    CHECK_INT(metadata.current_snapshot_id, -1);
    CHECK(metadata.location.size > 0);
    CHECK_OK(create("customers", NULL));
    CHECK_OK(seat.driver->tables(seat.state, space, arena, &names, &count, err));
    CHECK_INT(count, 2);
    CHECK_FAILS(seat.driver->space_drop(seat.state, space, err), ERR_CHANGED);
    CHECK(!catalog_load(seat.catalog, named("nothing"), arena, &table, err));
    CHECK(strstr(err->message, "Table does not exist: ") != NULL);
    CHECK_INT(err->code, ERR_NOT_FOUND);
    err_clear(err);
    end();
}

TEST(catalog_odd_names) {
    begin("odd");
    static const char *const NAMES[] = {"..a",   "with blank",  "Täble", "CASE", "case",
                                        "a.b.c", "a+b?c=d&e#f", "a/b",   "100%"};
    CatalogTable table;
    size_t named_count = ARRAY_LEN(NAMES) - (getenv("LEAT_CATALOG_PLAIN") != NULL ? 2 : 0);
    for (size_t i = 0; i < named_count; i++) {
        CHECK_OK(create(NAMES[i], NULL));
    }
    for (size_t i = 0; i < named_count; i++) {
        TableMetadata metadata = metadata_of(&seat, named(NAMES[i]), &table);
        CHECK(memmem(metadata.location.data, metadata.location.size, "/../", 4) == NULL);
    }
    Slice *names;
    size_t count;
    CHECK_OK(seat.driver->tables(seat.state, space, arena, &names, &count, err));
    CHECK_INT(count, named_count);
    CHECK_FAILS(create("", NULL), ERR_VALUE);
    CHECK_FAILS(create("..", NULL), ERR_VALUE);
    end();
}

static CatalogCommit snapshot_of(TableName name, const TableMetadata *base, int64_t id, TableUpdate updates[2],
                                 TableRequirement requirements[2]) {
    updates[0] = (TableUpdate){.action = UPDATE_ADD_SNAPSHOT,
                               .snapshot = {.id = id,
                                            .parent_id = base->current_snapshot_id,
                                            .sequence_number = base->last_sequence_number + 1,
                                            .timestamp_ms = base->last_updated_ms,
                                            .manifest_list = SLICE("file:///nowhere/list.avro"),
                                            .schema_id = 0,
                                            .first_row_id = -1,
                                            .added_rows = -1}};
    Property *summary = ARENA_NEW(arena, Property);
    *summary = (Property){slice_of("operation"), slice_of("append")};
    updates[0].snapshot.summary = summary;
    updates[0].snapshot.summary_count = 1;
    updates[1] = (TableUpdate){.action = UPDATE_SET_SNAPSHOT_REF,
                               .text = SLICE("main"),
                               .ref = {.name = SLICE("main"),
                                       .snapshot_id = id,
                                       .min_snapshots = -1,
                                       .max_snapshot_age_ms = -1,
                                       .max_ref_age_ms = -1}};
    requirements[0] = (TableRequirement){.kind = REQUIRE_UUID, .text = base->uuid};
    requirements[1] =
        (TableRequirement){.kind = REQUIRE_REF_SNAPSHOT, .text = SLICE("main"), .id = base->current_snapshot_id};
    return (CatalogCommit){.name = name, .change = {requirements, 2, updates, 2}};
}

TEST(catalog_commits_stand_upon_requirements) {
    begin("commit");
    CatalogTable before, after;
    TableUpdate updates[2];
    TableRequirement requirements[2];
    CHECK_OK(create("t", NULL));
    TableMetadata base = metadata_of(&seat, named("t"), &before);
    CatalogCommit commit = snapshot_of(named("t"), &base, 4711, updates, requirements);
    CHECK_OK(catalog_commit(seat.catalog, &commit, 1, 10000, arena, err));
    CHECK(commit.done);
    TableMetadata metadata = metadata_of(&seat, named("t"), &after);
    CHECK_INT(metadata.current_snapshot_id, 4711);
    CHECK_INT(metadata.metadata_log_count, 1);
    CHECK(slice_equal(metadata.metadata_log[0].file, before.metadata_file));
    CHECK(!slice_equal(before.metadata_file, after.metadata_file));
    // Upon the same base again: the branch has moved.
    commit = snapshot_of(named("t"), &base, 4712, updates, requirements);
    CHECK_FAILS(catalog_commit(seat.catalog, &commit, 1, 10000, arena, err), ERR_CHANGED);
    CHECK(!commit.done);
    CHECK_INT(metadata_of(&seat, named("t"), NULL).snapshot_count, 1);
    commit = snapshot_of(named("none"), &base, 4713, updates, requirements);
    CHECK_FAILS(catalog_commit(seat.catalog, &commit, 1, 10000, arena, err), ERR_NOT_FOUND);
    end();
}

TEST(catalog_many_tables_at_once) {
    begin("many");
    Setting settings[3];
    CatalogCommit commits[3];
    static const char *const NAMES[] = {"a", "b", "c"};
    CatalogTable before[3], after;
    if (seat.driver->atomic(seat.state)) {
        for (int i = 0; i < 3; i++) {
            CHECK_OK(create(NAMES[i], NULL));
            TableMetadata metadata = metadata_of(&seat, named(NAMES[i]), &before[i]);
            commits[i] = *setting_of(&settings[i], named(NAMES[i]), metadata.uuid, "round", "1");
        }
        settings[2].requirement.text = SLICE("11111111-1111-4111-8111-111111111111");
        CHECK_FAILS(catalog_commit(seat.catalog, commits, 3, 10000, arena, err), ERR_CHANGED);
        for (int i = 0; i < 3; i++) {
            metadata_of(&seat, named(NAMES[i]), &after);
            CHECK(slice_equal(after.metadata_file, before[i].metadata_file));
            CHECK(!commits[i].done);
        }
        CHECK_OK(catalog_commit(seat.catalog, commits, 2, 10000, arena, err));
        for (int i = 0; i < 2; i++) {
            TableMetadata metadata = metadata_of(&seat, named(NAMES[i]), NULL);
            CHECK(text_is(table_property(&metadata, "round"), "1"));
        }
    }
    end();
}

TEST(catalog_renames_and_drops) {
    begin("rename");
    CatalogTable before, after;
    CHECK_OK(create("old", NULL));
    CHECK_OK(create("other", NULL));
    metadata_of(&seat, named("old"), &before);
    CHECK_FAILS(seat.driver->rename(seat.state, named("old"), named("other"), err), ERR_EXISTS);
    CHECK_FAILS(seat.driver->rename(seat.state, named("none"), named("new"), err), ERR_NOT_FOUND);
    CHECK_FAILS(
        seat.driver->rename(seat.state, named("old"), (TableName){SLICE("no_such_namespace"), SLICE("new")}, err),
        ERR_NOT_FOUND);
    CHECK_OK(seat.driver->rename(seat.state, named("old"), named("new"), err));
    metadata_of(&seat, named("new"), &after);
    CHECK(slice_equal(before.metadata_file, after.metadata_file));
    CHECK_FAILS(catalog_load(seat.catalog, named("old"), arena, &after, err), ERR_NOT_FOUND);
    CHECK_OK(seat.driver->drop(seat.state, named("new"), false, err));
    CHECK_FAILS(seat.driver->drop(seat.state, named("new"), false, err), ERR_NOT_FOUND);
    // The files stay, and can be registered again.
    CHECK_OK(seat.driver->register_table(seat.state, named("back"), before.metadata_file, false, err));
    CHECK_FAILS(seat.driver->register_table(seat.state, named("other"), before.metadata_file, false, err), ERR_EXISTS);
    if (seat.driver->register_table(seat.state, named("other"), before.metadata_file, true, err)) {
        CHECK(slice_equal(metadata_of(&seat, named("back"), NULL).uuid, metadata_of(&seat, named("other"), NULL).uuid));
    } else { // a catalog need not offer that
        CHECK_INT(err->code, ERR_NET_SETUP);
        err_clear(err);
    }
    CHECK_OK(seat.driver->drop(seat.state, named("back"), false, err));
    CHECK_OK(seat.driver->drop(seat.state, named("other"), false, err));
    CHECK_OK(seat.driver->space_drop(seat.state, space, err));
    end();
}

// --- side by side ----------------------------------------------------------------------------------------------

enum { WRITERS = 4, ROUNDS = 8 };

// Each writer has a catalog of its own, and sets properties that nobody else sets: none may be lost.
static void *write_some(void *context) {
    int number = *(int *)context;
    Seat own = seat_open();
    Arena scratch[1];
    arena_init(scratch, "run", 0);
    for (int i = 0; i < ROUNDS; i++) {
        Err failure[1] = {{0}};
        CatalogTable table;
        TableMetadata metadata;
        Setting setting;
        if (!catalog_load(own.catalog, named("t"), scratch, &table, failure) ||
            !table_metadata_parse(table.metadata_json, scratch, &metadata, failure) ||
            !catalog_commit(
                own.catalog,
                setting_of(&setting, named("t"), metadata.uuid, arena_printf(scratch, "w%d.%d", number, i), "x"), 1,
                60000, scratch, failure)) {
            test_fail(__FILE__, __LINE__, "writer %d: %s", number, failure->message);
        }
    }
    arena_release(scratch);
    seat_close(&own);
    return NULL;
}

TEST(catalog_writers_lose_nothing) {
    begin("writers");
    pthread_t threads[WRITERS];
    int numbers[WRITERS];
    CHECK_OK(create("t", NULL));
    for (int i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, write_some, &numbers[i]) == 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    TableMetadata metadata = metadata_of(&seat, named("t"), NULL);
    for (int i = 0; i < WRITERS * ROUNDS; i++) {
        CHECK(text_is(table_property(&metadata, arena_printf(arena, "w%d.%d", i % WRITERS, i / WRITERS)), "x"));
    }
    CHECK_INT(metadata.metadata_log_count, WRITERS * ROUNDS);
    end();
}

// Processes that all find no database yet.
TEST(catalog_is_opened_first_by_many) {
    begin("first");
    char file[160];
    pid_t children[8];
    snprintf(file, sizeof(file), "%s/fresh.db", place);
    for (size_t i = 0; i < ARRAY_LEN(children) && getenv("LEAT_CATALOG_URL") == NULL; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            Catalog *catalog = NULL;
            CHECK_OK(catalog_open(&EMBEDDED_CATALOG, &(CatalogContext){.url = file, .io = seat.io}, &catalog, err));
            Slice name = slice_of(arena_printf(arena, "s%zu", i));
            CHECK_OK(catalog_driver(catalog)->space_create(catalog_state(catalog), name, NULL, 0, err));
            catalog_close(catalog);
            _exit(0);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(children) && getenv("LEAT_CATALOG_URL") == NULL; i++) {
        int status = 1;
        CHECK(waitpid(children[i], &status, 0) == children[i]);
        CHECK_INT(status, 0);
    }
    end();
}
