// SPDX-License-Identifier: Apache-2.0
// The supervisor as the front sees it, without processes: no worker is started, as no front was ever ready.
#include "engine/control/ask.c"

#include "core/base/test.h"
#include "core/config/data_directory.h"
#include "core/sys/file.h"

#include <limits.h>
#include <sys/epoll.h>

static Supervisor supervisor;
static ServerOptions options;
static Child front;
static Channel asker; // the front's end
static char directory[64];

static void begin(void) {
    Err err[1] = {{0}};
    int ends[2];
    log_level_set(LOG_SILENT);
    test_folder(directory, sizeof(directory), "ask");
    option_defaults(&SERVER_OPTIONS, &options);
    supervisor = (Supervisor){.data_directory = directory, .options = &options, .front = &front, .front_number = 1};
    arena_init(&supervisor.run, "run", 0);
    supervisor.epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK_OK(data_directory_ensure(directory, &supervisor.run, err));
    CHECK_OK(channel_pair(ends, err));
    front = (Child){.kind = CHILD_FRONT, .greeted = true};
    supervisor.children = &front;
    CHECK_OK(channel_open(&front.process.channel, ends[0], err));
    CHECK_OK(channel_open(&asker, ends[1], err));
}

static void end(void) {
    Err err[1] = {{0}};
    channel_close(&asker);
    channel_close(&front.process.channel);
    CHECK_OK(file_remove_tree(directory, err));
}

// The next message to the front, as "TYPE name number text"; "" when there is none.
static void told(const char *want) {
    static const char *const NAMES[] = {[MESSAGE_STATE] = "STATE",
                                        [MESSAGE_DOCUMENT] = "DOCUMENT",
                                        [MESSAGE_ANSWER] = "ANSWER",
                                        [MESSAGE_START] = "START",
                                        [MESSAGE_ASK] = "ASK"};
    Err err[1] = {{0}};
    Message message;
    bool any;
    DEFER(buf_release) Buf got = {0};
    CHECK_OK(channel_receive(&asker, 0, &message, &any, err));
    if (any) {
        buf_printf(&got, "%s %.*s %d ", NAMES[message.type], SLICE_ARG(message.name), (int)message.number);
        buf_put(&got, message.text);
    }
    Slice head = {got.data, MIN(got.size, strlen(want))};
    CHECK_TEXT(head, want);
    CHECK(want[0] != '\0' || !any);
}

static void ask(const char *verb, const char *name, const char *text) {
    Message message = {
        .type = MESSAGE_ASK, .id = 9, .name = slice_of(name), .verb = slice_of(verb), .text = slice_of(text)};
    ask_serve(&supervisor, &message);
}

static bool in_file(const char *what) {
    Err err[1] = {{0}};
    Slice bytes;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/connectors/shop.json", directory);
    return file_exists(path) && file_read_all(path, 100000, &supervisor.run, &bytes, err) &&
           memmem(bytes.data, bytes.size, what, strlen(what)) != NULL;
}

#define DOCUMENT(target, value)                                                                                        \
    "{\"format_version\":1,\"name\":\"shop\",\"kind\":\"source\",\"target\":\"" target "\",\"config\":{\"k\":\"" value \
    "\"}}"

TEST(ask_apply_is_durable_and_told_before_it_is_answered) {
    begin();
    ask("apply", "shop", DOCUMENT("RUNNING", "1"));
    CHECK(in_file("\"k\":\"1\""));
    told("DOCUMENT shop 0 {\"format_version\":1");
    told("STATE shop 0 {\"state\":\"UNASSIGNED\",\"worker\":\"127.0.0.1:8083\",\"task\":\"UNASSIGNED\",\"trace\":null");
    told("ANSWER  0 {}");
    ask("apply", "shop", DOCUMENT("RUNNING", "1")); // nothing is new
    told("ANSWER  0 {}");
    ask("apply", "shop", DOCUMENT("STOPPED", "2"));
    CHECK(in_file("\"k\":\"2\""));
    told("DOCUMENT shop");
    told("STATE shop 0 {\"state\":\"STOPPED\",\"worker\":\"127.0.0.1:8083\",\"task\":null");
    told("ANSWER  0 {}");
    told("");
    end();
}

TEST(ask_target_changes_the_document) {
    begin();
    ask("apply", "shop", DOCUMENT("RUNNING", "1"));
    told("DOCUMENT");
    told("STATE");
    told("ANSWER");
    ask("target", "shop", "PAUSED");
    CHECK(in_file("\"target\": \"PAUSED\""));
    told("DOCUMENT shop");
    told("STATE shop 0 {\"state\":\"PAUSED\",\"worker\":\"127.0.0.1:8083\",\"task\":\"PAUSED\"");
    told("ANSWER  0 {}");
    ask("target", "shop", "PAUSED");
    told("ANSWER  0 {}");
    ask("restart", "shop", "{\"connector\":true,\"tasks\":true}"); // it stays paused
    told("ANSWER  0 {}");
    ask("target", "shop", "RUNNING");
    told("DOCUMENT shop");
    told("STATE shop 0 {\"state\":\"UNASSIGNED\"");
    told("ANSWER  0 {}");
    ask("restart", "shop", "{\"connector\":true,\"tasks\":true}");
    told("STATE shop 0 {\"state\":\"RESTARTING\",\"worker\":\"127.0.0.1:8083\",\"task\":\"RESTARTING\"");
    told("ANSWER  0 {}");
    end();
}

TEST(ask_remove_is_answered_when_all_is_gone) {
    begin();
    ask("apply", "shop", DOCUMENT("RUNNING", "1"));
    told("DOCUMENT");
    told("STATE");
    told("ANSWER");
    ask("remove", "shop", "");
    CHECK(in_file("\"removed\": true"));
    told("DOCUMENT shop 0 ");
    told("");
    ask("target", "shop", "PAUSED"); // it is not there any more
    told("ANSWER  5 there is no connector \"shop\"");
    ask("apply", "shop", DOCUMENT("RUNNING", "1"));
    told("ANSWER  6 connector shop is being removed\ntry again in a moment");
    Managed *managed = map_find(&supervisor.managed, SLICE("shop"));
    managed_remove_end(&supervisor, managed, NULL); // what its call comes back with
    told("ANSWER  0 {}");
    CHECK(managed->gone);
    CHECK(!in_file("name"));
    end();
}

TEST(ask_that_makes_no_sense_is_refused) {
    begin();
    CHECK_INT(ERR_NOT_FOUND, 5); // what the answers below begin with
    CHECK_INT(ERR_OPTION, 2);
    ask("apply", "other", DOCUMENT("RUNNING", "1"));
    told("ANSWER  2 the document is not that of the connector");
    ask("apply", "shop", "{}");
    told("ANSWER  2 a connector's document has no format_version");
    ask("target", "shop", "RUNNING");
    told("ANSWER  5 there is no connector");
    ask("dance", "shop", "");
    told("ANSWER  2 the supervisor does not know what \"dance\" asks");
    ask("call", "shop", "{\"do\":\"offsets\"}");
    told("ANSWER  5 there is no connector");
    ask("call", "shop", "{\"do\":");
    told("ANSWER  2 a call does not say what to do");
    ask("level", "", "{\"level\":\"INFO\"}");
    told("ANSWER  2 a level is");
    ask("level", "", "{\"logger\":\"root\",\"level\":\"ERROR\"}");
    told("ASK  0 {\"logger\":\"root\",\"level\":\"ERROR\"}");
    told("ANSWER  0 {}");
    supervisor.stopping = true;
    ask("target", "shop", "RUNNING");
    told("ANSWER  3 the server is stopping");
    end();
}
