// SPDX-License-Identifier: Apache-2.0
#include "data/format/json_file.h"

#include "core/base/decimal.h"
#include "core/base/json.h"
#include "data/format/json_lines.h"
#include "data/format/text.h"

#include <math.h>

enum { DEPTH_MAX = 64 };

typedef enum Decimals { DECIMALS_BASE64, DECIMALS_STRING, DECIMALS_NUMBER } Decimals;

// A shape with its names as they are written.
typedef struct Node Node;
struct Node {
    ShapeKind kind;
    int32_t scale;
    bool document;  // STRING: JSON that is written as it is
    uint32_t count; // STRUCT: of `inner`; LIST, MAP: 1
    const Node *inner;
    Slice lead; // `{"name":` of a struct's first field, `,"name":` of the others
};

typedef struct LinePlan {
    FilePlan base;
    FileFormatOptions options;
    const FileFormat *format;
    JsonLines *lines; // NULL: `root` writes
    const Node *root;
    Decimals decimals;
} LinePlan;

typedef struct LineFile {
    FileEncoder base;
    const LinePlan *plan;
    GzipStream *gzip; // NULL: not compressed
    Buf line;
    uint64_t raw_bytes;    // of all lines
    uint64_t packed_bytes; // of those in `written`, but for less than a piece of the gzip stream
    double rate;           // of `written` to them; JSON of rows: about a sixth
} LineFile;

// --- records as Connect writes them ----------------------------------------------------------------------------

static bool make_node(Arena *arena, const Shape *shape, int depth, Node *node, Err *err) {
    if (depth == 0) {
        return FAIL(err, ERR_TABLE, "the records are nested more than %d deep", DEPTH_MAX);
    }
    node->kind = shape->kind;
    node->scale = shape->scale;
    for (uint32_t i = 0; i < shape->note_count; i++) {
        node->document |= slice_is(shape->notes[i].name, SHAPE_NOTE_JSON);
    }
    node->count = shape->kind == SHAPE_STRUCT ? shape->field_count : shape->element != NULL ? 1 : 0;
    Node *inner = ARENA_ARRAY(arena, Node, node->count);
    node->inner = inner;
    if (shape->kind != SHAPE_STRUCT) {
        return shape->element == NULL || make_node(arena, shape->element, depth - 1, &inner[0], err);
    }
    Buf lead;
    buf_init(&lead, 0);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        buf_reset(&lead);
        buf_u8(&lead, i == 0 ? '{' : ',');
        json_quote(&lead, shape->fields[i].name);
        buf_u8(&lead, ':');
        inner[i].lead = arena_slice(arena, buf_slice(&lead));
    }
    buf_release(&lead);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        TRY(make_node(arena, &shape->fields[i].shape, depth - 1, &inner[i], err));
    }
    return true;
}

static bool put_value(const LinePlan *plan, const Node *node, const Value *value, Buf *out, Err *err);

static bool put_struct(const LinePlan *plan, const Node *node, const Value *values, Buf *out, Err *err) {
    for (uint32_t i = 0; i < node->count; i++) {
        buf_put(out, node->inner[i].lead);
        TRY(put_value(plan, &node->inner[i], &values[i], out, err));
    }
    if (node->count == 0) {
        buf_u8(out, '{');
    }
    buf_u8(out, '}');
    return true;
}

static bool put_list(const LinePlan *plan, const Node *node, ValueItems items, Buf *out, Err *err) {
    buf_u8(out, '[');
    for (size_t i = 0; i < items.count; i++) {
        if (i > 0) {
            buf_u8(out, ',');
        }
        TRY(put_value(plan, node->inner, &items.at[i], out, err));
    }
    buf_u8(out, ']');
    return true;
}

static bool put_map(const LinePlan *plan, const Node *node, ValueItems items, Buf *out, Err *err) {
    buf_u8(out, '{');
    for (size_t i = 0; i + 1 < items.count; i += 2) {
        if (i > 0) {
            buf_u8(out, ',');
        }
        json_quote(out, items.at[i].bytes);
        buf_u8(out, ':');
        TRY(put_value(plan, node->inner, &items.at[i + 1], out, err));
    }
    buf_u8(out, '}');
    return true;
}

