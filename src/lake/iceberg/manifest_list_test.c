// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/manifest_list.c"

#include "core/base/test.h"

static Arena arena;
static Err err[1];

static ManifestFile some_manifest(const char *path) {
    return (ManifestFile){.path = slice_of(path),
                          .length = 1234,
                          .sequence_number = -1,
                          .min_sequence_number = -1,
                          .added_snapshot_id = 77,
                          .added_files = 1,
                          .added_rows = 10,
                          .existing_rows = 5,
                          .first_row_id = -1};
}

TEST(manifest_lists_assign_numbers) {
    arena_init(&arena, "test", 0);
    FieldSummary summaries[2] = {{.contains_null = true, .contains_nan = -1},
                                 {.contains_nan = 1, .lower = SLICE("a"), .upper = SLICE("")}};
    ManifestFile manifests[4];
    for (size_t i = 0; i < 4; i++) {
        manifests[i] = some_manifest("s3://b/m.avro");
    }
    manifests[0].partitions = summaries;
    manifests[0].partition_count = 2;
    manifests[1].deletes = true;
    manifests[1].partitions = summaries; // of no fields
    manifests[2].sequence_number = 4;
    manifests[2].min_sequence_number = 3;
    manifests[2].first_row_id = 7;
    manifests[3].min_sequence_number = 2;
    manifests[3].key_metadata = SLICE("secret");
    manifests[3].spec_id = 5;
    int64_t next_row_id = 100;
    DEFER(buf_release) Buf out = {0};
    CHECK_OK(manifest_list_write(3, 77, -1, 9, manifests, 4, &next_row_id, &out, err));
    CHECK_INT(next_row_id, 130);
    ManifestFile *read = NULL;
    size_t count = 0;
    CHECK_OK(manifest_list_read(buf_slice(&out), SLICE("list"), &arena, &read, &count, err));
    CHECK_INT(count, 4);
    static const int64_t WANT[4][3] = {{9, 9, 100}, {9, 9, -1}, {4, 3, 7}, {9, 2, 115}};
    for (size_t i = 0; i < 4; i++) {
        CHECK_INT(read[i].sequence_number, WANT[i][0]);
        CHECK_INT(read[i].min_sequence_number, WANT[i][1]);
        CHECK_INT(read[i].first_row_id, WANT[i][2]);
        CHECK_TEXT(read[i].path, "s3://b/m.avro");
        CHECK(read[i].length == 1234 && read[i].deletes == (i == 1) && read[i].added_snapshot_id == 77);
        CHECK(read[i].added_files == 1 && read[i].added_rows == 10 && read[i].existing_rows == 5);
    }
    CHECK(read[0].partition_count == 2 && read[1].partition_count == 0 && read[1].partitions != NULL);
    CHECK(read[2].partitions == NULL && read[0].partitions[0].contains_null &&
          read[0].partitions[0].contains_nan == -1);
    CHECK(read[0].partitions[1].contains_nan == 1 && slice_is(read[0].partitions[1].lower, "a"));
    CHECK(read[0].partitions[0].lower.data == NULL && read[0].partitions[1].upper.data != NULL);
    CHECK_TEXT(read[3].key_metadata, "secret");
    CHECK(read[2].key_metadata.data == NULL && read[3].spec_id == 5);
    for (size_t size = 0; size < out.size; size++) {
        Slice cut = {out.data, size};
        if (manifest_list_read(cut, SLICE("list"), &arena, &read, &count, err)) {
            CHECK_INT(count, 0); // cut at the end of the head
        } else {
            CHECK_INT(err->code, ERR_VALUE);
            err_clear(err);
        }
    }
    arena_release(&arena);
}

TEST(manifest_lists_need_counts) {
    ManifestFile manifest = some_manifest("s3://b/m.avro");
    manifest.deleted_rows = -1;
    int64_t next_row_id = 0;
    DEFER(buf_release) Buf out = {0};
    CHECK_FAILS(manifest_list_write(2, 77, 5, 9, &manifest, 1, &next_row_id, &out, err), ERR_VALUE);
}
