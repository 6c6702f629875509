// SPDX-License-Identifier: Apache-2.0
// Signature Version 4, as AWS describes it ("Create a signed AWS API request", and S3's "Authenticating Requests"):
//
//     canonical request  method \n path \n query \n name:value\n … \n names \n payload hash
//     string to sign     AWS4-HMAC-SHA256 \n time \n day/region/service/aws4_request \n hash of the canonical request
//     key                HMAC chain over "AWS4"secret, day, region, service, "aws4_request"
#include "core/net/aws.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { HASH_BYTES = 32, HEX_BYTES = 64, FILE_PIECE_BYTES = 128 * 1024 };

static const char EMPTY_HASH[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// What one signature is made with.
typedef struct Signer {
    const AwsSigning *signing;
    Arena *arena;
    char time[17]; // 20130524T000000Z
    char *scope;   // 20130524/us-east-1/s3/aws4_request
    uint8_t key[HASH_BYTES];
} Signer;

struct AwsChunkSigner {
    Signer signer;
    char previous[HEX_BYTES + 1];
};

// --- hashes ----------------------------------------------------------------------------------------------------

static void hex_of(const uint8_t hash[HASH_BYTES], char hex[HEX_BYTES + 1]) {
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < HASH_BYTES; i++) {
        hex[2 * i] = DIGITS[hash[i] >> 4];
        hex[2 * i + 1] = DIGITS[hash[i] & 15];
    }
    hex[HEX_BYTES] = '\0';
}

void aws_sha256_hex(Slice bytes, char hex[65]) {
    uint8_t hash[HASH_BYTES];
    unsigned size = 0;
    ASSERT(EVP_Digest(bytes.data, bytes.size, hash, &size, EVP_sha256(), NULL) == 1 && size == HASH_BYTES);
    hex_of(hash, hex);
}

