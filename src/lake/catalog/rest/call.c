// SPDX-License-Identifier: Apache-2.0
// One request and its answer: what is sent with all of them, what is sent again, what a status means.
#include "lake/catalog/rest/remote.h"

#include "core/base/digits.h"
#include "core/base/log.h"
#include "core/sys/clock.h"

#include <stdatomic.h>

enum {
    TRIES_MAX = 4,
    WAIT_MS = 100,              // before the second try; then twice as long, each time
    RETRY_AFTER_MS_MAX = 20000, // what a catalog may ask for
    SLICE_MS = 50,
    HEADERS = 6,
    MESSAGE_BYTES_MAX = 220,
};
#define ANSWER_BYTES_MAX (512 * MIB) // metadata of tables with very many snapshots

static bool stopped(const Remote *remote) {
    return remote->stop != NULL && atomic_load_explicit(remote->stop, memory_order_relaxed);
}

static void rest(const Remote *remote, int64_t ms) {
    int64_t end = clock_monotonic_us() + ms * 1000;
    while (clock_monotonic_us() < end && !stopped(remote)) {
        clock_sleep_us(MIN(end - clock_monotonic_us(), (int64_t)SLICE_MS * 1000));
    }
}

// Seconds (RFC 9110, 10.2.3); a date is taken for "not said".
static int64_t retry_after_ms(const HttpAnswer *answer) {
    Slice text = http_header(answer, "retry-after");
    int64_t seconds = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i > 5) {
            return -1;
        }
        seconds = seconds * 10 + (text.data[i] - '0');
    }
    return text.size > 0 ? MIN(seconds * 1000, (int64_t)RETRY_AFTER_MS_MAX) : -1;
}

static const char *url_of(const Remote *remote, const RemoteAsk *ask, Arena *arena) {
    return arena_printf(arena, "%s/v1/%s%s", remote->base, ask->top ? "" : remote->prefix, ask->path);
}

static bool send_once(Remote *remote, const RemoteAsk *ask, bool refused, Arena *arena, Err *err) {
    HttpHeader *headers = ARENA_ARRAY(arena, HttpHeader, HEADERS);
    size_t count = 0;
    headers[count++] = (HttpHeader){"Accept", "application/json"};
    if (ask->body.size > 0) {
        headers[count++] = (HttpHeader){"Content-Type", "application/json"};
    }
    if (ask->key != NULL) {
        headers[count++] = (HttpHeader){"Idempotency-Key", ask->key};
    }
    if (ask->delegate && remote->delegate) {
        headers[count++] = (HttpHeader){"X-Iceberg-Access-Delegation", "vended-credentials"};
    }
    HttpRequest request = {.method = ask->method,
                           .url = url_of(remote, ask, arena),
                           .headers = headers,
                           .header_count = count,
                           .body = ask->body,
                           .file = -1,
                           .answer_bytes_max = ANSWER_BYTES_MAX,
                           .once = ask->once};
    TRY(remote_auth_put(remote, refused, &request, arena, err));
    return http_send(remote->http, &request, &remote->answer, err);
}

typedef enum Next { NEXT_DONE, NEXT_AGAIN, NEXT_RENEWED } Next;

// `again`: the request changes nothing. Others are sent again when they have certainly not been done.
static Next next_of(const Remote *remote, bool answered, bool again, bool renewed, const Err *err, int64_t *wait_ms) {
    int status = remote->answer.status;
    if (!answered) {
        return again && err->code == ERR_NET_UNREACHABLE ? NEXT_AGAIN : NEXT_DONE;
    }
    if ((status == 401 || status == 419) && !renewed && remote_auth_can_renew(remote)) {
        return NEXT_RENEWED;
    }
    bool busy = status == 408 || status == 500 || status == 502 || status == 503 || status == 504;
    if (status == 429 || (busy && again)) {
        int64_t after_ms = retry_after_ms(&remote->answer);
        *wait_ms = after_ms >= 0 ? after_ms : *wait_ms;
        return NEXT_AGAIN;
    }
    return NEXT_DONE;
}

