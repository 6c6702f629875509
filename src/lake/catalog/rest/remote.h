// SPDX-License-Identifier: Apache-2.0
// What the driver's files share. For this folder only.
#ifndef LEAT_LAKE_CATALOG_REST_REMOTE_H
#define LEAT_LAKE_CATALOG_REST_REMOTE_H

#include "core/base/map.h"
#include "core/net/aws.h"
#include "lake/catalog/rest/answers.h"
#include "lake/catalog/rest/rest.h"

typedef enum RemoteAuthKind { AUTH_NONE, AUTH_TOKEN, AUTH_OAUTH2, AUTH_SIGV4 } RemoteAuthKind;

typedef struct RemoteAuth {
    RemoteAuthKind kind;
    Buf token;        // "Bearer TOKEN" with a NUL; empty = none yet
    int64_t renew_us; // wall clock: when the token is to be replaced; 0 = not before it is refused
    AwsProvider *aws;
    AwsSigningKey key;
    const char *service, *region;
} RemoteAuth;

typedef struct Remote {
    Arena run;
    RestCatalogOptions options;
    LakeIo *io; // NULL: nothing is handed on
    const _Atomic bool *stop;
    const char *base;     // "https://HOST/PATH", without a slash at its end
    const char *prefix;   // "", or "PREFIX/"
    const char *between;  // parts of a namespace, as it stands in a URL: "%1F"
    uint8_t between_byte; // the same
    bool delegate;        // ask for keys of the storage
    bool keys_offered;    // …/credentials
    bool transactions;
    bool remembers; // idempotency keys
    bool unstaged;  // it has refused to stage a table
    RestSettings settings;
    HttpClient *http;
    HttpAnswer answer; // of the last request
    RemoteAuth auth;
    Map making;         // tables whose making has an unknown outcome: NS U+001F NAME -> its uuid
    uint64_t last_hash; // of the last body whose outcome is unknown; 0 = there is none
    char last_key[37];  // it was sent with
} Remote;

// --- call.c ----------------------------------------------------------------------------------------------------

typedef struct RemoteAsk {
    const char *method;
    const char *path; // behind /v1/PREFIX/, as sent
    Slice body;       // JSON; empty = none
    const char *key;  // Idempotency-Key; NULL = none
    bool delegate;    // the answer may have keys of the storage
    bool once;        // not even on a connection that the catalog has just closed
    bool top;         // behind /v1/: no prefix
} RemoteAsk;

typedef struct RemoteAnswer {
    int status;
    Slice body; // until the next request
    RestError error;
} RemoteAnswer;

// True: there is an answer, whatever its status. Asks again what may be asked again.
CHECKED bool remote_ask(Remote *remote, const RemoteAsk *ask, Arena *arena, RemoteAnswer *answer, Err *err);
bool remote_good(const RemoteAnswer *answer);
// False, with what a status means that has no meaning of its own for this request.
bool remote_fail(const Remote *remote, const RemoteAsk *ask, const RemoteAnswer *answer, Err *err);
bool remote_is_type(const RemoteAnswer *answer, const char *type);
// Is this the catalog's own 404, of a table or a namespace, and not that of a server that knows no such path?
bool remote_is_absent(const RemoteAnswer *answer);

// --- auth.c ----------------------------------------------------------------------------------------------------

CHECKED bool remote_auth_open(Remote *remote, Err *err);
void remote_auth_close(Remote *remote);
// Gives the request what proves who sends it; it is complete otherwise. `refused`: what was given last was refused.
CHECKED bool remote_auth_put(Remote *remote, bool refused, HttpRequest *request, Arena *arena, Err *err);
bool remote_auth_can_renew(const Remote *remote);
// A text of somebody else's for a message: without what was sent as a secret.
bool remote_auth_is_said(const Remote *remote, Slice text);

// --- url.c -----------------------------------------------------------------------------------------------------

// "iceberg+https://HOST/PATH?warehouse=W": `base` and the warehouse, percent-encoded; "" = none. ERR_OPTION.
CHECKED bool remote_url(const char *url, Arena *arena, const char **base, const char **warehouse, Err *err);
// "namespaces/NS", "namespaces/NS/tables/T". ERR_VALUE: a name that this catalog cannot be asked for.
CHECKED bool remote_space_path(const Remote *remote, Slice space, Buf *path, Err *err);
CHECKED bool remote_table_path(const Remote *remote, TableName name, Buf *path, Err *err);
// For messages: parts with dots between them, and no control characters; cut where a message would be.
typedef struct RemoteText {
    char text[256];
} RemoteText;
RemoteText remote_space_text(Slice space);
RemoteText remote_clean(Slice text);
bool remote_no_space(Slice space, Err *err);    // false, "Namespace does not exist: NS"
bool remote_no_table(TableName name, Err *err); // false, "Table does not exist: NS.T"

// --- storage.c -------------------------------------------------------------------------------------------------

// Hands what the catalog says of a table's storage on to the LakeIo.
CHECKED bool remote_storage(Remote *remote, TableName name, const RestTable *table, Arena *arena, Err *err);
void remote_storage_everywhere(Remote *remote); // what /v1/config says of it
LakeRenew remote_storage_renew;                 // the context is the Remote

// --- rest.c ----------------------------------------------------------------------------------------------------

bool remote_load(void *state, TableName name, Arena *arena, CatalogTable *table, Err *err);
void remote_write_space(Buf *out, Slice space);
void remote_write_properties(Buf *out, const Property *properties, size_t count);
// A table's answer for the caller. `name` is whose storage it is about.
CHECKED bool remote_table(Remote *remote, TableName name, Slice json, Arena *arena, CatalogTable *table, Err *err);

// --- commit.c, create.c ----------------------------------------------------------------------------------------

bool remote_commit(void *state, CatalogCommit *commits, size_t count, Arena *arena, Err *err);

// A table that does not exist yet, as it is to be sent.
typedef struct RemoteMaking {
    TableChange change; // with what the catalog has said of it: uuid, location, properties of its own
    Slice uuid;
    bool made; // the catalog makes tables at once: this one is
} RemoteMaking;
bool remote_is_making(const TableChange *change);
// ERR_CHANGED: there is one of that name.
CHECKED bool remote_make(Remote *remote, CatalogCommit *commit, Arena *arena, RemoteMaking *making, Err *err);
// After a conflict: is what stands there what this or an earlier try has made? Then *after says it.
CHECKED bool remote_made_before(Remote *remote, const CatalogCommit *commit, Slice uuid, Arena *arena,
                                CatalogTable *after, bool *made, Err *err);
void remote_making_unknown(Remote *remote, TableName name, Slice uuid);
void remote_making_known(Remote *remote, TableName name);

#endif
