// SPDX-License-Identifier: Apache-2.0
// The file `head`: how far the log is durable, mapped by the writer and by every reader. The writer raises it after
// each fdatasync of the log, never before, and never syncs it: after a power cut it may be older than the truth, never
// newer. So what it says is durable must be there, or the journal is damaged.
//
//     0 "LEATHEAD" · 8 u32 version · 12 u32 events (a futex word: grows at each cut and at each wake)
//     16 u64 durable end · 24 u64 cut sequence · 32 u64 epoch · 40 u64 begin · 48 u64 cut ms · 56 u32 pid of the writer
#ifndef LEAT_STORAGE_JOURNAL_LOCAL_HEAD_H
#define LEAT_STORAGE_JOURNAL_LOCAL_HEAD_H

#include "core/base/err.h"
#include "storage/journal/journal.h"

#include <stdatomic.h>

typedef struct HeadPage {
    char magic[8];
    _Atomic uint32_t version;
    _Atomic uint32_t events;
    _Atomic uint64_t end;
    _Atomic uint64_t cut_sequence;
    _Atomic uint64_t epoch;
    _Atomic uint64_t begin;
    _Atomic uint64_t cut_ms;
    _Atomic uint32_t pid;
} HeadPage;

typedef struct Head {
    HeadPage *page; // NULL: there is none
    bool writable;
} Head;

// Maps it. No error when it is missing or damaged: then page is NULL. ERR_FORMAT_NEWER.
CHECKED bool head_open(Head *head, const char *directory, Err *err);
// For the writer: maps it, or makes a new one that says `end`.
CHECKED bool head_make(Head *head, const char *directory, LogPosition end, Err *err);
void head_close(Head *head);
// Wakes all who wait on it.
void head_signal(Head *head);
// Sleeps while `events` is still `seen`, at most that long (-1: for ever).
void head_wait(const Head *head, uint32_t seen, int timeout_ms);

#endif
