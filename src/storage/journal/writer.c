// SPDX-License-Identifier: Apache-2.0
// The writing side of storage/journal/journal.h, whatever the log is kept in.
//
// Events are encoded into one batch per topic. A batch that is large enough, or all of them at a cut, becomes a frame
// in `out`. `out` is handed to the flusher at a cut, or earlier, as a part without a cut, when memory runs short; the
// frames' positions are known from the start, as the writer alone decides where a segment ends.
#include "storage/journal/journal.h"

#include "core/base/digest.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "data/event/event_codec.h"
#include "storage/journal/flusher.h"

#include <limits.h>
#include <errno.h>
#include <sys/eventfd.h>

#define SEGMENT_BYTES_DEFAULT (64 * MIB)
#define MEMORY_BYTES_DEFAULT  (16 * MIB)
#define MEMORY_BYTES_MIN      (256 * KIB)
#define BATCH_BYTES           (64 * KIB)

typedef struct TopicBatch {
    LedgerTopic *topic;
    Buf bytes;          // the frame that is being filled
    uint32_t schema;    // of the events in it; 0: it is empty
    BatchHeader header; // as far as known
    EventBase base;
    uint64_t cut_offset; // the topic's next offset as of the last cut
    bool touched;        // since the last cut
} TopicBatch;

struct Journal {
    char directory[PATH_MAX];
    JournalOptions options;
    size_t part_bytes; // out and batches together, before a part is written early
    size_t batch_bytes;
    Ledger ledger;
    Buf batches; // TopicBatch *, by topic
    Buf touched; // TopicBatch *, since the last cut
    Buf fresh;   // LedgerSchema *, logged since the last cut
    Buf out;     // frames
    LogPosition out_at;
    LogPosition cut_end;      // of the last cut handed over, where the open group starts
    LogPosition segment_body; // where the first frame behind the segment's STATE is
    LogPosition full_at;
    uint32_t group_crc;
    uint64_t group_frames;
    uint64_t group_bytes;
    size_t open_bytes; // in batches
    size_t held_bytes; // memory of batches, filled or not
    Buf preamble;
    Flusher flusher;
};

// --- opening ---------------------------------------------------------------------------------------------------

void journal_preamble(const Ledger *ledger, LogPosition start, Buf *buf) {
    segment_header_encode(buf, &(SegmentHeader){start, ledger->epoch, ledger->cut_ms});
    frame_begin(buf);
    ledger_state_encode(ledger, buf);
    frame_seal(buf, SEGMENT_HEADER_BYTES, FRAME_STATE, start + SEGMENT_HEADER_BYTES, ledger->cut_sequence);
}

