// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/takeover.h"

#include "core/config/java_properties.h"
#include "core/sys/file.h"

#include <errno.h>

enum { WORKER_BYTES_MAX = 1 << 20 };

static const OptionSpec SPECS[] = {
    {.name = "bootstrap.servers",
     .type = OPTION_TEXT,
     .offset = offsetof(TakeoverOptions, brokers),
     .default_text = "",
     .text = "Brokers of Connect's Kafka."},
    {.name = "group.id",
     .type = OPTION_TEXT,
     .offset = offsetof(TakeoverOptions, group),
     .default_text = "connect-cluster",
     .text = "The group of Connect's workers."},
    {.name = "config.storage.topic",
     .type = OPTION_TEXT,
     .offset = offsetof(TakeoverOptions, configs),
     .default_text = "",
     .text = "Where they keep configurations."},
    {.name = "offset.storage.topic",
     .type = OPTION_TEXT,
     .offset = offsetof(TakeoverOptions, offsets),
     .default_text = "",
     .text = "Where they keep offsets of sources."},
    {.name = "status.storage.topic",
     .type = OPTION_TEXT,
     .offset = offsetof(TakeoverOptions, status),
     .default_text = "",
     .text = "Where they keep states."},
    KAFKA_OPTION_SPECS(TakeoverOptions, kafka),
};
static const OptionTable OPTIONS = {"Takeover", SPECS, ARRAY_LEN(SPECS)};
enum { OWN_SPECS = 5 }; // the others say how Kafka is reached

static bool set(Takeover *takeover, const char *name, const char *value, Err *err) {
    TRY(option_set(&OPTIONS, &takeover->options, name, value, takeover->arena, err));
    const OptionSpec *spec = option_find(&OPTIONS, name);
    if (spec >= SPECS + OWN_SPECS) {
        properties_set(takeover->arena, &takeover->client, slice_of(name), slice_of(value));
    }
    return true;
}

// What a file of a worker says in the same words; the login of Java's client too.
static bool worker_take(Takeover *takeover, const char *path, Err *err) {
    static const char *const SAME[] = {
        "bootstrap.servers",    "group.id",          "config.storage.topic", "offset.storage.topic",
        "status.storage.topic", "security.protocol", "sasl.mechanism"};
    Slice text;
    TRY(file_read_all(path, WORKER_BYTES_MAX, takeover->arena, &text, err));
    takeover->worker = java_properties_parse(takeover->arena, text);
    for (size_t i = 0; i < ARRAY_LEN(SAME); i++) {
        const char *value = properties_text(takeover->arena, &takeover->worker, SAME[i], NULL);
        if (value != NULL && !set(takeover, SAME[i], value, err)) {
            return err_prefix(err, "%s", path);
        }
    }
    const char *login = properties_text(takeover->arena, &takeover->worker, "sasl.jaas.config", NULL);
    return login == NULL || (set(takeover, "consumer.override.sasl.jaas.config", login, err) &&
                             set(takeover, "producer.override.sasl.jaas.config", login, err));
}

static bool options_take(Takeover *takeover, Err *err) {
    static const char *const FLAGS[][2] = {{"bootstrap", "bootstrap.servers"},
                                           {"group", "group.id"},
                                           {"config.storage.topic", "config.storage.topic"},
                                           {"offset.storage.topic", "offset.storage.topic"},
                                           {"status.storage.topic", "status.storage.topic"}};
    const Cli *cli = takeover->cli;
    option_defaults(&OPTIONS, &takeover->options);
    if (cli_value(cli, "worker-config") != NULL) {
        TRY(worker_take(takeover, cli_value(cli, "worker-config"), err));
    }
    for (size_t i = 0; i < ARRAY_LEN(FLAGS); i++) {
        const char *value = cli_value(cli, FLAGS[i][0]);
        TRY(value == NULL || set(takeover, FLAGS[i][1], value, err));
    }
    for (int i = 0; i < cli->set_count; i++) {
        const char *equals = strchr(cli->sets[i], '=');
        const char *name = arena_printf(cli->arena, "%.*s", (int)(equals - cli->sets[i]), cli->sets[i]);
        TRY(set(takeover, name, equals + 1, err));
    }
    if (takeover->options.brokers[0] == '\0') {
        FAIL(err, ERR_USAGE, "which Kafka? --bootstrap HOST:PORT,… is missing");
        return err_hint(err, "or give the file that Connect's workers have: --worker-config FILE");
    }
    return true;
}

// Exit code 1: something cannot be taken over.
static void exit_code(Takeover *takeover) {
    for (size_t i = 0; i < takeover->count; i++) {
        if (takeover->items[i].action == TAKEOVER_NOT) {
            takeover->cli->exit_code = EXIT_FAILED;
        }
    }
}

static bool work(Takeover *takeover, Err *err) {
    TRY(cli_wants_json(takeover->cli, &takeover->json, err));
    if (takeover->json && (cli_has(takeover->cli, "execute") || cli_has(takeover->cli, "give-back"))) {
        return FAIL(err, ERR_USAGE, "--output json is a form of the plan");
    }
    TRY(options_take(takeover, err));
    TRY(takeover_read(takeover, err));
    takeover_server_look(takeover);
    TRY(takeover_plan(takeover, err));
    if (cli_has(takeover->cli, "give-back")) {
        return takeover_back(takeover, err);
    }
    if (cli_has(takeover->cli, "execute")) {
        TRY(takeover_execute(takeover, err));
    } else {
        takeover_print(takeover);
    }
    exit_code(takeover);
    return true;
}

bool takeover_command(Cli *cli, Err *err) {
    Takeover takeover = {.cli = cli, .arena = cli->arena};
    cluster_init(&takeover.cluster, cli->arena);
    TRY(rest_open(cli, REST_CONNECT, &takeover.leat, err));
    const char *connect = cli_value(cli, "connect-url");
    bool ok = (connect == NULL || rest_open_at(cli, connect, &takeover.connect, err)) && work(&takeover, err);
    rest_close(&takeover.connect);
    rest_close(&takeover.leat);
    cluster_release(&takeover.cluster);
    return ok;
}
