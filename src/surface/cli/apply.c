// SPDX-License-Identifier: Apache-2.0
// leat apply, leat diff, leat export: a server's connectors as files in a repository.
#include "core/config/template.h"
#include "core/sys/file.h"
#include "surface/cli/output.h"
#include "surface/cli/rest.h"
#include "core/config/wanted.h"

#include <jansson.h>

enum { PATH_BYTES = 4096 };

typedef struct Applying {
    Cli *cli;
    Rest rest;
    WantedList wanted;
    json_t *there; // name -> {"status":…,"info":…}
    size_t differences;
    bool dry_run;
    Buf out;
} Applying;

// --- what differs ----------------------------------------------------------------------------------------------

static const json_t *config_there(const Applying *applying, Slice name) {
    const char *text = arena_text(applying->cli->arena, name);
    return json_object_get(json_object_get(json_object_get(applying->there, text), "info"), "config");
}

static const char *state_there(const Applying *applying, Slice name) {
    const char *text = arena_text(applying->cli->arena, name);
    const json_t *status = json_object_get(json_object_get(applying->there, text), "status");
    return json_string_value(json_object_get(json_object_get(status, "connector"), "state"));
}

static bool secret_like(Slice name) {
    return name.size >= 8 &&
           (memmem(name.data, name.size, "password", 8) != NULL || memmem(name.data, name.size, "secret", 6) != NULL);
}

static void value_line(void *context, char sign, Slice name, Slice value) {
    Buf *out = context;
    buf_printf(out, "  %c %.*s = ", sign, SLICE_ARG(name));
    text_plain(out, secret_like(name) ? SLICE(WANTED_MASK) : value);
    buf_u8(out, '\n');
}

static bool state_differs(const Applying *applying, const Wanted *wanted) {
    const char *is = state_there(applying, wanted->name);
    if (wanted->target == NULL || is == NULL) {
        return false;
    }
    bool resting = strcmp(is, "PAUSED") == 0 || strcmp(is, "STOPPED") == 0;
    return strcmp(wanted->target, "RUNNING") == 0 ? resting : strcmp(is, wanted->target) != 0;
}

// --- applying --------------------------------------------------------------------------------------------------

static bool create(Applying *applying, const Wanted *wanted, Err *err) {
    DEFER(buf_release) Buf body = {0};
    buf_printf(&applying->out, "%s %.*s (%s)\n", applying->dry_run ? "new    " : "created", SLICE_ARG(wanted->name),
               wanted->path);
    applying->differences++;
    wanted_body(wanted, &body);
    return applying->dry_run || rest_call(&applying->rest, "POST", "/connectors", buf_slice(&body), NULL, err) ||
           err_prefix(err, "%s", wanted->path);
}

static bool state_apply(Applying *applying, const Wanted *wanted, Err *err) {
    const char *verb = strcmp(wanted->target, "RUNNING") == 0  ? "/connectors/%s/resume"
                       : strcmp(wanted->target, "PAUSED") == 0 ? "/connectors/%s/pause"
                                                               : "/connectors/%s/stop";
    const char *name = arena_text(applying->cli->arena, wanted->name);
    return rest_call(&applying->rest, "PUT", rest_path(applying->cli, verb, name), (Slice){0}, NULL, err);
}

static bool change(Applying *applying, const Wanted *wanted, const json_t *there, Err *err) {
    DEFER(buf_release) Buf lines = {0};
    DEFER(buf_release) Buf body = {0};
    Properties is = {0};
    char *text = json_dumps(there, JSON_COMPACT);
    ASSERT(text != NULL);
    bool read = properties_parse(applying->cli->arena, slice_of(text), &is, err);
    free(text);
    TRY(read);
    size_t differences = wanted_differs(wanted, &is, value_line, &lines);
    bool state = state_differs(applying, wanted);
    const char *name = arena_text(applying->cli->arena, wanted->name);
    if (differences == 0 && !state) {
        buf_printf(&applying->out, "same    %s\n", name);
        return true;
    }
    applying->differences++;
    buf_printf(&applying->out, "%s %s\n", applying->dry_run ? "differs" : "changed", name);
    buf_put(&applying->out, buf_slice(&lines));
    if (state) {
        buf_printf(&applying->out, "  state: %s\n", wanted->target);
    }
    if (applying->dry_run) {
        return true;
    }
    properties_json(&body, &wanted->config);
    if (differences > 0 && !rest_call(&applying->rest, "PUT", rest_path(applying->cli, "/connectors/%s/config", name),
                                      buf_slice(&body), NULL, err)) {
        return err_prefix(err, "%s", wanted->path);
    }
    return !state || state_apply(applying, wanted, err);
}

static bool is_wanted(const Applying *applying, const char *name) {
    for (size_t i = 0; i < applying->wanted.count; i++) {
        if (slice_is(applying->wanted.at[i].name, name)) {
            return true;
        }
    }
    return false;
}

