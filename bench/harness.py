# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: a private PostgreSQL 15, programs with their CPU time and memory, results on disk."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/integration"))

import postgres  # noqa: E402
from wait import wait_until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("LEAT_BENCH_BUILD", ROOT / "build"))
LEAT = BUILD / "leat"
RESULTS = ROOT / "build/bench"
TICK = os.sysconf("SC_CLK_TCK")
TABLES = (ROOT / "bench/tables.sql").read_text()
# As a server that is set up for its work: durable, with room between checkpoints.
SETTINGS = {
    "fsync": "on", "full_page_writes": "on", "shared_buffers": "256MB", "max_wal_size": "16GB",
    "checkpoint_timeout": "1h", "autovacuum": "off", "wal_sender_timeout": "60s",
}  # fmt: skip


def quantity(text):
    """2M, 300k, 1000"""
    return int(float(text[:-1]) * {"k": 1e3, "M": 1e6}[text[-1]]) if text[-1] in "kM" else int(text)


def process_cpu(pid):
    """CPU seconds of a process, all its threads; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    except (FileNotFoundError, ProcessLookupError):
        return None


def process_rss(pid, field="VmHWM"):
    """KiB; VmHWM is the peak."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(field):
                return int(line.split()[1])
    return 0


def ended_children_cpu(pid):
    """CPU seconds of the children of a process that have ended: of a server, its clients' backends."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICK


def backends(server):
    """Processes that serve a client."""
    found = {}
    for pid in postgres.child_pids(server.process.pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                title = file.read()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if title.startswith((b"postgres: walsender", b"postgres: " + postgres.OS_USER.encode() + b" ")):
            found[pid] = title
    return found


class Watch(threading.Thread):
    """Looks at a program and at the walsender that it gets, until it ends: peak RSS (wait4's would count what the
    parent had before exec), and the walsender's CPU seconds."""

    def __init__(self, pid, server=None):
        super().__init__(daemon=True)
        self.pid, self.server = pid, server
        self.sender, self.sender_seconds, self.rss_kib = None, 0.0, 0
        self.done = threading.Event()
        self.start()

    def find(self):
        return next((p for p, title in backends(self.server).items() if title.startswith(b"postgres: walsender")), None)

    def run(self):
        while not self.done.wait(0.02):
            try:
                self.rss_kib = max(self.rss_kib, process_rss(self.pid))
            except (FileNotFoundError, ProcessLookupError):
                pass
            if self.server is not None and self.sender is None:
                self.sender = self.find()
            elif self.sender is not None:
                self.sender_seconds = max(process_cpu(self.sender) or 0, self.sender_seconds)

    def finish(self):
        self.done.set()
        self.join()


class Usage:
    """A program that has ended: its seconds, CPU seconds, peak RSS, output, the CPU seconds of its walsender and of
    all backends that it had (walsender included)."""

    def __init__(self, seconds, cpu, watch, out, backends_seconds):
        self.seconds, self.cpu, self.out = seconds, cpu, out
        self.rss_kib, self.sender, self.backends = watch.rss_kib, watch.sender_seconds, backends_seconds


def measure(argv, server=None, env=None):
    """Runs a program to its end."""
    others = set(postgres.child_pids(server.process.pid)) if server else set()
    before = ended_children_cpu(server.process.pid) if server else 0
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        process = subprocess.Popen(
            [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **(env or {})}
        )
        watch = Watch(process.pid, server)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.finish()
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            raise RuntimeError(f"{argv[0]} ended with {process.returncode}: {err.read().decode()[-2000:]}")
        served = 0
        if server:
            wait_until(lambda: set(postgres.child_pids(server.process.pid)) <= others, "its backends have ended")
            served = ended_children_cpu(server.process.pid) - before
        return Usage(seconds, usage.ru_utime + usage.ru_stime, watch, out.read().decode(), served)


class Program:
    """One that runs on in the background."""

    def __init__(self, argv, env=None, log=None):
        self.log = open(log or os.devnull, "ab")
        self.began = time.time()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *map(str, argv)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, env={**os.environ, **(env or {})},
        )  # fmt: skip
        self.drain = threading.Thread(target=self.read, daemon=True)
        self.lines = []
        self.drain.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode())
            del self.lines[:-50]

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGINT, and its end."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self.drain.join()


