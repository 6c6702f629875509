// SPDX-License-Identifier: Apache-2.0
// Memory under a read-write lock, the file behind one writer at a time. A change goes into memory and into a queue; who
// waits for it first becomes the writer and takes the whole queue into one transaction. Should that fail, memory is
// read from the file anew, and all that waited are told. The same when others have changed a log that is shared.
#include "engine/state/registry_room.h"

enum {
    GARBAGE_BYTES_MAX = 8 << 20, // of texts that were removed, in memory
    RESTORE_GAP = 1000000,
    RESTORE_EPOCH_S = 1767225600, // 2026-01-01
};

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
    if (!registry_file_open(opened, path, err) || !registry_file_load(opened, err)) {
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
    registry_shared_close(store);
    registry_file_close(store);
    registry_memory_forget(store);
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
        ok = registry_file_next_id(store, *next_id, err);
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

// --- writing -----------------------------------------------------------------------------------------------------

// Memory as the file has it. What is queued by now was judged by a memory that was wrong: it fails too.
static uint64_t start_over(RegistryStore *store) {
    Err again[1] = {{0}};
    pthread_rwlock_wrlock(&store->lock);
    buf_reset(&store->queue);
    if (!registry_file_load(store, again)) {
        panic("registry.db can be neither written nor read: %s", again->message);
    }
    uint64_t sequence = store->sequence;
    pthread_rwlock_unlock(&store->lock);
    return sequence;
}

// Into the log, where there is one, then into the database.
static bool write_taken(RegistryStore *store, int32_t next_id, bool *behind, Err *err) {
    *behind = false;
    if (store->shared == NULL) {
        return registry_file_write(store, next_id, err);
    }
    TRY(registry_shared_append(store, next_id, behind, err));
    if (!*behind && !registry_file_write(store, next_id, err)) {
        panic("the registry cannot keep in memory what is in its log: %s", err->message);
    }
    return !*behind;
}

// Under commit_lock, as the writer, who was one for `why` (code ERR_NONE: for others' changes).
static void failed(RegistryStore *store, uint64_t upto, const Err *why) {
    store->failures++; // before anybody takes what was given up for durable
    *store->failure = *why;
    store->behind = why->code == ERR_NONE;
    store->kept = store->durable;
    store->durable = upto;
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
    bool behind = false;
    bool good = write_taken(store, next_id, &behind, err);
    if (good) {
        store->durable = upto;
    } else {
        upto = start_over(store);
    }
    pthread_mutex_lock(&store->commit_lock);
    store->commits++;
    store->changes += store->taken.size / sizeof(Change);
    if (!good) {
        failed(store, upto, err);
    }
    store->writing = false;
    pthread_cond_broadcast(&store->committed);
}

void registry_store_begin(RegistryStore *store) {
    pthread_mutex_lock(&store->commit_lock);
    while (store->writing) {
        pthread_cond_wait(&store->committed, &store->commit_lock);
    }
    store->writing = true;
    pthread_mutex_unlock(&store->commit_lock);
}

void registry_store_end(RegistryStore *store, bool behind) {
    static const Err NONE = {0};
    uint64_t upto = behind ? start_over(store) : 0;
    pthread_mutex_lock(&store->commit_lock);
    if (behind) {
        failed(store, upto, &NONE);
    }
    store->writing = false;
    pthread_cond_broadcast(&store->committed);
    pthread_mutex_unlock(&store->commit_lock);
}

uint64_t registry_store_failures(RegistryStore *store) {
    pthread_mutex_lock(&store->commit_lock);
    uint64_t failures = store->failures;
    pthread_mutex_unlock(&store->commit_lock);
    return failures;
}

bool registry_store_wait(RegistryStore *store, uint64_t sequence, uint64_t failures, bool *behind, Err *err) {
    pthread_mutex_lock(&store->commit_lock);
    while (store->failures == failures && !durable(store, sequence)) {
        if (store->writing) {
            pthread_cond_wait(&store->committed, &store->commit_lock);
        } else {
            write_queue(store);
        }
    }
    // What was durable before the last failure is so still.
    bool good = store->failures == failures || (store->failures == failures + 1 && sequence <= store->kept);
    *behind = !good && store->behind;
    if (!good && !*behind) {
        *err = *store->failure;
    }
    pthread_mutex_unlock(&store->commit_lock);
    return good || *behind || err_frame(err, __FILE__, __LINE__);
}

bool registry_store_settle(RegistryStore *store, Err *err) {
    uint64_t failures = registry_store_failures(store);
    registry_store_lock(store);
    uint64_t sequence = store->sequence;
    registry_store_unlock(store);
    bool behind = false; // then nobody sees it any more
    return registry_store_wait(store, sequence, failures, &behind, err);
}

// --- changing ----------------------------------------------------------------------------------------------------

void registry_store_enqueue(RegistryStore *store, const Change *change) {
    buf_bytes(&store->queue, change, sizeof(*change));
}

void registry_store_enqueue_version(RegistryStore *store, const KeptVersion *version) {
    registry_store_enqueue(store, &(Change){.kind = CHANGE_VERSION,
                                            .subject = version->subject->name,
                                            .version = version->version,
                                            .id = version->schema->id,
                                            .schema = version->schema,
                                            .deleted = version->deleted});
}

static void drop_version(RegistryStore *store, KeptSubject *subject, size_t at) {
    KeptVersion *version = subject->versions[at];
    registry_store_enqueue(store,
                           &(Change){.kind = CHANGE_UNVERSION, .subject = subject->name, .version = version->version});
    if (registry_memory_unversion(store, subject, at)) {
        registry_store_enqueue(store, &(Change){.kind = CHANGE_UNSCHEMA, .id = version->schema->id});
        registry_memory_unschema(store, version->schema);
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
    KeptSubject *subject = registry_memory_subject(store, what->subject);
    if (schema == NULL) {
        schema = registry_memory_schema(store, what, what->id > 0 ? what->id : store->next_id);
        schema->sequence = store->sequence;
        registry_store_enqueue(store, &(Change){.kind = CHANGE_SCHEMA, .schema = schema});
    }
    int32_t number = what->version > 0    ? what->version
                     : subject->count > 0 ? subject->versions[subject->count - 1]->version + 1
                                          : 1;
    size_t replaced = subject->count;
    for (size_t i = 0; i < subject->count; i++) {
        replaced = subject->versions[i]->version == number ? i : replaced;
    }
    version = registry_memory_version(store, subject, schema, number);
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
    registry_store_enqueue_version(store, version);
    subject->generation = ++store->generations;
    return version;
}

bool registry_store_register(RegistryStore *store, const StoreRegistration *registration, StoreOutcome *outcome,
                             int32_t *id, int32_t *version, Err *err) {
    uint64_t failures = registry_store_failures(store);
    pthread_rwlock_wrlock(&store->lock);
    const KeptVersion *registered = register_version(store, registration, outcome);
    uint64_t sequence = 0;
    if (registered != NULL) {
        *id = registered->schema->id;
        *version = registered->version;
        sequence = registered->sequence;
    }
    pthread_rwlock_unlock(&store->lock);
    bool behind = false;
    TRY(registered == NULL || registry_store_wait(store, sequence, failures, &behind, err));
    *outcome = behind ? STORE_STALE : *outcome;
    return true;
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
        if (!registry_file_load(store, err)) {
            panic("registry.db cannot be read: %s", err->message);
        }
    }
    pthread_rwlock_unlock(&store->lock);
    pthread_mutex_unlock(&store->commit_lock);
}

bool registry_store_delete(RegistryStore *store, Slice subject, const int32_t *versions, size_t count, bool permanent,
                           uint64_t generation, StoreOutcome *outcome, Err *err) {
    uint64_t failures = registry_store_failures(store);
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
                    registry_store_enqueue_version(store, known->versions[i]);
                }
                break;
            }
        }
        if (permanent && known->count == 0) {
            known->level = known->mode = (Slice){0};
            known->normalize = -1;
            registry_store_enqueue(store, &(Change){.kind = CHANGE_SETTINGS, .subject = known->name, .normalize = -1});
        }
        known->generation = ++store->generations;
    }
    uint64_t sequence = store->sequence;
    bool garbage = store->garbage > GARBAGE_BYTES_MAX;
    pthread_rwlock_unlock(&store->lock);
    bool behind = false;
    TRY(registry_store_wait(store, sequence, failures, &behind, err));
    *outcome = behind ? STORE_STALE : *outcome;
    if (garbage) {
        collect_garbage(store);
    }
    return true;
}

