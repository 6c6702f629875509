// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/ledger.h"

void ledger_init(Ledger *ledger) {
    *ledger = (Ledger){0};
    arena_init(&ledger->run, "run", 0);
}

static void fact_free(LedgerFact *fact) {
    buf_release(&fact->value);
    buf_release(&fact->before);
    free((void *)(uintptr_t)fact->key.data);
    free(fact);
}

void ledger_release(Ledger *ledger) {
    for (MapEntry *entry = NULL; (entry = map_next(&ledger->facts, entry)) != NULL;) {
        fact_free(entry->value);
    }
    map_release(&ledger->facts);
    map_release(&ledger->topics_by_name);
    buf_release(&ledger->topics);
    buf_release(&ledger->schemas);
    buf_release(&ledger->changed);
    arena_release(&ledger->run);
}

// --- topics and schemas ----------------------------------------------------------------------------------------

// Puts a pointer at its number in a table of pointers that grows as needed.
static void table_put(Buf *table, uint32_t id, void *pointer) {
    size_t end = ((size_t)id + 1) * sizeof(void *);
    if (table->size < end) {
        size_t more = end - table->size;
        memset(buf_room(table, more), 0, more);
        buf_advance(table, more);
    }
    memcpy(table->data + (size_t)id * sizeof(void *), &pointer, sizeof(pointer));
}

static LedgerTopic *topic_add(Ledger *ledger, uint32_t id, Slice name) {
    LedgerTopic *topic = ARENA_NEW(&ledger->run, LedgerTopic);
    topic->topic = (JournalTopic){id, arena_slice(&ledger->run, name)};
    table_put(&ledger->topics, id, topic);
    map_put(&ledger->topics_by_name, name, topic);
    ledger->topic_count++;
    return topic;
}

LedgerTopic *ledger_topic_named(Ledger *ledger, Slice name) {
    LedgerTopic *topic = map_find(&ledger->topics_by_name, name);
    if (topic == NULL) {
        ASSERT(name.size >= 1 && name.size <= TOPIC_NAME_BYTES_MAX);
        uint32_t id = MAX(ledger_topic_end(ledger), 1u);
        ASSERT(id < LEDGER_IDS_MAX);
        topic = topic_add(ledger, id, name);
    }
    return topic;
}

static void schema_link(Ledger *ledger, LedgerTopic *topic, LedgerSchema *schema, uint32_t id) {
    schema->schema.id = id;
    schema->topic = topic;
    schema->older = topic->newest;
    topic->newest = schema;
    table_put(&ledger->schemas, id, schema);
}

LedgerSchema *ledger_schema_like(Ledger *ledger, LedgerTopic *topic, const Schema *like) {
    for (LedgerSchema *schema = topic->newest; schema != NULL; schema = schema->older) {
        if (schema_equal(&schema->schema, like)) {
            return schema;
        }
    }
    uint32_t id = MAX(ledger_schema_end(ledger), 1u);
    ASSERT(id < LEDGER_IDS_MAX);
    LedgerSchema *schema = ARENA_NEW(&ledger->run, LedgerSchema);
    schema->schema = schema_copy(&ledger->run, like);
    DEFER(buf_release) Buf bytes = {0};
    schema_encode(&bytes, like);
    schema->bytes = arena_slice(&ledger->run, buf_slice(&bytes));
    schema_link(ledger, topic, schema, id);
    return schema;
}

// --- facts -----------------------------------------------------------------------------------------------------

void ledger_put(Ledger *ledger, Slice key, Slice value) {
    LedgerFact *fact = map_find(&ledger->facts, key);
    if (fact == NULL) {
        if (value.size == 0) {
            return;
        }
        fact = calloc(1, sizeof(*fact));
        uint8_t *copy = malloc(key.size + 1);
        if (fact == NULL || copy == NULL) {
            panic("out of memory: a fact of %zu bytes", key.size);
        }
        memcpy(copy, key.data, key.size);
        fact->key = (Slice){copy, key.size};
        map_put(&ledger->facts, key, fact);
    }
    if (!fact->changed) {
        buf_put(&fact->before, buf_slice(&fact->value));
        fact->changed = true;
        buf_bytes(&ledger->changed, &fact, sizeof(LedgerFact *));
    }
    buf_reset(&fact->value);
    buf_put(&fact->value, value);
}

Slice ledger_get(const Ledger *ledger, Slice key) {
    const LedgerFact *fact = map_find(&ledger->facts, key);
    return fact != NULL ? buf_slice(&fact->value) : (Slice){0};
}

void ledger_each(const Ledger *ledger, void (*visit)(void *context, Slice key, Slice value), void *context) {
    for (MapEntry *entry = NULL; (entry = map_next(&ledger->facts, entry)) != NULL;) {
        const LedgerFact *fact = entry->value;
        if (fact->value.size > 0) {
            visit(context, fact->key, buf_slice(&fact->value));
        }
    }
}

