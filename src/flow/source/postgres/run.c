// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/run.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/thread.h"
#include "flow/source/postgres/connector_topics.h"
#include "flow/source/postgres/drain.h"
#include "flow/source/postgres/setup.h"
#include "flow/source/postgres/signals.h"
#include "flow/source/postgres/snapshot.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#define POLL_MS        50
#define REPORT_US      250000
#define RESYNC_US      1000000
#define TRIM_US        5000000
#define WATCH_US       10000000
#define NUDGE_US       1000000 // of silence, before the server is asked or made to write something
#define STOP_US        700000  // for a transaction to end, after *stop
#define ROUND_WAIT_MS  10000
#define ROUND_RETRY_US 20000000
#define SLOT_WARN_PART 0.5
#define GATHER_BYTES   131072 // TCP: the socket turns readable with so many
#define GATHER_MS      3      // or after so long
#define BURST_BYTES    8192   // received within WINDOW_US: more is on its way
#define WINDOW_US      2000
#define LINGER_US      500 // nothing has come for so long: that was the last
#define PAUSE_US_MIN   20  // unix: before the next read
#define PAUSE_US_MAX   1000
#define PAUSE_TURNS    8      // of them between two looks at other things
#define CUT_SPACING_US 2000   // under light load: what comes so soon after a cut waits for the next
#define BUSY_MS        2      // what comes while a cut is flushed gathers for so long
#define LAG_US         100000 // how often the lag is looked at

typedef struct Run {
    PgSession session;
    PgSetup setup;
    PgStream stream;
    PgSnapshot snapshot;
    bool streaming;   // false with SOURCE_SNAPSHOT_ONLY
    Position resting; // then: of the cuts; a connector's own, which it had
    uint64_t target_lsn;
    uint64_t cuts_seen;
    uint64_t window_bytes; // received since window_at
    int64_t window_at;
    int64_t pause_us;  // while gathering on a unix socket
    uint32_t turns;    // with a pause
    int64_t lag_at;    // when the lag is looked at again
    bool paused;       // the journal is full
    bool resync_waits; // someone asked to read tables again; that begins when the round is over
    int64_t report_at, resync_at, trim_at, watch_at, refresh_at, nudge_at, stop_at, round_at;
    double slot_warned;
    TableReport *tables;
    size_t table_capacity;
} Run;

static bool due(int64_t *at, int64_t now, int64_t every) {
    if (now < *at) {
        return false;
    }
    *at = now + every;
    return true;
}

// --- reports ---------------------------------------------------------------------------------------------------

static bool report(Run *run) {
    PgSession *session = &run->session;
    PgCapture *capture = &session->capture;
    if (capture->table_count > run->table_capacity) {
        run->table_capacity = capture->table_count;
        run->tables = realloc(run->tables, run->table_capacity * sizeof(*run->tables));
        ASSERT(run->tables != NULL);
    }
    for (size_t i = 0; i < capture->table_count; i++) {
        run->tables[i] = capture->tables[i]->report;
        run->tables[i].state = pg_captured_state(capture->tables[i]);
    }
    session->report.tables = run->tables;
    session->report.table_count = capture->table_count;
    session->report.phase = run->snapshot.active || capture->pending > 0 ? SOURCE_SNAPSHOTTING
                            : run->stream.boundary_lsn < run->target_lsn ? SOURCE_CATCHING_UP
                                                                         : SOURCE_STREAMING;
    session->report.source_lsn = MAX(session->report.source_lsn, run->stream.server_end);
    return session->context->report == NULL || session->context->report(session->context->context, &session->report);
}

static bool slot_watch(Run *run, Err *err) {
    PgSession *session = &run->session;
    PgSlot slot;
    TRY(pg_slot_read(&session->sql, session->slot, &slot, err));
    session->report.slot_retained_bytes = slot.retained_bytes;
    session->report.slot_safe_bytes = slot.safe_bytes;
    double cap = (double)(slot.retained_bytes + slot.safe_bytes);
    double part = slot.safe_bytes >= 0 && cap > 0 ? (double)slot.retained_bytes / cap : 0;
    if (part >= SLOT_WARN_PART && part >= run->slot_warned + 0.1) {
        run->slot_warned = part;
        log_warn(LOG_SOURCE, "the slot keeps much of the WAL that the server allows it",
                 LOG_TEXT("slot", session->slot), LOG_INT("retained_bytes", slot.retained_bytes),
                 LOG_INT("bytes_to_invalidation", slot.safe_bytes));
    }
    return true;
}

