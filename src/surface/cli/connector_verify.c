// SPDX-License-Identifier: Apache-2.0
// leat connector verify NAME: a verification by the pipeline's worker in a running server.
#include "core/sys/clock.h"
#include "surface/cli/output.h"
#include "surface/cli/rest.h"

#include <jansson.h>

enum { LOOK_US = 300 * 1000, BEGIN_US = 120 * 1000 * 1000, COLUMNS = 4 };

static bool output_form(const Cli *cli, bool *json, Err *err) {
    const char *output = cli_value(cli, "output");
    *json = output != NULL && strcmp(output, "json") == 0;
    return output == NULL || *json || strcmp(output, "text") == 0 ||
           FAIL(err, ERR_USAGE, "--output is text or json, not \"%.40s\"", output);
}

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static double number_of(const json_t *object, const char *name) {
    return json_number_value(json_object_get(object, name));
}

static json_t *parsed(Slice answer, Err *err) {
    json_t *root = json_loadb((const char *)answer.data, answer.size, 0, NULL);
    if (root == NULL) {
        FAIL(err, ERR_NET_PROTOCOL, "the server's answer is no JSON");
    }
    return root;
}

// --- what was found --------------------------------------------------------------------------------------------

static const char *cell(const Cli *cli, Buf *text) {
    const char *made = arena_text(cli->arena, buf_slice(text));
    buf_release(text);
    return made;
}

static const char *result_cell(const Cli *cli, const json_t *table) {
    static const char *const KINDS[] = {"missing", "extra", "different", "duplicate"};
    Buf text = {0};
    const char *result = text_of(table, "result"), *before = ": ";
    text_plain(&text, slice_of(strcmp(result, "not_compared") == 0 ? "not compared" : result));
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        if (number_of(table, KINDS[i]) > 0) {
            buf_text(&text, before);
            text_count(&text, number_of(table, KINDS[i]));
            buf_printf(&text, " %s", KINDS[i]);
            before = ", ";
        }
    }
    if (text_of(table, "message")[0] != '\0') {
        buf_text(&text, ": ");
        text_plain(&text, slice_of(text_of(table, "message")));
    } else if (text_of(table, "rule")[0] != '\0') {
        buf_text(&text, " under rule ");
        text_plain(&text, slice_of(text_of(table, "rule")));
    }
    return cell(cli, &text);
}

static void tables_text(const Cli *cli, const json_t *tables, Buf *out) {
    const char *const heads[COLUMNS] = {"TABLE", "ROWS", "AS OF", "RESULT"};
    size_t count = json_array_size(tables), at = COLUMNS;
    const char **cells = ARENA_ARRAY(cli->arena, const char *, (count + 1) * COLUMNS);
    memcpy(cells, heads, sizeof(heads));
    for (size_t i = 0; i < count; i++) {
        const json_t *table = json_array_get(tables, i);
        Buf name = {0}, rows = {0}, taken = {0};
        bool compared = strcmp(text_of(table, "result"), "not_compared") != 0;
        text_plain(&name, slice_of(text_of(table, "table")));
        text_plain(&taken, slice_of(text_of(table, "taken_at")));
        if (compared) {
            text_count(&rows, number_of(table, "source_rows"));
        } else {
            buf_u8(&rows, '-');
        }
        cells[at++] = cell(cli, &name);
        cells[at++] = cell(cli, &rows);
        cells[at++] = cell(cli, &taken);
        cells[at++] = result_cell(cli, table);
    }
    text_table(out, cells, count + 1, COLUMNS);
}

