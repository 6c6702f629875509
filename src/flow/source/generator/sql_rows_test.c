// SPDX-License-Identifier: Apache-2.0
#include "flow/source/generator/sql_rows.c"

#include "core/base/test.h"

static void one_row(SqlRows *rows) {
    sql_rows_begin(rows);
    sql_rows_int(rows, -7);
    sql_rows_null(rows);
    sql_rows_text(rows, SLICE("O'Brien\ttab\nline\\"));
    sql_rows_bool(rows, true);
    sql_rows_cents(rows, -105);
    sql_rows_time(rows, INT64_C(1782864000000001));
    sql_rows_end(rows);
}

TEST(sql_rows_of_copy_are_escaped) {
    DEFER(buf_release) Buf out = {0};
    SqlRows rows = {.out = &out, .form = SQL_ROWS_COPY};
    one_row(&rows);
    CHECK_TEXT(buf_slice(&out), "-7\t\\N\tO'Brien\\ttab\\nline\\\\\tt\t-1.05\t2026-07-01 00:00:00.000001+00\n");
}

TEST(sql_rows_of_values_are_quoted) {
    DEFER(buf_release) Buf out = {0};
    SqlRows rows = {.out = &out, .form = SQL_ROWS_VALUES};
    one_row(&rows);
    sql_rows_begin(&rows);
    sql_rows_cents(&rows, 0);
    sql_rows_end(&rows);
    CHECK_TEXT(buf_slice(&out), "(-7,NULL,'O''Brien\ttab\nline\\',true,-1.05,'2026-07-01 00:00:00.000001+00'),(0.00)");
}
