// SPDX-License-Identifier: Apache-2.0
// One curl multi handle holds the connections; a fixed set of easy handles (transfers) is used again and again. curl
// signs nothing and follows nothing: it frames HTTP/1.1, speaks TLS, and keeps connections.
#include "core/net/http.h"

#include "core/sys/clock.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
    CONNECTIONS_DEFAULT = 8,
    CONNECT_MS_DEFAULT = 10000,
    STALLED_MS_DEFAULT = 30000,
    HEADER_BYTES_MAX = 256 * 1024,
    UPLOAD_BUFFER_BYTES = 128 * 1024,
    DOWNLOAD_BUFFER_BYTES = 64 * 1024,
    CONNECTION_LIFE_S = 600, // then a new one: so that a change in DNS is followed
    POLL_MS = 100,           // how often the stop flag and the stalled are looked at
};
#define ANSWER_BYTES_DEFAULT (16 * MIB)
// Metadata services are on the machine itself: no proxy can reach them.
#define NEVER_PROXIED "169.254.169.254,169.254.170.2,169.254.170.23,fd00:ec2::254,fd00:ec2::23"

// An easy handle and the request that it is on.
typedef struct Transfer {
    CURL *easy;
    HttpClient *client;
    const HttpRequest *request; // NULL = free
    HttpAnswer *answer;
    Arena scratch; // the request's header lines
    struct curl_slist *lines;
    uint64_t sent;    // bytes of the body that curl has taken
    int64_t moved_us; // when a byte last went either way
    int read_errno;   // of a pread that failed; -1 = the file is shorter than promised
    bool answer_too_large;
    bool headers_whole; // the line that ends them has come
    bool body_sized;    // room for the whole answer was made
    bool not_again;     // curl was not given the body a second time
    bool again;         // sent a second time, on a connection of its own
    char reason[CURL_ERROR_SIZE];
} Transfer;

struct HttpClient {
    CURLM *multi;
    Transfer *transfers;
    int transfer_count;
    int64_t connect_ms;
    int64_t stalled_ms;
    const char *ca_file;
    const char *proxy;
    const char *no_proxy;
    const _Atomic bool *stop;
    uint64_t connects;
    Arena arena; // run
};

#define SET(easy, option, value) ASSERT(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

// --- errors ----------------------------------------------------------------------------------------------------

// The URL without user, query and fragment: those may hold secrets.
static Slice url_shown(const char *url, Slice *scheme) {
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url;
    *scheme = (Slice){(const uint8_t *)url, (size_t)(host - url)};
    size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority);
    if (at != NULL) {
        host = at + 1;
    }
    return (Slice){(const uint8_t *)host, strcspn(host, "?#")};
}

static bool fail(Transfer *transfer, ErrCode code, const char *reason) {
    Slice scheme;
    Slice shown = url_shown(transfer->request->url, &scheme);
    return FAIL(&transfer->answer->err, code, "%s %.*s%.*s: %s", transfer->request->method, SLICE_ARG(scheme),
                SLICE_ARG(shown), reason);
}

static bool fail_reading(Transfer *transfer) {
    char text[160];
    if (transfer->read_errno > 0) {
        snprintf(text, sizeof(text), "the file to send cannot be read: %s", strerror(transfer->read_errno));
    } else {
        snprintf(text, sizeof(text), "the file to send ends at byte %" PRIu64 " of %" PRIu64, transfer->sent,
                 transfer->request->file_size);
    }
    return fail(transfer, ERR_IO_FAILED, text);
}

static bool fail_too_large(Transfer *transfer) {
    char text[96];
    snprintf(text, sizeof(text), "the answer is larger than %zu bytes", transfer->answer->body.limit);
    return fail(transfer, ERR_NET_PROTOCOL, text);
}

