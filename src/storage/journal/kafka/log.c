// SPDX-License-Identifier: Apache-2.0
// The writing side of a journal in Kafka, and its driver.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "storage/journal/kafka/expiry.h"
#include "storage/journal/kafka/pins.h"
#include "storage/journal/kafka/tail.h"

#include <limits.h>
#include <pthread.h>

#define RECORD_BYTES \
    (900 * KIB) // of a value: below brokers' message.max.bytes and librdkafka's, with room for the rest
#define PRODUCER_BYTES (8 * MIB)

struct JournalLog {
    UnitLink link;
    char directory[PATH_MAX];
    int lock_fd;
    KafkaTopicRules *rules;
    KafkaProducer *producer;
    KafkaTopic *topic;
    uint64_t head;         // offset of the segment's
    uint64_t attempt;      // of the open group
    bool trim_told;        // that it may not
    PinsFollowed pins;     // the writer's thread's
    bool pins_told;        // that they cannot be read
    Expiry expiry;         // the same thread's
    pthread_mutex_t mutex; // over the list, which grows in the flusher's thread
    Buf segments;          // UnitSegment
};

// --- opening -----------------------------------------------------------------------------------------------------

static bool producer_open(JournalLog *log, Err *err) {
    UnitLink *link = &log->link;
    TRY(kafka_topic_rules_new(link->run, link->kafka.options, &log->rules, err));
    KafkaProducerSpec spec = {.place = link->kafka,
                              .transactional_id = link->transactional_id,
                              .transaction_timeout_ms = link->transaction_timeout_ms,
                              .memory_bytes_max = PRODUCER_BYTES,
                              .flushes = true,
                              .rules = log->rules};
    TRY(kafka_producer_open(&spec, &log->producer, err));
    TRY(kafka_producer_init(log->producer, err)); // from now on nobody else writes
    return kafka_producer_log(log->producer, slice_of(link->topic), &log->topic, err);
}

static bool lost_fail(const JournalLog *log, Err *err) {
    FAIL(err, ERR_JOURNAL_CORRUPT, "Kafka at %s: topic %s is empty, and held a journal", log->link.kafka.brokers,
         log->link.topic);
    return err_hint(err,
                    "the topic was deleted, or these are other brokers; bring it back, or leat delete the pipeline "
                    "and read its tables again");
}

static bool recover(JournalLog *log, Ledger *ledger, LogStart *start, Err *err) {
    JournalTail *tail = NULL;
    bool found = false;
    bool ok = kafka_tail_newest(log->directory, ledger, &tail, &found, err) && kafka_tail_kept(tail, err);
    start->segment = true; // its epoch is taken, and the next open has little to read
    if (ok && !found) {
        start->empty = true;
        ok = !log->link.place.opened || lost_fail(log, err);
    } else if (ok) {
        ok = kafka_tail_apply(tail, err);
        start->end = kafka_tail_written(tail);
        buf_put(&log->segments, kafka_tail_segments(tail));
    }
    kafka_tail_close(tail);
    return ok;
}

static bool open_link(JournalLog *log, const char *directory, Ledger *ledger, LogStart *start, Err *err) {
    char path[PATH_MAX];
    if (snprintf(log->directory, PATH_MAX, "%s", directory) >= PATH_MAX ||
        snprintf(path, PATH_MAX, "%s/lock", directory) >= PATH_MAX) {
        return FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
    }
    TRY(file_lock(path, &log->lock_fd, err));
    TRY(unit_link_init(&log->link, directory, err));
    log->pins.link = &log->link;
    return producer_open(log, err) && recover(log, ledger, start, err);
}

static void kafka_close(JournalLog *log) {
    if (log == NULL) {
        return;
    }
    expiry_release(&log->expiry);
    kafka_pins_release(&log->pins);
    kafka_producer_close(log->producer);
    kafka_topic_rules_release(log->rules);
    unit_link_release(&log->link);
    buf_release(&log->segments);
    file_close(&log->lock_fd);
    pthread_mutex_destroy(&log->mutex);
    free(log);
}

