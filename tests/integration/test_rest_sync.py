# SPDX-License-Identifier: Apache-2.0
"""leat sync into Iceberg REST catalogs, as PyIceberg reads it: faults, restarts, credentials of every kind."""

import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from apache_catalog import ApacheCatalog
from catalog import CatalogServer
from catalog_proxy import CatalogProxy
from pyiceberg.table.snapshots import Operation
from wait import wait_until

FRESH = ["--set", "freshness=50ms"]
KEYS = ("AKIDLEAT", "not-to-be-seen")


@pytest.fixture
def new_catalog(work):
    """new_catalog("leat" or "apache"): a server of the test's own."""
    servers = []

    def make(kind, *flags, **options):
        directory = work / f"catalog{len(servers)}"
        server = CatalogServer(directory, *flags, **options) if kind == "leat" else ApacheCatalog(directory, **options)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.close()


@pytest.fixture(params=["leat", "apache"])
def catalog(request, new_catalog):
    return new_catalog(request.param)


@pytest.fixture
def proxy(catalog):
    with CatalogProxy(catalog.port) as one:
        yield one


def into(leat, url):
    leat.format = "iceberg"
    leat.out = f"iceberg+{url}"
    return leat


def rows(client, name):
    return sorted(tuple(row.values()) for row in client.load_table(name).scan().to_arrow().to_pylist())


def check(client, db, *tables):
    for table in tables:
        assert rows(client, f"public.{table}") == sorted(map(tuple, db.query(f"SELECT * FROM {table}"))), table


def offsets(client, name):
    """Of every snapshot that leat has made of changes, oldest first (maintenance's have that of the one before)."""
    snapshots = sorted(client.load_table(name).metadata.snapshots, key=lambda one: one.sequence_number)
    made = [one.summary for one in snapshots if one.summary and one.summary.operation is not Operation.REPLACE]
    return [int(summary["leat.offset"]) for summary in made if "leat.offset" in summary]


def make_tables(db, *names):
    for name in names:
        db.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, v text)")
        db.execute(f"INSERT INTO {name} SELECT i, 'v' || i FROM generate_series(1, 500) i")


def change(db, i, *names):
    statements = "".join(
        f"INSERT INTO {name} VALUES ({1000 + i}, 'new'); UPDATE {name} SET v = 'u{i}' WHERE id % 50 = {i % 50};"
        f"DELETE FROM {name} WHERE id = {400 + i};"
        for name in names
    )
    db.execute(f"BEGIN; {statements} COMMIT")


def test_rows_arrive(leat, db, catalog):
    make_tables(db, "a", "b")
    into(leat, catalog.url)
    leat.sync(db, *FRESH)
    check(catalog.pyiceberg(), db, "a", "b")
    for i in range(5):
        change(db, i, "a", "b")
    db.execute("ALTER TABLE a ADD c int; UPDATE a SET c = id; CREATE TABLE d (id int PRIMARY KEY)")
    db.execute("INSERT INTO d VALUES (1)")
    leat.sync(db, *FRESH)
    check(catalog.pyiceberg(), db, "a", "b", "d")


def test_no_commit_is_lost_or_doubled(leat, db, catalog, proxy):
    for fault, every in (("late", 11), ("cut_after", 7), ("error_after", 5), ("twice", 3), ("mangled", 4), ("busy", 9)):
        proxy.add(fault, every=every)
    proxy.add("gateway_after", every=7, match=lambda one: one.method == "GET" and "/tables/" in one.path)
    make_tables(db, "a", "b")
    into(leat, proxy.url)
    process = leat.follow(db, *FRESH)
    process.wait_streaming(db)
    client = catalog.pyiceberg()
    for i in range(60):
        change(db, i, "a", "b")
        if i % 6 == 5:
            process.wait_durable(db)
            done = i + 1000
            wait_until(lambda: done in {row[0] for row in rows_if(client, "public.a")}, "the change is there")
    process.stop()
    check(client, db, "a", "b")
    for name in ("public.a", "public.b"):
        seen = offsets(client, name)
        assert seen == sorted(set(seen)) and len(seen) > 5, seen
    assert len(proxy.faults) >= 4, proxy.faults


