// SPDX-License-Identifier: Apache-2.0
// What converters can be told: names, types and defaults are Kafka Connect's and Confluent's, the texts are ours. What
// they do is in data/connect/converter*.c; what a registry needs, in storage/kafka/registrar.c.
#include "data/connect/definitions/rows.h"

#define ROW(row_name, row_type, row_default, row_importance, row_group, row_order, row_width, row_display)  \
    .name = (row_name), .type = (row_type), .default_value = (row_default), .importance = (row_importance), \
    .group = (row_group), .order_in_group = (row_order), .width = (row_width), .display_name = (row_display)

// Connect sets it itself.
#define CONVERTER_TYPE                                                                                         \
    {                                                                                                          \
        KEY("converter.type", DEFINE_STRING, NULL, IMPORTANCE_LOW),                                            \
            .required = true, TEXT("What the converter is for: key, value or header. Connect says it itself.") \
    }

const Definition JSON_CONVERTER_DEFINITIONS[] = {
    CONVERTER_TYPE,
    {ROW("schemas.enable", DEFINE_BOOLEAN, "true", IMPORTANCE_HIGH, "Schemas", 0, WIDTH_MEDIUM, "Enable Schemas"),
     TEXT("Whether each key and value stands in an envelope with its schema.")},
    {ROW("schemas.cache.size", DEFINE_INT, "1000", IMPORTANCE_HIGH, "Schemas", 1, WIDTH_MEDIUM, "Schema Cache Size"),
     NO_EFFECT("each schema is compiled once and kept"), TEXT("How many schemas are kept.")},
    {ROW("schema.content", DEFINE_STRING, NULL, IMPORTANCE_HIGH, "Schemas", 2, WIDTH_MEDIUM, "Schema Content"),
     REFUSED("sinks read a journal's own types, so there is no text to be given a schema"),
     TEXT("A schema for values that have none.")},
    {ROW("decimal.format", DEFINE_STRING, "BASE64", IMPORTANCE_LOW, "Serialization", 0, WIDTH_MEDIUM, "Decimal Format"),
     .choices = "BASE64,NUMERIC", TEXT("Decimals as bytes in base64, or as numbers.")},
    {ROW("replace.null.with.default", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, "Serialization", 1, WIDTH_MEDIUM,
         "Replace null with default"),
     TEXT("Whether a null in a field that has a default is written as that default.")},
};
const size_t JSON_CONVERTER_DEFINITIONS_COUNT = ARRAY_LEN(JSON_CONVERTER_DEFINITIONS);

const Definition STRING_CONVERTER_DEFINITIONS[] = {
    CONVERTER_TYPE,
    {KEY("converter.encoding", DEFINE_STRING, "UTF-8", IMPORTANCE_HIGH), .choices = "UTF-8,UTF8",
     TEXT("The encoding of texts; leat writes UTF-8.")},
};
const size_t STRING_CONVERTER_DEFINITIONS_COUNT = ARRAY_LEN(STRING_CONVERTER_DEFINITIONS);

const Definition PLAIN_CONVERTER_DEFINITIONS[] = {CONVERTER_TYPE};
const size_t PLAIN_CONVERTER_DEFINITIONS_COUNT = ARRAY_LEN(PLAIN_CONVERTER_DEFINITIONS);

const Definition BINARY_CONVERTER_DEFINITIONS[] = {
    CONVERTER_TYPE,
    {KEY("delegate.converter.type", DEFINE_CLASS, NULL, IMPORTANCE_LOW),
     TEXT("The converter of what is no bytes; its keys stand under delegate.converter.type.")},
    {KEY("delegate.converter.type.schemas.enable", DEFINE_BOOLEAN, NULL, IMPORTANCE_LOW),
     TEXT("schemas.enable of that converter.")},
};
const size_t BINARY_CONVERTER_DEFINITIONS_COUNT = ARRAY_LEN(BINARY_CONVERTER_DEFINITIONS);

#define STRATEGIES                                                                                              \
    "io.confluent.kafka.serializers.subject.TopicNameStrategy (TOPIC-value), RecordNameStrategy (the record's " \
    "name) or TopicRecordNameStrategy (TOPIC-NAME)."
