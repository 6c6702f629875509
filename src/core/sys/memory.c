// SPDX-License-Identifier: Apache-2.0
#include "core/sys/memory.h"

#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEADERS_MAX = 32, LARGE_BYTES = 64 << 10, FREE_BYTES = 128 << 10 };

// Each call also ends glibc's own adjusting: it would take the size of the largest block that was freed for one that is
// not worth a mapping, and keep twice as much.
void memory_bound(int heaps) {
    (void)mallopt(M_ARENA_MAX, heaps);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, FREE_BYTES);
}

// Code that is relocated in place: its pages are not those of the file.
static bool code_is_patched(const struct dl_phdr_info *object) {
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        if (object->dlpi_phdr[i].p_type != PT_DYNAMIC) {
            continue;
        }
        const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0)) {
                return true;
            }
        }
    }
    return false;
}

// What may be written to, also if only until it was relocated, is another segment. The headers lie in the first of the
// pages that go, and to read one there maps the 64 KiB around it again: a copy is read.
static int settle(struct dl_phdr_info *object, size_t size, void *context) {
    uintptr_t page = *(const uintptr_t *)context, end = UINTPTR_MAX;
    ElfW(Phdr) headers[HEADERS_MAX];
    size_t count = object->dlpi_phnum;
    if (strncmp(object->dlpi_name, "linux-vdso", 10) == 0 || count > HEADERS_MAX || code_is_patched(object)) {
        return 0;
    }
    memcpy(headers, object->dlpi_phdr, count * sizeof(headers[0]));
    for (size_t i = count; i-- > 0;) { // segments lie in order; a page that two have parts of is the later one's
        if (headers[i].p_type != PT_LOAD) {
            continue;
        }
        uintptr_t begin = object->dlpi_addr + headers[i].p_vaddr;
        end = MIN(end, (begin + headers[i].p_memsz + page - 1) & ~(page - 1));
        begin &= ~(page - 1);
        if ((headers[i].p_flags & PF_W) == 0 && begin < end) {
            (void)madvise((void *)begin, end - begin, MADV_DONTNEED); // advice only
        }
        end = begin;
    }
    return 0;
}

void memory_settle(void) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    malloc_trim(0);
    (void)dl_iterate_phdr(settle, &page); // under the loader's lock: no object is half loaded
}

void memory_keep(int bytes) {
    (void)mallopt(M_MMAP_THRESHOLD, bytes);
    (void)mallopt(M_TRIM_THRESHOLD, bytes);
}
