// SPDX-License-Identifier: Apache-2.0
// State records, by key: "table/OID": u8 version, u8 truncate, u8 resync, u8 view, sized space, sized name.
//                        "seen/TOPIC": u8 version; the topic has rows from a table of that name, now or earlier.
//                        "quarantine/OID": u8 version, sized reason, v lsn (since 1.0; it may be missing). Of a table
//                        whose leaves are QUARANTINED.
//                        "leaf/OID":  u8 version, v table's OID, u8 state, v lsn, u8 identity, sized shape.
// A shape: for each column that is not generated, v attnum, v type's OID, u32 typmod, sized name.
#include "flow/source/postgres/capture.h"

#include "core/base/log.h"
#include "core/config/pattern.h"

enum { RECORD_VERSION = 1 };
enum { OID_VARCHAR = 1043, OID_TIMESTAMP = 1114, OID_TIMESTAMPTZ = 1184, OID_VARBIT = 1562, OID_NUMERIC = 1700 };

// --- the records -----------------------------------------------------------------------------------------------

static Slice record_key(char key[32], const char *kind, uint32_t oid) {
    int size = snprintf(key, 32, "%s/%u", kind, oid);
    return (Slice){(const uint8_t *)key, (size_t)size};
}

void pg_capture_put(PgCapture *capture, const PgCaptured *table) {
    DEFER(buf_release) Buf record = {0};
    char key[32];
    buf_u8(&record, RECORD_VERSION);
    buf_u8(&record, table->truncate);
    buf_u8(&record, table->resync);
    buf_u8(&record, table->view);
    buf_slice_sized(&record, slice_of(table->space));
    buf_slice_sized(&record, slice_of(table->name));
    journal_state_put(capture->journal, record_key(key, "table", table->oid), buf_slice(&record));
}

static void leaf_put(PgCapture *capture, const PgLeaf *leaf) {
    DEFER(buf_release) Buf record = {0};
    char key[32];
    buf_u8(&record, RECORD_VERSION);
    buf_varint(&record, leaf->table->oid);
    buf_u8(&record, (uint8_t)leaf->state);
    buf_varint(&record, leaf->lsn);
    buf_u8(&record, leaf->identity);
    buf_slice_sized(&record, buf_slice(&leaf->shape));
    journal_state_put(capture->journal, record_key(key, "leaf", leaf->oid), buf_slice(&record));
}

static void record_remove(PgCapture *capture, const char *kind, uint32_t oid) {
    char key[32];
    journal_state_put(capture->journal, record_key(key, kind, oid), (Slice){NULL, 0});
}

// Marks the topic as used; true when it was before.
static bool topic_seen(PgCapture *capture, const char *topic) {
    DEFER(buf_release) Buf key = {0};
    buf_printf(&key, "seen/%s", topic);
    bool seen = journal_state_get(capture->journal, buf_slice(&key)).size > 0;
    journal_state_put(capture->journal, buf_slice(&key), (Slice){(const uint8_t[]){RECORD_VERSION}, 1});
    return seen;
}

// --- tables and leaves -----------------------------------------------------------------------------------------

static char *text_new(Slice slice) {
    char *text = strndup((const char *)slice.data, slice.size);
    ASSERT(text != NULL);
    return text;
}

// "space.name", told apart for any two tables: "a.b"."c" is a%2Eb.c, since a.b.c is "a"."b.c".
char *pg_capture_topic(Arena *arena, Slice space, Slice name) {
    Buf topic = {0};
    for (size_t i = 0; i < space.size; i++) {
        if (space.data[i] == '.' || space.data[i] == '%') {
            buf_printf(&topic, "%%%02X", space.data[i]);
        } else {
            buf_u8(&topic, space.data[i]);
        }
    }
    buf_u8(&topic, '.');
    buf_put(&topic, name);
    char *text = arena != NULL ? arena_text(arena, buf_slice(&topic)) : text_new(buf_slice(&topic));
    buf_release(&topic);
    return text;
}

