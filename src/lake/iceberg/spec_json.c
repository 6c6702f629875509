// SPDX-License-Identifier: Apache-2.0
// Partition specs and sort orders as JSON (Iceberg specification, Appendix C).
#include "core/base/json.h"
#include "lake/iceberg/parts.h"
#include "lake/iceberg/partition.h"

// --- partition specs -------------------------------------------------------------------------------------------

void partition_fields_write(const PartitionSpec *spec, Buf *out) {
    buf_u8(out, '[');
    for (size_t i = 0; i < spec->field_count; i++) {
        const PartitionField *field = &spec->fields[i];
        buf_text(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        json_quote(out, field->name);
        buf_text(out, ",\"transform\":");
        json_quote(out, field->transform_text);
        if (field->source_id >= 0) {
            buf_text(out, ",\"source-id\":");
            buf_int(out, field->source_id);
        }
        if (field->field_id > 0) {
            buf_text(out, ",\"field-id\":");
            buf_int(out, field->field_id);
        }
        others_write(field->others, out);
        buf_u8(out, '}');
    }
    buf_u8(out, ']');
}

void partition_spec_write(const PartitionSpec *spec, Buf *out) {
    buf_text(out, "{\"spec-id\":");
    buf_int(out, spec->id);
    buf_text(out, ",\"fields\":");
    partition_fields_write(spec, out);
    buf_u8(out, '}');
}

bool partition_field_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"name", MEMBER_TEXT, true, .offset = offsetof(PartitionField, name)},
        {"transform", MEMBER_TEXT, true, .offset = offsetof(PartitionField, transform_text)},
        {"source-id", MEMBER_INT32, .offset = offsetof(PartitionField, source_id)},
        {"field-id", MEMBER_INT32, .offset = offsetof(PartitionField, field_id)},
    };
    PartitionField *field = target;
    field->source_id = -1;
    TRY(json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), field, &field->others, err));
    if (field->source_id < 0 && field->others.size == 0) {
        return json_in_fail(in, err, "source-id is missing");
    }
    if (field->field_id < 0) {
        return json_in_fail(in, err, "field-id is %" PRId32 ": ids are not negative", field->field_id);
    }
    if (field->name.size == 0) {
        return json_in_fail(in, err, "name is empty");
    }
    if (field->source_id < 0 || !transform_parse(field->transform_text, &field->transform, &field->width)) {
        field->transform = TRANSFORM_OTHER;
    }
    return true;
}

static bool fields_go_together(const JsonIn *in, const PartitionField *fields, size_t count, Err *err) {
    if (count > 1000) {
        return json_in_fail(in, err, "has %zu fields: more than 1000", count);
    }
    for (size_t i = 0; i < count; i++) {
        if ((fields[i].field_id == 0) != (fields[0].field_id == 0)) {
            return json_in_fail(in, err, "some fields have a field-id, others have none");
        }
        for (size_t j = 0; j < i; j++) {
            if (slice_equal(fields[i].name, fields[j].name)) {
                return json_in_fail(in, err, "two fields have the name %.*s",
                                    (int)MIN(fields[i].name.size, (size_t)100), fields[i].name.data);
            }
            if (fields[i].field_id > 0 && fields[i].field_id == fields[j].field_id) {
                return json_in_fail(in, err, "two fields have the id %" PRId32, fields[i].field_id);
            }
        }
    }
    return true;
}

static bool spec_fields_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    PartitionSpec *spec = target;
    void *items = NULL;
    TRY(json_in_list(in, first, partition_field_in, sizeof(PartitionField), &items, &spec->field_count, err));
    spec->fields = items;
    return fields_go_together(in, spec->fields, spec->field_count, err);
}

bool partition_spec_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"spec-id", MEMBER_INT32, .offset = offsetof(PartitionSpec, id)},
        {"fields", MEMBER_OTHER, true, .read = spec_fields_in},
    };
    if (first == TOKEN_ARRAY) {
        return spec_fields_in(in, first, target, err);
    }
    return json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), target, NULL, err);
}

void partition_spec_number(Arena *arena, PartitionSpec *spec) {
    PartitionField *fields = ARENA_ARRAY(arena, PartitionField, spec->field_count);
    for (size_t i = 0; i < spec->field_count; i++) {
        fields[i] = spec->fields[i];
        if (fields[i].field_id == 0) {
            fields[i].field_id = ICEBERG_PARTITION_ID_FIRST + (int32_t)i;
        }
    }
    spec->fields = fields;
}

bool partition_spec_parse(Slice json, Arena *arena, PartitionSpec *spec, Err *err) {
    JsonIn in[1];
    JsonToken token;
    *spec = (PartitionSpec){0};
    json_in_init(in, "partition spec", json, arena);
    TRY(json_in_token(in, &token, err));
    TRY(partition_spec_in(in, token, spec, err));
    partition_spec_number(arena, spec);
    return json_in_end(in, err);
}

