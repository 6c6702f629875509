// SPDX-License-Identifier: Apache-2.0
// A catalog behind the Iceberg REST catalog protocol (the Iceberg project's open-api/rest-catalog-open-api.yaml):
//
//     iceberg+https://HOST/PATH?warehouse=WAREHOUSE      iceberg+http:// without TLS
//
// PATH is what stands before /v1. What the catalog says in /v1/config holds: its prefix, its separator of namespaces,
// its endpoints, its defaults and overrides.
//
// What the catalog hands out for the storage (endpoint, region, temporary keys) goes to the context's LakeIo and holds
// for the files of that table; the user's own S3 options come first. Keys are asked for anew before they expire.
//
// A request that changes something is sent once. Only where it is certain that nothing was done (429, 401, 419) it is
// sent again; whatever else goes wrong leaves the outcome to catalog_commit. Where the catalog remembers them, commits
// have an Idempotency-Key, and one that is made again after an unknown outcome has the key of before.
#ifndef LEAT_LAKE_CATALOG_REST_REST_H
#define LEAT_LAKE_CATALOG_REST_REST_H

#include "lake/catalog/catalog.h"
#include "lake/catalog/rest/options.h"

extern const CatalogDriver REST_CATALOG;

#endif
