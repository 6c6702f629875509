// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/connector_kafka.h"

#include "core/base/log.h"
#include "core/sys/file.h"
#include "flow/pipeline/config.h"
#include "flow/pipeline/connector_config.h"
#include "flow/pipeline/wire.h"

#include <limits.h>
#include <strings.h>

#define PIN         CONNECTOR_KAFKA_PIN
#define OWN         "leat.kafka."
#define BROKERS     "bootstrap.servers"
#define MEMORY_PART 4 // of memory.limit, as in pipeline.c

// Where a connector's records go.
typedef struct Target {
    Arena *arena;
    const SinkDriver *sink;
    const char *brokers; // "" = nowhere
    void *options;
    const char *key; // of the configuration: what is read, or is wrong
} Target;

struct ConnectorKafka {
    const ConnectorRun *run;
    const char *directory;
    const char *journal_id;
    Arena run_arena[1];
    SinkPump *pump;
    bool compared; // with the target, in this run

    Arena arena[1]; // of an attempt; what follows is the pump's thread's
    Properties config;
    Wire *wire;
    WireProgram *program; // of the entry that was made last
    SinkRecords records;
};

// --- the target --------------------------------------------------------------------------------------------------

// A connector's own converters, names and transforms say what its records look like, and its name whose they are.
static const char *const NOT_HERE[] = {"format",         "envelope",         "topic.prefix",    "registry",
                                       "json.",          "tombstones",       "inexact.",        "debezium.",
                                       "key.converter.", "value.converter.", "transactional.id"};

static bool target_set(Target *target, const char *prefix, Slice name, Slice value, Err *err) {
    const char *option = arena_text(target->arena, name), *text = arena_text(target->arena, value);
    target->key = arena_printf(target->arena, "%s%s", prefix, option);
    if (strcmp(option, BROKERS) == 0) {
        target->brokers = text;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(NOT_HERE); i++) {
        if (strncmp(option, NOT_HERE[i], strlen(NOT_HERE[i])) == 0) {
            return FAIL(err, ERR_OPTION, "%s: each connector's own configuration says that", target->key);
        }
    }
    return option_set(target->sink->options, target->options, option, text, target->arena, err) ||
           err_prefix(err, "%s", target->key);
}

static bool target_set_all(Target *target, const char *prefix, const Properties *options, Err *err) {
    for (size_t i = 0; options != NULL && i < options->count; i++) {
        TRY(target_set(target, prefix, options->at[i].name, options->at[i].value, err));
    }
    return true;
}

static bool target_new(Arena *arena, const PipelineDrivers *drivers, Target *target, Err *err) {
    *target = (Target){.arena = arena, .brokers = "", .key = ""};
    for (const SinkDriver *const *at = drivers->sinks; *at != NULL && target->sink == NULL; at++) {
        target->sink = strcmp((*at)->name, "kafka") == 0 ? *at : NULL;
    }
    if (target->sink == NULL) {
        return FAIL(err, ERR_OPTION, "this leat has no Kafka sink");
    }
    target->options = arena_alloc(arena, pipeline_sink_options_bytes(target->sink));
    option_defaults(target->sink->options, target->options);
    // Without rules of its own a topic is what the brokers make of one that nobody has described.
    return option_set(target->sink->options, target->options, "topic.creation.default.partitions", "-1", arena, err);
}

static bool connect_keys(Target *target, const Properties *config, Err *err) {
    static const char *const SAME[] = {"topic.creation.", "producer.override.", "consumer.override."};
    for (size_t i = 0; i < config->count; i++) {
        const Property *at = &config->at[i];
        bool same = false;
        for (size_t j = 0; j < ARRAY_LEN(SAME); j++) {
            size_t size = strlen(SAME[j]);
            same = same || (at->name.size > size && memcmp(at->name.data, SAME[j], size) == 0);
        }
        TRY(!same || at->value.data == NULL || target_set(target, "", at->name, at->value, err));
    }
    return true;
}

static const char *text_of(Target *target, const Properties *config, const char *key, const char *otherwise) {
    target->key = key;
    const char *text = properties_text(target->arena, config, key, otherwise);
    return text[0] != '\0' ? text : otherwise;
}

