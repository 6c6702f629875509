// SPDX-License-Identifier: Apache-2.0
// A log of a registry's changes that is not on this machine's disk: several stores share it, each has all of it in
// memory. One thread at a time.
#ifndef LEAT_ENGINE_STATE_REGISTRY_LOG_H
#define LEAT_ENGINE_STATE_REGISTRY_LOG_H

#include "core/base/err.h"
#include "core/base/bytes.h"

enum { KEPT_FINGERPRINT_BYTES = 32 };

typedef struct KeptReference {
    Slice name, subject;
    int32_t version;
} KeptReference;

typedef enum RegistryEntryKind {
    ENTRY_VERSION, // with its schema; there already: as it is now
    ENTRY_UNVERSION,
    ENTRY_DELETED, // softly: all versions up to this one
    ENTRY_LEVEL,   // and `normalize`; data NULL = none
    ENTRY_MODE,
    ENTRY_NEXT_ID, // ids below `id` were given out
} RegistryEntryKind;

typedef struct RegistryEntry {
    RegistryEntryKind kind;
    Slice subject; // empty: a level or mode of all
    int32_t version, id;
    bool deleted; // softly
    Slice type, text;
    const KeptReference *references;
    size_t reference_count;
    uint8_t fingerprint[KEPT_FINGERPRINT_BYTES];
    Slice setting; // level or mode
    int normalize; // -1 = not said
} RegistryEntry;

typedef struct RegistryTaker {
    bool (*take)(void *context, const RegistryEntry *entry, Err *err);
    void *context;
} RegistryTaker;

typedef struct RegistryLog {
    // Gives what others have appended, in order, each entry once; `to_end`: all that there was when it was called, else
    // what has come. What the taker does not take ends the log: nothing of it can be trusted.
    bool (*read)(void *context, bool to_end, const RegistryTaker *taker, Err *err);
    // Appends all or nothing, and only behind what the taker has taken: when there is more, that is given, nothing is
    // appended, and *behind is true. Once it has returned every reader that reads to the end sees it. False: whether it
    // was appended shows when the log is read.
    bool (*append)(void *context, const RegistryEntry *entries, size_t count, const RegistryTaker *taker, bool *behind,
                   Err *err);
    void (*close)(void *context);
    void *context;
    const char *name; // "topic leat.schemas"; as long as the log
} RegistryLog;

#endif
