// SPDX-License-Identifier: Apache-2.0
// The key index: a first load, then random upserts in batches, warm; look-ups; look-ups with nothing in the page cache.
// CPU time of the one thread beside the wall's.
//     cmake --build --preset release --target index_bench
//     build/index_bench DIRECTORY [KEYS [UPSERTS [wide]]]        (DIRECTORY is made and removed)
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "lake/index/index.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BATCH = 100000, FILE_ROWS = 1000000, COMMIT_BATCHES = 10, MEMORY = 128 << 20 };

static const char *directory;
static bool exact = true;
static KeyHash keys[BATCH];
static KeyPlace now[BATCH], was[BATCH];
static uint64_t place_next;
static uint64_t random_state = 1;
static uint64_t disk_max, files_max, anonymous_max;

static uint64_t random_next(void) {
    uint64_t x = random_state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static KeyHash key_of(uint64_t id) {
    if (exact) {
        Value value = value_int((int64_t)id);
        return key_hash(&value, 1, true);
    }
    uint8_t uuid[16] = {0};
    memcpy(uuid, &id, sizeof(id));
    Value value = value_bytes(VALUE_UUID, (Slice){uuid, sizeof(uuid)});
    return key_hash(&value, 1, false);
}

static KeyPlace place_new(void) {
    uint64_t n = place_next++;
    return (KeyPlace){(uint32_t)(n / FILE_ROWS), (uint32_t)(n % FILE_ROWS)};
}

static double cpu_s(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static bool add_size(void *context, const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        *(uint64_t *)context += (uint64_t)lseek(fd, 0, SEEK_END);
        close(fd);
    }
    return true;
}

static uint64_t anonymous_bytes(void) {
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long kib = 0;
    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (sscanf(line, "RssAnon: %llu kB", &kib) == 1) {
            break;
        }
    }
    if (status != NULL) {
        fclose(status);
    }
    return (uint64_t)kib * 1024;
}

// Whole segments, and what a merge that runs has written beside them.
static bool look(KeyIndex *index, Err *err) {
    IndexStats stats;
    index_stats(index, &stats);
    uint64_t files = 0;
    TRY(file_list(directory, add_size, &files, err));
    disk_max = MAX(disk_max, stats.disk_bytes);
    files_max = MAX(files_max, files);
    anonymous_max = MAX(anonymous_max, anonymous_bytes());
    return true;
}

static bool commit(KeyIndex *index, bool lazy, Err *err) {
    static int64_t snapshot;
    IndexMark mark = {.snapshot_id = ++snapshot};
    return index_commit(index, &mark, SLICE("files"), lazy, err);
}

static void report(KeyIndex *index, const char *what, uint64_t count, double wall, double cpu) {
    IndexStats stats;
    index_stats(index, &stats);
    printf("%-16s %11.0f/s of wall, %11.0f/s of CPU, %6.3f us each; %llu entries in %llu segments, %.3f GB, %.2f "
           "bytes a key; %llu merges\n",
           what, (double)count / wall, (double)count / cpu, cpu * 1e6 / (double)count,
           (unsigned long long)stats.entries, (unsigned long long)stats.segments, (double)stats.disk_bytes / 1e9,
           (double)stats.disk_bytes / (double)MAX(stats.entries, 1), (unsigned long long)stats.merges);
    printf("                 at most %.3f GB of segments, %.3f GB with what merges write, %.1f MiB anonymous\n",
           (double)disk_max / 1e9, (double)files_max / 1e9, (double)anonymous_max / 1048576.0);
    fflush(stdout);
    disk_max = files_max = anonymous_max = 0;
}

static bool load(KeyIndex *index, uint64_t count, Err *err) {
    double cpu = cpu_s();
    int64_t wall = clock_monotonic_us();
    for (uint64_t from = 0; from < count; from += BATCH) {
        size_t size = (size_t)MIN((uint64_t)BATCH, count - from);
        for (size_t i = 0; i < size; i++) {
            keys[i] = key_of(from + i);
            now[i] = place_new();
        }
        TRY(index_load(index, keys, now, size, err));
        TRY(look(index, err));
    }
    TRY(commit(index, false, err));
    report(index, "load", count, (double)(clock_monotonic_us() - wall) / 1e6, cpu_s() - cpu);
    return true;
}