static bool put_decimal(const LinePlan *plan, const Node *node, Slice decimal, Buf *out, Err *err) {
    if (plan->decimals != DECIMALS_BASE64) {
        const char *quote = plan->decimals == DECIMALS_STRING ? "\"" : "";
        buf_text(out, quote);
        decimal_text(out, decimal);
        buf_text(out, quote);
        return true;
    }
    Int128 units = 0;
    if (!decimal_to_int128(decimal, node->scale, &units)) {
        return FAIL(err, ERR_VALUE, "a number that does not fit its precision and scale");
    }
    uint8_t bytes[16];
    size_t first = sizeof(bytes);
    do {
        bytes[--first] = (uint8_t)units;
        units >>= 8; // arithmetic: ends at 0 or -1, and then the sign must show in the byte before
    } while (first > 0 && (units != 0 || bytes[first] >= 0x80) && (units != -1 || bytes[first] < 0x80));
    json_base64(out, (Slice){bytes + first, sizeof(bytes) - first});
    return true;
}

static void put_text(ValueKind kind, TypeKind type, const Value *value, bool quote, Buf *out) {
    ASSERT(value->kind == kind);
    const Type of = {.kind = type};
    if (quote) {
        buf_u8(out, '"');
    }
    value_text(out, &of, value);
    if (quote) {
        buf_u8(out, '"');
    }
}

// Connect's always have a point or an exponent: readers then tell them from integers.
static void put_real(const LinePlan *plan, ValueKind kind, TypeKind type, const Value *value, Buf *out) {
    size_t start = out->size;
    put_text(kind, type, value, !isfinite(value->real), out);
    if (plan->base.schema == NULL && isfinite(value->real) && !out->overflow) {
        Slice text = {out->data + start, out->size - start};
        bool told = memchr(text.data, '.', text.size) != NULL || memchr(text.data, 'e', text.size) != NULL;
        buf_text(out, told ? "" : ".0");
    }
}

static bool put_value(const LinePlan *plan, const Node *node, const Value *value, Buf *out, Err *err) {
    if (value_is_absent(value)) {
        buf_bytes(out, "null", 4);
        return true;
    }
    switch (node->kind) {
    case SHAPE_BOOL:
        buf_text(out, value->kind == VALUE_TRUE ? "true" : "false");
        return true;
    case SHAPE_INT32:
    case SHAPE_INT64:
        buf_int(out, value->integer);
        return true;
    case SHAPE_FLOAT32:
        put_real(plan, VALUE_FLOAT32, TYPE_FLOAT32, value, out);
        return true;
    case SHAPE_FLOAT64:
        put_real(plan, VALUE_FLOAT64, TYPE_FLOAT64, value, out);
        return true;
    case SHAPE_DECIMAL:
        return put_decimal(plan, node, value->bytes, out, err);
    case SHAPE_STRING:
        if (node->document) {
            buf_put(out, value->bytes);
        } else {
            json_quote(out, value->bytes);
        }
        return true;
    case SHAPE_BYTES:
        json_base64(out, value->bytes);
        return true;
    case SHAPE_DATE:
        put_text(VALUE_DATE, TYPE_DATE, value, true, out);
        return true;
    case SHAPE_TIME:
        put_text(VALUE_TIME, TYPE_TIME, value, true, out);
        return true;
    case SHAPE_TIMESTAMP:
        put_text(VALUE_TIMESTAMP, TYPE_TIMESTAMP, value, true, out);
        return true;
    case SHAPE_TIMESTAMPTZ:
        put_text(VALUE_TIMESTAMPTZ, TYPE_TIMESTAMPTZ, value, true, out);
        return true;
    case SHAPE_UUID:
        put_text(VALUE_UUID, TYPE_UUID, value, true, out);
        return true;
    case SHAPE_LIST:
        return put_list(plan, node, value->items, out, err);
    case SHAPE_MAP:
        return put_map(plan, node, value->items, out, err);
    case SHAPE_STRUCT:
        ASSERT(value->items.count == node->count);
        return put_struct(plan, node, value->items.at, out, err);
    }
    UNREACHABLE();
}

