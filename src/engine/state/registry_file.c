// SPDX-License-Identifier: Apache-2.0
// The database: read into memory, and changed as memory was.
#include "engine/state/registry_room.h"
#include "engine/state/registry_sql.h"

static_assert((int)STATEMENTS <= (int)REGISTRY_STATEMENTS_MAX, "room for all statements");

bool registry_file_open(RegistryStore *store, const char *path, Err *err) {
    DatabaseOptions options = {.versions = MIGRATIONS, .version_count = ARRAY_LEN(MIGRATIONS), .durable = true};
    TRY(database_open(path, &options, &store->database, err));
    for (size_t i = 0; i < STATEMENTS; i++) {
        TRY(database_prepare(store->database, SQL[i], &store->queries[i], err));
    }
    return true;
}

void registry_file_close(RegistryStore *store) {
    for (size_t i = 0; i < STATEMENTS; i++) {
        database_finish(store->queries[i]);
    }
    database_close(store->database);
}

// --- reading the file --------------------------------------------------------------------------------------------

static bool load_references(RegistryStore *store, DatabaseStatement *query, int64_t id, StoreRegistration *what,
                            Err *err) {
    KeptReference *references = NULL;
    size_t capacity = 0;
    bool row = false;
    what->reference_count = 0;
    database_bind_int(query, 1, id);
    for (;;) {
        TRY(database_step(query, &row, err));
        if (!row) {
            break;
        }
        if (what->reference_count == capacity) {
            KeptReference *more = ARENA_ARRAY(store->arena, KeptReference, 2 * capacity + 4);
            if (capacity > 0) {
                memcpy(more, references, capacity * sizeof(*more));
            }
            references = more;
            capacity = 2 * capacity + 4;
        }
        references[what->reference_count++] =
            (KeptReference){arena_slice(store->arena, database_text(query, 0)),
                            arena_slice(store->arena, database_text(query, 1)), (int32_t)database_int(query, 2)};
    }
    database_reset(query);
    what->references = references;
    return true;
}

static bool parse_fingerprint(Slice digits, uint8_t *fingerprint) {
    bool good = digits.size == 2 * (size_t)KEPT_FINGERPRINT_BYTES;
    for (size_t i = 0; i < digits.size && good; i++) {
        uint8_t c = digits.data[i];
        uint8_t digit = c >= '0' && c <= '9' ? (uint8_t)(c - '0') : (uint8_t)(c - 'a' + 10);
        good = digit < 16;
        fingerprint[i / 2] = (uint8_t)(fingerprint[i / 2] << 4 | digit);
    }
    return good;
}

static bool load_schemas(RegistryStore *store, DatabaseStatement *query, DatabaseStatement *references, Err *err) {
    for (bool row = true;;) {
        TRY(database_step(query, &row, err));
        if (!row) {
            return true;
        }
        StoreRegistration what = {.type = database_text(query, 1), .text = database_text(query, 2)};
        int64_t id = database_int(query, 0);
        if (id <= 0 || id > INT32_MAX || !parse_fingerprint(database_text(query, 3), what.fingerprint)) {
            return FAIL(err, ERR_STATE_CORRUPT, "registry.db: the schema %" PRId64 " makes no sense", id);
        }
        TRY(load_references(store, references, id, &what, err));
        registry_memory_schema(store, &what, (int32_t)id);
    }
}

static bool load_versions(RegistryStore *store, DatabaseStatement *query, Err *err) {
    for (bool row = true;;) {
        TRY(database_step(query, &row, err));
        if (!row) {
            return true;
        }
        KeptSchema *schema = map_find_u64(&store->by_id, (uint64_t)database_int(query, 2));
        if (schema == NULL) {
            return FAIL(err, ERR_STATE_CORRUPT, "registry.db: a version has no schema");
        }
        KeptSubject *subject = registry_memory_subject(store, database_text(query, 0));
        registry_memory_version(store, subject, schema, (int32_t)database_int(query, 1))->deleted =
            database_int(query, 3) != 0;
        subject->generation = ++store->generations;
    }
}

static bool load_settings(RegistryStore *store, DatabaseStatement *query, Err *err) {
    for (bool row = true;;) {
        TRY(database_step(query, &row, err));
        if (!row) {
            return true;
        }
        Slice name = database_text(query, 0);
        KeptSubject *subject = name.size == 0 ? &store->global : registry_memory_subject(store, name);
        Slice level = database_text(query, 1), mode = database_text(query, 3);
        subject->level = level.data != NULL ? arena_slice(store->arena, level) : (Slice){0};
        subject->mode = mode.data != NULL ? arena_slice(store->arena, mode) : (Slice){0};
        subject->normalize = database_is_null(query, 2) ? -1 : (int)database_int(query, 2);
    }
}

