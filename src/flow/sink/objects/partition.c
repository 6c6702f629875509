// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/partition.h"

#include "core/base/calendar.h"
#include "data/format/text.h"

enum { DEPTH_MAX = 16 };
#define EPOCH_MS    (INT64_C(10957) * 86400000) // 1970 to 2000
#define TIME_MS_MIN (CALENDAR_TIMESTAMP_MIN / 1000 + EPOCH_MS)
#define TIME_MS_MAX ((CALENDAR_TIMESTAMP_END - 1) / 1000 + EPOCH_MS)

typedef enum Place { PLACE_VALUE, PLACE_OP, PLACE_DELETED, PLACE_SOURCE_TIME } Place;

struct FieldPath {
    Slice name;
    Place place;
    bool in_row; // of the event, else of the record's value
    uint32_t depth;
    uint32_t steps[DEPTH_MAX];
    Type type;       // in_row
    ShapeKind shape; // else
    int64_t unit_us; // of integers that are times
};

// --- finding fields --------------------------------------------------------------------------------------------

static int32_t type_find(const Type *type, Slice name) {
    for (uint32_t i = 0; type->kind == TYPE_STRUCT && i < type->field_count; i++) {
        if (slice_equal(type->fields[i].name, name)) {
            return (int32_t)i;
        }
    }
    return -1;
}

// To exclude the table now would come too late: its rows are in the journal.
#define PARTITION_REMEDY                                                                                        \
    "change partitioner, partition.field.name or timestamp.field; or leave the table out from the start: leat " \
    "delete, then sync with --exclude"

static bool missing(const Schema *schema, Slice name, Err *err) {
    FAIL(err, ERR_TABLE, "%.*s.%.*s has no field %.*s, which its files are partitioned by", SLICE_ARG(schema->space),
         SLICE_ARG(schema->table), SLICE_ARG(name));
    return err_hint(err, PARTITION_REMEDY);
}

static Slice step_take(Slice *rest) {
    const uint8_t *dot = memchr(rest->data, '.', rest->size);
    Slice step = {rest->data, dot != NULL ? (size_t)(dot - rest->data) : rest->size};
    *rest = slice_from(*rest, step.size + (dot != NULL ? 1 : 0));
    return step;
}

static bool find_in_row(const Schema *schema, FieldPath *path, Err *err) {
    int32_t at = schema_find_column(schema, path->name); // a column's name may have dots
    Slice rest = path->name;
    if (at < 0) {
        at = schema_find_column(schema, step_take(&rest));
    } else {
        rest = (Slice){0};
    }
    if (at < 0) {
        return missing(schema, path->name, err);
    }
    path->in_row = true;
    path->type = schema->columns[at].type;
    path->steps[path->depth++] = (uint32_t)at;
    while (rest.size > 0 && path->depth < DEPTH_MAX) {
        at = type_find(&path->type, step_take(&rest));
        if (at < 0) {
            return missing(schema, path->name, err);
        }
        path->type = path->type.fields[at].type;
        path->steps[path->depth++] = (uint32_t)at;
    }
    return rest.size == 0 || missing(schema, path->name, err);
}

// Debezium's own times are integers of other units than milliseconds, and say so.
static int64_t shape_unit_us(const Shape *shape) {
    for (uint32_t i = 0; i < shape->note_count; i++) {
        if (slice_is(shape->notes[i].json, "\"io.debezium.time.MicroTimestamp\"")) {
            return 1;
        }
    }
    return 1000;
}

static bool find_in_shape(const Schema *schema, const Shape *shape, FieldPath *path, Err *err) {
    Slice rest = path->name;
    while (rest.size > 0) {
        int32_t at = shape->kind == SHAPE_STRUCT ? shape_find(shape, rest) : -1;
        Slice step = at >= 0 ? rest : step_take(&rest);
        rest = at >= 0 ? (Slice){0} : rest;
        at = at >= 0 || shape->kind != SHAPE_STRUCT ? at : shape_find(shape, step);
        if (at < 0 || path->depth == DEPTH_MAX) {
            return missing(schema, path->name, err);
        }
        path->steps[path->depth++] = (uint32_t)at;
        shape = &shape->fields[at].shape;
    }
    path->shape = shape->kind;
    path->unit_us = shape_unit_us(shape);
    return true;
}