// What is there and in no file: removed with --prune, else only named.
static bool others(Applying *applying, bool prune, Err *err) {
    const char *name;
    json_t *one;
    json_object_foreach(applying->there, name, one) {
        if (is_wanted(applying, name)) {
            continue;
        }
        const char *what = !prune ? "other  " : applying->dry_run ? "to go  " : "removed";
        applying->differences += prune || strcmp(applying->cli->command->name, "diff") == 0;
        buf_printf(&applying->out, "%s %s\n", what, name);
        if (prune && !applying->dry_run) {
            TRY(rest_call(&applying->rest, "DELETE", rest_path(applying->cli, "/connectors/%s", name), (Slice){0}, NULL,
                          err));
        }
    }
    return true;
}

static bool files_read(Applying *applying, Err *err) {
    const Cli *cli = applying->cli;
    DEFER(buf_release) Buf missing = {0};
    Properties variables = {0};
    if (cli_value(cli, "env-file") != NULL) {
        TRY(env_file_read(cli->arena, cli_value(cli, "env-file"), &variables, err));
    }
    for (int i = 0; i < cli->argument_count; i++) {
        TRY(wanted_read(cli->arena, cli->arguments[i], &variables, &applying->wanted, &missing, err));
    }
    if (missing.size > 0) {
        fprintf(stderr, "warning: no value for %.*s: empty, as envsubst does\n", SLICE_ARG(buf_slice(&missing)));
    }
    return true;
}

static bool there_read(Applying *applying, Err *err) {
    Slice answer;
    json_error_t where;
    TRY(rest_call(&applying->rest, "GET", "/connectors?expand=status&expand=info", (Slice){0}, &answer, err));
    applying->there = json_loadb((const char *)answer.data, answer.size, 0, &where);
    return json_is_object(applying->there) ||
           FAIL(err, ERR_NET_PROTOCOL, "the server's answer is no JSON object: %.200s", where.text);
}

static bool apply_all(Applying *applying, bool prune, Err *err) {
    TRY(there_read(applying, err));
    for (size_t i = 0; i < applying->wanted.count; i++) {
        const Wanted *wanted = &applying->wanted.at[i];
        const json_t *there = config_there(applying, wanted->name);
        TRY(there == NULL ? create(applying, wanted, err) : change(applying, wanted, there, err));
    }
    return others(applying, prune, err);
}

static bool run(Cli *cli, bool dry_run, bool prune, size_t *differences, Err *err) {
    Applying applying = {.cli = cli, .dry_run = dry_run};
    TRY(files_read(&applying, err));
    TRY(rest_open(cli, REST_CONNECT, &applying.rest, err));
    bool ok = apply_all(&applying, prune, err);
    output_write(&applying.out);
    *differences = applying.differences;
    rest_close(&applying.rest);
    json_decref(applying.there);
    buf_release(&applying.out);
    return ok;
}

bool apply_command(Cli *cli, Err *err) {
    size_t differences;
    return run(cli, cli_has(cli, "dry-run"), cli_has(cli, "prune"), &differences, err);
}

bool diff_command(Cli *cli, Err *err) {
    size_t differences = 0;
    TRY(run(cli, true, false, &differences, err));
    cli->exit_code = differences > 0 ? EXIT_CONFIGURATION : EXIT_DONE;
    return true;
}

// --- export ----------------------------------------------------------------------------------------------------

// A file name of a connector's: what is no letter, digit, dot, dash or underline becomes one.
static const char *file_name(const Cli *cli, const char *directory, const char *name) {
    char *file = arena_text(cli->arena, slice_of(name));
    for (char *at = file; *at != '\0'; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!plain && *at != '-' && *at != '_' && (*at != '.' || at == file)) {
            *at = '_';
        }
    }
    return arena_printf(cli->arena, "%s/%s.json", directory, file);
}

static bool export_one(const Cli *cli, const char *name, json_t *config, Buf *out, Err *err) {
    json_t *one = json_pack("{s:s, s:O}", "name", name, "config", config);
    ASSERT(one != NULL);
    json_object_del(config, "name");
    char *text = json_dumps(one, JSON_INDENT(2));
    ASSERT(text != NULL);
    buf_printf(out, "%s\n", text);
    free(text);
    json_decref(one);
    if (cli->argument_count == 0) {
        return true;
    }
    const char *path = file_name(cli, cli->arguments[0], name);
    if (file_exists(path) && !cli_has(cli, "force")) {
        FAIL(err, ERR_EXISTS, "%s is there already", path);
        return err_hint(err, "give --force to write it anew");
    }
    bool ok = file_replace(path, buf_slice(out), err);
    buf_reset(out);
    buf_printf(out, "%s\n", path);
    output_write(out);
    buf_reset(out);
    return ok;
}

bool export_command(Cli *cli, Err *err) {
    Applying applying = {.cli = cli};
    DEFER(buf_release) Buf out = {0};
    if (cli->argument_count > 0) {
        TRY(file_make_directories(cli->arguments[0], err));
    }
    TRY(rest_open(cli, REST_CONNECT, &applying.rest, err));
    bool ok = there_read(&applying, err);
    const char *name;
    json_t *one;
    json_object_foreach(applying.there, name, one) {
        json_t *config = json_object_get(json_object_get(one, "info"), "config");
        ok = ok && (!json_is_object(config) || export_one(cli, name, config, &out, err));
    }
    output_write(&out);
    rest_close(&applying.rest);
    json_decref(applying.there);
    return ok;
}
