// SPDX-License-Identifier: Apache-2.0
// The handlers, with a supervisor that is a function: it keeps what it was asked, and does what the real one would.
#include "surface/api/connect.c" // NOLINT

#include "core/base/log.h"
#include "core/base/test.h"

static Arena scratch;
static ConnectApi api;
static ApiSurface surface;
static char home[64];
static Buf asked;          // "verb name text\n" of all that was asked
static const char *answer; // to a call
static ErrCode failure;    // of the next ask

static bool fake_ask(void *front, const char *verb, Slice name, Slice text, Arena *arena, Slice *answered, Err *err) {
    buf_printf(&asked, "%s %.*s %.*s\n", verb, SLICE_ARG(name), SLICE_ARG(text));
    if (failure != ERR_NONE) {
        ErrCode code = failure;
        failure = ERR_NONE;
        return FAIL(err, code, "the supervisor refuses");
    }
    if (answered != NULL) {
        *answered = slice_of(answer);
    }
    return true;
}

static const char *fake_worker(void *front) {
    return "127.0.0.1:8083";
}

static void begin(void) {
    arena_init(&scratch, "scratch", 0);
    snprintf(home, sizeof(home), "/tmp/leat_connect_XXXXXX");
    CHECK(mkdtemp(home) != NULL);
    unsetenv("LEAT_MASTER_KEY_FILE");
    log_level_set(LOG_SILENT);
    seal_home(home);
    api = (ConnectApi){.fleet = fleet_new(), .ask = fake_ask, .worker_id = fake_worker};
    pthread_mutex_init(&api.changes, NULL);
    surface_fill(&surface, &api);
    buf_reset(&asked);
    answer = "{}";
    failure = ERR_NONE;
}

static void end(void) {
    Err err[1] = {{0}};
    fleet_free(api.fleet);
    CHECK_OK(file_remove_tree(home, err));
    arena_release(&scratch);
}

// "200 {…}"
static const char *send(const char *method, const char *target, const char *body) {
    ApiRequest request = {.method = method,
                          .content_type = "application/json",
                          .body = slice_of(body),
                          .actor = "test",
                          .role = ROLE_ADMIN,
                          .arena = &scratch,
                          .accept = ""};
    CHECK(api_target(&request, slice_of(target)));
    ApiAnswer got = {0};
    api_dispatch(&surface, &request, &got);
    const char *text = arena_printf(&scratch, "%d %.*s", got.status, SLICE_ARG(buf_slice(&got.body)));
    buf_release(&got.body);
    return text;
}

