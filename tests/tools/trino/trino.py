# SPDX-License-Identifier: Apache-2.0
"""Trino from .cache/trino (scripts/setup test), as one server with one Iceberg catalog, `lake`.

with Trino(directory, catalog="connector.name=iceberg\n…") as trino:
    trino.rows("SELECT * FROM lake.shop.orders")
"""

import base64
import datetime
import decimal
import json
import os
import pathlib
import re
import subprocess
import time
import urllib.request
import zipfile

CACHE = pathlib.Path(__file__).resolve().parents[3] / ".cache/trino"
LEAST_JAVA = 25
START_SECONDS = 400  # 15 to 30 on two cores that do nothing else
QUERY_SECONDS = 300  # the first ones take seconds there
UTC = datetime.timezone.utc
CAPABILITIES = "PARAMETRIC_DATETIME"  # times to the microsecond
SERVICE = "META-INF/services/io.trino.spi.Plugin"


def java():
    """A JDK that Trino runs on: JAVA_HOME's, the newest below /usr/lib/jvm, the path's. None: there is none."""
    homes = [pathlib.Path(os.environ[name]) for name in ("JAVA_HOME_25", "JAVA_HOME") if os.environ.get(name)]
    homes += sorted(pathlib.Path("/usr/lib/jvm").glob("*"), reverse=True)
    for home in homes:
        release = home / "release"
        version = re.search(r'JAVA_VERSION="(\d+)', release.read_text()) if release.is_file() else None
        if version and int(version[1]) >= LEAST_JAVA and (home / "bin/javac").exists():
            return home / "bin/java"
    return None


def missing():
    """Why there is no Trino; None: there is."""
    if not (CACHE / "plugin/iceberg/pom.xml").exists():
        return "Trino could not be had"
    return None if java() else f"Trino needs a JDK {LEAST_JAVA}"


# --- values ------------------------------------------------------------------------------------------------------


def timestamp(text):
    zoned = text.endswith(" UTC")
    value = datetime.datetime.fromisoformat(text.removesuffix(" UTC"))
    return value.replace(tzinfo=UTC) if zoned else value


LEAVES = {
    "boolean": bool,
    "integer": int,
    "bigint": int,
    "real": float,
    "double": float,
    "decimal": decimal.Decimal,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timestamp": timestamp,
    "timestamp with time zone": timestamp,
    "varbinary": base64.b64decode,
    "varchar": str,
    "uuid": str,
}


def value_of(signature, value):
    """A value as Trino's protocol gives it, as Python's own."""
    if value is None:
        return None
    kind = signature["rawType"]
    inner = [argument["value"] for argument in signature["arguments"]]
    if kind == "array":
        return [value_of(inner[0], item) for item in value]
    if kind == "map":
        return {value_of(inner[0], key): value_of(inner[1], item) for key, item in value.items()}
    if kind == "row":
        named = [(field["fieldName"]["name"], field["typeSignature"]) for field in inner]
        return {name: value_of(of, item) for (name, of), item in zip(named, value)}
    return LEAVES[kind](value)


# --- the server --------------------------------------------------------------------------------------------------


class Trino:
    def __init__(self, directory, catalog, port):
        self.directory = pathlib.Path(directory)
        self.url = f"http://127.0.0.1:{port}"
        self.log = self.directory / "trino.log"
        self.configure(catalog, port)
        self.process = None

    def configure(self, catalog, port):
        plugin = self.directory / "plugin/iceberg"
        (self.directory / "etc/catalog").mkdir(parents=True)
        plugin.mkdir(parents=True)
        for jar in (CACHE / "plugin/iceberg").glob("*.jar"):
            (plugin / jar.name).symlink_to(jar)
        with zipfile.ZipFile(plugin / "service.jar", "w") as jar:  # what the distribution's plugins have besides
            jar.writestr(SERVICE, "io.trino.plugin.iceberg.IcebergPlugin\n")
        (self.directory / "etc/config.properties").write_text(
            "coordinator=true\nnode-scheduler.include-coordinator=true\ncatalog.management=static\n"
            f"http-server.http.port={port}\ndiscovery.uri={self.url}\nnode.internal-address=127.0.0.1\n"
            "query.max-memory-per-node=300MB\nmemory.heap-headroom-per-node=200MB\n"
            "node.environment=test\nnode.id=one\n"
        )
        (self.directory / "etc/catalog/lake.properties").write_text(catalog)

    def start(self):
        own = pathlib.Path(__file__).with_name("Trino.java")
        argv = [
            "setpriv", "--pdeathsig", "KILL", str(java()), "-Xmx900m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-Duser.timezone=UTC", "-Djdk.attach.allowAttachSelf=true", "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED", "-Dconfig=etc/config.properties", "-cp", f"{CACHE}/lib/*", str(own),
        ]  # fmt: skip
        with self.log.open("w") as log:
            self.process = subprocess.Popen(argv, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while "SERVER STARTED" not in self.log.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise AssertionError(f"Trino does not start:\n{self.log_tail()}")
            time.sleep(0.1)
        return self

    def log_tail(self):
        return self.log.read_text(errors="replace")[-4000:]

    def ask(self, url, body=None):
        headers = {"X-Trino-User": "test", "X-Trino-Time-Zone": "UTC", "X-Trino-Client-Capabilities": CAPABILITIES}
        request = urllib.request.Request(url, None if body is None else body.encode(), headers)
        with urllib.request.urlopen(request, timeout=QUERY_SECONDS) as answer:
            return json.load(answer)

    def rows(self, sql):
        """What a statement answers, rows as dictionaries."""
        deadline = time.monotonic() + QUERY_SECONDS
        answer, found = self.ask(f"{self.url}/v1/statement", sql), []
        while True:
            if "error" in answer:
                raise RuntimeError(f"{sql}: {answer['error']['message']}")
            columns = answer.get("columns") or []
            for row in answer.get("data") or []:
                found.append({c["name"]: value_of(c["typeSignature"], v) for c, v in zip(columns, row)})
            if "nextUri" not in answer:
                return found
            assert time.monotonic() < deadline, f"{sql}: Trino takes too long"
            answer = self.ask(answer["nextUri"])

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.close()
