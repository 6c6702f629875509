// SPDX-License-Identifier: Apache-2.0
// (jansson's names and those of core/base/json.h collide, so writing is in a file of its own.)
#include "core/base/json.h"
#include "core/config/wanted.h"

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

size_t wanted_differs(const Wanted *wanted, const Properties *there, WantedDifference visit, void *context) {
    size_t differences = 0;
    for (size_t i = 0; i < wanted->config.count; i++) {
        const Property *want = &wanted->config.at[i], *is = properties_find(there, want->name);
        if (is != NULL && (slice_equal(is->value, want->value) || slice_is(is->value, WANTED_MASK))) {
            continue;
        }
        if (is != NULL) {
            visit(context, '-', is->name, is->value);
        }
        visit(context, '+', want->name, want->value);
        differences++;
    }
    for (size_t i = 0; i < there->count; i++) {
        if (!slice_is(there->at[i].name, "name") && properties_find(&wanted->config, there->at[i].name) == NULL) {
            visit(context, '-', there->at[i].name, there->at[i].value);
            differences++;
        }
    }
    return differences;
}
