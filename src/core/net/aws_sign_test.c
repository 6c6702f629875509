// SPDX-License-Identifier: Apache-2.0
#include "core/net/aws_sign.c"

#include "core/base/test.h"

static const int64_t SUITE_US = INT64_C(1440938160) * 1000000; // 2015-08-30T12:36:00Z
static const int64_t S3_US = INT64_C(1369353600) * 1000000;    // 2013-05-24T00:00:00Z
static const AwsCredentials S3_CREDENTIALS = {.access_key = "AKIAIOSFODNN7EXAMPLE",
                                              .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
#define TOKEN_HEX "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
#define TOKEN_STS                                                                                                    \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUu" \
    "wthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQc" \
    "HNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/o" \
    "LxBA=="

// AWS's Signature Version 4 test suite (as in aws-c-auth), without the cases whose path is normalised: ours never is.
static const struct {
    const char *name, *method, *target, *headers, *body, *token, *signature, *in_query;
} SUITE[] = {
    {"get-header-key-duplicate", "GET", "/", "My-Header1:value2\nMy-Header1:value2\nMy-Header1:value1", "", NULL,
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
     "3349ee0b81b4b589da0ff28a395c3591e04de515651dd74f298fa992d1507a97"},
    {"get-header-value-multiline", "GET", "/", "My-Header1:value1   value2      value3", "", NULL,
     "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd",
     "e6f5def831211aca02987a44b96826706278c7bc078112ae0263659c5b2f2d56"},
    {"get-header-value-order", "GET", "/", "My-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2",
     "", NULL, "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
     "313720e71ca6202fdcfa9b20f88de01a4eb0638a83c833b1c184359a4eda864e"},
    {"get-header-value-trim", "GET", "/", "My-Header1: value1\nMy-Header2: \"a   b   c\"", "", NULL,
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
     "e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4"},
    {"get-relative-relative-unnormalized", "GET", "/example1/example2/../..", "", "", NULL,
     "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b",
     "b45db0bfd1cf15003493b733e33aa208dd981bd0e63037a6ed953f71d2118a16"},
    {"get-relative-unnormalized", "GET", "/example/..", "", "", NULL,
     "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282",
     "cbcb213b928a077e43275df47b500f1dfaa864ab3f5a18f6b95f4ff0938167ee"},
    {"get-slash-dot-slash-unnormalized", "GET", "/./", "", "", NULL,
     "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145",
     "a9b13e8f3484d9505bf1a6f347219f8f35b0fe8f128ceea597efc146a3dfe90c"},
    {"get-slash-pointless-dot-unnormalized", "GET", "/./example", "", "", NULL,
     "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff",
     "72b11f16d9530b18204bfb71f2d6ab085894c0ed8d352730a6e76234c58b5e10"},
    {"get-slash-unnormalized", "GET", "//", "", "", NULL,
     "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e",
     "b2a9542809db687769200f56a844a03f2bd0291d6eb90232d5101c6a579446cd"},
    {"get-slashes-unnormalized", "GET", "//example//", "", "", NULL,
     "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5",
     "822a5a9ba28072c5ab2bb4a6307d0c88276d40e49fec6b724c03fb4d4ba60fc2"},
    {"get-space-unnormalized", "GET", "/example space/", "", "", NULL,
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
     "7a1f416954786484c9824d93c1f26ef64acb9b1b6c9154d08c9f07d0e394abf6"},
    {"get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "", NULL,
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
     "95968482db1b9e0fadef6efc1bd24689f77c77d9ef56919c96a28cc92e0d6005"},
    {"get-utf8", "GET",
     "/\xe1\x88\xb4"
     "",
     "", "", NULL, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
     "10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44"},
    {"get-vanilla-empty-query-key", "GET", "/?Param1=value1", "", "", NULL,
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
     "49096700cbbaa5753443850f40df10f904fc2fdb544dc9512203cc77c471a9de"},
    {"get-vanilla-query-order-encoded", "GET", "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "", "", NULL,
     "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
     "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787"},
    {"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "", NULL,
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
     "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5"},
    {"get-vanilla-query-unreserved", "GET",
     "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~"
     "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "", "", NULL, "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
     "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf"},
    {"get-vanilla-query", "GET", "/", "", "", NULL, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
    {"get-vanilla-utf8-query", "GET",
     "/?\xe1\x88\xb4"
     "=bar",
     "", "", NULL, "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
     "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600"},
    {"get-vanilla-with-session-token", "GET", "/", "", "", TOKEN_HEX,
     "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
     "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c"},
    {"post-header-key-case", "POST", "/", "", "", NULL,
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
     "2ce6e6d2e0cf2f9d1b55fafec88cd20574c31dc2e7631979f71ba2310083e95b"},
    {"post-header-key-sort", "POST", "/", "My-Header1:value1", "", NULL,
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
     "c09d07e0d55871f10f2a6d350d994acf6825a3cae70673d7def55616e6119dd7"},
    {"post-header-value-case", "POST", "/", "My-Header1:VALUE1", "", NULL,
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
     "0698bc9e4f7f9139065ba2909c0e99da257e8e2a42492a097bcd46d792391fed"},
    {"post-sts-header-before", "POST", "/", "", "", TOKEN_STS,
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
     "46c2e3c63c1dbe7d39f8ada16fe7f001c1f56c5791441565323677f96308871c"},
    {"post-vanilla-empty-query-value", "POST", "/?Param1=value1", "", "", NULL,
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
     "a9ef26247f293bffe40eeff86a0480ba8c14d31503b2e0c3399e3a16bf1a3682"},
    {"post-x-www-form-urlencoded-parameters", "POST", "/",
     "Content-Type:application/x-www-form-urlencoded; "
     "charset=utf-8\nContent-Length:13\nX-Amz-Content-Sha256:"
     "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
     "Param1=value1", NULL, "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422", NULL},
    {"post-x-www-form-urlencoded", "POST", "/",
     "Content-Type:application/"
     "x-www-form-urlencoded\nContent-Length:13\nX-Amz-Content-Sha256:"
     "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
     "Param1=value1", NULL, "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b", NULL},
};

// "Name:value" lines.
static size_t headers_of(const char *lines, HttpHeader *headers, Arena *arena) {
    size_t count = 0;
    for (const char *at = lines; *at != '\0';) {
        size_t size = strcspn(at, "\n"), name = strcspn(at, ":");
        headers[count++] = (HttpHeader){arena_text(arena, (Slice){(const uint8_t *)at, name}),
                                        arena_text(arena, (Slice){(const uint8_t *)at + name + 1, size - name - 1})};
        at += size + (at[size] == '\n');
    }
    return count;
}

static Slice last_64(const char *text) {
    size_t size = strlen(text);
    CHECK(size > 64);
    return (Slice){(const uint8_t *)text + size - 64, 64};
}

// What it is signed with: the last 64 characters of the last header, which is authorization.
static Slice signature_of(const HttpRequest *request) {
    const HttpHeader *last = &request->headers[request->header_count - 1];
    CHECK_TEXT(slice_of(last->name), "authorization");
    return last_64(last->value);
}

TEST(aws_sign_suite) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "test", 0);
    AwsSigningKey key = {0};
    for (size_t i = 0; i < ARRAY_LEN(SUITE); i++) {
        AwsCredentials credentials = {.access_key = "AKIDEXAMPLE",
                                      .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                      .session_token = SUITE[i].token};
        AwsSigning signing = {.credentials = &credentials,
                              .region = "us-east-1",
                              .service = "service",
                              .now_us = SUITE_US,
                              .key = i % 2 == 0 ? &key : NULL};
        HttpHeader headers[8];
        HttpRequest request = {.method = SUITE[i].method,
                               .url = arena_printf(&arena, "https://example.amazonaws.com%s", SUITE[i].target),
                               .headers = headers,
                               .header_count = headers_of(SUITE[i].headers, headers, &arena),
                               .body = slice_of(SUITE[i].body),
                               .file = -1};
        if (SUITE[i].in_query != NULL) {
            char *url;
            CHECK_OK(aws_presign(&signing, &request, 3600, &arena, &url, err));
            if (!slice_is(last_64(url), SUITE[i].in_query)) {
                test_fail(__FILE__, __LINE__, "%s in the query: %s", SUITE[i].name, url);
            }
        }
        CHECK_OK(aws_sign(&signing, &request, &arena, err));
        if (!slice_is(signature_of(&request), SUITE[i].signature)) {
            test_fail(__FILE__, __LINE__, "%s: %.64s", SUITE[i].name, (const char *)signature_of(&request).data);
        }
    }
    arena_release(&arena);
}

