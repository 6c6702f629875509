# SPDX-License-Identifier: Apache-2.0
"""The demo's second half: the same shop as Iceberg tables, by one command, read by DuckDB, proved by `leat verify`.

`leat sync` follows the shop into a warehouse beside the connectors' files; `leat catalog serve` shows the tables.
"""

import json
import subprocess

import duckdb
import pyiceberg.catalog.rest
from duckdb_extensions import import_extension
import s3_servers
from wait import wait_until

NAME = "shop_tables"
SCHEMA = "shop"


class Lake:
    """Of a Demo: its directory, its shop, its S3 server (or none)."""

    def __init__(self, demo, program):
        self.demo = demo
        self.program = program  # starts a leat in the background
        self.data = demo.directory / "lake"
        self.sync = None

    def begin(self, steps, paint):
        demo = self.demo
        self.warehouse = demo.warehouse()
        demo.env |= demo.s3_environment()
        self.command = ["sync", demo.db.url, self.warehouse, "--name", NAME, "--follow", "--freshness", "1s",
                        "--data-dir", self.data]  # fmt: skip
        self.start()
        self.serve()
        slot = f"SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'leat_{NAME}'"
        self.until(lambda: demo.source.execute(slot).fetchone()[0] > 0, "its snapshot is taken")
        self.again()
        what = f"leat sync postgres://… {self.shown()} --follow"
        steps.done(f"{what}: killed with -9 {paint('1', 'in its snapshot')}, again")
        self.until(lambda: self.streams() and (SCHEMA, "orders") in self.tables(), "the tables are there")
        self.again()
        steps.done(f"killed with -9 {paint('1', 'while it streams')}, and again")
        self.until(self.streams, "it streams")

    def shown(self):
        return self.warehouse if self.warehouse.startswith("s3://") else "DIRECTORY"

    def start(self):
        self.sync = self.program(self.demo, *self.command)

    def again(self):
        """kill -9, and the same command once more."""
        self.sync.kill()
        self.demo.programs.remove(self.sync)
        self.start()

    def until(self, condition, what, timeout=300):
        def look():
            self.sync.must_run()
            return condition()

        return wait_until(look, what, timeout, interval=0.05)

    def status(self):
        told = subprocess.run(
            [str(self.demo.binary), "status", NAME, "--output", "json", "--data-dir", str(self.data)],
            capture_output=True, text=True, env=self.demo.env, timeout=300,
        )  # fmt: skip
        return json.loads(told.stdout) if told.returncode == 0 and told.stdout.startswith("{") else {}

    def streams(self):
        return (self.status().get("report") or {}).get("phase") == "streaming"

    # --- readers ---

    def serve(self):
        """The catalog on a free port, and DuckDB attached to it."""
        served = self.program(self.demo, "catalog", "serve", "--data-dir", self.data, "--listen", "127.0.0.1:0",
                              "--warehouse", self.warehouse)  # fmt: skip
        out = served.log.with_suffix(".out")
        line = wait_until(lambda: out.read_text().splitlines(), "the catalog listens", 30)[0]
        self.url = f"http://127.0.0.1:{json.loads(line)['port']}"
        self.reader = duckdb.connect()
        for extension in ("avro", "httpfs", "iceberg"):
            import_extension(extension, con=self.reader)
            self.reader.execute(f"LOAD {extension}")
        s3 = self.demo.s3
        if s3 is not None:
            self.reader.execute(
                f"CREATE SECRET (TYPE s3, KEY_ID '{s3.access_key}', SECRET '{s3.secret_key}', URL_STYLE 'path',"
                f" ENDPOINT '127.0.0.1:{s3.port}', USE_SSL false, REGION '{s3_servers.REGION}')"
            )
        self.reader.execute(f"ATTACH 'leat' AS lake (TYPE iceberg, ENDPOINT '{self.url}', AUTHORIZATION_TYPE 'none')")

    def pyiceberg(self):
        s3 = self.demo.s3
        own = {} if s3 is None else {
            "s3.endpoint": s3.endpoint, "s3.access-key-id": s3.access_key, "s3.secret-access-key": s3.secret_key,
            "s3.region": s3_servers.REGION,
        }  # fmt: skip
        return pyiceberg.catalog.rest.RestCatalog("leat", uri=self.url, **own)

    def tables(self):
        catalog = self.pyiceberg()
        return catalog.list_tables(SCHEMA) if catalog.namespace_exists(SCHEMA) else []

    def read(self, steps):
        """Twice, while traffic runs: the tables are fresh."""
        sql = f"SELECT count(*), max(id) FROM lake.{SCHEMA}.orders"
        self.until(lambda: self.reader.execute(sql).fetchone()[0] > 0, "the first orders are in the table")
        first = self.reader.execute(sql).fetchone()
        self.until(lambda: self.reader.execute(sql).fetchone() != first, "new orders are in the table")
        second = self.reader.execute(sql).fetchone()
        steps.done(
            "DuckDB reads the tables through leat's Iceberg REST catalog, while traffic runs",
            f"{sql}: {first[0]:,}, and a moment later {second[0]:,}",
        )

    # --- the proof ---

    def verify(self, *flags):
        """(exit status, what it prints)"""
        told = subprocess.run(
            [str(self.demo.binary), "verify", NAME, "--data-dir", str(self.data), "--output", "text", *flags],
            capture_output=True, text=True, env=self.demo.env, timeout=600,
        )  # fmt: skip
        return told.returncode, told.stdout or told.stderr

    def damage(self):
        """Another program changes one row of the lake by hand; says which."""
        table = f"lake.{SCHEMA}.orders"
        key, total = self.reader.execute(f"SELECT id, total FROM {table} ORDER BY id LIMIT 1").fetchone()
        refused = []

        def changed():
            try:
                self.reader.execute(f"UPDATE {table} SET total = total + 1 WHERE id = {key}")
                return True
            except duckdb.Error as conflict:  # leat has committed meanwhile, what is late or a file that it has merged
                refused[:] = [conflict]
                return False

        self.until(changed, lambda: f"the row is changed: {refused}")
        return f"order {key}: total {total} is now {total + 1}"
