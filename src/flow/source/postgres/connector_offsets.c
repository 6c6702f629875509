// SPDX-License-Identifier: Apache-2.0
// State record "offset": u8 version, v lsn, v transaction id, z time in microseconds since 1970, u8 op.
#include "flow/source/postgres/connector_offsets.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"

#include <errno.h>
#include <limits.h>

#define OFFSET_KEY SLICE("offset")

enum { OFFSET_VERSION = 1 };
#define IDLE_US 10000000 // a walsender whose client has gone ends a moment later

// --- noting ----------------------------------------------------------------------------------------------------

void pg_offset_note(PgConnector *connector, const Event *event) {
    connector->newest = (PgNewest){event->lsn, event->transaction_id, event->source_us, (uint8_t)event->op, true};
}

void pg_offset_put(PgConnector *connector, Journal *journal) {
    PgNewest *newest = &connector->newest;
    if (!newest->unput) {
        return;
    }
    DEFER(buf_release) Buf record = {0};
    buf_u8(&record, OFFSET_VERSION);
    buf_varint(&record, newest->lsn);
    buf_varint(&record, newest->transaction_id);
    buf_zigzag(&record, newest->source_us);
    buf_u8(&record, newest->op);
    journal_state_put(journal, OFFSET_KEY, buf_slice(&record));
    newest->unput = false;
}

static PgNewest newest_of(Slice record) {
    PgNewest newest = {0};
    Reader reader = reader_of(record);
    if (record.size > 0 && read_u8(&reader) == OFFSET_VERSION) {
        newest.lsn = read_varint(&reader);
        newest.transaction_id = read_varint(&reader);
        newest.source_us = read_zigzag(&reader);
        newest.op = read_u8(&reader);
    }
    return reader.bad ? (PgNewest){0} : newest;
}

// --- telling ---------------------------------------------------------------------------------------------------

typedef struct Look {
    PgNewest newest;
    size_t leaves, pending, read;
} Look;

static void look_record(void *context, Slice key, Slice value) {
    Look *look = context;
    if (slice_equal(key, OFFSET_KEY)) {
        look->newest = newest_of(value);
    } else if (key.size > 5 && memcmp(key.data, "leaf/", 5) == 0) {
        PgLeafState state = pg_leaf_record_state(value);
        look->leaves++;
        look->pending += state == PG_LEAF_PENDING || state == PG_LEAF_READING;
        look->read += state == PG_LEAF_READ;
    }
}

static const char *message_type(uint8_t op) {
    switch (op) {
    case OP_CREATE:
        return "INSERT";
    case OP_UPDATE:
        return "UPDATE";
    case OP_DELETE:
        return "DELETE";
    case OP_TRUNCATE:
        return "TRUNCATE";
    default:
        return NULL;
    }
}

static void offset_json(Buf *json, const char *prefix, const Look *look, uint64_t lsn) {
    const PgNewest *newest = &look->newest;
    bool rows_only = lsn == 0; // initial_only
    bool complete = look->pending == 0 && (rows_only || look->read == 0);
    buf_text(json, "{\"partition\":{\"server\":");
    json_quote(json, slice_of(prefix));
    buf_text(json, "},\"offset\":{");
    if (!rows_only && complete) {
        json_field_uint(json, "lsn_commit", lsn);
        json_field_uint(json, "lsn_proc", newest->lsn != 0 && newest->op != OP_READ ? newest->lsn : lsn);
    }
    json_field_uint(json, "lsn", newest->lsn != 0 ? newest->lsn : lsn);
    if (newest->transaction_id != 0) {
        json_field_uint(json, "txId", newest->transaction_id);
    }
    if (newest->source_us != 0) {
        json_field_int(json, "ts_usec", newest->source_us);
    }
    if (message_type(newest->op) != NULL) {
        json_field_text(json, "messageType", message_type(newest->op));
    }
    if (!complete || rows_only) {
        json_field_text(json, "snapshot", "INITIAL");
        json_field_bool(json, "snapshot_completed", complete);
        json_field_bool(json, "last_snapshot_record", complete);
    }
    buf_text(json, "}}");
}

