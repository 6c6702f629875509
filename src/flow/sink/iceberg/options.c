// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/options.h"

#include "storage/store/local/local.h"

#define AT(field) offsetof(LakeOptions, field)
#define DAY_MS    (INT64_C(24) * 3600 * 1000)

// name, type, flags, offset, default, min, max, choices, text
static const OptionSpec SPECS[] = {
    {"format", OPTION_CHOICE, 0, AT(format), "iceberg", 0, 0, "iceberg", "Iceberg tables."},
    {"mode", OPTION_CHOICE, 0, AT(mode), "upsert", 0, 0, "upsert,append",
     "Tables hold the rows as the source has them (upsert), or every change as a row of its own (append)."},
    {"delete", OPTION_CHOICE, 0, AT(deletes), "hard", 0, 0, "hard,soft",
     "Upsert: a deleted row goes, or stays (soft) with __deleted = true and the time in __deleted_at."},
    {"key", OPTION_CHOICE, 0, AT(key), "identity", 0, 0, "identity,full-row",
     "Upsert, of tables with REPLICA IDENTITY FULL and no primary key: every change is a row of its own (identity), or "
     "the whole row is the key (full-row) and equal rows are kept as often as the source has them."},
    {"format.version", OPTION_INT, 0, AT(format_version), "2", 2, 3, NULL,
     "Of new tables: 2 (position deletes, read by every engine) or 3 (deletion vectors)."},
    {"freshness", OPTION_DURATION, 0, AT(freshness_ms), "0", 0, DAY_MS, NULL,
     "How long a change may wait for the next commit; 0 = 1s on local disk, 60s on object stores."},
    {"namespace", OPTION_TEXT, 0, AT(namespace), "", 0, 0, NULL,
     "The namespace of all tables; empty = that of the source's schema."},
    {"rename", OPTION_LIST, 0, AT(rename), "", 0, 0, NULL,
     "Other names for tables: public.orders=sales.orders,items=positions."},
    {"partition.by", OPTION_TEXT, 0, AT(partition_by), "", 0, 0, NULL,
     "Partitions of new tables: day(created_at), or per table: orders=day(created_at);items=bucket(16,id)."},
    {"catalog", OPTION_TEXT, 0, AT(catalog), "", 0, 0, NULL,
     "The catalog: iceberg+https://HOST/PATH?warehouse=NAME, or a catalog.db; empty = the data directory's own."},
    {"adopt", OPTION_LIST, 0, AT(adopt), "", 0, 0, NULL,
     "Tables of the catalog that are there already and are taken over: sales.orders,items, or * for all that have the "
     "names of this pipeline's tables."},
    {"adopt.rows", OPTION_CHOICE, 0, AT(adopt_rows), "read", 0, 0, "read,keep",
     "What becomes of the rows of a table that is taken over: the source is read and they are made equal to it (read), "
     "or they stay and only changes are carried (keep, with --no-snapshot)."},
    {"inexact.values", OPTION_CHOICE, 0, AT(inexact), "null", 0, 0, "null,fail,aside,text",
     "A value that its column's type cannot hold (NaN, infinity) is NULL, stops the pipeline (fail), or sets its table "
     "aside; text: such columns are text."},
    {"type.change", OPTION_CHOICE, 0, AT(type_change), "suffix", 0, 0, "suffix,fail",
     "A column whose new type the old one cannot become: a new column beside it (name__v2), or the table is set "
     "aside."},
    {"file.target.bytes", OPTION_BYTES, 0, AT(target_file_bytes), "128MiB", 1 * MIB, INT64_C(4) << 30, NULL,
     "A data file ends at this size."},
    {"file.large.page.bytes", OPTION_BYTES, 0, AT(large_page_bytes), "64KiB", 4 * KIB, 1 * MIB, NULL,
     "A page ends at this size where values have 256 bytes and more: single ones are read again when an UPDATE did not "
     "change them."},
    {"file.compression.level", OPTION_INT, 0, AT(compression_level), "1", 1, 19, NULL, "Of zstd."},
    REST_CATALOG_OPTION_SPECS(LakeOptions, rest),
    {"maintenance", OPTION_CHOICE, 0, AT(maintenance), "auto", 0, 0, "auto,on,off",
     "Files are compacted and snapshots expired by the writer, or by somebody else (a catalog that does it). auto: "
     "leat "
     "does so for tables of its own, not for those of sink connectors."},
    {"maintenance.cpu", OPTION_INT, 0, AT(maintenance_cpu), "25", 1, 100, NULL,
     "The most of one core that maintenance takes, in percent."},
    {"snapshot.retention", OPTION_DURATION, 0, AT(snapshot_retention_ms), "5d", 60 * 1000, 3650 * DAY_MS, NULL,
     "How old snapshots become: all of the last 10 minutes, one a minute of the last hour, then one an hour."},
    {"snapshot.grace", OPTION_DURATION, 0, AT(snapshot_grace_ms), "30m", 0, 30 * DAY_MS, NULL,
     "Files of an expired snapshot stay so long, for those who are reading it."},
    {"orphan.age", OPTION_DURATION, 0, AT(orphan_age_ms), "3d", 0, 3650 * DAY_MS, NULL,
     "Files in a table's folder that no snapshot names are removed once they are so old; 0 = never."},
    S3_OPTION_SPECS(LakeOptions, s3),
};

