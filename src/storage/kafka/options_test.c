// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/options.c" // NOLINT

#include "core/base/test.h"

typedef struct Sample {
    const char *prefix;
    KafkaOptions kafka;
} Sample;

static const OptionSpec SAMPLE_SPECS[] = {
    {.name = "topic.prefix", .type = OPTION_TEXT, .offset = offsetof(Sample, prefix), .default_text = ""},
    KAFKA_OPTION_SPECS(Sample, kafka),
};
static const OptionTable SAMPLE = {"Sample", SAMPLE_SPECS, ARRAY_LEN(SAMPLE_SPECS)};

TEST(kafka_url_is_taken_apart) {
    Arena arena[1];
    Err err[1] = {{0}};
    KafkaUrl url;
    arena_init(arena, "scratch", 0);
    CHECK(kafka_url_accepts("kafka://b:9092/"));
    CHECK(!kafka_url_accepts("s3://b/"));
    CHECK_OK(kafka_url_parse("kafka://b1:9092,b2:9092/shop%5C..*?a=1&b=2", arena, &url, err));
    CHECK_TEXT(slice_of(url.brokers), "b1:9092,b2:9092");
    CHECK_TEXT(slice_of(url.path), "shop\\..*");
    CHECK_TEXT(slice_of(url.query), "a=1&b=2");
    CHECK_OK(kafka_url_parse("kafka://b1", arena, &url, err));
    CHECK_TEXT(slice_of(url.path), "");
    CHECK_TEXT(slice_of(url.query), "");
    CHECK_FAILS(kafka_url_parse("kafka:///x", arena, &url, err), ERR_OPTION);
    err_clear(err);
    CHECK_FAILS(kafka_url_parse("kafka://user:geheim@b:9092/", arena, &url, err), ERR_OPTION);
    CHECK(strstr(err->message, "geheim") == NULL);
    arena_release(arena);
}

TEST(kafka_url_parameters_are_options) {
    Arena arena[1];
    Err err[1] = {{0}};
    KafkaUrl url;
    Sample sample;
    arena_init(arena, "scratch", 0);
    option_defaults(&SAMPLE, &sample);
    CHECK_OK(kafka_url_parse("kafka://b/?topic.prefix=a%20b&producer.override.linger.ms=5&security.protocol=SSL", arena,
                             &url, err));
    CHECK_OK(kafka_url_options(&url, &SAMPLE, &sample, arena, err));
    CHECK_TEXT(slice_of(sample.prefix), "a b");
    CHECK_TEXT(slice_of(sample.kafka.security_protocol), "SSL");
    CHECK_TEXT(slice_of(sample.kafka.producer_override), "linger.ms=5\n");
    static const char *const WRONG[] = {"kafka://b/?no.such=1", "kafka://b/?sasl.password=geheim",
                                        "kafka://b/?producer.override.sasl.jaas.config=geheim",
                                        "kafka://b/?security.protocol=LOUD"};
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        err_clear(err);
        CHECK_OK(kafka_url_parse(WRONG[i], arena, &url, err));
        CHECK_FAILS(kafka_url_options(&url, &SAMPLE, &sample, arena, err), ERR_OPTION);
        CHECK(strstr(err->message, "geheim") == NULL);
    }
    arena_release(arena);
}
