// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/record_sink.h"

#include "core/base/json.h"
#include "core/base/json_reader.h"
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "flow/sink/iceberg/record_table.h"

#define LOOK_AGAIN_US (10 * 1000000) // for a table that was not there, or could not be written to
enum { OFFSETS_BYTES_MAX = 64 << 20, TABLE_NAME_MAX = 512 };

// What is known of a name: its table, or why there is none.
typedef struct Target {
    RecordTable *table;
    bool absent;
    Err error;
    int64_t looked_us;
} Target;

struct RecordSink {
    Lake *lake;
    const RecordRules *rules;
    const SinkRecords *records;
    Map *tables;
    Map targets; // by name: Target
    Map next;    // by topic: uint64_t *, behind the last entry taken
    bool known;  // …and what was there before
    Arena run[1];
};

RecordSink *record_sink_new(Lake *lake, const RecordRules *rules, const SinkRecords *records, Map *tables) {
    RecordSink *sink = calloc(1, sizeof(*sink));
    ASSERT(sink != NULL);
    *sink = (RecordSink){.lake = lake, .rules = rules, .records = records, .tables = tables};
    arena_init(sink->run, "run", 0);
    return sink;
}

void record_sink_free(RecordSink *sink) {
    if (sink == NULL) {
        return;
    }
    for (MapEntry *e = NULL; (e = map_next(&sink->targets, e)) != NULL;) {
        record_table_free(((Target *)e->value)->table);
    }
    map_release(&sink->targets);
    map_release(&sink->next);
    arena_release(sink->run);
    free(sink);
}

// --- routing ---------------------------------------------------------------------------------------------------

// A field by its path, NULL when there is none. *shape NULL: the value has no schema.
static const Value *field_find(const RecordPath *path, const Shape **shape, const Value *value) {
    for (size_t i = 0; i < path->count && value != NULL; i++) {
        const Value *found = NULL;
        if (value->kind == VALUE_MAP) {
            for (size_t j = 0; j + 1 < value->items.count && found == NULL; j += 2) {
                found = slice_equal(value->items.at[j].bytes, path->parts[i]) ? &value->items.at[j + 1] : NULL;
            }
            *shape = NULL;
        } else if (value->kind == VALUE_STRUCT && *shape != NULL) {
            int32_t at = shape_find(*shape, path->parts[i]);
            found = at >= 0 ? &value->items.at[at] : NULL;
            *shape = at >= 0 ? &(*shape)->fields[at].shape : NULL;
        }
        value = found;
    }
    return value == NULL || value_is_absent(value) ? NULL : value;
}

// As Java's toString of it; data NULL where there is none.
static Slice field_text(const RecordPath *path, const ConnectRecord *record, Arena *scratch) {
    const Shape *shape = record->value_shape;
    const Value *value = field_find(path, &shape, record->value);
    if (value == NULL) {
        return (Slice){0};
    }
    if (value->kind == VALUE_STRING) {
        return value->bytes;
    }
    if (value->kind == VALUE_INT) {
        return slice_of(arena_printf(scratch, "%" PRId64, value->integer));
    }
    bool truth = value->kind == VALUE_TRUE;
    return truth || value->kind == VALUE_FALSE ? slice_of(truth ? "true" : "false") : (Slice){0};
}

static RecordOp operation_of(const RecordRules *rules, const ConnectRecord *record, Arena *scratch) {
    Slice text = slice_trim(field_text(&rules->operation, record, scratch), " \t\r\n");
    return rules->operation.count > 0 && text.size > 0 && (text.data[0] == 'D' || text.data[0] == 'd') ? RECORD_DROP
                                                                                                       : RECORD_PUT;
}

static const RecordTableRule *rule_of(const RecordRules *rules, Slice name) {
    for (size_t i = 0; i < rules->rule_count; i++) {
        if (slice_equal(rules->rules[i].name, name)) {
            return &rules->rules[i];
        }
    }
    return NULL;
}

