// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/snapshot.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "flow/source/postgres/connector_offsets.h"
#include "flow/source/postgres/signals.h"

#define RANGE_PAGES       8192 // 64 MiB of heap
#define WIRE_BUFFER_BYTES (256 * KIB)
#define PUMP_BYTES        (1 * MIB)
#define START_TIMEOUT_MS  60000
#define RANGE_FAILURES    3

struct PgLeafRead {
    PgLeafRead *next;
    PgLeaf *leaf;
    bool prepared;
    PgRelation relation;
    char *columns;        // of the SELECT, in the relation's arena
    uint32_t range_first; // the leaf's ranges are numbered on from those of its table's other leaves in this round
    uint32_t range_next;  // to be handed out
    uint32_t range_count;
    uint32_t ranges_done;
    uint32_t order;   // among the leaves of the round: 1, 2, …
    Buf held;         // of a connector: the newest row, as it came
    uint64_t ordinal; // of that row; 0 = none waits
    bool any;         // a row has been appended
};

// --- the round -------------------------------------------------------------------------------------------------

// The statement of a blocking snapshot with a condition; NULL = all rows.
static const char *override_once(const PgSnapshot *snapshot, const PgLeaf *leaf) {
    const PgConnector *connector = snapshot->session->connector;
    return connector != NULL ? map_find_u64(&connector->once, leaf->table->oid) : NULL;
}

static const char *override_of(const PgSnapshot *snapshot, const PgLeaf *leaf) {
    const PgConnector *connector = snapshot->session->connector;
    const char *once = override_once(snapshot, leaf);
    return once != NULL ? once
           : connector != NULL
               ? pg_connector_override(&connector->options, slice_of(leaf->table->space), slice_of(leaf->table->name))
               : NULL;
}

static void leaf_read_free(PgLeafRead *read) {
    if (read->prepared) {
        pg_relation_release(&read->relation);
    }
    buf_release(&read->held);
    free(read);
}

static void round_add(PgSnapshot *snapshot, PgLeaf *leaf) {
    PgLeafRead *read = calloc(1, sizeof(*read));
    ASSERT(read != NULL);
    read->leaf = leaf;
    read->order = ++snapshot->order;
    bool heap = leaf->kind == 'r' && override_of(snapshot, leaf) == NULL;
    read->range_count =
        heap && leaf->pages > RANGE_PAGES ? (uint32_t)((leaf->pages + RANGE_PAGES - 1) / RANGE_PAGES) : 1;
    const PgLeafRead *before = snapshot->last; // leaves of a table come one after the other
    if (before != NULL && before->leaf->table == leaf->table) {
        read->range_first = before->range_first + before->range_count;
    }
    if (snapshot->last != NULL) {
        snapshot->last->next = read;
    } else {
        snapshot->first = read;
    }
    snapshot->last = read;
    snapshot->unfinished++;
}

static bool holder_open(PgSnapshot *snapshot, const char *exported, uint64_t lsn, int timeout_ms, Err *err) {
    const SourceContext *context = snapshot->session->context;
    TRY(pg_session_connect(snapshot->session, &snapshot->holder, err));
    if (exported != NULL) {
        snapshot->lsn = lsn;
        return pg_snapshot_hold(&snapshot->holder, exported, snapshot->held, err);
    }
    // A slot's creation is the only source of an exact pair of snapshot and LSN; this one is dropped again at once.
    DEFER(pg_conn_close) PgConn replication = {0};
    char name[64], made[64];
    snprintf(name, sizeof(name), "leat_tmp_%d_%llx",
             snapshot->session->sql.handle != NULL ? PQbackendPID(snapshot->session->sql.handle) : 0,
             (unsigned long long)clock_wall_us());
    PgSlotCreate create = {.name = name, .temporary = true, .export_snapshot = true, .timeout_ms = timeout_ms};
    TRY(pg_conn_open(&replication, context->url, PG_CONN_REPLICATION, err));
    TRY(pg_slot_create(&replication, context->url, &create, &snapshot->lsn, made, err));
    return pg_snapshot_hold(&snapshot->holder, made, snapshot->held, err);
}

// Debezium's order: that of table.include.list, else by name.
static const PgConnectorOptions *sort_options; // of the sort under way, in this thread

