// SPDX-License-Identifier: Apache-2.0
#include "storage/store/s3/list.h"

#include "core/net/xml.h"

#include <stdlib.h>

// encoding-type=url: %XX, and '+' for a space.
static char *decode_key(Slice text, bool encoded, Arena *arena) {
    if (!encoded) {
        return arena_text(arena, text);
    }
    char *key = arena_alloc(arena, text.size + 1), *to = key;
    for (size_t i = 0; i < text.size; i++) {
        char hex[3] = {0}, *end = hex;
        if (text.data[i] == '%' && i + 2 < text.size) {
            memcpy(hex, text.data + i + 1, 2);
            *to = (char)strtoul(hex, &end, 16);
        }
        if (end == hex + 2) {
            i += 2;
        } else {
            *to = text.data[i] == '+' ? ' ' : (char)text.data[i];
        }
        to++;
    }
    *to = '\0';
    return key;
}

static void visit_key(S3Page *page, const char *key, uint64_t size) {
    size_t prefix = strlen(page->prefix), length = strlen(key);
    bool folder = length <= prefix || key[length - 1] == '/'; // a marker that other tools leave
    if (!folder && !page->stopped && strncmp(key, page->prefix, prefix) == 0) {
        page->stopped = !page->visit(page->context, key + prefix, size);
    }
}

bool s3_page_read(S3Page *page, Slice body, Arena *arena, Err *err) {
    Slice found = {0}, key = {0}, size = {0};
    bool truncated = false;
    bool encoded = xml_find(body, "EncodingType", arena, &found) && slice_is(found, "url");
    page->next = NULL;
    Xml xml = xml_of(body, arena);
    XmlItem item;
    do {
        TRY(xml_next(&xml, &item, err));
        if (item.kind != XML_CLOSE) {
            continue;
        }
        if (item.depth == 3 && slice_is(item.name, "Key")) {
            key = item.text;
        } else if (item.depth == 3 && slice_is(item.name, "Size")) {
            size = item.text;
        } else if (item.depth == 2 && slice_is(item.name, "Contents")) {
            visit_key(page, decode_key(key, encoded, arena), strtoull(arena_text(arena, size), NULL, 10));
            key = size = (Slice){0};
        } else if (item.depth == 2 && slice_is(item.name, "NextContinuationToken") && item.text.size > 0) {
            page->next = arena_text(arena, item.text);
        } else if (item.depth == 2 && slice_is(item.name, "IsTruncated")) {
            truncated = slice_is(item.text, "true");
        }
    } while (item.kind != XML_END && !page->stopped);
    if (truncated && page->next == NULL && !page->stopped) {
        return FAIL(err, ERR_NET_PROTOCOL, "a list is said to go on, but not where");
    }
    return true;
}

static bool list_page(S3 *s3, S3Page *page, const char *prefix, const char *token, Arena *arena, Err *err) {
    DEFER(buf_release) Buf query = {0};
    if (token != NULL) { // parameters in the order of their names
        buf_text(&query, "continuation-token=");
        http_encode(&query, slice_of(token), false);
        buf_u8(&query, '&');
    }
    buf_text(&query, "encoding-type=url&list-type=2&max-keys=1000&prefix=");
    http_encode(&query, slice_of(s3->target.prefix), false);
    http_encode(&query, slice_of(prefix), false);
    buf_u8(&query, 0);
    S3Call call = s3_call(S3_LIST, NULL, (const char *)query.data);
    bool ok = s3_send(s3, &call, err) && s3_page_read(page, buf_slice(&call.answer.body), arena, err);
    if (!ok && err->code == ERR_NOT_FOUND) {
        err->code = ERR_NET_SETUP; // absence of a bucket is not that of an object
    }
    s3_call_release(&call);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool s3_list(S3 *s3, const char *prefix, bool (*visit)(void *context, const char *name, uint64_t size), void *context,
             Err *err) {
    S3Page page = {.prefix = s3->target.prefix, .visit = visit, .context = context};
    Buf token;
    buf_init(&token, 0);
    bool ok = true, first = true;
    while (ok && !page.stopped && (first || token.size > 0)) {
        Arena scratch;
        arena_init(&scratch, "scratch", 0);
        ok = list_page(s3, &page, prefix, first ? NULL : (const char *)token.data, &scratch, err);
        bool same = ok && !first && page.next != NULL && strcmp(page.next, (const char *)token.data) == 0;
        buf_reset(&token);
        if (same) {
            ok = FAIL(err, ERR_NET_PROTOCOL, "ListObjectsV2 s3://%s: the next page is the same", s3->target.bucket);
        } else if (ok && page.next != NULL) {
            buf_text(&token, page.next);
            buf_u8(&token, 0);
        }
        first = false;
        arena_release(&scratch);
    }
    buf_release(&token);
    return ok || err_frame(err, __FILE__, __LINE__);
}
