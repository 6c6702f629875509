// SPDX-License-Identifier: Apache-2.0
// Signals of a connector: they come through the signal table's own changes (signal.data.collection) or a file
// (signal.enabled.channels=file), and are acted upon here. What they set going is durable with the cut that holds them.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_SIGNALS_H
#define LEAT_FLOW_SOURCE_POSTGRES_SIGNALS_H

#include "flow/source/postgres/notify.h"
#include "flow/source/postgres/stream.h"

typedef struct PgSignals PgSignals;

// NULL when the configuration has neither signals nor notifications. ERR_OPTION names the key.
CHECKED bool pg_signals_open(PgSession *session, PgSignals **signals, Err *err);
void pg_signals_close(PgSignals *signals); // NULL is fine
// An event has gone into the journal or the spool. Cheap while no window is open.
CHECKED bool pg_signals_event(PgSignals *signals, PgStream *stream, const PgRelation *relation, const Event *event,
                              Err *err);
// At a transaction's end.
CHECKED bool pg_signals_turn(PgSignals *signals, PgStream *stream, Err *err);
PgNotify *pg_signals_notify(PgSignals *signals); // NULL when nothing is to be told

#endif
