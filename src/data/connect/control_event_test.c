// SPDX-License-Identifier: Apache-2.0
#include "data/connect/control_event.c" // NOLINT

#include "core/base/buf.h"
#include "core/base/test.h"

#define FIELDS(TYPE)                                                                                                  \
    "{\"type\":\"record\",\"name\":\"org.apache.iceberg.connect.events.Event\",\"fields\":["                          \
    "{\"name\":\"id\",\"type\":{\"type\":\"fixed\",\"name\":\"uuid_fixed\",\"size\":16,\"logicalType\":\"uuid\"},"    \
    "\"field-id\":10500},{\"name\":\"type\",\"type\":" TYPE ",\"field-id\":10501},"                                   \
    "{\"name\":\"timestamp\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\","                       \
    "\"adjust-to-utc\":true},\"field-id\":10502},{\"name\":\"group_id\",\"type\":\"string\",\"field-id\":10503},"     \
    "{\"name\":\"payload\",\"type\":{\"type\":\"record\",\"name\":\"org.apache.iceberg.connect.events.StartCommit\"," \
    "\"fields\":[{\"name\":\"commit_id\",\"type\":\"uuid_fixed\",\"field-id\":10200}]},\"field-id\":10504}]}"

// As AvroEncoderUtil puts it; `type` as Avro encodes it.
static Slice event(Buf *out, const char *schema, char type) {
    size_t size = strlen(schema);
    const uint8_t frame[] = {0xC2, 0x01, (uint8_t)(size >> 8), (uint8_t)size}, uuid[16] = {1}, time[] = {2};
    buf_reset(out);
    buf_bytes(out, frame, sizeof(frame));
    buf_bytes(out, schema, size);
    buf_bytes(out, uuid, sizeof(uuid));
    buf_bytes(out, &type, 1);
    buf_bytes(out, time, sizeof(time));
    buf_text(out, "\x16"
                  "connect-ice"); // NOLINT(bugprone-suspicious-missing-comma)
    buf_bytes(out, uuid, sizeof(uuid));
    return buf_slice(out);
}

TEST(control_events_say_type_and_group) {
    DEFER(buf_release) Buf out = {0};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    Err err[1] = {{0}};
    ControlEvent found = {0};
    for (char type = 0; type <= CONTROL_COMMIT_COMPLETE; type++) {
        CHECK_OK(control_event_parse(&arena, event(&out, FIELDS("\"int\""), (char)(2 * type)), &found, err));
        CHECK_INT(found.type, type);
        CHECK_TEXT(found.group, "connect-ice");
    }
}

// Whoever may write to the topic may write anything.
TEST(control_events_that_are_none_are_errors) {
    DEFER(buf_release) Buf out = {0};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    Err err[1] = {{0}};
    ControlEvent found = {0};
    Slice good = event(&out, FIELDS("\"int\""), 2);
    for (size_t size = 0; size < good.size; size++) { // cut off anywhere
        CHECK_FAILS(control_event_parse(&arena, (Slice){good.data, size}, &found, err), ERR_VALUE);
    }
    CHECK_FAILS(control_event_parse(&arena, (Slice){0}, &found, err), ERR_VALUE);
    CHECK_FAILS(control_event_parse(&arena, SLICE("{\"no\":\"event\"}"), &found, err), ERR_VALUE);
    CHECK_FAILS(control_event_parse(&arena, event(&out, FIELDS("\"int\""), 10), &found, err), ERR_VALUE); // 5
    CHECK_FAILS(control_event_parse(&arena, event(&out, FIELDS("\"int\""), 1), &found, err), ERR_VALUE);  // -1
    CHECK_FAILS(control_event_parse(&arena, event(&out, FIELDS("\"boolean\""), 1), &found, err), ERR_VALUE);
    CHECK_FAILS(control_event_parse(&arena, event(&out, "\"string\"", 0), &found, err), ERR_VALUE);
    CHECK_FAILS(control_event_parse(&arena, event(&out, "{\"type\":", 0), &found, err), ERR_VALUE);
}