static bool kafka_open(const char *directory, Ledger *ledger, LogStart *start, JournalLog **log, Err *err) {
    JournalLog *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        panic("out of memory: a journal");
    }
    made->lock_fd = -1;
    pthread_mutex_init(&made->mutex, NULL);
    if (!open_link(made, directory, ledger, start, err)) {
        kafka_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *log = made;
    return true;
}

static bool kafka_ready(JournalLog *log, const Ledger *ledger, LogPosition end, Err *err) {
    log->attempt = ledger->epoch << 40;
    if (!log->link.place.opened) {
        log->link.place.opened = true;
        TRY(place_save(log->directory, &log->link.place, err));
    }
    return true;
}

// --- writing -----------------------------------------------------------------------------------------------------

// Gives the number of records.
static bool unit_put(JournalLog *log, uint8_t flags, Slice bytes, uint32_t *records, Err *err) {
    bool is_head = (flags & UNIT_HEAD) != 0;
    UnitKey key = {.attempt = is_head ? 0 : log->attempt, .head = is_head ? UNIT_HEAD_UNKNOWN : log->head};
    KafkaMessage message = {.timestamp_ms = clock_wall_us() / 1000};
    uint8_t encoded[UNIT_KEY_BYTES];
    message.key = (Slice){encoded, sizeof(encoded)};
    do {
        size_t size = MIN(bytes.size, (size_t)RECORD_BYTES);
        message.value = (Slice){bytes.data, size};
        bytes = slice_from(bytes, size);
        key.flags = (uint8_t)(flags | (bytes.size > 0 ? UNIT_MORE : 0));
        unit_key_encode(&key, encoded);
        TRY(kafka_put(log->producer, log->topic, &message, err));
        key.number++;
    } while (bytes.size > 0);
    *records = key.number;
    return true;
}

// Each job is a transaction.
static bool kafka_write(JournalLog *log, const LogJob *job, Err *err) {
    Slice bytes = buf_slice(&job->bytes);
    uint32_t records = 0;
    while (bytes.size > 0) {
        size_t size = (size_t)frame_padded(load_u32le(bytes.data + 4));
        TRY(unit_put(log, job->has_cut ? 0 : UNIT_PART, (Slice){bytes.data, size}, &records, err));
        bytes = slice_from(bytes, size);
    }
    TRY(kafka_commit(log->producer, err));
    log->attempt += job->has_cut;
    return true;
}

static bool kafka_rotate(JournalLog *log, LogPosition at, Slice preamble, Err *err) {
    DEFER(buf_release) Buf bytes = {0};
    SegmentHeader header;
    uint32_t records = 0;
    TRY(segment_header_decode(preamble, log->link.topic, &header, err));
    pthread_mutex_lock(&log->mutex);
    size_t count = log->segments.size / sizeof(UnitSegment);
    if (count > 0 && unit_segment_at(&log->segments, count - 1).position == at) {
        log->segments.size -= sizeof(UnitSegment); // nothing is in it
    }
    unit_segments_encode(&log->segments, &bytes);
    pthread_mutex_unlock(&log->mutex);
    buf_put(&bytes, preamble);
    TRY(unit_put(log, UNIT_HEAD, buf_slice(&bytes), &records, err));
    TRY(kafka_commit(log->producer, err));
    log->head = (uint64_t)kafka_producer_last(log->producer) - (records - 1);
    UnitSegment segment = {at, log->head, header.cut_ms};
    pthread_mutex_lock(&log->mutex);
    buf_bytes(&log->segments, &segment, sizeof(segment));
    pthread_mutex_unlock(&log->mutex);
    return true;
}

