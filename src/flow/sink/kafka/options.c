// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/kafka/options.h"

#include "data/connect/plugin.h"

#define AT(field) offsetof(KafkaSinkOptions, field)
#define DAY_MS    (INT64_C(24) * 3600 * 1000)

// name, type, flags, offset, default, min, max, choices, text
static const OptionSpec SPECS[] = {
    {"format", OPTION_CHOICE, 0, AT(format), "json", 0, 0, "json,avro",
     "The form of keys and values: JSON, or Avro whose schemas are in a registry."},
    {"envelope", OPTION_CHOICE, 0, AT(envelope), "debezium", 0, 0, "debezium,flat",
     "What a change becomes: key and envelope as Debezium writes them, or the row and leat's own fields (flat)."},
    {"topic.prefix", OPTION_TEXT, 0, AT(topic_prefix), "", 0, 0, NULL,
     "Topics are PREFIX.SCHEMA.TABLE; unset: the pipeline's name."},
    {"registry", OPTION_LIST, 0, AT(registry), "", 0, 0, NULL,
     "URLs of the schema registry, of which any may be asked; format=avro needs one."},
    {"registry.auth", OPTION_TEXT, OPTION_SECRET, AT(registry_auth), "", 0, 0, NULL,
     "USER:PASSWORD for the registry; write ${env:NAME} or ${file:/path}."},
    {"registry.ca.location", OPTION_TEXT, 0, AT(registry_ca), "", 0, 0, NULL,
     "Certificates (PEM) that the registry's is checked with; unset: the system's."},
    {"json.schemas.enable", OPTION_BOOL, 0, AT(json_schemas), "false", 0, 0, NULL,
     "format=json, envelope=debezium: each key and value is {\"schema\":…,\"payload\":…}."},
    {"tombstones.on.delete", OPTION_BOOL, 0, AT(tombstones), "true", 0, 0, NULL,
     "After a delete, its key with the value null, for topics that are compacted."},
    {"inexact.values", OPTION_CHOICE, 0, AT(inexact), "null", 0, 0, "null,fail,text",
     "format=avro, envelope=flat: a value that its column's type cannot hold (NaN, infinity) is NULL or an error; "
     "text: such columns are text."},
    {"json.decimals", OPTION_CHOICE, 0, AT(decimals), "string", 0, 0, "string,number",
     "format=json, envelope=flat: decimals as strings, exact in every reader, or as JSON numbers."},
    {"json.documents", OPTION_CHOICE, 0, AT(documents), "string", 0, 0, "string,embedded",
     "format=json, envelope=flat: columns of type json and jsonb as strings, or embedded as JSON."},
    {"exactly.once.support", OPTION_CHOICE, 0, AT(exactly_once), "enabled", 0, 0, "enabled,disabled",
     "Records and position in transactions; disabled: without, so that a crash repeats what it interrupted."},
    {"position.topic", OPTION_TEXT, 0, AT(position_topic), "leat-positions", 0, 0, NULL,
     "The compacted topic, one for all pipelines of a cluster, that says how far each of them is."},
    {"transactional.id", OPTION_TEXT, 0, AT(transactional_id), "", 0, 0, NULL,
     "Who the transactions are of; unset: leat- and the pipeline's name."},
    {"transaction.timeout", OPTION_DURATION, 0, AT(transaction_timeout_ms), "60s", 10 * 1000, DAY_MS, NULL,
     "Brokers undo a transaction that is open longer; at most their transaction.max.timeout.ms."},
    {"transaction.linger", OPTION_DURATION, 0, AT(transaction_linger_ms), "0", 0, DAY_MS, NULL,
     "A transaction is open at least so long, where more may come; 0 = it ends once all there is is in it."},
    {"transaction.interval", OPTION_DURATION, 0, AT(transaction_interval_ms), "500ms", 0, DAY_MS, NULL,
     "While there is more, a transaction ends at the first transaction of the source past this."},
    {"transaction.bytes.max", OPTION_BYTES, 0, AT(transaction_bytes_max), "256MiB", 4096, INT64_C(1) << 40, NULL,
     "A transaction ends past this size, or past half its timeout, also within a transaction of the source."},
    {"debezium.*", OPTION_MAP, 0, AT(debezium), NULL, 0, 0, NULL,
     "envelope=debezium: any option of Debezium's connector that its records depend on, and transforms."},
    {"key.converter.*", OPTION_MAP, 0, AT(key_converter), NULL, 0, 0, NULL,
     "envelope=debezium: options of the keys' converter, as in Kafka Connect."},
    {"value.converter.*", OPTION_MAP, 0, AT(value_converter), NULL, 0, 0, NULL,
     "envelope=debezium: options of the values' converter."},
    KAFKA_OPTION_SPECS(KafkaSinkOptions, kafka),
};

