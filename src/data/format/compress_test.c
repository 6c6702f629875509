// SPDX-License-Identifier: Apache-2.0
#include "data/format/compress.c"

#include "core/base/test.h"

static const Codec CODECS[] = {CODEC_NONE, CODEC_GZIP, CODEC_DEFLATE, CODEC_SNAPPY, CODEC_ZSTD, CODEC_LZ4_RAW};

// Rows of some kind: half repeats, half does not.
static void sample(Buf *buf, size_t size) {
    uint64_t state = 42;
    while (buf->size < size) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        buf_printf(buf, "{\"id\":%" PRIu64 ",\"state\":\"paid\"}\n", state >> 40);
    }
    buf->size = size;
}

static void round_trip(Codec codec, int level, Slice bytes) {
    Err err[1] = {{0}};
    Compressor *compressor = NULL;
    CHECK_OK(compressor_open(codec, level, &compressor, err));
    Buf block, back;
    buf_init(&block, 0);
    buf_init(&back, 0);
    for (int i = 0; i < 2; i++) { // the second time with used memory
        buf_reset(&block);
        buf_reset(&back);
        buf_text(&block, "before");
        buf_text(&back, "before");
        CHECK_OK(compress_block(compressor, bytes, &block, err));
        CHECK(block.size - 6 <= compress_bound(codec, bytes.size));
        CHECK_OK(decompress_block(codec, slice_from(buf_slice(&block), 6), bytes.size, &back, err));
        CHECK_INT(back.size, bytes.size + 6);
        CHECK(slice_equal(slice_from(buf_slice(&back), 6), bytes));
    }
    if (bytes.size > 0) {
        CHECK_FAILS(decompress_block(codec, slice_from(buf_slice(&block), 6), bytes.size - 1, &back, err), ERR_VALUE);
        CHECK_INT(back.size, bytes.size + 6);
    }
    compressor_close(compressor);
    buf_release(&block);
    buf_release(&back);
}

TEST(blocks_of_every_codec_come_back) {
    Buf buf;
    buf_init(&buf, 0);
    sample(&buf, 3 * MIB + 17);
    static const size_t SIZES[] = {0, 1, 100, 65536, 3 * MIB + 17};
    for (size_t i = 0; i < ARRAY_LEN(CODECS); i++) {
        for (size_t j = 0; j < ARRAY_LEN(SIZES); j++) {
            round_trip(CODECS[i], 0, (Slice){buf.data, SIZES[j]});
        }
        round_trip(CODECS[i], 0, (Slice){NULL, 0});
        for (int level = 1; level <= 9; level++) {
            round_trip(CODECS[i], level, (Slice){buf.data, 70000});
        }
    }
    buf_release(&buf);
}

TEST(bytes_that_do_not_compress_fit_the_bound) {
    Buf buf;
    buf_init(&buf, 0);
    uint64_t state = 7;
    for (int i = 0; i < 40000; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        buf_u32le(&buf, (uint32_t)(state >> 32));
    }
    for (size_t i = 0; i < ARRAY_LEN(CODECS); i++) {
        for (int level = 0; level <= 4; level++) {
            for (size_t size = 0; size < 70; size++) {
                round_trip(CODECS[i], level, (Slice){buf.data, size});
            }
            round_trip(CODECS[i], level, buf_slice(&buf));
        }
    }
    buf_release(&buf);
}

TEST(a_bomb_is_stopped_and_cuts_are_seen) {
    Err err[1] = {{0}};
    Buf zeros, block, back;
    buf_init(&zeros, 0);
    buf_init(&block, 0);
    buf_init(&back, 0);
    memset(buf_room(&zeros, 64 * MIB), 0, 64 * MIB);
    buf_advance(&zeros, 64 * MIB);
    for (size_t i = 1; i < ARRAY_LEN(CODECS); i++) {
        Compressor *compressor = NULL;
        CHECK_OK(compressor_open(CODECS[i], 0, &compressor, err));
        buf_reset(&block);
        CHECK_OK(compress_block(compressor, buf_slice(&zeros), &block, err));
        compressor_close(compressor);
        CHECK_FAILS(decompress_block(CODECS[i], buf_slice(&block), 1 * MIB, &back, err), ERR_VALUE);
        CHECK(back.capacity <= 4 * MIB);
        CHECK_FAILS(decompress_block(CODECS[i], (Slice){block.data, block.size - 1}, 65 * MIB, &back, err), ERR_VALUE);
        CHECK_FAILS(decompress_block(CODECS[i], (Slice){block.data, 0}, 65 * MIB, &back, err), ERR_VALUE);
        if (CODECS[i] != CODEC_LZ4_RAW && CODECS[i] != CODEC_DEFLATE) {
            buf_u8(&block, 0x55);
            CHECK_FAILS(decompress_block(CODECS[i], buf_slice(&block), 65 * MIB, &back, err), ERR_VALUE);
        }
        CHECK_INT(back.size, 0);
        buf_release(&back);
    }
    buf_release(&zeros);
    buf_release(&block);
}

