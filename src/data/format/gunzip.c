// SPDX-License-Identifier: Apache-2.0
#include "data/format/compress.h"

#include <zlib.h>

enum { GUNZIP_ROOM = 64 * KIB, GZIP_WINDOW = 15 + 16 };

struct GunzipStream {
    z_stream zlib;
    bool within; // a member
};

bool gunzip_open(GunzipStream **stream, Err *err) {
    GunzipStream *opened = calloc(1, sizeof(*opened));
    ASSERT(opened != NULL);
    if (inflateInit2(&opened->zlib, GZIP_WINDOW) != Z_OK) {
        free(opened);
        return FAIL(err, ERR_MEMORY, "no memory to unpack gzip");
    }
    *stream = opened;
    return true;
}

void gunzip_close(GunzipStream *stream) {
    if (stream != NULL) {
        inflateEnd(&stream->zlib);
        free(stream);
    }
}

bool gunzip_write(GunzipStream *stream, Slice bytes, Buf *out, Err *err) {
    z_stream *zlib = &stream->zlib;
    zlib->next_in = (z_const Bytef *)(uintptr_t)bytes.data;
    zlib->avail_in = (uInt)bytes.size;
    do {
        uint8_t *room = buf_room(out, GUNZIP_ROOM);
        if (room == NULL) {
            return FAIL(err, ERR_MEMORY, "gzip: it unpacks to too much");
        }
        zlib->next_out = room;
        zlib->avail_out = GUNZIP_ROOM;
        int result = inflate(zlib, Z_NO_FLUSH);
        buf_advance(out, GUNZIP_ROOM - zlib->avail_out);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
            return FAIL(err, ERR_VALUE, "gzip: the data are damaged");
        }
        stream->within = result == Z_STREAM_END ? false : stream->within || bytes.size > 0;
        if (result == Z_STREAM_END && inflateReset(zlib) != Z_OK) {
            return FAIL(err, ERR_VALUE, "gzip: the data are damaged");
        }
    } while (zlib->avail_in > 0 || zlib->avail_out == 0);
    return true;
}

bool gunzip_finish(const GunzipStream *stream, Err *err) {
    return !stream->within || FAIL(err, ERR_VALUE, "gzip: the data end too early");
}