static bool load_counter(RegistryStore *store, DatabaseStatement *query, Err *err) {
    bool row = false;
    TRY(database_step(query, &row, err));
    store->next_id = MAX(store->next_id, row ? (int32_t)database_int(query, 0) : 1);
    return true;
}

// Under the write lock, with an empty queue.
bool registry_file_load(RegistryStore *store, Err *err) {
    static const char *const READ[] = {
        "SELECT id, type, text, fingerprint FROM schemas ORDER BY id",
        "SELECT name, subject, version FROM schema_references WHERE id = ?1 ORDER BY place",
        "SELECT subject, version, id, deleted FROM versions ORDER BY subject, version",
        "SELECT subject, level, normalize, mode FROM settings",
        "SELECT value FROM counters WHERE name = 'next_id'",
    };
    DatabaseStatement *queries[ARRAY_LEN(READ)] = {0};
    registry_memory_forget(store);
    bool good = true;
    for (size_t i = 0; i < ARRAY_LEN(READ) && good; i++) {
        good = database_prepare(store->database, READ[i], &queries[i], err);
    }
    good = good && load_schemas(store, queries[0], queries[1], err) && load_versions(store, queries[2], err) &&
           load_settings(store, queries[3], err) && load_counter(store, queries[4], err);
    for (size_t i = 0; i < ARRAY_LEN(READ); i++) {
        database_finish(queries[i]);
    }
    return good;
}

// --- writing the file --------------------------------------------------------------------------------------------

enum { DIGITS = 2 * KEPT_FINGERPRINT_BYTES + 1 };

static void fingerprint_digits(const uint8_t *fingerprint, char digits[DIGITS]) {
    for (size_t i = 0; i < KEPT_FINGERPRINT_BYTES; i++) {
        snprintf(digits + 2 * i, 3, "%02x", fingerprint[i]);
    }
}

static bool write_schema(RegistryStore *store, int32_t id, const StoreRegistration *schema, Err *err) {
    DatabaseStatement *query = store->queries[PUT_SCHEMA];
    char digits[DIGITS];
    fingerprint_digits(schema->fingerprint, digits);
    database_bind_int(query, 1, id);
    database_bind_text(query, 2, schema->type);
    database_bind_text(query, 3, schema->text);
    database_bind_text(query, 4, slice_of(digits));
    TRY(database_execute(query, err));
    query = store->queries[PUT_REFERENCE];
    for (size_t i = 0; i < schema->reference_count; i++) {
        database_bind_int(query, 1, id);
        database_bind_int(query, 2, (int64_t)i);
        database_bind_text(query, 3, schema->references[i].name);
        database_bind_text(query, 4, schema->references[i].subject);
        database_bind_int(query, 5, schema->references[i].version);
        TRY(database_execute(query, err));
    }
    return true;
}

static bool write_kept(RegistryStore *store, const KeptSchema *schema, Err *err) {
    StoreRegistration what = registry_memory_registration(schema);
    return write_schema(store, schema->id, &what, err);
}

static bool write_settings(RegistryStore *store, const Change *change, Err *err) {
    bool none = change->level.data == NULL && change->mode.data == NULL && change->normalize < 0;
    DatabaseStatement *query = store->queries[none ? REMOVE_SETTINGS : PUT_SETTINGS];
    database_bind_text(query, 1, change->subject.data != NULL ? change->subject : SLICE(""));
    if (!none) {
        database_bind_text(query, 2, change->level);
        if (change->normalize >= 0) {
            database_bind_int(query, 3, change->normalize);
        }
        database_bind_text(query, 4, change->mode);
    }
    return database_execute(query, err);
}

static bool remove_version(RegistryStore *store, Slice subject, int32_t version, Err *err) {
    DatabaseStatement *query = store->queries[REMOVE_VERSION];
    database_bind_text(query, 1, subject);
    database_bind_int(query, 2, version);
    return database_execute(query, err);
}

typedef struct VersionRow {
    Slice subject;
    int32_t version, id;
    bool deleted;
} VersionRow;

static bool write_version(RegistryStore *store, const VersionRow *row, Err *err) {
    DatabaseStatement *query = store->queries[PUT_VERSION];
    database_bind_text(query, 1, row->subject);
    database_bind_int(query, 2, row->version);
    database_bind_int(query, 3, row->id);
    database_bind_int(query, 4, row->deleted);
    return database_execute(query, err);
}

