// SPDX-License-Identifier: Apache-2.0
// leat table expire-snapshots | remove-orphan-files.
#include "core/base/json.h"
#include "core/sys/clock.h"
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
    HandWork work;
    HandDone done;
    bool json;
    Buf out;
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
    going->work.before_ms = clock_wall_us() / 1000 - age_ms;
    if (text == NULL) {
        return true;
    }
    int64_t age = 0;
    if (option_parse_duration(text, &age, err)) {
        going->work.before_ms = clock_wall_us() / 1000 - age;
        return true;
    }
    err_clear(err);
    if (!when_parse(text, &when, err) || when.kind != WHEN_TIME) {
        err_clear(err);
        FAIL(err, ERR_USAGE, "--older-than takes an age or a time, not \"%.40s\"", text);
        return err_hint(err, "write 3d, or 2026-01-31T12:00:00Z");
    }
    going->work.before_ms = when.time_us / 1000;
    return true;
}

static bool going_run(Cli *cli, HandVerb verb, bool (*run)(Going *going, Err *err), Err *err) {
    Going going = {.cli = cli, .work = {.verb = verb, .dry_run = cli_has(cli, "dry-run")}};
    bool good = cli_wants_json(cli, &going.json, err) && cli_lake_open(cli, &going.lake, err) &&
                cli_table_open(&going.lake, cli->arguments[0], &going.table, err) &&
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

static bool hand(Going *going, Err *err) {
    return cli_hand(&going->lake, &going->table, &going->owner, &going->work, &going->done, err);
}

// --- snapshots -------------------------------------------------------------------------------------------------

static bool expire(Going *going, Err *err) {
    uint64_t keep = 1;
    TRY(number_take(going->cli, "keep", &keep, err));
    TRY(before_take(going, RETENTION_DAYS * DAY_MS, err));
    going->work.keep = MAX((size_t)keep, (size_t)1);
    TRY(hand(going, err));
    const HandDone *done = &going->done;
    Buf *out = &going->out;
    if (going->json) {
        buf_u8(out, '{');
        json_field_text(out, "table", going->table.text);
        json_field_uint(out, "snapshots_expired", done->snapshots_expired);
        json_field_uint(out, "snapshots_kept", done->snapshots_before - done->snapshots_expired);
        json_field_uint(out, "refs_expired", done->refs_expired);
        json_field_uint(out, "files_removed", going->done.files);
        json_field_bool(out, "dry_run", going->work.dry_run);
        buf_text(out, "}\n");
    } else {
        buf_printf(out, "%s: %" PRIu64 " of %" PRIu64 " snapshots %s", going->table.text, done->snapshots_expired,
                   done->snapshots_before, going->work.dry_run ? "would expire" : "have expired");
        if (done->refs_expired > 0) {
            buf_printf(out, ", and %" PRIu64 " branches and tags", done->refs_expired);
        }
        if (!going->work.dry_run) {
            buf_printf(out, "; %" PRIu64 " files that nothing else needs are removed", going->done.files);
        }
        buf_u8(out, '\n');
    }
    return true;
}

bool table_expire_command(Cli *cli, Err *err) {
    return going_run(cli, HAND_EXPIRE, expire, err);
}

// --- orphans ---------------------------------------------------------------------------------------------------

static void removed_say(Going *going) {
    for (size_t i = 0; i < going->done.removed_count; i++) {
        const HandFile *file = &going->done.removed[i];
        if (going->json) {
            buf_u8(&going->out, '{');
            json_key(&going->out, "file");
            json_quote(&going->out, file->uri);
            json_field_uint(&going->out, "bytes", file->size);
            buf_text(&going->out, "}\n");
        } else {
            text_plain(&going->out, file->uri);
            buf_u8(&going->out, '\n');
        }
    }
}

// What a commit under way has written is not named yet. Only who knows that there is none may look at younger files.
static bool age_check(const Going *going, Err *err) {
    bool young = clock_wall_us() / 1000 - going->work.before_ms < DAY_MS;
    const CliOwner *owner = &going->owner;
    bool alone = owner->pid == 0 && owner->pipeline != NULL && !owner->elsewhere;
    bool forced = cli_has(going->cli, "force") && owner->pid == 0;
    if (!young || going->work.dry_run || alone || forced) {
        return true;
    }
    FAIL(err, ERR_USAGE, "files younger than a day may be of a commit that is under way");
    if (owner->pid != 0) {
        return err_hint(err, "give --older-than 1d or more; or stop %s first (pid %d)", owner->pipeline, owner->pid);
    }
    return err_hint(err, "give --older-than 1d or more; or, when nobody writes to the table, --force");
}

static bool orphans(Going *going, Err *err) {
    TRY(before_take(going, ORPHAN_AGE_MS, err));
    TRY(age_check(going, err));
    TRY(hand(going, err));
    removed_say(going);
    Buf *out = &going->out;
    if (going->json) {
        buf_u8(out, '{');
        json_field_text(out, "table", going->table.text);
        json_field_uint(out, "files_removed", going->done.files);
        json_field_uint(out, "bytes", going->done.bytes);
        json_field_bool(out, "dry_run", going->work.dry_run);
        buf_text(out, "}\n");
    } else {
        buf_printf(out, "%s: %" PRIu64 " files that nothing names %s, ", going->table.text, going->done.files,
                   going->work.dry_run ? "would be removed" : "are removed");
        text_bytes(out, (double)going->done.bytes);
        buf_u8(out, '\n');
    }
    return true;
}

bool table_orphans_command(Cli *cli, Err *err) {
    return going_run(cli, HAND_ORPHANS, orphans, err);
}