static int rank_compare(const void *a, const void *b) {
    const PgCaptured *one = *(PgCaptured *const *)a, *other = *(PgCaptured *const *)b;
    size_t rank = pg_connector_rank(sort_options, slice_of(one->space), slice_of(one->name));
    size_t other_rank = pg_connector_rank(sort_options, slice_of(other->space), slice_of(other->name));
    return rank != other_rank ? (rank < other_rank ? -1 : 1) : strcmp(one->topic, other->topic);
}

// What a connector does in the holder's transaction before the first row is read.
static bool connector_begin(PgSnapshot *snapshot, Err *err) {
    PgSession *session = snapshot->session;
    const PgConnectorOptions *options = &session->connector->options;
    PgCapture *capture = &session->capture;
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(&snapshot->holder, &rows, "SELECT pg_snapshot_xmax(pg_current_snapshot())", NULL, 0, err));
    snapshot->transaction_id = (uint64_t)pg_int(&rows, 0, 0);
    sort_options = options;
    qsort(capture->tables, capture->table_count, sizeof(*capture->tables), rank_compare);
    if (!options->snapshot_lock) {
        return true;
    }
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    TRY(pg_exec(&snapshot->holder, arena_printf(&arena, "SET lock_timeout = %" PRId64, options->snapshot_lock_ms),
                err));
    for (size_t i = 0; i < capture->table_count; i++) {
        const PgCaptured *table = capture->tables[i];
        if (table->leaves == NULL || table->leaves->state != PG_LEAF_PENDING) {
            continue;
        }
        const char *lock =
            arena_printf(&arena, "LOCK TABLE %s.%s IN ACCESS SHARE MODE", pg_identifier(&arena, slice_of(table->space)),
                         pg_identifier(&arena, slice_of(table->name)));
        if (!pg_exec(&snapshot->holder, lock, err)) {
            return err_prefix(err, "snapshot.locking.mode=shared, table %s", table->topic);
        }
    }
    return true;
}

// What Debezium tells of an initial or blocking snapshot. `table` NULL: of the round.
static bool notify(PgSnapshot *snapshot, const char *type, const PgCaptured *table, bool scanned, Err *err) {
    PgNotify *notify = pg_signals_notify(snapshot->session->signals);
    PgNotifyPair pairs[4] = {{"data_collections", buf_slice(&snapshot->names)}};
    char name[2 * NAME_DATA_BYTES], rows[24];
    size_t count = strcmp(type, "STARTED") == 0 || strcmp(type, "COMPLETED") == 0 ? 0 : 1;
    if (notify == NULL) {
        return true;
    }
    if (table != NULL) {
        snprintf(name, sizeof(name), "%s.%s", table->space, table->name);
        pairs[count++] =
            (PgNotifyPair){scanned ? "scanned_collection" : "current_collection_in_progress", slice_of(name)};
    }
    if (scanned) {
        snprintf(rows, sizeof(rows), "%" PRIu64, table->report.snapshot_rows);
        pairs[count++] = (PgNotifyPair){"total_rows_scanned", slice_of(rows)};
        pairs[count++] = (PgNotifyPair){"status", SLICE("SUCCEEDED")};
    }
    return pg_notify(notify, snapshot->session, (Slice){0}, NOTIFY_INITIAL, type, pairs, count, snapshot->lsn - 1, err);
}

bool pg_snapshot_begin(PgSnapshot *snapshot, PgSession *session, const char *exported, uint64_t lsn, int timeout_ms,
                       Err *err) {
    *snapshot = (PgSnapshot){.session = session, .active = true};
    arena_init(&snapshot->scratch, "batch", 0);
    TRY(holder_open(snapshot, exported, lsn, timeout_ms, err));
    session->snapshot_us = clock_wall_us();
    if (session->connector != NULL) {
        TRY(connector_begin(snapshot, err));
    }
    for (size_t i = 0; i < session->capture.table_count; i++) {
        for (PgLeaf *leaf = session->capture.tables[i]->leaves; leaf != NULL; leaf = leaf->next) {
            if (leaf->state == PG_LEAF_PENDING) {
                buf_printf(&snapshot->names, "%s%s.%s", snapshot->names.size > 0 ? "," : "", leaf->table->space,
                           leaf->table->name);
                round_add(snapshot, leaf);
            }
        }
    }
    snapshot->reader_count = MAX(1, MIN(session->context->snapshot_connections, PG_READERS_MAX));
    log_info(LOG_SOURCE, "reading tables", LOG_UINT("relations", snapshot->unfinished), LOG_LSN("at", snapshot->lsn),
             LOG_INT("connections", snapshot->reader_count));
    return notify(snapshot, "STARTED", NULL, false, err) &&
           notify(snapshot, "DATA_COLLECTIONS_RESOLVED", NULL, false, err);
}

