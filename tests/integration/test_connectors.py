# SPDX-License-Identifier: Apache-2.0
"""Source and sink connectors of `leat server`: Debezium's and Confluent's configurations, from tables into files."""

import connectors
import pytest
import server as server_module
from wait import wait_until


@pytest.fixture
def server(work, db):
    (work / "server").mkdir()
    made = server_module.Server(work / "server", options={"restart.backoff.min": "100ms"})
    yield made
    made.close()


def until(server, condition, what, timeout=30):
    return server.until(condition, what, timeout)


def until_equal(server, db, lake, topic="shop.public.orders", timeout=30):
    """The files of a topic replay to what the table holds."""
    seen = {}

    def look():
        seen["got"] = connectors.replayed_orders(lake, topic)
        seen["want"] = connectors.order_rows(db)
        return seen["got"] == seen["want"]

    server.until(look, lambda: f"the files equal the table: {seen}", timeout)


def test_json_from_debezium_into_files_of_the_s3_sink(server, db, work):
    db.execute(connectors.ORDERS)
    lake = work / "lake"
    source = {**connectors.source(db), **connectors.JSON_PLAIN}
    sink = {**connectors.s3_sink(work, "shop.public.orders", flush__size="1"), **connectors.JSON_PLAIN}
    connectors.put_document(server, "shop/source", "source", source)
    connectors.put_document(server, "Lake", "sink", sink)
    server.start()
    until_equal(server, db, lake)
    db.execute("UPDATE orders SET name = 'x', amount = -0.5 WHERE id < 4; DELETE FROM orders WHERE id = 5")
    db.execute("UPDATE orders SET id = 100 WHERE id = 6")
    until_equal(server, db, lake)
    assert sorted(path.name for path in (lake / "topics/shop.public.orders/partition=0").iterdir())[:2] == [
        "shop.public.orders+0+0000000000.json",
        "shop.public.orders+0+0000000001.json",
    ]
    ops = "".join(record["op"] for record in connectors.records(lake, "shop.public.orders"))
    assert ops == "r" * 10 + "uuud" + "dc"
    server.stop()
