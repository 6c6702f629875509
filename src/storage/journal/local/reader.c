// SPDX-License-Identifier: Apache-2.0
// The reading side of storage/journal/journal.h on local files.
#include "storage/journal/journal.h"

#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "data/event/event_codec.h"
#include "storage/journal/local/head.h"
#include "storage/journal/local/ledger.h"
#include "storage/journal/local/look.h"
#include "storage/journal/local/recover.h"
#include "storage/journal/local/segment.h"

#include <errno.h>

enum { WAIT_WITHOUT_HEAD_MS = 50 };
#define WINDOW_BYTES_MIN (64 * KIB)
#define WINDOW_BYTES_MAX (1 * MIB)

struct JournalReader {
    char directory[PATH_MAX];
    Head head;
    SegmentReader segment;
    Ledger ledger; // topics and schemas; all of it as of the last CUT when keeps_state
    bool keeps_state;
    Buf announced;       // uint8_t by schema: its SCHEMA entry was given
    Arena batch;         // of the event that was given last
    LogPosition at;      // of the next frame
    LogPosition end;     // durable, as of the last look
    LogPosition scanned; // without a head: what recovery found
    // The batch that is being read; count 0: none.
    Frame frame;
    BatchHeader header;
    LedgerSchema *schema;
    Reader records;
    uint32_t left;
    uint64_t offset;
    Event event;
    Position position;
    atomic_bool woken;
};

// --- opening ---------------------------------------------------------------------------------------------------

// The durable end by reading the last segment, for a journal whose head is missing or older than the truth.
static bool end_by_scan(const char *directory, const SegmentList *segments, LogPosition head_end, LogPosition *end,
                        Err *err) {
    SegmentReader segment;
    Ledger ledger;
    Recovered recovered = {0};
    segment_reader_init(&segment, WINDOW_BYTES_MAX);
    ledger_init(&ledger);
    LogPosition last = segment_start(segments, segment_count(segments) - 1);
    bool ok = segment_reader_open(&segment, directory, last, err) &&
              recover_segment(&segment, head_end, &ledger, &recovered, err);
    segment_reader_release(&segment);
    ledger_release(&ledger);
    *end = recovered.end;
    return ok;
}

LogPosition journal_reader_end(JournalReader *reader) {
    LogPosition head = 0;
    if (reader->head.page == NULL) { // the writer may have made one meanwhile
        Err ignored[1] = {{0}};
        if (!head_open(&reader->head, reader->directory, ignored)) {
            return reader->scanned;
        }
    }
    if (reader->head.page != NULL) {
        head = atomic_load_explicit(&reader->head.page->end, memory_order_acquire);
    }
    return MAX(head, reader->scanned);
}

static bool segment_enter(JournalReader *reader, LogPosition start, Err *err) {
    if (!segment_reader_open(&reader->segment, reader->directory, start, err)) {
        return err_frame(err, __FILE__, __LINE__);
    }
    Frame frame;
    SegmentRead read = segment_read(&reader->segment, segment_first(&reader->segment), UINT64_MAX, &frame, err);
    if (read == SEGMENT_ERROR) {
        return err_frame(err, __FILE__, __LINE__);
    }
    if (read != SEGMENT_FRAME || frame.kind != FRAME_STATE) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "%s: the STATE frame at byte %d is damaged", reader->segment.path,
                    SEGMENT_HEADER_BYTES);
    }
    if (!ledger_apply_state(&reader->ledger, frame.body, err)) {
        return err_prefix(err, "%s, byte %d", reader->segment.path, SEGMENT_HEADER_BYTES);
    }
    reader->at = MAX(reader->at, frame.next);
    return true;
}

static bool not_there(const char *directory, LogPosition from, LogPosition begin, LogPosition end, Err *err) {
    FAIL(err, ERR_NOT_FOUND, "%s holds positions %" PRIu64 " to %" PRIu64 ", not %" PRIu64, directory, begin, end,
         from);
    return err_hint(err, from < begin ? "it was trimmed: what read it was not pinned; read the tables again (resync)"
                                      : "the journal is older than what has read it (restored from a copy?)");
}

