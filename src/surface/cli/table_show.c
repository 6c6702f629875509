// SPDX-License-Identifier: Apache-2.0
// leat table list | show | snapshots | files: what catalog, metadata and manifests say. They change nothing.
#include "core/base/json.h"
#include "core/sys/clock.h"
#include "lake/iceberg/partition.h"
#include "surface/cli/as_of.h"
#include "surface/cli/lake.h"
#include "surface/cli/output.h"

#include <time.h>

// --- pieces ----------------------------------------------------------------------------------------------------

static const char *plain(const Cli *cli, Slice text) {
    DEFER(buf_release) Buf out = {0};
    text_plain(&out, text);
    return arena_text(cli->arena, buf_slice(&out));
}

static const char *time_text(const Cli *cli, int64_t ms) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    char text[64] = "";
    if (gmtime_r(&seconds, &utc) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc) == 0) {
        return arena_printf(cli->arena, "%" PRId64 " ms", ms);
    }
    return arena_printf(cli->arena, "%s.%03dZ", text, (int)(ms % 1000));
}

static const char *count_text(const Cli *cli, Slice number) {
    DEFER(buf_release) Buf out = {0};
    if (number.size == 0 || number.size > 18) {
        return plain(cli, number);
    }
    text_count(&out, strtod(arena_text(cli->arena, number), NULL));
    return arena_text(cli->arena, buf_slice(&out));
}

static const char *bytes_text(const Cli *cli, Slice number) {
    DEFER(buf_release) Buf out = {0};
    if (number.size == 0) {
        return "";
    }
    text_bytes(&out, strtod(arena_text(cli->arena, number), NULL));
    return arena_text(cli->arena, buf_slice(&out));
}

static Slice summary_of(const Snapshot *snapshot, const char *key) {
    return snapshot != NULL ? snapshot_summary(snapshot, key) : (Slice){0};
}

// A number that stands as text in a summary; null where it does not.
static void json_number(Buf *out, const char *name, Slice digits) {
    json_key(out, name);
    bool good = digits.size > 0;
    for (size_t i = 0; i < digits.size; i++) {
        good = good && digits.data[i] >= '0' && digits.data[i] <= '9';
    }
    buf_put(out, good ? digits : SLICE("null"));
}

// Rows that live: those of all data files without those that delete files name. -1 = the summary does not say.
static int64_t live_rows(const Snapshot *snapshot) {
    int64_t counts[2] = {0};
    static const char *const KEYS[] = {"total-records", "total-position-deletes"};
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        Slice digits = summary_of(snapshot, KEYS[i]);
        if (digits.size > 18 || (i == 0 && digits.size == 0)) {
            return -1;
        }
        for (size_t j = 0; j < digits.size; j++) {
            counts[i] = counts[i] * 10 + (digits.data[j] - '0');
        }
    }
    return MAX(counts[0] - counts[1], (int64_t)0);
}

static const char *live_text(const Cli *cli, const Snapshot *snapshot) {
    DEFER(buf_release) Buf out = {0};
    int64_t rows = live_rows(snapshot);
    if (rows >= 0) {
        text_count(&out, (double)rows);
    }
    return arena_text(cli->arena, buf_slice(&out));
}

static void json_rows(Buf *out, const Snapshot *snapshot) {
    int64_t rows = live_rows(snapshot);
    if (rows >= 0) {
        json_field_int(out, "rows", rows);
    } else {
        json_key(out, "rows");
        buf_text(out, "null");
    }
}

static void json_text(Buf *out, const char *name, Slice text) {
    json_key(out, name);
    if (text.data == NULL) {
        buf_text(out, "null");
    } else {
        json_quote(out, text);
    }
}

// The position of the newest snapshot at or before this one that says it.
static const char *position_at(const Cli *cli, const TableMetadata *metadata, const Snapshot *snapshot) {
    for (size_t i = 0; snapshot != NULL && i < metadata->snapshot_count; i++) {
        const char *position = snapshot_position(snapshot, cli->arena);
        if (position != NULL) {
            return position;
        }
        snapshot = snapshot->parent_id >= 0 ? table_snapshot_find(metadata, snapshot->parent_id) : NULL;
    }
    return NULL;
}

// --- list ------------------------------------------------------------------------------------------------------

