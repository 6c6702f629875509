// SPDX-License-Identifier: Apache-2.0
// (jansson's names and those of core/base/json.h collide, so writing is in a file of its own.)
#include "core/base/json.h"
#include "surface/cli/wanted.h"

void wanted_body(const Wanted *wanted, Buf *body) {
    buf_text(body, "{\"name\":");
    json_quote(body, wanted->name);
    buf_text(body, ",\"config\":");
    properties_json(body, &wanted->config);
    if (wanted->target != NULL) {
        buf_printf(body, ",\"initial_state\":\"%s\"", wanted->target);
    }
    buf_text(body, "}");
}
