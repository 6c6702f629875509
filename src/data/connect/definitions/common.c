// SPDX-License-Identifier: Apache-2.0
// What Kafka Connect itself takes of every connector, whatever its class: names, types, defaults, groups and orders are
// its own, the texts are ours.
#include "data/connect/plugin_tables.h"

#define ROW(row_name, row_type, row_default, row_importance, row_group, row_order, row_width, row_display)  \
    .name = (row_name), .type = (row_type), .default_value = (row_default), .importance = (row_importance), \
    .group = (row_group), .order_in_group = (row_order), .width = (row_width), .display_name = (row_display)
#define NO_EFFECT(row_note) .effect = EFFECT_NONE, .note = (row_note)
#define HIDDEN(row_name, row_note) \
    { ROW(row_name, DEFINE_STRING, NULL, IMPORTANCE_LOW, NULL, -1, WIDTH_NONE, row_name), NO_EFFECT(row_note) }

#define HONOURED(row_name) \
    { ROW(row_name, DEFINE_STRING, NULL, IMPORTANCE_LOW, NULL, -1, WIDTH_NONE, row_name) }

#define JSON_CONVERTER   "org.apache.kafka.connect.json.JsonConverter"
#define HEADER_CONVERTER "org.apache.kafka.connect.storage.SimpleHeaderConverter"
#define ONE_VERSION      "there is one version of each class"

#define COMMON_ROWS                                                                                                    \
    {ROW("name", DEFINE_STRING, NULL, IMPORTANCE_HIGH, "Common", 1, WIDTH_MEDIUM, "Connector name"), .required = true, \
     .documentation = "The connector's name; no other connector of this server has it."},                              \
        {ROW("connector.class", DEFINE_STRING, NULL, IMPORTANCE_HIGH, "Common", 2, WIDTH_LONG, "Connector class"),     \
         .required = true,                                                                                             \
         .documentation = "What the connector is: a class name in full, its last part, or that without Connector."},   \
        {ROW("connector.plugin.version", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM, "Common", 3, WIDTH_MEDIUM,            \
             "Connector version"),                                                                                     \
         NO_EFFECT(ONE_VERSION), .documentation = "Which version of the class to run."},                               \
        {ROW("tasks.max", DEFINE_INT, "1", IMPORTANCE_HIGH, "Common", 4, WIDTH_SHORT, "Tasks max"), .minimum = "1",    \
         .documentation = "The most tasks that the connector may have. leat runs each connector as one."},             \
        {ROW("tasks.max.enforce", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, "Common", 5, WIDTH_SHORT,                    \
             "Enforce tasks max"),                                                                                     \
         NO_EFFECT("a connector has one task"), .documentation = "Whether more tasks than tasks.max are an error."},   \
        {ROW("key.converter", DEFINE_CLASS, JSON_CONVERTER, IMPORTANCE_LOW, "Common", 6, WIDTH_SHORT,                  \
             "Key converter class"),                                                                                   \
         .documentation = "How keys become the bytes of a topic, and bytes keys again."},                              \
        {ROW("key.converter.plugin.version", DEFINE_STRING, PLUGIN_CONNECT_VERSION, IMPORTANCE_LOW, "Common", 7,       \
             WIDTH_SHORT, "Key converter version"),                                                                    \
         NO_EFFECT(ONE_VERSION), .documentation = "Which version of the key's converter to use."},                     \
        {ROW("value.converter", DEFINE_CLASS, JSON_CONVERTER, IMPORTANCE_LOW, "Common", 8, WIDTH_SHORT,                \
             "Value converter class"),                                                                                 \
         .documentation = "How values become the bytes of a topic, and bytes values again."},                          \
        {ROW("value.converter.plugin.version", DEFINE_STRING, PLUGIN_CONNECT_VERSION, IMPORTANCE_LOW, "Common", 9,     \
             WIDTH_SHORT, "Value converter version"),                                                                  \
         NO_EFFECT(ONE_VERSION), .documentation = "Which version of the value's converter to use."},                   \
        {ROW("header.converter", DEFINE_CLASS, HEADER_CONVERTER, IMPORTANCE_LOW, "Common", 10, WIDTH_SHORT,            \
             "Header converter class"),                                                                                \
         NO_EFFECT("headers keep their types in the journal"),                                                         \
         .documentation = "How headers become the bytes of a topic, and bytes headers again."},                        \
        {ROW("header.converter.plugin.version", DEFINE_STRING, PLUGIN_CONNECT_VERSION, IMPORTANCE_LOW, "Common", 11,   \
             WIDTH_SHORT, "Header converter version"),                                                                 \
         NO_EFFECT(ONE_VERSION), .documentation = "Which version of the headers' converter to use."},                  \
        {ROW("transforms", DEFINE_LIST, "", IMPORTANCE_LOW, "Transforms", 12, WIDTH_LONG, "Transforms"),               \
         .documentation = "Names of transforms, in the order in which they change records; each has its keys "         \
                          "under transforms.NAME."},                                                                   \
        {ROW("predicates", DEFINE_LIST, "", IMPORTANCE_LOW, "Predicates", 13, WIDTH_LONG, "Predicates"),               \
         .documentation = "Names of predicates that transforms can ask; each has its keys under predicates.NAME."},    \
        {ROW("config.action.reload", DEFINE_STRING, "restart", IMPORTANCE_LOW, "Common", 14, WIDTH_MEDIUM,             \
             "Reload Action"),                                                                                         \
         .choices = "none,restart", NO_EFFECT("references to secrets are read again at each connect"),                 \
         .documentation = "What to do when a secret that the configuration refers to has changed."},                   \
        {ROW("errors.retry.timeout", DEFINE_LONG, "0", IMPORTANCE_MEDIUM, "Error Handling", 1, WIDTH_MEDIUM,           \
             "Retry Timeout for Errors"),                                                                              \
         NO_EFFECT("what may pass by itself is tried again, with growing pauses, until it works"),                     \
         .documentation = "For how long a failed operation is tried again, in ms; -1 without end."},                   \
        {ROW("errors.retry.delay.max.ms", DEFINE_LONG, "60000", IMPORTANCE_MEDIUM, "Error Handling", 2, WIDTH_MEDIUM,  \
             "Maximum Delay Between Retries for Errors"),                                                              \
         NO_EFFECT("the server's own pauses hold"),                                                                    \
         .documentation = "The longest pause between two attempts, in ms."},                                           \
        {ROW("errors.tolerance", DEFINE_STRING, "none", IMPORTANCE_MEDIUM, "Error Handling", 3, WIDTH_SHORT,           \
             "Error Tolerance"),                                                                                       \
         .choices = "none,all",                                                                                        \
         .documentation = "What a record that cannot be converted does: none stops the connector, all sets the "       \
                          "record aside and goes on."},                                                                \
        {ROW("errors.log.enable", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM, "Error Handling", 4, WIDTH_SHORT,        \
             "Log Errors"),                                                                                            \
         NO_EFFECT("records that are set aside are logged and counted in any case"),                                   \
         .documentation = "Whether failures that are tolerated go into the log."},                                     \
    {                                                                                                                  \
        ROW("errors.log.include.messages", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM, "Error Handling", 5,            \
            WIDTH_SHORT, "Log Error Details"),                                                                         \
            NO_EFFECT("rows never go into logs; the dead letters have them"),                                          \
            .documentation = "Whether the log of a failure has the record itself."                                     \
    }

