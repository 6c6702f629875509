// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/iceberg_sink.h"

#include "flow/pipeline/config.h"
#include "flow/pipeline/connector_config.h"

#include <strings.h>

#define PREFIX "iceberg."

typedef struct Mapping {
    Arena *arena;
    const SinkDriver *sink;
    const Properties *config;
    void *options;
    RecordRules *rules;
} Mapping;

bool iceberg_sink_class(Slice connector_class) {
    static const char *const NAMES[] = {"IcebergSinkConnector", "IcebergSink",
                                        "org.apache.iceberg.connect.IcebergSinkConnector",
                                        "io.tabular.iceberg.connect.IcebergSinkConnector"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (slice_is(connector_class, NAMES[i])) {
            return true;
        }
    }
    return false;
}

static const char *value_of(const Mapping *map, const char *key, const char *otherwise) {
    const char *value = properties_text(map->arena, map->config, key, otherwise);
    return value != NULL ? value : "";
}

static bool set(const Mapping *map, const char *key, const char *option, const char *value, Err *err) {
    if (option_find(map->sink->options, option) == NULL) {
        return FAIL(err, ERR_OPTION, "%s: leat has nothing that does it", key);
    }
    return option_set(map->sink->options, map->options, option, value, map->arena, err) || err_prefix(err, "%s", key);
}

// --- the catalog -----------------------------------------------------------------------------------------------

// Keys of the catalog and of its FileIO that are options of leat's.
static const char *const CATALOG_KEYS[][2] = {
    {"credential", "catalog.credential"},
    {"token", "catalog.token"},
    {"scope", "catalog.scope"},
    {"oauth2-server-uri", "catalog.oauth2.server.uri"},
    {"rest.signing-name", "catalog.signing.name"},
    {"rest.signing-region", "catalog.signing.region"},
    {"rest.access-key-id", "catalog.access.key"},
    {"rest.secret-access-key", "catalog.secret.key"},
    {"rest.session-token", "catalog.session.token"},
    {"s3.endpoint", "s3.endpoint"},
    {"client.region", "s3.region"},
    {"s3.access-key-id", "s3.access.key"},
    {"s3.secret-access-key", "s3.secret.key"},
    {"s3.session-token", "s3.session.token"},
    {"s3.path-style-access", "s3.path.style"},
    {"s3.acl", "s3.acl"},
    {"s3.sse.type", "s3.sse"},
    {"s3.sse.key", "s3.sse.kms.key.id"},
};

static bool catalog_keys(const Mapping *map, Err *err) {
    for (size_t i = 0; i < ARRAY_LEN(CATALOG_KEYS); i++) {
        const char *key = arena_printf(map->arena, PREFIX "catalog.%s", CATALOG_KEYS[i][0]);
        const char *value = value_of(map, key, "");
        if (strcmp(CATALOG_KEYS[i][0], "s3.sse.type") == 0) {
            value = strcmp(value, "kms") == 0 ? "aws:kms" : strcmp(value, "s3") == 0 ? "AES256" : "";
        }
        TRY(value[0] == '\0' || set(map, key, CATALOG_KEYS[i][1], value, err));
    }
    const char *sigv4 = value_of(map, PREFIX "catalog.rest.sigv4-enabled", "");
    return strcasecmp(sigv4, "true") != 0 ||
           set(map, PREFIX "catalog.rest.sigv4-enabled", "catalog.auth", "sigv4", err);
}

static void url_part(Buf *url, const char *text) {
    for (; *text != '\0'; text++) {
        bool plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                     (*text >= '0' && *text <= '9') || strchr("-._~/:", *text) != NULL;
        buf_printf(url, plain ? "%c" : "%%%02X", (unsigned char)*text);
    }
}

static bool catalog_rest(const Mapping *map, const char **url, Err *err) {
    const char *uri = value_of(map, PREFIX "catalog.uri", "");
    const char *warehouse = value_of(map, PREFIX "catalog.warehouse", "");
    if (strncmp(uri, "http://", 7) != 0 && strncmp(uri, "https://", 8) != 0) {
        FAIL(err, ERR_OPTION, PREFIX "catalog.uri: type=rest needs the catalog's URL");
        return err_hint(err, "for example https://catalog.example/catalog");
    }
    DEFER(buf_release) Buf made = {0};
    buf_printf(&made, "iceberg+%s", uri);
    if (warehouse[0] != '\0') {
        buf_text(&made, "?warehouse=");
        url_part(&made, warehouse);
    }
    *url = arena_text(map->arena, buf_slice(&made));
    return true;
}

