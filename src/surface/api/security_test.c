// SPDX-License-Identifier: Apache-2.0
#include "surface/api/security.c"

#include "core/base/test.h"

static const char FILE_TEXT[] = "# who may\n"
                                "\n"
                                "alice admin plain:wonder\r\n"
                                "  bob\toperator  sha256:pepper:%s\n"
                                "carol reader plain:look";

static void hashed(const char *salt, const char *token, char hex[65]) {
    uint8_t digest[SHA256_DIGEST_LENGTH];
    digest_of(slice_of(salt), slice_of(token), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        snprintf(hex + i * 2, 3, "%02x", digest[i]);
    }
}

static const char *put(const char *path, const char *text) {
    Err err[1] = {{0}};
    CHECK_OK(file_replace(path, slice_of(text), err));
    return path;
}

static char folder[64];

static const char *path_of(char *path, size_t size) {
    test_folder(folder, sizeof(folder), "security");
    snprintf(path, size, "%s/tokens", folder);
    return path;
}

static void clean(void) {
    Err err[1] = {{0}};
    CHECK_OK(file_remove_tree(folder, err));
}

static void is(Security *security, const char *header, const char *actor, ApiRole role) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "test", 0);
    const char *who;
    ApiRole what;
    CHECK(security_check(security, header, &arena, &who, &what) == (actor != NULL));
    CHECK_TEXT(slice_of(who), actor != NULL ? actor : "anonymous");
    CHECK_INT(what, role);
}

TEST(security_knows_tokens) {
    Err err[1] = {{0}};
    char path[80], hex[65], text[512];
    hashed("pepper", "s3cret", hex);
    CHECK_TEXT(slice_of(hex), "ed94ab2a21f16d3f74de0539de726c74ea6f9e73ddd37feb6c1ebdb90bbb31e2");
    snprintf(text, sizeof(text), FILE_TEXT, hex);
    put(path_of(path, sizeof(path)), text);
    Security *security = NULL;
    CHECK_OK(security_open(path, &security, err));
    is(security, "Bearer wonder", "alice", ROLE_ADMIN);
    is(security, "bearer  s3cret", "bob", ROLE_OPERATOR);
    is(security, "Basic Ym9iOnMzY3JldA==", "bob", ROLE_OPERATOR); // bob:s3cret
    is(security, "basic Y2Fyb2w6bG9vaw", "carol", ROLE_READER);   // carol:look
    is(security, "Basic YWxpY2U6czNjcmV0", NULL, ROLE_NONE);      // alice:s3cret
    const char *wrong[] = {"",       "Bearer",    "Bearer ",    "Bearer Wonder", "Bearer wonder x", "Digest wonder",
                           "wonder", "Basic !!!", "Basic YQ==", "Basic",         "Bearer pepper"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        is(security, wrong[i], NULL, ROLE_NONE);
    }
    is(security, NULL, NULL, ROLE_NONE);
    // A change is seen; a broken file changes nothing.
    put(path, "dave reader plain:new");
    security->looked_us = 0;
    is(security, "Bearer new", "dave", ROLE_READER);
    is(security, "Bearer wonder", NULL, ROLE_NONE);
    log_level_set(LOG_SILENT);
    put(path, "dave king plain:new2");
    security->looked_us = 0;
    is(security, "Bearer new", "dave", ROLE_READER);
    security_close(security);
    clean();
}

TEST(security_refuses_broken_files) {
    Err err[1] = {{0}};
    char path[80];
    path_of(path, sizeof(path));
    Security *security = NULL;
    const char *bad[] = {"",
                         "# nothing",
                         "a",
                         "a admin",
                         "a king plain:x",
                         "a admin x",
                         "a admin plain:",
                         "a admin sha256:x",
                         "a admin sha256:x:00",
                         "a:b admin plain:x",
                         "a admin plain:x y",
                         "\xff admin plain:x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put(path, bad[i]);
        CHECK_FAILS(security_open(path, &security, err), ERR_OPTION);
    }
    clean();
    CHECK_FAILS(security_open(path, &security, err), ERR_NOT_FOUND);
}

TEST(security_listens_where_it_may) {
    Err err[1] = {{0}};
    Security *security = NULL;
    CHECK_OK(security_open("", &security, err));
    is(security, NULL, "anonymous", ROLE_ADMIN);
    HttpAddress address;
    CHECK_OK(http_address_parse("127.0.0.1:1", &address, err));
    CHECK_OK(security_may_listen(security, &address, false, err));
    CHECK_OK(http_address_parse("0.0.0.0:1", &address, err));
    CHECK_OK(security_may_listen(security, &address, true, err));
    CHECK_FAILS(security_may_listen(security, &address, false, err), ERR_OPTION);
    security_close(security);
}
