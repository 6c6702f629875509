// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/config.h"

#include "core/base/digest.h"
#include "core/sys/file.h"
#include "flow/pipeline/source_url.h"

#include <ctype.h>
#include <limits.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 40 };

#define AT(field) offsetof(PipelineOptions, field)
static const OptionSpec PIPELINE_SPECS[] = {
    {"tables", OPTION_LIST, 0, AT(tables), "", 0, 0, NULL,
     "Tables to carry, as patterns: orders, sales.*, \"Odd.Name\"; empty = all outside the system schemas."},
    {"exclude", OPTION_LIST, 0, AT(exclude), "", 0, 0, NULL, "Tables to leave out, as patterns."},
    {"publication", OPTION_TEXT, 0, AT(publication), "", 0, 0, NULL,
     "A publication that exists, used as it is and never altered; empty = leat makes its own."},
    {"slot", OPTION_TEXT, 0, AT(slot), "", 0, 0, NULL, "Name of the replication slot; empty = leat_ and the pipeline."},
    {"from.lsn", OPTION_TEXT, 0, AT(from_lsn), "", 0, 0, NULL,
     "With --no-snapshot: only what was committed behind this position (16/B374D848) is carried; empty = from now on."},
    {"slot.failover", OPTION_BOOL, 0, AT(slot_failover), "false", 0, 0, NULL,
     "Make the slot a failover slot, which standbys keep in step (PostgreSQL 17 and newer)."},
    {"messages", OPTION_BOOL, 0, AT(messages), "false", 0, 0, NULL,
     "Capture what pg_logical_emit_message writes, too, into topic leat.messages."},
    {"slot.create.timeout", OPTION_DURATION, 0, AT(slot_create_timeout_ms), "5m", 1000, 86400000, NULL,
     "How long the creation of the slot may wait for open writing transactions."},
    {"catalog.interval", OPTION_DURATION, 0, AT(catalog_interval_ms), "30s", 100, 86400000, NULL,
     "How often --follow looks for new tables and partitions."},
    {"snapshot.connections", OPTION_INT, 0, AT(snapshot_connections), "2", 1, 16, NULL,
     "Parallel connections that read the snapshot."},
    {"partition.detach", OPTION_CHOICE, 0, AT(detach), "resync", 0, 0, "resync,keep,stop",
     "When a partition is detached or dropped: read its table again, keep its rows, or stop."},
    {"ack.policy", OPTION_CHOICE, 0, AT(ack_policy), "journal", 0, 0, "journal,sink",
     "When the source may forget its log: once the journal is durable, or once the sink has published."},
    {"journal", OPTION_TEXT, 0, AT(journal), "", 0, 0, NULL,
     "Where the journal is: empty = in the data directory, kafka://HOST:PORT/ = in a topic of that Kafka."},
    {"errors", OPTION_CHOICE, 0, AT(errors), "fail", 0, 0, "fail,dead-letter",
     "A row that cannot be carried stops the pipeline, or goes to the dead letters with its reason and is counted."},
    {"memory.limit", OPTION_BYTES, 0, AT(memory_limit), "64MiB", 16 << 20, INT64_C(1) << 40, NULL,
     "Bytes for all buffers and queues together; past it leat spills to disk or slows the source."},
    {"row.bytes.max", OPTION_BYTES, 0, AT(row_bytes_max), "1GiB", 1 << 20, 1 << 30, NULL,
     "A larger row ends the run with an error. A row is held in memory whole, at times several times over."},
    {"journal.segment.bytes", OPTION_BYTES, 0, AT(journal_segment_bytes), "64MiB", 1 << 20, INT64_C(1) << 32, NULL,
     "Size of the journal's segments."},
    {"journal.bytes.max", OPTION_BYTES, 0, AT(journal_bytes_max), "0", 0, INT64_MAX, NULL,
     "The source is paused while the journal is larger; 0 = no limit."},
    {"journal.retention.bytes", OPTION_BYTES, 0, AT(journal_retention_bytes), "256MiB", 0, INT64_MAX, NULL,
     "How much of the journal is kept after the sink has published it, for leat topic read."},
    {"journal.retention.time", OPTION_DURATION, 0, AT(journal_retention_ms), "1d", 0, INT64_MAX, NULL,
     "How long it is kept at most after the sink has published it; 0 = no limit."},
    {"verify.interval", OPTION_DURATION, 0, AT(verify_interval_ms), "0", 0, INT64_MAX / 2, NULL,
     "With --follow and in leat server: compare source and target (leat verify) so long after the last time; 0 = "
     "never."},
    {"verify.max.rate", OPTION_BYTES, 0, AT(verify_max_rate), "50MiB", 0, INT64_MAX, NULL,
     "Bytes per second that such a comparison reads of each side at most; 0 = no limit."},
};
#undef AT
const OptionTable PIPELINE_OPTIONS = {"Pipeline", PIPELINE_SPECS, ARRAY_LEN(PIPELINE_SPECS)};

