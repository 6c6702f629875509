// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/incremental.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/random.h"
#include "data/event/event_codec.h"
#include "flow/source/postgres/connector.h"
#include "flow/source/postgres/snapshot.h"

#include <time.h>

enum { KEYS_MAX = 32, STATE_VERSION = 1, COUNT_ROWS_MAX = 100000 };
#define STATE_KEY SLICE("incremental")

typedef struct Job { // one table to be read
    Slice signal;    // the id of who asked
    Slice table;     // schema.table
    Slice filter;    // a predicate; empty = none
    Slice surrogate; // the column to go by in place of the key; empty = none
} Job;

typedef struct Key {
    const char *name; // quoted
    uint32_t type_oid;
    int32_t place; // in the relation's schema
} Key;

// The rows that were read and wait for the second watermark.
typedef struct Chunk {
    bool active;
    bool open; // the first watermark came by
    char id[37];
    Arena arena;
    PgRelation relation;
    Key keys[KEYS_MAX];
    size_t key_count;
    Value **rows; // NULL where a change was newer
    size_t row_count;
    Map by_key;  // a key's bytes → its place in `rows`, from 1
    Slice *last; // the last row's key, as text
    PgCaptured *table;
    int64_t read_us;
    char opened_at[40];
    // read.only
    uint64_t high_lsn;
    uint32_t snapshot_end; // transactions from here on, and those listed, are not seen
    uint32_t *snapshot_open;
    size_t snapshot_open_count;
} Chunk;

struct PgIncremental {
    PgSession *session;
    PgNotify *notify;
    Arena run;
    const char *signal_table; // quoted; NULL = read.only
    bool by_delete;           // insert_delete: the second watermark takes the first away
    int64_t chunk_rows;
    PgConn sql;

    Arena queue; // what follows, kept in the journal's state
    Job *jobs;   // the first is under way
    size_t job_count;
    bool paused;
    Slice *last, *max; // keys of the first job as text: read so far, the highest when it began; NULL = not begun
    size_t key_count;
    uint64_t chunks, scanned, total, emitted;

    Chunk chunk;
};

// --- state -----------------------------------------------------------------------------------------------------

static void keys_encode(Buf *buf, const Slice *keys, size_t count) {
    count = keys != NULL ? count : 0;
    buf_varint(buf, count);
    for (size_t i = 0; i < count; i++) {
        buf_slice_sized(buf, keys[i]);
    }
}

static Slice *keys_decode(Reader *reader, Arena *arena, size_t *count) {
    uint64_t size = read_varint(reader);
    if (size == 0 || size > KEYS_MAX) {
        reader->bad |= size > KEYS_MAX;
        return NULL;
    }
    Slice *keys = ARENA_ARRAY(arena, Slice, size);
    for (uint64_t i = 0; i < size; i++) {
        keys[i] = arena_slice(arena, read_slice(reader));
    }
    *count = (size_t)size;
    return keys;
}

static void state_encode(const PgIncremental *incremental, Buf *buf) {
    buf_u8(buf, STATE_VERSION);
    buf_u8(buf, incremental->paused);
    buf_varint(buf, incremental->job_count);
    for (size_t i = 0; i < incremental->job_count; i++) {
        const Job *job = &incremental->jobs[i];
        buf_slice_sized(buf, job->signal);
        buf_slice_sized(buf, job->table);
        buf_slice_sized(buf, job->filter);
        buf_slice_sized(buf, job->surrogate);
    }
    keys_encode(buf, incremental->last, incremental->key_count);
    keys_encode(buf, incremental->max, incremental->key_count);
    buf_varint(buf, incremental->chunks);
    buf_varint(buf, incremental->scanned);
    buf_varint(buf, incremental->total);
    buf_varint(buf, incremental->emitted);
}

