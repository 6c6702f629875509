// SPDX-License-Identifier: Apache-2.0
// A connector's position as Debezium's offset, and back.
//
//     partition {"server": topic.prefix}
//     offset    {"lsn": of the newest event, "lsn_proc": likewise, "lsn_commit": where the journal's last cut stands,
//                "txId":…, "ts_usec":…, "messageType":…}, and while rows are read, or when nothing but rows was:
//                "snapshot": "INITIAL", "snapshot_completed":…
//
// What comes back decides by lsn_commit, else lsn_proc, else lsn: the stream goes on with the first transaction that
// committed behind it, and within that one behind the last change that was sent (resume.h). An offset of a snapshot
// that was not complete is none.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_CONNECTOR_OFFSETS_H
#define LEAT_FLOW_SOURCE_POSTGRES_CONNECTOR_OFFSETS_H

#include "flow/source/postgres/connector.h"

// Remembers the newest event of those that the next cut holds; put into that cut.
void pg_offset_note(PgConnector *connector, const Event *event);
void pg_offset_put(PgConnector *connector, Journal *journal);

// SourceDriver's.
CHECKED bool pg_offsets_get(const SourceContext *context, Buf *json, Err *err);
CHECKED bool pg_offsets_alter(const SourceContext *context, const Properties *partition, const Properties *offset,
                              Err *err);
CHECKED bool pg_offsets_reset(const SourceContext *context, Err *err);

#endif
