// SPDX-License-Identifier: Apache-2.0
// Avro for the judges (tests/integration/test_avro.py):
//     leat_avro_probe write CODEC optional|required FILE        a file with every kind of shape, and what it holds
//     leat_avro_probe read FILE                                 what leat's reader makes of a file
// What is held comes as JSON on stdout: the shape, then a line a record, an array with an item a field. Each value
// names its kind: {"i": integer}, {"f": a float's bits in hexadecimal}, {"d": decimal's text}, {"s": text}, {"b": hex},
// {"D": days}, {"T": µs}, {"t": µs, "u": with a zone}, {"U": hex}, {"l": [items]}, {"r": [items]}, {"m": [[key,
// value]]}; dates and times since 1970. An error goes to stderr; exit status 1.
#include "core/base/decimal.h"
#include "core/base/json.h"
#include "data/event/value.h"
#include "data/format/avro/avro.h"

#include <errno.h>

enum { ROWS = 300 };

static Arena arena[1];

// --- JSON ------------------------------------------------------------------------------------------------------

static void shape_json(Buf *out, const Shape *shape) {
    buf_printf(out, "{\"kind\":\"%s\",\"optional\":%s", shape_kind_name(shape->kind),
               shape->optional ? "true" : "false");
    if (shape->kind == SHAPE_DECIMAL) {
        buf_printf(out, ",\"precision\":%d,\"scale\":%d", shape->precision, shape->scale);
    }
    if (shape->note_count > 0) {
        buf_text(out, ",\"notes\":{");
        for (uint32_t i = 0; i < shape->note_count; i++) {
            buf_text(out, i > 0 ? "," : "");
            json_quote(out, shape->notes[i].name);
            buf_text(out, ":");
            buf_put(out, shape->notes[i].json);
        }
        buf_text(out, "}");
    }
    if (shape->element != NULL) {
        buf_text(out, ",\"element\":");
        shape_json(out, shape->element);
    }
    if (shape->kind == SHAPE_STRUCT) {
        buf_text(out, ",\"name\":");
        json_quote(out, shape->name);
        buf_text(out, ",\"fields\":[");
        for (uint32_t i = 0; i < shape->field_count; i++) {
            buf_text(out, i > 0 ? ",{\"name\":" : "{\"name\":");
            json_quote(out, shape->fields[i].name);
            buf_text(out, ",\"shape\":");
            shape_json(out, &shape->fields[i].shape);
            buf_text(out, "}");
        }
        buf_text(out, "]");
    }
    buf_text(out, "}");
}

static void hex(Buf *out, const char *kind, Slice bytes) {
    buf_printf(out, "{\"%s\":\"", kind);
    for (size_t i = 0; i < bytes.size; i++) {
        buf_printf(out, "%02x", bytes.data[i]);
    }
    buf_text(out, "\"}");
}

static void value_json(Buf *out, const Value *value);

static void items_json(Buf *out, const Value *items, size_t count) {
    buf_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i > 0 ? "," : "");
        value_json(out, &items[i]);
    }
    buf_text(out, "]");
}

static void nested_json(Buf *out, const Value *value) {
    if (value->kind != VALUE_MAP) {
        buf_text(out, value->kind == VALUE_LIST ? "{\"l\":" : "{\"r\":");
        items_json(out, value->items.at, value->items.count);
    } else {
        buf_text(out, "{\"m\":[");
        for (size_t i = 0; i + 1 < value->items.count; i += 2) {
            buf_text(out, i > 0 ? "," : "");
            items_json(out, value->items.at + i, 2);
        }
        buf_text(out, "]");
    }
    buf_text(out, "}");
}

static void float_json(Buf *out, const Value *value) {
    uint64_t bits = 0;
    memcpy(&bits, &value->real, sizeof(bits));
    buf_printf(out, "{\"f\":\"%016" PRIx64 "\"}", bits);
}

