// SPDX-License-Identifier: Apache-2.0
#include "core/base/log.h"
#include "core/config/secret.h"
#include "core/net/aws.h"
#include "core/net/aws_profile.h"
#include "core/net/aws_source.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"

#include <arpa/inet.h>

enum {
    RENEW_BEFORE_US = 300 * 1000000,
    FETCH_GAP_US = 30 * 1000000, // between attempts while the old ones are still good
    PROFILE_CHAIN_MAX = 5,
    METADATA_CONNECT_MS = 1000,
    METADATA_STALLED_MS = 5000,
};

typedef enum Variable {
    V_ACCESS_KEY_ID,
    V_SECRET_ACCESS_KEY,
    V_SESSION_TOKEN,
    V_WEB_IDENTITY_TOKEN_FILE,
    V_ROLE_ARN,
    V_ROLE_SESSION_NAME,
    V_PROFILE,
    V_CREDENTIALS_FILE,
    V_CONFIG_FILE,
    V_HOME,
    V_CONTAINER_RELATIVE,
    V_CONTAINER_FULL,
    V_CONTAINER_TOKEN,
    V_CONTAINER_TOKEN_FILE,
    V_METADATA_DISABLED,
    V_METADATA_ENDPOINT,
    V_METADATA_MODE,
    V_REGION,
    V_DEFAULT_REGION,
    V_ENDPOINT,
    V_ENDPOINT_IGNORED,
    VARIABLE_COUNT,
} Variable;

static const char *const NAMES[VARIABLE_COUNT] = {
    [V_ACCESS_KEY_ID] = "AWS_ACCESS_KEY_ID",
    [V_SECRET_ACCESS_KEY] = "AWS_SECRET_ACCESS_KEY",
    [V_SESSION_TOKEN] = "AWS_SESSION_TOKEN",
    [V_WEB_IDENTITY_TOKEN_FILE] = "AWS_WEB_IDENTITY_TOKEN_FILE",
    [V_ROLE_ARN] = "AWS_ROLE_ARN",
    [V_ROLE_SESSION_NAME] = "AWS_ROLE_SESSION_NAME",
    [V_PROFILE] = "AWS_PROFILE",
    [V_CREDENTIALS_FILE] = "AWS_SHARED_CREDENTIALS_FILE",
    [V_CONFIG_FILE] = "AWS_CONFIG_FILE",
    [V_HOME] = "HOME",
    [V_CONTAINER_RELATIVE] = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    [V_CONTAINER_FULL] = "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    [V_CONTAINER_TOKEN] = "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    [V_CONTAINER_TOKEN_FILE] = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    [V_METADATA_DISABLED] = "AWS_EC2_METADATA_DISABLED",
    [V_METADATA_ENDPOINT] = "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    [V_METADATA_MODE] = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    [V_REGION] = "AWS_REGION",
    [V_DEFAULT_REGION] = "AWS_DEFAULT_REGION",
    [V_ENDPOINT] = "AWS_ENDPOINT_URL",
    [V_ENDPOINT_IGNORED] = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
};

// The environment as it was at opening; an empty variable is none.
typedef struct Environment {
    const char *value[VARIABLE_COUNT];
    const char *sts_endpoint;
} Environment;

struct AwsProvider {
    AwsProviderOptions options; // copies
    Environment env;
    HttpClient *http;
    HttpClient *own_http;
    HttpClient *metadata;
    Arena arena;      // run
    Arena fetches[2]; // of the credentials in use, and of those that are fetched
    int in_use;
    bool fetched;
    int64_t tried_us; // when last was fetched, or tried
    AwsCredentials credentials;
    char origin[256];
};

// One round through the sources.
typedef struct Round {
    AwsProvider *provider;
    AwsFetch fetch;
    AwsProfiles profiles;
    const char *profile;
    int depth; // of roles by roles
} Round;

// --- environment and settings ----------------------------------------------------------------------------------

static const char *variable(const char *name, Arena *arena) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? arena_text(arena, slice_of(value)) : NULL;
}

static void environment_read(Environment *env, Arena *arena) {
    for (int i = 0; i < VARIABLE_COUNT; i++) {
        env->value[i] = variable(NAMES[i], arena);
    }
    env->sts_endpoint = variable("AWS_ENDPOINT_URL_STS", arena);
}

