// SPDX-License-Identifier: Apache-2.0
// `leat journal check`: reads all of the log, trusts nothing.
#include "core/base/digest.h"
#include "data/event/event_codec.h"
#include "storage/journal/local/local.h"
#include "storage/journal/local/look.h"

typedef struct Check {
    JournalCheck *result;
    void (*finding)(void *context, const char *text);
    void *context;
    const char *directory;
    LogPosition end; // durable
    SegmentReader segment;
    Ledger ledger; // of the segment that is being read; topics have the offsets of the open group
    Map touched;   // topics of the open group
    Arena batch;
    uint32_t group_crc;
    uint64_t group_frames, group_bytes;
    // As of the end of the segment before; valid when that was read without a defect.
    Ledger before;
    bool before_valid;
} Check;

static void defect(Check *check, LogPosition at, const char *format, ...) PRINTF_LIKE(3, 4);
static void defect(Check *check, LogPosition at, const char *format, ...) {
    char what[512];
    DEFER(buf_release) Buf text = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    buf_printf(&text, "%s, byte %" PRIu64 ": %s", check->segment.path, at - check->segment.header.start, what);
    buf_u8(&text, '\0');
    check->result->defects++;
    if (check->finding != NULL) {
        check->finding(check->context, (const char *)text.data);
    }
}

// --- frames ----------------------------------------------------------------------------------------------------

static void check_records(Check *check, const Frame *frame, const BatchHeader *header, const LedgerSchema *schema) {
    Reader records = reader_of(slice_from(frame->body, BATCH_HEADER_BYTES));
    EventBase base = {header->commit_lsn, header->source_us};
    uint64_t offset = header->base_offset;
    for (uint32_t i = 0; i < header->count; i++) {
        Event event;
        Err err[1] = {{0}};
        arena_reset(&check->batch);
        if (!event_decode(&records, &base, &check->batch, &event, err)) {
            defect(check, frame->at, "record %" PRIu32 " of %" PRIu32 ": %s", i, header->count, err->message);
            return;
        }
        if (event.column_count != schema->schema.column_count) {
            defect(check, frame->at, "record %" PRIu32 " has %" PRIu32 " columns, its schema %" PRIu32, i,
                   event.column_count, schema->schema.column_count);
        }
        offset += event.offset_span;
        check->result->events++;
    }
    if (reader_left(&records) > 0) {
        defect(check, frame->at, "%zu bytes follow the last record", reader_left(&records));
    }
    if (offset != header->next_offset) {
        defect(check, frame->at, "its records end at offset %" PRIu64 ", its header says %" PRIu64, offset,
               header->next_offset);
    }
}

static void check_batch(Check *check, const Frame *frame) {
    BatchHeader header;
    if (!batch_header_read(frame->body, &header)) {
        defect(check, frame->at, "a BATCH frame is malformed");
        return;
    }
    const LedgerSchema *schema = ledger_schema(&check->ledger, header.schema);
    LedgerTopic *topic = ledger_topic(&check->ledger, header.topic);
    if (schema == NULL || topic == NULL || schema->topic != topic) {
        defect(check, frame->at, "topic %" PRIu32 " with schema %" PRIu32 " was not declared", header.topic,
               header.schema);
        return;
    }
    if (header.base_offset != topic->next_offset) {
        defect(check, frame->at, "topic %.*s goes on at offset %" PRIu64 ", not %" PRIu64, SLICE_ARG(topic->topic.name),
               header.base_offset, topic->next_offset);
    }
    check_records(check, frame, &header, schema);
    topic->next_offset = header.next_offset;
    map_put_u64(&check->touched, header.topic, topic);
}

