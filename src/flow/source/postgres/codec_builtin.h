// SPDX-License-Identifier: Apache-2.0
// The types that every PostgreSQL has, by the numbers that never change (pg_type.dat).
#ifndef LEAT_FLOW_SOURCE_POSTGRES_CODEC_BUILTIN_H
#define LEAT_FLOW_SOURCE_POSTGRES_CODEC_BUILTIN_H

#include "flow/source/postgres/codec_decode.h"

typedef enum PgTypmod { // what a column's type modifier says
    PG_TYPMOD_NONE,
    PG_TYPMOD_LENGTH,   // characters, plus 4
    PG_TYPMOD_BITS,     // bits
    PG_TYPMOD_NUMERIC,  // digits and scale, plus 4
    PG_TYPMOD_TIME,     // digits of the second's fraction
    PG_TYPMOD_INTERVAL, // likewise, in the lower half
} PgTypmod;

typedef struct PgBuiltin {
    uint32_t oid;
    uint32_t array_oid; // 0 = none
    const char *name;
    TypeKind kind;
    PgTypmod typmod;
    PgDecode binary; // NULL: the binary form cannot be read without the server's catalogs
    PgDecode text;
    uint32_t element_oid; // of vectors, ranges; a multirange's range
} PgBuiltin;

// NULL when the number is none of a built-in type; *array tells that it is that of the type's array.
const PgBuiltin *pg_builtin_find(uint32_t oid, bool *array);
// What an extension's type of that send function is made of, by the function's name; NULL when it is not known.
const PgBuiltin *pg_builtin_by_send(Slice send);

#endif
