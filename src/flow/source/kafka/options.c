// SPDX-License-Identifier: Apache-2.0
#include "flow/source/kafka/options.h"

#include "core/config/secret.h"

#define AT(field) offsetof(KafkaSourceOptions, field)

// name, type, flags, offset, default, min, max, choices, text
static const OptionSpec SPECS[] = {
    {"group.id", OPTION_TEXT, 0, AT(group), "", 0, 0, NULL,
     "The consumer group whose offsets show how far leat is, and move it when they are reset; unset: leat- and the "
     "pipeline's name."},
    {"auto.offset.reset", OPTION_CHOICE, 0, AT(offset_reset), "earliest", 0, 0, "earliest,latest",
     "Where the first run begins in topics for which the group has no offset. Later topics and partitions are read "
     "from "
     "their beginning."},
    {"isolation.level", OPTION_CHOICE, 0, AT(isolation), "read_committed", 0, 0, "read_committed,read_uncommitted",
     "Whether records of transactions that are open or undone are left out."},
    {"format", OPTION_CHOICE, 0, AT(format), "auto", 0, 0, "auto,json,json-schema,avro,string,bytes",
     "What values are. auto: in the registry's frame (Avro, JSON Schema), JSON with its schema, else JSON."},
    {"key.format", OPTION_CHOICE, 0, AT(key_format), "auto", 0, 0, "auto,json,json-schema,avro,string,bytes",
     "What keys are. auto: in the registry's frame (Avro, JSON Schema), JSON with its schema, else text."},
    {"registry", OPTION_LIST, 0, AT(registry), "", 0, 0, NULL,
     "URLs of the schema registry, of which any may be asked; what is in its frame needs one."},
    {"registry.auth", OPTION_TEXT, OPTION_SECRET, AT(registry_auth), "", 0, 0, NULL,
     "USER:PASSWORD for the registry; write ${env:NAME} or ${file:/path}."},
    {"registry.ca.location", OPTION_TEXT, 0, AT(registry_ca), "", 0, 0, NULL,
     "Certificates (PEM) that the registry's is checked with; unset: the system's."},
    {"schema", OPTION_TEXT, 0, AT(schema), "", 0, 0, NULL,
     "A file with the Connect schema (JSON) of values that are JSON without one; unset: such a value is one column "
     "`value` of type jsonb."},
    {"rows", OPTION_CHOICE, 0, AT(rows), "auto", 0, 0, "auto,upsert,append",
     "Whether a record replaces the row of its key, and a null value removes it, or is a row of its own. auto: upsert "
     "of "
     "topics that are compacted. Changes of Debezium are what they say."},
    {"metadata.columns", OPTION_BOOL, 0, AT(metadata), "false", 0, 0, NULL,
     "Adds columns _partition, _offset, _timestamp and _headers."},
    {"data.loss", OPTION_CHOICE, 0, AT(data_loss), "fail", 0, 0, "fail,continue",
     "When records that were to be read are gone (retention has passed them, or the topic was made anew): stop, or go "
     "on "
     "with what there is."},
    KAFKA_OPTION_SPECS(KafkaSourceOptions, kafka),
};
const OptionTable KAFKA_SOURCE_OPTIONS = {.name = "Kafka source", .specs = SPECS, .count = ARRAY_LEN(SPECS)};

// Names are case-sensitive, other than those of regex_list_new.
static bool topics_read(Arena *arena, KafkaSourceOptions *options, Err *err) {
    Slice rest = slice_of(options->url.path);
    options->topics.at = ARENA_ARRAY(arena, Regex *, rest.size);
    while (rest.size > 0) {
        const uint8_t *comma = memchr(rest.data, ',', rest.size);
        size_t size = comma != NULL ? (size_t)(comma - rest.data) : rest.size;
        TRY(regex_new((Slice){rest.data, size}, 0, "topics", &options->topics.at[options->topics.count], err));
        options->topics.count++;
        rest = slice_from(rest, comma != NULL ? size + 1 : size);
    }
    return true;
}

bool kafka_source_options(const SourceContext *context, Arena *arena, KafkaSourceOptions *options, Err *err) {
    *options = (KafkaSourceOptions){0};
    option_defaults(&KAFKA_SOURCE_OPTIONS, options);
    TRY(kafka_url_parse(context->url, arena, &options->url, err));
    TRY(kafka_url_options(&options->url, &KAFKA_SOURCE_OPTIONS, options, arena, err));
    if (options->group[0] == '\0') {
        options->group = arena_printf(arena, "leat-%s", context->pipeline);
    }
    bool known =
        decode_format(options->format, &options->value_form) && decode_format(options->key_format, &options->key_form);
    ASSERT(known); // they are choices
    if (options->url.path[0] == '\0') {
        FAIL(err, ERR_OPTION, "the URL of Kafka names no topics");
        return err_hint(err, "write kafka://HOST:PORT/orders,payments or kafka://HOST:PORT/shop\\..*");
    }
    return topics_read(arena, options, err);
}

void kafka_source_options_release(KafkaSourceOptions *options) {
    for (size_t i = 0; i < options->topics.count; i++) {
        regex_release(options->topics.at[i]);
    }
    options->topics.count = 0;
}

static void set(Arena *arena, Properties *config, const char *name, const char *value) {
    properties_set(arena, config, slice_of(name), slice_of(value));
}

bool kafka_source_registrar(const KafkaSourceOptions *options, Arena *arena, Registrar **registrar, Err *err) {
    Properties config = {0};
    *registrar = NULL;
    if (options->registry[0] == '\0') {
        return true;
    }
    set(arena, &config, "value.converter.schema.registry.url", options->registry);
    if (options->registry_auth[0] != '\0') {
        char *user = NULL;
        TRY(secret_resolve(options->registry_auth, arena, &user, err));
        set(arena, &config, "value.converter.basic.auth.credentials.source", "USER_INFO");
        set(arena, &config, "value.converter.basic.auth.user.info", user);
    }
    if (options->registry_ca[0] != '\0') {
        set(arena, &config, "value.converter.schema.registry.ssl.truststore.location", options->registry_ca);
        set(arena, &config, "value.converter.schema.registry.ssl.truststore.type", "PEM");
    }
    return registrar_new(&config, false, registrar, err);
}
