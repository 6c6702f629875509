// SPDX-License-Identifier: Apache-2.0
// What the sink leaves beside its tables: WAREHOUSE/_leat/PIPELINE.lake, replaced as a whole, so that a data directory
// that was lost, or is an older copy, is found out, and with ack.policy=sink made again.
//
// It is written when the pipeline begins, and with ack.policy=sink after each commit, before the source is told: then
// it says at which cut the tables stand, and holds the journal's state of that cut. A crash between the commit and this
// leaves tables that are one commit ahead of it. That is of no matter while the data directory is there: its events are
// passed over. When it was lost these tables are taken back to the cut (memory_restore), and the source sends what came
// behind it again: offsets that the new journal gives out need not be the same.
//
// Each write is conditional on the one before: a second process that writes the same pipeline's tables is found out.
// Where the catalog alone knows the warehouse, the object lies in _leat in the folder of the first table, and each
// table's property leat.memory names it. (Whoever removes orphans leaves alone what begins with an underscore.)
//
// The object (v = LEB128 varint, s = v size and bytes):
//     "leat lake memory\n", u32le version = 1, u32le CRC-32C of all that follows,
//     s owner, v sequence of the cut, v epoch, v tables: (s namespace, s name, s metadata file) each,
//     v size of the journal's state, s that as one zstd frame (0 and nothing: tables may not be at one cut)
#ifndef LEAT_FLOW_SINK_ICEBERG_MEMORY_H
#define LEAT_FLOW_SINK_ICEBERG_MEMORY_H

#include "flow/sink/iceberg/state.h"
#include "flow/sink/iceberg/table.h"
#include "flow/sink/sink.h"

typedef struct RememberedTable {
    TableName name;
    Slice metadata_file; // as of the cut
} RememberedTable;

typedef struct Remembered {
    char owner[LAKE_OWNER_BYTES + 1];
    uint64_t sequence; // of the cut
    uint64_t epoch;
    Slice state; // of the journal, for journal_seed; empty: unknown
    const RememberedTable *tables;
    size_t table_count;
} Remembered;

typedef struct LakeMemory {
    Lake *lake;
    Slice uri; // empty: not known yet (memory_note finds it)
    bool found;
    char tag[STORE_TAG_BYTES_MAX];
    Remembered last; // as it was found
    Map tables;      // namespace, 0x1f, name: Buf with its metadata file
    Arena run[1];
} LakeMemory;

void remembered_encode(Buf *buf, const Remembered *remembered);
// ERR_STATE_CORRUPT, ERR_FORMAT_NEWER.
CHECKED bool remembered_decode(Slice bytes, Arena *arena, Remembered *remembered, Err *err);

// Looks it up; the lake's io must be open, its catalog need not (then only where the warehouse is known).
CHECKED bool memory_open(LakeMemory *memory, Lake *lake, Err *err);
void memory_close(LakeMemory *memory);
// A table and where its newest metadata is.
void memory_note(LakeMemory *memory, TableName name, Slice metadata_file);
// Says that these are not this data directory's tables, and what can be done. Returns false.
bool memory_lost(const LakeMemory *memory, Err *err);
// Replaces it. `journal` empty: only whose tables these are. ERR_LOCKED: somebody else has written.
CHECKED bool memory_put(LakeMemory *memory, const LakeState *state, Slice journal, Err *err);
// The data directory is new: the embedded catalog is given the tables back, and those that are ahead are taken back to
// the cut. ERR_CHANGED: one cannot be, as somebody else has written to it since.
CHECKED bool memory_restore(LakeMemory *memory, Err *err);
CHECKED bool memory_remove(LakeMemory *memory, Err *err); // if it is this owner's

// As the catalog has it; an error names table and file.
CHECKED bool lake_metadata_parse(TableName name, const CatalogTable *found, Arena *arena, TableMetadata *metadata,
                                 Err *err);
// Where a table of the catalog lies, as seen from the lake's warehouse: below it (or not known); in another place of
// the same kind; on S3 and not on this machine, or the other way.
typedef enum LakeWhere { LAKE_HERE, LAKE_BESIDE, LAKE_ELSEWHERE } LakeWhere;
CHECKED bool lake_where(Lake *lake, TableName name, Arena *arena, LakeWhere *where, Err *err);
// The tables that this pipeline has made.
CHECKED bool lake_own_tables(Lake *lake,
                             bool (*visit)(void *context, TableName name, const CatalogTable *found,
                                           const TableMetadata *metadata, Err *err),
                             void *context, Err *err);
// What a data directory that is an older copy must not give out again: the tables have these offsets and that epoch.
CHECKED bool lake_floors(Lake *lake, const LakeState *state, Arena *arena, SinkCheckpoint *checkpoint, Err *err);

#endif
