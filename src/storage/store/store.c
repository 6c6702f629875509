// SPDX-License-Identifier: Apache-2.0
#include "storage/store/store.h"

#include <stdlib.h>

struct Store {
    const StoreDriver *driver;
    void *state;
};

struct StoreStage {
    Store *store;
    void *state;
};

bool store_open(const StoreDriver *driver, const StoreContext *context, Store **store, Err *err) {
    const char *owner = context->owner;
    ASSERT(owner != NULL && owner[0] != '\0' && strchr(owner, '/') == NULL && owner[0] != '.');
    void *state = NULL;
    TRY(driver->open(context, &state, err));
    Store *opened = calloc(1, sizeof(*opened));
    ASSERT(opened != NULL);
    *opened = (Store){.driver = driver, .state = state};
    *store = opened;
    return true;
}

void store_close(Store *store) {
    if (store != NULL) {
        store->driver->close(store->state);
        free(store);
    }
}

bool store_stage_open(Store *store, const char *name, StoreStage **stage, Err *err) {
    void *state = NULL;
    TRY(store->driver->stage_open(store->state, name, &state, err));
    StoreStage *opened = calloc(1, sizeof(*opened));
    ASSERT(opened != NULL);
    *opened = (StoreStage){.store = store, .state = state};
    *stage = opened;
    return true;
}

bool store_stage_write(StoreStage *stage, Slice bytes, Err *err) {
    return stage->store->driver->stage_write(stage->store->state, stage->state, bytes, err);
}

bool store_stage_finish(StoreStage *stage, char token[STORE_TOKEN_BYTES_MAX], Err *err) {
    token[0] = '\0';
    bool ok = stage->store->driver->stage_finish(stage->store->state, stage->state, token, err);
    ASSERT(!ok || token[0] != '\0');
    free(stage);
    return ok;
}

void store_stage_abort(StoreStage *stage) {
    if (stage != NULL) {
        stage->store->driver->stage_abort(stage->store->state, stage->state);
        free(stage);
    }
}

bool store_publish(Store *store, const char *token, const char *name, Err *err) {
    ASSERT(token[0] != '\0' && name[0] != '\0' && name[0] != '/');
    return store->driver->publish(store->state, token, name, err);
}

bool store_publish_all(Store *store, const StoreItem *items, size_t count, Err *err) {
    if (store->driver->publish_all != NULL) {
        for (size_t i = 0; i < count; i++) {
            ASSERT(items[i].token[0] != '\0' && items[i].name[0] != '\0' && items[i].name[0] != '/');
        }
        return count == 0 || store->driver->publish_all(store->state, items, count, err);
    }
    for (size_t i = 0; i < count; i++) {
        TRY(store_publish(store, items[i].token, items[i].name, err));
    }
    return true;
}

bool store_stage_drop(Store *store, const char *token, Err *err) {
    return store->driver->stage_drop(store->state, token, err);
}

bool store_list(Store *store, const char *prefix, bool (*visit)(void *context, const char *name, uint64_t size),
                void *context, Err *err) {
    return store->driver->list(store->state, prefix, visit, context, err);
}

bool store_modified(Store *store, const char *name, int64_t *ms, Err *err) {
    return store->driver->modified(store->state, name, ms, err);
}

bool store_get(Store *store, const char *name, Arena *arena, Slice *bytes, char tag[STORE_TAG_BYTES_MAX], Err *err) {
    char unwanted[STORE_TAG_BYTES_MAX];
    return store->driver->get(store->state, name, arena, bytes, tag != NULL ? tag : unwanted, err);
}

bool store_read(Store *store, const char *name, uint64_t offset, size_t size, Buf *out, Err *err) {
    return store->driver->read(store->state, name, offset, size, out, err);
}

bool store_put(Store *store, const char *name, Slice bytes, const char *if_tag, char tag[STORE_TAG_BYTES_MAX],
               Err *err) {
    char unwanted[STORE_TAG_BYTES_MAX];
    return store->driver->put(store->state, name, bytes, if_tag, tag != NULL ? tag : unwanted, err);
}

bool store_remove(Store *store, const char *name, Err *err) {
    return store->driver->remove(store->state, name, err);
}

void store_defer(Store *store) {
    if (store->driver->defer != NULL) {
        store->driver->defer(store->state);
    }
}

bool store_settle(Store *store, Err *err) {
    return store->driver->settle == NULL || store->driver->settle(store->state, err);
}

bool store_sweep(Store *store, const char *const *keep, size_t keep_count, Err *err) {
    return store->driver->sweep(store->state, keep, keep_count, err);
}

void store_usage(Store *store, StoreUsage *usage) {
    *usage = (StoreUsage){0};
    if (store->driver->usage != NULL) {
        store->driver->usage(store->state, usage);
    }
}

double store_requests_cost(const StoreUsage *usage) {
    double writes = (double)(usage->put + usage->multipart + usage->part + usage->list);
    double reads = (double)(usage->get + usage->head);
    return (writes * 0.005 + reads * 0.0004) / 1000;
}

void store_usage_add(StoreUsage *sum, const StoreUsage *more) {
    sum->put += more->put;
    sum->multipart += more->multipart;
    sum->part += more->part;
    sum->get += more->get;
    sum->head += more->head;
    sum->list += more->list;
    sum->remove += more->remove;
    sum->retries += more->retries;
    sum->bytes_up += more->bytes_up;
    sum->bytes_down += more->bytes_down;
}