void pg_snapshot_close(PgSnapshot *snapshot) {
    for (int i = 0; i < snapshot->reader_count; i++) {
        PgReader *reader = &snapshot->readers[i];
        pg_wire_close(&reader->wire);
        pg_conn_close(&reader->conn);
        // A leaf whose last range was handed out is owned by its readers, possibly several.
        PgLeafRead *read = reader->read;
        for (int j = i + 1; read != NULL && j < snapshot->reader_count; j++) {
            if (snapshot->readers[j].read == read) {
                read = NULL;
            }
        }
        if (read != NULL && read != snapshot->first) {
            leaf_read_free(read);
        }
    }
    while (snapshot->first != NULL) {
        PgLeafRead *read = snapshot->first;
        snapshot->first = read->next;
        leaf_read_free(read);
    }
    if (snapshot->candidate != NULL) {
        leaf_read_free(snapshot->candidate);
    }
    pg_conn_close(&snapshot->holder);
    arena_release(&snapshot->scratch);
    buf_release(&snapshot->names);
    *snapshot = (PgSnapshot){0};
}

// --- one leaf --------------------------------------------------------------------------------------------------

bool pg_snapshot_relation(PgSession *session, Arena *arena, PgLeaf *leaf, const PgTable *table, PgRelation *relation,
                          char **selected, Err *err) {
    PgTable root = {0};
    bool root_found = false;
    if (table->root_oid != table->oid) {
        TRY(pg_session_table(session, arena, table->root_oid, &root, &root_found, err));
    }
    PgRelationColumn *columns = ARENA_ARRAY(arena, PgRelationColumn, table->column_count);
    uint16_t count = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        const PgColumn *column = &table->columns[i];
        if (!column->generated) {
            columns[count++] = (PgRelationColumn){column->in_identity, column->name, column->type_oid, column->typmod};
        }
    }
    static const uint8_t REPLIDENT[] = {
        [IDENTITY_KEY] = 'd', [IDENTITY_INDEX] = 'i', [IDENTITY_FULL] = 'f', [IDENTITY_NOTHING] = 'n'};
    TRY(pg_relation_build(relation, leaf, table->oid, REPLIDENT[table->identity], slice_of(leaf->table->space),
                          slice_of(leaf->table->name), columns, count, table, root_found ? &root : NULL, session->types,
                          &session->sql, err));
    Buf text = {0};
    for (uint16_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%s%s", i > 0 ? ", " : "", pg_identifier(arena, columns[i].name),
                   relation->codecs[i]->binary == NULL ? "::text" : "");
    }
    *selected = arena_text(&relation->arena, buf_slice(&text));
    buf_release(&text);
    return true;
}

static bool event_append(PgSnapshot *snapshot, PgLeafRead *read, Event *event, Err *err) {
    const SourceContext *context = snapshot->session->context;
    PgRelation *relation = &read->relation;
    event->column_count = relation->schema.column_count;
    event->commit_lsn = snapshot->lsn - 1;
    event->transaction_id = snapshot->transaction_id;
    event->lsn = snapshot->session->connector != NULL ? snapshot->lsn : event->commit_lsn;
    event->source_us = event->capture_us = snapshot->session->snapshot_us;
    // The TRUNCATE before a second reading is leat's own: Debezium's consumers never see one that nobody has made.
    bool (*append)(const SourceContext *, PgRoute *, const char *, const Schema *, Event *, Err *) =
        event->op == OP_TRUNCATE ? pg_route_append_silent : pg_route_append;
    bool ok = append(context, &relation->route, read->leaf->table->topic, &relation->schema, event, err);
    snapshot->session->fatal |= !ok;
    return ok;
}