def rows_if(client, name):
    try:
        return rows(client, name)
    except Exception:  # noqa: BLE001 - not there yet
        return []


def test_a_catalog_that_is_away_is_waited_for(leat, db, catalog):
    make_tables(db, "a")
    into(leat, catalog.url)
    process = leat.follow(db, *FRESH)
    client = catalog.pyiceberg()
    wait_until(lambda: len(rows_if(client, "public.a")) == 500, "the snapshot is there")
    catalog.close()
    for i in range(5):
        change(db, i, "a")
        process.wait_durable(db)
    process.until(lambda: "the catalog" in process.stderr(), "it says that the catalog is away")
    catalog.restart()
    wait_until(lambda: 1004 in {row[0] for row in rows_if(client, "public.a")}, "what came meanwhile is there")
    process.stop()
    check(client, db, "a")


# --- who we are ---


class TokenGate:
    """An identity provider and the gate behind it: each token is good for so many requests."""

    def __init__(self, proxy, credential, uses=5, expires_in=3600, path="/token"):
        self.credential, self.uses, self.expires_in, self.path = credential, uses, expires_in, path
        self.given, self.used, self.forms = 0, 0, []
        proxy.check = self.check

    def check(self, request):
        if request.path == self.path:
            form = dict(urllib.parse.parse_qsl(request.body.decode()))
            self.forms.append(form)
            if (form.get("client_id"), form.get("client_secret")) != self.credential:
                return 401, {"error": "invalid_client", "error_description": f"not {form.get('client_secret')}"}
            self.given, self.used = self.given + 1, 0
            return 200, {"access_token": f"token-{self.given}", "token_type": "bearer", "expires_in": self.expires_in}
        self.used += 1
        if request.headers.get("authorization") != f"Bearer token-{self.given}":
            return 401, {"error": {"message": "who is that?", "type": "NotAuthorizedException", "code": 401}}
        if self.used > self.uses:
            return 419, {"error": {"message": "too old", "type": "AuthenticationTimeoutException", "code": 419}}
        return None


def test_tokens_are_asked_for_and_renewed(leat, db, catalog, proxy):
    gate = TokenGate(proxy, ("leat", "s3cr3t:with/colon+"))
    make_tables(db, "a")
    into(leat, proxy.url)
    args = ["--set", "catalog.credential=${env:THE_CREDENTIAL}"]
    args += ["--set", f"catalog.oauth2.server.uri={proxy.url}/token", *FRESH]
    args += ["--set", "catalog.scope=PRINCIPAL_ROLE:ALL"]
    env = {"THE_CREDENTIAL": "leat:s3cr3t:with/colon+"}
    leat.sync(db, *args, env=env)
    change(db, 1, "a")
    result = leat.sync(db, *args, env=env)
    check(catalog.pyiceberg(), db, "a")
    assert gate.given > 2, "no token was renewed"
    assert gate.forms[0]["grant_type"] == "client_credentials" and gate.forms[0]["scope"] == "PRINCIPAL_ROLE:ALL"
    assert "s3cr3t" not in result.stderr and "token-" not in result.stderr
    stored = "".join(path.read_text() for path in (leat.data / "pipelines").rglob("*.json"))
    assert "${env:THE_CREDENTIAL}" in stored and "s3cr3t" not in stored


def test_tokens_are_renewed_before_they_expire(leat, db, catalog, proxy):
    gate = TokenGate(proxy, ("leat", "secret"), uses=10**6, expires_in=1)  # at once, that is
    make_tables(db, "a")
    into(leat, proxy.url)
    args = ["--set", "catalog.credential=leat:secret", "--set", "catalog.oauth2.server.uri=token", *FRESH]
    leat.sync(db, *args)
    check(catalog.pyiceberg(), db, "a")
    others = len(proxy.requests) - len(gate.forms)
    assert gate.given == others and others > 3, (gate.given, others)


