// SPDX-License-Identifier: Apache-2.0
// What a journal holds when nobody writes it: the last segment is read to its last whole cut.
//
// Behind that cut may be the rest of a group that was being written when the process or the machine died. It is not
// the rest of such a group, but damage to something that was durable, when
//     - `head` says that the log was durable further on, or
//     - a whole frame of a group two further on is found behind it: that group was begun after the first was synced.
// Then it is ERR_JOURNAL_CORRUPT with file and byte, and nothing is cut off.
#ifndef LEAT_STORAGE_JOURNAL_LOCAL_RECOVER_H
#define LEAT_STORAGE_JOURNAL_LOCAL_RECOVER_H

#include "storage/journal/ledger.h"
#include "storage/journal/local/segment.h"

typedef struct Recovered {
    LogPosition end;  // of the last whole cut, or of the segment's STATE frame
    LogPosition tail; // where the file ends; beyond `end` there is nothing that counts
} Recovered;

// Reads `segment` (open) into an empty ledger. `head_end`: what is known to be durable, 0 = nothing.
CHECKED bool recover_segment(SegmentReader *segment, LogPosition head_end, Ledger *ledger, Recovered *recovered,
                             Err *err);
// Reads it only to `limit`, which is the durable end of a journal that has a live writer.
CHECKED bool recover_up_to(SegmentReader *segment, LogPosition limit, Ledger *ledger, Recovered *recovered, Err *err);

#endif