bool pg_offsets_get(const SourceContext *context, Buf *json, Err *err) {
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    Look look = {0};
    Position at = {0};
    if (context->journal != NULL) {
        journal_durable(context->journal, &at);
        journal_state_each(context->journal, look_record, &look);
    } else {
        JournalLook journal;
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/journal", context->directory);
        if (!journal_look(path, &journal, look_record, NULL, &look, err)) {
            if (err->code != ERR_NOT_FOUND) {
                return err_frame(err, __FILE__, __LINE__);
            }
            err_clear(err); // it has never run
        } else {
            at = journal.info.position;
        }
    }
    PgPosition position;
    TRY(pg_position_decode(&at, &position, err));
    buf_u8(json, '[');
    if (position.lsn != 0 || look.newest.lsn != 0) {
        const char *prefix = properties_text(&arena, context->properties, "topic.prefix", "");
        offset_json(json, prefix, &look, position.lsn);
    }
    buf_u8(json, ']');
    return true;
}

// --- taking ----------------------------------------------------------------------------------------------------

static bool number_of(const Properties *offset, const char *name, uint64_t *number, Err *err) {
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    const char *text = properties_text(&arena, offset, name, NULL);
    *number = 0;
    if (text == NULL) {
        return true;
    }
    char *end = NULL;
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-') {
        FAIL(err, ERR_OPTION, "offset %s: \"%.40s\" is no LSN", name, text);
        return err_hint(err, "write it as a whole number, as GET shows it");
    }
    return true;
}

static bool is_true(const Properties *offset, const char *name) {
    const Property *property = properties_find(offset, slice_of(name));
    return property != NULL && slice_is(property->value, "true");
}

// An offset of rows that were not all read says nothing of where to go on.
static bool is_unfinished(const Properties *offset) {
    const Property *snapshot = properties_find(offset, SLICE("snapshot"));
    bool reading = snapshot != NULL && snapshot->value.data != NULL && !slice_is(snapshot->value, "false");
    return reading && !is_true(offset, "snapshot_completed") && !is_true(offset, "last_snapshot_record");
}

static bool partition_check(const PgConnector *connector, const Properties *partition, Err *err) {
    const Property *server = properties_find(partition, SLICE("server"));
    if (partition->count != 1 || server == NULL || !slice_is(server->value, connector->options.prefix)) {
        FAIL(err, ERR_OPTION, "the partition is not {\"server\":\"%s\"}", connector->options.prefix);
        return err_hint(err, "take it from GET offsets, or from topic.prefix");
    }
    return true;
}

// The slot must hold what comes after it, or going on from there would leave a gap.
static bool place_check(const PgConnector *connector, PgSession *session, uint64_t lsn, Err *err) {
    PgSlot slot;
    // Who still reads from the slot is still sending: an offset that is set meanwhile is not the last one.
    if (!pg_slot_read_idle(&session->sql, connector->options.slot, IDLE_US, NULL, &slot, err)) {
        return err->code == ERR_SLOT_BUSY ? err_hint(err, "stop who reads from it, then set the offset") : false;
    }
    TRY(pg_server_read(&session->sql, &session->server, err));
    if (!slot.exists) {
        FAIL(err, ERR_SLOT_LOST, "replication slot %s does not exist: nothing holds the changes behind " LSN_FORMAT,
             connector->options.slot, LSN_ARG(lsn));
        return err_hint(err, "reset the offsets: the snapshot mode then decides anew");
    }
    if (slot.confirmed_flush_lsn > lsn) {
        FAIL(err, ERR_SLOT_MISMATCH,
             "replication slot %s stands at " LSN_FORMAT " (%" PRIu64 "): the server has let go of what lies between "
             "the offset and that",
             connector->options.slot, LSN_ARG(slot.confirmed_flush_lsn), slot.confirmed_flush_lsn);
        return err_hint(err, "set an offset of at least %" PRIu64 ", or reset the offsets", slot.confirmed_flush_lsn);
    }
    if (session->server.wal_end < lsn) {
        FAIL(err, ERR_SLOT_MISMATCH, "the server's WAL ends at " LSN_FORMAT " (%" PRIu64 "), before the offset",
             LSN_ARG(session->server.wal_end), session->server.wal_end);
        return err_hint(err, "set an offset of at most %" PRIu64, session->server.wal_end);
    }
    return true;
}

