// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/options.h"

#include "data/connect/envelope.h"
#include "data/format/avro/avro.h"
#include "data/format/flat.h"
#include "data/format/json_file.h"
#include "data/format/parquet/parquet.h"

#define AT(field) offsetof(ObjectsOptions, field)
#define DAY_MS    (INT64_C(24) * 3600 * 1000)

// name, type, flags, offset, default, min, max, choices, text
static const OptionSpec SPECS[] = {
    {"format", OPTION_CHOICE, 0, AT(format), "json", 0, 0, "json,avro,parquet,bytes", "The form of the files."},
    {"envelope", OPTION_CHOICE, 0, AT(envelope), "flat", 0, 0, "flat,debezium",
     "What a change becomes: the row and leat's own fields (flat), or key and envelope as Debezium writes them."},
    {"topic.prefix", OPTION_TEXT, 0, AT(topic_prefix), "", 0, 0, NULL,
     "Debezium's name of the source: in its records (unset: the pipeline's name), and before {topic} in names."},
    {"inexact.values", OPTION_CHOICE, 0, AT(inexact), "null", 0, 0, "null,fail,text",
     "Avro, Parquet, envelope=debezium: a value that its column's type cannot hold (NaN, infinity) is NULL or an "
     "error; "
     "text: with envelope=flat such columns are text."},
    {"file.compression", OPTION_CHOICE, 0, AT(compression), "default", 0, 0,
     "default,none,gzip,deflate,snappy,zstd,lz4",
     "How files are compressed; default: json and bytes none, avro snappy, parquet zstd."},
    {"file.compression.level", OPTION_INT, 0, AT(compression_level), "0", 0, 22, NULL,
     "The codec's level; 0 = its default."},
    {"file.rotate.bytes", OPTION_BYTES, 0, AT(rotate_bytes), "128MiB", 0, INT64_C(1) << 40, NULL,
     "A file is published at the first checkpoint past this size; 0 = at no size."},
    {"file.rotate.interval", OPTION_DURATION, 0, AT(rotate_interval_ms), "60s", 0, 7 * DAY_MS, NULL,
     "A file is published at the latest this long after its first record; 0 = after no time."},
    {"flush.size", OPTION_INT, 0, AT(flush_records), "0", 0, INT64_C(1) << 40, NULL,
     "The files of a table end after this many records, counted over all its partitions; 0 = after no number."},
    {"rotate.interval.ms", OPTION_INT, 0, AT(record_interval_ms), "-1", -1, 366 * DAY_MS, NULL,
     "The files of a table end when a record's time is this much later than the first one's (time partitioners)."},
    {"rotate.schedule.interval.ms", OPTION_INT, 0, AT(schedule_interval_ms), "-1", -1, DAY_MS, NULL,
     "Files are published at each multiple of this since midnight in the time zone."},
    {"rotate.file.on.partition.change", OPTION_BOOL, 0, AT(rotate_on_partition), "true", 0, 0, NULL,
     "With rotate.interval.ms: files also end when a record is of another partition than the one before."},
    {"partitioner.max.open.files", OPTION_INT, 0, AT(open_files_max), "-1", -1, 1 << 30, NULL,
     "The files of a table end before it has more partitions under way than this; -1 = no limit."},
    {"layout", OPTION_CHOICE, 0, AT(layout), "leat", 0, 0, "leat,confluent,harbor,template",
     "How files are named: leat's way, that of Confluent's S3 sink, Harbor's, or file.name.template."},
    {"file.name.template", OPTION_TEXT, 0, AT(name_template), "", 0, 0, NULL,
     "Names of files for layout=template, such as {topic}/{Y}/{M}/{offset}.{ext}."},
    {"tenant", OPTION_TEXT, 0, AT(tenant), "", 0, 0, NULL, "What {tenant} in names stands for (layout=harbor)."},
    {"topics.dir", OPTION_TEXT, 0, AT(topics_dir), "topics", 0, 0, NULL,
     "layout=confluent: the folder above all topics; empty = none."},
    {"file.delim", OPTION_TEXT, 0, AT(file_delimiter), "+", 0, 0, NULL,
     "layout=confluent: between topic, partition and offset in a file's name."},
    {"directory.delim", OPTION_TEXT, 0, AT(directory_delimiter), "/", 0, 0, NULL,
     "layout=confluent: between the folders of a name, and between the fields of a partition."},
    {"filename.offset.zero.pad.width", OPTION_INT, 0, AT(pad_width), "-1", -1, 20, NULL,
     "Digits of the offset in a name, at least; -1 = the layout's own: leat 20, confluent 10."},
    {"partitioner", OPTION_CHOICE, 0, AT(partitioner), "none", 0, 0, "none,default,field,time,daily,hourly",
     "Folders below a table's: none, partition=0 (default), by fields, by time."},
    {"partition.field.name", OPTION_LIST, 0, AT(partition_fields), "", 0, 0, NULL,
     "partitioner=field: the fields, by name or path (customer.country)."},
    {"partition.field.format.path", OPTION_BOOL, 0, AT(partition_labels), "true", 0, 0, NULL,
     "partitioner=field: folders are field=value; false: the value alone."},
    {"path.format", OPTION_TEXT, 0, AT(path_format), "", 0, 0, NULL,
     "partitioner=time: the folders, as in 'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH."},
    {"partition.duration.ms", OPTION_INT, 0, AT(partition_duration_ms), "-1", -1, 3660 * DAY_MS, NULL,
     "partitioner=time: times are rounded down to multiples of this."},
    {"locale", OPTION_TEXT, 0, AT(locale), "en", 0, 0, NULL, "Language of names of days and months: English only."},
    {"timezone", OPTION_TEXT, 0, AT(timezone), "UTC", 0, 0, NULL,
     "For folders of time, names and rotate.schedule.interval.ms: UTC, Europe/Berlin, +02:00."},
    {"timestamp.extractor", OPTION_CHOICE, 0, AT(timestamp_extractor), "wallclock", 0, 0,
     "wallclock,record,recordfield", "The time of a record: now, when the source committed it, or a field's."},
    {"timestamp.field", OPTION_TEXT, 0, AT(timestamp_field), "timestamp", 0, 0, NULL,
     "timestamp.extractor=recordfield: the field, by name or path."},
    {"behavior.on.null.values", OPTION_CHOICE, 0, AT(null_values), "ignore", 0, 0, "fail,ignore,write",
     "Tombstones, which follow deletes in envelope=debezium: left out, an error, or their keys written."},
    {"tombstone.encoded.partition", OPTION_TEXT, 0, AT(tombstone_partition), "tombstone", 0, 0, NULL,
     "The folder of tombstones' keys."},
    {"store.kafka.keys", OPTION_BOOL, 0, AT(store_keys), "false", 0, 0, NULL,
     "Beside each file one of the records' keys, .keys.EXTENSION."},
    {"keys.format", OPTION_CHOICE, 0, AT(keys_format), "same", 0, 0, "same,json,avro,parquet,bytes",
     "The form of the keys' files."},
    {"store.kafka.headers", OPTION_BOOL, 0, AT(store_headers), "false", 0, 0, NULL,
     "envelope=debezium: beside each file one of the records' headers, .headers.EXTENSION."},
    {"headers.format", OPTION_CHOICE, 0, AT(headers_format), "same", 0, 0, "same,json,avro,parquet",
     "The form of the headers' files."},
    {"schema.compatibility", OPTION_CHOICE, 0, AT(schema_change), "NONE", 0, 0, "NONE,BACKWARD,FORWARD,FULL",
     "Whatever it is, a change of a table's columns begins new files and loses nothing."},
    {"json.decimals", OPTION_CHOICE, 0, AT(decimals), "string", 0, 0, "string,number",
     "Decimals as strings, exact in every reader, or as JSON numbers."},
    {"json.documents", OPTION_CHOICE, 0, AT(documents), "string", 0, 0, "string,embedded",
     "Columns of type json and jsonb as strings, or embedded as JSON."},
    {"format.bytearray.extension", OPTION_TEXT, 0, AT(bytes_extension), ".bin", 0, 0, NULL,
     "format=bytes: how names end."},
    {"format.bytearray.separator", OPTION_TEXT, 0, AT(bytes_separator), "\\n", 0, 0, NULL,
     "format=bytes: what follows each record; \\n, \\r, \\t, \\0, \\\\ and \\xHH are bytes; empty = nothing."},
    {"json.schemas.enable", OPTION_BOOL, 0, AT(json_schemas), "false", 0, 0, NULL,
     "format=json, envelope=debezium: each record is {\"schema\":…,\"payload\":…}."},
    {"parquet.bloom.columns", OPTION_LIST, 0, AT(parquet_bloom_columns), "", 0, 0, NULL,
     "Parquet: columns with a bloom filter, by name or path (customer.email), in any table that has them; * = all."},
    {"parquet.byte.stream.split", OPTION_BOOL, 0, AT(parquet_byte_stream_split), "false", 0, 0, NULL,
     "Parquet: columns of real and double precision as BYTE_STREAM_SPLIT: smaller, but not every reader takes it."},
    {"parquet.compatible", OPTION_BOOL, 0, AT(parquet_compatible), "false", 0, 0, NULL,
     "Parquet: only the encodings that every reader takes, PLAIN and dictionaries; files are larger."},
    S3_OPTION_SPECS(ObjectsOptions, s3),
};

