# SPDX-License-Identifier: Apache-2.0
"""`leat server` under test: on free ports, with a data directory of its own, killed with all its processes."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import leat as leat_module
from ports import free_port
from postgres import is_alive, state_of
from wait import PATIENCE, wait_until


class Answer:
    """What an HTTP request came back with; `json()` of its body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:500]!r}>"


def request(method, url, body=None, headers=None, timeout=PATIENCE):
    """One HTTP request; a body that is no text or bytes is sent as JSON. Every status is an answer, not an error."""
    headers = dict(headers or {})
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    data = body.encode() if isinstance(body, str) else body
    asked = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refused:
        return Answer(refused.code, refused.headers, refused.read())


class Process:
    """A process of the server: its pid, role (supervisor, front, worker, member) and, of a worker, its connector."""

    def __init__(self, pid):
        self.pid = pid
        argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        words = [word.decode(errors="replace") for word in argv]
        self.role = words[1] if len(words) > 1 and words[1] in ("front", "worker", "member") else "supervisor"
        self.connector = words[2] if self.role == "worker" and len(words) > 2 else None

    def __repr__(self):
        return f"{self.role} {self.pid}{' ' + self.connector if self.connector else ''}"

    def running(self):
        return is_alive(self.pid)

    def kill(self, number=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(self.pid, number)

    def memory(self):
        """{"Pss": bytes, "Rss": bytes, …}"""
        lines = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:]
        return {name: int(rest.split()[0]) * 1024 for name, rest in (line.split(":") for line in lines)}


