// SPDX-License-Identifier: Apache-2.0
#include "data/connect/plugin.h"

#include "core/config/regex.h"
#include "data/connect/plugin_tables.h"

#include <ctype.h>

#define CONNECT_ROW(name, kind, table) \
    { (name), (kind), PLUGIN_CONNECT_VERSION, table, &table##_COUNT, WORDS_CONNECT, NULL, NULL }

#define DEBEZIUM_ROW(name, kind, table) \
    { (name), (kind), PLUGIN_DEBEZIUM_VERSION, table, &table##_COUNT, WORDS_CONNECT, NULL, NULL }

#define TRANSFORM_ROW(name, version, table) \
    { (name), PLUGIN_TRANSFORMATION, version, table, &table##_COUNT, WORDS_CONNECT, transform_check, NULL }

// One line a class. What may have many names (forks of a converter) has as many lines.
const Plugin PLUGINS[] = {
    // connectors
    {"io.debezium.connector.postgresql.PostgresConnector", PLUGIN_SOURCE, PLUGIN_DEBEZIUM_VERSION, POSTGRES_DEFINITIONS,
     &POSTGRES_DEFINITIONS_COUNT, WORDS_DEBEZIUM, postgres_check, NULL},
    {"io.confluent.connect.s3.S3SinkConnector", PLUGIN_SINK, PLUGIN_S3_SINK_VERSION, S3_SINK_DEFINITIONS,
     &S3_SINK_DEFINITIONS_COUNT, WORDS_CONNECT, s3_sink_check, NULL},
    {"org.apache.iceberg.connect.IcebergSinkConnector", PLUGIN_SINK, PLUGIN_ICEBERG_VERSION, ICEBERG_SINK_DEFINITIONS,
     &ICEBERG_SINK_DEFINITIONS_COUNT, WORDS_CONNECT, iceberg_sink_check, NULL},
    {"io.tabular.iceberg.connect.IcebergSinkConnector", PLUGIN_SINK, PLUGIN_TABULAR_VERSION, ICEBERG_SINK_DEFINITIONS,
     &ICEBERG_SINK_DEFINITIONS_COUNT, WORDS_CONNECT, iceberg_sink_check, NULL},
    {"leat.Sync", PLUGIN_SOURCE, PLUGIN_CONNECT_VERSION, SYNC_DEFINITIONS, &SYNC_DEFINITIONS_COUNT, WORDS_CONNECT, NULL,
     "`leat sync` made this connector: change it there"},
    // transforms
    TRANSFORM_ROW("io.debezium.transforms.ByLogicalTableRouter", PLUGIN_DEBEZIUM_VERSION, LOGICAL_ROUTER_DEFINITIONS),
    TRANSFORM_ROW("io.debezium.transforms.ExtractNewRecordState", PLUGIN_DEBEZIUM_VERSION, UNWRAP_DEFINITIONS),
    TRANSFORM_ROW("io.debezium.transforms.HeaderToValue", PLUGIN_DEBEZIUM_VERSION, HEADER_TO_VALUE_DEFINITIONS),
    TRANSFORM_ROW("io.debezium.transforms.ToLogicalTopicRouter", PLUGIN_DEBEZIUM_VERSION, LOGICAL_ROUTER_DEFINITIONS),
    TRANSFORM_ROW("io.debezium.transforms.outbox.EventRouter", PLUGIN_DEBEZIUM_VERSION, OUTBOX_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.Cast$Key", PLUGIN_CONNECT_VERSION, CAST_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.Cast$Value", PLUGIN_CONNECT_VERSION, CAST_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.DropHeaders", PLUGIN_CONNECT_VERSION, DROP_HEADERS_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.ExtractField$Key", PLUGIN_CONNECT_VERSION,
                  EXTRACT_FIELD_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.ExtractField$Value", PLUGIN_CONNECT_VERSION,
                  EXTRACT_FIELD_DEFINITIONS),
    {"org.apache.kafka.connect.transforms.Filter", PLUGIN_TRANSFORMATION, PLUGIN_CONNECT_VERSION, NULL, NULL,
     WORDS_CONNECT, NULL, NULL},
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.Flatten$Key", PLUGIN_CONNECT_VERSION, FLATTEN_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.Flatten$Value", PLUGIN_CONNECT_VERSION, FLATTEN_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.HeaderFrom$Key", PLUGIN_CONNECT_VERSION,
                  HEADER_FROM_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.HeaderFrom$Value", PLUGIN_CONNECT_VERSION,
                  HEADER_FROM_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.HoistField$Key", PLUGIN_CONNECT_VERSION,
                  HOIST_FIELD_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.HoistField$Value", PLUGIN_CONNECT_VERSION,
                  HOIST_FIELD_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.InsertField$Key", PLUGIN_CONNECT_VERSION,
                  INSERT_FIELD_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.InsertField$Value", PLUGIN_CONNECT_VERSION,
                  INSERT_FIELD_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.InsertHeader", PLUGIN_CONNECT_VERSION,
                  INSERT_HEADER_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.MaskField$Key", PLUGIN_CONNECT_VERSION, MASK_FIELD_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.MaskField$Value", PLUGIN_CONNECT_VERSION,
                  MASK_FIELD_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.RegexRouter", PLUGIN_CONNECT_VERSION, REGEX_ROUTER_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.ReplaceField$Key", PLUGIN_CONNECT_VERSION,
                  REPLACE_FIELD_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.ReplaceField$Value", PLUGIN_CONNECT_VERSION,
                  REPLACE_FIELD_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.SetSchemaMetadata$Key", PLUGIN_CONNECT_VERSION,
                  SET_SCHEMA_METADATA_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.SetSchemaMetadata$Value", PLUGIN_CONNECT_VERSION,
                  SET_SCHEMA_METADATA_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.TimestampConverter$Key", PLUGIN_CONNECT_VERSION,
                  TIMESTAMP_CONVERTER_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.TimestampConverter$Value", PLUGIN_CONNECT_VERSION,
                  TIMESTAMP_CONVERTER_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.TimestampRouter", PLUGIN_CONNECT_VERSION,
                  TIMESTAMP_ROUTER_DEFINITIONS),
    TRANSFORM_ROW("org.apache.kafka.connect.transforms.ValueToKey", PLUGIN_CONNECT_VERSION, VALUE_TO_KEY_DEFINITIONS),
    TRANSFORM_ROW("org.apache.iceberg.connect.transforms.CopyValue", PLUGIN_ICEBERG_VERSION, ICEBERG_COPY_DEFINITIONS),
    TRANSFORM_ROW("org.apache.iceberg.connect.transforms.DebeziumTransform", PLUGIN_ICEBERG_VERSION,
                  ICEBERG_CDC_DEFINITIONS),
    {"org.apache.iceberg.connect.transforms.DmsTransform", PLUGIN_TRANSFORMATION, PLUGIN_ICEBERG_VERSION, NULL, NULL,
     WORDS_CONNECT, NULL, NULL},
    TRANSFORM_ROW("org.apache.iceberg.connect.transforms.JsonToMapTransform", PLUGIN_ICEBERG_VERSION,
                  ICEBERG_JSON_MAP_DEFINITIONS),
    TRANSFORM_ROW("org.apache.iceberg.connect.transforms.KafkaMetadataTransform", PLUGIN_ICEBERG_VERSION,
                  ICEBERG_METADATA_DEFINITIONS),
    TRANSFORM_ROW("org.apache.iceberg.connect.transforms.MongoDebeziumTransform", PLUGIN_ICEBERG_VERSION,
                  ICEBERG_MONGO_DEFINITIONS),
    TRANSFORM_ROW("io.tabular.iceberg.connect.transforms.CopyValue", PLUGIN_TABULAR_VERSION, ICEBERG_COPY_DEFINITIONS),
    TRANSFORM_ROW("io.tabular.iceberg.connect.transforms.DebeziumTransform", PLUGIN_TABULAR_VERSION,
                  ICEBERG_CDC_DEFINITIONS),
    {"io.tabular.iceberg.connect.transforms.DmsTransform", PLUGIN_TRANSFORMATION, PLUGIN_TABULAR_VERSION, NULL, NULL,
     WORDS_CONNECT, NULL, NULL},
    TRANSFORM_ROW("io.tabular.iceberg.connect.transforms.JsonToMapTransform", PLUGIN_TABULAR_VERSION,
                  ICEBERG_JSON_MAP_DEFINITIONS),
    TRANSFORM_ROW("io.tabular.iceberg.connect.transforms.KafkaMetadataTransform", PLUGIN_TABULAR_VERSION,
                  ICEBERG_METADATA_DEFINITIONS),
    TRANSFORM_ROW("io.tabular.iceberg.connect.transforms.MongoDebeziumTransform", PLUGIN_TABULAR_VERSION,
                  ICEBERG_MONGO_DEFINITIONS),
    // predicates
    CONNECT_ROW("org.apache.kafka.connect.transforms.predicates.HasHeaderKey", PLUGIN_PREDICATE,
                HAS_HEADER_KEY_DEFINITIONS),
    {"org.apache.kafka.connect.transforms.predicates.RecordIsTombstone", PLUGIN_PREDICATE, PLUGIN_CONNECT_VERSION, NULL,
     NULL, WORDS_CONNECT, NULL, NULL},
    {"org.apache.kafka.connect.transforms.predicates.TopicNameMatches", PLUGIN_PREDICATE, PLUGIN_CONNECT_VERSION,
     TOPIC_NAME_MATCHES_DEFINITIONS, &TOPIC_NAME_MATCHES_DEFINITIONS_COUNT, WORDS_CONNECT, topic_name_matches_check,
     NULL},
    // converters
    DEBEZIUM_ROW("io.debezium.converters.BinaryDataConverter", PLUGIN_CONVERTER, BINARY_CONVERTER_DEFINITIONS),
    DEBEZIUM_ROW("io.debezium.converters.ByteArrayConverter", PLUGIN_CONVERTER, BINARY_CONVERTER_DEFINITIONS),
    CONNECT_ROW("io.confluent.connect.avro.AvroConverter", PLUGIN_CONVERTER, AVRO_CONVERTER_DEFINITIONS),
    CONNECT_ROW("io.confluent.connect.json.JsonSchemaConverter", PLUGIN_CONVERTER, JSON_SCHEMA_CONVERTER_DEFINITIONS),
    CONNECT_ROW("io.apicurio.registry.utils.converter.AvroConverter", PLUGIN_CONVERTER, APICURIO_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.BooleanConverter", PLUGIN_CONVERTER, PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.ByteArrayConverter", PLUGIN_CONVERTER,
                PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.DoubleConverter", PLUGIN_CONVERTER, PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.FloatConverter", PLUGIN_CONVERTER, PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.IntegerConverter", PLUGIN_CONVERTER, PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.LongConverter", PLUGIN_CONVERTER, PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.ShortConverter", PLUGIN_CONVERTER, PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.json.JsonConverter", PLUGIN_CONVERTER, JSON_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.storage.StringConverter", PLUGIN_CONVERTER, STRING_CONVERTER_DEFINITIONS),
    DEBEZIUM_ROW("io.debezium.converters.BinaryDataConverter", PLUGIN_HEADER_CONVERTER, BINARY_CONVERTER_DEFINITIONS),
    DEBEZIUM_ROW("io.debezium.converters.ByteArrayConverter", PLUGIN_HEADER_CONVERTER, BINARY_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.BooleanConverter", PLUGIN_HEADER_CONVERTER,
                PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.ByteArrayConverter", PLUGIN_HEADER_CONVERTER,
                PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.DoubleConverter", PLUGIN_HEADER_CONVERTER,
                PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.FloatConverter", PLUGIN_HEADER_CONVERTER,
                PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.IntegerConverter", PLUGIN_HEADER_CONVERTER,
                PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.LongConverter", PLUGIN_HEADER_CONVERTER,
                PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.converters.ShortConverter", PLUGIN_HEADER_CONVERTER,
                PLAIN_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.json.JsonConverter", PLUGIN_HEADER_CONVERTER, JSON_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.storage.StringConverter", PLUGIN_HEADER_CONVERTER,
                STRING_CONVERTER_DEFINITIONS),
    CONNECT_ROW("org.apache.kafka.connect.storage.SimpleHeaderConverter", PLUGIN_HEADER_CONVERTER, ANY_DEFINITIONS),
};
const size_t PLUGIN_COUNT = ARRAY_LEN(PLUGINS);

const char *plugin_type_name(PluginType type) {
    static const char *const NAMES[] = {"source",           "sink",           "converter",
                                        "header_converter", "transformation", "predicate"};
    return NAMES[type];
}

// --- finding one -----------------------------------------------------------------------------------------------

static const char *simple_name(const char *class_name) {
    const char *dot = strrchr(class_name, '.');
    return dot != NULL ? dot + 1 : class_name;
}

static bool plugin_is(const Plugin *plugin, Slice name) {
    static const char *const SUFFIXES[] = {"Connector", "Connector",      "Converter",
                                           "Converter", "Transformation", "Predicate"};
    const char *simple = simple_name(plugin->class_name), *suffix = SUFFIXES[plugin->type];
    if (slice_is(name, plugin->class_name) || slice_is(name, simple)) {
        return true;
    }
    size_t size = strlen(simple), cut = strlen(suffix);
    return size > cut && strcmp(simple + size - cut, suffix) == 0 &&
           slice_equal(name, (Slice){(const uint8_t *)simple, size - cut});
}

const Plugin *plugin_find(Slice name, PluginType type) {
    for (size_t i = 0; i < PLUGIN_COUNT; i++) {
        if (PLUGINS[i].type == type && plugin_is(&PLUGINS[i], name)) {
            return &PLUGINS[i];
        }
    }
    return NULL;
}

const Plugin *plugin_connector(Slice name) {
    const Plugin *source = plugin_find(name, PLUGIN_SOURCE);
    return source != NULL ? source : plugin_find(name, PLUGIN_SINK);
}

const Plugin *plugin_any(Slice name) {
    for (PluginType type = PLUGIN_SOURCE; type <= PLUGIN_PREDICATE; type++) {
        const Plugin *plugin = plugin_find(name, type);
        if (plugin != NULL) {
            return plugin;
        }
    }
    return NULL;
}

static const char *class_list(Arena *arena, PluginType type, PluginType also) {
    const char *list = "";
    for (size_t i = 0; i < PLUGIN_COUNT; i++) {
        if (PLUGINS[i].type == type || PLUGINS[i].type == also) {
            list = arena_printf(arena, "%s%s%s", list, *list != '\0' ? ", " : "", PLUGINS[i].class_name);
        }
    }
    return list;
}

const char *plugin_unknown(Arena *arena, Slice name, PluginType type) {
    if (type == PLUGIN_SOURCE || type == PLUGIN_SINK) {
        return arena_printf(arena,
                            "Failed to find any class that implements Connector and which name matches %.*s, available "
                            "connectors are: %s. leat has these built in and loads no others.",
                            SLICE_ARG(name), class_list(arena, PLUGIN_SOURCE, PLUGIN_SINK));
    }
    return arena_printf(arena, "Class %.*s could not be found. leat has: %s", SLICE_ARG(name),
                        class_list(arena, type, type));
}

// --- parts of a connector's configuration ----------------------------------------------------------------------

static void common_rows(const Plugin *plugin, const Definition **rows, size_t *count) {
    bool is_sink = plugin->type == PLUGIN_SINK;
    *rows = is_sink ? COMMON_SINK_DEFINITIONS : COMMON_SOURCE_DEFINITIONS;
    *count = is_sink ? COMMON_SINK_DEFINITIONS_COUNT : COMMON_SOURCE_DEFINITIONS_COUNT;
}

static size_t own_count(const Plugin *plugin) {
    return plugin->definition_count == NULL ? 0 : *plugin->definition_count;
}

static const Definition *copy_of(Arena *arena, Definition definition) {
    Definition *copy = ARENA_NEW(arena, Definition);
    *copy = definition;
    return copy;
}

// The same rows under a prefix, numbered on in their group, as Connect embeds the keys of a transform. `group` NULL:
// each keeps its own.
static Definition *embedded(Arena *arena, const Definition *rows, size_t count, const char *prefix, const char *group,
                            int order) {
    Definition *copies = ARENA_ARRAY(arena, Definition, count);
    for (size_t i = 0; i < count; i++) {
        copies[i] = rows[i];
        copies[i].name = arena_printf(arena, "%s%s", prefix, rows[i].name);
        if (rows[i].alias_of != NULL) {
            copies[i].alias_of = arena_printf(arena, "%s%s", prefix, rows[i].alias_of);
        }
        if (group != NULL) {
            copies[i].group = rows[i].group == NULL ? group : arena_printf(arena, "%s: %s", group, rows[i].group);
            copies[i].order_in_group = order + (int)i;
        }
    }
    return copies;
}

static Slice value_of(const Properties *config, const char *name) {
    const Property *property = properties_find(config, slice_of(name));
    return property == NULL ? (Slice){0} : property->value;
}

// A plugin's own check sees its keys without their prefix; what it finds goes under the full names.
static void run_check(Validation *validation, const Plugin *plugin, const Properties *config, const char *prefix) {
    if (plugin->check == NULL) {
        return;
    }
    Validation found = {.arena = validation->arena};
    Properties own = *prefix == '\0' ? *config : properties_under(validation->arena, config, slice_of(prefix));
    plugin->check(&own, &found);
    for (size_t i = 0; i < found.count; i++) {
        const DefinitionValue *value = &found.values[i];
        const char *name = arena_printf(validation->arena, "%s%.*s", prefix, SLICE_ARG(value->name));
        for (size_t e = 0; e < value->error_count; e++) {
            validation_error(validation, name, "%s", value->errors[e]);
        }
        if (value->warning != NULL) {
            validation_warning(validation, name, "%s", value->warning);
        }
    }
}

static const Definition PREDICATE_ROWS[] = {
    {.name = "predicate",
     .type = DEFINE_STRING,
     .importance = IMPORTANCE_MEDIUM,
     .order_in_group = -1,
     .display_name = "predicate",
     .documentation = "The predicate that says for which records the transform is done."},
    {.name = "negate",
     .type = DEFINE_BOOLEAN,
     .default_value = "false",
     .importance = IMPORTANCE_MEDIUM,
     .order_in_group = -1,
     .display_name = "negate",
     .documentation = "Whether the transform is done for the other records instead."},
};

typedef struct AliasKind {
    const char *list;  // the key that has the aliases
    const char *title; // of one
    const char *noun;
    PluginType type;
} AliasKind;
static const AliasKind ALIAS_KINDS[] = {
    {"transforms", "Transformation", "transformation", PLUGIN_TRANSFORMATION},
    {"predicates", "Predicate", "predicate", PLUGIN_PREDICATE},
};

static const Plugin *add_type(Validation *validation, const AliasKind *kind, Slice alias, const char *prefix,
                              const char *group, const Properties *config) {
    Arena *arena = validation->arena;
    Definition rows[2] = {
        {.name = arena_printf(arena, "%stype", prefix),
         .type = DEFINE_CLASS,
         .required = true,
         .importance = IMPORTANCE_HIGH,
         .documentation = arena_printf(arena, "The class of the %s '%.*s'.", kind->noun, SLICE_ARG(alias)),
         .group = group,
         .width = WIDTH_LONG,
         .display_name = arena_printf(arena, "%s type for %.*s", kind->title, SLICE_ARG(alias))},
        {.name = arena_printf(arena, "%splugin.version", prefix),
         .type = DEFINE_STRING,
         .importance = IMPORTANCE_HIGH,
         .documentation = arena_printf(arena, "The version of the %s '%.*s'.", kind->noun, SLICE_ARG(alias)),
         .group = group,
         .order_in_group = 1,
         .width = WIDTH_LONG,
         .display_name = arena_printf(arena, "%s version for %.*s", kind->title, SLICE_ARG(alias)),
         .effect = EFFECT_NONE,
         .note = "there is one version of each class"},
    };
    validation_add(validation, copy_of(arena, rows[0]), 1, WORDS_CONNECT, config);
    validation_add(validation, copy_of(arena, rows[1]), 1, WORDS_CONNECT, config);
    DefinitionValue *type = validation_find(validation, slice_of(rows[0].name));
    if (type->value.data == NULL) {
        return NULL;
    }
    Slice name = type->value;
    const Plugin *plugin = plugin_find(name, kind->type);
    if (plugin == NULL) {
        type->value = (Slice){0};
        validation_error(validation, rows[0].name, "Invalid value %.*s for configuration %s: %s", SLICE_ARG(name),
                         rows[0].name, plugin_unknown(arena, name, kind->type));
    }
    return plugin;
}

static void add_alias(Validation *validation, const AliasKind *kind, Slice alias, const Properties *config) {
    Arena *arena = validation->arena;
    char *prefix = arena_printf(arena, "%s.%.*s.", kind->list, SLICE_ARG(alias));
    char *group = arena_printf(arena, "%c%s: %.*s", toupper(kind->list[0]), kind->list + 1, SLICE_ARG(alias));
    const Plugin *plugin = add_type(validation, kind, alias, prefix, group, config);
    if (plugin == NULL) {
        return;
    }
    size_t count = own_count(plugin);
    if (kind->type == PLUGIN_TRANSFORMATION) {
        validation_add(validation, embedded(arena, PREDICATE_ROWS, ARRAY_LEN(PREDICATE_ROWS), prefix, group, 2),
                       ARRAY_LEN(PREDICATE_ROWS), WORDS_CONNECT, config);
    }
    validation_add(validation, embedded(arena, plugin->definitions, count, prefix, group, 4), count, plugin->words,
                   config);
    run_check(validation, plugin, config, prefix);
}

static void add_aliases(Validation *validation, const Properties *config) {
    for (size_t k = 0; k < ARRAY_LEN(ALIAS_KINDS); k++) {
        const AliasKind *kind = &ALIAS_KINDS[k];
        size_t count;
        Slice *aliases = properties_list(validation->arena, value_of(config, kind->list), &count);
        bool told = false; // once, however many there are: the text has the whole list
        for (size_t i = 0; i < count; i++) {
            bool again = false;
            for (size_t j = 0; j < i && !again; j++) {
                again = slice_equal(aliases[i], aliases[j]);
            }
            if (!again) {
                add_alias(validation, kind, aliases[i], config);
            } else if (!told) {
                told = true;
                validation_error(validation, kind->list,
                                 "Invalid value %.*s for configuration %s: Duplicate alias provided.",
                                 SLICE_ARG(value_of(config, kind->list)), kind->list);
            }
        }
    }
}

// A converter that is named has its keys checked; the server's own default has none.
static void add_converter(Validation *validation, const char *key, PluginType type, const Properties *config) {
    Arena *arena = validation->arena;
    DefinitionValue *value = validation_find(validation, slice_of(key));
    if (value == NULL || !value->given || value->value.data == NULL) {
        return;
    }
    Slice name = value->value;
    const Plugin *plugin = plugin_find(name, type);
    if (plugin == NULL) {
        value->value = (Slice){0};
        validation_error(validation, key, "Invalid value %.*s for configuration %s: %s", SLICE_ARG(name), key,
                         plugin_unknown(arena, name, type));
        return;
    }
    char *prefix = arena_printf(arena, "%s.", key);
    Properties with_type = {ARENA_ARRAY(arena, Property, config->count), config->count};
    memcpy(with_type.at, config->at, config->count * sizeof(*config->at));
    // Connect tells a converter itself what it is for.
    properties_set(arena, &with_type, slice_of(arena_printf(arena, "%sconverter.type", prefix)),
                   (Slice){(const uint8_t *)key, (size_t)(strchr(key, '.') - key)});
    size_t count = own_count(plugin);
    validation_add(validation, embedded(arena, plugin->definitions, count, prefix, NULL, 0), count, plugin->words,
                   &with_type);
    run_check(validation, plugin, config, prefix);
}

static void add_topic_group(Validation *validation, Slice group, const Properties *config) {
    char *prefix = arena_printf(validation->arena, "topic.creation.%.*s.", SLICE_ARG(group));
    if (properties_under(validation->arena, config, slice_of(prefix)).count == 0) {
        return;
    }
    char *title = arena_printf(validation->arena, "Topic Creation: %.*s", SLICE_ARG(group));
    validation_add(
        validation,
        embedded(validation->arena, TOPIC_CREATION_DEFINITIONS, TOPIC_CREATION_DEFINITIONS_COUNT, prefix, title, 1),
        TOPIC_CREATION_DEFINITIONS_COUNT, WORDS_CONNECT, config);
}

static void add_topic_creation(Validation *validation, const Properties *config) {
    add_topic_group(validation, SLICE("default"), config);
    size_t count;
    Slice *groups = properties_list(validation->arena, value_of(config, "topic.creation.groups"), &count);
    for (size_t i = 0; i < count; i++) {
        add_topic_group(validation, groups[i], config);
    }
}

// --- the common keys' own rules --------------------------------------------------------------------------------

static void check_name(Validation *validation, const Properties *config) {
    DefinitionValue *value = validation_find(validation, SLICE("name"));
    const Property *name = properties_find(config, SLICE("name"));
    if (value == NULL || name == NULL || name->value.data == NULL) {
        return;
    }
    bool blank = true;
    const char *controls = "";
    for (size_t i = 0; i < name->value.size; i++) {
        uint8_t byte = name->value.data[i];
        blank = blank && byte == ' ';
        if (byte < 0x20 || byte == 0x7f) {
            controls = arena_printf(validation->arena, "%s%s%d", controls, *controls != '\0' ? ", " : "", byte);
        }
    }
    if (blank) {
        validation_error(validation, "name", "Invalid value %.*s for configuration name: String may not be empty",
                         SLICE_ARG(name->value));
    } else if (*controls != '\0') {
        validation_error(validation, "name",
                         "Invalid value for configuration name: String may not contain control sequences but had the "
                         "following ASCII chars: %s",
                         controls);
    }
}

static void check_topics(Validation *validation, const Properties *config) {
    size_t count;
    properties_list(validation->arena, value_of(config, "topics"), &count);
    Slice regex = value_of(config, "topics.regex");
    const char *wrong = NULL;
    if (count > 0 && regex.size > 0) {
        wrong = "topics and topics.regex are mutually exclusive options, but both are set.";
    } else if (count == 0 && regex.size == 0) {
        wrong = "Must configure one of topics or topics.regex";
    }
    if (wrong != NULL) {
        validation_error(validation, "topics", "%s", wrong);
        validation_error(validation, "topics.regex", "%s", wrong);
        return;
    }
    if (regex.size > 0) {
        Err err[1] = {{0}};
        Regex *compiled = NULL;
        if (!regex_new(regex, 0, "topics.regex", &compiled, err)) {
            validation_error(validation, "topics.regex", "Invalid value for configuration topics.regex: %s",
                             err->message);
        }
        regex_release(compiled);
    }
}

static void check_dead_letters(Validation *validation, const Properties *config) {
    Slice dead = value_of(config, "errors.deadletterqueue.topic.name");
    size_t count;
    Slice *topics = properties_list(validation->arena, value_of(config, "topics"), &count);
    for (size_t i = 0; i < count; i++) {
        if (dead.size > 0 && slice_equal(topics[i], dead)) {
            validation_error(validation, "topics",
                             "The DLQ topic '%.*s' may not be included in the list of topics ('topics') consumed by "
                             "the connector",
                             SLICE_ARG(dead));
        }
    }
}

static void check_common(Validation *validation, const Plugin *plugin, const Properties *config) {
    check_name(validation, config);
    if (plugin->type == PLUGIN_SINK) {
        check_topics(validation, config);
        check_dead_letters(validation, config);
    }
    const DefinitionValue *tasks = validation_find(validation, SLICE("tasks.max"));
    if (tasks->error_count == 0 && tasks->given && !slice_is(tasks->value, "1")) {
        const DefinitionValue *from = validation_find(validation, SLICE("leat.topics.from"));
        bool objects = plugin->definitions == S3_SINK_DEFINITIONS;
        bool shared = objects && from != NULL && slice_is(from->value, "kafka");
        validation_warning(validation, "tasks.max",
                           shared ? "tasks share the topics' partitions in a cluster; a single server runs one task"
                                  : "leat runs this connector as one task");
    }
    if (plugin->remark != NULL) {
        validation_warning(validation, "connector.class", "%s", plugin->remark);
    }
}

// --- the whole -------------------------------------------------------------------------------------------------

static void add_common(Validation *validation, const Plugin *plugin, const Properties *config) {
    const Definition *rows;
    size_t count;
    common_rows(plugin, &rows, &count);
    Definition *copies = ARENA_ARRAY(validation->arena, Definition, count);
    memcpy(copies, rows, count * sizeof(*rows));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(copies[i].name, "connector.plugin.version") == 0) {
            copies[i].default_value = plugin->version;
        }
    }
    validation_add(validation, copies, count, WORDS_CONNECT, config);
}

void plugin_validate(Arena *arena, const Plugin *plugin, const Properties *config, Validation *validation) {
    *validation = (Validation){.arena = arena};
    add_common(validation, plugin, config);
    check_common(validation, plugin, config);
    add_aliases(validation, config);
    if (plugin->type == PLUGIN_SOURCE) {
        add_topic_creation(validation, config);
    }
    validation_add(validation, plugin->definitions, own_count(plugin), plugin->words, config);
    add_converter(validation, "key.converter", PLUGIN_CONVERTER, config);
    add_converter(validation, "value.converter", PLUGIN_CONVERTER, config);
    add_converter(validation, "header.converter", PLUGIN_HEADER_CONVERTER, config);
    Properties renamed = plugin_renamed(arena, plugin, config);
    run_check(validation, plugin, &renamed, "");
    validation_unknown(validation, config);
}

void plugin_definitions(Arena *arena, const Plugin *plugin, const Definition ***definitions, size_t *count) {
    const Definition *common = NULL;
    size_t common_count = 0, own = own_count(plugin);
    if (plugin->type == PLUGIN_SOURCE || plugin->type == PLUGIN_SINK) {
        common_rows(plugin, &common, &common_count);
    }
    const Definition **all = ARENA_ARRAY(arena, const Definition *, own + common_count);
    *count = 0;
    for (size_t i = 0; i < own + common_count; i++) {
        const Definition *row = i < own ? &plugin->definitions[i] : &common[i - own];
        if (definition_hidden(row) || row->alias_of != NULL) {
            continue;
        }
        Definition shown = *row;
        bool version = strcmp(row->name, "connector.plugin.version") == 0;
        bool converter = i >= own && row->type == DEFINE_CLASS; // the server's, not the connector's: unset here
        bool converter_version = i >= own && strstr(row->name, "converter.plugin.version") != NULL;
        if (version || converter || converter_version) {
            shown.default_value = version ? plugin->version : NULL;
            row = copy_of(arena, shown);
        }
        all[(*count)++] = row;
    }
    *definitions = all;
}

static bool ends(const char *text, const char *end) {
    size_t size = strlen(text), cut = strlen(end);
    return size >= cut && strcmp(text + size - cut, end) == 0;
}

const char *plugin_recommended(Arena *arena, const DefinitionValue *value) {
    const Definition *definition = value->definition;
    if (definition == NULL) {
        return NULL;
    }
    const char *name = definition->name;
    if (strcmp(name, "key.converter") == 0 || strcmp(name, "value.converter") == 0) {
        return class_list(arena, PLUGIN_CONVERTER, PLUGIN_CONVERTER);
    }
    if (strcmp(name, "header.converter") == 0) {
        return class_list(arena, PLUGIN_HEADER_CONVERTER, PLUGIN_HEADER_CONVERTER);
    }
    if (definition->type == DEFINE_CLASS && strncmp(name, "transforms.", 11) == 0 && ends(name, ".type")) {
        return class_list(arena, PLUGIN_TRANSFORMATION, PLUGIN_TRANSFORMATION);
    }
    if (definition->type == DEFINE_CLASS && strncmp(name, "predicates.", 11) == 0 && ends(name, ".type")) {
        return class_list(arena, PLUGIN_PREDICATE, PLUGIN_PREDICATE);
    }
    if (ends(name, "plugin.version")) {
        return definition->default_value;
    }
    return value->words == WORDS_DEBEZIUM ? definition->choices : NULL;
}

Properties plugin_renamed(Arena *arena, const Plugin *plugin, const Properties *config) {
    Properties renamed = {ARENA_ARRAY(arena, Property, config->count), config->count};
    if (config->count > 0) {
        memcpy(renamed.at, config->at, config->count * sizeof(*config->at));
    }
    definition_rename(arena, plugin->definitions, own_count(plugin), &renamed);
    return renamed;
}