bool remote_ask(Remote *remote, const RemoteAsk *ask, Arena *arena, RemoteAnswer *answer, Err *err) {
    bool again = strcmp(ask->method, "GET") == 0, refused = false, renewed = false, answered = false;
    *answer = (RemoteAnswer){0};
    for (int tries = 1;; tries++) {
        Err failed[1] = {{0}};
        int64_t wait_ms = (int64_t)WAIT_MS << tries;
        answered = send_once(remote, ask, refused, arena, failed);
        Next next = next_of(remote, answered, again, renewed, failed, &wait_ms);
        refused = next == NEXT_RENEWED;
        renewed = renewed || refused;
        if (next == NEXT_DONE || (next == NEXT_AGAIN && (tries >= TRIES_MAX || stopped(remote)))) {
            if (!answered) {
                *err = *failed;
                return err_frame(err, __FILE__, __LINE__);
            }
            break;
        }
        if (next == NEXT_AGAIN) {
            rest(remote, wait_ms);
        }
    }
    answer->status = remote->answer.status;
    answer->body = buf_slice(&remote->answer.body);
    if (!remote_good(answer)) {
        answer->error = rest_error_parse(answer->body, arena);
        // A change whose outcome is unknown: the catalog is given the time that it asks for before it is looked at.
        int64_t after_ms = answer->status == 503 && !again ? retry_after_ms(&remote->answer) : 0;
        rest(remote, MAX(after_ms, 0));
    }
    return true;
}

bool remote_good(const RemoteAnswer *answer) {
    return answer->status >= 200 && answer->status < 300;
}

bool remote_is_type(const RemoteAnswer *answer, const char *type) {
    return slice_is(answer->error.type, type);
}

bool remote_is_absent(const RemoteAnswer *answer) {
    return answer->status == 404 && (answer->error.type.size > 0 || answer->error.message.size > 0);
}

// --- what a status means ---------------------------------------------------------------------------------------

static ErrCode code_of(int status) {
    switch (status) {
    case 400:
    case 413:
    case 414:
    case 422:
    case 431:
        return ERR_VALUE;
    case 401:
    case 419:
        return ERR_NET_AUTH;
    case 403:
        return ERR_NET_PERMISSION;
    case 409:
    case 412:
        return ERR_CHANGED;
    case 408:
    case 429:
        return ERR_NET_BUSY;
    default:
        return status >= 500 && status != 501 ? ERR_NET_BUSY : status >= 300 ? ERR_NET_SETUP : ERR_NET_PROTOCOL;
    }
}

static const char *hint_of(int status) {
    switch (status) {
    case 401:
    case 419:
        return "check catalog.credential, catalog.token or the keys that requests are signed with, and catalog.auth";
    case 403:
        return "grant the catalog's principal what is missing";
    case 301:
    case 302:
    case 307:
    case 308:
        return "give the URL that it leads to";
    case 404:
        return "give the path before /v1, and the warehouse, as the catalog's documentation has them";
    case 405:
    case 406:
    case 501:
        return "this catalog does not offer it";
    default:
        return NULL;
    }
}

bool remote_fail(const Remote *remote, const RemoteAsk *ask, const RemoteAnswer *answer, Err *err) {
    RemoteText said = {{0}};
    if (remote_auth_is_said(remote, answer->error.message)) {
        said = remote_clean(
            (Slice){answer->error.message.data, MIN(answer->error.message.size, (size_t)MESSAGE_BYTES_MAX)});
    }
    RemoteText type = remote_clean((Slice){answer->error.type.data, MIN(answer->error.type.size, (size_t)60)});
    const char *what = said.text[0] != '\0' ? said.text : type.text;
    int shown = (int)strcspn(ask->path, "?");
    FAIL(err, code_of(answer->status), "%s %s/v1/%s%.*s: %d%s%s", ask->method, remote->base,
         ask->top ? "" : remote->prefix, shown, ask->path, answer->status, what[0] != '\0' ? ": " : "", what);
    const char *hint = hint_of(answer->status);
    return hint == NULL ? false : err_hint(err, "%s", hint);
}