static void value_json(Buf *out, const Value *value) {
    switch (value->kind) {
    case VALUE_NULL:
        buf_text(out, "null");
        return;
    case VALUE_FALSE:
    case VALUE_TRUE:
        buf_text(out, value->kind == VALUE_TRUE ? "true" : "false");
        return;
    case VALUE_INT:
        buf_printf(out, "{\"i\":%" PRId64 "}", value->integer);
        return;
    case VALUE_TIME:
        buf_printf(out, "{\"T\":%" PRId64 "}", value->integer);
        return;
    case VALUE_DATE:
        buf_printf(out, "{\"D\":%" PRId64 "}", value->integer + 10957);
        return;
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
        buf_printf(out, "{\"t\":%" PRId64 ",\"u\":%s}", value->integer + INT64_C(946684800000000),
                   value->kind == VALUE_TIMESTAMPTZ ? "true" : "false");
        return;
    case VALUE_FLOAT32:
    case VALUE_FLOAT64:
        float_json(out, value);
        return;
    case VALUE_DECIMAL:
        buf_text(out, "{\"d\":\"");
        decimal_text(out, value->bytes);
        buf_text(out, "\"}");
        return;
    case VALUE_STRING:
        buf_text(out, "{\"s\":");
        json_quote(out, value->bytes);
        buf_text(out, "}");
        return;
    case VALUE_BYTES:
        hex(out, "b", value->bytes);
        return;
    case VALUE_UUID:
        hex(out, "U", value->bytes);
        return;
    default:
        nested_json(out, value);
        return;
    }
}

static void print_line(Buf *line) {
    buf_u8(line, '\n');
    (void)fwrite(line->data, 1, line->size, stdout);
    buf_reset(line);
}

// --- writing ---------------------------------------------------------------------------------------------------

static const ShapeKind SCALARS[] = {SHAPE_BOOL,        SHAPE_INT32, SHAPE_INT64,  SHAPE_FLOAT32, SHAPE_FLOAT64,
                                    SHAPE_STRING,      SHAPE_BYTES, SHAPE_DATE,   SHAPE_TIME,    SHAPE_TIMESTAMP,
                                    SHAPE_TIMESTAMPTZ, SHAPE_UUID,  SHAPE_DECIMAL};

static const struct {
    int32_t precision, scale;
    const char *values[4];
} DECIMALS[] = {
    {1, 0, {"0", "9", "-9", "1"}},
    {12, 2, {"0.00", "-0.01", "9999999999.99", "-9999999999.99"}},
    {18, 18, {"0.000000000000000127", "-0.000000000000000128", "0.999999999999999999", "0.000000000000000128"}},
    {38,
     0,
     {"99999999999999999999999999999999999999", "-99999999999999999999999999999999999999", "9223372036854775808",
      "-9223372036854775808"}},
    {38, 10, {"1.0000000000", "-1844674407.3709551616", "0.0000000001", "-9999999999999999999999999999.9999999999"}},
};

static Value integer_value(ValueKind kind, int i, int64_t low, int64_t high) {
    const int64_t values[] = {0, low, high, 1, -1, 63, 64, -64, -65, 8191, 8192, 1000003};
    int64_t value = values[(size_t)i % ARRAY_LEN(values)];
    return (Value){.kind = (uint8_t)kind, .integer = value < low ? low : value > high ? high : value};
}

static Value scalar_value(const Shape *shape, int i) {
    static const char *const TEXTS[] = {"", "x", "gr\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80", "\"\\\n\x01"};
    static const double REALS[] = {0, -1.5, 1.0 / 3, 3.0e38, -0.0};
    switch ((int)shape->kind) {
    case SHAPE_BOOL:
        return value_bool(i % 2 == 0);
    case SHAPE_INT32:
        return integer_value(VALUE_INT, i, INT32_MIN, INT32_MAX);
    case SHAPE_INT64:
        return integer_value(VALUE_INT, i, INT64_MIN, INT64_MAX);
    case SHAPE_DATE:
        return integer_value(VALUE_DATE, i, -2451545, INT32_MAX - 10957);
    case SHAPE_TIME:
        return integer_value(VALUE_TIME, i, 0, INT64_C(86399999999));
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        return integer_value(shape->kind == SHAPE_TIMESTAMP ? VALUE_TIMESTAMP : VALUE_TIMESTAMPTZ, i,
                             INT64_C(-211813488000000000), INT64_C(9000000000000000000));
    case SHAPE_FLOAT32:
        return (Value){.kind = VALUE_FLOAT32, .real = (double)(float)REALS[i % 5]};
    case SHAPE_FLOAT64:
        return (Value){.kind = VALUE_FLOAT64, .real = REALS[i % 5]};
    case SHAPE_UUID:
        return value_bytes(VALUE_UUID, arena_slice(arena, SLICE("0123\xff\x80"
                                                                "6789abcdef")));
    case SHAPE_BYTES:
        return value_bytes(VALUE_BYTES, (Slice){(const uint8_t *)TEXTS[2], (size_t)(i % 9)});
    case SHAPE_DECIMAL: {
        Value value = {.kind = VALUE_DECIMAL};
        for (size_t j = 0; j < ARRAY_LEN(DECIMALS); j++) {
            if (DECIMALS[j].precision == shape->precision && DECIMALS[j].scale == shape->scale) {
                ASSERT(decimal_from_text(arena, slice_of(DECIMALS[j].values[i % 4]), &value.bytes));
            }
        }
        return value;
    }
    default:
        return value_bytes(VALUE_STRING, slice_of(TEXTS[i % 4]));
    }
}

