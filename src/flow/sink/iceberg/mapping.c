// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/mapping.h"

#include "core/base/json.h"

enum { VERSIONS_MAX = 1000 };

typedef struct Maker {
    Arena *arena;
    const Schema *source;
    const TableSchema *current;
    const MappingOptions *options;
    ShapeField *fields; // of the table to be
    int32_t *from;
    uint32_t field_count;
    int32_t last_id;
    bool changed;
} Maker;

// --- names -----------------------------------------------------------------------------------------------------

static bool same_letters(Slice a, Slice b) {
    return a.size == b.size && strncasecmp((const char *)a.data, (const char *)b.data, a.size) == 0;
}

// Columns of metadata that readers show under these names, and leat's own.
static bool reserved(Slice name) {
    static const char *const NAMES[] = {"_file",
                                        "_pos",
                                        "_deleted",
                                        "_spec_id",
                                        "_partition",
                                        "_row_id",
                                        "_last_updated_sequence_number",
                                        "_change_type",
                                        "_change_ordinal",
                                        "_commit_snapshot_id", // of views of what has changed
                                        "__deleted",
                                        "__deleted_at"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (same_letters(name, slice_of(NAMES[i]))) {
            return true;
        }
    }
    return false;
}

// Half of the readers do not tell upper from lower case.
static bool is_one_of(const Slice *names, uint32_t count, Slice name) {
    for (uint32_t i = 0; i < count; i++) {
        if (same_letters(names[i], name)) {
            return true;
        }
    }
    return false;
}

// The names of the source's columns in the table: their own, unless that is reserved or, but for case, one before it.
// One that is made is nobody else's own.
static const Slice *column_names(const Maker *maker, const Shape *record) {
    Slice *own = ARENA_ARRAY(maker->arena, Slice, record->field_count);
    Slice *made = ARENA_ARRAY(maker->arena, Slice, record->field_count);
    for (uint32_t i = 0; i < record->field_count; i++) {
        own[i] = record->fields[i].name;
    }
    for (uint32_t i = 0; i < maker->source->column_count; i++) {
        Slice name = own[i];
        while (reserved(name) || (name.data != own[i].data && is_one_of(own, record->field_count, name))) {
            name = slice_of(arena_printf(maker->arena, "_%.*s", SLICE_ARG(name)));
        }
        made[i] = name;
        for (int n = 2; n < VERSIONS_MAX && is_one_of(made, i, made[i]); n++) {
            Slice other = slice_of(arena_printf(maker->arena, "%.*s_%d", SLICE_ARG(name), n));
            made[i] = is_one_of(own, record->field_count, other) ? made[i] : other;
        }
    }
    return made;
}

// --- types -----------------------------------------------------------------------------------------------------

// Equal but for ids, names of records, notes and what is optional.
static bool type_same(const Shape *a, const Shape *b) {
    if (a->kind != b->kind || a->precision != b->precision || a->scale != b->scale ||
        a->field_count != b->field_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->field_count; i++) {
        if (!slice_equal(a->fields[i].name, b->fields[i].name) ||
            !type_same(&a->fields[i].shape, &b->fields[i].shape)) {
            return false;
        }
    }
    return a->element == NULL || b->element == NULL || type_same(a->element, b->element);
}

// A shape for the table: without what is Avro's, and with new ids.
static Shape table_shape(Maker *maker, const Shape *from, bool required) {
    Shape shape = shape_number(maker->arena, from, &maker->last_id);
    shape.notes = NULL;
    shape.note_count = 0;
    shape.optional = !required;
    return shape;
}

static int32_t field_find(const Maker *maker, Slice name) {
    for (uint32_t i = 0; i < maker->field_count; i++) {
        if (slice_equal(maker->fields[i].name, name)) {
            return (int32_t)i;
        }
    }
    return -1;
}

static void field_add(Maker *maker, Slice name, const Shape *shape, bool required, int32_t from) {
    maker->last_id++;
    int32_t id = maker->last_id;
    Shape made = table_shape(maker, shape, required);
    made.id = id;
    maker->fields[maker->field_count] = (ShapeField){.name = arena_slice(maker->arena, name), .shape = made};
    maker->from[maker->field_count++] = from;
    maker->changed = true;
}