static LedgerFact **changes(const Ledger *ledger, size_t *count) {
    *count = ledger->changed.size / sizeof(LedgerFact *);
    return (LedgerFact **)(void *)ledger->changed.data;
}

// A fact that is settled: forgets its value before; one that is absent goes.
static void fact_settle(Ledger *ledger, LedgerFact *fact) {
    fact->changed = false;
    buf_release(&fact->before);
    if (fact->value.size == 0) {
        map_remove(&ledger->facts, fact->key);
        fact_free(fact);
    }
}

void ledger_changes_encode(Ledger *ledger, Buf *buf) {
    size_t count = 0;
    LedgerFact **facts = changes(ledger, &count);
    buf_varint(buf, count);
    for (size_t i = 0; i < count; i++) {
        buf_slice_sized(buf, facts[i]->key);
        buf_slice_sized(buf, buf_slice(&facts[i]->value));
        fact_settle(ledger, facts[i]);
    }
    buf_reset(&ledger->changed);
}

void ledger_changes_drop(Ledger *ledger) {
    size_t count = 0;
    LedgerFact **facts = changes(ledger, &count);
    for (size_t i = 0; i < count; i++) {
        buf_reset(&facts[i]->value);
        buf_put(&facts[i]->value, buf_slice(&facts[i]->before));
        fact_settle(ledger, facts[i]);
    }
    buf_reset(&ledger->changed);
}

// --- frames ----------------------------------------------------------------------------------------------------

void ledger_schema_encode(const LedgerSchema *schema, Buf *buf) {
    buf_varint(buf, schema->topic->topic.id);
    buf_slice_sized(buf, schema->topic->topic.name);
    buf_varint(buf, schema->schema.id);
    buf_slice_sized(buf, schema->bytes);
}

// Only what is in the log: a topic or schema that was made and not used yet is not.
void ledger_state_encode(const Ledger *ledger, Buf *buf) {
    buf_varint(buf, ledger->epoch);
    buf_varint(buf, ledger->cut_sequence);
    buf_varint(buf, ledger->cut_ms);
    buf_slice_sized(buf, position_slice(&ledger->position));
    uint64_t count = 0;
    for (uint32_t id = 0; id < ledger_topic_end(ledger); id++) {
        const LedgerTopic *topic = ledger_topic(ledger, id);
        count += topic != NULL && topic->logged;
    }
    buf_varint(buf, count);
    for (uint32_t id = 0; id < ledger_topic_end(ledger); id++) {
        const LedgerTopic *topic = ledger_topic(ledger, id);
        if (topic != NULL && topic->logged) {
            buf_varint(buf, id);
            buf_slice_sized(buf, topic->topic.name);
            buf_varint(buf, topic->next_offset);
        }
    }
    count = 0;
    for (uint32_t id = 0; id < ledger_schema_end(ledger); id++) {
        const LedgerSchema *schema = ledger_schema(ledger, id);
        count += schema != NULL && schema->logged;
    }
    buf_varint(buf, count);
    for (uint32_t id = 0; id < ledger_schema_end(ledger); id++) {
        const LedgerSchema *schema = ledger_schema(ledger, id);
        if (schema != NULL && schema->logged) {
            buf_varint(buf, id);
            buf_varint(buf, schema->topic->topic.id);
            buf_slice_sized(buf, schema->bytes);
        }
    }
    count = 0;
    for (MapEntry *entry = NULL; (entry = map_next(&ledger->facts, entry)) != NULL;) {
        count += ((const LedgerFact *)entry->value)->value.size > 0;
    }
    buf_varint(buf, count);
    for (MapEntry *entry = NULL; (entry = map_next(&ledger->facts, entry)) != NULL;) {
        const LedgerFact *fact = entry->value;
        if (fact->value.size > 0) {
            buf_slice_sized(buf, fact->key);
            buf_slice_sized(buf, buf_slice(&fact->value));
        }
    }
}

// The topic of that number and name, made when new; NULL when the two contradict what is known.
static LedgerTopic *topic_declared(Ledger *ledger, uint64_t id, Slice name) {
    if (id == 0 || id >= LEDGER_IDS_MAX || name.size == 0 || name.size > TOPIC_NAME_BYTES_MAX) {
        return NULL;
    }
    LedgerTopic *topic = ledger_topic(ledger, (uint32_t)id);
    if (topic == NULL) {
        topic = map_find(&ledger->topics_by_name, name) == NULL ? topic_add(ledger, (uint32_t)id, name) : NULL;
    }
    if (topic == NULL || !slice_equal(topic->topic.name, name)) {
        return NULL;
    }
    topic->logged = true;
    return topic;
}

