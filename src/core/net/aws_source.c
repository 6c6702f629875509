// SPDX-License-Identifier: Apache-2.0
#include "core/net/aws_source.h"

#include "core/net/xml.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 256 * 1024, TOKEN_BYTES_MAX = 64 * 1024, PROCESS_MS_MAX = 60000, ROLE_BYTES_MAX = 128 };

static Slice trim(Slice text) {
    while (text.size > 0 && text.data[text.size - 1] <= ' ') {
        text.size--;
    }
    while (text.size > 0 && text.data[0] <= ' ') {
        text = slice_from(text, 1);
    }
    return text;
}

// A header's value may hold no control characters.
static bool printable(Slice text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

bool aws_time_parse(const char *text, int64_t *time_us) {
    struct tm tm = {0};
    int used = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec, &used) != 6) {
        return false;
    }
    const char *at = text + used;
    if (*at == '.') {
        at += 1 + strspn(at + 1, "0123456789");
    }
    int hours = 0, minutes = 0;
    if ((*at == '+' || *at == '-') && sscanf(at + 1, "%2d:%2d%n", &hours, &minutes, &used) == 2 &&
        at[1 + used] == '\0') {
        int sign = *at == '-' ? -1 : 1;
        hours *= sign;
        minutes *= sign;
    } else if (strcmp(at, "Z") != 0) {
        return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *time_us = ((int64_t)timegm(&tm) - hours * 3600 - minutes * 60) * 1000000;
    return true;
}

// --- JSON ------------------------------------------------------------------------------------------------------

static const char *text_of(const json_t *object, const char *name, Arena *arena) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && text[0] != '\0' ? arena_text(arena, slice_of(text)) : NULL;
}

static bool credentials_of(const json_t *object, const char *token_name, Arena *arena, AwsCredentials *credentials,
                           Err *err) {
    const char *code = text_of(object, "Code", arena);
    if (code != NULL && strcmp(code, "Success") != 0) {
        return FAIL(err, ERR_NET_AUTH, "no credentials are given: %.100s", code);
    }
    const char *expires = text_of(object, "Expiration", arena);
    *credentials = (AwsCredentials){.access_key = text_of(object, "AccessKeyId", arena),
                                    .secret_key = text_of(object, "SecretAccessKey", arena),
                                    .session_token = text_of(object, token_name, arena)};
    if (credentials->access_key == NULL || credentials->secret_key == NULL) {
        return FAIL(err, ERR_NET_PROTOCOL, "what is given has no AccessKeyId or no SecretAccessKey");
    }
    if (expires != NULL && !aws_time_parse(expires, &credentials->expires_us)) {
        return FAIL(err, ERR_NET_PROTOCOL, "the credentials' Expiration is no time of the form 2026-01-02T03:04:05Z");
    }
    return true;
}

bool aws_credentials_parse(Slice json, const char *token_name, Arena *arena, AwsCredentials *credentials, Err *err) {
    json_error_t where;
    json_t *object = json_loadb((const char *)json.data, json.size, 0, &where);
    if (!json_is_object(object)) {
        json_decref(object);
        return FAIL(err, ERR_NET_PROTOCOL, "what is given is no JSON object");
    }
    bool good = credentials_of(object, token_name, arena, credentials, err);
    json_decref(object);
    return good || err_frame(err, __FILE__, __LINE__);
}

// --- STS -------------------------------------------------------------------------------------------------------

static void form_add(Buf *form, const char *name, Slice value) {
    buf_printf(form, "%s%s=", form->size > 0 ? "&" : "", name);
    http_encode(form, value, false);
}

static void form_begin(Buf *form, const char *action, const AwsRole *role) {
    form_add(form, "Action", slice_of(action));
    form_add(form, "Version", SLICE("2011-06-15"));
    form_add(form, "RoleArn", slice_of(role->arn));
    form_add(form, "RoleSessionName", slice_of(role->session_name != NULL ? role->session_name : "leat"));
    if (role->duration_seconds != NULL) {
        form_add(form, "DurationSeconds", slice_of(role->duration_seconds));
    }
}

