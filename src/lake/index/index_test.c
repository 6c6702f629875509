// SPDX-License-Identifier: Apache-2.0
// The index against a plain array of places, under random operations; then killed at every crash point, with a full
// disk, and damaged.
#include "lake/index/index.c"

#include "core/base/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char directory[64];

static void begin(void) {
    // Many syncs: in memory where that can be.
    snprintf(directory, sizeof(directory), "%s/leat_index_XXXXXX", file_exists("/dev/shm") ? "/dev/shm" : "/tmp");
    CHECK(mkdtemp(directory) != NULL);
}
static void end(void) {
    Err err[1] = {{0}};
    CHECK_OK(file_remove_tree(directory, err));
}

static uint64_t random_state;
static uint64_t random_next(void) {
    uint64_t x = random_state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}
static uint64_t random_below(uint64_t bound) {
    return random_next() % bound;
}

enum { KEYS = 30000, BATCH_MAX = 3000, FILES_TEXT = 24 };

// What the index should say, with the states to go back to.
typedef struct Model {
    KeyPlace now[KEYS], last[KEYS], durable[KEYS];
    int64_t last_commit; // snapshot_id of its mark
    int64_t durable_commit;
    uint32_t next_place;
    bool exact;
} Model;

static void model_init(Model *model, bool exact) {
    for (int i = 0; i < KEYS; i++) {
        model->now[i] = model->last[i] = model->durable[i] = KEY_NOWHERE;
    }
    model->last_commit = model->durable_commit = 0;
    model->next_place = 0;
    model->exact = exact;
}

static KeyHash key_of(const Model *model, uint64_t key) {
    Value value = value_int((int64_t)key);
    return key_hash(&value, 1, model->exact);
}

static KeyPlace place_new(Model *model) {
    uint32_t n = model->next_place++;
    return (KeyPlace){n / 5000, n % 5000 * 3};
}

static IndexMark mark_of(int64_t commit) {
    IndexMark mark = {.snapshot_id = commit, .sequence_number = commit * 2, .keys_of = 77, .next_file = 9};
    memcpy(mark.table_uuid, "9c12d441-03fe-4693-9a96-a0705ddf69c1", 37);
    return mark;
}
static Slice files_of(int64_t commit, char text[FILES_TEXT]) {
    return (Slice){(uint8_t *)text, (size_t)snprintf(text, FILES_TEXT, "files of %lld", (long long)commit)};
}

static KeyIndex *reopen(const Model *model, size_t memory, bool *fresh) {
    Err err[1] = {{0}};
    KeyIndex *index = NULL;
    IndexOptions options = {.directory = directory, .memory_bytes_max = memory, .exact = model->exact};
    CHECK_OK(index_open(&options, &index, fresh, err));
    index->chunk = MIN(index->chunk, 1024); // so that much happens
    index->entries_max = MIN(index->entries_max, 2500);
    return index;
}

static void check_mark(const KeyIndex *index, int64_t commit) {
    const IndexMark want = mark_of(commit), *mark = index_mark(index);
    char text[FILES_TEXT];
    if (commit > 0) {
        CHECK_TEXT(slice_of(mark->table_uuid), want.table_uuid);
        CHECK_INT(mark->snapshot_id, want.snapshot_id);
        CHECK_INT(mark->sequence_number, want.sequence_number);
        CHECK(mark->keys_of == want.keys_of && mark->next_file == want.next_file);
        CHECK(slice_equal(index_files(index), files_of(commit, text)));
    }
}

static void check_all(KeyIndex *index, const Model *model, const KeyPlace *want) {
    Err err[1] = {{0}};
    static KeyHash keys[KEYS + 1000];
    static KeyPlace places[KEYS + 1000];
    uint64_t live = 0;
    for (uint64_t i = 0; i < ARRAY_LEN(keys); i++) {
        keys[i] = key_of(model, i);
    }
    CHECK_OK(index_find(index, keys, places, ARRAY_LEN(keys), err));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        KeyPlace place = i < KEYS ? want[i] : KEY_NOWHERE;
        CHECK(places[i].file == place.file && places[i].row == place.row);
        live += !key_place_none(place);
    }
    IndexStats stats;
    index_stats(index, &stats);
    CHECK_INT(stats.entries, live);
}

