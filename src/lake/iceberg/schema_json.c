// SPDX-License-Identifier: Apache-2.0
// Schemas as JSON (Iceberg specification, Appendix C, "Schemas").
#include "core/base/json.h"
#include "lake/iceberg/parts.h"

Slice shape_note(const Shape *shape, const char *name) {
    for (uint32_t i = 0; i < shape->note_count; i++) {
        if (slice_is(shape->notes[i].name, name)) {
            return shape->notes[i].json;
        }
    }
    return (Slice){0};
}

bool shape_is_foreign(const Shape *shape) {
    return shape->kind == SHAPE_BYTES && shape_note(shape, ICEBERG_NOTE_TYPE).data != NULL;
}

void others_write(Slice others, Buf *out) {
    if (others.size > 0) {
        buf_u8(out, ',');
        buf_put(out, others);
    }
}

// --- writing ---------------------------------------------------------------------------------------------------

static const struct {
    ShapeKind kind;
    const char *name;
} PRIMITIVES[] = {
    {SHAPE_BOOL, "boolean"},
    {SHAPE_INT32, "int"},
    {SHAPE_INT64, "long"},
    {SHAPE_FLOAT32, "float"},
    {SHAPE_FLOAT64, "double"},
    {SHAPE_STRING, "string"},
    {SHAPE_BYTES, "binary"},
    {SHAPE_DATE, "date"},
    {SHAPE_TIME, "time"},
    {SHAPE_TIMESTAMP, "timestamp"},
    {SHAPE_TIMESTAMPTZ, "timestamptz"},
    {SHAPE_UUID, "uuid"},
};

static void fields_write(const Shape *shape, Buf *out) {
    buf_text(out, ",\"fields\":[");
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const ShapeField *field = &shape->fields[i];
        buf_text(out, i > 0 ? ",{\"id\":" : "{\"id\":");
        buf_int(out, field->shape.id);
        buf_text(out, ",\"name\":");
        json_quote(out, field->name);
        buf_text(out, field->shape.optional ? ",\"required\":false,\"type\":" : ",\"required\":true,\"type\":");
        iceberg_type_write(&field->shape, out);
        if (field->shape.doc.size > 0) {
            buf_text(out, ",\"doc\":");
            json_quote(out, field->shape.doc);
        }
        static const char *const DEFAULTS[] = {ICEBERG_INITIAL_DEFAULT, ICEBERG_WRITE_DEFAULT};
        for (size_t j = 0; j < ARRAY_LEN(DEFAULTS); j++) {
            Slice json = shape_note(&field->shape, DEFAULTS[j]);
            if (json.size > 0) {
                json_key(out, DEFAULTS[j]);
                buf_put(out, json);
            }
        }
        others_write(shape_note(&field->shape, ICEBERG_NOTE_MEMBERS), out);
        buf_u8(out, '}');
    }
    buf_u8(out, ']');
}

static void list_write(const Shape *shape, Buf *out) {
    buf_text(out, "{\"type\":\"list\",\"element-id\":");
    buf_int(out, shape->element_id);
    buf_text(out, ",\"element\":");
    iceberg_type_write(shape->element, out);
    buf_text(out, shape->element->optional ? ",\"element-required\":false" : ",\"element-required\":true");
}

static void map_write(const Shape *shape, Buf *out) {
    buf_text(out, "{\"type\":\"map\",\"key-id\":");
    buf_int(out, shape->element_id - 1);
    buf_text(out, ",\"key\":\"string\",\"value-id\":");
    buf_int(out, shape->element_id);
    buf_text(out, ",\"value\":");
    iceberg_type_write(shape->element, out);
    buf_text(out, shape->element->optional ? ",\"value-required\":false" : ",\"value-required\":true");
}

void iceberg_type_write(const Shape *shape, Buf *out) {
    Slice foreign = shape_note(shape, ICEBERG_NOTE_TYPE);
    if (shape->kind == SHAPE_BYTES && foreign.data != NULL) {
        buf_put(out, foreign);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(PRIMITIVES); i++) {
        if (PRIMITIVES[i].kind == shape->kind) {
            buf_u8(out, '"');
            buf_text(out, PRIMITIVES[i].name);
            buf_u8(out, '"');
            return;
        }
    }
    if (shape->kind == SHAPE_DECIMAL) {
        buf_printf(out, "\"decimal(%d, %d)\"", shape->precision, shape->scale);
        return;
    }
    if (shape->kind == SHAPE_LIST) {
        list_write(shape, out);
    } else if (shape->kind == SHAPE_MAP) {
        map_write(shape, out);
    } else {
        ASSERT(shape->kind == SHAPE_STRUCT);
        buf_text(out, "{\"type\":\"struct\"");
        fields_write(shape, out);
    }
    others_write(shape_note(shape, ICEBERG_NOTE_TYPE_MEMBERS), out);
    buf_u8(out, '}');
}

