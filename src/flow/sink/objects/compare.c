// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/compare.h"

#include "core/base/json.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "data/format/json_file.h"
#include "data/format/json_lines.h"
#include "flow/sink/objects/compare_read.h"
#include "flow/sink/objects/work.h"

#include <stdlib.h>

typedef struct FilesCompare {
    Arena run[1];
    ObjectsOptions options;
    Rules rules;
    SinkCompareOptions how;
    Store *store;
    Plan plan;
    const char *state_directory, *spill;
} FilesCompare;

typedef struct FoundFile {
    const char *name;
    uint64_t size;
} FoundFile;

typedef struct FilesTable {
    FilesCompare *compare;
    const PlanTopic *topic;
    Arena run[1];
    Arena shape[1]; // of the mapping; the source's thread
    FoundFile *files;
    size_t count, capacity;
    Map by_name; // of the files
    FilesForm form;
    Shape record;
    int32_t *key;
    size_t key_count;
    const Schema *schema; // that the mapping is of
    RecordPlan *plan;     // of the envelope
    const Shape *row;     // that holds the columns: of the flat record, or of `after`
    JsonLines *lines;     // JSON of flat records
    FileEncoder *encoder; // JSON of Debezium's envelopes
    Buf line;
    Value *values;
    Value *placeholders; // Debezium's: see compare_read.h; else NULL
    Changes *changes;    // NULL: the files were not read yet
} FilesTable;

// --- all tables ------------------------------------------------------------------------------------------------

static bool compare_begin(FilesCompare *compare, const SinkContext *context, Err *err) {
    const ObjectsOptions *options = &compare->options;
    if (strcmp(options->format, "bytes") == 0) {
        return FAIL(err, ERR_OPTION, "files of format=bytes hold no rows that could be compared with the source");
    }
    Slice connector = slice_of(context->pipeline);
    TRY(rules_make(compare->run, options, connector, context->memory_bytes_max, &compare->rules, err));
    bool found = plan_load(context->state_directory, compare->run, &compare->plan, err);
    if (!found && err->code != ERR_NOT_FOUND) {
        return err_frame(err, __FILE__, __LINE__);
    }
    err_clear(err);
    return objects_store_open(context, "look", compare->run, &compare->store, err);
}

bool objects_compare_open(const SinkContext *context, const SinkCompareOptions *options, void **opened, Err *err) {
    FilesCompare *compare = calloc(1, sizeof(*compare));
    ASSERT(compare != NULL);
    arena_init(compare->run, "run", 0);
    compare->options = *(const ObjectsOptions *)context->options;
    compare->how = *options;
    compare->state_directory = arena_printf(compare->run, "%s", context->state_directory);
    compare->spill = arena_printf(compare->run, "%s/compare", context->state_directory);
    if (!compare_begin(compare, context, err)) {
        objects_compare_close(compare);
        return err_frame(err, __FILE__, __LINE__);
    }
    *opened = compare;
    return true;
}

void objects_compare_close(void *opened) {
    FilesCompare *compare = opened;
    Err ignored[1] = {{0}};
    if (compare == NULL) {
        return;
    }
    if (compare->store != NULL) {
        store_close(compare->store);
        (void)!file_remove_tree(compare->spill, ignored);
    }
    arena_release(compare->run);
    free(compare);
}

// --- a table's files -------------------------------------------------------------------------------------------

static const PlanTopic *topic_find(const FilesCompare *compare, Slice name) {
    for (size_t i = 0; i < compare->plan.topic_count; i++) {
        if (slice_equal(compare->plan.topics[i].name, name)) {
            return &compare->plan.topics[i];
        }
    }
    return NULL;
}

static void file_add(FilesTable *table, Slice name, uint64_t size) {
    if (map_find(&table->by_name, name) != NULL) {
        return;
    }
    if (table->count == table->capacity) {
        table->capacity = MAX(table->capacity * 2, (size_t)64);
        FoundFile *files = ARENA_ARRAY(table->run, FoundFile, table->capacity);
        for (size_t i = 0; i < table->count; i++) {
            files[i] = table->files[i];
        }
        table->files = files;
    }
    FoundFile *file = &table->files[table->count++];
    *file = (FoundFile){arena_text(table->run, name), size};
    map_put(&table->by_name, slice_of(file->name), file);
}

