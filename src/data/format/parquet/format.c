// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/writer.h"

typedef struct ParquetPlan {
    FilePlan plan;
    const Tree *tree;
    ParquetWriterOptions options;
} ParquetPlan;

typedef struct ParquetEncoder {
    FileEncoder encoder;
    RecordPart part;
    ParquetWriter *writer;
} ParquetEncoder;

// As Confluent's S3 sink and parquet-java name them.
static const char *parquet_extension(const FileFormatOptions *options) {
    switch (options->codec) {
    case CODEC_GZIP:
        return "gz.parquet";
    case CODEC_SNAPPY:
        return "snappy.parquet";
    case CODEC_ZSTD:
        return "zstd.parquet";
    case CODEC_LZ4_RAW:
        return "lz4raw.parquet";
    case CODEC_NONE:
    case CODEC_DEFLATE:
        break;
    }
    return "parquet";
}

static bool parquet_plan(Arena *arena, const FilePlan *wanted, const FilePlan **plan, Err *err) {
    const FileFormatOptions *options = wanted->options;
    TRY(writer_codec_check(options->codec, options->level, err));
    ParquetPlan *made = ARENA_NEW(arena, ParquetPlan);
    *made = (ParquetPlan){
        .plan = *wanted,
        .options = {.codec = options->codec,
                    .level = options->level,
                    .group_bytes_max = options->group_bytes_max,
                    .byte_stream_split = options->byte_stream_split,
                    .compatible = options->compatible},
    };
    TRY(tree_compile(arena, wanted->shape, options->bloom_columns, &made->tree, err));
    *plan = &made->plan;
    return true;
}

static void encoder_count(ParquetEncoder *encoder) {
    encoder->encoder.held = sizeof(*encoder) + parquet_writer_held(encoder->writer);
    encoder->encoder.written = parquet_writer_written(encoder->writer);
    encoder->encoder.estimate = encoder->encoder.written + parquet_writer_estimate(encoder->writer);
}

static bool parquet_open(const FilePlan *plan, FileEncoder **encoder, Err *err) {
    const ParquetPlan *made = (const ParquetPlan *)(const void *)plan;
    ParquetEncoder *opened = calloc(1, sizeof(*opened));
    if (opened == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for a Parquet file");
    }
    opened->encoder.format = &PARQUET_FORMAT;
    opened->part = plan->part;
    if (!writer_open(made->tree, &made->options, &opened->encoder.out, &opened->writer, err)) {
        free(opened);
        return err_frame(err, __FILE__, __LINE__);
    }
    encoder_count(opened);
    *encoder = &opened->encoder;
    return true;
}

static ParquetEncoder *parquet_encoder(FileEncoder *encoder) {
    return (ParquetEncoder *)(void *)encoder;
}

static bool parquet_append(FileEncoder *encoder, const Record *record, Err *err) {
    ParquetEncoder *self = parquet_encoder(encoder);
    const Value *values = record_part(record, self->part);
    if (UNLIKELY(values == NULL)) {
        FAIL(err, ERR_VALUE, "a record without a %s has no form in Parquet",
             self->part == RECORD_KEY ? "key" : "value");
        return err_hint(err, "leave such records out, or write them as JSON or Avro");
    }
    TRY(parquet_writer_record(self->writer, values, err));
    encoder->records++;
    encoder_count(self);
    return true;
}

static bool parquet_flush(FileEncoder *encoder, Err *err) {
    ParquetEncoder *self = parquet_encoder(encoder);
    TRY(parquet_writer_end_group(self->writer, err));
    encoder_count(self);
    return true;
}

static bool parquet_finish(FileEncoder *encoder, Err *err) {
    ParquetEncoder *self = parquet_encoder(encoder);
    TRY(parquet_writer_finish(self->writer, err));
    encoder_count(self);
    encoder->estimate = encoder->written;
    return true;
}

static void parquet_close(FileEncoder *encoder) {
    if (encoder != NULL) {
        parquet_writer_close(parquet_encoder(encoder)->writer);
        buf_release(&encoder->out);
        free(encoder);
    }
}

const FileFormat PARQUET_FORMAT = {
    .name = "parquet",
    .schema_per_file = true,
    .extension = parquet_extension,
    .plan = parquet_plan,
    .open = parquet_open,
    .append = parquet_append,
    .flush = parquet_flush,
    .finish = parquet_finish,
    .close = parquet_close,
};
