// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/url.h"

#include "core/base/buf.h"
#include "core/config/secret.h"
#include "flow/source/postgres/conn.h"

enum { REFERENCES_MAX = 16, URL_BYTES_MAX = 16 * 1024 };
#define MARK 1 // stands, twice, around the number of a reference; refused in input

typedef struct References {
    Slice at[REFERENCES_MAX]; // "env:NAME", "file:/path"
    int count;
} References;

static bool is_uri(const char *text) {
    return strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0;
}

// The reference that begins at `text` ("${…}"), without its braces; an empty slice when none does.
static Slice reference_at(const char *text) {
    const char *end = text[0] == '$' && text[1] == '{' ? strchr(text, '}') : NULL;
    return end != NULL ? (Slice){(const uint8_t *)text + 2, (size_t)(end - text) - 2} : (Slice){0};
}

static bool has_prefix(Slice text, const char *prefix) {
    size_t size = strlen(prefix);
    return text.size > size && memcmp(text.data, prefix, size) == 0;
}

// True when the whole of the text is one reference.
static bool is_reference(Slice text) {
    return text.size > 3 && text.data[0] == '$' && text.data[1] == '{' &&
           memchr(text.data, '}', text.size) == text.data + text.size - 1;
}

static bool reference_check(Slice reference, size_t place, Err *err) {
    if (has_prefix(reference, "env:") || has_prefix(reference, "file:")) {
        return true;
    }
    (void)FAIL(err, ERR_OPTION, "source URL, character %zu: '${' begins no known reference", place + 1);
    return err_hint(err, "write ${env:NAME} or ${file:/path}; a literal ${ is written $${");
}

static bool reference_value(Arena *arena, Slice reference, char **value, Err *err) {
    return secret_resolve(arena_printf(arena, "${%.*s}", SLICE_ARG(reference)), arena, value, err) ||
           err_prefix(err, "source URL");
}

// The text with each reference replaced by its mark, which libpq carries through as it is.
static bool references_take_out(Arena *arena, const char *text, References *references, char **out, Err *err) {
    DEFER(buf_release) Buf buf = {0};
    buf_init(&buf, 2 * URL_BYTES_MAX);
    for (const char *at = text; *at != 0;) {
        Slice reference = reference_at(at);
        if (strncmp(at, "$${", 3) == 0) {
            buf_text(&buf, "${");
            at += 3;
        } else if (at[0] == '$' && at[1] == '{') {
            TRY(reference_check(reference, (size_t)(at - text), err));
            if (references->count == REFERENCES_MAX) {
                return FAIL(err, ERR_OPTION, "source URL: more than %d references", REFERENCES_MAX);
            }
            buf_printf(&buf, "%c%c%c", MARK, 'A' + references->count, MARK);
            references->at[references->count++] = reference;
            at += reference.size + 3;
        } else if (*at == MARK) {
            return FAIL(err, ERR_OPTION, "source URL, character %zu: a control character", (size_t)(at - text) + 1);
        } else {
            buf_u8(&buf, (uint8_t)*at++);
        }
    }
    if (buf.overflow || strlen(text) > URL_BYTES_MAX) {
        return FAIL(err, ERR_OPTION, "source URL: longer than %d bytes", URL_BYTES_MAX);
    }
    *out = arena_text(arena, buf_slice(&buf));
    return true;
}

static bool references_put_in(Arena *arena, const References *references, const char *value, char **out, Err *err) {
    DEFER(buf_release) Buf buf = {0};
    for (const char *at = value; *at != 0;) {
        if (at[0] == MARK && at[1] >= 'A' && at[1] < 'A' + references->count && at[2] == MARK) {
            char *secret = NULL;
            TRY(reference_value(arena, references->at[at[1] - 'A'], &secret, err));
            buf_text(&buf, secret);
            at += 3;
        } else {
            buf_u8(&buf, (uint8_t)*at++);
        }
    }
    *out = arena_text(arena, buf_slice(&buf));
    return true;
}

