// SPDX-License-Identifier: Apache-2.0
// A message: u8 type, i32 length (itself included, the type not), body. Types that matter here:
//     Q query · E error · N notice · S parameter · H copy out begins · W copy both begins · d copy data · c copy ends
//     C command complete · Z ready for query
#include "flow/source/postgres/wire.h"

#include "core/sys/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

enum {
    HEADER_BYTES = 5,
    FRONT_BYTES = 64,               // of a message that is too large, for pg_wire_front
    MESSAGE_BYTES_MAX = 0x40000000, // PostgreSQL's own limit
    SIDE_BYTES_MAX = 1024 * 1024,   // errors, notices, parameters
    SLICE_MS = 200,                 // how often a wait looks whether it should stop
};

bool pg_wire_open(PgWire *wire, PgConn *conn, size_t buffer_bytes, size_t message_bytes_max, Err *err) {
    ASSERT(conn->handle != NULL && buffer_bytes >= 64);
    *wire = (PgWire){.conn = conn, .buffer_bytes = buffer_bytes, .message_bytes_max = message_bytes_max};
    wire->fd = PQsocket(conn->handle);
    if (wire->fd < 0 || PQtransactionStatus(conn->handle) == PQTRANS_ACTIVE) {
        return FAIL(err, ERR_SOURCE_CLOSED, "the connection is closed or busy");
    }
    if (PQgssEncInUse(conn->handle) == 1) {
        (void)FAIL(err, ERR_SOURCE_SETUP, "the connection is encrypted by GSSAPI, which leat cannot read");
        return err_hint(err, "put gssencmode=disable into the source URL; TLS is fine");
    }
    wire->tls = PQsslInUse(conn->handle) == 1 ? PQsslStruct(conn->handle, "OpenSSL") : NULL;
    if (PQsslInUse(conn->handle) == 1 && wire->tls == NULL) {
        return FAIL(err, ERR_SOURCE_SETUP, "libpq's TLS library is not OpenSSL");
    }
    wire->buffer = malloc(buffer_bytes);
    if (wire->buffer == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for a receive buffer of %zu bytes", buffer_bytes);
    }
    wire->capacity = buffer_bytes;
    return true;
}

void pg_wire_close(PgWire *wire) {
    free(wire->buffer);
    *wire = (PgWire){.fd = -1};
}

// --- receiving -------------------------------------------------------------------------------------------------

// How long the message at the front is, header included; 0 when that is not known yet.
static size_t front_size(const PgWire *wire) {
    return wire->end - wire->at < HEADER_BYTES ? 0 : 1 + (size_t)load_u32be(wire->buffer + wire->at + 1);
}

static bool buffer_resize(PgWire *wire, size_t capacity, Err *err) {
    uint8_t *resized = realloc(wire->buffer, capacity);
    if (resized == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for a message of %zu bytes", capacity);
    }
    wire->buffer = resized;
    wire->capacity = capacity;
    return true;
}

// Room behind `end`. The front of a message is moved to the start of the buffer only when its rest does not fit; the
// buffer doubles as bytes arrive, so a length that lies costs nothing.
static bool make_room(PgWire *wire, Err *err) {
    if (wire->at == wire->end) {
        wire->at = wire->end = 0;
        return wire->capacity <= wire->buffer_bytes || buffer_resize(wire, wire->buffer_bytes, err);
    }
    size_t room = wire->capacity - wire->end;
    size_t front = MAX(front_size(wire), (size_t)HEADER_BYTES);
    if (wire->at + front > wire->capacity || room < wire->buffer_bytes / 2) {
        memmove(wire->buffer, wire->buffer + wire->at, wire->end - wire->at);
        wire->end -= wire->at;
        wire->at = 0;
    }
    if (wire->end == wire->capacity) {
        TRY(buffer_resize(wire, wire->capacity * 2, err));
    }
    return true;
}

static bool closed(PgWire *wire, Err *err) {
    wire->eof = true;
    (void)FAIL(err, ERR_SOURCE_CLOSED, "the server closed the connection%s",
               wire->end > wire->at ? " in the middle of a message" : "");
    return err_hint(err, "the server's log says why");
}

