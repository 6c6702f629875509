// SPDX-License-Identifier: Apache-2.0
// One webhook: what somebody should look at is POSTed as JSON to webhook.url, once when it begins and once when it is
// over. Sent by a thread of its own, in order, tried again with growing pauses; nothing ever waits for it.
//
//     {"event":"slot","state":"raised","connector":"orders","time_ms":…,"server":"127.0.0.1:8083",
//      "message":"…","value":0.91,"limit":0.8}
//
//     slot          the slot's retained WAL is past slot.alert.percent of its cap      raised, resolved
//     freshness     a change was older than freshness.target when it became durable    raised, resolved
//     dead_letters  more values or rows went there; value: how many in all             raised
//     crash_loop    the worker failed too often in a row and is not started again      raised, resolved
//     quarantine    tables that do not go on until they are read again; value: how many  raised, resolved
//     verify_differs       tables are not what their source is; value: how many          raised, resolved
//     verify_not_compared  tables could not be compared; value: how many                 raised, resolved
#ifndef LEAT_SURFACE_API_WEBHOOK_H
#define LEAT_SURFACE_API_WEBHOOK_H

#include "surface/api/front.h"

// A surface without routes: it only listens to what the supervisor says.
CHECKED bool webhook_open(Front *front, ApiSurface *surface, Err *err);
void webhook_message(void *context, const Message *message);
void webhook_close(void *context);

#endif
