// SPDX-License-Identifier: Apache-2.0
#include "surface/api/security.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/stat.h>

enum { TOKENS_MAX = 1000, FILE_BYTES_MAX = 1 << 20, SHOWN_BYTES_MAX = 4096, LOOK_US = 1000 * 1000 };

typedef struct Token {
    Slice name, salt;
    ApiRole role;
    uint8_t digest[SHA256_DIGEST_LENGTH]; // of salt and token
} Token;

typedef struct Tokens {
    Arena arena;
    Token *at;
    size_t count, plain;
} Tokens;

struct Security {
    bool has_tokens;
    char *path; // NULL: no file to look at
    pthread_rwlock_t lock;
    Tokens tokens; // under the lock
    struct stat seen;
    _Atomic int64_t looked_us;
};

const char *security_role_name(ApiRole role) {
    static const char *const names[] = {"none", "reader", "operator", "admin"};
    return names[role];
}

// ---- the file

static void digest_of(Slice salt, Slice token, uint8_t digest[SHA256_DIGEST_LENGTH]) {
    uint8_t text[SHOWN_BYTES_MAX * 2];
    size_t salt_size = MIN(salt.size, (size_t)SHOWN_BYTES_MAX), size = MIN(token.size, (size_t)SHOWN_BYTES_MAX);
    memcpy(text, salt.data, salt_size);
    memcpy(text + salt_size, token.data, size);
    SHA256(text, salt_size + size, digest);
    OPENSSL_cleanse(text, salt_size + size);
}

static bool hex_digest(Slice hex, uint8_t digest[SHA256_DIGEST_LENGTH]) {
    if (hex.size != (size_t)SHA256_DIGEST_LENGTH * 2) {
        return false;
    }
    for (size_t i = 0; i < hex.size; i++) {
        int digit = hex_digit(hex.data[i]);
        if (digit < 0) {
            return false;
        }
        digest[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : digest[i / 2] | digit);
    }
    return true;
}

static Slice word(Slice *line) {
    const uint8_t *at = line->data, *end = line->data + line->size;
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) {
        at++;
    }
    const uint8_t *stop = at;
    while (stop < end && *stop != ' ' && *stop != '\t' && *stop != '\r') {
        stop++;
    }
    *line = (Slice){stop, (size_t)(end - stop)};
    return (Slice){at, (size_t)(stop - at)};
}

static bool starts_with(Slice text, const char *with, Slice *rest) {
    size_t size = strlen(with);
    if (text.size < size || memcmp(text.data, with, size) != 0) {
        return false;
    }
    *rest = (Slice){text.data + size, text.size - size};
    return true;
}

static bool parse_secret(Slice secret, Arena *arena, Token *token, bool *plain) {
    Slice rest;
    *plain = false;
    if (starts_with(secret, "plain:", &rest)) {
        uint8_t salt[16];
        if (rest.size == 0 || rest.size > SHOWN_BYTES_MAX || RAND_bytes(salt, sizeof(salt)) != 1) {
            return false;
        }
        token->salt = arena_slice(arena, (Slice){salt, sizeof(salt)});
        digest_of(token->salt, rest, token->digest); // what is kept in memory is no token
        return *plain = true;
    }
    const uint8_t *colon = starts_with(secret, "sha256:", &rest) ? memchr(rest.data, ':', rest.size) : NULL;
    if (colon == NULL) {
        return false;
    }
    token->salt = arena_slice(arena, (Slice){rest.data, (size_t)(colon - rest.data)});
    Slice hex = {colon + 1, rest.size - token->salt.size - 1};
    return token->salt.size <= SHOWN_BYTES_MAX && hex_digest(hex, token->digest);
}

