// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/stream.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "flow/source/postgres/connector_offsets.h"
#include "flow/source/postgres/connector_topics.h"
#include "flow/source/postgres/signals.h"

#include <poll.h>
#include <sys/socket.h>

#define WIRE_BUFFER_BYTES  (256 * KIB)
#define PUMP_BYTES         (1 * MIB) // worked off before the loop looks at its other duties
#define SHORT_READ_BYTES   (64 * KIB)
#define GATHER_CUT_BYTES   (1 * MIB) // while gathering: what makes a cut worth its sync,
#define GATHER_CUT_CHANGES 512
#define GATHER_CUT_US      10000 // or so much time since the last
#define IDLE_CUT_US        (10 * 1000000)
#define IDLE_CUT_BYTES     (16 * MIB)
#define HELD_CUT_US        100000
#define FEEDBACK_US        200000
#define FEEDBACK_FORCED_US (10 * 1000000)
#define BUSY_PATIENCE_US   (30 * 1000000LL)
#define REPLY_TIMEOUT_MS   10000

static PgRelation *relation_find(PgStream *stream, uint32_t oid) {
    if (LIKELY(stream->last_relation != NULL && stream->last_relation->oid == oid)) {
        return stream->last_relation;
    }
    stream->last_relation = map_find_u64(&stream->relations, oid);
    return stream->last_relation;
}

// --- events ----------------------------------------------------------------------------------------------------

static bool spool_append(PgSession *session, PgRelation *relation, const Event *event, Err *err) {
    if (UNLIKELY(!relation->spool_registered)) {
        char leaf_name[16];
        snprintf(leaf_name, sizeof(leaf_name), "%u", relation->leaf->oid);
        relation->spool_topic = journal_topic(session->spool, slice_of(leaf_name));
        relation->spool_schema_id = journal_schema(session->spool, relation->spool_topic, &relation->schema);
        relation->spool_registered = true;
    }
    return journal_append(session->spool, relation->spool_topic, relation->spool_schema_id, event, err);
}

// Into the journal or, for a held leaf, the spool.
static bool event_append(PgStream *stream, PgRelation *relation, Event *event, Err *err) {
    PgSession *session = stream->session;
    PgLeaf *leaf = relation->leaf;
    if (event->commit_lsn < leaf->lsn) {
        return true; // the snapshot has it
    }
    if (UNLIKELY(leaf->state == PG_LEAF_QUARANTINED)) {
        return true;
    }
    if (session->connector != NULL) {
        pg_transaction_count(stream, leaf->table, event);
    }
    if (UNLIKELY(stream->sent)) {
        return true;
    }
    bool held = leaf->state != PG_LEAF_STREAMING;
    if (held && event->commit_lsn < session->spool_lsn) {
        return true; // the spool has it, from before a restart
    }
    ASSERT(!held || session->spool != NULL);
    if (held) {
        TRY(spool_append(session, relation, event, err));
    } else {
        session->fatal = true; // what fails from here to the next line is no table's fault
        TRY(pg_route_append(session->context, &relation->route, leaf->table->topic, &relation->schema, event, err));
        session->fatal = false;
    }
    if (session->connector != NULL) {
        pg_offset_note(session->connector, event);
    }
    leaf->table->report.changes++;
    stream->changes_uncut++;
    session->report.changes++;
    stream->newest_us = event->source_us;
    return session->signals == NULL || pg_signals_event(session->signals, stream, relation, event, err);
}

static Event event_of(const PgStream *stream, const PgRelation *relation, EventOp op, uint64_t lsn) {
    return (Event){.op = op,
                   .offset_span = 1,
                   .column_count = relation->schema.column_count,
                   .commit_lsn = stream->commit_lsn,
                   .ordinal = stream->ordinal,
                   .lsn = lsn != 0 ? lsn : stream->commit_lsn,
                   .transaction_id = stream->xid,
                   .source_us = stream->commit_us,
                   .capture_us = stream->commit_us};
}

static bool key_equal(const PgRelation *relation, const Value *a, const Value *b) {
    for (uint32_t i = 0; i < relation->schema.column_count; i++) {
        if ((relation->schema.columns[i].flags & COLUMN_KEY) != 0 && b[i].kind != VALUE_UNCHANGED &&
            !value_equal(&a[i], &b[i])) {
            return false;
        }
    }
    return true;
}

