// SPDX-License-Identifier: Apache-2.0
// The Iceberg REST catalog (Iceberg's rest-catalog-open-api.yaml) over the embedded one: configuration, namespaces,
// tables, commits of one table and of several, tokens. Views, scan planning and credentials are not offered, and not
// advertised.
#ifndef LEAT_SURFACE_API_CATALOG_H
#define LEAT_SURFACE_API_CATALOG_H

#include "surface/api/front.h"
#include "surface/api/security.h"

typedef struct CatalogServing {
    const char *data_directory; // catalog.db is in it
    const char *warehouse;      // where new tables go: a path, s3://bucket/prefix; "" = DATA/warehouse
    const char *name;           // of the warehouse, by which clients may ask for it
    const char *locations;      // further places below which tables may lie, comma-separated
    const char *client_options; // NAME=VALUE, comma-separated: what clients are told as defaults
    const void *s3_options;     // of the S3 store; NULL = its defaults
    Security *security;         // for /v1/oauth/tokens
} CatalogServing;

// Opens the database; what `serving` points to stays. ERR_OPTION: client_options are no list of NAME=VALUE.
CHECKED bool catalog_api_open(const CatalogServing *serving, ApiSurface *surface, Err *err);
void catalog_api_close(void *context);
// The front's.
CHECKED bool catalog_front_open(Front *front, ApiSurface *surface, Err *err);

#endif
