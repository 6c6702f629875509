// SPDX-License-Identifier: Apache-2.0
#include "data/format/json_lines.h"

#include "core/base/calendar.h"
#include "core/base/json.h"
#include "data/format/json_document.h"
#include "data/format/text.h"

#include <math.h>

typedef struct LineColumn {
    Slice name;    // as written, quoted and escaped
    Slice lead;    // `{"name":` of the first column, `,"name":` of the others
    Slice no_lead; // the lead with `null` behind it
    Type type;
    bool key;
} LineColumn;

struct JsonLines {
    JsonOptions options;
    const LineColumn *columns;
    uint32_t column_count;
    Slice all_null;  // the line of a row that has no columns to show
    Slice meta_lead; // `,"__op":"`, or `{"__op":"` when there are no columns
};

// --- values ----------------------------------------------------------------------------------------------------

static void quoted_text(Buf *buf, const Type *type, const Value *value) {
    buf_u8(buf, '"'); // these texts hold no byte that JSON would escape
    value_text(buf, type, value);
    buf_u8(buf, '"');
}

// NaN and the infinities are no JSON numbers: they become strings.
static void decimal_number(Buf *buf, const Type *type, const Value *value) {
    size_t start = buf->size;
    value_text(buf, type, value);
    if (!buf->overflow && buf->size > start && buf->data[buf->size - 1] > '9') {
        buf->size = start;
        quoted_text(buf, type, value);
    }
}

static void document(Buf *buf, const JsonOptions *options, const Type *type, Slice text) {
    bool embed = type->kind == TYPE_JSON && options->documents == JSON_DOCUMENTS_EMBEDDED;
    if (!embed || !json_document_write(buf, text)) {
        json_quote(buf, text);
    }
}

static void write_value(Buf *buf, const JsonOptions *options, const Type *type, const Value *value);

static void write_list(Buf *buf, const JsonOptions *options, const Type *type, const Value *value) {
    buf_u8(buf, '[');
    for (size_t i = 0; i < value->items.count; i++) {
        const Value *item = &value->items.at[i];
        if (i > 0) {
            buf_u8(buf, ',');
        }
        // An array of more dimensions is a list of lists under one type.
        bool deeper = item->kind == VALUE_LIST && type->element->kind != TYPE_LIST;
        write_value(buf, options, deeper ? type : type->element, item);
    }
    buf_u8(buf, ']');
}

static void write_struct(Buf *buf, const JsonOptions *options, const Type *type, const Value *value) {
    ASSERT(value->items.count <= type->field_count);
    buf_u8(buf, '{');
    for (size_t i = 0; i < value->items.count; i++) {
        if (i > 0) {
            buf_u8(buf, ',');
        }
        json_quote(buf, type->fields[i].name);
        buf_u8(buf, ':');
        write_value(buf, options, &type->fields[i].type, &value->items.at[i]);
    }
    buf_u8(buf, '}');
}

static void write_map(Buf *buf, const JsonOptions *options, const Type *type, const Value *value) {
    static const Type STRINGS = {.kind = TYPE_STRING};
    const Type *element = type->element != NULL ? type->element : &STRINGS;
    buf_u8(buf, '{');
    for (size_t i = 0; i + 1 < value->items.count; i += 2) {
        if (i > 0) {
            buf_u8(buf, ',');
        }
        json_quote(buf, value->items.at[i].bytes);
        buf_u8(buf, ':');
        write_value(buf, options, element, &value->items.at[i + 1]);
    }
    buf_u8(buf, '}');
}

// What ranges of texts print may hold any character.
static void escaped_text(Buf *buf, const Type *type, const Value *value) {
    Buf text;
    buf_init(&text, 0);
    value_text(&text, type, value);
    json_quote(buf, buf_slice(&text));
    buf_release(&text);
}

static void write_value(Buf *buf, const JsonOptions *options, const Type *type, const Value *value) {
    switch ((ValueKind)value->kind) {
    case VALUE_NULL:
    case VALUE_UNCHANGED:
        buf_bytes(buf, "null", 4);
        return;
    case VALUE_FALSE:
        buf_bytes(buf, "false", 5);
        return;
    case VALUE_TRUE:
        buf_bytes(buf, "true", 4);
        return;
    case VALUE_INT:
        buf_int(buf, value->integer);
        return;
    case VALUE_UINT64:
        buf_uint(buf, (uint64_t)value->integer);
        return;
    case VALUE_FLOAT32:
    case VALUE_FLOAT64:
        if (isfinite(value->real)) {
            value_text(buf, type, value);
        } else {
            quoted_text(buf, type, value);
        }
        return;
    case VALUE_DECIMAL:
        if (options->decimals == JSON_DECIMALS_NUMBER) {
            decimal_number(buf, type, value);
        } else {
            quoted_text(buf, type, value);
        }
        return;
    case VALUE_STRING:
        document(buf, options, type, value->bytes);
        return;
    case VALUE_BYTES:
        json_base64(buf, value->bytes);
        return;
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_TIMETZ:
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
    case VALUE_INTERVAL:
    case VALUE_UUID:
    case VALUE_BITS:
        quoted_text(buf, type, value);
        return;
    case VALUE_LIST:
        write_list(buf, options, type, value);
        return;
    case VALUE_STRUCT:
        write_struct(buf, options, type, value);
        return;
    case VALUE_MAP:
        write_map(buf, options, type, value);
        return;
    case VALUE_RANGE:
    case VALUE_MULTIRANGE:
        escaped_text(buf, type, value);
        return;
    case VALUE_KIND_COUNT:
        break;
    }
    UNREACHABLE();
}

void json_lines_value(Buf *buf, const JsonOptions *options, const Type *type, const Value *value) {
    write_value(buf, options, type, value);
}

