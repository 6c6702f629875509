// SPDX-License-Identifier: Apache-2.0
#include "engine/ipc/level.h"

#include "core/config/properties.h"

static void apply(const char *logger, LogLevel level, Slice connector) {
    static const char OWN[] = "leat.connector.";
    if (strcmp(logger, "root") == 0 || strcmp(logger, "leat") == 0) {
        log_level_set(level);
    } else if (strncmp(logger, OWN, sizeof(OWN) - 1) == 0) {
        if (connector.size > 0 && slice_is(connector, logger + sizeof(OWN) - 1)) {
            log_level_set(level);
        }
    } else if (strncmp(logger, "leat.", 5) == 0) {
        LogArea area;
        if (log_area_find(logger + 5, &area)) {
            log_area_level_set(area, level);
        }
    }
}

bool level_apply(Slice json, Slice connector, Err *err) {
    Arena arena;
    Properties given;
    LogLevel level;
    arena_init_small(&arena, "scratch", KIB);
    bool ok = properties_parse(&arena, json, &given, err);
    const char *logger = ok ? properties_text(&arena, &given, "logger", NULL) : NULL;
    const char *text = ok ? properties_text(&arena, &given, "level", NULL) : NULL;
    if (ok && (logger == NULL || text == NULL)) {
        ok = FAIL(err, ERR_OPTION, "a level is {\"logger\":…,\"level\":…}");
    }
    if (ok && !log_level_parse(text, &level)) {
        FAIL(err, ERR_OPTION, "\"%.40s\" is no level of logging", text);
        ok = err_hint(err, "there are TRACE, DEBUG, INFO, WARN, ERROR, FATAL and OFF");
    }
    if (ok) {
        apply(logger, level, connector);
    }
    arena_release(&arena);
    return ok;
}
