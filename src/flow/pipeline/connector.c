// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/connector.h"

#include "core/base/json_reader.h"
#include "core/config/seal.h"
#include "flow/pipeline/connector_run.h"
#include "flow/pipeline/connector_sync.h"

static bool unknown(const ConnectorRun *run, Err *err) {
    FAIL(err, ERR_OPTION, "connector %.*s is of kind \"%.20s\", which this leat cannot run",
         (int)MIN(run->name.size, (size_t)100), (const char *)run->name.data, run->kind);
    return err_hint(err, "use the leat that wrote it, or a newer one");
}

char *connector_directory(Arena *arena, const ConnectorRun *run) {
    return arena_printf(arena, "%s/pipelines/%s", run->data_directory, connector_folder(arena, run->name));
}

bool connector_run(const ConnectorRun *run, Err *err) {
    seal_home(run->data_directory);
    if (strcmp(run->kind, "sync") == 0) {
        return connector_sync_run(run, err);
    }
    if (strcmp(run->kind, "source") == 0) {
        return connector_source_run(run, err);
    }
    return strcmp(run->kind, "sink") == 0 ? connector_sink_run(run, err) : unknown(run, err);
}

// --- requests --------------------------------------------------------------------------------------------------

// The bytes of the value whose first token is read.
static bool value_bytes_read(JsonReader *reader, JsonToken first, Slice *bytes, Err *err) {
    size_t start = reader->token_at;
    TRY(json_read_over(reader, first, err));
    *bytes = (Slice){reader->source.data + start, reader->at - start};
    return true;
}

static bool part_read(JsonReader *reader, Arena *arena, Properties *part, bool *null, Err *err) {
    JsonToken token;
    Slice bytes;
    TRY(json_read(reader, &token, err));
    *null = token == TOKEN_NULL;
    if (*null) {
        return true;
    }
    if (token != TOKEN_OBJECT) {
        return FAIL(err, ERR_OPTION, "partitions and offsets are objects");
    }
    return value_bytes_read(reader, token, &bytes, err) && properties_parse(arena, bytes, part, err);
}

// {"partition":{…},"offset":{…}|null}, its first token is read.
static bool offset_read(JsonReader *reader, Arena *arena, ConnectorOffset *offset, Err *err) {
    bool has_partition = false, has_offset = false, null = false;
    *offset = (ConnectorOffset){0};
    for (JsonToken token;;) {
        TRY(json_read(reader, &token, err));
        if (token == TOKEN_OBJECT_END) {
            break;
        }
        if (slice_is(reader->text, "partition")) {
            TRY(part_read(reader, arena, &offset->partition, &null, err));
            has_partition = !null;
        } else if (slice_is(reader->text, "offset")) {
            TRY(part_read(reader, arena, &offset->offset, &offset->reset, err));
            has_offset = true;
        } else {
            TRY(json_read(reader, &token, err) && json_read_over(reader, token, err));
        }
    }
    return (has_partition && has_offset) ||
           FAIL(err, ERR_OPTION, "each of the offsets needs a \"partition\" and an \"offset\"");
}

static bool offsets_read(JsonReader *reader, Arena *arena, ConnectorRequest *request, Err *err) {
    ConnectorOffset *offsets = NULL;
    size_t capacity = 0;
    JsonToken token;
    TRY(json_read(reader, &token, err));
    if (token != TOKEN_ARRAY) {
        return FAIL(err, ERR_OPTION, "\"offsets\" is a list");
    }
    for (;;) {
        TRY(json_read(reader, &token, err));
        if (token == TOKEN_ARRAY_END) {
            request->offsets = offsets;
            return true;
        }
        if (token != TOKEN_OBJECT) {
            return FAIL(err, ERR_OPTION, "\"offsets\" is a list of objects");
        }
        if (request->offset_count == capacity) {
            capacity = MAX(capacity * 2, (size_t)16);
            ConnectorOffset *more = ARENA_ARRAY(arena, ConnectorOffset, capacity);
            for (size_t i = 0; i < request->offset_count; i++) {
                more[i] = offsets[i];
            }
            offsets = more;
        }
        TRY(offset_read(reader, arena, &offsets[request->offset_count++], err));
    }
}

static bool member_read(JsonReader *reader, Arena *arena, ConnectorRequest *request, Err *err) {
    JsonToken token;
    Slice name = reader->text, bytes;
    if (slice_is(name, "offsets")) {
        return offsets_read(reader, arena, request, err);
    }
    TRY(json_read(reader, &token, err));
    if (slice_is(name, "do") && token == TOKEN_TEXT) {
        request->what = arena_text(arena, reader->text);
    } else if (slice_is(name, "tables") && token == TOKEN_TEXT) {
        request->tables = arena_text(arena, reader->text);
    } else if (slice_is(name, "config") && token == TOKEN_OBJECT) {
        Properties *config = ARENA_NEW(arena, Properties);
        TRY(value_bytes_read(reader, token, &bytes, err) && properties_parse(arena, bytes, config, err));
        request->config = config;
    } else {
        return json_read_over(reader, token, err);
    }
    return true;
}

static bool request_read(const ConnectorRun *run, Slice text, Arena *arena, ConnectorRequest *request, Err *err) {
    JsonReader reader;
    JsonToken token;
    *request = (ConnectorRequest){.what = "", .config = run->config};
    json_reader_init(&reader, text, arena);
    TRY(json_read(&reader, &token, err));
    if (token != TOKEN_OBJECT) {
        return FAIL(err, ERR_OPTION, "the request is no object");
    }
    for (;;) {
        TRY(json_read(&reader, &token, err));
        if (token == TOKEN_OBJECT_END) {
            return true;
        }
        TRY(member_read(&reader, arena, request, err));
    }
}

bool connector_call(const ConnectorRun *run, Slice request, Arena *arena, Slice *answer, Err *err) {
    ConnectorRequest asked;
    DEFER(buf_release) Buf out = {0};
    seal_home(run->data_directory);
    if (strcmp(run->kind, "sync") == 0) {
        return connector_sync_call(run, request, arena, answer, err);
    }
    TRY(request_read(run, request, arena, &asked, err));
    if (strcmp(run->kind, "source") == 0) {
        TRY(connector_source_call(run, &asked, arena, &out, err));
    } else if (strcmp(run->kind, "sink") == 0) {
        TRY(connector_sink_call(run, &asked, arena, &out, err));
    } else {
        return unknown(run, err);
    }
    *answer = arena_slice(arena, buf_slice(&out));
    return true;
}
