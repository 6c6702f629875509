// SPDX-License-Identifier: Apache-2.0
// What a schema registry keeps: schemas under global ids, versions of subjects, levels and modes. DATA/registry.db has
// it; all of it is in memory too, so that looking something up never touches the file.
//
// Durability: a change is in the file, with an fsync, before the call that made it returns. Callers that come while one
// commit is under way share the next one. A new id or version is not seen by readers before it is durable: an id that
// was once seen never means another schema.
//
// Or it is shared: then a log has it that other nodes write too, and the database is in memory alone. A change is
// appended on the condition that all of the log was seen; when others were faster, memory is read anew, and the change
// is judged again (STORE_STALE). A thread of the store follows the log.
#ifndef LEAT_ENGINE_STATE_REGISTRY_STORE_H
#define LEAT_ENGINE_STATE_REGISTRY_STORE_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/map.h"
#include "engine/state/registry_log.h"

typedef struct RegistryStore RegistryStore; // any thread

typedef struct KeptVersion KeptVersion;
typedef struct KeptSubject KeptSubject;

typedef struct KeptSchema {
    int32_t id;
    Slice type; // "AVRO"
    Slice text;
    const KeptReference *references;
    size_t reference_count;
    uint8_t fingerprint[KEPT_FINGERPRINT_BYTES];
    KeptVersion *versions; // that use it, linked by next_of_schema
    uint64_t sequence;
} KeptSchema;

struct KeptVersion {
    KeptSubject *subject;
    KeptSchema *schema;
    int32_t version;
    bool deleted; // softly
    uint64_t sequence;
    KeptVersion *next_of_schema;
};

struct KeptSubject {
    Slice name;
    KeptVersion **versions; // ascending; also those that are not durable yet
    size_t count, capacity;
    uint64_t generation; // goes up with every change of its versions
    Slice level, mode;   // its own; data NULL = none
    int normalize;       // -1 = not said
};

CHECKED bool registry_store_open(const char *path, RegistryStore **store, Err *err);
// Shares the log, which is the store's from now on, also when it fails. What is in the database at `path` (of before)
// is carried over into a log that is empty, then set aside. ERR_EXISTS: both have schemas, and others. While the log
// cannot be read, the store opens all the same and goes on trying: see registry_store_ready.
CHECKED bool registry_store_share(const RegistryLog *log, const char *path, RegistryStore **store, Err *err);
void registry_store_close(RegistryStore *store); // NULL is fine
bool registry_store_is_shared(const RegistryStore *store);
// False: the log was not read to its end yet; nothing in memory counts.
CHECKED bool registry_store_ready(RegistryStore *store, Err *err);
// Reads on to the end of the log; of a store that is not shared nothing. Not between lock and unlock.
CHECKED bool registry_store_follow(RegistryStore *store, Err *err);
// Of a store that comes out of a backup and that nobody has open: schemas may have been given ids since then, and those
// must never be given to others. So ids go on far above: at least a million above the backup's, and not below the
// number of seconds since 2026, so that a second restore of one backup begins above the first. *next_id: the next one.
// ERR_STATE_CORRUPT: there are no more ids.
CHECKED bool registry_store_restored(const char *path, int64_t wall_us, int32_t *next_id, Err *err);

// --- reading: between these two everything found stays valid -----------------------------------------------------
void registry_store_lock(RegistryStore *store);
void registry_store_unlock(RegistryStore *store);

const KeptSchema *registry_store_schema(const RegistryStore *store, int32_t id); // durable; NULL when absent
// NULL when never heard of. It may have no versions, but a level or mode.
const KeptSubject *registry_store_subject(const RegistryStore *store, Slice name);
const KeptSubject *registry_store_global(const RegistryStore *store);
// Durable ones can be shown.
bool registry_store_visible(const RegistryStore *store, const KeptVersion *version);
// By name, in order. NULL: the end.
const KeptSubject *registry_store_next(RegistryStore *store, size_t *at);
// Durable ones, in no order. *at is NULL at first.
const KeptSchema *registry_store_next_schema(const RegistryStore *store, MapEntry **at);
int32_t registry_store_max_id(const RegistryStore *store); // 0 = none

// --- changing ----------------------------------------------------------------------------------------------------
typedef struct StoreRegistration {
    Slice subject, type, text;
    const KeptReference *references;
    size_t reference_count;
    uint8_t fingerprint[KEPT_FINGERPRINT_BYTES];
    int32_t id;          // 0 = the next
    int32_t version;     // 0 = the next
    uint64_t generation; // of the subject as the caller has judged it; 0 for one without versions so far
} StoreRegistration;

typedef enum StoreOutcome {
    STORE_DONE,
    STORE_STALE,    // the subject, or a log that is shared, has changed: look again
    STORE_ID_TAKEN, // by another schema
} StoreOutcome;

// Adds a version, and the schema unless it is there; what is there already under this subject, not deleted, and no
// version asked for, is returned as it is. Older soft-deleted versions of the same id go.
CHECKED bool registry_store_register(RegistryStore *store, const StoreRegistration *registration, StoreOutcome *outcome,
                                     int32_t *id, int32_t *version, Err *err);
// STORE_STALE when the subject's generation is another one.
CHECKED bool registry_store_delete(RegistryStore *store, Slice subject, const int32_t *versions, size_t count,
                                   bool permanent, uint64_t generation, StoreOutcome *outcome, Err *err);
// Empty subject: of all. Data NULL takes the setting away.
CHECKED bool registry_store_set_level(RegistryStore *store, Slice subject, Slice level, int normalize, Err *err);
CHECKED bool registry_store_set_mode(RegistryStore *store, Slice subject, Slice mode, Err *err);
// Waits until everything that has been seen is durable.
CHECKED bool registry_store_settle(RegistryStore *store, Err *err);

typedef struct StoreCounts {
    uint64_t commits, changes; // of the file
    size_t subjects, schemas;
} StoreCounts;
StoreCounts registry_store_counts(RegistryStore *store);

#endif
