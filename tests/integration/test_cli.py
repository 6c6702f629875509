# SPDX-License-Identifier: Apache-2.0
"""The command line: what it prints, stores, refuses, and its exit codes."""

import json
import re
import signal
import urllib.parse

import pytest

from leat import json_lines
from wait import wait_until

TABLES = """
CREATE TABLE orders (id bigint PRIMARY KEY, note text);
INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, 500) n;
CREATE TABLE log (at timestamptz, line text);
INSERT INTO log SELECT now(), 'line' FROM generate_series(1, 10);
ANALYZE orders; ANALYZE log;
"""


@pytest.fixture
def shop(db):
    db.execute(TABLES)
    return db


def events(result):
    return json_lines(result.stdout)


def event(result, name):
    found = [e for e in events(result) if e["event"] == name]
    assert found, f"no {name} in {result.stdout} {result.stderr}"
    return found[-1]


def fails(result, code, text, hint=None):
    """Ends with that code, and says what and how to mend it, once."""
    assert result.returncode == code, result.stderr
    assert len(re.findall(r"^error: ", result.stderr, re.M)) == 1, result.stderr
    assert text in result.stderr, result.stderr
    if hint is not None:
        assert re.search(f"^hint: .*{re.escape(hint)}", result.stderr, re.M), result.stderr


def test_help_is_everywhere(leat):
    overview = leat.run("help").stdout
    assert overview == leat.run().stdout == leat.run("--help").stdout
    for command in re.findall(r"^  ((?:[a-z]+ )+) ", overview, re.M):
        words = command.split()
        if words[0] not in ("leat", "help"):
            pairs = ("backup", "catalog", "connector", "journal", "schema", "table", "topic")
            words = words[:2] if words[0] in pairs else words[:1]
            assert f"leat {' '.join(words)}" in leat.run(*words, "--help").stdout
            assert leat.run("help", *words).stdout == leat.run(*words, "--help").stdout
    assert "memory.limit" in leat.run("help", "options").stdout
    assert "file.rotate" in leat.run("help", "options").stdout
    assert "slot_lost" in leat.run("help", "errors").stdout
    assert leat.run("version").stdout.startswith("leat ")


@pytest.mark.parametrize(
    "args, text, hint",
    [
        (["snyc"], "snyc", "leat sync"),
        (["sync", "postgres://h/d"], "needs SOURCE SINK", "--help"),
        (["sync", "postgres://h/d", "/tmp/x", "--format", ""], "no format", "iceberg,json"),
        (["sync", "postgres://h/d", "/tmp/x", "--format", "iceberg", "--set", "layout=leat"], "layout", "options"),
        (["sync", "postgres://h/d", "/tmp/x", "--format", "xml"], "xml", "json"),
        (["sync", "postgres://h/d", "/tmp/x", "--format", "json", "--folow"], "--folow", "--follow"),
        (["sync", "postgres://h/d", "/tmp/x", "--format", "json", "--follow", "--snapshot-only"], "exclude", ""),
        (["sync", "postgres://h/d", "/tmp/x", "--format", "json", "--set", "no.such=1"], "no.such", None),
        (["sync", "postgres://h/d", "/tmp/x", "--format", "json", "--memory-limit", "1KiB"], "memory.limit", None),
        (["sync", "postgres://h/d", "/tmp/x", "--format", "json", "--name", "A B"], "A B", "a-z"),
        (["sync", "oracle://h/d", "/tmp/x", "--format", "json"], "source", "postgres://"),
        (["sync", "postgres://h/d", "gs://b/x", "--format", "json"], "gs://b/x", "directory"),
        (["status", "nothing"], "nothing", "leat sync"),
        (["delete", "nothing"], "nothing", None),
        (["topic"], "one more word", "leat topic list"),
        (["status", "--output", "xml"], "xml", None),
    ],
)
def test_command_line_errors_say_what_to_do(leat, args, text, hint):
    fails(leat.run(*args, check=False), 2, text, hint)


def test_a_password_is_in_no_message(leat):
    for url in ("oracle://ann:geheim@h/d", "postgres://ann:geheim@h:badport/d", "postgres://ann:geheim@localhost:1/d"):
        result = leat.run("sync", url, leat.out, "--format", "json", check=False)
        assert result.returncode in (2, 3)
        assert "geheim" not in result.stderr + result.stdout


