#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The peer of the snapshot: DuckDB's postgres scanner, a table into one Parquet file.

Usage: duckdb_scanner.py CONNINFO TABLE FILE THREADS [SETTING=VALUE …]
Prints the seconds of the statement alone: neither Python's start nor the loading of the library counts against it.
"""

import sys
import time

import duckdb
import duckdb_extension_postgres_scanner


def main():
    conninfo, table, file, threads, *settings = sys.argv[1:]
    connection = duckdb.connect()
    (version,) = connection.execute("select library_version from pragma_version()").fetchone()
    (folder,) = duckdb_extension_postgres_scanner.__path__
    connection.execute(f"load '{folder}/extensions/{version}/postgres_scanner.duckdb_extension'")
    connection.execute(f"set threads = {int(threads)}")
    for setting in settings:
        name, _, value = setting.partition("=")
        connection.execute(f"set {name} = {value}")
    began = time.monotonic()
    connection.execute(f"attach '{conninfo}' as source (type postgres, read_only)")
    connection.execute(
        f"copy (select * from source.public.{table}) to '{file}'"
        " (format parquet, compression zstd, compression_level 1)"
    )
    print(time.monotonic() - began)


if __name__ == "__main__":
    main()
