// SPDX-License-Identifier: Apache-2.0
#include "storage/store/s3/list.c"

#include "core/base/test.h"

static bool visit_count(void *context, const char *name, uint64_t size) {
    ++*(int *)context;
    return true;
}

TEST(s3_lists_that_end_before_they_are_complete_are_refused) {
    Err err[1] = {{0}};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    int count = 0;
    S3Page page = {.prefix = "", .visit = visit_count, .context = &count};
    CHECK_FAILS(s3_page_read(&page,
                             SLICE("<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key>"
                                   "<Size>1</Size></Contents></ListBucketResult>"),
                             &arena, err),
                ERR_NET_PROTOCOL);
    err_clear(err);
    CHECK_OK(s3_page_read(&page,
                          SLICE("<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents>"
                                "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>"),
                          &arena, err));
    CHECK(page.next != NULL);
    CHECK_INT(count, 2);
}
