// SPDX-License-Identifier: Apache-2.0
// leat_registry_load PORT look|register CONNECTIONS SECONDS IDS: requests to a schema registry on this machine, one at
// a time on each connection. `look` asks for ids 1 to IDS; `register` registers schemas of a subject each, different
// from all before. Prints one JSON object: how many, how many failed, percentiles of their time in microseconds.
#include "core/base/buf.h"
#include "core/sys/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 64 * 1024, BUCKETS = 100000 };

typedef struct Connection {
    int fd;
    int64_t sent_us;
    size_t got;
    char answer[ANSWER_MAX];
} Connection;

typedef struct Load {
    bool registers;
    uint64_t number; // of the next request
    uint64_t ids;
    uint64_t done, failed;
    uint32_t times[BUCKETS]; // by 10 microseconds
} Load;

static int connected(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        panic("no registry on port %d", port);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static void send_next(Load *load, Connection *connection) {
    char text[2048], body[1024];
    int size;
    uint64_t number = load->number++;
    if (load->registers) {
        int body_size =
            snprintf(body, sizeof(body),
                     "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"Value\\\",\\\"namespace\\\":\\\"shop."
                     "t%d_%" PRIu64 "\\\",\\\"fields\\\":[{\\\"name\\\":\\\"id\\\",\\\"type\\\":\\\"long\\\"},{"
                     "\\\"name\\\":\\\"name\\\",\\\"type\\\":"
                     "[\\\"null\\\",\\\"string\\\"],\\\"default\\\":null},{\\\"name\\\":\\\"price\\\",\\\"type\\\":{"
                     "\\\"type\\\":\\\"bytes\\\","
                     "\\\"logicalType\\\":\\\"decimal\\\",\\\"precision\\\":12,\\\"scale\\\":2}},{\\\"name\\\":"
                     "\\\"at\\\",\\\"type\\\":{"
                     "\\\"type\\\":\\\"long\\\",\\\"connect.version\\\":1,\\\"connect.name\\\":\\\"io.debezium.time."
                     "MicroTimestamp\\\"}}]"
                     "}\"}",
                     (int)getpid(), number);
        size = snprintf(text, sizeof(text),
                        "POST /subjects/shop.t%d_%" PRIu64 "-value/versions HTTP/1.1\r\nHost: x\r\nContent-Type: "
                        "application/vnd.schemaregistry.v1+json\r\nContent-Length: %d\r\n\r\n%s",
                        (int)getpid(), number, body_size, body);
    } else {
        size = snprintf(text, sizeof(text),
                        "GET /schemas/ids/%" PRIu64 "?fetchMaxId=false HTTP/1.1\r\nHost: x\r\nAccept: "
                        "application/vnd.schemaregistry.v1+json\r\n\r\n",
                        1 + number % load->ids);
    }
    connection->got = 0;
    connection->sent_us = clock_monotonic_us();
    if (send(connection->fd, text, (size_t)size, MSG_NOSIGNAL) != size) {
        panic("the registry takes no more requests");
    }
}

// True when a whole answer is there.
static bool answered(Load *load, Connection *connection) {
    ssize_t got = recv(connection->fd, connection->answer + connection->got, ANSWER_MAX - 1 - connection->got, 0);
    if (got <= 0) {
        panic("the registry has closed a connection");
    }
    connection->got += (size_t)got;
    connection->answer[connection->got] = '\0';
    const char *end = strstr(connection->answer, "\r\n\r\n");
    const char *length = strcasestr(connection->answer, "content-length:");
    if (end == NULL || length == NULL) {
        return false;
    }
    size_t whole = (size_t)(end - connection->answer) + 4 + strtoull(length + 15, NULL, 10);
    if (connection->got < whole) {
        return false;
    }
    load->failed += strncmp(connection->answer, "HTTP/1.1 200", 12) != 0;
    load->done++;
    int64_t took = (clock_monotonic_us() - connection->sent_us) / 10;
    load->times[MIN(took, BUCKETS - 1)]++;
    return true;
}

static uint64_t percentile(const Load *load, double share) {
    uint64_t wanted = (uint64_t)((double)load->done * share), sum = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        sum += load->times[i];
        if (sum > wanted) {
            return 10 * i;
        }
    }
    return 10 * (uint64_t)BUCKETS;
}

int main(int argc, char **argv) {
    static Load load;
    if (argc != 6) {
        fprintf(stderr, "usage: leat_registry_load PORT look|register CONNECTIONS SECONDS IDS\n");
        return 2;
    }
    size_t count = (size_t)strtoul(argv[3], NULL, 10);
    load.registers = strcmp(argv[2], "register") == 0;
    load.ids = strtoull(argv[5], NULL, 10);
    Connection *connections = calloc(count, sizeof(*connections));
    int poll = epoll_create1(EPOLL_CLOEXEC);
    ASSERT(connections != NULL && poll >= 0 && (load.registers || load.ids > 0));
    int64_t start = clock_monotonic_us(), end = start + (int64_t)(strtod(argv[4], NULL) * 1e6), now = start;
    for (size_t i = 0; i < count; i++) {
        connections[i].fd = connected((uint16_t)strtoul(argv[1], NULL, 10));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        ASSERT(epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event) == 0);
        send_next(&load, &connections[i]);
    }
    while (now < end) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, ARRAY_LEN(events), 1000);
        for (int i = 0; i < ready; i++) {
            Connection *connection = events[i].data.ptr;
            if (answered(&load, connection)) {
                send_next(&load, connection);
            }
        }
        now = clock_monotonic_us();
    }
    printf("{\"requests\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"per_second\":%.0f,\"p50_us\":%" PRIu64
           ",\"p99_us\":%" PRIu64 "}\n",
           load.done, load.failed, (double)load.done * 1e6 / (double)(now - start), percentile(&load, 0.5),
           percentile(&load, 0.99));
    free(connections);
    return load.failed > 0;
}
