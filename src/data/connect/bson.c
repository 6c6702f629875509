// SPDX-License-Identifier: Apache-2.0
#include "data/connect/bson.h"

#include "core/base/calendar.h"
#include "data/connect/java_text.h"
#include "data/connect/json_tree.h"
#include "data/connect/temporal.h"

#include <ctype.h>
#include <strings.h>

// What an object with a name of this kind in front means. False: not that after all.
typedef struct Typed {
    const char *name;
    BsonKind kind;
    bool (*read)(Arena *arena, const JsonNode *object, BsonNode *to);
} Typed;

static bool convert(Arena *arena, const JsonNode *from, BsonNode *to, Err *err);

// --- scalars ---------------------------------------------------------------------------------------------------

static const JsonNode *only(const JsonNode *object, JsonToken kind) {
    return object->count == 1 && object->first->kind == kind ? object->first : NULL;
}

static bool put_text(const JsonNode *object, BsonNode *to) {
    const JsonNode *text = only(object, TOKEN_TEXT);
    to->value = text != NULL ? value_bytes(VALUE_STRING, text->text) : (Value){.kind = VALUE_NULL};
    return text != NULL;
}

static bool read_code(Arena *arena, const JsonNode *object, BsonNode *to) {
    return put_text(object, to);
}

static bool read_object_id(Arena *arena, const JsonNode *object, BsonNode *to) {
    enum { DIGITS = 24 };
    if (!put_text(object, to)) {
        return false;
    }
    Slice text = to->value.bytes;
    uint8_t *digits = ARENA_ARRAY(arena, uint8_t, DIGITS);
    for (size_t i = 0; text.size == DIGITS && i < DIGITS; i++) {
        digits[i] = (uint8_t)tolower(text.data[i]);
        if (!isxdigit(digits[i])) {
            return false;
        }
    }
    to->value.bytes = (Slice){digits, DIGITS};
    return text.size == DIGITS;
}

static bool integer_within(const JsonNode *node, int64_t least, int64_t most, int64_t *integer) {
    if (node->kind == TOKEN_TEXT) {
        return text_int(node->text, integer) && *integer >= least && *integer <= most;
    }
    return node->kind == TOKEN_NUMBER && json_node_int64(node, integer) && *integer >= least && *integer <= most;
}

static bool read_integer(const JsonNode *object, int64_t least, int64_t most, BsonNode *to) {
    int64_t integer = 0;
    if (!(object->count == 1 && integer_within(object->first, least, most, &integer))) {
        return false;
    }
    to->value = value_int(integer);
    return true;
}

static bool read_int32(Arena *arena, const JsonNode *object, BsonNode *to) {
    return read_integer(object, INT32_MIN, INT32_MAX, to);
}

static bool read_int64(Arena *arena, const JsonNode *object, BsonNode *to) {
    return read_integer(object, INT64_MIN, INT64_MAX, to);
}

static bool read_double(Arena *arena, const JsonNode *object, BsonNode *to) {
    to->value = (Value){.kind = VALUE_FLOAT64};
    const JsonNode *text = only(object, TOKEN_TEXT), *number = only(object, TOKEN_NUMBER);
    if (number != NULL) {
        to->value.real = json_node_real(number);
    }
    return number != NULL || (text != NULL && text_real(text->text, &to->value.real));
}

// Milliseconds since 1970, as a number, a text of it, or a text with date, time and zone.
static bool read_date(Arena *arena, const JsonNode *object, BsonNode *to) {
    const JsonNode *date = object->count == 1 ? object->first : NULL;
    int64_t ms = 0, micros = 0;
    if (date != NULL && date->kind == TOKEN_OBJECT && date->count == 1 && slice_is(date->first->name, "$numberLong")) {
        date = date->first;
    }
    if (date == NULL || !integer_within(date, INT64_MIN, INT64_MAX, &ms)) {
        if (!(date != NULL && date->kind == TOKEN_TEXT && text_timestamp(date->text, true, &micros))) {
            return false;
        }
        ms = calendar_ms(micros + CALENDAR_1970_US);
    }
    to->value = value_int(ms);
    return true;
}

