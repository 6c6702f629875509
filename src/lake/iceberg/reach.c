// SPDX-License-Identifier: Apache-2.0
// Which files a table's metadata reaches: for expiry, and for those who look for orphans.
#include "core/base/json_reader.h"
#include "lake/iceberg/table_parts.h"

typedef bool (*Visit)(void *context, Slice uri, Err *err);

typedef struct Reach {
    Table *table;
    Arena run;
    Map seen; // manifests that were looked at
    Map kept; // unreachable: manifests that snapshots still have
    Map candidates;
    Visit visit;
    void *context;
} Reach;

static void reach_release(Reach *reach) {
    map_release(&reach->seen);
    map_release(&reach->kept);
    map_release(&reach->candidates);
    arena_release(&reach->run);
}

// The manifests of a snapshot, copied: lists that are kept may be put out.
static bool manifests_of(Reach *reach, const Snapshot *snapshot, ManifestFile **manifests, size_t *count, Err *err) {
    const KnownList *list = NULL;
    TRY(table_list(reach->table, snapshot, &list, err));
    *count = list->count;
    *manifests = ARENA_ARRAY(&reach->run, ManifestFile, list->count);
    for (size_t i = 0; i < list->count; i++) {
        ManifestFile *copy = &(*manifests)[i];
        *copy = list->manifests[i];
        copy->path = arena_slice(&reach->run, copy->path);
        copy->partitions = NULL;
        copy->partition_count = 0;
    }
    return true;
}

static bool each_path(Reach *reach, const ManifestFile *manifest, Visit visit, void *context, Err *err) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "entries", 0);
    ManifestEntry *entries = NULL;
    size_t count = 0;
    TRY(table_entries(reach->table, manifest, (ManifestRead){.live = true}, &arena, &entries, &count, err));
    for (size_t i = 0; i < count; i++) {
        TRY(visit(context, entries[i].file.path, err));
    }
    return true;
}

// --- all that is reached ---------------------------------------------------------------------------------------

// Calls visit for every text member of that name, however deep.
static bool each_text(Slice json, const char *name, Visit visit, void *context, Err *err) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "json", 0);
    JsonReader reader;
    json_reader_init(&reader, json, &arena);
    for (bool named = false;;) {
        JsonToken token = TOKEN_END;
        TRY(json_read(&reader, &token, err));
        if (token == TOKEN_END) {
            return true;
        }
        if (token == TOKEN_TEXT && named) {
            TRY(visit(context, reader.text, err));
        }
        named = token == TOKEN_NAME && slice_is(reader.text, name);
    }
}

static bool statistics(const TableMetadata *metadata, Visit visit, void *context, Err *err) {
    const Slice lists[] = {metadata->statistics, metadata->partition_statistics};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (lists[i].size > 0) {
            TRY(each_text(lists[i], "statistics-path", visit, context, err));
        }
    }
    return true;
}

static bool reach_snapshot(Reach *reach, const Snapshot *snapshot, Err *err) {
    ManifestFile *manifests = NULL;
    size_t count = 0;
    TRY(manifests_of(reach, snapshot, &manifests, &count, err));
    TRY(reach->visit(reach->context, snapshot->manifest_list, err));
    for (size_t i = 0; i < count; i++) {
        if (map_find(&reach->seen, manifests[i].path) == NULL) {
            map_put(&reach->seen, manifests[i].path, reach);
            TRY(reach->visit(reach->context, manifests[i].path, err));
            TRY(each_path(reach, &manifests[i], reach->visit, reach->context, err));
        }
    }
    return true;
}

static bool reach_all(Reach *reach, Err *err) {
    const TableMetadata *metadata = &reach->table->metadata;
    TRY(reach->visit(reach->context, reach->table->metadata_file, err));
    for (size_t i = 0; i < metadata->metadata_log_count; i++) {
        TRY(reach->visit(reach->context, metadata->metadata_log[i].file, err));
    }
    TRY(statistics(metadata, reach->visit, reach->context, err));
    for (size_t i = 0; i < metadata->snapshot_count; i++) {
        TRY(reach_snapshot(reach, &metadata->snapshots[i], err));
    }
    return true;
}