def test_dry_run_says_all_and_creates_nothing(leat, shop):
    result = leat.sync(shop, "--name", "shop", "--dry-run")
    plan = event(result, "plan")
    assert plan["first_run"] and not plan["slot_exists"] and plan["slot"] == "leat_shop"
    assert plan["publications"] == "leat_shop, leat_shop_inserts"
    assert {t["table"] for t in plan["tables"]} == {"public.orders", "public.log"}
    assert plan["rows"] == 510 and plan["slot_cap_bytes"] == -1
    assert any("public.log" in warning for warning in plan["warnings"])
    assert not leat.data.exists() and not leat.out.exists()
    assert shop.slots() == {} and shop.query("SELECT * FROM pg_publication") == []


def test_print_config_and_options_that_stay(leat, shop):
    def config(*args):
        lines = leat.sync(shop, "--name", "shop", "--print-config", *args).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    first = config("--tables", "orders", "--set", "file.rotate.interval=5s")
    assert first["tables"] == "orders" and first["file.rotate.interval"] == "5s" and first["memory.limit"] == "64MiB"
    assert not leat.data.exists()
    leat.sync(shop, "--name", "shop", "--tables", "orders", "--set", "file.rotate.interval=5s")
    assert config()["tables"] == "orders" and config()["file.rotate.interval"] == "5s"
    assert config("--memory-limit", "32MiB")["memory.limit"] == "32MiB"
    fails(leat.sync(shop, "--name", "shop", "--slot", "other", check=False), 2, "slot", "leat delete shop")


def test_runs_continue_and_what_cannot_change_is_refused(leat, shop, new_leat):
    summary = event(leat.sync(shop, "--name", "shop"), "summary")
    assert summary["result"] == "done" and summary["rows"] == 510 and summary["slot"] == "leat_shop"
    shop.execute("INSERT INTO orders VALUES (1000, 'new')")
    again = event(leat.sync(shop, "--name", "shop"), "summary")
    assert again["rows"] == 0 and again["changes"] == 1
    result = leat.run("sync", shop.url, leat.directory / "elsewhere", "--format", "json", "--name", "shop", check=False)
    fails(result, 2, "elsewhere", "--name")
    other = shop.server.create_database()
    try:
        fails(leat.sync(other, "--name", "shop", check=False), 2, shop.name, "--name")
    finally:
        other.drop()


def test_snapshot_only_leaves_nothing_on_the_source(leat, shop):
    summary = event(leat.sync(shop, "--snapshot-only"), "summary")
    assert summary["rows"] == 510 and summary["slot"] is None
    assert shop.slots() == {} and shop.query("SELECT * FROM pg_publication") == []


def test_follow_ends_well_and_a_second_process_is_refused(leat, shop):
    process = leat.follow(shop, "--name", "shop")
    process.wait_streaming(shop)
    fails(leat.sync(shop, "--name", "shop", check=False), 2, f"pid {process.pid}", "leat status shop")
    fails(leat.run("delete", "shop", check=False), 2, f"pid {process.pid}", "kill")

    def look():  # between its creation and the stream nobody holds the slot for a moment
        status = json.loads(leat.run("status", "shop", "--output", "json").stdout)
        assert status["running"] and status["pid"] == process.pid
        return status["slot"]["active"]

    wait_until(look, "status shows the slot in use")
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    assert json_lines(process.stdout())[-1]["event"] == "summary"


def test_a_name_that_another_data_directory_uses(leat, shop, new_leat):
    """Its slot is refused, and its publications are as they were."""
    leat.sync(shop, "--name", "shop")
    published = "SELECT pubname, tablename FROM pg_publication_tables ORDER BY 1, 2"
    before = shop.query(published)
    other = new_leat()
    result = other.run("sync", shop.url, other.out, "--format", "json", "--name", "shop", "--exclude", "*", check=False)
    fails(result, 2, "leat_shop", "--name")
    assert before and shop.query(published) == before


def test_a_source_that_is_away(leat, shop):
    parts = urllib.parse.urlsplit(shop.tcp_url)
    away = parts._replace(netloc=f"{parts.username}@127.0.0.1:1").geturl()
    result = leat.run("sync", away, leat.out, "--format", "json", check=False)
    fails(result, 3, "127.0.0.1")
    assert event(result, "error")["class"] == "transient"
    result = leat.run("doctor", away, check=False)
    assert result.returncode == 1 and event(result, "finding")["level"] == "problem"


