// SPDX-License-Identifier: Apache-2.0
// Records into the journal.
#include "core/base/log.h"
#include "flow/source/dead_letter.h"
#include "flow/source/kafka/session.h"

#define SCHEMA_KEY "kafka.schema/"

// --- what a topic's rows were when leat last ended --------------------------------------------------------------

static void schema_key(Buf *key, const SourceTopic *topic) {
    buf_text(key, SCHEMA_KEY);
    buf_text(key, topic->name);
}

static void schema_keep(KafkaSession *session, const SourceTopic *topic) {
    DEFER(buf_release) Buf key = {0};
    DEFER(buf_release) Buf value = {0};
    schema_key(&key, topic);
    buf_u8(&value, topic->plan->change ? 'd' : 'p');
    schema_encode(&value, &topic->plan->schema);
    journal_state_put(session->journal, buf_slice(&key), buf_slice(&value));
}

// A null value says nothing of the row that it ends. *plan NULL: nothing is known of the topic, so there is no row.
static bool plan_remembered(KafkaSession *session, SourceTopic *topic, const Decoded *key, RowsPlan **plan, Err *err) {
    DEFER(buf_release) Buf name = {0};
    schema_key(&name, topic);
    Slice kept = journal_state_get(session->journal, buf_slice(&name));
    *plan = NULL;
    if (kept.size > 0 && kept.data[0] == 'd') {
        return true;
    }
    if (kept.size == 0 || key->shape == NULL) {
        return topic->rows.upsert || FAIL(err, ERR_VALUE, "a null value, of which nothing tells the columns");
    }
    Schema schema;
    TRY(schema_decode(slice_from(kept, 1), session->run, &schema, err));
    TRY(rows_plan_of_schema(session->run, &schema, key, plan, err));
    (*plan)->next = topic->plans;
    topic->plans = *plan;
    return true;
}

// --- plans -------------------------------------------------------------------------------------------------------

static void plan_use(KafkaSession *session, SourceTopic *topic, RowsPlan *plan) {
    if (topic->plan == plan) {
        return;
    }
    bool whole = plan->value_shape != NULL;
    topic->plan = whole ? plan : topic->plan;
    topic->journal_schema = journal_schema(session->journal, topic->journal_topic, &plan->schema);
    if (whole) {
        schema_keep(session, topic);
    }
}

static bool plan_find(KafkaSession *session, SourceTopic *topic, const Decoded *key, const Decoded *value,
                      RowsPlan **plan, Err *err) {
    bool null = value->value == NULL;
    *plan = NULL;
    for (RowsPlan *each = topic->plans; each != NULL && *plan == NULL; each = each->next) {
        bool wanted = !null || each == topic->plan || (topic->plan == NULL && each->value_shape == NULL);
        *plan = wanted && rows_plan_fits(each, key, value) ? each : NULL;
    }
    if (*plan != NULL || (null && topic->plan != NULL && topic->plan->change)) {
        return true;
    }
    if (null) {
        return plan_remembered(session, topic, key, plan, err);
    }
    TRY(rows_plan_new(session->run, &topic->rows, key, value, plan, err));
    if (!(*plan)->change && topic->rows.upsert && key->shape == NULL) {
        return FAIL(err, ERR_VALUE, "a record without a key, in a topic whose records replace each other by it");
    }
    (*plan)->next = topic->plans;
    topic->plans = *plan;
    return true;
}

// --- records -----------------------------------------------------------------------------------------------------

static bool rows_take(KafkaSession *session, SourceTopic *topic, const KafkaFetched *record, bool *appended, Err *err) {
    Decoded key, value;
    Event event;
    RowsPlan *plan = NULL;
    bool none = false;
    size_t size = record->key.size + record->value.size;
    if (size > session->context->row_bytes_max) {
        FAIL(err, ERR_VALUE, "a record of %zu bytes", size);
        return err_hint(err, "row.bytes.max is %zu", session->context->row_bytes_max);
    }
    TRY(decode(&session->decoder, session->options.value_form, session->scratch, record->value, &value, err));
    if (!decode_key(&session->decoder, session->options.key_form, session->scratch, record->key, &key, err)) {
        return err_prefix(err, "the key");
    }
    TRY(plan_find(session, topic, &key, &value, &plan, err));
    if (plan == NULL) {
        return true;
    }
    if (rows_wants_headers(plan, &value)) {
        kafka_consumer_headers(session->consumer, record);
    }
    TRY(rows_event(plan, session->scratch, record, &key, &value, &event, &none, err));
    if (none) {
        return true;
    }
    *appended = true;
    event.capture_us = session->now_us;
    plan_use(session, topic, plan);
    return journal_append(session->journal, topic->journal_topic, topic->journal_schema, &event, err);
}

static bool set_aside(KafkaSession *session, SourceTopic *topic, const KafkaFetched *record, Err *why, Err *err) {
    err_prefix(why, "topic %s, partition %d, offset %" PRId64, topic->name, record->partition, record->offset);
    if (!session->context->dead_letters) {
        const char *hint = arena_text(session->scratch, slice_of(why->hint));
        err_hint(why,
                 "%s%serrors=dead-letter sets such records aside; kafka-consumer-groups --reset-offsets passes over "
                 "it",
                 hint, hint[0] != '\0' ? "; " : "");
        return kafka_topic_stop(session, topic, why, err);
    }
    Event like = {.op = OP_CREATE,
                  .commit_lsn = (uint64_t)record->offset,
                  .ordinal = (uint64_t)record->partition,
                  .source_us = MAX(record->timestamp_ms, 0) * 1000,
                  .capture_us = session->now_us};
    session->report.dead_letters++;
    Slice raw = record->value.data != NULL ? record->value : record->key;
    return source_dead_letter(session->journal, topic->report.name, why, &like, raw, err);
}

bool kafka_record_take(KafkaSession *session, SourceTopic *topic, const KafkaFetched *record, Err *err) {
    bool appended = false;
    arena_reset(session->scratch);
    if (!rows_take(session, topic, record, &appended, err)) {
        if (appended || err_class(err->code) != ERR_CLASS_DATA) { // the journal's, or the registry is away
            return err_frame(err, __FILE__, __LINE__);
        }
        Err why = *err;
        err_clear(err);
        TRY(set_aside(session, topic, record, &why, err));
        if (topic->stopped) {
            return true;
        }
    }
    SourcePartition *partition = &topic->partitions[record->partition];
    partition->next = record->offset + 1;
    kafka_watched_read(partition->watched, record->key.size + record->value.size);
    topic->report.changes++;
    session->report.changes++;
    session->dirty = true;
    int64_t age_ms = record->timestamp_ms >= 0 ? session->now_us / 1000 - record->timestamp_ms : 0;
    session->report.lag_ms = MAX(age_ms, 0);
    return true;
}