// What curl's verdict means to the caller: another try may help, the set-up must change, or no HTTP is spoken there.
static ErrCode code_of(const HttpRequest *request, CURLcode result) {
    static const struct {
        CURLcode result;
        ErrCode code;
    } CODES[] = {
        {CURLE_URL_MALFORMAT, ERR_NET_SETUP},
        {CURLE_PEER_FAILED_VERIFICATION, ERR_NET_SETUP},
        {CURLE_SSL_CACERT_BADFILE, ERR_NET_SETUP},
        {CURLE_SSL_ISSUER_ERROR, ERR_NET_SETUP},
        {CURLE_SSL_INVALIDCERTSTATUS, ERR_NET_SETUP},
        {CURLE_LOGIN_DENIED, ERR_NET_SETUP},
        {CURLE_WEIRD_SERVER_REPLY, ERR_NET_PROTOCOL},
        {CURLE_BAD_CONTENT_ENCODING, ERR_NET_PROTOCOL},
        {CURLE_OUT_OF_MEMORY, ERR_MEMORY},
    };
    if (result == CURLE_UNSUPPORTED_PROTOCOL) { // a scheme that is not HTTP, or a server that does not speak it
        return strncasecmp(request->url, "http", 4) == 0 ? ERR_NET_PROTOCOL : ERR_NET_SETUP;
    }
    for (size_t i = 0; i < ARRAY_LEN(CODES); i++) {
        if (CODES[i].result == result) {
            return CODES[i].code;
        }
    }
    return ERR_NET_UNREACHABLE;
}

static void fail_hint(Err *err, CURLcode result) {
    if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE) {
        err_hint(err, "name a file with the authority's certificate, or correct the server's certificate or name");
    } else if (result == CURLE_COULDNT_RESOLVE_HOST || result == CURLE_COULDNT_RESOLVE_PROXY) {
        err_hint(err, "check the host's name and this machine's DNS");
    } else if (result == CURLE_COULDNT_CONNECT) {
        err_hint(err, "check host and port, that the service runs, and the firewalls between");
    } else if (result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_SSL_CONNECT_ERROR) {
        err_hint(err, "check whether http:// or https:// is meant, and the port");
    } else if (result == CURLE_GOT_NOTHING) {
        err_hint(err, "something closes the connection: check that this port speaks HTTP, and what is between");
    }
}

static void fail_result(Transfer *transfer, CURLcode result) {
    if (transfer->read_errno != 0) {
        fail_reading(transfer);
        return;
    }
    if (transfer->answer_too_large) {
        fail_too_large(transfer);
        return;
    }
    if (transfer->not_again) {
        fail(transfer, ERR_NET_UNREACHABLE, "the connection was closed without an answer");
        return;
    }
    fail(transfer, code_of(transfer->request, result),
         transfer->reason[0] != '\0' ? transfer->reason : curl_easy_strerror(result));
    fail_hint(&transfer->answer->err, result);
}

// --- what curl calls -------------------------------------------------------------------------------------------

static size_t on_read(char *to, size_t item, size_t count, void *context) {
    Transfer *transfer = context;
    const HttpRequest *request = transfer->request;
    size_t room = item * count;
    transfer->moved_us = clock_monotonic_us();
    if (request->file < 0) {
        size_t size = MIN(room, request->body.size - transfer->sent);
        if (size > 0) {
            memcpy(to, request->body.data + transfer->sent, size);
        }
        transfer->sent += size;
        return size;
    }
    size_t size = (size_t)MIN((uint64_t)room, request->file_size - transfer->sent);
    if (size == 0) {
        return 0;
    }
    ssize_t got;
    do {
        got = pread(request->file, to, size, (off_t)(request->file_offset + transfer->sent));
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        transfer->read_errno = got < 0 ? errno : -1;
        return CURL_READFUNC_ABORT;
    }
    transfer->sent += (uint64_t)got;
    return (size_t)got;
}

// curl sends a body again when the server has closed a kept connection before it took the request.
static int on_seek(void *context, curl_off_t offset, int origin) {
    Transfer *transfer = context;
    if (origin != SEEK_SET || offset < 0) {
        return CURL_SEEKFUNC_FAIL;
    }
    if (transfer->request->once && transfer->sent > 0) {
        transfer->not_again = true;
        return CURL_SEEKFUNC_FAIL;
    }
    transfer->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static void size_body(Transfer *transfer) {
    Buf *body = &transfer->answer->body;
    curl_off_t size = -1;
    if (curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size) == CURLE_OK && size > 0 &&
        (uint64_t)size <= body->limit) {
        (void)buf_room(body, (size_t)size);
    }
    transfer->body_sized = true;
}