static bool parse_line(Slice line, Tokens *tokens, const char **problem) {
    Slice name = word(&line), role = word(&line), secret = word(&line), more = word(&line);
    if (name.size == 0 || name.data[0] == '#') {
        return true;
    }
    if (tokens->count == TOKENS_MAX) {
        *problem = "too many tokens";
        return false;
    }
    Token *token = &tokens->at[tokens->count];
    *token = (Token){.name = arena_slice(&tokens->arena, name)};
    for (ApiRole at = ROLE_READER; at <= ROLE_ADMIN; at++) {
        token->role = slice_equal(role, slice_of(security_role_name(at))) ? at : token->role;
    }
    bool plain = false;
    if (!json_utf8_valid(name) || name.size > 200 || memchr(name.data, ':', name.size) != NULL) {
        *problem = "the name must be UTF-8 without ':', of at most 200 bytes";
    } else if (token->role == ROLE_NONE) {
        *problem = "the role must be admin, operator or reader";
    } else if (more.size > 0 || !parse_secret(secret, &tokens->arena, token, &plain)) {
        *problem = "the secret must be sha256:SALT:HEX or plain:TOKEN";
    }
    tokens->count += *problem == NULL;
    tokens->plain += plain && *problem == NULL;
    return *problem == NULL;
}

static bool tokens_parse(Slice text, const char *path, Tokens *tokens, Err *err) {
    arena_init(&tokens->arena, "tokens", 0);
    tokens->at = ARENA_ARRAY(&tokens->arena, Token, TOKENS_MAX);
    const uint8_t *at = text.data, *end = text.data + text.size;
    for (int number = 1; at < end; number++) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        const char *problem = NULL;
        if (!parse_line((Slice){at, (size_t)(stop - at)}, tokens, &problem)) {
            arena_release(&tokens->arena);
            FAIL(err, ERR_OPTION, "%s: line %d: %s", path, number, problem);
            return err_hint(err, "a line is NAME ROLE SECRET: see docs/operations/security.md");
        }
        at = stop + 1;
    }
    if (tokens->count == 0) {
        arena_release(&tokens->arena);
        return FAIL(err, ERR_OPTION, "%s: there is no token in it", path);
    }
    return true;
}

static bool tokens_read(Security *security, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    struct stat now = {0};
    if (stat(security->path, &now) != 0) {
        return FAIL_ERRNO(err, "token file %s", security->path);
    }
    security->seen = now;
    Slice text;
    TRY(file_read_all(security->path, FILE_BYTES_MAX, &scratch, &text, err));
    Tokens tokens = {0};
    bool read = tokens_parse(text, security->path, &tokens, err);
    OPENSSL_cleanse((void *)(uintptr_t)text.data, text.size);
    TRY(read);
    pthread_rwlock_wrlock(&security->lock);
    arena_release(&security->tokens.arena);
    security->tokens = tokens;
    pthread_rwlock_unlock(&security->lock);
    if (tokens.plain > 0) {
        log_warn(LOG_API, "the token file has tokens as they are: write them as sha256:SALT:HEX",
                 LOG_TEXT("file", security->path), LOG_UINT("tokens", tokens.plain));
    }
    if ((now.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        log_warn(LOG_API, "others than its owner may read or write the token file", LOG_TEXT("file", security->path));
    }
    return true;
}

// Once a second at most, by whoever comes first.
static void look_again(Security *security) {
    int64_t looked = atomic_load_explicit(&security->looked_us, memory_order_relaxed), now = clock_monotonic_us();
    if (now - looked < LOOK_US || !atomic_compare_exchange_strong(&security->looked_us, &looked, now)) {
        return;
    }
    struct stat found = {0};
    if (stat(security->path, &found) != 0 ||
        (found.st_ino == security->seen.st_ino && found.st_size == security->seen.st_size &&
         found.st_mtim.tv_sec == security->seen.st_mtim.tv_sec &&
         found.st_mtim.tv_nsec == security->seen.st_mtim.tv_nsec)) {
        return;
    }
    Err err[1] = {{0}};
    if (tokens_read(security, err)) {
        log_info(LOG_API, "tokens read again", LOG_TEXT("file", security->path));
    } else {
        log_err(LOG_API, "the token file cannot be used: the tokens of before stay", err);
    }
}

bool security_open(const char *token_file, Security **opened, Err *err) {
    Security *security = calloc(1, sizeof(*security));
    if (security == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for the tokens");
    }
    pthread_rwlock_init(&security->lock, NULL);
    arena_init(&security->tokens.arena, "tokens", 0);
    if (token_file != NULL && token_file[0] != '\0') {
        size_t size = strlen(token_file) + 1;
        security->path = calloc(1, size);
        if (security->path == NULL) {
            panic("out of memory for a path");
        }
        memcpy(security->path, token_file, size);
        security->looked_us = clock_monotonic_us();
        security->has_tokens = true;
        if (!tokens_read(security, err)) {
            security_close(security);
            return err_frame(err, __FILE__, __LINE__);
        }
    }
    *opened = security;
    return true;
}

bool security_from_text(Slice text, Security **opened, Err *err) {
    Tokens tokens = {0};
    TRY(tokens_parse(text, "tokens", &tokens, err));
    if (!security_open(NULL, opened, err)) {
        arena_release(&tokens.arena);
        return err_frame(err, __FILE__, __LINE__);
    }
    (*opened)->has_tokens = true;
    (*opened)->tokens = tokens;
    return true;
}

void security_close(Security *security) {
    if (security != NULL) {
        arena_release(&security->tokens.arena);
        pthread_rwlock_destroy(&security->lock);
        free(security->path);
        free(security);
    }
}

bool security_has_tokens(const Security *security) {
    return security->has_tokens;
}

// ---- requests

static int base64_digit(uint8_t byte) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = byte != 0 ? strchr(digits, byte) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

static bool base64(Slice text, Arena *arena, Slice *bytes) {
    while (text.size > 0 && text.data[text.size - 1] == '=') {
        text.size--;
    }
    uint8_t *to = arena_alloc(arena, text.size + 1);
    uint32_t held = 0;
    int bits = 0;
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = base64_digit(text.data[i]);
        if (digit < 0) {
            return false;
        }
        held = (held << 6 | (uint32_t)digit) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            to[size++] = (uint8_t)(held >> bits);
        }
    }
    *bytes = (Slice){to, size};
    return true;
}

