# SPDX-License-Identifier: Apache-2.0
"""Apache's own Iceberg REST catalog (the server that Iceberg's project tests its clients with), on a free port.

    server = ApacheCatalog(directory, warehouse=…).start(); server.url; server.restart()

Its tables stand in a SQLite file of the directory, so they are there again after a restart.
"""

import pathlib

import leat as leat_module
import pyiceberg.catalog.rest
from ports import free_port
from server import request
from wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
JARS = ROOT / ".cache/catalog"
MAIN = "org.apache.iceberg.rest.RESTCatalogServer"


class ApacheCatalog:
    def __init__(self, directory, warehouse=None, bucket=None):
        assert JARS.exists(), "Apache's catalog is not in .cache/catalog: run scripts/setup test"
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True)
        self.warehouse = warehouse or self.directory / "warehouse"
        self.bucket = bucket
        self.port = free_port()
        self.process = None
        self.runs = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def settings(self):
        """The server takes CATALOG_A_B__C for the property a.b-c."""
        result = {
            "CATALOG_URI": f"jdbc:sqlite:{self.directory}/apache.db",
            "CATALOG_JDBC_STRICT__MODE": "true",  # no tables in namespaces that are not there
            "CATALOG_WAREHOUSE": str(self.warehouse),
            "CATALOG_REST_PORT": str(self.port),
        }
        if self.bucket is not None:
            server = self.bucket.server
            result |= {
                "CATALOG_WAREHOUSE": self.bucket.url("lake"),
                "CATALOG_IO__IMPL": "org.apache.iceberg.aws.s3.S3FileIO",
                "CATALOG_S3_ENDPOINT": server.endpoint,
                "CATALOG_S3_PATH__STYLE__ACCESS": "true",
                "CATALOG_S3_ACCESS__KEY__ID": server.access_key,
                "CATALOG_S3_SECRET__ACCESS__KEY": server.secret_key,
                "CATALOG_CLIENT_REGION": "us-east-1",
                "AWS_REGION": "us-east-1",
            }
        return result

    def start(self):
        self.runs += 1
        argv = ["java", "-Xmx192m", "-XX:+UseSerialGC", "-cp", f"{JARS}/*", MAIN]
        env = leat_module.Leat(self.directory).env(env=self.settings())
        self.process = leat_module.LeatProcess(argv, env, self.directory / f"apache{self.runs}.log")
        wait_until(self.answers, self.told, timeout=240, interval=0.1)
        return self

    def answers(self):
        assert self.process.running(), self.told()
        try:
            return request("GET", f"{self.url}/v1/config").status == 200
        except OSError:
            return False

    def told(self):
        return f"Apache's catalog answers: {(self.directory / f'apache{self.runs}.log').read_text()[-3000:]}"

    def good(self, method, path, body=None):
        answer = request(method, f"{self.url}/v1{path}", body)
        assert answer.status in (200, 204), answer
        return answer.json() if answer.body else None

    def pyiceberg(self, **properties):
        return pyiceberg.catalog.rest.RestCatalog("apache", uri=self.url, **properties)

    def close(self):
        if self.process is not None and self.process.running():
            self.process.kill()

    def restart(self):
        self.close()
        return self.start()
