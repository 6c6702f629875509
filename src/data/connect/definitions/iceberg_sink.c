// SPDX-License-Identifier: Apache-2.0
// Iceberg's sink connector: names, types and defaults are its own, the texts are ours. What leat does with each is in
// flow/pipeline/iceberg_sink.c.
#include "data/connect/plugin_tables.h"

#include "core/config/regex.h"

#include <strings.h>

#define ROW(row_name, row_type, row_default, row_importance)                                                \
    .name = (row_name), .type = (row_type), .default_value = (row_default), .importance = (row_importance), \
    .order_in_group = -1, .width = WIDTH_NONE, .display_name = (row_name)
#define NO_EFFECT(row_note) .effect = EFFECT_NONE, .note = (row_note)

#define NO_CONTROL "leat commits by itself: there is no topic between tasks, and no group of them"
#define NO_KAFKA   "no Kafka lies between source and sink"
#define NO_HADOOP  "leat has no Hadoop: S3 and local paths are its own, set iceberg.catalog.s3.* or leat.s3.*"

const Definition ICEBERG_SINK_DEFINITIONS[] = {
    {ROW("iceberg.tables", DEFINE_LIST, NULL, IMPORTANCE_HIGH),
     .documentation = "The tables that records go into, NAMESPACE.TABLE; all of them, unless a route field decides."},
    {ROW("iceberg.tables.dynamic-enabled", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),
     .documentation = "Whether the route field names the table (in lower case)."},
    {ROW("iceberg.tables.route-field", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
     .documentation = "A field, or a path of fields with dots, that decides which tables a record goes into."},
    {ROW("iceberg.tables.default-commit-branch", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
     .documentation = "The branch that commits go to; unset: main. Not with rows that are replaced."},
    {ROW("iceberg.tables.default-id-columns", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
     .documentation = "The columns by which a row is found again, with commas; unset: the table's identifier fields."},
    {ROW("iceberg.tables.default-partition-by", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
     .documentation = "Partitions of tables that are made: day(at),bucket(id,16),region."},
    {ROW("iceberg.tables.auto-create-enabled", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),
     .documentation = "Whether tables that are not there are made, of the first record's schema."},
    {ROW("iceberg.tables.schema-force-optional", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),
     .documentation = "Whether all columns of new tables may be NULL, whatever the records' schema says."},
    {ROW("iceberg.tables.schema-case-insensitive", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),
     .documentation = "Whether fields find their columns whatever the case of their names."},
    {ROW("iceberg.tables.evolve-schema-enabled", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),
     .documentation = "Whether new fields become columns, int columns long, float columns double, and required ones "
                      "optional, as records ask for it. Else what has no column is left out."},
    {ROW("iceberg.tables.cdc-field", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
     .documentation = "A field that says what a record does to its row, by its first letter: D deletes it, all else "
                      "puts it in the place of the one with the same key."},
    {ROW("iceberg.tables.upsert-mode-enabled", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),
     .documentation = "Whether each record takes the place of the row with the same key."},
    {ROW("iceberg.catalog", DEFINE_STRING, "iceberg", IMPORTANCE_MEDIUM),
     NO_EFFECT("the name stands nowhere in tables"), .documentation = "What the catalog is called."},
    {ROW("iceberg.control.topic", DEFINE_STRING, "control-iceberg", IMPORTANCE_MEDIUM), NO_EFFECT(NO_CONTROL),
     .documentation = "The topic by which tasks agree on commits."},
    {ROW("iceberg.control.group-id-prefix", DEFINE_STRING, "cg-control-", IMPORTANCE_LOW), NO_EFFECT(NO_CONTROL),
     .documentation = "How groups that read it are called."},
    {ROW("iceberg.control.group-id", DEFINE_STRING, NULL, IMPORTANCE_LOW), NO_EFFECT(NO_CONTROL),
     .documentation = "The group that reads it (Tabular's)."},
    {ROW("iceberg.connect.group-id", DEFINE_STRING, NULL, IMPORTANCE_LOW), NO_EFFECT(NO_CONTROL),
     .documentation = "The group that reads the records."},
    {ROW("iceberg.control.commit.interval-ms", DEFINE_INT, "300000", IMPORTANCE_MEDIUM), .minimum = "1",
     .documentation = "How long a record may wait for the next commit, in ms. When it is not given, leat's own: 1 s on "
                      "local disk, 60 s else."},
    {ROW("iceberg.control.commit.timeout-ms", DEFINE_INT, "30000", IMPORTANCE_MEDIUM), NO_EFFECT(NO_CONTROL),
     .documentation = "How long a commit waits for all tasks, in ms."},
    {ROW("iceberg.control.commit.threads", DEFINE_INT, NULL, IMPORTANCE_MEDIUM), NO_EFFECT(NO_CONTROL),
     .documentation = "How many tables are committed side by side."},
    {ROW("iceberg.hadoop-conf-dir", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM), NO_EFFECT(NO_HADOOP),
     .documentation = "A directory of Hadoop's configuration."},
    {ROW("iceberg.catalog.credential", DEFINE_PASSWORD, NULL, IMPORTANCE_HIGH),
     .documentation = "OAuth2 client credentials of a REST catalog, ID:SECRET."},
    {ROW("iceberg.catalog.token", DEFINE_PASSWORD, NULL, IMPORTANCE_HIGH),
     .documentation = "A bearer token for a REST catalog."},
    {ROW("iceberg.catalog.s3.secret-access-key", DEFINE_PASSWORD, NULL, IMPORTANCE_HIGH),
     .documentation = "The secret of the key for S3."},
    {ROW("iceberg.catalog.s3.session-token", DEFINE_PASSWORD, NULL, IMPORTANCE_HIGH),
     .documentation = "The session's token for S3."},
    {ROW("iceberg.catalog.rest.secret-access-key", DEFINE_PASSWORD, NULL, IMPORTANCE_HIGH),
     .documentation = "The secret of the key that requests to a REST catalog are signed with."},
    {ROW("iceberg.catalog.rest.session-token", DEFINE_PASSWORD, NULL, IMPORTANCE_HIGH),
     .documentation = "The session's token of that key."},
    {ROW("iceberg.catalog.*", DEFINE_STRING, NULL, IMPORTANCE_HIGH),
     .documentation = "The catalog: type (rest, or leat's own: embedded), uri, warehouse, scope, oauth2-server-uri, "
                      "rest.sigv4-enabled, client.region, s3.endpoint, s3.path-style-access, …"},
    {ROW("iceberg.table.*", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
     .documentation = "Of one table: iceberg.table.NAMESPACE.TABLE.route-regex, .id-columns, .partition-by, "
                      ".commit-branch."},
    {ROW("iceberg.tables.auto-create-props.*", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
     .documentation = "Properties of tables that are made; format-version among them."},
    {ROW("iceberg.tables.write-props.*", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
     .documentation = "How files are written: write.target-file-size-bytes."},
    {ROW("iceberg.hadoop.*", DEFINE_STRING, NULL, IMPORTANCE_LOW), NO_EFFECT(NO_HADOOP),
     .documentation = "Hadoop's configuration."},
    {ROW("iceberg.kafka.*", DEFINE_STRING, NULL, IMPORTANCE_LOW), NO_EFFECT(NO_KAFKA),
     .documentation = "Of clients for the control topic."},
    {ROW("iceberg.coordinator.*", DEFINE_STRING, NULL, IMPORTANCE_LOW), NO_EFFECT(NO_CONTROL),
     .documentation = "Of the task that commits."},
    {ROW("leat.*", DEFINE_STRING, NULL, IMPORTANCE_LOW),
     .documentation = "Options of leat's own: leat.memory.limit, and those of its Iceberg sink."},
};
const size_t ICEBERG_SINK_DEFINITIONS_COUNT = ARRAY_LEN(ICEBERG_SINK_DEFINITIONS);

// --- what rows cannot say --------------------------------------------------------------------------------------

static Slice given(const Properties *config, const char *name) {
    const Property *property = properties_find(config, slice_of(name));
    return property != NULL ? property->value : (Slice){0};
}

static bool is_any(Slice text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (text.size == strlen(words[i]) && strncasecmp((const char *)text.data, words[i], text.size) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_true(Slice text) {
    static const char *const TRUE_WORD[] = {"true"};
    return is_any(text, TRUE_WORD, 1);
}

static bool ends_with(Slice name, const char *end) {
    size_t size = strlen(end);
    return name.size > size && memcmp(name.data + name.size - size, end, size) == 0;
}

#define OFFERED                                                                                              \
    "leat has rest (with iceberg.catalog.uri: any Iceberg REST catalog, leat's own too) and embedded (with " \
    "iceberg.catalog.warehouse: leat's own, without HTTP)"

static void catalog_check(const Properties *config, Validation *validation) {
    static const char *const TYPES[] = {"rest", "embedded"}, *const EMBEDDED[] = {"embedded"};
    Slice type = given(config, "iceberg.catalog.type"), class = given(config, "iceberg.catalog.catalog-impl");
    bool rest = type.size == 0 && slice_is(class, "org.apache.iceberg.rest.RESTCatalog");
    if (!rest && !is_any(type, TYPES, ARRAY_LEN(TYPES))) {
        Slice named = type.size > 0 ? type : class.size > 0 ? class : SLICE("hive (the default)");
        validation_error(validation,
                         type.size > 0 || class.size == 0 ? "iceberg.catalog.type" : "iceberg.catalog.catalog-impl",
                         "leat has no catalog %.*s: " OFFERED, SLICE_ARG(named));
        return;
    }
    bool embedded = is_any(type, EMBEDDED, 1);
    const char *needs = embedded ? "iceberg.catalog.warehouse" : "iceberg.catalog.uri";
    if (given(config, needs).size == 0) {
        validation_error(validation, needs, "iceberg.catalog.type=%s needs %s", embedded ? "embedded" : "rest", needs);
    }
    Slice io = given(config, "iceberg.catalog.io-impl");
    if (io.size > 0 && !ends_with(io, ".S3FileIO") && !ends_with(io, ".HadoopFileIO") &&
        !ends_with(io, ".ResolvingFileIO")) {
        validation_error(validation, "iceberg.catalog.io-impl", "leat writes to S3 and to local paths; it has no %.*s",
                         SLICE_ARG(io));
    }
}

static void tables_check(const Properties *config, Validation *validation) {
    bool dynamic = is_true(given(config, "iceberg.tables.dynamic-enabled"));
    bool tables = given(config, "iceberg.tables").size > 0;
    if (tables && dynamic) {
        validation_error(validation, "iceberg.tables", "Cannot specify both static and dynamic table names");
    } else if (!tables && !dynamic) {
        validation_error(validation, "iceberg.tables", "Must specify table name(s)");
    } else if (dynamic && given(config, "iceberg.tables.route-field").size == 0) {
        validation_error(validation, "iceberg.tables.route-field",
                         "Must specify a route field if using dynamic table names");
    }
    Slice format = given(config, "iceberg.tables.write-props.write.format.default");
    static const char *const PARQUET[] = {"parquet"};
    if (format.size > 0 && !is_any(format, PARQUET, 1)) {
        validation_error(validation, "iceberg.tables.write-props.write.format.default",
                         "leat writes Parquet files; it has no %.*s", SLICE_ARG(format));
    }
}

static void table_keys_check(const Property *property, Validation *validation) {
    static const char *const KEYS[] = {".route-regex", ".id-columns", ".partition-by", ".commit-branch"};
    const char *name = arena_text(validation->arena, property->name);
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        if (!ends_with(property->name, KEYS[i])) {
            continue;
        }
        Err err[1] = {{0}};
        Regex *regex = NULL;
        if (i == 0 && !regex_new(property->value, 0, name, &regex, err)) {
            validation_error(validation, name, "Invalid value for configuration %s: %s", name, err->message);
        }
        regex_release(regex);
        return;
    }
    validation_warning(validation, name,
                       "no key of a table: it has route-regex, id-columns, partition-by and "
                       "commit-branch");
}

void iceberg_sink_check(const Properties *config, Validation *validation) {
    static const char TABLE[] = "iceberg.table.";
    catalog_check(config, validation);
    tables_check(config, validation);
    for (size_t i = 0; i < config->count; i++) {
        const Property *property = &config->at[i];
        if (property->name.size > sizeof(TABLE) && memcmp(property->name.data, TABLE, sizeof(TABLE) - 1) == 0) {
            table_keys_check(property, validation);
        }
    }
}