def test_a_wrong_secret_is_said_and_not_told(leat, db, catalog, proxy):
    TokenGate(proxy, ("leat", "right"))
    make_tables(db, "a")
    into(leat, proxy.url)
    args = ["--set", "catalog.credential=leat:wr0ngsecret", "--set", "catalog.oauth2.server.uri=token"]
    result = leat.sync(db, *args, check=False)
    assert result.returncode != 0 and "invalid_client" in result.stderr, result.stderr
    assert "wr0ngsecret" not in result.stderr and "catalog.credential" in result.stderr


def test_the_catalogs_own_token_endpoint(leat, db, new_catalog, work):
    tokens = work / "tokens"
    tokens.write_text("w operator plain:writing\nr reader plain:reading\n")
    tokens.chmod(0o600)
    catalog = new_catalog("leat", "--set", f"auth.token.file={tokens}")
    make_tables(db, "a")
    into(leat, catalog.url)
    leat.sync(db, "--set", "catalog.credential=w:writing", *FRESH)
    check(catalog.pyiceberg(token="reading"), db, "a")
    held = work / "held"
    held.write_text("writing\n")
    change(db, 1, "a")
    leat.sync(db, "--set", f"catalog.token=${{file:{held}}}", *FRESH)
    check(catalog.pyiceberg(token="reading"), db, "a")
    change(db, 2, "a")
    for option in ("catalog.token=reading", "catalog.token=nonsense"):
        result = leat.sync(db, "--set", option, *FRESH, check=False)
        assert result.returncode != 0 and "nonsense" not in result.stderr, result.stderr


def test_a_bearer_token_that_is_changed_in_its_file(leat, db, catalog, proxy, work):
    held = work / "held"
    held.write_text("first")
    taken = {"Bearer first"}

    def gate(request):
        good = request.headers.get("authorization") in taken
        return None if good else (401, {"error": {"message": "no", "type": "NotAuthorizedException", "code": 401}})

    proxy.check = gate
    make_tables(db, "a")
    into(leat, proxy.url)
    process = leat.follow(db, "--set", f"catalog.token=${{file:{held}}}", *FRESH)
    client = catalog.pyiceberg()
    wait_until(lambda: len(rows_if(client, "public.a")) == 500, "the snapshot is there")
    taken.add("Bearer second")  # at no moment is what the file says refused
    (work / "next").write_text("second")
    (work / "next").rename(held)
    taken.remove("Bearer first")
    change(db, 1, "a")
    wait_until(lambda: 1001 in {row[0] for row in rows_if(client, "public.a")}, "the change is there")
    process.stop()
    check(client, db, "a")


def test_requests_are_signed_as_botocore_does(leat, db, catalog, proxy):
    wrong = []

    def gate(request):
        given = request.headers.get("authorization", "")
        keys = botocore.credentials.Credentials(KEYS[0], KEYS[1], "the-session")
        signed = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        headers = {name: request.headers[name] for name in signed if name in request.headers}
        again = botocore.awsrequest.AWSRequest(
            request.method, f"http://{request.headers['host']}{request.path}", headers=headers, data=request.body
        )
        again.context["timestamp"] = request.headers["x-amz-date"]
        signer = botocore.auth.SigV4Auth(keys, "glue", "eu-central-1")
        text = signer.string_to_sign(again, signer.canonical_request(again))
        if given.rpartition("Signature=")[2] != signer.signature(text, again):
            wrong.append((request.method, request.path))
            return 403, {"error": {"message": "signature", "type": "ForbiddenException", "code": 403}}
        return None

    proxy.check = gate
    db.execute('CREATE TABLE "odd näme+1" (id int PRIMARY KEY, v text); INSERT INTO "odd näme+1" VALUES (1, \'x\')')
    make_tables(db, "a")
    into(leat, proxy.url)
    args = ["--set", "catalog.auth=sigv4", "--set", "catalog.signing.name=glue", *FRESH]
    args += ["--set", "catalog.signing.region=eu-central-1", "--set", f"catalog.access.key={KEYS[0]}"]
    args += ["--set", "catalog.secret.key=${env:SECRET}", "--set", "catalog.session.token=${env:SESSION}"]
    result = leat.sync(db, *args, env={"SECRET": KEYS[1], "SESSION": "the-session"})
    assert not wrong
    check(catalog.pyiceberg(), db, "a")
    assert KEYS[1] not in result.stderr