// An old row that is whole (FULL) tells what the new one left out.
static void unchanged_fill(const PgRelation *relation, const Value *before, Value *after) {
    for (uint32_t i = 0; i < relation->schema.column_count; i++) {
        if (after[i].kind == VALUE_UNCHANGED && !value_is_absent(&before[i])) {
            after[i] = before[i];
        }
    }
}

// Of a row only the key: each half of a key change carries that of the other.
static const Value *key_only(const PgStream *stream, const PgRelation *relation, const Value *row, uint32_t flags) {
    Arena *arena = (Arena *)(uintptr_t)&stream->scratch;
    Value *key = ARENA_ARRAY(arena, Value, relation->schema.column_count);
    for (uint32_t i = 0; i < relation->schema.column_count; i++) {
        if ((relation->schema.columns[i].flags & flags) != 0) {
            key[i] = row[i];
        }
    }
    return key;
}

static bool update_append(PgStream *stream, PgRelation *relation, bool has_before, uint64_t lsn, Err *err) {
    if (has_before && relation->schema.identity == IDENTITY_FULL) {
        unchanged_fill(relation, relation->before, relation->after);
    }
    // In a table without a key an UPDATE takes one row away and puts another, also when they are equal.
    if (!has_before || (!relation->whole_row_key && key_equal(relation, relation->before, relation->after))) {
        Event event = event_of(stream, relation, OP_UPDATE, lsn);
        event.before = has_before && relation->schema.identity == IDENTITY_FULL ? relation->before : NULL;
        event.after = relation->after;
        return event_append(stream, relation, &event, err);
    }
    Event removed = event_of(stream, relation, OP_DELETE, lsn);
    removed.flags = EVENT_KEY_CHANGE;
    removed.before = relation->before;
    removed.after =
        relation->whole_row_key ? NULL : key_only(stream, relation, relation->after, COLUMN_KEY | COLUMN_PRIMARY);
    TRY(event_append(stream, relation, &removed, err));
    stream->ordinal++;
    Event created = event_of(stream, relation, OP_CREATE, lsn);
    created.flags = EVENT_KEY_CHANGE;
    created.before = key_only(stream, relation, relation->before, COLUMN_KEY);
    created.after = relation->after;
    return event_append(stream, relation, &created, err);
}

static bool rows_decode(PgStream *stream, PgRelation *relation, PgMessage *message, Err *err) {
    if (message->change.before.present) {
        TRY(pg_relation_decode(relation, &message->change.before, relation->before, &stream->scratch, err));
    }
    if (message->change.after.present) {
        TRY(pg_relation_decode(relation, &message->change.after, relation->after, &stream->scratch, err));
    }
    return true;
}

static bool was_sent(PgStream *stream, uint64_t lsn) {
    PgConnector *connector = stream->session->connector;
    return connector != NULL && pg_resume_sent(&connector->resume, lsn);
}

static bool change_apply(PgStream *stream, PgMessage *message, uint64_t lsn, Slice raw, Err *err) {
    PgRelation *relation = relation_find(stream, message->change.oid);
    stream->ordinal++;
    stream->sent = was_sent(stream, lsn);
    if (UNLIKELY(relation == NULL)) {
        return FAIL(err, ERR_SOURCE_PROTOCOL, "a change names relation %u, which was never described",
                    message->change.oid);
    }
    if (relation->leaf == NULL || relation->leaf->state == PG_LEAF_QUARANTINED) {
        return true;
    }
    EventOp op = message->kind == PG_INSERT ? OP_CREATE : message->kind == PG_DELETE ? OP_DELETE : OP_UPDATE;
    Err bad[1] = {{0}};
    if (UNLIKELY(!rows_decode(stream, relation, message, bad))) {
        if (bad->code != ERR_VALUE || !stream->session->context->dead_letters) {
            *err = *bad;
            if (stream->session->connector != NULL) {
                err_prefix(err, "at " LSN_FORMAT, LSN_ARG(stream->commit_lsn));
                (void)pg_stream_quarantine(stream, relation->leaf->table, err);
                return err_frame(err, __FILE__, __LINE__);
            }
            err_hint(err, "--set errors=dead-letter puts such rows aside with their reason and goes on");
            return err_prefix(err, "at " LSN_FORMAT ", change %" PRIu64 " of its transaction",
                              LSN_ARG(stream->commit_lsn), stream->ordinal);
        }
        Event event = event_of(stream, relation, op, lsn);
        stream->changes_uncut++; // so that a cut is due
        return stream->sent || event.commit_lsn < relation->leaf->lsn ||
               dead_letter_append(stream->session, relation->leaf->table->topic, bad, &event, raw, err);
    }
    if (op == OP_UPDATE) {
        return update_append(stream, relation, message->change.before.present, lsn, err);
    }
    Event event = event_of(stream, relation, op, lsn);
    event.before = op == OP_DELETE ? relation->before : NULL;
    event.after = op == OP_CREATE ? relation->after : NULL;
    return event_append(stream, relation, &event, err);
}

