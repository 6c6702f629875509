// SPDX-License-Identifier: Apache-2.0
#include "surface/api/metrics.h"

#include "core/base/map.h"
#include "core/base/version.h"
#include "core/sys/file.h"
#include "engine/ipc/tasks.h"
#include "surface/api/audit.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <unistd.h>

// What is kept of a connector.
typedef struct Known {
    char *name;
    char kind[16];
    Buf state; // its newest STATE
    uint64_t errors;
    char error[48]; // the one of now; "" = none
    int64_t restarts;
} Known;

typedef struct Metrics {
    Front *front;
    pthread_mutex_t mutex;
    Map connectors; // name → Known
    Buf cluster;    // what is known of it; empty = this node is no member now
    bool clustered; // it was heard of
} Metrics;

// One series a connector, from a number of its report.
typedef struct Family {
    const char *name, *type, *help;
    const char *field; // of the report; NULL: see special()
    double scale;
} Family;

static const Family FAMILIES[] = {
    {"leat_connector_changes_total", "counter", "Changes taken from the source", "changes", 1},
    {"leat_connector_records_total", "counter", "Records written to the target or journal", "records", 1},
    {"leat_connector_bytes_total", "counter", "Bytes of those records", "bytes", 1},
    {"leat_connector_lag_bytes", "gauge", "Bytes of WAL that the source has and the journal has not", "lag_bytes", 1},
    {"leat_connector_lag_seconds", "gauge", "Age of the newest change that is durable, or how long the source is away",
     "lag_ms", 0.001},
    {"leat_connector_slot_retained_bytes", "gauge", "WAL that the slot holds back on the source", "slot_retained_bytes",
     1},
    {"leat_connector_slot_safe_bytes", "gauge", "WAL that may still be written before the slot is lost",
     "slot_safe_bytes", 1},
    {"leat_connector_journal_bytes", "gauge", "Bytes of the journal on disk", "journal_bytes", 1},
    {"leat_connector_queue_bytes", "gauge", "Bytes read and not yet durable", "queue_bytes", 1},
    {"leat_connector_queue_limit_bytes", "gauge", "The most that may wait so", "queue_bytes_max", 1},
    {"leat_connector_commits_total", "counter", "Group commits of the journal", "commits", 1},
    {"leat_connector_commit_seconds_total", "counter", "Time that those took", "commit_us", 0.000001},
    {"leat_connector_sink_behind_bytes", "gauge",
     "Bytes that the sink has not published: of the journal; of topics of Kafka about so many", "sink_behind_bytes", 1},
    {"leat_connector_sink_behind_records", "gauge", "Records of Kafka's topics that the sink has not published",
     "sink_behind_records", 1},
    {"leat_connector_retention_share", "gauge",
     "How much of the topic's retention what comes next in Kafka has used up; 1 = records are removed",
     "retention_share", 1},
    {"leat_connector_lost_records_total", "counter", "Records that Kafka's retention removed before they were read",
     "lost_records", 1},
    {"leat_connector_sink_away_seconds", "gauge", "How long the sink has not got past an error; 0 = it goes on",
     "sink_away_ms", 0.001},
    {"leat_connector_sink_events_total", "counter", "Events published by the sink", "sink_events", 1},
    {"leat_connector_sink_bytes_total", "counter", "Bytes published by the sink", "sink_bytes", 1},
    {"leat_connector_sink_files_total", "counter", "Files published by the sink", "sink_files", 1},
    {"leat_connector_dead_letters_total", "counter", "Values and rows that went to the dead letters", "dead_letters",
     1},
    {"leat_connector_quarantined_tables", "gauge", "Tables that do not go on until they are read again", "quarantined",
     1},
};