static bool hash_file(EVP_MD_CTX *context, int file, uint64_t offset, uint64_t size, uint8_t *piece, Err *err) {
    for (uint64_t done = 0; done < size;) {
        ssize_t got = pread(file, piece, (size_t)MIN(size - done, FILE_PIECE_BYTES), (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return FAIL_ERRNO(err, "the file to send cannot be read");
        }
        if (got == 0) {
            return FAIL(err, ERR_IO_FAILED, "the file to send ends at byte %" PRIu64 " of %" PRIu64, done, size);
        }
        ASSERT(EVP_DigestUpdate(context, piece, (size_t)got) == 1);
        done += (uint64_t)got;
    }
    return true;
}

bool aws_sha256_file(int file, uint64_t offset, uint64_t size, char hex[65], Err *err) {
    DEFER(buf_release) Buf piece = {0};
    uint8_t hash[HASH_BYTES];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ASSERT(context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
    bool hashed = hash_file(context, file, offset, size, buf_room(&piece, FILE_PIECE_BYTES), err);
    ASSERT(EVP_DigestFinal_ex(context, hash, NULL) == 1);
    EVP_MD_CTX_free(context);
    hex_of(hash, hex);
    return hashed || err_frame(err, __FILE__, __LINE__);
}

static void hmac(Slice key, Slice bytes, uint8_t out[HASH_BYTES]) {
    unsigned size = 0;
    uint8_t mac[HASH_BYTES];
    ASSERT(HMAC(EVP_sha256(), key.data, (int)key.size, bytes.data, bytes.size, mac, &size) != NULL &&
           size == HASH_BYTES);
    memcpy(out, mac, HASH_BYTES);
}

// --- key and scope ---------------------------------------------------------------------------------------------

static void key_make(const AwsSigning *signing, Slice day, Arena *arena, uint8_t key[HASH_BYTES]) {
    Slice last = {key, HASH_BYTES};
    hmac(slice_of(arena_printf(arena, "AWS4%s", signing->credentials->secret_key)), day, key);
    hmac(last, slice_of(signing->region), key);
    hmac(last, slice_of(signing->service), key);
    hmac(last, SLICE("aws4_request"), key);
}

// The key changes with the day only: the last one is kept.
static void key_find(const AwsSigning *signing, Slice day, Arena *arena, uint8_t key[HASH_BYTES]) {
    AwsSigningKey *kept = signing->key;
    const char *made_of = arena_printf(arena, "%.*s/%s/%s/%s", SLICE_ARG(day), signing->region, signing->service,
                                       signing->credentials->secret_key);
    if (kept != NULL && strcmp(kept->made_of, made_of) == 0) {
        memcpy(key, kept->key, HASH_BYTES);
        return;
    }
    key_make(signing, day, arena, key);
    if (kept != NULL && strlen(made_of) < sizeof(kept->made_of)) {
        memcpy(kept->key, key, HASH_BYTES);
        memcpy(kept->made_of, made_of, strlen(made_of) + 1);
    }
}

static bool signer_init(Signer *signer, const AwsSigning *signing, Arena *arena, Err *err) {
    if (signing->region == NULL || signing->region[0] == '\0') {
        FAIL(err, ERR_NET_SETUP, "a request to AWS cannot be signed without a region");
        return err_hint(err, "set AWS_REGION, or the region of the profile or target");
    }
    *signer = (Signer){.signing = signing, .arena = arena};
    time_t seconds = (time_t)(signing->now_us / 1000000);
    struct tm utc;
    ASSERT(gmtime_r(&seconds, &utc) != NULL);
    ASSERT(strftime(signer->time, sizeof(signer->time), "%Y%m%dT%H%M%SZ", &utc) == sizeof(signer->time) - 1);
    Slice day = {(const uint8_t *)signer->time, 8};
    signer->scope = arena_printf(arena, "%.*s/%s/%s/aws4_request", SLICE_ARG(day), signing->region, signing->service);
    key_find(signing, day, arena, signer->key);
    return true;
}

static bool service_is_s3(const AwsSigning *signing) {
    return strncmp(signing->service, "s3", 2) == 0;
}

// --- the canonical request -------------------------------------------------------------------------------------

static Slice encode(Slice text, bool keep_slash, Arena *arena) {
    DEFER(buf_release) Buf out = {0};
    http_encode(&out, text, keep_slash);
    return arena_slice(arena, buf_slice(&out));
}

typedef struct Url {
    Slice host; // with its port, unless that is the scheme's own
    Slice path;
    Slice query;
    Slice before_query;
} Url;

static bool url_split(const char *text, Url *url, Err *err) {
    const char *host = strstr(text, "://");
    if (host == NULL || strchr(text, '#') != NULL) {
        return FAIL(err, ERR_NET_SETUP, "a URL to sign has no scheme, or a fragment");
    }
    bool tls = host - text == 5;
    host += 3;
    size_t host_size = strcspn(host, "/?");
    const char *path = host + host_size;
    size_t path_size = strcspn(path, "?");
    const char *query = path[path_size] == '?' ? path + path_size + 1 : path + path_size;
    Slice port = tls ? SLICE(":443") : SLICE(":80");
    if (host_size > port.size && memcmp(host + host_size - port.size, port.data, port.size) == 0) {
        host_size -= port.size;
    }
    url->host = (Slice){(const uint8_t *)host, host_size};
    url->path = path_size > 0 ? (Slice){(const uint8_t *)path, path_size} : SLICE("/");
    url->query = slice_of(query);
    url->before_query = (Slice){(const uint8_t *)text, (size_t)(path + path_size - text)};
    return true;
}

typedef struct Pair {
    Slice name;
    Slice value;
    size_t order; // of equal ones
} Pair;

static int query_compare(const void *a, const void *b) {
    const Pair *left = a, *right = b;
    int order = slice_compare(left->name, right->name);
    return order != 0 ? order : slice_compare(left->value, right->value);
}

static int header_compare(const void *a, const void *b) {
    const Pair *left = a, *right = b;
    int order = slice_compare(left->name, right->name);
    return order != 0 ? order : (left->order > right->order) - (left->order < right->order);
}

static void canonical_query(Buf *out, Slice query, Arena *arena) {
    size_t room = 1, count = 0;
    for (size_t i = 0; i < query.size; i++) {
        room += query.data[i] == '&';
    }
    Pair *pairs = ARENA_ARRAY(arena, Pair, room);
    while (query.size > 0) {
        const uint8_t *end = memchr(query.data, '&', query.size);
        Slice one = {query.data, end != NULL ? (size_t)(end - query.data) : query.size};
        query = slice_from(query, end != NULL ? one.size + 1 : one.size);
        if (one.size == 0) {
            continue;
        }
        const uint8_t *equals = memchr(one.data, '=', one.size);
        size_t name_size = equals != NULL ? (size_t)(equals - one.data) : one.size;
        Slice value = slice_from(one, equals != NULL ? name_size + 1 : name_size);
        pairs[count++] =
            (Pair){.name = encode(arena_percent_decoded(arena, (Slice){one.data, name_size}), false, arena),
                   .value = encode(arena_percent_decoded(arena, value), false, arena)};
    }
    qsort(pairs, count, sizeof(*pairs), query_compare);
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i > 0 ? "&" : "");
        buf_put(out, pairs[i].name);
        buf_u8(out, '=');
        buf_put(out, pairs[i].value);
    }
}

