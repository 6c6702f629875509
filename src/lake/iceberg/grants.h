// SPDX-License-Identifier: Apache-2.0
// What a catalog hands out for the storage of its tables: endpoint, region and temporary keys, for the files below a
// prefix. For io.c; catalogs reach it through lake_io_grant.
//
// Tables that are given the same share one account, so that they share one store and its connections. An account whose
// keys are renewed stays the same: its S3Options never change, they ask the account for its newest keys.
#ifndef LEAT_LAKE_ICEBERG_GRANTS_H
#define LEAT_LAKE_ICEBERG_GRANTS_H

#include "lake/iceberg/io.h"
#include "storage/store/s3/s3.h"

typedef struct LakeGrants LakeGrants;

LakeGrants *lake_grants_new(const S3Options *own); // the user's; NULL = the defaults
void lake_grants_free(LakeGrants *grants);
void lake_grants_put(LakeGrants *grants, const LakeGrant *grant);
void lake_grants_renewer(LakeGrants *grants, LakeRenew *renew, void *context);
bool lake_grants_own_keys(const LakeGrants *grants); // the user has given some
// Of the longest prefix that this normal URI is below; NULL = the user's own.
const S3Options *lake_grants_find(const LakeGrants *grants, Slice uri);

#endif
