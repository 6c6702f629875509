// SPDX-License-Identifier: Apache-2.0
// The Parquet writer alone: the tables of bench/tables.sql in memory, written to a file again and again.
//     leat_parquet orders|narrow columns|events ROWS ROUNDS FILE [codec [group_bytes]]
// columns: from columnar memory (parquet_writer_columns). events: the sink's road from an event as it comes out of the
// journal, through flat records, with the sink's memory for a row group. One line of JSON a round: rows, CPU seconds,
// wall seconds, bytes of the file, bytes of the columnar memory (as Arrow counts them).
#include "core/base/decimal.h"
#include "core/sys/file.h"
#include "data/format/flat.h"
#include "data/format/parquet/parquet.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <time.h>

enum { COLUMNS = 12, DIGEST_TEXT = 32, ROWS_KEPT = 4096, SINK_GROUP_BYTES = 4 << 20 };
#define JANUARY INT64_C(1767225600000000) // 2026-01-01, microseconds since 1970
#define DAY_US  INT64_C(86400000000)
#define TO_2000 INT64_C(946684800000000)

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define FIELD(name, ...)             \
    {                                \
        NAME(name), {__VA_ARGS__}, { \
            0                        \
        }                            \
    }
static const ShapeField NARROW[] = {
    FIELD("id", .kind = SHAPE_INT64),
    FIELD("a", .kind = SHAPE_INT32),
    FIELD("b", .kind = SHAPE_STRING, .optional = true),
    FIELD("c", .kind = SHAPE_TIMESTAMPTZ),
};
static const ShapeField ORDERS[] = {
    FIELD("id", .kind = SHAPE_INT64),
    FIELD("customer_id", .kind = SHAPE_INT64),
    FIELD("product_id", .kind = SHAPE_INT32),
    FIELD("quantity", .kind = SHAPE_INT32),
    FIELD("status", .kind = SHAPE_STRING),
    FIELD("unit_price", .kind = SHAPE_DECIMAL, .precision = 12, .scale = 2),
    FIELD("total", .kind = SHAPE_DECIMAL, .precision = 14, .scale = 2),
    FIELD("currency", .kind = SHAPE_STRING),
    FIELD("created_at", .kind = SHAPE_TIMESTAMPTZ),
    FIELD("updated_at", .kind = SHAPE_TIMESTAMPTZ, .optional = true),
    FIELD("note", .kind = SHAPE_STRING, .optional = true),
    FIELD("attributes", .kind = SHAPE_STRING, .optional = true),
};

typedef struct Vector {
    Buf data, offsets, valid;
    size_t count;
} Vector;

typedef struct Table {
    Shape shape;
    Vector columns[COLUMNS];
    size_t rows;
    size_t bytes;
} Table;

// --- the tables' values ----------------------------------------------------------------------------------------

static void valid_put(Vector *column, bool there) {
    if (column->count % 8 == 0) {
        buf_u8(&column->valid, 0);
    }
    column->valid.data[column->count / 8] |= (uint8_t)(there << (column->count % 8));
    column->count++;
}

static void int64_put(Vector *column, int64_t v) {
    buf_bytes(&column->data, &v, 8);
    valid_put(column, true);
}

static void int32_put(Vector *column, int64_t v) {
    buf_bytes(&column->data, &v, 4);
    valid_put(column, true);
}

static void decimal_put(Vector *column, int64_t units) {
    Int128 wide = units;
    buf_bytes(&column->data, &wide, sizeof(wide));
    valid_put(column, true);
}

static void text_put(Vector *column, Slice text) {
    if (column->count == 0) {
        buf_u32le(&column->offsets, 0);
    }
    buf_put(&column->data, text);
    buf_u32le(&column->offsets, (uint32_t)column->data.size);
    valid_put(column, true);
}

