// SPDX-License-Identifier: Apache-2.0
#include "storage/store/s3/s3.h"

#include "core/base/digest.h"
#include "core/config/secret.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "core/sys/random.h"
#include "storage/store/s3/list.h"
#include "storage/store/s3/upload.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <time.h>

#define GET_BYTES_MAX GIB

typedef struct Alone {
    S3Options s3;
} Alone;

static const OptionSpec SPECS[] = {S3_OPTION_SPECS(Alone, s3)};
const OptionTable S3_OPTIONS = {.name = "S3", .specs = SPECS, .count = ARRAY_LEN(SPECS)};

static const char *set(const char *text) {
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static bool s3_accepts(const char *url) {
    return strncmp(url, "s3://", 5) == 0;
}

// --- opening ---------------------------------------------------------------------------------------------------

static bool check_options(const S3Options *options, Err *err) {
    if ((set(options->access_key) != NULL) != (set(options->secret_key) != NULL)) {
        FAIL(err, ERR_OPTION, "s3.access.key and s3.secret.key go together, one is missing");
        return err_hint(err, "give both, or none and let the environment or a profile name them");
    }
    if (set(options->sse_kms_key_id) != NULL && strcmp(options->sse, "aws:kms") != 0) {
        FAIL(err, ERR_OPTION, "s3.sse.kms.key.id is set, but s3.sse is %s", options->sse);
        return err_hint(err, "set s3.sse=aws:kms");
    }
    return true;
}

static S3Payload payload_of(const S3Options *options, bool tls) {
    if (strcmp(options->payload, "auto") == 0) {
        bool safe = tls && strcmp(options->checksum, "none") != 0;
        return safe ? S3_PAYLOAD_UNSIGNED : S3_PAYLOAD_SIGNED;
    }
    return strcmp(options->payload, "signed") == 0      ? S3_PAYLOAD_SIGNED
           : strcmp(options->payload, "streaming") == 0 ? S3_PAYLOAD_STREAMING
                                                        : S3_PAYLOAD_UNSIGNED;
}

static bool open_clients(S3 *s3, Err *err) {
    const S3Options *options = &s3->options;
    HttpClientOptions http = {.connections_max = (int)options->requests_max,
                              .stalled_ms = options->timeout_ms,
                              .ca_file = set(options->ca_file)};
    TRY(http_client_open(&http, &s3->http, err));
    http_client_stop_flag(s3->http, s3->stop);
    AwsProviderOptions keys = {.access_key = set(options->access_key),
                               .secret_key = set(options->secret_key),
                               .session_token = set(options->session_token),
                               .profile = set(options->profile),
                               .region = set(options->region),
                               .anonymous = options->anonymous,
                               .supply = options->supply,
                               .http = s3->http};
    return aws_provider_open(&keys, &s3->provider, err);
}

static void s3_close(void *state) {
    S3 *s3 = state;
    aws_provider_close(s3->provider);
    http_client_close(s3->http);
    staging_release(&s3->staging);
    arena_release(&s3->run);
    OPENSSL_cleanse(&s3->signing_key, sizeof(s3->signing_key));
    free(s3);
}

static bool open_with(S3 *s3, const StoreContext *context, Err *err) {
    if (context->options != NULL) {
        s3->options = *(const S3Options *)context->options;
    } else {
        option_defaults(&S3_OPTIONS, &s3->options);
    }
    s3->stop = context->stop;
    TRY(check_options(&s3->options, err));
    TRY(s3_target(context->url, &s3->options, &s3->run, &s3->target, err));
    s3->payload = payload_of(&s3->options, s3->target.tls);
    s3->checksum = strcmp(s3->options.checksum, "none") != 0;
    uint64_t random = random_number();
    s3->jitter = random | 1;
    snprintf(s3->run_id, sizeof(s3->run_id), "%016" PRIx64, random);
    s3->owner = arena_printf(&s3->run, "%s", context->owner != NULL ? context->owner : "");
    const char *folder = context->staging_directory != NULL ? context->staging_directory : "";
    staging_init(&s3->staging, arena_printf(&s3->run, "%s", folder), s3->run_id, 0700, 0600);
    return open_clients(s3, err);
}

static bool open_any(const StoreContext *context, S3 **opened, Err *err) {
    S3 *s3 = calloc(1, sizeof(*s3));
    ASSERT(s3 != NULL);
    arena_init(&s3->run, "run", 1 * MIB);
    s3->staging.fd = -1;
    if (!open_with(s3, context, err)) {
        s3_close(s3);
        return err_frame(err, __FILE__, __LINE__);
    }
    *opened = s3;
    return true;
}

static bool s3_open(const StoreContext *context, void **state, Err *err) {
    ASSERT(context->staging_directory != NULL && context->staging_directory[0] != '\0');
    S3 *s3 = NULL;
    TRY(open_any(context, &s3, err));
    *state = s3;
    return true;
}

// An object that is not there: who may read is told so.
static bool probe_get(S3 *s3, const char *key, Err *err) {
    S3Call get = s3_call(S3_GET, key, "");
    bool ok = s3_send(s3, &get, err);
    if (!ok && err->code == ERR_NOT_FOUND) {
        err_clear(err);
        ok = true;
    }
    s3_call_release(&get);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// Lists, reads, then asks to add a part to an upload that does not exist: who may not write is denied, who may is told
// that there is no such upload. Nothing is created.
static bool probe(S3 *s3, Err *err) {
    DEFER(buf_release) Buf query = {0};
    buf_text(&query, "list-type=2&max-keys=1&prefix=");
    http_encode(&query, slice_of(s3->target.prefix), false);
    buf_u8(&query, 0);
    S3Call list = s3_call(S3_LIST, NULL, (const char *)query.data);
    bool ok = s3_send(s3, &list, err);
    if (!ok && err->code == ERR_NOT_FOUND) {
        err->code = ERR_NET_SETUP; // a service that says no more than 404
    }
    s3_call_release(&list);
    if (!ok) {
        return err_frame(err, __FILE__, __LINE__);
    }
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    const char *key = arena_printf(&scratch, "%sleat-probe", s3->target.prefix);
    if (!probe_get(s3, key, err)) {
        arena_release(&scratch);
        return err_frame(err, __FILE__, __LINE__);
    }
    S3Call part = s3_call(S3_PART, key, "partNumber=1&uploadId=leat-probe");
    part.body = SLICE("leat");
    ok = s3_send(s3, &part, err);
    ErrCode code = err->code;
    bool allowed = ok || code == ERR_NOT_FOUND || code == ERR_NET_PROTOCOL || code == ERR_NET_SETUP;
    bool answered = part.answer.err.code == ERR_NONE && part.answer.status / 100 == 4;
    if (ok || (allowed && answered)) { // NoSuchUpload, or how the service says that it knows no such id
        err_clear(err);
        ok = true;
    }
    s3_call_release(&part);
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool s3_probe(const StoreContext *context, Err *err) {
    S3 *s3 = NULL;
    TRY(open_any(context, &s3, err));
    bool ok = probe(s3, err);
    s3_close(s3);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- staging, publishing ---------------------------------------------------------------------------------------

static bool key_check(const S3 *s3, const char *name, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    const char *key = NULL;
    bool ok = s3_key(s3, name, &scratch, &key, err);
    arena_release(&scratch);
    return ok;
}

static bool s3_stage_open(void *state, const char *name, void **stage, Err *err) {
    S3 *s3 = state;
    StagedFile *file = NULL;
    TRY(key_check(s3, name, err));
    TRY(staging_open(&s3->staging, &file, err));
    *stage = file;
    return true;
}

static bool s3_stage_write(void *state, void *stage, Slice bytes, Err *err) {
    return staging_write(&((S3 *)state)->staging, stage, bytes, err);
}

static bool s3_stage_finish(void *state, void *stage, char token[STORE_TOKEN_BYTES_MAX], Err *err) {
    StagedName staged;
    TRY(staging_finish(&((S3 *)state)->staging, stage, &staged, err));
    snprintf(token, STORE_TOKEN_BYTES_MAX, "%s %" PRIu64, staged.name, staged.size);
    return true;
}

static void s3_stage_abort(void *state, void *stage) {
    staging_abort(&((S3 *)state)->staging, stage);
}

static bool publish_all(void *state, const StoreItem *items, size_t count, Err *err) {
    return s3_publish_all(state, items, count, err);
}

static bool s3_publish(void *state, const char *token, const char *name, Err *err) {
    return s3_publish_all(state, &(StoreItem){token, name}, 1, err);
}

static bool s3_stage_drop(void *state, const char *token, Err *err) {
    S3 *s3 = state;
    char name[STAGED_NAME_BYTES_MAX + 8];
    size_t size = strspn(token, "0123456789abcdef");
    if (size == 0 || size >= STAGED_NAME_BYTES_MAX || token[size] != ' ') {
        return FAIL(err, ERR_STATE_CORRUPT, "'%.100s' is no token of the S3 store", token);
    }
    snprintf(name, sizeof(name), "%.*s.upload", (int)size, token);
    TRY(s3_staged_remove(s3, name, err));
    name[size] = '\0';
    return s3_staged_remove(s3, name, err);
}

static bool sweep_remove(void *context, const char *name, Err *err) {
    return s3_staged_remove(context, name, err);
}

static bool s3_sweep(void *state, const char *const *keep, size_t keep_count, Err *err) {
    S3 *s3 = state;
    return staging_sweep(&s3->staging, keep, keep_count, sweep_remove, s3, err);
}

// --- reading ---------------------------------------------------------------------------------------------------

static bool list_names(void *state, const char *prefix, bool (*visit)(void *context, const char *name, uint64_t size),
                       void *context, Err *err) {
    return s3_list(state, prefix, visit, context, err);
}

// The checksum that was kept with the object, where it is one of the whole: of composite ones there is none to compare.
static bool check_crc(const S3Call *call, Err *err) {
    Slice want = http_header(&call->answer, "x-amz-checksum-crc32c");
    uint32_t crc = digest_crc32c(0, buf_slice(&call->answer.body));
    uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
    char text[12];
    ASSERT(EVP_EncodeBlock((unsigned char *)text, bytes, 4) == 8);
    bool composite = want.size != 8;
    return composite || slice_is(want, text) ||
           FAIL(err, ERR_NET_PROTOCOL, "%s: the bytes differ from the checksum that was kept with them", call->key);
}

static bool s3_get(void *state, const char *name, Arena *arena, Slice *bytes, char tag[STORE_TAG_BYTES_MAX], Err *err) {
    S3 *s3 = state;
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    S3Call call = s3_call(S3_GET, NULL, "");
    call.answer_bytes_max = GET_BYTES_MAX;
    s3_call_header(&call, "x-amz-checksum-mode", "ENABLED");
    bool ok = s3_key(s3, name, &scratch, &call.key, err) && s3_send(s3, &call, err) && check_crc(&call, err) &&
              s3_etag(&call, tag, err);
    if (ok) {
        *bytes = arena_slice(arena, buf_slice(&call.answer.body));
    }
    s3_call_release(&call);
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool append_range(const S3Call *call, uint64_t offset, size_t size, Buf *out, Err *err) {
    Slice body = buf_slice(&call->answer.body);
    if (call->answer.status != 206) { // the whole: the range covers it, or the service does not know ranges
        body = slice_from(body, (size_t)MIN(offset, (uint64_t)body.size));
    }
    body.size = MIN(body.size, size);
    buf_put(out, body);
    return !out->overflow ||
           FAIL(err, ERR_MEMORY, "%s: %zu bytes do not fit the reader's buffer", call->key, body.size);
}

static bool s3_read(void *state, const char *name, uint64_t offset, size_t size, Buf *out, Err *err) {
    S3 *s3 = state;
    if (size == 0) {
        return true;
    }
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    S3Call call = s3_call(S3_GET, NULL, "");
    call.answer_bytes_max = MAX(size, MIB);
    s3_call_header(&call, "range", arena_printf(&scratch, "bytes=%" PRIu64 "-%" PRIu64, offset, offset + size - 1));
    bool ok = s3_key(s3, name, &scratch, &call.key, err) && s3_send(s3, &call, err);
    if (ok) {
        ok = append_range(&call, offset, size, out, err);
    } else if (call.answer.status == 416 && err->code != ERR_INTERRUPTED) { // it ends before the offset
        err_clear(err);
        ok = true;
    }
    s3_call_release(&call);
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool s3_modified(void *state, const char *name, int64_t *ms, Err *err) {
    S3 *s3 = state;
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    S3Call head = s3_call(S3_HEAD, NULL, "");
    bool ok = s3_key(s3, name, &scratch, &head.key, err) && s3_send(s3, &head, err) &&
              (http_date(http_header(&head.answer, "last-modified"), ms) ||
               FAIL(err, ERR_NET_PROTOCOL, "HEAD s3://%s/%s: there is no date in its answer", s3->target.bucket, name));
    s3_call_release(&head);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- small objects written whole -------------------------------------------------------------------------------

// The condition did not hold: because of somebody else, or because an earlier try was carried out and its answer lost?
static bool put_refused(S3 *s3, const S3Call *put, const char *id, char tag[STORE_TAG_BYTES_MAX], Err *err) {
    S3Call head = s3_call(S3_HEAD, put->key, "");
    Err looked[1] = {{0}};
    bool found = s3_send(s3, &head, looked);
    bool ours = found && s3_object_is(&head, id);
    if (ours || (!found && looked->code != ERR_NOT_FOUND)) {
        err_clear(err);
        *err = *looked;
    }
    bool ok = ours && s3_etag(&head, tag, err);
    s3_call_release(&head);
    return ok;
}

// For services without conditions: what they cannot compare is compared here, just before.
static bool put_look(S3 *s3, const char *key, const char *if_tag, Err *err) {
    S3Call head = s3_call(S3_HEAD, key, "");
    char there[STORE_TAG_BYTES_MAX] = "";
    bool ok = s3_send(s3, &head, err) ? s3_etag(&head, there, err) : err->code == ERR_NOT_FOUND;
    s3_call_release(&head);
    TRY(ok);
    err_clear(err);
    return strcmp(there, if_tag) == 0 ||
           FAIL(err, ERR_CHANGED, "s3://%s/%s was written by somebody else meanwhile", s3->target.bucket, key);
}

static bool put(S3 *s3, S3Call *call, const char *if_tag, char tag[STORE_TAG_BYTES_MAX], Arena *arena, Err *err) {
    const char *id = arena_printf(arena, "%s-%s-put-%" PRIu64, s3->owner, s3->run_id, s3->put_sequence++);
    bool conditional = if_tag != NULL && !s3->unconditional;
    s3_object_headers(s3, call, id);
    if (conditional) {
        s3_call_header(call, if_tag[0] == '\0' ? "if-none-match" : "if-match", if_tag[0] == '\0' ? "*" : if_tag);
    }
    TRY(conditional || if_tag == NULL || put_look(s3, call->key, if_tag, err));
    if (s3_send(s3, call, err)) {
        return s3_etag(call, tag, err);
    }
    if (conditional && s3_refused(call, "NotImplemented")) {
        s3_conditions_unknown(s3);
        return err_frame(err, __FILE__, __LINE__);
    }
    bool absent = err->code == ERR_NOT_FOUND && if_tag != NULL; // what had the tag is gone
    if ((err->code == ERR_CHANGED || absent) && put_refused(s3, call, id, tag, err)) {
        return true;
    }
    if (err->code == ERR_CHANGED || absent) {
        err_clear(err);
        return FAIL(err, ERR_CHANGED, "s3://%s/%s was written by somebody else meanwhile", s3->target.bucket,
                    call->key);
    }
    return err_frame(err, __FILE__, __LINE__);
}

static bool s3_put(void *state, const char *name, Slice bytes, const char *if_tag, char tag[STORE_TAG_BYTES_MAX],
                   Err *err) {
    S3 *s3 = state;
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    const char *key = NULL;
    bool ok = s3_key(s3, name, &scratch, &key, err);
    for (bool again = ok; again;) {
        bool unconditional = s3->unconditional;
        S3Call call = s3_call(S3_PUT, key, "");
        call.body = bytes;
        ok = put(s3, &call, if_tag, tag, &scratch, err);
        s3_call_release(&call);
        again = !ok && !unconditional && s3->unconditional;
        if (again) { // it has turned out just now
            err_clear(err);
        }
    }
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool s3_remove(void *state, const char *name, Err *err) {
    S3 *s3 = state;
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    S3Call call = s3_call(S3_DELETE, NULL, "");
    bool ok = s3_key(s3, name, &scratch, &call.key, err) && s3_send(s3, &call, err);
    if (!ok && err->code == ERR_NOT_FOUND) {
        err_clear(err);
        ok = true;
    }
    s3_call_release(&call);
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static void s3_usage(void *state, StoreUsage *usage) {
    *usage = ((S3 *)state)->usage;
}

const StoreDriver S3_STORE = {
    .name = "s3",
    .accepts = s3_accepts,
    .probe = s3_probe,
    .open = s3_open,
    .close = s3_close,
    .stage_open = s3_stage_open,
    .stage_write = s3_stage_write,
    .stage_finish = s3_stage_finish,
    .stage_abort = s3_stage_abort,
    .publish = s3_publish,
    .publish_all = publish_all,
    .stage_drop = s3_stage_drop,
    .list = list_names,
    .modified = s3_modified,
    .get = s3_get,
    .read = s3_read,
    .put = s3_put,
    .remove = s3_remove,
    .sweep = s3_sweep,
    .usage = s3_usage,
};