char *pipeline_data_directory(Arena *arena, const char *option) {
    const char *environment = getenv("LEAT_DATA_DIR"), *home = getenv("HOME");
    if (option == NULL || option[0] == '\0') {
        option = environment;
    }
    if (option == NULL || option[0] == '\0') {
        return home != NULL && home[0] == '/' ? arena_printf(arena, "%s/.local/share/leat", home)
                                              : arena_printf(arena, "/var/lib/leat");
    }
    char here[PATH_MAX];
    if (option[0] == '/' || getcwd(here, sizeof(here)) == NULL) {
        return arena_printf(arena, "%s", option);
    }
    return arena_printf(arena, "%s/%s", here, option);
}

// --- names -----------------------------------------------------------------------------------------------------

static bool name_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool name_check(const char *name, Err *err) {
    size_t size = strlen(name);
    bool good = size >= 1 && size <= NAME_MAX_BYTES;
    for (size_t i = 0; i < size && good; i++) {
        good = name_byte(name[i]);
    }
    if (!good) {
        FAIL(err, ERR_OPTION, "\"%.60s\" cannot be the name of a pipeline", name);
        return err_hint(err, "use 1 to %d of a-z, 0-9 and _; the slot and publication carry the name", NAME_MAX_BYTES);
    }
    return true;
}

static void name_part(Buf *out, const char *from, size_t size) {
    size_t start = out->size;
    for (size_t i = 0; i < size; i++) {
        char c = (char)tolower((unsigned char)from[i]);
        if (name_byte(c)) {
            buf_u8(out, (uint8_t)c);
        } else if (out->size > start && out->data[out->size - 1] != '_') {
            buf_u8(out, '_');
        }
    }
    while (out->size > start && out->data[out->size - 1] == '_') {
        out->size--;
    }
}

char *pipeline_default_name(Arena *arena, const char *source_url, const char *sink_url) {
    DEFER(buf_release) Buf out = {0};
    const char *database = source_url_database(arena, source_url);
    name_part(&out, database, strlen(database));
    const char *prefix = strstr(sink_url, "topic.prefix="); // Kafka's, whose URLs have no folders
    sink_url = prefix != NULL ? arena_printf(arena, "/%.*s", (int)strcspn(prefix + 13, "&"), prefix + 13) : sink_url;
    size_t end = strlen(sink_url), start;
    while (end > 0 && sink_url[end - 1] == '/') {
        end--;
    }
    for (start = end; start > 0 && sink_url[start - 1] != '/'; start--) {}
    size_t database_end = out.size;
    if (out.size > 0) {
        buf_u8(&out, '_');
    }
    name_part(&out, sink_url + start, end - start);
    if (out.size == database_end + 1) {
        out.size = database_end;
    }
    if (out.size == 0) {
        buf_text(&out, "leat");
    }
    if (out.size > NAME_MAX_BYTES) { // still one name for one pair, as far as eight hex digits can tell
        uint32_t digest = digest_crc32c(0, buf_slice(&out));
        out.size = NAME_MAX_BYTES - 9;
        buf_printf(&out, "_%08x", digest);
    }
    return arena_text(arena, buf_slice(&out));
}

// --- one configuration -----------------------------------------------------------------------------------------

// The size of the struct that a table describes: it ends behind the last field.
size_t pipeline_sink_options_bytes(const SinkDriver *sink) {
    const OptionTable *table = sink->options;
    size_t bytes = sizeof(int64_t);
    for (size_t i = 0; i < table->count; i++) {
        bytes = MAX(bytes, table->specs[i].offset + sizeof(int64_t));
    }
    return bytes + 64; // fields that have no row
}

static bool knows_format(const SinkDriver *sink, const char *format) {
    size_t size = strlen(format);
    for (const char *at = option_find(sink->options, "format")->choices; at[0] != '\0' && size > 0;) {
        size_t word = strcspn(at, ",");
        if (word == size && memcmp(at, format, size) == 0) {
            return true;
        }
        at += word + (at[word] == ',');
    }
    return false;
}

static bool no_sink(const PipelineConfig *config, const PipelineDrivers *drivers, const char *format, Err *err) {
    DEFER(buf_release) Buf formats = {0};
    for (size_t i = 0; drivers->sinks[i] != NULL; i++) {
        if (drivers->sinks[i]->accepts(config->sink_url)) {
            buf_printf(&formats, "%s%s", formats.size > 0 ? "," : "",
                       option_find(drivers->sinks[i]->options, "format")->choices);
        }
    }
    if (formats.size == 0) {
        FAIL(err, ERR_OPTION, "there is no sink for \"%.200s\"", config->sink_url);
        return err_hint(err, "give a directory, a file:// URL, s3://bucket/prefix, kafka://broker:9092/ or "
                             "iceberg+https://CATALOG");
    }
    if (format[0] == '\0') {
        FAIL(err, ERR_OPTION, "no format is given");
    } else {
        FAIL(err, ERR_OPTION, "there is no format \"%.60s\" for this place", format);
    }
    return err_hint(err, "choose one with --format; there are: %.*s", SLICE_ARG(buf_slice(&formats)));
}

