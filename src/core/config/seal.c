// SPDX-License-Identifier: Apache-2.0
#include "core/config/seal.h"

#include "core/base/log.h"
#include "core/config/secret.h"
#include "core/sys/file.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <strings.h>

enum {
    KEY_BYTES = 32,
    NONCE_BYTES = 12,
    TAG_BYTES = 16,
    SEAL_VERSION = 1,
    SEAL_SECRET_MAX = 64 * 1024,
    KEY_FILE_MAX = 4096,
};
#define SEALED_BEGIN "${sealed:"

static struct {
    pthread_mutex_t lock;
    char home[PATH_MAX]; // "" = none
    bool loaded;
    uint8_t key[KEY_BYTES];
} master = {.lock = PTHREAD_MUTEX_INITIALIZER};

void seal_home(const char *data_directory) {
    pthread_mutex_lock(&master.lock);
    snprintf(master.home, sizeof(master.home), "%s", data_directory != NULL ? data_directory : "");
    OPENSSL_cleanse(master.key, sizeof(master.key));
    master.loaded = false;
    pthread_mutex_unlock(&master.lock);
}

// --- base64 ----------------------------------------------------------------------------------------------------

static char *base64_of(Arena *arena, const uint8_t *bytes, size_t size) {
    char *text = arena_alloc(arena, (size + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)text, bytes, (int)size);
    return text;
}

static bool base64_decode(Slice text, Arena *arena, Slice *bytes) {
    if (text.size == 0 || text.size % 4 != 0 || text.size > 2 * (size_t)SEAL_SECRET_MAX) {
        return false;
    }
    uint8_t *out = arena_alloc(arena, text.size / 4 * 3);
    int size = EVP_DecodeBlock(out, text.data, (int)text.size);
    size_t padding = (size_t)(text.data[text.size - 1] == '=') + (size_t)(text.data[text.size - 2] == '=');
    if (size < 0 || (size_t)size < padding) {
        return false;
    }
    *bytes = (Slice){out, (size_t)size - padding};
    return true;
}

// --- the master key --------------------------------------------------------------------------------------------

