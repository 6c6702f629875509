// SPDX-License-Identifier: Apache-2.0
// io.debezium.transforms.ExtractNewRecordState: the row out of Debezium's envelope.
#include "data/connect/smt.h"

typedef enum DeleteMode { DELETE_NULL, DELETE_DROP, DELETE_REWRITE, DELETE_BARE_NULL } DeleteMode;

// "source.ts_ms:ts" of add.fields and add.headers.
typedef struct Wanted {
    Slice parent; // empty: the envelope itself
    Slice field;
    Slice name; // with its prefix
} Wanted;

typedef struct WantedList {
    Wanted *at;
    size_t count;
} WantedList;

typedef struct Unwrap {
    DeleteMode deletes;
    bool keep_tombstones;
    bool replace_null;
    WantedList fields, headers;
    Slice route_by;
    Slice drop_header;
    bool drop_from_key, drop_compatible;
    Map dropped; // shape's address and names to the plan without them
} Unwrap;

// Where a Wanted is: fields of the envelope and of its struct; outer -1: nowhere.
typedef struct Place {
    int32_t outer, inner; // inner -1: the outer field itself
    const Shape *shape;   // optional
} Place;

typedef struct Plan {
    bool envelope;
    int32_t before, after, op;
    uint32_t columns;
    int32_t route; // in the row, -1 = none
    const Shape *row;
    const Shape *null;    // the row's shape where it may be null
    const Shape *made;    // with fields added
    const Place *fields;  // one a wanted field
    const Place *headers; // likewise
} Plan;

// --- compiling -------------------------------------------------------------------------------------------------

static Slice until(Slice text, char end, Slice *rest) {
    const uint8_t *at = text.size > 0 ? memchr(text.data, end, text.size) : NULL;
    Slice head = at == NULL ? text : (Slice){text.data, (size_t)(at - text.data)};
    *rest = at == NULL ? (Slice){0} : slice_from(text, head.size + 1);
    return head;
}

static bool wanted_parse(Smt *smt, const char *option, Slice item, Slice prefix, Wanted *wanted, Err *err) {
    Slice renamed = {0}, inner = {0}, more = {0};
    Slice path = until(item, ':', &renamed);
    Slice outer = until(path, '.', &inner);
    if (until(renamed, ':', &more).size < renamed.size || outer.size == 0) {
        return smt_option_failed(smt, option, err, "\"%.*s\" is no FIELD, STRUCT.FIELD or FIELD:NAME",
                                 (int)MIN(item.size, 60), (const char *)item.data);
    }
    static const char *const OF_TRANSACTION[] = {"id", "data_collection_order", "total_order"};
    static const char *const OF_ENVELOPE[] = {"op", "ts_ms"};
    *wanted = (Wanted){.parent = outer, .field = inner};
    if (inner.data == NULL) {
        wanted->field = outer;
        wanted->parent = SLICE("source");
        for (size_t i = 0; i < ARRAY_LEN(OF_TRANSACTION); i++) {
            wanted->parent = slice_is(outer, OF_TRANSACTION[i]) ? SLICE("transaction") : wanted->parent;
        }
        for (size_t i = 0; i < ARRAY_LEN(OF_ENVELOPE); i++) {
            wanted->parent = slice_is(outer, OF_ENVELOPE[i]) ? (Slice){0} : wanted->parent;
        }
    }
    wanted->name =
        slice_of(renamed.size > 0     ? arena_printf(smt->arena, "%.*s%.*s", SLICE_ARG(prefix), SLICE_ARG(renamed))
                 : inner.data == NULL ? arena_printf(smt->arena, "%.*s%.*s", SLICE_ARG(prefix), SLICE_ARG(outer))
                                      : arena_printf(smt->arena, "%.*s%.*s_%.*s", SLICE_ARG(prefix), SLICE_ARG(outer),
                                                     SLICE_ARG(inner)));
    return true;
}

static bool wanted_list(Smt *smt, const char *option, const char *prefix_option, WantedList *list, Err *err) {
    SmtList items = smt_list(smt, option);
    Slice prefix = smt_text(smt, prefix_option, "__");
    list->at = ARENA_ARRAY(smt->arena, Wanted, items.count);
    for (size_t i = 0; i < items.count; i++) {
        TRY(wanted_parse(smt, option, items.at[i], prefix, &list->at[list->count++], err));
    }
    return true;
}

