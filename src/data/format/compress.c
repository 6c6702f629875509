// SPDX-License-Identifier: Apache-2.0
#include "data/format/compress.h"

#include "core/base/digest.h"

#include <isa-l/igzip_lib.h>
#include <lz4.h>
#include <lz4hc.h>
#include <snappy-c.h>
#include <stdatomic.h>
#include <zlib.h>
#include <zstd.h>

// zlib counts in 32 bits, LZ4 in signed ones.
#define BLOCK_BYTES_MAX ((size_t)LZ4_MAX_INPUT_SIZE)
// From this level on LZ4 searches thoroughly.
#define LZ4_THOROUGH 3
// Up to this level ISA-L deflates, three to ten times as fast as zlib; past it zlib, into less.
#define ISAL_LEVEL_MAX ISAL_DEF_MAX_LEVEL
#define DEFLATE_LEVEL_DEFAULT \
    1 // JSON of rows: a tenth smaller than by zlib's 1, at most a seventh larger than by its 6
#define GZIP_PIECE (64 * KIB)

struct Compressor {
    Codec codec;
    int level;
    ZSTD_CCtx *zstd;
    void *lz4;                 // its state
    struct isal_zstream *isal; // GZIP, DEFLATE of the lower levels; the level's memory is behind it
    z_stream zlib;             // and of the others
};

// Working memory is dear to make (hundreds of KiB) and most encoders are idle at any time: a closed compressor waits
// here for the next one who opens the like.
static _Atomic(Compressor *) idle_compressors[8];
static _Atomic(ZSTD_DCtx *) idle_decompressor;

// --- compressing -----------------------------------------------------------------------------------------------

static void compressor_free(Compressor *compressor) {
    if (compressor == NULL) {
        return;
    }
    ZSTD_freeCCtx(compressor->zstd);
    free(compressor->lz4);
    free(compressor->isal);
    deflateEnd(&compressor->zlib); // of one that was never begun: nothing
    free(compressor);
}

static void compressor_keep(Compressor *compressor) {
    for (size_t i = 0; i < ARRAY_LEN(idle_compressors); i++) {
        Compressor *none = NULL;
        if (atomic_compare_exchange_strong(&idle_compressors[i], &none, compressor)) {
            return;
        }
    }
    compressor_free(compressor);
}

static Compressor *compressor_kept(Codec codec, int level) {
    for (size_t i = 0; i < ARRAY_LEN(idle_compressors); i++) {
        Compressor *kept = atomic_exchange(&idle_compressors[i], NULL);
        if (kept == NULL) {
            continue;
        }
        if (kept->codec == codec && kept->level == level) {
            return kept;
        }
        compressor_keep(kept);
    }
    return NULL;
}

static bool level_check(Codec codec, int level, Err *err) {
    int lowest = INT32_MIN, highest = INT32_MAX;
    if (codec == CODEC_ZSTD) {
        lowest = ZSTD_minCLevel();
        highest = ZSTD_maxCLevel();
    } else if (codec == CODEC_GZIP || codec == CODEC_DEFLATE) {
        lowest = 1;
        highest = Z_BEST_COMPRESSION;
    } else if (codec == CODEC_LZ4_RAW) {
        lowest = 1;
        highest = LZ4HC_CLEVEL_MAX;
    }
    if (level != 0 && (level < lowest || level > highest)) {
        return FAIL(err, ERR_OPTION, "%s has no compression level %d: levels are %d to %d", codec_name(codec), level,
                    lowest, highest);
    }
    return true;
}

// Working memory of ISA-L's levels: its own default, with which larger blocks need fewer Huffman tables.
static const uint32_t ISAL_LEVEL_BYTES[ISAL_LEVEL_MAX + 1] = {0, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT,
                                                              ISAL_DEF_LVL3_DEFAULT};

static int deflate_level(const Compressor *compressor) {
    return compressor->level != 0 ? compressor->level : DEFLATE_LEVEL_DEFAULT;
}

