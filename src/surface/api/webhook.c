// SPDX-License-Identifier: Apache-2.0
#include "surface/api/webhook.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/version.h"
#include "core/config/secret.h"
#include "core/net/http.h"
#include "core/sys/clock.h"
#include "core/sys/thread.h"
#include "engine/ipc/tasks.h"
#include "surface/api/webhook_report.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
    WAITING_MAX = 256,
    TRIES_MAX = 10,
    PAUSE_FIRST_MS = 1000,
    PAUSE_MAX_MS = 60 * 1000,
    CONNECT_MS = 5000,
    STALLED_MS = 10 * 1000,
    LETTERS_PAUSE_MS = 60 * 1000, // between two events of a connector's dead letters
};

typedef enum Event {
    EVENT_SLOT,
    EVENT_RETENTION,
    EVENT_FRESHNESS,
    EVENT_DEAD_LETTERS,
    EVENT_CRASH_LOOP,
    EVENT_QUARANTINE,
    EVENT_VERIFY_DIFFERS,
    EVENT_VERIFY_NOT_COMPARED,
    EVENTS
} Event;
static const char *const EVENT_NAMES[EVENTS] = {"slot",       "retention",  "freshness",      "dead_letters",
                                                "crash_loop", "quarantine", "verify_differs", "verify_not_compared"};

// What was last seen of a connector.
typedef struct Seen {
    bool known; // it has reported since the front began
    bool raised[EVENTS];
    int64_t letters, letters_ms;
} Seen;

// One event that waits to be sent.
typedef struct Waiting Waiting;
struct Waiting {
    Buf body;
    Waiting *next;
};

typedef struct Webhook {
    Front *front;
    const char *url; // with its references
    bool wanted[EVENTS];
    double slot_limit;
    int64_t freshness_ms; // 0 = no target
    int64_t pause_first_ms;
    Map seen; // connector's name → Seen; of the channel's thread
    pthread_mutex_t mutex;
    pthread_cond_t come;
    Waiting *first, **last;
    size_t count;
    bool started;
    _Atomic bool closing;
    pthread_t sender;
} Webhook;

// ---- sending

// True: it is done with, sent or not to be sent again.
static bool send_once(const Webhook *webhook, HttpClient *client, const Waiting *event, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    char *url = NULL;
    TRY(secret_resolve(webhook->url, &scratch, &url, err));
    const HttpHeader headers[] = {{"Content-Type", "application/json"}, {"User-Agent", "leat/" LEAT_VERSION}};
    HttpRequest request = {.method = "POST",
                           .url = url,
                           .headers = headers,
                           .header_count = ARRAY_LEN(headers),
                           .body = buf_slice(&event->body),
                           .file = -1,
                           .answer_bytes_max = MIB};
    HttpAnswer answer = {0};
    bool answered = http_send(client, &request, &answer, err);
    int status = answer.status;
    http_answer_release(&answer);
    TRY(answered);
    if (status / 100 == 2) {
        return true;
    }
    if (status / 100 == 4 && status != 408 && status != 429) {
        log_warn(LOG_API, "the webhook's receiver refuses an event: it is not sent again", LOG_INT("status", status));
        return true;
    }
    return FAIL(err, ERR_NET_BUSY, "the webhook's receiver answers %d", status);
}

// Sleeps, unless it is over.
static void pause_for(Webhook *webhook, int64_t ms) {
    struct timespec until = thread_until(ms * 1000);
    pthread_mutex_lock(&webhook->mutex);
    int code = 0;
    while (!webhook->closing && code == 0) {
        code = pthread_cond_timedwait(&webhook->come, &webhook->mutex, &until);
        // a new event wakes it early: the pause goes on
    }
    pthread_mutex_unlock(&webhook->mutex);
}