static bool reader_start(JournalReader *reader, LogPosition from, Err *err) {
    SegmentList segments = {0};
    bool ok = segment_list(&segments, reader->directory, err);
    if (ok && segment_count(&segments) == 0) {
        FAIL(err, ERR_NOT_FOUND, "%s holds no journal", reader->directory);
        ok = err_hint(err, "run the pipeline once");
    }
    ok = ok && head_open(&reader->head, reader->directory, err);
    if (ok) {
        reader->end = journal_reader_end(reader);
        if (reader->head.page == NULL || (from > reader->end && !look_live(reader->directory))) {
            ok = end_by_scan(reader->directory, &segments, reader->end, &reader->scanned, err);
            reader->end = journal_reader_end(reader);
        }
    }
    if (ok) {
        LogPosition begin = segment_start(&segments, 0);
        ptrdiff_t index = from == 0 ? 0 : segment_list_find(&segments, from);
        if (index < 0 || from > reader->end) {
            ok = not_there(reader->directory, from, begin, reader->end, err);
        } else {
            reader->at = from;
            ok = segment_enter(reader, segment_start(&segments, (size_t)index), err);
        }
    }
    segment_list_release(&segments);
    return ok;
}

bool journal_reader_open(const char *directory, LogPosition from, size_t memory_bytes_max, JournalReader **reader,
                         Err *err) {
    *reader = NULL;
    JournalReader *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        panic("out of memory: a reader");
    }
    ledger_init(&made->ledger);
    arena_init(&made->batch, "batch", 0);
    size_t window = memory_bytes_max == 0 ? WINDOW_BYTES_MAX / 4 : memory_bytes_max / 4;
    segment_reader_init(&made->segment, MIN(MAX(window, WINDOW_BYTES_MIN), WINDOW_BYTES_MAX));
    bool ok = snprintf(made->directory, PATH_MAX, "%s", directory) < PATH_MAX - 32 ||
              FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
    if (!ok || !reader_start(made, from, err)) {
        journal_reader_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *reader = made;
    return true;
}

void journal_reader_close(JournalReader *reader) {
    if (reader == NULL) {
        return;
    }
    segment_reader_release(&reader->segment);
    head_close(&reader->head);
    ledger_release(&reader->ledger);
    buf_release(&reader->announced);
    arena_release(&reader->batch);
    free(reader);
}

// --- schemas ---------------------------------------------------------------------------------------------------

// True the first time for each schema.
static bool announce(JournalReader *reader, uint32_t id) {
    Buf *announced = &reader->announced;
    if (announced->size <= id) {
        size_t more = (size_t)id + 1 - announced->size;
        memset(buf_room(announced, more), 0, more);
        buf_advance(announced, more);
    }
    bool first = announced->data[id] == 0;
    announced->data[id] = 1;
    return first;
}

static void schema_entry(JournalReader *reader, const Frame *frame, const LedgerSchema *schema, JournalEntry *entry) {
    *entry = (JournalEntry){
        .kind = JOURNAL_SCHEMA,
        .at = frame->at,
        .next = frame->next,
        .topic = &schema->topic->topic,
        .schema = &schema->schema,
    };
}

