# SPDX-License-Identifier: Apache-2.0
"""Private PostgreSQL servers: own data directory, own socket, own port, gone when the test run ends (or dies)."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import threading
import urllib.parse

import psycopg

from ports import free_port
from scratch import new_directory
from wait import PATIENCE, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEBIAN_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
PG18_BIN = ROOT / ".cache/pg18/bin"
OS_USER = "postgres"

SETTINGS = {
    "wal_level": "logical",
    "max_wal_senders": 40,
    "max_replication_slots": 60,
    "max_connections": 120,
    "shared_buffers": "64MB",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",
    "log_min_messages": "warning",
    "wal_sender_timeout": "60s",
    "autovacuum_naptime": "10s",
}


def as_server_user(argv):
    """PostgreSQL refuses to run as root; and a server must not outlive the test run that started it."""
    if os.geteuid() != 0:
        return ["setpriv", "--pdeathsig", "QUIT", *argv]
    return ["setpriv", "--reuid", OS_USER, "--regid", OS_USER, "--clear-groups", "--pdeathsig", "QUIT", *argv]


class Database:
    """One database of a server."""

    def __init__(self, server, name):
        self.server = server
        self.name = name
        self.sessions = threading.local()

    @property
    def url(self):
        """Over the unix socket."""
        return self.server.url(self.name)

    @property
    def tcp_url(self):
        return self.server.url(self.name, tcp=True)

    def connect(self, **kwargs):
        kwargs.setdefault("autocommit", True)
        return psycopg.connect(self.server.conninfo(self.name), **kwargs)

    def execute(self, sql, params=None):
        """One or more statements, each its own transaction unless the text says BEGIN. Nothing of the session stays."""
        kept = self.session()
        try:
            kept.execute(sql, params)
        finally:
            if not kept.closed:
                kept.commit()
                kept.execute("DISCARD ALL")

    def query(self, sql, params=None):
        return self.session().execute(sql, params).fetchall()

    def session(self):
        """One that the thread keeps: a new one costs 5 ms of CPU, and what waits for a condition asks often."""
        kept = getattr(self.sessions, "kept", None)
        try:
            if kept is not None:
                kept.execute("")
                return kept
        except psycopg.OperationalError:
            pass  # the server, or that session of it, has ended since
        self.sessions.kept = self.connect(prepare_threshold=None)
        return self.sessions.kept

    def value(self, sql, params=None):
        row = self.query(sql, params)[0]
        return row[0]

    def psql(self, text, *args):
        return self.server.psql(self.name, text, *args)

    def slots(self):
        """name -> (active, confirmed_flush_lsn as a number, wal_status)"""
        rows = self.query(
            "SELECT slot_name, active, (confirmed_flush_lsn - '0/0')::bigint, wal_status"
            " FROM pg_replication_slots WHERE database = current_database() AND NOT temporary"
        )
        return {name: (active, int(lsn) if lsn is not None else None, status) for name, active, lsn, status in rows}

    def senders(self):
        """The pids of the server's processes that stream from the slots."""
        rows = self.query(
            "SELECT s.active_pid FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid"
            " WHERE s.database = current_database() AND NOT s.temporary AND r.state IN ('catchup', 'streaming')"
        )
        return {pid for (pid,) in rows}

    def wait_slots_idle(self):
        """Until nobody holds a slot: the server notices a moment later that a client has ended."""
        def idle():
            return not any(active for active, _, _ in self.slots().values())

        wait_until(idle, lambda: f"slots are free: {self.slots()}")

    def drop_slots(self):
        """All of them, when their clients have gone."""
        self.wait_slots_idle()
        self.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE database = current_database() AND NOT temporary"
        )

    def wal_lsn(self):
        return int(self.value("SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint"))

    def drop(self):
        with psycopg.connect(self.server.conninfo("postgres"), autocommit=True) as connection:
            wait_until(lambda: self.is_dropped(connection), f"database {self.name} is dropped")

    def is_dropped(self, connection):
        """Not as long as the server still works for a client that was killed: it makes a slot, or lets go of one."""
        slots = "FROM pg_replication_slots WHERE database = %s"
        try:
            connection.execute(f"SELECT pg_terminate_backend(active_pid) {slots} AND active_pid > 0", (self.name,))
            connection.execute(f"SELECT pg_drop_replication_slot(slot_name) {slots}", (self.name,))
            connection.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
            return True
        except (psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):  # the latter: a temporary slot has gone
            return False


