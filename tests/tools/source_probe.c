// SPDX-License-Identifier: Apache-2.0
// The capture half of a connector alone: runs the PostgreSQL source with a connector's configuration into a journal.
// tests/integration/test_pg_connector.py drives it.
//     leat_source_probe run DIRECTORY PROPERTIES.json     until SIGTERM, or the configuration's goal; errors that are
//                                                         transient are tried again
//     leat_source_probe offsets DIRECTORY PROPERTIES.json get | reset | JSON of partition and of offset
//     leat_source_probe dump DIRECTORY                    the journal, one JSON line an event
// Routes are made up: topic.prefix, then schema and table, or the side topic's name.
#include "core/config/properties.h"
#include "core/base/json.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "data/format/text.h"
#include "flow/source/postgres/postgres.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile bool stop;
static volatile sig_atomic_t resync;
static Arena arena = {.name = "run"};
static const char *prefix, *directory;

static void on_signal(int number) {
    if (number == SIGUSR1) {
        resync = 1;
    } else {
        stop = true;
    }
}

static bool route(void *context, const Schema *schema, ConnectRoute *to, Err *err) {
    (void)context;
    (void)err;
    const char *topic =
        schema->space.size > 0 && schema->space.data[0] == '$'
            ? arena_printf(&arena, "%s.%.*s", prefix, SLICE_ARG(schema->space))
            : arena_printf(&arena, "%s.%.*s.%.*s", prefix, SLICE_ARG(schema->space), SLICE_ARG(schema->table));
    *to = (ConnectRoute){.topic = slice_of(topic), .span = {1, 1, 1, 2, 1, 2, 1, 1}};
    if (strstr(topic, "refused") != NULL) {
        return FAIL(err, ERR_CHANGED, "subject %s-value: the schema is not compatible", topic);
    }
    return true;
}

static const char *resync_wanted(void *context) {
    (void)context;
    return resync ? "*" : NULL;
}

static void resync_taken(void *context) {
    (void)context;
    resync = 0;
}

static bool report(void *context, const SourceReport *source) {
    (void)context;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/report.tmp", directory);
    FILE *report_file = fopen(path, "w");
    ASSERT(report_file != NULL);
    fprintf(report_file, "{\"phase\":%d,\"durable_lsn\":%" PRIu64 ",\"tables\":{", (int)source->phase,
            source->durable_lsn);
    for (size_t i = 0; i < source->table_count; i++) {
        const TableReport *table = &source->tables[i];
        fprintf(report_file, "%s\"%s\":[\"%s\",\"%s\"]", i > 0 ? "," : "", table->name, table_state_name(table->state),
                table->reason != NULL ? table->reason : "");
    }
    fprintf(report_file, "}}\n");
    fclose(report_file);
    char final[PATH_MAX];
    snprintf(final, sizeof(final), "%s/report.json", directory);
    rename(path, final);
    return true;
}

static bool properties_load(const char *path, Properties *properties, Err *err) {
    Slice text = {0};
    TRY(file_read_all(path, MIB, &arena, &text, err));
    TRY(properties_parse(&arena, text, properties, err));
    prefix = properties_text(&arena, properties, "topic.prefix", "?");
    return true;
}

static const JournalOptions OPTIONS = {.segment_bytes_max = 64 * MIB, .memory_bytes_max = 32 * MIB};

static bool attempt(const Properties *properties, Err *err) {
    char path[PATH_MAX];
    Journal *journal = NULL;
    snprintf(path, sizeof(path), "%s/journal", directory);
    TRY(journal_open(path, &OPTIONS, &journal, err));
    SourceContext context = {.pipeline = "probe",
                             .properties = properties,
                             .route = route,
                             .mode = SOURCE_FOLLOW,
                             .memory_bytes_max = 128 * MIB,
                             .directory = directory,
                             .journal = journal,
                             .spool_options = OPTIONS,
                             .stop = &stop,
                             .resync_wanted = resync_wanted,
                             .resync_taken = resync_taken,
                             .report = report};
    bool ok = POSTGRES_SOURCE.run(&context, err);
    journal_close(journal);
    return ok;
}

static int run(const char *path) {
    Err err[1] = {{0}};
    Properties properties = {0};
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    bool ok = file_make_directories(directory, err) && properties_load(path, &properties, err);
    while (ok) {
        ok = attempt(&properties, err);
        if (ok || stop || err_class(err->code) != ERR_CLASS_TRANSIENT) {
            break;
        }
        fprintf(stderr, "again: %s\n", err->message);
        err_clear(err);
        clock_sleep_us(100000);
        ok = true;
    }
    if (!ok && !(stop && err_class(err->code) == ERR_CLASS_TRANSIENT)) {
        fprintf(stderr, "error %s: %s (%s)\n", err_name(err->code), err->message, err->hint);
        return 1;
    }
    return 0;
}

// --- dump ------------------------------------------------------------------------------------------------------

static void row_put(Buf *line, const char *name, const Schema *schema, const Value *row) {
    json_key(line, name);
    if (row == NULL) {
        buf_text(line, "null");
        return;
    }
    DEFER(buf_release) Buf text = {0};
    buf_u8(line, '{');
    for (uint32_t i = 0; i < schema->column_count; i++) {
        const Column *column = &schema->columns[i];
        buf_text(line, i > 0 ? "," : "");
        json_quote(line, column->name);
        buf_u8(line, ':');
        if (value_is_absent(&row[i])) {
            buf_text(line, row[i].kind == VALUE_NULL ? "null" : "\"(unchanged)\"");
            continue;
        }
        buf_reset(&text);
        value_text(&text, &column->type, &row[i]);
        json_quote(line, buf_slice(&text));
    }
    buf_u8(line, '}');
}