const OptionTable KAFKA_SINK_OPTIONS = {.name = "Kafka sink", .specs = SPECS, .count = ARRAY_LEN(SPECS)};

static void set(Arena *arena, Properties *config, const char *name, const char *value) {
    properties_set(arena, config, slice_of(name), slice_of(value));
}

static bool registry_check(const KafkaSinkOptions *options, bool avro, Err *err) {
    if (avro && options->registry[0] == '\0') {
        FAIL(err, ERR_OPTION, "format avro needs a schema registry");
        return err_hint(err, "give --registry URL; leat server has one, on listen.registry");
    }
    if (strchr(options->registry, '@') != NULL) {
        FAIL(err, ERR_OPTION, "a user or password stands in the registry's URL, which is shown and stored");
        return err_hint(err, "use --set 'registry.auth=${env:NAME}', a text USER:PASSWORD");
    }
    return true;
}

// What nobody reads would be lost in silence: a word that is misspelt, or that is of Debezium Server.
static bool debezium_check(Arena *arena, const KafkaSinkOptions *options, Err *err) {
    const Plugin *plugin = plugin_find(SLICE("PostgresConnector"), PLUGIN_SOURCE);
    Slice key, value;
    for (const char *at = options->debezium; option_map_next(&at, &key, &value);) {
        const char *name = arena_text(arena, key);
        bool known = strncmp(name, "transforms", 10) == 0 || strncmp(name, "predicates", 10) == 0;
        for (size_t i = 0; i < *plugin->definition_count && !known; i++) {
            known = definition_covers(&plugin->definitions[i], key);
        }
        if (!known) {
            bool source = strncmp(name, "source.", 7) == 0;
            FAIL(err, ERR_OPTION, "debezium.%s: Debezium's connector has no option %s", name, name);
            return err_hint(err,
                            source ? "so Debezium Server writes it; here it is debezium.%s"
                                   : "%s is none of those in docs/reference/debezium-postgresql.md; what is Debezium "
                                     "Server's (debezium.sink.*, debezium.format.*) has options of its own here",
                            name + (source ? 7 : 0));
        }
    }
    return true;
}

bool kafka_sink_config(const KafkaSinkOptions *options, const char *name, Arena *arena, Properties *config, Err *err) {
    bool avro = strcmp(options->format, "avro") == 0;
    const char *prefix = options->topic_prefix[0] != '\0' ? options->topic_prefix : name;
    *config = (Properties){0};
    TRY(registry_check(options, avro, err));
    TRY(debezium_check(arena, options, err));
    set(arena, config, "topic.prefix", prefix);
    set(arena, config, "skipped.operations", "none");
    set(arena, config, "tombstones.on.delete", options->tombstones ? "true" : "false");
    if (avro) {
        set(arena, config, "schema.name.adjustment.mode", "avro");
        set(arena, config, "field.name.adjustment.mode", "avro");
    }
    properties_set_map(arena, config, "", options->debezium);
    for (int i = 0; i < 2; i++) {
        const char *side = i == 0 ? "key.converter" : "value.converter";
        set(arena, config, side,
            avro ? "io.confluent.connect.avro.AvroConverter" : "org.apache.kafka.connect.json.JsonConverter");
        const char *names[][2] = {{"schemas.enable", options->json_schemas ? "true" : "false"},
                                  {"schema.registry.url", options->registry},
                                  {"basic.auth.credentials.source", "USER_INFO"},
                                  {"basic.auth.user.info", options->registry_auth},
                                  {"schema.registry.ssl.truststore.location", options->registry_ca},
                                  {"schema.registry.ssl.truststore.type", "PEM"}};
        for (size_t j = 0; j < ARRAY_LEN(names); j++) {
            bool of_auth = j == 2 && options->registry_auth[0] == '\0',
                 of_ca = j == 5 && options->registry_ca[0] == '\0';
            if (names[j][1][0] != '\0' && !of_auth && !of_ca && (avro || j == 0)) {
                set(arena, config, arena_printf(arena, "%s.%s", side, names[j][0]), names[j][1]);
            }
        }
    }
    properties_set_map(arena, config, "key.converter.", options->key_converter);
    properties_set_map(arena, config, "value.converter.", options->value_converter);
    return true;
}
