// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/toast_file.h"

#define TAIL_BYTES       (256 * KIB) // the footer and the offset indexes: read at once
#define EXTENT_BYTES_MAX (4 * MIB)   // read at once
#define LOADED_BYTES_MAX (16 * MIB)  // held
#define GAP_LOCAL        (32 * KIB)  // that is rather read than left out
#define GAP_REMOTE       (512 * KIB)
#define PAGE_SLACK       (4 * KIB) // a reader looks a bit further than a page's end

typedef struct Extent {
    uint64_t offset;
    size_t size;
    uint64_t used; // when, by the file's own clock
    Buf bytes;     // empty: not loaded
} Extent;

struct ToastFile {
    ParquetFile whole;
    ParquetReader *reader;
    Arena run[1];
    Buf tail;
    size_t gap;
    Buf extents; // Extent, by offset, apart from each other
    uint64_t clock;
    size_t loaded;
};

// --- reading ---------------------------------------------------------------------------------------------------

static Extent *extent_at(const ToastFile *file, size_t i) {
    return (Extent *)(void *)file->extents.data + i;
}

static size_t extent_count(const ToastFile *file) {
    return file->extents.size / sizeof(Extent);
}

// The last one that begins at or before the offset, if it has all of the bytes.
static Extent *extent_find(const ToastFile *file, uint64_t offset, size_t size) {
    size_t low = 0, high = extent_count(file);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (extent_at(file, middle)->offset <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Extent *found = low > 0 ? extent_at(file, low - 1) : NULL;
    return found != NULL && offset - found->offset <= found->size && size <= found->size - (offset - found->offset)
               ? found
               : NULL;
}

static void extent_drop(ToastFile *file, Extent *extent) {
    file->loaded -= extent->bytes.capacity;
    buf_release(&extent->bytes);
}

static bool extent_load(ToastFile *file, Extent *extent, Err *err) {
    extent->used = ++file->clock;
    if (extent->bytes.size > 0) {
        return true;
    }
    while (file->loaded + extent->size > LOADED_BYTES_MAX) {
        Extent *oldest = NULL;
        for (size_t i = 0; i < extent_count(file); i++) {
            Extent *one = extent_at(file, i);
            oldest = one->bytes.size > 0 && (oldest == NULL || one->used < oldest->used) ? one : oldest;
        }
        if (oldest == NULL) {
            break;
        }
        extent_drop(file, oldest);
    }
    bool ok = file->whole.read(file->whole.context, extent->offset, extent->size, &extent->bytes, err);
    file->loaded += extent->bytes.capacity;
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool tail_load(ToastFile *file, Err *err) {
    size_t size = (size_t)MIN(file->whole.size, (uint64_t)TAIL_BYTES);
    return file->tail.size > 0 ||
           file->whole.read(file->whole.context, file->whole.size - size, size, &file->tail, err);
}

static bool file_read(void *context, uint64_t offset, size_t size, Buf *out, Err *err) {
    ToastFile *file = context;
    TRY(tail_load(file, err));
    uint64_t tail_at = file->whole.size - file->tail.size;
    if (offset >= tail_at && size <= file->whole.size - offset) {
        buf_bytes(out, file->tail.data + (offset - tail_at), size);
        return true;
    }
    Extent *extent = extent_find(file, offset, size);
    if (extent == NULL) {
        return file->whole.read(file->whole.context, offset, size, out, err);
    }
    TRY(extent_load(file, extent, err));
    buf_bytes(out, extent->bytes.data + (offset - extent->offset), size);
    return true;
}

// --- planning --------------------------------------------------------------------------------------------------

static void extents_clear(ToastFile *file) {
    for (size_t i = 0; i < extent_count(file); i++) {
        extent_drop(file, extent_at(file, i));
    }
    buf_reset(&file->extents);
}

static void page_add(void *context, uint64_t offset, size_t size) {
    ToastFile *file = context;
    if (offset < file->whole.size) {
        uint64_t end = MIN(file->whole.size, offset + size + PAGE_SLACK);
        Extent extent = {.offset = offset, .size = (size_t)(end - offset)};
        buf_bytes(&file->extents, &extent, sizeof(extent));
    }
}

static int by_offset(const void *a, const void *b) {
    uint64_t x = ((const Extent *)a)->offset, y = ((const Extent *)b)->offset;
    return (x > y) - (x < y);
}

// Neighbours become one, up to the size that is read at once; where pages overlap (by their slack) they must.
static void extents_join(ToastFile *file) {
    size_t count = extent_count(file), kept = 0;
    if (count == 0) {
        return;
    }
    qsort(file->extents.data, count, sizeof(Extent), by_offset);
    for (size_t i = 1; i < count; i++) {
        Extent *last = extent_at(file, kept), *next = extent_at(file, i);
        uint64_t end = last->offset + last->size, next_end = next->offset + next->size;
        bool near = next->offset <= end + file->gap && next_end - last->offset <= EXTENT_BYTES_MAX;
        if (near || next_end <= end) {
            last->size = (size_t)(MAX(end, next_end) - last->offset);
        } else {
            *extent_at(file, ++kept) = *next;
        }
    }
    file->extents.size = (kept + 1) * sizeof(Extent);
}

bool toast_file_plan(ToastFile *file, const bool *wanted, const uint64_t *rows, size_t count, Err *err) {
    extents_clear(file);
    TRY(parquet_reader_choose(file->reader, wanted, err));
    TRY(parquet_reader_plan(file->reader, rows, count, page_add, file, err));
    extents_join(file);
    return true;
}

bool toast_file_row(ToastFile *file, uint64_t row, const Value **values, Err *err) {
    TRY(parquet_reader_seek(file->reader, row, err));
    TRY(parquet_reader_next(file->reader, values, err));
    return *values != NULL || FAIL(err, ERR_STATE_CORRUPT, "the file has no row %" PRIu64, row);
}

// --- life ------------------------------------------------------------------------------------------------------

const Shape *toast_file_shape(const ToastFile *file) {
    return parquet_reader_shape(file->reader);
}

bool toast_file_open(LakeIo *io, Slice uri, uint64_t size, ToastFile **opened, Err *err) {
    ToastFile *file = calloc(1, sizeof(*file));
    ASSERT(file != NULL);
    arena_init_small(file->run, "run", 256);
    file->whole = lake_io_parquet(io, uri, size, file->run);
    file->gap = uri.size > 1 && memcmp(uri.data, "s3", 2) == 0 ? GAP_REMOTE : GAP_LOCAL;
    ParquetFile parts = {.context = file, .size = size, .read = file_read};
    if (!parquet_reader_open(&parts, &file->reader, err)) {
        toast_file_close(file);
        return err_prefix(err, "%.*s", SLICE_ARG(uri));
    }
    *opened = file;
    return true;
}

void toast_file_close(ToastFile *file) {
    parquet_reader_close(file->reader);
    extents_clear(file);
    buf_release(&file->extents);
    buf_release(&file->tail);
    arena_release(file->run);
    free(file);
}
