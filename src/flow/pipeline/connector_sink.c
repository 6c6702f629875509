// SPDX-License-Identifier: Apache-2.0
// A sink connector: a pump for each source that has its topics, found while it runs; or one for topics of a real Kafka.
#include "flow/pipeline/connector_sink.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "flow/pipeline/connector_config.h"
#include "flow/pipeline/connector_run.h"
#include "flow/pipeline/report.h"
#include "flow/pipeline/sink_pump.h"
#include "flow/pipeline/sink_records.h"
#include "flow/pipeline/topic_feed.h"

#include <stdatomic.h>

#define TURN_US      50000
#define SCAN_US      2000000 // how often sources and topics are looked for
#define ASK_US       8000000 // where that asks a Kafka, and there is something to do
#define REPORT_US    1000000
#define OFFSETS_US   5000000
#define MEMORY_PART  2 // of memory.limit: what the sinks hold; the rest is for readers and code
#define SHARE_LEAST  (2 * MIB)
#define STATS_KEPT   3
#define LATEST_BYTES 32

typedef struct SinkWorker SinkWorker;
typedef struct Join Join;

// One source. What follows `pump` is its thread's while it runs.
struct Join {
    Join *next;
    SinkWorker *worker;
    SinkPlace place;
    SinkPumpSpec spec;
    SinkPump *pump;
    char journal_id[JOURNAL_ID_BYTES + 1]; // "" = the journal is in files
    bool listed;                           // by the scan
    LogPosition from;                      // auto.offset.reset=latest: what lies below is passed over

    Arena arena; // of an attempt
    Properties config;
    TopicChoice topics;
    SinkContext target; // its rules
    Wire *wire;
    SinkRecordMaker *maker;
    TopicFeedSpec topics_spec; // of a real Kafka: these three, in place of the two above
    TopicRecords *topics_maker;
    TopicFeed *feed;
    KafkaWatch *watch;
    Map wanted;                  // topic id -> the join, or the worker: it is not
    uint64_t before[STATS_KEPT]; // of the attempts that have ended
    _Atomic uint64_t stats[STATS_KEPT];
};

struct SinkWorker {
    const ConnectorRun *run;
    const SinkDriver *driver;
    Arena arena;
    PipelineOptions options;
    TopicChoice topics;
    bool latest;
    TopicsFrom from;
    TopicOptions topic_options;
    KafkaPlace kafka;                          // of the dead letters, and of the watch
    char trouble[sizeof(((Err *)0)->message)]; // why it is not known where the topics are
    DeadLetters *letters;
    Join *joins;
    size_t count;
    _Atomic size_t share;
    int lock;
    int64_t started_us, scan_at, report_at, offsets_at;
    uint64_t files; // published, as of the offsets reported last
    Buf topics_json, offsets_json;
    Map owners;                            // topic -> folder of the source that has it, during a scan
    bool found;                            // in the source that is looked at
    char journal_id[JOURNAL_ID_BYTES + 1]; // of it
    bool remote;                           // one of them is in Kafka
    const SinkPlace *place;
    Arena *scratch; // of a scan
    Err *err;
};

// --- one source ------------------------------------------------------------------------------------------------

// What each attempt begins with, whatever is read.
static bool begin_target(Join *join, SinkContext *context, Err *err) {
    SinkWorker *worker = join->worker;
    arena_reset(&join->arena);
    TRY(connector_resolve(&join->arena, worker->run->config, &join->config, err));
    TRY(topic_choice_make(&join->arena, &join->config, &join->topics, err));
    TRY(sink_target(&join->arena, worker->driver, &join->config, context, err));
    join->target.rules = context->rules;
    context->memory_bytes_max = worker->share;
    return true;
}

