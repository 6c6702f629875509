// SPDX-License-Identifier: Apache-2.0
// Memory under a read-write lock, the file behind one writer at a time. A change goes into memory and into a queue; who
// waits for it first becomes the writer and takes the whole queue into one transaction. Should that fail, memory is
// read from the file anew, and all that waited are told.
#include "engine/state/registry_store.h"

#include "core/base/buf.h"
#include "core/database/database.h"
#include "engine/state/registry_sql.h"

#include <pthread.h>

enum {
    GARBAGE_BYTES_MAX = 8 << 20, // of texts that were removed, in memory
    RESTORE_GAP = 1000000,
    RESTORE_EPOCH_S = 1767225600, // 2026-01-01
};

typedef enum ChangeKind {
    CHANGE_SCHEMA,
    CHANGE_VERSION,
    CHANGE_UNVERSION,
    CHANGE_UNSCHEMA,
    CHANGE_SETTINGS
} ChangeKind;

// What it points to lives in the store's arena, until memory is read anew, which waits for the queue.
typedef struct Change {
    ChangeKind kind;
    int32_t id, version;
    bool deleted;
    Slice subject;
    const KeptSchema *schema;
    Slice level, mode;
    int normalize;
} Change;

struct RegistryStore {
    pthread_rwlock_t lock; // of what is in memory
    Arena arena[1];
    Map by_id, by_fingerprint, by_subject;
    KeptSubject global;
    KeptSubject **order; // subjects by name
    size_t order_count, order_capacity;
    int32_t next_id, max_id;
    size_t garbage;
    uint64_t sequence;    // of the newest change
    uint64_t generations; // given out to subjects
    Buf queue;            // of Change
    _Atomic uint64_t durable;

    pthread_mutex_t commit_lock; // of what follows
    pthread_cond_t committed;
    bool writing;
    uint64_t failures; // how often memory was read anew because a commit had failed
    uint64_t commits, changes;
    Err failure[1]; // of the last of them

    Database *database; // of the writer
    DatabaseStatement *queries[STATEMENTS];
    Buf taken; // the writer's part of the queue
};

// --- memory ----------------------------------------------------------------------------------------------------

