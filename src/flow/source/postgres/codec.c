// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/codec.h"
#include "core/base/map.h"
#include "flow/source/postgres/codec_builtin.h"

#include <stdlib.h>

enum { CODEC_DEPTH_MAX = 32, FRACTION_DIGITS = 6, MONEY_DIGITS = 19, MONEY_SCALE = 2 };

struct PgTypes {
    Arena arena; // codecs and what they point to, as long as this lives
    Map codecs;  // oid and typmod to PgCodec
};

PgTypes *pg_types_new(void) {
    PgTypes *types = calloc(1, sizeof(*types));
    if (types == NULL) {
        panic("out of memory");
    }
    arena_init(&types->arena, "types", 0);
    return types;
}

void pg_types_free(PgTypes *types) {
    if (types != NULL) {
        map_release(&types->codecs);
        arena_release(&types->arena);
        free(types);
    }
}

// Whatever may be made of the changed type (arrays, composites, domains) is read again too: all of them are.
void pg_types_forget(PgTypes *types, uint32_t oid) {
    map_release(&types->codecs);
    types->codecs = (Map){0};
}

static uint64_t codec_key(uint32_t oid, int32_t typmod) {
    return (uint64_t)oid << 32 | (uint32_t)typmod;
}

static void type_apply_typmod(Type *type, PgTypmod form, int32_t typmod) {
    switch (form) {
    case PG_TYPMOD_NONE:
        return;
    case PG_TYPMOD_LENGTH:
        type->precision = typmod >= 4 ? typmod - 4 : 0;
        return;
    case PG_TYPMOD_BITS:
        type->precision = MAX(typmod, 0);
        return;
    case PG_TYPMOD_NUMERIC:
        if (typmod >= 4) {
            // 11 bits of scale, with a sign since PostgreSQL 15.
            type->precision = ((typmod - 4) >> 16) & 0xFFFF;
            type->scale = (((typmod - 4) & 0x7FF) ^ 1024) - 1024;
        }
        return;
    case PG_TYPMOD_TIME:
        type->precision = typmod >= 0 && typmod <= FRACTION_DIGITS ? typmod : FRACTION_DIGITS;
        return;
    case PG_TYPMOD_INTERVAL:
        type->precision = typmod >= 0 ? MIN(typmod & 0xFFFF, FRACTION_DIGITS) : FRACTION_DIGITS;
        return;
    }
    UNREACHABLE();
}

static bool codec_build(PgTypes *types, PgConn *sql, uint32_t oid, int32_t typmod, int depth, const PgCodec **codec,
                        Err *err);

static PgCodec *codec_new(PgTypes *types, uint32_t oid, Slice name) {
    PgCodec *codec = ARENA_NEW(&types->arena, PgCodec);
    codec->oid = oid;
    codec->type.source_id = oid;
    codec->type.source_name = name;
    return codec;
}

static void codec_set_array(PgTypes *types, PgCodec *codec, const PgCodec *element) {
    codec->element = element;
    codec->type.kind = TYPE_LIST;
    codec->type.element = &element->type;
    codec->type.source_name = slice_of(arena_printf(&types->arena, "%.*s[]", SLICE_ARG(element->type.source_name)));
    codec->binary = element->binary != NULL ? pg_binary_array : NULL;
    codec->text = pg_text_array;
}

// The bound type of a multirange is that of its ranges.
static void codec_set_range(PgCodec *codec, TypeKind kind, const PgCodec *element) {
    codec->element = element;
    codec->type.kind = kind;
    if (kind == TYPE_MULTIRANGE) {
        codec->type.element = element->type.element;
        codec->binary = element->binary != NULL ? pg_binary_multirange : NULL;
        codec->text = pg_text_multirange;
    } else {
        codec->type.element = &element->type;
        codec->binary = element->binary != NULL ? pg_binary_range : NULL;
        codec->text = pg_text_range;
    }
}

static bool builtin_build(PgTypes *types, PgConn *sql, const PgBuiltin *builtin, PgCodec *codec, int32_t typmod,
                          int depth, Err *err) {
    codec->type.kind = builtin->kind;
    codec->binary = builtin->binary;
    codec->text = builtin->text;
    type_apply_typmod(&codec->type, builtin->typmod, typmod);
    if (builtin->text == pg_text_money) {
        codec->type.precision = MONEY_DIGITS;
        codec->type.scale = MONEY_SCALE;
    }
    if (builtin->element_oid != 0) {
        const PgCodec *element;
        TRY(codec_build(types, sql, builtin->element_oid, -1, depth + 1, &element, err));
        if (builtin->kind == TYPE_LIST) {
            codec->element = element;
            codec->type.element = &element->type;
        } else {
            codec_set_range(codec, builtin->kind, element);
        }
    }
    return true;
}

