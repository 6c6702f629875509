// SPDX-License-Identifier: Apache-2.0
#include "data/connect/control_event.h"

#include "data/event/value.h"
#include "data/format/avro/avro.h"

enum { FRAME_BYTES = 4 }; // in front of the schema

static const Value *field_of(const Shape *shape, const Value *event, const char *name) {
    int32_t at = shape->kind == SHAPE_STRUCT ? shape_find(shape, slice_of(name)) : -1;
    return at >= 0 && event->kind == VALUE_STRUCT ? &event->items.at[at] : NULL;
}

static bool event_take(Arena *arena, const Shape *shape, const Value *value, ControlEvent *event, Err *err) {
    const Value *type = field_of(shape, value, "type"), *group = field_of(shape, value, "group_id");
    if (type == NULL || type->kind != VALUE_INT || group == NULL || group->kind != VALUE_STRING) {
        return FAIL(err, ERR_VALUE, "an event of the control topic has no type, or no group_id");
    }
    if (type->integer < CONTROL_START_COMMIT || type->integer > CONTROL_COMMIT_COMPLETE) {
        return FAIL(err, ERR_VALUE, "an event of the control topic has the type %" PRId64 ", which leat does not know",
                    type->integer);
    }
    event->type = (ControlEventType)type->integer;
    event->group = arena_slice(arena, group->bytes);
    return true;
}

bool control_event_parse(Arena *arena, Slice bytes, ControlEvent *event, Err *err) {
    size_t schema = bytes.size >= FRAME_BYTES ? (size_t)bytes.data[2] << 8 | bytes.data[3] : 0;
    if (bytes.size < FRAME_BYTES + schema || schema == 0 || bytes.data[0] != 0xC2 || bytes.data[1] != 0x01) {
        return FAIL(err, ERR_VALUE, "a record of the control topic does not begin as an event does");
    }
    AvroReader *reader = NULL;
    const Value *value = NULL;
    TRY(avro_reader_of((Slice){bytes.data + FRAME_BYTES, schema}, true, &reader, err));
    bool ok = avro_reader_value(reader, slice_from(bytes, FRAME_BYTES + schema), &value, err) &&
              event_take(arena, avro_reader_shape(reader), value, event, err);
    avro_reader_close(reader);
    return ok || err_prefix(err, "control topic");
}
