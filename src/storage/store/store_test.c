// SPDX-License-Identifier: Apache-2.0
// The conformance tests of the store's seam, over every driver. That on S3 needs a service: LEAT_STORE_TEST_S3 names a
// URL in an empty bucket of one, LEAT_STORE_TEST_S3_OPTIONS has options as NAME=VALUE,NAME=VALUE
// (tests/integration/test_s3_store.py sets both).
#include "storage/store/store.c"

#include "core/base/buf.h"
#include "core/base/test.h"
#include "core/sys/file.h"
#include "core/sys/random.h"
#include "storage/store/fault/fault.h"
#include "storage/store/local/local.h"
#include "storage/store/s3/s3.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const StoreDriver *const DRIVERS[] = {&LOCAL_STORE, &FAULT_STORE, &S3_STORE};

static char folder[64]; // of this test: the local store's root, the staging folders' home
static char url[256];

static const char *fresh(void) {
    test_folder(folder, sizeof(folder), "store");
    return folder;
}

static void clean(void) {
    Err err[1] = {{0}};
    CHECK_OK(file_remove_tree(folder, err));
}

static const S3Options *s3_options(void) {
    static S3Options options;
    static Arena arena; // the options' texts
    Err err[1] = {{0}};
    if (arena.name == NULL) {
        arena_init(&arena, "run", 0);
        option_defaults(&S3_OPTIONS, &options);
        const char *text = getenv("LEAT_STORE_TEST_S3_OPTIONS");
        char *rest = arena_printf(&arena, "%s", text != NULL ? text : "");
        for (char *item = NULL; (item = strsep(&rest, ",")) != NULL && item[0] != '\0';) {
            char *value = strchr(item, '=');
            ASSERT(value != NULL);
            *value = '\0';
            CHECK_OK(option_set(&S3_OPTIONS, &options, item, value + 1, &arena, err));
        }
    }
    return &options;
}

// Where an owner's staged bytes are.
static const char *staging_of(const StoreDriver *driver, const char *owner) {
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s%s", folder, driver == &S3_STORE ? "" : ".leat-staging/", owner);
    return path;
}

static bool open_at(const StoreDriver *driver, const char *at, const char *owner, Store **store, Err *err) {
    const void *options = driver == &S3_STORE ? s3_options() : NULL;
    StoreContext context = {
        .url = at, .owner = owner, .staging_directory = staging_of(driver, owner), .options = options};
    return store_open(driver, &context, store, err);
}

static bool open_as(const StoreDriver *driver, const char *owner, Store **store, Err *err) {
    return open_at(driver, url, owner, store, err);
}

static void stage(Store *store, const char *name, const char *text, char token[STORE_TOKEN_BYTES_MAX]) {
    Err err[1] = {{0}};
    StoreStage *staged = NULL;
    CHECK_OK(store_stage_open(store, name, &staged, err));
    for (const char *at = text; *at != '\0'; at++) {
        CHECK_OK(store_stage_write(staged, (Slice){(const uint8_t *)at, 1}, err));
    }
    CHECK_OK(store_stage_finish(staged, token, err));
}

static void check_bytes(Store *store, const char *name, const char *want) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Slice bytes = {0};
    CHECK_OK(store_get(store, name, &arena, &bytes, NULL, err));
    CHECK_TEXT(bytes, want);
    arena_release(&arena);
}

static bool visit_append(void *context, const char *name, uint64_t size) {
    buf_printf(context, "%s:%" PRIu64 " ", name, size);
    return true;
}

static void check_list(Store *store, const char *prefix, const char *want) {
    Err err[1] = {{0}};
    Buf buf;
    buf_init(&buf, 0);
    CHECK_OK(store_list(store, prefix, visit_append, &buf, err));
    CHECK_TEXT(buf_slice(&buf), want);
    buf_release(&buf);
}

// NULL when there is no service to test with.
static Store *open_fresh(const StoreDriver *driver) {
    Err err[1] = {{0}};
    Store *store = NULL;
    const char *s3 = getenv("LEAT_STORE_TEST_S3");
    fresh();
    snprintf(url, sizeof(url), "%s", folder);
    if (driver == &S3_STORE) {
        snprintf(url, sizeof(url), "%s/%016" PRIx64 " +%%", s3 != NULL ? s3 : "", random_number());
    }
    if (driver == &S3_STORE && s3 == NULL) {
        clean();
        return NULL;
    }
    CHECK_OK(open_as(driver, "me", &store, err));
    return store;
}

