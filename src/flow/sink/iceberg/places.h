// SPDX-License-Identifier: Apache-2.0
// Where a lake is: which catalog knows its tables, which store holds their files. One rule for the sink and for the
// commands that look at what it wrote.
#ifndef LEAT_FLOW_SINK_ICEBERG_PLACES_H
#define LEAT_FLOW_SINK_ICEBERG_PLACES_H

#include "lake/catalog/rest/rest.h"
#include "storage/store/s3/s3.h"

typedef struct LakePlaces {
    const char *url;               // the sink's: a warehouse, or iceberg+https://… of a catalog; NULL = as that says
    const char *catalog;           // the option "catalog"; "" or NULL = by `url`, else the data directory's own
    const char *data_directory;    // whose catalog.db that is
    const char *owner;             // as LakeIoContext has it; likewise below
    const char *staging_directory; // NULL: nothing is written to S3
    const S3Options *s3;
    const RestCatalogOptions *rest; // NULL = their defaults
} LakePlaces;

// The catalog's URL, or the path of its catalog.db.
const char *lake_catalog_url(const LakePlaces *places, Arena *arena);
// The driver that takes such a URL; NULL = there is none.
const CatalogDriver *lake_catalog_driver(const char *url);
// False: nothing was ever written there, as the embedded catalog is not even made.
bool lake_places_exist(const LakePlaces *places);
// `io` is the catalog's, too, and closed after it. `arena` lives as long as both. On an error both may be open, or
// NULL.
CHECKED bool lake_places_open(const LakePlaces *places, Arena *arena, LakeIo **io, Catalog **catalog, Err *err);

bool lake_is_catalog_url(const char *url); // "iceberg+https://…"; NULL is none

#endif