// --- from the catalog ------------------------------------------------------------------------------------------

// The name is qualified unless every reader knows the schema.
static const char TYPE_SQL[] =
    "SELECT CASE WHEN n.nspname IN ('pg_catalog', 'public') OR e.objid IS NOT NULL THEN t.typname::text"
    " ELSE n.nspname || '.' || t.typname END, t.typtype::text, p.proname::text,"
    " CASE WHEN h.proname = 'array_subscript_handler' THEN t.typelem ELSE 0 END,"
    " t.typbasetype, t.typtypmod, t.typrelid, coalesce(r.rngsubtype, 0), coalesce(m.rngtypid, 0)"
    " FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
    " LEFT JOIN pg_catalog.pg_proc p ON p.oid = t.typsend"
    " LEFT JOIN pg_catalog.pg_proc h ON h.oid = t.typsubscript"
    " LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid"
    " LEFT JOIN pg_catalog.pg_range m ON m.rngmultitypid = t.oid"
    " LEFT JOIN pg_catalog.pg_depend e ON e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND e.objid = t.oid"
    " AND e.deptype = 'e'"
    " WHERE t.oid = $1::pg_catalog.oid";

static const char LABELS_SQL[] = "SELECT enumlabel::text FROM pg_catalog.pg_enum"
                                 " WHERE enumtypid = $1::pg_catalog.oid ORDER BY enumsortorder";

static const char FIELDS_SQL[] =
    "SELECT attname::text, atttypid, atttypmod FROM pg_catalog.pg_attribute"
    " WHERE attrelid = $1::pg_catalog.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

typedef struct TypeRow {
    Slice name, send;
    char form; // typtype
    uint32_t element, base, relation, bound, range;
    int32_t base_typmod;
} TypeRow;

static bool query_by_oid(PgConn *sql, PgRows *rows, const char *statement, uint32_t oid, Err *err) {
    char number[16];
    snprintf(number, sizeof(number), "%u", oid);
    const char *params[] = {number};
    return pg_query(sql, rows, statement, params, 1, err);
}

static bool type_row_read(PgTypes *types, PgConn *sql, uint32_t oid, TypeRow *row, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(query_by_oid(sql, &rows, TYPE_SQL, oid, err));
    if (rows.count == 0) {
        return FAIL(err, ERR_NOT_FOUND, "the source's catalog has no type %u", oid);
    }
    Slice form = pg_slice(&rows, 0, 1);
    *row = (TypeRow){
        .name = arena_slice(&types->arena, pg_slice(&rows, 0, 0)),
        .form = form.size > 0 ? (char)form.data[0] : '\0',
        .send = pg_null(&rows, 0, 2) ? (Slice){0} : arena_slice(&types->arena, pg_slice(&rows, 0, 2)),
        .element = (uint32_t)pg_int(&rows, 0, 3),
        .base = (uint32_t)pg_int(&rows, 0, 4),
        .base_typmod = (int32_t)pg_int(&rows, 0, 5),
        .relation = (uint32_t)pg_int(&rows, 0, 6),
        .bound = (uint32_t)pg_int(&rows, 0, 7),
        .range = (uint32_t)pg_int(&rows, 0, 8),
    };
    return true;
}

static bool enum_build(PgTypes *types, PgConn *sql, PgCodec *codec, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(query_by_oid(sql, &rows, LABELS_SQL, codec->oid, err));
    Slice *labels = ARENA_ARRAY(&types->arena, Slice, (size_t)rows.count);
    for (int i = 0; i < rows.count; i++) {
        labels[i] = arena_slice(&types->arena, pg_slice(&rows, i, 0));
    }
    codec->type.kind = TYPE_ENUM;
    codec->type.labels = labels;
    codec->type.label_count = (uint32_t)rows.count;
    codec->binary = pg_string;
    codec->text = pg_string;
    return true;
}