TEST(a_limited_buffer_is_a_memory_error) {
    Err err[1] = {{0}};
    Buf buf, block, back;
    buf_init(&buf, 0);
    buf_init(&block, 0);
    buf_init(&back, 1000);
    sample(&buf, 50000);
    for (size_t i = 0; i < ARRAY_LEN(CODECS); i++) {
        Compressor *compressor = NULL;
        CHECK_OK(compressor_open(CODECS[i], 0, &compressor, err));
        buf_reset(&block);
        buf_reset(&back);
        CHECK_FAILS(compress_block(compressor, buf_slice(&buf), &back, err), ERR_MEMORY);
        CHECK_OK(compress_block(compressor, buf_slice(&buf), &block, err));
        CHECK_FAILS(decompress_block(CODECS[i], buf_slice(&block), 60000, &back, err), ERR_MEMORY);
        CHECK_INT(back.size, 0);
        compressor_close(compressor);
    }
    buf_release(&buf);
    buf_release(&block);
    buf_release(&back);
}

TEST(a_zstd_frame_without_its_size_and_two_frames) {
    Err err[1] = {{0}};
    Buf buf, block, back;
    buf_init(&buf, 0);
    buf_init(&block, 0);
    buf_init(&back, 0);
    sample(&buf, 400000);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0)));
    for (int i = 0; i < 2; i++) {
        uint8_t *room = buf_room(&block, ZSTD_compressBound(buf.size));
        buf_advance(&block, ZSTD_compress2(zstd, room, ZSTD_compressBound(buf.size), buf.data, buf.size));
        CHECK_OK(decompress_block(CODEC_ZSTD, buf_slice(&block), buf.size * 2, &back, err));
        CHECK_INT(back.size, buf.size * (size_t)(i + 1));
        CHECK(memcmp(back.data + buf.size * (size_t)i, buf.data, buf.size) == 0);
        buf_reset(&back);
        CHECK_FAILS(decompress_block(CODEC_ZSTD, buf_slice(&block), buf.size - 1, &back, err), ERR_VALUE);
        CHECK_FAILS(decompress_block(CODEC_ZSTD, (Slice){block.data, block.size - 3}, MIB, &back, err), ERR_VALUE);
    }
    ZSTD_freeCCtx(zstd);
    buf_release(&buf);
    buf_release(&block);
    buf_release(&back);
}

static void check_member(Slice file, Slice bytes) {
    z_stream zlib = {.next_in = (z_const Bytef *)(uintptr_t)file.data, .avail_in = (uInt)file.size};
    CHECK_INT(inflateInit2(&zlib, 16 + MAX_WBITS), Z_OK);
    Buf back;
    buf_init(&back, 0);
    zlib.next_out = buf_room(&back, bytes.size + 100);
    zlib.avail_out = (uInt)bytes.size + 100;
    CHECK_INT(inflate(&zlib, Z_FINISH), Z_STREAM_END);
    CHECK_INT(zlib.avail_in, 0);
    CHECK_INT(zlib.total_out, bytes.size);
    CHECK(bytes.size == 0 || memcmp(back.data, bytes.data, bytes.size) == 0);
    inflateEnd(&zlib);
    buf_release(&back);
}