// A reader that was opened in the middle of a segment does not know what lies between the segment's STATE frame and
// where it began: it looks there for schemas, once, when it meets one that it does not know; for cuts when it is to
// keep the state.
static bool look_before(JournalReader *reader, LogPosition limit, bool cuts, Err *err) {
    SegmentReader segment;
    segment_reader_init(&segment, reader->segment.window_bytes);
    bool ok = segment_reader_open(&segment, reader->directory, reader->segment.header.start, err);
    LogPosition at = segment_first(&segment);
    while (ok && at < limit) {
        Frame frame;
        SegmentRead read = segment_read(&segment, at, limit, &frame, err);
        if (read != SEGMENT_FRAME) {
            ok = read != SEGMENT_ERROR && FAIL(err, ERR_JOURNAL_CORRUPT, "%s is damaged at byte %" PRIu64, segment.path,
                                               at - segment.header.start);
        } else if (frame.kind == FRAME_SCHEMA) {
            LedgerSchema *schema = NULL;
            ok = ledger_apply_schema(&reader->ledger, frame.body, &schema, err);
        } else if (frame.kind == FRAME_CUT && cuts) {
            ok = ledger_apply_cut(&reader->ledger, &frame, err);
        }
        at = ok ? frame.next : at;
    }
    segment_reader_release(&segment);
    return ok;
}

bool journal_reader_keep_state(JournalReader *reader, Err *err) {
    reader->keeps_state = true;
    return look_before(reader, reader->at, true, err);
}

void journal_reader_state(const JournalReader *reader, Buf *out) {
    ASSERT(reader->keeps_state);
    ledger_state_encode(&reader->ledger, out);
}

// --- entries ---------------------------------------------------------------------------------------------------

static bool damaged(const JournalReader *reader, LogPosition at, const char *why, Err *err) {
    return FAIL(err, ERR_JOURNAL_CORRUPT, "%s is damaged at byte %" PRIu64 " (position %" PRIu64 "): %s",
                reader->segment.path, at - reader->segment.header.start, at, why);
}

static bool batch_enter(JournalReader *reader, Err *err) {
    Frame *frame = &reader->frame;
    if (!batch_header_read(frame->body, &reader->header)) {
        return damaged(reader, frame->at, "a BATCH frame is malformed", err);
    }
    reader->schema = ledger_schema(&reader->ledger, reader->header.schema);
    if (reader->schema == NULL) {
        TRY(look_before(reader, reader->frame.at, false, err));
        reader->schema = ledger_schema(&reader->ledger, reader->header.schema);
    }
    if (reader->schema == NULL || reader->schema->topic->topic.id != reader->header.topic) {
        return damaged(reader, frame->at, "a BATCH frame names a schema that its topic does not have", err);
    }
    reader->records = reader_of(slice_from(frame->body, BATCH_HEADER_BYTES));
    reader->left = reader->header.count;
    reader->offset = reader->header.base_offset;
    return true;
}

static bool event_entry(JournalReader *reader, JournalEntry *entry, Err *err) {
    const LedgerSchema *schema = reader->schema;
    arena_reset(&reader->batch);
    EventBase base = {reader->header.commit_lsn, reader->header.source_us};
    if (!event_decode(&reader->records, &base, &reader->batch, &reader->event, err)) {
        return err_prefix(err, "%s, in the frame at byte %" PRIu64, reader->segment.path,
                          reader->frame.at - reader->segment.header.start);
    }
    if (reader->event.column_count != schema->schema.column_count) {
        return damaged(reader, reader->frame.at, "an event has another number of columns than its schema", err);
    }
    *entry = (JournalEntry){
        .kind = JOURNAL_EVENT,
        .at = reader->frame.at,
        .next = reader->frame.next,
        .topic = &schema->topic->topic,
        .schema = &schema->schema,
        .offset = reader->offset,
        .event = &reader->event,
    };
    reader->offset += reader->event.offset_span;
    reader->left--;
    if (reader->left == 0 && (!reader_done(&reader->records) || reader->offset != reader->header.next_offset)) {
        return damaged(reader, reader->frame.at, "a BATCH frame's counts differ from its records", err);
    }
    return true;
}

