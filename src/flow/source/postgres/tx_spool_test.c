// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/tx_spool.c" // NOLINT

#include "core/base/test.h"

static bool collect(void *context, uint64_t lsn, Slice message, Err *err) {
    Buf *seen = context;
    (void)err;
    buf_put(seen, MIN(message.size, (size_t)8) == message.size ? message : (Slice){message.data, 8});
    buf_uint(seen, lsn);
    buf_u8(seen, ' ');
    return true;
}

TEST(tx_spool_replays_what_stands) {
    Err err[1] = {{0}};
    char directory[64];
    test_folder(directory, sizeof(directory), "tx_spool");
    TxSpool *spool = NULL;
    CHECK_OK(tx_spool_open(directory, &spool, err));
    CHECK_OK(tx_spool_append(spool, 10, 10, 1, SLICE("I\0\0\0\012a"), err));
    CHECK_OK(tx_spool_append(spool, 10, 11, 2, SLICE("R\0\0\0\013b"), err));
    CHECK_OK(tx_spool_append(spool, 10, 11, 3, SLICE("I\0\0\0\013c"), err));
    CHECK_OK(tx_spool_append(spool, 20, 20, 4, SLICE("I\0\0\0\024d"), err));
    CHECK_OK(tx_spool_abort(spool, 10, 11, err));
    CHECK_OK(tx_spool_append(spool, 10, 10, 5, SLICE("I\0\0\0\012e"), err));
    DEFER(buf_release) Buf seen = {0};
    CHECK_OK(tx_spool_replay(spool, 10, collect, &seen, err));
    CHECK_TEXT(buf_slice(&seen), "Ia1 Rb2 Ie5 ");
    CHECK_OK(tx_spool_abort(spool, 20, 20, err));
    CHECK_INT(tx_spool_bytes(spool), 0);
    tx_spool_close(spool);
    CHECK(!file_exists(directory));
}

TEST(tx_spool_reads_entries_larger_than_its_buffer) {
    Err err[1] = {{0}};
    char directory[64];
    test_folder(directory, sizeof(directory), "tx_spool");
    TxSpool *spool = NULL;
    CHECK_OK(tx_spool_open(directory, &spool, err));
    DEFER(buf_release) Buf message = {0}, seen = {0};
    for (int i = 0; i < 3; i++) {
        buf_reset(&message);
        buf_text(&message, "Ixxxx");
        for (size_t size = 0; size < (i == 1 ? 3 * MIB : 100); size += 10) {
            buf_text(&message, "0123456789");
        }
        CHECK_OK(tx_spool_append(spool, 7, 7, (uint64_t)i, buf_slice(&message), err));
    }
    CHECK_OK(tx_spool_replay(spool, 7, collect, &seen, err));
    CHECK_TEXT(buf_slice(&seen), "I01234560 I01234561 I01234562 ");
    tx_spool_close(spool);
}
