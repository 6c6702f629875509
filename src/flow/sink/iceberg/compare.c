// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/compare.h"

#include "core/sys/file.h"
#include "core/sys/random.h"
#include "flow/sink/changes.h"
#include "flow/sink/iceberg/memory.h"
#include "flow/sink/iceberg/places.h"
#include "flow/sink/iceberg/rebuild.h"
#include "lake/iceberg/rows.h"

// Leat's own columns of a change.
enum { OWN_OP, OWN_COMMIT_LSN, OWN_ORDINAL, OWN_UNCHANGED, OWN_KEY_BEFORE, OWN_COUNT };
static const char *const OWN_NAMES[OWN_COUNT] = {"__op", "__commit_lsn", "__ordinal", "__unchanged", "__key_before"};

typedef struct KnownTable {
    TableName name;
} KnownTable;

typedef struct LakeCompare {
    LakeOptions options;
    Lake lake;
    Arena run[1];
    const char *tag, *spill;
    uint64_t limit;
    Map tables; // by topic: KnownTable
} LakeCompare;

typedef struct ComparedTable {
    LakeCompare *compare;
    Table *table;
    const Snapshot *snapshot; // NULL: the table was empty
    bool append;
    Arena run[1];
    Arena shape[1]; // of the mapping; the source's thread
    Mapping mapping;
    const Schema *schema; // that the mapping is of; NULL = of none
    TableSchema columns;  // the rows' as they are read
    int32_t *ids;         // one a field of the record
    int32_t *from;        // likewise: place in the flat record
    int32_t *key;
    size_t key_count;
    Shape record;
    Value *values; // of one source row
    // mode=append: its rows are changes, of which the newest of each key counts. What is read behind the record's
    // fields:
    int32_t own[OWN_COUNT]; // places of leat's columns, -1 = it has no such
    Shape named;            // the record with the names that changes know its columns by
    Value *change;          // one a field of it
    Changes *changes;       // NULL: they were not read yet
} ComparedTable;

// --- the lake --------------------------------------------------------------------------------------------------

static bool known_visit(void *context, TableName name, const CatalogTable *found, const TableMetadata *metadata,
                        Err *err) {
    LakeCompare *compare = context;
    KnownTable *known = ARENA_NEW(compare->run, KnownTable);
    known->name = (TableName){arena_slice(compare->run, name.space), arena_slice(compare->run, name.table)};
    Slice topic = table_property(metadata, "leat.topic");
    if (topic.size > 0) {
        map_put(&compare->tables, topic, known);
    }
    return true;
}

static bool compare_places(LakeCompare *compare, const SinkContext *context, Err *err) {
    LakePlaces places = {.url = context->url,
                         .catalog = compare->options.catalog,
                         .data_directory = context->data_directory,
                         .owner = arena_printf(compare->run, "verify-%016" PRIx64, random_number()),
                         .staging_directory = arena_printf(compare->run, "%s/staging-verify", context->state_directory),
                         .s3 = &compare->options.s3,
                         .rest = &compare->options.rest};
    if (!lake_places_exist(&places)) {
        return true; // nothing was ever written
    }
    return lake_places_open(&places, compare->run, &compare->lake.io, &compare->lake.catalog, err) &&
           lake_own_tables(&compare->lake, known_visit, compare, err);
}

bool lake_compare_open(const SinkContext *context, const SinkCompareOptions *options, void **opened, Err *err) {
    LakeCompare *compare = calloc(1, sizeof(*compare));
    ASSERT(compare != NULL);
    arena_init(compare->run, "run", 0);
    compare->options = *(const LakeOptions *)context->options;
    compare->tag = arena_printf(compare->run, "%s", options->tag);
    compare->limit = options->limit;
    compare->spill = arena_printf(compare->run, "%s/compare", context->state_directory);
    compare->lake = (Lake){.options = &compare->options,
                           .pipeline = arena_printf(compare->run, "%s", context->pipeline),
                           .append = strcmp(compare->options.mode, "append") == 0};
    if (!compare_places(compare, context, err)) {
        lake_compare_close(compare);
        return err_frame(err, __FILE__, __LINE__);
    }
    *opened = compare;
    return true;
}