// The column's old type cannot become the new one.
static bool field_beside(Maker *maker, Slice name, const ShapeField *was, const Shape *shape, int32_t from, Err *err) {
    if (!maker->options->suffix || !was->shape.optional) {
        FAIL(err, ERR_TABLE, "table %.*s.%.*s, column %.*s: its type in the lake (%s) cannot become %s",
             SLICE_ARG(maker->source->space), SLICE_ARG(maker->source->table), SLICE_ARG(name),
             shape_kind_name(was->shape.kind), shape_kind_name(shape->kind));
        return err_hint(err,
                        "let it be a column of its own (type.change=suffix; not for columns of the key), or give the "
                        "table a new name by rename");
    }
    for (int i = 2; i < VERSIONS_MAX; i++) {
        Slice other = slice_of(arena_printf(maker->arena, "%.*s__v%d", SLICE_ARG(name), i));
        int32_t at = field_find(maker, other);
        if (at < 0) {
            field_add(maker, other, shape, false, from);
            return true;
        }
        if (type_same(&maker->fields[at].shape, shape)) {
            maker->from[at] = from;
            return true;
        }
    }
    return FAIL(err, ERR_TABLE, "column %.*s has changed its type too often", SLICE_ARG(name));
}

// "7=3,8=4": number of the source and field id.
static int32_t number_next(Slice *rest, uint32_t *number) {
    uint32_t parts[2] = {0};
    size_t part = 0, i = 0;
    for (; i < rest->size && rest->data[i] != ','; i++) {
        uint8_t byte = rest->data[i];
        if (byte == '=') {
            part = 1;
        } else if (byte >= '0' && byte <= '9') {
            parts[part] = parts[part] * 10 + (uint32_t)(byte - '0');
        }
    }
    *rest = slice_from(*rest, MIN(i + 1, rest->size));
    *number = parts[0];
    return (int32_t)parts[1];
}

static int32_t number_field(const Maker *maker, uint32_t wanted) { // -1: no field has that number
    Slice rest = maker->options->numbers;
    while (wanted != 0 && rest.size > 0) {
        uint32_t number = 0;
        int32_t id = number_next(&rest, &number);
        for (uint32_t i = 0; number == wanted && i < maker->field_count; i++) {
            if (maker->fields[i].shape.id == id) {
                return (int32_t)i;
            }
        }
    }
    return -1;
}

static uint32_t field_number(Slice numbers, int32_t field_id) { // 0: not known
    uint32_t number = 0;
    while (numbers.size > 0) {
        if (number_next(&numbers, &number) == field_id) {
            return number;
        }
    }
    return 0;
}

// A column that was dropped and made again under its name: the rows that are there do not have the new one's values.
static bool made_again(const Maker *maker, int32_t from, int32_t at) {
    const Schema *source = maker->source;
    uint32_t was = field_number(maker->options->numbers, maker->fields[at].shape.id);
    uint32_t is =
        from >= 0 && (uint32_t)from < source->column_count ? source->columns[from].flags >> COLUMN_NUMBER_SHIFT : 0;
    if (was == 0 || is == 0 || was == is || number_field(maker, is) >= 0) {
        return false; // where both are columns of before it may as well be another table of that name
    }
    for (uint32_t i = 0; i < source->column_count; i++) {
        if (source->columns[i].flags >> COLUMN_NUMBER_SHIFT == was) {
            return false;
        }
    }
    return true;
}

// What is left of it stays under another name.
static void field_retire(Maker *maker, int32_t at) {
    Slice name = maker->fields[at].name;
    Slice other = slice_of(arena_printf(maker->arena, "%.*s__dropped", SLICE_ARG(name)));
    for (int i = 2; i < VERSIONS_MAX && field_find(maker, other) >= 0; i++) {
        other = slice_of(arena_printf(maker->arena, "%.*s__dropped_%d", SLICE_ARG(name), i));
    }
    maker->fields[at].name = other;
    maker->changed = true;
}

