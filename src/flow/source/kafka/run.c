// SPDX-License-Identifier: Apache-2.0
#include "flow/source/kafka/run.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/memory.h"
#include "flow/source/kafka/position.h"
#include "flow/source/kafka/session.h"

enum { POLL_MS = 50, BUSY_MS = 2, KEPT_BYTES = 8 << 20 };
#define REPORT_US 250000
#define COMMIT_US 1000000
#define TRIM_US   5000000

typedef struct Run {
    KafkaSession session;
    uint64_t candidate_cut; // what the group is to be told of, once it is acknowledged; 0 = nothing
    uint64_t told_cut;      // …was told of
    bool paused, failed;
    int64_t report_at, commit_at, trim_at, refresh_at;
    TableReport *tables;
    size_t table_capacity;
} Run;

static bool due(int64_t *at, int64_t now, int64_t every) {
    if (now < *at) {
        return false;
    }
    *at = now + every;
    return true;
}

// --- reports -----------------------------------------------------------------------------------------------------

static bool finished(const KafkaSession *session) {
    for (size_t i = 0; i < session->topic_count; i++) {
        const SourceTopic *topic = session->topics[i];
        for (int32_t j = 0; j < topic->partition_count && !topic->stopped; j++) {
            if (topic->partitions[j].next < topic->partitions[j].target) {
                return false;
            }
        }
    }
    return true;
}

static void report(Run *run) {
    KafkaSession *session = &run->session;
    if (session->topic_count > run->table_capacity) {
        run->table_capacity = session->topic_count * 2;
        run->tables = ARENA_ARRAY(session->run, TableReport, run->table_capacity);
    }
    for (size_t i = 0; i < session->topic_count; i++) {
        run->tables[i] = session->topics[i]->report;
    }
    session->report.tables = run->tables;
    session->report.table_count = session->topic_count;
    if (session->watch != NULL) {
        kafka_watch_look(session->watch, &session->looked);
        session->report.retention_share = session->looked.share;
        session->report.retention_of = session->looked.where;
    }
    session->report.phase = finished(session) ? SOURCE_STREAMING : SOURCE_CATCHING_UP;
    const SourceContext *context = session->context;
    run->failed = context->report != NULL && !context->report(context->context, &session->report);
}

// --- cuts and the group ------------------------------------------------------------------------------------------

static bool cut(KafkaSession *session, Err *err) {
    if (!session->dirty) {
        return true;
    }
    DEFER(buf_release) Buf key = {0};
    DEFER(buf_release) Buf value = {0};
    for (size_t i = 0; i < session->topic_count; i++) {
        SourceTopic *topic = session->topics[i];
        for (int32_t j = 0; j < topic->partition_count; j++) {
            SourcePartition *partition = &topic->partitions[j];
            if (partition->cut != partition->next) {
                buf_reset(&key);
                buf_reset(&value);
                kafka_offset_key(&key, topic->name, j);
                kafka_offset_write(&value, partition->next);
                journal_state_put(session->journal, buf_slice(&key), buf_slice(&value));
                partition->cut = partition->next;
            }
        }
    }
    session->dirty = false;
    Position position = kafka_source_position(++session->cut);
    return journal_cut(session->journal, &position, err);
}

static bool acknowledged(const KafkaSession *session, uint64_t *cut_number, Err *err) {
    const SourceContext *context = session->context;
    Position position = {0};
    *cut_number = 0;
    if (context->acknowledged == NULL) {
        journal_durable(session->journal, &position);
    } else if (!context->acknowledged(context->context, &position)) {
        return true;
    }
    return kafka_source_position_read(&position, cut_number, err);
}

