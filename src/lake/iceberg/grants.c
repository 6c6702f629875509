// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/grants.h"

#include "core/sys/clock.h"

#include <openssl/crypto.h>

#define RENEW_BEFORE_US (INT64_C(300) * 1000000) // as AwsProvider asks

typedef struct Account {
    struct Account *next;
    LakeGrants *grants;
    Arena keep;                  // of what never changes
    Buf access, secret, session; // with a NUL behind each
    int64_t expires_us;
    Buf name;                                   // who is asked about for new keys: the newest grant's
    const char *endpoint, *region, *path_style; // as they were given
    S3Options options;
    size_t users; // prefixes
} Account;

typedef struct Prefix {
    struct Prefix *next;
    char *text; // normal, without a slash at its end
    size_t size;
    Account *account;
} Prefix;

struct LakeGrants {
    Arena run;
    S3Options own;
    bool own_keys;
    Prefix *prefixes;
    Account *accounts;
    LakeRenew *renew;
    void *renew_context;
};

static bool is_set(const char *text) {
    return text != NULL && text[0] != '\0';
}

static bool same_text(const char *a, const char *b) {
    return is_set(a) ? is_set(b) && strcmp(a, b) == 0 : !is_set(b);
}

LakeGrants *lake_grants_new(const S3Options *own) {
    LakeGrants *grants = calloc(1, sizeof(*grants));
    ASSERT(grants != NULL);
    arena_init_small(&grants->run, "run", 1024);
    if (own != NULL) {
        grants->own = *own;
    } else {
        option_defaults(&S3_OPTIONS, &grants->own);
    }
    grants->own_keys = is_set(grants->own.access_key) || is_set(grants->own.profile) || grants->own.anonymous;
    return grants;
}

static void secret_drop(Buf *secret) {
    if (secret->data != NULL) {
        OPENSSL_cleanse(secret->data, secret->capacity);
    }
    buf_release(secret);
}

void lake_grants_free(LakeGrants *grants) {
    if (grants == NULL) {
        return;
    }
    for (Account *account = grants->accounts, *next; account != NULL; account = next) {
        next = account->next;
        buf_release(&account->access);
        secret_drop(&account->secret);
        secret_drop(&account->session);
        buf_release(&account->name);
        arena_release(&account->keep);
        free(account);
    }
    arena_release(&grants->run);
    free(grants);
}

void lake_grants_renewer(LakeGrants *grants, LakeRenew *renew, void *context) {
    grants->renew = renew;
    grants->renew_context = context;
}

// --- keys ------------------------------------------------------------------------------------------------------

static void put_text(Buf *buf, const char *text) {
    buf_reset(buf);
    buf_text(buf, text != NULL ? text : "");
    buf_u8(buf, '\0');
}

static const char *text_of(const Buf *buf) {
    return buf->size > 1 ? (const char *)buf->data : NULL;
}

static void keys_put(Account *account, const LakeGrant *grant) {
    put_text(&account->access, grant->access_key);
    put_text(&account->secret, grant->secret_key);
    put_text(&account->session, grant->session_token);
    account->expires_us = grant->expires_us;
    buf_reset(&account->name);
    buf_put(&account->name, grant->name);
}

// For the store that uses this account.
static bool keys_fetch(void *context, bool refused, Arena *arena, AwsCredentials *credentials, Err *err) {
    Account *account = context;
    LakeGrants *grants = account->grants;
    bool late = account->expires_us != 0 && clock_wall_us() > account->expires_us - RENEW_BEFORE_US;
    if ((late || refused) && grants->renew != NULL) {
        Slice name = arena_slice(arena, buf_slice(&account->name));
        TRY(grants->renew(grants->renew_context, name, err));
    }
    const char *access = text_of(&account->access), *secret = text_of(&account->secret);
    const char *session = text_of(&account->session);
    if (access == NULL || secret == NULL) {
        return FAIL(err, ERR_NET_AUTH, "the catalog hands out no keys any more");
    }
    *credentials = (AwsCredentials){.access_key = arena_text(arena, slice_of(access)),
                                    .secret_key = arena_text(arena, slice_of(secret)),
                                    .session_token = session != NULL ? arena_text(arena, slice_of(session)) : NULL,
                                    .expires_us = account->expires_us};
    return true;
}