#define HIDDEN_ROWS                                                                                                   \
    HONOURED("consumer.override.*"), HIDDEN("admin.override.*", "there is no Kafka cluster to administer"),           \
        HIDDEN("confluent.license.*", "no licence is needed"),                                                        \
        {ROW("config.providers.*", DEFINE_STRING, NULL, IMPORTANCE_LOW, NULL, -1, WIDTH_NONE, "config.providers.*")}, \
        HIDDEN("confluent.topic.*", "no licence is needed, so there is no topic to keep it in")

const Definition COMMON_SOURCE_DEFINITIONS[] = {
    COMMON_ROWS,
    {ROW("topic.creation.groups", DEFINE_LIST, "", IMPORTANCE_LOW, "Topic Creation", 1, WIDTH_LONG,
         "Topic Creation Groups"),
     .documentation = "Names of groups of topics that are made with settings of their own, in the server's Kafka."},
    {ROW("exactly.once.support", DEFINE_STRING, "requested", IMPORTANCE_MEDIUM, "Exactly Once Support", 2, WIDTH_SHORT,
         "Exactly once support"),
     .choices = "requested,required",
     .documentation =
         "Whether the connector must be exactly once. Those of leat are, in either case, unless the server's "
         "Kafka is written without transactions: then required is refused."},
    {ROW("transaction.boundary", DEFINE_STRING, "poll", IMPORTANCE_MEDIUM, "Exactly Once Support", 3, WIDTH_SHORT,
         "Transaction Boundary"),
     .choices = "poll,connector,interval",
     .documentation =
         "Where transactions in the server's Kafka end: poll, at the source's own, once all there is is in "
         "them; interval, after transaction.boundary.interval.ms."},
    {ROW("transaction.boundary.interval.ms", DEFINE_LONG, NULL, IMPORTANCE_LOW, "Exactly Once Support", 4, WIDTH_SHORT,
         "Transaction boundary interval"),
     .minimum = "0", .documentation = "How often a transaction ends where transaction.boundary is interval, in ms."},
    {ROW("offsets.storage.topic", DEFINE_STRING, NULL, IMPORTANCE_LOW, "offsets.topic", 1, WIDTH_LONG, "Offsets topic"),
     NO_EFFECT("positions are in the journal, with the data"),
     .documentation = "The topic that keeps this connector's offsets."},
    HONOURED("topic.creation.*"),
    HONOURED("producer.override.*"),
    HIDDEN_ROWS,
};
const size_t COMMON_SOURCE_DEFINITIONS_COUNT = ARRAY_LEN(COMMON_SOURCE_DEFINITIONS);