static bool begin(void *owner, SinkContext *context, Err *err) {
    Join *join = owner;
    SinkWorker *worker = join->worker;
    TRY(begin_target(join, context, err));
    TRY(wire_open(&(ProgramPlace){join->place.directory, join->place.journal}, &join->wire, err));
    TRY(sink_records_new(&join->arena, worker->run->name, &join->config, join->wire, worker->letters, &join->maker,
                         err));
    context->records = sink_records_seam(join->maker);
    return true;
}

// The same of topics of a real Kafka.
static bool begin_topics(void *owner, SinkContext *context, Err *err) {
    Join *join = owner;
    SinkWorker *worker = join->worker;
    TRY(begin_target(join, context, err));
    join->topics_spec = (TopicFeedSpec){.connector = worker->run->name,
                                        .directory = join->place.directory,
                                        .sink = worker->driver,
                                        .topics = &join->topics,
                                        .memory_bytes_max = (size_t)worker->options.memory_limit,
                                        .watch = join->watch};
    TRY(topic_options(&join->arena, worker->run, &join->config, &join->topics_spec.options, err));
    TopicRecordsSpec records = {&join->config, worker->letters, strcmp(worker->driver->name, "objects") == 0};
    TRY(topic_records_new(&join->arena, &records, &join->topics_maker, err));
    context->records = topic_records_seam(join->topics_maker);
    return topic_feed_new(&join->arena, &join->topics_spec, context, join->topics_maker, &join->feed, err);
}

static void stats_keep(Join *join) {
    SinkRecordStats stats = {0};
    if (join->maker != NULL) {
        sink_records_stats(join->maker, &stats);
    } else if (join->topics_maker != NULL) {
        topic_records_stats(join->topics_maker, &stats);
    }
    const uint64_t now[STATS_KEPT] = {stats.records, stats.dropped, stats.failed};
    for (size_t i = 0; i < STATS_KEPT; i++) {
        join->stats[i] = join->before[i] + now[i];
    }
}

static void end(void *owner) {
    Join *join = owner;
    stats_keep(join);
    for (size_t i = 0; i < STATS_KEPT; i++) {
        join->before[i] = join->stats[i];
    }
    topic_feed_free(join->feed);
    topic_records_release(join->topics_maker);
    sink_records_release(join->maker);
    wire_close(join->wire);
    topic_choice_release(&join->topics);
    sink_target_release(&join->target);
    map_release(&join->wanted);
    join->feed = NULL;
    join->topics_maker = NULL;
    join->maker = NULL;
    join->wire = NULL;
    join->wanted = (Map){0};
}

static bool wants(void *owner, const JournalEntry *entry) {
    Join *join = owner;
    void *known = map_find_u64(&join->wanted, entry->topic->id);
    if (UNLIKELY(known == NULL)) {
        known = topic_choice_has(&join->topics, entry->topic->name) ? (void *)join : (void *)join->worker;
        map_put_u64(&join->wanted, entry->topic->id, known);
    }
    return known == join && entry->at >= join->from;
}

static bool cut(void *owner, const JournalEntry *cut, Err *err) {
    Join *join = owner;
    if (join->wire != NULL) {
        wire_cut(join->wire, cut);
    }
    stats_keep(join);
    return join->worker->letters == NULL || dead_letters_sync(join->worker->letters, err);
}

// consumer.override.auto.offset.reset=latest: where the journal ended when the sink first saw it; in Kafka its pin
// remembers that.
static bool from_keep(Join *join, Err *err) {
    Arena *arena = &join->worker->arena;
    const char *path = arena_printf(arena, "%s/from", join->place.state_directory);
    Slice bytes;
    JournalLook look = {0};
    if (join->place.remote) {
        TRY(!join->worker->latest || journal_look(join->place.journal, &look, NULL, NULL, NULL, err));
        join->spec.first = look.info.end;
        return true;
    }
    if (!file_exists(join->place.state_directory)) {
        TRY(file_make_directories(join->place.state_directory, err));
        TRY(!join->worker->latest || journal_look(join->place.journal, &look, NULL, NULL, NULL, err));
        const char *text = arena_printf(arena, "%" PRIu64 "\n", look.info.end);
        TRY(!join->worker->latest || file_replace(path, slice_of(text), err));
    }
    if (file_exists(path)) {
        TRY(file_read_all(path, LATEST_BYTES, arena, &bytes, err));
        join->from = strtoull(arena_text(arena, bytes), NULL, 10);
    }
    return true;
}