#define READ_ONLY "leat reads with this converter, and does not write"
#define NO_UNIONS "Connect schemas of leat have no unions"
#define AVRO_ROWS                                                                                                      \
    {KEY("auto.register.schemas", DEFINE_BOOLEAN, "true", IMPORTANCE_MEDIUM),                                          \
     TEXT("Whether schemas are registered; false: they must be there.")},                                              \
        {KEY("use.latest.version", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW),                                           \
         TEXT("With auto.register.schemas=false: write under the subject's latest version, where that gives the "      \
              "same bytes.")},                                                                                         \
        {KEY("use.schema.id", DEFINE_INT, "-1", IMPORTANCE_LOW), REFUSED("use use.latest.version"),                    \
         TEXT("The id of the schema to write under.")},                                                                \
        {KEY("normalize.schemas", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),                                         \
         TEXT("Whether the registry brings schemas into one form before it compares them.")},                          \
        {KEY("key.subject.name.strategy", DEFINE_CLASS, "io.confluent.kafka.serializers.subject.TopicNameStrategy",    \
             IMPORTANCE_MEDIUM),                                                                                       \
         TEXT("How subjects of keys are named: " STRATEGIES)},                                                         \
        {KEY("value.subject.name.strategy", DEFINE_CLASS, "io.confluent.kafka.serializers.subject.TopicNameStrategy",  \
             IMPORTANCE_MEDIUM),                                                                                       \
         TEXT("How subjects of values are named: " STRATEGIES)},                                                       \
        {KEY("connect.meta.data", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW),                                             \
         TEXT("Whether schemas have connect.* attributes: names, versions, parameters, defaults.")},                   \
        {KEY("enhanced.avro.schema.support", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),                              \
         TEXT("Enums of Avro's own and full names in unions, where a Connect schema says them.")},                     \
        {KEY("scrub.invalid.names", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),                                       \
         TEXT("Whether characters that Avro's names cannot have become underscores.")},                                \
        {KEY("ignore.default.for.nullables", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),                              \
         TEXT("Whether a null stays null in a field that may be null and has a default.")},                            \
        {KEY("generalized.sum.type.support", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM), NO_EFFECT(NO_UNIONS),        \
         TEXT("One form for unions of all kinds of schemas.")},                                                        \
        {KEY("discard.type.doc.default", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW), NO_EFFECT("it is for readers"),     \
         TEXT("Whether a type's doc and default are passed over.")},                                                   \
        {KEY("allow.optional.map.keys", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW),                                      \
         NO_EFFECT("maps of leat have texts as keys"), TEXT("Whether optional keys of maps are plain ones.")},         \
        {KEY("flatten.unions", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW), NO_EFFECT(NO_UNIONS),                         \
         TEXT("Whether unions within unions are made one.")},                                                          \
        {KEY("flatten.singleton.unions", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW), NO_EFFECT(NO_UNIONS),                \
         TEXT("Whether a union of one type is that type.")},                                                           \
        {KEY("schemas.cache.config", DEFINE_INT, "1000", IMPORTANCE_LOW), NO_EFFECT("all schemas are kept"),           \
         TEXT("How many schemas are kept.")},                                                                          \
        {KEY("max.schemas.per.subject", DEFINE_INT, "1000", IMPORTANCE_LOW), NO_EFFECT("all schemas are kept"),        \
         TEXT("How many schemas of a subject are kept.")},                                                             \
        {KEY("latest.compatibility.strict", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW),                                   \
         NO_EFFECT("the latest version is used only where it gives the same bytes"),                                   \
         TEXT("Whether the latest version must be compatible.")},                                                      \
        {KEY("latest.cache.ttl.sec", DEFINE_INT, "-1", IMPORTANCE_LOW), NO_EFFECT("the latest version is asked once"), \
         TEXT("How long the latest version is kept.")},                                                                \
        REGISTRY_ROWS

#define REGISTRY_ROWS                                                                                              \
    {KEY("basic.auth.credentials.source", DEFINE_STRING, "URL", IMPORTANCE_MEDIUM), .choices = "URL,USER_INFO",    \
     TEXT("Where user and password are: in the URL, or in basic.auth.user.info.")},                                \
        {KEY("basic.auth.user.info", DEFINE_PASSWORD, "", IMPORTANCE_MEDIUM), TEXT("USER:PASSWORD.")},             \
        {KEY("schema.registry.basic.auth.user.info", DEFINE_PASSWORD, "", IMPORTANCE_MEDIUM),                      \
         TEXT("USER:PASSWORD; the old name of basic.auth.user.info.")},                                            \
        {KEY("bearer.auth.credentials.source", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM), .choices = "STATIC_TOKEN", \
         TEXT("Where the token is: in bearer.auth.token.")},                                                       \
        {KEY("bearer.auth.token", DEFINE_PASSWORD, "", IMPORTANCE_MEDIUM), TEXT("The token.")},                    \
        {KEY("proxy.host", DEFINE_STRING, "", IMPORTANCE_LOW), TEXT("A proxy on the way to the registry.")},       \
        {KEY("proxy.port", DEFINE_INT, "-1", IMPORTANCE_LOW), TEXT("Its port.")},                                  \
        {KEY("http.connect.timeout.ms", DEFINE_INT, "60000", IMPORTANCE_LOW), .minimum = "1",                      \
         TEXT("How long a connection to the registry may take.")},                                                 \
        {KEY("http.read.timeout.ms", DEFINE_INT, "60000", IMPORTANCE_LOW), .minimum = "1",                         \
         TEXT("How long its answer may take.")},                                                                   \
        {KEY("schema.registry.ssl.truststore.location", DEFINE_STRING, NULL, IMPORTANCE_HIGH),                     \
         TEXT("A PEM file of certificates that the registry's is checked with.")},                                 \
        {KEY("schema.registry.ssl.truststore.type", DEFINE_STRING, "JKS", IMPORTANCE_MEDIUM),                      \
         TEXT("The form of that file: PEM is what leat reads.")},                                                  \
        {KEY("schema.registry.ssl.truststore.password", DEFINE_PASSWORD, NULL, IMPORTANCE_HIGH),                   \
         NO_EFFECT("a PEM file of certificates has none"), TEXT("That file's password.")},                         \
    {                                                                                                              \
        KEY("schema.registry.ssl.keystore.location", DEFINE_STRING, NULL, IMPORTANCE_HIGH),                        \
            REFUSED("use a password or a token"), TEXT("A client's certificate.")                                  \
    }

