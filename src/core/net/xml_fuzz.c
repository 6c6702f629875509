// SPDX-License-Identifier: Apache-2.0
// Any bytes are a document or an ERR_NET_PROTOCOL, in memory bounded by their size; names and texts are within bounds.
#include "core/net/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    arena_init(&arena, "scratch", 16 * size + 4096);
    Err err[1] = {{0}};
    Xml xml = xml_of((Slice){data, size}, &arena);
    XmlItem item = {0};
    int depth = 0;
    uint64_t sum = 0;
    while (item.kind != XML_END && xml_next(&xml, &item, err)) {
        depth += item.kind == XML_OPEN ? 1 : 0;
        ASSERT(item.kind == XML_END || item.depth == depth);
        depth -= item.kind == XML_CLOSE ? 1 : 0;
        for (size_t i = 0; i < item.text.size; i++) {
            sum += item.text.data[i];
        }
        for (size_t i = 0; i < item.name.size; i++) {
            sum += item.name.data[i];
        }
    }
    ASSERT(err->code == ERR_NONE ? depth == 0 : err->code == ERR_NET_PROTOCOL);
    Slice text;
    (void)xml_find((Slice){data, size}, "Code", &arena, &text);
    arena_release(&arena);
    return sum == UINT64_MAX;
}
