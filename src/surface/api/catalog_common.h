// SPDX-License-Identifier: Apache-2.0
// What the files of the catalog's API share.
#ifndef LEAT_SURFACE_API_CATALOG_COMMON_H
#define LEAT_SURFACE_API_CATALOG_COMMON_H

#include "core/base/json.h"
#include "core/base/map.h"
#include "data/registry/json_tree.h"
#include "lake/catalog/embedded/embedded.h"
#include "surface/api/catalog.h"

#include <pthread.h>

// The catalog as one thread at a time has it.
typedef struct CatalogSeat CatalogSeat;
struct CatalogSeat {
    CatalogSeat *next;
    LakeIo *io;
    Catalog *catalog;
    char owner[64], staging[1200];
};

typedef struct CatalogRoom {
    CatalogServing serving;
    Arena arena;
    const char *database, *warehouse, *staging;
    EmbeddedOptions options;
    const Property *client_options;
    size_t client_option_count;
    pthread_mutex_t lock; // of what follows
    CatalogSeat *free;
    int seats;     // opened so far
    Map under_way; // keys of requests that run
} CatalogRoom;

// One request.
typedef struct CatalogCall {
    CatalogRoom *room;
    const ApiRequest *request;
    ApiAnswer *answer;
    Arena *arena; // until the answer is sent
    const CatalogDriver *driver;
    void *state;
    const JsonNode *body; // the object of a POST; NULL = none was sent
    EmbeddedKey *key;     // that its change is remembered by; NULL = none
    bool replay;          // it was done before under the same key: only its answer is to be made again
} CatalogCall;

// False: err is answered.
typedef bool (*CatalogFunction)(CatalogCall *call, Err *err);
enum {
    CATALOG_BODY = 1,   // there must be one
    CATALOG_KEYED = 2,  // a change: an Idempotency-Key is honoured
    CATALOG_REPLAY = 4, // whose answer the function makes again
};
void catalog_run(CatalogRoom *room, const ApiRequest *request, ApiAnswer *answer, CatalogFunction function,
                 unsigned flags);

// {"error":{"message":…,"type":…,"code":…}}
void catalog_error(ApiAnswer *answer, int status, const char *type, Slice message);
void catalog_fail(ApiAnswer *answer, const Err *err);

// The namespace that a part of the path names.
static inline Slice catalog_part(const CatalogCall *call, size_t part) {
    return call->request->parts[part];
}
TableName catalog_table_name(const CatalogCall *call);       // parts 0 and 1
const char *catalog_name_text(Arena *arena, TableName name); // "ns.t", for messages
void catalog_write_space(Buf *out, Slice space);             // ["a","b"]
// ["a","b"] to "a\x1fb". ERR_VALUE: it is none.
CHECKED bool catalog_read_space(const JsonNode *node, Arena *arena, Slice *space, Err *err);
CHECKED bool catalog_read_name(const JsonNode *identifier, Arena *arena, TableName *name, Err *err);
// An object of texts; NULL is none.
CHECKED bool catalog_read_properties(const JsonNode *node, const char *what, Arena *arena, Property **properties,
                                     size_t *count, Err *err);
void catalog_write_properties(Buf *out, const Property *properties, size_t count);

// A page of a list of names that is in order.
typedef struct CatalogPage {
    size_t begin, end;
    bool paged; // the client asked for pages
} CatalogPage;
CHECKED bool catalog_page(const CatalogCall *call, const Slice *names, size_t count, CatalogPage *page, Err *err);
void catalog_write_next(Buf *out, const CatalogPage *page, const Slice *names, size_t count); // ,"next-page-token":…

// --- catalog_spaces.c ----------------------------------------------------------------------------------------------
bool catalog_list_spaces(CatalogCall *call, Err *err);
bool catalog_create_space(CatalogCall *call, Err *err);
bool catalog_load_space(CatalogCall *call, Err *err);
bool catalog_drop_space(CatalogCall *call, Err *err);
bool catalog_set_space(CatalogCall *call, Err *err);

// --- catalog_tables.c ----------------------------------------------------------------------------------------------
bool catalog_list_tables(CatalogCall *call, Err *err);
bool catalog_load_table(CatalogCall *call, Err *err);
bool catalog_drop_table(CatalogCall *call, Err *err);
bool catalog_rename_table(CatalogCall *call, Err *err);
bool catalog_register_table(CatalogCall *call, Err *err);
bool catalog_report(CatalogCall *call, Err *err);
// {"metadata-location":…,"metadata":…,"config":{}} and its ETag; metadata_file empty: it is only staged.
void catalog_answer_table(CatalogCall *call, const CatalogTable *table);

// --- catalog_commit.c ----------------------------------------------------------------------------------------------
bool catalog_create_table(CatalogCall *call, Err *err);
bool catalog_commit_table(CatalogCall *call, Err *err);
bool catalog_commit_tables(CatalogCall *call, Err *err);

// --- catalog_token.c -----------------------------------------------------------------------------------------------
void catalog_token(void *context, const ApiRequest *request, ApiAnswer *answer);

#endif