// Ready to be read: shape known, state READING, a TRUNCATE event in front when rows of an earlier read may be there.
// *gone says that the table was dropped meanwhile.
static bool leaf_prepare(PgSnapshot *snapshot, PgLeafRead *read, bool *gone, Err *err) {
    PgSession *session = snapshot->session;
    PgTable table = {0};
    bool found = false;
    arena_reset(&snapshot->scratch);
    TRY(pg_session_table(session, &snapshot->scratch, read->leaf->oid, &table, &found, err));
    *gone = !found;
    if (!found) {
        return true;
    }
    TRY(pg_snapshot_relation(session, &snapshot->scratch, read->leaf, &table, &read->relation, &read->columns, err));
    read->prepared = true;
    pg_capture_set(&session->capture, read->leaf, PG_LEAF_READING, snapshot->lsn);
    PgCaptured *captured = read->leaf->table;
    if (captured->truncate && override_once(snapshot, read->leaf) != NULL) {
        captured->truncate = false; // some of its rows only: the others stay what they are
    }
    if (captured->truncate) {
        Event event = {.op = OP_TRUNCATE};
        TRY(event_append(snapshot, read, &event, err));
        captured->truncate = false;
        captured->report.snapshot_rows = captured->report.snapshot_bytes = 0;
        pg_capture_put(&session->capture, captured);
    }
    return notify(snapshot, "IN_PROGRESS", captured, false, err);
}

// ALTER TABLE that writes the table anew, and TRUNCATE, are not MVCC-safe: to a snapshot from before them the table is
// empty. The catalog as of the snapshot tells. A reader's lock keeps others from doing it behind this check.
static bool leaf_intact(PgSnapshot *snapshot, const PgLeaf *leaf, bool *intact, Err *err) {
    *intact = true;
    if (leaf->kind != 'r') {
        return true;
    }
    DEFER(pg_rows_release) PgRows rows = {0};
    char oid[16];
    const char *params[] = {oid};
    snprintf(oid, sizeof(oid), "%u", leaf->oid);
    TRY(pg_query(&snapshot->holder, &rows,
                 "SELECT relfilenode = pg_catalog.pg_relation_filenode(oid) FROM pg_catalog.pg_class WHERE oid = "
                 "$1::oid",
                 params, 1, err));
    *intact = rows.count == 1 && pg_bool(&rows, 0, 0);
    return true;
}

static bool leaf_finish(PgSnapshot *snapshot, PgLeafRead *read, Err *err) {
    PgSession *session = snapshot->session;
    bool intact = true;
    TRY(leaf_intact(snapshot, read->leaf, &intact, err));
    if (!intact) {
        log_info(LOG_SOURCE, "the table was rewritten while it was to be read: it is read again",
                 LOG_TEXT("table", read->leaf->table->topic));
        map_put_u64(&session->resync, read->leaf->table->oid, read->leaf->table);
        pg_capture_resync_soon(&session->capture, read->leaf->table);
    }
    pg_capture_set(&session->capture, read->leaf, PG_LEAF_READ, snapshot->lsn);
    if (session->connector != NULL) {
        Event newest = {.op = OP_READ,
                        .lsn = snapshot->lsn,
                        .transaction_id = snapshot->transaction_id,
                        .source_us = session->snapshot_us};
        pg_offset_note(session->connector, &newest);
        pg_offset_put(session->connector, session->journal);
    }
    log_info(LOG_SOURCE, "table read", LOG_TEXT("table", read->leaf->table->topic),
             LOG_UINT("rows", read->leaf->table->report.snapshot_rows));
    PgCaptured *table = read->leaf->table;
    leaf_read_free(read);
    snapshot->unfinished--;
    if (session->connector != NULL) {
        map_remove_u64(&session->connector->once, table->oid);
    }
    return notify(snapshot, "TABLE_SCAN_COMPLETED", table, true, err);
}

// --- one reader ------------------------------------------------------------------------------------------------

