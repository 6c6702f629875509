// SPDX-License-Identifier: Apache-2.0
// A server that sends anything, in pieces: the first byte says how large.
#include "flow/source/postgres/wire.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > 64 * KIB) {
        return 0;
    }
    int fds[2];
    ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    PgWire wire = {.fd = fds[0], .buffer = malloc(64), .capacity = 64, .buffer_bytes = 64, .message_bytes_max = 4096};
    size_t piece = (size_t)data[0] + 1;
    uint64_t sum = 0;
    Err err[1] = {{0}};
    bool open = true;
    for (size_t at = 1; open; at += piece) {
        if (at < size) {
            ASSERT(send(fds[1], data + at, MIN(piece, size - at), MSG_NOSIGNAL) > 0);
        } else {
            shutdown(fds[1], SHUT_WR);
        }
        for (size_t received = 1; open && received > 0;) {
            Slice body = {0};
            PgWireStatus status = PG_WIRE_EMPTY;
            open = pg_wire_receive(&wire, &received, err);
            while (open && (status = pg_wire_next(&wire, &body, err)) == PG_WIRE_DATA) {
                for (size_t i = 0; i < body.size; i++) {
                    sum += body.data[i];
                }
            }
            open = open && status == PG_WIRE_EMPTY;
            ASSERT(wire.at <= wire.end && wire.end <= wire.capacity && wire.capacity <= 16 * KIB);
        }
    }
    ASSERT(sum != UINT64_MAX);
    pg_wire_close(&wire);
    close(fds[0]);
    close(fds[1]);
    return 0;
}
