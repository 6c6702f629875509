// SPDX-License-Identifier: Apache-2.0
// A's side of hand.h.
#include "core/base/json.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "core/sys/random.h"
#include "flow/sink/iceberg/hand.h"

#include <jansson.h>

#define ANSWER_BYTES_MAX (256 * MIB)

enum {
    POLL_US = 50000,
    LOCK_US = 5 * 1000000, // O looks at the lock for a moment only
    SAY_US = 3 * 1000000,
    TAKEN_US = 120 * 1000000,
};

typedef struct Asking {
    const HandAsk *ask;
    Arena *arena;
    const char *lock_path, *ask_path, *answer_path;
    char id[HAND_ID_BYTES];
    int lock;
} Asking;

static const char *const VERBS[] = {[HAND_REWRITE] = "rewrite", [HAND_EXPIRE] = "expire", [HAND_ORPHANS] = "orphans"};

// --- answers ---------------------------------------------------------------------------------------------------

static uint64_t number_of(const json_t *json, const char *name) {
    return (uint64_t)json_integer_value(json_object_get(json, name));
}

static const char *text_of(const json_t *json, const char *name) {
    const char *text = json_string_value(json_object_get(json, name));
    return text != NULL ? text : "";
}

static void done_take(Asking *asking, const json_t *json, HandDone *done) {
    const json_t *removed = json_object_get(json, "removed");
    size_t count = json_array_size(removed);
    HandFile *files = ARENA_ARRAY(asking->arena, HandFile, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *file = json_array_get(removed, i);
        files[i] = (HandFile){arena_slice(asking->arena, slice_of(text_of(file, "file"))), number_of(file, "bytes")};
    }
    *done = (HandDone){.files_before = number_of(json, "files_before"),
                       .files_made = number_of(json, "files_made"),
                       .rows_dropped = number_of(json, "rows_dropped"),
                       .deletes_before = number_of(json, "deletes_before"),
                       .deletes_made = number_of(json, "deletes_made"),
                       .commits = number_of(json, "commits"),
                       .snapshots_before = number_of(json, "snapshots_before"),
                       .snapshots_expired = number_of(json, "snapshots_expired"),
                       .refs_expired = number_of(json, "refs_expired"),
                       .files = number_of(json, "files"),
                       .bytes = number_of(json, "bytes"),
                       .removed = files,
                       .removed_count = count};
}

static ErrCode code_of(const char *name) {
    for (ErrCode code = ERR_NONE + 1; code < ERR_INTERNAL; code++) {
        if (strcmp(err_name(code), name) == 0) {
            return code;
        }
    }
    return ERR_INTERNAL;
}

static bool failed(const json_t *json, Err *err) {
    const char *hint = text_of(json, "hint");
    FAIL(err, code_of(text_of(json, "error")), "%s", text_of(json, "message"));
    return hint[0] != '\0' ? err_hint(err, "%s", hint) : false;
}

// *taken, *ended: what the newest answer to this question says.
static bool answer_look(Asking *asking, bool *taken, bool *ended, HandDone *done, Err *err) {
    Slice bytes;
    if (!file_exists(asking->answer_path)) {
        return true;
    }
    if (!file_read_all(asking->answer_path, ANSWER_BYTES_MAX, asking->arena, &bytes, err)) {
        return err->code == ERR_NOT_FOUND ? (err_clear(err), true) : err_frame(err, __FILE__, __LINE__);
    }
    json_t *json = json_loadb((const char *)bytes.data, bytes.size, 0, NULL);
    bool ours = strcmp(text_of(json, "id"), asking->id) == 0, ok = true;
    const char *state = text_of(json, "state");
    *taken = *taken || ours;
    *ended = ours && strcmp(state, "taken") != 0;
    if (*ended && strcmp(state, "failed") == 0) {
        ok = failed(json, err);
    } else if (*ended) {
        done_take(asking, json, done);
    }
    json_decref(json);
    return ok;
}

static bool silent(const Asking *asking, int pid, Err *err) {
    FAIL(err, ERR_LOCKED, "the process that runs %s (pid %d) does not answer", asking->ask->owner, pid);
    return err_hint(err, "see leat status: is its sink in trouble?");
}

