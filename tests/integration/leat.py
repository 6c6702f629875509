# SPDX-License-Identifier: Apache-2.0
"""The program under test: started, watched, killed."""

import json
import os
import pathlib
import signal
import subprocess

from wait import PATIENCE, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The debug build has the crash points in; the release build has not.
BINARY = pathlib.Path(os.environ.get("LEAT_BIN", ROOT / "build/debug/leat"))


class LeatProcess:
    """A leat that runs in the background."""

    def __init__(self, argv, env, log):
        self.argv = argv
        self.log = log
        with log.open("ab") as err, log.with_suffix(".out").open("ab") as out:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env
            )

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def stderr(self):
        return self.log.read_text(errors="replace")

    def stdout(self):
        return self.log.with_suffix(".out").read_text(errors="replace")

    def events(self):
        """The log lines that are JSON objects."""
        return json_lines(self.stderr())

    def wait(self, timeout=PATIENCE):
        """The exit status; -N when a signal ended it."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"leat still runs after {timeout} s: {self.stderr()[-3000:]}") from None

    def until(self, condition, what, timeout=PATIENCE):
        """Waits for a condition while leat runs; fails at once when it ends before."""

        def look():
            value = condition()
            if not value and not self.running():
                value = condition()
                if not value:
                    raise AssertionError(
                        f"leat ended ({self.process.returncode}) before {what}: {self.stderr()[-3000:]}"
                    )
            return value

        return wait_until(look, lambda: f"{what}; leat says: {self.stderr()[-3000:]}", timeout)

    def wait_log(self, text, timeout=PATIENCE):
        return self.until(lambda: text in self.stderr(), f"'{text}' is in the log", timeout)

    def wait_streaming(self, db, other_than=None, timeout=PATIENCE):
        """Until the server streams from its slot, by another process than that pid. Tables may still be read."""
        return self.until(lambda: db.senders() - {other_than}, "the server streams from the slot", timeout)

    def wait_durable(self, db, timeout=PATIENCE):
        """Until everything committed so far is acknowledged to the source: it is durable in the journal."""
        lsn = db.wal_lsn()
        return self.until(
            lambda: any(s[0] and s[1] is not None and s[1] >= lsn for s in db.slots().values()),
            lambda: f"the slot confirms {lsn} (slots: {db.slots()})",
            timeout,
        )

    def kill(self):
        """kill -9"""
        self.process.kill()
        return self.process.wait(PATIENCE)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=PATIENCE, check=True):
        """SIGTERM: it publishes what it has and ends with status 0."""
        self.process.send_signal(signal.SIGTERM)
        status = self.wait(timeout)
        if check:
            assert status == 0, f"leat ended with {status}: {self.stderr()[-3000:]}"
        return status


class Leat:
    """leat with a data directory of its own."""

    def __init__(self, directory, out=None, format="json"):
        """out: a directory, or a URL of a store. format: of its files."""
        assert BINARY.exists(), f"{BINARY} is not built (LEAT_BIN names another)"
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.out = out or self.directory / "out"
        self.format = format
        self.processes = []
        self.runs = 0

    @property
    def pipeline(self):
        """The name of the one pipeline that there is."""
        (directory,) = (self.data / "pipelines").iterdir()
        return directory.name

    def env(self, crash_point=None, env=None):
        # What the user's shell sets must not change a test.
        result = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LEAT_"))}
        result["LEAT_DATA_DIR"] = str(self.data)
        if crash_point is not None:
            result["LEAT_CRASH_POINT"] = crash_point
        result.update(env or {})
        return result

    def run(self, *args, timeout=PATIENCE, check=True, crash_point=None, env=None, input=None):
        """Runs to the end. Returns it with returncode, stdout, stderr; check: must end with status 0."""
        argv = [str(BINARY), *map(str, args)]
        try:
            result = subprocess.run(
                ["setpriv", "--pdeathsig", "KILL", *argv], capture_output=True, text=True, errors="replace",
                timeout=timeout, env=self.env(crash_point, env), input=input if input is not None else "",
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            told = (late.stderr or b"").decode(errors="replace")[-3000:]
            raise AssertionError(f"{' '.join(argv)}: still runs after {timeout} s: {told}") from None
        if check:
            assert result.returncode == 0, f"{' '.join(argv)}: status {result.returncode}: {result.stderr[-3000:]}"
        return result

    def start(self, *args, crash_point=None, env=None):
        """Runs in the background; ended with kill -9 when the test is over."""
        self.runs += 1
        log = self.directory / f"leat-{self.runs}.log"
        process = LeatProcess([str(BINARY), *map(str, args)], self.env(crash_point, env), log)
        self.processes.append(process)
        return process

    def sync_args(self, db, args):
        url = db if isinstance(db, str) else db.url
        return ["sync", url, str(self.out), "--format", self.format, *args]

    def sync(self, db, *args, **kwargs):
        """`leat sync DB OUT --format … …` to its end."""
        return self.run(*self.sync_args(db, args), **kwargs)

    def follow(self, db, *args, **kwargs):
        """The same with --follow, in the background."""
        return self.start(*self.sync_args(db, ["--follow", *args]), **kwargs)

    def wait_read(self, process):
        """Until each table of the pipeline, which `process` runs for the first time, is read and streams."""

        def look():
            status = self.run("status", self.pipeline, "--output", "json", check=False)
            report = status.returncode == 0 and json.loads(status.stdout).get("report") or {}
            tables = report.get("tables", [])
            return tables and all(table["state"] == "streaming" for table in tables)

        process.until(look, "all tables stream")

    def sync_until_done(self, db, *args, runs_max=20, **kwargs):
        """For crash points: a first run that may be killed, then runs without, until one ends well."""
        first = self.sync(db, *args, check=False, **kwargs)
        kwargs.pop("crash_point", None)
        result = first
        for _ in range(runs_max):
            if result.returncode == 0:
                return first
            assert result.returncode == -signal.SIGKILL, f"status {result.returncode}: {result.stderr[-3000:]}"
            result = self.sync(db, *args, check=False, **kwargs)
        raise AssertionError(f"still not done after {runs_max} runs")

    def close(self):
        for process in self.processes:
            if process.running():
                process.kill()


def json_lines(text):
    found = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
