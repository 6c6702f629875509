# SPDX-License-Identifier: Apache-2.0
"""Private S3 servers: own directory, own port on loopback, gone when the test run ends (or dies).

    server = Versitygw().start()
    bucket = server.create_bucket()
    bucket.put("a/b", b"…"); bucket.keys("a/"); bucket.get("a/b"); bucket.uploads(); bucket.download(directory)
    server.kill(); server.start()           the same data on the same port

What the tests look at goes through boto3: a second client, not the one under test.
"""

import os
import pathlib
import shutil
import signal
import subprocess

import boto3
import botocore.config
import botocore.exceptions
from ports import free_port
from scratch import new_directory
from wait import PATIENCE, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / ".cache/bin"
REGION = "us-east-1"


class Bucket:
    """One bucket of a server, seen through boto3."""

    def __init__(self, server, name):
        self.server, self.name = server, name

    @property
    def client(self):
        return self.server.client

    def url(self, prefix=""):
        return f"s3://{self.name}/{prefix}"

    def objects(self, prefix=""):
        """name -> size, in the server's order"""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}

    def keys(self, prefix=""):
        return list(self.objects(prefix))

    def get(self, key):
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def head(self, key):
        """What HEAD answers (ContentType, Metadata, ETag, …); None when there is no such object."""
        try:
            return self.client.head_object(Bucket=self.name, Key=key)
        except botocore.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise

    def put(self, key, data, **more):
        return self.client.put_object(Bucket=self.name, Key=key, Body=data, **more)

    def delete(self, key):
        self.client.delete_object(Bucket=self.name, Key=key)

    def uploads(self, prefix=""):
        """Names of the objects whose multipart upload is neither completed nor aborted.

        minio tells only those of one object: its whole name must be given.
        """
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.name, Prefix=prefix)
        return [upload["Key"] for page in pages for upload in page.get("Uploads", [])]

    def download(self, directory, prefix=""):
        """All objects below a prefix, as files below the directory; their paths. What is taken away meanwhile is not
        among them."""
        paths = []
        for key in self.keys(prefix):
            try:
                data = self.get(key)
            except self.client.exceptions.NoSuchKey:
                continue
            path = pathlib.Path(directory) / key[len(prefix) :].lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            paths.append(path)
        return paths

    def remove(self):
        for page in self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.name):
            for upload in page.get("Uploads", []):
                self.client.abort_multipart_upload(Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"])
        for key in self.keys():
            self.delete(key)
        self.client.delete_bucket(Bucket=self.name)


class S3Server:
    """What the servers have in common. A subclass says how its program is called."""

    name = ""
    access_key, secret_key = "leat-test", "leat-test-secret"

    def __init__(self):
        self.program = BIN / self.name
        if not self.program.exists():
            raise FileNotFoundError(f"{self.name} is not in {BIN}: run scripts/setup test")
        self.directory = new_directory("leat-s3-")
        self.data = self.directory / "data"
        self.data.mkdir()
        self.log = self.directory / "log"
        self.port = free_port()
        self.process = None
        self.buckets = 0
        self.client = self.new_client()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def new_client(self, endpoint=None, access_key=None, secret_key=None, **config):
        config = {
            "s3": {"addressing_style": "path"}, "retries": {"total_max_attempts": 1},
            "connect_timeout": 300, "read_timeout": 300, **config,
        }  # fmt: skip
        return boto3.client(
            "s3", endpoint_url=endpoint or self.endpoint, region_name=REGION,
            aws_access_key_id=access_key or self.access_key, aws_secret_access_key=secret_key or self.secret_key,
            config=botocore.config.Config(**config),
        )  # fmt: skip

    def env(self):
        """What a client finds the server's credentials by."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
        }

    def start(self):
        assert self.process is None
        argv, env = self.command()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, argv)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory, env={"PATH": os.environ["PATH"], "HOME": str(self.directory), **env},
                start_new_session=True,
            )  # fmt: skip
        wait_until(self.ready, lambda: f"{self.name} answers; its log: {self.log_tail()}")
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended at once: {self.log_tail()}")
        try:
            self.client.list_buckets()
            return True
        except (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError):
            return False
        except botocore.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 503:
                return False  # it listens before it serves
            raise

    def log_tail(self):
        return self.log.read_text(errors="replace")[-2000:]

    def end(self, number):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(PATIENCE)
            self.process = None

    def stop(self):
        self.end(signal.SIGTERM)

    def kill(self):
        """kill -9. What it had acknowledged is in its directory still, and may be half done."""
        self.end(signal.SIGKILL)

    def restart(self, how="kill"):
        self.kill() if how == "kill" else self.stop()
        return self.start()

    def pause(self):
        """It neither answers nor hangs up until `go_on`."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def create_bucket(self, name=None):
        self.buckets += 1
        name = name or f"bucket-{self.buckets}"
        self.client.create_bucket(Bucket=name)
        return Bucket(self, name)

    def remove(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class Versitygw(S3Server):
    """Strict: checks signatures, payload hashes, the rules of multipart, conditional PUT."""

    name = "versitygw"

    def command(self):
        argv = [self.program, "--port", f"127.0.0.1:{self.port}", "--region", REGION, "--keep-alive", "--quiet"]
        argv.append("posix")
        if not self.keeps_attributes():
            sidecar = self.directory / "attributes"
            sidecar.mkdir(exist_ok=True)
            argv += ["--sidecar", sidecar]
        env = {"ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key}
        return [*argv, self.data], env

    def keeps_attributes(self):
        """Whether this file system has the attributes in which it keeps what it knows of an object."""
        try:
            os.setxattr(self.data, "user.leat", b"x")
            return True
        except OSError:
            return False


class Minio(S3Server):
    """The second opinion. It has versions, object lock, and answers 503 while it starts."""

    name = "minio"

    def command(self):
        env = {
            "MINIO_ROOT_USER": self.access_key, "MINIO_ROOT_PASSWORD": self.secret_key, "MINIO_REGION": REGION,
            "MINIO_BROWSER": "off", "MINIO_UPDATE": "off", "MINIO_CI_CD": "1",
        }  # fmt: skip
        return [self.program, "server", "--quiet", "--address", f"127.0.0.1:{self.port}", self.data], env


SERVERS = {server.name: server for server in (Versitygw, Minio)}