static bool cut_entry(JournalReader *reader, JournalEntry *entry, Err *err) {
    const Frame *frame = &reader->frame;
    Reader body = reader_of(frame->body);
    CutHeader header = {0};
    if (!cut_header_decode(&body, &header)) {
        return damaged(reader, frame->at, "a CUT frame is malformed", err);
    }
    if (reader->keeps_state && !ledger_apply_cut(&reader->ledger, frame, err)) {
        return err_prefix(err, "%s, byte %" PRIu64, reader->segment.path, frame->at - reader->segment.header.start);
    }
    reader->position = header.position;
    *entry = (JournalEntry){
        .kind = JOURNAL_CUT,
        .at = frame->at,
        .next = frame->next,
        .epoch = header.epoch,
        .cut_sequence = frame->group,
        .position = &reader->position,
        .cut_ms = header.cut_ms,
        .reader = reader,
    };
    return true;
}

// The next frame, over the border of segments; *found is false at the durable end.
static bool frame_next(JournalReader *reader, bool *found, Err *err) {
    *found = false;
    while (reader->at < reader->end || reader->at < (reader->end = journal_reader_end(reader))) {
        SegmentRead read = segment_read(&reader->segment, reader->at, reader->end, &reader->frame, err);
        if (LIKELY(read == SEGMENT_FRAME)) {
            reader->at = reader->frame.next;
            *found = true;
            return true;
        }
        if (read == SEGMENT_ERROR) {
            return err_frame(err, __FILE__, __LINE__);
        }
        bool file_ends = reader->at == reader->segment.header.start + reader->segment.size;
        if (!file_ends) {
            return damaged(reader, reader->at, "no whole frame is there", err);
        }
        char path[PATH_MAX];
        memcpy(path, reader->segment.path, sizeof(path));
        if (!segment_enter(reader, reader->at, err)) {
            return err->code != ERR_NOT_FOUND ? err_frame(err, __FILE__, __LINE__)
                                              : err_prefix(err, "%s ends below the durable end", path);
        }
    }
    return true;
}

bool journal_reader_next(JournalReader *reader, JournalEntry *entry, Err *err) {
    for (;;) {
        if (LIKELY(reader->left > 0)) {
            return event_entry(reader, entry, err);
        }
        bool found = false;
        TRY(frame_next(reader, &found, err));
        if (!found) {
            *entry = (JournalEntry){.kind = JOURNAL_END, .at = reader->at, .next = reader->at};
            return true;
        }
        LedgerSchema *schema = NULL;
        switch (reader->frame.kind) {
        case FRAME_STATE:
            break;
        case FRAME_SCHEMA:
            if (!ledger_apply_schema(&reader->ledger, reader->frame.body, &schema, err)) {
                return err_prefix(err, "%s, byte %" PRIu64, reader->segment.path,
                                  reader->frame.at - reader->segment.header.start);
            }
            if (announce(reader, schema->schema.id)) {
                schema_entry(reader, &reader->frame, schema, entry);
                return true;
            }
            break;
        case FRAME_BATCH:
            TRY(batch_enter(reader, err));
            if (announce(reader, reader->header.schema)) {
                schema_entry(reader, &reader->frame, reader->schema, entry);
                entry->next = reader->frame.at; // its events are still to come
                return true;
            }
            break;
        case FRAME_CUT:
            return cut_entry(reader, entry, err);
        }
    }
}

// --- waiting ---------------------------------------------------------------------------------------------------

void journal_reader_wait(JournalReader *reader, int timeout_ms) {
    if (reader->head.page == NULL) {
        journal_reader_end(reader); // maps a head that came meanwhile
    }
    if (reader->head.page == NULL) {
        int ms = timeout_ms < 0 || timeout_ms > WAIT_WITHOUT_HEAD_MS ? WAIT_WITHOUT_HEAD_MS : timeout_ms;
        clock_sleep_us((int64_t)ms * 1000);
        return;
    }
    uint32_t seen = atomic_load(&reader->head.page->events);
    if (reader->at < journal_reader_end(reader) || atomic_exchange(&reader->woken, false)) {
        return;
    }
    head_wait(&reader->head, seen, timeout_ms);
    atomic_store(&reader->woken, false);
}

void journal_reader_wake(JournalReader *reader) {
    atomic_store(&reader->woken, true);
    if (reader->head.page != NULL) {
        head_signal(&reader->head);
    }
}
