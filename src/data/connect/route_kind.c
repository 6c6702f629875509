// SPDX-License-Identifier: Apache-2.0
#include "data/connect/program.h"

int connect_route_kind(const Event *event) {
    bool key_change = (event->flags & EVENT_KEY_CHANGE) != 0;
    switch (event->op) {
    case OP_READ:
        return ROUTE_READ;
    case OP_CREATE:
        return key_change ? ROUTE_KEY_CREATE : ROUTE_CREATE;
    case OP_UPDATE:
        return ROUTE_UPDATE;
    case OP_DELETE:
        return key_change ? ROUTE_KEY_DELETE : ROUTE_DELETE;
    case OP_TRUNCATE:
        return ROUTE_TRUNCATE;
    }
    return ROUTE_OTHER;
}
