// SPDX-License-Identifier: Apache-2.0
#include "engine/ipc/level.c"

#include "core/base/test.h"

static int lines;
static void count(void *context, Slice line) {
    lines++;
}

// How many of two lines (debug, warn; source, sink) are written.
static int written(LogLevel level) {
    lines = 0;
    log_fields(level, LOG_SOURCE, "x", (const LogField[]){LOG_END});
    log_fields(level, LOG_SINK, "x", (const LogField[]){LOG_END});
    return lines;
}

TEST(level_of_loggers) {
    Err err[1] = {{0}};
    log_sink_set(count, NULL);
    CHECK_OK(level_apply(SLICE("{\"logger\":\"root\",\"level\":\"warn\"}"), (Slice){0}, err));
    CHECK_INT(written(LOG_INFO), 0);
    CHECK_INT(written(LOG_WARN), 2);
    CHECK_OK(level_apply(SLICE("{\"logger\":\"leat.sink\",\"level\":\"TRACE\"}"), (Slice){0}, err));
    CHECK_INT(written(LOG_DEBUG), 1);
    CHECK_OK(level_apply(SLICE("{\"logger\":\"leat.connector.a\",\"level\":\"DEBUG\"}"), SLICE("b"), err));
    CHECK_INT(written(LOG_DEBUG), 1);
    CHECK_OK(level_apply(SLICE("{\"logger\":\"leat.connector.a\",\"level\":\"DEBUG\"}"), SLICE("a"), err));
    CHECK_INT(written(LOG_DEBUG), 2);
    CHECK_OK(level_apply(SLICE("{\"logger\":\"org.reflections\",\"level\":\"OFF\"}"), (Slice){0}, err));
    CHECK_INT(written(LOG_DEBUG), 2);
    CHECK_FAILS(level_apply(SLICE("{\"logger\":\"root\",\"level\":\"LOUD\"}"), (Slice){0}, err), ERR_OPTION);
    CHECK_FAILS(level_apply(SLICE("{\"logger\":\"root\"}"), (Slice){0}, err), ERR_OPTION);
    CHECK_FAILS(level_apply(SLICE("[]"), (Slice){0}, err), ERR_OPTION);
}
