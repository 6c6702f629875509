// SPDX-License-Identifier: Apache-2.0
// The spool into the journal, once every held leaf is READ: changes that came while rows were being read, in their
// order, without those that the snapshot holds. Each step ends at a cut of the spool and puts how far it is into the
// journal's own cut, so a crash repeats nothing.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_DRAIN_H
#define LEAT_FLOW_SOURCE_POSTGRES_DRAIN_H

#include "flow/source/postgres/stream.h"

// Opens the spool (an existing one goes on). `fresh`: removes what is there first.
CHECKED bool pg_spool_open(PgSession *session, bool fresh, Err *err);
// One step; when the spool is empty, the held leaves become STREAMING and the spool is removed.
CHECKED bool pg_drain_step(PgStream *stream, bool *more, Err *err);
// Removes a spool that nothing needs.
CHECKED bool pg_spool_remove(PgSession *session, Err *err);

#endif
