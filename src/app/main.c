// SPDX-License-Identifier: Apache-2.0
#include "app/drivers.h"
#include "surface/cli/command.h"

int main(int argc, char **argv) {
    return cli_main(argc, argv, &DRIVERS);
}
