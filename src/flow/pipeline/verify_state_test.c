// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/verify_state.c"

#include "core/base/test.h"

static const char *known(const VerifyState *state, Buf *out) {
    buf_reset(out);
    verify_state_json(state, out);
    buf_u8(out, '\0');
    return (const char *)out->data;
}

static size_t table_count(const VerifyState *state) {
    return json_array_size(json_object_get(state->root, "tables"));
}

#define BOTH                                                                                                         \
    "{\"result\":\"differs\",\"lsn\":\"0/1\",\"tables\":[{\"table\":\"a\",\"result\":\"differs\"},{\"table\":\"b\"," \
    "\"result\":\"equal\"}]}"

TEST(verify_state_keeps_the_newest_of_each_table) {
    DEFER(buf_release) Buf out = {0};
    VerifyState *state = verify_state_new();
    CHECK_TEXT(slice_of(known(state, &out)), "{\"running\":null,\"last\":null,\"tables\":[],\"format_version\":1}");
    CHECK(verify_state_running(state) == NULL && verify_state_ended_ms(state) == 0);
    verify_state_begin(state, "1", "schedule", "");
    verify_state_step(state, "compare", SLICE("a"));
    CHECK_TEXT(slice_of(verify_state_running(state)), "1");
    CHECK(strstr(known(state, &out), "\"step\":\"compare\",\"table\":\"a\"}") != NULL);
    verify_state_end(state, SLICE(BOTH), 5);
    CHECK(verify_state_running(state) == NULL && verify_state_ended_ms(state) > 0);
    CHECK(strstr(known(state, &out), "{\"table\":\"a\",\"result\":\"differs\",\"lsn\":\"0/1\",\"taken_ms\":5}") !=
          NULL);
    // One of them alone: the other stays.
    verify_state_begin(state, "2", "request", "a");
    verify_state_end(state,
                     SLICE("{\"result\":\"equal\",\"lsn\":\"0/2\",\"tables\":[{\"table\":\"a\",\"result\":"
                           "\"equal\"}]}"),
                     6);
    CHECK(strstr(known(state, &out), "{\"table\":\"a\",\"result\":\"equal\",\"lsn\":\"0/2\",\"taken_ms\":6}") != NULL);
    CHECK_INT(table_count(state), 2);
    // None could be compared: what is known of the tables stays.
    verify_state_begin(state, "3", "schedule", "");
    verify_state_end(state, SLICE("{\"result\":\"not_compared\",\"error\":\"source_setup\",\"message\":\"m\"}"), 0);
    CHECK_INT(table_count(state), 2);
    CHECK(strstr(known(state, &out), "\"error\":\"source_setup\",\"message\":\"m\"") != NULL);
    // All: those that are no more go.
    verify_state_begin(state, "4", "schedule", "");
    verify_state_end(state, SLICE("{\"result\":\"equal\",\"tables\":[{\"table\":\"b\",\"result\":\"equal\"}]}"), 7);
    CHECK_INT(table_count(state), 1);
    verify_state_begin(state, "5", "schedule", "");
    verify_state_drop(state);
    CHECK(verify_state_running(state) == NULL);
    CHECK(strstr(known(state, &out), "\"last\":{\"id\":\"4\"") != NULL);
    verify_state_free(state);
}

TEST(verify_state_is_kept_in_a_file) {
    Err err[1] = {{0}};
    char directory[] = "/tmp/leat_verify_XXXXXX";
    CHECK(mkdtemp(directory) != NULL);
    VerifyState *state = NULL;
    CHECK_OK(verify_state_load(directory, &state, err));
    verify_state_begin(state, "1", "schedule", "");
    CHECK_OK(verify_state_save(state, directory, err));
    verify_state_free(state);
    CHECK_OK(verify_state_load(directory, &state, err));
    CHECK_TEXT(slice_of(verify_state_running(state)), "1");
    verify_state_free(state);
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/verify.json", directory);
    CHECK_OK(file_replace(path, SLICE("{\"tables\":[],\"format_version\":2}"), err));
    CHECK_FAILS(verify_state_load(directory, &state, err), ERR_FORMAT_NEWER);
    CHECK_OK(file_replace(path, SLICE("{\"tables\":"), err));
    CHECK_FAILS(verify_state_load(directory, &state, err), ERR_STATE_CORRUPT);
    CHECK_OK(file_remove_tree(directory, (err_clear(err), err)));
}
