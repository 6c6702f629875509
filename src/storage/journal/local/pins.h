// SPDX-License-Identifier: Apache-2.0
// pins/NAME: one line of text, "1 POSITION", that holds the log from POSITION on. Written whole or not at all. What the
// functions promise is in storage/journal/driver.h. For this folder alone.
#ifndef LEAT_STORAGE_JOURNAL_LOCAL_PINS_H
#define LEAT_STORAGE_JOURNAL_LOCAL_PINS_H

#include "storage/journal/driver.h"

// ERR_STATE_CORRUPT names a pin that cannot be read.
CHECKED bool local_pins_lowest(const char *directory, LogPosition none, LogPosition *lowest, Err *err);
CHECKED bool local_pin_set(const char *directory, const char *name, LogPosition at, Err *err);
CHECKED bool local_pin_remove(const char *directory, const char *name, Err *err);
CHECKED bool local_pin_open(const char *directory, const char *name, const char *tag, LogPosition first, LogPin **pin,
                            LogPosition *at, Err *err);
CHECKED bool local_pin_raise(LogPin *pin, LogPosition at, Err *err);
void local_pin_close(LogPin *pin);

#endif
