// SPDX-License-Identifier: Apache-2.0
// Publications: two unless configured otherwise: NAME for tables with a replica identity (all operations), NAME_inserts
// for the rest (publish = 'insert, truncate'), so that leat never makes a user's UPDATE or DELETE fail. Leaves are
// published, never the root (publish_via_partition_root = false).
#ifndef LEAT_FLOW_SOURCE_POSTGRES_PUBLICATION_H
#define LEAT_FLOW_SOURCE_POSTGRES_PUBLICATION_H

#include "flow/source/postgres/catalog.h"

typedef struct PgPublicationPlan {
    const char *name; // "leat_shop"; the second is "leat_shop_inserts"
    bool exists, inserts_exists;
    bool by_dba;            // the user named an existing publication: accepted, never altered
    const PgTable **tables; // for the first (a DBA's: all)
    size_t table_count;
    const PgTable **inserts_tables;
    size_t inserts_table_count;
} PgPublicationPlan;
// Sorts the tables into the two. `dba_publication` NULL = make our own.
CHECKED bool pg_publication_plan(PgConn *sql, Arena *arena, const char *name, const char *dba_publication,
                                 const PgTables *tables, PgPublicationPlan *plan, Err *err);
// Creates what is missing and adds or drops tables where the sets differ. With a DBA's publication: checks that each
// table is in it with the needed operations (else ERR_SOURCE_SETUP with the ALTER PUBLICATION to run).
CHECKED bool pg_publication_apply(PgConn *sql, const PgPublicationPlan *plan, Err *err);
// The value of START_REPLICATION's publication_names: "leat_shop","leat_shop_inserts", names in double quotes; still to
// be made a literal. Lives in the arena.
char *pg_publication_names(Arena *arena, const PgPublicationPlan *plan);
CHECKED bool pg_publication_drop(PgConn *sql, const char *name, Err *err); // both; absent is fine

#endif
