// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/kafka/pins.h"

#include "core/base/log.h"
#include "core/sys/clock.h"

enum {
    PIN_VERSION = 1,
    RAISE_MS = 2000, // between records of one pin
    CLOSE_MS = 5000, // for the last one
    STEP_MS = 100,
    AWAY_MS = 10 * 1000,
    REQUEST_MS = 5000, // the writer waits for it
};
#define MEMORY_BYTES (1 * MIB)

struct LogPin {
    UnitLink link;
    Slice key;
    const char *tag;
    KafkaTopicRules *rules;
    KafkaProducer *producer;
    KafkaTopic *topic;
    LogPosition at, sent;
    int64_t next_us;
};

// --- records -----------------------------------------------------------------------------------------------------

// "1 POSITION[ TAG]"
static bool pin_decode(Slice value, LogPosition *at, Slice *tag, Err *err) {
    char text[32];
    snprintf(text, sizeof(text), "%.*s", (int)MIN(value.size, sizeof(text) - 1), (const char *)value.data);
    char *end = NULL, *second = NULL;
    unsigned long version = strtoul(text, &end, 10);
    *at = strtoull(end, &second, 10);
    if (version > PIN_VERSION) {
        return FAIL(err, ERR_FORMAT_NEWER, "a pin has version %lu, this leat knows up to %d", version, PIN_VERSION);
    }
    size_t size = (size_t)(second - text);
    if (version == 0 || second == end || (size < value.size && value.data[size] != ' ')) {
        return FAIL(err, ERR_STATE_CORRUPT, "a pin cannot be read");
    }
    *tag = slice_from(value, MIN(size + 1, value.size));
    return true;
}

static bool pin_put(LogPin *pin, bool removed, Err *err) {
    char text[128];
    int size = snprintf(text, sizeof(text), "%d %" PRIu64 "%s%s", PIN_VERSION, pin->at, pin->tag != NULL ? " " : "",
                        pin->tag != NULL ? pin->tag : "");
    KafkaMessage message = {.key = pin->key, .timestamp_ms = clock_wall_us() / 1000};
    if (!removed) {
        message.value = (Slice){(const uint8_t *)text, (size_t)size};
    }
    pin->sent = pin->at;
    return kafka_put(pin->producer, pin->topic, &message, err);
}

// --- the sinks' side -----------------------------------------------------------------------------------------------

static bool pin_connect(LogPin *pin, Err *err) {
    UnitLink *link = &pin->link;
    TRY(kafka_topic_rules_new(link->run, link->kafka.options, &pin->rules, err));
    KafkaProducerSpec spec = {.place = link->kafka,
                              .transaction_timeout_ms = CLOSE_MS,
                              .memory_bytes_max = MEMORY_BYTES,
                              .rules = pin->rules};
    return kafka_producer_open(&spec, &pin->producer, err) &&
           kafka_producer_facts(pin->producer, slice_of(link->pins), &pin->topic, err);
}

static void pin_free(LogPin *pin) {
    if (pin != NULL) {
        kafka_producer_close(pin->producer);
        kafka_topic_rules_release(pin->rules);
        unit_link_release(&pin->link);
        free(pin);
    }
}