const Definition AVRO_CONVERTER_DEFINITIONS[] = {
    {KEY("schema.registry.url", DEFINE_LIST, NULL, IMPORTANCE_HIGH), .required = true,
     TEXT("The schema registry; several, comma-separated: the next is asked when one does not answer.")},
    AVRO_ROWS,
};
const size_t AVRO_CONVERTER_DEFINITIONS_COUNT = ARRAY_LEN(AVRO_CONVERTER_DEFINITIONS);

// Its keys but those that only a writer has.
const Definition JSON_SCHEMA_CONVERTER_DEFINITIONS[] = {
    {KEY("schema.registry.url", DEFINE_LIST, NULL, IMPORTANCE_HIGH), .required = true,
     TEXT("The schema registry; several, comma-separated: the next is asked when one does not answer.")},
    {KEY("use.optional.for.nonrequired", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),
     TEXT("Whether properties that a schema does not name as required may be left out.")},
    {KEY("object.additional.properties", DEFINE_BOOLEAN, "true", IMPORTANCE_MEDIUM), NO_EFFECT(READ_ONLY),
     TEXT("Whether written schemas allow other properties.")},
    {KEY("decimal.format", DEFINE_STRING, "BASE64", IMPORTANCE_LOW), NO_EFFECT(READ_ONLY),
     TEXT("How decimals are written: BASE64 or NUMERIC; both are read.")},
    {KEY("json.fail.unknown.properties", DEFINE_BOOLEAN, "true", IMPORTANCE_MEDIUM),
     NO_EFFECT("a member that the schema has not is an error: it would be lost"),
     TEXT("Whether members that the schema has not are an error.")},
    REGISTRY_ROWS,
};
const size_t JSON_SCHEMA_CONVERTER_DEFINITIONS_COUNT = ARRAY_LEN(JSON_SCHEMA_CONVERTER_DEFINITIONS);

#define CONFLUENT_API "give schema.registry.url: Apicurio serves Confluent's API at /apis/ccompat/v7"
const Definition APICURIO_CONVERTER_DEFINITIONS[] = {
    {KEY("schema.registry.url", DEFINE_LIST, NULL, IMPORTANCE_HIGH), .required = true,
     TEXT("The registry by Confluent's API; Apicurio has it at /apis/ccompat/v7.")},
    {KEY("apicurio.registry.url", DEFINE_STRING, NULL, IMPORTANCE_HIGH), NO_EFFECT(CONFLUENT_API),
     TEXT("The registry by its own API.")},
    {KEY("apicurio.registry.as-confluent", DEFINE_BOOLEAN, "true", IMPORTANCE_MEDIUM),
     NO_EFFECT("ids have four bytes, as with Confluent"), TEXT("Whether ids have four bytes.")},
    {KEY("apicurio.registry.headers.enabled", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),
     REFUSED("ids stand in front of the value"), TEXT("Whether ids stand in headers.")},
    {KEY("apicurio.registry.auto-register", DEFINE_BOOLEAN, "true", IMPORTANCE_MEDIUM),
     NO_EFFECT("auto.register.schemas says it"), TEXT("Whether schemas are registered.")},
    {KEY("apicurio.registry.find-latest", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),
     NO_EFFECT("use.latest.version says it"), TEXT("Whether the latest version is written under.")},
    AVRO_ROWS,
};
const size_t APICURIO_CONVERTER_DEFINITIONS_COUNT = ARRAY_LEN(APICURIO_CONVERTER_DEFINITIONS);