static size_t on_write(char *bytes, size_t item, size_t count, void *context) {
    Transfer *transfer = context;
    Buf *body = &transfer->answer->body;
    transfer->moved_us = clock_monotonic_us();
    if (!transfer->body_sized) {
        size_body(transfer);
    }
    if (item * count > body->limit - body->size) { // memory of an earlier, larger answer may be there
        transfer->answer_too_large = true;
        return 0;
    }
    buf_bytes(body, bytes, item * count);
    return item * count;
}

static void header_add(Buf *headers, Slice line) {
    const uint8_t *colon = memchr(line.data, ':', line.size);
    if (colon == NULL) {
        return;
    }
    for (const uint8_t *at = line.data; at < colon; at++) {
        buf_u8(headers, (uint8_t)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at));
    }
    Slice value = slice_from(line, (size_t)(colon + 1 - line.data));
    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t')) {
        value = slice_from(value, 1);
    }
    buf_text(headers, ": ");
    buf_put(headers, value);
    buf_text(headers, "\r\n");
}

static size_t on_header(char *bytes, size_t item, size_t count, void *context) {
    Transfer *transfer = context;
    Buf *headers = &transfer->answer->headers;
    Slice line = {(const uint8_t *)bytes, item * count};
    transfer->moved_us = clock_monotonic_us();
    while (line.size > 0 && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r' ||
                             line.data[line.size - 1] == ' ' || line.data[line.size - 1] == '\t')) {
        line.size--;
    }
    if (line.size >= 5 && memcmp(line.data, "HTTP/", 5) == 0) {
        buf_reset(headers); // what came before was an interim answer's
        transfer->headers_whole = false;
    } else if (line.size == 0) {
        transfer->headers_whole = true;
    } else if ((line.data[0] == ' ' || line.data[0] == '\t') && headers->size >= 2) {
        headers->size -= 2; // a folded line goes on
        buf_put(headers, line);
        buf_text(headers, "\r\n");
    } else {
        header_add(headers, line);
    }
    if (headers->overflow) {
        transfer->answer_too_large = true;
        return 0;
    }
    return item * count;
}

// --- a request -------------------------------------------------------------------------------------------------

// Lines of curl's list type, in the transfer's memory: curl borrows them.
static void line_add(Transfer *transfer, struct curl_slist **last, char *text) {
    struct curl_slist *line = ARENA_NEW(&transfer->scratch, struct curl_slist);
    line->data = text;
    if (*last == NULL) {
        transfer->lines = line;
    } else {
        (*last)->next = line;
    }
    *last = line;
}

static bool lines_make(Transfer *transfer) {
    const HttpRequest *request = transfer->request;
    struct curl_slist *last = NULL;
    transfer->lines = NULL;
    line_add(transfer, &last, arena_text(&transfer->scratch, SLICE("Expect:"))); // do not wait for a 100 Continue
    line_add(transfer, &last, arena_text(&transfer->scratch, SLICE("Accept:")));
    for (size_t i = 0; i < request->header_count; i++) {
        const HttpHeader *header = &request->headers[i];
        if (strpbrk(header->name, "\r\n:; ") != NULL || strpbrk(header->value, "\r\n") != NULL) {
            char text[96];
            snprintf(text, sizeof(text), "header %zu has a line break in its value, or no valid name", i + 1);
            return fail(transfer, ERR_OPTION, text);
        }
        // curl takes "name;" for a header with an empty value; "name:" would leave it out.
        bool empty = header->value[0] == '\0';
        line_add(transfer, &last,
                 arena_printf(&transfer->scratch, empty ? "%s;%s" : "%s: %s", header->name, header->value));
    }
    return true;
}