static size_t offsets_changed(KafkaSession *session, KafkaPartition **changed) {
    size_t count = 0, most = 0;
    for (size_t i = 0; i < session->topic_count; i++) {
        most += (size_t)session->topics[i]->partition_count;
    }
    arena_reset(session->scratch);
    *changed = ARENA_ARRAY(session->scratch, KafkaPartition, most);
    for (size_t i = 0; i < session->topic_count; i++) {
        SourceTopic *topic = session->topics[i];
        for (int32_t j = 0; j < topic->partition_count; j++) {
            SourcePartition *partition = &topic->partitions[j];
            if (partition->candidate != partition->committed && partition->candidate != KAFKA_OFFSET_NONE) {
                (*changed)[count++] = (KafkaPartition){topic->name, j, partition->candidate, session->note};
            }
        }
    }
    return count;
}

static void candidate_take(Run *run) {
    KafkaSession *session = &run->session;
    run->candidate_cut = session->cut;
    for (size_t i = 0; i < session->topic_count; i++) {
        SourceTopic *topic = session->topics[i];
        for (int32_t j = 0; j < topic->partition_count; j++) {
            topic->partitions[j].candidate = topic->partitions[j].cut;
        }
    }
}

// The group is told of what is safe; it is for Kafka's tools to see, so that it cannot be told stops nothing.
static bool group_tell(Run *run, Err *err) {
    KafkaSession *session = &run->session;
    uint64_t safe = 0;
    if (run->candidate_cut == 0 && session->cut > run->told_cut) {
        candidate_take(run);
    }
    TRY(acknowledged(session, &safe, err));
    if (run->candidate_cut == 0 || safe < run->candidate_cut) {
        return true;
    }
    KafkaPartition *changed = NULL;
    size_t count = offsets_changed(session, &changed);
    CRASH_POINT("kafka_source.before_commit");
    if (count > 0 && !kafka_consumer_commit(session->consumer, changed, count, err)) {
        if (err_class(err->code) != ERR_CLASS_TRANSIENT) {
            return err_frame(err, __FILE__, __LINE__);
        }
        log_warn(LOG_SOURCE, "the consumer group is not told yet", LOG_TEXT("reason", err->message));
        err_clear(err);
        return true;
    }
    CRASH_POINT("kafka_source.after_commit");
    for (size_t i = 0; i < session->topic_count; i++) {
        SourceTopic *topic = session->topics[i];
        for (int32_t j = 0; j < topic->partition_count; j++) {
            SourcePartition *partition = &topic->partitions[j];
            partition->committed = partition->candidate;
            if (!topic->stopped && partition->committed != KAFKA_OFFSET_NONE) {
                kafka_watched_at(partition->watched, partition->committed);
            }
        }
    }
    run->told_cut = run->candidate_cut;
    run->candidate_cut = 0;
    return true;
}

// --- the loop ----------------------------------------------------------------------------------------------------

static bool fetched_take(KafkaSession *session, const KafkaFetched *fetched, Err *err) {
    if (session->newest == NULL || strcmp(session->newest->name, fetched->topic) != 0) {
        session->newest = map_find(&session->by_name, slice_of(fetched->topic));
    }
    SourceTopic *topic = session->newest;
    if (topic == NULL || topic->stopped || fetched->partition >= topic->partition_count) {
        return true;
    }
    SourcePartition *partition = &topic->partitions[fetched->partition];
    switch (fetched->kind) {
    case KAFKA_FETCHED:
        return fetched->offset < partition->next || kafka_record_take(session, topic, fetched, err);
    case KAFKA_AT_END: // markers of transactions behind the last record are passed over
        if (fetched->offset > partition->next) {
            partition->next = fetched->offset;
            session->dirty = true;
        }
        return true;
    case KAFKA_OUT_OF_RANGE:
        return kafka_session_lost(session, topic, fetched->partition, err);
    case KAFKA_GONE:
        break;
    }
    FAIL(err, ERR_SLOT_LOST, "topic %s, partition %d, is not there any more", topic->name, fetched->partition);
    return err_hint(err, "leave the topic out with --exclude, or make it again and reset the offsets of group %s",
                    session->options.group);
}

