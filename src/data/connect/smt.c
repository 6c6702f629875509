// SPDX-License-Identifier: Apache-2.0
#include "data/connect/smt.h"

#include "core/base/decimal.h"
#include "core/base/json.h"
#include "data/connect/json_converter.h"
#include "data/connect/notes.h"
#include "data/format/float_text.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <strings.h>

const Shape SMT_STRING = {.kind = SHAPE_STRING};
const Shape SMT_STRING_OPTIONAL = {.kind = SHAPE_STRING, .optional = true};
const Shape SMT_BYTES_OPTIONAL = {.kind = SHAPE_BYTES, .optional = true};

enum { TEXTS_MAX = 4096, SHAPES_MAX = 65536 };

// --- the part in work ------------------------------------------------------------------------------------------

Value *smt_struct_new(Arena *scratch, const Shape *shape, Value **items) {
    Value *room = ARENA_ARRAY(scratch, Value, (size_t)shape->field_count + 1);
    *room = (Value){.kind = VALUE_STRUCT, .items = {room + 1, shape->field_count}};
    *items = room + 1;
    return room;
}

Value *smt_value_new(Arena *scratch, Value value) {
    Value *copy = ARENA_NEW(scratch, Value);
    *copy = value;
    return copy;
}

bool smt_require_struct(const Smt *smt, const ConnectRecord *record, const char *purpose, Err *err) {
    const Shape *shape = smt_shape(smt, record);
    const Value *value = smt_value(smt, record);
    if (value != NULL && shape != NULL && shape->kind == SHAPE_STRUCT && value->kind == VALUE_STRUCT) {
        return true;
    }
    return FAIL(err, ERR_VALUE, "%s needs a struct, and the %s is %s", purpose, smt->on_key ? "key" : "value",
                value == NULL   ? "null"
                : shape == NULL ? "a value without schema"
                                : shape_kind_name(shape->kind));
}

Value smt_or_default(Arena *scratch, const Shape *shape, const Value *value, bool replace) {
    if (LIKELY(value->kind != VALUE_NULL) || !replace || shape->note_count == 0) {
        return *value;
    }
    return smt_json_value(scratch, shape, connect_note(shape, "connect.default"));
}

static Slice base64_bytes(Arena *arena, const char *text, size_t size) {
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *bytes = arena_alloc(arena, size / 4 * 3 + 3);
    size_t count = 0;
    uint32_t group = 0, bits = 0;
    for (size_t i = 0; i < size && text[i] != '='; i++) {
        const char *digit = memchr(DIGITS, text[i], 64);
        if (digit == NULL) {
            continue;
        }
        group = group << 6 | (uint32_t)(digit - DIGITS);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[count++] = (uint8_t)(group >> bits);
        }
    }
    return (Slice){bytes, count};
}

__extension__ typedef unsigned __int128 Unsigned128;

static Int128 unscaled(Slice bytes) {
    Int128 units = bytes.size > 0 && (bytes.data[0] & 0x80) != 0 ? -1 : 0;
    for (size_t i = 0; i < bytes.size; i++) {
        units = (Int128)((Unsigned128)units << 8 | bytes.data[i]);
    }
    return units;
}

bool smt_decimal(Arena *arena, const Shape *shape, const Value *value, Slice *decimal) {
    if (shape->kind == SHAPE_DECIMAL && value->kind == VALUE_DECIMAL) {
        *decimal = value->bytes;
        return true;
    }
    if (shape->kind != SHAPE_BYTES || value->kind != VALUE_BYTES ||
        !smt_named(shape, "org.apache.kafka.connect.data.Decimal") || value->bytes.size > 16 || shape->scale > 38) {
        return false;
    }
    *decimal = decimal_from_int128(arena, unscaled(value->bytes), (uint32_t)shape->scale);
    return true;
}

