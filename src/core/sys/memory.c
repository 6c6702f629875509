// SPDX-License-Identifier: Apache-2.0
#include "core/sys/memory.h"

#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

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

// What may be written to, also if only until it was relocated, is another segment.
static int settle(struct dl_phdr_info *object, size_t size, void *context) {
    uintptr_t page = *(const uintptr_t *)context;
    if (strncmp(object->dlpi_name, "linux-vdso", 10) == 0 || code_is_patched(object)) {
        return 0;
    }
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) {
            continue;
        }
        uintptr_t begin = object->dlpi_addr + segment->p_vaddr, end = begin + segment->p_memsz;
        begin = (begin + page - 1) & ~(page - 1);
        end &= ~(page - 1);
        if (begin < end) {
            (void)madvise((void *)begin, end - begin, MADV_DONTNEED); // advice only
        }
    }
    return 0;
}

void memory_settle(void) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    malloc_trim(0);
    (void)dl_iterate_phdr(settle, &page); // under the loader's lock: no object is half loaded
}
