// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/local/look.h"

#include "core/sys/file.h"
#include "storage/journal/local/local.h"
#include "storage/journal/local/recover.h"

bool look_live(const char *directory) {
    char path[PATH_MAX];
    int pid = 0;
    return snprintf(path, sizeof(path), "%s/lock", directory) < (int)sizeof(path) && file_locked(path, &pid);
}

static bool look_read(Look *look, const char *directory, LogPosition head_end, Err *err) {
    SegmentReader segment;
    Recovered recovered = {0};
    segment_reader_init(&segment, 1 * MIB);
    LogPosition last = segment_start(&look->segments, segment_count(&look->segments) - 1);
    bool ok = segment_reader_open(&segment, directory, last, err);
    if (ok && look->live && head_end > 0) {
        ok = recover_up_to(&segment, head_end, &look->ledger, &recovered, err);
        recovered.end = head_end;
    } else if (ok) {
        ok = recover_segment(&segment, head_end, &look->ledger, &recovered, err);
    }
    segment_reader_release(&segment);
    look->end = recovered.end;
    return ok;
}

bool look_open(Look *look, const char *directory, Err *err) {
    *look = (Look){0};
    ledger_init(&look->ledger);
    if (!file_exists(directory)) {
        return FAIL(err, ERR_NOT_FOUND, "%s: there is no journal", directory);
    }
    look->live = look_live(directory);
    Head head = {0};
    LogPosition head_end = 0;
    TRY(head_open(&head, directory, err));
    if (head.page != NULL) {
        head_end = atomic_load_explicit(&head.page->end, memory_order_acquire);
        look->head_epoch = atomic_load(&head.page->epoch);
    }
    head_close(&head);
    // After the head: a segment that came since is newer than it and knows as much.
    TRY(segment_list(&look->segments, directory, err));
    if (segment_count(&look->segments) == 0) {
        return FAIL(err, ERR_NOT_FOUND, "%s: there is no journal", directory);
    }
    return look_read(look, directory, head_end, err) || err_frame(err, __FILE__, __LINE__);
}

void look_close(Look *look) {
    segment_list_release(&look->segments);
    ledger_release(&look->ledger);
}

bool local_look(const char *directory, JournalLook *found, Ledger *ledger, Err *err) {
    Look look;
    bool ok = look_open(&look, directory, err);
    if (ok) {
        Ledger empty = *ledger;
        *ledger = look.ledger;
        look.ledger = empty;
        *found = (JournalLook){
            .info = {.epoch = MAX(ledger->epoch, look.head_epoch),
                     .begin = segment_start(&look.segments, 0),
                     .end = look.end},
            .live = look.live,
        };
    }
    look_close(&look);
    return ok || err_frame(err, __FILE__, __LINE__);
}