// What the leaves' snapshots hold is dropped from the stream, so going back would pass over it.
static bool tables_prepare(PgSession *session, Journal *journal, Err *err) {
    TRY(pg_capture_load(&session->capture, journal, err));
    if (session->capture.held > 0) {
        FAIL(err, ERR_OPTION, "the snapshot is not complete: its tables cannot go on from another place");
        return err_hint(err, "let it finish, or reset the offsets");
    }
    for (size_t i = 0; i < session->capture.table_count; i++) {
        for (PgLeaf *leaf = session->capture.tables[i]->leaves; leaf != NULL; leaf = leaf->next) {
            pg_capture_set(&session->capture, leaf, leaf->state, 0);
        }
    }
    return true;
}

static bool position_set(PgConnector *connector, const SourceContext *context, uint64_t lsn, const PgResume *resume,
                         Err *err) {
    PgSession session = {.context = &connector->context, .connector = connector};
    bool ok = pg_session_connect(&session, &session.sql, err) && place_check(connector, &session, lsn, err) &&
              tables_prepare(&session, context->journal, err);
    if (ok) {
        PgPosition position = {session.server.system_identifier, session.server.timeline, lsn};
        Position at = pg_position_encode(&position);
        journal_state_put(context->journal, OFFSET_KEY, (Slice){NULL, 0});
        pg_resume_put(resume, context->journal);
        CRASH_POINT("offsets.before_cut");
        ok = journal_cut(context->journal, &at, err) && journal_sync(context->journal, err);
        log_info(LOG_SOURCE, "the offset was set", LOG_LSN("lsn", lsn));
    }
    pg_conn_close(&session.sql);
    pg_capture_release(&session.capture);
    return ok;
}

static bool alter(PgConnector *connector, const SourceContext *context, const Properties *partition,
                  const Properties *offset, Err *err) {
    static const char *const KEYS[] = {"lsn_commit", "lsn_proc", "lsn"};
    TRY(partition_check(connector, partition, err));
    if (offset == NULL || is_unfinished(offset)) {
        return pg_offsets_reset(context, err);
    }
    uint64_t lsn = 0;
    for (size_t i = 0; i < ARRAY_LEN(KEYS) && lsn == 0; i++) {
        TRY(number_of(offset, KEYS[i], &lsn, err));
    }
    if (lsn == 0) {
        FAIL(err, ERR_OPTION, "the offset names no LSN");
        return err_hint(err, "give lsn_commit, lsn_proc or lsn, as GET offsets shows them");
    }
    PgResume resume = pg_resume_of(offset);
    return position_set(connector, context, lsn, &resume, err);
}

bool pg_offsets_alter(const SourceContext *context, const Properties *partition, const Properties *offset, Err *err) {
    PgConnector *connector = NULL;
    const SourceContext *filled = context;
    TRY(pg_connector_open(&connector, &filled, err));
    bool ok = alter(connector, context, partition, offset, err);
    pg_connector_close(connector);
    return ok;
}

bool pg_offsets_reset(const SourceContext *context, Err *err) {
    Position none = {0};
    journal_state_put(context->journal, OFFSET_KEY, (Slice){NULL, 0});
    journal_state_put(context->journal, PG_ROWS_KEY, (Slice){NULL, 0});
    pg_resume_put(&(PgResume){0}, context->journal);
    TRY(journal_cut(context->journal, &none, err));
    TRY(journal_sync(context->journal, err));
    log_info(LOG_SOURCE, "the offset was reset");
    return true;
}
