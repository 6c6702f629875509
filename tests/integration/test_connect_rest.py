# SPDX-License-Identifier: Apache-2.0
"""Kafka Connect's REST API against transcripts of Connect 4.3.1: each request is sent again, its answer compared.

The transcripts were made with FileStreamSource, FileStreamSink and Debezium's PostgresConnector. leat has no
FileStream connectors, so these stand for them, in requests and in what is expected alike:
    FileStreamSource  a PostgresConnector of its own slot with topic.prefix=rest-fs (of "fs"; each other one has its own
                      prefix) and the table public.lines; its topic is rest-fs.public.lines, its key batch.size becomes
                      max.batch.size
    FileStreamSink    an S3SinkConnector into a directory; the topic rest-fs becomes rest-fs.public.lines
    golden            the database of the test
Status, Content-Type, Location and parsed bodies are compared; GETs until they are equal, as states follow changes.
Left out of the comparison everywhere: the documentation of keys (leat's own words), leat's member `warnings`, the
order of members and of recommended values. What differs beyond that is DIFFERENCES, and nothing else.
"""

import json
import re
import time
import urllib.parse

import pytest
import scratch
import transcripts
from server import Server, request
from wait import PATIENCE

pytestmark = pytest.mark.xdist_group("connect_rest")  # one server for all

SOURCE = "io.debezium.connector.postgresql.PostgresConnector"
SINK = "io.confluent.connect.s3.S3SinkConnector"
FILE_SOURCES = {
    "org.apache.kafka.connect.file.FileStreamSourceConnector": SOURCE,
    "FileStreamSource": "PostgresConnector",
}
FILE_SINKS = {"org.apache.kafka.connect.file.FileStreamSinkConnector": SINK, "FileStreamSink": "S3Sink"}
TOPIC = "rest-fs.public.lines"
MASK = "********"
FILES = [
    "01_root.http", "04_create.http", "05_get.http", "06_put_patch.http", "07_lifecycle.http", "08_restart.http",
    "09_offsets.http", "10_topics.http", "12_internal.http", "13_delete.http",
]  # fmt: skip

SLASH = "names with a slash work in paths"
OWN_CLASSES = "the message lists the classes that leat has"
MAP_ORDER = "a Java map's order, printed into a message"
NO_FAILING = "a record that is no JSON cannot get into a journal; test_a_task_that_fails has a failing task"
NO_GAPS = "a source is not set to where its slot no longer is: that would be a gap"
FILE_OFFSETS = "offsets of the file source; test_offsets_of_a_source has PostgreSQL's"
WORKERS = "for Connect's own workers only"
# exchange: (why, status, a part of the body or None); status None: not sent
DIFFERENCES = {
    "01#0": ("commit and cluster id are of this server", 200, '"version":"4.3.1"'),
    "04#7": (SLASH + "; Location has it encoded", 201, None),
    "04#8": (SLASH, 200, '"name":"sl/ash"'),
    "04#9": ("not sent: the transcript's request failed there, and here it would delete the connector", None, None),
    "04#13": (MAP_ORDER, 400, "contains no connector type"),
    "04#14": (OWN_CLASSES, 400, "Failed to find any class that implements Connector and which name matches no.such"),
    "04#16": ("PostgresConnector requires other keys", 400, "The 'topic.prefix' value is invalid: A value is required"),
    "04#17": (OWN_CLASSES, 400, "Class nope could not be found."),
    "04#19": ("the text is not repeated: it may be a secret in the wrong place", 500, "no String-argument constructor"),
    "04#21": ("the place is that of the member's name", 500, 'Unrecognized field \\"extra\\"'),
    "04#29": ("a connector that is paused has its task", 200, '"state":"PAUSED"'),
    "04#33": ("PostgreSQL's own words", 400, "Error while validating connector config"),
    "04#34": ("PostgreSQL's own words", 400, "Error while validating connector config"),
    "05#19": ("kept for kcctl", 200, '"fs-0"'),
    "05#20": ("kept for kcctl", 404, "Connector unknown not found"),
    "05#23": (FILE_OFFSETS, 200, '"server"'),
    "05#30": ("the snapshot has read rows by now", 200, None),
    "05#31": ("the snapshot has read rows by now", 200, None),
    "06#3": ("PostgresConnector requires other keys", 400, "The 'topic.prefix' value is invalid: A value is required"),
    "06#7": (OWN_CLASSES, 400, "which name matches nope"),
    "06#13": ("PostgresConnector requires other keys", 400, "The 'topic.prefix' value is invalid: A value is required"),
    **{f"08#{i}": (NO_FAILING, None, None) for i in range(20, 26)},
    "09#0": (FILE_OFFSETS, 200, '"server"'),
    **{f"09#{i}": (FILE_OFFSETS, None, None) for i in (6, 7, 8, 9, 13, 14, 15, 16, 17, 21)},
    "09#30": ("in leat's words, as the client's error", 400, "there is no topic no-such"),
    "09#32": ("a sink that was reset stands at 0", 200, '"kafka_offset":0'),
    "09#33": ("LSNs and times are of this run", 200, '"lsn"'),
    "09#35": ("LSNs and times are of this run", 200, '"lsn"'),
    "09#36": (NO_GAPS, 500, "the server has let go"),
    "09#37": ("partitions that are not the source's are refused", 500, "the partition is not"),
    "09#38": ("the slot is seen to as well, so the short form", 200, "have been reset successfully"),
    "10#3": ("topics are forgotten at once, not some time later", 200, '{"fs":{"topics":[]}}'),
    "12#0": (WORKERS, 404, None),
    "12#1": (WORKERS, 405, None),
    "12#2": (WORKERS, 405, None),
}


