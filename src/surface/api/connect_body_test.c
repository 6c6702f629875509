// SPDX-License-Identifier: Apache-2.0
#include "surface/api/connect_body.c" // NOLINT

#include "core/base/test.h"

static Arena scratch;
#define PLACE "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: "

static const char *create_error(const char *body) {
    static Err err[1];
    err_clear(err);
    ConnectBody create;
    CHECK(!connect_body_create(&scratch, slice_of(body), &create, err));
    return err->message;
}

static const char *config_error(const char *body) {
    static Err err[1];
    err_clear(err);
    ConnectBody config;
    CHECK(!connect_body_config(&scratch, slice_of(body), &config, err));
    return err->message;
}

static ConnectBody created(const char *body) {
    Err err[1] = {{0}};
    ConnectBody create;
    CHECK_OK(connect_body_create(&scratch, slice_of(body), &create, err));
    return create;
}

TEST(connect_body_create_takes) {
    arena_init(&scratch, "scratch", 0);
    ConnectBody create =
        created("{\"name\":\"a\",\"config\":{\"num\":1,\"nul\":null,\"boo\":true},\"initial_state\":\"paused\"}");
    CHECK_TEXT(create.name, "a");
    CHECK_INT(create.config.count, 3);
    CHECK_TEXT(slice_of(create.initial_state), "PAUSED");
    CHECK(!create.no_names);
    CHECK(created("").absent && created(" null ").absent);
    CHECK(created("{\"name\":\"noconf\"}").no_names);
    CHECK(created("{\"config\":{}}").name.data == NULL);
    CHECK_TEXT(created("{\"name\":7}").name, "7");
    arena_release(&scratch);
}

TEST(connect_body_create_refuses_as_the_original) {
    arena_init(&scratch, "scratch", 0);
    CHECK_TEXT(slice_of(create_error("{bad")),
               "Unexpected character ('b' (code 98)): was expecting double-quote to start field name" PLACE "2]");
    CHECK_TEXT(slice_of(create_error("{\"name\":\"z\",\"initial_state\":\"WRONG\"}")),
               "Cannot construct instance of `" REQUEST_CLASS "$InitialState`, problem: No enum constant " REQUEST_CLASS
               ".InitialState.WRONG" PLACE "29] (through reference chain: " REQUEST_CLASS "[\"initial_state\"])");
    CHECK(strstr(create_error("\"str\""), "no String-argument constructor") != NULL);
    CHECK(strstr(create_error("{\"extra\":1}"), "Unrecognized field \"extra\"") != NULL);
    CHECK(strstr(create_error("{\"config\":[]}"), "from Array value (token `JsonToken.START_ARRAY`)") != NULL);
    CHECK(strstr(create_error("{\"config\":{\"a\":{}}}"), "an object") != NULL);
    CHECK(strstr(create_error("{\"name\":{}}"), "java.lang.String") != NULL);
    CHECK(strstr(create_error("{\"initial_state\":[]}"), "InitialState") != NULL);
    CHECK(strstr(create_error("{\"config\":{\"a\":1,\"a\":2}}"), "given twice") != NULL);
    CHECK(strstr(create_error("{} {}"), "Trailing") != NULL);
    arena_release(&scratch);
}

TEST(connect_body_config_refuses_as_the_original) {
    arena_init(&scratch, "scratch", 0);
    CHECK_TEXT(slice_of(config_error("[]")), "Cannot deserialize value of type `" MAP_CLASS
                                             "` from Array value (token `JsonToken.START_ARRAY`)" PLACE "1]");
    CHECK(strstr(config_error("\"hunter2\""), "hunter2") == NULL);
    CHECK(strstr(config_error("{\"a\":[1]}"), "a list") != NULL);
    arena_release(&scratch);
}

TEST(connect_body_members) {
    arena_init(&scratch, "scratch", 0);
    Err err[1] = {{0}};
    Slice json;
    CHECK_OK(connect_body_member(&scratch, SLICE("{\"x\":1,\"offsets\": [{\"a\":{}}] }"), "offsets", &json, err));
    CHECK_TEXT(json, "[{\"a\":{}}]");
    CHECK_OK(connect_body_member(&scratch, SLICE("{}"), "offsets", &json, err));
    CHECK(json.data == NULL);
    CHECK_OK(connect_body_member(&scratch, SLICE("{\"offsets\":null}"), "offsets", &json, err));
    CHECK(json.data == NULL);
    CHECK_FAILS(connect_body_member(&scratch, SLICE("[]"), "offsets", &json, err), ERR_OPTION);
    arena_release(&scratch);
}
