// SPDX-License-Identifier: Apache-2.0
#include "core/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct CodeRow {
    ErrClass class;
    const char *name;
    const char *text;
} CodeRow;

static const CodeRow CODE_ROWS[] = {[ERR_NONE] = {ERR_CLASS_INTERNAL, "none", "no error"},
#define X(code, class, name, text) [code] = {ERR_CLASS_##class, name, text},
                                    ERR_CODES(X)
#undef X
};

void panic_at(const char *file, int line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "leat: panic at %s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

bool err_frame(Err *err, const char *file, int line) {
    ASSERT(err->code != ERR_NONE);
    if (err->frame_count < (int)ARRAY_LEN(err->frames)) {
        err->frames[err->frame_count++] = (ErrFrame){file, line};
    }
    return false;
}

bool err_fail(Err *err, const char *file, int line, ErrCode code, const char *format, ...) {
    if (err->code == ERR_NONE) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->message, sizeof(err->message), format, args);
        va_end(args);
    }
    return err_frame(err, file, line);
}

bool err_errno(Err *err, const char *file, int line, int errnum, const char *format, ...) {
    if (err->code == ERR_NONE) {
        va_list args;
        va_start(args, format);
        int used = vsnprintf(err->message, sizeof(err->message), format, args);
        va_end(args);
        if (used >= 0 && (size_t)used < sizeof(err->message)) {
            snprintf(err->message + used, sizeof(err->message) - (size_t)used, ": %s", strerror(errnum));
        }
        switch (errnum) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            err->code = ERR_IO_FULL;
            err_hint(err, "free space on that file system; leat goes on where it stopped");
            break;
        case EROFS:
        case EACCES:
        case EPERM:
            err->code = ERR_IO_READ_ONLY;
            err_hint(err, "let the user that runs leat write there, or choose another directory");
            break;
        case ENOENT:
            err->code = ERR_NOT_FOUND;
            break;
        default:
            err->code = ERR_IO_FAILED;
        }
    }
    return err_frame(err, file, line);
}

bool err_hint(Err *err, const char *format, ...) {
    ASSERT(err->code != ERR_NONE);
    if (err->hint[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(err->hint, sizeof(err->hint), format, args);
        va_end(args);
    }
    return false;
}

bool err_prefix(Err *err, const char *format, ...) {
    ASSERT(err->code != ERR_NONE);
    char message[sizeof(err->message)];
    memcpy(message, err->message, sizeof(message));
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof(err->message)) {
        snprintf(err->message + used, sizeof(err->message) - (size_t)used, ": %.*s",
                 (int)(sizeof(message) - (size_t)used), message);
    }
    return false;
}

void err_clear(Err *err) {
    memset(err, 0, sizeof(*err));
}

ErrClass err_class(ErrCode code) {
    return CODE_ROWS[code].class;
}

const char *err_class_name(ErrClass class) {
    static const char *const NAMES[] = {"transient", "config", "data", "internal"};
    return NAMES[class];
}

const char *err_name(ErrCode code) {
    return CODE_ROWS[code].name;
}

const char *err_text(ErrCode code) {
    return CODE_ROWS[code].text;
}
