// SPDX-License-Identifier: Apache-2.0
#include "lake/catalog/catalog.h"

#include "core/base/log.h"
#include "core/sys/clock.h"

#include <stdatomic.h>

enum { WAIT_MIN_MS = 100, WAIT_MAX_MS = 10 * 1000, SLICE_MS = 50 };

struct Catalog {
    const CatalogDriver *driver;
    void *state;
    const _Atomic bool *stop;
    bool (*waits)(void *context, const Err *why);
    void *waits_context;
};

bool catalog_open(const CatalogDriver *driver, const CatalogContext *context, Catalog **opened, Err *err) {
    Catalog *catalog = calloc(1, sizeof(*catalog));
    if (catalog == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for a catalog");
    }
    catalog->driver = driver;
    catalog->stop = context->stop;
    if (!driver->open(context, &catalog->state, err)) {
        free(catalog);
        return err_frame(err, __FILE__, __LINE__);
    }
    *opened = catalog;
    return true;
}

void catalog_close(Catalog *catalog) {
    if (catalog != NULL) {
        catalog->driver->close(catalog->state);
        free(catalog);
    }
}

void catalog_on_wait(Catalog *catalog, bool (*waits)(void *context, const Err *why), void *context) {
    catalog->waits = waits;
    catalog->waits_context = context;
}

const CatalogDriver *catalog_driver(const Catalog *catalog) {
    return catalog->driver;
}

void *catalog_state(const Catalog *catalog) {
    return catalog->state;
}

bool catalog_load(Catalog *catalog, TableName name, Arena *arena, CatalogTable *table, Err *err) {
    return catalog->driver->load(catalog->state, name, arena, table, err) || err_frame(err, __FILE__, __LINE__);
}

bool catalog_ensure_space(Catalog *catalog, Slice space, Err *err) {
    for (size_t i = 0; i <= space.size; i++) {
        if (i < space.size && space.data[i] != 0x1f) {
            continue;
        }
        if (!catalog->driver->space_create(catalog->state, (Slice){space.data, i}, NULL, 0, err)) {
            if (err->code != ERR_EXISTS) {
                return err_frame(err, __FILE__, __LINE__);
            }
            err_clear(err);
        }
    }
    return true;
}

// ---- commits whose outcome is to be found out

static bool is_away(const Err *err) {
    return err->code == ERR_NET_UNREACHABLE || err->code == ERR_NET_BUSY || err->code == ERR_NET_PROTOCOL;
}

static bool has_snapshot(const TableMetadata *metadata, int64_t id) {
    if (table_snapshot_find(metadata, id) != NULL) {
        return true;
    }
    for (size_t i = 0; i < metadata->snapshot_log_count; i++) { // expired since, by another
        if (metadata->snapshot_log[i].snapshot_id == id) {
            return true;
        }
    }
    return false;
}

static bool has_properties(const TableMetadata *metadata, const TableUpdate *update) {
    for (size_t i = 0; i < update->count; i++) {
        bool same = false;
        for (size_t j = 0; j < metadata->property_count && !same; j++) {
            same = slice_equal(metadata->properties[j].key, update->properties[i].key) &&
                   slice_equal(metadata->properties[j].value, update->properties[i].value);
        }
        if (!same) {
            return false;
        }
    }
    return true;
}

// Catalogs that make tables by themselves give them an identity of their own: then the properties tell, which name
// their maker.
bool catalog_change_stands(const TableChange *change, const TableMetadata *metadata) {
    bool snapshots = false, uuid = false, properties = false;
    for (size_t i = 0; i < change->update_count; i++) {
        const TableUpdate *update = &change->updates[i];
        if (update->action == UPDATE_ADD_SNAPSHOT) {
            snapshots = true;
            if (!has_snapshot(metadata, update->snapshot.id)) {
                return false;
            }
        }
    }
    for (size_t i = 0; i < change->requirement_count; i++) {
        uuid = uuid || change->requirements[i].kind == REQUIRE_CREATE;
    }
    for (size_t i = 0; i < change->update_count && !snapshots; i++) {
        const TableUpdate *update = &change->updates[i];
        if (update->action == UPDATE_ASSIGN_UUID && uuid && slice_equal(metadata->uuid, update->text)) {
            return true;
        }
        if (update->action == UPDATE_SET_PROPERTIES) {
            properties = true;
            if (!has_properties(metadata, update)) {
                return false;
            }
        }
    }
    return snapshots || properties;
}

