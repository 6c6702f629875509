// SPDX-License-Identifier: Apache-2.0
// Where a connector's run begins: from what the slot, the journal's position and snapshot.mode say.
#include "flow/source/postgres/connector.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"

#include <limits.h>

#define SLOT_KEY    SLICE("slot")         // in the journal's state: the slot that this connector has made
#define DROPPED_KEY SLICE("slot_dropped") // slot.drop.on.stop has dropped it

enum { DROP_TIMEOUT_MS = 30000, DELAY_STEP_US = 100000 };

static bool wants_rows(const PgConnectorOptions *options) {
    return options->snapshot_mode == PG_SNAPSHOT_CONFIGURED ? options->snapshot_data
                                                            : options->snapshot_mode != PG_SNAPSHOT_NO_DATA;
}

// Rows again at each start, also when there is a position.
static bool wants_rows_always(const PgConnectorOptions *options) {
    return options->snapshot_mode == PG_SNAPSHOT_ALWAYS ||
           (options->snapshot_mode == PG_SNAPSHOT_CONFIGURED && options->snapshot_data);
}

// Rows again when the slot does not have what the journal lacks.
static bool wants_rows_on_gap(const PgConnectorOptions *options) {
    return options->snapshot_mode == PG_SNAPSHOT_WHEN_NEEDED || options->snapshot_mode == PG_SNAPSHOT_ALWAYS ||
           (options->snapshot_mode == PG_SNAPSHOT_CONFIGURED && options->snapshot_on_error);
}

// Which of the tables are to be read, and which go on from `lsn`.
static void states_begin(PgSession *session, bool rows, uint64_t lsn) {
    PgCapture *capture = &session->capture;
    const PgConnectorOptions *options = &session->connector->options;
    for (size_t i = 0; i < capture->table_count; i++) {
        PgCaptured *table = capture->tables[i];
        if (rows && pg_connector_snapshots(options, slice_of(table->space), slice_of(table->name))) {
            bool fresh = table->fresh;
            pg_capture_resync(capture, table);
            table->truncate = !fresh;
            pg_capture_put(capture, table);
            continue;
        }
        for (PgLeaf *leaf = table->leaves; leaf != NULL; leaf = leaf->next) {
            pg_capture_set(capture, leaf, PG_LEAF_STREAMING, lsn);
        }
    }
}

static bool cut_at(PgSession *session, uint64_t lsn, Err *err) {
    PgPosition position = {session->server.system_identifier, session->server.timeline, lsn};
    Position at = lsn != 0 ? pg_position_encode(&position) : (Position){0};
    TRY(journal_cut(session->journal, &at, err));
    return journal_sync(session->journal, err);
}

// --- the slot --------------------------------------------------------------------------------------------------

static bool slot_make(PgSetup *setup, bool rows, Err *err) {
    PgSession *session = setup->session;
    const SourceContext *context = session->context;
    Position durable;
    PgPosition position;
    journal_durable(session->journal, &durable);
    TRY(pg_position_decode(&durable, &position, err));
    journal_state_put(session->journal, SLOT_KEY, slice_of(setup->slot));
    TRY(cut_at(session, position.lsn, err));
    CRASH_POINT("setup.before_slot");
    TRY(pg_conn_open(&setup->creator, context->url, PG_CONN_REPLICATION, err));
    PgSlotCreate create = {.name = setup->slot,
                           .export_snapshot = rows,
                           .failover = context->slot_failover && session->server.version >= 170000,
                           .timeout_ms = context->slot_create_timeout_ms};
    TRY(pg_slot_create(&setup->creator, context->url, &create, &setup->from, setup->exported, err));
    CRASH_POINT("setup.after_slot");
    journal_state_put(session->journal, DROPPED_KEY, (Slice){NULL, 0});
    log_info(LOG_SOURCE, "replication slot created", LOG_TEXT("slot", setup->slot), LOG_LSN("at", setup->from));
    return true;
}

static bool slot_usable(const PgSlot *slot) {
    return slot->exists && slot->ours && strcmp(slot->wal_status, "lost") != 0 && slot->invalidation[0] == '\0';
}

