// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/codec_builtin.h"

#define PLAIN(oid, array, name, kind, decoder) \
    { oid, array, name, kind, PG_TYPMOD_NONE, pg_binary_##decoder, pg_text_##decoder, 0 }
#define WITH_TYPMOD(oid, array, name, kind, typmod, decoder) \
    { oid, array, name, kind, typmod, pg_binary_##decoder, pg_text_##decoder, 0 }
#define STRING(oid, array, name) \
    { oid, array, name, TYPE_STRING, PG_TYPMOD_NONE, pg_string, pg_string, 0 }
// The binary form is another, and becomes the text that the server would print.
#define PRINTED(oid, array, name, decoder) \
    { oid, array, name, TYPE_STRING, PG_TYPMOD_NONE, pg_binary_##decoder, pg_string, 0 }
#define TEXT_ONLY(oid, array, name) \
    { oid, array, name, TYPE_STRING, PG_TYPMOD_NONE, NULL, pg_string, 0 }
#define NESTED(oid, array, name, kind, decoder, element) \
    { oid, array, name, kind, PG_TYPMOD_NONE, pg_binary_##decoder, pg_text_##decoder, element }

// By number; the reg… types travel as numbers in binary, which only the server's catalogs turn into names.
static const PgBuiltin BUILTINS[] = {
    PLAIN(16, 1000, "bool", TYPE_BOOL, bool),
    PLAIN(17, 1001, "bytea", TYPE_BYTES, bytes),
    PLAIN(18, 1002, "char", TYPE_STRING, qchar),
    STRING(19, 1003, "name"),
    PLAIN(20, 1016, "int8", TYPE_INT64, int64),
    PLAIN(21, 1005, "int2", TYPE_INT16, int16),
    NESTED(22, 1006, "int2vector", TYPE_LIST, vector, 21),
    PLAIN(23, 1007, "int4", TYPE_INT32, int32),
    TEXT_ONLY(24, 1008, "regproc"),
    STRING(25, 1009, "text"),
    PLAIN(26, 1028, "oid", TYPE_UINT32, uint32),
    PLAIN(27, 1010, "tid", TYPE_STRING, tid),
    PLAIN(28, 1011, "xid", TYPE_UINT32, uint32),
    PLAIN(29, 1012, "cid", TYPE_UINT32, uint32),
    NESTED(30, 1013, "oidvector", TYPE_LIST, vector, 26),
    {114, 199, "json", TYPE_JSON, PG_TYPMOD_NONE, pg_string, pg_string, 0},
    STRING(142, 143, "xml"),
    PRINTED(600, 1017, "point", point),
    PRINTED(601, 1018, "lseg", lseg),
    PRINTED(602, 1019, "path", path),
    PRINTED(603, 1020, "box", box),
    PRINTED(604, 1027, "polygon", polygon),
    PRINTED(628, 629, "line", line),
    PRINTED(650, 651, "cidr", inet),
    PLAIN(700, 1021, "float4", TYPE_FLOAT32, float32),
    PLAIN(701, 1022, "float8", TYPE_FLOAT64, float64),
    STRING(705, 0, "unknown"),
    PRINTED(718, 719, "circle", circle),
    PRINTED(774, 775, "macaddr8", macaddr),
    {790, 791, "money", TYPE_DECIMAL, PG_TYPMOD_NONE, pg_binary_money, pg_text_money, 0},
    PRINTED(829, 1040, "macaddr", macaddr),
    PRINTED(869, 1041, "inet", inet),
    TEXT_ONLY(1033, 1034, "aclitem"),
    {1042, 1014, "bpchar", TYPE_STRING, PG_TYPMOD_LENGTH, pg_string, pg_string, 0},
    {1043, 1015, "varchar", TYPE_STRING, PG_TYPMOD_LENGTH, pg_string, pg_string, 0},
    PLAIN(1082, 1182, "date", TYPE_DATE, date),
    WITH_TYPMOD(1083, 1183, "time", TYPE_TIME, PG_TYPMOD_TIME, time),
    WITH_TYPMOD(1114, 1115, "timestamp", TYPE_TIMESTAMP, PG_TYPMOD_TIME, timestamp),
    WITH_TYPMOD(1184, 1185, "timestamptz", TYPE_TIMESTAMPTZ, PG_TYPMOD_TIME, timestamptz),
    WITH_TYPMOD(1186, 1187, "interval", TYPE_INTERVAL, PG_TYPMOD_INTERVAL, interval),
    WITH_TYPMOD(1266, 1270, "timetz", TYPE_TIMETZ, PG_TYPMOD_TIME, timetz),
    WITH_TYPMOD(1560, 1561, "bit", TYPE_BITS, PG_TYPMOD_BITS, bits),
    WITH_TYPMOD(1562, 1563, "varbit", TYPE_BITS, PG_TYPMOD_BITS, bits),
    WITH_TYPMOD(1700, 1231, "numeric", TYPE_DECIMAL, PG_TYPMOD_NUMERIC, numeric),
    STRING(1790, 2201, "refcursor"),
    TEXT_ONLY(2202, 2207, "regprocedure"),
    TEXT_ONLY(2203, 2208, "regoper"),
    TEXT_ONLY(2204, 2209, "regoperator"),
    TEXT_ONLY(2205, 2210, "regclass"),
    TEXT_ONLY(2206, 2211, "regtype"),
    STRING(2275, 1263, "cstring"),
    PLAIN(2950, 2951, "uuid", TYPE_UUID, uuid),
    PRINTED(2970, 2949, "txid_snapshot", snapshot),
    PLAIN(3220, 3221, "pg_lsn", TYPE_STRING, lsn),
    PRINTED(3614, 3643, "tsvector", tsvector),
    PRINTED(3615, 3645, "tsquery", tsquery),
    TEXT_ONLY(3642, 3644, "gtsvector"),
    TEXT_ONLY(3734, 3735, "regconfig"),
    TEXT_ONLY(3769, 3770, "regdictionary"),
    {3802, 3807, "jsonb", TYPE_JSON, PG_TYPMOD_NONE, pg_binary_versioned, pg_string, 0},
    NESTED(3904, 3905, "int4range", TYPE_RANGE, range, 23),
    NESTED(3906, 3907, "numrange", TYPE_RANGE, range, 1700),
    NESTED(3908, 3909, "tsrange", TYPE_RANGE, range, 1114),
    NESTED(3910, 3911, "tstzrange", TYPE_RANGE, range, 1184),
    NESTED(3912, 3913, "daterange", TYPE_RANGE, range, 1082),
    NESTED(3926, 3927, "int8range", TYPE_RANGE, range, 20),
    PRINTED(4072, 4073, "jsonpath", versioned),
    TEXT_ONLY(4089, 4090, "regnamespace"),
    TEXT_ONLY(4096, 4097, "regrole"),
    TEXT_ONLY(4191, 4192, "regcollation"),
    NESTED(4451, 6150, "int4multirange", TYPE_MULTIRANGE, multirange, 3904),
    NESTED(4532, 6151, "nummultirange", TYPE_MULTIRANGE, multirange, 3906),
    NESTED(4533, 6152, "tsmultirange", TYPE_MULTIRANGE, multirange, 3908),
    NESTED(4534, 6153, "tstzmultirange", TYPE_MULTIRANGE, multirange, 3910),
    NESTED(4535, 6155, "datemultirange", TYPE_MULTIRANGE, multirange, 3912),
    NESTED(4536, 6157, "int8multirange", TYPE_MULTIRANGE, multirange, 3926),
    PRINTED(5038, 5039, "pg_snapshot", snapshot),
    PLAIN(5069, 271, "xid8", TYPE_UINT64, uint64),
};

const PgBuiltin *pg_builtin_find(uint32_t oid, bool *array) {
    for (size_t i = 0; i < ARRAY_LEN(BUILTINS); i++) {
        if (BUILTINS[i].oid == oid || (oid != 0 && BUILTINS[i].array_oid == oid)) {
            *array = BUILTINS[i].oid != oid;
            return &BUILTINS[i];
        }
    }
    return NULL;
}

// Types of contrib and of users that borrow a known form: citext is text, ltree a versioned text.
typedef struct SendRow {
    const char *send;
    PgBuiltin type;
} SendRow;

static const SendRow SENDS[] = {
    {"textsend", STRING(0, 0, NULL)},
    {"varcharsend", STRING(0, 0, NULL)},
    {"bpcharsend", STRING(0, 0, NULL)},
    {"ltree_send", PRINTED(0, 0, NULL, versioned)},
    {"lquery_send", PRINTED(0, 0, NULL, versioned)},
    {"ltxtq_send", PRINTED(0, 0, NULL, versioned)},
    {"hstore_send", PLAIN(0, 0, NULL, TYPE_MAP, hstore)},
};

const PgBuiltin *pg_builtin_by_send(Slice send) {
    for (size_t i = 0; i < ARRAY_LEN(SENDS); i++) {
        if (slice_is(send, SENDS[i].send)) {
            return &SENDS[i].type;
        }
    }
    return NULL;
}