static void table_name_set(PgCaptured *table, Slice space, Slice name) {
    free(table->space);
    free(table->name);
    free(table->topic);
    table->space = text_new(space);
    table->name = text_new(name);
    table->topic = pg_capture_topic(NULL, space, name);
    table->report.name = table->topic;
}

static PgCaptured *table_add(PgCapture *capture, uint32_t oid, Slice space, Slice name) {
    PgCaptured *table = calloc(1, sizeof(*table));
    if (capture->table_count == capture->table_capacity) {
        capture->table_capacity = MAX(capture->table_capacity * 2, (size_t)16);
        capture->tables = realloc(capture->tables, capture->table_capacity * sizeof(*capture->tables));
    }
    ASSERT(table != NULL && capture->tables != NULL);
    table->oid = oid;
    table->report = (TableReport){.rows_expected = -1};
    table_name_set(table, space, name);
    capture->tables[capture->table_count++] = table;
    map_put_u64(&capture->by_oid, oid, table);
    return table;
}

static bool is_held(const PgLeaf *leaf) {
    return leaf->state != PG_LEAF_STREAMING && leaf->state != PG_LEAF_QUARANTINED;
}

static void counts_leave(PgCapture *capture, const PgLeaf *leaf) {
    capture->held -= is_held(leaf);
    capture->pending -= leaf->state == PG_LEAF_PENDING;
}

static void counts_enter(PgCapture *capture, const PgLeaf *leaf) {
    capture->held += is_held(leaf);
    capture->pending += leaf->state == PG_LEAF_PENDING;
}

static PgLeaf *leaf_add(PgCapture *capture, PgCaptured *table, uint32_t oid, PgLeafState state, uint64_t lsn) {
    PgLeaf *leaf = calloc(1, sizeof(*leaf));
    ASSERT(leaf != NULL);
    *leaf = (PgLeaf){.oid = oid, .table = table, .state = state, .lsn = lsn, .next = table->leaves};
    table->leaves = leaf;
    map_put_u64(&capture->by_leaf, oid, leaf);
    counts_enter(capture, leaf);
    return leaf;
}

static void leaf_free(PgLeaf *leaf) {
    buf_release(&leaf->shape);
    free(leaf);
}

static void leaf_remove(PgCapture *capture, PgLeaf *leaf) {
    PgLeaf **link = &leaf->table->leaves;
    while (*link != leaf) {
        link = &(*link)->next;
    }
    *link = leaf->next;
    counts_leave(capture, leaf);
    map_remove_u64(&capture->by_leaf, leaf->oid);
    record_remove(capture, "leaf", leaf->oid);
    leaf_free(leaf);
}

static void table_free(PgCaptured *table) {
    free(table->space);
    free(table->name);
    free(table->topic);
    free(table->reason);
    free(table);
}

static void reason_set(PgCapture *capture, PgCaptured *table, Slice reason, uint64_t lsn) {
    if (table->reason == NULL && reason.size == 0) {
        return;
    }
    free(table->reason);
    table->reason = reason.size > 0 ? text_new(reason) : NULL;
    table->report.reason = table->reason;
    table->report.lsn = lsn;
    if (reason.size == 0) {
        record_remove(capture, "quarantine", table->oid);
        return;
    }
    DEFER(buf_release) Buf record = {0};
    char key[32];
    buf_u8(&record, RECORD_VERSION);
    buf_slice_sized(&record, reason);
    buf_varint(&record, lsn);
    journal_state_put(capture->journal, record_key(key, "quarantine", table->oid), buf_slice(&record));
}

static void table_remove(PgCapture *capture, size_t index) {
    PgCaptured *table = capture->tables[index];
    while (table->leaves != NULL) {
        leaf_remove(capture, table->leaves);
    }
    map_remove_u64(&capture->by_oid, table->oid);
    record_remove(capture, "table", table->oid);
    reason_set(capture, table, (Slice){NULL, 0}, 0);
    capture->tables[index] = capture->tables[--capture->table_count];
    table_free(table);
}

