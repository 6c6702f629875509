# SPDX-License-Identifier: Apache-2.0
"""The web shop runs into every format, on disk and on two S3 servers, while leat is killed, the S3 servers are killed,
the source is restarted, and the way to the S3 servers cuts, delays, repeats, corrupts and refuses. Then the readers of
each format must agree with each other on every file, and what the files replay to with the source, value by value.

    LEAT_LONG=1   ten minutes of it, every format at every place at once, all tables of the shop
    LEAT_SEED=N   the seed of an earlier run (much runs at the same time, so it repeats only so far)
"""

import collections
import os
import random
import re
import signal
import threading
import time

import files
import leat as leat_module
import pytest
import replay
import s3_proxy

LONG = os.environ.get("LEAT_LONG") == "1"
SECONDS = 600 if LONG else 6
# What the short form carries: every type of the shop, the keyless table, the one whose key changes.
TABLES = [] if LONG else ["users", "products", "product_skus", "audit_log", "schema_version"]
RATE = 600 if LONG else 1000
OPTIONS = {
    "journal.segment.bytes": "4MiB", "journal.retention.bytes": "4MiB", "memory.limit": "48MiB",
    "file.rotate.bytes": "4MiB" if LONG else "512KiB", "file.rotate.interval": "5s" if LONG else "700ms",
}  # fmt: skip
# DuckDB's reader of Avro knows no zstd.
FORMS = {
    "json": {"format": "json"},
    "json.gz": {"format": "json", "file.compression": "gzip"},
    "avro": {"format": "avro", "file.compression": "deflate"},
    "parquet": {"format": "parquet"},
}
PLACES = ("disk", "versitygw", "minio")
SHORT = (
    ("parquet", "disk"), ("avro", "disk"), ("json.gz", "versitygw"), ("parquet", "versitygw"), ("avro", "minio"),
    ("parquet", "minio"),
)  # fmt: skip
LONGER = (*SHORT, ("json", "disk"), ("json", "minio"), ("avro", "versitygw"))
ROADS = LONGER if LONG else SHORT
# Half of the lives end at one of these; the others at any instant.
POINTS = re.compile(r"^(sink|store)\.")


def crash_points(place):
    names = set()
    for path in (leat_module.ROOT / "src").rglob("*.c"):
        if not path.name.endswith("_test.c"):
            names.update(re.findall(r'CRASH_POINT\("([^"]+)"\)', path.read_text()))
    other = "store.s3." if place == "disk" else "store.local."
    return sorted(name for name in names if POINTS.match(name) and not name.startswith(other))