typedef enum Setting { SET_LEVEL, SET_MODE } Setting;

static bool set_once(RegistryStore *store, Slice name, Setting which, Slice value, int normalize, bool *behind,
                     Err *err) {
    uint64_t failures = registry_store_failures(store);
    pthread_rwlock_wrlock(&store->lock);
    KeptSubject *subject = name.size == 0 ? &store->global : registry_memory_subject(store, name);
    Slice kept = value.data != NULL ? arena_slice(store->arena, value) : (Slice){0};
    store->garbage += kept.size;
    if (which == SET_MODE) {
        subject->mode = kept;
    } else {
        subject->level = kept;
        subject->normalize = normalize;
    }
    registry_store_enqueue(store, &(Change){.kind = CHANGE_SETTINGS,
                                            .subject = subject->name,
                                            .level = subject->level,
                                            .mode = subject->mode,
                                            .normalize = subject->normalize});
    uint64_t sequence = ++store->sequence;
    pthread_rwlock_unlock(&store->lock);
    return registry_store_wait(store, sequence, failures, behind, err);
}

// What others have set meanwhile is older.
static bool set(RegistryStore *store, Slice name, Setting which, Slice value, int normalize, Err *err) {
    for (bool behind = true; behind;) {
        TRY(set_once(store, name, which, value, normalize, &behind, err));
    }
    return true;
}

bool registry_store_set_level(RegistryStore *store, Slice subject, Slice level, int normalize, Err *err) {
    return set(store, subject, SET_LEVEL, level, normalize, err);
}

bool registry_store_set_mode(RegistryStore *store, Slice subject, Slice mode, Err *err) {
    return set(store, subject, SET_MODE, mode, -1, err);
}
