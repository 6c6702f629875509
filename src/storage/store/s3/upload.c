// SPDX-License-Identifier: Apache-2.0
#include "storage/store/s3/upload.h"

#include "core/base/log.h"
#include "core/net/xml.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    WINDOW_ITEMS = 64, // files published together
    PARTS_MAX = 10000, // of an upload: S3's rule
    KEY_BYTES_MAX = 1024,
    STEPS_MAX = 8, // of one file, before it is a quarrel with somebody else
};
#define WINDOW_BYTES  (64 * MIB) // of bodies that are hashed before they are sent
#define RECORD_SUFFIX ".upload"
#define RECORD_HEAD   "leat s3 upload 1"

typedef enum Step {
    STEP_LOOK, // is the object there, and ours?
    STEP_PUT,
    STEP_LARGE, // a multipart upload
    STEP_DONE,
} Step;

typedef struct Upload {
    const StoreItem *item;
    StagedName staged;
    const char *key;
    const char *id;
    char path[PATH_MAX]; // of the staged file
    int fd;              // -1: it is gone
    Step step;
    int steps;
    bool conditional; // the PUT was to fail if something is there
    S3Call call;
    Err err;
} Upload;

// --- names, metadata -------------------------------------------------------------------------------------------

bool s3_key(const S3 *s3, const char *name, Arena *arena, const char **key, Err *err) {
    for (const char *at = name; at != NULL; at = strchr(at, '/')) {
        at += *at == '/' ? 1 : 0;
        size_t size = strcspn(at, "/");
        if (size == 0 || (size == 1 && at[0] == '.') || (size == 2 && at[0] == '.' && at[1] == '.')) {
            return FAIL(err, ERR_INTERNAL, "'%.200s' is no name for an object", name);
        }
    }
    *key = arena_printf(arena, "%s%s", s3->target.prefix, name);
    if (strlen(*key) > KEY_BYTES_MAX) {
        FAIL(err, ERR_TABLE, "s3://%s/%.200s…: the key has %zu bytes, S3 takes %d", s3->target.bucket, *key,
             strlen(*key), KEY_BYTES_MAX);
        return err_hint(err, "shorten the prefix of the URL or the path that the options build");
    }
    return true;
}

void s3_object_headers(const S3 *s3, S3Call *call, const char *id) {
    const S3Options *options = &s3->options;
    s3_call_header(call, "x-amz-meta-leat-token", id);
    if (strcmp(options->sse, "none") != 0) {
        s3_call_header(call, "x-amz-server-side-encryption", options->sse);
    }
    if (options->sse_kms_key_id != NULL && options->sse_kms_key_id[0] != '\0') {
        s3_call_header(call, "x-amz-server-side-encryption-aws-kms-key-id", options->sse_kms_key_id);
    }
    if (options->acl != NULL && options->acl[0] != '\0') {
        s3_call_header(call, "x-amz-acl", options->acl);
    }
    if (options->storage_class != NULL && options->storage_class[0] != '\0') {
        s3_call_header(call, "x-amz-storage-class", options->storage_class);
    }
}

void s3_conditions_unknown(S3 *s3) {
    if (!s3->unconditional) {
        log_warn(LOG_SINK, "the service has no conditional writes: objects are looked for before they are written",
                 LOG_TEXT("bucket", s3->target.bucket));
    }
    s3->unconditional = true;
}

bool s3_object_is(const S3Call *head, const char *id) {
    return slice_is(http_header(&head->answer, "x-amz-meta-leat-token"), id);
}

static bool token_parse(const char *text, StagedName *name, Err *err) {
    char end = '\0';
    int found = sscanf(text, "%63[0-9a-f] %" SCNu64 "%c", name->name, &name->size, &end);
    return found == 2 || FAIL(err, ERR_STATE_CORRUPT, "'%.100s' is no token of the S3 store", text);
}

static bool fail_exists(const S3 *s3, const Upload *upload, Err *err) {
    FAIL(err, ERR_EXISTS, "s3://%s/%s exists already, with other bytes", s3->target.bucket, upload->key);
    return err_hint(err, "move the object away if it is of an earlier pipeline, or give this one another prefix");
}

