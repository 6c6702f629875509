// SPDX-License-Identifier: Apache-2.0
// What the front asks. (jansson's names and those of core/base/json.h collide: this file uses jansson only.)
#include "core/base/log.h"
#include "engine/control/control.h"

#include <jansson.h>

// The answer comes behind the new state: who has it has that too.
static void done(Supervisor *supervisor, Managed *managed, uint32_t ask) {
    managed_settle(supervisor, managed, 0);
    front_push(supervisor, managed, true);
    front_answer(supervisor, ask, ERR_NONE, SLICE("{}"));
}

static bool connector_of(const Supervisor *supervisor, const Message *message, Managed **managed, Err *err) {
    *managed = managed_find(supervisor, message->name);
    return *managed != NULL || FAIL(err, ERR_NOT_FOUND, "there is no connector \"%.*s\"",
                                    (int)MIN(message->name.size, (size_t)100), (const char *)message->name.data);
}

static bool apply(Supervisor *supervisor, const Message *message, Arena *arena, Err *err) {
    Document document;
    TRY(document_parse(message->text, arena, &document, err));
    if (!slice_equal(document.name, message->name) || document.removed) {
        return FAIL(err, ERR_OPTION, "the document is not that of the connector that is to be changed");
    }
    const Managed *there = map_find(&supervisor->managed, message->name);
    if (there != NULL && there->removing && !there->remove_stuck) {
        FAIL(err, ERR_EXISTS, "connector %.*s is being removed", (int)MIN(message->name.size, (size_t)100),
             (const char *)message->name.data);
        return err_hint(err, "try again in a moment");
    }
    if (there != NULL && !there->removing && slice_equal(buf_slice(&there->document), message->text)) {
        front_answer(supervisor, message->id, ERR_NONE, SLICE("{}"));
        return true;
    }
    if (clustered(supervisor)) {
        return cluster_change(supervisor, message->id, message->name, message->text, err);
    }
    TRY(document_write(supervisor->data_directory, message->name, message->text, err));
    Managed *managed = managed_take(supervisor, &(TaskShare){0, 1}, &document, message->text);
    log_info(LOG_SERVER, there == NULL ? "a connector is created" : "a connector is changed",
             LOG_SLICE("connector", message->name), LOG_TEXT("kind", document.kind));
    done(supervisor, managed, message->id);
    return true;
}

static bool target(Supervisor *supervisor, const Message *message, Err *err) {
    Managed *managed;
    DocumentTarget to;
    TRY(connector_of(supervisor, message, &managed, err));
    if (!document_target_find(message->text, &to)) {
        return FAIL(err, ERR_OPTION, "a target is RUNNING, PAUSED or STOPPED");
    }
    if (to != managed->target) {
        DEFER(buf_release) Buf json = {0};
        TRY(document_set_target(buf_slice(&managed->document), to, &json, err));
        if (clustered(supervisor)) {
            return cluster_change(supervisor, message->id, message->name, buf_slice(&json), err);
        }
        TRY(document_write(supervisor->data_directory, message->name, buf_slice(&json), err));
        buf_reset(&managed->document);
        buf_put(&managed->document, buf_slice(&json));
        managed_target(managed, to);
        log_info(LOG_SERVER, "a connector has a new target", LOG_SLICE("connector", message->name),
                 LOG_TEXT("target", document_target_name(to)));
    }
    done(supervisor, managed, message->id);
    return true;
}

static bool restart(Supervisor *supervisor, const Message *message, Err *err) {
    Managed *managed;
    TRY(connector_of(supervisor, message, &managed, err));
    json_t *root = json_loadb((const char *)message->text.data, message->text.size, 0, NULL);
    bool tasks = json_is_true(json_object_get(root, "tasks"));
    bool task_alone = !json_is_true(json_object_get(root, "connector"));
    json_decref(root);
    // The connector alone has nothing that could be restarted: all its work is its task's.
    if (tasks && managed->target == TARGET_RUNNING) {
        managed_restart(managed);
        managed->task_alone = task_alone;
    }
    done(supervisor, managed, message->id);
    return true;
}

static bool remove_connector(Supervisor *supervisor, const Message *message, Err *err) {
    Managed *managed;
    DEFER(buf_release) Buf json = {0};
    TRY(connector_of(supervisor, message, &managed, err));
    TRY(document_set_removed(buf_slice(&managed->document), &json, err));
    if (clustered(supervisor)) { // answered when all nodes know; its own node then removes what it has
        return cluster_change(supervisor, message->id, message->name, buf_slice(&json), err);
    }
    TRY(document_write(supervisor->data_directory, message->name, buf_slice(&json), err));
    managed->remove_ask = message->id;
    managed->remove_front = supervisor->front_number;
    log_info(LOG_SERVER, "a connector is removed", LOG_SLICE("connector", message->name));
    managed_remove(supervisor, managed); // answered when all of it is gone
    return true;
}

static bool level(Supervisor *supervisor, const Message *message, Err *err) {
    json_t *root = json_loadb((const char *)message->text.data, message->text.size, 0, NULL);
    const char *logger = json_string_value(json_object_get(root, "logger"));
    Buf *text = logger != NULL ? map_find(&supervisor->levels, slice_of(logger)) : NULL;
    bool ok = logger != NULL && json_is_string(json_object_get(root, "level")) &&
              (text != NULL || supervisor->levels.count < LEVELS_MAX);
    if (ok && text == NULL) {
        text = calloc(1, sizeof(*text));
        ASSERT(text != NULL);
        map_put(&supervisor->levels, slice_of(logger), text);
    }
    json_decref(root);
    if (!ok) {
        return FAIL(err, ERR_OPTION, "a level is {\"logger\":…,\"level\":…}, and there are at most %d loggers with one",
                    LEVELS_MAX);
    }
    buf_reset(text);
    buf_put(text, message->text);
    for (Child *child = supervisor->children; child != NULL; child = child->next) {
        if (child->greeted) {
            child_put(supervisor, child,
                      &(Message){.type = MESSAGE_ASK, .verb = SLICE("level"), .text = message->text});
        }
    }
    front_answer(supervisor, message->id, ERR_NONE, SLICE("{}"));
    return true;
}

static bool serve(Supervisor *supervisor, const Message *message, Arena *arena, Err *err) {
    if (supervisor->stopping) {
        return FAIL(err, ERR_INTERRUPTED, "the server is stopping");
    }
    if (slice_is(message->verb, "apply")) {
        return apply(supervisor, message, arena, err);
    }
    if (slice_is(message->verb, "target")) {
        return target(supervisor, message, err);
    }
    if (slice_is(message->verb, "restart")) {
        return restart(supervisor, message, err);
    }
    if (slice_is(message->verb, "remove")) {
        return remove_connector(supervisor, message, err);
    }
    if (slice_is(message->verb, "level")) {
        return level(supervisor, message, err);
    }
    if (slice_is(message->verb, "call")) {
        return call_start(supervisor, message, err);
    }
    return FAIL(err, ERR_OPTION, "the supervisor does not know what \"%.*s\" asks",
                (int)MIN(message->verb.size, (size_t)40), (const char *)message->verb.data);
}

void ask_serve(Supervisor *supervisor, const Message *message) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init_small(&arena, "scratch", 4 * KIB);
    if (!serve(supervisor, message, &arena, err)) {
        front_answer_err(supervisor, message->id, err);
    }
    arena_release(&arena);
}