// True when every leaf of the table is among the truncated ones.
static bool truncates_all(const PgCaptured *table, const PgMessage *message) {
    for (const PgLeaf *leaf = table->leaves; leaf != NULL; leaf = leaf->next) {
        bool named = false;
        for (uint32_t i = 0; i < message->truncate.count; i++) {
            named |= message->truncate.oids[i] == leaf->oid;
        }
        if (!named) {
            return false;
        }
    }
    return true;
}

static bool truncate_apply(PgStream *stream, const PgMessage *message, uint64_t lsn, Err *err) {
    for (uint32_t i = 0; i < message->truncate.count; i++) {
        stream->ordinal++;
        stream->sent = was_sent(stream, lsn);
        PgRelation *relation = relation_find(stream, message->truncate.oids[i]);
        if (relation == NULL || relation->leaf == NULL) {
            continue;
        }
        PgCaptured *table = relation->leaf->table;
        if (!truncates_all(table, message)) {
            // One partition's rows left the table, and no event can say which those were.
            map_put_u64(&stream->session->resync, table->oid, table);
            pg_capture_resync_soon(&stream->session->capture, table);
            continue;
        }
        if (relation->leaf != table->leaves) {
            continue; // one event a table, for the first of its leaves
        }
        Event event = event_of(stream, relation, OP_TRUNCATE, lsn);
        TRY(event_append(stream, relation, &event, err));
    }
    return true;
}

// One within a transaction is a change of it; one outside stands for itself, at its own LSN.
static bool logical_apply(PgStream *stream, const PgMessage *message, Err *err) {
    Event event = {
        .commit_lsn = message->logical.lsn, .lsn = message->logical.lsn, .source_us = clock_wall_us(), .ordinal = 1};
    if (stream->in_transaction) {
        stream->ordinal++;
        if (stream->session->connector != NULL &&
            pg_resume_before(&stream->session->connector->resume, message->logical.lsn)) {
            return true;
        }
        event.commit_lsn = stream->commit_lsn;
        event.ordinal = stream->ordinal;
        event.transaction_id = stream->xid;
        event.source_us = stream->commit_us;
    } else if (message->logical.lsn <= stream->from_lsn) {
        return true; // sent again: it was before the position that this connection started from
    } else {
        stream->boundary_lsn = MAX(stream->boundary_lsn, message->logical.lsn); // behind the message's record
    }
    event.capture_us = event.source_us;
    if (stream->session->connector != NULL) {
        bool appended = false;
        TRY(pg_topic_message(stream->session, message, &event, &appended, err));
        stream->changes_uncut += appended;
        return true;
    }
    stream->changes_uncut++;
    return logical_message_append(stream->session, message, &event, err);
}

// --- transactions ----------------------------------------------------------------------------------------------

static void transaction_begin(PgStream *stream, const PgMessage *message, uint64_t commit_lsn) {
    stream->in_transaction = true;
    stream->xid = message->xid;
    stream->commit_lsn = commit_lsn;
    stream->commit_us = message->transaction.commit_us + PG_EPOCH_US;
    stream->ordinal = 0;
    if (stream->session->connector != NULL) {
        pg_resume_begin(&stream->session->connector->resume, message->xid, stream->session->journal);
    }
}

static bool transaction_end(PgStream *stream, uint64_t end_lsn, Err *err) {
    TRY(pg_transaction_end(stream, end_lsn, err));
    stream->in_transaction = false;
    stream->boundary_lsn = MAX(stream->boundary_lsn, end_lsn);
    return true;
}