static bool read_timestamp(Arena *arena, const JsonNode *object, BsonNode *to) {
    const JsonNode *inner = only(object, TOKEN_OBJECT), *t = inner != NULL ? json_node_find(inner, "t") : NULL;
    int64_t seconds = 0;
    if (!(t != NULL && integer_within(t, INT32_MIN, UINT32_MAX, &seconds))) {
        return false;
    }
    to->value = value_int((int64_t)(int32_t)seconds * 1000); // the original's clock ends in 2038
    return true;
}

// {"$binary":{"base64":…,"subType":…}}, of old {"$binary":…,"$type":…}
static bool read_binary(Arena *arena, const JsonNode *object, BsonNode *to) {
    const JsonNode *binary = json_node_find(object, "$binary");
    if (binary != NULL && binary->kind == TOKEN_OBJECT && object->count == 1) {
        binary = json_node_find(binary, "base64");
    }
    Slice bytes = {0};
    if (!(binary != NULL && binary->kind == TOKEN_TEXT && text_base64(arena, binary->text, &bytes))) {
        return false;
    }
    to->value = value_bytes(VALUE_BYTES, bytes);
    return true;
}

static bool read_uuid(Arena *arena, const JsonNode *object, BsonNode *to) {
    enum { UUID_BYTES = 16 };
    const JsonNode *text = only(object, TOKEN_TEXT);
    uint8_t *bytes = ARENA_ARRAY(arena, uint8_t, UUID_BYTES);
    if (!(text != NULL && text_uuid(text->text, bytes))) {
        return false;
    }
    to->value = value_bytes(VALUE_BYTES, (Slice){bytes, UUID_BYTES});
    return true;
}

// --- decimals --------------------------------------------------------------------------------------------------

typedef struct Decimal {
    bool negative;
    Slice digits; // without zeros in front, at least one
    int64_t exponent;
} Decimal;

// [+-]digits[.digits][E[+-]digits]
static bool decimal_scan(Arena *arena, Slice text, Decimal *decimal) {
    enum { EXPONENT_MAX = 100000 };
    uint8_t *digits = ARENA_ARRAY(arena, uint8_t, text.size + 1);
    size_t at = 0, count = 0, seen = 0;
    bool point = false;
    *decimal = (Decimal){.negative = text.size > 0 && text.data[0] == '-'};
    at += text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    for (; at < text.size && (isdigit(text.data[at]) || (text.data[at] == '.' && !point)); at++) {
        if (text.data[at] == '.') {
            point = true;
            continue;
        }
        seen++;
        decimal->exponent -= point;
        if (count > 0 || text.data[at] != '0') {
            digits[count++] = text.data[at];
        }
    }
    if (count == 0) {
        digits[count++] = '0';
    }
    decimal->digits = (Slice){digits, count};
    if (at < text.size && (text.data[at] | 0x20) == 'e') {
        int64_t power = 0;
        at++;
        at += at < text.size && text.data[at] == '+';
        if (!(text_int(slice_from(text, at), &power) && power > -EXPONENT_MAX && power < EXPONENT_MAX)) {
            return false;
        }
        decimal->exponent += power;
        at = text.size;
    }
    return seen > 0 && at == text.size;
}

// Plain where the exponent is none and there are few zeros behind the point, else with one digit before it.
static void decimal_write(Buf *out, const Decimal *decimal) {
    int64_t count = (int64_t)decimal->digits.size, point = count + decimal->exponent, top = point - 1;
    buf_text(out, decimal->negative ? "-" : "");
    if (decimal->exponent > 0 || top < -6) {
        buf_u8(out, decimal->digits.data[0]);
        buf_text(out, count > 1 ? "." : "");
        buf_put(out, slice_from(decimal->digits, 1));
        buf_printf(out, "E%s%" PRId64, top >= 0 ? "+" : "", top);
        return;
    }
    buf_text(out, point <= 0 ? "0." : "");
    for (int64_t i = point; i < 0; i++) {
        buf_u8(out, '0');
    }
    for (int64_t i = 0; i < count; i++) {
        buf_text(out, i > 0 && i == point ? "." : "");
        buf_u8(out, decimal->digits.data[i]);
    }
}