// Loads what is not known to be committed, and marks what is. False: a table cannot be asked for.
static bool find_out(Catalog *catalog, CatalogCommit *commits, size_t count, Arena *arena, Err *err) {
    for (size_t i = 0; i < count; i++) {
        CatalogTable table;
        TableMetadata metadata;
        Arena scratch[1];
        if (commits[i].done) {
            continue;
        }
        arena_init(scratch, "scratch", 0);
        bool good = catalog_load(catalog, commits[i].name, scratch, &table, err);
        bool absent = !good && err->code == ERR_NOT_FOUND;
        if (absent) {
            err_clear(err);
        } else {
            good = good && table_metadata_parse(table.metadata_json, scratch, &metadata, err);
        }
        if (good && catalog_change_stands(&commits[i].change, &metadata)) {
            commits[i].done = true;
            commits[i].after = (CatalogTable){.metadata_json = arena_slice(arena, table.metadata_json),
                                              .metadata_file = arena_slice(arena, table.metadata_file)};
        }
        arena_release(scratch);
        if (!good && !absent) {
            return err_frame(err, __FILE__, __LINE__);
        }
    }
    return true;
}

static bool all_done(const CatalogCommit *commits, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!commits[i].done) {
            return false;
        }
    }
    return true;
}

// Those that are not done yet, in one go.
static bool send(Catalog *catalog, CatalogCommit *commits, size_t count, Arena *arena, Err *err) {
    CatalogCommit *left = ARENA_ARRAY(arena, CatalogCommit, count);
    size_t left_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!commits[i].done) {
            left[left_count++] = commits[i];
        }
    }
    bool good = catalog->driver->commit(catalog->state, left, left_count, arena, err);
    for (size_t i = 0, at = 0; i < count; i++) {
        if (!commits[i].done) {
            commits[i].done = left[at].done || good;
            commits[i].after = left[at].after;
            at++;
        }
    }
    return good || err_frame(err, __FILE__, __LINE__);
}

static bool stopped(const Catalog *catalog) {
    return catalog->stop != NULL && atomic_load_explicit(catalog->stop, memory_order_relaxed);
}

// False: stopped, or there is no patience left.
static bool rest(const Catalog *catalog, int64_t wait_ms, int64_t until_us) {
    int64_t end = clock_monotonic_us() + wait_ms * 1000;
    if (until_us >= 0 && clock_monotonic_us() >= until_us) {
        return false;
    }
    while (clock_monotonic_us() < end && !stopped(catalog)) {
        clock_sleep_us(MIN(end - clock_monotonic_us(), (int64_t)SLICE_MS * 1000));
    }
    return !stopped(catalog);
}

static bool waits(const Catalog *catalog, const Err *why) {
    Err told = *why;
    (void)err_prefix(&told, "the catalog is away");
    return catalog->waits == NULL || catalog->waits(catalog->waits_context, &told);
}

bool catalog_commit(Catalog *catalog, CatalogCommit *commits, size_t count, int64_t patience_ms, Arena *arena,
                    Err *err) {
    int64_t until_us = patience_ms < 0 ? -1 : clock_monotonic_us() + patience_ms * 1000, wait_ms = WAIT_MIN_MS;
    bool unknown = false;
    for (;;) {
        if (send(catalog, commits, count, arena, err)) {
            return true;
        }
        // Refused: unless it is our own earlier try that stands in the way.
        bool away = is_away(err);
        if (!away && !unknown) {
            return err_frame(err, __FILE__, __LINE__);
        }
        unknown = true;
        Err asked[1] = {{0}};
        bool known = find_out(catalog, commits, count, arena, asked);
        if (known && all_done(commits, count)) {
            err_clear(err);
            return true;
        }
        if (!away && known) {
            return err_frame(err, __FILE__, __LINE__);
        }
        if (!known && !is_away(asked)) {
            *err = *asked;
            return err_frame(err, __FILE__, __LINE__);
        }
        if ((wait_ms > WAIT_MIN_MS && !waits(catalog, err)) || !rest(catalog, wait_ms, until_us)) {
            return err_frame(err, __FILE__, __LINE__);
        }
        log_debug(LOG_SINK, "the catalog is asked again", LOG_SLICE("table", commits[0].name.table),
                  LOG_TEXT("reason", err->message));
        wait_ms = MIN(2 * wait_ms, (int64_t)WAIT_MAX_MS);
        err_clear(err);
    }
}