static bool state_decode(PgIncremental *incremental, Slice bytes, Err *err) {
    Reader reader = reader_of(bytes);
    uint8_t version = read_u8(&reader);
    if (version > STATE_VERSION) {
        return FAIL(err, ERR_FORMAT_NEWER, "the state of incremental snapshots has version %u, this leat knows %d",
                    version, STATE_VERSION);
    }
    incremental->paused = read_u8(&reader) != 0;
    uint64_t count = read_varint(&reader);
    reader.bad |= count > reader_left(&reader);
    incremental->job_count = reader.bad ? 0 : (size_t)count;
    incremental->jobs = ARENA_ARRAY(&incremental->queue, Job, incremental->job_count);
    for (size_t i = 0; i < incremental->job_count; i++) {
        Slice *fields[] = {&incremental->jobs[i].signal, &incremental->jobs[i].table, &incremental->jobs[i].filter,
                           &incremental->jobs[i].surrogate};
        for (size_t j = 0; j < ARRAY_LEN(fields); j++) {
            *fields[j] = arena_slice(&incremental->queue, read_slice(&reader));
        }
    }
    incremental->last = keys_decode(&reader, &incremental->queue, &incremental->key_count);
    incremental->max = keys_decode(&reader, &incremental->queue, &incremental->key_count);
    incremental->chunks = read_varint(&reader);
    incremental->scanned = read_varint(&reader);
    incremental->total = read_varint(&reader);
    incremental->emitted = read_varint(&reader);
    return reader_done(&reader) || FAIL(err, ERR_STATE_CORRUPT, "the state of incremental snapshots is damaged");
}

// Into the next cut; and what is no longer needed leaves the memory.
static bool state_keep(PgIncremental *incremental, Err *err) {
    DEFER(buf_release) Buf state = {0};
    state_encode(incremental, &state);
    journal_state_put(incremental->session->journal, STATE_KEY, buf_slice(&state));
    arena_reset(&incremental->queue);
    return state_decode(incremental, buf_slice(&state), err);
}

static void chunk_drop(Chunk *chunk) {
    if (chunk->relation.field_count > 0) {
        pg_relation_release(&chunk->relation);
    }
    map_release(&chunk->by_key);
    arena_release(&chunk->arena);
    *chunk = (Chunk){0};
}

static void job_forget(PgIncremental *incremental, size_t place) {
    memmove(&incremental->jobs[place], &incremental->jobs[place + 1],
            (incremental->job_count - place - 1) * sizeof(*incremental->jobs));
    incremental->job_count--;
    if (place == 0) {
        incremental->last = incremental->max = NULL;
        incremental->key_count = 0;
        incremental->chunks = incremental->scanned = incremental->total = 0;
        chunk_drop(&incremental->chunk);
    }
}

// --- opening ---------------------------------------------------------------------------------------------------

static bool options_read(PgIncremental *incremental, const Properties *properties, const char *signal_table, Err *err) {
    Arena *arena = &incremental->run;
    const char *rows = properties_text(arena, properties, "incremental.snapshot.chunk.size", "1024");
    const char *strategy =
        properties_text(arena, properties, "incremental.snapshot.watermarking.strategy", "insert_insert");
    const char *read_only = properties_text(arena, properties, "read.only", "false");
    char *end;
    incremental->chunk_rows = strtoll(rows, &end, 10);
    if (*end != '\0' || incremental->chunk_rows < 1 || incremental->chunk_rows > 1000000) {
        return FAIL(err, ERR_OPTION, "incremental.snapshot.chunk.size is 1 to 1000000 rows, not \"%.40s\"", rows);
    }
    incremental->by_delete = strcasecmp(strategy, "insert_delete") == 0;
    if (!incremental->by_delete && strcasecmp(strategy, "insert_insert") != 0) {
        return FAIL(err, ERR_OPTION,
                    "incremental.snapshot.watermarking.strategy is insert_insert or insert_delete, not \"%.40s\"",
                    strategy);
    }
    if (signal_table != NULL && strcasecmp(read_only, "true") != 0) {
        const char *dot = strchr(signal_table, '.');
        Slice space =
            dot != NULL ? (Slice){(const uint8_t *)signal_table, (size_t)(dot - signal_table)} : SLICE("public");
        Slice name = slice_of(dot != NULL ? dot + 1 : signal_table);
        incremental->signal_table =
            arena_printf(arena, "%s.%s", pg_identifier(arena, space), pg_identifier(arena, name));
    }
    return true;
}

