// SPDX-License-Identifier: Apache-2.0
// leat topic list, leat topic read, leat journal check: into a pipeline's journal, whether or not somebody writes it.
#include "core/base/json.h"
#include "core/base/map.h"
#include "core/config/folder.h"
#include "core/config/seal.h"
#include "core/sys/file.h"
#include "data/format/json_lines.h"
#include "flow/pipeline/wire.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"
#include "surface/cli/when.h"

#define DEAD_LETTERS "@dlq." // before the folder of the sink that has them

// Of a connector, or of a pipeline. `whose` is their directory.
static bool journal_of(const Cli *cli, const char *letters, const char **directory, const char **whose, Err *err) {
    PipelineConfig config;
    *whose = arena_printf(cli->arena, "%s/pipelines/%s%s", cli_data_directory(cli), letters,
                          connector_folder(cli->arena, slice_of(cli->arguments[0])));
    *directory = arena_printf(cli->arena, "%s/journal", *whose);
    bool connector =
        file_exists(arena_printf(cli->arena, "%s/programs", *whose)) ||
        (journal_is_remote(*directory) && !file_exists(arena_printf(cli->arena, "%s/config.json", *whose)));
    if (letters[0] == '\0' && !connector) {
        TRY(cli_pipeline_load(cli, cli->arguments[0], &config, err));
        *whose = config.directory;
        *directory = arena_printf(cli->arena, "%s/journal", config.directory);
    } else if (!file_exists(*directory)) {
        return FAIL(err, ERR_NOT_FOUND, "connector %s has no %s", cli->arguments[0],
                    letters[0] == '\0' ? "journal yet" : "dead letters");
    }
    return true;
}

// --- list ------------------------------------------------------------------------------------------------------

typedef struct TopicCells {
    Arena *arena;
    const char **cells; // name, count
    size_t rows, capacity;
} TopicCells;

static void topic_row(TopicCells *topics, const char *name, const char *count) {
    if (topics->rows == topics->capacity) {
        topics->capacity = MAX(topics->capacity * 2, (size_t)64);
        const char **more = ARENA_ARRAY(topics->arena, const char *, topics->capacity * 2);
        for (size_t i = 0; i < topics->rows * 2; i++) {
            more[i] = topics->cells[i];
        }
        topics->cells = more;
    }
    topics->cells[topics->rows * 2] = name;
    topics->cells[topics->rows * 2 + 1] = count;
    topics->rows++;
}

static void topic_visit(void *context, Slice name, uint64_t next_offset) {
    TopicCells *topics = context;
    DEFER(buf_release) Buf plain = {0};
    text_plain(&plain, name);
    topic_row(topics, arena_text(topics->arena, buf_slice(&plain)),
              arena_printf(topics->arena, "%" PRIu64, next_offset));
}

bool topic_list_command(Cli *cli, Err *err) {
    DEFER(buf_release) Buf out = {0};
    const char *directory, *whose;
    JournalLook look;
    TopicCells topics = {.arena = cli->arena};
    TRY(journal_of(cli, "", &directory, &whose, err));
    topic_row(&topics, "TOPIC", "NEXT OFFSET");
    TRY(journal_look(directory, &look, NULL, topic_visit, &topics, err));
    text_table(&out, topics.cells, topics.rows, 2);
    output_write(&out);
    return true;
}

// --- read ------------------------------------------------------------------------------------------------------

typedef struct Reading {
    Arena *arena;
    const char *topic; // NULL = all
    When from;
    bool follow;
    int64_t left; // events to print; -1 = no limit
    Map lines;    // Schema * -> JsonLines *
    Wire *wire;   // --wire: records as a consumer would see them
    Arena scratch;
    Buf out;
} Reading;

static const JsonLines *lines_of(Reading *reading, const Schema *schema) {
    JsonLines *lines = map_find_u64(&reading->lines, (uint64_t)(uintptr_t)schema);
    if (lines == NULL) {
        lines = json_lines_new(reading->arena, schema, &(JsonOptions){JSON_DECIMALS_STRING, JSON_DOCUMENTS_STRING});
        map_put_u64(&reading->lines, (uint64_t)(uintptr_t)schema, lines);
    }
    return lines;
}

static bool wanted(const Reading *reading, const JournalEntry *entry) {
    if (reading->topic != NULL && !slice_is(entry->topic->name, reading->topic)) {
        return false;
    }
    switch (reading->from.kind) {
    case WHEN_OLDEST:
        return true;
    case WHEN_OFFSET:
        return entry->offset >= reading->from.offset;
    case WHEN_TIME:
        return entry->event->source_us >= reading->from.time_us;
    }
    UNREACHABLE();
}

// {"topic":"public.orders","offset":7,"schema":1,"row":{…}}
static void event_line(Reading *reading, const JournalEntry *entry) {
    Buf *out = &reading->out;
    buf_u8(out, '{');
    json_key(out, "topic");
    json_quote(out, entry->topic->name);
    json_field_uint(out, "offset", entry->offset);
    json_field_uint(out, "schema", entry->schema->id);
    json_key(out, "row");
    json_lines_write(lines_of(reading, entry->schema), out, entry->event);
    while (out->size > 0 && out->data[out->size - 1] == '\n') {
        out->size--;
    }
    buf_text(out, "}\n");
}