static bool is_true(const char *value) {
    return value != NULL && strcasecmp(value, "true") == 0;
}

static bool profiles_read(AwsProfiles *profiles, const Environment *env, Arena *arena, Err *err) {
    const char *home = env->value[V_HOME], *config = env->value[V_CONFIG_FILE];
    const char *credentials = env->value[V_CREDENTIALS_FILE];
    if (config == NULL && home != NULL) {
        config = arena_printf(arena, "%s/.aws/config", home);
    }
    if (credentials == NULL && home != NULL) {
        credentials = arena_printf(arena, "%s/.aws/credentials", home);
    }
    return aws_profiles_read(profiles, config, credentials, arena, err);
}

static const char *profile_name(const Environment *env, const char *given) {
    return given != NULL ? given : env->value[V_PROFILE] != NULL ? env->value[V_PROFILE] : "default";
}

static const char *region_of(const Environment *env, const AwsProfiles *profiles, const char *profile) {
    return env->value[V_REGION] != NULL           ? env->value[V_REGION]
           : env->value[V_DEFAULT_REGION] != NULL ? env->value[V_DEFAULT_REGION]
                                                  : aws_profile_get(profiles, profile, "region");
}

static const char *endpoint_of(const Environment *env, const char *of_service, const AwsProfiles *profiles,
                               const char *profile, const char *service, Arena *arena) {
    if (is_true(env->value[V_ENDPOINT_IGNORED])) {
        return NULL;
    }
    if (of_service != NULL || env->value[V_ENDPOINT] != NULL) {
        return of_service != NULL ? of_service : env->value[V_ENDPOINT];
    }
    const char *section = aws_profile_get(profiles, profile, "services");
    const char *name = arena_printf(arena, "%s.endpoint_url", service);
    const char *found = section != NULL ? aws_services_get(profiles, section, name) : NULL;
    return found != NULL ? found : aws_profile_get(profiles, profile, "endpoint_url");
}

const char *aws_region(const char *profile, Arena *arena) {
    Environment env;
    AwsProfiles profiles = {0};
    Err ignored[1] = {{0}}; // the provider says what is wrong with the files
    environment_read(&env, arena);
    (void)!profiles_read(&profiles, &env, arena, ignored);
    return region_of(&env, &profiles, profile_name(&env, profile));
}

const char *aws_endpoint(const char *profile, const char *service, Arena *arena) {
    Environment env;
    AwsProfiles profiles = {0};
    Err ignored[1] = {{0}};
    environment_read(&env, arena);
    (void)!profiles_read(&profiles, &env, arena, ignored);
    char *name = arena_printf(arena, "AWS_ENDPOINT_URL_%s", service);
    for (char *at = name; *at != '\0'; at++) {
        *at = (char)(*at >= 'a' && *at <= 'z' ? *at - 32 : *at);
    }
    return endpoint_of(&env, variable(name, arena), &profiles, profile_name(&env, profile), service, arena);
}

// --- sources ---------------------------------------------------------------------------------------------------

static void origin(Round *round, const char *text, const char *name) {
    snprintf(round->fetch.origin, sizeof(round->fetch.origin), "%s%s", text, name);
}

static AwsRole role_of(const Round *round, const char *arn, const char *session_name) {
    const Environment *env = &round->provider->env;
    AwsRole role = {.arn = arn, .session_name = session_name};
    const char *given = round->provider->options.region;
    role.region = given != NULL ? given : region_of(env, &round->profiles, round->profile);
    role.endpoint = endpoint_of(env, env->sts_endpoint, &round->profiles, round->profile, "sts", round->fetch.arena);
    bool china = role.region != NULL && strncmp(role.region, "cn-", 3) == 0;
    if (role.endpoint == NULL && role.region != NULL) {
        role.endpoint =
            arena_printf(round->fetch.arena, "https://sts.%s.amazonaws.com%s", role.region, china ? ".cn" : "");
    }
    role.endpoint = role.endpoint != NULL ? role.endpoint : "https://sts.amazonaws.com";
    role.region = role.region != NULL ? role.region : "us-east-1";
    return role;
}