bool pg_incremental_open(PgSession *session, const Properties *properties, const char *signal_table, PgNotify *notify,
                         PgIncremental **incremental, Err *err) {
    PgIncremental *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    made->session = session;
    made->notify = notify;
    arena_init_small(&made->run, "run", 512);
    arena_init_small(&made->queue, "queue", 512);
    Slice state = journal_state_get(session->journal, STATE_KEY);
    DEFER(buf_release) Buf copy = {0};
    buf_put(&copy, state);
    if (!options_read(made, properties, signal_table, err) ||
        (copy.size > 0 && !state_decode(made, buf_slice(&copy), err))) {
        pg_incremental_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *incremental = made;
    return true;
}

void pg_incremental_close(PgIncremental *incremental) {
    if (incremental != NULL) {
        chunk_drop(&incremental->chunk);
        pg_conn_close(&incremental->sql);
        arena_release(&incremental->queue);
        arena_release(&incremental->run);
        free(incremental);
    }
}

bool pg_incremental_active(const PgIncremental *incremental) {
    return incremental->job_count > 0 && !incremental->paused;
}

// --- what signals ask for --------------------------------------------------------------------------------------

static Slice table_name(Arena *arena, const PgCaptured *table) {
    return slice_of(arena_printf(arena, "%s.%s", table->space, table->name));
}

static bool told(PgIncremental *incremental, Slice id, const char *type, const PgNotifyPair *pairs, size_t count,
                 uint64_t lsn, Err *err) {
    return pg_notify(incremental->notify, incremental->session, id, NOTIFY_INCREMENTAL, type, pairs, count, lsn, err);
}

static bool execute(PgIncremental *incremental, const PgSignal *signal, uint64_t lsn, Err *err) {
    PgCapture *capture = &incremental->session->capture;
    Arena *arena = &incremental->queue;
    DEFER(buf_release) Buf names = {0};
    Job *jobs = ARENA_ARRAY(arena, Job, incremental->job_count + capture->table_count);
    size_t count = incremental->job_count;
    memcpy(jobs, incremental->jobs, count * sizeof(*jobs));
    for (size_t i = 0; i < capture->table_count; i++) {
        Job job = {
            .signal = signal->id, .table = table_name(arena, capture->tables[i]), .surrogate = signal->surrogate_key};
        bool yes = false;
        TRY(pg_signal_wants(arena, signal, job.table, &yes, err));
        if (yes) {
            TRY(pg_signal_filter(arena, signal, job.table, &job.filter, err));
            buf_printf(&names, "%s%.*s", names.size > 0 ? "," : "", SLICE_ARG(job.table));
            jobs[count++] = job;
        }
    }
    if (count == incremental->job_count) {
        log_warn(LOG_SOURCE, "a snapshot was asked for, but no captured table has such a name");
        return true;
    }
    incremental->jobs = jobs;
    incremental->job_count = count;
    PgNotifyPair pair = {"data_collections", buf_slice(&names)};
    TRY(told(incremental, signal->id, "STARTED", &pair, 1, lsn, err));
    TRY(told(incremental, signal->id, "DATA_COLLECTIONS_RESOLVED", &pair, 1, lsn, err));
    return state_keep(incremental, err);
}

static bool stop(PgIncremental *incremental, const PgSignal *signal, uint64_t lsn, Err *err) {
    Arena scratch;
    bool ok = true, yes = false;
    arena_init(&scratch, "scratch", 0);
    for (size_t i = incremental->job_count; ok && i-- > 0;) {
        ok = signal->all || pg_signal_wants(&scratch, signal, incremental->jobs[i].table, &yes, err);
        if (ok && (signal->all || yes)) {
            job_forget(incremental, i);
        }
    }
    arena_release(&scratch);
    return ok && state_keep(incremental, err) &&
           (incremental->job_count > 0 || told(incremental, signal->id, "ABORTED", NULL, 0, lsn, err));
}

bool pg_incremental_signal(PgIncremental *incremental, const PgSignal *signal, uint64_t lsn, Err *err) {
    if (signal->kind == PG_SIGNAL_EXECUTE) {
        return execute(incremental, signal, lsn, err);
    }
    if (signal->kind == PG_SIGNAL_STOP) {
        return stop(incremental, signal, lsn, err);
    }
    bool pause = signal->kind == PG_SIGNAL_PAUSE;
    if (incremental->job_count == 0 || incremental->paused == pause) {
        return true;
    }
    incremental->paused = pause;
    TRY(told(incremental, incremental->jobs[0].signal, pause ? "PAUSED" : "RESUMED", NULL, 0, lsn, err));
    return state_keep(incremental, err);
}

// --- statements ------------------------------------------------------------------------------------------------

static void now_text(char text[40]) {
    int64_t now = clock_wall_us();
    time_t seconds = (time_t)(now / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t size = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + size, 40 - size, ".%06d000Z", (int)(now % 1000000));
}

static bool watermark(PgIncremental *incremental, bool open, Err *err) {
    Chunk *chunk = &incremental->chunk;
    const Job *job = &incremental->jobs[0];
    char now[40], id[48];
    now_text(now);
    snprintf(id, sizeof(id), "%s-%s", chunk->id, open || incremental->by_delete ? "open" : "close");
    if (!open && incremental->by_delete) {
        const char *params[] = {id};
        DEFER(pg_rows_release) PgRows rows = {0};
        return pg_query(&incremental->sql, &rows,
                        arena_printf(&chunk->arena, "DELETE FROM %s WHERE id = $1", incremental->signal_table), params,
                        1, err);
    }
    if (open) {
        memcpy(chunk->opened_at, now, sizeof(now));
    }
    const char *closed = open ? "" : arena_printf(&chunk->arena, "\"closeWindowTimestamp\": \"%s\", ", now);
    const char *data =
        arena_printf(&chunk->arena,
                     "{\"openWindowTimestamp\": \"%s\", %s\"correlationId\": \"%.*s\", \"dataCollectionId\": \"%.*s\"}",
                     chunk->opened_at, closed, SLICE_ARG(job->signal), SLICE_ARG(job->table));
    const char *params[] = {id, open ? "snapshot-window-open" : "snapshot-window-close", data};
    DEFER(pg_rows_release) PgRows rows = {0};
    return pg_query(&incremental->sql, &rows,
                    arena_printf(&chunk->arena, "INSERT INTO %s VALUES ($1, $2, $3)", incremental->signal_table),
                    params, 3, err);
}

// "a, b" or "a DESC, b DESC".
static const char *key_list(Chunk *chunk, const char *behind) {
    DEFER(buf_release) Buf text = {0};
    for (size_t i = 0; i < chunk->key_count; i++) {
        buf_printf(&text, "%s%s%s", i > 0 ? ", " : "", chunk->keys[i].name, behind);
    }
    return arena_text(&chunk->arena, buf_slice(&text));
}

// "a::text AS leat_key_0, …": under names of their own, which ORDER BY does not mean.
static const char *key_texts(Chunk *chunk) {
    DEFER(buf_release) Buf text = {0};
    for (size_t i = 0; i < chunk->key_count; i++) {
        buf_printf(&text, "%s%s::text AS leat_key_%zu", i > 0 ? ", " : "", chunk->keys[i].name, i);
    }
    return arena_text(&chunk->arena, buf_slice(&text));
}

// "(a, b) > ($1, $2)", numbers from `from` on.
static const char *key_bound(Chunk *chunk, const char *operator, size_t from) {
    DEFER(buf_release) Buf text = {0};
    buf_printf(&text, "(%s) %s (", key_list(chunk, ""), operator);
    for (size_t i = 0; i < chunk->key_count; i++) {
        buf_printf(&text, "%s$%zu", i > 0 ? ", " : "", from + i);
    }
    buf_u8(&text, ')');
    return arena_text(&chunk->arena, buf_slice(&text));
}

static bool ask(PgIncremental *incremental, const char *sql, const Slice *first, const Slice *second, PgRows *rows,
                Err *err) {
    Chunk *chunk = &incremental->chunk;
    const char *values[2 * KEYS_MAX];
    Oid types[2 * KEYS_MAX];
    const Slice *lists[] = {first, second};
    int count = 0;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (size_t j = 0; lists[i] != NULL && j < chunk->key_count; j++) {
            values[count] = arena_text(&chunk->arena, lists[i][j]);
            types[count++] = chunk->keys[j].type_oid;
        }
    }
    rows->result = PQexecParams(incremental->sql.handle, sql, count, types, values, NULL, NULL, 1);
    if (PQresultStatus(rows->result) != PGRES_TUPLES_OK) {
        (void)pg_result_fail(&incremental->sql, rows->result, "incremental snapshot", err);
        return err_prefix(err, "table %.*s", SLICE_ARG(incremental->jobs[0].table));
    }
    rows->count = PQntuples(rows->result);
    return true;
}

