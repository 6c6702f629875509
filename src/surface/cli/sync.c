// SPDX-License-Identifier: Apache-2.0
// leat sync SOURCE SINK: says what it is going to do, does it, says what it has done.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "flow/pipeline/source_url.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"
#include "surface/cli/plan.h"
#include "surface/cli/progress.h"

#include <unistd.h>

static bool mode_of(const Cli *cli, SourceMode *mode, Err *err) {
    static const struct {
        const char *flag;
        SourceMode mode;
    } MODES[] = {
        {"follow", SOURCE_FOLLOW}, {"snapshot-only", SOURCE_SNAPSHOT_ONLY}, {"no-snapshot", SOURCE_NO_SNAPSHOT}};
    *mode = SOURCE_ONCE;
    for (size_t i = 0; i < ARRAY_LEN(MODES); i++) {
        if (!cli_has(cli, MODES[i].flag)) {
            continue;
        }
        if (*mode != SOURCE_ONCE) {
            FAIL(err, ERR_USAGE, "--follow, --snapshot-only and --no-snapshot exclude each other");
            return err_hint(err, "without any of them: the snapshot, then every change up to the moment it began");
        }
        *mode = MODES[i].mode;
    }
    return true;
}

// --- the configuration -----------------------------------------------------------------------------------------

// A pipeline that exists is continued: its source and sink must be the ones given now.
static bool same_pipeline(const Cli *cli, const PipelineConfig *stored, const char *source_url, const char *sink_url,
                          Err *err) {
    const char *was = source_url_database(cli->arena, stored->source_url);
    const char *is = source_url_database(cli->arena, source_url);
    if (strcmp(was, is) != 0) {
        FAIL(err, ERR_EXISTS, "pipeline %s reads database \"%.60s\", not \"%.60s\"", stored->name, was, is);
        return err_hint(err, "give another --name, or remove it first: leat delete %s", stored->name);
    }
    if (strcmp(stored->sink_url, sink_url) != 0) {
        FAIL(err, ERR_EXISTS, "pipeline %s writes to %.150s, not to %.150s", stored->name, stored->sink_url, sink_url);
        return err_hint(err, "give another --name, or remove it first: leat delete %s", stored->name);
    }
    return true;
}

// What is stored, or defaults.
static bool config_begin(const Cli *cli, PipelineConfig *config, Err *err) {
    const char *data_directory = cli_data_directory(cli), *name = cli_value(cli, "name");
    const char *source_url = cli->arguments[0], *sink_url = cli_sink_url(cli->arena, cli->arguments[1]);
    if (name == NULL) {
        name = pipeline_default_name(cli->arena, source_url, sink_url);
    }
    if (!pipeline_exists(data_directory, name, cli->arena)) {
        const char *format = cli_has(cli, "format") ? cli_value(cli, "format") : "iceberg";
        return pipeline_config_init(config, data_directory, name, source_url, sink_url, format, cli->drivers,
                                    cli->arena, err);
    }
    TRY(pipeline_config_load(data_directory, name, cli->drivers, cli->arena, config, err));
    TRY(same_pipeline(cli, config, source_url, sink_url, err));
    config->source_url = source_url; // it may have the password, which is not stored
    return true;
}

// What is given now replaces what is stored.
static bool config_options(const Cli *cli, PipelineConfig *config, Err *err) {
    if (cli_has(cli, "from-lsn") && !cli_has(cli, "no-snapshot")) {
        FAIL(err, ERR_USAGE, "--from-lsn goes with --no-snapshot");
        return err_hint(err, "with a snapshot, changes are carried from the moment that it shows");
    }
    if (cli_has(cli, "adopt") && cli_has(cli, "no-snapshot")) { // what is not read cannot be made equal
        TRY(pipeline_config_set(config, "adopt.rows", "keep", cli->arena, err));
    }
    const char *slot = config->options.slot;
    bool exists = pipeline_exists(cli_data_directory(cli), config->name, cli->arena);
    for (size_t i = 0; i < cli->command->flag_count; i++) {
        const Flag *flag = &cli->command->flags[i];
        if (flag->option != NULL && cli->values[i] != NULL) {
            TRY(pipeline_config_set(config, flag->option, cli->values[i], cli->arena, err));
        }
    }
    for (int i = 0; i < cli->set_count; i++) {
        const char *equals = strchr(cli->sets[i], '=');
        const char *name = arena_printf(cli->arena, "%.*s", (int)(equals - cli->sets[i]), cli->sets[i]);
        TRY(pipeline_config_set(config, name, equals + 1, cli->arena, err));
    }
    if (exists && strcmp(slot, config->options.slot) != 0) {
        FAIL(err, ERR_OPTION, "the slot of pipeline %s cannot change: its position is in the slot", config->name);
        return err_hint(err, "give another --name, or remove it first: leat delete %s", config->name);
    }
    return !cli_has(cli, "format") || pipeline_config_set(config, "format", cli_value(cli, "format"), cli->arena, err);
}

static void option_line(void *context, const OptionSpec *spec, const char *value) {
    buf_printf(context, "%s=%s\n", spec->name, value);
}

