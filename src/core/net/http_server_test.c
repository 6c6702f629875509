// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_server.c"

#include "core/base/test.h"

#include <unistd.h>

static atomic_int slow_now, slow_most;

static HttpServerVerdict begin(void *context, HttpServerRequest *request, HttpServerAnswer *answer) {
    if (slice_equal(request->target, slice_of("/no"))) {
        answer->status = 403;
        return HTTP_ANSWERED;
    }
    return slice_equal(request->target, slice_of("/slow")) ? HTTP_SLOW : HTTP_FAST;
}

static void run(void *context, HttpServerRequest *request, HttpServerAnswer *answer) {
    int now = atomic_fetch_add(&slow_now, 1) + 1;
    if (now > atomic_load(&slow_most)) {
        atomic_store(&slow_most, now);
    }
    answer->content_type = "text/plain";
    http_server_answer_header(answer, "X-Peer", http_server_peer(request));
    if (slice_equal(request->target, slice_of("/big"))) {
        for (int i = 0; i < 100000; i++) {
            buf_text(&answer->body, "0123456789");
        }
    } else {
        buf_printf(&answer->body, "%s %.*s %zu", request->method, SLICE_ARG(request->target), request->body.size);
    }
    atomic_fetch_sub(&slow_now, 1);
}

static void refused(void *context, HttpServerRequest *request, HttpServerAnswer *answer, int status) {
    buf_printf(&answer->body, "refused %d", status);
}

static HttpServer *serve(HttpServerOptions options, int *port) {
    Err err[1] = {{0}};
    HttpServer *server = NULL;
    CHECK_OK(http_server_open(&options, &server, err));
    HttpAddress address;
    CHECK_OK(http_address_parse("127.0.0.1:0", &address, err));
    CHECK_OK(http_server_listen(
        server, &(HttpListen){.address = &address, .handler = {.begin = begin, .run = run, .refuse = refused}}, port,
        err));
    return server;
}

static int dial(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
    return fd;
}

