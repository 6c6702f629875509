// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/compare_read.h"

#include "core/base/map.h"
#include "data/format/avro/avro.h"
#include "data/format/compress.h"
#include "data/format/parquet/parquet.h"

#include <stdlib.h>

enum {
    PIECE_BYTES = 1 * MIB,
    GZIP_PIECE_BYTES = 32 * KIB,
    WHOLE_BYTES_MAX = 64 * MIB, // a Parquet file up to this is fetched in one go
    OWN_UNCHANGED = 3,
    OWN_KEY_BEFORE,
    OWN_COUNT,
    TOP_AFTER = 0, // of an envelope
    TOP_BEFORE,
    TOP_OP,
    TOP_SOURCE,
    TOP_COUNT,
};
#define AVRO_BYTES_MAX ((uint64_t)1024 * MIB) // an Avro file is held as a whole
#define LINE_BYTES_MAX ((size_t)1024 * MIB)

static const char *const OWN_NAMES[OWN_COUNT] = {"__op", "__commit_lsn", "__ordinal", "__unchanged", "__key_before"};
static const char *const TOP_NAMES[TOP_COUNT] = {"after", "before", "op", "source"};

FilesForm files_form(Slice name) {
    static const struct {
        const char *end;
        FilesForm form;
    } FORMS[] = {
        {".json", FILES_JSON}, {".json.gz", FILES_JSON_GZIP}, {".avro", FILES_AVRO}, {".parquet", FILES_PARQUET}};
    for (size_t i = 0; i < ARRAY_LEN(FORMS); i++) {
        size_t size = strlen(FORMS[i].end);
        if (name.size >= size && memcmp(name.data + name.size - size, FORMS[i].end, size) == 0) {
            return FORMS[i].form;
        }
    }
    return FILES_UNKNOWN;
}

typedef struct Reading {
    const FilesRead *read;
    const char *name;
    uint64_t size, number;
    uint64_t position; // of the record
    Arena scratch[1];  // of a record
    Arena run[1];
    Value *values; // one a field of the record
    size_t unpaid;
} Reading;

// Somebody waits, or has a limit.
static bool go_on(Reading *reading, size_t bytes, Err *err) {
    throttle_take(reading->read->throttle, bytes);
    bool stop = reading->read->stop != NULL && *reading->read->stop;
    return !stop || FAIL(err, ERR_INTERRUPTED, "stopped");
}

static bool bytes_read(void *context, uint64_t offset, size_t size, Buf *out, Err *err) {
    Reading *reading = context;
    return store_read(reading->read->store, reading->name, offset, size, out, err) && go_on(reading, size, err);
}

// --- envelopes -------------------------------------------------------------------------------------------------

// The order of an envelope's change, from source.sequence: ["COMMIT LSN","LSN"], of a snapshot's row [null,"LSN"].
static bool sequence_take(Slice text, ChangeRow *row) {
    uint64_t numbers[2] = {0, 0};
    size_t count = 0;
    bool digits = false;
    for (size_t i = 0; i < text.size; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        count += digit && !digits;
        digits = digit;
        if (count > ARRAY_LEN(numbers)) {
            return false;
        }
        if (digit) {
            numbers[count - 1] = numbers[count - 1] * 10 + (text.data[i] - '0');
        }
    }
    row->lsn = numbers[0];
    row->ordinal = numbers[count == 2];
    return count > 0;
}

static bool no_envelope(const char *name, Err *err) {
    return FAIL(err, ERR_VALUE, "%s: it has a record that is no envelope of Debezium's", name);
}

