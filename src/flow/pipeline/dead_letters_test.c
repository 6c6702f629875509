// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/dead_letters.c" // NOLINT

#include "core/base/test.h"

static DeadLetters *letters_of(const char *directory) {
    Err err[1] = {{0}};
    DeadLetters *letters = NULL;
    DeadLettersOptions options = {
        .data_directory = directory, .connector = SLICE("Sink"), .topic = SLICE("letters"), .context_headers = true};
    CHECK_OK(dead_letters_open(&options, &letters, err));
    return letters;
}

static void put(DeadLetters *letters, uint64_t offset) {
    Err err[1] = {{0}}, cause[1] = {{0}};
    Slice value = SLICE("v");
    FAIL(cause, ERR_VALUE, "field x is \"odd\"");
    DeadLetter letter = {.topic = SLICE("shop.t"),
                         .offset = offset,
                         .timestamp_ms = 5,
                         .value = &value,
                         .stage = "TRANSFORMATION",
                         .class_name = "Cast",
                         .cause = cause};
    CHECK_OK(dead_letters_put(letters, &letter, err));
}

TEST(dead_letters_are_there_once_with_their_headers) {
    Err err[1] = {{0}};
    char directory[64] = "/tmp/leat_letters_XXXXXX", journal[160];
    CHECK(mkdtemp(directory) != NULL);
    DeadLetters *letters = letters_of(directory);
    put(letters, 3);
    CHECK_OK(dead_letters_sync(letters, err));
    put(letters, 4); // not durable: gone with the process
    dead_letters_close(letters);
    letters = letters_of(directory);
    put(letters, 3);
    put(letters, 4);
    CHECK_OK(dead_letters_sync(letters, err));
    dead_letters_close(letters);
    snprintf(journal, sizeof(journal), "%s/pipelines/@dlq.%%53ink/journal", directory);
    JournalReader *reader = NULL;
    CHECK_OK(journal_reader_open(journal, 0, 1 * MIB, &reader, err));
    uint64_t seen = 0;
    for (JournalEntry entry = {0}; entry.kind != JOURNAL_END;) {
        CHECK_OK(journal_reader_next(reader, &entry, err));
        if (entry.kind == JOURNAL_EVENT) {
            const Value *row = entry.event->after;
            CHECK_INT(row[DEAD_LETTER_OFFSET].integer, 3 + seen);
            CHECK(value_is_absent(&row[DEAD_LETTER_KEY]));
            CHECK_TEXT(row[DEAD_LETTER_VALUE].bytes, "v");
            const char *headers = (const char *)row[DEAD_LETTER_HEADERS].bytes.data;
            CHECK(memmem(headers, row[DEAD_LETTER_HEADERS].bytes.size,
                         "[\"__connect.errors.stage\",\"TRANSFORMATION\"]", 43) != NULL);
            seen++;
        }
    }
    CHECK_INT(seen, 2);
    journal_reader_close(reader);
    CHECK_OK(file_remove_tree(directory, err));
}
