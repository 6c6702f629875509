// SPDX-License-Identifier: Apache-2.0
// A place is a store that was opened: a bucket, the local warehouse, another local folder. Names are taken literally,
// as Iceberg's other readers do: nothing in a URI is percent-decoded.
#include "lake/iceberg/io.h"

#include "lake/iceberg/grants.h"
#include "storage/store/local/local.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

const StoreDriver *lake_io_local = &LOCAL_STORE;

enum {
    // A file up to this is held in memory and written by one put, which costs less than staging and publishing.
    SMALL_BYTES_MAX = 512 * 1024,
};

typedef struct Place {
    struct Place *next;
    const char *root;    // "s3://bucket"; "/srv/wh", "" for the root of the file system
    const S3Options *s3; // what the catalog has given for it; NULL = the user's own
    bool local;
    Store *store;
} Place;

struct LakeIo {
    Arena run;
    LakeIoContext context;
    const char *warehouse; // URI; "" = not known
    bool known, local;     // whether files are on this machine, as the warehouse is or the first file was
    Place *places;
    LakeGrants *grants;
};

struct LakeFile {
    LakeIo *io;
    Place *place;
    char *name; // in the place
    Buf small;
    StoreStage *stage; // NULL: all of it is in `small`
};

// --- URIs ------------------------------------------------------------------------------------------------------

static bool begins(Slice text, const char *with) {
    size_t size = strlen(with);
    return text.size >= size && memcmp(text.data, with, size) == 0;
}

// `scheme`, then the path with its doubled slashes made one.
static Slice put_path(const char *scheme, Slice path, Arena *arena) {
    size_t size = strlen(scheme);
    uint8_t *text = arena_alloc(arena, size + path.size + 1);
    memcpy(text, scheme, size);
    for (size_t i = 0; i < path.size; i++) {
        if (path.data[i] != '/' || i == 0 || path.data[i - 1] != '/') {
            text[size++] = path.data[i];
        }
    }
    return (Slice){text, size};
}

Slice lake_uri_normal(Slice uri, Arena *arena) {
    static const char *const S3[] = {"s3://", "s3a://", "s3n://"};
    for (size_t i = 0; i < ARRAY_LEN(S3); i++) {
        if (begins(uri, S3[i])) {
            return put_path("s3://", slice_from(uri, strlen(S3[i])), arena);
        }
    }
    Slice path = uri;
    if (begins(uri, "file:")) {
        path = slice_from(uri, 5);
        if (begins(path, "//localhost/")) {
            path = slice_from(path, 11);
        } else if (begins(path, "//") && !begins(path, "///") && path.size > 2) {
            return uri; // a host, which is refused
        }
    }
    return begins(path, "/") ? put_path("file://", path, arena) : uri;
}

static bool foreign(Slice uri, const char *what, Err *err) {
    FAIL(err, ERR_VALUE, "%.*s: %s", (int)MIN(uri.size, 300), (const char *)uri.data, what);
    return err_hint(err, "files of a lake are s3://bucket/key, or file:///path in a local warehouse");
}

// No empty segments, none that lead elsewhere.
static bool check_name(Slice uri, const char *name, size_t size, Err *err) {
    bool fits = size > 0 && memchr(name, '\0', size) == NULL;
    for (const char *at = name; fits && at != NULL; at = strchr(at, '/')) {
        at += *at == '/' ? 1 : 0;
        size_t part = strcspn(at, "/");
        fits = part > 0 && !(part == 1 && at[0] == '.') && !(part == 2 && at[0] == '.' && at[1] == '.');
    }
    return fits || foreign(uri, "no name of a file", err);
}

// --- places ----------------------------------------------------------------------------------------------------

static bool place_open(LakeIo *io, const char *root, const S3Options *s3, bool local, Place **place, Err *err) {
    for (Place *at = io->places; at != NULL; at = at->next) {
        if (strcmp(at->root, root) == 0 && at->s3 == s3) {
            *place = at;
            return true;
        }
    }
    StoreContext context = {
        .url = local && root[0] == '\0' ? "/" : root,
        .owner = io->context.owner,
        .staging_directory = io->context.staging_directory,
        .options = local        ? NULL
                   : s3 != NULL ? s3
                                : io->context.s3_options,
        .stop = io->context.stop,
    };
    Store *store = NULL;
    TRY(store_open(local ? lake_io_local : &S3_STORE, &context, &store, err));
    // Staged files of S3 are in one folder for all its places; those of a local place are in the place.
    bool sweep = io->places == NULL || (local && root[0] != '\0');
    if (sweep && !store_sweep(store, NULL, 0, err)) {
        store_close(store);
        return err_frame(err, __FILE__, __LINE__);
    }
    *place = ARENA_NEW(&io->run, Place);
    **place = (Place){
        .next = io->places, .root = arena_printf(&io->run, "%s", root), .s3 = s3, .local = local, .store = store};
    io->places = *place;
    return true;
}

