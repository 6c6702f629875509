// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/record_leaf.h"

#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "core/base/json.h"
#include "data/connect/decimal_bytes.h"
#include "data/connect/java_text.h"
#include "data/connect/json_converter.h"
#include "data/connect/smt.h"
#include "data/connect/temporal.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define DAY_NS     INT64_C(86400000000000)
#define DAY_US     INT64_C(86400000000)
#define EPOCH_DAYS 10957 // from 1970 to 2000

// --- compiling -------------------------------------------------------------------------------------------------

// What a whole number of a schema of that name counts.
static int64_t unit_of(const Shape *from, ShapeKind to) {
    static const struct {
        const char *name;
        int64_t unit_ns;
    } UNITS[] = {
        {"org.apache.kafka.connect.data.Date", DAY_NS},
        {"org.apache.kafka.connect.data.Time", 1000000},
        {"org.apache.kafka.connect.data.Timestamp", 1000000},
        {"io.debezium.time.Date", DAY_NS},
        {"io.debezium.time.Time", 1000000},
        {"io.debezium.time.Timestamp", 1000000},
        {"io.debezium.time.MicroTime", 1000},
        {"io.debezium.time.MicroTimestamp", 1000},
        {"io.debezium.time.NanoTime", 1},
        {"io.debezium.time.NanoTimestamp", 1},
    };
    for (size_t i = 0; from != NULL && from->note_count > 0 && i < ARRAY_LEN(UNITS); i++) {
        if (smt_named(from, UNITS[i].name)) {
            return UNITS[i].unit_ns;
        }
    }
    return to == SHAPE_DATE ? DAY_NS : 1000000;
}

LeafCast leaf_cast(const RecordRules *rules, const Shape *from, const Shape *to) {
    bool dates = to->kind == SHAPE_DATE || to->kind == SHAPE_TIME || to->kind == SHAPE_TIMESTAMP ||
                 to->kind == SHAPE_TIMESTAMPTZ;
    return (LeafCast){.rules = rules,
                      .from = from,
                      .to = to,
                      .same = from != NULL && from->kind == to->kind && from->kind != SHAPE_DECIMAL,
                      .unit_ns = dates ? unit_of(from, to->kind) : 0};
}

// --- what does not fit -----------------------------------------------------------------------------------------

static bool wrong(const LeafCast *cast, RecordClass class, Err *err) {
    return FAIL(err, ERR_VALUE, "its value is a %s, and its column a %s", record_class_name(class),
                shape_kind_name(cast->to->kind));
}

static bool too_much(const LeafCast *cast, Err *err) {
    return FAIL(err, ERR_VALUE, "its value does not fit its column, a %s", shape_kind_name(cast->to->kind));
}

static bool no_text(const LeafCast *cast, Err *err) {
    return FAIL(err, ERR_VALUE, "its text is no value of its column, a %s", shape_kind_name(cast->to->kind));
}

// --- numbers ---------------------------------------------------------------------------------------------------

// A decimal whatever its form; false: it has more than 16 bytes, or is none.
static bool decimal_of(const LeafCast *cast, Arena *scratch, const Value *value, Slice *decimal) {
    return cast->from != NULL ? smt_decimal(scratch, cast->from, value, decimal)
                              : value->kind == VALUE_DECIMAL && (*decimal = value->bytes, true);
}

static bool whole_of(const LeafCast *cast, RecordClass class, Arena *scratch, const Value *value, int64_t *number,
                     Err *err) {
    Slice decimal;
    Int128 units = 0;
    if (class == RECORD_INT) {
        *number = value->integer;
        return true;
    }
    if (value->kind == VALUE_FLOAT32 || value->kind == VALUE_FLOAT64) {
        bool fits = fabs(value->real) < 9.2e18;
        *number = fits ? (int64_t)value->real : 0;
        return (fits && (double)*number == value->real) || too_much(cast, err);
    }
    if (class == RECORD_TEXT) {
        return (value->kind == VALUE_STRING && text_int(value->bytes, number)) || no_text(cast, err);
    }
    if (class != RECORD_DECIMAL && class != RECORD_REAL) {
        return wrong(cast, class, err);
    }
    bool fits = decimal_of(cast, scratch, value, &decimal) && decimal_to_int128(decimal, 0, &units) &&
                units >= INT64_MIN && units <= INT64_MAX;
    *number = (int64_t)units;
    return fits || too_much(cast, err);
}

