// SPDX-License-Identifier: Apache-2.0
// What a catalog says of the storage of a table. Settings of a table's answer come before those of /v1/config, and what
// stands in storage-credentials holds for its prefix. The names are those of Iceberg's Java library
// (AwsClientProperties, S3FileIOProperties).
#include "lake/catalog/rest/remote.h"

static const char *setting(const Remote *remote, const RestSettings *nearest, const RestSettings *near,
                           const char *name, Arena *arena) {
    Slice value = nearest != NULL ? rest_setting(nearest, name) : (Slice){0};
    value = value.data == NULL ? rest_setting(near, name) : value;
    value = value.data == NULL ? rest_setting(&remote->settings, name) : value;
    return value.size > 0 ? arena_text(arena, value) : NULL;
}

static int64_t milliseconds(const char *text) {
    int64_t number = 0;
    for (size_t i = 0; text != NULL && text[i] >= '0' && text[i] <= '9' && i < 15; i++) {
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

static void grant(Remote *remote, Slice prefix, const RestSettings *nearest, const RestSettings *near, Slice name,
                  Arena *arena) {
    const char *style = setting(remote, nearest, near, "s3.path-style-access", arena);
    const char *region = setting(remote, nearest, near, "client.region", arena);
    const char *expires = setting(remote, nearest, near, "s3.session-token-expires-at-ms", arena);
    bool styled = style != NULL && (strcasecmp(style, "true") == 0 || strcasecmp(style, "false") == 0);
    LakeGrant given = {
        .prefix = prefix,
        .endpoint = setting(remote, nearest, near, "s3.endpoint", arena),
        .region = region != NULL ? region : setting(remote, nearest, near, "s3.region", arena),
        .path_style = !styled                          ? NULL
                      : strcasecmp(style, "true") == 0 ? "true"
                                                       : "false",
        .access_key = setting(remote, nearest, near, "s3.access-key-id", arena),
        .secret_key = setting(remote, nearest, near, "s3.secret-access-key", arena),
        .session_token = setting(remote, nearest, near, "s3.session-token", arena),
        .expires_us = milliseconds(expires) * 1000,
        .name = name,
    };
    if (given.endpoint != NULL || given.region != NULL || given.path_style != NULL || given.access_key != NULL) {
        lake_io_grant(remote->io, &given);
    }
}

void remote_storage_everywhere(Remote *remote) {
    static const RestSettings NONE = {0};
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    grant(remote, SLICE("s3://"), NULL, &NONE, (Slice){0}, scratch);
    arena_release(scratch);
}

static bool is_s3(Slice uri) {
    return uri.size > 6 && uri.data[0] == 's' && uri.data[1] == '3' && memchr(uri.data, ':', 4) != NULL;
}

static bool below(Slice uri, Slice folder) {
    return uri.size >= folder.size && memcmp(uri.data, folder.data, folder.size) == 0;
}

static Slice folder_of(Slice file) {
    while (file.size > 0 && file.data[file.size - 1] != '/') {
        file.size--;
    }
    return file;
}

static Slice renew_name(TableName name, Arena *arena) {
    return slice_of(arena_printf(arena, "%.*s\x1f%.*s", SLICE_ARG(name.space), SLICE_ARG(name.table)));
}

bool remote_storage(Remote *remote, TableName name, const RestTable *table, Arena *arena, Err *err) {
    Slice who = renew_name(name, arena);
    if (remote->io == NULL) {
        return true;
    }
    if (table->metadata.size > 0) {
        RestPlace place;
        TRY(rest_place_parse(table->metadata, arena, &place, err));
        const Slice places[] = {place.location, rest_setting(&place.properties, "write.data.path"),
                                rest_setting(&place.properties, "write.metadata.path"),
                                folder_of(table->metadata_file)};
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
            if (is_s3(places[i]) && (i == 0 || !below(places[i], places[0]))) {
                grant(remote, places[i], NULL, &table->config, who, arena);
            }
        }
    }
    for (size_t i = 0; i < table->key_count; i++) {
        bool all = slice_is(table->keys[i].prefix, "s3");
        if (all || is_s3(table->keys[i].prefix)) {
            grant(remote, all ? SLICE("s3://") : table->keys[i].prefix, &table->keys[i].config, &table->config, who,
                  arena);
        }
    }
    return true;
}

// The name ends with the table's: namespaces have the separator, too.
static bool name_of(Slice text, TableName *name) {
    for (size_t i = text.size; i-- > 0;) {
        if (text.data[i] == 0x1f) {
            *name = (TableName){{text.data, i}, slice_from(text, i + 1)};
            return true;
        }
    }
    return false;
}

static bool ask_keys(Remote *remote, TableName name, Arena *arena, Err *err) {
    DEFER(buf_release) Buf path = {0};
    RemoteAnswer answer;
    RestTable table;
    TRY(remote_table_path(remote, name, &path, err));
    buf_text(&path, "/credentials");
    RemoteAsk ask = {.method = "GET", .path = arena_text(arena, buf_slice(&path)), .delegate = true};
    TRY(remote_ask(remote, &ask, arena, &answer, err));
    if (!remote_good(&answer)) {
        return remote_fail(remote, &ask, &answer, err);
    }
    TRY(rest_table_parse(answer.body, arena, &table, err));
    return remote_storage(remote, name, &table, arena, err);
}

bool remote_storage_renew(void *context, Slice text, Err *err) {
    Remote *remote = context;
    Arena scratch[1];
    TableName name;
    CatalogTable table;
    if (!name_of(text, &name)) {
        return true;
    }
    arena_init(scratch, "scratch", 0);
    bool good =
        remote->keys_offered ? ask_keys(remote, name, scratch, err) : remote_load(remote, name, scratch, &table, err);
    arena_release(scratch);
    return good || err_frame(err, __FILE__, __LINE__);
}
