// SPDX-License-Identifier: Apache-2.0
// Writes Parquet files of generated records, and beside each what is in it, for other readers to be held against.
//     leat_parquet_probe DIRECTORY
// For each case NAME: NAME.parquet, and NAME.json, one line each: the columns, [[name, type], …]; the facts of the
// case; then the records, each an array. Types: "int32", … (shape_kind_name), ["list", type], ["map", type],
// ["struct", [[name, type], …]]. Values: integers (dates and times count from 1970), decimals as units in a string,
// floats as their bits in hex, bytes and UUIDs in hex, lists and structs as arrays, maps as arrays of [key, value].
#include "core/base/decimal.h"
#include "core/base/json.h"
#include "core/sys/file.h"
#include "data/format/parquet/parquet.h"

#include <stdio.h>
#include <stdlib.h>

enum { COLUMNS_MAX = 128, DAYS_1970 = 10957 };
#define MICROS_1970 INT64_C(946684800000000)

typedef enum Pattern { CONSTANT, SEQUENCE, FEW, RANDOM, EXTREME, PATTERN_COUNT } Pattern;
typedef enum Nulls { NULLS_NONE, NULLS_SOME, NULLS_RUNS, NULLS_LATE, NULLS_ALL, NULLS_COUNT } Nulls;

typedef struct Probe {
    const char *directory;
    Arena run[1], row[1];
    uint64_t random;
    ShapeField fields[COLUMNS_MAX];
    Pattern patterns[COLUMNS_MAX];
    Nulls nulls[COLUMNS_MAX];
    Shape shape;
    Err err[1];
} Probe;

typedef struct Case {
    const char *name;
    ParquetWriterOptions options;
    size_t rows;
    size_t flush_every; // 0 = never
    bool columns;       // by parquet_writer_columns
    bool through_format;
} Case;

static void quit_when(Probe *probe, bool failed, const char *what) {
    if (failed) {
        fprintf(stderr, "%s: %s\n", what, probe->err->message);
        exit(1);
    }
}

