// SPDX-License-Identifier: Apache-2.0
// A made-up journal is fed to the sink; whatever happens on the way, the published rows are compared with the
// journal's, one by one and in order.
#include "flow/sink/objects/objects.c"

#include "core/base/test.h"
#include "core/sys/file.h"
#include "storage/store/fault/fault.h"

#include <jansson.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TABLES = 3, ENTRIES_MAX = 4096 };

typedef struct Step {
    JournalEntryKind kind;
    uint32_t topic;
    uint64_t offset;
    uint64_t epoch, sequence;
    size_t text_bytes;
} Step;

typedef struct Script {
    Step steps[ENTRIES_MAX];
    size_t count;
    uint64_t next[TABLES];
    uint64_t sequence;
    uint64_t epoch;
} Script;

static Column COLUMNS[] = {
    {.name = {(const uint8_t *)"id", 2}, .type = {.kind = TYPE_INT64}, .flags = COLUMN_KEY | COLUMN_PRIMARY},
    {.name = {(const uint8_t *)"text", 4}, .type = {.kind = TYPE_STRING}},
};
static Schema SCHEMAS[TABLES] = {
    {1, {(const uint8_t *)"shop", 4}, {(const uint8_t *)"users", 5}, {0}, IDENTITY_KEY, COLUMNS, 2},
    {2, {(const uint8_t *)"shop", 4}, {(const uint8_t *)"Users", 5}, {0}, IDENTITY_KEY, COLUMNS, 2},
    {3, {(const uint8_t *)"a/b", 3}, {(const uint8_t *)".hidden+50%", 11}, {0}, IDENTITY_KEY, COLUMNS, 2},
};
static JournalTopic TOPICS[TABLES] = {
    {1, {(const uint8_t *)"shop.users", 10}},
    {2, {(const uint8_t *)"shop.Users", 10}},
    {3, {(const uint8_t *)"a/b..hidden", 11}},
};
#define REST "\x01\x14.json" // names.h: the offset, at least 20 digits
static const char *const FAMILIES[TABLES] = {"shop/users/shop.users-0-" REST, "shop/Users/shop.Users-0-" REST,
                                             "a%2Fb/%2Ehidden%2B50%25/a%2Fb.%2Ehidden%2B50%25-0-" REST};

static void step_event(Script *script, uint32_t topic, size_t text_bytes) {
    ASSERT(script->count < ENTRIES_MAX);
    script->steps[script->count++] = (Step){JOURNAL_EVENT, topic, script->next[topic]++, 0, 0, text_bytes};
}

static void step_cut(Script *script) {
    ASSERT(script->count < ENTRIES_MAX);
    script->steps[script->count++] = (Step){JOURNAL_CUT, 0, 0, script->epoch, ++script->sequence, 0};
}

// Groups of all sizes, one far past memory and rotation, one table that is seldom hit, an epoch that rises.
static void script_make(Script *script) {
    *script = (Script){.epoch = 3};
    for (int group = 0; group < 24; group++) {
        int events = group == 9 ? 150 : 1 + group * 7 % 13;
        for (int i = 0; i < events; i++) {
            uint32_t topic = group == 9 || i % 5 != 0 ? (uint32_t)i % 2 : group % 8 == 0 ? 2 : 0;
            step_event(script, topic, (size_t)(i * 37 % 200));
        }
        script->epoch += group == 12 ? 2 : 0;
        step_cut(script);
    }
    step_event(script, 0, 5); // no cut yet: not to be seen
}

typedef struct Bench {
    char directory[64];
    char target[96], state[96], other[96]; // of another machine
    ObjectsOptions options;
    SinkContext context;
} Bench;

static Bench *bench_make(Bench *bench) {
    *bench = (Bench){0};
    test_folder(bench->directory, sizeof(bench->directory), "objects");
    snprintf(bench->target, sizeof(bench->target), "%s/lake", bench->directory);
    snprintf(bench->state, sizeof(bench->state), "%s/state", bench->directory);
    snprintf(bench->other, sizeof(bench->other), "%s/other", bench->directory);
    ASSERT(mkdir(bench->state, 0700) == 0 && mkdir(bench->other, 0700) == 0);
    option_defaults(&OBJECTS_OPTIONS, &bench->options);
    bench->options.rotate_bytes = 1500;
    bench->options.rotate_interval_ms = 600000;
    bench->context = (SinkContext){.name = "main",
                                   .pipeline = "test",
                                   .url = bench->target,
                                   .state_directory = bench->state,
                                   .options = &bench->options,
                                   .memory_bytes_max = 16 * KIB};
    return bench;
}

