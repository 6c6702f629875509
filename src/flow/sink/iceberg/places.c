// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/places.h"

#include "core/sys/file.h"
#include "lake/catalog/embedded/embedded.h"

static const CatalogDriver *const CATALOGS[] = {&EMBEDDED_CATALOG, &REST_CATALOG, NULL};

bool lake_is_catalog_url(const char *url) {
    return url != NULL && strncmp(url, "iceberg+", strlen("iceberg+")) == 0;
}

const CatalogDriver *lake_catalog_driver(const char *url) {
    for (size_t i = 0; CATALOGS[i] != NULL; i++) {
        if (CATALOGS[i]->accepts(url)) {
            return CATALOGS[i];
        }
    }
    return NULL;
}

const char *lake_catalog_url(const LakePlaces *places, Arena *arena) {
    if (lake_is_catalog_url(places->url)) {
        return places->url;
    }
    bool named = places->catalog != NULL && places->catalog[0] != '\0';
    return named ? places->catalog : arena_printf(arena, "%s/catalog.db", places->data_directory);
}

bool lake_places_exist(const LakePlaces *places) {
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    const char *url = lake_catalog_url(places, scratch);
    bool exist = lake_catalog_driver(url) != &EMBEDDED_CATALOG || file_exists(url);
    arena_release(scratch);
    return exist;
}

bool lake_places_open(const LakePlaces *places, Arena *arena, LakeIo **io, Catalog **catalog, Err *err) {
    const char *url = lake_catalog_url(places, arena);
    const CatalogDriver *driver = lake_catalog_driver(url);
    *io = NULL;
    *catalog = NULL;
    if (driver == NULL) {
        FAIL(err, ERR_OPTION, "there is no catalog for \"%.200s\"", url);
        return err_hint(err, "give iceberg+https://HOST/…?warehouse=NAME, or leave catalog empty");
    }
    LakeIoContext place = {.warehouse = lake_is_catalog_url(places->url) ? NULL : places->url,
                           .owner = places->owner,
                           .staging_directory = places->staging_directory,
                           .s3_options = places->s3};
    TRY(lake_io_open(&place, io, err));
    const void *options = driver == &REST_CATALOG ? places->rest : NULL;
    CatalogContext context = {.url = url, .warehouse = place.warehouse, .io = *io, .options = options};
    return catalog_open(driver, &context, catalog, err) || err_frame(err, __FILE__, __LINE__);
}
