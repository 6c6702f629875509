// SPDX-License-Identifier: Apache-2.0
// One connector after the other from Connect to leat: stopped there, created here, its last offset carried over,
// resumed here. In Connect it stays, STOPPED.
#include "core/config/wanted.h"
#include "surface/cli/takeover.h"

#include <stdio.h>

enum { CARRIES_MAX = 20 };

void takeover_say(const Takeover *takeover, const char *name, const char *what) {
    (void)takeover;
    printf("%s: %s\n", name, what);
    fflush(stdout);
}

static bool read_again(Takeover *takeover, TakeoverItem *item, Err *err) {
    const char *name = item->connector->name;
    cluster_release(&takeover->cluster);
    cluster_init(&takeover->cluster, takeover->arena);
    TRY(takeover_read(takeover, err));
    item->connector = cluster_find(&takeover->cluster, slice_of(name));
    if (item->connector == NULL || !item->connector->configured) {
        return FAIL(err, ERR_NOT_FOUND, "%s was deleted in Kafka Connect meanwhile", name);
    }
    item->offset = takeover_offset(takeover, item->connector);
    return true;
}

// --- Connect -----------------------------------------------------------------------------------------------------

static bool stopped_as_told(const TakeoverItem *item, Err *err) {
    const ClusterConnector *connector = item->connector;
    if (strcmp(connector->target, "STOPPED") == 0 && cluster_tasks_in(connector, "RUNNING") == 0) {
        return true;
    }
    FAIL(err, ERR_OPTION, "%s is not stopped in Kafka Connect", connector->name);
    return err_hint(err, "give --connect-url URL, or stop it there: PUT /connectors/%s/stop", connector->name);
}

static bool connect_stop(Takeover *takeover, TakeoverItem *item, Err *err) {
    const char *name = item->connector->name;
    TakeoverState state;
    if (takeover->connect.base == NULL) {
        return read_again(takeover, item, err) && stopped_as_told(item, err) &&
               (!takeover_is_iceberg(item) || takeover_iceberg_stop(takeover, item, err));
    }
    if (takeover_is_iceberg(item)) {
        return takeover_iceberg_stop(takeover, item, err);
    }
    TRY(takeover_state(takeover, &takeover->connect, name, &state, err));
    if (state.found && strcmp(state.state, "STOPPED") == 0 && state.tasks == 0) {
        return true;
    }
    TRY(takeover_ask(takeover, &takeover->connect, "PUT", "/connectors/%s/stop", name, SLICE(""), err));
    TRY(takeover_state_wait(takeover, &takeover->connect, name, "STOPPED", &state, err));
    takeover_say(takeover, name, "stopped in Kafka Connect");
    return true;
}

// --- leat --------------------------------------------------------------------------------------------------------

static bool create(Takeover *takeover, const TakeoverItem *item, Err *err) {
    DEFER(buf_release) Buf body = {0};
    const char *name = item->connector->name;
    if (item->there != NULL) {
        properties_json(&body, &item->config);
        TRY(takeover_ask(takeover, &takeover->leat, "PUT", "/connectors/%s/config", name, buf_slice(&body), err));
        takeover_say(takeover, name, "was on leat already, and has Connect's configuration now");
        return true;
    }
    const Wanted wanted = {.name = slice_of(name), .config = item->config, .target = "STOPPED"};
    wanted_body(&wanted, &body);
    TRY(takeover_ask(takeover, &takeover->leat, "POST", "/connectors", name, buf_slice(&body), err));
    takeover_say(takeover, name, "created on leat");
    return true;
}

static bool carry(Takeover *takeover, const TakeoverItem *item, Err *err) {
    const char *body = arena_printf(takeover->arena, "{\"offsets\":[{\"partition\":%s,\"offset\":%s}]}",
                                    item->offset->partition, item->offset->offset);
    return takeover_ask(takeover, &takeover->leat, "PATCH", "/connectors/%s/offsets", item->connector->name,
                        slice_of(body), err);
}

