// SPDX-License-Identifier: Apache-2.0
// V's side of hold.h.
#include "flow/pipeline/hold.h"

#include "core/base/json.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/random.h"

#include <jansson.h>

#define ANSWER_BYTES_MAX (64 * MIB)

enum {
    POLL_US = 50000,
    IDLE_US = 1000000,
    LOCK_US = 5 * 1000000, // O looks at the lock for a moment only
    ID_BYTES = 40,
};

struct Hold {
    const PipelineConfig *config;
    Arena run, answer; // `answer`: the newest one
    char *lock_path, *ask_path, *answer_path, *pipeline_lock, *corrections;
    int lock;
    char id[ID_BYTES], instance[ID_BYTES];
};

bool hold_open(const PipelineConfig *config, Hold **hold, Err *err) {
    Hold *opened = calloc(1, sizeof(*opened));
    ASSERT(opened != NULL);
    *opened = (Hold){.config = config, .lock = -1};
    arena_init(&opened->run, "run", 0);
    arena_init(&opened->answer, "batch", 0);
    const char *requests = arena_printf(&opened->run, "%s/requests", config->directory);
    opened->lock_path = arena_printf(&opened->run, "%s/hold.lock", requests);
    opened->ask_path = arena_printf(&opened->run, "%s/hold.json", requests);
    opened->answer_path = arena_printf(&opened->run, "%s/hold.answer.json", requests);
    opened->corrections = arena_printf(&opened->run, "%s/corrections", requests);
    opened->pipeline_lock = arena_printf(&opened->run, "%s/lock", config->directory);
    bool ok = file_make_directories(requests, err);
    int64_t deadline = clock_monotonic_us() + LOCK_US;
    while (ok && !file_lock(opened->lock_path, &opened->lock, err)) {
        if (err->code != ERR_LOCKED || clock_monotonic_us() > deadline) {
            ok = false;
            err_prefix(err, "another comparison of pipeline %s is under way", config->name);
            break;
        }
        err_clear(err);
        clock_sleep_us(POLL_US);
    }
    if (!ok || !file_remove_tree(opened->corrections, err)) { // of one that was killed
        hold_close(opened);
        return err_frame(err, __FILE__, __LINE__);
    }
    *hold = opened;
    return true;
}

void hold_close(Hold *hold) {
    if (hold == NULL) {
        return;
    }
    Err ignored[1] = {{0}};
    if (hold->lock >= 0) { // without the question O lets go; it also would when only the lock is gone
        (void)!file_remove(hold->ask_path, ignored);
        (void)!file_remove_tree(hold->corrections, ignored);
    }
    file_close(&hold->lock);
    arena_release(&hold->answer);
    arena_release(&hold->run);
    free(hold);
}

const char *hold_corrections(const Hold *hold) {
    return hold->corrections;
}

// --- answers ---------------------------------------------------------------------------------------------------

static ErrCode code_of(const char *name) {
    for (ErrCode code = ERR_NONE + 1; code < ERR_INTERNAL; code++) {
        if (strcmp(err_name(code), name) == 0) {
            return code;
        }
    }
    return ERR_INTERNAL;
}

static const char *text_of(Hold *hold, const json_t *json, const char *name) {
    const char *text = json_string_value(json_object_get(json, name));
    return text != NULL ? arena_text(&hold->answer, slice_of(text)) : NULL;
}

static void tables_take(Hold *hold, const json_t *json, HoldAnswer *answer) {
    const json_t *tables = json_object_get(json, "tables");
    answer->table_count = json_array_size(tables);
    answer->tables = ARENA_ARRAY(&hold->answer, HoldTable, answer->table_count + 1);
    for (size_t i = 0; i < answer->table_count; i++) {
        const json_t *table = json_array_get(tables, i);
        const char *name = text_of(hold, table, "name");
        answer->tables[i].name = name != NULL ? name : "";
        answer->tables[i].reason = text_of(hold, table, "reason");
        answer->tables[i].whole = answer->tables[i].reason == NULL;
    }
}

static uint64_t number_of(const json_t *json, const char *name) {
    return (uint64_t)json_integer_value(json_object_get(json, name));
}

