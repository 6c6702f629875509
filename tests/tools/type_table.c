// SPDX-License-Identifier: Apache-2.0
// Prints what becomes of each PostgreSQL type in flat records (Parquet, Avro) and in Debezium's envelope, from the code
// itself, as the table of docs/sources/postgresql-types.md. tests/integration/test_envelope.py compares. With
// `iceberg`: in Iceberg tables, as the table of docs/sinks/iceberg-types.md (test_iceberg_types.py).
#include "core/base/json.h"
#include "data/connect/column.h"
#include "data/format/avro/avro.h"
#include "data/format/flat.h"
#include "flow/source/postgres/codec.h"
#include "lake/iceberg/metadata.h"

typedef struct Row {
    const char *name; // as users write it
    uint32_t oid;     // of a built-in type; 0 = `type`
    int32_t typmod;
    Type type;
} Row;

#define NUMERIC(p, s) ((int32_t)(((uint32_t)(p) << 16 | ((uint32_t)(s)&0x7ff)) + 4))
#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define BUILTIN(name, oid) \
    {                      \
        name, oid, -1, {   \
            0              \
        }                  \
    }
#define WITH(name, oid, typmod) \
    {                           \
        name, oid, typmod, {    \
            0                   \
        }                       \
    }
#define TEXTUAL(name)                                      \
    {                                                      \
        "`" name "`", 0, -1, {                             \
            .kind = TYPE_STRING, .source_name = NAME(name) \
        }                                                  \
    }

static const Slice LABELS[] = {NAME("sad"), NAME("ok")};
static const Field FIELDS[] = {{NAME("street"), {.kind = TYPE_STRING, .source_name = NAME("text")}},
                               {NAME("no"), {.kind = TYPE_INT32}}};

static const Row ROWS[] = {
    BUILTIN("`bool`", 16),
    BUILTIN("`int2`", 21),
    BUILTIN("`int4`", 23),
    BUILTIN("`int8`", 20),
    BUILTIN("`oid`", 26),
    BUILTIN("`xid`, `cid`", 28),
    BUILTIN("`xid8`", 5069),
    BUILTIN("`float4`", 700),
    BUILTIN("`float8`", 701),
    WITH("`numeric(12,2)`: up to 38 digits", 1700, NUMERIC(12, 2)),
    WITH("`numeric(3,5)`: scale above precision", 1700, NUMERIC(3, 5)),
    WITH("`numeric(3,-2)`: negative scale", 1700, NUMERIC(3, -2)),
    WITH("`numeric(40,2)`: more than 38 digits", 1700, NUMERIC(40, 2)),
    BUILTIN("`numeric`", 1700),
    BUILTIN("`money`", 790),
    BUILTIN("`text`", 25),
    BUILTIN("`varchar(n)`", 1043),
    BUILTIN("`char(n)`", 1042),
    BUILTIN("`\"char\"`", 18),
    BUILTIN("`name`", 19),
    BUILTIN("`xml`", 142),
    TEXTUAL("citext"),
    BUILTIN("`bytea`", 17),
    WITH("`bit(1)`", 1560, 1),
    WITH("`bit(8)`", 1560, 8),
    BUILTIN("`varbit`", 1562),
    BUILTIN("`json`", 114),
    BUILTIN("`jsonb`", 3802),
    BUILTIN("`jsonpath`", 4072),
    BUILTIN("`date`", 1082),
    BUILTIN("`time`", 1083),
    WITH("`time(3)` and less", 1083, 3),
    BUILTIN("`timetz`", 1266),
    BUILTIN("`timestamp`", 1114),
    WITH("`timestamp(3)` and less", 1114, 3),
    BUILTIN("`timestamptz`", 1184),
    BUILTIN("`interval`", 1186),
    BUILTIN("`uuid`", 2950),
    BUILTIN("`inet`, `cidr`", 869),
    BUILTIN("`macaddr`, `macaddr8`", 829),
    BUILTIN("`point`", 600),
    BUILTIN("`line`", 628),
    BUILTIN("`lseg`, `box`, `path`, `polygon`", 601),
    BUILTIN("`circle`", 718),
    BUILTIN("`tsvector`", 3614),
    BUILTIN("`tsquery`", 3615),
    BUILTIN("`pg_lsn`, `tid`, `pg_snapshot`", 3220),
    BUILTIN("`regclass` …", 2205),
    BUILTIN("`int2vector`", 22),
    BUILTIN("`oidvector`", 30),
    BUILTIN("`int4[]`", 1007),
    BUILTIN("`text[]`", 1009),
    BUILTIN("`numeric[]`", 1231),
    BUILTIN("`timestamptz[]`", 1185),
    BUILTIN("`money[]`", 791),
    BUILTIN("`interval[]`, `xml[]`, `name[]`, `varbit[]`", 1187),
    BUILTIN("`int4range` …", 3904),
    BUILTIN("`int4multirange` …", 4451),
    {"enum", 0, -1, {.kind = TYPE_ENUM, .labels = LABELS, .label_count = 2}},
    {"composite `(street text, no int)`", 0, -1, {.kind = TYPE_STRUCT, .fields = FIELDS, .field_count = 2}},
    {"`hstore`", 0, -1, {.kind = TYPE_MAP}},
    TEXTUAL("ltree"),
    TEXTUAL("geometry"),
    TEXTUAL("vector"),
    {"any other of an extension", 0, -1, {.kind = TYPE_STRING, .source_name = NAME("cube")}},
};

