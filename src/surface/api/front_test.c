// SPDX-License-Identifier: Apache-2.0
// The front in a thread, the test as its supervisor.
#include "surface/api/front.c"

#include "core/base/test.h"
#include "core/net/http.h"
#include "core/sys/file.h"

#include <unistd.h>

typedef struct Stage {
    Channel channel;
    pthread_t thread;
    int fd;
    bool good;
    Err err;
    int connect, metrics;
    char folder[64]; // its data directory
} Stage;

static void *front_thread(void *context) {
    Stage *stage = context;
    stage->good = front_run(stage->fd, &stage->err);
    return NULL;
}

static Message receive(Stage *stage) {
    Err err[1] = {{0}};
    Message message;
    bool got = false;
    CHECK_OK(channel_receive(&stage->channel, 10000, &message, &got, err));
    CHECK(got);
    return message;
}

static void send_to(Stage *stage, Message message) {
    Err err[1] = {{0}};
    CHECK_OK(channel_send(&stage->channel, &message, err));
}

// The options are members of an object.
static void begin_stage(Stage *stage, const char *options) {
    Err err[1] = {{0}};
    char text[512];
    log_level_set(LOG_ERROR);
    test_folder(stage->folder, sizeof(stage->folder), "front");
    snprintf(text, sizeof(text), "{\"data.directory\":\"%s\",%s}", stage->folder, options);
    int ends[2];
    CHECK_OK(channel_pair(ends, err));
    CHECK_OK(channel_open(&stage->channel, ends[0], err));
    stage->fd = ends[1];
    pthread_create(&stage->thread, NULL, front_thread, stage);
    Message hello = receive(stage);
    CHECK_INT(hello.type, MESSAGE_HELLO);
    CHECK_TEXT(hello.text, LEAT_VERSION);
    send_to(stage, (Message){.type = MESSAGE_START, .verb = slice_of("front"), .text = slice_of(text)});
}

static int port_of(Slice text, const char *name) {
    char wanted[32];
    int size = snprintf(wanted, sizeof(wanted), "\"%s\":", name);
    const char *at = memmem(text.data, text.size, wanted, (size_t)size);
    char digits[8] = "";
    for (size_t i = 0; at != NULL && i < sizeof(digits) - 1; i++) {
        const char *digit = at + size + i;
        digits[i] = *digit >= '0' && *digit <= '9' ? *digit : '\0';
        if (digits[i] == '\0') {
            break;
        }
    }
    return (int)strtol(digits, NULL, 10);
}

static void await_ready(Stage *stage) {
    Message ready = receive(stage);
    CHECK_INT(ready.type, MESSAGE_READY);
    stage->connect = port_of(ready.text, "connect");
    stage->metrics = port_of(ready.text, "metrics");
    CHECK_INT(ready.number, stage->connect);
}

static void join_stage(Stage *stage) {
    Err err[1] = {{0}};
    pthread_join(stage->thread, NULL);
    channel_close(&stage->channel);
    CHECK_OK(file_remove_tree(stage->folder, err));
}

static void end_stage(Stage *stage) {
    send_to(stage, (Message){.type = MESSAGE_STOP});
    CHECK_INT(receive(stage).type, MESSAGE_DONE);
    join_stage(stage);
    CHECK(stage->good);
}

static int get(int port, const char *method, const char *path, const char *token, Buf *body) {
    Err err[1] = {{0}};
    HttpClient *client = NULL;
    CHECK_OK(http_client_open(&(HttpClientOptions){.proxy = ""}, &client, err));
    char url[256], authorization[256];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    snprintf(authorization, sizeof(authorization), "Bearer %s", token != NULL ? token : "");
    HttpHeader header = {"Authorization", authorization};
    HttpAnswer answer = {0};
    CHECK_OK(http_send(
        client,
        &(HttpRequest){.method = method, .url = url, .headers = &header, .header_count = token != NULL, .file = -1},
        &answer, err));
    int status = answer.status;
    buf_reset(body);
    buf_put(body, buf_slice(&answer.body));
    http_answer_release(&answer);
    http_client_close(client);
    return status;
}

#define OPEN "\"listen.connect\":\"127.0.0.1:0\",\"listen.registry\":\"\",\"listen.catalog\":\"\","

TEST(front_serves_until_it_is_stopped) {
    Stage stage = {0};
    begin_stage(&stage, OPEN "\"listen.metrics\":\"127.0.0.1:0\"");
    await_ready(&stage);
    Buf body = {0};
    CHECK_INT(get(stage.connect, "GET", "/health/", NULL, &body), 200);
    CHECK_TEXT(
        buf_slice(&body),
        "{\"status\":\"healthy\",\"message\":\"Worker has completed startup and is ready to handle requests.\"}");
    CHECK_INT(get(stage.metrics, "GET", "/health", NULL, &body), 200);
    CHECK_INT(get(stage.connect, "GET", "/nope", NULL, &body), 404);
    CHECK_TEXT(buf_slice(&body), "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}");
    CHECK_INT(get(stage.connect, "DELETE", "/health", NULL, &body), 405);
    CHECK_INT(get(stage.connect, "GET", "/health?a=%zz", NULL, &body), 400);
    buf_release(&body);
    end_stage(&stage);
}

