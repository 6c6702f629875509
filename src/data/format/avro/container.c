// SPDX-License-Identifier: Apache-2.0
// Avro object container files, written.
//
//     "Obj" 1, a map of metadata (avro.schema, avro.codec), 16 bytes of sync marker
//     blocks: long records, long size, the records compressed together, the sync marker
//
// The marker is drawn from the schema and the first block's bytes: the same records give the same file.
#include "core/base/digest.h"
#include "data/format/avro/avro.h"

#include <xxhash.h>

enum {
    SYNC_BYTES = 16,
    BLOCK_BYTES_LEAST = 64 * 1024,
    BLOCK_BYTES_DEFAULT = 128 * 1024,
    BLOCK_BYTES_MOST = 1024 * 1024,
};

typedef struct AvroPlan {
    FilePlan base;
    FileFormatOptions options;
    const AvroEncoder *encoder;
    Slice head; // of each file, up to the sync marker
    size_t block_bytes_max;
} AvroPlan;

typedef struct AvroFile {
    FileEncoder base;
    const AvroPlan *plan;
    Buf block; // encoded records
    uint64_t block_records;
    uint64_t raw_bytes; // of the blocks written, before compression
    uint64_t block_bytes;
    double rate; // of the two; 1 before the first block
    bool begun;
    uint8_t sync[SYNC_BYTES];
} AvroFile;

static const struct {
    Codec codec;
    const char *name;
} CODECS[] = {{CODEC_NONE, "null"}, {CODEC_DEFLATE, "deflate"}, {CODEC_SNAPPY, "snappy"}, {CODEC_ZSTD, "zstandard"}};

static const char *extension(const FileFormatOptions *options) {
    return "avro"; // the file itself says its codec
}

static void put_pair(Buf *buf, const char *key, Slice value) {
    buf_zigzag(buf, (int64_t)strlen(key));
    buf_text(buf, key);
    buf_zigzag(buf, (int64_t)value.size);
    buf_put(buf, value);
}

static bool plan_head(AvroPlan *plan, Arena *arena, Err *err) {
    const char *codec = NULL;
    for (size_t i = 0; i < ARRAY_LEN(CODECS); i++) {
        if (CODECS[i].codec == plan->options.codec) {
            codec = CODECS[i].name;
        }
    }
    if (codec == NULL) {
        FAIL(err, ERR_OPTION, "Avro files cannot be compressed with %s", codec_name(plan->options.codec));
        return err_hint(err, "codecs of Avro: none, deflate, snappy, zstd");
    }
    const Schema *schema = plan->base.schema;
    Slice name = SLICE("record");
    if (schema != NULL) {
        name = slice_of(arena_printf(arena, "%.*s.%.*s", SLICE_ARG(schema->space), SLICE_ARG(schema->table)));
    }
    Buf json, head;
    buf_init(&json, 0);
    buf_init(&head, 0);
    // A record is its fields, one after the other: one of one field looks like that.
    bool alone = plan->base.bare || plan->base.primitive;
    const Shape *shape = alone ? &plan->base.shape->fields[0].shape : plan->base.shape;
    bool done = avro_schema_json(shape, name, &json, err);
    if (done) {
        buf_text(&head, "Obj\x01");
        buf_zigzag(&head, 2);
        put_pair(&head, "avro.codec", slice_of(codec));
        put_pair(&head, "avro.schema", buf_slice(&json));
        buf_u8(&head, 0);
        plan->head = arena_slice(arena, buf_slice(&head));
    }
    buf_release(&json);
    buf_release(&head);
    return done || err_frame(err, __FILE__, __LINE__);
}

static bool plan_file(Arena *arena, const FilePlan *wanted, const FilePlan **plan, Err *err) {
    AvroPlan *made = ARENA_NEW(arena, AvroPlan);
    made->base = *wanted;
    made->options = *wanted->options;
    made->base.options = &made->options;
    size_t block = made->options.group_bytes_max;
    made->block_bytes_max = block == 0 ? BLOCK_BYTES_DEFAULT : MIN(MAX(block, BLOCK_BYTES_LEAST), BLOCK_BYTES_MOST);
    TRY(plan_head(made, arena, err));
    TRY(avro_encoder_new(arena, wanted->shape, &made->encoder, err));
    // A bad level is better known now than in the middle of a file.
    Compressor *compressor = NULL;
    TRY(compressor_open(made->options.codec, made->options.level, &compressor, err));
    compressor_close(compressor);
    *plan = &made->base;
    return true;
}

static bool open_file(const FilePlan *plan, FileEncoder **encoder, Err *err) {
    AvroFile *file = calloc(1, sizeof(*file));
    if (file == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for a further Avro file");
    }
    file->base.format = &AVRO_FORMAT;
    file->plan = (const AvroPlan *)plan;
    file->rate = 1;
    buf_init(&file->base.out, 0);
    buf_init(&file->block, 0);
    file->base.held = sizeof(*file);
    *encoder = &file->base;
    return true;
}

