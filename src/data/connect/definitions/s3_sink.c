// SPDX-License-Identifier: Apache-2.0
// Confluent's S3 sink connector: names, types and defaults are its own, the texts are ours. What leat does with each is
// in flow/pipeline/s3_sink.c.
#include "data/connect/plugin_tables.h"

#include <strings.h>

#define ROW(row_name, row_type, row_default, row_importance, row_group, row_order, row_width, row_display)  \
    .name = (row_name), .type = (row_type), .default_value = (row_default), .importance = (row_importance), \
    .group = (row_group), .order_in_group = (row_order), .width = (row_width), .display_name = (row_display)
#define NO_EFFECT(row_note) .effect = EFFECT_NONE, .note = (row_note)
#define REFUSED(row_note)   .effect = EFFECT_REFUSED, .note = (row_note)

#define S3_GROUP        "S3"
#define CONNECTOR_GROUP "Connector"
#define STORAGE_GROUP   "Storage"
#define PARTITION_GROUP "Partitioner"
#define KEYS_GROUP      "Keys and Headers"

#define FORMATS       "io.confluent.connect.s3.format."
#define WITHOUT_FILES "files are staged below the data directory, and sent when they are complete"

const Definition S3_SINK_DEFINITIONS[] = {
    // S3
    {ROW("s3.bucket.name", DEFINE_STRING, NULL, IMPORTANCE_HIGH, S3_GROUP, 1, WIDTH_LONG, "S3 Bucket"),
     .required = true, .documentation = "The bucket that objects are written into. It must exist."},
    {ROW("s3.region", DEFINE_STRING, "us-west-2", IMPORTANCE_MEDIUM, S3_GROUP, 2, WIDTH_LONG, "AWS region"),
     .documentation = "The bucket's region."},
    {ROW("s3.part.size", DEFINE_INT, "26214400", IMPORTANCE_HIGH, S3_GROUP, 3, WIDTH_LONG, "S3 Part Size"),
     .minimum = "5242880", .maximum = "2147483647",
     .documentation = "Bytes of a part of an upload in parts; files of up to two parts are sent in one request."},
    {ROW("s3.credentials.provider.class", DEFINE_CLASS, "com.amazonaws.auth.DefaultAWSCredentialsProviderChain",
         IMPORTANCE_LOW, S3_GROUP, 4, WIDTH_LONG, "AWS Credentials Provider Class"),
     NO_EFFECT("leat looks for credentials in the configuration, the environment, a web identity, the profile, the "
               "container and the instance, in this order"),
     .documentation = "Who gives the credentials."},
    {ROW("aws.access.key.id", DEFINE_STRING, "", IMPORTANCE_HIGH, S3_GROUP, 5, WIDTH_LONG, "AWS Access Key ID"),
     .documentation = "The access key's id; empty: credentials come from where the process runs."},
    {ROW("aws.secret.access.key", DEFINE_PASSWORD, "", IMPORTANCE_HIGH, S3_GROUP, 6, WIDTH_LONG,
         "AWS Secret Access Key"),
     .documentation = "The access key's secret."},
    {ROW("s3.ssea.name", DEFINE_STRING, "", IMPORTANCE_LOW, S3_GROUP, 7, WIDTH_LONG,
         "S3 Server Side Encryption Algorithm"),

     .documentation = "How the service encrypts objects; empty: as the bucket is set up."},
    {ROW("s3.sse.customer.key", DEFINE_PASSWORD, "", IMPORTANCE_LOW, S3_GROUP, 8, WIDTH_LONG,
         "S3 Server Side Encryption Customer-Provided Key (SSE-C)"),
     REFUSED(
         "leat has no encryption with customers' keys: objects would be stored without it. Use s3.ssea.name=aws:kms"),
     .documentation = "A key of one's own for the service to encrypt with."},
    {ROW("s3.sse.kms.key.id", DEFINE_STRING, "", IMPORTANCE_LOW, S3_GROUP, 9, WIDTH_LONG,
         "S3 Server Side Encryption Key"),
     .documentation = "The KMS key for s3.ssea.name=aws:kms; empty: the account's own."},
    {ROW("s3.acl.canned", DEFINE_STRING, NULL, IMPORTANCE_LOW, S3_GROUP, 10, WIDTH_LONG, "S3 Canned ACL"),
     .documentation = "A canned ACL for each object, such as bucket-owner-full-control."},
    {ROW("s3.wan.mode", DEFINE_BOOLEAN, "false", IMPORTANCE_MEDIUM, S3_GROUP, 11, WIDTH_LONG,
         "S3 accelerated endpoint enabled"),
     NO_EFFECT("set store.url to the bucket's accelerated endpoint"),
     .documentation = "Whether the accelerated endpoint is used."},
    {ROW("s3.compression.type", DEFINE_STRING, "none", IMPORTANCE_LOW, S3_GROUP, 12, WIDTH_LONG, "Compression type"),
     .choices = "none,gzip", .documentation = "How files of JSON and of bytes are compressed."},
    {ROW("s3.compression.level", DEFINE_INT, "-1", IMPORTANCE_LOW, S3_GROUP, 13, WIDTH_LONG, "Compression level"),
     .minimum = "-1", .maximum = "9", .documentation = "The level for s3.compression.type=gzip; -1: leat's own, 1."},
    {ROW("s3.part.retries", DEFINE_INT, "3", IMPORTANCE_MEDIUM, S3_GROUP, 14, WIDTH_LONG, "S3 Part Upload Retries"),
     NO_EFFECT("what may pass by itself is tried again, with growing pauses, until it works"),
     .documentation = "How often an upload is tried again."},
    {ROW("s3.retry.backoff.ms", DEFINE_LONG, "200", IMPORTANCE_LOW, S3_GROUP, 15, WIDTH_SHORT, "Retry Backoff (ms)"),
     NO_EFFECT("leat's own pauses hold"), .documentation = "The pause before an upload is tried again, in ms."},
    {ROW("s3.path.style.access.enabled", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, S3_GROUP, 16, WIDTH_SHORT,
         "Enable Path Style Access to S3"),
     .documentation = "The bucket in the path of URLs, not in their host."},
    {ROW("s3.proxy.url", DEFINE_STRING, "", IMPORTANCE_LOW, S3_GROUP, 17, WIDTH_LONG, "S3 Proxy Settings"),
     REFUSED("leat reaches the store directly: objects would not go through the proxy"),
     .documentation = "A proxy on the way to the store."},
    {ROW("s3.proxy.user", DEFINE_STRING, NULL, IMPORTANCE_LOW, S3_GROUP, 18, WIDTH_LONG, "S3 Proxy User"),
     NO_EFFECT("there is no proxy"), .documentation = "The proxy's user."},
    {ROW("s3.proxy.password", DEFINE_PASSWORD, "", IMPORTANCE_LOW, S3_GROUP, 19, WIDTH_LONG, "S3 Proxy Password"),
     NO_EFFECT("there is no proxy"), .documentation = "The proxy's password."},
    {ROW("s3.http.send.expect.continue", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, S3_GROUP, 20, WIDTH_LONG,
         "S3 HTTP Send Uses Expect Continue"),
     NO_EFFECT("the HTTP client decides it"), .documentation = "Whether bodies wait for the service's consent."},
    {ROW("s3.object.tagging", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, S3_GROUP, 21, WIDTH_LONG, "S3 Object Tagging"),
     NO_EFFECT("objects carry no tags; their names hold topic, partition and offset"),
     .documentation = "Whether objects are tagged with their offsets."},
    {ROW("s3.object.behavior.on.tagging.error", DEFINE_STRING, "ignore", IMPORTANCE_LOW, S3_GROUP, 22, WIDTH_SHORT,
         "Behavior for S3 object tagging error"),
     NO_EFFECT("objects carry no tags"), .documentation = "What an error in tagging does."},
    {ROW("s3.elastic.buffer.enable", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, S3_GROUP, 23, WIDTH_LONG,
         "Enable elastic buffer to staging s3-part"),
     NO_EFFECT(WITHOUT_FILES), .documentation = "Whether buffers of parts grow as needed."},
    {ROW("s3.elastic.buffer.init.capacity", DEFINE_INT, "131072", IMPORTANCE_LOW, S3_GROUP, 24, WIDTH_LONG,
         "Elastic buffer initial capacity"),
     NO_EFFECT(WITHOUT_FILES), .documentation = "Bytes that such a buffer begins with."},
    {ROW("enable.conditional.writes", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, S3_GROUP, 25, WIDTH_SHORT,
         "Enable conditional writes"),
     NO_EFFECT("an object is always written on the condition that nobody else has written it"),
     .documentation = "Whether objects are written only where there is none."},
    {ROW("behavior.on.null.values", DEFINE_STRING, "fail", IMPORTANCE_LOW, S3_GROUP, 26, WIDTH_SHORT,
         "Behavior for null-valued records"),
     .choices = "fail,ignore,write",
     .documentation =
         "What a record without a value does, such as a tombstone: fail stops the connector, ignore leaves "
         "it out, write writes its key (with store.kafka.keys)."},
    {ROW("tombstone.encoded.partition", DEFINE_STRING, "tombstone", IMPORTANCE_LOW, S3_GROUP, 27, WIDTH_SHORT,
         "Tombstone Encoded Partition"),
     .documentation = "The folder of tombstones' keys."},
    // Connector
    {ROW("format.class", DEFINE_CLASS, NULL, IMPORTANCE_HIGH, CONNECTOR_GROUP, 1, WIDTH_NONE, "Format class"),
     .required = true,
     .documentation = "The form of files: " FORMATS "avro.AvroFormat, json.JsonFormat, parquet.ParquetFormat or "
                      "bytearray.ByteArrayFormat."},
    {ROW("flush.size", DEFINE_INT, NULL, IMPORTANCE_HIGH, CONNECTOR_GROUP, 2, WIDTH_LONG, "Flush Size"),
     .required = true, .minimum = "1",
     .documentation = "A topic's files end after so many records, counted over all its folders."},
    {ROW("rotate.interval.ms", DEFINE_LONG, "-1", IMPORTANCE_HIGH, CONNECTOR_GROUP, 3, WIDTH_MEDIUM,
         "Rotate Interval (ms)"),
     .documentation = "A topic's files end when a record's time is this much later than the first one's; for time "
                      "partitioners."},
    {ROW("rotate.schedule.interval.ms", DEFINE_LONG, "-1", IMPORTANCE_MEDIUM, CONNECTOR_GROUP, 4, WIDTH_MEDIUM,
         "Rotate Schedule Interval (ms)"),
     .documentation = "Files are published at each multiple of this since midnight in the time zone. Which records a "
                      "file holds then depends on the clock; none is lost or written twice."},
    {ROW("rotate.file.on.partition.change", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, CONNECTOR_GROUP, 5, WIDTH_SHORT,
         "Rotate file on partition change"),
     .documentation = "With rotate.interval.ms: files also end when a record is of another folder than the one "
                      "before."},
    {ROW("schema.compatibility", DEFINE_STRING, "NONE", IMPORTANCE_HIGH, CONNECTOR_GROUP, 6, WIDTH_SHORT,
         "Schema Compatibility"),
     .choices = "NONE,BACKWARD,FORWARD,FULL",
     .documentation = "Whatever it is, another schema begins new files: no record is projected, nothing is lost."},
    {ROW("schemas.cache.config", DEFINE_INT, "1000", IMPORTANCE_LOW, CONNECTOR_GROUP, 7, WIDTH_LONG,
         "Schema Cache Size"),
     NO_EFFECT("each schema is compiled once"), .documentation = "How many schemas are kept."},
    {ROW("retry.backoff.ms", DEFINE_LONG, "5000", IMPORTANCE_LOW, CONNECTOR_GROUP, 8, WIDTH_NONE, "Retry Backoff (ms)"),
     NO_EFFECT("leat's own pauses hold"), .documentation = "The pause before a failed write is tried again, in ms."},
    {ROW("shutdown.timeout.ms", DEFINE_LONG, "3000", IMPORTANCE_MEDIUM, CONNECTOR_GROUP, 9, WIDTH_MEDIUM,
         "Shutdown Timeout (ms)"),
     NO_EFFECT("files under way are not published at a stop; they are written again"),
     .documentation = "How long a stop waits, in ms."},
    {ROW("filename.offset.zero.pad.width", DEFINE_INT, "10", IMPORTANCE_LOW, CONNECTOR_GROUP, 10, WIDTH_LONG,
         "Filename Offset Zero Pad Width"),
     .minimum = "0", .maximum = "20", .documentation = "Digits of the offset in names, at least."},
    {ROW("avro.codec", DEFINE_STRING, "null", IMPORTANCE_LOW, CONNECTOR_GROUP, 11, WIDTH_LONG,
         "Avro Compression Codec"),
     .choices = "null,deflate,snappy,zstandard", .documentation = "How the blocks of Avro files are compressed."},
    {ROW("parquet.codec", DEFINE_STRING, "snappy", IMPORTANCE_LOW, CONNECTOR_GROUP, 12, WIDTH_LONG,
         "Parquet Compression Codec"),
     .choices = "none,gzip,snappy,lz4,zstd", .documentation = "How the pages of Parquet files are compressed."},
    {ROW("format.bytearray.extension", DEFINE_STRING, ".bin", IMPORTANCE_LOW, CONNECTOR_GROUP, 13, WIDTH_LONG,
         "Output file extension for ByteArrayFormat"),
     .documentation = "How names of files of bytes end."},
    {ROW("format.bytearray.separator", DEFINE_STRING, NULL, IMPORTANCE_LOW, CONNECTOR_GROUP, 14, WIDTH_LONG,
         "Line separator ByteArrayFormat"),
     .documentation = "What follows each record in files of bytes; unset: a newline."},
    {ROW("enhanced.avro.schema.support", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, CONNECTOR_GROUP, 15, WIDTH_SHORT,
         "Enhanced Avro Support"),
     NO_EFFECT("schemas in Avro files keep packages and what Connect says of them"),
     .documentation = "Whether Avro schemas keep names in full."},
    {ROW("connect.meta.data", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, CONNECTOR_GROUP, 16, WIDTH_SHORT,
         "Connect Metadata"),
     NO_EFFECT("schemas in Avro files keep what Connect says of them"),
     .documentation = "Whether Avro schemas keep Connect's properties."},
    {ROW("allow.optional.map.keys", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, CONNECTOR_GROUP, 17, WIDTH_SHORT,
         "Allow optional map keys"),
     NO_EFFECT("keys of maps are never optional"), .documentation = "Whether keys of maps may be optional in Avro."},
    {ROW("json.decimal.format", DEFINE_STRING, "BASE64", IMPORTANCE_LOW, CONNECTOR_GROUP, 18, WIDTH_SHORT,
         "Decimal Format"),
     .choices = "BASE64,NUMERIC", .documentation = "Decimals in JSON as base64 of their digits, or as numbers."},
    {ROW("replace.null.with.default", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, CONNECTOR_GROUP, 19, WIDTH_SHORT,
         "Replace null with default"),
     NO_EFFECT("a null stays a null: what was NULL in the source can be told from its default"),
     .documentation = "Whether a null becomes its field's default in JSON."},
    // Storage
    {ROW("storage.class", DEFINE_CLASS, "io.confluent.connect.s3.storage.S3Storage", IMPORTANCE_HIGH, STORAGE_GROUP, 1,
         WIDTH_NONE, "Storage Class"),
     NO_EFFECT("leat's own store, for S3 and what speaks like it"), .documentation = "Where files go."},
    {ROW("topics.dir", DEFINE_STRING, "topics", IMPORTANCE_HIGH, STORAGE_GROUP, 2, WIDTH_NONE, "Topics directory"),
     .documentation = "The folder above all topics; empty: none."},
    {ROW("store.url", DEFINE_STRING, NULL, IMPORTANCE_HIGH, STORAGE_GROUP, 3, WIDTH_NONE, "Store URL"),
     .documentation = "The endpoint of a service other than AWS. file:///DIRECTORY writes into files below "
                      "DIRECTORY/BUCKET, for tests."},
    {ROW("directory.delim", DEFINE_STRING, "/", IMPORTANCE_MEDIUM, STORAGE_GROUP, 4, WIDTH_LONG, "Directory Delimiter"),
     .documentation = "What is between the folders of a name."},
    {ROW("file.delim", DEFINE_STRING, "+", IMPORTANCE_MEDIUM, STORAGE_GROUP, 5, WIDTH_LONG, "File Delimiter"),
     .documentation = "What is between topic, partition and offset in a name."},
    // Partitioner
    {ROW("partitioner.class", DEFINE_CLASS, "io.confluent.connect.storage.partitioner.DefaultPartitioner",
         IMPORTANCE_HIGH, PARTITION_GROUP, 1, WIDTH_LONG, "Partitioner Class"),
     .documentation = "The folders below a topic's: DefaultPartitioner (partition=0), FieldPartitioner, "
                      "TimeBasedPartitioner, DailyPartitioner or HourlyPartitioner of "
                      "io.confluent.connect.storage.partitioner."},
    {ROW("partition.field.name", DEFINE_LIST, "", IMPORTANCE_MEDIUM, PARTITION_GROUP, 2, WIDTH_NONE,
         "Partition Field Name"),
     .documentation = "The fields for FieldPartitioner, by name or path (after.country)."},
    {ROW("partition.field.format.path", DEFINE_BOOLEAN, "true", IMPORTANCE_LOW, PARTITION_GROUP, 3, WIDTH_SHORT,
         "Partition Field Format Path"),
     .documentation = "FieldPartitioner: folders are field=value; false: the value alone."},
    {ROW("partition.duration.ms", DEFINE_LONG, "-1", IMPORTANCE_MEDIUM, PARTITION_GROUP, 4, WIDTH_NONE,
         "Partition Duration (ms)"),
     .documentation = "TimeBasedPartitioner: times are rounded down to multiples of this."},
    {ROW("path.format", DEFINE_STRING, "", IMPORTANCE_MEDIUM, PARTITION_GROUP, 5, WIDTH_LONG, "Path Format"),
     .documentation = "TimeBasedPartitioner: the folders, as in 'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH."},
    {ROW("locale", DEFINE_STRING, "", IMPORTANCE_MEDIUM, PARTITION_GROUP, 6, WIDTH_MEDIUM, "Locale"),
     .documentation = "Language of names of days and months; leat knows English."},
    {ROW("timezone", DEFINE_STRING, "", IMPORTANCE_MEDIUM, PARTITION_GROUP, 7, WIDTH_MEDIUM, "Timezone"),
     .documentation = "The time zone of folders and schedules; UTC when it is empty."},
    {ROW("timestamp.extractor", DEFINE_STRING, "Wallclock", IMPORTANCE_MEDIUM, PARTITION_GROUP, 8, WIDTH_LONG,
         "Timestamp Extractor"),
     .documentation = "A record's time: Wallclock (now), Record (its own) or RecordField (timestamp.field's)."},
    {ROW("timestamp.field", DEFINE_STRING, "timestamp", IMPORTANCE_MEDIUM, PARTITION_GROUP, 9, WIDTH_LONG,
         "Record Field for Timestamp Extractor"),
     .documentation = "The field for timestamp.extractor=RecordField, by name or path."},
    {ROW("partitioner.max.open.files", DEFINE_INT, "-1", IMPORTANCE_MEDIUM, PARTITION_GROUP, 10, WIDTH_LONG,
         "Partitioner Max Open Files"),
     .documentation = "A topic's files end before it has more of them under way; -1: no limit."},
    {ROW("s3.schema.partition.affix.type", DEFINE_STRING, "NONE", IMPORTANCE_LOW, PARTITION_GROUP, 11, WIDTH_LONG,
         "S3 Schema Partition Affix Type"),
     .choices = "NONE", .documentation = "A schema's name in names of folders; leat adds none."},
    // Keys and headers
    {ROW("store.kafka.keys", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, KEYS_GROUP, 1, WIDTH_SHORT, "Store kafka keys"),
     .documentation = "Beside each file one of the records' keys."},
    {ROW("keys.format.class", DEFINE_CLASS, FORMATS "avro.AvroFormat", IMPORTANCE_LOW, KEYS_GROUP, 2, WIDTH_NONE,
         "Keys format class"),
     .documentation = "The form of the keys' files."},
    {ROW("store.kafka.headers", DEFINE_BOOLEAN, "false", IMPORTANCE_LOW, KEYS_GROUP, 3, WIDTH_SHORT,
         "Store kafka headers"),
     .documentation = "Beside each file one of the records' headers."},
    {ROW("headers.format.class", DEFINE_CLASS, FORMATS "avro.AvroFormat", IMPORTANCE_LOW, KEYS_GROUP, 4, WIDTH_NONE,
         "Headers format class"),
     .documentation = "The form of the headers' files."},
    // leat
    {ROW("leat.*", DEFINE_STRING, NULL, IMPORTANCE_LOW, NULL, -1, WIDTH_NONE, "leat"),
     .documentation = "Options of leat's own: leat.memory.limit, and those of its objects sink."},
};
const size_t S3_SINK_DEFINITIONS_COUNT = ARRAY_LEN(S3_SINK_DEFINITIONS);