void lake_compare_close(void *opened) {
    LakeCompare *compare = opened;
    if (compare == NULL) {
        return;
    }
    Err ignored[1] = {{0}};
    (void)!file_remove_tree(compare->spill, ignored);
    map_release(&compare->tables);
    if (compare->lake.catalog != NULL) {
        catalog_close(compare->lake.catalog);
    }
    if (compare->lake.io != NULL) {
        lake_io_close(compare->lake.io);
    }
    arena_release(compare->run);
    free(compare);
}

// --- a table ---------------------------------------------------------------------------------------------------

static bool mapping_of(ComparedTable *table, const Schema *schema, Err *err) {
    const TableMetadata *metadata = table_metadata(table->table);
    LakeTable like = {.lake = &table->compare->lake, .append = table->append};
    MappingOptions how = lake_mapping_options(&like, metadata->format_version);
    how.envelope.fail_on_inexact = false; // such a value is not in the table: that is what is to be found out
    how.numbers = table_property(metadata, "leat.columns");
    arena_reset(table->shape);
    TRY(mapping_make(table->shape, schema, table_schema_current(metadata), metadata->last_column_id, &how,
                     &table->mapping, err));
    table->schema = schema;
    return true;
}

// Columns that the source has; what was dropped there, and leat's own, is not compared.
static bool compared(const Mapping *mapping, uint32_t field) {
    return mapping->from[field] >= 0 && (size_t)mapping->from[field] < mapping->column_count;
}

// Deleted rows stay where that is asked for, with a mark: they are read, too, to be left out.
static void columns_choose(ComparedTable *table) {
    const Mapping *mapping = &table->mapping;
    uint32_t all = mapping->schema.shape->field_count, count = 0;
    ShapeField *fields = ARENA_ARRAY(table->run, ShapeField, all);
    table->ids = ARENA_ARRAY(table->run, int32_t, all + OWN_COUNT);
    table->from = ARENA_ARRAY(table->run, int32_t, all);
    table->key = ARENA_ARRAY(table->run, int32_t, mapping->key_count);
    for (uint32_t i = 0; i < all; i++) {
        const ShapeField *field = &mapping->schema.shape->fields[i];
        if (!compared(mapping, i)) {
            continue;
        }
        fields[count] = (ShapeField){arena_slice(table->run, field->name), shape_copy(table->run, &field->shape), {0}};
        table->ids[count] = field->shape.id;
        table->from[count] = mapping->from[i];
        for (size_t j = 0; j < mapping->key_count; j++) {
            if (mapping->key[j] == (int32_t)i) {
                table->key[j] = (int32_t)count;
            }
        }
        count++;
    }
    table->record = (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = count};
    table->key_count = mapping->full_row ? 0 : mapping->key_count;
    if (mapping->deleted >= 0) {
        table->ids[count] = mapping->schema.shape->fields[mapping->deleted].shape.id;
    }
    table->values = ARENA_ARRAY(table->run, Value, count + 1);
    Shape *shape = ARENA_NEW(table->run, Shape);
    *shape = shape_copy(table->run, mapping->schema.shape);
    table->columns = (TableSchema){.id = mapping->schema.id, .shape = shape};
}