// The block that follows runs once for each driver, in a fresh folder.
#define EACH_STORE(store)                                          \
    Err err[1] = {{0}};                                            \
    for (size_t driver = 0; driver < ARRAY_LEN(DRIVERS); driver++) \
        for (Store *store = open_fresh(DRIVERS[driver]); store != NULL; store_close(store), clean(), store = NULL)

TEST(stores_publish_complete_or_not_at_all) {
    EACH_STORE(store) {
        char token[STORE_TOKEN_BYTES_MAX], other[STORE_TOKEN_BYTES_MAX];
        stage(store, "a/b/c.json", "hello", token);
        check_list(store, "", "");
        CHECK_OK(store_publish(store, token, "a/b/c.json", err));
        check_bytes(store, "a/b/c.json", "hello");
        CHECK_OK(store_publish(store, token, "a/b/c.json", err)); // twice is fine
        stage(store, "a/b/c.json", "other", other);
        CHECK_FAILS(store_publish(store, other, "a/b/c.json", err), ERR_EXISTS);
        check_bytes(store, "a/b/c.json", "hello");
        CHECK_OK(store_publish(store, other, "a/b-2", err)); // refused under one name, free for another
        stage(store, "a/e", "", other);
        CHECK_OK(store_publish(store, other, "a/e", err));
        check_list(store, "", "a/b-2:5 a/b/c.json:5 a/e:0 ");
        check_list(store, "a/b", "a/b-2:5 a/b/c.json:5 ");
        check_list(store, "a/b/", "a/b/c.json:5 ");
        check_list(store, "x/y", "");
        CHECK_OK(store_remove(store, "a/b/c.json", err));
        CHECK_OK(store_remove(store, "a/b/c.json", err));
        check_list(store, "", "a/b-2:5 a/e:0 ");
        // Published, then taken away by a reader: told apart from an error by its code.
        CHECK_FAILS(store_publish(store, token, "a/b/c.json", err), ERR_NOT_FOUND);
    }
}

TEST(stores_publish_many_at_once) {
    EACH_STORE(store) {
        enum { ITEMS = 20 };
        static char tokens[ITEMS][STORE_TOKEN_BYTES_MAX], names[ITEMS][32];
        StoreItem items[ITEMS];
        for (int i = 0; i < ITEMS; i++) {
            snprintf(names[i], sizeof(names[i]), "f%d/n", i % 3 * 100 + i);
            stage(store, names[i], names[i], tokens[i]);
            items[i] = (StoreItem){tokens[i], names[i]};
        }
        CHECK_OK(store_publish(store, tokens[3], names[3], err)); // as a crash leaves it: some are, some are not
        CHECK_OK(store_publish_all(store, items, ITEMS, err));
        CHECK_OK(store_publish_all(store, items, ITEMS, err));
        CHECK_OK(store_publish_all(store, NULL, 0, err));
        for (int i = 0; i < ITEMS; i++) {
            check_bytes(store, names[i], names[i]);
        }
        static char taken[2][STORE_TOKEN_BYTES_MAX];
        stage(store, "new", "new", taken[0]);
        stage(store, "f0/n", "other", taken[1]);
        StoreItem more[] = {{taken[0], "new"}, {taken[1], "f0/n"}};
        CHECK_FAILS(store_publish_all(store, more, 2, err), ERR_EXISTS);
        check_bytes(store, "f0/n", "f0/n");
        CHECK_OK(store_publish(store, taken[0], "new", err));
    }
}

TEST(stores_take_any_name) {
    EACH_STORE(store) {
        static const char *const NAMES[] = {
            "a b",       "a+b", "a:b%2F",     "a?b&c=d#e", "h=1/\xe2\x82\xac/\xf0\x9f\x98\x80", "q'\"<>&;,@$!*()~",
            "tab\there", "%",   "[x]{y}|\\^`"};
        char token[STORE_TOKEN_BYTES_MAX];
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
            stage(store, NAMES[i], NAMES[i], token);
            CHECK_OK(store_publish(store, token, NAMES[i], err));
        }
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
            char want[64];
            check_bytes(store, NAMES[i], NAMES[i]);
            snprintf(want, sizeof(want), "%s:%zu ", NAMES[i], strlen(NAMES[i]));
            check_list(store, NAMES[i], strcmp(NAMES[i], "%") == 0 ? "%:1 " : want);
            CHECK_OK(store_remove(store, NAMES[i], err));
        }
        check_list(store, "", "");
    }
}

