// SPDX-License-Identifier: Apache-2.0
// Errors: a value that says what happened, where, what the user can do, and, by its class, what the caller should do.
//
//     CHECKED bool thing_open(Thing *thing, Err *err);       // false: err says why
//         TRY(file_open(&thing->file, path, err));           // hands the error on, adds file:line
//         return FAIL(err, ERR_IO_FAILED, "%s: short read at byte %" PRIu64, path, offset);
//
// Declare as `Err err[1] = {{0}};` so that `err` is always a pointer. An error is logged once, by whoever stops
// handing it on. Absence is not an error: a `find` returns NULL or false and says so in its name.
#ifndef LEAT_CORE_BASE_ERR_H
#define LEAT_CORE_BASE_ERR_H

#include "core/base/defs.h"

// The class is the whole restart policy.
typedef enum ErrClass {
    ERR_CLASS_TRANSIENT, // try again, with backoff
    ERR_CLASS_CONFIG,    // wait for the operator
    ERR_CLASS_DATA,      // a value, row or table: policy decides (fail, dead-letter, quarantine)
    ERR_CLASS_INTERNAL,  // a bug or a broken disk: stop and alert
} ErrClass;

// X(code, class, name as users see it, what it means)
#define ERR_CODES(X)                                                                                        \
    X(ERR_USAGE, CONFIG, "usage", "the command line is not understood")                                     \
    X(ERR_OPTION, CONFIG, "option", "an option has a value that it cannot have")                            \
    X(ERR_INTERRUPTED, TRANSIENT, "interrupted", "stopped by a signal")                                     \
    X(ERR_LOCKED, CONFIG, "locked", "another process works on this pipeline")                               \
    X(ERR_NOT_FOUND, CONFIG, "not_found", "a pipeline, table, topic or file of that name does not exist")   \
    X(ERR_EXISTS, CONFIG, "exists", "it exists already and is not ours to change")                          \
    X(ERR_CHANGED, DATA, "changed", "a condition does not hold: somebody else has written there")           \
    X(ERR_SOURCE_UNREACHABLE, TRANSIENT, "source_unreachable", "the source does not answer")                \
    X(ERR_SOURCE_AUTH, CONFIG, "source_auth", "the source refuses the user or password")                    \
    X(ERR_SOURCE_PERMISSION, CONFIG, "source_permission", "the source's user lacks a permission")           \
    X(ERR_SOURCE_SETUP, CONFIG, "source_setup", "the source is not set up for change capture")              \
    X(ERR_SOURCE_QUERY, INTERNAL, "source_query", "the source refuses a statement")                         \
    X(ERR_SOURCE_CLOSED, TRANSIENT, "source_closed", "the source closed the connection")                    \
    X(ERR_SOURCE_PROTOCOL, TRANSIENT, "source_protocol", "the source sent what its protocol forbids")       \
    X(ERR_SLOT_BUSY, TRANSIENT, "slot_busy", "another client uses the replication slot")                    \
    X(ERR_SLOT_LOST, CONFIG, "slot_lost", "the replication slot is gone or invalidated")                    \
    X(ERR_SLOT_MISMATCH, CONFIG, "slot_mismatch", "slot and journal disagree: going on would leave a gap")  \
    X(ERR_TABLE, DATA, "table", "one table cannot be captured as it is")                                    \
    X(ERR_VALUE, DATA, "value", "a value cannot be decoded or does not fit its type")                       \
    X(ERR_NET_UNREACHABLE, TRANSIENT, "net_unreachable", "a service does not answer")                       \
    X(ERR_NET_BUSY, TRANSIENT, "net_busy", "a service asks to wait, or has failed within")                  \
    X(ERR_NET_AUTH, CONFIG, "net_auth", "a service refuses the credentials, or there are none")             \
    X(ERR_NET_PERMISSION, CONFIG, "net_permission", "a service denies what is asked of it")                 \
    X(ERR_NET_SETUP, CONFIG, "net_setup", "a service is there, but not as configured: bucket, region, URL") \
    X(ERR_NET_PROTOCOL, TRANSIENT, "net_protocol", "a service answered what makes no sense")                \
    X(ERR_JOURNAL_CORRUPT, INTERNAL, "journal_corrupt", "the journal is damaged below its last cut")        \
    X(ERR_JOURNAL_FULL, TRANSIENT, "journal_full", "the journal has reached journal.bytes.max")             \
    X(ERR_STATE_CORRUPT, INTERNAL, "state_corrupt", "a state file is damaged")                              \
    X(ERR_FORMAT_NEWER, CONFIG, "format_newer", "written by a newer leat: this one must not touch it")      \
    X(ERR_IO_FULL, TRANSIENT, "io_full", "the disk or quota is full")                                       \
    X(ERR_IO_READ_ONLY, CONFIG, "io_read_only", "a directory or file cannot be written")                    \
    X(ERR_IO_FAILED, INTERNAL, "io_failed", "the operating system reports an input or output error")        \
    X(ERR_MEMORY, TRANSIENT, "memory", "one thing is larger than the memory limit allows")                  \
    X(ERR_INTERNAL, INTERNAL, "internal", "a bug in leat")

typedef enum ErrCode {
    ERR_NONE = 0,
#define X(code, class, name, text) code,
    ERR_CODES(X)
#undef X
} ErrCode;

typedef struct ErrFrame {
    const char *file;
    int line;
} ErrFrame;

typedef struct Err {
    ErrCode code;
    char message[512]; // what and where; never a secret, never a whole row
    char hint[512];    // the remedy; may be empty
    ErrFrame frames[8];
    int frame_count;
} Err;

// Both return false, so that `return FAIL(…)` reads as it acts. A later FAIL on a set error keeps the first.
bool err_fail(Err *err, const char *file, int line, ErrCode code, const char *format, ...) PRINTF_LIKE(5, 6);
bool err_frame(Err *err, const char *file, int line);
// Sets the remedy of an error that has none; returns false.
bool err_hint(Err *err, const char *format, ...) PRINTF_LIKE(2, 3);
// Puts "context: " before the message; returns false. For a caller that knows the place better than the callee.
bool err_prefix(Err *err, const char *format, ...) PRINTF_LIKE(2, 3);
// The error of a failed system call: errno decides between full, read-only, not found and failed.
bool err_errno(Err *err, const char *file, int line, int errnum, const char *format, ...) PRINTF_LIKE(5, 6);
void err_clear(Err *err);

ErrClass err_class(ErrCode code);
const char *err_class_name(ErrClass class);
const char *err_name(ErrCode code);
const char *err_text(ErrCode code);

#define FAIL(err, code, ...) err_fail((err), __FILE__, __LINE__, (code), __VA_ARGS__)
#define FAIL_ERRNO(err, ...) err_errno((err), __FILE__, __LINE__, errno, __VA_ARGS__)
#define TRY(call)                                      \
    do {                                               \
        if (UNLIKELY(!(call))) {                       \
            return err_frame(err, __FILE__, __LINE__); \
        }                                              \
    } while (0)

#endif