// --- the table -------------------------------------------------------------------------------------------------

static bool keys_find(Chunk *chunk, const Job *job, const PgTable *table) {
    for (uint32_t i = 0; i < table->column_count; i++) {
        const PgColumn *column = &table->columns[i];
        bool surrogate = job->surrogate.size > 0 && slice_equal(job->surrogate, column->name);
        size_t place = job->surrogate.size > 0 ? 0 : (size_t)column->key_ordinal - 1;
        if ((job->surrogate.size > 0 ? surrogate : column->key_ordinal > 0) && place < KEYS_MAX) {
            chunk->keys[place] = (Key){.name = pg_identifier(&chunk->arena, column->name),
                                       .type_oid = column->type_oid,
                                       .place = schema_find_column(&chunk->relation.schema, column->name)};
            chunk->key_count = MAX(chunk->key_count, place + 1);
        }
    }
    for (size_t i = 0; i < chunk->key_count; i++) {
        if (chunk->keys[i].name == NULL || chunk->keys[i].place < 0) {
            return false;
        }
    }
    return chunk->key_count > 0;
}

static PgCaptured *table_find(PgSession *session, Arena *arena, Slice name) {
    for (size_t i = 0; i < session->capture.table_count; i++) {
        if (slice_equal(table_name(arena, session->capture.tables[i]), name)) {
            return session->capture.tables[i];
        }
    }
    return NULL;
}

