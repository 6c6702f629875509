// SPDX-License-Identifier: Apache-2.0
#include "flow/source/source.h"

const char *table_state_name(TableState state) {
    static const char *const NAMES[] = {"pending", "snapshot", "streaming", "quarantined"};
    return NAMES[state];
}
