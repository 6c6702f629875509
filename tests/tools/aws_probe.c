// SPDX-License-Identifier: Apache-2.0
// One signed request to a real server, by the credentials of the environment:
//     leat_aws_probe hash|unsigned|chunks|trailer|presign METHOD URL [BODY-FILE]
// The URL is sent as it is given. Prints the status in the first line, then the answer's body.
// tests/integration/test_aws_sign.py runs it.
#include "core/base/digest.h"
#include "core/net/aws.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"

#include <openssl/evp.h>

enum { CHUNK_BYTES = 64 * 1024 };

NORETURN static void quit(const Err *err) {
    fprintf(stderr, "%s: %s\n", err_name(err->code), err->message);
    exit(2);
}

static void checksum(Slice body, char text[16]) {
    uint32_t crc = digest_crc32c(0, body);
    uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
    EVP_EncodeBlock((uint8_t *)text, bytes, 4);
}

// Signs the request and puts its body into chunks.
static bool chunked(AwsSigning *signing, HttpRequest *request, bool trailer, Buf *framed, Arena *arena, Err *err) {
    char sum[16];
    checksum(request->body, sum);
    HttpHeader *headers = ARENA_ARRAY(arena, HttpHeader, 3);
    headers[0] = (HttpHeader){"content-encoding", "aws-chunked"};
    headers[1] = (HttpHeader){"x-amz-decoded-content-length", arena_printf(arena, "%zu", request->body.size)};
    headers[2] = (HttpHeader){"x-amz-trailer", "x-amz-checksum-crc32c"};
    request->headers = headers;
    request->header_count = trailer ? 3 : 2;
    signing->payload_hash =
        trailer ? "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" : "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    TRY(aws_sign(signing, request, arena, err));
    AwsChunkSigner *chunks = aws_chunks_new(signing, request, arena);
    Slice left = request->body;
    while (left.size > 0) {
        size_t size = MIN(left.size, CHUNK_BYTES);
        aws_chunk(chunks, (Slice){left.data, size}, framed);
        left = slice_from(left, size);
    }
    if (trailer) {
        aws_chunk_trailer(chunks, "x-amz-checksum-crc32c", sum, framed);
    } else {
        aws_chunk(chunks, left, framed);
    }
    uint64_t promised = aws_chunks_size(request->body.size, CHUNK_BYTES);
    ASSERT(framed->size == promised + (trailer ? aws_trailer_size(strlen("x-amz-checksum-crc32c"), strlen(sum)) : 0));
    request->body = buf_slice(framed);
    return true;
}

static bool sign(const char *mode, AwsSigning *signing, HttpRequest *request, Buf *framed, Arena *arena, Err *err) {
    if (strcmp(mode, "presign") == 0) {
        char *url;
        TRY(aws_presign(signing, request, 600, arena, &url, err));
        request->url = url;
        return true;
    }
    if (strcmp(mode, "chunks") == 0 || strcmp(mode, "trailer") == 0) {
        return chunked(signing, request, strcmp(mode, "trailer") == 0, framed, arena, err);
    }
    signing->payload_hash = strcmp(mode, "unsigned") == 0 ? "UNSIGNED-PAYLOAD" : NULL;
    return aws_sign(signing, request, arena, err);
}

static bool run(int argc, char **argv, Arena *arena, HttpAnswer *answer, Err *err) {
    HttpClient *client;
    AwsProvider *provider;
    AwsSigning signing = {.service = "s3", .now_us = clock_wall_us(), .region = aws_region(NULL, arena)};
    HttpRequest request = {.method = argv[2], .url = argv[3], .file = -1};
    DEFER(buf_release) Buf framed = {0};
    TRY(http_client_open(&(HttpClientOptions){0}, &client, err));
    TRY(aws_provider_open(&(AwsProviderOptions){.http = client}, &provider, err));
    TRY(aws_provider_get(provider, false, &signing.credentials, err));
    TRY(argc < 5 || file_read_all(argv[4], 64 * MIB, arena, &request.body, err));
    TRY(sign(argv[1], &signing, &request, &framed, arena, err));
    TRY(http_send(client, &request, answer, err));
    aws_provider_close(provider);
    http_client_close(client);
    return true;
}

int main(int argc, char **argv) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "run", 0);
    HttpAnswer answer = {0};
    if (argc < 4 || !run(argc, argv, &arena, &answer, err)) {
        if (argc < 4) {
            FAIL(err, ERR_USAGE, "leat_aws_probe hash|unsigned|chunks|trailer|presign METHOD URL [BODY-FILE]");
        }
        quit(err);
    }
    printf("%d\n", answer.status);
    fwrite(answer.body.data, 1, answer.body.size, stdout);
    http_answer_release(&answer);
    arena_release(&arena);
    return 0;
}
