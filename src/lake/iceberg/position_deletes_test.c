// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/position_deletes.c"

#include "core/base/test.h"

static Err err[1];

static bool note_row(void *context, Slice path, uint64_t position, Err *unused) {
    buf_printf(context, "%.*s %" PRIu64 "\n", SLICE_ARG(path), position);
    return true;
}

static bool stop_row(void *context, Slice path, uint64_t position, Err *error) {
    return FAIL(error, ERR_INTERRUPTED, "enough");
}

TEST(position_deletes_are_sorted) {
    Positions *a = positions_new(), *b = positions_new();
    positions_add(a, 7);
    positions_add(a, 3);
    positions_add(b, 1000000);
    PuffinVector vectors[] = {{.data_file = SLICE("s3://b/z"), .positions = a},
                              {.data_file = SLICE("s3://b/a"), .positions = b}};
    DEFER(buf_release) Buf out = {0}, seen = {0};
    CHECK_OK(position_deletes_write(vectors, 2, &out, err));
    CHECK_OK(position_deletes_read(buf_slice(&out), note_row, &seen, err));
    CHECK_TEXT(buf_slice(&seen), "s3://b/a 1000000\ns3://b/z 3\ns3://b/z 7\n");
    CHECK_FAILS(position_deletes_read(buf_slice(&out), stop_row, NULL, err), ERR_INTERRUPTED);
    CHECK_FAILS(position_deletes_read((Slice){out.data, out.size - 1}, note_row, &seen, err), ERR_VALUE);
    CHECK_FAILS(position_deletes_read((Slice){0}, note_row, &seen, err), ERR_VALUE);
    positions_free(a);
    positions_free(b);
}

static bool write_one(const Shape *shape, const Value *values, Buf *out) {
    ParquetWriterOptions options = {0};
    ParquetWriter *writer = NULL;
    TRY(parquet_writer_open(shape, &options, out, &writer, err));
    bool ok = parquet_writer_record(writer, values, err) && parquet_writer_finish(writer, err);
    parquet_writer_close(writer);
    return ok;
}

TEST(position_deletes_of_others) {
    // By name where there are no ids; a position below zero is none; other columns are passed over.
    ShapeField fields[] = {{.name = SLICE("row"), .shape = {.kind = SHAPE_INT32, .optional = true}},
                           {.name = SLICE("pos"), .shape = {.kind = SHAPE_INT64, .optional = true}},
                           {.name = SLICE("file_path"), .shape = {.kind = SHAPE_STRING, .optional = true}}};
    Shape shape = {.kind = SHAPE_STRUCT, .fields = fields, .field_count = 3};
    Value values[] = {value_int(1), value_int(5), value_bytes(VALUE_STRING, SLICE("f"))};
    DEFER(buf_release) Buf out = {0}, seen = {0};
    CHECK_OK(write_one(&shape, values, &out));
    CHECK_OK(position_deletes_read(buf_slice(&out), note_row, &seen, err));
    CHECK_TEXT(buf_slice(&seen), "f 5\n");
    for (int i = 0; i < 3; i++) {
        Value bad[] = {values[0], i == 0 ? value_int(-1) : i == 1 ? (Value){0} : value_int(INT64_MAX), values[2]};
        buf_reset(&out);
        CHECK_OK(write_one(&shape, bad, &out));
        CHECK_FAILS(position_deletes_read(buf_slice(&out), note_row, &seen, err), ERR_VALUE);
    }
    fields[2].name = SLICE("path");
    buf_reset(&out);
    CHECK_OK(write_one(&shape, values, &out));
    CHECK_FAILS(position_deletes_read(buf_slice(&out), note_row, &seen, err), ERR_VALUE);
}
