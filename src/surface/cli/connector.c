// SPDX-License-Identifier: Apache-2.0
// leat connector …: a running server's connectors, over its Kafka Connect REST API.
#include "core/config/template.h"
#include "core/sys/file.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"
#include "surface/cli/rest.h"
#include "core/config/wanted.h"

#include <jansson.h>

enum { BODY_BYTES_MAX = 4 << 20 };

// --- what the answers hold -------------------------------------------------------------------------------------

static json_t *parsed(Slice answer, Err *err) {
    json_error_t where;
    json_t *root = json_loadb((const char *)answer.data, answer.size, JSON_DECODE_ANY, &where);
    if (root == NULL) {
        FAIL(err, ERR_NET_PROTOCOL, "the server's answer is no JSON: %.200s", where.text);
    }
    return root;
}

// Borrowed from the answer, without control characters; "-" when it is no text.
static const char *text_at(const Cli *cli, const json_t *object, const char *name) {
    DEFER(buf_release) Buf plain = {0};
    const char *text = json_string_value(json_object_get(object, name));
    text_plain(&plain, slice_of(text != NULL ? text : "-"));
    return arena_text(cli->arena, buf_slice(&plain));
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

static void print_json(Slice answer) {
    DEFER(buf_release) Buf out = {0};
    buf_put(&out, answer);
    buf_u8(&out, '\n');
    output_write(&out);
}

// --- list and show ---------------------------------------------------------------------------------------------

static const char *trace_of(const json_t *status) {
    const char *trace = json_string_value(json_object_get(json_object_get(status, "connector"), "trace"));
    const json_t *tasks = json_object_get(status, "tasks");
    for (size_t i = 0; trace == NULL && i < json_array_size(tasks); i++) {
        trace = json_string_value(json_object_get(json_array_get(tasks, i), "trace"));
    }
    return trace;
}

static const char *tasks_of(const Cli *cli, const json_t *status) {
    DEFER(buf_release) Buf text = {0};
    const json_t *tasks = json_object_get(status, "tasks");
    for (size_t i = 0; i < json_array_size(tasks); i++) {
        buf_printf(&text, "%s%s", i > 0 ? "," : "", text_at(cli, json_array_get(tasks, i), "state"));
    }
    buf_text(&text, text.size == 0 ? "-" : "");
    size_t aside = json_array_size(json_object_get(status, "quarantined"));
    if (aside > 0) {
        buf_printf(&text, " (%zu quarantined)", aside);
    }
    return arena_text(cli->arena, buf_slice(&text));
}

// Those of its tasks, each once.
static const char *nodes_of(const Cli *cli, const json_t *status) {
    DEFER(buf_release) Buf text = {0};
    const json_t *tasks = json_object_get(status, "tasks");
    for (size_t i = 0; i < json_array_size(tasks); i++) {
        const char *node = text_at(cli, json_array_get(tasks, i), "worker_id");
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++) {
            seen = strcmp(text_at(cli, json_array_get(tasks, j), "worker_id"), node) == 0;
        }
        buf_printf(&text, "%s%s", text.size == 0 || seen ? "" : ",", seen ? "" : node);
    }
    return text.size > 0 ? arena_text(cli->arena, buf_slice(&text))
                         : text_at(cli, json_object_get(status, "connector"), "worker_id");
}

// Only nodes of a cluster say of themselves what it is, or that they are not in it now (503).
static bool is_node(Rest *rest) {
    Err ignored[1] = {{0}};
    Slice answer;
    if (!rest_call(rest, "GET", "/health", (Slice){0}, &answer, ignored)) {
        return true;
    }
    json_t *root = parsed(answer, ignored);
    bool node = json_object_get(root, "cluster") != NULL;
    json_decref(root);
    return node;
}

