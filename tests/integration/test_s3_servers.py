# SPDX-License-Identifier: Apache-2.0
"""The S3 servers that the other tests lean on do what S3 says, where leat depends on it."""

import botocore.exceptions
import pytest
import s3_servers


def status(error):
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_objects_come_back(bucket, work):
    bucket.put("a/b c+d%ü:e", b"one")
    bucket.put("z", b"")
    assert bucket.objects() == {"a/b c+d%ü:e": 3, "z": 0}
    assert bucket.get("a/b c+d%ü:e") == b"one"
    assert bucket.head("none") is None
    assert [p.read_bytes() for p in bucket.download(work, "a/")] == [b"one"]
    bucket.remove()


def test_a_wrong_secret_is_refused(bucket):
    client = bucket.server.new_client(secret_key="wrong")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client.put_object(Bucket=bucket.name, Key="a", Body=b"x")
    assert status(error) == 403


def test_the_second_conditional_put_loses(bucket):
    bucket.put("a", b"one", IfNoneMatch="*")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        bucket.put("a", b"two", IfNoneMatch="*")
    assert status(error) == 412
    assert bucket.get("a") == b"one"


def test_an_upload_is_open_until_it_is_completed(bucket):
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key="big")["UploadId"]
    assert bucket.uploads("big") == ["big"]
    where = {"Bucket": bucket.name, "Key": "big", "UploadId": upload}
    sizes = {1: 5 << 20, 2: 10}
    parts = [
        {"PartNumber": n, "ETag": bucket.client.upload_part(**where, PartNumber=n, Body=bytes(size))["ETag"]}
        for n, size in sizes.items()
    ]
    assert bucket.keys() == []
    bucket.client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert bucket.objects() == {"big": sum(sizes.values())}
    assert bucket.uploads("big") == []


@pytest.mark.parametrize("name", s3_servers.SERVERS)
def test_a_killed_server_keeps_what_it_acknowledged(new_s3, name):
    server = new_s3(name)
    bucket = server.create_bucket()
    bucket.put("a", b"one")
    server.kill()
    with pytest.raises(botocore.exceptions.ConnectionError):
        bucket.get("a")
    server.start()
    assert bucket.get("a") == b"one"
