// SPDX-License-Identifier: Apache-2.0
// Iceberg metadata for the judges (tests/integration/test_iceberg_metadata.py):
//     leat_iceberg_probe same FILE                 a table's metadata as leat writes it again
//     leat_iceberg_probe change FILE               a commit's requirements and updates, likewise
//     leat_iceberg_probe apply BASE CHANGE NAME NOW   the metadata after a change, at NOW ms; BASE "-": of a new table;
//                                                  NAME: of the base's file, for the log
//     leat_iceberg_probe new SCHEMA SPEC           of a new table: schema as JSON, spec as users write it
//     leat_iceberg_probe transform                 lines of stdin "TYPE TRANSFORM VALUE", a line of result each
//     leat_iceberg_probe time FILE                 how long reading, writing and a small change take, in µs
// A value is an integer (dates and times since 1970), a text, or bytes in hexadecimal. An error goes to stderr; exit
// status 1.
#include "core/base/decimal.h"
#include "core/base/json.h"
#include "lake/iceberg/partition.h"
#include "lake/iceberg/update.h"

#include <time.h>

#define EPOCH_DAYS INT64_C(10957)
#define EPOCH_US   (EPOCH_DAYS * INT64_C(86400000000))

static Arena arena[1];

static bool read_file(const char *path, Buf *bytes, Err *err) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return FAIL(err, ERR_NOT_FOUND, "%s cannot be opened", path);
    }
    buf_init(bytes, 0);
    size_t size = 1;
    while (size > 0) {
        uint8_t *room = buf_room(bytes, 65536);
        size = fread(room, 1, 65536, file);
        buf_advance(bytes, size);
    }
    (void)fclose(file);
    return true;
}

static void print(const Buf *out) {
    (void)fwrite(out->data, 1, out->size, stdout);
    (void)putchar('\n');
}

static bool read_metadata(const char *path, TableMetadata *metadata, Err *err) {
    DEFER(buf_release) Buf bytes = {0};
    TRY(read_file(path, &bytes, err));
    return table_metadata_parse(buf_slice(&bytes), arena, metadata, err);
}

static bool same(const char *path, Err *err) {
    TableMetadata metadata;
    DEFER(buf_release) Buf out = {0};
    TRY(read_metadata(path, &metadata, err));
    table_metadata_write(&metadata, &out);
    print(&out);
    return true;
}

static bool read_change(const char *path, TableChange *change, Err *err) {
    DEFER(buf_release) Buf bytes = {0};
    TRY(read_file(path, &bytes, err));
    return table_change_parse(buf_slice(&bytes), arena, change, err);
}

static bool change_again(const char *path, Err *err) {
    TableChange change;
    DEFER(buf_release) Buf out = {0};
    TRY(read_change(path, &change, err));
    buf_u8(&out, '{');
    table_change_write(&change, &out);
    buf_u8(&out, '}');
    print(&out);
    return true;
}

static bool apply(char **arguments, Err *err) {
    TableMetadata base, made;
    TableChange change;
    DEFER(buf_release) Buf out = {0};
    bool none = strcmp(arguments[0], "-") == 0;
    TRY(none || read_metadata(arguments[0], &base, err));
    TRY(read_change(arguments[1], &change, err));
    TRY(table_requirements_check(none ? NULL : &base, &change, err));
    TRY(table_metadata_apply(none ? NULL : &base, slice_of(arguments[2]), &change, strtoll(arguments[3], NULL, 10),
                             arena, &made, NULL, NULL, err));
    table_metadata_write(&made, &out);
    print(&out);
    return true;
}

static bool new_table(const char *path, const char *partition_by, Err *err) {
    TableSchema schema;
    PartitionSpec spec = {0};
    SortOrder order = {0};
    TableMetadata made;
    int32_t last = ICEBERG_PARTITION_ID_FIRST - 1;
    DEFER(buf_release) Buf bytes = {0}, out = {0};
    TRY(read_file(path, &bytes, err));
    TRY(table_schema_parse(buf_slice(&bytes), arena, &schema, err));
    TRY(partition_spec_of_text(partition_by, &schema, &last, arena, &spec, err));
    TRY(table_number(arena, &schema, &spec, &order, err));
    TRY(table_metadata_new(2, SLICE("9c12d441-03fe-4693-9a96-a0705ddf69c1"), SLICE("file:///w/t"), &schema, &spec,
                           &order, NULL, 0, 1, arena, &made, err));
    table_metadata_write(&made, &out);
    print(&out);
    return true;
}

// --- transforms ------------------------------------------------------------------------------------------------

