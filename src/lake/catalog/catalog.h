// SPDX-License-Identifier: Apache-2.0
// The catalog seam: which metadata file is a table's newest. Drivers: the embedded one (embedded/, a SQLite file that
// several processes share), any Iceberg REST catalog (rest/). One conformance suite for both.
//
// A namespace is a list of names; as text its parts are separated by a unit separator, U+001F, as in REST paths.
#ifndef LEAT_LAKE_CATALOG_CATALOG_H
#define LEAT_LAKE_CATALOG_CATALOG_H

#include "core/config/option.h"
#include "lake/iceberg/io.h"
#include "lake/iceberg/update.h"

typedef struct Catalog Catalog; // one thread at a time

typedef struct CatalogContext {
    const char *url;       // "iceberg+https://…?warehouse=w", or the path of catalog.db
    const char *warehouse; // where new tables go by default (the embedded one); NULL = as the catalog says
    LakeIo *io;            // for metadata files that the embedded one writes and reads
    const void *options;   // the driver's option struct; NULL = its defaults
    const _Atomic bool *stop;
} CatalogContext;

typedef struct TableName {
    Slice space; // namespace
    Slice table;
} TableName;

typedef struct CatalogTable {
    Slice metadata_json;    // as the file has it
    Slice metadata_file;    // URI
    MetadataHeld *held;     // of a commit: the same, where the catalog has it at hand; until its next commit
    const Property *config; // what the catalog says of the storage: "s3.endpoint", "s3.access-key-id", …
    size_t config_count;
} CatalogTable;

typedef struct CatalogCommit {
    TableName name;
    TableChange change;
    CatalogTable after; // found out: the table as committed; metadata_json empty where the catalog does not say
    bool done;          // found out: this table is committed (without transactions some may be, others not)
} CatalogCommit;

// What is not there is ERR_NOT_FOUND ("Namespace does not exist: NS", "Table does not exist: NS.T": clients look at the
// words), what is there already ERR_EXISTS, what a requirement forbids ERR_CHANGED; a catalog that does not answer
// ERR_NET_UNREACHABLE or ERR_NET_BUSY.
typedef struct CatalogDriver {
    const char *name;
    const OptionTable *options;
    bool (*accepts)(const char *url);
    bool (*open)(const CatalogContext *context, void **state, Err *err);
    void (*close)(void *state);
    // Direct children of a namespace; `parent` empty: the top ones. Full names.
    bool (*spaces)(void *state, Slice parent, Arena *arena, Slice **spaces, size_t *count, Err *err);
    bool (*space_create)(void *state, Slice space, const Property *properties, size_t count, Err *err);
    bool (*space_drop)(void *state, Slice space, Err *err); // ERR_CHANGED: it is not empty
    bool (*space_properties)(void *state, Slice space, Arena *arena, Property **properties, size_t *count, Err *err);
    // `removed` may name what is not there; counts and lists of what was done are the caller's to compare.
    bool (*space_set)(void *state, Slice space, const Property *set, size_t set_count, const Slice *removed,
                      size_t removed_count, Err *err);
    bool (*tables)(void *state, Slice space, Arena *arena, Slice **tables, size_t *count, Err *err);
    bool (*load)(void *state, TableName name, Arena *arena, CatalogTable *table, Err *err);
    // Which metadata file is the newest, without reading it: tables of one catalog may lie where this one's io has no
    // business. NULL where a catalog does not say that by itself.
    bool (*where)(void *state, TableName name, Arena *arena, Slice *metadata_file, Err *err);
    // All or nothing where `atomic` says so. Tables that REQUIRE_CREATE are made. ERR_CHANGED names table and
    // requirement. After ERR_NET_… of a commit its outcome is unknown: catalog_commit finds out.
    bool (*commit)(void *state, CatalogCommit *commits, size_t count, Arena *arena, Err *err);
    bool (*atomic)(void *state);
    bool (*register_table)(void *state, TableName name, Slice metadata_file, bool overwrite, Err *err);
    bool (*rename)(void *state, TableName from, TableName to, Err *err);
    // Only the entry; `purge`: the embedded one removes the files that the metadata reaches as well.
    bool (*drop)(void *state, TableName name, bool purge, Err *err);
} CatalogDriver;

// The drivers there are (app/drivers.c), NULL-terminated. The one that accepts the URL is taken.
CHECKED bool catalog_open(const CatalogDriver *driver, const CatalogContext *context, Catalog **catalog, Err *err);
void catalog_close(Catalog *catalog);
const CatalogDriver *catalog_driver(const Catalog *catalog);
void *catalog_state(const Catalog *catalog);

// Commits, and where the outcome is unknown (time-out, 5xx after success) loads the tables until it can tell, by the
// snapshot ids that the changes add, whether they stand; sends again what does not and could. Waits for a catalog that
// is away, up to `patience_ms` (-1: until stopped). ERR_CHANGED: a requirement does not hold; commits that are `done`
// stand.
CHECKED bool catalog_commit(Catalog *catalog, CatalogCommit *commits, size_t count, int64_t patience_ms, Arena *arena,
                            Err *err);
// While catalog_commit waits it calls this before every try but the first two. False: it gives up.
void catalog_on_wait(Catalog *catalog, bool (*waits)(void *context, const Err *why), void *context);
CHECKED bool catalog_load(Catalog *catalog, TableName name, Arena *arena, CatalogTable *table, Err *err);
// Does this metadata show that the change was made? By its snapshots; a new table by its identity, or by the properties
// that it is given; else by those that are set. What shows nothing has not been made.
bool catalog_change_stands(const TableChange *change, const TableMetadata *metadata);
// Makes the namespace, and its parents, where they are not.
CHECKED bool catalog_ensure_space(Catalog *catalog, Slice space, Err *err);

#endif