static AwsSigning s3_signing(const char *payload_hash) {
    return (AwsSigning){.credentials = &S3_CREDENTIALS,
                        .region = "us-east-1",
                        .service = "s3",
                        .now_us = S3_US,
                        .payload_hash = payload_hash};
}

static HttpRequest s3_request(const char *method, const char *target, const char *headers, Arena *arena) {
    HttpHeader *given = ARENA_ARRAY(arena, HttpHeader, 8);
    return (HttpRequest){.method = method,
                         .url = arena_printf(arena, "https://examplebucket.s3.amazonaws.com%s", target),
                         .headers = given,
                         .header_count = headers_of(headers, given, arena),
                         .file = -1};
}

// The examples of S3's documentation: "Transferring Payload in a Single Chunk", "Using Query Parameters".
TEST(aws_sign_s3_examples) {
    static const struct {
        const char *method, *target, *headers, *body, *signature;
    } ROWS[] = {
        {"GET", "/test.txt", "Range:bytes=0-9", "", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {"PUT", "/test$file.text", "Date:Fri, 24 May 2013 00:00:00 GMT\nx-amz-storage-class:REDUCED_REDUNDANCY",
         "Welcome to Amazon S3.", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {"GET", "/?lifecycle", "", "", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"GET", "/?max-keys=2&prefix=J", "", "", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "test", 0);
    AwsSigning signing = s3_signing(NULL);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        HttpRequest request = s3_request(ROWS[i].method, ROWS[i].target, ROWS[i].headers, &arena);
        request.body = slice_of(ROWS[i].body);
        CHECK_OK(aws_sign(&signing, &request, &arena, err));
        CHECK_TEXT(signature_of(&request), ROWS[i].signature);
    }
    HttpRequest request = s3_request("GET", "/test.txt", "", &arena);
    char *url;
    CHECK_OK(aws_presign(&signing, &request, 86400, &arena, &url, err));
    CHECK_TEXT(slice_of(url),
               "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
               "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&"
               "X-Amz-Expires=86400&X-Amz-SignedHeaders=host&"
               "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    arena_release(&arena);
}

// "Transferring Payload in Multiple Chunks", and the same with a trailer: 65 KiB of 'a'.
static void chunked_example(bool trailer, const char *seed, const char *const signatures[3], const char *last) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "test", 0);
    DEFER(buf_release) Buf out = {0}, want = {0};
    uint8_t *bytes = arena_alloc(&arena, 65536);
    memset(bytes, 'a', 65536);
    AwsSigning signing =
        s3_signing(trailer ? "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" : "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    HttpRequest request = s3_request("PUT", "",
                                     trailer ? "x-amz-storage-class:REDUCED_REDUNDANCY\nContent-Encoding:aws-chunked\n"
                                               "x-amz-decoded-content-length:66560\nx-amz-trailer:x-amz-checksum-crc32c"
                                             : "x-amz-storage-class:REDUCED_REDUNDANCY\nContent-Encoding:aws-chunked\n"
                                               "x-amz-decoded-content-length:66560\nContent-Length:66824",
                                     &arena);
    request.url = "https://s3.amazonaws.com:443/examplebucket/chunkObject.txt";
    CHECK_OK(aws_sign(&signing, &request, &arena, err));
    CHECK_TEXT(signature_of(&request), seed);
    AwsChunkSigner *chunks = aws_chunks_new(&signing, &request, &arena);
    aws_chunk(chunks, (Slice){bytes, 65536}, &out);
    aws_chunk(chunks, (Slice){bytes, 1024}, &out);
    buf_printf(&want, "10000;chunk-signature=%s\r\n", signatures[0]);
    buf_bytes(&want, bytes, 65536);
    buf_printf(&want, "\r\n400;chunk-signature=%s\r\n", signatures[1]);
    buf_bytes(&want, bytes, 1024);
    buf_printf(&want, "\r\n0;chunk-signature=%s\r\n", signatures[2]);
    if (trailer) {
        aws_chunk_trailer(chunks, "x-amz-checksum-crc32c", "sOO8/Q==", &out);
        buf_printf(&want, "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:%s\r\n", last);
    } else {
        aws_chunk(chunks, SLICE(""), &out);
    }
    buf_text(&want, "\r\n");
    CHECK(slice_equal(buf_slice(&out), buf_slice(&want)));
    CHECK_INT(out.size, aws_chunks_size(66560, 65536) +
                            (trailer ? aws_trailer_size(strlen("x-amz-checksum-crc32c"), strlen("sOO8/Q==")) : 0));
    CHECK_INT(out.size, trailer ? 66946 : 66824);
    arena_release(&arena);
}

TEST(aws_chunks_examples) {
    static const char *const PLAIN[] = {"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                                        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                                        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"};
    chunked_example(false, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", PLAIN, NULL);
    static const char *const TRAILED[] = {"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                                          "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                                          "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"};
    chunked_example(true, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e", TRAILED,
                    "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435");
    CHECK_INT(aws_chunks_size(0, 65536), 1 + 17 + 64 + 2 + 2);
    CHECK_INT(aws_chunks_size(131072, 65536), 2 * (5 + 17 + 64 + 2 + 65536 + 2) + 86);
}

// The same request in other clothes has the same signature: a server brings it into one form before it compares.
TEST(aws_sign_does_not_depend_on_clothes) {
    static const struct {
        const char *one, *other;
    } ROWS[] = {
        {"/a=b+c:d,e@f%25g/h", "/a%3Db%2Bc%3Ad%2Ce%40f%25g/h"},
        {"/\xc3\xa4\xe1\x88\xb4 x", "/%c3%A4%e1%88%b4%20x"},
        {"/100%", "/100%25"},
        {"/a/../b//./c", "/%61/../b//./c"},
        {"/k?b=2&a=2&a=1&c", "/k?a=1&a=2&b=2&c="},
        {"/k?prefix=a/b+c&delimiter=/&&", "/k?delimiter=%2F&prefix=a%2Fb%2Bc"},
        {"?uploads", "/?uploads="},
    };
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "test", 0);
    AwsSigning signing = s3_signing("UNSIGNED-PAYLOAD");
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        HttpRequest one = s3_request("GET", ROWS[i].one, "X-A:  1  2 \nx-b:3\nUser-Agent:x", &arena);
        HttpRequest other = s3_request("GET", ROWS[i].other, "x-B:3\nx-a:1 2", &arena);
        CHECK_OK(aws_sign(&signing, &one, &arena, err));
        CHECK_OK(aws_sign(&signing, &other, &arena, err));
        CHECK(slice_equal(signature_of(&one), signature_of(&other)));
    }
    HttpRequest plain = s3_request("GET", "/%2561", "", &arena), twice = s3_request("GET", "/%61", "", &arena);
    CHECK_OK(aws_sign(&signing, &plain, &arena, err));
    CHECK_OK(aws_sign(&signing, &twice, &arena, err));
    CHECK(!slice_equal(signature_of(&plain), signature_of(&twice)));
    arena_release(&arena);
}