// --- plans -----------------------------------------------------------------------------------------------------

static bool plan_new(Arena *arena, const FilePlan *wanted, const FileFormat *format, LinePlan **plan, Err *err) {
    const FileFormatOptions *options = wanted->options;
    if (options->codec != CODEC_NONE && options->codec != CODEC_GZIP) {
        FAIL(err, ERR_OPTION, "%s files cannot be compressed with %s", format->name, codec_name(options->codec));
        return err_hint(err, "codecs of %s: none, gzip", format->name);
    }
    if (options->codec == CODEC_GZIP) { // a bad level is better known now than with the first file
        GzipStream *stream = NULL;
        TRY(gzip_open(options->level, &stream, err));
        gzip_close(stream);
    }
    *plan = ARENA_NEW(arena, LinePlan);
    (*plan)->base = *wanted;
    (*plan)->options = *options;
    (*plan)->base.options = &(*plan)->options;
    (*plan)->format = format;
    return true;
}

static bool plan_json(Arena *arena, const FilePlan *wanted, const FilePlan **plan, Err *err) {
    LinePlan *made = NULL;
    TRY(plan_new(arena, wanted, &JSON_FORMAT, &made, err));
    bool number = made->options.json_decimals_number, embedded = made->options.json_documents_embedded;
    if (wanted->schema != NULL && wanted->part == RECORD_VALUE) {
        JsonOptions options = {number ? JSON_DECIMALS_NUMBER : JSON_DECIMALS_STRING,
                               embedded ? JSON_DOCUMENTS_EMBEDDED : JSON_DOCUMENTS_STRING};
        made->lines = json_lines_new(arena, wanted->schema, &options);
    } else {
        Node *root = ARENA_NEW(arena, Node);
        TRY(make_node(arena, wanted->shape, DEPTH_MAX, root, err));
        made->root = root;
        made->decimals = number ? DECIMALS_NUMBER : wanted->schema != NULL ? DECIMALS_STRING : DECIMALS_BASE64;
    }
    *plan = &made->base;
    return true;
}

static bool plan_bytes(Arena *arena, const FilePlan *wanted, const FilePlan **plan, Err *err) {
    LinePlan *made = NULL;
    const Shape *shape = wanted->shape;
    ShapeKind kind = shape->field_count == 1 ? shape->fields[0].shape.kind : SHAPE_STRUCT;
    if (kind != SHAPE_BYTES && kind != SHAPE_STRING) {
        FAIL(err, ERR_TABLE, "format bytes writes records of one field of bytes or text; these have %" PRIu32 " fields",
             shape->field_count);
        return err_hint(err, "choose format json, avro or parquet");
    }
    TRY(plan_new(arena, wanted, &BYTES_FORMAT, &made, err));
    *plan = &made->base;
    return true;
}

// --- files -----------------------------------------------------------------------------------------------------

static bool open_file(const FilePlan *plan, FileEncoder **encoder, Err *err) {
    LineFile *file = calloc(1, sizeof(*file));
    if (file == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for a further file");
    }
    file->plan = (const LinePlan *)plan;
    file->base.format = file->plan->format;
    file->base.held = sizeof(*file);
    file->rate = 1.0 / 6;
    buf_init(&file->base.out, 0);
    buf_init(&file->line, 0);
    if (plan->options->codec == CODEC_GZIP && !gzip_open(plan->options->level, &file->gzip, err)) {
        free(file);
        return err_frame(err, __FILE__, __LINE__);
    }
    *encoder = &file->base;
    return true;
}

