// SPDX-License-Identifier: Apache-2.0
#include "storage/store/fault/fault.h"

#include "storage/store/local/local.h"

#include <sys/stat.h>
#include <unistd.h>

FaultPlan fault_plan;

typedef struct Fault Fault;
struct Fault {
    Fault *next; // of those that are open
    void *local;
    Arena run;
    const char *root;
    bool defers;
    Buf deferred; // paths of new files that are not promised yet, each with its NUL
};

static Fault *open_stores;

static void *local_of(void *state) {
    return ((Fault *)state)->local;
}

// --- the power -------------------------------------------------------------------------------------------------

// Of those that the disk does not have yet, one is gone, the next one empty, the next one torn.
static void lose(Fault *fault) {
    size_t at = 0;
    for (size_t i = 0; at < fault->deferred.size; i++) {
        const char *path = (const char *)fault->deferred.data + at;
        struct stat status;
        at += strlen(path) + 1;
        if (stat(path, &status) != 0) {
            continue; // removed meanwhile
        }
        int done = i % 3 == 0 ? unlink(path) : truncate(path, i % 3 == 1 ? 0 : status.st_size / 2);
        ASSERT(done == 0);
    }
    buf_reset(&fault->deferred);
}

void fault_begin(FaultPlan plan) {
    for (Fault *fault = open_stores; fault != NULL; fault = fault->next) {
        buf_reset(&fault->deferred);
    }
    fault_plan = plan;
}

// Is it this call that fails?
static bool fails_now(void) {
    fault_plan.calls++;
    if (fault_plan.calls == fault_plan.off_at) {
        for (Fault *fault = open_stores; fault != NULL; fault = fault->next) {
            lose(fault);
        }
        fault_plan.off = true;
    }
    return fault_plan.off || fault_plan.calls == fault_plan.fail_at;
}

static bool refuse(const char *call, Err *err) {
    return FAIL(err, fault_plan.code != ERR_NONE ? fault_plan.code : ERR_IO_FULL, "fault store: call %" PRIu64 ", %s",
                fault_plan.calls, call);
}

// Carries the call out unless it is the one to fail.
#define FAULT(name, call)                                  \
    do {                                                   \
        bool now = fails_now();                            \
        if (now && (fault_plan.off || !fault_plan.late)) { \
            return refuse(name, err);                      \
        }                                                  \
        bool ok = (call);                                  \
        return ok && now ? refuse(name, err) : ok;         \
    } while (0)

static bool fault_accepts(const char *url) {
    return LOCAL_STORE.accepts(url);
}

static bool fault_probe(const StoreContext *context, Err *err) {
    FAULT("probe", LOCAL_STORE.probe(context, err));
}

static bool fault_open(const StoreContext *context, void **state, Err *err) {
    if (fails_now()) {
        return refuse("open", err); // never late: the caller has nothing to close
    }
    Fault *fault = calloc(1, sizeof(*fault));
    ASSERT(fault != NULL);
    arena_init(&fault->run, "run", 0);
    if (!local_store_path(context->url, &fault->run, &fault->root, err) ||
        !LOCAL_STORE.open(context, &fault->local, err)) {
        arena_release(&fault->run);
        free(fault);
        return err_frame(err, __FILE__, __LINE__);
    }
    fault->next = open_stores;
    open_stores = fault;
    *state = fault;
    return true;
}

static void fault_close(void *state) {
    Fault *fault = state, **at = &open_stores;
    while (*at != fault) {
        at = &(*at)->next;
    }
    *at = fault->next;
    LOCAL_STORE.close(fault->local);
    buf_release(&fault->deferred);
    arena_release(&fault->run);
    free(fault);
}

static bool fault_stage_open(void *state, const char *name, void **stage, Err *err) {
    if (fails_now()) {
        return refuse("stage_open", err); // never late, likewise
    }
    return LOCAL_STORE.stage_open(local_of(state), name, stage, err);
}

static bool fault_stage_write(void *state, void *stage, Slice bytes, Err *err) {
    FAULT("stage_write", LOCAL_STORE.stage_write(local_of(state), stage, bytes, err));
}