static void count(AvroFile *file) {
    FileEncoder *base = &file->base;
    base->held = sizeof(*file) + file->block.capacity;
    base->estimate = base->written + (uint64_t)((double)file->block.size * file->rate) +
                     (file->begun ? 0 : file->plan->head.size + SYNC_BYTES);
}

static void begin(AvroFile *file) {
    Buf *out = &file->base.out;
    XXH128_hash_t drawn = XXH3_128bits_withSeed(file->block.size > 0 ? file->block.data : file->sync, file->block.size,
                                                XXH3_64bits(file->plan->head.data, file->plan->head.size));
    static_assert(sizeof(drawn) == SYNC_BYTES, "a hash is a sync marker");
    memcpy(file->sync, &drawn, SYNC_BYTES);
    buf_put(out, file->plan->head);
    buf_bytes(out, file->sync, SYNC_BYTES);
    file->begun = true;
}

// The size comes before the bytes and is not known: a place is kept for it, as a varint of fixed length.
static bool put_block(AvroFile *file, Compressor *compressor, Err *err) {
    Buf *out = &file->base.out;
    Codec codec = file->plan->options.codec;
    buf_zigzag(out, (int64_t)file->block_records);
    if (codec == CODEC_NONE) {
        buf_zigzag(out, (int64_t)file->block.size);
        buf_put(out, buf_slice(&file->block));
    } else {
        enum { SIZE_BYTES = 5 };
        size_t place = out->size;
        buf_bytes(out, (uint8_t[SIZE_BYTES]){0}, SIZE_BYTES);
        TRY(compress_block(compressor, buf_slice(&file->block), out, err));
        if (codec == CODEC_SNAPPY) {
            buf_u32be(out, digest_crc32(0, buf_slice(&file->block)));
        }
        if (!out->overflow) {
            uint64_t size = zigzag_encode((int64_t)(out->size - place - SIZE_BYTES));
            for (int i = 0; i < SIZE_BYTES; i++) {
                out->data[place++] = (uint8_t)((size >> (7 * i) & 0x7f) | (i < SIZE_BYTES - 1 ? 0x80 : 0));
            }
        }
    }
    buf_bytes(out, file->sync, SYNC_BYTES);
    return !out->overflow || FAIL(err, ERR_MEMORY, "no room for an Avro block of %zu bytes", file->block.size);
}

static bool end_block(AvroFile *file, Err *err) {
    size_t before = file->base.out.size;
    if (!file->begun) {
        begin(file);
    }
    if (file->block_records > 0) {
        Compressor *compressor = NULL;
        TRY(compressor_open(file->plan->options.codec, file->plan->options.level, &compressor, err));
        size_t start = file->base.out.size;
        bool done = put_block(file, compressor, err);
        compressor_close(compressor);
        TRY(done);
        file->raw_bytes += file->block.size;
        file->block_bytes += file->base.out.size - start;
        file->rate = (double)file->block_bytes / (double)MAX(file->raw_bytes, (uint64_t)1);
    }
    file->base.written += file->base.out.size - before;
    file->block_records = 0;
    // A block's buffer stays for the next one, but not what one large record made of it.
    buf_reset_keep(&file->block, file->plan->block_bytes_max * 2);
    return true;
}

static bool append(FileEncoder *encoder, const Record *record, Err *err) {
    AvroFile *file = (AvroFile *)encoder;
    const Value *values = record_part(record, file->plan->base.part);
    TRY(avro_encode(file->plan->encoder, values, &file->block, err));
    file->block_records++;
    encoder->records++;
    if (file->block.size >= file->plan->block_bytes_max) {
        TRY(end_block(file, err));
    }
    count(file);
    return true;
}

static bool flush(FileEncoder *encoder, Err *err) {
    AvroFile *file = (AvroFile *)encoder;
    if (file->block_records > 0) {
        TRY(end_block(file, err));
    }
    buf_release(&file->block);
    count(file);
    return true;
}

static bool finish(FileEncoder *encoder, Err *err) {
    AvroFile *file = (AvroFile *)encoder;
    TRY(end_block(file, err));
    buf_release(&file->block);
    count(file);
    return true;
}

static void close_file(FileEncoder *encoder) {
    if (encoder != NULL) {
        AvroFile *file = (AvroFile *)encoder;
        buf_release(&file->block);
        buf_release(&encoder->out);
        free(file);
    }
}

const FileFormat AVRO_FORMAT = {
    .name = "avro",
    .schema_per_file = true,
    .extension = extension,
    .plan = plan_file,
    .open = open_file,
    .append = append,
    .flush = flush,
    .finish = finish,
    .close = close_file,
};
