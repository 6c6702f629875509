// SPDX-License-Identifier: Apache-2.0
// Partitions as text: folders as Java names them, and what users write for a spec.
#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "core/base/json.h"
#include "data/format/float_text.h"
#include "lake/iceberg/partition.h"
#include "lake/iceberg/parts.h"

// From 1970 to 2000.
#define EPOCH_DAYS INT64_C(10957)

// --- values ----------------------------------------------------------------------------------------------------

static void date_text(Buf *out, int64_t days) {
    CalendarDate date = calendar_date((int32_t)days);
    buf_printf(out, "%04d-%02d-%02d", date.year, date.month, date.day);
}

// LocalTime.toString: seconds only where there are some, a fraction of 3 or 6 digits.
static void time_text(Buf *out, int64_t micros) {
    int64_t seconds = micros / CALENDAR_SECOND_US, rest = micros % CALENDAR_SECOND_US;
    buf_printf(out, "%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60));
    if (seconds % 60 != 0 || rest != 0) {
        buf_printf(out, ":%02d", (int)(seconds % 60));
    }
    if (rest % 1000 != 0) {
        buf_printf(out, ".%06d", (int)rest);
    } else if (rest != 0) {
        buf_printf(out, ".%03d", (int)(rest / 1000));
    }
}

// ISO_LOCAL_DATE_TIME: always seconds, as many digits of a fraction as it has.
static void timestamp_text(Buf *out, int64_t micros) {
    int64_t of_day = 0;
    CalendarDate date = calendar_date((int32_t)calendar_split(micros, &of_day));
    int64_t seconds = of_day / CALENDAR_SECOND_US, rest = of_day % CALENDAR_SECOND_US;
    buf_printf(out, "%s%04d-%02d-%02dT%02d:%02d:%02d", date.year > 9999 ? "+" : "", date.year, date.month, date.day,
               (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60));
    if (rest != 0) {
        char digits[16];
        int size = snprintf(digits, sizeof(digits), ".%06d", (int)rest);
        while (digits[size - 1] == '0') {
            size--;
        }
        buf_bytes(out, digits, (size_t)size);
    }
}

static void uuid_text(Buf *out, Slice bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        buf_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", bytes.data[i]);
    }
}

// Years, months and hours that count from 1970.
static void ordinal_text(Buf *out, TransformKind transform, int64_t ordinal) {
    if (transform == TRANSFORM_YEAR) {
        buf_printf(out, "%04d", (int)(ordinal + 1970));
    } else if (transform == TRANSFORM_MONTH) {
        int64_t years = ordinal / 12 - (ordinal % 12 < 0), month = ordinal - years * 12;
        buf_printf(out, "%04d-%02d", (int)(years + 1970), (int)month + 1);
    } else {
        int64_t days = ordinal / 24 - (ordinal % 24 < 0), hour = ordinal - days * 24;
        date_text(out, days - EPOCH_DAYS);
        buf_printf(out, "-%02d", (int)hour);
    }
}

static bool value_human(Buf *out, const Shape *shape, const Value *value) {
    switch (shape->kind) {
    case SHAPE_BOOL:
        buf_text(out, value->kind == VALUE_TRUE ? "true" : "false");
        return true;
    case SHAPE_INT32:
    case SHAPE_INT64:
        buf_int(out, value->integer);
        return true;
    case SHAPE_FLOAT32:
        float32_text(out, (float)value->real);
        return true;
    case SHAPE_FLOAT64:
        float64_text(out, value->real);
        return true;
    case SHAPE_DECIMAL:
        decimal_text(out, value->bytes);
        return true;
    case SHAPE_STRING:
        buf_put(out, value->bytes);
        return true;
    case SHAPE_BYTES: {
        DEFER(buf_release) Buf quoted;
        buf_init(&quoted, 0);
        json_base64(&quoted, value->bytes);
        buf_bytes(out, quoted.data + 1, quoted.size - 2);
        return true;
    }
    case SHAPE_DATE:
        date_text(out, value->integer);
        return true;
    case SHAPE_TIME:
        time_text(out, value->integer);
        return true;
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        timestamp_text(out, value->integer);
        buf_text(out, shape->kind == SHAPE_TIMESTAMPTZ ? "+00:00" : "");
        return true;
    case SHAPE_UUID:
        uuid_text(out, value->bytes);
        return true;
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
    default:
        return false;
    }
}

