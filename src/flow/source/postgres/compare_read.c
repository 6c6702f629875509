// SPDX-License-Identifier: Apache-2.0
// The rows of a comparison: COPY (FORMAT binary) as snapshot.c reads it, each row with its ctid in front. A row's place
// is u16 leaf, u32 page, u16 line: what the snapshot sees stays where it is as long as the reader's transaction, which
// locks the table against rewriting, is open.
#include "flow/source/postgres/compare_state.h"

#include "flow/source/postgres/snapshot.h"

#include <poll.h>

enum {
    WIRE_BUFFER_BYTES = 256 * KIB,
    START_TIMEOUT_MS = 60000,
    POLL_MS = 200,
    RANGE_PAGES = 8192, // 64 MiB of heap
    SAMPLE_PAGES = 64,  // read together of a sample
    ROWS_AT_ONCE = 2000,
    ROW_BYTES_MAX = 1024 * MIB,
};

typedef struct Reading { // one call of pg_compare_table
    Compare *compare;
    const SourceCompare *what;
    SourceCompareRow row;
    void *context;
    CompareReader *reader;
    CompareLeaf *leaf;
    Value *values; // of one row of that leaf
    Arena scratch; // one row
    Arena run;
    bool header_seen;
} Reading;

// --- readers ---------------------------------------------------------------------------------------------------

static bool reader_get(Reading *reading, Err *err) {
    Compare *compare = reading->compare;
    pthread_mutex_lock(&compare->mutex);
    CompareReader *reader = compare->free;
    compare->free = reader != NULL ? reader->next : NULL;
    pthread_mutex_unlock(&compare->mutex);
    if (reader == NULL) {
        reader = calloc(1, sizeof(*reader));
        ASSERT(reader != NULL);
        bool ok = pg_conn_open(&reader->conn, compare->read_url, PG_CONN_SQL, err) &&
                  pg_snapshot_use(&reader->conn, compare->held, err) &&
                  pg_wire_open(&reader->wire, &reader->conn, WIRE_BUFFER_BYTES, ROW_BYTES_MAX, err);
        if (!ok) {
            pg_wire_close(&reader->wire);
            pg_conn_close(&reader->conn);
            free(reader);
            return false;
        }
    }
    reading->reader = reader;
    return true;
}

// One that failed may be in the middle of anything.
static void reader_put(Reading *reading, bool ok) {
    Compare *compare = reading->compare;
    CompareReader *reader = reading->reader;
    if (!ok) {
        pg_wire_close(&reader->wire);
        pg_conn_close(&reader->conn);
        free(reader);
        return;
    }
    pthread_mutex_lock(&compare->mutex);
    reader->next = compare->free;
    compare->free = reader;
    pthread_mutex_unlock(&compare->mutex);
}

// --- leaves ----------------------------------------------------------------------------------------------------

static bool leaf_prepare(Compare *compare, CompareLeaf *leaf, Err *err) {
    pthread_mutex_lock(&compare->mutex);
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    bool ok = leaf->prepared || pg_snapshot_relation(&compare->session, &scratch, &leaf->leaf, leaf->table,
                                                     &leaf->relation, &leaf->columns, err);
    leaf->prepared |= ok;
    arena_release(&scratch);
    pthread_mutex_unlock(&compare->mutex);
    return ok;
}

// TRUNCATE, and ALTER TABLE that writes the table anew, leave nothing for the snapshot to see. The transaction that has
// read it locks it, so this can be asked behind the reading.
static bool leaf_intact(Reading *reading, Err *err) {
    if (reading->leaf->leaf.kind != 'r') {
        return true;
    }
    Compare *compare = reading->compare;
    DEFER(pg_rows_release) PgRows rows = {0};
    char oid[16];
    const char *params[] = {oid};
    snprintf(oid, sizeof(oid), "%u", reading->leaf->leaf.oid);
    pthread_mutex_lock(&compare->mutex);
    bool ok = pg_query(&compare->session.sql, &rows,
                       "SELECT relfilenode = pg_catalog.pg_relation_filenode(oid) FROM pg_catalog.pg_class WHERE oid = "
                       "$1::oid",
                       params, 1, err);
    pthread_mutex_unlock(&compare->mutex);
    TRY(ok);
    if (rows.count == 1 && pg_bool(&rows, 0, 0)) {
        return true;
    }
    FAIL(err, ERR_CHANGED, "table %s was emptied or written anew by a TRUNCATE or ALTER TABLE while it was compared",
         reading->leaf->leaf.table->topic);
    return err_hint(err, "compare again");
}

// --- rows ------------------------------------------------------------------------------------------------------