static void bench_remove(Bench *bench) {
    Err err[1] = {{0}};
    CHECK_OK(file_remove_tree(bench->directory, err));
}

// Hands one step over. Positions: each entry is a frame of 10 bytes.
static bool feed(Sink *sink, const Script *script, size_t at, Err *err) {
    static char text[4096];
    memset(text, 'x', sizeof(text));
    const Step *step = &script->steps[at];
    Value row[2] = {value_int((int64_t)step->offset),
                    value_bytes(VALUE_STRING, (Slice){(const uint8_t *)text, step->text_bytes})};
    Event event = {.op = OP_CREATE, .offset_span = 1, .column_count = 2, .commit_lsn = at, .after = row};
    Position position = {0};
    JournalEntry entry = {.kind = step->kind, .at = at * 10, .next = at * 10 + 10, .position = &position};
    if (step->kind == JOURNAL_EVENT) {
        entry.topic = &TOPICS[step->topic];
        entry.schema = &SCHEMAS[step->topic];
        entry.offset = step->offset;
        entry.event = &event;
    } else {
        entry.epoch = step->epoch;
        entry.cut_sequence = step->sequence;
    }
    return sink_take(sink, &entry, err);
}

static LogPosition *pinned; // shared with children: the journal below it may be gone

// Opens, feeds the rest of the script up to `end`, flushing now and then (also inside of groups), and closes.
static bool run(const Bench *bench, const Script *script, size_t end, Err *err) {
    Sink *sink = NULL;
    TRY(sink_open(&OBJECTS_SINK, &bench->context, &sink, err));
    LogPosition start = sink_start(sink);
    CHECK(start % 10 == 0 && start >= *pinned);
    CHECK(start == 0 || script->steps[start / 10 - 1].kind == JOURNAL_CUT);
    bool ok = true;
    size_t last_cut = end;
    while (last_cut > 0 && script->steps[last_cut - 1].kind != JOURNAL_CUT) {
        last_cut--; // behind it, tables are in the middle of a group
    }
    for (size_t at = start / 10; ok && at < end; at++) {
        int64_t next_ms = 0;
        bool flush = at % 41 == 40 || at + 1 == last_cut;
        ok = feed(sink, script, at, err) && (!flush || sink_flush(sink, err)) && sink_tick(sink, &next_ms, err);
        *pinned = sink_pin(sink);
    }
    ok = ok && sink_flush(sink, err);
    *pinned = sink_pin(sink);
    if (!ok) {
        Err again[1] = {{0}};
        CHECK(!sink_flush(sink, again) && again->code == err->code);
    }
    sink_close(sink);
    return ok;
}

typedef struct Seen {
    Arena *arena;
    Store *store;
    uint64_t next[TABLES];
    size_t files;
} Seen;

static bool seen_visit(void *context, const char *name, uint64_t size) {
    Seen *seen = context;
    Err err[1] = {{0}};
    uint32_t topic = 0;
    uint64_t offset = 0;
    if (strncmp(name, "_leat/", 6) == 0) {
        return true;
    }
    while (!name_match(slice_of(FAMILIES[topic]), slice_of(name), &offset)) {
        CHECK(++topic < TABLES);
    }
    CHECK_INT(offset, seen->next[topic]);
    Slice bytes = {0};
    CHECK_OK(store_get(seen->store, name, seen->arena, &bytes, NULL, err));
    CHECK_INT(bytes.size, size);
    CHECK(size > 0 && bytes.data[size - 1] == '\n');
    const char *at = (const char *)bytes.data;
    while (*at != '\0') {
        const char *end = strchr(at, '\n');
        json_t *line = json_loadb(at, (size_t)(end - at), JSON_REJECT_DUPLICATES, NULL);
        CHECK(line != NULL);
        CHECK_INT(json_integer_value(json_object_get(line, "id")), seen->next[topic]);
        seen->next[topic]++;
        json_decref(line);
        at = end + 1;
    }
    seen->files++;
    return true;
}

