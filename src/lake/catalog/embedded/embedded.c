// SPDX-License-Identifier: Apache-2.0
#include "lake/catalog/embedded/embedded.h"

#include "core/sys/clock.h"
#include "lake/catalog/embedded/state.h"

enum { KEPT_BYTES_MAX = 8 << 20, HELD_BYTES_MAX = 64 << 20, LOAD_TRIES = 16 };

static const char *const VERSIONS[] = {
    "CREATE TABLE namespaces(name TEXT NOT NULL PRIMARY KEY, parent TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX namespaces_by_parent ON namespaces(parent, name);"
    "CREATE TABLE namespace_properties(namespace TEXT NOT NULL REFERENCES namespaces(name) ON DELETE CASCADE,"
    " key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(namespace, key)) WITHOUT ROWID;"
    "CREATE TABLE tables(namespace TEXT NOT NULL REFERENCES namespaces(name), name TEXT NOT NULL,"
    " uuid TEXT NOT NULL, metadata_file TEXT NOT NULL, commits INTEGER NOT NULL, changed_ms INTEGER NOT NULL,"
    " PRIMARY KEY(namespace, name)) WITHOUT ROWID;"
    "CREATE INDEX tables_by_uuid ON tables(uuid);"
    "CREATE TABLE idempotency(key TEXT NOT NULL PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL,"
    " body TEXT NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX idempotency_by_time ON idempotency(expires_ms);",
};

static const char *const QUERY_TEXTS[QUERIES] = {
    [QUERY_SPACE] = "SELECT 1 FROM namespaces WHERE name=?1",
    [QUERY_SPACES] = "SELECT name FROM namespaces WHERE parent=?1 ORDER BY name",
    [QUERY_SPACE_ADD] = "INSERT INTO namespaces(name, parent) VALUES(?1, ?2)",
    [QUERY_SPACE_REMOVE] = "DELETE FROM namespaces WHERE name=?1",
    [QUERY_SPACE_USED] = "SELECT EXISTS(SELECT 1 FROM tables WHERE namespace=?1) OR"
                         " EXISTS(SELECT 1 FROM namespaces WHERE parent=?1)",
    [QUERY_PROPERTIES] = "SELECT key, value FROM namespace_properties WHERE namespace=?1 ORDER BY key",
    [QUERY_PROPERTY_SET] = "INSERT INTO namespace_properties(namespace, key, value) VALUES(?1, ?2, ?3)"
                           " ON CONFLICT(namespace, key) DO UPDATE SET value=excluded.value",
    [QUERY_PROPERTY_REMOVE] = "DELETE FROM namespace_properties WHERE namespace=?1 AND key=?2",
    [QUERY_TABLE] = "SELECT uuid, metadata_file FROM tables WHERE namespace=?1 AND name=?2",
    [QUERY_TABLES] = "SELECT name FROM tables WHERE namespace=?1 ORDER BY name",
    [QUERY_TABLE_ADD] = "INSERT INTO tables(namespace, name, uuid, metadata_file, commits, changed_ms)"
                        " VALUES(?1, ?2, ?3, ?4, 1, ?5)",
    [QUERY_TABLE_MOVE] = "UPDATE tables SET uuid=?3, metadata_file=?4, commits=commits+1, changed_ms=?5"
                         " WHERE namespace=?1 AND name=?2 AND metadata_file=?6",
    [QUERY_TABLE_RENAME] = "UPDATE tables SET namespace=?3, name=?4 WHERE namespace=?1 AND name=?2",
    [QUERY_TABLE_REMOVE] = "DELETE FROM tables WHERE namespace=?1 AND name=?2 AND metadata_file=?3",
    [QUERY_UUID_USED] = "SELECT count(*) FROM tables WHERE uuid=?1",
    [QUERY_KEY] = "SELECT request, status, body FROM idempotency WHERE key=?1 AND expires_ms>?2",
    [QUERY_KEY_ADD] = "INSERT INTO idempotency(key, request, status, body, expires_ms) VALUES(?1, ?2, ?3, ?4, ?5)"
                      " ON CONFLICT(key) DO UPDATE SET request=excluded.request, status=excluded.status,"
                      " body=excluded.body, expires_ms=excluded.expires_ms",
    [QUERY_KEYS_EXPIRE] = "DELETE FROM idempotency WHERE expires_ms<=?1",
};

static int64_t now_ms(void) {
    return clock_wall_us() / 1000;
}

