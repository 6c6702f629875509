// SPDX-License-Identifier: Apache-2.0
// leat server: reads leat.toml and --set, then is the supervisor until it is told to stop.
#include "core/base/log.h"
#include "core/config/toml.h"
#include "core/net/http_address.h"
#include "core/sys/file.h"
#include "core/config/properties.h"
#include "engine/control/supervisor.h"
#include "flow/pipeline/connector_journal.h"
#include "flow/pipeline/connector_kafka.h"
#include "storage/kafka/options.h"
#include "surface/cli/pipelines.h"
#include "surface/cli/server_config.h"

#include <errno.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

static bool option_take(const char *name, const char *value, ServerOptions *options, Arena *arena, Err *err) {
    if (option_set(&SERVER_OPTIONS, options, name, value, arena, err)) {
        return true;
    }
    return err_hint(err, "leat help options lists the options of the server");
}

static bool file_take(const char *path, ServerOptions *options, const char **data_directory, Arena *arena, Err *err) {
    Slice text;
    Toml toml;
    TRY(file_read_all(path, CONFIG_BYTES_MAX, arena, &text, err));
    TRY(toml_parse(text, path, arena, &toml, err));
    for (size_t i = 0; i < toml.count; i++) {
        const TomlEntry *entry = &toml.at[i];
        if (strcmp(entry->name, "data.dir") == 0) {
            *data_directory = entry->value;
        } else if (!option_take(entry->name, entry->value, options, arena, err)) {
            return err_prefix(err, "%s, line %d", path, entry->line);
        }
    }
    return true;
}

// One Kafka for journals and records, unless kafka.bootstrap.servers says another, or none: what is said of how it is
// reached holds for both.
static bool journal_take(ServerOptions *options, Arena *arena, Err *err) {
    KafkaUrl url;
    Properties kafka = {0};
    if (options->journal[0] == '\0') {
        return true;
    }
    TRY(connector_journal_check(options->journal, SLICE("server"), &kafka, err) || err_prefix(err, "journal"));
    TRY(kafka_url_parse(options->journal, arena, &url, err));
    properties_set_map(arena, &kafka, "", options->kafka);
    if (properties_find(&kafka, SLICE("bootstrap.servers")) != NULL) {
        return true;
    }
    const char *name, *value;
    for (const char *at = url.query; kafka_url_next(&at, arena, &name, &value);) {
        if (!kafka_option_secures(name)) {
            continue;
        }
        const Property *other = properties_find(&kafka, slice_of(name));
        if (other != NULL && !slice_is(other->value, value)) {
            return FAIL(err, ERR_OPTION, "kafka.%s is not what the journal's URL says, and both mean one Kafka", name);
        }
        TRY(option_take(arena_printf(arena, "kafka.%s", name), value, options, arena, err));
    }
    for (size_t i = 0; i < kafka.count; i++) {
        name = arena_text(arena, kafka.at[i].name);
        if (kafka_option_secures(name) && strstr(url.query, arena_printf(arena, "%s=", name)) == NULL) {
            options->journal = kafka_url_with(arena, options->journal, name, arena_text(arena, kafka.at[i].value));
        }
    }
    TRY(connector_journal_check(options->journal, SLICE("server"), &(Properties){0}, err) || err_prefix(err, "kafka"));
    return option_take("kafka.bootstrap.servers", url.brokers, options, arena, err);
}

// Where other nodes find this one.
static bool cluster_take(Arena *arena, const Properties *kafka, ServerOptions *options, Err *err) {
    if (!server_options_cluster(options)) {
        return true;
    }
    const char *brokers = properties_text(arena, kafka, "bootstrap.servers", "");
    if (brokers[0] == '\0') {
        FAIL(err, ERR_OPTION, "cluster.group: a cluster needs a Kafka");
        return err_hint(err, "give kafka.bootstrap.servers");
    }
    HttpAddress address;
    if (options->cluster_url[0] != '\0') {
        bool http =
            strncmp(options->cluster_url, "http://", 7) == 0 || strncmp(options->cluster_url, "https://", 8) == 0;
        const char *node = server_options_node(options);
        return (http && node[0] != '\0' && strpbrk(node, "/?#@") == NULL) ||
               FAIL(err, ERR_OPTION, "cluster.advertised.url: \"%.200s\" is not http://HOST:PORT or https://HOST:PORT",
                    options->cluster_url);
    }
    TRY(http_address_parse(options->listen_connect, &address, err));
    if (strncmp(options->listen_connect, "0.0.0.0:", 8) == 0 || strncmp(options->listen_connect, "[::]:", 5) == 0) {
        FAIL(err, ERR_OPTION, "cluster.advertised.url is missing, and listen.connect is no address of one host");
        return err_hint(err, "give the URL under which other nodes reach this one");
    }
    options->cluster_url =
        arena_printf(arena, "%s://%s", options->tls_certificate[0] != '\0' ? "https" : "http", options->listen_connect);
    return true;
}

bool server_config_take(const Cli *cli, ServerOptions *options, const char **data_directory, Err *err) {
    const char *config = cli_value(cli, "config"), *insecure = getenv("LEAT_INSECURE");
    option_defaults(&SERVER_OPTIONS, options);
    if (config != NULL) {
        TRY(file_take(config, options, data_directory, cli->arena, err));
    }
    if (insecure != NULL && strcmp(insecure, "1") == 0) {
        options->insecure = true;
    }
    for (int i = 0; i < cli->set_count; i++) {
        const char *equals = strchr(cli->sets[i], '=');
        const char *name = arena_printf(cli->arena, "%.*s", (int)(equals - cli->sets[i]), cli->sets[i]);
        TRY(option_take(name, equals + 1, options, cli->arena, err));
    }
    if (cli_has(cli, "journal")) {
        TRY(option_take("journal", cli_value(cli, "journal"), options, cli->arena, err));
    }
    if ((options->tls_certificate[0] == '\0') != (options->tls_key[0] == '\0')) {
        return FAIL(err, ERR_OPTION, "tls.certificate and tls.key are given together, or neither of them");
    }
    TRY(journal_take(options, cli->arena, err));
    Properties kafka = {0};
    properties_set_map(cli->arena, &kafka, "", options->kafka);
    return connector_kafka_check(cli->drivers, &kafka, err) && cluster_take(cli->arena, &kafka, options, err);
}

bool server_command(Cli *cli, Err *err) {
    ServerOptions options;
    const char *data_directory = NULL;
    if (!cli_has(cli, "log-level")) {
        log_level_set(LOG_INFO); // on a terminal too: a service says what it does
    }
    TRY(server_config_take(cli, &options, &data_directory, err));
    options.insecure = options.insecure || cli_has(cli, "insecure");
    if (cli_has(cli, "data-dir") || data_directory == NULL) {
        data_directory = cli_value(cli, "data-dir");
    }
    data_directory = pipeline_data_directory(cli->arena, data_directory);
    // Children find it there; and it is absolute.
    if (setenv("LEAT_DATA_DIR", data_directory, 1) != 0) {
        return FAIL_ERRNO(err, "set LEAT_DATA_DIR");
    }
    SupervisorSetup setup = {
        .data_directory = data_directory, .options = &options, .log_level = cli_value(cli, "log-level")};
    return supervisor_run(&setup, err);
}