const OptionTable OBJECTS_OPTIONS = {.name = "Objects sink", .specs = SPECS, .count = ARRAY_LEN(SPECS)};

static bool is(const char *value, const char *text) {
    return strcmp(value, text) == 0;
}

// --- form ------------------------------------------------------------------------------------------------------

// Which codecs a format knows, the default first.
typedef struct FormatRow {
    const FileFormat *format;
    const char *codecs;
} FormatRow;

static const FormatRow FORMATS[] = {
    {&JSON_FORMAT, "none gzip"},
    {&AVRO_FORMAT, "snappy none deflate zstd"},
    {&PARQUET_FORMAT, "zstd none gzip snappy lz4"},
    {&BYTES_FORMAT, "none gzip"},
};

static const FormatRow *format_find(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++) {
        if (is(FORMATS[i].format->name, name)) {
            return &FORMATS[i];
        }
    }
    return NULL;
}

static bool word_in(const char *words, const char *word) {
    const char *at = strstr(words, word);
    size_t size = strlen(word);
    return at != NULL && (at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0');
}

static bool unescape(Arena *arena, const char *text, Slice *bytes, Err *err) {
    static const char ESCAPES[] = "nrt0\\", MEANING[] = "\n\r\t\0\\";
    uint8_t *made = ARENA_ARRAY(arena, uint8_t, strlen(text) + 1);
    size_t size = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '\\') {
            made[size++] = (uint8_t)*at;
            continue;
        }
        at++;
        const char *found = *at != '\0' ? strchr(ESCAPES, *at) : NULL;
        if (found != NULL) {
            made[size++] = (uint8_t)MEANING[found - ESCAPES];
        } else if (*at == 'x' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
            made[size++] = (uint8_t)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
            at += 2;
        } else {
            FAIL(err, ERR_OPTION, "format.bytearray.separator: there is no such escape");
            return err_hint(err, "it knows \\n \\r \\t \\0 \\\\ and \\xHH");
        }
    }
    *bytes = (Slice){made, size};
    return true;
}