bool security_shown(const char *header, Arena *arena, Slice *name, Slice *token) {
    Slice line = slice_of(header), scheme = word(&line), shown = word(&line);
    *name = (Slice){0};
    if (shown.size == 0 || shown.size > SHOWN_BYTES_MAX || word(&line).size > 0) {
        return false;
    }
    if (scheme.size == 6 && strncasecmp((const char *)scheme.data, "Bearer", 6) == 0) {
        *token = shown;
        return true;
    }
    Slice pair;
    if (scheme.size != 5 || strncasecmp((const char *)scheme.data, "Basic", 5) != 0 || !base64(shown, arena, &pair)) {
        return false;
    }
    const uint8_t *colon = memchr(pair.data, ':', pair.size);
    if (colon == NULL) {
        return false;
    }
    *name = (Slice){pair.data, (size_t)(colon - pair.data)};
    *token = (Slice){colon + 1, pair.size - name->size - 1};
    return true;
}

bool security_check(Security *security, const char *authorization, Arena *arena, const char **actor, ApiRole *role) {
    *actor = "anonymous";
    *role = security->has_tokens ? ROLE_NONE : ROLE_ADMIN;
    if (!security->has_tokens) {
        return true;
    }
    if (security->path != NULL) {
        look_again(security);
    }
    Slice name, token;
    if (authorization == NULL || !security_shown(authorization, arena, &name, &token)) {
        return false;
    }
    pthread_rwlock_rdlock(&security->lock);
    const Token *found = NULL;
    for (size_t i = 0; i < security->tokens.count; i++) { // all of them, whether one has been found or not
        const Token *at = &security->tokens.at[i];
        uint8_t digest[SHA256_DIGEST_LENGTH];
        digest_of(at->salt, token, digest);
        bool same = CRYPTO_memcmp(digest, at->digest, sizeof(digest)) == 0;
        found = same && (name.data == NULL || slice_equal(name, at->name)) ? at : found;
    }
    if (found != NULL) {
        *actor = arena_text(arena, found->name);
        *role = found->role;
    }
    pthread_rwlock_unlock(&security->lock);
    return found != NULL;
}

bool security_may_listen(const Security *security, const HttpAddress *address, bool insecure, Err *err) {
    if (address->loopback || insecure || security_has_tokens(security)) {
        return true;
    }
    FAIL(err, ERR_OPTION, "%s is open to the network, and nobody would be asked for a token", address->text);
    return err_hint(err, "name an auth.token.file, listen on 127.0.0.1, or say that this is meant: insecure=true or "
                         "LEAT_INSECURE=1");
}
