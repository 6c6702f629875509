// SPDX-License-Identifier: Apache-2.0
// What the local store makes durable, told by the calls that do it: the seam's tests (store_test.c) cannot tell, as
// what was not synced is lost with the power only.
#include "core/sys/file.h"

#include <sys/stat.h>
#include <unistd.h>

static bool sync_watched(int fd, const char *path, Err *err);
static bool sync_directory_watched(const char *path, Err *err);
static int fsync_watched(int fd);

#define file_sync(fd, path, err)       sync_watched(fd, path, err)
#define file_sync_directory(path, err) sync_directory_watched(path, err)
#define fsync(fd)                      fsync_watched(fd)
#include "storage/store/local/local.c"
#undef file_sync
#undef file_sync_directory
#undef fsync

#include "core/base/test.h"

enum { SYNCS_MAX = 32 };

static ino_t synced[SYNCS_MAX]; // in their order: what stands at a name may be renamed, and is still the same
static size_t synced_count;
static ino_t refused; // its sync fails
static bool watched;  // other tests use this store too

static bool note(ino_t inode) {
    if (!watched) {
        return true;
    }
    ASSERT(synced_count < SYNCS_MAX);
    synced[synced_count++] = inode;
    return inode != refused;
}

static bool sync_watched(int fd, const char *path, Err *err) {
    struct stat status;
    ASSERT(fstat(fd, &status) == 0);
    return note(status.st_ino) ? file_sync(fd, path, err) : FAIL(err, ERR_IO_FAILED, "fdatasync %s", path);
}

static bool sync_directory_watched(const char *path, Err *err) {
    struct stat status;
    ASSERT(stat(path, &status) == 0);
    return note(status.st_ino) ? file_sync_directory(path, err) : FAIL(err, ERR_IO_FAILED, "fsync %s", path);
}

static int fsync_watched(int fd) {
    struct stat status;
    ASSERT(fstat(fd, &status) == 0);
    return note(status.st_ino) ? fsync(fd) : -1;
}

static char root[64];

static Local *opened(void) {
    Err err[1] = {{0}};
    void *state = NULL;
    test_folder(root, sizeof(root), "store");
    watched = true;
    CHECK_OK(local_open(&(StoreContext){.url = root, .owner = "test"}, &state, err));
    return state;
}

static void closed(Local *local) {
    Err err[1] = {{0}};
    local_close(local);
    CHECK_OK(file_remove_tree(root, err));
}

static ino_t inode_of(const char *name) {
    char path[PATH_MAX];
    struct stat status;
    snprintf(path, sizeof(path), "%s/%s", root, name);
    CHECK(stat(path, &status) == 0);
    return status.st_ino;
}

static size_t times_synced(const char *name) {
    ino_t inode = inode_of(name);
    size_t times = 0;
    for (size_t i = 0; i < synced_count; i++) {
        times += synced[i] == inode;
    }
    return times;
}

static void put(Local *local, const char *name, const char *if_tag) {
    Err err[1] = {{0}};
    char tag[STORE_TAG_BYTES_MAX];
    CHECK_OK(local_put(local, name, SLICE("bytes"), if_tag, tag, err));
}

TEST(settling_syncs_each_deferred_file_and_each_of_their_folders_once) {
    Err err[1] = {{0}};
    Local *local = opened();
    static const char *const DEFERRED[] = {"a/1", "a/2", "b/3", "top", "a", "b", ""};
    local_defer(local);
    put(local, "a/1", "");
    put(local, "b/3", "");
    put(local, "a/2", "");
    put(local, "top", "");
    put(local, "b/gone", "");
    CHECK_OK(local_remove(local, "b/gone", err));
    CHECK_INT(synced_count, 0); // that is what deferring is for
    CHECK_OK(local_settle(local, err));
    for (size_t i = 0; i < ARRAY_LEN(DEFERRED); i++) {
        CHECK_INT(times_synced(DEFERRED[i]), 1);
    }
    CHECK_INT(synced_count, ARRAY_LEN(DEFERRED));
    CHECK_OK(local_settle(local, err)); // nothing is left to do
    CHECK_INT(synced_count, ARRAY_LEN(DEFERRED));
    closed(local);
}

TEST(what_is_not_deferred_is_synced_at_once) {
    Local *local = opened();
    put(local, "a/1", "");
    CHECK(times_synced("a/1") == 1 && times_synced("a") == 1);
    local_defer(local);
    put(local, "a/1", NULL); // in the place of another: who reads it must not see it go
    CHECK(times_synced("a/1") == 1 && times_synced("a") == 2);
    CHECK_INT(synced_count, 4);
    closed(local);
}

// As if it were durable, a commit would name what the next loss of power takes away.
TEST(a_sync_that_fails_fails_the_settling) {
    static const char *const REFUSED[] = {"a/1", "a"};
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
        Err err[1] = {{0}};
        Local *local = opened();
        synced_count = 0;
        local_defer(local);
        put(local, "a/1", "");
        refused = inode_of(REFUSED[i]);
        CHECK_FAILS(local_settle(local, err), ERR_IO_FAILED);
        refused = 0;
        closed(local);
    }
}
