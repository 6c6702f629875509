# SPDX-License-Identifier: Apache-2.0
"""The processes of `leat server`: what is started, stopped, started again; no orphan whatever dies."""

import json
import os
import signal
import socket
import subprocess

import pytest
import scratch

import leat as leat_module
from ports import free_port
from postgres import is_alive
from server import Server
from wait import wait_until

SANITIZED = "san" in leat_module.BINARY.parent.name
ORDERS = "CREATE TABLE orders (id int PRIMARY KEY, note text)"


def insert(db, first, last):
    with db.connect() as connection:
        connection.execute(
            "INSERT INTO orders SELECT g, 'n' || g FROM generate_series(%s::int, %s::int) g", [first, last]
        )
        connection.commit()


def create(db):
    with db.connect() as connection:
        connection.execute(ORDERS)
        connection.commit()


@pytest.fixture
def new_server(work, db):
    """new_server(options…): a Server in the data directory that `leat` uses, closed before the database goes."""
    servers = []

    def make(options=None, **kwargs):
        directory = work / "server"
        directory.mkdir(exist_ok=True)
        server = Server(directory, options, **kwargs)
        server.data = work / "data"
        servers.append(server)
        return server

    yield make
    for server in servers:
        print(server.log_tail(100))  # shown with a failure
        server.close()


@pytest.fixture
def adopted(leat, db):
    """The name of a pipeline of `leat sync` that has done its first run."""
    create(db)
    insert(db, 1, 3)
    leat.sync(db, "--set", "file.rotate.interval=200ms")
    return leat.pipeline


def rows(leat):
    found = {}
    for path in scratch.paths(leat.out, ".json"):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            found.setdefault(row["id"], 0)
            found[row["id"]] += 1
    return found


def wait_rows(server, leat, last):
    """Exactly the rows 1 to `last`, each once."""
    server.until(lambda: set(rows(leat)) >= set(range(1, last + 1)), lambda: f"{last} rows (there are {rows(leat)})")
    assert rows(leat) == {id: 1 for id in range(1, last + 1)}


def messages(server, text):
    return [event for event in server.events() if event.get("message") == text]


def write_document(server, name, kind="sync", target="RUNNING", config=None):
    directory = server.data / "connectors"
    directory.mkdir(parents=True, exist_ok=True)
    document = {"format_version": 1, "name": name, "kind": kind, "target": target, "config": config or {}}
    (directory / f"{name}.json").write_text(json.dumps(document))


def document(server, name):
    return json.loads((server.data / "connectors" / f"{name}.json").read_text())


# --- life ------------------------------------------------------------------------------------------------------------


def test_adopts_pipelines_of_sync_and_stops_at_a_checkpoint(new_server, leat, db, adopted):
    server = new_server().start()
    worker = server.worker(adopted)
    found = document(server, adopted)
    assert (found["kind"], found["target"], found["config"]["connector.class"]) == ("sync", "RUNNING", "leat.Sync")
    assert found["config"]["source.url"] == db.url and found["config"]["format"] == "json"
    insert(db, 4, 10)
    wait_rows(server, leat, 10)
    insert(db, 11, 20)
    server.stop()
    assert not is_alive(worker.pid)
    assert rows(leat).keys() <= set(range(1, 21))
    assert len(messages(server, "a pipeline of leat sync is adopted")) == 1
    server.start()  # from its document now
    wait_rows(server, leat, 20)
    assert len(messages(server, "a pipeline of leat sync is adopted")) == 1


