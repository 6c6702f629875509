// SPDX-License-Identifier: Apache-2.0
// Which topics and partitions are read, and from where.
//
// A partition goes on at the offset of the journal's last cut. The group's offset is set behind each durable cut, with
// the note "leat:PIPELINE" beside it; one without that note was set by somebody else (kafka-consumer-groups
// --reset-offsets), and is where to go on.
#include "core/base/log.h"
#include "core/sys/file.h"
#include "flow/source/kafka/connect_json.h"
#include "flow/source/kafka/position.h"
#include "flow/source/kafka/session.h"

// --- life --------------------------------------------------------------------------------------------------------

static bool schema_file(KafkaSession *session, Err *err) {
    Slice text = {0};
    const JsonNode *json = NULL;
    const char *path = session->options.schema;
    if (path[0] == '\0') {
        return true;
    }
    Shape *shape = ARENA_NEW(session->decoder.arena, Shape);
    TRY(file_read_all(path, 16 * MIB, session->decoder.arena, &text, err));
    if (!json_tree_parse(session->decoder.arena, text, &json, err) ||
        !connect_json_schema(session->decoder.arena, json, shape, err)) {
        err_prefix(err, "schema: %s", path);
        err->code = ERR_OPTION;
        return false;
    }
    session->decoder.declared = shape;
    return true;
}

static bool session_open(KafkaSession *session, Err *err) {
    const SourceContext *context = session->context;
    TRY(kafka_source_options(context, session->run, &session->options, err));
    TRY(patterns_parse(session->run, context->tables, "tables", &session->tables, err));
    TRY(patterns_parse(session->run, context->exclude, "exclude", &session->exclude, err));
    TRY(kafka_source_registrar(&session->options, session->run, &session->decoder.registrar, err));
    TRY(schema_file(session, err));
    session->note = kafka_note(session->run, slice_of(context->pipeline));
    session->uncommitted = strcmp(session->options.isolation, "read_uncommitted") == 0;
    session->place = (KafkaPlace){.brokers = session->options.url.brokers,
                                  .options = &session->options.kafka,
                                  .client_id = arena_printf(session->run, "leat-%s", context->pipeline)};
    KafkaConsumerSpec spec = {
        .place = session->place,
        .group = session->options.group,
        .uncommitted = session->uncommitted,
        .memory_bytes_max = context->memory_bytes_max / 8,
    };
    return kafka_consumer_open(&spec, &session->consumer, err);
}

bool kafka_session_open(KafkaSession *session, const SourceContext *context, Err *err) {
    *session = (KafkaSession){.context = context, .journal = context->journal};
    arena_init(session->run, "run", 0);
    arena_init(session->scratch, "scratch", 0);
    decoder_init(&session->decoder);
    session->report = SOURCE_REPORT_UNKNOWN;
    return session_open(session, err);
}

void kafka_session_close(KafkaSession *session) {
    kafka_watch_end(session->watch);
    kafka_consumer_close(session->consumer);
    registrar_close(session->decoder.registrar);
    decoder_release(&session->decoder);
    kafka_source_options_release(&session->options);
    map_release(&session->by_name);
    map_release(&session->by_table);
    arena_release(session->scratch);
    arena_release(session->run);
}

// --- names -------------------------------------------------------------------------------------------------------

// SERVER.SCHEMA.TABLE is SCHEMA.TABLE; more in between are one name, and a name alone is in `kafka`.
static void table_of(Arena *arena, const char *topic, RowsOptions *rows) {
    const char *last = strrchr(topic, '.'), *first = strchr(topic, '.');
    rows->table = slice_of(last != NULL ? last + 1 : topic);
    if (last == NULL || last == topic || last[1] == '\0') {
        rows->space = SLICE("kafka");
        rows->table = slice_of(topic);
        return;
    }
    const char *from = first < last ? first + 1 : topic;
    char *space = arena_text(arena, (Slice){(const uint8_t *)from, (size_t)(last - from)});
    for (char *at = space; *at != '\0'; at++) {
        *at = *at == '.' ? '_' : *at;
    }
    rows->space = slice_of(space[0] != '\0' ? space : "kafka");
}

static bool wanted(const KafkaSession *session, const char *topic, const RowsOptions *rows) {
    bool named = false;
    for (size_t i = 0; i < session->options.topics.count && !named; i++) {
        named = regex_matches(session->options.topics.at[i], slice_of(topic));
    }
    bool listed = session->tables.count == 0 || patterns_match(&session->tables, rows->space, rows->table, false);
    return named && listed && !patterns_match(&session->exclude, rows->space, rows->table, false);
}

bool kafka_session_look(KafkaSession *session, Arena *arena, KafkaTopicLook **topics, size_t *count, Err *err) {
    KafkaTopicLook *all = NULL;
    size_t known = 0, kept = 0;
    TRY(kafka_consumer_topics(session->consumer, arena, &all, &known, err));
    for (size_t i = 0; i < known; i++) {
        RowsOptions rows = {0};
        table_of(arena, all[i].name, &rows);
        if (wanted(session, all[i].name, &rows)) {
            all[kept++] = all[i];
        }
    }
    *topics = all;
    *count = kept;
    return true;
}

