// SPDX-License-Identifier: Apache-2.0
#include "data/format/gunzip.c"

#include "core/base/test.h"

static Err err[1];

static bool unpacked(Slice bytes, size_t piece, Buf *out) {
    GunzipStream *stream = NULL;
    bool ok = gunzip_open(&stream, err);
    for (size_t at = 0; ok && at < bytes.size; at += piece) {
        ok = gunzip_write(stream, (Slice){bytes.data + at, MIN(piece, bytes.size - at)}, out, err);
    }
    ok = ok && gunzip_finish(stream, err);
    gunzip_close(stream);
    return ok;
}

TEST(gunzip_reads_members_in_pieces) {
    Buf packed = {0}, out = {0}, plain = {0};
    for (int member = 0; member < 2; member++) {
        GzipStream *stream = NULL;
        Buf text = {0};
        for (int i = 0; i < 30000; i++) {
            buf_printf(&text, "line %d of %d\n", i, member);
        }
        CHECK_OK(gzip_open(1, &stream, err));
        CHECK_OK(gzip_write(stream, buf_slice(&text), &packed, err));
        CHECK_OK(gzip_finish(stream, &packed, err));
        gzip_close(stream);
        buf_put(&plain, buf_slice(&text));
        buf_release(&text);
    }
    static const size_t PIECES[] = {1, 1000, 1 << 20};
    for (size_t i = 0; i < ARRAY_LEN(PIECES); i++) {
        buf_reset(&out);
        CHECK(unpacked(buf_slice(&packed), PIECES[i], &out));
        CHECK(slice_equal(buf_slice(&out), buf_slice(&plain)));
    }
    buf_reset(&out);
    CHECK(!unpacked((Slice){packed.data, packed.size - 3}, 1000, &out));
    CHECK_INT(err->code, ERR_VALUE);
    err_clear(err);
    packed.data[packed.size / 4] ^= 0x55;
    CHECK(!unpacked(buf_slice(&packed), 1000, &out));
    err_clear(err);
    buf_release(&packed);
    buf_release(&out);
    buf_release(&plain);
}