// The field of the column under its former name. The source has that name no more, or gave it to a new column; where
// both are columns of before it may as well be another table of that name, and names count.
static int32_t field_renamed(const Maker *maker, int32_t from, const Shape *shape) {
    const Schema *source = maker->source;
    bool column = (uint32_t)from < source->column_count;
    int32_t at = column ? number_field(maker, source->columns[from].flags >> COLUMN_NUMBER_SHIFT) : -1;
    if (at < 0 || maker->from[at] >= 0 || !type_same(&maker->fields[at].shape, shape)) {
        return -1;
    }
    int32_t other = schema_find_column(source, maker->fields[at].name);
    bool new = other >= 0 && source->columns[other].flags >> COLUMN_NUMBER_SHIFT != 0 &&
               number_field(maker, source->columns[other].flags >> COLUMN_NUMBER_SHIFT) < 0;
    return other < 0 || new ? at : -1;
}

// The column has room for more than the source has, in the same form. Tables of others have such columns.
static bool type_holds(const Shape *column, const Shape *shape) {
    bool integer = column->kind == SHAPE_INT64 && shape->kind == SHAPE_INT32;
    bool decimal = column->kind == SHAPE_DECIMAL && shape->kind == SHAPE_DECIMAL && column->scale == shape->scale &&
                   column->precision > shape->precision;
    return integer || decimal;
}

// The source's comment, where it has one: what others wrote there stays.
static void field_say(Maker *maker, int32_t from, Slice comment) {
    for (uint32_t i = 0; comment.size > 0 && json_utf8_valid(comment) && i < maker->field_count; i++) {
        Slice *doc = &maker->fields[i].shape.doc;
        if (maker->from[i] == from && !slice_equal(*doc, comment)) {
            *doc = comment;
            maker->changed = true;
        }
    }
}

// A column whose values may be absent cannot be required.
static void field_relax(Maker *maker, ShapeField *field, bool required) {
    if (!required && !field->shape.optional) {
        field->shape.optional = true;
        maker->changed = true;
    }
}

static bool field_put(Maker *maker, Slice name, const Shape *shape, bool required, int32_t from, Err *err) {
    int32_t at = field_find(maker, name);
    if (at >= 0 && made_again(maker, from, at)) {
        field_retire(maker, at);
        at = -1;
    }
    if (at < 0 && from >= 0) {
        at = field_renamed(maker, from, shape);
        if (at >= 0) {
            maker->fields[at].name = arena_slice(maker->arena, name);
            maker->changed = true;
        }
    }
    if (at < 0) {
        // A required column cannot be added to a table that has rows.
        field_add(maker, name, shape, required && maker->current == NULL, from);
        return true;
    }
    ShapeField *was = &maker->fields[at];
    field_relax(maker, was, required);
    if (type_same(&was->shape, shape) || type_holds(&was->shape, shape)) {
        maker->from[at] = from;
        return true;
    }
    if (!iceberg_promotes(&was->shape, shape, maker->options->format_version)) {
        return field_beside(maker, name, was, shape, from, err);
    }
    Shape wider = *shape;
    wider.id = was->shape.id;
    wider.optional = was->shape.optional;
    wider.doc = was->shape.doc;
    iceberg_defaults_promote(&was->shape, &wider, maker->arena);
    was->shape = wider;
    maker->from[at] = from;
    maker->changed = true;
    return true;
}

// --- keys ------------------------------------------------------------------------------------------------------

static bool kind_exact(ShapeKind kind) {
    return kind == SHAPE_INT32 || kind == SHAPE_INT64 || kind == SHAPE_DATE || kind == SHAPE_TIME ||
           kind == SHAPE_TIMESTAMP || kind == SHAPE_TIMESTAMPTZ;
}

// Floats make no identifier fields; the index takes them all the same.
static bool identifies(const Shape *shape) {
    return !shape->optional && shape->kind != SHAPE_FLOAT32 && shape->kind != SHAPE_FLOAT64;
}

// A row without a key, of which the source tells all that there was.
static bool whole_row(const Maker *maker, const Mapping *mapping) {
    return maker->options->full_row && !maker->options->append && mapping->plan->key == NULL &&
           maker->source->identity == IDENTITY_FULL;
}