// libpq's remark on a URL that it cannot parse quotes the text at fault, which may be a password. So only remarks that
// name an option are handed on, and none when a secret stands in the URL as it is.
static bool parse_fail(const char *text, const char *remark, Err *err) {
    static const char *const TELLING[] = {"invalid URI query parameter",   "invalid connection option",
                                          "invalid percent-encoded token", "forbidden value %00",
                                          "missing \"=\" after",           "unexpected character"};
    const char *what = "it is malformed";
    for (size_t i = 0; i < ARRAY_LEN(TELLING); i++) {
        if (strncmp(remark, TELLING[i], strlen(TELLING[i])) == 0) {
            what = TELLING[i];
        }
    }
    bool quotable = (what == TELLING[0] || what == TELLING[1]) && strstr(text, "password") == NULL;
    const char *shown = quotable ? remark : what;
    (void)FAIL(err, ERR_OPTION, "source URL: %.*s", (int)MIN(strcspn(shown, "\n"), (size_t)200), shown);
    return err_hint(err, "write postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE; in a password, encode "
                         "special characters (@ is %%40, / is %%2F, %% is %%25) or use ${env:NAME}");
}

static bool port_check(const char *ports, Err *err) {
    for (const char *at = ports; *at != 0; at++) {
        if ((*at < '0' || *at > '9') && *at != ',') {
            (void)FAIL(err, ERR_OPTION, "source URL: the port is no number");
            return err_hint(err, "a '/' or '@' in a password must be written %%2F, %%40");
        }
    }
    return true;
}

// Parses without resolving: values still hold their marks.
static bool url_parse(Arena *arena, const char *text, PgUrl *url, References *references, Err *err) {
    char *marked = NULL;
    TRY(references_take_out(arena, text, references, &marked, err));
    if (!is_uri(text) && (strstr(text, "://") != NULL || strchr(text, '=') == NULL)) {
        (void)FAIL(err, ERR_OPTION, "source URL: neither postgres://… nor a list of OPTION=VALUE");
        return err_hint(err, "write postgres://USER@HOST:PORT/DATABASE");
    }
    char *remark = NULL;
    PQconninfoOption *options = PQconninfoParse(marked, &remark);
    if (options == NULL) {
        (void)parse_fail(text, remark != NULL ? remark : "", err);
        PQfreemem(remark);
        return false;
    }
    url->arena = arena;
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (option->val != NULL) {
            pg_url_set(url, option->keyword, arena_text(arena, slice_of(option->val)));
        }
    }
    PQconninfoFree(options);
    const char *port = pg_url_get(url, "port");
    return port == NULL || strchr(port, MARK) != NULL || port_check(port, err);
}

static bool whole_resolve(Arena *arena, const char **text, Err *err) {
    if (is_reference(slice_of(*text))) {
        char *value = NULL;
        TRY(reference_check(reference_at(*text), 0, err));
        TRY(reference_value(arena, reference_at(*text), &value, err));
        *text = value;
    }
    return true;
}

bool pg_url_resolve(Arena *arena, const char *text, PgUrl *url, Err *err) {
    References references = {0};
    TRY(whole_resolve(arena, &text, err));
    TRY(url_parse(arena, text, url, &references, err));
    for (int i = 0; i < url->count; i++) {
        char *value = NULL;
        TRY(references_put_in(arena, &references, url->values[i], &value, err));
        url->values[i] = value;
    }
    const char *port = pg_url_get(url, "port");
    return port == NULL || port_check(port, err);
}

bool pg_url_check(const char *text, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 4 * MIB);
    References references = {0};
    PgUrl url = {0};
    if (is_reference(slice_of(text))) {
        return reference_check(reference_at(text), 0, err);
    }
    return url_parse(&scratch, text, &url, &references, err);
}

// --- the parsed form -------------------------------------------------------------------------------------------

static int url_find(const PgUrl *url, const char *keyword) {
    for (int i = 0; i < url->count; i++) {
        if (strcmp(url->keywords[i], keyword) == 0) {
            return i;
        }
    }
    return -1;
}

const char *pg_url_get(const PgUrl *url, const char *keyword) {
    int at = url_find(url, keyword);
    return at >= 0 ? url->values[at] : NULL;
}

void pg_url_set(PgUrl *url, const char *keyword, const char *value) {
    int at = url_find(url, keyword);
    if (at < 0) {
        ASSERT(url->count < PG_URL_OPTIONS_MAX);
        at = url->count++;
        url->keywords[at] = arena_text(url->arena, slice_of(keyword));
    }
    url->values[at] = value;
}

