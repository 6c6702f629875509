// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/signal.c"

#include "core/base/test.h"

static Arena memory;

static PgSignal parsed(const char *type, const char *data) {
    Err err[1] = {{0}};
    PgSignal signal;
    CHECK_OK(pg_signal_parse(&memory, SLICE("s-1"), slice_of(type), slice_of(data), &signal, err));
    return signal;
}

TEST(signals_are_read) {
    arena_init(&memory, "test", 0);
    PgSignal signal = parsed("execute-snapshot",
                             "{\"data-collections\":[\"public.a\",\"s\\\\.b.*\"],\"type\":\"INCREMENTAL\","
                             "\"additional-conditions\":[{\"data-collection\":\"public.a\",\"filter\":\"x > 1\"}],"
                             "\"surrogate-key\":\"k\"}");
    CHECK(signal.kind == PG_SIGNAL_EXECUTE && !signal.blocking && !signal.all);
    CHECK_INT(signal.collection_count, 2);
    CHECK_TEXT(signal.collections[1], "s\\.b.*");
    CHECK_INT(signal.condition_count, 1);
    CHECK_TEXT(signal.conditions[0].filter, "x > 1");
    CHECK_TEXT(signal.surrogate_key, "k");
    CHECK(parsed("execute-snapshot", "{\"type\":\"blocking\",\"data-collections\":[]}").blocking);
    CHECK_TEXT(parsed("log", "{\"message\":\"at {}\"}").message, "at {}");
    CHECK(parsed("stop-snapshot", "").all);
    CHECK(!parsed("stop-snapshot", "{\"type\":\"incremental\",\"data-collections\":[\"a.b\"]}").all);
    CHECK(parsed("pause-snapshot", "{}").kind == PG_SIGNAL_PAUSE);
    CHECK(parsed("snapshot-window-open", "no JSON").kind == PG_SIGNAL_WINDOW_OPEN);
    CHECK(parsed("schema-changes", "[").kind == PG_SIGNAL_OTHER);
    arena_release(&memory);
}

TEST(signals_that_are_none_are_refused) {
    static const char *const BAD[][2] = {{"execute-snapshot", ""},
                                         {"execute-snapshot", "[]"},
                                         {"execute-snapshot", "{\"type\":\"other\"}"},
                                         {"execute-snapshot", "{\"data-collections\":\"a\"}"},
                                         {"execute-snapshot", "{\"data-collections\":[1]}"},
                                         {"execute-snapshot", "{\"additional-conditions\":[{\"filter\":\"x\"}]}"},
                                         {"log", "{}"},
                                         {"stop-snapshot", "{"}};
    Err err[1] = {{0}};
    PgSignal signal;
    arena_init(&memory, "test", 0);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        CHECK_FAILS(pg_signal_parse(&memory, SLICE("x"), slice_of(BAD[i][0]), slice_of(BAD[i][1]), &signal, err),
                    ERR_VALUE);
    }
    CHECK_FAILS(pg_signal_line(&memory, SLICE("{}"), &signal, err), ERR_VALUE);
    CHECK_FAILS(pg_signal_line(&memory, SLICE("{"), &signal, err), ERR_VALUE);
    CHECK_OK(
        pg_signal_line(&memory, SLICE("{\"id\":\"1\",\"type\":\"log\",\"data\":{\"message\":\"m\"}}"), &signal, err));
    CHECK_TEXT(signal.message, "m");
    CHECK_OK(
        pg_signal_line(&memory, SLICE("{\"type\":\"log\",\"data\":\"{\\\"message\\\":\\\"m\\\"}\"}"), &signal, err));
    CHECK_TEXT(signal.message, "m");
    arena_release(&memory);
}

TEST(signals_first_condition_that_covers_a_table_counts) {
    static const char *const KINDS[] = {"incremental", "blocking"};
    static const char *const WANT[][2] = {{"public.a", "first"}, {"public.b", "second"}, {"other.c", ""}};
    Err err[1] = {{0}};
    Slice filter;
    arena_init(&memory, "test", 0);
    for (size_t k = 0; k < ARRAY_LEN(KINDS); k++) {
        const char *data = arena_printf(&memory,
                                        "{\"type\":\"%s\",\"data-collections\":[\".*\"],\"additional-conditions\":["
                                        "{\"data-collection\":\"public.a\",\"filter\":\"first\"},"
                                        "{\"data-collection\":\"public\\\\..*\",\"filter\":\"second\"},"
                                        "{\"data-collection\":\"public.a\",\"filter\":\"third\"}]}",
                                        KINDS[k]);
        PgSignal signal = parsed("execute-snapshot", data);
        for (size_t i = 0; i < ARRAY_LEN(WANT); i++) {
            CHECK_OK(pg_signal_filter(&memory, &signal, slice_of(WANT[i][0]), &filter, err));
            CHECK_TEXT(filter, WANT[i][1]);
        }
    }
    PgSignal signal = parsed("execute-snapshot", "{\"data-collections\":[\"a\"],\"additional-conditions\":["
                                                 "{\"data-collection\":\"(\",\"filter\":\"x\"}]}");
    CHECK_FAILS(pg_signal_filter(&memory, &signal, SLICE("a"), &filter, err), ERR_OPTION);
    arena_release(&memory);
}
