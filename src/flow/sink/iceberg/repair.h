// SPDX-License-Identifier: Apache-2.0
// Corrections of the lake, as a comparison found them, on their way into the next commit.
//
// A comparison saw the tables at a tag; since then other changes may have come. A correction is about one key, and the
// index says where its row is now:
//
//     where the comparison saw it, or nowhere:    the correction holds
//     somewhere else, or the key was deleted:     a later change has written it anew; it is passed over
//
// Rows of the key that the comparison saw, and that are live and not the index's, are strays: they go in any case.
#ifndef LEAT_FLOW_SINK_ICEBERG_REPAIR_H
#define LEAT_FLOW_SINK_ICEBERG_REPAIR_H

#include "flow/sink/iceberg/table.h"
#include "flow/sink/sink.h"

// Keys that are deleted from now on are noted, of every table; until lake_unwatch.
void lake_watch(Lake *lake, const Map *tables);
void lake_unwatch(Lake *lake, const Map *tables);
// What a table notes (table.c, pending.c).
void watch_deleted(LakeTable *table, KeyHash hash);
void watch_truncated(LakeTable *table);
void watch_release(LakeTable *table);

// Takes the corrections in; tables that are not open yet are opened and put into `tables`. The caller commits.
CHECKED bool lake_repair(Lake *lake, Map *tables, const char *corrections, SinkRepair *repair, Err *err);

#endif
