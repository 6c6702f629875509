// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/verifier.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/random.h"
#include "flow/pipeline/request.h"
#include "flow/pipeline/verify_json.h"
#include "flow/pipeline/verify_state.h"

#include <pthread.h>
#include <stdatomic.h>

#define LOOK_US 1000000 // between looks for requests

struct Verifier {
    const PipelineConfig *config;
    VerifyState *state;
    Buf json;
    bool changed; // since `json` was written
    int64_t look_at;
    // Of the one that runs:
    Arena arena;
    bool running;
    VerifyRequest request; // tables "" = all, file NULL = by the clock
    pthread_t thread;
    volatile bool stop;
    _Atomic bool ended;
    // Its outcome, once it has ended:
    Buf found;
    Err err;
    VerifyOutcome outcome;
    int64_t taken_ms;
    size_t differ, not_compared, count; // tables

    pthread_mutex_t mutex; // over what follows
    VerifyStep step;
    char table[256];
    bool stepped;
};

// --- the thread ------------------------------------------------------------------------------------------------

static void told(void *context, VerifyStep step, Slice topic) {
    Verifier *verifier = context;
    pthread_mutex_lock(&verifier->mutex);
    verifier->step = step;
    verifier->stepped = true;
    snprintf(verifier->table, sizeof(verifier->table), "%.*s", SLICE_ARG(topic));
    pthread_mutex_unlock(&verifier->mutex);
}

static void outcome_take(Verifier *verifier, const Verified *verified) {
    verified_json(&verifier->found, verifier->config->name, verified, VERIFY_COUNTS);
    verifier->outcome = verified->outcome;
    verifier->taken_ms = verified->taken_us / 1000;
    verifier->count = verified->count;
    for (size_t i = 0; i < verified->count; i++) {
        verifier->differ += verified->tables[i].outcome == VERIFY_DIFFERS;
        verifier->not_compared += verified->tables[i].outcome == VERIFY_NOT_COMPARED;
    }
}

static void *verify_thread(void *context) {
    Verifier *verifier = context;
    const PipelineOptions *options = &verifier->config->options;
    VerifyHow how = {.tables = verifier->request.tables,
                     .bytes_per_second = (uint64_t)options->verify_max_rate,
                     .memory_bytes_max = (size_t)options->memory_limit,
                     .differences_max = 1, // they are counted, not kept
                     .stop = &verifier->stop,
                     .told = told,
                     .context = verifier};
    VerifyRun *run = NULL;
    Verified verified;
    if (pipeline_verify(verifier->config, &how, &verifier->arena, &run, &verified, &verifier->err)) {
        outcome_take(verifier, &verified);
        pipeline_verify_end(run);
    }
    verifier->ended = true;
    return NULL;
}

// --- beginning and end -----------------------------------------------------------------------------------------

static void state_save(Verifier *verifier) {
    Err err[1] = {{0}};
    verifier->changed = true;
    if (!verify_state_save(verifier->state, verifier->config->directory, err)) {
        log_err(LOG_PIPELINE, "what is known of verifications cannot be written", err);
    }
}

static void failure_take(Verifier *verifier, const Err *err) {
    buf_reset(&verifier->found);
    verify_failed_json(&verifier->found, verifier->config->name, err);
    verifier->outcome = VERIFY_NOT_COMPARED;
}

static void outcome_log(const Verifier *verifier, const Err *err) {
    if (err->code != ERR_NONE) {
        log_err(LOG_PIPELINE, "the pipeline could not be verified", err);
    } else {
        log_fields(verifier->outcome == VERIFY_EQUAL ? LOG_INFO : LOG_WARN, LOG_PIPELINE, "the pipeline was verified",
                   (const LogField[]){LOG_TEXT("result", verify_outcome_name(verifier->outcome)),
                                      LOG_UINT("tables", verifier->count), LOG_UINT("differ", verifier->differ),
                                      LOG_UINT("not_compared", verifier->not_compared), LOG_END});
    }
}

static void verify_begin(Verifier *verifier) {
    char id[24];
    const VerifyRequest *request = &verifier->request;
    Err err[1] = {{0}};
    snprintf(id, sizeof(id), "%016" PRIx64, random_number());
    verifier->stop = false;
    verifier->ended = false;
    verifier->err = (Err){0};
    verifier->differ = verifier->not_compared = verifier->count = 0;
    buf_reset(&verifier->found);
    verify_state_begin(verifier->state, request->id != NULL ? request->id : id,
                       request->file != NULL ? "request" : "schedule", request->tables);
    state_save(verifier); // a process that it should end is found out by the next
    int failed = pthread_create(&verifier->thread, NULL, verify_thread, verifier);
    verifier->running = failed == 0;
    if (failed != 0 && !err_errno(err, __FILE__, __LINE__, failed, "start a thread")) {
        failure_take(verifier, err);
        outcome_log(verifier, err);
        verify_state_end(verifier->state, buf_slice(&verifier->found), 0);
        state_save(verifier);
    }
}