static void set_method(Transfer *transfer) {
    const HttpRequest *request = transfer->request;
    CURL *easy = transfer->easy;
    uint64_t size = request->file >= 0 ? request->file_size : request->body.size;
    bool get = strcmp(request->method, "GET") == 0, head = strcmp(request->method, "HEAD") == 0;
    // PUT and POST always say how long their body is; others when they have one.
    if (size > 0 || strcmp(request->method, "PUT") == 0 || strcmp(request->method, "POST") == 0) {
        SET(easy, CURLOPT_UPLOAD, 1L);
        SET(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
    } else if (head) {
        SET(easy, CURLOPT_NOBODY, 1L);
    } else {
        SET(easy, CURLOPT_HTTPGET, 1L); // takes back UPLOAD and NOBODY
    }
    SET(easy, CURLOPT_CUSTOMREQUEST, (get || head) && size == 0 ? NULL : request->method);
}

static void answer_begin(HttpAnswer *answer, size_t body_max) {
    answer->status = 0;
    err_clear(&answer->err);
    answer->headers.limit = HEADER_BYTES_MAX;
    answer->body.limit = body_max;
    buf_reset(&answer->headers);
    buf_reset(&answer->body);
}

// Hands the request to curl; false: it has failed already, the answer says why.
static bool transfer_begin(Transfer *transfer, const HttpRequest *request, HttpAnswer *answer) {
    transfer->request = request;
    transfer->answer = answer;
    transfer->again = transfer->not_again = false;
    transfer->sent = 0;
    transfer->read_errno = 0;
    transfer->answer_too_large = false;
    transfer->headers_whole = false;
    transfer->body_sized = false;
    transfer->reason[0] = '\0';
    transfer->moved_us = clock_monotonic_us();
    arena_reset(&transfer->scratch);
    answer_begin(answer, request->answer_bytes_max != 0 ? request->answer_bytes_max : ANSWER_BYTES_DEFAULT);
    bool ready = lines_make(transfer);
    if (ready) {
        set_method(transfer);
        SET(transfer->easy, CURLOPT_URL, request->url);
        SET(transfer->easy, CURLOPT_HTTPHEADER, transfer->lines);
        SET(transfer->easy, CURLOPT_FRESH_CONNECT, 0L);
        CURLMcode added = curl_multi_add_handle(transfer->client->multi, transfer->easy);
        ready = added == CURLM_OK || fail(transfer, ERR_INTERNAL, curl_multi_strerror(added));
    }
    if (!ready) {
        transfer->request = NULL;
    }
    return ready;
}

static void transfer_end(Transfer *transfer) {
    curl_multi_remove_handle(transfer->client->multi, transfer->easy);
    long connects = 0;
    if (curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connects) == CURLE_OK && connects > 0) {
        transfer->client->connects += (uint64_t)connects;
    }
    transfer->request = NULL;
    transfer->answer = NULL;
}

// A kept connection may be closed by the server at the moment when a request goes out on it. curl notices most of
// that, but not a reset amid an upload. False: the failure stands.
static bool sent_again(Transfer *transfer, CURLcode result) {
    long connects = 0, status = 0;
    CURL *easy = transfer->easy;
    bool lost = result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR || result == CURLE_GOT_NOTHING;
    if (!lost || transfer->again || transfer->request->once || transfer->answer->headers.size > 0 ||
        curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects) != CURLE_OK || connects != 0 ||
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status != 0) {
        return false;
    }
    curl_multi_remove_handle(transfer->client->multi, easy);
    transfer->again = true;
    transfer->sent = 0;
    transfer->reason[0] = '\0';
    transfer->moved_us = clock_monotonic_us();
    SET(easy, CURLOPT_FRESH_CONNECT, 1L);
    return curl_multi_add_handle(transfer->client->multi, easy) == CURLM_OK;
}

// False: it goes on.
static bool transfer_done(Transfer *transfer, CURLcode result) {
    HttpAnswer *answer = transfer->answer;
    long status = 0;
    if (result == CURLE_OK && !transfer->headers_whole) { // curl takes that for the end of them
        fail(transfer, ERR_NET_UNREACHABLE, "the answer ends amid its headers");
    } else if (result == CURLE_OK && curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK) {
        answer->status = (int)status;
    } else if (sent_again(transfer, result)) {
        return false;
    } else {
        fail_result(transfer, result);
    }
    transfer_end(transfer);
    return true;
}

// curl's own limit covers name, connection and TLS; ours begins behind them, and knows milliseconds.
static void stalled_look(Transfer *transfer, int64_t now_us) {
    curl_off_t ready_us = 0;
    if (curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us) != CURLE_OK || ready_us == 0) {
        transfer->moved_us = now_us;
    }
    if (now_us - transfer->moved_us > transfer->client->stalled_ms * 1000) {
        char text[96];
        snprintf(text, sizeof(text), "nothing has moved for %" PRId64 " ms", transfer->client->stalled_ms);
        fail(transfer, ERR_NET_UNREACHABLE, text);
        transfer_end(transfer);
    }
}

// --- many requests ---------------------------------------------------------------------------------------------

