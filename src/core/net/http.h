// SPDX-License-Identifier: Apache-2.0
// HTTP out, over libcurl: many requests at once over few, reused connections, driven from the calling thread. Bodies
// are sent from memory or from a piece of a file and received into a Buf with a limit, so memory is bounded.
//
// A request that got an answer, whatever its status, is a success here: what a status means is the caller's to say.
// What is no answer (no connection, reset, time-out) is ERR_NET_UNREACHABLE with the reason; a certificate that is not
// trusted or a URL that is none is ERR_NET_SETUP; no HTTP, or an answer past its limit, ERR_NET_PROTOCOL. Errors name
// method and URL, without its user and query. Retries are the caller's; but a request that meets a kept connection
// which the server has just closed is sent once more on a new one.
//
// HTTP/1.1 only. Redirects are answers. Nothing is decompressed. Proxies are the environment's (http_proxy,
// https_proxy, no_proxy), never for the metadata services of clouds.
#ifndef LEAT_CORE_NET_HTTP_H
#define LEAT_CORE_NET_HTTP_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

typedef struct HttpClient HttpClient; // one thread at a time

typedef struct HttpClientOptions {
    int connections_max; // at once; 0 = 8
    int64_t connect_ms;  // 0 = 10,000
    int64_t stalled_ms;  // an answer or upload that does not move for so long has failed; 0 = 30,000
    const char *ca_file; // NULL = the system's
    const char *proxy;   // NULL = the environment's; "" = none
} HttpClientOptions;

typedef struct HttpHeader {
    const char *name;
    const char *value;
} HttpHeader;

typedef struct HttpRequest {
    const char *method;        // GET, PUT, POST, DELETE, HEAD
    const char *url;           // as sent: already percent-encoded, never normalised again
    const HttpHeader *headers; // sent as they are; content-length and, when absent, host are added
    size_t header_count;
    Slice body; // used when file is -1
    int file;   // a descriptor to send from by pread, or -1
    uint64_t file_offset;
    uint64_t file_size;
    size_t answer_bytes_max; // 0 = 16 MiB
    bool once;               // not sent again, whatever the connection does: what it asks for may have been done
} HttpRequest;

// Zero at first. May be given again: the answer before it is forgotten, its memory used again.
typedef struct HttpAnswer {
    int status;
    Buf headers; // "name: value\r\n" lines, names in lower case; at most 256 KiB
    Buf body;
    Err err; // code ERR_NONE when there was an answer
} HttpAnswer;

CHECKED bool http_client_open(const HttpClientOptions *options, HttpClient **client, Err *err);
void http_client_close(HttpClient *client);
// `stop` (or NULL) is looked at ten times a second while waiting: ERR_INTERRUPTED.
void http_client_stop_flag(HttpClient *client, const _Atomic bool *stop);
// One request; false, with the answer's err, when there was no answer.
CHECKED bool http_send(HttpClient *client, const HttpRequest *request, HttpAnswer *answer, Err *err);
// Many at once, as many in flight as there are connections; every answer is filled, with its own err.
void http_send_all(HttpClient *client, const HttpRequest *requests, HttpAnswer *answers, size_t count);
// How many connections were made so far: far fewer than requests, when they are kept.
uint64_t http_client_connects(const HttpClient *client);
void http_answer_release(HttpAnswer *answer);
// A header's value, borrowed; empty when absent.
Slice http_header(const HttpAnswer *answer, const char *name);
// "Wed, 21 Oct 2015 07:28:00 GMT": of all forms that HTTP has, the one that services send.
bool http_date(Slice text, int64_t *ms);
// RFC 3986: everything but unreserved is %XX; '/' too, unless keep_slash.
void http_encode(Buf *buf, Slice text, bool keep_slash);

#endif