// A slot that someone else has made is used; what is of no use is removed only when this connector has made it.
static bool slot_prepare(PgSetup *setup, bool rows, Err *err) {
    PgSession *session = setup->session;
    PgSlot slot;
    int64_t patience_us = pg_connector_patience_us(&session->connector->options);
    // Where changes begin is known when nobody holds it.
    if (!pg_slot_read_idle(&session->sql, setup->slot, patience_us, session->context->stop, &slot, err)) {
        return err->code == ERR_SLOT_BUSY ? err_hint(err, "stop who reads from it, or choose another slot.name")
                                          : false;
    }
    if (slot.exists && !slot.ours) {
        FAIL(err, ERR_EXISTS, "replication slot %s is of plugin '%s' in database '%s', not of pgoutput in this one",
             setup->slot, slot.plugin, slot.database);
        return err_hint(err, "choose another slot.name");
    }
    if (slot_usable(&slot)) {
        setup->from = slot.confirmed_flush_lsn;
        log_info(LOG_SOURCE, "the replication slot is there already", LOG_TEXT("slot", setup->slot),
                 LOG_LSN("confirmed", setup->from));
        return true;
    }
    if (slot.exists && !pg_slot_known(session->journal, setup->slot)) {
        FAIL(err, ERR_SLOT_LOST, "replication slot %s was invalidated by the server (%s)", setup->slot,
             slot.invalidation[0] != '\0' ? slot.invalidation : "its WAL was removed");
        return err_hint(err, "SELECT pg_drop_replication_slot('%s');  then start the connector again", setup->slot);
    }
    if (slot.exists) {
        TRY(pg_slot_drop(&session->sql, setup->slot, DROP_TIMEOUT_MS, err));
    }
    return slot_make(setup, rows, err);
}

// --- the start -------------------------------------------------------------------------------------------------

static bool delay(const PgSession *session, int64_t ms, Err *err) {
    for (int64_t until = clock_monotonic_us() + ms * 1000; ms > 0 && clock_monotonic_us() < until;) {
        if (*session->context->stop) {
            return FAIL(err, ERR_INTERRUPTED, "stopped before the snapshot began");
        }
        clock_sleep_us(DELAY_STEP_US);
    }
    return true;
}

// "Always" is at each start, not at each new attempt after a fault within one.
static bool first_of_process(const PgSession *session) {
    static char begun[PATH_MAX];
    bool first = strcmp(begun, session->context->directory) != 0;
    snprintf(begun, sizeof(begun), "%s", session->context->directory);
    return first;
}

typedef enum Rows { ROWS_READ, ROWS_NOT, ROWS_AS_THEY_ARE } Rows;

// From nothing, or over a gap: a slot, and the tables to be read.
static bool start_anew(PgSetup *setup, Rows rows, Err *err) {
    PgSession *session = setup->session;
    setup->first = true;
    (void)first_of_process(session);
    if (rows == ROWS_READ) {
        TRY(delay(session, session->connector->options.snapshot_delay_ms, err));
    }
    bool changed = false;
    TRY(pg_setup_refresh(setup, PG_LEAF_STREAMING, 0, &changed, err));
    TRY(slot_prepare(setup, rows == ROWS_READ, err));
    if (rows != ROWS_AS_THEY_ARE) {
        states_begin(session, rows == ROWS_READ, setup->from);
    }
    TRY(cut_at(session, setup->from, err));
    CRASH_POINT("setup.after_first_cut");
    return true;
}

// initial_only: no slot and no publication. What was read stays read.
static bool start_rows_only(PgSetup *setup, uint64_t lsn, Err *err) {
    PgSession *session = setup->session;
    bool changed = false, first = lsn == 0 && journal_state_get(session->journal, PG_ROWS_KEY).size == 0;
    bool rows = wants_rows(&session->connector->options);
    setup->first = true; // there is no spool
    if (first && rows) {
        TRY(delay(session, session->connector->options.snapshot_delay_ms, err));
    }
    TRY(pg_setup_refresh(setup, PG_LEAF_STREAMING, 0, &changed, err));
    if (first) {
        states_begin(session, rows, 0);
        journal_state_put(session->journal, PG_ROWS_KEY, SLICE("1"));
    }
    return cut_at(session, lsn, err);
}

static bool gap_fail(const PgSetup *setup, Err *err) {
    return err_hint(err,
                    "changes may be missing here. Read the tables again: stop the connector, delete its offsets, and "
                    "resume it; or set snapshot.mode=when_needed. offset.mismatch.strategy=trust_slot goes on from the "
                    "slot %s, with a gap",
                    setup->slot);
}