class Stage:
    """The server, and what stands for the transcripts' names."""

    def __init__(self, server, db, directory):
        self.server = server
        self.db = db
        self.directory = directory
        plugins = server.connect("GET", "/connector-plugins").json()
        self.versions = {plugin["type"]: plugin["version"] for plugin in plugins if plugin["class"] in (SOURCE, SINK)}

    def connection(self, name, prefix):
        slot = "".join(c if c.isalnum() else "_" for c in name.strip()) or "none"
        return {
            "database.hostname": str(self.db.server.directory),
            "database.port": str(self.db.server.port),
            "database.user": "postgres",
            "database.password": "x",
            "database.dbname": self.db.name,
            "topic.prefix": prefix,
            "plugin.name": "pgoutput",
            "slot.name": f"rest_{slot}",
            "publication.name": f"p_{slot}",
            "publication.autocreate.mode": "filtered",
        }

    def config(self, config, name):
        """A configuration of the transcripts, as leat is given it."""
        config = dict(config)
        name = config.get("name") or name or ""
        kind = config.get("connector.class")
        if kind in FILE_SOURCES:
            config["connector.class"] = FILE_SOURCES[kind]
            config.pop("file", None)
            if config.pop("topic", None) is not None:
                prefix = "rest-fs" if name == "fs" else f"rest-{len(name.strip())}"
                config.update(self.connection(name, prefix), **{"table.include.list": "public.lines"})
            if "batch.size" in config:
                config["max.batch.size"] = config.pop("batch.size")
        elif kind in FILE_SINKS:
            config["connector.class"] = FILE_SINKS[kind]
            config.pop("file", None)
            config.update({
                "s3.bucket.name": "lake", "store.url": f"file://{self.directory}", "flush.size": "1",
                "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
            })  # fmt: skip
            config["topics"] = config.get("topics", "").replace("rest-fs", TOPIC)
        elif config.get("database.dbname") == "golden":
            mine = self.connection(name, "rest")
            config.update({k: mine[k] for k in ("database.user", "database.dbname", "publication.name")})
            if config["slot.name"] == "rest":
                config["slot.name"] = mine["slot.name"]
            if config["database.port"] != "1":
                config.update({k: mine[k] for k in ("database.hostname", "database.port")})
        return config

    def adapt(self, value, name=None):
        if isinstance(value, list):
            return [self.adapt(item, name) for item in value]
        if not isinstance(value, dict):
            return TOPIC if value == "rest-fs" else value
        name = value.get("name", name) if isinstance(value.get("name"), str) else name
        if "connector.class" in value:
            return self.config(value, name)
        if set(value) == {"batch.size"} or set(value) == {"batch.size", "x.y"}:
            return {"max.batch.size" if key == "batch.size" else key: item for key, item in value.items()}
        if set(value) == {"topic"}:
            return {"topic.prefix": value["topic"]}
        return {key: self.adapt(item, name) for key, item in value.items()}

    def expected(self, value, kind=None):
        """What leat is to answer where the original answered this."""
        value = self.adapt(value)

        def settle(node, kind):
            if isinstance(node, list):
                return [settle(item, kind) for item in node]
            if not isinstance(node, dict):
                return node
            kind = node.get("type", kind) if node.get("type") in ("source", "sink") else kind
            node = {key: settle(item, kind) for key, item in node.items()}
            if "worker_id" in node:
                node["worker_id"] = f"127.0.0.1:{self.server.ports['connect']}"
                node["version"] = self.versions[kind or "source"]
            if "database.password" in node:
                node["database.password"] = MASK
            if node.get("task.class", "").endswith("FileStreamSourceTask"):
                node["task.class"] = SOURCE + "Task"
            return node

        return settle(value, kind)


