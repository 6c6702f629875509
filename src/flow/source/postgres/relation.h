// SPDX-License-Identifier: Apache-2.0
// The shape of a leaf's rows at one moment: its schema in leat's terms and a codec for each column, in the order in
// which they travel. Made from a RELATION message (stream) or from the catalog (snapshot) by the same code.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_RELATION_H
#define LEAT_FLOW_SOURCE_POSTGRES_RELATION_H

#include "flow/source/postgres/capture.h"
#include "flow/source/postgres/codec.h"
#include "flow/source/postgres/pgoutput.h"
#include "flow/source/postgres/route.h"

typedef struct PgRelation {
    uint32_t oid;
    PgLeaf *leaf; // NULL = not captured: its changes are passed over
    Arena arena;
    uint16_t field_count;            // as they travel
    const PgRelationColumn *columns; // as they travel
    uint8_t identity;                // relreplident
    const PgCodec **codecs;          // as they travel
    uint16_t *places;                // field -> column of the schema
    Schema schema;                   // in the root's order, under the root's name
    bool signal;                     // of a connector's signal table
    bool whole_row_key;              // FULL without a primary key: the row itself is the key
    bool all_in_order;               // places[i] == i
    PgRoute route;                   // in the journal
    // In the spool, registered lazily.
    uint32_t spool_topic, spool_schema_id;
    bool spool_registered;
    Value *before, *after; // room for one row each
} PgRelation;

typedef enum PgRelationChange { PG_RELATION_SAME, PG_RELATION_NEW, PG_RELATION_REWRITTEN } PgRelationChange;

// Builds from what travels. `table` and `root` are the catalog's view of leaf and root, NULL when it has none (any
// more); they add keys' order, NOT NULL and the root's column order. Generated columns must not be in `columns`.
CHECKED bool pg_relation_build(PgRelation *relation, PgLeaf *leaf, uint32_t oid, uint8_t identity, Slice space,
                               Slice name, const PgRelationColumn *columns, uint16_t column_count, const PgTable *table,
                               const PgTable *root, PgTypes *types, PgConn *sql, Err *err);
void pg_relation_release(PgRelation *relation);
// True when the message describes what `relation` was built from.
bool pg_relation_matches(const PgRelation *relation, const PgMessage *message);
// One row into `row` (schema order). ERR_VALUE names the column.
CHECKED bool pg_relation_decode(const PgRelation *relation, PgTuple *tuple, Value *row, Arena *arena, Err *err);

#endif