// Parts stay in the topic; with another attempt's number behind them they do not count.
static bool kafka_undo(JournalLog *log, LogPosition cut_end, LogPosition *next, Err *err) {
    log->attempt++;
    return true;
}

// --- trimming ----------------------------------------------------------------------------------------------------

static LogPosition kafka_begin(JournalLog *log) {
    pthread_mutex_lock(&log->mutex);
    LogPosition begin = log->segments.size > 0 ? unit_segment_at(&log->segments, 0).position : 0;
    pthread_mutex_unlock(&log->mutex);
    return begin;
}

// While they cannot be read everything is pinned.
static bool pins_read(JournalLog *log, bool ask, LogPosition none, LogPosition *lowest, Err *err) {
    if (kafka_pins_follow(&log->pins, ask, err)) {
        log->pins_told = false;
        *lowest = kafka_pins_lowest(&log->pins, none);
        return true;
    }
    *lowest = 0;
    if (err_class(err->code) != ERR_CLASS_TRANSIENT) {
        return err_frame(err, __FILE__, __LINE__);
    }
    if (!log->pins_told) {
        log_err(LOG_JOURNAL, "the sinks' pins cannot be read: nothing is trimmed", err);
        log->pins_told = true;
    }
    err_clear(err);
    return true;
}

// What is below the lowest pin may go, but for the segment that is written: the next start reads its head.
static void expiry_take(JournalLog *log, LogPosition lowest) {
    UnitSegment needed = {0}, newest = {0};
    pthread_mutex_lock(&log->mutex);
    size_t count = log->segments.size / sizeof(UnitSegment), at = 0;
    while (at + 1 < count && unit_segment_at(&log->segments, at + 1).position <= lowest) {
        at++;
    }
    if (count > 0) {
        needed = unit_segment_at(&log->segments, at);
        newest = unit_segment_at(&log->segments, count - 1);
    }
    pthread_mutex_unlock(&log->mutex);
    if (count > 0) {
        expiry_look(&log->expiry, &log->link, log->pins.consumer, &needed, &newest);
    }
}

static bool kafka_pinned(JournalLog *log, LogPosition none, LogPosition *lowest, Err *err) {
    TRY(pins_read(log, false, none, lowest, err));
    if (log->pins.level) {
        expiry_take(log, *lowest);
    }
    return true;
}

static void kafka_expiring(JournalLog *log, JournalExpiring *expiring) {
    if (log->expiry.watch != NULL) {
        KafkaWatchLook look;
        kafka_watch_look(log->expiry.watch, &look);
        expiring->share = look.share;
        snprintf(expiring->of, sizeof(expiring->of), "%s", look.where);
    }
}

static size_t trim_count(const JournalLog *log, const LogTrim *how) {
    uint64_t now_ms = (uint64_t)clock_wall_us() / 1000;
    size_t count = log->segments.size / sizeof(UnitSegment), drop = 0;
    while (drop + 1 < count) {
        UnitSegment next = unit_segment_at(&log->segments, drop + 1);
        bool old = how->keep_ms != 0 && next.cut_ms + how->keep_ms <= now_ms;
        if (next.position > how->lowest || (how->lowest - next.position < how->keep && !old)) {
            break;
        }
        drop++;
    }
    return drop;
}

// The offset below which all may go; 0: nothing may.
static uint64_t trim_before(JournalLog *log, const LogTrim *how, size_t *drop) {
    pthread_mutex_lock(&log->mutex);
    *drop = trim_count(log, how);
    uint64_t before = *drop > 0 ? unit_segment_at(&log->segments, *drop).offset : 0;
    pthread_mutex_unlock(&log->mutex);
    return before;
}