// --- lines -----------------------------------------------------------------------------------------------------

static void write_row(const JsonLines *lines, Buf *buf, const Value *row, bool *unchanged) {
    for (uint32_t i = 0; i < lines->column_count; i++) {
        const LineColumn *column = &lines->columns[i];
        const Value *value = &row[i];
        if (value_is_absent(value)) {
            buf_put(buf, column->no_lead);
            *unchanged |= value->kind == VALUE_UNCHANGED;
            continue;
        }
        buf_put(buf, column->lead);
        if (LIKELY(value->kind == VALUE_INT)) {
            buf_int(buf, value->integer);
        } else {
            write_value(buf, &lines->options, &column->type, value);
        }
    }
}

static void write_unchanged(const JsonLines *lines, Buf *buf, const Value *row) {
    bool first = true;
    for (uint32_t i = 0; i < lines->column_count; i++) {
        if (row[i].kind == VALUE_UNCHANGED) {
            if (!first) {
                buf_u8(buf, ',');
            }
            buf_put(buf, lines->columns[i].name);
            first = false;
        }
    }
}

static void write_key_before(const JsonLines *lines, Buf *buf, const Value *row) {
    buf_text(buf, ",\"__key_before\":{");
    bool first = true;
    for (uint32_t i = 0; i < lines->column_count; i++) {
        const LineColumn *column = &lines->columns[i];
        if (column->key) {
            if (!first) {
                buf_u8(buf, ',');
            }
            buf_put(buf, column->name);
            buf_u8(buf, ':');
            write_value(buf, &lines->options, &column->type, &row[i]);
            first = false;
        }
    }
    buf_u8(buf, '}');
}

#define PUT_LITERAL(buf, text) buf_bytes((buf), (text), sizeof(text) - 1)

void json_lines_write(const JsonLines *lines, Buf *buf, const Event *event) {
    const Value *row = event->op == OP_DELETE ? event->before : event->op == OP_TRUNCATE ? NULL : event->after;
    ASSERT(row == NULL || event->column_count == lines->column_count);
    bool unchanged = false;
    if (row != NULL) {
        write_row(lines, buf, row, &unchanged);
    } else {
        buf_put(buf, lines->all_null);
    }
    buf_put(buf, lines->meta_lead);
    buf_u8(buf, (uint8_t)event->op);
    PUT_LITERAL(buf, "\",\"__commit_lsn\":");
    buf_uint(buf, event->commit_lsn);
    PUT_LITERAL(buf, ",\"__ordinal\":");
    buf_uint(buf, event->ordinal);
    PUT_LITERAL(buf, ",\"__source_ts_ms\":");
    buf_int(buf, calendar_ms(event->source_us));
    if (event->op == OP_DELETE) {
        PUT_LITERAL(buf, ",\"__deleted\":true,\"__unchanged\":[");
    } else {
        PUT_LITERAL(buf, ",\"__deleted\":false,\"__unchanged\":[");
    }
    if (UNLIKELY(unchanged)) {
        write_unchanged(lines, buf, row);
    }
    buf_u8(buf, ']');
    if (UNLIKELY((event->flags & EVENT_KEY_CHANGE) != 0 && event->op == OP_CREATE && event->before != NULL)) {
        write_key_before(lines, buf, event->before);
    }
    buf_bytes(buf, "}\n", 2);
}

// --- compiling -------------------------------------------------------------------------------------------------

static bool is_ours(Slice name) {
    static const char *const OURS[] = {"__op",      "__commit_lsn", "__ordinal",   "__source_ts_ms",
                                       "__deleted", "__unchanged",  "__key_before"};
    for (size_t i = 0; i < ARRAY_LEN(OURS); i++) {
        if (slice_is(name, OURS[i])) {
            return true;
        }
    }
    return false;
}

Slice json_lines_name(Arena *arena, const Schema *schema, Slice name) {
    while (is_ours(name)) {
        do {
            name = slice_of(arena_printf(arena, "_%.*s", SLICE_ARG(name)));
        } while (schema_find_column(schema, name) >= 0);
    }
    return name;
}

static void compile_column(Arena *arena, const Schema *schema, uint32_t i, Buf *work, LineColumn *column) {
    const Column *from = &schema->columns[i];
    column->type = type_copy(arena, &from->type);
    column->key = (from->flags & (COLUMN_KEY | COLUMN_PRIMARY)) != 0;
    buf_reset(work);
    buf_u8(work, i == 0 ? '{' : ',');
    json_quote(work, json_lines_name(arena, schema, from->name));
    buf_u8(work, ':');
    size_t lead = work->size;
    buf_text(work, "null");
    column->no_lead = arena_slice(arena, buf_slice(work));
    column->lead = (Slice){column->no_lead.data, lead};
    column->name = (Slice){column->no_lead.data + 1, lead - 2};
}

JsonLines *json_lines_new(Arena *arena, const Schema *schema, const JsonOptions *options) {
    JsonLines *lines = ARENA_NEW(arena, JsonLines);
    LineColumn *columns = ARENA_ARRAY(arena, LineColumn, schema->column_count);
    Buf work, nulls;
    buf_init(&work, 0);
    buf_init(&nulls, 0);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        compile_column(arena, schema, i, &work, &columns[i]);
        buf_put(&nulls, columns[i].no_lead);
    }
    *lines = (JsonLines){
        .options = *options,
        .columns = columns,
        .column_count = schema->column_count,
        .all_null = arena_slice(arena, buf_slice(&nulls)),
        .meta_lead = schema->column_count > 0 ? SLICE(",\"__op\":\"") : SLICE("{\"__op\":\""),
    };
    buf_release(&work);
    buf_release(&nulls);
    return lines;
}
