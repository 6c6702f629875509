// SPDX-License-Identifier: Apache-2.0
// JSON texts of the source (json, jsonb) put into a line as they are.
#ifndef LEAT_DATA_FORMAT_JSON_DOCUMENT_H
#define LEAT_DATA_FORMAT_JSON_DOCUMENT_H

#include "core/base/buf.h"

enum { JSON_DOCUMENT_DEPTH_MAX = 512 };

// Writes a document with its line breaks and tabs between tokens turned into spaces; numbers keep their digits, keys
// their order and doubles. False, and nothing written, when the text is not one JSON value (RFC 8259), not UTF-8, or
// nested too deeply: the caller writes it as a string then.
bool json_document_write(Buf *buf, Slice text);

#endif
