// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/as_of.c"

#include "core/base/test.h"

static Arena arena;
static Err err[1];

static Property position_property(uint64_t lsn) {
    Position position = pg_position_encode(&(PgPosition){.system_identifier = 7, .timeline = 1, .lsn = lsn});
    DEFER(buf_release) Buf hex = {0};
    for (size_t i = 0; i < position.size; i++) {
        buf_printf(&hex, "%02x", position.bytes[i]);
    }
    return (Property){SLICE("leat.position"), arena_slice(&arena, buf_slice(&hex))};
}

TEST(as_of_finds_snapshots) {
    arena_init(&arena, "test", 0);
    Property positions[] = {position_property(0x100), position_property(0x1000000200), position_property(0x1000000300)};
    Snapshot snapshots[] = {
        {.id = 11, .parent_id = -1, .timestamp_ms = 1000, .summary = &positions[0], .summary_count = 1},
        {.id = 12, .parent_id = 11, .timestamp_ms = 2000, .summary = &positions[1], .summary_count = 1},
        {.id = 13, .parent_id = 12, .timestamp_ms = 3000}, // a compaction
        {.id = 14, .parent_id = 13, .timestamp_ms = 4000, .summary = &positions[2], .summary_count = 1},
    };
    SnapshotLogEntry log[] = {{1000, 11}, {2000, 12}, {2500, 99}, {3000, 13}, {4000, 14}};
    SnapshotRef refs[] = {{.name = SLICE("main"), .snapshot_id = 14}, {.name = SLICE("11"), .snapshot_id = 12}};
    TableMetadata metadata = {.snapshots = snapshots,
                              .snapshot_count = 4,
                              .snapshot_log = log,
                              .snapshot_log_count = 5,
                              .refs = refs,
                              .ref_count = 2,
                              .current_snapshot_id = 14};
    static const struct {
        const char *text;
        int64_t id; // 0 = none
    } CASES[] = {
        {NULL, 14},
        {"12", 12},
        {"main", 14},
        {"11", 12}, // a tag of that name
        {"15", 0},
        {"0/FF", 0},
        {"0/100", 11},
        {"10/1ff", 11},
        {"10/200", 13},
        {"10/2FF", 13},
        {"10/300", 14},
        {"FF/0", 14},
        {"1970-01-01T00:00:00.999Z", 0},
        {"1970-01-01T00:00:02.2Z", 12},
        {"1970-01-01T00:00:02.7Z", 0}, // expired since
        {"1970-01-01T00:00:03.5Z", 13},
        {"now", 14},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const Snapshot *snapshot = NULL;
        if (CASES[i].id == 0) {
            CHECK_FAILS(as_of(&metadata, CASES[i].text, &snapshot, err), ERR_NOT_FOUND);
        } else {
            CHECK_OK(as_of(&metadata, CASES[i].text, &snapshot, err));
            CHECK_INT(snapshot->id, CASES[i].id);
        }
    }
    const Snapshot *snapshot = NULL;
    CHECK_FAILS(as_of(&metadata, "yesterday", &snapshot, err), ERR_USAGE);
    CHECK_FAILS(as_of(&metadata, "10/", &snapshot, err), ERR_USAGE);
    CHECK_TEXT(slice_of(snapshot_position(&snapshots[1], &arena)), "10/200");
    CHECK(snapshot_position(&snapshots[2], &arena) == NULL);
    CHECK_OK(as_of(&(TableMetadata){.current_snapshot_id = -1}, NULL, &snapshot, err));
    CHECK(snapshot == NULL);
    arena_release(&arena);
}
