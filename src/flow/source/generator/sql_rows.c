// SPDX-License-Identifier: Apache-2.0
#include "flow/source/generator/sql_rows.h"

#include <time.h>

void sql_rows_begin(SqlRows *rows) {
    if (rows->form == SQL_ROWS_VALUES) {
        buf_text(rows->out, rows->any_row ? ",(" : "(");
    }
    rows->any_row = true;
    rows->any_field = false;
}

void sql_rows_end(SqlRows *rows) {
    buf_u8(rows->out, rows->form == SQL_ROWS_VALUES ? ')' : '\n');
}

static void field(SqlRows *rows) {
    if (rows->any_field) {
        buf_u8(rows->out, rows->form == SQL_ROWS_VALUES ? ',' : '\t');
    }
    rows->any_field = true;
}

void sql_rows_null(SqlRows *rows) {
    field(rows);
    buf_text(rows->out, rows->form == SQL_ROWS_VALUES ? "NULL" : "\\N");
}

void sql_rows_int(SqlRows *rows, int64_t number) {
    field(rows);
    buf_int(rows->out, number);
}

void sql_rows_bool(SqlRows *rows, bool yes) {
    field(rows);
    if (rows->form == SQL_ROWS_VALUES) {
        buf_text(rows->out, yes ? "true" : "false");
    } else {
        buf_u8(rows->out, yes ? 't' : 'f');
    }
}

void sql_rows_text(SqlRows *rows, Slice text) {
    field(rows);
    if (rows->form == SQL_ROWS_VALUES) {
        sql_literal(rows->out, text);
        return;
    }
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '\\' || byte == '\t' || byte == '\n' || byte == '\r') {
            buf_u8(rows->out, '\\');
            byte = byte == '\t' ? 't' : byte == '\n' ? 'n' : byte == '\r' ? 'r' : byte;
        }
        buf_u8(rows->out, byte);
    }
}

void sql_rows_cents(SqlRows *rows, int64_t cents) {
    field(rows);
    sql_cents(rows->out, cents);
}

void sql_rows_time(SqlRows *rows, int64_t us) {
    field(rows);
    if (rows->form == SQL_ROWS_VALUES) {
        buf_u8(rows->out, '\'');
        sql_time(rows->out, us);
        buf_u8(rows->out, '\'');
    } else {
        sql_time(rows->out, us);
    }
}

void sql_literal(Buf *out, Slice text) {
    buf_u8(out, '\'');
    while (text.size > 0) {
        const uint8_t *quote = memchr(text.data, '\'', text.size);
        if (quote == NULL) {
            buf_put(out, text);
            break;
        }
        size_t upto = (size_t)(quote - text.data) + 1;
        buf_bytes(out, text.data, upto);
        buf_u8(out, '\'');
        text = slice_from(text, upto);
    }
    buf_u8(out, '\'');
}

void sql_cents(Buf *out, int64_t cents) {
    uint64_t size = cents < 0 ? 0 - (uint64_t)cents : (uint64_t)cents;
    if (cents < 0) {
        buf_u8(out, '-');
    }
    buf_uint(out, size / 100);
    buf_u8(out, '.');
    buf_u8(out, (uint8_t)('0' + size / 10 % 10));
    buf_u8(out, (uint8_t)('0' + size % 10));
}

void sql_time(Buf *out, int64_t us) {
    ASSERT(us >= 0);
    time_t seconds = (time_t)(us / 1000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d.%06d+00", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
               utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(us % 1000000));
}
