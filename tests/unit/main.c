// SPDX-License-Identifier: Apache-2.0
// Runs every TEST in a process of its own. Arguments: parts of names or file names; a test runs when one is in it.
// The last line counts: N passed, N failed.
#include "core/base/log.h"
#include "core/base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

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
    for (int i = 1; i < argc; i++) {
        if (strstr(test->name, argv[i]) != NULL || strstr(test->file, argv[i]) != NULL) {
            return true;
        }
    }
    return argc == 1;
}

static bool run(const Test *test) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(120);
        log_level_set(LOG_WARN); // what goes as planned would bury a failing check
        test->run();
        exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    bool passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!passed) {
        printf("FAILED %s (%s)%s\n", test->name, test->file, WIFSIGNALED(status) ? ", by a signal" : "");
    }
    return passed;
}

int main(int argc, char **argv) {
    int passed = 0, failed = 0;
    for (const Test *test = tests; test != NULL; test = test->next) {
        if (wanted(test, argc, argv)) {
            if (run(test)) {
                passed++;
            } else {
                failed++;
            }
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