static bool await(Asking *asking, HandDone *done, bool *lost, Err *err) {
    const HandAsk *ask = asking->ask;
    int64_t began_us = clock_monotonic_us();
    bool said = false, taken = false, ended = false;
    for (;;) {
        int pid;
        *lost = !file_locked(ask->owner_lock, &pid);
        TRY(answer_look(asking, &taken, &ended, done, err));
        if (ended) {
            *lost = false;
            return true;
        }
        if (*lost) {
            return true;
        }
        if (ask->stop != NULL && *ask->stop) {
            return FAIL(err, ERR_INTERRUPTED, "stopped");
        }
        int64_t waited_us = clock_monotonic_us() - began_us;
        if (!taken && waited_us > TAKEN_US) {
            return silent(asking, pid, err);
        }
        if (!said && waited_us > SAY_US && ask->waiting != NULL) {
            ask->waiting(ask->context);
            said = true;
        }
        clock_sleep_us(POLL_US);
    }
}

// --- the question ----------------------------------------------------------------------------------------------

static bool ask_write(Asking *asking, const HandWork *work, Err *err) {
    DEFER(buf_release) Buf text = {0};
    Arena *arena = asking->arena;
    snprintf(asking->id, sizeof(asking->id), "%016" PRIx64, random_number());
    buf_u8(&text, '{');
    json_field_text(&text, "id", asking->id);
    json_field_text(&text, "do", VERBS[work->verb]);
    json_field_text(&text, "namespace", arena_text(arena, work->name.space));
    json_field_text(&text, "table", arena_text(arena, work->name.table));
    json_field_uint(&text, "files_min", work->files_min);
    json_field_int(&text, "target_bytes", work->target_bytes);
    json_field_int(&text, "before_ms", work->before_ms);
    json_field_uint(&text, "keep", work->keep);
    buf_text(&text, "}\n");
    return file_replace(asking->ask_path, buf_slice(&text), err);
}

static bool lock_take(Asking *asking, Err *err) {
    int64_t deadline_us = clock_monotonic_us() + LOCK_US;
    while (!file_lock(asking->lock_path, &asking->lock, err)) {
        if (err->code != ERR_LOCKED || clock_monotonic_us() > deadline_us) {
            err_prefix(err, "another command is at work on a table of %s", asking->ask->owner);
            return false;
        }
        err_clear(err);
        clock_sleep_us(POLL_US);
    }
    return true;
}

static bool asked(Asking *asking, const HandWork *work, HandDone *done, bool *lost, Err *err) {
    TRY(lock_take(asking, err));
    TRY(file_remove(asking->answer_path, err)); // of one before, that was killed
    TRY(ask_write(asking, work, err));
    CRASH_POINT("lake.hand.asked");
    bool ok = await(asking, done, lost, err);
    Err ignored[1] = {{0}};
    (void)!file_remove(asking->ask_path, ignored);
    (void)!file_remove(asking->answer_path, ignored);
    return ok;
}

