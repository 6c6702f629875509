// SPDX-License-Identifier: Apache-2.0
#include "data/connect/transform.h"

#include "data/connect/predicate.h"
#include "data/connect/schemaless.h"
#include "data/connect/smt.h"

typedef struct Step {
    Smt smt;
    const Predicate *predicate; // NULL = always
    bool negate;
} Step;

struct TransformChain {
    Step *steps;
    size_t count;
    Predicate *predicates;
    size_t predicate_count;
    Schemaless *schemaless_shapes;
    bool schemaless[2]; // of the record in work: its value, its key
};

static const SmtClass *const CLASSES[] = {
    &SMT_UNWRAP,
    &SMT_BY_LOGICAL_TABLE,
    &SMT_TO_LOGICAL_TOPIC,
    &SMT_OUTBOX,
    &SMT_CAST,
    &SMT_DROP_HEADERS,
    &SMT_EXTRACT_FIELD,
    &SMT_FILTER,
    &SMT_FLATTEN,
    &SMT_HEADER_FROM,
    &SMT_HEADER_TO_VALUE,
    &SMT_HOIST_FIELD,
    &SMT_INSERT_FIELD,
    &SMT_INSERT_HEADER,
    &SMT_MASK_FIELD,
    &SMT_REGEX_ROUTER,
    &SMT_REPLACE_FIELD,
    &SMT_SET_SCHEMA_METADATA,
    &SMT_TIMESTAMP_CONVERTER,
    &SMT_TIMESTAMP_ROUTER,
    &SMT_VALUE_TO_KEY,
    &SMT_CDC_APACHE,
    &SMT_CDC_TABULAR,
    &SMT_COPY_APACHE,
    &SMT_COPY_TABULAR,
    &SMT_DMS_APACHE,
    &SMT_DMS_TABULAR,
    &SMT_JSON_MAP_APACHE,
    &SMT_JSON_MAP_TABULAR,
    &SMT_METADATA_APACHE,
    &SMT_METADATA_TABULAR,
    &SMT_MONGO_APACHE,
    &SMT_MONGO_TABULAR,
};

// --- compiling -------------------------------------------------------------------------------------------------

static const char *simple_name(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

// "Class", "Class$Key" and "Class$Value", in full or without its package.
static const SmtClass *class_find(Slice type, bool *on_key) {
    const uint8_t *dollar = type.size > 0 ? memchr(type.data, '$', type.size) : NULL;
    Slice name = dollar == NULL ? type : (Slice){type.data, (size_t)(dollar - type.data)};
    Slice part = dollar == NULL ? (Slice){0} : slice_from(type, name.size + 1);
    for (size_t i = 0; i < ARRAY_LEN(CLASSES); i++) {
        const SmtClass *class = CLASSES[i];
        if (!slice_is(name, class->name) && !slice_is(name, simple_name(class->name))) {
            continue;
        }
        *on_key = slice_is(part, "Key");
        bool fits = class->parts ? *on_key || slice_is(part, "Value") : dollar == NULL;
        return fits ? class : NULL;
    }
    return NULL;
}

static bool class_unknown(const Smt *smt, Slice type, Err *err) {
    Buf names;
    buf_init(&names, 400);
    for (size_t i = 0; i < ARRAY_LEN(CLASSES); i++) {
        buf_printf(&names, "%s%s%s", i > 0 ? ", " : "", simple_name(CLASSES[i]->name),
                   CLASSES[i]->parts ? "$Key|$Value" : "");
    }
    smt_option_failed(smt, "type", err, "leat has no transform %.*s", (int)MIN(type.size, 100),
                      (const char *)type.data);
    err_hint(err, "there are %.*s", SLICE_ARG(buf_slice(&names)));
    buf_release(&names);
    return false;
}

static bool predicate_choose(TransformChain *chain, Step *step, Err *err) {
    Smt *smt = &step->smt;
    Slice name = smt_text(smt, "predicate", NULL);
    TRY(smt_bool(smt, "negate", false, &step->negate, err));
    if (name.data == NULL) {
        return true;
    }
    for (size_t i = 0; i < chain->predicate_count; i++) {
        if (slice_equal(predicate_alias(&chain->predicates[i]), name)) {
            step->predicate = &chain->predicates[i];
            return true;
        }
    }
    return smt_option_failed(smt, "predicate", err, "\"%.*s\" is none of the list `predicates`",
                             (int)MIN(name.size, 60), (const char *)name.data);
}

// The configuration may go; what is taken from it stays.
static Properties options_copy(Arena *arena, const Properties *config, const char *prefix) {
    Properties options = properties_under(arena, config, slice_of(prefix));
    for (size_t i = 0; i < options.count; i++) {
        Property *option = &options.at[i];
        option->name = arena_slice(arena, option->name);
        option->value = option->value.data == NULL ? (Slice){0} : arena_slice(arena, option->value);
    }
    return options;
}

static bool step_compile(Arena *arena, const Properties *config, Slice alias, TransformChain *chain, Step *step,
                         Err *err) {
    Smt *smt = &step->smt;
    smt->arena = arena;
    smt->schemaless = chain->schemaless;
    smt->prefix = arena_printf(arena, "transforms.%.*s.", SLICE_ARG(alias));
    smt->options = options_copy(arena, config, smt->prefix);
    Slice type = {0};
    TRY(smt_required(smt, "type", &type, err));
    const SmtClass *class = class_find(type, &smt->on_key);
    if (class == NULL) {
        return class_unknown(smt, type, err);
    }
    TRY(predicate_choose(chain, step, err));
    smt->class = class; // from here on there may be something to release
    TRY(class->compile(smt, err));
    return true;
}

static Slice *aliases_of(Arena *arena, const Properties *config, const char *key, size_t *count) {
    const Property *list = properties_find(config, slice_of(key));
    *count = 0;
    return list == NULL || list->value.data == NULL ? NULL : properties_list(arena, list->value, count);
}

static bool alias_twice(const Slice *aliases, size_t count, const char *key, Err *err) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (slice_equal(aliases[i], aliases[j])) {
                return FAIL(err, ERR_OPTION, "%s: \"%.*s\" is there twice", key, (int)MIN(aliases[i].size, 60),
                            (const char *)aliases[i].data);
            }
        }
    }
    return true;
}

