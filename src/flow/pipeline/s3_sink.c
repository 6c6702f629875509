// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/s3_sink.h"

#include "flow/pipeline/config.h"
#include "flow/pipeline/connector_config.h"

#include <strings.h>

#define DEFAULT_PARTITIONER "io.confluent.connect.storage.partitioner.DefaultPartitioner"
#define AVRO_CLASS          "io.confluent.connect.s3.format.avro.AvroFormat"

typedef struct Mapping {
    Arena *arena;
    const SinkDriver *sink;
    const Properties *config;
    void *options;
} Mapping;

// Keys that mean the same to both, with the connector's defaults; NULL: the key must be given.
static const char *const SAME[][3] = {
    {"flush.size", "flush.size", NULL},
    {"rotate.interval.ms", "rotate.interval.ms", "-1"},
    {"rotate.schedule.interval.ms", "rotate.schedule.interval.ms", "-1"},
    {"rotate.file.on.partition.change", "rotate.file.on.partition.change", "true"},
    {"partitioner.max.open.files", "partitioner.max.open.files", "-1"},
    {"schema.compatibility", "schema.compatibility", "NONE"},
    {"filename.offset.zero.pad.width", "filename.offset.zero.pad.width", "10"},
    {"topics.dir", "topics.dir", "topics"},
    {"directory.delim", "directory.delim", "/"},
    {"file.delim", "file.delim", "+"},
    {"partition.field.name", "partition.field.name", ""},
    {"partition.field.format.path", "partition.field.format.path", "true"},
    {"partition.duration.ms", "partition.duration.ms", "-1"},
    {"path.format", "path.format", ""},
    {"timestamp.field", "timestamp.field", "timestamp"},
    {"behavior.on.null.values", "behavior.on.null.values", "fail"},
    {"tombstone.encoded.partition", "tombstone.encoded.partition", "tombstone"},
    {"store.kafka.keys", "store.kafka.keys", "false"},
    {"store.kafka.headers", "store.kafka.headers", "false"},
    {"format.bytearray.extension", "format.bytearray.extension", ".bin"},
    {"s3.region", "s3.region", "us-west-2"},
    {"s3.part.size", "s3.part.size", "26214400"},
    {"s3.acl.canned", "s3.acl", ""},
    {"s3.sse.kms.key.id", "s3.sse.kms.key.id", ""},
    {"aws.access.key.id", "s3.access.key", ""},
    {"aws.secret.access.key", "s3.secret.key", ""},
};

static const char *value_of(const Mapping *map, const char *key, const char *otherwise) {
    const char *value = properties_text(map->arena, map->config, key, otherwise);
    return value != NULL ? value : "";
}

static bool set(const Mapping *map, const char *key, const char *option, const char *value, Err *err) {
    return option_set(map->sink->options, map->options, option, value, map->arena, err) || err_prefix(err, "%s", key);
}

static bool boolean(const char *key) {
    return strstr(key, "store.kafka.") == key || strcmp(key, "rotate.file.on.partition.change") == 0 ||
           strcmp(key, "partition.field.format.path") == 0;
}

// Connect takes truths and choices whatever their case.
static char *cased(const Mapping *map, const char *text, bool lower) {
    char *copy = arena_printf(map->arena, "%s", text);
    for (char *at = copy; *at != '\0'; at++) {
        *at = *at >= 'A' && *at <= 'Z' && lower    ? (char)(*at + 32)
              : *at >= 'a' && *at <= 'z' && !lower ? (char)(*at - 32)
                                                   : *at;
    }
    return copy;
}

static bool same_keys(const Mapping *map, Err *err) {
    for (size_t i = 0; i < ARRAY_LEN(SAME); i++) {
        const char *key = SAME[i][0], *value = value_of(map, key, SAME[i][2]);
        if (SAME[i][2] == NULL && value[0] == '\0') {
            return FAIL(err, ERR_OPTION, "%s is not set", key);
        }
        if (value[0] == '\0' && strncmp(SAME[i][1], "s3.", 3) == 0) {
            continue; // unset: found out by the store
        }
        value = boolean(key) || strcmp(key, "behavior.on.null.values") == 0 ? cased(map, value, true) : value;
        value = strcmp(key, "schema.compatibility") == 0 ? cased(map, value, false) : value;
        TRY(set(map, key, SAME[i][1], value, err));
    }
    return true;
}

