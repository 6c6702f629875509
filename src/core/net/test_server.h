// SPDX-License-Identifier: Apache-2.0
// For tests only: a small HTTP/1.1 server in the test's own process, on 127.0.0.1, one thread a connection. It takes a
// request apart, hands it to the test's function, and that writes whatever bytes it likes.
#ifndef LEAT_CORE_NET_TEST_SERVER_H
#define LEAT_CORE_NET_TEST_SERVER_H

#include "core/base/buf.h"
#include "core/base/digest.h"
#include "core/base/test.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct TestServer TestServer;

typedef struct TestRequest {
    TestServer *server;
    int fd;
    char method[16];
    char target[4096]; // path and query, as it came
    Buf head;          // request line and headers
    Buf body;          // its first MiB
    uint64_t body_bytes;
    uint32_t body_crc;
    int on_connection; // 1 = the first of its connection
} TestRequest;

struct TestServer {
    int listener;
    int port;
    pthread_t acceptor;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    int threads; // of connections
    atomic_int connections;
    atomic_int requests;
    atomic_int under_way;
    atomic_int under_way_most;
    bool (*answer)(TestRequest *request); // false: close the connection
    void *context;
};

static inline bool test_write(int fd, const void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t wrote = send(fd, (const char *)bytes + done, size - done, MSG_NOSIGNAL);
        if (wrote <= 0) {
            return false;
        }
        done += (size_t)wrote;
    }
    return true;
}

// Status line, content-length, body.
static inline bool test_answer(TestRequest *request, int status, const char *headers, Slice body) {
    char head[2048];
    int size = snprintf(head, sizeof(head), "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n%s\r\n", status, body.size,
                        headers != NULL ? headers : "");
    return test_write(request->fd, head, (size_t)size) &&
           (strcmp(request->method, "HEAD") == 0 || test_write(request->fd, body.data, body.size));
}

// A header of the request, its name in lower case, into `to`; false when absent.
static inline bool test_header(const TestRequest *request, const char *name, char *to, size_t to_size) {
    const char *at = (const char *)request->head.data, *end = at + request->head.size;
    size_t name_size = strlen(name);
    while (at < end) {
        const char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
        line_end = line_end != NULL ? line_end : end;
        if ((size_t)(line_end - at) > name_size && strncasecmp(at, name, name_size) == 0 && at[name_size] == ':') {
            at += name_size + 1;
            at += strspn(at, " ");
            snprintf(to, to_size, "%.*s", (int)(line_end - at), at);
            return true;
        }
        at = line_end + 2;
    }
    return false;
}

static inline void test_take_body(TestRequest *request, const uint8_t *bytes, size_t size) {
    request->body_crc = digest_crc32c(request->body_crc, (Slice){bytes, size});
    request->body_bytes += size;
    if (request->body.size + size <= MIB) {
        buf_bytes(&request->body, bytes, size);
    }
}

// Reads one request; false at the end of the connection.
static inline bool test_request_read(TestRequest *request) {
    static const size_t PIECE = 64 * KIB;
    uint8_t *piece = calloc(1, PIECE);
    buf_reset(&request->head);
    buf_reset(&request->body);
    request->body_bytes = 0;
    request->body_crc = 0;
    const uint8_t *end = NULL;
    while (end == NULL) {
        ssize_t got = recv(request->fd, piece, PIECE, 0);
        if (got <= 0) {
            free(piece);
            return false;
        }
        buf_bytes(&request->head, piece, (size_t)got);
        end = memmem(request->head.data, request->head.size, "\r\n\r\n", 4);
    }
    size_t head_size = (size_t)(end - request->head.data) + 4;
    test_take_body(request, request->head.data + head_size, request->head.size - head_size);
    request->head.size = head_size;
    buf_u8(&request->head, 0); // for functions of texts; it does not count
    request->head.size--;
    char length[32] = "0";
    test_header(request, "content-length", length, sizeof(length));
    uint64_t wanted = strtoull(length, NULL, 10);
    while (request->body_bytes < wanted) {
        ssize_t got = recv(request->fd, piece, PIECE, 0);
        if (got <= 0) {
            break;
        }
        test_take_body(request, piece, (size_t)got);
    }
    free(piece);
    return sscanf((const char *)request->head.data, "%15s %4095s", request->method, request->target) == 2;
}

static inline void *test_connection(void *context) {
    TestRequest *request = context;
    TestServer *server = request->server;
    buf_init(&request->head, MIB);
    buf_init(&request->body, 2 * MIB);
    bool going = true;
    while (going && test_request_read(request)) {
        atomic_fetch_add(&server->requests, 1);
        request->on_connection++;
        int under_way = atomic_fetch_add(&server->under_way, 1) + 1;
        int most = atomic_load(&server->under_way_most);
        while (under_way > most && !atomic_compare_exchange_weak(&server->under_way_most, &most, under_way)) {}
        going = server->answer(request);
        atomic_fetch_sub(&server->under_way, 1);
    }
    close(request->fd);
    buf_release(&request->head);
    buf_release(&request->body);
    free(request);
    pthread_mutex_lock(&server->mutex);
    server->threads--;
    pthread_cond_signal(&server->ended);
    pthread_mutex_unlock(&server->mutex);
    return NULL;
}

static inline void *test_accept(void *context) {
    TestServer *server = context;
    for (int fd; (fd = accept(server->listener, NULL, NULL)) >= 0;) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        atomic_fetch_add(&server->connections, 1);
        TestRequest *request = calloc(1, sizeof(*request));
        request->server = server;
        request->fd = fd;
        pthread_mutex_lock(&server->mutex);
        server->threads++;
        pthread_mutex_unlock(&server->mutex);
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, test_connection, request) == 0);
        pthread_detach(thread);
    }
    return NULL;
}

static inline void test_server_start(TestServer *server, bool (*answer)(TestRequest *request)) {
    server->answer = answer;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    CHECK(bind(server->listener, (struct sockaddr *)&address, size) == 0 && listen(server->listener, 128) == 0);
    CHECK(getsockname(server->listener, (struct sockaddr *)&address, &size) == 0);
    server->port = ntohs(address.sin_port);
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->ended, NULL);
    CHECK(pthread_create(&server->acceptor, NULL, test_accept, server) == 0);
}

// When the clients have closed their connections: nobody looks at the server any more.
static inline void test_server_stop(TestServer *server) {
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    pthread_mutex_lock(&server->mutex);
    while (server->threads > 0) {
        pthread_cond_wait(&server->ended, &server->mutex);
    }
    pthread_mutex_unlock(&server->mutex);
}

#endif
