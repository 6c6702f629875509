// SPDX-License-Identifier: Apache-2.0
#include "data/connect/rules.h"

#include "core/config/regex.h"

typedef struct MaskRule {
    Mask mask;
    RegexList columns;
} MaskRule;

struct ColumnRules {
    RegexList include, exclude, tell, tell_types;
    bool has_include;
    MaskRule *masks;
    size_t mask_count;
    Regex **key; // one a column, over "SCHEMA.TABLE.COLUMN"
    size_t key_count;
};

// --- options ---------------------------------------------------------------------------------------------------

static bool list_of(Arena *arena, const Properties *config, const char *name, RegexList *list, Err *err) {
    const char *text = properties_text(arena, config, name, NULL);
    return text == NULL || regex_list_new(arena, slice_of(text), name, list, err);
}

static bool masks_of(Arena *arena, const Properties *config, MaskKind kind, ColumnRules *rules, Err *err) {
    Properties columns = properties_under(arena, config, SLICE("column."));
    for (size_t i = 0; i < columns.count; i++) {
        Mask mask;
        if (!mask_read(arena, columns.at[i].name, &mask, err) || mask.kind != kind ||
            columns.at[i].value.data == NULL) {
            TRY(err->code == ERR_NONE);
            continue;
        }
        TRY(err->code == ERR_NONE);
        MaskRule *rule = &rules->masks[rules->mask_count];
        rule->mask = mask;
        const char *name = kind == MASK_TRUNCATE ? "column.truncate.to" : "column.mask"; // a salt is a secret
        TRY(regex_list_new(arena, columns.at[i].value, name, &rule->columns, err));
        rules->mask_count++;
    }
    return true;
}

static bool key_column(Arena *arena, Slice table, Slice column, ColumnRules *rules, Err *err) {
    Slice text = slice_of(arena_printf(arena, "%.*s.%.*s", SLICE_ARG(table), SLICE_ARG(column)));
    return regex_new(text, REGEX_IGNORE_CASE, "message.key.columns", &rules->key[rules->key_count++], err);
}

// "TABLE:COLUMN,COLUMN;TABLE:COLUMN"
static bool key_of(Arena *arena, const Properties *config, ColumnRules *rules, Err *err) {
    const char *text = properties_text(arena, config, "message.key.columns", "");
    rules->key = ARENA_ARRAY(arena, Regex *, strlen(text) + 1);
    while (*text != '\0') {
        size_t size = strcspn(text, ";"), table = strcspn(text, ":;"), count = 0;
        Slice *columns = NULL;
        if (table < size) {
            columns = properties_list(arena, (Slice){(const uint8_t *)text + table + 1, size - table - 1}, &count);
        }
        while (table > 0 && *text == ' ') {
            text++, table--, size--;
        }
        if (table == 0 || count == 0) {
            return FAIL(err, ERR_OPTION, "message.key.columns: %.*s is not TABLE:COLUMN[,COLUMN…]", (int)size, text);
        }
        for (size_t i = 0; i < count; i++) {
            TRY(key_column(arena, (Slice){(const uint8_t *)text, table}, columns[i], rules, err));
        }
        text += size + (text[size] == ';');
    }
    return true;
}

static bool rules_read(Arena *arena, const Properties *config, ColumnRules *rules, Err *err) {
    const Property *include = properties_find(config, SLICE("column.include.list"));
    const Property *exclude = properties_find(config, SLICE("column.exclude.list"));
    rules->has_include = include != NULL && include->value.size > 0;
    if (rules->has_include && exclude != NULL && exclude->value.size > 0) {
        return FAIL(err, ERR_OPTION, "column.include.list: give it or column.exclude.list, not both");
    }
    TRY(list_of(arena, config, "column.include.list", &rules->include, err));
    TRY(list_of(arena, config, "column.exclude.list", &rules->exclude, err));
    TRY(list_of(arena, config, "column.propagate.source.type", &rules->tell, err));
    TRY(list_of(arena, config, "datatype.propagate.source.type", &rules->tell_types, err));
    rules->masks = ARENA_ARRAY(arena, MaskRule, config->count);
    for (int kind = MASK_TRUNCATE; kind <= MASK_HASH_V2; kind++) {
        TRY(masks_of(arena, config, (MaskKind)kind, rules, err));
    }
    return key_of(arena, config, rules, err);
}

bool column_rules_new(Arena *arena, const Properties *config, ColumnRules **made, Err *err) {
    ColumnRules *rules = ARENA_NEW(arena, ColumnRules);
    if (!rules_read(arena, config, rules, err)) {
        column_rules_release(rules);
        return err_frame(err, __FILE__, __LINE__);
    }
    *made = rules;
    return true;
}

void column_rules_release(ColumnRules *rules) {
    if (rules == NULL) {
        return;
    }
    regex_list_release(&rules->include);
    regex_list_release(&rules->exclude);
    regex_list_release(&rules->tell);
    regex_list_release(&rules->tell_types);
    for (size_t i = 0; i < rules->mask_count; i++) {
        regex_list_release(&rules->masks[i].columns);
    }
    for (size_t i = 0; i < rules->key_count; i++) {
        regex_release(rules->key[i]);
    }
    rules->mask_count = rules->key_count = 0;
}

// --- columns ---------------------------------------------------------------------------------------------------