void table_schema_write(const TableSchema *schema, Buf *out) {
    buf_text(out, "{\"type\":\"struct\",\"schema-id\":");
    buf_int(out, schema->id);
    if (schema->identifier_count > 0) {
        buf_text(out, ",\"identifier-field-ids\":[");
        for (size_t i = 0; i < schema->identifier_count; i++) {
            if (i > 0) {
                buf_u8(out, ',');
            }
            buf_int(out, schema->identifier_ids[i]);
        }
        buf_u8(out, ']');
    }
    fields_write(schema->shape, out);
    others_write(schema->others, out);
    buf_u8(out, '}');
}

// --- reading types ---------------------------------------------------------------------------------------------

static bool type_in(JsonIn *in, JsonToken first, void *target, Err *err);

static Slice trim(Slice text) {
    while (text.size > 0 && text.data[0] == ' ') {
        text = slice_from(text, 1);
    }
    while (text.size > 0 && text.data[text.size - 1] == ' ') {
        text.size--;
    }
    return text;
}

// What stands between "word(" and ")", or other brackets.
static bool within(Slice text, const char *word, char open, char close, Slice *inner) {
    size_t size = strlen(word);
    if (text.size < size + 2 || memcmp(text.data, word, size) != 0 || text.data[size] != (uint8_t)open ||
        text.data[text.size - 1] != (uint8_t)close) {
        return false;
    }
    *inner = (Slice){text.data + size + 1, text.size - size - 2};
    return true;
}

static bool small_number(Slice text, int32_t max, int32_t *number) {
    text = trim(text);
    int64_t value = 0;
    for (size_t i = 0; i < text.size && i < 12; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *number = (int32_t)value;
    return text.size > 0 && text.size < 11 && value <= max;
}

static bool decimal_type(Slice inner, Shape *shape) {
    const uint8_t *comma = inner.size > 0 ? memchr(inner.data, ',', inner.size) : NULL;
    if (comma == NULL) {
        return false;
    }
    size_t at = (size_t)(comma - inner.data);
    shape->kind = SHAPE_DECIMAL;
    return small_number((Slice){inner.data, at}, 38, &shape->precision) &&
           small_number(slice_from(inner, at + 1), 38, &shape->scale) && shape->precision > 0 &&
           shape->scale <= shape->precision;
}

static void foreign(Arena *arena, Slice json, Shape *shape) {
    ShapeNote *note = ARENA_NEW(arena, ShapeNote);
    *note = (ShapeNote){SLICE(ICEBERG_NOTE_TYPE), json};
    *shape = (Shape){.kind = SHAPE_BYTES, .notes = note, .note_count = 1};
}

// Types that the specification has and shapes do not.
static bool is_foreign_name(Slice name) {
    static const char *const NAMES[] = {"timestamp_ns", "timestamptz_ns", "variant",
                                        "unknown",      "geometry",       "geography"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (slice_is(name, NAMES[i])) {
            return true;
        }
    }
    Slice inner;
    int32_t size = 0;
    return (within(name, "fixed", '[', ']', &inner) && small_number(inner, INT32_MAX, &size)) ||
           within(name, "geometry", '(', ')', &inner) || within(name, "geography", '(', ')', &inner);
}

static bool primitive_in(JsonIn *in, Shape *shape, Err *err) {
    Slice name = in->reader.text, inner;
    for (size_t i = 0; i < ARRAY_LEN(PRIMITIVES); i++) {
        if (slice_is(name, PRIMITIVES[i].name)) {
            *shape = (Shape){.kind = PRIMITIVES[i].kind};
            return true;
        }
    }
    if (within(name, "decimal", '(', ')', &inner)) {
        return decimal_type(inner, shape) || json_in_fail(in, err,
                                                          "no such decimal: precision is 1 to 38, scale at most "
                                                          "the precision");
    }
    if (!is_foreign_name(name)) {
        return json_in_fail(in, err, "unknown type '%.*s'", (int)MIN(name.size, (size_t)60), name.data);
    }
    size_t from = in->reader.token_at;
    foreign(in->arena, (Slice){in->reader.source.data + from, in->reader.at - from}, shape);
    return true;
}

typedef struct FieldIn {
    Shape shape;
    int32_t id;
    bool required;
    Slice name, doc, initial_default, write_default, members;
} FieldIn;

static void note_add(Arena *arena, Shape *shape, const char *name, Slice json) {
    if (json.size == 0) {
        return;
    }
    ShapeNote *notes = ARENA_ARRAY(arena, ShapeNote, shape->note_count + 1);
    if (shape->note_count > 0) {
        memcpy(notes, shape->notes, shape->note_count * sizeof(*notes));
    }
    notes[shape->note_count] = (ShapeNote){slice_of(name), json};
    shape->notes = notes;
    shape->note_count++;
}

static bool field_type_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    return type_in(in, first, &((FieldIn *)target)->shape, err);
}

