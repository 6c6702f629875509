// SPDX-License-Identifier: Apache-2.0
// The file: "LEATFIX1", then of each correction
//
//     sized topic, sized schema (empty: as before), key (v count, values), after (u8 whether there is one, v count,
//     values), places (v count; sized file, v position)
//
// (v = varint, sized = v size and bytes, values as data/event/event_codec.h has them), then the CRC-32C of all that,
// u32 little-endian.
#include "flow/sink/corrections.h"

#include "core/base/digest.h"
#include "data/event/event_codec.h"

static const char MAGIC[] = "LEATFIX1";
enum { MAGIC_BYTES = 8, CRC_BYTES = 4 };
#define FILE_BYTES_MAX        (1024 * MIB)
#define CORRECTION_FILE_BYTES ((size_t)16 * MIB)

struct CorrectionsWriter {
    Buf bytes;
    const Schema *schema; // of the last one that has any
};

CorrectionsWriter *corrections_new(void) {
    CorrectionsWriter *writer = calloc(1, sizeof(*writer));
    ASSERT(writer != NULL);
    buf_init(&writer->bytes, FILE_BYTES_MAX);
    buf_text(&writer->bytes, MAGIC);
    return writer;
}

void corrections_free(CorrectionsWriter *writer) {
    if (writer != NULL) {
        buf_release(&writer->bytes);
        free(writer);
    }
}

static void values_put(Buf *out, const Value *values, size_t count) {
    buf_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        value_encode(out, &values[i]);
    }
}

static void schema_put(CorrectionsWriter *writer, const Schema *schema) {
    DEFER(buf_release) Buf bytes = {0};
    if (schema != NULL && schema != writer->schema) {
        schema_encode(&bytes, schema);
        writer->schema = schema;
    }
    buf_slice_sized(&writer->bytes, buf_slice(&bytes));
}

void corrections_add(CorrectionsWriter *writer, const Correction *correction) {
    Buf *out = &writer->bytes;
    bool row = correction->after != NULL;
    buf_slice_sized(out, correction->topic);
    schema_put(writer, correction->schema);
    values_put(out, correction->key, correction->key != NULL ? correction->key_count : 0);
    buf_u8(out, row ? 1 : 0);
    values_put(out, correction->after, row ? correction->schema->column_count : 0);
    buf_varint(out, correction->place_count);
    for (size_t i = 0; i < correction->place_count; i++) {
        buf_slice_sized(out, correction->places[i].file);
        buf_varint(out, correction->places[i].position);
    }
}

bool corrections_finish(CorrectionsWriter *writer, const char *path, Err *err) {
    buf_u32le(&writer->bytes, digest_crc32c(0, buf_slice(&writer->bytes)));
    if (writer->bytes.overflow) {
        FAIL(err, ERR_MEMORY, "the corrections take more than %d MiB", (int)(FILE_BYTES_MAX / MIB));
        return err_hint(err, "read the table again: leat resync");
    }
    return file_replace(path, buf_slice(&writer->bytes), err);
}

// --- many files ------------------------------------------------------------------------------------------------

const char *correction_files_path(const CorrectionFiles *files, Arena *arena, size_t number) {
    return arena_printf(arena, "%s/%zu", files->directory, number);
}

bool correction_files_add(CorrectionFiles *files, const Correction *correction, Err *err) {
    files->writer = files->writer != NULL ? files->writer : corrections_new();
    corrections_add(files->writer, correction);
    size_t limit = files->file_bytes > 0 ? files->file_bytes : CORRECTION_FILE_BYTES;
    return files->writer->bytes.size < limit || correction_files_end(files, err);
}

bool correction_files_end(CorrectionFiles *files, Err *err) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    if (files->writer == NULL) {
        return true;
    }
    TRY(file_make_directories(files->directory, err));
    TRY(corrections_finish(files->writer, correction_files_path(files, &scratch, files->count + 1), err));
    files->count++;
    correction_files_release(files);
    return true;
}