// A change's own columns are read behind those of the row.
static bool changes_choose(ComparedTable *table, Err *err) {
    const Mapping *mapping = &table->mapping;
    const Shape *record = mapping->plan->value, *key = mapping->plan->key;
    uint32_t count = table->record.field_count, read = count;
    if (key == NULL) {
        FAIL(err, ERR_TABLE,
             "its rows are changes (mode=append), and it has no key that would tell which of them count");
        return err_hint(err, "give the table a primary key, or a replica identity by index");
    }
    for (int i = 0; i < OWN_COUNT; i++) {
        int32_t flat = shape_find(record, slice_of(OWN_NAMES[i]));
        table->own[i] = -1;
        for (uint32_t j = 0; j < mapping->schema.shape->field_count && flat >= 0; j++) {
            if (mapping->from[j] == flat) {
                table->ids[read] = mapping->schema.shape->fields[j].shape.id;
                table->own[i] = (int32_t)read++;
            }
        }
        TRY(table->own[i] >= 0 || i >= OWN_UNCHANGED || FAIL(err, ERR_TABLE, "it has no column %s", OWN_NAMES[i]));
    }
    ShapeField *fields = ARENA_ARRAY(table->run, ShapeField, count);
    for (uint32_t i = 0; i < count; i++) {
        fields[i] = table->record.fields[i];
        fields[i].name = arena_slice(table->run, record->fields[table->from[i]].name);
    }
    table->named = (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = count};
    table->change = ARENA_ARRAY(table->run, Value, count + 1);
    table->key_count = key->field_count;
    table->key = ARENA_ARRAY(table->run, int32_t, key->field_count);
    for (uint32_t i = 0; i < key->field_count; i++) {
        table->key[i] = shape_find(&table->named, key->fields[i].name);
        TRY(table->key[i] >= 0 || FAIL(err, ERR_TABLE, "it has no column %.*s", SLICE_ARG(key->fields[i].name)));
    }
    return true;
}

// The source has no rows: all that the table has is too much, by its own key.
static void columns_of_table(ComparedTable *table) {
    const TableSchema *schema = table_schema_current(table_metadata(table->table));
    Shape *shape = ARENA_NEW(table->run, Shape);
    *shape = shape_copy(table->run, schema->shape);
    table->columns = (TableSchema){.id = schema->id, .shape = shape};
    table->record = *shape;
    table->ids = ARENA_ARRAY(table->run, int32_t, shape->field_count + 1);
    table->key = ARENA_ARRAY(table->run, int32_t, schema->identifier_count);
    table->key_count = schema->identifier_count;
    table->mapping = (Mapping){.key_count = schema->identifier_count, .deleted = -1};
    uint32_t count = 0;
    for (uint32_t i = 0; i < shape->field_count; i++) {
        table->ids[i] = shape->fields[i].shape.id;
        if (slice_is(shape->fields[i].name, "__deleted")) {
            table->mapping.deleted = (int32_t)i;
        }
        for (size_t j = 0; j < schema->identifier_count; j++) {
            if (schema->identifier_ids[j] == table->ids[i]) {
                table->key[j] = (int32_t)i;
            }
        }
        count++;
    }
    if (table->mapping.deleted >= 0) {
        table->ids[count] = table->ids[table->mapping.deleted];
    }
}

static bool table_read(ComparedTable *table, const KnownTable *known, const Schema *schema, Err *err) {
    LakeCompare *compare = table->compare;
    CatalogTable found;
    TRY(catalog_load(compare->lake.catalog, known->name, table->run, &found, err));
    TRY(table_open(compare->lake.io, found.metadata_json, found.metadata_file, &table->table, err));
    const TableMetadata *metadata = table_metadata(table->table);
    const SnapshotRef *ref = table_ref_find(metadata, slice_of(compare->tag));
    table->snapshot = ref != NULL ? table_snapshot_find(metadata, ref->snapshot_id) : NULL;
    table->append = slice_is(table_property(metadata, "leat.mode"), "append");
    if (schema == NULL) {
        columns_of_table(table);
        return !table->append || FAIL(err, ERR_TABLE, "it has no partition that could have rows");
    }
    TRY(mapping_of(table, schema, err));
    columns_choose(table);
    return !table->append || changes_choose(table, err);
}

// Why what differs in it cannot be put right; NULL: it can.
static const char *irreparable(const ComparedTable *table) {
    return table->append ? "its rows are changes, which are history (mode=append): have it read again, leat resync"
           : table->mapping.key_count == 0
               ? "without a key its rows cannot be found again: have it read again, leat resync"
               : NULL;
}

