// SPDX-License-Identifier: Apache-2.0
#include "flow/verify/verify.c"

#include "core/base/decimal.h"
#include "core/base/test.h"

#include <unistd.h>

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static Err err[1];
static Arena arena;

// --- two sides in memory ---------------------------------------------------------------------------------------

typedef struct Row {
    int64_t id;
    const char *name; // NULL = NULL
} Row;

typedef struct Rows {
    const Row *at;
    size_t count;
} Rows;

typedef struct Sides {
    Rows source, sink;
    bool keyless;
    bool broken_sink;
} Sides;

static const ShapeField FIELDS[] = {{.name = NAME("id"), .shape = {.kind = SHAPE_INT64}},
                                    {.name = NAME("name"), .shape = {.kind = SHAPE_STRING, .optional = true}}};
static const Shape RECORD = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = 2};
static const Column COLUMNS[] = {{.name = NAME("id"), .type = {.kind = TYPE_INT64}},
                                 {.name = NAME("name"), .type = {.kind = TYPE_STRING}}};
static const Schema SCHEMA = {.columns = COLUMNS, .column_count = 2};

static void row_values(const Row *row, Value values[2]) {
    values[0] = value_int(row->id);
    values[1] = row->name != NULL ? value_bytes(VALUE_STRING, slice_of(row->name)) : (Value){.kind = VALUE_NULL};
}

static bool source_table(void *state, Slice topic, const SourceCompare *what, SourceCompareRow row, void *context,
                         Err *fault) {
    const Sides *sides = state;
    for (size_t i = 0; i < sides->source.count; i++) {
        Value values[2];
        row_values(&sides->source.at[i], values);
        Event event = {.op = OP_READ, .ordinal = i, .column_count = 2, .after = values};
        if (what->sample > 0 && i % what->sample != 0) {
            continue;
        }
        if (!row(context, &SCHEMA, &event, fault)) {
            return false;
        }
    }
    return true;
}

static bool sink_table(void *state, Slice topic, const Schema *schema, Arena *in, SinkCompareTable *table, Err *fault) {
    static const int32_t KEY[] = {0};
    const Sides *sides = state;
    *table = (SinkCompareTable){.record = &RECORD, .key = KEY, .key_count = sides->keyless ? 0 : 1, .state = state};
    return true;
}

// A name of "NaN" is one that the sink cannot hold.
static bool sink_map(const SinkCompareTable *table, Arena *scratch, const Schema *schema, const Event *event,
                     const Value **values, uint64_t *lost, uint64_t *inexact, Err *fault) {
    Value *made = ARENA_ARRAY(scratch, Value, 2);
    memcpy(made, event->after, 2 * sizeof(Value));
    if (made[1].kind == VALUE_STRING && slice_is(made[1].bytes, "NaN")) {
        made[1] = (Value){.kind = VALUE_NULL};
        (*inexact)++;
        if (lost != NULL) {
            lost[1]++;
        }
    }
    *values = made;
    return true;
}

static bool sink_rows(const SinkCompareTable *table, bool (*row)(void *context, const SinkCompareRow *row, Err *err),
                      void *context, Err *fault) {
    const Sides *sides = table->state;
    for (size_t i = 0; i < sides->sink.count; i++) {
        Value values[2];
        row_values(&sides->sink.at[i], values);
        SinkCompareRow given = {.values = values, .file = i < 3 ? SLICE("a") : SLICE("b"), .position = i};
        if (!row(context, &given, fault)) {
            return false;
        }
    }
    return !sides->broken_sink || FAIL(fault, ERR_IO_FAILED, "a broken disk");
}

static void sink_table_close(SinkCompareTable *table) {
    table->state = NULL;
}

static const SourceDriver SOURCE = {.name = "memory", .compare_table = source_table};
static const SinkDriver SINK = {.name = "memory",
                                .compare_table = sink_table,
                                .compare_map = sink_map,
                                .compare_rows = sink_rows,
                                .compare_table_close = sink_table_close};

