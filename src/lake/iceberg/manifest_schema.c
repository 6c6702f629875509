// SPDX-License-Identifier: Apache-2.0
// The Avro schemas of manifests and manifest lists, in the order in which Java writes their fields.
#include "core/base/decimal.h"
#include "core/base/json.h"
#include "lake/iceberg/partition.h"
#include "lake/iceberg/manifest_parts.h"

static const Shape *column_shape(const TableMetadata *table, const TableSchema *schema, int32_t id) {
    const Shape *found = schema != NULL ? shape_by_id(schema->shape, id) : NULL;
    for (size_t i = table->schema_count; found == NULL && i-- > 0;) {
        found = shape_by_id(table->schemas[i].shape, id);
    }
    return found;
}

bool partition_shape(const TableMetadata *table, const TableSchema *schema, const PartitionField *field, Shape *shape,
                     Err *err) {
    const Shape *source = column_shape(table, schema, field->source_id);
    if (source == NULL) {
        return FAIL(err, ERR_VALUE, "partition field %.*s: the table has no column %" PRId32, SLICE_ARG(field->name),
                    field->source_id);
    }
    if (!transform_shape(field, source, shape, err)) {
        err->code = ERR_VALUE;
        return err_frame(err, __FILE__, __LINE__);
    }
    for (uint32_t i = 0; i < shape->note_count; i++) {
        if (slice_is(shape->notes[i].name, "iceberg.type")) {
            return FAIL(err, ERR_VALUE, "partition field %.*s: values of type %.*s are not written",
                        SLICE_ARG(field->name), SLICE_ARG(shape->notes[i].json));
        }
    }
    return true;
}

size_t decimal_fixed_bytes(int32_t precision) {
    Int128 most = 1;
    for (int32_t i = 0; i < precision; i++) {
        most *= 10;
    }
    size_t size = 1;
    for (most = (most - 1) >> 7; most > 0; most >>= 8) {
        size++;
    }
    return size;
}

// --- JSON ------------------------------------------------------------------------------------------------------

typedef struct AvroField {
    int32_t id;
    bool optional;
    const char *name, *type; // the type as JSON
} AvroField;

static void put_field(Buf *out, const AvroField *field) {
    buf_printf(out, "{\"name\":\"%s\",\"type\":%s%s%s%s,\"field-id\":%" PRId32 "},", field->name,
               field->optional ? "[\"null\"," : "", field->type, field->optional ? "]" : "",
               field->optional ? ",\"default\":null" : "", field->id);
}

static void put_fields(Buf *out, const AvroField *fields, size_t count) {
    for (size_t i = 0; i < count; i++) {
        put_field(out, &fields[i]);
    }
}

static void end_fields(Buf *out) {
    out->size--; // the last comma
    buf_text(out, "]}");
}

#define INT            "\"int\""
#define LONG           "\"long\""
#define TEXT           "\"string\""
#define BYTES          "\"bytes\""
#define BOOLEAN        "\"boolean\""
#define LIST(type, id) "{\"type\":\"array\",\"items\":" type ",\"element-id\":" #id "}"
// A map with integer keys: Avro's own have texts.
#define MAP(key, value, type)                                                                            \
    "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"k" #key "_v" #value "\",\"fields\":[" \
    "{\"name\":\"key\",\"type\":\"int\",\"field-id\":" #key "},{\"name\":\"value\",\"type\":" type       \
    ",\"field-id\":" #value "}]},\"logicalType\":\"map\"}"

// Avro takes letters, digits and underscores; others become _xHH, as Java does.
static void put_avro_name(Buf *out, Slice name) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool digit = c >= '0' && c <= '9', letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (letter || (digit && i > 0)) {
            buf_u8(out, c);
        } else if (digit) {
            buf_printf(out, "_%c", c);
        } else {
            buf_printf(out, "_x%X", c);
        }
    }
}

static void put_partition_type(Buf *out, int32_t id, const Shape *shape) {
    switch (shape->kind) {
    case SHAPE_BOOL:
        buf_text(out, BOOLEAN);
        return;
    case SHAPE_INT32:
        buf_text(out, INT);
        return;
    case SHAPE_INT64:
        buf_text(out, LONG);
        return;
    case SHAPE_FLOAT32:
        buf_text(out, "\"float\"");
        return;
    case SHAPE_FLOAT64:
        buf_text(out, "\"double\"");
        return;
    case SHAPE_STRING:
        buf_text(out, TEXT);
        return;
    case SHAPE_DATE:
        buf_text(out, "{\"type\":\"int\",\"logicalType\":\"date\"}");
        return;
    case SHAPE_TIME:
        buf_text(out, "{\"type\":\"long\",\"logicalType\":\"time-micros\"}");
        return;
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        buf_printf(out, "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":%s}",
                   shape->kind == SHAPE_TIMESTAMPTZ ? "true" : "false");
        return;
    case SHAPE_UUID: // names of types come once
        buf_printf(out, "{\"type\":\"fixed\",\"name\":\"uuid_fixed_%" PRId32 "\",\"size\":16,\"logicalType\":\"uuid\"}",
                   id);
        return;
    case SHAPE_DECIMAL:
        buf_printf(out,
                   "{\"type\":\"fixed\",\"name\":\"decimal_%" PRId32 "_%" PRId32 "_%" PRId32
                   "\",\"size\":%zu,\"logicalType\":\"decimal\",\"precision\":%" PRId32 ",\"scale\":%" PRId32 "}",
                   shape->precision, shape->scale, id, decimal_fixed_bytes(shape->precision), shape->precision,
                   shape->scale);
        return;
    case SHAPE_BYTES:
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
        buf_text(out, BYTES);
        return;
    }
}