// As Decimal128's toString: IEEE 754's scientific form, 34 digits.
static bool read_decimal(Arena *arena, const JsonNode *object, BsonNode *to) {
    enum { DIGITS_MAX = 34 };
    static const char *const WORDS[][2] = {{"nan", "NaN"},
                                           {"inf", "Infinity"},
                                           {"infinity", "Infinity"},
                                           {"+inf", "Infinity"},
                                           {"+infinity", "Infinity"},
                                           {"-inf", "-Infinity"},
                                           {"-infinity", "-Infinity"}};
    if (!put_text(object, to)) {
        return false;
    }
    Slice text = to->value.bytes;
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (text.size == strlen(WORDS[i][0]) && strncasecmp((const char *)text.data, WORDS[i][0], text.size) == 0) {
            to->value.bytes = slice_of(WORDS[i][1]);
            return true;
        }
    }
    Decimal decimal;
    if (!(decimal_scan(arena, text, &decimal) && decimal.digits.size <= DIGITS_MAX)) {
        return false;
    }
    DEFER(buf_release) Buf out = {0};
    buf_init(&out, 0);
    decimal_write(&out, &decimal);
    to->value.bytes = arena_slice(arena, buf_slice(&out));
    return true;
}

// --- what has parts --------------------------------------------------------------------------------------------

static bool put_regex(const JsonNode *pattern, const JsonNode *options, BsonNode *to) {
    if (!(pattern != NULL && options != NULL && pattern->kind == TOKEN_TEXT && options->kind == TOKEN_TEXT)) {
        return false;
    }
    to->value = value_bytes(VALUE_STRING, pattern->text);
    to->options = options->text;
    return true;
}

static bool read_regex(Arena *arena, const JsonNode *object, BsonNode *to) {
    const JsonNode *inner = only(object, TOKEN_OBJECT);
    return inner != NULL && inner->count == 2 &&
           put_regex(json_node_find(inner, "pattern"), json_node_find(inner, "options"), to);
}

static bool read_old_regex(Arena *arena, const JsonNode *object, BsonNode *to) {
    return object->count == 2 && put_regex(json_node_find(object, "$regex"), json_node_find(object, "$options"), to);
}

static bool read_other(Arena *arena, const JsonNode *object, BsonNode *to) {
    return object->count == 1;
}

static bool convert_all(Arena *arena, const JsonNode *from, BsonNode *to, Err *err) {
    BsonNode *last = NULL;
    for (const JsonNode *at = from->first; at != NULL; at = at->next) {
        BsonNode *made = ARENA_NEW(arena, BsonNode);
        TRY(convert(arena, at, made, err));
        if (last == NULL) {
            to->first = made;
        } else {
            last->next = made;
        }
        last = made;
        to->count++;
    }
    return true;
}

static bool convert_scoped(Arena *arena, const JsonNode *object, BsonNode *to, bool *found, Err *err) {
    const JsonNode *code = json_node_find(object, "$code"), *scope = json_node_find(object, "$scope");
    *found =
        object->count == 2 && code != NULL && scope != NULL && code->kind == TOKEN_TEXT && scope->kind == TOKEN_OBJECT;
    if (!*found) {
        return true;
    }
    to->kind = BSON_CODE_WITH_SCOPE;
    to->value = value_bytes(VALUE_STRING, code->text);
    return convert_all(arena, scope, to, err);
}

static const Typed TYPED[] = {
    {"$oid", BSON_OBJECT_ID, read_object_id},
    {"$numberInt", BSON_INT32, read_int32},
    {"$numberLong", BSON_INT64, read_int64},
    {"$numberDouble", BSON_DOUBLE, read_double},
    {"$numberDecimal", BSON_DECIMAL, read_decimal},
    {"$date", BSON_DATE, read_date},
    {"$timestamp", BSON_TIMESTAMP, read_timestamp},
    {"$binary", BSON_BINARY, read_binary},
    {"$uuid", BSON_BINARY, read_uuid},
    {"$code", BSON_CODE, read_code},
    {"$regularExpression", BSON_REGEX, read_regex},
    {"$symbol", BSON_OTHER, read_other},
    {"$undefined", BSON_OTHER, read_other},
    {"$minKey", BSON_OTHER, read_other},
    {"$maxKey", BSON_OTHER, read_other},
    {"$dbPointer", BSON_OTHER, read_other},
};