// A refusal: STS says why in XML. Its message names users and roles, never a secret.
static bool sts_refused(const AwsRole *role, const HttpAnswer *answer, Arena *arena, Err *err) {
    Slice code = SLICE("no reason given"), message = {NULL, 0};
    Slice body = buf_slice(&answer->body);
    bool told = xml_find(body, "Code", arena, &code);
    (void)xml_find(body, "Message", arena, &message);
    bool busy = answer->status >= 500 || answer->status == 429 || slice_is(code, "Throttling") ||
                slice_is(code, "IDPCommunicationError");
    message.size = MIN(message.size, 250);
    FAIL(err, busy ? ERR_NET_BUSY : ERR_NET_AUTH, "role %.100s: STS answers %d: %.*s%s%.*s", role->arn, answer->status,
         SLICE_ARG(code), told && message.size > 0 ? ": " : "", SLICE_ARG(message));
    return busy ? false : err_hint(err, "check the role's ARN and its trust policy: who may assume it");
}

static bool sts_text(const HttpAnswer *answer, const char *name, Arena *arena, const char **text) {
    Slice found;
    if (!xml_find(buf_slice(&answer->body), name, arena, &found) || found.size == 0) {
        return false;
    }
    *text = arena_text(arena, trim(found));
    return true;
}

static bool sts_read(AwsFetch *fetch, const AwsRole *role, const HttpAnswer *answer, Err *err) {
    if (answer->status != 200) {
        return sts_refused(role, answer, fetch->arena, err);
    }
    AwsCredentials got = {0};
    const char *expires = NULL;
    if (!sts_text(answer, "AccessKeyId", fetch->arena, &got.access_key) ||
        !sts_text(answer, "SecretAccessKey", fetch->arena, &got.secret_key) ||
        !sts_text(answer, "SessionToken", fetch->arena, &got.session_token) ||
        !sts_text(answer, "Expiration", fetch->arena, &expires) || !aws_time_parse(expires, &got.expires_us)) {
        return FAIL(err, ERR_NET_PROTOCOL, "role %.100s: STS's answer holds no complete credentials", role->arn);
    }
    fetch->credentials = got;
    return true;
}

static bool sts_ask(AwsFetch *fetch, const AwsRole *role, const Buf *form, const AwsSigning *signing, Err *err) {
    HttpHeader type = {"content-type", "application/x-www-form-urlencoded; charset=utf-8"};
    bool slash = role->endpoint[strlen(role->endpoint) - 1] == '/';
    HttpRequest request = {.method = "POST",
                           .url = arena_printf(fetch->arena, "%s%s", role->endpoint, slash ? "" : "/"),
                           .headers = &type,
                           .header_count = 1,
                           .body = buf_slice(form),
                           .file = -1,
                           .answer_bytes_max = ANSWER_BYTES_MAX};
    if (signing != NULL) {
        TRY(aws_sign(signing, &request, fetch->arena, err));
    }
    DEFER(http_answer_release) HttpAnswer answer = {0};
    TRY(http_send(fetch->http, &request, &answer, err));
    return sts_read(fetch, role, &answer, err);
}

bool aws_fetch_web_identity(AwsFetch *fetch, const AwsRole *role, const char *token_file, Err *err) {
    DEFER(buf_release) Buf form = {0};
    Slice token;
    if (!file_read_all(token_file, TOKEN_BYTES_MAX, fetch->arena, &token, err)) {
        err_prefix(err, "web identity");
        return err_hint(err, "AWS_WEB_IDENTITY_TOKEN_FILE or web_identity_token_file must name a file with a token");
    }
    form_begin(&form, "AssumeRoleWithWebIdentity", role);
    form_add(&form, "WebIdentityToken", trim(token));
    TRY(sts_ask(fetch, role, &form, NULL, err));
    snprintf(fetch->origin, sizeof(fetch->origin), "web identity, role %s", role->arn);
    return true;
}

