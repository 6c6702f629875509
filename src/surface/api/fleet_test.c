// SPDX-License-Identifier: Apache-2.0
#include "surface/api/fleet.c" // NOLINT

#include "core/base/test.h"

enum { CONNECTORS = 20, ROUNDS = 200 };

static const char *document(Arena *arena, int number, int round) {
    return arena_printf(arena,
                        "{\"format_version\":1,\"name\":\"c%d\",\"kind\":\"source\",\"target\":\"RUNNING\",\"config\":"
                        "{\"connector.class\":\"leat.Sync\",\"name\":\"c%d\",\"round\":\"%d\"}}",
                        number, number, round);
}

static void say(Fleet *fleet, MessageType type, int number, const char *text) {
    char name[16];
    snprintf(name, sizeof(name), "c%d", number);
    fleet_message(fleet, &(Message){.type = type, .name = slice_of(name), .text = slice_of(text)});
}

// The supervisor: documents come, change and go; states follow each other.
static void *supervisor(void *context) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CONNECTORS; i++) {
            bool gone = (round + i) % 7 == 0;
            say(context, MESSAGE_DOCUMENT, i, gone ? "" : document(&arena, i, round));
            say(context, MESSAGE_STATE, i,
                round % 2 == 0 ? "{\"state\":\"RUNNING\",\"worker\":\"w\",\"task\":\"RUNNING\",\"report\":{\"topics\":"
                                 "[{\"name\":\"t\",\"next_offset\":1}],\"offsets\":[{}]}}"
                               : "{\"state\":\"FAILED\",\"worker\":\"w\",\"task\":null,\"trace\":\"boom\"}");
        }
        arena_reset(&arena);
    }
    arena_release(&arena);
    return NULL;
}

static void read_all(Fleet *fleet, Arena *arena, int round) {
    DEFER(buf_release) Buf out = {0};
    FleetConnector connector;
    char name[16];
    snprintf(name, sizeof(name), "c%d", round % CONNECTORS);
    fleet_list(fleet, true, true, &out);
    JsonReader reader;
    JsonToken token = TOKEN_NULL;
    Err err[1] = {{0}};
    json_reader_init(&reader, buf_slice(&out), arena);
    while (token != TOKEN_END) {
        CHECK_OK(json_read(&reader, &token, err)); // whole at any moment
    }
    if (fleet_find(fleet, slice_of(name), arena, &connector)) {
        CHECK_TEXT(connector.document.name, name);
        CHECK(connector.task == NULL || strcmp(connector.task, "RUNNING") == 0);
    }
    fleet_topics_reset(fleet, slice_of(name));
    fleet_target(fleet, slice_of(name), "PAUSED");
    (void)fleet_status(fleet, slice_of(name), &out);
    (void)fleet_status_restarting(fleet, slice_of(name), &(FleetRestart){true, (bool[]){true}, 1}, &out);
    (void)fleet_task_status(fleet, slice_of(name), 0, &out);
}

static void *client(void *context) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    for (int round = 0; round < ROUNDS; round++) {
        read_all(context, &arena, round);
        arena_reset(&arena);
    }
    arena_release(&arena);
    return NULL;
}

TEST(fleet_is_read_while_it_changes) {
    log_level_set(LOG_SILENT);
    Fleet *fleet = fleet_new();
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, i == 0 ? supervisor : client, fleet), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(fleet_count(fleet) <= CONNECTORS);
    fleet_free(fleet);
}

TEST(fleet_shows_what_is_restarted_as_it_was_asked) {
    static const char *const STATES[] = {"FAILED", "RUNNING"}; // it may work again before the answer is written
    const bool tasks[] = {true};
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Fleet *fleet = fleet_new();
    say(fleet, MESSAGE_DOCUMENT, 0, document(&arena, 0, 0));
    for (size_t i = 0; i < ARRAY_LEN(STATES); i++) {
        DEFER(buf_release) Buf out = {0};
        say(fleet, MESSAGE_STATE, 0, arena_printf(&arena, "{\"state\":\"RUNNING\",\"task\":\"%s\"}", STATES[i]));
        CHECK(fleet_status_restarting(fleet, SLICE("c0"), &(FleetRestart){false, tasks, 1}, &out));
        const char *text = arena_text(&arena, buf_slice(&out));
        CHECK(strstr(text, "\"tasks\":[{\"id\":0,\"state\":\"RESTARTING\"") != NULL);
        CHECK(strstr(text, "\"connector\":{\"state\":\"RUNNING\"") != NULL);
    }
    fleet_free(fleet);
    arena_release(&arena);
}

TEST(fleet_keeps_the_order_of_creation) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Fleet *fleet = fleet_new();
    DEFER(buf_release) Buf out = {0};
    for (int i = 0; i < 3; i++) {
        say(fleet, MESSAGE_DOCUMENT, i, document(&arena, i, 0));
    }
    say(fleet, MESSAGE_DOCUMENT, 0, document(&arena, 0, 1));
    fleet_names(fleet, &out);
    CHECK_TEXT(buf_slice(&out), "[\"c0\",\"c1\",\"c2\"]");
    fleet_remove(fleet, SLICE("c1"));
    fleet_remove(fleet, SLICE("c1"));
    buf_reset(&out);
    fleet_names(fleet, &out);
    CHECK_TEXT(buf_slice(&out), "[\"c0\",\"c2\"]");
    fleet_worker(fleet, "here:1");
    buf_reset(&out);
    CHECK(fleet_status(fleet, SLICE("c0"), &out));
    CHECK(strstr(arena_text(&arena, buf_slice(&out)), "\"worker_id\":\"here:1\"") != NULL);
    log_level_set(LOG_SILENT);
    say(fleet, MESSAGE_DOCUMENT, 9, "{\"name\":\"c9\"}");
    say(fleet, MESSAGE_DOCUMENT, 9, "nonsense");
    CHECK_INT(fleet_count(fleet), 2);
    fleet_free(fleet);
    arena_release(&arena);
}

