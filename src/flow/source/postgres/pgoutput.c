// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/pgoutput.h"

bool pg_frame_parse(Slice body, PgFrame *frame, Err *err) {
    Reader reader = reader_of(body);
    *frame = (PgFrame){.kind = (PgFrameKind)read_u8(&reader)};
    if (frame->kind == PG_FRAME_WAL) {
        frame->start = read_u64be(&reader);
        frame->end = read_u64be(&reader);
        frame->sent_us = read_i64be(&reader);
        frame->message = (Slice){reader.at, reader_left(&reader)};
    } else if (frame->kind == PG_FRAME_KEEPALIVE) {
        frame->end = read_u64be(&reader);
        frame->sent_us = read_i64be(&reader);
        frame->reply_requested = read_u8(&reader) != 0;
    } else {
        reader.bad = true;
    }
    if (reader.bad) {
        return FAIL(err, ERR_SOURCE_PROTOCOL, "the replication stream has a malformed frame (type 0x%02x, %zu bytes)",
                    (unsigned)frame->kind, body.size);
    }
    return true;
}

// Passes over a tuple, so that what follows it can be read; keeps a reader at its first column.
static PgTuple tuple_parse(Reader *reader) {
    PgTuple tuple = {.present = true, .column_count = read_u16be(reader)};
    tuple.reader = *reader;
    PgField field;
    PgTuple walk = tuple;
    for (uint16_t i = 0; i < tuple.column_count && pg_tuple_next(&walk, &field); i++) {}
    *reader = walk.reader;
    return tuple;
}

// The last tuple of a message is not walked here: whoever reads its columns finds out whether it is whole.
static PgTuple tuple_last(Reader *reader) {
    PgTuple tuple = {.present = true, .column_count = read_u16be(reader)};
    tuple.reader = *reader;
    reader->at = reader->end;
    return tuple;
}

static void change_parse(Reader *reader, PgMessage *message) {
    message->change.oid = read_u32be(reader);
    message->change.before = (PgTuple){0};
    message->change.after = (PgTuple){0};
    uint8_t tag = read_u8(reader);
    if (tag == 'K' || tag == 'O') {
        message->change.old_is_key = tag == 'K';
        if (message->kind == PG_DELETE) {
            message->change.before = tuple_last(reader);
            return;
        }
        message->change.before = tuple_parse(reader);
        tag = read_u8(reader);
    }
    if (tag != 'N' || message->kind == PG_DELETE) {
        reader->bad = true;
        return;
    }
    message->change.after = tuple_last(reader);
}

static void relation_parse(Reader *reader, Arena *arena, PgMessage *message) {
    message->relation.oid = read_u32be(reader);
    message->relation.space = read_text0(reader);
    message->relation.name = read_text0(reader);
    message->relation.identity = read_u8(reader);
    message->relation.column_count = read_u16be(reader);
    if (message->relation.column_count > reader_left(reader)) {
        reader->bad = true;
        return;
    }
    PgRelationColumn *columns = ARENA_ARRAY(arena, PgRelationColumn, message->relation.column_count);
    for (uint16_t i = 0; i < message->relation.column_count; i++) {
        columns[i].key = (read_u8(reader) & 1) != 0;
        columns[i].name = read_text0(reader);
        columns[i].type_oid = read_u32be(reader);
        columns[i].typmod = read_i32be(reader);
    }
    message->relation.columns = columns;
}

static void truncate_parse(Reader *reader, Arena *arena, PgMessage *message) {
    message->truncate.count = read_u32be(reader);
    message->truncate.options = read_u8(reader);
    if (message->truncate.count > reader_left(reader) / 4) {
        reader->bad = true;
        return;
    }
    uint32_t *oids = ARENA_ARRAY(arena, uint32_t, message->truncate.count);
    for (uint32_t i = 0; i < message->truncate.count; i++) {
        oids[i] = read_u32be(reader);
    }
    message->truncate.oids = oids;
}

static void commit_parse(Reader *reader, PgMessage *message) {
    read_u8(reader); // flags, none defined
    message->transaction.lsn = read_u64be(reader);
    message->transaction.end_lsn = read_u64be(reader);
    message->transaction.commit_us = read_i64be(reader);
}

static bool carries_xid(PgMessageKind kind) {
    return kind == PG_RELATION || kind == PG_TYPE || kind == PG_INSERT || kind == PG_UPDATE || kind == PG_DELETE ||
           kind == PG_TRUNCATE || kind == PG_LOGICAL;
}

bool pg_message_parse(Slice bytes, bool in_stream, Arena *arena, PgMessage *message, Err *err) {
    Reader reader = reader_of(bytes);
    memset(message, 0, sizeof(*message));
    message->kind = (PgMessageKind)read_u8(&reader);
    if (in_stream && carries_xid(message->kind)) {
        message->xid = read_u32be(&reader);
    }
    switch (message->kind) {
    case PG_INSERT:
    case PG_UPDATE:
    case PG_DELETE:
        change_parse(&reader, message);
        break;
    case PG_BEGIN:
        message->transaction.lsn = read_u64be(&reader);
        message->transaction.commit_us = read_i64be(&reader);
        message->xid = read_u32be(&reader);
        break;
    case PG_COMMIT:
        commit_parse(&reader, message);
        break;
    case PG_RELATION:
        relation_parse(&reader, arena, message);
        break;
    case PG_TRUNCATE:
        truncate_parse(&reader, arena, message);
        break;
    case PG_LOGICAL:
        message->logical.transactional = (read_u8(&reader) & 1) != 0;
        message->logical.lsn = read_u64be(&reader);
        message->logical.prefix = read_text0(&reader);
        message->logical.content = read_bytes(&reader, read_u32be(&reader));
        break;
    case PG_STREAM_START:
        message->xid = read_u32be(&reader);
        read_u8(&reader); // first segment
        break;
    case PG_STREAM_COMMIT:
        message->xid = read_u32be(&reader);
        commit_parse(&reader, message);
        break;
    case PG_STREAM_ABORT:
        message->xid = read_u32be(&reader);
        message->abort.subxid = read_u32be(&reader);
        break;
    case PG_STREAM_STOP:
    case PG_ORIGIN: // which node a change came from: passed over
    case PG_TYPE:   // types are read from the catalog
        break;
    default:
        return FAIL(err, ERR_SOURCE_PROTOCOL, "the change stream has a message of unknown type 0x%02x (%zu bytes)",
                    (unsigned)message->kind, bytes.size);
    }
    if (reader.bad) {
        return FAIL(err, ERR_SOURCE_PROTOCOL, "the change stream has a malformed '%c' message (%zu bytes)",
                    (char)message->kind, bytes.size);
    }
    return true;
}
