// SPDX-License-Identifier: Apache-2.0
#include "flow/verify/row_store.h"

#include "data/event/event_codec.h"

void row_store_init(RowStore *store) {
    *store = (RowStore){0};
    arena_init(store->arena, "rows that may differ", 0);
}

void row_store_release(RowStore *store) {
    buf_release(&store->rows);
    buf_release(&store->bytes);
    buf_release(&store->names);
    arena_release(store->arena);
}

size_t row_store_held(const RowStore *store) {
    return store->rows.size + store->bytes.size;
}

static void values_put(Buf *out, const Value *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        value_encode(out, &values[i]);
    }
}

void row_store_source(RowStore *store, StoredRow row, const Value *values, size_t count, const Schema *schema,
                      const Value *after) {
    size_t names = store->names.size / sizeof(Schema *);
    const Schema *const *known = (const Schema *const *)(const void *)store->names.data;
    if (names == 0 || known[names - 1] != schema) {
        buf_bytes(&store->names, &schema, sizeof(const Schema *));
        names++;
    }
    row.number = (uint32_t)names - 1;
    row.at = store->bytes.size;
    buf_bytes(&store->rows, &row, sizeof(row));
    values_put(&store->bytes, values, count);
    values_put(&store->bytes, after, schema->column_count);
}

void row_store_sink(RowStore *store, StoredRow row, const Value *values, size_t count, Slice file) {
    size_t names = store->names.size / sizeof(Slice);
    const Slice *known = (const Slice *)(const void *)store->names.data;
    if (names == 0 || !slice_equal(known[names - 1], file)) {
        Slice copy = arena_slice(store->arena, file);
        buf_bytes(&store->names, &copy, sizeof(copy));
        names++;
    }
    row.number = (uint32_t)names - 1;
    row.at = store->bytes.size;
    buf_bytes(&store->rows, &row, sizeof(row));
    values_put(&store->bytes, values, count);
}

// --- matching --------------------------------------------------------------------------------------------------

static int hash_compare(RowHash a, RowHash b) {
    return a.a != b.a ? (a.a < b.a ? -1 : 1) : a.b != b.b ? (a.b < b.b ? -1 : 1) : 0;
}

static int row_compare(const void *a, const void *b) {
    const StoredRow *left = a, *right = b;
    int by_key = hash_compare(left->key, right->key);
    return by_key != 0 ? by_key : hash_compare(left->row, right->row);
}

static const StoredRow *rows_sorted(RowStore *store, size_t *count) {
    *count = store->rows.size / sizeof(StoredRow);
    StoredRow *rows = (StoredRow *)(void *)store->rows.data;
    if (*count > 1) {
        qsort(rows, *count, sizeof(*rows), row_compare);
    }
    return rows;
}

typedef struct Group { // rows of one key
    const StoredRow *at;
    size_t count;
} Group;

static Group group_of(const StoredRow *rows, size_t count, size_t from, RowHash key) {
    size_t to = from;
    while (to < count && hash_compare(rows[to].key, key) == 0) {
        to++;
    }
    return (Group){rows + from, to - from};
}

typedef struct Matching {
    RowStore *source, *sink;
    const RowSecret *secret;
    size_t max;
    Arena *arena;
    VerifyResult *result;
    VerifyDifference *differences; // room for max
    size_t room;
} Matching;

static const Value *values_of(Matching *matching, const RowStore *store, const StoredRow *row, const Value **after,
                              const Schema *schema) {
    Reader reader = reader_of(slice_from(buf_slice(&store->bytes), (size_t)row->at));
    size_t count = matching->result->record->field_count;
    Value *values = ARENA_ARRAY(matching->arena, Value, count);
    for (size_t i = 0; i < count + (schema != NULL ? schema->column_count : 0); i++) {
        if (i == count) {
            *after = ARENA_ARRAY(matching->arena, Value, schema->column_count);
        }
        Value value;
        ASSERT(value_decode(&reader, matching->arena, &value));
        Value *to = i < count ? &values[i] : (Value *)(uintptr_t) & (*after)[i - count];
        *to = value_copy(matching->arena, &value);
    }
    return values;
}

static void columns_count(Matching *matching, const Value *source, const Value *sink) {
    const Shape *record = matching->result->record;
    for (uint32_t i = 0; i < record->field_count; i++) {
        RowHash a = value_hash(matching->secret, &record->fields[i].shape, &source[i]);
        RowHash b = value_hash(matching->secret, &record->fields[i].shape, &sink[i]);
        matching->result->column_differs[i] += hash_compare(a, b) != 0;
    }
}

