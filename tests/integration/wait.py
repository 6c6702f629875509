# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition by looking, with a deadline: a test never sleeps for a fixed time."""

import time

# Seconds, of what takes one or two on a quiet machine: the tests run several at a time, on machines that are slower
# and have much else to do. Who passes does not wait for it.
PATIENCE = 180.0


def wait_until(condition, what, timeout=PATIENCE, interval=0.02):
    """Returns the first true value of condition(); fails, saying what, when the deadline passes."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what() if callable(what) else what}")
        time.sleep(interval)