static bool path_make(Arena *arena, const Schema *schema, const Shape *shape, Slice name, FieldPath *path, Err *err) {
    *path = (FieldPath){.name = arena_slice(arena, name), .unit_us = 1000};
    if (shape != NULL) {
        return find_in_shape(schema, shape, path, err);
    }
    path->place = slice_is(name, "__op")             ? PLACE_OP
                  : slice_is(name, "__deleted")      ? PLACE_DELETED
                  : slice_is(name, "__source_ts_ms") ? PLACE_SOURCE_TIME
                                                     : PLACE_VALUE;
    if (path->place != PLACE_VALUE && schema_find_column(schema, name) < 0) {
        return true;
    }
    path->place = PLACE_VALUE;
    TRY(find_in_row(schema, path, err));
    path->type = type_copy(arena, &path->type);
    return true;
}

static bool unfit(const Schema *schema, const FieldPath *path, const char *what, Err *err) {
    FAIL(err, ERR_TABLE, "%.*s.%.*s: the type of field %.*s makes no %s", SLICE_ARG(schema->space),
         SLICE_ARG(schema->table), SLICE_ARG(path->name), what);
    return err_hint(err, PARTITION_REMEDY);
}

static bool folder_check(const Schema *schema, const FieldPath *path, Err *err) {
    static const ShapeKind FIT[] = {SHAPE_BOOL, SHAPE_INT32, SHAPE_INT64, SHAPE_STRING, SHAPE_UUID};
    bool fit = false;
    for (size_t i = 0; i < ARRAY_LEN(FIT); i++) {
        fit |= path->shape == FIT[i];
    }
    TypeKind kind = path->type.kind;
    if (path->in_row) {
        fit = kind != TYPE_BYTES && kind != TYPE_LIST && kind != TYPE_STRUCT && kind != TYPE_MAP && kind != TYPE_JSON;
    }
    return fit || path->place != PLACE_VALUE || unfit(schema, path, "folder", err);
}

static bool time_check(const Schema *schema, const FieldPath *path, Err *err) {
    ShapeKind shape = path->shape;
    bool fit = shape == SHAPE_INT32 || shape == SHAPE_INT64 || shape == SHAPE_STRING || shape == SHAPE_DATE ||
               shape == SHAPE_TIMESTAMP || shape == SHAPE_TIMESTAMPTZ;
    TypeKind kind = path->type.kind;
    if (path->in_row) {
        fit = kind == TYPE_INT16 || kind == TYPE_INT32 || kind == TYPE_INT64 || kind == TYPE_STRING ||
              kind == TYPE_DATE || kind == TYPE_TIMESTAMP || kind == TYPE_TIMESTAMPTZ;
    }
    return fit || path->place == PLACE_SOURCE_TIME || unfit(schema, path, "time", err);
}

bool partition_plan(Arena *arena, const Rules *rules, const Schema *schema, const Shape *shape, PartitionPlan *plan,
                    Err *err) {
    *plan = (PartitionPlan){0};
    if (rules->partition == PARTITION_FIELD) {
        FieldPath *fields = ARENA_ARRAY(arena, FieldPath, rules->field_count);
        for (size_t i = 0; i < rules->field_count; i++) {
            TRY(path_make(arena, schema, shape, rules->fields[i], &fields[i], err));
            TRY(folder_check(schema, &fields[i], err));
        }
        plan->fields = fields;
    }
    if (rules->time == TIME_FIELD) {
        FieldPath *time = ARENA_NEW(arena, FieldPath);
        TRY(path_make(arena, schema, shape, rules->time_field, time, err));
        TRY(time_check(schema, time, err));
        plan->time = time;
    }
    return true;
}

// --- reading them ----------------------------------------------------------------------------------------------

// NULL: there is no value.
static const Value *field_value(const FieldPath *path, const Record *record) {
    const Event *event = record->event;
    const Value *row = !path->in_row ? record->value : event->op == OP_DELETE ? event->before : event->after;
    for (uint32_t i = 0; row != NULL; i++) {
        const Value *value = &row[path->steps[i]];
        if (value_is_absent(value)) {
            return NULL;
        }
        if (i + 1 == path->depth) {
            return value;
        }
        row = value->kind == VALUE_STRUCT && path->steps[i + 1] < value->items.count ? value->items.at : NULL;
    }
    return NULL;
}

