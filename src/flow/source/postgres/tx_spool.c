// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/tx_spool.h"

#include "core/sys/file.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { ENTRY_HEAD_BYTES = 16, XID_BYTES = 4 };
#define WRITE_BYTES (256 * KIB)
#define READ_BYTES  (256 * KIB)

typedef struct Transaction {
    uint32_t xid;
    int fd;
    char path[PATH_MAX];
    uint64_t size;
    Buf pending; // not yet written
    Map aborted; // subtransactions
} Transaction;

struct TxSpool {
    char directory[PATH_MAX - 32];
    Map transactions;
    uint64_t bytes;
};

bool tx_spool_open(const char *directory, TxSpool **spool, Err *err) {
    if (strlen(directory) >= sizeof((*spool)->directory)) {
        return FAIL(err, ERR_OPTION, "the data directory's name is longer than %zu bytes", sizeof((*spool)->directory));
    }
    TRY(file_remove_tree(directory, err));
    TRY(file_make_directories(directory, err));
    TxSpool *opened = calloc(1, sizeof(*opened));
    ASSERT(opened != NULL);
    snprintf(opened->directory, sizeof(opened->directory), "%s", directory);
    *spool = opened;
    return true;
}

static void transaction_free(TxSpool *spool, Transaction *tx) {
    file_close(&tx->fd);
    unlink(tx->path);
    spool->bytes -= tx->size + tx->pending.size;
    buf_release(&tx->pending);
    map_release(&tx->aborted);
    map_remove_u64(&spool->transactions, tx->xid);
    free(tx);
}

void tx_spool_drop_all(TxSpool *spool) {
    for (MapEntry *entry; (entry = map_next(&spool->transactions, NULL)) != NULL;) {
        transaction_free(spool, entry->value);
    }
}

void tx_spool_close(TxSpool *spool) {
    if (spool != NULL) {
        tx_spool_drop_all(spool);
        map_release(&spool->transactions);
        rmdir(spool->directory);
        free(spool);
    }
}

uint64_t tx_spool_bytes(const TxSpool *spool) {
    return spool->bytes;
}

static bool transaction_get(TxSpool *spool, uint32_t xid, Transaction **found, Err *err) {
    Transaction *tx = map_find_u64(&spool->transactions, xid);
    if (tx == NULL) {
        tx = calloc(1, sizeof(*tx));
        ASSERT(tx != NULL);
        tx->xid = xid;
        tx->fd = -1;
        snprintf(tx->path, sizeof(tx->path), "%s/%u", spool->directory, xid);
        map_put_u64(&spool->transactions, xid, tx);
        TRY(file_open(tx->path, O_RDWR | O_CREAT | O_TRUNC, &tx->fd, err));
    }
    *found = tx;
    return true;
}

static bool transaction_flush(Transaction *tx, Err *err) {
    TRY(file_write(tx->fd, tx->path, buf_slice(&tx->pending), (off_t)tx->size, err));
    tx->size += tx->pending.size;
    buf_reset_keep(&tx->pending, 2 * WRITE_BYTES);
    return true;
}

bool tx_spool_append(TxSpool *spool, uint32_t xid, uint32_t subxid, uint64_t lsn, Slice message, Err *err) {
    ASSERT(message.size > XID_BYTES);
    Transaction *tx = NULL;
    TRY(transaction_get(spool, xid, &tx, err));
    size_t before = tx->pending.size;
    buf_u32le(&tx->pending, (uint32_t)(message.size - XID_BYTES));
    buf_u32le(&tx->pending, subxid);
    buf_u64le(&tx->pending, lsn);
    buf_u8(&tx->pending, message.data[0]);
    buf_put(&tx->pending, slice_from(message, 1 + XID_BYTES));
    spool->bytes += tx->pending.size - before;
    return tx->pending.size < WRITE_BYTES || transaction_flush(tx, err);
}

bool tx_spool_abort(TxSpool *spool, uint32_t xid, uint32_t subxid, Err *err) {
    Transaction *tx = map_find_u64(&spool->transactions, xid);
    if (tx != NULL && subxid == xid) {
        transaction_free(spool, tx);
    } else if (tx != NULL) {
        map_put_u64(&tx->aborted, subxid, tx);
    }
    return true;
}

// Applies the whole entries in `bytes`; *used says how much that was, *wanted how long the next entry is.
static bool entries_apply(const Transaction *tx, Slice bytes, size_t *used, size_t *wanted,
                          bool (*apply)(void *context, uint64_t lsn, Slice message, Err *err), void *context,
                          Err *err) {
    *used = 0;
    *wanted = ENTRY_HEAD_BYTES;
    while (bytes.size - *used >= ENTRY_HEAD_BYTES) {
        const uint8_t *head = bytes.data + *used;
        size_t size = load_u32le(head);
        *wanted = ENTRY_HEAD_BYTES + size;
        if (bytes.size - *used < *wanted) {
            break;
        }
        Slice message = {head + ENTRY_HEAD_BYTES, size};
        bool stands = map_find_u64(&tx->aborted, load_u32le(head + 4)) == NULL || message.data[0] == 'R';
        if (stands) {
            TRY(apply(context, load_u64le(head + 8), message, err));
        }
        *used += *wanted;
        *wanted = ENTRY_HEAD_BYTES;
    }
    return true;
}

static bool transaction_replay(Transaction *tx, Buf *buffer,
                               bool (*apply)(void *context, uint64_t lsn, Slice message, Err *err), void *context,
                               Err *err) {
    TRY(transaction_flush(tx, err));
    uint64_t at = 0;
    size_t wanted = READ_BYTES;
    while (at < tx->size) {
        size_t size = (size_t)MIN((uint64_t)MAX(wanted, READ_BYTES), tx->size - at);
        buf_reset(buffer);
        uint8_t *room = buf_room(buffer, size);
        size_t got = 0, used = 0;
        TRY(file_read(tx->fd, tx->path, room, size, (off_t)at, &got, err));
        TRY(entries_apply(tx, (Slice){room, got}, &used, &wanted, apply, context, err));
        if (used == 0 && got < wanted) {
            if (at + wanted > tx->size) {
                return FAIL(err, ERR_STATE_CORRUPT, "%s: an entry at byte %" PRIu64 " is cut off", tx->path, at);
            }
            continue; // read again, as much as this one entry needs
        }
        at += used;
    }
    return true;
}

bool tx_spool_replay(TxSpool *spool, uint32_t xid, bool (*apply)(void *context, uint64_t lsn, Slice message, Err *err),
                     void *context, Err *err) {
    Transaction *tx = map_find_u64(&spool->transactions, xid);
    if (tx == NULL) {
        return true;
    }
    DEFER(buf_release) Buf buffer = {0};
    TRY(transaction_replay(tx, &buffer, apply, context, err));
    transaction_free(spool, tx);
    return true;
}
