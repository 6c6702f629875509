// SPDX-License-Identifier: Apache-2.0
// Two streams into one file, records and body, each through its own buffer; the records' room is fixed beforehand by
// how many entries may come. Checksums are kept until the end: 4 bytes for 4096.
#include "core/base/digest.h"
#include "core/sys/file.h"
#include "lake/index/segment_format.h"

#include <fcntl.h>
#include <unistd.h>

enum { BUCKET_ENTRIES_MIN = 8, WRITE_BACK_BYTES = 8 << 20 };

typedef struct Stream {
    uint8_t *buffer;
    size_t used;
    uint64_t at; // in the file; of the buffer's first byte
} Stream;

struct SegmentWriter {
    char path[PATH_MAX];
    uint64_t number;
    int fd;
    bool finished;
    SegmentShape shape;
    SegmentLayout layout;
    uint64_t entries_max;
    size_t buffer_bytes;
    Stream records, body;
    uint32_t *crcs;
    uint64_t blocks_max;
    uint64_t written_back; // the body's bytes that the kernel was told to write
    uint64_t bits;         // not yet in the body's buffer
    uint32_t bits_count;   // below 8
    uint64_t bucket;       // that is filled
    uint64_t bucket_first; // its first entry
    uint32_t filter[SEGMENT_FILTER_WORDS_MAX];
    uint64_t last_high;
    uint32_t last_low;
};

static uint32_t bits_for(uint64_t value) {
    return value == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(value);
}

static SegmentShape shape_for(const SegmentPlan *plan) {
    uint64_t entries = plan->entries_likely > 0 ? MIN(plan->entries_likely, plan->entries_max) : plan->entries_max;
    uint32_t bucket_bits = bits_for(entries / BUCKET_ENTRIES_MIN);
    bucket_bits = MIN(MAX(bucket_bits, 2), 33) - 1;
    uint64_t mean_bits = (entries * (plan->small ? 4 : 8)) >> bucket_bits; // of the filter, a bucket
    uint64_t codes = plan->file_max - plan->file_min;
    SegmentShape shape = {.exact = plan->exact,
                          .bucket_bits = bucket_bits,
                          .filter_words = (uint32_t)MIN((mean_bits + 16) / 32 + 1, SEGMENT_FILTER_WORDS_MAX),
                          .file_base = plan->file_min,
                          .gone_code = plan->gone ? (uint32_t)codes + 1 : SEGMENT_GONE_NONE,
                          .row_bits = bits_for(plan->row_max)};
    shape.filter_words -= shape.filter_words > 1; // at least one word, else the nearest
    shape.file_bits = MAX(bits_for(codes + plan->gone), 1);
    return shape;
}

static void *take(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        panic("no memory to write a segment of the key index: %zu bytes", count * size);
    }
    return memory;
}

bool key_segment_create(const char *directory, uint64_t number, const SegmentPlan *plan, SegmentWriter **created,
                        Err *err) {
    ASSERT(plan->entries_max <= SEGMENT_ENTRIES_MAX && plan->file_min <= plan->file_max && plan->file_max < 1 << 24);
    SegmentWriter *writer = take(1, sizeof(SegmentWriter));
    key_segment_path(writer->path, directory, number);
    writer->number = number;
    writer->fd = -1;
    if (!file_open(writer->path, O_WRONLY | O_CREAT | O_TRUNC, &writer->fd, err)) {
        free(writer);
        return err_frame(err, __FILE__, __LINE__);
    }
    writer->shape = shape_for(plan);
    writer->entries_max = plan->entries_max;
    SegmentShape fullest = writer->shape;
    fullest.counts.entries = plan->entries_max;
    key_segment_layout(&fullest, &writer->layout);
    writer->blocks_max = writer->layout.blocks;
    writer->buffer_bytes = (size_t)block_up(MAX(plan->buffer_bytes, (size_t)SEGMENT_BLOCK_BYTES));
    writer->crcs = take(writer->blocks_max, sizeof(uint32_t));
    writer->records = (Stream){take(writer->buffer_bytes, 1), 0, SEGMENT_HEADER_BYTES};
    writer->body = (Stream){take(writer->buffer_bytes, 1), 0, writer->layout.body_at};
    *created = writer;
    return true;
}