// What a pattern has behind its last hole: the extension, with what kind of part it is.
static bool of_values(Slice pattern) {
    size_t from = 0;
    for (size_t i = 0; i < pattern.size; i++) {
        if (pattern.data[i] < ' ') {
            i += pattern.data[i] == HOLE_OFFSET ? 1 : 0;
            from = i + 1;
        }
    }
    Slice end = slice_from(pattern, MIN(from, pattern.size));
    static const char *const OTHERS[] = {".keys.", ".headers."};
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        if (end.size > 0 && memmem(end.data, end.size, OTHERS[i], strlen(OTHERS[i])) != NULL) {
            return false;
        }
    }
    return true;
}

typedef struct Listing {
    FilesTable *table;
    Slice pattern;
} Listing;

static bool name_visit(void *context, const char *name, uint64_t size) {
    Listing *listing = context;
    uint64_t offset = 0;
    if (name_match(listing->pattern, slice_of(name), &offset)) {
        file_add(listing->table, slice_of(name), size);
    }
    return true;
}

// Names that hold an id and no table may be those of another one.
static bool pattern_alone(const FilesTable *table, Slice pattern, Err *err) {
    const Plan *plan = &table->compare->plan;
    for (size_t i = 0; i < plan->topic_count; i++) {
        const PlanTopic *other = &plan->topics[i];
        for (size_t j = 0; other != table->topic && j < other->pattern_count; j++) {
            if (slice_equal(other->patterns[j], pattern)) {
                return FAIL(err, ERR_TABLE, "its files have the names of those of %.*s: they cannot be told apart",
                            SLICE_ARG(other->name));
            }
        }
    }
    return true;
}

static bool files_find(FilesTable *table, Err *err) {
    for (size_t i = 0; i < table->topic->pattern_count; i++) {
        Listing listing = {table, table->topic->patterns[i]};
        if (of_values(listing.pattern)) {
            TRY(pattern_alone(table, listing.pattern, err));
            const char *prefix = arena_text(table->run, name_prefix(listing.pattern));
            TRY(store_list(table->compare->store, prefix, name_visit, &listing, err));
        }
    }
    return true;
}

// JSON is compared as text, the others by values: not both.
static bool form_choose(FilesTable *table, Err *err) {
    static const FilesForm OF_OPTION[] = {FILES_JSON, FILES_AVRO, FILES_PARQUET};
    const FileFormat *format = table->compare->rules.formats[PART_VALUE];
    table->form = OF_OPTION[format == &JSON_FORMAT ? 0 : strcmp(format->name, "avro") == 0 ? 1 : 2];
    for (size_t i = 0; i < table->count; i++) {
        FilesForm form = files_form(slice_of(table->files[i].name));
        if (form == FILES_UNKNOWN) {
            return FAIL(err, ERR_TABLE, "%s: neither JSON nor Avro nor Parquet", table->files[i].name);
        }
        bool text = form <= FILES_JSON_GZIP;
        if (i > 0 && text != (table->form <= FILES_JSON_GZIP)) {
            FAIL(err, ERR_TABLE, "it has files of JSON and of other formats");
            return err_hint(err, "have them written in one format: leat sink reset");
        }
        table->form = text ? FILES_JSON : form;
    }
    return true;
}

// --- a source's row --------------------------------------------------------------------------------------------

static JsonOptions json_options(const Rules *rules) {
    const FileFormatOptions *format = &rules->format_options[PART_VALUE];
    return (JsonOptions){.decimals = format->json_decimals_number ? JSON_DECIMALS_NUMBER : JSON_DECIMALS_STRING,
                         .documents =
                             format->json_documents_embedded ? JSON_DOCUMENTS_EMBEDDED : JSON_DOCUMENTS_STRING};
}