def plain(value):
    """Without leat's own member, and maps' lists whose order means nothing in order."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key not in ("warnings", "documentation")}
    return [plain(item) for item in value] if isinstance(value, list) else value


def without_place(text):
    """Bodies that stand for others have other lengths."""
    return re.sub(r"column: \d+", "column: N", text)


def media_type(headers):
    return (headers.get("Content-Type") or "").split(";")[0]


def send(stage, exchange):
    name = None
    if exchange.path.startswith("/connectors/"):
        name = urllib.parse.unquote(exchange.path.split("/")[2])
    body = exchange.body or None
    if body is not None:
        try:
            body = json.dumps(stage.adapt(json.loads(body), name))
        except ValueError:
            pass  # sent as it is
    path = exchange.path.replace("FileStreamSource", "PostgresConnector")
    return request(exchange.method, stage.server.connect_url + path, body, exchange.headers)


def problem(stage, exchange, got):
    """None when the answer is the original's."""
    if got.status != exchange.status:
        return f"status {got.status}, not {exchange.status}: {got.body[:300]!r}"
    if media_type(got.headers) != media_type(exchange.answer_headers):
        return f"Content-Type {got.headers.get('Content-Type')!r}"
    if "Location" in exchange.answer_headers:
        want = exchange.answer_headers["Location"].split("/connectors/")[1]
        if got.headers["Location"] != f"{stage.server.connect_url}/connectors/{want}":
            return f"Location {got.headers['Location']!r}"
    want = exchange.answer_json()
    if want is None:
        return None if got.body.decode() == exchange.answer else f"body {got.body[:300]!r}"
    want, have = plain(stage.expected(want)), plain(got.json())
    want, have = (without_place(json.dumps(value, sort_keys=True)) for value in (want, have))
    return None if want == have else f"body\n got {have}\nwant {want}"


def replay(stage, exchange):
    why, status, part = DIFFERENCES.get(exchange.id, (None, 0, None))
    if why is not None and status is None:
        return None
    deadline = time.monotonic() + (PATIENCE if exchange.method == "GET" else 0)
    while True:
        got = send(stage, exchange)
        found = problem(stage, exchange, got)
        if why is not None:
            if found is None and exchange.id not in ("05#30", "05#31"):
                return f"{exchange}: no longer differs: take it out of DIFFERENCES"
            fits = got.status == status and (part is None or part in got.body.decode().replace('": ', '":'))
            found = None if fits else f"status {got.status}: {got.body[:300]!r}"
        if found is None:
            return None
        if time.monotonic() > deadline:
            return f"{exchange}: {found}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def stage(pg, tmp_path_factory):
    db = pg.create_database()
    db.execute("create table lines (id serial primary key, line text)")
    db.execute("insert into lines (line) select 'line' from generate_series(1, 15)")
    db.execute("create table ri_default (id int primary key, v text)")
    directory = tmp_path_factory.mktemp("rest")
    with Server(directory) as server:
        yield Stage(server, db, directory)
    db.drop()


@pytest.fixture(scope="module")
def replayed(stage):
    """All transcripts in their order: what one leaves behind is what the next one finds."""
    problems = {}
    for file in FILES:
        problems[file] = [found for found in (replay(stage, exchange) for exchange in transcripts.read(file)) if found]
    return problems


@pytest.mark.parametrize("file", FILES)
def test_transcript(replayed, file):
    assert not replayed[file], "\n".join(replayed[file])


# --- plugins and validate --------------------------------------------------------------------------------------