static char *copy_statement(PgSnapshot *snapshot, const PgLeafRead *read, uint32_t range, const PgTable *table) {
    Arena *arena = &snapshot->scratch;
    char *where = "";
    if (read->range_count > 1) {
        bool last = range + 1 == read->range_count; // open-ended: the table may have grown since its pages were counted
        where = arena_printf(arena, " WHERE ctid >= '(%u,0)'::tid", range * RANGE_PAGES);
        if (!last) {
            where = arena_printf(arena, "%s AND ctid < '(%u,0)'::tid", where, (range + 1) * RANGE_PAGES);
        }
    }
    const char *override = override_of(snapshot, read->leaf);
    if (override != NULL) {
        return arena_printf(arena, "COPY (SELECT %s FROM (%s) AS leat_override) TO STDOUT (FORMAT binary)",
                            read->columns, override);
    }
    const char *only = read->leaf->kind == 'r' ? "ONLY " : "";
    return arena_printf(arena, "COPY (SELECT %s FROM %s%s.%s%s) TO STDOUT (FORMAT binary)", read->columns, only,
                        pg_identifier(arena, table->space), pg_identifier(arena, table->name), where);
}

static void reader_disconnect(PgReader *reader) {
    pg_wire_close(&reader->wire);
    pg_conn_close(&reader->conn);
    reader->copying = reader->users_path = false;
}

static bool reader_connect(PgSnapshot *snapshot, PgReader *reader, Err *err) {
    if (reader->conn.handle != NULL) {
        return true;
    }
    TRY(pg_session_connect(snapshot->session, &reader->conn, err));
    TRY(pg_snapshot_use(&reader->conn, snapshot->held, err));
    return pg_wire_open(&reader->wire, &reader->conn, WIRE_BUFFER_BYTES, snapshot->session->context->row_bytes_max,
                        err);
}

static bool reader_start(PgSnapshot *snapshot, PgReader *reader, Err *err) {
    PgTable table = {0};
    bool found = false;
    arena_reset(&snapshot->scratch);
    TRY(pg_session_table(snapshot->session, &snapshot->scratch, reader->read->leaf->oid, &table, &found, err));
    if (!found) {
        return FAIL(err, ERR_SOURCE_CLOSED, "table %s was dropped while it was being read",
                    reader->read->leaf->table->topic);
    }
    TRY(reader_connect(snapshot, reader, err));
    bool users_path = override_of(snapshot, reader->read->leaf) != NULL;
    if (users_path != reader->users_path) {
        TRY(users_path ? pg_search_path_users(&reader->conn, err) : pg_search_path_own(&reader->conn, err));
        reader->users_path = users_path;
    }
    const char *statement = copy_statement(snapshot, reader->read, reader->range, &table);
    if (!pg_wire_start(&reader->wire, statement, START_TIMEOUT_MS, err)) {
        return err_prefix(err, "table %s", reader->read->leaf->table->topic);
    }
    reader->copying = true;
    reader->header_seen = false;
    reader->skip = reader->rows;
    return true;
}

// Hands the next range to an idle reader.
static bool reader_assign(PgSnapshot *snapshot, PgReader *reader, Err *err) {
    while (snapshot->first != NULL) {
        PgLeafRead *read = snapshot->first;
        snapshot->at = read;
        bool gone = false;
        if (!read->prepared) {
            TRY(leaf_prepare(snapshot, read, &gone, err));
        }
        bool exhausted = gone || read->range_next + 1 == read->range_count;
        if (exhausted) {
            snapshot->first = read->next;
            snapshot->last = snapshot->first == NULL ? NULL : snapshot->last;
        }
        if (gone) {
            snapshot->session->refresh_wanted = true;
            if (snapshot->session->connector != NULL) { // the catalog is not looked at again
                pg_capture_set(&snapshot->session->capture, read->leaf, PG_LEAF_STREAMING, snapshot->lsn);
            }
            leaf_read_free(read);
            snapshot->unfinished--;
            continue;
        }
        reader->read = read;
        reader->range = read->range_next++;
        reader->rows = 0;
        reader->failures = 0;
        return reader_start(snapshot, reader, err);
    }
    return true;
}

