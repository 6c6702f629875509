// SPDX-License-Identifier: Apache-2.0
// Finding a table in the catalog, or making it; its files and its index.
#include "core/base/log.h"
#include "core/base/json.h"
#include "core/sys/clock.h"
#include "core/sys/random.h"
#include "flow/sink/iceberg/adopt.h"
#include "flow/sink/iceberg/memory.h"
#include "flow/sink/iceberg/moved.h"
#include "flow/sink/iceberg/rebuild.h"
#include "flow/sink/iceberg/repair.h"
#include "flow/sink/iceberg/toast.h"
#include "flow/sink/iceberg/writer.h"
#include "lake/iceberg/partition.h"

enum { NAMES_TRIED = 100 };

// --- what is there ---------------------------------------------------------------------------------------------

MappingOptions lake_mapping_options(const LakeTable *table, int32_t format_version) {
    const Lake *lake = table->lake;
    const LakeOptions *options = lake->options;
    return (MappingOptions){
        .append = table->append,
        .soft = strcmp(options->deletes, "soft") == 0,
        .full_row = strcmp(options->key, "full-row") == 0,
        .suffix = strcmp(options->type_change, "suffix") == 0,
        .format_version = format_version,
        .envelope = {.connector = slice_of(lake->pipeline),
                     .fail_on_inexact = strcmp(options->inexact, "fail") == 0 || strcmp(options->inexact, "aside") == 0,
                     .exact_text = strcmp(options->inexact, "text") == 0}};
}

// Ours: of this pipeline and this table of the source.
typedef enum Ownership { OWN_OURS, OWN_SIBLING, OWN_FOREIGN } Ownership;

static Ownership ownership(const LakeTable *table, const TableMetadata *metadata, const char *source) {
    bool pipeline = slice_is(table_property(metadata, "leat.pipeline"), table->lake->pipeline);
    bool same = slice_is(table_property(metadata, "leat.source-table"), source);
    return pipeline && same ? OWN_OURS : pipeline ? OWN_SIBLING : OWN_FOREIGN;
}

static bool foreign(const LakeTable *table, Err *err) {
    FAIL(err, ERR_EXISTS, "table %.*s.%.*s is in the catalog already, and not one that pipeline %s has made",
         SLICE_ARG(table->name.space), SLICE_ARG(table->name.table), table->lake->pipeline);
    return err_hint(
        err,
        "have it taken over (--adopt %.*s.%.*s), or give the new one another name (rename=%.*s=NAME) or its "
        "own namespace (namespace=…)",
        SLICE_ARG(table->name.space), SLICE_ARG(table->name.table), SLICE_ARG(table->source_table));
}

// What the table has is counted by offsets of a journal that this data directory does not have.
static bool lost(const LakeTable *table, Err *err) {
    FAIL(err, ERR_EXISTS,
         "table %.*s.%.*s was written by a pipeline %s whose data directory is another one or was lost",
         SLICE_ARG(table->name.space), SLICE_ARG(table->name.table), table->lake->pipeline);
    return err_hint(
        err,
        "use that data directory or a backup of it; or have the table taken over (--adopt %.*s.%.*s); or give "
        "this pipeline another --name and namespace",
        SLICE_ARG(table->name.space), SLICE_ARG(table->name.table));
}

static bool is_elsewhere(const LakeTable *table, Arena *scratch) {
    Err absent[1] = {{0}};
    LakeWhere where = LAKE_HERE;
    return lake_where(table->lake, table->name, scratch, &where, absent) && where == LAKE_ELSEWHERE;
}

// Tables that differ in case only, or in what a name cannot hold, would have one name: the later one gets a number.
// *take: it is to be taken over.
static bool table_find(LakeTable *table, const char *source, Arena *scratch, CatalogTable *found, bool *exists,
                       bool *take, Err *err) {
    Slice wanted = table->name.table;
    for (int i = 1; i <= NAMES_TRIED; i++) {
        if (i > 1) {
            table->name.table = slice_of(arena_printf(table->run, "%.*s_%d", SLICE_ARG(wanted), i));
        }
        TRY(!is_elsewhere(table, scratch) || foreign(table, err));
        *exists = catalog_load(table->lake->catalog, table->name, scratch, found, err);
        if (!*exists) {
            if (err->code != ERR_NOT_FOUND) {
                return err_frame(err, __FILE__, __LINE__);
            }
            err_clear(err);
            return true;
        }
        TableMetadata metadata;
        TRY(lake_metadata_parse(table->name, found, scratch, &metadata, err));
        Ownership own = ownership(table, &metadata, source);
        bool same = slice_is(table_property(&metadata, "leat.owner"), table->lake->owner);
        *take = own != OWN_SIBLING && !(own == OWN_OURS && same) &&
                lake_adopts(table->lake->options, table->name.space, table->name.table);
        if (own == OWN_OURS) {
            return same || *take || lost(table, err);
        }
        if (own == OWN_FOREIGN) {
            return *take || foreign(table, err);
        }
    }
    return FAIL(err, ERR_EXISTS, "there are too many tables named like %.*s", SLICE_ARG(wanted));
}