# Keys that leat takes and the original does not show.
OWN_KEYS = {
    "topic.delimiter", "topic.transaction", "topic.regex", "topic.replacement", "money.fraction.digits",
    "offset.mismatch.strategy", "column.mask.hash.v2.([^.]+).with.salt.(.+)",
}  # fmt: skip
CLASS_LISTS = {"key.converter", "value.converter", "header.converter"}


def definitions_differ(want, have):
    want = {definition["name"]: plain(definition) for definition in want}
    have = {definition["name"]: plain(definition) for definition in have}
    problems = [f"not there: {name}" for name in want.keys() - have.keys()]
    problems += [f"not the original's: {name}" for name in have.keys() - want.keys() - OWN_KEYS]
    return problems + [f"\n got {have[name]}\nwant {want[name]}" for name in want if want[name] != have.get(name)]


def values_differ(want, have):
    """Of …/validate. The original shows no values of Debezium's keys; leat shows them."""
    problems = []
    for name, one in want.items():
        mine = have.get(name, {})
        if one["errors"] != mine.get("errors") or name in CLASS_LISTS:
            same = one["errors"] == mine.get("errors")
        else:
            same = sorted(one["recommended_values"]) == sorted(mine["recommended_values"])
        if name in CLASS_LISTS:
            same = same and one["value"] == mine["value"] and set(mine["recommended_values"])
        elif one["value"] is not None and name in ("name", "connector.class", "tasks.max", "errors.tolerance"):
            same = same and one["value"] == mine["value"]
        if not same:
            problems.append(f"\n got {mine}\nwant {one}")
    return problems


@pytest.mark.parametrize("number", [11, 12, 13])
def test_validate_answers_as_the_original(stage, number):
    exchange = transcripts.read("03_validate.http")[number]
    got = send(stage, exchange).json()
    want = exchange.answer_json()
    assert got["name"] == want["name"]
    assert got["error_count"] == want["error_count"], [c["value"] for c in got["configs"] if c["value"]["errors"]]
    assert got["groups"] == want["groups"]
    problems = definitions_differ(*[[c["definition"] for c in each["configs"]] for each in (want, got)])
    problems += values_differ(*[{c["value"]["name"]: c["value"] for c in each["configs"]} for each in (want, got)])
    assert not problems, "\n".join(problems)


def test_the_common_keys_are_the_originals(stage):
    """Of the file source, whose own keys leat does not have."""
    exchange = transcripts.read("03_validate.http")[0]
    body = {"connector.class": SOURCE, "tasks.max": "1"}
    got = stage.server.connect("PUT", "/connector-plugins/PostgresConnector/config/validate", body).json()
    own = {"file", "topic", "batch.size"}
    want = [c for c in exchange.answer_json()["configs"] if c["definition"]["name"] not in own]
    for config in want:
        if config["definition"]["name"] == "connector.plugin.version":
            config["definition"]["default_value"] = stage.versions["source"]
    have = [c for c in got["configs"] if c["definition"]["name"] in {c["definition"]["name"] for c in want}]
    assert not definitions_differ(*[[c["definition"] for c in each] for each in (want, have)])
    assert [c["definition"]["name"] for c in have] == [c["definition"]["name"] for c in want]


def test_keys_of_a_class_are_the_originals(stage):
    exchange = transcripts.read("02_plugins.http")[3]
    got = stage.server.connect("GET", exchange.path).json()
    problems = definitions_differ(exchange.answer_json(), got)
    assert not problems, "\n".join(problems)
    for number in (4, 5):  # JsonConverter, RegexRouter
        one = transcripts.read("02_plugins.http")[number]
        problems = definitions_differ(one.answer_json(), stage.server.connect("GET", one.path).json())
        assert not problems, "\n".join(problems)
    unknown = transcripts.read("02_plugins.http")[6]
    assert stage.server.connect("GET", unknown.path).json() == unknown.answer_json()


def test_plugins_are_some_of_the_originals(stage):
    """leat has fewer, told in the same way. Confluent's, Iceberg's and leat's own were not in the capture."""
    want = {tuple(sorted(plugin.items())) for plugin in transcripts.read("02_plugins.http")[1].answer_json()}
    got = stage.server.connect("GET", "/connector-plugins?connectorsOnly=false").json()
    others = [p for p in got if tuple(sorted(p.items())) not in want]
    beside = ("io.confluent.", "io.apicurio.", "io.tabular.", "org.apache.iceberg.", "leat.")
    assert all(p["class"].startswith(beside) for p in others), others
    assert {p["type"] for p in stage.server.connect("GET", "/connector-plugins").json()} == {"source", "sink"}


