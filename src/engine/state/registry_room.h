// SPDX-License-Identifier: Apache-2.0
// What the files of a registry's store share.
//
//     registry_store.c    locks, who writes when, changes         registry_file.c     the database, in and out
//     registry_memory.c   what is in memory, and how it is found  registry_shared.c   a log that other nodes write too
#ifndef LEAT_ENGINE_STATE_REGISTRY_ROOM_H
#define LEAT_ENGINE_STATE_REGISTRY_ROOM_H

#include "core/base/buf.h"
#include "core/database/database.h"
#include "engine/state/registry_store.h"

#include <pthread.h>
#include <stdatomic.h>

enum { REGISTRY_STATEMENTS_MAX = 24 };

typedef enum ChangeKind {
    CHANGE_SCHEMA,
    CHANGE_VERSION,
    CHANGE_UNVERSION,
    CHANGE_UNSCHEMA,
    CHANGE_SETTINGS,
    CHANGE_NEXT_ID, // alone: whatever changes, the file has the next id
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
    uint64_t failures; // how often memory was read anew because a commit had failed, or others have changed it
    uint64_t commits, changes;
    Err failure[1]; // of the last of them
    bool behind;    // that one: others were faster, and nothing was written
    uint64_t kept;  // durable before that one

    Database *database; // of the writer
    DatabaseStatement *queries[REGISTRY_STATEMENTS_MAX];
    Buf taken; // the writer's part of the queue

    struct RegistryShared *shared; // NULL: the database alone has it
};

// --- registry_memory.c, under the write lock -------------------------------------------------------------------------
KeptSubject *registry_memory_subject(RegistryStore *store, Slice name); // made when it is not there
KeptSchema *registry_memory_schema(RegistryStore *store, const StoreRegistration *what, int32_t id);
// As it was registered; borrows of the schema.
StoreRegistration registry_memory_registration(const KeptSchema *schema);
KeptVersion *registry_memory_version(RegistryStore *store, KeptSubject *subject, KeptSchema *schema, int32_t number);
void registry_memory_unschema(RegistryStore *store, KeptSchema *schema);
// Takes a version out of its subject and schema; true when nobody uses the schema any more.
bool registry_memory_unversion(RegistryStore *store, KeptSubject *subject, size_t at);
void registry_memory_forget(RegistryStore *store);

// --- registry_file.c -------------------------------------------------------------------------------------------------
CHECKED bool registry_file_open(RegistryStore *store, const char *path, Err *err); // also when false: _close
void registry_file_close(RegistryStore *store);
// Under the write lock, with an empty queue.
CHECKED bool registry_file_load(RegistryStore *store, Err *err);
// What is in `taken`, in one transaction.
CHECKED bool registry_file_write(RegistryStore *store, int32_t next_id, Err *err);
CHECKED bool registry_file_next_id(RegistryStore *store, int32_t next_id, Err *err);
// An entry of others, in the caller's transaction. ERR_STATE_CORRUPT: its id is another schema's.
CHECKED bool registry_file_take(RegistryStore *store, const RegistryEntry *entry, Err *err);

// --- registry_store.c ------------------------------------------------------------------------------------------------
// Becomes the writer, once nobody else is; and lets go. Between them no memory but under the write lock.
void registry_store_begin(RegistryStore *store);
// `behind`: memory is read anew first, and who waits is told.
void registry_store_end(RegistryStore *store, bool behind);
void registry_store_enqueue(RegistryStore *store, const Change *change); // under the write lock
void registry_store_enqueue_version(RegistryStore *store, const KeptVersion *version);
// `failures` is what it was before the change went into the queue. *behind: it was not written, see there.
uint64_t registry_store_failures(RegistryStore *store);
CHECKED bool registry_store_wait(RegistryStore *store, uint64_t sequence, uint64_t failures, bool *behind, Err *err);

// --- registry_shared.c -----------------------------------------------------------------------------------------------
// The writer's: what is in `taken`, into the log. *behind: others have written; nothing was appended.
CHECKED bool registry_shared_append(RegistryStore *store, int32_t next_id, bool *behind, Err *err);
void registry_shared_close(RegistryStore *store);

#endif