// ---- transactions

DatabaseStatement *embedded_query(Embedded *embedded, EmbeddedQuery which) {
    database_reset(embedded->queries[which]);
    return embedded->queries[which];
}

// Others were at it for longer than one waits: that passes.
static bool busy(Err *err) {
    if (err->code == ERR_LOCKED) {
        err->code = ERR_NET_BUSY;
    }
    return err_frame(err, __FILE__, __LINE__);
}

bool embedded_begin(Embedded *embedded, Err *err) {
    return database_run(embedded->database, "BEGIN IMMEDIATE", err) || busy(err);
}

static bool key_add(Embedded *embedded, const EmbeddedKey *key, Err *err) {
    DatabaseStatement *expire = embedded_query(embedded, QUERY_KEYS_EXPIRE),
                      *add = embedded_query(embedded, QUERY_KEY_ADD);
    database_bind_int(expire, 1, now_ms());
    TRY(database_execute(expire, err));
    database_bind_text(add, 1, key->key);
    database_bind_text(add, 2, key->request);
    database_bind_int(add, 3, key->status);
    database_bind_text(add, 4, key->body.data != NULL ? key->body : SLICE(""));
    database_bind_int(add, 5, now_ms() + EMBEDDED_KEY_MS);
    return database_execute(add, err) || err_frame(err, __FILE__, __LINE__);
}

bool embedded_end(Embedded *embedded, Err *err) {
    const EmbeddedKey *expected = embedded->expected;
    TRY(expected == NULL || key_add(embedded, expected, err));
    TRY(database_run(embedded->database, "COMMIT", err));
    embedded->expected = NULL;
    return true;
}

// A statement that finds something or not.
static bool any_row(DatabaseStatement *statement, bool *any, Err *err) {
    bool good = database_step(statement, any, err);
    database_reset(statement);
    return good || busy(err);
}

bool embedded_space_exists(Embedded *embedded, Slice space, bool *exists, Err *err) {
    DatabaseStatement *find = embedded_query(embedded, QUERY_SPACE);
    database_bind_text(find, 1, space);
    return any_row(find, exists, err);
}

bool embedded_need_space(Embedded *embedded, Slice space, Err *err) {
    bool exists = false;
    TRY(embedded_space_exists(embedded, space, &exists, err));
    return exists || FAIL(err, ERR_NOT_FOUND, "Namespace does not exist: %s", embedded_space_text(space).text);
}

bool embedded_name_check(void *state, TableName name, Err *err) {
    TRY(embedded_part_check(name.table, err));
    return embedded_need_space(state, name.space, err) || err_frame(err, __FILE__, __LINE__);
}

bool embedded_pointer(Embedded *embedded, TableName name, Arena *arena, TablePointer *pointer, Err *err) {
    DatabaseStatement *find = embedded_query(embedded, QUERY_TABLE);
    *pointer = (TablePointer){0};
    database_bind_text(find, 1, name.space);
    database_bind_text(find, 2, name.table);
    bool good = database_step(find, &pointer->found, err);
    if (good && pointer->found) {
        pointer->uuid = arena_slice(arena, database_text(find, 0));
        pointer->file = arena_slice(arena, database_text(find, 1));
    }
    database_reset(find);
    return good || busy(err);
}

// The first column of all rows.
static bool column(DatabaseStatement *statement, Arena *arena, Slice **texts, size_t *count, Err *err) {
    size_t capacity = 0;
    bool row = false;
    *texts = NULL;
    *count = 0;
    for (;;) {
        if (!database_step(statement, &row, err)) {
            return busy(err);
        }
        if (!row) {
            return true;
        }
        if (*count == capacity) {
            capacity = MAX(2 * capacity, (size_t)16);
            Slice *more = ARENA_ARRAY(arena, Slice, capacity);
            if (*count > 0) {
                memcpy(more, *texts, *count * sizeof(Slice));
            }
            *texts = more;
        }
        (*texts)[(*count)++] = arena_slice(arena, database_text(statement, 0));
    }
}

// Runs a change between BEGIN and COMMIT.
bool embedded_change(Embedded *embedded, EmbeddedChange run, void *what, Err *err) {
    TRY(embedded_begin(embedded, err));
    if (run(embedded, what, err) && embedded_end(embedded, err)) {
        return true;
    }
    database_rollback(embedded->database);
    return err_frame(err, __FILE__, __LINE__);
}

