// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/expire.h"

#include "core/base/digest.h"
#include "core/base/map.h"

#include <stdlib.h>

#define MINUTE_MS (INT64_C(60) * 1000)
#define HOUR_MS   (60 * MINUTE_MS)

// --- snapshots -------------------------------------------------------------------------------------------------

typedef struct Choosing {
    const TableMetadata *metadata;
    const SnapshotRules *rules;
    Arena scratch;
    const Snapshot **order; // oldest first
    bool *keep;             // by place in `order`
    int64_t age_ms;         // that the table or main asks for; -1 = the rules' own
} Choosing;

static int older(const void *a, const void *b) {
    const Snapshot *x = *(const Snapshot *const *)a, *y = *(const Snapshot *const *)b;
    if (x->sequence_number != y->sequence_number) {
        return x->sequence_number < y->sequence_number ? -1 : 1;
    }
    return (x->timestamp_ms > y->timestamp_ms) - (x->timestamp_ms < y->timestamp_ms);
}

// A number that a property gives; -1 = it does not.
static int64_t number_of(const TableMetadata *metadata, const char *key) {
    Slice text = table_property(metadata, key);
    int64_t number = 0;
    if (text.size == 0 || text.size > 18) {
        return -1;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }
        number = number * 10 + (text.data[i] - '0');
    }
    return number;
}

static size_t place_of(const Choosing *choosing, int64_t id) {
    for (size_t i = choosing->metadata->snapshot_count; i-- > 0;) {
        if (choosing->order[i]->id == id) {
            return i;
        }
    }
    return SIZE_MAX;
}

// The one before in its line; where that is gone, the one that was made before it. SIZE_MAX: none.
static size_t previous(const Choosing *choosing, size_t at) {
    int64_t parent = choosing->order[at]->parent_id;
    if (parent < 0) {
        return SIZE_MAX;
    }
    size_t before = at > 0 ? at - 1 : SIZE_MAX;
    if (before == SIZE_MAX || choosing->order[before]->id == parent) {
        return before;
    }
    size_t found = place_of(choosing, parent);
    return found < at ? found : before;
}

static int64_t age_of(const Choosing *choosing, size_t at) {
    return choosing->rules->now_ms - choosing->order[at]->timestamp_ms;
}

static void keep_branch(Choosing *choosing, const SnapshotRef *ref, size_t at) {
    int64_t count = ref->min_snapshots;
    if (count < 0) {
        count = number_of(choosing->metadata, "history.expire.min-snapshots-to-keep");
    }
    count = count < 0 ? (int64_t)choosing->rules->min_snapshots : count;
    for (int64_t i = 0; at != SIZE_MAX; i++, at = previous(choosing, at)) {
        bool young = ref->max_snapshot_age_ms >= 0 && age_of(choosing, at) <= ref->max_snapshot_age_ms;
        if (i >= MAX(count, 1) && !young) {
            return;
        }
        choosing->keep[at] = true;
    }
}

static void keep_refs(Choosing *choosing, Arena *arena, SnapshotChoice *choice) {
    const TableMetadata *metadata = choosing->metadata;
    Slice *gone = ARENA_ARRAY(arena, Slice, metadata->ref_count);
    for (size_t i = 0; i < metadata->ref_count; i++) {
        const SnapshotRef *ref = &metadata->refs[i];
        size_t at = place_of(choosing, ref->snapshot_id);
        int64_t life = ref->max_ref_age_ms;
        life = life < 0 ? number_of(metadata, "history.expire.max-ref-age-ms") : life;
        if (at == SIZE_MAX) {
            continue;
        }
        if (life >= 0 && !slice_is(ref->name, "main") && age_of(choosing, at) > life) {
            gone[choice->ref_count++] = arena_slice(arena, ref->name);
            continue;
        }
        choosing->keep[at] = true;
        if (!ref->tag) {
            keep_branch(choosing, ref, at);
        }
        if (slice_is(ref->name, "main") && ref->max_snapshot_age_ms >= 0) {
            choosing->age_ms = ref->max_snapshot_age_ms;
        }
    }
    choice->refs = gone;
}

// 0: no snapshot of that age stands for others; else for how long one does.
static int64_t step_of(const SnapshotRules *rules, int64_t age_ms) {
    return age_ms <= rules->dense_ms ? 0 : age_ms <= rules->minutes_ms ? MINUTE_MS : HOUR_MS;
}

static bool same_step(const Choosing *choosing, size_t at, int64_t step_ms) {
    if (at + 1 >= choosing->metadata->snapshot_count) {
        return false;
    }
    return choosing->order[at]->timestamp_ms / step_ms == choosing->order[at + 1]->timestamp_ms / step_ms;
}

