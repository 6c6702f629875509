// SPDX-License-Identifier: Apache-2.0
// A server that is a node of a cluster (engine/member/member.h): its documents are the cluster's, not files of this
// node, and a connector runs here while the member says so.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "engine/control/control.h"

#include <limits.h>

#define MEMBER_BACKOFF_US_MIN 200000
#define MEMBER_BACKOFF_US_MAX 10000000
#define MEMBER                "\"member\":true" // of MESSAGE_CLUSTER

// --- the member's process --------------------------------------------------------------------------------------

int64_t cluster_tend(Supervisor *supervisor, int64_t now_us) {
    Err err[1] = {{0}};
    if (!clustered(supervisor) || supervisor->stopping) {
        bool last = supervisor->member != NULL && supervisor->children == supervisor->member &&
                    supervisor->member->next == NULL;
        if (last) { // nothing runs here any more: others may take over
            child_stop(supervisor, supervisor->member);
        }
        return INT64_MAX;
    }
    if (supervisor->member != NULL) {
        return INT64_MAX;
    }
    if (supervisor->member_next_us > now_us) {
        return supervisor->member_next_us;
    }
    supervisor->member_backoff.min_us = MEMBER_BACKOFF_US_MIN;
    supervisor->member_backoff.max_us = MEMBER_BACKOFF_US_MAX;
    supervisor->member = child_start(supervisor, CHILD_MEMBER, slice_of(supervisor->options->cluster_group), err);
    if (supervisor->member == NULL) {
        log_err(LOG_SERVER, "the member of the cluster cannot be started", err);
        supervisor->member_next_us = now_us + backoff_next(&supervisor->member_backoff, supervisor_random());
        return supervisor->member_next_us;
    }
    return INT64_MAX;
}

void cluster_greet(Supervisor *supervisor, Child *member) {
    DEFER(buf_release) Buf options = {0};
    DEFER(buf_release) Buf kafka = {0};
    server_options_json(&options, supervisor->data_directory, supervisor->options);
    server_options_kafka(&kafka, supervisor->options);
    child_put(
        supervisor, member,
        &(Message){
            .type = MESSAGE_START, .name = buf_slice(&kafka), .verb = SLICE("member"), .text = buf_slice(&options)});
}

void cluster_ready(Supervisor *supervisor) {
    log_info(LOG_SERVER, "this server is in the cluster", LOG_TEXT("group", supervisor->options->cluster_group),
             LOG_TEXT("node", server_options_node(supervisor->options)));
    supervisor->member_ready = supervisor->member_was_ready = true;
    backoff_reset(&supervisor->member_backoff);
}

static void relay_end(Supervisor *supervisor, Relay *relay, ErrCode code, Slice text) {
    if (front_is(supervisor, relay->front)) {
        front_answer(supervisor, relay->ask, code, text);
    }
    for (Relay **at = &supervisor->relays; *at != NULL; at = &(*at)->next) {
        if (*at == relay) {
            *at = relay->next;
            break;
        }
    }
    buf_release(&relay->name);
    free(relay);
}

static void cluster_told(Supervisor *supervisor, Slice json) {
    buf_reset(&supervisor->cluster);
    buf_put(&supervisor->cluster, json);
    cluster_front_greet(supervisor);
}

static void worker_kill(Managed *managed) {
    if (managed->worker != NULL) {
        managed->worker->asked = true;
        child_kill(managed->worker);
    }
}

void cluster_hangs(Supervisor *supervisor) {
    for (MapEntry *at = NULL; (at = map_next(&supervisor->managed, at)) != NULL;) {
        worker_kill(at->value);
    }
}