static void list_json(const Cli *cli, Buf *out, const CliTable *table, const Snapshot *snapshot) {
    buf_u8(out, '{');
    json_field_text(out, "table", table->text);
    json_text(out, "uuid", table->metadata->uuid);
    json_field_int(out, "format_version", table->metadata->format_version);
    json_rows(out, snapshot);
    json_number(out, "deleted_rows", summary_of(snapshot, "total-position-deletes"));
    json_number(out, "data_files", summary_of(snapshot, "total-data-files"));
    json_number(out, "delete_files", summary_of(snapshot, "total-delete-files"));
    json_number(out, "bytes", summary_of(snapshot, "total-files-size"));
    json_field_int(out, "snapshots", (int64_t)table->metadata->snapshot_count);
    json_field_int(out, "updated_ms", table->metadata->last_updated_ms);
    json_field_text(out, "position", position_at(cli, table->metadata, snapshot));
    json_text(out, "pipeline", table_property(table->metadata, "leat.pipeline"));
    buf_text(out, "}\n");
}

enum { LIST_COLUMNS = 8 };

static void list_row(const Cli *cli, const char **row, const CliTable *table, const Snapshot *snapshot) {
    const char *position = position_at(cli, table->metadata, snapshot);
    row[0] = table->text;
    row[1] = table->metadata->format_version == 3 ? "v3" : table->metadata->format_version == 2 ? "v2" : "v1";
    row[2] = live_text(cli, snapshot);
    row[3] = count_text(cli, summary_of(snapshot, "total-data-files"));
    row[4] = bytes_text(cli, summary_of(snapshot, "total-files-size"));
    row[5] = time_text(cli, table->metadata->last_updated_ms);
    row[6] = position != NULL ? position : "";
    row[7] = plain(cli, table_property(table->metadata, "leat.pipeline"));
}

static bool list(CliLake *lake, bool json, Buf *out, Err *err) {
    static const char *const HEAD[LIST_COLUMNS] = {"TABLE", "FORMAT",  "ROWS",     "FILES",
                                                   "SIZE",  "UPDATED", "POSITION", "PIPELINE"};
    const Cli *cli = lake->cli;
    TableName *names = NULL;
    size_t count = 0;
    TRY(cli_lake_tables(lake, &names, &count, err));
    const char **cells = ARENA_ARRAY(cli->arena, const char *, (count + 1) * LIST_COLUMNS);
    memcpy(cells, HEAD, sizeof(HEAD));
    for (size_t i = 0; i < count; i++) {
        CliTable table;
        bool good = cli_table_load(lake, names[i], &table, err);
        const Snapshot *snapshot = good ? table_snapshot_current(table.metadata) : NULL;
        if (good && json) {
            list_json(cli, out, &table, snapshot);
        } else if (good) {
            list_row(cli, &cells[(i + 1) * LIST_COLUMNS], &table, snapshot);
        }
        cli_table_close(&table);
        TRY(good);
    }
    if (!json && count == 0) {
        buf_text(out, "no tables\n");
    } else if (!json) {
        text_table(out, cells, count + 1, LIST_COLUMNS);
    }
    return true;
}

bool table_list_command(Cli *cli, Err *err) {
    DEFER(buf_release) Buf out = {0};
    CliLake lake = {0};
    bool json = false;
    TRY(cli_wants_json(cli, &json, err));
    bool good = cli_lake_open(cli, &lake, err) && list(&lake, json, &out, err);
    cli_lake_close(&lake);
    TRY(good);
    output_write(&out);
    return true;
}

// --- a command of one table ------------------------------------------------------------------------------------

typedef struct Look {
    const Cli *cli;
    CliLake lake;
    CliTable table;
    const Snapshot *snapshot; // --as-of; NULL: the table has none
    bool json;
    Buf out;
} Look;

static bool look_open(Cli *cli, Look *look, bool (*say)(Look *look, Err *err), Err *err) {
    look->cli = cli;
    bool good = cli_wants_json(cli, &look->json, err) && cli_lake_open(cli, &look->lake, err) &&
                cli_table_open(&look->lake, cli->arguments[0], &look->table, err) &&
                as_of(look->table.metadata, cli_value(cli, "as-of"), &look->snapshot, err) && say(look, err);
    if (good) {
        output_write(&look->out);
    }
    buf_release(&look->out);
    cli_table_close(&look->table);
    cli_lake_close(&look->lake);
    return good || err_frame(err, __FILE__, __LINE__);
}

// --- show ------------------------------------------------------------------------------------------------------

static const TableSchema *schema_at(const Look *look) {
    const TableMetadata *metadata = look->table.metadata;
    const TableSchema *schema = look->snapshot != NULL && cli_has(look->cli, "as-of") && look->snapshot->schema_id >= 0
                                    ? table_schema_find(metadata, look->snapshot->schema_id)
                                    : NULL;
    return schema != NULL ? schema : table_schema_current(metadata);
}

