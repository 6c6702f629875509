// SPDX-License-Identifier: Apache-2.0
// A commit of some tables: their requirements against what is current, the new metadata files, then all pointers at
// once. When a pointer has moved meanwhile everything is done again upon the new metadata, as long as the requirements
// hold.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/random.h"
#include "lake/catalog/embedded/state.h"

#include <stdatomic.h>

enum { ATTEMPTS_MAX = 200, EXTRA_UPDATES = 2 };

// One table of a commit, in one attempt.
typedef struct Step {
    CatalogCommit *commit;
    TableChange change; // with what a new table lacks
    TablePointer base;
    TableMetadata before, after;
    Slice json, file;
    const MetadataLogEntry *dropped;
    size_t dropped_count;
    bool written;
} Step;

static bool asks_for(const TableChange *change, UpdateAction action) {
    for (size_t i = 0; i < change->update_count; i++) {
        if (change->updates[i].action == action) {
            return true;
        }
    }
    return false;
}

static bool is_create(const TableChange *change) {
    for (size_t i = 0; i < change->requirement_count; i++) {
        if (change->requirements[i].kind == REQUIRE_CREATE) {
            return true;
        }
    }
    return false;
}

Slice embedded_uuid(Arena *arena) {
    char text[37];
    random_uuid(text);
    return slice_of(arena_printf(arena, "%s", text));
}

// A new table has an identity and a place, whether its maker says so or not.
static bool complete(Embedded *embedded, Step *step, Arena *arena, Err *err) {
    const TableChange *asked = &step->commit->change;
    step->change = *asked;
    if (step->base.found) {
        return true;
    }
    TableUpdate *updates = ARENA_ARRAY(arena, TableUpdate, asked->update_count + EXTRA_UPDATES);
    size_t count = 0;
    if (!asks_for(asked, UPDATE_ASSIGN_UUID)) {
        updates[count++] = (TableUpdate){.action = UPDATE_ASSIGN_UUID, .text = embedded_uuid(arena)};
    }
    if (!asks_for(asked, UPDATE_SET_LOCATION)) {
        TableUpdate *update = &updates[count++];
        *update = (TableUpdate){.action = UPDATE_SET_LOCATION};
        TRY(embedded_location(embedded, step->commit->name, arena, &update->text, err));
    }
    if (asked->update_count > 0) {
        memcpy(updates + count, asked->updates, asked->update_count * sizeof(TableUpdate));
    }
    step->change.updates = updates;
    step->change.update_count = count + asked->update_count;
    return true;
}

static bool read_base(Embedded *embedded, Step *step, Arena *arena, Err *err) {
    const TableMetadata *held = embedded_held(embedded, step->base.file);
    if (held != NULL) { // files are never changed
        step->before = *held;
        return true;
    }
    Slice json;
    TRY(embedded_read(embedded, step->base.file, arena, &json, err));
    return table_metadata_parse(json, arena, &step->before, err) || err_frame(err, __FILE__, __LINE__);
}

static bool names_ref(const TableChange *change, Slice name) {
    for (size_t i = 0; i < change->update_count; i++) {
        if (change->updates[i].action == UPDATE_REMOVE_SNAPSHOT_REF && slice_equal(change->updates[i].text, name)) {
            return true;
        }
    }
    return false;
}

// Who removes snapshots has chosen them before; a branch or tag that has been set to one since keeps it. (Without this
// it would go with its snapshot: no requirement of the protocol covers a name that is new.)
static bool refs_stay(const TableMetadata *before, const TableMetadata *after, const TableChange *change, Err *err) {
    for (size_t i = 0; before != NULL && i < before->ref_count; i++) {
        const SnapshotRef *ref = &before->refs[i];
        if (table_ref_find(after, ref->name) == NULL && !names_ref(change, ref->name)) {
            FAIL(err, ERR_CHANGED, "Cannot remove snapshot %" PRId64 ": %s %.*s points to it", ref->snapshot_id,
                 ref->tag ? "tag" : "branch", (int)MIN(ref->name.size, (size_t)100), (const char *)ref->name.data);
            return err_hint(err, "remove that first, or leave the snapshot");
        }
    }
    return true;
}