static void places_set(Matching *matching, VerifyDifference *difference, Group sink) {
    CorrectionPlace *places = ARENA_ARRAY(matching->arena, CorrectionPlace, sink.count);
    const Slice *files = (const Slice *)(const void *)matching->sink->names.data;
    for (size_t i = 0; i < sink.count; i++) {
        places[i] = (CorrectionPlace){arena_slice(matching->arena, files[sink.at[i].number]), sink.at[i].place};
    }
    difference->places = places;
    difference->place_count = sink.count;
}

static VerifyDifference *difference_room(Matching *matching) {
    VerifyResult *result = matching->result;
    if (result->difference_count == matching->max) {
        return NULL;
    }
    if (result->difference_count == matching->room) {
        size_t room = MAX(matching->room * 2, (size_t)16);
        VerifyDifference *grown = ARENA_ARRAY(matching->arena, VerifyDifference, room);
        if (matching->room > 0) {
            memcpy(grown, matching->differences, matching->room * sizeof(*grown));
        }
        matching->differences = grown;
        matching->room = room;
        result->differences = grown;
    }
    return &matching->differences[result->difference_count++];
}

static void key_set(Matching *matching, VerifyDifference *difference, const Value *row) {
    const VerifyResult *result = matching->result;
    if (result->key_count == 0) {
        return;
    }
    Value *key = ARENA_ARRAY(matching->arena, Value, result->key_count);
    for (size_t i = 0; i < result->key_count; i++) {
        key[i] = row[result->key[i]];
    }
    difference->key = key;
}

static void difference_add(Matching *matching, VerifyKind kind, Group source, Group sink, uint64_t count) {
    VerifyDifference *difference = difference_room(matching);
    if (difference == NULL) {
        return;
    }
    *difference = (VerifyDifference){.kind = kind, .count = count, .schema = matching->result->schema};
    if (source.count > 0) {
        const Schema *const *schemas = (const Schema *const *)(const void *)matching->source->names.data;
        difference->schema = schemas[source.at->number];
        difference->ordinal = source.at->place;
        difference->source = values_of(matching, matching->source, source.at, &difference->after, difference->schema);
    }
    if (sink.count > 0) {
        difference->sink = values_of(matching, matching->sink, sink.at, NULL, NULL);
        places_set(matching, difference, sink);
    }
    key_set(matching, difference, difference->source != NULL ? difference->source : difference->sink);
    if (kind == VERIFY_DIFFERENT) {
        columns_count(matching, difference->source, difference->sink);
    }
}

// Rows that are equal are all in one group: what there is too much or too little of.
static void match_rows(Matching *matching, Group source, Group sink) {
    VerifyResult *result = matching->result;
    uint64_t equal = MIN(source.count, sink.count);
    result->equal += equal;
    if (source.count > equal) {
        result->missing += source.count - equal;
        difference_add(matching, VERIFY_MISSING, source, (Group){0}, source.count - equal);
    } else if (sink.count > equal) {
        Group extra = {sink.at + equal, sink.count - equal};
        result->extra += extra.count;
        difference_add(matching, VERIFY_EXTRA, (Group){0}, extra, extra.count);
    }
}

static void match_key(Matching *matching, Group source, Group sink) {
    VerifyResult *result = matching->result;
    if (sink.count == 0) {
        result->missing++;
        difference_add(matching, VERIFY_MISSING, source, sink, source.count);
    } else if (source.count == 0) {
        result->extra++;
        difference_add(matching, VERIFY_EXTRA, source, sink, sink.count);
    } else if (sink.count > 1) {
        result->duplicate++;
        difference_add(matching, VERIFY_DUPLICATE, source, sink, sink.count);
    } else if (source.count > 1 || hash_compare(source.at->row, sink.at->row) != 0) {
        result->different++;
        difference_add(matching, VERIFY_DIFFERENT, source, sink, 1);
    } else {
        result->equal++;
    }
}

void row_stores_match(RowStore *source, RowStore *sink, const RowSecret *secret, size_t max, Arena *arena,
                      VerifyResult *result) {
    Matching matching = {
        .source = source, .sink = sink, .secret = secret, .max = max, .arena = arena, .result = result};
    size_t ours = 0, theirs = 0;
    const StoredRow *left = rows_sorted(source, &ours), *right = rows_sorted(sink, &theirs);
    for (size_t i = 0, j = 0; i < ours || j < theirs;) {
        int order = i == ours ? 1 : j == theirs ? -1 : hash_compare(left[i].key, right[j].key);
        RowHash key = order <= 0 ? left[i].key : right[j].key;
        Group a = group_of(left, ours, i, key), b = group_of(right, theirs, j, key);
        i += a.count;
        j += b.count;
        (result->key_count > 0 ? match_key : match_rows)(&matching, a, b);
    }
}
