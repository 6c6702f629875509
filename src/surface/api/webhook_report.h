// SPDX-License-Identifier: Apache-2.0
// What the webhook looks at in a STATE. (jansson's names and those of core/base/json.h collide: hence its own file.)
#ifndef LEAT_SURFACE_API_WEBHOOK_REPORT_H
#define LEAT_SURFACE_API_WEBHOOK_REPORT_H

#include "core/base/bytes.h"

// From here on a topic's retention is told of.
#define RETENTION_ALERT_SHARE 0.5

typedef struct WebhookReport {
    bool crash_loop;
    int64_t restarts;
    bool has_report;        // the worker has said something; what it has not is -1
    double slot_share;      // retained WAL of its cap
    double retention_share; // of Kafka's, that what comes next has come
    char retention_of[300];
    int64_t lost_records; // that Kafka removed before
    int64_t lag_ms, dead_letters, quarantined;
    bool verified;                // there is a result of a verification
    int64_t differ, not_compared; // tables, by the newest result of each; the second also 1 when none could be compared
    char verify_text[200];        // names of some of them, or why none could be
} WebhookReport;

// False: it is no JSON object.
bool webhook_report_read(Slice state, WebhookReport *report);

#endif