// Past the size that is sent in one piece, whatever a driver's is.
TEST(stores_publish_large_objects) {
    enum { PIECE = 1 << 16, PIECES = 300 };
    static uint8_t piece[PIECE];
    EACH_STORE(store) {
        StoreStage *staged = NULL;
        char token[STORE_TOKEN_BYTES_MAX];
        CHECK_OK(store_stage_open(store, "large", &staged, err));
        for (size_t i = 0; i < PIECES; i++) {
            for (size_t at = 0; at < PIECE; at++) {
                piece[at] = (uint8_t)(at * 7 + i);
            }
            CHECK_OK(store_stage_write(staged, (Slice){piece, PIECE - (i == PIECES - 1)}, err));
        }
        CHECK_OK(store_stage_finish(staged, token, err));
        CHECK_OK(store_publish(store, token, "large", err));
        CHECK_OK(store_publish(store, token, "large", err));
        Buf out;
        buf_init(&out, 0);
        for (size_t i = 0; i < PIECES; i += 23) {
            buf_reset(&out);
            CHECK_OK(store_read(store, "large", i * PIECE, PIECE, &out, err));
            CHECK_INT(out.size, PIECE - (i == PIECES - 1));
            for (size_t at = 0; at < out.size; at += 5) {
                CHECK_INT(out.data[at], (uint8_t)(at * 7 + i));
            }
        }
        char want[32];
        snprintf(want, sizeof(want), "large:%d ", PIECE * PIECES - 1);
        check_list(store, "", want);
        buf_release(&out);
    }
}

TEST(stores_read_ranges) {
    EACH_STORE(store) {
        char token[STORE_TOKEN_BYTES_MAX];
        stage(store, "r", "0123456789", token);
        CHECK_OK(store_publish(store, token, "r", err));
        Buf out;
        buf_init(&out, 12);
        CHECK_OK(store_read(store, "r", 2, 3, &out, err));
        CHECK_OK(store_read(store, "r", 8, 100, &out, err)); // up to the end
        CHECK_OK(store_read(store, "r", 10, 5, &out, err));  // nothing there
        CHECK_OK(store_read(store, "r", 99, 5, &out, err));
        CHECK_OK(store_read(store, "r", 0, 0, &out, err));
        CHECK_TEXT(buf_slice(&out), "23489");
        CHECK_FAILS(store_read(store, "r", 0, 10, &out, err), ERR_MEMORY);
        CHECK_FAILS(store_read(store, "absent", 0, 10, &out, err), ERR_NOT_FOUND);
        Arena arena;
        Slice bytes;
        arena_init(&arena, "scratch", 0);
        CHECK_FAILS(store_get(store, "absent", &arena, &bytes, NULL, err), ERR_NOT_FOUND);
        arena_release(&arena);
        buf_release(&out);
    }
}

TEST(stores_put_small_objects_under_a_condition) {
    EACH_STORE(store) {
        char first[STORE_TAG_BYTES_MAX], second[STORE_TAG_BYTES_MAX], seen[STORE_TAG_BYTES_MAX];
        CHECK_FAILS(store_put(store, "s/state", SLICE("0"), "nothing has this", NULL, err), ERR_CHANGED);
        check_list(store, "", "");
        CHECK_OK(store_put(store, "s/state", SLICE("1"), "", first, err));
        CHECK_FAILS(store_put(store, "s/state", SLICE("2"), "", NULL, err), ERR_CHANGED);
        check_bytes(store, "s/state", "1");
        CHECK_OK(store_put(store, "s/state", SLICE("three"), first, second, err));
        CHECK(strcmp(first, second) != 0);
        CHECK_FAILS(store_put(store, "s/state", SLICE("4"), first, NULL, err), ERR_CHANGED);
        Arena arena;
        Slice bytes;
        arena_init(&arena, "scratch", 0);
        CHECK_OK(store_get(store, "s/state", &arena, &bytes, seen, err));
        arena_release(&arena);
        CHECK_TEXT(slice_of(seen), second);
        CHECK_OK(store_put(store, "s/state", SLICE(""), NULL, NULL, err));
        check_list(store, "", "s/state:0 ");
        CHECK_OK(store_put(store, "new", SLICE("5"), NULL, first, err));
        check_bytes(store, "new", "5");
        CHECK_OK(store_remove(store, "new", err));
        CHECK_FAILS(store_put(store, "new", SLICE("6"), first, NULL, err), ERR_CHANGED); // taken away meanwhile
        CHECK_OK(store_sweep(store, NULL, 0, err));
        check_list(store, "", "s/state:0 ");
    }
}