// The table's folder, where data/ and metadata/ are; else the one above the file's own.
static Slice write_root(Slice path) {
    for (size_t i = path.size; i-- > 0;) {
        Slice rest = slice_from(path, i);
        if (begins(rest, "/data/") || begins(rest, "/metadata/")) {
            return (Slice){path.data, i};
        }
    }
    for (int i = 0; i < 2; i++) {
        while (path.size > 0 && path.data[--path.size] != '/') {}
    }
    return path;
}

// Where the file of a URI lies. `write`: it is to be written or removed. With `prefix` it may be a folder as well.
typedef struct Find {
    bool write, prefix;
} Find;

static bool find(LakeIo *io, Slice uri, Find how, Arena *scratch, Place **place, const char **name, Err *err) {
    Slice normal = lake_uri_normal(uri, scratch), root, rest;
    bool local = begins(normal, "file:///");
    if (!local && !begins(normal, "s3://")) {
        return foreign(uri, "a scheme that leat does not know", err);
    }
    if (!io->known) {
        io->known = true;
        io->local = local;
    }
    if (local && !io->local) { // metadata may come from anybody: they do not make us open files of this machine
        return foreign(uri, "a file of this machine, in a table whose warehouse is not here", err);
    }
    if (local) {
        Slice path = slice_from(normal, 7), home = slice_of(io->warehouse);
        home = home.size > 7 ? slice_from(home, 7) : home;
        bool inside = home.size > 0 && path.size > home.size && memcmp(path.data, home.data, home.size) == 0;
        inside = inside && path.data[home.size] == '/';
        root = inside ? home : how.write ? write_root(path) : (Slice){path.data, 0};
        rest = slice_from(path, root.size + 1);
    } else {
        Slice path = slice_from(normal, 5);
        const uint8_t *slash = memchr(path.data, '/', path.size);
        size_t bucket = slash != NULL ? (size_t)(slash - path.data) : path.size;
        root = (Slice){normal.data, 5 + bucket};
        rest = slash != NULL ? slice_from(path, bucket + 1) : (Slice){path.data + bucket, 0};
        TRY(bucket > 0 || foreign(uri, "no bucket's name", err));
    }
    *name = arena_text(scratch, rest);
    Slice checked = rest;
    if (how.prefix) {
        checked.size -= checked.size > 0 && checked.data[checked.size - 1] == '/' ? 1 : 0;
    }
    if (!how.prefix || checked.size > 0) {
        TRY(check_name(uri, arena_text(scratch, checked), checked.size, err));
    }
    const S3Options *s3 = local ? NULL : lake_grants_find(io->grants, normal);
    return place_open(io, arena_text(scratch, root), s3, local, place, err);
}

static const char *warehouse_uri(const char *text, Arena *arena, Err *err) {
    Slice uri = lake_uri_normal(slice_of(text), arena);
    if (uri.size > 0 && !begins(uri, "s3://") && !begins(uri, "file:") && strstr(text, "://") == NULL) {
        char folder[PATH_MAX];
        if (getcwd(folder, sizeof(folder)) == NULL) {
            FAIL_ERRNO(err, "find the current directory");
            return NULL;
        }
        uri = lake_uri_normal(slice_of(arena_printf(arena, "%s/%s", folder, text)), arena);
    }
    while (uri.size > 8 && uri.data[uri.size - 1] == '/') {
        uri.size--;
    }
    if (!(begins(uri, "file:///") || begins(uri, "s3://")) || uri.size <= (begins(uri, "s3://") ? 5u : 8u)) {
        FAIL(err, ERR_OPTION, "%.300s is no place for a warehouse", text);
        err_hint(err, "give s3://bucket/prefix, file:///path or a path");
        return NULL;
    }
    return arena_text(arena, uri);
}

static bool open_warehouse(LakeIo *io, Err *err) {
    io->warehouse = "";
    if (io->context.warehouse == NULL) {
        return true;
    }
    io->warehouse = warehouse_uri(io->context.warehouse, &io->run, err);
    TRY(io->warehouse != NULL);
    io->known = true;
    io->local = strncmp(io->warehouse, "file:", 5) == 0;
    const char *root = io->warehouse + 7;
    if (!io->local) {
        size_t bucket = strcspn(io->warehouse + 5, "/");
        root = arena_text(&io->run, (Slice){(const uint8_t *)io->warehouse, 5 + bucket});
    }
    Place *place = NULL;
    return place_open(io, root, NULL, io->local, &place, err);
}