static void show(Cli *cli, const json_t *root, Slice answer, bool json) {
    DEFER(buf_release) Buf out = {0};
    const json_t *last = json_object_get(root, "last");
    const char *result = text_of(last, "result"), *message = text_of(last, "message");
    if (json) {
        buf_put(&out, answer);
        buf_u8(&out, '\n');
    } else {
        buf_text(&out, "connector ");
        text_plain(&out, slice_of(text_of(root, "connector")));
        buf_text(&out, ": ");
        text_plain(&out, slice_of(last == NULL || !json_is_object(last) ? "not compared yet"
                                  : strcmp(result, "not_compared") == 0 ? "not compared"
                                                                        : result));
        buf_text(&out, message[0] != '\0' ? ": " : "");
        text_plain(&out, slice_of(message));
        buf_text(&out, "\n\n");
        tables_text(cli, json_object_get(root, "tables"), &out);
    }
    output_write(&out);
    cli->exit_code = strcmp(result, "equal") == 0     ? EXIT_DONE
                     : strcmp(result, "differs") == 0 ? EXIT_FAILED
                                                      : EXIT_CONFIGURATION;
}

// --- asking ----------------------------------------------------------------------------------------------------

static bool begin(Rest *rest, const char *path, const char **id, Err *err) {
    const char *tables = cli_value(rest->cli, "tables");
    Slice answer;
    json_t *asked = json_pack("{s:s}", "tables", tables != NULL ? tables : "");
    char *body = asked != NULL ? json_dumps(asked, JSON_COMPACT) : NULL;
    json_decref(asked);
    if (body == NULL) {
        return FAIL(err, ERR_USAGE, "--tables is not UTF-8");
    }
    bool ok = rest_call(rest, "POST", path, slice_of(body), &answer, err);
    free(body);
    TRY(ok);
    json_t *root = parsed(answer, err);
    TRY(root != NULL);
    *id = arena_printf(rest->cli->arena, "%s", text_of(root, "id"));
    json_decref(root);
    return true;
}

// What is known now. *done: of the one with that id, which has ended (NULL: of any); *begun: one is under way.
static bool look(Rest *rest, const char *path, const char *id, Slice *answer, bool *done, bool *begun, Err *err) {
    *done = *begun = false;
    if (!rest_call(rest, "GET", path, (Slice){0}, answer, err)) {
        if (id == NULL || err->code != ERR_NOT_FOUND) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err); // of none yet
        return true;
    }
    json_t *root = parsed(*answer, err);
    TRY(root != NULL);
    *begun = json_is_object(json_object_get(root, "running"));
    *done = id == NULL || strcmp(text_of(json_object_get(root, "last"), "id"), id) == 0;
    json_decref(root);
    return true;
}

static bool await(Rest *rest, const char *path, const char *id, Slice *answer, Err *err) {
    int64_t late = clock_monotonic_us() + BEGIN_US;
    for (;;) {
        bool done = false, begun = false;
        TRY(look(rest, path, id, answer, &done, &begun, err));
        if (done) {
            return true;
        }
        late = begun ? clock_monotonic_us() + BEGIN_US : late;
        if (cli_stop) {
            return FAIL(err, ERR_INTERRUPTED, "stopped: the verification goes on in the server");
        }
        if (clock_monotonic_us() > late) {
            FAIL(err, ERR_NET_BUSY, "the pipeline's worker does not begin the verification");
            return err_hint(err, "see leat connector show; it begins when the worker runs");
        }
        clock_sleep_us(LOOK_US);
    }
}

static bool verify(Cli *cli, Rest *rest, bool json, Err *err) {
    const char *path = rest_path(cli, "/connectors/%s/verify", cli->arguments[0]), *id = NULL;
    Slice answer;
    TRY(cli_has(cli, "last") || begin(rest, path, &id, err));
    TRY(await(rest, path, id, &answer, err));
    json_t *root = parsed(answer, err);
    TRY(root != NULL);
    show(cli, root, answer, json);
    json_decref(root);
    return true;
}

bool connector_verify_command(Cli *cli, Err *err) {
    Rest rest;
    bool json = false;
    cli->failure_code = EXIT_CONFIGURATION;
    TRY(output_form(cli, &json, err));
    cli_signals();
    TRY(rest_open(cli, REST_CONNECT, &rest, err));
    bool ok = verify(cli, &rest, json, err);
    rest_close(&rest);
    return ok;
}
