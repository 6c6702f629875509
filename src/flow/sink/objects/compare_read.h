// SPDX-License-Identifier: Apache-2.0
// The changes of a published file, given to flow/sink/changes.h.
#ifndef LEAT_FLOW_SINK_OBJECTS_COMPARE_READ_H
#define LEAT_FLOW_SINK_OBJECTS_COMPARE_READ_H

#include "flow/sink/changes.h"
#include "storage/store/store.h"

typedef enum FilesForm { FILES_JSON, FILES_JSON_GZIP, FILES_AVRO, FILES_PARQUET, FILES_UNKNOWN } FilesForm;
FilesForm files_form(Slice name); // by how it ends

typedef struct FilesRead {
    Store *store;
    const Shape *record; // a STRUCT of the table's columns; JSON: of texts, each a JSON value
    const int32_t *key;
    size_t key_count;
    // Of Debezium's envelopes, not flat records: one a field, what stands for a value that did not travel; NULL: it
    // always travels. The pointer NULL: records are flat.
    const Value *placeholders;
    Changes *changes;
    const volatile bool *stop;
    Throttle *throttle;
} FilesRead;

// ERR_NOT_FOUND: it is there no more. ERR_TABLE, ERR_VALUE name the file and what is wrong with it.
CHECKED bool files_read(const FilesRead *read, const char *name, uint64_t size, uint64_t number, FilesForm form,
                        Err *err);

// The members of one line of JSON: an object of members, as leat writes them. `name` and `value` as they stand there,
// the name without its quotes. *more false: there are no more; false: it is no such line.
bool line_open(Slice line, Slice *rest);
bool line_member(Slice *rest, Slice *name, Slice *value, bool *more);

#endif