void pg_capture_release(PgCapture *capture) {
    for (size_t i = 0; i < capture->table_count; i++) {
        while (capture->tables[i]->leaves != NULL) {
            PgLeaf *leaf = capture->tables[i]->leaves;
            capture->tables[i]->leaves = leaf->next;
            leaf_free(leaf);
        }
        table_free(capture->tables[i]);
    }
    free(capture->tables);
    map_release(&capture->by_oid);
    map_release(&capture->by_leaf);
    *capture = (PgCapture){0};
}

PgLeaf *pg_capture_find_leaf(const PgCapture *capture, uint32_t oid) {
    return map_find_u64(&capture->by_leaf, oid);
}

void pg_capture_set(PgCapture *capture, PgLeaf *leaf, PgLeafState state, uint64_t lsn) {
    counts_leave(capture, leaf);
    leaf->state = state;
    leaf->lsn = lsn;
    counts_enter(capture, leaf);
    leaf_put(capture, leaf);
}

void pg_capture_quarantine(PgCapture *capture, PgCaptured *table, const char *reason, uint64_t lsn) {
    reason_set(capture, table, slice_of(reason), lsn);
    table->truncate = true;
    table->resync = false;
    pg_capture_put(capture, table);
    for (PgLeaf *leaf = table->leaves; leaf != NULL; leaf = leaf->next) {
        pg_capture_set(capture, leaf, PG_LEAF_QUARANTINED, leaf->lsn);
    }
}

void pg_capture_resync(PgCapture *capture, PgCaptured *table) {
    table->truncate = true;
    table->resync = false;
    reason_set(capture, table, (Slice){NULL, 0}, 0);
    pg_capture_put(capture, table);
    for (PgLeaf *leaf = table->leaves; leaf != NULL; leaf = leaf->next) {
        pg_capture_set(capture, leaf, PG_LEAF_PENDING, leaf->lsn);
    }
}

void pg_capture_resync_soon(PgCapture *capture, PgCaptured *table) {
    table->resync = true;
    pg_capture_put(capture, table);
}

TableState pg_captured_state(const PgCaptured *table) {
    TableState state = TABLE_STREAMING;
    for (const PgLeaf *leaf = table->leaves; leaf != NULL; leaf = leaf->next) {
        if (leaf->state == PG_LEAF_READING || leaf->state == PG_LEAF_READ) {
            return TABLE_SNAPSHOT;
        }
        if (leaf->state == PG_LEAF_PENDING) {
            state = TABLE_PENDING;
        } else if (leaf->state == PG_LEAF_QUARANTINED) {
            return TABLE_QUARANTINED;
        }
    }
    return state;
}

// --- load ------------------------------------------------------------------------------------------------------

PgLeafState pg_leaf_record_state(Slice record) {
    Reader reader = reader_of(record);
    uint8_t version = read_u8(&reader);
    read_varint(&reader); // the table
    uint8_t state = read_u8(&reader);
    return version != RECORD_VERSION || reader.bad ? PG_LEAF_STREAMING : (PgLeafState)state;
}

typedef struct Load {
    PgCapture *capture;
    bool leaves; // second pass
    bool bad;
} Load;