bool aws_fetch_role(AwsFetch *fetch, const AwsRole *role, Err *err) {
    DEFER(buf_release) Buf form = {0};
    form_begin(&form, "AssumeRole", role);
    if (role->external_id != NULL) {
        form_add(&form, "ExternalId", slice_of(role->external_id));
    }
    AwsCredentials by = fetch->credentials;
    AwsSigning signing = {.credentials = &by, .region = role->region, .service = "sts", .now_us = clock_wall_us()};
    TRY(sts_ask(fetch, role, &form, &signing, err));
    char from[sizeof(fetch->origin)];
    memcpy(from, fetch->origin, sizeof(from));
    snprintf(fetch->origin, sizeof(fetch->origin), "role %.120s, by %.100s", role->arn, from);
    return true;
}

// --- metadata --------------------------------------------------------------------------------------------------

static bool get(AwsFetch *fetch, const char *url, HttpHeader header, HttpAnswer *answer, Err *err) {
    HttpRequest request = {.method = "GET",
                           .url = url,
                           .headers = &header,
                           .header_count = header.value != NULL,
                           .file = -1,
                           .answer_bytes_max = ANSWER_BYTES_MAX};
    return http_send(fetch->metadata, &request, answer, err);
}

static bool refused(const HttpAnswer *answer, const char *what, Err *err) {
    bool busy = answer->status >= 500 || answer->status == 429;
    return FAIL(err, busy ? ERR_NET_BUSY : ERR_NET_AUTH, "%s answers %d", what, answer->status);
}

bool aws_fetch_container(AwsFetch *fetch, const char *url, const char *authorization, Err *err) {
    if (authorization != NULL && !printable(slice_of(authorization))) {
        return FAIL(err, ERR_NET_AUTH, "the container's authorization token holds a line break or control character");
    }
    DEFER(http_answer_release) HttpAnswer answer = {0};
    TRY(get(fetch, url, (HttpHeader){"authorization", authorization}, &answer, err));
    if (answer.status != 200) {
        return refused(&answer, "the container's credentials endpoint", err);
    }
    if (!aws_credentials_parse(buf_slice(&answer.body), "Token", fetch->arena, &fetch->credentials, err)) {
        return err_prefix(err, "the container's credentials endpoint");
    }
    snprintf(fetch->origin, sizeof(fetch->origin), "container credentials endpoint");
    return true;
}

// A session's token; *absent when nothing answers as the service does.
static bool instance_token(AwsFetch *fetch, const char *endpoint, char **token, bool *absent, Err *err) {
    HttpHeader life = {"x-aws-ec2-metadata-token-ttl-seconds", "21600"};
    HttpRequest request = {.method = "PUT",
                           .url = arena_printf(fetch->arena, "%s/latest/api/token", endpoint),
                           .headers = &life,
                           .header_count = 1,
                           .file = -1,
                           .answer_bytes_max = ANSWER_BYTES_MAX};
    DEFER(http_answer_release) HttpAnswer answer = {0};
    Err unreachable[1] = {{0}};
    if (!http_send(fetch->metadata, &request, &answer, unreachable)) {
        *absent = unreachable->code != ERR_INTERRUPTED;
        return *absent || FAIL(err, ERR_INTERRUPTED, "%s", unreachable->message);
    }
    Slice body = trim(buf_slice(&answer.body));
    if (answer.status >= 500) {
        return refused(&answer, "instance metadata", err);
    }
    *absent = answer.status != 200 || body.size == 0 || !printable(body);
    *token = arena_text(fetch->arena, body);
    return true;
}

