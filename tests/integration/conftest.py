# SPDX-License-Identifier: Apache-2.0
"""Fixtures: private servers, a fresh database per test, leat with its own directories, the proof by replay."""

import faulthandler
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import pytest
from xdist.scheduler import LoadGroupScheduling

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import carry as carry_module  # noqa: E402
import kafka_broker  # noqa: E402
import leat as leat_module  # noqa: E402
import postgres  # noqa: E402
import replay  # noqa: E402
import s3_proxy  # noqa: E402
import s3_servers  # noqa: E402
import scratch  # noqa: E402
import server as server_module  # noqa: E402

KAFKA_PREFIXES = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: minutes; left out of `make test`, run with --slow")
    config.addinivalue_line("markers", "early: takes long; begins first, so that no worker is left alone with it")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also the long forms of the tests")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        slow = [item for item in items if "slow" in item.keywords]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if "slow" not in item.keywords]
    items.sort(key=lambda item: "early" not in item.keywords)


def give_up():
    faulthandler.dump_traceback(sys.__stderr__)
    os._exit(3)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """A test whose time-out (pyproject.toml) cannot interrupt what it calls ends its worker: the others go on."""
    limit = threading.Timer(float(item.config.getini("faulthandler_timeout")) + 60, give_up)
    limit.daemon = True
    limit.start()
    try:
        return (yield)
    finally:
        limit.cancel()


class Groups(LoadGroupScheduling):
    """xdist's own hangs when a worker dies: it hands out groups that are done, and waits for their tests to end."""

    def remove_node(self, node):
        given = self.assigned_work.pop(node)
        left = {name: tests for name, tests in given.items() if not all(tests.values())}
        if not left:
            return None
        name, tests = next(iter(left.items()))
        crashed = next(test for test, done in tests.items() if not done)
        tests[crashed] = True
        if all(tests.values()):
            del left[name]
        self.workqueue.update(left)
        for other in self.assigned_work:
            self._reschedule(other)
        return crashed

    def _reschedule(self, node):
        if node in self.registered_collections:  # else it has only begun
            super()._reschedule(node)
            super()._reschedule(node)  # a worker begins a test when it knows the one after it


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return Groups(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def pg():
    """Debian's PostgreSQL 15, shared by the tests that do not stop or configure it."""
    server = postgres.Postgres(15).start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def pg18():
    """PostgreSQL 18."""
    try:
        server = postgres.Postgres(18).start()
    except FileNotFoundError as absent:
        pytest.skip(str(absent))
    yield server
    server.remove()


@pytest.fixture
def new_postgres():
    """new_postgres(version=15, settings={…}, auth="trust"): a server of the test's own, to stop, crash, configure."""
    servers = []

    def make(version=15, settings=None, auth="trust"):
        try:
            servers.append(postgres.Postgres(version, settings, auth))
        except FileNotFoundError as absent:
            pytest.skip(str(absent))
        return servers[-1].start()

    yield make
    for server in servers:
        server.remove()


@pytest.fixture
def db(pg):
    """A fresh database."""
    database = pg.create_database()
    yield database
    database.drop()


@pytest.fixture
def db18(pg18):
    database = pg18.create_database()
    yield database
    database.drop()


def s3_server(name):
    try:
        server = s3_servers.SERVERS[name]().start()
    except FileNotFoundError as absent:
        pytest.skip(str(absent))
    return server


@pytest.fixture(scope="session")
def versitygw_server():
    """The S3 server versitygw, shared by the tests that do not stop it."""
    server = s3_server("versitygw")
    yield server
    server.remove()


@pytest.fixture(scope="session")
def minio_server():
    """The S3 server minio, shared by the tests that do not stop it."""
    server = s3_server("minio")
    yield server
    server.remove()


@pytest.fixture
def versitygw(versitygw_server):
    """A fresh bucket (s3_servers.Bucket) of versitygw; bucket.server is the server."""
    return versitygw_server.create_bucket()


@pytest.fixture
def minio(minio_server):
    """A fresh bucket of minio."""
    return minio_server.create_bucket()


@pytest.fixture(params=["versitygw", "minio"])
def bucket(request):
    """A fresh bucket: the test runs once on each S3 server."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def new_s3():
    """new_s3("versitygw"): an S3 server of the test's own, to stop, kill, pause."""
    servers = []

    def make(name="versitygw"):
        servers.append(s3_server(name))
        return servers[-1]

    yield make
    for server in servers:
        server.remove()


@pytest.fixture
def fault_proxy():
    """fault_proxy(bucket.server): a proxy that breaks what passes, by rule."""
    proxies = []

    def make(server):
        proxies.append(s3_proxy.S3Proxy(server))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


@pytest.fixture
def work():
    """A directory that any OS user may enter; removed after the test."""
    directory = scratch.new_directory("leat-test-")
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def tmp_path():
    """pytest's, in the place of the others, and gone after the test."""
    directory = scratch.new_directory("leat-test-")
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def small_disk(work):
    """small_disk(name, bytes): a file system of its own."""
    mounted = []

    def make(name, size):
        directory = work / name
        directory.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory], check=False).returncode:
            pytest.skip("needs the right to mount")
        mounted.append(directory)
        return directory

    yield make
    for directory in mounted:
        subprocess.run(["umount", "-l", directory], check=True)


@pytest.fixture(scope="session")
def kafka_server():
    """A real Kafka of one node; what stops or configures it starts it again."""
    with kafka_broker.KafkaCluster() as cluster:
        yield cluster


@pytest.fixture
def kafka(kafka_server):
    """The same, running, and an empty prefix for topics: kafka.prefix."""
    kafka_server.start()
    kafka_server.prefix = f"p{next(KAFKA_PREFIXES)}"
    return kafka_server


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """The registry of a leat server: an external one."""
    with server_module.Server(tmp_path_factory.mktemp("registry")) as server:
        yield server.url("registry")


@pytest.fixture
def leat(work, db):
    """leat with data and output directories of its own; what it left running is killed before the database goes."""
    program = leat_module.Leat(work)
    yield program
    program.close()


@pytest.fixture
def new_leat(work):
    """new_leat(): for tests with a server of their own, or with several leats."""
    programs = []

    def make():
        directory = work / f"leat{len(programs)}"
        directory.mkdir()
        programs.append(leat_module.Leat(directory))
        return programs[-1]

    yield make
    for program in programs:
        program.close()


@pytest.fixture
def check_equal():
    """check_equal(db, out, tables=None): the files replay to exactly what the source holds. Returns the proofs."""

    def check(db, out, tables=None):
        with db.connect() as connection:
            proofs = replay.prove(connection, out, tables)
        assert proofs, "the source has no table to compare"
        bad = [proof for proof in proofs if not proof.holds()]
        assert not bad, "\n".join(str(proof) for proof in bad)
        return {proof.table: proof for proof in proofs}

    return check


@pytest.fixture(params=["live", "later"])
def carry(request, leat, db, check_equal):
    """The test runs twice: leat follows while the changes are made, or reads them afterwards."""
    return carry_module.Carry(leat, db, check_equal, request.param == "live")