// URLEncoder: a space is a plus.
static void url_encode(Buf *out, Slice text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                     c == '-' || c == '*' || c == '_';
        if (plain) {
            buf_u8(out, c);
        } else if (c == ' ') {
            buf_u8(out, '+');
        } else {
            buf_u8(out, '%');
            buf_u8(out, (uint8_t) "0123456789ABCDEF"[c >> 4]);
            buf_u8(out, (uint8_t) "0123456789ABCDEF"[c & 15]);
        }
    }
}

static bool field_text(const TableSchema *schema, const PartitionField *field, const Value *value, Buf *out, Err *err) {
    if (value_is_absent(value)) {
        buf_text(out, "null");
        return true;
    }
    if (field->transform == TRANSFORM_YEAR || field->transform == TRANSFORM_MONTH ||
        field->transform == TRANSFORM_HOUR) {
        ordinal_text(out, field->transform, value->integer);
        return true;
    }
    const Shape *source = shape_by_id(schema->shape, field->source_id);
    Shape shape;
    if (source == NULL) {
        return FAIL(err, ERR_VALUE, "partition field %.*s: the schema has no column %" PRId32,
                    (int)MIN(field->name.size, (size_t)100), field->name.data, field->source_id);
    }
    TRY(transform_shape(field, source, &shape, err));
    return value_human(out, &shape, value) || FAIL(err, ERR_VALUE, "partition field %.*s has no text",
                                                   (int)MIN(field->name.size, (size_t)100), field->name.data);
}

bool partition_path(const TableSchema *schema, const PartitionSpec *spec, const Value *values, Buf *out, Err *err) {
    DEFER(buf_release) Buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < spec->field_count; i++) {
        buf_reset(&text);
        TRY(field_text(schema, &spec->fields[i], &values[i], &text, err));
        buf_text(out, i > 0 ? "/" : "");
        url_encode(out, spec->fields[i].name);
        buf_u8(out, '=');
        url_encode(out, buf_slice(&text));
    }
    return true;
}

// --- specs -----------------------------------------------------------------------------------------------------

typedef struct SpecText {
    const char *text; // the whole
    const char *at;
    const char *part; // what is being read, for errors
    const TableSchema *schema;
    Arena *arena;
} SpecText;