// Fills the room as far as there are records; a record is at most 16 KiB.
static bool receive_tls(PgWire *wire, size_t *received, Err *err) {
    SSL *tls = wire->tls;
    while (wire->end < wire->capacity) {
        size_t got = 0;
        ERR_clear_error();
        int ok = SSL_read_ex(tls, wire->buffer + wire->end, wire->capacity - wire->end, &got);
        if (ok == 1) {
            wire->end += got;
            *received += got;
            continue;
        }
        int why = SSL_get_error(tls, ok);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE || *received > 0) {
            return true; // an error after bytes comes again at the next call
        }
        if (why == SSL_ERROR_ZERO_RETURN || (why == SSL_ERROR_SYSCALL && (errno == 0 || errno == ECONNRESET))) {
            return closed(wire, err);
        }
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        wire->eof = true;
        return FAIL(err, ERR_SOURCE_CLOSED, "TLS: %s", reason != NULL ? reason : strerror(errno));
    }
    return true;
}

bool pg_wire_receive(PgWire *wire, size_t *received, Err *err) {
    *received = 0;
    if (wire->eof) {
        return closed(wire, err);
    }
    TRY(make_room(wire, err));
    if (wire->tls != NULL) {
        TRY(receive_tls(wire, received, err));
    } else {
        ssize_t got = recv(wire->fd, wire->buffer + wire->end, wire->capacity - wire->end, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            return closed(wire, err);
        }
        if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            wire->eof = true;
            return FAIL(err, ERR_SOURCE_CLOSED, "receiving from the server: %s", strerror(errno));
        }
        *received = got > 0 ? (size_t)got : 0;
        wire->end += *received;
    }
    wire->received_bytes += *received;
    wire->receives += *received > 0;
    return true;
}

bool pg_wire_tls_pending(const PgWire *wire) {
    return wire->tls != NULL && SSL_has_pending((const SSL *)wire->tls) == 1;
}