// ---- namespaces

typedef struct SpaceChange {
    Slice space, parent;
    const Property *set;
    size_t set_count;
    const Slice *removed;
    size_t removed_count;
} SpaceChange;

static bool set_properties(Embedded *embedded, const SpaceChange *what, Err *err) {
    for (size_t i = 0; i < what->removed_count; i++) {
        DatabaseStatement *remove = embedded_query(embedded, QUERY_PROPERTY_REMOVE);
        database_bind_text(remove, 1, what->space);
        database_bind_text(remove, 2, what->removed[i]);
        TRY(database_execute(remove, err));
    }
    for (size_t i = 0; i < what->set_count; i++) {
        DatabaseStatement *set = embedded_query(embedded, QUERY_PROPERTY_SET);
        database_bind_text(set, 1, what->space);
        database_bind_text(set, 2, what->set[i].key);
        database_bind_text(set, 3, what->set[i].value.data != NULL ? what->set[i].value : SLICE(""));
        TRY(database_execute(set, err));
    }
    return true;
}

static bool space_create_run(Embedded *embedded, void *context, Err *err) {
    const SpaceChange *what = context;
    bool exists = false;
    TRY(embedded_space_exists(embedded, what->space, &exists, err));
    if (exists) {
        return FAIL(err, ERR_EXISTS, "Namespace already exists: %s", embedded_space_text(what->space).text);
    }
    TRY(what->parent.size == 0 || embedded_need_space(embedded, what->parent, err));
    DatabaseStatement *add = embedded_query(embedded, QUERY_SPACE_ADD);
    database_bind_text(add, 1, what->space);
    database_bind_text(add, 2, what->parent);
    TRY(database_execute(add, err));
    return set_properties(embedded, what, err);
}

static bool space_create(void *state, Slice space, const Property *properties, size_t count, Err *err) {
    SpaceChange what = {.space = space, .set = properties, .set_count = count};
    if (!embedded_space_is_fine(space, &what.parent)) {
        return FAIL(err, ERR_VALUE, "Not a name of a namespace: %s", embedded_space_text(space).text);
    }
    return embedded_change(state, space_create_run, &what, err);
}

static bool space_drop_run(Embedded *embedded, void *context, Err *err) {
    const SpaceChange *what = context;
    bool row = false;
    TRY(embedded_need_space(embedded, what->space, err));
    DatabaseStatement *used = embedded_query(embedded, QUERY_SPACE_USED),
                      *remove = embedded_query(embedded, QUERY_SPACE_REMOVE);
    database_bind_text(used, 1, what->space);
    TRY(database_step(used, &row, err));
    bool is_used = database_int(used, 0) != 0;
    database_reset(used);
    if (is_used) {
        return FAIL(err, ERR_CHANGED, "Namespace is not empty: %s", embedded_space_text(what->space).text);
    }
    database_bind_text(remove, 1, what->space);
    return database_execute(remove, err) || err_frame(err, __FILE__, __LINE__);
}

static bool space_drop(void *state, Slice space, Err *err) {
    return embedded_change(state, space_drop_run, &(SpaceChange){.space = space}, err);
}

static bool space_set_run(Embedded *embedded, void *context, Err *err) {
    const SpaceChange *what = context;
    TRY(embedded_need_space(embedded, what->space, err));
    return set_properties(embedded, what, err);
}

static bool space_set(void *state, Slice space, const Property *set, size_t set_count, const Slice *removed,
                      size_t removed_count, Err *err) {
    SpaceChange what = {
        .space = space, .set = set, .set_count = set_count, .removed = removed, .removed_count = removed_count};
    return embedded_change(state, space_set_run, &what, err);
}

static bool spaces(void *state, Slice parent, Arena *arena, Slice **names, size_t *count, Err *err) {
    Embedded *embedded = state;
    TRY(parent.size == 0 || embedded_need_space(embedded, parent, err));
    DatabaseStatement *list = embedded_query(embedded, QUERY_SPACES);
    database_bind_text(list, 1, parent.data != NULL ? parent : SLICE(""));
    return column(list, arena, names, count, err);
}

