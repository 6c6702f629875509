// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/kafka/position.h"

#include "core/base/json.h"
#include "core/base/json_reader.h"
#include "core/sys/file.h"

#define MAGIC "leat kafka 1\n"
enum { FORMAT = 1, OWNER_BYTES = 32, OFFSETS_MAX = 1 << 20 };

// --- the record --------------------------------------------------------------------------------------------------

void kafka_position_encode(Buf *out, const KafkaPosition *position) {
    buf_u8(out, '{');
    json_field_uint(out, "format_version", FORMAT);
    json_key(out, "owner");
    json_quote(out, position->owner);
    json_field_uint(out, "log", position->log);
    json_field_uint(out, "epoch", position->epoch);
    json_field_uint(out, "cut", position->cut);
    json_key(out, "offsets");
    buf_u8(out, '{');
    for (size_t i = 0; i < position->offset_count; i++) {
        buf_text(out, i > 0 ? "," : "");
        json_quote(out, position->offsets[i].topic);
        buf_u8(out, ':');
        buf_uint(out, position->offsets[i].next);
    }
    buf_text(out, "}}");
    if (position->state.size > 0) {
        buf_u8(out, '\n');
        buf_put(out, position->state);
    }
}

static bool number_of(const JsonReader *reader, JsonToken token, uint64_t *number) {
    char text[24];
    if (token != TOKEN_NUMBER || reader->text.size == 0 || reader->text.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, reader->text.data, reader->text.size);
    text[reader->text.size] = '\0';
    char *end = NULL;
    *number = strtoull(text, &end, 10);
    return *end == '\0' && text[0] != '-';
}

static bool offsets_read(JsonReader *reader, Arena *arena, KafkaPosition *position, Err *err) {
    size_t capacity = 0;
    KafkaOffset *offsets = NULL;
    for (;;) {
        JsonToken token;
        TRY(json_read(reader, &token, err));
        if (token != TOKEN_NAME) {
            break;
        }
        if (position->offset_count == capacity) {
            capacity = MAX(capacity * 2, (size_t)16);
            KafkaOffset *more = ARENA_ARRAY(arena, KafkaOffset, capacity);
            for (size_t i = 0; i < position->offset_count; i++) {
                more[i] = offsets[i];
            }
            position->offsets = offsets = more;
        }
        KafkaOffset *offset = &offsets[position->offset_count];
        offset->topic = arena_slice(arena, reader->text);
        TRY(json_read(reader, &token, err));
        if (!number_of(reader, token, &offset->next) || ++position->offset_count > OFFSETS_MAX) {
            return FAIL(err, ERR_STATE_CORRUPT, "an offset is no number");
        }
    }
    return true;
}

static bool member_read(JsonReader *reader, Arena *arena, uint64_t *version, KafkaPosition *position, Err *err) {
    const struct {
        const char *name;
        uint64_t *to;
    } numbers[] = {
        {"format_version", version}, {"log", &position->log}, {"epoch", &position->epoch}, {"cut", &position->cut}};
    Slice name = arena_slice(arena, reader->text);
    JsonToken token;
    TRY(json_read(reader, &token, err));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (slice_is(name, numbers[i].name)) {
            return number_of(reader, token, numbers[i].to) ||
                   FAIL(err, ERR_STATE_CORRUPT, "%s is no number", numbers[i].name);
        }
    }
    if (slice_is(name, "owner") && token == TOKEN_TEXT) {
        position->owner = arena_slice(arena, reader->text);
        return true;
    }
    if (slice_is(name, "offsets") && token == TOKEN_OBJECT) {
        return offsets_read(reader, arena, position, err);
    }
    return json_read_over(reader, token, err);
}

static bool line_read(Slice line, Arena *arena, uint64_t *version, KafkaPosition *position, Err *err) {
    JsonReader reader;
    JsonToken token;
    json_reader_init(&reader, line, arena);
    TRY(json_read(&reader, &token, err));
    if (token != TOKEN_OBJECT) {
        return FAIL(err, ERR_STATE_CORRUPT, "no object");
    }
    for (;;) {
        TRY(json_read(&reader, &token, err));
        if (token != TOKEN_NAME) {
            return true;
        }
        TRY(member_read(&reader, arena, version, position, err));
    }
}

bool kafka_position_decode(Slice bytes, Arena *arena, KafkaPosition *position, Err *err) {
    const uint8_t *end = bytes.size > 0 ? memchr(bytes.data, '\n', bytes.size) : NULL;
    Slice line = end != NULL ? (Slice){bytes.data, (size_t)(end - bytes.data)} : bytes;
    uint64_t version = 0;
    Err problem[1] = {{0}};
    *position = (KafkaPosition){.state = end != NULL ? slice_from(bytes, line.size + 1) : (Slice){0}};
    bool ok = line_read(line, arena, &version, position, problem);
    if (version > FORMAT) {
        FAIL(err, ERR_FORMAT_NEWER, "the position in Kafka was written by a newer leat");
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    return (ok && version == FORMAT && position->owner.size > 0) ||
           FAIL(err, ERR_STATE_CORRUPT, "the position in Kafka is no position of leat's");
}

// --- who we are --------------------------------------------------------------------------------------------------

bool kafka_owner_load(const char *directory, KafkaOwner *owner, bool *found, Err *err) {
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 1024);
    const char *path = arena_printf(scratch, "%s/owner", directory);
    Slice bytes = {0};
    *owner = (KafkaOwner){0};
    *found = file_exists(path);
    bool ok = !*found || file_read_all(path, 1024, scratch, &bytes, err);
    if (ok && *found) {
        size_t head = strlen(MAGIC);
        ok = bytes.size > head + OWNER_BYTES && memcmp(bytes.data, MAGIC, head) == 0;
        if (ok) {
            memcpy(owner->name, bytes.data + head, OWNER_BYTES);
            owner->claimed = slice_is(slice_from(bytes, head + OWNER_BYTES), " claimed\n");
        } else {
            FAIL(err, ERR_STATE_CORRUPT, "%s is damaged, or of a newer leat", path);
            err_hint(err, "restore it from a backup");
        }
    }
    arena_release(scratch);
    return ok;
}

bool kafka_owner_save(const char *directory, const KafkaOwner *owner, Err *err) {
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 1024);
    const char *text = arena_printf(scratch, MAGIC "%s %s\n", owner->name, owner->claimed ? "claimed" : "new");
    bool ok = file_make_directories(directory, err) &&
              file_replace(arena_printf(scratch, "%s/owner", directory), slice_of(text), err);
    arena_release(scratch);
    return ok;
}