// --- where a partition begins ------------------------------------------------------------------------------------

static bool lost(const KafkaSession *session, const char *topic, int32_t partition, int64_t next, int64_t first,
                 int64_t end, Err *err) {
    const char *why = next < first ? "the topic's retention has removed what was to be read next"
                                   : "the topic ends below it: it was made anew, or its brokers have lost records";
    if (strcmp(session->options.data_loss, "continue") == 0) {
        log_warn(LOG_SOURCE, "records are lost", LOG_TEXT("topic", topic), LOG_INT("partition", partition),
                 LOG_INT("offset", next), LOG_INT("goes_on_at", first), LOG_TEXT("reason", why));
        return true;
    }
    FAIL(err, ERR_SLOT_LOST, "topic %s, partition %d: offset %" PRId64 " is not there (%" PRId64 " to %" PRId64 "): %s",
         topic, partition, next, first, end, why);
    return err_hint(err,
                    "say where to go on: kafka-consumer-groups --group %s --topic %s --reset-offsets, or set "
                    "data.loss=continue",
                    session->options.group, topic);
}

static bool in_bounds(KafkaSession *session, const char *topic, int32_t partition, int64_t *next, int64_t *end,
                      Err *err) {
    int64_t first = 0;
    TRY(kafka_consumer_bounds(session->consumer, topic, partition, &first, end, err));
    if (*next == KAFKA_OFFSET_NONE) {
        bool latest =
            strcmp(session->options.offset_reset, "latest") == 0 || session->context->mode == SOURCE_NO_SNAPSHOT;
        *next = session->first && latest ? *end : first;
    } else if (*next < first || *next > *end) {
        TRY(lost(session, topic, partition, *next, first, *end, err));
        *next = first;
    }
    return true;
}

// The group's word where it is not leat's own.
static bool group_heard(KafkaSession *session, const char *topic, const KafkaPartition *group, int64_t *next,
                        Err *err) {
    const char *name = NULL;
    KafkaSetBy by = kafka_set_by(group, session->note, &name);
    if (by == KAFKA_SET_BY_READER) {
        FAIL(err, ERR_LOCKED, "consumer group %s is that of pipeline %s", session->options.group, name);
        return err_hint(err, "give this pipeline a group of its own: group.id");
    }
    if (by == KAFKA_SET_BY_SELF && *next == KAFKA_OFFSET_NONE) {
        FAIL(err, ERR_SLOT_MISMATCH,
             "consumer group %s has read topic %s up to offset %" PRId64 ", of which this data "
             "directory knows nothing: it was lost, or is another one",
             session->options.group, topic, group->offset);
        return err_hint(err,
                        "say where to go on: kafka-consumer-groups --group %s --all-topics --reset-offsets "
                        "--to-earliest --execute, or --to-current; or give another group.id",
                        session->options.group);
    }
    if (by == KAFKA_SET_BY_OTHER && group->offset != *next) {
        log_warn(LOG_SOURCE, "the consumer group's offset was set: it is read from there",
                 LOG_TEXT("group", session->options.group), LOG_TEXT("topic", topic),
                 LOG_INT("partition", group->partition), LOG_INT("from", group->offset), LOG_INT("was_at", *next));
        *next = group->offset;
    }
    return true;
}

static bool partition_begin(KafkaSession *session, SourceTopic *topic, const KafkaPartition *group, Err *err) {
    SourcePartition *partition = &topic->partitions[group->partition];
    DEFER(buf_release) Buf key = {0};
    kafka_offset_key(&key, topic->name, group->partition);
    Slice kept = journal_state_get(session->journal, buf_slice(&key));
    partition->next = KAFKA_OFFSET_NONE;
    TRY(kept.size == 0 || kafka_offset_read(kept, &partition->next, err));
    partition->cut = partition->next;
    const char *name = NULL;
    bool ours = kafka_set_by(group, session->note, &name) == KAFKA_SET_BY_SELF;
    partition->candidate = partition->committed = ours ? group->offset : KAFKA_OFFSET_NONE;
    TRY(group_heard(session, topic->name, group, &partition->next, err));
    TRY(in_bounds(session, topic->name, group->partition, &partition->next, &partition->target, err));
    session->dirty = session->dirty || partition->next != partition->cut;
    if (session->watch != NULL) {
        partition->watched = kafka_watch_partition(session->watch, topic->name, group->partition);
        kafka_watched_at(partition->watched, partition->next);
    }
    return true;
}

// --- taking up ---------------------------------------------------------------------------------------------------