static bool prepare_deflate(Compressor *compressor, Err *err) {
    int level = deflate_level(compressor);
    if (level <= ISAL_LEVEL_MAX) {
        compressor->isal = calloc(1, sizeof(*compressor->isal) + ISAL_LEVEL_BYTES[level]);
        return compressor->isal != NULL || FAIL(err, ERR_MEMORY, "no memory to compress with ISA-L");
    }
    int window = compressor->codec == CODEC_GZIP ? 16 + MAX_WBITS : -MAX_WBITS;
    int result = deflateInit2(&compressor->zlib, level, Z_DEFLATED, window, MAX_MEM_LEVEL - 1, Z_DEFAULT_STRATEGY);
    return result == Z_OK || FAIL(err, ERR_MEMORY, "no memory to compress with zlib");
}

static bool compressor_prepare(Compressor *compressor, Err *err) {
    int level = compressor->level;
    switch (compressor->codec) {
    case CODEC_NONE:
    case CODEC_SNAPPY:
        return true;
    case CODEC_ZSTD:
        compressor->zstd = ZSTD_createCCtx();
        if (compressor->zstd == NULL ||
            ZSTD_isError(ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_compressionLevel, level == 0 ? 1 : level))) {
            return FAIL(err, ERR_MEMORY, "no memory to compress with zstd");
        }
        return true;
    case CODEC_LZ4_RAW:
        compressor->lz4 = calloc(1, (size_t)(level >= LZ4_THOROUGH ? LZ4_sizeofStateHC() : LZ4_sizeofState()));
        return compressor->lz4 != NULL || FAIL(err, ERR_MEMORY, "no memory to compress with lz4");
    case CODEC_GZIP:
    case CODEC_DEFLATE:
        return prepare_deflate(compressor, err);
    }
    return FAIL(err, ERR_INTERNAL, "unknown codec %d", (int)compressor->codec);
}

bool compressor_open(Codec codec, int level, Compressor **compressor, Err *err) {
    *compressor = compressor_kept(codec, level);
    if (*compressor != NULL) {
        return true;
    }
    TRY(level_check(codec, level, err));
    Compressor *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory to compress with %s", codec_name(codec));
    }
    made->codec = codec;
    made->level = level;
    if (!compressor_prepare(made, err)) {
        compressor_free(made);
        return false;
    }
    *compressor = made;
    return true;
}

void compressor_close(Compressor *compressor) {
    if (compressor != NULL) {
        compressor_keep(compressor);
    }
}

size_t compress_bound(Codec codec, size_t size) {
    switch (codec) {
    case CODEC_NONE:
        return size;
    case CODEC_GZIP:
    case CODEC_DEFLATE:
        return size + (size >> 3) + (size >> 6) + 64; // deflateBound of any parameters, and gzip's head and end
    case CODEC_SNAPPY:
        return snappy_max_compressed_length(size);
    case CODEC_ZSTD:
        return ZSTD_compressBound(size);
    case CODEC_LZ4_RAW:
        return size + size / 255 + 16;
    }
    UNREACHABLE();
}

// What becomes of a block: a whole stream, or a part of one that ends at a byte and that more can follow.
typedef enum Ending { ENDING_WHOLE, ENDING_PART } Ending;

// Both of these compress into `room`, of compress_bound bytes; nothing that came before changes the outcome. 0: failed.
static size_t zlib_deflate(Compressor *compressor, Slice bytes, Ending ending, uint8_t *room, uint32_t room_size) {
    z_stream *zlib = &compressor->zlib;
    zlib->next_in = (z_const Bytef *)(uintptr_t)bytes.data;
    zlib->avail_in = (uInt)bytes.size;
    zlib->next_out = room;
    zlib->avail_out = room_size;
    int result = deflate(zlib, ending == ENDING_WHOLE ? Z_FINISH : Z_SYNC_FLUSH);
    bool complete = ending == ENDING_WHOLE ? result == Z_STREAM_END : result == Z_OK && zlib->avail_out > 0;
    size_t size = (size_t)(zlib->next_out - room);
    return deflateReset(zlib) == Z_OK && complete && zlib->avail_in == 0 ? size : 0;
}

