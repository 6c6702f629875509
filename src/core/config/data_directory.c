// SPDX-License-Identifier: Apache-2.0
#include "core/config/data_directory.h"

#include "core/sys/file.h"

bool data_directory_check(const char *directory, Arena *arena, bool *present, Err *err) {
    const char *path = arena_printf(arena, "%s/FORMAT", directory);
    Slice bytes;
    *present = file_exists(path);
    if (!*present) {
        return true;
    }
    TRY(file_read_all(path, 4096, arena, &bytes, err));
    size_t lead = sizeof(DATA_FORMAT_TEXT) - 1;
    long format = bytes.size > lead && memcmp(bytes.data, DATA_FORMAT_TEXT, lead) == 0
                      ? strtol((const char *)bytes.data + lead, NULL, 10)
                      : 0;
    if (format < 1) {
        FAIL(err, ERR_STATE_CORRUPT, "%s does not say the data directory's format", path);
        return err_hint(err, "if this is leat's data directory, write \"%s%d\" into it", DATA_FORMAT_TEXT, DATA_FORMAT);
    }
    if (format > DATA_FORMAT) {
        FAIL(err, ERR_FORMAT_NEWER, "%s: format %ld; this leat knows up to %d", directory, format, DATA_FORMAT);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    return true;
}

bool data_directory_ensure(const char *directory, Arena *arena, Err *err) {
    bool present;
    TRY(data_directory_check(directory, arena, &present, err));
    if (present) {
        return true;
    }
    const char *text = arena_printf(arena, "%s%d\n", DATA_FORMAT_TEXT, DATA_FORMAT);
    TRY(file_make_directories(directory, err));
    return file_replace(arena_printf(arena, "%s/FORMAT", directory), slice_of(text), err);
}
