// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/source_url.h"

#include "core/base/buf.h"
#include "core/config/seal.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <strings.h>

// libpq's parameters that are secrets.
static const char *const SECRETS[] = {"password", "sslpassword", "oauth_client_secret", "scram_client_key",
                                      "scram_server_key"};

static bool is_secret(Slice name) {
    for (size_t i = 0; i < ARRAY_LEN(SECRETS); i++) {
        if (name.size == strlen(SECRETS[i]) && strncasecmp((const char *)name.data, SECRETS[i], name.size) == 0) {
            return true;
        }
    }
    return seal_is_secret(name);
}

// Past a ${…} that starts here, else one byte further.
static const char *step(const char *at, const char *end) {
    if (end - at > 2 && at[0] == '$' && at[1] == '{') {
        const char *close = memchr(at, '}', (size_t)(end - at));
        return close != NULL ? close + 1 : at + 1;
    }
    return at + 1;
}

// The first of `stops` outside of a reference; `end` when there is none.
static const char *find(const char *at, const char *end, const char *stops) {
    while (at < end && strchr(stops, *at) == NULL) {
        at = step(at, end);
    }
    return at;
}

// One reference and nothing else: ${env:NAME}, ${file:/path}.
static bool is_reference(const char *at, const char *end) {
    return end - at > 3 && at[0] == '$' && at[1] == '{' && step(at, end) == end;
}

static Slice between(const char *at, const char *end) {
    return (Slice){(const uint8_t *)at, (size_t)(end - at)};
}

// user:password@host, up to the path. A password with a bare "@" ends at the last one here, so that no part of it is
// taken for a host.
static void authority(Buf *out, const char *at, const char *end, bool *removed) {
    const char *host = NULL;
    for (const char *sign = find(at, end, "@"); sign < end; sign = find(sign + 1, end, "@")) {
        host = sign;
    }
    if (host == NULL) {
        buf_put(out, between(at, end));
        return;
    }
    const char *colon = find(at, host, ":");
    if (colon < host && !is_reference(colon + 1, host)) {
        *removed = *removed || colon + 1 < host;
        buf_put(out, between(at, colon));
    } else {
        buf_put(out, between(at, host));
    }
    buf_put(out, between(host, end));
}

static void query(Arena *arena, Buf *out, const char *at, const char *end, bool *removed) {
    char separator = '?';
    while (at < end) {
        const char *next = find(at, end, "&"), *equals = find(at, next, "=");
        Slice name = arena_percent_decoded(arena, between(at, equals)); // as libpq reads it
        if (is_secret(name) && (equals == next || !is_reference(equals + 1, next))) {
            *removed = true;
        } else {
            buf_u8(out, (uint8_t)separator);
            buf_put(out, between(at, next));
            separator = '&';
        }
        at = next < end ? next + 1 : end;
    }
}

static void uri(Arena *arena, Buf *out, const char *url, const char *start, bool *removed) {
    const char *end = url + strlen(url), *slash = find(start, end, "/?"), *question;
    // A bare "/" or "?" in the password would end the authority early: look for an "@" behind it, before the query.
    for (const char *sign = find(slash, end, "@"); sign < end; sign = find(sign + 1, end, "@")) {
        if (find(slash, sign, "=") == sign) {
            slash = find(sign, end, "/?");
        }
    }
    question = find(slash, end, "?");
    buf_put(out, between(url, start));
    authority(out, start, slash, removed);
    buf_put(out, between(slash, question));
    if (question < end) {
        query(arena, out, question + 1, end, removed);
    }
}

// The end of a conninfo value: quoted, or up to white space; a backslash takes the next byte along.
static const char *value_end(const char *at, const char *end) {
    bool quoted = at < end && *at == '\'';
    at += quoted;
    while (at < end && (quoted ? *at != '\'' : !isspace((unsigned char)*at))) {
        at = *at == '\\' && at + 1 < end ? at + 2 : step(at, end);
    }
    return quoted && at < end ? at + 1 : at;
}

static bool value_is_reference(const char *at, const char *end) {
    bool quoted = end - at >= 2 && *at == '\'' && end[-1] == '\'';
    return is_reference(at + quoted, end - quoted);
}

static void conninfo(Buf *out, const char *url, bool *removed) {
    const char *at = url, *end = url + strlen(url);
    while (at < end) {
        while (at < end && isspace((unsigned char)*at)) {
            at++;
        }
        const char *name = at, *equals = find(at, end, "=");
        const char *name_end = equals;
        while (name_end > name && isspace((unsigned char)name_end[-1])) {
            name_end--;
        }
        const char *value = equals < end ? equals + 1 : end;
        while (value < end && isspace((unsigned char)*value)) {
            value++;
        }
        at = value_end(value, end);
        if (is_secret(between(name, name_end)) && !value_is_reference(value, at)) {
            *removed = true;
        } else if (name < at) {
            buf_text(out, out->size > 0 ? " " : "");
            buf_put(out, between(name, at));
        }
    }
}

char *source_url_stored(Arena *arena, const char *url, bool *removed) {
    DEFER(buf_release) Buf out = {0};
    const char *scheme = strstr(url, "://");
    *removed = false;
    if (scheme != NULL && find(url, scheme, " =") == scheme) {
        uri(arena, &out, url, scheme + 3, removed);
    } else {
        conninfo(&out, url, removed);
    }
    return arena_text(arena, buf_slice(&out));
}

// The URL with something harmless in place of each reference, so that libpq can take it apart.
static char *without_references(Arena *arena, const char *url) {
    DEFER(buf_release) Buf out = {0};
    for (const char *at = url, *end = url + strlen(url), *next; at < end; at = next) {
        next = step(at, end);
        if (next - at > 1) {
            buf_u8(&out, 'x');
        } else {
            buf_u8(&out, (uint8_t)*at);
        }
    }
    return arena_text(arena, buf_slice(&out));
}

// Kafka's: what its path says, the topics.
static char *topics_of(Arena *arena, const char *url) {
    const char *path = strchr(url + strlen("kafka://"), '/');
    path = path != NULL ? path + 1 : "";
    return arena_printf(arena, "%.*s", (int)strcspn(path, "?"), path);
}

char *source_url_database(Arena *arena, const char *url) {
    if (strncmp(url, "kafka://", strlen("kafka://")) == 0) {
        return topics_of(arena, url);
    }
    char *message = NULL;
    const char *database = NULL, *user = NULL;
    PQconninfoOption *options = PQconninfoParse(without_references(arena, url), &message);
    for (PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++) {
        if (strcmp(option->keyword, "dbname") == 0 && option->val != NULL) {
            database = option->val;
        } else if (strcmp(option->keyword, "user") == 0 && option->val != NULL) {
            user = option->val;
        }
    }
    database = database != NULL && database[0] != '\0' ? database : getenv("PGDATABASE");
    database = database != NULL ? database : user;
    database = database != NULL ? database : getenv("PGUSER");
    char *text = arena_text(arena, slice_of(database != NULL ? database : "postgres"));
    PQconninfoFree(options);
    PQfreemem(message);
    return text;
}
