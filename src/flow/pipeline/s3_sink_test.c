// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/s3_sink.c" // NOLINT

#include "core/base/test.h"
#include "flow/sink/objects/objects.h"
#include "flow/sink/objects/options.h"

static Arena arena;

static bool options_of(const char *more, const ObjectsOptions **options, const char **url, Err *err) {
    Properties config;
    void *made = NULL;
    const char *json = arena_printf(&arena,
                                    "{\"s3.bucket.name\":\"lake\",\"flush.size\":\"7\",\"format.class\":"
                                    "\"io.confluent.connect.s3.format.avro.AvroFormat\"%s}",
                                    more);
    CHECK_OK(properties_parse(&arena, slice_of(json), &config, err));
    if (!s3_sink_options(&arena, &OBJECTS_SINK, &config, &made, url, err)) {
        return false;
    }
    *options = made;
    return true;
}

TEST(s3_sink_has_the_originals_defaults) {
    Err err[1] = {{0}};
    const ObjectsOptions *options = NULL;
    const char *url = NULL;
    CHECK_OK(options_of("", &options, &url, err));
    CHECK_TEXT(slice_of(url), "s3://lake");
    CHECK_INT(options->flush_records, 7);
    CHECK_INT(options->rotate_bytes, 0);
    CHECK_INT(options->rotate_interval_ms, 0);
    CHECK_INT(options->pad_width, 10);
    CHECK_INT(options->s3.part_bytes, 26214400);
    CHECK_TEXT(slice_of(options->format), "avro");
    CHECK_TEXT(slice_of(options->compression), "none");
    CHECK_TEXT(slice_of(options->layout), "confluent");
    CHECK_TEXT(slice_of(options->partitioner), "default");
    CHECK_TEXT(slice_of(options->null_values), "fail");
    CHECK_TEXT(slice_of(options->keys_format), "avro");
    CHECK_TEXT(slice_of(options->s3.region), "us-west-2");
    CHECK_TEXT(slice_of(options->s3.path_style), "auto");
}

TEST(s3_sink_takes_what_is_given) {
    Err err[1] = {{0}};
    const ObjectsOptions *options = NULL;
    const char *url = NULL;
    CHECK_OK(
        options_of(",\"store.url\":\"http://127.0.0.1:9000\",\"partitioner.class\":"
                   "\"io.confluent.connect.storage.partitioner.TimeBasedPartitioner\",\"path.format\":\"YYYY\","
                   "\"partition.duration.ms\":\"3600000\",\"timestamp.extractor\":\"RecordField\","
                   "\"behavior.on.null.values\":\"IGNORE\",\"store.kafka.keys\":\"TRUE\",\"avro.codec\":\"zstandard\","
                   "\"leat.memory.limit\":\"32MiB\",\"leat.parquet.compatible\":\"true\"",
                   &options, &url, err));
    CHECK_TEXT(slice_of(options->s3.endpoint), "http://127.0.0.1:9000");
    CHECK_TEXT(slice_of(options->s3.path_style), "true");
    CHECK_TEXT(slice_of(options->partitioner), "time");
    CHECK_TEXT(slice_of(options->timestamp_extractor), "recordfield");
    CHECK_TEXT(slice_of(options->null_values), "ignore");
    CHECK_TEXT(slice_of(options->compression), "zstd");
    CHECK(options->store_keys && options->parquet_compatible);
    CHECK_OK(options_of(",\"store.url\":\"file:///tmp/x\"", &options, &url, err));
    CHECK_TEXT(slice_of(url), "/tmp/x/lake");
}

TEST(s3_sink_names_the_key_that_is_wrong) {
    static const char *const WRONG[][2] = {
        {",\"avro.codec\":\"bzip2\"", "avro.codec"},
        {",\"partitioner.class\":\"com.example.Mine\"", "partitioner.class"},
        {",\"timestamp.extractor\":\"com.example.Mine\"", "timestamp.extractor"},
        {",\"keys.format.class\":\"com.example.Mine\"", "keys.format.class"},
        {",\"rotate.interval.ms\":\"soon\"", "rotate.interval.ms"},
        {",\"store.url\":\"file://x\"", "store.url"},
    };
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        Err err[1] = {{0}};
        const ObjectsOptions *options = NULL;
        const char *url = NULL;
        CHECK(!options_of(WRONG[i][0], &options, &url, err));
        CHECK_INT(err->code, ERR_OPTION);
        CHECK(strstr(err->message, WRONG[i][1]) != NULL);
    }
}