static VerifyResult verify(Sides *sides, uint32_t sample) {
    VerifyResult result;
    VerifyContext context = {
        .source = &SOURCE, .source_state = sides, .sink = &SINK, .sink_state = sides, .sample = sample};
    CHECK_OK(verify_table(&context, SLICE("t"), &arena, &result, err));
    return result;
}

static const char *summary(const VerifyResult *result) {
    return arena_printf(&arena,
                        "%" PRIu64 "/%" PRIu64 " equal %" PRIu64 " missing %" PRIu64 " extra %" PRIu64
                        " different %" PRIu64 " duplicate %" PRIu64,
                        result->source_rows, result->sink_rows, result->equal, result->missing, result->extra,
                        result->different, result->duplicate);
}

#define ROWS(...) \
    { (const Row[]){__VA_ARGS__}, sizeof((const Row[]){__VA_ARGS__}) / sizeof(Row) }

TEST(verify_finds_equal_tables_equal) {
    arena_init(&arena, "test", 0);
    Sides sides = {.source = ROWS({1, "a"}, {2, NULL}, {3, ""}), .sink = ROWS({3, ""}, {1, "a"}, {2, NULL})};
    VerifyResult result = verify(&sides, 0);
    CHECK(verify_is_equal(&result));
    CHECK_TEXT(slice_of(summary(&result)), "3/3 equal 3 missing 0 extra 0 different 0 duplicate 0");
    Sides none = {0};
    result = verify(&none, 0);
    CHECK(verify_is_equal(&result));
    CHECK_INT(result.difference_count, 0);
    arena_release(&arena);
}

TEST(verify_names_each_row_that_differs) {
    arena_init(&arena, "test", 0);
    Sides sides = {.source = ROWS({1, "a"}, {2, NULL}, {3, "c"}, {4, "d"}, {5, "e"}),
                   .sink = ROWS({1, "a"}, {2, ""}, {4, "d"}, {4, "d"}, {6, "f"}, {5, "e"})};
    VerifyResult result = verify(&sides, 0);
    CHECK_TEXT(slice_of(summary(&result)), "5/6 equal 2 missing 1 extra 1 different 1 duplicate 1");
    CHECK_INT(result.difference_count, 4);
    CHECK_INT(result.column_differs[0], 0);
    CHECK_INT(result.column_differs[1], 1);
    uint32_t kinds = 0;
    for (size_t i = 0; i < result.difference_count; i++) {
        const VerifyDifference *difference = &result.differences[i];
        kinds |= 1U << difference->kind;
        int64_t wanted[] = {3, 6, 2, 4};
        CHECK_INT(difference->key[0].integer, wanted[difference->kind]);
        CHECK((difference->source != NULL) == (difference->kind != VERIFY_EXTRA));
        CHECK((difference->sink != NULL) == (difference->kind != VERIFY_MISSING));
        if (difference->kind == VERIFY_DUPLICATE) {
            CHECK_INT(difference->place_count, 2);
            CHECK_TEXT(difference->places[0].file, difference->places[0].position < 3 ? "a" : "b");
        }
        if (difference->kind == VERIFY_DIFFERENT) {
            CHECK_INT(difference->after[1].kind, VALUE_NULL);
            CHECK_TEXT(difference->sink[1].bytes, "");
        }
    }
    CHECK_INT(kinds, 15);
    arena_release(&arena);
}

TEST(verify_counts_rows_that_have_no_key) {
    arena_init(&arena, "test", 0);
    Sides sides = {.source = ROWS({1, "a"}, {1, "a"}, {2, "b"}),
                   .sink = ROWS({1, "a"}, {2, "b"}, {2, "b"}, {2, "b"}),
                   .keyless = true};
    VerifyResult result = verify(&sides, 0);
    CHECK_TEXT(slice_of(summary(&result)), "3/4 equal 2 missing 1 extra 2 different 0 duplicate 0");
    CHECK_INT(result.difference_count, 2);
    CHECK(result.differences[0].key == NULL);
    arena_release(&arena);
}

