// SPDX-License-Identifier: Apache-2.0
// The reading side of a journal in Kafka; see storage/journal/driver.h. For this folder alone.
#ifndef LEAT_STORAGE_JOURNAL_KAFKA_TAIL_H
#define LEAT_STORAGE_JOURNAL_KAFKA_TAIL_H

#include "storage/journal/kafka/unit.h"

// Stands behind the newest head, which is applied to the ledger. *found false: the log is empty. tail_close in any
// case.
CHECKED bool kafka_tail_newest(const char *directory, Ledger *ledger, JournalTail **tail, bool *found, Err *err);
// Does nobody but leat delete of the topic? ERR_NET_SETUP. Where brokers do not tell, it is taken to be so.
CHECKED bool kafka_tail_kept(const JournalTail *tail, Err *err);
// Applies all that follows.
CHECKED bool kafka_tail_apply(JournalTail *tail, Err *err);
// The segments, the one that is read last; valid as long as no other is begun.
Slice kafka_tail_segments(const JournalTail *tail);
LogPosition kafka_tail_written(const JournalTail *tail); // where frames end, with those of dropped parts

CHECKED bool kafka_tail_open(const char *directory, LogPosition from, size_t memory_bytes_max, Ledger *ledger,
                             JournalTail **tail, Err *err);
void kafka_tail_close(JournalTail *tail);
CHECKED bool kafka_tail_next(JournalTail *tail, Frame *frame, bool *found, Err *err);
LogPosition kafka_tail_at(const JournalTail *tail);
CHECKED bool kafka_tail_before(JournalTail *tail, LogPosition limit, bool cuts, Err *err);
LogPosition kafka_tail_end(JournalTail *tail);
void kafka_tail_wait(JournalTail *tail, int timeout_ms);
void kafka_tail_wake(JournalTail *tail);
void kafka_tail_where(const JournalTail *tail, LogPosition at, char *text, size_t size);
CHECKED bool kafka_look(const char *directory, JournalLook *look, Ledger *ledger, Err *err);
CHECKED bool kafka_check(const char *directory, JournalCheck *check, void (*finding)(void *context, const char *text),
                         void *context, Err *err);

#endif