// The group takes it for dead when its session is over; until then others get nothing of what runs here.
void cluster_ended(Supervisor *supervisor, const ChildEnd *end) {
    supervisor->member = NULL;
    supervisor->member_ready = false;
    while (supervisor->relays != NULL) {
        relay_end(supervisor, supervisor->relays, ERR_INTERRUPTED,
                  SLICE("this node has just lost the cluster; whether the change was made is not known"));
    }
    for (MapEntry *at = NULL; (at = map_next(&supervisor->managed, at)) != NULL;) {
        Managed *managed = at->value;
        managed->assigned = false;
        managed->leave = 0;
        managed->state_dirty = true;
        if (managed->worker != NULL && !supervisor->stopping && managed->worker->stop < STOP_KILLED) {
            child_stop(supervisor, managed->worker);
            managed->worker->stop = STOP_TERMED; // what comes next is its end
            managed->worker->deadline_us = clock_monotonic_us() + supervisor->options->cluster_session_ms * 1000 / 2;
        }
    }
    cluster_told(supervisor, (Slice){0});
    bool config = end->code != ERR_NONE && err_class(end->code) == ERR_CLASS_CONFIG;
    if (!supervisor->member_was_ready && config && !supervisor->stopping) {
        const char *newline = strchr(end->text, '\n');
        size_t size = newline != NULL ? (size_t)(newline - end->text) : strlen(end->text);
        FAIL(&supervisor->fatal, end->code, "%.*s", (int)size, end->text);
        if (newline != NULL) {
            err_hint(&supervisor->fatal, "%s", newline + 1);
        }
        return;
    }
    supervisor->member_next_us = clock_monotonic_us() + backoff_next(&supervisor->member_backoff, supervisor_random());
}

void cluster_forget(Supervisor *supervisor) {
    while (supervisor->relays != NULL) {
        relay_end(supervisor, supervisor->relays, ERR_INTERRUPTED, SLICE("the server stops"));
    }
    for (MapEntry *at = NULL; (at = map_next(&supervisor->shares, at)) != NULL;) {
        buf_release(at->value);
        free(at->value);
    }
    map_release(&supervisor->shares);
    buf_release(&supervisor->cluster);
}

// --- documents -------------------------------------------------------------------------------------------------

static void ask_member(Supervisor *supervisor, uint32_t ask, int64_t front, Slice name, Slice json) {
    Relay *relay = calloc(1, sizeof(*relay));
    ASSERT(relay != NULL);
    supervisor->last_relay += supervisor->last_relay == UINT32_MAX ? 2 : 1;
    *relay = (Relay){.id = supervisor->last_relay, .ask = ask, .front = front, .next = supervisor->relays};
    buf_put(&relay->name, name);
    supervisor->relays = relay;
    child_put(supervisor, supervisor->member,
              &(Message){.type = MESSAGE_ASK, .id = relay->id, .name = name, .verb = SLICE("apply"), .text = json});
}

bool cluster_change(Supervisor *supervisor, uint32_t ask, Slice name, Slice json, Err *err) {
    TRY(document_shareable(json, supervisor->options->journal, err));
    if (!supervisor->member_ready) {
        FAIL(err, ERR_EXISTS, "Cannot complete request momentarily: this node is no member of cluster %s now",
             supervisor->options->cluster_group);
        return err_hint(err, "it joins, or Kafka cannot be reached; try again in a moment");
    }
    ask_member(supervisor, ask, supervisor->front_number, name, json);
    return true;
}

bool cluster_share(Supervisor *supervisor, const Document *document, Slice json, Err *err) {
    if (document->removed) {
        return true;
    }
    TRY(document_shareable(json, supervisor->options->journal, err));
    Buf *kept = calloc(1, sizeof(*kept));
    ASSERT(kept != NULL);
    buf_put(kept, json);
    map_put(&supervisor->shares, document->name, kept);
    return true;
}

static void shares_send(Supervisor *supervisor) {
    for (MapEntry *at = NULL; (at = map_next(&supervisor->shares, at)) != NULL;) {
        Buf *json = at->value;
        if (managed_find(supervisor, at->key) == NULL) {
            ask_member(supervisor, 0, 0, at->key, buf_slice(json));
        } else {
            log_warn(LOG_SERVER, "the cluster has a connector of this name: that of this node is left where it was",
                     LOG_SLICE("connector", at->key));
        }
        buf_release(json);
        free(json);
    }
    map_release(&supervisor->shares);
    supervisor->shares = (Map){0};
}

// Where it was is not looked for it again.
static void shared(Supervisor *supervisor, Slice name) {
    Err err[1] = {{0}};
    if (!document_unlist(supervisor->data_directory, name, err) ||
        !document_erase(supervisor->data_directory, name, err)) {
        log_err(LOG_SERVER, "a document that the cluster has now cannot be removed here", err);
        return;
    }
    log_info(LOG_SERVER, "a connector of this node is the cluster's now", LOG_SLICE("connector", name));
}

