// SPDX-License-Identifier: Apache-2.0
// What every file of leat may rely on: integer types, checked results, assertions, scope guards.
#ifndef LEAT_CORE_BASE_DEFS_H
#define LEAT_CORE_BASE_DEFS_H

#include <assert.h>
#include <inttypes.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// A result that the caller must look at.
#define CHECKED                __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))
#define NORETURN               __attribute__((noreturn))
#define LIKELY(x)              __builtin_expect(!!(x), 1)
#define UNLIKELY(x)            __builtin_expect(!!(x), 0)

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

// A programmer's error: prints where, then ends the process. Never used for input or for the outside world.
NORETURN void panic_at(const char *file, int line, const char *format, ...) PRINTF_LIKE(3, 4);
#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)
// Always on, in release builds too.
#define ASSERT(condition)                              \
    do {                                               \
        if (UNLIKELY(!(condition))) {                  \
            panic("assertion failed: %s", #condition); \
        }                                              \
    } while (0)
#define UNREACHABLE() panic("unreachable")

// DEFER(buf_release) Buf buf = {0};   runs buf_release(&buf) when the scope ends.
#define DEFER(release) __attribute__((cleanup(release)))

#if defined(__SANITIZE_ADDRESS__)
#define LEAT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAT_ASAN 1
#endif
#endif

// Functions whose misuse is a class of bugs: there is a better one for each (buf_*, arena_printf, slice_*). Their
// headers come first, as a poisoned name may not even be declared.
#include <stdio.h>
#include <stdlib.h>
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets atoi atol atof

#endif
