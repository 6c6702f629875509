// SPDX-License-Identifier: Apache-2.0
// pins/NAME: one line of text, "1 POSITION", that holds the log from POSITION on. Written whole or not at all.
#ifndef LEAT_STORAGE_JOURNAL_PINS_H
#define LEAT_STORAGE_JOURNAL_PINS_H

#include "core/base/err.h"
#include "storage/journal/journal.h"

// The lowest pin; `none` when there is no pin. ERR_STATE_CORRUPT names a pin that cannot be read.
CHECKED bool pins_lowest(const char *directory, LogPosition none, LogPosition *lowest, Err *err);

#endif
