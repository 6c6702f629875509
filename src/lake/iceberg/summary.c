// SPDX-License-Identifier: Apache-2.0
// Summaries of snapshots (Iceberg specification, Appendix F): what was added and removed, and the totals, which other
// writers take from the parent's and so are always there.
#include "core/base/version.h"
#include "lake/iceberg/table_parts.h"

enum { OWN_MOST = 40 };

void file_counts_add(FileCounts *counts, const DataFile *file) {
    bool vector = file_is_vector(file);
    counts->size += vector ? file->content_size : file->size;
    switch (file->content) {
    case CONTENT_DATA:
        counts->data_files++;
        counts->records += file->record_count;
        return;
    case CONTENT_POSITION_DELETES:
        counts->delete_files++;
        counts->position_files += vector ? 0 : 1;
        counts->vectors += vector ? 1 : 0;
        counts->position_deletes += file->record_count;
        return;
    case CONTENT_EQUALITY_DELETES:
        counts->delete_files++;
        counts->equality_files++;
        counts->equality_deletes += file->record_count;
        return;
    }
}

typedef struct Summary {
    Arena *arena;
    Property *properties;
    size_t count;
} Summary;

static void put_number(Summary *summary, const char *key, int64_t number) {
    summary->properties[summary->count++] =
        (Property){slice_of(key), slice_of(arena_printf(summary->arena, "%" PRId64, number))};
}

static void put_some(Summary *summary, const char *key, int64_t number) {
    if (number > 0) {
        put_number(summary, key, number);
    }
}

static void put_changes(Summary *summary, const FileCounts *added, const FileCounts *removed) {
    put_some(summary, "added-data-files", added->data_files);
    put_some(summary, "deleted-data-files", removed->data_files);
    put_some(summary, "added-delete-files", added->delete_files);
    put_some(summary, "removed-delete-files", removed->delete_files);
    put_some(summary, "added-position-delete-files", added->position_files);
    put_some(summary, "removed-position-delete-files", removed->position_files);
    put_some(summary, "added-equality-delete-files", added->equality_files);
    put_some(summary, "removed-equality-delete-files", removed->equality_files);
    put_some(summary, "added-dvs", added->vectors);
    put_some(summary, "removed-dvs", removed->vectors);
    put_some(summary, "added-records", added->records);
    put_some(summary, "deleted-records", removed->records);
    put_some(summary, "added-files-size", added->size);
    put_some(summary, "removed-files-size", removed->size);
    put_some(summary, "added-position-deletes", added->position_deletes);
    put_some(summary, "removed-position-deletes", removed->position_deletes);
    put_some(summary, "added-equality-deletes", added->equality_deletes);
    put_some(summary, "removed-equality-deletes", removed->equality_deletes);
}

// --- totals ----------------------------------------------------------------------------------------------------

static bool total(const Snapshot *snapshot, const char *key, int64_t *number) {
    Slice value = snapshot_summary(snapshot, key);
    *number = 0;
    bool fits = value.data != NULL && value.size > 0 && value.size <= 18;
    for (size_t i = 0; fits && i < value.size; i++) {
        fits = value.data[i] >= '0' && value.data[i] <= '9';
        *number = *number * 10 + (value.data[i] - '0');
    }
    return fits;
}

static bool totals_of(const Snapshot *snapshot, FileCounts *totals) {
    return total(snapshot, "total-data-files", &totals->data_files) &&
           total(snapshot, "total-delete-files", &totals->delete_files) &&
           total(snapshot, "total-records", &totals->records) && total(snapshot, "total-files-size", &totals->size) &&
           total(snapshot, "total-position-deletes", &totals->position_deletes) &&
           total(snapshot, "total-equality-deletes", &totals->equality_deletes);
}

static bool count_file(void *context, const ManifestEntry *entry, Err *err) {
    file_counts_add(context, &entry->file);
    return true;
}

static void change(FileCounts *totals, const FileCounts *added, const FileCounts *removed) {
    totals->data_files += added->data_files - removed->data_files;
    totals->delete_files += added->delete_files - removed->delete_files;
    totals->records += added->records - removed->records;
    totals->size += added->size - removed->size;
    totals->position_deletes += added->position_deletes - removed->position_deletes;
    totals->equality_deletes += added->equality_deletes - removed->equality_deletes;
}

static bool sensible(const FileCounts *totals) {
    return totals->data_files >= 0 && totals->delete_files >= 0 && totals->records >= 0 && totals->size >= 0 &&
           totals->position_deletes >= 0 && totals->equality_deletes >= 0;
}

static bool find_totals(Table *table, const SummaryParts *parts, FileCounts *totals, Err *err) {
    *totals = (FileCounts){0};
    if (parts->parent != NULL && !totals_of(parts->parent, totals)) {
        *totals = (FileCounts){0};
        TRY(table_each_file(table, parts->parent, false, count_file, totals, err));
    }
    change(totals, &parts->added, &parts->removed);
    if (!sensible(totals) && parts->parent != NULL) { // the parent's are wrong
        *totals = (FileCounts){0};
        TRY(table_each_file(table, parts->parent, false, count_file, totals, err));
        change(totals, &parts->added, &parts->removed);
    }
    return true;
}

bool summary_make(Table *table, const SummaryParts *parts, Arena *arena, Snapshot *snapshot, Err *err) {
    const SnapshotWork *work = parts->work;
    FileCounts totals;
    TRY(find_totals(table, parts, &totals, err));
    Summary summary = {.arena = arena, .properties = ARENA_ARRAY(arena, Property, OWN_MOST + work->summary_count)};
    summary.properties[summary.count++] = (Property){SLICE("operation"), arena_slice(arena, slice_of(work->operation))};
    put_changes(&summary, &parts->added, &parts->removed);
    put_some(&summary, "changed-partition-count", (int64_t)parts->partitions);
    put_number(&summary, "manifests-created", (int64_t)parts->manifests_created);
    put_number(&summary, "manifests-kept", (int64_t)parts->manifests_kept);
    put_number(&summary, "manifests-replaced", (int64_t)parts->manifests_replaced);
    put_number(&summary, "total-records", totals.records);
    put_number(&summary, "total-files-size", totals.size);
    put_number(&summary, "total-data-files", totals.data_files);
    put_number(&summary, "total-delete-files", totals.delete_files);
    put_number(&summary, "total-position-deletes", totals.position_deletes);
    put_number(&summary, "total-equality-deletes", totals.equality_deletes);
    summary.properties[summary.count++] = (Property){SLICE("engine-name"), SLICE("leat")};
    summary.properties[summary.count++] = (Property){SLICE("engine-version"), SLICE(LEAT_VERSION)};
    ASSERT(summary.count <= OWN_MOST);
    for (size_t i = 0; i < work->summary_count; i++) {
        const Property *given = &work->summary[i];
        summary.properties[summary.count++] =
            (Property){arena_slice(arena, given->key), arena_slice(arena, given->value)};
    }
    snapshot->summary = summary.properties;
    snapshot->summary_count = summary.count;
    return true;
}
