// SPDX-License-Identifier: Apache-2.0
// Writing JSON text (RFC 8259). Reading of control data goes through jansson, where it is needed.
#ifndef LEAT_CORE_BASE_JSON_H
#define LEAT_CORE_BASE_JSON_H

#include "core/base/buf.h"

// A quoted string. Bytes that are not UTF-8 become U+FFFD; control characters are escaped.
void json_string(Buf *buf, Slice text);
// True when the text is valid UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool json_utf8_valid(Slice text);

#endif