static bool completed(PgIncremental *incremental, const char *status, uint64_t lsn, Err *err) {
    const Job *job = &incremental->jobs[0];
    char scanned[24], total[24];
    snprintf(scanned, sizeof(scanned), "%" PRIu64, incremental->scanned);
    snprintf(total, sizeof(total), "%" PRIu64, incremental->total);
    const PgNotifyPair pairs[] = {{"data_collections", job->table},
                                  {"scanned_collection", job->table},
                                  {"total_rows_scanned", slice_of(scanned)},
                                  {"total_rows", slice_of(total)},
                                  {"status", slice_of(status)}};
    Arena scratch;
    arena_init_small(&scratch, "scratch", 128);
    Slice signal = arena_slice(&scratch, job->signal);
    bool ok = told(incremental, job->signal, "TABLE_SCAN_COMPLETED", pairs, ARRAY_LEN(pairs), lsn, err);
    log_info(LOG_SOURCE, "incremental snapshot of a table ended", LOG_TEXT("status", status),
             LOG_UINT("rows", incremental->scanned));
    job_forget(incremental, 0);
    ok = ok && (incremental->job_count > 0 || told(incremental, signal, "COMPLETED", NULL, 0, lsn, err));
    arena_release(&scratch);
    return ok && state_keep(incremental, err);
}

// The highest key that there is now, once a table. *empty: no rows.
static bool maximum_find(PgIncremental *incremental, const PgTable *table, bool *empty, Err *err) {
    Chunk *chunk = &incremental->chunk;
    const Job *job = &incremental->jobs[0];
    Arena *arena = &chunk->arena;
    const char *from =
        arena_printf(arena, "%s.%s", pg_identifier(arena, table->space), pg_identifier(arena, table->name));
    const char *where = job->filter.size > 0 ? arena_printf(arena, " WHERE (%.*s)", SLICE_ARG(job->filter)) : "";
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(ask(incremental,
            arena_printf(arena, "SELECT %s FROM %s%s ORDER BY %s LIMIT 1", key_texts(chunk), from, where,
                         key_list(chunk, " DESC NULLS LAST")),
            NULL, NULL, &rows, err));
    *empty = rows.count == 0;
    if (*empty) {
        return true;
    }
    incremental->key_count = chunk->key_count;
    incremental->max = ARENA_ARRAY(&incremental->queue, Slice, chunk->key_count);
    for (size_t i = 0; i < chunk->key_count; i++) {
        incremental->max[i] = arena_slice(&incremental->queue, pg_slice(&rows, 0, (int)i));
    }
    incremental->total = table->rows > 0 ? (uint64_t)table->rows : 0;
    if (incremental->notify != NULL && table->rows < COUNT_ROWS_MAX) {
        DEFER(pg_rows_release) PgRows count = {0};
        TRY(pg_query(&incremental->sql, &count, arena_printf(arena, "SELECT count(*) FROM %s%s", from, where), NULL, 0,
                     err));
        incremental->total = (uint64_t)pg_int(&count, 0, 0);
    }
    return true;
}

// --- reading ---------------------------------------------------------------------------------------------------

static void key_bytes(const Chunk *chunk, const Value *row, Buf *bytes) {
    buf_reset(bytes);
    for (size_t i = 0; i < chunk->key_count; i++) {
        value_encode(bytes, &row[chunk->keys[i].place]);
    }
}

