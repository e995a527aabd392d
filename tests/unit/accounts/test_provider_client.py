"""What is known of a payout after it was sent, by a provider that is a process of its own."""

import socket
import time
from collections.abc import Iterator
from uuid import uuid4

import msgspec
import pytest

from accounts.providers.client import Sent, sender
from accounts.providers.config import Provider
from accounts.providers.messages import PayoutRequest
from tests.provider_simulator import Simulator, running_simulator
from tests.provider_words import OUR_SECRET, THEIR_SECRET

# An answer that comes later than this is none.
PATIENCE_S = 0.5


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator() as running:
        yield running


def provider_at(url: str) -> Provider:
    return Provider("bank", f"{url}/api", OUR_SECRET.encode(), (THEIR_SECRET.encode(),))


def request() -> PayoutRequest:
    return PayoutRequest(reference=str(uuid4()), asset="USD", amount="12.5", address="far")


def send(simulator: Simulator, asked: PayoutRequest, request_s_max: float = 10.0) -> Sent:
    return sender(provider_at(simulator.url), request_s_max=request_s_max)(asked)


@pytest.mark.parametrize(
    ("plan", "known", "is_there"),
    [
        ("answer", "accepted", True),
        ("pay", "paid", True),
        ("refuse", "refused", False),
        ("error", "unknown", False),
        ("error after", "unknown", True),
        ("drop", "unknown", False),
        ("drop after", "unknown", True),
        ("twice", "accepted", True),
        ("foreign", "unknown", True),
        ("flood", "unknown", True),
    ],
)
def test_what_is_known_after_an_answer(
    simulator: Simulator, plan: str, known: str, is_there: bool
) -> None:
    simulator.plan(plan)
    asked = request()
    assert send(simulator, asked).known == known
    assert (asked.reference in simulator.state["payouts"]) is is_there


@pytest.mark.parametrize("plan", ["late", "drip"])
def test_who_answers_late_or_never_ends_is_waited_for_so_long_and_no_longer(
    simulator: Simulator, plan: str
) -> None:
    simulator.plan(plan)
    asked, began = request(), time.monotonic()
    assert send(simulator, asked, PATIENCE_S).known == "unknown"
    assert PATIENCE_S <= time.monotonic() - began < 8 * PATIENCE_S
    simulator.plan("answer")
    assert send(simulator, asked).known == "accepted"


def test_nobody_is_led_elsewhere(simulator: Simulator) -> None:
    simulator.plan("elsewhere")
    visits = simulator.state["visits"]
    assert send(simulator, request()).known == "unknown"
    assert simulator.state["visits"] == visits


def test_where_nobody_listens_nobody_can_have_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and listening to nobody
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert sender(provider_at(url))(request()).known == "unsent"


def test_a_request_is_signed_and_carries_its_key(simulator: Simulator) -> None:
    simulator.plan("answer")
    asked = request()
    assert send(simulator, asked).provider_reference == f"p-{asked.reference[:8]}"
    got = simulator.state["requests"][-1]
    assert got == {"key": asked.reference, "body": msgspec.to_builtins(asked), "is_signed": True}
    other = Provider("bank", f"{simulator.url}/api", b"a" * 32, ())
    sender(other)(request())
    assert simulator.state["requests"][-1]["is_signed"] is False


def test_what_is_sent_twice_is_paid_once_and_a_provider_without_keys_would_pay_twice(
    simulator: Simulator,
) -> None:
    for plan, times in (("pay", 1), ("forgetful", 2)):
        simulator.plan(plan)
        asked = request()
        assert [send(simulator, asked).known for _ in range(2)] == ["paid", "paid"]
        assert simulator.state["payments"].count(asked.reference) == times


def test_secrets_are_in_no_text_of_a_provider() -> None:
    assert OUR_SECRET not in repr(provider_at("https://bank.example"))
