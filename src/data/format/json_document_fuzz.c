// SPDX-License-Identifier: Apache-2.0
// What is embedded must be JSON to another parser too, and one line.
#include "data/format/json_document.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Buf buf;
    buf_init(&buf, 0);
    if (json_document_write(&buf, (Slice){data, size})) {
        ASSERT(memchr(buf.data, '\n', buf.size) == NULL);
        json_error_t error;
        json_t *parsed = json_loadb((const char *)buf.data, buf.size,
                                    JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
        // jansson refuses numbers past a double, and lone surrogates, both of which JSON allows.
        ASSERT(parsed != NULL || strstr(error.text, "overflow") != NULL || strstr(error.text, "Unicode") != NULL);
        json_decref(parsed);
    }
    buf_release(&buf);
    return 0;
}
