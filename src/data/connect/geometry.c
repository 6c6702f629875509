// SPDX-License-Identifier: Apache-2.0
#include "data/connect/geometry.h"
#include "data/connect/column.h"

enum { WKB_POINT = 1, WKB_LINE_STRING = 2, WKB_POLYGON = 3 };
#define EWKB_HAS_SRID UINT32_C(0x20000000)

// --- shapes ----------------------------------------------------------------------------------------------------

static const Shape STRING_SHAPE = {.kind = SHAPE_STRING};

static ShapeField field(const char *name, ShapeKind kind, bool optional) {
    return (ShapeField){.name = slice_of(name),
                        .shape = {.kind = kind, .optional = optional},
                        .default_json = optional ? SLICE("null") : (Slice){0}};
}

static Shape struct_shape(ShapeField *fields, uint32_t count, const char *name) {
    return (Shape){.kind = SHAPE_STRUCT, .name = slice_of(name), .fields = fields, .field_count = count};
}

static Shape point_shape(Arena *arena) {
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, 4);
    fields[0] = field("x", SHAPE_FLOAT64, false);
    fields[1] = field("y", SHAPE_FLOAT64, false);
    fields[2] = field("wkb", SHAPE_BYTES, true);
    fields[3] = field("srid", SHAPE_INT32, true);
    Shape shape = struct_shape(fields, 4, "io.debezium.data.geometry.Point");
    connect_describe(arena, &shape, "io.debezium.data.geometry.Point", 1, NULL, "Geometry (POINT)");
    return shape;
}

static Shape line_shape(Arena *arena) {
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, 3);
    fields[0] = field("a", SHAPE_FLOAT64, false);
    fields[1] = field("b", SHAPE_FLOAT64, false);
    fields[2] = field("c", SHAPE_FLOAT64, false);
    Shape shape = struct_shape(fields, 3, "io.debezium.data.geometry.Line");
    connect_describe(arena, &shape, "io.debezium.data.geometry.Line", 1, NULL, "Geometry (LINE)");
    return shape;
}

static Shape circle_shape(Arena *arena) {
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, 2);
    fields[0] = (ShapeField){.name = SLICE("center"), .shape = point_shape(arena)};
    fields[1] = field("radius", SHAPE_FLOAT64, false);
    Shape shape = struct_shape(fields, 2, "io.debezium.data.geometry.Circle");
    connect_describe(arena, &shape, "io.debezium.data.geometry.Circle", 1, NULL, "Geometry (CIRCLE)");
    return shape;
}

static Shape wkb_shape(Arena *arena, const char *name, const char *doc) {
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, 3);
    fields[0] = field("wkb", SHAPE_BYTES, false);
    fields[1] = field("srid", SHAPE_INT32, true);
    fields[2] = field("extensions", SHAPE_MAP, true);
    fields[2].shape.element = &STRING_SHAPE;
    Shape shape = struct_shape(fields, 3, name);
    connect_describe(arena, &shape, name, 2, NULL, doc);
    return shape;
}

Shape geometry_shape(Arena *arena, Geometry geometry) {
    switch (geometry) {
    case GEOMETRY_POINT:
        return point_shape(arena);
    case GEOMETRY_LINE:
        return line_shape(arena);
    case GEOMETRY_CIRCLE:
        return circle_shape(arena);
    case GEOMETRY_LSEG:
    case GEOMETRY_BOX:
    case GEOMETRY_PATH:
    case GEOMETRY_POLYGON:
    case GEOMETRY_POSTGIS:
        return wkb_shape(arena, "io.debezium.data.geometry.Geometry", "Geometry");
    case GEOMETRY_GEOGRAPHY:
        return wkb_shape(arena, "io.debezium.data.geometry.Geography", "Geography");
    }
    UNREACHABLE();
}

// --- values ----------------------------------------------------------------------------------------------------

size_t geometry_numbers(Arena *arena, Slice text, double *numbers, size_t max) {
    const char *at = arena_text(arena, text);
    size_t count = 0;
    while (*at != '\0') {
        if (strchr("(),{}[]<> ", *at) != NULL) {
            at++;
            continue;
        }
        char *end;
        double number = strtod(at, &end);
        if (end == at || count == max) {
            return SIZE_MAX;
        }
        numbers[count++] = number;
        at = end;
    }
    return count;
}

static Value real(double number) {
    return (Value){.kind = VALUE_FLOAT64, .real = number};
}

static Value string(const char *text) {
    return value_bytes(VALUE_STRING, slice_of(text));
}

static Value struct_value(Value *items, size_t count) {
    return (Value){.kind = VALUE_STRUCT, .items = {items, count}};
}

static uint8_t *put_u32(uint8_t *at, uint32_t v) {
    memcpy(at, &v, sizeof(v));
    return at + sizeof(v);
}

// `count` points of two numbers; a polygon is one ring of them.
static Value wkb(Arena *arena, uint32_t kind, const double *numbers, size_t count) {
    size_t size = 1 + 4 + (kind == WKB_POINT ? 0U : 4U) + (kind == WKB_POLYGON ? 4U : 0U) + count * 16;
    uint8_t *bytes = arena_alloc(arena, size), *at = bytes;
    *at++ = 1; // little-endian
    at = put_u32(at, kind);
    if (kind == WKB_POLYGON) {
        at = put_u32(at, 1);
    }
    if (kind != WKB_POINT) {
        at = put_u32(at, (uint32_t)count);
    }
    memcpy(at, numbers, count * 16);
    return value_bytes(VALUE_BYTES, (Slice){bytes, size});
}

