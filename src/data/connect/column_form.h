// SPDX-License-Identifier: Apache-2.0
// Between column.c, which chooses a form, and column_value.c, which makes values of it.
#ifndef LEAT_DATA_CONNECT_COLUMN_FORM_H
#define LEAT_DATA_CONNECT_COLUMN_FORM_H

typedef enum Form {
    FORM_COPY, // as it is
    FORM_BOOL,
    FORM_INT32,
    FORM_TEXT,          // leat's text form
    FORM_DECIMAL,       // Decimal of at most 38 digits
    FORM_DECIMAL_BYTES, // Decimal of any number of digits
    FORM_VARIABLE,      // VariableScaleDecimal
    FORM_DATE,
    FORM_TIME_MS,
    FORM_TIME_US,
    FORM_TIMESTAMP_MS,
    FORM_TIMESTAMP_US,
    FORM_ZONED_TIMESTAMP,
    FORM_ZONED_TIME,
    FORM_DURATION,
    FORM_BIT,  // bit(1)
    FORM_BITS, // little-endian
    FORM_HSTORE,
    FORM_RANGE,
    FORM_VECTOR,
    FORM_HALF_VECTOR,
    FORM_LIST,
    FORM_LIST_STRICT, // whose elements cannot be NULL
    FORM_DATE_TEXT,
    FORM_TIME_TEXT,
    FORM_TIMESTAMP_TEXT,
    FORM_TIME_NS,
    FORM_TIMESTAMP_NS,
    FORM_DECIMAL_DOUBLE,
    FORM_DECIMAL_STRING,
    FORM_BINARY_TEXT,
    FORM_INTERVAL_TEXT,
    FORM_UNKNOWN,  // text as bytes
    FORM_GEOMETRY, // + Geometry
} Form;

#endif