// Lines as the sink writes them, but for the schema around them.
static bool encoder_make(FilesTable *table, Err *err) {
    const FileFormatOptions *format = &table->compare->rules.format_options[PART_VALUE];
    FileFormatOptions options = {.json_decimals_number = format->json_decimals_number,
                                 .json_documents_embedded = format->json_documents_embedded};
    FilePlan wanted = {.shape = table->plan->value, .part = RECORD_VALUE, .options = &options};
    const FilePlan *plan = NULL;
    TRY(JSON_FORMAT.plan(table->shape, &wanted, &plan, err));
    if (table->encoder != NULL) {
        JSON_FORMAT.close(table->encoder);
        table->encoder = NULL;
    }
    return JSON_FORMAT.open(plan, &table->encoder, err);
}

static bool mapping_make(FilesTable *table, const Schema *schema, Err *err) {
    const Rules *rules = &table->compare->rules;
    JsonOptions json = json_options(rules);
    arena_reset(table->shape);
    TRY(rules->envelope->compile(table->shape, schema, &rules->envelope_options, &table->plan, err));
    table->schema = schema;
    table->row = table->plan->value;
    if (rules->envelope_takes_events) {
        table->lines = json_lines_new(table->shape, schema, &json);
        return true;
    }
    table->row = &table->plan->value->fields[shape_find(table->plan->value, SLICE("after"))].shape;
    return table->form != FILES_JSON || encoder_make(table, err);
}

// A field of JSON has its name as it is quoted, and its values are JSON texts.
static ShapeField text_field(Arena *arena, Slice name) {
    static const ShapeNote JSON_TEXT = {.name = {(const uint8_t *)"leat.json", 9}, .json = {(const uint8_t *)"1", 1}};
    DEFER(buf_release) Buf quoted = {0};
    json_quote(&quoted, name);
    return (ShapeField){.name = arena_slice(arena, (Slice){quoted.data + 1, quoted.size - 2}),
                        .shape = {.kind = SHAPE_STRING, .optional = true, .notes = &JSON_TEXT, .note_count = 1}};
}

// The members of an object into table->values: JSON texts.
static bool members_map(FilesTable *table, Slice object, Err *err) {
    Slice rest, name, value;
    bool more = true;
    ASSERT(line_open(object, &rest));
    for (uint32_t i = 0; i < table->record.field_count; i++) {
        if (!line_member(&rest, &name, &value, &more) || !more || !slice_equal(name, table->record.fields[i].name)) {
            return FAIL(err, ERR_TABLE, "its partitions have different columns");
        }
        table->values[i] = slice_is(value, "null") ? (Value){.kind = VALUE_NULL} : value_bytes(VALUE_STRING, value);
    }
    return true;
}

static bool line_map(FilesTable *table, const Event *event, Err *err) {
    buf_reset(&table->line);
    json_lines_write(table->lines, &table->line, event);
    ASSERT(table->line.size > 0);
    return members_map(table, (Slice){table->line.data, table->line.size - 1}, err);
}

static bool envelope_line_map(FilesTable *table, const Record *record, Err *err) {
    Slice rest, name, value;
    bool more = true;
    Buf *out = &table->encoder->out;
    buf_reset(out);
    TRY(JSON_FORMAT.append(table->encoder, record, err));
    ASSERT(line_open((Slice){out->data, out->size - 1}, &rest));
    while (line_member(&rest, &name, &value, &more) && more) {
        if (slice_is(name, "after")) {
            return members_map(table, value, err);
        }
    }
    UNREACHABLE();
}

// Into table->values; *row: those of the record.
static bool row_map(FilesTable *table, Arena *scratch, const Schema *schema, const Event *event, const Value **row,
                    Err *err) {
    Record record = {.event = event, .schema = schema};
    const Rules *rules = &table->compare->rules;
    TRY(rules->envelope->make(table->plan, scratch, event, &record, err));
    *row = record.value;
    if (!rules->envelope_takes_events) {
        *row = record.value[shape_find(table->plan->value, SLICE("after"))].items.at;
    }
    if (table->form == FILES_JSON) {
        return envelope_line_map(table, &record, err);
    }
    memcpy(table->values, *row, table->record.field_count * sizeof(Value));
    return true;
}