// --- making it -------------------------------------------------------------------------------------------------

static bool spec_make(const LakeTable *table, const TableSchema *schema, Arena *scratch, PartitionSpec *spec,
                      Err *err) {
    const char *text = lake_partition_text(table->lake->options, table->source_space, table->source_table, scratch);
    *spec = (PartitionSpec){0};
    int32_t last = ICEBERG_PARTITION_ID_FIRST - 1;
    if (text[0] != '\0' && !partition_spec_of_text(text, schema, &last, scratch, spec, err)) {
        return err_prefix(err, "partition.by, table %.*s", SLICE_ARG(table->source_table));
    }
    return true;
}

// Rows that cannot be found again cannot be changed in place: such a table takes its changes as they come.
static bool mode_choose(LakeTable *table, const Schema *schema, Arena *scratch, Mapping *mapping, Err *err) {
    int32_t version = (int32_t)table->lake->options->format_version;
    table->append = table->lake->append;
    MappingOptions how = lake_mapping_options(table, version);
    TRY(mapping_make(scratch, schema, NULL, 0, &how, mapping, err));
    if (table->append || mapping->key_count > 0 || schema->identity != IDENTITY_FULL) {
        return true;
    }
    log_warn(LOG_SINK, "a table without a key gets every change as a row", LOG_SLICE("table", table->name.table));
    table->append = true;
    how = lake_mapping_options(table, version);
    return mapping_make(scratch, schema, NULL, 0, &how, mapping, err);
}

static bool has_comment(const Schema *schema) {
    return schema->comment.size > 0 && json_utf8_valid(schema->comment);
}

static bool table_create(LakeTable *table, const Schema *schema, const char *source, Arena *scratch, Err *err) {
    const LakeOptions *options = table->lake->options;
    Mapping mapping;
    PartitionSpec spec;
    TRY(mode_choose(table, schema, scratch, &mapping, err));
    TRY(spec_make(table, &mapping.schema, scratch, &spec, err));
    char uuid[37];
    random_uuid(uuid);
    Property properties[] = {
        {SLICE("leat.pipeline"), slice_of(table->lake->pipeline)},
        {SLICE("leat.source-table"), slice_of(source)},
        {SLICE("leat.namespace"), table->name.space}, // its name stands nowhere else in the warehouse
        {SLICE("leat.table"), table->name.table},
        {SLICE("leat.owner"), slice_of(table->lake->owner)},
        {SLICE("leat.topic"), table->topic},
        {SLICE("leat.mode"), slice_of(table->append ? "append" : "upsert")},
        {SLICE("write.parquet.compression-codec"), SLICE("zstd")},
        {SLICE("write.delete.mode"), SLICE("merge-on-read")},
        {SLICE("write.update.mode"), SLICE("merge-on-read")},
        {SLICE("write.merge.mode"), SLICE("merge-on-read")},
        {SLICE("write.metadata.delete-after-commit.enabled"), SLICE("true")},
        {SLICE("write.metadata.previous-versions-max"), SLICE("50")},
        {SLICE("comment"), schema->comment}, // the last: there may be none
    };
    size_t property_count = ARRAY_LEN(properties) - !has_comment(schema);
    TableUpdate updates[] = {
        {.action = UPDATE_ASSIGN_UUID, .text = slice_of(uuid)},
        {.action = UPDATE_UPGRADE_FORMAT_VERSION, .id = (int32_t)options->format_version},
        {.action = UPDATE_ADD_SCHEMA, .schema = mapping.schema},
        {.action = UPDATE_SET_CURRENT_SCHEMA, .id = -1},
        {.action = UPDATE_ADD_SPEC, .spec = spec},
        {.action = UPDATE_SET_DEFAULT_SPEC, .id = -1},
        {.action = UPDATE_ADD_SORT_ORDER},
        {.action = UPDATE_SET_DEFAULT_SORT_ORDER, .id = -1},
        {.action = UPDATE_SET_PROPERTIES, .properties = properties, .count = property_count},
    };
    TableRequirement create = {.kind = REQUIRE_CREATE};
    CatalogCommit commit = {.name = table->name, .change = {&create, 1, updates, ARRAY_LEN(updates)}};
    TRY(catalog_ensure_space(table->lake->catalog, table->name.space, err));
    return catalog_commit(table->lake->catalog, &commit, 1, -1, scratch, err);
}

