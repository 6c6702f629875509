// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/as_of.h"

#include "flow/source/postgres/position.h"
#include "surface/cli/when.h"

static int nibble(uint8_t c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool position_lsn(const Snapshot *snapshot, uint64_t *lsn) {
    Slice hex = snapshot_summary(snapshot, "leat.position");
    Position position = {0};
    if (hex.size == 0 || hex.size % 2 != 0 || hex.size / 2 > POSITION_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < hex.size; i += 2) {
        int high = nibble(hex.data[i]), low = nibble(hex.data[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        position.bytes[position.size++] = (uint8_t)(high << 4 | low);
    }
    PgPosition decoded;
    Err err[1] = {{0}};
    bool good = pg_position_decode(&position, &decoded, err);
    *lsn = decoded.lsn;
    return good;
}

const char *snapshot_position(const Snapshot *snapshot, Arena *arena) {
    uint64_t lsn = 0;
    return position_lsn(snapshot, &lsn) ? arena_printf(arena, LSN_FORMAT, LSN_ARG(lsn)) : NULL;
}

// --- which -----------------------------------------------------------------------------------------------------

static bool is_lsn(const char *text, uint64_t *lsn) {
    unsigned high = 0, low = 0;
    int end = -1;
    bool good = sscanf(text, "%8X/%8X%n", &high, &low, &end) == 2 && end > 0 && text[end] == '\0';
    *lsn = (uint64_t)high << 32 | low;
    return good && strspn(text, "0123456789abcdefABCDEF/") == strlen(text);
}

static bool by_id(const TableMetadata *metadata, uint64_t id, const Snapshot **snapshot, Err *err) {
    *snapshot = id <= INT64_MAX ? table_snapshot_find(metadata, (int64_t)id) : NULL;
    if (*snapshot == NULL) {
        FAIL(err, ERR_NOT_FOUND, "the table has no snapshot %" PRIu64, id);
        return err_hint(err, "leat table snapshots shows what it has; older ones have been expired");
    }
    return true;
}

// Snapshots that rewrite files have no position: they hold what was there before.
static const Snapshot *by_position(const TableMetadata *metadata, uint64_t lsn) {
    const Snapshot *best = NULL;
    bool within = false;
    for (size_t i = 0; i < metadata->snapshot_log_count; i++) {
        const Snapshot *snapshot = table_snapshot_find(metadata, metadata->snapshot_log[i].snapshot_id);
        uint64_t its = 0;
        if (snapshot == NULL) {
            continue;
        }
        within = position_lsn(snapshot, &its) ? its <= lsn : within;
        best = within ? snapshot : best;
    }
    return best;
}

static const Snapshot *by_time(const TableMetadata *metadata, int64_t ms) {
    const SnapshotLogEntry *best = NULL;
    for (size_t i = 0; i < metadata->snapshot_log_count; i++) {
        best = metadata->snapshot_log[i].timestamp_ms <= ms ? &metadata->snapshot_log[i] : best;
    }
    return best != NULL ? table_snapshot_find(metadata, best->snapshot_id) : NULL;
}

bool as_of(const TableMetadata *metadata, const char *text, const Snapshot **snapshot, Err *err) {
    uint64_t lsn = 0;
    When when;
    if (text == NULL) {
        *snapshot = table_snapshot_current(metadata);
        return true;
    }
    const SnapshotRef *ref = table_ref_find(metadata, slice_of(text));
    if (ref != NULL) {
        return by_id(metadata, (uint64_t)ref->snapshot_id, snapshot, err);
    }
    if (is_lsn(text, &lsn)) {
        *snapshot = by_position(metadata, lsn);
    } else if (!when_parse(text, &when, err)) {
        err_clear(err);
        FAIL(err, ERR_USAGE, "\"%.60s\" is no snapshot, branch, tag, position or time", text);
        return err_hint(err, "write a snapshot's id, 16/B374D848, 2026-01-31T12:00:00Z or now-5m");
    } else if (when.kind == WHEN_OFFSET) {
        return by_id(metadata, when.offset, snapshot, err);
    } else {
        *snapshot = by_time(metadata, when.time_us / 1000);
    }
    if (*snapshot == NULL) {
        FAIL(err, ERR_NOT_FOUND, "the table has no snapshot as of %.60s", text);
        return err_hint(err, "leat table snapshots shows what it has; older ones have been expired");
    }
    return true;
}