static void load_record(void *context, Slice key, Slice value) {
    Load *load = context;
    bool is_table = key.size > 6 && memcmp(key.data, "table/", 6) == 0;
    bool is_leaf = key.size > 5 && memcmp(key.data, "leaf/", 5) == 0;
    if (!(load->leaves ? is_leaf : is_table)) {
        return;
    }
    char digits[32] = {0};
    Slice number = slice_from(key, is_leaf ? 5 : 6);
    memcpy(digits, number.data, MIN(number.size, sizeof(digits) - 1));
    uint32_t oid = (uint32_t)strtoul(digits, NULL, 10);
    Reader reader = reader_of(value);
    if (read_u8(&reader) != RECORD_VERSION) {
        load->bad = true;
        return;
    }
    if (is_table) {
        bool truncate = read_u8(&reader) != 0, resync = read_u8(&reader) != 0, view = read_u8(&reader) != 0;
        Slice space = read_slice(&reader), name = read_slice(&reader);
        PgCaptured *table = table_add(load->capture, oid, space, name);
        table->truncate = truncate;
        table->resync = resync;
        table->view = view;
    } else {
        PgCaptured *table = map_find_u64(&load->capture->by_oid, read_varint(&reader));
        PgLeafState state = (PgLeafState)read_u8(&reader);
        uint64_t lsn = read_varint(&reader);
        bool identity = read_u8(&reader) != 0;
        Slice shape = read_slice(&reader);
        if (table == NULL || state > PG_LEAF_QUARANTINED) {
            load->bad = true;
            return;
        }
        PgLeaf *leaf = leaf_add(load->capture, table, oid, state, lsn);
        leaf->identity = identity;
        buf_put(&leaf->shape, shape);
    }
    load->bad |= !reader_done(&reader);
}

static void reason_load(PgCapture *capture, PgCaptured *table) {
    char key[32];
    Reader reader = reader_of(journal_state_get(capture->journal, record_key(key, "quarantine", table->oid)));
    if (reader_left(&reader) > 0 && read_u8(&reader) == RECORD_VERSION) {
        table->reason = text_new(read_slice(&reader));
        table->report.reason = table->reason;
        table->report.lsn = reader_left(&reader) > 0 ? read_varint(&reader) : 0;
    }
}

bool pg_capture_load(PgCapture *capture, Journal *journal, Err *err) {
    *capture = (PgCapture){.journal = journal};
    Load load = {capture, false, false};
    journal_state_each(journal, load_record, &load);
    load.leaves = true;
    journal_state_each(journal, load_record, &load);
    if (load.bad) {
        return FAIL(err, ERR_STATE_CORRUPT, "the journal's record of the captured tables cannot be read");
    }
    for (size_t i = 0; i < capture->table_count; i++) {
        PgCaptured *table = capture->tables[i];
        reason_load(capture, table);
        bool lost = false;
        for (PgLeaf *leaf = table->leaves; leaf != NULL; leaf = leaf->next) {
            lost |= leaf->state == PG_LEAF_READING;
        }
        if (lost) {
            log_info(LOG_SOURCE, "the snapshot was lost half-way: the table is read again",
                     LOG_TEXT("table", table->topic));
        }
        if (lost || table->resync) {
            pg_capture_resync(capture, table);
        }
    }
    return true;
}

// --- refresh ---------------------------------------------------------------------------------------------------

bool pg_capture_identity(const PgTable *table) {
    return table->identity != IDENTITY_NOTHING;
}

// What a leaf without identity went through was published in part only: with one, its table starts anew.
static void leaf_identity(PgCapture *capture, PgLeaf *leaf, bool fresh, bool identity) {
    if (leaf->identity == identity && !fresh) {
        return;
    }
    leaf->identity = identity;
    leaf_put(capture, leaf);
    if (identity && !fresh && !capture->as_it_comes) {
        log_info(LOG_SOURCE, "a table has got a replica identity: it is read again",
                 LOG_TEXT("table", leaf->table->topic));
        pg_capture_resync(capture, leaf->table);
    }
}

static void shape_write(Buf *shape, const PgTable *table) {
    buf_reset(shape);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const PgColumn *column = &table->columns[i];
        if (!column->generated) {
            buf_varint(shape, (uint64_t)column->attnum);
            buf_varint(shape, column->type_oid);
            buf_u32le(shape, (uint32_t)column->typmod);
            buf_slice_sized(shape, column->name);
        }
    }
}