bool journal_seed(const char *directory, Slice state, Err *err) {
    DEFER(buf_release) Buf preamble = {0};
    Ledger ledger;
    ledger_init(&ledger);
    bool ok = ledger_apply_state(&ledger, state, err);
    if (ok) {
        journal_preamble(&ledger, 0, &preamble);
        ok = journal_driver(directory)->seed(directory, buf_slice(&preamble), err);
    }
    ledger_release(&ledger);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool segment_begin(Journal *journal, Err *err) {
    LogPosition start = journal->cut_end;
    journal_preamble(&journal->ledger, start, &journal->preamble);
    bool ok = journal->flusher.driver->rotate(journal->flusher.log, start, buf_slice(&journal->preamble), err);
    journal->cut_end = journal->segment_body = start + journal->preamble.size;
    buf_reset(&journal->preamble);
    return ok;
}

// Offsets only rise; a segment begins with what they are now.
static bool floors_apply(Journal *journal) {
    const JournalOptions *options = &journal->options;
    Ledger *ledger = &journal->ledger;
    bool raised = ledger->epoch <= options->epoch_floor;
    ledger->epoch = MAX(ledger->epoch, options->epoch_floor + 1);
    for (size_t i = 0; i < options->floor_count; i++) {
        LedgerTopic *topic = ledger_topic_named(ledger, options->floors[i].topic);
        if (topic->next_offset < options->floors[i].offset) {
            topic->next_offset = options->floors[i].offset;
            topic->logged = raised = true;
        }
    }
    return raised;
}

static bool open_log(Journal *journal, Err *err) {
    Flusher *flusher = &journal->flusher;
    Ledger *ledger = &journal->ledger;
    LogStart start = {0};
    TRY(flusher->driver->open(journal->directory, ledger, &start, &flusher->log, err));
    journal->cut_end = start.end;
    journal->segment_body = start.body;
    ledger->epoch++;
    bool raised = floors_apply(journal);
    bool full = start.end > start.body && start.end - start.body >= journal->options.segment_bytes_max;
    TRY(!(start.empty || start.segment || raised || full) || segment_begin(journal, err));
    TRY(flusher->driver->ready(flusher->log, ledger, journal->cut_end, err));
    LogPosition end = start.empty ? journal->cut_end : start.end; // a new segment's head is nothing to read
    flusher->durable = (LogCut){ledger->cut_sequence, ledger->cut_ms, ledger->position, end};
    flusher->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (flusher->event_fd < 0) {
        return FAIL_ERRNO(err, "make an eventfd");
    }
    return flusher_start(flusher, err);
}

static void full_at_update(Journal *journal) {
    uint64_t max = journal->options.bytes_max;
    journal->full_at = max == 0 ? UINT64_MAX : journal->flusher.driver->begin(journal->flusher.log) + max;
}

bool journal_open(const char *directory, const JournalOptions *options, Journal **journal, Err *err) {
    Journal *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        panic("out of memory: a journal");
    }
    *journal = NULL;
    made->options = *options;
    JournalOptions *set = &made->options;
    if (set->segment_bytes_max == 0) {
        set->segment_bytes_max = SEGMENT_BYTES_DEFAULT;
    }
    if (set->bytes_max != 0) { // the last segment is never trimmed: it must not hold all that there may be
        set->segment_bytes_max = MIN(set->segment_bytes_max, (size_t)MAX(set->bytes_max / 4, 1u));
    }
    set->memory_bytes_max =
        MAX(set->memory_bytes_max == 0 ? MEMORY_BYTES_DEFAULT : set->memory_bytes_max, MEMORY_BYTES_MIN);
    made->part_bytes = set->memory_bytes_max / 4;
    made->batch_bytes = MIN(BATCH_BYTES, made->part_bytes / 4);
    made->flusher.event_fd = -1;
    made->flusher.driver = journal_driver(directory);
    ledger_init(&made->ledger);
    bool fits = snprintf(made->directory, PATH_MAX, "%s", directory) < PATH_MAX ||
                FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
    if (!fits || !open_log(made, err)) {
        journal_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    made->out_at = made->cut_end;
    full_at_update(made);
    *journal = made;
    return true;
}

static TopicBatch *batch_of(const Journal *journal, uint32_t topic) {
    ASSERT(topic < journal->batches.size / sizeof(TopicBatch *));
    return ((TopicBatch **)(void *)journal->batches.data)[topic];
}

// Parts that were written early are not part of any cut: recovery would drop them, so do it now. Only a courtesy.
static void drop_parts(Journal *journal) {
    const Flusher *flusher = &journal->flusher;
    if (journal->out_at > journal->cut_end && !flusher->failed) {
        LogPosition next = journal->out_at;
        Err ignored[1] = {{0}};
        bool dropped = flusher->driver->undo(flusher->log, journal->cut_end, &next, ignored);
        (void)dropped;
    }
}

void journal_close(Journal *journal) {
    if (journal == NULL) {
        return;
    }
    Flusher *flusher = &journal->flusher;
    flusher_stop(flusher);
    drop_parts(journal);
    for (size_t i = 0; i < journal->batches.size / sizeof(TopicBatch *); i++) {
        TopicBatch *batch = batch_of(journal, (uint32_t)i);
        if (batch != NULL) {
            buf_release(&batch->bytes);
            free(batch);
        }
    }
    buf_release(&journal->batches);
    buf_release(&journal->touched);
    buf_release(&journal->fresh);
    buf_release(&journal->out);
    buf_release(&journal->preamble);
    ledger_release(&journal->ledger);
    flusher->driver->close(flusher->log);
    file_close(&flusher->event_fd);
    free(journal);
}

// --- topics, schemas, state ------------------------------------------------------------------------------------

static TopicBatch *batch_make(Journal *journal, LedgerTopic *topic) {
    uint32_t id = topic->topic.id;
    size_t end = ((size_t)id + 1) * sizeof(TopicBatch *);
    if (journal->batches.size < end) {
        size_t more = end - journal->batches.size;
        memset(buf_room(&journal->batches, more), 0, more);
        buf_advance(&journal->batches, more);
    }
    TopicBatch **place = &((TopicBatch **)(void *)journal->batches.data)[id];
    if (*place == NULL) {
        *place = calloc(1, sizeof(**place));
        if (*place == NULL) {
            panic("out of memory: a topic");
        }
        (*place)->topic = topic;
        (*place)->cut_offset = topic->next_offset;
    }
    return *place;
}

uint32_t journal_topic(Journal *journal, Slice name) {
    LedgerTopic *topic = ledger_topic_named(&journal->ledger, name);
    batch_make(journal, topic);
    return topic->topic.id;
}

uint32_t journal_schema(Journal *journal, uint32_t topic, const Schema *schema) {
    return ledger_schema_like(&journal->ledger, batch_of(journal, topic)->topic, schema)->schema.id;
}

void journal_state_put(Journal *journal, Slice key, Slice value) {
    ledger_put(&journal->ledger, key, value);
}

Slice journal_state_get(const Journal *journal, Slice key) {
    return ledger_get(&journal->ledger, key);
}

void journal_state_each(const Journal *journal, void (*visit)(void *context, Slice key, Slice value), void *context) {
    ledger_each(&journal->ledger, visit, context);
}

// --- the open group --------------------------------------------------------------------------------------------

static uint64_t group_of(const Journal *journal) {
    return journal->ledger.cut_sequence + 1;
}

static LogPosition out_end(const Journal *journal) {
    return journal->out_at + journal->out.size;
}

// Counts a frame that was sealed into `out`.
static void group_add(Journal *journal, uint32_t crc, size_t size) {
    journal->group_crc = digest_crc32c(journal->group_crc, (Slice){(const uint8_t *)&crc, sizeof(crc)});
    journal->group_frames++;
    journal->group_bytes += size;
}

// Hands `out` to the flusher as a part of the open group.
static bool part_flush(Journal *journal, Err *err) {
    if (journal->out.size == 0) {
        return true;
    }
    size_t size = journal->out.size;
    TRY(flusher_give(&journal->flusher, &journal->out, journal->out_at, NULL, &journal->preamble, err));
    journal->out_at += size;
    buf_reset_keep(&journal->out, 2 * journal->part_bytes);
    return true;
}

static void held_count(Journal *journal, size_t before, const TopicBatch *batch) {
    journal->held_bytes += batch->bytes.capacity - before; // wraps when it shrank, as it should
}

// The batch becomes a frame in `out`. One that is as large as a part goes there without being copied.
static bool batch_close(Journal *journal, TopicBatch *batch, Err *err) {
    size_t size = batch->bytes.size;
    if (batch->schema == 0) {
        return true;
    }
    bool large = size >= journal->part_bytes;
    if (large) {
        TRY(part_flush(journal, err));
    }
    batch->header.next_offset = batch->topic->next_offset;
    batch_header_write(batch->bytes.data + FRAME_HEADER_BYTES, &batch->header);
    size_t before = batch->bytes.capacity;
    uint32_t crc = frame_seal(&batch->bytes, 0, FRAME_BATCH, out_end(journal), group_of(journal));
    group_add(journal, crc, batch->bytes.size);
    if (large) {
        Buf empty = journal->out;
        journal->out = batch->bytes;
        batch->bytes = (Buf){0};
        buf_release(&empty);
    } else {
        buf_put(&journal->out, buf_slice(&batch->bytes));
        buf_reset(&batch->bytes);
    }
    held_count(journal, before, batch);
    journal->open_bytes -= size;
    batch->schema = 0;
    return large ? part_flush(journal, err) : true;
}

static TopicBatch **touched_batches(const Journal *journal, size_t *count) {
    *count = journal->touched.size / sizeof(TopicBatch *);
    return (TopicBatch **)(void *)journal->touched.data;
}

// All batches become frames; memory is given back when much of it is held.
static bool batches_close(Journal *journal, Err *err) {
    size_t count = 0;
    TopicBatch **batches = touched_batches(journal, &count);
    for (size_t i = 0; i < count; i++) {
        TRY(batch_close(journal, batches[i], err));
        if (journal->held_bytes > journal->part_bytes / 2) {
            size_t before = batches[i]->bytes.capacity;
            buf_release(&batches[i]->bytes);
            held_count(journal, before, batches[i]);
        }
    }
    return true;
}

static void schema_log(Journal *journal, LedgerSchema *schema) {
    Buf *out = &journal->out;
    size_t start = out->size;
    LogPosition at = out_end(journal);
    frame_begin(out);
    ledger_schema_encode(schema, out);
    uint32_t crc = frame_seal(out, start, FRAME_SCHEMA, at, group_of(journal));
    group_add(journal, crc, out->size - start);
    schema->logged = schema->topic->logged = true;
    buf_bytes(&journal->fresh, &schema, sizeof(LedgerSchema *));
}

static bool batch_begin(Journal *journal, TopicBatch *batch, uint32_t schema_id, const Event *event, Err *err) {
    TRY(batch_close(journal, batch, err));
    LedgerSchema *schema = ledger_schema(&journal->ledger, schema_id);
    ASSERT(schema != NULL && schema->topic == batch->topic);
    if (!schema->logged) {
        schema_log(journal, schema);
    }
    if (!batch->touched) {
        batch->touched = true;
        buf_bytes(&journal->touched, &batch, sizeof(TopicBatch *));
    }
    batch->base = (EventBase){event->commit_lsn, event->source_us};
    batch->header = (BatchHeader){
        .topic = batch->topic->topic.id,
        .schema = schema_id,
        .base_offset = batch->topic->next_offset,
        .commit_lsn = event->commit_lsn,
        .source_us = event->source_us,
    };
    size_t before = batch->bytes.capacity;
    frame_begin(&batch->bytes);
    uint8_t *room = buf_room(&batch->bytes, BATCH_HEADER_BYTES);
    memset(room, 0, BATCH_HEADER_BYTES);
    buf_advance(&batch->bytes, BATCH_HEADER_BYTES);
    held_count(journal, before, batch);
    journal->open_bytes += batch->bytes.size;
    batch->schema = schema_id;
    return true;
}

static bool trim_as(Journal *journal, uint64_t keep, uint64_t keep_ms, Err *err) {
    Flusher *flusher = &journal->flusher;
    pthread_mutex_lock(&flusher->mutex);
    LogTrim trim = {.lowest = flusher->durable.end, .keep = keep, .keep_ms = keep_ms};
    pthread_mutex_unlock(&flusher->mutex);
    LogPosition pinned = 0;
    TRY(flusher->driver->pinned(flusher->log, trim.lowest, &pinned, err));
    trim.lowest = MIN(trim.lowest, pinned);
    bool ok = flusher->driver->trim(flusher->log, &trim, err);
    full_at_update(journal);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool journal_trim(Journal *journal, Err *err) {
    return trim_as(journal, journal->options.retention_bytes, journal->options.retention_ms, err);
}

bool journal_pinned(Journal *journal, LogPosition none, LogPosition *lowest, Err *err) {
    return journal->flusher.driver->pinned(journal->flusher.log, none, lowest, err);
}

void journal_expiring(const Journal *journal, JournalExpiring *expiring) {
    const Flusher *flusher = &journal->flusher;
    *expiring = (JournalExpiring){.share = -1};
    if (flusher->driver->expiring != NULL) {
        flusher->driver->expiring(flusher->log, expiring);
    }
}

static bool is_full(Journal *journal, Err *err) {
    TRY(trim_as(journal, 0, 0, err));
    if (out_end(journal) + journal->open_bytes < journal->full_at) {
        return true;
    }
    FAIL(err, ERR_JOURNAL_FULL, "%s holds %" PRIu64 " bytes, the limit (journal.bytes.max)", journal->directory,
         journal->options.bytes_max);
    return err_hint(err, "let the sinks catch up, delete a sink that is no longer wanted, or raise journal.bytes.max");
}

// Rare things that an append may have to do after it: close a large batch, write a part early.
static bool append_settle(Journal *journal, TopicBatch *batch, size_t before, Err *err) {
    if (batch->bytes.size > FRAME_BYTES_MAX - 64) {
        journal->open_bytes -= batch->bytes.size - before;
        batch->bytes.size = before;
        return FAIL(err, ERR_MEMORY, "topic %.*s: one event is larger than 4 GiB", SLICE_ARG(batch->topic->topic.name));
    }
    return true;
}

bool journal_append(Journal *journal, uint32_t topic, uint32_t schema, const Event *event, Err *err) {
    if (UNLIKELY(atomic_load_explicit(&journal->flusher.failed, memory_order_relaxed))) {
        return flusher_failure(&journal->flusher, err);
    }
    if (UNLIKELY(out_end(journal) + journal->open_bytes >= journal->full_at)) {
        TRY(is_full(journal, err));
    }
    TopicBatch *batch = batch_of(journal, topic);
    if (batch->schema != schema) {
        TRY(batch_begin(journal, batch, schema, event, err));
    }
    size_t before = batch->bytes.size, capacity = batch->bytes.capacity;
    event_encode(&batch->bytes, &batch->base, event);
    held_count(journal, capacity, batch);
    journal->open_bytes += batch->bytes.size - before;
    bool large = batch->bytes.size >= journal->batch_bytes;
    if (UNLIKELY(large)) {
        TRY(append_settle(journal, batch, before, err));
    }
    batch->topic->next_offset += event->offset_span;
    batch->header.count++;
    if (UNLIKELY(large)) {
        TRY(batch_close(journal, batch, err));
    }
    if (UNLIKELY(journal->out.size + journal->open_bytes >= journal->part_bytes)) {
        TRY(batches_close(journal, err));
        TRY(part_flush(journal, err));
    }
    return true;
}

// --- cuts ------------------------------------------------------------------------------------------------------

static void group_reset(Journal *journal) {
    size_t count = 0;
    TopicBatch **batches = touched_batches(journal, &count);
    for (size_t i = 0; i < count; i++) {
        batches[i]->touched = false;
    }
    buf_reset(&journal->touched);
    buf_reset(&journal->fresh);
    journal->group_crc = 0;
    journal->group_frames = journal->group_bytes = 0;
}

static void cut_encode(Journal *journal, const LogCut *cut) {
    Buf *out = &journal->out;
    LogPosition at = out_end(journal);
    size_t start = out->size, count = 0;
    TopicBatch **batches = touched_batches(journal, &count);
    frame_begin(out);
    cut_header_encode(out, &(CutHeader){
                               .epoch = journal->ledger.epoch,
                               .cut_ms = cut->ms,
                               .position = cut->position,
                               .group_crc = journal->group_crc,
                               .frames = journal->group_frames,
                               .bytes = journal->group_bytes,
                           });
    buf_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        buf_varint(out, batches[i]->topic->topic.id);
        buf_varint(out, batches[i]->topic->next_offset);
        batches[i]->cut_offset = batches[i]->topic->next_offset;
    }
    ledger_changes_encode(&journal->ledger, out);
    frame_seal(out, start, FRAME_CUT, at, cut->sequence);
}

bool journal_cut(Journal *journal, const Position *position, Err *err) {
    if (UNLIKELY(atomic_load_explicit(&journal->flusher.failed, memory_order_relaxed))) {
        return flusher_failure(&journal->flusher, err);
    }
    TRY(batches_close(journal, err));
    LogCut cut = {.sequence = group_of(journal), .ms = (uint64_t)clock_wall_us() / 1000, .position = *position};
    cut_encode(journal, &cut);
    cut.end = out_end(journal);
    journal->ledger.cut_sequence = cut.sequence;
    journal->ledger.cut_ms = cut.ms;
    journal->ledger.position = *position;
    LogPosition at = journal->out_at;
    journal->out_at = journal->cut_end = cut.end;
    buf_reset(&journal->preamble);
    if (cut.end - journal->segment_body >= journal->options.segment_bytes_max) {
        journal_preamble(&journal->ledger, cut.end, &journal->preamble);
        journal->out_at = journal->cut_end = journal->segment_body = cut.end + journal->preamble.size;
    }
    group_reset(journal);
    TRY(flusher_give(&journal->flusher, &journal->out, at, &cut, &journal->preamble, err));
    buf_reset_keep(&journal->out, 2 * journal->part_bytes);
    return true;
}

bool journal_rollback(Journal *journal, Err *err) {
    Flusher *flusher = &journal->flusher;
    TRY(flusher_wait(flusher, err));
    LogPosition next = journal->cut_end;
    if (journal->out_at > journal->cut_end) { // parts were written early: no trace of them may stay
        CRASH_POINT("journal.before_rollback");
        next = journal->out_at;
        TRY(flusher->driver->undo(flusher->log, journal->cut_end, &next, err));
        CRASH_POINT("journal.rolled_back");
    }
    journal->out_at = journal->cut_end = next;
    buf_reset_keep(&journal->out, 2 * journal->part_bytes);
    size_t count = 0;
    TopicBatch **batches = touched_batches(journal, &count);
    for (size_t i = 0; i < count; i++) {
        TopicBatch *batch = batches[i];
        batch->topic->next_offset = batch->cut_offset;
        batch->schema = 0;
        size_t before = batch->bytes.capacity;
        buf_reset_keep(&batch->bytes, journal->batch_bytes);
        held_count(journal, before, batch);
    }
    journal->open_bytes = 0;
    LedgerSchema **fresh = (LedgerSchema **)(void *)journal->fresh.data;
    for (size_t i = 0; i < journal->fresh.size / sizeof(LedgerSchema *); i++) {
        fresh[i]->logged = false;
    }
    for (size_t i = 0; i < journal->fresh.size / sizeof(LedgerSchema *); i++) {
        bool logged = false;
        for (const LedgerSchema *schema = fresh[i]->topic->newest; schema != NULL; schema = schema->older) {
            logged = logged || schema->logged;
        }
        fresh[i]->topic->logged = logged;
    }
    group_reset(journal);
    ledger_changes_drop(&journal->ledger);
    return true;
}

// --- looking ---------------------------------------------------------------------------------------------------

bool journal_busy(const Journal *journal) {
    return atomic_load(&journal->flusher.busy);
}

bool journal_sync(Journal *journal, Err *err) {
    return flusher_wait(&journal->flusher, err) || err_frame(err, __FILE__, __LINE__);
}

int journal_event_fd(const Journal *journal) {
    return journal->flusher.event_fd;
}

size_t journal_pending_bytes(const Journal *journal) {
    return journal->out.size + journal->open_bytes + atomic_load(&journal->flusher.bytes);
}

// The mutex of a journal that is const to its caller.
static Flusher *flusher_of(const Journal *journal) {
    return (Flusher *)(uintptr_t)&journal->flusher;
}

uint64_t journal_durable(const Journal *journal, Position *position) {
    Flusher *flusher = flusher_of(journal);
    pthread_mutex_lock(&flusher->mutex);
    uint64_t cuts = flusher->cuts;
    *position = flusher->durable.position;
    pthread_mutex_unlock(&flusher->mutex);
    return cuts;
}

void journal_info(const Journal *journal, JournalInfo *info) {
    Flusher *flusher = flusher_of(journal);
    pthread_mutex_lock(&flusher->mutex);
    *info = (JournalInfo){
        .epoch = journal->ledger.epoch,
        .cut_sequence = flusher->durable.sequence,
        .position = flusher->durable.position,
        .begin = flusher->driver->begin(flusher->log),
        .end = flusher->durable.end,
        .cut_ms = flusher->durable.ms,
        .cuts = flusher->cuts,
        .cuts_us = flusher->cuts_us,
    };
    pthread_mutex_unlock(&flusher->mutex);
}
