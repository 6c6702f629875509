// SPDX-License-Identifier: Apache-2.0
#include "core/net/aws_provider.c"

#include "core/net/test_server.h"

#include <sys/stat.h>
#include <time.h>

// STS, a container's endpoint and instance metadata, all in one server. Access keys count up, so that a renewal shows.
typedef struct Fake {
    TestServer server;
    atomic_int given;
    atomic_int life_s;
    atomic_int broken; // != 0: that status
    char folder[64];
    char url[64];
    char last_body[2048];
} Fake;

static const char *expiration(Fake *fake, char text[32]) {
    time_t at = time(NULL) + fake->life_s;
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return text;
}

static bool give_json(TestRequest *request, Fake *fake, const char *kind) {
    char text[512], time_text[32];
    snprintf(text, sizeof(text),
             "{\"Code\":\"Success\",\"AccessKeyId\":\"%s%d\",\"SecretAccessKey\":\"s\",\"Token\":\"t/+=\","
             "\"Expiration\":\"%s\"}",
             kind, ++fake->given, expiration(fake, time_text));
    return test_answer(request, 200, NULL, slice_of(text));
}

static bool give_sts(TestRequest *request, Fake *fake) {
    char text[1024], time_text[32], authorization[512] = "";
    const char *body = (const char *)request->body.data;
    bool sign = test_header(request, "authorization", authorization, sizeof(authorization));
    snprintf(fake->last_body, sizeof(fake->last_body), "%.*s", (int)request->body.size, body);
    bool web = strstr(fake->last_body, "Action=AssumeRoleWithWebIdentity&") != NULL;
    if (web == sign || strstr(fake->last_body, "denied") != NULL) {
        return test_answer(request, 403, NULL,
                           SLICE("<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User x is "
                                 "not authorized</Message></Error></ErrorResponse>"));
    }
    const char *by = sign ? strstr(authorization, "Credential=") + strlen("Credential=") : "web";
    snprintf(text, sizeof(text),
             "<R xmlns=\"https://sts\"><Result><AssumedRoleUser><Arn>a</Arn></AssumedRoleUser><Credentials>"
             "<AccessKeyId>%.*s-sts%d</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t&amp;u"
             "</SessionToken><Expiration>%s</Expiration></Credentials></Result></R>",
             (int)strcspn(by, "/"), by, ++fake->given, expiration(fake, time_text));
    return test_answer(request, 200, NULL, slice_of(text));
}

static bool serve(TestRequest *request) {
    Fake *fake = request->server->context;
    char value[128] = "";
    if (fake->broken != 0) {
        return test_answer(request, fake->broken, NULL, SLICE("broken"));
    }
    if (strcmp(request->method, "POST") == 0) {
        return give_sts(request, fake);
    }
    if (strcmp(request->target, "/ecs") == 0) {
        test_header(request, "authorization", value, sizeof(value));
        return strcmp(value, "Bearer x") == 0 ? give_json(request, fake, "ecs")
                                              : test_answer(request, 403, NULL, SLICE("{}"));
    }
    if (strcmp(request->target, "/latest/api/token") == 0) {
        bool good = strcmp(request->method, "PUT") == 0 &&
                    test_header(request, "x-aws-ec2-metadata-token-ttl-seconds", value, sizeof(value));
        return test_answer(request, good ? 200 : 400, NULL, SLICE("session\n"));
    }
    test_header(request, "x-aws-ec2-metadata-token", value, sizeof(value));
    if (strcmp(value, "session") != 0) {
        return test_answer(request, 401, NULL, SLICE(""));
    }
    if (strcmp(request->target, "/latest/meta-data/iam/security-credentials/") == 0) {
        return test_answer(request, 200, NULL, SLICE("role x\n"));
    }
    if (strcmp(request->target, "/latest/meta-data/iam/security-credentials/role%20x") == 0) {
        return give_json(request, fake, "imds");
    }
    return test_answer(request, 404, NULL, SLICE(""));
}

