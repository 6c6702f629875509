// SPDX-License-Identifier: Apache-2.0
// Messages of the pgoutput plugin, protocol versions 1 and 2 (PostgreSQL docs, "Logical Replication Message Formats"),
// and of the replication stream around them ("Streaming Replication Protocol"). Bytes in, borrowed structs out.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_PGOUTPUT_H
#define LEAT_FLOW_SOURCE_POSTGRES_PGOUTPUT_H

#include "core/base/arena.h"
#include "core/base/err.h"

// --- the stream around them ------------------------------------------------------------------------------------

typedef enum PgFrameKind { PG_FRAME_WAL = 'w', PG_FRAME_KEEPALIVE = 'k' } PgFrameKind;

typedef struct PgFrame {
    PgFrameKind kind;
    uint64_t start;       // WAL: where the message's change starts; 0 for some messages
    uint64_t end;         // the server's end of WAL as sent so far
    int64_t sent_us;      // the server's clock, microseconds since 2000
    bool reply_requested; // KEEPALIVE
    Slice message;        // WAL: a pgoutput message
} PgFrame;
CHECKED bool pg_frame_parse(Slice body, PgFrame *frame, Err *err);

// --- pgoutput --------------------------------------------------------------------------------------------------

typedef enum PgMessageKind {
    PG_BEGIN = 'B',
    PG_COMMIT = 'C',
    PG_ORIGIN = 'O',
    PG_RELATION = 'R',
    PG_TYPE = 'Y',
    PG_INSERT = 'I',
    PG_UPDATE = 'U',
    PG_DELETE = 'D',
    PG_TRUNCATE = 'T',
    PG_LOGICAL = 'M', // pg_logical_emit_message
    PG_STREAM_START = 'S',
    PG_STREAM_STOP = 'E',
    PG_STREAM_COMMIT = 'c',
    PG_STREAM_ABORT = 'A',
} PgMessageKind;

// One row as sent. Columns are read one by one with pg_tuple_next.
typedef struct PgTuple {
    bool present;
    uint16_t column_count;
    Reader reader;
} PgTuple;

enum { PG_FIELD_NULL = 'n', PG_FIELD_UNCHANGED = 'u', PG_FIELD_TEXT = 't', PG_FIELD_BINARY = 'b' };

typedef struct PgField {
    uint8_t kind;
    Slice bytes;
} PgField;
// The next column's field. False, with the reader bad, when the tuple ends early.
static inline bool pg_tuple_next(PgTuple *tuple, PgField *field) {
    field->kind = read_u8(&tuple->reader);
    if (field->kind == PG_FIELD_TEXT || field->kind == PG_FIELD_BINARY) {
        uint32_t size = read_u32be(&tuple->reader);
        field->bytes = read_bytes(&tuple->reader, size);
    } else {
        field->bytes = (Slice){NULL, 0};
        if (field->kind != PG_FIELD_NULL && field->kind != PG_FIELD_UNCHANGED) {
            tuple->reader.bad = true;
        }
    }
    return !tuple->reader.bad;
}

typedef struct PgRelationColumn {
    bool key; // part of the replica identity
    Slice name;
    uint32_t type_oid;
    int32_t typmod;
} PgRelationColumn;

typedef struct PgMessage {
    PgMessageKind kind;
    uint32_t xid; // within a streamed block: the (sub)transaction of the message; BEGIN, STREAM_*: the transaction
    union {
        struct {
            uint64_t lsn;      // BEGIN: of the commit record. COMMIT: likewise
            uint64_t end_lsn;  // COMMIT: behind it
            int64_t commit_us; // microseconds since 2000
        } transaction;         // BEGIN, COMMIT, STREAM_COMMIT
        struct {
            uint32_t subxid;
        } abort; // STREAM_ABORT; equal to xid when the whole transaction aborts
        struct {
            uint32_t oid;
            Slice space, name;
            uint8_t identity; // relreplident: d n f i
            uint16_t column_count;
            const PgRelationColumn *columns; // in the arena
        } relation;
        struct {
            uint32_t oid;
            bool old_is_key; // the old tuple has the identity's columns only
            PgTuple before, after;
        } change; // INSERT, UPDATE, DELETE
        struct {
            uint32_t count;
            uint8_t options;      // 1 CASCADE, 2 RESTART IDENTITY
            const uint32_t *oids; // in the arena
        } truncate;
        struct {
            bool transactional;
            uint64_t lsn;
            Slice prefix, content;
        } logical;
    };
} PgMessage;

// `in_stream`: within a streamed block, where most messages carry a transaction id. ERR_SOURCE_PROTOCOL on bad bytes.
CHECKED bool pg_message_parse(Slice bytes, bool in_stream, Arena *arena, PgMessage *message, Err *err);

#endif
