# SPDX-License-Identifier: Apache-2.0
"""The schema registry of `leat server`: look-ups by id and registrations a second, over HTTP from this machine.

Registrations are of a new subject and a new schema each, acknowledged when they are on the disk."""

import argparse
import json
import os
import subprocess
import tempfile

from harness import BUILD, LEAT, ROOT, process_cpu, save

import server as server_module  # tests/integration


def run(server, mode, connections, seconds, ids):
    front = server.front().pid
    cpu = process_cpu(front)
    argv = [BUILD / "leat_registry_load", server.ports["registry"], mode, connections, seconds, ids]
    out = subprocess.run([str(part) for part in argv], capture_output=True, text=True, check=True).stdout
    result = {"mode": mode, "connections": connections, **json.loads(out)}
    result["front_cpu_us_each"] = round((process_cpu(front) - cpu) * 1e6 / result["requests"], 1)
    print(result)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--ids", type=int, default=1000)
    args = parser.parse_args()
    result = vars(args).copy()
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as directory:
        with server_module.Server(directory, binary=LEAT) as server:
            for i in range(args.ids):
                fields = [{"name": f"f{k}", "type": ["null", "string"], "default": None} for k in range(15)]
                schema = {"type": "record", "name": f"R{i}", "fields": fields}
                answer = server.registry("POST", f"/subjects/s{i}/versions", {"schema": json.dumps(schema)})
                assert answer.status == 200, answer
            result["runs"] = [
                run(server, mode, connections, args.seconds, args.ids)
                for mode, connections in (("look", 16), ("look", 64), ("register", 8), ("register", 64))
            ]
            result["front_rss_mib"] = server.front().memory()["Rss"] >> 20
            result["schemas"] = args.ids + sum(r["requests"] for r in result["runs"] if r["mode"] == "register")
    result["load"] = os.getloadavg()[0]
    save("registry", result)


if __name__ == "__main__":
    main()
