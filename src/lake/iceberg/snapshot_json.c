// SPDX-License-Identifier: Apache-2.0
// Snapshots and refs as JSON (Iceberg specification, "Snapshots", "Snapshot References").
#include "core/base/json.h"
#include "lake/iceberg/parts.h"

void properties_write(const Property *properties, size_t count, Buf *out) {
    buf_u8(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_u8(out, ',');
        }
        json_quote(out, properties[i].key);
        buf_u8(out, ':');
        json_quote(out, properties[i].value);
    }
    buf_u8(out, '}');
}

// --- snapshots -------------------------------------------------------------------------------------------------

static void optional_int(Buf *out, const char *name, int64_t value) {
    if (value >= 0) {
        buf_text(out, name);
        buf_int(out, value);
    }
}

void snapshot_write(const Snapshot *snapshot, Buf *out) {
    buf_u8(out, '{');
    if (snapshot->sequence_number > 0) {
        buf_text(out, "\"sequence-number\":");
        buf_int(out, snapshot->sequence_number);
        buf_u8(out, ',');
    }
    buf_text(out, "\"snapshot-id\":");
    buf_int(out, snapshot->id);
    if (snapshot->parent_id != -1) {
        buf_text(out, ",\"parent-snapshot-id\":");
        buf_int(out, snapshot->parent_id);
    }
    buf_text(out, ",\"timestamp-ms\":");
    buf_int(out, snapshot->timestamp_ms);
    if (snapshot->summary_count > 0) {
        buf_text(out, ",\"summary\":");
        properties_write(snapshot->summary, snapshot->summary_count, out);
    }
    if (snapshot->manifest_list.size > 0) {
        buf_text(out, ",\"manifest-list\":");
        json_quote(out, snapshot->manifest_list);
    }
    optional_int(out, ",\"schema-id\":", snapshot->schema_id);
    optional_int(out, ",\"first-row-id\":", snapshot->first_row_id);
    optional_int(out, ",\"added-rows\":", snapshot->added_rows);
    others_write(snapshot->others, out);
    buf_u8(out, '}');
}

bool snapshot_check(const Snapshot *snapshot, Err *err) {
    const char *wrong = NULL;
    if (snapshot->id == -1) {
        wrong = "snapshot-id is -1, which stands for no snapshot";
    } else if (snapshot->sequence_number < 0) {
        wrong = "sequence-number is negative";
    } else if (snapshot->timestamp_ms < 0) {
        wrong = "timestamp-ms is negative";
    } else if (snapshot->first_row_id < -1 || snapshot->added_rows < -1) {
        wrong = "first-row-id or added-rows is negative";
    } else if (snapshot->first_row_id >= 0 && snapshot->added_rows < 0) {
        wrong = "added-rows is required when first-row-id is set";
    } else if (snapshot->manifest_list.size == 0 && snapshot->others.size == 0) {
        wrong = "manifest-list is missing";
    }
    return wrong == NULL || FAIL(err, ERR_VALUE, "%s", wrong);
}

bool snapshot_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"sequence-number", MEMBER_INT64, .offset = offsetof(Snapshot, sequence_number)},
        {"snapshot-id", MEMBER_INT64, true, .offset = offsetof(Snapshot, id)},
        {"parent-snapshot-id", MEMBER_INT64, .offset = offsetof(Snapshot, parent_id)},
        {"timestamp-ms", MEMBER_INT64, true, .offset = offsetof(Snapshot, timestamp_ms)},
        {"summary", MEMBER_TEXTS, .offset = offsetof(Snapshot, summary),
         .count_offset = offsetof(Snapshot, summary_count)},
        {"manifest-list", MEMBER_TEXT, .offset = offsetof(Snapshot, manifest_list)},
        {"schema-id", MEMBER_INT32, .offset = offsetof(Snapshot, schema_id)},
        {"first-row-id", MEMBER_INT64, .offset = offsetof(Snapshot, first_row_id)},
        {"added-rows", MEMBER_INT64, .offset = offsetof(Snapshot, added_rows)},
    };
    Snapshot *snapshot = target;
    *snapshot = (Snapshot){.parent_id = -1, .schema_id = -1, .first_row_id = -1, .added_rows = -1};
    TRY(json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), snapshot, &snapshot->others, err));
    Err wrong[1] = {{0}};
    return snapshot_check(snapshot, wrong) || json_in_fail(in, err, "%s", wrong->message);
}

bool snapshot_parse(Slice json, Arena *arena, Snapshot *snapshot, Err *err) {
    JsonIn in[1];
    JsonToken token;
    json_in_init(in, "snapshot", json, arena);
    TRY(json_in_token(in, &token, err));
    TRY(snapshot_in(in, token, snapshot, err));
    return json_in_end(in, err);
}

