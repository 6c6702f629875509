// SPDX-License-Identifier: Apache-2.0
// Tables that are set aside. Events of a topic follow each other without a gap, so the first one that is new to a table
// tells whether something is missing in it: it was dropped in the catalog or replaced by another, went back to an older
// snapshot, or the catalog is an older copy. Such a table's events are passed over, the others go on, and it is said
// until somebody has the table read again (leat resync), which begins with a TRUNCATE: from there on all is whole.
//
// So is a table whose next event it cannot take: its schema has changed into one that its columns cannot follow, a row
// is changed and there is no key to find it by, a value cannot be held by its column (inexact.values=aside). It stays
// at its last commit. After a restart its events are found missing, and until there is one it is remembered. And so is
// one whose name is taken in the catalog by a table that is not ours; but where there is none of ours beside it, the
// pipeline stops (aside_alone).
#ifndef LEAT_FLOW_SINK_ICEBERG_ASIDE_H
#define LEAT_FLOW_SINK_ICEBERG_ASIDE_H

#include "flow/sink/iceberg/table.h"
#include "flow/sink/sink.h"

typedef struct Aside {
    Map tables;  // by topic: what is said of them
    Map before;  // likewise: what an earlier run has set aside, until the next event of each is looked at
    char *path;  // where both are kept; NULL = nowhere
    bool dirty;  // they are not
    Err refused; // ERR_EXISTS of the first one, while none of ours is known
} Aside;

// What earlier runs have set aside. `path` stays with the caller.
CHECKED bool aside_load(Aside *aside, char *path, Err *err);
// The table of an event's topic, which no one has opened yet. NULL: it is, or is now, set aside.
CHECKED bool aside_table_open(Lake *lake, Aside *aside, const JournalEntry *entry, LakeTable **table, Err *err);
// After an error of the table's event. True, and no error any more: it is set aside, for its ERR_TABLE, ERR_EXISTS, or
// where the options say so ERR_VALUE. `table` (NULL: it could not be opened) is closed then.
CHECKED bool aside_table_put(Lake *lake, Aside *aside, const JournalEntry *entry, LakeTable *table, Err *err);
// Refused tables are all that there is so far: what was passed over is not to be let go of. When no other table is to
// come, aside_refuse gives the error of the first.
bool aside_alone(const Aside *aside);
bool aside_refuse(const Aside *aside, Err *err);
// What is set aside, and the remedy; empty when nothing is.
void aside_say(const Aside *aside, char *text, size_t size);
void aside_release(Aside *aside);
// Those, and the tables that are open.
void aside_tables(const Map *tables, const Aside *aside, SinkTableVisit visit, void *context);

#endif