static bool exchange(KeyIndex *index, Model *model, Err *err) {
    static KeyHash keys[BATCH_MAX];
    static KeyPlace now[BATCH_MAX], was[BATCH_MAX], want[BATCH_MAX];
    size_t count = 1 + random_below(random_below(3) == 0 ? BATCH_MAX : 200);
    uint64_t range = random_below(4) == 0 ? 50 : KEYS; // often the same keys
    for (size_t i = 0; i < count; i++) {
        uint64_t key = random_below(range);
        keys[i] = key_of(model, key);
        now[i] = random_below(5) == 0 ? KEY_NOWHERE : place_new(model);
        want[i] = model->now[key];
        model->now[key] = now[i];
    }
    TRY(index_exchange(index, keys, now, was, count, err));
    for (size_t i = 0; i < count; i++) {
        CHECK(was[i].file == want[i].file && was[i].row == want[i].row);
    }
    return true;
}

// Keys that are not there, each once.
static bool load(KeyIndex *index, Model *model, Err *err) {
    static KeyHash keys[BATCH_MAX];
    static KeyPlace now[BATCH_MAX];
    size_t count = 0;
    uint64_t from = random_below(KEYS);
    for (uint64_t key = from; key < KEYS && count < BATCH_MAX; key++) {
        if (key_place_none(model->now[key])) {
            keys[count] = key_of(model, key);
            now[count] = model->now[key] = place_new(model);
            count++;
        }
    }
    return index_load(index, keys, now, count, err) || err_frame(err, __FILE__, __LINE__);
}

static bool commit(KeyIndex *index, Model *model, bool lazy, Err *err) {
    IndexMark mark = mark_of(model->last_commit + 1);
    char text[FILES_TEXT];
    TRY(index_commit(index, &mark, files_of(model->last_commit + 1, text), lazy, err));
    model->last_commit++;
    memcpy(model->last, model->now, sizeof(model->now));
    if (!lazy) {
        model->durable_commit = model->last_commit;
        memcpy(model->durable, model->now, sizeof(model->now));
    }
    return true;
}

static void rollback(KeyIndex *index, Model *model) {
    Err err[1] = {{0}};
    CHECK_OK(index_rollback(index, err));
    memcpy(model->now, model->last, sizeof(model->now));
}

static void clear(KeyIndex *index, Model *model) {
    index_clear(index);
    for (int i = 0; i < KEYS; i++) {
        model->now[i] = KEY_NOWHERE;
    }
}

static Model models[1];

// A closed index is opened at its durable commit. A lazy commit may have become durable before it had to.
static KeyIndex *again(KeyIndex *index, Model *model, size_t memory) {
    bool fresh;
    int64_t durable = index->durable.mark.snapshot_id;
    index_close(index);
    index = reopen(model, memory, &fresh);
    CHECK(fresh == (durable == 0));
    CHECK_INT(index_mark(index)->snapshot_id, durable);
    if (durable != model->durable_commit) {
        CHECK(durable == model->last_commit && durable > model->durable_commit);
        memcpy(model->durable, model->last, sizeof(model->last));
        model->durable_commit = durable;
    }
    memcpy(model->now, model->durable, sizeof(model->now));
    memcpy(model->last, model->durable, sizeof(model->now));
    model->last_commit = durable;
    return index;
}

// `model` learns that lazy commits became durable, which only the next ones hide.
static void note_durable(const KeyIndex *index, Model *model) {
    if (index->durable.mark.snapshot_id == model->last_commit) {
        memcpy(model->durable, model->last, sizeof(model->last));
        model->durable_commit = model->last_commit;
    }
    CHECK_INT(index->durable.mark.snapshot_id, model->durable_commit);
}

