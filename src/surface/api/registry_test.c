// SPDX-License-Identifier: Apache-2.0
// The API over a store in a folder of its own, through the router as the front does it.
#include "core/base/test.h"
#include "core/sys/file.h"
#include "surface/api/registry.c"

typedef struct Service {
    char folder[64];
    RegistryStore *store;
    ApiSurface surface;
    Arena arena[1];
    ApiAnswer answer;
} Service;

static Service *started(void) {
    static Service service;
    Err err[1] = {{0}};
    test_folder(service.folder, sizeof(service.folder), "api");
    char path[100];
    snprintf(path, sizeof(path), "%s/registry.db", service.folder);
    CHECK_OK(registry_store_open(path, &service.store, err));
    registry_surface(service.store, &service.surface);
    arena_init(service.arena, "test", 0);
    return &service;
}

static void stopped(Service *service) {
    Err err[1] = {{0}};
    registry_store_close(service->store);
    buf_release(&service->answer.body);
    arena_release(service->arena);
    CHECK_OK(file_remove_tree(service->folder, err));
}

// The status; the body is in service->answer.
static int call(Service *service, const char *method, const char *target, const char *body) {
    ApiRequest request = {.method = method,
                          .body = slice_of(body),
                          .content_type = body != NULL ? "application/vnd.schemaregistry.v1+json" : "",
                          .accept = "application/vnd.schemaregistry.v1+json, application/json",
                          .actor = "test",
                          .role = ROLE_ADMIN,
                          .arena = service->arena};
    buf_release(&service->answer.body);
    service->answer = (ApiAnswer){.status = 200};
    CHECK(api_target(&request, slice_of(target)));
    api_dispatch(&service->surface, &request, &service->answer);
    return service->answer.status;
}

#define CALL(verb, target, text, want_status, want_body)                                                  \
    do {                                                                                                  \
        int status_ = call(service, verb, target, text);                                                  \
        Slice got_body_ = buf_slice(&service->answer.body);                                               \
        if (status_ != (want_status) || !slice_is(got_body_, want_body)) {                                \
            test_fail(__FILE__, __LINE__, "%s %s: %d %.*s", verb, target, status_, SLICE_ARG(got_body_)); \
        }                                                                                                 \
    } while (0)

#define SCHEMA(text) "{\"schema\":\"" text "\"}"
#define S_INT        SCHEMA("{\\\"type\\\":\\\"int\\\"}")
#define S_LONG       SCHEMA("\\\"long\\\"")
#define S_STRING     SCHEMA("\\\"string\\\"")

