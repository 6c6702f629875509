// SPDX-License-Identifier: Apache-2.0
// One connector after the other from leat back to Connect: stopped here with everything in Kafka, its offset given to
// Connect, resumed there. On leat it stays, STOPPED.
#include "surface/cli/takeover.h"

#include <stdio.h>

// What is durable on leat is in Kafka when the connector has stopped, unless Kafka was away; only a run that ends now
// tells. One that rests already is run once more for that.
static bool stop_here(Takeover *takeover, TakeoverItem *item, Err *err) {
    const char *name = item->connector->name;
    TakeoverState state;
    if (strcmp(item->there, "RUNNING") != 0) {
        TRY(takeover_ask(takeover, &takeover->leat, "PUT", "/connectors/%s/resume", name, SLICE(""), err));
    }
    TRY(takeover_state_wait(takeover, &takeover->leat, name, "RUNNING", &state, err));
    TRY(!takeover_is_iceberg(item) || takeover_iceberg_caught_up(takeover, item, err));
    TRY(takeover_ask(takeover, &takeover->leat, "PUT", "/connectors/%s/stop", name, SLICE(""), err));
    TRY(takeover_state_wait(takeover, &takeover->leat, name, "STOPPED", &state, err));
    TRY(!takeover_is_iceberg(item) || takeover_iceberg_group_check(takeover, item, err));
    if (state.behind_bytes > 0 && !item->sink) {
        FAIL(err, ERR_NET_BUSY, "Kafka has not got %" PRIu64 " bytes of leat's journal", state.behind_bytes);
        return err_hint(err, "leat connector resume %s, and see why Kafka takes nothing", name);
    }
    takeover_say(takeover, name, item->sink ? "stopped on leat" : "stopped on leat, and all of it is in Kafka");
    return true;
}

static bool carry_back(Takeover *takeover, const char *name, Err *err) {
    const char *partition = NULL, *offset = NULL;
    TRY(takeover_offset_ask(takeover, &takeover->leat, name, &partition, &offset, err));
    if (partition == NULL || offset == NULL || takeover_offset_unfinished(offset)) {
        FAIL(err, ERR_OPTION, "leat has not read all its rows, so it has no offset to give back");
        return err_hint(err, "leat connector resume %s, and wait for the end of its snapshot", name);
    }
    const char *body =
        arena_printf(takeover->arena, "{\"offsets\":[{\"partition\":%s,\"offset\":%s}]}", partition, offset);
    TRY(takeover_ask(takeover, &takeover->connect, "PATCH", "/connectors/%s/offsets", name, slice_of(body), err));
    takeover_say(takeover, name, arena_printf(takeover->arena, "Connect goes on from %s", offset));
    return true;
}

static bool give(Takeover *takeover, TakeoverItem *item, Err *err) {
    const char *name = item->connector->name;
    TakeoverState connect;
    TRY(takeover_state(takeover, &takeover->connect, name, &connect, err));
    bool rests = strcmp(item->there, "STOPPED") == 0;
    if (connect.found && strcmp(connect.state, "STOPPED") != 0) {
        takeover_say(takeover, name, rests ? "was given back before" : "runs in Kafka Connect and on leat");
        return rests ||
               err_hint((FAIL(err, ERR_EXISTS, "it is %s in Kafka Connect, and %s on leat", connect.state, item->there),
                         err),
                        "stop one of the two");
    }
    TRY(takeover_state_wait(takeover, &takeover->connect, name, "STOPPED", &connect, err));
    TRY(stop_here(takeover, item, err));
    TRY(item->sink || carry_back(takeover, name, err));
    TRY(takeover_ask(takeover, &takeover->connect, "PUT", "/connectors/%s/resume", name, SLICE(""), err));
    TRY(takeover_state_wait(takeover, &takeover->connect, name, "RUNNING", &connect, err));
    takeover_say(takeover, name, "RUNNING in Kafka Connect");
    return true;
}

bool takeover_back(Takeover *takeover, Err *err) {
    bool execute = cli_has(takeover->cli, "execute");
    if (!takeover->leat_answers) {
        return FAIL(err, ERR_NET_UNREACHABLE, "%s", takeover->leat_silence);
    }
    if (execute && takeover->connect.base == NULL) {
        return FAIL(err, ERR_USAGE, "--give-back needs one of Connect's workers: --connect-url URL");
    }
    for (size_t i = 0; i < takeover->count; i++) {
        TakeoverItem *item = &takeover->items[i];
        const char *name = item->connector->name;
        if (item->there == NULL) {
            takeover_say(takeover, name, "is not on leat");
        } else if (!execute) {
            takeover_say(takeover, name,
                         arena_printf(takeover->arena,
                                      "%s on leat; would be stopped there, its offset given to Connect, and resumed "
                                      "in Connect",
                                      item->there));
        } else if (!give(takeover, item, err)) {
            printf("What is said above is done; the same command goes on from there.\n");
            return err_prefix(err, "%s", name);
        }
    }
    return true;
}