static bool put_line(LineFile *file, const Record *record, Buf *out, Err *err) {
    const LinePlan *plan = file->plan;
    if (plan->lines != NULL) {
        json_lines_write(plan->lines, out, record->event);
        return true;
    }
    const Value *values = record_part(record, plan->base.part);
    if (plan->root != NULL) {
        if (values != NULL) {
            buf_put(out, plan->base.before);
            TRY(plan->base.primitive ? put_value(plan, plan->root->inner, &values[0], out, err)
                                     : put_struct(plan, plan->root, values, out, err));
            buf_put(out, plan->base.behind);
        } else {
            buf_bytes(out, "null", 4);
        }
    } else if (values == NULL || value_is_absent(&values[0])) {
        return FAIL(err, ERR_VALUE, "%.*s has no value: format bytes cannot write that",
                    SLICE_ARG(plan->base.shape->fields[0].name));
    } else {
        buf_put(out, values[0].bytes);
        buf_put(out, plan->options.separator);
        return true;
    }
    buf_u8(out, '\n');
    return true;
}

// `before`: the size that `out` had.
static void count(LineFile *file, size_t before) {
    FileEncoder *base = &file->base;
    if (base->out.size != before) {
        base->written += base->out.size - before;
        file->packed_bytes = file->raw_bytes;
        if (file->gzip != NULL) {
            file->rate = (double)base->written / (double)MAX(file->raw_bytes, (uint64_t)1);
        }
    }
    base->held = sizeof(*file) + file->line.capacity + (file->gzip != NULL ? gzip_held(file->gzip) : 0);
    // What waits in the gzip stream will be packed as the rest was.
    base->estimate = base->written + (uint64_t)((double)(file->raw_bytes - file->packed_bytes) * file->rate);
}

static bool append(FileEncoder *encoder, const Record *record, Err *err) {
    LineFile *file = (LineFile *)encoder;
    Buf *line = file->gzip != NULL ? &file->line : &encoder->out;
    size_t start = line->size, before = encoder->out.size;
    if (!put_line(file, record, line, err)) {
        line->size = start;
        return err_frame(err, __FILE__, __LINE__);
    }
    if (line->overflow) {
        return FAIL(err, ERR_MEMORY, "no room for a line");
    }
    file->raw_bytes += line->size - start;
    if (file->gzip != NULL) {
        TRY(gzip_write(file->gzip, buf_slice(line), &encoder->out, err));
        buf_reset_keep(line, 4 * KIB);
    }
    encoder->records++;
    count(file, before);
    return true;
}

static bool flush(FileEncoder *encoder, Err *err) {
    LineFile *file = (LineFile *)encoder;
    size_t before = encoder->out.size;
    if (file->gzip != NULL) {
        TRY(gzip_flush(file->gzip, &encoder->out, err));
    }
    buf_release(&file->line);
    count(file, before);
    return true;
}

static bool finish(FileEncoder *encoder, Err *err) {
    LineFile *file = (LineFile *)encoder;
    size_t before = encoder->out.size;
    if (file->gzip != NULL) {
        TRY(gzip_finish(file->gzip, &encoder->out, err));
    }
    count(file, before);
    return true;
}

static void change(FileEncoder *encoder, const FilePlan *plan) {
    ((LineFile *)encoder)->plan = (const LinePlan *)plan;
}

static void close_file(FileEncoder *encoder) {
    if (encoder != NULL) {
        LineFile *file = (LineFile *)encoder;
        gzip_close(file->gzip);
        buf_release(&file->line);
        buf_release(&encoder->out);
        free(file);
    }
}

static const char *json_extension(const FileFormatOptions *options) {
    return options->codec == CODEC_GZIP ? "json.gz" : "json";
}

static const char *bytes_extension(const FileFormatOptions *options) {
    return options->codec == CODEC_GZIP ? "bin.gz" : "bin";
}

const FileFormat JSON_FORMAT = {
    .name = "json",
    .takes_events = true,
    .extension = json_extension,
    .plan = plan_json,
    .open = open_file,
    .change = change,
    .append = append,
    .flush = flush,
    .finish = finish,
    .close = close_file,
};

const FileFormat BYTES_FORMAT = {
    .name = "bytes",
    .extension = bytes_extension,
    .plan = plan_bytes,
    .open = open_file,
    .change = change,
    .append = append,
    .flush = flush,
    .finish = finish,
    .close = close_file,
};
