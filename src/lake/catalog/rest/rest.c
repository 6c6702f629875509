// SPDX-License-Identifier: Apache-2.0
// The driver: what is asked of a catalog about namespaces and tables. Commits are in commit.c and create.c.
#include "lake/catalog/rest/rest.h"

#include "core/base/json.h"
#include "lake/catalog/rest/remote.h"

enum { PAGES_MAX = 100 * 1000 };

static const OptionSpec SPECS[] = {REST_CATALOG_OPTION_SPECS(
    struct { RestCatalogOptions rest; }, rest)};
const OptionTable REST_CATALOG_OPTIONS = {.name = "REST catalog", .specs = SPECS, .count = ARRAY_LEN(SPECS)};

// --- opening ---------------------------------------------------------------------------------------------------

static bool rest_accepts(const char *url) {
    return strncmp(url, "iceberg+http://", 15) == 0 || strncmp(url, "iceberg+https://", 16) == 0;
}

// Overrides first: the nearest of a name counts.
static void settings_keep(Remote *remote, const RestConfig *config) {
    size_t count = config->overrides.count + config->defaults.count;
    Property *items = ARENA_ARRAY(&remote->run, Property, count);
    for (size_t i = 0; i < count; i++) {
        bool over = i < config->overrides.count;
        const Property *from =
            over ? &config->overrides.items[i] : &config->defaults.items[i - config->overrides.count];
        items[i] = (Property){arena_slice(&remote->run, from->key), arena_slice(&remote->run, from->value)};
    }
    remote->settings = (RestSettings){items, count};
}

// As it is to stand in URLs: "%1F", "%2E", or one plain character.
static bool separator_read(Remote *remote, Err *err) {
    Slice text = rest_setting(&remote->settings, "namespace-separator");
    remote->between = "%1F";
    remote->between_byte = 0x1f;
    if (text.size == 0) {
        return true;
    }
    unsigned byte = 0;
    char hex[3] = {0};
    if (text.size == 3 && text.data[0] == '%') {
        memcpy(hex, text.data + 1, 2);
        char *end = NULL;
        byte = (unsigned)strtoul(hex, &end, 16);
        byte = end == hex + 2 ? byte : 0;
    } else if (text.size == 1) {
        byte = text.data[0];
    }
    if (byte == 0 || byte == '/' || byte > 0x7e) {
        return FAIL(err, ERR_NET_PROTOCOL, "the catalog separates namespaces in a way that leat does not know");
    }
    DEFER(buf_release) Buf out = {0};
    buf_printf(&out, "%%%02X", byte);
    remote->between_byte = (uint8_t)byte;
    remote->between = arena_text(&remote->run, buf_slice(&out));
    return true;
}

// It goes into URLs as it is: some catalogs give it percent-encoded.
static bool prefix_read(Remote *remote, Err *err) {
    Slice text = slice_trim(rest_setting(&remote->settings, "prefix"), "/");
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f || text.data[i] == '?' || text.data[i] == '#') {
            return FAIL(err, ERR_NET_PROTOCOL, "the catalog's prefix cannot stand in a URL");
        }
    }
    remote->prefix = text.size > 0 ? arena_printf(&remote->run, "%.*s/", SLICE_ARG(text)) : "";
    return true;
}

static bool config_take(Remote *remote, const RestConfig *config, Err *err) {
    settings_keep(remote, config);
    TRY(prefix_read(remote, err));
    TRY(separator_read(remote, err));
    // Who lists no endpoints has those of the protocol's first version, transactions among them.
    remote->transactions = config->endpoints == NULL || rest_offers(config, "POST /v1/{prefix}/transactions/commit");
    remote->keys_offered = rest_offers(config, "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials");
    Slice lifetime = config->key_lifetime;
    lifetime = lifetime.size > 0 ? lifetime : rest_setting(&remote->settings, "idempotency-key-lifetime");
    remote->remembers = lifetime.size > 0;
    return true;
}

