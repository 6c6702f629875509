// SPDX-License-Identifier: Apache-2.0
#include "surface/api/webhook.c"

#include "core/base/test.h"
#include "core/net/test_server.h"

// The receiver: keeps what it got; refuses the first so many.
typedef struct Receiver {
    pthread_mutex_t mutex;
    pthread_cond_t come;
    Buf bodies; // one line each
    int count, refusals, status;
} Receiver;

static bool receive(TestRequest *request) {
    Receiver *receiver = request->server->context;
    pthread_mutex_lock(&receiver->mutex);
    int status = receiver->refusals > 0 ? receiver->status : 204;
    receiver->refusals -= receiver->refusals > 0;
    if (status == 204) {
        buf_put(&receiver->bodies, buf_slice(&request->body));
        buf_u8(&receiver->bodies, '\n');
        receiver->count++;
        pthread_cond_signal(&receiver->come);
    }
    pthread_mutex_unlock(&receiver->mutex);
    return test_answer(request, status, "", (Slice){0});
}

static void await(Receiver *receiver, int count) {
    pthread_mutex_lock(&receiver->mutex);
    while (receiver->count < count) {
        pthread_cond_wait(&receiver->come, &receiver->mutex);
    }
    pthread_mutex_unlock(&receiver->mutex);
}

static bool got(Receiver *receiver, const char *text) {
    pthread_mutex_lock(&receiver->mutex);
    bool found = memmem(receiver->bodies.data, receiver->bodies.size, text, strlen(text)) != NULL;
    pthread_mutex_unlock(&receiver->mutex);
    return found;
}

static Webhook *hook(const char *url, const char *events) {
    Err err[1] = {{0}};
    Webhook *webhook = NULL;
    ServerOptions options = {
        .webhook_url = url, .webhook_events = events, .freshness_target_ms = 1000, .slot_alert_percent = 80};
    CHECK_OK(open_with(NULL, &options, 1, &webhook, err));
    return webhook;
}

static void state(Webhook *webhook, const char *text) {
    webhook_message(webhook, &(Message){.type = MESSAGE_STATE, .name = slice_of("a\"b"), .text = slice_of(text)});
}

TEST(webhook_tells_what_begins_and_ends) {
    log_level_set(LOG_SILENT);
    Receiver receiver = {.mutex = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};
    TestServer server = {.context = &receiver};
    test_server_start(&server, receive);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/hook", server.port);
    receiver.refusals = 3;
    receiver.status = 503;
    Webhook *webhook = hook(url, "slot, freshness,dead_letters,crash_loop,quarantine,retention");
    state(webhook, "no json");
    state(webhook, "{\"report\":{\"slot_retained_bytes\":90,\"slot_safe_bytes\":10,\"dead_letters\":3}}");
    state(webhook, "{\"report\":{\"slot_retained_bytes\":79,\"slot_safe_bytes\":21,\"dead_letters\":3}}"); // still near
    await(&receiver, 1); // after three refusals
    CHECK(got(&receiver, "{\"event\":\"slot\",\"state\":\"raised\",\"connector\":\"a\\\"b\","));
    CHECK(got(&receiver, "\"value\":0.9,\"limit\":0.8}"));
    state(webhook, "{\"report\":{\"slot_retained_bytes\":1,\"slot_safe_bytes\":99,\"dead_letters\":5,\"lag_ms\":1001,"
                   "\"quarantined\":2}}");
    await(&receiver, 5);
    CHECK(got(&receiver, "\"event\":\"slot\",\"state\":\"resolved\""));
    CHECK(got(&receiver, "\"event\":\"freshness\",\"state\":\"raised\""));
    CHECK(got(&receiver, "\"event\":\"dead_letters\",\"state\":\"raised\""));
    CHECK(got(&receiver, "\"event\":\"quarantine\",\"state\":\"raised\""));
    state(webhook, "{\"task\":\"FAILED\",\"trace\":\"crash loop: 6 ends in a row\",\"restarts\":5}");
    state(webhook, "{\"task\":\"RUNNING\",\"trace\":null}");
    await(&receiver, 7);
    CHECK(got(&receiver, "\"event\":\"crash_loop\",\"state\":\"resolved\""));
    CHECK_INT(receiver.count, 7);
    state(webhook, "{\"report\":{\"retention_share\":0.49,\"retention_of\":\"t-1\"}}");
    state(webhook, "{\"report\":{\"retention_share\":0.5,\"retention_of\":\"t-1\"}}");
    await(&receiver, 9); // the quarantine is over, too
    CHECK(got(&receiver, "written yet: t-1\",\"value\":0.5,\"limit\":0.5"));
    state(webhook, "{\"report\":{\"retention_share\":0.46,\"retention_of\":\"t-1\"}}"); // still near
    state(webhook, "{\"report\":{\"retention_share\":0.1,\"retention_of\":\"t-1\"}}");
    state(webhook, "{\"report\":{\"retention_share\":0,\"lost_records\":7}}");
    await(&receiver, 11);
    CHECK(got(&receiver, "\"event\":\"retention\",\"state\":\"resolved\""));
    CHECK(got(&receiver, "before they were read: 7"));
    CHECK_INT(receiver.count, 11);
    webhook_close(webhook);
    test_server_stop(&server);
    buf_release(&receiver.bodies);
}

