// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/pace.h"

#include "core/base/defs.h"

#define BEHIND             4 // times the wanted interval: commits are not so frequent then
#define BEHIND_WAIT_US_MAX (INT64_C(60) * 1000000)
#define READ_WAIT_US       (INT64_C(10) * 1000000)
#define QUIET_US           (INT64_C(1) * 1000000)

void pace_event(Pace *pace, int64_t source_us, bool read, int64_t now_us) {
    if (!pace->dirty) {
        pace->dirty = true;
        // What came while a commit was made has waited since then.
        pace->dirty_us = pace->unseen ? pace->commit_at_us : now_us;
    }
    pace->changes = pace->changes || !read;
    pace->newest_us = source_us;
}

void pace_cut(Pace *pace, int64_t now_us, int64_t wall_us) {
    pace->cut_us = now_us;
    if (pace->dirty) {
        pace->behind_us = MAX(wall_us - pace->newest_us, 1);
    }
}

int64_t pace_wait(const Pace *pace, int64_t now_us) {
    int64_t interval = MAX(pace->interval_us, 2 * pace->commit_us); // a slow catalog is not asked without end
    if (pace->behind_us > BEHIND * interval) {
        interval = MAX(interval, MIN(pace->behind_us / BEHIND, BEHIND_WAIT_US_MAX));
    }
    if (pace->behind_us > 0 && !pace->changes) {
        interval = MAX(interval, READ_WAIT_US);
    }
    return pace->dirty_us + interval - now_us;
}

int64_t pace_end(Pace *pace, int64_t now_us) {
    // Where the source is the slower one the end is seen all the time, and what comes next is as old.
    int64_t quiet = pace->cut_us + MIN(pace->interval_us, QUIET_US) - now_us;
    pace->behind_us = quiet > 0 ? pace->behind_us : 0;
    pace->unseen = false;
    int64_t wait = pace_wait(pace, now_us);
    return pace->behind_us > 0 ? MIN(wait, quiet) : wait;
}

void pace_committed(Pace *pace, int64_t began_us, int64_t now_us) {
    pace->dirty = pace->changes = false;
    pace->commit_us = now_us - began_us;
    pace->commit_at_us = began_us;
    pace->unseen = true;
}

bool pace_far_behind(const Pace *pace) {
    return pace->behind_us > BEHIND * pace->interval_us;
}