TEST(verify_looks_at_a_sample_of_the_source) {
    arena_init(&arena, "test", 0);
    Sides sides = {.source = ROWS({1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}),
                   .sink = ROWS({1, "a"}, {2, "wrong, and not looked at"}, {3, "wrong"}, {4, "d"})};
    VerifyResult result = verify(&sides, 2);
    CHECK_TEXT(slice_of(summary(&result)), "2/4 equal 1 missing 0 extra 0 different 1 duplicate 0");
    CHECK_INT(result.differences[0].key[0].integer, 3);
    arena_release(&arena);
}

TEST(verify_says_what_the_sink_cannot_hold) {
    arena_init(&arena, "test", 0);
    Sides sides = {.source = ROWS({1, "NaN"}, {2, "b"}), .sink = ROWS({1, NULL}, {2, "b"})};
    VerifyResult result = verify(&sides, 0);
    CHECK(verify_is_equal(&result));
    CHECK_INT(result.inexact, 1);
    CHECK_INT(result.lost[0], 0);
    CHECK_INT(result.lost[1], 1);
    arena_release(&arena);
}

TEST(verify_ends_with_the_error_of_either_side) {
    arena_init(&arena, "test", 0);
    Sides sides = {.source = ROWS({1, "a"}), .sink = ROWS({1, "a"}), .broken_sink = true};
    VerifyContext context = {.source = &SOURCE, .source_state = &sides, .sink = &SINK, .sink_state = &sides};
    VerifyResult result;
    CHECK(!verify_table(&context, SLICE("t"), &arena, &result, err));
    CHECK_INT(err->code, ERR_IO_FAILED);
    err_clear(err);
    volatile bool stop = true;
    Row *many = ARENA_ARRAY(&arena, Row, 100000);
    sides = (Sides){.source = {many, 100000}, .sink = {many, 100000}};
    context.stop = &stop;
    CHECK(!verify_table(&context, SLICE("t"), &arena, &result, err));
    CHECK_INT(err->code, ERR_INTERRUPTED);
    arena_release(&arena);
}

TEST(verify_keeps_to_its_memory) {
    arena_init(&arena, "test", 0);
    enum { MANY = 200000 };
    Row *left = ARENA_ARRAY(&arena, Row, MANY), *right = ARENA_ARRAY(&arena, Row, MANY);
    for (int64_t i = 0; i < MANY; i++) {
        left[i] = (Row){i, "x"};
        right[i] = (Row){i, "y"};
    }
    Sides sides = {.source = {left, MANY}, .sink = {right, MANY}};
    VerifyContext context = {.source = &SOURCE,
                             .source_state = &sides,
                             .sink = &SINK,
                             .sink_state = &sides,
                             .memory_bytes_max = 1 * MIB,
                             .differences_max = 10};
    VerifyResult result;
    CHECK_OK(verify_table(&context, SLICE("t"), &arena, &result, err));
    CHECK_INT(result.difference_count, 10);
    CHECK_INT(result.different + result.unseen, MANY);
    CHECK(result.different > 1000 && result.different < 20000);
    CHECK_INT(result.equal, 0);
    arena_release(&arena);
}

// --- values ----------------------------------------------------------------------------------------------------

static bool same(const Shape *shape, Value a, Value b) {
    static RowSecret secret;
    if (secret.word[0] == 0) {
        row_secret_make(&secret);
    }
    RowHash left = value_hash(&secret, shape, &a), right = value_hash(&secret, shape, &b);
    CHECK((left.a == right.a) == (left.b == right.b));
    return left.a == right.a;
}

static Value decimal(const char *text) {
    Value value = {.kind = VALUE_DECIMAL};
    CHECK(decimal_from_text(&arena, slice_of(text), &value.bytes));
    return value;
}

