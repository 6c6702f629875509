// SPDX-License-Identifier: Apache-2.0
#include "core/sys/clock.h"
#include "data/connect/json_converter.h"
#include "data/format/parquet/parquet.h"
#include "flow/sink/objects/publish.h"

enum { CLOCK_EVERY = 256 }; // records between two looks at the wall clock within a group

static int64_t now_ms(void) {
    return clock_monotonic_us() / 1000;
}

// --- tables ----------------------------------------------------------------------------------------------------

ObjectsTable *objects_table_add(Objects *sink, Slice topic) {
    ObjectsTable *table = ARENA_NEW(&sink->run, ObjectsTable);
    table->topic = arena_slice(&sink->run, topic);
    table->number = (uint32_t)sink->tables.count;
    table->single_from = sink->single ? 0 : UINT64_MAX;
    tables_add(&sink->tables, table);
    map_put(&sink->by_topic, topic, table);
    return table;
}

static ObjectsTable *table_of(Objects *sink, const JournalTopic *topic) {
    if (LIKELY(sink->last != NULL && slice_equal(sink->last->topic, topic->name))) {
        return sink->last;
    }
    ObjectsTable *table = map_find(&sink->by_topic, topic->name);
    return sink->last = table != NULL ? table : objects_table_add(sink, topic->name);
}

void objects_due(Objects *sink, ObjectsTable *table, bool all) {
    if (!table->due) {
        table->due = true;
        tables_add(&sink->due, table);
    }
    table->due_all |= all;
}

static void group_add(Objects *sink, ObjectsTable *table) {
    if (!table->touched && !table->skipped) {
        tables_add(&sink->group, table);
    }
}

// --- shapes ----------------------------------------------------------------------------------------------------

// As Confluent's sink: what is a struct in Connect is no record yet in Parquet.
static const Shape *key_wrap(Arena *arena, const Shape *key) {
    ShapeField *field = ARENA_NEW(arena, ShapeField);
    *field = (ShapeField){.name = SLICE("key"), .shape = *key};
    Shape *shape = ARENA_NEW(arena, Shape);
    *shape = (Shape){.kind = SHAPE_STRUCT, .name = SLICE("RecordKey"), .fields = field, .field_count = 1};
    return shape;
}

// Of a flat row without leat's own fields.
static const Shape *columns_only(Arena *arena, const Shape *row, const Schema *schema) {
    Shape *shape = ARENA_NEW(arena, Shape);
    *shape = *row;
    shape->field_count = schema->column_count;
    return shape;
}

static void schema_around(Objects *sink, FilePlan *wanted) {
    buf_reset(&sink->text);
    buf_text(&sink->text, "{\"schema\":");
    json_converter_schema(&sink->text, wanted->shape);
    buf_text(&sink->text, ",\"payload\":");
    wanted->before = arena_slice(&sink->run, buf_slice(&sink->text));
    wanted->behind = SLICE("}");
}

bool objects_shape_part(Objects *sink, ObjectsShape *shape, int part, Err *err) {
    static const RecordPart PART[PARTS] = {RECORD_VALUE, RECORD_KEY, RECORD_HEADERS};
    const Rules *rules = &sink->rules;
    const FileFormat *format = rules->formats[part];
    FilePlan wanted = {.part = PART[part], .options = &rules->format_options[part]};
    wanted.schema = rules->envelope_takes_events ? &shape->schema : NULL;
    if (shape->record != NULL) {
        const Shape *shapes[PARTS] = {shape->record->value, shape->record->key, shape->record->headers};
        wanted.shape = shapes[part];
    }
    if (sink->options.json_schemas && part != PART_HEADERS) {
        schema_around(sink, &wanted);
    }
    if (part == PART_KEY && !rules->envelope_takes_events && !shape->key_bare && format == &PARQUET_FORMAT) {
        shape->key_wrapped = true;
        wanted.shape = key_wrap(&sink->run, wanted.shape);
    }
    if (part == PART_VALUE && rules->values_bare) {
        wanted.shape = columns_only(&sink->run, wanted.shape, &shape->schema);
    }
    wanted.bare = part == PART_HEADERS;
    wanted.primitive = (part == PART_VALUE && shape->value_bare) || (part == PART_KEY && shape->key_bare);
    const Schema *schema = &shape->schema;
    return format->plan(&sink->run, &wanted, &shape->plans[part], err) ||
           err_prefix(err, "table %.*s.%.*s", SLICE_ARG(schema->space), SLICE_ARG(schema->table));
}

