// SPDX-License-Identifier: Apache-2.0
// A source connector: its source's events into its journal, under the topics that its program gives them.
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "data/connect/converter.h"
#include "data/connect/program.h"
#include "flow/pipeline/connector_config.h"
#include "flow/pipeline/connector_journal.h"
#include "flow/pipeline/connector_kafka.h"
#include "flow/pipeline/connector_run.h"
#include "flow/pipeline/program_log.h"
#include "storage/kafka/registrar.h"
#include "flow/pipeline/report.h"
#include "flow/pipeline/request.h"
#include "flow/pipeline/source_half.h"

#include <fcntl.h>
#include <limits.h>

#define REPORT_US  1000000
#define TOPICS_US  5000000 // how often the topics of the journal are looked at
#define PINS_US    1000000
#define SPOOL_PART 8 // of memory.limit, as in pipeline.c

typedef struct SourceWorker {
    SourceHalf half; // first: what the source calls gets it
    const ConnectorRun *run;
    int lock;
    bool remote;             // the journal is in Kafka
    PipelineConfig requests; // of resync; only its directory means something
    Arena requested;
    char *resync;

    Arena kept;
    Arena arena; // of an attempt
    Properties config;
    PipelineOptions options;
    ConnectProgram *program;
    Converter *converters[2]; // of values, of keys
    Registrar *registrars[2];
    ConnectorKafka *kafka; // where the records go too; NULL = to readers of the journal only
    bool kafka_asked;      // whether there is one
    SinkPumpLook look;     // the newest at it: the report borrows its text
    Map prepared;          // topics that events chose, whose schemas are registered

    Buf topics; // "topics":[…]
    int64_t report_at, topics_at, pins_at;
    LogPosition pinned;
    PipelinePhase phase; // as reported last
    bool troubled;
} SourceWorker;

// --- reports ---------------------------------------------------------------------------------------------------

static void topic_visit(void *context, Slice name, uint64_t next_offset) {
    Buf *out = context;
    buf_text(out, out->size > 0 && out->data[out->size - 1] != '[' ? ",{" : "{");
    json_key(out, "name");
    json_quote(out, name);
    json_field_uint(out, "next_offset", next_offset);
    buf_u8(out, '}');
}

void connector_topics_json(Buf *out, const char *directory) {
    char path[PATH_MAX];
    DEFER(buf_release) Buf list = {0};
    JournalLook look;
    Err err[1] = {{0}};
    snprintf(path, sizeof(path), "%s/journal", directory);
    buf_text(&list, "[");
    if (file_exists(path) && journal_look(path, &look, NULL, topic_visit, &list, err)) {
        json_key(out, "topics");
        buf_put(out, buf_slice(&list));
        buf_u8(out, ']');
    }
}

// In Debezium's form, from the journal under way, else from what is durable.
static void offsets_put(SourceWorker *worker, Buf *out) {
    const SourceHalf *half = &worker->half;
    const SourceContext context = {
        .properties = worker->run->config, .journal = half->journal, .directory = half->directory};
    Err err[1] = {{0}};
    size_t before = out->size;
    if (!half->source->offsets_get(&context, out, err)) {
        log_debug(LOG_PIPELINE, "the source's offsets cannot be read", LOG_TEXT("reason", err->message));
        out->size = before;
        buf_text(out, "[]");
    }
}

static void quarantined_put(Buf *out, const PipelineReport *report) {
    uint64_t count = 0;
    json_key(out, "quarantined_tables");
    for (size_t i = 0; i < report->table_count; i++) {
        const TableReport *table = &report->tables[i];
        if (table->state == TABLE_QUARANTINED) {
            buf_text(out, count++ == 0 ? "[{" : ",{");
            json_field_text(out, "table", table->name);
            json_field_text(out, "reason", table->reason != NULL ? table->reason : "");
            json_field_lsn(out, "lsn", table->lsn);
            buf_u8(out, '}');
        }
    }
    buf_text(out, count == 0 ? "[]" : "]");
    json_field_uint(out, "quarantined", count);
}

