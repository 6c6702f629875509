// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/lake.h"

#include "core/base/log.h"
#include "core/config/folder.h"
#include "core/sys/file.h"
#include "core/sys/random.h"
#include "flow/sink/iceberg/iceberg.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"

#include <unistd.h>

// --- which lake ------------------------------------------------------------------------------------------------

bool cli_lake_sets(const Cli *cli, S3Options *s3, RestCatalogOptions *rest, Err *err) {
    for (int i = 0; i < cli->set_count; i++) {
        const char *equals = strchr(cli->sets[i], '=');
        const char *name = arena_printf(cli->arena, "%.*s", (int)(equals - cli->sets[i]), cli->sets[i]);
        if (option_find(&REST_CATALOG_OPTIONS, name) != NULL) {
            TRY(option_set(&REST_CATALOG_OPTIONS, rest, name, equals + 1, cli->arena, err));
        } else {
            TRY(option_set(&S3_OPTIONS, s3, name, equals + 1, cli->arena, err));
        }
    }
    return true;
}

static bool of_pipeline(CliLake *lake, const PipelineConfig *config, Err *err) {
    if (config->sink != &ICEBERG_SINK) {
        FAIL(err, ERR_OPTION, "pipeline %s writes files, not Iceberg tables", config->name);
        return err_hint(err, "leat table is for pipelines of --format iceberg");
    }
    const LakeOptions *options = config->sink_options;
    lake->places.url = config->sink_url;
    lake->places.catalog = options->catalog;
    lake->s3 = options->s3;
    lake->rest = options->rest;
    return true;
}