static bool letters_open(SinkWorker *worker, Err *err) {
    Properties config;
    TRY(connector_resolve(&worker->arena, worker->run->config, &config, err));
    const char *topic = properties_text(&worker->arena, &config, "errors.deadletterqueue.topic.name", "");
    if (topic[0] == '\0' || worker->letters != NULL) {
        return true;
    }
    DeadLettersOptions options = {
        .data_directory = worker->run->data_directory, .connector = worker->run->name, .topic = slice_of(topic)};
    options.context_headers = connector_true(&config, "errors.deadletterqueue.context.headers.enable", false);
    TRY(connector_int(&config, "errors.deadletterqueue.topic.replication.factor", 3, &options.replicas, err));
    if (worker->from == TOPICS_KAFKA) {
        options.kafka = &worker->kafka;
    }
    return dead_letters_open(&options, &worker->letters, err);
}

static bool join_start(SinkWorker *worker, const SinkPlace *place, Err *err) {
    bool kafka = place == NULL, objects = strcmp(worker->driver->name, "objects") == 0;
    Join *join = ARENA_NEW(&worker->arena, Join);
    *join = (Join){.worker = worker};
    if (kafka) {
        sink_topics_place(&worker->arena, worker->run, &join->place);
    } else {
        sink_place_make(&worker->arena, worker->run, place, &join->place);
        memcpy(join->journal_id, worker->journal_id, sizeof(join->journal_id));
    }
    join->listed = true;
    place = &join->place;
    arena_init(&join->arena, "run", 0);
    join->spec = (SinkPumpSpec){.sink = worker->driver,
                                .journal = place->journal,
                                .pin = place->pin,
                                .begin = kafka ? begin_topics : begin,
                                .end = end,
                                .wants = kafka ? NULL : wants,
                                .cut = cut,
                                .feed = kafka ? &TOPIC_FEED : NULL,
                                .feed_owner = &join->feed,
                                .owner = join};
    join->spec.context = (SinkContext){.name = place->pin,
                                       .pipeline = place->pipeline,
                                       .state_directory = place->state_directory,
                                       .data_directory = worker->run->data_directory,
                                       .journal_id = place->remote ? join->journal_id : NULL,
                                       .share = kafka && objects ? &place->share : NULL,
                                       .compared = place->remote,
                                       .memory_share = &worker->share};
    if (kafka) {
        worker->kafka = topic_place(&worker->arena, &worker->topic_options, worker->run->name);
    }
    TRY(letters_open(worker, err));
    TRY(kafka || from_keep(join, err));
    TRY(!kafka || kafka_watch_start(&worker->kafka, worker->topic_options.uncommitted, &join->watch, err));
    TRY(sink_pump_pin(&join->spec, err));
    size_t memory = (size_t)worker->options.memory_limit / MEMORY_PART;
    worker->share = MAX(memory / (worker->count + 1), (size_t)SHARE_LEAST);
    if (!sink_pump_start(&join->spec, &join->pump, err)) {
        kafka_watch_end(join->watch);
        return err_frame(err, __FILE__, __LINE__);
    }
    join->next = worker->joins;
    worker->joins = join;
    worker->count++;
    log_info(LOG_SINK, "reads a source", LOG_TEXT("source", place->source));
    return true;
}

// --- finding sources -------------------------------------------------------------------------------------------

