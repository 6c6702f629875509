// SPDX-License-Identifier: Apache-2.0
#include "data/event/value.h"

typedef enum ValueForm { FORM_NONE, FORM_INTEGER, FORM_REAL, FORM_INTERVAL, FORM_BYTES, FORM_ITEMS } ValueForm;

static ValueForm value_form(const Value *value) {
    switch ((ValueKind)value->kind) {
    case VALUE_NULL:
    case VALUE_UNCHANGED:
    case VALUE_FALSE:
    case VALUE_TRUE:
        return FORM_NONE;
    case VALUE_INT:
    case VALUE_UINT64:
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_TIMETZ:
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
        return FORM_INTEGER;
    case VALUE_FLOAT32:
    case VALUE_FLOAT64:
        return FORM_REAL;
    case VALUE_INTERVAL:
        return FORM_INTERVAL;
    case VALUE_DECIMAL:
    case VALUE_STRING:
    case VALUE_BYTES:
    case VALUE_UUID:
    case VALUE_BITS:
        return FORM_BYTES;
    case VALUE_LIST:
    case VALUE_STRUCT:
    case VALUE_MAP:
    case VALUE_RANGE:
    case VALUE_MULTIRANGE:
        return FORM_ITEMS;
    case VALUE_KIND_COUNT:
        break;
    }
    UNREACHABLE();
}

bool value_equal(const Value *a, const Value *b) {
    if (a->kind != b->kind || a->aux != b->aux) {
        return false;
    }
    switch (value_form(a)) {
    case FORM_NONE:
        return true;
    case FORM_INTEGER:
        return a->integer == b->integer;
    case FORM_REAL:
        return memcmp(&a->real, &b->real, sizeof(a->real)) == 0;
    case FORM_INTERVAL:
        return a->interval.months == b->interval.months && a->interval.days == b->interval.days &&
               a->interval.micros == b->interval.micros;
    case FORM_BYTES:
        return slice_equal(a->bytes, b->bytes);
    case FORM_ITEMS:
        if (a->items.count != b->items.count) {
            return false;
        }
        for (size_t i = 0; i < a->items.count; i++) {
            if (!value_equal(&a->items.at[i], &b->items.at[i])) {
                return false;
            }
        }
        return true;
    }
    UNREACHABLE();
}

Value value_copy(Arena *arena, const Value *value) {
    Value copy = *value;
    ValueForm form = value_form(value);
    if (form == FORM_BYTES) {
        copy.bytes = arena_slice(arena, value->bytes);
    } else if (form == FORM_ITEMS) {
        Value *items = ARENA_ARRAY(arena, Value, value->items.count);
        for (size_t i = 0; i < value->items.count; i++) {
            items[i] = value_copy(arena, &value->items.at[i]);
        }
        copy.items.at = items;
    }
    return copy;
}