static bool row_decode(PgLeafRead *read, Reader *bytes, Arena *arena, Err *err) {
    PgRelation *relation = &read->relation;
    for (uint16_t i = 0; i < relation->field_count; i++) {
        int32_t size = read_i32be(bytes);
        Value *value = &relation->after[relation->places[i]];
        if (size < 0) {
            *value = (Value){.kind = VALUE_NULL};
            continue;
        }
        const PgCodec *codec = relation->codecs[i];
        Slice field = read_bytes(bytes, (size_t)size);
        if (UNLIKELY(bytes->bad)) {
            return FAIL(err, ERR_SOURCE_PROTOCOL, "table %s: a row ends in its column %u", read->leaf->table->topic,
                        i + 1);
        }
        if (UNLIKELY(!(codec->binary != NULL ? codec->binary : codec->text)(codec, field, arena, value, err))) {
            return err_prefix(err, "table %s, column %.*s", read->leaf->table->topic,
                              SLICE_ARG(relation->columns[i].name));
        }
    }
    return true;
}

static bool row_emit(PgSnapshot *snapshot, PgLeafRead *read, Slice raw, uint64_t ordinal, uint32_t mark, Err *err) {
    PgCaptured *table = read->leaf->table;
    Event event = {.op = OP_READ, .flags = mark, .after = read->relation.after, .ordinal = ordinal};
    snapshot->at = read;
    read->any = true;
    Err bad[1] = {{0}};
    Reader bytes = reader_of(raw);
    arena_reset(&snapshot->scratch);
    if (UNLIKELY(!row_decode(read, &bytes, &snapshot->scratch, bad))) {
        if (bad->code != ERR_VALUE || !snapshot->session->context->dead_letters) {
            *err = *bad;
            return snapshot->session->connector == NULL
                       ? err_hint(err, "--set errors=dead-letter puts such rows aside with their reason and goes on")
                       : err_hint(err, "event.processing.failure.handling.mode=warn puts such rows aside and goes on");
        }
        event.after = NULL;
        event.offset_span = 1;
        event.commit_lsn = event.lsn = snapshot->lsn - 1;
        event.source_us = event.capture_us = snapshot->session->snapshot_us;
        return dead_letter_append(snapshot->session, table->topic, bad, &event, raw, err);
    }
    table->report.snapshot_rows++;
    table->report.snapshot_bytes += raw.size;
    return event_append(snapshot, read, &event, err);
}

// The newest row of a connector's table waits until the next one comes, or it is known to be the last.
static bool held_emit(PgSnapshot *snapshot, PgLeafRead *read, uint32_t last, Err *err) {
    bool first = !read->any;
    uint32_t mark = last == EVENT_MARK_LAST     ? last
                    : first && read->order == 1 ? EVENT_MARK_FIRST
                    : last != 0                 ? last
                    : first                     ? EVENT_MARK_FIRST_IN_TABLE
                                                : 0;
    uint64_t ordinal = read->ordinal;
    read->ordinal = 0;
    return ordinal == 0 || row_emit(snapshot, read, buf_slice(&read->held), ordinal, mark, err);
}

static bool row_append(PgSnapshot *snapshot, PgReader *reader, Slice raw, Err *err) {
    reader->rows++;
    PgLeafRead *read = reader->read;
    // Unique in the table, as (commit_lsn, ordinal) must be: the leaves of a round share the LSN.
    uint64_t ordinal = ((uint64_t)(read->range_first + reader->range) << 32) + reader->rows;
    if (snapshot->session->connector == NULL) {
        return row_emit(snapshot, read, raw, ordinal, 0, err);
    }
    TRY(held_emit(snapshot, read, 0, err));
    buf_reset(&read->held);
    buf_put(&read->held, raw);
    read->ordinal = ordinal;
    return true;
}

// A connector puts a table aside whose rows cannot be read, and goes on with the others.
static bool table_quarantine(PgSnapshot *snapshot, Err *err) {
    PgSession *session = snapshot->session;
    PgLeafRead *read = snapshot->at;
    if (read == NULL || !pg_session_quarantines(session, err)) {
        return false;
    }
    for (int i = 0; i < snapshot->reader_count; i++) {
        if (snapshot->readers[i].read == read) {
            reader_disconnect(&snapshot->readers[i]);
            snapshot->readers[i].read = NULL;
        }
    }
    if (snapshot->first == read) {
        snapshot->first = read->next;
        snapshot->last = snapshot->first == NULL ? NULL : snapshot->last;
    }
    snapshot->candidate = snapshot->candidate == read ? NULL : snapshot->candidate;
    pg_session_quarantine(session, read->leaf->table, snapshot->lsn, err);
    snapshot->at = NULL;
    snapshot->unfinished--;
    leaf_read_free(read);
    return true;
}

