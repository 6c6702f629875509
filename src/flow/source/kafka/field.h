// SPDX-License-Identifier: Apache-2.0
// One column of rows that come in records: its type by the record's schema, and its values. Logical types of Connect
// and Debezium become types of their own:
//
//     Decimal DECIMAL(p, s), of any digits where no precision is told · VariableScaleDecimal DECIMAL of any digits ·
//     Date DATE · Time, MicroTime TIME · Timestamp, MicroTimestamp (io.debezium.time) TIMESTAMP · Timestamp (Connect)
//     TIMESTAMPTZ, in a change of Debezium TIMESTAMP, which is what it has it for · ZonedTimestamp TIMESTAMPTZ ·
//     Uuid UUID · Json JSON · Enum ENUM · Bits of a known length BITS
//
// Those whose values no type of leat holds exactly stay what they are on the wire: nanoseconds and durations INT64,
// ZonedTime and texts of intervals STRING.
#ifndef LEAT_FLOW_SOURCE_KAFKA_FIELD_H
#define LEAT_FLOW_SOURCE_KAFKA_FIELD_H

#include "core/base/err.h"
#include "data/event/value.h"
#include "data/format/shape.h"

enum { KAFKA_PLACEHOLDER_BYTES = 28 }; // the shortest one

typedef struct KafkaField KafkaField;
struct KafkaField {
    Type type;
    uint8_t form; // how values are made (field.c)
    bool plain;   // …as they are, but for the placeholder
    bool change;  // of a change of Debezium: it may hold the placeholder of an unchanged value
    int32_t scale;
    const KafkaField *parts; // of a LIST, MAP: one; STRUCT: of its fields
    uint32_t part_count;
};

// A value that kafka_field_value would give as it is: most are, and it is not null. (Placeholders are longer texts.)
static inline bool kafka_field_passes(const KafkaField *field, const Value *value) {
    return field->plain && (value->kind == VALUE_INT || value->kind == VALUE_DECIMAL ||
                            (value->kind == VALUE_STRING && value->bytes.size < KAFKA_PLACEHOLDER_BYTES));
}

// Lives in the arena, with what it has of the shape.
void kafka_field_new(Arena *arena, const Shape *shape, bool change, KafkaField *field);
// ERR_VALUE: the value is none of its logical type.
CHECKED bool kafka_field_value(const KafkaField *field, Arena *scratch, const Value *from, Value *to, Err *err);

#endif
