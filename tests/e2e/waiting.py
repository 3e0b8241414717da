"""Waiting for a condition, never for a fixed time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], description: str, seconds: float = 30) -> T:
    """Returns the condition's first truthy value; fails with what the last try gave."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {description}; last seen: {value!r}")
        pause.wait(0.05)