// Whole blocks only.
static bool stream_flush(SegmentWriter *writer, Stream *stream, Err *err) {
    ASSERT(stream->used % SEGMENT_BLOCK_BYTES == 0);
    uint64_t block = (stream->at - SEGMENT_HEADER_BYTES) / SEGMENT_BLOCK_BYTES;
    for (size_t at = 0; at < stream->used; at += SEGMENT_BLOCK_BYTES) {
        ASSERT(block < writer->blocks_max);
        writer->crcs[block++] = digest_crc32c(0, (Slice){stream->buffer + at, SEGMENT_BLOCK_BYTES});
    }
    TRY(file_write(writer->fd, writer->path, (Slice){stream->buffer, stream->used}, (off_t)stream->at, err));
    stream->at += stream->used;
    stream->used = 0;
    return true;
}

static bool stream_put(SegmentWriter *writer, Stream *stream, const void *bytes, size_t size, Err *err) {
    const uint8_t *from = bytes;
    while (size > 0) {
        size_t part = MIN(size, writer->buffer_bytes - stream->used);
        memcpy(stream->buffer + stream->used, from, part);
        stream->used += part;
        from += part;
        size -= part;
        if (stream->used == writer->buffer_bytes) {
            TRY(stream_flush(writer, stream, err));
        }
    }
    return true;
}

static bool stream_end(SegmentWriter *writer, Stream *stream, Err *err) {
    size_t end = (size_t)block_up(stream->used);
    memset(stream->buffer + stream->used, 0, end - stream->used);
    stream->used = end;
    return stream_flush(writer, stream, err);
}

// Up to 64 bits; whole bytes go to the buffer.
static inline bool bits_put(SegmentWriter *writer, uint64_t value, uint32_t width, Err *err) {
    UInt128 bits = (UInt128)value << writer->bits_count | writer->bits;
    uint32_t count = writer->bits_count + width;
    Stream *body = &writer->body;
    if (LIKELY(writer->buffer_bytes - body->used > 16)) {
        memcpy(body->buffer + body->used, &bits, sizeof(bits));
        body->used += count / 8;
    } else {
        TRY(stream_put(writer, body, &bits, count / 8, err));
    }
    writer->bits = (uint64_t)(bits >> (count / 8 * 8));
    writer->bits_count = count % 8;
    return true;
}

static bool bucket_end(SegmentWriter *writer, Err *err) {
    uint32_t record[1 + SEGMENT_FILTER_WORDS_MAX];
    uint32_t words = writer->shape.filter_words;
    record[0] = (uint32_t)writer->bucket_first;
    memcpy(record + 1, writer->filter, words * sizeof(uint32_t));
    TRY(stream_put(writer, &writer->records, record, (1 + words) * sizeof(uint32_t), err));
    memset(writer->filter, 0, words * sizeof(uint32_t));
    writer->bucket++;
    writer->bucket_first = writer->shape.counts.entries;
    return true;
}

bool key_segment_put(SegmentWriter *writer, const IndexEntry *entry, Err *err) {
    SegmentShape *shape = &writer->shape;
    if (UNLIKELY(shape->counts.entries > 0 &&
                 !key_before(writer->last_high, writer->last_low, entry->high, entry->low))) {
        return FAIL(err, ERR_STATE_CORRUPT, "%s: the segments that it is made of are out of order", writer->path);
    }
    writer->last_high = entry->high;
    writer->last_low = entry->low;
    uint64_t bucket = entry->high >> writer->layout.rest_bits;
    while (writer->bucket < bucket) {
        TRY(bucket_end(writer, err));
    }
    uint64_t filter = filter_bits(entry->high, entry->low);
    for (int i = 0; i < 4; i++, filter >>= 16) {
        uint32_t at = filter_at(filter, shape->filter_words);
        writer->filter[at / 32] |= 1u << (at % 32);
    }
    bool gone = key_place_none(entry->place);
    uint64_t code = gone ? shape->gone_code : (uint64_t)entry->place.file - shape->file_base;
    uint64_t row = gone ? 0 : entry->place.row;
    if (UNLIKELY(code >> shape->file_bits != 0 || row >> shape->row_bits != 0 ||
                 shape->counts.entries == writer->entries_max)) {
        return FAIL(err, ERR_STATE_CORRUPT, "%s: the segments that it is made of hold what they do not say",
                    writer->path);
    }
    shape->counts.entries++;
    shape->counts.gone += gone;
    shape->file_max = gone ? shape->file_max : MAX(shape->file_max, entry->place.file);
    shape->row_max = MAX(shape->row_max, (uint32_t)row);
    uint32_t rest_bits = writer->layout.rest_bits;
    TRY(bits_put(writer, entry->high & (((uint64_t)1 << rest_bits) - 1), rest_bits, err));
    if (!shape->exact) {
        TRY(bits_put(writer, entry->low, 32, err));
    }
    TRY(bits_put(writer, code | row << shape->file_bits, shape->file_bits + shape->row_bits, err));
    if (UNLIKELY(writer->body.at - writer->layout.body_at >= writer->written_back + WRITE_BACK_BYTES)) {
        // So that the sync at the end has little left to do.
        uint64_t from = writer->layout.body_at + writer->written_back;
        (void)sync_file_range(writer->fd, (off_t)from, (off_t)(writer->body.at - from), SYNC_FILE_RANGE_WRITE);
        writer->written_back = writer->body.at - writer->layout.body_at;
    }
    return true;
}