// Length limits, and digits that grow, leave the values as they are.
static bool typmod_rewrites(uint32_t type_oid, int32_t was, int32_t is) {
    switch (type_oid) {
    case OID_VARCHAR:
    case OID_VARBIT:
        return false;
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ:
        return is != -1 && (was == -1 || is < was);
    case OID_NUMERIC:
        return is != -1 && (was == -1 || ((is ^ was) & 0x7ff) != 0); // the scale
    default:
        return is != was;
    }
}

// Did rows that are there already get another value, without a word in the change stream? Then the column was renamed,
// got another type, was dropped and made again under its name, or came with a default.
static bool column_rewrote(Slice shape, const PgColumn *column) {
    bool known = false, replaced = false;
    Reader reader = reader_of(shape);
    while (reader_left(&reader) > 0) {
        uint64_t attnum = read_varint(&reader), type_oid = read_varint(&reader);
        int32_t typmod = (int32_t)read_u32le(&reader);
        Slice name = read_slice(&reader);
        if (attnum == (uint64_t)column->attnum) {
            known = true;
            replaced |= type_oid != column->type_oid || !slice_equal(name, column->name) ||
                        typmod_rewrites(column->type_oid, typmod, column->typmod);
        } else {
            replaced |= slice_equal(name, column->name);
        }
    }
    return replaced || (!known && column->has_default);
}

// A column's number never changes and never comes again, so it tells a rename from a drop: names alone do not.
static void leaf_shape(PgCapture *capture, PgLeaf *leaf, bool fresh, const PgTable *table) {
    DEFER(buf_release) Buf shape = {0};
    shape_write(&shape, table);
    if (slice_equal(buf_slice(&shape), buf_slice(&leaf->shape))) {
        return;
    }
    bool rewrote = false;
    for (uint32_t i = 0; i < table->column_count; i++) {
        rewrote |= !table->columns[i].generated && column_rewrote(buf_slice(&leaf->shape), &table->columns[i]);
    }
    buf_reset(&leaf->shape);
    buf_put(&leaf->shape, buf_slice(&shape));
    leaf_put(capture, leaf);
    if (rewrote && !fresh && !capture->as_it_comes) {
        log_info(LOG_SOURCE, "a change of the table's columns changed its rows: it is read again",
                 LOG_TEXT("table", leaf->table->topic));
        pg_capture_resync(capture, leaf->table);
    }
}

// A leaf that is gone took its rows with it, without a word in the change stream.
static bool leaf_vanished(PgCapture *capture, PgLeaf *leaf, const char *detach, PgCaptureChange *change, Err *err) {
    PgCaptured *table = leaf->table;
    snprintf(change->vanished, sizeof(change->vanished), "%s", table->topic);
    change->tables = true;
    if (strcmp(detach, "stop") == 0) {
        FAIL(err, ERR_TABLE,
             "table %s has lost a partition (relation %u): its rows left without a trace in the changes", table->topic,
             leaf->oid);
        return err_hint(
            err, "run again with --set partition.detach=resync to read the table again, or =keep to keep the rows");
    }
    leaf_remove(capture, leaf);
    if (strcmp(detach, "keep") != 0) {
        log_warn(LOG_SOURCE, "a table has lost a partition: it is read again", LOG_TEXT("table", table->topic));
        pg_capture_resync(capture, table);
    }
    return true;
}

