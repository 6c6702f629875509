// SPDX-License-Identifier: Apache-2.0
#include "core/net/test_server.h"
#include "storage/kafka/registrar.c"

static TestServer server;
static struct {
    int status;
    const char *body;
    char target[256], authorization[128], sent[512];
} seen;

static bool answer_one(TestRequest *request) {
    snprintf(seen.target, sizeof(seen.target), "%s %.200s", request->method, request->target);
    if (!test_header(request, "authorization", seen.authorization, sizeof(seen.authorization))) {
        seen.authorization[0] = '\0';
    }
    snprintf(seen.sent, sizeof(seen.sent), "%.*s", (int)request->body.size, (const char *)request->body.data);
    return test_answer(request, seen.status, "Content-Type: " MEDIA_TYPE "\r\n", slice_of(seen.body));
}

static void answers(int status, const char *body) {
    seen.status = status;
    seen.body = body;
}

// Of options behind "value.converter.", {"name":"value",…} with single quotes; ~ is the server's port.
static Registrar *made(const char *options, Err *err) {
    Arena arena[1];
    arena_init(arena, "test", 0);
    DEFER(buf_release) Buf text = {0};
    buf_init(&text, 0);
    for (const char *at = options; *at != '\0'; at++) {
        if (*at == '~') {
            buf_int(&text, server.port);
        } else {
            buf_u8(&text, *at == '\'' ? '"' : (uint8_t)*at);
        }
    }
    Properties all = {0}, config = {0};
    CHECK_OK(properties_parse(arena, arena_slice(arena, buf_slice(&text)), &all, err));
    for (size_t i = 0; i < all.count; i++) {
        const char *name = arena_printf(arena, "value.converter.%.*s", SLICE_ARG(all.at[i].name));
        properties_set(arena, &config, slice_of(name), all.at[i].value);
    }
    Registrar *registrar = NULL;
    if (!registrar_new(&config, false, &registrar, err)) {
        CHECK(registrar == NULL);
    }
    arena_release(arena); // it keeps nothing of it
    return registrar;
}

static bool asked(Registrar *registrar, const char *subject, const char *schema, int32_t *id, Err *err) {
    const SchemaRegistrar *contract = registrar_contract(registrar);
    return contract->register_schema(contract->context, slice_of(subject), slice_of(schema), id, err);
}

TEST(registrar_registers_once) {
    test_server_start(&server, answer_one);
    Err err[1] = {{0}};
    int32_t id = 0;
    Registrar *registrar = made("{'schema.registry.url':'http://u%40:p@127.0.0.1:~/'}", err);
    CHECK_OK(registrar != NULL);
    registrar_close(registrar);
    registrar = made("{'schema.registry.url':'http://127.0.0.1:1,http://127.0.0.1:~/','normalize.schemas':'true',"
                     "'basic.auth.credentials.source':'USER_INFO','basic.auth.user.info':'user:pass'}",
                     err);
    answers(200, "{\"id\":7,\"extra\":{}}");
    CHECK_OK(asked(registrar, "a/b-value", "\"int\"", &id, err));
    CHECK_INT(id, 7);
    CHECK_TEXT(slice_of(seen.target), "POST /subjects/a%2Fb-value/versions?normalize=true");
    CHECK_TEXT(slice_of(seen.authorization), "Basic dXNlcjpwYXNz");
    CHECK_TEXT(slice_of(seen.sent), "{\"schema\":\"\\\"int\\\"\"}");
    answers(200, "{\"id\":8}");
    CHECK_OK(asked(registrar, "a/b-value", "\"int\"", &id, err));
    CHECK_INT(id, 7);
    CHECK_OK(asked(registrar, "a/b-value", "\"long\"", &id, err));
    CHECK_INT(id, 8);
    answers(409, "{\"error_code\":40901,\"message\":\"Schema being registered is incompatible\"}");
    CHECK(!asked(registrar, "a/b-value", "\"string\"", &id, err));
    CHECK(err->code == ERR_OPTION && strstr(err->message, "'a/b-value': Schema being registered is inc") != NULL);
    err_clear(err);
    answers(503, "");
    CHECK(!asked(registrar, "x", "\"string\"", &id, err));
    CHECK_INT(err_class(err->code), ERR_CLASS_TRANSIENT);
    err_clear(err);
    answers(401, "{}");
    CHECK_FAILS(registrar_check(registrar, err), ERR_NET_AUTH);
    answers(404, "<html>");
    CHECK_FAILS(asked(registrar, "x", "\"string\"", &id, err), ERR_NET_SETUP);
    answers(200, "{\"id\":\"x\"}");
    CHECK_FAILS(asked(registrar, "x", "\"string\"", &id, err), ERR_NET_PROTOCOL);
    answers(200, "[]");
    CHECK_OK(registrar_check(registrar, err));
    registrar_close(registrar);
    test_server_stop(&server);
}