static bool real_of(const LeafCast *cast, RecordClass class, Arena *scratch, const Value *value, double *number,
                    Err *err) {
    Slice decimal;
    if (class == RECORD_INT) { // whose every digit counts
        *number = cast->to->kind == SHAPE_FLOAT32 ? (double)(float)value->integer : (double)value->integer;
        bool within = *number >= -0x1p63 && *number < 0x1p63;
        return (within && (int64_t)*number == value->integer) || too_much(cast, err);
    }
    if (value->kind == VALUE_FLOAT32 || value->kind == VALUE_FLOAT64) {
        *number = value->real;
        return true;
    }
    if (value->kind == VALUE_STRING) {
        return text_real(value->bytes, number) || no_text(cast, err);
    }
    if ((class == RECORD_DECIMAL || class == RECORD_REAL) && decimal_of(cast, scratch, value, &decimal)) {
        DEFER(buf_release) Buf text = {0};
        decimal_text(&text, decimal);
        return text_real(buf_slice(&text), number) || too_much(cast, err);
    }
    return wrong(cast, class, err);
}

// The fewest digits after the point that say this number, as Java prints it. False: there are no so few.
static bool shortest_text(const Value *value, char *text, size_t size) {
    bool single = value->kind == VALUE_FLOAT32;
    for (int digits = 1; digits <= 38 && fabs(value->real) < 1e20; digits++) {
        snprintf(text, size, "%.*f", digits, value->real);
        double back = strtod(text, NULL);
        if (single ? (float)back == (float)value->real : back == value->real) {
            return true;
        }
    }
    return false;
}

static bool to_decimal(const LeafCast *cast, RecordClass class, Arena *scratch, const Value *value, Value *to,
                       Err *err) {
    Slice decimal = {0};
    Int128 units = 0, limit = 1;
    bool found = false;
    if (class == RECORD_INT) {
        decimal = decimal_from_int64(scratch, value->integer, 0);
        found = true;
    } else if (value->kind == VALUE_FLOAT32 || value->kind == VALUE_FLOAT64) {
        char shortest[64];
        found = shortest_text(value, shortest, sizeof(shortest)) &&
                decimal_from_text(scratch, slice_of(shortest), &decimal);
    } else if (value->kind == VALUE_STRING) {
        found = decimal_from_text(scratch, slice_trim(value->bytes, " "), &decimal);
        if (!found) {
            return no_text(cast, err);
        }
    } else if (class == RECORD_DECIMAL || class == RECORD_REAL || value->kind == VALUE_BYTES) {
        found = decimal_of(cast, scratch, value, &decimal);
    } else {
        return wrong(cast, class, err);
    }
    for (int i = 0; i < cast->to->precision; i++) {
        limit *= 10;
    }
    if (!found || !decimal_to_int128(decimal, cast->to->scale, &units) || units >= limit || units <= -limit) {
        return too_much(cast, err);
    }
    *to = value_bytes(VALUE_DECIMAL, decimal_from_int128(scratch, units, (uint32_t)cast->to->scale));
    return true;
}

// --- texts and bytes -------------------------------------------------------------------------------------------

static int32_t scale_of(const LeafCast *cast) {
    return cast->from != NULL ? cast->from->scale : 0;
}

