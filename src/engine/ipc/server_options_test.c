// SPDX-License-Identifier: Apache-2.0
#include "engine/ipc/server_options.c"

#include "core/base/test.h"

TEST(server_options_survive_their_json) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "test", 0);
    ServerOptions options, again;
    const char *directory;
    DEFER(buf_release) Buf json = {0};
    option_defaults(&SERVER_OPTIONS, &options);
    CHECK_OK(option_set(&SERVER_OPTIONS, &options, "listen.connect", "[::1]:18083", &arena, err));
    CHECK_OK(option_set(&SERVER_OPTIONS, &options, "insecure", "true", &arena, err));
    CHECK_OK(option_set(&SERVER_OPTIONS, &options, "worker.memory.max", "96MiB", &arena, err));
    server_options_json(&json, "/data \"x\"", &options);
    CHECK_OK(server_options_parse(buf_slice(&json), &arena, &again, &directory, err));
    CHECK_TEXT(slice_of(directory), "/data \"x\"");
    CHECK_TEXT(slice_of(again.listen_connect), "[::1]:18083");
    CHECK_TEXT(slice_of(again.token_file), "");
    CHECK(again.insecure);
    CHECK_INT(again.worker_memory_max, 96 << 20);
    CHECK_INT(again.restart_backoff_min_ms, options.restart_backoff_min_ms);
    CHECK_INT(again.stop_timeout_ms, 30000);
    DEFER(buf_release) Buf document = {0};
    server_options_document(&document, &options, &(TaskShare){0}, SLICE("{\"kind\":\"source\"}"));
    CHECK_TEXT(buf_slice(&document), "{\"kind\":\"source\"}");
    CHECK_OK(option_set(&SERVER_OPTIONS, &options, "kafka.sasl.password", "x\"y", &arena, err));
    buf_reset(&document);
    server_options_document(&document, &options, &(TaskShare){0}, SLICE("{\"kind\":\"source\"}"));
    CHECK_TEXT(buf_slice(&document), "{\"kafka\":{\"sasl.password\":\"x\\\"y\"},\"kind\":\"source\"}");
    CHECK_OK(option_set(&SERVER_OPTIONS, &options, "journal", "kafka://b:1/", &arena, err));
    buf_reset(&document);
    server_options_document(&document, &options, &(TaskShare){0}, SLICE("{\"kind\":\"source\"}"));
    CHECK_TEXT(buf_slice(&document),
               "{\"kafka\":{\"sasl.password\":\"x\\\"y\"},\"journal\":\"kafka://b:1/\",\"kind\":\"source\"}");
    CHECK_OK(option_set(&SERVER_OPTIONS, &options, "cluster.group", "g", &arena, err));
    buf_reset(&document);
    server_options_document(&document, &options, &(TaskShare){0}, SLICE("{\"kind\":\"sink\"}"));
    CHECK_TEXT(buf_slice(&document), "{\"kafka\":{\"sasl.password\":\"x\\\"y\"},\"journal\":\"kafka://b:1/\","
                                     "\"clustered\":true,\"kind\":\"sink\"}");
    buf_reset(&json);
    server_options_json(&json, "/data", &options); // without what only workers need
    CHECK_OK(server_options_parse(buf_slice(&json), &arena, &again, &directory, err));
    CHECK(again.kafka == NULL);
    CHECK_FAILS(server_options_parse(SLICE("{}"), &arena, &again, &directory, err), ERR_OPTION);
    CHECK_FAILS(
        server_options_parse(SLICE("{\"data.directory\":\"/d\",\"listen\":\"x\"}"), &arena, &again, &directory, err),
        ERR_OPTION);
    arena_release(&arena);
}