// --- the duties of one turn ------------------------------------------------------------------------------------

// Which leaves are held must be durable before the first of their changes is in the spool alone.
static bool spool_ensure(Run *run, Err *err) {
    PgSession *session = &run->session;
    if (session->capture.held == 0 || !run->streaming) {
        return true;
    }
    if (session->spool == NULL) {
        TRY(pg_spool_open(session, true, err));
    }
    TRY(pg_stream_cut(&run->stream, true, err));
    return journal_sync(session->journal, err);
}

// Taking a snapshot waits for open writing transactions. While others stream it must not wait long: it is tried again.
static bool round_begin(Run *run, Err *err) {
    PgSession *session = &run->session;
    int64_t now = clock_monotonic_us();
    if (run->snapshot.active || session->capture.pending == 0 || now < run->round_at) {
        return true;
    }
    const char *exported = run->setup.exported[0] != '\0' ? run->setup.exported : NULL;
    bool patient = run->stream.session == NULL; // nothing streams yet
    int timeout_ms = session->context->slot_create_timeout_ms;
    timeout_ms = patient ? timeout_ms : MIN(timeout_ms, ROUND_WAIT_MS);
    bool ok = pg_snapshot_begin(&run->snapshot, session, exported, run->setup.from, timeout_ms, err);
    run->setup.exported[0] = '\0';
    pg_conn_close(&run->setup.creator);
    if (!ok && !patient && err->code == ERR_SOURCE_SETUP) {
        log_warn(LOG_SOURCE, "tables wait to be read", LOG_TEXT("reason", err->message));
        err_clear(err);
        pg_snapshot_close(&run->snapshot);
        run->round_at = clock_monotonic_us() + ROUND_RETRY_US;
        return true;
    }
    session->reading = run->snapshot.active;
    return ok;
}

// At a transaction's end: what DDL, partitions or a user asked for.
static bool attend(Run *run, Err *err) {
    PgSession *session = &run->session;
    if (run->snapshot.active || (run->streaming && !pg_stream_at_boundary(&run->stream))) {
        return true; // a round works on the leaves that there were when it began
    }
    size_t held = session->capture.held;
    for (MapEntry *entry; (entry = map_next(&session->resync, NULL)) != NULL;) {
        uint32_t oid = 0;
        memcpy(&oid, entry->key.data, sizeof(oid));
        PgCaptured *table = map_find_u64(&session->capture.by_oid, oid);
        if (table != NULL) {
            pg_capture_resync(&session->capture, table);
        }
        map_remove_u64(&session->resync, oid);
    }
    bool refresh = session->refresh_wanted && session->connector == NULL;
    session->refresh_wanted = false;
    if (refresh) {
        bool changed = false;
        TRY(pg_setup_refresh(&run->setup, PG_LEAF_PENDING, 0, &changed, err));
        if (run->streaming) {
            TRY(pg_stream_rebind(&run->stream, err));
        }
    }
    TRY(session->capture.held <= held || spool_ensure(run, err));
    return session->signals == NULL || run->paused || pg_signals_turn(session->signals, &run->stream, err);
}

static bool resync_poll(Run *run, Err *err) {
    const SourceContext *context = run->session.context;
    const char *wanted = context->resync_wanted != NULL ? context->resync_wanted(context->context) : NULL;
    run->resync_waits = wanted != NULL;
    if (wanted == NULL || !pg_stream_at_boundary(&run->stream) || run->snapshot.active) {
        return true;
    }
    size_t count = 0;
    TRY(pg_setup_resync(&run->setup, wanted, &count, err));
    if (run->session.connector != NULL) { // what was quarantined has no relation
        TRY(pg_stream_rebind(&run->stream, err));
    }
    TRY(spool_ensure(run, err));
    TRY(pg_stream_cut(&run->stream, true, err));
    TRY(journal_sync(run->session.journal, err));
    context->resync_taken(context->context);
    run->resync_waits = false;
    return true;
}

// Nothing comes, and the goal is not reached, or somebody waits for the position to move: ask for the server's end; if
// even that lies behind (an unfinished record at a page's end), make it write a little.
static bool nudge(Run *run, Err *err) {
    PgStream *stream = &run->stream;
    int64_t now = clock_monotonic_us();
    const SourceContext *context = run->session.context;
    bool hurried = context->hurried != NULL && context->hurried(context->context);
    if ((!hurried && (context->mode == SOURCE_FOLLOW || stream->boundary_lsn >= run->target_lsn)) ||
        !due(&run->nudge_at, now, NUDGE_US / 10)) {
        return true;
    }
    if (now - stream->heard_us > NUDGE_US && !run->session.server.in_recovery) {
        TRY(pg_exec(&run->session.sql, "SELECT pg_logical_emit_message(true, 'leat', '')", err));
        stream->heard_us = now;
    }
    return pg_stream_feedback(stream, true, err);
}