static Value json_scalar(Arena *arena, const Shape *shape, json_t *json) {
    bool text = json_is_string(json);
    Slice bytes = text ? arena_slice(arena, (Slice){(const uint8_t *)json_string_value(json), json_string_length(json)})
                       : (Slice){0};
    switch (shape->kind) {
    case SHAPE_BOOL:
        return json_is_boolean(json) ? value_bool(json_is_true(json)) : (Value){.kind = VALUE_NULL};
    case SHAPE_INT32:
    case SHAPE_INT64:
        return json_is_integer(json) ? value_int(json_integer_value(json)) : (Value){.kind = VALUE_NULL};
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64: {
        Value real = {.kind = shape->kind == SHAPE_FLOAT32 ? VALUE_FLOAT32 : VALUE_FLOAT64};
        real.real = json_number_value(json);
        return json_is_number(json) ? real : (Value){.kind = VALUE_NULL};
    }
    case SHAPE_STRING:
        return text ? value_bytes(VALUE_STRING, bytes) : (Value){.kind = VALUE_NULL};
    case SHAPE_BYTES:
        return text ? value_bytes(VALUE_BYTES, base64_bytes(arena, (const char *)bytes.data, bytes.size))
                    : (Value){.kind = VALUE_NULL};
    case SHAPE_DECIMAL:
        bytes = text ? base64_bytes(arena, (const char *)bytes.data, bytes.size) : (Slice){0};
        return text && bytes.size <= 16
                   ? value_bytes(VALUE_DECIMAL, decimal_from_int128(arena, unscaled(bytes), (uint32_t)shape->scale))
                   : (Value){.kind = VALUE_NULL};
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
    case SHAPE_UUID:
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
        break; // no default of these is ever made
    }
    return (Value){.kind = VALUE_NULL};
}