static size_t isal_deflate_all(Compressor *compressor, Slice bytes, Ending ending, uint8_t *room, uint32_t room_size) {
    struct isal_zstream *isal = compressor->isal;
    int level = deflate_level(compressor);
    isal_deflate_stateless_init(isal);
    isal->level = (uint32_t)level;
    isal->level_buf = (uint8_t *)(isal + 1);
    isal->level_buf_size = ISAL_LEVEL_BYTES[level];
    isal->gzip_flag = compressor->codec == CODEC_GZIP ? IGZIP_GZIP : IGZIP_DEFLATE;
    isal->end_of_stream = ending == ENDING_WHOLE;
    isal->flush = ending == ENDING_WHOLE ? NO_FLUSH : FULL_FLUSH;
    isal->next_in = (uint8_t *)(uintptr_t)bytes.data;
    isal->avail_in = (uint32_t)bytes.size;
    isal->next_out = room;
    isal->avail_out = room_size;
    return isal_deflate_stateless(isal) == COMP_OK && isal->avail_in == 0 ? isal->total_out : 0;
}

static bool deflate_block(Compressor *compressor, Slice bytes, Ending ending, Buf *out, Err *err) {
    size_t bound = compress_bound(CODEC_GZIP, bytes.size);
    uint8_t *room = buf_room(out, bound);
    if (room == NULL) {
        return FAIL(err, ERR_MEMORY, "a block of %zu bytes is too large to compress", bytes.size);
    }
    uint32_t room_size = (uint32_t)MIN(bound, UINT32_MAX);
    size_t size = compressor->isal != NULL ? isal_deflate_all(compressor, bytes, ending, room, room_size)
                                           : zlib_deflate(compressor, bytes, ending, room, room_size);
    if (size == 0) {
        return FAIL(err, ERR_INTERNAL, "%s cannot compress a block of %zu bytes", codec_name(compressor->codec),
                    bytes.size);
    }
    buf_advance(out, size);
    return true;
}

bool compress_block(Compressor *compressor, Slice bytes, Buf *out, Err *err) {
    if (bytes.size > BLOCK_BYTES_MAX) {
        return FAIL(err, ERR_MEMORY, "a block of %zu bytes is too large to compress", bytes.size);
    }
    if (compressor->codec == CODEC_GZIP || compressor->codec == CODEC_DEFLATE) {
        return deflate_block(compressor, bytes, ENDING_WHOLE, out, err);
    }
    size_t size = compress_bound(compressor->codec, bytes.size);
    uint8_t *room = buf_room(out, size);
    if (room == NULL) {
        return FAIL(err, ERR_MEMORY, "a block of %zu bytes is too large to compress", bytes.size);
    }
    const char *from = bytes.size > 0 ? (const char *)bytes.data : "";
    bool done = true;
    if (compressor->codec == CODEC_ZSTD) {
        size = ZSTD_compress2(compressor->zstd, room, size, from, bytes.size);
        done = !ZSTD_isError(size);
    } else if (compressor->codec == CODEC_SNAPPY) {
        done = snappy_compress(from, bytes.size, (char *)room, &size) == SNAPPY_OK;
    } else if (compressor->codec == CODEC_LZ4_RAW) {
        int level = compressor->level, from_size = (int)bytes.size, room_size = (int)MIN(size, INT32_MAX);
        int got = level >= LZ4_THOROUGH
                      ? LZ4_compress_HC_extStateHC(compressor->lz4, from, (char *)room, from_size, room_size, level)
                      : LZ4_compress_fast_extState(compressor->lz4, from, (char *)room, from_size, room_size, 1);
        size = (size_t)MAX(got, 0);
        done = got > 0;
    } else {
        memcpy(room, from, bytes.size);
    }
    if (!done) {
        return FAIL(err, ERR_INTERNAL, "%s cannot compress a block of %zu bytes", codec_name(compressor->codec),
                    bytes.size);
    }
    buf_advance(out, size);
    return true;
}

// --- decompressing ---------------------------------------------------------------------------------------------

static bool damaged(Codec codec, Slice block, Err *err) {
    return FAIL(err, ERR_VALUE, "a block of %zu bytes is damaged: not %s", block.size, codec_name(codec));
}