// All columns that the source has.
static void keys_whole(Maker *maker, Mapping *mapping) {
    int32_t *fields = ARENA_ARRAY(maker->arena, int32_t, maker->field_count);
    for (uint32_t i = 0; i < maker->field_count; i++) {
        if (maker->from[i] >= 0 && (uint32_t)maker->from[i] < maker->source->column_count) {
            fields[mapping->key_count++] = (int32_t)i;
        }
    }
    mapping->key = fields;
    mapping->full_row = mapping->key_count > 0;
}

static void keys_make(Maker *maker, Mapping *mapping) {
    const Shape *key = mapping->plan->key, *record = mapping->plan->value;
    if (whole_row(maker, mapping)) {
        keys_whole(maker, mapping);
        return;
    }
    if (key == NULL || maker->options->append) {
        return;
    }
    int32_t *fields = ARENA_ARRAY(maker->arena, int32_t, key->field_count);
    int32_t *ids = ARENA_ARRAY(maker->arena, int32_t, key->field_count);
    bool all = true;
    for (uint32_t i = 0; i < key->field_count; i++) {
        int32_t flat = shape_find(record, key->fields[i].name);
        for (uint32_t j = 0; j < maker->field_count; j++) {
            if (maker->from[j] == flat) {
                fields[i] = (int32_t)j;
            }
        }
        const Shape *shape = &maker->fields[fields[i]].shape;
        ids[i] = shape->id;
        all &= identifies(shape);
    }
    mapping->key = fields;
    mapping->key_count = key->field_count;
    mapping->exact_keys = key->field_count == 1 && kind_exact(maker->fields[fields[0]].shape.kind);
    if (all) {
        mapping->schema.identifier_ids = ids;
        mapping->schema.identifier_count = key->field_count;
    }
}

static bool identifiers_equal(const TableSchema *a, const TableSchema *b) {
    return a->identifier_count == b->identifier_count &&
           (a->identifier_count == 0 ||
            memcmp(a->identifier_ids, b->identifier_ids, a->identifier_count * sizeof(int32_t)) == 0);
}

// --- all -------------------------------------------------------------------------------------------------------

static void begin(Maker *maker, uint32_t more) {
    Shape shape = {0}; // a copy: the table's metadata goes with the next commit
    if (maker->current != NULL) {
        shape = shape_copy(maker->arena, maker->current->shape);
    }
    uint32_t count = shape.field_count;
    maker->fields = ARENA_ARRAY(maker->arena, ShapeField, count + more);
    maker->from = ARENA_ARRAY(maker->arena, int32_t, count + more);
    for (uint32_t i = 0; i < count; i++) {
        maker->fields[i] = shape.fields[i];
        maker->from[i] = -1;
    }
    maker->field_count = count;
}

static bool columns_make(Maker *maker, const Mapping *mapping, Err *err) {
    const Shape *record = mapping->plan->value;
    const Slice *names = column_names(maker, record);
    for (uint32_t i = 0; i < maker->source->column_count; i++) {
        bool key = (maker->source->columns[i].flags & COLUMN_KEY) != 0 && mapping->plan->key != NULL;
        bool required = key && !maker->options->append;
        TRY(field_put(maker, names[i], &record->fields[i].shape, required, (int32_t)i, err));
        field_say(maker, (int32_t)i, maker->source->columns[i].comment);
    }
    for (uint32_t i = maker->source->column_count; maker->options->append && i < record->field_count; i++) {
        TRY(field_put(maker, record->fields[i].name, &record->fields[i].shape, false, (int32_t)i, err));
    }
    if (maker->options->soft && !maker->options->append && mapping->plan->key != NULL) {
        static const Shape MARK = {.kind = SHAPE_BOOL}, WHEN = {.kind = SHAPE_TIMESTAMPTZ};
        int32_t mark = (int32_t)maker->source->column_count + FLAT_DELETED;
        TRY(field_put(maker, SLICE("__deleted"), &MARK, false, mark, err));
        TRY(field_put(maker, SLICE("__deleted_at"), &WHEN, false, MAPPING_DELETED_AT, err));
    }
    return true;
}