static bool config_ask(Remote *remote, const char *warehouse, Err *err) {
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    RemoteAnswer answer;
    RestConfig config = {0};
    const char *path = warehouse[0] != '\0' ? arena_printf(scratch, "config?warehouse=%s", warehouse) : "config";
    RemoteAsk ask = {.method = "GET", .path = path, .top = true};
    bool good = remote_ask(remote, &ask, scratch, &answer, err);
    if (good && !remote_good(&answer)) {
        if (remote_is_absent(&answer) && warehouse[0] != '\0') {
            FAIL(err, ERR_NET_SETUP, "%s knows no warehouse of the name that is given", remote->base);
            err_hint(err, "correct warehouse= in the catalog's URL");
        }
        good = remote_fail(remote, &ask, &answer, err);
    }
    good = good && rest_config_parse(answer.body, scratch, &config, err) && config_take(remote, &config, err);
    arena_release(scratch);
    return good || err_frame(err, __FILE__, __LINE__);
}

static void rest_close(void *state) {
    Remote *remote = state;
    if (remote->io != NULL) {
        lake_io_renewer(remote->io, NULL, NULL);
    }
    remote_auth_close(remote);
    map_release(&remote->making);
    http_answer_release(&remote->answer);
    http_client_close(remote->http);
    arena_release(&remote->run);
    free(remote);
}

static bool open_with(Remote *remote, const CatalogContext *context, Err *err) {
    const char *warehouse = "";
    if (context->options != NULL) {
        remote->options = *(const RestCatalogOptions *)context->options;
    } else {
        option_defaults(&REST_CATALOG_OPTIONS, &remote->options);
    }
    remote->stop = context->stop;
    remote->prefix = "";
    TRY(remote_url(context->url, &remote->run, &remote->base, &warehouse, err));
    const char *ca_file = remote->options.ca_file;
    HttpClientOptions http = {.connections_max = 1,
                              .connect_ms = MIN(remote->options.timeout_ms, (int64_t)10000),
                              .stalled_ms = remote->options.timeout_ms,
                              .ca_file = ca_file != NULL && ca_file[0] != '\0' ? ca_file : NULL};
    TRY(http_client_open(&http, &remote->http, err));
    http_client_stop_flag(remote->http, remote->stop);
    TRY(remote_auth_open(remote, err));
    TRY(config_ask(remote, warehouse, err));
    if (context->io != NULL) {
        remote->io = context->io;
        remote->delegate = strcmp(remote->options.delegation, "none") != 0 && !lake_io_has_keys(remote->io);
        lake_io_renewer(remote->io, remote_storage_renew, remote);
        remote_storage_everywhere(remote);
    }
    return true;
}

static bool rest_open(const CatalogContext *context, void **state, Err *err) {
    Remote *remote = calloc(1, sizeof(*remote));
    ASSERT(remote != NULL);
    arena_init(&remote->run, "run", 64 * MIB);
    if (!open_with(remote, context, err)) {
        rest_close(remote);
        return err_frame(err, __FILE__, __LINE__);
    }
    *state = remote;
    return true;
}

// --- bodies ----------------------------------------------------------------------------------------------------

void remote_write_space(Buf *out, Slice space) {
    size_t begin = 0;
    buf_u8(out, '[');
    for (size_t i = 0; i <= space.size && space.size > 0; i++) {
        if (i == space.size || space.data[i] == 0x1f) {
            buf_text(out, begin > 0 ? "," : "");
            json_quote(out, (Slice){space.data + begin, i - begin});
            begin = i + 1;
        }
    }
    buf_u8(out, ']');
}

void remote_write_properties(Buf *out, const Property *properties, size_t count) {
    buf_u8(out, '{');
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i > 0 ? "," : "");
        json_quote(out, properties[i].key);
        buf_u8(out, ':');
        json_quote(out, properties[i].value);
    }
    buf_u8(out, '}');
}

// --- lists -----------------------------------------------------------------------------------------------------

typedef bool NamesParse(Slice json, Arena *arena, RestNames *names, Err *err);

