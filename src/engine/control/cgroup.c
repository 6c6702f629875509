// SPDX-License-Identifier: Apache-2.0
#include "engine/control/cgroup.h"

#include "core/base/err.h"
#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MOUNT "/sys/fs/cgroup"

static bool path_join(char path[CGROUP_PATH_MAX], const char *directory, const char *name) {
    return snprintf(path, CGROUP_PATH_MAX, "%s/%s", directory, name) < CGROUP_PATH_MAX;
}

// Files of the kernel: one write each, no temporary, no fsync.
static bool file_put(const char *directory, const char *name, const char *text) {
    char path[CGROUP_PATH_MAX];
    int fd = path_join(path, directory, name) ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return false;
    }
    bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return ok;
}

static bool file_get(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

bool cgroup_find(char directory[CGROUP_PATH_MAX]) {
    char text[4096];
    if (!file_get("/proc/self/cgroup", text, sizeof(text))) {
        return false;
    }
    for (const char *line = text; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        if (strncmp(line, "0::/", 4) == 0) {
            int size = end != NULL ? (int)(end - line) - 3 : (int)strlen(line) - 3;
            return snprintf(directory, CGROUP_PATH_MAX, "%s%.*s", MOUNT, size, line + 3) < CGROUP_PATH_MAX;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    return false;
}

// The mark that systemd sets: without it the cgroup may be shared with processes that are not ours.
static bool delegated(const char *directory) {
    char value[2];
    return (getxattr(directory, "user.delegate", value, sizeof(value)) == 1 && value[0] == '1') ||
           (getxattr(directory, "trusted.delegate", value, sizeof(value)) == 1 && value[0] == '1');
}

static bool has_memory(const char *directory) {
    char path[CGROUP_PATH_MAX], text[512];
    return path_join(path, directory, "cgroup.controllers") && file_get(path, text, sizeof(text)) &&
           strstr(text, "memory") != NULL;
}

static bool take_over(const char *directory) {
    char path[CGROUP_PATH_MAX];
    return path_join(path, directory, "supervisor") && (mkdir(path, 0755) == 0 || errno == EEXIST) &&
           file_put(path, "cgroup.procs", "0") && file_put(directory, "cgroup.subtree_control", "+memory");
}

void cgroup_open(Cgroup *cgroup, const char *directory) {
    *cgroup = (Cgroup){0};
    if (!delegated(directory) || !has_memory(directory)) {
        return;
    }
    if (!take_over(directory)) {
        log_warn(LOG_SERVER, "the cgroup is delegated but cannot be divided: workers have resource limits only",
                 LOG_TEXT("cgroup", directory), LOG_TEXT("reason", strerror(errno)));
        return;
    }
    snprintf(cgroup->directory, sizeof(cgroup->directory), "%s", directory);
    log_info(LOG_SERVER, "each worker has a cgroup", LOG_TEXT("below", directory));
}

bool cgroup_new(Cgroup *cgroup, int64_t memory_bytes_max, char directory[CGROUP_PATH_MAX]) {
    char name[48], limit[32];
    directory[0] = '\0';
    if (cgroup->directory[0] == '\0' || memory_bytes_max <= 0) {
        return false;
    }
    snprintf(name, sizeof(name), "worker-%" PRIu64, ++cgroup->last);
    snprintf(limit, sizeof(limit), "%" PRId64, memory_bytes_max);
    if (!path_join(directory, cgroup->directory, name) || (mkdir(directory, 0755) != 0 && errno != EEXIST) ||
        !file_put(directory, "memory.max", limit)) {
        log_warn(LOG_SERVER, "a worker's cgroup cannot be made", LOG_TEXT("cgroup", directory),
                 LOG_TEXT("reason", strerror(errno)));
        cgroup_remove(directory);
        directory[0] = '\0';
        return false;
    }
    (void)file_put(directory, "memory.oom.group", "1"); // older kernels have it not
    return true;
}

bool cgroup_ran_out(const char *directory) {
    char path[CGROUP_PATH_MAX], text[1024];
    if (directory[0] == '\0' || !path_join(path, directory, "memory.events") || !file_get(path, text, sizeof(text))) {
        return false;
    }
    const char *count = strstr(text, "oom_kill ");
    return count != NULL && strtol(count + sizeof("oom_kill ") - 1, NULL, 10) > 0;
}

void cgroup_remove(const char *directory) {
    if (directory[0] != '\0' && rmdir(directory) != 0 && errno != ENOENT) {
        log_debug(LOG_SERVER, "a cgroup cannot be removed", LOG_TEXT("cgroup", directory),
                  LOG_TEXT("reason", strerror(errno)));
    }
}
