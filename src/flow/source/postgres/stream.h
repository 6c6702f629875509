// SPDX-License-Identifier: Apache-2.0
// The change stream of one connection: START_REPLICATION, messages into events, transactions into cuts, feedback to the
// slot. Changes of held leaves go to the spool, the others to the journal.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_STREAM_H
#define LEAT_FLOW_SOURCE_POSTGRES_STREAM_H

#include "flow/source/postgres/relation.h"
#include "flow/source/postgres/session.h"
#include "flow/source/postgres/tx_spool.h"
#include "flow/source/postgres/wire.h"

#define TEXT_FORM_KEY SLICE("text_form") // in the journal's state: values come as text

typedef struct PgStream PgStream;

struct PgStream {
    PgSession *session;
    PgConn conn;
    PgWire wire;
    bool text_form; // values come as text, not in binary form
    bool local;     // over a unix socket
    bool gathering; // a backlog comes: large reads and fewer cuts instead of early ones
    Map relations;  // oid -> PgRelation
    PgRelation *last_relation;
    TxSpool *tx_spool;
    Arena scratch; // one message

    bool in_transaction;
    bool begin_waits; // a replayed transaction's BEGIN is not told yet
    bool sent;        // the change under way: it is counted, and not told again (resume.h)
    bool in_block;    // of a streamed transaction
    uint32_t block_xid;
    uint32_t xid;
    uint64_t commit_lsn;
    int64_t commit_us; // microseconds since 1970
    uint64_t ordinal;
    uint32_t spool_generation; // of the registrations in `relations`

    uint64_t from_lsn;     // where this connection started
    uint64_t boundary_lsn; // everything committed below it has been appended
    uint64_t cut_lsn;      // of the last cut handed to the journal
    uint64_t changes_uncut;
    int64_t newest_us, newest_cut_us; // commit time of the newest change: appended, in the last cut
    int64_t cut_at_us;                // when the last cut was made (monotonic)
    uint64_t server_end;
    int64_t heard_us;  // when the server was last heard (monotonic)
    bool reply_wanted; // the server wants to hear from us
    uint64_t told_lsn; // the slot knows this much
    int64_t told_at_us;
};

// Connects, checks slot, system and timeline against `from` (ERR_SLOT_MISMATCH, ERR_SLOT_LOST), starts there.
CHECKED bool pg_stream_open(PgStream *stream, PgSession *session, uint64_t from, Err *err);
void pg_stream_close(PgStream *stream);
// Applies what is buffered, then receives once and applies that; stops early at a transaction's end when the session
// wants attention. *more says that there may be more at once.
CHECKED bool pg_stream_pump(PgStream *stream, bool *more, Err *err);
// After pg_capture_refresh: binds the relations that the server has described to the leaves there are now.
CHECKED bool pg_stream_rebind(PgStream *stream, Err *err);
// A RELATION message: the relation as it is from now on.
CHECKED bool pg_stream_relation(PgStream *stream, const PgMessage *message, Err *err);
void pg_stream_relations_release(PgStream *stream);
// When the error is of that table alone and such tables are put aside (connectors): rolls the open group back, makes
// that durable, and turns the error into ERR_SOURCE_CLOSED, so that the next run goes on without the table. Else
// nothing. Always false.
bool pg_stream_quarantine(PgStream *stream, PgCaptured *table, Err *err);
// Cuts when there is something to cut and the flusher is idle; `force` waits for it and also cuts a bare progress.
CHECKED bool pg_stream_cut(PgStream *stream, bool force, Err *err);
// Tells the slot how far it may forget, when that has moved or the server asks; at most every few 100 ms.
CHECKED bool pg_stream_feedback(PgStream *stream, bool now, Err *err);
static inline bool pg_stream_at_boundary(const PgStream *stream) {
    return !stream->in_transaction;
}

#endif