static Slice from_hex(const char *text) {
    size_t size = strlen(text) / 2;
    uint8_t *bytes = arena_alloc(arena, size);
    for (size_t i = 0; i < size; i++) {
        char pair[3] = {text[i * 2], text[i * 2 + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return (Slice){bytes, size};
}

static bool value_of(const Shape *shape, const char *text, Value *value, Err *err) {
    int64_t integer = strtoll(text, NULL, 10);
    switch ((int)shape->kind) {
    case SHAPE_INT32:
    case SHAPE_INT64:
        *value = value_int(integer);
        return true;
    case SHAPE_DATE:
        *value = (Value){.kind = VALUE_DATE, .integer = integer - EPOCH_DAYS};
        return true;
    case SHAPE_TIME:
        *value = (Value){.kind = VALUE_TIME, .integer = integer};
        return true;
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        value->kind = shape->kind == SHAPE_TIMESTAMP ? VALUE_TIMESTAMP : VALUE_TIMESTAMPTZ;
        value->integer = integer - EPOCH_US;
        return true;
    case SHAPE_DECIMAL:
        value->kind = VALUE_DECIMAL;
        return decimal_from_text(arena, slice_of(text), &value->bytes) || FAIL(err, ERR_VALUE, "no decimal: %s", text);
    case SHAPE_BYTES:
    case SHAPE_UUID:
        *value = value_bytes(shape->kind == SHAPE_UUID ? VALUE_UUID : VALUE_BYTES, from_hex(text));
        return true;
    default:
        *value = value_bytes(VALUE_STRING, slice_of(text));
        return true;
    }
}

static void value_print(const Value *value, Buf *out) {
    if (value->kind == VALUE_DECIMAL) {
        decimal_text(out, value->bytes);
    } else if (value->kind == VALUE_STRING) {
        buf_put(out, value->bytes);
    } else if (value->kind == VALUE_BYTES || value->kind == VALUE_UUID) {
        for (size_t i = 0; i < value->bytes.size; i++) {
            buf_printf(out, "%02x", value->bytes.data[i]);
        }
    } else {
        int64_t since = value->kind == VALUE_DATE                                            ? EPOCH_DAYS
                        : value->kind == VALUE_TIMESTAMP || value->kind == VALUE_TIMESTAMPTZ ? EPOCH_US
                                                                                             : 0;
        buf_int(out, value->integer + since);
    }
}

// The result, a tab, its folder.
static bool transform_line(char *line, Err *err) {
    char *save = line, *type = strsep(&save, "\t"), *transform = strsep(&save, "\t");
    char *json = arena_printf(arena,
                              "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"c\",\"required\":false,\"type\":"
                              "\"%s\"}]}",
                              type);
    TableSchema schema;
    TRY(table_schema_parse(slice_of(json), arena, &schema, err));
    PartitionField field = {
        .source_id = 1, .field_id = 1000, .name = SLICE("c p"), .transform_text = slice_of(transform)};
    PartitionSpec spec = {.fields = &field, .field_count = 1};
    Value value = {.kind = VALUE_NULL}, result;
    DEFER(buf_release) Buf out = {0};
    (void)transform_parse(field.transform_text, &field.transform, &field.width);
    TRY(value_of(&schema.shape->fields[0].shape, save, &value, err));
    TRY(transform_value(&field, &schema.shape->fields[0].shape, &value, arena, &result, err));
    value_print(&result, &out);
    buf_u8(&out, '\t');
    TRY(partition_path(&schema, &spec, &result, &out, err));
    print(&out);
    return true;
}

static bool transforms(Err *err) {
    char line[4096];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        TRY(transform_line(line, err));
    }
    return true;
}

// --- time ------------------------------------------------------------------------------------------------------

static double micros_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

enum { ROUNDS = 50 };

// The best of some rounds of each.
static bool measure(const char *path, Err *err) {
    double best[3] = {1e12, 1e12, 1e12};
    DEFER(buf_release) Buf bytes = {0}, out = {0};
    TRY(read_file(path, &bytes, err));
    for (int i = 0; i < ROUNDS; i++) {
        TableMetadata metadata, made;
        TableUpdate updates[2] = {{.action = UPDATE_ADD_SNAPSHOT}, {.action = UPDATE_SET_SNAPSHOT_REF}};
        arena_reset(arena);
        buf_reset(&out);
        double t0 = micros_now();
        TRY(table_metadata_parse(buf_slice(&bytes), arena, &metadata, err));
        double t1 = micros_now();
        table_metadata_write(&metadata, &out);
        double t2 = micros_now();
        updates[0].snapshot = (Snapshot){.id = 1,
                                         .parent_id = metadata.current_snapshot_id,
                                         .sequence_number = metadata.last_sequence_number + 1,
                                         .timestamp_ms = metadata.last_updated_ms,
                                         .manifest_list = SLICE("m"),
                                         .schema_id = -1,
                                         .first_row_id = metadata.next_row_id};
        updates[1].ref = (SnapshotRef){SLICE("main"), 1, false, -1, -1, -1, {0}};
        const TableChange change = {.updates = updates, .update_count = 2};
        TRY(table_metadata_apply(&metadata, SLICE("f"), &change, metadata.last_updated_ms, arena, &made, NULL, NULL,
                                 err));
        double t3 = micros_now();
        best[0] = MIN(best[0], t1 - t0);
        best[1] = MIN(best[1], t2 - t1);
        best[2] = MIN(best[2], t3 - t2);
    }
    (void)printf("{\"bytes\": %zu, \"read_us\": %.0f, \"write_us\": %.0f, \"apply_us\": %.0f}\n", bytes.size, best[0],
                 best[1], best[2]);
    return true;
}

int main(int count, char **arguments) {
    Err err[1] = {{0}};
    arena_init(arena, "probe", 0);
    const char *what = count > 1 ? arguments[1] : "";
    bool done = count == 3 && strcmp(what, "same") == 0        ? same(arguments[2], err)
                : count == 3 && strcmp(what, "change") == 0    ? change_again(arguments[2], err)
                : count == 6 && strcmp(what, "apply") == 0     ? apply(arguments + 2, err)
                : count == 4 && strcmp(what, "new") == 0       ? new_table(arguments[2], arguments[3], err)
                : count == 2 && strcmp(what, "transform") == 0 ? transforms(err)
                : count == 3 && strcmp(what, "time") == 0      ? measure(arguments[2], err)
                                                          : FAIL(err, ERR_USAGE, "see the head of iceberg_probe.c");
    if (!done) {
        (void)fprintf(stderr, "%s: %s\n", err_name(err->code), err->message);
    }
    arena_release(arena);
    return done ? 0 : 1;
}