// The row is in reading->values, where the operation has one.
static bool envelope_add(Reading *reading, ChangeRow *row, bool has_row, Err *err) {
    const FilesRead *read = reading->read;
    if (!has_row && !slice_is(row->op, "t")) {
        return no_envelope(reading->name, err);
    }
    for (uint32_t i = 0; i < read->record->field_count && !slice_is(row->op, "d"); i++) {
        if (read->placeholders[i].kind != VALUE_NULL && value_equal(&reading->values[i], &read->placeholders[i])) {
            reading->values[i] = (Value){.kind = VALUE_UNCHANGED};
        }
    }
    row->values = reading->values;
    row->file = reading->number;
    row->position = reading->position++;
    return changes_add(read->changes, row, err) || err_prefix(err, "%s", reading->name);
}

// --- JSON ------------------------------------------------------------------------------------------------------

typedef struct Lines {
    Reading *reading;
    const Slice *names; // of the record's fields, as they are quoted
    Map by_name;        // field + 1
} Lines;

static bool no_line(const char *what, Err *err) {
    return FAIL(err, ERR_VALUE, "%s: it is no line of flat records", what);
}

static int32_t line_field(const Lines *lines, Slice name, uint32_t expected) {
    uint32_t count = lines->reading->read->record->field_count;
    if (LIKELY(expected < count && slice_equal(lines->names[expected], name))) {
        return (int32_t)expected;
    }
    return (int32_t)(uintptr_t)map_find(&lines->by_name, name) - 1;
}

static Value text_value(Slice text) {
    return slice_is(text, "null") ? (Value){.kind = VALUE_NULL} : value_bytes(VALUE_STRING, text);
}

static bool number_take(Slice text, uint64_t *number) {
    *number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        *number = *number * 10 + (text.data[i] - '0');
    }
    return text.size > 0;
}

static Slice unquoted(Slice text) {
    return text.size >= 2 && text.data[0] == '"' ? (Slice){text.data + 1, text.size - 2} : text;
}

// ["a","b"]: names as they are quoted there, which is how the record's fields are named.
static bool unchanged_take(Arena *scratch, Slice text, Value *list) {
    size_t count = 0;
    Value *names = ARENA_ARRAY(scratch, Value, text.size / 3 + 1);
    for (size_t at = 1; at + 1 < text.size;) {
        size_t to = at + 1;
        while (to < text.size && text.data[to] != '"') {
            to += text.data[to] == '\\' ? 2 : 1;
        }
        if (text.data[at] != '"' || to >= text.size) {
            return false;
        }
        names[count++] = value_bytes(VALUE_STRING, (Slice){text.data + at + 1, to - at - 1});
        at = to + 2;
    }
    *list = (Value){.kind = VALUE_LIST, .items = {names, (uint32_t)count}};
    return true;
}

static bool before_take(const Lines *lines, Slice text, Value *key) {
    const FilesRead *read = lines->reading->read;
    Value *parts = ARENA_ARRAY(lines->reading->scratch, Value, read->key_count);
    Slice rest, name, value;
    bool more = false;
    if (!line_open(text, &rest)) {
        return false;
    }
    while (line_member(&rest, &name, &value, &more) && more) {
        int32_t field = line_field(lines, name, 0);
        for (size_t i = 0; i < read->key_count; i++) {
            if (read->key[i] == field) {
                parts[i] = text_value(value);
            }
        }
    }
    *key = (Value){.kind = VALUE_STRUCT, .items = {parts, (uint32_t)read->key_count}};
    return !more;
}

// A member that is leat's own. False: it is not as leat writes it.
static bool own_take(const Lines *lines, Slice name, Slice value, ChangeRow *row, Value own[2]) {
    if (slice_is(name, "__op")) {
        row->op = unquoted(value);
    } else if (slice_is(name, "__commit_lsn")) {
        return number_take(value, &row->lsn);
    } else if (slice_is(name, "__ordinal")) {
        return number_take(value, &row->ordinal);
    } else if (slice_is(name, "__unchanged") && !slice_is(value, "[]")) {
        row->unchanged = &own[0];
        return unchanged_take(lines->reading->scratch, value, &own[0]);
    } else if (slice_is(name, "__key_before")) {
        row->before = &own[1];
        return before_take(lines, value, &own[1]);
    }
    return true;
}

