// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/doctor.h"

#include "core/base/json.h"
#include "flow/source/postgres/position.h"
#include "flow/source/postgres/slot.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"
#include "surface/cli/status_file.h"

#include <unistd.h>

static const char *const LEVELS[] = {"ok", "warn", "problem"};

// --- findings --------------------------------------------------------------------------------------------------

static void finding_json(Buf *out, FindingLevel level, const char *check, const char *remedy, const char *text) {
    buf_u8(out, '{');
    json_field_text(out, "event", "finding");
    json_field_text(out, "level", LEVELS[level]);
    json_field_text(out, "check", check);
    json_field_text(out, "text", text);
    json_field_text(out, "remedy", remedy);
    buf_text(out, "}\n");
}

// Each line of a remedy stands by itself, so that it can be copied.
static void remedy_text(Buf *out, const char *remedy) {
    for (const char *at = remedy; *at != '\0';) {
        size_t size = strcspn(at, "\n");
        buf_text(out, "            ");
        text_plain(out, (Slice){(const uint8_t *)at, size});
        buf_u8(out, '\n');
        at += size + (at[size] == '\n');
    }
}

static void finding_text(Buf *out, const Doctor *doctor, FindingLevel level, const char *remedy, const char *text) {
    static const char *const COLORS[] = {"\033[32m", "\033[33m", "\033[31m"};
    buf_text(out, doctor->color ? COLORS[level] : "");
    text_pad(out, slice_of(LEVELS[level]), 8);
    buf_text(out, doctor->color ? "\033[0m" : "");
    buf_text(out, "  ");
    text_plain(out, slice_of(text));
    buf_u8(out, '\n');
    if (remedy != NULL) {
        remedy_text(out, remedy);
    }
}

void finding(Doctor *doctor, FindingLevel level, const char *check, const char *remedy, const char *format, ...) {
    DEFER(buf_release) Buf out = {0};
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    doctor->counts[level]++;
    if (doctor->json) {
        finding_json(&out, level, check, remedy, text);
    } else {
        finding_text(&out, doctor, level, remedy, text);
    }
    output_write(&out);
}

void finding_err(Doctor *doctor, const char *check, Err *err) {
    finding(doctor, FINDING_PROBLEM, check, err->hint[0] != '\0' ? err->hint : NULL, "%s", err->message);
    err_clear(err);
}

// --- what is meant ---------------------------------------------------------------------------------------------

// `options` of a pipeline; NULL = the defaults.
static void doctor_sink(Doctor *doctor, const SinkDriver *driver, const char *url, const void *options) {
    Err err[1] = {{0}};
    if (options == NULL) {
        void *defaults = arena_alloc(doctor->arena, pipeline_sink_options_bytes(driver));
        option_defaults(driver->options, defaults);
        options = defaults;
    }
    SinkContext context = {
        .name = "main", .url = url, .state_directory = "", .options = options, .memory_bytes_max = 16 * MIB};
    if (driver->probe(&context, err)) {
        finding(doctor, FINDING_OK, "sink", NULL, "sink %s can be written", url);
    } else {
        finding_err(doctor, "sink", err);
    }
}

// How far the journal has read; 0 = nothing, or no position that can be read.
static uint64_t journal_lsn(Doctor *doctor, const PipelineConfig *config) {
    Err err[1] = {{0}};
    JournalLook look = {0};
    PgPosition position = {0};
    const char *directory = arena_printf(doctor->arena, "%s/journal", config->directory);
    return journal_look(directory, &look, NULL, NULL, NULL, err) &&
                   pg_position_decode(&look.info.position, &position, err)
               ? position.lsn
               : 0;
}