static void write_file(Fake *fake, const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fake->folder, name);
    FILE *file = fopen(path, "we");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

// An empty environment, but for HOME; nothing to be had anywhere.
static void begin(Fake *fake) {
    *fake = (Fake){.life_s = 3600};
    for (int i = 0; i < VARIABLE_COUNT; i++) {
        unsetenv(NAMES[i]);
    }
    unsetenv("AWS_ENDPOINT_URL_STS");
    snprintf(fake->folder, sizeof(fake->folder), "/tmp/leat_aws_XXXXXX");
    CHECK(mkdtemp(fake->folder) != NULL);
    char path[128];
    snprintf(path, sizeof(path), "%s/.aws", fake->folder);
    CHECK(mkdir(path, 0700) == 0);
    setenv("HOME", fake->folder, 1);
    fake->server.context = fake;
    test_server_start(&fake->server, serve);
    snprintf(fake->url, sizeof(fake->url), "http://127.0.0.1:%d", fake->server.port);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("AWS_ENDPOINT_URL_STS", fake->url, 1);
}

static void end(Fake *fake) {
    Err err[1] = {{0}};
    test_server_stop(&fake->server);
    CHECK_OK(file_remove_tree(fake->folder, err));
}

// Opens, gets once, checks key and origin, closes.
static void check_got(AwsProviderOptions options, const char *access_key, const char *from) {
    Err err[1] = {{0}};
    AwsProvider *provider;
    const AwsCredentials *got;
    CHECK_OK(aws_provider_open(&options, &provider, err));
    CHECK_OK(aws_provider_get(provider, false, &got, err));
    CHECK_TEXT(slice_of(got->access_key), access_key);
    CHECK_TEXT(slice_of(aws_provider_origin(provider)), from);
    aws_provider_close(provider);
}

static void check_fails(AwsProviderOptions options, ErrCode code, const char *in_message) {
    Err err[1] = {{0}};
    AwsProvider *provider;
    const AwsCredentials *got;
    CHECK_OK(aws_provider_open(&options, &provider, err));
    CHECK(!aws_provider_get(provider, false, &got, err));
    if (err->code != code || strstr(err->message, in_message) == NULL || strstr(err->message, "HUSH") != NULL) {
        test_fail(__FILE__, __LINE__, "%s: %s", err_name(err->code), err->message);
    }
    aws_provider_close(provider);
}

TEST(aws_provider_given_and_environment) {
    Fake fake;
    begin(&fake);
    AwsProviderOptions none = {0};
    check_fails(none, ERR_NET_AUTH, "no AWS credentials: looked at AWS_ACCESS_KEY_ID");
    setenv("AWS_ACCESS_KEY_ID", "ENVKEY", 1);
    check_fails(none, ERR_NET_AUTH, "AWS_ACCESS_KEY_ID is set, but not AWS_SECRET_ACCESS_KEY");
    setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
    check_got(none, "ENVKEY", "AWS_ACCESS_KEY_ID");
    setenv("MY_SECRET", "HUSH", 1);
    AwsProviderOptions given = {.access_key = "GIVEN", .secret_key = "${env:MY_SECRET}"};
    check_got(given, "GIVEN", "given");
    given.secret_key = "${env:NO_SUCH}";
    check_fails(given, ERR_OPTION, "NO_SUCH");
    given.secret_key = NULL;
    check_fails(given, ERR_NET_AUTH, "without its secret key");
    Err err[1] = {{0}};
    AwsProvider *provider;
    const AwsCredentials *got;
    CHECK_OK(aws_provider_open(&(AwsProviderOptions){.anonymous = true}, &provider, err));
    CHECK_OK(aws_provider_get(provider, true, &got, err));
    CHECK(got->access_key == NULL);
    aws_provider_close(provider);
    end(&fake);
}

