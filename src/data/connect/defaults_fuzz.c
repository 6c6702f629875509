// SPDX-License-Identifier: Apache-2.0
// Expressions of defaults, of any type: whatever they say, a value is of its shape and can be written.
#include "data/connect/defaults.h"

#include "data/connect/json_converter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const Slice LABELS[] = {{(const uint8_t *)"sad", 3}, {(const uint8_t *)"ok", 2}};
    if (size < 3) {
        return 0;
    }
    Type type = {.kind = (TypeKind)(data[0] % TYPE_KIND_COUNT), .precision = data[1] % 40, .scale = data[1] / 8};
    type.labels = LABELS;
    type.label_count = ARRAY_LEN(LABELS);
    type.source_name = type.kind == TYPE_STRING ? SLICE("text") : type.kind == TYPE_BITS ? SLICE("bit") : SLICE("x");
    ColumnOptions options = COLUMN_DEFAULTS;
    options.time = (TimeMode)(data[2] % 6);
    options.decimal = (DecimalMode)(data[2] / 8 % 3);
    Arena arena;
    arena_init(&arena, "scratch", 64 * MIB);
    ConnectColumn column;
    Value value;
    if (connect_column(&arena, &options, &type, true, &column) &&
        column_default(&arena, &column, (Slice){data + 3, size - 3}, &value)) {
        Buf json;
        buf_init(&json, 0);
        (void)column_default_describe(&arena, &column.shape, &value);
        json_converter_schema(&json, &column.shape);
        buf_release(&json);
    }
    arena_release(&arena);
    return 0;
}
