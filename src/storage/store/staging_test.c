// SPDX-License-Identifier: Apache-2.0
#include "storage/store/staging.c" // NOLINT

#include "core/base/test.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static char root[64], parent[80], folder[96];

static void names(void) {
    snprintf(root, sizeof(root), "/tmp/leat_staging_XXXXXX");
    CHECK(mkdtemp(root) != NULL);
    snprintf(parent, sizeof(parent), "%s/parent", root);
    snprintf(folder, sizeof(folder), "%s/folder", parent);
}

// Stores of one target share the folder that has their own ones, and each takes it away when it finds it empty.
TEST(staging_folder_is_made_while_others_take_its_parent_away) {
    Err err[1] = {{0}};
    names();
    pid_t other = fork();
    CHECK(other >= 0);
    if (other == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) { // once for each folder that is made
            while (rmdir(parent) != 0) {}
            while (access(folder, F_OK) != 0) {}
        }
    }
    for (int i = 0; i < 100; i++) {
        CHECK_OK(staging_folder_make(folder, 0777, err));
        CHECK(rmdir(folder) == 0);
    }
    kill(other, SIGKILL);
    CHECK(waitpid(other, NULL, 0) == other);
    CHECK_OK(file_remove_tree(root, err));
}

TEST(staging_folder_is_no_file) {
    Err err[1] = {{0}};
    names();
    CHECK_OK(staging_folder_make(parent, 0777, err));
    CHECK_OK(staging_folder_make(parent, 0777, err));
    int fd = open(folder, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    CHECK(fd >= 0);
    file_close(&fd);
    CHECK_FAILS(staging_folder_make(folder, 0777, err), ERR_IO_READ_ONLY);
    CHECK_OK(file_remove_tree(root, err));
}