static void report_write(SourceWorker *worker, bool last) {
    DEFER(buf_release) Buf text = {0};
    const PipelineReport *report = &worker->half.report;
    int64_t now = clock_monotonic_us();
    if (last || now >= worker->topics_at) {
        worker->topics_at = now + TOPICS_US;
        buf_reset(&worker->topics);
        connector_topics_json(&worker->topics, worker->half.directory);
    }
    buf_u8(&text, '{');
    pipeline_report_json(&text, report, &(PipelineReportJson){.all_tables = true});
    quarantined_put(&text, report);
    json_field_uint(&text, "records", report->changes);
    json_field_uint(&text, "bytes", report->journal_written);
    if (worker->topics.size > 0) {
        buf_u8(&text, ',');
        buf_put(&text, buf_slice(&worker->topics));
    }
    json_key(&text, "offsets");
    offsets_put(worker, &text);
    buf_u8(&text, '}');
    if (worker->run->report != NULL) {
        worker->run->report(worker->run->context, buf_slice(&text));
    }
}

static void kafka_look(SourceWorker *worker) {
    if (worker->kafka != NULL) {
        connector_kafka_look(worker->kafka, &worker->look);
        pipeline_report_sink(&worker->half.report, &worker->look, worker->half.journal);
    }
}

static bool troubled(const PipelineReport *report) {
    return report->trouble != NULL || report->sink_trouble != NULL;
}

static void reported(SourceHalf *half, bool last) {
    SourceWorker *worker = (SourceWorker *)half;
    int64_t now = clock_monotonic_us();
    kafka_look(worker);
    bool changed = worker->phase != half->report.phase || worker->troubled != troubled(&half->report);
    if (last || changed || now >= worker->report_at) {
        worker->report_at = now + REPORT_US;
        worker->phase = half->report.phase;
        worker->troubled = troubled(&half->report);
        report_write(worker, last);
    }
}

// --- what the source asks --------------------------------------------------------------------------------------

static LogPosition published(void *context) {
    SourceWorker *worker = context;
    int64_t now = clock_monotonic_us();
    if (now >= worker->pins_at) {
        Err err[1] = {{0}};
        worker->pins_at = now + PINS_US;
        if (!journal_pinned(worker->half.journal, UINT64_MAX, &worker->pinned, err)) {
            log_err(LOG_PIPELINE, "the sinks' pins cannot be read", err);
        }
    }
    return worker->pinned;
}

static const char *resync_wanted(void *context) {
    SourceWorker *worker = context;
    if (worker->resync == NULL) {
        arena_reset(&worker->requested);
        worker->resync = pipeline_resync_wanted(&worker->requests, &worker->requested);
    }
    return worker->resync;
}

static void resync_taken(void *context) {
    SourceWorker *worker = context;
    pipeline_resync_taken(&worker->requests);
    worker->resync = NULL;
}

// A record that the registry refuses must not get into the journal.
static bool prepare(SourceWorker *worker, Slice topic, const ConnectRoute *route, Err *err) {
    const Shape *shapes[2] = {route->value, route->key};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        if (shapes[i] != NULL) {
            TRY(converter_prepare(worker->converters[i], topic, shapes[i], err));
        }
    }
    return true;
}

static bool leaves(const ConnectRoute *route) {
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(route->span); i++) {
        any |= route->span[i] > 0;
    }
    return any;
}

static bool route(void *context, const Schema *schema, ConnectRoute *route, Err *err) {
    SourceWorker *worker = context;
    TRY(connect_program_route(worker->program, schema, route, err));
    return route->dynamic || route->topic.size == 0 || !leaves(route) || prepare(worker, route->topic, route, err);
}