class Postgres:
    """A server. start, stop, crash, restart; databases."""

    def __init__(self, version=15, settings=None, auth="trust"):
        self.version = version
        self.bin = DEBIAN_BIN if version == 15 else PG18_BIN
        if not (self.bin / "postgres").exists():
            raise FileNotFoundError(f"PostgreSQL {version} is not in {self.bin}: run scripts/setup test")
        self.settings = {**SETTINGS, **(settings or {})}
        self.auth = auth
        self.process = None
        self.databases = 0
        self.port = free_port()
        self.directory = new_directory("leat-pg-")
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.log.touch()
        if os.geteuid() == 0:
            user = pwd.getpwnam(OS_USER)
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            self.directory.chmod(0o755)
        self.initdb()

    def run(self, *argv):
        """A tool of this server's version, as the server's user."""
        result = subprocess.run(
            as_server_user([str(a) for a in argv]), capture_output=True, text=True, cwd=self.directory, env=self.env()
        )
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, argv))}: {result.stdout}{result.stderr}")
        return result.stdout

    def env(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        env["LC_ALL"] = "C.UTF-8"
        if self.version != 15:
            env["LD_LIBRARY_PATH"] = str(self.bin.parent / "lib")
        return env

    def make_reachable(self):
        """A checkout below /root cannot be entered by the server's user: such a server runs from a copy."""
        argv = as_server_user(["test", "-x", str(self.bin / "postgres")])
        if subprocess.run(argv, check=False, capture_output=True).returncode != 0:
            copy = self.directory / "server"
            shutil.copytree(self.bin.parent, copy, symlinks=True)
            self.bin = copy / "bin"

    def initdb(self):
        # The superuser's password only matters when auth is not trust.
        password = self.directory / "password"
        password.write_text("secret\n")
        password.chmod(0o644)
        self.make_reachable()
        self.run(
            self.bin / "initdb", "-D", self.data, "-U", OS_USER, "-A", self.auth, "--pwfile", password,
            "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions",
        )  # fmt: skip
        self.configure(**self.settings)

    def configure(self, **settings):
        """Settings for the next start (or reload)."""
        self.settings.update(settings)
        lines = [f"{name} = '{value}'" for name, value in self.settings.items()]
        lines += [f"port = {self.port}", "listen_addresses = '127.0.0.1'"]
        lines += [f"unix_socket_directories = '{self.directory}'", "logging_collector = off"]
        text = "\n".join(lines) + "\n"
        extra = self.data / "leat.conf"
        extra.write_text(text)
        extra.chmod(0o644)
        main = self.data / "postgresql.conf"
        if "leat.conf" not in main.read_text():
            with main.open("a") as file:
                file.write("include 'leat.conf'\n")

    def hba(self, text):
        """Replaces pg_hba.conf; in force after reload or start."""
        (self.data / "pg_hba.conf").write_text(text)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def start(self):
        assert self.process is None
        log = self.log.open("ab")
        self.process = subprocess.Popen(
            as_server_user([str(self.bin / "postgres"), "-D", str(self.data)]),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, env=self.env(),
            start_new_session=True,
        )  # fmt: skip
        log.close()
        wait_until(self.ready, lambda: f"the server answers; its log: {self.log_tail()}")
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended at once: {self.log_tail()}")
        try:
            psycopg.connect(self.conninfo("postgres"), connect_timeout=60).close()
            return True
        except psycopg.OperationalError:
            return False

    def log_tail(self):
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self, how="fast"):
        """fast | immediate | smart"""
        if self.process is None:
            return
        self.process.send_signal(
            {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "smart": signal.SIGTERM}[how]
        )
        self.process.wait(PATIENCE)
        self.process = None

    def crash(self):
        """kill -9 of the server and of every process of it, as a power cut would."""
        self.process.send_signal(signal.SIGSTOP)  # a process that it makes behind the look would keep its memory
        wait_until(lambda: state_of(self.process.pid) in ("T", "Z", None), "the server stands still")
        children = child_pids(self.process.pid)
        for pid in [self.process.pid, *children]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(PATIENCE)
        self.process = None
        wait_until(lambda: not any(is_alive(pid) for pid in children), "the server's processes are gone")

    def restart(self, how="fast"):
        if how == "crash":
            self.crash()
        else:
            self.stop(how)
        return self.start()

    def remove(self):
        self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def conninfo(self, database, user=OS_USER, **more):
        parts = {"host": self.directory, "port": self.port, "dbname": database, "user": user, "password": "secret"}
        return psycopg.conninfo.make_conninfo(**{k: str(v) for k, v in {**parts, **more}.items()})

    def url(self, database, tcp=False, user=OS_USER, password=None):
        secret = "" if password is None else ":" + urllib.parse.quote(password, safe="")
        if tcp:
            return f"postgres://{user}{secret}@127.0.0.1:{self.port}/{database}"
        socket_dir = urllib.parse.quote(str(self.directory), safe="")
        return f"postgres://{user}{secret}@{socket_dir}:{self.port}/{database}"

    def create_database(self, name=None):
        self.databases += 1
        name = name or f"shop{self.databases}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return Database(self, name)

    def psql(self, database, text, *args):
        """Debian's psql, which also speaks to the newer servers. Returns its output; an error raises."""
        result = subprocess.run(
            [str(DEBIAN_BIN / "psql"), "-X", "-qAt", "-v", "ON_ERROR_STOP=1", *args, self.conninfo(database)],
            input=text, capture_output=True, text=True, env=self.env() | {"LD_LIBRARY_PATH": ""},
        )  # fmt: skip
        if result.returncode != 0:
            raise RuntimeError(f"psql: {result.stderr}")
        return result.stdout


def child_pids(parent):
    try:
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]
    except FileNotFoundError:
        return []


def state_of(pid):
    """R, S, D, T (stopped), Z, …; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_alive(pid):
    return state_of(pid) not in ("Z", None)