bool lake_compare_table(void *opened, Slice topic, const Schema *schema, Arena *arena, SinkCompareTable *shown,
                        Err *err) {
    LakeCompare *compare = opened;
    const KnownTable *known = map_find(&compare->tables, topic);
    if (known == NULL) {
        return FAIL(err, ERR_NOT_FOUND, "the lake has no table of the topic %.*s", SLICE_ARG(topic));
    }
    ComparedTable *table = calloc(1, sizeof(*table));
    ASSERT(table != NULL);
    table->compare = compare;
    arena_init_small(table->run, "run", 4096);
    arena_init_small(table->shape, "shape", 4096);
    *shown = (SinkCompareTable){.state = table};
    if (!table_read(table, known, schema, err)) {
        lake_compare_table_close(shown);
        return err_frame(err, __FILE__, __LINE__);
    }
    Shape *record = ARENA_NEW(arena, Shape);
    *record = shape_copy(arena, &table->record);
    shown->record = record;
    shown->key_count = table->key_count;
    shown->irreparable = irreparable(table);
    int32_t *key = ARENA_ARRAY(arena, int32_t, shown->key_count);
    if (shown->key_count > 0) {
        memcpy(key, table->key, shown->key_count * sizeof(*key));
    }
    shown->key = key;
    if (table->mapping.full_row && schema != NULL) {
        int32_t *bag = ARENA_ARRAY(arena, int32_t, table->mapping.key_count);
        memcpy(bag, table->key, table->mapping.key_count * sizeof(*bag));
        shown->bag = bag;
        shown->bag_count = table->mapping.key_count;
    }
    shown->rows = table->snapshot != NULL ? lake_number(snapshot_summary(table->snapshot, "total-records")) : 0;
    return true;
}

void lake_compare_table_close(SinkCompareTable *shown) {
    ComparedTable *table = shown->state;
    if (table == NULL) {
        return;
    }
    if (table->table != NULL) {
        table_close(table->table);
    }
    changes_free(table->changes);
    arena_release(table->run);
    arena_release(table->shape);
    free(table);
    shown->state = NULL;
}

// --- the source's rows -----------------------------------------------------------------------------------------

// Another schema among the rows of one table: of a partition. What is compared must stay the same.
static bool mapping_again(ComparedTable *table, const Schema *schema, Err *err) {
    if (table->schema != NULL && schema_equal(schema, table->schema)) {
        table->schema = schema;
        return true;
    }
    TRY(mapping_of(table, schema, err));
    const Shape *shape = table->mapping.schema.shape;
    uint32_t count = 0;
    for (uint32_t i = 0; i < shape->field_count; i++) {
        if (compared(&table->mapping, i)) {
            bool same = count < table->record.field_count && table->ids[count] == shape->fields[i].shape.id;
            TRY(same || FAIL(err, ERR_TABLE, "its partitions have different columns"));
            table->from[count++] = table->mapping.from[i];
        }
    }
    return count == table->record.field_count || FAIL(err, ERR_TABLE, "its partitions have different columns");
}

static void lost_note(const ComparedTable *table, const Event *event, uint64_t *lost) {
    for (uint32_t i = 0; i < table->record.field_count; i++) {
        lost[i] += table->values[i].kind == VALUE_NULL && !value_is_absent(&event->after[table->from[i]]);
    }
}

bool lake_compare_map(const SinkCompareTable *shown, Arena *scratch, const Schema *schema, const Event *event,
                      const Value **values, uint64_t *lost, uint64_t *inexact, Err *err) {
    ComparedTable *table = shown->state;
    TRY(schema == table->schema || mapping_again(table, schema, err));
    RecordPlan *plan = table->mapping.plan;
    Record record = {.event = event, .schema = schema};
    uint64_t before = plan->inexact;
    TRY(FLAT_ENVELOPE.make(plan, scratch, event, &record, err));
    for (uint32_t i = 0; i < table->record.field_count; i++) {
        table->values[i] = record.value[table->from[i]];
    }
    if (UNLIKELY(plan->inexact != before)) {
        *inexact += plan->inexact - before;
        if (lost != NULL) {
            lost_note(table, event, lost);
        }
    }
    *values = table->values;
    return true;
}

// --- the lake's rows -------------------------------------------------------------------------------------------