static bool convert_object(Arena *arena, const JsonNode *from, BsonNode *to, Err *err) {
    bool found = false;
    TRY(convert_scoped(arena, from, to, &found, err));
    if (found) {
        return true;
    }
    for (size_t i = 0; from->first != NULL && i < ARRAY_LEN(TYPED); i++) {
        if (slice_is(from->first->name, TYPED[i].name)) {
            to->kind = TYPED[i].kind;
            return TYPED[i].read(arena, from, to) ||
                   FAIL(err, ERR_VALUE, "the document has no valid %s", TYPED[i].name);
        }
    }
    // What looks like an operator of a query may be a plain document.
    bool binary = from->count == 2 && json_node_find(from, "$type") != NULL && read_binary(arena, from, to);
    bool regex = !binary && read_old_regex(arena, from, to);
    to->kind = binary ? BSON_BINARY : regex ? BSON_REGEX : BSON_DOCUMENT;
    return binary || regex || convert_all(arena, from, to, err);
}

static bool convert_number(const JsonNode *from, BsonNode *to, Err *err) {
    int64_t integer = 0;
    if (!json_node_integer(from)) {
        to->kind = BSON_DOUBLE;
        to->value = (Value){.kind = VALUE_FLOAT64, .real = json_node_real(from)};
        return true;
    }
    if (!json_node_int64(from, &integer)) {
        return FAIL(err, ERR_VALUE, "the document has an integer of more than 64 bits");
    }
    to->kind = integer == (int32_t)integer ? BSON_INT32 : BSON_INT64;
    to->value = value_int(integer);
    return true;
}

// The depth is bounded by the reader's.
static bool convert(Arena *arena, const JsonNode *from, BsonNode *to, Err *err) {
    *to = (BsonNode){.kind = BSON_NULL, .name = from->name};
    if (from->kind == TOKEN_OBJECT) {
        return convert_object(arena, from, to, err);
    }
    if (from->kind == TOKEN_ARRAY) {
        to->kind = BSON_ARRAY;
        return convert_all(arena, from, to, err);
    }
    if (from->kind == TOKEN_NUMBER) {
        return convert_number(from, to, err);
    }
    if (from->kind == TOKEN_TEXT) {
        to->kind = BSON_STRING;
        to->value = value_bytes(VALUE_STRING, from->text);
    } else if (from->kind != TOKEN_NULL) {
        to->kind = BSON_BOOLEAN;
        to->value = value_bool(from->kind == TOKEN_TRUE);
    }
    return true;
}

// --- documents -------------------------------------------------------------------------------------------------

bool bson_document(Arena *arena, Slice json, BsonNode **document, Err *err) {
    JsonNode *root = NULL;
    TRY(json_tree(arena, json, &root, err));
    BsonNode *made = *document = ARENA_NEW(arena, BsonNode);
    TRY(convert(arena, root, made, err));
    return made->kind == BSON_DOCUMENT || FAIL(err, ERR_VALUE, "the text is no document of MongoDB");
}

BsonNode *bson_find(const BsonNode *document, Slice name) {
    BsonNode *member = document->first;
    while (member != NULL && !slice_equal(member->name, name)) {
        member = member->next;
    }
    return member;
}

void bson_put(BsonNode *document, BsonNode *member) {
    BsonNode **at = &document->first;
    while (*at != NULL && !slice_equal((*at)->name, member->name)) {
        at = &(*at)->next;
    }
    document->count += *at == NULL;
    member->next = *at == NULL ? NULL : (*at)->next;
    *at = member;
}

void bson_remove(BsonNode *document, Slice name) {
    for (BsonNode **at = &document->first; *at != NULL; at = &(*at)->next) {
        if (slice_equal((*at)->name, name)) {
            *at = (*at)->next;
            document->count--;
            return;
        }
    }
}
