// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/commit_tables.h"

#include "core/sys/crash.h"
#include "flow/sink/iceberg/rebuild.h"
#include "flow/sink/iceberg/record_table.h"

#define PATIENCE_MS (60 * 1000) // with a catalog that is away, before the pump says so and tries again

typedef struct Committing {
    Lake *lake;
    LakeMemory *memory;
    const Map *tables;
    const LakeCut *last;
} Committing;

typedef struct Touched {
    LakeTable *table;
    SnapshotWork work;
    SnapshotMade made;
    TableUpdate updates[3];
    TableRequirement requirements[2];
    Property offset[6];
    bool rows; // else only the offset moves
} Touched;

// Says of each snapshot which one is written last by a catalog that writes table by table: where that one is missing,
// the commit never was (lake/catalog/rebuild.h).
static void last_note(Touched *touched, const Touched *last, Arena *arena) {
    SnapshotWork *work = &touched->work;
    Property *summary = ARENA_ARRAY(arena, Property, work->summary_count + 1);
    memcpy(summary, work->summary, work->summary_count * sizeof(Property));
    summary[work->summary_count] =
        (Property){SLICE("leat.commit-last"),
                   slice_of(arena_printf(arena, "%.*s/%" PRId64, SLICE_ARG(table_metadata(last->table->table)->uuid),
                                         last->work.snapshot_id))};
    work->summary = summary;
    work->summary_count++;
}

static size_t properties_make(Committing *sink, Touched *touched, int64_t snapshot_id, Arena *arena) {
    LakeTable *table = touched->table;
    size_t count = 0;
    memory_note(sink->memory, table->name, table_metadata_file(table->table));
    if (table->records != NULL) { // not ours alone
        touched->offset[count++] = record_property(table->records, arena);
        return count;
    }
    touched->offset[count++] = (Property){SLICE("leat.offset"), slice_of(arena_printf(arena, "%" PRIu64, table->next))};
    touched->offset[count++] =
        (Property){SLICE("leat.epoch"), slice_of(arena_printf(arena, "%" PRIu64, sink->last->epoch))};
    touched->offset[count++] =
        (Property){SLICE("leat.offset-snapshot"), slice_of(arena_printf(arena, "%" PRId64, snapshot_id))};
    if (!slice_equal(table->numbers, table_property(table_metadata(table->table), "leat.columns"))) {
        touched->offset[count++] = (Property){SLICE("leat.columns"), table->numbers};
    }
    if (table->adopted) {
        touched->offset[count++] = (Property){SLICE("leat.adopting"), SLICE("false")};
    }
    if (lake_io_warehouse(sink->lake->io).size == 0) {
        touched->offset[count++] = (Property){SLICE("leat.memory"), sink->memory->uri};
    }
    return count;
}

// The snapshot, and beside it the offset as a property, which outlives it.
static bool commit_make(Committing *sink, Touched *touched, CatalogCommit *commit, Arena *arena, Err *err) {
    LakeTable *table = touched->table;
    const TableMetadata *metadata = table_metadata(table->table);
    size_t updates = 0, requirements = 1;
    int64_t snapshot_id = metadata->current_snapshot_id;
    touched->requirements[0] = (TableRequirement){.kind = REQUIRE_UUID, .text = metadata->uuid};
    if (touched->rows) {
        TRY(table_make_snapshot(table->table, &touched->work, arena, &touched->made, err));
        touched->updates[updates++] = touched->made.updates[0];
        touched->updates[updates++] = touched->made.updates[1];
        memcpy(touched->requirements, touched->made.requirements, sizeof(touched->requirements));
        requirements = ARRAY_LEN(touched->made.requirements);
        snapshot_id = touched->made.snapshot.id;
    }
    size_t count = properties_make(sink, touched, snapshot_id, arena);
    touched->updates[updates++] =
        (TableUpdate){.action = UPDATE_SET_PROPERTIES, .properties = touched->offset, .count = count};
    *commit = (CatalogCommit){.name = table->name,
                              .change = {touched->requirements, requirements, touched->updates, updates}};
    return true;
}

