// SPDX-License-Identifier: Apache-2.0
// Pins of journals in Kafka: records of the compacted topic PREFIX.pins, which has one partition. The key is the
// journal's topic, "/" and the pin's name, the value "1 POSITION" and, where it has one, a blank and its tag. Sinks
// write them, on whatever machine they run; the journal's writer reads them, and trims nothing that it is not sure of.
// For this folder alone; what the functions promise is in storage/journal/driver.h.
#ifndef LEAT_STORAGE_JOURNAL_KAFKA_PINS_H
#define LEAT_STORAGE_JOURNAL_KAFKA_PINS_H

#include "core/base/map.h"
#include "storage/journal/kafka/unit.h"

// What the topic says of one journal, or of one name. One thread at a time.
typedef struct PinsFollowed {
    const UnitLink *link;
    const char *name; // NULL = those of the link's journal; else those of that name, of all journals
    KafkaConsumer *consumer;
    bool level;  // all that there was when it was asked was read
    uint64_t at; // of the next record
    Map pins;    // key -> position + 1
} PinsFollowed;

void kafka_pins_release(PinsFollowed *followed);
// `ask`: reads all that there is by now; else what has come.
CHECKED bool kafka_pins_follow(PinsFollowed *followed, bool ask, Err *err);
LogPosition kafka_pins_lowest(const PinsFollowed *followed, LogPosition none);
// Takes back all of a journal's.
CHECKED bool kafka_pins_remove(const UnitLink *link, Err *err);

CHECKED bool kafka_pin_set(const char *directory, const char *name, LogPosition at, Err *err);
CHECKED bool kafka_pin_remove(const char *directory, const char *name, Err *err);
CHECKED bool kafka_pin_open(const char *directory, const char *name, const char *tag, LogPosition first, LogPin **pin,
                            LogPosition *at, Err *err);
CHECKED bool kafka_pin_raise(LogPin *pin, LogPosition at, Err *err);
void kafka_pin_close(LogPin *pin);
CHECKED bool kafka_pin_there(const char *url, const char *name, bool *there, Err *err);

#endif