# --- the storage ---


class KeyGate:
    """What the catalog says of the storage, put into its answers by the proxy; with keys that are refused at first."""

    def __init__(self, proxy, bucket, bad=0, expires_ms=None, credentials=False):
        self.bucket, self.bad, self.expires_ms, self.credentials = bucket, bad, expires_ms, credentials
        self.handed = 0
        proxy.change = self.change
        proxy.check = self.check

    def config(self):
        server = self.bucket.server
        self.handed += 1
        secret = server.secret_key if self.handed > self.bad else "refused-secret"
        expires = {"s3.session-token-expires-at-ms": str(self.expires_ms)} if self.expires_ms else {}
        return {
            "s3.endpoint": server.endpoint,
            "client.region": "us-east-1",
            "s3.path-style-access": "true",
            "s3.access-key-id": server.access_key,
            "s3.secret-access-key": secret,
            **expires,
        }

    def check(self, request):
        if self.credentials and request.path.endswith("/credentials"):
            return 200, {"storage-credentials": [{"prefix": self.bucket.url("lake"), "config": self.config()}]}
        return None

    def change(self, request, answer):
        if request.path.startswith("/v1/config") and self.credentials:
            answer["endpoints"].append("GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials")
        if "metadata" in answer and request.headers.get("x-iceberg-access-delegation") == "vended-credentials":
            if self.credentials:
                answer["storage-credentials"] = [{"prefix": self.bucket.url("lake"), "config": self.config()}]
            else:
                answer["config"] = self.config()
        return answer


def s3_catalog(kind, new_catalog, bucket):
    if kind == "apache":
        return new_catalog("apache", bucket=bucket)
    server = bucket.server
    env = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
    env |= {"AWS_ENDPOINT_URL_S3": server.endpoint, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
    return new_catalog("leat", warehouse=bucket.url("lake"), env=env)


def s3_reader(catalog, bucket):
    server = bucket.server
    keys = {"s3.access-key-id": server.access_key, "s3.secret-access-key": server.secret_key}
    return catalog.pyiceberg(**keys, **{"s3.endpoint": server.endpoint, "s3.region": "us-east-1"})


NO_KEYS = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nowhere"}


@pytest.mark.parametrize("kind", ["leat", "apache"])
def test_rows_arrive_in_s3_by_own_keys(leat, db, new_catalog, versitygw, kind):
    catalog = s3_catalog(kind, new_catalog, versitygw)
    server = versitygw.server
    make_tables(db, "a", "b")
    into(leat, catalog.url)
    args = ["--set", f"s3.endpoint={server.endpoint}", "--set", "s3.region=us-east-1", *FRESH]
    args += ["--set", f"s3.access.key={server.access_key}", "--set", "s3.secret.key=${env:S3_SECRET}"]
    env = {**NO_KEYS, "S3_SECRET": server.secret_key}
    leat.sync(db, *args, env=env)
    for i in range(3):
        change(db, i, "a", "b")
    leat.sync(db, *args, env=env)
    check(s3_reader(catalog, versitygw), db, "a", "b")


@pytest.mark.parametrize("how", ["table", "prefix", "refused", "expiring"])
def test_keys_that_the_catalog_hands_out(leat, db, new_catalog, versitygw, how):
    catalog = s3_catalog("leat", new_catalog, versitygw)
    soon = int((time.time() + 200) * 1000)  # less than is left when they are renewed
    make_tables(db, "a", "b")
    with CatalogProxy(catalog.port) as proxy:
        gate = KeyGate(
            proxy, versitygw, bad=2 if how == "refused" else 0, credentials=how in ("prefix", "refused"),
            expires_ms=soon if how == "expiring" else None,
        )  # fmt: skip
        into(leat, proxy.url)
        result = leat.sync(db, *FRESH, env=NO_KEYS)
        change(db, 1, "a", "b")
        leat.sync(db, *FRESH, env=NO_KEYS)
        assert gate.handed > 2
    check(s3_reader(catalog, versitygw), db, "a", "b")
    assert versitygw.server.secret_key not in result.stderr and "refused-secret" not in result.stderr
