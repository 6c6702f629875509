# SPDX-License-Identifier: Apache-2.0
"""Where the servers of the tests keep their data."""

import os
import pathlib
import tempfile

MEMORY = "/dev/shm"
ROOM = 8 << 30  # bytes that must be free, of the file system in memory and of the memory behind it


def new_directory(prefix):
    """In memory where there is room: databases made and dropped by the thousand cost a disk's file system more than the
    server itself takes."""
    return pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if memory_has_room() else None))


def memory_has_room():
    try:
        place = os.statvfs(MEMORY)
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return False
    available = next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), 0)
    return os.access(MEMORY, os.W_OK) and min(place.f_bavail * place.f_frsize, available) > ROOM
