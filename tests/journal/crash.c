// SPDX-License-Identifier: Apache-2.0
// Kills writers of a journal and looks at what is left.
//
//     crash_journal [KILLS [SEED]]       the suite
//     crash_journal writer DIRECTORY SEED FD   what it kills: appends numbered events and reports what is durable
//
// The journal is in files, or where LEAT_JOURNAL_URL says.
//
// Event N is appended once, in order; its topic, size and text follow from N alone; a cut's position is the last N
// before it. So whoever reads the log can tell whether anything is lost, doubled, torn or out of order. A reader in
// the parent follows the log over all kills, as a sink would: it goes on where it was, and must never be contradicted.
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "storage/journal/journal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOPICS = 40, TEXT_BYTES_MAX = 200000, KILLS_PER_JOURNAL = 30 };

// In this order: a point that needs what another leaves behind comes right after it.
static const char *const POINTS[] = {
    "journal.half_written",  "journal.before_truncate", "journal.part_written",   "journal.after_truncate",
    "journal.opened",        "journal.before_write",    "journal.after_write",    "journal.after_fsync",
    "journal.after_head",    "journal.before_rotate",   "journal.rotate_created", "journal.rotate_written",
    "journal.rotate_synced", "journal.rotate_renamed",  "journal.rotate_done",    "journal.before_trim",
    "journal.trimmed_one",   "journal.before_rollback", "journal.rolled_back",    "journal.part_written",
};

static const char *const REMOTE_POINTS[] = {"kafka.before_commit", "kafka.after_commit", "journal.before_rollback",
                                            "journal.rolled_back"};

static const char *const *points = POINTS;
static size_t point_count = ARRAY_LEN(POINTS);
static const char *url; // NULL: in files

static uint64_t mix(uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53u;
    return x ^ (x >> 33);
}

typedef struct Random {
    uint64_t state;
} Random;

static uint64_t pick(Random *random, uint64_t below) {
    random->state += 0x9e3779b97f4a7c15u;
    return mix(random->state) % below;
}