static bool show_json(Look *look, Err *err) {
    const TableMetadata *metadata = look->table.metadata;
    Buf *out = &look->out;
    buf_u8(out, '{');
    json_field_text(out, "table", look->table.text);
    json_text(out, "uuid", metadata->uuid);
    json_field_int(out, "format_version", metadata->format_version);
    json_text(out, "location", metadata->location);
    json_text(out, "metadata_file", table_metadata_file(look->table.table));
    json_field_int(out, "updated_ms", metadata->last_updated_ms);
    json_field_text(out, "position", position_at(look->cli, metadata, look->snapshot));
    json_key(out, "snapshot");
    if (look->snapshot != NULL) {
        snapshot_write(look->snapshot, out);
    } else {
        buf_text(out, "null");
    }
    json_key(out, "schema");
    table_schema_write(schema_at(look), out);
    json_key(out, "partition_spec");
    partition_spec_write(table_spec_find(metadata, metadata->default_spec_id), out);
    json_key(out, "refs");
    buf_u8(out, '{');
    for (size_t i = 0; i < metadata->ref_count; i++) {
        buf_u8(out, i > 0 ? ',' : ' ');
        json_quote(out, metadata->refs[i].name);
        buf_printf(out, ":%" PRId64, metadata->refs[i].snapshot_id);
    }
    buf_u8(out, '}');
    json_key(out, "properties");
    buf_u8(out, '{');
    for (size_t i = 0; i < metadata->property_count; i++) {
        buf_u8(out, i > 0 ? ',' : ' ');
        json_quote(out, metadata->properties[i].key);
        buf_u8(out, ':');
        json_quote(out, metadata->properties[i].value);
    }
    buf_text(out, "}}\n");
    return true;
}

static void columns_text(Look *look, Buf *out) {
    enum { COLUMNS = 4 };
    const TableSchema *schema = schema_at(look);
    const Shape *shape = schema->shape;
    const char **cells = ARENA_ARRAY(look->cli->arena, const char *, (size_t)shape->field_count *COLUMNS);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const ShapeField *field = &shape->fields[i];
        DEFER(buf_release) Buf type = {0};
        bool key = false;
        for (size_t j = 0; j < schema->identifier_count; j++) {
            key = key || schema->identifier_ids[j] == field->shape.id;
        }
        iceberg_type_write(&field->shape, &type);
        Slice its = slice_trim(buf_slice(&type), "\"");
        cells[i * COLUMNS] = arena_printf(look->cli->arena, "  %" PRId32, field->shape.id);
        cells[i * COLUMNS + 1] = plain(look->cli, field->name);
        cells[i * COLUMNS + 2] = plain(look->cli, its);
        cells[i * COLUMNS + 3] = key ? "key" : field->shape.optional ? "" : "required";
    }
    buf_printf(out, "columns (schema %" PRId32 ")\n", schema->id);
    text_table(out, cells, shape->field_count, COLUMNS);
}

static void partitions_text(const Look *look, Buf *out) {
    const TableMetadata *metadata = look->table.metadata;
    const PartitionSpec *spec = table_spec_find(metadata, metadata->default_spec_id);
    const TableSchema *schema = table_schema_current(metadata);
    buf_text(out, "partitions  ");
    for (size_t i = 0; spec != NULL && i < spec->field_count; i++) {
        const PartitionField *field = &spec->fields[i];
        Slice column = {0};
        for (uint32_t j = 0; j < schema->shape->field_count; j++) {
            column = schema->shape->fields[j].shape.id == field->source_id ? schema->shape->fields[j].name : column;
        }
        buf_printf(out, "%s%s(%s)", i > 0 ? ", " : "", plain(look->cli, field->transform_text),
                   plain(look->cli, column));
    }
    buf_text(out, spec == NULL || spec->field_count == 0 ? "none\n" : "\n");
}

static void snapshot_text(const Look *look, Buf *out) {
    const Snapshot *snapshot = look->snapshot;
    const Cli *cli = look->cli;
    if (snapshot == NULL) {
        buf_text(out, "snapshot    none\n");
        return;
    }
    const char *position = position_at(cli, look->table.metadata, snapshot);
    buf_printf(out, "snapshot    %" PRId64 ", %s, %s\n", snapshot->id, plain(cli, summary_of(snapshot, "operation")),
               time_text(cli, snapshot->timestamp_ms));
    if (position != NULL) {
        buf_printf(out, "position    %s\n", position);
    }
    buf_printf(out, "rows        %s", live_text(cli, snapshot));
    buf_printf(out, " in %s data files, %s\n", count_text(cli, summary_of(snapshot, "total-data-files")),
               bytes_text(cli, summary_of(snapshot, "total-files-size")));
    Slice deletes = summary_of(snapshot, "total-delete-files");
    if (deletes.size > 0 && !slice_is(deletes, "0")) {
        buf_printf(out, "deleted     %s rows more in these files, by %s delete files\n",
                   count_text(cli, summary_of(snapshot, "total-position-deletes")), count_text(cli, deletes));
    }
}

