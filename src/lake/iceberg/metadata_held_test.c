// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/metadata_held.c"

#include "core/base/test.h"

static const char JSON[] =
    "{\"format-version\":3,\"table-uuid\":\"11111111-2222-3333-4444-555555555555\",\"location\":\"/lake/t\","
    "\"last-sequence-number\":2,\"last-updated-ms\":5,\"last-column-id\":4,\"schemas\":[{\"type\":\"struct\","
    "\"schema-id\":0,\"identifier-field-ids\":[1],\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":"
    "\"long\"},{\"id\":2,\"name\":\"tags\",\"required\":false,\"doc\":\"some\",\"type\":{\"type\":\"list\","
    "\"element-id\":3,\"element\":\"string\",\"element-required\":false}},{\"id\":4,\"name\":\"n\",\"required\":false,"
    "\"type\":\"int\",\"initial-default\":7,\"write-default\":8}]}],\"current-schema-id\":0,\"partition-specs\":["
    "{\"spec-id\":0,\"fields\":[{\"source-id\":1,\"field-id\":1000,\"name\":\"id_bucket\",\"transform\":\"bucket[16]\"}"
    "]}],\"default-spec-id\":0,\"last-partition-id\":1000,\"sort-orders\":[{\"order-id\":1,\"fields\":[{\"transform\":"
    "\"identity\",\"source-id\":1,\"direction\":\"asc\",\"null-order\":\"nulls-first\"}]}],\"default-sort-order-id\":1,"
    "\"properties\":{\"a\":\"b\",\"empty\":\"\"},\"current-snapshot-id\":12,\"snapshots\":[{\"snapshot-id\":11,"
    "\"sequence-number\":1,\"timestamp-ms\":3,\"manifest-list\":\"/lake/t/l1\",\"summary\":{\"operation\":\"append\"},"
    "\"schema-id\":0,\"first-row-id\":0,\"added-rows\":2},{\"snapshot-id\":12,\"parent-snapshot-id\":11,"
    "\"sequence-number\":2,\"timestamp-ms\":4,\"manifest-list\":\"/lake/t/l2\",\"summary\":{\"operation\":"
    "\"overwrite\",\"x\":\"y\"},\"schema-id\":0,\"first-row-id\":2,\"added-rows\":1,\"strange\":[1]}],"
    "\"snapshot-log\":[{\"timestamp-ms\":3,\"snapshot-id\":11},{\"timestamp-ms\":4,\"snapshot-id\":12}],"
    "\"metadata-log\":[{\"timestamp-ms\":2,\"metadata-file\":\"/lake/t/m0\"}],\"refs\":{\"main\":{\"snapshot-id\":12,"
    "\"type\":\"branch\"},\"old\":{\"snapshot-id\":11,\"type\":\"tag\",\"max-ref-age-ms\":9}},\"next-row-id\":3,"
    "\"statistics\":[{\"snapshot-id\":11,\"statistics-path\":\"/s\",\"file-size-in-bytes\":1,"
    "\"file-footer-size-in-bytes\":1,\"blob-metadata\":[]}],\"else\":{\"kept\":true}}";

TEST(a_copy_of_metadata_is_equal_and_its_own) {
    Err err[1] = {{0}};
    DEFER(buf_release) Buf before = {0};
    DEFER(buf_release) Buf after = {0};
    MetadataHeld *parsed = NULL;
    CHECK_OK(metadata_held_parse(slice_of(JSON), SLICE("/lake/t/m1"), &parsed, err));
    table_metadata_write(metadata_held(parsed), &before);
    MetadataHeld *copy = metadata_held_copy(metadata_held(parsed), metadata_held_file(parsed));
    CHECK(metadata_held(copy)->encryption_keys.data == NULL);
    CHECK(table_property(metadata_held(copy), "none").data == NULL);
    metadata_held_release(parsed); // nothing of it is asked for again
    table_metadata_write(metadata_held(copy), &after);
    CHECK(before.size > 1000 && slice_equal(buf_slice(&after), buf_slice(&before)));
    CHECK(slice_is(metadata_held_file(copy), "/lake/t/m1"));
    MetadataHeld *second = metadata_hold(copy);
    metadata_held_release(copy);
    CHECK(table_snapshot_find(metadata_held(second), 12) != NULL);
    metadata_held_release(second);
}

TEST(metadata_that_cannot_be_read_is_not_held) {
    Err err[1] = {{0}};
    MetadataHeld *parsed = NULL;
    CHECK_FAILS(metadata_held_parse(SLICE("{"), SLICE("x"), &parsed, err), ERR_VALUE);
    CHECK(parsed == NULL);
    metadata_held_release(NULL);
}
