// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's values into leat's: one decoder for COPY (FORMAT binary) and pgoutput's binary form, so a value cannot
// depend on the road that it took; the text form as fallback for types without a send function. A codec is compiled
// once per column type and used for every value of it.
//
// Formats: the *send and *recv functions of src/backend/utils/adt. The type table with every mapping is
// docs/sources/postgresql-types.md; each row is a test against a real server.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_CODEC_H
#define LEAT_FLOW_SOURCE_POSTGRES_CODEC_H

#include "data/event/value.h"
#include "flow/source/postgres/conn.h"

typedef struct PgTypes PgTypes; // what is known of a database's types; grows on demand
typedef struct PgCodec PgCodec;

typedef bool (*PgDecode)(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err);

struct PgCodec {
    Type type; // leat's type, with source_name and source_id
    // NULL = its binary form cannot be read without the server (regclass, cube …): ask for text. In a snapshot
    // "column"::text does; pgoutput sends binary for every type that has a send function, so a stream with such a
    // column must be started without `binary`.
    PgDecode binary;
    PgDecode text;
    uint32_t oid;
    const PgCodec *element;       // arrays, ranges; a multirange's range. A domain's codec is its base type's.
    const PgCodec *const *fields; // composites
    uint32_t field_count;
};

PgTypes *pg_types_new(void);
void pg_types_free(PgTypes *types); // and every codec
// The codec of a column type. Built-in types need no connection; others are read from the catalog over `sql` (pg_type,
// pg_enum, pg_range, pg_attribute) when they are not known yet (after pg_types_forget they are read again: an enum has
// a new label). With sql = NULL an unknown type is ERR_NOT_FOUND.
CHECKED bool pg_types_codec(PgTypes *types, PgConn *sql, uint32_t oid, int32_t typmod, const PgCodec **codec, Err *err);
void pg_types_forget(PgTypes *types, uint32_t oid); // the catalog has changed; old codecs stay valid

// One value. The result borrows from `bytes` where it can; the rest is in the arena. ERR_VALUE says what is wrong with
// which type, and never shows the value.
static inline bool pg_decode_binary(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return codec->binary(codec, bytes, arena, value, err);
}
static inline bool pg_decode_text(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return codec->text(codec, bytes, arena, value, err);
}

#endif