// As Debezium names it, when it is to have a prefix.
static Slice topic_name(Objects *sink, const ObjectsTable *table) {
    const char *prefix = sink->options.topic_prefix;
    return prefix[0] == '\0' ? table->topic
                             : slice_of(arena_printf(&sink->run, "%s.%.*s", prefix, SLICE_ARG(table->topic)));
}

void objects_shape_patterns(Objects *sink, Slice topic, ObjectsShape *shape) {
    for (int i = 0; i < PARTS; i++) {
        if (sink->rules.formats[i] != NULL) {
            buf_reset(&sink->text);
            const NameParts parts = {topic, shape->number, shape->schema.space, shape->schema.table,
                                     sink->rules.extensions[i]};
            name_pattern(&sink->text, sink->rules.layout, &parts);
            shape->patterns[i] = arena_slice(&sink->run, buf_slice(&sink->text));
        }
    }
}

static bool shape_make(Objects *sink, const ObjectsTable *table, const Schema *schema, ObjectsShape **made, Err *err) {
    const Rules *rules = &sink->rules;
    ObjectsShape *shape = ARENA_NEW(&sink->run, ObjectsShape);
    shape->schema = schema_copy(&sink->run, schema);
    bool events = rules->formats[PART_VALUE]->takes_events && rules->envelope_takes_events;
    if (!events || rules->formats[PART_KEY] != NULL) {
        TRY(rules->envelope->compile(&sink->run, &shape->schema, &rules->envelope_options, &shape->record, err));
    }
    TRY(objects_shape_part(sink, shape, PART_VALUE, err));
    if (rules->formats[PART_KEY] != NULL && shape->record->key != NULL) {
        TRY(objects_shape_part(sink, shape, PART_KEY, err));
    }
    if (rules->formats[PART_HEADERS] != NULL) {
        TRY(objects_shape_part(sink, shape, PART_HEADERS, err));
    }
    TRY(partition_plan(&sink->run, rules, &shape->schema, rules->envelope_takes_events ? NULL : shape->record->value,
                       &shape->partition, err));
    objects_shape_patterns(sink, topic_name(sink, table), shape);
    *made = shape;
    return true;
}

// The table's open files end: they are complete, and go at the next cut.
static bool rotate(Objects *sink, ObjectsTable *table, Err *err) {
    if (table->open == NULL) {
        return true;
    }
    objects_due(sink, table, false);
    return files_seal(&sink->files, table, err);
}

// A new shape of the rows. Its files go on where the format bears it and they keep their names.
static bool shape_switch(Objects *sink, ObjectsTable *table, const ObjectsShape *shape, Err *err) {
    bool ends = false;
    for (int i = 0; table->shape != NULL && i < PARTS; i++) {
        ends |= !slice_equal(shape->patterns[i], table->shape->patterns[i]) ||
                (shape->plans[i] == NULL) != (table->shape->plans[i] == NULL) ||
                (shape->plans[i] != NULL && sink->rules.formats[i]->schema_per_file);
    }
    ends |= sink->records != NULL && sink->records->schemas;
    if (ends) {
        TRY(rotate(sink, table, err));
    }
    table->shape = shape;
    return true;
}

static bool table_shape(Objects *sink, ObjectsTable *table, const Schema *schema, Err *err) {
    uint64_t key = (uint64_t)table->number << 32 | schema->id;
    ObjectsShape *shape = map_find_u64(&sink->shapes, key);
    if (shape == NULL) {
        TRY(shape_make(sink, table, schema, &shape, err));
        map_put_u64(&sink->shapes, key, shape);
    }
    return shape_switch(sink, table, shape, err);
}

