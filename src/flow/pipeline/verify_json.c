// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/verify_json.h"

#include "core/base/json.h"
#include "data/format/shape_json.h"

#include <time.h>

void verify_row_json(Buf *buf, const VerifyResult *result, const Value *row, const int32_t *fields, size_t count) {
    buf_u8(buf, '{');
    for (size_t i = 0; i < (fields != NULL ? count : result->record->field_count); i++) {
        const ShapeField *field = &result->record->fields[fields != NULL ? (size_t)fields[i] : i];
        buf_text(buf, i > 0 ? "," : "");
        json_quote(buf, field->name);
        buf_u8(buf, ':');
        const Value *value = &row[fields != NULL ? (size_t)fields[i] : i];
        if (field->shape.note_count > 0 && slice_is(field->shape.notes[0].name, "leat.json") &&
            value->kind == VALUE_STRING) {
            buf_put(buf, value->bytes); // it is a JSON text
        } else {
            shape_value_json(buf, &field->shape, value);
        }
    }
    buf_u8(buf, '}');
}

void verify_key_json(Buf *buf, const VerifyResult *result, const VerifyDifference *difference) {
    const Value *row = difference->source != NULL ? difference->source : difference->sink;
    if (row == NULL) {
        buf_text(buf, "null");
        return;
    }
    verify_row_json(buf, result, row, result->key_count > 0 ? result->key : NULL, result->key_count);
}

static void difference_json(Buf *buf, const VerifyResult *result, const VerifyDifference *difference,
                            VerifyDetail detail) {
    buf_u8(buf, '{');
    json_field_text(buf, "kind", verify_kind_name(difference->kind));
    if (difference->count > 1) {
        json_field_uint(buf, "rows", difference->count);
    }
    json_key(buf, "key");
    verify_key_json(buf, result, difference);
    if (detail == VERIFY_ROWS && difference->source != NULL) {
        json_key(buf, "source");
        verify_row_json(buf, result, difference->source, NULL, 0);
    }
    if (detail == VERIFY_ROWS && difference->sink != NULL) {
        json_key(buf, "sink");
        verify_row_json(buf, result, difference->sink, NULL, 0);
    }
    buf_u8(buf, '}');
}

static void columns_json(Buf *buf, const char *name, const VerifyResult *result, const uint64_t *counts) {
    json_key(buf, name);
    buf_u8(buf, '{');
    for (size_t i = 0; counts != NULL && i < result->record->field_count; i++) {
        if (counts[i] > 0) {
            buf_text(buf, buf->data[buf->size - 1] == '{' ? "" : ",");
            json_quote(buf, result->record->fields[i].name);
            buf_printf(buf, ":%" PRIu64, counts[i]);
        }
    }
    buf_u8(buf, '}');
}

static void result_json(Buf *buf, const VerifyResult *result, VerifyDetail detail) {
    json_field_uint(buf, "source_rows", result->source_rows);
    json_field_uint(buf, "sink_rows", result->sink_rows);
    json_field_uint(buf, "equal_rows", result->equal);
    json_field_uint(buf, "missing", result->missing);
    json_field_uint(buf, "extra", result->extra);
    json_field_uint(buf, "different", result->different);
    json_field_uint(buf, "duplicate", result->duplicate);
    json_field_uint(buf, "not_looked_into", result->unseen);
    json_field_int(buf, "elapsed_ms", result->us / 1000);
    if (result->record == NULL) {
        return;
    }
    if (!verify_is_equal(result) && result->irreparable != NULL) {
        json_field_text(buf, "irreparable", result->irreparable);
    }
    if (result->different > 0) {
        columns_json(buf, "different_columns", result, result->column_differs);
    }
    if (result->inexact > 0) {
        json_field_text(buf, "rule", "inexact.values=null");
        json_field_uint(buf, "rule_values", result->inexact);
        columns_json(buf, "rule_columns", result, result->lost);
    }
    if (detail == VERIFY_COUNTS || result->difference_count == 0) {
        return;
    }
    json_key(buf, "differences");
    for (size_t i = 0; i < result->difference_count; i++) {
        buf_u8(buf, i == 0 ? '[' : ',');
        difference_json(buf, result, &result->differences[i], detail);
    }
    buf_u8(buf, ']');
}

static void error_json(Buf *buf, const Err *err) {
    json_field_text(buf, "error", err_name(err->code));
    json_field_text(buf, "message", err->message);
    if (err->hint[0] != '\0') {
        json_field_text(buf, "hint", err->hint);
    }
}

static void table_json(Buf *buf, const VerifiedTable *table, VerifyDetail detail) {
    buf_u8(buf, '{');
    json_key(buf, "table");
    json_quote(buf, table->topic);
    json_field_text(buf, "result", verify_outcome_name(table->outcome));
    if (table->outcome == VERIFY_NOT_COMPARED) {
        error_json(buf, &table->why);
    } else {
        result_json(buf, &table->result, detail);
    }
    if (table->repaired) {
        json_key(buf, "repaired");
        buf_u8(buf, '{');
        result_json(buf, &table->before, detail);
        buf_u8(buf, '}');
    }
    buf_u8(buf, '}');
}

static void time_json(Buf *buf, const char *name, int64_t us) {
    char text[40];
    time_t seconds = (time_t)(us / 1000000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t size = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + size, sizeof(text) - size, ".%03dZ", (int)(us / 1000 % 1000));
    json_field_text(buf, name, text);
}

void verified_json(Buf *buf, const char *pipeline, const Verified *verified, VerifyDetail detail) {
    buf_u8(buf, '{');
    json_field_text(buf, "pipeline", pipeline);
    json_field_text(buf, "result", verify_outcome_name(verified->outcome));
    json_field_lsn(buf, "lsn", verified->lsn);
    time_json(buf, "taken_at", verified->taken_us);
    json_field_int(buf, "elapsed_ms", verified->elapsed_ms);
    if (verified->repaired) {
        json_key(buf, "repair");
        buf_u8(buf, '{');
        json_field_uint(buf, "put", verified->repair.put);
        json_field_uint(buf, "removed", verified->repair.removed);
        json_field_uint(buf, "passed_over", verified->repair.passed_over);
        buf_u8(buf, '}');
    }
    json_key(buf, "tables");
    buf_u8(buf, '[');
    for (size_t i = 0; i < verified->count; i++) {
        buf_text(buf, i > 0 ? "," : "");
        table_json(buf, &verified->tables[i], detail);
    }
    buf_text(buf, "]}");
}

void verify_failed_json(Buf *buf, const char *pipeline, const Err *err) {
    buf_u8(buf, '{');
    json_field_text(buf, "pipeline", pipeline);
    json_field_text(buf, "result", verify_outcome_name(VERIFY_NOT_COMPARED));
    error_json(buf, err);
    buf_u8(buf, '}');
}