// --- the record of a multipart upload --------------------------------------------------------------------------

typedef struct Record {
    uint64_t part_bytes;
    const char *bucket;
    const char *key;
    const char *id;
} Record;

static bool record_path(const Upload *upload, char path[PATH_MAX], Err *err) {
    int size = snprintf(path, PATH_MAX, "%s" RECORD_SUFFIX, upload->path);
    return (size > 0 && size < PATH_MAX) || FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
}

static bool record_save(const Upload *upload, const Record *record, Err *err) {
    char path[PATH_MAX];
    TRY(record_path(upload, path, err));
    Buf text;
    buf_init(&text, 0);
    // The key comes last, behind its size: it may have line breaks.
    buf_printf(&text, RECORD_HEAD "\n%" PRIu64 "\n%s\n%s\n%zu\n%s", record->part_bytes, record->bucket, record->id,
               strlen(record->key), record->key);
    bool ok = file_replace(path, buf_slice(&text), err);
    buf_release(&text);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static Slice line(Slice *rest) {
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    Slice found = {rest->data, size};
    *rest = slice_from(*rest, size + (end != NULL));
    return found;
}

// False without an error when there is none.
static bool record_load(const char *path, Arena *arena, Record *record, Err *err) {
    Slice rest;
    if (!file_read_all(path, 64 * KIB, arena, &rest, err)) {
        bool absent = err->code == ERR_NOT_FOUND;
        if (absent) {
            err_clear(err);
        }
        return absent ? false : err_frame(err, __FILE__, __LINE__);
    }
    Slice head = line(&rest);
    record->part_bytes = strtoull(arena_text(arena, line(&rest)), NULL, 10);
    record->bucket = arena_text(arena, line(&rest));
    record->id = arena_text(arena, line(&rest));
    size_t key_size = (size_t)strtoull(arena_text(arena, line(&rest)), NULL, 10);
    if (!slice_is(head, RECORD_HEAD) || record->part_bytes == 0 || record->id[0] == '\0' || key_size != rest.size ||
        key_size == 0) {
        return FAIL(err, ERR_STATE_CORRUPT, "%s is damaged", path);
    }
    record->key = arena_text(arena, rest);
    return true;
}

static bool abort_upload(S3 *s3, const Record *record, Err *err) {
    if (strcmp(record->bucket, s3->target.bucket) != 0) {
        return true; // the sink was pointed elsewhere since: not ours to speak to
    }
    DEFER(buf_release) Buf query = {0};
    buf_text(&query, "uploadId=");
    http_encode(&query, slice_of(record->id), false);
    buf_u8(&query, 0);
    S3Call call = s3_call(S3_ABORT, record->key, (const char *)query.data);
    bool ok = s3_send(s3, &call, err);
    if (!ok && (s3_refused(&call, "NoSuchUpload") || err->code == ERR_NOT_FOUND)) {
        err_clear(err); // completed, or aborted before
        ok = true;
    }
    s3_call_release(&call);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool s3_staged_remove(S3 *s3, const char *name, Err *err) {
    char path[PATH_MAX];
    TRY(staging_path(&s3->staging, name, path, err));
    size_t size = strlen(name), suffix = strlen(RECORD_SUFFIX);
    if (size > suffix && strcmp(name + size - suffix, RECORD_SUFFIX) == 0) {
        Arena scratch;
        arena_init(&scratch, "scratch", 0);
        Record record;
        bool ok = record_load(path, &scratch, &record, err) ? abort_upload(s3, &record, err) : err->code == ERR_NONE;
        arena_release(&scratch);
        if (!ok) {
            return err_frame(err, __FILE__, __LINE__);
        }
        CRASH_POINT("store.s3.aborted");
    }
    return file_remove(path, err);
}

// --- one request -----------------------------------------------------------------------------------------------

// The object is there, whole and ours: what was staged is not needed any more. A crash in between is fine, because from
// here on the object itself says that it is this token's.
static void published(Upload *upload) {
    char path[PATH_MAX];
    Err ignored[1] = {{0}};
    CRASH_POINT("store.s3.published");
    unlink(upload->path); // what stays is swept
    CRASH_POINT("store.s3.unlinked");
    if (record_path(upload, path, ignored)) {
        unlink(path);
    }
    upload->step = STEP_DONE;
}

static void put_prepare(S3 *s3, Upload *upload) {
    upload->call = s3_call(S3_PUT, upload->key, "");
    upload->call.file = upload->fd;
    upload->call.file_size = upload->staged.size;
    s3_object_headers(s3, &upload->call, upload->id);
    upload->conditional = !s3->unconditional;
    if (upload->conditional) {
        s3_call_header(&upload->call, "if-none-match", "*");
    }
}

static void put_judge(S3 *s3, Upload *upload) {
    S3Call *call = &upload->call;
    if (call->err.code == ERR_NONE) {
        published(upload);
    } else if (call->err.code == ERR_CHANGED) {
        upload->step = STEP_LOOK; // somebody's, or ours: an earlier try's answer was lost
    } else if (s3_refused(call, "NotImplemented") && upload->conditional) {
        s3_conditions_unknown(s3);
        upload->step = STEP_LOOK;
    } else {
        upload->err = call->err;
    }
}

static void look_judge(S3 *s3, Upload *upload) {
    S3Call *call = &upload->call;
    bool found = call->err.code == ERR_NONE;
    if (!found && call->err.code != ERR_NOT_FOUND) {
        upload->err = call->err;
    } else if (found && s3_object_is(call, upload->id)) {
        char size[24];
        snprintf(size, sizeof(size), "%" PRIu64, upload->staged.size);
        if (slice_is(http_header(&call->answer, "content-length"), size)) {
            published(upload);
        } else {
            FAIL(&upload->err, ERR_STATE_CORRUPT, "s3://%s/%s is ours but has not the %s bytes that were sent",
                 s3->target.bucket, upload->key, size);
        }
    } else if (found) {
        fail_exists(s3, upload, &upload->err);
    } else if (upload->fd >= 0) {
        upload->step = upload->staged.size > 2 * (uint64_t)s3->options.part_bytes ? STEP_LARGE : STEP_PUT;
    } else if (s3->staging.missing) {
        FAIL(&upload->err, ERR_STATE_CORRUPT, "%s is gone with its folder, and s3://%s/%s was not published",
             upload->path, s3->target.bucket, upload->key);
        err_hint(&upload->err, "restore the data directory whole, or delete the pipeline and start again into an "
                               "empty prefix");
    } else {
        FAIL(&upload->err, ERR_NOT_FOUND, "s3://%s/%s: neither staged nor there", s3->target.bucket, upload->key);
    }
}

// --- multipart -------------------------------------------------------------------------------------------------

typedef struct Parts {
    S3 *s3;
    Upload *upload;
    Arena *arena;
    const char *id; // encoded, for queries
    uint64_t part_bytes;
    size_t count;
    char (*etags)[S3_ETAG_BYTES_MAX];
    char (*crcs)[12];
} Parts;

static bool begin(S3 *s3, Upload *upload, Arena *arena, Record *record, Err *err) {
    S3Call call = s3_call(S3_BEGIN, upload->key, "uploads=");
    s3_object_headers(s3, &call, upload->id);
    if (s3->checksum) {
        s3_call_header(&call, "x-amz-checksum-algorithm", "CRC32C");
    }
    Slice id = {0};
    bool ok = s3_send(s3, &call, err);
    if (ok && (!xml_find(buf_slice(&call.answer.body), "UploadId", arena, &id) || id.size == 0 ||
               memchr(id.data, '\n', id.size) != NULL)) {
        ok = FAIL(err, ERR_NET_PROTOCOL, "CreateMultipartUpload s3://%s/%s: no upload id in the answer",
                  s3->target.bucket, upload->key);
    }
    if (ok) {
        uint64_t smallest = (upload->staged.size + PARTS_MAX - 1) / PARTS_MAX;
        *record = (Record){.part_bytes = MAX((uint64_t)s3->options.part_bytes, smallest),
                           .bucket = s3->target.bucket,
                           .key = upload->key,
                           .id = arena_text(arena, id)};
        CRASH_POINT("store.s3.begun");
        ok = record_save(upload, record, err);
        CRASH_POINT("store.s3.recorded");
    }
    s3_call_release(&call);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static S3Call part_call(const Parts *parts, size_t index) {
    const char *query = arena_printf(parts->arena, "partNumber=%zu&uploadId=%s", index + 1, parts->id);
    S3Call call = s3_call(S3_PART, parts->upload->key, query);
    call.file = parts->upload->fd;
    call.file_offset = index * parts->part_bytes;
    call.file_size = MIN(parts->part_bytes, parts->upload->staged.size - call.file_offset);
    return call;
}

static bool send_parts(Parts *parts, bool *gone, Err *err) {
    size_t at_once = (size_t)parts->s3->options.requests_max * 2;
    S3Call *calls = ARENA_ARRAY(parts->arena, S3Call, at_once);
    bool ok = true;
    for (size_t first = 0; ok && first < parts->count; first += at_once) {
        size_t count = MIN(at_once, parts->count - first);
        for (size_t i = 0; i < count; i++) {
            calls[i] = part_call(parts, first + i);
        }
        s3_send_all(parts->s3, calls, count);
        for (size_t i = 0; i < count; i++) {
            *gone = *gone || s3_refused(&calls[i], "NoSuchUpload");
            if (ok && calls[i].err.code != ERR_NONE) {
                *err = calls[i].err;
                ok = err_frame(err, __FILE__, __LINE__);
            }
            ok = ok && s3_etag(&calls[i], parts->etags[first + i], err);
            memcpy(parts->crcs[first + i], calls[i].crc, sizeof(calls[i].crc));
            s3_call_release(&calls[i]);
            CRASH_POINT("store.s3.part");
        }
    }
    return ok;
}

static void complete_body(const Parts *parts, Buf *body) {
    buf_text(body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < parts->count; i++) {
        buf_printf(body, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
        xml_escape(body, slice_of(parts->etags[i]));
        buf_text(body, "</ETag>");
        if (parts->s3->checksum) {
            buf_printf(body, "<ChecksumCRC32C>%s</ChecksumCRC32C>", parts->crcs[i]);
        }
        buf_text(body, "</Part>");
    }
    buf_text(body, "</CompleteMultipartUpload>");
}

// What became of the try to complete.
typedef enum Outcome {
    OUTCOME_DONE,
    OUTCOME_FAILED, // err says why; the upload goes on at the next try
    OUTCOME_GONE,   // no such upload: completed by a try whose answer was lost, or aborted by somebody
    OUTCOME_TAKEN,  // the name is: by us, or by others
    OUTCOME_BROKEN, // the parts are not what they should be: begin again
} Outcome;

static Outcome complete(const Parts *parts, Err *err) {
    S3 *s3 = parts->s3;
    DEFER(buf_release) Buf body = {0};
    complete_body(parts, &body);
    S3Call call = s3_call(S3_COMPLETE, parts->upload->key, arena_printf(parts->arena, "uploadId=%s", parts->id));
    call.body = buf_slice(&body);
    if (!s3->unconditional) {
        s3_call_header(&call, "if-none-match", "*");
    }
    bool ok = s3_send(s3, &call, err);
    Outcome outcome = ok                                  ? OUTCOME_DONE
                      : err->code == ERR_CHANGED          ? OUTCOME_TAKEN
                      : s3_refused(&call, "NoSuchUpload") ? OUTCOME_GONE
                      : s3_refused(&call, "InvalidPart") || s3_refused(&call, "InvalidPartOrder") ||
                              s3_refused(&call, "EntityTooSmall")
                          ? OUTCOME_BROKEN
                          : OUTCOME_FAILED;
    bool unknown = s3_refused(&call, "NotImplemented") && !s3->unconditional;
    s3_call_release(&call);
    if (unknown) { // the name was looked for before the upload began
        s3_conditions_unknown(s3);
        err_clear(err);
        return complete(parts, err);
    }
    return outcome;
}

static Outcome send_upload(S3 *s3, Upload *upload, const Record *record, Arena *arena, Err *err) {
    DEFER(buf_release) Buf id = {0};
    http_encode(&id, slice_of(record->id), false);
    Parts parts = {.s3 = s3, .upload = upload, .arena = arena, .part_bytes = record->part_bytes};
    parts.id = arena_text(arena, buf_slice(&id));
    parts.count = (size_t)((upload->staged.size + record->part_bytes - 1) / record->part_bytes);
    parts.etags = arena_alloc(arena, parts.count * sizeof(*parts.etags));
    parts.crcs = arena_alloc(arena, parts.count * sizeof(*parts.crcs));
    bool gone = false;
    if (!send_parts(&parts, &gone, err)) {
        return gone ? OUTCOME_GONE : OUTCOME_FAILED;
    }
    CRASH_POINT("store.s3.parts");
    Outcome outcome = complete(&parts, err);
    if (outcome == OUTCOME_DONE) {
        CRASH_POINT("store.s3.completed");
    }
    return outcome;
}

static bool record_drop(S3 *s3, const Upload *upload, const Record *record, Err *err) {
    char path[PATH_MAX];
    TRY(record_path(upload, path, err));
    TRY(abort_upload(s3, record, err));
    return file_remove(path, err);
}

// The upload that an earlier try has begun for this key, or a new one.
static bool record_find(S3 *s3, Upload *upload, Arena *arena, Record *record, Err *err) {
    char path[PATH_MAX];
    TRY(record_path(upload, path, err));
    if (record_load(path, arena, record, err)) {
        if (strcmp(record->key, upload->key) == 0 && strcmp(record->bucket, s3->target.bucket) == 0) {
            return true;
        }
        TRY(record_drop(s3, upload, record, err)); // refused under that name
    } else if (err->code != ERR_NONE) {
        return err_frame(err, __FILE__, __LINE__);
    }
    return begin(s3, upload, arena, record, err);
}

// One try at a large file. Errors are in upload->err; the step says how it goes on.
static void large_step(S3 *s3, Upload *upload) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Record record = {0};
    Err *err = &upload->err;
    Outcome outcome = OUTCOME_FAILED;
    if (record_find(s3, upload, &scratch, &record, err)) {
        outcome = send_upload(s3, upload, &record, &scratch, err);
    }
    if (outcome == OUTCOME_DONE) {
        published(upload);
    } else if (outcome != OUTCOME_FAILED) {
        log_warn(LOG_SINK, "a multipart upload cannot be completed as it is", LOG_TEXT("key", upload->key),
                 LOG_TEXT("reason", err->message));
        err_clear(err);
        if (record_drop(s3, upload, &record, err)) {
            upload->step = STEP_LOOK; // gone because it was completed? taken by us?
        }
    }
    arena_release(&scratch);
}

// --- many ------------------------------------------------------------------------------------------------------

static bool upload_init(S3 *s3, Upload *upload, const StoreItem *item, Arena *arena, Err *err) {
    *upload = (Upload){.item = item, .fd = -1};
    TRY(token_parse(item->token, &upload->staged, err));
    TRY(s3_key(s3, item->name, arena, &upload->key, err));
    TRY(staging_path(&s3->staging, upload->staged.name, upload->path, err));
    upload->id = arena_printf(arena, "%s-%s", s3->owner, upload->staged.name);
    upload->fd = open(upload->path, O_RDONLY | O_CLOEXEC);
    if (upload->fd < 0) {
        upload->step = STEP_LOOK;
        return errno == ENOENT || FAIL_ERRNO(err, "open %s", upload->path);
    }
    uint64_t size = 0;
    TRY(file_size(upload->fd, upload->path, &size, err));
    if (size != upload->staged.size) {
        return FAIL(err, ERR_STATE_CORRUPT, "%s has %" PRIu64 " bytes, %" PRIu64 " were staged", upload->path, size,
                    upload->staged.size);
    }
    bool large = size > 2 * (uint64_t)s3->options.part_bytes; // looked for first: parts are too much to send in vain
    upload->step = large || s3->unconditional ? STEP_LOOK : STEP_PUT;
    return true;
}

// All that are at this step, several at once.
static void step_together(S3 *s3, Upload *uploads, size_t count, Step step) {
    S3Call *calls = calloc(count, sizeof(*calls));
    ASSERT(calls != NULL);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (uploads[i].step == step && uploads[i].err.code == ERR_NONE) {
            if (step == STEP_PUT) {
                put_prepare(s3, &uploads[i]);
            } else {
                uploads[i].call = s3_call(S3_HEAD, uploads[i].key, "");
            }
            calls[used++] = uploads[i].call;
        }
    }
    s3_send_all(s3, calls, used);
    for (size_t i = 0, at = 0; at < used; i++) {
        if (uploads[i].step == step && uploads[i].err.code == ERR_NONE) {
            uploads[i].call = calls[at++];
            (step == STEP_PUT ? put_judge : look_judge)(s3, &uploads[i]);
            s3_call_release(&uploads[i].call);
        }
    }
    free(calls);
}

static bool at_step(const Upload *uploads, size_t count, Step step) {
    for (size_t i = 0; i < count; i++) {
        if (uploads[i].step == step && uploads[i].err.code == ERR_NONE) {
            return true;
        }
    }
    return false;
}

static void window_run(S3 *s3, Upload *uploads, size_t count) {
    for (int steps = 0; steps < STEPS_MAX; steps++) {
        if (at_step(uploads, count, STEP_LOOK)) {
            step_together(s3, uploads, count, STEP_LOOK);
        }
        if (at_step(uploads, count, STEP_PUT)) {
            step_together(s3, uploads, count, STEP_PUT);
        }
        for (size_t i = 0; i < count; i++) {
            if (uploads[i].step == STEP_LARGE && uploads[i].err.code == ERR_NONE) {
                large_step(s3, &uploads[i]);
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (uploads[i].step != STEP_DONE && uploads[i].err.code == ERR_NONE) {
            FAIL(&uploads[i].err, ERR_NET_BUSY, "s3://%s/%s comes and goes while it is published", s3->target.bucket,
                 uploads[i].key);
        }
    }
}

// As many items as may be under way together: their number and the bytes that are hashed before the first is sent.
static bool window_open(S3 *s3, const StoreItem *items, size_t count, Upload *uploads, size_t *opened, Arena *arena,
                        Err *err) {
    uint64_t bytes = 0;
    *opened = 0;
    while (*opened < MIN(count, (size_t)WINDOW_ITEMS) && bytes < WINDOW_BYTES) {
        Upload *upload = &uploads[(*opened)++]; // counted also when it fails: its descriptor is to be closed
        TRY(upload_init(s3, upload, &items[*opened - 1], arena, err));
        bytes += upload->step == STEP_PUT ? upload->staged.size : 0;
    }
    return true;
}

bool s3_publish_all(S3 *s3, const StoreItem *items, size_t count, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    bool ok = true;
    for (size_t first = 0; ok && first < count;) {
        size_t opened = 0;
        arena_reset(&scratch);
        Upload *uploads = ARENA_ARRAY(&scratch, Upload, MIN(count - first, (size_t)WINDOW_ITEMS));
        ok = window_open(s3, items + first, count - first, uploads, &opened, &scratch, err);
        if (ok) {
            window_run(s3, uploads, opened);
        }
        for (size_t i = 0; i < opened; i++) {
            if (ok && uploads[i].err.code != ERR_NONE) {
                *err = uploads[i].err;
                ok = err_frame(err, __FILE__, __LINE__);
            }
            file_close(&uploads[i].fd);
        }
        first += opened;
    }
    arena_release(&scratch);
    return ok;
}