static bool field_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"id", MEMBER_INT32, true, .offset = offsetof(FieldIn, id)},
        {"name", MEMBER_TEXT, true, .offset = offsetof(FieldIn, name)},
        {"required", MEMBER_BOOL, true, .offset = offsetof(FieldIn, required)},
        {"type", MEMBER_OTHER, true, .read = field_type_in},
        {"doc", MEMBER_TEXT, .offset = offsetof(FieldIn, doc)},
        {ICEBERG_INITIAL_DEFAULT, MEMBER_RAW, .offset = offsetof(FieldIn, initial_default)},
        {ICEBERG_WRITE_DEFAULT, MEMBER_RAW, .offset = offsetof(FieldIn, write_default)},
    };
    FieldIn field = {0};
    TRY(json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), &field, &field.members, err));
    if (field.id < 0) {
        return json_in_fail(in, err, "id is %" PRId32 ": ids are not negative", field.id);
    }
    Shape *shape = &field.shape;
    shape->id = field.id;
    shape->optional = !field.required;
    shape->doc = field.doc;
    note_add(in->arena, shape, ICEBERG_INITIAL_DEFAULT, field.initial_default);
    note_add(in->arena, shape, ICEBERG_WRITE_DEFAULT, field.write_default);
    note_add(in->arena, shape, ICEBERG_NOTE_MEMBERS, field.members);
    *(ShapeField *)target = (ShapeField){.name = field.name, .shape = *shape};
    return true;
}

// The members of all nested types, and of schemas.
typedef struct NestedIn {
    Slice type;
    const ShapeField *fields;
    size_t field_count;
    Shape *key, *value; // of lists: the element
    int32_t key_id, value_id;
    bool value_required;
    bool has_fields, has_value_id, has_required;
    int32_t schema_id;
    const int32_t *identifier_ids;
    size_t identifier_count;
} NestedIn;

static bool boxed_type_in(JsonIn *in, JsonToken first, Shape **shape, Err *err) {
    if (*shape != NULL) {
        return json_in_fail(in, err, "comes twice");
    }
    *shape = ARENA_NEW(in->arena, Shape);
    return type_in(in, first, *shape, err);
}

static bool key_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    return boxed_type_in(in, first, &((NestedIn *)target)->key, err);
}

static bool value_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    return boxed_type_in(in, first, &((NestedIn *)target)->value, err);
}

static bool fields_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    NestedIn *nested = target;
    void *items = NULL;
    TRY(json_in_list(in, first, field_in, sizeof(ShapeField), &items, &nested->field_count, err));
    nested->fields = items;
    nested->has_fields = true;
    return true;
}

static bool value_id_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    NestedIn *nested = target;
    nested->has_value_id = true;
    return json_in_int32_item(in, first, &nested->value_id, err);
}

static bool value_required_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    NestedIn *nested = target;
    nested->has_required = true;
    nested->value_required = first == TOKEN_TRUE;
    return first == TOKEN_TRUE || first == TOKEN_FALSE || json_in_fail(in, err, "is to be a boolean");
}

