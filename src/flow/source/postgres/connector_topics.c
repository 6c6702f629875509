// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/connector_topics.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/sys/clock.h"

#define COLUMN(text, type_kind, column_flags) \
    { .name = {(const uint8_t *)(text), sizeof(text) - 1}, .type = {.kind = (type_kind)}, .flags = (column_flags) }
#define SIDE_SCHEMA(text, column_list, count)                                                                       \
    {                                                                                                               \
        .space = {(const uint8_t *)("$" text), sizeof(text)}, .table = {(const uint8_t *)(text), sizeof(text) - 1}, \
        .identity = IDENTITY_NOTHING, .columns = (column_list), .column_count = (count)                             \
    }

static const Column MESSAGE_COLUMNS[] = {COLUMN("prefix", TYPE_STRING, COLUMN_NOT_NULL),
                                         COLUMN("content", TYPE_BYTES, COLUMN_NOT_NULL)};
static const Column TRANSACTION_COLUMNS[] = {
    COLUMN("status", TYPE_STRING, COLUMN_NOT_NULL), COLUMN("id", TYPE_STRING, COLUMN_NOT_NULL),
    COLUMN("event_count", TYPE_INT64, 0), COLUMN("data_collections", TYPE_JSON, 0)};
static const Column NOTIFICATION_COLUMNS[] = {
    COLUMN("id", TYPE_STRING, COLUMN_NOT_NULL), COLUMN("aggregate_type", TYPE_STRING, COLUMN_NOT_NULL),
    COLUMN("type", TYPE_STRING, COLUMN_NOT_NULL), COLUMN("additional_data", TYPE_JSON, 0),
    COLUMN("timestamp", TYPE_INT64, COLUMN_NOT_NULL)};

static const Schema SCHEMAS[] = {
    [PG_SIDE_MESSAGE] = SIDE_SCHEMA("message", MESSAGE_COLUMNS, ARRAY_LEN(MESSAGE_COLUMNS)),
    [PG_SIDE_HEARTBEAT] = SIDE_SCHEMA("heartbeat", NULL, 0),
    [PG_SIDE_TRANSACTION] = SIDE_SCHEMA("transaction", TRANSACTION_COLUMNS, ARRAY_LEN(TRANSACTION_COLUMNS)),
    [PG_SIDE_NOTIFICATION] = SIDE_SCHEMA("notification", NOTIFICATION_COLUMNS, ARRAY_LEN(NOTIFICATION_COLUMNS)),
};

static bool side_append(PgSession *session, PgSide side, const Event *like, const Value *row, bool *appended,
                        Err *err) {
    static const char *const OWN[] = {"$message", "$heartbeat", "$transaction", "$notification"};
    Event event = *like;
    event.op = OP_CREATE;
    event.flags = 0;
    event.before = NULL;
    event.after = row;
    event.column_count = SCHEMAS[side].column_count;
    return pg_route_append_side(session->context, &session->connector->sides[side], OWN[side], &SCHEMAS[side], &event,
                                appended, err);
}

bool pg_topic_message(PgSession *session, const PgMessage *message, const Event *like, bool *appended, Err *err) {
    *appended = false;
    if (!pg_connector_wants_message(&session->connector->options, message->logical.prefix)) {
        return true;
    }
    const Value row[] = {value_bytes(VALUE_STRING, message->logical.prefix),
                         value_bytes(VALUE_BYTES, message->logical.content)};
    return side_append(session, PG_SIDE_MESSAGE, like, row, appended, err);
}

// --- heartbeats ------------------------------------------------------------------------------------------------

// An event at the boundary where the stream stands.
static Event boundary_event(uint64_t lsn) {
    int64_t now = clock_wall_us();
    return (Event){.commit_lsn = lsn,
                   .ordinal = (uint64_t)now, // unique, and behind what the transaction that ended there has
                   .lsn = lsn,
                   .source_us = now,
                   .capture_us = now};
}

// Its own session: a statement of the user, under the user's search_path. What fails is told, and tried again next
// time.
static void action_query(PgSession *session) {
    PgConnector *connector = session->connector;
    Err err[1] = {{0}};
    bool ok = connector->action.handle != NULL ||
              (pg_session_connect(session, &connector->action, err) && pg_search_path_users(&connector->action, err));
    if (!ok || !pg_exec(&connector->action, connector->options.heartbeat_query, err)) {
        log_warn(LOG_SOURCE, "heartbeat.action.query failed", LOG_TEXT("reason", err->message));
        pg_conn_close(&connector->action);
    }
}

bool pg_topic_heartbeat(PgStream *stream, Err *err) {
    PgSession *session = stream->session;
    PgConnector *connector = session->connector;
    int64_t now = clock_monotonic_us();
    if (connector->options.heartbeat_ms == 0 || now < connector->heartbeat_at || !pg_stream_at_boundary(stream)) {
        return true;
    }
    connector->heartbeat_at = now + connector->options.heartbeat_ms * 1000;
    if (connector->options.heartbeat_query != NULL) {
        action_query(session);
    }
    const Value none = {.kind = VALUE_NULL};
    Event like = boundary_event(stream->boundary_lsn);
    bool appended = false;
    TRY(side_append(session, PG_SIDE_HEARTBEAT, &like, &none, &appended, err));
    stream->changes_uncut += appended;
    return true;
}