static bool message_apply(PgStream *stream, uint64_t lsn, Slice bytes, Err *err);

// A message of a replayed transaction. A long replay must not let the connection die.
static bool replay_apply(void *context, uint64_t lsn, Slice message, Err *err) {
    PgStream *stream = context;
    if (stream->begin_waits) { // the LSN of a transaction's beginning is that of its first change
        stream->begin_waits = false;
        TRY(pg_transaction_begin(stream, lsn, err));
    }
    if (UNLIKELY((stream->ordinal & 0xfff) == 0)) {
        if (*stream->session->context->stop) {
            return FAIL(err, ERR_INTERRUPTED, "stopped within a large transaction; it will be sent again");
        }
        TRY(pg_stream_feedback(stream, clock_monotonic_us() - stream->told_at_us > FEEDBACK_FORCED_US, err));
    }
    return message_apply(stream, lsn, message, err);
}

static bool streamed_commit(PgStream *stream, const PgMessage *message, Err *err) {
    CRASH_POINT("stream.before_replay");
    transaction_begin(stream, message, message->transaction.lsn);
    stream->begin_waits = true;
    TRY(tx_spool_replay(stream->tx_spool, message->xid, replay_apply, stream, err));
    if (stream->begin_waits) { // nothing in it was published
        stream->begin_waits = false;
        TRY(pg_transaction_begin(stream, message->transaction.lsn, err));
    }
    CRASH_POINT("stream.after_replay");
    return transaction_end(stream, message->transaction.end_lsn, err);
}

static bool message_apply(PgStream *stream, uint64_t lsn, Slice bytes, Err *err) {
    PgMessage message;
    if (stream->scratch.used > 0) {
        arena_reset(&stream->scratch);
    }
    TRY(pg_message_parse(bytes, false, &stream->scratch, &message, err));
    switch (message.kind) {
    case PG_INSERT:
    case PG_UPDATE:
    case PG_DELETE:
        return change_apply(stream, &message, lsn, bytes, err);
    case PG_BEGIN:
        transaction_begin(stream, &message, message.transaction.lsn);
        return pg_transaction_begin(stream, lsn, err);
    case PG_COMMIT:
        return transaction_end(stream, message.transaction.end_lsn, err);
    case PG_RELATION:
        return pg_stream_relation(stream, &message, err);
    case PG_TRUNCATE:
        return truncate_apply(stream, &message, lsn, err);
    case PG_STREAM_START:
        stream->in_block = true;
        stream->block_xid = message.xid;
        return true;
    case PG_STREAM_COMMIT:
        return streamed_commit(stream, &message, err);
    case PG_STREAM_ABORT:
        return tx_spool_abort(stream->tx_spool, message.xid, message.abort.subxid, err);
    case PG_STREAM_STOP:
    case PG_ORIGIN:
    case PG_TYPE:
    default:
        return true;
    case PG_LOGICAL:
        return logical_apply(stream, &message, err);
    }
}

// Within a streamed block every message but its end goes to the transaction's file.
static bool block_apply(PgStream *stream, uint64_t lsn, Slice bytes, Err *err) {
    if (bytes.size > 0 && bytes.data[0] == PG_STREAM_STOP) {
        stream->in_block = false;
        return true;
    }
    if (bytes.size < 6) {
        return FAIL(err, ERR_SOURCE_PROTOCOL, "a streamed block has a message of %zu bytes", bytes.size);
    }
    return tx_spool_append(stream->tx_spool, stream->block_xid, load_u32be(bytes.data + 1), lsn, bytes, err);
}

static bool frame_apply(PgStream *stream, Slice body, Err *err) {
    PgFrame frame;
    TRY(pg_frame_parse(body, &frame, err));
    stream->server_end = MAX(stream->server_end, frame.end);
    if (frame.kind == PG_FRAME_KEEPALIVE) {
        stream->reply_wanted |= frame.reply_requested;
        if (!stream->in_transaction && !stream->in_block) {
            stream->boundary_lsn = MAX(stream->boundary_lsn, frame.end);
        }
        return true;
    }
    return stream->in_block ? block_apply(stream, frame.start, frame.message, err)
                            : message_apply(stream, frame.start, frame.message, err);
}

// --- the pump --------------------------------------------------------------------------------------------------