TEST(front_asks_for_tokens) {
    char folder[64], path[80], options[512];
    test_folder(folder, sizeof(folder), "front");
    snprintf(path, sizeof(path), "%s/tokens", folder);
    Err err[1] = {{0}};
    CHECK_OK(file_replace(path, slice_of("a admin plain:good\n"), err));
    snprintf(options, sizeof(options), OPEN "\"listen.metrics\":\"\",\"auth.token.file\":\"%s\"", path);
    Stage stage = {0};
    begin_stage(&stage, options);
    await_ready(&stage);
    Buf body = {0};
    CHECK_INT(get(stage.connect, "GET", "/health", NULL, &body), 200);
    CHECK_INT(get(stage.connect, "GET", "/nope", NULL, &body), 401);
    CHECK_TEXT(buf_slice(&body), "{\"error_code\":401,\"message\":\"HTTP 401 Unauthorized\"}");
    CHECK_INT(get(stage.connect, "GET", "/nope", "bad", &body), 401);
    CHECK_INT(get(stage.connect, "GET", "/nope", "good", &body), 404);
    buf_release(&body);
    end_stage(&stage);
    CHECK_OK(file_remove_tree(folder, err));
}

TEST(front_says_why_it_cannot_serve) {
    Stage stage = {0};
    begin_stage(&stage, "\"listen.connect\":\"0.0.0.0:0\"");
    Message failed = receive(&stage);
    CHECK_INT(failed.type, MESSAGE_FAILED);
    CHECK_TEXT(failed.verb, "option");
    CHECK_INT(failed.number, ERR_CLASS_CONFIG);
    CHECK(memmem(failed.text.data, failed.text.size, "open to the network", 19) != NULL);
    CHECK(memmem(failed.text.data, failed.text.size, "\n", 1) != NULL);
    join_stage(&stage);
    CHECK(!stage.good);
}

TEST(front_ends_with_its_supervisor) {
    Stage stage = {0};
    begin_stage(&stage, OPEN "\"listen.metrics\":\"\"");
    await_ready(&stage);
    channel_close(&stage.channel);
    join_stage(&stage);
    CHECK(!stage.good);
    CHECK_INT(stage.err.code, ERR_INTERRUPTED);
}

typedef struct Question {
    Front *front;
    bool done;
    Err err;
    Arena arena;
    Slice answer;
} Question;

static void *asking_thread(void *context) {
    Question *question = context;
    question->done = front_ask(question->front, "target", slice_of("c"), slice_of("PAUSED"), &question->arena,
                               &question->answer, &question->err);
    return NULL;
}

TEST(front_asks_the_supervisor) {
    Err err[1] = {{0}};
    Front front = {0};
    Channel supervisor = {0};
    int ends[2];
    CHECK_OK(channel_pair(ends, err));
    CHECK_OK(channel_open(&front.channel, ends[0], err));
    CHECK_OK(channel_open(&supervisor, ends[1], err));
    pthread_mutex_init(&front.sending, NULL);
    pthread_mutex_init(&front.asking, NULL);
    Question questions[2] = {{.front = &front}, {.front = &front}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        arena_init(&questions[i].arena, "test", 0);
        pthread_create(&threads[i], NULL, asking_thread, &questions[i]);
        Message asked;
        bool got = false;
        CHECK_OK(channel_receive(&supervisor, 10000, &asked, &got, err));
        CHECK(got);
        CHECK_INT(asked.type, MESSAGE_ASK);
        CHECK_INT(asked.id, i + 1);
        CHECK_TEXT(asked.verb, "target");
        CHECK_TEXT(asked.text, "PAUSED");
    }
    take_answer(&front, &(Message){.id = 2, .number = ERR_NOT_FOUND, .text = slice_of("no such connector")});
    take_answer(&front, &(Message){.id = 7});
    take_answer(&front, &(Message){.id = 1, .text = slice_of("{}")});
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(questions[0].done && !questions[1].done);
    CHECK_TEXT(questions[0].answer, "{}");
    CHECK_INT(questions[1].err.code, ERR_NOT_FOUND);
    CHECK_TEXT(slice_of(questions[1].err.message), "no such connector");
    CHECK(front.asked == NULL);
    arena_release(&questions[0].arena);
    arena_release(&questions[1].arena);
    channel_close(&front.channel);
    channel_close(&supervisor);
}