static bool hex_key(Slice text, uint8_t *key) {
    if (text.size != 2 * (size_t)KEY_BYTES) {
        return false;
    }
    for (size_t i = 0; i < KEY_BYTES; i++) {
        int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        key[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

// 32 bytes: as they are, as 64 hexadecimal digits, or as base64.
static bool key_parse(Slice bytes, Arena *arena, uint8_t *key) {
    if (bytes.size == KEY_BYTES) {
        memcpy(key, bytes.data, KEY_BYTES);
        return true;
    }
    while (bytes.size > 0 && bytes.data[bytes.size - 1] <= ' ') {
        bytes.size--;
    }
    Slice decoded;
    if (hex_key(bytes, key)) {
        return true;
    }
    if (base64_decode(bytes, arena, &decoded) && decoded.size == KEY_BYTES) {
        memcpy(key, decoded.data, KEY_BYTES);
        return true;
    }
    return false;
}

static bool key_read(const char *path, Arena *arena, Err *err) {
    Slice bytes;
    TRY(file_read_all(path, KEY_FILE_MAX, arena, &bytes, err));
    if (!key_parse(bytes, arena, master.key)) {
        FAIL(err, ERR_OPTION, "%s: no master key: 32 bytes are needed, as they are, in base64 or in hexadecimal digits",
             path);
        return err_hint(err, "make one with: openssl rand -base64 32");
    }
    return true;
}

// One of several processes may be first: the file appears complete, and the first one stays.
static bool key_make(const char *path, Arena *arena, Err *err) {
    uint8_t fresh[KEY_BYTES];
    if (RAND_bytes(fresh, sizeof(fresh)) != 1) {
        return FAIL(err, ERR_INTERNAL, "the system has no random numbers for a master key");
    }
    char *text = arena_printf(arena, "%s\n", base64_of(arena, fresh, sizeof(fresh)));
    OPENSSL_cleanse(fresh, sizeof(fresh));
    int lock = -1;
    TRY(file_lock(arena_printf(arena, "%s.lock", path), &lock, err));
    bool ok = file_exists(path) || file_replace(path, slice_of(text), err);
    file_close(&lock);
    TRY(ok);
    log_warn(LOG_CLI,
             "made a master key in the data directory: keep a copy, or name one outside of it with "
             "LEAT_MASTER_KEY_FILE",
             LOG_TEXT("file", path));
    return key_read(path, arena, err);
}

static bool key_load(Arena *arena, Err *err) {
    const char *named = getenv("LEAT_MASTER_KEY_FILE");
    if (named != NULL && *named != '\0') {
        return key_read(named, arena, err) || err_prefix(err, "LEAT_MASTER_KEY_FILE");
    }
    if (master.home[0] == '\0') {
        FAIL(err, ERR_OPTION, "there is no master key for sealed secrets");
        return err_hint(err, "name its file with LEAT_MASTER_KEY_FILE");
    }
    char *path = arena_printf(arena, "%s/master.key", master.home);
    return file_exists(path) ? key_read(path, arena, err) : key_make(path, arena, err);
}

static bool key_take(uint8_t *key, Err *err) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    pthread_mutex_lock(&master.lock);
    master.loaded = master.loaded || key_load(&arena, err);
    bool ok = master.loaded;
    memcpy(key, master.key, KEY_BYTES);
    pthread_mutex_unlock(&master.lock);
    arena_release(&arena);
    return ok;
}

bool seal_ready(Err *err) {
    uint8_t key[KEY_BYTES];
    bool ok = key_take(key, err);
    OPENSSL_cleanse(key, sizeof(key));
    return ok;
}

// --- closing and opening ---------------------------------------------------------------------------------------

static bool encrypt(EVP_CIPHER_CTX *context, const uint8_t *key, Slice secret, uint8_t *out) {
    uint8_t *nonce = out + 1, *body = nonce + NONCE_BYTES, *tag = body + secret.size;
    int size = 0, rest = 0;
    out[0] = SEAL_VERSION;
    return RAND_bytes(nonce, NONCE_BYTES) == 1 &&
           EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
           EVP_EncryptUpdate(context, NULL, &size, out, 1) == 1 &&
           EVP_EncryptUpdate(context, body, &size, secret.data, (int)secret.size) == 1 &&
           EVP_EncryptFinal_ex(context, body + size, &rest) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;
}

bool seal_close(Slice secret, Arena *arena, Slice *sealed, Err *err) {
    if (secret.size > SEAL_SECRET_MAX) {
        return FAIL(err, ERR_OPTION, "a secret of %zu bytes is too long: %d are allowed", secret.size, SEAL_SECRET_MAX);
    }
    uint8_t key[KEY_BYTES];
    TRY(key_take(key, err));
    size_t size = 1 + NONCE_BYTES + secret.size + TAG_BYTES;
    uint8_t *bytes = arena_alloc(arena, size);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ok = context != NULL && encrypt(context, key, secret, bytes);
    EVP_CIPHER_CTX_free(context);
    OPENSSL_cleanse(key, sizeof(key));
    if (!ok) {
        return FAIL(err, ERR_INTERNAL, "a secret could not be sealed");
    }
    *sealed = slice_of(arena_printf(arena, SEALED_BEGIN "%s}", base64_of(arena, bytes, size)));
    return true;
}

static bool decrypt(EVP_CIPHER_CTX *context, const uint8_t *key, Slice bytes, uint8_t *out, int *out_size) {
    const uint8_t *nonce = bytes.data + 1, *body = nonce + NONCE_BYTES;
    size_t body_size = bytes.size - 1 - NONCE_BYTES - TAG_BYTES;
    uint8_t tag[TAG_BYTES];
    memcpy(tag, body + body_size, TAG_BYTES);
    int size = 0, rest = 0;
    bool ok = EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
              EVP_DecryptUpdate(context, NULL, &size, bytes.data, 1) == 1 &&
              EVP_DecryptUpdate(context, out, &size, body, (int)body_size) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
              EVP_DecryptFinal_ex(context, out + size, &rest) == 1;
    *out_size = size + rest;
    return ok;
}

bool seal_open(Slice base64, Arena *arena, Slice *secret, Err *err) {
    Slice bytes;
    if (!base64_decode(base64, arena, &bytes) || bytes.size < 1 + NONCE_BYTES + TAG_BYTES ||
        bytes.data[0] != SEAL_VERSION) {
        FAIL(err, ERR_OPTION, "a sealed secret is damaged");
        return err_hint(err, "set the value again");
    }
    uint8_t key[KEY_BYTES];
    TRY(key_take(key, err));
    uint8_t *out = arena_alloc(arena, bytes.size);
    int size = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ok = context != NULL && decrypt(context, key, bytes, out, &size);
    EVP_CIPHER_CTX_free(context);
    OPENSSL_cleanse(key, sizeof(key));
    if (!ok) {
        FAIL(err, ERR_OPTION, "a secret was sealed under another master key, or is damaged");
        return err_hint(err, "give leat the master key of the time (LEAT_MASTER_KEY_FILE, or DATA/master.key from a "
                             "backup), or set the value again");
    }
    *secret = (Slice){out, (size_t)size};
    return true;
}

// --- values of configurations ----------------------------------------------------------------------------------

static bool contains(Slice text, const char *part) {
    size_t size = strlen(part);
    for (size_t i = 0; i + size <= text.size; i++) {
        if (strncasecmp((const char *)text.data + i, part, size) == 0) {
            return true;
        }
    }
    return false;
}

static bool ends(Slice text, const char *end) {
    size_t size = strlen(end);
    return text.size >= size && strncasecmp((const char *)text.data + text.size - size, end, size) == 0;
}

bool seal_is_secret(Slice key) {
    static const char *const PARTS[] = {
        "password",         "passphrase",       "secret",           "basic.auth.user.info",
        "sasl.jaas.config", "credentials.json", "connectionstring", "connection.string"};
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        if (contains(key, PARTS[i])) {
            return true;
        }
    }
    return ends(key, "token") || ends(key, "api.key");
}

// The password of scheme://user:password@host, the first in the text; data NULL when there is none.
static Slice url_password(Slice text) {
    for (size_t i = 0; i + 3 < text.size; i++) {
        if (memcmp(text.data + i, "://", 3) != 0) {
            continue;
        }
        size_t colon = 0, at = i + 3;
        for (; at < text.size && memchr("/?#, ", text.data[at], 5) == NULL; at++) {
            if (text.data[at] == ':' && colon == 0) {
                colon = at;
            } else if (text.data[at] == '@' && colon > 0) {
                return (Slice){text.data + colon + 1, at - colon - 1};
            }
        }
    }
    return (Slice){0};
}

// What the text stands for: "$${" is a literal "${" in what users write.
static bool literal_of(Slice value, Arena *arena, Slice *literal, Err *err) {
    char *resolved;
    TRY(secret_resolve(arena_text(arena, value), arena, &resolved, err));
    *literal = slice_of(resolved);
    return true;
}

bool seal_value(Slice key, bool secret, Slice value, Arena *arena, Slice *stored, Err *err) {
    *stored = value;
    if (value.size == 0 || secret_referenced(arena_text(arena, value))) {
        return true;
    }
    Slice literal;
    if (secret || seal_is_secret(key)) {
        TRY(literal_of(value, arena, &literal, err));
        return seal_close(literal, arena, stored, err);
    }
    Slice password = url_password(value);
    if (password.size == 0) {
        return true;
    }
    Slice sealed;
    TRY(literal_of(password, arena, &literal, err));
    TRY(seal_close(literal, arena, &sealed, err));
    size_t before = (size_t)(password.data - value.data);
    Slice after = slice_from(value, before + password.size);
    *stored = slice_of(arena_printf(arena, "%.*s%.*s%.*s", (int)before, (const char *)value.data, SLICE_ARG(sealed),
                                    SLICE_ARG(after)));
    return true;
}

Slice seal_shown(Slice key, bool secret, Slice stored, Arena *arena) {
    if (stored.data == NULL || stored.size == 0) {
        return stored;
    }
    const char *text = arena_text(arena, stored);
    if ((secret || seal_is_secret(key)) && !secret_referenced(text)) {
        return SLICE(SEAL_MASK);
    }
    const char *shown = "";
    const char *from = text;
    for (const char *at; (at = strstr(from, SEALED_BEGIN)) != NULL;) {
        const char *end = strchr(at, '}');
        shown = arena_printf(arena, "%s%.*s" SEAL_MASK, shown, (int)(at - from), from);
        from = end == NULL ? at + strlen(at) : end + 1;
    }
    return from == text ? stored : slice_of(arena_printf(arena, "%s%s", shown, from));
}

Slice seal_redacted(Slice key, bool secret, Slice typed, Arena *arena) {
    Slice shown = seal_shown(key, secret, typed, arena);
    Slice password = url_password(shown);
    if (password.data == NULL || secret_referenced(arena_text(arena, password))) {
        return shown;
    }
    size_t before = (size_t)(password.data - shown.data), behind = before + password.size;
    return slice_of(arena_printf(arena, "%.*s" SEAL_MASK "%.*s", (int)before, (const char *)shown.data,
                                 (int)(shown.size - behind), (const char *)shown.data + behind));
}
