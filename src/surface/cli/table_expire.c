// SPDX-License-Identifier: Apache-2.0
// leat table expire-snapshots | remove-orphan-files. Both are safe beside whoever writes the table: snapshots go by a
// commit of the catalog that moves no branch, and orphans are older than any commit that is under way.
#include "core/base/json.h"
#include "core/sys/clock.h"
#include "lake/iceberg/expire.h"
#include "surface/cli/lake.h"
#include "surface/cli/output.h"
#include "surface/cli/when.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
enum { RETENTION_DAYS = 5 }; // Iceberg's own default

typedef struct Going {
    const Cli *cli;
    CliLake lake;
    CliTable table;
    CliOwner owner;
    bool json, dry_run;
    Buf out;
    int64_t before_ms; // what is younger stays
    uint64_t files, bytes;
} Going;

// A number that a flag gives.
static bool number_take(const Cli *cli, const char *flag, uint64_t *number, Err *err) {
    const char *text = cli_value(cli, flag);
    When when = {0};
    if (text == NULL) {
        return true;
    }
    if (!when_parse(text, &when, err) || when.kind != WHEN_OFFSET) {
        err_clear(err);
        return FAIL(err, ERR_USAGE, "--%s takes a number, not \"%.40s\"", flag, text);
    }
    *number = when.offset;
    return true;
}

static bool before_take(Going *going, int64_t age_ms, Err *err) {
    const char *text = cli_value(going->cli, "older-than");
    When when = {.kind = WHEN_TIME};
    going->before_ms = clock_wall_us() / 1000 - age_ms;
    if (text == NULL) {
        return true;
    }
    int64_t age = 0;
    if (option_parse_duration(text, &age, err)) {
        going->before_ms = clock_wall_us() / 1000 - age;
        return true;
    }
    err_clear(err);
    if (!when_parse(text, &when, err) || when.kind != WHEN_TIME) {
        err_clear(err);
        FAIL(err, ERR_USAGE, "--older-than takes an age or a time, not \"%.40s\"", text);
        return err_hint(err, "write 3d, or 2026-01-31T12:00:00Z");
    }
    going->before_ms = when.time_us / 1000;
    return true;
}

// Files may belong to other tables, too: their owner says so.
static bool may_remove(const Going *going, Err *err) {
    if (!slice_is(table_property(going->table.metadata, "gc.enabled"), "false")) {
        return true;
    }
    FAIL(err, ERR_EXISTS, "table %s has gc.enabled=false: its files are others', too", going->table.text);
    return err_hint(err, "set the property to true when they are not");
}

static bool going_run(Cli *cli, bool (*run)(Going *going, Err *err), Err *err) {
    Going going = {.cli = cli, .dry_run = cli_has(cli, "dry-run")};
    bool good = cli_wants_json(cli, &going.json, err) && cli_lake_open(cli, &going.lake, err) &&
                cli_table_open(&going.lake, cli->arguments[0], &going.table, err) && may_remove(&going, err) &&
                cli_owner_claim(cli, &going.table, &going.owner, err) && run(&going, err);
    if (good) {
        output_write(&going.out);
    }
    cli_owner_release(&going.owner);
    buf_release(&going.out);
    cli_table_close(&going.table);
    cli_lake_close(&going.lake);
    return good || err_frame(err, __FILE__, __LINE__);
}

// Only what lies in the table's own folder: files that were added from elsewhere are somebody else's.
static bool is_own(const Going *going, Slice uri) {
    Slice location = going->table.metadata->location;
    return uri.size > location.size && memcmp(uri.data, location.data, location.size) == 0 &&
           uri.data[location.size] == '/';
}

static bool file_remove_visit(void *context, Slice uri, Err *err) {
    Going *going = context;
    if (!is_own(going, uri)) {
        return true;
    }
    going->files++;
    return going->dry_run || lake_io_remove(going->lake.io, uri, err);
}

// --- snapshots -------------------------------------------------------------------------------------------------

static Snapshot *expired_copy(const Going *going, const SnapshotChoice *choice) {
    Arena *arena = going->cli->arena;
    Snapshot *expired = ARENA_ARRAY(arena, Snapshot, choice->count);
    for (size_t i = 0; i < choice->count; i++) {
        const Snapshot *snapshot = table_snapshot_find(going->table.metadata, choice->ids[i]);
        expired[i] = (Snapshot){
            .id = snapshot->id, .parent_id = -1, .manifest_list = arena_slice(arena, snapshot->manifest_list)};
    }
    return expired;
}