static void file_shape(Objects *sink, ObjectsFile *file, const ObjectsShape *shape) {
    for (int i = 0; i < PARTS; i++) {
        if (file->parts[i].encoder != NULL) {
            sink->rules.formats[i]->change(file->parts[i].encoder, shape->plans[i]);
        }
    }
    file->shape = shape;
}

// --- the file of a record ----------------------------------------------------------------------------------------

typedef struct Placed {
    const Record *record;
    bool tombstone;
    bool has_key;
    int64_t time_ms;
    int64_t bucket;
    Slice partition; // in sink->text
} Placed;

static bool needs_time(const Rules *rules) {
    return rules->partition == PARTITION_TIME;
}

static bool place(Objects *sink, ObjectsTable *table, Placed *placed, Err *err) {
    const Rules *rules = &sink->rules;
    const ObjectsFile *last = table->last;
    buf_reset(&sink->text);
    placed->bucket = INT64_MIN;
    if (needs_time(rules) && !placed->tombstone) {
        TRY(partition_time(&sink->partitioner, &table->shape->partition, placed->record, &placed->time_ms, err));
        placed->bucket = partition_bucket(&sink->partitioner, placed->time_ms);
        if (last != NULL && last->bucket == placed->bucket) {
            placed->partition = last->partition;
            return true;
        }
        partition_bucket_text(&sink->partitioner, &sink->text, placed->bucket);
    } else if (placed->tombstone) {
        name_encode(&sink->text, slice_of(rules->options->tombstone_partition));
    } else if (rules->partition == PARTITION_FIELD) {
        TRY(partition_fields_text(rules, &table->shape->partition, placed->record, &sink->text, err));
    } else if (rules->partition == PARTITION_DEFAULT) {
        buf_printf(&sink->text, "partition=%d", table->shape->number);
    }
    placed->partition = buf_slice(&sink->text);
    return true;
}

static ObjectsFile *open_find(ObjectsTable *table, Slice partition) {
    if (table->last != NULL && slice_equal(table->last->partition, partition)) {
        return table->last;
    }
    if (table->open == NULL) {
        return NULL;
    }
    if (table->by_partition.count == 0) { // from the second one on
        for (ObjectsFile *file = table->open; file != NULL; file = file->beside) {
            map_put(&table->by_partition, file->partition, file);
        }
    }
    return map_find(&table->by_partition, partition);
}

// By the rules that look at a record before it is written.
static bool ends_before(Objects *sink, const ObjectsTable *table, const Placed *placed, const ObjectsFile *file) {
    const ObjectsOptions *options = &sink->options;
    if (file == NULL && options->open_files_max > 0 && table->open_count >= (size_t)options->open_files_max) {
        return true;
    }
    if (file != NULL && ((file->parts[PART_KEY].name != NULL) != placed->has_key ||
                         (file->parts[PART_VALUE].name != NULL) == placed->tombstone)) {
        return true; // values and keys of one file go side by side
    }
    if (options->record_interval_ms <= 0 || table->open == NULL || placed->tombstone ||
        table->first_time_ms == INT64_MAX) {
        return false;
    }
    bool apart = table->last != NULL && table->last->bucket != INT64_MIN && table->last != file;
    return placed->time_ms - table->first_time_ms >= options->record_interval_ms ||
           (options->rotate_on_partition && apart);
}

static bool file_make(Objects *sink, ObjectsTable *table, const Placed *placed, ObjectsFile **made, Err *err) {
    const Record *record = placed->record;
    const ObjectsShape *shape = table->shape;
    int64_t time_ms = 0;
    TRY(partition_time(&sink->partitioner, &shape->partition, record, &time_ms, err));
    ObjectsFile *file = files_open(&sink->files, table, record->offset, sink->cut, now_ms(), placed->partition);
    file->bucket = placed->bucket;
    file->shape = shape;
    if (table->by_partition.count > 0) {
        map_put(&table->by_partition, file->partition, file);
    }
    NameFill fill = {file->partition, record->offset, partition_local_s(&sink->partitioner, time_ms), {0}};
    name_id(fill.id, record->timestamp_us / 1000, sink->connector, table->topic, record->offset);
    bool wanted[PARTS] = {!placed->tombstone, placed->has_key, sink->rules.formats[PART_HEADERS] != NULL};
    for (int i = 0; i < PARTS; i++) {
        if (wanted[i]) {
            buf_reset(&sink->text);
            name_fill(&sink->text, shape->patterns[i], &fill);
            TRY(files_part(file, i, shape->plans[i], sink->rules.formats[i], buf_slice(&sink->text), err));
        }
    }
    *made = file;
    return true;
}