static void check_cut(Check *check, const Frame *frame) {
    Reader reader = reader_of(frame->body);
    CutHeader header = {0};
    if (!cut_header_decode(&reader, &header)) {
        defect(check, frame->at, "a CUT frame is malformed");
        return;
    }
    if (header.group_crc != check->group_crc || header.frames != check->group_frames ||
        header.bytes != check->group_bytes) {
        defect(check, frame->at,
               "cut %" PRIu64 " counts %" PRIu64 " frames of %" PRIu64 " bytes, there are %" PRIu64 " of %" PRIu64
               " (or other ones)",
               frame->group, header.frames, header.bytes, check->group_frames, check->group_bytes);
    }
    if (header.epoch < check->ledger.epoch) {
        defect(check, frame->at, "the epoch falls from %" PRIu64 " to %" PRIu64, check->ledger.epoch, header.epoch);
    }
    uint64_t count = read_varint(&reader);
    if (count != check->touched.count) {
        defect(check, frame->at, "cut %" PRIu64 " names %" PRIu64 " topics, its group has %zu", frame->group, count,
               check->touched.count);
    }
    for (; count > 0 && !reader.bad; count--) {
        uint64_t id = read_varint(&reader);
        uint64_t next_offset = read_varint(&reader);
        const LedgerTopic *topic = ledger_topic(&check->ledger, (uint32_t)MIN(id, LEDGER_IDS_MAX));
        if (topic == NULL || topic->next_offset != next_offset) {
            defect(check, frame->at, "cut %" PRIu64 " has topic %" PRIu64 " end at offset %" PRIu64 ", not %" PRIu64,
                   frame->group, id, next_offset, topic == NULL ? 0 : topic->next_offset);
        }
    }
    Err err[1] = {{0}};
    if (!ledger_apply_cut(&check->ledger, frame, err)) {
        defect(check, frame->at, "%s", err->message);
    }
    check->result->cuts++;
    map_release(&check->touched);
    check->group_crc = 0;
    check->group_frames = check->group_bytes = 0;
}

static void check_frame(Check *check, const Frame *frame) {
    check->result->frames++;
    if (frame->group != check->ledger.cut_sequence + 1) {
        defect(check, frame->at, "a frame of group %" PRIu64 " follows cut %" PRIu64, frame->group,
               check->ledger.cut_sequence);
    }
    Err err[1] = {{0}};
    LedgerSchema *schema = NULL;
    switch (frame->kind) {
    case FRAME_STATE:
        defect(check, frame->at, "a STATE frame is inside of a segment");
        break;
    case FRAME_SCHEMA:
        if (!ledger_apply_schema(&check->ledger, frame->body, &schema, err)) {
            defect(check, frame->at, "%s", err->message);
        }
        break;
    case FRAME_BATCH:
        check_batch(check, frame);
        break;
    case FRAME_CUT:
        check_cut(check, frame);
        return;
    }
    check->group_crc = digest_crc32c(check->group_crc, (Slice){(const uint8_t *)&frame->crc, sizeof(frame->crc)});
    check->group_frames++;
    check->group_bytes += frame->next - frame->at;
}

// --- segments --------------------------------------------------------------------------------------------------

typedef struct Facts {
    const Ledger *other;
    uint64_t count;
    bool equal;
} Facts;

static void facts_compare(void *context, Slice key, Slice value) {
    Facts *facts = context;
    facts->count++;
    facts->equal = facts->equal && slice_equal(ledger_get(facts->other, key), value);
}

// The STATE frame must say what the segment before ended with.
static void check_state(Check *check) {
    const Ledger *now = &check->ledger, *then = &check->before;
    LogPosition at = segment_first(&check->segment);
    if (now->cut_sequence != then->cut_sequence || now->cut_ms != then->cut_ms || now->epoch < then->epoch ||
        !slice_equal(position_slice(&now->position), position_slice(&then->position))) {
        defect(check, at, "the STATE frame is of cut %" PRIu64 ", the segment before ends with cut %" PRIu64,
               now->cut_sequence, then->cut_sequence);
    }
    for (uint32_t id = 0; id < MAX(ledger_topic_end(now), ledger_topic_end(then)); id++) {
        const LedgerTopic *a = ledger_topic(now, id), *b = ledger_topic(then, id);
        uint64_t before = b != NULL ? b->next_offset : 0;
        bool raised = a != NULL && a->next_offset > before && now->epoch > then->epoch; // above what a target remembers
        if (!raised && ((a == NULL) != (b == NULL) || (a != NULL && a->next_offset != before))) {
            defect(check, at, "the STATE frame has another offset for topic %" PRIu32 " than the segment before", id);
        }
    }
    Facts forth = {then, 0, true}, back = {now, 0, true};
    ledger_each(now, facts_compare, &forth);
    ledger_each(then, facts_compare, &back);
    if (!forth.equal || !back.equal || forth.count != back.count) {
        defect(check, at, "the STATE frame has other facts than the segment before");
    }
}

