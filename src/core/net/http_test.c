// SPDX-License-Identifier: Apache-2.0
#include "core/net/http.c"

#include "core/net/test_server.h"

static bool answer_chunked(TestRequest *request) {
    static const char BYTES[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Two:  a b \r\n c\r\n\r\n"
                                "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nX-Trailer: t\r\n\r\n";
    return test_write(request->fd, BYTES, sizeof(BYTES) - 1);
}

// Half of the body, then it hangs until the client goes away.
static bool answer_stuck(TestRequest *request) {
    static const char BYTES[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    char byte;
    return test_write(request->fd, BYTES, sizeof(BYTES) - 1) && recv(request->fd, &byte, 1, 0) > 0;
}

static bool answer_raw(TestRequest *request, const char *bytes) {
    (void)test_write(request->fd, bytes, strlen(bytes));
    return false;
}

static bool answer_large(TestRequest *request) {
    char *bytes = calloc(1, 100000);
    bool sent = test_answer(request, 200, "ETag: \"x\"\r\n", (Slice){(uint8_t *)bytes, 100000});
    free(bytes);
    return sent;
}

static bool serve(TestRequest *request) {
    const char *target = request->target;
    if (strcmp(target, "/echo") == 0) {
        return test_answer(request, 200, "ETag: \"abc\"\r\n", buf_slice(&request->body));
    }
    if (strcmp(target, "/crc") == 0) {
        char text[64];
        snprintf(text, sizeof(text), "%" PRIu64 " %08x", request->body_bytes, request->body_crc);
        return test_answer(request, 200, NULL, slice_of(text));
    }
    if (strncmp(target, "/head", 5) == 0) { // what came, back as the body
        return test_answer(request, 200, NULL, buf_slice(&request->head));
    }
    if (strcmp(target, "/chunked") == 0) {
        return answer_chunked(request);
    }
    if (strcmp(target, "/stuck") == 0) {
        return answer_stuck(request);
    }
    if (strcmp(target, "/cut-head") == 0) {
        return answer_raw(request, "HTTP/1.1 200 OK\r\nETag: \"abc\"\r\nX-Lost");
    }
    if (strcmp(target, "/cut-line") == 0) {
        return answer_raw(request, "HTTP/1.1 200 OK\r\nETag: \"abc\"\r\n");
    }
    if (strncmp(target, "/cut", 4) == 0) {
        return answer_raw(request, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    }
    if (strcmp(target, "/garbage") == 0) {
        return answer_raw(request, "220 mail.example.com ESMTP\r\n");
    }
    if (strcmp(target, "/nothing") == 0) {
        return false;
    }
    if (strcmp(target, "/once") == 0) { // answers, and closes a connection that says it is kept
        bool sent = test_answer(request, 200, NULL, buf_slice(&request->body));
        return sent && false;
    }
    if (strcmp(target, "/redirect") == 0) {
        return test_answer(request, 301, "Location: /echo\r\n", SLICE("moved"));
    }
    if (strcmp(target, "/interim") == 0) {
        static const char INTERIM[] = "HTTP/1.1 102 Processing\r\nX-Interim: 1\r\n\r\n";
        return test_write(request->fd, INTERIM, sizeof(INTERIM) - 1) &&
               test_answer(request, 204, "X-Last: 1\r\n", SLICE(""));
    }
    if (strcmp(target, "/slow") == 0) { // the answer comes when three are here at once
        while (atomic_load(&request->server->under_way_most) < 3) {
            clock_sleep_us(1000);
        }
        return test_answer(request, 200, NULL, SLICE("slow"));
    }
    return answer_large(request);
}

typedef struct Fixture {
    TestServer server;
    HttpClient *client;
    HttpAnswer answer;
    char url[4096];
} Fixture;

static void begin(Fixture *fixture, HttpClientOptions options) {
    Err err[1] = {{0}};
    test_server_start(&fixture->server, serve);
    CHECK_OK(http_client_open(&options, &fixture->client, err));
}

static HttpRequest request_of(Fixture *fixture, const char *method, const char *target) {
    snprintf(fixture->url, sizeof(fixture->url), "http://127.0.0.1:%d%s", fixture->server.port, target);
    return (HttpRequest){.method = method, .url = fixture->url, .file = -1};
}

static void end(Fixture *fixture) {
    http_answer_release(&fixture->answer);
    http_client_close(fixture->client);
    test_server_stop(&fixture->server);
}

TEST(http_answers_that_end_amid_their_headers_are_none) {
    static const char *const METHODS[] = {"GET", "HEAD", "PUT", "DELETE"};
    Fixture f = {0};
    begin(&f, (HttpClientOptions){.connections_max = 1});
    for (size_t i = 0; i < 2 * ARRAY_LEN(METHODS); i++) {
        Err err[1] = {{0}};
        HttpRequest request = request_of(&f, METHODS[i / 2], i % 2 == 0 ? "/cut-head" : "/cut-line");
        CHECK_FAILS(http_send(f.client, &request, &f.answer, err), ERR_NET_UNREACHABLE);
    }
    end(&f);
}

TEST(http_methods_over_one_connection) {
    Err err[1] = {{0}};
    Fixture f = {0};
    begin(&f, (HttpClientOptions){.connections_max = 1});
    for (int i = 0; i < 3; i++) {
        HttpRequest put = request_of(&f, "PUT", "/echo");
        put.body = SLICE("some bytes");
        CHECK_OK(http_send(f.client, &put, &f.answer, err));
        CHECK_INT(f.answer.status, 200);
        CHECK_TEXT(buf_slice(&f.answer.body), "some bytes");
        CHECK_TEXT(http_header(&f.answer, "etag"), "\"abc\"");
        CHECK_INT(http_header(&f.answer, "etagx").size, 0);
        HttpRequest head = request_of(&f, "HEAD", "/large");
        CHECK_OK(http_send(f.client, &head, &f.answer, err));
        CHECK_TEXT(http_header(&f.answer, "content-length"), "100000");
        CHECK_INT(f.answer.body.size, 0);
        HttpRequest get = request_of(&f, "GET", "/echo");
        CHECK_OK(http_send(f.client, &get, &f.answer, err));
        CHECK_INT(f.answer.body.size, 0);
        HttpRequest delete = request_of(&f, "DELETE", "/echo");
        CHECK_OK(http_send(f.client, &delete, &f.answer, err));
        HttpRequest post = request_of(&f, "POST", "/echo");
        CHECK_OK(http_send(f.client, &post, &f.answer, err));
        CHECK_INT(f.answer.status, 200);
    }
    CHECK_INT(f.server.requests, 15);
    CHECK_INT(f.server.connections, 1);
    CHECK_INT(http_client_connects(f.client), 1);
    end(&f);
}

TEST(http_sends_what_it_is_given) {
    Err err[1] = {{0}};
    Fixture f = {0};
    begin(&f, (HttpClientOptions){0});
    HttpHeader headers[] = {{"X-One", "1"}, {"x-empty", ""}, {"authorization", "AWS4-HMAC-SHA256 x"}};
    HttpRequest put = request_of(&f, "PUT", "/head/a/../b//./c%2f%3D=+:,@%25?b&a=%20&a=1&=");
    put.headers = headers;
    put.header_count = ARRAY_LEN(headers);
    uint8_t *large = calloc(1, 3 * MIB);
    put.body = (Slice){large, 3 * MIB}; // curl would want a 100 Continue first
    CHECK_OK(http_send(f.client, &put, &f.answer, err));
    char want[1024];
    snprintf(want, sizeof(want),
             "PUT /head/a/../b//./c%%2f%%3D=+:,@%%25?b&a=%%20&a=1&= HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
             "User-Agent: leat\r\nX-One: 1\r\nx-empty:\r\nauthorization: AWS4-HMAC-SHA256 x\r\n"
             "Content-Length: 3145728\r\n\r\n",
             f.server.port);
    CHECK_TEXT(buf_slice(&f.answer.body), want);
    free(large);
    HttpRequest post = request_of(&f, "POST", "/head");
    CHECK_OK(http_send(f.client, &post, &f.answer, err));
    snprintf(want, sizeof(want),
             "POST /head HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: leat\r\nContent-Length: 0\r\n\r\n",
             f.server.port);
    CHECK_TEXT(buf_slice(&f.answer.body), want);
    HttpHeader split[] = {{"x", "a\r\nHost: other"}};
    post.headers = split;
    post.header_count = 1;
    CHECK_FAILS(http_send(f.client, &post, &f.answer, err), ERR_OPTION);
    end(&f);
}

TEST(http_answers_of_all_kinds) {
    Err err[1] = {{0}};
    Fixture f = {0};
    begin(&f, (HttpClientOptions){0});
    HttpRequest get = request_of(&f, "GET", "/chunked");
    CHECK_OK(http_send(f.client, &get, &f.answer, err));
    CHECK_TEXT(buf_slice(&f.answer.body), "hello, world");
    CHECK_TEXT(http_header(&f.answer, "x-two"), "a b c");
    CHECK_TEXT(http_header(&f.answer, "x-trailer"), "t");
    get = request_of(&f, "GET", "/redirect");
    CHECK_OK(http_send(f.client, &get, &f.answer, err));
    CHECK_INT(f.answer.status, 301);
    CHECK_TEXT(buf_slice(&f.answer.body), "moved");
    get = request_of(&f, "GET", "/interim");
    CHECK_OK(http_send(f.client, &get, &f.answer, err));
    CHECK_INT(f.answer.status, 204);
    CHECK_INT(http_header(&f.answer, "x-interim").size, 0);
    CHECK_TEXT(http_header(&f.answer, "x-last"), "1");
    get = request_of(&f, "GET", "/large");
    get.answer_bytes_max = 100000;
    CHECK_OK(http_send(f.client, &get, &f.answer, err));
    CHECK_INT(f.answer.body.size, 100000);
    get.answer_bytes_max = 99999;
    CHECK_FAILS(http_send(f.client, &get, &f.answer, err), ERR_NET_PROTOCOL);
    end(&f);
}

TEST(http_failures_name_the_place_without_secrets) {
    Err err[1] = {{0}};
    Fixture f = {0};
    begin(&f, (HttpClientOptions){0});
    char want[256];
    HttpRequest get = request_of(&f, "GET", "/cut?X-Amz-Signature=secret");
    CHECK(!http_send(f.client, &get, &f.answer, err) && err->code == ERR_NET_UNREACHABLE);
    snprintf(want, sizeof(want), "GET http://127.0.0.1:%d/cut: transfer closed with 96 bytes remaining to read",
             f.server.port);
    CHECK_TEXT(slice_of(err->message), want);
    err_clear(err);
    get = request_of(&f, "GET", "/nothing");
    CHECK_FAILS(http_send(f.client, &get, &f.answer, err), ERR_NET_UNREACHABLE);
    get = request_of(&f, "GET", "/garbage");
    CHECK_FAILS(http_send(f.client, &get, &f.answer, err), ERR_NET_PROTOCOL);
    HttpRequest odd = {.method = "GET", .url = "http://user:secret@127.0.0.1:1/x?y", .file = -1};
    CHECK(!http_send(f.client, &odd, &f.answer, err));
    CHECK(strstr(err->message, "secret") == NULL && strstr(err->message, "GET http://127.0.0.1:1/x: ") != NULL);
    err_clear(err);
    odd.url = "http://127.0.0.1:1/";
    CHECK_FAILS(http_send(f.client, &odd, &f.answer, err), ERR_NET_UNREACHABLE);
    odd.url = "ftp://127.0.0.1:1/";
    CHECK_FAILS(http_send(f.client, &odd, &f.answer, err), ERR_NET_SETUP);
    odd.url = "no url";
    CHECK_FAILS(http_send(f.client, &odd, &f.answer, err), ERR_NET_SETUP);
    HttpClient *none;
    CHECK_FAILS(http_client_open(&(HttpClientOptions){.ca_file = "/nowhere/ca.pem"}, &none, err), ERR_NET_SETUP);
    end(&f);
}

TEST(http_gives_up_when_nothing_moves) {
    Err err[1] = {{0}};
    Fixture f = {0};
    begin(&f, (HttpClientOptions){.stalled_ms = 200});
    HttpRequest get = request_of(&f, "GET", "/stuck");
    CHECK(!http_send(f.client, &get, &f.answer, err) && err->code == ERR_NET_UNREACHABLE);
    CHECK(strstr(err->message, "nothing has moved for 200 ms") != NULL);
    end(&f);
}

TEST(http_sends_again_on_a_connection_closed_meanwhile) {
    Err err[1] = {{0}};
    Fixture f = {0};
    begin(&f, (HttpClientOptions){.connections_max = 1});
    for (int i = 0; i < 20; i++) {
        HttpRequest put = request_of(&f, "PUT", "/once");
        put.body = SLICE("again");
        CHECK_OK(http_send(f.client, &put, &f.answer, err));
        CHECK_TEXT(buf_slice(&f.answer.body), "again");
    }
    CHECK_INT(f.server.requests, 20);
    end(&f);
}

TEST(http_sends_a_piece_of_a_file) {
    Err err[1] = {{0}};
    Fixture f = {0};
    begin(&f, (HttpClientOptions){0});
    char path[] = "/tmp/leat_http_XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    uint8_t *block = calloc(1, MIB);
    uint32_t crc = 0;
    for (uint32_t i = 0; i < 101; i++) {
        for (uint32_t j = 0; j < MIB; j++) {
            block[j] = (uint8_t)((i * 31 + j * 7 + (j >> 8)) & 0xff);
        }
        CHECK(write(fd, block, MIB) == (ssize_t)MIB);
        Slice bytes = {block, MIB}; // all but the first 1000 and the last MIB - 1000 bytes
        bytes = i == 0 ? slice_from(bytes, 1000) : i == 100 ? (Slice){block, 1000} : bytes;
        crc = digest_crc32c(crc, bytes);
    }
    free(block);
    HttpRequest put = request_of(&f, "PUT", "/crc");
    put.file = fd;
    put.file_offset = 1000;
    put.file_size = 100 * MIB;
    CHECK_OK(http_send(f.client, &put, &f.answer, err));
    char want[64];
    snprintf(want, sizeof(want), "104857600 %08x", crc);
    CHECK_TEXT(buf_slice(&f.answer.body), want);
    put.file_offset = 100 * MIB;
    put.file_size = 2 * MIB;
    CHECK(!http_send(f.client, &put, &f.answer, err) && err->code == ERR_IO_FAILED);
    CHECK(strstr(err->message, "the file to send ends at byte 1048576 of 2097152") != NULL);
    err_clear(err);
    put.file = 1 << 20;
    CHECK_FAILS(http_send(f.client, &put, &f.answer, err), ERR_IO_FAILED);
    close(fd);
    end(&f);
}

TEST(http_many_at_once_over_few_connections) {
    Fixture f = {0};
    begin(&f, (HttpClientOptions){.connections_max = 4});
    enum { COUNT = 200 };
    static HttpRequest requests[COUNT];
    static HttpAnswer answers[COUNT];
    char slow[64], cut[64], echo[64];
    snprintf(slow, sizeof(slow), "http://127.0.0.1:%d/slow", f.server.port);
    snprintf(cut, sizeof(cut), "http://127.0.0.1:%d/cut", f.server.port);
    snprintf(echo, sizeof(echo), "http://127.0.0.1:%d/echo", f.server.port);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            requests[i] = (HttpRequest){.method = "PUT", .url = i < 3 ? slow : i == 50 ? cut : echo, .file = -1};
            requests[i].body = (Slice){(const uint8_t *)&requests[i], sizeof(int)};
        }
        http_send_all(f.client, requests, answers, COUNT);
        for (int i = 0; i < COUNT; i++) {
            CHECK_INT(answers[i].err.code, i == 50 ? ERR_NET_UNREACHABLE : ERR_NONE);
            CHECK(i < 3 || i == 50 || slice_equal(buf_slice(&answers[i].body), requests[i].body));
        }
    }
    CHECK(f.server.under_way_most >= 3 && f.server.under_way_most <= 4);
    CHECK(f.server.connections <= 4 + 2); // two were cut
    CHECK_INT(http_client_connects(f.client), f.server.connections);
    for (int i = 0; i < COUNT; i++) {
        http_answer_release(&answers[i]);
    }
    end(&f);
}

static void *raise_flag(void *flag) {
    clock_sleep_us(20000);
    atomic_store((_Atomic bool *)flag, true);
    return NULL;
}

TEST(http_stops_when_told) {
    Fixture f = {0};
    begin(&f, (HttpClientOptions){.connections_max = 2});
    static _Atomic bool stop;
    http_client_stop_flag(f.client, &stop);
    HttpRequest stuck = request_of(&f, "GET", "/stuck");
    HttpRequest requests[4] = {stuck, stuck, stuck, stuck};
    HttpAnswer answers[4] = {{0}};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, raise_flag, &stop) == 0);
    int64_t began_us = clock_monotonic_us();
    http_send_all(f.client, requests, answers, 4);
    CHECK(clock_monotonic_us() - began_us < 20000000); // far below the time without a byte that it allows
    pthread_join(thread, NULL);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(answers[i].err.code, ERR_INTERRUPTED);
        http_answer_release(&answers[i]);
    }
    atomic_store(&stop, false);
    Err err[1] = {{0}};
    HttpRequest echo = request_of(&f, "GET", "/echo"); // works again
    CHECK_OK(http_send(f.client, &echo, &f.answer, err));
    end(&f);
}

TEST(http_encodes_all_but_the_unreserved) {
    DEFER(buf_release) Buf buf = {0};
    http_encode(&buf, SLICE("a/b c=+:,@%~-._\xc3\xa4"), true);
    CHECK_TEXT(buf_slice(&buf), "a/b%20c%3D%2B%3A%2C%40%25~-._%C3%A4");
    buf_reset(&buf);
    http_encode(&buf, SLICE("a/b"), false);
    CHECK_TEXT(buf_slice(&buf), "a%2Fb");
}