class Bench:
    """A server, a database with the tables, and a directory; all gone at the end."""

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="leat-bench-"))
        self.data = self.directory / "data"
        self.env = {"LEAT_DATA_DIR": str(self.data)}
        self.server = postgres.Postgres(settings=SETTINGS).start()
        return self

    def __exit__(self, *error):
        self.server.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    def database(self, name):
        database = self.server.create_database(name)
        self.server.psql(name, TABLES)
        return database

    def pgbench(self, database, script, rate, seconds, clients=4, mode="prepared"):
        """Steady traffic: `rate` transactions a second of `script`, or of one of several, in the background."""
        files = []
        for i, text in enumerate([script] if isinstance(script, str) else script):
            file = self.directory / f"traffic_{i}.sql"
            file.write_text(text)
            files += ["-f", file]
        return Program([
            self.server.bin / "pgbench", "-n", *files, "-R", rate, "-c", clients, "-j", 1, "-T", seconds,
            "-M", mode, database.server.conninfo(database.name),
        ])  # fmt: skip


def drain(database, tcp, directory, name, table, server=None, connections=0):
    """leat_drain: the source's half alone; with connections, a snapshot by so many."""
    url = database.tcp_url if tcp else database.url
    return measure([BUILD / "leat_drain", url, directory, name, f"public.{table}", connections], server)


def sync(bench, database, sink, name, *more, format="json", env=None):
    """leat sync, to the end of what is there."""
    return measure(
        [LEAT, "sync", database.url, sink, "--format", format, "--name", name, "--log-level", "warn", *more],
        bench.server, {**bench.env, **(env or {})},
    )  # fmt: skip


def follow(bench, database, sink, name, *more, format="json", env=None):
    """leat sync --follow, streaming when this returns."""
    log = bench.directory / f"{name}.log"
    program = Program(
        [LEAT, "sync", database.url, sink, "--format", format, "--follow", "--name", name, *more],
        {**bench.env, **(env or {})}, log,
    )  # fmt: skip

    def streams():
        if program.process.poll() is not None:
            raise RuntimeError(f"leat ended: {log.read_text()[-2000:]}")
        return database.query("select 1 from pg_stat_replication where state in ('catchup', 'streaming')")

    wait_until(streams, "leat streams", interval=0.1)
    return program


def journal_count(path):
    return json.loads(measure([BUILD / "leat_read", "count", path]).out)


def duck():
    """DuckDB with its Avro extension, from its package: nothing is installed."""
    import duckdb
    import duckdb_extension_avro

    connection = duckdb.connect()
    (version,) = connection.execute("select library_version from pragma_version()").fetchone()
    (folder,) = duckdb_extension_avro.__path__
    connection.execute(f"load '{folder}/extensions/{version}/avro.duckdb_extension'")
    return connection


def files_rows(sink, format="json"):
    """Rows in the files below a folder, how many ids, and the sum of them, by DuckDB."""
    files = [str(path) for path in pathlib.Path(sink).rglob(f"*.{format}*")]
    if not files:
        return 0, 0, 0
    reader = {
        "json": f"read_json({files!r}, format='newline_delimited', columns={{id: 'bigint'}})",
        "parquet": f"read_parquet({files!r})",
        "avro": f"read_avro({files!r})",
    }[format]
    return duck().sql(f"select count(*), count(distinct id), sum(id)::hugeint from {reader}").fetchone()


def files_check(sink, format, rows):
    """The files hold the ids 1 to rows, each once."""
    seen = files_rows(sink, format)
    assert seen == (rows, rows, rows * (rows + 1) // 2), seen


def files_bytes(sink):
    return sum(path.stat().st_size for path in pathlib.Path(sink).rglob("*") if path.is_file())


def us_per_row(seconds, rows):
    return round(seconds * 1e6 / rows, 3)


def save(name, result):
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2), flush=True)
