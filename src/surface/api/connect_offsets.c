// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.h"
#include "core/sys/clock.h"
#include "surface/api/connect_room.h"

enum { STOP_WAIT_US = 20 * 1000 * 1000, STOP_LOOK_US = 100 * 1000, HEAR_WAIT_US = 5 * 1000 * 1000 };
#define NO_OFFSETS "Partitions / offsets need to be provided for an alter offsets request"

static bool call(ConnectApi *api, const ApiRequest *request, Slice text, Slice *answer, Err *err) {
    *answer = (Slice){0};
    return api->ask(api->front, "call", request->parts[0], text, request->arena, answer, err);
}

// Its tasks on other nodes have ended.
static bool others_rest(ConnectApi *api, const ApiRequest *request, Err *err) {
    FleetConnector connector;
    (void)fleet_find(api->fleet, request->parts[0], request->arena, &connector);
    for (uint32_t i = 1; i < connector.task_count; i++) {
        const char *state = connector.tasks[i].connector;
        if (state == NULL || strcmp(state, "STOPPED") != 0) {
            return FAIL(err, ERR_EXISTS, "task %" PRIu32 " of connector %.*s is running", i,
                        SLICE_ARG(request->parts[0]));
        }
    }
    return true;
}

// Of a connector that is to be STOPPED: its worker may take a moment to end.
static bool call_stopped(ConnectApi *api, const ApiRequest *request, Slice text, Slice *answer, Err *err) {
    int64_t deadline = clock_monotonic_us() + STOP_WAIT_US;
    while (!others_rest(api, request, err) || !call(api, request, text, answer, err)) {
        if (err->code != ERR_EXISTS || clock_monotonic_us() > deadline) {
            return false;
        }
        err_clear(err);
        clock_sleep_us(STOP_LOOK_US);
    }
    return true;
}

void connect_offsets(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    FleetConnector connector;
    Err err[1] = {{0}};
    if (connect_forwarded(api, request, answer)) {
        return;
    }
    if (!connect_known(api, request, answer, &connector)) {
        return;
    }
    bool running = connector.task_count > 0;
    for (uint32_t i = 0; i < connector.task_count; i++) {
        const char *state = connector.tasks[i].state;
        running = running && state != NULL && strcmp(state, "RUNNING") == 0;
    }
    Slice list = connector.offsets;
    if (!running || list.data == NULL) { // nobody reports: look at what is stored
        Slice found, stored;
        if (!call(api, request, SLICE("{\"do\":\"offsets\"}"), &found, err) ||
            !connect_body_member(request->arena, found, "offsets", &stored, err)) {
            if (list.data == NULL) {
                connect_ask_error(answer, err);
                return;
            }
        } else {
            list = stored;
        }
    }
    buf_text(&answer->body, "{\"offsets\":");
    buf_put(&answer->body, list.data != NULL ? list : SLICE("[]"));
    buf_text(&answer->body, "}");
}

// --- changing them ---------------------------------------------------------------------------------------------

// A node that hands on a request knows of the stop; this one is about to hear of it.
static bool stopped(ConnectApi *api, const ApiRequest *request, ApiAnswer *answer, FleetConnector *connector) {
    bool handed_on = request->forwarded != NULL && request->forwarded[0] != '\0';
    int64_t deadline = clock_monotonic_us() + (handed_on ? HEAR_WAIT_US : 0);
    for (;;) {
        if (!connect_known(api, request, answer, connector)) {
            return false;
        }
        if (strcmp(connector->document.target, "STOPPED") == 0) {
            return true;
        }
        if (clock_monotonic_us() >= deadline) {
            break;
        }
        clock_sleep_us(STOP_LOOK_US);
    }
    api_error(answer, 400,
              "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the "
              "specified connector by issuing a 'PUT' request to the '/connectors/%.*s/stop' endpoint",
              SLICE_ARG(request->parts[0]));
    return false;
}

// Which members an object has, of the two that are asked for; its { was read.
typedef struct Members {
    bool first, second;
    Slice second_value; // a scalar
} Members;

