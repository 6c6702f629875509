// SPDX-License-Identifier: Apache-2.0
#include "core/base/log.h"

#include "core/base/buf.h"
#include "core/base/json.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static _Atomic int level_now = LOG_INFO;
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static void (*log_write)(void *context, Slice line);
static void *log_write_context;

static const char *const LEVEL_NAMES[] = {"debug", "info", "warn", "error", "silent"};
static const char *const AREA_NAMES[] = {"cli", "source", "journal", "sink", "pipeline", "server", "api"};
static _Atomic int area_levels[ARRAY_LEN(AREA_NAMES)] = {LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO,
                                                         LOG_INFO, LOG_INFO, LOG_INFO};
static struct {
    char name[32], value[200];
    size_t value_size;
} stamp_field;

void log_level_set(LogLevel level) {
    level_now = (int)level;
    for (size_t i = 0; i < ARRAY_LEN(area_levels); i++) {
        area_levels[i] = (int)level;
    }
}

void log_area_level_set(LogArea area, LogLevel level) {
    area_levels[area] = (int)level;
}

bool log_area_find(const char *name, LogArea *area) {
    for (size_t i = 0; i < ARRAY_LEN(AREA_NAMES); i++) {
        if (strcmp(name, AREA_NAMES[i]) == 0) {
            *area = (LogArea)i;
            return true;
        }
    }
    return false;
}

LogLevel log_level(void) {
    return (LogLevel)level_now;
}

bool log_level_parse(const char *name, LogLevel *level) {
    static const struct {
        const char *name;
        LogLevel level;
    } names[] = {{"TRACE", LOG_DEBUG}, {"DEBUG", LOG_DEBUG}, {"INFO", LOG_INFO}, {"WARN", LOG_WARN},
                 {"ERROR", LOG_ERROR}, {"FATAL", LOG_ERROR}, {"OFF", LOG_SILENT}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcasecmp(name, names[i].name) == 0) {
            *level = names[i].level;
            return true;
        }
    }
    return false;
}

void log_stamp_set(const char *name, Slice value) {
    snprintf(stamp_field.name, sizeof(stamp_field.name), "%s", name);
    stamp_field.value_size = MIN(value.size, sizeof(stamp_field.value));
    memcpy(stamp_field.value, value.data, stamp_field.value_size);
}

static LogField stamp_as_field(void) {
    return LOG_SLICE(stamp_field.name, ((Slice){(const uint8_t *)stamp_field.value, stamp_field.value_size}));
}

void log_sink_set(void (*write)(void *context, Slice line), void *context) {
    pthread_mutex_lock(&log_mutex);
    log_write = write;
    log_write_context = context;
    pthread_mutex_unlock(&log_mutex);
}

static void field_value(Buf *line, const LogField *field, bool json) {
    switch (field->kind) {
    case LOG_KIND_TEXT:
        if (json) {
            json_quote(line, field->text);
        } else {
            buf_put(line, field->text);
        }
        break;
    case LOG_KIND_INT:
        buf_int(line, (int64_t)field->number);
        break;
    case LOG_KIND_UINT:
        buf_uint(line, field->number);
        break;
    case LOG_KIND_LSN:
        buf_printf(line, json ? "\"%X/%X\"" : "%X/%X", (unsigned)(field->number >> 32), (unsigned)field->number);
        break;
    case LOG_KIND_END:
        break;
    }
}

static void field_json(Buf *line, const LogField *field) {
    buf_u8(line, ',');
    json_quote(line, slice_of(field->name));
    buf_u8(line, ':');
    field_value(line, field, true);
}

static void line_json(Buf *line, LogLevel level, LogArea area, const char *message, const LogField *fields) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char stamp[32];
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    buf_printf(line, "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"area\":\"%s\",\"message\":", stamp,
               (int)(now.tv_nsec / 1000000), LEVEL_NAMES[level], AREA_NAMES[area]);
    json_quote(line, slice_of(message));
    if (stamp_field.name[0] != '\0') {
        LogField stamped = stamp_as_field();
        field_json(line, &stamped);
    }
    for (const LogField *field = fields; field->kind != LOG_KIND_END; field++) {
        field_json(line, field);
    }
    buf_text(line, "}\n");
}

static void line_text(Buf *line, LogLevel level, const char *message, const LogField *fields) {
    buf_text(line, level >= LOG_WARN ? LEVEL_NAMES[level] : "leat");
    buf_text(line, ": ");
    if (stamp_field.name[0] != '\0') {
        LogField stamped = stamp_as_field();
        field_value(line, &stamped, false);
        buf_text(line, ": ");
    }
    buf_text(line, message);
    for (const LogField *field = fields; field->kind != LOG_KIND_END; field++) {
        buf_printf(line, "  %s=", field->name);
        field_value(line, field, false);
    }
    buf_u8(line, '\n');
}

void log_fields(LogLevel level, LogArea area, const char *message, const LogField *fields) {
    if ((int)level < area_levels[area]) {
        return;
    }
    DEFER(buf_release) Buf line = {0};
    if (isatty(STDERR_FILENO)) {
        line_text(&line, level, message, fields);
    } else {
        line_json(&line, level, area, message, fields);
    }
    pthread_mutex_lock(&log_mutex);
    if (log_write != NULL) {
        log_write(log_write_context, buf_slice(&line));
    } else {
        fwrite(line.data, 1, line.size, stderr);
    }
    pthread_mutex_unlock(&log_mutex);
}

void log_err(LogArea area, const char *message, const Err *err) {
    char frames[256] = "";
    size_t used = 0;
    for (int i = 0; i < err->frame_count && used < sizeof(frames); i++) {
        int wrote = snprintf(frames + used, sizeof(frames) - used, "%s%s:%d", i > 0 ? " " : "", err->frames[i].file,
                             err->frames[i].line);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    log_error(area, message, LOG_TEXT("error", err_name(err->code)),
              LOG_TEXT("class", err_class_name(err_class(err->code))), LOG_TEXT("reason", err->message),
              LOG_TEXT("hint", err->hint), LOG_TEXT("frames", frames));
}