static bool from_given(Round *round, Err *err) {
    const AwsProviderOptions *options = &round->provider->options;
    char *access = NULL, *secret = NULL, *token = NULL;
    if (options->secret_key == NULL) {
        return FAIL(err, ERR_NET_AUTH, "an access key is given without its secret key");
    }
    TRY(secret_resolve(options->access_key, round->fetch.arena, &access, err));
    TRY(secret_resolve(options->secret_key, round->fetch.arena, &secret, err));
    TRY(options->session_token == NULL || secret_resolve(options->session_token, round->fetch.arena, &token, err));
    round->fetch.credentials = (AwsCredentials){.access_key = access, .secret_key = secret, .session_token = token};
    origin(round, "given", "");
    return true;
}

static bool from_environment(Round *round, bool *found, Err *err) {
    const Environment *env = &round->provider->env;
    *found = env->value[V_ACCESS_KEY_ID] != NULL;
    if (*found && env->value[V_SECRET_ACCESS_KEY] == NULL) {
        FAIL(err, ERR_NET_AUTH, "AWS_ACCESS_KEY_ID is set, but not AWS_SECRET_ACCESS_KEY");
        return err_hint(err, "set both, or neither and let a profile name the credentials");
    }
    round->fetch.credentials = (AwsCredentials){.access_key = env->value[V_ACCESS_KEY_ID],
                                                .secret_key = env->value[V_SECRET_ACCESS_KEY],
                                                .session_token = env->value[V_SESSION_TOKEN]};
    origin(round, "AWS_ACCESS_KEY_ID", "");
    return true;
}

static bool from_web_identity(Round *round, bool *found, Err *err) {
    const Environment *env = &round->provider->env;
    *found = env->value[V_WEB_IDENTITY_TOKEN_FILE] != NULL && env->value[V_ROLE_ARN] != NULL;
    if (!*found) {
        return true;
    }
    AwsRole role = role_of(round, env->value[V_ROLE_ARN], env->value[V_ROLE_SESSION_NAME]);
    return aws_fetch_web_identity(&round->fetch, &role, env->value[V_WEB_IDENTITY_TOKEN_FILE], err);
}

// https, or a place on this machine: the token must not go over a network in the open.
static bool container_url_safe(const char *url) {
    static const char *const HOSTS[] = {"localhost", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "[::1]"};
    if (strncmp(url, "https://", 8) == 0) {
        return true;
    }
    if (strncmp(url, "http://", 7) != 0) {
        return false;
    }
    const char *host = url + 7;
    size_t size = *host == '[' ? strcspn(host, "]/?#") + 1 : strcspn(host, ":/?#@");
    if (memchr(host, '@', strcspn(host, "/?#")) != NULL) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(HOSTS); i++) {
        if (strlen(HOSTS[i]) == size && strncasecmp(host, HOSTS[i], size) == 0) {
            return true;
        }
    }
    char address[INET_ADDRSTRLEN];
    struct in_addr parsed;
    snprintf(address, sizeof(address), "%.*s", (int)MIN(size, sizeof(address)), host);
    return inet_pton(AF_INET, address, &parsed) == 1 && (ntohl(parsed.s_addr) >> 24) == 127;
}

