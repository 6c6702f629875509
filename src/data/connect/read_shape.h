// SPDX-License-Identifier: Apache-2.0
// Shapes of schemas that were read, an Avro schema of a registry or that of a JSON record, as Connect's converters
// understand them: in the form that data/connect/column.h gives a source's columns, so that transforms and sinks take
// records of either alike. The shape must be one of plain numbers and texts (avro_reader_of with `plain`).
#ifndef LEAT_DATA_CONNECT_READ_SHAPE_H
#define LEAT_DATA_CONNECT_READ_SHAPE_H

#include "data/format/shape.h"

// Changes the shape; what it refers to is copied into the arena, where it is changed too. Dates, times, timestamps and
// decimals get both Connect's name and Avro's logical type where one of them was missing; structs their Avro name, but
// for the one that Confluent's converter gives those without any. Bytes that a schema says to be a Decimal of at most
// 38 digits become DECIMAL where no logical type is said, which is so in JSON.
void connect_read_shape(Arena *arena, Shape *shape);

#endif
