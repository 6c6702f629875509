# SPDX-License-Identifier: Apache-2.0
"""Where the tests and their servers keep their data, and what lies there."""

import contextlib
import functools
import os
import pathlib
import tempfile

MEMORY = "/dev/shm"
ROOM = 8 << 30  # bytes that must be free, of the file system in memory and of the memory behind it


def new_directory(prefix):
    """In memory where there is room: what is made, synced and dropped by the thousand costs a disk's file system more
    than the tests and their servers take themselves."""
    return pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if memory_will_do() and memory_has_room() else None))


def paths(directory, ending=""):
    """The files below a directory, in order. Not by rglob: a folder of leat's may go while it looks."""
    found = (pathlib.Path(place) / name for place, _, names in os.walk(directory) for name in names)
    return sorted(path for path in found if path.name.endswith(ending))


def contents(directory, ending=""):
    """{path: bytes}, without what goes meanwhile."""
    found = {}
    for path in paths(directory, ending):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                found[path] = path.read_bytes()
    return found


def memory_has_room():
    try:
        place = os.statvfs(MEMORY)
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return False
    available = next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), 0)
    return min(place.f_bavail * place.f_frsize, available) > ROOM


@functools.cache
def memory_will_do():
    """Whether programs can be run from there (containers forbid it) and S3 servers find what they need: attributes of
    files, and O_DIRECT (of Linux 6.6 and later)."""
    with contextlib.suppress(OSError), tempfile.NamedTemporaryFile(dir=MEMORY, prefix="leat-") as file:
        os.setxattr(file.name, "user.leat", b"1")
        os.close(os.open(file.name, os.O_RDONLY | os.O_DIRECT))
        return not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    return False
