// SPDX-License-Identifier: Apache-2.0
// Diagnostics: a constant message and fields that carry the data, one line each on stderr. JSON lines when stderr is
// not a terminal, else short text. (The durable log of changes is the journal; `log_*` is for diagnostics only.)
//
//     log_info(LOG_SOURCE, "slot created", LOG_TEXT("slot", name), LOG_UINT("bytes", n));
//
// Messages: lower case, factual. A Secret has no macro here, so it cannot be logged. Thread-safe.
#ifndef LEAT_CORE_BASE_LOG_H
#define LEAT_CORE_BASE_LOG_H

#include "core/base/bytes.h"
#include "core/base/err.h"

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_SILENT } LogLevel;
typedef enum LogArea { LOG_CLI, LOG_SOURCE, LOG_JOURNAL, LOG_SINK, LOG_PIPELINE, LOG_SERVER, LOG_API } LogArea;

typedef enum LogKind { LOG_KIND_END, LOG_KIND_TEXT, LOG_KIND_INT, LOG_KIND_UINT, LOG_KIND_LSN } LogKind;
typedef struct LogField {
    LogKind kind;
    const char *name;
    Slice text;
    uint64_t number;
} LogField;

#define LOG_SLICE(field, value) ((LogField){LOG_KIND_TEXT, (field), (value), 0})
#define LOG_TEXT(field, value)  LOG_SLICE(field, slice_of(value))
#define LOG_INT(field, value)   ((LogField){LOG_KIND_INT, (field), {NULL, 0}, (uint64_t)(int64_t)(value)})
#define LOG_UINT(field, value)  ((LogField){LOG_KIND_UINT, (field), {NULL, 0}, (uint64_t)(value)})
#define LOG_LSN(field, value)   ((LogField){LOG_KIND_LSN, (field), {NULL, 0}, (uint64_t)(value)})

void log_level_set(LogLevel level); // of all areas
LogLevel log_level(void);           // as last set for all
void log_area_level_set(LogArea area, LogLevel level);
bool log_area_find(const char *name, LogArea *area); // by its name in log lines
// As Log4j names levels, in any case: TRACE, DEBUG, INFO, WARN, ERROR, FATAL, OFF. False: none of them.
bool log_level_parse(const char *name, LogLevel *level);
// A field of every line from now on, such as the connector that a worker works for; both texts are copied, cut at 200
// bytes. Set once, before there are threads.
void log_stamp_set(const char *name, Slice value);
// Where lines go instead of stderr (a progress display that must not be torn); NULL: back to stderr.
void log_sink_set(void (*write)(void *context, Slice line), void *context);
void log_fields(LogLevel level, LogArea area, const char *message, const LogField *fields);
// The error's message, hint, code, class and frames, once, by whoever stops handing it on.
void log_err(LogArea area, const char *message, const Err *err);

// The list of fields ends itself: LOG_END is put behind it.
#define LOG_END                             ((LogField){LOG_KIND_END, NULL, {NULL, 0}, 0})
#define log_debug(area, ...)                LOG_CALL(LOG_DEBUG, area, __VA_ARGS__, LOG_END)
#define log_info(area, ...)                 LOG_CALL(LOG_INFO, area, __VA_ARGS__, LOG_END)
#define log_warn(area, ...)                 LOG_CALL(LOG_WARN, area, __VA_ARGS__, LOG_END)
#define log_error(area, ...)                LOG_CALL(LOG_ERROR, area, __VA_ARGS__, LOG_END)
#define LOG_CALL(level, area, message, ...) log_fields((level), (area), (message), (const LogField[]){__VA_ARGS__})

#endif