// --- refs ------------------------------------------------------------------------------------------------------

void snapshot_ref_write(const SnapshotRef *ref, Buf *out) {
    buf_text(out, "{\"snapshot-id\":");
    buf_int(out, ref->snapshot_id);
    buf_text(out, ref->tag ? ",\"type\":\"tag\"" : ",\"type\":\"branch\"");
    optional_int(out, ",\"min-snapshots-to-keep\":", ref->min_snapshots);
    optional_int(out, ",\"max-snapshot-age-ms\":", ref->max_snapshot_age_ms);
    optional_int(out, ",\"max-ref-age-ms\":", ref->max_ref_age_ms);
    others_write(ref->others, out);
    buf_u8(out, '}');
}

bool snapshot_ref_check(const SnapshotRef *ref, Err *err) {
    int length = (int)MIN(ref->name.size, (size_t)100);
    if (ref->tag && slice_is(ref->name, "main")) {
        return FAIL(err, ERR_VALUE, "Cannot set main to a tag, it must be a branch");
    }
    if (ref->tag && (ref->min_snapshots != -1 || ref->max_snapshot_age_ms != -1)) {
        return FAIL(err, ERR_VALUE,
                    "ref %.*s: tags do not support setting min-snapshots-to-keep or max-snapshot-age-ms", length,
                    ref->name.data);
    }
    const struct {
        const char *name;
        int64_t value;
    } ages[] = {{"min-snapshots-to-keep", ref->min_snapshots},
                {"max-snapshot-age-ms", ref->max_snapshot_age_ms},
                {"max-ref-age-ms", ref->max_ref_age_ms}};
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        if (ages[i].value != -1 && (ages[i].value <= 0 || (i == 0 && ages[i].value > INT32_MAX))) {
            return FAIL(err, ERR_VALUE, "ref %.*s: %s is to be greater than 0", length, ref->name.data, ages[i].name);
        }
    }
    return true;
}

bool snapshot_ref_type_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    Slice type;
    TRY(json_in_text(in, first, &type, err));
    bool tag = type.size == 3 && strncasecmp((const char *)type.data, "tag", 3) == 0;
    bool branch = type.size == 6 && strncasecmp((const char *)type.data, "branch", 6) == 0;
    ((SnapshotRef *)target)->tag = tag;
    return tag || branch || json_in_fail(in, err, "is to be branch or tag");
}

bool snapshot_ref_in(JsonIn *in, JsonToken first, SnapshotRef *ref, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"snapshot-id", MEMBER_INT64, true, .offset = offsetof(SnapshotRef, snapshot_id)},
        {"type", MEMBER_OTHER, true, .read = snapshot_ref_type_in},
        {"min-snapshots-to-keep", MEMBER_INT64, .offset = offsetof(SnapshotRef, min_snapshots)},
        {"max-snapshot-age-ms", MEMBER_INT64, .offset = offsetof(SnapshotRef, max_snapshot_age_ms)},
        {"max-ref-age-ms", MEMBER_INT64, .offset = offsetof(SnapshotRef, max_ref_age_ms)},
    };
    Slice name = ref->name, others;
    *ref = (SnapshotRef){.name = name, .min_snapshots = -1, .max_snapshot_age_ms = -1, .max_ref_age_ms = -1};
    TRY(json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), ref, &others, err));
    ref->others = others;
    Err wrong[1] = {{0}};
    return snapshot_ref_check(ref, wrong) || json_in_fail(in, err, "%s", wrong->message);
}

// --- objects that stay JSON ------------------------------------------------------------------------------------

bool json_object_snapshot_id(Slice json, Arena *arena, int64_t *id, Err *err) {
    static const JsonMember MEMBERS[] = {{"snapshot-id", MEMBER_INT64, true, .offset = 0}};
    JsonIn in[1];
    JsonToken token;
    json_in_init(in, "statistics", json, arena);
    TRY(json_in_token(in, &token, err));
    return json_in_struct(in, token, MEMBERS, ARRAY_LEN(MEMBERS), id, NULL, err);
}

bool json_object_key_id(Slice json, Arena *arena, Slice *id, Err *err) {
    static const JsonMember MEMBERS[] = {{"key-id", MEMBER_TEXT, true, .offset = 0}};
    JsonIn in[1];
    JsonToken token;
    json_in_init(in, "encryption key", json, arena);
    TRY(json_in_token(in, &token, err));
    return json_in_struct(in, token, MEMBERS, ARRAY_LEN(MEMBERS), id, NULL, err);
}
