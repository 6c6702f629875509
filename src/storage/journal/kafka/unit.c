// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/kafka/unit.h"

#include "core/sys/clock.h"

enum {
    STEP_MS = 100,
    AWAY_MS = 30 * 1000, // without an answer
    SEGMENT_BYTES = 24,
};

// --- bytes -------------------------------------------------------------------------------------------------------

void unit_key_encode(const UnitKey *key, uint8_t to[UNIT_KEY_BYTES]) {
    memset(to, 0, UNIT_KEY_BYTES);
    to[0] = UNIT_VERSION;
    to[1] = key->flags;
    memcpy(to + 4, &key->number, sizeof(key->number));
    memcpy(to + 8, &key->attempt, sizeof(key->attempt));
    memcpy(to + 16, &key->head, sizeof(key->head));
}

bool unit_key_decode(Slice bytes, UnitKey *key) {
    if (bytes.size != UNIT_KEY_BYTES || bytes.data[0] != UNIT_VERSION) {
        return false;
    }
    *key = (UnitKey){.flags = bytes.data[1],
                     .number = load_u32le(bytes.data + 4),
                     .attempt = load_u64le(bytes.data + 8),
                     .head = load_u64le(bytes.data + 16)};
    return key->flags <= (UNIT_HEAD | UNIT_PART | UNIT_MORE);
}

UnitSegment unit_segment_at(const Buf *segments, size_t index) {
    UnitSegment segment;
    memcpy(&segment, segments->data + index * sizeof(segment), sizeof(segment));
    return segment;
}

void unit_segments_encode(const Buf *segments, Buf *buf) {
    size_t count = segments->size / sizeof(UnitSegment);
    buf_u32le(buf, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        UnitSegment segment = unit_segment_at(segments, i);
        buf_u64le(buf, segment.position);
        buf_u64le(buf, segment.offset);
        buf_u64le(buf, segment.cut_ms);
    }
}

bool unit_segments_decode(Slice bytes, Buf *segments, Slice *rest) {
    Reader reader = reader_of(bytes);
    uint32_t count = read_u32le(&reader);
    buf_reset(segments);
    if (reader.bad || count > reader_left(&reader) / SEGMENT_BYTES) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        UnitSegment segment = {.position = read_u64le(&reader)};
        segment.offset = read_u64le(&reader);
        segment.cut_ms = read_u64le(&reader);
        buf_bytes(segments, &segment, sizeof(segment));
    }
    *rest = slice_from(bytes, 4 + (size_t)count * SEGMENT_BYTES);
    return true;
}

// --- the link ----------------------------------------------------------------------------------------------------

typedef struct LinkOptions {
    const char *prefix;
    int64_t transaction_timeout_ms;
    KafkaOptions kafka;
} LinkOptions;

static const OptionSpec LINK_SPECS[] = {
    {.name = "prefix",
     .type = OPTION_TEXT,
     .offset = offsetof(LinkOptions, prefix),
     .default_text = "leat",
     .text = "The journal's topic is PREFIX.PIPELINE.journal."},
    {.name = "transaction.timeout",
     .type = OPTION_DURATION,
     .offset = offsetof(LinkOptions, transaction_timeout_ms),
     .default_text = "60s",
     .min = 1000,
     .max = 900000,
     .text = "Brokers undo a transaction that is open longer."},
    KAFKA_OPTION_SPECS(LinkOptions, kafka),
};
static const OptionTable KAFKA_JOURNAL_OPTIONS = {"Journal in Kafka", LINK_SPECS, ARRAY_LEN(LINK_SPECS)};

static bool link_fill(UnitLink *link, Err *err) {
    Arena *run = link->run;
    LinkOptions *options = ARENA_NEW(run, LinkOptions);
    KafkaUrl url;
    option_defaults(&KAFKA_JOURNAL_OPTIONS, options);
    TRY(kafka_url_parse(link->place.url, run, &url, err));
    TRY(kafka_url_options(&url, &KAFKA_JOURNAL_OPTIONS, options, run, err));
    if (url.path[0] != '\0') {
        FAIL(err, ERR_OPTION, "%s: a topic is named in it, and each pipeline has its own", link->place.url);
        return err_hint(err, "write kafka://HOST:PORT/?prefix=NAME");
    }
    link->topic = arena_printf(run, "%s.%s.journal", options->prefix, link->place.name);
    link->pins = arena_printf(run, "%s.pins", options->prefix);
    link->schemas = arena_printf(run, "%s.schemas", options->prefix);
    link->transactional_id = link->topic;
    link->transaction_timeout_ms = options->transaction_timeout_ms;
    link->kafka = (KafkaPlace){.brokers = url.brokers,
                               .options = &options->kafka,
                               .client_id = arena_printf(run, "leat-%s", link->place.name)};
    return true;
}