static bool timers(Run *run, Err *err) {
    PgSession *session = &run->session;
    int64_t now = clock_monotonic_us();
    if (run->streaming && ((run->resync_waits && !run->snapshot.active) || due(&run->resync_at, now, RESYNC_US))) {
        TRY(resync_poll(run, err));
    }
    if (run->streaming && session->connector != NULL && session->capture.held == 0 && !run->paused) {
        TRY(pg_topic_heartbeat(&run->stream, err));
    }
    if (due(&run->trim_at, now, TRIM_US)) {
        TRY(journal_trim(session->journal, err));
    }
    if (run->streaming && due(&run->watch_at, now, WATCH_US)) {
        TRY(slot_watch(run, err));
    }
    if (run->streaming && session->context->mode == SOURCE_FOLLOW && session->connector == NULL &&
        due(&run->refresh_at, now, session->context->catalog_interval_ms * INT64_C(1000))) {
        session->refresh_wanted = true;
    }
    if (due(&run->report_at, now, REPORT_US) && !report(run)) {
        return FAIL(err, ERR_INTERRUPTED, "the sink has stopped");
    }
    return true;
}

static void durable_note(Run *run) {
    uint64_t count = 0;
    if (read(journal_event_fd(run->session.journal), &count, sizeof(count)) != sizeof(count)) {
        return;
    }
    if (!journal_busy(run->session.journal) && run->stream.newest_cut_us != 0) {
        run->session.report.lag_ms = MAX((clock_wall_us() - run->stream.newest_cut_us) / 1000, 0);
        run->stream.newest_cut_us = 0;
        run->lag_at = clock_monotonic_us() + LAG_US;
    }
}

static bool journal_full(Run *run) {
    const SourceContext *context = run->session.context;
    uint64_t bytes_max = context->journal_bytes_max;
    if (bytes_max == 0 || context->published == NULL) {
        return false;
    }
    JournalInfo info;
    journal_info(run->session.journal, &info);
    // What is kept behind the sink, for readers that come later, fills nothing: it is bounded by its own options.
    uint64_t bytes = info.end - MIN(MAX(context->published(context->context), info.begin), info.end);
    bool full = bytes > bytes_max;
    if (full != run->paused) {
        run->paused = full;
        log_warn(LOG_SOURCE, full ? "the journal is full: the source waits for the sink" : "the journal has room again",
                 LOG_UINT("journal_bytes", bytes), LOG_UINT("journal_bytes_max", bytes_max));
    }
    return full;
}

// How many messages of that size a unix socket takes before its sender must wait: each is charged as a buffer of a
// power of two, with the kernel's own part (320 bytes) in it and a head (256) beside it, of net.core.wmem_default.
static uint64_t socket_takes(uint64_t message_bytes) {
    uint64_t buffer = 512;
    while (buffer < message_bytes + 320) {
        buffer *= 2;
    }
    return 212992 / (buffer + 256) + 1;
}

// While a backlog comes, bytes gather into large reads: each wake-up saved is saved on both sides of the socket. The
// pause is as long as the server needs to fill the socket by half, so it never has to wait for us.
static void gather_adapt(Run *run, uint64_t bytes, uint64_t messages) {
    PgStream *stream = &run->stream;
    int64_t now = clock_monotonic_us();
    bool burst = stream->gathering && now - stream->heard_us <= LINGER_US;
    run->window_at = run->window_bytes == 0 ? now : run->window_at;
    run->window_bytes += bytes;
    if (run->window_bytes >= BURST_BYTES || now - run->window_at > WINDOW_US) {
        burst = run->window_bytes >= BURST_BYTES && now - run->window_at <= WINDOW_US;
        run->window_bytes = 0;
    }
    if (burst && stream->local && messages > 0) {
        uint64_t wanted = socket_takes(bytes / messages) / 2;
        run->pause_us += messages > wanted ? -run->pause_us / 4 : run->pause_us / 16; // full costs more than a wake-up
        run->pause_us = MIN(MAX(run->pause_us, PAUSE_US_MIN), PAUSE_US_MAX);
    }
    if (burst != stream->gathering && !stream->local) {
        pg_wire_gather(&stream->wire, burst ? GATHER_BYTES : 1);
    }
    stream->gathering = burst;
}

