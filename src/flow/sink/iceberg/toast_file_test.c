// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/toast_file.c"

#include "core/base/test.h"

enum { ROWS = 3000, LARGE = 900 };

typedef struct Store { // a file in memory, and how often it was asked
    Buf bytes;
    size_t reads;
} Store;

static bool store_part(void *context, uint64_t offset, size_t size, Buf *out, Err *err) {
    Store *store = context;
    store->reads++;
    CHECK(offset + size <= store->bytes.size);
    buf_bytes(out, store->bytes.data + offset, size);
    return true;
}

static void value_at(uint32_t row, char *text) { // does not compress away
    uint64_t x = row + 1;
    for (size_t i = 0; i < LARGE; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407U;
        text[i] = (char)('!' + (x >> 33) % 90);
    }
}

static void store_fill(Store *store) {
    Err err[1] = {{0}};
    static const ShapeField FIELDS[] = {
        {.name = {(const uint8_t *)"id", 2}, .shape = {.kind = SHAPE_INT64, .id = 1}},
        {.name = {(const uint8_t *)"doc", 3}, .shape = {.kind = SHAPE_STRING, .optional = true, .id = 2}},
    };
    static const Shape SHAPE = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = 2};
    ParquetWriterOptions options = {.codec = CODEC_ZSTD, .level = 1, .group_rows_max = 1100, .large_page_bytes = 16384};
    ParquetWriter *writer = NULL;
    CHECK_OK(parquet_writer_open(&SHAPE, &options, &store->bytes, &writer, err));
    for (uint32_t row = 0; row < ROWS; row++) {
        char text[LARGE];
        value_at(row, text);
        Value values[] = {value_int(row), value_bytes(VALUE_STRING, (Slice){(const uint8_t *)text, LARGE})};
        values[1].kind = row % 10 == 9 ? VALUE_NULL : VALUE_STRING;
        CHECK_OK(parquet_writer_record(writer, values, err));
    }
    CHECK_OK(parquet_writer_finish(writer, err));
    parquet_writer_close(writer);
}

static ToastFile *file_of(Store *store, size_t gap) {
    Err err[1] = {{0}};
    ToastFile *file = calloc(1, sizeof(*file));
    CHECK(file != NULL);
    arena_init_small(file->run, "run", 256);
    file->gap = gap;
    file->whole = (ParquetFile){.context = store, .size = store->bytes.size, .read = store_part};
    ParquetFile parts = {.context = file, .size = store->bytes.size, .read = file_read};
    CHECK_OK(parquet_reader_open(&parts, &file->reader, err));
    return file;
}

static void rows_check(ToastFile *file, const uint64_t *rows, size_t count) {
    Err err[1] = {{0}};
    const bool wanted[] = {false, true};
    CHECK_OK(toast_file_plan(file, wanted, rows, count, err));
    for (size_t i = 0; i < count; i++) {
        const Value *values = NULL;
        char text[LARGE];
        value_at((uint32_t)rows[i], text);
        CHECK_OK(toast_file_row(file, rows[i], &values, err));
        CHECK(values[0].kind == VALUE_NULL); // was not asked for
        CHECK_INT(values[1].kind, rows[i] % 10 == 9 ? VALUE_NULL : VALUE_STRING);
        CHECK(values[1].kind == VALUE_NULL ||
              (values[1].bytes.size == LARGE && memcmp(values[1].bytes.data, text, LARGE) == 0));
    }
}

TEST(single_rows_are_read_with_few_requests) {
    Store store = {0};
    store_fill(&store);
    uint64_t some[40], all[ROWS];
    for (size_t i = 0; i < ARRAY_LEN(some); i++) {
        some[i] = i * 73 + i % 3;
    }
    for (size_t i = 0; i < ROWS; i++) {
        all[i] = i;
    }
    ToastFile *apart = file_of(&store, 0);
    rows_check(apart, some, ARRAY_LEN(some));
    CHECK(store.reads > 20 && store.reads <= ARRAY_LEN(some) + 5);
    rows_check(apart, some + 7, 1);
    toast_file_close(apart);
    store.reads = 0;
    ToastFile *near = file_of(&store, 256 * KIB);
    rows_check(near, some, ARRAY_LEN(some));
    CHECK(store.reads < 8);
    rows_check(near, all, ROWS);
    CHECK(near->loaded <= LOADED_BYTES_MAX + EXTENT_BYTES_MAX);
    toast_file_close(near);
    buf_release(&store.bytes);
}

TEST(a_row_that_is_not_there_is_told) {
    Err err[1] = {{0}};
    Store store = {0};
    store_fill(&store);
    ToastFile *file = file_of(&store, 0);
    const uint64_t rows[] = {5, ROWS + 3};
    const bool wanted[] = {false, true};
    const Value *values = NULL;
    CHECK_OK(toast_file_plan(file, wanted, rows, 2, err));
    CHECK_FAILS(toast_file_row(file, rows[1], &values, err), ERR_STATE_CORRUPT);
    toast_file_close(file);
    buf_release(&store.bytes);
}
