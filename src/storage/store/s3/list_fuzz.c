// SPDX-License-Identifier: Apache-2.0
// What a service answers: a page of a listing, or a refusal. First byte: the status.
#include "storage/store/s3/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool visit(void *context, const char *name, uint64_t size) {
    *(size_t *)context += strlen(name) + (size != 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    Arena arena;
    Err err[1] = {{0}};
    size_t seen = 0;
    arena_init(&arena, "scratch", 0);
    S3Page page = {.prefix = data[0] & 1 ? "p/" : "", .visit = visit, .context = &seen};
    Slice body = {data + 1, size - 1};
    if (!s3_page_read(&page, body, &arena, err)) {
        ASSERT(err->code == ERR_NET_PROTOCOL);
    }
    HttpAnswer answer = {.status = 200 + data[0]};
    buf_put(&answer.body, body);
    buf_put(&answer.headers, body);
    S3Refusal refusal;
    int64_t wall_us = 0;
    s3_refusal(&answer, &refusal);
    ASSERT(refusal.err != ERR_NONE);
    if (s3_answer_date(&answer, &wall_us)) {
        ASSERT(wall_us >= 0);
    }
    http_answer_release(&answer);
    arena_release(&arena);
    return 0;
}