static bool route_event(void *context, const Schema *schema, const Event *event, Slice *topic, uint32_t *span,
                        Err *err) {
    SourceWorker *worker = context;
    TRY(connect_program_route_event(worker->program, schema, event, topic, span, err));
    DEFER(buf_release) Buf key = {0};
    buf_u64le(&key, (uint64_t)(uintptr_t)schema);
    buf_put(&key, *topic);
    if (*span == 0 || map_find(&worker->prepared, buf_slice(&key)) != NULL) {
        return true;
    }
    ConnectRoute shapes = {0};
    TRY(connect_program_route(worker->program, schema, &shapes, err));
    TRY(prepare(worker, *topic, &shapes, err));
    map_put(&worker->prepared, buf_slice(&key), worker);
    return true;
}

// --- the run ---------------------------------------------------------------------------------------------------

static bool converters_open(SourceWorker *worker, Err *err) {
    for (int is_key = 0; is_key < 2; is_key++) {
        Registrar **registrar = &worker->registrars[is_key];
        TRY(registrar_new(&worker->config, is_key, registrar, err));
        TRY(converter_new(&worker->arena, &worker->config, is_key,
                          *registrar != NULL ? registrar_contract(*registrar) : NULL, &worker->converters[is_key],
                          err));
    }
    return true;
}

static bool program_open(SourceWorker *worker, Err *err) {
    const ConnectorRun *run = worker->run;
    JournalInfo info;
    ProgramNote note;
    journal_info(worker->half.journal, &info);
    ProgramKeep keep = {.name = run->name, .config = run->config, .begin = info.begin, .end = info.end};
    keep.journal = worker->remote ? worker->half.journal : NULL;
    TRY(program_log_keep(worker->half.directory, &keep, &worker->arena, &note, err));
    ProgramContext context = {.connector = run->name, .run_id = note.run_id};
    context.database = slice_of(properties_text(&worker->arena, &worker->config, "database.dbname", ""));
    return connect_program_new(&worker->arena, &worker->config, &context, &worker->program, err) &&
           converters_open(worker, err);
}

static bool before_journal(SourceHalf *half, Err *err) {
    SourceWorker *worker = (SourceWorker *)half;
    arena_reset(&worker->arena);
    TRY(connector_resolve(&worker->arena, worker->run->config, &worker->config, err));
    TRY(connector_options(&worker->arena, &worker->config, &worker->options, err));
    connector_journal_options(&worker->options, &half->journal_options);
    half->spool_bytes_max = (size_t)worker->options.memory_limit / SPOOL_PART;
    return true;
}

static bool begin(SourceHalf *half, SourceContext *context, Err *err) {
    SourceWorker *worker = (SourceWorker *)half;
    const PipelineOptions *options = &worker->options;
    TRY(program_open(worker, err));
    if (!worker->kafka_asked) {
        const char *id = worker->remote ? program_log_journal_id(half->journal, &worker->kept) : NULL;
        TRY(connector_kafka_start(worker->run, half->directory, id, &worker->kafka, err));
        worker->kafka_asked = true;
    }
    *context = (SourceContext){
        .pipeline = arena_text(&worker->arena, worker->run->name),
        .slot = properties_text(&worker->arena, &worker->config, "slot.name", "debezium"),
        .detach = options->detach,
        .dead_letters = strcmp(options->errors, "dead-letter") == 0,
        .snapshot_connections = (int)options->snapshot_connections,
        .slot_create_timeout_ms = (int)options->slot_create_timeout_ms,
        .catalog_interval_ms = (int)options->catalog_interval_ms,
        .journal_bytes_max = (uint64_t)options->journal_bytes_max,
        .memory_bytes_max = (size_t)options->memory_limit,
        .row_bytes_max = (size_t)options->row_bytes_max,
        .properties = &worker->config,
        .route = route,
        .route_event = route_event,
        .published = published,
        .resync_wanted = resync_wanted,
        .resync_taken = resync_taken,
    };
    return true;
}

