// SPDX-License-Identifier: Apache-2.0
// On a directory that looks like a cgroup: what is written where.
#include "engine/control/cgroup.c"

#include "core/base/test.h"
#include "core/sys/file.h"

static char base[64];

static void write_text(const char *name, const char *text) {
    Err err[1] = {{0}};
    char path[CGROUP_PATH_MAX];
    CHECK(path_join(path, base, name));
    CHECK_OK(file_replace(path, slice_of(text), err));
}

static void holds(const char *name, const char *want) {
    char path[CGROUP_PATH_MAX], text[64];
    CHECK(path_join(path, base, name));
    CHECK(file_get(path, text, sizeof(text)));
    CHECK_TEXT(slice_of(text), want);
}

TEST(cgroup_is_divided_only_where_it_is_delegated) {
    Err err[1] = {{0}};
    Cgroup cgroup;
    char worker[CGROUP_PATH_MAX];
    log_level_set(LOG_SILENT);
    test_folder(base, sizeof(base), "cgroup");
    char path[CGROUP_PATH_MAX];
    CHECK(path_join(path, base, "supervisor"));
    CHECK_OK(file_make_directories(path, err));
    write_text("cgroup.controllers", "cpu memory pids\n");
    write_text("cgroup.subtree_control", "");
    write_text("supervisor/cgroup.procs", "");
    cgroup_open(&cgroup, base);
    CHECK(!cgroup_new(&cgroup, 1 << 20, worker));
    CHECK_TEXT(slice_of(worker), "");
    if (setxattr(base, "user.delegate", "1", 1, 0) != 0) { // this file system has no attributes
        CHECK_OK(file_remove_tree(base, err));
        return;
    }
    cgroup_open(&cgroup, base);
    holds("supervisor/cgroup.procs", "0");
    holds("cgroup.subtree_control", "+memory");
    CHECK(!cgroup_new(&cgroup, 0, worker));
    CHECK(!cgroup_new(&cgroup, 1 << 20, worker)); // a real one has its files from the start
    CHECK(path_join(path, base, "worker-2"));
    CHECK_OK(file_make_directories(path, err));
    write_text("worker-2/memory.max", "max");
    CHECK(cgroup_new(&cgroup, 96 << 20, worker));
    holds("worker-2/memory.max", "100663296");
    write_text("worker-2/memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 0\n");
    CHECK(!cgroup_ran_out(worker));
    write_text("worker-2/memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n");
    CHECK(cgroup_ran_out(worker));
    CHECK(!cgroup_ran_out(""));
    cgroup_remove("");
    CHECK_OK(file_remove_tree(base, err));
}