static void topic_seen(void *context, Slice name, uint64_t next_offset) {
    SinkWorker *worker = context;
    if (worker->err->code != ERR_NONE || !topic_choice_has(&worker->topics, name)) {
        return;
    }
    const char *other = map_find(&worker->owners, name);
    if (other != NULL) {
        FAIL(worker->err, ERR_OPTION, "topic %.*s is in the journals of two sources, %s and %s", SLICE_ARG(name), other,
             worker->place->source);
        err_hint(worker->err,
                 "give the sources different topic.prefix, or choose topics of one of them; the offsets of "
                 "the two have nothing to do with each other");
        return;
    }
    map_put(&worker->owners, name, arena_printf(worker->scratch, "%s", worker->place->source));
    worker->found = true;
    Buf *out = &worker->topics_json;
    buf_text(out, out->size > 1 ? ",{" : "{");
    json_key(out, "name");
    json_quote(out, name);
    json_field_uint(out, "next_offset", next_offset);
    buf_u8(out, '}');
}

static void fact_seen(void *context, Slice key, Slice value) {
    SinkWorker *worker = context;
    if (slice_is(key, JOURNAL_ID_FACT)) {
        snprintf(worker->journal_id, sizeof(worker->journal_id), "%.*s", SLICE_ARG(value));
    }
}

static Join *join_of(const SinkWorker *worker, const SinkPlace *place) {
    for (Join *join = worker->joins; join != NULL; join = join->next) {
        if (strcmp(join->place.source, place->source) == 0) {
            return join;
        }
    }
    return NULL;
}

static bool source_seen(void *context, const SinkPlace *place, Err *err) {
    SinkWorker *worker = context;
    JournalLook look;
    worker->found = false;
    worker->place = place;
    worker->journal_id[0] = '\0';
    worker->remote |= place->remote;
    Join *known = join_of(worker, place);
    if (!journal_look(place->journal, &look, fact_seen, topic_seen, worker, err)) {
        if (err_class(err->code) == ERR_CLASS_TRANSIENT && known != NULL) {
            known->listed = true; // it is known no better now
        }
        bool absent = err->code == ERR_NOT_FOUND || err_class(err->code) == ERR_CLASS_TRANSIENT;
        if (absent) { // it is being made
            err_clear(err);
        }
        return absent;
    }
    if (err->code != ERR_NONE || (place->remote && worker->journal_id[0] == '\0')) {
        return err->code == ERR_NONE;
    }
    if (known != NULL) { // one of that name that has begun anew is another: it waits until this one is dropped
        known->listed = !place->remote || strcmp(known->journal_id, worker->journal_id) == 0;
        return true;
    }
    return !worker->found || join_start(worker, place, err);
}

// A journal in Kafka goes with its connector: then there is nothing to read any more.
static void joins_drop(SinkWorker *worker) {
    for (Join **at = &worker->joins; *at != NULL;) {
        Join *join = *at;
        if (!join->place.remote || join->listed) {
            at = &join->next;
            continue;
        }
        SinkPumpLast last = {0};
        Err why[1] = {{0}};
        log_info(LOG_SINK, "a source is there no more", LOG_TEXT("source", join->place.source));
        if (!sink_pump_finish(join->pump, &last, why)) {
            log_debug(LOG_SINK, "it had failed", LOG_TEXT("reason", why->message));
        }
        arena_release(&join->arena);
        *at = join->next;
        worker->count--;
    }
}

static bool journals_scan(SinkWorker *worker, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    map_release(&worker->owners);
    worker->owners = (Map){0};
    worker->err = err;
    buf_reset(&worker->topics_json);
    buf_u8(&worker->topics_json, '[');
    worker->scratch = &scratch;
    worker->remote = false;
    for (Join *join = worker->joins; join != NULL; join = join->next) {
        join->listed = false;
    }
    bool ok = sink_places(&scratch, worker->run, source_seen, worker, err);
    if (ok) {
        joins_drop(worker);
    }
    buf_u8(&worker->topics_json, ']');
    arena_release(&scratch);
    return ok;
}

