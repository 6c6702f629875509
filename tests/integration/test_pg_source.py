# SPDX-License-Identifier: Apache-2.0
"""The PostgreSQL source's ground floor in C (connections, wire, catalog, slots, publications) on a real server."""

import os
import pathlib
import subprocess

import pytest
from ports import free_port

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("LEAT_BIN", HERE.parent.parent / "build/debug/leat")).parent


@pytest.mark.early
def test_pg_source():
    env = {**os.environ, "PG_PORT": str(free_port())}
    done = subprocess.run([HERE / "pg_source.sh", BUILD], capture_output=True, text=True, env=env)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