// All frames up to `limit`. *ok: they reach it and the last one is a CUT. False: the file cannot be read.
static bool check_frames(Check *check, LogPosition at, LogPosition limit, bool *ok, Err *err) {
    *ok = false;
    while (at < limit) {
        Frame frame;
        switch (segment_read(&check->segment, at, limit, &frame, err)) {
        case SEGMENT_FRAME:
            check_frame(check, &frame);
            at = frame.next;
            break;
        case SEGMENT_ERROR:
            return err_frame(err, __FILE__, __LINE__);
        case SEGMENT_END:
        case SEGMENT_BAD:
            defect(check, at, "no whole frame is there; what follows in this segment is not looked at");
            return true;
        }
    }
    if (check->group_frames > 0) {
        defect(check, at, "the segment does not end with a cut");
        return true;
    }
    *ok = true;
    return true;
}

static bool check_segment(Check *check, LogPosition start, LogPosition limit, Err *err) {
    JournalCheck *result = check->result;
    Err damage[1] = {{0}};
    result->segments++;
    ledger_release(&check->before);
    check->before = check->ledger;
    ledger_init(&check->ledger);
    map_release(&check->touched);
    check->group_crc = 0;
    check->group_frames = check->group_bytes = 0;
    bool before_valid = check->before_valid;
    check->before_valid = false;
    if (!segment_reader_open(&check->segment, check->directory, start, damage)) {
        if (damage->code != ERR_JOURNAL_CORRUPT) {
            *err = *damage;
            return err_frame(err, __FILE__, __LINE__);
        }
        defect(check, check->segment.header.start, "%s", damage->message);
        return true;
    }
    result->bytes += check->segment.size;
    if (limit != 0 && start + check->segment.size < limit) {
        defect(check, start + check->segment.size, "the file ends here, the log goes on at position %" PRIu64, limit);
    }
    Frame frame;
    SegmentRead read = segment_read(&check->segment, segment_first(&check->segment), UINT64_MAX, &frame, err);
    if (read == SEGMENT_ERROR) {
        return err_frame(err, __FILE__, __LINE__);
    }
    if (read != SEGMENT_FRAME || frame.kind != FRAME_STATE) {
        defect(check, segment_first(&check->segment), "the STATE frame is damaged");
        return true;
    }
    result->frames++;
    if (!ledger_apply_state(&check->ledger, frame.body, damage)) {
        defect(check, frame.at, "%s", damage->message);
        return true;
    }
    if (before_valid) {
        check_state(check);
    }
    return check_frames(check, frame.next, limit, &check->before_valid, err);
}

bool local_check(const char *directory, JournalCheck *result, void (*finding)(void *context, const char *text),
                 void *context, Err *err) {
    *result = (JournalCheck){0};
    Check check = {.result = result, .finding = finding, .context = context, .directory = directory};
    segment_reader_init(&check.segment, 1 * MIB);
    ledger_init(&check.ledger);
    ledger_init(&check.before);
    arena_init(&check.batch, "batch", 0);
    Look look;
    bool ok = look_open(&look, directory, err);
    check.end = look.end;
    if (!ok && err->code == ERR_JOURNAL_CORRUPT) { // a finding, and no reason not to look at the rest
        result->defects++;
        if (finding != NULL) {
            finding(context, err->message);
        }
        err_clear(err);
        ok = true;
    }
    size_t count = segment_count(&look.segments);
    for (size_t i = 0; ok && i < count; i++) {
        LogPosition next = i + 1 < count ? segment_start(&look.segments, i + 1) : check.end;
        ok = check_segment(&check, segment_start(&look.segments, i), next, err);
        if (!ok && err->code == ERR_NOT_FOUND && i + 1 < count) { // trimmed meanwhile
            err_clear(err);
            ok = true;
        }
    }
    look_close(&look);
    segment_reader_release(&check.segment);
    ledger_release(&check.ledger);
    ledger_release(&check.before);
    map_release(&check.touched);
    arena_release(&check.batch);
    return ok || err_frame(err, __FILE__, __LINE__);
}
