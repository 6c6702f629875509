// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/compare.h"

#include "core/sys/random.h"
#include "flow/sink/iceberg/memory.h"
#include "flow/sink/iceberg/places.h"
#include "flow/sink/iceberg/rebuild.h"
#include "lake/iceberg/rows.h"

typedef struct KnownTable {
    TableName name;
} KnownTable;

typedef struct LakeCompare {
    LakeOptions options;
    Lake lake;
    Arena run[1];
    const char *tag;
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
    Shape record;
    Value *values; // of one source row
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
    table->ids = ARENA_ARRAY(table->run, int32_t, all + 1);
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
    if (mapping->deleted >= 0) {
        table->ids[count] = mapping->schema.shape->fields[mapping->deleted].shape.id;
    }
    table->values = ARENA_ARRAY(table->run, Value, count + 1);
    Shape *shape = ARENA_NEW(table->run, Shape);
    *shape = shape_copy(table->run, mapping->schema.shape);
    table->columns = (TableSchema){.id = mapping->schema.id, .shape = shape};
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
    if (table->append) {
        FAIL(err, ERR_TABLE, "its rows are changes (mode=append), not the rows of the source");
        return err_hint(err, "compare a table of mode=upsert");
    }
    if (schema == NULL) {
        columns_of_table(table);
        return true;
    }
    TRY(mapping_of(table, schema, err));
    columns_choose(table);
    return true;
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
    shown->key_count = table->mapping.full_row ? 0 : table->mapping.key_count;
    int32_t *key = ARENA_ARRAY(arena, int32_t, shown->key_count);
    if (shown->key_count > 0) {
        memcpy(key, table->key, shown->key_count * sizeof(*key));
    }
    shown->key = key;
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

static bool file_rows(void *context, const ManifestEntry *entry, Err *err) {
    RowsRun *run = context;
    ComparedTable *table = run->table;
    if (entry->file.content != CONTENT_DATA) {
        return true;
    }
    LakeRead how = {.table = table_metadata(table->table),
                    .schema = &table->columns,
                    .ids = table->ids,
                    .count = table->record.field_count + (table->mapping.deleted >= 0 ? 1 : 0),
                    .deleted = lake_deletes_of(run->deletes, entry->file.path),
                    .sequence = -1};
    LakeRows *rows = NULL;
    TRY(lake_rows_open(table->compare->lake.io, &entry->file, &how, &rows, err));
    bool ok = rows_give(run, rows, entry->file.path, err);
    lake_rows_close(rows);
    return ok;
}

bool lake_compare_rows(const SinkCompareTable *shown, bool (*row)(void *context, const SinkCompareRow *row, Err *err),
                       void *context, Err *err) {
    ComparedTable *table = shown->state;
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
