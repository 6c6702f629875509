// SPDX-License-Identifier: Apache-2.0
#include "data/connect/notes.h"

#include "core/base/json.h"

void connect_note_add(Arena *arena, Shape *shape, const char *name, Slice json) {
    ShapeNote *notes = ARENA_ARRAY(arena, ShapeNote, (size_t)shape->note_count + 1);
    if (shape->note_count > 0) {
        memcpy(notes, shape->notes, shape->note_count * sizeof(*notes));
    }
    notes[shape->note_count] = (ShapeNote){slice_of(name), json};
    shape->notes = notes;
    shape->note_count++;
}

Slice connect_quoted(Arena *arena, Slice text) {
    Buf buf;
    buf_init(&buf, 0);
    json_quote(&buf, text);
    Slice json = arena_slice(arena, buf_slice(&buf));
    buf_release(&buf);
    return json;
}

void connect_describe(Arena *arena, Shape *shape, const char *name, int version, const char *parameters,
                      const char *doc) {
    if (doc != NULL) {
        connect_note_add(arena, shape, "connect.doc", connect_quoted(arena, slice_of(doc)));
    }
    connect_note_add(arena, shape, "connect.version", slice_of(arena_printf(arena, "%d", version)));
    if (parameters != NULL) {
        connect_note_add(arena, shape, "connect.parameters", slice_of(parameters));
    }
    connect_note_add(arena, shape, "connect.name", connect_quoted(arena, slice_of(name)));
}

void connect_parameter_add(Arena *arena, Shape *shape, const char *name, Slice text) {
    Slice key = connect_quoted(arena, slice_of(name)), value = connect_quoted(arena, text);
    Slice had = connect_note(shape, "connect.parameters");
    if (had.size == 0) {
        connect_note_add(arena, shape, "connect.parameters",
                         slice_of(arena_printf(arena, "{%.*s:%.*s}", SLICE_ARG(key), SLICE_ARG(value))));
        return;
    }
    had.size--; // the brace
    Slice more = slice_of(arena_printf(arena, "%.*s,%.*s:%.*s}", SLICE_ARG(had), SLICE_ARG(key), SLICE_ARG(value)));
    ShapeNote *notes = ARENA_ARRAY(arena, ShapeNote, shape->note_count);
    for (uint32_t i = 0; i < shape->note_count; i++) {
        notes[i] = shape->notes[i];
        if (slice_is(notes[i].name, "connect.parameters")) {
            notes[i].json = more;
        }
    }
    shape->notes = notes;
}

Slice connect_note(const Shape *shape, const char *name) {
    for (uint32_t i = 0; i < shape->note_count; i++) {
        if (slice_is(shape->notes[i].name, name)) {
            return shape->notes[i].json;
        }
    }
    return (Slice){0};
}

ShapeField connect_field(const char *name, ShapeKind kind, bool optional) {
    return (ShapeField){.name = slice_of(name),
                        .shape = {.kind = kind, .optional = optional},
                        .default_json = optional ? SLICE("null") : (Slice){0}};
}

Shape connect_struct(Arena *arena, const ShapeField *fields, uint32_t count, Slice name, int version) {
    Shape shape = {.kind = SHAPE_STRUCT, .name = name, .fields = fields, .field_count = count};
    if (version > 0) {
        connect_note_add(arena, &shape, "connect.version", slice_of(arena_printf(arena, "%d", version)));
    }
    connect_note_add(arena, &shape, "connect.name", connect_quoted(arena, name));
    return shape;
}
