// SPDX-License-Identifier: Apache-2.0
// Tables that go: the entry, and with `purge` the files that its metadata reaches; never what merely lies beside them.
#include "core/base/log.h"
#include "lake/catalog/embedded/state.h"
#include "lake/iceberg/commit.h"

typedef struct Dropping {
    TableName name;
    TablePointer pointer;
    bool gone;   // found out
    bool shared; // found out: another entry is the same table
} Dropping;

static bool drop_run(Embedded *embedded, void *context, Err *err) {
    Dropping *what = context;
    bool row = false;
    DatabaseStatement *used = embedded_query(embedded, QUERY_UUID_USED),
                      *remove = embedded_query(embedded, QUERY_TABLE_REMOVE);
    database_bind_text(used, 1, what->pointer.uuid);
    TRY(database_step(used, &row, err));
    what->shared = database_int(used, 0) > 1;
    database_reset(used);
    database_bind_text(remove, 1, what->name.space);
    database_bind_text(remove, 2, what->name.table);
    database_bind_text(remove, 3, what->pointer.file);
    TRY(database_execute(remove, err));
    what->gone = database_changed_rows(embedded->database) == 1;
    return true;
}

typedef struct Reached {
    const Embedded *embedded;
    Slice location;
    Buf uris; // each with its length before it
} Reached;

static bool reach(void *context, Slice uri, Err *err) {
    Reached *reached = context;
    if (embedded_is_ours(reached->embedded, reached->location, uri)) {
        buf_slice_sized(&reached->uris, uri);
    }
    return true;
}

// The files that the table reaches. One whose metadata is gone reaches none.
static bool reach_all(Embedded *embedded, Slice file, Arena *arena, Reached *reached, Err *err) {
    Slice json;
    Table *table = NULL;
    if (!embedded_read(embedded, file, arena, &json, err)) {
        bool absent = err->code == ERR_NOT_FOUND;
        if (absent) {
            err_clear(err);
        }
        return absent || err_frame(err, __FILE__, __LINE__);
    }
    TRY(table_open(embedded->io, json, file, &table, err));
    reached->location = arena_slice(arena, table_metadata(table)->location);
    bool good = table_reachable(table, reach, reached, err);
    table_close(table);
    return good || err_frame(err, __FILE__, __LINE__);
}

static void remove_all(Embedded *embedded, TableName name, Slice uris) {
    Reader reader = reader_of(uris);
    uint64_t failures = 0;
    Err first[1] = {{0}};
    while (reader_left(&reader) > 0) {
        Err err[1] = {{0}};
        if (!lake_io_remove(embedded->io, read_slice(&reader), err)) {
            *first = failures++ == 0 ? *err : *first;
        }
    }
    if (failures > 0) {
        log_warn(LOG_API, "files of a purged table are left", LOG_SLICE("table", name.table),
                 LOG_UINT("files", failures), LOG_TEXT("reason", first->message));
    }
}

static bool drop_once(Embedded *embedded, Dropping *what, bool purge, Arena *arena, Err *err) {
    Reached reached = {.embedded = embedded};
    TRY(embedded_pointer(embedded, what->name, arena, &what->pointer, err));
    if (!what->pointer.found) {
        return embedded_no_table(what->name, err);
    }
    bool good = !purge || reach_all(embedded, what->pointer.file, arena, &reached, err);
    good = good && embedded_change(embedded, drop_run, what, err);
    if (good && what->gone && !what->shared) {
        remove_all(embedded, what->name, buf_slice(&reached.uris));
    }
    buf_release(&reached.uris);
    return good || err_frame(err, __FILE__, __LINE__);
}

bool embedded_drop(void *state, TableName name, bool purge, Err *err) {
    Dropping what = {.name = name};
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    bool good = true;
    while (good && !what.gone) { // a commit came in between: look again
        arena_reset(scratch);
        good = drop_once(state, &what, purge, scratch, err);
    }
    arena_release(scratch);
    return good || err_frame(err, __FILE__, __LINE__);
}
