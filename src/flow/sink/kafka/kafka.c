// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/kafka/kafka.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "flow/sink/kafka/work.h"

#define IDLE_US (INT64_C(30) * 1000 * 1000) // between positions that no record came with
// Brokers write a transaction's markers behind the answer. To the next transaction that begins before, they say
// CONCURRENT_TRANSACTIONS, and librdkafka asks again 20 ms later.
#define MARKERS_US  4000
#define POSITION_US 100000 // at least once: between positions

static bool sink_accepts(const char *url) {
    return kafka_url_accepts(url);
}

static bool sink_probe(const SinkContext *context, Err *err) {
    KafkaSink sink = {0};
    arena_init(sink.run, "run", 0);
    arena_init(sink.scratch, "scratch", 0);
    bool met = file_exists(context->state_directory);
    bool ok = kafka_sink_prepare(&sink, context, err) && kafka_probe(&sink.place, met, err) &&
              kafka_records_probe(sink.records, err);
    kafka_sink_release(&sink);
    return ok;
}

static void kafka_close(void *state) {
    KafkaSink *sink = state;
    kafka_sink_release(sink);
    free(sink);
}

static bool kafka_open(const SinkContext *context, void **state, Err *err) {
    KafkaSink *sink = calloc(1, sizeof(*sink));
    ASSERT(sink != NULL);
    arena_init(sink->run, "run", 0);
    arena_init(sink->scratch, "scratch", 0);
    if (!kafka_sink_prepare(sink, context, err) || !kafka_sink_begin(sink, context, err)) {
        kafka_close(sink);
        return err_frame(err, __FILE__, __LINE__);
    }
    sink->committed_us = clock_monotonic_us();
    *state = sink;
    return true;
}