// --- tables ----------------------------------------------------------------------------------------------------

static bool missing(Slice name, Err *err) {
    FAIL(err, ERR_TABLE, "table %.*s is not in the catalog", SLICE_ARG(name));
    return err_hint(err, "make it, or let the connector: iceberg.tables.auto-create-enabled=true");
}

// A name without a namespace: no catalog has such a table.
static bool names_none(Slice name) {
    const uint8_t *dot = name.size > 0 ? memchr(name.data, '.', name.size) : NULL;
    return dot == NULL || dot == name.data || name.data[name.size - 1] == '.';
}

// What went wrong with a table stays so for a while.
static bool target_open(RecordSink *sink, Target *target, Slice name, const ConnectRecord *sample, Err *err) {
    int64_t now = clock_monotonic_us();
    if (target->looked_us != 0 && now - target->looked_us < LOOK_AGAIN_US) {
        *err = target->error;
        return target->error.code == ERR_NONE;
    }
    bool found = false, none = sink->rules->dynamic && !sink->rules->create && names_none(name);
    bool ok = none || record_table_open(sink->lake, sink->rules, name, sample, &target->table, &found, err);
    target->looked_us = now;
    target->absent = ok && !found;
    if (ok && !found && !sink->rules->dynamic) {
        ok = missing(name, err);
    }
    target->error = ok ? (Err){0} : *err;
    if (ok && found) {
        map_put(sink->tables, name, target->table->table);
    } else if (ok) {
        log_info(LOG_SINK, "records name a table that is not there: they are left out", LOG_SLICE("table", name));
    }
    return ok;
}

static bool target_of(RecordSink *sink, Slice name, const ConnectRecord *sample, RecordTable **table, Err *err) {
    Target *target = map_find(&sink->targets, name);
    *table = NULL;
    if (UNLIKELY(target == NULL)) {
        if (name.size > TABLE_NAME_MAX) {
            return FAIL(err, ERR_VALUE, "a table's name is longer than %d bytes", TABLE_NAME_MAX);
        }
        target = ARENA_NEW(sink->run, Target);
        map_put(&sink->targets, name, target);
    }
    TRY(target->table != NULL || target_open(sink, target, name, sample, err));
    *table = target->table;
    return true;
}

// --- records ---------------------------------------------------------------------------------------------------

static bool put_into(RecordSink *sink, const JournalEntry *entry, const ConnectRecord *record, Slice name,
                     bool *touched, Err *err) {
    RecordTable *table = NULL;
    TRY(target_of(sink, name, record, &table, err));
    if (table == NULL || record_table_has(table, entry)) {
        return true;
    }
    TRY(record_table_take(table, entry, record, operation_of(sink->rules, record, sink->lake->scratch), err));
    *touched = true;
    return true;
}

// What is wrong with one record, or with the table that it is for, may be set aside; the rest goes on.
static bool put(RecordSink *sink, const JournalEntry *entry, const ConnectRecord *record, Slice name, bool *touched,
                Err *err) {
    if (LIKELY(put_into(sink, entry, record, name, touched, err))) {
        return true;
    }
    bool of_record = err->code == ERR_VALUE || err->code == ERR_TABLE;
    if (!of_record || sink->records->reject == NULL) {
        return err_frame(err, __FILE__, __LINE__);
    }
    return sink->records->reject(sink->records->context, sink->lake->scratch, entry, record, err);
}

static bool record_route(RecordSink *sink, const JournalEntry *entry, const ConnectRecord *record, bool *touched,
                         Err *err) {
    const RecordRules *rules = sink->rules;
    Slice route = {0};
    if (record->value == NULL || value_is_absent(record->value)) {
        return true; // a tombstone says nothing that a table would hold
    }
    if (rules->route.count > 0) {
        route = field_text(&rules->route, record, sink->lake->scratch);
        if (route.data == NULL) {
            return true;
        }
    }
    if (rules->dynamic) {
        char *name = arena_text(sink->lake->scratch, route);
        for (char *at = name; *at != '\0'; at++) {
            *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
        }
        return put(sink, entry, record, slice_of(name), touched, err);
    }
    for (size_t i = 0; i < rules->table_count; i++) {
        const RecordTableRule *rule = rules->route.count > 0 ? rule_of(rules, rules->tables[i]) : NULL;
        bool here =
            rules->route.count == 0 || (rule != NULL && rule->route != NULL && regex_matches(rule->route, route));
        TRY(!here || put(sink, entry, record, rules->tables[i], touched, err));
    }
    return true;
}