// What the envelope has for values that did not travel: other than for NULL, and only in columns that have a form of
// it.
static bool placeholders_make(FilesTable *table, const Schema *schema, Err *err) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    uint32_t count = table->record.field_count;
    Value *values = ARENA_ARRAY(table->run, Value, schema->column_count), *made[2];
    Event event = {.op = OP_READ, .after = values, .column_count = schema->column_count};
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        const Value *row = NULL;
        for (uint32_t j = 0; j < schema->column_count; j++) {
            values[j] = (Value){.kind = i == 0 ? VALUE_NULL : VALUE_UNCHANGED};
        }
        TRY(row_map(table, &scratch, schema, &event, &row, err));
        made[i] = ARENA_ARRAY(table->run, Value, count + 1U);
        for (uint32_t j = 0; j < count; j++) {
            made[i][j] = value_copy(table->run, &table->values[j]);
        }
    }
    for (uint32_t j = 0; j < count; j++) {
        if (value_equal(&made[0][j], &made[1][j])) {
            made[1][j] = (Value){.kind = VALUE_NULL};
        }
    }
    table->placeholders = made[1];
    return true;
}

static bool record_make(FilesTable *table, const Schema *schema, Err *err) {
    TRY(mapping_make(table, schema, err));
    bool flat = table->compare->rules.envelope_takes_events;
    const Shape *value = table->row, *key = table->plan->key;
    uint32_t count = flat ? schema->column_count : value->field_count;
    if (key == NULL) {
        FAIL(err, ERR_TABLE, "it has no key, and its files hold changes: which of them count cannot be told");
        return err_hint(err, "give the table a primary key, or a replica identity by index");
    }
    ShapeField *fields = ARENA_ARRAY(table->run, ShapeField, count);
    for (uint32_t i = 0; i < count; i++) {
        const ShapeField *field = &value->fields[i];
        fields[i] = table->form == FILES_JSON ? text_field(table->run, field->name)
                                              : (ShapeField){.name = arena_slice(table->run, field->name),
                                                             .shape = shape_copy(table->run, &field->shape)};
    }
    table->record = (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = count};
    table->key_count = key->field_count;
    table->key = ARENA_ARRAY(table->run, int32_t, table->key_count);
    for (uint32_t i = 0; i < table->key_count; i++) {
        table->key[i] = shape_find(value, key->fields[i].name);
    }
    table->values = ARENA_ARRAY(table->run, Value, count + 1U);
    return flat || placeholders_make(table, schema, err);
}

static bool table_read(FilesTable *table, const Schema *schema, Err *err) {
    if (schema == NULL) {
        return FAIL(err, ERR_TABLE, "it has no partition that could have rows");
    }
    return files_find(table, err) && form_choose(table, err) && record_make(table, schema, err);
}

bool objects_compare_table(void *opened, Slice topic, const Schema *schema, Arena *arena, SinkCompareTable *shown,
                           Err *err) {
    FilesCompare *compare = opened;
    const PlanTopic *found = topic_find(compare, topic);
    if (found == NULL) {
        return FAIL(err, ERR_NOT_FOUND, "no file of the topic %.*s was published", SLICE_ARG(topic));
    }
    FilesTable *table = calloc(1, sizeof(*table));
    ASSERT(table != NULL);
    table->compare = compare;
    table->topic = found;
    arena_init_small(table->run, "run", 4096);
    arena_init_small(table->shape, "shape", 4096);
    *shown = (SinkCompareTable){.state = table};
    if (!table_read(table, schema, err)) {
        objects_compare_table_close(shown);
        return err_frame(err, __FILE__, __LINE__);
    }
    Shape *record = ARENA_NEW(arena, Shape);
    *record = shape_copy(arena, &table->record);
    int32_t *key = ARENA_ARRAY(arena, int32_t, table->key_count);
    memcpy(key, table->key, table->key_count * sizeof(*key));
    *shown = (SinkCompareTable){.record = record, .key = key, .key_count = table->key_count, .state = table};
    return true;
}

