// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/signals.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "flow/source/postgres/connector.h"
#include "flow/source/postgres/incremental.h"

#include <fcntl.h>
#include <limits.h>

enum { FILE_BYTES_MAX = 16 << 20 };

struct PgSignals {
    PgSession *session;
    Arena run;
    Arena scratch;
    bool by_table;
    const char *file; // NULL = no such channel
    int64_t poll_us, poll_at;
    PgNotify *notify;
    PgIncremental *incremental;
};

static bool channels_read(PgSignals *signals, const Properties *properties, Err *err) {
    Arena *arena = &signals->run;
    const char *channels = properties_text(arena, properties, "signal.enabled.channels", "source");
    const char *poll = properties_text(arena, properties, "signal.poll.interval.ms", "5000");
    size_t count = 0;
    Slice *names = properties_list(arena, slice_of(channels), &count);
    for (size_t i = 0; i < count; i++) {
        if (slice_is(names[i], "file")) {
            signals->file = properties_text(arena, properties, "signal.file", "file-signals.txt");
        } else if (slice_is(names[i], "source")) {
            signals->by_table = true;
        } else {
            FAIL(err, ERR_OPTION, "signal.enabled.channels: there is no channel \"%.*s\"", SLICE_ARG(names[i]));
            return err_hint(err, "channels are source and file");
        }
    }
    signals->poll_us = MAX(strtoll(poll, NULL, 10), 1) * 1000;
    return true;
}

bool pg_signals_open(PgSession *session, PgSignals **signals, Err *err) {
    const PgConnector *connector = session->connector;
    *signals = NULL;
    if (connector == NULL) {
        return true;
    }
    const Properties *properties = connector->context.properties;
    const char *table = connector->options.signal_table;
    PgSignals *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    made->session = session;
    arena_init_small(&made->run, "run", 512);
    arena_init_small(&made->scratch, "scratch", 512);
    bool ok = channels_read(made, properties, err) && pg_notify_new(&made->run, properties, &made->notify, err);
    made->by_table &= table != NULL;
    if (ok && (made->by_table || made->file != NULL)) {
        ok = pg_incremental_open(session, properties, table, made->notify, &made->incremental, err);
    }
    if (!ok || (made->incremental == NULL && made->notify == NULL)) {
        pg_signals_close(made);
        return ok;
    }
    *signals = made;
    return true;
}

void pg_signals_close(PgSignals *signals) {
    if (signals != NULL) {
        pg_incremental_close(signals->incremental);
        arena_release(&signals->scratch);
        arena_release(&signals->run);
        free(signals);
    }
}

PgNotify *pg_signals_notify(PgSignals *signals) {
    return signals != NULL ? signals->notify : NULL;
}

// --- acting ----------------------------------------------------------------------------------------------------

static void log_message(const PgSignal *signal, uint64_t lsn) {
    DEFER(buf_release) Buf text = {0};
    for (size_t i = 0; i < signal->message.size; i++) {
        if (signal->message.data[i] == '{' && i + 1 < signal->message.size && signal->message.data[i + 1] == '}') {
            buf_printf(&text, LSN_FORMAT, LSN_ARG(lsn));
            i++;
        } else {
            buf_u8(&text, signal->message.data[i]);
        }
    }
    buf_u8(&text, '\0');
    log_info(LOG_SOURCE, (const char *)text.data);
}

// A condition of a blocking snapshot is a whole SELECT. The newest signal counts, also one without.
static bool condition_keep(PgSignals *signals, const PgSignal *signal, const PgCaptured *table, Slice name, Err *err) {
    PgConnector *connector = signals->session->connector;
    Slice filter;
    TRY(pg_signal_filter(&signals->scratch, signal, name, &filter, err));
    if (filter.size > 0) {
        map_put_u64(&connector->once, table->oid, arena_text(&connector->arena, filter));
    } else {
        map_remove_u64(&connector->once, table->oid);
    }
    return true;
}

// The tables are read as a whole, under one snapshot, while their changes wait.
static bool blocking(PgSignals *signals, const PgSignal *signal, Err *err) {
    PgSession *session = signals->session;
    size_t count = 0;
    for (size_t i = 0; i < session->capture.table_count; i++) {
        PgCaptured *table = session->capture.tables[i];
        Slice name = slice_of(arena_printf(&signals->scratch, "%s.%s", table->space, table->name));
        bool wanted = false;
        TRY(pg_signal_wants(&signals->scratch, signal, name, &wanted, err));
        if (wanted) {
            TRY(condition_keep(signals, signal, table, name, err));
            pg_capture_resync_soon(&session->capture, table);
            map_put_u64(&session->resync, table->oid, table);
            count++;
        }
    }
    if (count == 0) {
        log_warn(LOG_SOURCE, "a snapshot was asked for, but no captured table has such a name");
    }
    return true;
}

