// SPDX-License-Identifier: Apache-2.0
// leat sink reset NAME.
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"
#include "surface/cli/when.h"

static bool reset_to(const Cli *cli, PipelineReset *how, Err *err) {
    const char *to = cli_value(cli, "to");
    When when = {0};
    if (to == NULL) {
        FAIL(err, ERR_USAGE, "leat sink reset needs --to");
        return err_hint(err, "write --to earliest, latest, an offset or a time");
    }
    if (strcmp(to, "earliest") == 0 || strcmp(to, "latest") == 0) {
        how->to = strcmp(to, "latest") == 0 ? RESET_LATEST : RESET_EARLIEST;
        return true;
    }
    TRY(when_parse(to, &when, err));
    how->to = when.kind == WHEN_OFFSET ? RESET_OFFSET : RESET_TIME;
    how->offset = when.offset;
    how->time_us = when.time_us;
    return true;
}

static void reset_table(const Cli *cli, const SinkReset *topics, size_t count, Buf *out) {
    enum { COLUMNS = 4 };
    const char **cells = ARENA_ARRAY(cli->arena, const char *, (count + 1) * COLUMNS);
    size_t at = 0;
    cells[at++] = "TOPIC";
    cells[at++] = "NEXT OFFSET";
    cells[at++] = "FROM THEN ON";
    cells[at++] = "FILES REMOVED";
    for (size_t i = 0; i < count; i++) {
        const SinkReset *topic = &topics[i];
        DEFER(buf_release) Buf plain = {0};
        text_plain(&plain, topic->topic);
        cells[at++] = arena_text(cli->arena, buf_slice(&plain));
        cells[at++] = arena_printf(cli->arena, "%" PRIu64, topic->was);
        cells[at++] = arena_printf(cli->arena, "%" PRIu64, topic->now);
        cells[at++] = arena_printf(cli->arena, "%" PRIu64, topic->files);
    }
    text_table(out, cells, count + 1, COLUMNS);
}

static bool agreed(const Cli *cli, const PipelineConfig *config, PipelineReset how, Err *err) {
    SinkReset *topics = NULL;
    size_t count = 0;
    uint64_t files = 0, skipped = 0;
    how.dry_run = true;
    TRY(pipeline_reset(config, &how, cli->arena, &topics, &count, err));
    for (size_t i = 0; i < count; i++) {
        files += topics[i].files;
        skipped += topics[i].now > topics[i].was ? topics[i].now - topics[i].was : 0;
    }
    if (files + skipped == 0) {
        return true;
    }
    const char *question = arena_printf(
        cli->arena, "remove %" PRIu64 " files of %s, to be written anew, and pass over %" PRIu64 " records?", files,
        config->sink_url, skipped);
    return cli_confirmed(cli, question) || FAIL(err, ERR_INTERRUPTED, "nothing was changed");
}

bool sink_reset_command(Cli *cli, Err *err) {
    PipelineConfig config;
    PipelineReset how = {.tables = cli_value(cli, "tables"), .dry_run = cli_has(cli, "dry-run")};
    SinkReset *topics = NULL;
    size_t count = 0;
    DEFER(buf_release) Buf out = {0};
    TRY(reset_to(cli, &how, err));
    TRY(cli_pipeline_load(cli, cli->arguments[0], &config, err));
    TRY(cli_pipeline_stopped(cli, &config, err));
    TRY(how.dry_run || agreed(cli, &config, how, err));
    TRY(pipeline_reset(&config, &how, cli->arena, &topics, &count, err));
    reset_table(cli, topics, count, &out);
    buf_text(&out, how.dry_run ? "nothing is changed yet\n" : "the next run goes on from there\n");
    output_write(&out);
    return true;
}