void pg_url_default(PgUrl *url, const char *keyword, const char *value) {
    static const char *const VARIABLES[][2] = {{"application_name", "PGAPPNAME"}, {"gssencmode", "PGGSSENCMODE"}};
    for (size_t i = 0; i < ARRAY_LEN(VARIABLES); i++) {
        if (strcmp(keyword, VARIABLES[i][0]) == 0 && getenv(VARIABLES[i][1]) != NULL) {
            return;
        }
    }
    if (pg_url_get(url, keyword) == NULL) {
        pg_url_set(url, keyword, value);
    }
}

int64_t pg_url_timeout_seconds(const PgUrl *url, int64_t preset) {
    const char *text = pg_url_get(url, "connect_timeout");
    text = text != NULL ? text : getenv("PGCONNECT_TIMEOUT");
    int64_t seconds = text != NULL ? strtoll(text, NULL, 10) : preset;
    return seconds > 0 && seconds < 3600 ? MAX(seconds, 2) : seconds <= 0 && text != NULL ? 3600 : preset;
}

// The n-th of a comma-separated list; the only one of a shorter list (libpq: one port for all hosts).
static Slice list_item(const char *list, int n) {
    const char *start = list;
    for (int i = 0; i < n; i++) {
        const char *comma = strchr(start, ',');
        if (comma == NULL) {
            return i == 0 || start == list ? slice_of(list) : (Slice){0};
        }
        start = comma + 1;
    }
    return (Slice){(const uint8_t *)start, strcspn(start, ",")};
}

static int list_count(const char *list) {
    int count = 1;
    for (const char *at = list; (at = strchr(at, ',')) != NULL; at++) {
        count++;
    }
    return count;
}

static void list_drop(PgUrl *url, const char *keyword, int count) {
    const char *list = pg_url_get(url, keyword);
    if (list != NULL && list_count(list) > count) {
        const char *start = list;
        for (int i = 0; i < count; i++) {
            start = strchr(start, ',') + 1;
        }
        pg_url_set(url, keyword, start);
    }
}

bool pg_url_drop_host(PgUrl *url, const char *host, const char *port) {
    const char *hosts = pg_url_get(url, "host"), *addresses = pg_url_get(url, "hostaddr");
    const char *list = hosts != NULL ? hosts : addresses;
    const char *ports = pg_url_get(url, "port");
    int count = list != NULL ? list_count(list) : 1;
    for (int i = 0; i < count - 1; i++) {
        Slice item = list_item(list, i);
        Slice item_port = ports != NULL ? list_item(ports, i) : (Slice){0};
        if (slice_is(item, host) && (item_port.size == 0 || slice_is(item_port, port))) {
            list_drop(url, "host", i + 1);
            list_drop(url, "hostaddr", i + 1);
            list_drop(url, "port", i + 1);
            return true;
        }
    }
    return false;
}

// --- for people ------------------------------------------------------------------------------------------------

// A secret's place: the reference stays, anything else becomes ***.
static void mask(Buf *buf, Slice value) {
    if (is_reference(value)) {
        buf_put(buf, value);
    } else if (value.size > 0) {
        buf_text(buf, "***");
    }
}

// libpq decodes percent signs in keywords too.
static bool is_secret(Slice keyword) {
    char plain[32] = {0};
    size_t size = 0;
    for (size_t i = 0; i < keyword.size && size < sizeof(plain) - 1; i++) {
        int c = keyword.data[i];
        if (c == '%' && i + 2 < keyword.size && hex_digit(keyword.data[i + 1]) >= 0) {
            c = hex_digit(keyword.data[i + 1]) * 16 + MAX(hex_digit(keyword.data[i + 2]), 0);
            i += 2;
        }
        plain[size++] = (char)c;
    }
    return strstr(plain, "password") != NULL || strstr(plain, "secret") != NULL || strstr(plain, "token") != NULL;
}

// Length of `text` up to one of the characters in `stop`, references passed over whole.
static size_t span_until(const char *text, const char *stop) {
    const char *at = text;
    while (*at != 0 && strchr(stop, *at) == NULL) {
        Slice reference = reference_at(at);
        at += reference.size > 0 ? reference.size + 3 : 1;
    }
    return (size_t)(at - text);
}