static bool line_take(Lines *lines, Slice line, Err *err) {
    Reading *reading = lines->reading;
    const FilesRead *read = reading->read;
    Slice rest, name, value;
    bool more = true;
    Value own[2];
    ChangeRow row = {.values = reading->values, .file = reading->number, .position = reading->position++};
    arena_reset(reading->scratch);
    for (size_t i = 0; i < read->record->field_count; i++) {
        reading->values[i] = (Value){.kind = VALUE_NULL};
    }
    if (!line_open(line, &rest)) {
        return no_line(reading->name, err);
    }
    for (uint32_t expected = 0;; expected++) {
        if (!line_member(&rest, &name, &value, &more)) {
            return no_line(reading->name, err);
        }
        if (!more) {
            break;
        }
        int32_t field = line_field(lines, name, expected);
        if (field >= 0) {
            reading->values[field] = text_value(value);
        } else if (name.size > 2 && name.data[0] == '_' && !own_take(lines, name, value, &row, own)) {
            return no_line(reading->name, err);
        }
    }
    return changes_add(read->changes, &row, err) || err_prefix(err, "%s", reading->name);
}

static bool row_take(Lines *lines, Slice object) {
    Slice rest, name, value;
    bool more = true;
    if (!line_open(object, &rest)) {
        return false;
    }
    for (uint32_t expected = 0; line_member(&rest, &name, &value, &more); expected++) {
        if (!more) {
            return true;
        }
        int32_t field = line_field(lines, name, expected);
        if (field >= 0) {
            lines->reading->values[field] = text_value(value);
        }
    }
    return false;
}

// The value of one of an object's members; false: it has none of that name, or is no object.
static bool member_find(Slice object, const char *wanted, Slice *value) {
    Slice rest, name;
    bool more = true;
    if (!line_open(object, &rest)) {
        return false;
    }
    while (line_member(&rest, &name, value, &more) && more) {
        if (slice_is(name, wanted)) {
            return true;
        }
    }
    return false;
}

// Without its schema, where json.schemas.enable has one around it.
static bool envelope_take(Lines *lines, Slice line, Err *err) {
    Reading *reading = lines->reading;
    Slice row = {0}, op = {0}, source = {0}, sequence = {0}, payload = {0};
    ChangeRow change = {0};
    arena_reset(reading->scratch);
    for (size_t i = 0; i < reading->read->record->field_count; i++) {
        reading->values[i] = (Value){.kind = VALUE_NULL};
    }
    if (slice_is(line, "null")) { // a tombstone
        return true;
    }
    line = member_find(line, "payload", &payload) ? payload : line;
    if (slice_is(line, "null")) {
        return true;
    }
    if (!member_find(line, "op", &op) || !member_find(line, "source", &source) ||
        !member_find(source, "sequence", &sequence) || !sequence_take(sequence, &change)) {
        return no_envelope(reading->name, err);
    }
    change.op = unquoted(op);
    bool found =
        member_find(line, TOP_NAMES[slice_is(change.op, "d") ? TOP_BEFORE : TOP_AFTER], &row) && !slice_is(row, "null");
    if (found && !row_take(lines, row)) {
        return no_envelope(reading->name, err);
    }
    return envelope_add(reading, &change, found, err);
}

// All whole lines in the buffer; the rest stays.
static bool lines_take(Lines *lines, Buf *text, Err *err) {
    size_t at = 0;
    for (const uint8_t *end; text->size > at && (end = memchr(text->data + at, '\n', text->size - at)) != NULL;) {
        size_t next = (size_t)(end - text->data) + 1;
        Slice line = {text->data + at, next - at - 1};
        TRY((lines->reading->read->placeholders != NULL ? envelope_take : line_take)(lines, line, err));
        at = next;
    }
    if (at > 0) {
        memmove(text->data, text->data + at, text->size - at);
        text->size -= at;
    }
    return text->size < LINE_BYTES_MAX || FAIL(err, ERR_VALUE, "%s: a line without an end", lines->reading->name);
}