def test_a_clear_password_is_used_and_not_stored(new_leat, new_postgres):
    server = new_postgres(auth="scram-sha-256")
    database = server.create_database()
    database.execute("CREATE ROLE ann LOGIN REPLICATION SUPERUSER PASSWORD 'gehe im'")
    database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    leat = new_leat()
    url = server.url(database.name, tcp=True, user="ann", password="gehe im")
    result = leat.run("sync", url, leat.out, "--format", "json", "--name", "shop")
    stored = "".join(p.read_text(errors="replace") for p in leat.data.rglob("*.json"))
    for text in (stored, result.stdout, result.stderr):
        assert "gehe" not in text
    wrong = server.url(database.name, tcp=True, user="ann", password="wrong")
    fails(leat.run("sync", wrong, leat.out, "--format", "json", "--name", "shop", check=False), 2, "ann")
    fails(leat.run("delete", "shop", check=False), 2, "password", "PGPASSWORD")
    status = json.loads(leat.run("status", "shop", "--output", "json").stdout)
    assert "PGPASSWORD" in status["slot"]["unknown"]
    leat.run("delete", "shop", env={"PGPASSWORD": "gehe im"})
    assert database.slots() == {} and leat.run("status").stdout.startswith("no pipelines")


def test_a_reference_is_stored_and_resolved(new_leat, new_postgres):
    server = new_postgres(auth="scram-sha-256")
    database = server.create_database()
    database.execute("CREATE ROLE ann LOGIN REPLICATION SUPERUSER PASSWORD 'p@ss'; CREATE TABLE t (id int PRIMARY KEY)")
    leat = new_leat()
    url = server.url(database.name, tcp=True, user="ann").replace("ann@", "ann:${env:SHOP_PW}@")
    leat.run("sync", url, leat.out, "--format", "json", "--name", "shop", env={"SHOP_PW": "p@ss"})
    fails(leat.run("delete", "shop", check=False), 2, "SHOP_PW")
    leat.run("delete", "shop", env={"SHOP_PW": "p@ss"})
    assert database.slots() == {}


def test_status_and_delete(leat, shop):
    assert leat.run("status").stdout.startswith("no pipelines")
    leat.sync(shop, "--name", "shop")
    status = json.loads(leat.run("status", "shop", "--output", "json").stdout)
    assert not status["running"] and status["slot"]["exists"] and status["journal"]["topics"] == 2
    assert {t["table"]: t["state"] for t in status["report"]["tables"]} == {
        "public.orders": "streaming", "public.log": "streaming"
    }  # fmt: skip
    assert "public.orders" in leat.run("status", "shop").stdout
    assert re.search(r"^shop +stopped", leat.run("status").stdout, re.M)
    leat.run("delete", "shop")
    assert shop.slots() == {} and shop.query("SELECT * FROM pg_publication") == []
    assert list(leat.out.rglob("*.json")) and not (leat.data / "pipelines/shop").exists()
    leat.out = leat.directory / "other"
    leat.sync(shop, "--name", "two")
    assert list(leat.out.rglob("*.json"))
    leat.run("delete", "two", "--purge-data")
    assert not (leat.data / "pipelines/two").exists() and not list(leat.out.rglob("*.json"))


def test_topics_and_the_journal(leat, shop):
    leat.sync(shop, "--name", "shop")
    assert re.search(r"public\.orders +500", leat.run("topic", "list", "shop").stdout)
    rows = json_lines(leat.run("topic", "read", "shop", "public.orders", "--from", "498").stdout)
    assert [r["offset"] for r in rows] == [498, 499]
    assert {r["topic"] for r in rows} == {"public.orders"} and rows[0]["row"]["__op"] == "r"
    assert len(json_lines(leat.run("topic", "read", "shop", "--limit", "7").stdout)) == 7
    assert leat.run("topic", "read", "shop", "--from", "2999-01-01").stdout == ""
    assert len(json_lines(leat.run("topic", "read", "shop", "--from", "now-1h").stdout)) == 510
    fails(leat.run("topic", "read", "shop", "nothing", check=False), 2, "nothing", "leat topic list shop")
    fails(leat.run("topic", "read", "shop", "--from", "yesterday", check=False), 2, "yesterday", "now-5m")
    assert "0 defects" in leat.run("journal", "check", "shop").stdout
    segment = max((leat.data / "pipelines/shop/journal").iterdir(), key=lambda p: p.stat().st_size)
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0x40
    segment.write_bytes(data)
    damaged = leat.run("journal", "check", "shop", check=False)
    assert damaged.returncode == 1 and "defect: " in damaged.stdout