static void value_write(Buf *buf, const FieldPath *path, const Value *value) {
    static const char HEX[] = "0123456789abcdef";
    if (value->kind == VALUE_TRUE || value->kind == VALUE_FALSE) {
        buf_text(buf, value->kind == VALUE_TRUE ? "true" : "false");
    } else if (path->in_row) {
        value_text(buf, &path->type, value);
    } else if (value->kind == VALUE_INT) {
        buf_int(buf, value->integer);
    } else if (value->kind == VALUE_UUID) {
        for (size_t i = 0; i < value->bytes.size; i++) {
            if (i == 4 || i == 6 || i == 8 || i == 10) {
                buf_u8(buf, '-');
            }
            buf_u8(buf, (uint8_t)HEX[value->bytes.data[i] >> 4]);
            buf_u8(buf, (uint8_t)HEX[value->bytes.data[i] & 15]);
        }
    } else {
        buf_put(buf, value->bytes);
    }
}

static void field_write(Buf *text, const FieldPath *path, const Record *record) {
    const Event *event = record->event;
    if (path->place == PLACE_OP) {
        buf_u8(text, (uint8_t)event->op);
    } else if (path->place == PLACE_DELETED) {
        buf_text(text, event->op == OP_DELETE ? "true" : "false");
    } else if (path->place == PLACE_SOURCE_TIME) {
        buf_int(text, event->source_us / 1000);
    } else {
        const Value *value = field_value(path, record);
        if (value == NULL) {
            buf_text(text, "null");
        } else {
            value_write(text, path, value);
        }
    }
}

bool partition_fields_text(const Rules *rules, const PartitionPlan *plan, const Record *record, Buf *buf, Err *err) {
    Buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < rules->field_count; i++) {
        if (i > 0) {
            buf_put(buf, rules->delimiter);
        }
        buf_reset(&text);
        field_write(&text, &plan->fields[i], record);
        size_t start = buf->size;
        if (rules->options->partition_labels) {
            name_encode(buf, plan->fields[i].name);
            buf_u8(buf, '=');
        } else if (text.size == 0) {
            buf_text(&text, "null"); // a folder has a name
        }
        name_encode(buf, buf_slice(&text));
        name_shorten(buf, start);
    }
    buf_release(&text);
    return true;
}

// --- times -----------------------------------------------------------------------------------------------------

static bool digits_read(const char **at, int count, int32_t *number) {
    *number = 0;
    for (int i = 0; i < count; i++) {
        if ((*at)[i] < '0' || (*at)[i] > '9') {
            return false;
        }
        *number = *number * 10 + ((*at)[i] - '0');
    }
    *at += count;
    return true;
}

// [+-]hh[:]mm or Z, at the end of a text
static bool zone_read(const char *at, int32_t *east, bool *given) {
    int32_t hours = 0, minutes = 0, sign = *at == '-' ? -1 : 1;
    *given = *at != '\0';
    *east = 0;
    if (*at == '\0' || ((*at == 'Z' || *at == 'z') && at[1] == '\0')) {
        return true;
    }
    if (*at != '+' && *at != '-') {
        return false;
    }
    at++;
    if (!digits_read(&at, 2, &hours) || (*at != '\0' && (at += *at == ':' ? 1 : 0, !digits_read(&at, 2, &minutes)))) {
        return false;
    }
    *east = sign * (hours * 3600 + minutes * 60);
    return *at == '\0' && hours < 24 && minutes < 60;
}

// 2024-02-29, 2024-02-29T13:14[:15[.123]][zone]; a blank for the T is fine.
static bool iso_read(const char *at, const Zone *zone, int64_t *ms) {
    CalendarDate date = {0};
    int32_t hour = 0, minute = 0, second = 0, fraction = 0, east = 0;
    bool given = false;
    if (!digits_read(&at, 4, &date.year) || *at++ != '-' || !digits_read(&at, 2, &date.month) || *at++ != '-' ||
        !digits_read(&at, 2, &date.day) || date.month < 1 || date.month > 12 || date.day < 1 ||
        date.day > calendar_month_days(date.year, date.month)) {
        return false;
    }
    if (*at == 'T' || *at == ' ') {
        at++;
        if (!digits_read(&at, 2, &hour) || *at++ != ':' || !digits_read(&at, 2, &minute)) {
            return false;
        }
        if (*at == ':' && (at++, !digits_read(&at, 2, &second))) {
            return false;
        }
        if (*at == '.' || *at == ',') {
            at++;
            for (int32_t scale = 100; *at >= '0' && *at <= '9'; at++, scale /= 10) {
                fraction += (*at - '0') * scale;
            }
        }
    }
    if (hour > 23 || minute > 59 || second > 60 || !zone_read(at, &east, &given)) {
        return false;
    }
    int64_t seconds = (calendar_days(date) + 10957) * 86400 + hour * 3600 + minute * 60 + second;
    *ms = (given ? seconds - east : zone_utc(zone, seconds)) * 1000 + fraction;
    return true;
}