static bool file_of(Objects *sink, ObjectsTable *table, Placed *placed, ObjectsFile **found, Err *err) {
    ObjectsFile *file = NULL;
    TRY(place(sink, table, placed, err));
    file = open_find(table, placed->partition);
    if (UNLIKELY(ends_before(sink, table, placed, file))) {
        if (placed->partition.data != sink->text.data) { // it was that of a file that ends
            buf_reset(&sink->text);
            buf_put(&sink->text, placed->partition);
            placed->partition = buf_slice(&sink->text);
        }
        TRY(rotate(sink, table, err));
        file = NULL;
    }
    if (UNLIKELY(file == NULL)) {
        if (table->open == NULL || table->first_time_ms == INT64_MAX) {
            table->first_time_ms = placed->tombstone ? INT64_MAX : placed->time_ms; // a tombstone has none
        }
        TRY(file_make(sink, table, placed, &file, err));
    }
    *found = file;
    return true;
}

// --- records ---------------------------------------------------------------------------------------------------

static bool append(ObjectsFile *file, const Record *record, Err *err) {
    for (int i = 0; i < PARTS; i++) {
        FileEncoder *encoder = file->parts[i].encoder;
        if (encoder == NULL) {
            continue;
        }
        if (i == PART_KEY && file->shape->key_wrapped) {
            Value whole = {.kind = VALUE_STRUCT, .items = {record->key, file->shape->record->key->field_count}};
            Record wrapped = *record;
            wrapped.key = &whole;
            TRY(encoder->format->append(encoder, &wrapped, err));
        } else {
            TRY(encoder->format->append(encoder, record, err));
        }
    }
    return true;
}

// Encoders hold more than there is memory, and cannot give it away: the tables with the oldest files go at their cut.
// So many that this look at all files is not due again with the next record.
static bool make_room(Objects *sink, Err *err) {
    ObjectsFile *file = sink->files.head;
    while (!files_roomy(&sink->files)) {
        while (file != NULL && !file_is_open(file)) {
            file = file->next;
        }
        if (file == NULL) {
            return true; // what is left is one row
        }
        file->table->oversize |= file->table->touched;
        TRY(rotate(sink, file->table, err));
    }
    return true;
}

// `end`: the offset behind the record.
static bool put(Objects *sink, ObjectsTable *table, const Record *record, bool tombstone, uint64_t end, Err *err) {
    const ObjectsOptions *options = &sink->options;
    ObjectsFile *file = table->last;
    Placed placed = {.record = record, .tombstone = tombstone, .bucket = INT64_MIN};
    placed.has_key = sink->rules.formats[PART_KEY] != NULL && record->key != NULL;
    if (UNLIKELY(!sink->plain || file == NULL)) {
        TRY(file_of(sink, table, &placed, &file, err));
    }
    table->last = file;
    if (UNLIKELY(file->shape != table->shape)) {
        file_shape(sink, file, table->shape);
    }
    TRY(append(file, record, err));
    file->end = table->next = end;
    table->records++;
    TRY(files_appended(&sink->files, file, err));
    if (UNLIKELY(files_short(&sink->files))) {
        return make_room(sink, err);
    }
    if (UNLIKELY(options->flush_records > 0 && table->records >= (uint64_t)options->flush_records)) {
        return rotate(sink, table, err);
    }
    if (UNLIKELY(options->rotate_bytes > 0 && file_estimate(file) >= (uint64_t)options->rotate_bytes)) {
        table->oversize = true;
        // One transaction that is larger than files may be becomes several, published together at its cut. What began
        // before may grow up to its cut, but not without end.
        bool alone = file->from.sequence == sink->cut.sequence;
        if (alone || file_estimate(file) / 2 >= (uint64_t)options->rotate_bytes) {
            return rotate(sink, table, err);
        }
    }
    return true;
}

