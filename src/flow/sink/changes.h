// SPDX-License-Identifier: Apache-2.0
// The rows that a log of changes comes to at one moment: flat records (data/format/flat.h), whatever form they were
// kept in, in any order.
#ifndef LEAT_FLOW_SINK_CHANGES_H
#define LEAT_FLOW_SINK_CHANGES_H

#include "flow/sink/latest.h"
#include "flow/sink/sink.h"

typedef struct ChangesOptions {
    const char *directory; // for the spill file; made
    const Shape *record;   // a STRUCT: the table's columns
    const int32_t *key;    // fields of it
    size_t key_count;      // not 0
    uint64_t limit;        // changes with this commit_lsn and above are not of the moment; 0 = all are
} ChangesOptions;

typedef struct ChangeRow {
    Slice op; // "r", "c", "u", "d", "t"
    uint64_t lsn, ordinal;
    Value *values;          // one a field of the record; those in `unchanged` are set to VALUE_UNCHANGED
    const Value *unchanged; // a LIST of their names, or NULL, or a NULL
    const Value *before;    // a STRUCT of the key's fields, in their order, or NULL, or a NULL: __key_before
    uint64_t file, position;
} ChangeRow;

typedef struct Changes Changes;
// What the options point to stays.
CHECKED bool changes_new(const ChangesOptions *options, Changes **changes, Err *err);
// ERR_VALUE: it is no such record.
CHECKED bool changes_add(Changes *changes, const ChangeRow *row, Err *err);
// The rows; any number of times.
CHECKED bool changes_rows(Changes *changes, bool (*row)(void *context, const SinkCompareRow *row, Err *err),
                          void *context, Err *err);
void changes_free(Changes *changes); // NULL is fine

#endif