static bool exactly_once(Target *target, const Properties *config, bool enabled, Err *err) {
    const char *wanted = text_of(target, config, "exactly.once.support", "requested");
    if (!enabled && strcasecmp(wanted, "required") == 0) {
        FAIL(err, ERR_OPTION, "exactly.once.support is required, and records are written without transactions here");
        return err_hint(err, "set kafka.exactly.once.support=enabled of the server");
    }
    const char *boundary = text_of(target, config, "transaction.boundary", "poll");
    if (strcasecmp(boundary, "connector") == 0) {
        return FAIL(err, ERR_OPTION,
                    "transaction.boundary: The connector does not support connector-defined transaction boundaries "
                    "with the given configuration. Please reconfigure it to use a different transaction boundary "
                    "definition.");
    }
    if (strcasecmp(boundary, "interval") != 0) {
        return true;
    }
    const char *interval = text_of(target, config, "transaction.boundary.interval.ms", "60000");
    Slice ms = slice_of(arena_printf(target->arena, "%sms", interval));
    return target_set(target, "", SLICE("transaction.interval"), ms, err) &&
           target_set(target, "", SLICE("transaction.linger"), ms, err);
}

static bool headers_check(Target *target, const Properties *config, Err *err) {
    const char *converter = text_of(target, config, "header.converter", "SimpleHeaderConverter");
    const char *name = strrchr(converter, '.') != NULL ? strrchr(converter, '.') + 1 : converter;
    return strcmp(name, "SimpleHeaderConverter") == 0 ||
           FAIL(err, ERR_OPTION, "header.converter: headers are written by SimpleHeaderConverter only");
}

// `config` has its references resolved.
static bool target_make(Arena *arena, const ConnectorRun *run, const Properties *config, Target *target, Err *err) {
    Properties own = properties_under(arena, config, slice_of(OWN));
    DEFER(buf_release) Buf support = {0};
    TRY(target_new(arena, run->drivers, target, err));
    TRY(target_set_all(target, "kafka.", run->kafka, err) && target_set_all(target, OWN, &own, err));
    if (target->brokers[0] == '\0') {
        return true;
    }
    option_print(option_find(target->sink->options, "exactly.once.support"), target->options, &support);
    return connect_keys(target, config, err) &&
           exactly_once(target, config, slice_is(buf_slice(&support), "enabled"), err) &&
           headers_check(target, config, err);
}

// kafka://HOST:PORT,…/; Kafka's lists may have spaces in them.
static const char *url_of(Target *target) {
    size_t count = 0;
    Slice *brokers = properties_list(target->arena, slice_of(target->brokers), &count);
    const char *url = "kafka://";
    for (size_t i = 0; i < count; i++) {
        url = arena_printf(target->arena, "%s%s%.*s", url, i > 0 ? "," : "", SLICE_ARG(brokers[i]));
    }
    return arena_printf(target->arena, "%s/", url);
}

bool connector_kafka_check(const PipelineDrivers *drivers, const Properties *server, Err *err) {
    Arena scratch[1];
    Target target;
    arena_init(scratch, "scratch", 0);
    bool ok = target_new(scratch, drivers, &target, err) && target_set_all(&target, "kafka.", server, err);
    if (ok && server->count > 0 && properties_find(server, SLICE(BROKERS)) == NULL) {
        ok = FAIL(err, ERR_OPTION, "options of Kafka are given, and no kafka." BROKERS);
    }
    arena_release(scratch);
    return ok;
}

bool connector_kafka_validate(const ConnectorRun *run, const Properties *config, Arena *arena, const char **key,
                              Err *err) {
    Target target;
    bool ok = target_make(arena, run, config, &target, err);
    *key = properties_find(config, slice_of(target.key)) != NULL ? target.key : NULL;
    return ok;
}

// --- records -----------------------------------------------------------------------------------------------------

static bool make(void *context, Arena *scratch, const JournalEntry *entry, ConnectRecord *records, size_t *count,
                 Err *err) {
    ConnectorKafka *kafka = context;
    TRY(wire_program(kafka->wire, entry, &kafka->program, err));
    return wire_records(kafka->program, scratch, entry, records, count, err);
}

static bool bytes(void *context, bool is_key, const ConnectRecord *record, Buf *out, bool *null, Err *err) {
    ConnectorKafka *kafka = context;
    return wire_bytes(kafka->program, is_key, record, out, null, err);
}

// --- the pump ----------------------------------------------------------------------------------------------------

// The topics may know more than this data directory, which is another one then, or an older copy.
static bool compare(ConnectorKafka *kafka, const SinkDriver *sink, SinkContext *context, Err *err) {
    SinkCheckpoint checkpoint = {0};
    TRY(kafka->compared || sink->checkpoint(context, kafka->arena, &checkpoint, err));
    kafka->compared = context->compared = true;
    return true;
}

