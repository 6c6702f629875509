// SPDX-License-Identifier: Apache-2.0
// A store over a log that other nodes write too. The database is in memory then and has what the log says; memory is
// read from it anew when others have written. Whoever reads the log or appends to it is the store's writer meanwhile.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/thread.h"
#include "engine/state/registry_room.h"

enum {
    FOLLOW_MS = 200, // how old a look-up may be, but of an id
    AGAIN_MS = 1000, // until the log is tried again that could not be read
};

typedef struct RegistryShared {
    RegistryLog log;
    char path[4096]; // of the database of before
    pthread_t follower;
    pthread_mutex_t mutex; // of what follows
    pthread_cond_t come;
    bool started, stop, ready;
    int64_t followed_us; // begin of the newest reading to the end
    Err why[1];          // ERR_NONE: the last reading was good
} RegistryShared;

// What one reading gives goes into one transaction of the database.
typedef struct Taking {
    RegistryStore *store;
    bool begun;
} Taking;

static bool take(void *context, const RegistryEntry *entry, Err *err) {
    Taking *taking = context;
    TRY(taking->begun || database_run(taking->store->database, "BEGIN IMMEDIATE", err));
    taking->begun = true;
    return registry_file_take(taking->store, entry, err);
}

static void taken(Taking *taking) {
    Err err[1] = {{0}};
    if (taking->begun && !database_run(taking->store->database, "COMMIT", err)) {
        panic("the registry cannot keep in memory what is in its log: %s", err->message);
    }
}

// --- writing -----------------------------------------------------------------------------------------------------

static size_t entries_of(const Change *change, RegistryEntry *entries) {
    const KeptSchema *schema = change->schema;
    entries[0] = entries[1] =
        (RegistryEntry){.subject = change->subject, .version = change->version, .id = change->id, .normalize = -1};
    switch (change->kind) {
    case CHANGE_VERSION:
        entries->kind = ENTRY_VERSION;
        entries->deleted = change->deleted;
        entries->type = schema->type;
        entries->text = schema->text;
        entries->references = schema->references;
        entries->reference_count = schema->reference_count;
        memcpy(entries->fingerprint, schema->fingerprint, sizeof(entries->fingerprint));
        return 1;
    case CHANGE_UNVERSION:
        entries->kind = ENTRY_UNVERSION;
        return 1;
    case CHANGE_SETTINGS:
        entries[0].kind = ENTRY_LEVEL;
        entries[0].setting = change->level;
        entries[0].normalize = change->normalize;
        entries[1].kind = ENTRY_MODE;
        entries[1].setting = change->mode;
        return 2;
    case CHANGE_SCHEMA: // it is in its versions
    case CHANGE_UNSCHEMA:
    case CHANGE_NEXT_ID:
        return 0;
    }
    UNREACHABLE();
}

