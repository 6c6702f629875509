// SPDX-License-Identifier: Apache-2.0
// Makes a journal large: appends synthetic rows to a topic of its own, at the position that the journal has.
//
//     leat_fill JOURNAL GIBIBYTES
#include "core/sys/clock.h"
#include "storage/journal/journal.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOTE_BYTES = 4000, GROUP = 1000 };

#define MUST(call)                                                                    \
    do {                                                                              \
        if (!(call)) {                                                                \
            fprintf(stderr, "%s: %s %s\n", #call, err_name(err->code), err->message); \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

static uint64_t size_of(const Journal *journal) {
    JournalInfo info;
    journal_info(journal, &info);
    return info.end - info.begin;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: leat_fill JOURNAL GIBIBYTES\n");
        return 2;
    }
    Err err[1] = {{0}};
    Journal *journal = NULL;
    MUST(journal_open(argv[1], &(JournalOptions){.retention_bytes = UINT64_MAX / 2}, &journal, err));
    Column columns[] = {{.name = SLICE("id"), .type = {.kind = TYPE_INT64}},
                        {.name = SLICE("note"), .type = {.kind = TYPE_STRING}}};
    Schema schema = {.space = SLICE("bench"), .table = SLICE("filler"), .columns = columns, .column_count = 2};
    uint32_t topic = journal_topic(journal, SLICE("bench.filler"));
    uint32_t schema_id = journal_schema(journal, topic, &schema);
    static uint8_t note[NOTE_BYTES];
    memset(note, 'x', sizeof(note));
    JournalInfo info;
    journal_info(journal, &info);
    uint64_t until = (uint64_t)strtoul(argv[2], NULL, 10) << 30;
    int64_t now = clock_wall_us();
    for (int64_t id = 1; size_of(journal) < until;) {
        for (int i = 0; i < GROUP; i++, id++) {
            Value row[] = {value_int(id), value_bytes(VALUE_STRING, (Slice){note, sizeof(note)})};
            Event event = {.op = OP_CREATE,
                           .offset_span = 1,
                           .column_count = 2,
                           .commit_lsn = 1,
                           .ordinal = (uint64_t)id,
                           .source_us = now,
                           .capture_us = now,
                           .after = row};
            MUST(journal_append(journal, topic, schema_id, &event, err));
        }
        MUST(journal_cut(journal, &info.position, err));
    }
    MUST(journal_sync(journal, err));
    printf("{\"bytes\":%llu}\n", (unsigned long long)size_of(journal));
    journal_close(journal);
    return 0;
}
