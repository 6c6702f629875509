// SPDX-License-Identifier: Apache-2.0
#include "flow/source/kafka/decode.h"

#include "core/base/json.h"
#include "data/connect/read_shape.h"
#include "flow/source/kafka/connect_json.h"
#include "flow/source/kafka/json_schema_shape.h"
#include "flow/source/kafka/rows.h"

enum { FRAME_BYTES = 5, SHAPES_MAX = 10000, FRAMES_MAX = 512 };

bool decode_format(const char *name, DecodeFormat *format) {
    static const char *const NAMES[] = {"auto", "json", "json-schema", "avro", "string", "bytes"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (strcmp(NAMES[i], name) == 0) {
            *format = (DecodeFormat)i;
            return true;
        }
    }
    return false;
}

void decoder_init(Decoder *decoder) {
    *decoder = (Decoder){0};
    arena_init(decoder->arena, "run", 0);
}

void decoder_release(Decoder *decoder) {
    for (MapEntry *entry = NULL; (entry = map_next(&decoder->framed, entry)) != NULL;) {
        avro_reader_close(((Framed *)entry->value)->avro); // NULL is fine
    }
    map_release(&decoder->framed);
    map_release(&decoder->json);
    arena_release(decoder->arena);
}

// --- in the registry's frame -------------------------------------------------------------------------------------

static bool framed_new(Decoder *decoder, const RegistrarSchema *schema, Framed *framed, Err *err) {
    Shape *shape = ARENA_NEW(decoder->arena, Shape);
    if (decoder->connect && schema->json != decoder->json_schemas) {
        return FAIL(err, ERR_VALUE, "it is no %s", decoder->json_schemas ? "JSON Schema" : "Avro schema");
    }
    if (schema->json) {
        JsonSchemaRules rules = {decoder->connect, decoder->connect && !decoder->optional_unrequired};
        framed->json = shape;
        TRY(json_schema_shape(decoder->arena, schema->text, &rules, shape, err));
        if (decoder->connect) {
            connect_read_shape(decoder->arena, shape);
        }
        return true;
    }
    TRY(avro_reader_of(schema->text, decoder->connect, &framed->avro, err));
    if (decoder->connect) {
        *shape = *avro_reader_shape(framed->avro);
        connect_read_shape(decoder->arena, shape);
        framed->connect = shape;
        return true;
    }
    if (rows_is_change(avro_reader_shape(framed->avro))) {
        avro_reader_only(framed->avro, NULL, ROWS_ENVELOPE, ENVELOPE_COUNT);
        avro_reader_only(framed->avro, "source", ROWS_SOURCE, SOURCE_COUNT);
    }
    return true;
}

static bool framed_look(Decoder *decoder, int32_t id, Arena *scratch, Framed **framed, Err *err) {
    *framed = map_find_u64(&decoder->framed, (uint64_t)id);
    if (*framed != NULL) {
        return true;
    }
    if (decoder->registrar == NULL) {
        FAIL(err, ERR_VALUE, "it looks like a value of schema %d, and no schema registry is named", id);
        return err_hint(err, "name it: registry=http://HOST:PORT");
    }
    RegistrarSchema schema = {0};
    TRY(registrar_schema(decoder->registrar, id, scratch, &schema, err));
    *framed = ARENA_NEW(decoder->arena, Framed);
    if (!framed_new(decoder, &schema, *framed, err)) {
        return err_prefix(err, "schema %d of the registry", id);
    }
    map_put_u64(&decoder->framed, (uint64_t)id, *framed);
    return true;
}

static bool framed_find(Decoder *decoder, int32_t id, Arena *scratch, Framed **framed, Err *err) {
    size_t place = (size_t)id % ARRAY_LEN(decoder->recent);
    if (LIKELY(decoder->recent[place].framed != NULL && decoder->recent[place].id == id)) {
        *framed = decoder->recent[place].framed;
        return true;
    }
    TRY(framed_look(decoder, id, scratch, framed, err));
    decoder->recent[place].id = id;
    decoder->recent[place].framed = *framed;
    return true;
}

static bool shaped(const Shape *shape, Arena *scratch, const JsonNode *json, Decoded *decoded, Err *err) {
    Value *value = ARENA_NEW(scratch, Value);
    decoded->shape = shape;
    if (json->kind == TREE_NULL) {
        return true;
    }
    decoded->value = value;
    return connect_json_value(scratch, shape, json, value, err);
}