// The offset is taken while nobody reads from the slot (leat sees to that), and is the last one when it is the same
// afterwards: a task writes its last offset before it lets go of the slot.
static bool offset_carry(Takeover *takeover, TakeoverItem *item, Err *err) {
    const char *partition = NULL, *here = NULL, *carried = "", *name = item->connector->name;
    TRY(takeover_offset_ask(takeover, &takeover->leat, name, &partition, &here, err));
    for (int i = 0; i < CARRIES_MAX; i++) {
        TRY(read_again(takeover, item, err));
        const char *offset = item->offset != NULL ? item->offset->offset : NULL;
        if (offset == NULL || takeover_offset_unfinished(offset)) {
            takeover_say(takeover, name, "Connect has no offset of a complete snapshot: it begins anew");
            return true;
        }
        if (takeover_offset_lsn(here) > takeover_offset_lsn(offset)) {
            takeover_say(takeover, name, "leat is further than Connect: it goes on from its own offset");
            return true;
        }
        if (strcmp(carried, offset) == 0) {
            takeover_say(takeover, name, arena_printf(takeover->arena, "goes on from %s", offset));
            return true;
        }
        TRY(carry(takeover, item, err));
        carried = offset;
    }
    return FAIL(err, ERR_NET_BUSY, "the offset of %s in topic %s does not come to rest", name,
                takeover->options.offsets);
}

// --- one connector -----------------------------------------------------------------------------------------------

// It may have been taken over before.
static bool is_done(Takeover *takeover, const TakeoverItem *item, bool *done, Err *err) {
    *done = false;
    if (item->there == NULL || strcmp(item->there, "STOPPED") == 0) {
        return true;
    }
    TakeoverState connect = {.state = item->connector->target};
    if (takeover->connect.base != NULL) {
        TRY(takeover_state(takeover, &takeover->connect, item->connector->name, &connect, err));
    }
    *done = connect.state != NULL && strcmp(connect.state, "STOPPED") == 0;
    if (!*done) {
        FAIL(err, ERR_EXISTS, "leat has a connector %s already, and it is %s", item->connector->name, item->there);
        return err_hint(err, "stop it there (leat connector stop %s), or delete it if it is another one",
                        item->connector->name);
    }
    TRY(strcmp(item->there, "PAUSED") == 0 ||
        takeover_state_wait(takeover, &takeover->leat, item->connector->name, "RUNNING", &connect, err));
    takeover_say(takeover, item->connector->name, "was taken over before");
    return true;
}

static bool take(Takeover *takeover, TakeoverItem *item, Err *err) {
    bool done = false;
    TakeoverState state;
    const char *name = item->connector->name;
    TRY(is_done(takeover, item, &done, err));
    if (done) {
        return true;
    }
    TRY(connect_stop(takeover, item, err));
    TRY(create(takeover, item, err));
    TRY(item->sink || offset_carry(takeover, item, err)); // Kafka keeps those of sinks, by group
    TRY(takeover_ask(takeover, &takeover->leat, "PUT", "/connectors/%s/resume", name, SLICE(""), err));
    TRY(takeover_state_wait(takeover, &takeover->leat, name, "RUNNING", &state, err));
    takeover_say(takeover, name, "RUNNING on leat");
    return true;
}

bool takeover_execute(Takeover *takeover, Err *err) {
    if (!takeover->leat_answers) {
        FAIL(err, ERR_NET_UNREACHABLE, "%s", takeover->leat_silence);
        return err_hint(err, "is leat server running there? another place: --url URL or LEAT_URL");
    }
    for (size_t i = 0; i < takeover->count; i++) {
        TakeoverItem *item = &takeover->items[i];
        if (item->action == TAKEOVER_NOT) {
            for (size_t j = 0; j < item->note_count; j++) {
                takeover_say(takeover, item->connector->name,
                             arena_printf(takeover->arena, "%s%s", item->notes[j].against ? "not taken over: " : "",
                                          item->notes[j].text));
            }
        } else if (!take(takeover, item, err)) {
            printf("What is said above is done; the same command goes on from there.\n");
            return err_prefix(err, "%s", item->connector->name);
        }
    }
    return true;
}