static bool pin_new(const char *directory, const char *name, const char *tag, LogPin **pin, Err *err) {
    LogPin *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    bool ok = unit_link_init(&made->link, directory, err);
    if (ok) {
        made->key = slice_of(arena_printf(made->link.run, "%s/%s", made->link.topic, name));
        made->tag = tag != NULL ? arena_text(made->link.run, slice_of(tag)) : NULL;
        ok = pin_connect(made, err);
    }
    if (!ok) {
        pin_free(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *pin = made;
    return true;
}

static bool pin_once(const char *directory, const char *name, LogPosition at, bool removed, Err *err) {
    LogPin *pin = NULL;
    TRY(pin_new(directory, name, NULL, &pin, err));
    pin->at = at;
    bool ok = pin_put(pin, removed, err) && kafka_flush(pin->producer, err);
    pin_free(pin);
    return ok;
}

bool kafka_pin_set(const char *directory, const char *name, LogPosition at, Err *err) {
    return pin_once(directory, name, at, false, err);
}

bool kafka_pin_remove(const char *directory, const char *name, Err *err) {
    return pin_once(directory, name, 0, true, err);
}

// One of no tag is of whoever asks: a reset has set it.
static bool pin_find(LogPin *pin, LogPosition first, LogPosition *at, Err *err) {
    UnitLink *link = &pin->link;
    Slice value = {0}, tag = {0};
    bool found = false;
    *at = 0;
    TRY(kafka_fact(&link->kafka, link->pins, pin->key, false, link->run, &found, &value, err));
    if (found) {
        TRY(pin_decode(value, at, &tag, err) || err_prefix(err, "topic %s, %.*s", link->pins, SLICE_ARG(pin->key)));
    }
    bool same = found && (pin->tag == NULL || tag.size == 0 || slice_is(tag, pin->tag));
    *at = same ? *at : 0;
    pin->at = pin->sent = same ? *at : first;
    return same || (pin_put(pin, false, err) && kafka_flush(pin->producer, err));
}

bool kafka_pin_open(const char *directory, const char *name, const char *tag, LogPosition first, LogPin **pin,
                    LogPosition *at, Err *err) {
    LogPin *made = NULL;
    TRY(pin_new(directory, name, tag, &made, err));
    if (!pin_find(made, first, at, err)) {
        pin_free(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *pin = made;
    return true;
}

// What is not delivered is sent again with the next one; until then the journal keeps more.
bool kafka_pin_raise(LogPin *pin, LogPosition at, Err *err) {
    int64_t now = clock_monotonic_us();
    pin->at = at;
    if (pin->at == pin->sent || now < pin->next_us) {
        return true;
    }
    pin->next_us = now + RAISE_MS * INT64_C(1000);
    return pin_put(pin, false, err);
}

void kafka_pin_close(LogPin *pin) {
    Err why[1] = {{0}};
    if (pin != NULL && !((pin->at == pin->sent || pin_put(pin, false, why)) && kafka_flush(pin->producer, why))) {
        log_debug(LOG_JOURNAL, "a pin is lower in Kafka than it could be", LOG_TEXT("reason", why->message));
    }
    pin_free(pin);
}

// --- the writer's side ---------------------------------------------------------------------------------------------

void kafka_pins_release(PinsFollowed *followed) {
    kafka_consumer_close(followed->consumer);
    map_release(&followed->pins);
    followed->consumer = NULL;
    followed->pins = (Map){0};
    followed->level = false;
}

static bool pins_open(PinsFollowed *followed, Err *err) {
    const UnitLink *link = followed->link;
    KafkaConsumerSpec spec = {.place = link->kafka, .memory_bytes_max = MEMORY_BYTES, .request_ms = REQUEST_MS};
    int64_t first = 0, end = 0;
    TRY(followed->consumer != NULL || kafka_consumer_open(&spec, &followed->consumer, err));
    TRY(kafka_consumer_bounds(followed->consumer, link->pins, 0, &first, &end, err));
    KafkaPartition partition = {.topic = link->pins, .offset = first};
    TRY(kafka_consumer_assign(followed->consumer, &partition, 1, err));
    followed->at = (uint64_t)first;
    followed->level = true;
    return true;
}

// A key is TOPIC/NAME; there is no "/" in a topic's name.
static bool follows(const PinsFollowed *followed, Slice key) {
    const uint8_t *slash = key.size > 0 ? memchr(key.data, '/', key.size) : NULL;
    size_t size = slash != NULL ? (size_t)(slash - key.data) : 0;
    if (slash == NULL) {
        return false;
    }
    return followed->name != NULL ? slice_is(slice_from(key, size + 1), followed->name)
                                  : slice_is((Slice){key.data, size}, followed->link->topic);
}

static bool record_take(PinsFollowed *followed, const KafkaFetched *record, Err *err) {
    LogPosition at = 0;
    Slice tag;
    followed->at = (uint64_t)record->offset + (record->kind == KAFKA_FETCHED);
    if (record->kind == KAFKA_OUT_OF_RANGE || record->kind == KAFKA_GONE) {
        FAIL(err, ERR_NET_SETUP, "Kafka at %s: the pins in topic %s are gone", followed->link->kafka.brokers,
             followed->link->pins);
        return err_hint(err, "nobody may delete that topic or from it; restart every sink, then this connector");
    }
    if (record->kind != KAFKA_FETCHED || !follows(followed, record->key)) {
        return true;
    }
    if (record->value.data == NULL) {
        map_remove(&followed->pins, record->key);
        return true;
    }
    TRY(pin_decode(record->value, &at, &tag, err) ||
        err_prefix(err, "topic %s, %.*s", followed->link->pins, SLICE_ARG(record->key)));
    map_put(&followed->pins, record->key, (void *)(uintptr_t)(at + 1));
    return true;
}

static bool records_take(PinsFollowed *followed, int timeout_ms, Err *err) {
    const KafkaFetched *records = NULL;
    size_t count = 0;
    TRY(kafka_consumer_poll(followed->consumer, timeout_ms, &records, &count, err));
    for (size_t i = 0; i < count; i++) {
        TRY(record_take(followed, &records[i], err));
    }
    return true;
}

bool kafka_pins_follow(PinsFollowed *followed, bool ask, Err *err) {
    int64_t end = 0, deadline = clock_monotonic_us() + AWAY_MS * INT64_C(1000);
    if (!followed->level) {
        if (!pins_open(followed, err)) {
            bool none = err->code == ERR_NOT_FOUND; // nobody has ever pinned: the controller says so
            if (none) {
                err_clear(err);
            }
            return none;
        }
        ask = true;
    }
    if (!ask) {
        return records_take(followed, 0, err);
    }
    TRY(kafka_consumer_bounds(followed->consumer, followed->link->pins, 0, NULL, &end, err));
    while (followed->at < (uint64_t)end) {
        TRY(records_take(followed, STEP_MS, err));
        if (clock_monotonic_us() > deadline) {
            return FAIL(err, ERR_NET_UNREACHABLE, "Kafka at %s: read topic %s: no broker answers",
                        followed->link->kafka.brokers, followed->link->pins);
        }
    }
    return true;
}

LogPosition kafka_pins_lowest(const PinsFollowed *followed, LogPosition none) {
    LogPosition lowest = UINT64_MAX;
    for (MapEntry *entry = NULL; (entry = map_next(&followed->pins, entry)) != NULL;) {
        lowest = MIN(lowest, (LogPosition)(uintptr_t)entry->value - 1);
    }
    return lowest == UINT64_MAX ? none : lowest;
}

bool kafka_pin_there(const char *url, const char *name, bool *there, Err *err) {
    UnitLink link;
    PinsFollowed followed = {.link = &link, .name = name};
    const JournalPlace place = {.url = url, .name = "pins"};
    bool ok = unit_link_of(&link, &place, err) && kafka_pins_follow(&followed, true, err);
    *there = ok && followed.pins.count > 0;
    kafka_pins_release(&followed);
    unit_link_release(&link);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool kafka_pins_remove(const UnitLink *link, Err *err) {
    PinsFollowed followed = {.link = link};
    LogPin pin = {0};
    bool ok = unit_link_of(&pin.link, &link->place, err) && kafka_pins_follow(&followed, true, err);
    if (ok && followed.pins.count > 0) {
        ok = pin_connect(&pin, err);
        for (MapEntry *entry = NULL; ok && (entry = map_next(&followed.pins, entry)) != NULL;) {
            pin.key = entry->key;
            ok = pin_put(&pin, true, err);
        }
        ok = ok && kafka_flush(pin.producer, err);
    }
    kafka_producer_close(pin.producer);
    kafka_topic_rules_release(pin.rules);
    unit_link_release(&pin.link);
    kafka_pins_release(&followed);
    return ok;
}