static bool framed_decode(Decoder *decoder, Arena *scratch, Slice bytes, Decoded *decoded, Err *err) {
    if (bytes.size < FRAME_BYTES || bytes.data[0] != 0) {
        FAIL(err, ERR_VALUE, "not in the schema registry's frame: it does not begin with a zero byte and an id");
        return err_hint(err, "see format and key.format");
    }
    Framed *framed = NULL;
    uint32_t id = load_u32be(bytes.data + 1);
    if (id > INT32_MAX) {
        return FAIL(err, ERR_VALUE, "no id of a schema: %u", id);
    }
    TRY(framed_find(decoder, (int32_t)id, scratch, &framed, err));
    Slice value = slice_from(bytes, FRAME_BYTES);
    if (framed->avro != NULL) {
        decoded->shape = framed->connect != NULL ? framed->connect : avro_reader_shape(framed->avro);
        return avro_reader_value(framed->avro, value, &decoded->value, err) || err_prefix(err, "Avro of schema %u", id);
    }
    const JsonNode *json = NULL;
    return (json_tree_parse(scratch, value, &json, err) && shaped(framed->json, scratch, json, decoded, err)) ||
           err_prefix(err, "JSON of schema %u", id);
}

// --- JSON --------------------------------------------------------------------------------------------------------

static bool is_framed(const JsonNode *json) {
    return json->kind == TREE_OBJECT && json->count == 2 && json_tree_member(json, "schema") != NULL &&
           json_tree_member(json, "payload") != NULL;
}

static bool json_shape(Decoder *decoder, const JsonNode *schema, const Shape **shape, Err *err) {
    DEFER(buf_release) Buf text = {0};
    json_tree_write(&text, schema, TREE_AS_WRITTEN);
    *shape = map_find(&decoder->json, buf_slice(&text));
    if (*shape != NULL) {
        return true;
    }
    if (decoder->json.count >= SHAPES_MAX) {
        return FAIL(err, ERR_VALUE, "more than %d different schemas in JSON", SHAPES_MAX);
    }
    Shape *made = ARENA_NEW(decoder->arena, Shape);
    TRY(connect_json_schema(decoder->arena, schema, made, err));
    if (decoder->connect) {
        connect_read_shape(decoder->arena, made);
    }
    map_put(&decoder->json, buf_slice(&text), made);
    *shape = made;
    return true;
}

static Slice without_blanks(Slice bytes) {
    while (bytes.size > 0 && (bytes.data[bytes.size - 1] == '\n' || bytes.data[bytes.size - 1] == ' ')) {
        bytes.size--;
    }
    return bytes;
}

// The record begins as one before did: its schema is not parsed again. False: it is to be parsed as a whole.
static bool frame_known(Decoder *decoder, Arena *scratch, Slice bytes, const Shape **shape, const JsonNode **payload) {
    Err ignored[1] = {{0}};
    bytes = without_blanks(bytes);
    for (JsonFrame **link = &decoder->frames; *link != NULL; link = &(*link)->next) {
        JsonFrame *frame = *link;
        if (bytes.size > frame->bytes.size && bytes.data[bytes.size - 1] == '}' &&
            memcmp(bytes.data, frame->bytes.data, frame->bytes.size) == 0) {
            *link = frame->next;
            frame->next = decoder->frames;
            decoder->frames = frame;
            *shape = frame->shape;
            Slice rest = {bytes.data + frame->bytes.size, bytes.size - frame->bytes.size - 1};
            return json_tree_parse(scratch, rest, payload, ignored);
        }
    }
    return false;
}

// Of a record that is framed. Its payload begins where null in its place, and the end, make a whole of it.
static void frame_keep(Decoder *decoder, Arena *scratch, Slice bytes, const Shape *shape) {
    static const char BEFORE[] = "\"payload\":";
    const uint8_t *at = bytes.data;
    for (int tries = 0; tries < 8 && decoder->frame_count < FRAMES_MAX; tries++) {
        at = memmem(at, bytes.size - (size_t)(at - bytes.data), BEFORE, strlen(BEFORE));
        if (at == NULL) {
            return;
        }
        at += strlen(BEFORE);
        DEFER(buf_release) Buf whole = {0};
        const JsonNode *json = NULL;
        Err ignored[1] = {{0}};
        Slice begin = {bytes.data, (size_t)(at - bytes.data)};
        buf_put(&whole, begin);
        buf_text(&whole, "null}");
        if (json_tree_parse(scratch, buf_slice(&whole), &json, ignored) && is_framed(json)) {
            JsonFrame *frame = ARENA_NEW(decoder->arena, JsonFrame);
            *frame = (JsonFrame){arena_slice(decoder->arena, begin), shape, decoder->frames};
            decoder->frames = frame;
            decoder->frame_count++;
            return;
        }
    }
}

