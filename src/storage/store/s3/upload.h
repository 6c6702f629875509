// SPDX-License-Identifier: Apache-2.0
// Publishing staged files as objects. See the head of s3.h for the protocol.
//
// The record of a multipart upload, FILE.upload beside the staged file, is text in lines: "leat s3 upload 1", the part
// size, the bucket, the upload's id, the key's size, the key. It is there before a part is sent and gone after the
// staged file.
#ifndef LEAT_STORAGE_STORE_S3_UPLOAD_H
#define LEAT_STORAGE_STORE_S3_UPLOAD_H

#include "storage/store/s3/call.h"

// As StoreDriver.publish_all.
CHECKED bool s3_publish_all(S3 *s3, const StoreItem *items, size_t count, Err *err);
// Removes a file of the staging folder; when it is an upload's record, aborts the upload first.
CHECKED bool s3_staged_remove(S3 *s3, const char *name, Err *err);
// The key of a name. ERR_INTERNAL when it is none: empty, too long, or with a segment that is empty, '.' or '..'.
CHECKED bool s3_key(const S3 *s3, const char *name, Arena *arena, const char **key, Err *err);
// True when the object that a HEAD has found carries this id.
bool s3_object_is(const S3Call *head, const char *id);
// The service has refused a condition as something that it does not know.
void s3_conditions_unknown(S3 *s3);
// What every new object is to have: metadata id, encryption, ACL, class.
void s3_object_headers(const S3 *s3, S3Call *call, const char *id);

#endif
