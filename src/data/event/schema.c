// SPDX-License-Identifier: Apache-2.0
#include "data/event/schema.h"

// Bytes of a schema: u8 version, sized space, sized table, u8 identity, v columns, then per column sized name, type,
// v flags, v key_ordinal, from version 2 on sized default_text, from version 3 on sized comment; from version 3 on then
// the table's sized comment. A schema without comments is of version 2, one without defaults either of version 1, as
// older leats read them. A type: u8 kind, z precision, z scale, v source_id, sized source_name, u8 has element
// [type], v fields {sized name, type}, v labels {sized}.
enum { SCHEMA_VERSION = 3, TYPE_DEPTH_MAX = 32 };

bool schema_equal(const Schema *a, const Schema *b) {
    if (!slice_equal(a->space, b->space) || !slice_equal(a->table, b->table) || a->identity != b->identity ||
        a->column_count != b->column_count || !slice_equal(a->comment, b->comment)) {
        return false;
    }
    for (uint32_t i = 0; i < a->column_count; i++) {
        const Column *x = &a->columns[i], *y = &b->columns[i];
        if (!slice_equal(x->name, y->name) || x->flags != y->flags || x->key_ordinal != y->key_ordinal ||
            !slice_equal(x->default_text, y->default_text) || !slice_equal(x->comment, y->comment) ||
            !type_equal(&x->type, &y->type)) {
            return false;
        }
    }
    return true;
}

Schema schema_copy(Arena *arena, const Schema *schema) {
    Schema copy = *schema;
    copy.space = arena_slice(arena, schema->space);
    copy.table = arena_slice(arena, schema->table);
    copy.comment = arena_slice(arena, schema->comment);
    Column *columns = ARENA_ARRAY(arena, Column, schema->column_count);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        columns[i] = schema->columns[i];
        columns[i].name = arena_slice(arena, schema->columns[i].name);
        columns[i].default_text = arena_slice(arena, schema->columns[i].default_text);
        columns[i].comment = arena_slice(arena, schema->columns[i].comment);
        columns[i].type = type_copy(arena, &schema->columns[i].type);
    }
    copy.columns = columns;
    return copy;
}

int32_t schema_find_column(const Schema *schema, Slice name) {
    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (slice_equal(schema->columns[i].name, name)) {
            return (int32_t)i;
        }
    }
    return -1;
}

static void type_encode(Buf *buf, const Type *type) {
    buf_u8(buf, (uint8_t)type->kind);
    buf_zigzag(buf, type->precision);
    buf_zigzag(buf, type->scale);
    buf_varint(buf, type->source_id);
    buf_slice_sized(buf, type->source_name);
    buf_u8(buf, type->element != NULL);
    if (type->element != NULL) {
        type_encode(buf, type->element);
    }
    buf_varint(buf, type->field_count);
    for (uint32_t i = 0; i < type->field_count; i++) {
        buf_slice_sized(buf, type->fields[i].name);
        type_encode(buf, &type->fields[i].type);
    }
    buf_varint(buf, type->label_count);
    for (uint32_t i = 0; i < type->label_count; i++) {
        buf_slice_sized(buf, type->labels[i]);
    }
}

// The oldest that holds it.
static uint8_t version_of(const Schema *schema) {
    bool defaults = false, comments = schema->comment.size > 0;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        defaults |= schema->columns[i].default_text.size > 0;
        comments |= schema->columns[i].comment.size > 0;
    }
    return comments ? 3 : defaults ? 2 : 1;
}

void schema_encode(Buf *buf, const Schema *schema) {
    uint8_t version = version_of(schema);
    buf_u8(buf, version);
    buf_slice_sized(buf, schema->space);
    buf_slice_sized(buf, schema->table);
    buf_u8(buf, (uint8_t)schema->identity);
    buf_varint(buf, schema->column_count);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        const Column *column = &schema->columns[i];
        buf_slice_sized(buf, column->name);
        type_encode(buf, &column->type);
        buf_varint(buf, column->flags);
        buf_varint(buf, column->key_ordinal);
        if (version >= 2) {
            buf_slice_sized(buf, column->default_text);
        }
        if (version >= 3) {
            buf_slice_sized(buf, column->comment);
        }
    }
    if (version >= 3) {
        buf_slice_sized(buf, schema->comment);
    }
}

// A count of things that take a byte each at least; more than the bytes left makes the reader bad.
static uint32_t read_count(Reader *reader) {
    uint64_t count = read_varint(reader);
    if (count > reader_left(reader)) {
        reader->bad = true;
        return 0;
    }
    return (uint32_t)count;
}

static Type type_decode(Reader *reader, Arena *arena, int depth) {
    Type type = {.kind = (TypeKind)read_u8(reader)};
    if (type.kind >= TYPE_KIND_COUNT || depth > TYPE_DEPTH_MAX) {
        reader->bad = true;
        return (Type){0};
    }
    type.precision = (int32_t)read_zigzag(reader);
    type.scale = (int32_t)read_zigzag(reader);
    type.source_id = (uint32_t)read_varint(reader);
    type.source_name = arena_slice(arena, read_slice(reader));
    if (read_u8(reader) != 0) {
        Type *element = ARENA_NEW(arena, Type);
        *element = type_decode(reader, arena, depth + 1);
        type.element = element;
    }
    type.field_count = read_count(reader);
    Field *fields = ARENA_ARRAY(arena, Field, type.field_count);
    for (uint32_t i = 0; i < type.field_count && !reader->bad; i++) {
        fields[i].name = arena_slice(arena, read_slice(reader));
        fields[i].type = type_decode(reader, arena, depth + 1);
    }
    type.fields = fields;
    type.label_count = read_count(reader);
    Slice *labels = ARENA_ARRAY(arena, Slice, type.label_count);
    for (uint32_t i = 0; i < type.label_count; i++) {
        labels[i] = arena_slice(arena, read_slice(reader));
    }
    type.labels = labels;
    return type;
}

bool schema_decode(Slice bytes, Arena *arena, Schema *schema, Err *err) {
    Reader reader = reader_of(bytes);
    uint8_t version = read_u8(&reader);
    if (version > SCHEMA_VERSION) {
        return FAIL(err, ERR_FORMAT_NEWER, "a schema has version %u, this leat knows %d", version, SCHEMA_VERSION);
    }
    *schema = (Schema){.space = arena_slice(arena, read_slice(&reader))};
    schema->table = arena_slice(arena, read_slice(&reader));
    schema->identity = (Identity)read_u8(&reader);
    schema->column_count = read_count(&reader);
    Column *columns = ARENA_ARRAY(arena, Column, schema->column_count);
    for (uint32_t i = 0; i < schema->column_count && !reader.bad; i++) {
        columns[i].name = arena_slice(arena, read_slice(&reader));
        columns[i].type = type_decode(&reader, arena, 0);
        columns[i].flags = (uint32_t)read_varint(&reader);
        columns[i].key_ordinal = (uint32_t)read_varint(&reader);
        columns[i].default_text = version >= 2 ? arena_slice(arena, read_slice(&reader)) : (Slice){0};
        columns[i].comment = version >= 3 ? arena_slice(arena, read_slice(&reader)) : (Slice){0};
    }
    schema->columns = columns;
    schema->comment = version >= 3 ? arena_slice(arena, read_slice(&reader)) : (Slice){0};
    if (!reader_done(&reader) || version == 0 || schema->identity > IDENTITY_NOTHING) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "a schema of %zu bytes is malformed", bytes.size);
    }
    return true;
}