static Slice full_name(Buf *buf, const Schema *schema, Slice last) {
    buf_init(buf, 0);
    buf_put(buf, schema->space);
    buf_u8(buf, '.');
    buf_put(buf, schema->table);
    buf_u8(buf, '.');
    buf_put(buf, last);
    return buf_slice(buf);
}

static bool listed(const RegexList *list, const Schema *schema, Slice last) {
    Buf name;
    bool found = list->count > 0 && regex_list_matches(list, full_name(&name, schema, last));
    if (list->count > 0) {
        buf_release(&name);
    }
    return found;
}

bool column_rules_shown(const ColumnRules *rules, const Schema *schema, const Column *column) {
    return rules == NULL || (rules->has_include ? listed(&rules->include, schema, column->name)
                                                : !listed(&rules->exclude, schema, column->name));
}

const Mask *column_rules_mask(const ColumnRules *rules, const Schema *schema, const Column *column) {
    for (size_t i = 0; rules != NULL && i < rules->mask_count; i++) {
        if (listed(&rules->masks[i].columns, schema, column->name)) {
            return &rules->masks[i].mask;
        }
    }
    return NULL;
}

bool column_rules_tell(const ColumnRules *rules, const Schema *schema, const Column *column) {
    if (rules == NULL || (rules->tell.count == 0 && rules->tell_types.count == 0)) {
        return false;
    }
    Arena scratch;
    arena_init_small(&scratch, "scratch", 256);
    bool tell = listed(&rules->tell, schema, column->name) ||
                listed(&rules->tell_types, schema, column_type_name(&scratch, &column->type));
    arena_release(&scratch);
    return tell;
}

static bool listed_already(const uint32_t *places, uint32_t count, uint32_t place) {
    for (uint32_t i = 0; i < count; i++) {
        if (places[i] == place) {
            return true;
        }
    }
    return false;
}

uint32_t column_rules_key(const ColumnRules *rules, const Schema *schema, uint32_t *places) {
    uint32_t count = 0;
    for (size_t i = 0; rules != NULL && i < rules->key_count; i++) {
        for (uint32_t place = 0; place < schema->column_count && count < schema->column_count; place++) {
            Buf name;
            if (regex_matches(rules->key[i], full_name(&name, schema, schema->columns[place].name)) &&
                !listed_already(places, count, place)) {
                places[count++] = place;
            }
            buf_release(&name);
        }
    }
    return count;
}

// --- types -----------------------------------------------------------------------------------------------------

Slice column_type_name(Arena *arena, const Type *type) {
    if (type->kind == TYPE_LIST && type->element != NULL) {
        Slice element = type->element->source_name;
        return slice_of(arena_printf(arena, "_%.*s", SLICE_ARG(element)));
    }
    return type->source_name;
}

static int64_t limited(int64_t length) {
    return length > 0 ? length : INT32_MAX;
}

int64_t column_length(const Type *type) {
    int64_t digits = type->precision;
    switch (type->kind) {
    case TYPE_BOOL:
        return 1;
    case TYPE_INT16:
        return 5;
    case TYPE_INT32:
    case TYPE_UINT32:
        return 10;
    case TYPE_INT64:
        return 19;
    case TYPE_FLOAT32:
        return 8;
    case TYPE_FLOAT64:
        return 17;
    case TYPE_DECIMAL:
        return slice_is(type->source_name, "money") ? INT32_MAX : digits;
    case TYPE_STRING:
        return slice_is(type->source_name, "char") ? 1 : limited(digits);
    case TYPE_BITS:
        return limited(digits);
    case TYPE_DATE:
        return 13;
    case TYPE_TIME:
        return 8 + digits + (digits > 0);
    case TYPE_TIMETZ:
        return 14 + digits + (digits > 0);
    case TYPE_TIMESTAMP:
        return 22 + digits + (digits > 0);
    case TYPE_TIMESTAMPTZ:
        return 28 + digits + (digits > 0);
    case TYPE_INTERVAL:
        return 49;
    case TYPE_LIST:
        if (type->element == NULL) {
            return INT32_MAX;
        }
        return type->element->kind == TYPE_DECIMAL && type->element->precision == 0 ? 131089
                                                                                    : column_length(type->element);
    case TYPE_UINT64:
    case TYPE_BYTES:
    case TYPE_UUID:
    case TYPE_JSON:
    case TYPE_ENUM:
    case TYPE_STRUCT:
    case TYPE_MAP:
    case TYPE_RANGE:
    case TYPE_MULTIRANGE:
    case TYPE_KIND_COUNT:
        break;
    }
    return INT32_MAX;
}

int64_t column_scale(const Type *type) {
    if (type->kind == TYPE_LIST && type->element != NULL) {
        return MAX(column_scale(type->element), 0);
    }
    if (type->kind == TYPE_FLOAT32 || type->kind == TYPE_FLOAT64) {
        return type->kind == TYPE_FLOAT32 ? 8 : 17;
    }
    if (type->kind == TYPE_DECIMAL && !slice_is(type->source_name, "money")) {
        return type->precision == 0 ? -1 : type->scale;
    }
    bool timed = type->kind == TYPE_TIME || type->kind == TYPE_TIMETZ || type->kind == TYPE_TIMESTAMP ||
                 type->kind == TYPE_TIMESTAMPTZ || type->kind == TYPE_INTERVAL;
    return timed ? type->precision : 0;
}
