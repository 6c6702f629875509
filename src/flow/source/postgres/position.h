// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's Position: u8 version (1), u64 system identifier, u32 timeline, u64 LSN up to which every commit has been
// read (the end of the last one, or a WAL end that the server has sent), all little-endian.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_POSITION_H
#define LEAT_FLOW_SOURCE_POSTGRES_POSITION_H

#include "core/base/err.h"
#include "data/event/position.h"

typedef struct PgPosition {
    uint64_t system_identifier;
    uint32_t timeline;
    uint64_t lsn;
} PgPosition;

Position pg_position_encode(const PgPosition *position);
// An empty position decodes to zeros.
CHECKED bool pg_position_decode(const Position *bytes, PgPosition *position, Err *err);

#define LSN_FORMAT   "%X/%X"
#define LSN_ARG(lsn) (unsigned)((lsn) >> 32), (unsigned)(lsn)

#endif