static void send_with_patience(Webhook *webhook, HttpClient *client, const Waiting *event) {
    int64_t pause = webhook->pause_first_ms;
    for (int tries = 1; !webhook->closing; tries++) {
        Err err[1] = {{0}};
        if (send_once(webhook, client, event, err)) {
            return;
        }
        if (tries == TRIES_MAX) {
            log_err(LOG_API, "an event cannot be sent to the webhook: it is dropped", err);
            return;
        }
        pause_for(webhook, pause);
        pause = MIN(pause * 2, PAUSE_MAX_MS);
    }
}

static void *send_loop(void *context) {
    Webhook *webhook = context;
    HttpClient *client = NULL;
    Err err[1] = {{0}};
    HttpClientOptions options = {.connections_max = 1, .connect_ms = CONNECT_MS, .stalled_ms = STALLED_MS};
    if (!http_client_open(&options, &client, err)) {
        log_err(LOG_API, "no webhook", err);
        return NULL;
    }
    http_client_stop_flag(client, &webhook->closing);
    pthread_mutex_lock(&webhook->mutex);
    while (!webhook->closing) {
        Waiting *event = webhook->first;
        if (event == NULL) {
            pthread_cond_wait(&webhook->come, &webhook->mutex);
            continue;
        }
        webhook->first = event->next;
        webhook->last = webhook->first == NULL ? &webhook->first : webhook->last;
        webhook->count--;
        pthread_mutex_unlock(&webhook->mutex);
        send_with_patience(webhook, client, event);
        buf_release(&event->body);
        free(event);
        pthread_mutex_lock(&webhook->mutex);
    }
    pthread_mutex_unlock(&webhook->mutex);
    http_client_close(client);
    return NULL;
}

// ---- what is to be told

static void tell(Webhook *webhook, Event event, Slice connector, bool raised, const char *message, double value,
                 double limit) {
    log_fields(raised ? LOG_WARN : LOG_INFO, LOG_API, message,
               (const LogField[]){LOG_TEXT("event", EVENT_NAMES[event]), LOG_SLICE("connector", connector),
                                  LOG_TEXT("state", raised ? "raised" : "resolved"), LOG_END});
    if (webhook->url[0] == '\0' || !webhook->wanted[event]) {
        return;
    }
    Waiting *waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL) {
        panic("out of memory for an event");
    }
    Buf *body = &waiting->body;
    buf_u8(body, '{');
    json_field_text(body, "event", EVENT_NAMES[event]);
    json_field_text(body, "state", raised ? "raised" : "resolved");
    json_key(body, "connector");
    json_quote(body, connector);
    json_field_int(body, "time_ms", clock_wall_us() / 1000);
    json_field_text(body, "server", webhook->front != NULL ? front_worker_id(webhook->front) : "");
    json_field_text(body, "message", message);
    buf_printf(body, ",\"value\":%.6g,\"limit\":%.6g}", value, limit);
    pthread_mutex_lock(&webhook->mutex);
    bool full = webhook->count == WAITING_MAX;
    if (!full) {
        *webhook->last = waiting;
        webhook->last = &waiting->next;
        webhook->count++;
        pthread_cond_signal(&webhook->come);
    }
    pthread_mutex_unlock(&webhook->mutex);
    if (full) {
        log_warn(LOG_API, "too many events wait for the webhook: one is dropped");
        buf_release(body);
        free(waiting);
    }
}

// Raised once, resolved once.
static void edge(Webhook *webhook, Seen *seen, Event event, Slice connector, bool now, const char *message,
                 double value, double limit) {
    if (seen->raised[event] != now) {
        seen->raised[event] = now;
        tell(webhook, event, connector, now, message, value, limit);
    }
}