VALIDATE_ERRORS = {
    2: ("a Java map's order", 500, "contains no connector type"),
    3: ("leat's names of classes", 400, "does not match request type"),
    6: (OWN_CLASSES, 500, "which name matches Nope, available connectors are: "),
    7: None, 8: None, 9: None, 10: None,
}  # fmt: skip


@pytest.mark.parametrize("number", VALIDATE_ERRORS)
def test_validate_refuses_as_the_original(stage, number):
    exchange = transcripts.read("03_validate.http")[number]
    got = send(stage, exchange)
    if VALIDATE_ERRORS[number] is None:
        assert problem(stage, exchange, got) is None
    else:
        _, status, part = VALIDATE_ERRORS[number]
        assert (got.status, part in got.json()["message"]) == (status, True), got


# --- clients ---------------------------------------------------------------------------------------------------


@pytest.fixture
def connector(stage):
    """A running source of its own; with dots in its name, as Debezium's examples have."""
    name = f"shop.{time.monotonic_ns()}"
    config = {"connector.class": SOURCE, **stage.connection(name.replace(".", "_"), name)}
    config.update({"table.include.list": "public.lines", "publication.name": "p_clients"})
    stage.server.create(name, config)
    stage.server.wait_state(name)
    yield name
    stage.server.connect("DELETE", f"/connectors/{name}")


def test_kcctl(stage, connector):
    """`kcctl info, get, describe, apply, patch, pause, resume, restart, stop, offsets, delete`."""
    connect = stage.server.connect
    assert connect("GET", "/").json()["version"]
    assert connect("GET", "/connector-plugins?connectorsOnly=false").status == 200
    assert connector in connect("GET", "/connectors/").json()
    assert connect("GET", "/connectors/?expand=status&expand=info").json()[connector]["info"]["type"] == "source"
    for part in ("", "/config", "/status", "/topics", "/tasks-config"):
        assert connect("GET", f"/connectors/{connector}{part}").status == 200
    config = connect("GET", f"/connectors/{connector}/config").json()
    assert config["database.password"] == MASK
    patched = connect("PUT", f"/connectors/{connector}/config", {**config, "heartbeat.interval.ms": "1000"})
    assert patched.status == 200 and patched.json()["config"]["heartbeat.interval.ms"] == "1000"
    stage.server.wait_state(connector)  # the mask that came back is the password that was stored
    assert connect("POST", f"/connectors/{connector}/restart").status == 204
    assert connect("POST", f"/connectors/{connector}/restart?includeTasks=true&onlyFailed=false").status == 202
    stage.server.wait_state(connector)
    assert connect("POST", f"/connectors/{connector}/tasks/0/restart").status == 204
    assert connect("PUT", f"/connectors/{connector}/pause").status == 202
    stage.server.wait_state(connector, "PAUSED")
    assert connect("PUT", f"/connectors/{connector}/resume").status == 202
    stage.server.wait_state(connector)
    assert connect("PUT", f"/connectors/{connector}/stop").status == 204
    assert connect("DELETE", f"/connectors/{connector}/offsets").status == 200
    assert connect("GET", f"/connectors/{connector}/offsets").json() == {"offsets": []}
    assert connect("DELETE", f"/connectors/{connector}").status == 204
    assert connect("GET", f"/connectors/{connector}").status == 404


def test_kafka_ui(stage, connector):
    connect = stage.server.connect
    states = {"RUNNING", "FAILED", "PAUSED", "UNASSIGNED", "STOPPED", "RESTARTING"}
    assert connector in connect("GET", "/connectors").json()
    info = connect("GET", f"/connectors/{connector}").json()
    assert info["tasks"] == [{"connector": connector, "task": 0}]
    status = connect("GET", f"/connectors/{connector}/status").json()
    assert status["connector"]["state"] in states and status["tasks"][0]["state"] in states
    assert connect("GET", f"/connectors/{connector}/tasks").json()[0]["id"] == {"connector": connector, "task": 0}
    assert connect("GET", f"/connectors/{connector}/tasks/0/status").json()["id"] == 0
    assert connect("POST", f"/connectors/{connector}/tasks/0/restart").status == 204
    assert connect("GET", "/connector-plugins").status == 200
    config = connect("GET", f"/connectors/{connector}/config").json()
    validated = connect("PUT", f"/connector-plugins/{SOURCE}/config/validate", config).json()
    assert validated["error_count"] == 0, [c["value"] for c in validated["configs"] if c["value"]["errors"]]