// Of files of bytes: as the user says.
static bool bytes_make(Arena *arena, Rules *rules, int part, Err *err) {
    const char *extension = rules->options->bytes_extension;
    extension += extension[0] == '.' ? 1 : 0;
    for (const char *at = extension; *at != '\0'; at++) {
        if ((uint8_t)*at < ' ' || *at == 0x7f || *at == '/') {
            return FAIL(err, ERR_OPTION, "format.bytearray.extension holds a slash or a control character");
        }
    }
    if (extension[0] == '\0') {
        FAIL(err, ERR_OPTION, "format.bytearray.extension is empty");
        return err_hint(err, "for example .bin");
    }
    bool gzip = rules->format_options[part].codec == CODEC_GZIP;
    rules->extensions[part] = arena_printf(arena, "%s%s", extension, gzip ? ".gz" : "");
    return unescape(arena, rules->options->bytes_separator, &rules->format_options[part].separator, err);
}

static bool part_make(Arena *arena, Rules *rules, int part, const char *name, Err *err) {
    const ObjectsOptions *options = rules->options;
    const FormatRow *row = format_find(name);
    if (row == NULL) {
        return FAIL(err, ERR_OPTION, "there is no format %s", name);
    }
    char codec[16];
    snprintf(codec, sizeof(codec), "%s", options->compression);
    // Keys and headers that have another form than values are compressed in that form's own way.
    if (is(codec, "default") || (part != PART_VALUE && rules->formats[PART_VALUE] != row->format)) {
        snprintf(codec, sizeof(codec), "%.*s", (int)strcspn(row->codecs, " "), row->codecs);
    }
    FileFormatOptions *made = &rules->format_options[part];
    *made = (FileFormatOptions){
        .level = (int)options->compression_level,
        .group_bytes_max = rules->memory_bytes_max / 4,
        .json_decimals_number = is(options->decimals, "number"),
        .json_documents_embedded = is(options->documents, "embedded"),
        .byte_stream_split = options->parquet_byte_stream_split,
        .bloom_columns = options->parquet_bloom_columns,
        .compatible = options->parquet_compatible,
    };
    if (!word_in(row->codecs, codec) || !codec_find(codec, &made->codec)) {
        FAIL(err, ERR_OPTION, "format %s knows no compression %s", name, codec);
        return err_hint(err, "it can be: %s", row->codecs);
    }
    rules->formats[part] = row->format;
    rules->extensions[part] = row->format->extension(made);
    return row->format != &BYTES_FORMAT || bytes_make(arena, rules, part, err);
}

