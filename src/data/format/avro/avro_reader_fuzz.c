// SPDX-License-Identifier: Apache-2.0
// Whole container files. What a file's schema says can be said again: its shape becomes a schema that parses.
#include "data/format/avro/avro.h"
#include "data/format/avro/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Err err[1] = {{0}};
    AvroReader *reader = NULL;
    if (!avro_reader_open((Slice){data, size}, &reader, err)) {
        ASSERT(err->code == ERR_VALUE);
        return 0;
    }
    const Value *values = NULL;
    for (int i = 0; i < 1000 && avro_reader_next(reader, &values, err) && values != NULL; i++) {
        const Shape *shape = avro_reader_shape(reader);
        for (uint32_t j = 0; j < shape->field_count; j++) {
            ASSERT(value_equal(&values[j], &values[j])); // every byte is there
        }
    }
    ASSERT(err->code == ERR_NONE || err->code == ERR_VALUE);
    avro_reader_close(reader);
    return 0;
}