void correction_files_release(CorrectionFiles *files) {
    corrections_free(files->writer);
    files->writer = NULL;
}

// --- reading ---------------------------------------------------------------------------------------------------

static bool values_take(Reader *reader, Arena *arena, const Value **values, size_t *count) {
    uint64_t number = read_varint(reader);
    if (reader->bad || number > reader_left(reader)) {
        return false;
    }
    Value *made = ARENA_ARRAY(arena, Value, number);
    for (uint64_t i = 0; i < number; i++) {
        if (!value_decode(reader, arena, &made[i])) {
            return false;
        }
    }
    *values = made;
    *count = number;
    return true;
}

static bool places_take(Reader *reader, Arena *arena, Correction *correction) {
    uint64_t number = read_varint(reader);
    if (reader->bad || number > reader_left(reader)) {
        return false;
    }
    CorrectionPlace *places = ARENA_ARRAY(arena, CorrectionPlace, number);
    for (uint64_t i = 0; i < number; i++) {
        places[i].file = read_slice(reader);
        places[i].position = read_varint(reader);
    }
    correction->places = places;
    correction->place_count = number;
    return !reader->bad;
}

typedef struct Reading {
    Arena run[1];     // the file, schemas
    Arena scratch[1]; // a correction
    const Schema *schema;
} Reading;

static bool damaged(const char *path, Err *err) {
    return FAIL(err, ERR_STATE_CORRUPT, "%s: no file of corrections, or damaged", path);
}

static bool correction_take(Reading *reading, Reader *reader, Correction *correction, bool *whole, Err *err) {
    *correction = (Correction){.topic = read_slice(reader)};
    Slice bytes = read_slice(reader);
    size_t count = 0;
    *whole = false;
    if (!reader->bad && bytes.size > 0) {
        Schema *schema = ARENA_NEW(reading->run, Schema);
        TRY(schema_decode(bytes, reading->run, schema, err));
        reading->schema = schema;
    }
    if (reader->bad || !values_take(reader, reading->scratch, &correction->key, &correction->key_count)) {
        return true;
    }
    bool row = read_u8(reader) == 1;
    if (reader->bad || !values_take(reader, reading->scratch, &correction->after, &count)) {
        return true;
    }
    correction->key = correction->key_count > 0 ? correction->key : NULL;
    correction->schema = reading->schema;
    correction->after = row ? correction->after : NULL;
    bool fits = row ? reading->schema != NULL && count == reading->schema->column_count : count == 0;
    *whole = fits && places_take(reader, reading->scratch, correction);
    return true;
}

static bool corrections_visit(Reading *reading, const char *path,
                              bool (*visit)(void *context, const Correction *correction, Err *err), void *context,
                              Err *err) {
    Slice bytes;
    TRY(file_read_all(path, FILE_BYTES_MAX + CRC_BYTES, reading->run, &bytes, err));
    if (bytes.size < MAGIC_BYTES + CRC_BYTES || memcmp(bytes.data, MAGIC, MAGIC_BYTES) != 0) {
        return damaged(path, err);
    }
    Slice body = {bytes.data, bytes.size - CRC_BYTES};
    if (digest_crc32c(0, body) != load_u32le(bytes.data + body.size)) {
        return damaged(path, err);
    }
    Reader reader = reader_of(slice_from(body, MAGIC_BYTES));
    while (reader_left(&reader) > 0) {
        Correction correction;
        bool whole = false;
        arena_reset(reading->scratch);
        TRY(correction_take(reading, &reader, &correction, &whole, err));
        TRY(whole ? visit(context, &correction, err) : damaged(path, err));
    }
    return true;
}

bool corrections_read(const char *path, bool (*visit)(void *context, const Correction *correction, Err *err),
                      void *context, Err *err) {
    Reading reading = {0};
    arena_init(reading.run, "corrections", 0);
    arena_init(reading.scratch, "scratch", 0);
    bool ok = corrections_visit(&reading, path, visit, context, err);
    arena_release(reading.run);
    arena_release(reading.scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}