def test_akhq(stage, connector):
    """It asks every plugin for its keys with a body that fits none."""
    connect = stage.server.connect
    for plugin in connect("GET", "/connector-plugins").json():
        body = {"connector.class": plugin["class"], "topics": "getPlugins"}
        answer = connect("PUT", f"/connector-plugins/{plugin['class']}/config/validate", body)
        assert answer.status == 200 and answer.json()["configs"], plugin
    for name in connect("GET", "/connectors").json():
        path = f"/connectors/{urllib.parse.quote(name, safe='')}"
        assert connect("GET", path).status == 200 and connect("GET", path + "/status").status == 200
    assert connect("PUT", f"/connectors/{connector}/config", {"name": connector}).status == 400
    assert connect("POST", f"/connectors/{connector}/restart").status == 204


# --- secrets ---------------------------------------------------------------------------------------------------


def test_a_password_is_neither_shown_nor_stored(stage):
    secret = "s3cr3t-Zx81"
    config = {"connector.class": SOURCE, **stage.connection("sealed", "sealed"), "database.password": secret}
    config.update({"key.converter.basic.auth.user.info": f"me:{secret}", "initial.url": f"http://me:{secret}@host/"})
    connect = stage.server.connect
    created = connect("POST", "/connectors", {"name": "sealed", "config": config, "initial_state": "STOPPED"})
    assert created.status == 201, created
    answers = [created.body]
    for path in ("", "/config", "/status", "/tasks", "/offsets"):
        answers.append(connect("GET", "/connectors/sealed" + path).body)
    answers.append(connect("GET", "/connectors?expand=info&expand=status").body)
    wrong = {**config, "database.port": "x"}
    answers.append(connect("PUT", f"/connector-plugins/{SOURCE}/config/validate", wrong).body)
    answers.append(connect("POST", "/connectors", {"name": "sealed", "config": {"database.password": secret}}).body)
    assert not [answer for answer in answers if secret.encode() in answer]
    assert created.json()["config"]["initial.url"] == f"http://me:{MASK}@host/"
    for path, data in scratch.contents(stage.server.data).items():
        assert secret.encode() not in data, path
    assert secret not in stage.server.log_text()
    # A mask that comes back changes nothing, and one that stands for nothing is refused.
    document = (stage.server.data / "connectors/sealed.json").read_text()
    masked = connect("GET", "/connectors/sealed/config").json()
    assert connect("PUT", "/connectors/sealed/config", masked).status == 200
    assert (stage.server.data / "connectors/sealed.json").read_text() == document
    assert connect("PATCH", "/connectors/sealed/config", {"other.password": MASK}).status == 400
    assert connect("PATCH", "/connectors/sealed/config", {"database.password": "${env:HOME}"}).status == 200
    assert connect("GET", "/connectors/sealed/config").json()["database.password"] == "${env:HOME}"
    assert connect("DELETE", "/connectors/sealed").status == 204


# --- what nobody should send -----------------------------------------------------------------------------------

