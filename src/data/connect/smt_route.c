// SPDX-License-Identifier: Apache-2.0
// Transforms of the topic: RegexRouter, TimestampRouter, and Debezium's router of logical tables.
#include "data/connect/java_time.h"
#include "data/connect/names.h"
#include "data/connect/smt.h"

// --- RegexRouter -----------------------------------------------------------------------------------------------

typedef struct RegexRouter {
    Regex *regex;
    Slice replacement;
    SmtTexts topics;
} RegexRouter;

static bool regex_compile(Smt *smt, Err *err) {
    RegexRouter *router = smt->state = ARENA_NEW(smt->arena, RegexRouter);
    smt_texts_init(&router->topics);
    TRY(smt_regex(smt, "regex", NULL, &router->regex, err));
    TRY(smt_required(smt, "replacement", &router->replacement, err));
    return smt_replacement(smt, "replacement", router->regex, router->replacement, err);
}

static bool regex_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    RegexRouter *router = smt->state;
    Slice topic;
    if (smt_topic_replaced(&router->topics, scratch, router->regex, router->replacement, record->topic, &topic)) {
        record->topic = topic;
    }
    return true;
}

static void regex_release_state(Smt *smt) {
    RegexRouter *router = smt->state;
    regex_release(router->regex);
    router->regex = NULL;
    smt_texts_release(&router->topics);
}

const SmtClass SMT_REGEX_ROUTER = {
    .name = "org.apache.kafka.connect.transforms.RegexRouter",
    .compile = regex_compile,
    .apply = regex_apply,
    .release = regex_release_state,
};

// --- TimestampRouter -------------------------------------------------------------------------------------------

typedef struct TimestampRouter {
    Slice topic_format;
    JavaTimeFormat *format;
} TimestampRouter;

static bool timestamp_compile(Smt *smt, Err *err) {
    TimestampRouter *router = smt->state = ARENA_NEW(smt->arena, TimestampRouter);
    router->topic_format = smt_text(smt, "topic.format", "${topic}-${timestamp}");
    return java_time_new(smt->arena, smt_text(smt, "timestamp.format", "yyyyMMdd"), "timestamp.format", smt->prefix,
                         &router->format, err);
}

static bool starts(Slice text, const char *with) {
    size_t size = strlen(with);
    return text.size >= size && memcmp(text.data, with, size) == 0;
}

static bool timestamp_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    TimestampRouter *router = smt->state;
    if (record->timestamp_ms < 0) {
        return FAIL(err, ERR_VALUE, "the record has no timestamp");
    }
    Buf topic;
    buf_init(&topic, 0);
    for (Slice rest = router->topic_format; rest.size > 0;) {
        if (starts(rest, "${topic}")) {
            buf_put(&topic, record->topic);
            rest = slice_from(rest, strlen("${topic}"));
        } else if (starts(rest, "${timestamp}")) {
            java_time_write(router->format, record->timestamp_ms, &topic);
            rest = slice_from(rest, strlen("${timestamp}"));
        } else {
            buf_u8(&topic, rest.data[0]);
            rest = slice_from(rest, 1);
        }
    }
    record->topic = arena_slice(scratch, buf_slice(&topic));
    buf_release(&topic);
    return true;
}

static bool timestamp_dynamic(const Smt *smt) {
    return true;
}

const SmtClass SMT_TIMESTAMP_ROUTER = {
    .name = "org.apache.kafka.connect.transforms.TimestampRouter",
    .compile = timestamp_compile,
    .apply = timestamp_apply,
    .dynamic = timestamp_dynamic,
};

// --- ByLogicalTableRouter, ToLogicalTopicRouter ----------------------------------------------------------------

typedef struct LogicalRouter {
    Regex *regex, *key_regex;
    Slice replacement, key_replacement, key_field;
    bool unique_key;
    NameAdjust adjust;
    SmtTexts topics, keys;
    Map shapes; // address and topic to the renamed shape
} LogicalRouter;

static bool logical_compile(Smt *smt, Err *err) {
    LogicalRouter *router = smt->state = ARENA_NEW(smt->arena, LogicalRouter);
    smt_texts_init(&router->topics);
    smt_texts_init(&router->keys);
    TRY(smt_regex(smt, "topic.regex", NULL, &router->regex, err));
    TRY(smt_required(smt, "topic.replacement", &router->replacement, err));
    TRY(smt_replacement(smt, "topic.replacement", router->regex, router->replacement, err));
    TRY(smt_bool(smt, "key.enforce.uniqueness", true, &router->unique_key, err));
    bool old = smt->class == &SMT_BY_LOGICAL_TABLE;
    router->key_field =
        smt_text(smt, "key.field.name", old ? "__dbz__physicalTableIdentifier" : "__dbz__sourceIdentifier");
    router->key_replacement = smt_text(smt, "key.field.replacement", "");
    if (smt_text(smt, "key.field.regex", "").size > 0) {
        TRY(smt_regex(smt, "key.field.regex", NULL, &router->key_regex, err));
        if (router->key_replacement.size == 0) {
            return smt_option_failed(smt, "key.field.replacement", err, "it goes with key.field.regex, and is empty");
        }
        TRY(smt_replacement(smt, "key.field.replacement", router->key_regex, router->key_replacement, err));
    }
    int mode = 0;
    TRY(smt_choice(smt, "schema.name.adjustment.mode", "none", "none,avro,avro_unicode", &mode, err));
    router->adjust = (NameAdjust)mode;
    return true;
}