static bool tables_touch(Committing *sink, Touched *touched, size_t *count, Err *err) {
    for (MapEntry *e = NULL; (e = map_next(sink->tables, e)) != NULL;) {
        LakeTable *table = e->value;
        bool none = false;
        Touched *next = &touched[*count];
        next->table = table;
        TRY(lake_table_prepare(table, sink->last, &next->work, &none, err));
        next->rows = !none;
        if (none && table->next == table->committed && !table->adopted) {
            TRY(lake_table_done(table, NULL, err));
        } else {
            (*count)++;
        }
    }
    return true;
}

static bool after_load(Committing *sink, CatalogCommit *commit, Arena *arena, Err *err) {
    return commit->after.metadata_json.size > 0 ||
           catalog_load(sink->lake->catalog, commit->name, arena, &commit->after, err);
}

static bool commits_make(Committing *sink, Touched *touched, size_t count, CatalogCommit *commits, Arena *arena,
                         Err *err) {
    size_t last = count - 1;
    while (last > 0 && !touched[last].rows) {
        last--;
    }
    for (size_t i = 0; i < count; i++) {
        if (last > 0 && touched[i].rows) {
            last_note(&touched[i], &touched[last], arena);
        }
        TRY(commit_make(sink, &touched[i], &commits[i], arena, err));
    }
    return true;
}

// All that the commits will name. Until then nobody looks for it, so it becomes durable in one go.
static bool files_write(Committing *sink, Touched *touched, size_t *count, CatalogCommit *commits, Arena *arena,
                        Err *err) {
    lake_io_defer(sink->lake->io);
    bool ok = tables_touch(sink, touched, count, err);
    if (ok && *count > 0) {
        CRASH_POINT("lake.files_written");
        ok = commits_make(sink, touched, *count, commits, arena, err);
        CRASH_POINT("lake.manifests_written");
    }
    Err unsaid[1] = {{0}};
    ok = lake_io_settle(sink->lake->io, ok ? err : unsaid) && ok;
    return ok || err_frame(err, __FILE__, __LINE__);
}

// The indexes share what one may hold: past it, those that hold most go to the disk.
static bool indexes_mind(Committing *sink, Err *err) {
    for (;;) {
        uint64_t held = 0, most = 0;
        LakeTable *largest = NULL;
        for (MapEntry *e = NULL; (e = map_next(sink->tables, e)) != NULL;) {
            uint64_t its = index_held(e->value);
            held += its;
            largest = its > most ? e->value : largest;
            most = MAX(most, its);
        }
        if (held <= lake_index_memory(sink->lake) || largest == NULL) {
            return true;
        }
        TRY(index_save(largest, false, err));
    }
}

static bool tables_commit(Committing *sink, Arena *arena, Err *err) {
    Touched *touched = ARENA_ARRAY(arena, Touched, sink->tables->count);
    CatalogCommit *commits = ARENA_ARRAY(arena, CatalogCommit, sink->tables->count);
    size_t count = 0;
    TRY(files_write(sink, touched, &count, commits, arena, err));
    if (count == 0) {
        return true;
    }
    TRY(catalog_commit(sink->lake->catalog, commits, count, PATIENCE_MS, arena, err));
    CRASH_POINT("lake.committed");
    sink->lake->commits++;
    for (size_t i = 0; i < count; i++) {
        TRY(after_load(sink, &commits[i], arena, err));
        TRY(lake_table_done(touched[i].table, &commits[i], err));
        memory_note(sink->memory, touched[i].table->name, commits[i].after.metadata_file);
    }
    return indexes_mind(sink, err);
}

bool lake_tables_commit(Lake *lake, LakeMemory *memory, const Map *tables, const LakeCut *last, Arena *arena,
                        Err *err) {
    Committing committing = {lake, memory, tables, last};
    return tables_commit(&committing, arena, err);
}
