// SPDX-License-Identifier: Apache-2.0
// The side topics of a connector: events whose schema's space begins with '$', which the connector's program makes
// Debezium's records of (data/connect/program.h). All their columns:
//
//     $message       prefix string, content bytes
//     $heartbeat     -
//     $transaction   status string (BEGIN, END), id string, event_count int64, data_collections json (NULL in BEGIN):
//                    [{"data_collection":"public.orders","event_count":2},…]
//     $notification  id string, aggregate_type string, type string, additional_data json (an object of strings, or
//     NULL),
//                    timestamp int64 (milliseconds since 1970)
//
// An event's commit_lsn, lsn, transaction_id and times are those of what it tells of. Op is CREATE.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_CONNECTOR_TOPICS_H
#define LEAT_FLOW_SOURCE_POSTGRES_CONNECTOR_TOPICS_H

#include "flow/source/postgres/connector.h"
#include "flow/source/postgres/stream.h"

// pg_logical_emit_message, as the prefix filters allow. *appended tells whether there is something to cut.
CHECKED bool pg_topic_message(PgSession *session, const PgMessage *message, const Event *like, bool *appended,
                              Err *err);
// At a transaction boundary: when its time has come, a heartbeat, and the action query before it.
CHECKED bool pg_topic_heartbeat(PgStream *stream, Err *err);
// At a place of the log; additional_data and id are texts, additional_data may be empty. It waits for the next cut.
CHECKED bool pg_topic_notification(PgSession *session, uint64_t lsn, Slice id, const char *aggregate_type,
                                   const char *type, Slice additional_data, Err *err);

// Transaction metadata, when it is asked for: a BEGIN, the numbers of each event, an END with the counts.
CHECKED bool pg_transaction_begin(PgStream *stream, uint64_t lsn, Err *err);
void pg_transaction_count(PgStream *stream, PgCaptured *table, Event *event);
CHECKED bool pg_transaction_end(PgStream *stream, uint64_t lsn, Err *err);

#endif