static bool json_decode(Decoder *decoder, DecodeFormat format, Arena *scratch, Slice bytes, Decoded *decoded,
                        Err *err) {
    static const Shape TEXT = {.kind = SHAPE_STRING};
    const JsonNode *json = NULL;
    const Shape *known = NULL;
    if (format != DECODE_JSON && frame_known(decoder, scratch, bytes, &known, &json)) {
        return shaped(known, scratch, json, decoded, err);
    }
    if (!json_tree_parse(scratch, bytes, &json, err)) {
        err_prefix(err, "no JSON");
        return err_hint(err, "see format and key.format: string and bytes take anything");
    }
    bool framed = format != DECODE_JSON && is_framed(json);
    if (format == DECODE_JSON_SCHEMA && !framed) {
        return FAIL(err, ERR_VALUE, "JSON without its schema, in place of {\"schema\":…,\"payload\":…}");
    }
    if (framed) {
        const JsonNode *schema = json_tree_member(json, "schema"), *payload = json_tree_member(json, "payload");
        if (schema->kind == TREE_NULL && payload->kind == TREE_NULL) {
            return true;
        }
        const Shape *shape = NULL;
        TRY(json_shape(decoder, schema, &shape, err));
        frame_keep(decoder, scratch, bytes, shape);
        return shaped(shape, scratch, payload, decoded, err);
    }
    if (decoder->declared != NULL) {
        return shaped(decoder->declared, scratch, json, decoded, err);
    }
    Value *value = ARENA_NEW(scratch, Value);
    *value = value_bytes(VALUE_STRING, bytes);
    *decoded = (Decoded){.shape = &TEXT, .value = value, .document = true};
    if (decoder->connect) {
        decoded->shape = NULL;
        decoded->value = json->kind != TREE_NULL ? value : NULL;
        return connect_json_free(scratch, json, value, err);
    }
    return true;
}

// --- any ---------------------------------------------------------------------------------------------------------

bool decode(Decoder *decoder, DecodeFormat format, Arena *scratch, Slice bytes, Decoded *decoded, Err *err) {
    static const Shape TEXT = {.kind = SHAPE_STRING}, BYTES = {.kind = SHAPE_BYTES};
    *decoded = (Decoded){0};
    if (bytes.data == NULL) {
        return true;
    }
    bool zero = bytes.size > 0 && bytes.data[0] == 0;
    if (format == DECODE_AVRO || (format == DECODE_AUTO && zero)) {
        return framed_decode(decoder, scratch, bytes, decoded, err);
    }
    if (format != DECODE_STRING && format != DECODE_BYTES) {
        return json_decode(decoder, format, scratch, bytes, decoded, err);
    }
    bool text = format == DECODE_STRING;
    if (text && !json_utf8_valid(bytes)) {
        FAIL(err, ERR_VALUE, "a text that is not UTF-8");
        return err_hint(err, "format=bytes takes anything");
    }
    Value *value = ARENA_NEW(scratch, Value);
    *value = value_bytes(text ? VALUE_STRING : VALUE_BYTES, bytes);
    *decoded = (Decoded){.shape = text ? &TEXT : &BYTES, .value = value};
    return true;
}

static bool key_is_framed(Arena *scratch, Slice bytes) {
    const JsonNode *json = NULL;
    Err ignored[1] = {{0}};
    return json_tree_parse(scratch, bytes, &json, ignored) && is_framed(json);
}

bool decode_key(Decoder *decoder, DecodeFormat format, Arena *scratch, Slice bytes, Decoded *decoded, Err *err) {
    const JsonNode *json = NULL;
    const Shape *known = NULL;
    bool open = format == DECODE_AUTO && bytes.size > 0 && bytes.data[0] != 0;
    bool object = open && bytes.data[0] == '{';
    if (object && frame_known(decoder, scratch, bytes, &known, &json)) {
        *decoded = (Decoded){0};
        return shaped(known, scratch, json, decoded, err);
    }
    bool framed = object && key_is_framed(scratch, bytes);
    return decode(decoder, open && !framed ? DECODE_STRING : format, scratch, bytes, decoded, err);
}