// --- accounts --------------------------------------------------------------------------------------------------

static bool same_place(const Account *account, const LakeGrant *grant) {
    bool keys = is_set(grant->access_key);
    return same_text(account->endpoint, grant->endpoint) && same_text(account->region, grant->region) &&
           same_text(account->path_style, grant->path_style) && keys == (account->options.supply.fetch != NULL);
}

static bool same_keys(const Account *account, const LakeGrant *grant) {
    return same_text(text_of(&account->access), grant->access_key) &&
           same_text(text_of(&account->secret), grant->secret_key) &&
           same_text(text_of(&account->session), grant->session_token);
}

static const char *kept(Account *account, const char *text) {
    return is_set(text) ? arena_text(&account->keep, slice_of(text)) : NULL;
}

static Account *account_new(LakeGrants *grants, const LakeGrant *grant) {
    Account *account = calloc(1, sizeof(*account));
    ASSERT(account != NULL);
    arena_init_small(&account->keep, "run", 512);
    account->grants = grants;
    account->endpoint = kept(account, grant->endpoint);
    account->region = kept(account, grant->region);
    account->path_style = kept(account, grant->path_style);
    S3Options *options = &account->options;
    *options = grants->own;
    options->endpoint = is_set(options->endpoint) ? options->endpoint : account->endpoint;
    options->region = is_set(options->region) ? options->region : account->region;
    bool style = account->path_style != NULL && strcmp(options->path_style, "auto") == 0;
    options->path_style = style ? account->path_style : options->path_style;
    if (is_set(grant->access_key)) {
        options->supply = (AwsSupply){.fetch = keys_fetch, .context = account};
    }
    keys_put(account, grant);
    account->next = grants->accounts;
    grants->accounts = account;
    return account;
}

static Account *account_for(LakeGrants *grants, const Account *now, const LakeGrant *grant) {
    for (Account *account = grants->accounts; account != NULL; account = account->next) {
        if (same_place(account, grant) && same_keys(account, grant)) {
            account->expires_us = grant->expires_us;
            return account;
        }
    }
    // Nobody else's, or one whose users all go by what is renewed for one of them.
    for (Account *account = grants->accounts; account != NULL; account = account->next) {
        bool free_to_change = account->users == 0 || (account == now && account->users == 1);
        if (free_to_change && same_place(account, grant)) {
            keys_put(account, grant);
            return account;
        }
    }
    return account_new(grants, grant);
}

static Slice without_slashes(Slice text) {
    while (text.size > 0 && text.data[text.size - 1] == '/') {
        text.size--;
    }
    return text;
}

void lake_grants_put(LakeGrants *grants, const LakeGrant *given) {
    LakeGrant grant = *given;
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 512);
    Slice text = without_slashes(lake_uri_normal(grant.prefix, scratch));
    if (grants->own_keys || !is_set(grant.secret_key)) {
        grant.access_key = grant.secret_key = grant.session_token = NULL;
        grant.expires_us = 0;
    }
    Prefix *prefix = grants->prefixes;
    while (prefix != NULL && !slice_equal((Slice){(const uint8_t *)prefix->text, prefix->size}, text)) {
        prefix = prefix->next;
    }
    Account *account = account_for(grants, prefix != NULL ? prefix->account : NULL, &grant);
    if (prefix == NULL) {
        prefix = ARENA_NEW(&grants->run, Prefix);
        *prefix = (Prefix){.next = grants->prefixes, .text = arena_text(&grants->run, text), .size = text.size};
        grants->prefixes = prefix;
    } else {
        prefix->account->users--;
    }
    prefix->account = account;
    account->users++;
    arena_release(scratch);
}

bool lake_grants_own_keys(const LakeGrants *grants) {
    return grants->own_keys;
}

const S3Options *lake_grants_find(const LakeGrants *grants, Slice uri) {
    const Prefix *best = NULL;
    for (const Prefix *prefix = grants->prefixes; prefix != NULL; prefix = prefix->next) {
        bool below = uri.size >= prefix->size && memcmp(uri.data, prefix->text, prefix->size) == 0 &&
                     (uri.size == prefix->size || uri.data[prefix->size] == '/');
        if (below && (best == NULL || prefix->size > best->size)) {
            best = prefix;
        }
    }
    return best != NULL ? &best->account->options : NULL;
}
