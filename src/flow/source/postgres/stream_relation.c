// SPDX-License-Identifier: Apache-2.0
// The relations that a change stream describes: bound to what is captured, and put aside where they cannot be.
#include "flow/source/postgres/connector.h"
#include "flow/source/postgres/stream.h"

#include "core/sys/crash.h"

// --- relations -------------------------------------------------------------------------------------------------

static void relation_free(PgRelation *relation) {
    if (relation != NULL) {
        pg_relation_release(relation);
        free(relation);
    }
}

// The table of that relation, as the catalog has it now, which may be later than the stream.
static bool relation_catalog(PgStream *stream, uint32_t oid, PgTable *table, bool *found, PgTable *root,
                             bool *root_found, Err *err) {
    PgSession *session = stream->session;
    *root_found = false;
    TRY(pg_session_table(session, &stream->scratch, oid, table, found, err));
    if (*found && table->root_oid != oid) {
        TRY(pg_session_table(session, &stream->scratch, table->root_oid, root, root_found, err));
    }
    return true;
}

// A table that the session does not know yet, or knows by another name: the catalog is looked at again at the boundary.
static void relation_watch(PgStream *stream, const PgMessage *message, const PgLeaf *leaf, const PgTable *table,
                           bool found) {
    PgSession *session = stream->session;
    const SourceContext *context = session->context;
    if (leaf == NULL) {
        char space[NAME_DATA_BYTES], name[NAME_DATA_BYTES];
        Slice root_space = found ? table->root_space : message->relation.space;
        Slice root_name = found ? table->root_name : message->relation.name;
        snprintf(space, sizeof(space), "%.*s", SLICE_ARG(root_space));
        snprintf(name, sizeof(name), "%.*s", SLICE_ARG(root_name));
        const char *wanted = context->tables != NULL && context->tables[0] != '\0' ? context->tables : "*";
        if (pg_pattern_matches(wanted, space, name) && !pg_pattern_matches(context->exclude, space, name)) {
            session->refresh_wanted = true;
        }
    } else if (found &&
               (leaf->identity != pg_capture_identity(table) || !slice_is(table->root_name, leaf->table->name) ||
                !slice_is(table->root_space, leaf->table->space))) {
        session->refresh_wanted = true;
    }
}

// A type with a binary form that leat does not know (PostGIS, cube, …): with `binary` the server would send just that.
// The stream starts again in text form, and stays so: the journal remembers.

static bool text_form_switch(PgStream *stream, const PgRelation *relation, Err *err) {
    PgSession *session = stream->session;
    const PgCodec *unknown = NULL;
    for (uint16_t i = 0; i < relation->field_count && unknown == NULL; i++) {
        unknown = relation->codecs[i]->binary == NULL ? relation->codecs[i] : NULL;
    }
    if (unknown == NULL || stream->text_form) {
        return true;
    }
    // Within a transaction: what it has appended so far is dropped, it will be sent again.
    PgPosition position = {session->server.system_identifier, session->server.timeline, stream->cut_lsn};
    Position at = pg_position_encode(&position);
    TRY(journal_rollback(session->journal, err));
    journal_state_put(session->journal, TEXT_FORM_KEY, SLICE("1"));
    TRY(journal_cut(session->journal, &at, err));
    TRY(journal_sync(session->journal, err));
    return FAIL(err, ERR_SOURCE_CLOSED, "table %.*s.%.*s has type %.*s: the stream starts again in text form",
                SLICE_ARG(relation->schema.space), SLICE_ARG(relation->schema.table),
                SLICE_ARG(unknown->type.source_name));
}

// A type that was altered under a running stream is read right by the next one: only what fails twice at one place is
// bad. This outlives the run, not the process.
static bool seen_before(const PgStream *stream, const PgCaptured *table) {
    static uint64_t lsn;
    static uint32_t oid;
    bool seen = lsn == stream->commit_lsn && oid == table->oid;
    lsn = stream->commit_lsn;
    oid = table->oid;
    return seen;
}

// What a transaction has brought of the table so far is dropped with the open group, and is sent again: so the journal
// has whole transactions of it, up to where it was put aside.
bool pg_stream_quarantine(PgStream *stream, PgCaptured *table, Err *err) {
    PgSession *session = stream->session;
    if (table == NULL || !pg_session_quarantines(session, err)) {
        return false;
    }
    PgPosition position = {session->server.system_identifier, session->server.timeline, stream->cut_lsn};
    Position at = pg_position_encode(&position);
    Err none[1] = {{0}};
    if (!journal_rollback(session->journal, none)) {
        *err = *none;
        return false;
    }
    if (!seen_before(stream, table)) {
        err_clear(err);
        return FAIL(err, ERR_SOURCE_CLOSED, "table %s cannot be decoded: once more, with a fresh look at the catalog",
                    table->topic);
    }
    pg_session_quarantine(session, table, stream->cut_lsn, err);
    CRASH_POINT("quarantine.before_cut");
    TRY(journal_cut(session->journal, &at, err));
    TRY(journal_sync(session->journal, err));
    CRASH_POINT("quarantine.after_cut");
    return FAIL(err, ERR_SOURCE_CLOSED, "table %s is quarantined (%s): the stream starts again without it",
                table->topic, table->reason);
}