static uint64_t next_random(Probe *probe) { // splitmix64
    uint64_t z = probe->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

// --- values ----------------------------------------------------------------------------------------------------

// An integer of a pattern within ±limit.
static int64_t integer_of(Probe *probe, Pattern pattern, size_t row, int64_t limit) {
    switch (pattern) {
    case CONSTANT:
        return limit / 3;
    case SEQUENCE:
        return (int64_t)row - 100 > limit ? limit : (int64_t)row - 100;
    case FEW:
        return ((int64_t)(next_random(probe) % 7) - 3) * (limit / 4);
    case RANDOM:
        return (int64_t)(next_random(probe) % (2 * (uint64_t)limit + 1) - (uint64_t)limit);
    case EXTREME:
    case PATTERN_COUNT:
        break;
    }
    static const int SIGNS[] = {1, -1, 0, 1};
    return limit * SIGNS[row % 4];
}

static double real_of(Probe *probe, Pattern pattern, size_t row) {
    static const double ODD[] = {0.0, -0.0, __builtin_inf(), -__builtin_inf(), __builtin_nan(""), 1e-45, 3.4e38, 1.5};
    if (pattern == EXTREME) {
        return ODD[row % ARRAY_LEN(ODD)];
    }
    return (double)integer_of(probe, pattern, row, 1000000) / 8;
}

static Value decimal_of(Probe *probe, const Shape *shape, Pattern pattern, size_t row) {
    int64_t limit = 9;
    for (int32_t i = 1; i < MIN(shape->precision, 18); i++) {
        limit = limit * 10 + 9;
    }
    char text[64];
    Int128 units = integer_of(probe, pattern, row, limit);
    for (int32_t i = 18; i < shape->precision; i++) {
        units = units * 10 + (units < 0 ? -9 : 9);
    }
    bool negative = units < 0;
    units = negative ? -units : units;
    size_t at = sizeof(text);
    for (int32_t i = 0; i <= shape->scale || units != 0; i++) {
        if (i == shape->scale && i > 0) {
            text[--at] = '.';
        }
        text[--at] = (char)('0' + (int)(units % 10));
        units /= 10;
    }
    if (negative) {
        text[--at] = '-';
    }
    Slice decimal;
    bool made = decimal_from_text(probe->row, (Slice){(uint8_t *)text + at, sizeof(text) - at}, &decimal);
    ASSERT(made);
    return value_bytes(VALUE_DECIMAL, decimal);
}

static Slice text_of(Probe *probe, Pattern pattern, size_t row) {
    static const char *const PIECES[] = {"a", "é", "€", "😀", "\"", "zz", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF", " ", "B"};
    switch (pattern) {
    case CONSTANT:
        return SLICE("always the same");
    case SEQUENCE:
        return slice_of(arena_printf(probe->row, "row %08zu", row));
    case FEW:
        return slice_of(arena_printf(probe->row, "%.*s", (int)(next_random(probe) % 5), "few of them"));
    case RANDOM:
    case EXTREME:
    case PATTERN_COUNT:
        break;
    }
    char *text = arena_alloc(probe->row, 800);
    size_t size = 0, pieces = next_random(probe) % (pattern == RANDOM ? 12 : 190);
    for (size_t i = 0; i < pieces; i++) {
        const char *piece = PIECES[next_random(probe) % ARRAY_LEN(PIECES)];
        memcpy(text + size, piece, strlen(piece));
        size += strlen(piece);
    }
    return (Slice){(uint8_t *)text, size};
}

static Slice bytes_of(Probe *probe, Pattern pattern, size_t row, size_t size) {
    uint8_t *bytes = arena_alloc(probe->row, size + 8);
    for (size_t i = 0; i < size; i += 8) {
        uint64_t random = pattern == EXTREME ? (row % 2 == 0 ? UINT64_MAX : 0) : next_random(probe);
        memcpy(bytes + i, &random, 8);
    }
    if (pattern == SEQUENCE || pattern == CONSTANT || pattern == FEW) {
        memset(bytes, 0x40, size);
        bytes[size - 1] = (uint8_t)(pattern == CONSTANT ? 1 : pattern == FEW ? next_random(probe) % 3 : row);
    }
    return (Slice){bytes, size};
}

static Value value_of(Probe *probe, const Shape *shape, Pattern pattern, size_t row);

static Value items_of(Probe *probe, const Shape *shape, Pattern pattern, size_t row) {
    bool is_map = shape->kind == SHAPE_MAP;
    size_t count = shape->kind == SHAPE_STRUCT ? shape->field_count : next_random(probe) % 5 * (is_map ? 2 : 1);
    Value *items = ARENA_ARRAY(probe->row, Value, count);
    for (size_t i = 0; i < count; i++) {
        if (is_map && i % 2 == 0) {
            items[i] = value_bytes(VALUE_STRING, slice_of(arena_printf(probe->row, "key %zu", i)));
            continue;
        }
        const Shape *item = shape->kind == SHAPE_STRUCT ? &shape->fields[i].shape : shape->element;
        items[i] = item->optional && next_random(probe) % 4 == 0 ? (Value){0} : value_of(probe, item, pattern, row + i);
    }
    ValueKind kind = is_map ? VALUE_MAP : shape->kind == SHAPE_LIST ? VALUE_LIST : VALUE_STRUCT;
    return (Value){.kind = (uint8_t)kind, .items = {items, count}};
}

static Value value_of(Probe *probe, const Shape *shape, Pattern pattern, size_t row) {
    switch (shape->kind) {
    case SHAPE_BOOL:
        return value_bool(pattern == CONSTANT || (pattern == SEQUENCE ? row % 2 == 0 : next_random(probe) % 3 == 0));
    case SHAPE_INT32:
        return value_int(integer_of(probe, pattern, row, INT32_MAX));
    case SHAPE_INT64:
        return value_int(pattern == EXTREME && row % 4 == 1 ? INT64_MIN : integer_of(probe, pattern, row, INT64_MAX));
    case SHAPE_FLOAT32:
        return (Value){.kind = VALUE_FLOAT32, .real = (double)(float)real_of(probe, pattern, row)};
    case SHAPE_FLOAT64:
        return (Value){.kind = VALUE_FLOAT64, .real = real_of(probe, pattern, row)};
    case SHAPE_DECIMAL:
        return decimal_of(probe, shape, pattern, row);
    case SHAPE_STRING:
        return value_bytes(VALUE_STRING, text_of(probe, pattern, row));
    case SHAPE_BYTES:
        return value_bytes(VALUE_BYTES, bytes_of(probe, pattern, row, 1 + row % 100));
    case SHAPE_DATE:
        return (Value){.kind = VALUE_DATE, .integer = integer_of(probe, pattern, row, 700000)};
    case SHAPE_TIME:
        return (Value){.kind = VALUE_TIME, .integer = llabs(integer_of(probe, pattern, row, INT64_C(86399999999)))};
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        return (Value){.kind = shape->kind == SHAPE_TIMESTAMP ? VALUE_TIMESTAMP : VALUE_TIMESTAMPTZ,
                       .integer = integer_of(probe, pattern, row, INT64_C(60000000000000000))};
    case SHAPE_UUID:
        return value_bytes(VALUE_UUID, bytes_of(probe, pattern, row, 16));
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
        return items_of(probe, shape, pattern, row);
    }
    UNREACHABLE();
}

static bool null_at(Probe *probe, Nulls nulls, size_t row) {
    switch (nulls) {
    case NULLS_NONE:
        return false;
    case NULLS_SOME:
        return next_random(probe) % 3 == 0;
    case NULLS_RUNS:
        return row / 130 % 2 == 1;
    case NULLS_LATE:
        return row > 700 && row % 11 == 0;
    case NULLS_ALL:
    case NULLS_COUNT:
        break;
    }
    return true;
}

// --- as JSON ---------------------------------------------------------------------------------------------------

static void hex_put(Buf *buf, Slice bytes) {
    buf_u8(buf, '"');
    for (size_t i = 0; i < bytes.size; i++) {
        buf_printf(buf, "%02x", bytes.data[i]);
    }
    buf_u8(buf, '"');
}

static void units_put(Buf *buf, const Shape *shape, Slice decimal) {
    Int128 units = 0;
    bool fits = decimal_to_int128(decimal, shape->scale, &units);
    ASSERT(fits);
    char text[48];
    size_t at = sizeof(text);
    bool negative = units < 0;
    do {
        int digit = (int)(units % 10);
        text[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        units /= 10;
    } while (units != 0);
    buf_printf(buf, "\"%s%.*s\"", negative ? "-" : "", (int)(sizeof(text) - at), text + at);
}

static void json_value(Buf *buf, const Shape *shape, const Value *value);

static void json_items(Buf *buf, const Shape *shape, const Value *value) {
    bool is_map = shape->kind == SHAPE_MAP;
    static const Shape KEY = {.kind = SHAPE_STRING};
    buf_u8(buf, '[');
    for (size_t i = 0; i < value->items.count; i++) {
        const Shape *item = shape->kind == SHAPE_STRUCT ? &shape->fields[i].shape : shape->element;
        bool key = is_map && i % 2 == 0;
        buf_text(buf, i == 0 ? "" : ",");
        buf_text(buf, key ? "[" : "");
        json_value(buf, key ? &KEY : item, &value->items.at[i]);
        buf_text(buf, is_map && !key ? "]" : "");
    }
    buf_u8(buf, ']');
}

static void json_value(Buf *buf, const Shape *shape, const Value *value) {
    if (value->kind == VALUE_NULL) {
        buf_text(buf, "null");
        return;
    }
    switch (shape->kind) {
    case SHAPE_BOOL:
        buf_text(buf, value->kind == VALUE_TRUE ? "true" : "false");
        return;
    case SHAPE_FLOAT32: {
        float real = (float)value->real;
        hex_put(buf, (Slice){(uint8_t *)&real, sizeof(real)});
        return;
    }
    case SHAPE_FLOAT64:
        hex_put(buf, (Slice){(const uint8_t *)&value->real, sizeof(double)});
        return;
    case SHAPE_DECIMAL:
        units_put(buf, shape, value->bytes);
        return;
    case SHAPE_STRING:
        json_quote(buf, value->bytes);
        return;
    case SHAPE_BYTES:
    case SHAPE_UUID:
        hex_put(buf, value->bytes);
        return;
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_TIME:
        buf_int(buf, value->integer);
        return;
    case SHAPE_DATE:
        buf_int(buf, value->integer + DAYS_1970);
        return;
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        buf_int(buf, value->integer + MICROS_1970);
        return;
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
        json_items(buf, shape, value);
        return;
    }
}

static void json_type(Buf *buf, const Shape *shape) {
    if (shape->kind == SHAPE_STRUCT) {
        buf_text(buf, "[\"struct\",[");
        for (uint32_t i = 0; i < shape->field_count; i++) {
            buf_text(buf, i == 0 ? "[" : ",[");
            json_quote(buf, shape->fields[i].name);
            buf_u8(buf, ',');
            json_type(buf, &shape->fields[i].shape);
            buf_u8(buf, ']');
        }
        buf_text(buf, "]]");
    } else if (shape->element != NULL) {
        buf_printf(buf, "[\"%s\",", shape_kind_name(shape->kind));
        json_type(buf, shape->element);
        buf_u8(buf, ']');
    } else if (shape->kind == SHAPE_DECIMAL) {
        buf_printf(buf, "[\"decimal\",%d]", shape->scale);
    } else {
        buf_printf(buf, "\"%s\"", shape_kind_name(shape->kind));
    }
}

// --- columns of memory -----------------------------------------------------------------------------------------

typedef struct ColumnBuf {
    Buf data, offsets, valid;
    ParquetColumn column;
} ColumnBuf;

static void column_put(ColumnBuf *column, const Shape *shape, const Value *value, size_t row) {
    bool there = value->kind != VALUE_NULL;
    int64_t integer = value->integer;
    if (row % 8 == 0) {
        buf_u8(&column->valid, 0);
    }
    column->valid.data[row / 8] |= (uint8_t)(there << (row % 8));
    switch (shape->kind) {
    case SHAPE_BOOL:
        buf_u8(&column->data, value->kind == VALUE_TRUE);
        return;
    case SHAPE_DATE:
        integer += DAYS_1970;
        buf_bytes(&column->data, &integer, 4);
        return;
    case SHAPE_INT32:
        buf_bytes(&column->data, &integer, 4);
        return;
    case SHAPE_FLOAT32: {
        float real = (float)value->real;
        buf_bytes(&column->data, &real, 4);
        return;
    }
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        integer += MICROS_1970;
        buf_bytes(&column->data, &integer, 8);
        return;
    case SHAPE_INT64:
    case SHAPE_TIME:
    case SHAPE_FLOAT64:
        buf_bytes(&column->data, &integer, 8);
        return;
    case SHAPE_DECIMAL: {
        Int128 units = 0;
        bool fits = !there || decimal_to_int128(value->bytes, shape->scale, &units);
        ASSERT(fits);
        buf_bytes(&column->data, &units, sizeof(units));
        return;
    }
    case SHAPE_UUID:
        buf_bytes(&column->data, there ? value->bytes.data : (const uint8_t *)"0123456789abcdef", 16);
        return;
    case SHAPE_STRING:
    case SHAPE_BYTES:
        buf_put(&column->data, there ? value->bytes : SLICE("absent"));
        buf_u32le(&column->offsets, (uint32_t)column->data.size);
        return;
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
        break;
    }
    UNREACHABLE();
}

// --- files -----------------------------------------------------------------------------------------------------

typedef struct Sink {
    Buf out;
    Buf file;
    ParquetWriter *writer;
    FileEncoder *encoder;
    ColumnBuf *columns;
} Sink;

// Takes away what is complete, as a sink does, and holds the counters against it.
static void sink_drain(Sink *sink) {
    Buf *out = sink->encoder != NULL ? &sink->encoder->out : &sink->out;
    buf_put(&sink->file, buf_slice(out));
    buf_reset(out);
    uint64_t written = sink->encoder != NULL ? sink->encoder->written : parquet_writer_written(sink->writer);
    ASSERT(written == sink->file.size);
}

static void sink_open(Probe *probe, const Case *this, Sink *sink) {
    sink->columns = ARENA_ARRAY(probe->run, ColumnBuf, COLUMNS_MAX);
    for (uint32_t i = 0; i < COLUMNS_MAX && this->columns; i++) {
        buf_u32le(&sink->columns[i].offsets, 0);
    }
    if (!this->through_format) {
        bool opened = parquet_writer_open(&probe->shape, &this->options, &sink->out, &sink->writer, probe->err);
        quit_when(probe, !opened, this->name);
        return;
    }
    FileFormatOptions *options = ARENA_NEW(probe->run, FileFormatOptions);
    *options = (FileFormatOptions){.codec = this->options.codec,
                                   .compatible = this->options.compatible,
                                   .bloom_columns = this->options.bloom_columns};
    FilePlan wanted = {.shape = &probe->shape, .part = RECORD_VALUE, .options = options};
    const FilePlan *plan = NULL;
    quit_when(probe, !PARQUET_FORMAT.plan(probe->run, &wanted, &plan, probe->err), this->name);
    quit_when(probe, !PARQUET_FORMAT.open(plan, &sink->encoder, probe->err), this->name);
}

static void sink_row(Probe *probe, const Case *this, Sink *sink, const Value *values, size_t row) {
    bool ends = this->flush_every != 0 && (row + 1) % this->flush_every == 0, done = true;
    if (this->columns) {
        for (uint32_t i = 0; i < probe->shape.field_count; i++) {
            column_put(&sink->columns[i], &probe->fields[i].shape, &values[i], row);
        }
    } else if (sink->encoder != NULL) {
        Record record = {.value = values};
        done = PARQUET_FORMAT.append(sink->encoder, &record, probe->err);
        if (done && ends) {
            size_t held = sink->encoder->held;
            done = PARQUET_FORMAT.flush(sink->encoder, probe->err);
            ASSERT(sink->encoder->held < held && sink->encoder->records == row + 1);
        }
    } else {
        done = parquet_writer_record(sink->writer, values, probe->err);
        done = done && (!ends || parquet_writer_end_group(sink->writer, probe->err));
    }
    quit_when(probe, !done, this->name);
}

static void columns_write(Probe *probe, const Case *this, Sink *sink) {
    ParquetColumn columns[COLUMNS_MAX];
    // In growing pieces, of whole bytes of the bitmaps.
    for (size_t first = 0, piece = 8; first < this->rows; first += piece, piece *= 3) {
        piece = MIN(piece, this->rows - first);
        for (uint32_t i = 0; i < probe->shape.field_count; i++) {
            const ColumnBuf *column = &sink->columns[i];
            const Shape *shape = &probe->fields[i].shape;
            bool sized = shape->kind != SHAPE_STRING && shape->kind != SHAPE_BYTES;
            columns[i] = (ParquetColumn){
                .data = column->data.data + (sized ? column->data.size / this->rows * first : 0),
                .offsets = sized ? NULL : (const uint32_t *)(const void *)column->offsets.data + first,
                .valid = shape->optional ? column->valid.data + first / 8 : NULL,
            };
        }
        quit_when(probe, !parquet_writer_columns(sink->writer, columns, piece, probe->err), this->name);
    }
}

static void sink_finish(Probe *probe, const Case *this, Sink *sink) {
    uint64_t estimate = 0;
    if (sink->encoder != NULL) {
        estimate = sink->encoder->estimate;
        quit_when(probe, !PARQUET_FORMAT.finish(sink->encoder, probe->err), this->name);
    } else {
        if (this->columns) {
            columns_write(probe, this, sink);
        }
        estimate = parquet_writer_written(sink->writer) + parquet_writer_estimate(sink->writer);
        quit_when(probe, !parquet_writer_finish(sink->writer, probe->err), this->name);
    }
    sink_drain(sink);
    printf("%s: %zu bytes, estimated %" PRIu64 "\n", this->name, sink->file.size, estimate);
    quit_when(probe,
              !file_replace(arena_printf(probe->run, "%s/%s.parquet", probe->directory, this->name),
                            buf_slice(&sink->file), probe->err),
              this->name);
    parquet_writer_close(sink->writer);
    PARQUET_FORMAT.close(sink->encoder);
    buf_release(&sink->out);
    buf_release(&sink->file);
    for (uint32_t i = 0; i < COLUMNS_MAX; i++) {
        buf_release(&sink->columns[i].data);
        buf_release(&sink->columns[i].offsets);
        buf_release(&sink->columns[i].valid);
    }
}

static void json_head(Probe *probe, const Case *this, Buf *json) {
    buf_u8(json, '[');
    for (uint32_t i = 0; i < probe->shape.field_count; i++) {
        buf_text(json, i == 0 ? "[" : ",[");
        json_quote(json, probe->fields[i].name);
        buf_u8(json, ',');
        json_type(json, &probe->fields[i].shape);
        buf_u8(json, ']');
    }
    buf_printf(json, "]\n{\"rows\":%zu,\"page_rows\":%u,\"group_rows\":%" PRIu64 ",\"compatible\":%s,\"bloom\":%s}\n",
               this->rows, this->options.page_rows, this->options.group_rows_max,
               this->options.compatible ? "true" : "false", this->options.bloom_columns != NULL ? "true" : "false");
}

static void case_write(Probe *probe, const Case *this) {
    Sink sink = {0};
    sink_open(probe, this, &sink);
    DEFER(buf_release) Buf json = {0};
    json_head(probe, this, &json);
    probe->random = 42;
    uint32_t count = probe->shape.field_count;
    for (size_t row = 0; row < this->rows; row++) {
        Value values[COLUMNS_MAX];
        buf_u8(&json, '[');
        for (uint32_t i = 0; i < count; i++) {
            const Shape *shape = &probe->fields[i].shape;
            bool null = shape->optional && null_at(probe, probe->nulls[i], row);
            values[i] = null ? (Value){0} : value_of(probe, shape, probe->patterns[i], row);
            buf_text(&json, i == 0 ? "" : ",");
            json_value(&json, shape, &values[i]);
        }
        buf_text(&json, "]\n");
        sink_row(probe, this, &sink, values, row);
        sink_drain(&sink);
        arena_reset(probe->row);
    }
    sink_finish(probe, this, &sink);
    const char *path = arena_printf(probe->run, "%s/%s.json", probe->directory, this->name);
    quit_when(probe, !file_replace(path, buf_slice(&json), probe->err), path);
}

// --- cases -----------------------------------------------------------------------------------------------------

static void field_add(Probe *probe, const char *name, Shape shape, Pattern pattern, Nulls nulls) {
    uint32_t i = probe->shape.field_count++;
    ASSERT(i < COLUMNS_MAX);
    shape.id = (int32_t)i + 1;
    probe->fields[i] = (ShapeField){slice_of(name), shape, {0}};
    probe->patterns[i] = pattern;
    probe->nulls[i] = nulls;
}

static void shape_begin(Probe *probe) {
    probe->shape = (Shape){.kind = SHAPE_STRUCT, .fields = probe->fields};
}

// Every flat kind by every pattern, with the NULL patterns in turn.
static void flat_shape(Probe *probe) {
    static const int32_t DECIMALS[][2] = {{4, 2}, {9, 0}, {18, 18}, {19, 3}, {38, 10}};
    shape_begin(probe);
    uint32_t turn = 0;
    for (uint32_t kind = 0; kind <= SHAPE_UUID; kind++) {
        for (uint32_t pattern = 0; pattern < PATTERN_COUNT; pattern++, turn++) {
            Shape shape = {.kind = (ShapeKind)kind, .optional = turn % 3 != 0};
            if (kind == SHAPE_DECIMAL) {
                shape.precision = DECIMALS[pattern][0];
                shape.scale = DECIMALS[pattern][1];
            }
            const char *name = arena_printf(probe->run, "%s_%u", shape_kind_name(shape.kind), pattern);
            field_add(probe, name, shape, (Pattern)pattern, (Nulls)(turn / 3 % NULLS_COUNT));
        }
    }
    static const int32_t MORE[] = {1, 10, 18, 28, 38};
    for (uint32_t i = 0; i < ARRAY_LEN(MORE); i++) {
        Shape shape = {.kind = SHAPE_DECIMAL, .optional = true, .precision = MORE[i], .scale = MORE[i] / 2};
        field_add(probe, arena_printf(probe->run, "more_%d", MORE[i]), shape, RANDOM, NULLS_SOME);
    }
}

static void nested_shape(Probe *probe) {
    static const Shape INT = {.kind = SHAPE_INT32}, INT_NULL = {.kind = SHAPE_INT32, .optional = true};
    static const Shape TEXT = {.kind = SHAPE_STRING, .optional = true};
    static const Shape PRICE = {.kind = SHAPE_DECIMAL, .precision = 12, .scale = 2, .optional = true};
    static const Shape INTS = {.kind = SHAPE_LIST, .element = &INT_NULL, .optional = true, .element_id = 101};
    static const Shape TEXTS = {.kind = SHAPE_LIST, .element = &TEXT};
    static const Shape PRICES = {.kind = SHAPE_MAP, .element = &PRICE, .optional = true, .element_id = 112};
    static ShapeField inner[] = {
        {{(const uint8_t *)"a", 1}, {.kind = SHAPE_INT64}, {0}},
        {{(const uint8_t *)"b", 1}, {.kind = SHAPE_UUID, .optional = true}, {0}},
        {{(const uint8_t *)"c", 1}, {.kind = SHAPE_LIST, .element = &TEXT, .optional = true}, {0}},
    };
    static const Shape PAIR = {.kind = SHAPE_STRUCT, .fields = inner, .field_count = 2, .optional = true};
    static const Shape DEEP = {.kind = SHAPE_STRUCT, .fields = inner, .field_count = 3};
    shape_begin(probe);
    const Shape shapes[] = {
        {.kind = SHAPE_LIST, .element = &INT},
        INTS,
        {.kind = SHAPE_LIST, .element = &INTS, .optional = true},
        {.kind = SHAPE_LIST, .element = &TEXTS},
        {.kind = SHAPE_LIST, .element = &PAIR, .optional = true},
        {.kind = SHAPE_LIST, .element = &PRICES},
        {.kind = SHAPE_MAP, .element = &INT},
        PRICES,
        {.kind = SHAPE_MAP, .element = &TEXTS, .optional = true},
        {.kind = SHAPE_MAP, .element = &DEEP},
        PAIR,
        DEEP,
        {.kind = SHAPE_INT64, .optional = true},
        {.kind = SHAPE_STRING},
    };
    for (uint32_t i = 0; i < ARRAY_LEN(shapes) * 2; i++) {
        field_add(probe, arena_printf(probe->run, "n%u", i), shapes[i / 2], i % 2 == 0 ? RANDOM : FEW,
                  (Nulls)(i % NULLS_COUNT));
    }
}

static void narrow_shape(Probe *probe) {
    shape_begin(probe);
    field_add(probe, "id", (Shape){.kind = SHAPE_INT64}, SEQUENCE, NULLS_NONE);
    field_add(probe, "name", (Shape){.kind = SHAPE_STRING, .optional = true}, RANDOM, NULLS_SOME);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: leat_parquet_probe DIRECTORY\n");
        return 2;
    }
    Probe probe[1] = {{.directory = argv[1]}};
    arena_init(probe->run, "run", 0);
    arena_init(probe->row, "row", 0);
    flat_shape(probe);
    static const Case FLAT[] = {
        {"flat_none", {.codec = CODEC_NONE, .page_rows = 300, .group_rows_max = 1000}, 2500, 0, false, false},
        {"flat_zstd", {.codec = CODEC_ZSTD, .page_bytes = 4096, .bloom_columns = "*"}, 2500, 1100, false, false},
        {"flat_snappy", {.codec = CODEC_SNAPPY, .compatible = true, .page_rows = 1000}, 2500, 0, false, false},
        {"flat_gzip", {.codec = CODEC_GZIP, .byte_stream_split = true, .page_rows = 700}, 2500, 0, false, false},
        {"flat_lz4", {.codec = CODEC_LZ4_RAW, .dictionary_bytes_max = 2000, .page_rows = 512}, 2500, 0, false, false},
        {"flat_format", {.codec = CODEC_ZSTD}, 2500, 900, false, true},
        {"flat_columns", {.codec = CODEC_ZSTD, .page_rows = 640, .group_rows_max = 1300}, 2500, 0, true, false},
        {"flat_columns_bytes", {.codec = CODEC_SNAPPY, .page_bytes = 3000, .compatible = true}, 2500, 0, true, false},
        {"flat_tiny_groups", {.codec = CODEC_ZSTD, .group_bytes_max = 150000}, 2500, 0, false, false},
        {"flat_one_row", {.codec = CODEC_ZSTD}, 1, 0, false, false},
        {"flat_empty", {.codec = CODEC_ZSTD}, 0, 0, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(FLAT); i++) {
        case_write(probe, &FLAT[i]);
    }
    nested_shape(probe);
    static const Case NESTED[] = {
        {"nested_none", {.codec = CODEC_NONE, .page_rows = 100, .group_rows_max = 900}, 2000, 0, false, false},
        {"nested_zstd",
         {.codec = CODEC_ZSTD, .page_bytes = 2048, .bloom_columns = "n12,n8.list.element.b"},
         2000,
         0,
         false,
         false},
        {"nested_compatible", {.codec = CODEC_SNAPPY, .compatible = true}, 2000, 700, false, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(NESTED); i++) {
        case_write(probe, &NESTED[i]);
    }
    narrow_shape(probe);
    case_write(probe, &(Case){"narrow_large", {.codec = CODEC_ZSTD, .bloom_columns = "id"}, 100000, 0, false, false});
    // Pages of one column end at other rows than those of the next.
    case_write(probe,
               &(Case){"narrow_pages", {.codec = CODEC_ZSTD, .group_bytes_max = 200000}, 50000, 0, false, false});
    arena_release(probe->run);
    arena_release(probe->row);
    return 0;
}