static bool row_read(PgIncremental *incremental, const PgRows *rows, int number, Buf *key, Err *err) {
    Chunk *chunk = &incremental->chunk;
    PgRelation *relation = &chunk->relation;
    Value *row = ARENA_ARRAY(&chunk->arena, Value, relation->schema.column_count);
    for (uint16_t i = 0; i < relation->field_count; i++) {
        const PgCodec *codec = relation->codecs[i];
        Value value = {.kind = VALUE_NULL};
        if (!pg_null(rows, number, i) && !(codec->binary != NULL ? codec->binary : codec->text)(
                                             codec, pg_slice(rows, number, i), &chunk->arena, &value, err)) {
            return err_prefix(err, "table %.*s, column %.*s", SLICE_ARG(incremental->jobs[0].table),
                              SLICE_ARG(relation->columns[i].name));
        }
        row[relation->places[i]] = value_copy(&chunk->arena, &value);
    }
    chunk->rows[chunk->row_count++] = row;
    key_bytes(chunk, row, key);
    map_put(&chunk->by_key, buf_slice(key), (void *)(uintptr_t)chunk->row_count); // NOLINT: a number, not an address
    return true;
}

static bool rows_read(PgIncremental *incremental, const PgTable *table, const char *columns, Err *err) {
    Chunk *chunk = &incremental->chunk;
    Arena *arena = &chunk->arena;
    const Job *job = &incremental->jobs[0];
    const char *after =
        incremental->last != NULL ? arena_printf(arena, "%s AND ", key_bound(chunk, ">", chunk->key_count + 1)) : "";
    const char *filter = job->filter.size > 0 ? arena_printf(arena, " AND (%.*s)", SLICE_ARG(job->filter)) : "";
    const char *sql =
        arena_printf(arena, "SELECT %s, %s FROM %s.%s WHERE %s%s%s ORDER BY %s LIMIT %" PRId64, columns,
                     key_texts(chunk), pg_identifier(arena, table->space), pg_identifier(arena, table->name), after,
                     key_bound(chunk, "<=", 1), filter, key_list(chunk, ""), incremental->chunk_rows);
    DEFER(pg_rows_release) PgRows rows = {0};
    DEFER(buf_release) Buf key = {0};
    TRY(ask(incremental, sql, incremental->max, incremental->last, &rows, err));
    chunk->read_us = clock_wall_us();
    chunk->rows = ARENA_ARRAY(arena, Value *, (size_t)rows.count);
    for (int i = 0; i < rows.count; i++) {
        TRY(row_read(incremental, &rows, i, &key, err));
    }
    if (rows.count > 0) {
        chunk->last = ARENA_ARRAY(arena, Slice, chunk->key_count);
        for (size_t i = 0; i < chunk->key_count; i++) {
            chunk->last[i] =
                arena_slice(arena, pg_slice(&rows, rows.count - 1, (int)chunk->relation.field_count + (int)i));
        }
    }
    return true;
}

// "xmin:xmax:xip,…" of pg_current_snapshot().
static bool low_watermark(PgIncremental *incremental, Err *err) {
    Chunk *chunk = &incremental->chunk;
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(&incremental->sql, &rows, "SELECT pg_catalog.pg_current_snapshot()::text", NULL, 0, err));
    const char *text = arena_text(&chunk->arena, pg_slice(&rows, 0, 0));
    char *end = NULL;
    (void)strtoull(text, &end, 10);
    chunk->snapshot_end = (uint32_t)strtoull(*end == ':' ? end + 1 : end, &end, 10);
    chunk->snapshot_open = ARENA_ARRAY(&chunk->arena, uint32_t, strlen(text));
    while (*end == ':' || *end == ',') {
        char *from = end + 1;
        uint64_t xid = strtoull(from, &end, 10);
        if (end == from) {
            break;
        }
        chunk->snapshot_open[chunk->snapshot_open_count++] = (uint32_t)xid;
    }
    chunk->open = true;
    return true;
}

static bool high_watermark(PgIncremental *incremental, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(&incremental->sql, &rows,
                 "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
                 " ELSE pg_catalog.pg_current_wal_insert_lsn() END",
                 NULL, 0, err));
    incremental->chunk.high_lsn = pg_lsn(&rows, 0, 0);
    return true;
}

