// SPDX-License-Identifier: Apache-2.0
#include "engine/ipc/server_options.h"

#include "core/base/json.h"
#include "core/config/properties.h"

#define DATA_DIRECTORY "data.directory"

#define AT(field) offsetof(ServerOptions, field)
static const OptionSpec SERVER_SPECS[] = {
    {"listen.connect", OPTION_TEXT, 0, AT(listen_connect), "127.0.0.1:8083", 0, 0, NULL,
     "HOST:PORT of the Kafka Connect API; empty = not served."},
    {"listen.registry", OPTION_TEXT, 0, AT(listen_registry), "127.0.0.1:8081", 0, 0, NULL,
     "HOST:PORT of the schema registry; empty = not served."},
    {"listen.metrics", OPTION_TEXT, 0, AT(listen_metrics), "127.0.0.1:9464", 0, 0, NULL,
     "HOST:PORT of /metrics and /health; empty = not served."},
    {"listen.catalog", OPTION_TEXT, 0, AT(listen_catalog), "127.0.0.1:8181", 0, 0, NULL,
     "HOST:PORT of the Iceberg REST catalog; empty = not served."},
    {"catalog.warehouse", OPTION_TEXT, 0, AT(catalog_warehouse), "", 0, 0, NULL,
     "Where the catalog puts new tables: a directory or s3://bucket/prefix; empty = warehouse in the data directory."},
    {"catalog.name", OPTION_TEXT, 0, AT(catalog_name), "leat", 0, 0, NULL,
     "Name of the warehouse, by which clients may ask for it."},
    {"catalog.locations", OPTION_TEXT, 0, AT(catalog_locations), "", 0, 0, NULL,
     "Further places (URIs, comma-separated) below which clients may have tables; empty = the warehouse only."},
    {"catalog.client.options", OPTION_TEXT, 0, AT(catalog_client_options), "", 0, 0, NULL,
     "What the catalog's clients are told as defaults: NAME=VALUE, comma-separated, such as s3.endpoint=URL."},
    {"auth.token.file", OPTION_TEXT, 0, AT(token_file), "", 0, 0, NULL,
     "File of the tokens and passwords that callers must show; empty = nobody is asked."},
    {"tls.certificate", OPTION_TEXT, 0, AT(tls_certificate), "", 0, 0, NULL,
     "PEM file of the listeners' certificate chain; empty = plain HTTP."},
    {"tls.key", OPTION_TEXT, 0, AT(tls_key), "", 0, 0, NULL, "PEM file of the certificate's private key."},
    {"insecure", OPTION_BOOL, 0, AT(insecure), "false", 0, 0, NULL,
     "Listen beyond loopback although no auth.token.file is given. LEAT_INSECURE=1 says the same."},
    {"connectors.dir", OPTION_TEXT, 0, AT(connectors_directory), "", 0, 0, NULL,
     "Directory of connector files that is watched: what is in it, and only that, runs; empty = none."},
    {"worker.memory.max", OPTION_BYTES, 0, AT(worker_memory_max), "2GiB", 0, INT64_C(1) << 50, NULL,
     "Bytes that one worker process may allocate before it is ended and started again; 0 = no limit."},
    {"restart.backoff.min", OPTION_DURATION, 0, AT(restart_backoff_min_ms), "500ms", 1, 3600000, NULL,
     "Wait before the first restart of a worker that failed; it doubles with each further failure."},
    {"restart.backoff.max", OPTION_DURATION, 0, AT(restart_backoff_max_ms), "1m", 1, 86400000, NULL,
     "Longest wait between restarts."},
    {"restart.crashes.max", OPTION_INT, 0, AT(restart_crashes_max), "5", 0, 1000, NULL,
     "Restarts after crashes and internal errors in a row before the task is FAILED as a crash loop."},
    {"restart.healthy.time", OPTION_DURATION, 0, AT(restart_healthy_ms), "1m", 1, 86400000, NULL,
     "A run of this length ends the row: waits and counts begin anew."},
    {"stop.timeout", OPTION_DURATION, 0, AT(stop_timeout_ms), "30s", 100, 3600000, NULL,
     "How long a worker may take to stop at a checkpoint before it is ended by signals."},
    {"call.timeout", OPTION_DURATION, 0, AT(call_timeout_ms), "90s", 1000, 3600000, NULL,
     "How long a connection test, an offset change or the like may take."},
    {"webhook.url", OPTION_TEXT, 0, AT(webhook_url), "", 0, 0, NULL,
     "Where events are POSTed as JSON; may hold references such as ${env:NAME}; empty = nowhere."},
    {"webhook.events", OPTION_LIST, 0, AT(webhook_events),
     "slot,retention,freshness,dead_letters,crash_loop,quarantine,verify_differs,verify_not_compared", 0, 0, NULL,
     "Which events are sent."},
    {"kafka.*", OPTION_MAP, 0, AT(kafka), NULL, 0, 0, NULL,
     "The Kafka that source connectors write into: bootstrap.servers, and options of the Kafka sink "
     "(security.protocol, "
     "sasl.…, ssl.…, exactly.once.support, transaction.…, position.topic, topic.creation.*, producer.override.*)."},
    {"journal", OPTION_TEXT, 0, AT(journal), "", 0, 0, NULL,
     "Where source connectors have their journals: empty = in the data directory, kafka://HOST:PORT/ = in topics of "
     "that Kafka, where their records then go too unless kafka.bootstrap.servers is given."},
    {"cluster.group", OPTION_TEXT, 0, AT(cluster_group), "", 0, 0, NULL,
     "Name of a cluster of servers on one Kafka (kafka.*) that share their connectors; empty = this server works "
     "alone."},
    {"cluster.advertised.url", OPTION_TEXT, 0, AT(cluster_url), "", 0, 0, NULL,
     "URL under which other nodes of the cluster reach this one's Kafka Connect API; empty = listen.connect."},
    {"cluster.ca.location", OPTION_TEXT, 0, AT(cluster_ca), "", 0, 0, NULL,
     "Certificates (PEM) that those of other nodes are checked with; empty = the system's."},
    {"cluster.session.timeout", OPTION_DURATION, 0, AT(cluster_session_ms), "10s", 1000, 1800000, NULL,
     "A node that Kafka has not heard of for so long stops its connectors, and others start them."},
    {"freshness.target", OPTION_DURATION, 0, AT(freshness_target_ms), "5m", 0, INT64_C(1) << 40, NULL,
     "A change that is older when it becomes durable is an event; 0 = there is no target."},
    {"slot.alert.percent", OPTION_INT, 0, AT(slot_alert_percent), "80", 1, 100, NULL,
     "Retained WAL, in percent of the slot's cap, from which on it is an event."},
};
#undef AT
const OptionTable SERVER_OPTIONS = {"Server", SERVER_SPECS, ARRAY_LEN(SERVER_SPECS)};