// *there false: none to this question yet.
static bool answer_take(Hold *hold, const json_t *json, bool *there, HoldAnswer *answer, Err *err) {
    const char *id = text_of(hold, json, "id"), *state = text_of(hold, json, "state");
    const char *instance = text_of(hold, json, "instance");
    *there = id != NULL && state != NULL && instance != NULL && strcmp(id, hold->id) == 0;
    if (!*there) {
        return true;
    }
    *answer = (HoldAnswer){.lost = strcmp(state, "lost") == 0,
                           .repair = {.put = number_of(json, "put"),
                                      .removed = number_of(json, "removed"),
                                      .passed_over = number_of(json, "passed_over")}};
    snprintf(hold->instance, sizeof(hold->instance), "%s", instance);
    tables_take(hold, json, answer);
    if (strcmp(state, "failed") == 0) {
        const char *name = text_of(hold, json, "error"), *message = text_of(hold, json, "message");
        const char *hint = text_of(hold, json, "hint");
        FAIL(err, code_of(name != NULL ? name : ""), "%s", message != NULL ? message : "the pipeline refuses");
        return hint != NULL && hint[0] != '\0' ? err_hint(err, "%s", hint) : false;
    }
    return true;
}

static bool answer_look(Hold *hold, bool *there, HoldAnswer *answer, Err *err) {
    *there = false;
    Slice bytes;
    arena_reset(&hold->answer);
    if (!file_exists(hold->answer_path)) {
        return true;
    }
    if (!file_read_all(hold->answer_path, ANSWER_BYTES_MAX, &hold->answer, &bytes, err)) {
        return err->code == ERR_NOT_FOUND ? (err_clear(err), true) : err_frame(err, __FILE__, __LINE__);
    }
    json_t *json = json_loadb((const char *)bytes.data, bytes.size, 0, NULL);
    bool ok = answer_take(hold, json, there, answer, err);
    json_decref(json);
    return ok;
}

static bool await(Hold *hold, const HoldWait *wait, HoldAnswer *answer, Err *err) {
    int64_t now = clock_monotonic_us(), deadline = now + wait->timeout_ms * INT64_C(1000), idle_at = now + IDLE_US;
    for (bool there = false;; now = clock_monotonic_us()) {
        int pid;
        bool running = file_locked(hold->pipeline_lock, &pid);
        TRY(answer_look(hold, &there, answer, err));
        if (there) {
            return true;
        }
        if (wait->stop != NULL && *wait->stop) {
            return FAIL(err, ERR_INTERRUPTED, "stopped");
        }
        if (!running) {
            *answer = (HoldAnswer){.lost = true};
            return true;
        }
        if (now > deadline) {
            FAIL(err, ERR_LOCKED, "the process that runs pipeline %s (pid %d) does not answer", hold->config->name,
                 pid);
            return err_hint(err, "see leat status %s: is its sink or source in trouble?", hold->config->name);
        }
        if (wait->idle != NULL && now > idle_at) {
            idle_at = now + IDLE_US;
            TRY(wait->idle(wait->context, err));
        }
        clock_sleep_us(POLL_US);
    }
}

// --- questions -------------------------------------------------------------------------------------------------

static bool ask(Hold *hold, const char *what, const SourceMoment *moment, const char *corrections, Err *err) {
    DEFER(buf_release) Buf text = {0};
    snprintf(hold->id, sizeof(hold->id), "%016" PRIx64, random_number());
    buf_u8(&text, '{');
    json_field_text(&text, "id", hold->id);
    json_field_text(&text, "do", what);
    json_field_text(&text, "instance", hold->instance);
    if (moment != NULL) {
        char hex[2 * POSITION_BYTES_MAX + 1] = "", limit[24];
        for (size_t i = 0; i < moment->position.size; i++) {
            snprintf(hex + 2 * i, 3, "%02x", moment->position.bytes[i]);
        }
        snprintf(limit, sizeof(limit), "%" PRIu64, moment->commit_lsn);
        json_field_text(&text, "position", hex);
        json_field_text(&text, "limit", limit);
    }
    if (corrections != NULL) {
        json_field_text(&text, "corrections", corrections);
    }
    buf_text(&text, "}\n");
    return file_replace(hold->ask_path, buf_slice(&text), err);
}

bool hold_hold(Hold *hold, const HoldWait *wait, HoldAnswer *answer, Err *err) {
    hold->instance[0] = '\0';
    return ask(hold, "hold", NULL, NULL, err) && await(hold, wait, answer, err);
}

bool hold_commit(Hold *hold, const SourceMoment *moment, const HoldWait *wait, HoldAnswer *answer, Err *err) {
    return ask(hold, "commit", moment, NULL, err) && await(hold, wait, answer, err);
}

bool hold_repair(Hold *hold, const char *corrections, const HoldWait *wait, HoldAnswer *answer, Err *err) {
    return ask(hold, "repair", NULL, corrections, err) && await(hold, wait, answer, err);
}

bool hold_tables(Hold *hold, HoldAnswer *answer, Err *err) {
    bool there = false;
    *answer = (HoldAnswer){0};
    return answer_look(hold, &there, answer, err);
}