bool embedded_properties(Embedded *embedded, Slice space, Arena *arena, Property **properties, size_t *count,
                         Err *err) {
    size_t capacity = 0;
    *properties = NULL;
    *count = 0;
    TRY(embedded_need_space(embedded, space, err));
    DatabaseStatement *list = embedded_query(embedded, QUERY_PROPERTIES);
    database_bind_text(list, 1, space);
    for (bool row = false;;) {
        if (!database_step(list, &row, err)) {
            return busy(err);
        }
        if (!row) {
            return true;
        }
        if (*count == capacity) {
            capacity = MAX(2 * capacity, (size_t)16);
            Property *more = ARENA_ARRAY(arena, Property, capacity);
            if (*count > 0) {
                memcpy(more, *properties, *count * sizeof(Property));
            }
            *properties = more;
        }
        (*properties)[(*count)++] = (Property){.key = arena_slice(arena, database_text(list, 0)),
                                               .value = arena_slice(arena, database_text(list, 1))};
    }
}

static bool space_properties(void *state, Slice space, Arena *arena, Property **properties, size_t *count, Err *err) {
    return embedded_properties(state, space, arena, properties, count, err);
}

// ---- tables

static bool tables(void *state, Slice space, Arena *arena, Slice **names, size_t *count, Err *err) {
    Embedded *embedded = state;
    TRY(embedded_need_space(embedded, space, err));
    DatabaseStatement *list = embedded_query(embedded, QUERY_TABLES);
    database_bind_text(list, 1, space);
    return column(list, arena, names, count, err);
}

bool embedded_table_file(void *state, TableName name, Arena *arena, Slice *file, Err *err) {
    TablePointer pointer;
    TRY(embedded_pointer(state, name, arena, &pointer, err));
    *file = pointer.file;
    return pointer.found || embedded_no_table(name, err);
}

static bool table_exists(void *state, TableName name, bool *exists, Err *err) {
    DatabaseStatement *find = embedded_query(state, QUERY_TABLE);
    database_bind_text(find, 1, name.space);
    database_bind_text(find, 2, name.table);
    return any_row(find, exists, err);
}

void embedded_keep(Embedded *embedded, Slice file, Slice json) {
    if (json.size > KEPT_BYTES_MAX / 4 || map_find(&embedded->texts, file) != NULL) {
        return;
    }
    if (embedded->kept.used + json.size > KEPT_BYTES_MAX) {
        map_release(&embedded->texts);
        arena_reset(&embedded->kept);
    }
    Slice *kept = ARENA_NEW(&embedded->kept, Slice);
    *kept = arena_slice(&embedded->kept, json);
    map_put(&embedded->texts, file, kept);
}

const TableMetadata *embedded_held(const Embedded *embedded, Slice file) {
    const MetadataHeld *held = map_find(&embedded->held, file);
    return held != NULL ? metadata_held(held) : NULL;
}

static void held_clear(Embedded *embedded) {
    for (MapEntry *e = NULL; (e = map_next(&embedded->held, e)) != NULL;) {
        metadata_held_release(e->value);
    }
    map_release(&embedded->held);
    embedded->held = (Map){0};
    embedded->held_bytes = 0;
}

void embedded_hold(Embedded *embedded, Slice base, MetadataHeld *made) {
    MetadataHeld *old = base.size > 0 ? map_remove(&embedded->held, base) : NULL;
    embedded->held_bytes += metadata_held_bytes(made);
    embedded->held_bytes -= old != NULL ? metadata_held_bytes(old) : 0;
    metadata_held_release(old);
    map_put(&embedded->held, metadata_held_file(made), made);
}

void embedded_hold_less(Embedded *embedded) {
    if (embedded->held_bytes > HELD_BYTES_MAX) {
        held_clear(embedded);
    }
}

bool embedded_read(Embedded *embedded, Slice file, Arena *arena, Slice *json, Err *err) {
    const Slice *kept = map_find(&embedded->texts, file);
    if (kept != NULL) {
        *json = arena_slice(arena, *kept);
        return true;
    }
    TRY(lake_io_get(embedded->io, file, arena, json, err));
    embedded_keep(embedded, file, *json);
    return true;
}

