// SPDX-License-Identifier: Apache-2.0
// Schemas as text, in the order in which Avro's Java library writes them: what Confluent's registry stores.
#include "core/base/json.h"
#include "core/base/map.h"
#include "data/registry/avsc.h"

typedef struct Writer {
    Buf *buf;
    TreeOrder order;
    Map written; // AvscSchema
    Slice space; // in force
} Writer;

static void write_schema(Writer *writer, const AvscSchema *schema);

static void member(Writer *writer, const char *name, Slice value) {
    buf_text(writer->buf, ",\"");
    buf_text(writer->buf, name);
    buf_text(writer->buf, "\":");
    json_quote(writer->buf, value);
}

static int by_text(const void *a, const void *b) {
    return slice_compare(*(const Slice *)a, *(const Slice *)b);
}

// Lists are short, and only the sorted form changes them: each is put in order where it lies, which changes nothing
// for those who look for one of them.
static void write_aliases(Writer *writer, Slice *aliases, size_t count) {
    if (count == 0) {
        return;
    }
    if (writer->order == TREE_SORTED) {
        qsort(aliases, count, sizeof(*aliases), by_text);
    }
    buf_text(writer->buf, ",\"aliases\":");
    for (size_t i = 0; i < count; i++) {
        buf_u8(writer->buf, i == 0 ? '[' : ',');
        json_quote(writer->buf, aliases[i]);
    }
    buf_u8(writer->buf, ']');
}

static int by_member(const void *a, const void *b) {
    return slice_compare((*(const JsonNode *const *)a)->name, (*(const JsonNode *const *)b)->name);
}

static void write_properties(Writer *writer, const JsonNode **properties, size_t count) {
    if (writer->order == TREE_SORTED && count > 0) {
        qsort(properties, count, sizeof(*properties), by_member);
    }
    for (size_t i = 0; i < count; i++) {
        buf_u8(writer->buf, ',');
        json_quote(writer->buf, properties[i]->name);
        buf_u8(writer->buf, ':');
        json_tree_write(writer->buf, properties[i], writer->order);
    }
}

// In the namespace in force the last part will do, unless that is the name of a type of Avro's own.
static void write_name_only(Writer *writer, const AvscSchema *schema) {
    bool own = false;
    for (int i = 0; i <= AVSC_UNION; i++) {
        own = own || slice_is(schema->name, avsc_type_name((AvscType)i));
    }
    json_quote(writer->buf, slice_equal(schema->space, writer->space) && !own ? schema->name : schema->full);
}

static void write_aliases_of(Writer *writer, const AvscSchema *schema) {
    size_t count = schema->alias_count;
    Slice shortened[16];
    if (count > ARRAY_LEN(shortened)) {
        write_aliases(writer, schema->aliases, count);
        return;
    }
    for (size_t i = 0; i < count; i++) { // within the namespace of the type, without it
        Slice alias = schema->aliases[i];
        bool within = schema->space.size > 0 && alias.size > schema->space.size + 1 &&
                      memcmp(alias.data, schema->space.data, schema->space.size) == 0 &&
                      alias.data[schema->space.size] == '.' &&
                      memchr(alias.data + schema->space.size + 1, '.', alias.size - schema->space.size - 1) == NULL;
        shortened[i] = within ? slice_from(alias, schema->space.size + 1) : alias;
    }
    write_aliases(writer, shortened, count);
}

static void write_fields(Writer *writer, const AvscSchema *schema) {
    Buf *buf = writer->buf;
    buf_text(buf, ",\"fields\":[");
    for (size_t i = 0; i < schema->field_count; i++) {
        const AvscField *field = &schema->fields[i];
        buf_text(buf, i == 0 ? "{\"name\":" : ",{\"name\":");
        json_quote(buf, field->name);
        buf_text(buf, ",\"type\":");
        write_schema(writer, field->schema);
        if (field->documentation.data != NULL) {
            member(writer, "doc", field->documentation);
        }
        if (field->default_value != NULL) {
            buf_text(buf, ",\"default\":");
            json_tree_write(buf, field->default_value, writer->order);
        }
        if (!slice_is(field->order, "ascending")) {
            member(writer, "order", field->order);
        }
        write_aliases(writer, field->aliases, field->alias_count);
        write_properties(writer, field->properties, field->property_count);
        buf_u8(buf, '}');
    }
    buf_u8(buf, ']');
}

static void write_named(Writer *writer, const AvscSchema *schema) {
    Buf *buf = writer->buf;
    uint64_t key = (uint64_t)(uintptr_t)schema;
    if (schema->referenced || map_find_u64(&writer->written, key) != NULL) {
        write_name_only(writer, schema);
        return;
    }
    map_put_u64(&writer->written, key, writer);
    buf_text(buf, "{\"type\":\"");
    buf_text(buf, schema->error ? "error" : avsc_type_name(schema->type));
    buf_text(buf, "\"");
    member(writer, "name", schema->name);
    if (!slice_equal(schema->space, writer->space)) {
        member(writer, "namespace", schema->space);
    }
    if (schema->documentation.data != NULL) {
        member(writer, "doc", schema->documentation);
    }
    Slice outside = writer->space;
    writer->space = schema->space;
    if (schema->type == AVSC_RECORD) {
        write_fields(writer, schema);
    } else if (schema->type == AVSC_FIXED) {
        buf_text(buf, ",\"size\":");
        buf_int(buf, schema->size);
    } else {
        buf_text(buf, ",\"symbols\":[");
        for (size_t i = 0; i < schema->symbol_count; i++) {
            buf_text(buf, i == 0 ? "" : ",");
            json_quote(buf, schema->symbols[i]);
        }
        buf_u8(buf, ']');
        if (schema->enum_default.data != NULL) {
            member(writer, "default", schema->enum_default);
        }
    }
    write_properties(writer, schema->properties, schema->property_count);
    write_aliases_of(writer, schema);
    buf_u8(buf, '}');
    writer->space = outside;
}

static void write_schema(Writer *writer, const AvscSchema *schema) {
    Buf *buf = writer->buf;
    switch (schema->type) {
    case AVSC_RECORD:
    case AVSC_ENUM:
    case AVSC_FIXED:
        write_named(writer, schema);
        return;
    case AVSC_UNION:
        buf_u8(buf, '[');
        for (size_t i = 0; i < schema->branch_count; i++) {
            buf_text(buf, i == 0 ? "" : ",");
            write_schema(writer, schema->branches[i]);
        }
        buf_u8(buf, ']');
        return;
    case AVSC_NULL:
    case AVSC_BOOLEAN:
    case AVSC_INT:
    case AVSC_LONG:
    case AVSC_FLOAT:
    case AVSC_DOUBLE:
    case AVSC_BYTES:
    case AVSC_STRING:
    case AVSC_ARRAY:
    case AVSC_MAP:
        break;
    }
    Slice name = slice_of(avsc_type_name(schema->type));
    if (schema->items == NULL && schema->property_count == 0) {
        json_quote(buf, name);
        return;
    }
    buf_text(buf, "{\"type\":");
    json_quote(buf, name);
    if (schema->items != NULL) {
        buf_text(buf, schema->type == AVSC_MAP ? ",\"values\":" : ",\"items\":");
        write_schema(writer, schema->items);
    }
    write_properties(writer, schema->properties, schema->property_count);
    buf_u8(buf, '}');
}

void avsc_write(Buf *buf, const AvscSchema *schema, TreeOrder order) {
    Writer writer = {.buf = buf, .order = order};
    write_schema(&writer, schema);
    map_release(&writer.written);
}