bool lake_io_open(const LakeIoContext *context, LakeIo **io, Err *err) {
    LakeIo *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    arena_init(&made->run, "lake io", 0);
    made->context = *context;
    made->grants = lake_grants_new(context->s3_options);
    if (!open_warehouse(made, err)) {
        lake_io_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *io = made;
    return true;
}

void lake_io_close(LakeIo *io) {
    if (io != NULL) {
        for (Place *place = io->places; place != NULL; place = place->next) {
            Err unsaid[1] = {{0}};
            if (place->local && !store_sweep(place->store, NULL, 0, unsaid)) { // empty folders
                err_clear(unsaid);
            }
            store_close(place->store);
        }
        lake_grants_free(io->grants);
        arena_release(&io->run);
        free(io);
    }
}

void lake_io_grant(LakeIo *io, const LakeGrant *grant) {
    lake_grants_put(io->grants, grant);
}

void lake_io_renewer(LakeIo *io, LakeRenew *renew, void *context) {
    lake_grants_renewer(io->grants, renew, context);
}

bool lake_io_has_keys(const LakeIo *io) {
    return lake_grants_own_keys(io->grants);
}

Slice lake_io_warehouse(const LakeIo *io) {
    return slice_of(io->warehouse);
}

void lake_io_usage(LakeIo *io, StoreUsage *usage) {
    *usage = (StoreUsage){0};
    for (const Place *place = io->places; place != NULL; place = place->next) {
        StoreUsage one;
        store_usage(place->store, &one);
        store_usage_add(usage, &one);
    }
}

// --- whole files -----------------------------------------------------------------------------------------------

bool lake_io_get_tagged(LakeIo *io, Slice uri, Arena *arena, Slice *bytes, char tag[STORE_TAG_BYTES_MAX], Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Place *place = NULL;
    const char *name = NULL;
    TRY(find(io, uri, (Find){0}, &scratch, &place, &name, err));
    return store_get(place->store, name, arena, bytes, tag, err);
}

bool lake_io_get(LakeIo *io, Slice uri, Arena *arena, Slice *bytes, Err *err) {
    return lake_io_get_tagged(io, uri, arena, bytes, NULL, err);
}

bool lake_io_replace(LakeIo *io, Slice uri, Slice bytes, char tag[STORE_TAG_BYTES_MAX], Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Place *place = NULL;
    const char *name = NULL;
    TRY(find(io, uri, (Find){.write = true}, &scratch, &place, &name, err));
    char before[STORE_TAG_BYTES_MAX];
    memcpy(before, tag, sizeof(before));
    if (!store_put(place->store, name, bytes, before, tag, err)) {
        memcpy(tag, before, sizeof(before));
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

bool lake_io_read(LakeIo *io, Slice uri, uint64_t offset, size_t size, Buf *out, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Place *place = NULL;
    const char *name = NULL;
    TRY(find(io, uri, (Find){0}, &scratch, &place, &name, err));
    return store_read(place->store, name, offset, size, out, err);
}

typedef struct Whole {
    LakeIo *io;
    Slice uri;
} Whole;

static bool parquet_read(void *context, uint64_t offset, size_t size, Buf *out, Err *err) {
    const Whole *file = context;
    size_t before = out->size;
    TRY(lake_io_read(file->io, file->uri, offset, size, out, err));
    return out->size - before == size ||
           FAIL(err, ERR_VALUE, "%.*s ends before byte %" PRIu64, (int)MIN(file->uri.size, 300),
                (const char *)file->uri.data, offset + size);
}

ParquetFile lake_io_parquet(LakeIo *io, Slice uri, uint64_t size, Arena *arena) {
    Whole *file = ARENA_NEW(arena, Whole);
    *file = (Whole){io, uri};
    return (ParquetFile){.context = file, .size = size, .read = parquet_read};
}

bool lake_io_put(LakeIo *io, Slice uri, Slice bytes, bool only_new, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Place *place = NULL;
    const char *name = NULL;
    TRY(find(io, uri, (Find){.write = true}, &scratch, &place, &name, err));
    return store_put(place->store, name, bytes, only_new ? "" : NULL, NULL, err);
}

void lake_io_defer(LakeIo *io) {
    for (Place *place = io->places; place != NULL; place = place->next) {
        store_defer(place->store);
    }
}

bool lake_io_settle(LakeIo *io, Err *err) {
    bool ok = true;
    for (Place *place = io->places; place != NULL; place = place->next) {
        Err unsaid[1] = {{0}};
        ok = store_settle(place->store, ok ? err : unsaid) && ok;
    }
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool lake_io_remove(LakeIo *io, Slice uri, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Place *place = NULL;
    const char *name = NULL;
    TRY(find(io, uri, (Find){.write = true}, &scratch, &place, &name, err));
    return store_remove(place->store, name, err);
}

bool lake_io_modified(LakeIo *io, Slice uri, int64_t *ms, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Place *place = NULL;
    const char *name = NULL;
    TRY(find(io, uri, (Find){0}, &scratch, &place, &name, err));
    return store_modified(place->store, name, ms, err);
}

typedef struct Listing {
    const Place *place;
    Buf uri;
    bool (*visit)(void *context, Slice uri, uint64_t size);
    void *context;
} Listing;

static bool list_visit(void *context, const char *name, uint64_t size) {
    Listing *listing = context;
    buf_reset(&listing->uri);
    buf_text(&listing->uri, listing->place->local ? "file://" : "");
    buf_text(&listing->uri, listing->place->root);
    buf_text(&listing->uri, "/");
    buf_text(&listing->uri, name);
    return listing->visit(listing->context, buf_slice(&listing->uri), size);
}

bool lake_io_list(LakeIo *io, Slice prefix_uri, bool (*visit)(void *context, Slice uri, uint64_t size), void *context,
                  Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Place *place = NULL;
    const char *name = NULL;
    TRY(find(io, prefix_uri, (Find){.prefix = true}, &scratch, &place, &name, err));
    Listing listing = {.place = place, .visit = visit, .context = context};
    bool ok = store_list(place->store, name, list_visit, &listing, err);
    buf_release(&listing.uri);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- files written piece by piece ------------------------------------------------------------------------------

bool lake_file_open(LakeIo *io, Slice uri, LakeFile **file, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Place *place = NULL;
    const char *name = NULL;
    TRY(find(io, uri, (Find){.write = true}, &scratch, &place, &name, err));
    LakeFile *made = calloc(1, sizeof(*made) + strlen(name) + 1);
    ASSERT(made != NULL);
    made->io = io;
    made->place = place;
    made->name = (char *)(made + 1);
    memcpy(made->name, name, strlen(name));
    buf_init(&made->small, 0);
    *file = made;
    return true;
}

static bool to_stage(LakeFile *file, Err *err) {
    TRY(store_stage_open(file->place->store, file->name, &file->stage, err));
    TRY(store_stage_write(file->stage, buf_slice(&file->small), err));
    buf_release(&file->small);
    return true;
}

bool lake_file_write(LakeFile *file, Slice bytes, Err *err) {
    if (file->stage == NULL) {
        if (file->small.size + bytes.size <= SMALL_BYTES_MAX) {
            buf_put(&file->small, bytes);
            return true;
        }
        TRY(to_stage(file, err));
    }
    return store_stage_write(file->stage, bytes, err);
}

void lake_file_abort(LakeFile *file) {
    if (file != NULL) {
        store_stage_abort(file->stage);
        buf_release(&file->small);
        free(file);
    }
}

typedef struct Staged {
    Place *place; // NULL: not staged, or published
    StoreItem item;
} Staged;

// Makes what a file holds durable: a small one under its name, if that is no slower, else staged.
static bool file_end(LakeFile *file, bool alone, Arena *scratch, Staged *staged, Err *err) {
    if (file->stage == NULL && (alone || file->place->local)) {
        return store_put(file->place->store, file->name, buf_slice(&file->small), "", NULL, err);
    }
    if (file->stage == NULL) {
        TRY(to_stage(file, err));
    }
    char token[STORE_TOKEN_BYTES_MAX];
    StoreStage *stage = file->stage;
    file->stage = NULL; // released, whatever comes
    TRY(store_stage_finish(stage, token, err));
    staged->place = file->place;
    staged->item.token = arena_text(scratch, slice_of(token));
    staged->item.name = arena_text(scratch, slice_of(file->name));
    return true;
}

static bool publish(Staged *staged, size_t count, Arena *scratch, Err *err) {
    StoreItem *items = ARENA_ARRAY(scratch, StoreItem, count);
    for (size_t i = 0; i < count; i++) {
        Place *place = staged[i].place;
        if (place == NULL) {
            continue;
        }
        size_t found = 0;
        for (size_t j = i; j < count; j++) {
            if (staged[j].place == place) {
                items[found++] = staged[j].item;
            }
        }
        TRY(store_publish_all(place->store, items, found, err));
        for (size_t j = i; j < count; j++) {
            staged[j].place = staged[j].place == place ? NULL : staged[j].place;
        }
    }
    return true;
}

bool lake_files_finish(LakeFile *const *files, size_t count, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Staged *staged = ARENA_ARRAY(&scratch, Staged, count);
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        ok = ok && file_end(files[i], count == 1, &scratch, &staged[i], err);
    }
    ok = ok && publish(staged, count, &scratch, err);
    for (size_t i = 0; i < count; i++) {
        Err unsaid[1] = {{0}};
        if (!ok && staged[i].place != NULL && !store_stage_drop(staged[i].place->store, staged[i].item.token, unsaid)) {
            err_clear(unsaid); // the next sweep takes it
        }
        lake_file_abort(files[i]);
    }
    return ok || err_frame(err, __FILE__, __LINE__);
}
