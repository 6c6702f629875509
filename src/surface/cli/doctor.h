// SPDX-License-Identifier: Apache-2.0
// Findings of leat doctor: what was looked at, how it stands, and what to do. Nothing is changed on either side.
#ifndef LEAT_SURFACE_CLI_DOCTOR_H
#define LEAT_SURFACE_CLI_DOCTOR_H

#include "core/base/arena.h"
#include "flow/source/postgres/catalog.h"
#include "storage/kafka/kafka.h"
#include "surface/cli/command.h"

typedef enum FindingLevel { FINDING_OK, FINDING_WARN, FINDING_PROBLEM } FindingLevel;

typedef struct Doctor {
    Arena *arena;
    bool json, color;
    bool has_publication; // a DBA's: leat makes none
    int counts[3];        // by level
} Doctor;

// Says it at once. `remedy` is SQL ready to paste, or a sentence; NULL when there is nothing to do.
void finding(Doctor *doctor, FindingLevel level, const char *check, const char *remedy, const char *format, ...)
    PRINTF_LIKE(5, 6);
// An error as a finding: its hint is the remedy. Clears it.
void finding_err(Doctor *doctor, const char *check, Err *err);

// Everything about a source; false when it cannot be reached (which is a finding too).
bool doctor_source(Doctor *doctor, const char *url, const char *tables, const char *exclude);
// Server-wide: version, settings, role, slots, transactions.
void doctor_server(Doctor *doctor, PgConn *sql, const PgServer *server);
// Per table: identity, permissions, row security, TOAST.
void doctor_tables(Doctor *doctor, PgConn *sql, const PgServer *server, const char *tables, const char *exclude);

// A Kafka that journals, a cluster or a sink need.
typedef struct DoctorKafka {
    KafkaPlace place;
    const char *prefix;  // of journals' topics; NULL = none
    const char *group;   // a cluster's; NULL = none
    const char *ca_file; // which certificates of its nodes are checked with; NULL = the system's
    int64_t session_ms;  // of the cluster
    int64_t transaction_timeout_ms;
    int64_t replicas; // of topics that leat makes; 0 = as brokers have it
} DoctorKafka;
void doctor_kafka(Doctor *doctor, const DoctorKafka *what);
// Of a kafka:// URL: a source's, a sink's or a journal's. ERR_OPTION.
CHECKED bool doctor_kafka_url(Doctor *doctor, const char *url, Err *err);
// The same of several, each Kafka once, under the first URL that names it. What is no such URL is passed over.
void doctor_kafka_urls(Doctor *doctor, const char *const *urls, size_t count);
// Of --config, --journal and --set, as of leat server.
CHECKED bool doctor_config(Doctor *doctor, const Cli *cli, Err *err);

#endif
