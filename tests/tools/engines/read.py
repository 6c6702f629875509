# SPDX-License-Identifier: Apache-2.0
"""Rows of Iceberg tables as an engine reads them.

    python read.py spark|pyiceberg|duckdb|polars|datafusion|chdb CATALOG_URL

Reads lines of JSON, {"name": ["ns", "table"], "location": its directory, "binary": its column of bytes or null}, and
answers each with {"rows": [{column: text}]} or {"error": text}: values as texts that do not depend on the engine (see
plain). Spark writes, too: {"name": …, "make": {…}} (see Spark.make). Engines that know REST catalogs are asked through
one, attached as docs/catalog.md says (attach.py); chDB reads the directory.
"""

import datetime
import decimal
import json
import math
import os
import pathlib
import sys
import uuid

import attach

CACHE = pathlib.Path(__file__).resolve().parents[3] / ".cache/engines"
UTC = datetime.timezone.utc


def number(value):
    """Decimals and integers without the zeros that only an engine's type adds; floats by their shortest digits."""
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def plain(value):
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float, decimal.Decimal)):
        return number(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, datetime.datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat()
    if isinstance(value, (datetime.date, datetime.time, uuid.UUID)):
        return value.isoformat() if not isinstance(value, uuid.UUID) else str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    raise TypeError(f"a value of {type(value)}")


def quoted(name, quote):
    """Whatever the names are."""
    return ".".join(quote + part.replace(quote, quote * 2) + quote for part in name)


def arrow_rows(table):
    return table.to_pylist()


class Pyiceberg:
    def __init__(self, url):
        from pyiceberg.catalog import load_catalog

        self.catalog = eval(attach.code("pyiceberg", url)[0], {"load_catalog": load_catalog})

    def load(self, name):
        return self.catalog.load_table(tuple(name))

    def rows(self, name, location, binary):
        return arrow_rows(self.load(name).scan().to_arrow())


class Polars(Pyiceberg):
    def rows(self, name, location, binary):
        import polars

        return arrow_rows(polars.scan_iceberg(self.load(name)).collect().to_arrow())


class Datafusion(Pyiceberg):
    def rows(self, name, location, binary):
        import datafusion
        from pyiceberg.table import StaticTable

        context = datafusion.SessionContext()
        context.register_table("it", StaticTable.from_metadata(self.load(name).metadata_location))
        return arrow_rows(context.table("it").to_arrow_table())


class Duckdb:
    def __init__(self, url):
        import duckdb
        import duckdb_extensions

        self.connection = duckdb.connect()
        for extension in ("avro", "httpfs", "iceberg"):
            duckdb_extensions.import_extension(extension, con=self.connection)
            self.connection.execute(f"LOAD {extension}")
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute(attach.code("duckdb", url)[0])

    def rows(self, name, location, binary):
        sql = "SELECT * FROM lake." + quoted(name, '"')
        return arrow_rows(self.connection.execute(sql).to_arrow_table())


class Spark:
    def __init__(self, url):
        from pyspark.sql import SparkSession

        jars = ",".join(map(str, (CACHE / "jars").glob("*.jar")))
        settings = {
            "spark.master": "local[1]", "spark.driver.memory": "1g", "spark.ui.enabled": "false", "spark.jars": jars,
            "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.log.level": "ERROR",
            "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "1",
            "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
            "spark.sql.catalog.lake.cache-enabled": "false",
        } | attach.settings("spark", url)  # fmt: skip
        builder = SparkSession.builder
        for key, value in settings.items():
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()

    def make(self, name, before, columns, write_defaults, after):
        """A table of version 3: SQL, then columns [name, type, default, required], defaults of those written from then
        on [name, value], and SQL again. Columns by Iceberg's API in Java: Spark's SQL has no defaults in its tables."""
        java = self.session._jvm.org.apache.iceberg
        named = f"lake.{quoted(name, '`')}"
        self.session.sql(f"CREATE TABLE {named} ({before[0]}) USING iceberg TBLPROPERTIES ('format-version' = '3')")
        self.session.sql(f"INSERT INTO {named} {before[1]}")
        table = java.spark.Spark3Util.loadIcebergTable(self.session._jsparkSession, named)
        update = table.updateSchema()
        for column, kind, value, required in columns:
            kind = java.types.Types.fromPrimitiveString(kind)
            add = update.addRequiredColumn if required else update.addColumn
            update = add(column, kind, None, java.expressions.Literal.of(value).to(kind))
        update.commit()
        for column, value in write_defaults:
            table.updateSchema().updateColumnDefault(column, java.expressions.Literal.of(value)).commit()
        self.session.sql(f"INSERT INTO {named} {after.format(table=named)}")
        return []

    def rows(self, name, location, binary):
        return [row.asDict(recursive=True) for row in self.session.table(f"lake.{quoted(name, '`')}").collect()]


class Chdb:
    def __init__(self, url):
        import chdb
        import pyarrow.ipc

        os.chdir("/")  # it reads what is below the working directory
        self.query, self.stream = chdb.query, pyarrow.ipc.open_stream

    def rows(self, name, location, binary):
        path = location.removeprefix("file://")
        columns = f"* REPLACE (lower(hex({binary})) AS {binary})" if binary else "*"  # it has texts only
        stream = self.query(f"SELECT {columns} FROM icebergLocal('{path}')", "ArrowStream").bytes()
        return arrow_rows(self.stream(stream).read_all())


ENGINES = {"pyiceberg": Pyiceberg, "duckdb": Duckdb, "polars": Polars, "datafusion": Datafusion, "spark": Spark,
           "chdb": Chdb}  # fmt: skip


def main():
    sys.path.append(str(CACHE / "python"))
    engine = ENGINES[sys.argv[1]](sys.argv[2])
    for line in sys.stdin:
        order = json.loads(line)  # name, location, binary; or name, make
        try:
            found = engine.make(order["name"], **order["make"]) if "make" in order else engine.rows(**order)
            rows = [{name: plain(value) for name, value in row.items()} for row in found]
            answer = {"rows": rows}
        except Exception as error:  # whatever an engine has to say
            answer = {"error": f"{type(error).__name__}: {error}"}
        print("\x1e" + json.dumps(answer), flush=True)  # the mark tells our lines from what an engine prints


if __name__ == "__main__":
    main()