bool registry_shared_append(RegistryStore *store, int32_t next_id, bool *behind, Err *err) {
    RegistryShared *shared = store->shared;
    DEFER(buf_release) Buf entries = {0};
    bool lower = false; // readers that begin later would not see that ids were given out
    buf_init(&entries, 0);
    for (size_t at = 0; at < store->taken.size; at += sizeof(Change)) {
        Change change;
        RegistryEntry made[2];
        memcpy(&change, store->taken.data + at, sizeof(change));
        buf_bytes(&entries, made, entries_of(&change, made) * sizeof(RegistryEntry));
        lower = lower || change.kind == CHANGE_UNSCHEMA || change.kind == CHANGE_NEXT_ID;
    }
    if (lower) {
        buf_bytes(&entries, &(RegistryEntry){.kind = ENTRY_NEXT_ID, .id = next_id}, sizeof(RegistryEntry));
    }
    Taking taking = {.store = store};
    RegistryTaker taker = {take, &taking};
    bool ok = shared->log.append(shared->log.context, (const RegistryEntry *)(const void *)entries.data,
                                 entries.size / sizeof(RegistryEntry), &taker, behind, err);
    taken(&taking);
    ASSERT(!ok || *behind == taking.begun);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- reading -----------------------------------------------------------------------------------------------------

static bool look(RegistryStore *store, bool to_end, Err *err) {
    RegistryShared *shared = store->shared;
    int64_t asked_us = clock_monotonic_us();
    registry_store_begin(store);
    pthread_mutex_lock(&shared->mutex);
    bool known = to_end && shared->followed_us > asked_us; // another one has looked while we waited
    pthread_mutex_unlock(&shared->mutex);
    Taking taking = {.store = store};
    RegistryTaker taker = {take, &taking};
    int64_t begun_us = clock_monotonic_us();
    bool ok = known || shared->log.read(shared->log.context, to_end, &taker, err);
    taken(&taking);
    pthread_mutex_lock(&shared->mutex);
    shared->followed_us = ok && to_end && !known ? begun_us : shared->followed_us;
    pthread_mutex_unlock(&shared->mutex);
    registry_store_end(store, taking.begun);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool registry_store_follow(RegistryStore *store, Err *err) {
    return store->shared == NULL || look(store, true, err);
}

bool registry_store_is_shared(const RegistryStore *store) {
    return store->shared != NULL;
}

bool registry_store_ready(RegistryStore *store, Err *err) {
    RegistryShared *shared = store->shared;
    if (shared == NULL) {
        return true;
    }
    pthread_mutex_lock(&shared->mutex);
    bool ready = shared->ready;
    if (!ready) {
        *err = *shared->why;
    }
    pthread_mutex_unlock(&shared->mutex);
    return ready;
}

// --- carrying over -------------------------------------------------------------------------------------------------

static bool has_settings(const KeptSubject *subject) {
    return subject->level.data != NULL || subject->mode.data != NULL || subject->normalize >= 0;
}

static bool is_empty(RegistryStore *store) {
    bool empty = store->by_id.count == 0 && !has_settings(&store->global);
    for (size_t i = 0; i < store->order_count && empty; i++) {
        empty = !has_settings(store->order[i]);
    }
    return empty;
}

static void copy_settings(RegistryStore *store, const KeptSubject *from) {
    if (!has_settings(from)) {
        return;
    }
    KeptSubject *to = from->name.size == 0 ? &store->global : registry_memory_subject(store, from->name);
    to->level = from->level.data != NULL ? arena_slice(store->arena, from->level) : (Slice){0};
    to->mode = from->mode.data != NULL ? arena_slice(store->arena, from->mode) : (Slice){0};
    to->normalize = from->normalize;
    registry_store_enqueue(store, &(Change){.kind = CHANGE_SETTINGS,
                                            .subject = to->name,
                                            .level = to->level,
                                            .mode = to->mode,
                                            .normalize = to->normalize});
}

static void copy_subject(RegistryStore *store, const KeptSubject *from) {
    copy_settings(store, from);
    for (size_t i = 0; i < from->count; i++) {
        const KeptSchema *schema = from->versions[i]->schema;
        KeptSchema *to = map_find_u64(&store->by_id, (uint64_t)schema->id);
        if (to == NULL) {
            StoreRegistration what = registry_memory_registration(schema);
            to = registry_memory_schema(store, &what, schema->id);
            to->sequence = store->sequence;
            registry_store_enqueue(store, &(Change){.kind = CHANGE_SCHEMA, .schema = to});
        }
        KeptVersion *version =
            registry_memory_version(store, registry_memory_subject(store, from->name), to, from->versions[i]->version);
        version->deleted = from->versions[i]->deleted;
        version->sequence = store->sequence;
        version->subject->generation = ++store->generations;
        registry_store_enqueue_version(store, version);
    }
}

static bool has_version(const RegistryStore *store, const KeptVersion *version) {
    const KeptSubject *subject = map_find(&store->by_subject, version->subject->name);
    for (size_t i = 0; subject != NULL && i < subject->count; i++) {
        const KeptVersion *there = subject->versions[i];
        if (there->version == version->version) {
            return there->schema->id == version->schema->id &&
                   memcmp(there->schema->fingerprint, version->schema->fingerprint, KEPT_FINGERPRINT_BYTES) == 0;
        }
    }
    return false;
}

// NULL: all are in the log.
static const KeptVersion *missing(const RegistryStore *store, const RegistryStore *old) {
    for (size_t i = 0; i < old->order_count; i++) {
        for (size_t j = 0; j < old->order[i]->count; j++) {
            if (!has_version(store, old->order[i]->versions[j])) {
                return old->order[i]->versions[j];
            }
        }
    }
    return NULL;
}

// *behind: others have written meanwhile, look again.
static bool carry_once(RegistryStore *store, const RegistryStore *old, bool *behind, Err *err) {
    const char *path = store->shared->path, *name = store->shared->log.name;
    uint64_t failures = registry_store_failures(store);
    pthread_rwlock_wrlock(&store->lock);
    bool empty = is_empty(store);
    const KeptVersion *lost = empty ? NULL : missing(store, old);
    if (empty) {
        store->sequence++;
        copy_settings(store, &old->global);
        for (size_t i = 0; i < old->order_count; i++) {
            copy_subject(store, old->order[i]);
        }
        store->next_id = MAX(store->next_id, old->next_id);
        registry_store_enqueue(store, &(Change){.kind = CHANGE_NEXT_ID});
    }
    uint64_t sequence = store->sequence;
    pthread_rwlock_unlock(&store->lock);
    *behind = false;
    if (lost != NULL) {
        FAIL(err, ERR_EXISTS,
             "both %s and %s have schemas: subject %.*s, version %d with id %d of the file is not in the topic", path,
             name, SLICE_ARG(lost->subject->name), lost->version, lost->schema->id);
        return err_hint(err, "the topic's hold for all nodes: move the file away, once nobody reads records with its "
                             "ids any more; or start with another prefix in the journal's URL");
    }
    return !empty || registry_store_wait(store, sequence, failures, behind, err);
}

// What this server had before. A crash in between is found out by `missing`.
static bool carry(RegistryStore *store, Err *err) {
    const char *path = store->shared->path;
    RegistryStore *old = NULL;
    if (!file_exists(path)) {
        return true;
    }
    TRY(registry_store_open(path, &old, err));
    bool ok = true, empty = is_empty(old);
    for (bool behind = !empty; behind && ok;) {
        ok = carry_once(store, old, &behind, err);
    }
    registry_store_close(old);
    if (!ok || empty) {
        return ok || err_frame(err, __FILE__, __LINE__);
    }
    char aside[4096 + 8];
    snprintf(aside, sizeof(aside), "%s.moved", path);
    log_info(LOG_API, "the registry's schemas are in Kafka now", LOG_TEXT("in", store->shared->log.name),
             LOG_TEXT("before", aside));
    return file_rename(path, aside, err);
}

// --- life --------------------------------------------------------------------------------------------------------

static bool step(RegistryStore *store, Err *err) {
    RegistryShared *shared = store->shared;
    pthread_mutex_lock(&shared->mutex);
    bool ready = shared->ready;
    ErrCode before = shared->why->code;
    pthread_mutex_unlock(&shared->mutex);
    bool ok = look(store, !ready, err) && (ready || carry(store, err));
    bool told = err->code == ERR_EXISTS && !shared->started; // whoever opens it
    if (!ok && !told && err->code != before) {
        log_err(LOG_API, "the registry cannot read its log", err);
    } else if (ok && before != ERR_NONE) {
        log_info(LOG_API, "the registry reads its log again", LOG_TEXT("log", shared->log.name));
    }
    pthread_mutex_lock(&shared->mutex);
    shared->ready = ready || ok;
    *shared->why = *err;
    pthread_mutex_unlock(&shared->mutex);
    return ok;
}

static void *follow_loop(void *context) {
    RegistryStore *store = context;
    RegistryShared *shared = store->shared;
    bool ok = true;
    pthread_mutex_lock(&shared->mutex);
    while (!shared->stop) {
        struct timespec until = thread_until((ok ? FOLLOW_MS : AGAIN_MS) * INT64_C(1000));
        pthread_cond_timedwait(&shared->come, &shared->mutex, &until);
        if (!shared->stop) {
            Err err[1] = {{0}};
            pthread_mutex_unlock(&shared->mutex);
            ok = step(store, err);
            pthread_mutex_lock(&shared->mutex);
        }
    }
    pthread_mutex_unlock(&shared->mutex);
    return NULL;
}

void registry_shared_close(RegistryStore *store) {
    RegistryShared *shared = store->shared;
    if (shared == NULL) {
        return;
    }
    if (shared->started) {
        pthread_mutex_lock(&shared->mutex);
        shared->stop = true;
        pthread_cond_signal(&shared->come);
        pthread_mutex_unlock(&shared->mutex);
        pthread_join(shared->follower, NULL);
    }
    shared->log.close(shared->log.context);
    pthread_mutex_destroy(&shared->mutex);
    pthread_cond_destroy(&shared->come);
    free(shared);
    store->shared = NULL;
}

bool registry_store_share(const RegistryLog *log, const char *path, RegistryStore **store, Err *err) {
    RegistryStore *opened = NULL;
    if (!registry_store_open(":memory:", &opened, err)) {
        log->close(log->context);
        return err_frame(err, __FILE__, __LINE__);
    }
    RegistryShared *shared = calloc(1, sizeof(*shared));
    ASSERT(shared != NULL && pthread_mutex_init(&shared->mutex, NULL) == 0);
    thread_cond_init(&shared->come);
    shared->log = *log;
    snprintf(shared->path, sizeof(shared->path), "%s", path);
    opened->shared = shared;
    if (!step(opened, err) && err->code == ERR_EXISTS) {
        registry_store_close(opened);
        return err_frame(err, __FILE__, __LINE__);
    }
    err_clear(err);
    int code = pthread_create(&shared->follower, NULL, follow_loop, opened);
    shared->started = code == 0;
    if (!shared->started) {
        FAIL(err, ERR_IO_FAILED, "no thread for the registry: %s", strerror(code));
        registry_store_close(opened);
        return false;
    }
    *store = opened;
    return true;
}
