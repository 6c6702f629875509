// SPDX-License-Identifier: Apache-2.0
// Snapshots that go, files that go with them, orphans. In the maintenance's thread.
//
// Files of expired snapshots are looked for a while later (many snapshots at once), written down in the state directory
// (trash/DUE-RANDOM: a URI a line, DUE in ms since 1970) and removed when they are due, so that readers which had begun
// with such a snapshot come to their end. What a crash forgets is an orphan.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/random.h"
#include "flow/sink/iceberg/maintain_parts.h"

#include <limits.h>
#include <stdlib.h>

#define SECOND_US INT64_C(1000000)
enum { EXPIRED_MAX = 1000, TRASH_BYTES_MAX = 256 * 1024 * 1024 };

// --- files that go ---------------------------------------------------------------------------------------------

typedef struct Going {
    Maintain *maintain;
    Slice location;
    Buf uris;
    size_t count;
} Going;

// Only what lies in the table's own folder: files that were added from elsewhere belong to somebody else.
static bool going_add(void *context, Slice uri, Err *err) {
    Going *going = context;
    size_t size = going->location.size;
    bool inside = uri.size > size && memcmp(uri.data, going->location.data, size) == 0 && uri.data[size] == '/';
    if (inside && memchr(uri.data, '\n', uri.size) == NULL) {
        buf_put(&going->uris, uri);
        buf_u8(&going->uris, '\n');
        going->count++;
    }
    return true;
}

static bool trash_put(Maintain *maintain, Slice uris, Err *err) {
    char path[PATH_MAX];
    int64_t due_ms = clock_wall_us() / 1000 + maintain->context.options->snapshot_grace_ms;
    snprintf(path, sizeof(path), "%s/trash", maintain->context.state_directory);
    TRY(file_make_directories(path, err));
    snprintf(path, sizeof(path), "%s/trash/%" PRId64 "-%016" PRIx64, maintain->context.state_directory, due_ms,
             random_number());
    return file_replace(path, uris, err);
}

static bool expired_files(Maintain *maintain, Kept *kept, Table *table, Err *err) {
    Going going = {.maintain = maintain, .location = table_metadata(table)->location};
    const Snapshot *expired = (const Snapshot *)(const void *)kept->expired.data;
    bool ok = table_unreachable(table, expired, kept->expired.size / sizeof(*expired), going_add, &going, err) &&
              (going.count == 0 || trash_put(maintain, buf_slice(&going.uris), err));
    buf_release(&going.uris);
    buf_reset(&kept->expired);
    arena_reset(kept->expired_arena);
    return ok || err_frame(err, __FILE__, __LINE__);
}

typedef struct Trash {
    Maintain *maintain;
    const char *directory;
    Arena arena[1];
    bool ok;
    Err *err;
} Trash;

static bool trash_remove(Trash *trash, const char *path) {
    Slice rest;
    Err *err = trash->err;
    TRY(file_read_all(path, TRASH_BYTES_MAX, trash->arena, &rest, err));
    while (rest.size > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        Slice uri = {rest.data, end != NULL ? (size_t)(end - rest.data) : rest.size};
        rest = slice_from(rest, MIN(uri.size + 1, rest.size));
        TRY(maintain_pace(trash->maintain, err));
        TRY(uri.size == 0 || lake_io_remove(trash->maintain->io, uri, err));
    }
    return file_remove(path, err);
}

static bool trash_visit(void *context, const char *name) {
    Trash *trash = context;
    char *end = NULL;
    int64_t due_ms = strtoll(name, &end, 10);
    if (end != name && *end == '-' && due_ms <= clock_wall_us() / 1000) {
        trash->ok = trash_remove(trash, arena_printf(trash->arena, "%s/%s", trash->directory, name));
        arena_reset(trash->arena);
    }
    return trash->ok;
}