TEST(aws_provider_profiles) {
    Fake fake;
    begin(&fake);
    write_file(&fake, ".aws/credentials",
               "[default]\naws_access_key_id=DEF\naws_secret_access_key=HUSH\n[half]\naws_access_key_id=H\n"
               "[base]\naws_access_key_id=BASE\naws_secret_access_key=HUSH\naws_session_token=T\n");
    write_file(&fake, ".aws/config",
               "[default]\nregion=eu-north-1\n[profile role]\nrole_arn=arn:aws:iam::1:role/r\nsource_profile=base\n"
               "external_id=a/b\nduration_seconds=900\nrole_session_name=me\n"
               "[profile twice]\nrole_arn=arn:2\nsource_profile=role\n"
               "[profile denied]\nrole_arn=arn:denied\nsource_profile=base\n"
               "[profile circle]\nrole_arn=arn:1\nsource_profile=circle2\n[profile circle2]\nrole_arn=arn:1\n"
               "source_profile=circle\n[profile alone]\nrole_arn=arn:1\n"
               "[profile mfa]\nrole_arn=arn:1\nsource_profile=base\nmfa_serial=x\n"
               "[profile env]\nrole_arn=arn:1\ncredential_source=Environment\n"
               "[profile odd]\nrole_arn=arn:1\ncredential_source=Nowhere\n"
               "[profile sso]\nsso_session=s\n[profile empty]\nregion=x\n"
               "[profile process]\ncredential_process=printf '{\"Version\":1,\"AccessKeyId\":\"PROC\","
               "\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\"}'\n"
               "[profile broken]\ncredential_process=echo HUSH; exit 3\n"
               "[profile babble]\ncredential_process=echo HUSH\n");
    check_got((AwsProviderOptions){0}, "DEF", "profile default");
    check_got((AwsProviderOptions){.profile = "base"}, "BASE", "profile base");
    check_got((AwsProviderOptions){.profile = "role"}, "BASE-sts1", "role arn:aws:iam::1:role/r, by profile base");
    CHECK_TEXT(slice_of(fake.last_body),
               "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=me&"
               "DurationSeconds=900&ExternalId=a%2Fb");
    check_got((AwsProviderOptions){.profile = "twice"}, "BASE-sts2-sts3",
              "role arn:2, by role arn:aws:iam::1:role/r, by profile base");
    check_got((AwsProviderOptions){.profile = "process"}, "PROC", "credential_process of profile process");
    static const struct {
        const char *profile, *message;
    } FAILING[] = {
        {"denied", "role arn:denied: STS answers 403: AccessDenied: User x is not authorized"},
        {"circle", "in a circle"},
        {"alone", "does not say by whom"},
        {"mfa", "MFA"},
        {"env", "no credentials to assume its role with are in Environment"},
        {"odd", "credential_source is unknown"},
        {"sso", "SSO"},
        {"empty", "profile empty holds no credentials"},
        {"none", "there is no profile none"},
        {"half", "no aws_secret_access_key"},
        {"broken", "credential_process has failed, with status 3"},
        {"babble", "credential_process: what is given is no JSON object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(FAILING); i++) {
        check_fails((AwsProviderOptions){.profile = FAILING[i].profile}, ERR_NET_AUTH, FAILING[i].message);
    }
    setenv("AWS_PROFILE", "base", 1);
    check_got((AwsProviderOptions){0}, "BASE", "profile base");
    setenv("AWS_ACCESS_KEY_ID", "ENVKEY", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
    check_got((AwsProviderOptions){0}, "ENVKEY", "AWS_ACCESS_KEY_ID");
    check_got((AwsProviderOptions){.profile = "env"}, "ENVKEY-sts4", "role arn:1, by AWS_ACCESS_KEY_ID");
    write_file(&fake, ".aws/config", "[profile x]\nHUSH\n");
    check_fails((AwsProviderOptions){.profile = "base"}, ERR_NET_SETUP, "/.aws/config: line 2");
    end(&fake);
}

TEST(aws_provider_web_identity) {
    Fake fake;
    begin(&fake);
    char path[128];
    snprintf(path, sizeof(path), "%s/token", fake.folder);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1);
    setenv("AWS_ROLE_ARN", "arn:web", 1);
    check_fails((AwsProviderOptions){0}, ERR_NOT_FOUND, "web identity");
    write_file(&fake, "token", "ey.HUSH+/=\n");
    check_got((AwsProviderOptions){0}, "web-sts1", "web identity, role arn:web");
    CHECK_TEXT(slice_of(fake.last_body), "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aweb&"
                                         "RoleSessionName=leat&WebIdentityToken=ey.HUSH%2B%2F%3D");
    setenv("AWS_ROLE_ARN", "arn:denied", 1);
    check_fails((AwsProviderOptions){0}, ERR_NET_AUTH, "AccessDenied");
    fake.broken = 503;
    check_fails((AwsProviderOptions){0}, ERR_NET_BUSY, "STS answers 503: no reason given");
    end(&fake);
}

TEST(aws_provider_container) {
    Fake fake;
    begin(&fake);
    char url[128];
    snprintf(url, sizeof(url), "%s/ecs", fake.url);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    check_fails((AwsProviderOptions){0}, ERR_NET_AUTH, "the container's credentials endpoint answers 403");
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer x", 1);
    check_got((AwsProviderOptions){0}, "ecs1", "container credentials endpoint");
    snprintf(url, sizeof(url), "%s/token", fake.folder);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", url, 1); // counts more
    check_fails((AwsProviderOptions){0}, ERR_NOT_FOUND, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    write_file(&fake, "token", "HUSH\nHUSH\n");
    check_fails((AwsProviderOptions){0}, ERR_NET_AUTH, "line break");
    write_file(&fake, "token", "Bearer x\n");
    check_got((AwsProviderOptions){0}, "ecs2", "container credentials endpoint");
    static const char *const UNSAFE[] = {"http://example.com/", "http://127.0.0.1@example.com/",
                                         "http://10.0.0.1/",    "http://localhost.example.com/",
                                         "ftp://127.0.0.1/",    "http://127.0.0.1.x/"};
    for (size_t i = 0; i < ARRAY_LEN(UNSAFE); i++) {
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", UNSAFE[i], 1);
        check_fails((AwsProviderOptions){0}, ERR_NET_AUTH, "neither https nor on this machine");
    }
    CHECK(container_url_safe("https://example.com") && container_url_safe("http://[fd00:ec2::23]/v1/credentials") &&
          container_url_safe("http://localhost:80/") && container_url_safe("http://169.254.170.23/v1"));
    end(&fake);
}

TEST(aws_provider_instance_metadata) {
    Fake fake;
    begin(&fake);
    char url[128];
    snprintf(url, sizeof(url), "%s/", fake.url);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "false", 1);
    check_got((AwsProviderOptions){0}, "imds1", "instance metadata, role role x");
    fake.broken = 404; // no such service
    check_fails((AwsProviderOptions){0}, ERR_NET_AUTH, "no AWS credentials: looked at");
    fake.broken = 500;
    check_fails((AwsProviderOptions){0}, ERR_NET_BUSY, "instance metadata answers 500");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1", 1);
    check_fails((AwsProviderOptions){0}, ERR_NET_AUTH, "no AWS credentials: looked at");
    end(&fake);
}

TEST(aws_provider_renews) {
    Fake fake;
    begin(&fake);
    Err err[1] = {{0}};
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", fake.url, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "false", 1);
    log_level_set(LOG_SILENT);
    AwsProvider *provider;
    const AwsCredentials *got;
    CHECK_OK(aws_provider_open(&(AwsProviderOptions){0}, &provider, err));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(aws_provider_get(provider, false, &got, err));
        CHECK_TEXT(slice_of(got->access_key), "imds1");
    }
    CHECK_OK(aws_provider_get(provider, true, &got, err)); // refused
    CHECK_TEXT(slice_of(got->access_key), "imds2");
    CHECK_TEXT(slice_of(got->session_token), "t/+=");
    provider->credentials.expires_us = clock_wall_us() + 60 * INT64_C(1000000); // soon, but just fetched
    CHECK_OK(aws_provider_get(provider, false, &got, err));
    CHECK_TEXT(slice_of(got->access_key), "imds2");
    provider->tried_us -= FETCH_GAP_US + 1;
    fake.broken = 500; // the old ones are still good
    CHECK_OK(aws_provider_get(provider, false, &got, err));
    CHECK_TEXT(slice_of(got->access_key), "imds2");
    fake.broken = 0;
    provider->tried_us -= FETCH_GAP_US + 1;
    CHECK_OK(aws_provider_get(provider, false, &got, err));
    CHECK_TEXT(slice_of(got->access_key), "imds3");
    provider->credentials.expires_us = clock_wall_us() - 1; // they are not
    fake.broken = 500;
    CHECK_FAILS(aws_provider_get(provider, false, &got, err), ERR_NET_BUSY);
    fake.broken = 0;
    CHECK_OK(aws_provider_get(provider, false, &got, err));
    CHECK_TEXT(slice_of(got->access_key), "imds4");
    aws_provider_close(provider);
    end(&fake);
}

