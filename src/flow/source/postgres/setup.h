// SPDX-License-Identifier: Apache-2.0
// From a connection to a session that can stream: checks, publications, slot, the tables and their state.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_SETUP_H
#define LEAT_FLOW_SOURCE_POSTGRES_SETUP_H

#include "flow/source/postgres/session.h"

typedef struct PgSetup {
    PgSession *session;
    Arena arena; // as long as the run
    char *slot, *publication;
    uint64_t from;     // where the stream is to start
    PgConn creator;    // holds the snapshot that the slot's creation exported, until it is imported
    char exported[64]; // "" = none
    bool first;        // nothing was captured before
} PgSetup;

// Names on the source: leat_PIPELINE, unless the configuration has others.
char *pg_slot_name(Arena *arena, const SourceContext *context);
char *pg_publication_name(Arena *arena, const SourceContext *context);

// True when this journal's pipeline has made the slot, or was about to.
bool pg_slot_known(const Journal *journal, const char *slot);
// ERR_SOURCE_SETUP or ERR_SOURCE_PERMISSION with the remedy when the server cannot be captured.
CHECKED bool pg_server_check(const PgServer *server, SourceMode mode, Err *err);
// All of it. After it the journal holds a position and every table a state, durably.
CHECKED bool pg_setup(PgSetup *setup, PgSession *session, Err *err);
void pg_setup_release(PgSetup *setup);
// Looks at the catalog again: publications and states follow what is there now.
CHECKED bool pg_setup_refresh(PgSetup *setup, PgLeafState fresh, uint64_t fresh_lsn, bool *changed, Err *err);
// ERR_SLOT_MISMATCH when the server is not the one, or not a descendant of the one, that the position is of.
CHECKED bool pg_setup_system_check(PgSetup *setup, const PgPosition *position, Err *err);
// Marks every table that the patterns match to be read again.
CHECKED bool pg_setup_resync(PgSetup *setup, const char *patterns, size_t *count, Err *err);

#endif
