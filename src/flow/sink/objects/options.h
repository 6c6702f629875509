// SPDX-License-Identifier: Apache-2.0
// The options of the objects sink, and what they come to once they are checked against each other.
#ifndef LEAT_FLOW_SINK_OBJECTS_OPTIONS_H
#define LEAT_FLOW_SINK_OBJECTS_OPTIONS_H

#include "core/config/option.h"
#include "data/format/file_format.h"
#include "flow/sink/objects/names.h"
#include "flow/sink/objects/time_path.h"
#include "flow/sink/objects/zone.h"
#include "storage/store/s3/s3.h"

typedef struct ObjectsOptions {
    // form
    const char *format;      // json | avro | parquet | bytes
    const char *envelope;    // flat | debezium
    const char *compression; // default | none | gzip | …
    int64_t compression_level;
    const char *topic_prefix; // "" = the pipeline's name in records, none in names
    const char *inexact;      // null | fail | text
    const char *decimals;     // string | number
    const char *documents;    // string | embedded
    bool json_schemas;
    const char *parquet_bloom_columns;
    bool parquet_byte_stream_split, parquet_compatible;
    const char *bytes_extension, *bytes_separator;
    const char *null_values;   // fail | ignore | write
    const char *schema_change; // schema.compatibility
    bool store_keys, store_headers;
    const char *keys_format, *headers_format; // same | json | avro | parquet | bytes
    // rotation; 0 or below = never for this reason
    int64_t rotate_bytes;
    int64_t rotate_interval_ms;
    int64_t flush_records;
    int64_t record_interval_ms;
    int64_t schedule_interval_ms;
    int64_t open_files_max;
    bool rotate_on_partition;
    // partitions
    const char *partitioner; // none | default | field | time | daily | hourly
    const char *partition_fields;
    bool partition_labels;
    const char *path_format;
    int64_t partition_duration_ms;
    const char *locale;
    const char *timezone;
    const char *timestamp_extractor; // wallclock | record | recordfield
    const char *timestamp_field;
    const char *tombstone_partition;
    // names
    const char *layout; // leat | confluent | harbor | template
    const char *name_template;
    const char *topics_dir;
    const char *tenant;
    const char *file_delimiter;
    const char *directory_delimiter;
    int64_t pad_width;
    S3Options s3; // when the target is s3://
} ObjectsOptions;

extern const OptionTable OBJECTS_OPTIONS;

enum { PART_VALUE, PART_KEY, PART_HEADERS, PARTS };

typedef enum PartitionKind { PARTITION_NONE, PARTITION_DEFAULT, PARTITION_FIELD, PARTITION_TIME } PartitionKind;
typedef enum TimeSource { TIME_WALLCLOCK, TIME_RECORD, TIME_FIELD } TimeSource;
typedef enum NullValues { NULLS_FAIL, NULLS_IGNORE, NULLS_WRITE } NullValues;

typedef struct Rules {
    const ObjectsOptions *options;
    size_t memory_bytes_max;          // of the sink
    const FileFormat *formats[PARTS]; // of keys, headers: NULL = they are not stored
    FileFormatOptions format_options[PARTS];
    const char *extensions[PARTS];
    const Envelope *envelope;
    EnvelopeOptions envelope_options;
    bool envelope_takes_events; // flat: formats that take events need no records
    bool values_bare;           // bytes of flat rows: their columns alone, and deletes have no value
    NullValues nulls;
    PartitionKind partition;
    const Slice *fields; // PARTITION_FIELD
    size_t field_count;
    Slice delimiter;      // of directories
    const TimePath *path; // PARTITION_TIME
    int64_t duration_ms;
    TimeSource time;
    Slice time_field;
    const Zone *zone;
    const NameLayout *layout;
} Rules;

// ERR_OPTION names the first option that is wrong, or two that do not go together.
CHECKED bool rules_make(Arena *arena, const ObjectsOptions *options, Slice connector, size_t memory_bytes_max,
                        Rules *rules, Err *err);

#endif