// A class of a package that is one of these: what leat calls it.
static bool class_of(const Mapping *map, const char *key, const char *otherwise, const char *const (*classes)[2],
                     size_t count, const char **name, Err *err) {
    const char *value = value_of(map, key, otherwise), *dot = strrchr(value, '.');
    const char *simple = dot != NULL ? dot + 1 : value;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(simple, classes[i][0]) == 0) {
            *name = classes[i][1];
            return true;
        }
    }
    return value[0] == '\0' ? FAIL(err, ERR_OPTION, "%s is not set", key)
                            : FAIL(err, ERR_OPTION, "%s: leat has no class %.200s", key, value);
}

static bool format_of(const Mapping *map, const char *key, const char *otherwise, const char **format, Err *err) {
    static const char *const CLASSES[][2] = {
        {"AvroFormat", "avro"}, {"JsonFormat", "json"}, {"ParquetFormat", "parquet"}, {"ByteArrayFormat", "bytes"}};
    return class_of(map, key, otherwise, CLASSES, ARRAY_LEN(CLASSES), format, err);
}

static bool codec_set(const Mapping *map, const char *format, Err *err) {
    static const char *const CODECS[][4] = {
        // format, key, the default, what stands for none
        {"avro", "avro.codec", "null", "null"},
        {"parquet", "parquet.codec", "snappy", "none"},
        {"json", "s3.compression.type", "none", "none"},
        {"bytes", "s3.compression.type", "none", "none"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CODECS); i++) {
        if (strcmp(CODECS[i][0], format) == 0) {
            const char *key = CODECS[i][1], *value = cased(map, value_of(map, key, CODECS[i][2]), true);
            value = strcmp(value, CODECS[i][3]) == 0 || strcmp(value, "uncompressed") == 0 ? "none" : value;
            value = strcmp(value, "zstandard") == 0 ? "zstd" : value;
            TRY(set(map, key, "file.compression", value, err));
        }
    }
    const char *level = value_of(map, "s3.compression.level", "-1");
    bool gzip = strcmp(format, "json") == 0 || strcmp(format, "bytes") == 0;
    return !gzip || level[0] == '-' || set(map, "s3.compression.level", "file.compression.level", level, err);
}

static bool forms(const Mapping *map, Err *err) {
    const char *format = NULL, *keys = NULL, *headers = NULL;
    TRY(format_of(map, "format.class", NULL, &format, err));
    TRY(format_of(map, "keys.format.class", AVRO_CLASS, &keys, err));
    TRY(format_of(map, "headers.format.class", AVRO_CLASS, &headers, err));
    TRY(set(map, "format.class", "format", format, err));
    TRY(set(map, "keys.format.class", "keys.format", keys, err));
    if (connector_true(map->config, "store.kafka.headers", false) || strcmp(headers, "bytes") != 0) {
        TRY(set(map, "headers.format.class", "headers.format", headers, err));
    }
    TRY(codec_set(map, format, err));
    const Property *separator = properties_find(map->config, SLICE("format.bytearray.separator"));
    if (separator != NULL && separator->value.data != NULL) {
        TRY(set(map, "format.bytearray.separator", "format.bytearray.separator",
                arena_text(map->arena, separator->value), err));
    }
    bool numbers = strcasecmp(value_of(map, "json.decimal.format", "BASE64"), "NUMERIC") == 0;
    return set(map, "json.decimal.format", "json.decimals", numbers ? "number" : "string", err);
}