static bool load(void *state, TableName name, Arena *arena, CatalogTable *table, Err *err) {
    Embedded *embedded = state;
    Slice seen = {0};
    *table = (CatalogTable){0};
    for (int tries = 0; tries < LOAD_TRIES; tries++) {
        TablePointer pointer;
        TRY(embedded_pointer(embedded, name, arena, &pointer, err));
        if (!pointer.found) {
            return embedded_no_table(name, err);
        }
        table->metadata_file = pointer.file;
        if (embedded_read(embedded, pointer.file, arena, &table->metadata_json, err)) {
            return true;
        }
        // Replaced and removed between the two looks; or it is not there at all.
        if (err->code != ERR_NOT_FOUND || slice_equal(seen, pointer.file)) {
            break;
        }
        seen = pointer.file;
        err_clear(err);
    }
    if (err->code == ERR_NOT_FOUND || err->code == ERR_NONE) {
        err_clear(err);
        return FAIL(err, ERR_NOT_FOUND, "Failed to open file: %.*s", SLICE_ARG(table->metadata_file));
    }
    return err_frame(err, __FILE__, __LINE__);
}

static bool atomic(void *state) {
    return true;
}

typedef struct Registration {
    TableName name;
    Slice file, uuid;
    bool overwrite;
} Registration;

static void bind_table(DatabaseStatement *statement, TableName name, Slice uuid, Slice file) {
    database_bind_text(statement, 1, name.space);
    database_bind_text(statement, 2, name.table);
    database_bind_text(statement, 3, uuid);
    database_bind_text(statement, 4, file);
    database_bind_int(statement, 5, now_ms());
}

static bool register_run(Embedded *embedded, void *context, Err *err) {
    const Registration *what = context;
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    TablePointer pointer;
    bool good = embedded_need_space(embedded, what->name.space, err) &&
                embedded_pointer(embedded, what->name, scratch, &pointer, err);
    if (good && pointer.found && !what->overwrite) {
        good = embedded_is_table(what->name, err);
    } else if (good) {
        DatabaseStatement *statement = embedded_query(embedded, pointer.found ? QUERY_TABLE_MOVE : QUERY_TABLE_ADD);
        bind_table(statement, what->name, what->uuid, what->file);
        if (pointer.found) {
            database_bind_text(statement, 6, pointer.file);
        }
        good = database_execute(statement, err);
    }
    arena_release(scratch);
    return good || err_frame(err, __FILE__, __LINE__);
}

static bool register_table(void *state, TableName name, Slice file, bool overwrite, Err *err) {
    Embedded *embedded = state;
    Arena scratch[1];
    TRY(embedded_part_check(name.table, err));
    TRY(embedded_may_lie(state, file, err));
    arena_init(scratch, "scratch", 0);
    Slice json;
    TableMetadata metadata;
    bool good = embedded_need_space(embedded, name.space, err) &&
                lake_io_get(embedded->io, file, scratch, &json, err) &&
                table_metadata_parse(json, scratch, &metadata, err) && embedded_may_lie(state, metadata.location, err);
    Registration what = {.name = name, .file = file, .overwrite = overwrite};
    if (good) {
        what.uuid = metadata.uuid;
        good = embedded_change(embedded, register_run, &what, err);
    }
    arena_release(scratch);
    return good || err_frame(err, __FILE__, __LINE__);
}

typedef struct Renaming {
    TableName from, to;
} Renaming;

static bool rename_run(Embedded *embedded, void *context, Err *err) {
    const Renaming *what = context;
    bool exists = false;
    TRY(table_exists(embedded, what->from, &exists, err));
    if (!exists) {
        return embedded_no_table(what->from, err);
    }
    TRY(embedded_need_space(embedded, what->to.space, err));
    TRY(table_exists(embedded, what->to, &exists, err));
    if (exists) {
        return embedded_is_table(what->to, err);
    }
    DatabaseStatement *rename = embedded_query(embedded, QUERY_TABLE_RENAME);
    database_bind_text(rename, 1, what->from.space);
    database_bind_text(rename, 2, what->from.table);
    database_bind_text(rename, 3, what->to.space);
    database_bind_text(rename, 4, what->to.table);
    return database_execute(rename, err) || err_frame(err, __FILE__, __LINE__);
}

static bool rename_table(void *state, TableName from, TableName to, Err *err) {
    TRY(embedded_part_check(to.table, err));
    return embedded_change(state, rename_run, &(Renaming){from, to}, err);
}

// ---- keys of requests

void embedded_expect(void *state, const EmbeddedKey *key) {
    ((Embedded *)state)->expected = key;
}

static bool remember_run(Embedded *embedded, void *context, Err *err) {
    return key_add(embedded, context, err);
}

bool embedded_remember(void *state, const EmbeddedKey *key, Err *err) {
    EmbeddedKey copy = *key;
    ((Embedded *)state)->expected = NULL;
    return embedded_change(state, remember_run, &copy, err);
}