static bool upsert(KeyIndex *index, uint64_t keys_max, uint64_t count, Err *err) {
    double cpu = cpu_s();
    int64_t wall = clock_monotonic_us(), slowest = 0;
    for (uint64_t from = 0; from < count; from += BATCH) {
        for (size_t i = 0; i < BATCH; i++) {
            keys[i] = key_of(random_next() % keys_max);
            now[i] = place_new();
        }
        int64_t start = clock_monotonic_us();
        TRY(index_exchange(index, keys, now, was, BATCH, err));
        slowest = MAX(slowest, clock_monotonic_us() - start);
        for (size_t i = 0; i < BATCH; i++) {
            if (key_place_none(was[i])) {
                return FAIL(err, ERR_INTERNAL, "a key that was put is not there");
            }
        }
        if (from / BATCH % COMMIT_BATCHES == COMMIT_BATCHES - 1) {
            TRY(commit(index, true, err));
        }
        TRY(look(index, err));
        if (from % (count / 4 / BATCH * BATCH + BATCH) == 0 && from > 0) {
            printf("... %.1f s\n", (double)(clock_monotonic_us() - wall) / 1e6);
            fflush(stdout);
        }
    }
    TRY(commit(index, false, err));
    report(index, "upsert", count, (double)(clock_monotonic_us() - wall) / 1e6, cpu_s() - cpu);
    printf("                 slowest batch of %d: %.0f ms\n", BATCH, (double)slowest / 1e3);
    return true;
}

static bool find(KeyIndex *index, uint64_t first, uint64_t keys_max, uint64_t count, const char *what, Err *err) {
    double cpu = cpu_s();
    int64_t wall = clock_monotonic_us();
    for (uint64_t from = 0; from < count; from += BATCH) {
        for (size_t i = 0; i < BATCH; i++) {
            keys[i] = key_of(first + random_next() % keys_max);
        }
        TRY(index_find(index, keys, was, BATCH, err));
        for (size_t i = 0; i < BATCH; i++) {
            if (key_place_none(was[i]) != (first > 0)) {
                return FAIL(err, ERR_INTERNAL, "a key is not where it should be");
            }
        }
        TRY(look(index, err));
    }
    report(index, what, count, (double)(clock_monotonic_us() - wall) / 1e6, cpu_s() - cpu);
    return true;
}

static bool forget_file(void *context, const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        fdatasync(fd);
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
    return true;
}

static bool run(uint64_t key_count, uint64_t upserts, Err *err) {
    KeyIndex *index = NULL;
    bool fresh = false;
    IndexOptions options = {.directory = directory, .memory_bytes_max = MEMORY, .exact = exact};
    TRY(file_remove_tree(directory, err) && index_open(&options, &index, &fresh, err));
    TRY(load(index, key_count, err) && upsert(index, key_count, upserts, err));
    TRY(find(index, 0, key_count, 2000000, "find", err));
    TRY(find(index, key_count, key_count, 2000000, "find new keys", err));
    index_close(index);
    TRY(file_list(directory, forget_file, NULL, err));
    int64_t start = clock_monotonic_us();
    TRY(index_open(&options, &index, &fresh, err));
    printf("open, cold       %.1f ms\n", (double)(clock_monotonic_us() - start) / 1e3);
    TRY(find(index, 0, key_count, BATCH, "first batch, cold", err));
    TRY(find(index, 0, key_count, BATCH, "second", err));
    TRY(upsert(index, key_count, (uint64_t)4 * BATCH, err));
    index_close(index);
    return file_remove_tree(directory, err);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: index_bench DIRECTORY [KEYS [UPSERTS [wide]]]\n");
        return 2;
    }
    directory = argv[1];
    exact = argc < 5;
    uint64_t key_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 5000000;
    Err err[1] = {{0}};
    if (!run(key_count, argc > 3 ? strtoull(argv[3], NULL, 10) : 2 * key_count, err)) {
        fprintf(stderr, "%s: %s\n", err_name(err->code), err->message);
        return 1;
    }
    return 0;
}
