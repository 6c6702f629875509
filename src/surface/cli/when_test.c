// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/when.c"

#include "core/base/test.h"

static void is_time(const char *text, int64_t seconds, int64_t us) {
    Err err[1] = {{0}};
    When when;
    CHECK_OK(when_parse(text, &when, err));
    CHECK_INT(when.kind, WHEN_TIME);
    CHECK_INT(when.time_us, seconds * 1000000 + us);
}

TEST(when_reads_times) {
    is_time("1970-01-02", 86400, 0);
    is_time("1970-01-01T01:02", 3720, 0);
    is_time("1970-01-01 01:02:03", 3723, 0);
    is_time("1970-01-01T01:02:03.5Z", 3723, 500000);
    is_time("1970-01-01T01:02:03.1234567+01:00", 123, 123456);
    is_time("1970-01-01T01:02:03-0130", 9123, 0);
    is_time("2024-02-29", 1709164800, 0);
}

TEST(when_reads_offsets_and_now) {
    Err err[1] = {{0}};
    When when;
    CHECK_OK(when_parse("17", &when, err));
    CHECK_INT(when.kind, WHEN_OFFSET);
    CHECK_INT(when.offset, 17);
    CHECK_OK(when_parse(NULL, &when, err));
    CHECK_INT(when.kind, WHEN_OLDEST);
    int64_t before_us = clock_wall_us();
    CHECK_OK(when_parse("now-5m", &when, err));
    CHECK(when.time_us >= before_us - 300000000 && when.time_us <= clock_wall_us() - 300000000);
}

TEST(when_refuses_the_rest) {
    static const char *const BAD[] = {"",
                                      "x",
                                      "-1",
                                      "1x",
                                      "2026-02-30",
                                      "2026-13-01",
                                      "2026-01-01T",
                                      "2026-01-01T25:00",
                                      "99999999999999999999",
                                      "2026-1-1",
                                      "2026-01-01T10:00+",
                                      "nower",
                                      "2026-01-01T10:00:00."};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        Err err[1] = {{0}};
        When when;
        CHECK_FAILS(when_parse(BAD[i], &when, err), ERR_USAGE);
    }
    Err err[1] = {{0}};
    When when;
    CHECK_FAILS(when_parse("now-5", &when, err), ERR_OPTION);
}
