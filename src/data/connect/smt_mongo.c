// SPDX-License-Identifier: Apache-2.0
// MongoDebeziumTransform, of Iceberg's sink connectors: in a change of Debezium's connector for MongoDB the texts
// before and after, documents in extended JSON, become structs whose fields have the types of what is in them; so does
// the key. Where there is no after but an updateDescription, after is before with the updated fields in their place.
//
//     int32, int64 INT32, INT64 · double FLOAT64 · string, object id, decimal, code, null STRING · binary BYTES
//     boolean BOOLEAN · date, timestamp Timestamp · regular expression, code with scope, document STRUCT
//     array ARRAY of its first item's type, or (array_handling_mode=document) STRUCT with fields _0, _1, …
//
// All are optional. A record that is no such change becomes a tombstone.
#include "data/connect/bson.h"
#include "data/connect/notes.h"
#include "data/connect/smt.h"

#define TIMESTAMP_CLASS "org.apache.kafka.connect.data.Timestamp"
#define REGEX_CLASS     "io.debezium.mongodb.regex"

typedef struct Mongo {
    int arrays; // 0: as arrays, 1: as documents
    Map shapes; // by their schemas' text
} Mongo;

typedef struct Work {
    Arena *arena;
    bool arrays_are_documents;
} Work;

static bool mongo_compile(Smt *smt, Err *err) {
    Mongo *mongo = smt->state = ARENA_NEW(smt->arena, Mongo);
    return smt_choice(smt, "array_handling_mode", "array", "array,document", &mongo->arrays, err);
}

// --- shapes ----------------------------------------------------------------------------------------------------

static bool field_add(const Work *work, const BsonNode *member, Slice name, Shape *to, Err *err);

static ShapeField *room(const Work *work, size_t count) {
    return ARENA_ARRAY(work->arena, ShapeField, count);
}

// As the original names them: "null" is what has no name.
static void name_inner(const Work *work, Slice outer, Slice field, Shape *shape) {
    outer = outer.size > 0 ? outer : SLICE("null");
    smt_name_set(work->arena, shape,
                 slice_of(arena_printf(work->arena, "%.*s.%.*s", SLICE_ARG(outer), SLICE_ARG(field))));
}

static Shape scalar_shape(const Work *work, BsonKind kind) {
    static const uint8_t KINDS[BSON_SCALAR_KINDS] = {
        [BSON_NULL] = SHAPE_STRING,    [BSON_STRING] = SHAPE_STRING, [BSON_OBJECT_ID] = SHAPE_STRING,
        [BSON_DECIMAL] = SHAPE_STRING, [BSON_CODE] = SHAPE_STRING,   [BSON_DOUBLE] = SHAPE_FLOAT64,
        [BSON_BINARY] = SHAPE_BYTES,   [BSON_INT32] = SHAPE_INT32,   [BSON_INT64] = SHAPE_INT64,
        [BSON_BOOLEAN] = SHAPE_BOOL,   [BSON_DATE] = SHAPE_INT64,    [BSON_TIMESTAMP] = SHAPE_INT64};
    Shape shape = {.kind = (ShapeKind)KINDS[kind], .optional = true};
    if (kind == BSON_DATE || kind == BSON_TIMESTAMP) {
        connect_describe(work->arena, &shape, TIMESTAMP_CLASS, 1, NULL, NULL);
    }
    return shape;
}

static bool members_add(const Work *work, const BsonNode *document, Shape *to, Err *err) {
    to->fields = room(work, document->count);
    for (const BsonNode *member = document->first; member != NULL; member = member->next) {
        TRY(field_add(work, member, member->name, to, err));
    }
    return true;
}

static Shape regex_shape(const Work *work) {
    ShapeField *fields = room(work, 2);
    fields[0] = smt_field(SLICE("regex"), &SMT_STRING_OPTIONAL);
    fields[1] = smt_field(SLICE("options"), &SMT_STRING_OPTIONAL);
    Shape shape = {.kind = SHAPE_STRUCT, .optional = true, .fields = fields, .field_count = 2};
    smt_name_set(work->arena, &shape, SLICE(REGEX_CLASS));
    return shape;
}