static void keep_young(Choosing *choosing) {
    for (size_t i = 0; i < choosing->metadata->snapshot_count; i++) {
        int64_t age_ms = age_of(choosing, i);
        if (choosing->age_ms >= 0) {
            choosing->keep[i] |= age_ms <= choosing->age_ms;
        } else if (age_ms <= choosing->rules->retention_ms) {
            int64_t step_ms = step_of(choosing->rules, age_ms);
            choosing->keep[i] |= step_ms == 0 || !same_step(choosing, i, step_ms);
        }
    }
}

void snapshots_to_expire(const TableMetadata *metadata, const SnapshotRules *rules, Arena *arena,
                         SnapshotChoice *choice) {
    size_t count = metadata->snapshot_count;
    Choosing choosing = {.metadata = metadata, .rules = rules};
    *choice = (SnapshotChoice){0};
    if (count == 0) {
        return;
    }
    arena_init(&choosing.scratch, "scratch", 0);
    choosing.age_ms = number_of(metadata, "history.expire.max-snapshot-age-ms");
    choosing.keep = ARENA_ARRAY(&choosing.scratch, bool, count);
    choosing.order = ARENA_ARRAY(&choosing.scratch, const Snapshot *, count);
    for (size_t i = 0; i < count; i++) {
        choosing.order[i] = &metadata->snapshots[i];
    }
    qsort(choosing.order, count, sizeof(const Snapshot *), older); // NOLINT(bugprone-sizeof-expression)
    keep_refs(&choosing, arena, choice);
    size_t current = place_of(&choosing, metadata->current_snapshot_id);
    if (current != SIZE_MAX) {
        choosing.keep[current] = true;
    }
    keep_young(&choosing);
    int64_t *ids = ARENA_ARRAY(arena, int64_t, count);
    for (size_t i = 0; i < count; i++) {
        if (!choosing.keep[i]) {
            ids[choice->count++] = choosing.order[i]->id;
        }
    }
    choice->ids = ids;
    arena_release(&choosing.scratch);
}

// --- orphans ---------------------------------------------------------------------------------------------------

typedef struct Orphan {
    Slice uri;
    uint64_t size;
} Orphan;

typedef struct Orphans {
    Table *table;
    Arena run, scratch;
    Map reached; // by a hash of the URI: two of one hash are both kept
    Buf found;   // Orphan
} Orphans;

static uint64_t uri_key(Orphans *orphans, Slice uri) {
    arena_reset(&orphans->scratch);
    return digest_hash(lake_uri_normal(uri, &orphans->scratch));
}

static bool reached(void *context, Slice uri, Err *err) {
    Orphans *orphans = context;
    map_put_u64(&orphans->reached, uri_key(orphans, uri), orphans);
    return true;
}

static bool listed(void *context, Slice uri, uint64_t size) {
    Orphans *orphans = context;
    if (map_find_u64(&orphans->reached, uri_key(orphans, uri)) == NULL) {
        Orphan orphan = {arena_slice(&orphans->run, uri), size};
        buf_bytes(&orphans->found, &orphan, sizeof(orphan));
    }
    return true;
}

static bool find(Orphans *orphans, LakeIo *io, Err *err) {
    const char *FOLDERS[] = {"data", "metadata"};
    TRY(table_reachable(orphans->table, reached, orphans, err));
    for (size_t i = 0; i < ARRAY_LEN(FOLDERS); i++) {
        Slice folder = slice_of(
            arena_printf(&orphans->run, "%.*s/%s/", SLICE_ARG(table_metadata(orphans->table)->location), FOLDERS[i]));
        TRY(lake_io_list(io, folder, listed, orphans, err));
    }
    return true;
}

static bool visit_old(Orphans *orphans, LakeIo *io, int64_t before_ms,
                      bool (*visit)(void *context, Slice uri, uint64_t size, Err *err), void *context, Err *err) {
    const Orphan *found = (const Orphan *)(const void *)orphans->found.data;
    for (size_t i = 0; i < orphans->found.size / sizeof(*found); i++) {
        int64_t modified_ms = 0;
        if (!lake_io_modified(io, found[i].uri, &modified_ms, err)) {
            if (err->code != ERR_NOT_FOUND) {
                return err_frame(err, __FILE__, __LINE__);
            }
            err_clear(err); // somebody else has removed it
        } else if (modified_ms < before_ms) {
            TRY(visit(context, found[i].uri, found[i].size, err));
        }
    }
    return true;
}

bool table_orphans(Table *table, LakeIo *io, int64_t before_ms,
                   bool (*visit)(void *context, Slice uri, uint64_t size, Err *err), void *context, Err *err) {
    Orphans orphans = {.table = table};
    arena_init(&orphans.run, "orphans", 0);
    arena_init(&orphans.scratch, "scratch", 0);
    bool ok = find(&orphans, io, err) && visit_old(&orphans, io, before_ms, visit, context, err);
    map_release(&orphans.reached);
    buf_release(&orphans.found);
    arena_release(&orphans.scratch);
    arena_release(&orphans.run);
    return ok || err_frame(err, __FILE__, __LINE__);
}
