# SPDX-License-Identifier: Apache-2.0
"""leat connector, apply, diff, export against a running server; connectors.dir, which the server applies by itself."""

import json

import pytest
from server import Server, request
from wait import wait_until

SOURCE = {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "database.hostname": "$POSTGRESQL_HOST",
    "database.port": "${POSTGRESQL_PORT}",
    "database.user": "postgres",
    "database.password": "s3cret-${SALT}",
    "database.dbname": "${POSTGRESQL_DATABASE}",
    "topic.prefix": "shop",
    "slot.name": "apply_test",
    "publication.autocreate.mode": "filtered",
    "table.include.list": "public\\.t",
}
YAML = """
apiVersion: kafka.strimzi.io/v1beta2
kind: KafkaConnector
metadata:
  name: lake/ä 1
spec:
  class: io.confluent.connect.s3.S3SinkConnector
  tasksMax: 1
  state: stopped
  config:
    topics.regex: shop\\..*
    s3.bucket.name: lake
    s3.region: eu-west-1
    store.url: ${LAKE}
    flush.size: 100
    format.class: io.confluent.connect.s3.format.json.JsonFormat
    storage.class: io.confluent.connect.s3.storage.S3Storage
"""


@pytest.fixture
def place(tmp_path, pg, db):
    db.execute("CREATE TABLE t (id int PRIMARY KEY)")
    folder = tmp_path / "connectors"
    folder.mkdir()
    write(folder, SOURCE)
    (folder / "lake.yaml").write_text(YAML, encoding="utf-8")
    (tmp_path / "env").write_text(
        f"POSTGRESQL_HOST=127.0.0.1\nPOSTGRESQL_PORT={pg.port}\nPOSTGRESQL_DATABASE={db.name}\nSALT=x1y2\n"
        f"LAKE=file://{tmp_path}/lake\n"
    )
    return folder


def write(folder, config, **more):
    text = json.dumps({"name": "shop", "config": config, "initial_state": "STOPPED"} | more)
    (folder / "shop.template.json").write_text(text)


@pytest.fixture
def new_server(tmp_path):
    servers = []

    def make(**kwargs):
        (tmp_path / "server").mkdir()
        servers.append(Server(tmp_path / "server", **kwargs))
        return servers[-1].start()

    yield make
    for server in servers:
        server.kill()


def config(server, name="shop"):
    return request("GET", f"{server.connect_url}/connectors/{name}/config").json()


def test_files_become_connectors(leat, new_server, place, tmp_path, pg):
    server = new_server()
    args = ("--url", server.connect_url, "--env-file", tmp_path / "env")
    assert leat.run("diff", place, *args, check=False).returncode == 2
    dry = leat.run("apply", place, "--dry-run", *args)
    assert "new     shop" in dry.stdout and "lake/ä 1" in dry.stdout
    assert request("GET", server.connect_url + "/connectors").json() == []
    done = leat.run("apply", place, *args)
    assert "created shop" in done.stdout and "s3cret" not in done.stdout + done.stderr
    assert config(server)["database.port"] == str(pg.port)
    assert config(server)["database.password"] == "********"
    again = leat.run("apply", place, *args)
    assert again.stdout.count("same") == 2
    assert leat.run("diff", place, *args).stdout.count("same") == 2

    write(place, SOURCE | {"tombstones.on.delete": "false"})
    drift = leat.run("diff", place, *args, check=False)
    assert drift.returncode == 2 and "+ tombstones.on.delete = false" in drift.stdout
    assert "changed shop" in leat.run("apply", place, *args).stdout
    assert config(server)["tombstones.on.delete"] == "false"

    listed = leat.run("connector", "list", "--url", server.connect_url).stdout
    assert "PostgresConnector" in listed and "STOPPED" in listed and "lake/ä 1" in listed
    shown = leat.run("connector", "show", "lake/ä 1", "--url", server.connect_url).stdout
    assert "flush.size = 100" in shown and "STOPPED" in shown
    leat.run("export", tmp_path / "out", "--url", server.connect_url)
    exported = json.loads((tmp_path / "out/shop.json").read_text())
    assert exported["name"] == "shop" and exported["config"]["tombstones.on.delete"] == "false"
    assert "s3cret" not in (tmp_path / "out/shop.json").read_text()

    (place / "lake.yaml").unlink()
    assert "other   lake/ä 1" in leat.run("apply", place, *args).stdout
    assert "removed lake/ä 1" in leat.run("apply", place, "--prune", *args).stdout
    assert request("GET", server.connect_url + "/connectors").json() == ["shop"]
    leat.run("connector", "delete", "shop", "--yes", "--url", server.connect_url)
    assert request("GET", server.connect_url + "/connectors").json() == []


def test_what_is_wrong_is_said(leat, new_server, place, tmp_path):
    server = new_server()
    url = ("--url", server.connect_url)
    write(place, SOURCE | {"decimal.handling.mode": "sometimes"})
    bad = leat.run("apply", place / "shop.template.json", "--env-file", tmp_path / "env", *url, check=False)
    assert bad.returncode == 2 and "decimal.handling.mode" in bad.stderr
    invalid = leat.run(
        "connector", "validate", place / "shop.template.json", "--env-file", tmp_path / "env", *url, check=False
    )
    assert invalid.returncode == 2 and "error    decimal.handling.mode" in invalid.stdout
    missing = leat.run("connector", "show", "nobody", *url, check=False)
    assert missing.returncode == 2 and "nobody" in missing.stderr
    away = leat.run("connector", "list", "--url", "http://127.0.0.1:1", check=False)
    assert away.returncode == 3 and "hint: " in away.stderr


def test_a_watched_directory(new_server, place, tmp_path):
    (tmp_path / "env").rename(place / ".env")
    server = new_server(options={"connectors.dir": str(place)})

    def names():
        return request("GET", server.connect_url + "/connectors").json()

    wait_until(lambda: sorted(names()) == ["lake/ä 1", "shop"], "the files are applied")
    assert config(server)["database.hostname"] == "127.0.0.1"
    write(place, SOURCE | {"topic.delimiter": "-"})
    wait_until(lambda: config(server).get("topic.delimiter") == "-", "the change is applied")
    (place / "bad.json").write_text("{")
    write(place, SOURCE)
    wait_until(lambda: "connectors.dir cannot be applied" in server.log_text(), "the bad file is told")
    (place / "bad.json").unlink()
    wait_until(lambda: "topic.delimiter" not in config(server), "the others follow")
    server.restart()
    assert sorted(names()) == ["lake/ä 1", "shop"]