TEST(stores_make_many_small_objects_durable_in_one_go) {
    EACH_STORE(store) {
        CHECK_OK(store_settle(store, err)); // nothing was deferred
        store_defer(store);
        CHECK_OK(store_put(store, "a/1", SLICE("one"), "", NULL, err));
        CHECK_OK(store_put(store, "a/2", SLICE("two"), "", NULL, err));
        CHECK_OK(store_put(store, "b/3", SLICE("three"), "", NULL, err));
        CHECK_FAILS(store_put(store, "a/1", SLICE("another"), "", NULL, err), ERR_CHANGED);
        CHECK_OK(store_put(store, "a/2", SLICE("2"), NULL, NULL, err)); // over another: durable at once
        check_bytes(store, "a/1", "one");
        CHECK_OK(store_remove(store, "b/3", err)); // and with it its folder
        CHECK_OK(store_settle(store, err));
        CHECK_OK(store_put(store, "c", SLICE("4"), "", NULL, err));
        CHECK_OK(store_settle(store, err));
        check_list(store, "", "a/1:3 a/2:1 c:1 ");
    }
}

TEST(stores_keep_staged_bytes_until_they_are_swept) {
    EACH_STORE(store) {
        char kept[STORE_TOKEN_BYTES_MAX], lost[STORE_TOKEN_BYTES_MAX], foreign[STORE_TOKEN_BYTES_MAX];
        stage(store, "k", "kept", kept);
        stage(store, "l", "lost", lost);
        Store *second = NULL;
        CHECK_OK(open_as(DRIVERS[driver], "another", &second, err));
        stage(second, "f", "foreign", foreign);
        StoreStage *staged = NULL;
        CHECK_OK(store_stage_open(store, "dropped", &staged, err));
        store_stage_abort(staged);
        const char *keep[] = {kept};
        CHECK_OK(store_sweep(store, keep, 1, err));
        CHECK_OK(store_publish(store, kept, "k", err));
        CHECK_FAILS(store_publish(store, lost, "l", err), ERR_NOT_FOUND);
        CHECK_OK(store_stage_drop(store, lost, err));
        CHECK_OK(store_sweep(store, NULL, 0, err));
        CHECK_OK(store_publish(second, foreign, "f", err));
        CHECK_OK(store_sweep(second, NULL, 0, err));
        store_close(second);
        check_list(store, "", "f:7 k:4 ");
        CHECK(!file_exists(staging_of(DRIVERS[driver], "me")));
        CHECK(!file_exists(staging_of(DRIVERS[driver], "another")));
        if (DRIVERS[driver] != &S3_STORE) {
            CHECK(!file_exists(staging_of(DRIVERS[driver], ""))); // nothing is left behind in the target
        }
    }
}

TEST(stores_say_when_nobody_can_tell_whether_bytes_were_published) {
    EACH_STORE(store) {
        char token[STORE_TOKEN_BYTES_MAX];
        stage(store, "t", "text", token);
        CHECK_OK(file_remove_tree(staging_of(DRIVERS[driver], "me"), err));
        Store *again = NULL;
        CHECK_OK(open_as(DRIVERS[driver], "me", &again, err));
        CHECK_FAILS(store_publish(again, token, "t", err), ERR_STATE_CORRUPT);
        CHECK_FAILS(store_publish(again, "nonsense", "t", err), ERR_STATE_CORRUPT);
        store_close(again);
    }
}

TEST(stores_take_many_stages_at_once) {
    EACH_STORE(store) {
        enum { STAGES = 1500 };
        static StoreStage *stages[STAGES];
        char token[STORE_TOKEN_BYTES_MAX], name[32];
        for (int i = 0; i < STAGES; i++) {
            CHECK_OK(store_stage_open(store, "n", &stages[i], err));
        }
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < STAGES; i += 7) {
                snprintf(name, sizeof(name), "%d-", i);
                CHECK_OK(store_stage_write(stages[i], slice_of(name), err));
            }
        }
        for (int i = 0; i < STAGES; i++) {
            if (i % 700 == 0) {
                CHECK_OK(store_stage_finish(stages[i], token, err));
                snprintf(name, sizeof(name), "%d", i);
                CHECK_OK(store_publish(store, token, name, err));
            } else {
                store_stage_abort(stages[i]);
            }
        }
        check_bytes(store, "700", "700-700-");
        check_list(store, "", "0:4 1400:10 700:8 ");
    }
}