#define VERIFIED(last, tables) "{\"report\":{\"verify\":{\"last\":" last ",\"tables\":[" tables "]}}}"
#define DIFFERS                "{\"table\":\"s.t\",\"result\":\"differs\"}"

TEST(webhook_tells_what_verifications_found) {
    log_level_set(LOG_SILENT);
    Receiver receiver = {.mutex = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};
    TestServer server = {.context = &receiver};
    test_server_start(&server, receive);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server.port);
    Webhook *webhook = hook(url, "verify_differs,verify_not_compared");
    state(webhook, VERIFIED("null", ""));
    state(webhook, VERIFIED("{\"result\":\"differs\"}", DIFFERS));
    state(webhook, VERIFIED("{\"result\":\"differs\"}", DIFFERS)); // once
    await(&receiver, 1);
    CHECK(got(&receiver, "\"event\":\"verify_differs\",\"state\":\"raised\"") && got(&receiver, "source is: s.t\""));
    // It could not be compared again: what is known stays.
    state(webhook, VERIFIED("{\"result\":\"not_compared\",\"error\":\"source_auth\",\"message\":\"no\"}", DIFFERS));
    await(&receiver, 2);
    CHECK(got(&receiver, "\"event\":\"verify_not_compared\",\"state\":\"raised\"") && got(&receiver, "source: no\""));
    state(webhook, VERIFIED("{\"result\":\"equal\"}", "{\"table\":\"s.t\",\"result\":\"equal\"}"));
    await(&receiver, 4);
    CHECK(got(&receiver, "\"event\":\"verify_differs\",\"state\":\"resolved\""));
    CHECK(got(&receiver, "\"event\":\"verify_not_compared\",\"state\":\"resolved\""));
    CHECK_INT(receiver.count, 4);
    webhook_close(webhook);
    test_server_stop(&server);
    buf_release(&receiver.bodies);
}

TEST(webhook_sends_what_is_wanted_and_gives_up) {
    log_level_set(LOG_SILENT);
    Receiver receiver = {.mutex = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};
    TestServer server = {.context = &receiver};
    test_server_start(&server, receive);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server.port);
    receiver.refusals = 1;
    receiver.status = 400; // is not asked again
    Webhook *webhook = hook(url, "quarantine");
    state(webhook, "{\"report\":{\"quarantined\":1,\"lag_ms\":5000}}");
    state(webhook, "{\"report\":{\"quarantined\":0}}");
    await(&receiver, 1);
    CHECK(got(&receiver, "resolved") && !got(&receiver, "raised") && !got(&receiver, "freshness"));
    webhook_close(webhook);
    test_server_stop(&server);
    buf_release(&receiver.bodies);
}

TEST(webhook_never_blocks) {
    log_level_set(LOG_SILENT);
    Webhook *webhook = hook("http://127.0.0.1:1/", "quarantine"); // nobody is there
    for (int i = 0; i < WAITING_MAX * 2; i++) {
        state(webhook, i % 2 == 0 ? "{\"report\":{\"quarantined\":1}}" : "{\"report\":{\"quarantined\":0}}");
    }
    webhook_message(webhook, &(Message){.type = MESSAGE_DOCUMENT, .name = slice_of("a\"b")});
    CHECK_INT(webhook->seen.count, 0);
    webhook_close(webhook);
    Err err[1] = {{0}};
    CHECK_FAILS(open_with(NULL, &(ServerOptions){.webhook_events = "slot,nonsense"}, 1, &webhook, err), ERR_OPTION);
}
