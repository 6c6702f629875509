// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/wire.c" // NOLINT

#include "core/base/test.h"

#include <unistd.h>

static Err err[1];

// A wire on one end of a socket pair; the test plays the server on the other.
typedef struct Pair {
    PgWire wire;
    int server;
} Pair;

static Pair pair_open(size_t buffer_bytes, size_t message_bytes_max) {
    int fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    return (Pair){.wire = {.fd = fds[0],
                           .buffer = malloc(buffer_bytes),
                           .capacity = buffer_bytes,
                           .buffer_bytes = buffer_bytes,
                           .message_bytes_max = message_bytes_max},
                  .server = fds[1]};
}

static void pair_close(Pair *pair) {
    close(pair->wire.fd);
    close(pair->server);
    pg_wire_close(&pair->wire);
}

static void say(Pair *pair, const void *bytes, size_t size) {
    CHECK(write(pair->server, bytes, size) == (ssize_t)size);
}

static void say_message(Pair *pair, char type, Slice body) {
    DEFER(buf_release) Buf buf = {0};
    buf_u8(&buf, (uint8_t)type);
    buf_u32be(&buf, (uint32_t)body.size + 4);
    buf_put(&buf, body);
    say(pair, buf.data, buf.size);
}

static PgWireStatus hear(Pair *pair, Slice *body) {
    size_t received = 0;
    PgWireStatus status = pg_wire_next(&pair->wire, body, err);
    if (status == PG_WIRE_EMPTY) {
        CHECK_OK(pg_wire_receive(&pair->wire, &received, err));
        status = pg_wire_next(&pair->wire, body, err);
    }
    return status;
}

static void check_status(Pair *pair, PgWireStatus status, const char *text) {
    Slice body = {0};
    CHECK_INT(hear(pair, &body), status);
    if (text != NULL) {
        CHECK_TEXT(body, text);
    }
}

TEST(wire_frames_messages_at_any_cut) {
    Pair pair = pair_open(64, 1000);
    static const char STREAM[] = "d\0\0\0\7onen\0\0\0\4d\0\0\0\4d\0\0\0\7two";
    Pair other = pair_open(64, 1000);
    for (size_t i = 0; i < 8; i++) { // a byte at a time
        say(&pair, STREAM + i, 1);
        check_status(&pair, i < 7 ? PG_WIRE_EMPTY : PG_WIRE_DATA, i < 7 ? NULL : "one");
    }
    say_message(&other, 'N', SLICE("notice"));
    say_message(&other, 'S', SLICE("parameter"));
    say_message(&other, 'd', SLICE(""));
    say_message(&other, 'd', SLICE("two"));
    say_message(&other, 'c', SLICE(""));
    check_status(&other, PG_WIRE_DATA, "");
    check_status(&other, PG_WIRE_DATA, "two");
    check_status(&other, PG_WIRE_DONE, NULL);
    pair_close(&pair);
    pair_close(&other);
}

TEST(wire_grows_for_a_message_and_shrinks_behind_it) {
    Pair pair = pair_open(64, 100000);
    uint8_t large[5000];
    memset(large, 'x', sizeof(large));
    say_message(&pair, 'd', SLICE("small"));
    say_message(&pair, 'd', (Slice){large, sizeof(large)});
    say_message(&pair, 'd', SLICE("after"));
    check_status(&pair, PG_WIRE_DATA, "small");
    Slice body = {0};
    PgWireStatus status = PG_WIRE_EMPTY;
    while ((status = hear(&pair, &body)) == PG_WIRE_EMPTY) {}
    CHECK_INT(status, PG_WIRE_DATA);
    CHECK_INT(body.size, sizeof(large));
    CHECK(memcmp(body.data, large, sizeof(large)) == 0);
    while ((status = hear(&pair, &body)) == PG_WIRE_EMPTY) {}
    CHECK_TEXT(body, "after");
    size_t received = 0;
    CHECK_OK(pg_wire_receive(&pair.wire, &received, err));
    CHECK_INT(received, 0);
    CHECK_INT(pair.wire.capacity, 64);
    pair_close(&pair);
}