bool table_reachable(Table *table, Visit visit, void *context, Err *err) {
    Reach reach = {.table = table, .visit = visit, .context = context};
    arena_init(&reach.run, "reach", 0);
    bool ok = reach_all(&reach, err);
    reach_release(&reach);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- what is reached no more -----------------------------------------------------------------------------------

static bool add_candidate(void *context, Slice path, Err *err) {
    Reach *reach = context;
    map_put(&reach->candidates, path, reach);
    return true;
}

static bool take_candidate(void *context, Slice path, Err *err) {
    Reach *reach = context;
    (void)map_remove(&reach->candidates, path);
    return true;
}

// What an earlier expiry has taken away already is no error.
static bool gone_already(bool ok, Err *err) {
    if (!ok && err->code == ERR_NOT_FOUND) {
        err_clear(err);
        return true;
    }
    return ok;
}

typedef struct Expired {
    ManifestFile *manifests;
    size_t count;
} Expired;

static bool find_candidates(Reach *reach, const Snapshot *expired, size_t count, Expired *lists, Err *err) {
    for (size_t i = 0; i < count; i++) {
        TRY(gone_already(manifests_of(reach, &expired[i], &lists[i].manifests, &lists[i].count, err), err));
        for (size_t j = 0; j < lists[i].count; j++) {
            const ManifestFile *manifest = &lists[i].manifests[j];
            if (map_find(&reach->kept, manifest->path) == NULL && map_find(&reach->seen, manifest->path) == NULL) {
                map_put(&reach->seen, manifest->path, reach);
                TRY(gone_already(each_path(reach, manifest, add_candidate, reach, err), err));
            }
        }
    }
    return true;
}

// Files live on in manifests that were written since.
static bool keep_reached(Reach *reach, const Expired *kept, size_t count, Err *err) {
    Map read = {0};
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; ok && reach->candidates.count > 0 && j < kept[i].count; j++) {
            if (map_find(&read, kept[i].manifests[j].path) == NULL) {
                map_put(&read, kept[i].manifests[j].path, reach);
                ok = each_path(reach, &kept[i].manifests[j], take_candidate, reach, err);
            }
        }
    }
    map_release(&read);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool visit_unreached(Reach *reach, const Snapshot *expired, size_t count, const Expired *lists, Err *err) {
    for (MapEntry *entry = NULL; (entry = map_next(&reach->candidates, entry)) != NULL;) {
        TRY(reach->visit(reach->context, entry->key, err));
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < lists[i].count; j++) {
            if (map_remove(&reach->seen, lists[i].manifests[j].path) != NULL) { // once
                TRY(reach->visit(reach->context, lists[i].manifests[j].path, err));
            }
        }
        TRY(expired[i].manifest_list.size == 0 || reach->visit(reach->context, expired[i].manifest_list, err));
    }
    return true;
}

static bool unreachable(Reach *reach, const Snapshot *expired, size_t count, Err *err) {
    const TableMetadata *metadata = &reach->table->metadata;
    Expired *kept = ARENA_ARRAY(&reach->run, Expired, metadata->snapshot_count);
    Expired *lists = ARENA_ARRAY(&reach->run, Expired, count);
    for (size_t i = 0; i < metadata->snapshot_count; i++) {
        TRY(manifests_of(reach, &metadata->snapshots[i], &kept[i].manifests, &kept[i].count, err));
        for (size_t j = 0; j < kept[i].count; j++) {
            map_put(&reach->kept, kept[i].manifests[j].path, reach);
        }
    }
    TRY(find_candidates(reach, expired, count, lists, err));
    TRY(keep_reached(reach, kept, metadata->snapshot_count, err));
    return visit_unreached(reach, expired, count, lists, err);
}

bool table_unreachable(Table *table, const Snapshot *expired, size_t count, Visit visit, void *context, Err *err) {
    Reach reach = {.table = table, .visit = visit, .context = context};
    arena_init(&reach.run, "reach", 0);
    bool ok = unreachable(&reach, expired, count, err);
    reach_release(&reach);
    return ok || err_frame(err, __FILE__, __LINE__);
}
