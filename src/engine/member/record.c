// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.h"
#include "core/base/json_reader.h"
#include "core/base/version.h"
#include "engine/member/member_room.h"

static int64_t number_of(const JsonReader *reader, Arena *arena) {
    return strtoll(arena_text(arena, reader->text), NULL, 10);
}

// [1,4]: numbers of slots.
static bool slots_read(JsonReader *reader, Arena *arena, MemberRecord *record, Err *err) {
    JsonToken token;
    record->tasks = 0;
    TRY(json_read(reader, &token, err));
    while (token != TOKEN_ARRAY_END) {
        int64_t slot = token == TOKEN_NUMBER ? number_of(reader, arena) : -1;
        if (record->tasks < TASKS_MAX) {
            record->slots[record->tasks++] = slot >= 0 && slot <= INT32_MAX ? (int32_t)slot : -1;
        }
        TRY(json_read_over(reader, token, err));
        TRY(json_read(reader, &token, err));
    }
    return true;
}

static bool value_read(JsonReader *reader, Slice name, Arena *arena, MemberRecord *record, int64_t *format, Err *err) {
    JsonToken token;
    TRY(json_read(reader, &token, err));
    if (slice_is(name, "slots") && token == TOKEN_ARRAY) {
        return slots_read(reader, arena, record, err);
    }
    size_t from = reader->token_at;
    Slice text = reader->text;
    TRY(json_read_over(reader, token, err));
    Slice bytes = {reader->source.data + from, reader->at - from};
    struct {
        const char *name;
        JsonToken token;
        Slice *to;
    } texts[] = {{"node", TOKEN_TEXT, &record->node},
                 {"url", TOKEN_TEXT, &record->url},
                 {"version", TOKEN_TEXT, &record->version},
                 {"document", TOKEN_OBJECT, &record->document},
                 {"state", TOKEN_OBJECT, &record->state}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (slice_is(name, texts[i].name) && token == texts[i].token) {
            *texts[i].to = token == TOKEN_TEXT ? text : bytes;
        }
    }
    struct {
        const char *name;
        int64_t *to;
    } numbers[] = {{"format_version", format}, {"slot", &record->slot}, {"term", &record->term}};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (slice_is(name, numbers[i].name) && token == TOKEN_NUMBER) {
            *numbers[i].to = number_of(reader, arena);
        }
    }
    return true;
}

bool member_record_read(Slice json, Arena *arena, MemberRecord *record, Err *err) {
    JsonReader reader;
    JsonToken token;
    int64_t format = 0;
    *record = (MemberRecord){.slot = -1};
    json_reader_init(&reader, json, arena);
    TRY(json_read(&reader, &token, err));
    if (token != TOKEN_OBJECT) {
        return FAIL(err, ERR_OPTION, "it is no JSON object");
    }
    TRY(json_read(&reader, &token, err));
    while (token == TOKEN_NAME) {
        TRY(value_read(&reader, reader.text, arena, record, &format, err));
        TRY(json_read(&reader, &token, err));
    }
    if (format > MEMBER_FORMAT) {
        FAIL(err, ERR_FORMAT_NEWER, "it has format %d; this leat knows up to %d", (int)format, MEMBER_FORMAT);
        return err_hint(err, "update this node: nodes with a newer leat are in the cluster");
    }
    if (record->tasks == 0) {
        record->tasks = 1;
        record->slots[0] = (int32_t)record->slot;
    }
    return format >= 1 || FAIL(err, ERR_OPTION, "it has no format_version");
}

static void begin(Buf *out, int format) {
    buf_u8(out, '{');
    json_field_int(out, "format_version", format);
}

void member_config_json(Buf *out, const int32_t *slots, uint32_t tasks, Slice document) {
    begin(out, tasks > 1 ? MEMBER_FORMAT : MEMBER_FORMAT_PLAIN);
    json_field_int(out, "slot", slots[0]);
    for (uint32_t i = 0; i < tasks && tasks > 1; i++) {
        buf_printf(out, "%s%" PRId32, i == 0 ? ",\"slots\":[" : ",", slots[i]);
    }
    buf_text(out, tasks > 1 ? "]" : "");
    json_key(out, "document");
    buf_put(out, document);
    buf_u8(out, '}');
}

void member_status_json(Buf *out, const Member *member, int64_t term, Slice state) {
    begin(out, MEMBER_FORMAT_PLAIN);
    json_field_text(out, "node", member->node);
    json_field_int(out, "term", term);
    json_key(out, "state");
    buf_put(out, state.size > 0 ? state : SLICE("null"));
    buf_u8(out, '}');
}

void member_node_json(Buf *out, const Member *member) {
    begin(out, MEMBER_FORMAT_PLAIN);
    json_field_text(out, "url", member->options.cluster_url);
    json_field_text(out, "version", LEAT_VERSION);
    buf_u8(out, '}');
}

static void text_field(Buf *out, const char *name, Slice text) {
    json_key(out, name);
    json_quote(out, text);
}

void member_cluster_json(Buf *out, const Member *member) {
    bool first = true;
    buf_u8(out, '{');
    json_field_text(out, "group", member->options.cluster_group);
    json_field_text(out, "id", member->node);
    json_field_bool(out, "member", member->joined);
    json_field_uint(out, "slots", member->slots.count);
    json_key(out, "nodes");
    buf_u8(out, '[');
    for (MapEntry *at = NULL; (at = map_next(&member->nodes, at)) != NULL; first = false) {
        const MemberNode *node = at->value;
        buf_text(out, first ? "{" : ",{");
        text_field(out, "id", buf_slice(&node->id));
        text_field(out, "url", buf_slice(&node->url));
        text_field(out, "version", buf_slice(&node->version));
        buf_u8(out, '}');
    }
    buf_text(out, "]}");
}

void member_claimed_json(Buf *out, const Member *member, Slice holder) {
    const MemberNode *node = map_find(&member->nodes, holder);
    buf_u8(out, '{');
    json_field_text(out, "state", "UNASSIGNED");
    text_field(out, "worker", holder);
    text_field(out, "url", node != NULL ? buf_slice(&node->url) : (Slice){0});
    json_field_text(out, "task", "UNASSIGNED");
    json_field_text(out, "trace", NULL);
    json_field_text(out, "report", NULL);
    buf_u8(out, '}');
}