static void verify_finish(Verifier *verifier) {
    pthread_join(verifier->thread, NULL);
    verifier->running = false;
    if (verifier->err.code == ERR_INTERRUPTED) { // a request stays
        verify_state_drop(verifier->state);
        state_save(verifier);
    } else {
        if (verifier->err.code != ERR_NONE) {
            failure_take(verifier, &verifier->err);
        }
        outcome_log(verifier, &verifier->err);
        verify_state_end(verifier->state, buf_slice(&verifier->found), verifier->taken_ms);
        state_save(verifier);
        pipeline_verify_taken(&verifier->request);
    }
    verifier->request = (VerifyRequest){0};
    arena_reset(&verifier->arena);
}

// --- what is due -----------------------------------------------------------------------------------------------

// A clock that was set back does not put it off for ever.
static bool due(const Verifier *verifier) {
    int64_t interval_ms = verifier->config->options.verify_interval_ms, now_ms = clock_wall_us() / 1000;
    int64_t last_ms = MIN(verify_state_ended_ms(verifier->state), now_ms);
    return interval_ms > 0 && (last_ms == 0 || now_ms - last_ms >= interval_ms);
}

static void look(Verifier *verifier, bool streaming) {
    int64_t now = clock_monotonic_us();
    if (now < verifier->look_at) {
        return;
    }
    verifier->look_at = now + LOOK_US;
    verifier->request = (VerifyRequest){.tables = ""};
    if (pipeline_verify_wanted(verifier->config, &verifier->arena, &verifier->request) ||
        (streaming && due(verifier))) {
        verify_begin(verifier);
    } else {
        arena_reset(&verifier->arena);
    }
}

static void step_take(Verifier *verifier) {
    static const char *const NAMES[] = {
        [VERIFY_STEP_RUN] = "run",       [VERIFY_STEP_HOLD] = "hold",       [VERIFY_STEP_MOMENT] = "moment",
        [VERIFY_STEP_COMMIT] = "commit", [VERIFY_STEP_COMPARE] = "compare", [VERIFY_STEP_REPAIR] = "repair"};
    pthread_mutex_lock(&verifier->mutex);
    if (verifier->stepped) {
        verifier->stepped = false;
        verifier->changed = true;
        verify_state_step(verifier->state, NAMES[verifier->step], slice_of(verifier->table));
    }
    pthread_mutex_unlock(&verifier->mutex);
}

void verifier_turn(Verifier *verifier, bool streaming) {
    if (!verifier->running) {
        look(verifier, streaming);
        return;
    }
    step_take(verifier);
    if (verifier->ended) {
        verify_finish(verifier);
    }
}

Slice verifier_json(Verifier *verifier) {
    if (verifier->changed) {
        verifier->changed = false;
        buf_reset(&verifier->json);
        verify_state_json(verifier->state, &verifier->json);
    }
    return buf_slice(&verifier->json);
}

// --- life ------------------------------------------------------------------------------------------------------

// The process that ran it has ended with it: it may have been its fault, so it is not begun anew at once.
static void broken_off(Verifier *verifier) {
    Err err[1] = {{0}};
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    VerifyRequest request = {0};
    const char *id = verify_state_running(verifier->state);
    if (id == NULL) {
        return;
    }
    if (pipeline_verify_wanted(verifier->config, &scratch, &request) && strcmp(request.id, id) == 0) {
        pipeline_verify_taken(&request);
    }
    if (!FAIL(err, ERR_INTERRUPTED, "the process that ran the pipeline ended while it was verified")) {
        failure_take(verifier, err);
        outcome_log(verifier, err);
    }
    verify_state_end(verifier->state, buf_slice(&verifier->found), 0);
    state_save(verifier);
}

Verifier *verifier_new(const PipelineConfig *config) {
    Err err[1] = {{0}};
    VerifyState *state = NULL;
    if (!verify_state_load(config->directory, &state, err)) {
        log_err(LOG_PIPELINE, "what is known of verifications cannot be read", err);
        if (err->code == ERR_FORMAT_NEWER) {
            return NULL;
        }
        state = verify_state_new();
    }
    Verifier *verifier = calloc(1, sizeof(*verifier));
    ASSERT(verifier != NULL);
    verifier->config = config;
    verifier->state = state;
    verifier->changed = true;
    arena_init(&verifier->arena, "batch", 0);
    pthread_mutex_init(&verifier->mutex, NULL);
    broken_off(verifier);
    return verifier;
}

void verifier_end(Verifier *verifier) {
    if (verifier == NULL) {
        return;
    }
    if (verifier->running) {
        verifier->stop = true;
        verify_finish(verifier);
    }
    verify_state_free(verifier->state);
    buf_release(&verifier->json);
    buf_release(&verifier->found);
    arena_release(&verifier->arena);
    pthread_mutex_destroy(&verifier->mutex);
    free(verifier);
}