#define MUST(call)                                                                    \
    do {                                                                              \
        if (!(call)) {                                                                \
            fprintf(stderr, "%s: %s %s\n", #call, err_name(err->code), err->message); \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

static void put_parquet(Buf *buf, const Shape *shape) {
    static const char *const NAMES[] = {
        [SHAPE_BOOL] = "BOOLEAN",
        [SHAPE_INT32] = "INT32",
        [SHAPE_INT64] = "INT64",
        [SHAPE_FLOAT32] = "FLOAT",
        [SHAPE_FLOAT64] = "DOUBLE",
        [SHAPE_DECIMAL] = "DECIMAL",
        [SHAPE_STRING] = "STRING",
        [SHAPE_BYTES] = "BYTE_ARRAY",
        [SHAPE_DATE] = "DATE",
        [SHAPE_TIME] = "TIME(µs)",
        [SHAPE_TIMESTAMP] = "TIMESTAMP(µs, local)",
        [SHAPE_TIMESTAMPTZ] = "TIMESTAMP(µs, UTC)",
        [SHAPE_UUID] = "UUID",
        [SHAPE_LIST] = "LIST of ",
        [SHAPE_STRUCT] = "group",
        [SHAPE_MAP] = "MAP of STRING to ",
    };
    buf_text(buf, NAMES[shape->kind]);
    if (shape->kind == SHAPE_DECIMAL) {
        buf_printf(buf, "(%d,%d)", shape->precision, shape->scale);
    } else if (shape->element != NULL) {
        put_parquet(buf, shape->element);
    }
    for (uint32_t i = 0; i < shape->field_count; i++) {
        buf_printf(buf, "%s%.*s ", i == 0 ? " {" : ", ", SLICE_ARG(shape->fields[i].name));
        put_parquet(buf, &shape->fields[i].shape);
    }
    buf_text(buf, shape->kind == SHAPE_STRUCT ? "}" : "");
}

static const char *lost(const Type *type, const Shape *shape) {
    if (shape->kind == SHAPE_LIST) {
        return type->element->kind == TYPE_INT16 || type->element->kind == TYPE_STRING ||
                       type->element->kind == TYPE_INT32 || shape->element->kind == SHAPE_STRING
                   ? "more than one dimension"
                   : "more than one dimension; items as their type";
    }
    return slice_is(type->source_name, "money")                                 ? "nothing"
           : shape->kind == SHAPE_DECIMAL                                       ? "NaN, infinite"
           : shape->kind == SHAPE_DATE                                          ? "infinite"
           : shape->kind == SHAPE_TIME                                          ? "24:00"
           : shape->kind == SHAPE_TIMESTAMP || shape->kind == SHAPE_TIMESTAMPTZ ? "infinite, after 294246"
                                                                                : "in its fields";
}

static void put_connect(Buf *buf, const Shape *shape) {
    static const char *const NAMES[] = {
        [SHAPE_BOOL] = "boolean",   [SHAPE_INT32] = "int32",   [SHAPE_INT64] = "int64",   [SHAPE_FLOAT32] = "float",
        [SHAPE_FLOAT64] = "double", [SHAPE_DECIMAL] = "bytes", [SHAPE_STRING] = "string", [SHAPE_BYTES] = "bytes",
        [SHAPE_LIST] = "array of ", [SHAPE_STRUCT] = "struct", [SHAPE_MAP] = "map",
    };
    buf_text(buf, connect_note(shape, "connect.type").size > 0 ? "int16" : NAMES[shape->kind]);
    if (shape->element != NULL) {
        put_connect(buf, shape->element);
    }
    Slice name = connect_note(shape, "connect.name");
    if (name.size > 2) {
        size_t start = name.size - 1;
        while (name.data[start - 1] != '.' && name.data[start - 1] != '"') {
            start--;
        }
        buf_printf(buf, " %.*s", (int)(name.size - 1 - start), (const char *)name.data + start);
    }
}

static void put_iceberg(Buf *buf, const Shape *shape) {
    if (shape->kind == SHAPE_LIST || shape->kind == SHAPE_MAP) {
        buf_text(buf, shape->kind == SHAPE_LIST ? "list<" : "map<string, ");
        put_iceberg(buf, shape->element);
        buf_u8(buf, '>');
        return;
    }
    if (shape->kind == SHAPE_STRUCT) {
        for (uint32_t i = 0; i < shape->field_count; i++) {
            buf_printf(buf, "%s%.*s: ", i == 0 ? "struct<" : ", ", SLICE_ARG(shape->fields[i].name));
            put_iceberg(buf, &shape->fields[i].shape);
        }
        buf_u8(buf, '>');
        return;
    }
    size_t begin = buf->size;
    iceberg_type_write(shape, buf); // in quotes
    ASSERT(buf->size > begin + 2);
    memmove(buf->data + begin, buf->data + begin + 1, buf->size - begin - 2);
    buf->size -= 2;
}

static void print_iceberg(Arena *arena, const Row *row, const Type *type) {
    Err err[1] = {{0}};
    Shape shape, exact;
    MUST(flat_shape(arena, type, &(EnvelopeOptions){0}, &shape, err));
    MUST(flat_shape(arena, type, &(EnvelopeOptions){.exact_text = true}, &exact, err));
    bool inexact = !shape_equal(&shape, &exact);
    Buf line;
    buf_init(&line, 0);
    buf_printf(&line, "| %s | ", row->name);
    put_iceberg(&line, &shape);
    buf_printf(&line, " | %s |\n", inexact ? lost(type, &shape) : "");
    fwrite(line.data, 1, line.size, stdout);
    buf_release(&line);
}

static void print_row(Arena *arena, const Row *row, const Type *type) {
    Err err[1] = {{0}};
    Shape shape, exact;
    MUST(flat_shape(arena, type, &(EnvelopeOptions){0}, &shape, err));
    MUST(flat_shape(arena, type, &(EnvelopeOptions){.exact_text = true}, &exact, err));
    bool inexact = !shape_equal(&shape, &exact);
    shape.optional = false;
    Buf line;
    buf_init(&line, 0);
    buf_printf(&line, "| %s | ", row->name);
    put_parquet(&line, &shape);
    buf_text(&line, " | `");
    MUST(avro_schema_json(&shape, SLICE("addr"), &line, err));
    buf_printf(&line, "` | %s | ", inexact ? lost(type, &shape) : "");
    ConnectColumn column;
    if (connect_column(arena, &COLUMN_DEFAULTS, type, true, &column)) {
        put_connect(&line, &column.shape);
    } else {
        buf_text(&line, "left out");
    }
    buf_text(&line, " |\n");
    fwrite(line.data, 1, line.size, stdout);
    buf_release(&line);
}

int main(int argc, char **argv) {
    bool iceberg = argc > 1 && strcmp(argv[1], "iceberg") == 0;
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "run", 0);
    PgTypes *types = pg_types_new();
    printf(iceberg ? "| PostgreSQL | Iceberg | what it cannot hold |\n|---|---|---|\n"
                   : "| PostgreSQL | Parquet | Avro | what it cannot hold | Debezium's envelope |\n"
                     "|---|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const PgCodec *codec = NULL;
        if (ROWS[i].oid != 0) {
            MUST(pg_types_codec(types, NULL, ROWS[i].oid, ROWS[i].typmod, &codec, err));
        }
        const Type *type = codec != NULL ? &codec->type : &ROWS[i].type;
        if (iceberg) {
            print_iceberg(&arena, &ROWS[i], type);
        } else {
            print_row(&arena, &ROWS[i], type);
        }
    }
    pg_types_free(types);
    arena_release(&arena);
    return 0;
}
