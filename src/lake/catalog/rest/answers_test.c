// SPDX-License-Identifier: Apache-2.0
#include "lake/catalog/rest/answers.c"

#include "core/base/test.h"

static Arena arena[1];
static Err err[1];

static Slice text(const char *json) {
    return slice_of(json);
}

TEST(rest_answers_configuration) {
    RestConfig config;
    arena_init(arena, "scratch", 0);
    CHECK_OK(rest_config_parse(text("{\"defaults\":{\"a\":\"1\",\"n\":5,\"t\":true,\"no\":null,\"deep\":{\"x\":[1]}},"
                                    "\"overrides\":{\"prefix\":\"p\"},\"more\":[],\"endpoints\":[\"GET /v1/x\"],"
                                    "\"idempotency-key-lifetime\":\"PT30M\"}"),
                               arena, &config, err));
    CHECK_INT(config.defaults.count, 3);
    CHECK_TEXT(rest_setting(&config.defaults, "n"), "5");
    CHECK_TEXT(rest_setting(&config.defaults, "t"), "true");
    CHECK(rest_setting(&config.defaults, "no").data == NULL);
    CHECK_TEXT(rest_setting(&config.overrides, "prefix"), "p");
    CHECK(rest_offers(&config, "GET /v1/x") && !rest_offers(&config, "GET /v1/y"));
    CHECK_TEXT(config.key_lifetime, "PT30M");
    CHECK_OK(rest_config_parse(text("{}"), arena, &config, err));
    CHECK(config.endpoints == NULL);
    CHECK_FAILS(rest_config_parse(text("<html>"), arena, &config, err), ERR_NET_PROTOCOL);
    CHECK_FAILS(rest_config_parse(text("{\"defaults\":[]}"), arena, &config, err), ERR_NET_PROTOCOL);
    arena_release(arena);
}

TEST(rest_answers_lists) {
    RestNames names;
    arena_init(arena, "scratch", 0);
    CHECK_OK(rest_spaces_parse(text("{\"namespaces\":[[\"a\",\"b c\"],[\"d\"]],\"next-page-token\":\"t\"}"), arena,
                               &names, err));
    CHECK_INT(names.count, 2);
    CHECK_TEXT(names.names[0], "a\x1f"
                               "b c");
    CHECK_TEXT(names.next_page, "t");
    CHECK_OK(rest_tables_parse(text("{\"identifiers\":[{\"namespace\":[\"a\"],\"name\":\"t\"}],"
                                    "\"next-page-token\":null}"),
                               arena, &names, err));
    CHECK_TEXT(names.names[0], "t");
    CHECK_INT(names.next_page.size, 0);
    CHECK_FAILS(rest_spaces_parse(text("{\"namespaces\":[[\"\"]]}"), arena, &names, err), ERR_NET_PROTOCOL);
    CHECK_FAILS(rest_tables_parse(text("{\"identifiers\":[{}]}"), arena, &names, err), ERR_NET_PROTOCOL);
    arena_release(arena);
}

TEST(rest_answers_tables) {
    RestTable table;
    RestPlace place;
    arena_init(arena, "scratch", 0);
    CHECK_OK(rest_table_parse(text("{\"metadata-location\":\"s3://b/m.json\",\"metadata\":{\"table-uuid\":\"u\","
                                   "\"location\":\"s3://b/t\",\"x\":[{}],\"properties\":{\"k\":\"v\"}},"
                                   "\"config\":{\"s3.endpoint\":\"http://h\"},\"storage-credentials\":"
                                   "[{\"prefix\":\"s3://b/t\",\"config\":{\"s3.access-key-id\":\"A\"}}]}"),
                              arena, &table, err));
    CHECK_TEXT(table.metadata_file, "s3://b/m.json");
    CHECK_TEXT(rest_setting(&table.config, "s3.endpoint"), "http://h");
    CHECK_INT(table.key_count, 1);
    CHECK_TEXT(rest_setting(&table.keys[0].config, "s3.access-key-id"), "A");
    CHECK_OK(rest_place_parse(table.metadata, arena, &place, err));
    CHECK_TEXT(place.uuid, "u");
    CHECK_TEXT(place.location, "s3://b/t");
    CHECK_TEXT(rest_setting(&place.properties, "k"), "v");
    // What is wrong is said by its place, not by what stands there.
    CHECK(!rest_table_parse(text("{\"config\":{\"s3.secret-access-key\":\"hidden\"},\"metadata-location\":7}"), arena,
                            &table, err));
    CHECK(strstr(err->message, "hidden") == NULL && strstr(err->message, "metadata-location") != NULL);
    arena_release(arena);
}

TEST(rest_answers_tokens_and_errors) {
    RestToken token;
    arena_init(arena, "scratch", 0);
    CHECK_OK(rest_token_parse(text("{\"access_token\":\"abc\",\"expires_in\":60}"), arena, &token, err));
    CHECK_INT(token.expires_s, 60);
    CHECK_OK(rest_token_parse(text("{\"access_token\":\"abc\",\"expires_in\":\"61\"}"), arena, &token, err));
    CHECK_INT(token.expires_s, 61);
    CHECK_OK(rest_token_parse(text("{\"access_token\":\"abc\"}"), arena, &token, err));
    CHECK_INT(token.expires_s, 0);
    CHECK_FAILS(rest_token_parse(text("{\"access_token\":\"a\\r\\nX: y\"}"), arena, &token, err), ERR_NET_PROTOCOL);
    CHECK_FAILS(rest_token_parse(text("{\"expires_in\":60}"), arena, &token, err), ERR_NET_PROTOCOL);
    RestError error = rest_error_parse(text("{\"error\":{\"message\":\"m\",\"type\":\"T\",\"code\":404}}"), arena);
    CHECK_TEXT(error.message, "m");
    CHECK_TEXT(error.type, "T");
    error = rest_error_parse(text("{\"error\":\"invalid_client\",\"error_description\":\"d\"}"), arena);
    CHECK_TEXT(error.type, "invalid_client");
    CHECK_INT(rest_error_parse(text("<html>no</html>"), arena).message.size, 0);
    arena_release(arena);
}