static void dead_letters(Webhook *webhook, Seen *seen, Slice connector, int64_t letters) {
    int64_t now = clock_monotonic_us() / 1000;
    if (letters < 0) {
        return;
    }
    if (!seen->known || letters < seen->letters) { // a worker counts from its start
        seen->letters = seen->known ? 0 : letters;
    }
    if (letters > seen->letters && (seen->letters_ms == 0 || now - seen->letters_ms >= LETTERS_PAUSE_MS)) {
        tell(webhook, EVENT_DEAD_LETTERS, connector, true, "values or rows went to the dead letters", (double)letters,
             (double)seen->letters);
        seen->letters = letters;
        seen->letters_ms = now;
    }
}

static void verified(Webhook *webhook, Seen *seen, Slice name, const WebhookReport *report) {
    char differ[300], not_compared[300];
    snprintf(differ, sizeof(differ), "tables are not what their source is: %s", report->verify_text);
    snprintf(not_compared, sizeof(not_compared), "tables could not be compared with their source: %s",
             report->verify_text);
    edge(webhook, seen, EVENT_VERIFY_DIFFERS, name, report->differ > 0,
         report->differ > 0 ? differ : "no table is known to differ from its source any more", (double)report->differ,
         0);
    edge(webhook, seen, EVENT_VERIFY_NOT_COMPARED, name, report->not_compared > 0,
         report->not_compared > 0 ? not_compared : "all tables could be compared with their source",
         (double)report->not_compared, 0);
}

// Of Kafka's topics, for what reads them.
static void retention(Webhook *webhook, Seen *seen, Slice name, const WebhookReport *report) {
    char text[400];
    double limit = RETENTION_ALERT_SHARE * (seen->raised[EVENT_RETENTION] ? 0.9 : 1);
    bool near = report->retention_share >= limit, lost = report->lost_records > 0;
    snprintf(text, sizeof(text), "records that Kafka's retention will remove are not written yet: %s",
             report->retention_of);
    if (lost) {
        snprintf(text, sizeof(text), "Kafka's retention has removed records before they were read: %" PRId64,
                 report->lost_records);
    }
    if (report->retention_share >= 0 || lost) {
        edge(webhook, seen, EVENT_RETENTION, name, near || lost,
             near || lost ? text : "what is not written yet is far from Kafka's retention", report->retention_share,
             RETENTION_ALERT_SHARE);
    }
}

static void look(Webhook *webhook, Seen *seen, Slice name, const WebhookReport *report) {
    edge(webhook, seen, EVENT_CRASH_LOOP, name, report->crash_loop,
         report->crash_loop ? "the worker failed too often in a row and is not started again"
                            : "the worker is started again",
         (double)report->restarts, 0);
    if (!report->has_report) {
        return;
    }
    if (report->slot_share >= 0) {
        double limit = seen->raised[EVENT_SLOT] ? webhook->slot_limit * 0.9 : webhook->slot_limit;
        bool near = report->slot_share >= limit;
        edge(webhook, seen, EVENT_SLOT, name, near,
             near ? "the slot's retained WAL is near its cap: past it the slot is lost"
                  : "the slot's retained WAL is well below its cap",
             report->slot_share, webhook->slot_limit);
    }
    retention(webhook, seen, name, report);
    if (webhook->freshness_ms > 0 && report->lag_ms >= 0) {
        bool late = report->lag_ms > webhook->freshness_ms;
        edge(webhook, seen, EVENT_FRESHNESS, name, late,
             late ? "changes are older than freshness.target when they become durable" : "changes are fresh again",
             (double)report->lag_ms, (double)webhook->freshness_ms);
    }
    dead_letters(webhook, seen, name, report->dead_letters);
    edge(webhook, seen, EVENT_QUARANTINE, name, report->quarantined > 0,
         report->quarantined > 0 ? "tables do not go on until they are read again" : "no table is held back any more",
         (double)report->quarantined, 0);
    if (report->verified) {
        verified(webhook, seen, name, report);
    }
    seen->known = true;
}

