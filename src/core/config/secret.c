// SPDX-License-Identifier: Apache-2.0
#include "core/config/secret.h"

#include "core/base/buf.h"
#include "core/config/java_properties.h"
#include "core/config/seal.h"
#include "core/sys/file.h"

enum { SECRET_BYTES_MAX = 64 * 1024, SECRET_NAME_MAX = 64 };

// `at` stands on "${kind:". The kind's length, or 0 when this is not the start of a reference but plain text.
static size_t reference_kind(const char *at) {
    if (at[0] != '$' || at[1] != '{') {
        return 0;
    }
    size_t size = strspn(at + 2, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return at[2 + size] == ':' && size <= SECRET_NAME_MAX ? size : 0;
}

static bool append_env(const char *target, Buf *out, Err *err) {
    const char *colon = strrchr(target, ':'); // Connect allows a path before the name, and does nothing with it
    const char *name = colon != NULL ? colon + 1 : target;
    const char *value = getenv(name);
    if (value == NULL) {
        FAIL(err, ERR_OPTION, "${env:%s}: the environment has no variable of that name", name);
        return err_hint(err, "export %s, or correct the reference", name);
    }
    buf_text(out, value);
    return true;
}

static bool append_content(const char *path, Arena *arena, Buf *out, Err *err) {
    Slice bytes;
    TRY(file_read_all(path, SECRET_BYTES_MAX, arena, &bytes, err));
    if (memchr(bytes.data, '\0', bytes.size) != NULL) {
        return FAIL(err, ERR_OPTION, "a secret cannot contain a NUL byte");
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

// A key of a properties file.
static bool append_key(const char *path, const char *key, Arena *arena, Buf *out, Err *err) {
    Slice bytes, value;
    TRY(file_read_all(path, SECRET_BYTES_MAX, arena, &bytes, err));
    if (!java_properties_find(arena, bytes, slice_of(key), &value)) {
        FAIL(err, ERR_OPTION, "the file has no key of that name");
        return err_hint(err, "one line of a properties file is: key=value");
    }
    buf_put(out, value);
    return true;
}

static bool append_file(const char *target, Arena *arena, Buf *out, Err *err) {
    const char *colon = strchr(target, ':');
    if (colon == NULL || file_exists(target)) {
        return append_content(target, arena, out, err);
    }
    const char *path = arena_printf(arena, "%.*s", (int)(colon - target), target);
    return append_key(path, colon + 1, arena, out, err);
}

static bool append_directory(const char *target, Arena *arena, Buf *out, Err *err) {
    const char *colon = strchr(target, ':');
    if (colon == NULL || colon[1] == '\0' || strchr(colon, '/') != NULL || strcmp(colon + 1, "..") == 0) {
        FAIL(err, ERR_OPTION, "a directory and the name of a file in it are needed");
        return err_hint(err, "write ${directory:/path:name}");
    }
    const char *path = arena_printf(arena, "%.*s/%s", (int)(colon - target), target, colon + 1);
    return append_content(path, arena, out, err);
}

static bool append_sealed(const char *target, Arena *arena, Buf *out, Err *err) {
    Slice secret;
    TRY(seal_open(slice_of(target), arena, &secret, err));
    if (memchr(secret.data, '\0', secret.size) != NULL) {
        return FAIL(err, ERR_OPTION, "a secret cannot contain a NUL byte");
    }
    buf_put(out, secret);
    return true;
}

// What a name of a provider means to this configuration; NULL: nothing.
static const char *provider_kind(Slice name, const Properties *config, Arena *arena) {
    static const char *const KINDS[] = {"env", "file", "directory", "sealed"};
    const char *key = arena_printf(arena, "config.providers.%.*s.class", SLICE_ARG(name));
    const Property *class = config == NULL ? NULL : properties_find(config, slice_of(key));
    if (class != NULL && class->value.data != NULL) {
        const char *text = arena_text(arena, class->value);
        return strstr(text, "FileConfigProvider") != NULL        ? "file"
               : strstr(text, "DirectoryConfigProvider") != NULL ? "directory"
               : strstr(text, "EnvVarConfigProvider") != NULL    ? "env"
                                                                 : NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (slice_is(name, KINDS[i])) {
            return KINDS[i];
        }
    }
    return NULL;
}

typedef struct Resolving {
    Arena *arena;
    const Properties *config; // may be NULL
    Buf *out;
} Resolving;

static bool append_reference(const Resolving *to, Slice name, const char *target, Err *err) {
    if (*target == '\0') {
        return FAIL(err, ERR_OPTION, "${%.*s:}: the reference names nothing", SLICE_ARG(name));
    }
    const char *kind = provider_kind(name, to->config, to->arena);
    if (kind == NULL) {
        FAIL(err, ERR_OPTION, "${%.*s:…}: no such kind of reference", SLICE_ARG(name));
        return err_hint(err, "use ${env:NAME}, ${file:/path}, ${file:/path:key} or ${directory:/path:file}; a literal "
                             "${ is written $${");
    }
    if (strcmp(kind, "sealed") == 0) {
        return append_sealed(target, to->arena, to->out, err);
    }
    if (strcmp(kind, "env") == 0) {
        return append_env(target, to->out, err);
    }
    bool ok = strcmp(kind, "file") == 0 ? append_file(target, to->arena, to->out, err)
                                        : append_directory(target, to->arena, to->out, err);
    return ok || err_prefix(err, "${%.*s:%s}", SLICE_ARG(name), target);
}

static bool append_all(const Resolving *to, const char *text, Err *err) {
    const char *at = text;
    while (*at != '\0') {
        if (strncmp(at, "$${", 3) == 0) {
            buf_text(to->out, "${");
            at += 3;
            continue;
        }
        size_t name_size = reference_kind(at);
        if (name_size == 0) {
            buf_u8(to->out, (uint8_t)*at++);
            continue;
        }
        Slice name = {(const uint8_t *)at + 2, name_size};
        const char *target = at + 2 + name_size + 1;
        const char *end = strchr(target, '}');
        if (end == NULL) {
            FAIL(err, ERR_OPTION, "${%.*s:…: the reference has no closing brace", SLICE_ARG(name));
            return err_hint(err, "a literal ${ is written $${");
        }
        Slice inner = {(const uint8_t *)target, (size_t)(end - target)};
        TRY(append_reference(to, name, arena_text(to->arena, inner), err));
        at = end + 1;
    }
    return true;
}

static bool resolve_text(const char *text, const Properties *config, Arena *arena, char **resolved, Err *err) {
    DEFER(buf_release) Buf out = {0};
    buf_init(&out, MIB);
    Resolving to = {arena, config, &out};
    TRY(append_all(&to, text, err));
    if (out.overflow) {
        return FAIL(err, ERR_OPTION, "the text is larger than 1 MiB with its references resolved");
    }
    *resolved = arena_text(arena, buf_slice(&out));
    return true;
}

bool secret_resolve(const char *text, Arena *arena, char **resolved, Err *err) {
    return resolve_text(text, NULL, arena, resolved, err);
}

bool secret_resolve_all(Arena *arena, const Properties *config, Properties *resolved, Err *err) {
    *resolved = (Properties){ARENA_ARRAY(arena, Property, config->count), config->count};
    for (size_t i = 0; i < config->count; i++) {
        resolved->at[i] = config->at[i];
        if (config->at[i].value.data == NULL) {
            continue;
        }
        char *text;
        if (!resolve_text(arena_text(arena, config->at[i].value), config, arena, &text, err)) {
            return err_prefix(err, "%.*s", SLICE_ARG(config->at[i].name));
        }
        resolved->at[i].value = slice_of(text);
    }
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