bool trash_empty(Maintain *maintain, Err *err) {
    char directory[PATH_MAX];
    snprintf(directory, sizeof(directory), "%s/trash", maintain->context.state_directory);
    if (!file_exists(directory)) {
        return true;
    }
    Trash trash = {.maintain = maintain, .directory = directory, .ok = true, .err = err};
    arena_init(trash.arena, "trash", 0);
    bool ok = file_list(directory, trash_visit, &trash, err) && trash.ok;
    arena_release(trash.arena);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- snapshots -------------------------------------------------------------------------------------------------

static void expired_note(Kept *kept, const TableMetadata *metadata, const SnapshotChoice *choice) {
    if (kept->expired.size == 0) {
        kept->expired_us = clock_monotonic_us();
    }
    for (size_t i = 0; i < choice->count; i++) {
        const Snapshot *snapshot = table_snapshot_find(metadata, choice->ids[i]);
        Snapshot gone = {.id = snapshot->id,
                         .parent_id = -1,
                         .manifest_list = arena_slice(kept->expired_arena, snapshot->manifest_list)};
        buf_bytes(&kept->expired, &gone, sizeof(gone));
    }
}

static bool expire(Maintain *maintain, Kept *kept, const TableMetadata *metadata, Arena *arena, bool *done, Err *err) {
    int64_t retention_ms = maintain->context.options->snapshot_retention_ms;
    SnapshotRules rules = {.now_ms = clock_wall_us() / 1000,
                           .dense_ms = MIN(SNAPSHOT_DENSE_MS, retention_ms),
                           .minutes_ms = MIN(SNAPSHOT_MINUTES_MS, retention_ms),
                           .retention_ms = retention_ms,
                           .min_snapshots = 1};
    SnapshotChoice choice;
    snapshots_to_expire(metadata, &rules, arena, &choice);
    *done = choice.count + choice.ref_count > 0;
    if (!*done) {
        return true;
    }
    if (!lake_expire_commit(maintain->catalog, kept->name, metadata, &choice, arena, err)) {
        *done = false; // a branch or tag was set meanwhile: chosen again the next time
        return err->code == ERR_CHANGED ? (err_clear(err), true) : err_frame(err, __FILE__, __LINE__);
    }
    maintain_note(maintain, kept->name);
    expired_note(kept, metadata, &choice);
    return true;
}

// --- orphans ---------------------------------------------------------------------------------------------------

static bool orphan_add(void *context, Slice uri, uint64_t size, Err *err) {
    Going *going = context;
    return maintain_pace(going->maintain, err) && going_add(going, uri, err);
}

static bool orphans(Maintain *maintain, const Kept *kept, Table *table, Err *err) {
    Going going = {.maintain = maintain, .location = table_metadata(table)->location};
    int64_t before_ms = clock_wall_us() / 1000 - maintain->context.options->orphan_age_ms;
    bool ok = table_orphans(table, maintain->io, before_ms, orphan_add, &going, err) &&
              (going.count == 0 || trash_put(maintain, buf_slice(&going.uris), err));
    buf_release(&going.uris);
    if (ok && going.count > 0) {
        log_info(LOG_SINK, "files that no snapshot names are removed", LOG_SLICE("table", kept->name.table),
                 LOG_INT("files", (int64_t)going.count));
    }
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- a table ---------------------------------------------------------------------------------------------------

static bool files_due(const Maintain *maintain, const Kept *kept, int64_t now_us) {
    int64_t patience_us = MAX(600 * SECOND_US, 60 * maintain->context.interval_us);
    return kept->expired.size > 0 &&
           (now_us - kept->expired_us >= patience_us || kept->expired.size >= EXPIRED_MAX * sizeof(Snapshot));
}

static bool table_keep(Maintain *maintain, Kept *kept, Table **table, Arena *arena, Err *err) {
    int64_t now_us = clock_monotonic_us();
    bool expired = false;
    TRY(maintain_load(maintain, kept->name, arena, table, err));
    if (slice_is(table_property(table_metadata(*table), "gc.enabled"), "false")) {
        return true; // its files are others', too
    }
    TRY(expire(maintain, kept, table_metadata(*table), arena, &expired, err));
    if (files_due(maintain, kept, now_us)) {
        if (expired) { // as it is without them
            table_close(*table);
            *table = NULL;
            TRY(maintain_load(maintain, kept->name, arena, table, err));
        }
        TRY(expired_files(maintain, kept, *table, err));
    }
    if (maintain->context.options->orphan_age_ms > 0 && kept->orphans_us <= now_us) {
        kept->orphans_us = now_us + 24 * 3600 * SECOND_US;
        TRY(orphans(maintain, kept, *table, err));
    }
    return true;
}

bool keep_table(Maintain *maintain, Kept *kept, Err *err) {
    Arena arena[1];
    Table *table = NULL;
    arena_init(arena, "maintenance", 0);
    TRY(maintain_pace(maintain, err));
    bool ok = table_keep(maintain, kept, &table, arena, err);
    kept->expire_us = clock_monotonic_us() + MAX(60 * SECOND_US, 10 * maintain->context.interval_us);
    table_close(table);
    arena_release(arena);
    return ok || err_frame(err, __FILE__, __LINE__);
}