static bool link_load(UnitLink *link, const char *directory, Err *err) {
    TRY(place_load(directory, link->run, &link->place, err));
    if (link->place.url == NULL) {
        return FAIL(err, ERR_NOT_FOUND, "%s: there is no journal", directory);
    }
    return link_fill(link, err);
}

bool unit_link_of(UnitLink *link, const JournalPlace *place, Err *err) {
    *link = (UnitLink){.place = *place};
    arena_init_small(link->run, "run", 4096);
    return link_fill(link, err) || err_prefix(err, "the journal");
}

bool unit_link_init(UnitLink *link, const char *directory, Err *err) {
    *link = (UnitLink){0};
    arena_init_small(link->run, "run", 4096);
    return link_load(link, directory, err) || err_prefix(err, "the journal");
}

void unit_link_release(UnitLink *link) {
    arena_release(link->run);
}

// --- reading -----------------------------------------------------------------------------------------------------

bool unit_corrupt(const UnitReader *reader, uint64_t offset, const char *why, Err *err) {
    FAIL(err, ERR_JOURNAL_CORRUPT, "Kafka at %s: topic %s, offset %" PRIu64 ": %s", reader->link->kafka.brokers,
         reader->link->topic, offset, why);
    return err_hint(err, "nobody but leat may write to the topic or delete from it; its retention.ms and "
                         "retention.bytes must be -1");
}

bool unit_reader_open(UnitReader *reader, const UnitLink *link, size_t memory_bytes_max, Err *err) {
    KafkaConsumerSpec spec = {.place = link->kafka, .memory_bytes_max = memory_bytes_max};
    int64_t begin = 0, end = 0;
    *reader = (UnitReader){.link = link, .partition = {.topic = link->topic}};
    TRY(kafka_consumer_open(&spec, &reader->consumer, err));
    TRY(kafka_consumer_bounds(reader->consumer, link->topic, 0, &begin, &end, err));
    reader->begin = (uint64_t)begin;
    reader->end = (uint64_t)end;
    return true;
}

void unit_reader_close(UnitReader *reader) {
    kafka_consumer_close(reader->consumer);
    buf_release(&reader->joined);
    reader->consumer = NULL;
}

static bool end_ask(UnitReader *reader, Err *err) {
    int64_t end = 0;
    TRY(kafka_consumer_bounds(reader->consumer, reader->link->topic, 0, NULL, &end, err));
    reader->end = MAX(reader->end, (uint64_t)end);
    return true;
}

bool unit_reader_seek(UnitReader *reader, uint64_t offset, Err *err) {
    if (reader->assigned) {
        TRY(kafka_consumer_drop(reader->consumer, &reader->partition, 1, err));
    }
    reader->count = reader->given = 0;
    buf_reset(&reader->joined);
    reader->partition.offset = (int64_t)offset;
    reader->at = offset;
    reader->assigned = true;
    return kafka_consumer_assign(reader->consumer, &reader->partition, 1, err);
}

// What is above a broker's end may be asked of one that does not lead any more, and has not heard of it. If it is lost
// indeed, opening again will tell.
static bool out_of_range(const UnitReader *reader, Err *err) {
    int64_t first = 0, end = 0;
    TRY(kafka_consumer_bounds(reader->consumer, reader->link->topic, 0, &first, &end, err));
    return (uint64_t)first > reader->at
               ? unit_corrupt(reader, reader->at, "what was here is not there any more", err)
               : FAIL(err, ERR_NET_UNREACHABLE, "Kafka at %s: topic %s, offset %" PRIu64 ": a broker does not have it",
                      reader->link->kafka.brokers, reader->link->topic, reader->at);
}

// The next record that was fetched; NULL when none is there yet.
static bool record_fetched(UnitReader *reader, int timeout_ms, const KafkaFetched **record, Err *err) {
    *record = NULL;
    if (reader->given == reader->count) {
        reader->given = reader->count = 0;
        TRY(kafka_consumer_poll(reader->consumer, timeout_ms, &reader->fetched, &reader->count, err));
    }
    while (reader->given < reader->count) {
        const KafkaFetched *fetched = &reader->fetched[reader->given];
        uint64_t offset = fetched->offset < 0 ? 0 : (uint64_t)fetched->offset;
        switch (fetched->kind) {
        case KAFKA_FETCHED:
            if (offset >= reader->at) {
                *record = fetched;
                return true;
            }
            break; // of before a seek
        case KAFKA_AT_END:
            reader->at = MAX(reader->at, offset);
            break;
        case KAFKA_OUT_OF_RANGE:
            return out_of_range(reader, err);
        case KAFKA_GONE:
            return unit_corrupt(reader, reader->at, "there is no such topic any more", err);
        }
        reader->given++;
    }
    return true;
}