static bool composite_build(PgTypes *types, PgConn *sql, PgCodec *codec, uint32_t relation, int depth, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(query_by_oid(sql, &rows, FIELDS_SQL, relation, err));
    size_t count = (size_t)rows.count;
    const PgCodec **fields = ARENA_ARRAY(&types->arena, const PgCodec *, count);
    Field *type_fields = ARENA_ARRAY(&types->arena, Field, count);
    codec->binary = pg_binary_composite;
    for (int i = 0; i < rows.count; i++) {
        TRY(codec_build(types, sql, (uint32_t)pg_int(&rows, i, 1), (int32_t)pg_int(&rows, i, 2), depth + 1, &fields[i],
                        err));
        type_fields[i] = (Field){arena_slice(&types->arena, pg_slice(&rows, i, 0)), fields[i]->type};
        if (fields[i]->binary == NULL) {
            codec->binary = NULL;
        }
    }
    codec->text = pg_text_composite;
    codec->fields = fields;
    codec->field_count = (uint32_t)count;
    codec->type.kind = TYPE_STRUCT;
    codec->type.fields = type_fields;
    codec->type.field_count = (uint32_t)count;
    return true;
}

static bool catalog_build(PgTypes *types, PgConn *sql, PgCodec *codec, int32_t typmod, int depth, Err *err) {
    TypeRow row = {0};
    const PgCodec *part;
    TRY(type_row_read(types, sql, codec->oid, &row, err));
    codec->type.source_name = row.name;
    if (row.form == 'd') { // a domain's value is its base type's, and so is what is told of it
        TRY(codec_build(types, sql, row.base, row.base_typmod, depth + 1, &part, err));
        uint32_t oid = codec->oid;
        *codec = *part;
        codec->oid = oid;
        return true;
    }
    if (row.form == 'e') {
        return enum_build(types, sql, codec, err);
    }
    if (row.form == 'c') {
        return composite_build(types, sql, codec, row.relation, depth, err);
    }
    if (row.bound != 0 || row.range != 0) {
        TRY(codec_build(types, sql, row.bound != 0 ? row.bound : row.range, -1, depth + 1, &part, err));
        codec_set_range(codec, row.bound != 0 ? TYPE_RANGE : TYPE_MULTIRANGE, part);
        return true;
    }
    if (row.element != 0) {
        TRY(codec_build(types, sql, row.element, typmod, depth + 1, &part, err));
        codec_set_array(types, codec, part);
        return true;
    }
    const PgBuiltin *known = pg_builtin_by_send(row.send);
    if (known != NULL) {
        return builtin_build(types, sql, known, codec, -1, depth, err);
    }
    codec->type.kind = TYPE_STRING;
    codec->text = pg_string; // and no binary form: what its send function writes is not known
    return true;
}

static bool codec_build(PgTypes *types, PgConn *sql, uint32_t oid, int32_t typmod, int depth, const PgCodec **codec,
                        Err *err) {
    const PgCodec *known = map_find_u64(&types->codecs, codec_key(oid, typmod));
    if (known != NULL) {
        *codec = known;
        return true;
    }
    if (depth > CODEC_DEPTH_MAX) {
        return FAIL(err, ERR_VALUE, "type %u is nested deeper than %d", oid, (int)CODEC_DEPTH_MAX);
    }
    bool array = false;
    const PgBuiltin *builtin = pg_builtin_find(oid, &array);
    PgCodec *made = codec_new(types, oid, builtin != NULL ? slice_of(builtin->name) : (Slice){0});
    if (builtin != NULL && array) {
        const PgCodec *element;
        TRY(codec_build(types, sql, builtin->oid, typmod, depth + 1, &element, err));
        codec_set_array(types, made, element);
    } else if (builtin != NULL) {
        TRY(builtin_build(types, sql, builtin, made, typmod, depth, err));
    } else if (sql != NULL) {
        TRY(catalog_build(types, sql, made, typmod, depth, err));
    } else {
        return FAIL(err, ERR_NOT_FOUND, "type %u is not built in, and there is no connection to look it up", oid);
    }
    map_put_u64(&types->codecs, codec_key(oid, typmod), made);
    *codec = made;
    return true;
}

bool pg_types_codec(PgTypes *types, PgConn *sql, uint32_t oid, int32_t typmod, const PgCodec **codec, Err *err) {
    return codec_build(types, sql, oid, typmod, 0, codec, err);
}