static void event_put(Buf *line, const JournalEntry *entry) {
    static const char *const MARKS[] = {
        "", "first", "first_in_data_collection", "last_in_data_collection", "last", "incremental", "", ""};
    const Event *event = entry->event;
    buf_text(line, "{\"topic\":");
    json_quote(line, entry->topic->name);
    json_key(line, "schema");
    json_quote(line, entry->schema->space);
    json_key(line, "table");
    json_quote(line, entry->schema->table);
    json_key(line, "defaults");
    buf_u8(line, '{');
    for (uint32_t i = 0, put = 0; i < entry->schema->column_count; i++) {
        if (entry->schema->columns[i].default_text.size > 0) {
            buf_text(line, put++ > 0 ? "," : "");
            json_quote(line, entry->schema->columns[i].name);
            buf_u8(line, ':');
            json_quote(line, entry->schema->columns[i].default_text);
        }
    }
    buf_u8(line, '}');
    char op[2] = {(char)event->op, '\0'};
    json_field_text(line, "op", op);
    json_field_uint(line, "offset", entry->offset);
    json_field_uint(line, "span", event->offset_span);
    json_field_text(line, "mark", MARKS[(event->flags & EVENT_MARKS) >> 1]);
    json_field_bool(line, "key_change", (event->flags & EVENT_KEY_CHANGE) != 0);
    if ((event->flags & EVENT_ORDERED) != 0) {
        json_field_uint(line, "total_order", event->total_order);
        json_field_uint(line, "table_order", event->table_order);
    }
    json_field_uint(line, "tx", event->transaction_id);
    json_field_uint(line, "lsn", event->lsn);
    json_field_uint(line, "commit_lsn", event->commit_lsn);
    json_field_uint(line, "ordinal", event->ordinal);
    row_put(line, "before", entry->schema, event->before);
    row_put(line, "after", entry->schema, event->after);
    buf_text(line, "}\n");
}

static int dump(void) {
    Err err[1] = {{0}};
    char path[PATH_MAX];
    JournalReader *reader = NULL;
    snprintf(path, sizeof(path), "%s/journal", directory);
    if (!journal_reader_open(path, 0, 8 * MIB, &reader, err)) {
        fprintf(stderr, "error %s: %s\n", err_name(err->code), err->message);
        return 1;
    }
    DEFER(buf_release) Buf line = {0};
    for (;;) {
        JournalEntry entry;
        if (!journal_reader_next(reader, &entry, err)) {
            fprintf(stderr, "error %s: %s\n", err_name(err->code), err->message);
            journal_reader_close(reader);
            return 1;
        }
        if (entry.kind == JOURNAL_END) {
            journal_reader_close(reader);
            return 0;
        }
        if (entry.kind == JOURNAL_EVENT) {
            buf_reset(&line);
            event_put(&line, &entry);
            fwrite(line.data, 1, line.size, stdout);
        }
    }
}

static int offsets(int argc, char **argv) {
    Err err[1] = {{0}};
    char path[PATH_MAX];
    Properties properties = {0}, partition = {0}, offset = {0};
    DEFER(buf_release) Buf json = {0};
    Journal *journal = NULL;
    SourceContext context = {.pipeline = "probe", .properties = &properties, .directory = directory, .stop = &stop};
    snprintf(path, sizeof(path), "%s/journal", directory);
    bool ok = properties_load(argv[3], &properties, err);
    bool get = strcmp(argv[4], "get") == 0;
    if (ok && get) {
        ok = POSTGRES_SOURCE.offsets_get(&context, &json, err);
        printf("%.*s\n", SLICE_ARG(buf_slice(&json)));
    } else if (ok) {
        ok = journal_open(path, &OPTIONS, &journal, err);
        context.journal = journal;
        if (ok && argc == 5) {
            ok = POSTGRES_SOURCE.offsets_reset(&context, err);
        } else if (ok) {
            ok = properties_parse(&arena, slice_of(argv[4]), &partition, err) &&
                 properties_parse(&arena, slice_of(argv[5]), &offset, err) &&
                 POSTGRES_SOURCE.offsets_alter(&context, &partition, &offset, err);
        }
    }
    journal_close(journal);
    if (!ok) {
        fprintf(stderr, "error %s: %s (%s)\n", err_name(err->code), err->message, err->hint);
    }
    return ok ? 0 : 1;
}

int main(int argc, char **argv) {
    directory = argc > 2 ? argv[2] : "";
    if (argc == 3 && strcmp(argv[1], "dump") == 0) {
        return dump();
    }
    if ((argc == 5 || argc == 6) && strcmp(argv[1], "offsets") == 0) {
        return offsets(argc, argv);
    }
    if (argc == 4 && strcmp(argv[1], "run") == 0) {
        return run(argv[3]);
    }
    fprintf(stderr, "usage: leat_source_probe run DIRECTORY PROPERTIES.json | dump DIRECTORY\n");
    return 2;
}