// Has Kafka one of the topics? That it does not answer is no error: it is asked again.
static bool kafka_look(SinkWorker *worker, bool *any, Err *err) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    KafkaPartition *partitions = NULL;
    size_t count = 0;
    TopicFeedSpec spec = {.connector = worker->run->name,
                          .sink = worker->driver,
                          .topics = &worker->topics,
                          .options = worker->topic_options};
    *any = false;
    worker->trouble[0] = '\0';
    if (!topic_partitions(&spec, &scratch, &partitions, &count, err)) {
        if (err_class(err->code) != ERR_CLASS_TRANSIENT) {
            return err_frame(err, __FILE__, __LINE__);
        }
        snprintf(worker->trouble, sizeof(worker->trouble), "%s", err->message);
        err_clear(err);
        return true;
    }
    *any = count > 0;
    return true;
}

// Kafka has them, and no source here. But one whose journal the sink has read before may only not be here yet: its
// records are in that Kafka too, under other offsets, and would be written a second time.
static bool kafka_choose(SinkWorker *worker, Err *err) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    bool pinned = false;
    if (!sink_topics_pinned(&scratch, worker->run, &pinned, err)) {
        if (err_class(err->code) != ERR_CLASS_TRANSIENT) {
            return err_frame(err, __FILE__, __LINE__);
        }
        snprintf(worker->trouble, sizeof(worker->trouble), "%s", err->message);
        err_clear(err);
        return true;
    }
    worker->from = pinned ? TOPICS_JOURNAL : TOPICS_KAFKA;
    if (pinned) {
        log_info(LOG_SINK, "the sink has read a journal before: waits for its source");
    }
    return true;
}

// A source of this server has its records in its journal before they are in Kafka: so Kafka is asked first.
static bool scan(SinkWorker *worker, Err *err) {
    bool kafka = false;
    if (worker->from == TOPICS_AUTO) {
        DEFER(arena_release) Arena scratch = {.name = "scratch"};
        worker->from = sink_topics_known(&scratch, worker->run);
    }
    TRY(worker->from != TOPICS_AUTO || kafka_look(worker, &kafka, err));
    TRY(worker->from == TOPICS_KAFKA || journals_scan(worker, err));
    if (worker->from == TOPICS_AUTO && worker->count > 0) {
        worker->from = TOPICS_JOURNAL;
    } else if (kafka) {
        TRY(kafka_choose(worker, err));
    }
    return worker->from != TOPICS_KAFKA || worker->count > 0 || join_start(worker, NULL, err);
}

// --- reports ---------------------------------------------------------------------------------------------------

static void offsets_json(SinkWorker *worker) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Buf *out = &worker->offsets_json;
    buf_reset(out);
    buf_u8(out, '[');
    for (Join *join = worker->joins; join != NULL; join = join->next) {
        SinkOffset *offsets = NULL;
        size_t count = 0;
        Err err[1] = {{0}};
        if (!worker->driver->offsets(&join->spec.context, &scratch, &offsets, &count, err)) {
            continue; // it is told when it is opened
        }
        if (join->spec.feed != NULL) {
            sink_topics_json(&worker->topics_json, offsets, count);
        }
        for (size_t i = 0; i < count; i++) {
            sink_offset_json(out, &offsets[i], join->spec.feed != NULL);
        }
    }
    buf_u8(out, ']');
    arena_release(&scratch);
}

typedef struct Sums {
    uint64_t behind, events, bytes, files, published_ms, tries;
    int64_t away_ms;
    bool kafka; // topics of a real Kafka are read: `watched`, in place of `behind`
    KafkaWatchLook watched;
    uint64_t stats[STATS_KEPT];
    StoreUsage requests;
    char trouble[512];
} Sums;