static bool show(Look *look, Err *err) {
    const TableMetadata *metadata = look->table.metadata;
    const Cli *cli = look->cli;
    Buf *out = &look->out;
    if (look->json) {
        return show_json(look, err);
    }
    buf_printf(out, "%s\n", look->table.text);
    buf_printf(out, "uuid        %s\n", plain(cli, metadata->uuid));
    buf_printf(out, "format      version %" PRId32 "\n", metadata->format_version);
    buf_printf(out, "location    %s\n", plain(cli, metadata->location));
    buf_printf(out, "metadata    %s\n", plain(cli, table_metadata_file(look->table.table)));
    snapshot_text(look, out);
    partitions_text(look, out);
    columns_text(look, out);
    if (metadata->ref_count > 0) {
        buf_text(out, "branches and tags\n");
    }
    for (size_t i = 0; i < metadata->ref_count; i++) {
        buf_printf(out, "  %s  %s %" PRId64 "\n", plain(cli, metadata->refs[i].name),
                   metadata->refs[i].tag ? "tag" : "branch", metadata->refs[i].snapshot_id);
    }
    buf_text(out, "properties\n");
    for (size_t i = 0; i < metadata->property_count; i++) {
        buf_printf(out, "  %s = %s\n", plain(cli, metadata->properties[i].key),
                   plain(cli, metadata->properties[i].value));
    }
    return true;
}

bool table_show_command(Cli *cli, Err *err) {
    return look_open(cli, &(Look){0}, show, err);
}

// --- snapshots -------------------------------------------------------------------------------------------------

// "main, tag v1": what points to it.
static const char *refs_text(const Look *look, int64_t id) {
    const TableMetadata *metadata = look->table.metadata;
    DEFER(buf_release) Buf out = {0};
    for (size_t i = 0; i < metadata->ref_count; i++) {
        if (metadata->refs[i].snapshot_id == id) {
            buf_printf(&out, "%s%s%s", out.size > 0 ? ", " : "", metadata->refs[i].tag ? "tag " : "",
                       plain(look->cli, metadata->refs[i].name));
        }
    }
    return arena_text(look->cli->arena, buf_slice(&out));
}

// With --as-of: that one, and those that it comes from.
static bool is_wanted(const Look *look, const Snapshot *snapshot) {
    return !cli_has(look->cli, "as-of") || table_is_ancestor(look->table.metadata, snapshot->id, look->snapshot->id);
}

static void snapshots_json(Look *look) {
    const TableMetadata *metadata = look->table.metadata;
    for (size_t i = 0; i < metadata->snapshot_count; i++) {
        const Snapshot *snapshot = &metadata->snapshots[i];
        Buf *out = &look->out;
        if (!is_wanted(look, snapshot)) {
            continue;
        }
        buf_u8(out, '{');
        json_field_int(out, "snapshot_id", snapshot->id);
        if (snapshot->parent_id >= 0) {
            json_field_int(out, "parent_id", snapshot->parent_id);
        }
        json_field_int(out, "timestamp_ms", snapshot->timestamp_ms);
        json_field_int(out, "sequence_number", snapshot->sequence_number);
        json_text(out, "operation", summary_of(snapshot, "operation"));
        json_number(out, "added_rows", summary_of(snapshot, "added-records"));
        json_rows(out, snapshot);
        json_number(out, "data_files", summary_of(snapshot, "total-data-files"));
        json_number(out, "delete_files", summary_of(snapshot, "total-delete-files"));
        json_field_text(out, "position", snapshot_position(snapshot, look->cli->arena));
        json_number(out, "offset", summary_of(snapshot, "leat.offset"));
        json_field_bool(out, "current", snapshot->id == metadata->current_snapshot_id);
        json_field_text(out, "refs", refs_text(look, snapshot->id));
        buf_text(out, "}\n");
    }
}