static bool wants_attention(const PgStream *stream) {
    return !stream->in_transaction && !stream->session->reading &&
           (stream->session->refresh_wanted || stream->session->resync.count > 0);
}

// What has been received rarely ends where a transaction does, so a large group is cut at the first end that comes by.
static bool wants_cut(const PgStream *stream) {
    return !stream->in_transaction && stream->changes_uncut >= GATHER_CUT_CHANGES &&
           journal_pending_bytes(stream->session->journal) > GATHER_CUT_BYTES &&
           !journal_busy(stream->session->journal);
}

// A row that is too large has not been received: its first bytes tell of which table it is.
static bool row_refused(PgStream *stream, Err *err) {
    Slice front = pg_wire_front(&stream->wire); // 'w', three times eight bytes, then pgoutput's message
    size_t at = 25 + 1 + (stream->in_block ? 4 : 0);
    if (err->code == ERR_VALUE && front.size >= at + 4 && front.data[0] == 'w') {
        const PgLeaf *leaf = map_find_u64(&stream->session->capture.by_leaf, load_u32be(front.data + at));
        if (leaf != NULL) {
            err_prefix(err, "table %s", leaf->table->topic);
        }
    }
    return err_frame(err, __FILE__, __LINE__);
}

static bool buffered_apply(PgStream *stream, Err *err) {
    Slice body;
    for (;;) {
        switch (pg_wire_next(&stream->wire, &body, err)) {
        case PG_WIRE_DATA:
            TRY(frame_apply(stream, body, err));
            if (UNLIKELY(wants_attention(stream)) || UNLIKELY(wants_cut(stream))) {
                return true;
            }
            break;
        case PG_WIRE_EMPTY:
            return true;
        case PG_WIRE_DONE:
            return FAIL(err, ERR_SOURCE_CLOSED, "the server has ended the replication stream");
        case PG_WIRE_ERROR:
            return row_refused(stream, err);
        }
    }
}

bool pg_stream_pump(PgStream *stream, bool *more, Err *err) {
    if (stream->spool_generation != stream->session->spool_generation) {
        stream->spool_generation = stream->session->spool_generation;
        for (MapEntry *entry = NULL; (entry = map_next(&stream->relations, entry)) != NULL;) {
            ((PgRelation *)entry->value)->spool_registered = false;
        }
    }
    *more = false;
    TRY(buffered_apply(stream, err));
    for (size_t worked = 0; worked < PUMP_BYTES && !wants_attention(stream) && !wants_cut(stream);) {
        size_t received = 0;
        TRY(pg_wire_receive(&stream->wire, &received, err));
        if (received == 0) {
            return true;
        }
        stream->heard_us = clock_monotonic_us();
        worked += received;
        TRY(buffered_apply(stream, err));
        if (received < SHORT_READ_BYTES && !wants_cut(stream)) {
            return true; // the socket is empty, or nearly so
        }
    }
    *more = true;
    return true;
}

// --- cuts and feedback -----------------------------------------------------------------------------------------

static bool cut_is_due(const PgStream *stream, int64_t now) {
    if (stream->session->spool != NULL) {
        return now - stream->cut_at_us > HELD_CUT_US || journal_pending_bytes(stream->session->spool) > 2 * MIB ||
               journal_pending_bytes(stream->session->journal) > 2 * MIB;
    }
    if (stream->changes_uncut > 0) {
        return !stream->gathering || now - stream->cut_at_us > GATHER_CUT_US ||
               journal_pending_bytes(stream->session->journal) > GATHER_CUT_BYTES;
    }
    uint64_t progress = stream->boundary_lsn - stream->cut_lsn;
    const SourceContext *context = stream->session->context;
    if (context->hurried != NULL && context->hurried(context->context)) {
        return progress > 0;
    }
    return progress > 0 && (now - stream->cut_at_us > IDLE_CUT_US || progress > IDLE_CUT_BYTES || stream->reply_wanted);
}