static void sums_make(SinkWorker *worker, Sums *sums) {
    *sums = (Sums){.watched = {.records = -1, .share = -1}};
    snprintf(sums->trouble, sizeof(sums->trouble), "%s", worker->trouble);
    for (Join *join = worker->joins; join != NULL; join = join->next) {
        SinkPumpLook look;
        sink_pump_look(join->pump, &look);
        sums->behind += look.behind_bytes;
        if (join->watch != NULL) {
            sums->kafka = true;
            kafka_watch_look(join->watch, &sums->watched);
        }
        sums->tries += look.tries;
        sums->away_ms = MAX(sums->away_ms, look.away_ms);
        sums->events += look.stats.events;
        sums->bytes += look.stats.bytes;
        sums->files += look.stats.files;
        sums->published_ms = MAX(sums->published_ms, look.stats.published_ms);
        sums->requests.put += look.stats.requests.put + look.stats.requests.part + look.stats.requests.multipart;
        sums->requests.get += look.stats.requests.get + look.stats.requests.head + look.stats.requests.list;
        sums->requests.retries += look.stats.requests.retries;
        for (size_t i = 0; i < STATS_KEPT; i++) {
            sums->stats[i] += join->stats[i];
        }
        if (look.trouble[0] != '\0') {
            memcpy(sums->trouble, look.trouble, sizeof(sums->trouble));
        }
    }
}

// What is not known is left out.
static void behind_json(Buf *text, const Sums *sums) {
    int64_t bytes = sums->kafka ? sums->watched.bytes : (int64_t)sums->behind;
    if (sums->watched.records >= 0) {
        json_field_int(text, "sink_behind_records", sums->watched.records);
    }
    if (bytes >= 0) {
        json_field_int(text, "sink_behind_bytes", bytes);
    }
    retention_json(text, sums->watched.share, sums->watched.where);
    if (sums->kafka) {
        json_field_uint(text, "lost_records", sums->watched.lost);
    }
}

static void report(SinkWorker *worker, const char *phase) {
    DEFER(buf_release) Buf text = {0};
    Sums sums;
    int64_t now = clock_monotonic_us();
    sums_make(worker, &sums);
    if (now >= worker->offsets_at || sums.files != worker->files || strcmp(phase, "done") == 0) {
        worker->files = sums.files;
        worker->offsets_at = now + OFFSETS_US;
        offsets_json(worker);
    }
    buf_u8(&text, '{');
    json_field_text(&text, "phase", worker->count == 0 && strcmp(phase, "done") != 0 ? "waiting" : phase);
    json_field_text(&text, "trouble", sums.trouble[0] != '\0' ? sums.trouble : NULL);
    json_field_int(&text, "elapsed_ms", (now - worker->started_us) / 1000);
    json_field_uint(&text, "sources", worker->count);
    json_field_uint(&text, "records", sums.stats[0]);
    json_field_uint(&text, "filtered", sums.stats[1]);
    json_field_uint(&text, "dead_letters", sums.stats[2]);
    json_field_uint(&text, "sink_events", sums.events);
    json_field_uint(&text, "sink_bytes", sums.bytes);
    json_field_uint(&text, "bytes", sums.bytes);
    json_field_uint(&text, "sink_files", sums.files);
    behind_json(&text, &sums);
    json_field_uint(&text, "sink_tries", sums.tries);
    json_field_int(&text, "sink_away_ms", sums.away_ms);
    json_field_uint(&text, "sink_published_ms", sums.published_ms);
    json_key(&text, "sink_requests");
    buf_u8(&text, '{');
    json_field_uint(&text, "put", sums.requests.put);
    json_field_uint(&text, "get", sums.requests.get);
    json_field_uint(&text, "retries", sums.requests.retries);
    buf_u8(&text, '}');
    json_key(&text, "tables");
    buf_text(&text, "[]");
    json_key(&text, "topics");
    buf_put(&text, buf_slice(&worker->topics_json));
    json_key(&text, "offsets");
    buf_put(&text, buf_slice(&worker->offsets_json));
    buf_u8(&text, '}');
    if (worker->run->report != NULL) {
        worker->run->report(worker->run->context, buf_slice(&text));
    }
}