static const JsonMember NESTED_MEMBERS[] = {
    {"type", MEMBER_TEXT, true, .offset = offsetof(NestedIn, type)},
    {"schema-id", MEMBER_INT32, .offset = offsetof(NestedIn, schema_id)},
    {"identifier-field-ids", MEMBER_LIST, .offset = offsetof(NestedIn, identifier_ids),
     .count_offset = offsetof(NestedIn, identifier_count), .item_size = sizeof(int32_t), .read = json_in_int32_item},
    {"fields", MEMBER_OTHER, .read = fields_in},
    {"element-id", MEMBER_OTHER, .read = value_id_in},
    {"element", MEMBER_OTHER, .read = value_in},
    {"element-required", MEMBER_OTHER, .read = value_required_in},
    {"key-id", MEMBER_INT32, .offset = offsetof(NestedIn, key_id)},
    {"key", MEMBER_OTHER, .read = key_in},
    {"value-id", MEMBER_OTHER, .read = value_id_in},
    {"value", MEMBER_OTHER, .read = value_in},
    {"value-required", MEMBER_OTHER, .read = value_required_in},
};

static bool nested_of(JsonIn *in, const NestedIn *nested, size_t from, Shape *shape, Err *err) {
    bool list = slice_is(nested->type, "list"), map = slice_is(nested->type, "map");
    if (slice_is(nested->type, "struct")) {
        *shape = (Shape){.kind = SHAPE_STRUCT, .fields = nested->fields, .field_count = (uint32_t)nested->field_count};
        return nested->has_fields || json_in_fail(in, err, "fields is missing");
    }
    if (!list && !map) {
        return json_in_fail(in, err, "unknown type '%.*s'", (int)MIN(nested->type.size, (size_t)60), nested->type.data);
    }
    if (nested->value == NULL || !nested->has_value_id || !nested->has_required || (map && nested->key == NULL)) {
        return json_in_fail(in, err, "of a %s %s is missing", list ? "list" : "map",
                            list ? "element-id, element or element-required"
                                 : "key-id, key, value-id, value or value-required");
    }
    bool plain_key = map && nested->key->kind == SHAPE_STRING && nested->value_id - 1 == nested->key_id;
    if (map && !plain_key) {
        foreign(in->arena, (Slice){in->reader.source.data + from, in->reader.at - from}, shape);
        return true;
    }
    nested->value->optional = !nested->value_required;
    nested->value->id = nested->value_id;
    *shape = (Shape){.kind = list ? SHAPE_LIST : SHAPE_MAP, .element = nested->value, .element_id = nested->value_id};
    return true;
}

// Of a field, element, key or value; id and `optional` are the caller's.
static bool type_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    if (first == TOKEN_TEXT) {
        return primitive_in(in, target, err);
    }
    NestedIn nested = {0};
    Slice members;
    size_t from = in->reader.token_at;
    TRY(json_in_struct(in, first, NESTED_MEMBERS, ARRAY_LEN(NESTED_MEMBERS), &nested, &members, err));
    TRY(nested_of(in, &nested, from, target, err));
    if (!shape_is_foreign(target)) {
        note_add(in->arena, target, ICEBERG_NOTE_TYPE_MEMBERS, members);
    }
    return true;
}

bool table_schema_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    TableSchema *schema = target;
    NestedIn nested = {0};
    TRY(json_in_struct(in, first, NESTED_MEMBERS, ARRAY_LEN(NESTED_MEMBERS), &nested, &schema->others, err));
    Shape *shape = ARENA_NEW(in->arena, Shape);
    TRY(nested_of(in, &nested, 0, shape, err));
    if (shape->kind != SHAPE_STRUCT) {
        return json_in_fail(in, err, "a schema's type is to be struct");
    }
    schema->id = nested.schema_id;
    schema->shape = shape;
    schema->identifier_ids = nested.identifier_ids;
    schema->identifier_count = nested.identifier_count;
    Err wrong[1] = {{0}};
    return table_schema_check(schema, wrong) || json_in_fail(in, err, "%s", wrong->message);
}

bool table_schema_parse(Slice json, Arena *arena, TableSchema *schema, Err *err) {
    JsonIn in[1];
    JsonToken token;
    *schema = (TableSchema){0};
    json_in_init(in, "schema", json, arena);
    TRY(json_in_token(in, &token, err));
    TRY(table_schema_in(in, token, schema, err));
    return json_in_end(in, err);
}