// What was part of the key, and is no more, may be NULL; so may what the source has not, and no default.
static void fields_loosen(Maker *maker) {
    for (uint32_t i = 0; maker->current != NULL && i < maker->field_count; i++) {
        int32_t from = maker->from[i];
        bool column = from >= 0 && (uint32_t)from < maker->source->column_count;
        bool key = column && (maker->source->columns[from].flags & COLUMN_KEY) != 0;
        bool given = from == -1 && iceberg_has_default(&maker->fields[i].shape, ICEBERG_WRITE_DEFAULT);
        field_relax(maker, &maker->fields[i], key || given);
    }
}

// What rows have where the source gives nothing.
static bool fields_default(Maker *maker, Mapping *mapping, Err *err) {
    Value *values = ARENA_ARRAY(maker->arena, Value, maker->field_count);
    for (uint32_t i = 0; i < maker->field_count; i++) {
        const ShapeField *field = &maker->fields[i];
        values[i] = (Value){.kind = VALUE_NULL};
        if (maker->from[i] == -1 &&
            !iceberg_default(&field->shape, ICEBERG_WRITE_DEFAULT, maker->arena, &values[i], err)) {
            err->code = ERR_TABLE;
            return err_prefix(err, "column %.*s", SLICE_ARG(field->name));
        }
    }
    mapping->otherwise = values;
    return true;
}

static void finish(Maker *maker, Mapping *mapping) {
    Shape *shape = ARENA_NEW(maker->arena, Shape);
    *shape = (Shape){.kind = SHAPE_STRUCT, .fields = maker->fields, .field_count = maker->field_count};
    mapping->schema = (TableSchema){.id = maker->current != NULL ? maker->current->id : 0, .shape = shape};
    mapping->from = maker->from;
    mapping->column_count = maker->source->column_count;
    mapping->last_column_id = maker->last_id;
    mapping->straight = true;
    mapping->deleted = -1;
    for (uint32_t i = 0; i < maker->field_count; i++) {
        mapping->straight &= maker->from[i] == (int32_t)i;
        bool mark = !maker->options->append && maker->from[i] == (int32_t)maker->source->column_count + FLAT_DELETED;
        mapping->deleted = mark ? (int32_t)i : mapping->deleted;
    }
    keys_make(maker, mapping);
    mapping->changed = maker->changed || maker->current == NULL || !identifiers_equal(maker->current, &mapping->schema);
}

bool mapping_make(Arena *arena, const Schema *source, const TableSchema *current, int32_t last_column_id,
                  const MappingOptions *options, Mapping *mapping, Err *err) {
    Schema *copy = ARENA_NEW(arena, Schema);
    *copy = schema_copy(arena, source);
    Maker maker = {.arena = arena, .source = copy, .current = current, .options = options, .last_id = last_column_id};
    *mapping = (Mapping){0};
    TRY(FLAT_ENVELOPE.compile(arena, copy, &options->envelope, &mapping->plan, err));
    begin(&maker, mapping->plan->value->field_count);
    TRY(columns_make(&maker, mapping, err));
    fields_loosen(&maker);
    TRY(fields_default(&maker, mapping, err));
    finish(&maker, mapping);
    return true;
}

Slice mapping_numbers(const Mapping *mapping, const Schema *source, Slice before, Arena *arena) {
    Buf text;
    buf_init(&text, 0);
    const Shape *shape = mapping->schema.shape;
    bool all = true;
    for (uint32_t i = 0; i < shape->field_count; i++) {
        int32_t from = mapping->from[i];
        uint32_t number = field_number(before, shape->fields[i].shape.id);
        if (from >= 0 && (uint32_t)from < source->column_count) {
            number = source->columns[from].flags >> COLUMN_NUMBER_SHIFT;
            all &= number != 0;
        }
        if (number != 0) { // dropped ones too, so that they are not taken for what comes under their names
            buf_printf(&text, "%s%u=%d", text.size > 0 ? "," : "", number, shape->fields[i].shape.id);
        }
    }
    Slice made = arena_slice(arena, all ? buf_slice(&text) : before); // `before` is the metadata's, which comes anew
    buf_release(&text);
    return made;
}
