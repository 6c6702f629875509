// SPDX-License-Identifier: Apache-2.0
// The converters' list, and those that are a few lines each: text, bytes, numbers.
#include "data/connect/converter.h"

#include "core/base/json.h"
#include "data/connect/converter_class.h"
#include "data/connect/notes.h"
#include "data/connect/smt.h"

#include <strings.h>

// --- options ---------------------------------------------------------------------------------------------------

Slice converter_option(const Converter *converter, const char *name, const char *otherwise) {
    const Property *found = properties_find(&converter->options, slice_of(name));
    if (found != NULL && found->value.data != NULL) {
        return found->value;
    }
    return otherwise == NULL ? (Slice){0} : slice_of(otherwise);
}

bool converter_option_bool(const Converter *converter, const char *name, bool otherwise, bool *value, Err *err) {
    Slice text = converter_option(converter, name, otherwise ? "true" : "false");
    *value = text.size == 4 && strncasecmp((const char *)text.data, "true", 4) == 0;
    return *value || (text.size == 5 && strncasecmp((const char *)text.data, "false", 5) == 0) ||
           FAIL(err, ERR_OPTION, "%s%s: \"%.*s\" is neither true nor false", converter->prefix, name,
                (int)MIN(text.size, 60), (const char *)text.data);
}

// --- text ------------------------------------------------------------------------------------------------------

// As Java's toString: Struct{id=1,name=x}, [1, 2], {k=v}; bytes in base64, which has no text of its own there.
static void put_words(Buf *out, Arena *scratch, const Shape *shape, const Value *value) {
    Slice decimal;
    if (value->kind == VALUE_NULL) {
        buf_text(out, "null");
    } else if (value->kind == VALUE_STRING) {
        buf_put(out, value->bytes);
    } else if (value->kind == VALUE_INT) {
        buf_int(out, value->integer);
    } else if (value->kind == VALUE_FLOAT32 || value->kind == VALUE_FLOAT64) {
        smt_real_text(out, value->real, value->kind == VALUE_FLOAT32);
    } else if (value->kind == VALUE_TRUE || value->kind == VALUE_FALSE) {
        buf_text(out, value->kind == VALUE_TRUE ? "true" : "false");
    } else if (shape != NULL && smt_decimal(scratch, shape, value, &decimal)) {
        smt_decimal_text(out, decimal);
    } else if (value->kind == VALUE_BYTES) {
        size_t start = out->size;
        json_base64(out, value->bytes);
        memmove(out->data + start, out->data + start + 1, out->size - start - 2);
        out->size -= 2;
    } else if (value->kind == VALUE_STRUCT && shape != NULL) {
        buf_text(out, "Struct{");
        for (uint32_t i = 0, shown = 0; i < shape->field_count; i++) {
            if (value->items.at[i].kind != VALUE_NULL) {
                buf_text(out, shown++ > 0 ? "," : "");
                buf_put(out, shape->fields[i].name);
                buf_u8(out, '=');
                put_words(out, scratch, &shape->fields[i].shape, &value->items.at[i]);
            }
        }
        buf_u8(out, '}');
    } else {
        bool map = value->kind == VALUE_MAP;
        buf_u8(out, map ? '{' : '[');
        for (size_t i = 0; i < value->items.count; i++) {
            buf_text(out, i == 0 ? "" : map && i % 2 == 1 ? "=" : ", ");
            put_words(out, scratch, shape != NULL && (!map || i % 2 == 1) ? shape->element : NULL, &value->items.at[i]);
        }
        buf_u8(out, map ? '}' : ']');
    }
}

static bool string_compile(Converter *converter, const SchemaRegistrar *registrar, Err *err) {
    Slice encoding = converter_option(converter, "converter.encoding", "UTF-8");
    return (encoding.size >= 4 && strncasecmp((const char *)encoding.data, "UTF", 3) == 0 &&
            encoding.data[encoding.size - 1] == '8') ||
           FAIL(err, ERR_OPTION, "%sconverter.encoding: text is written as UTF-8 only", converter->prefix);
}

static bool string_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out,
                         Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init_small(&scratch, "text", 256);
    put_words(out, &scratch, shape, value);
    return true;
}

static const ConverterClass CONVERTER_STRING = {
    .names = {"org.apache.kafka.connect.storage.StringConverter"},
    .compile = string_compile,
    .write = string_write,
    .yield = YIELD_STRING,
};

// --- bytes -----------------------------------------------------------------------------------------------------

static bool bytes_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out, Err *err) {
    if (value->kind != VALUE_BYTES || (shape != NULL && shape->kind != SHAPE_BYTES)) {
        return FAIL(err, ERR_VALUE, "ByteArrayConverter writes bytes only, and this is %s",
                    shape == NULL ? "something else" : shape_kind_name(shape->kind));
    }
    buf_put(out, value->bytes);
    return true;
}

