// SPDX-License-Identifier: Apache-2.0
// The front: the one process of `leat server` that listens. Its surfaces (Kafka Connect's API, the registry's, health,
// metrics) are tables of routes (router.h), listed in front_surfaces.c; here is what they stand on: listeners, who may
// do what, the audit, and the supervisor behind the channel.
//
// Threads: one reads the channel and gives every DOCUMENT and STATE to the surfaces; one per listener; a pool for
// handlers that wait. All of this is called by many of them at once.
#ifndef LEAT_SURFACE_API_FRONT_H
#define LEAT_SURFACE_API_FRONT_H

#include "engine/ipc/message.h"
#include "engine/ipc/server_options.h"
#include "surface/api/router.h"

typedef struct Front Front;
typedef struct Audit Audit;

typedef enum FrontListener {
    FRONT_CONNECT,
    FRONT_REGISTRY,
    FRONT_METRICS,
    FRONT_CATALOG,
    FRONT_LISTENERS
} FrontListener;

enum { FRONT_ASK_MS = 90 * 1000, FRONT_CONTEXTS_MAX = 8 };

// One surface of the list. `open` fills the table and its context in; what it opens lives until `close`.
typedef struct FrontSurface {
    uint32_t listeners; // 1 << FRONT_CONNECT | …
    bool (*open)(Front *front, ApiSurface *surface, Err *err);
    // A DOCUMENT, a STATE, or an ASK of verb level (already applied), in their order, on the channel's thread; before
    // the listeners open come one DOCUMENT and STATE for every connector. NULL: not wanted.
    void (*message)(void *context, const Message *message);
    void (*close)(void *context); // NULL: nothing to do
} FrontSurface;
extern const FrontSurface FRONT_SURFACES[];
extern const size_t FRONT_SURFACE_COUNT;

// The process: takes what comes before START, opens surfaces and listeners, says READY, serves until STOP. False: an
// address, certificate, token file or surface cannot be used (said as FAILED too), or the supervisor is gone
// (ERR_INTERRUPTED).
CHECKED bool front_run(int channel_fd, Err *err);

// Asks the supervisor and waits; `answer` (may be NULL) is copied into the arena. The error has the answer's code and
// text; ERR_NET_BUSY "Request timed out": 90 seconds went by, and Connect answers 500; ERR_INTERRUPTED: no supervisor.
CHECKED bool front_ask(Front *front, const char *verb, Slice name, Slice text, Arena *arena, Slice *answer, Err *err);

const char *front_data_directory(const Front *front);
const ServerOptions *front_options(const Front *front);
const char *front_worker_id(const Front *front); // "127.0.0.1:8083": where Connect's API listens
// Its tables, for /openapi.json: NULL past the last of this listener.
const ApiSurface *front_surface(const Front *front, FrontListener listener, size_t i);

Audit *front_audit(const Front *front);
struct Security *front_security(const Front *front);

typedef struct FrontCounts {
    uint64_t requests[6]; // by the status' first digit
    uint64_t refused;     // 401 and 403
    int64_t connections;  // open now
} FrontCounts;
FrontCounts front_counts(const Front *front);

#endif