void webhook_message(void *context, const Message *message) {
    Webhook *webhook = context;
    bool elsewhere = message->type == MESSAGE_STATE && message->number != 0; // its node tells
    if (elsewhere || (message->type == MESSAGE_DOCUMENT && message->text.size == 0)) {
        free(map_remove(&webhook->seen, message->name));
    }
    if (elsewhere || message->type != MESSAGE_STATE) {
        return;
    }
    WebhookReport report;
    if (!webhook_report_read(message->text, &report)) {
        return;
    }
    Seen *seen = map_find(&webhook->seen, message->name);
    if (seen == NULL) {
        seen = calloc(1, sizeof(*seen));
        if (seen == NULL) {
            panic("out of memory for a connector's events");
        }
        map_put(&webhook->seen, message->name, seen);
    }
    look(webhook, seen, task_connector(message->name), &report);
}

// ---- life

static bool take_events(Webhook *webhook, const char *list, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    size_t count = 0;
    const Slice *names = properties_list(&scratch, slice_of(list), &count);
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t event = 0; event < EVENTS; event++) {
            if (slice_equal(names[i], slice_of(EVENT_NAMES[event]))) {
                webhook->wanted[event] = found = true;
            }
        }
        if (!found) {
            FAIL(err, ERR_OPTION, "webhook.events: there is no event '%.*s'", (int)MIN(names[i].size, (size_t)60),
                 (const char *)names[i].data);
            return err_hint(
                err, "there are slot, retention, freshness, dead_letters, crash_loop, quarantine, verify_differs and "
                     "verify_not_compared");
        }
    }
    return true;
}

// With an URL, a thread that sends.
static bool begin(Webhook *webhook, const ServerOptions *options, Err *err) {
    webhook->url = options->webhook_url != NULL ? options->webhook_url : "";
    webhook->slot_limit = (double)options->slot_alert_percent / 100;
    webhook->freshness_ms = options->freshness_target_ms;
    TRY(take_events(webhook, options->webhook_events, err));
    if (webhook->url[0] != '\0') {
        int code = pthread_create(&webhook->sender, NULL, send_loop, webhook);
        if (code != 0) {
            return FAIL(err, ERR_IO_FAILED, "no thread for the webhook: %s", strerror(code));
        }
        webhook->started = true;
    }
    return true;
}

static bool open_with(Front *front, const ServerOptions *options, int64_t pause_first_ms, Webhook **opened, Err *err) {
    Webhook *webhook = calloc(1, sizeof(*webhook));
    if (webhook == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for the webhook");
    }
    webhook->front = front;
    webhook->pause_first_ms = pause_first_ms;
    webhook->last = &webhook->first;
    pthread_mutex_init(&webhook->mutex, NULL);
    thread_cond_init(&webhook->come);
    if (!begin(webhook, options, err)) {
        webhook_close(webhook);
        return err_frame(err, __FILE__, __LINE__);
    }
    *opened = webhook;
    return true;
}

bool webhook_open(Front *front, ApiSurface *surface, Err *err) {
    Webhook *webhook = NULL;
    TRY(open_with(front, front_options(front), PAUSE_FIRST_MS, &webhook, err));
    *surface = (ApiSurface){.name = "Webhook", .context = webhook};
    return true;
}

void webhook_close(void *context) {
    Webhook *webhook = context;
    pthread_mutex_lock(&webhook->mutex);
    webhook->closing = true;
    pthread_cond_signal(&webhook->come);
    pthread_mutex_unlock(&webhook->mutex);
    if (webhook->started) {
        pthread_join(webhook->sender, NULL);
    }
    for (Waiting *at = webhook->first, *next = NULL; at != NULL; at = next) {
        next = at->next;
        buf_release(&at->body);
        free(at);
    }
    for (MapEntry *entry = NULL; (entry = map_next(&webhook->seen, entry)) != NULL;) {
        free(entry->value);
    }
    map_release(&webhook->seen);
    pthread_mutex_destroy(&webhook->mutex);
    pthread_cond_destroy(&webhook->come);
    free(webhook);
}