static bool candidate_finish(PgSnapshot *snapshot, uint32_t last, Err *err) {
    PgLeafRead *read = snapshot->candidate;
    if (read == NULL) {
        return true;
    }
    TRY(held_emit(snapshot, read, last, err));
    snapshot->candidate = NULL;
    return leaf_finish(snapshot, read, err);
}

// A leaf is READ only with its last row.
static bool leaf_done(PgSnapshot *snapshot, PgLeafRead *read, Err *err) {
    if (read->ordinal == 0) {
        return leaf_finish(snapshot, read, err);
    }
    if (!candidate_finish(snapshot, EVENT_MARK_LAST_IN_TABLE, err) && !table_quarantine(snapshot, err)) {
        return err_frame(err, __FILE__, __LINE__);
    }
    snapshot->candidate = read;
    return true;
}

// One CopyData message: whole rows, the first with the file's header in front, the last the trailer.
static bool copy_apply(PgSnapshot *snapshot, PgReader *reader, Slice body, Err *err) {
    Reader bytes = reader_of(body);
    if (!reader->header_seen) {
        static const char SIGNATURE[] = "PGCOPY\n\377\r\n"; // with its NUL, 11 bytes
        Slice signature = read_bytes(&bytes, sizeof(SIGNATURE));
        read_u32be(&bytes); // flags
        read_bytes(&bytes, read_u32be(&bytes));
        if (bytes.bad || memcmp(signature.data, SIGNATURE, sizeof(SIGNATURE)) != 0) {
            return FAIL(err, ERR_SOURCE_PROTOCOL, "table %s: COPY sent no binary header",
                        reader->read->leaf->table->topic);
        }
        reader->header_seen = true;
    }
    while (reader_left(&bytes) > 0) {
        int16_t count = read_i16be(&bytes);
        if (count == -1) {
            return true;
        }
        if (count != (int16_t)reader->read->relation.field_count) {
            return FAIL(err, ERR_SOURCE_PROTOCOL, "table %s: COPY sent a row of %d columns, %u were asked for",
                        reader->read->leaf->table->topic, count, reader->read->relation.field_count);
        }
        Slice row = {bytes.at, 0};
        for (int16_t i = 0; i < count && !bytes.bad; i++) {
            int32_t size = read_i32be(&bytes);
            read_bytes(&bytes, size > 0 ? (size_t)size : 0);
        }
        row.size = (size_t)(bytes.at - row.data);
        if (bytes.bad) {
            return FAIL(err, ERR_SOURCE_PROTOCOL, "table %s: COPY sent half a row", reader->read->leaf->table->topic);
        }
        if (UNLIKELY(reader->skip > 0)) {
            reader->skip--;
            continue;
        }
        TRY(row_append(snapshot, reader, row, err));
    }
    return true;
}

static bool reader_range_done(PgSnapshot *snapshot, PgReader *reader, Err *err) {
    TRY(pg_wire_finish(&reader->wire, START_TIMEOUT_MS, err));
    reader->copying = false;
    PgLeafRead *read = reader->read;
    reader->read = NULL;
    CRASH_POINT("snapshot.range_done");
    return ++read->ranges_done < read->range_count || leaf_done(snapshot, read, err);
}

static bool reader_pump(PgSnapshot *snapshot, PgReader *reader, bool *more, Err *err) {
    for (size_t worked = 0; reader->copying && worked < PUMP_BYTES;) {
        Slice body;
        PgWireStatus status = pg_wire_next(&reader->wire, &body, err);
        if (status == PG_WIRE_DATA) {
            TRY(copy_apply(snapshot, reader, body, err));
        } else if (status == PG_WIRE_DONE) {
            TRY(reader_range_done(snapshot, reader, err));
        } else if (status == PG_WIRE_ERROR) {
            return err_prefix(err, "table %s", reader->read->leaf->table->topic);
        } else {
            size_t received = 0;
            TRY(pg_wire_receive(&reader->wire, &received, err));
            if (received == 0) {
                return true;
            }
            worked += received;
        }
    }
    *more = true;
    return true;
}