TEST(verify_takes_values_for_equal_that_are) {
    arena_init(&arena, "test", 0);
    static const Shape NUMBER = {.kind = SHAPE_INT64, .optional = true}, REAL = {.kind = SHAPE_FLOAT64},
                       DECIMAL = {.kind = SHAPE_DECIMAL, .precision = 38, .scale = 4}, TEXT = {.kind = SHAPE_STRING},
                       LIST = {.kind = SHAPE_LIST, .element = &NUMBER}, MAP = {.kind = SHAPE_MAP, .element = &NUMBER};
    Value null = {.kind = VALUE_NULL}, zero = value_int(0), one = value_int(1);
    CHECK(same(&NUMBER, one, one) && !same(&NUMBER, one, zero) && !same(&NUMBER, null, zero));
    Value minus = {.kind = VALUE_FLOAT64, .real = -0.0}, plus = {.kind = VALUE_FLOAT32, .real = 0.0};
    Value nan = {.kind = VALUE_FLOAT64, .real = (double)__builtin_nanf("")},
          other = {.kind = VALUE_FLOAT64, .real = -(double)__builtin_nanf("")};
    CHECK(same(&REAL, minus, plus) && same(&REAL, nan, other) && !same(&REAL, nan, plus));
    CHECK(same(&DECIMAL, decimal("1.5"), decimal("1.5000")) && !same(&DECIMAL, decimal("1.5"), decimal("-1.5")));
    CHECK(!same(&DECIMAL, decimal("15"), decimal("1.5")) && !same(&DECIMAL, decimal("1"), decimal("10000")));
    CHECK(!same(&TEXT, value_bytes(VALUE_STRING, SLICE("")), null));
    CHECK(!same(&TEXT, value_bytes(VALUE_STRING, SLICE("a")), value_bytes(VALUE_STRING, SLICE("a\0"))));
    Value items[] = {zero, one, null}, turned[] = {one, zero, null};
    Value list = {.kind = VALUE_LIST, .items = {items, 3}}, back = {.kind = VALUE_LIST, .items = {turned, 3}};
    Value none = {.kind = VALUE_LIST};
    CHECK(same(&LIST, list, list) && !same(&LIST, list, back) && !same(&LIST, none, null));
    Value a = value_bytes(VALUE_STRING, SLICE("a")), b = value_bytes(VALUE_STRING, SLICE("b"));
    Value pairs[] = {a, one, b, zero}, swapped[] = {b, zero, a, one}, wrong[] = {a, zero, b, one};
    Value map = {.kind = VALUE_MAP, .items = {pairs, 4}};
    CHECK(same(&MAP, map, (Value){.kind = VALUE_MAP, .items = {swapped, 4}}));
    CHECK(!same(&MAP, map, (Value){.kind = VALUE_MAP, .items = {wrong, 4}}));
    arena_release(&arena);
}

// --- corrections -----------------------------------------------------------------------------------------------

static bool correction_show(void *context, const Correction *correction, Err *fault) {
    Buf *out = context;
    buf_printf(out, "%.*s %" PRId64 " %s", SLICE_ARG(correction->topic), correction->key[0].integer,
               correction->after != NULL ? "put" : "remove");
    for (size_t i = 0; i < correction->place_count; i++) {
        buf_printf(out, " %.*s:%" PRIu64, SLICE_ARG(correction->places[i].file), correction->places[i].position);
    }
    CHECK(schema_equal(correction->schema, &SCHEMA));
    buf_text(out, "\n");
    return true;
}