static void end(SourceHalf *half) {
    SourceWorker *worker = (SourceWorker *)half;
    for (size_t i = 0; i < ARRAY_LEN(worker->converters); i++) {
        converter_release(worker->converters[i]);
        registrar_close(worker->registrars[i]);
        worker->registrars[i] = NULL;
        worker->converters[i] = NULL;
    }
    connect_program_release(worker->program);
    worker->program = NULL;
    map_release(&worker->prepared);
    worker->prepared = (Map){0};
}

static bool kafka_failed(const SourceHalf *half) {
    const SourceWorker *worker = (const SourceWorker *)half;
    SinkPumpLook look = {0};
    if (worker->kafka != NULL) {
        connector_kafka_look(worker->kafka, &look);
    }
    return look.failed;
}

// What is durable is in Kafka when a connector ends, unless it is asked to stop while Kafka is in trouble: then the
// next run goes on with the rest.
static bool kafka_finish(SourceWorker *worker, bool ok, Err *err) {
    Err why[1] = {{0}};
    kafka_look(worker);
    bool all = (ok && !*worker->run->stop) || (worker->look.tries == 0 && worker->look.trouble[0] == '\0');
    if (all && worker->kafka != NULL) {
        worker->half.report.phase = PIPELINE_FLUSHING;
        source_half_report(&worker->half, false);
    }
    bool finished =
        connector_kafka_finish(worker->kafka, (ConnectorKafkaFinish){.all = all, .stopped = *worker->run->stop}, why);
    worker->kafka = NULL;
    worker->half.report.sink_trouble = NULL;
    worker->half.report.sink_behind_bytes = finished && all ? 0 : worker->half.report.sink_behind_bytes;
    if (!finished && (ok || err->code == ERR_INTERRUPTED)) {
        *err = *why;
        return false;
    }
    return ok;
}

static bool worker_run(SourceWorker *worker, const SourceDriver *driver, Err *err) {
    char path[PATH_MAX];
    SourceHalf *half = &worker->half;
    half->source = driver;
    half->directory = connector_directory(&worker->kept, worker->run);
    TRY(file_make_directories(half->directory, err));
    snprintf(path, sizeof(path), "%s/lock", half->directory);
    TRY(file_lock(path, &worker->lock, err));
    TRY(connector_source_forget(worker->run, half->directory, err));
    TRY(connector_journal_place(worker->run->journal, worker->run->name, worker->run->config, half->directory, err));
    worker->remote = journal_is_remote(arena_printf(&worker->kept, "%s/journal", half->directory));
    worker->requests.directory = half->directory;
    worker->requests.name = "";
    bool ok = kafka_finish(worker, source_half_run(half, err), err);
    half->report.phase = PIPELINE_DONE;
    source_half_report(half, true);
    return ok;
}

bool connector_source_run(const ConnectorRun *run, Err *err) {
    const SourceDriver *driver = connector_source_driver(run);
    if (driver == NULL) {
        return FAIL(err, ERR_OPTION, "connector.class: there is no source of that kind here");
    }
    SourceWorker worker = {.run = run, .lock = -1, .pinned = UINT64_MAX, .phase = PIPELINE_DONE};
    worker.half = (SourceHalf){.mode = SOURCE_FOLLOW,
                               .stop = run->stop,
                               .before = before_journal,
                               .begin = begin,
                               .end = end,
                               .failed = kafka_failed,
                               .reported = reported};
    source_half_init(&worker.half);
    arena_init(&worker.arena, "run", 0);
    arena_init(&worker.kept, "run", 0);
    arena_init(&worker.requested, "run", 0);
    bool ok = worker_run(&worker, driver, err);
    file_close(&worker.lock);
    source_half_release(&worker.half);
    buf_release(&worker.topics);
    arena_release(&worker.requested);
    arena_release(&worker.kept);
    arena_release(&worker.arena);
    return ok;
}