// A value of the shape; where it is optional each third is NULL, and every one of row 0.
static Value make_value(const Shape *shape, int i) {
    if (shape->optional && (i == 0 || i % 3 == 2)) {
        return (Value){.kind = VALUE_NULL};
    }
    uint32_t count = shape->kind == SHAPE_STRUCT ? shape->field_count : (uint32_t)(i % 4);
    Value *items = ARENA_ARRAY(arena, Value, (size_t)count * 2);
    switch ((int)shape->kind) {
    case SHAPE_LIST:
        for (uint32_t j = 0; j < count; j++) {
            items[j] = make_value(shape->element, i + (int)j);
        }
        return (Value){.kind = VALUE_LIST, .items = {items, count}};
    case SHAPE_MAP:
        for (uint32_t j = 0; j < count; j++) {
            items[j * 2] = value_bytes(VALUE_STRING, slice_of(arena_printf(arena, "k%" PRIu32, j)));
            items[j * 2 + 1] = make_value(shape->element, i + (int)j);
        }
        return (Value){.kind = VALUE_MAP, .items = {items, (size_t)count * 2}};
    case SHAPE_STRUCT:
        for (uint32_t j = 0; j < count; j++) {
            items[j] = make_value(&shape->fields[j].shape, i + (int)j);
        }
        return (Value){.kind = VALUE_STRUCT, .items = {items, count}};
    default:
        return scalar_value(shape, i);
    }
}

static const Shape *boxed(Shape shape) {
    Shape *copy = ARENA_NEW(arena, Shape);
    *copy = shape;
    return copy;
}

// Each scalar on its own, in a list, a map, a struct; and these in each other.
static Shape every_shape(bool optional) {
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, 256);
    uint32_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(SCALARS) + ARRAY_LEN(DECIMALS) - 1; i++) {
        Shape scalar = {.kind = SCALARS[MIN(i, ARRAY_LEN(SCALARS) - 1)], .optional = optional};
        size_t decimal = i >= ARRAY_LEN(SCALARS) - 1 ? i - (ARRAY_LEN(SCALARS) - 1) : 0;
        const char *name = shape_kind_name(scalar.kind);
        if (scalar.kind == SHAPE_DECIMAL) {
            scalar.precision = DECIMALS[decimal].precision;
            scalar.scale = DECIMALS[decimal].scale;
            name = arena_printf(arena, "decimal%zu", decimal);
        }
        Shape list = {
            .kind = SHAPE_LIST, .optional = optional, .element = boxed(scalar), .element_id = (int32_t)i + 500};
        Shape map = {.kind = SHAPE_MAP, .optional = optional, .element = boxed(scalar)};
        ShapeField *inner = ARENA_ARRAY(arena, ShapeField, 3);
        inner[0] = (ShapeField){.name = SLICE("a"), .shape = scalar};
        inner[1] = (ShapeField){.name = SLICE("the list"), .shape = list};
        inner[2] = (ShapeField){.name = SLICE("m"), .shape = map};
        Shape group = {.kind = SHAPE_STRUCT, .optional = optional, .fields = inner, .field_count = 3};
        Shape groups = {.kind = SHAPE_LIST, .optional = optional, .element = boxed(group)};
        Shape lists = {.kind = SHAPE_MAP, .optional = optional, .element = boxed(list)};
        const Shape shapes[] = {scalar, list, map, group, groups, lists};
        static const char *const WAYS[] = {"", "_list", "_map", "_group", "_groups", " lists\xc3\xa4"};
        for (size_t j = 0; j < ARRAY_LEN(shapes); j++) {
            fields[count] =
                (ShapeField){.name = slice_of(arena_printf(arena, "%s%s", name, WAYS[j])), .shape = shapes[j]};
            fields[count].shape.id = (int32_t)count + 1;
            count++;
        }
    }
    return (Shape){.kind = SHAPE_STRUCT, .name = SLICE("probe.All"), .fields = fields, .field_count = count};
}