bool pg_stream_cut(PgStream *stream, bool force, Err *err) {
    PgSession *session = stream->session;
    int64_t now = clock_monotonic_us();
    if (!pg_stream_at_boundary(stream) || (!force && (journal_busy(session->journal) || !cut_is_due(stream, now)))) {
        return true;
    }
    uint64_t lsn = MAX(stream->boundary_lsn, stream->cut_lsn);
    PgPosition position = {session->server.system_identifier, session->server.timeline, lsn};
    Position at = pg_position_encode(&position);
    if (session->spool != NULL) { // it can be ahead since before a restart, and must not forget by how much
        position.lsn = MAX(position.lsn, session->spool_lsn);
        Position ahead = pg_position_encode(&position);
        TRY(journal_cut(session->spool, &ahead, err));
        TRY(journal_sync(session->spool, err));
        CRASH_POINT("stream.between_cuts");
    }
    if (session->connector != NULL) {
        pg_offset_put(session->connector, session->journal);
    }
    TRY(journal_cut(session->journal, &at, err));
    stream->cut_lsn = lsn;
    stream->cut_at_us = now;
    if (stream->changes_uncut > 0) {
        stream->newest_cut_us = stream->newest_us;
    }
    stream->changes_uncut = 0;
    return true;
}

static bool feedback_send(PgStream *stream, uint64_t lsn, bool reply, Err *err) {
    DEFER(buf_release) Buf message = {0};
    buf_u8(&message, 'r');
    const PgConnector *connector = stream->session->connector;
    uint64_t flushed = connector != NULL && connector->options.lsn_flush_manual ? 0 : lsn; // 0: the slot stays
    buf_u64be(&message, lsn);
    buf_u64be(&message, flushed);
    buf_u64be(&message, flushed);
    buf_u64be(&message, (uint64_t)(clock_wall_us() - PG_EPOCH_US));
    buf_u8(&message, reply);
    CRASH_POINT("stream.before_feedback");
    return pg_wire_send(&stream->wire, buf_slice(&message), REPLY_TIMEOUT_MS, err);
}

bool pg_stream_feedback(PgStream *stream, bool now, Err *err) {
    PgSession *session = stream->session;
    int64_t clock = clock_monotonic_us();
    if (!now && !stream->reply_wanted && clock - stream->told_at_us < FEEDBACK_US) {
        return true;
    }
    Position durable;
    PgPosition position;
    journal_durable(session->journal, &durable);
    TRY(pg_position_decode(&durable, &position, err));
    session->report.durable_lsn = position.lsn;
    if (session->context->acknowledged != NULL) { // the sink decides; what is in the spool it has not seen yet
        bool published = session->spool == NULL && session->context->acknowledged(session->context->context, &durable);
        TRY(pg_position_decode(&durable, &position, err));
        position.lsn = published ? position.lsn : stream->told_lsn;
    }
    const PgConnector *connector = session->connector;
    int64_t forced_us =
        connector != NULL ? MIN(connector->options.status_ms * 1000, FEEDBACK_FORCED_US) : FEEDBACK_FORCED_US;
    bool due = clock - stream->told_at_us > forced_us;
    if (position.lsn <= stream->told_lsn && !now && !stream->reply_wanted && !due) {
        return true;
    }
    TRY(feedback_send(stream, MAX(position.lsn, stream->told_lsn), now, err));
    stream->told_lsn = MAX(position.lsn, stream->told_lsn);
    stream->told_at_us = clock;
    stream->reply_wanted = false;
    return true;
}

// --- opening ---------------------------------------------------------------------------------------------------

static bool mismatch(Err *err, const PgSession *session) {
    if (session->connector != NULL) { // looked at before: it has happened in this moment
        return err_hint(err, "restart the connector: its snapshot.mode and offset.mismatch.strategy decide");
    }
    return err_hint(
        err,
        "changes may be missing. Read everything again with: leat resync %s --tables '*'  (then run it), or "
        "restore the data directory that belongs to this source",
        session->context->pipeline);
}