bool aws_fetch_instance(AwsFetch *fetch, const char *endpoint, bool *absent, Err *err) {
    static const char PATH[] = "/latest/meta-data/iam/security-credentials/";
    char *token = NULL;
    TRY(instance_token(fetch, endpoint, &token, absent, err));
    if (*absent) {
        return true;
    }
    HttpHeader header = {"x-aws-ec2-metadata-token", token};
    DEFER(http_answer_release) HttpAnswer answer = {0};
    TRY(get(fetch, arena_printf(fetch->arena, "%s%s", endpoint, PATH), header, &answer, err));
    if (answer.status == 404) {
        *absent = true;
        return true;
    }
    Slice role = trim(buf_slice(&answer.body));
    if (answer.status != 200 || role.size == 0 || role.size > ROLE_BYTES_MAX || !printable(role)) {
        return refused(&answer, "instance metadata, asked for the role,", err);
    }
    char *name = arena_text(fetch->arena, role);
    DEFER(buf_release) Buf url = {0};
    buf_printf(&url, "%s%s", endpoint, PATH);
    http_encode(&url, role, false);
    TRY(get(fetch, arena_text(fetch->arena, buf_slice(&url)), header, &answer, err));
    if (answer.status != 200) {
        return refused(&answer, "instance metadata, asked for credentials,", err);
    }
    if (!aws_credentials_parse(buf_slice(&answer.body), "Token", fetch->arena, &fetch->credentials, err)) {
        return err_prefix(err, "instance metadata, role %s", name);
    }
    snprintf(fetch->origin, sizeof(fetch->origin), "instance metadata, role %s", name);
    return true;
}

// --- programs --------------------------------------------------------------------------------------------------

static bool spawn_shell(const char *command, int out, pid_t *pid, Err *err) {
    posix_spawn_file_actions_t actions;
    char shell[] = "sh", flag[] = "-c";
    char *text = NULL;
    memcpy(&text, &command, sizeof(text)); // exec's list is not const, but does not write
    char *arguments[] = {shell, flag, text, NULL};
    ASSERT(posix_spawn_file_actions_init(&actions) == 0);
    ASSERT(posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) == 0);
    ASSERT(posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0);
    int result = posix_spawn(pid, "/bin/sh", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return result == 0 || FAIL(err, ERR_NET_AUTH, "credential_process cannot be started: %s", strerror(result));
}

// Everything that comes out of the pipe, in time.
static bool pipe_read(int fd, Buf *out, Err *err) {
    int64_t end_us = clock_monotonic_us() + (int64_t)PROCESS_MS_MAX * 1000;
    for (;;) {
        int64_t left_ms = (end_us - clock_monotonic_us()) / 1000;
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int polled = left_ms > 0 ? poll(&ready, 1, (int)left_ms) : 0;
        if (polled == 0) {
            return FAIL(err, ERR_NET_AUTH, "credential_process has not ended in %d seconds", PROCESS_MS_MAX / 1000);
        }
        uint8_t *room = buf_room(out, 4096);
        if (room == NULL) {
            return FAIL(err, ERR_NET_AUTH, "credential_process prints more than %zu bytes", out->limit);
        }
        ssize_t got = polled > 0 ? read(fd, room, 4096) : -1;
        if (got == 0) {
            return true;
        }
        if (got < 0 && errno != EINTR) {
            return FAIL(err, ERR_NET_AUTH, "credential_process cannot be read: %s", strerror(errno));
        }
        buf_advance(out, got > 0 ? (size_t)got : 0);
    }
}

static bool process_run(const char *command, Buf *out, Err *err) {
    int ends[2];
    pid_t pid = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return FAIL_ERRNO(err, "credential_process");
    }
    bool good = spawn_shell(command, ends[1], &pid, err);
    close(ends[1]);
    if (good) {
        good = pipe_read(ends[0], out, err);
        if (!good) {
            kill(pid, SIGKILL);
        }
        int status = 0;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
        if (good && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
            good = FAIL(err, ERR_NET_AUTH, "credential_process has failed, with status %d",
                        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        }
    }
    close(ends[0]);
    return good || err_frame(err, __FILE__, __LINE__);
}

bool aws_fetch_process(AwsFetch *fetch, const char *command, Err *err) {
    DEFER(buf_release) Buf out = {0};
    buf_init(&out, TOKEN_BYTES_MAX);
    bool good = process_run(command, &out, err);
    if (good && !aws_credentials_parse(buf_slice(&out), "SessionToken", fetch->arena, &fetch->credentials, err)) {
        err->code = ERR_NET_AUTH;
        good = err_prefix(err, "credential_process");
    }
    if (!good) {
        return err_hint(err, "run the profile's credential_process by hand: it must print one JSON object");
    }
    snprintf(fetch->origin, sizeof(fetch->origin), "credential_process");
    return true;
}