TEST(stores_never_leave_their_root) {
    EACH_STORE(store) {
        StoreStage *staged = NULL;
        static const char *const NAMES[] = {"../x", "a/../../x", "a//b", "./a", "a/"};
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
            CHECK_FAILS(store_put(store, NAMES[i], SLICE(""), NULL, NULL, err), ERR_INTERNAL);
            CHECK_FAILS(store_stage_open(store, NAMES[i], &staged, err), ERR_INTERNAL);
        }
    }
}

TEST(local_urls_are_paths) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "scratch", 0);
    static const struct {
        const char *url, *path;
    } CASES[] = {{"lake", "lake"},
                 {"/a/b/", "/a/b"},
                 {"/", "/"},
                 {"file:///a%20b/%E2%82%AC", "/a b/\xe2\x82\xac"},
                 {"file://localhost/x", "/x"},
                 {"file:/x//", "/x"}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *path = NULL;
        CHECK(LOCAL_STORE.accepts(CASES[i].url));
        CHECK_OK(local_store_path(CASES[i].url, &arena, &path, err));
        CHECK_TEXT(slice_of(path), CASES[i].path);
    }
    static const char *const BAD[] = {"file://host/x", "file:x", "file:///a%2", "file:///a%zz", "file:///%00"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        const char *path = NULL;
        CHECK_FAILS(local_store_path(BAD[i], &arena, &path, err), ERR_OPTION);
    }
    CHECK(!LOCAL_STORE.accepts("s3://bucket/x"));
    arena_release(&arena);
}

TEST(local_stores_say_why_a_target_cannot_be_written) {
    Err err[1] = {{0}};
    char path[128];
    Store *store = NULL;
    snprintf(path, sizeof(path), "%s/file", fresh());
    CHECK_OK(file_replace(path, SLICE("x"), err));
    CHECK_FAILS(LOCAL_STORE.probe(&(StoreContext){.url = path}, err), ERR_IO_READ_ONLY);
    CHECK_FAILS(open_at(&LOCAL_STORE, path, "me", &store, err), ERR_IO_READ_ONLY);
    snprintf(path, sizeof(path), "%s/new/folder", folder);
    CHECK_OK(LOCAL_STORE.probe(&(StoreContext){.url = path}, err));
    CHECK(!file_exists(path));
    if (geteuid() == 0) { // root may write everywhere: drop it
        ASSERT(chmod(folder, 0755) == 0 && seteuid(65534) == 0);
    } else {
        ASSERT(chmod(folder, 0555) == 0);
    }
    CHECK_FAILS(LOCAL_STORE.probe(&(StoreContext){.url = path}, err), ERR_IO_READ_ONLY);
    CHECK_FAILS(open_at(&LOCAL_STORE, path, "me", &store, err), ERR_IO_READ_ONLY);
    ASSERT(geteuid() != 65534 || seteuid(0) == 0);
    chmod(folder, 0755);
    clean();
}

TEST(local_stores_report_a_full_disk) {
    if (!file_exists("/dev/full")) {
        return;
    }
    Err err[1] = {{0}};
    Store *store = NULL;
    char path[128];
    CHECK_OK(open_at(&LOCAL_STORE, fresh(), "me", &store, err));
    snprintf(path, sizeof(path), "%s/.leat-staging/me", folder);
    CHECK_OK(file_make_directories(path, err));
    StoreStage *first = NULL, *second = NULL;
    CHECK_OK(store_stage_open(store, "a", &first, err));
    CHECK_OK(store_stage_open(store, "b", &second, err)); // the first one's descriptor is closed
    snprintf(path, sizeof(path), "%s/.leat-staging/me/%016x", folder, 0);
    CHECK_OK(file_remove(path, err));
    ASSERT(symlink("/dev/full", path) == 0);
    CHECK_FAILS(store_stage_write(first, SLICE("bytes"), err), ERR_IO_FULL);
    store_stage_abort(first);
    store_stage_abort(second);
    store_close(store);
    clean();
}
