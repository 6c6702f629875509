// SPDX-License-Identifier: Apache-2.0
#include "surface/api/webhook_report.h"

#include <jansson.h>

static int64_t integer(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? (int64_t)json_number_value(value) : -1;
}

static const char *text_of(const json_t *object, const char *name) {
    const char *value = json_string_value(json_object_get(object, name));
    return value != NULL ? value : "";
}

static void verify_read(const json_t *verify, WebhookReport *to) {
    const json_t *last = json_object_get(verify, "last"), *tables = json_object_get(verify, "tables");
    size_t used = 0;
    to->verified = json_is_object(last);
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const json_t *table = json_array_get(tables, i);
        bool differs = strcmp(text_of(table, "result"), "differs") == 0;
        bool not_compared = strcmp(text_of(table, "result"), "not_compared") == 0;
        to->differ += differs;
        to->not_compared += not_compared;
        if ((differs || not_compared) && used < sizeof(to->verify_text)) {
            used += (size_t)snprintf(to->verify_text + used, sizeof(to->verify_text) - used, "%s%s",
                                     used > 0 ? ", " : "", text_of(table, "table"));
        }
    }
    if (text_of(last, "error")[0] != '\0') { // it came to no end
        to->not_compared = MAX(to->not_compared, INT64_C(1));
        snprintf(to->verify_text, sizeof(to->verify_text), "%s", text_of(last, "message"));
    }
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
                          .retention_share = -1,
                          .lost_records = MAX(integer(report, "lost_records"), 0),
                          .lag_ms = integer(report, "lag_ms"),
                          .dead_letters = integer(report, "dead_letters"),
                          .quarantined = MAX(integer(report, "quarantined"), 0)};
    int64_t retained = integer(report, "slot_retained_bytes"), safe = integer(report, "slot_safe_bytes");
    if (retained >= 0 && safe >= 0 && retained + safe > 0) {
        to->slot_share = (double)retained / (double)(retained + safe);
    }
    const json_t *share = json_object_get(report, "retention_share");
    to->retention_share = json_is_number(share) ? json_number_value(share) : -1;
    snprintf(to->retention_of, sizeof(to->retention_of), "%s", text_of(report, "retention_of"));
    verify_read(json_object_get(report, "verify"), to);
    json_decref(state);
    return true;
}