static bool bad_part(const SpecText *spec, Err *err, const char *format, ...) PRINTF_LIKE(3, 4);
static bool bad_part(const SpecText *spec, Err *err, const char *format, ...) {
    char what[200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    int size = 0, depth = 0; // up to the comma behind the part
    for (const char *at = spec->part; *at != '\0' && size < 100 && (*at != ',' || depth > 0); at++, size++) {
        depth += (*at == '(') - (*at == ')');
    }
    (void)FAIL(err, ERR_OPTION, "partition '%.*s': %s", size, spec->part, what);
    return err_hint(err, "partitions are columns, or day(column), month(column), year(column), hour(column), "
                         "bucket(count, column), truncate(width, column), with commas between");
}

static void blanks(SpecText *spec) {
    while (*spec->at == ' ' || *spec->at == '\t' || *spec->at == '\n') {
        spec->at++;
    }
}

static bool take(SpecText *spec, char c) {
    blanks(spec);
    if (*spec->at != c) {
        return false;
    }
    spec->at++;
    return true;
}

// A word, or anything in double quotes, two of which stand for one.
static bool word(SpecText *spec, Slice *text, bool *quoted, Err *err) {
    blanks(spec);
    *quoted = *spec->at == '"';
    if (!*quoted) {
        size_t size = strcspn(spec->at, " \t\n,()\"");
        *text = (Slice){(const uint8_t *)spec->at, size};
        spec->at += size;
        return size > 0 || bad_part(spec, err, "a column is missing");
    }
    char *copy = arena_alloc(spec->arena, strlen(spec->at) + 1);
    size_t size = 0;
    for (spec->at++; *spec->at != '"' || spec->at[1] == '"'; spec->at++) {
        if (*spec->at == '\0') {
            return bad_part(spec, err, "a quote is not closed");
        }
        spec->at += *spec->at == '"';
        copy[size++] = *spec->at;
    }
    spec->at++;
    *text = (Slice){(const uint8_t *)copy, size};
    return true;
}

// "a.b" is the field b of the struct a, where there is no column of that name.
static const Shape *column_find(const Shape *shape, Slice name) {
    int32_t at = shape_find(shape, name);
    if (at >= 0) {
        return &shape->fields[at].shape;
    }
    for (size_t i = 0; i < name.size; i++) {
        at = name.data[i] == '.' ? shape_find(shape, (Slice){name.data, i}) : -1;
        if (at >= 0 && shape->fields[at].shape.kind == SHAPE_STRUCT) {
            return column_find(&shape->fields[at].shape, slice_from(name, i + 1));
        }
    }
    return NULL;
}

static const struct {
    const char *name;
    const char *many; // as Spark has it
    TransformKind kind;
    const char *suffix;
} FUNCTIONS[] = {{"identity", "identity", TRANSFORM_IDENTITY, ""},    {"bucket", "bucket", TRANSFORM_BUCKET, "_bucket"},
                 {"truncate", "trunc", TRANSFORM_TRUNCATE, "_trunc"}, {"year", "years", TRANSFORM_YEAR, "_year"},
                 {"month", "months", TRANSFORM_MONTH, "_month"},      {"day", "days", TRANSFORM_DAY, "_day"},
                 {"hour", "hours", TRANSFORM_HOUR, "_hour"},          {"void", "void", TRANSFORM_VOID, "_null"}};

static bool is_word(Slice text, const char *wanted) {
    return text.size == strlen(wanted) && strncasecmp((const char *)text.data, wanted, text.size) == 0;
}

// Behind the bracket: the column, and of bucket and truncate a number, before or behind it.
static bool arguments(SpecText *spec, size_t function, Slice *column, int32_t *width, Err *err) {
    bool wide = FUNCTIONS[function].kind == TRANSFORM_BUCKET || FUNCTIONS[function].kind == TRANSFORM_TRUNCATE;
    bool quoted = false, number = false;
    for (int i = 0; i < (wide ? 2 : 1); i++) {
        Slice text;
        if (i > 0 && !take(spec, ',')) {
            return bad_part(spec, err, "%s takes a number and a column", FUNCTIONS[function].name);
        }
        TRY(word(spec, &text, &quoted, err));
        TransformKind kind;
        const char *bucket = arena_printf(spec->arena, "bucket[%.*s]", SLICE_ARG(text));
        if (wide && !number && !quoted && text.data[0] >= '0' && text.data[0] <= '9') {
            number = true;
            if (!transform_parse(slice_of(bucket), &kind, width)) {
                return bad_part(spec, err, "%.*s is no number from 1 to 2147483647", (int)MIN(text.size, (size_t)40),
                                text.data);
            }
        } else {
            *column = text;
        }
    }
    if (!take(spec, ')')) {
        return bad_part(spec, err, "')' is missing");
    }
    return (number == wide && column->size > 0) ||
           bad_part(spec, err, "%s takes %s", FUNCTIONS[function].name, wide ? "a number and a column" : "a column");
}

static bool is_time(TransformKind kind) {
    return kind == TRANSFORM_YEAR || kind == TRANSFORM_MONTH || kind == TRANSFORM_DAY || kind == TRANSFORM_HOUR;
}

static bool field_fits(const SpecText *spec, const PartitionField *fields, size_t count, Err *err) {
    const PartitionField *field = &fields[count];
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(fields[i].name, field->name)) {
            return bad_part(spec, err, "the name %.*s comes twice", (int)MIN(field->name.size, (size_t)100),
                            field->name.data);
        }
        bool same =
            field->transform == fields[i].transform || (is_time(field->transform) && is_time(fields[i].transform));
        if (same && fields[i].source_id == field->source_id && field->transform != TRANSFORM_BUCKET &&
            field->transform != TRANSFORM_TRUNCATE) {
            return bad_part(spec, err, "it says no more than %.*s", (int)MIN(fields[i].name.size, (size_t)100),
                            fields[i].name.data);
        }
    }
    int32_t column = shape_find(spec->schema->shape, field->name);
    if (column >= 0 && (spec->schema->shape->fields[column].shape.id != field->source_id ||
                        (field->transform != TRANSFORM_IDENTITY && field->transform != TRANSFORM_VOID))) {
        return bad_part(spec, err, "there is a column %.*s, so that no partition can be called so",
                        (int)MIN(field->name.size, (size_t)100), field->name.data);
    }
    return true;
}

