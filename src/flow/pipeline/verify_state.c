// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/verify_state.h"

#include "core/base/arena.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"

#include <jansson.h>
#include <limits.h>

#define STATE_BYTES_MAX (64 * MIB)
enum { STATE_FORMAT = 1 };

struct VerifyState {
    json_t *root;
};

VerifyState *verify_state_new(void) {
    VerifyState *state = calloc(1, sizeof(*state));
    ASSERT(state != NULL);
    state->root = json_pack("{s:n,s:n,s:[],s:i}", "running", "last", "tables", "format_version", STATE_FORMAT);
    ASSERT(state->root != NULL);
    return state;
}

void verify_state_free(VerifyState *state) {
    if (state != NULL) {
        json_decref(state->root);
        free(state);
    }
}

// --- the file --------------------------------------------------------------------------------------------------

static bool parse(const char *path, Slice bytes, json_t **root, Err *err) {
    json_error_t problem;
    *root = json_loadb((const char *)bytes.data, bytes.size, 0, &problem);
    if (!json_is_object(*root) || !json_is_array(json_object_get(*root, "tables"))) {
        FAIL(err, ERR_STATE_CORRUPT, "%s is not understood", path);
        return err_hint(err, "it is only a report: remove it, the next verification writes it anew");
    }
    if (json_integer_value(json_object_get(*root, "format_version")) > STATE_FORMAT) {
        FAIL(err, ERR_FORMAT_NEWER, "%s was written by a newer leat", path);
        return err_hint(err, "use that one, or remove the file: it is only a report");
    }
    return true;
}

bool verify_state_load(const char *directory, VerifyState **state, Err *err) {
    DEFER(arena_release) Arena scratch;
    Slice bytes;
    json_t *root = NULL;
    arena_init(&scratch, "scratch", 0);
    const char *path = arena_printf(&scratch, "%s/verify.json", directory);
    if (file_exists(path)) {
        TRY(file_read_all(path, STATE_BYTES_MAX, &scratch, &bytes, err));
        if (!parse(path, bytes, &root, err)) {
            json_decref(root);
            return false;
        }
    }
    *state = verify_state_new();
    if (root != NULL) {
        json_decref((*state)->root);
        (*state)->root = root;
    }
    return true;
}

void verify_state_json(const VerifyState *state, Buf *out) {
    char *text = json_dumps(state->root, JSON_COMPACT);
    ASSERT(text != NULL);
    buf_text(out, text);
    free(text);
}

bool verify_state_save(const VerifyState *state, const char *directory, Err *err) {
    DEFER(buf_release) Buf text = {0};
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/verify.json", directory);
    verify_state_json(state, &text);
    buf_u8(&text, '\n');
    return file_replace(path, buf_slice(&text), err);
}

// --- what happens ----------------------------------------------------------------------------------------------

// The member of an object that there surely is.
static void put(json_t *object, const char *name, json_t *value) {
    ASSERT(value != NULL && json_object_set_new(object, name, value) == 0);
}

static void copy(json_t *to, const json_t *from, const char *name) {
    json_t *value = json_object_get(from, name);
    if (value != NULL) {
        put(to, name, json_incref(value));
    }
}

void verify_state_begin(VerifyState *state, const char *id, const char *asked, const char *tables) {
    put(state->root, "running",
        json_pack("{s:s,s:s,s:I,s:s}", "id", id, "asked", asked, "began_ms", (json_int_t)(clock_wall_us() / 1000),
                  "tables", tables));
}

void verify_state_step(VerifyState *state, const char *step, Slice table) {
    json_t *running = json_object_get(state->root, "running");
    if (json_is_object(running)) {
        put(running, "step", json_string(step));
        json_object_del(running, "table");
        if (table.size > 0) {
            put(running, "table", json_stringn((const char *)table.data, table.size));
        }
    }
}

// The place of a table in the list, its end where it is not in it.
static size_t table_find(const json_t *tables, const char *name) {
    size_t i = 0;
    for (; i < json_array_size(tables); i++) {
        const char *there = json_string_value(json_object_get(json_array_get(tables, i), "table"));
        if (there != NULL && strcmp(there, name) == 0) {
            break;
        }
    }
    return i;
}

// Each table with the moment that it was compared at.
static void tables_take(json_t *known, const json_t *found, int64_t taken_ms) {
    const json_t *tables = json_object_get(found, "tables");
    bool none = json_array_size(known) == 0;
    for (size_t i = 0; i < json_array_size(tables); i++) {
        json_t *table = json_array_get(tables, i);
        const char *name = json_string_value(json_object_get(table, "table"));
        if (name == NULL) {
            continue;
        }
        copy(table, found, "lsn");
        copy(table, found, "taken_at");
        put(table, "taken_ms", json_integer(taken_ms));
        size_t at = none ? json_array_size(known) : table_find(known, name);
        if (at < json_array_size(known)) {
            json_array_set(known, at, table);
        } else {
            json_array_append(known, table);
        }
    }
}

void verify_state_end(VerifyState *state, Slice found, int64_t taken_ms) {
    static const char *const FROM_RUNNING[] = {"id", "asked", "began_ms", "tables"};
    static const char *const FROM_FOUND[] = {"result", "lsn", "taken_at", "elapsed_ms", "error", "message", "hint"};
    json_t *json = json_loadb((const char *)found.data, found.size, 0, NULL);
    json_t *last = json_object();
    const json_t *running = json_object_get(state->root, "running");
    for (size_t i = 0; i < ARRAY_LEN(FROM_RUNNING); i++) {
        copy(last, running, FROM_RUNNING[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(FROM_FOUND); i++) {
        copy(last, json, FROM_FOUND[i]);
    }
    put(last, "ended_ms", json_integer(clock_wall_us() / 1000));
    const char *of = json_string_value(json_object_get(last, "tables"));
    if (json_object_get(json, "tables") != NULL) {
        if (of == NULL || of[0] == '\0') { // those that the source has no more go
            put(state->root, "tables", json_array());
        }
        tables_take(json_object_get(state->root, "tables"), json, taken_ms);
    }
    put(state->root, "last", last);
    put(state->root, "running", json_null());
    json_decref(json);
}

void verify_state_drop(VerifyState *state) {
    put(state->root, "running", json_null());
}

const char *verify_state_running(const VerifyState *state) {
    return json_string_value(json_object_get(json_object_get(state->root, "running"), "id"));
}

int64_t verify_state_ended_ms(const VerifyState *state) {
    return json_integer_value(json_object_get(json_object_get(state->root, "last"), "ended_ms"));
}