// A pause instead of a wake-up for each of the next few messages. True when they are to be read without a look at
// anything else.
static bool gather_pause(Run *run) {
    const PgStream *stream = &run->stream;
    bool gathering = stream->gathering && !run->paused;
    if (run->snapshot.active || !run->streaming) {
        return false;
    }
    if (gathering && stream->local) {
        clock_sleep_us(run->pause_us);
        return ++run->turns % PAUSE_TURNS != 0;
    }
    int64_t since_us = clock_monotonic_us() - stream->cut_at_us;
    if (!gathering && stream->changes_uncut == 0 && since_us < CUT_SPACING_US) {
        clock_sleep_us(CUT_SPACING_US - since_us);
    }
    return false;
}

static void wait(Run *run, bool more) {
    PgStream *stream = &run->stream;
    Journal *journal = run->session.journal;
    if (!more && gather_pause(run)) {
        return;
    }
    struct pollfd fds[PG_READERS_MAX + 2];
    nfds_t count = 0;
    int timeout = more ? 0 : stream->gathering && !run->paused ? GATHER_MS : POLL_MS;
    bool plain = run->streaming && !run->snapshot.active && run->session.spool == NULL;
    bool uncut = stream->changes_uncut > 0;
    // Each cut makes the journal's descriptor readable: a wake-up that is worth it only when something waits for it.
    bool watched = !plain || uncut || clock_monotonic_us() >= run->lag_at;
    stream->newest_cut_us = watched ? stream->newest_cut_us : 0;
    fds[count++] = (struct pollfd){.fd = watched ? journal_event_fd(journal) : -1, .events = POLLIN};
    if (plain && uncut && !more && !stream->in_transaction && journal_busy(journal)) {
        timeout = BUSY_MS; // the socket can wait
    } else if (run->streaming && !run->paused) {
        fds[count++] = (struct pollfd){.fd = stream->wire.fd, .events = POLLIN};
        timeout = pg_wire_tls_pending(&stream->wire) ? 0 : timeout;
    }
    if (run->snapshot.active && !run->paused) {
        count += (nfds_t)pg_snapshot_poll(&run->snapshot, fds + count);
    }
    poll(fds, count, timeout);
    if (fds[0].revents != 0) {
        durable_note(run);
    }
}

static bool stream_turn(Run *run, bool *more, Err *err) {
    PgStream *stream = &run->stream;
    uint64_t bytes = stream->wire.received_bytes, messages = stream->wire.messages;
    if (!run->paused) {
        TRY(pg_stream_pump(stream, more, err));
        gather_adapt(run, stream->wire.received_bytes - bytes, stream->wire.messages - messages);
    }
    TRY(attend(run, err));
    TRY(pg_stream_cut(stream, false, err));
    TRY(pg_stream_feedback(stream, false, err));
    return nudge(run, err);
}

static bool snapshot_turn(Run *run, bool *more, Err *err) {
    TRY(round_begin(run, err));
    if (run->snapshot.active && !run->paused) {
        TRY(pg_snapshot_pump(&run->snapshot, more, err));
        run->session.reading = run->snapshot.active;
    }
    if (!run->streaming) {
        return attend(run, err);
    }
    if (run->session.spool != NULL && !run->snapshot.active && run->session.capture.pending == 0) {
        TRY(pg_drain_step(&run->stream, more, err));
    }
    return true;
}

// --- the end ---------------------------------------------------------------------------------------------------

static bool finished(const Run *run) {
    const PgSession *session = &run->session;
    switch (session->context->mode) {
    case SOURCE_FOLLOW:
        return false;
    case SOURCE_SNAPSHOT_ONLY:
        return !run->snapshot.active && session->capture.pending == 0 && session->resync.count == 0;
    case SOURCE_ONCE:
    case SOURCE_NO_SNAPSHOT:
        return session->capture.held == 0 && session->spool == NULL && !run->resync_waits &&
               session->resync.count == 0 && pg_stream_at_boundary(&run->stream) &&
               run->stream.boundary_lsn >= run->target_lsn;
    }
    return false;
}

static bool stopping(Run *run) {
    if (!*run->session.context->stop) {
        return false;
    }
    int64_t now = clock_monotonic_us();
    if (run->stop_at == 0) {
        run->stop_at = now + STOP_US;
    }
    return !run->streaming || pg_stream_at_boundary(&run->stream) || now > run->stop_at;
}

