// SPDX-License-Identifier: Apache-2.0
// The store seam: bytes under names, complete or absent. Names are relative, '/'-separated; drivers map them to files
// or objects. A driver is a const struct of functions; every driver passes the store's conformance tests.
//
// Publishing is in two steps, so that a plan can be durable in between: the bytes are staged under a temporary name
// and made durable (store_stage_finish gives the token by which the staged bytes are found again, even after a crash),
// then published under their name in one atomic act. Publishing the same token twice is fine.
#ifndef LEAT_STORAGE_STORE_STORE_H
#define LEAT_STORAGE_STORE_STORE_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

typedef struct Store Store;
typedef struct StoreStage StoreStage; // bytes being staged

enum { STORE_TOKEN_BYTES_MAX = 1024, STORE_TAG_BYTES_MAX = 128 };

typedef struct StoreContext {
    const char *url;
    // Whose staged bytes these are: letters, digits, '-'; a sweep leaves those of other owners alone. A probe needs
    // none.
    const char *owner;
    // A folder of this machine, private to the owner and durable: for stores that keep staged bytes here until they are
    // published. It lives and dies with the plans that name them. Made when it is missing; unused by the local store.
    const char *staging_directory;
    const void *options;      // the driver's option struct; NULL = its defaults
    const _Atomic bool *stop; // looked at while waiting for others: ERR_INTERRUPTED; NULL = never
} StoreContext;

typedef struct StoreItem {
    const char *token;
    const char *name;
} StoreItem;

// What a store asked of its service since it was opened: requests by kind. Tries that failed count: they are paid for.
typedef struct StoreUsage {
    uint64_t put;       // whole objects
    uint64_t multipart; // multipart uploads begun, completed
    uint64_t part;
    uint64_t get;
    uint64_t head;
    uint64_t list;
    uint64_t remove;   // and uploads aborted
    uint64_t retries;  // requests sent again, counted above as well
    uint64_t bytes_up; // of bodies
    uint64_t bytes_down;
} StoreUsage;

// What such requests cost, in US dollars at Amazon S3 Standard's list prices of us-east-1, where most bills begin:
// 0.005 for a thousand that write or list, 0.0004 for a thousand that read, removing is free. Other services: see their
// own.
double store_requests_cost(const StoreUsage *usage);
void store_usage_add(StoreUsage *sum, const StoreUsage *more);
#define STORE_GB_MONTH_COST 0.023 // a GB (10^9 bytes) kept for a month, likewise