#define MUST(call)                                                                                  \
    do {                                                                                            \
        if (!(call)) {                                                                              \
            fprintf(stderr, "%d: %s: %s %s\n", __LINE__, #call, err_name(err->code), err->message); \
            exit(1);                                                                                \
        }                                                                                           \
    } while (0)
#define REQUIRE(condition, ...)                                        \
    do {                                                               \
        if (!(condition)) {                                            \
            fprintf(stderr, "%d: not so: %s: ", __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                              \
            fputc('\n', stderr);                                       \
            exit(1);                                                   \
        }                                                              \
    } while (0)

static uint32_t topic_of(uint64_t n) {
    return (uint32_t)(mix(n) % TOPICS);
}

static Slice text_of(uint64_t n) {
    static uint8_t text[TEXT_BYTES_MAX];
    uint64_t r = mix(n + 1);
    size_t size = r % 200 == 0 ? r / 200 % TEXT_BYTES_MAX : r / 200 % 300;
    for (size_t i = 0; i < size; i++) {
        text[i] = (uint8_t)('a' + (n + i) % 26);
    }
    return (Slice){text, size};
}

static uint64_t number_of(const Position *position) {
    return position->size == 0 ? 0 : load_u64le(position->bytes);
}

// --- the writer ------------------------------------------------------------------------------------------------

typedef struct Report {
    uint64_t epoch, number;
} Report;

static void append_number(Journal *journal, uint64_t n) {
    Err err[1] = {{0}};
    char name[16];
    snprintf(name, sizeof(name), "t%u", topic_of(n));
    Column columns[2] = {{.name = SLICE("n"), .type = {.kind = TYPE_INT64}},
                         {.name = SLICE("s"), .type = {.kind = TYPE_STRING}}};
    columns[1].name = mix(n / 50) % 4 == 0 ? SLICE("other") : SLICE("s"); // the shape changes now and then
    Schema schema = {.space = SLICE("public"), .table = slice_of(name), .columns = columns, .column_count = 2};
    Value row[2] = {value_int((int64_t)n), value_bytes(VALUE_STRING, text_of(n))};
    Event event = {.op = OP_CREATE, .offset_span = 1 + (n % 3 == 0), .column_count = 2, .after = row, .ordinal = n};
    uint32_t topic = journal_topic(journal, slice_of(name));
    MUST(journal_append(journal, topic, journal_schema(journal, topic, &schema), &event, err));
}

static void report_durable(Journal *journal, int fd, uint64_t epoch) {
    Position position;
    journal_durable(journal, &position);
    Report report = {epoch, number_of(&position)};
    REQUIRE(write(fd, &report, sizeof(report)) == sizeof(report), "%s", strerror(errno));
}

static int writer(const char *directory, uint64_t seed, int fd) {
    Err err[1] = {{0}};
    Random random = {seed};
    Journal *journal = NULL;
    JournalOptions options = {.segment_bytes_max = 40000, .memory_bytes_max = 256 * KIB};
    MUST(journal_open(directory, &options, &journal, err));
    JournalInfo info;
    journal_info(journal, &info);
    uint64_t n = number_of(&info.position);
    Slice fact = journal_state_get(journal, SLICE("last"));
    REQUIRE(n == 0 ? fact.size == 0 : fact.size == 8 && load_u64le(fact.data) == n, "fact of %zu bytes", fact.size);
    report_durable(journal, fd, info.epoch);
    for (int group = 0; group < 60; group++) {
        uint64_t events = pick(&random, 12) == 0 ? 1000 + pick(&random, 1500) : pick(&random, 40);
        uint64_t first = n;
        bool drop = pick(&random, 8) == 0;
        for (int round = 0; round < (drop ? 2 : 1); round++) {
            n = first;
            for (uint64_t i = 0; i < events; i++) {
                append_number(journal, ++n);
            }
            journal_state_put(journal, SLICE("last"), (Slice){(const uint8_t *)&n, n > 0 ? sizeof(n) : 0});
            if (drop && round == 0) {
                MUST(journal_rollback(journal, err));
            }
        }
        Position position = position_of((Slice){(const uint8_t *)&n, sizeof(n)});
        MUST(journal_cut(journal, &position, err));
        if (pick(&random, 3) == 0) {
            MUST(journal_sync(journal, err));
        }
        if (pick(&random, 6) == 0) {
            MUST(journal_trim(journal, err));
        }
        report_durable(journal, fd, info.epoch);
    }
    journal_close(journal);
    return 0;
}

// --- the reader that follows -----------------------------------------------------------------------------------

typedef struct Follower {
    const char *directory;
    LogPosition next; // behind the last cut
    uint64_t number;  // of the last cut
    uint64_t epoch;
    uint64_t cut_sequence;
    uint64_t offsets[TOPICS]; // as of the last cut
    uint64_t events, cuts;
} Follower;

static void follow_event(const JournalEntry *entry, Follower *follower, uint64_t open[TOPICS], uint64_t last[TOPICS],
                         uint64_t *count, uint64_t *sum) {
    uint64_t n = (uint64_t)entry->event->after[0].integer;
    uint32_t topic = topic_of(n);
    char name[16];
    snprintf(name, sizeof(name), "t%u", topic);
    REQUIRE(slice_is(entry->topic->name, name), "event %" PRIu64 " is in %.*s", n, SLICE_ARG(entry->topic->name));
    REQUIRE(slice_is(entry->schema->columns[1].name, mix(n / 50) % 4 == 0 ? "other" : "s"), "schema of %" PRIu64, n);
    REQUIRE(slice_equal(entry->event->after[1].bytes, text_of(n)), "text of %" PRIu64, n);
    REQUIRE(n > follower->number && n > last[topic], "event %" PRIu64 " comes again or too late", n);
    REQUIRE(entry->offset == open[topic], "event %" PRIu64 " has offset %" PRIu64 ", not %" PRIu64, n, entry->offset,
            open[topic]);
    open[topic] += entry->event->offset_span;
    last[topic] = n;
    (*count)++;
    *sum += mix(n);
}

// Reads to the durable end. What is behind the last cut would be a group that is not whole: there must be nothing.
static void follow(Follower *follower, uint64_t from) {
    Err err[1] = {{0}};
    JournalReader *reader = NULL;
    MUST(journal_reader_open(follower->directory, from, 0, &reader, err));
    uint64_t open[TOPICS], last[TOPICS] = {0}, count = 0, sum = 0;
    memcpy(open, follower->offsets, sizeof(open));
    for (;;) {
        JournalEntry entry;
        MUST(journal_reader_next(reader, &entry, err));
        if (entry.kind == JOURNAL_EVENT) {
            follow_event(&entry, follower, open, last, &count, &sum);
        } else if (entry.kind == JOURNAL_CUT) {
            uint64_t number = number_of(entry.position);
            for (uint64_t n = follower->number + 1; n <= number; n++) {
                sum -= mix(n);
            }
            REQUIRE(number - follower->number == count && sum == 0,
                    "cut at %" PRIu64 " after %" PRIu64 " has %" PRIu64 " events", number, follower->number, count);
            REQUIRE(entry.epoch >= follower->epoch && entry.cut_sequence == follower->cut_sequence + 1,
                    "cut %" PRIu64 " of epoch %" PRIu64, entry.cut_sequence, entry.epoch);
            memcpy(follower->offsets, open, sizeof(open));
            follower->events += count;
            follower->cuts++;
            follower->number = number;
            follower->epoch = entry.epoch;
            follower->cut_sequence = entry.cut_sequence;
            follower->next = entry.next;
            count = 0;
        } else if (entry.kind == JOURNAL_END) {
            REQUIRE(count == 0, "%" PRIu64 " events of a group without a cut", count);
            break;
        }
    }
    journal_reader_close(reader);
}

// --- the suite -------------------------------------------------------------------------------------------------

typedef struct Suite {
    char directory[PATH_MAX];
    Random random;
    Follower follower;
    Report durable; // the last report
    int killed, by_point[ARRAY_LEN(POINTS)], survived;
    uint64_t events, cuts; // of all journals
} Suite;

static pid_t writer_start(Suite *suite, int point, int *fd) {
    int ends[2];
    REQUIRE(pipe(ends) == 0, "%s", strerror(errno));
    uint64_t seed = pick(&suite->random, UINT32_MAX), nth = 1 + pick(&suite->random, 4);
    pid_t child = fork();
    if (child == 0) {
        char seed_text[32], fd_text[32], value[64];
        snprintf(seed_text, sizeof(seed_text), "%" PRIu64, seed);
        snprintf(fd_text, sizeof(fd_text), "%d", ends[1]);
        close(ends[0]);
        if (point >= 0) {
            const char *name = points[point];
            bool once = strstr(name, "open") || strstr(name, "truncate") || strstr(name, "roll");
            snprintf(value, sizeof(value), "%s:%" PRIu64, name, once ? (uint64_t)1 : nth);
            setenv("LEAT_CRASH_POINT", value, 1);
        }
        execl("/proc/self/exe", "crash_journal", "writer", suite->directory, seed_text, fd_text, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *fd = ends[0];
    return child;
}

// One writer until it dies. point -1: killed after some milliseconds.
static void round_run(Suite *suite, int point) {
    Err err[1] = {{0}};
    int fd = -1;
    pid_t child = writer_start(suite, point, &fd);
    int64_t deadline =
        point >= 0 ? INT64_MAX : clock_monotonic_us() + (int64_t)pick(&suite->random, url == NULL ? 60000 : 1500000);
    bool first = true, signalled = false;
    for (;;) {
        int64_t left = deadline - clock_monotonic_us();
        if (left <= 0 && !signalled) {
            kill(child, SIGKILL);
            signalled = true;
        }
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int ms = signalled || deadline == INT64_MAX ? 1000 : (int)(left / 1000) + 1;
        if (poll(&poll_fd, 1, ms) <= 0) {
            continue;
        }
        Report report;
        ssize_t got = read(fd, &report, sizeof(report));
        if (got <= 0) {
            break;
        }
        REQUIRE(got == sizeof(report), "%zd bytes", got);
        REQUIRE(report.number >= suite->durable.number, "durable %" PRIu64 " after %" PRIu64, report.number,
                suite->durable.number);
        REQUIRE(!first || report.epoch > suite->durable.epoch, "epoch %" PRIu64 " after %" PRIu64, report.epoch,
                suite->durable.epoch);
        first = false;
        suite->durable = report;
        if (pick(&suite->random, 4) == 0) { // beside the living writer
            follow(&suite->follower, suite->follower.next);
            MUST(journal_pin(suite->directory, "follower", suite->follower.next, err));
        }
    }
    close(fd);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child, "%s", strerror(errno));
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    REQUIRE(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "the writer ended with status %d", status);
    suite->killed += killed;
    suite->survived += !killed;
    if (killed && point >= 0) {
        suite->by_point[point]++;
    }
    // It is gone. Until the next writer recovers, the readers see what was durable, no more, no less.
    if (suite->durable.epoch > 0) {
        follow(&suite->follower, suite->follower.next);
        REQUIRE(suite->follower.number >= suite->durable.number, "%" PRIu64 " was durable, %" PRIu64 " is there",
                suite->durable.number, suite->follower.number);
    }
}

static void show(void *context, const char *text) {
    (void)context;
    fprintf(stderr, "%s\n", text);
}

static void journal_begin(Suite *suite) {
    Err err[1] = {{0}};
    const char *parent = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    snprintf(suite->directory, sizeof(suite->directory), "%s/leat-crash-XXXXXX", parent);
    REQUIRE(mkdtemp(suite->directory) != NULL, "%s", strerror(errno));
    MUST(journal_place(suite->directory, url != NULL ? url : "", suite->directory + strlen(parent) + 1, err));
    MUST(journal_pin(suite->directory, "follower", 0, err));
    suite->follower = (Follower){.directory = suite->directory};
    suite->durable = (Report){0};
}

static void journal_end(Suite *suite) {
    Err err[1] = {{0}};
    if (suite->directory[0] == '\0') {
        return;
    }
    suite->events += suite->follower.events;
    suite->cuts += suite->follower.cuts;
    JournalCheck check;
    MUST(journal_check(suite->directory, &check, show, NULL, err));
    REQUIRE(check.defects == 0, "%" PRIu64 " defects", check.defects);
    MUST(file_remove_tree(suite->directory, err));
}

// The next to be tried: in turn; over a network, where each round takes its time, one that nobody died at yet.
static int point_next(const Suite *suite, int round) {
    size_t turn = (size_t)(round / 3 * 2 + round % 3);
    for (size_t i = 0; url != NULL && i < point_count; i++) {
        if (suite->by_point[(turn + i) % point_count] == 0) {
            return (int)((turn + i) % point_count);
        }
    }
    return (int)(turn % point_count);
}

static bool points_left(const Suite *suite) {
    bool left = false;
    for (size_t i = 0; i < point_count; i++) {
        left |= suite->by_point[i] == 0;
    }
    return left;
}

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "writer") == 0) {
        return writer(argv[2], strtoull(argv[3], NULL, 10), (int)strtol(argv[4], NULL, 10));
    }
    url = getenv("LEAT_JOURNAL_URL");
    if (url != NULL) {
        points = REMOTE_POINTS;
        point_count = ARRAY_LEN(REMOTE_POINTS);
    }
    int kills = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 250;
    Suite suite = {.random = {argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)clock_wall_us()}};
    printf("seed %" PRIu64 "\n", suite.random.state);
    fflush(stdout);
    for (int round = 0; suite.killed < kills || (round < 4 * kills && points_left(&suite)); round++) {
        if (round % KILLS_PER_JOURNAL == 0) {
            journal_end(&suite);
            journal_begin(&suite);
        }
        // Two at points, then one at a random instant.
        round_run(&suite, round % 3 < 2 ? point_next(&suite, round) : -1);
    }
    journal_end(&suite);
    int missed = 0;
    for (size_t i = 0; i < point_count; i++) {
        if (suite.by_point[i] == 0) {
            printf("FAILED: no writer died at %s\n", points[i]);
            missed++;
        }
    }
    printf("%d kills, %" PRIu64 " events in %" PRIu64 " cuts, all there\n", suite.killed, suite.events, suite.cuts);
    printf("%d passed, %d failed\n", suite.killed, missed);
    return missed > 0;
}