// --- where it stands -------------------------------------------------------------------------------------------

uint64_t lake_number(Slice text) {
    uint64_t number = 0;
    for (size_t i = 0; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    return number;
}

// The property, if it was set since with no rows of its own.
static uint64_t offset_beside(const TableMetadata *metadata, const Snapshot *snapshot, uint64_t offset) {
    char id[24];
    snprintf(id, sizeof(id), "%" PRId64, snapshot->id);
    bool its = slice_is(table_property(metadata, "leat.offset-snapshot"), id);
    return its ? MAX(offset, lake_number(table_property(metadata, "leat.offset"))) : offset;
}

// The newest snapshot in the table's line that says so; where all of ours have been expired, the property.
static uint64_t committed_offset(const LakeTable *table) {
    const TableMetadata *metadata = table_metadata(table->table);
    const Snapshot *snapshot = table_snapshot_current(metadata);
    int64_t adopted = adopt_sequence(metadata);
    while (snapshot != NULL && snapshot->sequence_number > adopted) {
        Slice pipeline = snapshot_summary(snapshot, "leat.pipeline");
        Slice offset = snapshot_summary(snapshot, "leat.offset");
        if (slice_is(pipeline, table->lake->pipeline) && offset.data != NULL) {
            return offset_beside(metadata, snapshot, lake_number(offset));
        }
        snapshot = snapshot->parent_id >= 0 ? table_snapshot_find(metadata, snapshot->parent_id) : NULL;
    }
    return lake_number(table_property(metadata, "leat.offset"));
}

static bool table_state(LakeTable *table, Err *err) {
    table->committed = table->next = committed_offset(table);
    table->empty = table_snapshot_current(table_metadata(table->table)) == NULL;
    table->upkeep.again = !table->empty; // a run before may have left something to do
    return table->mapping.key_count == 0 || index_prepare(table, err);
}

static bool mapping_now(LakeTable *table, const Schema *schema, Err *err) {
    const TableMetadata *metadata = table_metadata(table->table);
    MappingOptions how = lake_mapping_options(table, metadata->format_version);
    how.numbers = table_property(metadata, "leat.columns");
    arena_reset(table->shape);
    table->schema = NULL;
    return mapping_make(table->shape, schema, table_schema_current(metadata), metadata->last_column_id, &how,
                        &table->mapping, err);
}

// What is told of the table that the lake does not have.
static bool says_more(const LakeTable *table, const Schema *schema) {
    Slice comment = table_property(table_metadata(table->table), "comment");
    return has_comment(schema) && !slice_equal(schema->comment, comment);
}

// Columns that the table lacks are added at once, before any row has them: a table with a column more is no other
// state.
static bool schema_commit(LakeTable *table, const Schema *schema, Arena *scratch, Err *err) {
    const TableMetadata *metadata = table_metadata(table->table);
    Property comment = {SLICE("comment"), schema->comment};
    TableUpdate updates[] = {{.action = UPDATE_ADD_SCHEMA, .schema = table->mapping.schema},
                             {.action = UPDATE_SET_CURRENT_SCHEMA, .id = -1},
                             {.action = UPDATE_SET_PROPERTIES, .properties = &comment, .count = has_comment(schema)}};
    TableRequirement requirements[] = {{.kind = REQUIRE_UUID, .text = metadata->uuid},
                                       {.kind = REQUIRE_LAST_FIELD_ID, .id = metadata->last_column_id},
                                       {.kind = REQUIRE_CURRENT_SCHEMA, .id = metadata->current_schema_id}};
    CatalogCommit commit = {.name = table->name,
                            .change = {requirements, ARRAY_LEN(requirements), updates, ARRAY_LEN(updates)}};
    TRY(catalog_commit(table->lake->catalog, &commit, 1, -1, scratch, err));
    CatalogTable found;
    TRY(catalog_load(table->lake->catalog, table->name, scratch, &found, err));
    return lake_table_refresh(table, &found, err);
}

bool lake_table_mapping(LakeTable *table, const Schema *schema, Err *err) {
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    bool ok = mapping_now(table, schema, err);
    if (ok && (table->mapping.changed || says_more(table, schema))) {
        ok = schema_commit(table, schema, scratch, err) && mapping_now(table, schema, err);
    }
    arena_release(scratch);
    TRY(ok);
    ASSERT(!table->mapping.changed);
    Slice before = table_property(table_metadata(table->table), "leat.columns");
    table->numbers = mapping_numbers(&table->mapping, schema, before, table->shape);
    table->row = ARENA_ARRAY(table->shape, Value, table->mapping.schema.shape->field_count);
    table->schema = schema;
    return true;
}

// As it is in the catalog, with its columns as they are to be.
static bool table_take_over(LakeTable *table, const Schema *schema, const char *source, CatalogTable *found,
                            Arena *scratch, Err *err) {
    TableMetadata metadata;
    Mapping mapping;
    TRY(mode_choose(table, schema, scratch, &mapping, err));
    TRY(table_metadata_parse(found->metadata_json, scratch, &metadata, err));
    MappingOptions how = lake_mapping_options(table, MAX(metadata.format_version, 2));
    TRY(mapping_make(scratch, schema, table_schema_current(&metadata), metadata.last_column_id, &how, &mapping, err));
    TRY(adopt_take_over(table, found, source, &mapping, scratch, err));
    return catalog_load(table->lake->catalog, table->name, scratch, found, err);
}

static bool table_load(LakeTable *table, const Schema *schema, bool create, Arena *scratch, Err *err) {
    const char *source =
        arena_printf(scratch, "%.*s.%.*s", SLICE_ARG(table->source_space), SLICE_ARG(table->source_table));
    CatalogTable found;
    bool exists = false, take = false;
    TRY(table_find(table, source, scratch, &found, &exists, &take, err));
    if (!exists && !create) {
        return true;
    }
    if (!exists) {
        TRY(table_create(table, schema, source, scratch, err));
        TRY(catalog_load(table->lake->catalog, table->name, scratch, &found, err));
    } else if (take && create) {
        TRY(table_take_over(table, schema, source, &found, scratch, err));
    }
    TRY(table_open(table->lake->io, found.metadata_json, found.metadata_file, &table->table, err));
    table->append = slice_is(table_property(table_metadata(table->table), "leat.mode"), "append");
    table->adopting = slice_is(table_property(table_metadata(table->table), "leat.adopting"), "true");
    TRY(lake_table_mapping(table, schema, err));
    return table_state(table, err);
}

bool lake_table_open(Lake *lake, Slice topic, const Schema *schema, bool create, LakeTable **opened, Err *err) {
    *opened = NULL;
    LakeTable *table = calloc(1, sizeof(*table));
    ASSERT(table != NULL);
    arena_init_small(table->run, "run", 1024);
    arena_init_small(table->batch, "batch", 1024);
    arena_init_small(table->shape, "shape", 4096);
    table->lake = lake;
    table->topic = arena_slice(table->run, topic);
    table->source_space = arena_slice(table->run, schema->space);
    table->source_table = arena_slice(table->run, schema->table);
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    LakeName name;
    bool ok = lake_name(lake->options, schema->space, schema->table, table->run, &name, err);
    table->name = (TableName){name.space, name.table};
    ok = ok && table_load(table, schema, create, scratch, err);
    arena_release(scratch);
    if (!ok) {
        lake_table_close(table);
        return err_prefix(err, "table %.*s.%.*s", SLICE_ARG(schema->space), SLICE_ARG(schema->table));
    }
    if (table->table == NULL) {
        lake_table_close(table);
        return true;
    }
    *opened = table;
    return true;
}

void lake_table_close(LakeTable *table) {
    moved_clear(table);
    writers_abort(table);
    toast_release(table);
    buf_release(&table->written);
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        data_file_free(e->value);
    }
    map_release(&table->files);
    map_release(&table->by_path);
    map_release(&table->writers);
    watch_release(table);
    buf_release(&table->pending.hashes);
    buf_release(&table->pending.now);
    buf_release(&table->pending.was);
    if (table->index != NULL) {
        index_close(table->index);
    }
    if (table->table != NULL) {
        table_close(table->table);
    }
    arena_release(table->run);
    arena_release(table->batch);
    arena_release(table->shape);
    free(table);
}
