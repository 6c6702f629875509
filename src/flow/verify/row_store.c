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

void row_store_reset(RowStore *store) {
    buf_reset(&store->rows);
    buf_reset(&store->bytes);
    buf_reset(&store->names);
    arena_reset(store->arena);
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
    Arena scratch[1]; // of a difference that is not kept
    CorrectionFiles *corrections;
    VerifyResult *result;
    VerifyDifference *differences; // room for `room`
    size_t room;
} Matching;

static const Value *values_of(Arena *arena, const RowStore *store, const StoredRow *row, size_t count,
                              const Schema *schema, const Value **after) {
    Reader reader = reader_of(slice_from(buf_slice(&store->bytes), (size_t)row->at));
    size_t more = schema != NULL ? schema->column_count : 0;
    Value *values = ARENA_ARRAY(arena, Value, count + more);
    for (size_t i = 0; i < count + more; i++) {
        Value value;
        ASSERT(value_decode(&reader, arena, &value));
        values[i] = value_copy(arena, &value);
    }
    if (schema != NULL) {
        *after = values + count;
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

static void places_set(Matching *matching, Arena *arena, VerifyDifference *difference, Group sink) {
    CorrectionPlace *places = ARENA_ARRAY(arena, CorrectionPlace, sink.count);
    const Slice *files = (const Slice *)(const void *)matching->sink->names.data;
    for (size_t i = 0; i < sink.count; i++) {
        places[i] = (CorrectionPlace){arena_slice(arena, files[sink.at[i].number]), sink.at[i].place};
    }
    difference->places = places;
    difference->place_count = sink.count;
}

static void difference_keep(Matching *matching, const VerifyDifference *difference) {
    VerifyResult *result = matching->result;
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
    matching->differences[result->difference_count++] = *difference;
}

static const Value *key_of(Arena *arena, const Value *row, const int32_t *fields, size_t count) {
    Value *key = ARENA_ARRAY(arena, Value, count);
    for (size_t i = 0; i < count; i++) {
        key[i] = row[fields[i]];
    }
    return count > 0 ? key : NULL;
}

static bool correction_add(Matching *matching, Arena *arena, const VerifyDifference *difference, Err *err) {
    const VerifyResult *result = matching->result;
    if (matching->corrections == NULL) {
        return true;
    }
    bool bag = result->key_count == 0;
    const Value *row = difference->source != NULL ? difference->source : difference->sink;
    Correction correction = {.topic = result->topic,
                             .key = bag ? key_of(arena, row, result->bag, result->bag_count) : difference->key,
                             .key_count = bag ? result->bag_count : result->key_count,
                             .schema = difference->schema,
                             .after = difference->after,
                             .places = difference->places,
                             .place_count = difference->place_count};
    for (uint64_t i = 0; i < (bag && difference->after != NULL ? difference->count : 1);
         i++) { // so often it is missing
        TRY(correction_files_add(matching->corrections, &correction, err));
    }
    return true;
}

static bool difference_add(Matching *matching, VerifyKind kind, Group source, Group sink, uint64_t count, Err *err) {
    VerifyResult *result = matching->result;
    bool kept = result->difference_count < matching->max;
    if (!kept && matching->corrections == NULL && kind != VERIFY_DIFFERENT) {
        return true;
    }
    Arena *arena = kept ? matching->arena : matching->scratch;
    size_t fields = result->record->field_count;
    VerifyDifference difference = {.kind = kind, .count = count, .schema = result->schema};
    if (source.count > 0) {
        const Schema *const *schemas = (const Schema *const *)(const void *)matching->source->names.data;
        difference.schema = schemas[source.at->number];
        difference.ordinal = source.at->place;
        difference.source = values_of(arena, matching->source, source.at, fields, difference.schema, &difference.after);
    }
    if (sink.count > 0) {
        difference.sink = values_of(arena, matching->sink, sink.at, fields, NULL, NULL);
        places_set(matching, arena, &difference, sink);
    }
    difference.key =
        key_of(arena, difference.source != NULL ? difference.source : difference.sink, result->key, result->key_count);
    if (kind == VERIFY_DIFFERENT) {
        columns_count(matching, difference.source, difference.sink);
    }
    if (kept) {
        difference_keep(matching, &difference);
    }
    bool ok = correction_add(matching, arena, &difference, err);
    arena_reset(matching->scratch);
    return ok;
}

// Rows that are equal are all in one group: what there is too much or too little of.
static bool match_rows(Matching *matching, Group source, Group sink, Err *err) {
    VerifyResult *result = matching->result;
    uint64_t equal = MIN(source.count, sink.count);
    result->equal += equal;
    if (source.count > equal) {
        result->missing += source.count - equal;
        return difference_add(matching, VERIFY_MISSING, source, (Group){0}, source.count - equal, err);
    }
    if (sink.count > equal) {
        Group extra = {sink.at + equal, sink.count - equal};
        result->extra += extra.count;
        return difference_add(matching, VERIFY_EXTRA, (Group){0}, extra, extra.count, err);
    }
    return true;
}

static bool match_key(Matching *matching, Group source, Group sink, Err *err) {
    VerifyResult *result = matching->result;
    if (sink.count == 0) {
        result->missing++;
        return difference_add(matching, VERIFY_MISSING, source, sink, source.count, err);
    }
    if (source.count == 0) {
        result->extra++;
        return difference_add(matching, VERIFY_EXTRA, source, sink, sink.count, err);
    }
    if (sink.count > 1) {
        result->duplicate++;
        return difference_add(matching, VERIFY_DUPLICATE, source, sink, sink.count, err);
    }
    if (source.count > 1 || hash_compare(source.at->row, sink.at->row) != 0) {
        result->different++;
        return difference_add(matching, VERIFY_DIFFERENT, source, sink, 1, err);
    }
    result->equal++;
    return true;
}

static bool groups_match(Matching *matching, Err *err) {
    size_t ours = 0, theirs = 0;
    const StoredRow *left = rows_sorted(matching->source, &ours), *right = rows_sorted(matching->sink, &theirs);
    for (size_t i = 0, j = 0; i < ours || j < theirs;) {
        int order = i == ours ? 1 : j == theirs ? -1 : hash_compare(left[i].key, right[j].key);
        RowHash key = order <= 0 ? left[i].key : right[j].key;
        Group a = group_of(left, ours, i, key), b = group_of(right, theirs, j, key);
        i += a.count;
        j += b.count;
        TRY((matching->result->key_count > 0 ? match_key : match_rows)(matching, a, b, err));
    }
    return true;
}

bool row_stores_match(RowStore *source, RowStore *sink, const RowSecret *secret, size_t max, Arena *arena,
                      CorrectionFiles *corrections, VerifyResult *result, Err *err) {
    Matching matching = {.source = source,
                         .sink = sink,
                         .secret = secret,
                         .max = max,
                         .arena = arena,
                         .corrections = corrections,
                         .result = result,
                         .differences = (VerifyDifference *)(uintptr_t)result->differences,
                         .room = result->difference_count};
    arena_init(matching.scratch, "scratch", 0);
    bool ok = groups_match(&matching, err);
    arena_release(matching.scratch);
    return ok;
}