static void list_text(const Cli *cli, json_t *root, bool nodes, Buf *out) {
    enum { COLUMNS = 6 };
    static const char *const HEAD[COLUMNS] = {"NAME", "TYPE", "STATE", "TASKS", "CLASS", "NODE"};
    size_t columns = nodes ? COLUMNS : COLUMNS - 1;
    const char **cells = ARENA_ARRAY(cli->arena, const char *, (json_object_size(root) + 1) * COLUMNS);
    memcpy(cells, HEAD, columns * sizeof(*HEAD));
    size_t rows = 1;
    const char *name;
    json_t *one;
    json_object_foreach(root, name, one) {
        const json_t *status = json_object_get(one, "status");
        const json_t *config = json_object_get(json_object_get(one, "info"), "config");
        const char *class = text_at(cli, config, "connector.class");
        const char *dot = strrchr(class, '.');
        const char **row = &cells[rows++ * columns];
        row[0] = text_at(cli, status, "name");
        row[1] = text_at(cli, status, "type");
        row[2] = text_at(cli, json_object_get(status, "connector"), "state");
        row[3] = tasks_of(cli, status);
        row[4] = dot != NULL ? dot + 1 : class;
        if (nodes) {
            row[5] = nodes_of(cli, status);
        }
    }
    text_table(out, cells, rows, columns);
}

static bool list(Rest *rest, Err *err) {
    DEFER(buf_release) Buf out = {0};
    Slice answer;
    TRY(rest_call(rest, "GET", "/connectors?expand=status&expand=info", (Slice){0}, &answer, err));
    if (wants_json(rest->cli)) {
        print_json(answer);
        return true;
    }
    json_t *root = parsed(answer, err);
    TRY(root != NULL);
    list_text(rest->cli, root, is_node(rest), &out);
    json_decref(root);
    output_write(&out);
    return true;
}

static void show_config(const Cli *cli, const json_t *config, Buf *out) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)config, name, value) {
        buf_printf(out, "  %s = %s\n", name, text_at(cli, config, name));
    }
}

static void show_quarantined(const Cli *cli, const json_t *status, Buf *out) {
    const json_t *tables = json_object_get(status, "quarantined");
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const json_t *table = json_array_get(tables, i);
        const char *lsn = text_at(cli, table, "lsn");
        buf_printf(out, "aside    %s", text_at(cli, table, "table"));
        if (strcmp(lsn, "-") != 0) {
            buf_printf(out, " from %s on", lsn);
        }
        buf_printf(out, ": %s\n", text_at(cli, table, "reason"));
    }
}

static void show_trouble(const json_t *status, Buf *out) {
    const char *trace = trace_of(status);
    const json_t *warnings = json_object_get(status, "warnings");
    if (trace != NULL) {
        buf_text(out, "trouble  ");
        text_plain(out, slice_of(trace));
        buf_u8(out, '\n');
    }
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const char *warning = json_string_value(json_array_get(warnings, i));
        buf_text(out, "warning  ");
        text_plain(out, slice_of(warning != NULL ? warning : ""));
        buf_u8(out, '\n');
    }
}

static bool show(Rest *rest, const char *name, Err *err) {
    DEFER(buf_release) Buf out = {0};
    Slice status, info;
    TRY(rest_call(rest, "GET", rest_path(rest->cli, "/connectors/%s/status", name), (Slice){0}, &status, err));
    TRY(rest_call(rest, "GET", rest_path(rest->cli, "/connectors/%s", name), (Slice){0}, &info, err));
    if (wants_json(rest->cli)) {
        buf_printf(&out, "{\"status\":%.*s,\"info\":%.*s}\n", SLICE_ARG(status), SLICE_ARG(info));
        output_write(&out);
        return true;
    }
    json_t *is = parsed(status, err), *what = is != NULL ? parsed(info, err) : NULL;
    if (what != NULL) {
        buf_printf(&out, "name     %s\ntype     %s\n", text_at(rest->cli, is, "name"), text_at(rest->cli, is, "type"));
        buf_printf(&out, "state    %s\n", text_at(rest->cli, json_object_get(is, "connector"), "state"));
        buf_printf(&out, "tasks    %s\n", tasks_of(rest->cli, is));
        show_trouble(is, &out);
        show_quarantined(rest->cli, is, &out);
        buf_text(&out, "config\n");
        show_config(rest->cli, json_object_get(what, "config"), &out);
        output_write(&out);
    }
    json_decref(is);
    json_decref(what);
    return err->code == ERR_NONE;
}

// --- create and change -----------------------------------------------------------------------------------------

