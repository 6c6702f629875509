// SPDX-License-Identifier: Apache-2.0
// When the lake's tables are committed. Microseconds; `now_us` is monotonic.
//
// As often as is wanted, while it can be had. Far behind, what is fresh is not to be had: fewer, larger commits catch
// up sooner, and leave fewer files to be joined later. So it is with tables that are read whole: nobody waits for a
// part.
#ifndef LEAT_FLOW_SINK_ICEBERG_PACE_H
#define LEAT_FLOW_SINK_ICEBERG_PACE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Pace {
    int64_t interval_us; // wanted between commits: set by the owner
    bool dirty;          // something since the last commit; the owner may set it, too: what waits is due at once
    bool changes;        // …and it is not only rows of snapshots
    int64_t dirty_us;    // since when
    int64_t newest_us;   // when the newest event happened, by the wall's clock
    int64_t behind_us;   // how long that was before it was taken, at the last cut; 0 = nothing comes any more
    int64_t cut_us;      // when the last cut was taken
    int64_t commit_at_us, commit_us; // when the last commit began, and what it took
    bool unseen;                     // since then the journal's end has not been seen
} Pace;

// `now_us` counts only where nothing is dirty yet.
void pace_event(Pace *pace, int64_t source_us, bool read, int64_t now_us);
void pace_cut(Pace *pace, int64_t now_us, int64_t wall_us);
// How long until the next commit; not above 0: it is due.
int64_t pace_wait(const Pace *pace, int64_t now_us);
// The journal's end was seen. The same; or until it is worth while to look again.
int64_t pace_end(Pace *pace, int64_t now_us);
void pace_committed(Pace *pace, int64_t began_us, int64_t now_us);
// There is much to catch up with.
bool pace_far_behind(const Pace *pace);

#endif