// START_REPLICATION below confirmed_flush_lsn skips rows without a word, so this must be found before.
static bool slot_check(PgSession *session, uint64_t from, Err *err) {
    PgSlot slot;
    TRY(pg_slot_read(&session->sql, session->slot, &slot, err));
    TRY(pg_server_read(&session->sql, &session->server, err)); // its end, after the slot was made
    if (!slot.exists) {
        FAIL(err, ERR_SLOT_LOST, "replication slot %s does not exist any more", session->slot);
        return mismatch(err, session);
    }
    if (!slot.ours) {
        FAIL(err, ERR_EXISTS, "replication slot %s is of plugin '%s' in database '%s', not leat's", session->slot,
             slot.plugin, slot.database);
        return err_hint(err, "choose another name with --set slot=NAME");
    }
    if (strcmp(slot.wal_status, "lost") == 0 || slot.invalidation[0] != '\0') {
        FAIL(err, ERR_SLOT_LOST, "replication slot %s was invalidated by the server (%s)", session->slot,
             slot.invalidation[0] != '\0' ? slot.invalidation : "its WAL was removed");
        return mismatch(err, session);
    }
    if (slot.confirmed_flush_lsn > from) {
        FAIL(err, ERR_SLOT_MISMATCH,
             "replication slot %s stands at " LSN_FORMAT ", beyond this journal's " LSN_FORMAT
             ": the changes between are not here",
             session->slot, LSN_ARG(slot.confirmed_flush_lsn), LSN_ARG(from));
        return mismatch(err, session);
    }
    if (session->server.wal_end < from) {
        FAIL(err, ERR_SLOT_MISMATCH,
             "the server's WAL ends at " LSN_FORMAT ", before this journal's " LSN_FORMAT
             ": it was restored from a backup, or crashed with fsync=off",
             LSN_ARG(session->server.wal_end), LSN_ARG(from));
        return mismatch(err, session);
    }
    session->report.slot_retained_bytes = slot.retained_bytes;
    session->report.slot_safe_bytes = slot.safe_bytes;
    return true;
}

static char *start_statement(PgStream *stream, Arena *arena, uint64_t from) {
    PgSession *session = stream->session;
    return arena_printf(arena,
                        "START_REPLICATION SLOT %s LOGICAL " LSN_FORMAT
                        " (proto_version '2', streaming 'on', binary '%s', messages '%s', publication_names %s)",
                        pg_identifier(arena, slice_of(session->slot)), LSN_ARG(from),
                        stream->text_form ? "false" : "true", session->context->messages ? "true" : "false",
                        pg_literal(arena, slice_of(session->publications)));
}

bool pg_stream_open(PgStream *stream, PgSession *session, uint64_t from, Err *err) {
    *stream = (PgStream){.session = session, .from_lsn = from, .boundary_lsn = from, .cut_lsn = from};
    arena_init(&stream->scratch, "batch", 0);
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    TRY(slot_check(session, from, err));
    char *directory = arena_printf(&arena, "%s/transactions", session->context->directory);
    TRY(tx_spool_open(directory, &stream->tx_spool, err));
    TRY(pg_conn_open(&stream->conn, session->context->url, PG_CONN_REPLICATION, err));
    TRY(pg_wire_open(&stream->wire, &stream->conn, WIRE_BUFFER_BYTES, session->context->row_bytes_max, err));
    stream->text_form = journal_state_get(session->journal, TEXT_FORM_KEY).size > 0;
    if (session->connector != NULL) {
        session->connector->resume = pg_resume_get(session->journal);
    }
    const char *statement = start_statement(stream, &arena, from);
    // A client that died without a word keeps the slot busy for a while.
    const PgConnector *connector = session->connector;
    int64_t patience_us = connector != NULL ? pg_connector_patience_us(&connector->options) : BUSY_PATIENCE_US;
    for (int64_t deadline = clock_monotonic_us() + patience_us;;) {
        if (pg_wire_start(&stream->wire, statement, REPLY_TIMEOUT_MS, err)) {
            break;
        }
        if (err->code != ERR_SLOT_BUSY || clock_monotonic_us() > deadline || *session->context->stop) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err);
        clock_sleep_us(100000);
        pg_wire_close(&stream->wire);
        pg_conn_close(&stream->conn);
        TRY(pg_conn_open(&stream->conn, session->context->url, PG_CONN_REPLICATION, err));
        TRY(pg_wire_open(&stream->wire, &stream->conn, WIRE_BUFFER_BYTES, session->context->row_bytes_max, err));
    }
    int domain = 0;
    socklen_t size = sizeof(domain);
    stream->local = getsockopt(stream->wire.fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
    stream->cut_at_us = stream->heard_us = clock_monotonic_us();
    return true;
}

void pg_stream_close(PgStream *stream) {
    pg_stream_relations_release(stream);
    tx_spool_close(stream->tx_spool);
    pg_wire_close(&stream->wire);
    pg_conn_close(&stream->conn);
    arena_release(&stream->scratch);
    *stream = (PgStream){0};
}
