// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/position.h"

#include "core/base/buf.h"

enum { POSITION_VERSION = 1 };

Position pg_position_encode(const PgPosition *position) {
    DEFER(buf_release) Buf bytes = {0};
    buf_u8(&bytes, POSITION_VERSION);
    buf_u64le(&bytes, position->system_identifier);
    buf_u32le(&bytes, position->timeline);
    buf_u64le(&bytes, position->lsn);
    return position_of(buf_slice(&bytes));
}

bool pg_position_decode(const Position *bytes, PgPosition *position, Err *err) {
    *position = (PgPosition){0};
    if (bytes->size == 0) {
        return true;
    }
    Reader reader = reader_of(position_slice(bytes));
    uint8_t version = read_u8(&reader);
    if (version > POSITION_VERSION) {
        return FAIL(err, ERR_FORMAT_NEWER, "the journal's position has version %u, this leat knows %d", version,
                    POSITION_VERSION);
    }
    position->system_identifier = read_u64le(&reader);
    position->timeline = read_u32le(&reader);
    position->lsn = read_u64le(&reader);
    if (!reader_done(&reader) || version == 0) {
        return FAIL(err, ERR_STATE_CORRUPT, "the journal's position is no PostgreSQL position (%u bytes)", bytes->size);
    }
    return true;
}
