// SPDX-License-Identifier: Apache-2.0
// Runs every TEST in a process of its own. Arguments: -jN first, so many at a time (one, if not given); then parts of
// names or file names: a test runs when one is in it.
// The last line counts: N passed, N failed.
#include "core/base/log.h"
#include "core/base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WAITS_SECONDS_MAX = 600, // of a test, however busy the machine is
    CPU_SECONDS_MAX = 240,
    SLOW_SECONDS = 5, // of CPU: worth a line
};

static Test *tests;

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
    CHECK(snprintf(path, size, "/tmp/leat_%s_XXXXXX", name) < (int)size);
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
        exit(0);
    }
    if (test->pid < 0) {
        perror("fork");
        exit(1);
    }
}

// Waits for the end of any test that runs; whether it passed.
static bool passes(void) {
    int status = 0;
    struct rusage used = {0};
    pid_t ended = wait4(-1, &status, 0, &used);
    bool passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    for (Test *test = tests; test != NULL; test = test->next) {
        if (test->pid == ended) {
            test->pid = 0;
            if (!passed) {
                printf("FAILED %s (%s)%s\n", test->name, test->file, WIFSIGNALED(status) ? ", by a signal" : "");
            }
            if (used.ru_utime.tv_sec + used.ru_stime.tv_sec >= SLOW_SECONDS) {
                printf("slow: %s, %ld s of CPU\n", test->name, (long)(used.ru_utime.tv_sec + used.ru_stime.tv_sec));
            }
        }
    }
    return passed;
}

int main(int argc, char **argv) {
    int passed = 0, failed = 0, running = 0, first = 1;
    int at_once = 1;
    if (argc > 1 && strncmp(argv[1], "-j", 2) == 0) {
        at_once = (int)strtol(argv[1] + 2, NULL, 10);
        first = 2;
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
        *(passes() ? &passed : &failed) += 1;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
