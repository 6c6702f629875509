// SPDX-License-Identifier: Apache-2.0
// URLs, and names in them and in messages.
#include "lake/catalog/rest/remote.h"

#define SCHEME "iceberg+"

// A value of the query as the user wrote it, encoded or not, encoded once.
static const char *encoded(const char *text, size_t size, Arena *arena) {
    DEFER(buf_release) Buf out = {0};
    http_encode(&out, arena_percent_decoded(arena, (Slice){(const uint8_t *)text, size}), false);
    return arena_text(arena, buf_slice(&out));
}

static bool query_read(const char *query, Arena *arena, const char **warehouse, Err *err) {
    while (*query != '\0') {
        size_t size = strcspn(query, "&");
        const char *equals = memchr(query, '=', size);
        size_t name = equals != NULL ? (size_t)(equals - query) : size;
        if (equals == NULL || name != strlen("warehouse") || memcmp(query, "warehouse", name) != 0) {
            FAIL(err, ERR_OPTION, "the catalog's URL has a parameter other than warehouse");
            return err_hint(err, "what else there is to say are options: catalog.credential, catalog.token, …");
        }
        *warehouse = encoded(equals + 1, size - name - 1, arena);
        query += size + (query[size] == '&');
    }
    return true;
}

bool remote_url(const char *url, Arena *arena, const char **base, const char **warehouse, Err *err) {
    ASSERT(strncmp(url, SCHEME, strlen(SCHEME)) == 0);
    url += strlen(SCHEME);
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url + strlen(url);
    size_t authority = strcspn(host, "/?#");
    if (authority == 0 || strchr(host, '#') != NULL) {
        FAIL(err, ERR_OPTION, "this is no URL of a catalog");
        return err_hint(err, "give iceberg+https://HOST/PATH?warehouse=NAME");
    }
    if (memchr(host, '@', authority) != NULL) {
        FAIL(err, ERR_OPTION, "the catalog's URL has a user or password in it");
        return err_hint(err, "set catalog.credential or catalog.token, as ${env:NAME} or ${file:/path}");
    }
    for (const char *at = url; *at != '\0'; at++) {
        if ((uint8_t)*at <= ' ' || *at == 0x7f) {
            return FAIL(err, ERR_OPTION, "the catalog's URL has a blank or a control character in it");
        }
    }
    Slice whole = {(const uint8_t *)url, (size_t)(host - url) + strcspn(host, "?")};
    const char *query = url + whole.size;
    while (whole.data[whole.size - 1] == '/') {
        whole.size--;
    }
    if (whole.size > 3 && memcmp(whole.data + whole.size - 3, "/v1", 3) == 0) {
        whole.size -= 3;
    }
    *base = arena_text(arena, whole);
    *warehouse = "";
    return *query == '\0' || query_read(query + 1, arena, warehouse, err);
}

// --- paths -----------------------------------------------------------------------------------------------------

bool remote_space_path(const Remote *remote, Slice space, Buf *path, Err *err) {
    size_t begin = 0;
    buf_text(path, "namespaces/");
    for (size_t i = 0; i <= space.size; i++) {
        if (i < space.size && space.data[i] == remote->between_byte && remote->between_byte != 0x1f) {
            FAIL(err, ERR_VALUE, "namespace %s: this catalog takes \"%c\" for the end of a level",
                 remote_space_text(space).text, remote->between_byte);
            return err_hint(err, "give the namespace another name, with rename or namespace");
        }
        if (i == space.size || space.data[i] == 0x1f) {
            if (i == begin) {
                return FAIL(err, ERR_VALUE, "a namespace without a name");
            }
            buf_text(path, begin > 0 ? remote->between : "");
            http_encode(path, (Slice){space.data + begin, i - begin}, false);
            begin = i + 1;
        }
    }
    return true;
}

bool remote_table_path(const Remote *remote, TableName name, Buf *path, Err *err) {
    bool dots = slice_is(name.table, ".") || slice_is(name.table, ".."); // which the way would lose
    if (name.table.size == 0 || dots) {
        return FAIL(err, ERR_VALUE, "no table is called \"%.*s\"", SLICE_ARG(name.table));
    }
    TRY(remote_space_path(remote, name.space, path, err));
    buf_text(path, "/tables/");
    http_encode(path, name.table, false);
    return true;
}

// --- messages --------------------------------------------------------------------------------------------------

RemoteText remote_clean(Slice text) {
    RemoteText clean = {{0}};
    size_t size = MIN(text.size, sizeof(clean.text) - 1);
    for (size_t i = 0; i < size; i++) {
        clean.text[i] = (char)(text.data[i] < ' ' || text.data[i] == 0x7f ? ' ' : text.data[i]);
    }
    while (size > 0 && size < text.size && ((uint8_t)clean.text[size - 1] & 0x80) != 0) { // no half of a character
        clean.text[--size] = '\0';
    }
    return clean;
}

RemoteText remote_space_text(Slice space) {
    RemoteText text = remote_clean(space);
    for (size_t i = 0; i < MIN(space.size, sizeof(text.text) - 1); i++) {
        text.text[i] = (char)(space.data[i] == 0x1f ? '.' : text.text[i]);
    }
    return text;
}

bool remote_no_space(Slice space, Err *err) {
    return FAIL(err, ERR_NOT_FOUND, "Namespace does not exist: %s", remote_space_text(space).text);
}

bool remote_no_table(TableName name, Err *err) {
    return FAIL(err, ERR_NOT_FOUND, "Table does not exist: %s.%s", remote_space_text(name.space).text,
                remote_clean(name.table).text);
}