bool embedded_recall(void *state, EmbeddedKey *key, Arena *arena, bool *found, Err *err) {
    DatabaseStatement *find = embedded_query(state, QUERY_KEY);
    database_bind_text(find, 1, key->key);
    database_bind_int(find, 2, now_ms());
    bool good = database_step(find, found, err);
    if (good && *found) {
        key->request = arena_slice(arena, database_text(find, 0));
        key->status = (int)database_int(find, 1);
        key->body = arena_slice(arena, database_text(find, 2));
    }
    database_reset(find);
    return good || busy(err);
}

// ---- opening

static bool accepts(const char *url) {
    return strstr(url, "://") == NULL;
}

static void close_state(void *state) {
    Embedded *embedded = state;
    for (size_t i = 0; i < QUERIES; i++) {
        database_finish(embedded->queries[i]);
    }
    database_close(embedded->database);
    held_clear(embedded);
    map_release(&embedded->texts);
    arena_release(&embedded->kept);
    arena_release(&embedded->arena);
    free(embedded);
}

static void take_locations(Embedded *embedded, const char *text) {
    size_t count = 0;
    for (const char *at = text; at != NULL && *at != '\0'; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        count++;
    }
    Slice *locations = ARENA_ARRAY(&embedded->arena, Slice, count);
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        const char *comma = strchr(at, ',');
        Slice one = {(const uint8_t *)at, comma != NULL ? (size_t)(comma - at) : strlen(at)};
        locations[i] = arena_slice(&embedded->arena, one);
        at = comma != NULL ? comma + 1 : at + one.size;
    }
    embedded->locations = locations;
    embedded->location_count = count;
}

static bool open_state(const CatalogContext *context, void **state, Err *err) {
    Embedded *embedded = calloc(1, sizeof(*embedded));
    if (embedded == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for a catalog");
    }
    const EmbeddedOptions *options = context->options;
    const DatabaseOptions how = {.versions = VERSIONS, .version_count = ARRAY_LEN(VERSIONS), .durable = true};
    arena_init(&embedded->arena, "run", 0);
    arena_init(&embedded->kept, "run", 0);
    embedded->io = context->io;
    embedded->stop = context->stop;
    Slice warehouse =
        context->warehouse != NULL ? lake_uri_normal(slice_of(context->warehouse), &embedded->arena) : (Slice){0};
    warehouse = warehouse.size > 0 ? warehouse : lake_io_warehouse(context->io);
    while (warehouse.size > 1 && warehouse.data[warehouse.size - 1] == '/') {
        warehouse.size--;
    }
    embedded->warehouse = arena_slice(&embedded->arena, warehouse);
    take_locations(embedded, options != NULL ? options->locations : NULL);
    bool good = database_open(context->url, &how, &embedded->database, err);
    for (size_t i = 0; good && i < QUERIES; i++) {
        good = database_prepare(embedded->database, QUERY_TEXTS[i], &embedded->queries[i], err);
    }
    if (!good) {
        close_state(embedded);
        return busy(err);
    }
    *state = embedded;
    return true;
}

#define AT(field) offsetof(EmbeddedOptions, field)
static const OptionSpec SPECS[] = {
    {"catalog.locations", OPTION_TEXT, 0, AT(locations), "", 0, 0, NULL,
     "Places (URIs, comma-separated) below which tables may lie; empty = anywhere."},
};
#undef AT
static const OptionTable OPTIONS = {"Embedded catalog", SPECS, ARRAY_LEN(SPECS)};

static bool where(void *state, TableName name, Arena *arena, Slice *metadata_file, Err *err) {
    TablePointer pointer;
    TRY(embedded_pointer(state, name, arena, &pointer, err));
    *metadata_file = pointer.file;
    return pointer.found || embedded_no_table(name, err);
}

const CatalogDriver EMBEDDED_CATALOG = {
    .name = "embedded",
    .options = &OPTIONS,
    .accepts = accepts,
    .open = open_state,
    .close = close_state,
    .spaces = spaces,
    .space_create = space_create,
    .space_drop = space_drop,
    .space_properties = space_properties,
    .space_set = space_set,
    .tables = tables,
    .load = load,
    .where = where,
    .commit = embedded_commit,
    .atomic = atomic,
    .register_table = register_table,
    .rename = rename_table,
    .drop = embedded_drop,
};
