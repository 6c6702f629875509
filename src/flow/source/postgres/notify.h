// SPDX-License-Identifier: Apache-2.0
// Debezium's notifications: what a snapshot does, told in a topic (notification.enabled.channels=sink) or in the log.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_NOTIFY_H
#define LEAT_FLOW_SOURCE_POSTGRES_NOTIFY_H

#include "flow/source/postgres/session.h"

#define NOTIFY_INITIAL     "Initial Snapshot"
#define NOTIFY_INCREMENTAL "Incremental Snapshot"

typedef struct PgNotify PgNotify;

typedef struct PgNotifyPair {
    const char *name;
    Slice value;
} PgNotifyPair;

// NULL when no channel is enabled. ERR_OPTION: a channel that leat does not have, or no topic for the sink's.
CHECKED bool pg_notify_new(Arena *arena, const Properties *properties, PgNotify **notify, Err *err);
// NULL is fine. `id` empty = a new UUID. `connector_name` is added to the pairs. `lsn` is where the journal stands.
CHECKED bool pg_notify(PgNotify *notify, PgSession *session, Slice id, const char *aggregate, const char *type,
                       const PgNotifyPair *pairs, size_t count, uint64_t lsn, Err *err);

#endif