typedef struct StoreDriver {
    const char *name;
    bool (*accepts)(const char *url);
    bool (*probe)(const StoreContext *context, Err *err); // can be written, or could be created; creates nothing
    bool (*open)(const StoreContext *context, void **state, Err *err); // what the context points to stays
    void (*close)(void *state);
    // Bytes for the object that is to be named `name`; the stage's temporary home must be on the same file system.
    bool (*stage_open)(void *state, const char *name, void **stage, Err *err);
    bool (*stage_write)(void *state, void *stage, Slice bytes, Err *err);
    // Makes the staged bytes durable and releases the stage; `token` (a NUL-terminated text) finds them again.
    bool (*stage_finish)(void *state, void *stage, char token[STORE_TOKEN_BYTES_MAX], Err *err);
    void (*stage_abort)(void *state, void *stage); // drops the bytes
    // Puts the staged bytes under `name`, atomically and durably. True as well when an earlier publish of this token
    // has already done so. ERR_EXISTS when other bytes are there under that name: nothing is overwritten.
    // ERR_NOT_FOUND when neither the staged bytes nor the name are there: published, and taken away by a reader.
    // ERR_STATE_CORRUPT when the owner's whole staging area is gone: nobody can tell.
    bool (*publish)(void *state, const char *token, const char *name, Err *err);
    // Many at once, as `publish` each; NULL = one after the other. On an error some are published, others not: which,
    // a second try finds out.
    bool (*publish_all)(void *state, const StoreItem *items, size_t count, Err *err);
    bool (*stage_drop)(void *state, const char *token, Err *err); // of a finished stage; absent is fine
    // Names below a prefix, in order. `visit` returns false to stop.
    bool (*list)(void *state, const char *prefix, bool (*visit)(void *context, const char *name, uint64_t size),
                 void *context, Err *err);
    // When it was last written, ms since 1970 by the store's clock, within a second. ERR_NOT_FOUND when absent.
    bool (*modified)(void *state, const char *name, int64_t *ms, Err *err);
    // ERR_NOT_FOUND when absent. `tag` names this version of the bytes, for `put`.
    bool (*get)(void *state, const char *name, Arena *arena, Slice *bytes, char tag[STORE_TAG_BYTES_MAX], Err *err);
    // Appends `size` bytes from `offset` on; fewer when the end comes first. ERR_NOT_FOUND when absent.
    bool (*read)(void *state, const char *name, uint64_t offset, size_t size, Buf *out, Err *err);
    // A small object written whole, atomically and durably. `if_tag`: NULL = over whatever is there, "" = only when
    // nothing is, else only when what is there has this tag. ERR_CHANGED when it is not so; nothing is written then.
    // After an error of another kind it may or may not have been written.
    bool (*put)(void *state, const char *name, Slice bytes, const char *if_tag, char tag[STORE_TAG_BYTES_MAX],
                Err *err);
    bool (*remove)(void *state, const char *name, Err *err); // absent is fine
    // From `defer` on, what is put as new, or removed, need not be durable before `settle` has made it so, all at once:
    // that takes hardly more waits for the disk than a single file. NULL = each is durable at once.
    void (*defer)(void *state);
    bool (*settle)(void *state, Err *err); // ends it, also with an error: then what of it is durable is not known
    // Drops every staged byte of this owner that no token in `keep` names: what a crash left behind.
    bool (*sweep)(void *state, const char *const *keep, size_t keep_count, Err *err);
    void (*usage)(void *state, StoreUsage *usage); // NULL = it costs nothing
} StoreDriver;

CHECKED bool store_open(const StoreDriver *driver, const StoreContext *context, Store **store, Err *err);
void store_close(Store *store);
CHECKED bool store_stage_open(Store *store, const char *name, StoreStage **stage, Err *err);
CHECKED bool store_stage_write(StoreStage *stage, Slice bytes, Err *err);
CHECKED bool store_stage_finish(StoreStage *stage, char token[STORE_TOKEN_BYTES_MAX], Err *err);
void store_stage_abort(StoreStage *stage);
CHECKED bool store_publish(Store *store, const char *token, const char *name, Err *err);
CHECKED bool store_publish_all(Store *store, const StoreItem *items, size_t count, Err *err);
CHECKED bool store_stage_drop(Store *store, const char *token, Err *err);
CHECKED bool store_list(Store *store, const char *prefix, bool (*visit)(void *context, const char *name, uint64_t size),
                        void *context, Err *err);
CHECKED bool store_modified(Store *store, const char *name, int64_t *ms, Err *err);
// `tag` may be NULL in both.
CHECKED bool store_get(Store *store, const char *name, Arena *arena, Slice *bytes, char tag[STORE_TAG_BYTES_MAX],
                       Err *err);
CHECKED bool store_read(Store *store, const char *name, uint64_t offset, size_t size, Buf *out, Err *err);
CHECKED bool store_put(Store *store, const char *name, Slice bytes, const char *if_tag, char tag[STORE_TAG_BYTES_MAX],
                       Err *err);
CHECKED bool store_remove(Store *store, const char *name, Err *err);
void store_defer(Store *store);
CHECKED bool store_settle(Store *store, Err *err);
CHECKED bool store_sweep(Store *store, const char *const *keep, size_t keep_count, Err *err);
void store_usage(Store *store, StoreUsage *usage);

#endif
