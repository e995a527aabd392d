"""Threads read settings while tests override them: each read finds the one or the other value."""

from threading import Event, Thread
from typing import Any

from django.conf import settings
from django.test import override_settings

NAME = "ZAVORA_LEASE_MS"
TIMES = 3_000


def test_a_thread_always_finds_a_setting() -> None:
    was, other = settings.ZAVORA_LEASE_MS, settings.ZAVORA_LEASE_MS + 1
    seen: set[Any] = set()
    is_over = Event()

    def look() -> None:
        while not is_over.is_set():
            seen.add(getattr(settings, NAME, None))

    reader = Thread(target=look)
    reader.start()
    for _ in range(TIMES):
        with override_settings(ZAVORA_LEASE_MS=other):
            found = settings.ZAVORA_LEASE_MS
            assert found == other
        found = settings.ZAVORA_LEASE_MS
        assert found == was
    is_over.set()
    reader.join()

    assert seen <= {was, other}