static void put_partition(Buf *out, const PartitionSpec *spec, const Shape *shapes) {
    buf_text(out, "{\"name\":\"partition\",\"type\":{\"type\":\"record\",\"name\":\"r102\",\"fields\":[");
    for (size_t i = 0; i < spec->field_count; i++) {
        const PartitionField *field = &spec->fields[i];
        size_t start = out->size + 9;
        buf_text(out, i > 0 ? ",{\"name\":\"" : "{\"name\":\"");
        start += i > 0 ? 1 : 0;
        put_avro_name(out, field->name);
        bool same = !out->overflow && slice_equal((Slice){out->data + start, out->size - start}, field->name);
        buf_text(out, "\",\"type\":[\"null\",");
        put_partition_type(out, field->field_id, &shapes[i]);
        buf_printf(out, "],\"default\":null,\"field-id\":%" PRId32, field->field_id);
        if (!same) {
            buf_text(out, ",\"iceberg-field-name\":");
            json_quote(out, field->name);
        }
        buf_u8(out, '}');
    }
    buf_text(out, "]},\"field-id\":102},");
}

void manifest_schema_json(int32_t format_version, const PartitionSpec *spec, const Shape *shapes, Buf *out) {
    static const AvroField ENTRY[] = {{0, false, "status", INT},
                                      {1, true, "snapshot_id", LONG},
                                      {3, true, "sequence_number", LONG},
                                      {4, true, "file_sequence_number", LONG}};
    static const AvroField HEAD[] = {
        {134, false, "content", INT}, {100, false, "file_path", TEXT}, {101, false, "file_format", TEXT}};
    static const AvroField BODY[] = {
        {103, false, "record_count", LONG},
        {104, false, "file_size_in_bytes", LONG},
        {108, true, "column_sizes", MAP(117, 118, LONG)},
        {109, true, "value_counts", MAP(119, 120, LONG)},
        {110, true, "null_value_counts", MAP(121, 122, LONG)},
        {137, true, "nan_value_counts", MAP(138, 139, LONG)},
        {125, true, "lower_bounds", MAP(126, 127, BYTES)},
        {128, true, "upper_bounds", MAP(129, 130, BYTES)},
        {131, true, "key_metadata", BYTES},
        {132, true, "split_offsets", LIST(LONG, 133)},
        {135, true, "equality_ids", LIST(INT, 136)},
        {140, true, "sort_order_id", INT},
    };
    static const AvroField ROW_ID_V3[] = {{142, true, "first_row_id", LONG}};
    static const AvroField REFERENCED[] = {{143, true, "referenced_data_file", TEXT}};
    static const AvroField BLOB_V3[] = {{144, true, "content_offset", LONG},
                                        {145, true, "content_size_in_bytes", LONG}};
    buf_text(out, "{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":[");
    put_fields(out, ENTRY, ARRAY_LEN(ENTRY));
    buf_text(out, "{\"name\":\"data_file\",\"type\":{\"type\":\"record\",\"name\":\"r2\",\"fields\":[");
    put_fields(out, HEAD, ARRAY_LEN(HEAD));
    put_partition(out, spec, shapes);
    put_fields(out, BODY, ARRAY_LEN(BODY));
    put_fields(out, ROW_ID_V3, format_version >= 3 ? ARRAY_LEN(ROW_ID_V3) : 0);
    put_fields(out, REFERENCED, ARRAY_LEN(REFERENCED));
    put_fields(out, BLOB_V3, format_version >= 3 ? ARRAY_LEN(BLOB_V3) : 0);
    end_fields(out);
    buf_text(out, ",\"field-id\":2},");
    end_fields(out);
}

void manifest_list_schema_json(int32_t format_version, Buf *out) {
    static const AvroField FIELDS[] = {
        {500, false, "manifest_path", TEXT},
        {501, false, "manifest_length", LONG},
        {502, false, "partition_spec_id", INT},
        {517, false, "content", INT},
        {515, false, "sequence_number", LONG},
        {516, false, "min_sequence_number", LONG},
        {503, false, "added_snapshot_id", LONG},
        {504, false, "added_files_count", INT},
        {505, false, "existing_files_count", INT},
        {506, false, "deleted_files_count", INT},
        {512, false, "added_rows_count", LONG},
        {513, false, "existing_rows_count", LONG},
        {514, false, "deleted_rows_count", LONG},
        {507, true, "partitions",
         LIST("{\"type\":\"record\",\"name\":\"r508\",\"fields\":["
              "{\"name\":\"contains_null\",\"type\":\"boolean\",\"field-id\":509},"
              "{\"name\":\"contains_nan\",\"type\":[\"null\",\"boolean\"],\"default\":null,\"field-id\":518},"
              "{\"name\":\"lower_bound\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":510},"
              "{\"name\":\"upper_bound\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":511}]}",
              508)},
        {519, true, "key_metadata", BYTES},
    };
    static const AvroField ROW_ID[] = {{520, true, "first_row_id", LONG}};
    buf_text(out, "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":[");
    put_fields(out, FIELDS, ARRAY_LEN(FIELDS));
    put_fields(out, ROW_ID, format_version >= 3 ? ARRAY_LEN(ROW_ID) : 0);
    end_fields(out);
}
