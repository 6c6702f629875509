// SPDX-License-Identifier: Apache-2.0
// Commits: one table by itself, several as a transaction where the catalog has them, else one after the other.
//
// 409 says that a requirement does not hold, or that the catalog has lost a race within itself. Which of them it was is
// told by the tables: where all requirements hold, the same is sent again. And where the change stands already, it was
// ours: an answer was lost on the way, and something between us and the catalog has sent the request twice.
#include "core/base/digest.h"
#include "core/base/json.h"
#include "core/sys/clock.h"
#include "core/sys/random.h"
#include "lake/catalog/rest/remote.h"

enum { CONFLICTS_MAX = 12, CONFLICT_WAIT_MS = 20 };

// What is sent: the commits that are not done, of which some make tables.
typedef struct Sending {
    CatalogCommit **commits;
    RemoteMaking *makings; // all zero for those that make none
    size_t count;
    bool whole; // a transaction
} Sending;

static const TableChange *change_of(const Sending *sending, size_t i) {
    return sending->makings[i].uuid.size > 0 ? &sending->makings[i].change : &sending->commits[i]->change;
}

// --- keys ------------------------------------------------------------------------------------------------------

// Version 7 (RFC 9562): the time first, as the protocol asks for it.
static void uuid_7(char text[37]) {
    uint8_t bytes[16];
    uint64_t ms = (uint64_t)(clock_wall_us() / 1000);
    random_bytes(bytes, sizeof(bytes));
    for (int i = 0; i < 6; i++) {
        bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x70);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    size_t at = 0;
    for (int i = 0; i < 16; i++) {
        at +=
            (size_t)snprintf(text + at, 37 - at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    }
}

// The same for what is sent again after an unknown outcome: the catalog then answers as it has answered before.
static const char *key_for(Remote *remote, Slice body) {
    uint64_t hash = digest_hash(body) | 1;
    if (!remote->remembers) {
        return NULL;
    }
    if (hash != remote->last_hash) {
        remote->last_hash = hash;
        uuid_7(remote->last_key);
    }
    return remote->last_key;
}

// --- bodies ----------------------------------------------------------------------------------------------------

static void write_one(Buf *body, const Sending *sending, size_t i) {
    TableName name = sending->commits[i]->name;
    buf_text(body, "{\"identifier\":{\"namespace\":");
    remote_write_space(body, name.space);
    buf_text(body, ",\"name\":");
    json_quote(body, name.table);
    buf_text(body, "},");
    table_change_write(change_of(sending, i), body);
    buf_u8(body, '}');
}

static bool write_all(const Remote *remote, const Sending *sending, Buf *path, Buf *body, Err *err) {
    if (!sending->whole) {
        write_one(body, sending, 0);
        return remote_table_path(remote, sending->commits[0]->name, path, err);
    }
    buf_text(path, "transactions/commit");
    buf_text(body, "{\"table-changes\":[");
    for (size_t i = 0; i < sending->count; i++) {
        buf_text(body, i > 0 ? "," : "");
        write_one(body, sending, i);
    }
    buf_text(body, "]}");
    return true;
}

// --- what has come of it ---------------------------------------------------------------------------------------

static void done(Remote *remote, const Sending *sending) {
    for (size_t i = 0; i < sending->count; i++) {
        sending->commits[i]->done = true;
        remote_making_known(remote, sending->commits[i]->name);
    }
    remote->last_hash = 0;
}

static bool good(Remote *remote, const Sending *sending, const RemoteAnswer *answer, Arena *arena, Err *err) {
    if (!sending->whole) {
        CatalogCommit *commit = sending->commits[0];
        TRY(remote_table(remote, commit->name, answer->body, arena, &commit->after, err));
    }
    done(remote, sending);
    return true;
}

static void unknown(Remote *remote, const Sending *sending) {
    for (size_t i = 0; i < sending->count; i++) {
        if (sending->makings[i].uuid.size > 0) {
            remote_making_unknown(remote, sending->commits[i]->name, sending->makings[i].uuid);
        }
    }
}

static bool absent(const Sending *sending, const RemoteAnswer *answer, Err *err) {
    TableName name = sending->commits[0]->name;
    if (sending->count > 1) { // it names the one
        RemoteText said = remote_clean(answer->error.message);
        return FAIL(err, ERR_NOT_FOUND, "%s", said.text[0] != '\0' ? said.text : "Table does not exist");
    }
    bool space = remote_is_type(answer, "NoSuchNamespaceException");
    return space ? remote_no_space(name.space, err) : remote_no_table(name, err);
}

static bool look_at(Remote *remote, const Sending *sending, size_t i, Arena *arena, bool *stands, Err *err) {
    CatalogCommit *commit = sending->commits[i];
    const RemoteMaking *making = &sending->makings[i];
    CatalogTable now;
    TableMetadata metadata;
    *stands = false;
    if (making->uuid.size > 0) {
        TRY(remote_made_before(remote, commit, making->uuid, arena, &now, stands, err));
        if (!*stands) {
            return FAIL(err, ERR_CHANGED, "table %s.%s exists already", remote_space_text(commit->name.space).text,
                        remote_clean(commit->name.table).text);
        }
        commit->after = now;
        return true;
    }
    TRY(remote_load(remote, commit->name, arena, &now, err));
    TRY(table_metadata_parse(now.metadata_json, arena, &metadata, err));
    bool snapshots = false; // only they say so without a doubt
    for (size_t j = 0; j < commit->change.update_count; j++) {
        snapshots = snapshots || commit->change.updates[j].action == UPDATE_ADD_SNAPSHOT;
    }
    *stands = snapshots && catalog_change_stands(&commit->change, &metadata);
    if (*stands) {
        commit->after = now;
        return true;
    }
    return table_requirements_check(&metadata, &commit->change, err) ||
           err_prefix(err, "%s.%s", remote_space_text(commit->name.space).text, remote_clean(commit->name.table).text);
}

// *stand: all is committed. Else, without an error, nothing speaks against another try.
static bool conflict(Remote *remote, const Sending *sending, Arena *arena, bool *stand, Err *err) {
    *stand = true;
    Err first[1] = {{0}};
    for (size_t i = 0; i < sending->count; i++) {
        Err one[1] = {{0}};
        bool stands = false;
        bool fine = look_at(remote, sending, i, arena, &stands, one);
        *stand = *stand && fine && stands;
        if (!fine && first->code == ERR_NONE) {
            *first = *one;
        }
    }
    if (first->code != ERR_NONE) {
        *err = *first;
        return err_frame(err, __FILE__, __LINE__);
    }
    if (*stand) {
        done(remote, sending);
    }
    return true;
}

static bool no_transactions(const Sending *sending, const RemoteAnswer *answer) {
    int status = answer->status;
    return sending->whole &&
           (status == 405 || status == 406 || status == 501 || (status == 404 && !remote_is_absent(answer)));
}

// *again: the catalog has no transactions after all.
static bool send(Remote *remote, const Sending *sending, Arena *arena, bool *again, Err *err) {
    DEFER(buf_release) Buf path = {0}, body = {0};
    RemoteAnswer answer;
    *again = false;
    TRY(write_all(remote, sending, &path, &body, err));
    RemoteAsk ask = {
        .method = "POST", .path = arena_text(arena, buf_slice(&path)), .body = buf_slice(&body), .once = true};
    for (int conflicts = 1;; conflicts++) {
        ask.key = key_for(remote, ask.body);
        if (!remote_ask(remote, &ask, arena, &answer, err)) {
            unknown(remote, sending);
            return err_frame(err, __FILE__, __LINE__);
        }
        if (remote_good(&answer)) {
            return good(remote, sending, &answer, arena, err);
        }
        *again = no_transactions(sending, &answer);
        if (*again) {
            remote->transactions = false;
            return true;
        }
        if (answer.status >= 500 || answer.status == 408) {
            unknown(remote, sending);
            return remote_fail(remote, &ask, &answer, err);
        }
        remote->last_hash = 0; // that is an answer: what comes now is another request
        if (remote_is_absent(&answer)) {
            return absent(sending, &answer, err);
        }
        if (answer.status != 409 && answer.status != 412) {
            return remote_fail(remote, &ask, &answer, err);
        }
        bool stand = false;
        TRY(conflict(remote, sending, arena, &stand, err));
        if (stand) {
            return true;
        }
        if (conflicts >= CONFLICTS_MAX) {
            return remote_fail(remote, &ask, &answer, err);
        }
        clock_sleep_us((CONFLICT_WAIT_MS * conflicts + (int64_t)(random_number() % CONFLICT_WAIT_MS)) * 1000);
    }
}

// --- the driver's ----------------------------------------------------------------------------------------------

static bool prepare(Remote *remote, Sending *sending, CatalogCommit *commit, Arena *arena, Err *err) {
    RemoteMaking making = {0};
    if (remote_is_making(&commit->change)) {
        TRY(remote_make(remote, commit, arena, &making, err));
        if (making.made) {
            commit->done = true;
            remote_making_known(remote, commit->name);
            return true;
        }
    }
    sending->makings[sending->count] = making;
    sending->commits[sending->count++] = commit;
    return true;
}

static bool send_singly(Remote *remote, const Sending *sending, Arena *arena, Err *err) {
    for (size_t i = 0; i < sending->count; i++) {
        Sending one = {.commits = &sending->commits[i], .makings = &sending->makings[i], .count = 1};
        bool again = false;
        TRY(send(remote, &one, arena, &again, err));
    }
    return true;
}

bool remote_commit(void *state, CatalogCommit *commits, size_t count, Arena *arena, Err *err) {
    Remote *remote = state;
    Sending sending = {.commits = ARENA_ARRAY(arena, CatalogCommit *, count),
                       .makings = ARENA_ARRAY(arena, RemoteMaking, count)};
    for (size_t i = 0; i < count; i++) {
        commits[i].done = false;
        TRY(prepare(remote, &sending, &commits[i], arena, err));
    }
    sending.whole = sending.count > 1 && remote->transactions;
    bool again = false;
    if (sending.whole) {
        TRY(send(remote, &sending, arena, &again, err));
    }
    return (sending.whole && !again) || send_singly(remote, &sending, arena, err);
}