bool pg_topic_notification(PgSession *session, uint64_t lsn, Slice id, const char *aggregate_type, const char *type,
                           Slice additional_data, Err *err) {
    Event like = boundary_event(lsn);
    const Value row[] = {value_bytes(VALUE_STRING, id), value_bytes(VALUE_STRING, slice_of(aggregate_type)),
                         value_bytes(VALUE_STRING, slice_of(type)),
                         additional_data.size > 0 ? value_bytes(VALUE_STRING, additional_data)
                                                  : (Value){.kind = VALUE_NULL},
                         value_int(like.source_us / 1000)};
    bool appended = false;
    return side_append(session, PG_SIDE_NOTIFICATION, &like, row, &appended, err);
}

// --- transactions ----------------------------------------------------------------------------------------------

static bool wanted(const PgStream *stream) {
    return stream->session->connector != NULL && stream->session->connector->options.transactions;
}

// Debezium's id of a transaction has the LSN of the record that carries it.
static bool transaction_append(PgStream *stream, const char *status, uint64_t lsn, uint64_t ordinal, const Value *count,
                               const Value *collections, Err *err) {
    char id[48];
    snprintf(id, sizeof(id), "%u:%" PRIu64, stream->xid, lsn);
    const Value row[] = {value_bytes(VALUE_STRING, slice_of(status)), value_bytes(VALUE_STRING, slice_of(id)), *count,
                         *collections};
    Event like = {.commit_lsn = stream->commit_lsn,
                  .ordinal = ordinal,
                  .lsn = lsn,
                  .transaction_id = stream->xid,
                  .source_us = stream->commit_us,
                  .capture_us = stream->commit_us};
    bool appended = false;
    TRY(side_append(stream->session, PG_SIDE_TRANSACTION, &like, row, &appended, err));
    stream->changes_uncut += appended;
    return true;
}

bool pg_transaction_begin(PgStream *stream, uint64_t lsn, Err *err) {
    if (!wanted(stream)) {
        return true;
    }
    PgConnector *connector = stream->session->connector;
    connector->total_order = 0;
    buf_reset(&connector->touched);
    const Value none = {.kind = VALUE_NULL};
    return transaction_append(stream, "BEGIN", lsn, 0, &none, &none, err);
}

// Debezium does not count what skipped.operations and skip.messages.without.change leave out.
static bool counted(const PgConnectorOptions *options, const Event *event) {
    bool key_change = (event->flags & EVENT_KEY_CHANGE) != 0;
    if (key_change && event->op == OP_DELETE && event->after == NULL) {
        return false; // an UPDATE in a table without key: Debezium has one record for both halves
    }
    if (pg_connector_skips(options, key_change ? 'u' : (char)event->op)) {
        return false;
    }
    if (!options->skip_unchanged || event->op != OP_UPDATE || event->before == NULL) {
        return true;
    }
    for (uint32_t i = 0; i < event->column_count; i++) {
        if (!value_equal(&event->before[i], &event->after[i])) {
            return true;
        }
    }
    return false;
}

void pg_transaction_count(PgStream *stream, PgCaptured *table, Event *event) {
    if (!wanted(stream) || !counted(&stream->session->connector->options, event)) {
        return;
    }
    PgConnector *connector = stream->session->connector;
    if (table->tx_lsn != stream->commit_lsn || table->tx_order == 0) {
        table->tx_lsn = stream->commit_lsn;
        table->tx_order = 0;
        buf_bytes(&connector->touched, &table, sizeof(table));
    }
    event->flags |= EVENT_ORDERED;
    event->total_order = ++connector->total_order;
    event->table_order = ++table->tx_order;
}

bool pg_transaction_end(PgStream *stream, uint64_t lsn, Err *err) {
    if (!wanted(stream)) {
        return true;
    }
    PgConnector *connector = stream->session->connector;
    DEFER(buf_release) Buf json = {0};
    buf_u8(&json, '[');
    for (size_t i = 0; i < connector->touched.size / sizeof(PgCaptured *); i++) {
        PgCaptured *table = NULL;
        memcpy(&table, connector->touched.data + i * sizeof(PgCaptured *), sizeof(table));
        DEFER(buf_release) Buf name = {0};
        buf_printf(&name, "%s.%s", table->space, table->name);
        buf_text(&json, i > 0 ? ",{\"data_collection\":" : "{\"data_collection\":");
        json_quote(&json, buf_slice(&name));
        buf_printf(&json, ",\"event_count\":%" PRIu64 "}", table->tx_order);
        table->tx_lsn = table->tx_order = 0;
    }
    buf_u8(&json, ']');
    const Value count = value_int((int64_t)connector->total_order);
    const Value collections = value_bytes(VALUE_STRING, buf_slice(&json));
    return transaction_append(stream, "END", lsn, stream->ordinal + 1, &count, &collections, err);
}