// Series with labels of their own.
enum {
    SERIES_STATE,
    SERIES_SLOT_SHARE,
    SERIES_RESTARTS,
    SERIES_ERRORS,
    SERIES_STORE_REQUESTS,
    SERIES_STORE_BYTES,
    SERIES_MEMORY,
    SERIES_CPU,
    SERIES_TABLE_CHANGES,
    SERIES_TABLE_SNAPSHOT,
    SERIES_TABLE_LAG,
    SERIES_TABLE_COMMITTED,
    SERIES_TABLE_PENDING,
    SERIES_VERIFY_RESULT,
    SERIES_VERIFY_TIME,
    SERIES_VERIFY_SECONDS,
    SERIES_TABLE_VERIFIED,
    SERIES_TABLE_VERIFIED_TIME,
    SERIES_TABLE_VERIFIED_ROWS,
    SERIES_TABLE_VERIFIED_DIFFER,
    SERIES_COUNT,
};
static const Family SERIES[SERIES_COUNT] = {
    [SERIES_STATE] = {"leat_connector_state", "gauge", "1 for the state of the connector's task", NULL, 1},
    [SERIES_SLOT_SHARE] = {"leat_connector_slot_share", "gauge",
                           "Retained WAL as a share of the slot's cap (max_slot_wal_keep_size); 1 = lost", NULL, 1},
    [SERIES_RESTARTS] = {"leat_connector_restarts_total", "counter", "Restarts of its worker after failures", NULL, 1},
    [SERIES_ERRORS] = {"leat_connector_errors_total", "counter", "Errors that ended its worker, since the front began",
                       NULL, 1},
    [SERIES_STORE_REQUESTS] = {"leat_connector_store_requests_total", "counter", "Requests to the sink's store", NULL,
                               1},
    [SERIES_STORE_BYTES] = {"leat_connector_store_bytes_total", "counter", "Bytes to and from the sink's store", NULL,
                            1},
    [SERIES_MEMORY] = {"leat_process_resident_memory_bytes", "gauge", "Resident memory, by process", NULL, 1},
    [SERIES_CPU] = {"leat_process_cpu_seconds_total", "counter", "CPU time, by process", NULL, 1},
    [SERIES_TABLE_CHANGES] = {"leat_table_changes_total", "counter", "Changes of one table", NULL, 1},
    [SERIES_TABLE_SNAPSHOT] = {"leat_table_snapshot_rows_total", "counter", "Rows read by snapshots of one table", NULL,
                               1},
    [SERIES_TABLE_LAG] =
        {"leat_table_lag_seconds", "gauge",
         "How long ago the oldest change of the table happened that its target has not; 0 = it has all", NULL, 1},
    [SERIES_TABLE_COMMITTED] = {"leat_table_committed_timestamp_seconds", "gauge",
                                "When the newest change happened that the target's table has", NULL, 1},
    [SERIES_TABLE_PENDING] = {"leat_table_pending_rows", "gauge", "Changes that the sink has taken and not committed",
                              NULL, 1},
    [SERIES_VERIFY_RESULT] = {"leat_connector_verify_result", "gauge", "1 for what the last verification came to", NULL,
                              1},
    [SERIES_VERIFY_TIME] = {"leat_connector_verify_timestamp_seconds", "gauge", "When the last verification ended",
                            NULL, 1},
    [SERIES_VERIFY_SECONDS] = {"leat_connector_verify_duration_seconds", "gauge", "How long it took", NULL, 1},
    [SERIES_TABLE_VERIFIED] = {"leat_table_verify_equal", "gauge",
                               "1: the table was its source when it was last compared; 0: it was not", NULL, 1},
    [SERIES_TABLE_VERIFIED_TIME] = {"leat_table_verify_timestamp_seconds", "gauge",
                                    "Of which moment the table was last compared", NULL, 1},
    [SERIES_TABLE_VERIFIED_ROWS] = {"leat_table_verify_rows", "gauge", "Rows of the source that were compared", NULL,
                                    1},
    [SERIES_TABLE_VERIFIED_DIFFER] = {"leat_table_verify_differing_rows", "gauge",
                                      "Rows that were missing, extra, different or there twice", NULL, 1},
};

// ---- what comes from the supervisor

static Known *known_of(Metrics *metrics, Slice name) {
    Known *known = map_find(&metrics->connectors, name);
    if (known == NULL) {
        known = calloc(1, sizeof(*known));
        char *text = calloc(1, name.size + 1);
        if (known == NULL || text == NULL) {
            panic("out of memory for a connector's metrics");
        }
        memcpy(text, name.data, name.size);
        known->name = text;
        map_put(&metrics->connectors, name, known);
    }
    return known;
}

static void known_free(Known *known) {
    if (known != NULL) {
        buf_release(&known->state);
        free(known->name);
        free(known);
    }
}