// delete.handling.mode and drop.tombstones of Debezium 1 and 2, where the new option is not given.
static bool old_modes(Smt *smt, Unwrap *unwrap, Err *err) {
    int mode = 0;
    bool drop = true;
    TRY(smt_choice(smt, "delete.handling.mode", "drop", "none,drop,rewrite", &mode, err));
    TRY(smt_bool(smt, "drop.tombstones", true, &drop, err));
    unwrap->deletes = (DeleteMode)mode;
    unwrap->keep_tombstones = !drop;
    return true;
}

static bool unwrap_compile(Smt *smt, Err *err) {
    static const struct {
        DeleteMode deletes;
        bool keep;
    } MODES[] = {{DELETE_NULL, false},
                 {DELETE_DROP, false},
                 {DELETE_REWRITE, false},
                 {DELETE_REWRITE, true},
                 {DELETE_BARE_NULL, false}};
    Unwrap *unwrap = smt->state = ARENA_NEW(smt->arena, Unwrap);
    int mode = 0;
    TRY(smt_choice(smt, "delete.tombstone.handling.mode", "tombstone",
                   "tombstone,drop,rewrite,rewrite-with-tombstone,delete-to-tombstone", &mode, err));
    unwrap->deletes = MODES[mode].deletes;
    unwrap->keep_tombstones = MODES[mode].keep;
    if (smt_text(smt, "delete.tombstone.handling.mode", NULL).data == NULL &&
        (smt_text(smt, "delete.handling.mode", NULL).data != NULL ||
         smt_text(smt, "drop.tombstones", NULL).data != NULL)) {
        TRY(old_modes(smt, unwrap, err));
    }
    TRY(wanted_list(smt, "add.fields", "add.fields.prefix", &unwrap->fields, err));
    TRY(wanted_list(smt, "add.headers", "add.headers.prefix", &unwrap->headers, err));
    unwrap->route_by = smt_text(smt, "route.by.field", "");
    unwrap->drop_header = smt_text(smt, "drop.fields.header.name", "");
    TRY(smt_bool(smt, "drop.fields.from.key", false, &unwrap->drop_from_key, err));
    TRY(smt_bool(smt, "drop.fields.keep.schema.compatible", true, &unwrap->drop_compatible, err));
    TRY(smt_bool(smt, "replace.null.with.default", true, &unwrap->replace_null, err));
    return true;
}

// --- plans -----------------------------------------------------------------------------------------------------

static const Place *places_of(Smt *smt, const Shape *envelope, const WantedList *list) {
    Place *places = ARENA_ARRAY(smt->arena, Place, list->count);
    for (size_t i = 0; i < list->count; i++) {
        const Wanted *wanted = &list->at[i];
        Place *place = &places[i];
        *place = (Place){.outer = -1, .inner = -1};
        int32_t parent = wanted->parent.size > 0 ? shape_find(envelope, wanted->parent) : -1;
        const Shape *within = parent >= 0 ? &envelope->fields[parent].shape : NULL;
        if (within != NULL && within->kind == SHAPE_STRUCT && shape_find(within, wanted->field) >= 0) {
            place->outer = parent;
            place->inner = shape_find(within, wanted->field);
        } else { // another transform may have put it beside
            place->outer = shape_find(envelope, wanted->field);
        }
        if (place->outer >= 0) {
            const Shape *found = &envelope->fields[place->outer].shape;
            found = place->inner >= 0 ? &found->fields[place->inner].shape : found;
            Shape shape = smt_basics(smt->arena, found);
            shape.optional = true;
            place->shape = smt_shape_keep(smt->arena, shape);
        }
    }
    return places;
}

static const Shape *made_shape(Smt *smt, const Unwrap *unwrap, const Plan *plan) {
    bool rewrite = unwrap->deletes == DELETE_REWRITE;
    if (!rewrite && unwrap->fields.count == 0) {
        return plan->row;
    }
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, plan->columns + unwrap->fields.count + 1);
    uint32_t count = plan->columns;
    memcpy(fields, plan->row->fields, count * sizeof(*fields));
    if (rewrite) {
        fields[count++] = smt_field(SLICE("__deleted"), &SMT_STRING_OPTIONAL);
    }
    for (size_t i = 0; i < unwrap->fields.count; i++) {
        if (plan->fields[i].outer >= 0) {
            fields[count++] = smt_field(unwrap->fields.at[i].name, plan->fields[i].shape);
        }
    }
    return smt_shape_keep(smt->arena, smt_basics_with(smt->arena, plan->row, fields, count));
}

