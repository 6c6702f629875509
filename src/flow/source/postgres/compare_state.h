// SPDX-License-Identifier: Apache-2.0
// One comparison under way: compare.c (its moment and tables), compare_read.c (their rows).
#ifndef LEAT_FLOW_SOURCE_POSTGRES_COMPARE_STATE_H
#define LEAT_FLOW_SOURCE_POSTGRES_COMPARE_STATE_H

#include "flow/source/postgres/compare.h"
#include "flow/source/postgres/relation.h"
#include "flow/source/postgres/session.h"
#include "flow/source/postgres/wire.h"

#include <pthread.h>

typedef struct CompareLeaf {
    PgLeaf leaf; // of no capture: names its table
    const PgTable *table;
    uint16_t number; // of all leaves: part of the rows' places
    bool prepared;
    PgRelation relation;
    char *columns; // of the SELECT
    struct CompareLeaf *next;
} CompareLeaf;

typedef struct CompareTable {
    PgCaptured captured; // its names
    SourceCompareTable shown;
    CompareLeaf *leaves;
} CompareTable;

// A connection whose transaction has the snapshot; one thread at a time.
typedef struct CompareReader {
    PgConn conn;
    PgWire wire;
    struct CompareReader *next; // of those that are free
} CompareReader;

typedef struct Compare {
    SourceContext context;
    const char *read_url; // where rows are read: the source, or its standby
    const volatile bool *stop;
    SourceMoment moment;
    char held[64]; // the snapshot's name
    Arena arena;
    PgTables catalog; // as of the moment
    CompareTable *tables;
    size_t table_count;
    pthread_mutex_t mutex; // over all that follows
    PgSession session;     // sql holds the snapshot and has the catalog as of it
    CompareReader *free;
} Compare;

#endif