class Road:
    """One pipeline, from the shop into one format at one place, whose leat lives many short lives."""

    def __init__(self, directory, database, form, place, seed):
        self.name, self.form, self.place = f"{form} on {place}", form, place
        self.database, self.random = database, random.Random(seed)
        self.directory = directory / f"{form}-{place}"
        self.directory.mkdir()
        self.bucket = self.proxy = None
        self.env = {}
        self.leat = leat_module.Leat(self.directory, format=FORMS[form]["format"])
        self.points = crash_points(place)
        self.ends = collections.Counter()
        self.problem = None

    def into(self, bucket, proxy):
        """Through the proxy into a bucket."""
        self.bucket, self.proxy = bucket, proxy
        self.env = bucket.server.env()
        self.leat.out = bucket.url("shop/front")
        return self

    def args(self):
        options = {**OPTIONS, **{k: v for k, v in FORMS[self.form].items() if k != "format"}}
        if self.proxy is not None:
            options["s3.endpoint"] = self.proxy.endpoint
        tables = ["--tables", ",".join(f"shop.{name}" for name in TABLES or ["*"])]
        name = re.sub("[^a-z]", "_", self.name)
        settings = [part for option, value in options.items() for part in ("--set", f"{option}={value}")]
        return ["--name", name, *tables, *settings]

    def live(self, stop):
        """Until told to stop; in a thread of its own."""
        try:
            while not stop.is_set():
                self.one_life(stop)
        except BaseException as problem:
            self.problem = problem

    def one_life(self, stop):
        point = f"{self.random.choice(self.points)}:{self.random.choice([1, 1, 2, 4])}"
        point = point if self.random.random() < 0.5 else None
        process = self.leat.follow(self.database, *self.args(), crash_point=point, env=self.env)
        deadline = time.monotonic() + self.random.uniform(0.2, 12 if LONG else 3)
        while process.running() and time.monotonic() < deadline and not stop.is_set():
            time.sleep(0.02)
        if not process.running():
            status = process.wait()
            how = point.partition(":")[0] if status == -signal.SIGKILL and point else f"gave up ({status})"
        elif self.random.random() < 0.2:
            status, how = self.stopped(process), "SIGTERM"
        else:
            status, how = process.kill(), "kill -9"
        self.ends[how] += 1
        # 3: source or sink were away for too long, or away at the start.
        allowed = {0, 3, -signal.SIGKILL, -signal.SIGTERM}
        assert status in allowed, f"{self.name}: leat ended with {status}: {process.stderr()[-3000:]}"

    def stopped(self, process):
        process.signal(signal.SIGTERM)
        try:
            return process.wait(20)
        except AssertionError:
            # It holds on to a sink that does not answer: a person would lose patience, too.
            return process.kill()

    def finish(self):
        """With calm weather: what is left."""
        self.leat.sync(self.database, *self.args(), env=self.env, timeout=300)

    def files(self):
        """The directory with the files."""
        if self.bucket is None:
            return self.leat.out
        copy = self.directory / "copy"
        self.bucket.download(copy, "shop/front/")
        return copy

    def check_nothing_else_is_left(self):
        if self.bucket is None:
            assert not list(self.leat.out.glob(".leat*")), list(self.leat.out.glob(".leat*"))
            names = [str(path.relative_to(self.leat.out)) for path in self.leat.out.rglob("*") if path.is_file()]
        else:
            # minio tells of uploads only when asked for an object's whole name.
            assert self.bucket.server.name == "minio" or self.bucket.uploads() == []
            names = [key.removeprefix("shop/front/") for key in self.bucket.keys()]
        ending = f".{self.form}"
        kept = re.compile(r"_leat/[^/]+\.checkpoint|shop/[^/]+/[^/]+" + re.escape(ending))
        odd = [name for name in names if not kept.fullmatch(name)]
        assert names and not odd, f"{self.name}: {odd}"


class Shop:
    """The generator: its traffic goes on through restarts of the source."""

    def __init__(self, leat, database):
        self.leat, self.database, self.process, self.runs = leat, database, None, 0
        leat.run("generate", "storefront", "--to", database.url, "--rate", "0")

    def open(self):
        self.runs += 1
        # Two columns are added within the test's time; the traffic itself goes on until it is stopped.
        columns = ["--duration", f"{SECONDS}s", "--migrations", "2"] if self.runs == 1 else []
        to = ["--to", self.database.url, "--rate", str(RATE), "--seed", str(self.runs)]
        self.process = self.leat.start("generate", "storefront", *to, *columns)

    def keep_open(self):
        if not self.process.running():
            self.open()

    def close(self):
        if self.process.running():
            self.process.signal(signal.SIGINT)
            self.process.wait()