// Random operations; how many merges there were.
static uint64_t differ(uint64_t seed, bool exact, size_t memory, int rounds) {
    Err err[1] = {{0}};
    Model *model = &models[0];
    bool fresh;
    uint64_t merges = 0;
    begin();
    random_state = seed;
    model_init(model, exact);
    KeyIndex *index = reopen(model, memory, &fresh);
    CHECK(fresh);
    for (int round = 0; round < rounds; round++) {
        uint64_t what = random_below(100);
        if (what < 55) {
            CHECK_OK(exchange(index, model, err));
        } else if (what < 60) {
            CHECK_OK(load(index, model, err));
        } else if (what < 75) {
            CHECK_OK(commit(index, model, true, err));
        } else if (what < 86) {
            CHECK_OK(commit(index, model, false, err));
        } else if (what < 92) {
            rollback(index, model);
        } else if (what < 94) {
            clear(index, model);
        } else if (what < 98) {
            check_all(index, model, model->now);
        } else {
            merges += index->merges;
            index = again(index, model, memory);
            check_all(index, model, model->now);
        }
        note_durable(index, model);
        check_mark(index, model->last_commit);
    }
    check_all(index, model, model->now);
    merges += index->merges;
    index_close(index);
    end();
    return merges;
}

TEST(an_index_of_exact_keys_says_what_a_plain_map_says) {
    uint64_t merges = 0;
    for (uint64_t seed = 1; seed <= 15; seed++) {
        merges += differ(seed, true, (size_t)1 << 20, 400);
    }
    CHECK(merges > 15);
}

TEST(an_index_of_wide_keys_says_what_a_plain_map_says) {
    uint64_t merges = 0;
    for (uint64_t seed = 101; seed <= 115; seed++) {
        merges += differ(seed, false, (size_t)1 << 20, 400);
    }
    CHECK(merges > 15);
}

static size_t count_files(void);

// --- killed ----------------------------------------------------------------------------------------------------

// All that a child does: the same for the same seed, whatever the crash point.
static void crash_work(uint64_t seed, bool exact) {
    Err err[1] = {{0}};
    Model *model = &models[0];
    bool fresh;
    random_state = seed;
    model_init(model, exact);
    KeyIndex *index = reopen(model, (size_t)1 << 20, &fresh);
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 3; i++) {
            CHECK_OK(exchange(index, model, err));
        }
        if (round == 30) {
            clear(index, model);
        }
        if (round % 7 == 3) {
            rollback(index, model);
        } else {
            CHECK_OK(commit(index, model, round % 3 == 0, err));
        }
    }
    index_close(index);
}

// The model as crash_work's was at that commit.
static void crash_model(uint64_t seed, bool exact, int64_t at_commit) {
    Model *model = &models[0];
    random_state = seed;
    model_init(model, exact);
    for (int round = 0; round < 60 && model->last_commit < at_commit; round++) {
        for (int i = 0; i < 3; i++) {
            size_t count = 1 + random_below(random_below(3) == 0 ? BATCH_MAX : 200);
            uint64_t range = random_below(4) == 0 ? 50 : KEYS;
            for (size_t n = 0; n < count; n++) {
                uint64_t key = random_below(range);
                model->now[key] = random_below(5) == 0 ? KEY_NOWHERE : place_new(model);
            }
        }
        for (int i = 0; round == 30 && i < KEYS; i++) {
            model->now[i] = KEY_NOWHERE;
        }
        if (round % 7 == 3) {
            memcpy(model->now, model->last, sizeof(model->now));
        } else {
            model->last_commit++;
            memcpy(model->last, model->now, sizeof(model->now));
        }
    }
    CHECK_INT(model->last_commit, at_commit);
}