static bool too_large(Codec codec, Slice block, size_t size_max, Err *err) {
    return FAIL(err, ERR_VALUE, "a %s block of %zu bytes holds more than the %zu bytes that it may", codec_name(codec),
                block.size, size_max);
}

// Room for the next piece of a stream whose end is not known, never past size_max + 1, where it is known to be too
// large. Returns its size; 0 when the buffer is at its limit.
static size_t piece_room(Buf *out, size_t start, size_t size_max, uint8_t **room) {
    size_t done = out->size - start;
    size_t left = size_max - done < SIZE_MAX ? size_max - done + 1 : SIZE_MAX;
    size_t piece = MIN(left, MAX(16 * KIB, done)); // doubling
    piece = MIN(piece, INT32_MAX);
    *room = buf_room(out, piece);
    return *room != NULL ? piece : 0;
}

static bool zlib_inflate(z_stream *zlib, Codec codec, Slice block, size_t size_max, Buf *out, Err *err) {
    size_t start = out->size;
    zlib->next_in = (z_const Bytef *)(uintptr_t)block.data;
    zlib->avail_in = (uInt)block.size;
    int result = Z_OK;
    while (result != Z_STREAM_END || (zlib->avail_in > 0 && codec == CODEC_GZIP)) {
        if (result == Z_STREAM_END && inflateReset(zlib) != Z_OK) { // a further member
            return damaged(codec, block, err);
        }
        uint8_t *room = NULL;
        size_t piece = piece_room(out, start, size_max, &room);
        if (piece == 0) {
            return FAIL(err, ERR_MEMORY, "a %s block of %zu bytes is too large", codec_name(codec), block.size);
        }
        zlib->next_out = room;
        zlib->avail_out = (uInt)piece;
        result = inflate(zlib, Z_NO_FLUSH);
        buf_advance(out, (size_t)(zlib->next_out - room));
        if (out->size - start > size_max) {
            return too_large(codec, block, size_max, err);
        }
        // Z_BUF_ERROR: no more input, and no end seen.
        if (result != Z_STREAM_END && (result != Z_OK || (zlib->avail_in == 0 && zlib->avail_out > 0))) {
            return damaged(codec, block, err);
        }
    }
    return true; // some writers of raw deflate leave bytes of zlib's checksum behind it
}

static bool zlib_decompress(Codec codec, Slice block, size_t size_max, Buf *out, Err *err) {
    z_stream zlib = {0};
    if (inflateInit2(&zlib, codec == CODEC_GZIP ? 16 + MAX_WBITS : -MAX_WBITS) != Z_OK) {
        return FAIL(err, ERR_MEMORY, "no memory to decompress with zlib");
    }
    bool done = zlib_inflate(&zlib, codec, block, size_max, out, err);
    inflateEnd(&zlib);
    return done;
}

static bool zstd_stream(ZSTD_DCtx *zstd, Slice block, size_t size_max, Buf *out, Err *err) {
    size_t start = out->size;
    ZSTD_inBuffer in = {block.data, block.size, 0};
    size_t result = 1; // 0 at the end of a frame
    do {
        uint8_t *room = NULL;
        size_t piece = piece_room(out, start, size_max, &room), in_before = in.pos;
        if (piece == 0) {
            return FAIL(err, ERR_MEMORY, "a zstd block of %zu bytes is too large", block.size);
        }
        ZSTD_outBuffer to = {room, piece, 0};
        result = ZSTD_decompressStream(zstd, &to, &in);
        if (ZSTD_isError(result)) {
            return damaged(CODEC_ZSTD, block, err);
        }
        buf_advance(out, to.pos);
        if (out->size - start > size_max) {
            return too_large(CODEC_ZSTD, block, size_max, err);
        }
        if (to.pos == 0 && in.pos == in_before) {
            break; // nothing moves: the frame is cut off
        }
    } while (in.pos < in.size || result != 0);
    return result == 0 || damaged(CODEC_ZSTD, block, err);
}