// Whether slot and server still have what comes after the position; else the error says why not.
static bool continuity(PgSetup *setup, const PgPosition *position, const PgSlot *slot, Err *err) {
    PgSession *session = setup->session;
    TRY(pg_setup_system_check(setup, position, err));
    if (!slot->exists) {
        return FAIL(err, ERR_SLOT_LOST, "replication slot %s does not exist any more", setup->slot);
    }
    if (!slot->ours) {
        FAIL(err, ERR_EXISTS, "replication slot %s is of plugin '%s' in database '%s', not of pgoutput in this one",
             setup->slot, slot->plugin, slot->database);
        return err_hint(err, "choose another slot.name");
    }
    if (!slot_usable(slot)) {
        return FAIL(err, ERR_SLOT_LOST, "replication slot %s was invalidated by the server (%s)", setup->slot,
                    slot->invalidation[0] != '\0' ? slot->invalidation : "its WAL was removed");
    }
    if (slot->confirmed_flush_lsn > position->lsn) {
        return FAIL(err, ERR_SLOT_MISMATCH,
                    "replication slot %s stands at " LSN_FORMAT ", beyond this connector's offset " LSN_FORMAT
                    ": the changes between are not here",
                    setup->slot, LSN_ARG(slot->confirmed_flush_lsn), LSN_ARG(position->lsn));
    }
    if (session->server.wal_end < position->lsn) {
        return FAIL(err, ERR_SLOT_MISMATCH,
                    "the server's WAL ends at " LSN_FORMAT ", before this connector's offset " LSN_FORMAT
                    ": it was restored from a backup, or crashed with fsync=off",
                    LSN_ARG(session->server.wal_end), LSN_ARG(position->lsn));
    }
    return true;
}

static bool start_over_gap(PgSetup *setup, const PgPosition *position, const PgSlot *slot, Err *err) {
    PgSession *session = setup->session;
    const SourceContext *context = session->context;
    const PgConnectorOptions *options = &session->connector->options;
    const char *asked = context->resync_wanted != NULL ? context->resync_wanted(context->context) : NULL;
    bool resync = asked != NULL && strcmp(asked, "*") == 0;
    if (resync || wants_rows_on_gap(options)) {
        log_warn(LOG_SOURCE, "everything is read again", LOG_TEXT("reason", err->message));
        err_clear(err);
        TRY(start_anew(setup, ROWS_READ, err));
        if (resync && context->resync_taken != NULL) {
            context->resync_taken(context->context);
        }
        return true;
    }
    bool dropped = !slot->exists && journal_state_get(session->journal, DROPPED_KEY).size > 0;
    bool trusted = slot_usable(slot) && slot->confirmed_flush_lsn > position->lsn &&
                   position->system_identifier == session->server.system_identifier &&
                   (options->mismatch == PG_MISMATCH_TRUST_SLOT || options->mismatch == PG_MISMATCH_TRUST_GREATER);
    if (!dropped && !trusted) {
        return gap_fail(setup, err);
    }
    log_warn(LOG_SOURCE,
             dropped ? "slot.drop.on.stop had dropped the slot: changes since then are not captured"
                     : "offset.mismatch.strategy: going on from the slot, changes before it are not captured",
             LOG_LSN("offset", position->lsn), LOG_LSN("slot", slot->confirmed_flush_lsn));
    err_clear(err);
    return start_anew(setup, ROWS_AS_THEY_ARE, err);
}

static bool start_again(PgSetup *setup, const PgPosition *position, Err *err) {
    PgSession *session = setup->session;
    PgSlot slot;
    TRY(pg_slot_read(&session->sql, setup->slot, &slot, err));
    if (!continuity(setup, position, &slot, err)) {
        bool gap = err->code == ERR_SLOT_LOST || err->code == ERR_SLOT_MISMATCH;
        return gap && start_over_gap(setup, position, &slot, err);
    }
    bool changed = false;
    setup->from = position->lsn;
    TRY(pg_setup_refresh(setup, PG_LEAF_STREAMING, 0, &changed, err));
    if (wants_rows_always(&session->connector->options) && first_of_process(session)) {
        TRY(delay(session, session->connector->options.snapshot_delay_ms, err));
        states_begin(session, true, position->lsn);
    }
    return true;
}

bool pg_connector_start(PgSetup *setup, const PgPosition *position, bool known, Err *err) {
    PgSession *session = setup->session;
    if (session->connector->options.plugin_unset) {
        log_warn(LOG_SOURCE, "plugin.name is not set: leat uses pgoutput, Debezium would use decoderbufs");
    }
    if (session->context->mode == SOURCE_SNAPSHOT_ONLY) {
        return start_rows_only(setup, position->lsn, err);
    }
    return known ? start_again(setup, position, err)
                 : start_anew(setup, wants_rows(&session->connector->options) ? ROWS_READ : ROWS_NOT, err);
}

bool pg_connector_stopped(PgSetup *setup, Err *err) {
    PgSession *session = setup->session;
    journal_state_put(session->journal, DROPPED_KEY, SLICE("1"));
    Position durable;
    journal_durable(session->journal, &durable);
    TRY(journal_cut(session->journal, &durable, err));
    TRY(journal_sync(session->journal, err));
    TRY(pg_slot_drop(&session->sql, setup->slot, DROP_TIMEOUT_MS, err));
    log_info(LOG_SOURCE, "slot.drop.on.stop: the replication slot is dropped", LOG_TEXT("slot", setup->slot));
    return true;
}