static bool refresh_table(PgCapture *capture, const PgTable *found, const char *detach, PgLeafState fresh,
                          uint64_t fresh_lsn, PgCaptureChange *change, Err *err) {
    PgCaptured *table = map_find_u64(&capture->by_oid, found->root_oid);
    if (table == NULL) {
        table = table_add(capture, found->root_oid, found->root_space, found->root_name);
        table->view = found->kind == 'v' || found->kind == 'm' || found->kind == 'f';
        table->fresh = !topic_seen(capture, table->topic);
        table->truncate = !table->fresh && fresh == PG_LEAF_PENDING;
        pg_capture_put(capture, table);
        change->tables = true;
    } else if (!slice_is(found->root_space, table->space) || !slice_is(found->root_name, table->name)) {
        log_info(LOG_SOURCE, "a table was renamed: it starts anew under its new name", LOG_TEXT("from", table->topic),
                 LOG_SLICE("to", found->root_name));
        table_name_set(table, found->root_space, found->root_name);
        if (capture->as_it_comes) {
            pg_capture_put(capture, table);
        } else {
            pg_capture_resync(capture, table);
        }
        topic_seen(capture, table->topic);
    }
    table->seen = true;
    if (found->kind == 'p') {
        return true; // the root itself holds no rows
    }
    PgLeaf *leaf = pg_capture_find_leaf(capture, found->oid);
    if (leaf != NULL && leaf->table != table) { // attached to a root, or detached from one, which keeps other leaves
        if (leaf->table->oid == leaf->oid) {
            leaf_remove(capture, leaf);
        } else {
            TRY(leaf_vanished(capture, leaf, detach, change, err));
        }
        leaf = NULL;
    }
    bool new = leaf == NULL;
    if (new) {
        leaf = leaf_add(capture, table, found->oid, table->view ? PG_LEAF_PENDING : fresh, fresh_lsn);
        change->tables = true;
    }
    leaf_identity(capture, leaf, new, pg_capture_identity(found));
    leaf_shape(capture, leaf, new, found);
    leaf->seen = true;
    leaf->pages = found->pages;
    leaf->kind = found->kind;
    leaf->rows = found->rows;
    leaf->bytes = found->bytes;
    return true;
}

bool pg_capture_adopt(PgCapture *capture, const PgTable *table, PgLeaf **leaf, Err *err) {
    PgCaptureChange ignored = {0};
    TRY(refresh_table(capture, table, "keep", PG_LEAF_STREAMING, 0, &ignored, err));
    *leaf = pg_capture_find_leaf(capture, table->oid);
    return true;
}

static void expectations_sum(PgCaptured *table) {
    table->report.rows_expected = 0;
    table->report.bytes_expected = 0;
    for (const PgLeaf *leaf = table->leaves; leaf != NULL; leaf = leaf->next) {
        table->report.rows_expected =
            leaf->rows < 0 || table->report.rows_expected < 0 ? -1 : table->report.rows_expected + leaf->rows;
        table->report.bytes_expected += leaf->bytes;
    }
}

bool pg_capture_refresh(PgCapture *capture, const PgTables *tables, const char *detach, PgLeafState fresh,
                        uint64_t fresh_lsn, PgCaptureChange *change, Err *err) {
    *change = (PgCaptureChange){0};
    for (size_t i = 0; i < capture->table_count; i++) {
        capture->tables[i]->seen = false;
        for (PgLeaf *leaf = capture->tables[i]->leaves; leaf != NULL; leaf = leaf->next) {
            leaf->seen = false;
        }
    }
    for (size_t i = 0; i < tables->count; i++) {
        TRY(refresh_table(capture, &tables->at[i], detach, fresh, fresh_lsn, change, err));
    }
    for (size_t i = 0; i < capture->table_count;) {
        PgCaptured *table = capture->tables[i];
        if (!table->seen) {
            log_info(LOG_SOURCE, "a table is gone, or no longer wanted", LOG_TEXT("table", table->topic));
            table_remove(capture, i);
            change->tables = true;
            continue;
        }
        for (PgLeaf *leaf = table->leaves, *next; leaf != NULL; leaf = next) {
            next = leaf->next;
            if (!leaf->seen) {
                TRY(leaf_vanished(capture, leaf, detach, change, err));
            }
        }
        expectations_sum(table);
        i++;
    }
    return true;
}

// --- patterns --------------------------------------------------------------------------------------------------

bool pg_pattern_matches(const char *patterns, const char *space, const char *name) {
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    Err err[1] = {{0}};
    Patterns parsed;
    return patterns != NULL && patterns[0] != '\0' && patterns_parse(&arena, patterns, "tables", &parsed, err) &&
           patterns_match(&parsed, slice_of(space), slice_of(name), false);
}