static json_t *parse(Slice text) {
    return text.size > 0 ? json_loadb((const char *)text.data, text.size, JSON_ALLOW_NUL, NULL) : NULL;
}

static void take_state(Known *known, Slice text) {
    json_t *state = parse(text);
    const char *code = json_string_value(json_object_get(json_object_get(state, "error"), "code"));
    int64_t restarts = json_integer_value(json_object_get(state, "restarts"));
    if (code != NULL && (strcmp(code, known->error) != 0 || restarts != known->restarts)) {
        known->errors++;
    }
    snprintf(known->error, sizeof(known->error), "%s", code != NULL ? code : "");
    known->restarts = restarts;
    json_decref(state);
    buf_reset(&known->state);
    buf_put(&known->state, text);
}

void metrics_message(void *context, const Message *message) {
    Metrics *metrics = context;
    pthread_mutex_lock(&metrics->mutex);
    if ((message->type == MESSAGE_DOCUMENT && message->text.size == 0) ||
        (message->type == MESSAGE_STATE && message->number != 0)) { // removed, or another node's to tell of
        known_free(map_remove(&metrics->connectors, message->name));
    } else if (message->type == MESSAGE_DOCUMENT) {
        json_t *document = parse(message->text);
        const char *kind = json_string_value(json_object_get(document, "kind"));
        Known *known = known_of(metrics, message->name);
        snprintf(known->kind, sizeof(known->kind), "%s", kind != NULL ? kind : "unknown");
        json_decref(document);
    } else if (message->type == MESSAGE_CLUSTER) {
        metrics->clustered = true;
        buf_reset(&metrics->cluster);
        buf_put(&metrics->cluster, message->text);
    } else if (message->type == MESSAGE_STATE) {
        Known *known = known_of(metrics, message->name);
        if (task_number(message->name) > 0) { // its connector's document may be another node's to tell of
            snprintf(known->kind, sizeof(known->kind), "sink");
        }
        take_state(known, message->text);
    }
    pthread_mutex_unlock(&metrics->mutex);
}

// ---- writing

static void label(Buf *out, const char *name, Slice value) {
    buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.size; i++) {
        uint8_t byte = value.data[i];
        if (byte == '\\' || byte == '"') {
            buf_u8(out, '\\');
            buf_u8(out, byte);
        } else if (byte == '\n') {
            buf_text(out, "\\n");
        } else if (byte == TASK_SEPARATOR) {
            buf_text(out, "\",task=\"");
        } else {
            buf_u8(out, byte);
        }
    }
    buf_u8(out, '"');
}

static void number(Buf *out, double value) {
    if (value == (double)(int64_t)value) {
        buf_printf(out, " %" PRId64 "\n", (int64_t)value);
    } else {
        buf_printf(out, " %.9g\n", value);
    }
}

// NAME{connector="…",KEY="…"} VALUE
static void series(Buf *out, const Family *family, const char *connector, const char *key, const char *of,
                   double value) {
    buf_text(out, family->name);
    buf_u8(out, '{');
    label(out, "connector", slice_of(connector));
    if (key != NULL) {
        buf_u8(out, ',');
        label(out, key, slice_of(of));
    }
    buf_u8(out, '}');
    number(out, value);
}

static void head(Buf *out, const Family *family) {
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name, family->type);
}

typedef struct Scrape {
    Buf families[ARRAY_LEN(FAMILIES)];
    Buf series[SERIES_COUNT];
    size_t tables, tables_omitted, sink_tables, verified;
} Scrape;

static const char *state_name(const json_t *state) {
    const char *task = json_string_value(json_object_get(state, "task"));
    const char *own = json_string_value(json_object_get(state, "state"));
    return task != NULL ? task : own != NULL ? own : "UNASSIGNED";
}

static void slot_share(Scrape *scrape, const char *name, const json_t *report) {
    const json_t *retained = json_object_get(report, "slot_retained_bytes");
    const json_t *safe = json_object_get(report, "slot_safe_bytes");
    double held = json_number_value(retained), left = json_number_value(safe);
    if (json_is_number(retained) && json_is_number(safe) && left >= 0 && held + left > 0) {
        series(&scrape->series[SERIES_SLOT_SHARE], &SERIES[SERIES_SLOT_SHARE], name, NULL, NULL, held / (held + left));
    }
}

