// SPDX-License-Identifier: Apache-2.0
// leat table rewrite-data-files: small files, and files with deleted rows, become new ones.
#include "core/base/json.h"
#include "surface/cli/lake.h"
#include "surface/cli/output.h"
#include "surface/cli/when.h"

enum { FILES_MIN = 2, TARGET_BYTES = 128 << 20 };

typedef struct Rewriting {
    const Cli *cli;
    CliLake lake;
    CliTable table;
    CliOwner owner;
    HandWork work;
    HandDone done;
    bool json;
    Buf out;
} Rewriting;

static void said(Rewriting *rewriting) {
    const HandDone *done = &rewriting->done;
    Buf *out = &rewriting->out;
    if (rewriting->json) {
        buf_u8(out, '{');
        json_field_text(out, "table", rewriting->table.text);
        json_field_uint(out, "files_before", done->files_before);
        json_field_uint(out, "files_made", done->files_made);
        json_field_uint(out, "rows_dropped", done->rows_dropped);
        json_field_uint(out, "delete_files_before", done->deletes_before);
        json_field_uint(out, "delete_files_made", done->deletes_made);
        json_field_uint(out, "commits", done->commits);
        json_field_bool(out, "dry_run", rewriting->work.dry_run);
        buf_text(out, "}\n");
    } else if (done->files_before + done->deletes_before == 0) {
        buf_printf(out, "%s: there is nothing to rewrite\n", rewriting->table.text);
    } else if (rewriting->work.dry_run) {
        buf_printf(out, "%s: %" PRIu64 " data files would be rewritten, %" PRIu64 " deleted rows left out\n",
                   rewriting->table.text, done->files_before, done->rows_dropped);
    } else {
        buf_printf(out,
                   "%s: %" PRIu64 " data files are %" PRIu64 " now, without %" PRIu64 " deleted rows; %" PRIu64
                   " delete files are %" PRIu64 "\n",
                   rewriting->table.text, done->files_before, done->files_made, done->rows_dropped,
                   done->deletes_before, done->deletes_made);
    }
}

static bool rules_take(Rewriting *rewriting, Err *err) {
    const char *files_min = cli_value(rewriting->cli, "files-min"), *target = cli_value(rewriting->cli, "target");
    When when = {.offset = FILES_MIN};
    if (files_min != NULL &&
        (!when_parse(files_min, &when, err) || when.kind != WHEN_OFFSET || when.offset < 1 || when.offset > 100000)) {
        err_clear(err);
        return FAIL(err, ERR_USAGE, "--files-min takes a number above 0, not \"%.40s\"", files_min);
    }
    rewriting->work.files_min = (size_t)when.offset;
    rewriting->work.target_bytes = TARGET_BYTES;
    TRY(target == NULL || option_parse_bytes(target, &rewriting->work.target_bytes, err));
    return rewriting->work.target_bytes >= (int64_t)MIB || FAIL(err, ERR_USAGE, "--target is 1MiB or more");
}

static bool rewrite(Rewriting *rewriting, Err *err) {
    TRY(cli_hand(&rewriting->lake, &rewriting->table, &rewriting->owner, &rewriting->work, &rewriting->done, err));
    said(rewriting);
    return true;
}

bool table_rewrite_command(Cli *cli, Err *err) {
    Rewriting *rewriting = ARENA_NEW(cli->arena, Rewriting);
    rewriting->cli = cli;
    rewriting->work = (HandWork){.verb = HAND_REWRITE, .dry_run = cli_has(cli, "dry-run")};
    bool good = cli_wants_json(cli, &rewriting->json, err) && rules_take(rewriting, err) &&
                cli_lake_open(cli, &rewriting->lake, err) &&
                cli_table_open(&rewriting->lake, cli->arguments[0], &rewriting->table, err) &&
                cli_owner_claim(cli, &rewriting->table, &rewriting->owner, err) && rewrite(rewriting, err);
    if (good) {
        output_write(&rewriting->out);
    }
    cli_owner_release(&rewriting->owner);
    buf_release(&rewriting->out);
    cli_table_close(&rewriting->table);
    cli_lake_close(&rewriting->lake);
    return good || err_frame(err, __FILE__, __LINE__);
}