static bool lines_read(Lines *lines, GunzipStream *gunzip, Err *err) {
    Reading *reading = lines->reading;
    DEFER(buf_release) Buf packed = {0};
    DEFER(buf_release) Buf text = {0};
    for (uint64_t at = 0; at < reading->size;) {
        size_t size = (size_t)MIN(reading->size - at, (uint64_t)PIECE_BYTES);
        buf_reset(&packed);
        TRY(bytes_read(reading, at, size, gunzip != NULL ? &packed : &text, err));
        at += size;
        for (size_t from = 0; gunzip != NULL && from < packed.size; from += GZIP_PIECE_BYTES) {
            Slice piece = {packed.data + from, MIN(packed.size - from, (size_t)GZIP_PIECE_BYTES)};
            TRY(gunzip_write(gunzip, piece, &text, err) && lines_take(lines, &text, err));
        }
        TRY(lines_take(lines, &text, err));
    }
    TRY(gunzip == NULL || gunzip_finish(gunzip, err));
    return text.size == 0 || no_line(reading->name, err);
}

static bool json_read(Reading *reading, bool gzip, Err *err) {
    const Shape *record = reading->read->record;
    Lines lines = {.reading = reading};
    Slice *names = ARENA_ARRAY(reading->run, Slice, record->field_count);
    for (uint32_t i = 0; i < record->field_count; i++) {
        names[i] = record->fields[i].name; // quoted already: see compare.c
        map_put(&lines.by_name, names[i], (void *)(uintptr_t)(i + 1));
    }
    lines.names = names;
    GunzipStream *gunzip = NULL;
    bool ok = (!gzip || gunzip_open(&gunzip, err)) && lines_read(&lines, gunzip, err);
    gunzip_close(gunzip);
    map_release(&lines.by_name);
    return ok;
}

// --- Avro, Parquet ---------------------------------------------------------------------------------------------

typedef struct Typed {
    Reading *reading;
    int32_t *from; // one a field of the record: place in the file, -1 = it has no such column
    int32_t own[OWN_COUNT];
    int32_t top[TOP_COUNT], sequence; // of an envelope; of its source
} Typed;

static bool is_named(const ShapeField *field, Slice name) {
    for (uint32_t i = 0; i < field->shape.note_count; i++) { // Avro does not take every name
        if (slice_is(field->shape.notes[i].name, "leat.name")) {
            return slice_equal(unquoted(field->shape.notes[i].json), name);
        }
    }
    return slice_equal(field->name, name);
}

static int32_t file_field(const Shape *shape, Slice name) {
    for (uint32_t i = 0; i < shape->field_count; i++) {
        if (is_named(&shape->fields[i], name)) {
            return (int32_t)i;
        }
    }
    return -1;
}

static bool whole_number(ShapeKind kind) {
    return kind == SHAPE_INT32 || kind == SHAPE_INT64;
}

// Values of both have one form.
static bool alike(const Shape *a, const Shape *b) {
    if (a->kind != b->kind && !(whole_number(a->kind) && whole_number(b->kind))) {
        return false;
    }
    if (a->kind == SHAPE_LIST || a->kind == SHAPE_MAP) {
        return alike(a->element, b->element);
    }
    bool same = a->kind != SHAPE_STRUCT || a->field_count == b->field_count;
    for (uint32_t i = 0; same && a->kind == SHAPE_STRUCT && i < a->field_count; i++) {
        same = alike(&a->fields[i].shape, &b->fields[i].shape);
    }
    return same;
}