static void flush(Reading *reading) {
    output_write(&reading->out);
    buf_reset_keep(&reading->out, 256 * KIB);
}

static bool event_print(Reading *reading, const JournalEntry *entry, Err *err) {
    size_t lines = 1;
    if (reading->wire == NULL) {
        event_line(reading, entry);
    } else {
        arena_reset(&reading->scratch);
        TRY(wire_lines(reading->wire, &reading->scratch, entry, &reading->out, &lines, err));
    }
    reading->left -= reading->left > 0 ? MIN((int64_t)lines, reading->left) : 0;
    return true;
}

static bool read_all(Reading *reading, JournalReader *reader, Err *err) {
    enum { WAIT_MS = 200 };
    while (!cli_stop && reading->left != 0) {
        JournalEntry entry;
        TRY(journal_reader_next(reader, &entry, err));
        if (entry.kind == JOURNAL_EVENT && wanted(reading, &entry)) {
            TRY(event_print(reading, &entry, err));
            if (reading->out.size > 64 * KIB) {
                flush(reading);
            }
        } else if (entry.kind == JOURNAL_CUT && reading->wire != NULL) {
            wire_cut(reading->wire, &entry);
        } else if (entry.kind == JOURNAL_END) {
            flush(reading);
            if (!reading->follow) {
                return true;
            }
            journal_reader_wait(reader, WAIT_MS);
        }
    }
    return true;
}

static bool topic_known(const Cli *cli, const char *directory, const char *topic, Err *err) {
    JournalLook look;
    TopicCells topics = {.arena = cli->arena};
    TRY(journal_look(directory, &look, NULL, topic_visit, &topics, err));
    for (size_t i = 0; i < topics.rows; i++) {
        if (strcmp(topics.cells[i * 2], topic) == 0) {
            return true;
        }
    }
    FAIL(err, ERR_NOT_FOUND, "the journal has no topic \"%.100s\"", topic);
    return err_hint(err, "leat topic list %s shows its %zu topics", cli->arguments[0], topics.rows);
}

bool topic_read_command(Cli *cli, Err *err) {
    enum { MEMORY = 16 << 20 };
    const char *directory, *whose, *limit = cli_value(cli, "limit");
    Reading reading = {.arena = cli->arena, .follow = cli_has(cli, "follow"), .left = -1};
    TRY(journal_of(cli, cli_has(cli, "dead-letters") ? DEAD_LETTERS : "", &directory, &whose, err));
    TRY(when_parse(cli_value(cli, "from"), &reading.from, err));
    if (limit != NULL) {
        When count;
        TRY(when_parse(limit, &count, err));
        if (count.kind != WHEN_OFFSET || count.offset > INT64_MAX) {
            return FAIL(err, ERR_USAGE, "--limit takes a number, not \"%.40s\"", limit);
        }
        reading.left = (int64_t)count.offset;
    }
    if (cli->argument_count > 1) {
        reading.topic = cli->arguments[1];
        TRY(topic_known(cli, directory, reading.topic, err));
    }
    cli_signals();
    JournalReader *reader = NULL;
    TRY(journal_reader_open(directory, 0, MEMORY, &reader, err));
    bool wire = cli_has(cli, "wire") || cli_has(cli, "dead-letters");
    seal_home(cli_data_directory(cli));
    arena_init(&reading.scratch, "scratch", 0);
    bool ok =
        (!wire || wire_open(&(ProgramPlace){whose, directory}, &reading.wire, err)) && read_all(&reading, reader, err);
    flush(&reading);
    wire_close(reading.wire);
    arena_release(&reading.scratch);
    journal_reader_close(reader);
    map_release(&reading.lines);
    buf_release(&reading.out);
    return ok;
}

// --- check -----------------------------------------------------------------------------------------------------

static void finding(void *context, const char *text) {
    DEFER(buf_release) Buf line = {0};
    buf_text(&line, "defect: ");
    text_plain(&line, slice_of(text));
    buf_u8(&line, '\n');
    output_write(&line);
}

bool journal_check_command(Cli *cli, Err *err) {
    DEFER(buf_release) Buf out = {0};
    const char *directory, *whose;
    JournalCheck check = {0};
    TRY(journal_of(cli, "", &directory, &whose, err));
    TRY(journal_check(directory, &check, finding, NULL, err));
    text_count(&out, (double)check.events);
    buf_text(&out, " events, ");
    text_count(&out, (double)check.cuts);
    buf_text(&out, " cuts, ");
    text_count(&out, (double)check.frames);
    buf_text(&out, " frames, ");
    text_count(&out, (double)check.segments);
    buf_text(&out, " segments, ");
    text_bytes(&out, (double)check.bytes);
    buf_printf(&out, ": %" PRIu64 " defects\n", check.defects);
    output_write(&out);
    cli->exit_code = check.defects == 0 ? EXIT_DONE : EXIT_FAILED;
    return true;
}