static bool several(const CliLake *lake, const char *const *names, size_t count, Err *err) {
    DEFER(buf_release) Buf list = {0};
    for (size_t i = 0; i < count; i++) {
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    FAIL(err, ERR_USAGE, "the pipelines of %s write to several catalogs", lake->places.data_directory);
    return err_hint(err, "say which: --pipeline %.*s", SLICE_ARG(buf_slice(&list)));
}

typedef struct CliPlace {
    const char *url;
    S3Options s3;
    RestCatalogOptions rest;
} CliPlace;

static bool is_below(Slice file, const char *url, Arena *arena) {
    Slice there = lake_uri_normal(file, arena), here = lake_uri_normal(slice_of(url), arena);
    return there.size > here.size && memcmp(there.data, here.data, here.size) == 0 && there.data[here.size] == '/';
}

// Closes what is open and opens it with the options of the pipeline in whose warehouse the table lies.
static bool place_choose(CliLake *lake, TableName name, Err *err) {
    const CatalogDriver *driver = catalog_driver(lake->catalog);
    Slice file;
    if (lake->all_count < 2 || driver->where == NULL) {
        return true;
    }
    TRY(driver->where(catalog_state(lake->catalog), name, lake->cli->arena, &file, err));
    if (is_below(file, lake->places.url, lake->cli->arena)) {
        return true;
    }
    for (size_t i = 0; i < lake->all_count; i++) {
        const CliPlace *place = &lake->all[i];
        if (!is_below(file, place->url, lake->cli->arena)) {
            continue;
        }
        catalog_close(lake->catalog);
        lake->catalog = NULL;
        lake_io_close(lake->io);
        lake->io = NULL;
        lake->places.url = place->url;
        lake->s3 = place->s3;
        lake->rest = place->rest;
        TRY(cli_lake_sets(lake->cli, &lake->s3, &lake->rest, err));
        return lake_places_open(&lake->places, lake->cli->arena, &lake->io, &lake->catalog, err);
    }
    return true;
}

// Those of the data directory, if they have one catalog.
static bool of_directory(CliLake *lake, Err *err) {
    const char **names = NULL, *url = NULL, *directory = lake->places.data_directory;
    size_t count = 0, lakes = 0;
    TRY(pipeline_list(directory, lake->cli->arena, &names, &count, err));
    lake->all = ARENA_ARRAY(lake->cli->arena, CliPlace, count);
    for (size_t i = 0; i < count; i++) {
        PipelineConfig config;
        TRY(cli_pipeline_load(lake->cli, names[i], &config, err));
        if (config.sink != &ICEBERG_SINK) {
            continue;
        }
        TRY(of_pipeline(lake, &config, err));
        const char *its = lake_catalog_url(&lake->places, lake->cli->arena);
        if (lakes > 0 && strcmp(its, url) != 0) {
            return several(lake, names, count, err);
        }
        url = its;
        lake->all[lakes++] = (CliPlace){lake->places.url, lake->s3, lake->rest};
        lake->all_count = lakes;
    }
    if (lakes == 0 && !lake_places_exist(&lake->places)) {
        FAIL(err, ERR_NOT_FOUND, "there is no catalog in %s", directory);
        return err_hint(err, "give --data-dir, or --catalog; a lost catalog.db: leat catalog rebuild WAREHOUSE");
    }
    return true;
}

static bool choose(CliLake *lake, Err *err) {
    const Cli *cli = lake->cli;
    const char *pipeline = cli_value(cli, "pipeline"), *catalog = cli_value(cli, "catalog");
    if (pipeline != NULL && catalog != NULL) {
        return FAIL(err, ERR_USAGE, "--pipeline and --catalog are not given together");
    }
    if (pipeline != NULL) {
        PipelineConfig config;
        TRY(cli_pipeline_load(cli, pipeline, &config, err));
        return of_pipeline(lake, &config, err);
    }
    if (catalog == NULL) {
        return of_directory(lake, err);
    }
    const char *warehouse = cli_value(cli, "warehouse");
    bool url = strstr(catalog, "://") != NULL;
    lake->places.url = url ? catalog : warehouse != NULL ? cli_sink_url(cli->arena, warehouse) : NULL;
    lake->places.catalog = url ? "" : cli_sink_url(cli->arena, catalog);
    return url || lake_places_exist(&lake->places) || FAIL(err, ERR_NOT_FOUND, "there is no catalog %s", catalog);
}

void cli_lake_begin(const Cli *cli, CliLake *lake) {
    const char *temporary = getenv("TMPDIR");
    lake->cli = cli;
    lake->staging = arena_printf(cli->arena, "%s/leat-%016" PRIx64,
                                 temporary != NULL && temporary[0] == '/' ? temporary : "/tmp", random_number());
    lake->places = (LakePlaces){.data_directory = cli_data_directory(cli),
                                .owner = arena_printf(cli->arena, "cli-%016" PRIx64, random_number()),
                                .staging_directory = lake->staging,
                                .s3 = &lake->s3,
                                .rest = &lake->rest};
    option_defaults(&S3_OPTIONS, &lake->s3);
    option_defaults(&REST_CATALOG_OPTIONS, &lake->rest);
}

bool cli_lake_open(const Cli *cli, CliLake *lake, Err *err) {
    cli_lake_begin(cli, lake);
    TRY(choose(lake, err));
    TRY(cli_lake_sets(cli, &lake->s3, &lake->rest, err));
    return lake_places_open(&lake->places, cli->arena, &lake->io, &lake->catalog, err) ||
           err_frame(err, __FILE__, __LINE__);
}

bool cli_catalog_alone(const Cli *cli, int *lock, Err *err) {
    int pid = 0;
    const char *data = cli_data_directory(cli), *path = arena_printf(cli->arena, "%s/catalog.lock", data);
    if (file_lock(path, lock, err)) {
        return true;
    }
    if (err->code == ERR_LOCKED) {
        file_locked(path, &pid);
        err_clear(err);
        FAIL(err, ERR_LOCKED, "leat catalog serve is running on %s (pid %d)", data, pid);
        return err_hint(err, "stop it first: kill %d", pid);
    }
    return err_frame(err, __FILE__, __LINE__);
}

bool cli_lake_io(const Cli *cli, const char *warehouse, CliLake *lake, Err *err) {
    cli_lake_begin(cli, lake);
    TRY(cli_lake_sets(cli, &lake->s3, &lake->rest, err));
    lake->places.url = warehouse;
    LakeIoContext context = {.warehouse = warehouse,
                             .owner = lake->places.owner,
                             .staging_directory = lake->staging,
                             .s3_options = &lake->s3};
    return lake_io_open(&context, &lake->io, err) || err_frame(err, __FILE__, __LINE__);
}

void cli_lake_close(CliLake *lake) {
    Err err[1] = {{0}};
    catalog_close(lake->catalog);
    if (lake->io != NULL) {
        lake_io_close(lake->io);
    }
    if (lake->staging != NULL && file_exists(lake->staging) && !file_remove_tree(lake->staging, err)) {
        log_err(LOG_API, "a directory of staged files is left", err);
    }
    *lake = (CliLake){0};
}

// --- names -----------------------------------------------------------------------------------------------------

typedef struct Names {
    Arena *arena;
    TableName *at;
    size_t count, capacity;
} Names;

static void names_add(Names *names, TableName name) {
    if (names->count == names->capacity) {
        names->capacity = MAX(names->capacity * 2, (size_t)32);
        TableName *more = ARENA_ARRAY(names->arena, TableName, names->capacity);
        if (names->count > 0) {
            memcpy(more, names->at, names->count * sizeof(TableName));
        }
        names->at = more;
    }
    names->at[names->count++] = name;
}

enum { DEPTH_MAX = 32 };

static bool space_tables(const CliLake *lake, Slice space, int depth, Names *names, Err *err) {
    const CatalogDriver *driver = catalog_driver(lake->catalog);
    void *state = catalog_state(lake->catalog);
    Slice *found = NULL;
    size_t count = 0;
    if (space.size > 0) {
        TRY(driver->tables(state, space, names->arena, &found, &count, err));
        for (size_t i = 0; i < count; i++) {
            names_add(names, (TableName){space, found[i]});
        }
    }
    if (depth == DEPTH_MAX) {
        return true;
    }
    TRY(driver->spaces(state, space, names->arena, &found, &count, err));
    for (size_t i = 0; i < count; i++) {
        TRY(space_tables(lake, found[i], depth + 1, names, err));
    }
    return true;
}

static int name_order(const void *a, const void *b) {
    const TableName *one = a, *two = b;
    int by = slice_compare(one->space, two->space);
    return by != 0 ? by : slice_compare(one->table, two->table);
}

bool cli_lake_tables(const CliLake *lake, TableName **tables, size_t *count, Err *err) {
    Names names = {.arena = lake->cli->arena};
    TRY(space_tables(lake, (Slice){0}, 0, &names, err));
    qsort(names.at, names.count, sizeof(TableName), name_order);
    *tables = names.at;
    *count = names.count;
    return true;
}

const char *cli_table_text(const Cli *cli, TableName name) {
    DEFER(buf_release) Buf text = {0}, plain = {0};
    buf_put(&text, name.space);
    for (size_t i = 0; i < text.size; i++) {
        text.data[i] = text.data[i] == 0x1f ? '.' : text.data[i];
    }
    buf_u8(&text, '.');
    buf_put(&text, name.table);
    text_plain(&plain, buf_slice(&text));
    return arena_text(cli->arena, buf_slice(&plain));
}

// --- one table -------------------------------------------------------------------------------------------------

bool cli_table_load(CliLake *lake, TableName name, CliTable *table, Err *err) {
    CatalogTable found;
    *table = (CliTable){.name = name, .text = cli_table_text(lake->cli, name)};
    TRY(place_choose(lake, name, err));
    TRY(catalog_load(lake->catalog, name, lake->cli->arena, &found, err));
    TRY(table_open(lake->io, found.metadata_json, found.metadata_file, &table->table, err));
    table->metadata = table_metadata(table->table);
    return true;
}

bool cli_table_reload(CliLake *lake, CliTable *table, Err *err) {
    CatalogTable found;
    TRY(catalog_load(lake->catalog, table->name, lake->cli->arena, &found, err));
    TRY(table_refresh(table->table, found.metadata_json, found.metadata_file, err));
    table->metadata = table_metadata(table->table);
    return true;
}

void cli_table_close(CliTable *table) {
    if (table->table != NULL) {
        table_close(table->table);
        table->table = NULL;
    }
}

// The last dot separates; where there is no such table, an earlier one may have been meant.
bool cli_table_open(CliLake *lake, const char *text, CliTable *table, Err *err) {
    Arena *arena = lake->cli->arena;
    for (size_t at = strlen(text); at-- > 0;) {
        if (text[at] != '.' || at == 0) {
            continue;
        }
        char *space = arena_printf(arena, "%.*s", (int)at, text);
        for (char *c = space; *c != '\0'; c++) {
            *c = *c == '.' ? 0x1f : *c;
        }
        TableName name = {slice_of(space), slice_of(arena_printf(arena, "%s", text + at + 1))};
        if (cli_table_load(lake, name, table, err)) {
            return true;
        }
        if (err->code != ERR_NOT_FOUND || strncmp(err->message, "Failed to open", 14) == 0) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err);
    }
    *table = (CliTable){0};
    FAIL(err, ERR_NOT_FOUND, "there is no table %.200s", text);
    return err_hint(err, strchr(text, '.') == NULL ? "write NAMESPACE.TABLE; leat table list shows them"
                                                   : "leat table list shows those that there are");
}

