# SPDX-License-Identifier: Apache-2.0
"""Every type against a real server: what COPY (FORMAT binary) and the text form give must be one value, and print as
PostgreSQL prints it. tests/tools/codec_probe.c compares; docs/sources/postgresql-types.md is the table proved here."""

import os
import pathlib
import random
import struct
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROWS = int(os.environ.get("LEAT_TYPES_ROWS", "2000"))


def probe_program():
    for build in (os.environ.get("LEAT_BUILD", "build"), "build", "build/debug"):
        program = HERE.parents[1] / build / "leat_codec_probe"
        if program.exists():
            return program
    pytest.fail("leat_codec_probe is not built")


def probe(database, query, at_least=1, settings=None):
    """All values of the query; returns how many."""
    done = subprocess.run(
        [str(probe_program()), database.url, query, *([settings] if settings else [])],
        capture_output=True, text=True, timeout=180, errors="replace",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    count = int(done.stdout.split()[0])
    assert count >= at_least, done.stdout
    return count


@pytest.fixture(params=[15, 18])
def database(request):
    """The same tests on the oldest server at hand and on the newest."""
    return request.getfixturevalue("db" if request.param == 15 else "db18")


def create_alltypes(database):
    text = (HERE / "alltypes.sql").read_text(encoding="utf-8")
    database.psql(text)


def test_every_type_of_the_table(db):
    create_alltypes(db)
    probe(db, "SELECT * FROM alltypes ORDER BY id", at_least=250)


EDGES = {
    "bool": ["t", "f"],
    "int2": ["-32768", "32767"],
    "int8": ["-9223372036854775808", "9223372036854775807"],
    "oid": ["0", "4294967295"],
    "xid": ["0", "4294967295"],
    "xid8": ["0", "18446744073709551615"],
    "cid": ["7"],
    "tid": ["(0,1)", "(4294967295,65535)"],
    "pg_lsn": ["0/0", "FFFFFFFF/FFFFFFFF", "16/B374D848"],
    "regclass": ["pg_class", "pg_catalog.pg_type"],
    "regtype": ["int4", "int4[]"],
    "regproc": ["now"],
    "regrole": ["postgres"],
    "float4": ["0", "-0", "1", "1.5", "NaN", "Infinity", "-Infinity", "1e-45", "3.4028235e38", "1.17549435e-38",
               "999999", "1e6", "1234567", "0.0001", "0.00001", "16777216", "8388608", "1e10"],
    "float8": ["0", "-0", "NaN", "Infinity", "-Infinity", "5e-324", "2.2250738585072014e-308", "1e15", "1e14",
               "123456789012345", "1234567890123456", "0.0001", "0.00001", "0.1", "1e22", "1e23", "9007199254740993",
               "1.7976931348623157e308", "4.35", "299792458", "5.684341886080802e-14"],
    "numeric": ["0", "0.000", "-0.0", "1", "10000", "100000000", "0.0001", "0.00001", "1e-100", "1e100", "NaN",
                "Infinity", "-Infinity", "9999.9999", "123456789012345678901234567890.123456789", "-1e1000",
                "1e131071", "1e-16383", "10.10", "0.10"],
    "numeric(5,2)": ["1", "-999.99", "NaN"],
    "numeric(3,-2)": ["12300", "-99900"],
    "numeric(3,5)": ["0.00123"],
    "money": ["0", "0.01", "-0.01", "1234.56", "92233720368547758.07", "-92233720368547758.08", "100"],
    "text": ["", "a", "NULL", " ", "żółć", "a\"b\\c{d},e'f\n\t"],
    "varchar(10)": ["", "żółć"],
    "char(5)": ["", "a"],
    '"char"': ["", "a", "\\377", "\\200"],
    "name": ["", "abc"],
    "xml": ["<a/>", "x", '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><a>é</a>'],
    "json": ["null", ' {"a" : [1, 2]} '],
    "jsonb": ["null", '{"a":[1,2.50]}', '"x"'],
    "jsonpath": ["$.a[*] ? (@ > 1)"],
    "bytea": ["\\x", "\\x00ff5c78"],
    "date": ["infinity", "-infinity", "4714-11-24 BC", "0001-12-31 BC", "0001-01-01", "1999-12-31", "2000-02-29",
             "5874897-12-31", "10000-01-01"],
    "time": ["00:00", "24:00", "23:59:59.999999", "12:00:00.1"],
    "time(2)": ["12:00:00.126"],
    "timetz": ["00:00+15:59:59", "24:00-15:59:59", "12:00:00.5+05:30", "12:00+00", "01:02:03-00:00:01"],
    "timestamp": ["infinity", "-infinity", "4714-11-24 00:00:00 BC", "0044-03-15 12:00:00.5 BC",
                  "1999-12-31 23:59:59.9",
                  "294276-12-31 23:59:59.999999", "2000-01-01", "10000-01-01 00:00:00.000001"],
    "timestamp(0)": ["2024-01-01 00:00:00.5"],
    "timestamptz": ["infinity", "-infinity", "4714-11-24 00:00:00+00 BC", "0044-03-15 12:00:00+00 BC",
                    "294276-12-31 23:59:59.999999+00", "2024-02-29 13:14:15.123456+02"],
    "interval": ["0", "1 year", "-1 year", "1 year -1 day", "-1 mons +1 day -00:00:00.000001", "100:00:00", "-00:01",
                 "178000000 years 11 mons 29 days", "2562047788:00:54.775807", "1.5 s", "-1.5 s", "1 mon -1 s"],
    "interval(2)": ["1.256 s"],
    "interval hour": ["5 hours"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "inet": ["0.0.0.0", "255.255.255.255/0", "10.1.2.3/8", "::", "::1", "::2", "::/0", "::ffff:1.2.3.4", "::1.2.3.4",
             "1::", "1:0:0:2::3", "fe80::1/64", "1:2:3:4:5:6:7:8", "::ffff:0:0", "0:1::", "1:0:2:0:3:0:4:0", "::1:0",
             "0:0:0:0:0:ffff:0:1/96", "::7:1.2.3.4", "64:ff9b::1.2.3.4"],
    "cidr": ["0.0.0.0/0", "10/8", "192.168.1.1", "::/0", "2001:db8::/32", "::1/128", "::ffff:1.2.3.0/120"],
    "macaddr": ["00:00:00:00:00:00", "ff:fe:0a:0b:0c:0d"],
    "macaddr8": ["00:00:00:00:00:00:00:00", "08:00:2b:01:02:03:04:05"],
    "bit(3)": ["101", "000"],
    "bit varying": ["", "1", "10101010", "101010101"],
    "point": ["(0,0)", "(-0,1e300)", "(NaN,Infinity)"],
    "line": ["{1,2,3}", "[(0,0),(1,2)]"],
    "lseg": ["[(1,2),(3,4)]"],
    "box": ["(1,2),(3,4)"],
    "path": ["[(1,2),(3,4)]", "((1,2),(3,4))"],
    "polygon": ["((1,2),(3,4),(5,6.5))"],
    "circle": ["<(1,2),3>"],
    "tsvector": ["", "a:1A,2B,3C,4 b", "'it''s' 'a\\\\b' 'x y':16383"],
    "tsquery": ["", "a", "!a", "!!a", "a & b | c", "a & (b | c)", "!(a & b)", "a <-> b <-> c", "a <-> (b <-> c)",
                "(a | b) <5> c", "!(a <-> b)", "a:*AB & b:CD", "(a & b) & c", "a & (b & c)", "'it''s' | 'a\\\\b'",
                "a <-> (b | c) <-> d", "!a <-> b"],
    "pg_snapshot": ["10:20:10,14,15", "1:1:"],
    "txid_snapshot": ["10:20:10"],
    "int2vector": ["", "1 2 -3"],
    "oidvector": ["1 4294967295"],
    "int4[]": ["{}", "{1,NULL,3}", "{{1,2},{3,4}}", "[0:1]={5,6}", "[2:2][3:4]={{7,8}}", "{{{{{{1}}}}}}"],
    "text[]": ["{}", '{"",NULL,"NULL","null","a b","{","}",",","\\"","\\\\","\t",é}', '{{a,"b c"},{NULL,"d\\"e"}}'],
    "bytea[]": ['{"\\\\x00ff",NULL}'],
    "box[]": ["{(1,2),(3,4);(5,6),(7,8)}", "{}"],
    "point[]": ['{"(1,2)",NULL}'],
    "bool[]": ["{t,f,NULL}"],
    "money[]": ['{"$1,234.56",-1}'],
    "timestamptz[]": ['{"2024-01-01 00:00:00+00",infinity}'],
    "interval[]": ['{"1 day","-1 s"}'],
    "inet[]": ["{1.2.3.4,::1/64}"],
    "regclass[]": ["{pg_class,pg_type}"],
    "tsvector[]": ["{\"'a':1 'b'\",\"\"}"],
    "int4range": ["empty", "[1,5]", "(,5)", "[5,)", "(,)"],
    "int8range": ["[-9223372036854775808,9223372036854775806]"],
    "numrange": ["[1.50,2.0]", "(NaN,)", "[-Infinity,Infinity]"],
    "daterange": ["[2024-01-01,infinity]", "[-infinity,infinity)", "[0044-01-01 BC,)"],
    "tsrange": ["[2024-01-01,2024-01-02)", "(,infinity]"],
    "tstzrange": ["[2024-01-01 00:00+02,2024-01-02 00:00+02)"],
    "int4range[]": ['{"[1,2)",empty,NULL,"(,)"}'],
    "int4multirange": ["{}", "{[1,3),[5,7)}", "{(,)}"],
    "nummultirange": ["{[1.5,2],(3,)}"],
    "tsmultirange": ["{[2024-01-01,2024-01-02),[2025-01-01,)}"],
    "tstzmultirange": ["{[2024-01-01,2024-01-02),[2025-01-01,)}"],
    "datemultirange": ["{[2024-01-01,2024-01-02)}"],
    "int8multirange": ["{[1,2)}"],
}  # fmt: skip


@pytest.mark.parametrize("pgtype", EDGES)
def test_edges(database, pgtype):
    with database.connect() as connection:
        values = EDGES[pgtype]
        if pgtype == '"char"' and database.server.version < 16:
            values = [v for v in values if not v.startswith("\\")]  # its text would not be UTF-8
        if pgtype == "xml":
            values = xml_values(connection, values)
        connection.execute(f"CREATE TABLE edges (id int, v {pgtype})")
        for i, value in enumerate(values):
            connection.execute(f"INSERT INTO edges VALUES ({i}, %s::{pgtype})", (value,))
    probe(database, "SELECT v FROM edges ORDER BY id", at_least=len(values))


def xml_values(connection, values):
    """A server built without libxml takes no xml at all."""
    try:
        connection.execute("SELECT '<a/>'::xml")
    except connection_error() as absent:
        pytest.skip(str(absent))
    return values


def connection_error():
    import psycopg

    return psycopg.errors.FeatureNotSupported


def test_intervals_can_be_infinite_since_17(db18):
    probe(db18, "SELECT 'infinity'::interval a, '-infinity'::interval b, ARRAY['infinity'::interval] c", at_least=3)


def test_types_of_the_users_own(database):
    database.psql("""
        CREATE SCHEMA shop;
        CREATE TYPE shop.mood AS ENUM ('b', 'a', 'it''s "so"');
        CREATE DOMAIN shop.posint AS int CHECK (VALUE > 0);
        CREATE DOMAIN shop.tiny AS shop.posint CHECK (VALUE < 10);
        CREATE DOMAIN shop.ints AS int[];
        CREATE DOMAIN shop.price AS numeric(12,3);
        CREATE TYPE shop.inner AS (a text, b shop.tiny, c numeric(10,2)[]);
        CREATE TYPE shop.outer AS (i shop.inner, m shop.mood, l shop.inner[], d date);
        CREATE TYPE shop.empty AS ();
        CREATE TYPE shop.textrange AS RANGE (subtype = text);
        CREATE TYPE shop.floatrange AS RANGE (subtype = float8, multirange_type_name = shop.floatranges);
        CREATE DOMAIN shop.span AS shop.textrange;
        CREATE TABLE own (id int, v shop.outer, e shop.mood, ea shop.mood[], d shop.tiny, da shop.tiny[], di shop.ints,
            p shop.price, r shop.textrange, f shop.floatrange, fm shop.floatranges, s shop.span, z shop.empty,
            ra shop.textrange[], c regclass, comp_text shop.mood[][]);
        ALTER TYPE shop.inner ADD ATTRIBUTE dropped int;
        ALTER TYPE shop.inner DROP ATTRIBUTE dropped;
        INSERT INTO own VALUES
          (1, ROW(ROW('a "b", (c)\\d', 3, '{1.5,NULL}'), 'a', ARRAY[ROW(NULL, NULL, '{}')::shop.inner, NULL],
           '2024-01-01'),
           'it''s "so"', '{b,NULL,"it''s \\"so\\""}', 9, '{1,9}', '{{1},{2}}', 1.5, '["a ""b",c\\\\)', '[1.5,2)',
           '{[1.5,2),(3,)}', '("",z]', ROW(), '{"[a,b]",empty}', 'pg_class', '{{a},{b}}'),
          (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'empty', '(,)', '{}', '(,"[x]"]', NULL, '{}', 'own', '{}'),
          (3, ROW(NULL, NULL, NULL, NULL), 'b', '{}', 1, '{}', '{}', -1, '["(",",")', '(1,2)', '{}',
           NULL, NULL, NULL, NULL, NULL);
    """)
    probe(database, "SELECT * FROM own ORDER BY id", at_least=35)


def test_extensions(db):
    db.psql("""
        CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION ltree; CREATE EXTENSION citext;
        CREATE EXTENSION cube; CREATE EXTENSION isn; CREATE EXTENSION seg;
        CREATE TABLE e (id int, h ext.hstore, ha ext.hstore[], l ltree, la ltree[], q lquery, t ltxtquery, c citext,
            cube cube, isbn isbn, seg seg, cubes cube[]);
        INSERT INTO e VALUES
          (1, 'a=>1, "b c"=>"d\\"e\\\\f", g=>NULL, "NULL"=>"NULL", ""=>", "', ARRAY['x=>y'::ext.hstore, ''],
           'a.b.c', '{a,b.c}', 'a.*{1,2}.!b|c', 'a & !b', 'AbC', '(1,2),(3,4)', '978-0-393-04002-9', '1..2',
           ARRAY['(1,2)'::cube]),
          (2, '', '{}', '', NULL, NULL, NULL, '', NULL, NULL, NULL, NULL);
    """)
    probe(db, "SELECT * FROM e ORDER BY id", at_least=15)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns", "Africa/Monrovia"])
def test_text_in_other_time_zones(database, zone):
    """The zone of a session changes the text of a timestamptz, never its value."""
    database.execute(
        "CREATE TABLE z AS SELECT i, timestamptz '1900-01-01 00:00+00' + i * interval '61 days 05:43:21.1' AS v "
        "FROM generate_series(-20000, 1000, 7) i"
    )
    probe(database, "SELECT v FROM z ORDER BY i", 1000, f"SET TimeZone = '{zone}'")


def test_text_in_other_styles(db):
    create_alltypes(db)
    settings = "SET IntervalStyle = postgres; SET bytea_output = escape; SET TimeZone = 'Asia/Kolkata'"
    probe(db, "SELECT * FROM alltypes ORDER BY id", 250, settings)


# --- random values -----------------------------------------------------------------------------------------------

SEED = random.Random()


@pytest.fixture(autouse=True)
def same_values(request):
    """In each run, whichever tests the process has run before."""
    SEED.seed(f"20260101 {request.node.name}")


def random_bytes(size):
    return SEED.randbytes(size)


def skewed(bits):
    """Numbers of all lengths, of both signs."""
    number = SEED.getrandbits(SEED.randint(1, bits - 1))
    return number if SEED.random() < 0.5 else -number


def random_float(size):
    """Random bits; decimals of few digits; neighbours of powers of two."""
    kind = SEED.random()
    if kind < 0.5:
        return random_bytes(size)
    form = ">d" if size == 8 else ">f"
    if kind < 0.8:
        return struct.pack(form, skewed(40) / 10 ** SEED.randint(0, 12))
    exponent = SEED.randint(-1070, 1020) if size == 8 else SEED.randint(-148, 126)
    bits = int.from_bytes(struct.pack(form, 2.0**exponent), "big")
    return max(0, bits + SEED.choice((-1, 0, 0, 1))).to_bytes(size, "big")


def random_interval():
    return struct.pack(">qii", skewed(64), skewed(32), skewed(32))


def random_inet():
    if SEED.random() < 0.3:
        return bytes([2, SEED.randint(0, 32), 0, 4]) + random_bytes(4)
    words = [SEED.choice((0, 0, 1, 0xFFFF, SEED.getrandbits(16))) for _ in range(8)]
    return bytes([3, SEED.randint(0, 128), 0, 16]) + struct.pack(">8H", *words)


def random_varbit():
    count = SEED.randint(0, 70)
    bits = SEED.getrandbits(count) << (-count % 8) if count else 0
    return struct.pack(">i", count) + bits.to_bytes((count + 7) // 8, "big")


RANDOM_BINARY = {
    "int2": lambda: random_bytes(2),
    "int4": lambda: struct.pack(">i", skewed(32)),
    "int8": lambda: struct.pack(">q", skewed(64)),
    "float4": lambda: random_float(4),
    "float8": lambda: random_float(8),
    "money": lambda: struct.pack(">q", skewed(64)),
    "date": lambda: struct.pack(">i", SEED.choice((SEED.randint(-2451545, 2145031948), SEED.randint(-900000, 900000)))),
    "time": lambda: struct.pack(">q", SEED.randint(0, 86400000000)),
    "timetz": lambda: struct.pack(">qi", SEED.randint(0, 86400000000), SEED.randint(-57599, 57599)),
    "timestamp": lambda: struct.pack(">q", SEED.randint(-211813488000000000, 9223371331199999999)),
    "timestamptz": lambda: struct.pack(">q", SEED.randint(-90000000000000000, 90000000000000000)),
    "interval": random_interval,
    "uuid": lambda: random_bytes(16),
    "inet": random_inet,
    "macaddr8": lambda: random_bytes(8),
    "varbit": random_varbit,
    "bytea": lambda: random_bytes(SEED.randint(0, 40)),
    "point": lambda: random_float(8) + random_float(8),
    "tid": lambda: random_bytes(6),
    "xid8": lambda: random_bytes(8),
}


@pytest.mark.parametrize("pgtype", RANDOM_BINARY)
def test_random_bits(db, pgtype):
    with db.connect() as connection:
        connection.execute(f"CREATE TABLE r (id int, v {pgtype})")
        data = [b"PGCOPY\n\xff\r\n\0" + bytes(8)]
        for i in range(ROWS):
            value = RANDOM_BINARY[pgtype]()
            data.append(struct.pack(">hiii", 2, 4, i, len(value)) + value)
        data.append(b"\xff\xff")
        with connection.cursor() as cursor, cursor.copy("COPY r FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"".join(data))
    probe(db, "SELECT v FROM r ORDER BY id", at_least=ROWS)
    if pgtype in ("interval", "bytea"):
        settings = "SET IntervalStyle = postgres; SET bytea_output = escape"
        probe(db, "SELECT v FROM r ORDER BY id", ROWS, settings)


def random_numeric():
    digits = SEED.choice((1, 4, 8, 20, 100, 1000))
    text = "".join(SEED.choice("0123456789" if SEED.random() < 0.7 else "09") for _ in range(SEED.randint(1, digits)))
    point = SEED.randint(0, len(text))
    text = f"{text[:point] or '0'}.{text[point:]}" if SEED.random() < 0.8 else text
    text = text.rstrip(".")
    return SEED.choice(("", "-")) + text + SEED.choice(("", "", f"e{SEED.randint(-300, 300)}"))


def random_text():
    return "".join(SEED.choice('ab ,{}()[]"\\\'=>é\tN:;|&!') for _ in range(SEED.randint(0, 12)))


def test_random_numerics(db):
    with db.connect() as connection:
        connection.execute("CREATE TABLE r (id int, v numeric, a numeric[], s numeric(60,20))")
        with connection.cursor() as cursor, cursor.copy("COPY r FROM STDIN") as copy:
            for i in range(ROWS):
                number = random_numeric()
                scaled = f"{skewed(100)}.{SEED.randrange(10**6):06}"
                copy.write_row((i, number, [random_numeric(), None, number], scaled))
    probe(db, "SELECT v, a, s FROM r ORDER BY id", at_least=ROWS * 3)


def test_random_texts_inside_other_values(db):
    """Quoting: strings of nothing but troublesome characters, in each value that holds strings."""
    with db.connect() as connection:
        connection.execute("""
            CREATE EXTENSION hstore;
            CREATE TYPE pair AS (a text, b text);
            CREATE TYPE textrange AS RANGE (subtype = text);
            CREATE TABLE r (id int, v text, w text);
            CREATE VIEW q AS SELECT id, ARRAY[v, w, NULL] AS list, ARRAY[ROW(v, w)::pair] AS pairs,
                ROW(w, v)::pair AS pair, textrange(least(v, w), greatest(v, w)) AS span,
                ARRAY[textrange(v, NULL)] AS spans,
                hstore(ARRAY[v, w || 'x'], ARRAY[w, NULL]) AS map,
                array_to_tsvector(ARRAY[v || 'v', w || 'w']) AS lexemes
            FROM r""")
        with connection.cursor() as cursor, cursor.copy("COPY r FROM STDIN") as copy:
            for i in range(ROWS):
                copy.write_row((i, random_text(), random_text()))
    probe(db, "SELECT * FROM q ORDER BY id", at_least=ROWS * 7)


def random_tsquery(depth):
    if depth == 0 or SEED.random() < 0.2:
        return SEED.choice("abc") + SEED.choice(("", "", ":A", ":*", ":*BD"))
    if SEED.random() < 0.2:
        return f"!({random_tsquery(depth - 1)})"
    op = SEED.choice(("&", "|", "<->", f"<{SEED.randint(0, 16384)}>"))
    return f"({random_tsquery(depth - 1)}) {op} ({random_tsquery(depth - 1)})"


def test_random_tsqueries(db):
    with db.connect() as connection:
        connection.execute("CREATE TABLE r (id int, v tsquery)")
        with connection.cursor() as cursor, cursor.copy("COPY r FROM STDIN") as copy:
            for i in range(ROWS):
                copy.write_row((i, random_tsquery(SEED.randint(1, 5))))
            copy.write_row((ROWS, " & ".join("a" for _ in range(300))))
    probe(db, "SELECT v FROM r ORDER BY id", at_least=ROWS + 1)
