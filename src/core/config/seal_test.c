// SPDX-License-Identifier: Apache-2.0
#include "core/config/seal.c" // NOLINT

#include "core/base/test.h"

#include <sys/stat.h>

static Arena scratch;
static char home[64];

static void begin(void) {
    arena_init(&scratch, "scratch", 0);
    snprintf(home, sizeof(home), "/tmp/leat_seal_XXXXXX");
    CHECK(mkdtemp(home) != NULL);
    unsetenv("LEAT_MASTER_KEY_FILE");
    log_level_set(LOG_SILENT);
    seal_home(home);
}

static void end(void) {
    Err err[1] = {{0}};
    CHECK_OK(file_remove_tree(home, err));
    arena_release(&scratch);
}

static Slice stored_of(const char *key, const char *value) {
    Err err[1] = {{0}};
    Slice stored;
    CHECK_OK(seal_value(slice_of(key), false, slice_of(value), &scratch, &stored, err));
    return stored;
}

static const char *opened(Slice stored) {
    Err err[1] = {{0}};
    char *text;
    CHECK_OK(secret_resolve(arena_text(&scratch, stored), &scratch, &text, err));
    return text;
}

TEST(seal_closes_and_opens) {
    begin();
    Slice stored = stored_of("database.password", "hunter2");
    CHECK(strncmp(arena_text(&scratch, stored), SEALED_BEGIN, 9) == 0);
    CHECK(strstr(arena_text(&scratch, stored), "hunter2") == NULL);
    CHECK_TEXT(slice_of(opened(stored)), "hunter2");
    CHECK(!slice_equal(stored, stored_of("database.password", "hunter2"))); // a nonce of its own each time
    struct stat about;
    CHECK_INT(stat(arena_printf(&scratch, "%s/master.key", home), &about), 0);
    CHECK_INT(about.st_mode & 0777, 0600);
    // Another process, the same key.
    seal_home(home);
    CHECK_TEXT(slice_of(opened(stored)), "hunter2");
    // What looks like a reference only after it is opened is not looked at again.
    CHECK_TEXT(slice_of(opened(stored_of("password", "a$${env:X}"))), "a${env:X}");
    end();
}

TEST(seal_of_another_key_or_damaged_is_refused) {
    begin();
    Err err[1] = {{0}};
    Slice stored = stored_of("password", "hunter2"), secret;
    Slice base64 = {stored.data + 9, stored.size - 10};
    CHECK_OK(seal_open(base64, &scratch, &secret, err));
    for (size_t i = 0; i < base64.size; i++) {
        uint8_t *copy = arena_alloc(&scratch, base64.size);
        memcpy(copy, base64.data, base64.size);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        bool same = seal_open((Slice){copy, base64.size}, &scratch, &secret, err);
        CHECK(!same || slice_is(secret, "hunter2")); // the last bits of base64's padding carry nothing
        err_clear(err);
    }
    CHECK_FAILS(seal_open(SLICE("AAAA"), &scratch, &secret, err), ERR_OPTION);
    CHECK_FAILS(seal_open(SLICE(""), &scratch, &secret, err), ERR_OPTION);
    CHECK_FAILS(seal_open(SLICE("!!!!"), &scratch, &secret, err), ERR_OPTION);
    CHECK_OK(file_remove(arena_printf(&scratch, "%s/master.key", home), err));
    seal_home(home);
    CHECK_FAILS(seal_open(base64, &scratch, &secret, err), ERR_OPTION);
    end();
}

TEST(seal_keys_from_a_file) {
    begin();
    Err err[1] = {{0}};
    const char *path = arena_printf(&scratch, "%s/key", home);
    setenv("LEAT_MASTER_KEY_FILE", path, 1);
    CHECK_FAILS(seal_ready(err), ERR_NOT_FOUND);
    static const char *const SAME[] = {"abcdefghijklmnopqrstuvwxyz012345",
                                       "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=\n",
                                       "6162636465666768696a6b6c6d6e6f707172737475767778797a303132333435"};
    Slice stored = {0};
    for (size_t i = 0; i < ARRAY_LEN(SAME); i++) {
        CHECK_OK(file_replace(path, slice_of(SAME[i]), err));
        seal_home(NULL);
        CHECK_OK(seal_ready(err));
        stored = i == 0 ? stored_of("password", "x") : stored;
        CHECK_TEXT(slice_of(opened(stored)), "x");
    }
    CHECK_OK(file_replace(path, SLICE("short"), err));
    seal_home(NULL);
    CHECK(!seal_ready(err));
    CHECK(strstr(err->message, "32 bytes") != NULL && err->hint[0] != '\0');
    unsetenv("LEAT_MASTER_KEY_FILE");
    err_clear(err);
    CHECK_FAILS(seal_ready(err), ERR_OPTION);
    end();
}

TEST(seal_knows_what_is_secret) {
    static const char *const SECRET[] = {
        "database.password", "aws.secret.access.key", "value.converter.basic.auth.user.info",
        "bearer.auth.token", "database.sslpassword",  "PASSWORD"};
    static const char *const OPEN[] = {"database.user", "tombstones.on.delete", "tokenizer", "aws.access.key.id",
                                       "topics"};
    for (size_t i = 0; i < ARRAY_LEN(SECRET); i++) {
        CHECK(seal_is_secret(slice_of(SECRET[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(OPEN); i++) {
        CHECK(!seal_is_secret(slice_of(OPEN[i])));
    }
}

static Slice shown(const char *key, Slice stored) {
    return seal_shown(slice_of(key), false, stored, &scratch);
}

TEST(seal_values_and_what_is_shown_of_them) {
    begin();
    CHECK_TEXT(shown("password", stored_of("password", "hunter2")), SEAL_MASK);
    CHECK_TEXT(shown("password", SLICE("unsealed")), SEAL_MASK);
    CHECK_TEXT(stored_of("password", "${env:PW}"), "${env:PW}");
    CHECK_TEXT(shown("password", SLICE("${env:PW}")), "${env:PW}");
    CHECK_TEXT(stored_of("password", ""), "");
    CHECK_TEXT(shown("topics", stored_of("topics", "a,b")), "a,b");
    Slice url = stored_of("schema.registry.url", "http://me:pa55@host:8081,http://other");
    CHECK(strstr(arena_text(&scratch, url), "pa55") == NULL);
    CHECK_TEXT(shown("schema.registry.url", url), "http://me:" SEAL_MASK "@host:8081,http://other");
    CHECK_TEXT(slice_of(opened(url)), "http://me:pa55@host:8081,http://other");
    CHECK_TEXT(stored_of("schema.registry.url", "http://host:8081/a@b"), "http://host:8081/a@b");
    end();
}