TEST(registry_registers_and_finds) {
    Service *service = started();
    CALL("GET", "/", NULL, 200, "{}");
    CALL("GET", "/subjects", NULL, 200, "[]");
    CALL("POST", "/subjects/a%2Fb-value/versions?normalize=False", S_INT, 200, "{\"id\":1}");
    CALL("POST", "/subjects/a%2Fb-value/versions", S_INT, 200, "{\"id\":1}");
    CALL("POST", "/subjects/a%2Fb-value/versions/", S_LONG, 200, "{\"id\":2}");
    CALL("POST", "/subjects/other/versions", S_INT, 200, "{\"id\":1}");
    CALL("GET", "/subjects/", NULL, 200, "[\"a/b-value\",\"other\"]");
    CALL("GET", "/subjects?subjectPrefix=a", NULL, 200, "[\"a/b-value\"]");
    CALL("GET", "/subjects/a%2Fb-value/versions", NULL, 200, "[1,2]");
    CALL("GET", "/subjects/a%2Fb-value/versions/latest", NULL, 200,
         "{\"subject\":\"a/b-value\",\"version\":2,\"id\":2,\"schemaType\":\"AVRO\",\"schema\":\"\\\"long\\\"\"}");
    CALL("GET", "/subjects/a%2Fb-value/versions/-1/schema", NULL, 200, "\"long\"");
    CALL("GET", "/schemas/ids/1?fetchMaxId=True&subject=x", NULL, 200,
         "{\"schema\":\"\\\"int\\\"\",\"schemaType\":\"AVRO\",\"maxId\":2}");
    CALL("GET", "/schemas/ids/1/schema", NULL, 200, "\"int\"");
    CALL("GET", "/schemas/ids/1/subjects", NULL, 200, "[\"a/b-value\",\"other\"]");
    CALL("GET", "/schemas/ids/1/versions", NULL, 200,
         "[{\"subject\":\"a/b-value\",\"version\":1},{\"subject\":\"other\",\"version\":1}]");
    CALL("POST", "/subjects/other?deleted=true", S_INT, 200,
         "{\"subject\":\"other\",\"version\":1,\"id\":1,\"schemaType\":\"AVRO\",\"schema\":\"\\\"int\\\"\"}");
    CALL("POST", "/subjects/other", S_LONG, 404, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
    CALL("POST", "/subjects/none", S_LONG, 404, "{\"error_code\":40401,\"message\":\"Subject 'none' not found.\"}");
    CALL("GET", "/subjects/none/versions", NULL, 404,
         "{\"error_code\":40401,\"message\":\"Subject 'none' not found.\"}");
    CALL("GET", "/subjects/other/versions/9", NULL, 404, "{\"error_code\":40402,\"message\":\"Version 9 not found.\"}");
    CALL("GET", "/schemas/ids/77", NULL, 404, "{\"error_code\":40403,\"message\":\"Schema 77 not found\"}");
    CALL("GET", "/contexts", NULL, 200, "[\".\"]");
    CALL("GET", "/schemas?latestOnly=true&limit=1&offset=1", NULL, 200,
         "[{\"subject\":\"other\",\"version\":1,\"id\":1,\"schemaType\":\"AVRO\",\"schema\":\"\\\"int\\\"\"}]");
    CHECK_INT(call(service, "GET", "/subjects/other/versions/0", NULL), 422);
    CHECK_INT(call(service, "GET", "/subjects/other/versions/x", NULL), 422);
    CHECK_INT(call(service, "GET", "/schemas/ids/x", NULL), 404);
    stopped(service);
}

TEST(registry_refuses_what_does_not_fit) {
    Service *service = started();
    CALL("POST", "/subjects/s/versions", S_LONG, 200, "{\"id\":1}");
    CALL("POST", "/subjects/s/versions", S_STRING, 409,
         "{\"error_code\":40901,\"message\":\"Schema being registered is incompatible with an earlier schema for "
         "subject "
         "\\\"s\\\", details: [{errorType:'TYPE_MISMATCH', description:'The type (path '/') of a field in the new "
         "schema "
         "does not match with the old schema', additionalInfo:'reader type: STRING not compatible with writer type: "
         "LONG'}, {oldSchemaVersion: 1}, {oldSchema: '\\\"long\\\"'}, {validateFields: 'false', compatibility: "
         "'BACKWARD'}]\"}");
    CALL("POST", "/compatibility/subjects/s/versions/latest/", S_STRING, 200, "{\"is_compatible\":false}");
    CALL("POST", "/compatibility/subjects/s/versions/1", SCHEMA("\\\"double\\\""), 200, "{\"is_compatible\":true}");
    CALL("POST", "/compatibility/subjects/none/versions/latest?verbose=true", S_STRING, 200,
         "{\"is_compatible\":true,\"messages\":[]}");
    CHECK_INT(call(service, "POST", "/compatibility/subjects/s/versions/7", S_STRING), 404);
    CHECK_INT(call(service, "POST", "/compatibility/subjects/s/versions?verbose=true", S_STRING), 200);
    CHECK(memmem(service->answer.body.data, service->answer.body.size, "{oldSchemaVersion: 1}", 21) != NULL);
    CALL("PUT", "/config/s", "{\"compatibility\":\"none\"}", 200, "{\"compatibility\":\"none\"}");
    CALL("POST", "/subjects/s/versions", S_STRING, 200, "{\"id\":2}");
    CALL("POST", "/subjects/s/versions", SCHEMA("\\\"nope\\\""), 422,
         "{\"error_code\":42201,\"message\":\"Invalid schema of type AVRO, details: the name 'nope' is not defined\"}");
    CALL("POST", "/subjects/s/versions", SCHEMA(" "), 422, "{\"error_code\":42201,\"message\":\"Empty schema\"}");
    CHECK_INT(call(service, "POST", "/subjects/s/versions", "{\"schema\":\"x\",\"schemaType\":\"PROTOBUF\"}"), 422);
    CHECK_INT(call(service, "POST", "/subjects/s/versions", "{\"schema\":"), 400);
    CHECK_INT(call(service, "POST", "/subjects/s/versions", "{\"schema\":\"\\\"int\\\"\",\"id\":9}"), 422);
    CHECK_INT(call(service, "POST", "/subjects/s/versions", "{\"schema\":\"\\\"int\\\"\",\"version\":9}"), 422);
    CHECK_INT(call(service, "POST", "/subjects/:.ctx:s/versions", S_INT), 422);
    CHECK_INT(call(service, "POST", "/subjects/:.:t/versions", S_INT), 200);
    CALL("GET", "/subjects", NULL, 200, "[\"s\",\"t\"]");
    stopped(service);
}

TEST(registry_deletes_softly_first) {
    Service *service = started();
    CALL("POST", "/subjects/s/versions", S_INT, 200, "{\"id\":1}");
    CALL("POST", "/subjects/s/versions", S_LONG, 200, "{\"id\":2}");
    CALL("DELETE", "/subjects/s/versions/1?permanent=true", NULL, 404,
         "{\"error_code\":40407,\"message\":\"Subject 's' Version 1 was not deleted first before being permanently "
         "deleted\"}");
    CALL("DELETE", "/subjects/s/versions/1", NULL, 200, "1");
    CHECK_INT(call(service, "DELETE", "/subjects/s/versions/1", NULL), 404);
    CALL("GET", "/subjects/s/versions", NULL, 200, "[2]");
    CALL("GET", "/subjects/s/versions?deleted=true", NULL, 200, "[1,2]");
    CALL("GET", "/subjects/s/versions?deletedOnly=true", NULL, 200, "[1]");
    CALL("GET", "/subjects/s/versions?deleted=true&deletedAsNegative=true", NULL, 200, "[-1,2]");
    CHECK_INT(call(service, "GET", "/subjects/s/versions/1", NULL), 404);
    CHECK_INT(call(service, "GET", "/subjects/s/versions/1?deleted=true", NULL), 200);
    CALL("GET", "/schemas/ids/1/schema", NULL, 200, "\"int\"");
    CALL("DELETE", "/subjects/s?permanent=true", NULL, 404,
         "{\"error_code\":40405,\"message\":\"Subject 's' was not deleted first before being permanently deleted\"}");
    CALL("DELETE", "/subjects/s", NULL, 200, "[2]");
    CALL(
        "DELETE", "/subjects/s", NULL, 404,
        "{\"error_code\":40404,\"message\":\"Subject 's' was soft deleted.Set permanent=true to delete permanently\"}");
    CALL("GET", "/subjects", NULL, 200, "[]");
    CALL("GET", "/subjects?deleted=true", NULL, 200, "[\"s\"]");
    CALL("GET", "/subjects?deletedOnly=true", NULL, 200, "[\"s\"]");
    CALL("POST", "/subjects/s/versions", S_LONG, 200, "{\"id\":2}");
    CALL("GET", "/subjects/s/versions?deleted=true", NULL, 200, "[1,3]");
    CALL("DELETE", "/subjects/s", NULL, 200, "[3]");
    CALL("DELETE", "/subjects/s/?permanent=TRUE", NULL, 200, "[1,3]");
    CHECK_INT(call(service, "GET", "/schemas/ids/1", NULL), 404);
    CALL("DELETE", "/subjects/s", NULL, 404, "{\"error_code\":40401,\"message\":\"Subject 's' not found.\"}");
    CALL("POST", "/subjects/s/versions", S_LONG, 200, "{\"id\":3}");
    stopped(service);
}

TEST(registry_levels_and_modes) {
    Service *service = started();
    CALL("GET", "/config/", NULL, 200, "{\"compatibilityLevel\":\"BACKWARD\"}");
    CALL("GET", "/config/s", NULL, 404,
         "{\"error_code\":40408,\"message\":\"Subject 's' does not have subject-level compatibility configured\"}");
    CALL("GET", "/config/s?defaultToGlobal=true", NULL, 200, "{\"compatibilityLevel\":\"BACKWARD\"}");
    CALL("PUT", "/config", "{\"compatibility\":\"FULL_TRANSITIVE\"}", 200, "{\"compatibility\":\"FULL_TRANSITIVE\"}");
    CALL("PUT", "/config/s", "{\"compatibility\":\"FORWARD\",\"normalize\":true}", 200,
         "{\"normalize\":true,\"compatibility\":\"FORWARD\"}");
    CALL("GET", "/config/s", NULL, 200, "{\"normalize\":true,\"compatibilityLevel\":\"FORWARD\"}");
    CALL("DELETE", "/config/s", NULL, 200, "{\"normalize\":true,\"compatibilityLevel\":\"FORWARD\"}");
    CHECK_INT(call(service, "DELETE", "/config/s", NULL), 404);
    CALL("GET", "/config/s?defaultToGlobal=true", NULL, 200, "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}");
    CALL("PUT", "/config/s", "{\"compatibility\":\"SOMETIMES\"}", 422,
         "{\"error_code\":42203,\"message\":\"Invalid compatibility level. Valid values are none, backward, forward, "
         "full, "
         "backward_transitive, forward_transitive, and full_transitive\"}");
    CALL("GET", "/mode", NULL, 200, "{\"mode\":\"READWRITE\"}");
    CHECK_INT(call(service, "GET", "/mode/s", NULL), 404);
    CALL("PUT", "/mode/s", "{\"mode\":\"READONLY\"}", 200, "{\"mode\":\"READONLY\"}");
    CALL("POST", "/subjects/s/versions", S_INT, 422,
         "{\"error_code\":42205,\"message\":\"Subject s in context . is in read-only mode\"}");
    CALL("DELETE", "/mode/s", NULL, 200, "{\"mode\":\"READONLY\"}");
    CALL("PUT", "/mode/s", "{\"mode\":\"IMPORT\"}", 200, "{\"mode\":\"IMPORT\"}");
    CHECK_INT(call(service, "POST", "/subjects/s/versions", S_INT), 422);
    CALL("POST", "/subjects/s/versions", "{\"schema\":\"\\\"int\\\"\",\"id\":100,\"version\":7}", 200, "{\"id\":100}");
    CALL("POST", "/subjects/s/versions", "{\"schema\":\"\\\"string\\\"\",\"id\":100}", 422,
         "{\"error_code\":42205,\"message\":\"Overwrite new schema with id 100 is not permitted.\"}");
    CALL("GET", "/subjects/s/versions", NULL, 200, "[7]");
    CHECK_INT(call(service, "PUT", "/mode", "{\"mode\":\"IMPORT\"}"), 422);
    CHECK_INT(call(service, "PUT", "/mode?force=true", "{\"mode\":\"IMPORT\"}"), 200);
    CALL("PUT", "/mode", "{\"mode\":\"READONLY_OVERRIDE\"}", 200, "{\"mode\":\"READONLY_OVERRIDE\"}");
    CHECK_INT(call(service, "DELETE", "/subjects/s", NULL), 422);
    CHECK_INT(call(service, "PUT", "/mode", "{\"mode\":\"SOMETIMES\"}"), 422);
    CALL("DELETE", "/mode", NULL, 200, "{\"mode\":\"READONLY_OVERRIDE\"}");
    stopped(service);
}

TEST(registry_references) {
    Service *service = started();
    CALL("POST", "/subjects/address/versions",
         SCHEMA("{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"x.A\\\",\\\"fields\\\":[{\\\"name\\\":\\\"c\\\","
                "\\\"type\\\":"
                "\\\"string\\\"}]}"),
         200, "{\"id\":1}");
    static const char PERSON[] =
        "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"x.P\\\",\\\"fields\\\":[{\\\"name\\\":\\\"a\\\","
        "\\\"type\\\":\\\"x.A\\\"}]}\",\"references\":[{\"name\":\"x.A\",\"subject\":\"address\",\"version\":1}]}";
    CALL("POST", "/subjects/person/versions", PERSON, 200, "{\"id\":2}");
    CALL("GET", "/subjects/address/versions/1/referencedby", NULL, 200, "[2]");
    CALL("GET", "/schemas/ids/2", NULL, 200,
         "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"P\\\",\\\"namespace\\\":\\\"x\\\",\\\"fields\\\":"
         "[{"
         "\\\"name\\\":\\\"a\\\",\\\"type\\\":\\\"A\\\"}]}\",\"schemaType\":\"AVRO\",\"references\":[{\"name\":\"x.A\","
         "\"subject\":\"address\",\"version\":1}]}");
    CALL("DELETE", "/subjects/address", NULL, 422,
         "{\"error_code\":42206,\"message\":\"One or more references exist to the schema "
         "{magic=1,keytype=SCHEMA,subject=address,version=1}.\"}");
    CHECK_INT(call(service, "DELETE", "/subjects/address/versions/1", NULL), 422);
    CHECK_INT(call(service, "POST", "/subjects/person", PERSON), 200);
    CHECK_INT(call(service, "DELETE", "/subjects/person", NULL), 200);
    CHECK_INT(call(service, "DELETE", "/subjects/address", NULL), 200);
    CALL("GET", "/subjects/address/versions/1/referencedby?deleted=true", NULL, 200, "[2]");
    CHECK_INT(call(service, "DELETE", "/subjects/address?permanent=true", NULL), 422);
    CALL("POST", "/subjects/lost/versions",
         "{\"schema\":\"\\\"x.B\\\"\",\"references\":[{\"name\":\"x.B\",\"subject\":\"none\",\"version\":1}]}", 422,
         "{\"error_code\":42201,\"message\":\"Invalid schema of type AVRO, details: No schema reference found for "
         "subject "
         "\\\"none\\\" and version 1\"}");
    // One schema under two names, and one that refers to it through another.
    CALL("POST", "/subjects/j/versions", "{\"schema\":\"{\\\"type\\\":\\\"string\\\"}\",\"schemaType\":\"JSON\"}", 200,
         "{\"id\":3}");
    static const char TWICE[] =
        "{\"schemaType\":\"JSON\",\"schema\":\"{\\\"properties\\\":{\\\"a\\\":{\\\"$ref\\\":\\\"a.json\\\"},\\\"b\\\":{"
        "\\\"$ref\\\":\\\"b.json\\\"}}}\",\"references\":[{\"name\":\"a.json\",\"subject\":\"j\",\"version\":1},{"
        "\"name\":\"b.json\",\"subject\":\"j\",\"version\":1}]}";
    CALL("POST", "/subjects/k/versions", TWICE, 200, "{\"id\":4}");
    CALL(
        "POST", "/subjects/l/versions",
        "{\"schemaType\":\"JSON\",\"schema\":\"{\\\"$ref\\\":\\\"k.json#/properties/b\\\"}\",\"references\":[{\"name\":"
        "\"k.json\",\"subject\":\"k\",\"version\":1}]}",
        200, "{\"id\":5}");
    CALL("POST", "/compatibility/subjects/l/versions/latest?verbose=true",
         "{\"schemaType\":\"JSON\",\"schema\":\"{\\\"type\\\":[\\\"string\\\",\\\"null\\\"]}\"}", 200,
         "{\"is_compatible\":true,\"messages\":[]}");
    stopped(service);
}
