# SPDX-License-Identifier: Apache-2.0
"""What both demos stand on: numbered steps, a private PostgreSQL with a web shop and its traffic, programs of leat."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import postgres
import server as server_module
from wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLOR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


class Failed(Exception):
    """The demo cannot go on; the text says why."""


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOR else text


class Steps:
    """Numbered lines with the time that each took."""

    def __init__(self):
        self.number = 0
        self.began = time.monotonic()

    def begin(self):
        self.began = time.monotonic()

    def done(self, text, *details):
        self.number += 1
        seconds = f"{time.monotonic() - self.began:.1f} s"
        print(f"{self.number:3}  {text.ljust(84)} {seconds.rjust(7)}", flush=True)
        for detail in details:
            print(paint("2", f"     {detail}"), flush=True)
        self.begin()


class Program:
    """One run of leat, in the background, in a session of its own: Ctrl-C is for us to hand on."""

    def __init__(self, demo, *args):
        self.log = demo.directory / f"leat-{len(demo.programs) + 1}.log"
        self.args = args
        with self.log.open("wb") as err, self.log.with_suffix(".out").open("wb") as out:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", str(demo.binary), *map(str, args)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=demo.env, start_new_session=True,
            )  # fmt: skip
        demo.programs.append(self)

    def running(self):
        return self.process.poll() is None

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])

    def must_run(self):
        if not self.running():
            raise Failed(f"leat {self.args[0]} ended with status {self.process.returncode}:\n{self.tail()}")

    def must_end(self, timeout):
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"leat {self.args[0]} still runs after {timeout} s:\n{self.tail()}") from None
        if status != 0:
            raise Failed(f"leat {self.args[0]} ended with status {status}:\n{self.tail()}")

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait()

    def peak_mib(self):
        """The most memory that it has held, in MiB."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def last_message(self, message):
        """The fields of the newest log line with that message."""
        found = {}
        for line in self.log.read_text(errors="replace").splitlines():
            if f'"message":"{message}"' in line:
                found = json.loads(line)
        return found