bool cli_table_commit(CliLake *lake, CliTable *table, const TableRequirement *requirements, size_t requirement_count,
                      const TableUpdate *updates, size_t update_count, Err *err) {
    enum { PATIENCE_MS = 60 * 1000 };
    Arena *arena = lake->cli->arena;
    TableRequirement *all = ARENA_ARRAY(arena, TableRequirement, requirement_count + 1);
    all[0] = (TableRequirement){.kind = REQUIRE_UUID, .text = table->metadata->uuid};
    if (requirement_count > 0) {
        memcpy(all + 1, requirements, requirement_count * sizeof(*all));
    }
    CatalogCommit commit = {.name = table->name, .change = {all, requirement_count + 1, updates, update_count}};
    TRY(catalog_commit(lake->catalog, &commit, 1, PATIENCE_MS, arena, err));
    return cli_table_reload(lake, table, err);
}

// --- its owner -------------------------------------------------------------------------------------------------

// Where the sink of an owner has its state: see lock_path.
static const char *state_path(const Cli *cli, Slice name) {
    const char *data = cli_data_directory(cli);
    const uint8_t *at = memchr(name.data, '@', name.size);
    if (at == NULL) {
        return arena_printf(cli->arena, "%s/pipelines/%s/sinks/main", data, connector_folder(cli->arena, name));
    }
    Slice folder = {name.data, (size_t)(at - name.data)}, source = slice_from(name, folder.size + 1);
    return arena_printf(cli->arena, "%s/pipelines/%.*s/sinks/%.*s", data, SLICE_ARG(source), SLICE_ARG(folder));
}