static bool envelope_make(Rules *rules, Slice connector, Err *err) {
    const ObjectsOptions *options = rules->options;
    Slice prefix = slice_of(options->topic_prefix);
    rules->envelope_takes_events = is(options->envelope, "flat");
    rules->envelope = rules->envelope_takes_events ? &FLAT_ENVELOPE : &DEBEZIUM_ENVELOPE;
    rules->envelope_options = (EnvelopeOptions){.connector = prefix.size > 0 ? prefix : connector,
                                                .fail_on_inexact = is(options->inexact, "fail"),
                                                .exact_text = is(options->inexact, "text")};
    if (!rules->envelope_takes_events && is(options->inexact, "text")) {
        FAIL(err, ERR_OPTION, "inexact.values=text: Debezium's types of columns are given");
        return err_hint(err, "set inexact.values to null or fail, or envelope=flat");
    }
    if (options->json_schemas && rules->envelope_takes_events) {
        FAIL(err, ERR_OPTION, "json.schemas.enable is for envelope=debezium");
        return err_hint(err, "set envelope=debezium too");
    }
    return true;
}

static bool headers_make(Arena *arena, Rules *rules, Err *err) {
    const ObjectsOptions *options = rules->options;
    const char *format = is(options->headers_format, "same") ? options->format : options->headers_format;
    if (rules->envelope_takes_events) {
        FAIL(err, ERR_OPTION, "store.kafka.headers: rows have no headers, Debezium's records have");
        return err_hint(err, "set envelope=debezium, or store.kafka.headers=false");
    }
    if (is(format, "bytes")) {
        FAIL(err, ERR_OPTION, "store.kafka.headers: format bytes cannot write headers");
        return err_hint(err, "set headers.format=json");
    }
    rules->envelope_options.headers = true;
    TRY(part_make(arena, rules, PART_HEADERS, format, err));
    rules->extensions[PART_HEADERS] = arena_printf(arena, "headers.%s", rules->extensions[PART_HEADERS]);
    return true;
}

static bool form_make(Arena *arena, Rules *rules, Err *err) {
    const ObjectsOptions *options = rules->options;
    TRY(part_make(arena, rules, PART_VALUE, options->format, err));
    rules->values_bare = rules->envelope_takes_events && rules->formats[PART_VALUE] == &BYTES_FORMAT;
    rules->nulls = is(options->null_values, "fail")     ? NULLS_FAIL
                   : is(options->null_values, "ignore") ? NULLS_IGNORE
                                                        : NULLS_WRITE;
    if (rules->nulls == NULLS_WRITE && !options->store_keys) {
        FAIL(err, ERR_OPTION, "behavior.on.null.values=write writes the keys of tombstones, and keys are not stored");
        return err_hint(err, "set store.kafka.keys=true");
    }
    if (options->store_keys) {
        bool same = is(options->keys_format, "same");
        TRY(part_make(arena, rules, PART_KEY, same ? options->format : options->keys_format, err));
        rules->extensions[PART_KEY] = arena_printf(arena, "keys.%s", rules->extensions[PART_KEY]);
    }
    return !options->store_headers || headers_make(arena, rules, err);
}

// --- partitions ------------------------------------------------------------------------------------------------

static bool fields_make(Arena *arena, Rules *rules, Err *err) {
    const char *list = rules->options->partition_fields;
    Slice *fields = ARENA_ARRAY(arena, Slice, strlen(list) + 1);
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, ", ");
        size_t size = strcspn(at, ",");
        size_t end = size;
        while (end > 0 && at[end - 1] == ' ') {
            end--;
        }
        if (end > 0) {
            fields[rules->field_count++] = arena_slice(arena, (Slice){(const uint8_t *)at, end});
        }
        at += size;
    }
    rules->fields = fields;
    if (rules->field_count == 0) {
        FAIL(err, ERR_OPTION, "partitioner=field needs partition.field.name");
        return err_hint(err, "for example partition.field.name=country,kind");
    }
    return true;
}