void pg_wire_gather(PgWire *wire, int bytes) {
    (void)setsockopt(wire->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

// --- messages --------------------------------------------------------------------------------------------------

// ErrorResponse: fields of u8 code, text, NUL; the last code is NUL.
static bool error_response(Slice body, Err *err) {
    const char *state = NULL, *message = NULL, *detail = NULL, *hint = NULL;
    Reader reader = reader_of(body);
    for (uint8_t code = read_u8(&reader); code != 0 && !reader.bad; code = read_u8(&reader)) {
        Slice text = read_text0(&reader);
        const char *field = reader.bad ? NULL : (const char *)text.data; // the NUL stands behind it
        state = code == 'C' ? field : state;
        message = code == 'M' ? field : message;
        detail = code == 'D' ? field : detail;
        hint = code == 'H' ? field : hint;
    }
    if (reader.bad || message == NULL) {
        return FAIL(err, ERR_SOURCE_PROTOCOL, "the server sent an error that cannot be read");
    }
    return pg_fail(err, __FILE__, __LINE__, "the server ended the stream", state, message, detail, hint);
}

// Whether the header at the front can be true.
static bool header_check(const PgWire *wire, uint8_t type, uint32_t length, Err *err) {
    if (memchr("dcCZENSAHWTDKR", type, 14) == NULL || length < 4 || length > MESSAGE_BYTES_MAX ||
        (type != 'd' && length > SIDE_BYTES_MAX)) {
        return FAIL(err, ERR_SOURCE_PROTOCOL, "the server sent a message of type 0x%02x and %" PRIu32 " bytes", type,
                    length);
    }
    if (length > wire->message_bytes_max) {
        (void)FAIL(err, ERR_VALUE, "a row of %" PRIu32 " bytes is larger than row.bytes.max, which is %zu", length,
                   wire->message_bytes_max);
        return err_hint(err, "raise it (--set row.bytes.max=1GiB), with memory for five such rows; or leave the table "
                             "out (--exclude)");
    }
    return true;
}

// The next whole message of any type. PG_WIRE_DATA here means: there is one.
static PgWireStatus message_next(PgWire *wire, uint8_t *type, Slice *body, Err *err) {
    if (wire->end - wire->at < HEADER_BYTES) {
        return PG_WIRE_EMPTY;
    }
    const uint8_t *header = wire->buffer + wire->at;
    uint32_t length = load_u32be(header + 1);
    bool too_large = header[0] == 'd' && length > wire->message_bytes_max && length <= MESSAGE_BYTES_MAX;
    if (UNLIKELY(too_large) && wire->end - wire->at < FRONT_BYTES) {
        return PG_WIRE_EMPTY; // so that the error can say whose row it is
    }
    if (!header_check(wire, header[0], length, err)) {
        return PG_WIRE_ERROR;
    }
    if (wire->end - wire->at < 1 + (size_t)length) {
        return PG_WIRE_EMPTY;
    }
    *type = header[0];
    *body = (Slice){header + HEADER_BYTES, length - 4};
    wire->at += 1 + (size_t)length;
    return PG_WIRE_DATA;
}

Slice pg_wire_front(const PgWire *wire) {
    size_t have = wire->end - wire->at;
    return have > HEADER_BYTES ? (Slice){wire->buffer + wire->at + HEADER_BYTES, have - HEADER_BYTES} : (Slice){0};
}

static PgWireStatus next_slow(PgWire *wire, Slice *body, Err *err) {
    for (;;) {
        uint8_t type = 0;
        PgWireStatus status = message_next(wire, &type, body, err);
        if (status != PG_WIRE_DATA) {
            return status;
        }
        switch (type) {
        case 'd':
            return PG_WIRE_DATA;
        case 'N':
        case 'S':
        case 'A':
            break;
        case 'Z':
            wire->ready = true;
            return PG_WIRE_DONE;
        case 'c':
        case 'C': // a server that shuts down ends a replication stream with this alone
            wire->ended = true;
            return PG_WIRE_DONE;
        case 'E':
            (void)error_response(*body, err);
            return PG_WIRE_ERROR;
        default:
            (void)FAIL(err, ERR_SOURCE_PROTOCOL, "the server sent a message of type 0x%02x within a copy", type);
            return PG_WIRE_ERROR;
        }
    }
}

PgWireStatus pg_wire_next(PgWire *wire, Slice *body, Err *err) {
    size_t have = wire->end - wire->at;
    if (LIKELY(have >= HEADER_BYTES)) {
        const uint8_t *header = wire->buffer + wire->at;
        size_t size = load_u32be(header + 1) - 4U; // a length below 4 becomes too large
        if (LIKELY(header[0] == 'd' && size <= have - HEADER_BYTES)) {
            *body = (Slice){header + HEADER_BYTES, size};
            wire->at += HEADER_BYTES + size;
            wire->messages++;
            return PG_WIRE_DATA;
        }
    }
    return next_slow(wire, body, err);
}

// --- waiting and sending ---------------------------------------------------------------------------------------

static bool wait_for(PgWire *wire, short events, int64_t deadline_us, Err *err) {
    for (;;) {
        int64_t left_us = deadline_us - clock_monotonic_us();
        if (pg_stopped(err)) {
            return false;
        }
        if (left_us <= 0) {
            return FAIL(err, ERR_SOURCE_UNREACHABLE, "the server does not %s",
                        events == POLLOUT ? "take what is sent to it" : "answer");
        }
        struct pollfd fd = {.fd = wire->fd, .events = events};
        int ready = poll(&fd, 1, (int)MIN(left_us / 1000 + 1, (int64_t)SLICE_MS));
        if (ready > 0) {
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            return FAIL_ERRNO(err, "poll");
        }
    }
}

// The next message of any type, waited for.
static bool message_wait(PgWire *wire, int64_t deadline_us, uint8_t *type, Slice *body, Err *err) {
    for (;;) {
        PgWireStatus status = message_next(wire, type, body, err);
        if (status != PG_WIRE_EMPTY) {
            return status == PG_WIRE_DATA;
        }
        size_t received = 0;
        TRY(pg_wire_receive(wire, &received, err));
        if (received == 0 && !pg_wire_tls_pending(wire)) {
            TRY(wait_for(wire, POLLIN, deadline_us, err));
        }
    }
}

static bool send_some(PgWire *wire, Slice bytes, size_t *sent, short *wait, Err *err) {
    *sent = 0;
    *wait = POLLOUT;
    if (wire->tls == NULL) {
        ssize_t got = send(wire->fd, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            return FAIL(err, ERR_SOURCE_CLOSED, "sending to the server: %s", strerror(errno));
        }
        *sent = got > 0 ? (size_t)got : 0;
        return true;
    }
    ERR_clear_error();
    int ok = SSL_write_ex(wire->tls, bytes.data, bytes.size, sent);
    if (ok == 1) {
        return true;
    }
    int why = SSL_get_error(wire->tls, ok);
    if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ) {
        return FAIL(err, ERR_SOURCE_CLOSED, "sending to the server over TLS fails");
    }
    *wait = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    return true;
}

static bool send_all(PgWire *wire, Slice bytes, int64_t deadline_us, Err *err) {
    while (bytes.size > 0) {
        size_t sent = 0;
        short wait = POLLOUT;
        TRY(send_some(wire, bytes, &sent, &wait, err));
        bytes = slice_from(bytes, sent);
        if (sent == 0) {
            TRY(wait_for(wire, wait, deadline_us, err));
        }
    }
    return true;
}

static int64_t deadline_of(int timeout_ms) {
    return clock_monotonic_us() + (int64_t)timeout_ms * 1000;
}

static bool send_message(PgWire *wire, uint8_t type, Slice body, int64_t deadline_us, Err *err) {
    DEFER(buf_release) Buf buf = {0};
    buf_u8(&buf, type);
    buf_u32be(&buf, (uint32_t)(body.size + 4));
    buf_put(&buf, body);
    return send_all(wire, buf_slice(&buf), deadline_us, err);
}

bool pg_wire_send(PgWire *wire, Slice body, int timeout_ms, Err *err) {
    return send_message(wire, 'd', body, deadline_of(timeout_ms), err);
}

// Reads on to ReadyForQuery. A second error on the way does not replace the first.
static bool drain(PgWire *wire, int64_t deadline_us, Err *err) {
    while (!wire->ready) {
        uint8_t type = 0;
        Slice body = {0};
        TRY(message_wait(wire, deadline_us, &type, &body, err));
        if (type == 'E') {
            (void)error_response(body, err);
        }
        wire->ready = type == 'Z';
    }
    return err->code == ERR_NONE;
}

bool pg_wire_start(PgWire *wire, const char *sql, int timeout_ms, Err *err) {
    int64_t deadline_us = deadline_of(timeout_ms);
    wire->ready = wire->ended = wire->both = false;
    TRY(send_message(wire, 'Q', (Slice){(const uint8_t *)sql, strlen(sql) + 1}, deadline_us, err));
    for (;;) {
        uint8_t type = 0;
        Slice body = {0};
        TRY(message_wait(wire, deadline_us, &type, &body, err));
        switch (type) {
        case 'H':
        case 'W':
            wire->both = type == 'W';
            return true;
        case 'N':
        case 'S':
        case 'A':
            break;
        case 'E':
            (void)error_response(body, err);
            return drain(wire, deadline_us, err); // so that the connection can be used again
        default:
            return FAIL(err, ERR_SOURCE_PROTOCOL, "the server answers a copy statement with a message of type 0x%02x",
                        type);
        }
    }
}

bool pg_wire_finish(PgWire *wire, int timeout_ms, Err *err) {
    int64_t deadline_us = deadline_of(timeout_ms);
    if (wire->both && !wire->ready) {
        TRY(send_message(wire, 'c', (Slice){0}, deadline_us, err));
    }
    pg_wire_gather(wire, 1);
    TRY(drain(wire, deadline_us, err));
    return wire->at == wire->end || FAIL(err, ERR_SOURCE_PROTOCOL, "the server sent more than an answer");
}
