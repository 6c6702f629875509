// SPDX-License-Identifier: Apache-2.0
// Our own framing of the PostgreSQL protocol (docs "Message Formats", protocol 3.0) on the socket of a libpq
// connection, for the two streams that carry bulk: COPY OUT and replication. libpq makes the connection (hosts, TLS,
// authentication); while it is idle, the wire takes its socket over, sends the statement itself, and reads in large
// pieces instead of one message at a time. After pg_wire_finish the connection can be used through libpq again;
// otherwise it must be closed.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_WIRE_H
#define LEAT_FLOW_SOURCE_POSTGRES_WIRE_H

#include "core/base/buf.h"
#include "flow/source/postgres/conn.h"

typedef struct PgWire {
    PgConn *conn;
    int fd;
    void *tls;       // OpenSSL's SSL*, NULL without TLS
    uint8_t *buffer; // [at, end) is received and not yet handed out
    size_t at, end, capacity;
    size_t buffer_bytes, message_bytes_max;
    bool eof;
    bool both;                                   // CopyBoth: we may send, too
    bool ended, ready;                           // CopyDone and ReadyForQuery were seen
    uint64_t received_bytes, receives, messages; // counters
} PgWire;

// `buffer_bytes` is what one receive can bring; the buffer grows for a larger message, up to message_bytes_max, and
// shrinks back behind it.
CHECKED bool pg_wire_open(PgWire *wire, PgConn *conn, size_t buffer_bytes, size_t message_bytes_max, Err *err);
void pg_wire_close(PgWire *wire); // frees the buffer; the connection stays the caller's
// Sends a simple Query and waits for CopyOutResponse or CopyBothResponse; an ErrorResponse becomes `err`.
CHECKED bool pg_wire_start(PgWire *wire, const char *sql, int timeout_ms, Err *err);

typedef enum PgWireStatus {
    PG_WIRE_DATA,  // *body is the payload of one CopyData message, borrowed until the next pg_wire_receive
    PG_WIRE_EMPTY, // no whole message is buffered: poll the socket, then pg_wire_receive
    PG_WIRE_DONE,  // CopyDone: the server has ended the stream
    PG_WIRE_ERROR, // err is set; ErrorResponse, garbage, or the end of the connection
} PgWireStatus;

// The next buffered message; notices and parameter changes are passed over.
PgWireStatus pg_wire_next(PgWire *wire, Slice *body, Err *err);
// After an ERR_VALUE of pg_wire_next: the first bytes of the message that is larger than message_bytes_max.
Slice pg_wire_front(const PgWire *wire);
// One non-blocking receive. *received is 0 when nothing was there. EOF is ERR_SOURCE_CLOSED.
CHECKED bool pg_wire_receive(PgWire *wire, size_t *received, Err *err);
// True when TLS holds bytes that poll() on the socket would not show.
bool pg_wire_tls_pending(const PgWire *wire);
// Lets bytes gather: the socket turns readable only with this many (TCP; 1 = at once). Fewer may be the last ones for a
// long time, so poll with a short timeout, and receive when it passes, too.
void pg_wire_gather(PgWire *wire, int bytes);
// Sends one CopyData (blocking up to timeout).
CHECKED bool pg_wire_send(PgWire *wire, Slice body, int timeout_ms, Err *err);
// After PG_WIRE_DONE of a COPY OUT: reads on to ReadyForQuery. For replication: sends CopyDone first, and drains.
CHECKED bool pg_wire_finish(PgWire *wire, int timeout_ms, Err *err);

#endif