def test_topic_read_follows(leat, shop):
    leat.sync(shop, "--name", "shop")
    reader = leat.start("topic", "read", "shop", "public.orders", "--from", "500", "--follow")
    follow = leat.follow(shop, "--name", "shop")
    follow.wait_streaming(shop)
    shop.execute("INSERT INTO orders VALUES (1000, 'new')")
    wait_until(lambda: '"new"' in reader.stdout(), "the reader shows the change")
    reader.signal(signal.SIGTERM)
    assert reader.wait() == 0
    follow.stop()


def test_resync_asks(leat, shop):
    leat.sync(shop, "--name", "shop")
    fails(leat.run("resync", "shop", check=False), 2, "--tables")
    assert "next run" in leat.run("resync", "shop", "--tables", "public.orders").stdout
    requests = list((leat.data / "pipelines/shop/requests").glob("resync-*.json"))
    assert [json.loads(r.read_text()) for r in requests] == [{"tables": "public.orders"}]


def findings(result):
    return {(e["level"], e["check"]): e for e in events(result) if e["event"] == "finding"}


def test_doctor_of_a_source(leat, shop):
    shop.execute(
        "CREATE UNLOGGED TABLE scratch (id int PRIMARY KEY);"
        "CREATE TABLE odd (id int PRIMARY KEY, other int NOT NULL);"
        "CREATE UNIQUE INDEX odd_other ON odd (other); ALTER TABLE odd REPLICA IDENTITY USING INDEX odd_other"
    )
    found = findings(leat.run("doctor", shop.url))
    assert ("ok", "wal_level") in found and ("ok", "role") in found and ("ok", "replication") in found
    assert ("warn", "max_slot_wal_keep_size") in found
    assert "public.log" in found[("warn", "identity")]["text"]
    assert "ALTER TABLE public.log REPLICA IDENTITY FULL;" in found[("warn", "identity")]["remedy"]
    assert "public.odd" in found[("warn", "identity_index")]["text"]
    assert "public.scratch" in found[("warn", "unlogged")]["text"]
    text = leat.run("doctor", shop.url, "--output", "text").stdout
    assert re.search(r"^\d+ ok, \d+ warnings, 0 problems$", text, re.M)


def test_doctor_finds_missing_permissions_and_its_remedies_work(leat, shop):
    role = f"bob_{shop.name}"
    shop.execute(f"CREATE ROLE {role} LOGIN")
    url = shop.server.url(shop.name, user=role)
    try:
        result = leat.run("doctor", url, check=False)
        assert result.returncode == 1
        found = findings(result)
        for check in ("role", "create", "select"):
            shop.execute(found[("problem", check)]["remedy"].split("\n--")[0])
        shop.execute(found[("problem", "select")]["remedy"])
        shop.execute(found[("warn", "owner")]["remedy"].splitlines()[0])
        assert leat.run("doctor", url).returncode == 0
    finally:
        shop.execute(f"REVOKE ALL ON DATABASE {shop.name} FROM {role}; DROP OWNED BY {role}; DROP ROLE {role}")


def test_doctor_names_who_blocks_the_slot(leat, shop):
    with shop.connect(autocommit=False) as blocker:
        blocker.execute("INSERT INTO orders VALUES (2000, 'open')")
        pid = blocker.info.backend_pid

        def look():
            found = findings(leat.run("doctor", shop.url))
            return found.get(("warn", "transaction"))

        finding = wait_until(look, "the open transaction is found", interval=1)
        assert str(pid) in finding["text"] and finding["remedy"] == f"SELECT pg_terminate_backend({pid});"
        blocker.rollback()


def test_doctor_of_a_pipeline_and_of_a_sink(leat, shop, work):
    leat.sync(shop, "--name", "shop")
    result = leat.run("doctor", "shop")
    assert ("ok", "journal") in findings(result) and ("ok", "sink") in findings(result)
    assert any("agree" in e["text"] for e in events(result) if e["event"] == "finding")
    next(leat.data.rglob("status.json")).unlink()  # the journal is what counts, not the newest report
    shop.drop_slots()
    result = leat.run("doctor", "shop", check=False)
    assert result.returncode == 1 and "gone" in findings(result)[("problem", "slot")]["text"]
    assert leat.run("doctor", work / "new").returncode == 0
    file = work / "file"
    file.write_text("x")
    assert leat.run("doctor", file / "under", check=False).returncode == 1
    fails(leat.run("doctor", "nothing", check=False), 2, "nothing", "shop")