static int order_place(const RegistryStore *store, Slice name, size_t *at) {
    size_t low = 0, high = store->order_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_compare(store->order[middle]->name, name);
        if (order == 0) {
            *at = middle;
            return 0;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *at = low;
    return 1;
}

static KeptSubject *subject_of(RegistryStore *store, Slice name) {
    KeptSubject *subject = map_find(&store->by_subject, name);
    if (subject != NULL) {
        return subject;
    }
    subject = ARENA_NEW(store->arena, KeptSubject);
    *subject = (KeptSubject){.name = arena_slice(store->arena, name), .normalize = -1};
    map_put(&store->by_subject, subject->name, subject);
    if (store->order_count == store->order_capacity) {
        size_t capacity = MAX(2 * store->order_capacity, (size_t)64);
        KeptSubject **order = ARENA_ARRAY(store->arena, KeptSubject *, capacity);
        if (store->order_count > 0) {
            memcpy(order, store->order, store->order_count * sizeof(KeptSubject *));
        }
        store->order = order;
        store->order_capacity = capacity;
    }
    size_t at = 0;
    order_place(store, name, &at);
    memmove(store->order + at + 1, store->order + at, (store->order_count - at) * sizeof(KeptSubject *));
    store->order[at] = subject;
    store->order_count++;
    return subject;
}

static KeptSchema *add_schema(RegistryStore *store, const StoreRegistration *what, int32_t id) {
    KeptSchema *schema = ARENA_NEW(store->arena, KeptSchema);
    KeptReference *references = ARENA_ARRAY(store->arena, KeptReference, what->reference_count);
    for (size_t i = 0; i < what->reference_count; i++) {
        references[i] =
            (KeptReference){arena_slice(store->arena, what->references[i].name),
                            arena_slice(store->arena, what->references[i].subject), what->references[i].version};
    }
    *schema = (KeptSchema){.id = id,
                           .type = arena_slice(store->arena, what->type),
                           .text = arena_slice(store->arena, what->text),
                           .references = references,
                           .reference_count = what->reference_count};
    memcpy(schema->fingerprint, what->fingerprint, sizeof(schema->fingerprint));
    map_put_u64(&store->by_id, (uint64_t)id, schema);
    Slice fingerprint = {schema->fingerprint, sizeof(schema->fingerprint)};
    if (map_find(&store->by_fingerprint, fingerprint) == NULL) {
        map_put(&store->by_fingerprint, fingerprint, schema);
    }
    store->next_id = MAX(store->next_id, id + 1);
    store->max_id = MAX(store->max_id, id);
    return schema;
}

static KeptVersion *add_version(RegistryStore *store, KeptSubject *subject, KeptSchema *schema, int32_t number) {
    KeptVersion *version = ARENA_NEW(store->arena, KeptVersion);
    *version =
        (KeptVersion){.subject = subject, .schema = schema, .version = number, .next_of_schema = schema->versions};
    schema->versions = version;
    if (subject->count == subject->capacity) {
        size_t capacity = MAX(2 * subject->capacity, (size_t)4);
        KeptVersion **versions = ARENA_ARRAY(store->arena, KeptVersion *, capacity);
        if (subject->count > 0) {
            memcpy(versions, subject->versions, subject->count * sizeof(KeptVersion *));
        }
        subject->versions = versions;
        subject->capacity = capacity;
    }
    size_t at = subject->count;
    while (at > 0 && subject->versions[at - 1]->version > number) {
        subject->versions[at] = subject->versions[at - 1];
        at--;
    }
    subject->versions[at] = version;
    subject->count++;
    return version;
}

static void remove_schema(RegistryStore *store, KeptSchema *schema) {
    Slice fingerprint = {schema->fingerprint, sizeof(schema->fingerprint)};
    map_remove_u64(&store->by_id, (uint64_t)schema->id);
    if (map_find(&store->by_fingerprint, fingerprint) == schema) {
        map_remove(&store->by_fingerprint, fingerprint);
    }
    store->garbage += schema->text.size + sizeof(*schema);
}

// Takes a version out of its subject and schema; true when nobody uses the schema any more.
static bool remove_version(RegistryStore *store, KeptSubject *subject, size_t at) {
    KeptVersion *version = subject->versions[at];
    KeptVersion **link = &version->schema->versions;
    while (*link != version) {
        link = &(*link)->next_of_schema;
    }
    *link = version->next_of_schema;
    subject->count--;
    memmove(subject->versions + at, subject->versions + at + 1, (subject->count - at) * sizeof(KeptVersion *));
    store->garbage += sizeof(*version);
    return version->schema->versions == NULL;
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
        add_schema(store, &what, (int32_t)id);
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
        KeptSubject *subject = subject_of(store, database_text(query, 0));
        add_version(store, subject, schema, (int32_t)database_int(query, 1))->deleted = database_int(query, 3) != 0;
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
        KeptSubject *subject = name.size == 0 ? &store->global : subject_of(store, name);
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

static void forget(RegistryStore *store) {
    map_release(&store->by_id);
    map_release(&store->by_fingerprint);
    map_release(&store->by_subject);
    arena_release(store->arena);
    arena_init(store->arena, "registry", 0);
    store->global = (KeptSubject){.normalize = -1};
    store->order = NULL;
    store->order_count = store->order_capacity = store->garbage = 0;
    store->next_id = 1;
    store->max_id = 0;
}

// Under the write lock, with an empty queue.
static bool load(RegistryStore *store, Err *err) {
    static const char *const READ[] = {
        "SELECT id, type, text, fingerprint FROM schemas ORDER BY id",
        "SELECT name, subject, version FROM schema_references WHERE id = ?1 ORDER BY place",
        "SELECT subject, version, id, deleted FROM versions ORDER BY subject, version",
        "SELECT subject, level, normalize, mode FROM settings",
        "SELECT value FROM counters WHERE name = 'next_id'",
    };
    DatabaseStatement *queries[ARRAY_LEN(READ)] = {0};
    forget(store);
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

bool registry_store_open(const char *path, RegistryStore **store, Err *err) {
    RegistryStore *opened = calloc(1, sizeof(*opened));
    pthread_rwlockattr_t attributes;
    ASSERT(opened != NULL && pthread_rwlockattr_init(&attributes) == 0);
    // Many look-ups must not keep a change waiting.
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    ASSERT(pthread_rwlock_init(&opened->lock, &attributes) == 0);
    pthread_rwlockattr_destroy(&attributes);
    ASSERT(pthread_mutex_init(&opened->commit_lock, NULL) == 0 && pthread_cond_init(&opened->committed, NULL) == 0);
    arena_init(opened->arena, "registry", 0);
    DatabaseOptions options = {.versions = MIGRATIONS, .version_count = ARRAY_LEN(MIGRATIONS), .durable = true};
    bool good = database_open(path, &options, &opened->database, err);
    for (size_t i = 0; i < STATEMENTS && good; i++) {
        good = database_prepare(opened->database, SQL[i], &opened->queries[i], err);
    }
    if (!good || !load(opened, err)) {
        registry_store_close(opened);
        return false;
    }
    *store = opened;
    return true;
}

void registry_store_close(RegistryStore *store) {
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < STATEMENTS; i++) {
        database_finish(store->queries[i]);
    }
    database_close(store->database);
    forget(store);
    arena_release(store->arena);
    buf_release(&store->queue);
    buf_release(&store->taken);
    pthread_rwlock_destroy(&store->lock);
    pthread_mutex_destroy(&store->commit_lock);
    pthread_cond_destroy(&store->committed);
    free(store);
}

bool registry_store_restored(const char *path, int64_t wall_us, int32_t *next_id, Err *err) {
    RegistryStore *store = NULL;
    TRY(registry_store_open(path, &store, err));
    int64_t next = MAX((int64_t)store->next_id + RESTORE_GAP, wall_us / 1000000 - RESTORE_EPOCH_S);
    bool ok = next < INT32_MAX || FAIL(err, ERR_STATE_CORRUPT, "%s: no ids for schemas are left", path);
    if (ok) {
        *next_id = (int32_t)next;
        database_bind_int(store->queries[PUT_COUNTER], 1, next);
        ok = database_execute(store->queries[PUT_COUNTER], err);
    }
    registry_store_close(store);
    return ok;
}

// --- looking -----------------------------------------------------------------------------------------------------

void registry_store_lock(RegistryStore *store) {
    ASSERT(pthread_rwlock_rdlock(&store->lock) == 0);
}

void registry_store_unlock(RegistryStore *store) {
    ASSERT(pthread_rwlock_unlock(&store->lock) == 0);
}

static bool durable(const RegistryStore *store, uint64_t sequence) {
    return sequence <= store->durable;
}

const KeptSchema *registry_store_schema(const RegistryStore *store, int32_t id) {
    const KeptSchema *schema = map_find_u64(&store->by_id, (uint64_t)id);
    return schema != NULL && durable(store, schema->sequence) ? schema : NULL;
}

const KeptSubject *registry_store_subject(const RegistryStore *store, Slice name) {
    return map_find(&store->by_subject, name);
}

const KeptSubject *registry_store_global(const RegistryStore *store) {
    return &store->global;
}

bool registry_store_visible(const RegistryStore *store, const KeptVersion *version) {
    return durable(store, version->sequence);
}

const KeptSubject *registry_store_next(RegistryStore *store, size_t *at) {
    return *at < store->order_count ? store->order[(*at)++] : NULL;
}

const KeptSchema *registry_store_next_schema(const RegistryStore *store, MapEntry **at) {
    do {
        *at = map_next(&store->by_id, *at);
    } while (*at != NULL && !durable(store, ((const KeptSchema *)(*at)->value)->sequence));
    return *at != NULL ? (*at)->value : NULL;
}

int32_t registry_store_max_id(const RegistryStore *store) {
    return store->max_id;
}

StoreCounts registry_store_counts(RegistryStore *store) {
    StoreCounts counts = {0};
    registry_store_lock(store);
    counts.subjects = store->order_count;
    counts.schemas = store->by_id.count;
    registry_store_unlock(store);
    pthread_mutex_lock(&store->commit_lock);
    counts.commits = store->commits;
    counts.changes = store->changes;
    pthread_mutex_unlock(&store->commit_lock);
    return counts;
}

// --- writing the file --------------------------------------------------------------------------------------------

static bool write_schema(RegistryStore *store, const KeptSchema *schema, Err *err) {
    DatabaseStatement *query = store->queries[PUT_SCHEMA];
    database_bind_int(query, 1, schema->id);
    database_bind_text(query, 2, schema->type);
    database_bind_text(query, 3, schema->text);
    char digits[2 * KEPT_FINGERPRINT_BYTES + 1];
    for (size_t i = 0; i < KEPT_FINGERPRINT_BYTES; i++) {
        snprintf(digits + 2 * i, 3, "%02x", schema->fingerprint[i]);
    }
    database_bind_text(query, 4, slice_of(digits));
    TRY(database_execute(query, err));
    query = store->queries[PUT_REFERENCE];
    for (size_t i = 0; i < schema->reference_count; i++) {
        database_bind_int(query, 1, schema->id);
        database_bind_int(query, 2, (int64_t)i);
        database_bind_text(query, 3, schema->references[i].name);
        database_bind_text(query, 4, schema->references[i].subject);
        database_bind_int(query, 5, schema->references[i].version);
        TRY(database_execute(query, err));
    }
    return true;
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

static bool write_change(RegistryStore *store, const Change *change, Err *err) {
    DatabaseStatement *query = NULL;
    switch (change->kind) {
    case CHANGE_SCHEMA:
        return write_schema(store, change->schema, err);
    case CHANGE_SETTINGS:
        return write_settings(store, change, err);
    case CHANGE_VERSION:
        query = store->queries[PUT_VERSION];
        database_bind_text(query, 1, change->subject);
        database_bind_int(query, 2, change->version);
        database_bind_int(query, 3, change->id);
        database_bind_int(query, 4, change->deleted);
        return database_execute(query, err);
    case CHANGE_UNVERSION:
        query = store->queries[REMOVE_VERSION];
        database_bind_text(query, 1, change->subject);
        database_bind_int(query, 2, change->version);
        return database_execute(query, err);
    case CHANGE_UNSCHEMA:
        query = store->queries[REMOVE_SCHEMA];
        database_bind_int(query, 1, change->id);
        return database_execute(query, err);
    }
    UNREACHABLE();
}

static bool write_all(RegistryStore *store, int32_t next_id, Err *err) {
    TRY(database_run(store->database, "BEGIN IMMEDIATE", err));
    for (size_t at = 0; at < store->taken.size; at += sizeof(Change)) {
        Change change;
        memcpy(&change, store->taken.data + at, sizeof(change));
        TRY(write_change(store, &change, err));
    }
    database_bind_int(store->queries[PUT_COUNTER], 1, next_id);
    TRY(database_execute(store->queries[PUT_COUNTER], err));
    return database_run(store->database, "COMMIT", err);
}

// Memory as the file has it. What is queued by now was judged by a memory that was wrong: it fails too.
static uint64_t start_over(RegistryStore *store) {
    Err again[1] = {{0}};
    for (size_t i = 0; i < STATEMENTS; i++) {
        database_reset(store->queries[i]);
    }
    database_rollback(store->database);
    pthread_rwlock_wrlock(&store->lock);
    buf_reset(&store->queue);
    if (!load(store, again)) {
        panic("registry.db can be neither written nor read: %s", again->message);
    }
    uint64_t sequence = store->sequence;
    pthread_rwlock_unlock(&store->lock);
    return sequence;
}

// Under commit_lock, which is let go of meanwhile.
static void write_queue(RegistryStore *store) {
    store->writing = true;
    pthread_mutex_unlock(&store->commit_lock);
    pthread_rwlock_wrlock(&store->lock);
    Buf empty = store->taken;
    store->taken = store->queue;
    store->queue = empty;
    buf_reset(&store->queue);
    uint64_t upto = store->sequence;
    int32_t next_id = store->next_id;
    pthread_rwlock_unlock(&store->lock);
    Err err[1] = {{0}};
    bool good = write_all(store, next_id, err);
    if (good) {
        store->durable = upto;
    } else {
        upto = start_over(store);
    }
    pthread_mutex_lock(&store->commit_lock);
    store->commits++;
    store->changes += store->taken.size / sizeof(Change);
    if (!good) {
        store->failures++; // before anybody takes what was given up for durable
        *store->failure = *err;
        store->durable = upto;
    }
    store->writing = false;
    pthread_cond_broadcast(&store->committed);
}

static uint64_t failures_so_far(RegistryStore *store) {
    pthread_mutex_lock(&store->commit_lock);
    uint64_t failures = store->failures;
    pthread_mutex_unlock(&store->commit_lock);
    return failures;
}

// `failures` is what it was before the change went into the queue.
static bool wait_durable(RegistryStore *store, uint64_t sequence, uint64_t failures, Err *err) {
    pthread_mutex_lock(&store->commit_lock);
    while (store->failures == failures && !durable(store, sequence)) {
        if (store->writing) {
            pthread_cond_wait(&store->committed, &store->commit_lock);
        } else {
            write_queue(store);
        }
    }
    bool good = store->failures == failures;
    if (!good) {
        *err = *store->failure;
    }
    pthread_mutex_unlock(&store->commit_lock);
    return good || err_frame(err, __FILE__, __LINE__);
}

bool registry_store_settle(RegistryStore *store, Err *err) {
    uint64_t failures = failures_so_far(store);
    registry_store_lock(store);
    uint64_t sequence = store->sequence;
    registry_store_unlock(store);
    return wait_durable(store, sequence, failures, err);
}

// --- changing ----------------------------------------------------------------------------------------------------

static void enqueue(RegistryStore *store, const Change *change) {
    buf_bytes(&store->queue, change, sizeof(*change));
}

static void enqueue_version(RegistryStore *store, const KeptVersion *version) {
    enqueue(store, &(Change){.kind = CHANGE_VERSION,
                             .subject = version->subject->name,
                             .version = version->version,
                             .id = version->schema->id,
                             .deleted = version->deleted});
}

static void drop_version(RegistryStore *store, KeptSubject *subject, size_t at) {
    KeptVersion *version = subject->versions[at];
    enqueue(store, &(Change){.kind = CHANGE_UNVERSION, .subject = subject->name, .version = version->version});
    if (remove_version(store, subject, at)) {
        enqueue(store, &(Change){.kind = CHANGE_UNSCHEMA, .id = version->schema->id});
        remove_schema(store, version->schema);
    }
}

static bool referred_to(const RegistryStore *store, Slice subject, int32_t version) {
    for (MapEntry *entry = NULL; (entry = map_next(&store->by_id, entry)) != NULL;) {
        const KeptSchema *schema = entry->value;
        for (size_t i = 0; i < schema->reference_count; i++) {
            if (schema->references[i].version == version && slice_equal(schema->references[i].subject, subject)) {
                return true;
            }
        }
    }
    return false;
}

static KeptVersion *same_version(const KeptSubject *subject, const StoreRegistration *what) {
    for (size_t i = subject->count; i > 0 && what->version == 0; i--) {
        KeptVersion *version = subject->versions[i - 1];
        bool same = memcmp(version->schema->fingerprint, what->fingerprint, KEPT_FINGERPRINT_BYTES) == 0;
        if (same && !version->deleted && (what->id == 0 || what->id == version->schema->id)) {
            return version;
        }
    }
    return NULL;
}

// Under the write lock. NULL: not done, see the outcome.
static KeptVersion *register_version(RegistryStore *store, const StoreRegistration *what, StoreOutcome *outcome) {
    const KeptSubject *known = map_find(&store->by_subject, what->subject);
    *outcome = STORE_STALE;
    if ((known != NULL ? known->generation : 0) != what->generation) {
        return NULL;
    }
    KeptVersion *version = known != NULL ? same_version(known, what) : NULL;
    if (version != NULL) {
        *outcome = STORE_DONE;
        return version;
    }
    Slice fingerprint = {what->fingerprint, KEPT_FINGERPRINT_BYTES};
    KeptSchema *schema =
        what->id > 0 ? map_find_u64(&store->by_id, (uint64_t)what->id) : map_find(&store->by_fingerprint, fingerprint);
    if (schema != NULL && memcmp(schema->fingerprint, what->fingerprint, KEPT_FINGERPRINT_BYTES) != 0) {
        *outcome = STORE_ID_TAKEN;
        return NULL;
    }
    *outcome = STORE_DONE;
    store->sequence++;
    KeptSubject *subject = subject_of(store, what->subject);
    if (schema == NULL) {
        schema = add_schema(store, what, what->id > 0 ? what->id : store->next_id);
        schema->sequence = store->sequence;
        enqueue(store, &(Change){.kind = CHANGE_SCHEMA, .schema = schema});
    }
    int32_t number = what->version > 0    ? what->version
                     : subject->count > 0 ? subject->versions[subject->count - 1]->version + 1
                                          : 1;
    size_t replaced = subject->count;
    for (size_t i = 0; i < subject->count; i++) {
        replaced = subject->versions[i]->version == number ? i : replaced;
    }
    version = add_version(store, subject, schema, number);
    version->sequence = store->sequence;
    if (replaced < subject->count - 1) { // import over a version that is there
        drop_version(store, subject, subject->versions[replaced] == version ? replaced + 1 : replaced);
    }
    for (size_t i = subject->count; i > 0; i--) { // softly deleted ones of this schema are superseded
        KeptVersion *older = subject->versions[i - 1];
        if (older->deleted && older->schema == schema && older->version < number &&
            !referred_to(store, subject->name, older->version)) {
            drop_version(store, subject, i - 1);
        }
    }
    enqueue_version(store, version);
    subject->generation = ++store->generations;
    return version;
}

bool registry_store_register(RegistryStore *store, const StoreRegistration *registration, StoreOutcome *outcome,
                             int32_t *id, int32_t *version, Err *err) {
    uint64_t failures = failures_so_far(store);
    pthread_rwlock_wrlock(&store->lock);
    const KeptVersion *registered = register_version(store, registration, outcome);
    uint64_t sequence = 0;
    if (registered != NULL) {
        *id = registered->schema->id;
        *version = registered->version;
        sequence = registered->sequence;
    }
    pthread_rwlock_unlock(&store->lock);
    return registered == NULL || wait_durable(store, sequence, failures, err);
}

// The texts of what was removed go when they have become many: memory is made anew from the file.
static void collect_garbage(RegistryStore *store) {
    pthread_mutex_lock(&store->commit_lock);
    while (store->writing) {
        pthread_cond_wait(&store->committed, &store->commit_lock);
    }
    pthread_rwlock_wrlock(&store->lock);
    if (store->garbage > GARBAGE_BYTES_MAX && store->queue.size == 0) {
        Err err[1] = {{0}};
        if (!load(store, err)) {
            panic("registry.db cannot be read: %s", err->message);
        }
    }
    pthread_rwlock_unlock(&store->lock);
    pthread_mutex_unlock(&store->commit_lock);
}

bool registry_store_delete(RegistryStore *store, Slice subject, const int32_t *versions, size_t count, bool permanent,
                           uint64_t generation, StoreOutcome *outcome, Err *err) {
    uint64_t failures = failures_so_far(store);
    pthread_rwlock_wrlock(&store->lock);
    KeptSubject *known = map_find(&store->by_subject, subject);
    *outcome = known != NULL && known->generation == generation ? STORE_DONE : STORE_STALE;
    if (*outcome == STORE_DONE) {
        store->sequence++;
        for (size_t v = 0; v < count; v++) {
            for (size_t i = 0; i < known->count; i++) {
                if (known->versions[i]->version != versions[v]) {
                    continue;
                }
                if (permanent) {
                    drop_version(store, known, i);
                } else {
                    known->versions[i]->deleted = true;
                    enqueue_version(store, known->versions[i]);
                }
                break;
            }
        }
        if (permanent && known->count == 0) {
            known->level = known->mode = (Slice){0};
            known->normalize = -1;
            enqueue(store, &(Change){.kind = CHANGE_SETTINGS, .subject = known->name, .normalize = -1});
        }
        known->generation = ++store->generations;
    }
    uint64_t sequence = store->sequence;
    bool garbage = store->garbage > GARBAGE_BYTES_MAX;
    pthread_rwlock_unlock(&store->lock);
    TRY(wait_durable(store, sequence, failures, err));
    if (garbage) {
        collect_garbage(store);
    }
    return true;
}

typedef enum Setting { SET_LEVEL, SET_MODE } Setting;

static bool set(RegistryStore *store, Slice name, Setting which, Slice value, int normalize, Err *err) {
    uint64_t failures = failures_so_far(store);
    pthread_rwlock_wrlock(&store->lock);
    KeptSubject *subject = name.size == 0 ? &store->global : subject_of(store, name);
    Slice kept = value.data != NULL ? arena_slice(store->arena, value) : (Slice){0};
    store->garbage += kept.size;
    if (which == SET_MODE) {
        subject->mode = kept;
    } else {
        subject->level = kept;
        subject->normalize = normalize;
    }
    enqueue(store, &(Change){.kind = CHANGE_SETTINGS,
                             .subject = subject->name,
                             .level = subject->level,
                             .mode = subject->mode,
                             .normalize = subject->normalize});
    uint64_t sequence = ++store->sequence;
    pthread_rwlock_unlock(&store->lock);
    return wait_durable(store, sequence, failures, err);
}

bool registry_store_set_level(RegistryStore *store, Slice subject, Slice level, int normalize, Err *err) {
    return set(store, subject, SET_LEVEL, level, normalize, err);
}

bool registry_store_set_mode(RegistryStore *store, Slice subject, Slice mode, Err *err) {
    return set(store, subject, SET_MODE, mode, -1, err);
}
