# SPDX-License-Identifier: Apache-2.0
"""The proof itself: it holds for what is right, and sees what is not."""

import json

import replay

ROW = {"__source_ts_ms": 1, "__deleted": False}


def write(out, table, *rows):
    directory = out / "public" / table
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{table}-{len(list(directory.iterdir()))}.json"
    path.write_text("".join(json.dumps({**ROW, **row}) + "\n" for row in rows))


def change(op, lsn, ordinal, **columns):
    return {"__op": op, "__commit_lsn": lsn, "__ordinal": ordinal, **columns}


def prove(db, out, table):
    with db.connect() as connection:
        return replay.prove(connection, out, [table])[0]


def test_changes_apply_in_the_order_of_the_log(db, work, check_equal):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    db.execute("INSERT INTO t VALUES (2, 'two'), (5, 'moved'), (6, 'kept')")
    write(work, "t", change("c", 20, 1, id=2, v="early"), change("u", 30, 1, id=2, v="two"), change("d", 30, 2, id=3))
    write(work, "t", change("r", 9, 1, id=3, v="x"), change("c", 12, 1, id=4, v="moved"))
    write(work, "t", change("c", 13, 1, id=6, v="kept"))
    write(work, "t", change("t", 8, 1), change("c", 7, 1, id=99, v="cleared"))
    write(
        work, "t",
        change("d", 40, 1, id=4),
        change("c", 40, 2, id=5, v=None, __unchanged=["v"], __key_before={"id": 4}),
        change("u", 41, 1, id=6, v=None, __unchanged=["v"]),
    )  # fmt: skip
    proof = check_equal(db, work)["public.t"]
    assert (proof.source, proof.replayed, proof.events) == (3, 3, 11)


def test_what_is_wrong_is_seen(db, work):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    write(work, "t", change("c", 1, 1, id=1, v="a"), change("c", 1, 2, id=2, v="other"))
    write(work, "t", change("c", 1, 1, id=1, v="a"), change("c", 1, 3, id=4, v="d"))
    proof = prove(db, work, "t")
    assert (proof.differing, proof.lost, proof.extra, proof.doubled) == (1, 1, 1, 1)
    assert not proof.holds()


def test_an_unchanged_column_needs_a_row_before(db, work):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, NULL)")
    write(work, "t", change("u", 1, 1, id=1, v=None, __unchanged=["v"]))
    assert not prove(db, work, "t").holds()


def test_a_table_without_key_is_a_bag(db, work, check_equal):
    db.execute("CREATE TABLE t (v int); INSERT INTO t VALUES (1), (1), (2)")
    write(work, "t", *[change("r", 1, n, v=v) for n, v in enumerate([1, 1, 1, 2])], change("d", 2, 1, v=1))
    check_equal(db, work)
    write(work, "t", change("d", 3, 1, v=7))
    assert not prove(db, work, "t").holds()


def test_values_compare_in_their_json_forms(db, work, check_equal):
    db.execute("CREATE EXTENSION hstore")
    db.execute("CREATE TYPE mood AS ENUM ('fine', 'so so')")
    db.execute("CREATE TYPE pair AS (a int, b text); CREATE DOMAIN positive AS int")
    columns = {
        "b": ("bool", "true", True),
        "i": ("int8", "-9223372036854775808", -9223372036854775808),
        "f": ("float8", "0.1", 0.1),
        "f4": ("float4", "1e20", 1e20),
        "nan": ("float8", "'NaN'", "NaN"),
        "n": ("numeric", "1.500", "1.500"),
        "x": ("bytea", r"'\x00ff'", "AP8="),
        "d": ("date", "'0044-03-15 BC'", "0044-03-15 BC"),
        "ts": ("timestamp", "'2026-01-01 13:14:15.5'", "2026-01-01T13:14:15.5"),
        "tz": ("timestamptz", "'2026-01-01 13:14:15+02'", "2026-01-01T11:14:15Z"),
        "bc": ("timestamptz", "'0044-03-15 10:00:00+00 BC'", "0044-03-15T10:00:00Z BC"),
        "inf": ("timestamptz", "'infinity'", "infinity"),
        "iv": ("interval", "'1 day 2:03:04.5'", "P1DT2H3M4.5S"),
        "j": ("jsonb", """'{"a": [1, null]}'""", '{"a": [1, null]}'),
        "jn": ("json", "'null'", "null"),
        "u": ("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", "00112233-4455-6677-8899-aabbccddeeff"),
        "m": ("mood", "'so so'", "so so"),
        "p": ("positive", "7", 7),
        "ia": ("int[]", "'{{1,2},{NULL,4}}'", [[1, 2], [None, 4]]),
        "ea": ("int[]", "'{}'", []),
        "lb": ("int[]", "'[0:1]={5,6}'", [5, 6]),
        "ta": ("text[]", r"""ARRAY['a,b', 'NULL', NULL, '', E'q"\\']""", ["a,b", "NULL", None, "", 'q"\\']),
        "tsa": ("timestamp[]", "'{2026-01-01 00:00:00}'", ["2026-01-01T00:00:00"]),
        "c": ("pair", "ROW(1, 'x \"y\" (z), ')::pair", {"a": 1, "b": 'x "y" (z), '}),
        "cn": ("pair", "ROW(NULL, '')::pair", {"a": None, "b": ""}),
        "ca": ("pair[]", "ARRAY[ROW(1, 'p,q')::pair]", [{"a": 1, "b": "p,q"}]),
        "h": ("hstore", """'a=>1, "b c"=>NULL, d=>"x\\"y"'""", {"a": "1", "b c": None, "d": 'x"y'}),
        "r": ("int4range", "'[1,5]'", "[1,6)"),
        "tr": ("tsrange", "'[2026-01-01, 2026-01-02)'", "[2026-01-01T00:00:00,2026-01-02T00:00:00)"),
        "mr": ("int4multirange", "'{[1,2],[5,6]}'", "{[1,3),[5,7)}"),
        "z": ("text", "NULL", None),
    }
    db.execute("CREATE TABLE t (id int PRIMARY KEY, " + ", ".join(f"{c} {t}" for c, (t, _, _) in columns.items()) + ")")
    db.execute("INSERT INTO t VALUES (1, " + ", ".join(v for _, v, _ in columns.values()) + ")")
    right = {column: value for column, (_, _, value) in columns.items()}
    write(work / "right", "t", change("c", 1, 1, id=1, **right))
    check_equal(db, work / "right")
    for column, value in right.items():
        wrong = "wrong" if value is None else None
        write(work / f"wrong-{column}", "t", change("c", 1, 1, id=1, **{**right, column: wrong}))
        assert prove(db, work / f"wrong-{column}", "t").differing == 1, column


def test_a_server_can_be_crashed_and_comes_back(new_postgres):
    server = new_postgres(settings={"fsync": "on"})
    db = server.create_database()
    db.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
    server.restart("crash")
    assert db.value("SELECT count(*) FROM t") == 1
    server.restart()
    assert db.psql("SELECT id FROM t") == "1\n"


def test_postgresql_18_runs_beside_15(db18):
    assert db18.value("SHOW server_version_num").startswith("18")
