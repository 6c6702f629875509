// SPDX-License-Identifier: Apache-2.0
// Records of manifests and manifest lists, read by their fields' ids. What is wrong is said once, by name.
#include "lake/iceberg/manifest_parts.h"

int32_t avro_column(const Shape *record, int32_t id, const char *name) {
    for (uint32_t i = 0; i < record->field_count && id != 0; i++) {
        if (record->fields[i].shape.id == id) {
            return (int32_t)i;
        }
    }
    int32_t named = shape_find(record, slice_of(name));
    return named >= 0 && record->fields[named].shape.id == 0 ? named : -1; // id 0 is one of the format's too
}

bool avro_refuse(AvroRow *row, int32_t at, const char *what) {
    if (!row->bad) {
        Slice name = at >= 0 ? row->shape->fields[at].name : SLICE("a field");
        FAIL(row->err, ERR_VALUE, "%.*s %s", (int)MIN(name.size, 200), (const char *)name.data, what);
        row->bad = true;
    }
    return false;
}

static const Value *found(AvroRow *row, int32_t at, bool required) {
    if (at >= 0 && row->values[at].kind != VALUE_NULL) {
        return &row->values[at];
    }
    if (required) {
        avro_refuse(row, at, "is missing");
    }
    return NULL;
}

int64_t avro_long(AvroRow *row, int32_t at, LongRange range) {
    const Value *value = found(row, at, range.required);
    if (value == NULL) {
        return range.absent;
    }
    if (value->kind != VALUE_INT) {
        avro_refuse(row, at, "is no integer");
        return range.absent;
    }
    if (value->integer < range.min || value->integer > range.max) {
        avro_refuse(row, at, "is out of range");
        return range.absent;
    }
    return value->integer;
}

Slice avro_text(AvroRow *row, int32_t at, bool required) {
    const Value *value = found(row, at, required);
    if (value != NULL && value->kind != VALUE_STRING) {
        avro_refuse(row, at, "is no text");
    }
    if (value != NULL && required && value->bytes.size == 0) {
        avro_refuse(row, at, "is empty");
    }
    return value != NULL && value->kind == VALUE_STRING ? value->bytes : (Slice){0};
}

Slice avro_binary(AvroRow *row, int32_t at) {
    const Value *value = found(row, at, false);
    if (value != NULL && value->kind != VALUE_BYTES) {
        avro_refuse(row, at, "is not of bytes");
    }
    return value != NULL && value->kind == VALUE_BYTES ? value->bytes : (Slice){0};
}

bool avro_flag(AvroRow *row, int32_t at, int absent, int *flag) {
    const Value *value = found(row, at, false);
    *flag = value == NULL ? absent : value->kind == VALUE_TRUE ? 1 : 0;
    return value == NULL || value->kind == VALUE_TRUE || value->kind == VALUE_FALSE ||
           avro_refuse(row, at, "is no boolean");
}

const Value *avro_list(AvroRow *row, int32_t at) {
    const Value *value = found(row, at, false);
    if (value != NULL && value->kind != VALUE_LIST) {
        avro_refuse(row, at, "is no list");
        return NULL;
    }
    return value;
}

const Value *avro_struct(AvroRow *row, int32_t at) {
    const Value *value = found(row, at, false);
    if (value != NULL && (value->kind != VALUE_STRUCT || row->shape->fields[at].shape.kind != SHAPE_STRUCT)) {
        avro_refuse(row, at, "is no record");
        return NULL;
    }
    return value;
}