// All pages. A catalog that gives pages without end is not followed without end.
static bool list_all(Remote *remote, const char *path, NamesParse *parse, Arena *arena, Slice **names, size_t *count,
                     RemoteAnswer *answer, Err *err) {
    DEFER(buf_release) Buf all = {0}, target = {0};
    RestNames page = {0};
    for (int pages = 0; pages == 0 || page.next_page.size > 0; pages++) {
        buf_reset(&target);
        buf_text(&target, path);
        buf_text(&target, strchr(path, '?') != NULL ? "&pageToken=" : "?pageToken=");
        http_encode(&target, page.next_page, false);
        RemoteAsk ask = {.method = "GET", .path = arena_text(arena, buf_slice(&target))};
        TRY(remote_ask(remote, &ask, arena, answer, err));
        if (!remote_good(answer)) {
            return remote_is_absent(answer) || remote_fail(remote, &ask, answer, err);
        }
        Slice before = page.next_page;
        TRY(parse(answer->body, arena, &page, err));
        buf_bytes(&all, page.names, page.count * sizeof(Slice));
        if (pages >= PAGES_MAX || (before.size > 0 && slice_equal(before, page.next_page))) {
            return FAIL(err, ERR_NET_PROTOCOL, "GET %s/v1/…: pages without end", remote->base);
        }
    }
    *count = all.size / sizeof(Slice);
    *names = ARENA_ARRAY(arena, Slice, *count);
    if (all.size > 0) {
        memcpy(*names, all.data, all.size);
    }
    return true;
}

static bool is_child(Slice space, Slice parent) {
    size_t at = parent.size > 0 ? parent.size + 1 : 0;
    bool below = parent.size == 0 || (space.size > at && space.data[parent.size] == 0x1f &&
                                      memcmp(space.data, parent.data, parent.size) == 0);
    return below && space.size > at && memchr(space.data + at, 0x1f, space.size - at) == NULL;
}

static bool rest_spaces(void *state, Slice parent, Arena *arena, Slice **spaces, size_t *count, Err *err) {
    Remote *remote = state;
    DEFER(buf_release) Buf path = {0};
    RemoteAnswer answer;
    *count = 0;
    if (parent.size > 0) {
        TRY(remote_space_path(remote, parent, &path, err));
    }
    static const size_t SKIP = sizeof("namespaces/") - 1;
    const char *inner = parent.size > 0 ? arena_text(arena, slice_from(buf_slice(&path), SKIP)) : NULL;
    const char *target = inner != NULL ? arena_printf(arena, "namespaces?parent=%s", inner) : "namespaces";
    TRY(list_all(remote, target, rest_spaces_parse, arena, spaces, count, &answer, err));
    if (!remote_good(&answer)) {
        return remote_no_space(parent, err);
    }
    size_t kept = 0; // some give all levels
    for (size_t i = 0; i < *count; i++) {
        if (is_child((*spaces)[i], parent)) {
            (*spaces)[kept++] = (*spaces)[i];
        }
    }
    *count = kept;
    return true;
}

static bool rest_tables(void *state, Slice space, Arena *arena, Slice **tables, size_t *count, Err *err) {
    Remote *remote = state;
    DEFER(buf_release) Buf path = {0};
    RemoteAnswer answer;
    *count = 0;
    TRY(remote_space_path(remote, space, &path, err));
    buf_text(&path, "/tables");
    const char *target = arena_text(arena, buf_slice(&path));
    TRY(list_all(remote, target, rest_tables_parse, arena, tables, count, &answer, err));
    return remote_good(&answer) || remote_no_space(space, err);
}

// --- namespaces ------------------------------------------------------------------------------------------------

// One request about a namespace or table, whose answer's body is not of interest.
static bool ask_simple(Remote *remote, const char *method, const Buf *path, const Buf *body, RemoteAnswer *answer,
                       bool *good, Err *err) {
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    RemoteAsk ask = {.method = method,
                     .path = arena_text(scratch, buf_slice(path)),
                     .body = body != NULL ? buf_slice(body) : (Slice){0}};
    bool answered = remote_ask(remote, &ask, scratch, answer, err);
    *good = answered && remote_good(answer);
    bool meaning = answered && !*good && (answer->status == 409 || remote_is_absent(answer));
    bool absent_space = meaning && remote_is_type(answer, "NoSuchNamespaceException");
    if (answered && !*good && !meaning) {
        remote_fail(remote, &ask, answer, err);
    }
    answer->error.type = absent_space ? SLICE("NoSuchNamespaceException") : (Slice){0};
    answer->error.message = answer->body = (Slice){0}; // they go with the scratch
    arena_release(scratch);
    return *good || meaning;
}