static bool to_text(const LeafCast *cast, RecordClass class, Arena *scratch, const Value *value, Value *to, Err *err) {
    DEFER(buf_release) Buf text = {0};
    Slice decimal;
    if (value->kind == VALUE_STRING) {
        *to = *value;
        return true;
    }
    if (class == RECORD_INT) {
        buf_int(&text, value->integer);
    } else if (class == RECORD_BOOL) {
        buf_text(&text, value->kind == VALUE_TRUE ? "true" : "false");
    } else if (value->kind == VALUE_FLOAT32 || value->kind == VALUE_FLOAT64) {
        smt_real_text(&text, value->real, value->kind == VALUE_FLOAT32);
    } else if (class == RECORD_TEXT) { // bytes, or a decimal's: JSON has them as base64
        Slice bytes = value->bytes;
        bool held = value->kind != VALUE_DECIMAL || decimal_unscaled(scratch, value->bytes, scale_of(cast), &bytes);
        TRY(held || too_much(cast, err));
        json_base64(&text, bytes);
        *to = value_bytes(VALUE_STRING, arena_slice(scratch, (Slice){text.data + 1, text.size - 2}));
        return true;
    } else if (class == RECORD_REAL || class == RECORD_DECIMAL) {
        TRY(decimal_of(cast, scratch, value, &decimal) || too_much(cast, err));
        smt_decimal_text(&text, decimal);
    } else if (cast->from != NULL && (class == RECORD_LIST || class == RECORD_MAP || class == RECORD_STRUCT)) {
        json_converter_value(&text, cast->from, value);
    } else {
        return wrong(cast, class, err);
    }
    *to = value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&text)));
    return true;
}

static bool to_bytes(const LeafCast *cast, RecordClass class, Arena *scratch, const Value *value, Value *to, Err *err) {
    Slice bytes = value->bytes;
    if (value->kind == VALUE_STRING) {
        TRY(text_base64(scratch, value->bytes, &bytes) || no_text(cast, err));
    } else if (value->kind == VALUE_DECIMAL && class == RECORD_TEXT) { // base64 of it, in JSON
        TRY(decimal_unscaled(scratch, value->bytes, scale_of(cast), &bytes) || too_much(cast, err));
    } else if (value->kind != VALUE_BYTES) {
        return wrong(cast, class, err);
    }
    *to = value_bytes(VALUE_BYTES, bytes);
    return true;
}

static bool to_uuid(const LeafCast *cast, RecordClass class, Arena *scratch, const Value *value, Value *to, Err *err) {
    if (value->kind != VALUE_STRING) {
        return wrong(cast, class, err);
    }
    uint8_t *bytes = ARENA_ARRAY(scratch, uint8_t, 16);
    *to = value_bytes(VALUE_UUID, (Slice){bytes, 16});
    return text_uuid(value->bytes, bytes) || no_text(cast, err);
}

// --- dates and times -------------------------------------------------------------------------------------------

// A whole number in microseconds, exactly.
static bool micros_of(const LeafCast *cast, const Value *value, int64_t *micros, Err *err) {
    int64_t unit = cast->unit_ns;
    if (unit < 1000) {
        *micros = value->integer / 1000;
        return value->integer % 1000 == 0 || too_much(cast, err);
    }
    return !__builtin_mul_overflow(value->integer, unit / 1000, micros) || too_much(cast, err);
}

static bool is_number(RecordClass class) {
    return class == RECORD_INT || class == RECORD_DATE || class == RECORD_TIME || class == RECORD_TIMESTAMP;
}

static bool to_date(const LeafCast *cast, RecordClass class, const Value *value, Value *to, Err *err) {
    int64_t days = 0, micros = 0;
    if (value->kind == VALUE_STRING) {
        TRY(text_date(value->bytes, &days) || no_text(cast, err));
    } else if (is_number(class) && cast->unit_ns == DAY_NS) {
        days = value->integer - EPOCH_DAYS;
    } else if (is_number(class)) {
        TRY(micros_of(cast, value, &micros, err));
        days = micros / DAY_US - EPOCH_DAYS;
        TRY(micros % DAY_US == 0 || too_much(cast, err));
    } else {
        return wrong(cast, class, err);
    }
    *to = (Value){.kind = VALUE_DATE, .integer = days};
    return (days >= CALENDAR_DAY_MIN && days < CALENDAR_DAY_END) || too_much(cast, err);
}

