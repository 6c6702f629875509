// SPDX-License-Identifier: Apache-2.0
#include "storage/store/fault/fault.h"

#include "storage/store/local/local.h"

FaultPlan fault_plan;

static bool refuse(const char *call, Err *err) {
    return FAIL(err, fault_plan.code != ERR_NONE ? fault_plan.code : ERR_IO_FULL, "fault store: call %" PRIu64 ", %s",
                fault_plan.calls, call);
}

// Carries the call out unless it is the one to fail.
#define FAULT(name, call)                                    \
    do {                                                     \
        bool now = ++fault_plan.calls == fault_plan.fail_at; \
        if (now && !fault_plan.late) {                       \
            return refuse(name, err);                        \
        }                                                    \
        bool ok = (call);                                    \
        return ok && now ? refuse(name, err) : ok;           \
    } while (0)

static bool fault_accepts(const char *url) {
    return LOCAL_STORE.accepts(url);
}

static bool fault_probe(const StoreContext *context, Err *err) {
    FAULT("probe", LOCAL_STORE.probe(context, err));
}

static bool fault_open(const StoreContext *context, void **state, Err *err) {
    if (++fault_plan.calls == fault_plan.fail_at) {
        return refuse("open", err); // never late: the caller has nothing to close
    }
    return LOCAL_STORE.open(context, state, err);
}

static void fault_close(void *state) {
    LOCAL_STORE.close(state);
}

static bool fault_stage_open(void *state, const char *name, void **stage, Err *err) {
    if (++fault_plan.calls == fault_plan.fail_at) {
        return refuse("stage_open", err); // never late, likewise
    }
    return LOCAL_STORE.stage_open(state, name, stage, err);
}

static bool fault_stage_write(void *state, void *stage, Slice bytes, Err *err) {
    FAULT("stage_write", LOCAL_STORE.stage_write(state, stage, bytes, err));
}

static bool fault_stage_finish(void *state, void *stage, char token[STORE_TOKEN_BYTES_MAX], Err *err) {
    bool now = ++fault_plan.calls == fault_plan.fail_at;
    if (now && !fault_plan.late) {
        LOCAL_STORE.stage_abort(state, stage); // a finish releases the stage, also when it fails
        return refuse("stage_finish", err);
    }
    bool ok = LOCAL_STORE.stage_finish(state, stage, token, err);
    return ok && now ? refuse("stage_finish", err) : ok;
}

static void fault_stage_abort(void *state, void *stage) {
    LOCAL_STORE.stage_abort(state, stage);
}

static bool fault_publish(void *state, const char *token, const char *name, Err *err) {
    FAULT("publish", LOCAL_STORE.publish(state, token, name, err));
}

static bool fault_stage_drop(void *state, const char *token, Err *err) {
    FAULT("stage_drop", LOCAL_STORE.stage_drop(state, token, err));
}

static bool fault_list(void *state, const char *prefix, bool (*visit)(void *context, const char *name, uint64_t size),
                       void *context, Err *err) {
    FAULT("list", LOCAL_STORE.list(state, prefix, visit, context, err));
}

static bool fault_modified(void *state, const char *name, int64_t *ms, Err *err) {
    FAULT("modified", LOCAL_STORE.modified(state, name, ms, err));
}

static bool fault_get(void *state, const char *name, Arena *arena, Slice *bytes, char tag[STORE_TAG_BYTES_MAX],
                      Err *err) {
    FAULT("get", LOCAL_STORE.get(state, name, arena, bytes, tag, err));
}

static bool fault_read(void *state, const char *name, uint64_t offset, size_t size, Buf *out, Err *err) {
    FAULT("read", LOCAL_STORE.read(state, name, offset, size, out, err));
}

static bool fault_put(void *state, const char *name, Slice bytes, const char *if_tag, char tag[STORE_TAG_BYTES_MAX],
                      Err *err) {
    FAULT("put", LOCAL_STORE.put(state, name, bytes, if_tag, tag, err));
}

static bool fault_remove(void *state, const char *name, Err *err) {
    FAULT("remove", LOCAL_STORE.remove(state, name, err));
}

static bool fault_sweep(void *state, const char *const *keep, size_t keep_count, Err *err) {
    FAULT("sweep", LOCAL_STORE.sweep(state, keep, keep_count, err));
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
    .sweep = fault_sweep,
};
