// SPDX-License-Identifier: Apache-2.0
// Schemas: the shape of any that parses can be written as a schema, and that parses too.
#include "data/format/avro/avro.h"
#include "data/format/avro/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    const AvroType *type = NULL, *again = NULL;
    if (!avro_schema_parse(&arena, (Slice){data, size}, false, &type, err)) {
        ASSERT(err->code == ERR_VALUE);
    } else if (type->nodes < 2000) {
        Buf json;
        buf_init(&json, 0);
        if (avro_schema_json(&type->shape, SLICE("fuzz"), &json, err)) {
            if (!avro_schema_parse(&arena, buf_slice(&json), false, &again, err)) {
                panic("%s: %.*s", err->message, SLICE_ARG(buf_slice(&json)));
            }
            ASSERT(again->shape.kind == type->shape.kind);
        } else {
            ASSERT(err->code == ERR_TABLE);
        }
        buf_release(&json);
    }
    arena_release(&arena);
    return 0;
}