static bool catalog_embedded(const Mapping *map, const char **url, Err *err) {
    const char *warehouse = value_of(map, PREFIX "catalog.warehouse", "");
    warehouse += strncmp(warehouse, "file:///", 8) == 0 ? 7 : 0;
    if (warehouse[0] == '\0') {
        FAIL(err, ERR_OPTION, PREFIX "catalog.warehouse: type=embedded needs the place of the tables");
        return err_hint(err, "s3://BUCKET/PREFIX or the path of a directory");
    }
    *url = strncmp(warehouse, "s3a://", 6) == 0 ? arena_printf(map->arena, "s3%s", warehouse + 3) : warehouse;
    return true;
}

static bool catalog_make(const Mapping *map, const char **url, Err *err) {
    const char *type = value_of(map, PREFIX "catalog.type", ""),
               *class = value_of(map, PREFIX "catalog.catalog-impl", "");
    bool rest = strcasecmp(type, "rest") == 0 || strcmp(class, "org.apache.iceberg.rest.RESTCatalog") == 0;
    TRY(catalog_keys(map, err));
    if (rest || strcasecmp(type, "embedded") == 0) {
        return rest ? catalog_rest(map, url, err) : catalog_embedded(map, url, err);
    }
    FAIL(err, ERR_OPTION, PREFIX "catalog.type: leat has no catalog of type %.100s",
         type[0] != '\0'    ? type
         : class[0] != '\0' ? class
                            : "hive (which it is when none is given)");
    return err_hint(err, "it has rest (" PREFIX "catalog.uri: any Iceberg REST catalog, leat's own too) and embedded "
                         "(" PREFIX "catalog.warehouse: leat's own, without HTTP)");
}

// --- rules -----------------------------------------------------------------------------------------------------

static Slice text_of(const Mapping *map, const char *key) {
    const Property *property = properties_find(map->config, slice_of(key));
    return property != NULL && property->value.data != NULL ? arena_slice(map->arena, property->value) : (Slice){0};
}

static RecordPath path_of(const Mapping *map, const char *key) {
    Slice rest = text_of(map, key);
    Slice *parts = ARENA_ARRAY(map->arena, Slice, rest.size + 1);
    size_t count = 0;
    while (rest.size > 0) {
        const uint8_t *dot = memchr(rest.data, '.', rest.size);
        parts[count] = dot != NULL ? (Slice){rest.data, (size_t)(dot - rest.data)} : rest;
        rest = slice_from(rest, parts[count++].size + (dot != NULL));
    }
    return (RecordPath){parts, count};
}

static bool ends(Slice name, const char *end, Slice *before) {
    size_t size = strlen(end);
    bool does = name.size > size && memcmp(name.data + name.size - size, end, size) == 0;
    *before = does ? (Slice){name.data, name.size - size} : (Slice){0};
    return does;
}

static RecordTableRule *rule_at(const Mapping *map, RecordTableRule *rules, Slice name) {
    for (size_t i = 0; i < map->rules->rule_count; i++) {
        if (slice_equal(rules[i].name, name)) {
            return &rules[i];
        }
    }
    RecordTableRule *added = &rules[map->rules->rule_count++];
    added->name = arena_slice(map->arena, name);
    return added;
}

// iceberg.table.NAME.KEY, where NAME has dots of its own.
static bool table_rules(const Mapping *map, Err *err) {
    Properties under = properties_under(map->arena, map->config, SLICE(PREFIX "table."));
    RecordTableRule *rules = ARENA_ARRAY(map->arena, RecordTableRule, under.count);
    map->rules->rules = rules;
    for (size_t i = 0; i < under.count; i++) {
        Slice table, value = arena_slice(map->arena, under.at[i].value);
        if (ends(under.at[i].name, ".id-columns", &table)) {
            rule_at(map, rules, table)->ids = value;
        } else if (ends(under.at[i].name, ".partition-by", &table)) {
            rule_at(map, rules, table)->partition_by = value;
        } else if (ends(under.at[i].name, ".commit-branch", &table)) {
            rule_at(map, rules, table)->commit_branch = value;
        } else if (ends(under.at[i].name, ".route-regex", &table)) {
            const char *key = arena_printf(map->arena, PREFIX "table.%.*s", SLICE_ARG(under.at[i].name));
            RecordTableRule *rule = rule_at(map, rules, table);
            TRY(rule->route == NULL || FAIL(err, ERR_OPTION, "%s is there twice", key));
            TRY(regex_new(value, 0, key, &rule->route, err));
        }
    }
    return true;
}

static void properties_of_tables(const Mapping *map) {
    Properties under = properties_under(map->arena, map->config, SLICE(PREFIX "tables.auto-create-props."));
    RecordPair *pairs = ARENA_ARRAY(map->arena, RecordPair, under.count);
    for (size_t i = 0; i < under.count; i++) {
        pairs[i] = (RecordPair){arena_slice(map->arena, under.at[i].name), arena_slice(map->arena, under.at[i].value)};
    }
    map->rules->properties = pairs;
    map->rules->property_count = under.count;
}

