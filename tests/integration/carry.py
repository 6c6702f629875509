# SPDX-License-Identifier: Apache-2.0
"""One pipeline from its first snapshot through changes to the proof, in two ways.

live: leat follows while the changes are made. later: leat reads them all afterwards, when the catalog is ahead of the
stream. What the files say must be the same.
"""

import replay

ALL_READ = '"changes are streaming into the journal"'  # what the log says behind each round of reading


class Carry:
    def __init__(self, leat, db, check_equal, live):
        self.leat, self.db, self.check_equal, self.live = leat, db, check_equal, live
        self.args, self.process = (), None

    def begin(self, *args):
        """The first run: after it the tables are read and their changes stream."""
        # What is not published (an UPDATE of a table without identity) is acknowledged lazily; a row here is at once.
        self.db.execute("CREATE SCHEMA carry; CREATE TABLE carry.mark (n serial PRIMARY KEY)")
        self.args = tuple(f"{a},carry.mark" if b == "--tables" else a for a, b in zip(args, ("", *args)))
        if self.live:
            self.process = self.leat.follow(self.db, *self.args)
            self.process.wait_log(ALL_READ)
            self.settle()
        else:
            self.leat.sync(self.db, *self.args)

    def settle(self):
        """Until everything committed so far is durable, and the first tables are read (live only). Of a table that came
        later, or is read again, what is durable may wait until it is read."""
        if self.live:
            self.db.execute("INSERT INTO carry.mark DEFAULT VALUES")
            self.process.wait_durable(self.db)
            self.process.until(self.is_all_read, "no table is being read")

    def is_all_read(self):
        told = self.process.stderr()
        return told.rfind(ALL_READ) >= told.rfind('"reading tables"')

    def do(self, *statements):
        for statement in statements:
            self.db.execute(statement)

    def end(self, tables=None, equal=True):
        """Carries the rest; the proofs, by table."""
        if self.live:
            self.settle()
            self.process.stop()
        self.leat.sync(self.db, *self.args)
        return self.check_equal(self.db, self.leat.out, tables) if equal else None

    def events(self, table, schema="public"):
        """What was written for a table, in the order of the log."""
        return [row for _, _, row in sorted(read(self.leat.out, table, schema), key=lambda event: event[:2])]

    def log(self):
        return "".join(process.stderr() for process in self.leat.processes)


def read(out, table, schema="public"):
    return replay.read_events(replay.table_directory(out, schema, table))


def ops(events):
    return "".join(row["__op"] for row in events)