static bool chunk_read(PgIncremental *incremental, const PgTable *table, const char *columns, Err *err) {
    bool writes = incremental->signal_table != NULL;
    random_uuid(incremental->chunk.id);
    TRY(writes ? watermark(incremental, true, err) : low_watermark(incremental, err));
    CRASH_POINT("incremental.opened");
    TRY(rows_read(incremental, table, columns, err));
    TRY(writes ? watermark(incremental, false, err) : high_watermark(incremental, err));
    CRASH_POINT("incremental.closed");
    incremental->chunk.active = true;
    return true;
}

// *gone: the job cannot go on, `why` says why.
static bool chunk_begin(PgIncremental *incremental, const char **why, uint64_t lsn, Err *err) {
    PgSession *session = incremental->session;
    Chunk *chunk = &incremental->chunk;
    PgTable table = {0};
    bool found = false, empty = false;
    char *columns = NULL;
    if (incremental->sql.handle == NULL) {
        TRY(pg_session_connect(session, &incremental->sql, err));
    }
    TRY(pg_session_table(session, &chunk->arena, chunk->table->oid, &table, &found, err));
    if (!found) {
        *why = "SKIPPED";
        return true;
    }
    TRY(pg_snapshot_relation(session, &chunk->arena, chunk->table->leaves, &table, &chunk->relation, &columns, err));
    if (!keys_find(chunk, &incremental->jobs[0], &table) ||
        (incremental->max != NULL && incremental->key_count != chunk->key_count)) {
        *why = "NO_PRIMARY_KEY";
        return true;
    }
    if (incremental->max == NULL) {
        TRY(maximum_find(incremental, &table, &empty, err));
        *why = empty ? "EMPTY" : NULL;
    }
    return empty || chunk_read(incremental, &table, columns, err);
}

// --- the windows -----------------------------------------------------------------------------------------------

static bool progress_tell(PgIncremental *incremental, uint64_t lsn, Err *err) {
    const Job *job = &incremental->jobs[0];
    char chunks[24], total[24], total_chunks[24];
    if (incremental->notify == NULL) {
        return true;
    }
    uint64_t all = (incremental->total + (uint64_t)incremental->chunk_rows - 1) / (uint64_t)incremental->chunk_rows;
    snprintf(chunks, sizeof(chunks), "%" PRIu64, incremental->chunks);
    snprintf(total, sizeof(total), "%" PRIu64, incremental->total);
    snprintf(total_chunks, sizeof(total_chunks), "%" PRIu64, all);
    const PgNotifyPair pairs[] = {
        {"data_collections", job->table},        {"current_collection_in_progress", job->table},
        {"chunk_index", slice_of(chunks)},       {"last_processed_key", incremental->last[0]},
        {"maximum_key", incremental->max[0]},    {"total_rows", slice_of(total)},
        {"total_chunks", slice_of(total_chunks)}};
    return told(incremental, job->signal, "IN_PROGRESS", pairs, ARRAY_LEN(pairs), lsn, err);
}

// DDL came between: the rows have another shape than the changes around them.
static bool shape_holds(const PgStream *stream, const Chunk *chunk) {
    for (const PgLeaf *leaf = chunk->table->leaves; leaf != NULL; leaf = leaf->next) {
        const PgRelation *now = map_find_u64(&stream->relations, leaf->oid);
        if (now != NULL && !schema_equal(&now->schema, &chunk->relation.schema)) {
            return false;
        }
    }
    return true;
}

static bool rows_emit(PgIncremental *incremental, PgStream *stream, uint64_t lsn, uint64_t *ordinal, Err *err) {
    PgSession *session = incremental->session;
    Chunk *chunk = &incremental->chunk;
    for (size_t i = 0; i < chunk->row_count; i++) {
        if (chunk->rows[i] == NULL) {
            continue;
        }
        Event event = {.op = OP_READ,
                       .flags = EVENT_MARK_INCREMENTAL,
                       .column_count = chunk->relation.schema.column_count,
                       .commit_lsn = lsn,
                       .ordinal = ++*ordinal,
                       .lsn = lsn,
                       .source_us = chunk->read_us,
                       .capture_us = clock_wall_us(),
                       .after = chunk->rows[i]};
        TRY(pg_route_append(session->context, &chunk->relation.route, chunk->table->topic, &chunk->relation.schema,
                            &event, err));
        chunk->table->report.snapshot_rows++;
        stream->changes_uncut++;
    }
    return true;
}