class Weather:
    """What befalls the servers meanwhile."""

    def __init__(self, source, servers, seed):
        self.source, self.servers, self.random = source, servers, random.Random(seed)
        self.events = collections.Counter()
        self.next = time.monotonic() + 1
        self.away = None  # the S3 server that is down

    def go_on(self):
        if time.monotonic() >= self.next:
            self.change()

    def change(self):
        if self.away is not None:
            self.clear()
            self.next = time.monotonic() + self.random.uniform(*(5, 20) if LONG else (0.7, 1.5))
            return
        server = self.random.choice([*self.servers, None])
        if server is None:
            how = self.random.choice(["fast", "immediate", "crash"])
            self.source.restart(how)
            self.events[f"source restarted ({how})"] += 1
        else:
            server.kill()
            self.away = server
            self.events[f"{server.name} killed"] += 1
        self.next = time.monotonic() + self.random.uniform(0, 3 if LONG else 0.4)

    def clear(self):
        if self.away is not None:
            self.away.start()
        self.away = None


def bad_weather(proxy, seed):
    # These come for sure, however few the requests are.
    proxy.add("error_500", nth=2)
    proxy.add("cut_after", "PutObject", nth=3)
    proxy.storm(0.03 if LONG else 0.1, s3_proxy.STORM, seed)
    for operation in s3_proxy.ERROR_IN_200:
        proxy.add("error_in_200", operation, probability=0.03)
    if LONG:
        proxy.add("stall", probability=0.001)
        proxy.add("stall_after", probability=0.001)


def storm(roads, shop, weather):
    stop = threading.Event()
    threads = [threading.Thread(target=road.live, args=(stop,), name=road.name) for road in roads]
    for thread in threads:
        thread.start()
    try:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and not any(road.problem for road in roads):
            shop.keep_open()
            weather.go_on()
            time.sleep(0.02)
    finally:
        stop.set()
        for thread in threads:
            thread.join(400)
        weather.clear()
        shop.close()
    for road in roads:
        if road.problem is not None:
            raise road.problem


def check_values(database, roads):
    """The proof: rows and changes per road."""
    names = [f"shop.{name}" for name in TABLES] or None
    with database.connect() as connection:
        tables = [table for table in replay.source_tables(connection, names) if table.schema == "shop"]
        rows = {table.full_name: list(table.source_rows(connection)) for table in tables}
    assert all(rows.values())
    for road in roads:
        road.check_nothing_else_is_left()
        out = road.files()
        records = files.check_readers(out)
        proofs = [replay.prove_table(table, out, rows[table.full_name]) for table in tables]
        bad = [str(proof) for proof in proofs if not proof.holds()]
        assert not bad, f"{road.name}:\n" + "\n".join(bad)
        assert records == sum(proof.events for proof in proofs)
        print(
            f"{road.name}: {sum(p.source for p in proofs):,} rows equal after {records:,} changes;"
            f" lives ended by {dict(road.ends)}; {road.proxy.faults() if road.proxy else ''}"
        )


@pytest.fixture
def seed():
    seed = int(os.environ.get("LEAT_SEED") or random.SystemRandom().randint(1, 10**6))
    print(f"LEAT_SEED={seed}")
    return seed


@pytest.mark.early
def test_the_storefront_in_every_format(new_postgres, new_leat, new_s3, fault_proxy, work, seed):
    source = new_postgres(settings={"max_wal_size": "256MB"})
    database = source.create_database()
    shop = Shop(new_leat(), database)
    servers = {name: new_s3(name) for name in PLACES if name != "disk"}
    roads = [Road(work, database, form, place, seed + n) for n, (form, place) in enumerate(ROADS)]
    for n, road in enumerate(roads):
        if road.place != "disk":
            proxy = fault_proxy(servers[road.place])
            bad_weather(proxy, seed + n)
            road.into(servers[road.place].create_bucket(), proxy)
    shop.open()
    weather = Weather(source, list(servers.values()), seed)
    try:
        storm(roads, shop, weather)
        for road in roads:
            if road.proxy is not None:
                road.proxy.calm()
            road.finish()
        print(dict(weather.events))
        check_values(database, roads)
        assert sum(sum(road.ends.values()) for road in roads) > len(roads)
        assert all(road.proxy.faults() for road in roads if road.proxy is not None)
    finally:
        for road in roads:
            road.leat.close()
