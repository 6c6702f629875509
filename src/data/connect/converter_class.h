// SPDX-License-Identifier: Apache-2.0
// What the converters share: a class each, plans kept per shape.
#ifndef LEAT_DATA_CONNECT_CONVERTER_CLASS_H
#define LEAT_DATA_CONNECT_CONVERTER_CLASS_H

#include "core/base/buf.h"
#include "core/base/map.h"
#include "data/connect/converter.h"

typedef struct ConverterClass {
    const char *names[3]; // in full; all of them mean this class
    bool (*compile)(Converter *converter, const SchemaRegistrar *registrar, Err *err); // NULL: it has no options
    // `value` is not NULL, `shape` may be.
    bool (*write)(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out, Err *err);
    // What a null with a schema is; NULL: null on the wire.
    bool (*write_null)(Converter *converter, Slice topic, const Shape *shape, Buf *out, bool *null, Err *err);
    bool (*prepare)(Converter *converter, Slice topic, const Shape *shape, Err *err); // NULL: nothing to do
    void (*release)(Converter *converter);                                            // NULL: nothing to do
    ConverterYield yield;
} ConverterClass;

struct Converter {
    const ConverterClass *class;
    Arena *arena;
    const char *prefix; // of its options, for errors: "value.converter."
    Properties options;
    bool is_key;
    ConverterYield yield;
    void *state;
    const Shape *last_shape;
    void *last_plan;
    Map plans; // by the shape's address
};

extern const ConverterClass CONVERTER_JSON, CONVERTER_AVRO;

static inline void *converter_plan(Converter *converter, const Shape *shape) {
    if (LIKELY(converter->last_shape == shape && converter->last_plan != NULL)) {
        return converter->last_plan;
    }
    converter->last_shape = shape;
    converter->last_plan = map_find_u64(&converter->plans, (uint64_t)(uintptr_t)shape);
    return converter->last_plan;
}
static inline void converter_plan_keep(Converter *converter, const Shape *shape, void *plan) {
    map_put_u64(&converter->plans, (uint64_t)(uintptr_t)shape, plan);
    converter->last_shape = shape;
    converter->last_plan = plan;
}
CHECKED bool converter_option_bool(const Converter *converter, const char *name, bool otherwise, bool *value, Err *err);
Slice converter_option(const Converter *converter, const char *name, const char *otherwise);

#endif
