// SPDX-License-Identifier: Apache-2.0
// The tables of a warehouse, found by its files alone: for an embedded catalog that was lost.
//
// Which metadata file of a table is the current one stands in the catalog and nowhere else, so it is concluded. A file
// that another one follows (whose metadata log ends with it) was current. What nobody follows may have been: the
// newest such file is taken, but for one case. The sink writes the metadata files of all tables of a commit one after
// another before it moves any pointer, and each snapshot says which table comes last ("leat.commit-last":
// "UUID/SNAPSHOT"). Where that table has no such snapshot, and no later one, the writer died in between: the commit
// never was, and the file before is taken. So all tables of a pipeline are at one cut, and nothing that was committed
// is missing. A commit whose files are all there counts as done, pointers moved or not: its rows are there, and the
// sink goes on behind them.
//
// Transactions of several tables by others (the REST catalog's) leave no such word: each of their tables is taken at
// its newest.
#ifndef LEAT_LAKE_CATALOG_REBUILD_H
#define LEAT_LAKE_CATALOG_REBUILD_H

#include "lake/catalog/catalog.h"

typedef struct FoundTable {
    TableName name; // as the table says (leat.namespace, leat.table), else by its folder below the warehouse
    Slice uuid;     // as below empty where its metadata cannot be read
    Slice metadata_file;
    int64_t updated_ms;
    int64_t snapshot_id;  // current; -1 = none
    Slice pipeline;       // leat's tables; data NULL = none
    Slice passed_over;    // a newer metadata file, of a commit that never was; data NULL = none
    const char *left_out; // why it cannot be in the catalog; NULL = it can
} FoundTable;

// In the order of their names; all in the arena. Reads the newest two versions of each table's metadata.
CHECKED bool catalog_find_tables(LakeIo *io, Slice warehouse, Arena *arena, FoundTable **tables, size_t *count,
                                 Err *err);
// Those that are not left out, with their namespaces. ERR_EXISTS: there is a table of that name.
CHECKED bool catalog_register_tables(Catalog *catalog, const FoundTable *tables, size_t count, Err *err);

#endif