static Plan *plan_make(Smt *smt, const Unwrap *unwrap, const Shape *shape) {
    Plan *plan = ARENA_NEW(smt->arena, Plan);
    smt_plan_keep(smt, shape, plan);
    if (!smt_is_envelope(shape)) {
        return plan;
    }
    plan->before = shape_find(shape, SLICE("before"));
    plan->after = shape_find(shape, SLICE("after"));
    plan->op = shape_find(shape, SLICE("op"));
    plan->envelope = plan->before >= 0 && plan->after >= 0 && plan->op >= 0 &&
                     shape->fields[plan->after].shape.kind == SHAPE_STRUCT &&
                     shape->fields[plan->before].shape.kind == SHAPE_STRUCT;
    if (!plan->envelope) {
        return plan;
    }
    plan->null = &shape->fields[plan->after].shape;
    Shape row = *plan->null;
    row.optional = false;
    plan->row = smt_shape_keep(smt->arena, row);
    plan->columns = row.field_count;
    plan->route = unwrap->route_by.size > 0 ? shape_find(&row, unwrap->route_by) : -1;
    plan->fields = places_of(smt, shape, &unwrap->fields);
    plan->headers = places_of(smt, shape, &unwrap->headers);
    plan->made = made_shape(smt, unwrap, plan);
    return plan;
}

// --- records ---------------------------------------------------------------------------------------------------

static Value at_place(const Place *place, const Value *envelope) {
    const Value *outer = &envelope->items.at[place->outer];
    if (place->inner < 0) {
        return *outer;
    }
    return outer->kind == VALUE_STRUCT ? outer->items.at[place->inner] : (Value){.kind = VALUE_NULL};
}

static void headers_add(const Unwrap *unwrap, const Plan *plan, Arena *scratch, ConnectRecord *record) {
    for (size_t i = 0; i < unwrap->headers.count; i++) {
        if (plan->headers[i].outer >= 0) {
            Value value = at_place(&plan->headers[i], record->value);
            smt_header_add(scratch, record,
                           (ConnectHeader){.name = unwrap->headers.at[i].name,
                                           .shape = plan->headers[i].shape,
                                           .value = smt_value_new(scratch, value)});
        }
    }
}

static bool tombstone(const Unwrap *unwrap, Arena *scratch, ConnectRecord *record, bool *keep) {
    *keep = unwrap->keep_tombstones;
    for (size_t i = 0; i < unwrap->headers.count && *keep; i++) {
        if (slice_is(unwrap->headers.at[i].field, "op")) {
            Value op = value_bytes(VALUE_STRING, SLICE("d"));
            smt_header_add(scratch, record,
                           (ConnectHeader){unwrap->headers.at[i].name, &SMT_STRING, smt_value_new(scratch, op)});
        }
    }
    return true;
}

static void route(const Unwrap *unwrap, const Plan *plan, const Value *row, ConnectRecord *record, Err *err) {
    const Value *topic = &row->items.at[plan->route];
    if (topic->kind == VALUE_STRING && topic->bytes.size > 0) {
        record->topic = topic->bytes;
    }
}

static const Value *row_make(const Unwrap *unwrap, const Plan *plan, Arena *scratch, const Value *envelope,
                             const Value *row, bool deleted) {
    if (plan->made == plan->row) {
        return row;
    }
    Value *items = NULL;
    Value *made = smt_struct_new(scratch, plan->made, &items);
    uint32_t count = plan->columns;
    memcpy(items, row->items.at, count * sizeof(*items));
    if (unwrap->deletes == DELETE_REWRITE) {
        items[count++] = value_bytes(VALUE_STRING, deleted ? SLICE("true") : SLICE("false"));
    }
    for (size_t i = 0; i < unwrap->fields.count; i++) {
        if (plan->fields[i].outer >= 0) {
            items[count++] = at_place(&plan->fields[i], envelope);
        }
    }
    return made;
}

// --- drop.fields -----------------------------------------------------------------------------------------------