void server_options_json(Buf *out, const char *data_directory, const ServerOptions *options) {
    DEFER(buf_release) Buf value = {0};
    buf_u8(out, '{');
    json_field_text(out, DATA_DIRECTORY, data_directory);
    for (size_t i = 0; i < SERVER_OPTIONS.count; i++) {
        const OptionSpec *spec = &SERVER_OPTIONS.specs[i];
        if (spec->type == OPTION_MAP) {
            continue;
        }
        buf_reset(&value);
        option_print(spec, options, &value);
        json_key(out, spec->name);
        json_quote(out, buf_slice(&value));
    }
    buf_u8(out, '}');
}

void server_options_kafka(Buf *out, const ServerOptions *options) {
    Arena scratch[1];
    Properties kafka = {0};
    arena_init_small(scratch, "scratch", 1024);
    properties_set_map(scratch, &kafka, "", options->kafka);
    properties_json(out, &kafka);
    arena_release(scratch);
}

void server_options_document(Buf *out, const ServerOptions *options, const TaskShare *share, Slice document) {
    Arena scratch[1];
    Properties kafka = {0};
    ASSERT(document.size > 0 && document.data[0] == '{');
    arena_init_small(scratch, "scratch", 1024);
    properties_set_map(scratch, &kafka, "", options->kafka);
    buf_u8(out, '{');
    if (kafka.count > 0) {
        json_key(out, "kafka");
        properties_json(out, &kafka);
    }
    if (options->journal[0] != '\0') {
        json_field_text(out, "journal", options->journal);
    }
    if (options->cluster_group[0] != '\0') {
        json_key(out, "clustered");
        buf_text(out, "true");
    }
    if (share->tasks > 1) {
        json_field_int(out, "task", share->task);
        json_field_int(out, "tasks", share->tasks);
    }
    buf_text(out, out->data[out->size - 1] != '{' ? "," : "");
    buf_put(out, slice_from(document, 1));
    arena_release(scratch);
}

bool server_options_parse(Slice json, Arena *arena, ServerOptions *options, const char **data_directory, Err *err) {
    Properties all;
    TRY(properties_parse(arena, json, &all, err));
    option_defaults(&SERVER_OPTIONS, options);
    *data_directory = properties_text(arena, &all, DATA_DIRECTORY, NULL);
    if (*data_directory == NULL) {
        return FAIL(err, ERR_OPTION, "the server's options do not say the data directory");
    }
    for (size_t i = 0; i < all.count; i++) {
        const char *name = arena_text(arena, all.at[i].name);
        if (strcmp(name, DATA_DIRECTORY) != 0) {
            TRY(option_set(&SERVER_OPTIONS, options, name, arena_text(arena, all.at[i].value), arena, err));
        }
    }
    return true;
}
