// SPDX-License-Identifier: Apache-2.0
// What the Parquet reader makes of a file, for comparison with other readers:
//     leat_parquet_dump FILE
// The first line is the shape as JSON, then a line a record: an array with an item a field. Floating point numbers are
// their bits in hexadecimal, bytes and UUIDs hexadecimal, decimals their text, dates and times numbers since 1970;
// structs are arrays of their fields, maps arrays of pairs. An error goes to stderr; exit status 1.
#include "core/base/decimal.h"
#include "core/base/json.h"
#include "core/sys/file.h"
#include "data/event/value.h"
#include "data/format/parquet/parquet.h"

#include <fcntl.h>

typedef struct Input {
    int fd;
    const char *path;
} Input;

static bool read_at(void *context, uint64_t offset, size_t size, Buf *out, Err *err) {
    const Input *input = context;
    uint8_t *room = buf_room(out, size);
    size_t got = 0;
    if (room == NULL) {
        return FAIL(err, ERR_MEMORY, "no room for %zu bytes", size);
    }
    TRY(file_read(input->fd, input->path, room, size, (off_t)offset, &got, err));
    buf_advance(out, got);
    return true;
}

static void shape_json(Buf *out, const Shape *shape) {
    buf_printf(out, "{\"kind\":\"%s\",\"optional\":%s,\"id\":%d", shape_kind_name(shape->kind),
               shape->optional ? "true" : "false", shape->id);
    if (shape->kind == SHAPE_DECIMAL) {
        buf_printf(out, ",\"precision\":%d,\"scale\":%d", shape->precision, shape->scale);
    }
    if (shape->element != NULL) {
        buf_printf(out, ",\"element_id\":%d,\"element\":", shape->element_id);
        shape_json(out, shape->element);
    }
    if (shape->kind == SHAPE_STRUCT) {
        buf_text(out, ",\"fields\":[");
        for (uint32_t i = 0; i < shape->field_count; i++) {
            buf_text(out, i > 0 ? "," : "");
            buf_text(out, "{\"name\":");
            json_quote(out, shape->fields[i].name);
            buf_text(out, ",\"shape\":");
            shape_json(out, &shape->fields[i].shape);
            buf_text(out, "}");
        }
        buf_text(out, "]");
    }
    buf_text(out, "}");
}

static void hex(Buf *out, Slice bytes) {
    buf_text(out, "\"");
    for (size_t i = 0; i < bytes.size; i++) {
        buf_u8(out, (uint8_t) "0123456789abcdef"[bytes.data[i] >> 4]);
        buf_u8(out, (uint8_t) "0123456789abcdef"[bytes.data[i] & 15]);
    }
    buf_text(out, "\"");
}

static void value_json(Buf *out, const Value *value);

static void items_json(Buf *out, const Value *items, size_t count) {
    buf_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i > 0 ? "," : "");
        value_json(out, &items[i]);
    }
    buf_text(out, "]");
}

static void map_json(Buf *out, const Value *value) {
    buf_text(out, "[");
    for (size_t i = 0; i + 1 < value->items.count; i += 2) {
        buf_text(out, i > 0 ? "," : "");
        items_json(out, value->items.at + i, 2);
    }
    buf_text(out, "]");
}

static void float_json(Buf *out, const Value *value) {
    uint64_t bits = 0;
    float narrow = (float)value->real;
    if (value->kind == VALUE_FLOAT32) {
        memcpy(&bits, &narrow, sizeof(narrow));
        buf_printf(out, "\"%08" PRIx64 "\"", bits);
    } else {
        memcpy(&bits, &value->real, sizeof(bits));
        buf_printf(out, "\"%016" PRIx64 "\"", bits);
    }
}

static void value_json(Buf *out, const Value *value) {
    switch ((ValueKind)value->kind) {
    case VALUE_NULL:
        buf_text(out, "null");
        return;
    case VALUE_FALSE:
    case VALUE_TRUE:
        buf_text(out, value->kind == VALUE_TRUE ? "true" : "false");
        return;
    case VALUE_INT:
    case VALUE_TIME:
        buf_int(out, value->integer);
        return;
    case VALUE_DATE:
        buf_int(out, value->integer + 10957);
        return;
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
        buf_int(out, value->integer + INT64_C(946684800000000));
        return;
    case VALUE_FLOAT32:
    case VALUE_FLOAT64:
        float_json(out, value);
        return;
    case VALUE_DECIMAL:
        buf_text(out, "\"");
        decimal_text(out, value->bytes);
        buf_text(out, "\"");
        return;
    case VALUE_STRING:
        json_quote(out, value->bytes);
        return;
    case VALUE_BYTES:
    case VALUE_UUID:
        hex(out, value->bytes);
        return;
    case VALUE_LIST:
    case VALUE_STRUCT:
        items_json(out, value->items.at, value->items.count);
        return;
    case VALUE_MAP:
        map_json(out, value);
        return;
    case VALUE_UNCHANGED:
    case VALUE_UINT64:
    case VALUE_TIMETZ:
    case VALUE_INTERVAL:
    case VALUE_BITS:
    case VALUE_RANGE:
    case VALUE_MULTIRANGE:
    case VALUE_KIND_COUNT:
        break;
    }
    panic("a value of kind %d", value->kind);
}

static bool dump(const char *path, Err *err) {
    Input input = {.path = path};
    ParquetFile file = {.context = &input, .read = read_at};
    TRY(file_open(path, O_RDONLY, &input.fd, err));
    TRY(file_size(input.fd, path, &file.size, err));
    ParquetReader *reader = NULL;
    TRY(parquet_reader_open(&file, &reader, err));
    const Shape *shape = parquet_reader_shape(reader);
    Buf line;
    buf_init(&line, 0);
    shape_json(&line, shape);
    const Value *values = NULL;
    bool good = true;
    do {
        buf_text(&line, "\n");
        (void)fwrite(line.data, 1, line.size, stdout);
        buf_reset(&line);
        good = parquet_reader_next(reader, &values, err);
        if (good && values != NULL) {
            items_json(&line, values, shape->field_count);
        }
    } while (good && values != NULL);
    buf_release(&line);
    parquet_reader_close(reader);
    file_close(&input.fd);
    return good;
}

int main(int argc, char **argv) {
    Err err[1] = {{0}};
    if (argc != 2) {
        fputs("usage: leat_parquet_dump FILE\n", stderr);
        return 2;
    }
    if (!dump(argv[1], err)) {
        (void)fflush(stdout);
        fprintf(stderr, "%s: %s%s%s\n", err_name(err->code), err->message, err->hint[0] != 0 ? "; " : "", err->hint);
        return 1;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
