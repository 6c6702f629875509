// SPDX-License-Identifier: Apache-2.0
// Avro container files of records that the caller encodes: manifests and manifest lists have types that shapes do not
// (maps with integer keys, fixed), and metadata beside the schema.
#ifndef LEAT_LAKE_ICEBERG_AVRO_OUT_H
#define LEAT_LAKE_ICEBERG_AVRO_OUT_H

#include "core/base/buf.h"
#include "core/base/err.h"

typedef struct AvroOut {
    Buf head; // pairs
    uint64_t pairs;
    Buf record; // the caller puts one record's encoding here, then calls avro_out_next
    Buf block;
    uint64_t block_records;
    Buf file;
    uint64_t raw, packed; // bytes of blocks, before and after compression
    bool begun;
    uint8_t sync[16];
} AvroOut;

void avro_out_init(AvroOut *out);
void avro_out_release(AvroOut *out);
// Metadata, "avro.schema" among them, before the first record.
void avro_out_pair(AvroOut *out, const char *key, Slice value);
CHECKED bool avro_out_next(AvroOut *out, Err *err);
uint64_t avro_out_estimate(const AvroOut *out);                  // of the file if it ended here
CHECKED bool avro_out_finish(AvroOut *out, Buf *file, Err *err); // appended

// Encodings. The null of an optional is 0, and its value comes behind 2.
static inline void avro_bytes(Buf *buf, Slice bytes) {
    buf_zigzag(buf, (int64_t)bytes.size);
    buf_put(buf, bytes);
}
static inline void avro_null(Buf *buf) {
    buf_u8(buf, 0);
}
static inline void avro_some(Buf *buf) {
    buf_u8(buf, 2);
}
static inline void avro_optional_long(Buf *buf, int64_t number, bool there) {
    buf_u8(buf, there ? 2 : 0);
    if (there) {
        buf_zigzag(buf, number);
    }
}
static inline void avro_optional_bytes(Buf *buf, Slice bytes) { // data NULL: null
    buf_u8(buf, bytes.data != NULL ? 2 : 0);
    if (bytes.data != NULL) {
        avro_bytes(buf, bytes);
    }
}

#endif
