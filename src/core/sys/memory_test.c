// SPDX-License-Identifier: Apache-2.0
#include "core/sys/memory.c"

#include "core/base/test.h"

#include <pthread.h>
#include <stdlib.h>

// Written to, then made read-only, as relocations are: must survive.
static const char *relocated[2] = {"one", "two"};
static uint8_t page[4096] __attribute__((aligned(4096))) = {1};

static int whole_pages(struct dl_phdr_info *object, size_t size, void *context) {
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) == 0 && segment->p_memsz >= 4096) {
            uintptr_t begin = (object->dlpi_addr + segment->p_vaddr + 4095) & ~(uintptr_t)4095;
            unsigned char resident = 0;
            CHECK_INT(mincore((void *)begin, 1, &resident), 0); // it is still mapped
            *(size_t *)context += 1;
        }
    }
    return 0;
}

// KiB that are mapped of what may not be written to, of a library that nobody uses meanwhile; -1: it is not there.
static int64_t library_kib(const char *name) {
    FILE *file = fopen("/proc/self/smaps", "re");
    char line[512];
    bool inside = false;
    int64_t kib = -1;
    for (unsigned long value, end; file != NULL && fgets(line, sizeof(line), file) != NULL;) {
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &value, &end, mode) == 3) {
            inside = mode[1] != 'w' && strstr(line, name) != NULL;
        } else if (inside && sscanf(line, "Rss: %lu", &value) == 1) {
            kib = MAX(kib, INT64_C(0)) + (int64_t)value;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib;
}

static int headers_of_libyaml(struct dl_phdr_info *object, size_t size, void *context) {
    if (strstr(object->dlpi_name, "libyaml") != NULL) {
        *(unsigned *)context += object->dlpi_phdr[0].p_type; // a fault, if need be
    }
    return 0;
}

TEST(a_library_that_is_not_used_keeps_only_its_relocations) {
    unsigned seen = 0;
    dl_iterate_phdr(headers_of_libyaml, &seen);
    CHECK(seen != 0);
    int64_t before_kib = library_kib("libyaml");
    memory_settle();
    CHECK(before_kib > 8);
    CHECK(library_kib("libyaml") <= 4);
}

TEST(memory_settles_and_all_is_as_before) {
    size_t segments = 0;
    relocated[1] = relocated[0];
    page[1] = 7;
    CHECK_INT(mprotect(page, sizeof(page), PROT_READ), 0);
    memory_settle();
    memory_settle();
    CHECK_INT(page[1], 7);
    CHECK(relocated[1] == relocated[0]);
    CHECK_TEXT(slice_of(relocated[1]), "one");
    dl_iterate_phdr(whole_pages, &segments);
    CHECK(segments > 0);
}

#ifndef LEAT_ASAN // whose allocator is another
enum { BLOCKS = 48, BLOCK_BYTES = 512 << 10 };

static int64_t resident_kib(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = -1;
    CHECK(file != NULL && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

// Large blocks come and go, and behind each stays a small one: what keeps a heap from shrinking.
static void *large_come_and_go(void *context) {
    static uint8_t *blocks[BLOCKS];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < BLOCKS; i++) {
            blocks[i] = malloc(BLOCK_BYTES);
            CHECK(blocks[i] != NULL);
            memset(blocks[i], 1, BLOCK_BYTES);
            CHECK(calloc(1, 64) != NULL); // NOLINT(clang-analyzer-unix.Malloc): it stays
        }
        for (size_t i = 0; i < BLOCKS; i++) {
            free(blocks[i]);
        }
    }
    return context;
}

TEST(freed_memory_goes_back_to_the_system) {
    memory_bound(1);
    int64_t before_kib = resident_kib();
    pthread_t thread;
    large_come_and_go(NULL);
    CHECK(pthread_create(&thread, NULL, large_come_and_go, NULL) == 0);
    pthread_join(thread, NULL);
    CHECK(resident_kib() < before_kib + BLOCKS * BLOCK_BYTES / 1024 / 8);
}
#endif