static bool chain_compile(Arena *arena, const Properties *config, TransformChain *chain, Err *err) {
    size_t count = 0;
    Slice *aliases = aliases_of(arena, config, "predicates", &count);
    TRY(alias_twice(aliases, count, "predicates", err));
    chain->predicates = ARENA_ARRAY(arena, Predicate, count);
    for (size_t i = 0; i < count; i++) {
        TRY(predicate_new(arena, config, aliases[i], &chain->predicates[i], err));
        chain->predicate_count++;
    }
    aliases = aliases_of(arena, config, "transforms", &count);
    TRY(alias_twice(aliases, count, "transforms", err));
    chain->steps = ARENA_ARRAY(arena, Step, count);
    for (size_t i = 0; i < count; i++) {
        chain->count++;
        TRY(step_compile(arena, config, aliases[i], chain, &chain->steps[i], err));
    }
    return true;
}

bool transform_chain_new(Arena *arena, const Properties *config, TransformChain **chain, Err *err) {
    TransformChain *made = ARENA_NEW(arena, TransformChain);
    made->schemaless_shapes = schemaless_new(arena);
    if (!chain_compile(arena, config, made, err)) {
        transform_chain_release(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *chain = made;
    return true;
}

void transform_chain_release(TransformChain *chain) {
    if (chain == NULL) {
        return;
    }
    for (size_t i = 0; i < chain->count; i++) {
        Smt *smt = &chain->steps[i].smt;
        if (smt->class != NULL && smt->class->release != NULL && smt->state != NULL) {
            smt->class->release(smt);
        }
        map_release(&smt->plans);
        smt->plans = (Map){0};
    }
    for (size_t i = 0; i < chain->predicate_count; i++) {
        predicate_release(&chain->predicates[i]);
    }
    schemaless_release(chain->schemaless_shapes);
    chain->count = chain->predicate_count = 0;
}

bool transform_chain_empty(const TransformChain *chain) {
    return chain->count == 0;
}

bool transform_chain_dynamic(const TransformChain *chain) {
    for (size_t i = 0; i < chain->count; i++) {
        const Smt *smt = &chain->steps[i].smt;
        if (smt->class->dynamic != NULL && smt->class->dynamic(smt)) {
            return true;
        }
    }
    return false;
}

// --- records ---------------------------------------------------------------------------------------------------

// A map without schema becomes a struct until the chain's end.
static bool schemas_make(TransformChain *chain, Arena *scratch, ConnectRecord *record, Err *err) {
    if (UNLIKELY(record->value_shape == NULL && record->value != NULL && record->value->kind == VALUE_MAP)) {
        TRY(schemaless_import(chain->schemaless_shapes, scratch, &record->value_shape, &record->value, err));
        chain->schemaless[0] = true;
    }
    if (UNLIKELY(record->key_shape == NULL && record->key != NULL && record->key->kind == VALUE_MAP)) {
        TRY(schemaless_import(chain->schemaless_shapes, scratch, &record->key_shape, &record->key, err));
        chain->schemaless[1] = true;
    }
    return true;
}

static void schemas_drop(TransformChain *chain, Arena *scratch, ConnectRecord *record) {
    if (UNLIKELY(chain->schemaless[0])) {
        schemaless_export(scratch, &record->value_shape, &record->value);
    }
    if (UNLIKELY(chain->schemaless[1])) {
        schemaless_export(scratch, &record->key_shape, &record->key);
    }
}

bool transform_chain_apply(TransformChain *chain, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    *keep = true;
    chain->schemaless[0] = chain->schemaless[1] = false;
    for (size_t i = 0; i < chain->count && *keep; i++) {
        Step *step = &chain->steps[i];
        if (step->predicate != NULL && predicate_holds(step->predicate, record) == step->negate) {
            continue;
        }
        if (!schemas_make(chain, scratch, record, err) ||
            !step->smt.class->apply(&step->smt, scratch, record, keep, err)) {
            return err_prefix(err, "%s%s, topic %.*s", step->smt.prefix, simple_name(step->smt.class->name),
                              (int)MIN(record->topic.size, 120), (const char *)record->topic.data);
        }
    }
    if (*keep) {
        schemas_drop(chain, scratch, record);
    }
    return true;
}