static bool act(PgSignals *signals, const PgSignal *signal, uint64_t lsn, Err *err) {
    switch (signal->kind) {
    case PG_SIGNAL_LOG:
        log_message(signal, lsn);
        return true;
    case PG_SIGNAL_EXECUTE:
        if (signal->blocking) {
            return blocking(signals, signal, err);
        }
        return pg_incremental_signal(signals->incremental, signal, lsn, err);
    case PG_SIGNAL_STOP:
    case PG_SIGNAL_PAUSE:
    case PG_SIGNAL_RESUME:
        return pg_incremental_signal(signals->incremental, signal, lsn, err);
    case PG_SIGNAL_OTHER:
        log_warn(LOG_SOURCE, "a signal of a type that leat does not have was passed over");
        return true;
    case PG_SIGNAL_WINDOW_OPEN:
    case PG_SIGNAL_WINDOW_CLOSE:
        return true;
    }
    return true;
}

// A signal that is wrong is the sender's mistake: it is told in the log, the connector goes on.
static bool read_and_act(PgSignals *signals, bool ok, const PgSignal *signal, uint64_t lsn, Err *why, Err *err) {
    if (!ok || !act(signals, signal, lsn, why)) {
        if (why->code != ERR_VALUE && why->code != ERR_OPTION) {
            *err = *why;
            return false;
        }
        log_warn(LOG_SOURCE, "a signal was passed over", LOG_TEXT("reason", why->message), LOG_TEXT("hint", why->hint));
    }
    return true;
}

// --- the table -------------------------------------------------------------------------------------------------

static Slice text_at(const Value *row, uint32_t count, uint32_t place) {
    return place < count && row[place].kind == VALUE_STRING ? row[place].bytes : (Slice){0};
}

bool pg_signals_event(PgSignals *signals, PgStream *stream, const PgRelation *relation, const Event *event, Err *err) {
    uint32_t count = event->column_count;
    if (signals->incremental != NULL) {
        pg_incremental_change(signals->incremental, relation, event);
    }
    if (LIKELY(!relation->signal) || !signals->by_table || (event->op != OP_CREATE && event->op != OP_DELETE)) {
        return true;
    }
    if (event->op == OP_DELETE) { // insert_delete: the second watermark
        Slice id = text_at(event->before, count, 0);
        return pg_incremental_watermark(signals->incremental, stream, id, err);
    }
    Err why[1] = {{0}};
    PgSignal signal;
    arena_reset(&signals->scratch);
    bool ok = pg_signal_parse(&signals->scratch, text_at(event->after, count, 0), text_at(event->after, count, 1),
                              text_at(event->after, count, 2), &signal, why);
    if (ok && (signal.kind == PG_SIGNAL_WINDOW_OPEN || signal.kind == PG_SIGNAL_WINDOW_CLOSE)) {
        return pg_incremental_watermark(signals->incremental, stream, signal.id, err);
    }
    return read_and_act(signals, ok, &signal, stream->commit_lsn, why, err);
}

// --- the file --------------------------------------------------------------------------------------------------

// Debezium takes all lines and empties the file; what they set going must be durable before.
static bool file_take(PgSignals *signals, PgStream *stream, Err *err) {
    Slice text;
    arena_reset(&signals->scratch);
    if (!file_exists(signals->file)) {
        return true;
    }
    TRY(file_read_all(signals->file, FILE_BYTES_MAX, &signals->scratch, &text, err));
    if (text.size == 0) {
        return true;
    }
    text = arena_slice(&signals->run, text);
    for (size_t from = 0, i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != '\n') {
            continue;
        }
        Slice line = {text.data + from, i - from};
        from = i + 1;
        if (line.size > 1) {
            Err why[1] = {{0}};
            PgSignal signal;
            arena_reset(&signals->scratch);
            bool ok = pg_signal_line(&signals->scratch, line, &signal, why);
            TRY(read_and_act(signals, ok, &signal, stream->boundary_lsn, why, err));
        }
    }
    stream->changes_uncut++;
    TRY(pg_stream_cut(stream, true, err));
    TRY(journal_sync(signals->session->journal, err));
    return file_replace(signals->file, (Slice){0}, err);
}

bool pg_signals_turn(PgSignals *signals, PgStream *stream, Err *err) {
    int64_t now = clock_monotonic_us();
    if (signals->file != NULL && now >= signals->poll_at) {
        signals->poll_at = now + signals->poll_us;
        TRY(file_take(signals, stream, err));
    }
    return signals->incremental == NULL || pg_incremental_turn(signals->incremental, stream, err);
}
