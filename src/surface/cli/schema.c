// SPDX-License-Identifier: Apache-2.0
// leat schema …: a schema registry's subjects, over its REST API: leat's own or another one.
#include "core/config/properties.h"
#include "core/base/json.h"
#include "core/sys/file.h"
#include "data/registry/registry_schema.h"
#include "data/registry/json_tree.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"
#include "surface/cli/rest.h"

#include <strings.h>

// --- what goes out and comes in ----------------------------------------------------------------------------------

static bool parsed(const Cli *cli, Slice answer, const JsonNode **root, Err *err) {
    Err why[1] = {{0}};
    return json_tree_parse(cli->arena, answer, root, why) ||
           FAIL(err, ERR_NET_PROTOCOL, "the registry's answer makes no sense: %.200s", why->message);
}

static bool wants_json(const Cli *cli) {
    const char *output = cli_value(cli, "output");
    return output != NULL && strcmp(output, "json") == 0;
}

static bool output_check(const Cli *cli, Err *err) {
    const char *output = cli_value(cli, "output");
    return output == NULL || strcmp(output, "json") == 0 || strcmp(output, "text") == 0 ||
           FAIL(err, ERR_USAGE, "--output is text or json, not \"%.40s\"", output);
}

static void print(Slice text) {
    DEFER(buf_release) Buf out = {0};
    buf_put(&out, text);
    buf_u8(&out, '\n');
    output_write(&out);
}

// Without control characters; a number's digits; "-" when absent.
static const char *cell(const Cli *cli, const JsonNode *object, const char *name) {
    const JsonNode *node = json_tree_member(object, name);
    DEFER(buf_release) Buf plain = {0};
    text_plain(&plain, node != NULL && node->text.data != NULL ? node->text : SLICE("-"));
    return arena_text(cli->arena, buf_slice(&plain));
}

// "NAME=SUBJECT:VERSION,…"
static bool write_references(const Cli *cli, Buf *body, Err *err) {
    const char *text = cli_value(cli, "references");
    if (text == NULL) {
        return true;
    }
    size_t count = 0;
    Slice *items = properties_list(cli->arena, slice_of(text), &count);
    json_key(body, "references");
    buf_u8(body, '[');
    for (size_t i = 0; i < count; i++) {
        char *item = arena_text(cli->arena, items[i]), *end = NULL;
        char *equal = strchr(item, '='), *colon = strrchr(item, ':');
        long version = equal != NULL && colon != NULL && colon > equal ? strtol(colon + 1, &end, 10) : 0;
        if (version < 1 || *end != '\0') {
            return FAIL(err, ERR_USAGE, "--references is NAME=SUBJECT:VERSION,…, not \"%.100s\"", item);
        }
        *equal = *colon = '\0';
        buf_text(body, i == 0 ? "{" : ",{");
        json_field_text(body, "name", item);
        json_field_text(body, "subject", equal + 1);
        json_field_int(body, "version", version);
        buf_u8(body, '}');
    }
    buf_u8(body, ']');
    return true;
}

// The request that holds the file's schema.
static bool schema_body(const Cli *cli, const char *path, Buf *body, Err *err) {
    Slice schema;
    RegistryType type;
    const char *name = cli_value(cli, "type");
    TRY(file_read_all(path, REGISTRY_SCHEMA_BYTES_MAX, cli->arena, &schema, err));
    if (name != NULL && !registry_type_of(slice_of(name), &type)) {
        return FAIL(err, ERR_USAGE, "--type is AVRO or JSON, not \"%.40s\"", name);
    }
    buf_text(body, "{\"schema\":");
    json_quote(body, schema);
    if (name != NULL) {
        json_field_text(body, "schemaType", name);
    }
    TRY(write_references(cli, body, err));
    buf_u8(body, '}');
    return true;
}

static const char *version_path(const Cli *cli, const char *before, const char *subject, const char *version) {
    return arena_printf(cli->arena, "%s/versions/%s", rest_path(cli, before, subject), rest_path(cli, "%s", version));
}

// --- the verbs ---------------------------------------------------------------------------------------------------