static bool columns_match(Typed *typed, const Shape *shape, Err *err) {
    Reading *reading = typed->reading;
    const Shape *record = reading->read->record;
    typed->from = ARENA_ARRAY(reading->run, int32_t, record->field_count);
    for (uint32_t i = 0; i < record->field_count; i++) {
        const ShapeField *field = &record->fields[i];
        int32_t from = typed->from[i] = file_field(shape, field->name);
        if (from >= 0 && !alike(&shape->fields[from].shape, &field->shape)) {
            FAIL(err, ERR_TABLE, "%s: column %.*s is %s there and %s now", reading->name, SLICE_ARG(field->name),
                 shape_kind_name(shape->fields[from].shape.kind), shape_kind_name(field->shape.kind));
            return err_hint(err, "have the table read again: leat resync");
        }
    }
    return true;
}

static bool envelope_match(Typed *typed, const Shape *shape, Err *err) {
    for (int i = 0; i < TOP_COUNT; i++) {
        typed->top[i] = file_field(shape, slice_of(TOP_NAMES[i]));
    }
    const ShapeField *fields = shape->fields;
    if (typed->top[TOP_AFTER] < 0 || typed->top[TOP_BEFORE] < 0 || typed->top[TOP_OP] < 0 ||
        typed->top[TOP_SOURCE] < 0 || fields[typed->top[TOP_AFTER]].shape.kind != SHAPE_STRUCT ||
        fields[typed->top[TOP_SOURCE]].shape.kind != SHAPE_STRUCT) {
        return no_envelope(typed->reading->name, err);
    }
    typed->sequence = file_field(&fields[typed->top[TOP_SOURCE]].shape, SLICE("sequence"));
    return columns_match(typed, &fields[typed->top[TOP_AFTER]].shape, err) &&
           (typed->sequence >= 0 || no_envelope(typed->reading->name, err));
}

static bool typed_match(Typed *typed, const Shape *shape, Err *err) {
    Reading *reading = typed->reading;
    if (reading->read->placeholders != NULL) {
        return envelope_match(typed, shape, err);
    }
    TRY(columns_match(typed, shape, err));
    for (int i = 0; i < OWN_COUNT; i++) {
        typed->own[i] = file_field(shape, slice_of(OWN_NAMES[i]));
        if (typed->own[i] < 0 && i < OWN_UNCHANGED) {
            return FAIL(err, ERR_TABLE, "%s: it has no column %s: its records are not leat's flat ones", reading->name,
                        OWN_NAMES[i]);
        }
    }
    return true;
}

static void row_values(Typed *typed, const Value *values) {
    for (uint32_t i = 0; i < typed->reading->read->record->field_count; i++) {
        bool there = values != NULL && typed->from[i] >= 0;
        typed->reading->values[i] = there ? values[typed->from[i]] : (Value){.kind = VALUE_NULL};
    }
}

static bool typed_envelope_take(Typed *typed, const Value *values, Err *err) {
    const Value *op = &values[typed->top[TOP_OP]], *source = &values[typed->top[TOP_SOURCE]];
    const Value *sequence = source->kind == VALUE_STRUCT ? &source->items.at[typed->sequence] : source;
    ChangeRow change = {0};
    if (op->kind != VALUE_STRING || sequence->kind != VALUE_STRING || !sequence_take(sequence->bytes, &change)) {
        return no_envelope(typed->reading->name, err);
    }
    change.op = op->bytes;
    const Value *row = &values[typed->top[slice_is(change.op, "d") ? TOP_BEFORE : TOP_AFTER]];
    bool found = row->kind == VALUE_STRUCT;
    row_values(typed, found ? row->items.at : NULL);
    return envelope_add(typed->reading, &change, found, err);
}