static bool scoped_shape(const Work *work, const BsonNode *node, Slice outer, Slice name, Shape *shape, Err *err) {
    ShapeField *fields = room(work, 2);
    *shape = (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = 2};
    name_inner(work, outer, name, shape);
    Shape scope = {.kind = SHAPE_STRUCT, .optional = true};
    name_inner(work, shape->name, SLICE("scope"), &scope);
    TRY(members_add(work, node, &scope, err));
    fields[0] = smt_field(SLICE("code"), &SMT_STRING_OPTIONAL);
    fields[1] = smt_field(SLICE("scope"), &scope);
    return true;
}

// --- shapes of arrays ------------------------------------------------------------------------------------------

static bool uneven(Slice name, Err *err) {
    FAIL(err, ERR_VALUE, "the array %.*s has items of different types", (int)MIN(name.size, 120),
         (const char *)name.data);
    return err_hint(err, "array_handling_mode=document takes it");
}

static bool empty(const BsonNode *node) {
    return (node->kind == BSON_DOCUMENT || node->kind == BSON_ARRAY) && node->count == 0;
}

typedef struct Union {
    Shape *shape;
    ShapeField *fields;
    BsonKind *kinds; // of the fields
} Union;

// A null says nothing of the type: what comes after it does.
static bool union_add(const Work *work, const BsonNode *member, Union *all, Err *err) {
    int32_t there = shape_find(all->shape, member->name);
    uint32_t count = all->shape->field_count;
    if (there < 0) {
        TRY(field_add(work, member, member->name, all->shape, err));
        if (all->shape->field_count > count) {
            all->kinds[count] = member->kind;
        }
        return true;
    }
    BsonKind known = all->kinds[there];
    if (known == BSON_NULL && member->kind != BSON_NULL) {
        Shape one = {.kind = SHAPE_STRUCT, .name = all->shape->name, .fields = room(work, 1)};
        TRY(field_add(work, member, member->name, &one, err));
        if (one.field_count == 1) {
            all->fields[there] = one.fields[0];
            all->kinds[there] = member->kind;
        }
        return true;
    }
    return member->kind == BSON_NULL || member->kind == known || uneven(member->name, err);
}

// One struct of all that the documents have. What is empty counts only where nothing else says more.
static bool documents_shape(const Work *work, const BsonNode *array, Slice outer, Slice name, Shape *shape, Err *err) {
    size_t most = 0;
    for (const BsonNode *item = array->first; item != NULL; item = item->next) {
        most += item->count;
    }
    Union all = {shape, room(work, most), ARENA_ARRAY(work->arena, BsonKind, most)};
    *shape = (Shape){.kind = SHAPE_STRUCT, .optional = true, .fields = all.fields};
    name_inner(work, outer, name, shape);
    for (int empties = 0; empties < 2 && shape->field_count == 0; empties++) {
        for (const BsonNode *item = array->first; item != NULL; item = item->next) {
            for (const BsonNode *member = item->first; member != NULL; member = member->next) {
                if (empties || !empty(member)) {
                    TRY(union_add(work, member, &all, err));
                }
            }
        }
    }
    return true;
}

static bool items_shape(const Work *work, const BsonNode *array, Slice outer, Slice name, Shape *shape, Err *err) {
    const BsonNode *first = array->first;
    Shape *element = ARENA_NEW(work->arena, Shape);
    *element = SMT_STRING_OPTIONAL;
    *shape = (Shape){.kind = SHAPE_LIST, .optional = true, .element = element};
    if (first == NULL) {
        return true;
    }
    const BsonNode *filled = first;
    for (const BsonNode *item = first; item != NULL; item = item->next) {
        if (item->kind != first->kind) {
            return uneven(name, err);
        }
        filled = filled->count == 0 ? item : filled;
    }
    if (first->kind == BSON_DOCUMENT) {
        return documents_shape(work, array, outer, name, element, err);
    }
    if (first->kind == BSON_ARRAY) {
        return items_shape(work, filled, outer, name, element, err);
    }
    if (first->kind >= BSON_SCALAR_KINDS) {
        return FAIL(err, ERR_VALUE, "the array %.*s has items of a type that is not supported in arrays",
                    (int)MIN(name.size, 120), (const char *)name.data);
    }
    *element = scalar_shape(work, first->kind);
    return true;
}

static Slice place_name(const Work *work, size_t place) {
    return slice_of(arena_printf(work->arena, "_%zu", place));
}

static bool places_shape(const Work *work, const BsonNode *array, Slice outer, Slice name, Shape *shape, Err *err) {
    *shape = (Shape){.kind = SHAPE_STRUCT, .optional = true, .fields = room(work, array->count)};
    name_inner(work, outer, name, shape);
    size_t place = 0;
    for (const BsonNode *item = array->first; item != NULL; item = item->next) {
        TRY(field_add(work, item, place_name(work, place++), shape, err));
    }
    return true;
}

