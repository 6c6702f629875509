# SPDX-License-Identifier: Apache-2.0
"""Requests signed by core/net are taken by real S3 servers, whatever the names; a wrong secret is not."""

import subprocess
import urllib.parse

import pytest
from leat import BINARY

NAMES = ["plain", "a=b/c d+e:f,g@h", "100%/%41", "ü/ሴ/😀", "(x)!*'$;&~-._", "a?b#c[d]"]


def quote(name):
    return urllib.parse.quote(name, safe="/~")


def ask(bucket, mode, method, path, body=None, work=None, **more):
    argv = [BINARY.with_name("leat_aws_probe"), mode, method, f"{bucket.server.endpoint}/{bucket.name}{path}"]
    if body is not None:
        (work / "body").write_bytes(body)
        argv.append(work / "body")
    env = {"AWS_EC2_METADATA_DISABLED": "true", **bucket.server.env(), **more}
    done = subprocess.run(argv, env=env, capture_output=True, timeout=180)
    assert done.returncode == 0, done.stderr
    status, _, answer = done.stdout.partition(b"\n")
    return int(status), answer


@pytest.mark.parametrize("mode", ["hash", "unsigned", "chunks", "trailer", "presign"])
def test_objects_are_put_and_got(bucket, work, mode):
    body = bytes(i % 251 for i in range(200_000))
    for name in NAMES:
        status, answer = ask(bucket, mode, "PUT", f"/{quote(name)}", body, work)
        assert status == 200, (name, answer)
        assert bucket.get(name) == body
        status, answer = ask(bucket, mode if mode == "presign" else "hash", "GET", f"/{quote(name)}")
        assert (status, answer) == (200, body)
    assert sorted(bucket.keys()) == sorted(NAMES)
    bucket.remove()


def test_parameters_unsorted_and_without_value(bucket):
    bucket.put("p/ä b+c=1", b"x")
    status, answer = ask(bucket, "hash", "GET", "?prefix=p%2F%C3%A4%20b%2Bc%3D&max-keys=10&list-type=2&delimiter=")
    assert status == 200 and b"<Size>1</Size>" in answer, answer
    status, answer = ask(bucket, "hash", "GET", "?uploads")
    assert status == 200 and b"ListMultipartUploadsResult" in answer, answer
    bucket.remove()


def test_a_wrong_secret_is_refused(bucket):
    status, answer = ask(bucket, "hash", "GET", "?list-type=2", AWS_SECRET_ACCESS_KEY="wrong")
    assert status == 403 and b"SignatureDoesNotMatch" in answer