static Transfer *transfer_free(HttpClient *client) {
    for (int i = 0; i < client->transfer_count; i++) {
        if (client->transfers[i].request == NULL) {
            return &client->transfers[i];
        }
    }
    return NULL;
}

static int collect_done(HttpClient *client) {
    int done = 0, left;
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL;) {
        if (message->msg == CURLMSG_DONE) {
            Transfer *transfer = NULL;
            CURLcode result = message->data.result;
            ASSERT(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer) == CURLE_OK);
            done += transfer_done(transfer, result);
        }
    }
    return done;
}

static int stop_stalled(HttpClient *client) {
    int stopped = 0;
    int64_t now_us = clock_monotonic_us();
    for (int i = 0; i < client->transfer_count; i++) {
        Transfer *transfer = &client->transfers[i];
        if (transfer->request != NULL) {
            stalled_look(transfer, now_us);
            stopped += transfer->request == NULL;
        }
    }
    return stopped;
}

static void stop_all(HttpClient *client) {
    for (int i = 0; i < client->transfer_count; i++) {
        Transfer *transfer = &client->transfers[i];
        if (transfer->request != NULL) {
            fail(transfer, ERR_INTERRUPTED, "stopped");
            transfer_end(transfer);
        }
    }
}

static bool stopped(const HttpClient *client) {
    return client->stop != NULL && atomic_load_explicit(client->stop, memory_order_relaxed);
}

void http_send_all(HttpClient *client, const HttpRequest *requests, HttpAnswer *answers, size_t count) {
    size_t next = 0;
    int running = 0;
    while (next < count || running > 0) {
        for (Transfer *transfer; next < count && (transfer = transfer_free(client)) != NULL; next++) {
            running += transfer_begin(transfer, &requests[next], &answers[next]);
        }
        int active;
        CURLMcode result = curl_multi_perform(client->multi, &active);
        if (result != CURLM_OK) {
            panic("curl_multi_perform: %s", curl_multi_strerror(result));
        }
        running -= collect_done(client);
        if (stopped(client)) {
            break;
        }
        if (running > 0) {
            running -= stop_stalled(client);
            if (running == active) {
                curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
            }
        }
    }
    stop_all(client);
    for (; next < count; next++) {
        answer_begin(&answers[next], 0);
        FAIL(&answers[next].err, ERR_INTERRUPTED, "stopped");
    }
}