// Runs it in a process of its own: the environment is read once in each.
static int in_child(void (*run)(uint64_t seed, bool exact), uint64_t seed, bool exact, const char *crash) {
    pid_t child = fork();
    if (child == 0) {
        alarm(300);
        if (crash != NULL) {
            setenv("LEAT_CRASH_POINT", crash, 1);
        }
        run(seed, exact);
        exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

// After a crash, the index stands at the mark that it has, and can be gone on with.
static void crash_verify(uint64_t seed, bool exact) {
    Err err[1] = {{0}};
    bool fresh;
    models[0].exact = exact;
    KeyIndex *index = reopen(&models[0], (size_t)1 << 20, &fresh);
    int64_t commit_found = fresh ? 0 : index_mark(index)->snapshot_id;
    crash_model(seed, exact, commit_found);
    check_mark(index, commit_found);
    CHECK_INT(count_files(), index->count + 1 + !fresh); // LOCK, CURRENT
    check_all(index, &models[0], models[0].last);
    for (int i = 0; i < 20; i++) {
        CHECK_OK(exchange(index, &models[0], err));
        CHECK_OK(commit(index, &models[0], false, err));
    }
    check_all(index, &models[0], models[0].now);
    index_close(index);
}

static bool count_file(void *context, const char *name) {
    ++*(size_t *)context;
    return true;
}

static size_t count_files(void) {
    Err err[1] = {{0}};
    size_t count = 0;
    CHECK_OK(file_list(directory, count_file, &count, err));
    return count;
}

// At every crash point, the n-th time, until it is no longer reached.
static void crash_all(bool exact) {
    const char *points[] = {"index.before_current",  "index.after_current", "index.segment_unfinished",
                            "index.segment_written", "index.after_remove",  "index.merge_written",
                            "index.merge_removed",   "index.merge_step"};
    for (size_t p = 0; p < ARRAY_LEN(points); p++) {
        int kills = 0;
        for (int nth = 1, status = -1; status != 0; nth += 1 + nth / 3) {
            char crash[64];
            snprintf(crash, sizeof(crash), "%s:%d", points[p], nth);
            begin();
            status = in_child(crash_work, 7 + p, exact, crash);
            CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
            kills += status != 0;
            CHECK_INT(in_child(crash_verify, 7 + p, exact, NULL), 0);
            end();
        }
        CHECK(kills > 0);
    }
}

TEST(an_index_killed_at_any_point_stands_at_its_mark) {
    crash_all(true);
}
TEST(an_index_of_wide_keys_killed_at_any_point_stands_at_its_mark) {
    crash_all(false);
}

// --- full ------------------------------------------------------------------------------------------------------

// A limit on the size of files stands for a disk that is full: what is written fails (EFBIG, not ENOSPC).
static void limit_files(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {bytes, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

TEST(a_full_disk_leaves_the_last_commit) {
    Err err[1] = {{0}};
    Model *model = &models[0];
    bool fresh;
    begin();
    random_state = 99;
    model_init(model, true);
    KeyIndex *index = reopen(model, (size_t)1 << 20, &fresh);
    for (int i = 0; i < 8; i++) {
        CHECK_OK(exchange(index, model, err));
        CHECK_OK(commit(index, model, false, err));
    }
    for (int round = 0; round < 10; round++) {
        size_t files = count_files();
        limit_files(4096);
        CHECK_OK(exchange(index, model, err)); // too few to be written: a batch, or what is left of the limit
        index->entries_max = round % 2 == 0 ? 10 : 2500;
        bool full = false;
        for (int i = 0; i < 3 && !full; i++) {
            full = !exchange(index, model, err);
        }
        full = full || !commit(index, model, false, err);
        CHECK(full);
        CHECK_INT(err->code, ERR_IO_FULL);
        err_clear(err);
        CHECK_INT(count_files(), files);
        limit_files(RLIM_INFINITY);
        index->entries_max = 2500;
        rollback(index, model);
        check_all(index, model, model->now);
        check_mark(index, model->last_commit);
        CHECK_OK(exchange(index, model, err));
        CHECK_OK(commit(index, model, false, err));
    }
    check_all(index, model, model->now);
    index = again(index, model, (size_t)1 << 20);
    check_all(index, model, model->now);
    index_close(index);
    end();
}

TEST(a_failed_commit_can_be_made_again) {
    Err err[1] = {{0}};
    Model *model = &models[0];
    bool fresh;
    begin();
    random_state = 5;
    model_init(model, false);
    KeyIndex *index = reopen(model, (size_t)1 << 20, &fresh);
    CHECK_OK(exchange(index, model, err));
    limit_files(100);
    CHECK_FAILS(commit(index, model, false, err), ERR_IO_FULL);
    limit_files(RLIM_INFINITY);
    CHECK_OK(commit(index, model, false, err));
    check_all(index, model, model->now);
    index_close(index);
    end();
}

// Without room for large segments it goes on with many small ones, and merges them later.
TEST(merges_wait_for_room) {
    Err err[1] = {{0}};
    Model *model = &models[0];
    bool fresh;
    begin();
    random_state = 17;
    model_init(model, true);
    KeyIndex *index = reopen(model, (size_t)1 << 20, &fresh);
    log_level_set(LOG_SILENT);
    limit_files(36000);
    uint64_t merges = 0;
    for (int i = 0; i < 45; i++) {
        CHECK_OK(exchange(index, model, err));
        CHECK_OK(commit(index, model, false, err));
        merges = MAX(merges, index->merges);
    }
    CHECK(index->upkeep_rest > 0);
    check_all(index, model, model->now);
    size_t many = index->count;
    limit_files(RLIM_INFINITY);
    for (int i = 0; i < 20; i++) {
        CHECK_OK(exchange(index, model, err));
        CHECK_OK(commit(index, model, false, err));
    }
    CHECK(index->count < many && index->merges > merges);
    check_all(index, model, model->now);
    index_close(index);
    end();
}

// --- damaged ---------------------------------------------------------------------------------------------------

typedef struct Pick {
    uint64_t left;
    char path[PATH_MAX];
} Pick;

static bool pick_file(void *context, const char *name) {
    Pick *pick = context;
    if (strcmp(name, "LOCK") != 0) {
        snprintf(pick->path, sizeof(pick->path), "%s/%s", directory, name);
        return pick->left-- > 0;
    }
    return true;
}

static void damage(void) {
    Err err[1] = {{0}};
    Pick pick = {.left = random_below(6)};
    CHECK_OK(file_list(directory, pick_file, &pick, err));
    int fd = -1;
    uint64_t size = 0;
    uint8_t byte;
    size_t got;
    CHECK_OK(file_open(pick.path, O_RDWR, &fd, err));
    CHECK_OK(file_size(fd, pick.path, &size, err));
    off_t at = (off_t)random_below(size);
    if (random_below(10) == 0) {
        CHECK(ftruncate(fd, at) == 0);
    } else {
        CHECK_OK(file_read(fd, pick.path, &byte, 1, at, &got, err));
        byte ^= (uint8_t)(1 + random_below(255));
        CHECK_OK(file_write(fd, pick.path, (Slice){&byte, 1}, at, err));
    }
    file_close(&fd);
}

TEST(a_damaged_index_is_fresh_or_right) {
    Err err[1] = {{0}};
    Model *model = &models[0];
    int refused = 0, found_later = 0;
    random_state = 3;
    log_level_set(LOG_SILENT);
    for (int round = 0; round < 150; round++) {
        bool fresh;
        begin();
        model_init(model, round % 2 == 0);
        KeyIndex *index = reopen(model, (size_t)1 << 20, &fresh);
        for (int i = 0; i < 4; i++) {
            CHECK_OK(exchange(index, model, err));
            CHECK_OK(commit(index, model, false, err));
        }
        index_close(index);
        damage();
        index = reopen(model, (size_t)1 << 20, &fresh);
        refused += fresh;
        if (!fresh) {
            static KeyHash keys[KEYS];
            static KeyPlace places[KEYS];
            for (uint64_t i = 0; i < KEYS; i++) {
                keys[i] = key_of(model, i);
            }
            if (index_find(index, keys, places, KEYS, err)) {
                check_all(index, model, model->now);
            } else { // then it says so, and is fresh the next time
                CHECK_INT(err->code, ERR_STATE_CORRUPT);
                err_clear(err);
                CHECK_FAILS(index_find(index, keys, places, 1, err), ERR_STATE_CORRUPT);
                index_close(index);
                index = reopen(model, (size_t)1 << 20, &fresh);
                CHECK(fresh);
                found_later++;
            }
        }
        if (fresh) {
            model_init(model, model->exact);
            check_all(index, model, model->now);
            CHECK_OK(exchange(index, model, err));
            CHECK_OK(commit(index, model, false, err));
            check_all(index, model, model->now);
        }
        index_close(index);
        end();
    }
    CHECK(refused > 10 && found_later > 10);
}

TEST(what_lazy_commits_hold_goes_with_one_that_is_not) {
    Err err[1] = {{0}};
    Model *model = &models[0];
    bool fresh;
    begin();
    model_init(model, true);
    KeyIndex *index = reopen(model, MIB, &fresh);
    CHECK_OK(exchange(index, model, err));
    CHECK_OK(commit(index, model, true, err));
    IndexStats stats;
    index_stats(index, &stats);
    CHECK(stats.table_bytes > 0 && stats.table_bytes < stats.memory_bytes);
    uint64_t held = stats.memory_bytes;
    CHECK_OK(commit(index, model, false, err));
    index_stats(index, &stats);
    CHECK_INT(stats.table_bytes, 0);
    CHECK(stats.memory_bytes < held);
    check_all(index, model, model->now);
    index_close(index);
    end();
}

TEST(an_index_of_the_other_kind_or_of_another_process_is_not_taken) {
    Err err[1] = {{0}};
    Model *model = &models[0];
    bool fresh;
    begin();
    model_init(model, true);
    KeyIndex *index = reopen(model, (size_t)1 << 20, &fresh), *second = NULL;
    CHECK_OK(exchange(index, model, err));
    CHECK_OK(commit(index, model, false, err));
    IndexOptions options = {.directory = directory, .memory_bytes_max = MIB, .exact = true};
    CHECK_FAILS(index_open(&options, &second, &fresh, err), ERR_LOCKED);
    index_close(index);
    options.exact = false;
    CHECK_OK(index_open(&options, &second, &fresh, err));
    CHECK(fresh);
    CHECK_INT(count_files(), 1);
    index_close(second);
    end();
}

// Hashes that all begin alike crowd one place of the table and one bucket.
TEST(crowded_hashes_are_slow_and_right) {
    Err err[1] = {{0}};
    bool fresh;
    begin();
    random_state = 1;
    models[0].exact = true;
    KeyIndex *index = reopen(&models[0], (size_t)1 << 20, &fresh);
    index->entries_max = 16000;
    enum { COUNT = 9000 };
    static KeyHash keys[COUNT];
    static KeyPlace now[COUNT], was[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        keys[i] = (KeyHash){UINT64_MAX - i, 0};
        now[i] = (KeyPlace){1, i};
    }
    for (int round = 0; round < 3; round++) {
        CHECK_OK(index_exchange(index, keys, now, was, COUNT, err));
        for (uint32_t i = 0; i < COUNT; i++) {
            CHECK(round == 0 ? key_place_none(was[i]) : was[i].row == i);
        }
        IndexMark mark = mark_of(round + 1);
        CHECK_OK(index_commit(index, &mark, SLICE("x"), round == 1, err));
    }
    CHECK_OK(index_find(index, keys, was, COUNT, err));
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK(was[i].row == i && was[i].file == 1);
    }
    index_close(index);
    end();
}