TEST(aws_signing_key_follows_what_it_is_made_of) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "test", 0);
    AwsSigningKey key = {0};
    AwsCredentials other = S3_CREDENTIALS;
    other.secret_key = "another";
    for (int i = 0; i < 12; i++) {
        AwsSigning signing = s3_signing(NULL), fresh;
        signing.now_us += i % 2 * INT64_C(86400000000);
        signing.region = i % 3 == 0 ? "eu-central-1" : "us-east-1";
        signing.credentials = i % 4 == 0 ? &other : &S3_CREDENTIALS;
        fresh = signing;
        signing.key = &key;
        HttpRequest one = s3_request("GET", "/a", "", &arena), two = s3_request("GET", "/a", "", &arena);
        CHECK_OK(aws_sign(&signing, &one, &arena, err));
        CHECK_OK(aws_sign(&fresh, &two, &arena, err));
        CHECK(slice_equal(signature_of(&one), signature_of(&two)));
    }
    AwsSigning nowhere = s3_signing(NULL);
    nowhere.region = NULL;
    HttpRequest request = s3_request("GET", "/a", "", &arena);
    CHECK_FAILS(aws_sign(&nowhere, &request, &arena, err), ERR_NET_SETUP);
    static const AwsCredentials NOBODY = {0};
    nowhere.credentials = &NOBODY;
    CHECK_OK(aws_sign(&nowhere, &request, &arena, err));
    CHECK_INT(request.header_count, 0);
    arena_release(&arena);
}

TEST(aws_sha256_of_a_piece_of_a_file) {
    Err err[1] = {{0}};
    char path[] = "/tmp/leat_sign_XXXXXX", hex[65], want[65];
    int fd = mkstemp(path);
    unlink(path);
    static uint8_t bytes[300000];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    CHECK(write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes));
    CHECK_OK(aws_sha256_file(fd, 11, 280000, hex, err));
    aws_sha256_hex((Slice){bytes + 11, 280000}, want);
    CHECK_TEXT(slice_of(hex), want);
    CHECK_OK(aws_sha256_file(fd, 11, 0, hex, err));
    CHECK_TEXT(slice_of(hex), EMPTY_HASH);
    CHECK_FAILS(aws_sha256_file(fd, 11, 300000, hex, err), ERR_IO_FAILED);
    close(fd);
}