static bool rest_space_create(void *state, Slice space, const Property *properties, size_t count, Err *err) {
    Remote *remote = state;
    DEFER(buf_release) Buf path = {0}, body = {0};
    RemoteAnswer answer;
    bool good;
    TRY(remote_space_path(remote, space, &path, err)); // is it one?
    path.size = 0;
    buf_text(&path, "namespaces");
    buf_text(&body, "{\"namespace\":");
    remote_write_space(&body, space);
    buf_text(&body, ",\"properties\":");
    remote_write_properties(&body, properties, count);
    buf_u8(&body, '}');
    TRY(ask_simple(remote, "POST", &path, &body, &answer, &good, err));
    if (!good && answer.status == 409) {
        return FAIL(err, ERR_EXISTS, "Namespace already exists: %s", remote_space_text(space).text);
    }
    return good || remote_no_space(space, err); // its parent's
}

static bool rest_space_drop(void *state, Slice space, Err *err) {
    Remote *remote = state;
    DEFER(buf_release) Buf path = {0};
    RemoteAnswer answer;
    bool good;
    TRY(remote_space_path(remote, space, &path, err));
    TRY(ask_simple(remote, "DELETE", &path, NULL, &answer, &good, err));
    if (!good && answer.status == 409) {
        return FAIL(err, ERR_CHANGED, "Namespace is not empty: %s", remote_space_text(space).text);
    }
    return good || remote_no_space(space, err);
}

static bool rest_space_properties(void *state, Slice space, Arena *arena, Property **properties, size_t *count,
                                  Err *err) {
    Remote *remote = state;
    DEFER(buf_release) Buf path = {0};
    RemoteAnswer answer;
    RestSettings settings;
    TRY(remote_space_path(remote, space, &path, err));
    RemoteAsk ask = {.method = "GET", .path = arena_text(arena, buf_slice(&path))};
    TRY(remote_ask(remote, &ask, arena, &answer, err));
    if (!remote_good(&answer)) {
        return remote_is_absent(&answer) ? remote_no_space(space, err) : remote_fail(remote, &ask, &answer, err);
    }
    TRY(rest_space_parse(answer.body, arena, &settings, err));
    *properties = settings.items;
    *count = settings.count;
    return true;
}

static bool rest_space_set(void *state, Slice space, const Property *set, size_t set_count, const Slice *removed,
                           size_t removed_count, Err *err) {
    Remote *remote = state;
    DEFER(buf_release) Buf path = {0}, body = {0};
    RemoteAnswer answer;
    bool good;
    TRY(remote_space_path(remote, space, &path, err));
    buf_text(&path, "/properties");
    buf_text(&body, "{\"removals\":[");
    for (size_t i = 0; i < removed_count; i++) {
        buf_text(&body, i > 0 ? "," : "");
        json_quote(&body, removed[i]);
    }
    buf_text(&body, "],\"updates\":");
    remote_write_properties(&body, set, set_count);
    buf_u8(&body, '}');
    TRY(ask_simple(remote, "POST", &path, &body, &answer, &good, err));
    return good || remote_no_space(space, err);
}

// --- tables ----------------------------------------------------------------------------------------------------

bool remote_table(Remote *remote, TableName name, Slice json, Arena *arena, CatalogTable *table, Err *err) {
    RestTable answer;
    TRY(rest_table_parse(json, arena, &answer, err));
    if (answer.metadata.size == 0) {
        return FAIL(err, ERR_NET_PROTOCOL, "table %s.%s: the catalog's answer has no metadata",
                    remote_space_text(name.space).text, remote_clean(name.table).text);
    }
    *table = (CatalogTable){.metadata_json = answer.metadata,
                            .metadata_file = answer.metadata_file,
                            .config = answer.config.items,
                            .config_count = answer.config.count};
    return remote_storage(remote, name, &answer, arena, err);
}