static bool finish(Run *run, Err *err) {
    PgSession *session = &run->session;
    if (run->streaming && pg_stream_at_boundary(&run->stream)) {
        TRY(pg_stream_cut(&run->stream, true, err));
        TRY(journal_sync(session->journal, err));
        TRY(pg_stream_feedback(&run->stream, true, err));
    } else if (!run->streaming) {
        TRY(journal_cut(session->journal, &run->resting, err));
        TRY(journal_sync(session->journal, err));
    }
    report(run);
    return true;
}

static bool loop(Run *run, Err *err) {
    thread_wakes_soon(); // a server on this machine must stop when nobody empties its socket
    while (!finished(run) && !stopping(run)) {
        bool more = false;
        journal_full(run);
        if (run->streaming) {
            TRY(stream_turn(run, &more, err));
        }
        TRY(snapshot_turn(run, &more, err));
        if (!run->streaming && !journal_busy(run->session.journal) &&
            journal_pending_bytes(run->session.journal) > 2 * MIB) {
            TRY(journal_cut(run->session.journal, &run->resting, err));
        }
        TRY(timers(run, err));
        wait(run, more);
    }
    return finish(run, err);
}

// --- the run ---------------------------------------------------------------------------------------------------

// A spool from before a restart goes on if a leaf that is READ still needs it; without it that has lost its changes. To
// the others, which are yet to be read, it says nothing, and what is left of it may have been on the way out.
static bool spool_continue(Run *run, Err *err) {
    PgSession *session = &run->session;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/spool", session->context->directory);
    bool there = file_exists(path) && !run->setup.first, wanted = false;
    for (size_t i = 0; i < session->capture.table_count; i++) {
        PgCaptured *table = session->capture.tables[i];
        PgLeaf *leaf = table->leaves;
        while (leaf != NULL && leaf->state != PG_LEAF_READ) {
            leaf = leaf->next;
        }
        wanted |= leaf != NULL && there;
        if (leaf != NULL && !there) {
            log_warn(LOG_SOURCE, "the spool is gone: the table is read again", LOG_TEXT("table", table->topic));
            pg_capture_resync(&session->capture, table);
        }
    }
    if (session->capture.held == 0) {
        return pg_spool_remove(session, err);
    }
    return pg_spool_open(session, !wanted, err);
}

static bool start(Run *run, Err *err) {
    PgSession *session = &run->session;
    TRY(pg_setup(&run->setup, session, err));
    run->target_lsn = session->server.wal_end;
    session->report.source_lsn = session->server.wal_end;
    run->streaming = session->context->mode != SOURCE_SNAPSHOT_ONLY;
    if (!run->streaming && session->connector != NULL) {
        journal_durable(session->journal, &run->resting);
    }
    if (!run->streaming) {
        return true;
    }
    TRY(spool_continue(run, err));
    TRY(pg_signals_open(session, &session->signals, err));
    // The exported snapshot dies with the next command on its connection, so the round begins before anything else.
    TRY(round_begin(run, err));
    if (!run->snapshot.active) {
        TRY(pg_notify(pg_signals_notify(session->signals), session, (Slice){0}, NOTIFY_INITIAL, "SKIPPED", NULL, 0,
                      run->setup.from, err));
    }
    TRY(pg_stream_open(&run->stream, session, run->setup.from, err));
    TRY(pg_stream_cut(&run->stream, true, err)); // states as loaded (READING became PENDING) are durable
    return resync_poll(run, err);
}

bool pg_source_run(const SourceContext *context, Err *err) {
    PgConnector *connector = NULL;
    TRY(pg_connector_open(&connector, &context, err));
    Run run = {
        .session = {.context = context, .connector = connector, .journal = context->journal, .types = pg_types_new()}};
    run.session.report = SOURCE_REPORT_UNKNOWN;
    int64_t now = clock_monotonic_us();
    run.pause_us = PAUSE_US_MIN;
    run.watch_at = now + WATCH_US;
    run.refresh_at = now + context->catalog_interval_ms * INT64_C(1000);
    bool ok = start(&run, err) && loop(&run, err);
    pg_snapshot_close(&run.snapshot);
    pg_stream_close(&run.stream);
    if (ok && connector != NULL && connector->options.slot_drop_on_stop && run.streaming && *context->stop) {
        ok = pg_connector_stopped(&run.setup, err);
    }
    pg_signals_close(run.session.signals);
    pg_setup_release(&run.setup);
    pg_conn_close(&run.session.sql);
    journal_close(run.session.spool);
    pg_capture_release(&run.session.capture);
    map_release(&run.session.resync);
    pg_types_free(run.session.types);
    pg_connector_close(connector);
    free(run.tables);
    return ok;
}