// The new metadata, and the name of its file. What clients ask for must lie where tables may.
static bool make(Embedded *embedded, Step *step, Arena *arena, Err *err) {
    const TableMetadata *before = step->base.found ? &step->before : NULL;
    TRY(table_requirements_check(before, &step->commit->change, err));
    TRY(complete(embedded, step, arena, err));
    TRY(table_metadata_apply(before, step->base.file, &step->change, clock_wall_us() / 1000, arena, &step->after,
                             &step->dropped, &step->dropped_count, err));
    TRY(!asks_for(&step->change, UPDATE_REMOVE_SNAPSHOTS) || refs_stay(before, &step->after, &step->change, err));
    if (before == NULL || !slice_equal(before->location, step->after.location)) {
        TRY(embedded_may_lie(embedded, step->after.location, err));
    }
    step->file = table_metadata_next_file(&step->after, step->base.file, arena);
    if (!embedded_is_ours(embedded, step->after.location, step->file)) {
        TRY(embedded_may_lie(embedded, step->file, err));
    }
    DEFER(buf_release) Buf json = {0};
    table_metadata_write(&step->after, &json);
    step->json = arena_slice(arena, buf_slice(&json));
    return true;
}

static bool prepare(Embedded *embedded, Step *step, Arena *arena, Err *err) {
    TableName name = step->commit->name;
    if (!step->base.found) {
        TRY(embedded_name_check(embedded, name, err));
        if (!is_create(&step->commit->change)) {
            return embedded_no_table(name, err);
        }
    } else {
        TRY(read_base(embedded, step, arena, err));
    }
    if (make(embedded, step, arena, err)) {
        return true;
    }
    if (err->code == ERR_CHANGED || err->code == ERR_VALUE) {
        err_prefix(err, "%s.%.*s", embedded_space_text(name.space).text, SLICE_ARG(name.table));
    }
    return err_frame(err, __FILE__, __LINE__);
}

// Where all pointers are, at one moment.
static bool look(Embedded *embedded, Step *steps, size_t count, Arena *arena, Err *err) {
    TRY(database_run(embedded->database, "BEGIN", err));
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        good = embedded_pointer(embedded, steps[i].commit->name, arena, &steps[i].base, err);
    }
    database_rollback(embedded->database);
    return good || err_frame(err, __FILE__, __LINE__);
}

static bool move_one(Embedded *embedded, const Step *step, bool *moved, Err *err) {
    DatabaseStatement *statement = embedded_query(embedded, step->base.found ? QUERY_TABLE_MOVE : QUERY_TABLE_ADD);
    database_bind_text(statement, 1, step->commit->name.space);
    database_bind_text(statement, 2, step->commit->name.table);
    database_bind_text(statement, 3, step->after.uuid);
    database_bind_text(statement, 4, step->file);
    database_bind_int(statement, 5, clock_wall_us() / 1000);
    if (step->base.found) {
        database_bind_text(statement, 6, step->base.file);
    }
    bool good = database_execute(statement, err);
    if (!good && !step->base.found && err->code == ERR_EXISTS) { // made by another, or its namespace is gone
        err_clear(err);
        *moved = false;
        return true;
    }
    *moved = good && database_changed_rows(embedded->database) == 1;
    return good || err_frame(err, __FILE__, __LINE__);
}

// *moved = false: somebody was faster, and nothing is changed. *unknown: it may have been committed although an error
// is given back.
static bool move_all(Embedded *embedded, const Step *steps, size_t count, bool *moved, bool *unknown, Err *err) {
    *moved = true;
    *unknown = false;
    TRY(embedded_begin(embedded, err));
    bool good = true;
    for (size_t i = 0; good && *moved && i < count; i++) {
        good = move_one(embedded, &steps[i], moved, err);
    }
    if (good && *moved) {
        CRASH_POINT("catalog.before_commit");
        *unknown = true;
        good = embedded_end(embedded, err);
        if (good) {
            CRASH_POINT("catalog.committed");
            return true;
        }
    }
    database_rollback(embedded->database);
    return good || err_frame(err, __FILE__, __LINE__);
}

static void remove_written(Embedded *embedded, Step *steps, size_t count) {
    for (size_t i = 0; i < count; i++) {
        Err err[1] = {{0}};
        if (steps[i].written && !lake_io_remove(embedded->io, steps[i].file, err)) {
            log_warn(LOG_API, "a metadata file that came to nothing is left", LOG_SLICE("file", steps[i].file),
                     LOG_TEXT("reason", err->message));
        }
        steps[i].written = false;
    }
}

static bool write_all(Embedded *embedded, Step *steps, size_t count, Err *err) {
    bool ok = true;
    lake_io_defer(embedded->io);
    for (size_t i = 0; ok && i < count; i++) {
        ok = lake_io_put(embedded->io, steps[i].file, steps[i].json, true, err);
        steps[i].written = ok;
        CRASH_POINT("catalog.file_written");
    }
    Err unsaid[1] = {{0}};
    ok = lake_io_settle(embedded->io, ok ? err : unsaid) && ok;
    if (!ok) {
        remove_written(embedded, steps, count);
        return err_frame(err, __FILE__, __LINE__);
    }
    CRASH_POINT("catalog.files_written");
    return true;
}