static bool time_make(Arena *arena, Rules *rules, Err *err) {
    const ObjectsOptions *options = rules->options;
    const char *d = is(options->layout, "confluent") ? options->directory_delimiter : "/";
    const char *format = options->path_format;
    rules->duration_ms = options->partition_duration_ms;
    if (is(options->partitioner, "daily")) {
        format = arena_printf(arena, "'year'=YYYY'%smonth'=MM'%sday'=dd", d, d);
        rules->duration_ms = DAY_MS;
    } else if (is(options->partitioner, "hourly")) {
        format = arena_printf(arena, "'year'=YYYY'%smonth'=MM'%sday'=dd'%shour'=HH", d, d, d);
        rules->duration_ms = DAY_MS / 24;
    } else if (format[0] == '\0' || rules->duration_ms <= 0) {
        FAIL(err, ERR_OPTION, "partitioner=time needs path.format and partition.duration.ms above 0");
        return err_hint(err, "or take partitioner=daily or partitioner=hourly");
    }
    if (strchr(d, '\'') != NULL) {
        return FAIL(err, ERR_OPTION, "directory.delim must not hold a quote");
    }
    return time_path_make(arena, format, &rules->path, err);
}

static bool partitions_make(Arena *arena, Rules *rules, Err *err) {
    const ObjectsOptions *options = rules->options;
    const char *extractor = options->timestamp_extractor;
    rules->delimiter = slice_of(is(options->layout, "confluent") ? options->directory_delimiter : "/");
    rules->time = is(extractor, "record") ? TIME_RECORD : is(extractor, "recordfield") ? TIME_FIELD : TIME_WALLCLOCK;
    rules->time_field = slice_of(options->timestamp_field);
    TRY(zone_load(arena, options->timezone, &rules->zone, err));
    if (strncmp(options->locale, "en", 2) != 0 ||
        (options->locale[2] != '\0' && strchr("-_", options->locale[2]) == NULL)) {
        FAIL(err, ERR_OPTION, "locale: names of days and months are written in English only");
        return err_hint(err, "set locale=en, and use numbers in path.format (MM, dd) for another language");
    }
    if (rules->time == TIME_FIELD && rules->time_field.size == 0) {
        return FAIL(err, ERR_OPTION, "timestamp.extractor=recordfield needs timestamp.field");
    }
    if (is(options->partitioner, "none")) {
        rules->partition = PARTITION_NONE;
    } else if (is(options->partitioner, "default")) {
        rules->partition = PARTITION_DEFAULT;
    } else if (is(options->partitioner, "field")) {
        rules->partition = PARTITION_FIELD;
        TRY(fields_make(arena, rules, err));
    } else {
        rules->partition = PARTITION_TIME;
        TRY(time_make(arena, rules, err));
    }
    if (options->record_interval_ms > 0 && rules->partition != PARTITION_TIME) {
        FAIL(err, ERR_OPTION, "rotate.interval.ms goes by the time that a time partitioner takes from records");
        return err_hint(err, "set partitioner=time, daily or hourly, or use file.rotate.interval");
    }
    return true;
}

static bool names_make(Arena *arena, Rules *rules, Slice connector, Err *err) {
    const ObjectsOptions *options = rules->options;
    const char *topics = options->topics_dir;
    size_t size = strlen(topics);
    while (size > 0 && topics[size - 1] == '/') {
        size--;
    }
    topics = arena_text(arena, (Slice){(const uint8_t *)topics, size});
    NameOptions names = {
        .layout = options->layout,
        .template_text = options->name_template,
        .topics_dir = topics,
        .file_delimiter = options->file_delimiter,
        .directory_delimiter = options->directory_delimiter,
        .tenant = options->tenant,
        .connector = connector,
        .pad_width = options->pad_width,
        .partitioned = rules->partition != PARTITION_NONE || rules->nulls == NULLS_WRITE,
        .many_parts = options->store_keys || options->store_headers,
        .tombstones = rules->nulls == NULLS_WRITE,
    };
    if (options->name_template[0] != '\0' && !is(options->layout, "template")) {
        FAIL(err, ERR_OPTION, "file.name.template is for layout=template");
        return err_hint(err, "set layout=template too");
    }
    return name_layout_make(arena, &names, &rules->layout, err);
}

bool rules_make(Arena *arena, const ObjectsOptions *options, Slice connector, size_t memory_bytes_max, Rules *rules,
                Err *err) {
    *rules = (Rules){.options = options, .memory_bytes_max = memory_bytes_max};
    return (envelope_make(rules, connector, err) && form_make(arena, rules, err) &&
            partitions_make(arena, rules, err) && names_make(arena, rules, connector, err)) ||
           err_frame(err, __FILE__, __LINE__);
}
