// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/connector_kafka.c" // NOLINT

#include "core/base/test.h"
#include "flow/sink/kafka/kafka.h"
#include "flow/sink/kafka/options.h"

static const SinkDriver *const SINKS[] = {&KAFKA_SINK, NULL};
static const PipelineDrivers KAFKA_DRIVERS = {.sinks = SINKS};
static Arena arena;

static Properties parsed(const char *json) {
    Err err[1] = {{0}};
    Properties properties = {0};
    CHECK_OK(properties_parse(&arena, slice_of(json), &properties, err));
    return properties;
}

static bool target_of(const char *server, const char *config, Target *target, Err *err) {
    Properties of_server = parsed(server), of_connector = parsed(config);
    ConnectorRun run = {.drivers = &KAFKA_DRIVERS, .kafka = &of_server};
    return target_make(&arena, &run, &of_connector, target, err);
}

TEST(connector_kafka_takes_connects_keys_over_the_servers) {
    Err err[1] = {{0}};
    Target target;
    arena_init(&arena, "scratch", 0);
    CHECK_OK(target_of("{}", "{\"exactly.once.support\":\"required\"}", &target, err));
    CHECK_TEXT(slice_of(target.brokers), "");
    CHECK_OK(
        target_of("{\"bootstrap.servers\":\"a:1, b:2\",\"topic.creation.enable\":\"false\",\"producer.override.x\":"
                  "\"1\",\"transaction.timeout\":\"20s\"}",
                  "{\"topic.creation.default.partitions\":\"3\",\"producer.override.x\":\"2\",\"leat.kafka.position."
                  "topic\":\"p\",\"transaction.boundary\":\"INTERVAL\",\"transaction.boundary.interval.ms\":\"70\"}",
                  &target, err));
    const KafkaSinkOptions *options = target.options;
    CHECK_TEXT(slice_of(url_of(&target)), "kafka://a:1,b:2/");
    CHECK_TEXT(slice_of(options->kafka.topic_creation), "enable=false\ndefault.partitions=3\n");
    CHECK_TEXT(slice_of(options->kafka.producer_override), "x=2\n");
    CHECK_TEXT(slice_of(options->position_topic), "p");
    CHECK_INT(options->transaction_timeout_ms, 20000);
    CHECK(options->transaction_interval_ms == 70 && options->transaction_linger_ms == 70);
    CHECK_OK(target_of("{\"bootstrap.servers\":\"a:1\"}", "{\"leat.kafka.bootstrap.servers\":\"\"}", &target, err));
    CHECK_TEXT(slice_of(target.brokers), "");
    arena_release(&arena);
}

TEST(connector_kafka_refuses_what_connect_does_and_names_the_key) {
    static const char *const CASES[][3] = {
        {"{}", "{\"transaction.boundary\":\"connector\"}", "transaction.boundary"},
        {"{}", "{\"exactly.once.support\":\"required\",\"leat.kafka.exactly.once.support\":\"disabled\"}",
         "exactly.once.support"},
        {"{}", "{\"header.converter\":\"org.apache.kafka.connect.json.JsonConverter\"}", "header.converter"},
        {"{}", "{\"leat.kafka.format\":\"avro\"}", "leat.kafka.format"},
        {"{\"no.such\":\"1\"}", "{}", "kafka.no.such"},
    };
    arena_init(&arena, "scratch", 0);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Err err[1] = {{0}};
        const char *key = NULL;
        Properties server = parsed(CASES[i][0]), config = parsed(CASES[i][1]);
        properties_set(&arena, &server, SLICE("bootstrap.servers"), SLICE("a:1"));
        ConnectorRun run = {.drivers = &KAFKA_DRIVERS, .kafka = &server};
        CHECK(!connector_kafka_validate(&run, &config, &arena, &key, err) && err->code == ERR_OPTION);
        CHECK(strstr(err->message, CASES[i][2]) != NULL);
        CHECK((key == NULL) == (config.count == 0));
        CHECK(key == NULL || strcmp(key, CASES[i][2]) == 0);
    }
    Err err[1] = {{0}};
    Properties lonely = parsed("{\"security.protocol\":\"SSL\"}");
    CHECK_FAILS(connector_kafka_check(&KAFKA_DRIVERS, &lonely, err), ERR_OPTION);
    CHECK_OK(connector_kafka_check(&KAFKA_DRIVERS, &(Properties){0}, err));
    arena_release(&arena);
}
