// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/local/head.h"

#include "core/sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 4096, HEAD_VERSION = 1 };
static const char MAGIC[8] = {'L', 'E', 'A', 'T', 'H', 'E', 'A', 'D'};
static_assert(offsetof(HeadPage, events) == 12 && offsetof(HeadPage, pid) == 56, "the layout of head");

static bool head_path(char path[PATH_MAX], const char *directory, Err *err) {
    return snprintf(path, PATH_MAX, "%s/head", directory) < PATH_MAX ||
           FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
}

bool head_open(Head *head, const char *directory, Err *err) {
    char path[PATH_MAX];
    *head = (Head){0};
    TRY(head_path(path, directory, err));
    head->writable = true;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && (errno == EACCES || errno == EROFS)) {
        head->writable = false;
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) {
        return errno == ENOENT || FAIL_ERRNO(err, "open %s", path);
    }
    uint64_t size = 0;
    if (!file_size(fd, path, &size, err) || size < HEAD_BYTES) {
        file_close(&fd);
        return err->code == ERR_NONE || err_frame(err, __FILE__, __LINE__);
    }
    void *page = mmap(NULL, HEAD_BYTES, head->writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    int errnum = errno;
    file_close(&fd);
    if (page == MAP_FAILED) {
        return err_errno(err, __FILE__, __LINE__, errnum, "map %s", path);
    }
    head->page = page;
    uint32_t version = atomic_load(&head->page->version);
    if (memcmp(head->page->magic, MAGIC, sizeof(MAGIC)) != 0) {
        head_close(head);
    } else if (version > HEAD_VERSION) {
        head_close(head);
        FAIL(err, ERR_FORMAT_NEWER, "%s has version %" PRIu32 ", this leat knows up to %d", path, version,
             HEAD_VERSION);
        return err_hint(err, "use the newer leat that wrote it");
    }
    return true;
}

bool head_make(Head *head, const char *directory, LogPosition end, Err *err) {
    TRY(head_open(head, directory, err));
    if (head->page != NULL) {
        return true;
    }
    char path[PATH_MAX];
    TRY(head_path(path, directory, err));
    uint8_t bytes[HEAD_BYTES] = {0};
    HeadPage page = {.version = HEAD_VERSION, .end = end};
    memcpy(page.magic, MAGIC, sizeof(MAGIC));
    memcpy(bytes, &page, sizeof(page));
    TRY(file_replace(path, (Slice){bytes, sizeof(bytes)}, err));
    TRY(head_open(head, directory, err));
    return head->page != NULL || FAIL(err, ERR_IO_FAILED, "%s: cannot be read back", path);
}

void head_close(Head *head) {
    if (head->page != NULL) {
        munmap(head->page, HEAD_BYTES);
    }
    head->page = NULL;
}

void head_signal(Head *head) {
    if (head->writable) {
        atomic_fetch_add(&head->page->events, 1);
    }
    syscall(SYS_futex, &head->page->events, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void head_wait(const Head *head, uint32_t seen, int timeout_ms) {
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    syscall(SYS_futex, &head->page->events, FUTEX_WAIT, seen, timeout_ms < 0 ? NULL : &timeout, NULL, 0);
}