static void say(int fd, const char *text) {
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

// Reads until `until` has come, or the end; what came is in `to`.
static void hear(int fd, Buf *to, const char *until) {
    while (to->size == 0 || memmem(to->data, to->size, until, strlen(until)) == NULL) {
        uint8_t piece[4096];
        ssize_t got = read(fd, piece, sizeof(piece));
        if (got <= 0) {
            return;
        }
        buf_bytes(to, piece, (size_t)got);
    }
}

static bool heard(const Buf *buf, const char *text) {
    return memmem(buf->data, buf->size, text, strlen(text)) != NULL;
}

TEST(http_server_answers_fast_and_slow_ones_in_order) {
    int port = 0;
    HttpServer *server = serve((HttpServerOptions){0}, &port);
    int fd = dial(port);
    say(fd, "GET /a%2Fb?x=%20y HTTP/1.1\r\nHost: x\r\n\r\nPOST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
            "abcGET /no HTTP/1.1\r\nHost: x\r\n\r\nGET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    Buf got = {0};
    hear(fd, &got, "/end 0");
    const char *first = memmem(got.data, got.size, "GET /a%2Fb?x=%20y 0", 19);
    const char *second = memmem(got.data, got.size, "POST /slow 3", 12);
    const char *third = memmem(got.data, got.size, "403", 3);
    CHECK(first != NULL && second != NULL && third != NULL && first < second && second < third);
    CHECK(heard(&got, "X-Peer: 127.0.0.1"));
    close(fd);
    buf_release(&got);
    http_server_close(server);
}

TEST(http_server_refuses_bodies_past_the_limit) {
    int port = 0;
    HttpServer *server = serve((HttpServerOptions){.body_bytes_max = 10}, &port);
    int fd = dial(port);
    Buf got = {0};
    say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n01234567890");
    hear(fd, &got, "refused 413");
    CHECK(heard(&got, "HTTP/1.1 413"));
    // The same connection goes on.
    buf_reset(&got);
    say(fd,
        "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n");
    hear(fd, &got, "refused 413");
    CHECK(heard(&got, "HTTP/1.1 413"));
    buf_reset(&got);
    say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789");
    hear(fd, &got, "POST /x 10");
    CHECK(heard(&got, "HTTP/1.1 200"));
    // One that asks first is answered before it sends.
    buf_reset(&got);
    say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
    hear(fd, &got, "refused 413");
    CHECK(heard(&got, "HTTP/1.1 413"));
    close(fd);
    buf_release(&got);
    http_server_close(server);
}

TEST(http_server_bounds_all_bodies_together) {
    int port = 0;
    HttpServer *server = serve((HttpServerOptions){.bodies_bytes_max = 20}, &port);
    int first = dial(port), second = dial(port);
    Buf got = {0};
    say(first, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n012345678901234");
    while (atomic_load(&server->bodies_bytes) < 15) {
        clock_sleep_us(1000);
    }
    say(second, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n01234567");
    hear(second, &got, "refused 503");
    CHECK(heard(&got, "Retry-After: 1"));
    say(first, "5");
    buf_reset(&got);
    hear(first, &got, "/slow 16");
    CHECK(heard(&got, "HTTP/1.1 200"));
    close(first);
    close(second);
    buf_release(&got);
    http_server_close(server);
}

TEST(http_server_ends_requests_that_drip) {
    int port = 0;
    HttpServer *server = serve((HttpServerOptions){.request_ms = 300, .idle_ms = 600}, &port);
    int fd = dial(port);
    ssize_t sent = 1;
    for (int i = 0; sent == 1 && i < 2400; i++) { // no byte comes late: it would go on for ever
        sent = send(fd, i == 0 ? "G" : "x", 1, MSG_NOSIGNAL);
        clock_sleep_us(25000);
    }
    CHECK(sent != 1);
    close(fd);
    // A body too.
    fd = dial(port);
    Buf got = {0};
    say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
    hear(fd, &got, "\n\n");
    CHECK_INT(got.size, 0);
    close(fd);
    http_server_close(server);
    // And a connection that says nothing any more.
    server = serve((HttpServerOptions){.idle_ms = 600}, &port);
    fd = dial(port);
    say(fd, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(fd, &got, "never");
    CHECK(heard(&got, "GET /x 0"));
    close(fd);
    buf_release(&got);
    http_server_close(server);
}

TEST(http_server_answers_large_bodies_and_huge_headers) {
    int port = 0;
    HttpServer *server = serve((HttpServerOptions){0}, &port);
    int fd = dial(port);
    Buf got = {0};
    say(fd, "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    hear(fd, &got, "never");
    CHECK(heard(&got, "Content-Length: 1000000"));
    CHECK(got.size > 1000000);
    close(fd);
    fd = dial(port);
    buf_reset(&got);
    Buf headers = {0};
    buf_text(&headers, "GET /x HTTP/1.1\r\nHost: x\r\nX-Long: ");
    for (int i = 0; i < 100000; i++) {
        buf_u8(&headers, 'x');
    }
    buf_text(&headers, "\r\n\r\n");
    (void)!write(fd, headers.data, headers.size);
    hear(fd, &got, "never");
    CHECK(got.size == 0 || heard(&got, "HTTP/1.1 431"));
    close(fd);
    buf_release(&headers);
    buf_release(&got);
    http_server_close(server);
}

TEST(http_server_says_what_is_wrong_with_an_address) {
    Err err[1] = {{0}};
    HttpAddress address;
    CHECK_OK(http_address_parse("localhost:8083", &address, err));
    CHECK(address.loopback);
    CHECK_OK(http_address_parse("[::1]:8083", &address, err));
    CHECK(address.loopback);
    CHECK_OK(http_address_parse("http://0.0.0.0:8083/", &address, err));
    CHECK(!address.loopback);
    CHECK_OK(http_address_parse("*:0", &address, err));
    CHECK(!address.loopback);
    CHECK_OK(http_address_parse(":9", &address, err));
    CHECK(!address.loopback);
    const char *bad[] = {"", "8083", "host", "::1:8083", "h:99999", "h:-1", "h:8x", "[::1]8083", "[::1:80"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK_FAILS(http_address_parse(bad[i], &address, err), ERR_OPTION);
    }
}