static bool null_refused(const Record *record, const char *what, Err *err) {
    FAIL(err, ERR_VALUE, "%.*s.%.*s, offset %" PRIu64 ": %s has no value", SLICE_ARG(record->schema->space),
         SLICE_ARG(record->schema->table), record->offset, what);
    return err_hint(err, "set behavior.on.null.values to ignore or write");
}

static bool put_tombstone(Objects *sink, ObjectsTable *table, Record *record, uint64_t end, Err *err) {
    if (sink->rules.nulls == NULLS_FAIL) {
        return null_refused(record, "the tombstone of a delete", err);
    }
    if (record->key == NULL) {
        return true; // of a table without a key
    }
    if (table->point_count > 0 && table->points[table->point_count - 1] == end) {
        table->point_count--; // the event is on both sides of it
    }
    record->value = NULL;
    record->offset = end - 1;
    TRY(put(sink, table, record, true, end, err));
    // The event is half in files that were sealed between: all of them go in one plan, or none.
    table->oversize |= table->open != NULL && table->sealed != NULL && table->sealed_end == end;
    return true;
}

// --- the journal's order -----------------------------------------------------------------------------------------

static bool wrong_journal(Err *err, const char *format, ...) PRINTF_LIKE(2, 3);
static bool wrong_journal(Err *err, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    FAIL(err, ERR_STATE_CORRUPT, "the journal is not the one that was published from: %s", text);
    return err_hint(err, "the journal or the sink's state was restored from another copy; nothing was written. Restore "
                         "both from one moment, or delete the pipeline and start again into an empty directory");
}

// *skip: the record is published already.
static bool check_offset(Objects *sink, ObjectsTable *table, uint64_t offset, bool *skip, Err *err) {
    *skip = false;
    if (LIKELY(table->known && offset == table->next)) {
        return true;
    }
    if (!table->known) {
        table->next = offset;
        return true;
    }
    bool nothing_new = !table->touched && table->open == NULL && table->sealed == NULL;
    if (offset < table->committed && nothing_new && table->next == table->committed) {
        group_add(sink, table);
        table->skipped = true;
        *skip = true;
        return true;
    }
    return wrong_journal(err, "topic %.*s goes on at offset %" PRIu64 ", expected is %" PRIu64, SLICE_ARG(table->topic),
                         offset, table->next);
}

// The envelope has no record for it: as good as published, once what came before is.
static void record_skip(ObjectsTable *table, uint64_t end) {
    table->next = end;
    if (table->open == NULL) {
        table->sealed_end = end;
    }
}

// Of a delete or truncate where values are the bytes of columns.
static bool put_bare_null(Objects *sink, ObjectsTable *table, Record *record, uint64_t end, Err *err) {
    if (sink->rules.nulls == NULLS_FAIL) {
        return null_refused(record, record->event->op == OP_DELETE ? "a delete" : "a truncate", err);
    }
    if (sink->rules.nulls == NULLS_WRITE && record->key != NULL) {
        return put_tombstone(sink, table, record, end, err);
    }
    record_skip(table, end);
    return true;
}

static bool put_connect_null(Objects *sink, ObjectsTable *table, Record *record, uint64_t end, bool *any, Err *err) {
    if (sink->rules.nulls == NULLS_FAIL) {
        return null_refused(record, "a record", err);
    }
    if (sink->rules.nulls == NULLS_WRITE && record->key != NULL) {
        *any = true;
        return put(sink, table, record, true, end, err);
    }
    return true;
}