// Apicurio's answer to /schemas does not say whose they are: then each subject is asked for.
static bool list_subjects(Rest *rest, Slice *answer, Err *err) {
    const Cli *cli = rest->cli;
    const JsonNode *names = NULL;
    TRY(rest_call(rest, "GET", cli_has(cli, "deleted") ? "/subjects?deleted=true" : "/subjects", (Slice){0}, answer,
                  err));
    TRY(parsed(cli, *answer, &names, err));
    DEFER(buf_release) Buf all = {0};
    for (const JsonNode *one = names->first; one != NULL; one = one->next) {
        TRY(rest_call(rest, "GET", version_path(cli, "/subjects/%s", arena_text(cli->arena, one->text), "latest"),
                      (Slice){0}, answer, err));
        buf_text(&all, all.size == 0 ? "[" : ",");
        buf_put(&all, *answer);
    }
    buf_text(&all, all.size == 0 ? "[]" : "]");
    *answer = arena_slice(cli->arena, buf_slice(&all));
    return true;
}

static bool list(Rest *rest, Err *err) {
    enum { COLUMNS = 4 };
    static const char *const HEAD[COLUMNS] = {"SUBJECT", "VERSION", "ID", "TYPE"};
    const Cli *cli = rest->cli;
    const JsonNode *root = NULL;
    Slice answer;
    const char *deleted = cli_has(cli, "deleted") ? "&deleted=true" : "";
    TRY(rest_call(rest, "GET", arena_printf(cli->arena, "/schemas?latestOnly=true%s", deleted), (Slice){0}, &answer,
                  err));
    TRY(parsed(cli, answer, &root, err));
    if (root->first != NULL && json_tree_member(root->first, "subject") == NULL) {
        TRY(list_subjects(rest, &answer, err));
        TRY(parsed(cli, answer, &root, err));
    }
    if (wants_json(cli)) {
        print(answer);
        return true;
    }
    const char **cells = ARENA_ARRAY(cli->arena, const char *, (root->count + 1) * COLUMNS);
    memcpy(cells, HEAD, sizeof(HEAD)); // NOLINT: pointers
    size_t rows = 1;
    for (const JsonNode *one = root->first; one != NULL; one = one->next) {
        const char **row = &cells[rows++ * COLUMNS];
        const JsonNode *gone = json_tree_member(one, "deleted");
        row[0] = cell(cli, one, "subject");
        row[1] = arena_printf(cli->arena, "%s%s", cell(cli, one, "version"),
                              gone != NULL && gone->kind == TREE_TRUE ? " (deleted)" : "");
        row[2] = cell(cli, one, "id");
        row[3] = json_tree_member(one, "schemaType") != NULL ? cell(cli, one, "schemaType") : "AVRO";
    }
    DEFER(buf_release) Buf out = {0};
    text_table(&out, cells, rows, COLUMNS);
    output_write(&out);
    return true;
}

static bool show(Rest *rest, Err *err) {
    const Cli *cli = rest->cli;
    const JsonNode *root = NULL;
    Slice answer;
    const char *version = cli->argument_count > 1 ? cli->arguments[1] : "latest";
    TRY(rest_call(rest, "GET", version_path(cli, "/subjects/%s", cli->arguments[0], version), (Slice){0}, &answer,
                  err));
    if (!wants_json(cli)) {
        TRY(parsed(cli, answer, &root, err));
        answer = json_tree_text(root, "schema"); // alone: it can be piped into a file, and registered again
    }
    print(answer);
    return true;
}

static bool register_file(Rest *rest, Err *err) {
    const Cli *cli = rest->cli;
    const JsonNode *root = NULL;
    Slice answer;
    DEFER(buf_release) Buf body = {0}, out = {0};
    TRY(schema_body(cli, cli->arguments[1], &body, err));
    const char *query = cli_has(cli, "normalize") ? "?normalize=true" : "";
    const char *path =
        arena_printf(cli->arena, "%s%s", rest_path(cli, "/subjects/%s/versions", cli->arguments[0]), query);
    if (!rest_call(rest, "POST", path, buf_slice(&body), &answer, err)) {
        return err->code == ERR_EXISTS
                   ? err_hint(err, "leat schema check says what differs; leat schema config sets another level")
                   : false;
    }
    if (wants_json(cli)) {
        print(answer);
        return true;
    }
    TRY(parsed(cli, answer, &root, err));
    buf_printf(&out, "id %s\n", cell(cli, root, "id"));
    output_write(&out);
    return true;
}

