// SPDX-License-Identifier: Apache-2.0
// The lake that a command is about, and a table of it.
//
// Which lake: --pipeline NAME, its catalog, with the credentials that it was given; else --catalog, with --warehouse
// and --set s3.…; else the one that all Iceberg pipelines of the data directory write to; else its catalog.db.
#ifndef LEAT_SURFACE_CLI_LAKE_H
#define LEAT_SURFACE_CLI_LAKE_H

#include "flow/pipeline/config.h"
#include "flow/sink/iceberg/hand.h"
#include "flow/sink/iceberg/places.h"
#include "lake/iceberg/commit.h"
#include "surface/cli/command.h"

#define LAKE_FLAGS                                                                                 \
    {"pipeline", "NAME", NULL, "the lake that it writes to; default the data directory's"},        \
        {"catalog", "URL", NULL, "another one's: iceberg+https://…, or the path of a catalog.db"}, \
        {"warehouse", "PLACE", NULL, "of --catalog: a directory or s3://bucket/prefix"},           \
        {"set", "NAME=VALUE", NULL, "s3.* and catalog.* options; may be repeated"}, {              \
        "output", "FORM", NULL, "text or json; default text"                                       \
    }

typedef struct CliLake {
    const Cli *cli;
    LakePlaces places;
    S3Options s3;
    RestCatalogOptions rest;
    // Of the pipelines whose catalog this is: a table is looked at with what its own has.
    struct CliPlace *all;
    size_t all_count;
    char *staging;
    LakeIo *io;
    Catalog *catalog;
} CliLake;

// Defaults alone, for a lake whose places are then filled in by hand.
void cli_lake_begin(const Cli *cli, CliLake *lake);
// Zeroed before; cli_lake_close is right after a failure, too.
CHECKED bool cli_lake_open(const Cli *cli, CliLake *lake, Err *err);
void cli_lake_close(CliLake *lake);
// The data directory's catalog.db, for this command alone until *lock is closed. ERR_LOCKED: leat catalog serve runs.
CHECKED bool cli_catalog_alone(const Cli *cli, int *lock, Err *err);
// The files of a warehouse alone, without a catalog.
CHECKED bool cli_lake_io(const Cli *cli, const char *warehouse, CliLake *lake, Err *err);
// The s3.* and catalog.* options that --set gives, over what is there. ERR_OPTION: it gives others.
CHECKED bool cli_lake_sets(const Cli *cli, S3Options *s3, RestCatalogOptions *rest, Err *err);
// Every table, full names in order, in the command's arena.
CHECKED bool cli_lake_tables(const CliLake *lake, TableName **tables, size_t *count, Err *err);

typedef struct CliTable {
    TableName name;
    const char *text; // "namespace.table", fit for a terminal
    Table *table;
    const TableMetadata *metadata; // changes with cli_table_reload
} CliTable;
const char *cli_table_text(const Cli *cli, TableName name);
// `text` "ns.table", dots in the namespace separate its levels. ERR_NOT_FOUND.
CHECKED bool cli_table_open(CliLake *lake, const char *text, CliTable *table, Err *err);
CHECKED bool cli_table_load(CliLake *lake, TableName name, CliTable *table, Err *err);
CHECKED bool cli_table_reload(CliLake *lake, CliTable *table, Err *err);
void cli_table_close(CliTable *table);

// Commits updates of one table that has this identity, and loads it again. ERR_CHANGED: a requirement does not hold.
CHECKED bool cli_table_commit(CliLake *lake, CliTable *table, const TableRequirement *requirements,
                              size_t requirement_count, const TableUpdate *updates, size_t update_count, Err *err);

// Who writes a table, as the table says: its pipeline (property leat.pipeline), or sink connectors, of which there may
// be several (leat.offsets.PIPELINE).
enum { OWNERS_MAX = 16 };
typedef struct CliOwner {
    const char *pipeline;  // NULL = nobody of leat's; else one of them
    bool connectors;       // they are sink connectors
    bool elsewhere;        // one of them is not in this data directory
    int pid;               // that runs one of them (it is `pipeline`); 0 = nobody, -1 = not known who
    const char *lock;      // of the one that runs: its file
    const char *state;     // of the one that runs: its sink's state directory
    int locks[OWNERS_MAX]; // ours: nobody else can run them
    size_t lock_count;
} CliOwner;
// Looks, and takes the locks of those that are here and that nobody runs.
CHECKED bool cli_owner_claim(const Cli *cli, const CliTable *table, CliOwner *owner, Err *err);
void cli_owner_release(CliOwner *owner);
// ERR_LOCKED: another process runs the pipeline. ERR_EXISTS: the pipeline is not in this data directory (not with
// --force).
CHECKED bool cli_owner_idle(const Cli *cli, const CliTable *table, const CliOwner *owner, Err *err);

// Maintenance by hand: done by the process that writes the table where there is one, else here. `owner` is claimed, and
// may be another one afterwards. `work` has no name yet.
CHECKED bool cli_hand(CliLake *lake, const CliTable *table, CliOwner *owner, HandWork *work, HandDone *done, Err *err);

#endif
