// SPDX-License-Identifier: Apache-2.0
// What the halves of manifests share: the Avro schemas, and reading records by their fields' ids.
#ifndef LEAT_LAKE_ICEBERG_MANIFEST_PARTS_H
#define LEAT_LAKE_ICEBERG_MANIFEST_PARTS_H

#include "data/format/avro/avro.h"
#include "lake/iceberg/manifest.h"

// --- schemas ---------------------------------------------------------------------------------------------------

// The shape of a partition field's values. The column is looked for in the schema, then in the table's others, for it
// may be dropped. ERR_VALUE: there is none, or the transform is unknown.
CHECKED bool partition_shape(const TableMetadata *table, const TableSchema *schema, const PartitionField *field,
                             Shape *shape, Err *err);
// How many bytes the fixed of a decimal has.
size_t decimal_fixed_bytes(int32_t precision);
void manifest_schema_json(int32_t format_version, const PartitionSpec *spec, const Shape *shapes, Buf *out);
void manifest_list_schema_json(int32_t format_version, Buf *out);

// --- reading ---------------------------------------------------------------------------------------------------

// Where a field stands in the records of one file; -1 = nowhere.
int32_t avro_column(const Shape *record, int32_t id, const char *name);

typedef struct AvroRow {
    const Shape *shape;
    const Value *values;
    Err *err;
    bool bad; // something was missing or of another type; err says what
} AvroRow;

// The value at a place, as an integer; `absent` where there is no such column or it is NULL. Outside of [min, max]:
// bad.
typedef struct LongRange {
    int64_t absent, min, max;
    bool required;
} LongRange;
int64_t avro_long(AvroRow *row, int32_t at, LongRange range);
// Borrowed; data NULL when absent.
Slice avro_text(AvroRow *row, int32_t at, bool required);
Slice avro_binary(AvroRow *row, int32_t at);
bool avro_flag(AvroRow *row, int32_t at, int absent, int *flag); // 0, 1 or `absent`
const Value *avro_list(AvroRow *row, int32_t at);                // NULL when absent
const Value *avro_struct(AvroRow *row, int32_t at);              // likewise
bool avro_refuse(AvroRow *row, int32_t at, const char *what);    // false

enum {
    MANIFEST_BLOCK_BYTES_MAX = 512 * 1024 * 1024, // unpacked
};
#define MANIFEST_MEMORY_MAX ((size_t)1024 * 1024 * 1024) // of what one file becomes

#endif