static bool expire_commit(Going *going, const SnapshotChoice *choice, Err *err) {
    size_t count = 0;
    Arena *arena = going->cli->arena;
    TableUpdate *updates = ARENA_ARRAY(arena, TableUpdate, choice->ref_count + 1);
    for (size_t i = 0; i < choice->ref_count; i++) {
        updates[count++] =
            (TableUpdate){.action = UPDATE_REMOVE_SNAPSHOT_REF, .text = arena_slice(arena, choice->refs[i])};
    }
    if (choice->count > 0) {
        updates[count++] = (TableUpdate){.action = UPDATE_REMOVE_SNAPSHOTS, .ids = choice->ids, .count = choice->count};
    }
    Snapshot *expired = expired_copy(going, choice);
    TRY(cli_table_commit(&going->lake, &going->table, NULL, 0, updates, count, err));
    return table_unreachable(going->table.table, expired, choice->count, file_remove_visit, going, err);
}

static bool expire(Going *going, Err *err) {
    uint64_t keep = 1;
    TRY(number_take(going->cli, "keep", &keep, err));
    TRY(before_take(going, RETENTION_DAYS * DAY_MS, err));
    int64_t now_ms = clock_wall_us() / 1000, age_ms = MAX(now_ms - going->before_ms, (int64_t)0);
    const SnapshotRules rules = {.now_ms = now_ms,
                                 .dense_ms = age_ms,
                                 .minutes_ms = age_ms,
                                 .retention_ms = age_ms,
                                 .min_snapshots = MAX((size_t)keep, (size_t)1)};
    SnapshotChoice choice = {0};
    snapshots_to_expire(going->table.metadata, &rules, going->cli->arena, &choice);
    size_t had = going->table.metadata->snapshot_count;
    TRY(going->dry_run || choice.count + choice.ref_count == 0 || expire_commit(going, &choice, err));
    Buf *out = &going->out;
    if (going->json) {
        buf_u8(out, '{');
        json_field_text(out, "table", going->table.text);
        json_field_uint(out, "snapshots_expired", choice.count);
        json_field_uint(out, "snapshots_kept", had - choice.count);
        json_field_uint(out, "refs_expired", choice.ref_count);
        json_field_uint(out, "files_removed", going->files);
        json_field_bool(out, "dry_run", going->dry_run);
        buf_text(out, "}\n");
    } else {
        buf_printf(out, "%s: %zu of %zu snapshots %s", going->table.text, choice.count, had,
                   going->dry_run ? "would expire" : "have expired");
        if (choice.ref_count > 0) {
            buf_printf(out, ", and %zu branches and tags", choice.ref_count);
        }
        if (!going->dry_run) {
            buf_printf(out, "; %" PRIu64 " files that nothing else needs are removed", going->files);
        }
        buf_u8(out, '\n');
    }
    return true;
}

bool table_expire_command(Cli *cli, Err *err) {
    return going_run(cli, expire, err);
}

// --- orphans ---------------------------------------------------------------------------------------------------

static bool orphan_visit(void *context, Slice uri, uint64_t size, Err *err) {
    Going *going = context;
    uint64_t before = going->files;
    TRY(file_remove_visit(going, uri, err));
    if (going->files == before) {
        return true;
    }
    going->bytes += size;
    if (going->json) {
        buf_u8(&going->out, '{');
        json_key(&going->out, "file");
        json_quote(&going->out, uri);
        json_field_uint(&going->out, "bytes", size);
        buf_text(&going->out, "}\n");
    } else {
        text_plain(&going->out, uri);
        buf_u8(&going->out, '\n');
    }
    return true;
}

// What a commit under way has written is not named yet. Only who knows that there is none may look at younger files.
static bool age_check(const Going *going, Err *err) {
    bool young = clock_wall_us() / 1000 - going->before_ms < DAY_MS;
    const CliOwner *owner = &going->owner;
    bool alone = owner->pid == 0 && owner->pipeline != NULL && !owner->elsewhere;
    if (!young || going->dry_run || alone || cli_has(going->cli, "force")) {
        return true;
    }
    FAIL(err, ERR_USAGE, "files younger than a day may be of a commit that is under way");
    return err_hint(err, "give --older-than 1d or more; or, when nobody writes to the table, --force");
}

static bool orphans(Going *going, Err *err) {
    TRY(before_take(going, ORPHAN_AGE_MS, err));
    TRY(age_check(going, err));
    TRY(table_orphans(going->table.table, going->lake.io, going->before_ms, orphan_visit, going, err));
    Buf *out = &going->out;
    if (going->json) {
        buf_u8(out, '{');
        json_field_text(out, "table", going->table.text);
        json_field_uint(out, "files_removed", going->files);
        json_field_uint(out, "bytes", going->bytes);
        json_field_bool(out, "dry_run", going->dry_run);
        buf_text(out, "}\n");
    } else {
        buf_printf(out, "%s: %" PRIu64 " files that nothing names %s, ", going->table.text, going->files,
                   going->dry_run ? "would be removed" : "are removed");
        text_bytes(out, (double)going->bytes);
        buf_u8(out, '\n');
    }
    return true;
}

bool table_orphans_command(Cli *cli, Err *err) {
    return going_run(cli, orphans, err);
}
