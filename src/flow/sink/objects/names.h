// SPDX-License-Identifier: Apache-2.0
// Names of the objects sink's files. A layout is a template; each topic makes a pattern of it, in which only what
// differs from file to file is left open (a hole is a control byte, which no name holds); a file fills the holes.
//
//     layout leat        {schema}/{table}/{partition}/{schema.table}-0-{offset}.{ext}, offset of 20 digits
//     layout confluent   {topics.dir}/{topic}/{partition}/{topic}+{kafka.partition}+{offset}.{ext}, with its
//     delimiters, 10 digits layout harbor
//     tenant-{tenant}/raw/cdc.{connector}.{table}/{Y}/{M}/{D}/{H}/{message-id}.{ext} layout template    what the user
//     wrote
//
// A variable that is empty takes the delimiter of directories behind it away with it. Names of schemas, tables, topics,
// fields and their values are percent-encoded where a name on a file system, in an object store or in a glob would not
// bear them: controls, / \ % + : * ? [ ] " < > |, bytes that are not UTF-8, a leading dot. What is longer than
// NAME_BYTES_MAX then is cut and ends in '~' and 16 hex digits of a hash.
#ifndef LEAT_FLOW_SINK_OBJECTS_NAMES_H
#define LEAT_FLOW_SINK_OBJECTS_NAMES_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

enum { NAME_BYTES_MAX = 200, OFFSET_DIGITS = 20 };

// In patterns. Part of the sink's state on disk: add at the end only.
enum {
    HOLE_OFFSET = 1, // and a byte: the digits at least
    HOLE_PARTITION = 2,
    HOLE_YEAR = 3,
    HOLE_MONTH = 4,
    HOLE_DAY = 5,
    HOLE_HOUR = 6,
    HOLE_ID = 7, // a UUID
};

typedef struct NameOptions {
    const char *layout; // leat | confluent | harbor | template
    const char *template_text;
    const char *topics_dir;
    const char *file_delimiter;
    const char *directory_delimiter;
    const char *tenant;
    Slice connector;   // the pipeline's name
    int64_t pad_width; // digits of offsets; -1 = the layout's own
    bool partitioned;  // else partitions are empty
    bool many_parts;   // keys or headers have files of their own
    bool tombstones;   // keys of tombstones are written, into a partition of their own
} NameOptions;

typedef struct NameLayout NameLayout;

// ERR_OPTION: what is wrong with the template, or what could give two files one name.
CHECKED bool name_layout_make(Arena *arena, const NameOptions *options, const NameLayout **layout, Err *err);

typedef struct NameParts {
    Slice topic;
    int32_t partition; // of the topic in Kafka; 0 = the only one
    Slice space, table;
    const char *extension;
} NameParts;
void name_pattern(Buf *buf, const NameLayout *layout, const NameParts *parts);

typedef struct NameFill {
    Slice partition; // encoded
    uint64_t offset; // of the file's first record
    int64_t local_s; // seconds since 1970 in the chosen zone, of the same
    uint8_t id[16];
} NameFill;

void name_fill(Buf *buf, Slice pattern, const NameFill *fill);
// Could the pattern have given this name? *offset: what is in its offset's place, UINT64_MAX when it has none.
bool name_match(Slice pattern, Slice name, uint64_t *offset);
bool name_has_hole(Slice pattern, int hole);
// What all names of a pattern begin with.
Slice name_prefix(Slice pattern);

// Appends the text, encoded. `shorten` cuts what was written since `start` to NAME_BYTES_MAX.
void name_encode(Buf *buf, Slice text);
void name_shorten(Buf *buf, size_t start);
// A UUID of version 7 that depends on nothing but these: the same record always has the same.
void name_id_text(Buf *buf, const uint8_t id[16]);
void name_id(uint8_t id[16], int64_t time_ms, Slice connector, Slice topic, uint64_t offset);

#endif
