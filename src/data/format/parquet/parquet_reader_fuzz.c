// SPDX-License-Identifier: Apache-2.0
#include "core/base/decimal.h"
#include "core/base/json.h"
#include "data/event/value.h"
#include "data/format/parquet/parquet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

enum { ROWS_MAX = 2000, TAIL_BYTES = 8 };

static bool read_memory(void *context, uint64_t offset, size_t size, Buf *out, Err *err) {
    const Slice *file = context;
    ASSERT(offset <= file->size && size <= file->size - offset); // the reader never asks past the end
    buf_bytes(out, file->data + offset, size);
    return true;
}

static ValueKind kind_of(ShapeKind kind) {
    static const uint8_t KINDS[] = {
        [SHAPE_BOOL] = VALUE_TRUE,       [SHAPE_INT32] = VALUE_INT,           [SHAPE_INT64] = VALUE_INT,
        [SHAPE_FLOAT32] = VALUE_FLOAT32, [SHAPE_FLOAT64] = VALUE_FLOAT64,     [SHAPE_DECIMAL] = VALUE_DECIMAL,
        [SHAPE_STRING] = VALUE_STRING,   [SHAPE_BYTES] = VALUE_BYTES,         [SHAPE_DATE] = VALUE_DATE,
        [SHAPE_TIME] = VALUE_TIME,       [SHAPE_TIMESTAMP] = VALUE_TIMESTAMP, [SHAPE_TIMESTAMPTZ] = VALUE_TIMESTAMPTZ,
        [SHAPE_UUID] = VALUE_UUID,       [SHAPE_LIST] = VALUE_LIST,           [SHAPE_STRUCT] = VALUE_STRUCT,
        [SHAPE_MAP] = VALUE_MAP,
    };
    return (ValueKind)KINDS[kind];
}

// What the reader gives fits its shape: whoever reads relies on that.
static void check(const Shape *shape, const Value *value) {
    static const Shape KEY = {.kind = SHAPE_STRING};
    if (value->kind == VALUE_NULL) {
        ASSERT(shape->optional);
        return;
    }
    ASSERT(value->kind == kind_of(shape->kind) || (shape->kind == SHAPE_BOOL && value->kind == VALUE_FALSE));
    size_t count = value->items.count;
    if (shape->kind == SHAPE_STRING) {
        ASSERT(json_utf8_valid(value->bytes));
    } else if (shape->kind == SHAPE_DECIMAL) {
        Int128 units = 0;
        ASSERT(decimal_to_int128(value->bytes, shape->scale, &units));
    } else if (shape->kind == SHAPE_UUID) {
        ASSERT(value->bytes.size == 16);
    } else if (shape->kind == SHAPE_STRUCT) {
        ASSERT(count == shape->field_count);
        for (size_t i = 0; i < count; i++) {
            check(&shape->fields[i].shape, &value->items.at[i]);
        }
    } else if (shape->kind == SHAPE_LIST || shape->kind == SHAPE_MAP) {
        for (size_t i = 0; i < count; i++) {
            bool key = shape->kind == SHAPE_MAP && i % 2 == 0;
            check(key ? &KEY : shape->element, &value->items.at[i]);
        }
    }
}

// Changes the footer, or the pages without moving what lies behind them: else its offsets would point to nowhere.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed) {
    size_t footer = size > 4 + TAIL_BYTES ? load_u32le(data + size - TAIL_BYTES) : 0;
    if (size <= 4 + TAIL_BYTES || footer > size - 4 - TAIL_BYTES || size > size_max || seed % 8 == 0) {
        return LLVMFuzzerMutate(data, size, size_max);
    }
    size_t start = size - TAIL_BYTES - footer;
    if (seed % 2 != 0 && start > 4) {
        size_t at = 4 + seed / 16 % (start - 4), left = start - at;
        size_t changed = LLVMFuzzerMutate(data + at, left, left);
        memset(data + at + changed, 0, left - changed);
        return size;
    }
    size_t room = size_max - start - TAIL_BYTES;
    uint32_t changed = room > 0 ? (uint32_t)MIN(LLVMFuzzerMutate(data + start, footer, room), room) : 0;
    memcpy(data + start + changed, &changed, sizeof(changed));
    memcpy(data + start + changed + 4, "PAR1", 4);
    return start + changed + TAIL_BYTES;
}

// The end of the file is put right, else few inputs would get past it.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Buf copy;
    buf_init(&copy, 0);
    buf_bytes(&copy, data, size);
    if (size > 4 + TAIL_BYTES) {
        uint32_t footer = load_u32le(copy.data + size - TAIL_BYTES) % (uint32_t)(size - 4 - TAIL_BYTES + 1);
        memcpy(copy.data + size - TAIL_BYTES, &footer, sizeof(footer));
        memcpy(copy.data + size - 4, "PAR1", 4);
    }
    Slice memory = buf_slice(&copy);
    ParquetFile file = {.context = &memory, .size = size, .read = read_memory};
    ParquetReader *reader = NULL;
    Err err[1] = {{0}};
    if (parquet_reader_open(&file, &reader, err)) {
        const Shape *shape = parquet_reader_shape(reader);
        const Value *values = NULL;
        for (int rows = 0; rows < ROWS_MAX && parquet_reader_next(reader, &values, err) && values != NULL; rows++) {
            for (uint32_t i = 0; i < shape->field_count; i++) {
                check(&shape->fields[i].shape, &values[i]);
            }
        }
    }
    parquet_reader_close(reader);
    buf_release(&copy);
    return 0;
}