const Definition COMMON_SINK_DEFINITIONS[] = {
    COMMON_ROWS,
    {ROW("topics", DEFINE_LIST, "", IMPORTANCE_HIGH, "Common", 4, WIDTH_LONG, "Topics"),
     .documentation = "The topics that the sink reads, of whichever sources. Either this or topics.regex is given."},
    {ROW("topics.regex", DEFINE_STRING, "", IMPORTANCE_HIGH, "Common", 4, WIDTH_LONG, "Topics regex"),
     .documentation = "A Java regular expression for the whole names of the topics that the sink reads."},
    {ROW("errors.deadletterqueue.topic.name", DEFINE_STRING, "", IMPORTANCE_MEDIUM, "Error Handling", 6, WIDTH_MEDIUM,
         "Dead Letter Queue Topic Name"),
     .documentation = "The topic for records that the sink set aside; without it they are counted and passed over."},
    {ROW("errors.deadletterqueue.topic.replication.factor", DEFINE_SHORT, "3", IMPORTANCE_MEDIUM, "Error Handling", 7,
         WIDTH_MEDIUM, "Dead Letter Queue Topic Replication Factor"),
     .documentation = "How many copies of the dead letters' topic there are, where it is one of Kafka's."},
    {ROW("errors.deadletterqueue.context.headers.enable", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM, "Error Handling",
         8, WIDTH_MEDIUM, "Enable Error Context Headers"),
     .documentation = "Whether dead letters have headers that say where they come from and what went wrong."},
    HONOURED("producer.override.*"),
    HIDDEN_ROWS,
};
const size_t COMMON_SINK_DEFINITIONS_COUNT = ARRAY_LEN(COMMON_SINK_DEFINITIONS);

const Definition TOPIC_CREATION_DEFINITIONS[] = {
    {ROW("include", DEFINE_LIST, NULL, IMPORTANCE_LOW, NULL, 1, WIDTH_LONG, "Inclusion Topic Pattern"),
     .documentation = "Regular expressions for names of topics that belong to the group."},
    {ROW("exclude", DEFINE_LIST, "", IMPORTANCE_LOW, NULL, 2, WIDTH_LONG, "Exclusion Topic Pattern"),
     .documentation = "Regular expressions for names that do not belong to the group."},
    {ROW("replication.factor", DEFINE_SHORT, NULL, IMPORTANCE_LOW, NULL, 3, WIDTH_LONG, "Replication Factor"),
     .documentation = "How many copies of a topic there are."},
    {ROW("partitions", DEFINE_INT, NULL, IMPORTANCE_LOW, NULL, 4, WIDTH_LONG, "Partition Count"),
     .documentation = "How many partitions a topic has."},
};
const size_t TOPIC_CREATION_DEFINITIONS_COUNT = ARRAY_LEN(TOPIC_CREATION_DEFINITIONS);

const Definition SYNC_DEFINITIONS[] = {
    {ROW("pipeline", DEFINE_STRING, NULL, IMPORTANCE_HIGH, "Pipeline", 1, WIDTH_MEDIUM, "Pipeline"),
     .documentation = "The pipeline of the data directory that runs here; `leat sync` made it and changes it."},
};
const size_t SYNC_DEFINITIONS_COUNT = ARRAY_LEN(SYNC_DEFINITIONS);

const Definition ANY_DEFINITIONS[] = {
    {ROW("*", DEFINE_STRING, NULL, IMPORTANCE_LOW, NULL, -1, WIDTH_NONE, "*")},
};
const size_t ANY_DEFINITIONS_COUNT = ARRAY_LEN(ANY_DEFINITIONS);