static bool file_wanted(const Cli *cli, const char *path, WantedList *wanted, Err *err) {
    DEFER(buf_release) Buf missing = {0};
    Properties variables = {0};
    if (cli_value(cli, "env-file") != NULL) {
        TRY(env_file_read(cli->arena, cli_value(cli, "env-file"), &variables, err));
    }
    TRY(wanted_read(cli->arena, path, &variables, wanted, &missing, err));
    if (missing.size > 0) {
        fprintf(stderr, "warning: no value for %.*s: empty, as envsubst does\n", SLICE_ARG(buf_slice(&missing)));
    }
    return wanted->count > 0 || FAIL(err, ERR_OPTION, "%s asks for no connector", path);
}

static bool create(Rest *rest, const char *path, Err *err) {
    WantedList wanted = {0};
    TRY(file_wanted(rest->cli, path, &wanted, err));
    for (size_t i = 0; i < wanted.count; i++) {
        DEFER(buf_release) Buf body = {0};
        wanted_body(&wanted.at[i], &body);
        TRY(rest_call(rest, "POST", "/connectors", buf_slice(&body), NULL, err));
        printf("created %.*s\n", SLICE_ARG(wanted.at[i].name));
    }
    return true;
}

static bool config(Rest *rest, const char *name, const char *path, Err *err) {
    WantedList wanted = {0};
    DEFER(buf_release) Buf body = {0};
    Slice answer;
    const char *place = rest_path(rest->cli, "/connectors/%s/config", name);
    if (path == NULL) {
        TRY(rest_call(rest, "GET", place, (Slice){0}, &answer, err));
        print_json(answer);
        return true;
    }
    TRY(file_wanted(rest->cli, path, &wanted, err));
    if (wanted.count != 1 || !slice_is(wanted.at[0].name, name)) {
        return FAIL(err, ERR_OPTION, "%s is not the configuration of connector \"%.100s\"", path, name);
    }
    properties_json(&body, &wanted.at[0].config);
    TRY(rest_call(rest, "PUT", place, buf_slice(&body), NULL, err));
    printf("changed %s\n", name);
    return true;
}

// One line a key that has something to say; the number of errors.
static size_t findings(const Cli *cli, const json_t *root, Buf *out) {
    const json_t *configs = json_object_get(root, "configs");
    size_t errors = 0;
    for (size_t i = 0; i < json_array_size(configs); i++) {
        const json_t *value = json_object_get(json_array_get(configs, i), "value");
        const json_t *said = json_object_get(value, "errors");
        for (size_t j = 0; j < json_array_size(said); j++, errors++) {
            const char *text = json_string_value(json_array_get(said, j));
            buf_printf(out, "error    %s: %s\n", text_at(cli, value, "name"), text != NULL ? text : "");
        }
        const json_t *warnings = json_object_get(value, "warnings");
        for (size_t j = 0; j < json_array_size(warnings); j++) {
            const char *text = json_string_value(json_array_get(warnings, j));
            buf_printf(out, "warning  %s: %s\n", text_at(cli, value, "name"), text != NULL ? text : "");
        }
    }
    return errors;
}

static bool validate(Rest *rest, Cli *cli, const char *path, Err *err) {
    WantedList wanted = {0};
    DEFER(buf_release) Buf out = {0};
    size_t errors = 0;
    TRY(file_wanted(cli, path, &wanted, err));
    for (size_t i = 0; i < wanted.count; i++) {
        DEFER(buf_release) Buf body = {0};
        Slice answer;
        const char *class = properties_text(cli->arena, &wanted.at[i].config, "connector.class", NULL);
        if (class == NULL) {
            return FAIL(err, ERR_OPTION, "%s: connector.class is missing", path);
        }
        properties_set(cli->arena, &wanted.at[i].config, SLICE("name"), wanted.at[i].name);
        properties_json(&body, &wanted.at[i].config);
        const char *place = rest_path(cli, "/connector-plugins/%s/config/validate", class);
        TRY(rest_call(rest, "PUT", place, buf_slice(&body), &answer, err));
        if (wants_json(cli)) {
            print_json(answer);
        }
        json_t *root = parsed(answer, err);
        TRY(root != NULL);
        errors += findings(cli, root, &out);
        json_decref(root);
    }
    if (!wants_json(cli)) {
        buf_text(&out, errors == 0 ? "valid\n" : "");
        output_write(&out);
    }
    cli->exit_code = errors == 0 ? EXIT_DONE : EXIT_CONFIGURATION;
    return true;
}

