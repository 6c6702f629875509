// SPDX-License-Identifier: Apache-2.0
// Connect schemas as shapes: what a Connect schema has and a Shape has not is in the shape's notes, in the form that
// Confluent's AvroData gives them: connect.name, connect.version, connect.parameters, connect.doc, connect.default;
// connect.type for int8 and int16.
#ifndef LEAT_DATA_CONNECT_NOTES_H
#define LEAT_DATA_CONNECT_NOTES_H

#include "data/format/shape.h"

// Debezium's default of unavailable.value.placeholder.
#define CONNECT_UNAVAILABLE "__debezium_unavailable_value"

// The note `name` of a shape, as JSON text; empty when there is none.
Slice connect_note(const Shape *shape, const char *name);
// Sets a shape's Connect name, version and, unless NULL, its parameters (JSON) and doc.
void connect_describe(Arena *arena, Shape *shape, const char *name, int version, const char *parameters,
                      const char *doc);
void connect_note_add(Arena *arena, Shape *shape, const char *name, Slice json);
// Adds to the parameters, or makes them: both are texts.
void connect_parameter_add(Arena *arena, Shape *shape, const char *name, Slice text);
// A field of a struct; "null" is the default of one that is optional.
ShapeField connect_field(const char *name, ShapeKind kind, bool optional);
// Version 0: none.
Shape connect_struct(Arena *arena, const ShapeField *fields, uint32_t count, Slice name, int version);
// A text as JSON, in the arena.
Slice connect_quoted(Arena *arena, Slice text);

#endif