static bool partitions(const Mapping *map, Err *err) {
    static const char *const CLASSES[][2] = {{"DefaultPartitioner", "default"},
                                             {"FieldPartitioner", "field"},
                                             {"TimeBasedPartitioner", "time"},
                                             {"DailyPartitioner", "daily"},
                                             {"HourlyPartitioner", "hourly"}};
    static const char *const EXTRACTORS[][2] = {
        {"wallclock", "wallclock"}, {"record", "record"}, {"recordfield", "recordfield"}};
    const char *partitioner = NULL, *extractor = NULL;
    TRY(class_of(map, "partitioner.class", DEFAULT_PARTITIONER, CLASSES, ARRAY_LEN(CLASSES), &partitioner, err));
    TRY(set(map, "partitioner.class", "partitioner", partitioner, err));
    // A day or an hour needs no format; where both are given, the format is the one of a time partitioner.
    const char *given = cased(map, value_of(map, "timestamp.extractor", "Wallclock"), true);
    for (size_t i = 0; i < ARRAY_LEN(EXTRACTORS); i++) {
        extractor = strcmp(given, EXTRACTORS[i][0]) == 0 ? EXTRACTORS[i][1] : extractor;
    }
    if (extractor == NULL) {
        FAIL(err, ERR_OPTION, "timestamp.extractor: leat has no extractor %.200s", given);
        return err_hint(err, "it has Wallclock, Record and RecordField");
    }
    TRY(set(map, "timestamp.extractor", "timestamp.extractor", extractor, err));
    const char *locale = value_of(map, "locale", ""), *zone = value_of(map, "timezone", "");
    return set(map, "locale", "locale", locale[0] != '\0' ? locale : "en", err) &&
           set(map, "timezone", "timezone", zone[0] != '\0' ? zone : "UTC", err);
}

static bool target(const Mapping *map, const char **url, Err *err) {
    const char *bucket = value_of(map, "s3.bucket.name", NULL), *store = value_of(map, "store.url", "");
    if (bucket[0] == '\0') {
        return FAIL(err, ERR_OPTION, "s3.bucket.name is not set");
    }
    if (strncmp(store, "file://", 7) == 0) {
        *url = arena_printf(map->arena, "%s/%s", store + 7, bucket);
        return store[7] == '/' || FAIL(err, ERR_OPTION, "store.url: a file:// URL needs the path of a directory");
    }
    *url = arena_printf(map->arena, "s3://%s", bucket);
    TRY(store[0] == '\0' || set(map, "store.url", "s3.endpoint", store, err));
    const char *style = connector_true(map->config, "s3.path.style.access.enabled", true) ? "true" : "false";
    // The original's default asks for paths everywhere; with AWS itself, the name decides.
    bool asked = properties_find(map->config, SLICE("s3.path.style.access.enabled")) != NULL || store[0] != '\0';
    TRY(set(map, "s3.path.style.access.enabled", "s3.path.style", asked ? style : "auto", err));
    const char *encryption = value_of(map, "s3.ssea.name", "");
    return encryption[0] == '\0' || set(map, "s3.ssea.name", "s3.sse", encryption, err);
}

// What is not for pipelines is for the sink.
static bool own(const Mapping *map, Err *err) {
    Properties own = properties_under(map->arena, map->config, SLICE("leat."));
    for (size_t i = 0; i < own.count; i++) {
        const char *name = arena_text(map->arena, own.at[i].name);
        const char *value = arena_text(map->arena, own.at[i].value);
        if (option_find(map->sink->options, name) != NULL) {
            TRY(set(map, arena_printf(map->arena, "leat.%s", name), name, value, err));
        }
    }
    return true;
}

bool s3_sink_options(Arena *arena, const SinkDriver *sink, const Properties *config, void **options, const char **url,
                     Err *err) {
    Mapping map = {arena, sink, config, arena_alloc(arena, pipeline_sink_options_bytes(sink))};
    option_defaults(sink->options, map.options);
    // What the connector's files are, whatever it is told: its names, and no rules of leat's own for their ends.
    static const char *const FIXED[][2] = {
        {"envelope", "debezium"}, {"layout", "confluent"}, {"file.rotate.bytes", "0"}, {"file.rotate.interval", "0"}};
    for (size_t i = 0; i < ARRAY_LEN(FIXED); i++) {
        TRY(set(&map, FIXED[i][0], FIXED[i][0], FIXED[i][1], err));
    }
    TRY(same_keys(&map, err) && forms(&map, err) && partitions(&map, err) && target(&map, url, err) && own(&map, err));
    *options = map.options;
    return true;
}
