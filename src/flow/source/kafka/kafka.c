// SPDX-License-Identifier: Apache-2.0
#include "flow/source/kafka/kafka.h"

#include "core/sys/file.h"
#include "flow/source/kafka/run.h"
#include "flow/source/kafka/session.h"

static bool plan_fill(KafkaSession *session, Arena *arena, SourcePlan *plan, Err *err) {
    KafkaTopicLook *topics = NULL;
    size_t count = 0;
    TRY(kafka_session_look(session, arena, &topics, &count, err));
    TableReport *tables = ARENA_ARRAY(arena, TableReport, count);
    for (size_t i = 0; i < count; i++) {
        double records = 0;
        for (int32_t j = 0; j < topics[i].partitions; j++) {
            int64_t first = 0, end = 0;
            TRY(kafka_consumer_bounds(session->consumer, topics[i].name, j, &first, &end, err));
            records += (double)(end - first);
        }
        tables[i] = (TableReport){.name = topics[i].name, .rows_expected = records, .bytes_expected = 0};
        plan->rows += records;
    }
    plan->tables = tables;
    plan->table_count = count;
    plan->slot = arena_printf(arena, "%s", session->options.group);
    plan->publication = "";
    snprintf(plan->server, sizeof(plan->server), "Kafka at %.150s", session->options.url.brokers);
    return true;
}

static bool kafka_plan(const SourceContext *context, Arena *arena, SourcePlan *plan, Err *err) {
    KafkaSession session;
    *plan = (SourcePlan){.first_run = true, .slot_exists = true, .slot_cap_bytes = -1};
    bool met = file_exists(context->directory);
    bool ok = kafka_session_open(&session, context, err) && kafka_probe(&session.place, met, err) &&
              plan_fill(&session, arena, plan, err);
    kafka_session_close(&session);
    return ok;
}

static bool kafka_remove(const SourceContext *context, Err *err) {
    KafkaSession session;
    bool ok = kafka_session_open(&session, context, err) && kafka_consumer_group_delete(session.consumer, err);
    kafka_session_close(&session);
    return ok;
}

const SourceDriver KAFKA_SOURCE = {
    .name = "kafka",
    .accepts = kafka_url_accepts,
    .options = &KAFKA_SOURCE_OPTIONS,
    .plan = kafka_plan,
    .run = kafka_source_run,
    .remove = kafka_remove,
};