TEST(registrar_takes_what_is_there) {
    test_server_start(&server, answer_one);
    Err err[1] = {{0}};
    int32_t id = 0;
    Registrar *registrar = made("{'schema.registry.url':'http://127.0.0.1:~','auto.register.schemas':'false',"
                                "'bearer.auth.credentials.source':'STATIC_TOKEN','bearer.auth.token':'t0ken'}",
                                err);
    answers(200, "{\"subject\":\"x\",\"id\":3,\"version\":1,\"schema\":\"\\\"int\\\"\"}");
    CHECK_OK(asked(registrar, "x", "\"int\"", &id, err));
    CHECK_TEXT(slice_of(seen.target), "POST /subjects/x?normalize=false");
    CHECK_TEXT(slice_of(seen.authorization), "Bearer t0ken");
    answers(404, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
    CHECK_FAILS(asked(registrar, "x", "\"long\"", &id, err), ERR_OPTION);
    registrar_close(registrar);
    registrar = made("{'schema.registry.url':'http://127.0.0.1:~','auto.register.schemas':'false',"
                     "'use.latest.version':'true'}",
                     err);
    answers(200, "{\"id\":4,\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"Other\\\",\\\"doc\\\":\\\"D\\\","
                 "\\\"fields\\\":[{\\\"name\\\":\\\"f\\\",\\\"type\\\":\\\"int\\\"}]}\"}");
    CHECK_OK(asked(registrar, "x",
                   "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"int\"}]}", &id, err));
    CHECK_INT(id, 4);
    CHECK_TEXT(slice_of(seen.target), "GET /subjects/x/versions/latest");
    CHECK_FAILS(asked(registrar, "x",
                      "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"g\",\"type\":\"int\"}]}", &id, err),
                ERR_OPTION);
    registrar_close(registrar);
    test_server_stop(&server);
    registrar = made("{'schema.registry.url':'http://127.0.0.1:1'}", err);
    CHECK_FAILS(asked(registrar, "x", "\"int\"", &id, err), ERR_NET_UNREACHABLE);
    registrar_close(registrar);
}

TEST(registrar_options) {
    static const char *const WRONG[] = {
        "{'schema.registry.url':'mock://x'}",
        "{'schema.registry.url':''}",
        "{'schema.registry.url':'http://x','auto.register.schemas':'maybe'}",
        "{'schema.registry.url':'http://x','basic.auth.credentials.source':'SASL_INHERIT'}",
        "{'schema.registry.url':'http://x','basic.auth.credentials.source':'USER_INFO'}",
        "{'schema.registry.url':'http://x','bearer.auth.credentials.source':'OAUTHBEARER'}",
        "{'schema.registry.url':'http://x','bearer.auth.credentials.source':'STATIC_TOKEN'}",
        "{'schema.registry.url':'https://x','schema.registry.ssl.truststore.location':'/x.jks'}",
        "{'schema.registry.url':'http://x','use.schema.id':'5'}",
        "{'schema.registry.url':'http://x','http.read.timeout.ms':'soon'}",
    };
    Err err[1] = {{0}};
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        CHECK(made(WRONG[i], err) == NULL);
        CHECK_INT(err->code, ERR_OPTION);
        CHECK(strncmp(err->message, "value.converter.", 16) == 0);
        err_clear(err);
    }
    CHECK(made("{'other':'x'}", err) == NULL && err->code == ERR_NONE);
    Registrar *registrar = made("{'schema.registry.url':'http://us%3Aer:pa%20ss@h:1/base/, https://k'}", err);
    CHECK(registrar != NULL && registrar->url_count == 2);
    CHECK_TEXT(slice_of(registrar->urls[0]), "http://h:1/base");
    CHECK_TEXT(slice_of(registrar->url_authorization[0]), "Basic dXM6ZXI6cGEgc3M=");
    CHECK(registrar->url_authorization[1] == NULL);
    registrar_close(registrar);
}