static bool zstd_decompress(Slice block, size_t size_max, Buf *out, Err *err) {
    unsigned long long size = ZSTD_getFrameContentSize(block.data, block.size);
    if (size == ZSTD_CONTENTSIZE_ERROR) {
        return damaged(CODEC_ZSTD, block, err);
    }
    bool known = size != ZSTD_CONTENTSIZE_UNKNOWN && ZSTD_findFrameCompressedSize(block.data, block.size) == block.size;
    if (known && size > size_max) {
        return too_large(CODEC_ZSTD, block, size_max, err);
    }
    ZSTD_DCtx *zstd = atomic_exchange(&idle_decompressor, NULL);
    if (zstd == NULL && (zstd = ZSTD_createDCtx()) == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory to decompress with zstd");
    }
    ZSTD_DCtx_reset(zstd, ZSTD_reset_session_only);
    bool done = false;
    // A frame of a few bytes that says it holds much is taken at its word only piece by piece.
    if (known && size / (16 * KIB) <= block.size) {
        uint8_t *room = buf_room(out, MAX((size_t)size, 1));
        size_t got = room != NULL ? ZSTD_decompressDCtx(zstd, room, (size_t)size, block.data, block.size) : 0;
        done = room != NULL && !ZSTD_isError(got) && got == size;
        if (room == NULL) {
            FAIL(err, ERR_MEMORY, "a zstd block of %zu bytes is too large", block.size);
        } else if (!done) {
            damaged(CODEC_ZSTD, block, err);
        } else {
            buf_advance(out, got);
        }
    } else {
        done = zstd_stream(zstd, block, size_max, out, err);
    }
    ZSTD_freeDCtx(atomic_exchange(&idle_decompressor, zstd));
    return done;
}

static bool snappy_decompress(Slice block, size_t size_max, Buf *out, Err *err) {
    const char *from = block.size > 0 ? (const char *)block.data : "";
    size_t size = 0;
    if (snappy_uncompressed_length(from, block.size, &size) != SNAPPY_OK) {
        return damaged(CODEC_SNAPPY, block, err);
    }
    if (size > size_max) {
        return too_large(CODEC_SNAPPY, block, size_max, err);
    }
    if (size / 64 > block.size) { // three bytes copy 64 at most
        return damaged(CODEC_SNAPPY, block, err);
    }
    uint8_t *room = buf_room(out, size);
    if (room == NULL) {
        return FAIL(err, ERR_MEMORY, "a snappy block of %zu bytes is too large", block.size);
    }
    if (snappy_uncompress(from, block.size, (char *)room, &size) != SNAPPY_OK) {
        return damaged(CODEC_SNAPPY, block, err);
    }
    buf_advance(out, size);
    return true;
}

static bool lz4_decompress(Slice block, size_t size_max, Buf *out, Err *err) {
    size_t size = MIN(MIN(size_max, INT32_MAX), block.size * 255 + 16); // a byte stands for 255 at most
    uint8_t *room = buf_room(out, size);
    if (room == NULL) {
        return FAIL(err, ERR_MEMORY, "an lz4 block of %zu bytes is too large", block.size);
    }
    int got =
        LZ4_decompress_safe(block.size > 0 ? (const char *)block.data : "", (char *)room, (int)block.size, (int)size);
    if (got < 0) {
        return FAIL(err, ERR_VALUE, "an lz4 block of %zu bytes is damaged, or holds more than %zu bytes", block.size,
                    size_max);
    }
    buf_advance(out, (size_t)got);
    return true;
}

bool decompress_block(Codec codec, Slice block, size_t size_max, Buf *out, Err *err) {
    if (block.size > BLOCK_BYTES_MAX) {
        return damaged(codec, block, err);
    }
    size_t start = out->size;
    bool done = false;
    switch (codec) {
    case CODEC_NONE:
        done = block.size <= size_max || too_large(codec, block, size_max, err);
        if (done) {
            buf_put(out, block);
            done = !out->overflow || FAIL(err, ERR_MEMORY, "a block of %zu bytes is too large", block.size);
        }
        break;
    case CODEC_GZIP:
    case CODEC_DEFLATE:
        done = zlib_decompress(codec, block, size_max, out, err);
        break;
    case CODEC_SNAPPY:
        done = snappy_decompress(block, size_max, out, err);
        break;
    case CODEC_ZSTD:
        done = zstd_decompress(block, size_max, out, err);
        break;
    case CODEC_LZ4_RAW:
        done = lz4_decompress(block, size_max, out, err);
        break;
    }
    if (!done) {
        out->size = start;
    }
    return done;
}

