// SPDX-License-Identifier: Apache-2.0
// Incremental snapshots as Debezium makes them (DBLog): tables read in chunks of their keys while changes stream on.
//
// A chunk: a watermark into the signal table, the next rows by ascending key, a second watermark. While the stream is
// between the two, a row of the chunk whose key a change names is dropped: the change is newer. At the second watermark
// the rest become READ events (EVENT_MARK_INCREMENTAL), and how far the table is read goes into the same cut: a restart
// goes on with the next chunk, none is lost, none comes twice.
//
// With read.only nothing is written to the source: the first watermark is pg_current_snapshot() before the rows are
// read (changes of transactions that it does not see count), the second the end of the log after it.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_INCREMENTAL_H
#define LEAT_FLOW_SOURCE_POSTGRES_INCREMENTAL_H

#include "flow/source/postgres/notify.h"
#include "flow/source/postgres/signal.h"
#include "flow/source/postgres/stream.h"

typedef struct PgIncremental PgIncremental;

// Loads what the journal's state has. `signal_table` may be NULL with read.only. ERR_OPTION names the key.
CHECKED bool pg_incremental_open(PgSession *session, const Properties *properties, const char *signal_table,
                                 PgNotify *notify, PgIncremental **incremental, Err *err);
void pg_incremental_close(PgIncremental *incremental); // NULL is fine
// What an execute-, stop-, pause- or resume-snapshot asks for. `lsn`: where the journal stands.
CHECKED bool pg_incremental_signal(PgIncremental *incremental, const PgSignal *signal, uint64_t lsn, Err *err);
// A change of a captured table goes into the journal or the spool.
void pg_incremental_change(PgIncremental *incremental, const PgRelation *relation, const Event *event);
// One of our watermarks came by: its signal's id.
CHECKED bool pg_incremental_watermark(PgIncremental *incremental, PgStream *stream, Slice id, Err *err);
// At a transaction's end: reads the next chunk when it is time.
CHECKED bool pg_incremental_turn(PgIncremental *incremental, PgStream *stream, Err *err);
bool pg_incremental_active(const PgIncremental *incremental); // a table is being read

#endif