Value smt_json_value(Arena *arena, const Shape *shape, Slice json) {
    json_t *root =
        json.size == 0 ? NULL : json_loadb((const char *)json.data, json.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    Value value = root == NULL ? (Value){.kind = VALUE_NULL} : json_scalar(arena, shape, root);
    json_decref(root);
    return value;
}

// --- options ---------------------------------------------------------------------------------------------------

Slice smt_text(const Smt *smt, const char *name, const char *otherwise) {
    const Property *found = properties_find(&smt->options, slice_of(name));
    if (found != NULL && found->value.data != NULL) {
        return found->value;
    }
    return otherwise == NULL ? (Slice){0} : slice_of(otherwise);
}

bool smt_option_failed(const Smt *smt, const char *name, Err *err, const char *format, ...) {
    char reason[320];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    return FAIL(err, ERR_OPTION, "%s%s: %s", smt->prefix, name, reason);
}

bool smt_required(const Smt *smt, const char *name, Slice *text, Err *err) {
    *text = smt_text(smt, name, NULL);
    return text->data != NULL || smt_option_failed(smt, name, err, "it must be given, and it is not");
}

static bool same_word(Slice text, Slice word) {
    return text.size == word.size && strncasecmp((const char *)text.data, (const char *)word.data, word.size) == 0;
}

bool smt_choice(const Smt *smt, const char *name, const char *otherwise, const char *choices, int *choice, Err *err) {
    Slice text = slice_trim(smt_text(smt, name, otherwise), SLICE_BLANKS);
    size_t count = 0;
    Slice *words = properties_list(smt->arena, slice_of(choices), &count);
    for (size_t i = 0; i < count; i++) {
        if (same_word(text, words[i])) {
            *choice = (int)i;
            return true;
        }
    }
    return smt_option_failed(smt, name, err, "\"%.*s\" is none of %s", (int)MIN(text.size, 60), (const char *)text.data,
                             choices);
}

bool smt_bool(const Smt *smt, const char *name, bool otherwise, bool *value, Err *err) {
    int choice = 0;
    TRY(smt_choice(smt, name, otherwise ? "true" : "false", "false,true", &choice, err));
    *value = choice == 1;
    return true;
}

bool smt_regex(const Smt *smt, const char *name, const char *otherwise, Regex **regex, Err *err) {
    Slice text = smt_text(smt, name, otherwise);
    if (text.data == NULL) {
        return smt_option_failed(smt, name, err, "it must be given, and it is not");
    }
    const char *option = arena_printf(smt->arena, "%s%s", smt->prefix, name);
    return regex_new(text, 0, option, regex, err);
}

bool smt_replacement(const Smt *smt, const char *name, const Regex *regex, Slice replacement, Err *err) {
    return regex_replacement_valid(regex, replacement, arena_printf(smt->arena, "%s%s", smt->prefix, name), err);
}

SmtList smt_list(const Smt *smt, const char *name) {
    SmtList list = {0};
    Slice text = smt_text(smt, name, "");
    list.at = properties_list(smt->arena, text, &list.count);
    return list;
}

bool smt_list_has(const SmtList *list, Slice name) {
    for (size_t i = 0; i < list->count; i++) {
        if (slice_equal(list->at[i], name)) {
            return true;
        }
    }
    return false;
}

// --- plans -----------------------------------------------------------------------------------------------------

void smt_plan_keep(Smt *smt, const void *from, void *plan) {
    map_put_u64(&smt->plans, (uint64_t)(uintptr_t)from, plan);
    smt->last_from = from;
    smt->last_plan = plan;
}

void smt_texts_init(SmtTexts *texts) {
    arena_init_small(&texts->arena, "topics", 4096);
    texts->map = (Map){0};
}

void smt_texts_release(SmtTexts *texts) {
    map_release(&texts->map);
    arena_release(&texts->arena);
}

bool smt_topic_replaced(SmtTexts *texts, Arena *scratch, Regex *regex, Slice replacement, Slice topic,
                        Slice *replaced) {
    const Slice *known = map_find(&texts->map, topic);
    if (UNLIKELY(known == NULL)) {
        Buf buf;
        buf_init(&buf, 0);
        bool matches = regex_replace(regex, topic, replacement, &buf), room = texts->map.count < TEXTS_MAX;
        Arena *arena = room ? &texts->arena : scratch;
        Slice *made = ARENA_NEW(arena, Slice);
        *made = matches ? arena_slice(arena, buf_slice(&buf)) : (Slice){0};
        buf_release(&buf);
        if (room) {
            map_put(&texts->map, topic, made);
        }
        known = made;
    }
    *replaced = *known;
    return known->data != NULL;
}

// --- shapes ----------------------------------------------------------------------------------------------------

void smt_note_set(Arena *arena, Shape *shape, const char *name, Slice json) {
    ShapeNote *notes = ARENA_ARRAY(arena, ShapeNote, (size_t)shape->note_count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < shape->note_count; i++) {
        if (!slice_is(shape->notes[i].name, name)) {
            notes[count++] = shape->notes[i];
        }
    }
    if (json.size > 0) {
        notes[count++] = (ShapeNote){slice_of(name), json};
    }
    shape->notes = notes;
    shape->note_count = count;
}

void smt_name_set(Arena *arena, Shape *shape, Slice name) {
    smt_note_set(arena, shape, "connect.name", name.size > 0 ? connect_quoted(arena, name) : (Slice){0});
    shape->name = shape->kind == SHAPE_STRUCT ? arena_slice(arena, name) : (Slice){0};
}

// Names with characters that JSON escapes are a table's, and a struct's: those have them in the shape.
Slice smt_name(const Shape *shape) {
    if (shape->kind == SHAPE_STRUCT && shape->name.size > 0) {
        return shape->name;
    }
    Slice json = connect_note(shape, "connect.name");
    return json.size >= 2 ? (Slice){json.data + 1, json.size - 2} : (Slice){0};
}

bool smt_named(const Shape *shape, const char *name) {
    return slice_is(smt_name(shape), name);
}

Shape smt_basics(Arena *arena, const Shape *from) {
    Shape shape = *from;
    shape.optional = false;
    smt_note_set(arena, &shape, "connect.default", (Slice){0});
    return shape;
}

Shape smt_basics_with(Arena *arena, const Shape *from, const ShapeField *fields, uint32_t count) {
    Shape shape = smt_basics(arena, from);
    shape.fields = fields;
    shape.field_count = count;
    return shape;
}

bool smt_shape_shared(Smt *smt, Map *shapes, const Shape *made, const Shape **shared, Err *err) {
    Buf text;
    buf_init(&text, 0);
    json_converter_schema(&text, made);
    Shape *known = map_find(shapes, buf_slice(&text));
    bool room = shapes->count < SHAPES_MAX;
    if (known == NULL && room) {
        known = ARENA_NEW(smt->arena, Shape);
        *known = shape_copy(smt->arena, made);
        map_put(shapes, buf_slice(&text), known);
    }
    buf_release(&text);
    *shared = known;
    return known != NULL || FAIL(err, ERR_MEMORY, "payloads have more than %d different shapes", SHAPES_MAX);
}

const Shape *smt_shape_keep(Arena *arena, Shape shape) {
    Shape *kept = ARENA_NEW(arena, Shape);
    *kept = shape;
    return kept;
}

// The default of bytes has another form in a field, which needs memory: such a field has none in files of Avro.
ShapeField smt_field(Slice name, const Shape *shape) {
    bool bytes = shape->kind == SHAPE_BYTES || shape->kind == SHAPE_DECIMAL;
    Slice by_default = bytes ? (Slice){0} : connect_note(shape, "connect.default");
    return (ShapeField){.name = name,
                        .shape = *shape,
                        .default_json = by_default.size > 0 ? by_default
                                        : shape->optional   ? SLICE("null")
                                                            : (Slice){0}};
}

int smt_int_bits(const Shape *shape) {
    Slice type = connect_note(shape, "connect.type");
    return slice_is(type, "\"int8\"") ? 8 : slice_is(type, "\"int16\"") ? 16 : 32;
}

bool smt_fits(const Shape *shape, const Value *value) {
    static const uint8_t KINDS[] = {
        [SHAPE_BOOL] = VALUE_FALSE,      [SHAPE_INT32] = VALUE_INT,           [SHAPE_INT64] = VALUE_INT,
        [SHAPE_FLOAT32] = VALUE_FLOAT32, [SHAPE_FLOAT64] = VALUE_FLOAT64,     [SHAPE_DECIMAL] = VALUE_DECIMAL,
        [SHAPE_STRING] = VALUE_STRING,   [SHAPE_BYTES] = VALUE_BYTES,         [SHAPE_DATE] = VALUE_DATE,
        [SHAPE_TIME] = VALUE_TIME,       [SHAPE_TIMESTAMP] = VALUE_TIMESTAMP, [SHAPE_TIMESTAMPTZ] = VALUE_TIMESTAMPTZ,
        [SHAPE_UUID] = VALUE_UUID,       [SHAPE_LIST] = VALUE_LIST,           [SHAPE_STRUCT] = VALUE_STRUCT,
        [SHAPE_MAP] = VALUE_MAP,
    };
    return value->kind == KINDS[shape->kind] || (shape->kind == SHAPE_BOOL && value->kind == VALUE_TRUE);
}

bool smt_is_envelope(const Shape *shape) {
    static const char SUFFIX[] = ".Envelope";
    Slice name = shape == NULL || shape->kind != SHAPE_STRUCT ? (Slice){0} : smt_name(shape);
    return name.size >= sizeof(SUFFIX) - 1 &&
           memcmp(name.data + name.size - (sizeof(SUFFIX) - 1), SUFFIX, sizeof(SUFFIX) - 1) == 0;
}

// --- headers ---------------------------------------------------------------------------------------------------

void smt_header_add(Arena *scratch, ConnectRecord *record, ConnectHeader header) {
    ConnectHeader *headers = ARENA_ARRAY(scratch, ConnectHeader, record->header_count + 1);
    if (record->header_count > 0) {
        memcpy(headers, record->headers, record->header_count * sizeof(*headers));
    }
    headers[record->header_count] = header;
    record->headers = headers;
    record->header_count++;
}

const ConnectHeader *smt_header_find(const ConnectRecord *record, Slice name) {
    for (size_t i = record->header_count; i-- > 0;) {
        if (slice_equal(record->headers[i].name, name)) {
            return &record->headers[i];
        }
    }
    return NULL;
}

// --- texts of values -------------------------------------------------------------------------------------------

// The digits, without sign, point and zeros around them, and the power of ten of the first.
static size_t shortest_digits(double number, bool single, char digits[32], int *power) {
    uint8_t room[48];
    Buf text = {.data = room, .capacity = sizeof(room) - 1, .limit = sizeof(room) - 1};
    if (single) {
        float32_text(&text, (float)number);
    } else {
        float64_text(&text, number);
    }
    room[text.size] = '\0';
    size_t count = 0;
    int exponent = 0, before = 0;
    bool point = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = (char)room[i];
        if (c == 'e') {
            exponent = (int)strtol((const char *)room + i + 1, NULL, 10);
            break;
        }
        point |= c == '.';
        if (isdigit((uint8_t)c) && (count > 0 || c != '0')) {
            digits[count++] = c;
            before += !point;
        } else if (isdigit((uint8_t)c) && point) {
            before--;
        }
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    *power = before - 1 + exponent;
    return count;
}

static void put_plain(Buf *buf, const char *digits, size_t count, int power) {
    if (power < 0) {
        buf_text(buf, "0.");
        for (int i = -1; i > power; i--) {
            buf_u8(buf, '0');
        }
        buf_bytes(buf, digits, count);
        return;
    }
    for (int i = 0; i <= power || i < (int)count; i++) {
        if (i == power + 1) {
            buf_u8(buf, '.');
        }
        buf_u8(buf, i < (int)count ? (uint8_t)digits[i] : '0');
    }
    if ((int)count <= power + 1) {
        buf_text(buf, ".0");
    }
}

void smt_real_text(Buf *buf, double number, bool single) {
    if (isnan(number) || isinf(number)) {
        buf_text(buf, isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
        return;
    }
    buf_text(buf, signbit(number) ? "-" : "");
    if (number == 0) {
        buf_text(buf, "0.0");
        return;
    }
    char digits[32];
    int power = 0;
    size_t count = shortest_digits(number, single, digits, &power);
    if (power >= -3 && power < 7) {
        put_plain(buf, digits, count, power);
        return;
    }
    buf_u8(buf, (uint8_t)digits[0]);
    buf_u8(buf, '.');
    buf_bytes(buf, count > 1 ? digits + 1 : "0", count > 1 ? count - 1 : 1);
    buf_u8(buf, 'E');
    buf_int(buf, power);
}

void smt_decimal_text(Buf *buf, Slice decimal) {
    uint16_t scale = load_u16be(decimal.data + 6);
    size_t start = buf->size;
    decimal_text(buf, decimal);
    if (scale <= 6 || buf->overflow) {
        return;
    }
    // Java writes an exponent where six zeros or more would follow the point.
    Buf units;
    buf_init(&units, 0);
    bool negative = buf->data[start] == '-';
    for (size_t i = start; i < buf->size; i++) {
        if (isdigit(buf->data[i]) && (units.size > 0 || buf->data[i] != '0')) {
            buf_u8(&units, buf->data[i]);
        }
    }
    if (units.size == 0) {
        buf_u8(&units, '0');
    }
    int power = (int)units.size - 1 - scale;
    if (power < -6) {
        buf->size = start;
        buf_text(buf, negative ? "-" : "");
        buf_u8(buf, units.data[0]);
        if (units.size > 1) {
            buf_u8(buf, '.');
            buf_bytes(buf, units.data + 1, units.size - 1);
        }
        buf_printf(buf, "E%d", power);
    }
    buf_release(&units);
}