void cluster_erase(Supervisor *supervisor, const Managed *managed) {
    if (supervisor->member != NULL) {
        child_put(supervisor, supervisor->member,
                  &(Message){.type = MESSAGE_ASK, .name = managed_name(managed), .verb = SLICE("erase")});
    }
}

static bool only_target_differs(const Managed *managed, const Document *document, Slice json) {
    Err ignored[1] = {{0}};
    DEFER(buf_release) Buf with = {0}, own = {0};
    return document_set_target(buf_slice(&managed->document), document->target, &with, ignored) &&
           document_set_target(json, document->target, &own, ignored) && slice_equal(buf_slice(&with), buf_slice(&own));
}

// Sinks that run here find sources by them (connector_journal.h), wherever these run.
static void copy_keep(Supervisor *supervisor, Slice name, Slice json) {
    Err err[1] = {{0}};
    char directory[PATH_MAX];
    if (task_number(name) > 0) { // that of task 0 will do
        return;
    }
    snprintf(directory, sizeof(directory), "%s/cluster", supervisor->data_directory);
    if (!(json.size > 0 ? document_write(directory, name, json, err) : document_erase(directory, name, err))) {
        log_err(LOG_SERVER, "a document of the cluster cannot be kept here: sinks do not see it", err);
    }
}

bool cluster_copies_clear(const Supervisor *supervisor, Err *err) {
    char directory[PATH_MAX];
    snprintf(directory, sizeof(directory), "%s/cluster", supervisor->data_directory);
    TRY(file_remove_tree(directory, err));
    snprintf(directory, sizeof(directory), "%s/cluster/connectors", supervisor->data_directory);
    return !clustered(supervisor) || file_make_directories(directory, err);
}

static void task_erase(Supervisor *supervisor, Managed *managed) {
    bool seen = managed->removing;
    managed->removing = managed->erased = true;
    if (!seen) {
        front_removed(supervisor, managed_name(managed));
    }
}

// Of a connector that has so many tasks now.
static void tasks_keep(Supervisor *supervisor, Slice connector, uint32_t tasks) {
    for (MapEntry *at = NULL; (at = map_next(&supervisor->managed, at)) != NULL;) {
        Managed *managed = at->value;
        if (managed->share.task >= tasks && slice_equal(managed_connector(managed), connector)) {
            task_erase(supervisor, managed);
        }
    }
}

static bool document_take(Supervisor *supervisor, const Message *message, Arena *arena, Err *err) {
    Slice name = message->name, json = message->text;
    const TaskShare share = {task_number(name), (uint32_t)message->number};
    Document document;
    Managed *managed = map_find(&supervisor->managed, name);
    if (json.size == 0) { // all of it is gone, or was never here
        copy_keep(supervisor, name, json);
        if (managed != NULL) {
            task_erase(supervisor, managed);
        }
        return true;
    }
    TRY(document_parse(json, arena, &document, err));
    if (!slice_equal(document.name, task_connector(name))) {
        return FAIL(err, ERR_OPTION, "the document is not that of the connector");
    }
    if (share.task == 0) {
        tasks_keep(supervisor, name, share.tasks);
    }
    bool as_many = managed != NULL && managed->share.tasks == share.tasks && !managed->erased;
    if (as_many && slice_equal(buf_slice(&managed->document), json)) {
        return true;
    }
    copy_keep(supervisor, name, json);
    if (as_many && !managed->removing && !document.removed && only_target_differs(managed, &document, json)) {
        buf_reset(&managed->document);
        buf_put(&managed->document, json);
        managed_target(managed, document.target);
        return true;
    }
    bool seen = managed != NULL && !managed->removing;
    managed = managed_take(supervisor, &share, &document, json);
    managed->erased = false;
    if (document.removed && seen) {
        front_removed(supervisor, name);
    }
    return true;
}

// --- what runs here --------------------------------------------------------------------------------------------