static void config_print(const Cli *cli, const PipelineConfig *config) {
    DEFER(buf_release) Buf out = {0};
    bool removed;
    buf_printf(&out, "name=%s\nsource=%s\n", config->name, source_url_stored(cli->arena, config->source_url, &removed));
    buf_printf(&out, "sink=%s\nformat=%s\ndirectory=%s\n", config->sink_url, config->format, config->directory);
    pipeline_config_each(config, option_line, &out);
    output_write(&out);
}

// --- the run ---------------------------------------------------------------------------------------------------

static void print(const Summary *summary, void (*text)(Buf *, const Summary *), void (*json)(Buf *, const Summary *)) {
    DEFER(buf_release) Buf out = {0};
    (isatty(STDOUT_FILENO) ? text : json)(&out, summary);
    output_write(&out);
}

static void plan_as_text(Buf *out, const Summary *summary) {
    plan_text(out, summary->config, summary->mode, summary->plan);
}
static void plan_as_json(Buf *out, const Summary *summary) {
    plan_json(out, summary->config, summary->mode, summary->plan);
}

static bool plan(const Cli *cli, const Summary *summary, PipelinePlan *to, Err *err) {
    const PipelineConfig *config = summary->config;
    int pid = 0;
    if (cli_pipeline_running(cli, config, &pid)) {
        FAIL(err, ERR_LOCKED, "pipeline %s runs already (pid %d)", config->name, pid);
        return err_hint(err, "watch it: leat status %s; stop it: kill %d", config->name, pid);
    }
    if (pipeline_plan(config, summary->mode, cli->arena, to, err)) {
        print(summary, plan_as_text, plan_as_json);
        return true;
    }
    bool known = pipeline_exists(cli_data_directory(cli), config->name, cli->arena);
    bool waits = summary->mode == SOURCE_FOLLOW && known && !cli_has(cli, "dry-run");
    if (!waits || err_class(err->code) != ERR_CLASS_TRANSIENT) {
        return err_frame(err, __FILE__, __LINE__);
    }
    if (err->code != ERR_INTERRUPTED) { // told to stop while it waits: the run ends as it would later, with 0
        log_warn(LOG_CLI, "the source is away: waiting for it", LOG_TEXT("reason", err->message));
    }
    err_clear(err);
    *to = (PipelinePlan){.slot_cap_bytes = -1};
    return true;
}

// All went well but for tables that the sink could not go on with.
static bool none_aside(const Cli *cli, const PipelineConfig *config, const PipelineReport *last, Err *err) {
    DEFER(buf_release) Buf names = {0};
    for (size_t i = 0; i < last->sink_table_count; i++) {
        buf_text(&names, i > 0 ? "," : "");
        text_plain(&names, last->sink_tables[i].topic);
    }
    if (last->sink_table_count == 0) {
        return true;
    }
    const char *all = arena_text(cli->arena, buf_slice(&names));
    FAIL(err, ERR_TABLE, "%zu tables are set aside, all others are carried: %.200s; %s", last->sink_table_count, all,
         last->sink_tables[0].aside);
    return err_hint(err, "have them read again: leat resync %s --tables %.300s; the next run does it", config->name,
                    all);
}

static bool run(Cli *cli, Summary *summary, PipelineReport *last, Err *err) {
    int64_t began_us = clock_monotonic_us();
    Progress *progress = progress_begin(cli->arena, summary->config->name);
    PipelineRun how = {.mode = summary->mode,
                       .verifies = summary->mode == SOURCE_FOLLOW,
                       .stop = &cli_stop,
                       .report = progress_report,
                       .context = progress,
                       .kept = cli->arena};
    bool ok = pipeline_run(summary->config, &how, last, err);
    summary->rows = progress_rows(progress);
    summary->elapsed_ms = (clock_monotonic_us() - began_us) / 1000;
    progress_end(progress);
    if (!ok && err->code != ERR_INTERRUPTED) {
        return false;
    }
    err_clear(err);
    summary->stopped = cli_stop && summary->mode != SOURCE_FOLLOW;
    cli->exit_code = summary->stopped ? EXIT_INTERRUPTED : EXIT_DONE;
    print(summary, summary_text, summary_json);
    return summary->mode == SOURCE_FOLLOW || none_aside(cli, summary->config, last, err);
}

bool sync_command(Cli *cli, Err *err) {
    PipelineConfig config;
    PipelinePlan planned = {0};
    PipelineReport last = PIPELINE_REPORT_UNKNOWN;
    Summary summary = {.config = &config, .plan = &planned, .last = &last};
    TRY(mode_of(cli, &summary.mode, err));
    TRY(config_begin(cli, &config, err));
    TRY(config_options(cli, &config, err));
    if (cli_has(cli, "print-config")) {
        config_print(cli, &config);
        return true;
    }
    cli_signals();
    TRY(plan(cli, &summary, &planned, err));
    if (cli_has(cli, "dry-run")) {
        return true;
    }
    TRY(pipeline_config_save(&config, err));
    return run(cli, &summary, &last, err);
}