TEST(fleet_shows_tables_that_are_put_aside) {
    static const char ASIDE[] =
        ",\"quarantined\":[{\"table\":\"public.a\",\"reason\":\"no \\\"x\\\"\",\"lsn\":\"0/16\"}]}";
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Fleet *fleet = fleet_new();
    DEFER(buf_release) Buf out = {0};
    say(fleet, MESSAGE_DOCUMENT, 0, document(&arena, 0, 0));
    say(fleet, MESSAGE_STATE, 0,
        "{\"state\":\"RUNNING\",\"task\":\"RUNNING\",\"report\":{\"quarantined_tables\":[{\"table\":\"public.a\","
        "\"reason\":\"no \\\"x\\\"\",\"lsn\":\"0/16\"}],\"quarantined\":1,\"sink_behind_bytes\":0}}");
    CHECK(fleet_status(fleet, SLICE("c0"), &out));
    CHECK(strstr(arena_text(&arena, buf_slice(&out)), ASIDE) != NULL);
    buf_reset(&out);
    fleet_list(fleet, false, true, &out);
    CHECK(strstr(arena_text(&arena, buf_slice(&out)), ASIDE) != NULL);
    say(fleet, MESSAGE_STATE, 0,
        "{\"state\":\"RUNNING\",\"task\":\"RUNNING\",\"report\":{\"quarantined_tables\":[],\"quarantined\":0}}");
    buf_reset(&out);
    CHECK(fleet_status(fleet, SLICE("c0"), &out));
    CHECK(strstr(arena_text(&arena, buf_slice(&out)), "quarantined") == NULL);
    say(fleet, MESSAGE_STATE, 0, "{\"state\":\"STOPPED\",\"report\":{\"sink_behind_bytes\":12,\"records\":3}}");
    buf_reset(&out);
    CHECK(fleet_status(fleet, SLICE("c0"), &out));
    CHECK(strstr(arena_text(&arena, buf_slice(&out)), ",\"sink_behind_bytes\":12}") != NULL);
    say(fleet, MESSAGE_STATE, 0,
        "{\"state\":\"RUNNING\",\"report\":{\"sink_behind_records\":7,\"retention_share\":0.5,"
        "\"retention_of\":\"a-0\"}}");
    buf_reset(&out);
    CHECK(fleet_status(fleet, SLICE("c0"), &out));
    CHECK(strstr(arena_text(&arena, buf_slice(&out)),
                 ",\"sink_behind_records\":7,\"retention_share\":0.5,\"retention_of\":\"a-0\"}") != NULL);
    say(fleet, MESSAGE_STATE, 0, "{\"state\":\"RUNNING\",\"report\":{\"retention_share\":0.49}}");
    buf_reset(&out);
    CHECK(fleet_status(fleet, SLICE("c0"), &out));
    CHECK(strstr(arena_text(&arena, buf_slice(&out)), "retention") == NULL);
    fleet_free(fleet);
    arena_release(&arena);
}

TEST(fleet_adds_up_what_tasks_report) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Fleet *fleet = fleet_new();
    FleetConnector connector;
    static const char *const NAMES[] = {"c0", "c0\0372", "c0\0371"};
    say(fleet, MESSAGE_DOCUMENT, 0, document(&arena, 0, 0));
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        fleet_message(fleet,
                      &(Message){.type = MESSAGE_STATE,
                                 .name = slice_of(NAMES[i]),
                                 .text = SLICE("{\"state\":\"RUNNING\",\"task\":\"RUNNING\",\"report\":{\"topics\":"
                                               "[{\"name\":\"t\",\"next_offset\":4}],\"offsets\":[1]}}")});
    }
    CHECK(fleet_find(fleet, SLICE("c0"), &arena, &connector));
    CHECK_INT(connector.task_count, 3);
    CHECK_TEXT(connector.offsets, "[1,1,1]");
    CHECK_INT(connector.topic_count, 1);
    CHECK_INT(connector.topics[0].next_offset, 12);
    fleet_topics_reset(fleet, SLICE("c0"));
    CHECK(fleet_find(fleet, SLICE("c0"), &arena, &connector));
    CHECK_INT(connector.topic_count, 0);
    // Task 2 is gone, and comes again.
    fleet_message(fleet, &(Message){.type = MESSAGE_DOCUMENT, .name = slice_of(NAMES[1])});
    CHECK(fleet_find(fleet, SLICE("c0"), &arena, &connector));
    CHECK_INT(connector.task_count, 2);
    CHECK_INT(connector.topics[0].next_offset, 8);
    fleet_message(fleet, &(Message){.type = MESSAGE_STATE, .name = slice_of(NAMES[1]), .text = SLICE("{}")});
    CHECK(fleet_find(fleet, SLICE("c0"), &arena, &connector));
    CHECK_INT(connector.task_count, 3);
    CHECK(connector.tasks[2].state == NULL && connector.tasks[1].state != NULL);
    fleet_free(fleet);
    arena_release(&arena);
}
