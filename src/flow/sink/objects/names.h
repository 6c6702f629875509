// SPDX-License-Identifier: Apache-2.0
// Names of the objects sink's files. All files of a table are one family:
//
//     SCHEMA/TABLE/SCHEMA.TABLE+0+<offset of the first record, 20 digits>.EXTENSION
//
// so that names sort by offset. Schema and table are percent-encoded where a name on a file system, in an object store
// or in a glob would not bear them: controls, / \ % + : * ? [ ] " < > |, bytes that are not UTF-8, a leading dot.
// What is longer than NAME_BYTES_MAX then is cut and ends in '~' and 16 hex digits of a hash.
#ifndef LEAT_FLOW_SINK_OBJECTS_NAMES_H
#define LEAT_FLOW_SINK_OBJECTS_NAMES_H

#include "core/base/buf.h"

enum { NAME_BYTES_MAX = 200, OFFSET_DIGITS = 20 };

// Everything up to the offset: "SCHEMA/TABLE/SCHEMA.TABLE+0+". Without a schema: "TABLE/TABLE+0+".
void objects_family(Buf *buf, Slice space, Slice table);
void objects_name(Buf *buf, Slice family, uint64_t offset, const char *extension);
// True when `name` is one that objects_name gives for this family and extension; *offset is then its offset.
bool objects_name_parse(Slice name, Slice family, const char *extension, uint64_t *offset);

#endif
