// SPDX-License-Identifier: Apache-2.0
// The file `place` in a journal's directory: that its log is elsewhere. Without it the log is in the directory.
//
//     URL
//     NAME       of the pipeline there
//     1          once the log was there: one that is not there any more was lost, and is not begun anew
#ifndef LEAT_STORAGE_JOURNAL_PLACE_H
#define LEAT_STORAGE_JOURNAL_PLACE_H

#include "storage/journal/driver.h"

typedef struct JournalPlace {
    const char *url; // NULL: the directory itself
    const char *name;
    bool opened;
} JournalPlace;

CHECKED bool place_load(const char *directory, Arena *arena, JournalPlace *place, Err *err);
CHECKED bool place_save(const char *directory, const JournalPlace *place, Err *err);

#endif
