// SPDX-License-Identifier: Apache-2.0
// How many small requests one listener answers: 8 kept connections, one request each under way, client on another core.
#include "core/net/http_server.h"
#include "core/sys/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CONNECTIONS = 8, SECONDS = 3 };

static HttpServerVerdict fast(void *context, HttpServerRequest *request, HttpServerAnswer *answer) {
    return request->target.size == 2 ? HTTP_SLOW : HTTP_FAST;
}

static void look_up(void *context, HttpServerRequest *request, HttpServerAnswer *answer) {
    answer->content_type = "application/json";
    buf_text(&answer->body, "{\"schema\":\"\\\"string\\\"\"}");
}

static void pin(size_t cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

static void measure(int port, const char *what, const char *ask) {
    struct pollfd fds[CONNECTIONS];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN};
        setsockopt(fds[i].fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        if (connect(fds[i].fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
            write(fds[i].fd, ask, strlen(ask)) < 0) {
            exit(1);
        }
    }
    int64_t began = clock_monotonic_us(), answers = 0;
    while (clock_monotonic_us() - began < SECONDS * 1000000LL) {
        poll(fds, CONNECTIONS, 1000);
        for (int i = 0; i < CONNECTIONS; i++) {
            char bytes[4096];
            if ((fds[i].revents & POLLIN) != 0) {
                if (read(fds[i].fd, bytes, sizeof(bytes)) <= 0 || write(fds[i].fd, ask, strlen(ask)) < 0) {
                    exit(1);
                }
                answers++;
            }
        }
    }
    double seconds = (double)(clock_monotonic_us() - began) / 1e6;
    printf("%s: %.0f requests/s\n", what, (double)answers / seconds);
    for (int i = 0; i < CONNECTIONS; i++) {
        close(fds[i].fd);
    }
}

// http_server_bench [PORT PATH]: of its own server, or of one that runs already.
int main(int argc, char **argv) {
    if (argc == 3) {
        char ask[1024];
        snprintf(ask, sizeof(ask), "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n", argv[2]);
        pin(1);
        measure((int)strtol(argv[1], NULL, 10), argv[2], ask);
        return 0;
    }
    Err err[1] = {{0}};
    pin(0); // the server's threads are born here
    HttpServer *server = NULL;
    HttpAddress address;
    int port = 0;
    if (!http_server_open(&(HttpServerOptions){0}, &server, err) || !http_address_parse("127.0.0.1:0", &address, err) ||
        !http_server_listen(server, &(HttpListen){.address = &address, .handler = {.begin = fast, .run = look_up}},
                            &port, err)) {
        fprintf(stderr, "%s\n", err->message);
        return 1;
    }
    pin(1);
    measure(port, "on the listener's thread", "GET /schemas/ids/1 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
    measure(port, "by the pool", "GET /s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
    http_server_close(server);
    return 0;
}
