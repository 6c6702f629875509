// SPDX-License-Identifier: Apache-2.0
// leat table sample: some live rows of a table, as JSON lines.
#include "data/format/json_file.h"
#include "lake/iceberg/rows.h"
#include "surface/cli/as_of.h"
#include "surface/cli/lake.h"
#include "surface/cli/output.h"
#include "surface/cli/when.h"

enum { ROWS_DEFAULT = 10 };

typedef struct Sample {
    const Cli *cli;
    CliLake lake;
    CliTable table;
    const Snapshot *snapshot;
    const TableSchema *schema;
    int32_t *ids; // of its columns
    LakeDeletes *deletes;
    FileEncoder *encoder;
    uint64_t left;
} Sample;

static bool rows_print(Sample *sample, LakeRows *rows, Err *err) {
    while (sample->left > 0) {
        const Value *values = NULL;
        uint64_t position = 0;
        TRY(lake_rows_next(rows, &values, &position, err));
        if (values == NULL) {
            return true;
        }
        Record record = {.value = values};
        TRY(JSON_FORMAT.append(sample->encoder, &record, err));
        sample->left--;
        output_write(&sample->encoder->out);
        buf_reset(&sample->encoder->out);
    }
    return true;
}

static bool file_visit(void *context, const ManifestEntry *entry, Err *err) {
    Sample *sample = context;
    if (entry->file.content != CONTENT_DATA || sample->left == 0) {
        return true;
    }
    const LakeRead how = {.table = sample->table.metadata,
                          .schema = sample->schema,
                          .ids = sample->ids,
                          .count = sample->schema->shape->field_count,
                          .deleted = lake_deletes_of(sample->deletes, entry->file.path),
                          .sequence = entry->sequence_number};
    LakeRows *rows = NULL;
    bool good = lake_rows_open(sample->lake.io, &entry->file, &how, &rows, err) && rows_print(sample, rows, err);
    lake_rows_close(rows);
    return good || err_prefix(err, "%.*s", SLICE_ARG(entry->file.path));
}

static bool count_take(const Cli *cli, Sample *sample, Err *err) {
    const char *text = cli_value(cli, "limit");
    When when = {.offset = ROWS_DEFAULT};
    if (text != NULL && (!when_parse(text, &when, err) || when.kind != WHEN_OFFSET)) {
        err_clear(err);
        return FAIL(err, ERR_USAGE, "--limit takes a number, not \"%.40s\"", text);
    }
    sample->left = when.offset;
    return true;
}

static bool plan_make(Sample *sample, Err *err) {
    const FileFormatOptions *options = NULL;
    FileFormatOptions *made = ARENA_NEW(sample->cli->arena, FileFormatOptions);
    made->json_decimals_number = true;
    options = made;
    const FilePlan wanted = {.shape = sample->schema->shape, .part = RECORD_VALUE, .options = options};
    const FilePlan *plan = NULL;
    TRY(JSON_FORMAT.plan(sample->cli->arena, &wanted, &plan, err));
    return JSON_FORMAT.open(plan, &sample->encoder, err);
}

static bool sample_print(Sample *sample, Err *err) {
    const TableMetadata *metadata = sample->table.metadata;
    const char *when = cli_value(sample->cli, "as-of");
    TRY(as_of(metadata, when, &sample->snapshot, err));
    if (sample->snapshot == NULL) {
        return true;
    }
    const TableSchema *then = table_schema_find(metadata, sample->snapshot->schema_id);
    sample->schema = when != NULL && then != NULL ? then : table_schema_current(metadata);
    const Shape *shape = sample->schema->shape;
    sample->ids = ARENA_ARRAY(sample->cli->arena, int32_t, shape->field_count);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        sample->ids[i] = shape->fields[i].shape.id;
    }
    TRY(plan_make(sample, err));
    TRY(lake_deletes_load(sample->lake.io, sample->table.table, sample->snapshot, &sample->deletes, err));
    return table_each_file(sample->table.table, sample->snapshot, false, file_visit, sample, err);
}

bool table_sample_command(Cli *cli, Err *err) {
    Sample *sample = ARENA_NEW(cli->arena, Sample);
    sample->cli = cli;
    bool good = count_take(cli, sample, err) && cli_lake_open(cli, &sample->lake, err) &&
                cli_table_open(&sample->lake, cli->arguments[0], &sample->table, err) && sample_print(sample, err);
    JSON_FORMAT.close(sample->encoder);
    lake_deletes_free(sample->deletes);
    cli_table_close(&sample->table);
    cli_lake_close(&sample->lake);
    return good || err_frame(err, __FILE__, __LINE__);
}