static bool row_decode(Reading *reading, Reader *bytes, Err *err) {
    const PgRelation *relation = &reading->leaf->relation;
    for (uint16_t i = 0; i < relation->field_count; i++) {
        int32_t size = read_i32be(bytes);
        Value *value = &reading->values[relation->places[i]];
        if (size < 0) {
            *value = (Value){.kind = VALUE_NULL};
            continue;
        }
        const PgCodec *codec = relation->codecs[i];
        Slice field = read_bytes(bytes, (size_t)size);
        if (UNLIKELY(bytes->bad)) {
            return FAIL(err, ERR_SOURCE_PROTOCOL, "table %s: a row ends in its column %u",
                        reading->leaf->leaf.table->topic, i + 1);
        }
        PgDecode decode = codec->binary != NULL ? codec->binary : codec->text;
        if (UNLIKELY(!decode(codec, field, &reading->scratch, value, err))) {
            return err_prefix(err, "table %s, column %.*s", reading->leaf->leaf.table->topic,
                              SLICE_ARG(relation->columns[i].name));
        }
    }
    return true;
}

static uint64_t place_read(const Reading *reading, Reader *bytes) {
    uint64_t place = (uint64_t)reading->leaf->number << 48;
    if (reading->leaf->leaf.kind == 'r') {
        read_u32be(bytes); // its size
        uint64_t page = read_u32be(bytes);
        place |= page << 16 | read_u16be(bytes);
    }
    return place;
}

static bool row_take(Reading *reading, Reader *bytes, Err *err) {
    const SourceMoment *moment = &reading->compare->moment;
    arena_reset(&reading->scratch);
    Event event = {.op = OP_READ,
                   .commit_lsn = moment->commit_lsn - 1,
                   .lsn = moment->commit_lsn - 1,
                   .ordinal = place_read(reading, bytes),
                   .source_us = moment->taken_us,
                   .capture_us = moment->taken_us,
                   .offset_span = 1,
                   .column_count = reading->leaf->relation.schema.column_count,
                   .after = reading->values};
    TRY(row_decode(reading, bytes, err));
    return reading->row(reading->context, &reading->leaf->relation.schema, &event, err);
}

static bool header_read(Reading *reading, Reader *bytes, Err *err) {
    static const char SIGNATURE[] = "PGCOPY\n\377\r\n"; // with its NUL, 11 bytes
    Slice signature = read_bytes(bytes, sizeof(SIGNATURE));
    read_u32be(bytes); // flags
    read_bytes(bytes, read_u32be(bytes));
    reading->header_seen = true;
    return (!bytes->bad && memcmp(signature.data, SIGNATURE, sizeof(SIGNATURE)) == 0) ||
           FAIL(err, ERR_SOURCE_PROTOCOL, "table %s: COPY sent no binary header", reading->leaf->leaf.table->topic);
}

// One CopyData message: whole rows, the first with the file's header in front, the last the trailer.
static bool copy_apply(Reading *reading, Slice body, Err *err) {
    Reader bytes = reader_of(body);
    int columns = reading->leaf->relation.field_count + (reading->leaf->leaf.kind == 'r' ? 1 : 0);
    TRY(reading->header_seen || header_read(reading, &bytes, err));
    while (reader_left(&bytes) > 0) {
        int16_t count = read_i16be(&bytes);
        if (count == -1) {
            return true;
        }
        if (count != columns) {
            return FAIL(err, ERR_SOURCE_PROTOCOL, "table %s: COPY sent a row of %d columns, %d were asked for",
                        reading->leaf->leaf.table->topic, count, columns);
        }
        TRY(row_take(reading, &bytes, err));
        if (bytes.bad) {
            return FAIL(err, ERR_SOURCE_PROTOCOL, "table %s: COPY sent half a row", reading->leaf->leaf.table->topic);
        }
    }
    return true;
}

static bool copy_wait(Reading *reading, Err *err) {
    PgWire *wire = &reading->reader->wire;
    size_t received = 0;
    TRY(pg_wire_receive(wire, &received, err));
    if (received > 0) {
        throttle_take(reading->what->throttle, received);
        return true;
    }
    if (*reading->compare->stop) {
        return FAIL(err, ERR_INTERRUPTED, "stopped");
    }
    if (!pg_wire_tls_pending(wire)) {
        struct pollfd fd = {.fd = wire->fd, .events = POLLIN};
        (void)poll(&fd, 1, POLL_MS);
    }
    return true;
}

static bool copy_run(Reading *reading, const char *statement, Err *err) {
    PgWire *wire = &reading->reader->wire;
    reading->header_seen = false;
    TRY(pg_wire_start(wire, statement, START_TIMEOUT_MS, err));
    for (;;) {
        Slice body;
        switch (pg_wire_next(wire, &body, err)) {
        case PG_WIRE_DATA:
            TRY(copy_apply(reading, body, err));
            break;
        case PG_WIRE_EMPTY:
            TRY(copy_wait(reading, err));
            break;
        case PG_WIRE_DONE:
            return pg_wire_finish(wire, START_TIMEOUT_MS, err);
        case PG_WIRE_ERROR:
            return false;
        }
        if (*reading->compare->stop) {
            return FAIL(err, ERR_INTERRUPTED, "stopped");
        }
    }
}

// --- what to read ----------------------------------------------------------------------------------------------

