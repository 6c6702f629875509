// SPDX-License-Identifier: Apache-2.0
// What can be asked of a sink connector beside its run.
#include "core/base/json.h"
#include "core/sys/file.h"
#include "flow/pipeline/connector_config.h"
#include "flow/pipeline/connector_run.h"
#include "flow/pipeline/connector_sink.h"
#include "flow/pipeline/reset.h"
#include "flow/pipeline/topic_feed.h"

#define ALTERED_TEXT "The offsets for this connector have been altered successfully"
#define RESET_TEXT   "The offsets for this connector have been reset successfully"

typedef struct Call {
    const ConnectorRun *run;
    const ConnectorRequest *request;
    Arena *arena;
    Buf *out;
    const SinkDriver *driver;
    Properties config; // resolved
    SinkContext context;
    TopicChoice topics;
    bool kafka; // topics of a real Kafka are read
    SinkPlace place;
    TopicFeedSpec feed;
    bool all;    // reset: all topics, from their beginning
    bool *taken; // of request->offsets: a topic that there is
} Call;

// The key that a failed probe is told of.
static const char *probe_key(const SinkDriver *driver, const Err *err) {
    bool lake = strcmp(driver->name, "iceberg") == 0;
    return lake ? "iceberg.catalog.warehouse" : err->code == ERR_OPTION ? "format.class" : "s3.bucket.name";
}

// What reads a real Kafka, where one is to be read.
static void validate_topics(const ConnectorRun *run, Arena *arena, const Properties *config, const SinkDriver *driver,
                            Buf *out) {
    Err err[1] = {{0}};
    TopicOptions options;
    TopicRecords *maker = NULL;
    TopicRecordsSpec records = {config, NULL, strcmp(driver->name, "objects") == 0};
    if (!topic_options(arena, run, config, &options, err)) {
        connector_error_json(out, "leat.topics.from", err);
    } else if (options.from == TOPICS_KAFKA && !topic_records_new(arena, &records, &maker, err)) {
        connector_error_json(out, "value.converter", err);
    }
    topic_records_release(maker);
}

static bool validate(const ConnectorRun *run, const ConnectorRequest *request, Arena *arena, Buf *out, Err *err) {
    Properties config;
    const SinkDriver *driver = NULL;
    SinkContext context = {.name = "probe"};
    TopicChoice topics = {0};
    buf_text(out, "{\"errors\":[");
    if (!connector_resolve(arena, request->config, &config, err) || !sink_driver_find(run, &driver, err) ||
        !sink_target(arena, driver, &config, &context, err)) {
        connector_error_json(out, "connector.class", err);
    } else {
        if (!topic_choice_make(arena, &config, &topics, err)) {
            connector_error_json(out, "topics", err);
        }
        validate_topics(run, arena, &config, driver, out);
        if (!driver->probe(&context, err)) {
            connector_error_json(out, probe_key(driver, err), err);
        }
    }
    topic_choice_release(&topics);
    sink_target_release(&context);
    buf_text(out, "]}");
    return true;
}

static bool begin(Call *call, Err *err) {
    TRY(sink_driver_find(call->run, &call->driver, err));
    TRY(connector_resolve(call->arena, call->run->config, &call->config, err));
    TRY(sink_target(call->arena, call->driver, &call->config, &call->context, err));
    TRY(topic_choice_make(call->arena, &call->config, &call->topics, err));
    const ConnectorRun *run = call->run;
    call->feed = (TopicFeedSpec){
        .connector = run->name, .sink = call->driver, .topics = &call->topics, .shared = run->tasks > 1};
    TRY(topic_options(call->arena, run, &call->config, &call->feed.options, err));
    TopicsFrom from = call->feed.options.from;
    from = from != TOPICS_AUTO ? from : sink_topics_known(call->arena, run);
    call->kafka = from == TOPICS_KAFKA;
    sink_topics_place(call->arena, run, &call->place);
    return true;
}

static SinkContext context_at(const Call *call, const SinkPlace *place) {
    SinkContext context = call->context;
    context.data_directory = call->run->data_directory;
    context.name = place->pin;
    context.pipeline = place->pipeline;
    context.state_directory = place->state_directory;
    context.memory_bytes_max = 4 * MIB;
    context.compared = true;
    return context;
}

// --- offsets ---------------------------------------------------------------------------------------------------

static bool offsets_visit(void *owner, const SinkPlace *place, Err *err) {
    Call *call = owner;
    SinkContext context = context_at(call, place);
    SinkOffset *offsets = NULL;
    size_t count = 0;
    TRY(call->driver->offsets(&context, call->arena, &offsets, &count, err));
    for (size_t i = 0; i < count; i++) {
        sink_offset_json(call->out, &offsets[i], false);
    }
    return true;
}

void sink_offset_json(Buf *out, const SinkOffset *offset, bool kafka) {
    Slice topic = offset->topic;
    int32_t partition = 0;
    if (kafka && !topic_name_split(offset->topic, &topic, &partition)) {
        return;
    }
    bool first = out->size > 0 && out->data[out->size - 1] == '[';
    buf_text(out, first ? "{\"partition\":{" : ",{\"partition\":{");
    json_key(out, "kafka_topic");
    json_quote(out, topic);
    json_field_int(out, "kafka_partition", partition);
    buf_text(out, "},\"offset\":{");
    json_field_uint(out, "kafka_offset", offset->committed);
    buf_text(out, "}}");
}

