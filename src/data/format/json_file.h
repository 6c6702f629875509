// SPDX-License-Identifier: Apache-2.0
// Files of lines: JSON, and raw bytes. Codecs NONE and GZIP.
//
// JSON_FORMAT, for values of the flat envelope: data/format/json_lines.h. For all else one object a record as Kafka
// Connect's JsonConverter writes without schemas: every field, null too; bytes in base64; decimals in base64 of their
// unscaled two's complement, or as numbers; floats that are no JSON numbers as strings; a record without a value is
// null. Texts that the plan gives stand around each that is not null. Keys of the flat envelope have decimals as its
// values do: strings or numbers. Dates, times and UUIDs are text as in data/format/text.h.
//
// BYTES_FORMAT, Confluent's ByteArrayFormat: the one field, BYTES or STRING, as it is, each followed by the separator.
// ERR_TABLE where the shape is another; ERR_VALUE where the value is NULL.
#ifndef LEAT_DATA_FORMAT_JSON_FILE_H
#define LEAT_DATA_FORMAT_JSON_FILE_H

#include "data/format/file_format.h"

extern const FileFormat JSON_FORMAT;  // "json", "json.gz"
extern const FileFormat BYTES_FORMAT; // "bin", "bin.gz"

#endif
