// SPDX-License-Identifier: Apache-2.0
// What the transforms share: their options, their plans per shape, and the building of shapes.
//
// A transform works on one part of a record, its key or its value. A value without a schema, a map, is a STRUCT with a
// made-up shape while it is in a chain (transform.c), so a transform sees structs only.
#ifndef LEAT_DATA_CONNECT_SMT_H
#define LEAT_DATA_CONNECT_SMT_H

#include "core/base/err.h"
#include "core/base/map.h"
#include "core/config/properties.h"
#include "core/config/regex.h"
#include "data/connect/connect_record.h"

typedef struct Smt Smt;

typedef struct SmtClass {
    const char *name; // in full, without $Key and $Value
    bool parts;       // there is a $Key and a $Value of it
    // Reads the options into smt->state. ERR_OPTION names the key.
    bool (*compile)(Smt *smt, Err *err);
    // ERR_VALUE names the field; the chain adds transform and topic. *keep is true at the call.
    bool (*apply)(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err);
    bool (*dynamic)(const Smt *smt); // see transform_chain_dynamic; NULL = never
    void (*release)(Smt *smt);       // what is not in the arena; NULL = nothing
} SmtClass;

struct Smt {
    const SmtClass *class;
    const char *prefix; // of its options, for errors: "transforms.unwrap."
    Properties options;
    Arena *arena; // of the chain: shapes and plans
    void *state;
    bool on_key;
    bool *schemaless; // of the record in work: [0] its value, [1] its key
    const void *last_from;
    void *last_plan;
    Map plans;
};

extern const SmtClass SMT_BY_LOGICAL_TABLE, SMT_CAST, SMT_DROP_HEADERS, SMT_EXTRACT_FIELD, SMT_FILTER, SMT_FLATTEN,
    SMT_HEADER_FROM, SMT_HEADER_TO_VALUE, SMT_HOIST_FIELD, SMT_INSERT_FIELD, SMT_INSERT_HEADER, SMT_MASK_FIELD,
    SMT_OUTBOX, SMT_REGEX_ROUTER, SMT_REPLACE_FIELD, SMT_SET_SCHEMA_METADATA, SMT_TIMESTAMP_CONVERTER,
    SMT_TIMESTAMP_ROUTER, SMT_TO_LOGICAL_TOPIC, SMT_UNWRAP, SMT_VALUE_TO_KEY;
extern const SmtClass SMT_JSON_MAP_APACHE, SMT_JSON_MAP_TABULAR, SMT_MONGO_APACHE, SMT_MONGO_TABULAR;
extern const SmtClass SMT_CDC_APACHE, SMT_CDC_TABULAR, SMT_COPY_APACHE, SMT_COPY_TABULAR, SMT_DMS_APACHE,
    SMT_DMS_TABULAR, SMT_METADATA_APACHE, SMT_METADATA_TABULAR;

// --- the part in work ------------------------------------------------------------------------------------------

static inline const Shape *smt_shape(const Smt *smt, const ConnectRecord *record) {
    return smt->on_key ? record->key_shape : record->value_shape;
}
// NULL where it is null.
static inline const Value *smt_value(const Smt *smt, const ConnectRecord *record) {
    const Value *value = smt->on_key ? record->key : record->value;
    return value == NULL || value->kind == VALUE_NULL ? NULL : value;
}
static inline void smt_put(const Smt *smt, ConnectRecord *record, const Shape *shape, const Value *value) {
    if (smt->on_key) {
        record->key_shape = shape;
        record->key = value;
    } else {
        record->value_shape = shape;
        record->value = value;
    }
}
// A STRUCT's value with room for its items, in `scratch`; *items is that room.
Value *smt_struct_new(Arena *scratch, const Shape *shape, Value **items);
Value *smt_value_new(Arena *scratch, Value value);
// ERR_VALUE unless the part is a STRUCT: "…, and it is a string".
CHECKED bool smt_require_struct(const Smt *smt, const ConnectRecord *record, const char *purpose, Err *err);
// What a NULL field counts as: its default where replace.null.with.default is true and it has one.
Value smt_or_default(Arena *scratch, const Shape *shape, const Value *value, bool replace);
// A default (JSON as JsonConverter writes it) as a value of the shape; NULL where there is none.
Value smt_json_value(Arena *arena, const Shape *shape, Slice json);

// --- options ---------------------------------------------------------------------------------------------------

// data NULL where it is not given and `otherwise` is NULL.
Slice smt_text(const Smt *smt, const char *name, const char *otherwise);
CHECKED bool smt_required(const Smt *smt, const char *name, Slice *text, Err *err);
CHECKED bool smt_bool(const Smt *smt, const char *name, bool otherwise, bool *value, Err *err);
// One of `choices` (comma-separated), whatever the case: its place.
CHECKED bool smt_choice(const Smt *smt, const char *name, const char *otherwise, const char *choices, int *choice,
                        Err *err);
