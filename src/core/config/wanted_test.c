// SPDX-License-Identifier: Apache-2.0
#include "core/config/wanted.c"

#include "core/base/test.h"

static Arena memory;

static WantedList parsed(const char *path, const char *text) {
    Err err[1] = {{0}};
    WantedList list = {0};
    arena_init(&memory, "test", 0);
    CHECK_OK(wanted_parse(&memory, path, slice_of(text), &list, err));
    return list;
}

static void check_value(const Wanted *wanted, const char *name, const char *value) {
    const Property *found = properties_find(&wanted->config, slice_of(name));
    CHECK(found != NULL);
    CHECK_TEXT(found->value, value);
}

TEST(wanted_of_connects_json) {
    WantedList list =
        parsed("a.json", "{\"name\":\"n\",\"config\":{\"name\":\"n\",\"a\":1},\"initial_state\":\"paused\"}");
    CHECK_INT(list.count, 1);
    CHECK_TEXT(list.at[0].name, "n");
    CHECK_INT(list.at[0].config.count, 1);
    check_value(&list.at[0], "a", "1");
    CHECK(strcmp(list.at[0].target, "PAUSED") == 0);
    arena_release(&memory);
    list = parsed("a.json", "{\"name\":\"n\",\"connector.class\":\"C\"}");
    CHECK_TEXT(list.at[0].name, "n");
    check_value(&list.at[0], "connector.class", "C");
    arena_release(&memory);
}

TEST(wanted_of_strimzi) {
    WantedList list = parsed("a.yaml", "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaConnector\nmetadata:\n"
                                       "  name: shop\n  labels: {x: y}\nspec:\n  class: C\n  tasksMax: 2\n"
                                       "  state: stopped\n  config:\n    a.b: 5\n    c: \"true\"\n    d: no\n"
                                       "---\nkind: Secret\nmetadata: {name: other}\n---\n"
                                       "kind: KafkaConnector\nmetadata: {name: two}\nspec: {class: D, pause: true}\n");
    CHECK_INT(list.count, 2);
    CHECK_TEXT(list.at[0].name, "shop");
    check_value(&list.at[0], "connector.class", "C");
    check_value(&list.at[0], "tasks.max", "2");
    check_value(&list.at[0], "a.b", "5");
    check_value(&list.at[0], "d", "no");
    CHECK(strcmp(list.at[0].target, "STOPPED") == 0);
    CHECK(strcmp(list.at[1].target, "PAUSED") == 0);
    arena_release(&memory);
}

TEST(wanted_that_is_none_is_refused) {
    static const char *const BAD[][2] = {{"a.json", "{"},
                                         {"a.json", "[]"},
                                         {"a.json", "{\"config\":{}}"},
                                         {"a.json", "{\"name\":\"n\",\"config\":{\"a\":{}}}"},
                                         {"a.json", "{\"name\":\"n\",\"config\":{},\"initial_state\":\"x\"}"},
                                         {"a.yaml", "kind: KafkaConnector\n"},
                                         {"a.yaml", "a: [1"},
                                         {"a.yaml", "a: &x\n  b: *x\n"},
                                         {"a.yaml", "name: n\nname: m\n"}};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        Err err[1] = {{0}};
        WantedList list = {0};
        Arena arena;
        arena_init(&arena, "test", 0);
        CHECK_FAILS(wanted_parse(&arena, BAD[i][0], slice_of(BAD[i][1]), &list, err), ERR_OPTION);
        arena_release(&arena);
    }
}
