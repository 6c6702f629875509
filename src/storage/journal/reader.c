// SPDX-License-Identifier: Apache-2.0
// The reading side of storage/journal/journal.h, whatever the log is kept in.
#include "storage/journal/journal.h"

#include "data/event/event_codec.h"
#include "storage/journal/driver.h"

#include <limits.h>

struct JournalReader {
    const JournalDriver *driver;
    JournalTail *tail;
    Ledger ledger; // topics and schemas; all of it as of the last CUT when keeps_state
    bool keeps_state;
    Buf announced; // uint8_t by schema: its SCHEMA entry was given
    Arena batch;   // of the event that was given last
    // The batch that is being read; count 0: none.
    Frame frame;
    BatchHeader header;
    LedgerSchema *schema;
    Reader records;
    uint32_t left;
    uint64_t offset;
    Event event;
    Position position;
};

// --- opening ---------------------------------------------------------------------------------------------------

bool journal_reader_open(const char *directory, LogPosition from, size_t memory_bytes_max, JournalReader **reader,
                         Err *err) {
    *reader = NULL;
    JournalReader *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        panic("out of memory: a reader");
    }
    ledger_init(&made->ledger);
    arena_init(&made->batch, "batch", 0);
    made->driver = journal_driver(directory);
    if (!made->driver->tail_open(directory, from, memory_bytes_max, &made->ledger, &made->tail, err)) {
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
    reader->driver->tail_close(reader->tail);
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

bool journal_reader_keep_state(JournalReader *reader, Err *err) {
    reader->keeps_state = true;
    return reader->driver->tail_before(reader->tail, reader->driver->tail_at(reader->tail), true, err);
}

void journal_reader_state(const JournalReader *reader, Buf *out) {
    ASSERT(reader->keeps_state);
    ledger_state_encode(&reader->ledger, out);
}

// --- entries ---------------------------------------------------------------------------------------------------

static bool damaged(const JournalReader *reader, LogPosition at, const char *why, Err *err) {
    char where[PATH_MAX + 64];
    reader->driver->tail_where(reader->tail, at, where, sizeof(where));
    return FAIL(err, ERR_JOURNAL_CORRUPT, "%s (position %" PRIu64 "): damaged: %s", where, at, why);
}

// Says where an error is that the frame's body has.
static bool placed(const JournalReader *reader, Err *err) {
    char where[PATH_MAX + 64];
    reader->driver->tail_where(reader->tail, reader->frame.at, where, sizeof(where));
    return err_prefix(err, "%s", where);
}

static bool batch_enter(JournalReader *reader, Err *err) {
    Frame *frame = &reader->frame;
    if (!batch_header_read(frame->body, &reader->header)) {
        return damaged(reader, frame->at, "a BATCH frame is malformed", err);
    }
    reader->schema = ledger_schema(&reader->ledger, reader->header.schema);
    if (reader->schema == NULL) {
        TRY(reader->driver->tail_before(reader->tail, frame->at, false, err));
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
        return placed(reader, err);
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
        return placed(reader, err);
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

bool journal_reader_next(JournalReader *reader, JournalEntry *entry, Err *err) {
    for (;;) {
        if (LIKELY(reader->left > 0)) {
            return event_entry(reader, entry, err);
        }
        bool found = false;
        TRY(reader->driver->tail_next(reader->tail, &reader->frame, &found, err));
        if (!found) {
            LogPosition at = reader->driver->tail_at(reader->tail);
            *entry = (JournalEntry){.kind = JOURNAL_END, .at = at, .next = at};
            return true;
        }
        LedgerSchema *schema = NULL;
        switch (reader->frame.kind) {
        case FRAME_STATE:
            break;
        case FRAME_SCHEMA:
            if (!ledger_apply_schema(&reader->ledger, reader->frame.body, &schema, err)) {
                return placed(reader, err);
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

LogPosition journal_reader_end(JournalReader *reader) {
    return reader->driver->tail_end(reader->tail);
}

void journal_reader_wait(JournalReader *reader, int timeout_ms) {
    reader->driver->tail_wait(reader->tail, timeout_ms);
}

void journal_reader_wake(JournalReader *reader) {
    reader->driver->tail_wake(reader->tail);
}
