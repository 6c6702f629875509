// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/compact_plan.c"

#include "core/base/test.h"

static Arena arena;

static CompactFile file_of(int64_t size, int64_t deleted, int64_t partition) {
    Value *value = ARENA_NEW(&arena, Value);
    DataFile *file = ARENA_NEW(&arena, DataFile);
    *value = (Value){.kind = VALUE_INT, .integer = partition};
    *file = (DataFile){.path = slice_of(arena_printf(&arena, "f%" PRId64, size)),
                       .size = size,
                       .record_count = 100000,
                       .partition = value,
                       .partition_count = 1,
                       .content_offset = -1};
    return (CompactFile){.file = file, .deleted = deleted};
}

static void check_plan(const CompactFile *files, size_t count, const char *want) {
    CompactGroup *groups = NULL;
    size_t group_count = 0;
    CompactRules rules = {.target_bytes = INT64_C(100) << 20};
    compact_plan(files, count, &rules, &arena, &groups, &group_count);
    DEFER(buf_release) Buf seen = {0};
    for (size_t i = 0; i < group_count; i++) {
        buf_printf(&seen, "%zu files %" PRId64 " bytes %" PRId64 " rows\n", groups[i].count, groups[i].bytes,
                   groups[i].rows);
    }
    CHECK_TEXT(buf_slice(&seen), want);
}

TEST(small_files_of_one_size_and_partition_become_one) {
    arena_init(&arena, "test", 0);
    CompactFile files[20];
    for (size_t i = 0; i < 8; i++) {
        files[i] = file_of(1000, 0, 1);
    }
    check_plan(files, 7, "");
    check_plan(files, 8, "8 files 8000 bytes 800000 rows\n");
    files[0] = file_of(1000, 0, 2);
    check_plan(files, 8, "");
    for (size_t i = 0; i < 16; i++) { // two sizes, not enough of the large ones
        files[i] = file_of(i < 9 ? 1000 : 1000000, 0, 1);
    }
    check_plan(files, 16, "9 files 9000 bytes 900000 rows\n");
    arena_release(&arena);
}

TEST(large_files_are_done_and_joined_ones_stay_below_the_target) {
    arena_init(&arena, "test", 0);
    CompactFile files[8];
    for (size_t i = 0; i < 8; i++) {
        files[i] = file_of(INT64_C(80) << 20, 0, 1);
    }
    check_plan(files, 8, "");
    for (size_t i = 0; i < 8; i++) {
        files[i] = file_of(INT64_C(30) << 20, 0, 1);
    }
    check_plan(files, 8, "3 files 94371840 bytes 300000 rows\n3 files 94371840 bytes 300000 rows\n");
    arena_release(&arena);
}

TEST(files_with_many_deleted_rows_are_made_anew) {
    arena_init(&arena, "test", 0);
    CompactFile files[] = {file_of(INT64_C(100) << 20, 30000, 1), file_of(INT64_C(100) << 20, 30001, 1),
                           file_of(1000, 9000, 1)};
    check_plan(files, 3, "1 files 73399271 bytes 69999 rows\n");
    arena_release(&arena);
}

// A file a second for a day: each row is rewritten a few times, and few files are there at any moment.
TEST(a_day_of_small_files_stays_few) {
    arena_init(&arena, "test", 0);
    enum { COMMITS = 20000, MOST = 200 };
    CompactFile files[MOST + 1];
    size_t count = 0, most = 0;
    int64_t rewritten = 0;
    CompactRules rules = {.target_bytes = INT64_C(100) << 20};
    for (size_t i = 0; i < COMMITS; i++) {
        Arena planning;
        arena_init(&planning, "test", 0);
        files[count++] = file_of(20000, 0, 1);
        CompactGroup *groups = NULL;
        size_t group_count = 0;
        compact_plan(files, count, &rules, &planning, &groups, &group_count);
        if (group_count > 0) {
            CompactFile made = file_of(groups[0].bytes, 0, 1);
            rewritten += groups[0].bytes;
            size_t kept = 0;
            for (size_t j = 0; j < count; j++) {
                bool gone = false;
                for (size_t k = 0; k < groups[0].count; k++) {
                    gone |= groups[0].files[k]->file == files[j].file;
                }
                if (!gone) {
                    files[kept++] = files[j];
                }
            }
            files[kept++] = made;
            count = kept;
        }
        most = MAX(most, count);
        CHECK(most <= 60);
        arena_release(&planning);
    }
    CHECK(rewritten < (int64_t)COMMITS * 20000 * 6);
    arena_release(&arena);
}

TEST(delete_files_of_one_size_and_data_file_are_merged) {
    arena_init(&arena, "test", 0);
    DataFile files[20];
    CompactFile all[20];
    for (size_t i = 0; i < 20; i++) {
        all[i] = (CompactFile){.file = &files[i]};
        files[i] = (DataFile){.content = CONTENT_POSITION_DELETES,
                              .format = SLICE("PARQUET"),
                              .record_count = i < 8 ? 10 : 5000,
                              .size = 1000,
                              .content_offset = -1,
                              .referenced_file = i >= 8 ? SLICE("a") : (Slice){0}};
    }
    files[19].content_offset = 4; // a vector
    CompactGroup *groups = NULL;
    size_t count = 0;
    deletes_plan(all, 20, 0, &arena, &groups, &count);
    CHECK_INT(count, 2);
    CHECK_INT(groups[0].count, 8);
    CHECK_INT(groups[1].count, 11);
    deletes_plan(all, 12, 0, &arena, &groups, &count);
    CHECK_INT(count, 1);
    all[9].deleted = 2500; // half of it
    all[10].deleted = 2400;
    deletes_plan(all, 12, 0, &arena, &groups, &count);
    CHECK_INT(count, 2);
    CHECK_INT(groups[1].count, 1);
    CHECK(groups[1].files[0] == &all[9]);
    arena_release(&arena);
}
