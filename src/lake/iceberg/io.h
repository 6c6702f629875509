// SPDX-License-Identifier: Apache-2.0
// Files of a lake by their URI ("s3://bucket/wh/db/t/data/x.parquet", "file:///srv/wh/…", a bare absolute path), over
// the stores. Metadata names files anywhere, so a bucket beside the warehouse's is opened when it is first asked for.
//
// Names are used once and never changed, so a file needs no plan: it is written whole, and what no snapshot names is
// an orphan. A finished file is durable. URIs are literal: nothing in them is percent-decoded.
#ifndef LEAT_LAKE_ICEBERG_IO_H
#define LEAT_LAKE_ICEBERG_IO_H

#include "data/format/parquet/parquet.h"
#include "storage/store/store.h"

typedef struct LakeIo LakeIo;     // one thread at a time
typedef struct LakeFile LakeFile; // being written

typedef struct LakeIoContext {
    const char *warehouse;         // "s3://bucket/prefix", a path: where new files go mostly; NULL = the catalog knows
    const char *owner;             // as StoreContext has it. Nobody else's at the same time: what an earlier one
                                   // of that name left staged is dropped when this one opens
    const char *staging_directory; // likewise; for S3, and not shared with another store
    const void *s3_options;        // of the S3 store; NULL = its defaults
    const _Atomic bool *stop;
} LakeIoContext;

// What keeps files of this machine; tests put another driver there.
extern const StoreDriver *lake_io_local;
// What the context points to stays. ERR_OPTION: no such place for a warehouse. In a warehouse on S3 (without a
// warehouse: once the first file was there), files of this machine are refused (ERR_VALUE): metadata may come from
// others.
CHECKED bool lake_io_open(const LakeIoContext *context, LakeIo **io, Err *err);
void lake_io_close(LakeIo *io);

// Settings of the storage that a catalog gives with a table: for the files below `prefix`, from now on. What the user's
// own S3 options say comes first. Copied.
typedef struct LakeGrant {
    Slice prefix;
    const char *endpoint, *region, *path_style; // NULL = not said; path_style "true" or "false"
    const char *access_key, *secret_key, *session_token;
    int64_t expires_us; // wall clock; 0 = the keys do not expire
    Slice name;         // by which they are asked for again
} LakeGrant;
void lake_io_grant(LakeIo *io, const LakeGrant *grant);
// Called, from whatever reads or writes, when the keys of that name are about to expire or have been refused: asks for
// new ones and hands them to lake_io_grant. NULL: nobody does.
typedef bool LakeRenew(void *context, Slice name, Err *err);
void lake_io_renewer(LakeIo *io, LakeRenew *renew, void *context);
bool lake_io_has_keys(const LakeIo *io); // the user has given keys of their own: others are not needed
// The warehouse as a URI without a slash at its end: "file:///srv/lake", "s3://bucket/prefix"; empty = not known.
Slice lake_io_warehouse(const LakeIo *io);
// s3, s3a and s3n are one; doubled slashes are one; file:/x is file:///x. For comparing. In the arena.
Slice lake_uri_normal(Slice uri, Arena *arena);

CHECKED bool lake_io_get(LakeIo *io, Slice uri, Arena *arena, Slice *bytes, Err *err); // ERR_NOT_FOUND
CHECKED bool lake_io_read(LakeIo *io, Slice uri, uint64_t offset, size_t size, Buf *out, Err *err);
// As parquet_reader_open wants it; the URI is borrowed. `size` as the manifest says.
ParquetFile lake_io_parquet(LakeIo *io, Slice uri, uint64_t size, Arena *arena);

// A small file at once. ERR_CHANGED: one of that name is there already (`only_new`).
CHECKED bool lake_io_put(LakeIo *io, Slice uri, Slice bytes, bool only_new, Err *err);
// Small files that change, each time on the condition that nobody else has: with their tag, as store_get and store_put
// have it ("" = there must be none). ERR_NOT_FOUND; ERR_CHANGED.
CHECKED bool lake_io_get_tagged(LakeIo *io, Slice uri, Arena *arena, Slice *bytes, char tag[STORE_TAG_BYTES_MAX],
                                Err *err);
CHECKED bool lake_io_replace(LakeIo *io, Slice uri, Slice bytes, char tag[STORE_TAG_BYTES_MAX], Err *err);
// A large one piece by piece (up to 512 KiB stay in memory). Ends with finish or abort; finish releases all of them,
// also on an error, when some may be there and others not. Finished ones become visible, and durable, at once.
// ERR_EXISTS, ERR_CHANGED: there is a file of that name.
CHECKED bool lake_file_open(LakeIo *io, Slice uri, LakeFile **file, Err *err);
CHECKED bool lake_file_write(LakeFile *file, Slice bytes, Err *err);
CHECKED bool lake_files_finish(LakeFile *const *files, size_t count, Err *err); // many: their uploads run side by side
void lake_file_abort(LakeFile *file);

// From here on small new files in a local folder, and removals, need not be durable before lake_io_settle has made all
// of them so. For what nothing names yet: a catalog's pointer may move only behind it.
void lake_io_defer(LakeIo *io);
CHECKED bool lake_io_settle(LakeIo *io, Err *err);

CHECKED bool lake_io_remove(LakeIo *io, Slice uri, Err *err); // absent is fine
CHECKED bool lake_io_list(LakeIo *io, Slice prefix_uri, bool (*visit)(void *context, Slice uri, uint64_t size),
                          void *context, Err *err);
// When it was last written, ms since 1970 by the store's clock. ERR_NOT_FOUND.
CHECKED bool lake_io_modified(LakeIo *io, Slice uri, int64_t *ms, Err *err);
void lake_io_usage(LakeIo *io, StoreUsage *usage);

#endif
