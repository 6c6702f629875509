# SPDX-License-Identifier: Apache-2.0
"""The fault proxy does what its rules say, and nothing else: seen by a client without retries."""

import concurrent.futures

import botocore.exceptions
import pytest
from s3_proxy import FAULTS, S3Proxy
from wait import wait_until

BROKEN = (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)


@pytest.fixture
def proxy(versitygw):
    with S3Proxy(versitygw.server) as one:
        yield one


@pytest.fixture
def client(versitygw, proxy):
    return versitygw.server.new_client(proxy.endpoint)


def test_nothing_changes_without_a_rule(versitygw, proxy, client):
    client.put_object(Bucket=versitygw.name, Key="a b/ü", Body=b"one")
    assert client.get_object(Bucket=versitygw.name, Key="a b/ü")["Body"].read() == b"one"
    assert client.head_object(Bucket=versitygw.name, Key="a b/ü")["ContentLength"] == 3
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket=versitygw.name)["Contents"]] == ["a b/ü"]
    client.delete_object(Bucket=versitygw.name, Key="a b/ü")
    assert versitygw.keys() == []
    upload = client.create_multipart_upload(Bucket=versitygw.name, Key="m")["UploadId"]
    where = {"Bucket": versitygw.name, "Key": "m", "UploadId": upload}
    tag = client.upload_part(**where, PartNumber=1, Body=b"two")["ETag"]
    client.list_parts(**where)
    client.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    assert versitygw.get("m") == b"two"
    assert [request.operation for request in proxy.of()] == [
        "PutObject", "GetObject", "HeadObject", "ListObjectsV2", "DeleteObject", "CreateMultipartUpload", "UploadPart",
        "ListParts", "CompleteMultipartUpload",
    ]  # fmt: skip
    assert [request.path for request in proxy.of("PutObject")] == ["a b/ü"]
    assert proxy.faults() == {}
    assert proxy.connections() == 1


@pytest.mark.parametrize("fault, answer, done", [
    ("cut_before", BROKEN, False),
    ("cut_request", BROKEN, False),
    ("cut_after", BROKEN, True),
    ("cut_answer", None, True),  # boto3 takes half a head for a whole one
    ("delay", 200, True),
    ("repeat", 200, True),
    ("corrupt_request", 400, False),
    ("slow_down", 503, False),
    ("error_500", 500, False),
    ("error_500_after", 500, True),
    ("denied", 403, False),
    ("expired", 400, False),
    ("error_in_200", None, False),  # boto3 looks into the body of CompleteMultipartUpload only
    ("error_in_200_after", None, True),
])  # fmt: skip
def test_a_put_meets_the_fault_once(versitygw, proxy, client, fault, answer, done):
    proxy.add(fault, operation="PutObject", nth=1)
    try:
        got = client.put_object(Bucket=versitygw.name, Key="a", Body=b"one" * 1000)["ResponseMetadata"]
        got = got["HTTPStatusCode"]
    except BROKEN:
        got = BROKEN
    except botocore.exceptions.ClientError as error:
        got = error.response["ResponseMetadata"]["HTTPStatusCode"]
    assert answer in (None, got)
    assert (versitygw.keys() == ["a"]) == done
    client.put_object(Bucket=versitygw.name, Key="a", Body=b"two")
    assert versitygw.get("a") == b"two"
    assert proxy.faults() == {fault: 1}


def test_what_is_read_comes_damaged_or_in_part(versitygw, proxy, client):
    versitygw.put("a", b"x" * 100000)
    proxy.add("corrupt_answer", operation="GetObject", nth=1)
    proxy.add("cut_answer", operation="GetObject", nth=2)
    with pytest.raises(botocore.exceptions.FlexibleChecksumError):
        client.get_object(Bucket=versitygw.name, Key="a", ChecksumMode="ENABLED")["Body"].read()
    with pytest.raises(BROKEN):
        client.get_object(Bucket=versitygw.name, Key="a")["Body"].read()
    assert len(client.get_object(Bucket=versitygw.name, Key="a")["Body"].read()) == 100000


@pytest.mark.parametrize("fault", ["stall", "stall_after", "stall_answer"])
def test_a_stalled_request_is_never_answered(versitygw, proxy, fault):
    client = versitygw.server.new_client(proxy.endpoint)
    proxy.add(fault, key="a", nth=1)
    stored = ["a"] if fault != "stall" else []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.put_object, Bucket=versitygw.name, Key="a", Body=b"one")
        wait_until(lambda: proxy.times(fault=fault) == 1 and versitygw.keys() == stored, "the fault is met")
        with pytest.raises(concurrent.futures.TimeoutError):
            answer.result(0.3)
        proxy.close()
        answer.exception()
    assert versitygw.keys() == stored


def test_every_third_and_a_storm(versitygw, proxy, client):
    proxy.add("slow_down", every=3)
    client = versitygw.server.new_client(proxy.endpoint, retries={"total_max_attempts": 2, "mode": "standard"})
    for n in range(10):
        client.put_object(Bucket=versitygw.name, Key=f"{n}", Body=b"x")
    assert len(versitygw.keys()) == 10
    assert proxy.times(fault="slow_down") == proxy.times() // 3
    proxy.calm()
    proxy.storm(0.5, ["error_500", "cut_after"], seed=1)
    bad = 0
    client = versitygw.server.new_client(proxy.endpoint)
    for n in range(30):
        try:
            client.head_object(Bucket=versitygw.name, Key="1")
        except (*BROKEN, botocore.exceptions.ClientError):
            bad += 1
    assert 5 < bad < 25
    assert bad == proxy.times(fault="error_500") + proxy.times(fault="cut_after")
    assert set(proxy.faults()) <= set(FAULTS)