static const ConverterClass CONVERTER_BYTES = {
    .names = {"org.apache.kafka.connect.converters.ByteArrayConverter"},
    .write = bytes_write,
    .yield = YIELD_BYTES,
};

// Debezium's: bytes as they are, and all else by another converter, where one is named.
static bool binary_compile(Converter *converter, const SchemaRegistrar *registrar, Err *err) {
    static const char OPTION[] = "delegate.converter.type";
    Converter *other = NULL;
    if (converter_option(converter, OPTION, NULL).data == NULL) {
        return true;
    }
    Properties config = {0},
               given = properties_under(converter->arena, &converter->options, SLICE("delegate.converter.type."));
    const char *as = converter->is_key ? "key.converter" : "value.converter";
    properties_set(converter->arena, &config, slice_of(as), converter_option(converter, OPTION, NULL));
    for (size_t i = 0; i < given.count; i++) {
        const char *name = arena_printf(converter->arena, "%s.%.*s", as, SLICE_ARG(given.at[i].name));
        properties_set(converter->arena, &config, slice_of(name), given.at[i].value);
    }
    TRY(converter_new(converter->arena, &config, converter->is_key, registrar, &other, err));
    converter->state = other;
    return true;
}

static bool binary_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out,
                         Err *err) {
    bool bytes = value->kind == VALUE_BYTES && (shape == NULL || shape->kind == SHAPE_BYTES), null = false;
    return bytes || converter->state == NULL ? bytes_write(converter, topic, shape, value, out, err)
                                             : converter_write(converter->state, topic, shape, value, out, &null, err);
}

static bool binary_prepare(Converter *converter, Slice topic, const Shape *shape, Err *err) {
    return converter->state == NULL || shape->kind == SHAPE_BYTES ||
           converter_prepare(converter->state, topic, shape, err);
}

static void binary_release(Converter *converter) {
    converter_release(converter->state);
}

static const ConverterClass CONVERTER_BINARY = {
    .names = {"io.debezium.converters.BinaryDataConverter", "io.debezium.converters.ByteArrayConverter"},
    .compile = binary_compile,
    .write = binary_write,
    .prepare = binary_prepare,
    .release = binary_release,
    .yield = YIELD_BYTES,
};

// --- numbers ---------------------------------------------------------------------------------------------------

static bool misfit(const char *wanted, Err *err) {
    return FAIL(err, ERR_VALUE, "the value is no %s", wanted);
}

static bool boolean_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out,
                          Err *err) {
    if (value->kind != VALUE_TRUE && value->kind != VALUE_FALSE) {
        return misfit("boolean", err);
    }
    buf_u8(out, value->kind == VALUE_TRUE);
    return true;
}

// An integer of exactly this width: its shape says it.
static bool integer_of(const Shape *shape, const Value *value, int bits) {
    if (value->kind != VALUE_INT || shape == NULL) {
        return value->kind == VALUE_INT;
    }
    return shape->kind == SHAPE_INT64 ? bits == 64 : shape->kind == SHAPE_INT32 && smt_int_bits(shape) == bits;
}

static bool short_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out, Err *err) {
    if (!integer_of(shape, value, 16) || value->integer != (int16_t)value->integer) {
        return misfit("int16", err);
    }
    buf_u16be(out, (uint16_t)value->integer);
    return true;
}

static bool integer_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out,
                          Err *err) {
    if (!integer_of(shape, value, 32) || value->integer != (int32_t)value->integer) {
        return misfit("int32", err);
    }
    buf_u32be(out, (uint32_t)value->integer);
    return true;
}

static bool long_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out, Err *err) {
    if (!integer_of(shape, value, 64)) {
        return misfit("int64", err);
    }
    buf_u64be(out, (uint64_t)value->integer);
    return true;
}

static bool float_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out, Err *err) {
    if (value->kind != VALUE_FLOAT32) {
        return misfit("float32", err);
    }
    float real = (float)value->real;
    uint32_t bits;
    memcpy(&bits, &real, sizeof(bits));
    buf_u32be(out, bits);
    return true;
}

static bool double_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out,
                         Err *err) {
    if (value->kind != VALUE_FLOAT64) {
        return misfit("float64", err);
    }
    uint64_t bits;
    memcpy(&bits, &value->real, sizeof(bits));
    buf_u64be(out, bits);
    return true;
}

#define NUMBER(class, function)                                                                                \
    static const ConverterClass CONVERTER_##class = {.names = {"org.apache.kafka.connect.converters." #class}, \
                                                     .write = (function)}
