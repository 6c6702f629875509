// SPDX-License-Identifier: Apache-2.0
// Making tables. The catalog is first asked where the table is to be and what it is to be called within (stage-create),
// then all of it is one commit that requires that there is none. Catalogs that do not stage make the table at once.
//
// Which table has been made is told by its uuid: after an answer that never came it is remembered, so that a conflict
// of the next try is known for what it is.
#include "core/base/json.h"
#include "lake/catalog/rest/remote.h"

bool remote_is_making(const TableChange *change) {
    for (size_t i = 0; i < change->requirement_count; i++) {
        if (change->requirements[i].kind == REQUIRE_CREATE) {
            return true;
        }
    }
    return false;
}

static const TableUpdate *update_of(const TableChange *change, UpdateAction action) {
    for (size_t i = 0; i < change->update_count; i++) {
        if (change->updates[i].action == action) {
            return &change->updates[i];
        }
    }
    return NULL;
}

static bool exists(TableName name, Err *err) {
    return FAIL(err, ERR_CHANGED, "table %s.%s exists already", remote_space_text(name.space).text,
                remote_clean(name.table).text);
}

// --- asking for it ---------------------------------------------------------------------------------------------

static void write_format(Buf *body, const TableChange *change, bool *first) {
    const TableUpdate *update = update_of(change, UPDATE_UPGRADE_FORMAT_VERSION);
    if (update != NULL) {
        buf_printf(body, "\"format-version\":\"%" PRId32 "\"", update->id);
        *first = false;
    }
}

// CreateTableRequest.
static void write_request(Buf *body, const CatalogCommit *commit, bool staged) {
    const TableChange *change = &commit->change;
    const TableUpdate *schema = update_of(change, UPDATE_ADD_SCHEMA), *spec = update_of(change, UPDATE_ADD_SPEC);
    const TableUpdate *order = update_of(change, UPDATE_ADD_SORT_ORDER);
    const TableUpdate *location = update_of(change, UPDATE_SET_LOCATION);
    bool first = true;
    buf_text(body, "{\"name\":");
    json_quote(body, commit->name.table);
    buf_text(body, ",\"schema\":");
    table_schema_write(&schema->schema, body);
    if (spec != NULL && spec->spec.field_count > 0) {
        buf_text(body, ",\"partition-spec\":");
        partition_spec_write(&spec->spec, body);
    }
    if (order != NULL && order->order.field_count > 0) {
        buf_text(body, ",\"write-order\":");
        sort_order_write(&order->order, body);
    }
    if (location != NULL) {
        buf_text(body, ",\"location\":");
        json_quote(body, location->text);
    }
    buf_text(body, staged ? ",\"stage-create\":true,\"properties\":{" : ",\"stage-create\":false,\"properties\":{");
    write_format(body, change, &first);
    for (size_t i = 0; i < change->update_count; i++) {
        const TableUpdate *update = &change->updates[i];
        for (size_t j = 0; update->action == UPDATE_SET_PROPERTIES && j < update->count; j++) {
            buf_text(body, first ? "" : ",");
            json_quote(body, update->properties[j].key);
            buf_u8(body, ':');
            json_quote(body, update->properties[j].value);
            first = false;
        }
    }
    buf_text(body, "}}");
}

static bool has_word(Slice text, const char *word) {
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= text.size; i++) {
        if (strncasecmp((const char *)text.data + i, word, size) == 0) {
            return true;
        }
    }
    return false;
}

static bool refuses_stage(const RemoteAnswer *answer) {
    int status = answer->status;
    return status == 406 || status == 501 ||
           ((status == 400 || status == 422) &&
            (has_word(answer->error.message, "stage-create") || has_word(answer->error.message, "stagecreate") ||
             has_word(answer->error.message, "stage create")));
}

static bool ask_making(Remote *remote, const CatalogCommit *commit, bool staged, Arena *arena, RemoteAnswer *answer,
                       Err *err) {
    DEFER(buf_release) Buf path = {0}, body = {0};
    TRY(remote_table_path(remote, commit->name, &path, err)); // is it a name?
    path.size = 0;
    TRY(remote_space_path(remote, commit->name.space, &path, err));
    buf_text(&path, "/tables");
    write_request(&body, commit, staged);
    RemoteAsk ask = {
        .method = "POST", .path = arena_text(arena, buf_slice(&path)), .body = buf_slice(&body), .delegate = true};
    TRY(remote_ask(remote, &ask, arena, answer, err));
    bool meaning = remote_good(answer) || answer->status == 409 || remote_is_absent(answer);
    return meaning || (staged && refuses_stage(answer)) || remote_fail(remote, &ask, answer, err);
}

// --- what the catalog has said ---------------------------------------------------------------------------------

static bool sets(const TableChange *change, Slice key) {
    for (size_t i = 0; i < change->update_count; i++) {
        const TableUpdate *update = &change->updates[i];
        for (size_t j = 0; update->action == UPDATE_SET_PROPERTIES && j < update->count; j++) {
            if (slice_equal(update->properties[j].key, key)) {
                return true;
            }
        }
    }
    return false;
}

