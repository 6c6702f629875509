// SPDX-License-Identifier: Apache-2.0
// Compression of blocks, and of gzip files as a stream.
#ifndef LEAT_DATA_FORMAT_COMPRESS_H
#define LEAT_DATA_FORMAT_COMPRESS_H

#include "core/base/buf.h"
#include "core/base/err.h"

typedef enum Codec {
    CODEC_NONE,
    CODEC_GZIP,    // RFC 1952, one member
    CODEC_DEFLATE, // RFC 1951, raw
    CODEC_SNAPPY,  // raw block
    CODEC_ZSTD,    // one frame
    CODEC_LZ4_RAW, // block without a frame
} Codec;

// Holds the codec's working memory (up to some hundred KiB), reused from block to block. Closing and opening again is
// cheap: a few closed ones are kept for the next who opens the like, so an encoder need hold one only while it works.
typedef struct Compressor Compressor;
// Level 0 is the default: zstd's 1, gzip's and deflate's 1. Of those two 1 to 3 are ISA-L's, of which each compresses
// about as well as zlib's of that number and several times as fast; 4 to 9 are zlib's.
CHECKED bool compressor_open(Codec codec, int level, Compressor **compressor, Err *err);
void compressor_close(Compressor *compressor);
// Appends the compressed block.
CHECKED bool compress_block(Compressor *compressor, Slice bytes, Buf *out, Err *err);
// Bytes at most that a block of this size becomes.
size_t compress_bound(Codec codec, size_t size);

// Appends what the block holds. Fails with ERR_VALUE, and appends nothing, when it is damaged or holds more than
// size_max. What a block says of its own size is not believed before its bytes bear it out. When the codec does not
// tell the size (LZ4_RAW), size_max must be exact or above. GZIP takes several members, DEFLATE passes over
// what is behind the stream's end.
CHECKED bool decompress_block(Codec codec, Slice block, size_t size_max, Buf *out, Err *err);

// A gzip member in pieces. An open stream holds up to 64 KiB.
typedef struct GzipStream GzipStream;
CHECKED bool gzip_open(int level, GzipStream **stream, Err *err);
CHECKED bool gzip_write(GzipStream *stream, Slice bytes, Buf *out, Err *err); // appends what is complete
CHECKED bool gzip_flush(GzipStream *stream, Buf *out, Err *err);              // appends all so far, and frees memory
CHECKED bool gzip_finish(GzipStream *stream, Buf *out, Err *err);
size_t gzip_held(const GzipStream *stream); // bytes of memory
void gzip_close(GzipStream *stream);

// A file of gzip members read in pieces, in some 40 KiB of memory.
typedef struct GunzipStream GunzipStream;
CHECKED bool gunzip_open(GunzipStream **stream, Err *err);
// Appends what these bytes hold, up to a thousand times as much. ERR_VALUE: damaged.
CHECKED bool gunzip_write(GunzipStream *stream, Slice bytes, Buf *out, Err *err);
CHECKED bool gunzip_finish(const GunzipStream *stream, Err *err); // ERR_VALUE: the file ends too early
void gunzip_close(GunzipStream *stream);                          // NULL is fine

const char *codec_name(Codec codec);                     // "none", "gzip", "deflate", "snappy", "zstd", "lz4_raw"
CHECKED bool codec_find(const char *name, Codec *codec); // "lz4" too

#endif