static Value point_value(Arena *arena, const double *numbers) {
    Value *items = ARENA_ARRAY(arena, Value, 4);
    items[0] = real(numbers[0]);
    items[1] = real(numbers[1]);
    items[2] = wkb(arena, WKB_POINT, numbers, 1);
    return struct_value(items, 4);
}

static Value wkb_value(Arena *arena, Value bytes, const char *type, const char *closed) {
    Value *items = ARENA_ARRAY(arena, Value, 3), *pairs = ARENA_ARRAY(arena, Value, 4);
    pairs[0] = string("type");
    pairs[1] = string(type);
    pairs[2] = string("closed");
    pairs[3] = string(closed != NULL ? closed : "");
    items[0] = bytes;
    items[2] = (Value){.kind = VALUE_MAP, .items = {pairs, closed != NULL ? 4 : 2}};
    return struct_value(items, 3);
}

// From the corners (right, top), (left, bottom): around from the first.
static Value box_value(Arena *arena, const double *n) {
    double ring[] = {n[0], n[1], n[0], n[3], n[2], n[3], n[2], n[1], n[0], n[1]};
    return wkb_value(arena, wkb(arena, WKB_POLYGON, ring, 5), "box", NULL);
}

// A ring ends where it began. `numbers` has room for two more.
static Value polygon_value(Arena *arena, double *numbers, size_t count) {
    if (memcmp(numbers, numbers + count - 2, 16) != 0) {
        numbers[count] = numbers[0];
        numbers[count + 1] = numbers[1];
        count += 2;
    }
    return wkb_value(arena, wkb(arena, WKB_POLYGON, numbers, count / 2), "polygon", NULL);
}

// The bytes go on as they are; the SRID is shown beside them too.
static bool ewkb_value(Arena *arena, Slice text, Value *value) {
    uint8_t *bytes = arena_alloc(arena, text.size / 2);
    for (size_t i = 0; i + 1 < text.size; i += 2) {
        int high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i / 2] = (uint8_t)(high * 16 + low);
    }
    if (text.size % 2 != 0 || text.size < 10) {
        return false;
    }
    uint32_t kind = bytes[0] == 1 ? load_u32le(bytes + 1) : load_u32be(bytes + 1);
    Value *items = ARENA_ARRAY(arena, Value, 3);
    items[0] = value_bytes(VALUE_BYTES, (Slice){bytes, text.size / 2});
    if ((kind & EWKB_HAS_SRID) != 0) {
        if (text.size < 18) {
            return false;
        }
        items[1] = value_int((int32_t)(bytes[0] == 1 ? load_u32le(bytes + 5) : load_u32be(bytes + 5)));
    }
    *value = struct_value(items, 3);
    return true;
}

static bool numbers_value(Geometry geometry, Arena *arena, Slice text, Value *value) {
    size_t max = text.size / 2 + 1;
    double *n = ARENA_ARRAY(arena, double, max + 2);
    size_t count = geometry_numbers(arena, text, n, max);
    Value *items = NULL;
    if (count == SIZE_MAX) {
        return false;
    }
    switch (geometry) {
    case GEOMETRY_POINT:
        *value = point_value(arena, n);
        return count == 2;
    case GEOMETRY_LINE:
    case GEOMETRY_CIRCLE:
        items = ARENA_ARRAY(arena, Value, 3);
        items[0] = geometry == GEOMETRY_LINE ? real(n[0]) : point_value(arena, n);
        items[1] = real(geometry == GEOMETRY_LINE ? n[1] : n[2]);
        items[2] = real(n[2]);
        *value = struct_value(items, geometry == GEOMETRY_LINE ? 3 : 2);
        return count == 3;
    case GEOMETRY_LSEG:
        *value = wkb_value(arena, wkb(arena, WKB_LINE_STRING, n, count / 2), "lseg", NULL);
        return count == 4;
    case GEOMETRY_BOX:
        *value = box_value(arena, n);
        return count == 4;
    case GEOMETRY_PATH:
        *value =
            wkb_value(arena, wkb(arena, WKB_LINE_STRING, n, count / 2), "path", text.data[0] == '(' ? "true" : "false");
        return count > 0 && count % 2 == 0;
    case GEOMETRY_POLYGON:
        if (count == 0 || count % 2 != 0) {
            return false;
        }
        *value = polygon_value(arena, n, count);
        return true;
    case GEOMETRY_POSTGIS:
    case GEOMETRY_GEOGRAPHY:
        break;
    }
    UNREACHABLE();
}

bool geometry_value(Geometry geometry, Arena *arena, Slice text, Value *value, Err *err) {
    bool postgis = geometry == GEOMETRY_POSTGIS || geometry == GEOMETRY_GEOGRAPHY;
    // The shortest, "(0,0)", has two numbers; what follows may look at four.
    bool made =
        text.size >= 5 && (postgis ? ewkb_value(arena, text, value) : numbers_value(geometry, arena, text, value));
    return made || FAIL(err, ERR_VALUE, "a geometric value is malformed");
}