bool partition_spec_check(const PartitionSpec *spec, const TableSchema *schema, Err *err) {
    for (size_t i = 0; i < spec->field_count; i++) {
        const PartitionField *field = &spec->fields[i];
        int32_t column = shape_find(schema->shape, field->name);
        if (column >= 0 && field->source_id >= 0 && schema->shape->fields[column].shape.id != field->source_id) {
            return FAIL(err, ERR_VALUE, "partition field %.*s has the name of a column that it is not made of",
                        (int)MIN(field->name.size, (size_t)100), field->name.data);
        }
        if (field->transform == TRANSFORM_VOID || field->transform == TRANSFORM_OTHER) {
            continue;
        }
        const Shape *source = shape_by_id(schema->shape, field->source_id);
        if (source == NULL) {
            return FAIL(err, ERR_VALUE, "Cannot find source column for partition field: %.*s (source-id %" PRId32 ")",
                        (int)MIN(field->name.size, (size_t)100), field->name.data, field->source_id);
        }
        Shape result;
        Err wrong[1] = {{0}};
        if (!transform_shape(field, source, &result, wrong)) {
            return FAIL(err, ERR_VALUE, "%s", wrong->message);
        }
    }
    return true;
}

// --- sort orders -----------------------------------------------------------------------------------------------

void sort_order_write(const SortOrder *order, Buf *out) {
    buf_text(out, "{\"order-id\":");
    buf_int(out, order->id);
    buf_text(out, ",\"fields\":[");
    for (size_t i = 0; i < order->field_count; i++) {
        const SortField *field = &order->fields[i];
        buf_text(out, i > 0 ? ",{\"transform\":" : "{\"transform\":");
        json_quote(out, field->transform_text);
        if (field->source_id >= 0) {
            buf_text(out, ",\"source-id\":");
            buf_int(out, field->source_id);
        }
        buf_text(out, field->descending ? ",\"direction\":\"desc\"" : ",\"direction\":\"asc\"");
        buf_text(out, field->nulls_last ? ",\"null-order\":\"nulls-last\"" : ",\"null-order\":\"nulls-first\"");
        others_write(field->others, out);
        buf_u8(out, '}');
    }
    buf_text(out, "]}");
}

// One of two words, in any case of letters as Java has it.
static bool word_in(JsonIn *in, JsonToken first, const char *no, const char *yes, bool *which, Err *err) {
    Slice text;
    char word[16] = "";
    TRY(json_in_text(in, first, &text, err));
    for (size_t i = 0; i < text.size && text.size < sizeof(word); i++) {
        word[i] = (char)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] + 32 : text.data[i]);
    }
    *which = strcmp(word, yes) == 0;
    return *which || strcmp(word, no) == 0 || json_in_fail(in, err, "is to be %s or %s", no, yes);
}

static bool direction_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    return word_in(in, first, "asc", "desc", &((SortField *)target)->descending, err);
}

static bool null_order_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    return word_in(in, first, "nulls-first", "nulls-last", &((SortField *)target)->nulls_last, err);
}

static bool sort_field_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"transform", MEMBER_TEXT, true, .offset = offsetof(SortField, transform_text)},
        {"source-id", MEMBER_INT32, .offset = offsetof(SortField, source_id)},
        {"direction", MEMBER_OTHER, true, .read = direction_in},
        {"null-order", MEMBER_OTHER, true, .read = null_order_in},
    };
    SortField *field = target;
    field->source_id = -1;
    TRY(json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), field, &field->others, err));
    return field->source_id >= 0 || field->others.size > 0 || json_in_fail(in, err, "source-id is missing");
}

bool sort_order_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"order-id", MEMBER_INT32, true, .offset = offsetof(SortOrder, id)},
        {"fields", MEMBER_LIST, true, .offset = offsetof(SortOrder, fields),
         .count_offset = offsetof(SortOrder, field_count), .item_size = sizeof(SortField), .read = sort_field_in},
    };
    SortOrder *order = target;
    TRY(json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), order, NULL, err));
    // Java: order 0 is the one that is not sorted, and there is no other such.
    if ((order->id == 0) != (order->field_count == 0)) {
        return json_in_fail(in, err,
                            order->id == 0 ? "order-id 0 is reserved for unsorted order"
                                           : "an order without fields has the id 0");
    }
    return true;
}

bool sort_order_parse(Slice json, Arena *arena, SortOrder *order, Err *err) {
    JsonIn in[1];
    JsonToken token;
    *order = (SortOrder){0};
    json_in_init(in, "sort order", json, arena);
    TRY(json_in_token(in, &token, err));
    TRY(sort_order_in(in, token, order, err));
    return json_in_end(in, err);
}

bool sort_order_check(const SortOrder *order, const TableSchema *schema, Err *err) {
    for (size_t i = 0; i < order->field_count; i++) {
        const SortField *field = &order->fields[i];
        if (field->source_id >= 0 && shape_by_id(schema->shape, field->source_id) == NULL) {
            return FAIL(err, ERR_VALUE, "Cannot find source column for sort field: source-id %" PRId32,
                        field->source_id);
        }
    }
    return true;
}