// *any: a record of the event is in a file by now.
static bool put_connect(Objects *sink, ObjectsTable *table, const JournalEntry *entry, const ConnectRecord *from,
                        bool *any, Err *err) {
    const ObjectsShape *shape = NULL;
    uint64_t end = entry->offset + entry->event->offset_span;
    bool again = *any;
    TRY(records_shape(sink, table, entry->schema, from, &shape, err));
    if (UNLIKELY(shape != table->shape)) {
        TRY(shape_switch(sink, table, shape, err));
    }
    Record record = {.event = entry->event, .schema = &shape->schema, .topic = shape->topic, .offset = from->offset};
    record.timestamp_us = from->timestamp_ms >= 0 ? from->timestamp_ms * 1000 : entry->event->source_us;
    records_fill(sink, shape, from, &record);
    if (UNLIKELY(again && table->point_count > 0 && table->points[table->point_count - 1] == end)) {
        table->point_count--; // the event is on both sides of it
    }
    if (UNLIKELY(sink->stats.events++ % CLOCK_EVERY == 0)) {
        sink->partitioner.now_ms = clock_wall_us() / 1000;
    }
    if (UNLIKELY(record.value == NULL)) {
        TRY(put_connect_null(sink, table, &record, end, any, err));
    } else {
        *any = true;
        TRY(put(sink, table, &record, false, end, err));
    }
    // The event is half in files that were sealed between: all of them go in one plan, or none.
    table->oversize |= again && table->open != NULL && table->sealed != NULL && table->sealed_end == end;
    return true;
}

static bool take_connect(Objects *sink, ObjectsTable *table, const JournalEntry *entry, Err *err) {
    ConnectRecord made[CONNECT_RECORDS_MAX];
    size_t count = 0;
    bool any = false;
    group_add(sink, table);
    table->touched = true;
    table->known = true;
    arena_reset(&sink->record);
    if (entry->event->offset_span > 0) {
        TRY(sink->records->make(sink->records->context, &sink->record, entry, made, &count, err));
    }
    for (size_t i = 0; i < count; i++) {
        TRY(put_connect(sink, table, entry, &made[i], &any, err));
    }
    if (!any) {
        record_skip(table, entry->offset + entry->event->offset_span);
    }
    return true;
}

bool objects_take_event(Objects *sink, const JournalEntry *entry, Err *err) {
    ObjectsTable *table = table_of(sink, entry->topic);
    bool skip = false;
    TRY(check_offset(sink, table, entry->offset, &skip, err));
    if (UNLIKELY(skip)) {
        return true;
    }
    if (sink->records != NULL) {
        return take_connect(sink, table, entry, err);
    }
    if (UNLIKELY(table->shape == NULL || table->shape->schema.id != entry->schema->id)) {
        TRY(table_shape(sink, table, entry->schema, err));
    }
    group_add(sink, table);
    table->touched = true;
    table->known = true;
    const Event *event = entry->event;
    Record record = {.event = event,
                     .schema = &table->shape->schema,
                     .topic = table->topic,
                     .offset = entry->offset,
                     .timestamp_us = event->source_us};
    if (table->shape->record != NULL) {
        arena_reset(&sink->record);
        TRY(sink->rules.envelope->make(table->shape->record, &sink->record, event, &record, err));
    }
    uint64_t end = entry->offset + event->offset_span;
    if (UNLIKELY(record.skipped)) {
        record_skip(table, end);
        return true;
    }
    if (UNLIKELY(sink->stats.events++ % CLOCK_EVERY == 0)) {
        sink->partitioner.now_ms = clock_wall_us() / 1000;
    }
    if (UNLIKELY(sink->rules.values_bare && (event->op == OP_DELETE || event->op == OP_TRUNCATE))) {
        return put_bare_null(sink, table, &record, end, err);
    }
    TRY(put(sink, table, &record, false, end, err));
    if (UNLIKELY(event->op == OP_DELETE && sink->rules.nulls != NULLS_IGNORE && !sink->rules.envelope_takes_events)) {
        return put_tombstone(sink, table, &record, end, err);
    }
    return true;
}

// --- cuts ------------------------------------------------------------------------------------------------------

