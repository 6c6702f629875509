// SPDX-License-Identifier: Apache-2.0
// Large transactions that the server streams before they commit (pgoutput protocol 2): each is kept in a file of its
// own, as received, until it commits (then it is replayed through the ordinary road) or aborts (then it is dropped).
// Nothing here is durable: after any reconnect the server sends open transactions again from their start.
//
// A file is a run of entries: u32 size of the message, u32 (sub)transaction, u64 LSN, the message without its
// transaction id (so it parses as an ordinary one). Rolled-back subtransactions are passed over when replaying, except
// RELATION messages: the server sends a relation once a transaction, whichever subtransaction came first.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_TX_SPOOL_H
#define LEAT_FLOW_SOURCE_POSTGRES_TX_SPOOL_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/map.h"

typedef struct TxSpool TxSpool; // all open streamed transactions

// Removes what an earlier process left in the directory.
CHECKED bool tx_spool_open(const char *directory, TxSpool **spool, Err *err);
void tx_spool_close(TxSpool *spool); // drops every transaction; NULL is fine

// `message` as in the streamed block, transaction id included.
CHECKED bool tx_spool_append(TxSpool *spool, uint32_t xid, uint32_t subxid, uint64_t lsn, Slice message, Err *err);
// The subtransaction's messages so far are void; with subxid == xid the whole transaction is dropped.
CHECKED bool tx_spool_abort(TxSpool *spool, uint32_t xid, uint32_t subxid, Err *err);
// Calls `apply` with each message that stands, in order, then drops the transaction. A transaction that is not there
// (all of its changes were filtered out) is fine.
CHECKED bool tx_spool_replay(TxSpool *spool, uint32_t xid,
                             bool (*apply)(void *context, uint64_t lsn, Slice message, Err *err), void *context,
                             Err *err);
void tx_spool_drop_all(TxSpool *spool); // after a reconnect
uint64_t tx_spool_bytes(const TxSpool *spool);

#endif
