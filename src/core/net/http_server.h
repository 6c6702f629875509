// SPDX-License-Identifier: Apache-2.0
// HTTP in, over libmicrohttpd: listeners of one server, each with its own thread that reads requests and writes
// answers, and one pool of threads for handlers that wait. A handler that never waits (a look-up in memory) runs on
// the listener's thread at once; others run in the pool, and their connection rests meanwhile. Large bodies (256 KiB)
// are always the pool's, one at a time unless they fit into the limit of one together.
//
// Everything a client can make large or slow has a limit: headers (431), one body (413), all bodies and all answers
// together (503), connections, and the time for a request to come in, for an answer to be taken, and between two
// requests. A body past its limit is not kept: the client is answered at once when it asked first (Expect:
// 100-continue), else when it has sent all, so that it sees the answer.
//
// HTTP/1.0 and 1.1, keep-alive, pipelined requests in their order, TLS 1.2 and 1.3.
#ifndef LEAT_CORE_NET_HTTP_SERVER_H
#define LEAT_CORE_NET_HTTP_SERVER_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/net/http_address.h"

typedef struct HttpServer HttpServer;

typedef struct HttpServerOptions {
    int pool_threads;           // for handlers that wait; 0 = 8
    int connections_max;        // of each listener; 0 = 512
    size_t header_bytes_max;    // request line and headers; 0 = 16 KiB
    size_t body_bytes_max;      // one body; 0 = 8 MiB
    size_t bodies_bytes_max;    // all bodies that are held at once; 0 = 16 MiB
    size_t answers_bytes_max;   // all answers that are held at once; 0 = 32 MiB
    int64_t request_ms;         // from a request's first byte to its last; 0 = 30,000
    int64_t idle_ms;            // a connection without a request; 0 = 75,000
    size_t discarded_bytes_max; // how much of a body past its limit is read; 0 = 256 MiB
} HttpServerOptions;

typedef struct HttpServerRequest {
    const char *method;
    Slice target; // path and query as sent
    Slice body;   // empty in `begin`
    Arena *arena; // until the answer was sent
    void *user;   // the handler's, from `begin` to `run`; NULL at first
    void *exchange;
} HttpServerRequest;

enum { HTTP_SERVER_HEADERS_MAX = 8 };

typedef struct HttpServerAnswer {
    int status;               // 200 unless set
    const char *content_type; // NULL = none is said
    Buf body;                 // ready to be written to
    struct {
        const char *name, *value; // at least as long-lived as the request's arena
    } headers[HTTP_SERVER_HEADERS_MAX];
    size_t header_count;
} HttpServerAnswer;

typedef enum HttpServerVerdict {
    HTTP_ANSWERED, // the answer is written: the body is not wanted, `run` is not called
    HTTP_FAST,     // `run` never waits
    HTTP_SLOW,     // `run` may wait
} HttpServerVerdict;

typedef struct HttpHandler {
    // The headers are there, the body is not: who asks, for what, may they?
    HttpServerVerdict (*begin)(void *context, HttpServerRequest *request, HttpServerAnswer *answer);
    void (*run)(void *context, HttpServerRequest *request, HttpServerAnswer *answer);
    // The server refuses or has no room: 413, 503. NULL: an empty body.
    void (*refuse)(void *context, HttpServerRequest *request, HttpServerAnswer *answer, int status);
    void *context;
} HttpHandler;

typedef struct HttpListen {
    const HttpAddress *address;
    const char *certificate_file; // PEM, with the chain; NULL = no TLS
    const char *key_file;         // PEM
    HttpHandler handler;
} HttpListen;

CHECKED bool http_server_open(const HttpServerOptions *options, HttpServer **server, Err *err);
// *port is the real one. ERR_OPTION: the address, the certificate or its key cannot be used.
CHECKED bool http_server_listen(HttpServer *server, const HttpListen *listen, int *port, Err *err);
// Waits for handlers that run; those that wait for a thread are answered 503.
void http_server_close(HttpServer *server);
// A header of the request; NULL when absent. Borrowed.
const char *http_server_header(const HttpServerRequest *request, const char *name);
// Address of the other side, without its port.
const char *http_server_peer(const HttpServerRequest *request);
void http_server_answer_header(HttpServerAnswer *answer, const char *name, const char *value);
// Of all listeners, now.
int64_t http_server_connections(const HttpServer *server);

#endif
