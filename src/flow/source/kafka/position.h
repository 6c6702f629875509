// SPDX-License-Identifier: Apache-2.0
// Kafka's Position: u8 version (1), u64 number of the cut, little-endian. The offsets of a cut are too many for it:
// each partition's is a fact of the journal's state, in the same cut, under "kafka.offset/PARTITION/TOPIC": u8 version
// (1), u64 offset of the record that comes next.
#ifndef LEAT_FLOW_SOURCE_KAFKA_POSITION_H
#define LEAT_FLOW_SOURCE_KAFKA_POSITION_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "data/event/position.h"

#define KAFKA_OFFSET_KEY "kafka.offset/"

Position kafka_source_position(uint64_t cut);
// An empty position is 0.
CHECKED bool kafka_source_position_read(const Position *position, uint64_t *cut, Err *err);

void kafka_offset_key(Buf *key, const char *topic, int32_t partition);
void kafka_offset_write(Buf *value, int64_t offset);
CHECKED bool kafka_offset_read(Slice value, int64_t *offset, Err *err);

#endif