static bool to_time(const LeafCast *cast, RecordClass class, const Value *value, Value *to, Err *err) {
    int64_t micros = 0;
    if (value->kind == VALUE_STRING) {
        TRY(text_time(value->bytes, &micros) || no_text(cast, err));
    } else if (is_number(class)) {
        TRY(micros_of(cast, value, &micros, err));
    } else {
        return wrong(cast, class, err);
    }
    *to = (Value){.kind = VALUE_TIME, .integer = micros};
    return (micros >= 0 && micros < DAY_US) || too_much(cast, err);
}

static bool to_timestamp(const LeafCast *cast, RecordClass class, const Value *value, Value *to, Err *err) {
    int64_t micros = 0;
    bool utc = cast->to->kind == SHAPE_TIMESTAMPTZ;
    if (value->kind == VALUE_STRING) {
        TRY(text_timestamp(value->bytes, utc, &micros) || no_text(cast, err));
    } else if (is_number(class)) {
        TRY(micros_of(cast, value, &micros, err));
        TRY(!__builtin_sub_overflow(micros, CALENDAR_1970_US, &micros) || too_much(cast, err));
    } else {
        return wrong(cast, class, err);
    }
    *to = (Value){.kind = utc ? VALUE_TIMESTAMPTZ : VALUE_TIMESTAMP, .integer = micros};
    return true;
}

// --- all -------------------------------------------------------------------------------------------------------

static bool to_bool(const LeafCast *cast, RecordClass class, const Value *value, Value *to, Err *err) {
    if (value->kind == VALUE_STRING) {
        Slice text = value->bytes;
        *to = value_bool(text.size == 4 && strncasecmp((const char *)text.data, "true", 4) == 0);
        return true;
    }
    *to = *value;
    return class == RECORD_BOOL || wrong(cast, class, err);
}

static bool to_number(const LeafCast *cast, RecordClass class, Arena *scratch, const Value *value, Value *to,
                      Err *err) {
    int64_t number = 0;
    double real = 0;
    if (cast->to->kind == SHAPE_FLOAT32 || cast->to->kind == SHAPE_FLOAT64) {
        bool single = cast->to->kind == SHAPE_FLOAT32;
        TRY(real_of(cast, class, scratch, value, &real, err));
        *to = (Value){.kind = single ? VALUE_FLOAT32 : VALUE_FLOAT64, .real = single ? (double)(float)real : real};
        return true;
    }
    TRY(whole_of(cast, class, scratch, value, &number, err));
    *to = value_int(number);
    bool fits = cast->to->kind == SHAPE_INT64 || (number >= INT32_MIN && number <= INT32_MAX);
    return fits || too_much(cast, err);
}

bool leaf_cast_value(const LeafCast *cast, Arena *scratch, const Value *value, Value *to, Err *err) {
    if (LIKELY(cast->same && smt_fits(cast->to, value))) {
        *to = *value;
        return true;
    }
    RecordClass class = record_class(cast->rules, cast->from, value);
    switch (cast->to->kind) {
    case SHAPE_BOOL:
        return to_bool(cast, class, value, to, err);
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
        return to_number(cast, class, scratch, value, to, err);
    case SHAPE_DECIMAL:
        return to_decimal(cast, class, scratch, value, to, err);
    case SHAPE_STRING:
        return to_text(cast, class, scratch, value, to, err);
    case SHAPE_BYTES:
        return to_bytes(cast, class, scratch, value, to, err);
    case SHAPE_UUID:
        return to_uuid(cast, class, scratch, value, to, err);
    case SHAPE_DATE:
        return to_date(cast, class, value, to, err);
    case SHAPE_TIME:
        return to_time(cast, class, value, to, err);
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        return to_timestamp(cast, class, value, to, err);
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
        break;
    }
    return wrong(cast, class, err);
}