bool remote_load(void *state, TableName name, Arena *arena, CatalogTable *table, Err *err) {
    Remote *remote = state;
    DEFER(buf_release) Buf path = {0};
    RemoteAnswer answer;
    TRY(remote_table_path(remote, name, &path, err));
    RemoteAsk ask = {.method = "GET", .path = arena_text(arena, buf_slice(&path)), .delegate = true};
    TRY(remote_ask(remote, &ask, arena, &answer, err));
    if (!remote_good(&answer)) {
        return remote_is_absent(&answer) ? remote_no_table(name, err) : remote_fail(remote, &ask, &answer, err);
    }
    return remote_table(remote, name, answer.body, arena, table, err);
}

static bool rest_register(void *state, TableName name, Slice metadata_file, bool overwrite, Err *err) {
    Remote *remote = state;
    DEFER(buf_release) Buf path = {0}, body = {0};
    RemoteAnswer answer;
    bool good;
    TRY(remote_table_path(remote, name, &path, err)); // is it a name?
    path.size = 0;
    TRY(remote_space_path(remote, name.space, &path, err));
    buf_text(&path, "/register");
    buf_text(&body, "{\"name\":");
    json_quote(&body, name.table);
    buf_text(&body, ",\"metadata-location\":");
    json_quote(&body, metadata_file);
    buf_text(&body, overwrite ? ",\"overwrite\":true}" : "}");
    TRY(ask_simple(remote, "POST", &path, &body, &answer, &good, err));
    if (!good && answer.status == 409) {
        return FAIL(err, ERR_EXISTS, "Table already exists: %s.%s", remote_space_text(name.space).text,
                    remote_clean(name.table).text);
    }
    return good || remote_no_space(name.space, err);
}

static void write_name(Buf *out, TableName name) {
    buf_text(out, "{\"namespace\":");
    remote_write_space(out, name.space);
    buf_text(out, ",\"name\":");
    json_quote(out, name.table);
    buf_u8(out, '}');
}

static bool rest_rename(void *state, TableName from, TableName to, Err *err) {
    Remote *remote = state;
    DEFER(buf_release) Buf path = {0}, body = {0};
    RemoteAnswer answer;
    bool good;
    TRY(remote_table_path(remote, from, &path, err)); // are both names?
    TRY(remote_table_path(remote, to, &path, err));
    path.size = 0;
    buf_text(&path, "tables/rename");
    buf_text(&body, "{\"source\":");
    write_name(&body, from);
    buf_text(&body, ",\"destination\":");
    write_name(&body, to);
    buf_u8(&body, '}');
    TRY(ask_simple(remote, "POST", &path, &body, &answer, &good, err));
    if (!good && answer.status == 409) {
        return FAIL(err, ERR_EXISTS, "Table already exists: %s.%s", remote_space_text(to.space).text,
                    remote_clean(to.table).text);
    }
    bool space = remote_is_type(&answer, "NoSuchNamespaceException");
    return good || (space ? remote_no_space(to.space, err) : remote_no_table(from, err));
}

static bool rest_drop(void *state, TableName name, bool purge, Err *err) {
    Remote *remote = state;
    DEFER(buf_release) Buf path = {0};
    RemoteAnswer answer;
    bool good;
    TRY(remote_table_path(remote, name, &path, err));
    buf_text(&path, purge ? "?purgeRequested=true" : "?purgeRequested=false");
    TRY(ask_simple(remote, "DELETE", &path, NULL, &answer, &good, err));
    if (!good && answer.status == 409) {
        return FAIL(err, ERR_CHANGED, "table %s.%s cannot be dropped now", remote_space_text(name.space).text,
                    remote_clean(name.table).text);
    }
    return good || remote_no_table(name, err);
}

static bool rest_atomic(void *state) {
    return ((const Remote *)state)->transactions;
}

const CatalogDriver REST_CATALOG = {
    .name = "rest",
    .options = &REST_CATALOG_OPTIONS,
    .accepts = rest_accepts,
    .open = rest_open,
    .close = rest_close,
    .spaces = rest_spaces,
    .space_create = rest_space_create,
    .space_drop = rest_space_drop,
    .space_properties = rest_space_properties,
    .space_set = rest_space_set,
    .tables = rest_tables,
    .load = remote_load,
    .commit = remote_commit,
    .atomic = rest_atomic,
    .register_table = rest_register,
    .rename = rest_rename,
    .drop = rest_drop,
};
