// SPDX-License-Identifier: Apache-2.0
// Listing: ListObjectsV2, page by page.
#ifndef LEAT_STORAGE_STORE_S3_LIST_H
#define LEAT_STORAGE_STORE_S3_LIST_H

#include "storage/store/s3/call.h"

typedef struct S3Page {
    const char *prefix; // of all keys: "" or with a slash at its end; names are what follows
    bool (*visit)(void *context, const char *name, uint64_t size);
    void *context;
    bool stopped; // by visit
    char *next;   // continuation token, in the arena; NULL = this was the last page
} S3Page;

// Visits the keys of one answer: <ListBucketResult><Contents><Key>… ERR_NET_PROTOCOL when it is no XML.
CHECKED bool s3_page_read(S3Page *page, Slice body, Arena *arena, Err *err);
// As StoreDriver.list. Markers of folders (a slash at the end, or nothing) are passed over.
CHECKED bool s3_list(S3 *s3, const char *prefix, bool (*visit)(void *context, const char *name, uint64_t size),
                     void *context, Err *err);

#endif