CHECKED bool smt_regex(const Smt *smt, const char *name, const char *otherwise, Regex **regex, Err *err);
CHECKED bool smt_replacement(const Smt *smt, const char *name, const Regex *regex, Slice replacement, Err *err);
typedef struct SmtList {
    Slice *at;
    size_t count;
} SmtList;
SmtList smt_list(const Smt *smt, const char *name);
bool smt_list_has(const SmtList *list, Slice name);
// ERR_OPTION: "transforms.ALIAS.NAME: …".
bool smt_option_failed(const Smt *smt, const char *name, Err *err, const char *format, ...) PRINTF_LIKE(4, 5);

// --- plans -----------------------------------------------------------------------------------------------------

// What was kept for a shape; NULL when it was not seen yet.
static inline void *smt_plan(Smt *smt, const void *from) {
    if (LIKELY(smt->last_from == from && smt->last_plan != NULL)) {
        return smt->last_plan;
    }
    void *plan = map_find_u64(&smt->plans, (uint64_t)(uintptr_t)from);
    smt->last_from = from;
    smt->last_plan = plan;
    return plan;
}
void smt_plan_keep(Smt *smt, const void *from, void *plan);
// What topics become, each worked out once (up to some thousands).
typedef struct SmtTexts {
    Arena arena;
    Map map;
} SmtTexts;
void smt_texts_init(SmtTexts *texts);
void smt_texts_release(SmtTexts *texts);
// What a regex makes of a topic; false: it does not match.
CHECKED bool smt_topic_replaced(SmtTexts *texts, Arena *scratch, Regex *regex, Slice replacement, Slice topic,
                                Slice *replaced);

// --- shapes ----------------------------------------------------------------------------------------------------

extern const Shape SMT_STRING, SMT_STRING_OPTIONAL, SMT_BYTES_OPTIONAL;
// Name, version, doc, parameters: not whether it is optional, nor its default.
Shape smt_basics(Arena *arena, const Shape *from);
Shape smt_basics_with(Arena *arena, const Shape *from, const ShapeField *fields, uint32_t count);
const Shape *smt_shape_keep(Arena *arena, Shape shape);
// A shape that was made of a record's content: one for all equal ones, as their addresses are what converters and sinks
// know them by. `shapes` holds those so far, by their schemas' text.
CHECKED bool smt_shape_shared(Smt *smt, Map *shapes, const Shape *made, const Shape **shared, Err *err);
void smt_note_set(Arena *arena, Shape *shape, const char *name, Slice json); // empty json: takes it away
void smt_name_set(Arena *arena, Shape *shape, Slice name);
Slice smt_name(const Shape *shape); // of the Connect schema; empty = none
bool smt_named(const Shape *shape, const char *name);
ShapeField smt_field(Slice name, const Shape *shape); // default_json comes from the shape
// An int32 that is an int8 or int16 with Connect: 8, 16, else 32.
int smt_int_bits(const Shape *shape);
// True when a value has the form of a shape's.
bool smt_fits(const Shape *shape, const Value *value);
bool smt_is_envelope(const Shape *shape);

// --- headers ---------------------------------------------------------------------------------------------------

// Adds one; the record's list is copied into `scratch`.
void smt_header_add(Arena *scratch, ConnectRecord *record, ConnectHeader header);
const ConnectHeader *smt_header_find(const ConnectRecord *record, Slice name); // the last of that name

// --- JSON without a schema (json_shape.c) ----------------------------------------------------------------------

typedef struct JsonShapeOptions {
    Slice name;           // of the outermost struct; inner ones are NAME.FIELD
    bool nulls_are_bytes; // a null becomes an optional bytes field; else it is left out
} JsonShapeOptions;
// Shape and value of a JSON object or array, as Debezium's outbox expands a payload. False: it is none, is nested more
// than 64 deep, has numbers that no shape holds exactly, or lists whose items differ in type.
CHECKED bool json_shape(Arena *arena, Slice json, const JsonShapeOptions *options, Shape *shape, Value *value);

// --- texts of values -------------------------------------------------------------------------------------------

// As Java's toString of a number: 1.0, 1.0E10.
void smt_real_text(Buf *buf, double number, bool single);
// As BigDecimal's toString: 1.50, 0E-10.
void smt_decimal_text(Buf *buf, Slice decimal);
// A Decimal's value, whatever its form: DECIMAL, or BYTES with a scale. False: the shape is no Decimal.
CHECKED bool smt_decimal(Arena *arena, const Shape *shape, const Value *value, Slice *decimal);

#endif