static bool fault_stage_finish(void *state, void *stage, char token[STORE_TOKEN_BYTES_MAX], Err *err) {
    bool now = fails_now();
    if (now && (fault_plan.off || !fault_plan.late)) {
        LOCAL_STORE.stage_abort(local_of(state), stage); // a finish releases the stage, also when it fails
        return refuse("stage_finish", err);
    }
    bool ok = LOCAL_STORE.stage_finish(local_of(state), stage, token, err);
    return ok && now ? refuse("stage_finish", err) : ok;
}

static void fault_stage_abort(void *state, void *stage) {
    LOCAL_STORE.stage_abort(local_of(state), stage);
}

static bool fault_publish(void *state, const char *token, const char *name, Err *err) {
    FAULT("publish", LOCAL_STORE.publish(local_of(state), token, name, err));
}

static bool fault_stage_drop(void *state, const char *token, Err *err) {
    FAULT("stage_drop", LOCAL_STORE.stage_drop(local_of(state), token, err));
}

static bool fault_list(void *state, const char *prefix, bool (*visit)(void *context, const char *name, uint64_t size),
                       void *context, Err *err) {
    FAULT("list", LOCAL_STORE.list(local_of(state), prefix, visit, context, err));
}

static bool fault_modified(void *state, const char *name, int64_t *ms, Err *err) {
    FAULT("modified", LOCAL_STORE.modified(local_of(state), name, ms, err));
}

static bool fault_get(void *state, const char *name, Arena *arena, Slice *bytes, char tag[STORE_TAG_BYTES_MAX],
                      Err *err) {
    FAULT("get", LOCAL_STORE.get(local_of(state), name, arena, bytes, tag, err));
}

static bool fault_read(void *state, const char *name, uint64_t offset, size_t size, Buf *out, Err *err) {
    FAULT("read", LOCAL_STORE.read(local_of(state), name, offset, size, out, err));
}

// A new file is promised by settle only.
static bool put(Fault *fault, const char *name, Slice bytes, const char *if_tag, char tag[STORE_TAG_BYTES_MAX],
                Err *err) {
    TRY(LOCAL_STORE.put(fault->local, name, bytes, if_tag, tag, err));
    if (fault->defers && if_tag != NULL && if_tag[0] == '\0') {
        buf_printf(&fault->deferred, "%s/%s", fault->root, name);
        buf_u8(&fault->deferred, 0);
    }
    return true;
}

static bool fault_put(void *state, const char *name, Slice bytes, const char *if_tag, char tag[STORE_TAG_BYTES_MAX],
                      Err *err) {
    FAULT("put", put(state, name, bytes, if_tag, tag, err));
}

static void fault_defer(void *state) {
    ((Fault *)state)->defers = true;
    LOCAL_STORE.defer(local_of(state));
}

// It ends the deferring also when it fails: nobody knows then what the disk has.
static bool fault_settle(void *state, Err *err) {
    Fault *fault = state;
    bool now = fails_now(), ok = LOCAL_STORE.settle(fault->local, err);
    fault->defers = false;
    if (now) {
        return refuse("settle", err);
    }
    buf_reset(&fault->deferred);
    return ok;
}

static bool fault_remove(void *state, const char *name, Err *err) {
    FAULT("remove", LOCAL_STORE.remove(local_of(state), name, err));
}

static bool fault_sweep(void *state, const char *const *keep, size_t keep_count, Err *err) {
    FAULT("sweep", LOCAL_STORE.sweep(local_of(state), keep, keep_count, err));
}

const StoreDriver FAULT_STORE = {
    .name = "fault",
    .accepts = fault_accepts,
    .probe = fault_probe,
    .open = fault_open,
    .close = fault_close,
    .stage_open = fault_stage_open,
    .stage_write = fault_stage_write,
    .stage_finish = fault_stage_finish,
    .stage_abort = fault_stage_abort,
    .publish = fault_publish,
    .stage_drop = fault_stage_drop,
    .list = fault_list,
    .modified = fault_modified,
    .get = fault_get,
    .read = fault_read,
    .put = fault_put,
    .remove = fault_remove,
    .defer = fault_defer,
    .settle = fault_settle,
    .sweep = fault_sweep,
};