static bool part(SpecText *spec, PartitionField *field, Err *err) {
    Slice column = {0}, name;
    bool quoted = false;
    size_t function = 0; // identity
    int32_t width = 0;
    TRY(word(spec, &name, &quoted, err));
    if (!quoted && take(spec, '(')) {
        while (function < ARRAY_LEN(FUNCTIONS) && !is_word(name, FUNCTIONS[function].name) &&
               !is_word(name, FUNCTIONS[function].many)) {
            function++;
        }
        if (function == ARRAY_LEN(FUNCTIONS)) {
            return bad_part(spec, err, "there is no transform %.*s", (int)MIN(name.size, (size_t)40), name.data);
        }
        TRY(arguments(spec, function, &column, &width, err));
    } else {
        column = name;
    }
    const Shape *source = column_find(spec->schema->shape, column);
    if (source == NULL) {
        return bad_part(spec, err, "the table has no column %.*s", (int)MIN(column.size, (size_t)100), column.data);
    }
    const char *bare = FUNCTIONS[function].name;
    *field = (PartitionField){
        .source_id = source->id,
        .name = slice_of(arena_printf(spec->arena, "%.*s%s", SLICE_ARG(column), FUNCTIONS[function].suffix)),
        .transform = FUNCTIONS[function].kind,
        .width = width,
        .transform_text = slice_of(width > 0 ? arena_printf(spec->arena, "%s[%d]", bare, width) : bare)};
    Shape result;
    Err wrong[1] = {{0}};
    return transform_shape(field, source, &result, wrong) || bad_part(spec, err, "%s", wrong->message);
}

bool partition_spec_of_text(const char *text, const TableSchema *schema, int32_t *last_partition_id, Arena *arena,
                            PartitionSpec *spec, Err *err) {
    SpecText reader = {.text = text, .at = text, .part = text, .schema = schema, .arena = arena};
    DEFER(buf_release) Buf list;
    buf_init(&list, 0);
    *spec = (PartitionSpec){0};
    blanks(&reader);
    while (*reader.at != '\0') {
        PartitionField field;
        reader.part = reader.at;
        TRY(part(&reader, &field, err));
        field.field_id = ++*last_partition_id;
        buf_bytes(&list, &field, sizeof(field));
        TRY(field_fits(&reader, (const PartitionField *)(const void *)list.data, spec->field_count, err));
        spec->field_count++;
        if (!take(&reader, ',')) {
            break;
        }
        blanks(&reader);
        if (*reader.at == '\0') {
            return bad_part(&reader, err, "nothing stands behind the comma");
        }
    }
    blanks(&reader);
    if (*reader.at != '\0') {
        return bad_part(&reader, err, "'%.20s' makes no sense there", reader.at);
    }
    PartitionField *fields = ARENA_ARRAY(arena, PartitionField, spec->field_count);
    if (list.size > 0) {
        memcpy(fields, list.data, list.size);
    }
    spec->fields = fields;
    return true;
}