// The commit's change with the identity, place and properties that the catalog gives it.
static TableChange completed(const TableChange *change, const RestPlace *place, Arena *arena) {
    TableUpdate *updates = ARENA_ARRAY(arena, TableUpdate, change->update_count + 3);
    Property *properties = ARENA_ARRAY(arena, Property, place->properties.count);
    size_t count = 0, property_count = 0;
    updates[count++] = (TableUpdate){.action = UPDATE_ASSIGN_UUID, .text = place->uuid};
    for (size_t i = 0; i < change->update_count; i++) {
        if (change->updates[i].action != UPDATE_ASSIGN_UUID) {
            updates[count++] = change->updates[i];
        }
    }
    if (update_of(change, UPDATE_SET_LOCATION) == NULL) {
        updates[count++] = (TableUpdate){.action = UPDATE_SET_LOCATION, .text = place->location};
    }
    for (size_t i = 0; i < place->properties.count; i++) {
        if (!sets(change, place->properties.items[i].key)) {
            properties[property_count++] = place->properties.items[i];
        }
    }
    if (property_count > 0) {
        updates[count++] =
            (TableUpdate){.action = UPDATE_SET_PROPERTIES, .properties = properties, .count = property_count};
    }
    return (TableChange){change->requirements, change->requirement_count, updates, count};
}

static bool staged_take(Remote *remote, const CatalogCommit *commit, Slice json, Arena *arena, RemoteMaking *making,
                        Err *err) {
    CatalogTable table;
    RestPlace place;
    TRY(remote_table(remote, commit->name, json, arena, &table, err));
    TRY(rest_place_parse(table.metadata_json, arena, &place, err));
    if (place.uuid.size == 0 || place.location.size == 0) {
        return FAIL(err, ERR_NET_PROTOCOL, "table %s.%s: the catalog says neither uuid nor location of it",
                    remote_space_text(commit->name.space).text, remote_clean(commit->name.table).text);
    }
    *making = (RemoteMaking){.change = completed(&commit->change, &place, arena), .uuid = place.uuid};
    return true;
}

// --- unknown outcomes ------------------------------------------------------------------------------------------

static Slice making_key(TableName name, Arena *arena) {
    return slice_of(arena_printf(arena, "%.*s\x1f%.*s", SLICE_ARG(name.space), SLICE_ARG(name.table)));
}

void remote_making_unknown(Remote *remote, TableName name, Slice uuid) {
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 256);
    map_put(&remote->making, making_key(name, scratch), arena_text(&remote->run, uuid));
    arena_release(scratch);
}

void remote_making_known(Remote *remote, TableName name) {
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 256);
    map_remove(&remote->making, making_key(name, scratch));
    arena_release(scratch);
}

bool remote_made_before(Remote *remote, const CatalogCommit *commit, Slice uuid, Arena *arena, CatalogTable *after,
                        bool *made, Err *err) {
    const char *before = map_find(&remote->making, making_key(commit->name, arena));
    RestPlace place;
    *made = false;
    if (!remote_load(remote, commit->name, arena, after, err)) {
        bool gone = err->code == ERR_NOT_FOUND;
        if (gone) {
            err_clear(err);
        }
        return gone || err_frame(err, __FILE__, __LINE__);
    }
    TRY(rest_place_parse(after->metadata_json, arena, &place, err));
    *made = place.uuid.size > 0 && (slice_equal(place.uuid, uuid) || (before != NULL && slice_is(place.uuid, before)));
    return true;
}

// --- the whole of it -------------------------------------------------------------------------------------------

static bool make_with(Remote *remote, CatalogCommit *commit, bool staged, Arena *arena, RemoteMaking *making,
                      RemoteAnswer *answer, Err *err) {
    TRY(ask_making(remote, commit, staged, arena, answer, err));
    if (answer->status == 409) {
        bool made = false;
        TRY(remote_made_before(remote, commit, (Slice){0}, arena, &commit->after, &made, err));
        making->made = made;
        return made || exists(commit->name, err);
    }
    if (remote_is_absent(answer)) {
        return remote_no_space(commit->name.space, err);
    }
    if (!remote_good(answer)) {
        return true; // it does not stage
    }
    if (staged) {
        return staged_take(remote, commit, answer->body, arena, making, err);
    }
    making->made = true;
    return remote_table(remote, commit->name, answer->body, arena, &commit->after, err);
}

bool remote_make(Remote *remote, CatalogCommit *commit, Arena *arena, RemoteMaking *making, Err *err) {
    RemoteAnswer answer = {0};
    *making = (RemoteMaking){0};
    if (update_of(&commit->change, UPDATE_ADD_SCHEMA) == NULL) {
        return FAIL(err, ERR_VALUE, "a table without a schema cannot be made");
    }
    if (!remote->unstaged) {
        TRY(make_with(remote, commit, true, arena, making, &answer, err));
        if (remote_good(&answer) || making->made) {
            return true;
        }
        remote->unstaged = true;
    }
    if (update_of(&commit->change, UPDATE_ADD_SNAPSHOT) != NULL) {
        FAIL(err, ERR_NET_SETUP, "this catalog makes tables only empty");
        return err_hint(err, "register the table by its metadata file");
    }
    return make_with(remote, commit, false, arena, making, &answer, err);
}