static bool check(Rest *rest, Cli *cli, Err *err) {
    const JsonNode *root = NULL;
    Slice answer;
    DEFER(buf_release) Buf body = {0}, out = {0};
    TRY(schema_body(cli, cli->arguments[1], &body, err));
    const char *path = arena_printf(cli->arena, "%s?verbose=true",
                                    rest_path(cli, "/compatibility/subjects/%s/versions", cli->arguments[0]));
    TRY(rest_call(rest, "POST", path, buf_slice(&body), &answer, err));
    TRY(parsed(cli, answer, &root, err));
    const JsonNode *fits = json_tree_member(root, "is_compatible"), *messages = json_tree_member(root, "messages");
    bool good = fits != NULL && fits->kind == TREE_TRUE;
    cli->exit_code = good ? EXIT_DONE : EXIT_FAILED;
    if (wants_json(cli)) {
        print(answer);
        return true;
    }
    buf_text(&out, good ? "compatible\n" : "not compatible\n");
    for (const JsonNode *one = messages != NULL ? messages->first : NULL; one != NULL; one = one->next) {
        buf_text(&out, "  ");
        text_plain(&out, one->text);
        buf_u8(&out, '\n');
    }
    output_write(&out);
    return true;
}

static bool remove_subject(Rest *rest, Err *err) {
    const Cli *cli = rest->cli;
    Slice answer;
    const char *path = cli->argument_count > 1 ? version_path(cli, "/subjects/%s", cli->arguments[0], cli->arguments[1])
                                               : rest_path(cli, "/subjects/%s", cli->arguments[0]);
    bool permanent = cli_has(cli, "permanent");
    TRY(rest_call(rest, "DELETE", arena_printf(cli->arena, "%s%s", path, permanent ? "?permanent=true" : ""),
                  (Slice){0}, &answer, err));
    if (wants_json(cli)) {
        print(answer);
        return true;
    }
    DEFER(buf_release) Buf out = {0};
    buf_printf(&out, "deleted%s: version ", permanent ? " for good" : "");
    text_plain(&out, answer);
    buf_u8(&out, '\n');
    output_write(&out);
    return true;
}

static bool config(Rest *rest, Err *err) {
    const Cli *cli = rest->cli;
    const JsonNode *root = NULL;
    Slice answer;
    const char *level = cli_value(cli, "level");
    const char *path = cli->argument_count > 0 ? rest_path(cli, "/config/%s", cli->arguments[0]) : "/config";
    if (level != NULL && cli_has(cli, "reset")) {
        return FAIL(err, ERR_USAGE, "--level and --reset exclude each other");
    }
    if (level != NULL) {
        DEFER(buf_release) Buf body = {0};
        buf_u8(&body, '{');
        json_field_text(&body, "compatibility", level);
        buf_u8(&body, '}');
        TRY(rest_call(rest, "PUT", path, buf_slice(&body), &answer, err));
    } else if (cli_has(cli, "reset")) {
        TRY(rest_call(rest, "DELETE", path, (Slice){0}, &answer, err));
    }
    TRY(rest_call(rest, "GET", arena_printf(cli->arena, "%s?defaultToGlobal=true", path), (Slice){0}, &answer, err));
    if (wants_json(cli)) {
        print(answer);
        return true;
    }
    TRY(parsed(cli, answer, &root, err));
    print(slice_of(cell(cli, root, "compatibilityLevel")));
    return true;
}

static bool dispatch(Rest *rest, Cli *cli, Err *err) {
    const char *verb = cli->command->name + strlen("schema ");
    if (strcmp(verb, "list") == 0) {
        return list(rest, err);
    }
    if (strcmp(verb, "show") == 0) {
        return show(rest, err);
    }
    if (strcmp(verb, "register") == 0) {
        return register_file(rest, err);
    }
    if (strcmp(verb, "check") == 0) {
        return check(rest, cli, err);
    }
    return strcmp(verb, "delete") == 0 ? remove_subject(rest, err) : config(rest, err);
}

bool schema_command(Cli *cli, Err *err) {
    Rest rest;
    TRY(output_check(cli, err));
    TRY(rest_open(cli, REST_REGISTRY, &rest, err));
    bool good = dispatch(&rest, cli, err);
    rest_close(&rest);
    fflush(stdout);
    return good;
}
