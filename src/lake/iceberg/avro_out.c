// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/avro_out.h"

#include "data/format/compress.h"

#include <xxhash.h>

enum { BLOCK_BYTES_MAX = 128 * 1024, SIZE_BYTES = 5 };

void avro_out_init(AvroOut *out) {
    *out = (AvroOut){0};
    avro_out_pair(out, "avro.codec", SLICE("deflate")); // which every reader knows
}

void avro_out_release(AvroOut *out) {
    buf_release(&out->head);
    buf_release(&out->record);
    buf_release(&out->block);
    buf_release(&out->file);
}

void avro_out_pair(AvroOut *out, const char *key, Slice value) {
    avro_bytes(&out->head, slice_of(key));
    avro_bytes(&out->head, value);
    out->pairs++;
}

// The marker is drawn from what comes first: the same records give the same file.
static void begin(AvroOut *out) {
    XXH128_hash_t drawn =
        XXH3_128bits_withSeed(out->head.data, out->head.size, XXH3_64bits(out->block.data, out->block.size));
    static_assert(sizeof(drawn) == sizeof(out->sync), "a hash is a sync marker");
    memcpy(out->sync, &drawn, sizeof(out->sync));
    buf_text(&out->file, "Obj\x01");
    buf_zigzag(&out->file, (int64_t)out->pairs);
    buf_put(&out->file, buf_slice(&out->head));
    buf_u8(&out->file, 0);
    buf_bytes(&out->file, out->sync, sizeof(out->sync));
    out->begun = true;
}

static bool end_block(AvroOut *out, Err *err) {
    Buf *file = &out->file;
    buf_zigzag(file, (int64_t)out->block_records);
    size_t place = file->size; // of the block's size, as a varint of fixed length
    buf_bytes(file, (uint8_t[SIZE_BYTES]){0}, SIZE_BYTES);
    Compressor *compressor = NULL;
    TRY(compressor_open(CODEC_DEFLATE, 0, &compressor, err));
    bool done = compress_block(compressor, buf_slice(&out->block), file, err);
    compressor_close(compressor);
    TRY(done);
    uint64_t size = zigzag_encode((int64_t)(file->size - place - SIZE_BYTES));
    for (int i = 0; i < SIZE_BYTES; i++) {
        file->data[place + (size_t)i] = (uint8_t)((size >> (7 * i) & 0x7f) | (i < SIZE_BYTES - 1 ? 0x80 : 0));
    }
    buf_bytes(file, out->sync, sizeof(out->sync));
    out->raw += out->block.size;
    out->packed += file->size - place;
    buf_reset(&out->block);
    out->block_records = 0;
    return true;
}

bool avro_out_next(AvroOut *out, Err *err) {
    if (out->record.overflow || out->block.overflow) {
        return FAIL(err, ERR_MEMORY, "no room for an Avro record");
    }
    buf_put(&out->block, buf_slice(&out->record));
    buf_reset(&out->record);
    out->block_records++;
    if (!out->begun) {
        begin(out);
    }
    return out->block.size < BLOCK_BYTES_MAX || end_block(out, err);
}

uint64_t avro_out_estimate(const AvroOut *out) {
    double rate = out->raw > 0 ? (double)out->packed / (double)out->raw : 0.5;
    return MAX(out->file.size, out->head.size + sizeof(out->sync)) + (uint64_t)((double)out->block.size * rate);
}

bool avro_out_finish(AvroOut *out, Buf *file, Err *err) {
    if (!out->begun) {
        begin(out);
    }
    if (out->block_records > 0) {
        TRY(end_block(out, err));
    }
    buf_put(file, buf_slice(&out->file));
    return !(file->overflow || out->file.overflow) || FAIL(err, ERR_MEMORY, "no room for an Avro file");
}