// --- the run ---------------------------------------------------------------------------------------------------

static bool any_failed(const SinkWorker *worker) {
    for (const Join *join = worker->joins; join != NULL; join = join->next) {
        SinkPumpLook look;
        sink_pump_look(join->pump, &look);
        if (look.failed) {
            return true;
        }
    }
    return false;
}

static bool work(SinkWorker *worker, Err *err) {
    while (!*worker->run->stop) {
        int64_t now = clock_monotonic_us();
        bool failed = any_failed(worker);
        if (failed || now >= worker->scan_at) {
            TRY(scan(worker, err));
            worker->scan_at = now + (worker->remote && worker->count > 0 ? ASK_US : SCAN_US);
            if (failed && any_failed(worker)) { // not of a source that is gone
                return true;
            }
        }
        if (now >= worker->report_at) {
            worker->report_at = now + REPORT_US;
            report(worker, "streaming");
        }
        clock_sleep_us(TURN_US);
    }
    return true;
}

static bool joins_end(SinkWorker *worker, bool ok, Err *err) {
    const SinkPumpLast how = {.stopped = *worker->run->stop};
    for (Join *join = worker->joins; join != NULL; join = join->next) {
        sink_pump_tell(join->pump, &how);
    }
    for (Join *join = worker->joins; join != NULL; join = join->next) {
        SinkPumpLast last = how;
        Err why[1] = {{0}};
        if (!sink_pump_finish(join->pump, &last, why) && ok) {
            *err = *why;
            ok = false;
        }
        kafka_watch_end(join->watch);
        arena_release(&join->arena);
    }
    worker->joins = NULL;
    return ok;
}

static bool prepare(SinkWorker *worker, Err *err) {
    const ConnectorRun *run = worker->run;
    Properties config;
    SinkContext context = {0};
    TRY(sink_driver_find(run, &worker->driver, err));
    TRY(connector_resolve(&worker->arena, run->config, &config, err));
    TRY(connector_options(&worker->arena, &config, &worker->options, err));
    TRY(topic_choice_make(&worker->arena, &config, &worker->topics, err));
    TRY(sink_target(&worker->arena, worker->driver, &config, &context, err));
    sink_target_release(&context);
    const char *reset = properties_text(&worker->arena, &config, "consumer.override.auto.offset.reset", "earliest");
    worker->latest = strcmp(reset, "latest") == 0;
    worker->share = (size_t)worker->options.memory_limit / MEMORY_PART;
    const char *locks = arena_printf(&worker->arena, "%s/connectors", run->data_directory);
    TRY(file_make_directories(locks, err));
    const char *folder = connector_folder(&worker->arena, run->name);
    const char *task = run->task > 0 ? arena_printf(&worker->arena, "@@%" PRIu32, run->task) : "";
    TRY(file_lock(arena_printf(&worker->arena, "%s/%s%s.lock", locks, folder, task), &worker->lock, err));
    TRY(sink_places_forget(&worker->arena, run, err) && sink_shares_forget(&worker->arena, run, err));
    TRY(topic_options(&worker->arena, run, &config, &worker->topic_options, err));
    worker->from = worker->topic_options.from;
    return true;
}

bool connector_sink_run(const ConnectorRun *run, Err *err) {
    SinkWorker worker = {.run = run, .started_us = clock_monotonic_us(), .lock = -1};
    arena_init(&worker.arena, "run", 0);
    buf_text(&worker.topics_json, "[]");
    buf_text(&worker.offsets_json, "[]");
    bool ok = prepare(&worker, err) && work(&worker, err);
    report(&worker, "done");
    ok = joins_end(&worker, ok, err);
    dead_letters_close(worker.letters);
    topic_choice_release(&worker.topics);
    map_release(&worker.owners);
    buf_release(&worker.topics_json);
    buf_release(&worker.offsets_json);
    file_close(&worker.lock);
    arena_release(&worker.arena);
    return ok;
}
