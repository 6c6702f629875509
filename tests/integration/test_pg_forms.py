# SPDX-License-Identifier: Apache-2.0
"""Types without a binary form that leat knows, and logical messages."""

import base64


def test_a_type_of_an_extension_comes_as_text(carry):
    carry.do("CREATE EXTENSION cube", "CREATE TABLE t (id int PRIMARY KEY, c cube, n numeric)", "CREATE TABLE u (id int PRIMARY KEY)")
    carry.do("INSERT INTO t VALUES (1, '(1,2),(3,4)', 1.50)")
    carry.begin()
    carry.do("BEGIN; INSERT INTO u VALUES (1); INSERT INTO t VALUES (2, '(5,6)', 'NaN'); INSERT INTO u VALUES (2); COMMIT")
    carry.do("UPDATE t SET c = '(0)' WHERE id = 1", "ALTER TABLE u ADD COLUMN c cube", "INSERT INTO u VALUES (3, '(1)')")
    carry.end()


def test_logical_messages_are_rows_of_a_topic(carry):
    carry.do("CREATE TABLE t (id int PRIMARY KEY)")
    carry.begin("--set", "messages=true")
    carry.do("BEGIN; INSERT INTO t VALUES (1); SELECT pg_logical_emit_message(true, 'app', 'in'); COMMIT")
    carry.do("SELECT pg_logical_emit_message(false, 'app', 'out')")
    carry.do("BEGIN; SELECT pg_logical_emit_message(true, 'app', 'never'); ROLLBACK")
    carry.do("INSERT INTO t VALUES (2)")
    carry.end(equal=False)
    carry.leat.sync(carry.db, *carry.args)
    rows = carry.events("messages", "leat")
    assert [(r["prefix"], base64.b64decode(r["content"]), r["transactional"]) for r in rows] == [
        ("app", b"in", True),
        ("app", b"out", False),
    ]