NUMBER(BooleanConverter, boolean_write);
NUMBER(ShortConverter, short_write);
NUMBER(IntegerConverter, integer_write);
NUMBER(LongConverter, long_write);
NUMBER(FloatConverter, float_write);
NUMBER(DoubleConverter, double_write);

// --- the list --------------------------------------------------------------------------------------------------

static const ConverterClass *const CLASSES[] = {
    &CONVERTER_JSON,
    &CONVERTER_AVRO,
    &CONVERTER_STRING,
    &CONVERTER_BYTES,
    &CONVERTER_BINARY,
    &CONVERTER_BooleanConverter,
    &CONVERTER_ShortConverter,
    &CONVERTER_IntegerConverter,
    &CONVERTER_LongConverter,
    &CONVERTER_FloatConverter,
    &CONVERTER_DoubleConverter,
};

static const char *simple_name(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

static bool class_is(const ConverterClass *class, Slice name) {
    for (size_t i = 0; i < ARRAY_LEN(class->names) && class->names[i] != NULL; i++) {
        if (slice_is(name, class->names[i]) || (i == 0 && slice_is(name, simple_name(class->names[i])))) {
            return true;
        }
    }
    return false;
}

static bool unknown(const char *key, Slice name, Err *err) {
    Buf names;
    buf_init(&names, 400);
    for (size_t i = 0; i < ARRAY_LEN(CLASSES); i++) {
        buf_printf(&names, "%s%s", i > 0 ? ", " : "", simple_name(CLASSES[i]->names[0]));
    }
    FAIL(err, ERR_OPTION, "%s: leat has no converter %.*s", key, (int)MIN(name.size, 100), (const char *)name.data);
    err_hint(err, "there are %.*s", SLICE_ARG(buf_slice(&names)));
    buf_release(&names);
    return false;
}

bool converter_new(Arena *arena, const Properties *config, bool is_key, const SchemaRegistrar *registrar,
                   Converter **converter, Err *err) {
    const char *key = is_key ? "key.converter" : "value.converter";
    const Property *given = properties_find(config, slice_of(key));
    Slice name = given != NULL && given->value.data != NULL ? given->value : slice_of(CONVERTER_JSON.names[0]);
    Converter *made = ARENA_NEW(arena, Converter);
    for (size_t i = 0; i < ARRAY_LEN(CLASSES) && made->class == NULL; i++) {
        made->class = class_is(CLASSES[i], name) ? CLASSES[i] : NULL;
    }
    if (made->class == NULL) {
        return unknown(key, name, err);
    }
    made->arena = arena;
    made->is_key = is_key;
    made->prefix = arena_printf(arena, "%s.", key);
    made->options = properties_under(arena, config, slice_of(made->prefix));
    made->yield = made->class->yield;
    if (made->class->compile != NULL && !made->class->compile(made, registrar, err)) {
        converter_release(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *converter = made;
    return true;
}

void converter_release(Converter *converter) {
    if (converter == NULL) {
        return;
    }
    if (converter->class->release != NULL && converter->state != NULL) {
        converter->class->release(converter);
        converter->state = NULL;
    }
    map_release(&converter->plans);
    converter->plans = (Map){0};
    converter->last_plan = NULL;
}

static bool failed(const Converter *converter, Slice topic, Err *err) {
    return err_prefix(err, "%s, topic %.*s", converter->is_key ? "key.converter" : "value.converter",
                      (int)MIN(topic.size, 120), (const char *)topic.data);
}

bool converter_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out, bool *null,
                     Err *err) {
    *null = false;
    size_t start = out->size;
    bool done = true;
    if (LIKELY(value != NULL && value->kind != VALUE_NULL)) {
        done = converter->class->write(converter, topic, shape, value, out, err);
    } else if (shape != NULL && converter->class->write_null != NULL) {
        done = converter->class->write_null(converter, topic, shape, out, null, err);
    } else {
        *null = true;
    }
    if (UNLIKELY(!done || out->overflow)) {
        out->size = start;
        return done ? FAIL(err, ERR_MEMORY, "topic %.*s: no room for a record", (int)MIN(topic.size, 120),
                           (const char *)topic.data)
                    : failed(converter, topic, err);
    }
    return true;
}

bool converter_prepare(Converter *converter, Slice topic, const Shape *shape, Err *err) {
    return shape == NULL || converter->class->prepare == NULL ||
           converter->class->prepare(converter, topic, shape, err) || failed(converter, topic, err);
}

ConverterYield converter_yield(const Converter *reading) {
    return reading->yield;
}

bool converter_is(const Converter *converter, const char *simple_class_name) {
    return strcmp(simple_name(converter->class->names[0]), simple_class_name) == 0;
}
