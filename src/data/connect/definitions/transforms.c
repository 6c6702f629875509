// SPDX-License-Identifier: Apache-2.0
// What the transforms of Kafka Connect and Debezium can be told: names, types and defaults are their own, the texts are
// ours. What they do is in data/connect/smt_*.c, and docs/reference/transforms.md has it in words.
#include "data/connect/definitions/rows.h"
#include "data/connect/transform.h"

#define REQUIRED(key_name, key_type, key_importance) KEY(key_name, key_type, NULL, key_importance), .required = true
#define TABLE(name, ...)                     \
    const Definition name[] = {__VA_ARGS__}; \
    const size_t name##_COUNT = ARRAY_LEN(name)

// --- Kafka Connect's -------------------------------------------------------------------------------------------

TABLE(CAST_DEFINITIONS,
      {REQUIRED("spec", DEFINE_LIST, IMPORTANCE_HIGH),
       TEXT("FIELD:TYPE,…, or one TYPE for the whole. Types are int8, int16, int32, int64, float32, float64, boolean "
            "and string.")},
      REPLACE_NULL);

TABLE(DROP_HEADERS_DEFINITIONS,
      {REQUIRED("headers", DEFINE_LIST, IMPORTANCE_HIGH), TEXT("The names of the headers that go.")});

TABLE(EXTRACT_FIELD_DEFINITIONS,
      {REQUIRED("field", DEFINE_STRING, IMPORTANCE_MEDIUM),
       TEXT("The field that takes the whole's place; with syntax V2 a path: a.b.`c.d`.")},
      {KEY("field.syntax.version", DEFINE_STRING, "V1", IMPORTANCE_HIGH), .choices = "V1,V2",
       TEXT("V1: `field` is one name. V2: it is a path.")},
      {KEY("skip.missing.or.null", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW),
       TEXT("Whether a record without the field, or with a null in it, is left as it is.")},
      REPLACE_NULL);

TABLE(FLATTEN_DEFINITIONS, {KEY("delimiter", DEFINE_STRING, ".", IMPORTANCE_MEDIUM),
                            TEXT("What stands between the names of the outer and the inner field.")});

TABLE(HEADER_FROM_DEFINITIONS,
      {REQUIRED("fields", DEFINE_LIST, IMPORTANCE_HIGH), TEXT("The fields that become headers.")},
      {REQUIRED("headers", DEFINE_LIST, IMPORTANCE_HIGH), TEXT("The headers' names, as many, in the same order.")},
      {REQUIRED("operation", DEFINE_STRING, IMPORTANCE_HIGH), .choices = "move,copy",
       TEXT("move: the fields go; copy: they stay.")},
      REPLACE_NULL);

TABLE(HOIST_FIELD_DEFINITIONS, {REQUIRED("field", DEFINE_STRING, IMPORTANCE_MEDIUM),
                                TEXT("The name of the one field of the struct that the whole is put into.")});