// What cannot be deleted now is deleted another time. A sink may have pinned it just now, on another machine.
static bool kafka_trim(JournalLog *log, const LogTrim *how, Err *err) {
    size_t drop = 0;
    LogTrim sure = *how;
    LogPosition pinned = 0;
    if (trim_before(log, how, &drop) == 0) {
        return true;
    }
    TRY(pins_read(log, true, how->lowest, &pinned, err));
    sure.lowest = MIN(how->lowest, pinned);
    uint64_t before = trim_before(log, &sure, &drop);
    if (before == 0) {
        return true;
    }
    Err failed[1] = {{0}};
    if (!kafka_delete_below(log->producer, log->topic, (int64_t)before, failed)) {
        if (!log->trim_told) {
            log_err(LOG_JOURNAL, "what no sink needs stays in the topic: it cannot be deleted", failed);
            log->trim_told = true;
        }
        return true;
    }
    log->trim_told = false;
    pthread_mutex_lock(&log->mutex);
    size_t bytes = drop * sizeof(UnitSegment);
    memmove(log->segments.data, log->segments.data + bytes, log->segments.size - bytes);
    log->segments.size -= bytes;
    pthread_mutex_unlock(&log->mutex);
    return true;
}

// --- seeding -----------------------------------------------------------------------------------------------------

static bool kafka_seed(const char *directory, Slice preamble, Err *err) {
    JournalLog *log = NULL;
    LogStart start = {0};
    Ledger ledger;
    ledger_init(&ledger);
    bool ok = kafka_open(directory, &ledger, &start, &log, err);
    if (ok && !start.empty) {
        ok = FAIL(err, ERR_EXISTS, "topic %s holds a journal", log->link.topic);
    }
    ok = ok && kafka_rotate(log, 0, preamble, err);
    kafka_close(log);
    ledger_release(&ledger);
    return ok;
}

// What still writes is fenced first.
static bool kafka_remove(const char *directory, Err *err) {
    JournalLog log = {.lock_fd = -1};
    bool ok = unit_link_init(&log.link, directory, err) && producer_open(&log, err) &&
              kafka_topic_delete(log.producer, log.topic, err) && kafka_pins_remove(&log.link, err);
    kafka_producer_close(log.producer);
    kafka_topic_rules_release(log.rules);
    unit_link_release(&log.link);
    return ok;
}

static bool kafka_place_check(const char *url, const char *name, Err *err) {
    UnitLink link;
    bool ok = unit_link_of(&link, &(JournalPlace){.url = url, .name = name}, err);
    unit_link_release(&link);
    return ok;
}

static bool kafka_place_probe(const char *url, const char *name, Err *err) {
    UnitLink link;
    bool ok = unit_link_of(&link, &(JournalPlace){.url = url, .name = name}, err) &&
              (kafka_probe(&link.kafka, false, err) || err_prefix(err, "the journal"));
    unit_link_release(&link);
    return ok;
}

const JournalDriver KAFKA_JOURNAL = {
    .pinned = kafka_pinned,
    .expiring = kafka_expiring,
    .pin_set = kafka_pin_set,
    .pin_remove = kafka_pin_remove,
    .pin_open = kafka_pin_open,
    .pin_raise = kafka_pin_raise,
    .pin_close = kafka_pin_close,
    .pin_there = kafka_pin_there,
    .name = "kafka",
    .open = kafka_open,
    .close = kafka_close,
    .ready = kafka_ready,
    .write = kafka_write,
    .rotate = kafka_rotate,
    .undo = kafka_undo,
    .trim = kafka_trim,
    .begin = kafka_begin,
    .tail_open = kafka_tail_open,
    .tail_close = kafka_tail_close,
    .tail_next = kafka_tail_next,
    .tail_at = kafka_tail_at,
    .tail_before = kafka_tail_before,
    .tail_end = kafka_tail_end,
    .tail_wait = kafka_tail_wait,
    .tail_wake = kafka_tail_wake,
    .tail_where = kafka_tail_where,
    .place_check = kafka_place_check,
    .place_probe = kafka_place_probe,
    .seed = kafka_seed,
    .remove = kafka_remove,
    .look = kafka_look,
    .check = kafka_check,
};
