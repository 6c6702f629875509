// SPDX-License-Identifier: Apache-2.0
// Rows as text for PostgreSQL: lines of COPY's text form, or the list behind INSERT … VALUES. And single literals.
#ifndef LEAT_FLOW_SOURCE_GENERATOR_SQL_ROWS_H
#define LEAT_FLOW_SOURCE_GENERATOR_SQL_ROWS_H

#include "core/base/buf.h"

typedef enum SqlRowsForm { SQL_ROWS_COPY, SQL_ROWS_VALUES } SqlRowsForm;

typedef struct SqlRows {
    Buf *out;
    SqlRowsForm form;
    bool any_row, any_field;
} SqlRows;

void sql_rows_begin(SqlRows *rows);
void sql_rows_end(SqlRows *rows);
void sql_rows_null(SqlRows *rows);
void sql_rows_int(SqlRows *rows, int64_t number);
void sql_rows_bool(SqlRows *rows, bool yes);
void sql_rows_text(SqlRows *rows, Slice text);
void sql_rows_cents(SqlRows *rows, int64_t cents); // numeric: 1234 is 12.34
void sql_rows_time(SqlRows *rows, int64_t us);     // timestamptz, microseconds since 1970

void sql_literal(Buf *out, Slice text); // 'it''s'; standard_conforming_strings is on
void sql_cents(Buf *out, int64_t cents);
void sql_time(Buf *out, int64_t us); // 2026-01-31 13:14:15.000000+00, without quotes

#endif