#define INSERTED "With ! at its end the field must have a value, with ? (as without) it may be null."
TABLE(INSERT_FIELD_DEFINITIONS,
      {KEY("topic.field", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM), TEXT("A field for the topic's name. " INSERTED)},
      {KEY("partition.field", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
       TEXT("A field for the partition's number. " INSERTED)},
      {KEY("offset.field", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
       TEXT("A field for the offset, in sink connectors. " INSERTED)},
      {KEY("timestamp.field", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
       TEXT("A field for the record's time. " INSERTED)},
      {KEY("static.field", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM), TEXT("A field for static.value. " INSERTED)},
      {KEY("static.value", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM), TEXT("What static.field holds.")}, REPLACE_NULL);

TABLE(INSERT_HEADER_DEFINITIONS, {REQUIRED("header", DEFINE_STRING, IMPORTANCE_HIGH), TEXT("The header's name.")},
      {REQUIRED("value.literal", DEFINE_STRING, IMPORTANCE_HIGH),
       TEXT("Its value; what looks like a whole number, true or false is one.")});

TABLE(MASK_FIELD_DEFINITIONS,
      {REQUIRED("fields", DEFINE_LIST, IMPORTANCE_HIGH), TEXT("The fields whose values are hidden.")},
      {KEY("replacement", DEFINE_STRING, NULL, IMPORTANCE_LOW),
       TEXT("What stands in place of texts and numbers; without it what is empty of their type.")},
      REPLACE_NULL);

TABLE(REGEX_ROUTER_DEFINITIONS,
      {REQUIRED("regex", DEFINE_STRING, IMPORTANCE_HIGH), TEXT("What a topic's whole name must match.")},
      {REQUIRED("replacement", DEFINE_STRING, IMPORTANCE_HIGH),
       TEXT("The new name; $1 or ${name} is what a group has matched.")});

TABLE(REPLACE_FIELD_DEFINITIONS,
      {KEY("exclude", DEFINE_LIST, "", IMPORTANCE_MEDIUM), TEXT("Fields that go. It comes before `include`.")},
      {KEY("include", DEFINE_LIST, "", IMPORTANCE_MEDIUM), TEXT("Fields that stay; empty: all.")},
      {KEY("renames", DEFINE_LIST, "", IMPORTANCE_MEDIUM), TEXT("OLD:NEW,… names of fields.")},
      {KEY("blacklist", DEFINE_LIST, NULL, IMPORTANCE_LOW), .alias_of = "exclude", TEXT("The old name of `exclude`.")},
      {KEY("whitelist", DEFINE_LIST, NULL, IMPORTANCE_LOW), .alias_of = "include", TEXT("The old name of `include`.")},
      REPLACE_NULL);

TABLE(SET_SCHEMA_METADATA_DEFINITIONS,
      {KEY("schema.name", DEFINE_STRING, NULL, IMPORTANCE_HIGH), TEXT("The schema's new name.")},
      {KEY("schema.version", DEFINE_INT, NULL, IMPORTANCE_HIGH), TEXT("The schema's new version.")}, REPLACE_NULL);

TABLE(TIMESTAMP_CONVERTER_DEFINITIONS,
      {KEY("field", DEFINE_STRING, "", IMPORTANCE_HIGH), TEXT("The field with the time; empty: the whole is one.")},
      {REQUIRED("target.type", DEFINE_STRING, IMPORTANCE_HIGH), .choices = "string,unix,Date,Time,Timestamp",
       TEXT("What it becomes.")},
      {KEY("format", DEFINE_STRING, "", IMPORTANCE_MEDIUM),
       TEXT("How a text of it is written or read: a pattern of Java's SimpleDateFormat, in UTC.")},
      {KEY("unix.precision", DEFINE_STRING, "milliseconds", IMPORTANCE_LOW),
       .choices = "nanoseconds,microseconds,milliseconds,seconds", TEXT("The unit of a number.")},
      REPLACE_NULL);

TABLE(TIMESTAMP_ROUTER_DEFINITIONS,
      {KEY("topic.format", DEFINE_STRING, "${topic}-${timestamp}", IMPORTANCE_HIGH),
       TEXT("The new name, with ${topic} and ${timestamp} in it.")},
      {KEY("timestamp.format", DEFINE_STRING, "yyyyMMdd", IMPORTANCE_HIGH),
       TEXT("How ${timestamp} is written: a pattern of Java's SimpleDateFormat, in UTC.")});

TABLE(VALUE_TO_KEY_DEFINITIONS,
      {REQUIRED("fields", DEFINE_LIST, IMPORTANCE_HIGH), TEXT("The value's fields that the new key is made of.")},
      REPLACE_NULL);

// --- Iceberg's -------------------------------------------------------------------------------------------------

TABLE(ICEBERG_CDC_DEFINITIONS,
      {KEY("cdc.target.pattern", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
       TEXT("What _cdc.target holds; {db} and {table} stand for the source's schema and table. Unset: {db}.{table}.")});

TABLE(ICEBERG_COPY_DEFINITIONS, {REQUIRED("source.field", DEFINE_STRING, IMPORTANCE_HIGH), TEXT("The field to copy.")},
      {REQUIRED("target.field", DEFINE_STRING, IMPORTANCE_HIGH), TEXT("The name of the copy.")});

TABLE(
    ICEBERG_JSON_MAP_DEFINITIONS,
    {KEY("json.root", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),
     TEXT("Whether the whole object becomes one map of texts, payload, instead of a field for each of its members.")});

TABLE(
    ICEBERG_MONGO_DEFINITIONS,
    {KEY("array_handling_mode", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM), .choices = "array,document",
     TEXT("What MongoDB's arrays become: arrays (of one type each), or structs with fields _0, _1, …. Unset: array.")});

TABLE(ICEBERG_METADATA_DEFINITIONS,
      {KEY("field_name", DEFINE_STRING, "_kafka_metadata", IMPORTANCE_LOW),
       TEXT("The struct that holds topic, partition, offset and timestamp, or how their names begin.")},
      {KEY("nested", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW), TEXT("Whether they are in a struct of their own.")},
      {KEY("external_field", DEFINE_STRING, NULL, IMPORTANCE_LOW),
       TEXT("NAME,TEXT: one more field, which always holds that text.")});

// --- Debezium's ------------------------------------------------------------------------------------------------

#define ADJUSTMENT "none,avro,avro_unicode"

TABLE(LOGICAL_ROUTER_DEFINITIONS,
      {REQUIRED("topic.regex", DEFINE_STRING, IMPORTANCE_LOW), TEXT("What a topic's whole name must match.")},
      {REQUIRED("topic.replacement", DEFINE_STRING, IMPORTANCE_LOW), TEXT("The name of the common topic.")},
      {KEY("key.enforce.uniqueness", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW),
       TEXT("Whether keys get a field that tells the tables apart.")},
      {KEY("key.field.regex", DEFINE_STRING, NULL, IMPORTANCE_LOW),
       TEXT("What that field's value is taken from the old topic with; without it it is the topic.")},
      {KEY("key.field.name", DEFINE_STRING, NULL, IMPORTANCE_LOW),
       TEXT("That field's name: __dbz__physicalTableIdentifier, of ToLogicalTopicRouter __dbz__sourceIdentifier.")},
      {KEY("key.field.replacement", DEFINE_STRING, NULL, IMPORTANCE_LOW),
       TEXT("That field's value where key.field.regex matches.")},
      {KEY("schema.name.adjustment.mode", DEFINE_STRING, "none", IMPORTANCE_LOW), .choices = ADJUSTMENT,
       TEXT("How the schemas' new names are made to fit the converter.")},
      {KEY("logical.table.cache.size", DEFINE_INT, "16", IMPORTANCE_LOW), NO_EFFECT("all tables are kept"),
       TEXT("How many tables are kept in mind.")});

TABLE(
    UNWRAP_DEFINITIONS,
    {KEY("delete.tombstone.handling.mode", DEFINE_STRING, "tombstone", IMPORTANCE_MEDIUM),
     .choices = "drop,tombstone,rewrite,rewrite-with-tombstone,delete-to-tombstone",
     TEXT("What a delete becomes: tombstone, a null value; drop, nothing; rewrite, the old row with "
          "__deleted=true; rewrite-with-tombstone, that and the tombstone; delete-to-tombstone, a null without a "
          "schema.")},
    {KEY("add.headers.prefix", DEFINE_STRING, "__", IMPORTANCE_LOW), TEXT("What names of added headers begin with.")},
    {KEY("add.headers", DEFINE_STRING, "", IMPORTANCE_LOW),
     TEXT("Fields of the envelope and its structs that become headers, as in add.fields.")},
    {KEY("add.fields.prefix", DEFINE_STRING, "__", IMPORTANCE_LOW), TEXT("What names of added fields begin with.")},
    {KEY("add.fields", DEFINE_STRING, "", IMPORTANCE_LOW),
     TEXT("Fields of the envelope (op, ts_ms), of source (table, lsn, source.ts_ms) and transaction (transaction.id) "
          "that the row gets; FIELD:NAME gives another name.")},
    {KEY("route.by.field", DEFINE_STRING, "", IMPORTANCE_LOW), TEXT("A column whose text is the topic.")},
    {KEY("drop.fields.header.name", DEFINE_STRING, NULL, IMPORTANCE_LOW),
     TEXT("A header with a list of fields that the row loses.")},
    {KEY("drop.fields.from.key", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW), TEXT("Whether the key loses them too.")},
    {KEY("drop.fields.keep.schema.compatible", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW),
     TEXT("Whether only fields that may be null go.")},
    {KEY("delete.handling.mode", DEFINE_STRING, NULL, IMPORTANCE_LOW), .choices = "drop,rewrite,none",
     TEXT("Of Debezium before 3.0: with drop.tombstones what delete.tombstone.handling.mode is now. leat knows both.")},
    {KEY("drop.tombstones", DEFINE_BOOLEAN, NULL, IMPORTANCE_LOW),
     TEXT("Of Debezium before 3.0: see delete.handling.mode.")},
    REPLACE_NULL);

TABLE(HEADER_TO_VALUE_DEFINITIONS,
      {REQUIRED("headers", DEFINE_LIST, IMPORTANCE_HIGH), TEXT("The headers that become fields.")},
      {REQUIRED("fields", DEFINE_LIST, IMPORTANCE_HIGH), TEXT("The fields' names, as many, in the same order.")},
      {REQUIRED("operation", DEFINE_STRING, IMPORTANCE_HIGH), .choices = "move,copy",
       TEXT("move: the headers go; copy: they stay.")});

#define NO_TRACING "leat has no spans of traces"
TABLE(OUTBOX_DEFINITIONS,
      {KEY("table.field.event.id", DEFINE_STRING, "id", IMPORTANCE_LOW), TEXT("The column with the event's id.")},
      {KEY("table.field.event.key", DEFINE_STRING, "aggregateid", IMPORTANCE_LOW),
       TEXT("The column that is the record's key.")},
      {KEY("table.field.event.type", DEFINE_STRING, "type", IMPORTANCE_LOW),
       NO_EFFECT("Debezium reads it nowhere either; name it in table.fields.additional.placement"),
       TEXT("The column with the event's type.")},
      {KEY("table.field.event.payload", DEFINE_STRING, "payload", IMPORTANCE_LOW),
       TEXT("The column that is the record's value.")},
      {KEY("table.field.event.timestamp", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM),
       TEXT("A column with the record's time, a timestamp without time zone; without it the time of capture.")},
      {KEY("table.fields.additional.placement", DEFINE_LIST, NULL, IMPORTANCE_HIGH),
       TEXT("COLUMN:header, COLUMN:envelope or COLUMN:partition, each perhaps with :NAME; comma-separated.")},
      {KEY("table.fields.additional.error.on.missing", DEFINE_BOOLEAN, "true", IMPORTANCE_MEDIUM),
       TEXT("Whether a column of it that the table has not is an error.")},
      {KEY("table.field.event.schema.version", DEFINE_STRING, NULL, IMPORTANCE_LOW),
       TEXT("A column with the version of the value's schema.")},
      {KEY("table.op.invalid.behavior", DEFINE_STRING, "warn", IMPORTANCE_MEDIUM), .choices = "warn,error,fatal",
       TEXT("What an update of the outbox table is: passed over (warn, error), or the connector's end (fatal).")},
      {KEY("table.expand.json.payload", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM),
       TEXT("Whether a payload of JSON text becomes a struct.")},
      {KEY("table.json.payload.null.behavior", DEFINE_STRING, "ignore", IMPORTANCE_MEDIUM),
       .choices = "ignore,optional_bytes", TEXT("What a null in it is: no field, or a field of bytes that is null.")},
      {KEY("route.by.field", DEFINE_STRING, "aggregatetype", IMPORTANCE_HIGH),
       TEXT("The column by which events are routed.")},
      {KEY("route.topic.regex", DEFINE_STRING, "(?<routedByValue>.*)", IMPORTANCE_LOW),
       TEXT("What its text must match.")},
      {KEY("route.topic.replacement", DEFINE_STRING, "outbox.event.${routedByValue}", IMPORTANCE_HIGH),
       TEXT("The topic.")},
      {KEY("route.tombstone.on.empty.payload", DEFINE_BOOLEAN, "false", IMPORTANCE_HIGH),
       TEXT("Whether an empty payload makes a tombstone.")},
      {KEY("tracing.span.context.field", DEFINE_STRING, "tracingspancontext", IMPORTANCE_LOW), NO_EFFECT(NO_TRACING),
       TEXT("The column with a span's context.")},
      {KEY("tracing.operation.name", DEFINE_STRING, "debezium-read", IMPORTANCE_LOW), NO_EFFECT(NO_TRACING),
       TEXT("The name of spans.")},
      {KEY("tracing.with.context.field.only", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW), NO_EFFECT(NO_TRACING),
       TEXT("Whether only events with a context get a span.")});

// --- what rows cannot say --------------------------------------------------------------------------------------

// Regexes, patterns of times, lists of pairs: the transform is compiled, and what it says goes to its key. What the
// rows say already is left out: a key that is missing, one that is none of its choices.
void transform_check(const Properties *config, Validation *validation) {
    static const char PREFIX[] = "transforms.t.";
    Arena *arena = validation->arena;
    Properties whole = {0};
    TransformChain *chain = NULL;
    Err err[1] = {{0}};
    properties_set(arena, &whole, SLICE("transforms"), SLICE("t"));
    for (size_t i = 0; i < config->count; i++) {
        const Property *property = &config->at[i];
        if (!slice_is(property->name, "predicate") && !slice_is(property->name, "negate")) {
            const char *name = arena_printf(arena, "%s%.*s", PREFIX, SLICE_ARG(property->name));
            properties_set(arena, &whole, slice_of(name), property->value);
        }
    }
    if (transform_chain_new(arena, &whole, &chain, err)) {
        transform_chain_release(chain);
        return;
    }
    const char *key = strncmp(err->message, PREFIX, strlen(PREFIX)) == 0 ? err->message + strlen(PREFIX) : NULL;
    const char *colon = key == NULL ? NULL : strstr(key, ": ");
    if (colon == NULL || strstr(colon, "it must be given") != NULL || strstr(colon, " is none of ") != NULL) {
        return;
    }
    const char *name = arena_text(arena, (Slice){(const uint8_t *)key, (size_t)(colon - key)});
    const Property *given = properties_find(config, slice_of(name));
    Slice value = given == NULL ? SLICE("null") : given->value;
    validation_error(validation, name, "Invalid value %.*s for configuration %s: %s", (int)MIN(value.size, 200),
                     (const char *)value.data, name, colon + 2);
}