void objects_compare_table_close(SinkCompareTable *shown) {
    FilesTable *table = shown->state;
    if (table == NULL) {
        return;
    }
    changes_free(table->changes);
    map_release(&table->by_name);
    buf_release(&table->line);
    if (table->encoder != NULL) {
        JSON_FORMAT.close(table->encoder);
    }
    arena_release(table->run);
    arena_release(table->shape);
    free(table);
    shown->state = NULL;
}

// Another schema among the rows of one table: of a partition. What is compared must stay the same.
static bool mapping_again(FilesTable *table, const Schema *schema, Err *err) {
    TRY(mapping_make(table, schema, err));
    bool flat = table->compare->rules.envelope_takes_events;
    bool same = (flat ? schema->column_count : table->row->field_count) == table->record.field_count;
    for (uint32_t i = 0; same && table->form != FILES_JSON && i < table->record.field_count; i++) {
        same = slice_equal(table->row->fields[i].name, table->record.fields[i].name);
    }
    return same || FAIL(err, ERR_TABLE, "its partitions have different columns");
}

// Values that are NULL in the record, and not at the source.
static void lost_count(const FilesTable *table, const Schema *schema, const Event *event, const Value *row,
                       uint64_t *lost) {
    uint32_t place = 0;
    for (uint32_t i = 0; i < table->record.field_count; i++, place++) {
        while (place < schema->column_count && !slice_equal(schema->columns[place].name, table->row->fields[i].name)) {
            place++; // Debezium's row has not all columns
        }
        if (place < schema->column_count && row[i].kind == VALUE_NULL && !value_is_absent(&event->after[place])) {
            lost[i]++;
        }
    }
}

bool objects_compare_map(const SinkCompareTable *shown, Arena *scratch, const Schema *schema, const Event *event,
                         const Value **values, uint64_t *lost, uint64_t *inexact, Err *err) {
    FilesTable *table = shown->state;
    TRY(schema == table->schema || mapping_again(table, schema, err));
    *values = table->values;
    if (table->form == FILES_JSON && table->placeholders == NULL) {
        return line_map(table, event, err);
    }
    uint64_t before = table->plan->inexact;
    const Value *row = NULL;
    TRY(row_map(table, scratch, schema, event, &row, err));
    *inexact += table->plan->inexact - before;
    if (lost != NULL) {
        lost_count(table, schema, event, row, lost);
    }
    return true;
}

// --- the files' rows -------------------------------------------------------------------------------------------

static bool files_take(FilesTable *table, Err *err) {
    const FilesCompare *compare = table->compare;
    FilesRead read = {.store = compare->store,
                      .record = &table->record,
                      .key = table->key,
                      .key_count = table->key_count,
                      .placeholders = table->placeholders,
                      .changes = table->changes,
                      .stop = compare->how.stop,
                      .throttle = compare->how.throttle};
    for (size_t i = 0; i < table->count; i++) {
        const FoundFile *file = &table->files[i];
        TRY(files_read(&read, file->name, file->size, i, files_form(slice_of(file->name)), err));
    }
    return true;
}

bool objects_compare_rows(const SinkCompareTable *shown,
                          bool (*row)(void *context, const SinkCompareRow *row, Err *err), void *context, Err *err) {
    FilesTable *table = shown->state;
    if (table->changes == NULL) {
        ChangesOptions options = {.directory = table->compare->spill,
                                  .record = &table->record,
                                  .key = table->key,
                                  .key_count = table->key_count,
                                  .limit = table->compare->how.limit};
        TRY(changes_new(&options, &table->changes, err) && files_take(table, err));
        CRASH_POINT("verify.files_read");
    }
    return changes_rows(table->changes, row, context, err);
}