static bool snapshots(Look *look, Err *err) {
    enum { COLUMNS = 8 };
    static const char *const HEAD[COLUMNS] = {"SNAPSHOT", "COMMITTED", "OPERATION", "ROWS",
                                              "ADDED",    "FILES",     "POSITION",  ""};
    const TableMetadata *metadata = look->table.metadata;
    const Cli *cli = look->cli;
    if (look->json) {
        snapshots_json(look);
        return true;
    }
    if (metadata->snapshot_count == 0) {
        buf_text(&look->out, "no snapshots\n");
        return true;
    }
    const char **cells = ARENA_ARRAY(cli->arena, const char *, (metadata->snapshot_count + 1) * COLUMNS);
    memcpy(cells, HEAD, sizeof(HEAD));
    size_t rows = 1;
    for (size_t i = 0; i < metadata->snapshot_count; i++) {
        const Snapshot *snapshot = &metadata->snapshots[metadata->snapshot_count - 1 - i]; // the newest first
        if (!is_wanted(look, snapshot)) {
            continue;
        }
        const char **row = &cells[rows++ * COLUMNS], *position = snapshot_position(snapshot, cli->arena);
        row[0] = arena_printf(cli->arena, "%" PRId64, snapshot->id);
        row[1] = time_text(cli, snapshot->timestamp_ms);
        row[2] = plain(cli, summary_of(snapshot, "operation"));
        row[3] = live_text(cli, snapshot);
        row[4] = count_text(cli, summary_of(snapshot, "added-records"));
        row[5] = count_text(cli, summary_of(snapshot, "total-data-files"));
        row[6] = position != NULL ? position : "";
        row[7] = refs_text(look, snapshot->id);
    }
    text_table(&look->out, cells, rows, COLUMNS);
    return true;
}

bool table_snapshots_command(Cli *cli, Err *err) {
    return look_open(cli, &(Look){0}, snapshots, err);
}

// --- files -----------------------------------------------------------------------------------------------------

static const char *content_text(const DataFile *file) {
    return file->content == CONTENT_DATA               ? "data"
           : file->content == CONTENT_EQUALITY_DELETES ? "equality deletes"
           : slice_is(file->format, "PUFFIN")          ? "deletion vector"
                                                       : "position deletes";
}

static bool file_visit(void *context, const ManifestEntry *entry, Err *err) {
    Look *look = context;
    const TableMetadata *metadata = look->table.metadata;
    const DataFile *file = &entry->file;
    const PartitionSpec *spec = table_spec_find(metadata, file->spec_id);
    DEFER(buf_release) Buf partition = {0};
    Buf *out = &look->out;
    if (spec != NULL && spec->field_count > 0 &&
        !partition_path(table_schema_current(metadata), spec, file->partition, &partition, err)) {
        err_clear(err); // of a column that is no more
    }
    if (look->json) {
        buf_u8(out, '{');
        json_field_text(out, "content", content_text(file));
        json_text(out, "path", file->path);
        json_text(out, "format", file->format);
        json_field_int(out, "rows", file->record_count);
        json_field_int(out, "bytes", file->content_offset >= 0 ? file->content_size : file->size);
        json_field_int(out, "sequence_number", entry->sequence_number);
        json_field_int(out, "snapshot_id", entry->snapshot_id);
        json_field_int(out, "spec_id", file->spec_id);
        json_text(out, "partition", buf_slice(&partition));
        json_text(out, "data_file", file->referenced_file);
        buf_text(out, "}\n");
    } else {
        DEFER(buf_release) Buf size = {0};
        text_bytes(&size, (double)(file->content_offset >= 0 ? file->content_size : file->size));
        text_pad(out, slice_of(content_text(file)), 18);
        text_pad(out, slice_of(arena_printf(look->cli->arena, "%" PRId64, file->record_count)), -12);
        text_pad(out, buf_slice(&size), -12);
        buf_text(out, "  ");
        text_plain(out, file->path);
        if (file->referenced_file.size > 0) {
            buf_text(out, "  of ");
            text_plain(out, file->referenced_file);
        }
        buf_u8(out, '\n');
    }
    if (out->size > 256 * 1024) {
        output_write(out);
        buf_reset(out);
    }
    return true;
}

static bool files(Look *look, Err *err) {
    if (!look->json) {
        text_pad(&look->out, SLICE("CONTENT"), 18);
        text_pad(&look->out, SLICE("ROWS"), -12);
        text_pad(&look->out, SLICE("SIZE"), -12);
        buf_text(&look->out, "  FILE\n");
    }
    return look->snapshot == NULL || table_each_file(look->table.table, look->snapshot, false, file_visit, look, err);
}

bool table_files_command(Cli *cli, Err *err) {
    return look_open(cli, &(Look){0}, files, err);
}