static bool topic_new(KafkaSession *session, const KafkaTopicLook *look, SourceTopic **made, Err *err) {
    SourceTopic *topic = ARENA_NEW(session->run, SourceTopic);
    topic->name = arena_printf(session->run, "%s", look->name);
    table_of(session->run, topic->name, &topic->rows);
    topic->rows.metadata = session->options.metadata;
    topic->rows.upsert = strcmp(session->options.rows, "upsert") == 0;
    if (strcmp(session->options.rows, "auto") == 0) {
        KafkaTopicPolicy policy;
        if (!kafka_consumer_policy(session->consumer, topic->name, &policy, err)) {
            return err->code == ERR_NET_PERMISSION
                       ? err_hint(err,
                                  "give leat's user DESCRIBE_CONFIGS on the topic, or say rows=upsert or rows=append")
                       : err_frame(err, __FILE__, __LINE__);
        }
        topic->rows.upsert = policy.compacts;
    }
    const char *table =
        arena_printf(session->run, "%.*s.%.*s", SLICE_ARG(topic->rows.space), SLICE_ARG(topic->rows.table));
    const SourceTopic *same = map_find(&session->by_table, slice_of(table));
    if (same != NULL) {
        FAIL(err, ERR_OPTION, "topics %s and %s are both table %s", same->name, topic->name, table);
        return err_hint(err, "give each a pipeline of its own");
    }
    map_put(&session->by_table, slice_of(table), topic);
    map_put(&session->by_name, slice_of(topic->name), topic);
    topic->report = (TableReport){.name = table, .state = TABLE_STREAMING, .rows_expected = -1, .bytes_expected = -1};
    topic->journal_topic = journal_topic(session->journal, slice_of(table));
    if (session->topic_count == session->topic_capacity) {
        session->topic_capacity = MAX(session->topic_capacity * 2, (size_t)16);
        SourceTopic **more = ARENA_ARRAY(session->run, SourceTopic *, session->topic_capacity);
        for (size_t i = 0; i < session->topic_count; i++) {
            more[i] = session->topics[i];
        }
        session->topics = more;
    }
    session->topics[session->topic_count++] = topic;
    *made = topic;
    return true;
}

static bool partitions_add(KafkaSession *session, SourceTopic *topic, int32_t count, Err *err) {
    int32_t had = topic->partition_count;
    size_t added = (size_t)(count - had);
    SourcePartition *all = ARENA_ARRAY(session->run, SourcePartition, (size_t)count);
    KafkaPartition *fresh = ARENA_ARRAY(session->run, KafkaPartition, added);
    for (int32_t i = 0; i < count; i++) {
        if (i < had) {
            all[i] = topic->partitions[i];
        } else {
            fresh[i - had] = (KafkaPartition){.topic = topic->name, .partition = i, .offset = KAFKA_OFFSET_NONE};
        }
    }
    TRY(kafka_consumer_committed(session->consumer, session->run, fresh, added, err));
    topic->partitions = all;
    for (size_t i = 0; i < added; i++) {
        TRY(partition_begin(session, topic, &fresh[i], err));
        fresh[i].offset = all[fresh[i].partition].next;
        fresh[i].note = NULL;
    }
    topic->partition_count = count;
    log_info(LOG_SOURCE, "a topic is read", LOG_TEXT("topic", topic->name), LOG_INT("partitions", count),
             LOG_TEXT("rows", topic->rows.upsert ? "upsert" : "append"));
    return topic->stopped || kafka_consumer_assign(session->consumer, fresh, added, err);
}

bool kafka_session_refresh(KafkaSession *session, Err *err) {
    KafkaTopicLook *looks = NULL;
    size_t count = 0;
    arena_reset(session->scratch);
    TRY(kafka_session_look(session, session->scratch, &looks, &count, err));
    for (size_t i = 0; i < count; i++) {
        SourceTopic *topic = map_find(&session->by_name, slice_of(looks[i].name));
        TRY(topic != NULL || topic_new(session, &looks[i], &topic, err));
        if (looks[i].partitions > topic->partition_count) {
            TRY(partitions_add(session, topic, looks[i].partitions, err));
        }
    }
    return true;
}

bool kafka_session_lost(KafkaSession *session, SourceTopic *topic, int32_t number, Err *err) {
    SourcePartition *partition = &topic->partitions[number];
    KafkaPartition place = {.topic = topic->name, .partition = number};
    TRY(in_bounds(session, topic->name, number, &partition->next, &partition->target, err));
    place.offset = partition->next;
    session->dirty = true;
    kafka_watched_at(partition->watched, partition->next);
    TRY(kafka_consumer_drop(session->consumer, &place, 1, err));
    return kafka_consumer_assign(session->consumer, &place, 1, err);
}

bool kafka_topic_stop(KafkaSession *session, SourceTopic *topic, const Err *why, Err *err) {
    KafkaPartition *places = ARENA_ARRAY(session->scratch, KafkaPartition, (size_t)topic->partition_count);
    for (int32_t i = 0; i < topic->partition_count; i++) {
        places[i] = (KafkaPartition){.topic = topic->name, .partition = i};
        kafka_watched_at(topic->partitions[i].watched, KAFKA_OFFSET_NONE);
    }
    topic->stopped = true;
    topic->why = *why;
    topic->report.state = TABLE_QUARANTINED;
    topic->report.reason = topic->why.message;
    log_err(LOG_SOURCE, "a topic is not read any further, others go on", why);
    return kafka_consumer_drop(session->consumer, places, (size_t)topic->partition_count, err);
}