static bool topics_visit(void *owner, const SinkPlace *place, Err *err);

typedef struct Topics {
    Call *call;
    Buf list;
} Topics;

static void topic_seen(void *context, Slice name, uint64_t next_offset) {
    Topics *topics = context;
    if (topic_choice_has(&topics->call->topics, name)) {
        buf_text(&topics->list, topics->list.size > 0 ? ",{" : "{");
        json_key(&topics->list, "name");
        json_quote(&topics->list, name);
        json_field_uint(&topics->list, "next_offset", next_offset);
        buf_u8(&topics->list, '}');
    }
}

static bool topics_visit(void *owner, const SinkPlace *place, Err *err) {
    Topics *topics = owner;
    JournalLook look;
    return journal_look(place->journal, &look, NULL, topic_seen, topics, err);
}

// --- other offsets ---------------------------------------------------------------------------------------------

static bool is_for(const ConnectorOffset *offset, Slice topic) {
    const Property *name = properties_find(&offset->partition, SLICE("kafka_topic"));
    return name != NULL && slice_equal(name->value, topic);
}

static bool wants(void *owner, Slice topic, PipelineReset *how) {
    Call *call = owner;
    *how = (PipelineReset){.to = RESET_EARLIEST};
    if (call->all) {
        return topic_choice_has(&call->topics, topic);
    }
    for (size_t i = 0; i < call->request->offset_count; i++) {
        const ConnectorOffset *offset = &call->request->offsets[i];
        Err err[1] = {{0}};
        int64_t to = 0;
        if (is_for(offset, topic)) {
            call->taken[i] = true;
            if (!offset->reset && connector_int(&offset->offset, "kafka_offset", 0, &to, err)) {
                *how = (PipelineReset){.to = RESET_OFFSET, .offset = (uint64_t)to};
            }
            return true;
        }
    }
    return false;
}

typedef struct Journals {
    const Call *call;
    const char *id;
    bool any; // of the sink's topics
} Journals;

static void fact_seen(void *context, Slice key, Slice value) {
    Journals *found = context;
    if (slice_is(key, JOURNAL_ID_FACT)) {
        found->id = arena_text(found->call->arena, value);
    }
}

static void wanted_seen(void *context, Slice name, uint64_t next_offset) {
    Journals *found = context;
    found->any |= topic_choice_has(&found->call->topics, name);
}

// Has the sink read anything there? Of a journal in Kafka the target knows more than the state directory, which may
// have been lost, or be another node's.
static bool reads(const Call *call, const SinkPlace *place, SinkContext *context, bool *any, Err *err) {
    JournalLook look;
    Journals found = {.call = call};
    if (!place->remote) {
        *any = file_exists(place->state_directory) || !call->all;
        return true;
    }
    bool ok = journal_look(place->journal, &look, fact_seen, wanted_seen, &found, err);
    context->journal_id = found.id;
    *any = ok && found.any;
    if (err->code == ERR_NOT_FOUND) { // its source has never run
        err_clear(err);
        return true;
    }
    return ok;
}

static bool reset_visit(void *owner, const SinkPlace *place, Err *err) {
    Call *call = owner;
    SinkContext context = context_at(call, place);
    bool any = false;
    SinkReset *topics = NULL;
    size_t count = 0;
    SinkResetSpec spec = {.sink = call->driver,
                          .context = &context,
                          .journal = place->journal,
                          .pin = place->pin,
                          .wants = wants,
                          .owner = call};
    TRY(reads(call, place, &context, &any, err));
    if (!any) {
        return true;
    }
    TRY(file_remove(arena_printf(call->arena, "%s/from", place->state_directory), err));
    return sink_reset(&spec, call->arena, &topics, &count, err);
}

static bool offsets_check(const Call *call, Err *err) {
    for (size_t i = 0; i < call->request->offset_count; i++) {
        const ConnectorOffset *offset = &call->request->offsets[i];
        int64_t partition = -1, to = -1;
        if (properties_find(&offset->partition, SLICE("kafka_topic")) == NULL) {
            return FAIL(err, ERR_OPTION,
                        "The partition for a sink connector offset must contain the key 'kafka_topic'");
        }
        if (properties_find(&offset->partition, SLICE("kafka_partition")) == NULL) {
            return FAIL(err, ERR_OPTION,
                        "The partition for a sink connector offset must contain the key 'kafka_partition'");
        }
        TRY(connector_int(&offset->partition, "kafka_partition", -1, &partition, err));
        if (partition != 0 && !call->kafka) {
            return FAIL(err, ERR_OPTION, "kafka_partition: topics here have one partition, 0");
        }
        TRY(offset->reset || connector_int(&offset->offset, "kafka_offset", -1, &to, err));
        if (!offset->reset && to < 0) {
            return FAIL(err, ERR_OPTION,
                        "The offset for a sink connector should either be null or contain the key "
                        "'kafka_offset' with a number that is not negative");
        }
    }
    return true;
}