// Once something has failed only what the topics have counts: the sink is closed and opened again.
static bool settled(KafkaSink *sink, bool ok, Err *err) {
    sink->failed = !ok;
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool exactly(const KafkaSink *sink) {
    return strcmp(sink->options.exactly_once, "enabled") == 0;
}

static bool usable(const KafkaSink *sink, Err *err) {
    return !sink->failed || FAIL(err, ERR_INTERNAL, "the Kafka sink was used after it had failed");
}

// --- committing --------------------------------------------------------------------------------------------------

void kafka_sink_touch(KafkaSink *sink, KafkaTable *table, uint64_t next) {
    table->next = next;
    if (!table->touched) {
        table->touched = true;
        table->next_touched = sink->touched;
        sink->touched = table;
    }
}

// `state` is filled with what the position borrows of it.
static void position_make(KafkaSink *sink, Buf *state, KafkaPosition *position) {
    size_t count = 0;
    for (const KafkaTable *table = sink->touched; table != NULL; table = table->next_touched) {
        count++;
    }
    KafkaOffset *offsets = ARENA_ARRAY(sink->scratch, KafkaOffset, count);
    count = 0;
    for (const KafkaTable *table = sink->touched; table != NULL; table = table->next_touched) {
        offsets[count++] = (KafkaOffset){table->name, table->next};
    }
    if (sink->reader != NULL) {
        journal_reader_state(sink->reader, state);
    }
    *position = (KafkaPosition){.owner = slice_of(sink->owner.name),
                                .log = sink->cut,
                                .epoch = sink->cut_epoch,
                                .cut = sink->cut_sequence,
                                .offsets = offsets,
                                .offset_count = count,
                                .state = sink->reader != NULL ? buf_slice(state) : sink->adopted};
}

bool kafka_sink_commit(KafkaSink *sink, Err *err) {
    KafkaPosition position;
    DEFER(buf_release) Buf value = {0}, state = {0};
    arena_reset(sink->scratch);
    position_make(sink, &state, &position);
    kafka_position_encode(&value, &position);
    // Without transactions the position must not be there before its records are.
    TRY(exactly(sink) || kafka_flush(sink->producer, err));
    KafkaMessage message = {.key = sink->key, .value = buf_slice(&value), .timestamp_ms = clock_wall_us() / 1000};
    TRY(kafka_put(sink->producer, sink->facts, &message, err));
    TRY(kafka_commit(sink->producer, err));
    sink->committed = sink->cut;
    sink->committed_us = clock_monotonic_us();
    sink->moved = false;
    sink->stats.commits++;
    sink->stats.bytes += sink->bytes;
    if (sink->begun_us != 0) {
        sink->stats.published_ms = (uint64_t)clock_wall_us() / 1000;
    }
    sink->bytes = 0;
    sink->begun_us = 0;
    sink->unsent = false;
    return true;
}

// --- taking ------------------------------------------------------------------------------------------------------

static KafkaTable *table_of(KafkaSink *sink, Slice name) {
    KafkaTable *table = map_find(&sink->tables, name);
    if (UNLIKELY(table == NULL)) {
        table = ARENA_NEW(sink->run, KafkaTable);
        table->name = arena_slice(sink->run, name);
        map_put(&sink->tables, table->name, table);
    }
    return table;
}

static bool record_put(KafkaSink *sink, const KafkaRecord *record, Err *err) {
    KafkaTopic *topic = NULL;
    TRY(kafka_producer_topic(sink->producer, record->topic, &topic, err));
    TRY(kafka_put(sink->producer, topic, &record->message, err));
    sink->begun_us = sink->begun_us != 0 ? sink->begun_us : clock_monotonic_us();
    sink->unsent = true;
    sink->bytes += record->message.key.size + record->message.value.size;
    return true;
}

static bool event_take(KafkaSink *sink, const JournalEntry *entry, Err *err) {
    KafkaTable *table = table_of(sink, entry->topic->name);
    uint64_t next = entry->offset + entry->event->offset_span;
    if (UNLIKELY(next <= table->below)) {
        return true; // it was committed before its cut was reached
    }
    KafkaRecord made[CONNECT_RECORDS_MAX];
    size_t count = 0;
    if (!kafka_records_make(sink->records, entry, made, &count, err)) {
        return err_prefix(err, "topic %.*s, offset %" PRIu64, SLICE_ARG(entry->topic->name), entry->offset);
    }
    for (size_t i = 0; i < count; i++) {
        if (!record_put(sink, &made[i], err)) {
            return err->code != ERR_VALUE
                       ? err_frame(err, __FILE__, __LINE__)
                       : err_prefix(err, "%.*s, offset %" PRIu64, SLICE_ARG(entry->topic->name), entry->offset);
        }
    }
    CRASH_POINT("kafka.put");
    kafka_sink_touch(sink, table, next);
    sink->stats.events++;
    bool large = sink->bytes >= (uint64_t)sink->options.transaction_bytes_max;
    bool old = sink->begun_us != 0 && (sink->stats.events & 255) == 0 &&
               clock_monotonic_us() - sink->begun_us > sink->options.transaction_timeout_ms * 1000 / 2;
    if (UNLIKELY(large || old)) {
        TRY(kafka_sink_commit(sink, err));
        CRASH_POINT("kafka.part_committed");
    }
    return true;
}

static bool cut_take(KafkaSink *sink, const JournalEntry *entry, Err *err) {
    sink->cut = entry->next;
    sink->cut_epoch = entry->epoch;
    sink->cut_sequence = entry->cut_sequence;
    sink->moved = true;
    for (KafkaTable *table = sink->touched; table != NULL; table = table->next_touched) {
        table->touched = false;
        table->below = 0;
    }
    sink->touched = NULL;
    sink->reader = sink->complete ? entry->reader : NULL;
    bool due =
        sink->begun_us != 0 && clock_monotonic_us() - sink->begun_us >= sink->options.transaction_interval_ms * 1000;
    return !due || kafka_sink_commit(sink, err);
}

static bool kafka_take(void *state, const JournalEntry *entry, Err *err) {
    KafkaSink *sink = state;
    TRY(usable(sink, err));
    bool ok = entry->kind == JOURNAL_SCHEMA ||
              (entry->kind == JOURNAL_EVENT ? event_take(sink, entry, err) : cut_take(sink, entry, err));
    return LIKELY(ok) || settled(sink, ok, err);
}

// Once there is nothing more to take: the next transaction would have to wait, and readers have not seen this one.
static bool commit_last(KafkaSink *sink, Err *err) {
    TRY(settled(sink, kafka_sink_commit(sink, err), err));
    if (exactly(sink)) {
        clock_sleep_us(MARKERS_US);
    }
    return true;
}

static bool kafka_flush_all(void *state, Err *err) {
    KafkaSink *sink = state;
    TRY(usable(sink, err));
    return (!sink->moved && sink->begun_us == 0) || commit_last(sink, err);
}

// At least once: records go at once, their position with those of the next moment.
static bool records_send(KafkaSink *sink, Err *err) {
    if (exactly(sink) || !sink->unsent) {
        return true;
    }
    TRY(kafka_flush(sink->producer, err));
    sink->unsent = false;
    return true;
}

// When the next transaction, or position, is due.
static int64_t commit_due(const KafkaSink *sink) {
    int64_t open_ms = MIN(sink->options.transaction_linger_ms, sink->options.transaction_timeout_ms / 2);
    return sink->begun_us == 0 ? sink->committed_us + IDLE_US
           : exactly(sink)     ? sink->begun_us + open_ms * 1000
                               : sink->committed_us + POSITION_US;
}

// All that the journal holds was taken.
static bool kafka_tick(void *state, int64_t *next_ms, Err *err) {
    KafkaSink *sink = state;
    TRY(usable(sink, err));
    *next_ms = -1;
    if (!sink->moved && sink->begun_us == 0) {
        return true;
    }
    TRY(settled(sink, records_send(sink, err), err));
    int64_t now = clock_monotonic_us(), due = commit_due(sink);
    if (now < due) {
        *next_ms = MAX((due - now) / 1000, INT64_C(1));
        return true;
    }
    return commit_last(sink, err);
}

// --- the rest ----------------------------------------------------------------------------------------------------

static LogPosition kafka_start(void *state) {
    return ((KafkaSink *)state)->committed;
}

// What no record came for need not be read again, but only what the position says is certain.
static LogPosition kafka_pin(void *state) {
    return ((KafkaSink *)state)->committed;
}

static void kafka_stats(void *state, SinkStats *stats) {
    KafkaSink *sink = state;
    *stats = sink->stats;
    kafka_producer_trouble(sink->producer, stats->trouble, sizeof(stats->trouble));
}

static bool kafka_reset(const SinkContext *context, SinkReset *topics, size_t count, bool dry_run, Err *err) {
    FAIL(err, ERR_OPTION, "what was written to Kafka cannot be taken back");
    return err_hint(err, "begin anew under another --name and topic.prefix; or leat resync reads tables again");
}

// Which records are committed is told by the position, not by the state directory.
static bool kafka_offsets(const SinkContext *context, Arena *arena, SinkOffset **offsets, size_t *count, Err *err) {
    *offsets = NULL;
    *count = 0;
    return true;
}

const SinkDriver KAFKA_SINK = {
    .name = "kafka",
    .options = &KAFKA_SINK_OPTIONS,
    .pace_us = 1000, // a commit takes longer: what comes meanwhile is the next one
    .accepts = sink_accepts,
    .probe = sink_probe,
    .checkpoint = kafka_sink_checkpoint,
    .open = kafka_open,
    .close = kafka_close,
    .start = kafka_start,
    .take = kafka_take,
    .flush = kafka_flush_all,
    .tick = kafka_tick,
    .pin = kafka_pin,
    .stats = kafka_stats,
    .reset = kafka_reset,
    .offsets = kafka_offsets,
    .remove = kafka_sink_remove,
};
