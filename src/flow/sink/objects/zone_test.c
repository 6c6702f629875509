// SPDX-License-Identifier: Apache-2.0
// The C library reads the same database: it is the judge.
#include "flow/sink/objects/zone.c"

#include "core/base/test.h"

#include <stdlib.h>
#include <time.h>

static void check_zone(const char *name) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Err err[1] = {{0}};
    const Zone *zone = NULL;
    CHECK_OK(zone_load(&arena, name, &zone, err));
    setenv("TZ", name, 1);
    tzset();
    for (int64_t at = -4000000000; at < 12000000000; at += 86400 * 3 + 1237) { // 1843 to 2350
        time_t moment = at;
        struct tm local;
        CHECK(localtime_r(&moment, &local) != NULL);
        ZoneSpan span = zone_span(zone, at);
        CHECK_INT(span.east, local.tm_gmtoff);
        CHECK(span.from <= at && at < span.until);
        CHECK_INT(zone_span(zone, span.until - 1).east, span.east);
        CHECK_INT(zone_span(zone, MAX(span.from, at - 86400)).east,
                  span.from > at - 86400 ? span.east : zone_span(zone, at - 86400).east);
        if (span.from < at - 90000 && span.until > at + 90000) { // far from a change local time is clear
            CHECK_INT(zone_utc(zone, at + span.east), at);
        }
    }
    arena_release(&arena);
}

TEST(zones_agree_with_the_c_library) {
    static const char *const NAMES[] = {"UTC",           "Europe/Berlin",    "America/New_York", "America/Sao_Paulo",
                                        "Asia/Kolkata",  "Australia/Sydney", "Asia/Tehran",      "Africa/Casablanca",
                                        "Europe/Dublin", "Pacific/Apia",     "America/St_Johns"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        check_zone(NAMES[i]);
    }
}

TEST(zones_of_the_clocks_changes) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Err err[1] = {{0}};
    const Zone *zone = NULL;
    CHECK_OK(zone_load(&arena, "Europe/Berlin", &zone, err));
    // 2024-03-31 02:30 does not exist: it counts as before the change, 01:30 UTC.
    CHECK_INT(zone_utc(zone, 1711852200), 1711852200 - 3600);
    // 2024-10-27 02:30 comes twice.
    int64_t utc = zone_utc(zone, 1729996200);
    CHECK(utc == 1729996200 - 7200 || utc == 1729996200 - 3600);
    CHECK_OK(zone_load(&arena, "+05:30", &zone, err));
    CHECK_INT(zone_span(zone, 0).east, 19800);
    CHECK_OK(zone_load(&arena, "-03", &zone, err));
    CHECK_INT(zone_span(zone, 0).east, -10800);
    static const char *const BAD[] = {"",    "Mars/Olympus", "../passwd", "/etc/localtime", "+25:00", "Europe/Berlin ",
                                      "a\n", "zone.tab",     "+1:2:3"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        err_clear(err);
        CHECK_FAILS(zone_load(&arena, BAD[i], &zone, err), ERR_OPTION);
    }
    arena_release(&arena);
}
