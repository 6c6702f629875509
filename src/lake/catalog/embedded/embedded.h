// SPDX-License-Identifier: Apache-2.0
// The catalog of leat's own: a SQLite file that says of every table which metadata file is its newest. Several
// processes open it at once; what one has committed, all see. The metadata files themselves are where the tables are.
//
//     namespaces(name, parent)                          name: its parts with U+001F between them
//     namespace_properties(namespace, key, value)
//     tables(namespace, name, uuid, metadata_file, commits, changed_ms)
//     idempotency(key, request, status, body, expires_ms)
//
// A commit writes the metadata files first, durably, and then moves the pointers of all its tables in one transaction,
// if they still are where it found them. So a pointer always names a file that is there; what a lost race or a crash
// leaves behind is a file that nobody names.
#ifndef LEAT_LAKE_CATALOG_EMBEDDED_EMBEDDED_H
#define LEAT_LAKE_CATALOG_EMBEDDED_EMBEDDED_H

#include "lake/catalog/catalog.h"

extern const CatalogDriver EMBEDDED_CATALOG;

typedef struct EmbeddedOptions {
    // URIs, comma-separated, below which tables may lie: what others ask for (locations of tables, metadata files to
    // register, files to purge) is refused elsewhere (ERR_NET_PERMISSION). "" or NULL: anywhere.
    const char *locations;
} EmbeddedOptions;

// --- for the REST surface, on the driver's state -----------------------------------------------------------------

// Where its newest metadata is; without a look at it. ERR_NOT_FOUND as `load`.
CHECKED bool embedded_table_file(void *state, TableName name, Arena *arena, Slice *file, Err *err);
// ERR_VALUE: no table can be called so; ERR_NOT_FOUND: there is no such namespace.
CHECKED bool embedded_name_check(void *state, TableName name, Err *err);
Slice embedded_uuid(Arena *arena); // a random one, as text
// Where a new table goes that nobody has named a place for: below its namespace's property "location", else
// WAREHOUSE/NAMESPACE/TABLE, with a suffix where there are files already, or where names had to be changed.
CHECKED bool embedded_location(void *state, TableName name, Arena *arena, Slice *location, Err *err);
// ERR_NET_PERMISSION: not below one of the locations.
CHECKED bool embedded_may_lie(void *state, Slice location, Err *err);

enum { EMBEDDED_KEY_MS = 30 * 60 * 1000 }; // how long a request's key is remembered

typedef struct EmbeddedKey {
    Slice key;     // the client's
    Slice request; // a digest of what is asked
    int status;    // of the answer
    Slice body;    // empty: there is none, or the answer is to be made anew
} EmbeddedKey;

// The next change that the state commits remembers this key in its transaction: both are durable, or neither. NULL:
// no key. What it points to is borrowed until then.
void embedded_expect(void *state, const EmbeddedKey *key);
CHECKED bool embedded_remember(void *state, const EmbeddedKey *key, Err *err);
// *found: `key` has request, status and body of what was answered, in the arena.
CHECKED bool embedded_recall(void *state, EmbeddedKey *key, Arena *arena, bool *found, Err *err);

#endif
