// SPDX-License-Identifier: Apache-2.0
// Where a journal is, and what can be asked of one that somebody else writes.
#include "storage/journal/driver.h"

const JournalDriver *journal_driver(const char *directory) {
    return &LOCAL_JOURNAL;
}

bool journal_look(const char *directory, JournalLook *found, JournalStateVisit state, JournalTopicVisit topic,
                  void *context, Err *err) {
    Ledger ledger;
    ledger_init(&ledger);
    bool ok = journal_driver(directory)->look(directory, found, &ledger, err);
    if (ok) {
        found->info.cut_sequence = ledger.cut_sequence;
        found->info.position = ledger.position;
        found->info.cut_ms = ledger.cut_ms;
    }
    for (uint32_t id = 0; ok && id < ledger_topic_end(&ledger); id++) {
        const LedgerTopic *each = ledger_topic(&ledger, id);
        if (each != NULL) {
            found->topic_count++;
            if (topic != NULL) {
                topic(context, each->topic.name, each->next_offset);
            }
        }
    }
    if (ok && state != NULL) {
        ledger_each(&ledger, state, context);
    }
    ledger_release(&ledger);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool journal_check(const char *directory, JournalCheck *check, void (*finding)(void *context, const char *text),
                   void *context, Err *err) {
    return journal_driver(directory)->check(directory, check, finding, context, err);
}