static Slice header_name(const char *name, Arena *arena) {
    size_t size = strlen(name);
    uint8_t *lower = arena_alloc(arena, size);
    for (size_t i = 0; i < size; i++) {
        lower[i] = (uint8_t)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    }
    return (Slice){lower, size};
}

// Without blanks at its ends, runs of blanks as one.
static Slice header_value(const char *value, Arena *arena) {
    uint8_t *out = arena_alloc(arena, strlen(value));
    size_t size = 0;
    for (const char *at = value; *at != '\0'; at++) {
        bool blank = *at == ' ' || *at == '\t';
        if (!blank) {
            out[size++] = (uint8_t)*at;
        } else if (size > 0 && out[size - 1] != ' ') {
            out[size++] = ' ';
        }
    }
    return (Slice){out, size > 0 && out[size - 1] == ' ' ? size - 1 : size};
}

// What a proxy or the HTTP client may change on the way.
static bool header_unsigned(Slice name) {
    static const char *const NAMES[] = {"authorization", "user-agent", "expect", "connection", "transfer-encoding"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (slice_is(name, NAMES[i])) {
            return true;
        }
    }
    return false;
}

// Appends the canonical headers; gives the list of their names.
static char *canonical_headers(Buf *out, const HttpHeader *headers, size_t count, Arena *arena) {
    DEFER(buf_release) Buf names = {0};
    Pair *pairs = ARENA_ARRAY(arena, Pair, count);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        Slice name = header_name(headers[i].name, arena);
        if (!header_unsigned(name)) {
            pairs[used++] = (Pair){name, header_value(headers[i].value, arena), i};
        }
    }
    qsort(pairs, used, sizeof(*pairs), header_compare);
    for (size_t i = 0; i < used; i++) {
        if (i > 0 && slice_equal(pairs[i].name, pairs[i - 1].name)) {
            buf_u8(out, ',');
        } else {
            buf_text(out, i > 0 ? "\n" : "");
            buf_put(out, pairs[i].name);
            buf_u8(out, ':');
            buf_text(&names, i > 0 ? ";" : "");
            buf_put(&names, pairs[i].name);
        }
        buf_put(out, pairs[i].value);
    }
    buf_text(out, "\n\n");
    buf_put(out, buf_slice(&names));
    return arena_text(arena, buf_slice(&names));
}

// The hash of the canonical request with `query` and these headers; and the names of the signed ones.
static char *canonical_hash(const Signer *signer, const char *method, const Url *url, Slice query,
                            const HttpHeader *headers, size_t count, const char *payload_hash, char **names) {
    DEFER(buf_release) Buf out = {0};
    Slice path = service_is_s3(signer->signing) ? arena_percent_decoded(signer->arena, url->path) : url->path;
    buf_printf(&out, "%s\n", method);
    http_encode(&out, path, true);
    buf_u8(&out, '\n');
    canonical_query(&out, query, signer->arena);
    buf_u8(&out, '\n');
    *names = canonical_headers(&out, headers, count, signer->arena);
    buf_printf(&out, "\n%s", payload_hash);
    char *hash = arena_alloc(signer->arena, HEX_BYTES + 1);
    aws_sha256_hex(buf_slice(&out), hash);
    return hash;
}

// --- signatures ------------------------------------------------------------------------------------------------

