// SPDX-License-Identifier: Apache-2.0
#include "flow/source/kafka/position.h"

enum { POSITION_VERSION = 1 };

static void versioned(Buf *out, uint64_t number) {
    buf_u8(out, POSITION_VERSION);
    buf_u64le(out, number);
}

static bool versioned_read(Slice bytes, uint64_t *number, Err *err) {
    Reader reader = reader_of(bytes);
    uint8_t version = read_u8(&reader);
    if (version > POSITION_VERSION) {
        return FAIL(err, ERR_FORMAT_NEWER, "the journal's position has version %u, this leat knows %d", version,
                    POSITION_VERSION);
    }
    *number = read_u64le(&reader);
    if (!reader_done(&reader) || version == 0) {
        return FAIL(err, ERR_STATE_CORRUPT, "the journal's position is none of Kafka's (%zu bytes)", bytes.size);
    }
    return true;
}

Position kafka_source_position(uint64_t cut) {
    DEFER(buf_release) Buf bytes = {0};
    versioned(&bytes, cut);
    return position_of(buf_slice(&bytes));
}

bool kafka_source_position_read(const Position *position, uint64_t *cut, Err *err) {
    *cut = 0;
    return position->size == 0 || versioned_read(position_slice(position), cut, err);
}

void kafka_offset_key(Buf *key, const char *topic, int32_t partition) {
    buf_printf(key, KAFKA_OFFSET_KEY "%d/%s", partition, topic);
}

void kafka_offset_write(Buf *value, int64_t offset) {
    versioned(value, (uint64_t)offset);
}

bool kafka_offset_read(Slice value, int64_t *offset, Err *err) {
    uint64_t number = 0;
    TRY(versioned_read(value, &number, err));
    *offset = (int64_t)number;
    return number <= INT64_MAX || FAIL(err, ERR_STATE_CORRUPT, "the journal's offset is past all offsets");
}