static void next_note(RecordSink *sink, const JournalEntry *entry) {
    uint64_t *next = map_find(&sink->next, entry->topic->name);
    if (UNLIKELY(next == NULL)) {
        next = ARENA_NEW(sink->run, uint64_t);
        map_put(&sink->next, entry->topic->name, next);
    }
    *next = entry->offset + MAX(entry->event->offset_span, UINT32_C(1));
}

bool record_sink_take(RecordSink *sink, const JournalEntry *entry, bool *touched, Err *err) {
    ConnectRecord records[CONNECT_RECORDS_MAX];
    size_t count = 0;
    *touched = false;
    bool ok = sink->records->make(sink->records->context, sink->lake->scratch, entry, records, &count, err);
    for (size_t i = 0; i < count && ok; i++) {
        ok = record_route(sink, entry, &records[i], touched, err);
    }
    next_note(sink, entry);
    arena_reset(sink->lake->scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- offsets ---------------------------------------------------------------------------------------------------

static const char *offsets_path(const char *directory, Arena *arena) {
    return arena_printf(arena, "%s/offsets.json", directory);
}

bool record_sink_offsets(const char *directory, Arena *arena, SinkOffset **offsets, size_t *count, Err *err) {
    Slice json;
    JsonReader reader;
    JsonToken token = TOKEN_END;
    const char *path = offsets_path(directory, arena);
    *count = 0;
    *offsets = NULL;
    if (!file_exists(path)) {
        return true;
    }
    TRY(file_read_all(path, OFFSETS_BYTES_MAX, arena, &json, err));
    *offsets = ARENA_ARRAY(arena, SinkOffset, json.size / 4 + 1); // each takes more bytes than that
    json_reader_init(&reader, json, arena);
    TRY(json_read(&reader, &token, err));
    while (json_read(&reader, &token, err) && token == TOKEN_NAME) {
        SinkOffset *offset = &(*offsets)[(*count)++];
        offset->topic = arena_slice(arena, reader.text);
        TRY(json_read(&reader, &token, err));
        offset->committed = lake_number(reader.text);
    }
    return err->code == ERR_NONE;
}

static bool known_load(RecordSink *sink, const char *directory, Err *err) {
    SinkOffset *offsets = NULL;
    size_t count = 0;
    if (sink->known) {
        return true;
    }
    sink->known = true;
    TRY(record_sink_offsets(directory, sink->run, &offsets, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (map_find(&sink->next, offsets[i].topic) == NULL) {
            uint64_t *next = ARENA_NEW(sink->run, uint64_t);
            *next = offsets[i].committed;
            map_put(&sink->next, offsets[i].topic, next);
        }
    }
    return true;
}

bool record_sink_save(RecordSink *sink, const char *directory, Err *err) {
    DEFER(buf_release) Buf text = {0};
    TRY(known_load(sink, directory, err));
    bool first = true;
    buf_u8(&text, '{');
    for (MapEntry *e = NULL; (e = map_next(&sink->next, e)) != NULL; first = false) {
        buf_text(&text, first ? "" : ",");
        json_quote(&text, e->key);
        buf_printf(&text, ":%" PRIu64, *(const uint64_t *)e->value);
    }
    buf_text(&text, "}\n");
    bool ok = file_replace(offsets_path(directory, sink->lake->scratch), buf_slice(&text), err);
    arena_reset(sink->lake->scratch);
    return ok;
}