static void store_requests(Scrape *scrape, const char *name, const json_t *report) {
    static const char *const kinds[] = {"put", "multipart", "part", "get", "head", "list", "remove", "retries"};
    const json_t *requests = json_object_get(report, "sink_requests");
    for (size_t i = 0; requests != NULL && i < ARRAY_LEN(kinds); i++) {
        series(&scrape->series[SERIES_STORE_REQUESTS], &SERIES[SERIES_STORE_REQUESTS], name, "operation", kinds[i],
               json_number_value(json_object_get(requests, kinds[i])));
    }
    if (requests != NULL) {
        Buf *out = &scrape->series[SERIES_STORE_BYTES];
        series(out, &SERIES[SERIES_STORE_BYTES], name, "direction", "up",
               json_number_value(json_object_get(requests, "bytes_up")));
        series(out, &SERIES[SERIES_STORE_BYTES], name, "direction", "down",
               json_number_value(json_object_get(requests, "bytes_down")));
    }
}

static void tables(Scrape *scrape, const char *name, const json_t *report) {
    const json_t *list = json_object_get(report, "tables");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *table = json_array_get(list, i);
        const char *table_name = json_string_value(json_object_get(table, "table"));
        if (table_name == NULL) {
            continue;
        }
        if (scrape->tables == METRICS_TABLES_MAX) {
            scrape->tables_omitted++;
            continue;
        }
        scrape->tables++;
        series(&scrape->series[SERIES_TABLE_CHANGES], &SERIES[SERIES_TABLE_CHANGES], name, "table", table_name,
               json_number_value(json_object_get(table, "changes")));
        series(&scrape->series[SERIES_TABLE_SNAPSHOT], &SERIES[SERIES_TABLE_SNAPSHOT], name, "table", table_name,
               json_number_value(json_object_get(table, "snapshot_rows")));
    }
}

static double field(const json_t *object, const char *name) {
    return json_number_value(json_object_get(object, name));
}

static void put(Scrape *scrape, int series_of, const char *connector, const char *table, double value) {
    series(&scrape->series[series_of], &SERIES[series_of], connector, table != NULL ? "table" : NULL, table, value);
}

static void sink_tables(Scrape *scrape, const char *name, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list) && scrape->sink_tables < METRICS_TABLES_MAX; i++) {
        const json_t *table = json_array_get(list, i), *committed = json_object_get(table, "committed_ms");
        const char *table_name = json_string_value(json_object_get(table, "table"));
        if (table_name == NULL || json_object_get(table, "aside") != NULL) {
            continue;
        }
        scrape->sink_tables++;
        put(scrape, SERIES_TABLE_LAG, name, table_name, field(table, "lag_ms") / 1000);
        put(scrape, SERIES_TABLE_PENDING, name, table_name, field(table, "pending_rows"));
        if (committed != NULL) {
            put(scrape, SERIES_TABLE_COMMITTED, name, table_name, json_number_value(committed) / 1000);
        }
    }
}

static void verified_table(Scrape *scrape, const char *name, const json_t *table) {
    const char *table_name = json_string_value(json_object_get(table, "table"));
    const char *result = json_string_value(json_object_get(table, "result"));
    if (table_name == NULL || result == NULL || strcmp(result, "not_compared") == 0) {
        return;
    }
    put(scrape, SERIES_TABLE_VERIFIED, name, table_name, strcmp(result, "equal") == 0);
    put(scrape, SERIES_TABLE_VERIFIED_TIME, name, table_name, field(table, "taken_ms") / 1000);
    put(scrape, SERIES_TABLE_VERIFIED_ROWS, name, table_name, field(table, "source_rows"));
    put(scrape, SERIES_TABLE_VERIFIED_DIFFER, name, table_name,
        field(table, "missing") + field(table, "extra") + field(table, "different") + field(table, "duplicate"));
}