// --- what rows cannot say --------------------------------------------------------------------------------------

static Slice given(const Properties *config, const char *name) {
    const Property *property = properties_find(config, slice_of(name));
    return property != NULL ? property->value : (Slice){0};
}

static bool ends_with(Slice text, const char *end) {
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

static bool one_of(Slice text, const char *const *ends, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (ends_with(text, ends[i])) {
            return true;
        }
    }
    return text.size == 0;
}

static bool is_true(Slice text) {
    return text.size == 4 && strncasecmp((const char *)text.data, "true", 4) == 0;
}

static void classes_check(const Properties *config, Validation *validation) {
    static const char *const FORMAT_KEYS[] = {"format.class", "keys.format.class", "headers.format.class"};
    static const char *const FORMAT_ENDS[] = {".AvroFormat", ".JsonFormat", ".ParquetFormat", ".ByteArrayFormat"};
    static const char *const PARTITIONERS[] = {".DefaultPartitioner", ".FieldPartitioner", ".TimeBasedPartitioner",
                                               ".DailyPartitioner", ".HourlyPartitioner"};
    for (size_t i = 0; i < ARRAY_LEN(FORMAT_KEYS); i++) {
        Slice value = given(config, FORMAT_KEYS[i]);
        if (!one_of(value, FORMAT_ENDS, ARRAY_LEN(FORMAT_ENDS))) {
            validation_error(validation, FORMAT_KEYS[i],
                             "Invalid value %.*s for configuration %s: leat has no such format; it has " FORMATS
                             "avro.AvroFormat, json.JsonFormat, parquet.ParquetFormat and bytearray.ByteArrayFormat",
                             SLICE_ARG(value), FORMAT_KEYS[i]);
        }
    }
    Slice value = given(config, "partitioner.class");
    if (!one_of(value, PARTITIONERS, ARRAY_LEN(PARTITIONERS))) {
        validation_error(validation, "partitioner.class",
                         "Invalid value %.*s for configuration partitioner.class: leat cannot load other people's "
                         "classes; it has Default-, Field-, TimeBased-, Daily- and HourlyPartitioner",
                         SLICE_ARG(value));
    }
}

void s3_sink_check(const Properties *config, Validation *validation) {
    classes_check(config, validation);
    Slice partitioner = given(config, "partitioner.class");
    if (ends_with(partitioner, ".FieldPartitioner") && given(config, "partition.field.name").size == 0) {
        validation_error(validation, "partition.field.name", "FieldPartitioner needs the names of fields");
    }
    if (ends_with(partitioner, ".TimeBasedPartitioner") && given(config, "path.format").size == 0) {
        validation_error(validation, "path.format", "TimeBasedPartitioner needs a format for its folders");
    }
    Slice nulls = given(config, "behavior.on.null.values");
    bool write = nulls.size == 5 && strncasecmp((const char *)nulls.data, "write", 5) == 0;
    if (write && !is_true(given(config, "store.kafka.keys"))) {
        validation_error(validation, "behavior.on.null.values",
                         "behavior.on.null.values=write writes the keys of tombstones: it needs store.kafka.keys=true");
    }
}