static bool write_file(const char *codec, bool optional, const char *path, Err *err) {
    FileFormatOptions options = {0};
    if (!codec_find(codec, &options.codec)) {
        return FAIL(err, ERR_OPTION, "no codec %s", codec);
    }
    Arena run[1];
    arena_init(run, "run", 0);
    arena_init(arena, "rows", 0);
    Shape shape = every_shape(optional), kept = shape_copy(run, &shape);
    FilePlan wanted = {.shape = &kept, .options = &options};
    const FilePlan *plan = NULL;
    FileEncoder *encoder = NULL;
    Buf line;
    buf_init(&line, 0);
    TRY(AVRO_FORMAT.plan(run, &wanted, &plan, err));
    TRY(AVRO_FORMAT.open(plan, &encoder, err));
    shape_json(&line, &kept);
    print_line(&line);
    for (int i = 0; i < ROWS; i++) {
        arena_reset(arena);
        Value row = make_value(&kept, i);
        Record record = {.value = row.items.at};
        TRY(AVRO_FORMAT.append(encoder, &record, err));
        items_json(&line, row.items.at, row.items.count);
        print_line(&line);
    }
    TRY(AVRO_FORMAT.finish(encoder, err));
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(encoder->out.data, 1, encoder->out.size, file) != encoder->out.size ||
        fclose(file) != 0) {
        return FAIL_ERRNO(err, "%s", path);
    }
    AVRO_FORMAT.close(encoder);
    buf_release(&line);
    arena_release(arena);
    arena_release(run);
    return true;
}

// --- reading ---------------------------------------------------------------------------------------------------

static bool read_file(const char *path, Err *err) {
    Buf file, line;
    buf_init(&file, 0);
    buf_init(&line, 0);
    FILE *input = fopen(path, "rb");
    if (input == NULL) {
        return FAIL_ERRNO(err, "%s", path);
    }
    for (size_t got = 1; got > 0;) {
        uint8_t *room = buf_room(&file, 64 * KIB);
        got = fread(room, 1, 64 * KIB, input);
        buf_advance(&file, got);
    }
    (void)fclose(input);
    AvroReader *reader = NULL;
    const Value *values = NULL;
    bool good = avro_reader_open(buf_slice(&file), &reader, err);
    if (good) {
        shape_json(&line, avro_reader_shape(reader));
        print_line(&line);
        while ((good = avro_reader_next(reader, &values, err)) && values != NULL) {
            items_json(&line, values, avro_reader_shape(reader)->field_count);
            print_line(&line);
        }
    }
    avro_reader_close(reader);
    buf_release(&file);
    buf_release(&line);
    return good;
}

int main(int argc, char **argv) {
    Err err[1] = {{0}};
    bool good = false;
    if (argc == 5 && strcmp(argv[1], "write") == 0) {
        good = write_file(argv[2], strcmp(argv[3], "optional") == 0, argv[4], err);
    } else if (argc == 3 && strcmp(argv[1], "read") == 0) {
        good = read_file(argv[2], err);
    } else {
        fputs("usage: leat_avro_probe write CODEC optional|required FILE\n       leat_avro_probe read FILE\n", stderr);
        return 2;
    }
    if (!good) {
        (void)fflush(stdout);
        fprintf(stderr, "%s: %s%s%s\n", err_name(err->code), err->message, err->hint[0] != 0 ? "; " : "", err->hint);
        return 1;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
