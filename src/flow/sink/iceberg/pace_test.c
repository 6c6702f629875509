// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/pace.c"

#include "core/base/test.h"

#define S INT64_C(1000000)
enum { WALL = 1000 }; // where the wall's clock is when the other one is at 0, seconds

static void event_at(Pace *pace, int64_t now, int64_t age, bool read) {
    pace_event(pace, (WALL * S) + now - age, read, now);
    pace_cut(pace, now, (WALL * S) + now);
}

TEST(a_commit_comes_when_it_is_wanted_and_later_where_it_is_slow) {
    Pace pace = {.interval_us = S};
    event_at(&pace, 10 * S, S / 100, false);
    event_at(&pace, 10 * S + S / 2, S / 100, false);
    CHECK(pace_wait(&pace, 10 * S + S / 2) == S / 2 && pace_wait(&pace, 11 * S) == 0 && !pace_far_behind(&pace));
    pace_committed(&pace, 11 * S, 14 * S);
    event_at(&pace, 14 * S, 3 * S, false); // it came while the commit was made, and that took 3 s
    CHECK(pace.dirty_us == 11 * S && pace_wait(&pace, 14 * S) == 3 * S);
}

TEST(far_behind_commits_are_as_far_apart_as_a_quarter_of_that) {
    Pace pace = {.interval_us = S};
    event_at(&pace, 10 * S, 40 * S, false);
    CHECK(pace_wait(&pace, 10 * S) == 10 * S && pace_far_behind(&pace));
    event_at(&pace, 10 * S, 3600 * S, false);
    CHECK(pace_wait(&pace, 10 * S) == 60 * S);
    event_at(&pace, 10 * S, -5 * S, false); // clocks differ
    CHECK(pace_wait(&pace, 10 * S) == S && !pace_far_behind(&pace));
}

TEST(the_journals_end_is_no_end_while_cuts_come) {
    Pace pace = {.interval_us = S};
    event_at(&pace, 10 * S, 40 * S, false);
    CHECK(pace_end(&pace, 10 * S + S / 4) == S * 3 / 4 && pace_far_behind(&pace));
    event_at(&pace, 10 * S + S / 2, 40 * S, false);
    CHECK(pace_end(&pace, 11 * S + S / 4) == S / 4 && pace_far_behind(&pace));
    CHECK(pace_end(&pace, 11 * S + S / 2) == -S / 2 && !pace_far_behind(&pace)); // a second without any: it is due
}

TEST(rows_of_snapshots_wait_longer_until_a_change_comes_or_nothing) {
    Pace pace = {.interval_us = S};
    event_at(&pace, 10 * S, S, true);
    CHECK(pace_wait(&pace, 11 * S) == 9 * S);
    event_at(&pace, 12 * S, S, false);
    CHECK(pace_wait(&pace, 12 * S) == -S);
    pace_committed(&pace, 12 * S, 12 * S);
    event_at(&pace, 13 * S, S, true);
    CHECK(pace_wait(&pace, 13 * S) == 9 * S && pace_end(&pace, 13 * S) == S);
    CHECK(pace_end(&pace, 14 * S) < 0);
}
