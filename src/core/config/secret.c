// SPDX-License-Identifier: Apache-2.0
#include "core/config/secret.h"

#include "core/base/buf.h"
#include "core/sys/file.h"

enum { SECRET_BYTES_MAX = 64 * 1024 };

// `at` stands on "${kind:". The kind's length, or 0 when this is not the start of a reference but plain text.
static size_t reference_kind(const char *at) {
    if (at[0] != '$' || at[1] != '{') {
        return 0;
    }
    size_t size = strspn(at + 2, "abcdefghijklmnopqrstuvwxyz_");
    return at[2 + size] == ':' ? size : 0;
}

static bool append_env(const char *name, Buf *out, Err *err) {
    const char *value = getenv(name);
    if (value == NULL) {
        FAIL(err, ERR_OPTION, "${env:%s}: the environment has no variable of that name", name);
        return err_hint(err, "export %s, or correct the reference", name);
    }
    buf_text(out, value);
    return true;
}

static bool append_file(const char *path, Arena *arena, Buf *out, Err *err) {
    Slice bytes;
    if (!file_read_all(path, SECRET_BYTES_MAX, arena, &bytes, err)) {
        return err_prefix(err, "${file:%s}", path);
    }
    if (memchr(bytes.data, '\0', bytes.size) != NULL) {
        return FAIL(err, ERR_OPTION, "${file:%s}: a secret cannot contain a NUL byte", path);
    }
    if (bytes.size > 0 && bytes.data[bytes.size - 1] == '\n') {
        bytes.size--;
    }
    if (bytes.size > 0 && bytes.data[bytes.size - 1] == '\r') {
        bytes.size--;
    }
    buf_put(out, bytes);
    return true;
}

static bool append_reference(Slice kind, const char *target, Arena *arena, Buf *out, Err *err) {
    if (*target == '\0') {
        return FAIL(err, ERR_OPTION, "${%.*s:}: the reference names nothing", SLICE_ARG(kind));
    }
    if (slice_is(kind, "env")) {
        return append_env(target, out, err);
    }
    if (slice_is(kind, "file")) {
        return append_file(target, arena, out, err);
    }
    FAIL(err, ERR_OPTION, "${%.*s:…}: no such kind of reference", SLICE_ARG(kind));
    return err_hint(err, "use ${env:NAME} or ${file:/path}; a literal ${ is written $${");
}

static bool append_all(const char *text, Arena *arena, Buf *out, Err *err) {
    const char *at = text;
    while (*at != '\0') {
        if (strncmp(at, "$${", 3) == 0) {
            buf_text(out, "${");
            at += 3;
            continue;
        }
        size_t kind_size = reference_kind(at);
        if (kind_size == 0) {
            buf_u8(out, (uint8_t)*at++);
            continue;
        }
        Slice kind = {(const uint8_t *)at + 2, kind_size};
        const char *target = at + 2 + kind_size + 1;
        const char *end = strchr(target, '}');
        if (end == NULL) {
            FAIL(err, ERR_OPTION, "${%.*s:…: the reference has no closing brace", SLICE_ARG(kind));
            return err_hint(err, "a literal ${ is written $${");
        }
        Slice name = {(const uint8_t *)target, (size_t)(end - target)};
        TRY(append_reference(kind, arena_text(arena, name), arena, out, err));
        at = end + 1;
    }
    return true;
}

bool secret_resolve(const char *text, Arena *arena, char **resolved, Err *err) {
    DEFER(buf_release) Buf out = {0};
    buf_init(&out, MIB);
    TRY(append_all(text, arena, &out, err));
    if (out.overflow) {
        return FAIL(err, ERR_OPTION, "the text is larger than 1 MiB with its references resolved");
    }
    *resolved = arena_text(arena, buf_slice(&out));
    return true;
}

bool secret_referenced(const char *text) {
    for (const char *at = strchr(text, '$'); at != NULL; at = strchr(at + 1, '$')) {
        if (strncmp(at, "$${", 3) == 0) {
            at += 2;
        } else if (reference_kind(at) > 0) {
            return true;
        }
    }
    return false;
}
