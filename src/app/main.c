// SPDX-License-Identifier: Apache-2.0
// One binary: the command line, or, by its first argument, one of the processes that `leat server` starts.
#include "app/drivers.h"
#include "core/sys/memory.h"
#include "engine/ipc/channel.h"
#include "engine/member/member.h"
#include "engine/worker/worker.h"
#include "flow/source/postgres/conn.h"
#include "surface/api/front.h"
#include "surface/cli/command.h"

#include <signal.h>

static int worker(void) {
    return worker_main(&(WorkerSetup){.drivers = &DRIVERS, .stop_watch = pg_stop_watch});
}

// Its errors are said over the channel, and logged by the supervisor.
static int front(void) {
    Err err[1] = {{0}};
    signal(SIGTERM, SIG_IGN); // a service manager sends it to all: the supervisor says when it is over
    return front_run(CHANNEL_FD, err) ? 0 : 1;
}

static int member(void) {
    return member_main(CHANNEL_FD);
}

static const struct {
    const char *name;
    int (*run)(void);
} ROLES[] = {{"front", front}, {"worker", worker}, {"member", member}};

int main(int argc, char **argv) {
    memory_bound(1);
    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(ROLES); i++) {
        if (strcmp(argv[1], ROLES[i].name) == 0) {
            return ROLES[i].run();
        }
    }
    return cli_main(argc, argv, &DRIVERS);
}