const OptionTable ICEBERG_OPTIONS = {.name = "Iceberg sink", .specs = SPECS, .count = ARRAY_LEN(SPECS)};

// --- names -----------------------------------------------------------------------------------------------------

// The part up to `mark`, which is taken away from the rest. Without it all is taken.
static Slice cut(Slice *rest, char mark) {
    const uint8_t *at = rest->size > 0 ? memchr(rest->data, mark, rest->size) : NULL;
    Slice part = at != NULL ? (Slice){rest->data, (size_t)(at - rest->data)} : *rest;
    *rest = at != NULL ? slice_from(*rest, part.size + 1) : (Slice){part.data + part.size, 0};
    return slice_trim(part, " ");
}

// "orders" or "public.orders".
static bool names_table(Slice name, Slice space, Slice table) {
    if (slice_equal(name, table)) {
        return true;
    }
    return name.size == space.size + table.size + 1 && memcmp(name.data, space.data, space.size) == 0 &&
           name.data[space.size] == '.' && memcmp(name.data + space.size + 1, table.data, table.size) == 0;
}

// Dots would be taken for levels, slashes for folders; the rest of what cannot stand in a name of a folder.
static Slice safe(Arena *arena, Slice name) {
    uint8_t *made = ARENA_ARRAY(arena, uint8_t, name.size + 1);
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        bool unsafe = byte < ' ' || byte == 0x7f || strchr("./\\\"'`#?%:", byte) != NULL;
        made[i] = unsafe ? '_' : byte;
    }
    return name.size > 0 ? (Slice){made, name.size} : SLICE("_");
}

bool lake_name(const LakeOptions *options, Slice space, Slice table, Arena *arena, LakeName *name, Err *err) {
    Slice to_space = slice_of(options->namespace), to_table = table, rest = slice_of(options->rename);
    bool renamed = false;
    to_space = to_space.size > 0 ? to_space : safe(arena, space);
    while (rest.size > 0) {
        Slice to = cut(&rest, ','), from = cut(&to, '=');
        if (from.size == 0 || to.size == 0) {
            FAIL(err, ERR_OPTION, "rename: \"%.*s\" is no NAME=NAME", SLICE_ARG(from));
            return err_hint(err, "for example public.orders=sales.orders");
        }
        if (!names_table(from, space, table)) {
            continue;
        }
        Slice level = cut(&to, '.');
        renamed = true;
        to_table = to.size > 0 ? to : level;
        to_space = to.size > 0 ? level : to_space;
    }
    name->space = arena_slice(arena, to_space);
    name->table = renamed ? arena_slice(arena, to_table) : safe(arena, to_table);
    return true;
}

bool lake_adopts(const LakeOptions *options, Slice space, Slice table) {
    Slice rest = slice_of(options->adopt);
    while (rest.size > 0) {
        Slice name = cut(&rest, ',');
        if (slice_is(name, "*") || names_table(name, space, table)) {
            return true;
        }
    }
    return false;
}

const char *lake_partition_text(const LakeOptions *options, Slice space, Slice table, Arena *arena) {
    Slice rest = slice_of(options->partition_by);
    const char *all = "";
    while (rest.size > 0) {
        Slice spec = cut(&rest, ';'), name = spec;
        const uint8_t *equals = spec.size > 0 ? memchr(spec.data, '=', spec.size) : NULL;
        if (equals == NULL) {
            all = arena_text(arena, spec);
            continue;
        }
        name = cut(&spec, '=');
        if (names_table(name, space, table)) {
            return arena_text(arena, spec);
        }
    }
    return all;
}

int64_t lake_interval_us(const LakeOptions *options, const char *url) {
    bool local = LOCAL_STORE.accepts(url);
    return (options->freshness_ms > 0 ? options->freshness_ms : local ? 1000 : 60 * 1000) * 1000;
}