// `kind` is the first line of the string to sign, `hash` its last one or two.
static void signature(const Signer *signer, const char *kind, const char *hash, char hex[HEX_BYTES + 1]) {
    uint8_t mac[HASH_BYTES];
    const char *text = arena_printf(signer->arena, "%s\n%s\n%s\n%s", kind, signer->time, signer->scope, hash);
    hmac((Slice){signer->key, HASH_BYTES}, slice_of(text), mac);
    hex_of(mac, hex);
}

static const char *payload_hash(const AwsSigning *signing, const HttpRequest *request, Arena *arena) {
    if (signing->payload_hash != NULL) {
        return signing->payload_hash;
    }
    ASSERT(request->file < 0); // a file's hash is the caller's to make: it takes time
    char *hash = arena_alloc(arena, HEX_BYTES + 1);
    aws_sha256_hex(request->body, hash);
    return hash;
}

static bool header_given(const HttpRequest *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool aws_sign(const AwsSigning *signing, HttpRequest *request, Arena *arena, Err *err) {
    if (signing->credentials->access_key == NULL) {
        return true;
    }
    Signer signer;
    Url url;
    TRY(url_split(request->url, &url, err));
    TRY(signer_init(&signer, signing, arena, err));
    const char *hash = payload_hash(signing, request, arena);
    HttpHeader *headers = ARENA_ARRAY(arena, HttpHeader, request->header_count + 5);
    size_t count = request->header_count;
    if (count > 0) {
        memcpy(headers, request->headers, count * sizeof(*headers));
    }
    if (!header_given(request, "host")) {
        headers[count++] = (HttpHeader){"host", arena_text(arena, url.host)};
    }
    headers[count++] = (HttpHeader){"x-amz-date", arena_text(arena, slice_of(signer.time))};
    if (service_is_s3(signing)) {
        headers[count++] = (HttpHeader){"x-amz-content-sha256", hash};
    }
    if (signing->credentials->session_token != NULL) {
        headers[count++] = (HttpHeader){"x-amz-security-token", signing->credentials->session_token};
    }
    char *names, hex[HEX_BYTES + 1];
    const char *canonical = canonical_hash(&signer, request->method, &url, url.query, headers, count, hash, &names);
    signature(&signer, "AWS4-HMAC-SHA256", canonical, hex);
    char *authorization = arena_printf(arena, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                                       signing->credentials->access_key, signer.scope, names, hex);
    headers[count++] = (HttpHeader){"authorization", authorization};
    request->headers = headers;
    request->header_count = count;
    return true;
}

static char *header_names(const HttpHeader *headers, size_t count, Arena *arena) {
    DEFER(buf_release) Buf ignored = {0};
    return canonical_headers(&ignored, headers, count, arena);
}

bool aws_presign(const AwsSigning *signing, const HttpRequest *request, int64_t seconds, Arena *arena,
                 char **signed_url, Err *err) {
    Signer signer;
    Url url;
    TRY(url_split(request->url, &url, err));
    TRY(signer_init(&signer, signing, arena, err));
    HttpHeader *headers = ARENA_ARRAY(arena, HttpHeader, request->header_count + 1);
    headers[0] = (HttpHeader){"host", arena_text(arena, url.host)};
    if (request->header_count > 0) {
        memcpy(headers + 1, request->headers, request->header_count * sizeof(*headers));
    }
    size_t count = request->header_count + 1;
    DEFER(buf_release) Buf query = {0};
    buf_put(&query, url.query);
    buf_text(&query, url.query.size > 0 ? "&" : "");
    buf_text(&query, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
    http_encode(&query, slice_of(signing->credentials->access_key), false);
    buf_text(&query, "%2F");
    http_encode(&query, slice_of(signer.scope), false);
    buf_printf(&query, "&X-Amz-Date=%s&X-Amz-Expires=%" PRId64 "&X-Amz-SignedHeaders=", signer.time, seconds);
    http_encode(&query, slice_of(header_names(headers, count, arena)), false);
    if (signing->credentials->session_token != NULL) {
        buf_text(&query, "&X-Amz-Security-Token=");
        http_encode(&query, slice_of(signing->credentials->session_token), false);
    }
    char *names, hex[HEX_BYTES + 1];
    const char *hash = signing->payload_hash == NULL && service_is_s3(signing) ? "UNSIGNED-PAYLOAD"
                                                                               : payload_hash(signing, request, arena);
    const char *canonical =
        canonical_hash(&signer, request->method, &url, buf_slice(&query), headers, count, hash, &names);
    signature(&signer, "AWS4-HMAC-SHA256", canonical, hex);
    *signed_url = arena_printf(arena, "%.*s?%.*s&X-Amz-Signature=%s", SLICE_ARG(url.before_query),
                               SLICE_ARG(buf_slice(&query)), hex);
    return true;
}

// --- chunks ----------------------------------------------------------------------------------------------------

AwsChunkSigner *aws_chunks_new(const AwsSigning *signing, const HttpRequest *signed_request, Arena *arena) {
    AwsChunkSigner *chunks = ARENA_NEW(arena, AwsChunkSigner);
    Err err[1] = {{0}};
    ASSERT(signer_init(&chunks->signer, signing, arena, err)); // the request was signed with the same
    for (size_t i = 0; i < signed_request->header_count; i++) {
        const HttpHeader *header = &signed_request->headers[i];
        const char *at = strcmp(header->name, "authorization") == 0 ? strstr(header->value, "Signature=") : NULL;
        if (at != NULL && strlen(at + 10) == HEX_BYTES) {
            memcpy(chunks->previous, at + 10, HEX_BYTES + 1);
        }
    }
    ASSERT(chunks->previous[0] != '\0');
    return chunks;
}

static void chunk_sign(AwsChunkSigner *chunks, const char *kind, Slice bytes) {
    char hash[HEX_BYTES + 1], text[3 * HEX_BYTES + 3];
    aws_sha256_hex(bytes, hash);
    bool data = strcmp(kind, "AWS4-HMAC-SHA256-PAYLOAD") == 0;
    snprintf(text, sizeof(text), "%s\n%s%s%s", chunks->previous, data ? EMPTY_HASH : "", data ? "\n" : "", hash);
    char lines[1024];
    int size = snprintf(lines, sizeof(lines), "%s\n%s\n%s\n%s", kind, chunks->signer.time, chunks->signer.scope, text);
    ASSERT(size > 0 && (size_t)size < sizeof(lines));
    uint8_t mac[HASH_BYTES];
    hmac((Slice){chunks->signer.key, HASH_BYTES}, (Slice){(const uint8_t *)lines, (size_t)size}, mac);
    hex_of(mac, chunks->previous);
}

static void chunk_head(AwsChunkSigner *chunks, Slice bytes, Buf *out) {
    chunk_sign(chunks, "AWS4-HMAC-SHA256-PAYLOAD", bytes);
    buf_printf(out, "%zx;chunk-signature=%s\r\n", bytes.size, chunks->previous);
}

void aws_chunk(AwsChunkSigner *chunks, Slice bytes, Buf *out) {
    chunk_head(chunks, bytes, out);
    buf_put(out, bytes);
    buf_text(out, "\r\n");
}

void aws_chunk_trailer(AwsChunkSigner *chunks, const char *name, const char *value, Buf *out) {
    DEFER(buf_release) Buf line = {0};
    chunk_head(chunks, (Slice){NULL, 0}, out);
    buf_printf(&line, "%s:%s\n", name, value);
    chunk_sign(chunks, "AWS4-HMAC-SHA256-TRAILER", buf_slice(&line));
    buf_printf(out, "%s:%s\r\nx-amz-trailer-signature:%s\r\n\r\n", name, value, chunks->previous);
}

static uint64_t chunk_size(uint64_t bytes) {
    uint64_t digits = 1;
    for (uint64_t left = bytes >> 4; left > 0; left >>= 4) {
        digits++;
    }
    return digits + strlen(";chunk-signature=") + HEX_BYTES + 2 + bytes + 2;
}

uint64_t aws_chunks_size(uint64_t body_bytes, size_t chunk_bytes) {
    uint64_t rest = body_bytes % chunk_bytes;
    return body_bytes / chunk_bytes * chunk_size(chunk_bytes) + (rest > 0 ? chunk_size(rest) : 0) + chunk_size(0);
}

uint64_t aws_trailer_size(size_t name_bytes, size_t value_bytes) {
    return name_bytes + 1 + value_bytes + 2 + strlen("x-amz-trailer-signature:") + HEX_BYTES + 2;
}