TEST(wire_refuses_garbage) {
    static const struct {
        const char *bytes;
        size_t size;
        ErrCode code;
    } CASES[] = {
        {"x\0\0\0\4", 5, ERR_SOURCE_PROTOCOL},         // no such type
        {"\0\0\0\0\0", 5, ERR_SOURCE_PROTOCOL},        //
        {"d\0\0\0\3", 5, ERR_SOURCE_PROTOCOL},         // shorter than itself
        {"d\0\0\0\0", 5, ERR_SOURCE_PROTOCOL},         //
        {"d\xff\xff\xff\xff", 5, ERR_SOURCE_PROTOCOL}, // negative
        {"d\x7f\xff\xff\xff", 5, ERR_SOURCE_PROTOCOL}, // larger than PostgreSQL can
        {"d\x10\x00\x00\x00"                           // larger than we may
         "0123456789012345678901234567890123456789012345678901234567890123456789",
         75, ERR_VALUE},
        {"E\x10\x00\x00\x00", 5, ERR_SOURCE_PROTOCOL}, // an error of 256 MiB
        {"T\0\0\0\4", 5, ERR_SOURCE_PROTOCOL},         // a row description within a copy
        {"E\0\0\0\4", 5, ERR_SOURCE_PROTOCOL},         // an error without fields
        {"E\0\0\0\7Mab", 8, ERR_SOURCE_PROTOCOL},      // its text does not end
        {"HTTP/1.1 400 Bad", 16, ERR_SOURCE_PROTOCOL}, // another protocol altogether
        {"E\0\0\0\x18"
         "C57P01\0"
         "Mgone\0"
         "Vx\0"
         "Dy\0"
         "\0",
         25, ERR_SOURCE_CLOSED},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Pair pair = pair_open(64, 1000000);
        Slice body = {0};
        say(&pair, CASES[i].bytes, CASES[i].size);
        PgWireStatus status = hear(&pair, &body);
        if (status != PG_WIRE_ERROR || err->code != CASES[i].code) {
            test_fail(__FILE__, __LINE__, "case %zu: status %d, %s: %s", i, status, err_name(err->code), err->message);
        }
        err_clear(err);
        pair_close(&pair);
    }
}

TEST(wire_tells_the_end_of_the_connection) {
    Pair pair = pair_open(64, 1000);
    size_t received = 0;
    Slice body = {0};
    say(&pair, "d\0\0\0\7o", 6);
    shutdown(pair.server, SHUT_WR);
    CHECK_INT(hear(&pair, &body), PG_WIRE_EMPTY);
    CHECK(!pg_wire_receive(&pair.wire, &received, err));
    CHECK_INT(err->code, ERR_SOURCE_CLOSED);
    CHECK(strstr(err->message, "middle of a message") != NULL && pair.wire.eof);
    err_clear(err);
    CHECK_FAILS(pg_wire_receive(&pair.wire, &received, err), ERR_SOURCE_CLOSED);
    pair_close(&pair);
}

TEST(wire_a_lying_length_takes_no_memory) {
    Pair pair = pair_open(64, 0x40000000);
    say(&pair,
        "d\x3f\x00\x00\x00"
        "abc",
        8);
    for (int i = 0; i < 5; i++) {
        check_status(&pair, PG_WIRE_EMPTY, NULL);
    }
    CHECK(pair.wire.capacity <= 128);
    pair_close(&pair);
}

TEST(wire_starts_a_copy_and_finishes_it) {
    Pair pair = pair_open(64, 1000);
    say_message(&pair, 'N', SLICE("x"));
    say_message(&pair, 'W', SLICE("\0\0"));
    say_message(&pair, 'd', SLICE("row"));
    CHECK_OK(pg_wire_start(&pair.wire, "GO", 1000, err));
    char got[64];
    CHECK_INT(read(pair.server, got, sizeof(got)), 8);
    CHECK(memcmp(got, "Q\0\0\0\7GO", 8) == 0);
    check_status(&pair, PG_WIRE_DATA, "row");
    CHECK_OK(pg_wire_send(&pair.wire, SLICE("feed"), 1000, err));
    say_message(&pair, 'd', SLICE("late"));
    say_message(&pair, 'c', SLICE(""));
    say_message(&pair, 'C', SLICE("COPY 0"));
    say_message(&pair, 'Z', SLICE("I"));
    CHECK_OK(pg_wire_finish(&pair.wire, 1000, err));
    CHECK_INT(read(pair.server, got, sizeof(got)), 14);
    CHECK(memcmp(got, "d\0\0\0\10feedc\0\0\0\4", 14) == 0);
    pair_close(&pair);
}

TEST(wire_an_answer_that_never_comes_times_out) {
    Pair pair = pair_open(64, 1000);
    CHECK_FAILS(pg_wire_start(&pair.wire, "GO", 20, err), ERR_SOURCE_UNREACHABLE);
    // A server that takes nothing.
    static uint8_t large[4 * 1024 * 1024];
    CHECK_FAILS(pg_wire_send(&pair.wire, (Slice){large, sizeof(large)}, 20, err), ERR_SOURCE_UNREACHABLE);
    close(pair.server);
    pair.server = -1;
    CHECK_FAILS(pg_wire_send(&pair.wire, SLICE("x"), 20, err), ERR_SOURCE_CLOSED); // and no SIGPIPE
    pair_close(&pair);
}
