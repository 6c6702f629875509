// SPDX-License-Identifier: Apache-2.0
// The parts of the driver for files that stand in several files: see storage/journal/driver.h.
#ifndef LEAT_STORAGE_JOURNAL_LOCAL_LOCAL_H
#define LEAT_STORAGE_JOURNAL_LOCAL_LOCAL_H

#include "storage/journal/driver.h"

CHECKED bool local_tail_open(const char *directory, LogPosition from, size_t memory_bytes_max, Ledger *ledger,
                             JournalTail **tail, Err *err);
void local_tail_close(JournalTail *tail);
CHECKED bool local_tail_next(JournalTail *tail, Frame *frame, bool *found, Err *err);
LogPosition local_tail_at(const JournalTail *tail);
CHECKED bool local_tail_before(JournalTail *tail, LogPosition limit, bool cuts, Err *err);
LogPosition local_tail_end(JournalTail *tail);
void local_tail_wait(JournalTail *tail, int timeout_ms);
void local_tail_wake(JournalTail *tail);
void local_tail_where(const JournalTail *tail, LogPosition at, char *text, size_t size);

CHECKED bool local_look(const char *directory, JournalLook *look, Ledger *ledger, Err *err);
CHECKED bool local_check(const char *directory, JournalCheck *check, void (*finding)(void *context, const char *text),
                         void *context, Err *err);

#endif
