# SPDX-License-Identifier: Apache-2.0
"""`leat catalog serve` under test: an Iceberg REST catalog on a free port, with a data directory of its own."""

import json
import pathlib

import duckdb
import duckdb_extensions
import leat as leat_module
import pyiceberg.catalog.rest
from ports import free_port
from server import request


class CatalogServer:
    """CatalogServer(directory).start(); the data stays over restart(), the port too."""

    def __init__(self, directory, *flags, warehouse=None, env=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True)
        self.data = self.directory / "data"
        self.warehouse = warehouse or self.directory / "warehouse"
        self.flags = flags
        self.extra_env = env or {}
        self.port = free_port()
        self.runs = 0
        self.process = None

    def start(self, crash_point=None):
        self.runs += 1
        argv = [str(leat_module.BINARY), "catalog", "serve", "--data-dir", str(self.data)]
        argv += ["--listen", f"127.0.0.1:{self.port}", "--warehouse", str(self.warehouse), *self.flags]
        env = leat_module.Leat(self.directory).env(crash_point, self.extra_env)
        self.process = leat_module.LeatProcess(argv, env, self.directory / f"catalog{self.runs}.log")
        self.process.until(lambda: "\n" in self.process.stdout(), "it listens")
        assert json.loads(self.process.stdout().splitlines()[0])["port"] == self.port
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, body=None, headers=None):
        return request(method, f"{self.url}/v1{path}", body, headers)

    def good(self, method, path, body=None, headers=None):
        answer = self.ask(method, path, body, headers)
        assert answer.status in (200, 204), answer
        return answer.json() if answer.body else None

    def pyiceberg(self, **properties):
        return pyiceberg.catalog.rest.RestCatalog("leat", uri=self.url, **properties)

    def duckdb(self, name="lake"):
        connection = duckdb.connect()
        for extension in ("avro", "httpfs", "iceberg"):
            duckdb_extensions.import_extension(extension, con=connection)
            connection.execute(f"LOAD {extension}")
        connection.execute(
            f"ATTACH 'leat' AS {name} (TYPE iceberg, ENDPOINT '{self.url}', AUTHORIZATION_TYPE 'none')"
        )
        return connection

    def close(self):
        if self.process is not None and self.process.running():
            self.process.kill()

    def restart(self, crash_point=None):
        self.close()
        return self.start(crash_point)
