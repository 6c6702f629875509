// SPDX-License-Identifier: Apache-2.0
// What is durable in a journal, for those who do not write it.
#ifndef LEAT_STORAGE_JOURNAL_LOCAL_LOOK_H
#define LEAT_STORAGE_JOURNAL_LOCAL_LOOK_H

#include "storage/journal/local/head.h"
#include "storage/journal/ledger.h"
#include "storage/journal/local/segment.h"

typedef struct Look {
    SegmentList segments;
    Ledger ledger;   // as of `end`
    LogPosition end; // durable
    uint64_t head_epoch;
    bool live; // a writer holds the lock
} Look;

bool look_live(const char *directory);
// Reads head and the last segment. With a live writer the head says what is durable, without one the segment does.
// ERR_NOT_FOUND when there is no journal. look_close in either case.
CHECKED bool look_open(Look *look, const char *directory, Err *err);
void look_close(Look *look);

#endif