bool http_send(HttpClient *client, const HttpRequest *request, HttpAnswer *answer, Err *err) {
    http_send_all(client, request, answer, 1);
    if (answer->err.code != ERR_NONE) {
        if (err->code == ERR_NONE) {
            *err = answer->err;
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

// --- the client ------------------------------------------------------------------------------------------------

static void global_init(void) {
    CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (result != CURLE_OK) {
        panic("curl_global_init: %s", curl_easy_strerror(result));
    }
}

static void transfer_init(Transfer *transfer, HttpClient *client) {
    arena_init(&transfer->scratch, "scratch", 16 * MIB);
    transfer->client = client;
    CURL *easy = transfer->easy = curl_easy_init();
    ASSERT(easy != NULL);
    SET(easy, CURLOPT_PRIVATE, transfer);
    SET(easy, CURLOPT_ERRORBUFFER, transfer->reason);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_PATH_AS_IS, 1L);
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(easy, CURLOPT_USERAGENT, "leat");
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_ms);
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(easy, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
    SET(easy, CURLOPT_QUICK_EXIT, 1L);
    SET(easy, CURLOPT_BUFFERSIZE, (long)DOWNLOAD_BUFFER_BYTES);
    SET(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_BYTES);
    SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (client->ca_file != NULL) {
        SET(easy, CURLOPT_CAINFO, client->ca_file);
        SET(easy, CURLOPT_CAPATH, NULL);
    }
    if (client->proxy != NULL) {
        SET(easy, CURLOPT_PROXY, client->proxy);
    }
    SET(easy, CURLOPT_NOPROXY, client->no_proxy);
    SET(easy, CURLOPT_READFUNCTION, on_read);
    SET(easy, CURLOPT_READDATA, transfer);
    SET(easy, CURLOPT_SEEKFUNCTION, on_seek);
    SET(easy, CURLOPT_SEEKDATA, transfer);
    SET(easy, CURLOPT_WRITEFUNCTION, on_write);
    SET(easy, CURLOPT_WRITEDATA, transfer);
    SET(easy, CURLOPT_HEADERFUNCTION, on_header);
    SET(easy, CURLOPT_HEADERDATA, transfer);
}

static char *no_proxy_of(Arena *arena) {
    const char *given = getenv("no_proxy");
    given = given != NULL ? given : getenv("NO_PROXY");
    if (given == NULL || given[0] == '\0') {
        return arena_text(arena, slice_of(NEVER_PROXIED));
    }
    return strcmp(given, "*") == 0 ? arena_text(arena, SLICE("*")) : arena_printf(arena, "%s,%s", given, NEVER_PROXIED);
}

bool http_client_open(const HttpClientOptions *options, HttpClient **opened, Err *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, global_init);
    if (options->ca_file != NULL && access(options->ca_file, R_OK) != 0) {
        FAIL(err, ERR_NET_SETUP, "%s: the file of trusted certificates cannot be read: %s", options->ca_file,
             strerror(errno));
        return err_hint(err, "name a readable file of PEM certificates");
    }
    HttpClient *client = calloc(1, sizeof(*client));
    ASSERT(client != NULL);
    arena_init(&client->arena, "run", 16 * MIB);
    client->connect_ms = options->connect_ms > 0 ? options->connect_ms : CONNECT_MS_DEFAULT;
    client->stalled_ms = options->stalled_ms > 0 ? options->stalled_ms : STALLED_MS_DEFAULT;
    client->transfer_count = options->connections_max > 0 ? options->connections_max : CONNECTIONS_DEFAULT;
    client->ca_file = options->ca_file != NULL ? arena_text(&client->arena, slice_of(options->ca_file)) : NULL;
    client->proxy = options->proxy != NULL ? arena_text(&client->arena, slice_of(options->proxy)) : NULL;
    client->no_proxy = no_proxy_of(&client->arena);
    client->multi = curl_multi_init();
    ASSERT(client->multi != NULL);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)client->transfer_count);
    curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    client->transfers = ARENA_ARRAY(&client->arena, Transfer, (size_t)client->transfer_count);
    for (int i = 0; i < client->transfer_count; i++) {
        transfer_init(&client->transfers[i], client);
    }
    *opened = client;
    return true;
}

void http_client_close(HttpClient *client) {
    if (client == NULL) {
        return;
    }
    for (int i = 0; i < client->transfer_count; i++) {
        curl_easy_cleanup(client->transfers[i].easy);
        arena_release(&client->transfers[i].scratch);
    }
    curl_multi_cleanup(client->multi);
    arena_release(&client->arena);
    free(client);
}

void http_client_stop_flag(HttpClient *client, const _Atomic bool *stop) {
    client->stop = stop;
}

uint64_t http_client_connects(const HttpClient *client) {
    return client->connects;
}

// --- answers ---------------------------------------------------------------------------------------------------

void http_answer_release(HttpAnswer *answer) {
    buf_release(&answer->headers);
    buf_release(&answer->body);
    *answer = (HttpAnswer){0};
}

Slice http_header(const HttpAnswer *answer, const char *name) {
    Slice left = buf_slice(&answer->headers);
    size_t name_size = strlen(name);
    while (left.size > 0) {
        const uint8_t *end = memmem(left.data, left.size, "\r\n", 2);
        Slice line = {left.data, end != NULL ? (size_t)(end - left.data) : left.size};
        if (line.size >= name_size + 2 && memcmp(line.data, name, name_size) == 0 && line.data[name_size] == ':') {
            return slice_from(line, name_size + 2);
        }
        left = slice_from(left, MIN(line.size + 2, left.size));
    }
    return (Slice){NULL, 0};
}

bool http_date(Slice text, int64_t *ms) {
    char date[64];
    struct tm at = {0};
    snprintf(date, sizeof(date), "%.*s", SLICE_ARG(text));
    const char *end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &at);
    *ms = end != NULL ? (int64_t)timegm(&at) * 1000 : 0;
    return end != NULL && *end == '\0';
}

void http_encode(Buf *buf, Slice text, bool keep_slash) {
    static const char HEX[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash);
        if (plain) {
            buf_u8(buf, c);
        } else {
            uint8_t escaped[3] = {'%', (uint8_t)HEX[c >> 4], (uint8_t)HEX[c & 15]};
            buf_bytes(buf, escaped, sizeof(escaped));
        }
    }
}