// --- gzip in pieces --------------------------------------------------------------------------------------------

// Pieces are compressed each on its own and laid end to end: still one member and one deflate stream, but what an
// open stream holds is no more than its last piece, not the compressor's hundreds of KiB.
struct GzipStream {
    int level;
    uint32_t crc;
    uint32_t size; // modulo 2^32, as the member's end wants it
    bool begun;
    Buf piece;
};

bool gzip_open(int level, GzipStream **stream, Err *err) {
    TRY(level_check(CODEC_GZIP, level, err));
    *stream = calloc(1, sizeof(**stream));
    if (*stream == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory to compress with gzip");
    }
    (*stream)->level = level;
    buf_init(&(*stream)->piece, 0);
    return true;
}

static bool gzip_piece(GzipStream *stream, Slice bytes, Ending ending, Buf *out, Err *err) {
    static const uint8_t HEAD[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}; // no name, no time: same rows, same bytes
    Compressor *compressor = NULL;
    TRY(compressor_open(CODEC_DEFLATE, stream->level, &compressor, err));
    if (!stream->begun) {
        buf_bytes(out, HEAD, sizeof(HEAD));
        stream->begun = true;
    }
    stream->crc = digest_crc32(stream->crc, bytes);
    stream->size += (uint32_t)bytes.size;
    bool done = deflate_block(compressor, bytes, ending, out, err);
    compressor_close(compressor);
    return done;
}

bool gzip_write(GzipStream *stream, Slice bytes, Buf *out, Err *err) {
    while (stream->piece.size + bytes.size >= GZIP_PIECE) {
        size_t size = GZIP_PIECE - stream->piece.size;
        buf_bytes(&stream->piece, bytes.data, size);
        bytes = slice_from(bytes, size);
        TRY(gzip_piece(stream, buf_slice(&stream->piece), ENDING_PART, out, err));
        buf_reset(&stream->piece);
    }
    buf_put(&stream->piece, bytes);
    return true;
}

bool gzip_flush(GzipStream *stream, Buf *out, Err *err) {
    if (stream->piece.size > 0) {
        TRY(gzip_piece(stream, buf_slice(&stream->piece), ENDING_PART, out, err));
    }
    buf_release(&stream->piece);
    return true;
}

bool gzip_finish(GzipStream *stream, Buf *out, Err *err) {
    TRY(gzip_piece(stream, buf_slice(&stream->piece), ENDING_WHOLE, out, err));
    buf_release(&stream->piece);
    buf_u32le(out, stream->crc);
    buf_u32le(out, stream->size);
    return !out->overflow || FAIL(err, ERR_MEMORY, "no room for the end of a gzip file");
}

size_t gzip_held(const GzipStream *stream) {
    return sizeof(*stream) + stream->piece.capacity;
}

void gzip_close(GzipStream *stream) {
    if (stream != NULL) {
        buf_release(&stream->piece);
        free(stream);
    }
}

// --- names -----------------------------------------------------------------------------------------------------

static const char *const CODEC_NAMES[] = {
    [CODEC_NONE] = "none",     [CODEC_GZIP] = "gzip", [CODEC_DEFLATE] = "deflate",
    [CODEC_SNAPPY] = "snappy", [CODEC_ZSTD] = "zstd", [CODEC_LZ4_RAW] = "lz4_raw",
};

const char *codec_name(Codec codec) {
    return (size_t)codec < ARRAY_LEN(CODEC_NAMES) ? CODEC_NAMES[codec] : "unknown";
}

bool codec_find(const char *name, Codec *codec) {
    for (size_t i = 0; i < ARRAY_LEN(CODEC_NAMES); i++) {
        if (strcmp(CODEC_NAMES[i], name) == 0) {
            *codec = (Codec)i;
            return true;
        }
    }
    if (strcmp(name, "lz4") == 0) {
        *codec = CODEC_LZ4_RAW;
        return true;
    }
    return false;
}
