// SPDX-License-Identifier: Apache-2.0
// Pins of journal.h, whatever the log is kept in.
#include "storage/journal/driver.h"

struct JournalPin {
    const JournalDriver *driver;
    LogPin *pin;
};

bool journal_pin(const char *directory, const char *name, LogPosition at, Err *err) {
    return journal_driver(directory)->pin_set(directory, name, at, err);
}

bool journal_unpin(const char *directory, const char *name, Err *err) {
    return journal_driver(directory)->pin_remove(directory, name, err);
}

bool journal_pin_open(const char *directory, const char *name, const char *tag, LogPosition first, JournalPin **pin,
                      LogPosition *at, Err *err) {
    const JournalDriver *driver = journal_driver(directory);
    LogPin *opened = NULL;
    TRY(driver->pin_open(directory, name, tag, first, &opened, at, err));
    JournalPin *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    *made = (JournalPin){driver, opened};
    *pin = made;
    return true;
}

bool journal_pin_raise(JournalPin *pin, LogPosition at, Err *err) {
    return pin->driver->pin_raise(pin->pin, at, err);
}

bool journal_pin_there(const char *url, const char *name, bool *there, Err *err) {
    return KAFKA_JOURNAL.pin_there(url, name, there, err);
}

void journal_pin_close(JournalPin *pin) {
    if (pin != NULL) {
        pin->driver->pin_close(pin->pin);
        free(pin);
    }
}
