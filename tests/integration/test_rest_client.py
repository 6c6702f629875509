# SPDX-License-Identifier: Apache-2.0
"""leat as a client of Iceberg REST catalogs: its own server and Apache's, and a proxy that breaks what passes."""

import os
import subprocess

import leat as leat_module
import pytest
from apache_catalog import ApacheCatalog
from catalog import CatalogServer
from catalog_proxy import CatalogProxy

FRESH = ["--set", "freshness=50ms"]


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


def conformance(url, plain):
    program = leat_module.BINARY.parent / "conformance_catalog"
    env = {**os.environ, "LEAT_CATALOG_URL": f"iceberg+{url}"}
    if plain:
        env["LEAT_CATALOG_PLAIN"] = "1"
    result = subprocess.run([program], env=env, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr


def test_conformance(catalog):
    conformance(catalog.url, isinstance(catalog, ApacheCatalog))


def test_conformance_when_answers_are_lost(catalog, proxy):
    """Every second commit is made, and nobody is told so."""
    proxy.add("cut_after", every=2)
    proxy.add("error_after", every=3)
    conformance(proxy.url, isinstance(catalog, ApacheCatalog))
    assert proxy.faults["cut_after"] > 5 and proxy.faults["error_after"] > 2, proxy.faults