typedef struct RowsRun {
    ComparedTable *table;
    const LakeDeletes *deletes;
    bool (*row)(void *context, const SinkCompareRow *row, Err *err);
    void *context;
} RowsRun;

static bool rows_give(RowsRun *run, LakeRows *rows, Slice path, Err *err) {
    const ComparedTable *table = run->table;
    bool marked = table->mapping.deleted >= 0;
    SinkCompareRow row = {.file = path};
    for (;;) {
        TRY(lake_rows_next(rows, &row.values, &row.position, err));
        if (row.values == NULL) {
            return true;
        }
        if (marked && row.values[table->record.field_count].kind == VALUE_TRUE) {
            continue;
        }
        TRY(run->row(run->context, &row, err));
    }
}

static size_t columns_read(const ComparedTable *table) {
    size_t count = table->record.field_count + (table->mapping.deleted >= 0 ? 1 : 0);
    for (int i = 0; i < OWN_COUNT && table->append; i++) {
        count += table->own[i] >= 0;
    }
    return count;
}

// mode=append: each is a change.
static bool change_row(void *context, const SinkCompareRow *row, Err *err) {
    ComparedTable *table = context;
    const Value *own[OWN_COUNT];
    for (int i = 0; i < OWN_COUNT; i++) {
        own[i] = table->own[i] >= 0 ? &row->values[table->own[i]] : NULL;
    }
    memcpy(table->change, row->values, table->record.field_count * sizeof(Value));
    ChangeRow change = {.op = own[OWN_OP]->kind == VALUE_STRING ? own[OWN_OP]->bytes : (Slice){0},
                        .lsn = (uint64_t)own[OWN_COMMIT_LSN]->integer,
                        .ordinal = (uint64_t)own[OWN_ORDINAL]->integer,
                        .values = table->change,
                        .unchanged = own[OWN_UNCHANGED],
                        .before = own[OWN_KEY_BEFORE],
                        .position = row->position};
    return changes_add(table->changes, &change, err) || err_prefix(err, "%.*s", SLICE_ARG(row->file));
}

static bool file_rows(void *context, const ManifestEntry *entry, Err *err) {
    RowsRun *run = context;
    ComparedTable *table = run->table;
    if (entry->file.content != CONTENT_DATA) {
        return true;
    }
    LakeRead how = {.table = table_metadata(table->table),
                    .schema = &table->columns,
                    .ids = table->ids,
                    .count = columns_read(table),
                    .deleted = lake_deletes_of(run->deletes, entry->file.path),
                    .sequence = -1};
    LakeRows *rows = NULL;
    TRY(lake_rows_open(table->compare->lake.io, &entry->file, &how, &rows, err));
    bool ok = rows_give(run, rows, entry->file.path, err);
    lake_rows_close(rows);
    return ok;
}

static bool table_rows(ComparedTable *table, bool (*row)(void *context, const SinkCompareRow *row, Err *err),
                       void *context, Err *err) {
    if (table->snapshot == NULL) {
        return true;
    }
    LakeDeletes *deletes = NULL;
    TRY(lake_deletes_load(table->compare->lake.io, table->table, table->snapshot, &deletes, err));
    RowsRun run = {.table = table, .deletes = deletes, .row = row, .context = context};
    bool ok = table_each_file(table->table, table->snapshot, false, file_rows, &run, err);
    lake_deletes_free(deletes);
    return ok;
}

bool lake_compare_rows(const SinkCompareTable *shown, bool (*row)(void *context, const SinkCompareRow *row, Err *err),
                       void *context, Err *err) {
    ComparedTable *table = shown->state;
    if (!table->append) {
        return table_rows(table, row, context, err);
    }
    if (table->changes == NULL) {
        ChangesOptions options = {.directory = table->compare->spill,
                                  .record = &table->named,
                                  .key = table->key,
                                  .key_count = table->key_count,
                                  .limit = table->compare->limit};
        TRY(changes_new(&options, &table->changes, err) && table_rows(table, change_row, table, err));
    }
    return changes_rows(table->changes, row, context, err);
}