// A number of milliseconds, or ISO 8601; without a zone it is in the sink's.
static bool text_time(Slice text, const Zone *zone, int64_t *ms) {
    char copy[64];
    if (text.size == 0 || text.size >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    char *end = NULL;
    size_t digits = strspn(copy + (copy[0] == '-' ? 1 : 0), "0123456789");
    if (digits > 0 && digits <= 18 && copy[digits + (copy[0] == '-' ? 1 : 0)] == '\0') {
        *ms = strtoll(copy, &end, 10);
        return true;
    }
    return iso_read(copy, zone, ms);
}

static bool value_time(const Rules *rules, const FieldPath *path, const Value *value, int64_t *ms) {
    int64_t integer = value->integer;
    switch (value->kind) {
    case VALUE_INT:
        *ms = path->unit_us == 1 ? integer / 1000 : integer;
        return true;
    case VALUE_DATE:
        *ms = integer * 86400000 + EPOCH_MS;
        return integer != INT32_MIN && integer != INT32_MAX;
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
        *ms = integer / 1000 + EPOCH_MS;
        return integer != INT64_MIN && integer != INT64_MAX;
    case VALUE_STRING:
        return text_time(value->bytes, rules->zone, ms);
    default:
        return false;
    }
}

bool partition_time(const Partitioner *partitioner, const PartitionPlan *plan, const Record *record, int64_t *time_ms,
                    Err *err) {
    const Rules *rules = partitioner->rules;
    const Schema *schema = record->schema;
    *time_ms = rules->time == TIME_WALLCLOCK ? partitioner->now_ms : record->timestamp_us / 1000;
    if (rules->time != TIME_FIELD || plan->time == NULL || plan->time->place != PLACE_VALUE) {
        return true;
    }
    const Value *value = field_value(plan->time, record);
    if (value == NULL || value_time(rules, plan->time, value, time_ms)) {
        *time_ms = MAX(MIN(*time_ms, TIME_MS_MAX), TIME_MS_MIN); // any number may be there
        return true;
    }
    FAIL(err, ERR_VALUE, "%.*s.%.*s, offset %" PRIu64 ": field %.*s is no time", SLICE_ARG(schema->space),
         SLICE_ARG(schema->table), record->offset, SLICE_ARG(plan->time->name));
    return err_hint(err,
                    "times are dates and timestamps, milliseconds since 1970, or ISO 8601 texts; or choose another "
                    "timestamp.extractor");
}

static int64_t floor_s(int64_t ms) {
    return ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
}

static int32_t east_at(Partitioner *partitioner, int64_t utc_s) {
    if (UNLIKELY(utc_s < partitioner->span.from || utc_s >= partitioner->span.until)) {
        partitioner->span = zone_span(partitioner->rules->zone, utc_s);
    }
    return partitioner->span.east;
}

int64_t partition_local_s(Partitioner *partitioner, int64_t time_ms) {
    int64_t utc_s = floor_s(time_ms);
    return utc_s + east_at(partitioner, utc_s);
}

int64_t partition_bucket(Partitioner *partitioner, int64_t time_ms) {
    int64_t local_ms = time_ms + (int64_t)east_at(partitioner, floor_s(time_ms)) * 1000;
    return local_ms / partitioner->rules->duration_ms;
}

void partition_bucket_text(Partitioner *partitioner, Buf *buf, int64_t bucket) {
    const Rules *rules = partitioner->rules;
    int64_t local_ms = bucket * rules->duration_ms, local_s = floor_s(local_ms);
    int64_t utc_s = zone_utc(rules->zone, local_s);
    int32_t east = zone_span(rules->zone, utc_s).east; // a bucket may begin where the clocks pass over
    Buf text;
    buf_init(&text, 0);
    time_path_write(rules->path, &text, (utc_s + east) * 1000 + (local_ms - local_s * 1000), east);
    // What the pattern's own separators leave between them is encoded like every name.
    Slice rest = buf_slice(&text);
    while (rest.size > 0) {
        const uint8_t *slash = memchr(rest.data, '/', rest.size);
        Slice part = {rest.data, slash != NULL ? (size_t)(slash - rest.data) : rest.size};
        name_encode(buf, part);
        rest = slice_from(rest, part.size + (slash != NULL ? 1 : 0));
        if (slash != NULL) {
            buf_u8(buf, '/');
        }
    }
    buf_release(&text);
}