// --- shapes of members -----------------------------------------------------------------------------------------

static bool document_shape(const Work *work, const BsonNode *document, Slice outer, Slice name, Shape *shape,
                           Err *err) {
    *shape = (Shape){.kind = SHAPE_STRUCT, .optional = true};
    name_inner(work, outer, name, shape);
    return members_add(work, document, shape, err);
}

// `to` has room for it. What the original leaves out is left out.
static bool field_add(const Work *work, const BsonNode *member, Slice name, Shape *to, Err *err) {
    Shape shape = {0};
    if (member->kind == BSON_OTHER) {
        return true;
    }
    if (member->kind == BSON_CODE_WITH_SCOPE) {
        TRY(scoped_shape(work, member, to->name, name, &shape, err));
    } else if (member->kind == BSON_REGEX) {
        shape = regex_shape(work);
    } else if (member->kind == BSON_DOCUMENT) {
        TRY(document_shape(work, member, to->name, name, &shape, err));
    } else if (member->kind == BSON_ARRAY) {
        TRY(work->arrays_are_documents ? places_shape(work, member, to->name, name, &shape, err)
                                       : items_shape(work, member, to->name, name, &shape, err));
    } else {
        shape = scalar_shape(work, member->kind);
    }
    ShapeField *fields = (ShapeField *)(uintptr_t)to->fields;
    fields[to->field_count++] = smt_field(name, &shape);
    return true;
}

// --- values ----------------------------------------------------------------------------------------------------

static bool fill(const Work *work, const Shape *shape, const BsonNode *node, Value *value, Err *err);

static Value pair(const Work *work, Value first, Value second) {
    Value *items = ARENA_ARRAY(work->arena, Value, 2);
    items[0] = first;
    items[1] = second;
    return (Value){.kind = VALUE_STRUCT, .items = {items, 2}};
}

// Members of a document, or items of an array as the fields _0, _1, …
static bool fill_fields(const Work *work, const Shape *shape, const BsonNode *node, Value *value, Err *err) {
    Value *items = ARENA_ARRAY(work->arena, Value, shape->field_count);
    *value = (Value){.kind = VALUE_STRUCT, .items = {items, shape->field_count}};
    size_t place = 0;
    uint32_t next = 0;
    for (const BsonNode *member = node->first; member != NULL; member = member->next, place++) {
        Slice name = node->kind == BSON_ARRAY ? place_name(work, place) : member->name;
        if (member->kind == BSON_OTHER) {
            continue;
        }
        bool in_order = next < shape->field_count && slice_equal(shape->fields[next].name, name);
        int32_t at = in_order ? (int32_t)next : shape_find(shape, name);
        if (at < 0) {
            return FAIL(err, ERR_VALUE, "of the documents in an array, %.*s is not in the first that has more than it",
                        (int)MIN(name.size, 120), (const char *)name.data);
        }
        TRY(fill(work, &shape->fields[at].shape, member, &items[at], err));
        next = (uint32_t)at + 1;
    }
    return true;
}

static bool fill_items(const Work *work, const Shape *shape, const BsonNode *array, Value *value, Err *err) {
    Value *items = ARENA_ARRAY(work->arena, Value, array->count);
    size_t count = 0;
    for (const BsonNode *item = array->first; item != NULL; item = item->next) {
        if (item->kind != BSON_NULL) { // there are nulls only where all are
            TRY(fill(work, shape->element, item, &items[count++], err));
        }
    }
    *value = (Value){.kind = VALUE_LIST, .items = {items, count}};
    return true;
}

static bool fill(const Work *work, const Shape *shape, const BsonNode *node, Value *value, Err *err) {
    *value = node->value; // NULL, so far, of what has parts
    if (node->kind == BSON_NULL) {
        return true;
    }
    bool record = shape->kind == SHAPE_STRUCT, list = shape->kind == SHAPE_LIST;
    if (node->kind == BSON_REGEX && record) {
        *value = pair(work, node->value, value_bytes(VALUE_STRING, node->options));
    } else if (node->kind == BSON_CODE_WITH_SCOPE && record && shape->field_count == 2) {
        Value scope = {.kind = VALUE_NULL};
        TRY(fill_fields(work, &shape->fields[1].shape, node, &scope, err));
        *value = pair(work, node->value, scope);
    } else if (node->kind == BSON_ARRAY && list) {
        return fill_items(work, shape, node, value, err);
    } else if ((node->kind == BSON_DOCUMENT || node->kind == BSON_ARRAY) && record) {
        return fill_fields(work, shape, node, value, err);
    } else if (node->kind >= BSON_SCALAR_KINDS || !smt_fits(shape, value) ||
               (shape->kind == SHAPE_INT32 && value->integer != (int32_t)value->integer)) {
        return uneven(node->name, err);
    }
    return true;
}

