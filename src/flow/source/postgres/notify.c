// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/notify.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/sys/random.h"
#include "flow/source/postgres/connector_topics.h"

struct PgNotify {
    Slice connector; // topic.prefix
    bool sink, log;
};

bool pg_notify_new(Arena *arena, const Properties *properties, PgNotify **notify, Err *err) {
    const Property *channels = properties_find(properties, SLICE("notification.enabled.channels"));
    const char *topic = properties_text(arena, properties, "notification.sink.topic.name", "");
    size_t count = 0;
    Slice *names = properties_list(arena, channels != NULL ? channels->value : (Slice){0}, &count);
    *notify = NULL;
    if (count == 0) {
        return true;
    }
    PgNotify *made = ARENA_NEW(arena, PgNotify);
    made->connector = slice_of(properties_text(arena, properties, "topic.prefix", ""));
    for (size_t i = 0; i < count; i++) {
        made->sink |= slice_is(names[i], "sink");
        made->log |= slice_is(names[i], "log");
        if (!slice_is(names[i], "sink") && !slice_is(names[i], "log") && !slice_is(names[i], "jmx")) {
            FAIL(err, ERR_OPTION, "notification.enabled.channels: there is no channel \"%.*s\"", SLICE_ARG(names[i]));
            return err_hint(err, "channels are sink and log");
        }
    }
    if (made->sink && topic[0] == '\0') {
        FAIL(err, ERR_OPTION, "notification.enabled.channels has sink, but notification.sink.topic.name has no value");
        return err_hint(err, "name the topic for notifications");
    }
    *notify = made;
    return true;
}

static void data_put(const PgNotify *notify, const PgNotifyPair *pairs, size_t count, Buf *data) {
    buf_text(data, "{\"connector_name\":");
    json_quote(data, notify->connector);
    for (size_t i = 0; i < count; i++) {
        json_key(data, pairs[i].name);
        json_quote(data, pairs[i].value);
    }
    buf_u8(data, '}');
}

bool pg_notify(PgNotify *notify, PgSession *session, Slice id, const char *aggregate, const char *type,
               const PgNotifyPair *pairs, size_t count, uint64_t lsn, Err *err) {
    char uuid[37];
    DEFER(buf_release) Buf data = {0};
    if (notify == NULL) {
        return true;
    }
    random_uuid(uuid);
    id = id.size > 0 ? id : slice_of(uuid);
    data_put(notify, pairs, count, &data);
    if (notify->log) {
        buf_u8(&data, '\0');
        log_info(LOG_SOURCE, "notification", LOG_TEXT("aggregate_type", aggregate), LOG_TEXT("type", type),
                 LOG_TEXT("additional_data", (const char *)data.data));
        data.size--;
    }
    if (!notify->sink) {
        return true;
    }
    return pg_topic_notification(session, lsn, id, aggregate, type, buf_slice(&data), err);
}