// Every row up to the last cut exactly once and in order, nothing else in the target.
static size_t check_published(const Bench *bench, const uint64_t next[TABLES]) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Seen seen = {.arena = &arena};
    CHECK_OK(store_open(&LOCAL_STORE, &(StoreContext){.url = bench->target, .owner = "reader"}, &seen.store, err));
    CHECK_OK(store_list(seen.store, "", seen_visit, &seen, err));
    for (int i = 0; i < TABLES; i++) {
        CHECK_INT(seen.next[i], next[i]);
    }
    store_close(seen.store);
    arena_release(&arena);
    return seen.files;
}

static void expected(const Script *script, uint64_t next[TABLES]) {
    memcpy(next, script->next, TABLES * sizeof(*next));
    next[0]--; // the one without a cut
}

static bool staging_left(const Bench *bench) {
    char path[128];
    snprintf(path, sizeof(path), "%s/.leat-staging", bench->target);
    return file_exists(path);
}

static void shared_make(void) {
    pinned = mmap(NULL, sizeof(*pinned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT(pinned != MAP_FAILED);
    log_level_set(LOG_SILENT);
}

TEST(objects_publish_each_row_once_and_go_on_where_they_stopped) {
    shared_make();
    static Script script;
    script_make(&script);
    Bench bench[1];
    bench_make(bench);
    Err err[1] = {{0}};
    uint64_t next[TABLES];
    expected(&script, next);
    for (size_t end = 1; end < script.count; end += 29) {
        CHECK_OK(run(bench, &script, end, err));
    }
    CHECK_OK(run(bench, &script, script.count, err));
    CHECK_OK(run(bench, &script, script.count, err));
    CHECK(check_published(bench, next) > 10);
    CHECK(!staging_left(bench));
    bench_remove(bench);
}

// Folders from the clock and files that end in the middle of transactions, under names that need no folder.
static void options_clock(Bench *bench) {
    bench->options.partitioner = "time";
    bench->options.path_format = "SSS";
    bench->options.partition_duration_ms = 1;
    bench->options.flush_records = 7;
    bench->options.layout = "template";
    bench->options.name_template = "{schema}/{table}/{schema.table}-0-{offset}.{ext}";
}

static void torture(bool late, void (*options)(Bench *bench), uint64_t step) {
    shared_make();
    static Script script;
    script_make(&script);
    uint64_t next[TABLES];
    expected(&script, next);
    stores[0] = &FAULT_STORE;
    for (uint64_t n = 1;; n += step) {
        Bench bench[1];
        bench_make(bench);
        options(bench);
        *pinned = 0;
        Err err[1] = {{0}};
        fault_plan = (FaultPlan){.fail_at = n, .late = late};
        bool passed = run(bench, &script, script.count, err);
        CHECK(passed || err->code == ERR_IO_FULL || err->code == ERR_NONE);
        bool reached = fault_plan.calls >= n;
        fault_plan = (FaultPlan){0};
        err_clear(err);
        CHECK_OK(run(bench, &script, script.count, err));
        check_published(bench, next);
        CHECK(!staging_left(bench));
        bench_remove(bench);
        if (!reached) {
            CHECK(n > 100);
            break;
        }
    }
}

static void options_plain(Bench *bench) {
}

TEST(objects_survive_each_failing_call_of_the_store) {
    torture(false, options_plain, 1);
}

TEST(objects_survive_each_call_that_fails_when_it_was_done) {
    torture(true, options_plain, 1);
}

TEST(objects_survive_failing_calls_with_folders_of_the_clock) {
    torture(false, options_clock, 3);
    torture(true, options_clock, 4);
}

#ifdef LEAT_CRASH_POINTS
// True when the child was killed by the crash point, false when it came to its end.
static bool run_child(const Bench *bench, const Script *script, const char *crash) {
    pid_t child = fork();
    if (child == 0) {
        Err err[1] = {{0}};
        setenv("LEAT_CRASH_POINT", crash, 1);
        CHECK_OK(run(bench, script, script->count, err));
        _exit(0);
    }
    int status = 0;
    ASSERT(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        return true;
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return false;
}

// Takes the target over; when that is done, the process before still puts what was withdrawn.
static size_t run_beside(const Bench *bench, const Script *script) {
    Err err[1] = {{0}};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    Store *store = NULL;
    Sink *sink = NULL;
    bool found = false;
    Checkpoint checkpoint;
    char tag[STORE_TAG_BYTES_MAX];
    CHECK_OK(store_open(&LOCAL_STORE, &(StoreContext){.url = bench->target, .owner = "late"}, &store, err));
    CHECK_OK(checkpoint_load(store, "test", &arena, &found, &checkpoint, tag, err));
    CHECK_OK(sink_open(&OBJECTS_SINK, &bench->context, &sink, err));
    sink_close(sink); // as the reader of topics does: what is in doubt is durable
    CHECK_OK(sink_open(&OBJECTS_SINK, &bench->context, &sink, err));
    for (size_t i = 0; i < checkpoint.plan.item_count; i++) {
        const char *name = arena_text(&arena, checkpoint.plan.items[i].name);
        CHECK_OK(store_put(store, name, SLICE("{\"id\":0}\n"), "", NULL, err));
    }
    store_close(store);
    for (size_t at = 0; at < script->count; at++) {
        CHECK_OK(feed(sink, script, at, err));
    }
    sink_close(sink);
    return checkpoint.plan.item_count;
}

TEST(objects_that_a_process_before_puts_late_are_withdrawn_again) {
    shared_make();
    static Script script;
    static const int64_t ROTATE[] = {1500, 15000}; // under the same names, and under others
    Bench benches[ARRAY_LEN(ROTATE)];
    uint64_t next[TABLES];
    Err err[1] = {{0}};
    script_make(&script);
    expected(&script, next);
    for (size_t i = 0; i < ARRAY_LEN(ROTATE); i++) {
        Bench *bench = bench_make(&benches[i]);
        bench->context.journal_id = "0123456789abcdef";
        bench->context.compared = true;
        *pinned = 0;
        CHECK(run_child(bench, &script, "sink.before_done:4"));
    }
    for (size_t i = 0; i < ARRAY_LEN(ROTATE); i++) {
        Bench *bench = &benches[i];
        bench->options.rotate_bytes = ROTATE[i];
        bench->context.state_directory = bench->other; // another machine's
        *pinned = 0;
        CHECK(run_beside(bench, &script) > 1);
        CHECK_OK(run(bench, &script, script.count, err));
        check_published(bench, next);
        bench_remove(bench);
    }
}

TEST(objects_survive_kill_9_at_each_crash_point) {
    shared_make();
    static const char *const POINTS[] = {"sink.before_finish", "sink.after_finish",   "sink.before_plan",
                                         "sink.after_plan",    "store.local.renamed", "sink.before_done",
                                         "sink.after_done"};
    static Script script;
    script_make(&script);
    uint64_t next[TABLES];
    expected(&script, next);
    for (size_t i = 0; i < ARRAY_LEN(POINTS); i++) {
        bool killed = true;
        for (int n = 1; killed; n += 1 + n / 4) {
            Bench bench[1];
            bench_make(bench);
            *pinned = 0;
            char crash[64];
            snprintf(crash, sizeof(crash), "%s:%d", POINTS[i], n);
            killed = run_child(bench, &script, crash);
            CHECK(killed || n > 5);
            run_child(bench, &script, "sink.recovered_one:1"); // and in the recovery itself
            run_child(bench, &script, "store.local.renamed:2");
            CHECK(!run_child(bench, &script, "none"));
            check_published(bench, next);
            CHECK(!staging_left(bench));
            bench_remove(bench);
        }
    }
}
#endif

// --- one case each ---------------------------------------------------------------------------------------------

static Sink *open_sink(const Bench *bench) {
    Err err[1] = {{0}};
    Sink *sink = NULL;
    CHECK_OK(sink_open(&OBJECTS_SINK, &bench->context, &sink, err));
    return sink;
}

static void feed_all(Sink *sink, const Script *script, size_t from) {
    Err err[1] = {{0}};
    for (size_t at = from; at < script->count; at++) {
        CHECK_OK(feed(sink, script, at, err));
    }
}

TEST(objects_refuse_a_journal_of_another_copy) {
    shared_make();
    static Script script;
    script = (Script){.epoch = 5};
    Bench bench[1];
    bench_make(bench);
    Err err[1] = {{0}};
    for (int i = 0; i < 10; i++) {
        step_event(&script, 0, 10);
        step_event(&script, 1, 10);
        step_cut(&script);
    }
    // Table 1 stays open with its last group, so the journal is needed from before it: 0 is published further.
    bench->options.rotate_bytes = 1024;
    CHECK_OK(run(bench, &script, 27, err));
    Sink *sink = open_sink(bench);
    CHECK_INT(sink_start(sink), 270);
    // An older copy: the same cut again, or one of an older epoch.
    static Script other;
    other = script;
    other.steps[29].sequence = 9;
    CHECK_OK(feed(sink, &other, 27, err));
    CHECK_OK(feed(sink, &other, 28, err));
    CHECK_FAILS(feed(sink, &other, 29, err), ERR_STATE_CORRUPT);
    CHECK_FAILS(sink_flush(sink, err), ERR_STATE_CORRUPT); // and it stays so
    sink_close(sink);
    other = script;
    other.steps[29].epoch = 4;
    sink = open_sink(bench);
    CHECK_OK(feed(sink, &other, 27, err));
    CHECK_OK(feed(sink, &other, 28, err));
    CHECK_FAILS(feed(sink, &other, 29, err), ERR_STATE_CORRUPT);
    sink_close(sink);
    // A later epoch that appends at offsets which are published: what it holds is something else.
    other = script;
    other.steps[27].offset = 5;
    other.steps[29].epoch = 6;
    sink = open_sink(bench);
    CHECK_OK(feed(sink, &other, 27, err));
    CHECK_OK(feed(sink, &other, 28, err));
    CHECK_FAILS(feed(sink, &other, 29, err), ERR_STATE_CORRUPT);
    sink_close(sink);
    // A gap.
    other = script;
    other.steps[27].offset = 11;
    sink = open_sink(bench);
    CHECK_FAILS(feed(sink, &other, 27, err), ERR_STATE_CORRUPT);
    sink_close(sink);
    uint64_t next[TABLES] = {9, 9, 0};
    check_published(bench, next);
    CHECK_OK(run(bench, &script, script.count, err)); // the right one still goes on
    check_published(bench, script.next);
    bench_remove(bench);
}

TEST(objects_never_mix_with_files_of_an_earlier_pipeline) {
    shared_make();
    static Script script;
    script_make(&script);
    Bench bench[1];
    bench_make(bench);
    Err err[1] = {{0}};
    uint64_t next[TABLES];
    expected(&script, next);
    CHECK_OK(run(bench, &script, script.count, err));
    CHECK_OK(file_remove_tree(bench->state, err)); // the data directory is lost, the journal begins anew
    CHECK_OK(file_make_directories(bench->state, err));
    *pinned = 0;
    CHECK(!run(bench, &script, script.count, err));
    CHECK_INT(err->code, ERR_EXISTS);
    CHECK(strstr(err->message, "pipeline test") != NULL && err->hint[0] != '\0');
    char remembered[128]; // also without what the target remembers
    snprintf(remembered, sizeof(remembered), "%s/_leat", bench->target);
    err_clear(err);
    CHECK_OK(file_remove_tree(remembered, err));
    CHECK(!run(bench, &script, script.count, err));
    CHECK_INT(err->code, ERR_EXISTS);
    CHECK(strstr(err->message, "shop.") != NULL && err->hint[0] != '\0');
    check_published(bench, next);
    // The old files are moved away: it goes on.
    err_clear(err);
    CHECK_OK(file_remove_tree(bench->target, err));
    CHECK_OK(run(bench, &script, script.count, err));
    check_published(bench, next);
    bench_remove(bench);
}

#ifdef LEAT_CRASH_POINTS
TEST(objects_accept_that_a_reader_took_a_file_away_in_mid_publication) {
    shared_make();
    static Script script;
    script_make(&script);
    Bench bench[1];
    bench_make(bench);
    Err err[1] = {{0}};
    CHECK(run_child(bench, &script, "store.local.renamed:4"));
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Plan plan = {0};
    CHECK_OK(plan_load(bench->state, &arena, &plan, err));
    char path[256];
    CHECK(plan.item_count > 0);
    snprintf(path, sizeof(path), "%s/%.*s", bench->target, SLICE_ARG(plan.items[0].name));
    CHECK_OK(file_remove(path, err));
    CHECK_OK(run(bench, &script, script.count, err));
    arena_release(&arena);
    bench_remove(bench);
}
#endif

TEST(objects_publish_by_age_and_let_the_journal_be_trimmed) {
    shared_make();
    static Script script;
    script = (Script){.epoch = 1};
    step_event(&script, 0, 1); // 0
    step_cut(&script);
    step_event(&script, 1, 1); // 2
    step_cut(&script);
    step_event(&script, 2, 1); // 4
    step_cut(&script);
    step_cut(&script); // an empty group
    Bench bench[1];
    bench_make(bench);
    bench->options.rotate_interval_ms = 1000;
    Sink *sink = open_sink(bench);
    Objects *objects = *(Objects **)((char *)sink + sizeof(void *)); // behind the driver
    Err err[1] = {{0}};
    int64_t next_ms = 0;
    CHECK_OK(sink_tick(sink, &next_ms, err));
    CHECK_INT(next_ms, -1);
    feed_all(sink, &script, 0);
    CHECK_OK(sink_tick(sink, &next_ms, err));
    CHECK(next_ms > 500 && next_ms <= 1000);
    CHECK_INT(sink_pin(sink), 0);
    objects->files.head->since_ms -= 1000;
    objects->files.head->next->since_ms -= 910; // nearly due: goes along
    CHECK_OK(sink_tick(sink, &next_ms, err));
    uint64_t next[TABLES] = {1, 1, 0};
    check_published(bench, next);
    CHECK_INT(sink_pin(sink), 40); // from before table 2's record
    CHECK_OK(sink_flush(sink, err));
    check_published(bench, (const uint64_t[]){1, 1, 1});
    CHECK_INT(sink_pin(sink), 70);
    // Cuts without records raise the pin too, in time.
    size_t from = script.count;
    step_cut(&script);
    CHECK_OK(feed(sink, &script, from, err));
    CHECK_INT(sink_pin(sink), 70);
    CHECK_OK(sink_tick(sink, &next_ms, err));
    CHECK(next_ms > 0 && next_ms <= 1000);
    objects->saved_ms -= 1000;
    CHECK_OK(sink_tick(sink, &next_ms, err));
    CHECK_INT(sink_pin(sink), 80);
    CHECK_INT(next_ms, -1);
    SinkStats stats;
    sink_stats(sink, &stats);
    CHECK(stats.events == 3 && stats.files == 3 && stats.bytes > 300 && stats.published_ms > 0);
    sink_close(sink);
    bench_remove(bench);
}

static void many_event(Sink *sink, uint32_t table, uint64_t offset, size_t text_bytes, LogPosition at) {
    static uint8_t text[8192];
    char name[32];
    Err err[1] = {{0}};
    snprintf(name, sizeof(name), "t%u", table);
    Schema schema = {table + 1, SLICE("many"), slice_of(name), {0}, IDENTITY_KEY, COLUMNS, 2};
    JournalTopic topic = {table, slice_of(name)};
    Value row[2] = {value_int((int64_t)offset), value_bytes(VALUE_STRING, (Slice){text, text_bytes})};
    memset(text, 'x', sizeof(text));
    Event event = {.op = OP_CREATE, .offset_span = 1, .column_count = 2, .after = row};
    CHECK_OK(sink_take(sink,
                       &(JournalEntry){.kind = JOURNAL_EVENT,
                                       .at = at,
                                       .next = at + 1,
                                       .topic = &topic,
                                       .schema = &schema,
                                       .offset = offset,
                                       .event = &event},
                       err));
}

static void many_tables(const char *format, const char *codec, uint32_t tables, uint64_t rounds) {
    shared_make();
    Bench bench[1];
    bench_make(bench);
    bench->options.rotate_bytes = 1 << 30;
    bench->options.format = format;
    bench->options.compression = codec;
    bench->context.memory_bytes_max = 8 * MIB;
    Sink *sink = open_sink(bench);
    Objects *objects = *(Objects **)((char *)sink + sizeof(void *));
    Err err[1] = {{0}};
    LogPosition at = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        for (uint32_t table = 0; table < tables; table++) {
            many_event(sink, table, round, round == 3 ? 5000 : 100, at++);
            CHECK(objects->files.buffered <= 8 * MIB);
        }
        CHECK_OK(sink_take(
            sink, &(JournalEntry){.kind = JOURNAL_CUT, .at = at, .next = at + 1, .epoch = 1, .cut_sequence = round + 1},
            err));
        at++;
    }
    CHECK_OK(sink_flush(sink, err));
    SinkStats stats;
    sink_stats(sink, &stats);
    CHECK(strcmp(format, "json") != 0 || strcmp(codec, "none") != 0 || stats.files == tables);
    CHECK_INT(objects->files.buffered, 0);
    sink_close(sink);
    CHECK_OK(objects_remove(&bench->context, true, err));
    bench_remove(bench);
}

TEST(objects_keep_thousands_of_tables_within_their_memory) {
    many_tables("json", "none", 5000, 8);
}

TEST(objects_keep_encoders_that_hold_much_within_their_memory) {
    many_tables("json", "gzip", 1000, 3);
    many_tables("avro", "snappy", 1000, 3);
    many_tables("parquet", "zstd", 1000, 3);
}

TEST(objects_refuse_a_damaged_or_newer_state) {
    shared_make();
    static Script script;
    script_make(&script);
    Bench bench[1];
    bench_make(bench);
    Err err[1] = {{0}};
    CHECK_OK(run(bench, &script, script.count, err));
    Arena arena;
    arena_init(&arena, "scratch", 0);
    char path[128];
    snprintf(path, sizeof(path), "%s/state", bench->state);
    Slice good = {0};
    CHECK_OK(file_read_all(path, 1 * MIB, &arena, &good, err));
    uint8_t *bad = arena_alloc(&arena, good.size);
    Sink *sink = NULL;
    for (size_t i = 0; i < good.size; i++) {
        memcpy(bad, good.data, good.size);
        bad[i] ^= 0x10;
        CHECK_OK(file_replace(path, (Slice){bad, good.size}, err));
        CHECK(!sink_open(&OBJECTS_SINK, &bench->context, &sink, err));
        CHECK(err->code == ERR_STATE_CORRUPT || (i >= 24 && i < 28 && err->code == ERR_FORMAT_NEWER));
        CHECK(strstr(err->message, path) != NULL && err->hint[0] != '\0');
        err_clear(err);
        CHECK_OK(file_replace(path, (Slice){good.data, i}, err));
        CHECK_FAILS(sink_open(&OBJECTS_SINK, &bench->context, &sink, err), ERR_STATE_CORRUPT);
    }
    arena_release(&arena);
    bench_remove(bench);
}

TEST(objects_purge_their_own_files_only) {
    shared_make();
    static Script script;
    script_make(&script);
    Bench bench[1];
    bench_make(bench);
    Err err[1] = {{0}};
    CHECK_OK(run(bench, &script, script.count, err));
    char path[256];
    static const char *const FOREIGN[] = {"shop/users/notes.json", "shop/users/shop.users-0-00000000000099999999.json",
                                          "shop/users/shop.users-0-0.json", "other.txt"};
    for (size_t i = 0; i < ARRAY_LEN(FOREIGN); i++) {
        snprintf(path, sizeof(path), "%s/%s", bench->target, FOREIGN[i]);
        CHECK_OK(file_replace(path, SLICE("x"), err));
    }
    CHECK_OK(objects_remove(&bench->context, true, err));
    Store *store = NULL;
    Buf names;
    buf_init(&names, 0);
    CHECK_OK(store_open(&LOCAL_STORE, &(StoreContext){.url = bench->target, .owner = "reader"}, &store, err));
    size_t count = 0;
    for (; count < ARRAY_LEN(FOREIGN); count++) {
        snprintf(path, sizeof(path), "%s/%s", bench->target, FOREIGN[count]);
        CHECK(file_exists(path));
    }
    snprintf(path, sizeof(path), "%s/shop/users/shop.users-0-%020d.json", bench->target, 0);
    CHECK(!file_exists(path));
    snprintf(path, sizeof(path), "%s/shop/Users", bench->target);
    CHECK(!file_exists(path));
    store_close(store);
    snprintf(path, sizeof(path), "%s/state", bench->state);
    CHECK(!file_exists(path));
    CHECK_OK(objects_remove(&bench->context, true, err)); // twice is fine
    bench_remove(bench);
}