// --- documents of a record -------------------------------------------------------------------------------------

typedef struct Change {
    const Shape *shape;
    const Value *value;
    BsonNode *key, *before, *after;
} Change;

static bool field_of(const Shape *shape, const Value *value, const char *name, const Value **found, Err *err) {
    int32_t at = shape->kind == SHAPE_STRUCT ? shape_find(shape, slice_of(name)) : -1;
    *found = at >= 0 ? &value->items.at[at] : NULL;
    return at >= 0 || FAIL(err, ERR_VALUE, "Unknown field: %s", name);
}

static bool document_of(const Work *work, const Value *text, const char *name, BsonNode **document, Err *err) {
    if (text->kind == VALUE_NULL) {
        return true;
    }
    if (text->kind != VALUE_STRING) {
        return FAIL(err, ERR_VALUE, "%s is no text", name);
    }
    return bson_document(work->arena, text->bytes, document, err) || err_prefix(err, "%s", name);
}

// {"id": what the key says}
static bool key_of(const Work *work, const ConnectRecord *record, BsonNode **document, Err *err) {
    const Value *id = NULL;
    if (record->key == NULL || record->key->kind != VALUE_STRUCT) {
        return FAIL(err, ERR_VALUE, "the key is no struct");
    }
    TRY(field_of(record->key_shape, record->key, "id", &id, err));
    DEFER(buf_release) Buf text = {0};
    buf_init(&text, 0);
    buf_text(&text, "{\"id\":");
    if (id->kind == VALUE_INT) {
        buf_int(&text, id->integer);
    } else if (id->kind == VALUE_STRING) {
        buf_put(&text, id->bytes);
    }
    buf_u8(&text, '}');
    return bson_document(work->arena, arena_slice(work->arena, buf_slice(&text)), document, err) ||
           err_prefix(err, "key");
}

static BsonNode *copy_of(const Work *work, const BsonNode *node) {
    BsonNode *copy = ARENA_NEW(work->arena, BsonNode);
    *copy = *node;
    return copy;
}

// The members are the same ones, their list is another.
static BsonNode *document_copy(const Work *work, const BsonNode *document) {
    BsonNode *copy = ARENA_NEW(work->arena, BsonNode);
    copy->kind = BSON_DOCUMENT;
    for (const BsonNode *member = document != NULL ? document->first : NULL; member != NULL; member = member->next) {
        bson_put(copy, copy_of(work, member));
    }
    return copy;
}

static bool update_apply(const Work *work, const Shape *shape, const Value *described, Change *change, Err *err) {
    if (described->kind != VALUE_STRUCT) {
        return FAIL(err, ERR_VALUE, "updateDescription is no struct");
    }
    const Value *updated = NULL, *removed = NULL;
    BsonNode *fields = NULL;
    TRY(field_of(shape, described, "updatedFields", &updated, err));
    TRY(field_of(shape, described, "removedFields", &removed, err));
    TRY(document_of(work, updated, "updatedFields", &fields, err));
    if (fields == NULL) {
        return FAIL(err, ERR_VALUE, "updatedFields is null");
    }
    BsonNode *after = change->after = document_copy(work, change->before);
    for (const BsonNode *member = fields->first; member != NULL; member = member->next) {
        bson_put(after, copy_of(work, member));
    }
    for (size_t i = 0; removed->kind == VALUE_LIST && i < removed->items.count; i++) {
        bson_remove(after, removed->items.at[i].bytes);
    }
    if (bson_find(after, SLICE("_id")) == NULL) {
        BsonNode *id = copy_of(work, change->key->first);
        id->name = SLICE("_id");
        bson_put(after, id);
    }
    return true;
}