static bool begin(void *owner, SinkContext *context, Err *err) {
    ConnectorKafka *kafka = owner;
    Target target;
    PipelineOptions options;
    arena_reset(kafka->arena);
    TRY(connector_resolve(kafka->arena, kafka->run->config, &kafka->config, err));
    TRY(connector_options(kafka->arena, &kafka->config, &options, err));
    TRY(target_make(kafka->arena, kafka->run, &kafka->config, &target, err));
    context->url = url_of(&target);
    context->options = target.options;
    context->memory_bytes_max = (size_t)options.memory_limit / MEMORY_PART;
    context->records = &kafka->records;
    const ProgramPlace programs = {kafka->directory, arena_printf(kafka->arena, "%s/journal", kafka->directory)};
    return compare(kafka, target.sink, context, err) && wire_open(&programs, &kafka->wire, err);
}

static void end(void *owner) {
    ConnectorKafka *kafka = owner;
    wire_close(kafka->wire);
    kafka->wire = NULL;
    kafka->program = NULL;
}

static bool cut(void *owner, const JournalEntry *cut, Err *err) {
    wire_cut(((ConnectorKafka *)owner)->wire, cut);
    return true;
}

static SinkContext sink_context(const ConnectorRun *run, const char *directory, Arena *arena) {
    return (SinkContext){.name = PIN,
                         .pipeline = arena_text(arena, run->name),
                         .state_directory = arena_printf(arena, "%s/sinks/" PIN, directory),
                         .data_directory = run->data_directory};
}

static bool pump_start(ConnectorKafka *kafka, const Target *target, Err *err) {
    Arena *arena = kafka->run_arena;
    SinkPumpSpec spec = {.sink = target->sink,
                         .journal = arena_printf(arena, "%s/journal", kafka->directory),
                         .pin = PIN,
                         .begin = begin,
                         .end = end,
                         .cut = cut,
                         .owner = kafka};
    spec.context = sink_context(kafka->run, kafka->directory, arena);
    spec.context.journal_id = kafka->journal_id;
    TRY(sink_pump_pin(&spec, err));
    return sink_pump_start(&spec, &kafka->pump, err);
}

// A connector that has no Kafka any more keeps its journal for none.
static bool leave(const char *directory, Err *err) {
    char pin[PATH_MAX], journal[PATH_MAX];
    snprintf(journal, sizeof(journal), "%s/journal", directory);
    const char *trace = journal_is_remote(journal) ? "sinks" : "journal/pins";
    if (snprintf(pin, sizeof(pin), "%s/%s/" PIN, directory, trace) >= (int)sizeof(pin) || !file_exists(pin)) {
        return true;
    }
    log_warn(LOG_SINK, "there is no Kafka any more: records that it has not got are kept by journal.retention only",
             LOG_TEXT("directory", directory));
    return journal_unpin(journal, PIN, err);
}

bool connector_kafka_start(const ConnectorRun *run, const char *directory, const char *journal_id,
                           ConnectorKafka **kafka, Err *err) {
    ConnectorKafka *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    Target target;
    made->run = run;
    made->directory = directory;
    made->journal_id = journal_id;
    made->records = (SinkRecords){.make = make, .bytes = bytes, .context = made};
    arena_init(made->run_arena, "run", 0);
    arena_init(made->arena, "run", 0);
    bool ok = connector_resolve(made->arena, run->config, &made->config, err) &&
              target_make(made->arena, run, &made->config, &target, err);
    if (ok) {
        ok = target.brokers[0] == '\0' ? leave(directory, err) : pump_start(made, &target, err);
    }
    *kafka = made->pump != NULL ? made : NULL;
    if (made->pump == NULL) {
        arena_release(made->arena);
        arena_release(made->run_arena);
        free(made);
    }
    return ok;
}

void connector_kafka_look(const ConnectorKafka *kafka, SinkPumpLook *look) {
    sink_pump_look(kafka->pump, look);
}

bool connector_kafka_finish(ConnectorKafka *kafka, ConnectorKafkaFinish how, Err *err) {
    if (kafka == NULL) {
        return true;
    }
    SinkPumpLast last = {.flush = how.all, .stopped = how.stopped};
    bool ok = sink_pump_finish(kafka->pump, &last, err);
    arena_release(kafka->arena);
    arena_release(kafka->run_arena);
    free(kafka);
    return ok;
}

bool connector_kafka_remove(const ConnectorRun *run, const char *directory, Err *err) {
    Arena scratch[1];
    Properties config;
    Target target;
    arena_init(scratch, "scratch", 0);
    bool ok = connector_resolve(scratch, run->config, &config, err) && target_make(scratch, run, &config, &target, err);
    if (ok && target.brokers[0] != '\0') {
        SinkContext context = sink_context(run, directory, scratch);
        context.url = url_of(&target);
        context.options = target.options;
        context.memory_bytes_max = 4 * MIB;
        ok = target.sink->remove(&context, false, err);
    }
    arena_release(scratch);
    return ok;
}