// --- the rest --------------------------------------------------------------------------------------------------

static bool told(Rest *rest, const char *method, const char *format, const char *name, const char *done, Err *err) {
    TRY(rest_call(rest, method, rest_path(rest->cli, format, name), (Slice){0}, NULL, err));
    printf("%s %s\n", done, name);
    return true;
}

static bool offsets(Rest *rest, const char *name, Err *err) {
    const Cli *cli = rest->cli;
    const char *set = cli_value(cli, "set-from"), *place = rest_path(cli, "/connectors/%s/offsets", name);
    Slice answer, body = {0};
    const char *method = "GET";
    if (set != NULL && cli_has(cli, "reset")) {
        return FAIL(err, ERR_USAGE, "--set-from and --reset exclude each other");
    }
    if (set != NULL) {
        TRY(file_read_all(set, BODY_BYTES_MAX, cli->arena, &body, err));
        method = "PATCH";
    } else if (cli_has(cli, "reset")) {
        method = "DELETE";
    }
    TRY(rest_call(rest, method, place, body, &answer, err));
    print_json(answer);
    return true;
}

static bool restart(Rest *rest, const char *name, Err *err) {
    const char *format = cli_has(rest->cli, "only-failed") ? "/connectors/%s/restart?includeTasks=true&onlyFailed=true"
                                                           : "/connectors/%s/restart?includeTasks=true";
    return told(rest, "POST", format, name, "restarting", err);
}

static bool get(Rest *rest, const char *format, const char *name, Err *err) {
    Slice answer;
    TRY(rest_call(rest, "GET", rest_path(rest->cli, format, name), (Slice){0}, &answer, err));
    print_json(answer);
    return true;
}

static bool removed(Rest *rest, const char *name, Err *err) {
    const char *question =
        arena_printf(rest->cli->arena, "remove connector %s? Its offsets stay, and a journal in files", name);
    return cli_confirmed(rest->cli, question) ? told(rest, "DELETE", "/connectors/%s", name, "removed", err)
                                              : FAIL(err, ERR_INTERRUPTED, "nothing was changed");
}

static bool dispatch(Rest *rest, Cli *cli, Err *err) {
    const char *verb = cli->command->name + strlen("connector ");
    const char *first = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    const char *second = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    static const struct {
        const char *verb, *method, *format, *done;
    } TOLD[] = {{"pause", "PUT", "/connectors/%s/pause", "paused"},
                {"resume", "PUT", "/connectors/%s/resume", "resumed"},
                {"stop", "PUT", "/connectors/%s/stop", "stopped"}};
    for (size_t i = 0; i < ARRAY_LEN(TOLD); i++) {
        if (strcmp(verb, TOLD[i].verb) == 0) {
            return told(rest, TOLD[i].method, TOLD[i].format, first, TOLD[i].done, err);
        }
    }
    if (strcmp(verb, "list") == 0) {
        return list(rest, err);
    }
    if (strcmp(verb, "show") == 0) {
        return show(rest, first, err);
    }
    if (strcmp(verb, "create") == 0) {
        return create(rest, first, err);
    }
    if (strcmp(verb, "config") == 0) {
        return config(rest, first, second, err);
    }
    if (strcmp(verb, "validate") == 0) {
        return validate(rest, cli, first, err);
    }
    if (strcmp(verb, "restart") == 0) {
        return restart(rest, first, err);
    }
    if (strcmp(verb, "offsets") == 0) {
        return offsets(rest, first, err);
    }
    if (strcmp(verb, "topics") == 0) {
        return get(rest, "/connectors/%s/topics", first, err);
    }
    return removed(rest, first, err);
}

bool connector_command(Cli *cli, Err *err) {
    Rest rest;
    TRY(output_check(cli, err));
    TRY(rest_open(cli, REST_CONNECT, &rest, err));
    bool ok = dispatch(&rest, cli, err);
    rest_close(&rest);
    fflush(stdout);
    return ok;
}
