// SPDX-License-Identifier: Apache-2.0
// Thrift's compact protocol (apache/thrift doc/specs/thrift-compact-protocol.md), driven by tables: a ThriftType says
// where each field of a C struct lies, and one writer and one reader serve all. The tables are in metadata.c.
//
// In memory: integers, booleans and doubles as C has them, binary as Slice, a list as THRIFT_LIST(T), a struct by
// value. What is there: an optional scalar or struct when its bit THRIFT_HAS(id) of the struct's `has` is set, a binary
// or list when its pointer is not NULL (an empty one too has a pointer). A union is one struct with a tag, the field's
// id, and the members of all its kinds.
#ifndef LEAT_DATA_FORMAT_PARQUET_THRIFT_H
#define LEAT_DATA_FORMAT_PARQUET_THRIFT_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

typedef enum ThriftKind {
    THRIFT_BOOL,   // bool
    THRIFT_I8,     // int8_t
    THRIFT_I16,    // int16_t
    THRIFT_I32,    // int32_t; enums too
    THRIFT_I64,    // int64_t
    THRIFT_DOUBLE, // double
    THRIFT_BINARY, // Slice, borrowed
    THRIFT_STRUCT, // the struct of `type`, or a union, in place
    THRIFT_UNREAD, // Slice: the encoded bytes of a list, for thrift_read_list. Read only
} ThriftKind;

#define THRIFT_LIST(Type) \
    struct {              \
        Type *at;         \
        uint32_t count;   \
    }
#define THRIFT_HAS(id) (1U << (id))

typedef enum ThriftPresence {
    THRIFT_OPTIONAL,
    THRIFT_ALWAYS,   // written whatever it holds, not missed when read
    THRIFT_REQUIRED, // and an error when it is not there
} ThriftPresence;

typedef struct ThriftType ThriftType;

typedef struct ThriftField {
    int16_t id; // 1 to 31
    uint8_t kind;
    bool list; // of `kind`
    uint8_t presence;
    uint16_t offset;
    const char *name;
    const ThriftType *type; // THRIFT_STRUCT
} ThriftField;

struct ThriftType {
    const char *name;
    size_t size;               // of the C struct
    const ThriftField *fields; // in order of their ids
    uint16_t field_count;
    uint16_t has_offset; // of `uint32_t has`, or for a union of `int32_t`, the tag
    bool is_union;
    bool has_none; // a struct with neither: all its fields are required, or binaries and lists
};

// Appends the struct. A union of tag 0 must not be written.
void thrift_write(Buf *out, const ThriftType *type, const void *object);

// Limits of one reading, and where its lists are put. Binaries are borrowed from the bytes.
typedef struct ThriftReader {
    Reader bytes;
    Arena *arena;
    size_t memory_left; // that lists may still take
} ThriftReader;

enum { THRIFT_DEPTH_MAX = 24 };

static inline ThriftReader thrift_reader_of(Slice bytes, Arena *arena, size_t memory_max) {
    return (ThriftReader){.bytes = reader_of(bytes), .arena = arena, .memory_left = memory_max};
}
// Reads one struct into `object`, which it clears first; the reader then stands behind it. Unknown fields are passed
// over. ERR_VALUE: damaged, cut off (then reader->bytes.bad is set), or past a limit.
CHECKED bool thrift_read(ThriftReader *reader, const ThriftType *type, void *object, Err *err);
// Begins a list that was kept as THRIFT_UNREAD: the number of its structs, to be read with thrift_read.
CHECKED bool thrift_read_list(ThriftReader *reader, uint32_t *count, Err *err);

#endif