def children(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


class Server:
    """Server(directory).start(); ports and data stay the same over restart().

    options: {"restart.backoff.min": "10ms"}, as --set; flags: further arguments; toml: the text of a --config file."""

    def __init__(self, directory, options=None, flags=(), toml=None, env=None, binary=None):
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.binary = pathlib.Path(binary or leat_module.BINARY)
        self.ports = {name: free_port() for name in ("connect", "registry", "metrics", "catalog")}
        self.options = {f"listen.{name}": f"127.0.0.1:{port}" for name, port in self.ports.items()}
        if "san" in self.binary.parent.name:  # a sanitizer reserves more than any limit allows
            self.options["worker.memory.max"] = "0"
        self.options.update(options or {})
        self.flags = list(flags)
        self.toml = toml
        self.extra_env = dict(env or {})
        self.log = self.directory / "server.log"
        self.process = None
        self.scheme = "https" if self.options.get("tls.certificate") else "http"
        assert self.binary.exists(), f"{self.binary} is not built (LEAT_BIN names another)"

    # --- where ---

    def url(self, listener):
        host, port = self.options[f"listen.{listener}"].rsplit(":", 1)
        return f"{self.scheme}://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{port}"

    @property
    def connect_url(self):
        return self.url("connect")

    @property
    def registry_url(self):
        return self.url("registry")

    @property
    def catalog_url(self):
        return self.url("catalog")

    @property
    def metrics_url(self):
        return self.url("metrics")

    # --- life ---

    def argv(self):
        argv = [str(self.binary), "server", "--data-dir", str(self.data), *self.flags]
        if self.toml is not None:
            path = self.directory / "leat.toml"
            path.write_text(self.toml)
            argv += ["--config", str(path)]
        for name, value in self.options.items():
            argv += ["--set", f"{name}={value}"]
        return argv

    def env(self):
        # What the user's shell sets must not change a test.
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LEAT_"))}
        return {**env, **self.extra_env}

    def spawn(self):
        """Starts it and does not wait: for a start that fails."""
        assert self.process is None or self.process.poll() is not None, "it runs already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.argv()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env(),
            )  # fmt: skip
        return self

    def start(self, timeout=PATIENCE):
        """Starts it; back when it is ready."""
        seen = self.ready_count()
        self.spawn()
        self.until(lambda: self.ready_count() > seen, "the server is ready", timeout)
        return self

    def ready_count(self):
        return sum(1 for event in self.events() if event.get("message") == "the server is ready")

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait(self, timeout=PATIENCE):
        """The exit status; -N when a signal ended it."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server still runs after {timeout} s:\n{self.log_tail()}") from None

    def kill(self, number=signal.SIGKILL, timeout=PATIENCE):
        """Sends the supervisor a signal and waits for its end and that of all its processes."""
        if number == signal.SIGKILL:  # a process that it starts after a look at them would be waited for by nobody
            self.process.send_signal(signal.SIGSTOP)
            wait_until(lambda: state_of(self.pid) in ("T", "Z", None), "the supervisor stands still")
        processes = self.processes()
        self.process.send_signal(number)
        status = self.wait(timeout)
        self.none_left(processes)
        return status

    def stop(self, timeout=PATIENCE, check=True):
        """SIGTERM: every connector stops at a checkpoint."""
        status = self.kill(signal.SIGTERM, timeout)
        if check:
            assert status == 0, f"the server ended with {status}:\n{self.log_tail()}"
        return status

    def restart(self, number=signal.SIGTERM):
        self.kill(number)
        return self.start()

    def none_left(self, processes, timeout=PATIENCE):
        def left():
            return [process for process in processes if process.running()]

        wait_until(lambda: not left(), lambda: f"no orphan is left ({left()})", timeout)

    def close(self):
        """At the end of a test, whatever it left."""
        if self.running():
            self.kill()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, trace):
        if error is not None:
            print(self.log_tail(200))  # pytest shows it with the failure
        self.close()

    # --- what it says ---

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines=40):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def events(self):
        """The log lines that are JSON objects."""
        return leat_module.json_lines(self.log_text())

    def until(self, condition, what, timeout=PATIENCE):
        """Waits for a condition while the server runs; fails at once, with its log, when it ends before."""

        def look():
            value = condition()
            if not value and not self.running():
                value = condition()
                if not value:
                    raise AssertionError(
                        f"the server ended ({self.process.returncode}) before {what}:\n{self.log_tail()}"
                    )
            return value

        return wait_until(look, lambda: f"{what() if callable(what) else what}; log:\n{self.log_tail()}", timeout)

    # --- processes ---

    def processes(self):
        """All of its processes, the supervisor first."""
        found = []
        for pid in [self.pid, *children(self.pid)]:
            try:
                found.append(Process(pid))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
        return found

    def supervisor(self):
        return Process(self.pid)

    def front(self):
        return next((process for process in self.processes() if process.role == "front"), None)

    def member(self):
        return next((process for process in self.processes() if process.role == "member"), None)

    def other_front(self, pid):
        """The front, when it is another one than that."""
        front = self.front()
        return front if front is not None and front.pid != pid else None

    def workers(self):
        """{connector: process}"""
        return {process.connector: process for process in self.processes() if process.role == "worker"}

    def worker(self, name, other_than=None):
        """The process of a connector, once there is one, and it is another one than that pid."""

        def look():
            worker = self.workers().get(name)
            return worker if worker is not None and worker.pid != other_than else None

        return self.until(look, f"a worker runs for {name}")

    def memory(self, kind="Rss"):
        """Of all processes together, bytes."""
        return sum(process.memory()[kind] for process in self.processes())

    # --- Kafka Connect's API ---

    def connect(self, method, path, body=None, headers=None, timeout=PATIENCE):
        """A request to the Connect API: server.connect("GET", "/connectors")."""
        return request(method, self.connect_url + path, body, headers, timeout)

    def registry(self, method, path, body=None, headers=None, timeout=PATIENCE):
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json", **(headers or {})}
        return request(method, self.registry_url + path, body, headers, timeout)

    def create(self, name, config):
        """Creates a connector; its answer must be 201."""
        answer = self.connect("POST", "/connectors", {"name": name, "config": config})
        assert answer.status == 201, f"{answer}\n{self.log_tail()}"
        return answer.json()

    def status(self, name):
        answer = self.connect("GET", f"/connectors/{urllib.parse.quote(name, safe='')}/status")
        return answer.json() if answer.status == 200 else None

    def states(self, name):
        """(connector's state, task's state or None)"""
        return states_of(self.status(name))

    def wait_state(self, name, task="RUNNING", connector=None, timeout=PATIENCE):
        """Until its task (None: it has none) is in that state; returns the status that said so."""

        def look():
            status = self.status(name)
            states = states_of(status)
            return status if states is not None and states[1] == task and connector in (None, states[0]) else None

        return self.until(look, lambda: f"{name} is {connector or ''}/{task} (it is {self.status(name)})", timeout)


def states_of(status):
    if status is None:
        return None
    return status["connector"]["state"], status["tasks"][0]["state"] if status["tasks"] else None


def latency_ms(call, times):
    """Sorted durations of so many calls, for percentiles."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)