static void slot_against_journal(Doctor *doctor, const PipelineConfig *config, const PgSlot *slot, const char *name) {
    uint64_t durable = journal_lsn(doctor, config);
    const char *remedy = arena_printf(
        doctor->arena, "leat resync %s --tables '*'   # then run it: reads everything again", config->name);
    if (!slot->exists) {
        bool expected = durable > 0;
        finding(doctor, expected ? FINDING_PROBLEM : FINDING_OK, "slot", expected ? remedy : NULL,
                expected ? "slot %s is gone: changes since the last run cannot be read any more"
                         : "slot %s is not there yet",
                name);
        return;
    }
    if (!slot->ours) {
        finding(doctor, FINDING_PROBLEM, "slot", "choose another name: --slot NAME",
                "slot %s belongs to something else (plugin %s, database %s)", name, slot->plugin, slot->database);
        return;
    }
    if (strcmp(slot->wal_status, "lost") == 0 || slot->invalidation[0] != '\0') {
        finding(doctor, FINDING_PROBLEM, "slot", remedy, "slot %s is invalidated%s%s: its changes are gone", name,
                slot->invalidation[0] != '\0' ? ", " : "", slot->invalidation);
        return;
    }
    if (durable > 0 && slot->confirmed_flush_lsn > durable) {
        finding(doctor, FINDING_PROBLEM, "slot", remedy,
                "slot %s is ahead of the journal (" LSN_FORMAT ", journal " LSN_FORMAT "): going on would leave a gap",
                name, LSN_ARG(slot->confirmed_flush_lsn), LSN_ARG(durable));
        return;
    }
    finding(doctor, FINDING_OK, "slot", NULL, "slot %s and the journal agree", name);
}

static void doctor_slot(Doctor *doctor, const PipelineConfig *config) {
    Err err[1] = {{0}};
    PgConn sql = {0};
    PgSlot slot = {0};
    const char *name =
        config->options.slot[0] != '\0' ? config->options.slot : arena_printf(doctor->arena, "leat_%s", config->name);
    if (pg_conn_open(&sql, config->source_url, PG_CONN_SQL, err) && pg_slot_read(&sql, name, &slot, err)) {
        slot_against_journal(doctor, config, &slot, name);
    } else {
        finding_err(doctor, "slot", err);
    }
    pg_conn_close(&sql);
}

static void doctor_journal(Doctor *doctor, const PipelineConfig *config) {
    Err err[1] = {{0}};
    JournalLook look = {0};
    const char *directory = arena_printf(doctor->arena, "%s/journal", config->directory);
    if (journal_look(directory, &look, NULL, NULL, NULL, err)) {
        finding(doctor, FINDING_OK, "journal", NULL, "journal: epoch %" PRIu64 ", %" PRIu64 " topics%s",
                look.info.epoch, look.topic_count, look.live ? ", being written" : "");
    } else if (err->code == ERR_NOT_FOUND) {
        finding(doctor, FINDING_OK, "journal", NULL, "no journal yet: the pipeline has never run");
        err_clear(err);
    } else {
        finding_err(doctor, "journal", err);
    }
}

// What the sink's requests cost: as the last run went, or at the most, when every table changes all the time.
static void doctor_cost(Doctor *doctor, const PipelineConfig *config, const StatusFile *status) {
    if (strncmp(config->sink_url, "s3://", 5) != 0) {
        return;
    }
    if (status->month_requests_usd >= 0) {
        finding(doctor, FINDING_OK, "cost", NULL,
                "at the last run's rate a month costs about $%.2f for requests, and $%.2f for keeping what it adds (S3 "
                "list prices)",
                status->month_requests_usd, status->month_storage_usd);
        return;
    }
    const OptionSpec *spec = option_find(config->sink->options, "file.rotate.interval");
    JournalLook look = {0};
    const char *directory = arena_printf(doctor->arena, "%s/journal", config->directory);
    if (spec == NULL || !journal_look(directory, &look, NULL, NULL, NULL, &(Err){0}) || look.topic_count == 0) {
        return;
    }
    int64_t interval_ms = *(const int64_t *)(const void *)((const uint8_t *)config->sink_options + spec->offset);
    StoreUsage month = {.put = (look.topic_count + 2) * (uint64_t)(INT64_C(30) * 24 * 3600 * 1000 / interval_ms)};
    finding(doctor, FINDING_OK, "cost", "a longer file.rotate.interval makes fewer, larger files",
            "a month costs at most about $%.2f for requests, if all %" PRIu64 " tables change all the time (S3 list "
            "prices)",
            store_requests_cost(&month), look.topic_count);
}