static void verified(Scrape *scrape, const char *name, const json_t *verify) {
    const json_t *last = json_object_get(verify, "last"), *list = json_object_get(verify, "tables");
    const char *result = json_string_value(json_object_get(last, "result"));
    if (result != NULL) {
        series(&scrape->series[SERIES_VERIFY_RESULT], &SERIES[SERIES_VERIFY_RESULT], name, "result", result, 1);
        put(scrape, SERIES_VERIFY_TIME, name, NULL, field(last, "ended_ms") / 1000);
        put(scrape, SERIES_VERIFY_SECONDS, name, NULL, field(last, "elapsed_ms") / 1000);
    }
    for (size_t i = 0; i < json_array_size(list) && scrape->verified < METRICS_TABLES_MAX; i++, scrape->verified++) {
        verified_table(scrape, name, json_array_get(list, i));
    }
}

// Resident memory and CPU time of a process of ours, from /proc.
static void process(Scrape *scrape, const char *role, const char *connector, int64_t pid) {
    char path[64], stat[1024];
    snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
    Err err[1] = {{0}};
    int fd = -1;
    size_t size = 0;
    bool read =
        pid > 0 && file_open(path, O_RDONLY, &fd, err) && file_read(fd, path, stat, sizeof(stat) - 1, 0, &size, err);
    file_close(&fd);
    if (!read) {
        return; // it has just ended
    }
    stat[size] = '\0';
    const char *at = strrchr(stat, ')'); // the name before it may hold anything
    uint64_t fields[22] = {0};           // from the third on: state, ppid, …
    for (size_t i = 0; at != NULL && i < ARRAY_LEN(fields); i++) {
        at = strchr(at + 1, ' ');
        fields[i] = at != NULL ? strtoull(at + 1, NULL, 10) : 0;
    }
    double page = (double)sysconf(_SC_PAGESIZE), tick = (double)sysconf(_SC_CLK_TCK);
    const struct {
        int series;
        double value;
    } values[] = {{SERIES_MEMORY, (double)fields[21] * page}, {SERIES_CPU, (double)(fields[11] + fields[12]) / tick}};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        Buf *out = &scrape->series[values[i].series];
        buf_printf(out, "%s{role=\"%s\"", SERIES[values[i].series].name, role);
        if (connector != NULL) {
            buf_u8(out, ',');
            label(out, "connector", slice_of(connector));
        }
        buf_u8(out, '}');
        number(out, values[i].value);
    }
}

static void one_connector(Scrape *scrape, const Known *known) {
    const char *name = known->name;
    json_t *state = parse(buf_slice(&known->state));
    const json_t *report = json_object_get(state, "report");
    Buf *out = &scrape->series[SERIES_STATE];
    buf_printf(out, "%s{", SERIES[SERIES_STATE].name);
    label(out, "connector", slice_of(name));
    buf_printf(out, ",kind=\"%s\",state=\"%s\"} 1\n", known->kind, state_name(state));
    series(&scrape->series[SERIES_RESTARTS], &SERIES[SERIES_RESTARTS], name, NULL, NULL, (double)known->restarts);
    series(&scrape->series[SERIES_ERRORS], &SERIES[SERIES_ERRORS], name, NULL, NULL, (double)known->errors);
    for (size_t i = 0; i < ARRAY_LEN(FAMILIES); i++) {
        const json_t *value = json_object_get(report, FAMILIES[i].field);
        if (json_is_number(value) && json_number_value(value) >= 0) { // -1: not known
            series(&scrape->families[i], &FAMILIES[i], name, NULL, NULL, json_number_value(value) * FAMILIES[i].scale);
        }
    }
    slot_share(scrape, name, report);
    store_requests(scrape, name, report);
    tables(scrape, name, report);
    sink_tables(scrape, name, json_object_get(report, "sink_tables"));
    verified(scrape, name, json_object_get(report, "verify"));
    process(scrape, "worker", name, json_integer_value(json_object_get(state, "pid")));
    json_decref(state);
}

static int by_name(const void *a, const void *b) {
    const Known *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static void all_connectors(Metrics *metrics, Scrape *scrape) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    pthread_mutex_lock(&metrics->mutex);
    size_t count = 0;
    Known **list = ARENA_ARRAY(&scratch, Known *, metrics->connectors.count + 1);
    for (MapEntry *entry = NULL; (entry = map_next(&metrics->connectors, entry)) != NULL;) {
        list[count++] = entry->value;
    }
    qsort(list, count, sizeof(*list), by_name);
    for (size_t i = 0; i < count; i++) {
        one_connector(scrape, list[i]);
    }
    pthread_mutex_unlock(&metrics->mutex);
}

