"""No connection to Valkey is made, and no subscription listened to, without the common bounds."""

import time
from typing import Any

import pytest

from zavora.foundation.queue import Pulse, silence_max_s
from zavora.runner.home import PROJECT_DIR

PACKAGES = ("accounts", "api", "marketdata", "matching", "zavora")
# They count their own reconnects, so they make their connections themselves, with bounds.
OWN_CONNECTIONS = {
    "matching/worker/stream.py",
    "zavora/foundation/queue.py",
}


def _sources() -> dict[str, str]:
    return {
        str(path.relative_to(PROJECT_DIR)): path.read_text()
        for package in PACKAGES
        for path in (PROJECT_DIR / package).rglob("*.py")
    }


def test_clients_are_made_in_one_place() -> None:
    made = {name for name, text in _sources().items() if ".from_url(" in text}
    assert made == OWN_CONNECTIONS
    for name in made:
        assert "socket_timeout" in (PROJECT_DIR / name).read_text(), name


def test_every_subscription_listens_for_life() -> None:
    subscribers = {name for name, text in _sources().items() if ".pubsub()" in text}
    # One for all of a web process, and the market data service's, which is a thread.
    assert subscribers == {"zavora/foundation/queue.py", "marketdata/candles/service_loop.py"}
    for name in subscribers:
        text = (PROJECT_DIR / name).read_text()
        assert "hear(pubsub, silence_s=" in text or "_pulse.is_silent()" in text, name
        assert ".listen()" not in text, name


def test_only_what_was_asked_can_be_silent() -> None:
    pulse = Pulse(0.04)
    time.sleep(0.06)  # busy elsewhere: nothing was asked meanwhile
    assert not pulse.is_silent()
    assert pulse.must_ask()
    assert not pulse.must_ask()  # not twice at once
    time.sleep(0.04)
    assert pulse.is_silent()
    pulse.heard()
    assert not pulse.is_silent()


@pytest.mark.parametrize(("wait_ms", "silence_s"), [(1, 0.1), (1_000, 0.4), (60_000, 2.0)])
def test_silence_is_bounded_below_the_edges_wait_but_not_for_a_queue_that_is_busy(
    settings: Any, wait_ms: int, silence_s: float
) -> None:
    settings.ZAVORA_EDGE_WAIT_MS = wait_ms
    assert silence_max_s() == silence_s
