// SPDX-License-Identifier: Apache-2.0
// Who asks, and what they may. Without a token file everybody is "anonymous" and an admin; then a server listens on
// loopback only, unless it is told that this is meant.
//
// The token file, one line each, `#` begins a comment line:
//     NAME ROLE SECRET
// NAME is what the audit says, and the user of Basic; ROLE is admin, operator or reader; SECRET is one of
//     sha256:SALT:HEX    HEX = SHA-256 of SALT and the token; SALT is any text without colons and blanks
//     plain:TOKEN        as it is: said at start as a warning
// Bearer shows the token alone; Basic shows name and token. Several lines may have one name. The file is read again
// when it changes; one that is broken leaves the tokens as they were, with an error in the log.
#ifndef LEAT_SURFACE_API_SECURITY_H
#define LEAT_SURFACE_API_SECURITY_H

#include "core/base/err.h"
#include "core/net/http_address.h"
#include "surface/api/router.h"

typedef struct Security Security;

// `token_file` NULL or "": none.
CHECKED bool security_open(const char *token_file, Security **security, Err *err);
// The tokens of a file's text, which is not looked at again.
CHECKED bool security_from_text(Slice text, Security **security, Err *err);
void security_close(Security *security);
bool security_has_tokens(const Security *security);
// The Authorization header of a request (NULL = none). False: it shows nothing that is known. `actor` is copied into
// the arena. Takes as long for every wrong token.
CHECKED bool security_check(Security *security, const char *authorization, Arena *arena, const char **actor,
                            ApiRole *role);
// The token that an Authorization header shows, and the name where it says one. False: it has another form.
CHECKED bool security_shown(const char *header, Arena *arena, Slice *name, Slice *token);
// ERR_OPTION when it would be open to a network without tokens and nobody has said that this is meant.
CHECKED bool security_may_listen(const Security *security, const HttpAddress *address, bool insecure, Err *err);
const char *security_role_name(ApiRole role);

#endif