static bool backlog(Run *run, Err *err) {
    const SourceContext *context = run->session.context;
    if (context->journal_bytes_max == 0 || context->published == NULL) {
        return true;
    }
    JournalInfo info;
    journal_info(run->session.journal, &info);
    LogPosition from = MAX(context->published(context->context), info.begin);
    bool full = info.end > from && info.end - from > context->journal_bytes_max;
    if (full != run->paused) {
        log_info(LOG_SOURCE, full ? "the journal is full: the topics wait" : "the topics are read again");
        run->paused = full;
        return kafka_consumer_pause(run->session.consumer, full, err);
    }
    return true;
}

static bool timers(Run *run, Err *err) {
    KafkaSession *session = &run->session;
    const SourceContext *context = session->context;
    int64_t now = clock_monotonic_us();
    if (due(&run->report_at, now, REPORT_US)) {
        report(run);
        TRY(backlog(run, err));
    }
    if (due(&run->commit_at, now, COMMIT_US)) {
        TRY(group_tell(run, err));
        if (context->resync_wanted != NULL && context->resync_wanted(context->context) != NULL) {
            log_warn(LOG_SOURCE, "topics are read again from where kafka-consumer-groups --reset-offsets says");
            context->resync_taken(context->context);
        }
    }
    if (due(&run->trim_at, now, TRIM_US)) {
        TRY(journal_trim(session->journal, err));
    }
    bool follows = context->mode == SOURCE_FOLLOW;
    return !follows || !due(&run->refresh_at, now, context->catalog_interval_ms * INT64_C(1000)) ||
           kafka_session_refresh(session, err);
}

static bool loop(Run *run, Err *err) {
    KafkaSession *session = &run->session;
    const SourceContext *context = session->context;
    while (!*context->stop && !run->failed && (context->mode == SOURCE_FOLLOW || !finished(session))) {
        const KafkaFetched *fetched = NULL;
        size_t count = 0;
        bool busy = journal_busy(session->journal);
        TRY(kafka_consumer_poll(session->consumer, busy && session->dirty ? BUSY_MS : POLL_MS, &fetched, &count, err));
        session->now_us = clock_wall_us();
        for (size_t i = 0; i < count; i++) {
            TRY(fetched_take(session, &fetched[i], err));
        }
        if (!journal_busy(session->journal)) {
            TRY(cut(session, err));
        }
        TRY(timers(run, err));
    }
    TRY(cut(session, err));
    TRY(journal_sync(session->journal, err));
    TRY(group_tell(run, err)); // that of the candidate before,
    TRY(group_tell(run, err)); // and of the last cut
    report(run);
    return true;
}

static bool start(Run *run, Err *err) {
    KafkaSession *session = &run->session;
    Position position;
    journal_durable(session->journal, &position);
    TRY(kafka_source_position_read(&position, &session->cut, err));
    session->first = session->cut == 0;
    run->refresh_at = clock_monotonic_us() + session->context->catalog_interval_ms * INT64_C(1000);
    TRY(session->context->mode != SOURCE_FOLLOW ||
        kafka_watch_start(&session->place, session->uncommitted, &session->watch, err));
    TRY(kafka_session_refresh(session, err));
    if (session->topic_count == 0 && session->context->mode != SOURCE_FOLLOW) {
        FAIL(err, ERR_NOT_FOUND, "no topic of Kafka at %s is called %s", session->options.url.brokers,
             session->options.url.path);
        return err_hint(err, "names are whole, and regular expressions: shop\\..*");
    }
    return cut(session, err);
}

bool kafka_source_run(const SourceContext *context, Err *err) {
    Run run = {0};
    memory_keep(KEPT_BYTES); // librdkafka's fetches, and what they unpack to
    bool ok = kafka_session_open(&run.session, context, err) && start(&run, err) && loop(&run, err);
    for (size_t i = 0; ok && i < run.session.topic_count && context->mode != SOURCE_FOLLOW; i++) {
        if (run.session.topics[i]->stopped) { // all others are read to their ends
            *err = run.session.topics[i]->why;
            ok = false;
        }
    }
    kafka_session_close(&run.session);
    return ok;
}
