// SPDX-License-Identifier: Apache-2.0
// Options of `leat server`: given by leat.toml and --set, checked by the command, handed to the front by its START
// (text, JSON: {"data.directory":"/var/lib/leat","listen.connect":"127.0.0.1:8083",…}, every value a text).
#ifndef LEAT_ENGINE_IPC_SERVER_OPTIONS_H
#define LEAT_ENGINE_IPC_SERVER_OPTIONS_H

#include "core/base/buf.h"
#include "core/config/option.h"
#include "engine/ipc/tasks.h"

typedef struct ServerOptions {
    const char *listen_connect, *listen_registry, *listen_metrics; // HOST:PORT; "" = not served
    const char *listen_catalog;                                    // likewise
    const char *catalog_warehouse;                                 // where new tables go; "" = DATA/warehouse
    const char *catalog_name;                                      // of the warehouse
    const char *catalog_locations;                                 // further places of tables, comma-separated
    const char *catalog_client_options;                            // NAME=VALUE, comma-separated
    const char *token_file;                                        // "" = none
    const char *tls_certificate, *tls_key;                         // PEM files; "" = plain HTTP
    bool insecure;                                                 // listen beyond loopback without tokens
    const char *connectors_directory;                              // "" = none is watched
    int64_t worker_memory_max;                                     // bytes; 0 = no limit
    int64_t restart_backoff_min_ms, restart_backoff_max_ms;
    int64_t restart_crashes_max, restart_healthy_ms;
    int64_t stop_timeout_ms, call_timeout_ms;
    const char *webhook_url;     // with its references; "" = none
    const char *webhook_events;  // comma-separated
    const char *kafka;           // map: which Kafka source connectors write into; NULL = none
    const char *journal;         // kafka://…: where their journals are; "" = in the data directory
    const char *cluster_group;   // "" = this server works alone
    const char *cluster_url;     // where other nodes reach listen.connect; "" = as listen.connect says
    const char *cluster_ca;      // PEM file for certificates of other nodes; "" = the system's
    int64_t cluster_session_ms;  // a node that Kafka has not heard of for so long has lost its connectors
    int64_t freshness_target_ms; // 0 = none
    int64_t slot_alert_percent;
} ServerOptions;
extern const OptionTable SERVER_OPTIONS;

static inline bool server_options_cluster(const ServerOptions *options) {
    return options->cluster_group[0] != '\0';
}
// "10.0.0.1:8083" of "http://10.0.0.1:8083": this node's name in its cluster.
static inline const char *server_options_node(const ServerOptions *options) {
    const char *after = strstr(options->cluster_url, "://");
    return after != NULL ? after + 3 : options->cluster_url;
}
// Maps are left out: they are for workers.
void server_options_json(Buf *out, const char *data_directory, const ServerOptions *options);
// The same back; everything is copied into the arena. ERR_OPTION: it is not what server_options_json makes.
CHECKED bool server_options_parse(Slice json, Arena *arena, ServerOptions *options, const char **data_directory,
                                  Err *err);
// {"bootstrap.servers":…,…}: the options of the map kafka.*.
void server_options_kafka(Buf *out, const ServerOptions *options);
// What a connector's worker is told: its document, a JSON object, with a member "kafka", an object of the options of
// that map without "kafka.", where there are any, a member "journal", a text, where that is not empty, and of a task of
// several (tasks.h) members "task" and "tasks".
void server_options_document(Buf *out, const ServerOptions *options, const TaskShare *share, Slice document);

#endif