NAMES = ["a/b", "../../etc/passwd", "ünïcödé ☃", "..", "a%2Fb", "a b+c?d#e", "x" * 400, "'\";--", "NUL", "con.", "😀"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_all_kinds(stage, name):
    config = {"connector.class": SOURCE, **stage.connection("names", "names")}
    created = stage.server.connect("POST", "/connectors", {"name": name, "config": config, "initial_state": "STOPPED"})
    assert created.status == 201, created
    path = f"/connectors/{urllib.parse.quote(name, safe='')}"
    assert stage.server.connect("GET", path).json()["name"] == name
    assert created.headers["Location"] == stage.server.connect_url + path
    assert stage.server.status(name)["connector"]["state"] in ("STOPPED", "UNASSIGNED")
    assert stage.server.connect("DELETE", path).status == 204
    assert name not in stage.server.connect("GET", "/connectors").json()


def bad_bodies():
    config = {"connector.class": SOURCE}
    deep = "[" * 100_000
    return [
        deep, '{"name":"x","config":' + deep, '{"name":"x","config":{"a":' + deep + "}}", "{" * 1000, '"' * 999,
        '{"name":"x","config":{"a":{"b":1}}}', '{"name":"x","config":{"a":[1]}}', '{"name":"x","config":[]}',
        '{"name":["x"],"config":{}}', '{"name":"x","config":{},"initial_state":1}', '{"name":"x","config":"{}"}',
        '{"name":"x","name":"y","config":{"a":"1","a":"2"}}', '{"name":"x\\u0000y","config":{}}',
        json.dumps({"name": "ctrl\x07", "config": config}), json.dumps({"name": "", "config": config}),
        json.dumps({"name": "x", "config": {**config, "tasks.max": 10**400}}),
        json.dumps({"name": "x", "config": {**config, "database.port": 1e308}}),
        json.dumps({"name": "x", "config": {**config, "k" * 5000: "v"}}),
        json.dumps({"name": "x", "config": {**config, "transforms": ",".join("abcdefgh" for _ in range(5000))}}),
        json.dumps({"name": "x", "config": {**config, "table.include.list": "(" * 5000}}),
        b'{"name":"\xff\xfe","config":{}}', b"\x00" * 100, "NaN", "1", "true", "\ufeff{}", "",
    ]  # fmt: skip


def test_bad_bodies_are_refused(stage):
    """Every endpoint that takes a body answers each of these, with an error, and goes on."""
    targets = [
        ("POST", "/connectors"), ("PUT", "/connectors/bad/config"), ("PATCH", "/connectors/bad/config"),
        ("PATCH", "/connectors/bad/offsets"), ("PUT", "/connector-plugins/PostgresConnector/config/validate"),
    ]  # fmt: skip
    before = stage.server.front().pid
    for method, path in targets:
        for body in bad_bodies():
            got = request(method, stage.server.connect_url + path, body, {"Content-Type": "application/json"})
            validated = path.endswith("validate") and got.status == 200 and got.json()["error_count"] > 0
            assert 400 <= got.status <= 500 or validated, (method, path, body[:80], got)
            assert got.status == 200 or got.json()["error_code"] == got.status
    assert stage.server.front().pid == before
    assert "bad" not in stage.server.connect("GET", "/connectors").json()


def test_a_sealed_password_logs_in(new_postgres, tmp_path):
    """The worker opens what the front has sealed, with a key from outside of the data directory; the mask that comes
    back keeps it, a wrong password is refused before it is stored, and a reference is read anew."""
    server_of_data = new_postgres(auth="scram-sha-256")
    db = server_of_data.create_database()
    db.execute("create table lines (id serial primary key)")
    db.execute("create role reader superuser login password 'pa55 ''word'")
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    password = tmp_path / "password"
    config = {
        "connector.class": SOURCE, "database.hostname": "127.0.0.1", "database.port": str(server_of_data.port),
        "database.user": "reader", "database.password": "pa55 'word", "database.dbname": db.name,
        "topic.prefix": "scram", "slot.name": "scram", "plugin.name": "pgoutput", "table.include.list": "public.lines",
    }  # fmt: skip
    (tmp_path / "server").mkdir()
    with Server(tmp_path / "server", env={"LEAT_MASTER_KEY_FILE": str(key)}) as server:
        wrong = server.connect("POST", "/connectors", {"name": "x", "config": {**config, "database.password": "no"}})
        assert wrong.status == 400 and "Error while validating connector config" in wrong.json()["message"], wrong
        server.create("x", config)
        server.wait_state("x")
        masked = server.connect("GET", "/connectors/x/config").json()
        assert masked["database.password"] == MASK
        changed = server.connect("PUT", "/connectors/x/config", {**masked, "heartbeat.interval.ms": "5000"})
        assert changed.status == 200, changed
        server.restart()
        server.wait_state("x")
        password.write_text("pa55 'word\n")
        reference = {"database.password": f"${{file:{password}}}"}
        assert server.connect("PATCH", "/connectors/x/config", reference).status == 200
        server.wait_state("x")
        assert not (server.data / "master.key").exists()
    db.drop()