bool hand_ask(const HandAsk *ask, const HandWork *work, Arena *arena, HandDone *done, bool *lost, Err *err) {
    const char *folder = arena_printf(arena, "%s/hand", ask->state_directory);
    Asking asking = {.ask = ask,
                     .arena = arena,
                     .lock_path = arena_printf(arena, "%s/lock", folder),
                     .ask_path = arena_printf(arena, "%s/ask.json", folder),
                     .answer_path = arena_printf(arena, "%s/answer.json", folder),
                     .lock = -1};
    *lost = false;
    *done = (HandDone){0};
    bool ok = file_make_directories(folder, err) && asked(&asking, work, done, lost, err);
    file_close(&asking.lock);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- O's side --------------------------------------------------------------------------------------------------

#define ASK_BYTES_MAX (64 * KIB)

static const char *path_of(const char *state_directory, const char *name, Arena *arena) {
    return arena_printf(arena, "%s/hand/%s", state_directory, name);
}

// A is gone. Its question goes under its lock: another A may just begin.
static bool abandoned(const char *state_directory, Arena *arena, Err *err) {
    int lock = -1;
    if (!file_lock(path_of(state_directory, "lock", arena), &lock, err)) {
        return err->code == ERR_LOCKED ? (err_clear(err), true) : err_frame(err, __FILE__, __LINE__);
    }
    bool ok = file_remove(path_of(state_directory, "ask.json", arena), err) &&
              file_remove(path_of(state_directory, "answer.json", arena), err);
    file_close(&lock);
    return ok;
}

bool hand_waits(const char *state_directory) {
    DEFER(arena_release) Arena scratch;
    arena_init_small(&scratch, "scratch", 512);
    int pid;
    return file_locked(path_of(state_directory, "lock", &scratch), &pid);
}

static bool handed_take(const json_t *json, Arena *arena, Handed *handed) {
    const char *verb = text_of(json, "do");
    size_t at = 0;
    while (at < ARRAY_LEN(VERBS) && strcmp(verb, VERBS[at]) != 0) {
        at++;
    }
    snprintf(handed->id, sizeof(handed->id), "%s", text_of(json, "id"));
    handed->work = (HandWork){.verb = (HandVerb)MIN(at, (size_t)HAND_ORPHANS),
                              .name = {arena_slice(arena, slice_of(text_of(json, "namespace"))),
                                       arena_slice(arena, slice_of(text_of(json, "table")))},
                              .files_min = number_of(json, "files_min"),
                              .target_bytes = (int64_t)number_of(json, "target_bytes"),
                              .before_ms = (int64_t)number_of(json, "before_ms"),
                              .keep = number_of(json, "keep")};
    return at < ARRAY_LEN(VERBS) && handed->id[0] != '\0';
}

bool hand_look(const char *state_directory, Arena *arena, Handed *handed, bool *there, Err *err) {
    Slice bytes;
    const char *path = path_of(state_directory, "ask.json", arena);
    *there = false;
    if (!file_exists(path)) {
        return true;
    }
    if (!hand_waits(state_directory)) {
        return abandoned(state_directory, arena, err);
    }
    if (!file_read_all(path, ASK_BYTES_MAX, arena, &bytes, err)) {
        return err->code == ERR_NOT_FOUND ? (err_clear(err), true) : err_frame(err, __FILE__, __LINE__);
    }
    json_t *json = json_loadb((const char *)bytes.data, bytes.size, 0, NULL);
    *there = handed_take(json, arena, handed);
    json_decref(json);
    return *there || FAIL(err, ERR_STATE_CORRUPT, "%s is not understood", path);
}

static bool answer_put(const char *state_directory, const Buf *text, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init_small(&scratch, "scratch", 512);
    return file_replace(path_of(state_directory, "answer.json", &scratch), buf_slice(text), err);
}

bool hand_take(const char *state_directory, const Handed *handed, Err *err) {
    DEFER(buf_release) Buf text = {0};
    buf_u8(&text, '{');
    json_field_text(&text, "id", handed->id);
    json_field_text(&text, "state", "taken");
    buf_text(&text, "}\n");
    return answer_put(state_directory, &text, err);
}

static void done_write(const HandDone *done, Buf *text) {
    json_field_uint(text, "files_before", done->files_before);
    json_field_uint(text, "files_made", done->files_made);
    json_field_uint(text, "rows_dropped", done->rows_dropped);
    json_field_uint(text, "deletes_before", done->deletes_before);
    json_field_uint(text, "deletes_made", done->deletes_made);
    json_field_uint(text, "commits", done->commits);
    json_field_uint(text, "snapshots_before", done->snapshots_before);
    json_field_uint(text, "snapshots_expired", done->snapshots_expired);
    json_field_uint(text, "refs_expired", done->refs_expired);
    json_field_uint(text, "files", done->files);
    json_field_uint(text, "bytes", done->bytes);
    json_key(text, "removed");
    for (size_t i = 0; i < done->removed_count; i++) {
        buf_text(text, i == 0 ? "[{" : ",{");
        json_key(text, "file");
        json_quote(text, done->removed[i].uri);
        json_field_uint(text, "bytes", done->removed[i].size);
        buf_u8(text, '}');
    }
    buf_text(text, done->removed_count == 0 ? "[]" : "]");
}

bool hand_answer(const char *state_directory, const Handed *handed, const HandDone *done, const Err *why, Err *err) {
    DEFER(buf_release) Buf text = {0};
    buf_u8(&text, '{');
    json_field_text(&text, "id", handed->id);
    json_field_text(&text, "state", why == NULL ? "done" : "failed");
    if (why != NULL) {
        json_field_text(&text, "error", err_name(why->code));
        json_field_text(&text, "message", why->message);
        json_field_text(&text, "hint", why->hint);
    } else {
        done_write(done, &text);
    }
    buf_text(&text, "}\n");
    return answer_put(state_directory, &text, err);
}