@pytest.mark.parametrize("who", ["supervisor", "front", "worker"])
def test_kill_of_any_process_leaves_no_orphan_and_all_goes_on(new_server, leat, db, adopted, who):
    server = new_server({"restart.backoff.min": "10ms"}).start()
    worker = server.worker(adopted)
    front = server.front()
    insert(db, 4, 10)
    if who == "supervisor":
        server.kill(signal.SIGKILL)
        assert not is_alive(front.pid) and not is_alive(worker.pid)
        server.start()
    elif who == "front":
        front.kill()
        server.until(lambda: messages(server, "the front is back"), "the front is back")
        assert server.worker(adopted).pid == worker.pid  # workers do not notice
    else:
        worker.kill()
        server.worker(adopted, other_than=worker.pid)
        assert server.front().pid == front.pid
        (ended,) = [event for event in messages(server, "a process has ended") if event["pid"] == worker.pid]
        assert ended["end"] == "signal 9" and ended["memory_bytes_max"] > 1 << 20
    insert(db, 11, 20)
    wait_rows(server, leat, 20)
    server.stop()


def test_child_without_supervisor_ends_even_where_signals_do_not_reach_it(new_server, adopted):
    """A stopped (SIGSTOP) supervisor that is killed: the kernel ends its children."""
    server = new_server().start()
    worker = server.worker(adopted)
    children = server.processes()[1:]
    os.kill(server.pid, signal.SIGSTOP)
    server.process.kill()
    server.process.wait()
    server.none_left(children)
    assert not is_alive(worker.pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_paused_and_stopped_connectors_stay_so_over_a_restart(new_server, leat, db, adopted, number):
    server = new_server().start()
    server.wait_state(adopted, "RUNNING")
    insert(db, 4, 10)
    for verb, target, task in (("pause", "PAUSED", "PAUSED"), ("stop", "STOPPED", None)):
        assert server.connect("PUT", f"/connectors/{adopted}/{verb}").status in (202, 204)
        server.wait_state(adopted, task, connector=target)
        assert server.workers() == {} and document(server, adopted)["target"] == target
        server.restart(number)
        assert server.states(adopted) == (target, task)
        assert server.workers() == {} and document(server, adopted)["target"] == target
    insert(db, 11, 20)
    assert server.connect("PUT", f"/connectors/{adopted}/resume").status == 202
    server.wait_state(adopted, "RUNNING", connector="RUNNING")
    wait_rows(server, leat, 20)


def test_new_front_knows_what_the_old_one_knew(new_server, adopted):
    server = new_server().start()
    server.wait_state(adopted, "RUNNING")
    before = [server.connect("GET", path).json() for path in ("/connectors", f"/connectors/{adopted}")]
    server.front().kill()
    server.until(lambda: messages(server, "the front is back"), "the front is back")
    assert [server.connect("GET", path).json() for path in ("/connectors", f"/connectors/{adopted}")] == before
    assert server.states(adopted) == ("RUNNING", "RUNNING")


def test_removed_pipeline_of_sync_is_not_adopted_again(new_server, leat, db, adopted):
    server = new_server().start()
    server.wait_state(adopted, "RUNNING")
    assert server.connect("DELETE", f"/connectors/{adopted}").status == 204
    assert server.workers() == {} and server.connect("GET", "/connectors").json() == []
    server.restart()
    assert server.workers() == {} and server.connect("GET", "/connectors").json() == []
    assert (leat.data / "pipelines" / adopted / "config.json").exists()
    server.stop()
    leat.run("delete", adopted, "--purge-data", "--yes")  # what is there under that name later is another pipeline
    leat.sync(db, "--name", adopted)
    server.start()
    server.wait_state(adopted, "RUNNING")


# --- what fails ------------------------------------------------------------------------------------------------------


def test_crash_loop_ends_as_failed_task(new_server, adopted):
    server = new_server({"restart.backoff.min": "10ms", "restart.crashes.max": "2"}).start()
    pid = None
    for _ in range(3):
        worker = server.worker(adopted, other_than=pid)
        pid = worker.pid
        worker.kill()
        server.none_left([worker])
    (failed,) = server.until(
        lambda: messages(server, "a connector's task has failed: it waits for an operator"), "the task has failed"
    )
    assert failed["reason"].startswith("crash loop: 3 ends in a row") and "signal 9" in failed["reason"]
    waits = [event["in_ms"] for event in messages(server, "a connector is tried again")]
    assert len(waits) == 2 and 7 <= waits[0] + 1 <= 14 and 14 <= waits[1] + 1 <= 27
    assert server.workers() == {}
    status = server.wait_state(adopted, "FAILED", connector="RUNNING")
    assert status["tasks"][0]["trace"].startswith("leat: internal (internal): crash loop: 3 ends in a row")
    # The connector alone has nothing to restart; with its task it works again.
    assert server.connect("POST", f"/connectors/{adopted}/restart").status == 204
    assert server.states(adopted) == ("RUNNING", "FAILED")
    assert server.connect("POST", f"/connectors/{adopted}/restart?includeTasks=true&onlyFailed=true").status == 202
    assert "trace" not in server.wait_state(adopted, "RUNNING")["tasks"][0]


def test_configuration_error_waits_for_the_operator(new_server, leat, adopted):
    path = leat.data / "pipelines" / adopted / "config.json"
    good = path.read_text()
    path.write_text(json.dumps({**json.loads(good), "format": "papyrus"}))
    server = new_server().start()
    (failed,) = server.until(
        lambda: messages(server, "a connector's task has failed: it waits for an operator"), "the task has failed"
    )
    assert failed["error"] == "option" and "papyrus" in failed["reason"]
    assert messages(server, "a connector is tried again") == []
    assert "papyrus" in server.wait_state(adopted, "FAILED")["tasks"][0]["trace"]
    path.write_text(good)
    assert server.connect("POST", f"/connectors/{adopted}/tasks/0/restart").status == 204
    server.wait_state(adopted, "RUNNING")


def test_pipeline_of_a_running_sync_is_taken_over_when_that_ends(new_server, leat, db, adopted):
    sync = leat.follow(db, "--set", "file.rotate.interval=200ms")
    sync.wait_streaming(db)
    server = new_server({"restart.backoff.min": "50ms", "restart.backoff.max": "100ms"}).start()
    waits = server.until(
        lambda: messages(server, "a connector is tried again")[8:], "the connector waits, for longer than a crash loop"
    )
    assert waits[0]["after"] == "locked"
    assert sync.running()
    status = server.status(adopted)
    assert status["tasks"][0]["state"] == "UNASSIGNED" and str(sync.pid) in status["tasks"][0]["trace"]
    sync.stop()
    server.worker(adopted)
    insert(db, 4, 10)
    wait_rows(server, leat, 10)


def test_damaged_document_is_left_alone(new_server, adopted):
    server = new_server()
    directory = server.data / "connectors"
    directory.mkdir()
    (directory / "torn.json").write_text('{"format_version":1,"na')
    server.start()
    server.worker(adopted)
    (event,) = messages(server, "a connector is left out: its document is damaged")
    assert "torn.json" in event["reason"]
    assert (directory / "torn.json").read_text() == '{"format_version":1,"na'


def test_newer_document_is_refused(new_server):
    server = new_server()
    write_document(server, "later")
    path = server.data / "connectors" / "later.json"
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
    assert server.spawn().wait() == 2
    assert "format 2" in server.log_text()


@pytest.mark.skipif(SANITIZED, reason="a sanitizer reserves more than any limit allows")
def test_memory_limit_ends_one_worker_only(new_server, new_leat, db, leat, adopted, pg):
    """A row of 60 MB does not fit into 96 MiB: that worker dies of it, the other does not notice."""
    large = pg.create_database()
    try:
        with large.connect() as connection:
            connection.execute(ORDERS)
            connection.execute("INSERT INTO orders VALUES (1, 'small')")
            connection.commit()
        leat.run("sync", large.url, str(leat.directory / "large"), "--format", "json", "--name", "large")
        server = new_server(
            {"worker.memory.max": "96MiB", "restart.backoff.min": "10ms", "restart.crashes.max": "1"}
        ).start()
        other = server.worker(adopted)
        server.worker("large")
        with large.connect() as connection:
            connection.execute("INSERT INTO orders SELECT 2, repeat('0123456789', 6000000)")
            connection.commit()
        (failed,) = server.until(
            lambda: messages(server, "a connector's task has failed: it waits for an operator"), "the task has failed"
        )
        assert failed["connector"] == "large" and "crash loop" in failed["reason"]
        assert server.worker(adopted).pid == other.pid
        insert(db, 4, 10)
        wait_rows(server, leat, 10)
        server.stop()
    finally:
        large.drop()


# --- start and end ---------------------------------------------------------------------------------------------------


def test_worker_that_does_not_stop_is_ended(new_server, adopted):
    server = new_server({"stop.timeout": "200ms"}).start()
    worker = server.worker(adopted)
    worker.kill(signal.SIGSTOP)
    assert server.kill(signal.SIGTERM) == 0
    signals = [e["signal"] for e in messages(server, "a process does not end when asked") if e["pid"] == worker.pid]
    assert signals == ["SIGTERM", "SIGKILL"]


def test_second_signal_ends_all_at_once(new_server, adopted):
    server = new_server({"stop.timeout": "1h"}).start()
    worker = server.worker(adopted)
    worker.kill(signal.SIGSTOP)
    processes = server.processes()
    server.process.send_signal(signal.SIGINT)
    server.until(lambda: messages(server, "the server stops"), "it stops")
    assert server.running()
    server.process.send_signal(signal.SIGINT)
    assert server.wait() == 130
    server.none_left(processes)


def test_one_server_a_data_directory(new_server):
    first = new_server().start()
    second = new_server()
    assert second.spawn().wait() == 2
    assert f"(pid {first.pid})" in second.log_text()
    first.stop()


def test_port_in_use_is_said(new_server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = new_server({"listen.connect": f"127.0.0.1:{taken.getsockname()[1]}"})
        assert server.spawn().wait() != 0
    assert str(taken) is not None and "error: " in server.log_text()
    assert server.options["listen.connect"].rsplit(":", 1)[1] in server.log_text().split("error: ")[1]


def test_options_come_from_the_file_and_the_command_line(new_server):
    port = free_port()
    server = new_server(
        toml=f'# ours\n[listen]\nconnect = "127.0.0.1:1" # replaced by --set\nmetrics = "127.0.0.1:{port}"\n'
        "[restart]\nbackoff.min = '20ms'\n[worker.memory]\nmax = 1_073_741_824\n"
    )
    del server.options["listen.metrics"]
    server.start()
    listening = {event["for"]: event["port"] for event in messages(server, "listens")}
    assert (listening["connect"], listening["metrics"]) == (server.ports["connect"], port)
    server.stop()


@pytest.mark.parametrize(
    "toml, said",
    [
        ("[listen]\nconect = 1", "leat.toml, line 2: "),
        ("[stop]\n\ntimeout = 'soon'", "leat.toml, line 3: "),
        ("a = [1]", "leat.toml, line 1: "),
        ("[tls]\nkey = 'k.pem'", "tls.certificate and tls.key"),
    ],
)
def test_wrong_options_are_refused_with_their_place(new_server, toml, said):
    server = new_server(toml=toml)
    assert server.spawn().wait() == 2
    assert said in server.log_text() and "Traceback" not in server.log_text()


def test_roles_are_not_for_the_command_line(leat):
    for role in ("worker", "front"):
        result = subprocess.run([leat_module.BINARY, role], capture_output=True, text=True, timeout=180, check=False)
        assert result.returncode == 1


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory")
def test_supervisor_uses_no_network_library(new_server, adopted):
    """It initialises none: it has no thread but its own, no socket but its channels, and stays small."""
    server = new_server().start()
    server.wait_state(adopted, "RUNNING")  # a process that has just been started leaves the other end of its channel
    pid = server.pid
    assert len(os.listdir(f"/proc/{pid}/task")) == 1
    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert sum(link.startswith("socket:") for link in links) == 2  # the front's and the worker's
    assert server.supervisor().memory()["Private_Dirty"] < 4 << 20
    wait_until(lambda: server.running(), "it runs")
