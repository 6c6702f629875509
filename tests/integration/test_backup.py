# SPDX-License-Identifier: Apache-2.0
"""leat backup: taken while a pipeline runs, restored into another place, the pipeline goes on from there."""

import json
import shutil
import subprocess
import time

import pytest
import server as server_module

SETUP = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 2000) i"
CHANGE = (
    "UPDATE t SET v = v || '{n}' WHERE id % 5 = {n} % 5; DELETE FROM t WHERE id = {n} + 100;"
    " INSERT INTO t SELECT 10000 + {n} * 100 + i, repeat('x', 400) FROM generate_series(1, 99) i"
)
SINK = ["--set", "ack.policy=sink", "--set", "file.rotate.bytes=16KiB", "--set", "journal.segment.bytes=1MiB"]


def change(db, numbers):
    for n in numbers:
        db.execute(CHANGE.replace("{n}", str(n)))


def contents(directory):
    return {
        path.relative_to(directory): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.endswith(("lock", "status.json"))  # these are of the running process
    }


def restored(leat, backup):
    shutil.rmtree(leat.data)
    leat.run("backup", "restore", backup)


@pytest.mark.early
def test_taken_while_it_runs(leat, db, check_equal, tmp_path):
    """Again and again under load; each is restored and goes on, rows neither lost nor doubled."""
    db.execute(SETUP)
    process = leat.follow(db, *SINK)
    process.wait_streaming(db)
    backups = []
    for round_ in range(3):
        change(db, range(round_ * 20, round_ * 20 + 10))
        backups.append(tmp_path / f"{round_}.backup")
        leat.run("backup", "create", backups[-1])
        change(db, range(round_ * 20 + 10, round_ * 20 + 20))
    process.stop()
    for n, backup in enumerate(reversed(backups)):
        restored(leat, backup)
        assert not list(leat.data.glob("pipelines/*/journal/pins/backup-*"))
        change(db, [100 + n])
        leat.sync(db, *SINK)
        check_equal(db, leat.out)


def test_refusals(leat, db, tmp_path):
    db.execute(SETUP)
    backup = tmp_path / "b"
    nothing = leat.run("backup", "create", backup, check=False)
    assert nothing.returncode == 2 and "no data directory" in nothing.stderr and not backup.exists()
    leat.sync(db)
    leat.run("backup", "create", backup)
    again = leat.run("backup", "create", backup, check=False)
    assert again.returncode == 2 and "is there already" in again.stderr
    occupied = leat.run("backup", "restore", backup, check=False)
    assert occupied.returncode == 2 and "is not empty" in occupied.stderr
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.parametrize("damage", ["cut", "flipped", "other"])
def test_damaged_ones_restore_nothing(damage, leat, db, tmp_path):
    db.execute(SETUP)
    backup = tmp_path / "b"
    leat.sync(db)
    leat.run("backup", "create", backup)
    content = bytearray(backup.read_bytes())
    if damage == "cut":
        del content[len(content) * 3 // 4 :]
    elif damage == "flipped":
        content[len(content) // 2] ^= 0x55
    else:
        content[:] = b"something else"
    backup.write_bytes(content)
    held = contents(leat.data)
    shutil.rmtree(leat.data)
    failed = leat.run("backup", "restore", backup, check=False)
    if damage == "flipped" and failed.returncode == 0:  # it hit what stands between two files
        assert contents(leat.data) == held
        return
    assert failed.returncode != 0 and "error:" in failed.stderr
    assert not leat.data.exists() and not leat.data.with_name(leat.data.name + ".restoring").exists()


def test_no_schema_id_is_given_out_twice(work):
    """Two schemas come after the backup and are lost; what comes after its restore, and after another one of it, has
    other ids."""
    (work / "server").mkdir()
    backup = work / "backup"

    def cli(*argv):
        argv = [str(server.binary), "backup", *map(str, argv), "--data-dir", str(server.data)]
        return subprocess.run(argv, capture_output=True, text=True, env=server.env(), timeout=180, check=True).stdout

    def register(name):
        schema = json.dumps({"type": "record", "name": name, "fields": [{"name": "id", "type": "long"}]})
        answer = server.registry("POST", f"/subjects/{name}/versions", {"schema": schema})
        assert answer.status == 200, answer
        return answer.json()["id"]

    with server_module.Server(work / "server") as server:
        given = [register("before")]
        cli("create", backup)
        given += [register("lost"), register("lost_too")]
        assert given == [1, 2, 3]
        for n in range(2):
            server.kill()
            shutil.rmtree(server.data)
            began = time.time()
            assert "new schemas get ids from " in cli("restore", backup)
            server.start()
            assert register("before") == 1
            given += [register(f"new{n}"), register(f"newer{n}")]
            assert len(given) == len(set(given)) and given[-2] > 1_000_000, given
            server.until(lambda: time.time() > began + 3, "more seconds than ids have passed")  # noqa: B023
