// SPDX-License-Identifier: Apache-2.0
#include "storage/store/s3/call.h"

#include "core/base/calendar.h"
#include "core/base/digest.h"
#include "core/base/log.h"
#include "core/net/xml.h"
#include "core/sys/clock.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PAUSE_MS = 100, // before the second try
    PAUSE_SLOWER_MS = 800,
    PAUSE_MS_MAX = 10000,
    STOP_LOOK_MS = 50,
    DIGEST_PIECE_BYTES = 256 * 1024,
    CHUNK_BYTES = 64 * 1024, // of a streamed body
};

typedef struct Operation {
    const char *name;
    const char *method;
    size_t usage;     // offset of its counter
    const char *root; // a success has an XML body with this root, though it may be an error all the same
    bool etag;        // a success has one
    const char *permission;
} Operation;

static const Operation OPERATIONS[] = {
    [S3_PUT] = {"PutObject", "PUT", offsetof(StoreUsage, put), NULL, true, "s3:PutObject"},
    [S3_BEGIN] = {"CreateMultipartUpload", "POST", offsetof(StoreUsage, multipart), "InitiateMultipartUploadResult",
                  false, "s3:PutObject"},
    [S3_PART] = {"UploadPart", "PUT", offsetof(StoreUsage, part), NULL, true, "s3:PutObject"},
    [S3_COMPLETE] = {"CompleteMultipartUpload", "POST", offsetof(StoreUsage, multipart),
                     "CompleteMultipartUploadResult", false, "s3:PutObject"},
    [S3_ABORT] = {"AbortMultipartUpload", "DELETE", offsetof(StoreUsage, remove), NULL, false,
                  "s3:AbortMultipartUpload"},
    [S3_GET] = {"GetObject", "GET", offsetof(StoreUsage, get), NULL, true, "s3:GetObject"},
    [S3_HEAD] = {"HeadObject", "HEAD", offsetof(StoreUsage, head), NULL, true, "s3:GetObject"},
    [S3_LIST] = {"ListObjectsV2", "GET", offsetof(StoreUsage, list), "ListBucketResult", false, "s3:ListBucket"},
    [S3_DELETE] = {"DeleteObject", "DELETE", offsetof(StoreUsage, remove), NULL, false, "s3:DeleteObject"},
};

S3Call s3_call(S3Operation operation, const char *key, const char *query) {
    return (S3Call){.operation = operation, .key = key, .query = query, .file = -1};
}

void s3_call_header(S3Call *call, const char *name, const char *value) {
    ASSERT(call->header_count < S3_CALL_HEADERS_MAX);
    call->headers[call->header_count++] = (HttpHeader){name, value};
}

void s3_call_release(S3Call *call) {
    http_answer_release(&call->answer);
    call->answer = (HttpAnswer){0};
}

bool s3_refused(const S3Call *call, const char *code) {
    return call->err.code != ERR_NONE && strcmp(call->refusal.code, code) == 0;
}

bool s3_etag(const S3Call *call, char etag[S3_ETAG_BYTES_MAX], Err *err) {
    Slice found = http_header(&call->answer, "etag");
    if (found.size == 0 || found.size >= S3_ETAG_BYTES_MAX) {
        return FAIL(err, ERR_NET_PROTOCOL, "the service gives an ETag of %zu bytes", found.size);
    }
    snprintf(etag, S3_ETAG_BYTES_MAX, "%.*s", SLICE_ARG(found));
    return true;
}

// --- digests ---------------------------------------------------------------------------------------------------

