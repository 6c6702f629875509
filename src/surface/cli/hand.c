// SPDX-License-Identifier: Apache-2.0
// Who does what is asked for a table by hand.
#include "surface/cli/lake.h"

enum { ASKS_MAX = 5 };

static void waiting(void *context) {
    const CliOwner *owner = context;
    fprintf(stderr, "%s (pid %d) is at it …\n", owner->pipeline, owner->pid);
}

// *lost: it has ended meanwhile.
static bool ask(const CliLake *lake, CliOwner *owner, const HandWork *work, HandDone *done, bool *lost, Err *err) {
    const HandAsk asked = {.state_directory = owner->state,
                           .owner_lock = owner->lock,
                           .owner = owner->pipeline,
                           .waiting = waiting,
                           .context = owner};
    return hand_ask(&asked, work, lake->cli->arena, done, lost, err);
}

// Rewriting is for whoever has nobody beside: else the owner would find its files gone.
static bool here(CliLake *lake, const CliTable *table, const CliOwner *owner, const HandWork *work, HandDone *done,
                 Err *err) {
    const HandPlace place = {.io = lake->io, .catalog = lake->catalog};
    TRY(work->dry_run || work->verb != HAND_REWRITE || cli_owner_idle(lake->cli, table, owner, err));
    return hand_do(&place, work, lake->cli->arena, done, err);
}

bool cli_hand(CliLake *lake, const CliTable *table, CliOwner *owner, HandWork *work, HandDone *done, Err *err) {
    work->name = table->name;
    for (int i = 0; owner->pid != 0 && !work->dry_run; i++) {
        bool lost = false;
        TRY(ask(lake, owner, work, done, &lost, err));
        if (!lost) {
            return true;
        }
        if (i == ASKS_MAX) {
            FAIL(err, ERR_LOCKED, "table %s: %s ends again and again", table->text, owner->pipeline);
            return err_hint(err, "see its log");
        }
        cli_owner_release(owner);
        TRY(cli_owner_claim(lake->cli, table, owner, err));
    }
    return here(lake, table, owner, work, done, err);
}