static bool schema_declared(Ledger *ledger, LedgerTopic *topic, uint64_t id, Slice bytes, LedgerSchema **schema,
                            Err *err) {
    if (topic == NULL || id == 0 || id >= LEDGER_IDS_MAX) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "a schema names topic or number wrongly");
    }
    *schema = ledger_schema(ledger, (uint32_t)id);
    if (*schema != NULL) {
        return ((*schema)->topic == topic && slice_equal((*schema)->bytes, bytes)) ||
               FAIL(err, ERR_JOURNAL_CORRUPT, "schema %" PRIu64 " is there twice and differs", id);
    }
    LedgerSchema *made = ARENA_NEW(&ledger->run, LedgerSchema);
    made->bytes = arena_slice(&ledger->run, bytes);
    made->logged = true;
    TRY(schema_decode(bytes, &ledger->run, &made->schema, err));
    schema_link(ledger, topic, made, (uint32_t)id);
    *schema = made;
    return true;
}

bool ledger_apply_schema(Ledger *ledger, Slice body, LedgerSchema **schema, Err *err) {
    Reader reader = reader_of(body);
    uint64_t topic_id = read_varint(&reader);
    Slice name = read_slice(&reader);
    uint64_t id = read_varint(&reader);
    Slice bytes = read_slice(&reader);
    if (!reader_done(&reader)) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "a SCHEMA frame is malformed");
    }
    TRY(schema_declared(ledger, topic_declared(ledger, topic_id, name), id, bytes, schema, err));
    return true;
}

bool ledger_apply_state(Ledger *ledger, Slice body, Err *err) {
    Reader reader = reader_of(body);
    ledger->epoch = read_varint(&reader);
    ledger->cut_sequence = read_varint(&reader);
    ledger->cut_ms = read_varint(&reader);
    Slice position = read_slice(&reader);
    if (position.size > POSITION_BYTES_MAX) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "a STATE frame is malformed");
    }
    ledger->position = position_of(position);
    bool ok = true;
    for (uint64_t count = read_varint(&reader); ok && count > 0 && !reader.bad; count--) {
        uint64_t id = read_varint(&reader);
        Slice name = read_slice(&reader);
        LedgerTopic *topic = topic_declared(ledger, id, name);
        uint64_t next_offset = read_varint(&reader);
        ok = topic != NULL;
        if (ok) {
            topic->next_offset = next_offset;
        }
    }
    for (uint64_t count = ok ? read_varint(&reader) : 0; count > 0 && !reader.bad; count--) {
        uint64_t id = read_varint(&reader);
        uint64_t topic = read_varint(&reader);
        Slice bytes = read_slice(&reader);
        LedgerSchema *schema = NULL;
        TRY(schema_declared(ledger, ledger_topic(ledger, (uint32_t)MIN(topic, LEDGER_IDS_MAX)), id, bytes, &schema,
                            err));
    }
    for (uint64_t count = ok ? read_varint(&reader) : 0; count > 0 && !reader.bad; count--) {
        Slice key = read_slice(&reader);
        ledger_put(ledger, key, read_slice(&reader));
    }
    DEFER(buf_release) Buf settled = {0};
    ledger_changes_encode(ledger, &settled);
    return (ok && reader_done(&reader)) || FAIL(err, ERR_JOURNAL_CORRUPT, "a STATE frame is malformed");
}

bool ledger_apply_cut(Ledger *ledger, const Frame *frame, Err *err) {
    Reader reader = reader_of(frame->body);
    CutHeader header = {0};
    bool ok = cut_header_decode(&reader, &header);
    for (uint64_t count = ok ? read_varint(&reader) : 0; ok && count > 0 && !reader.bad; count--) {
        uint64_t id = read_varint(&reader);
        LedgerTopic *topic = ledger_topic(ledger, (uint32_t)MIN(id, LEDGER_IDS_MAX));
        uint64_t next_offset = read_varint(&reader);
        ok = topic != NULL && next_offset >= topic->next_offset;
        if (ok) {
            topic->next_offset = next_offset;
        }
    }
    for (uint64_t count = ok ? read_varint(&reader) : 0; count > 0 && !reader.bad; count--) {
        Slice key = read_slice(&reader);
        ledger_put(ledger, key, read_slice(&reader));
    }
    DEFER(buf_release) Buf settled = {0};
    ledger_changes_encode(ledger, &settled);
    if (!ok || !reader_done(&reader)) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "a CUT frame is malformed");
    }
    ledger->epoch = header.epoch;
    ledger->cut_ms = header.cut_ms;
    ledger->position = header.position;
    ledger->cut_sequence = frame->group;
    return true;
}
