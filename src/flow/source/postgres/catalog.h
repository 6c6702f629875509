// SPDX-License-Identifier: Apache-2.0
// What a PostgreSQL database holds, as far as capture cares: server, tables, columns, keys, partitions.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_CATALOG_H
#define LEAT_FLOW_SOURCE_POSTGRES_CATALOG_H

#include "data/event/schema.h"
#include "flow/source/postgres/conn.h"

typedef struct PgServer {
    int version; // 150018
    char version_text[64];
    uint64_t system_identifier;
    uint32_t timeline;
    uint64_t wal_end; // pg_current_wal_lsn (standby: the replayed end)
    bool in_recovery;
    char database[64];
    char wal_level[16];
    int64_t slot_wal_keep_bytes; // max_slot_wal_keep_size; -1 = no cap
    bool can_replicate;          // superuser, REPLICATION or a member of rds_replication
    bool superuser;
} PgServer;
CHECKED bool pg_server_read(PgConn *sql, PgServer *server, Err *err);

typedef struct PgColumn {
    Slice name;
    int16_t attnum;
    uint32_t type_oid;
    int32_t typmod;
    bool not_null;
    bool has_default;     // or is an identity column: rows that were there when it was added got values
    bool generated;       // GENERATED ALWAYS AS … (STORED or VIRTUAL)
    Slice default_text;   // as the server prints it; empty unless asked for
    Slice comment;        // likewise
    bool in_identity;     // the source sends it for the old row
    uint16_t key_ordinal; // 1, 2, … in the primary key; 0 = not in it
} PgColumn;

typedef struct PgTable {
    uint32_t oid;
    Slice space, name; // of the table itself
    char kind;         // relkind: 'r' table, 'p' partitioned root, 'v' view, 'm' materialized view, 'f' foreign;
                       // of connectors, roots that are read as a whole: 'P' streamed too, 'Q' never streamed
    uint32_t root_oid; // the topmost partitioned table; its own oid when it is none's partition
    Slice root_space, root_name;
    Slice comment;     // empty unless asked for
    Identity identity; // as effective: IDENTITY_NOTHING for DEFAULT without a primary key
    bool has_primary_key;
    bool row_security; // on, and it would apply to us
    bool unlogged;
    int64_t pages;           // relpages, or where never analysed the real size (pg_catalog_table: 0)
    double rows;             // reltuples; -1 = unknown
    int64_t bytes;           // pg_table_size; where DDL holds a table's lock, and of pg_catalog_table, from relpages
    const PgColumn *columns; // in attnum order, dropped ones left out
    uint32_t column_count;
} PgTable;

typedef struct PgTables {
    PgTable *at;
    size_t count;
} PgTables;

// Tables, and leaves of partitioned tables (roots themselves are listed too, kind 'p'), outside the system schemas and
// not temporary, whose "schema.table" matches. Patterns: comma-separated globs (* and ?), case as in the catalog;
// "a.b" matches schema and table, "b" a table in any schema; a name with dots or capitals in double quotes is literal.
// A leaf matches when its root does. ERR_TABLE names an include pattern without wildcard that matches nothing, and
// near names. Views match only a pattern without wildcards (they can be read in a snapshot, never streamed).
CHECKED bool pg_catalog_tables(PgConn *sql, Arena *arena, const char *include, const char *exclude, PgTables *tables,
                               Err *err);
// Those tables, partitions and partitioned roots that `choose` takes, each by its own name.
typedef bool (*PgChoose)(const void *context, Slice space, Slice name, bool partition);
CHECKED bool pg_catalog_chosen(PgConn *sql, Arena *arena, PgChoose choose, const void *context, PgTables *tables,
                               Err *err);
// One table by oid, fresh; found = false when it is gone.
typedef enum PgCatalogMore { PG_CATALOG_PLAIN, PG_CATALOG_DEFAULTS, PG_CATALOG_COMMENTS } PgCatalogMore;
CHECKED bool pg_catalog_table(PgConn *sql, Arena *arena, uint32_t oid, PgCatalogMore more, PgTable *table, bool *found,
                              Err *err);

#endif