static void digest_text(int64_t number, char *text) {
    char digits[24];
    int size = snprintf(digits, sizeof(digits), "%" PRId64, number);
    uint8_t digest[16];
    unsigned length = 0;
    EVP_Digest(digits, (size_t)size, digest, &length, EVP_md5(), NULL);
    for (size_t i = 0; i < 16; i++) {
        text[i * 2] = "0123456789abcdef"[digest[i] >> 4];
        text[i * 2 + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    text[DIGEST_TEXT] = 0;
}

static void narrow_row(Table *table, int64_t g) {
    char digest[DIGEST_TEXT + 1];
    digest_text(g, digest);
    int64_put(&table->columns[0], g);
    int32_put(&table->columns[1], g % 1000);
    text_put(&table->columns[2], (Slice){(uint8_t *)digest, 20});
    int64_put(&table->columns[3], JANUARY + g * 1000);
}

static void orders_row(Table *table, int64_t g) {
    static const char *const STATUS[] = {"new", "paid", "packed", "shipped", "delivered", "returned"};
    static const char *const CURRENCY[] = {"EUR", "USD", "GBP", "JPY"};
    static const char *const CHANNEL[] = {"web", "app", "store"};
    char text[256], digest[DIGEST_TEXT + 1], next[DIGEST_TEXT + 1];
    digest_text(g, digest);
    digest_text(g + 1, next);
    Vector *columns = table->columns;
    int64_put(&columns[0], g);
    int64_put(&columns[1], g * 7919 % 500000);
    int32_put(&columns[2], g * 31 % 20000);
    int32_put(&columns[3], 1 + g % 9);
    text_put(&columns[4], slice_of(STATUS[g % 6]));
    decimal_put(&columns[5], g % 100000);
    decimal_put(&columns[6], g % 100000 * (1 + g % 9));
    text_put(&columns[7], slice_of(CURRENCY[g % 4]));
    int64_put(&columns[8], JANUARY + g * 1000);
    int64_put(&columns[9], g % 3 == 0 ? JANUARY + DAY_US + g * 1000 : 0);
    columns[9].valid.data[(columns[9].count - 1) / 8] &= (uint8_t) ~((g % 3 != 0) << ((columns[9].count - 1) % 8));
    int size = snprintf(text, sizeof(text), "%s %s", digest, next);
    text_put(&columns[10], (Slice){(uint8_t *)text, g % 5 != 0 ? (size_t)size : 0});
    columns[10].valid.data[(columns[10].count - 1) / 8] &= (uint8_t) ~((g % 5 == 0) << ((columns[10].count - 1) % 8));
    size = snprintf(text, sizeof(text), "{\"tags\": [\"%.6s\", \"b\"], \"score\": %d, \"channel\": \"%s\"}", digest,
                    (int)(g % 100), CHANNEL[g % 3]);
    text_put(&columns[11], (Slice){(uint8_t *)text, (size_t)size});
}

static void table_make(Table *table, bool orders, size_t rows) {
    table->shape = (Shape){
        .kind = SHAPE_STRUCT,
        .fields = orders ? ORDERS : NARROW,
        .field_count = (uint32_t)(orders ? ARRAY_LEN(ORDERS) : ARRAY_LEN(NARROW)),
    };
    table->rows = rows;
    for (size_t g = 1; g <= rows; g++) {
        if (orders) {
            orders_row(table, (int64_t)g);
        } else {
            narrow_row(table, (int64_t)g);
        }
    }
    for (uint32_t i = 0; i < table->shape.field_count; i++) {
        const Vector *column = &table->columns[i];
        bool nulls = i >= 9 && i <= 10;
        table->bytes += column->data.size + column->offsets.size + (nulls ? column->valid.size : 0);
    }
}

// --- columns ---------------------------------------------------------------------------------------------------

static bool columns_write(const Table *table, ParquetWriter *writer, Err *err) {
    ParquetColumn columns[COLUMNS];
    for (uint32_t i = 0; i < table->shape.field_count; i++) {
        const Vector *column = &table->columns[i];
        columns[i] = (ParquetColumn){
            .data = column->data.data,
            .offsets = (const uint32_t *)(const void *)column->offsets.data,
            .valid = i >= 9 && i <= 10 ? column->valid.data : NULL,
        };
    }
    return parquet_writer_columns(writer, columns, table->rows, err);
}

// --- events ----------------------------------------------------------------------------------------------------

static Value value_at(Arena *arena, const Table *table, uint32_t i, size_t row) {
    const Vector *column = &table->columns[i];
    const Shape *shape = &table->shape.fields[i].shape;
    if ((column->valid.data[row / 8] >> (row % 8) & 1) == 0) {
        return (Value){0};
    }
    if (shape->kind == SHAPE_STRING) {
        const uint32_t *offsets = (const uint32_t *)(const void *)column->offsets.data;
        return value_bytes(VALUE_STRING, (Slice){column->data.data + offsets[row], offsets[row + 1] - offsets[row]});
    }
    int64_t integer = 0;
    memcpy(&integer, column->data.data + column->data.size / table->rows * row, shape->kind == SHAPE_INT32 ? 4 : 8);
    if (shape->kind == SHAPE_DECIMAL) {
        return value_bytes(VALUE_DECIMAL, decimal_from_int64(arena, integer, 2));
    }
    if (shape->kind == SHAPE_TIMESTAMPTZ) {
        return (Value){.kind = VALUE_TIMESTAMPTZ, .integer = integer - TO_2000};
    }
    return value_int(integer);
}

static double seconds(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static TypeKind type_of(const Shape *shape) {
    return shape->kind == SHAPE_INT64         ? TYPE_INT64
           : shape->kind == SHAPE_INT32       ? TYPE_INT32
           : shape->kind == SHAPE_DECIMAL     ? TYPE_DECIMAL
           : shape->kind == SHAPE_TIMESTAMPTZ ? TYPE_TIMESTAMPTZ
                                              : TYPE_STRING;
}

static bool encoder_make(Arena *arena, const Table *table, const FileFormatOptions *options, RecordPlan **records,
                         FileEncoder **encoder, Err *err) {
    uint32_t count = table->shape.field_count;
    Column *columns = ARENA_ARRAY(arena, Column, count);
    for (uint32_t i = 0; i < count; i++) {
        const ShapeField *field = &table->shape.fields[i];
        columns[i].name = field->name;
        columns[i].type.kind = type_of(&field->shape);
        columns[i].type.precision = field->shape.precision;
        columns[i].type.scale = field->shape.scale;
        columns[i].flags = field->shape.optional ? 0 : COLUMN_NOT_NULL;
    }
    columns[0].flags = COLUMN_NOT_NULL | COLUMN_KEY | COLUMN_PRIMARY;
    columns[0].key_ordinal = 1;
    Schema schema = {.space = SLICE("public"), .table = SLICE("t"), .columns = columns, .column_count = count};
    static const EnvelopeOptions ENVELOPE = {0};
    TRY(FLAT_ENVELOPE.compile(arena, &schema, &ENVELOPE, records, err));
    FilePlan wanted = {.shape = (*records)->value, .part = RECORD_VALUE, .options = options};
    const FilePlan *plan = NULL;
    return PARQUET_FORMAT.plan(arena, &wanted, &plan, err) && PARQUET_FORMAT.open(plan, encoder, err);
}

// The values of rows [first, first + count), one row behind another.
static Value *rows_make(Arena *arena, const Table *table, size_t first, size_t count) {
    size_t fields = table->shape.field_count;
    Value *values = ARENA_ARRAY(arena, Value, count * fields);
    for (size_t row = 0; row < count; row++) {
        for (uint32_t i = 0; i < fields; i++) {
            values[row * fields + i] = value_at(arena, table, i, first + row);
        }
    }
    return values;
}

static bool rows_append(const Table *table, RecordPlan *plan, FileEncoder *encoder, const Value *values, size_t first,
                        size_t count, Err *err) {
    uint32_t fields = table->shape.field_count;
    Arena scratch[1];
    arena_init(scratch, "record", 0);
    for (size_t row = 0; row < count; row++) {
        Event event = {.op = OP_READ, .offset_span = 1, .column_count = fields, .commit_lsn = 1, .source_us = JANUARY};
        event.ordinal = first + row + 1;
        event.after = values + row * fields;
        Record record = {.event = &event};
        arena_reset(scratch);
        TRY(FLAT_ENVELOPE.make(plan, scratch, &event, &record, err));
        TRY(PARQUET_FORMAT.append(encoder, &record, err));
    }
    arena_release(scratch);
    return true;
}

// Values are made a few thousand rows at a time; making them does not count: what it took is put into *aside.
static bool events_write(const Table *table, const FileFormatOptions *options, Buf *out, double *aside, Err *err) {
    Arena run[1], batch[1];
    arena_init(run, "run", 0);
    arena_init(batch, "batch", 0);
    RecordPlan *plan = NULL;
    FileEncoder *encoder = NULL;
    TRY(encoder_make(run, table, options, &plan, &encoder, err));
    for (size_t first = 0; first < table->rows; first += ROWS_KEPT) {
        double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
        arena_reset(batch);
        size_t count = MIN((size_t)ROWS_KEPT, table->rows - first);
        const Value *values = rows_make(batch, table, first, count);
        *aside += seconds(CLOCK_PROCESS_CPUTIME_ID) - begin;
        TRY(rows_append(table, plan, encoder, values, first, count, err));
    }
    TRY(PARQUET_FORMAT.finish(encoder, err));
    buf_put(out, buf_slice(&encoder->out));
    PARQUET_FORMAT.close(encoder);
    arena_release(batch);
    arena_release(run);
    return true;
}

// --- rounds ----------------------------------------------------------------------------------------------------

typedef struct Round {
    const char *path;
    bool events;
    Codec codec;
    size_t group_bytes_max;
} Round;

static bool table_write(const Table *table, const Round *round, Buf *out, double *aside, Err *err) {
    if (round->events) {
        FileFormatOptions options = {.codec = round->codec, .level = 1, .group_bytes_max = round->group_bytes_max};
        return events_write(table, &options, out, aside, err);
    }
    ParquetWriter *writer = NULL;
    ParquetWriterOptions options = {.codec = round->codec, .level = 1, .group_bytes_max = round->group_bytes_max};
    TRY(parquet_writer_open(&table->shape, &options, out, &writer, err));
    TRY(columns_write(table, writer, err) && parquet_writer_finish(writer, err));
    parquet_writer_close(writer);
    return true;
}

static bool round_run(const Table *table, const Round *round, Err *err) {
    DEFER(file_close) int fd = -1;
    DEFER(buf_release) Buf out = {0};
    double aside = 0, cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    TRY(file_open(round->path, O_CREAT | O_TRUNC | O_WRONLY, &fd, err));
    TRY(table_write(table, round, &out, &aside, err));
    TRY(file_write(fd, round->path, buf_slice(&out), -1, err));
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu - aside;
    wall = seconds(CLOCK_MONOTONIC) - wall - aside;
    printf("{\"rows\": %zu, \"cpu\": %.6f, \"wall\": %.6f, \"file\": %zu, \"memory\": %zu}\n", table->rows, cpu, wall,
           out.size, table->bytes);
    fflush(stdout);
    return true;
}

int main(int argc, char **argv) {
    Err err[1] = {{0}};
    if (argc < 6) {
        fprintf(stderr, "usage: leat_parquet orders|narrow columns|events ROWS ROUNDS FILE [codec [group_bytes]]\n");
        return 2;
    }
    static Table table;
    table_make(&table, strcmp(argv[1], "orders") == 0, strtoull(argv[3], NULL, 10));
    Round round = {.path = argv[5], .events = strcmp(argv[2], "events") == 0, .codec = CODEC_ZSTD};
    round.group_bytes_max = argc > 7 ? strtoull(argv[7], NULL, 10) : round.events ? SINK_GROUP_BYTES : 0;
    if (argc > 6 && !codec_find(argv[6], &round.codec)) {
        fprintf(stderr, "no codec %s\n", argv[6]);
        return 2;
    }
    for (unsigned long i = 0, rounds = strtoul(argv[4], NULL, 10); i < rounds; i++) {
        if (!round_run(&table, &round, err)) {
            fprintf(stderr, "%s\n", err->message);
            return 1;
        }
    }
    return 0;
}
