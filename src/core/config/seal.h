// SPDX-License-Identifier: Apache-2.0
// Secrets at rest. What users type into a configuration as a password is stored as ${sealed:BASE64}: AES-256-GCM under
// the master key, which lies in the file that LEAT_MASTER_KEY_FILE names, or else in DATA/master.key, made with mode
// 0600 when it is first needed. Who has the data directory without the key has no secrets.
//
// The bytes under the base64: version (1), nonce (12), ciphertext, tag (16). The version is authenticated too.
//
// The process says once where its data directory is; after that all of this may be called from any thread.
#ifndef LEAT_CORE_CONFIG_SEAL_H
#define LEAT_CORE_CONFIG_SEAL_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/config/properties.h"

// What answers show in the place of a secret. Sent back, it means: as it was.
#define SEAL_MASK "********"

// Where DATA/master.key lies; NULL: nowhere. Forgets a key that was read before.
void seal_home(const char *data_directory);
// Reads the key, or makes DATA/master.key with a warning in the log. For a start that shall fail early.
CHECKED bool seal_ready(Err *err);

// "${sealed:…}" of a secret, in the arena.
CHECKED bool seal_close(Slice secret, Arena *arena, Slice *sealed, Err *err);
// The secret under the base64 of a reference. ERR_OPTION: not sealed under this key, or damaged.
CHECKED bool seal_open(Slice base64, Arena *arena, Slice *secret, Err *err);

// True for keys whose values are secrets: …password…, …secret…, …token, basic.auth.user.info, …
bool seal_is_secret(Slice key);
// What is stored of a value: a secret that is typed out is sealed, and so is the password in a URL; references stay as
// they are. `secret`: the key's definition says that it is one.
CHECKED bool seal_value(Slice key, bool secret, Slice value, Arena *arena, Slice *stored, Err *err);
// What is shown of a stored value: the mask for what is sealed, references as they are.
Slice seal_shown(Slice key, bool secret, Slice stored, Arena *arena);
// Likewise of a value as it was typed, which may have a password in a URL.
Slice seal_redacted(Slice key, bool secret, Slice typed, Arena *arena);

#endif
