// SPDX-License-Identifier: Apache-2.0
// Runs every TEST in a process of its own. Arguments: -jN first, so many at a time (one, if not given); then parts of
// names or file names: a test runs when one is in it.
// LEAT_UNIT_THREADS names a file for the names of those that start a thread, the ones to run under ThreadSanitizer; a
// thread of a process that a test forks does not count.
// The last lines tell what most of the CPU's time went to, and count: N passed, N failed.
#include "core/base/log.h"
#include "core/base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WAITS_SECONDS_MAX = 600, // of a test, however busy the machine is
    CPU_SECONDS_MAX = 240,
    SLOWEST = 8,       // of them are named, when the whole is worth it
    WORTH_SECONDS = 5, // of CPU
    // How a test ends that passed and started a thread: no status of a sanitizer, nor one that leat ends with.
    PASSED_WITH_THREADS = 113,
};

static Test *tests;
static struct {
    const char *name;
    double seconds;
} slowest[SLOWEST]; // the most CPU first

void test_register(Test *test) {
    test->next = tests;
    tests = test;
}

void test_fail(const char *file, int line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void test_folder(char *path, size_t size, const char *name) {
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    CHECK(snprintf(path, size, "%s/leat_%s_XXXXXX", parent, name) < (int)size);
    CHECK(mkdtemp(path) != NULL);
}

static bool wanted(const Test *test, int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        if (strstr(test->name, argv[i]) != NULL || strstr(test->file, argv[i]) != NULL) {
            return true;
        }
    }
    return argc == 0;
}

static void start(Test *test) {
    fflush(NULL);
    test->pid = fork();
    if (test->pid == 0) {
        alarm(WAITS_SECONDS_MAX);
        setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_SECONDS_MAX, CPU_SECONDS_MAX});
        log_level_set(LOG_WARN); // what goes as planned would bury a failing check
        test->run();
        exit(__libc_single_threaded ? 0 : PASSED_WITH_THREADS);
    }
    if (test->pid < 0) {
        perror("fork");
        exit(1);
    }
}

static double cpu_seconds(const struct rusage *used) {
    return (double)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) +
           (double)(used->ru_utime.tv_usec + used->ru_stime.tv_usec) / 1e6;
}

static void note(const char *name, double seconds) {
    for (int i = SLOWEST - 1; i >= 0 && slowest[i].seconds < seconds; i--) {
        if (i + 1 < SLOWEST) {
            slowest[i + 1] = slowest[i];
        }
        slowest[i].name = name;
        slowest[i].seconds = seconds;
    }
}

// Waits for the end of any test that runs; whether it passed.
static bool passes(FILE *with_threads) {
    int status = 0;
    struct rusage used = {0};
    pid_t ended = wait4(-1, &status, 0, &used);
    bool threads = WIFEXITED(status) && WEXITSTATUS(status) == PASSED_WITH_THREADS;
    bool passed = threads || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (Test *test = tests; test != NULL; test = test->next) {
        if (test->pid == ended) {
            test->pid = 0;
            note(test->name, cpu_seconds(&used));
            if (!passed) {
                printf("FAILED %s (%s)%s\n", test->name, test->file, WIFSIGNALED(status) ? ", by a signal" : "");
            }
            if (threads && with_threads != NULL) {
                fprintf(with_threads, "%s\n", test->name);
            }
        }
    }
    return passed;
}

static void tell_slowest(void) {
    struct rusage used = {0};
    if (getrusage(RUSAGE_CHILDREN, &used) != 0 || cpu_seconds(&used) < WORTH_SECONDS) {
        return;
    }
    printf("%.0f s of CPU; most of it:\n", cpu_seconds(&used));
    for (int i = 0; i < SLOWEST && slowest[i].name != NULL; i++) {
        printf("%6.1f s %s\n", slowest[i].seconds, slowest[i].name);
    }
}

int main(int argc, char **argv) {
    int passed = 0, failed = 0, running = 0, first = 1;
    int at_once = 1;
    if (argc > 1 && strncmp(argv[1], "-j", 2) == 0) {
        at_once = (int)strtol(argv[1] + 2, NULL, 10);
        first = 2;
    }
    const char *list = getenv("LEAT_UNIT_THREADS");
    FILE *with_threads = list == NULL ? NULL : fopen(list, "w");
    if (list != NULL && with_threads == NULL) {
        perror(list);
        return 1;
    }
    for (Test *test = tests; test != NULL || running > 0;) {
        if (test != NULL && (running < at_once || running == 0)) {
            if (wanted(test, argc - first, argv + first)) {
                start(test);
                running++;
            }
            test = test->next;
            continue;
        }
        running--;
        *(passes(with_threads) ? &passed : &failed) += 1;
    }
    if (with_threads != NULL && fclose(with_threads) != 0) {
        perror(list);
        failed++;
    }
    tell_slowest();
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