static bool window_close(PgIncremental *incremental, PgStream *stream, uint64_t lsn, uint64_t *ordinal, Err *err) {
    Chunk *chunk = &incremental->chunk;
    stream->changes_uncut++; // the state is to be cut
    if (!shape_holds(stream, chunk)) {
        chunk_drop(chunk); // read again
        return true;
    }
    if (chunk->row_count == 0) {
        return completed(incremental, "SUCCEEDED", lsn, err);
    }
    TRY(rows_emit(incremental, stream, lsn, ordinal, err));
    incremental->scanned += chunk->row_count;
    incremental->chunks++;
    incremental->last = ARENA_ARRAY(&incremental->queue, Slice, chunk->key_count);
    for (size_t i = 0; i < chunk->key_count; i++) {
        incremental->last[i] = arena_slice(&incremental->queue, chunk->last[i]);
    }
    TRY(progress_tell(incremental, lsn, err));
    chunk_drop(chunk);
    return state_keep(incremental, err);
}

bool pg_incremental_watermark(PgIncremental *incremental, PgStream *stream, Slice id, Err *err) {
    Chunk *chunk = &incremental->chunk;
    size_t size = sizeof(chunk->id) - 1;
    if (!chunk->active || id.size <= size || memcmp(id.data, chunk->id, size) != 0) {
        return true; // of a run before this one
    }
    Slice which = {id.data + size, id.size - size};
    if (slice_is(which, "-open") && !chunk->open) {
        chunk->open = true;
        return true;
    }
    return window_close(incremental, stream, stream->commit_lsn, &stream->ordinal, err);
}

static bool in_window(const Chunk *chunk, uint32_t xid) {
    if (chunk->high_lsn == 0 || (int32_t)(xid - chunk->snapshot_end) >= 0) {
        return true;
    }
    for (size_t i = 0; i < chunk->snapshot_open_count; i++) {
        if (chunk->snapshot_open[i] == xid) {
            return true;
        }
    }
    return false;
}

static void row_drop(Chunk *chunk, const PgRelation *relation, const Value *row) {
    DEFER(buf_release) Buf key = {0};
    for (size_t i = 0; row != NULL && i < chunk->key_count; i++) {
        Slice name = chunk->relation.schema.columns[chunk->keys[i].place].name;
        int32_t place = schema_find_column(&relation->schema, name);
        if (place < 0) {
            return; // the shape has changed: the chunk is read again
        }
        value_encode(&key, &row[place]);
    }
    uintptr_t found = row != NULL ? (uintptr_t)map_find(&chunk->by_key, buf_slice(&key)) : 0;
    if (found > 0) {
        chunk->rows[found - 1] = NULL;
    }
}

void pg_incremental_change(PgIncremental *incremental, const PgRelation *relation, const Event *event) {
    Chunk *chunk = &incremental->chunk;
    if (!chunk->active || !chunk->open || relation->leaf->table != chunk->table ||
        !in_window(chunk, (uint32_t)event->transaction_id)) {
        return;
    }
    if (event->op == OP_TRUNCATE) {
        memset(chunk->rows, 0, chunk->row_count * sizeof(Value *));
        return;
    }
    row_drop(chunk, relation, event->before);
    row_drop(chunk, relation, event->after);
}

bool pg_incremental_turn(PgIncremental *incremental, PgStream *stream, Err *err) {
    Chunk *chunk = &incremental->chunk;
    uint64_t lsn = stream->boundary_lsn > 0 ? stream->boundary_lsn - 1 : 0;
    if (chunk->active && chunk->high_lsn > 0 && stream->boundary_lsn >= chunk->high_lsn) {
        return window_close(incremental, stream, lsn, &incremental->emitted, err);
    }
    if (chunk->active || !pg_incremental_active(incremental)) {
        return true;
    }
    *chunk = (Chunk){0};
    arena_init(&chunk->arena, "batch", 0);
    chunk->table = table_find(incremental->session, &chunk->arena, incremental->jobs[0].table);
    const char *why = chunk->table == NULL ? "SKIPPED" : NULL;
    if (chunk->table != NULL && pg_captured_state(chunk->table) != TABLE_STREAMING) {
        chunk_drop(chunk);
        return true; // it is being read as a whole; then it is its turn
    }
    if (why == NULL && !chunk_begin(incremental, &why, lsn, err)) {
        chunk_drop(chunk);
        return false;
    }
    stream->changes_uncut += why != NULL; // the state is to be cut
    return why == NULL || completed(incremental, why, lsn, err);
}