static bool change_read(const Work *work, const ConnectRecord *record, Change *change, Err *err) {
    const Value *before = NULL, *after = NULL, *described = NULL;
    *change = (Change){.shape = record->value_shape, .value = record->value};
    TRY(key_of(work, record, &change->key, err));
    TRY(field_of(change->shape, change->value, "after", &after, err));
    TRY(field_of(change->shape, change->value, "before", &before, err));
    TRY(field_of(change->shape, change->value, "updateDescription", &described, err));
    TRY(document_of(work, before, "before", &change->before, err));
    TRY(document_of(work, after, "after", &change->after, err));
    if (change->after == NULL && described->kind != VALUE_NULL) {
        int32_t at = shape_find(change->shape, SLICE("updateDescription"));
        return update_apply(work, &change->shape->fields[at].shape, described, change, err);
    }
    return change->after != NULL || change->before != NULL ||
           FAIL(err, ERR_VALUE, "a change has neither before nor after");
}

// --- records ---------------------------------------------------------------------------------------------------

static bool document_put(const Work *work, const BsonNode *document, Shape *shape, Value *value, Err *err) {
    *shape = (Shape){.kind = SHAPE_STRUCT, .optional = true};
    return members_add(work, document, shape, err) && fill_fields(work, shape, document, value, err);
}

static bool key_make(Smt *smt, const Work *work, const Change *change, ConnectRecord *record, Err *err) {
    Mongo *mongo = smt->state;
    Shape made;
    Value value;
    TRY(document_put(work, change->key, &made, &value, err));
    made.optional = false;
    record->key = smt_value_new(work->arena, value);
    return smt_shape_shared(smt, &mongo->shapes, &made, &record->key_shape, err);
}

// The same envelope; a before or after that is null is not in it any more.
static bool value_make(Smt *smt, const Work *work, const Change *change, ConnectRecord *record, Err *err) {
    Mongo *mongo = smt->state;
    const Shape *from = change->shape;
    ShapeField *fields = room(work, from->field_count);
    Value *items = ARENA_ARRAY(work->arena, Value, from->field_count);
    Shape made = {.kind = SHAPE_STRUCT, .fields = fields};
    smt_name_set(work->arena, &made, smt_name(from));
    for (uint32_t i = 0; i < from->field_count; i++) {
        Slice name = from->fields[i].name;
        bool after = slice_is(name, "after"), before = slice_is(name, "before");
        const BsonNode *document = after ? change->after : before ? change->before : NULL;
        uint32_t at = made.field_count;
        if (document != NULL) {
            Shape shape;
            TRY(document_put(work, document, &shape, &items[at], err));
            fields[at] = smt_field(name, &shape);
        } else {
            fields[at] = from->fields[i];
            items[at] = change->value->items.at[i];
        }
        made.field_count += document != NULL || !(after || before);
    }
    record->value = smt_value_new(work->arena, (Value){.kind = VALUE_STRUCT, .items = {items, made.field_count}});
    return smt_shape_shared(smt, &mongo->shapes, &made, &record->value_shape, err);
}

static bool is_key(const Shape *shape) {
    static const char SUFFIX[] = ".Key";
    enum { SIZE = sizeof(SUFFIX) - 1 };
    Slice name = shape == NULL ? (Slice){0} : smt_name(shape);
    return name.size >= SIZE && memcmp(name.data + name.size - SIZE, SUFFIX, SIZE) == 0;
}

static bool mongo_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const Mongo *mongo = smt->state;
    if (smt_value(smt, record) == NULL) {
        return true;
    }
    if (!is_key(record->key_shape) || !smt_is_envelope(record->value_shape)) {
        record->key_shape = record->value_shape = NULL;
        record->key = record->value = NULL;
        return true;
    }
    Work work = {scratch, mongo->arrays == 1};
    Change change;
    TRY(change_read(&work, record, &change, err));
    TRY(key_make(smt, &work, &change, record, err));
    return value_make(smt, &work, &change, record, err);
}

static void mongo_release(Smt *smt) {
    Mongo *mongo = smt->state;
    map_release(&mongo->shapes);
    mongo->shapes = (Map){0};
}

const SmtClass SMT_MONGO_APACHE = {.name = "org.apache.iceberg.connect.transforms.MongoDebeziumTransform",
                                   .compile = mongo_compile,
                                   .apply = mongo_apply,
                                   .release = mongo_release};
const SmtClass SMT_MONGO_TABULAR = {.name = "io.tabular.iceberg.connect.transforms.MongoDebeziumTransform",
                                    .compile = mongo_compile,
                                    .apply = mongo_apply,
                                    .release = mongo_release};