static bool tables_check(const Mapping *map, Err *err) {
    const RecordRules *rules = map->rules;
    if (rules->table_count > 0 && rules->dynamic) {
        return FAIL(err, ERR_OPTION, PREFIX "tables: tables are named here or by a field (dynamic-enabled), not both");
    }
    if (rules->table_count == 0 && !rules->dynamic) {
        return FAIL(err, ERR_OPTION, PREFIX "tables: no table is named");
    }
    return !rules->dynamic || rules->route.count > 0 ||
           FAIL(err, ERR_OPTION, PREFIX "tables.route-field: with dynamic-enabled a field must name the table");
}

static bool rules_make(const Mapping *map, Err *err) {
    RecordRules *rules = map->rules;
    const Properties *config = map->config;
    rules->tables = properties_list(map->arena, text_of(map, PREFIX "tables"), &rules->table_count);
    rules->dynamic = connector_true(config, PREFIX "tables.dynamic-enabled", false);
    rules->route = path_of(map, PREFIX "tables.route-field");
    rules->default_ids = text_of(map, PREFIX "tables.default-id-columns");
    rules->default_partition_by = text_of(map, PREFIX "tables.default-partition-by");
    rules->default_branch = text_of(map, PREFIX "tables.default-commit-branch");
    rules->create = connector_true(config, PREFIX "tables.auto-create-enabled", false);
    rules->evolve = connector_true(config, PREFIX "tables.evolve-schema-enabled", false);
    rules->force_optional = connector_true(config, PREFIX "tables.schema-force-optional", false);
    rules->ignore_case = connector_true(config, PREFIX "tables.schema-case-insensitive", false);
    rules->operation = path_of(map, PREFIX "tables.cdc-field");
    rules->upsert = rules->operation.count > 0 || connector_true(config, PREFIX "tables.upsert-mode-enabled", false);
    bool json = slice_is(connector_converter(config, false), "JsonConverter");
    rules->schemaless = json && !connector_true(config, "value.converter.schemas.enable", true);
    rules->decimal_numbers = strcasecmp(value_of(map, "value.converter.decimal.format", "BASE64"), "NUMERIC") == 0;
    properties_of_tables(map);
    TRY(tables_check(map, err));
    return table_rules(map, err);
}

// --- options ---------------------------------------------------------------------------------------------------

static bool writing(const Mapping *map, Err *err) {
    static const char FORMAT[] = PREFIX "tables.write-props.write.format.default";
    static const char SIZE[] = PREFIX "tables.write-props.write.target-file-size-bytes";
    static const char INTERVAL[] = PREFIX "control.commit.interval-ms";
    const char *format = value_of(map, FORMAT, "parquet"), *size = value_of(map, SIZE, "");
    if (strcasecmp(format, "parquet") != 0) {
        return FAIL(err, ERR_OPTION, "%s: leat writes Parquet files only", FORMAT);
    }
    TRY(size[0] == '\0' || set(map, SIZE, "file.target.bytes", size, err));
    const char *interval = value_of(map, INTERVAL, "");
    return interval[0] == '\0' || set(map, INTERVAL, "freshness", arena_printf(map->arena, "%sms", interval), err);
}

// What is not for pipelines is for the sink.
static bool own(const Mapping *map, Err *err) {
    Properties own = properties_under(map->arena, map->config, SLICE("leat."));
    for (size_t i = 0; i < own.count; i++) {
        const char *name = arena_text(map->arena, own.at[i].name);
        if (option_find(map->sink->options, name) != NULL) {
            const char *value = arena_text(map->arena, own.at[i].value);
            TRY(set(map, arena_printf(map->arena, "leat.%s", name), name, value, err));
        }
    }
    return true;
}

bool iceberg_sink_options(Arena *arena, const SinkDriver *sink, const Properties *config, void **options,
                          const char **url, const RecordRules **rules, Err *err) {
    Mapping map = {arena, sink, config, arena_alloc(arena, pipeline_sink_options_bytes(sink)),
                   ARENA_NEW(arena, RecordRules)};
    option_defaults(sink->options, map.options);
    *options = map.options;
    *rules = map.rules;
    if (!catalog_make(&map, url, err) || !writing(&map, err) || !own(&map, err) || !rules_make(&map, err)) {
        iceberg_sink_release(map.rules);
        *rules = NULL;
        return false;
    }
    return true;
}

void iceberg_sink_release(const RecordRules *rules) {
    for (size_t i = 0; rules != NULL && i < rules->rule_count; i++) {
        regex_release(rules->rules[i].route);
    }
}