static bool from_container(Round *round, bool *found, Err *err) {
    const Environment *env = &round->provider->env;
    const char *relative = env->value[V_CONTAINER_RELATIVE], *full = env->value[V_CONTAINER_FULL];
    *found = relative != NULL || full != NULL;
    if (!*found) {
        return true;
    }
    const char *url = relative != NULL ? arena_printf(round->fetch.arena, "http://169.254.170.2%s", relative) : full;
    if (!container_url_safe(url)) {
        FAIL(err, ERR_NET_AUTH, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this machine");
        return err_hint(err, "use https://, or a loopback address");
    }
    const char *token = env->value[V_CONTAINER_TOKEN];
    if (env->value[V_CONTAINER_TOKEN_FILE] != NULL) {
        Slice bytes;
        if (!file_read_all(env->value[V_CONTAINER_TOKEN_FILE], 64 * KIB, round->fetch.arena, &bytes, err)) {
            return err_prefix(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        }
        while (bytes.size > 0 && bytes.data[bytes.size - 1] <= ' ') {
            bytes.size--;
        }
        token = arena_text(round->fetch.arena, bytes);
    }
    return aws_fetch_container(&round->fetch, url, token, err);
}

static bool from_instance(Round *round, bool *found, Err *err) {
    const Environment *env = &round->provider->env;
    *found = false;
    if (is_true(env->value[V_METADATA_DISABLED])) {
        return true;
    }
    const char *mode = env->value[V_METADATA_MODE], *given = env->value[V_METADATA_ENDPOINT];
    bool v6 = mode != NULL && strcasecmp(mode, "IPv6") == 0;
    Slice endpoint = slice_of(given != NULL ? given : v6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254");
    while (endpoint.size > 0 && endpoint.data[endpoint.size - 1] == '/') {
        endpoint.size--;
    }
    bool absent = false;
    TRY(aws_fetch_instance(&round->fetch, arena_text(round->fetch.arena, endpoint), &absent, err));
    *found = !absent;
    return true;
}

// --- profiles --------------------------------------------------------------------------------------------------

static bool from_profile(Round *round, const char *name, bool *found, Err *err);

static const char *setting(const Round *round, const char *profile, const char *name) {
    return aws_profile_get(&round->profiles, profile, name);
}

static bool static_keys(Round *round, const char *name, bool *found, Err *err) {
    AwsCredentials keys = {.access_key = setting(round, name, "aws_access_key_id"),
                           .secret_key = setting(round, name, "aws_secret_access_key"),
                           .session_token = setting(round, name, "aws_session_token")};
    *found = keys.access_key != NULL;
    if (*found && keys.secret_key == NULL) {
        return FAIL(err, ERR_NET_AUTH, "profile %s has aws_access_key_id, but no aws_secret_access_key", name);
    }
    round->fetch.credentials = keys;
    origin(round, "profile ", name);
    return true;
}

static bool from_credential_source(Round *round, const char *name, const char *source, bool *found, Err *err) {
    if (strcmp(source, "Environment") == 0) {
        return from_environment(round, found, err);
    }
    if (strcmp(source, "EcsContainer") == 0) {
        return from_container(round, found, err);
    }
    if (strcmp(source, "Ec2InstanceMetadata") == 0) {
        return from_instance(round, found, err);
    }
    FAIL(err, ERR_NET_AUTH, "profile %s: credential_source is unknown", name);
    return err_hint(err, "use Environment, EcsContainer or Ec2InstanceMetadata");
}

// Those by which a profile's role is assumed.
static bool from_role_source(Round *round, const char *name, Err *err) {
    const char *profile = setting(round, name, "source_profile");
    const char *source = setting(round, name, "credential_source");
    bool found = false;
    if (profile != NULL && strcmp(profile, name) == 0) {
        TRY(static_keys(round, name, &found, err));
    } else if (profile != NULL && ++round->depth > PROFILE_CHAIN_MAX) {
        return FAIL(err, ERR_NET_AUTH, "profile %s: source_profile leads on and on, or in a circle", name);
    } else if (profile != NULL) {
        TRY(from_profile(round, profile, &found, err));
    } else if (source != NULL) {
        TRY(from_credential_source(round, name, source, &found, err));
    } else {
        FAIL(err, ERR_NET_AUTH, "profile %s has a role_arn, but does not say by whom the role is assumed", name);
        return err_hint(err, "add source_profile, credential_source or web_identity_token_file");
    }
    if (!found) {
        return FAIL(err, ERR_NET_AUTH, "profile %s: no credentials to assume its role with are in %s", name,
                    profile != NULL ? profile : source);
    }
    return true;
}

static bool from_role(Round *round, const char *name, const char *arn, Err *err) {
    const char *token_file = setting(round, name, "web_identity_token_file");
    AwsRole role = role_of(round, arn, setting(round, name, "role_session_name"));
    role.external_id = setting(round, name, "external_id");
    role.duration_seconds = setting(round, name, "duration_seconds");
    if (token_file != NULL) {
        return aws_fetch_web_identity(&round->fetch, &role, token_file, err);
    }
    if (setting(round, name, "mfa_serial") != NULL) {
        FAIL(err, ERR_NET_AUTH, "profile %s wants a code from an MFA device, which nobody is here to type", name);
        return err_hint(err, "use a role without MFA, or credential_process");
    }
    TRY(from_role_source(round, name, err));
    return aws_fetch_role(&round->fetch, &role, err);
}

static bool from_profile(Round *round, const char *name, bool *found, Err *err) {
    const char *arn = setting(round, name, "role_arn"), *process = setting(round, name, "credential_process");
    *found = true;
    if (arn != NULL) {
        return from_role(round, name, arn, err);
    }
    TRY(static_keys(round, name, found, err));
    if (*found) {
        return true;
    }
    *found = true;
    if (process != NULL) {
        TRY(aws_fetch_process(&round->fetch, process, err));
        snprintf(round->fetch.origin, sizeof(round->fetch.origin), "credential_process of profile %s", name);
        return true;
    }
    if (setting(round, name, "sso_session") != NULL || setting(round, name, "sso_start_url") != NULL) {
        FAIL(err, ERR_NET_AUTH, "profile %s signs in by SSO, which leat cannot do by itself", name);
        return err_hint(err,
                        "add a profile with credential_process = aws configure export-credentials --profile %s "
                        "--format process, and name that one",
                        name);
    }
    *found = false;
    return true;
}

static bool from_named_profile(Round *round, bool *found, Err *err) {
    const AwsProvider *provider = round->provider;
    bool named = provider->options.profile != NULL || provider->env.value[V_PROFILE] != NULL;
    if (named && !aws_profile_exists(&round->profiles, round->profile)) {
        FAIL(err, ERR_NET_AUTH, "there is no profile %s in the AWS config and credentials files", round->profile);
        return err_hint(err, "correct the name, or AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE");
    }
    TRY(from_profile(round, round->profile, found, err));
    if (!*found && provider->options.profile != NULL) {
        FAIL(err, ERR_NET_AUTH, "profile %s holds no credentials", round->profile);
        return err_hint(err, "give it a key, a role or a credential_process, or name another profile");
    }
    return true;
}

// --- the chain -------------------------------------------------------------------------------------------------

static bool fetch_all(Round *round, bool refused, Err *err) {
    AwsProvider *provider = round->provider;
    const AwsSupply *supply = &provider->options.supply;
    bool found = false;
    if (supply->fetch != NULL) {
        origin(round, "the catalog", "");
        return supply->fetch(supply->context, refused, round->fetch.arena, &round->fetch.credentials, err);
    }
    if (provider->options.access_key != NULL) {
        return from_given(round, err);
    }
    TRY(profiles_read(&round->profiles, &provider->env, round->fetch.arena, err));
    if (provider->options.profile == NULL) {
        TRY(from_environment(round, &found, err));
        TRY(found || from_web_identity(round, &found, err));
    }
    TRY(found || from_named_profile(round, &found, err));
    TRY(found || from_container(round, &found, err));
    TRY(found || from_instance(round, &found, err));
    if (!found) {
        FAIL(err, ERR_NET_AUTH,
             "no AWS credentials: looked at AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE, profile %s, "
             "AWS_CONTAINER_CREDENTIALS_FULL_URI, %s",
             round->profile,
             is_true(provider->env.value[V_METADATA_DISABLED]) ? "not instance metadata" : "instance metadata");
        return err_hint(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE");
    }
    return true;
}

// A line break comes along with a secret that was read from a file, and makes it another one.
static bool check_text(const Round *round, const char *what, const char *text, Err *err) {
    for (const char *at = text; at != NULL && *at != '\0'; at++) {
        if ((uint8_t)*at < 32 || *at == 127) {
            FAIL(err, ERR_NET_AUTH, "the %s from %s has a line break or another control character in it", what,
                 round->fetch.origin);
            return err_hint(err, "take it away: a file's last line break is the usual one");
        }
    }
    return true;
}

static bool check_credentials(const Round *round, Err *err) {
    const AwsCredentials *credentials = &round->fetch.credentials;
    TRY(check_text(round, "access key", credentials->access_key, err));
    TRY(check_text(round, "secret key", credentials->secret_key, err));
    return check_text(round, "session token", credentials->session_token, err);
}

static bool fetch(AwsProvider *provider, bool refused, Err *err) {
    int next = 1 - provider->in_use;
    Arena *arena = &provider->fetches[next];
    arena_reset(arena);
    Round round = {.provider = provider,
                   .fetch = {.arena = arena, .http = provider->http, .metadata = provider->metadata},
                   .profile = profile_name(&provider->env, provider->options.profile)};
    provider->tried_us = clock_wall_us();
    TRY(fetch_all(&round, refused, err));
    TRY(check_credentials(&round, err));
    provider->credentials = round.fetch.credentials;
    memcpy(provider->origin, round.fetch.origin, sizeof(provider->origin));
    provider->in_use = next;
    provider->fetched = true;
    return true;
}

bool aws_provider_get(AwsProvider *provider, bool refused, const AwsCredentials **credentials, Err *err) {
    *credentials = &provider->credentials;
    if (provider->options.anonymous) {
        return true;
    }
    int64_t now_us = clock_wall_us(), expires_us = provider->credentials.expires_us;
    bool expiring = expires_us != 0 && now_us > expires_us - RENEW_BEFORE_US;
    bool expired = expires_us != 0 && now_us >= expires_us;
    bool just_tried = now_us - provider->tried_us < FETCH_GAP_US;
    if (provider->fetched && !refused && (!expiring || (just_tried && !expired))) {
        return true;
    }
    Err late[1] = {{0}};
    if (!fetch(provider, refused, late)) {
        if (!provider->fetched || refused || expired) {
            *err = *late;
            return err_frame(err, __FILE__, __LINE__);
        }
        log_err(LOG_SINK, "credentials could not be renewed yet; the old ones are still good", late);
    }
    return true;
}

const char *aws_provider_origin(const AwsProvider *provider) {
    return provider->origin;
}

static const char *copy(AwsProvider *provider, const char *text) {
    return text != NULL && text[0] != '\0' ? arena_text(&provider->arena, slice_of(text)) : NULL;
}

static bool clients_open(AwsProvider *provider, Err *err) {
    provider->http = provider->options.http;
    if (provider->http == NULL) {
        TRY(http_client_open(&(HttpClientOptions){.connections_max = 1}, &provider->own_http, err));
        provider->http = provider->own_http;
    }
    HttpClientOptions near = {
        .connections_max = 1, .connect_ms = METADATA_CONNECT_MS, .stalled_ms = METADATA_STALLED_MS, .proxy = ""};
    return http_client_open(&near, &provider->metadata, err);
}

bool aws_provider_open(const AwsProviderOptions *options, AwsProvider **opened, Err *err) {
    AwsProvider *provider = calloc(1, sizeof(*provider));
    ASSERT(provider != NULL);
    arena_init(&provider->arena, "run", 16 * MIB);
    arena_init(&provider->fetches[0], "credentials", 16 * MIB);
    arena_init(&provider->fetches[1], "credentials", 16 * MIB);
    provider->options = (AwsProviderOptions){.access_key = copy(provider, options->access_key),
                                             .secret_key = copy(provider, options->secret_key),
                                             .session_token = copy(provider, options->session_token),
                                             .profile = copy(provider, options->profile),
                                             .region = copy(provider, options->region),
                                             .anonymous = options->anonymous,
                                             .supply = options->supply,
                                             .http = options->http};
    environment_read(&provider->env, &provider->arena);
    if (options->anonymous) {
        snprintf(provider->origin, sizeof(provider->origin), "anonymous");
    } else if (!clients_open(provider, err)) {
        aws_provider_close(provider);
        return err_frame(err, __FILE__, __LINE__);
    }
    *opened = provider;
    return true;
}

void aws_provider_close(AwsProvider *provider) {
    if (provider == NULL) {
        return;
    }
    http_client_close(provider->own_http);
    http_client_close(provider->metadata);
    arena_release(&provider->fetches[0]);
    arena_release(&provider->fetches[1]);
    arena_release(&provider->arena);
    free(provider);
}