// CRC-32C, and SHA-256 where it is signed, of a piece of a file, in one pass.
static bool digest_file(const S3Call *call, uint32_t *crc, EVP_MD_CTX *sha, Err *err) {
    DEFER(buf_release) Buf room = {0}; // not a thread's own for ever: every thread of every worker would pay for it
    uint8_t *piece = buf_room(&room, DIGEST_PIECE_BYTES);
    for (uint64_t done = 0; done < call->file_size;) {
        size_t wanted = (size_t)MIN(call->file_size - done, (uint64_t)DIGEST_PIECE_BYTES);
        ssize_t got = pread(call->file, piece, wanted, (off_t)(call->file_offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? FAIL_ERRNO(err, "read the staged file")
                           : FAIL(err, ERR_STATE_CORRUPT, "a staged file has become shorter");
        }
        *crc = digest_crc32c(*crc, (Slice){piece, (size_t)got});
        ASSERT(sha == NULL || EVP_DigestUpdate(sha, piece, (size_t)got) == 1);
        done += (uint64_t)got;
    }
    return true;
}

static void hash_text(EVP_MD_CTX *sha, char hex[72]) {
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    ASSERT(EVP_DigestFinal_ex(sha, hash, &size) == 1 && size == 32);
    for (unsigned i = 0; i < size; i++) {
        snprintf(hex + (size_t)2 * i, 3, "%02x", hash[i]);
    }
}

// What is the same at every try: the body's digests and the headers that carry them.
static bool prepare(const S3 *s3, S3Call *call, Err *err) {
    bool body = call->file >= 0 || call->operation == S3_PUT || call->operation == S3_PART;
    bool sign = !body || s3->payload == S3_PAYLOAD_SIGNED;
    EVP_MD_CTX *sha = body && sign ? EVP_MD_CTX_new() : NULL;
    ASSERT(sha == NULL || EVP_DigestInit_ex(sha, EVP_sha256(), NULL) == 1);
    uint32_t crc = 0;
    bool ok = true;
    if (call->file >= 0 && (sha != NULL || s3->checksum)) {
        ok = digest_file(call, &crc, sha, err);
    } else if (body && call->file < 0) {
        crc = digest_crc32c(0, call->body);
        ASSERT(sha == NULL || EVP_DigestUpdate(sha, call->body.data, call->body.size) == 1);
    }
    if (sha != NULL) {
        hash_text(sha, call->payload_hash);
        EVP_MD_CTX_free(sha);
    } else if (!body) {
        aws_sha256_hex(call->body, call->payload_hash);
    } else {
        bool streaming = s3->payload == S3_PAYLOAD_STREAMING;
        snprintf(call->payload_hash, sizeof(call->payload_hash), "%s",
                 streaming ? "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" : "UNSIGNED-PAYLOAD");
    }
    if (ok && body && s3->checksum) {
        uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
        ASSERT(EVP_EncodeBlock((unsigned char *)call->crc, bytes, 4) == 8);
        s3_call_header(call, "x-amz-checksum-crc32c", call->crc);
    }
    call->prepared = true;
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- a request -------------------------------------------------------------------------------------------------

// The whole body in memory, framed in signed chunks: so streamed calls go two at a time (see round_size).
static bool frame_body(const S3Call *call, const AwsSigning *signing, HttpRequest *request, Arena *arena, Err *err) {
    uint64_t size = call->file >= 0 ? call->file_size : call->body.size;
    Buf framed;
    buf_init(&framed, 0);
    AwsChunkSigner *chunks = aws_chunks_new(signing, request, arena);
    uint8_t *piece = arena_alloc(arena, CHUNK_BYTES);
    bool ok = true;
    for (uint64_t done = 0; ok && done < size;) {
        size_t wanted = (size_t)MIN(size - done, (uint64_t)CHUNK_BYTES);
        Slice bytes = {piece, wanted};
        if (call->file < 0) {
            bytes = (Slice){call->body.data + done, wanted};
        } else if (pread(call->file, piece, wanted, (off_t)(call->file_offset + done)) != (ssize_t)wanted) {
            ok = FAIL(err, ERR_IO_FAILED, "a staged file cannot be read to its end");
            break;
        }
        aws_chunk(chunks, bytes, &framed);
        done += wanted;
    }
    if (ok) {
        aws_chunk(chunks, (Slice){0}, &framed);
        request->body = arena_slice(arena, buf_slice(&framed));
        request->file = -1;
    }
    buf_release(&framed);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool is_streamed(const S3Call *call) {
    return strncmp(call->payload_hash, "STREAMING", 9) == 0;
}

static bool make_request(S3 *s3, S3Call *call, const AwsCredentials *credentials, HttpRequest *request, Arena *arena,
                         Err *err) {
    if (!call->prepared) {
        TRY(prepare(s3, call, err));
    }
    HttpHeader *headers = ARENA_ARRAY(arena, HttpHeader, S3_CALL_HEADERS_MAX + 2);
    memcpy(headers, call->headers, call->header_count * sizeof(*headers));
    size_t header_count = call->header_count;
    bool streamed = is_streamed(call) && credentials->access_key != NULL;
    uint64_t size = call->file >= 0 ? call->file_size : call->body.size;
    if (streamed) {
        headers[header_count++] = (HttpHeader){"content-encoding", "aws-chunked"};
        headers[header_count++] = (HttpHeader){"x-amz-decoded-content-length", arena_printf(arena, "%" PRIu64, size)};
    }
    *request = (HttpRequest){.method = OPERATIONS[call->operation].method,
                             .url = s3_target_url(&s3->target, call->key, call->query, arena),
                             .headers = headers,
                             .header_count = header_count,
                             .body = call->body,
                             .file = call->file,
                             .file_offset = call->file_offset,
                             .file_size = call->file_size,
                             .answer_bytes_max = call->answer_bytes_max};
    AwsSigning signing = {.credentials = credentials,
                          .region = s3->target.region,
                          .service = "s3",
                          .now_us = clock_wall_us() + s3->clock_offset_us,
                          .payload_hash = call->payload_hash,
                          .key = &s3->signing_key};
    TRY(aws_sign(&signing, request, arena, err));
    return !streamed || frame_body(call, &signing, request, arena, err);
}

static void count(S3 *s3, const S3Call *call) {
    uint64_t *counter = (uint64_t *)((char *)&s3->usage + OPERATIONS[call->operation].usage);
    *counter += 1;
    s3->usage.retries += call->tries > 1;
    s3->usage.bytes_up += call->file >= 0 ? call->file_size : call->body.size;
    s3->usage.bytes_down += call->answer.body.size;
}

// --- judging ---------------------------------------------------------------------------------------------------

// "PutObject s3://bucket/key"; of a list the target's prefix.
static void describe(const S3 *s3, const S3Call *call, char text[200]) {
    snprintf(text, 200, "%s s3://%s/%.120s", OPERATIONS[call->operation].name, s3->target.bucket,
             call->key != NULL ? call->key : s3->target.prefix);
}

static void fail_refused(const S3 *s3, S3Call *call) {
    const S3Refusal *refusal = &call->refusal;
    const Operation *operation = &OPERATIONS[call->operation];
    char what[200];
    describe(s3, call, what);
    FAIL(&call->err, refusal->err, "%s: %s%s%s (HTTP %d%s%s)", what, refusal->code,
         refusal->message[0] != '\0' ? ": " : "", refusal->message, call->answer.status,
         refusal->request[0] != '\0' ? ", request " : "", refusal->request);
    if (refusal->err == ERR_NET_PERMISSION && refusal->remedy == S3_GIVE_UP &&
        (strcmp(refusal->code, "AccessDenied") == 0 || refusal->code[0] == '\0') && call->answer.status == 403) {
        err_hint(&call->err, "credentials are from %s: let them do %s (docs/sinks/s3.md has the whole policy)",
                 aws_provider_origin(s3->provider), operation->permission);
    } else if (refusal->err == ERR_NET_AUTH && refusal->remedy == S3_REFRESH) {
        err_hint(&call->err, "credentials are from %s: %s", aws_provider_origin(s3->provider), refusal->hint);
    } else if (refusal->hint != NULL) {
        err_hint(&call->err, "%s", refusal->hint);
    }
}

// A success that is none: an error as the body, or without what a success must have.
static bool is_success(const S3Call *call, bool *makes_sense) {
    const Operation *operation = &OPERATIONS[call->operation];
    *makes_sense = true;
    if (call->answer.status / 100 != 2) {
        return false;
    }
    if (operation->root == NULL) {
        *makes_sense = !operation->etag || http_header(&call->answer, "etag").size > 0;
        return *makes_sense;
    }
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Err ignored[1] = {{0}};
    Xml xml = xml_of(buf_slice(&call->answer.body), &scratch);
    XmlItem root = {0}, item = {0};
    bool sound = xml_next(&xml, &root, ignored) && root.kind == XML_OPEN;
    for (item = root; sound && item.kind != XML_END;) {
        sound = xml_next(&xml, &item, ignored); // all of it: a cut answer must not pass for a short one
    }
    bool refused = sound && slice_is(root.name, "Error");
    *makes_sense = sound && (refused || slice_is(root.name, operation->root));
    arena_release(&scratch);
    return *makes_sense && !refused;
}

static bool again(const S3Call *call) {
    return call->tries < S3_TRIES;
}

// What the refusal asks for; false = it stands.
static bool follow(S3 *s3, S3Call *call, S3Remedy remedy, bool *refresh) {
    int64_t wall_us = 0;
    switch (remedy) {
    case S3_AGAIN:
    case S3_SLOWER:
        return again(call);
    case S3_REGION:
        if (call->moved || call->refusal.region[0] == '\0') {
            return call->refusal.err == ERR_NET_BUSY && again(call);
        }
        call->moved = true;
        if (strcmp(call->refusal.region, s3->target.region) != 0 &&
            s3_target_move(&s3->target, slice_of(call->refusal.region))) {
            log_info(LOG_SINK, "the bucket is in another region", LOG_TEXT("bucket", s3->target.bucket),
                     LOG_TEXT("region", s3->target.region));
        }
        return true;
    case S3_REFRESH:
        *refresh = *refresh || !call->refreshed;
        if (call->refreshed) {
            return false;
        }
        call->refreshed = true;
        return true;
    case S3_CLOCK:
        if (call->clocked || !s3_answer_date(&call->answer, &wall_us)) {
            return false;
        }
        call->clocked = true;
        s3->clock_offset_us = wall_us - clock_wall_us();
        log_warn(LOG_SINK, "this machine's clock is wrong: requests are signed with the service's time",
                 LOG_INT("seconds", s3->clock_offset_us / CALENDAR_SECOND_US));
        return true;
    case S3_GIVE_UP:
        break;
    }
    return false;
}

// No answer, or one that makes no sense.
static void judge_failure(const S3 *s3, S3Call *call, const Err *failure) {
    bool patience = failure->code == ERR_NET_UNREACHABLE || failure->code == ERR_NET_PROTOCOL;
    if (patience && again(call)) {
        return;
    }
    char what[200];
    describe(s3, call, what);
    call->err = *failure;
    if (failure->code != ERR_INTERRUPTED) {
        err_prefix(&call->err, "%s", what);
    }
    call->done = true;
}

static void judge(S3 *s3, S3Call *call, bool *refresh) {
    bool makes_sense = false;
    call->refusal = (S3Refusal){0};
    if (call->answer.err.code != ERR_NONE) {
        judge_failure(s3, call, &call->answer.err);
    } else if (is_success(call, &makes_sense)) {
        call->done = true;
    } else if (!makes_sense) {
        Err nonsense[1] = {{0}};
        FAIL(nonsense, ERR_NET_PROTOCOL, "answered with HTTP %d but not as S3 does", call->answer.status);
        err_hint(nonsense, "check s3.endpoint: is this an S3 service, and nothing between that changes its answers?");
        judge_failure(s3, call, nonsense);
    } else {
        s3_refusal(&call->answer, &call->refusal);
        if (!follow(s3, call, call->refusal.remedy, refresh)) {
            fail_refused(s3, call);
            call->done = true;
        }
    }
}

// --- sending ---------------------------------------------------------------------------------------------------

static bool stopped(const S3 *s3) {
    return s3->stop != NULL && atomic_load_explicit(s3->stop, memory_order_relaxed);
}

// Half of the pause is certain, half is chance, so that many who failed together do not come back together.
static int64_t jittered(S3 *s3, int64_t ms) {
    s3->jitter ^= s3->jitter << 13;
    s3->jitter ^= s3->jitter >> 7;
    s3->jitter ^= s3->jitter << 17;
    return ms / 2 + (int64_t)(s3->jitter % (uint64_t)(ms / 2 + 1));
}

static int64_t pause_ms(const S3Call *call) {
    S3Remedy remedy = call->refusal.remedy;
    if (remedy == S3_REGION || remedy == S3_REFRESH || remedy == S3_CLOCK) {
        return 0;
    }
    int64_t ms = (remedy == S3_SLOWER ? PAUSE_SLOWER_MS : PAUSE_MS) << (call->tries - 1);
    Slice after = http_header(&call->answer, "retry-after");
    if (after.size > 0 && after.size < 4) {
        ms = MAX(ms, (int64_t)strtol((const char *)after.data, NULL, 10) * 1000);
    }
    return MIN(ms, PAUSE_MS_MAX);
}

// Before the next round: as long as the most patient of those that failed asks for.
static void wait_for_next(S3 *s3, S3Call *const *calls, size_t call_count) {
    int64_t ms = 0;
    for (size_t i = 0; i < call_count; i++) {
        if (!calls[i]->done) {
            ms = MAX(ms, pause_ms(calls[i]));
        }
    }
    ms = ms > 0 ? jittered(s3, ms) : 0;
    for (int64_t slept = 0; slept < ms && !stopped(s3); slept += STOP_LOOK_MS) {
        clock_sleep_us(MIN(ms - slept, (int64_t)STOP_LOOK_MS) * 1000);
    }
}

static void fail_all(S3Call *const *calls, size_t call_count, const Err *err) {
    for (size_t i = 0; i < call_count; i++) {
        if (!calls[i]->done) {
            calls[i]->err = *err;
            calls[i]->done = true;
        }
    }
}

// Sends the calls once. What needs another try is not done afterwards.
static void send_round(S3 *s3, S3Call *const *calls, size_t call_count, bool *refresh) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Err err[1] = {{0}};
    const AwsCredentials *credentials = NULL;
    bool ok = aws_provider_get(s3->provider, *refresh, &credentials, err);
    *refresh = false;
    HttpRequest *requests = ARENA_ARRAY(&scratch, HttpRequest, call_count);
    HttpAnswer *answers = ARENA_ARRAY(&scratch, HttpAnswer, call_count);
    S3Call **sent = ARENA_ARRAY(&scratch, S3Call *, call_count);
    size_t sent_count = 0;
    for (size_t i = 0; ok && i < call_count; i++) {
        S3Call *call = calls[i];
        call->tries++;
        if (make_request(s3, call, credentials, &requests[sent_count], &scratch, &call->err)) {
            answers[sent_count] = call->answer;
            sent[sent_count++] = call;
        } else {
            call->done = true;
        }
    }
    if (ok && sent_count > 0) {
        http_send_all(s3->http, requests, answers, sent_count);
    }
    for (size_t i = 0; i < sent_count; i++) {
        sent[i]->answer = answers[i];
        count(s3, sent[i]);
        judge(s3, sent[i], refresh);
    }
    arena_release(&scratch);
    if (!ok) {
        fail_all(calls, call_count, err);
    }
}

// Framed bodies are in memory: as many at once as fit two default parts.
static size_t round_size(const S3 *s3, S3Call *const *calls, size_t call_count) {
    if (s3->payload != S3_PAYLOAD_STREAMING) {
        return call_count;
    }
    uint64_t bytes = 0;
    for (size_t i = 0; i < call_count; i++) {
        bytes += calls[i]->file >= 0 ? calls[i]->file_size : calls[i]->body.size;
        if (bytes > 16 * MIB && i > 0) {
            return i;
        }
    }
    return call_count;
}

void s3_send_all(S3 *s3, S3Call *calls, size_t call_count) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    S3Call **pending = ARENA_ARRAY(&scratch, S3Call *, call_count);
    bool refresh = false;
    for (;;) {
        size_t pending_count = 0;
        for (size_t i = 0; i < call_count; i++) {
            if (!calls[i].done) {
                pending[pending_count++] = &calls[i];
            }
        }
        if (pending_count == 0) {
            break;
        }
        if (stopped(s3)) {
            Err err[1] = {{0}};
            FAIL(err, ERR_INTERRUPTED, "stopped");
            fail_all(pending, pending_count, err);
            break;
        }
        pending_count = round_size(s3, pending, pending_count);
        send_round(s3, pending, pending_count, &refresh);
        wait_for_next(s3, pending, pending_count);
    }
    arena_release(&scratch);
}

bool s3_send(S3 *s3, S3Call *call, Err *err) {
    s3_send_all(s3, call, 1);
    if (call->err.code != ERR_NONE) {
        if (err->code == ERR_NONE) {
            *err = call->err;
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}