static bool doctor_pipeline(Doctor *doctor, const Cli *cli, Err *err) {
    PipelineConfig config;
    StatusFile status;
    TRY(cli_pipeline_load(cli, cli->arguments[0], &config, err));
    TRY(status_file_read(config.directory, cli->arena, &status, err));
    int pid = 0;
    if (cli_pipeline_running(cli, &config, &pid)) {
        finding(doctor, FINDING_OK, "pipeline", NULL, "pipeline %s runs, pid %d, phase %s", config.name, pid,
                status.phase);
    } else {
        finding(doctor, FINDING_OK, "pipeline", NULL, "pipeline %s does not run now", config.name);
    }
    for (size_t i = 0; i < status.table_count; i++) {
        if (status.tables[i].reason != NULL) {
            finding(doctor, FINDING_PROBLEM, "table",
                    arena_printf(cli->arena, "leat resync %s --tables %s", config.name, status.tables[i].name),
                    "table %s is set aside: %s", status.tables[i].name, status.tables[i].reason);
        }
    }
    const char *const urls[] = {config.options.journal, config.source_url, config.sink_url};
    doctor_kafka_urls(doctor, urls, ARRAY_LEN(urls));
    doctor_journal(doctor, &config);
    doctor_sink(doctor, config.sink, config.sink_url, config.sink_options);
    doctor_cost(doctor, &config, &status);
    doctor->has_publication = config.options.publication[0] != '\0';
    bool postgres = strcmp(config.source->name, "postgres") == 0;
    if (postgres && doctor_source(doctor, config.source_url, config.options.tables, config.options.exclude)) {
        doctor_slot(doctor, &config);
    }
    return true;
}

// What a server runs with; a pipeline of that name; a source URL; else a place to write to.
static bool doctor_look(Doctor *doctor, const Cli *cli, Err *err) {
    const char *given = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    if (cli_has(cli, "config") || cli_has(cli, "journal") || cli->set_count > 0) {
        TRY(doctor_config(doctor, cli, err));
        if (given == NULL) {
            return true;
        }
    }
    if (given == NULL) {
        return FAIL(err, ERR_USAGE, "leat doctor needs a source, a name or a sink, or --config FILE of a server");
    }
    if (kafka_url_accepts(given)) {
        return doctor_kafka_url(doctor, given, err);
    }
    if (pipeline_exists(cli_data_directory(cli), given, cli->arena)) {
        return doctor_pipeline(doctor, cli, err);
    }
    for (size_t i = 0; cli->drivers->sources[i] != NULL; i++) {
        if (cli->drivers->sources[i]->accepts(given)) {
            doctor_source(doctor, given, cli_value(cli, "tables"), NULL);
            return true;
        }
    }
    const char *url = cli_sink_url(cli->arena, given);
    bool word = strchr(given, '/') == NULL && given[0] != '.' && access(given, F_OK) != 0;
    for (size_t i = 0; cli->drivers->sinks[i] != NULL && !word; i++) {
        if (cli->drivers->sinks[i]->accepts(url)) {
            doctor_sink(doctor, cli->drivers->sinks[i], url, NULL);
            return true;
        }
    }
    PipelineConfig config;
    return cli_pipeline_load(cli, given, &config, err); // says which there are
}

static void totals(const Doctor *doctor) {
    DEFER(buf_release) Buf out = {0};
    const int *counts = doctor->counts;
    if (doctor->json) {
        buf_u8(&out, '{');
        json_field_text(&out, "event", "summary");
        json_field_int(&out, "ok", counts[FINDING_OK]);
        json_field_int(&out, "warn", counts[FINDING_WARN]);
        json_field_int(&out, "problem", counts[FINDING_PROBLEM]);
        buf_text(&out, "}\n");
    } else {
        buf_printf(&out, "%d ok, %d warnings, %d problems\n", counts[0], counts[1], counts[2]);
    }
    output_write(&out);
}

bool doctor_command(Cli *cli, Err *err) {
    const char *form = cli_value(cli, "output");
    if (form != NULL && strcmp(form, "json") != 0 && strcmp(form, "text") != 0) {
        return FAIL(err, ERR_USAGE, "--output is text or json, not \"%.40s\"", form);
    }
    Doctor doctor = {.arena = cli->arena, .color = output_color(STDOUT_FILENO)};
    doctor.json = form != NULL ? strcmp(form, "json") == 0 : !isatty(STDOUT_FILENO);
    cli_signals();
    TRY(doctor_look(&doctor, cli, err));
    totals(&doctor);
    cli->exit_code = doctor.counts[FINDING_PROBLEM] == 0 ? EXIT_DONE : EXIT_FAILED;
    return true;
}
