// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/dead_letters.h"

#include "core/base/json.h"
#include "core/config/folder.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "storage/journal/journal.h"

#include <limits.h>
#include <pthread.h>

#define RETENTION_BYTES (1 * GIB)
#define RETENTION_MS    (INT64_C(7) * 86400000)
#define SEGMENT_BYTES   (4 * MIB)
#define MEMORY_BYTES    (2 * MIB)

struct DeadLetters {
    pthread_mutex_t mutex; // over all
    Journal *journal;
    Slice connector;
    bool context_headers;
    uint32_t topic, schema;
    bool dirty; // something is not cut yet
    Arena arena;
    Buf text;
};

static const Column COLUMNS[] = {
    [DEAD_LETTER_KEY] = {.name = {(const uint8_t *)"key", 3}, .type = {.kind = TYPE_BYTES}},
    [DEAD_LETTER_VALUE] = {.name = {(const uint8_t *)"value", 5}, .type = {.kind = TYPE_BYTES}},
    [DEAD_LETTER_HEADERS] = {.name = {(const uint8_t *)"headers", 7}, .type = {.kind = TYPE_JSON}},
    [DEAD_LETTER_TOPIC] = {.name = {(const uint8_t *)"topic", 5}, .type = {.kind = TYPE_STRING}},
    [DEAD_LETTER_OFFSET] = {.name = {(const uint8_t *)"offset", 6}, .type = {.kind = TYPE_INT64}},
};

static bool open_journal(DeadLetters *letters, const DeadLettersOptions *options, Err *err) {
    const JournalOptions journal = {.segment_bytes_max = SEGMENT_BYTES,
                                    .memory_bytes_max = MEMORY_BYTES,
                                    .retention_bytes = RETENTION_BYTES,
                                    .retention_ms = RETENTION_MS};
    const char *directory = arena_printf(&letters->arena, "%s/pipelines/@dlq.%s/journal", options->data_directory,
                                         connector_folder(&letters->arena, options->connector));
    TRY(file_make_directories(directory, err));
    TRY(journal_open(directory, &journal, &letters->journal, err));
    Schema schema = {.space = SLICE(DEAD_LETTER_SPACE),
                     .identity = IDENTITY_NOTHING,
                     .columns = COLUMNS,
                     .column_count = ARRAY_LEN(COLUMNS)};
    letters->topic = journal_topic(letters->journal, options->topic);
    letters->schema = journal_schema(letters->journal, letters->topic, &schema);
    return true;
}

bool dead_letters_open(const DeadLettersOptions *options, DeadLetters **letters, Err *err) {
    DeadLetters *opened = calloc(1, sizeof(*opened));
    ASSERT(opened != NULL);
    pthread_mutex_init(&opened->mutex, NULL);
    arena_init(&opened->arena, "run", 0);
    opened->connector = arena_slice(&opened->arena, options->connector);
    opened->context_headers = options->context_headers;
    if (!open_journal(opened, options, err)) {
        dead_letters_close(opened);
        return err_frame(err, __FILE__, __LINE__);
    }
    *letters = opened;
    return true;
}

void dead_letters_close(DeadLetters *letters) {
    if (letters == NULL) {
        return;
    }
    journal_close(letters->journal);
    pthread_mutex_destroy(&letters->mutex);
    buf_release(&letters->text);
    arena_release(&letters->arena);
    free(letters);
}

static const char *exception_of(const DeadLetter *letter) {
    bool value = letter->cause->code == ERR_VALUE;
    return value ? "org.apache.kafka.connect.errors.DataException" : "org.apache.kafka.connect.errors.ConnectException";
}

static void header(Buf *out, const char *name, const char *text) {
    buf_text(out, out->size > 1 ? ",[\"__connect.errors." : "[\"__connect.errors.");
    buf_text(out, name);
    buf_text(out, "\",");
    json_quote(out, slice_of(text));
    buf_u8(out, ']');
}

static void headers_write(DeadLetters *letters, const DeadLetter *letter) {
    Buf *out = &letters->text;
    DEFER(buf_release) Buf text = {0};
    buf_reset(out);
    buf_u8(out, '[');
    if (letters->context_headers) {
        buf_printf(&text, "%.*s%c%" PRIu64 "%c%.*s%c", SLICE_ARG(letter->topic), '\0', letter->offset, '\0',
                   SLICE_ARG(letters->connector), '\0');
        const char *topic = (const char *)text.data, *offset = topic + strlen(topic) + 1;
        header(out, "topic", topic);
        header(out, "partition", "0");
        header(out, "offset", offset);
        header(out, "connector.name", offset + strlen(offset) + 1);
        header(out, "task.id", "0");
        header(out, "stage", letter->stage);
        header(out, "class.name", letter->class_name);
        header(out, "exception.class.name", exception_of(letter));
        header(out, "exception.message", letter->cause->message);
        buf_reset(&text);
        buf_printf(&text, "%s: %s%c", exception_of(letter), letter->cause->message, '\0');
        header(out, "exception.stacktrace", (const char *)text.data);
    }
    buf_u8(out, ']');
}

// Of each topic, what lies below was set aside before.
static uint64_t put_below(const DeadLetters *letters, Slice topic) {
    Slice value = journal_state_get(letters->journal, topic);
    return value.size == sizeof(uint64_t) ? load_u64le(value.data) : 0;
}

static bool put_locked(DeadLetters *letters, const DeadLetter *letter, Err *err) {
    if (letter->offset < put_below(letters, letter->topic)) {
        return true;
    }
    headers_write(letters, letter);
    int64_t now = clock_wall_us();
    uint64_t below = letter->offset + 1;
    Value row[ARRAY_LEN(COLUMNS)] = {
        [DEAD_LETTER_KEY] = letter->key != NULL ? value_bytes(VALUE_BYTES, *letter->key) : (Value){0},
        [DEAD_LETTER_VALUE] = letter->value != NULL ? value_bytes(VALUE_BYTES, *letter->value) : (Value){0},
        [DEAD_LETTER_HEADERS] = value_bytes(VALUE_STRING, buf_slice(&letters->text)),
        [DEAD_LETTER_TOPIC] = value_bytes(VALUE_STRING, letter->topic),
        [DEAD_LETTER_OFFSET] = value_int((int64_t)letter->offset),
    };
    Event event = {.op = OP_CREATE,
                   .offset_span = 1,
                   .column_count = ARRAY_LEN(COLUMNS),
                   .source_us = letter->timestamp_ms >= 0 ? letter->timestamp_ms * 1000 : now,
                   .capture_us = now,
                   .after = row};
    TRY(journal_append(letters->journal, letters->topic, letters->schema, &event, err));
    journal_state_put(letters->journal, letter->topic, (Slice){(const uint8_t *)&below, sizeof(below)});
    letters->dirty = true;
    return true;
}

bool dead_letters_put(DeadLetters *letters, const DeadLetter *letter, Err *err) {
    pthread_mutex_lock(&letters->mutex);
    bool ok = put_locked(letters, letter, err);
    pthread_mutex_unlock(&letters->mutex);
    return ok;
}

bool dead_letters_sync(DeadLetters *letters, Err *err) {
    const Position none = {0};
    pthread_mutex_lock(&letters->mutex);
    bool ok = !letters->dirty || (journal_cut(letters->journal, &none, err) && journal_sync(letters->journal, err) &&
                                  journal_trim(letters->journal, err));
    letters->dirty = letters->dirty && !ok;
    pthread_mutex_unlock(&letters->mutex);
    return ok;
}
