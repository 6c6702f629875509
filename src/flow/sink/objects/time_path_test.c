// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/time_path.c"

#include "core/base/test.h"

static void check_path(const char *format, int64_t local_ms, int32_t east, const char *want) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Err err[1] = {{0}};
    const TimePath *path = NULL;
    CHECK_OK(time_path_make(&arena, format, &path, err));
    Buf buf;
    buf_init(&buf, 0);
    time_path_write(path, &buf, local_ms, east);
    CHECK_TEXT(buf_slice(&buf), want);
    buf_release(&buf);
    arena_release(&arena);
}

TEST(time_paths_of_every_letter) {
    const int64_t at = 1709211845067; // Thursday 2024-02-29T13:04:05.067
    check_path("'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH", at, 0, "year=2024/month=02/day=29/hour=13");
    check_path("'year'=YYYY/'month'=MM/'day'=dd/", at, 0, "year=2024/month=02/day=29");
    check_path("yyyy-M-d", at, 0, "2024-2-29");
    check_path("YY", at, 0, "24");
    check_path("yyyyMMdd_HHmmss", at, 0, "20240229_130405");
    check_path("H.k.K.h a", at, 0, "13.13.1.1 PM");
    check_path("H.k.K.h a", at - 13 * 3600000, 0, "0.24.0.12 AM");
    check_path("m s S SS SSS SSSSS", at, 0, "4 5 0 06 067 06700");
    check_path("E EEEE MMM MMMM", at, 0, "Thu Thursday Feb February");
    check_path("e D w xxxx C G", at, 0, "4 60 9 2024 20 AD");
    check_path("xxxx-'W'ww-e", 1735603200000, 0, "2025-W01-2"); // 2024-12-31
    check_path("Z ZZ", at, -12600, "-0330 -03:30");
    check_path("'o''clock' ''", at, 0, "o'clock '");
    check_path("YYYY", -62135596800000 - 86400000, 0, "0001"); // 31 December of the year 1 BC
    check_path("yyyy MM dd HH", -1, 0, "1969 12 31 23");
}

TEST(time_paths_refuse_what_they_cannot_write) {
    static const char *const BAD[] = {"", "/", "'open", "bb", "z", "ZZZ", "YYYY//MM", "/YYYY", "''''/''/'/'", "n"};
    Arena arena;
    arena_init(&arena, "scratch", 0);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        Err err[1] = {{0}};
        const TimePath *path = NULL;
        CHECK_FAILS(time_path_make(&arena, BAD[i], &path, err), ERR_OPTION);
    }
    arena_release(&arena);
}