static bool read_members(JsonReader *reader, const char *first, const char *second, Members *members, Err *err) {
    *members = (Members){0};
    JsonToken token;
    TRY(json_read(reader, &token, err));
    while (token == TOKEN_NAME) {
        bool is_first = slice_is(reader->text, first), is_second = slice_is(reader->text, second);
        TRY(json_read(reader, &token, err));
        if (is_second && (token == TOKEN_TEXT || token == TOKEN_NUMBER)) {
            members->second_value = reader->text;
        }
        TRY(json_read_over(reader, token, err));
        members->first = members->first || (is_first && token != TOKEN_NULL);
        members->second = members->second || (is_second && token != TOKEN_NULL);
        TRY(json_read(reader, &token, err));
    }
    return true;
}

static bool whole_number(Slice text, bool *negative) {
    *negative = text.size > 1 && text.data[0] == '-';
    for (size_t i = *negative; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.size > 0 && text.size < 20;
}

typedef struct OffsetCheck {
    bool sink;
    Slice name; // the connector's
    ApiAnswer *answer;
} OffsetCheck;

static bool no(const OffsetCheck *check, int code, const char *text) {
    api_error(check->answer, code, "%s", text);
    return true; // the JSON is fine
}

static bool check_partition(const OffsetCheck *check, JsonReader *reader, Err *err) {
    Members members;
    bool negative;
    TRY(read_members(reader, "kafka_topic", "kafka_partition", &members, err));
    if (!check->sink) {
        return true;
    }
    if (!members.first || !members.second) {
        return no(check, 400,
                  "The partition for a sink connector offset must contain the keys 'kafka_topic' and "
                  "'kafka_partition'");
    }
    if (!whole_number(members.second_value, &negative)) {
        return no(check, 400,
                  "Failed to parse the Kafka partition value in the provided offsets. Partition values for sink "
                  "connectors need to be integers.");
    }
    return true;
}

static bool check_offset(const OffsetCheck *check, JsonReader *reader, Err *err) {
    Members members;
    bool negative;
    TRY(read_members(reader, "", "kafka_offset", &members, err));
    if (!check->sink) {
        return true;
    }
    if (!members.second) {
        return no(check, 400,
                  "The offset for a sink connector should either be null or contain the key 'kafka_offset'");
    }
    if (!whole_number(members.second_value, &negative)) {
        return no(check, 400,
                  "Failed to parse the Kafka offset value in the provided offsets. Offset values for sink connectors "
                  "need to be integers.");
    }
    if (negative) {
        api_error(check->answer, 500, "Failed to modify offsets for sink connector %.*s", SLICE_ARG(check->name));
    }
    return true;
}

// One {"partition":{…},"offset":{…}}. What is wrong with it is in the answer (status set), or in err: no JSON.
static bool check_one(const OffsetCheck *check, JsonReader *reader, Err *err) {
    bool has_partition = false;
    JsonToken token;
    TRY(json_read(reader, &token, err));
    while (token == TOKEN_NAME && check->answer->status == 0) {
        bool partition = slice_is(reader->text, "partition"), offset = slice_is(reader->text, "offset");
        TRY(json_read(reader, &token, err));
        if (partition && token == TOKEN_OBJECT) {
            has_partition = true;
            TRY(check_partition(check, reader, err));
        } else if (offset && token == TOKEN_OBJECT) {
            TRY(check_offset(check, reader, err));
        } else if ((partition || offset) && token != TOKEN_NULL) {
            return no(check, 400, "Partitions and offsets are JSON objects");
        } else {
            TRY(json_read_over(reader, token, err));
        }
        if (check->answer->status == 0) {
            TRY(json_read(reader, &token, err));
        }
    }
    if (check->answer->status == 0 && !has_partition) {
        return check->sink ? no(check, 400, "The partition for a sink connector offset cannot be null or missing")
                           : no(check, 500, "Partition objects cannot be null");
    }
    return true;
}

// False: the answer is written.
static bool check_list(const ApiRequest *request, const OffsetCheck *check, Slice list) {
    JsonReader reader;
    JsonToken token;
    Err err[1] = {{0}};
    size_t count = 0;
    json_reader_init(&reader, list, request->arena);
    bool ok = json_read(&reader, &token, err);
    if (ok && token != TOKEN_ARRAY) {
        api_error(check->answer, 400, "\"offsets\" is a list of partitions and offsets");
        return false;
    }
    while ((ok = ok && json_read(&reader, &token, err)) && token != TOKEN_ARRAY_END && check->answer->status == 0) {
        count++;
        if (token == TOKEN_OBJECT) {
            ok = check_one(check, &reader, err);
        } else {
            api_error(check->answer, 400, "\"offsets\" is a list of partitions and offsets");
        }
    }
    if (!ok) {
        connect_body_error(check->answer, err);
    } else if (check->answer->status == 0 && count == 0) {
        api_error(check->answer, 400, NO_OFFSETS);
    }
    return check->answer->status == 0;
}

static void change_error(const ApiRequest *request, ApiAnswer *answer, const FleetConnector *connector,
                         const Err *err) {
    if (err->code == ERR_EXISTS) { // its worker has not ended yet
        api_error(answer, 409, "Connector %.*s is being stopped: its offsets can be modified when its worker has ended",
                  SLICE_ARG(request->parts[0]));
    } else if (err->code == ERR_OPTION && strcmp(connector->type, "sink") != 0) {
        api_error(answer, 500, "%s", err->message); // what a source's plugin says is a 500 in the original
    } else {
        connect_ask_error(answer, err);
    }
}

// A source keeps positions on its server too, which leat's worker sees to; the original warns of it.
static void put_message(const ApiRequest *request, ApiAnswer *answer, const FleetConnector *connector,
                        const char *done) {
    bool sink = strcmp(connector->type, "sink") == 0;
    buf_text(&answer->body, "{\"message\":");
    json_quote(&answer->body,
               slice_of(arena_printf(request->arena,
                                     sink ? "The offsets for this connector have been %s successfully"
                                          : "The Connect framework-managed offsets for this connector have been %s "
                                            "successfully. However, if this connector manages offsets externally, "
                                            "they will need to be manually %s in the system that the connector uses.",
                                     done, done)));
    buf_text(&answer->body, "}");
}

static void put_answer(const ApiRequest *request, ApiAnswer *answer, const FleetConnector *connector, Slice said,
                       const char *done) {
    Slice message;
    Err err[1] = {{0}};
    if (connect_body_member(request->arena, said, "message", &message, err) && message.size > 2 &&
        message.data[0] == '"') {
        buf_text(&answer->body, "{\"message\":");
        buf_put(&answer->body, message);
        buf_text(&answer->body, "}");
    } else {
        put_message(request, answer, connector, done);
    }
}

void connect_offsets_alter(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    FleetConnector connector;
    Slice list, said;
    Err err[1] = {{0}};
    if (!connect_body_member(request->arena, request->body, "offsets", &list, err)) {
        connect_body_error(answer, err);
        return;
    }
    if (list.data == NULL) {
        api_error(answer, 400, NO_OFFSETS);
        return;
    }
    if (!stopped(api, request, answer, &connector) || connect_forwarded(api, request, answer)) {
        return;
    }
    OffsetCheck check = {strcmp(connector.type, "sink") == 0, request->parts[0], answer};
    if (!check_list(request, &check, list)) {
        return;
    }
    const char *text = arena_printf(request->arena, "{\"do\":\"alter\",\"offsets\":%.*s}", SLICE_ARG(list));
    if (call_stopped(api, request, slice_of(text), &said, err)) {
        put_answer(request, answer, &connector, said, "altered");
    } else {
        change_error(request, answer, &connector, err);
    }
}

void connect_offsets_reset(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    FleetConnector connector;
    Slice said;
    Err err[1] = {{0}};
    if (!stopped(api, request, answer, &connector) || connect_forwarded(api, request, answer)) {
        return;
    }
    if (call_stopped(api, request, SLICE("{\"do\":\"reset\"}"), &said, err)) {
        put_answer(request, answer, &connector, said, "reset");
    } else {
        change_error(request, answer, &connector, err);
    }
}