// Of a pipeline: DATA/pipelines/NAME/lock. Of a sink connector, FOLDER@SOURCE: DATA/connectors/FOLDER.lock. NULL: it is
// not here.
static const char *lock_path(const Cli *cli, Slice name) {
    const char *data = cli_data_directory(cli);
    const uint8_t *at = memchr(name.data, '@', name.size);
    if (at != NULL) {
        int size = (int)(at - name.data);
        const char *known = arena_printf(cli->arena, "%s/connectors/%.*s.json", data, size, (const char *)name.data);
        return file_exists(known)
                   ? arena_printf(cli->arena, "%s/connectors/%.*s.lock", data, size, (const char *)name.data)
                   : NULL;
    }
    const char *folder = arena_printf(cli->arena, "%s/pipelines/%s", data, connector_folder(cli->arena, name));
    return file_exists(folder) ? arena_printf(cli->arena, "%s/lock", folder) : NULL;
}

static bool claim(const Cli *cli, Slice name, CliOwner *owner, Err *err) {
    if (owner->lock_count == OWNERS_MAX) {
        return FAIL(err, ERR_USAGE, "more than %d pipelines write to the table", OWNERS_MAX);
    }
    owner->pipeline = arena_text(cli->arena, name);
    const char *path = lock_path(cli, name);
    if (path == NULL) {
        owner->elsewhere = true;
        return true;
    }
    int lock = -1;
    if (file_lock(path, &lock, err)) {
        owner->locks[owner->lock_count++] = lock;
        return true;
    }
    if (err->code != ERR_LOCKED) {
        return err_frame(err, __FILE__, __LINE__);
    }
    err_clear(err);
    if (!file_locked(path, &owner->pid) || owner->pid == 0) {
        owner->pid = -1;
    }
    owner->lock = path;
    owner->state = state_path(cli, name);
    return true;
}

#define OFFSETS "leat.offsets."

bool cli_owner_claim(const Cli *cli, const CliTable *table, CliOwner *owner, Err *err) {
    const TableMetadata *metadata = table->metadata;
    *owner = (CliOwner){0};
    for (size_t i = 0; i < metadata->property_count && owner->pid == 0; i++) {
        const Property *property = &metadata->properties[i];
        bool offsets =
            property->key.size > strlen(OFFSETS) && memcmp(property->key.data, OFFSETS, strlen(OFFSETS)) == 0;
        owner->connectors = owner->connectors || offsets;
        if (offsets) {
            TRY(claim(cli, slice_from(property->key, strlen(OFFSETS)), owner, err));
        } else if (slice_is(property->key, "leat.pipeline") && property->value.size > 0) {
            TRY(claim(cli, property->value, owner, err));
        }
    }
    return true;
}

void cli_owner_release(CliOwner *owner) {
    for (size_t i = 0; i < owner->lock_count; i++) {
        file_close(&owner->locks[i]);
    }
    owner->lock_count = 0;
}

bool cli_owner_idle(const Cli *cli, const CliTable *table, const CliOwner *owner, Err *err) {
    if (owner->pid != 0) {
        FAIL(err, ERR_LOCKED, "table %s: %s is running (pid %d)", table->text, owner->pipeline, owner->pid);
        return owner->connectors ? err_hint(err, "stop it first: leat connector stop NAME")
                                 : err_hint(err, "stop it first: kill %d", owner->pid);
    }
    if (owner->elsewhere && !cli_has(cli, "force")) {
        FAIL(err, ERR_EXISTS, "table %s: %s writes it, which is not in %s", table->text, owner->pipeline,
             cli_data_directory(cli));
        return err_hint(err, "give its --data-dir; or, when that pipeline is gone for good, --force");
    }
    return true;
}
