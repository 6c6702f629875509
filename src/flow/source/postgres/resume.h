// SPDX-License-Identifier: Apache-2.0
// Where a connector goes on within a transaction of which another Debezium has sent a part. Its offset says so:
//
//     lsn_commit            the end of the last transaction that was sent as a whole; the next one is the one in
//     question txId, lsn_proc        of the last change that was sent lsn_events_processed  how many changes of that
//     LSN were (COPY puts many under one); absent: before Debezium 3.7
//
// Within that transaction changes come in the order of their LSNs, so those up to there are passed over. Without the
// count only one change of the last LSN is: a change may come twice then, none is missing.
//
// State record "resume" of the journal: u8 version, v transaction id, v lsn, v count; gone with the cut that has the
// transaction.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_RESUME_H
#define LEAT_FLOW_SOURCE_POSTGRES_RESUME_H

#include "core/config/properties.h"
#include "storage/journal/journal.h"

typedef struct PgResume {
    bool armed;  // until the first transaction begins
    bool within; // that transaction is it
    uint32_t xid;
    uint64_t lsn;
    uint64_t count, met; // changes of that LSN: sent, met so far
} PgResume;

// What an offset in Debezium's form says; armed false when nothing was sent in part.
PgResume pg_resume_of(const Properties *offset);
void pg_resume_put(const PgResume *resume, Journal *journal); // into the next cut
PgResume pg_resume_get(Journal *journal);
// At the first BEGIN: the record goes with the next cut.
void pg_resume_begin(PgResume *resume, uint32_t xid, Journal *journal);
// Was a change with this LSN sent? Once for each change of the transaction, in order.
bool pg_resume_sent(PgResume *resume, uint64_t lsn);
// Likewise of a message, which is no change and has an LSN of its own.
bool pg_resume_before(const PgResume *resume, uint64_t lsn);

#endif
