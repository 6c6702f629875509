// SPDX-License-Identifier: Apache-2.0
// Unit tests beside the code: x_test.c includes x.c and is compiled in its place, so statics are in reach.
//
//     TEST(buf_stops_at_its_limit) { … CHECK(buf.overflow); CHECK_INT(buf.size, 3); }
//
// Each test registers itself and runs in a process of its own (tests/unit/main.c).
#ifndef LEAT_CORE_BASE_TEST_H
#define LEAT_CORE_BASE_TEST_H

#include "core/base/bytes.h"
#include "core/base/err.h"

#include <sys/types.h>

typedef struct Test {
    const char *name;
    const char *file;
    void (*run)(void);
    struct Test *next;
    pid_t pid; // of its process, while it runs
} Test;

void test_register(Test *test);
NORETURN void test_fail(const char *file, int line, const char *format, ...) PRINTF_LIKE(3, 4);
// Makes an empty folder that no other test, nor one of a run before, has: leat_NAME_XXXXXX, in memory where there is
// some, as tests call fsync thousands of times. The test removes it.
void test_folder(char *path, size_t size, const char *name);

#define TEST(test_name)                                                              \
    static void test_name(void);                                                     \
    __attribute__((constructor)) static void test_name##_register(void) {            \
        static Test test = {.name = #test_name, .file = __FILE__, .run = test_name}; \
        test_register(&test);                                                        \
    }                                                                                \
    static void test_name(void)

#define CHECK(condition)                                             \
    do {                                                             \
        if (!(condition)) {                                          \
            test_fail(__FILE__, __LINE__, "not so: %s", #condition); \
        }                                                            \
    } while (0)
#define CHECK_INT(got, want)                                                                     \
    do {                                                                                         \
        int64_t got_ = (int64_t)(got), want_ = (int64_t)(want);                                  \
        if (got_ != want_) {                                                                     \
            test_fail(__FILE__, __LINE__, "%s is %" PRId64 ", not %" PRId64, #got, got_, want_); \
        }                                                                                        \
    } while (0)
#define CHECK_TEXT(got, want)                                                                                   \
    do {                                                                                                        \
        Slice got_ = (got), want_ = slice_of(want);                                                             \
        if (!slice_equal(got_, want_)) {                                                                        \
            test_fail(__FILE__, __LINE__, "%s is '%.*s', not '%.*s'", #got, SLICE_ARG(got_), SLICE_ARG(want_)); \
        }                                                                                                       \
    } while (0)
// The call succeeds; `err` must be in scope.
#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        if (!(call)) {                                                                             \
            test_fail(__FILE__, __LINE__, "%s: %s: %s", #call, err_name(err->code), err->message); \
        }                                                                                          \
    } while (0)
// The call fails with that code; the error is cleared for the next one.
#define CHECK_FAILS(call, want_code)                                                               \
    do {                                                                                           \
        if (call) {                                                                                \
            test_fail(__FILE__, __LINE__, "%s: succeeds", #call);                                  \
        }                                                                                          \
        if (err->code != (want_code)) {                                                            \
            test_fail(__FILE__, __LINE__, "%s: %s: %s", #call, err_name(err->code), err->message); \
        }                                                                                          \
        err_clear(err);                                                                            \
    } while (0)

#endif