static bool starts(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

#define SENDS(method, target, body, want) CHECK_TEXT(slice_of(send((method), (target), (body))), (want))
#define GETS(target, want)                SENDS("GET", target, "", want)

static void put(const char *name, const char *kind, const char *target) {
    Slice text = slice_of(arena_printf(&scratch,
                                       "{\"format_version\":1,\"name\":\"%s\",\"kind\":\"%s\",\"target\":\"%s\","
                                       "\"config\":{\"connector.class\":\"leat.Sync\",\"name\":\"%s\",\"db.password\":"
                                       "\"x\"}}",
                                       name, kind, target, name));
    fleet_message(api.fleet, &(Message){.type = MESSAGE_DOCUMENT, .name = slice_of(name), .text = text});
}

static void state(const char *name, const char *text) {
    fleet_message(api.fleet, &(Message){.type = MESSAGE_STATE, .name = slice_of(name), .text = slice_of(text)});
}

#define RUNNING_STATE "{\"state\":\"RUNNING\",\"worker\":\"127.0.0.1:8083\",\"task\":\"RUNNING\",\"trace\":null}"
#define SHOWN_CONFIG  "{\"connector.class\":\"leat.Sync\",\"name\":\"a\",\"db.password\":\"********\"}"
#define WHERE         "\"worker_id\":\"127.0.0.1:8083\",\"version\":\"4.3.1\""
#define REMARK                                                                                               \
    ",\"warnings\":[\"`leat sync` made this connector: change it there\",\"'db.password' is not known here " \
    "and has no effect\"]"

TEST(connect_reads_what_the_supervisor_said) {
    begin();
    GETS("/connectors", "200 []");
    GETS("/connectors?expand=status", "200 {}");
    put("a", "source", "RUNNING");
    put("b/\xc3\xa9", "sink", "PAUSED");
    GETS("/connectors/", "200 [\"a\",\"b/\xc3\xa9\"]");
    GETS("/connectors/a/status", "200 {\"name\":\"a\",\"connector\":{\"state\":\"UNASSIGNED\"," WHERE
                                 "},\"tasks\":[],\"type\":\"source\"" REMARK "}");
    state("a", RUNNING_STATE);
    GETS("/connectors/a", "200 {\"name\":\"a\",\"config\":" SHOWN_CONFIG
                          ",\"tasks\":[{\"connector\":\"a\",\"task\":0}],\"type\":\"source\"}");
    GETS("/connectors/a/config", "200 " SHOWN_CONFIG);
    GETS("/connectors/a/status",
         "200 {\"name\":\"a\",\"connector\":{\"state\":\"RUNNING\"," WHERE
         "},\"tasks\":[{\"id\":0,\"state\":\"RUNNING\"," WHERE "}],\"type\":\"source\"" REMARK "}");
    GETS("/connectors/a/tasks/0/status", "200 {\"id\":0,\"state\":\"RUNNING\"," WHERE "}");
    GETS("/connectors/b%2F%C3%A9/tasks", "200 []");
    GETS("/connectors/a/tasks", "200 [{\"id\":{\"connector\":\"a\",\"task\":0},\"config\":{\"connector.class\":"
                                "\"leat.Sync\",\"name\":\"a\",\"db.password\":\"********\",\"task.class\":"
                                "\"leat.SyncTask\"}}]");
    GETS("/connectors?expand=bogus", "200 {\"a\":{},\"b/\xc3\xa9\":{}}");
    CHECK(starts(send("GET", "/connectors?expand=info&expand=status", ""), "200 {\"a\":{\"info\":{\"name\":\"a\""));
    fleet_message(api.fleet, &(Message){.type = MESSAGE_DOCUMENT, .name = SLICE("a")});
    GETS("/connectors/a", "404 {\"error_code\":404,\"message\":\"Connector a not found\"}");
    GETS("/connectors/a/status", "404 {\"error_code\":404,\"message\":\"No status found for connector a\"}");
    GETS("/connectors/a/tasks/0/status", "404 {\"error_code\":404,\"message\":\"No status found for task a-0\"}");
    GETS("/connectors/a/tasks/x/status", "404 {\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}");
    CHECK_INT(asked.size, 0); // nothing of this left the process
    end();
}

TEST(connect_topics_are_listed_and_forgotten) {
    begin();
    put("a", "source", "RUNNING");
    GETS("/connectors/nobody/topics", "200 {\"nobody\":{\"topics\":[]}}");
    GETS("/connectors/a/topics", "200 {\"a\":{\"topics\":[]}}");
    state("a", "{\"state\":\"RUNNING\",\"report\":{\"x\":[{}],\"topics\":[{\"name\":\"t\",\"next_offset\":3},{\"name\":"
               "\"u\",\"next_offset\":1},7]}}");
    GETS("/connectors/a/topics", "200 {\"a\":{\"topics\":[\"t\",\"u\"]}}");
    SENDS("PUT", "/connectors/a/topics/reset", "", "202 ");
    GETS("/connectors/a/topics", "200 {\"a\":{\"topics\":[]}}");
    state("a", "{\"state\":\"RUNNING\",\"report\":{\"topics\":[{\"name\":\"t\",\"next_offset\":4},{\"name\":"
               "\"u\",\"next_offset\":1}]}}");
    GETS("/connectors/a/topics", "200 {\"a\":{\"topics\":[\"t\"]}}");
    SENDS("PUT", "/connectors/nobody/topics/reset", "", "202 ");
    end();
}

TEST(connect_lifecycle) {
    begin();
    put("a", "source", "RUNNING");
    SENDS("PUT", "/connectors/a/pause", "", "202 ");
    SENDS("PUT", "/connectors/a/resume", "{}", "202 ");
    SENDS("PUT", "/connectors/a/stop", "", "204 ");
    CHECK_TEXT(buf_slice(&asked), "target a PAUSED\ntarget a RUNNING\ntarget a STOPPED\n");
    SENDS("PUT", "/connectors/nobody/stop", "", "404 {\"error_code\":404,\"message\":\"Unknown connector nobody\"}");
    failure = ERR_NOT_FOUND;
    SENDS("PUT", "/connectors/a/stop", "", "404 {\"error_code\":404,\"message\":\"Unknown connector a\"}");
    failure = ERR_INTERRUPTED;
    SENDS("PUT", "/connectors/a/stop", "", "500 {\"error_code\":500,\"message\":\"the supervisor refuses\"}");
    SENDS("POST", "/connectors/a/pause", "", "405 {\"error_code\":405,\"message\":\"HTTP 405 Method Not Allowed\"}");
    SENDS("DELETE", "/connectors/a", "", "204 ");
    GETS("/connectors", "200 []");
    SENDS("DELETE", "/connectors/a", "", "404 {\"error_code\":404,\"message\":\"Connector a not found\"}");
    end();
}

static const char *asked_for(const char *target) {
    buf_reset(&asked);
    const char *got = send("POST", target, "");
    return arena_printf(&scratch, "%.3s %.*s", got, SLICE_ARG(buf_slice(&asked)));
}

TEST(connect_restarts_by_its_flags) {
    begin();
    put("a", "source", "RUNNING");
    state("a", RUNNING_STATE);
    static const struct {
        const char *query, *want;
    } CASES[] = {
        {"", "204 restart a {\"connector\":true,\"tasks\":false}\n"},
        {"?includeTasks=false", "204 restart a {\"connector\":true,\"tasks\":false}\n"},
        {"?includeTasks=maybe", "204 restart a {\"connector\":true,\"tasks\":false}\n"},
        {"?includeTasks=true", "202 restart a {\"connector\":true,\"tasks\":true}\n"},
        {"?onlyFailed=true", "202 "},
        {"?includeTasks=TRUE&onlyFailed=true", "202 "},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        CHECK_TEXT(slice_of(asked_for(arena_printf(&scratch, "/connectors/a/restart%s", CASES[i].query))),
                   CASES[i].want);
    }
    CHECK(strstr(send("POST", "/connectors/a/restart?includeTasks=true", ""),
                 "\"connector\":{\"state\":\"RESTARTING\"") != NULL);
    state("a", "{\"state\":\"RUNNING\",\"worker\":\"w\",\"task\":\"FAILED\",\"trace\":\"boom\"}");
    CHECK_TEXT(slice_of(asked_for("/connectors/a/restart?includeTasks=true&onlyFailed=true")),
               "202 restart a {\"connector\":false,\"tasks\":true}\n");
    CHECK_TEXT(slice_of(asked_for("/connectors/a/tasks/0/restart")),
               "204 restart a {\"connector\":false,\"tasks\":true}\n");
    SENDS("POST", "/connectors/a/tasks/9/restart", "", "404 {\"error_code\":404,\"message\":\"Unknown task: a-9\"}");
    SENDS("POST", "/connectors/x/tasks/0/restart", "", "404 {\"error_code\":404,\"message\":\"Unknown connector: x\"}");
    SENDS("POST", "/connectors/x/restart", "", "404 {\"error_code\":404,\"message\":\"Unknown connector: x\"}");
    end();
}

#define STOP_FIRST                                                                                               \
    "400 {\"error_code\":400,\"message\":\"Connectors must be in the STOPPED state before their offsets can be " \
    "modified. This can be done for the specified connector by issuing a 'PUT' request to the "                  \
    "'/connectors/a/stop' endpoint\"}"
#define ONE "{\"offsets\":[{\"partition\":{\"server\":\"s\"},\"offset\":{\"lsn\":1}}]}"

TEST(connect_offsets_are_read_and_changed) {
    begin();
    put("a", "source", "RUNNING");
    answer = ONE;
    GETS("/connectors/a/offsets", "200 " ONE);
    state("a", "{\"state\":\"RUNNING\",\"task\":\"RUNNING\",\"report\":{\"offsets\":[]}}");
    buf_reset(&asked);
    GETS("/connectors/a/offsets", "200 {\"offsets\":[]}");
    CHECK_INT(asked.size, 0);
    SENDS("PATCH", "/connectors/a/offsets", ONE, STOP_FIRST);
    SENDS("DELETE", "/connectors/a/offsets", "", STOP_FIRST);
    SENDS("PUT", "/connectors/a/stop", "", "204 ");
    answer = "{\"message\":\"done\"}";
    buf_reset(&asked);
    SENDS("PATCH", "/connectors/a/offsets", ONE, "200 {\"message\":\"done\"}");
    CHECK_TEXT(buf_slice(&asked), "call a {\"do\":\"alter\",\"offsets\":[{\"partition\":{\"server\":\"s\"},\"offset\":"
                                  "{\"lsn\":1}}]}\n");
    answer = "{}";
    CHECK(strstr(send("DELETE", "/connectors/a/offsets", ""), "framework-managed offsets for this connector have been "
                                                              "reset successfully. However") != NULL);
    static const char *const EMPTY[] = {"{\"offsets\":[]}", "{}", "{\"offsets\":null}", ""};
    for (size_t i = 0; i < ARRAY_LEN(EMPTY); i++) {
        SENDS("PATCH", "/connectors/a/offsets", EMPTY[i],
              "400 {\"error_code\":400,\"message\":\"Partitions / offsets need to be provided for an alter offsets "
              "request\"}");
    }
    SENDS("PATCH", "/connectors/a/offsets", "{\"offsets\":[{\"offset\":{\"position\":1}}]}",
          "500 {\"error_code\":500,\"message\":\"Partition objects cannot be null\"}");
    failure = ERR_OPTION;
    SENDS("PATCH", "/connectors/a/offsets", ONE, "500 {\"error_code\":500,\"message\":\"the supervisor refuses\"}");
    failure = ERR_EXISTS; // once: its worker has not ended yet
    CHECK(starts(send("PATCH", "/connectors/a/offsets", ONE), "200"));
    SENDS("PATCH", "/connectors/x/offsets", ONE, "404 {\"error_code\":404,\"message\":\"Connector x not found\"}");
    CHECK(starts(send("PATCH", "/connectors/a/offsets", "{bad"), "500"));
    end();
}

TEST(connect_offsets_of_sinks_are_kafkas) {
    begin();
    put("a", "sink", "STOPPED");
    static const struct {
        const char *partition, *offset;
        int status;
    } CASES[] = {
        {"{\"kafka_topic\":\"t\",\"kafka_partition\":0}", "{\"kafka_offset\":1}", 200},
        {"{\"kafka_topic\":\"t\",\"kafka_partition\":\"0\"}", "{\"kafka_offset\":\"1\"}", 200},
        {"{\"kafka_topic\":\"t\",\"kafka_partition\":0}", "null", 200},
        {"{\"kafka_topic\":\"t\"}", "{\"kafka_offset\":1}", 400},
        {"{\"kafka_topic\":\"t\",\"kafka_partition\":\"x\"}", "{\"kafka_offset\":1}", 400},
        {"{\"kafka_topic\":\"t\",\"kafka_partition\":0}", "{\"kafka_offset\":-5}", 500},
        {"{\"kafka_topic\":\"t\",\"kafka_partition\":0}", "{\"kafka_offset\":\"x\"}", 400},
        {"{\"kafka_topic\":\"t\",\"kafka_partition\":0}", "{}", 400},
        {"{\"kafka_topic\":\"t\",\"kafka_partition\":0}", "7", 400},
        {"null", "{\"kafka_offset\":1}", 400},
        {"[]", "{\"kafka_offset\":1}", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *got = send("PATCH", "/connectors/a/offsets",
                               arena_printf(&scratch, "{\"offsets\":[{\"partition\":%s,\"offset\":%s}]}",
                                            CASES[i].partition, CASES[i].offset));
        if (strncmp(got, arena_printf(&scratch, "%d", CASES[i].status), 3) != 0) {
            test_fail(__FILE__, __LINE__, "case %zu: %s", i, got);
        }
    }
    SENDS("DELETE", "/connectors/a/offsets", "",
          "200 {\"message\":\"The offsets for this connector have been reset successfully\"}");
    end();
}

#define VERIFY_STATE(running, last)                                                                              \
    "{\"state\":\"RUNNING\",\"task\":\"RUNNING\",\"report\":{\"verify\":{\"running\":" running ",\"last\":" last \
    ",\"tables\":[{\"table\":\"t\"}],\"format_version\":1}}}"

TEST(connect_verifies_pipelines) {
    begin();
    put("a", "sync", "RUNNING");
    put("s", "sink", "RUNNING");
    CHECK(starts(send("GET", "/connectors/x/verify", ""), "404 "));
    CHECK(starts(send("POST", "/connectors/s/verify", ""), "400 ")); // no pipeline
    CHECK(starts(send("GET", "/connectors/s/verify", ""), "400 "));
    CHECK(starts(send("POST", "/connectors/a/verify", ""), "409 ")); // it does not run
    // Nobody reports: what is stored.
    answer = "{\"running\":null,\"last\":{\"id\":\"1\"},\"tables\":[]}";
    GETS("/connectors/a/verify", "200 {\"connector\":\"a\",\"running\":null,\"last\":{\"id\":\"1\"},\"tables\":[]}");
    answer = "{\"running\":null,\"last\":null,\"tables\":[]}";
    CHECK(starts(send("GET", "/connectors/a/verify", ""), "404 "));
    state("a", VERIFY_STATE("null", "{\"id\":\"2\"}"));
    GETS("/connectors/a/verify",
         "200 {\"connector\":\"a\",\"running\":null,\"last\":{\"id\":\"2\"},\"tables\":[{\"table\":\"t\"}]}");
    state("a", VERIFY_STATE("{\"id\":\"3\"}", "null"));
    GETS("/connectors/a/verify",
         "202 {\"connector\":\"a\",\"running\":{\"id\":\"3\"},\"last\":null,\"tables\":[{\"table\":\"t\"}]}");
    CHECK(starts(send("POST", "/connectors/a/verify", "{\"tables\":[]}"), "400 "));
    answer = "{\"id\":\"4\"}";
    SENDS("POST", "/connectors/a/verify", "{\"tables\":\"s.*,\\\"T\\\"\"}", "202 {\"id\":\"4\"}");
    buf_u8(&asked, '\0');
    CHECK(strstr((const char *)asked.data, "{\"do\":\"verify\",\"tables\":\"s.*,\\\"T\\\"\"}") != NULL);
    failure = ERR_EXISTS;
    CHECK(starts(send("POST", "/connectors/a/verify", ""), "409 "));
    end();
}

TEST(connect_bad_bodies) {
    begin();
    static const struct {
        const char *method, *path, *body;
        int status;
    } CASES[] = {
        {"POST", "/connectors", "", 500},
        {"POST", "/connectors", "null", 500},
        {"POST", "/connectors", "{bad", 500},
        {"POST", "/connectors", "[]", 500},
        {"POST", "/connectors", "{\"name\":\"a\"}", 500},
        {"POST", "/connectors", "{\"name\":\"a\",\"config\":7}", 500},
        {"POST", "/connectors", "{\"name\":\"a\",\"config\":{\"a\":{}}}", 400},
        {"POST", "/connectors", "{\"name\":\"a\",\"config\":{\"a\":1,\"a\":2}}", 400},
        {"POST", "/connectors", "{\"name\":\"a\",\"config\":{}}", 400},
        {"POST", "/connectors", "{\"name\":\"a\",\"config\":{\"name\":\"b\",\"connector.class\":\"X\"}}", 400},
        {"POST", "/connectors", "{\"name\":\"a\",\"config\":{\"connector.class\":\"leat.Sync\"}}", 400},
        {"POST", "/connectors", "{\"name\":\"a\",\"config\":{\"connector.class\":null}}", 400},
        {"POST", "/connectors", "{\"name\":\"a\",\"config\":{\"p\":\"********\",\"connector.class\":\"X\"}}", 400},
        {"PUT", "/connectors/a/config", "", 500},
        {"PUT", "/connectors/a/config", "{\"connector.class\":\"nope\"}", 400},
        {"PATCH", "/connectors/a/config", "{\"a\":\"b\"}", 404},
        {"PUT", "/connector-plugins/Nope/config/validate", "{\"connector.class\":\"Nope\"}", 500},
        {"PUT", "/connector-plugins/Sync/config/validate", "{\"connector.class\":\"Nope\"}", 400},
        {"PUT", "/connector-plugins/Sync/config/validate", "{\"a\":1}", 500},
        {"GET", "/connector-plugins/Nope/config", "", 404},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *got = send(CASES[i].method, CASES[i].path, CASES[i].body);
        if (strncmp(got, arena_printf(&scratch, "%d", CASES[i].status), 3) != 0) {
            test_fail(__FILE__, __LINE__, "case %zu: %s", i, got);
        }
    }
    CHECK(strstr(send("POST", "/connectors", "{\"name\":\"a\",\"config\":{\"db.password\":\"hunter2\"}}"), "hunter2") ==
          NULL);
    CHECK_INT(asked.size, 0);
    end();
}

TEST(connect_validates) {
    begin();
    const char *got = send("PUT", "/connector-plugins/Sync/config/validate",
                           "{\"connector.class\":\"leat.Sync\",\"topics\":\"getPlugins\"}");
    CHECK(starts(got, "200 {\"name\":\"leat.Sync\",\"error_count\":1,\"groups\":[\"Common\",\"Transforms\""));
    CHECK(strstr(got, "\"warnings\":[{\"name\":\"connector.class\"") != NULL);
    CHECK(starts(send("GET", "/connector-plugins/leat.Sync/config", ""), "200 [{\"name\":\"pipeline\""));
    CHECK(strstr(send("GET", "/connector-plugins", ""), "{\"class\":\"leat.Sync\",\"type\":\"source\",\"version\":"
                                                        "\"4.3.1\"}") != NULL);
    // What a worker finds when it tries.
    answer = "{\"errors\":[{\"key\":\"pipeline\",\"message\":\"no such pipeline\",\"x\":[]}]}";
    got = send("PUT", "/connector-plugins/Sync/config/validate",
               "{\"connector.class\":\"leat.Sync\",\"name\":\"n\",\"db.password\":\"hunter2\"}");
    CHECK(strstr(got, "Error while validating connector config: no such pipeline") != NULL);
    CHECK(strstr(got, "\"error_count\":1") != NULL);
    CHECK(strstr(arena_text(&scratch, buf_slice(&asked)), "call n {\"do\":\"validate\",\"kind\":\"sync\"") != NULL);
    CHECK(strstr(arena_text(&scratch, buf_slice(&asked)), "hunter2") == NULL);
    end();
}

#define POSTGRES                                                                                                   \
    "{\"name\":\"a\",\"connector.class\":\"io.debezium.connector.postgresql.PostgresConnector\",\"topic.prefix\":" \
    "\"p\",\"plugin."                                                                                              \
    "name\""                                                                                                       \
    ":\"pgoutput\",\"database.hostname\":\"h\",\"database.user\":\"u\",\"database.dbname\":\"d\"}"
#define UNTRIED                                                                                                       \
    "500 {\"error_code\":500,\"message\":\"The configuration could not be tried, so it is not taken: the supervisor " \
    "refuses\"}"

TEST(connect_takes_nothing_that_nobody_has_tried) {
    static const ErrCode CODES[] = {ERR_INTERRUPTED, ERR_INTERNAL, ERR_NET_BUSY, ERR_EXISTS};
    begin();
    for (size_t i = 0; i < ARRAY_LEN(CODES); i++) {
        failure = CODES[i];
        SENDS("PUT", "/connectors/a/config", POSTGRES, UNTRIED);
        failure = CODES[i];
        SENDS("POST", "/connectors", "{\"name\":\"a\",\"config\":" POSTGRES "}", UNTRIED);
        failure = CODES[i];
        SENDS("PUT", "/connector-plugins/PostgresConnector/config/validate", POSTGRES, UNTRIED);
    }
    answer = "no answer at all";
    CHECK(starts(send("PUT", "/connectors/a/config", POSTGRES), "500 {\"error_code\":500,\"message\":\"The "));
    GETS("/connectors", "200 []");
    CHECK(memmem(asked.data, asked.size, "apply", 5) == NULL);
    answer = "{\"errors\":[]}";
    CHECK(starts(send("PUT", "/connectors/a/config", POSTGRES), "201 "));
    failure = ERR_INTERRUPTED;
    SENDS("PATCH", "/connectors/a/config", "{\"database.dbname\":\"e\"}", UNTRIED);
    CHECK(strstr(send("GET", "/connectors/a/config", ""), "\"database.dbname\":\"d\"") != NULL);
    end();
}