static bool write_change(RegistryStore *store, const Change *change, Err *err) {
    DatabaseStatement *query = NULL;
    switch (change->kind) {
    case CHANGE_SCHEMA:
        return write_kept(store, change->schema, err);
    case CHANGE_SETTINGS:
        return write_settings(store, change, err);
    case CHANGE_VERSION:
        return write_version(store, &(VersionRow){change->subject, change->version, change->id, change->deleted}, err);
    case CHANGE_UNVERSION:
        return remove_version(store, change->subject, change->version, err);
    case CHANGE_NEXT_ID:
        return true;
    case CHANGE_UNSCHEMA:
        query = store->queries[REMOVE_SCHEMA];
        database_bind_int(query, 1, change->id);
        return database_execute(query, err);
    }
    UNREACHABLE();
}

bool registry_file_next_id(RegistryStore *store, int32_t next_id, Err *err) {
    database_bind_int(store->queries[PUT_COUNTER], 1, next_id);
    return database_execute(store->queries[PUT_COUNTER], err);
}

static bool write_all(RegistryStore *store, int32_t next_id, Err *err) {
    TRY(database_run(store->database, "BEGIN IMMEDIATE", err));
    for (size_t at = 0; at < store->taken.size; at += sizeof(Change)) {
        Change change;
        memcpy(&change, store->taken.data + at, sizeof(change));
        TRY(write_change(store, &change, err));
    }
    return registry_file_next_id(store, next_id, err) && database_run(store->database, "COMMIT", err);
}

bool registry_file_write(RegistryStore *store, int32_t next_id, Err *err) {
    bool good = write_all(store, next_id, err);
    if (!good) {
        for (size_t i = 0; i < STATEMENTS; i++) {
            database_reset(store->queries[i]);
        }
        database_rollback(store->database);
    }
    return good;
}

// --- what others have written ------------------------------------------------------------------------------------

// Whether the id is known, and as this schema.
static bool look_up(RegistryStore *store, const RegistryEntry *entry, bool *known, bool *same, Err *err) {
    DatabaseStatement *query = store->queries[FIND_SCHEMA];
    char digits[DIGITS];
    fingerprint_digits(entry->fingerprint, digits);
    database_bind_int(query, 1, entry->id);
    TRY(database_step(query, known, err));
    *same = *known && slice_is(database_text(query, 0), digits);
    database_reset(query);
    return true;
}

static bool take_version(RegistryStore *store, const RegistryEntry *entry, Err *err) {
    bool known = false, same = false;
    TRY(look_up(store, entry, &known, &same, err));
    if (known && !same) { // of versions that were removed, perhaps
        TRY(database_execute(store->queries[REMOVE_UNUSED], err) && look_up(store, entry, &known, &same, err));
    }
    if (known && !same) {
        return FAIL(err, ERR_STATE_CORRUPT, "the schemas of subject %.*s, version %d, and of others have one id: %d",
                    SLICE_ARG(entry->subject), entry->version, entry->id);
    }
    if (!known) {
        StoreRegistration what = {.type = entry->type,
                                  .text = entry->text,
                                  .references = entry->references,
                                  .reference_count = entry->reference_count};
        memcpy(what.fingerprint, entry->fingerprint, sizeof(what.fingerprint));
        TRY(write_schema(store, entry->id, &what, err));
    }
    TRY(write_version(store, &(VersionRow){entry->subject, entry->version, entry->id, entry->deleted}, err));
    database_bind_int(store->queries[RAISE_COUNTER], 1, entry->id + 1);
    return database_execute(store->queries[RAISE_COUNTER], err);
}

bool registry_file_take(RegistryStore *store, const RegistryEntry *entry, Err *err) {
    DatabaseStatement *query = NULL;
    switch (entry->kind) {
    case ENTRY_VERSION:
        return take_version(store, entry, err);
    case ENTRY_UNVERSION:
        return remove_version(store, entry->subject, entry->version, err) &&
               database_execute(store->queries[REMOVE_UNUSED], err);
    case ENTRY_DELETED:
        query = store->queries[DELETE_SOFTLY];
        database_bind_text(query, 1, entry->subject);
        database_bind_int(query, 2, entry->version);
        return database_execute(query, err);
    case ENTRY_LEVEL:
    case ENTRY_MODE:
        query = store->queries[entry->kind == ENTRY_LEVEL ? PUT_LEVEL : PUT_MODE];
        database_bind_text(query, 1, entry->subject.data != NULL ? entry->subject : SLICE(""));
        database_bind_text(query, 2, entry->setting);
        if (entry->kind == ENTRY_LEVEL && entry->normalize >= 0) {
            database_bind_int(query, 3, entry->normalize);
        }
        return database_execute(query, err) && database_execute(store->queries[REMOVE_EMPTY_SETTINGS], err);
    case ENTRY_NEXT_ID:
        database_bind_int(store->queries[RAISE_COUNTER], 1, entry->id);
        return database_execute(store->queries[RAISE_COUNTER], err);
    }
    UNREACHABLE();
}