// A reader that lost its connection goes on in a new one, as long as the holder keeps the snapshot.
static bool reader_recover(PgSnapshot *snapshot, PgReader *reader, Err *err) {
    bool lost =
        err->code == ERR_SOURCE_CLOSED || err->code == ERR_SOURCE_UNREACHABLE || err->code == ERR_SOURCE_PROTOCOL;
    if (!lost || reader->read == NULL || ++reader->failures > RANGE_FAILURES) {
        return false;
    }
    Err holder[1] = {{0}};
    if (!pg_exec(&snapshot->holder, "SELECT 1", holder)) {
        return false;
    }
    log_warn(LOG_SOURCE, "a reader lost its connection: its range goes on in a new one",
             LOG_TEXT("table", reader->read->leaf->table->topic), LOG_UINT("rows", reader->rows),
             LOG_TEXT("reason", err->message));
    err_clear(err);
    reader_disconnect(reader);
    return reader_start(snapshot, reader, err);
}

// DDL between the look at the catalog and the COPY makes that fail, or its rows unreadable. Then the error is not the
// user's: the next run looks again.
static bool ddl_explains(PgSnapshot *snapshot, const PgReader *reader, Err *err) {
    if ((err->code != ERR_SOURCE_QUERY && err->code != ERR_TABLE && err->code != ERR_VALUE &&
         err->code != ERR_SOURCE_PROTOCOL) ||
        reader->read == NULL || override_of(snapshot, reader->read->leaf) != NULL) {
        return false;
    }
    const PgRelation *relation = &reader->read->relation;
    PgTable table = {0};
    bool found = false;
    Err ignored[1] = {{0}}; // the first error is the one to tell then
    if (!pg_session_table(snapshot->session, &snapshot->scratch, relation->oid, &table, &found, ignored)) {
        return false;
    }
    uint16_t at = 0;
    // COPY names what the catalog told: what does not exist was renamed or dropped, even if it is back by now.
    bool same = found && strstr(err->message, "42P01") == NULL && strstr(err->message, "42703") == NULL;
    for (uint32_t i = 0; same && i < table.column_count; i++) {
        const PgColumn *column = &table.columns[i];
        if (!column->generated) {
            same = at < relation->field_count && slice_equal(relation->columns[at].name, column->name) &&
                   relation->columns[at].type_oid == column->type_oid;
            at++;
        }
    }
    if (same && at == relation->field_count) {
        return false;
    }
    err_clear(err);
    FAIL(err, ERR_SOURCE_CLOSED, "table %s was altered while it was being read", reader->read->leaf->table->topic);
    return true;
}

int pg_snapshot_poll(const PgSnapshot *snapshot, struct pollfd *fds) {
    int count = 0;
    for (int i = 0; i < snapshot->reader_count; i++) {
        if (snapshot->readers[i].copying) {
            fds[count++] = (struct pollfd){.fd = snapshot->readers[i].wire.fd, .events = POLLIN};
        }
    }
    return count;
}

bool pg_snapshot_pump(PgSnapshot *snapshot, bool *more, Err *err) {
    for (int i = 0; i < snapshot->reader_count; i++) {
        PgReader *reader = &snapshot->readers[i];
        snapshot->at = reader->read;
        bool ok = reader->read != NULL ? reader_pump(snapshot, reader, more, err) : true;
        if (ok && reader->read == NULL && snapshot->first != NULL) {
            *more = true;
            ok = reader_assign(snapshot, reader, err);
        }
        if (!ok && !reader_recover(snapshot, reader, err) &&
            (ddl_explains(snapshot, reader, err) || !table_quarantine(snapshot, err))) {
            return err_frame(err, __FILE__, __LINE__);
        }
    }
    if (snapshot->unfinished == 1 && snapshot->candidate != NULL && !candidate_finish(snapshot, EVENT_MARK_LAST, err) &&
        !table_quarantine(snapshot, err)) {
        return err_frame(err, __FILE__, __LINE__);
    }
    if (snapshot->unfinished == 0) {
        TRY(notify(snapshot, "COMPLETED", NULL, false, err));
        log_info(LOG_SOURCE, "all tables read");
        pg_snapshot_close(snapshot);
    }
    return true;
}