static bool is_signal(const PgSession *session, const PgRelation *relation) {
    return session->connector != NULL &&
           pg_connector_is_signal(&session->connector->options, relation->schema.space, relation->schema.table);
}

static bool relation_fresh(PgStream *stream, PgRelation *fresh, PgLeaf *leaf, const PgMessage *message,
                           const PgTable *table, const PgTable *root, Err *err) {
    PgSession *session = stream->session;
    Slice space = leaf != NULL ? slice_of(leaf->table->space) : message->relation.space;
    Slice name = leaf != NULL ? slice_of(leaf->table->name) : message->relation.name;
    bool aside = leaf != NULL && leaf->state == PG_LEAF_QUARANTINED;
    if (pg_relation_build(fresh, leaf, message->relation.oid, message->relation.identity, space, name,
                          message->relation.columns, message->relation.column_count, table, root, session->types,
                          &session->sql, err) &&
        (leaf == NULL || aside || text_form_switch(stream, fresh, err))) {
        fresh->signal = is_signal(session, fresh);
        return true;
    }
    if ((aside || leaf == NULL) && pg_session_quarantines(session, err)) { // known by now, or not wanted
        err_clear(err);
        fresh->leaf = NULL;
        return true;
    }
    (void)pg_stream_quarantine(stream, leaf != NULL ? leaf->table : NULL, err);
    return err_frame(err, __FILE__, __LINE__);
}

bool pg_stream_relation(PgStream *stream, const PgMessage *message, Err *err) {
    PgSession *session = stream->session;
    uint32_t oid = message->relation.oid;
    PgRelation *old = map_find_u64(&stream->relations, oid);
    PgLeaf *leaf = pg_capture_find_leaf(&session->capture, oid);
    if (session->connector == NULL && old != NULL && old->leaf == leaf && pg_relation_matches(old, message) &&
        leaf != NULL && slice_is(old->schema.table, leaf->table->name)) {
        return true;
    }
    PgTable table = {0}, root = {0};
    bool found = false, root_found = false;
    TRY(relation_catalog(stream, oid, &table, &found, &root, &root_found, err));
    if (session->connector != NULL) {
        TRY(pg_connector_leaf(session, message, &table, found, &leaf, err));
    } else {
        relation_watch(stream, message, leaf, &table, found);
    }
    PgRelation *fresh = calloc(1, sizeof(*fresh));
    ASSERT(fresh != NULL);
    if (!relation_fresh(stream, fresh, leaf, message, found ? &table : NULL, root_found ? &root : NULL, err)) {
        relation_free(fresh);
        return err_frame(err, __FILE__, __LINE__);
    }
    // Columns that changed may have changed the rows that were there: the catalog tells, by the columns' numbers.
    session->refresh_wanted |=
        session->connector == NULL && old != NULL && leaf != NULL && !pg_relation_matches(old, message);
    relation_free(old);
    stream->last_relation = NULL;
    map_put_u64(&stream->relations, oid, fresh);
    return true;
}

// --- after a refresh -------------------------------------------------------------------------------------------

// Tables may have come, gone, or changed their names; the server will not describe their relations again for that.
bool pg_stream_rebind(PgStream *stream, Err *err) {
    PgSession *session = stream->session;
    stream->last_relation = NULL;
    for (MapEntry *entry = NULL; (entry = map_next(&stream->relations, entry)) != NULL;) {
        PgRelation *old = entry->value;
        PgLeaf *leaf = pg_capture_find_leaf(&session->capture, old->oid);
        if (leaf == NULL) {
            old->leaf = NULL;
            continue;
        }
        if (leaf == old->leaf && slice_is(old->schema.table, leaf->table->name) &&
            slice_is(old->schema.space, leaf->table->space)) {
            continue;
        }
        arena_reset(&stream->scratch);
        PgTable table = {0}, root = {0};
        bool found = false, root_found = false;
        TRY(relation_catalog(stream, old->oid, &table, &found, &root, &root_found, err));
        PgRelation *fresh = calloc(1, sizeof(*fresh));
        ASSERT(fresh != NULL);
        if (!pg_relation_build(fresh, leaf, old->oid, old->identity, slice_of(leaf->table->space),
                               slice_of(leaf->table->name), old->columns, old->field_count, found ? &table : NULL,
                               root_found ? &root : NULL, session->types, &session->sql, err)) {
            relation_free(fresh);
            (void)pg_stream_quarantine(stream, leaf->table, err);
            return err_frame(err, __FILE__, __LINE__);
        }
        fresh->signal = is_signal(session, fresh);
        relation_free(old);
        entry->value = fresh;
    }
    return true;
}

void pg_stream_relations_release(PgStream *stream) {
    for (MapEntry *entry = NULL; (entry = map_next(&stream->relations, entry)) != NULL;) {
        relation_free(entry->value);
    }
    map_release(&stream->relations);
}
