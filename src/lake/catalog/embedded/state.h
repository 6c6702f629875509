// SPDX-License-Identifier: Apache-2.0
// What the files of the embedded catalog share.
#ifndef LEAT_LAKE_CATALOG_EMBEDDED_STATE_H
#define LEAT_LAKE_CATALOG_EMBEDDED_STATE_H

#include "core/base/map.h"
#include "core/database/database.h"
#include "lake/catalog/embedded/embedded.h"

typedef enum EmbeddedQuery {
    QUERY_SPACE,
    QUERY_SPACES,
    QUERY_SPACE_ADD,
    QUERY_SPACE_REMOVE,
    QUERY_SPACE_USED,
    QUERY_PROPERTIES,
    QUERY_PROPERTY_SET,
    QUERY_PROPERTY_REMOVE,
    QUERY_TABLE,
    QUERY_TABLES,
    QUERY_TABLE_ADD,
    QUERY_TABLE_MOVE,
    QUERY_TABLE_RENAME,
    QUERY_TABLE_REMOVE,
    QUERY_UUID_USED,
    QUERY_KEY,
    QUERY_KEY_ADD,
    QUERY_KEYS_EXPIRE,
    QUERIES,
} EmbeddedQuery;

typedef struct Embedded {
    Database *database;
    DatabaseStatement *queries[QUERIES];
    LakeIo *io;
    Slice warehouse; // without a slash at its end
    const Slice *locations;
    size_t location_count; // 0 = anywhere
    const _Atomic bool *stop;
    const EmbeddedKey *expected;
    Arena arena; // run
    Map texts;   // metadata files that were read or written of late, by their URI
    Arena kept;  // theirs
    Map held;    // MetadataHeld, of what was committed last, by the file's URI: the next commit stands upon it
    size_t held_bytes;
} Embedded;

// --- embedded.c ----------------------------------------------------------------------------------------------------

DatabaseStatement *embedded_query(Embedded *embedded, EmbeddedQuery which); // without the parameters of before
typedef bool (*EmbeddedChange)(Embedded *embedded, void *what, Err *err);
// Runs a change in a transaction that writes.
CHECKED bool embedded_change(Embedded *embedded, EmbeddedChange run, void *what, Err *err);
// A transaction that writes. ERR_NET_BUSY: others write for too long; nothing was done.
CHECKED bool embedded_begin(Embedded *embedded, Err *err);
CHECKED bool embedded_end(Embedded *embedded, Err *err); // with the expected key; commits
typedef struct TablePointer {
    bool found;
    Slice uuid, file;
} TablePointer;
CHECKED bool embedded_pointer(Embedded *embedded, TableName name, Arena *arena, TablePointer *pointer, Err *err);
// ERR_NOT_FOUND: "Namespace does not exist: NS".
CHECKED bool embedded_need_space(Embedded *embedded, Slice space, Err *err);
CHECKED bool embedded_space_exists(Embedded *embedded, Slice space, bool *exists, Err *err);
// A metadata file's text, from memory when it was seen before.
CHECKED bool embedded_read(Embedded *embedded, Slice file, Arena *arena, Slice *json, Err *err);
void embedded_keep(Embedded *embedded, Slice file, Slice json);
// The metadata of a file, if it was committed here of late; NULL = not known.
const TableMetadata *embedded_held(const Embedded *embedded, Slice file);
void embedded_hold(Embedded *embedded, Slice base, MetadataHeld *made); // taken; what was held of `base` goes
void embedded_hold_less(Embedded *embedded);                            // before a commit: all goes once it is much
bool embedded_properties(Embedded *embedded, Slice space, Arena *arena, Property **properties, size_t *count, Err *err);

// --- places.c ------------------------------------------------------------------------------------------------------

// Parts with dots between them, as messages name a namespace; cut where a message would be.
typedef struct SpaceText {
    char text[300];
} SpaceText;
SpaceText embedded_space_text(Slice space);
bool embedded_space_is_fine(Slice space, Slice *parent);
CHECKED bool embedded_part_check(Slice table, Err *err); // ERR_VALUE: no table is called so
bool embedded_no_table(TableName name, Err *err);        // false, with ERR_NOT_FOUND: "Table does not exist: NS.T"
bool embedded_is_table(TableName name, Err *err);        // false, with ERR_EXISTS
// May this file be removed, or written, because somebody's metadata names it?
bool embedded_is_ours(const Embedded *embedded, Slice location, Slice file);

// --- commit.c ------------------------------------------------------------------------------------------------------

bool embedded_commit(void *state, CatalogCommit *commits, size_t count, Arena *arena, Err *err);

// --- drop.c --------------------------------------------------------------------------------------------------------

bool embedded_drop(void *state, TableName name, bool purge, Err *err);

#endif