void cluster_left(Supervisor *supervisor, Managed *managed) {
    if (managed->leave == 0 || managed->worker != NULL || managed->remove_call != NULL) {
        return;
    }
    if (supervisor->member != NULL) {
        child_put(supervisor, supervisor->member,
                  &(Message){.type = MESSAGE_ANSWER, .id = managed->leave, .text = SLICE("{}")});
    }
    managed->leave = 0;
}

static void assign(Supervisor *supervisor, const Message *message) {
    Managed *managed = map_find(&supervisor->managed, message->name);
    if (managed == NULL) {
        if (message->id != 0) {
            child_put(supervisor, supervisor->member, &(Message){.type = MESSAGE_ANSWER, .id = message->id});
        }
        return;
    }
    managed->assigned = message->number != ASSIGN_AWAY;
    managed->anew = message->number == ASSIGN_ANEW;
    managed->leave = message->id;
    managed->remove_stuck = false;
    managed->state_dirty = managed->document_dirty = true;
    buf_reset(&managed->elsewhere);
    log_info(LOG_SERVER, managed->assigned ? "a connector runs on this node" : "a connector leaves this node",
             LOG_SLICE("connector", managed_connector(managed)), LOG_UINT("task", managed->share.task));
    if (!managed->assigned && slice_is(message->verb, "lost")) {
        worker_kill(managed);
    }
}

void cluster_state(Supervisor *supervisor, const Managed *managed, Slice json) {
    if (supervisor->member != NULL && managed->assigned) {
        child_put(supervisor, supervisor->member,
                  &(Message){.type = MESSAGE_STATE, .name = managed_name(managed), .text = json});
    }
}

static void elsewhere(Supervisor *supervisor, const Message *message) {
    Managed *managed = map_find(&supervisor->managed, message->name);
    if (managed != NULL && !managed->assigned) {
        buf_reset(&managed->elsewhere);
        buf_put(&managed->elsewhere, message->text);
        managed->state_dirty = true;
    }
}

// --- messages --------------------------------------------------------------------------------------------------

void cluster_front_greet(Supervisor *supervisor) {
    if (clustered(supervisor) && supervisor->front != NULL && supervisor->front->greeted) {
        child_put(supervisor, supervisor->front,
                  &(Message){.type = MESSAGE_CLUSTER, .text = buf_slice(&supervisor->cluster)});
    }
}

static void answered(Supervisor *supervisor, const Message *message) {
    for (Relay *relay = supervisor->relays; relay != NULL; relay = relay->next) {
        if (relay->id == message->id) {
            Managed *managed = map_find(&supervisor->managed, buf_slice(&relay->name));
            if (relay->front == 0 && message->number == 0) {
                shared(supervisor, buf_slice(&relay->name));
            } else if (relay->front == 0) {
                log_warn(LOG_SERVER, "a connector of this node cannot be given to the cluster",
                         LOG_SLICE("connector", buf_slice(&relay->name)), LOG_SLICE("reason", message->text));
            }
            if (managed != NULL) { // the answer comes behind the new state
                managed_settle(supervisor, managed, 0);
                front_push(supervisor, managed, true);
            }
            relay_end(supervisor, relay, (ErrCode)message->number, message->text);
            return;
        }
    }
}

static void document_message(Supervisor *supervisor, const Message *message) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init_small(&arena, "scratch", 4 * KIB);
    if (!document_take(supervisor, message, &arena, err)) {
        err_prefix(err, "connector %.*s", SLICE_ARG(task_connector(message->name)));
        log_err(LOG_SERVER, "a document of the cluster is passed over", err);
    }
    arena_release(&arena);
}

void cluster_message(Supervisor *supervisor, const Message *message) {
    if (message->type == MESSAGE_DOCUMENT) {
        document_message(supervisor, message);
    } else if (message->type == MESSAGE_STATE) {
        elsewhere(supervisor, message);
    } else if (message->type == MESSAGE_ASSIGN) {
        assign(supervisor, message);
    } else if (message->type == MESSAGE_ANSWER) {
        answered(supervisor, message);
    } else if (message->type == MESSAGE_CLUSTER) {
        cluster_told(supervisor, message->text);
        if (memmem(message->text.data, message->text.size, MEMBER, strlen(MEMBER)) != NULL) {
            shares_send(supervisor);
        }
    }
}
