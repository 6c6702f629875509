// SPDX-License-Identifier: Apache-2.0
// What leat's server and Connect's workers say over REST.
#include "core/sys/clock.h"
#include "surface/cli/takeover.h"

#include <jansson.h>

enum { BUSY_US = 60000000, WAIT_US = 120000000, LOOK_US = 200000 };

static json_t *parsed(Slice answer, Err *err) {
    json_t *root = json_loadb((const char *)answer.data, answer.size, JSON_DECODE_ANY, NULL);
    if (root == NULL) {
        FAIL(err, ERR_NET_PROTOCOL, "the server's answer is no JSON");
    }
    return root;
}

void takeover_server_look(Takeover *takeover) {
    Err err[1] = {{0}};
    takeover->leat_answers = rest_call(&takeover->leat, "GET", "/", (Slice){0}, NULL, err);
    takeover->leat_silence = takeover->leat_answers ? NULL : arena_text(takeover->arena, slice_of(err->message));
    err_clear(err);
}

static void findings(Takeover *takeover, TakeoverItem *item, const json_t *root) {
    const json_t *configs = json_object_get(root, "configs");
    for (size_t i = 0; i < json_array_size(configs); i++) {
        const json_t *value = json_object_get(json_array_get(configs, i), "value");
        const char *name = json_string_value(json_object_get(value, "name"));
        const json_t *errors = json_object_get(value, "errors");
        for (size_t j = 0; j < json_array_size(errors); j++) {
            const char *text = json_string_value(json_array_get(errors, j));
            takeover_note(takeover, item, true, "%s: %s", name != NULL ? name : "", text != NULL ? text : "");
        }
    }
}

bool takeover_server_validate(Takeover *takeover, TakeoverItem *item, Err *err) {
    DEFER(buf_release) Buf body = {0};
    Slice answer;
    Properties config = item->config;
    properties_set(takeover->arena, &config, SLICE("name"), slice_of(item->connector->name));
    properties_json(&body, &config);
    const char *place = rest_path(takeover->cli, "/connector-plugins/%s/config/validate", item->plugin->class_name);
    TRY(rest_call(&takeover->leat, "PUT", place, buf_slice(&body), &answer, err));
    json_t *root = parsed(answer, err);
    TRY(root != NULL);
    findings(takeover, item, root);
    json_decref(root);
    return true;
}

bool takeover_server_state(Takeover *takeover, TakeoverItem *item, Err *err) {
    TakeoverState state;
    TRY(takeover_state(takeover, &takeover->leat, item->connector->name, &state, err));
    item->there = state.found ? state.state : NULL;
    return true;
}

// --- asking ------------------------------------------------------------------------------------------------------

// Whose answer an error is.
static bool whose(const Takeover *takeover, const Rest *rest, Err *err) {
    if (rest != &takeover->connect) {
        return err_frame(err, __FILE__, __LINE__);
    }
    err_hint(err, "--connect-url is the URL of one of Connect's workers");
    return err_prefix(err, "Kafka Connect");
}

bool takeover_ask(Takeover *takeover, Rest *rest, const char *method, const char *format, const char *name, Slice body,
                  Err *err) {
    const char *path = rest_path(takeover->cli, format, name);
    for (int64_t deadline = clock_monotonic_us() + BUSY_US;;) {
        if (rest_call(rest, method, path, body, NULL, err)) {
            return true;
        }
        if (err->code != ERR_EXISTS || rest != &takeover->connect || clock_monotonic_us() > deadline) {
            return whose(takeover, rest, err);
        }
        err_clear(err);
        clock_sleep_us(LOOK_US);
    }
}

static const char *kept(const Takeover *takeover, const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? arena_text(takeover->arena, slice_of(text)) : NULL;
}

bool takeover_state(Takeover *takeover, Rest *rest, const char *name, TakeoverState *state, Err *err) {
    Slice answer;
    *state = (TakeoverState){0};
    if (!rest_call(rest, "GET", rest_path(takeover->cli, "/connectors/%s/status", name), (Slice){0}, &answer, err)) {
        if (err->code != ERR_NOT_FOUND) {
            return whose(takeover, rest, err);
        }
        err_clear(err);
        return true;
    }
    json_t *root = parsed(answer, err);
    TRY(root != NULL);
    const json_t *connector = json_object_get(root, "connector"), *tasks = json_object_get(root, "tasks");
    const char *said = kept(takeover, connector, "state");
    state->found = true;
    state->state = said != NULL ? said : "UNASSIGNED";
    state->trace = kept(takeover, connector, "trace");
    state->tasks = json_array_size(tasks);
    state->behind_bytes = (uint64_t)json_integer_value(json_object_get(root, "sink_behind_bytes"));
    for (size_t i = 0; i < state->tasks; i++) {
        const json_t *task = json_array_get(tasks, i);
        const char *of_task = json_string_value(json_object_get(task, "state"));
        state->running += of_task != NULL && strcmp(of_task, "RUNNING") == 0;
        state->paused += of_task != NULL && strcmp(of_task, "PAUSED") == 0;
        if (of_task != NULL && strcmp(of_task, "FAILED") == 0) {
            const char *trace = kept(takeover, task, "trace");
            state->trace = trace != NULL ? trace : "its task failed";
        }
    }
    json_decref(root);
    return true;
}