TEST(verify_writes_corrections) {
    arena_init(&arena, "test", 0);
    char folder[200];
    test_folder(folder, sizeof(folder), "corrections");
    const char *path = arena_printf(&arena, "%s/c/1", folder);
    Sides sides = {.source = ROWS({1, "a"}, {2, "b"}), .sink = ROWS({1, "A"}, {2, "b"}, {3, "c"})};
    CorrectionFiles files = {.directory = arena_printf(&arena, "%s/c", folder)};
    VerifyResult result;
    VerifyContext context = {
        .source = &SOURCE, .source_state = &sides, .sink = &SINK, .sink_state = &sides, .corrections = &files};
    CHECK_OK(verify_table(&context, SLICE("t"), &arena, &result, err));
    CHECK_OK(correction_files_end(&files, err));
    CHECK_INT(files.count, 1);
    Buf seen = {0};
    CHECK_OK(corrections_read(path, correction_show, &seen, err));
    bool first = seen.size > 2 && seen.data[2] == '1';
    CHECK_TEXT(buf_slice(&seen), first ? "t 1 put a:0\nt 3 remove a:2\n" : "t 3 remove a:2\nt 1 put a:0\n");
    buf_release(&seen);
    Slice bytes;
    CHECK_OK(file_read_all(path, MIB, &arena, &bytes, err));
    uint8_t *damaged = ARENA_ARRAY(&arena, uint8_t, bytes.size);
    memcpy(damaged, bytes.data, bytes.size);
    damaged[20] ^= 1;
    CHECK_OK(file_replace(path, (Slice){damaged, bytes.size}, err));
    CHECK(!corrections_read(path, correction_show, &seen, err));
    CHECK_INT(err->code, ERR_STATE_CORRUPT);
    err_clear(err);
    CHECK_OK(file_remove_tree(folder, err));
    arena_release(&arena);
}

static bool correction_count(void *context, const Correction *correction, Err *fault) {
    uint64_t *counts = context;
    counts[0]++;
    counts[1] += (uint64_t)correction->key[0].integer;
    counts[2] += correction->after == NULL;
    return true;
}

TEST(verify_writes_corrections_of_all_that_differs_in_little_memory) {
    arena_init(&arena, "test", 0);
    enum { MANY = 60000 };
    char folder[200];
    test_folder(folder, sizeof(folder), "all-corrections");
    Row *left = ARENA_ARRAY(&arena, Row, MANY), *right = ARENA_ARRAY(&arena, Row, MANY);
    for (int64_t i = 0; i < MANY; i++) {
        left[i] = (Row){i, "x"};
        right[i] = (Row){i, i % 2 == 0 ? "x" : "y"};
    }
    Sides sides = {.source = {left, MANY - 10000}, .sink = {right, MANY}}; // 25,000 different, 10,000 extra
    CorrectionFiles files = {.directory = folder, .file_bytes = 200 * KIB};
    VerifyContext context = {.source = &SOURCE,
                             .source_state = &sides,
                             .sink = &SINK,
                             .sink_state = &sides,
                             .corrections = &files,
                             .memory_bytes_max = 4 * MIB,
                             .differences_max = 10};
    VerifyResult result;
    CHECK_OK(verify_table(&context, SLICE("t"), &arena, &result, err));
    CHECK_OK(correction_files_end(&files, err));
    CHECK_TEXT(slice_of(summary(&result)), "50000/60000 equal 25000 missing 0 extra 10000 different 25000 duplicate 0");
    CHECK_INT(result.unseen, 0);
    CHECK_INT(result.difference_count, 10);
    CHECK_INT(result.column_differs[1], 25000);
    uint64_t counts[3] = {0};
    CHECK(files.count > 3);
    for (size_t i = 1; i <= files.count; i++) {
        CHECK_OK(corrections_read(correction_files_path(&files, &arena, i), correction_count, counts, err));
    }
    uint64_t keys = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        keys += i >= MANY - 10000 || i % 2 == 1 ? i : 0;
    }
    CHECK_INT(counts[0], 35000);
    CHECK_INT(counts[1], keys);
    CHECK_INT(counts[2], 10000);
    CHECK_OK(file_remove_tree(folder, err));
    arena_release(&arena);
}
