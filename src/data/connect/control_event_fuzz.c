// SPDX-License-Identifier: Apache-2.0
// A record of the control topic as it is; and behind a schema of events, so that values are reached.
#include "core/base/buf.h"
#include "data/connect/control_event.h"

static const char SCHEMA[] =
    "{\"type\":\"record\",\"name\":\"Event\",\"fields\":[{\"name\":\"id\",\"type\":{\"type\":\"fixed\",\"name\":\"u\","
    "\"size\":16,\"logicalType\":\"uuid\"}},{\"name\":\"type\",\"type\":\"int\"},{\"name\":\"timestamp\",\"type\":"
    "\"long\"},{\"name\":\"group_id\",\"type\":\"string\"},{\"name\":\"payload\",\"type\":[\"null\",{\"type\":"
    "\"array\",\"items\":\"bytes\"}]}]}";

static void parse(Slice bytes) {
    DEFER(arena_release) Arena arena = {.name = "fuzz"};
    Err err[1] = {{0}};
    ControlEvent event = {0};
    if (control_event_parse(&arena, bytes, &event, err)) {
        ASSERT(event.type <= CONTROL_COMMIT_COMPLETE && (event.group.size == 0 || event.group.data != NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    DEFER(buf_release) Buf framed = {0};
    size_t schema = sizeof(SCHEMA) - 1;
    const uint8_t frame[] = {0xC2, 0x01, (uint8_t)(schema >> 8), (uint8_t)schema};
    parse((Slice){data, size});
    buf_bytes(&framed, frame, sizeof(frame));
    buf_bytes(&framed, SCHEMA, schema);
    buf_bytes(&framed, data, size);
    parse(buf_slice(&framed));
    return 0;
}