static bool settled(const TakeoverState *state, const char *wanted) {
    bool same = strcmp(state->state, wanted) == 0;
    if (strcmp(wanted, "STOPPED") == 0) {
        return same && state->tasks == 0;
    }
    return same && (strcmp(wanted, "PAUSED") == 0 ? state->paused == state->tasks : state->running > 0);
}

static bool failed(const TakeoverState *state, const char *name, const char *where, Err *err) {
    Slice first = slice_of(state->trace);
    const uint8_t *end = memchr(first.data, '\n', first.size);
    first.size = end != NULL ? (size_t)(end - first.data) : first.size;
    return FAIL(err, ERR_NET_SETUP, "%s does not run in %s: %.*s", name, where, SLICE_ARG(first));
}

bool takeover_state_wait(Takeover *takeover, Rest *rest, const char *name, const char *wanted, TakeoverState *state,
                         Err *err) {
    const char *where = rest == &takeover->connect ? "Kafka Connect" : "leat";
    bool stopping = strcmp(wanted, "STOPPED") == 0;
    for (int64_t deadline = clock_monotonic_us() + WAIT_US;;) {
        TRY(takeover_state(takeover, rest, name, state, err));
        if (!state->found) {
            return FAIL(err, ERR_NOT_FOUND, "%s has no connector %s", where, name);
        }
        if (settled(state, wanted)) {
            return true;
        }
        if (!stopping && state->trace != NULL && state->running == 0) {
            return failed(state, name, where, err);
        }
        if (cli_stop || clock_monotonic_us() > deadline) {
            return FAIL(err, cli_stop ? ERR_INTERRUPTED : ERR_NET_BUSY,
                        "%s is %s in %s, with %zu tasks, and not yet %s", name, state->state, where, state->tasks,
                        wanted);
        }
        clock_sleep_us(LOOK_US);
    }
}

// --- offsets -----------------------------------------------------------------------------------------------------

static const char *dumped(const Takeover *takeover, const json_t *value) {
    char *text = json_is_object(value) ? json_dumps(value, JSON_COMPACT) : NULL;
    const char *in_arena = text != NULL ? arena_text(takeover->arena, slice_of(text)) : NULL;
    free(text);
    return in_arena;
}

bool takeover_offset_ask(Takeover *takeover, Rest *rest, const char *name, const char **partition, const char **offset,
                         Err *err) {
    Slice answer;
    const char *path = rest_path(takeover->cli, "/connectors/%s/offsets", name);
    if (!rest_call(rest, "GET", path, (Slice){0}, &answer, err)) {
        return whose(takeover, rest, err);
    }
    json_t *root = parsed(answer, err);
    TRY(root != NULL);
    const json_t *first = json_array_get(json_object_get(root, "offsets"), 0);
    *partition = dumped(takeover, json_object_get(first, "partition"));
    *offset = dumped(takeover, json_object_get(first, "offset"));
    json_decref(root);
    return true;
}

bool takeover_sink_offsets(Takeover *takeover, const char *name, KafkaPartition **partitions, size_t *count, Err *err) {
    Slice answer;
    TRY(rest_call(&takeover->leat, "GET", rest_path(takeover->cli, "/connectors/%s/offsets", name), (Slice){0}, &answer,
                  err));
    json_t *root = parsed(answer, err);
    TRY(root != NULL);
    const json_t *list = json_object_get(root, "offsets");
    *partitions = ARENA_ARRAY(takeover->arena, KafkaPartition, json_array_size(list));
    *count = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i), *partition = json_object_get(one, "partition");
        const char *topic = kept(takeover, partition, "kafka_topic");
        const json_t *offset = json_object_get(json_object_get(one, "offset"), "kafka_offset");
        if (topic != NULL && json_is_integer(offset)) {
            int32_t number = (int32_t)json_integer_value(json_object_get(partition, "kafka_partition"));
            (*partitions)[(*count)++] = (KafkaPartition){topic, number, json_integer_value(offset), NULL};
        }
    }
    json_decref(root);
    return true;
}

uint64_t takeover_offset_lsn(const char *offset) {
    static const char *const KEYS[] = {"lsn_commit", "lsn_proc", "lsn"};
    json_t *root = offset != NULL ? json_loads(offset, 0, NULL) : NULL;
    uint64_t lsn = 0;
    for (size_t i = 0; i < ARRAY_LEN(KEYS) && lsn == 0; i++) {
        lsn = (uint64_t)json_integer_value(json_object_get(root, KEYS[i]));
    }
    json_decref(root);
    return lsn;
}

bool takeover_offset_unfinished(const char *offset) {
    json_t *root = offset != NULL ? json_loads(offset, 0, NULL) : NULL;
    const json_t *snapshot = json_object_get(root, "snapshot");
    const char *text = json_string_value(snapshot);
    bool reading = json_is_true(snapshot) || (text != NULL && strcmp(text, "false") != 0);
    bool ended = json_is_true(json_object_get(root, "snapshot_completed")) ||
                 json_is_true(json_object_get(root, "last_snapshot_record"));
    json_decref(root);
    return reading && !ended;
}
