// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/drain.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "flow/source/postgres/route.h"

#include <limits.h>

#define READER_BYTES    (1 * MIB)
#define STEP_BYTES      (4 * MIB)
#define LAST_STEP_BYTES (4 * MIB) // what is left is drained in one go, with the stream waiting
#define DRAIN_KEY       SLICE("drain")

static void spool_path(const PgSession *session, char path[PATH_MAX]) {
    snprintf(path, PATH_MAX, "%s/spool", session->context->directory);
}

bool pg_spool_remove(PgSession *session, Err *err) {
    char path[PATH_MAX];
    spool_path(session, path);
    journal_close(session->spool);
    session->spool = NULL;
    session->spool_lsn = 0;
    session->spool_generation++;
    return file_remove_tree(path, err);
}

static LogPosition drained(const PgSession *session) {
    Reader reader = reader_of(journal_state_get(session->journal, DRAIN_KEY));
    return reader_left(&reader) == 8 ? read_u64le(&reader) : 0;
}

static void drained_put(PgSession *session, LogPosition at) {
    uint8_t bytes[8];
    memcpy(bytes, &at, sizeof(bytes));
    journal_state_put(session->journal, DRAIN_KEY, (Slice){bytes, at != 0 ? sizeof(bytes) : 0});
}

bool pg_spool_open(PgSession *session, bool fresh, Err *err) {
    char path[PATH_MAX];
    spool_path(session, path);
    if (fresh) {
        TRY(pg_spool_remove(session, err));
        drained_put(session, 0);
    }
    if (!journal_open(path, &session->context->spool_options, &session->spool, err)) {
        return err_prefix(err, "spool");
    }
    Position durable;
    PgPosition position;
    journal_durable(session->spool, &durable);
    TRY(pg_position_decode(&durable, &position, err));
    session->spool_lsn = position.lsn;
    session->spool_generation++;
    return true;
}

typedef struct Target {
    PgLeaf *leaf; // NULL = captured no more
    PgRoute route;
} Target;

// By the reader's schemas, which live as long as it does.
typedef struct Targets {
    Arena arena;
    Map by_schema;
} Targets;

static void targets_release(Targets *targets) {
    map_release(&targets->by_schema);
    arena_release(&targets->arena);
}

static Target *target_find(PgSession *session, Targets *targets, const JournalEntry *entry) {
    uint64_t key = (uint64_t)(uintptr_t)entry->schema;
    Target *target = map_find_u64(&targets->by_schema, key);
    if (target == NULL) {
        char oid[16] = {0};
        memcpy(oid, entry->topic->name.data, MIN(entry->topic->name.size, sizeof(oid) - 1));
        target = ARENA_NEW(&targets->arena, Target);
        target->leaf = pg_capture_find_leaf(&session->capture, (uint32_t)strtoul(oid, NULL, 10));
        map_put_u64(&targets->by_schema, key, target);
    }
    return target;
}

static bool event_drain(PgStream *stream, Target *target, const JournalEntry *entry, Err *err) {
    PgLeaf *leaf = target->leaf;
    if (leaf == NULL || leaf->state != PG_LEAF_READ || entry->event->commit_lsn < leaf->lsn) {
        return true;
    }
    Event event = *entry->event;
    stream->changes_uncut++;
    return pg_route_append(stream->session->context, &target->route, leaf->table->topic, entry->schema, &event, err);
}

// Reads on to the end of what is durable, or past `bytes` to the next cut.
static bool entries_drain(PgStream *stream, JournalReader *reader, LogPosition from, size_t bytes, LogPosition *to,
                          bool *end, Err *err) {
    DEFER(targets_release) Targets targets = {.arena = {.name = "batch"}};
    const Schema *schema = NULL;
    Target *target = NULL;
    uint64_t events = 0;
    *to = from;
    *end = false;
    for (;;) {
        JournalEntry entry;
        TRY(journal_reader_next(reader, &entry, err));
        switch (entry.kind) {
        case JOURNAL_SCHEMA:
            break;
        case JOURNAL_EVENT:
            if (schema != entry.schema || target == NULL) {
                schema = entry.schema;
                target = target_find(stream->session, &targets, &entry);
            }
            TRY(event_drain(stream, target, &entry, err));
            if ((++events & 0x3fff) == 0) { // a large transaction is one cut: keep the connection alive meanwhile
                TRY(pg_stream_feedback(stream, clock_monotonic_us() - stream->told_at_us > 5000000, err));
            }
            break;
        case JOURNAL_CUT:
            *to = entry.next;
            if (entry.next - from >= bytes) {
                return true;
            }
            break;
        case JOURNAL_END:
            *end = true;
            return true;
        }
    }
}

static bool drain_finish(PgStream *stream, Err *err) {
    PgSession *session = stream->session;
    PgCapture *capture = &session->capture;
    for (size_t i = 0; i < capture->table_count; i++) {
        for (PgLeaf *leaf = capture->tables[i]->leaves; leaf != NULL; leaf = leaf->next) {
            if (leaf->state == PG_LEAF_READ) {
                pg_capture_set(capture, leaf, PG_LEAF_STREAMING, leaf->lsn);
            }
        }
    }
    ASSERT(capture->held == 0);
    drained_put(session, 0);
    CRASH_POINT("drain.before_last_cut");
    TRY(pg_stream_cut(stream, true, err));
    TRY(journal_sync(session->journal, err));
    CRASH_POINT("drain.after_last_cut");
    log_info(LOG_SOURCE, "changes are streaming into the journal", LOG_LSN("at", stream->cut_lsn));
    return pg_spool_remove(session, err);
}

bool pg_drain_step(PgStream *stream, bool *more, Err *err) {
    PgSession *session = stream->session;
    // A journal cut must be possible right behind the step. What the spool has since before a restart comes once more,
    // and is known as such only while the spool is there.
    if (!pg_stream_at_boundary(stream) || stream->boundary_lsn < session->spool_lsn) {
        return true;
    }
    TRY(pg_stream_cut(stream, true, err)); // all that has come is in the spool, durable
    char path[PATH_MAX];
    spool_path(session, path);
    LogPosition from = drained(session), to = 0;
    JournalReader *reader = NULL;
    TRY(journal_reader_open(path, from, READER_BYTES, &reader, err));
    bool last = journal_reader_end(reader) - from <= LAST_STEP_BYTES;
    bool end = false;
    bool ok = entries_drain(stream, reader, from, last ? SIZE_MAX : STEP_BYTES, &to, &end, err);
    journal_reader_close(reader);
    if (!ok) {
        return err_frame(err, __FILE__, __LINE__);
    }
    *more = true;
    if (end && last) {
        return drain_finish(stream, err);
    }
    drained_put(session, to);
    CRASH_POINT("drain.before_cut");
    return pg_stream_cut(stream, true, err);
}