// Who writes to a place is decided by the form that is wanted there.
static bool drivers_find(PipelineConfig *config, const PipelineDrivers *drivers, const char *format, Err *err) {
    for (size_t i = 0; drivers->sources[i] != NULL && config->source == NULL; i++) {
        config->source = drivers->sources[i]->accepts(config->source_url) ? drivers->sources[i] : NULL;
    }
    for (size_t i = 0; drivers->sinks[i] != NULL && config->sink == NULL; i++) {
        bool takes = drivers->sinks[i]->accepts(config->sink_url) && knows_format(drivers->sinks[i], format);
        config->sink = takes ? drivers->sinks[i] : NULL;
    }
    if (config->source == NULL) { // the URL may hold a password: do not repeat it
        FAIL(err, ERR_OPTION, "the source is not understood");
        return err_hint(err, "write postgres://user@host:port/database, keywords as libpq takes them, or "
                             "kafka://broker:9092/TOPICS");
    }
    return config->sink != NULL || no_sink(config, drivers, format, err);
}

bool pipeline_config_init(PipelineConfig *config, const char *data_directory, const char *name, const char *source_url,
                          const char *sink_url, const char *format, const PipelineDrivers *drivers, Arena *arena,
                          Err *err) {
    TRY(name_check(name, err));
    *config = (PipelineConfig){
        .name = arena_printf(arena, "%s", name),
        .directory = arena_printf(arena, "%s/pipelines/%s", data_directory, name),
        .data_directory = arena_printf(arena, "%s", data_directory),
        .source_url = arena_printf(arena, "%s", source_url),
        .sink_url = arena_printf(arena, "%s", sink_url),
        .format = arena_printf(arena, "%s", format),
    };
    TRY(drivers_find(config, drivers, format, err));
    config->sink_options = arena_alloc(arena, pipeline_sink_options_bytes(config->sink));
    option_defaults(&PIPELINE_OPTIONS, &config->options);
    option_defaults(config->sink->options, config->sink_options);
    return option_set(config->sink->options, config->sink_options, "format", format, arena, err);
}

bool pipeline_config_set(PipelineConfig *config, const char *name, const char *value, Arena *arena, Err *err) {
    if (option_find(config->sink->options, name) != NULL) {
        TRY(option_set(config->sink->options, config->sink_options, name, value, arena, err));
        if (strcmp(name, "format") == 0) {
            config->format = arena_printf(arena, "%s", value);
        }
        return true;
    }
    if (!option_set(&PIPELINE_OPTIONS, &config->options, name, value, arena, err)) {
        return err_hint(err, "leat help options lists every option");
    }
    return true;
}

static void each(const OptionTable *table, const void *options,
                 void (*visit)(void *context, const OptionSpec *spec, const char *value), void *context) {
    DEFER(buf_release) Buf value = {0};
    for (size_t i = 0; i < table->count; i++) {
        buf_reset(&value);
        option_print(&table->specs[i], options, &value);
        buf_u8(&value, '\0');
        visit(context, &table->specs[i], (const char *)value.data);
    }
}

void pipeline_config_each(const PipelineConfig *config,
                          void (*visit)(void *context, const OptionSpec *spec, const char *value), void *context) {
    each(&PIPELINE_OPTIONS, &config->options, visit, context);
    each(config->sink->options, config->sink_options, visit, context);
}

// --- the data directory ----------------------------------------------------------------------------------------

bool pipeline_exists(const char *data_directory, const char *name, Arena *arena) {
    Err err[1] = {{0}};
    return name_check(name, err) &&
           file_exists(arena_printf(arena, "%s/pipelines/%s/config.json", data_directory, name));
}

typedef struct Names {
    const char *data_directory;
    Arena *arena;
    const char **at;
    size_t count, capacity;
} Names;

static bool names_add(void *context, const char *name) {
    Names *names = context;
    if (!pipeline_exists(names->data_directory, name, names->arena)) {
        return true;
    }
    if (names->count == names->capacity) {
        names->capacity = MAX(names->capacity * 2, (size_t)16);
        const char **more = ARENA_ARRAY(names->arena, const char *, names->capacity);
        for (size_t i = 0; i < names->count; i++) {
            more[i] = names->at[i];
        }
        names->at = more;
    }
    names->at[names->count++] = arena_printf(names->arena, "%s", name);
    return true;
}

bool pipeline_list(const char *data_directory, Arena *arena, const char ***names, size_t *count, Err *err) {
    Names all = {.data_directory = data_directory, .arena = arena};
    const char *directory = arena_printf(arena, "%s/pipelines", data_directory);
    if (file_exists(directory)) {
        TRY(file_list(directory, names_add, &all, err));
    }
    *names = all.at;
    *count = all.count;
    return true;
}