// A file of `bytes`, written in lengths that differ; flushed before its end when it has more than a piece.
static void write_member(int level, Slice bytes, Buf *file) {
    Err err[1] = {{0}};
    GzipStream *stream = NULL;
    CHECK_OK(gzip_open(level, &stream, err));
    buf_reset(file);
    for (size_t at = 0; at < bytes.size; at += MIN(bytes.size - at, at % 150000 + 1)) {
        CHECK_OK(gzip_write(stream, (Slice){bytes.data + at, MIN(bytes.size - at, at % 150000 + 1)}, file, err));
    }
    CHECK(gzip_held(stream) < 200 * KIB);
    if (bytes.size >= GZIP_PIECE) {
        CHECK_OK(gzip_flush(stream, file, err));
        CHECK(gzip_held(stream) < KIB);
        CHECK_OK(gzip_flush(stream, file, err)); // nothing further
    }
    CHECK_OK(gzip_finish(stream, file, err));
    gzip_close(stream);
}

TEST(a_gzip_stream_is_one_member) {
    Buf buf, file;
    buf_init(&buf, 0);
    buf_init(&file, 0);
    sample(&buf, 700001);
    static const size_t SIZES[] = {0, 1, 65535, 65536, 65537, 131072, 700001};
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        for (int level = 0; level <= 9; level += level < 4 ? 1 : 5) {
            write_member(level, (Slice){buf.data, SIZES[i]}, &file);
            check_member(buf_slice(&file), (Slice){buf.data, SIZES[i]});
        }
    }
    gzip_close(NULL);
    buf_release(&buf);
    buf_release(&file);
}

TEST(the_same_bytes_become_the_same_file) {
    Buf buf, other, first, second;
    buf_init(&buf, 0);
    buf_init(&other, 0);
    buf_init(&first, 0);
    buf_init(&second, 0);
    sample(&buf, 300001);
    for (uint32_t i = 0; i < 100000; i++) {
        buf_printf(&other, "%u:", i * 2654435761u);
    }
    for (int level = 1; level <= 4; level++) { // whatever the shared compressor had before
        write_member(level, buf_slice(&buf), &first);
        write_member(level, buf_slice(&other), &second);
        write_member(level, buf_slice(&buf), &second);
        CHECK(slice_equal(buf_slice(&first), buf_slice(&second)));
    }
    buf_release(&buf);
    buf_release(&other);
    buf_release(&first);
    buf_release(&second);
}

TEST(levels_have_bounds_and_closed_compressors_wait) {
    Err err[1] = {{0}};
    Compressor *first = NULL, *second = NULL;
    CHECK_FAILS(compressor_open(CODEC_ZSTD, 23, &first, err), ERR_OPTION);
    CHECK_FAILS(compressor_open(CODEC_GZIP, 10, &first, err), ERR_OPTION);
    CHECK_FAILS(compressor_open(CODEC_DEFLATE, -1, &first, err), ERR_OPTION);
    CHECK_FAILS(compressor_open(CODEC_LZ4_RAW, 13, &first, err), ERR_OPTION);
    GzipStream *stream = NULL;
    CHECK_FAILS(gzip_open(11, &stream, err), ERR_OPTION);
    CHECK_OK(compressor_open(CODEC_ZSTD, 3, &first, err));
    compressor_close(first);
    CHECK_OK(compressor_open(CODEC_ZSTD, 4, &second, err));
    CHECK(second != first);
    compressor_close(second);
    CHECK_OK(compressor_open(CODEC_ZSTD, 3, &second, err));
    CHECK(second == first);
    compressor_close(second);
    compressor_close(NULL);
    Compressor *many[20];
    for (int i = 0; i < 20; i++) {
        CHECK_OK(compressor_open(CODEC_LZ4_RAW, 0, &many[i], err));
    }
    for (int i = 0; i < 20; i++) {
        compressor_close(many[i]);
    }
}

TEST(codecs_have_names) {
    Codec codec = CODEC_NONE;
    for (size_t i = 0; i < ARRAY_LEN(CODECS); i++) {
        CHECK(codec_find(codec_name(CODECS[i]), &codec));
        CHECK_INT(codec, CODECS[i]);
    }
    CHECK(codec_find("lz4", &codec));
    CHECK_INT(codec, CODEC_LZ4_RAW);
    CHECK(!codec_find("brotli", &codec));
}