static bool header_write(SegmentWriter *writer, uint32_t *header_crc, Err *err) {
    const SegmentShape *shape = &writer->shape;
    Slice crcs = {(const uint8_t *)writer->crcs, writer->layout.blocks * sizeof(uint32_t)};
    TRY(file_write(writer->fd, writer->path, crcs, (off_t)writer->layout.crcs_at, err));
    Header header = {.version = SEGMENT_VERSION,
                     .exact = shape->exact,
                     .number = writer->number,
                     .entries = shape->counts.entries,
                     .gone = shape->counts.gone,
                     .stale = shape->counts.stale,
                     .bucket_bits = shape->bucket_bits,
                     .filter_words = shape->filter_words,
                     .file_base = shape->file_base,
                     .file_bits = shape->file_bits,
                     .gone_code = shape->gone_code,
                     .row_bits = shape->row_bits,
                     .file_max = shape->file_max,
                     .row_max = shape->row_max,
                     .crcs_crc = digest_crc32c(0, crcs)};
    uint8_t block[SEGMENT_HEADER_BYTES] = {0};
    memcpy(header.magic, SEGMENT_MAGIC, sizeof(header.magic));
    memcpy(block, &header, sizeof(header));
    *header_crc = digest_crc32c(0, (Slice){block, sizeof(block) - 4});
    memcpy(block + sizeof(block) - 4, header_crc, 4);
    return file_write(writer->fd, writer->path, (Slice){block, sizeof(block)}, 0, err);
}

// What was just written is as it was written.
static bool segment_written(const SegmentWriter *writer, uint32_t header_crc, Segment **written, Err *err) {
    Segment *segment = take(1, sizeof(Segment));
    segment->number = writer->number;
    segment->shape = writer->shape;
    segment->header_crc = header_crc;
    bool ok = key_segment_map(writer->path, segment, err) &&
              (key_segment_attach(segment) || FAIL(err, ERR_STATE_CORRUPT, "%s: has changed its size", writer->path));
    if (!ok) {
        key_segment_close(segment);
        return err_frame(err, __FILE__, __LINE__);
    }
    memset(segment->checked, 0xff, (segment->blocks + 7) / 8);
    *written = segment;
    return true;
}

bool key_segment_finish(SegmentWriter *writer, uint64_t stale, Segment **segment, Err *err) {
    while (writer->bucket <= (uint64_t)1 << writer->shape.bucket_bits) {
        TRY(bucket_end(writer, err)); // the last one stands behind all buckets
    }
    TRY(bits_put(writer, 0, (8 - writer->bits_count) % 8, err));
    uint8_t pad[SEGMENT_BODY_PAD] = {0};
    TRY(stream_put(writer, &writer->body, pad, sizeof(pad), err));
    TRY(stream_end(writer, &writer->records, err) && stream_end(writer, &writer->body, err));
    writer->shape.counts.stale = stale;
    key_segment_layout(&writer->shape, &writer->layout);
    ASSERT(writer->records.at == writer->layout.body_at && writer->body.at == writer->layout.crcs_at);
    uint32_t header_crc = 0;
    TRY(header_write(writer, &header_crc, err));
    TRY(file_sync(writer->fd, writer->path, err));
    TRY(segment_written(writer, header_crc, segment, err));
    writer->finished = true;
    return true;
}

void key_segment_writer_release(SegmentWriter *writer) {
    if (writer != NULL) {
        file_close(&writer->fd);
        if (!writer->finished) {
            unlink(writer->path);
        }
        free(writer->records.buffer);
        free(writer->body.buffer);
        free(writer->crcs);
        free(writer);
    }
}
