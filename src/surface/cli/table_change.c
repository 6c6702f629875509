// SPDX-License-Identifier: Apache-2.0
// leat table rollback | upgrade.
#include "core/base/json.h"
#include "surface/cli/as_of.h"
#include "surface/cli/lake.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"

typedef struct Change {
    const Cli *cli;
    CliLake lake;
    CliTable table;
    CliOwner owner;
    bool json;
    Buf out;
} Change;

static bool change_run(Cli *cli, bool (*run)(Change *change, Err *err), Err *err) {
    Change change = {.cli = cli};
    bool good = cli_wants_json(cli, &change.json, err) && cli_lake_open(cli, &change.lake, err) &&
                cli_table_open(&change.lake, cli->arguments[0], &change.table, err) &&
                cli_owner_claim(cli, &change.table, &change.owner, err) && run(&change, err);
    if (good) {
        output_write(&change.out);
    }
    cli_owner_release(&change.owner);
    buf_release(&change.out);
    cli_table_close(&change.table);
    cli_lake_close(&change.lake);
    return good || err_frame(err, __FILE__, __LINE__);
}

// --- rollback --------------------------------------------------------------------------------------------------

// What makes a table leat's. Its names stay: they say how it is called when a catalog is rebuilt.
static const Slice OWNED[] = {
    {(const uint8_t *)"leat.pipeline", 13},     {(const uint8_t *)"leat.owner", 10},
    {(const uint8_t *)"leat.topic", 10},        {(const uint8_t *)"leat.offset", 11},
    {(const uint8_t *)"leat.epoch", 10},        {(const uint8_t *)"leat.mode", 9},
    {(const uint8_t *)"leat.source-table", 17},
};

// A pipeline goes on behind what it has once committed: it never repeats the changes that a rollback takes away.
static bool may_roll_back(const Change *change, Err *err) {
    const CliOwner *owner = &change->owner;
    TRY(cli_owner_idle(change->cli, &change->table, owner, err));
    if (owner->connectors && !cli_has(change->cli, "force")) {
        FAIL(err, ERR_EXISTS, "table %s: sink connector %s writes it, and would not repeat what a rollback takes away",
             change->table.text, owner->pipeline);
        return err_hint(err, "read the older state where it is (time travel); with --force those records are lost");
    }
    if (owner->pipeline == NULL || owner->connectors || cli_has(change->cli, "detach")) {
        return true;
    }
    FAIL(err, ERR_EXISTS, "table %s: pipeline %s writes it, and would not repeat what a rollback takes away",
         change->table.text, owner->pipeline);
    return err_hint(err,
                    "read the older state where it is (time travel), or have the rows read again: leat resync %s; "
                    "--detach makes the table nobody's first",
                    owner->pipeline);
}

static bool target_find(const Change *change, const Snapshot **target, Err *err) {
    const TableMetadata *metadata = change->table.metadata;
    const char *to = cli_value(change->cli, "to");
    to = to != NULL ? to : cli_value(change->cli, "as-of");
    if (to == NULL) {
        FAIL(err, ERR_USAGE, "leat table rollback needs --to");
        return err_hint(err, "write --to a snapshot's id, a position of the source or a time");
    }
    TRY(as_of(metadata, to, target, err));
    if (table_snapshot_current(metadata) == NULL ||
        !table_is_ancestor(metadata, (*target)->id, metadata->current_snapshot_id)) {
        FAIL(err, ERR_CHANGED, "snapshot %" PRId64 " is not one that main has come from", (*target)->id);
        return err_hint(err, "leat table snapshots shows those that there are");
    }
    return true;
}

static void rollback_said(Change *change, const Snapshot *target, int64_t was, bool dry_run) {
    Buf *out = &change->out;
    if (change->json) {
        buf_u8(out, '{');
        json_field_text(out, "table", change->table.text);
        json_field_int(out, "was", was);
        json_field_int(out, "snapshot_id", target->id);
        json_field_bool(out, "dry_run", dry_run);
        buf_text(out, "}\n");
        return;
    }
    const char *position = snapshot_position(target, change->cli->arena);
    buf_printf(out, "%s %s snapshot %" PRId64 "%s%s; it was at %" PRId64 "\n", change->table.text,
               dry_run ? "would be at" : "is at", target->id, position != NULL ? ", position " : "",
               position != NULL ? position : "", was);
}

static bool rollback(Change *change, Err *err) {
    const TableMetadata *metadata = change->table.metadata;
    const Snapshot *target = NULL;
    const SnapshotRef *main_ref = table_ref_find(metadata, SLICE("main"));
    int64_t was = metadata->current_snapshot_id;
    TRY(may_roll_back(change, err));
    TRY(target_find(change, &target, err));
    Snapshot kept = *target; // the metadata goes with the commit
    kept.summary = NULL;
    kept.summary_count = 0;
    rollback_said(change, target, was, cli_has(change->cli, "dry-run"));
    if (cli_has(change->cli, "dry-run")) {
        return true;
    }
    TableUpdate updates[2] = {{.action = UPDATE_SET_SNAPSHOT_REF}};
    updates[0].ref =
        main_ref != NULL
            ? *main_ref
            : (SnapshotRef){
                  .name = SLICE("main"), .min_snapshots = -1, .max_snapshot_age_ms = -1, .max_ref_age_ms = -1};
    updates[0].ref.snapshot_id = kept.id;
    bool detach = change->owner.pipeline != NULL && !change->owner.connectors;
    updates[1] = (TableUpdate){.action = UPDATE_REMOVE_PROPERTIES, .keys = OWNED, .count = ARRAY_LEN(OWNED)};
    TableRequirement still = {.kind = REQUIRE_REF_SNAPSHOT, .text = SLICE("main"), .id = was};
    TRY(cli_table_commit(&change->lake, &change->table, &still, 1, updates, detach ? 2 : 1, err));
    if (detach && !change->json) {
        buf_printf(&change->out, "it is no table of pipeline %s any more, which will not write to it\n",
                   change->owner.pipeline);
    }
    return true;
}

bool table_rollback_command(Cli *cli, Err *err) {
    return change_run(cli, rollback, err);
}

// --- upgrade ---------------------------------------------------------------------------------------------------

enum { VERSION_NEWEST = 3 };

static bool upgrade(Change *change, Err *err) {
    int32_t version = change->table.metadata->format_version;
    bool dry_run = cli_has(change->cli, "dry-run"), wanted = version < VERSION_NEWEST;
    TRY(cli_owner_idle(change->cli, &change->table, &change->owner, err));
    if (wanted && !dry_run) {
        TableUpdate update = {.action = UPDATE_UPGRADE_FORMAT_VERSION, .id = VERSION_NEWEST};
        TRY(cli_table_commit(&change->lake, &change->table, NULL, 0, &update, 1, err));
    }
    Buf *out = &change->out;
    if (change->json) {
        buf_u8(out, '{');
        json_field_text(out, "table", change->table.text);
        json_field_int(out, "was", version);
        json_field_int(out, "format_version", wanted ? VERSION_NEWEST : version);
        json_field_bool(out, "dry_run", dry_run);
        buf_text(out, "}\n");
    } else if (!wanted) {
        buf_printf(out, "%s is of version %" PRId32 " already\n", change->table.text, version);
    } else {
        buf_printf(out, "%s %s of version %d; it was %" PRId32 "\n", change->table.text, dry_run ? "would be" : "is",
                   VERSION_NEWEST, version);
    }
    return true;
}

bool table_upgrade_command(Cli *cli, Err *err) {
    return change_run(cli, upgrade, err);
}