static bool record_take(Typed *typed, const Value *values, Err *err) {
    Reading *reading = typed->reading;
    const FilesRead *read = reading->read;
    if (read->placeholders != NULL) {
        return typed_envelope_take(typed, values, err);
    }
    row_values(typed, values);
    const Value *own[OWN_COUNT];
    for (int i = 0; i < OWN_COUNT; i++) {
        own[i] = typed->own[i] >= 0 ? &values[typed->own[i]] : NULL;
    }
    ChangeRow row = {.op = own[0]->kind == VALUE_STRING ? own[0]->bytes : (Slice){0},
                     .lsn = (uint64_t)own[1]->integer,
                     .ordinal = (uint64_t)own[2]->integer,
                     .values = reading->values,
                     .unchanged = own[OWN_UNCHANGED],
                     .before = own[OWN_KEY_BEFORE],
                     .file = reading->number,
                     .position = reading->position++};
    return changes_add(read->changes, &row, err) || err_prefix(err, "%s", reading->name);
}

static bool avro_take(Typed *typed, AvroReader *reader, Err *err) {
    TRY(typed_match(typed, avro_reader_shape(reader), err));
    for (;;) {
        const Value *values = NULL;
        TRY(avro_reader_next(reader, &values, err));
        if (values == NULL) {
            return true;
        }
        TRY(record_take(typed, values, err));
    }
}

static bool avro_read(Reading *reading, Err *err) {
    Typed typed = {.reading = reading};
    DEFER(buf_release) Buf bytes = {0};
    if (reading->size > AVRO_BYTES_MAX) {
        return FAIL(err, ERR_TABLE, "%s: an Avro file above 1 GiB is not read", reading->name);
    }
    for (uint64_t at = 0; at < reading->size; at += PIECE_BYTES) {
        TRY(bytes_read(reading, at, (size_t)MIN(reading->size - at, (uint64_t)PIECE_BYTES), &bytes, err));
    }
    AvroReader *reader = NULL;
    TRY(avro_reader_open(buf_slice(&bytes), &reader, err));
    bool ok = avro_take(&typed, reader, err);
    avro_reader_close(reader);
    return ok;
}

static bool held_read(void *context, uint64_t offset, size_t size, Buf *out, Err *err) {
    const Buf *held = context;
    if (offset > held->size || size > held->size - offset) {
        return FAIL(err, ERR_VALUE, "the file ends too early");
    }
    buf_bytes(out, held->data + offset, size);
    return true;
}

static bool parquet_take(Typed *typed, ParquetReader *reader, Err *err) {
    TRY(typed_match(typed, parquet_reader_shape(reader), err));
    for (;;) {
        const Value *values = NULL;
        TRY(parquet_reader_next(reader, &values, err));
        if (values == NULL) {
            return true;
        }
        TRY(record_take(typed, values, err));
    }
}

static bool parquet_read(Reading *reading, Err *err) {
    Typed typed = {.reading = reading};
    DEFER(buf_release) Buf held = {0};
    ParquetFile file = {.context = reading, .size = reading->size, .read = bytes_read};
    if (reading->size <= WHOLE_BYTES_MAX) { // pieces of it would be many small requests
        TRY(bytes_read(reading, 0, (size_t)reading->size, &held, err));
        file = (ParquetFile){.context = &held, .size = held.size, .read = held_read};
    }
    ParquetReader *reader = NULL;
    TRY(parquet_reader_open(&file, &reader, err));
    bool ok = parquet_take(&typed, reader, err);
    parquet_reader_close(reader);
    return ok;
}

// --- all -------------------------------------------------------------------------------------------------------

bool files_read(const FilesRead *read, const char *name, uint64_t size, uint64_t number, FilesForm form, Err *err) {
    Reading reading = {.read = read, .name = name, .size = size, .number = number};
    arena_init_small(reading.run, "run", 1024);
    arena_init(reading.scratch, "scratch", 0);
    reading.values = ARENA_ARRAY(reading.run, Value, read->record->field_count + 1U);
    bool json = form == FILES_JSON || form == FILES_JSON_GZIP;
    bool ok = json ? json_read(&reading, form == FILES_JSON_GZIP, err)
                   : (form == FILES_AVRO ? avro_read : parquet_read)(&reading, err);
    arena_release(reading.run);
    arena_release(reading.scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}