// Is this the journal that was published from? Told by the cuts' order, and by records that are skipped as published:
// an epoch later than the one that published them cannot hold them.
static bool check_cut(Objects *sink, const JournalEntry *entry, Err *err) {
    if (entry->epoch < sink->cut.epoch || (sink->cut.sequence != 0 && entry->cut_sequence <= sink->cut.sequence)) {
        return wrong_journal(err, "cut %" PRIu64 " of epoch %" PRIu64 " comes after cut %" PRIu64 " of epoch %" PRIu64,
                             entry->cut_sequence, entry->epoch, sink->cut.sequence, sink->cut.epoch);
    }
    for (size_t i = 0; i < sink->group.count; i++) {
        const ObjectsTable *table = sink->group.at[i];
        bool newer = table->skipped && entry->epoch > table->epoch;
        if (newer || (table->touched && entry->epoch < table->epoch)) {
            return wrong_journal(err, "topic %.*s has offsets of epoch %" PRIu64 " that epoch %" PRIu64 " published",
                                 SLICE_ARG(table->topic), entry->epoch, table->epoch);
        }
    }
    return true;
}

bool objects_take_cut(Objects *sink, const JournalEntry *entry, Err *err) {
    TRY(check_cut(sink, entry, err));
    if (sink->memory_share != NULL) {
        files_share(&sink->files, *sink->memory_share);
    }
    sink->reader = entry->reader;
    sink->cut = (Mark){entry->next, entry->cut_sequence, entry->epoch};
    for (size_t i = 0; i < sink->group.count; i++) {
        ObjectsTable *table = sink->group.at[i];
        if (table->touched) {
            table->cut_epoch = entry->epoch;
            if (table->open == NULL && table->sealed == NULL) { // all were skipped
                table->committed = table->sealed_end = table->next;
                table->epoch = table->cut_epoch;
                table->published = true;
            }
        }
        table->touched = table->skipped = false;
        if (table->oversize) {
            table->oversize = false;
            objects_due(sink, table, true);
        }
    }
    sink->group.count = 0;
    sink->partitioner.now_ms = clock_wall_us() / 1000;
    objects_mark_old(sink);
    TRY(publish_due(sink, err));
    return publish_advance(sink, objects_patience_ms(sink), err);
}

// --- time ------------------------------------------------------------------------------------------------------

int64_t objects_patience_ms(const Objects *sink) {
    return sink->options.rotate_interval_ms > 0 ? sink->options.rotate_interval_ms : 60000;
}

// Midnight of the day in the zone, and multiples of the interval since; never past the next midnight.
int64_t objects_schedule_next(const Objects *sink, int64_t wall_ms) {
    int64_t interval = sink->options.schedule_interval_ms;
    if (interval <= 0) {
        return INT64_MAX;
    }
    const Zone *zone = sink->rules.zone;
    int64_t local_s = wall_ms / 1000 + zone_span(zone, wall_ms / 1000).east;
    int64_t midnight_s = local_s - local_s % 86400;
    int64_t start_ms = zone_utc(zone, midnight_s) * 1000, end_ms = zone_utc(zone, midnight_s + 86400) * 1000;
    int64_t next = start_ms + ((wall_ms - start_ms) / interval + 1) * interval;
    return MIN(next, end_ms);
}

// When one file is old, the tables whose files nearly are go with it, so that thousands do not each have a publication
// of their own.
void objects_mark_old(Objects *sink) {
    int64_t interval = sink->options.rotate_interval_ms, now = now_ms();
    bool any = false;
    for (ObjectsFile *file = sink->files.head; interval > 0 && file != NULL; file = file->next) {
        int64_t age = now - file->since_ms;
        if (age < (any ? interval - interval / 10 : interval)) {
            break; // the list is in order of age
        }
        if (!file->table->touched) {
            objects_due(sink, file->table, true);
            any = true;
        }
    }
    int64_t wall_ms = sink->partitioner.now_ms;
    if (UNLIKELY(wall_ms >= sink->next_schedule_ms)) {
        for (ObjectsFile *file = sink->files.head; file != NULL; file = file->next) {
            objects_due(sink, file->table, true);
        }
        sink->next_schedule_ms = objects_schedule_next(sink, wall_ms);
    } else if (sink->options.schedule_interval_ms > 0 &&
               sink->next_schedule_ms - wall_ms > sink->options.schedule_interval_ms) {
        sink->next_schedule_ms = objects_schedule_next(sink, wall_ms); // the clock has gone back
    }
}