TEST(aws_region_and_endpoint) {
    Fake fake;
    begin(&fake);
    Arena arena;
    arena_init(&arena, "test", 0);
    unsetenv("AWS_ENDPOINT_URL_STS");
    unsetenv("AWS_ENDPOINT_URL_S3");
    CHECK(aws_region(NULL, &arena) == NULL && aws_endpoint(NULL, "s3", &arena) == NULL);
    write_file(&fake, ".aws/config",
               "[default]\nregion=eu-north-1\nendpoint_url=http://all\n[profile x]\nservices=l\n"
               "[services l]\ns3=\n  endpoint_url=http://mine\n");
    CHECK_TEXT(slice_of(aws_region(NULL, &arena)), "eu-north-1");
    CHECK(aws_region("x", &arena) == NULL);
    CHECK_TEXT(slice_of(aws_endpoint(NULL, "s3", &arena)), "http://all");
    CHECK_TEXT(slice_of(aws_endpoint("x", "s3", &arena)), "http://mine");
    CHECK(aws_endpoint("x", "sts", &arena) == NULL);
    setenv("AWS_DEFAULT_REGION", "a", 1);
    CHECK_TEXT(slice_of(aws_region("x", &arena)), "a");
    setenv("AWS_REGION", "b", 1);
    CHECK_TEXT(slice_of(aws_region("x", &arena)), "b");
    setenv("AWS_ENDPOINT_URL", "http://env", 1);
    CHECK_TEXT(slice_of(aws_endpoint("x", "s3", &arena)), "http://env");
    setenv("AWS_ENDPOINT_URL_S3", "http://env-s3", 1);
    CHECK_TEXT(slice_of(aws_endpoint("x", "s3", &arena)), "http://env-s3");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    CHECK(aws_endpoint("x", "s3", &arena) == NULL);
    arena_release(&arena);
    end(&fake);
}

TEST(aws_times_are_read) {
    static const struct {
        const char *text;
        int64_t seconds; // -1: none
    } ROWS[] = {
        {"2015-08-30T12:36:00Z", 1440938160},
        {"2015-08-30T12:36:00.123Z", 1440938160},
        {"2015-08-30T14:36:00+02:00", 1440938160},
        {"2015-08-30T09:06:00-03:30", 1440938160},
        {"2015-08-30T12:36:00", -1},
        {"2015-08-30", -1},
        {"", -1},
        {"2015-08-30T12:36:00Zx", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t time_us = 0;
        bool read = aws_time_parse(ROWS[i].text, &time_us);
        CHECK_INT(read ? time_us / 1000000 : -1, ROWS[i].seconds);
    }
}