static Slice name_made(const LogicalRouter *router, Arena *arena, Slice topic, const char *part) {
    return name_adjust(arena, router->adjust, false, slice_of(arena_printf(arena, "%.*s.%s", SLICE_ARG(topic), part)));
}

static const Shape *key_shape(Smt *smt, const LogicalRouter *router, const Shape *from, Slice topic) {
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, from->field_count + 1);
    memcpy(fields, from->fields, from->field_count * sizeof(*fields));
    uint32_t count = from->field_count;
    if (router->unique_key) {
        fields[count++] = smt_field(router->key_field, &SMT_STRING);
    }
    Shape shape = smt_basics_with(smt->arena, from, fields, count);
    smt_name_set(smt->arena, &shape, name_made(router, smt->arena, topic, "Key"));
    return smt_shape_keep(smt->arena, shape);
}

static const Shape *envelope_shape(Smt *smt, const LogicalRouter *router, const Shape *from, Slice topic) {
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, from->field_count);
    memcpy(fields, from->fields, from->field_count * sizeof(*fields));
    for (uint32_t i = 0; i < from->field_count; i++) {
        if (slice_is(fields[i].name, "before") || slice_is(fields[i].name, "after")) {
            smt_name_set(smt->arena, &fields[i].shape, name_made(router, smt->arena, topic, "Value"));
        }
    }
    Shape shape = smt_basics_with(smt->arena, from, fields, from->field_count);
    smt_name_set(smt->arena, &shape, name_made(router, smt->arena, topic, "Envelope"));
    return smt_shape_keep(smt->arena, shape);
}

// One source's shape goes to one topic mostly, but a rename of topics in front may make it more.
static const Shape *renamed(Smt *smt, LogicalRouter *router, const Shape *from, Slice topic, bool key) {
    Buf name;
    buf_init(&name, 0);
    buf_bytes(&name, &from, sizeof(const Shape *));
    buf_u8(&name, key);
    buf_put(&name, topic);
    Shape *known = map_find(&router->shapes, buf_slice(&name));
    if (known == NULL) {
        const Shape *made = key ? key_shape(smt, router, from, topic) : envelope_shape(smt, router, from, topic);
        known = (Shape *)(uintptr_t)made;
        map_put(&router->shapes, buf_slice(&name), known);
    }
    buf_release(&name);
    return known;
}

static bool logical_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    LogicalRouter *router = smt->state;
    Slice topic, old = record->topic;
    if (!smt_topic_replaced(&router->topics, scratch, router->regex, router->replacement, old, &topic) ||
        topic.size == 0) {
        return true;
    }
    record->topic = topic;
    if (record->key != NULL && record->key_shape != NULL && record->key->kind == VALUE_STRUCT) {
        const Shape *shape = renamed(smt, router, record->key_shape, topic, true);
        Value *items = NULL;
        Value *key = smt_struct_new(scratch, shape, &items);
        memcpy(items, record->key->items.at, record->key->items.count * sizeof(*items));
        if (router->unique_key) {
            Slice text = old;
            if (router->key_regex != NULL &&
                !smt_topic_replaced(&router->keys, scratch, router->key_regex, router->key_replacement, old, &text)) {
                text = old;
            }
            items[shape->field_count - 1] = value_bytes(VALUE_STRING, text);
        }
        record->key_shape = shape;
        record->key = key;
    }
    if (record->value != NULL && smt_is_envelope(record->value_shape)) {
        record->value_shape = renamed(smt, router, record->value_shape, topic, false);
    }
    return true;
}

static void logical_release(Smt *smt) {
    LogicalRouter *router = smt->state;
    regex_release(router->regex);
    regex_release(router->key_regex);
    router->regex = router->key_regex = NULL;
    smt_texts_release(&router->topics);
    smt_texts_release(&router->keys);
    map_release(&router->shapes);
    router->shapes = (Map){0};
}

const SmtClass SMT_BY_LOGICAL_TABLE = {
    .name = "io.debezium.transforms.ByLogicalTableRouter",
    .compile = logical_compile,
    .apply = logical_apply,
    .release = logical_release,
};

const SmtClass SMT_TO_LOGICAL_TOPIC = {
    .name = "io.debezium.transforms.ToLogicalTopicRouter",
    .compile = logical_compile,
    .apply = logical_apply,
    .release = logical_release,
};
