// SPDX-License-Identifier: Apache-2.0
// How a Kafka cluster is reached: options of every driver that has one, and its URL,
//
//     kafka://HOST:PORT[,HOST:PORT…]/[TOPICS][?NAME=VALUE&…]
//
// whose parameters are options of that driver, percent-decoded.
#ifndef LEAT_STORAGE_KAFKA_OPTIONS_H
#define LEAT_STORAGE_KAFKA_OPTIONS_H

#include "core/config/option.h"

typedef struct KafkaOptions {
    const char *security_protocol;
    const char *sasl_mechanism;
    const char *sasl_username;
    const char *sasl_password;
    const char *oauth_url;
    const char *oauth_id;
    const char *oauth_secret;
    const char *oauth_scope;
    const char *oauth_ca;
    const char *ssl_ca;
    const char *ssl_certificate;
    const char *ssl_key;
    const char *ssl_key_password;
    const char *ssl_identification;
    const char *producer_override; // maps
    const char *consumer_override;
    const char *topic_creation;
} KafkaOptions;

// Rows of an OptionSpec table whose struct `Type` has the KafkaOptions as `member`.
#define KAFKA_OPTION_SPECS(Type, member)                                                                            \
    {.name = "security.protocol",                                                                                   \
     .type = OPTION_CHOICE,                                                                                         \
     .offset = offsetof(Type, member.security_protocol),                                                            \
     .default_text = "PLAINTEXT",                                                                                   \
     .choices = "PLAINTEXT,SSL,SASL_PLAINTEXT,SASL_SSL",                                                            \
     .text = "How brokers are spoken to."},                                                                         \
        {.name = "sasl.mechanism",                                                                                  \
         .type = OPTION_CHOICE,                                                                                     \
         .offset = offsetof(Type, member.sasl_mechanism),                                                           \
         .default_text = "PLAIN",                                                                                   \
         .choices = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER,GSSAPI",                                         \
         .text = "How the user is made known, with SASL_PLAINTEXT and SASL_SSL."},                                  \
        {.name = "sasl.username",                                                                                   \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.sasl_username),                                                            \
         .text = "The user, with PLAIN and SCRAM."},                                                                \
        {.name = "sasl.password",                                                                                   \
         .type = OPTION_TEXT,                                                                                       \
         .flags = OPTION_SECRET,                                                                                    \
         .offset = offsetof(Type, member.sasl_password),                                                            \
         .text = "The user's password; write ${env:NAME} or ${file:/path}."},                                       \
        {.name = "sasl.oauthbearer.token.endpoint.url",                                                             \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.oauth_url),                                                                \
         .text = "With OAUTHBEARER: where tokens are asked for, with client credentials (OAuth 2)."},               \
        {.name = "sasl.oauthbearer.client.id",                                                                      \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.oauth_id),                                                                 \
         .text = "With OAUTHBEARER: leat's name at the identity provider."},                                        \
        {.name = "sasl.oauthbearer.client.secret",                                                                  \
         .type = OPTION_TEXT,                                                                                       \
         .flags = OPTION_SECRET,                                                                                    \
         .offset = offsetof(Type, member.oauth_secret),                                                             \
         .text = "With OAUTHBEARER: its secret there; write ${env:NAME} or ${file:/path}."},                        \
        {.name = "sasl.oauthbearer.scope",                                                                          \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.oauth_scope),                                                              \
         .text = "With OAUTHBEARER: what the token is to be good for, where the provider asks for it."},            \
        {.name = "sasl.oauthbearer.ca.location",                                                                    \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.oauth_ca),                                                                 \
         .text = "With OAUTHBEARER: certificates (PEM) that the provider's is checked with; unset: the system's."}, \
        {.name = "ssl.ca.location",                                                                                 \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.ssl_ca),                                                                   \
         .text = "Certificates (PEM) that the brokers' are checked with; unset: the system's."},                    \
        {.name = "ssl.certificate.location",                                                                        \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.ssl_certificate),                                                          \
         .text = "leat's own certificate (PEM), where brokers ask for one."},                                       \
        {.name = "ssl.key.location",                                                                                \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.ssl_key),                                                                  \
         .text = "The key (PEM) of that certificate."},                                                             \
        {.name = "ssl.key.password",                                                                                \
         .type = OPTION_TEXT,                                                                                       \
         .flags = OPTION_SECRET,                                                                                    \
         .offset = offsetof(Type, member.ssl_key_password),                                                         \
         .text = "The password of that key; write ${env:NAME} or ${file:/path}."},                                  \
        {.name = "ssl.endpoint.identification.algorithm",                                                           \
         .type = OPTION_CHOICE,                                                                                     \
         .offset = offsetof(Type, member.ssl_identification),                                                       \
         .default_text = "https",                                                                                   \
         .choices = "https,none",                                                                                   \
         .text = "Whether the name in a broker's certificate is compared with its address."},                       \
        {.name = "producer.override.*",                                                                             \
         .type = OPTION_MAP,                                                                                        \
         .offset = offsetof(Type, member.producer_override),                                                        \
         .text = "Any option of librdkafka, or of Java's client where it is called otherwise, for what is sent."},  \
        {.name = "consumer.override.*",                                                                             \
         .type = OPTION_MAP,                                                                                        \
         .offset = offsetof(Type, member.consumer_override),                                                        \
         .text = "The same for what is read."},                                                                     \
    {                                                                                                               \
        .name = "topic.creation.*", .type = OPTION_MAP, .offset = offsetof(Type, member.topic_creation),            \
        .text = "New topics, as Kafka Connect has it: enable, default.partitions, default.replication.factor, "     \
                "default.CONFIG, groups, GROUP.include, GROUP.exclude, GROUP.…"                                   \
    }

typedef struct KafkaUrl {
    const char *brokers; // HOST:PORT,…
    const char *path;    // what follows the first slash, without parameters; percent-decoded
    const char *query;   // parameters, not decoded; "" = none
} KafkaUrl;

bool kafka_url_accepts(const char *url);
// ERR_OPTION: no broker, a user or password in the URL.
CHECKED bool kafka_url_parse(const char *url, Arena *arena, KafkaUrl *parts, Err *err);
// The next parameter, decoded; `at` begins as the URL's query. False: no more.
bool kafka_url_next(const char **at, Arena *arena, const char **name, const char **value);
// The URL with one more parameter.
const char *kafka_url_with(Arena *arena, const char *url, const char *name, const char *value);
// Does that option say how brokers are spoken to and who leat is there: security.protocol, sasl.…, ssl.…?
bool kafka_option_secures(const char *name);
// Sets the options that the parameters name. ERR_OPTION: there is none of that name, it is a secret.
CHECKED bool kafka_url_options(const KafkaUrl *parts, const OptionTable *table, void *options, Arena *arena, Err *err);

#endif