class Stage:
    """A demo: run() says what is shown and gives the exit status."""

    def __init__(self, options):
        self.options = options
        self.binary = find_binary()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="leat-demo-"))
        self.directory.chmod(0o755)
        tempfile.tempdir = str(self.directory)  # the server's files too: all of it goes with this directory
        self.programs = []
        self.postgres = None
        self.server = None
        self.peak = 0
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LEAT_"))}

    def close(self):
        if self.server is not None:
            self.server.close()
        for program in self.programs:
            program.kill()
        if self.postgres is not None:
            self.postgres.remove()
        self.close_more()
        if self.options.keep:
            print(f"\nThe files are in {self.directory}")
        else:
            wait_until(self.removed, f"{self.directory} is removed")

    def close_more(self):
        """What a demo starts besides."""

    def removed(self):
        """What was stopped in the middle of its start may still write for a moment."""
        shutil.rmtree(self.directory, ignore_errors=True)
        return not self.directory.exists()

    def start_postgres(self, steps):
        self.postgres = postgres.Postgres(15, {"shared_buffers": "128MB"})
        self.postgres.start()
        self.db = self.postgres.create_database("shop")
        self.source = self.db.connect()
        steps.done(f"PostgreSQL 15 started, private, on port {self.postgres.port}")

    def write_env(self, **more):
        """What the connectors' templates ask for, in a .env file."""
        settings = {
            "POSTGRESQL_HOST": "127.0.0.1", "POSTGRESQL_PORT": self.postgres.port, "POSTGRESQL_USER": "postgres",
            "POSTGRESQL_PASSWORD": "not-asked-for", "POSTGRESQL_DATABASE": self.db.name, **more,
        }  # fmt: skip
        self.env_file = self.directory / ".env"
        self.env_file.write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))

    def fill(self, steps):
        program = Program(self, "generate", "storefront", "--to", self.db.url, "--scale", self.options.scale,
                          "--rate", self.options.rate, "--listen", "127.0.0.1:0")  # fmt: skip
        port = wait_until(lambda: last_json(program.log.with_suffix(".out")).get("port"), "the seeder listens")
        self.seeder = f"http://127.0.0.1:{port}"
        self.seed("seed/full")
        wait_until(lambda: self.seed("status")["state"] in ("idle", "failed"), "the shop is filled", 600)
        rows = self.seed("status")["rows_loaded"]
        steps.done(f"web shop filled: {rows:,} rows in {self.table_count()} tables (POST {self.seeder}/seed/full)")
        self.seed("seed/start")
        steps.done(f"traffic begins: {self.options.rate:,} changes/s (POST …/seed/start)")
        return rows

    def leat(self, *args):
        """A command of leat, to its end; what it prints."""
        result = subprocess.run(
            [str(self.binary), *map(str, args)], capture_output=True, text=True, env=self.env, timeout=300
        )
        if result.returncode != 0:
            raise Failed(f"leat {' '.join(map(str, args))}: {result.stderr}")
        return result.stdout

    def seed(self, verb, order=None):
        answer = server_module.request("GET" if verb == "status" else "POST", f"{self.seeder}/{verb}", order)
        if answer.status >= 300:
            raise Failed(f"the seeder refuses {verb}: {answer.body.decode()}")
        return answer.json()

    def status(self):
        answer = self.server.connect("GET", "/connectors?expand=status").json()
        return {name: one["status"] for name, one in answer.items()}

    def measure(self):
        """Memory of all processes of leat together, pages that they share counted once."""
        pids = [process.pid for process in self.server.processes()] + [p.process.pid for p in self.programs]
        self.peak = max(self.peak, sum(map(memory, pids)))

    def until(self, condition, what, timeout=300):
        def look():
            if not self.server.running():
                raise Failed(f"leat server has ended:\n{self.server.log_tail()}")
            for program in self.programs:
                program.must_run()
            failed = [s for s in self.status().values() if any(task["state"] == "FAILED" for task in s["tasks"])]
            if failed:
                raise Failed(f"a task has failed: {json.dumps(failed[0])[:2000]}")
            return condition()

        try:
            return wait_until(look, what, timeout, interval=0.05)
        except AssertionError as late:
            raise Failed(f"{late}\n{self.server.log_tail()}") from None

    def worker(self, name):
        return self.server.workers().get(name)

    def kill_worker(self, name):
        """kill -9 of a connector's process; its pid."""
        worker = self.until(lambda: self.worker(name), f"{name} has a worker")
        worker.kill()
        return worker.pid

    def until_answers(self):
        def answers():
            try:
                return self.server.connect("GET", "/health").status == 200
            except OSError:
                return False

        wait_until(answers, "the front answers")

    def stop_traffic(self, steps):
        self.until(lambda: self.seed("status")["changes"] >= self.options.rate * self.options.seconds
                   or self.seed("status")["state"] != "running", "traffic", self.options.seconds * 4 + 60)  # fmt: skip
        self.measure()
        told = self.seed("seed/stop")
        steps.done(f"traffic ended: {told['changes']:,} changes in {told['transactions']:,} transactions,"
                   f" {told['rollbacks']:,} of them rolled back")  # fmt: skip

    def finish(self, holds):
        """The exit status: when it does not hold the files stay."""
        if not holds:
            print(f"\n{paint('1;31', 'What was written and the database differ.')} This is a bug: please report it.")
            self.options.keep = True
        return 0 if holds else 1

    def table_count(self):
        sql = "SELECT count(*) FROM pg_tables WHERE schemaname = 'shop'"
        return self.source.execute(sql).fetchone()[0]

    def copies(self):
        """COPY … TO of the snapshot, as PostgreSQL sees them at work: rows so far."""
        return self.source.execute(
            "SELECT max(tuples_processed) FROM pg_stat_progress_copy"
            " WHERE datname = current_database() AND command = 'COPY TO' AND tuples_processed > 10000"
        ).fetchone()[0]

    def streaming(self):
        return self.source.execute(
            "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sent_lsn > '0/0'"
        ).fetchone()[0]

    def confirmed(self, lsn):
        """Has leat acknowledged everything up to there? Then it is durable in its journal."""
        sql = "SELECT coalesce(bool_and(confirmed_flush_lsn >= %s::pg_lsn), false) FROM pg_replication_slots"
        return self.source.execute(sql, (lsn,)).fetchone()[0]


def memory(pid):
    """Bytes of a process, pages that it shares counted in parts; none of one that has just ended."""
    try:
        return server_module.Process(pid).memory()["Pss"]
    except (OSError, KeyError):
        return 0


def indented(text):
    return "".join(f"    {line}\n" for line in text.splitlines())


def last_json(path):
    """The newest complete line that is a JSON object; {} when there is none."""
    for line in reversed(path.read_text(errors="replace").splitlines()):
        if line.startswith("{"):
            try:
                return json.loads(line)
            except ValueError:
                continue
    return {}


def find_binary():
    named = os.environ.get("LEAT_BIN")
    for path in [pathlib.Path(named)] if named else [ROOT / "build/leat", ROOT / "build/debug/leat"]:
        if path.exists():
            return path.resolve()
    raise Failed("leat is not built: run `make` first")


def relative(path):
    return os.path.relpath(path) if path.is_relative_to(pathlib.Path.cwd()) else path


def interrupted(number, frame):
    raise KeyboardInterrupt


def main(kind, what):
    """Runs a Stage of that kind; the exit status."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--seconds", type=int, default=30, help="of traffic")
    parser.add_argument("--rate", type=int, default=2000, help="row changes per second")
    parser.add_argument("--scale", type=int, default=1, help="of the shop: 1 is about 360,000 rows")
    parser.add_argument("--keep", action="store_true", help="leave the files behind")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    demo = None
    try:
        demo = kind(options)
        return demo.run()
    except Failed as problem:
        print(f"\ndemo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything that it started is being stopped", file=sys.stderr)
        return 130
    finally:
        if demo is not None:
            demo.close()