// What has left the metadata log, when the table wishes so.
static void remove_dropped(Embedded *embedded, const Step *step) {
    Slice wish = table_property(&step->after, "write.metadata.delete-after-commit.enabled");
    for (size_t i = 0; slice_equal(wish, SLICE("true")) && i < step->dropped_count; i++) {
        Err err[1] = {{0}};
        Slice file = step->dropped[i].file;
        if (embedded_is_ours(embedded, step->after.location, file) && !lake_io_remove(embedded->io, file, err)) {
            log_warn(LOG_API, "an old metadata file is left", LOG_SLICE("file", file),
                     LOG_TEXT("reason", err->message));
        }
    }
}

static void finish(Embedded *embedded, const Step *steps, size_t count, Arena *arena) {
    lake_io_defer(embedded->io); // removals that a crash takes back do no harm
    for (size_t i = 0; i < count; i++) {
        CatalogCommit *commit = steps[i].commit;
        commit->done = true;
        commit->after = (CatalogTable){.metadata_json = arena_slice(arena, steps[i].json),
                                       .metadata_file = arena_slice(arena, steps[i].file)};
        embedded_keep(embedded, steps[i].file, steps[i].json);
        remove_dropped(embedded, &steps[i]);
        commit->after.held = metadata_held_copy(&steps[i].after, steps[i].file);
    }
    for (size_t i = 0; i < count; i++) { // not before all are copied: bases go
        embedded_hold(embedded, steps[i].base.file, steps[i].commit->after.held);
    }
    Err unsaid[1] = {{0}};
    if (!lake_io_settle(embedded->io, unsaid)) {
        err_clear(unsaid); // nothing was written
    }
}

// Is there another commit's metadata in place of the one that this attempt stood upon? Then a base that could not be
// read, or files that were there already, are no failure but a race.
static bool moved_meanwhile(Embedded *embedded, const Step *steps, size_t count, Arena *scratch) {
    for (size_t i = 0; i < count; i++) {
        Err err[1] = {{0}};
        TablePointer now;
        if (embedded_pointer(embedded, steps[i].commit->name, scratch, &now, err) &&
            (now.found != steps[i].base.found || !slice_equal(now.file, steps[i].base.file))) {
            return true;
        }
    }
    return false;
}

static bool attempt(Embedded *embedded, CatalogCommit *commits, size_t count, Arena *scratch, Arena *arena, bool *moved,
                    Err *err) {
    Step *steps = ARENA_ARRAY(scratch, Step, count);
    for (size_t i = 0; i < count; i++) {
        steps[i].commit = &commits[i];
    }
    *moved = false;
    TRY(look(embedded, steps, count, scratch, err));
    for (size_t i = 0; i < count; i++) {
        if (!prepare(embedded, &steps[i], scratch, err)) {
            bool again = err->code == ERR_NOT_FOUND && moved_meanwhile(embedded, steps, count, scratch);
            if (again) {
                err_clear(err);
            }
            return again || err_frame(err, __FILE__, __LINE__);
        }
    }
    TRY(write_all(embedded, steps, count, err));
    bool unknown = false, good = move_all(embedded, steps, count, moved, &unknown, err);
    if (good && *moved) {
        finish(embedded, steps, count, arena);
    } else if (!unknown) { // else the files stay: a pointer may name them
        remove_written(embedded, steps, count);
    }
    return good || err_frame(err, __FILE__, __LINE__);
}

static bool twice(const CatalogCommit *commits, size_t count, Err *err) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (slice_equal(commits[i].name.space, commits[j].name.space) &&
                slice_equal(commits[i].name.table, commits[j].name.table)) {
                FAIL(err, ERR_VALUE, "a table is there twice: %s.%.*s", embedded_space_text(commits[i].name.space).text,
                     SLICE_ARG(commits[i].name.table));
                return true;
            }
        }
    }
    return false;
}

bool embedded_commit(void *state, CatalogCommit *commits, size_t count, Arena *arena, Err *err) {
    Embedded *embedded = state;
    Arena scratch[1];
    if (twice(commits, count, err)) {
        return err_frame(err, __FILE__, __LINE__);
    }
    arena_init(scratch, "scratch", 0);
    embedded_hold_less(embedded);
    bool good = true, moved = false;
    for (int i = 0; good && !moved; i++) {
        if (i == ATTEMPTS_MAX) {
            good = FAIL(err, ERR_NET_BUSY, "others were faster %d times", ATTEMPTS_MAX);
        } else if (embedded->stop != NULL && atomic_load_explicit(embedded->stop, memory_order_relaxed)) {
            good = FAIL(err, ERR_INTERRUPTED, "stopped before the commit");
        } else {
            arena_reset(scratch);
            good = attempt(embedded, commits, count, scratch, arena, &moved, err);
        }
    }
    arena_release(scratch);
    return good || err_frame(err, __FILE__, __LINE__);
}