static bool where_read(Reading *reading, const char *where, Err *err) {
    const CompareLeaf *leaf = reading->leaf;
    bool heap = leaf->leaf.kind == 'r';
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    const char *place = heap ? leaf->columns[0] != '\0' ? "ctid, " : "ctid" : "";
    const char *statement = arena_printf(&arena, "COPY (SELECT %s%s FROM %s%s.%s%s) TO STDOUT (FORMAT binary)", place,
                                         leaf->columns, heap ? "ONLY " : "", pg_identifier(&arena, leaf->table->space),
                                         pg_identifier(&arena, leaf->table->name), where);
    return copy_run(reading, statement, err) || err_prefix(err, "table %s", leaf->leaf.table->topic);
}

static bool pages_read(Reading *reading, uint32_t from, uint32_t count, bool last, Err *err) {
    char where[128];
    int size = snprintf(where, sizeof(where), " WHERE ctid >= '(%u,0)'::pg_catalog.tid", from);
    if (!last) { // open-ended: the table may have grown since its pages were counted
        snprintf(where + size, sizeof(where) - (size_t)size, " AND ctid < '(%u,0)'::pg_catalog.tid", from + count);
    }
    return where_read(reading, where, err);
}

// Every so many groups of pages, spread by their numbers.
static bool sampled(uint32_t group, uint32_t one_in) {
    return one_in <= 1 || (uint32_t)(group * UINT32_C(2654435761)) % one_in == 0;
}

static bool leaf_read(Reading *reading, uint32_t *turn, Err *err) {
    const SourceCompare *what = reading->what;
    const PgLeaf *leaf = &reading->leaf->leaf;
    uint32_t parts = MAX(what->parts, 1), pages = what->sample > 1 ? SAMPLE_PAGES : RANGE_PAGES;
    uint32_t count = leaf->kind == 'r' ? (uint32_t)((leaf->pages + pages - 1) / pages) : 1;
    if (count <= 1) {
        return (*turn)++ % parts != what->part || (where_read(reading, "", err) && leaf_intact(reading, err));
    }
    for (uint32_t i = 0; i < count; i++) {
        if (sampled(i, what->sample) && (*turn)++ % parts == what->part) {
            TRY(pages_read(reading, i * pages, pages, i + 1 == count, err));
        }
    }
    return leaf_intact(reading, err);
}

static bool rows_read(Reading *reading, Err *err) {
    const SourceCompare *what = reading->what;
    DEFER(buf_release) Buf where = {0};
    size_t held = 0;
    for (size_t i = 0; i < what->row_count; i++) {
        uint64_t place = what->rows[i];
        if (place >> 48 != reading->leaf->number) {
            continue;
        }
        buf_printf(&where, "%s\"(%u,%u)\"", held++ == 0 ? " WHERE ctid = ANY ('{" : ",", (uint32_t)(place >> 16),
                   (unsigned)(place & UINT16_MAX));
        if (held == ROWS_AT_ONCE) {
            buf_bytes(&where, "}'::pg_catalog.tid[])", sizeof("}'::pg_catalog.tid[])"));
            TRY(where_read(reading, (const char *)where.data, err));
            buf_reset(&where);
            held = 0;
        }
    }
    if (held > 0) {
        buf_bytes(&where, "}'::pg_catalog.tid[])", sizeof("}'::pg_catalog.tid[])"));
        TRY(where_read(reading, (const char *)where.data, err));
    }
    return true;
}

static bool table_read(Reading *reading, const CompareTable *table, Err *err) {
    uint32_t turn = 0;
    for (CompareLeaf *leaf = table->leaves; leaf != NULL; leaf = leaf->next) {
        reading->leaf = leaf;
        TRY(leaf_prepare(reading->compare, leaf, err));
        arena_reset(&reading->run);
        reading->values = ARENA_ARRAY(&reading->run, Value, leaf->relation.field_count + 1U);
        if (reading->what->schema != NULL) {
            *reading->what->schema = &leaf->relation.schema;
        }
        TRY(reading->what->rows != NULL ? rows_read(reading, err) : leaf_read(reading, &turn, err));
    }
    return true;
}

bool pg_compare_table(void *state, Slice topic, const SourceCompare *what, SourceCompareRow row, void *context,
                      Err *err) {
    Compare *compare = state;
    const CompareTable *table = NULL;
    for (size_t i = 0; i < compare->table_count && table == NULL; i++) {
        table = slice_is(topic, compare->tables[i].captured.topic) ? &compare->tables[i] : NULL;
    }
    if (table == NULL) {
        return FAIL(err, ERR_NOT_FOUND, "the source has no table %.*s", SLICE_ARG(topic));
    }
    Reading reading = {.compare = compare, .what = what, .row = row, .context = context};
    TRY(reader_get(&reading, err));
    arena_init(&reading.scratch, "batch", 0);
    arena_init(&reading.run, "run", 0);
    bool ok = table_read(&reading, table, err);
    arena_release(&reading.scratch);
    arena_release(&reading.run);
    reader_put(&reading, ok);
    return ok;
}