// Waits for the next record below the end, which is asked for when it seems to be reached.
static bool record_next(UnitReader *reader, const KafkaFetched **record, Err *err) {
    int64_t deadline = 0;
    *record = NULL;
    for (bool asked = false;;) {
        if (reader->still && reader->at >= reader->end) {
            return true;
        }
        TRY(record_fetched(reader, reader->at < reader->end ? STEP_MS : 0, record, err));
        if (*record != NULL && reader->still && (uint64_t)(*record)->offset >= reader->end) {
            *record = NULL; // it stays for later; up to the end there were only marks of transactions
            reader->at = reader->end;
            return true;
        }
        if (*record != NULL) {
            reader->given++;
            reader->at = (uint64_t)(*record)->offset + 1;
            return true;
        }
        if (reader->at >= reader->end) {
            if (asked) {
                return true;
            }
            asked = true;
            TRY(end_ask(reader, err));
            continue;
        }
        int64_t now = clock_monotonic_us();
        deadline = deadline == 0 ? now + AWAY_MS * INT64_C(1000) : deadline;
        if (now > deadline) {
            return FAIL(err, ERR_NET_UNREACHABLE, "Kafka at %s: read topic %s: no broker answers",
                        reader->link->kafka.brokers, reader->link->topic);
        }
    }
}

bool unit_reader_next(UnitReader *reader, Unit *unit, bool *found, Err *err) {
    bool joining = false;
    *found = false;
    for (;;) {
        const KafkaFetched *record = NULL;
        TRY(record_next(reader, &record, err));
        if (record == NULL) {
            return !joining || unit_corrupt(reader, reader->at, "a unit is not whole", err);
        }
        uint64_t offset = (uint64_t)record->offset;
        if (!unit_key_decode(record->key, &unit->key)) {
            return unit_corrupt(reader, offset, "this is no record of a journal that this leat knows", err);
        }
        if (!joining) {
            buf_reset(&reader->joined);
            unit->offset = offset;
        }
        if (offset != unit->offset + unit->key.number) {
            return unit_corrupt(reader, offset, "a unit is not whole", err);
        }
        bool more = (unit->key.flags & UNIT_MORE) != 0;
        unit->bytes = record->value;
        if (joining || more) {
            buf_put(&reader->joined, record->value);
            unit->bytes = buf_slice(&reader->joined);
        }
        joining = more;
        if (!more) {
            *found = true;
            return true;
        }
    }
}

bool unit_reader_hold(UnitReader *reader, Err *err) {
    int64_t first = 0, last = 0;
    TRY(kafka_consumer_bounds(reader->consumer, reader->link->topic, 0, &first, &last, err));
    reader->begin = (uint64_t)first;
    reader->end = MAX(reader->end, (uint64_t)last);
    reader->still = true;
    return true;
}

void unit_reader_let_go(UnitReader *reader) {
    reader->still = false;
}

// Backwards in growing steps, as the newest offsets may be those of transactions that were undone.
static bool newest_find(UnitReader *reader, uint64_t *head, bool *found, Err *err) {
    uint64_t begin = reader->begin, end = reader->end;
    *found = false;
    for (uint64_t back = 4; !*found && end > begin; back *= 8) {
        uint64_t from = end - MIN(back, end - begin);
        TRY(unit_reader_seek(reader, from, err));
        for (const KafkaFetched *record = NULL;;) {
            UnitKey key;
            TRY(record_next(reader, &record, err));
            if (record == NULL) {
                break;
            }
            if (!unit_key_decode(record->key, &key)) {
                return unit_corrupt(reader, (uint64_t)record->offset, "this is no record of a journal", err);
            }
            *found = true;
            *head = (key.flags & UNIT_HEAD) != 0 ? (uint64_t)record->offset - key.number : key.head;
        }
        if (from == begin) {
            break;
        }
    }
    if (*found ? *head < begin : begin > 0) {
        return unit_corrupt(reader, begin, "what is before this is needed, and was deleted", err);
    }
    return true;
}

bool unit_reader_newest(UnitReader *reader, uint64_t *head, bool *found, Err *err) {
    TRY(unit_reader_hold(reader, err));
    bool ok = newest_find(reader, head, found, err);
    unit_reader_let_go(reader);
    return ok;
}

void unit_reader_wait(UnitReader *reader, int timeout_ms) {
    int64_t deadline = clock_monotonic_us() + timeout_ms * INT64_C(1000);
    const KafkaFetched *record = NULL;
    while (record == NULL && !atomic_exchange(&reader->woken, false)) {
        int64_t left_ms = timeout_ms < 0 ? STEP_MS : (deadline - clock_monotonic_us()) / 1000;
        Err ignored[1] = {{0}}; // the next read tells it
        if (left_ms <= 0 || !record_fetched(reader, (int)MIN(left_ms, STEP_MS), &record, ignored)) {
            return;
        }
    }
}

void unit_reader_wake(UnitReader *reader) {
    atomic_store(&reader->woken, true);
    kafka_consumer_wake(reader->consumer);
}
