// SPDX-License-Identifier: Apache-2.0
// leat doctor, what a server is to run with: its leat.toml, a journal's URL.
#include "core/config/properties.h"
#include "surface/cli/doctor.h"
#include "surface/cli/server_config.h"

typedef struct Place {
    const char *brokers, *prefix;
    int64_t transaction_timeout_ms;
    KafkaOptions kafka;
} Place;

static const OptionSpec PLACE_SPECS[] = {
    {.name = "bootstrap.servers", .type = OPTION_TEXT, .offset = offsetof(Place, brokers), .default_text = ""},
    {.name = "prefix", .type = OPTION_TEXT, .offset = offsetof(Place, prefix), .default_text = "leat"},
    {.name = "transaction.timeout",
     .type = OPTION_DURATION,
     .offset = offsetof(Place, transaction_timeout_ms),
     .default_text = "60s",
     .max = INT64_MAX},
    KAFKA_OPTION_SPECS(Place, kafka)};
static const OptionTable PLACE_TABLE = {"Kafka", PLACE_SPECS, ARRAY_LEN(PLACE_SPECS)};

// What is not known here is of a sink or a source.
static bool take(Place *place, const char *name, const char *value, Arena *arena, Err *err) {
    return option_find(&PLACE_TABLE, name) == NULL || option_set(&PLACE_TABLE, place, name, value, arena, err);
}

static void place_what(const Place *place, Arena *arena, DoctorKafka *what) {
    Properties creation = {0};
    properties_set_map(arena, &creation, "", place->kafka.topic_creation);
    *what = (DoctorKafka){.place = {.brokers = place->brokers, .options = &place->kafka, .client_id = "leat-doctor"},
                          .transaction_timeout_ms = place->transaction_timeout_ms,
                          .replicas =
                              strtoll(properties_text(arena, &creation, "default.replication.factor", "0"), NULL, 10)};
}

static bool url_take(const char *url, Arena *arena, DoctorKafka *what, Err *err) {
    Place *place = ARENA_NEW(arena, Place);
    KafkaUrl parts;
    const char *name, *value;
    option_defaults(&PLACE_TABLE, place);
    TRY(kafka_url_parse(url, arena, &parts, err));
    for (const char *at = parts.query; kafka_url_next(&at, arena, &name, &value);) {
        TRY(take(place, name, value, arena, err) || err_prefix(err, "the URL of Kafka"));
    }
    place->brokers = parts.brokers;
    place_what(place, arena, what);
    what->prefix = place->prefix;
    return true;
}

bool doctor_kafka_url(Doctor *doctor, const char *url, Err *err) {
    DoctorKafka what;
    TRY(url_take(url, doctor->arena, &what, err));
    doctor_kafka(doctor, &what);
    return true;
}

void doctor_kafka_urls(Doctor *doctor, const char *const *urls, size_t count) {
    Err err[1] = {{0}};
    DoctorKafka *seen = ARENA_ARRAY(doctor->arena, DoctorKafka, count);
    size_t seen_count = 0;
    for (size_t i = 0; i < count; i++) {
        DoctorKafka *what = &seen[seen_count];
        bool again = false;
        if (!kafka_url_accepts(urls[i])) {
            continue;
        }
        if (!url_take(urls[i], doctor->arena, what, err)) {
            finding_err(doctor, "kafka", err);
            continue;
        }
        for (size_t j = 0; j < seen_count; j++) {
            again |= strcmp(seen[j].place.brokers, what->place.brokers) == 0;
        }
        if (!again) {
            doctor_kafka(doctor, what);
            seen_count++;
        }
    }
}

static bool server_take(const ServerOptions *options, Arena *arena, DoctorKafka *what, Err *err) {
    Place *place = ARENA_NEW(arena, Place);
    Properties kafka = {0};
    option_defaults(&PLACE_TABLE, place);
    properties_set_map(arena, &kafka, "", options->kafka);
    for (size_t i = 0; i < kafka.count; i++) {
        TRY(take(place, arena_text(arena, kafka.at[i].name), arena_text(arena, kafka.at[i].value), arena, err));
    }
    place_what(place, arena, what);
    if (server_options_cluster(options)) {
        what->group = options->cluster_group;
        what->session_ms = options->cluster_session_ms;
        what->ca_file = options->cluster_ca[0] != '\0' ? options->cluster_ca : NULL;
    }
    return true;
}

bool doctor_config(Doctor *doctor, const Cli *cli, Err *err) {
    ServerOptions options;
    DoctorKafka kafka, journal;
    const char *ignored = NULL;
    TRY(server_config_take(cli, &options, &ignored, err) && server_take(&options, cli->arena, &kafka, err));
    if (options.journal[0] != '\0') {
        TRY(url_take(options.journal, cli->arena, &journal, err));
        if (strcmp(journal.place.brokers, kafka.place.brokers) == 0) { // one Kafka, looked at once
            kafka.prefix = journal.prefix;
            kafka.replicas = kafka.replicas > 0 ? kafka.replicas : journal.replicas;
            kafka.transaction_timeout_ms = MAX(kafka.transaction_timeout_ms, journal.transaction_timeout_ms);
        } else {
            doctor_kafka(doctor, &journal);
        }
    }
    if (kafka.place.brokers[0] != '\0') {
        doctor_kafka(doctor, &kafka);
    } else if (options.journal[0] == '\0') {
        finding(doctor, FINDING_OK, "kafka", NULL, "the server uses no Kafka");
    }
    return true;
}
