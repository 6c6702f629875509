// SPDX-License-Identifier: Apache-2.0
// Calls: a short-lived worker answers one question. (This file uses jansson, so not core/base/json.h.)
#include "engine/control/control.h"

#include <jansson.h>

enum { CALLS_MAX = 16 };

static void call_free(Call *call) {
    buf_release(&call->name);
    buf_release(&call->document);
    buf_release(&call->request);
    free(call);
}

static bool run(Supervisor *supervisor, Call *call, Err *err) {
    call->child = child_start(supervisor, CHILD_CALL, buf_slice(&call->name), err);
    if (call->child == NULL) {
        return err_frame(err, __FILE__, __LINE__);
    }
    call->child->call = call;
    supervisor->calls++;
    return true;
}

static Call *call_new(Slice name, Slice document, Slice request) {
    Call *call = calloc(1, sizeof(*call));
    ASSERT(call != NULL);
    buf_put(&call->name, name);
    buf_put(&call->document, document);
    buf_put(&call->request, request);
    return call;
}

// A document for a question about a connector that does not exist, or not with that configuration.
static bool document_of(const Message *ask, const json_t *request, Buf *out, Err *err) {
    const char *kind = json_string_value(json_object_get(request, "kind"));
    json_t *config = json_object_get(request, "config");
    if (kind == NULL || !json_is_object(config)) {
        return FAIL(err, ERR_NOT_FOUND, "there is no connector \"%.*s\"", (int)MIN(ask->name.size, (size_t)100),
                    (const char *)ask->name.data);
    }
    json_t *root = json_pack("{s:i,s:s%,s:s,s:s,s:O}", "format_version", DOCUMENT_FORMAT, "name",
                             ask->name.size > 0 ? (const char *)ask->name.data : "", ask->name.size, "kind", kind,
                             "target", document_target_name(TARGET_STOPPED), "config", config);
    char *text = root != NULL ? json_dumps(root, 0) : NULL;
    json_decref(root);
    if (text == NULL) {
        return FAIL(err, ERR_OPTION, "the connector's name is not UTF-8");
    }
    buf_text(out, text);
    free(text);
    return true;
}

// What changes a connector's state needs it at rest; to look, or to leave a request for it, may be done meanwhile.
static bool may_run_beside(Slice what) {
    static const char *const BESIDE[] = {"validate", "offsets", "resync", "topics", "look", "verify", "verified"};
    for (size_t i = 0; i < ARRAY_LEN(BESIDE); i++) {
        if (slice_is(what, BESIDE[i])) {
            return true;
        }
    }
    return false;
}

static bool start(Supervisor *supervisor, const Message *ask, const json_t *request, Err *err) {
    const Managed *managed = managed_find(supervisor, ask->name);
    const char *what = json_string_value(json_object_get(request, "do"));
    if (what == NULL) {
        return FAIL(err, ERR_OPTION, "a call does not say what to do");
    }
    if (supervisor->calls >= CALLS_MAX) {
        FAIL(err, ERR_NET_BUSY, "%d connection tests and offset changes are under way already", CALLS_MAX);
        return err_hint(err, "try again in a moment");
    }
    if (managed != NULL && managed_works(supervisor, ask->name) && !may_run_beside(slice_of(what))) {
        FAIL(err, ERR_EXISTS, "connector %.*s is running", (int)MIN(ask->name.size, (size_t)100),
             (const char *)ask->name.data);
        return err_hint(err, "stop it first");
    }
    DEFER(buf_release) Buf document = {0};
    if (managed != NULL && json_object_get(request, "config") == NULL) {
        buf_put(&document, buf_slice(&managed->document));
    } else {
        TRY(document_of(ask, request, &document, err));
    }
    Call *call = call_new(ask->name, buf_slice(&document), ask->text);
    call->ask = ask->id;
    call->front = supervisor->front_number;
    if (!run(supervisor, call, err)) {
        call_free(call);
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

bool call_start(Supervisor *supervisor, const Message *ask, Err *err) {
    json_t *request = json_loadb((const char *)ask->text.data, ask->text.size, 0, NULL);
    bool ok = start(supervisor, ask, request, err);
    json_decref(request);
    return ok;
}

bool call_remove(Supervisor *supervisor, Managed *managed, Err *err) {
    Call *call = call_new(managed_name(managed), buf_slice(&managed->document), SLICE("{\"do\":\"remove\"}"));
    call->managed = managed;
    if (!run(supervisor, call, err)) {
        call_free(call);
        return err_frame(err, __FILE__, __LINE__);
    }
    managed->remove_call = call;
    return true;
}

void call_greeted(Supervisor *supervisor, Call *call) {
    const Managed *managed = managed_find(supervisor, buf_slice(&call->name));
    DEFER(buf_release) Buf document = {0};
    const TaskShare share = {0, managed != NULL ? managed->share.tasks : 1};
    server_options_document(&document, supervisor->options, &share, buf_slice(&call->document));
    child_put(supervisor, call->child,
              &(Message){.type = MESSAGE_START,
                         .number = managed != NULL && managed->anew,
                         .name = buf_slice(&call->name),
                         .verb = SLICE("call"),
                         .text = buf_slice(&document)});
    child_put(supervisor, call->child,
              &(Message){.type = MESSAGE_ASK,
                         .id = 1,
                         .name = buf_slice(&call->name),
                         .verb = SLICE("call"),
                         .text = buf_slice(&call->request)});
}

static void give(Supervisor *supervisor, Call *call, ErrCode code, Slice text) {
    if (call->answered) {
        return;
    }
    call->answered = true;
    if (call->managed != NULL) {
        Err failure[1] = {{0}};
        if (code != ERR_NONE) {
            FAIL(failure, code, "%.*s", SLICE_ARG(text));
        }
        managed_remove_end(supervisor, call->managed, code == ERR_NONE ? NULL : failure);
    } else if (front_is(supervisor, call->front)) {
        front_answer(supervisor, call->ask, code, text);
    }
}

void call_answered(Supervisor *supervisor, Call *call, const Message *message) {
    ErrCode code = message->number < 0 || message->number > ERR_INTERNAL ? ERR_INTERNAL : (ErrCode)message->number;
    give(supervisor, call, code, message->text);
}

void call_ended(Supervisor *supervisor, Call *call, const ChildEnd *end) {
    if (end->code != ERR_NONE) {
        give(supervisor, call, end->code, slice_of(end->text));
    } else {
        give(supervisor, call, ERR_INTERRUPTED, SLICE("it was stopped before it had an answer"));
    }
    supervisor->calls--;
    call_free(call);
}