static const Shape *without(Smt *smt, Unwrap *unwrap, const Shape *shape, const Value *names, Arena *scratch) {
    Buf key;
    buf_init(&key, 0);
    buf_bytes(&key, &shape, sizeof(const Shape *));
    for (size_t i = 0; i < names->items.count; i++) {
        buf_slice_sized(&key, names->items.at[i].kind == VALUE_STRING ? names->items.at[i].bytes : (Slice){0});
    }
    Shape *made = map_find(&unwrap->dropped, buf_slice(&key));
    if (made == NULL) {
        ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, shape->field_count);
        uint32_t count = 0;
        for (uint32_t i = 0; i < shape->field_count; i++) {
            bool drop = false;
            for (size_t j = 0; j < names->items.count; j++) {
                drop |= names->items.at[j].kind == VALUE_STRING &&
                        slice_equal(names->items.at[j].bytes, shape->fields[i].name);
            }
            if (!drop || (unwrap->drop_compatible && !shape->fields[i].shape.optional)) {
                fields[count++] = shape->fields[i];
            }
        }
        made = ARENA_NEW(smt->arena, Shape);
        *made = smt_basics_with(smt->arena, shape, fields, count);
        map_put(&unwrap->dropped, buf_slice(&key), made);
    }
    buf_release(&key);
    return made;
}

static void fields_drop(Smt *smt, Unwrap *unwrap, Arena *scratch, const Value *names, const Shape **shape,
                        const Value **value) {
    if (*shape == NULL || *value == NULL || (*value)->kind != VALUE_STRUCT) {
        return;
    }
    const Shape *made = without(smt, unwrap, *shape, names, scratch);
    Value *items = NULL;
    Value *row = smt_struct_new(scratch, made, &items);
    for (uint32_t i = 0, j = 0; i < (*shape)->field_count && j < made->field_count; i++) {
        if (slice_equal((*shape)->fields[i].name, made->fields[j].name)) {
            items[j++] = (*value)->items.at[i];
        }
    }
    *shape = made;
    *value = row;
}

static void header_drop(Smt *smt, Unwrap *unwrap, Arena *scratch, ConnectRecord *record) {
    const ConnectHeader *header = unwrap->drop_header.size > 0 ? smt_header_find(record, unwrap->drop_header) : NULL;
    if (header == NULL || header->value == NULL || header->value->kind != VALUE_LIST) {
        return;
    }
    fields_drop(smt, unwrap, scratch, header->value, &record->value_shape, &record->value);
    if (unwrap->drop_from_key) {
        fields_drop(smt, unwrap, scratch, header->value, &record->key_shape, &record->key);
    }
}

static bool unwrap_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    Unwrap *unwrap = smt->state;
    const Value *envelope = smt_value(smt, record);
    if (envelope == NULL) {
        return tombstone(unwrap, scratch, record, keep);
    }
    const Plan *plan = smt_plan(smt, record->value_shape);
    plan = plan != NULL ? plan : plan_make(smt, unwrap, record->value_shape);
    if (!plan->envelope || envelope->kind != VALUE_STRUCT) {
        return true; // heartbeats, transactions, messages
    }
    headers_add(unwrap, plan, scratch, record);
    const Value *after = &envelope->items.at[plan->after], *before = &envelope->items.at[plan->before];
    bool deleted = after->kind == VALUE_NULL;
    const Value *row = deleted ? before : after;
    if (row->kind == VALUE_NULL) {
        *keep = false; // a truncate
        return true;
    }
    if (unwrap->route_by.size > 0 && plan->route < 0) {
        return FAIL(err, ERR_VALUE, "the row has no field %.*s, which route.by.field names",
                    SLICE_ARG(unwrap->route_by));
    }
    if (unwrap->route_by.size > 0) {
        route(unwrap, plan, row, record, err);
    }
    if (deleted && unwrap->deletes != DELETE_REWRITE) {
        *keep = unwrap->deletes != DELETE_DROP;
        smt_put(smt, record, unwrap->deletes == DELETE_NULL ? plan->null : NULL, NULL);
        return true;
    }
    smt_put(smt, record, plan->made, row_make(unwrap, plan, scratch, envelope, row, deleted));
    header_drop(smt, unwrap, scratch, record);
    return true;
}

static bool unwrap_dynamic(const Smt *smt) {
    const Unwrap *unwrap = smt->state;
    return unwrap->route_by.size > 0;
}

static void unwrap_release(Smt *smt) {
    Unwrap *unwrap = smt->state;
    map_release(&unwrap->dropped);
    unwrap->dropped = (Map){0};
}

const SmtClass SMT_UNWRAP = {
    .name = "io.debezium.transforms.ExtractNewRecordState",
    .compile = unwrap_compile,
    .apply = unwrap_apply,
    .dynamic = unwrap_dynamic,
    .release = unwrap_release,
};