static void simple(Buf *out, const char *name, const char *type, const char *help, double value) {
    head(out, &(Family){.name = name, .type = type, .help = help});
    buf_text(out, name);
    number(out, value);
}

static void front_itself(const Metrics *metrics, const Scrape *scrape, Buf *out) {
    FrontCounts counts = front_counts(metrics->front);
    buf_text(out, "# HELP leat_info Version of the server\n# TYPE leat_info gauge\nleat_info{version=\"" LEAT_VERSION
                  "\"} 1\n# HELP leat_http_requests_total Requests answered, by class of status\n"
                  "# TYPE leat_http_requests_total counter\n");
    for (size_t i = 2; i < ARRAY_LEN(counts.requests); i++) {
        buf_printf(out, "leat_http_requests_total{code=\"%zuxx\"} %" PRIu64 "\n", i, counts.requests[i]);
    }
    simple(out, "leat_http_refused_total", "counter", "Requests without a token that may (401 and 403)",
           (double)counts.refused);
    simple(out, "leat_http_connections", "gauge", "Open connections of clients", (double)counts.connections);
    simple(out, "leat_audit_lost_total", "counter", "Rows of the audit that could not be written",
           (double)audit_lost(front_audit(metrics->front)));
    simple(out, "leat_tables_omitted", "gauge", "Tables without series of their own", (double)scrape->tables_omitted);
}

static void cluster_itself(Metrics *metrics, Buf *out) {
    pthread_mutex_lock(&metrics->mutex);
    json_t *cluster = parse(buf_slice(&metrics->cluster));
    bool clustered = metrics->clustered;
    pthread_mutex_unlock(&metrics->mutex);
    if (clustered) {
        simple(out, "leat_cluster_member", "gauge",
               "1: this node is a member of its cluster; 0: it joins, or Kafka is away",
               json_is_true(json_object_get(cluster, "member")));
    }
    if (cluster != NULL) {
        simple(out, "leat_cluster_nodes", "gauge", "Nodes of the cluster that were heard of lately, this one too",
               (double)json_array_size(json_object_get(cluster, "nodes")));
        simple(out, "leat_cluster_slots", "gauge", "Slots of connectors that this node has",
               json_number_value(json_object_get(cluster, "slots")));
    }
    json_decref(cluster);
}

static void put_family(Buf *out, const Family *family, Buf *lines) {
    if (lines->size > 0) {
        head(out, family);
        buf_put(out, buf_slice(lines));
    }
    buf_release(lines);
}

static void show(void *context, const ApiRequest *request, ApiAnswer *answer) {
    Metrics *metrics = context;
    Scrape scrape = {0};
    process(&scrape, "front", NULL, getpid());
    process(&scrape, "supervisor", NULL, getppid());
    all_connectors(metrics, &scrape);
    front_itself(metrics, &scrape, &answer->body);
    cluster_itself(metrics, &answer->body);
    for (size_t i = 0; i < SERIES_COUNT; i++) {
        put_family(&answer->body, &SERIES[i], &scrape.series[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(FAMILIES); i++) {
        put_family(&answer->body, &FAMILIES[i], &scrape.families[i]);
    }
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
}

static const ApiRoute ROUTES[] = {
    {.method = "GET",
     .pattern = "/metrics",
     .role = ROLE_READER,
     .handler = show,
     .summary = "Metrics of connectors, processes and the API, in Prometheus' text form"},
};

bool metrics_open(Front *front, ApiSurface *surface, Err *err) {
    Metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for metrics");
    }
    metrics->front = front;
    pthread_mutex_init(&metrics->mutex, NULL);
    *surface = (ApiSurface){.name = "Metrics", .routes = ROUTES, .route_count = ARRAY_LEN(ROUTES), .context = metrics};
    return true;
}

void metrics_close(void *context) {
    Metrics *metrics = context;
    for (MapEntry *entry = NULL; (entry = map_next(&metrics->connectors, entry)) != NULL;) {
        known_free(entry->value);
    }
    map_release(&metrics->connectors);
    buf_release(&metrics->cluster);
    pthread_mutex_destroy(&metrics->mutex);
    free(metrics);
}