// The group's offsets, as kafka-consumer-groups would set them: the next run follows them.
static bool reset_kafka(Call *call, Err *err) {
    KafkaPartition *partitions = NULL;
    size_t count = 0;
    if (call->all) {
        TRY(topic_partitions(&call->feed, call->arena, &partitions, &count, err));
        return topic_offsets_set(&call->feed, partitions, count, err);
    }
    partitions = ARENA_ARRAY(call->arena, KafkaPartition, call->request->offset_count);
    for (; count < call->request->offset_count; count++) {
        const ConnectorOffset *offset = &call->request->offsets[count];
        int64_t number = 0, to = KAFKA_OFFSET_NONE;
        TRY(connector_int(&offset->partition, "kafka_partition", 0, &number, err));
        TRY(offset->reset || connector_int(&offset->offset, "kafka_offset", 0, &to, err));
        const char *topic = properties_text(call->arena, &offset->partition, "kafka_topic", "");
        if (!topic_choice_has(&call->topics, slice_of(topic))) {
            return FAIL(err, ERR_OPTION, "the connector reads no topic %s", topic);
        }
        partitions[count] = (KafkaPartition){.topic = topic, .partition = (int32_t)number, .offset = to};
    }
    return topic_offsets_set(&call->feed, partitions, count, err);
}

static bool reset_journals(Call *call, Err *err) {
    TRY(sink_places(call->arena, call->run, reset_visit, call, err));
    for (size_t i = 0; i < call->request->offset_count && !call->all; i++) {
        if (!call->taken[i]) {
            const Property *topic = properties_find(&call->request->offsets[i].partition, SLICE("kafka_topic"));
            return FAIL(err, ERR_OPTION, "there is no topic %.*s", SLICE_ARG(topic->value));
        }
    }
    return true;
}

static bool reset(Call *call, const char *message, Err *err) {
    TRY(sink_places_forget(call->arena, call->run, err));
    call->taken = ARENA_ARRAY(call->arena, bool, call->request->offset_count);
    TRY(offsets_check(call, err));
    TRY(call->kafka ? reset_kafka(call, err) : reset_journals(call, err));
    buf_u8(call->out, '{');
    json_field_text(call->out, "message", message);
    buf_u8(call->out, '}');
    return true;
}

// The journals may be trimmed again. How far the sink has come stays, as a consumer group's offsets do: a connector of
// the same name goes on there.
static bool remove_visit(void *owner, const SinkPlace *place, Err *err) {
    return journal_unpin(place->journal, place->pin, err);
}

static bool offsets_kafka(Call *call, SinkOffset **offsets, size_t *count, Err *err) {
    SinkContext context = context_at(call, &call->place);
    return topic_offsets(&call->feed, &context, call->arena, offsets, count, err);
}

static bool work(Call *call, const char *what, Err *err) {
    SinkOffset *offsets = NULL;
    size_t count = 0;
    bool told = strcmp(what, "offsets") == 0 || strcmp(what, "topics") == 0;
    TRY(!call->kafka || !told || offsets_kafka(call, &offsets, &count, err));
    if (call->kafka && strcmp(what, "topics") == 0) {
        DEFER(buf_release) Buf list = {0};
        sink_topics_json(&list, offsets, count);
        buf_printf(call->out, "{\"topics\":%.*s}", SLICE_ARG(buf_slice(&list)));
        return true;
    }
    if (strcmp(what, "offsets") == 0) {
        buf_text(call->out, "{\"offsets\":[");
        for (size_t i = 0; i < count; i++) {
            sink_offset_json(call->out, &offsets[i], true);
        }
        TRY(call->kafka || sink_places(call->arena, call->run, offsets_visit, call, err));
        buf_text(call->out, "]}");
        return true;
    }
    if (strcmp(what, "topics") == 0) {
        Topics topics = {.call = call};
        bool ok = sink_places(call->arena, call->run, topics_visit, &topics, err);
        buf_printf(call->out, "{\"topics\":[%.*s]}", SLICE_ARG(buf_slice(&topics.list)));
        buf_release(&topics.list);
        return ok;
    }
    call->all = strcmp(what, "reset") == 0;
    if (call->all || strcmp(what, "alter") == 0) {
        return reset(call, call->all ? RESET_TEXT : ALTERED_TEXT, err);
    }
    return FAIL(err, ERR_OPTION, "a sink connector knows no \"%.40s\"", what);
}

bool connector_sink_call(const ConnectorRun *run, const ConnectorRequest *request, Arena *arena, Buf *out, Err *err) {
    Call call = {.run = run, .request = request, .arena = arena, .out = out};
    if (strcmp(request->what, "validate") == 0) {
        return validate(run, request, arena, out, err);
    }
    if (strcmp(request->what, "remove") == 0) {
        buf_text(out, "{}");
        return sink_places(arena, run, remove_visit, &call, err);
    }
    bool ok = begin(&call, err) && work(&call, request->what, err);
    topic_choice_release(&call.topics);
    sink_target_release(&call.context);
    return ok;
}
