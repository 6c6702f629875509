// SPDX-License-Identifier: Apache-2.0
#include "surface/api/webhook_report.h"

#include <jansson.h>

static int64_t integer(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? (int64_t)json_number_value(value) : -1;
}

bool webhook_report_read(Slice text, WebhookReport *to) {
    json_t *state = json_loadb((const char *)text.data, text.size, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(state)) {
        json_decref(state);
        return false;
    }
    const char *task = json_string_value(json_object_get(state, "task"));
    const char *trace = json_string_value(json_object_get(state, "trace"));
    const json_t *report = json_object_get(state, "report");
    bool failed = task != NULL && strcmp(task, "FAILED") == 0;
    *to = (WebhookReport){.crash_loop = failed && trace != NULL && strstr(trace, "crash loop") != NULL,
                          .restarts = integer(state, "restarts"),
                          .has_report = json_is_object(report),
                          .slot_share = -1,
                          .lag_ms = integer(report, "lag_ms"),
                          .dead_letters = integer(report, "dead_letters"),
                          .quarantined = MAX(integer(report, "quarantined"), 0)};
    int64_t retained = integer(report, "slot_retained_bytes"), safe = integer(report, "slot_safe_bytes");
    if (retained >= 0 && safe >= 0 && retained + safe > 0) {
        to->slot_share = (double)retained / (double)(retained + safe);
    }
    json_decref(state);
    return true;
}
