// SPDX-License-Identifier: Apache-2.0
// Writing JSON text (RFC 8259). Reading of control data goes through jansson, where it is needed.
#ifndef LEAT_CORE_BASE_JSON_H
#define LEAT_CORE_BASE_JSON_H

#include "core/base/buf.h"

// A quoted string. Bytes that are not UTF-8 become U+FFFD; control characters are escaped.
void json_quote(Buf *buf, Slice text);
// A quoted string of base64 (RFC 4648, padded).
void json_base64(Buf *buf, Slice bytes);
// True when the text is valid UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool json_utf8_valid(Slice text);

// "name": with a comma before it unless it is the first of its object. Then the value.
void json_key(Buf *buf, const char *name);
void json_field_text(Buf *buf, const char *name, const char *text); // NULL: null
void json_field_int(Buf *buf, const char *name, int64_t value);
void json_field_uint(Buf *buf, const char *name, uint64_t value);
void json_field_bool(Buf *buf, const char *name, bool value);
void json_field_lsn(Buf *buf, const char *name, uint64_t lsn); // "16/B374D848", as PostgreSQL writes it

#endif
