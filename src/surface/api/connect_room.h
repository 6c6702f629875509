// SPDX-License-Identifier: Apache-2.0
// What the files of Kafka Connect's API share.
//
//     connect.c            its table of routes, the server itself
//     connect_plugins.c    …/connector-plugins, validate
//     connect_read.c       connectors, their states, tasks and topics
//     connect_change.c     create, configure, delete
//     connect_lifecycle.c  pause, resume, stop, restart
//     connect_offsets.c    offsets
//     connect_verify.c     verifications, which are leat's own
//     connect_forward.c    what another node of a cluster must do
#ifndef LEAT_SURFACE_API_CONNECT_ROOM_H
#define LEAT_SURFACE_API_CONNECT_ROOM_H

#include "surface/api/connect_body.h"
#include "surface/api/fleet.h"
#include "surface/api/router.h"

#include <pthread.h>

#define CONNECT_COMMIT  "26b251a451ce941d" // of the Apache Kafka release that is emulated
#define CONNECT_VERSION "4.3.1"

typedef struct ConnectApi {
    Fleet *fleet;
    // The supervisor, as front_ask.
    bool (*ask)(void *front, const char *verb, Slice name, Slice text, Arena *arena, Slice *answer, Err *err);
    void *front;
    const char *(*worker_id)(void *front); // "127.0.0.1:8083"
    const char *node;                      // of a cluster: this one, HOST:PORT; NULL = there is none
    const char *ca_file;                   // for certificates of other nodes; "" = the system's
    bool tls;
    Buf cluster_id;
    pthread_mutex_t changes; // one at a time, so that "already exists" holds
} ConnectApi;

// Errors in Connect's words. False: the answer is written.
bool connect_known(ConnectApi *api, const ApiRequest *request, ApiAnswer *answer, FleetConnector *connector);
void connect_not_found(ApiAnswer *answer, Slice name);
void connect_body_error(ApiAnswer *answer, const Err *err); // of connect_body.h
void connect_ask_error(ApiAnswer *answer, const Err *err);  // of the supervisor
void connect_plain_not_found(ApiAnswer *answer);            // as for a path that is not served
void connect_accepted(ApiAnswer *answer, int status);       // without a body
const char *connect_location(ConnectApi *api, const ApiRequest *request, Slice name);

// The number of a task in a path; false: it is none.
bool connect_task_number(Slice text, uint32_t *task);

// True: the node that has the connector's first task has answered, or cannot be asked; `answer` says which.
bool connect_forwarded(const ConnectApi *api, const ApiRequest *request, ApiAnswer *answer);
// The same of a task.
bool connect_task_forwarded(const ConnectApi *api, const ApiRequest *request, uint32_t task, ApiAnswer *answer);
// Asks the node of a task to restart it, wherever it runs. False: the answer says why it could not.
bool connect_task_restarted(ConnectApi *api, const ApiRequest *request, uint32_t task, ApiAnswer *answer);

// What is wrong with a configuration. `plugin` NULL when its class is missing or unknown: then *problem says so.
// `test` asks a short-lived worker to connect, when nothing else is wrong; when that worker came to no answer (it
// crashed, took too long, or there were too many), *untried says why: a configuration that nobody has tried is not
// taken.
typedef struct ConnectCheck {
    const Plugin *plugin;
    const char *problem;
    const char *untried;
    Validation validation;
} ConnectCheck;
void connect_check(ConnectApi *api, const ApiRequest *request, Slice name, const Properties *config, bool test,
                   ConnectCheck *check);

void connect_plugins(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_plugin_config(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_plugin_validate(void *context, const ApiRequest *request, ApiAnswer *answer);

void connect_list(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_info(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_config(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_status(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_tasks(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_tasks_config(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_task_status(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_topics(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_topics_reset(void *context, const ApiRequest *request, ApiAnswer *answer);

void connect_create(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_put_config(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_patch_config(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_delete(void *context, const ApiRequest *request, ApiAnswer *answer);

void connect_pause(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_resume(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_stop(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_restart(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_restart_task(void *context, const ApiRequest *request, ApiAnswer *answer);

void connect_offsets(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_offsets_alter(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_offsets_reset(void *context, const ApiRequest *request, ApiAnswer *answer);

void connect_verify(void *context, const ApiRequest *request, ApiAnswer *answer);
void connect_verified(void *context, const ApiRequest *request, ApiAnswer *answer);

#endif
