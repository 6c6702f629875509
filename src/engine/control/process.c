// SPDX-License-Identifier: Apache-2.0
#include "engine/control/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CHILD_LOST = 127 }; // exit status of a child that could not become what it should

static void limits_set(const ProcessStart *how) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (how->memory_bytes_max > 0) {
        rlim_t bytes = (rlim_t)how->memory_bytes_max;
        struct rlimit data = {bytes, bytes};
        setrlimit(RLIMIT_DATA, &data);
    }
}

static void cgroup_join(const char *directory) {
    char path[512];
    if (snprintf(path, sizeof(path), "%s/cgroup.procs", directory) >= (int)sizeof(path)) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        // Without the cgroup the resource limit still holds.
        ssize_t wrote = write(fd, "0", 1);
        (void)wrote;
        close(fd);
    }
}

NORETURN static void become(int end, const ProcessStart *how, pid_t parent) {
    static char program[] = "leat";
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) { // it died before it was watched
        _exit(CHILD_LOST);
    }
    sigset_t nothing;
    sigemptyset(&nothing);
    sigprocmask(SIG_SETMASK, &nothing, NULL);
    limits_set(how);
    if (how->cgroup != NULL) {
        cgroup_join(how->cgroup);
    }
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
    }
    if ((end == CHANNEL_FD ? fcntl(end, F_SETFD, 0) : dup2(end, CHANNEL_FD)) < 0) {
        _exit(CHILD_LOST);
    }
    char role[32], title[256];
    snprintf(role, sizeof(role), "%s", how->role);
    snprintf(title, sizeof(title), "%s", how->title != NULL ? how->title : "");
    char *argv[] = {program, role, how->title != NULL ? title : NULL, NULL};
    execv("/proc/self/exe", argv); // the file that this process runs, also when a newer one has its name by now
    _exit(CHILD_LOST);
}

bool process_start(Process *process, const ProcessStart *how, Err *err) {
    int ends[2];
    *process = (Process){.channel = {.fd = -1}};
    TRY(channel_pair(ends, err));
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        become(ends[1], how, parent);
    }
    int errnum = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return err_errno(err, __FILE__, __LINE__, errnum, "start a process (%s)", how->role);
    }
    process->pid = pid;
    if (!channel_open(&process->channel, ends[0], err)) {
        close(ends[0]); // which ends the child
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

void process_signal(const Process *process, int number) {
    if (process->pid > 0) {
        kill(process->pid, number);
    }
}

void process_release(Process *process) {
    channel_close(&process->channel);
    process->pid = 0;
}