// Where user and password end: libpq takes the first '@' before a '/'. A password with a raw '@', '/' or '?' makes
// the URL another than its writer thinks; so when an '@' follows where a port should be a number, all up to the last
// one is taken as secret.
static size_t credentials_size(const char *rest) {
    size_t size = span_until(rest, "@/?");
    size_t authority = span_until(rest, "/?");
    const char *last = strrchr(rest, '@');
    if (last == NULL) {
        return 0;
    }
    if (rest[size] == '@') {
        size_t end = size;
        for (size_t next = size; next < authority; next += 1 + span_until(rest + next + 1, "@/?")) {
            end = rest[next] == '@' ? next : end;
        }
        return end;
    }
    size_t colon = span_until(rest, ":/?");
    if (rest[colon] != ':') {
        return 0;
    }
    size_t digits = strspn(rest + colon + 1, "0123456789,");
    bool port = colon + 1 + digits >= authority || strchr(rest + colon, '[') != NULL;
    return port ? 0 : (size_t)(last - rest);
}

static void mask_uri(Buf *buf, const char *text) {
    const char *rest = strstr(text, "://") + 3;
    buf_bytes(buf, text, (size_t)(rest - text));
    size_t size = credentials_size(rest);
    if (size > 0) {
        size_t user = MIN(span_until(rest, ":"), size);
        buf_bytes(buf, rest, user);
        if (user < size) {
            buf_u8(buf, ':');
            mask(buf, (Slice){(const uint8_t *)rest + user + 1, size - user - 1});
        }
        rest += size;
    }
    size_t path = span_until(rest, "?");
    buf_bytes(buf, rest, path);
    for (rest += path; *rest != 0;) {
        buf_u8(buf, (uint8_t)*rest++); // ? or &
        size_t key = span_until(rest, "=&");
        buf_bytes(buf, rest, key);
        bool secret = is_secret((Slice){(const uint8_t *)rest, key});
        rest += key;
        if (*rest == '=') {
            buf_u8(buf, '=');
            size_t value = span_until(++rest, "&");
            if (secret) {
                mask(buf, (Slice){(const uint8_t *)rest, value});
            } else {
                buf_bytes(buf, rest, value);
            }
            rest += value;
        }
    }
}

// A value of a conninfo string: 'quoted', or up to a blank; backslashes take the next character with them.
static size_t conninfo_value(const char *text) {
    bool quote = text[0] == '\'';
    size_t at = quote ? 1 : 0;
    while (text[at] != 0) {
        Slice reference = reference_at(text + at);
        if (reference.size > 0) {
            at += reference.size + 3;
        } else if (text[at] == '\\' && text[at + 1] != 0) {
            at += 2;
        } else if (quote ? text[at] == '\'' : strchr(" \t\r\n", text[at]) != NULL) {
            return at + (quote ? 1 : 0);
        } else {
            at++;
        }
    }
    return at;
}

static void mask_conninfo(Buf *buf, const char *text) {
    static const char BLANKS[] = " \t\r\n";
    while (*(text += strspn(text, BLANKS)) != 0) {
        size_t key = strcspn(text, "= \t\r\n");
        const char *equals = text + key + strspn(text + key, BLANKS);
        if (buf->size > 0) {
            buf_u8(buf, ' ');
        }
        if (*equals != '=') {
            buf_text(buf, "***"); // what stands here may be the rest of a secret
            text += MAX(key, (size_t)1);
            continue;
        }
        const char *value = equals + 1 + strspn(equals + 1, BLANKS);
        Slice bytes = {(const uint8_t *)value, conninfo_value(value)};
        Slice keyword = {(const uint8_t *)text, key};
        buf_put(buf, keyword);
        buf_u8(buf, '=');
        if (is_secret(keyword) || memmem(bytes.data, bytes.size, "://", 3) != NULL) {
            mask(buf, bytes);
        } else {
            buf_put(buf, bytes);
        }
        text = value + bytes.size;
    }
}

char *pg_url_masked(Arena *arena, const char *text) {
    DEFER(buf_release) Buf buf = {0};
    if (is_reference(slice_of(text))) {
        buf_text(&buf, text);
    } else if (strstr(text, "://") != NULL && strcspn(text, "=") > strcspn(text, ":")) {
        mask_uri(&buf, text);
    } else {
        mask_conninfo(&buf, text);
    }
    return arena_text(arena, buf_slice(&buf));
}
