"""Retries, keys, clocks and limits: the core by itself, with a clock of the test's own."""

import base64
import hashlib
import hmac
import random
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from zavora import (
    AsyncClient,
    Client,
    Conflict,
    InsufficientBalance,
    InvalidFields,
    NoConnection,
    OutcomeUnknown,
    Patience,
    RateLimited,
    Refused,
    ServerFault,
    SigningKey,
    Token,
    Unauthorized,
    Unavailable,
    Unreadable,
)
from zavora.core.calls import Call
from zavora.core.exchanges import Answer, Came, Exchanges, NoAnswer, Send, Wait
from zavora.core.pace import BackOff, RateLimit
from zavora.errors import kind_of

ACCOUNT = "11111111-2222-3333-4444-555555555555"
LOST = NoAnswer(True, "reset")
NOBODY = NoAnswer(False, "refused")
NEVER = 10**9
MANY = 50


class Course:
    """Carries a call through against answers that are given; notes what was done."""

    def __init__(self, answers: Iterable[Came], **options: Any) -> None:
        self.now = 100.0
        self.sent: list[Send] = []
        self.waits: list[float] = []
        self._answers = iter(answers)
        options.setdefault("patience", Patience(back_off=BackOff(0.1, 5)))
        self.exchanges = Exchanges(
            account=ACCOUNT,
            clock=lambda: self.now,
            wall_us=lambda: int(self.now * 1_000_000),
            source=random.Random(1),
            **options,
        )

    def run(self, call: Call[Any]) -> Any:
        course, came = self.exchanges.run(call), None
        while True:
            try:
                step = course.send(came)
            except StopIteration as end:
                return end.value
            if isinstance(step, Wait):
                self.waits.append(step.seconds)
                self.now += step.seconds
                came = None
            else:
                self.sent.append(step)
                came = next(self._answers)


def ok(data: Any, **headers: str) -> Answer:
    return Answer(200, headers, msgspec.json.encode({"data": data}))


def refused(status: int, code: str, *, after: str | None = None, **details: Any) -> Answer:
    body = {"error": {"code": code, "message": "no", "details": details}, "request_id": "r-1"}
    headers = {} if after is None else {"retry-after": after}
    return Answer(status, headers, msgspec.json.encode(body))


def deposit() -> Call[Any]:
    call: Call[Any] = Client.deposit.make(None, "EUR", "5")
    return call


BALANCE = {
    "account_id": ACCOUNT,
    "asset": "EUR",
    "total": "5",
    "available": "5",
    "locked": "0",
    "updated_at": "2026-01-31T12:00:00.000000Z",
}


@pytest.mark.parametrize(
    "trouble",
    [LOST, NOBODY, refused(503, "overloaded"), refused(504, "outcome_unknown"),
     refused(429, "rate_limit_exceeded"), refused(500, "internal_error"),
     refused(408, "request_timeout"), Answer(502, {}, b"<html>")],
)  # fmt: skip
def test_what_has_a_key_is_repeated_with_it_until_there_is_an_answer(trouble: Came) -> None:
    course = Course([trouble, trouble, ok(BALANCE)])

    assert course.run(deposit()).total == 5

    keys = [step.headers["Idempotency-Key"] for step in course.sent]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert len({step.content for step in course.sent}) == 1


@pytest.mark.parametrize("trouble", [LOST, refused(504, "outcome_unknown"), Answer(502, {}, b"")])
def test_what_has_no_key_is_not_repeated_once_it_may_have_taken_effect(trouble: Came) -> None:
    course = Course([trouble, ok({})])

    with pytest.raises(OutcomeUnknown):
        course.run(Client.create_account.make(None, "x"))

    assert len(course.sent) == 1


@pytest.mark.parametrize(
    "trouble",
    [NOBODY, refused(503, "engine_unavailable"), refused(401, "unauthorized", reason="too_old")],
)
def test_what_has_no_key_is_repeated_where_nothing_was_queued(trouble: Came) -> None:
    course = Course([trouble, refused(409, "conflict")])

    with pytest.raises(Conflict):
        course.run(Client.create_account.make(None, "x"))

    assert len(course.sent) == 2


def test_refusals_are_told_at_once_and_by_their_kind() -> None:
    course = Course([refused(422, "validation_error", price="expected a multiple of 0.01")])

    with pytest.raises(InvalidFields, match="multiple") as told:
        course.run(deposit())

    assert told.value.fields == {"price": "expected a multiple of 0.01"}
    assert (told.value.request_id, course.waits) == ("r-1", [])
    kinds = [
        kind_of(code, status)
        for code, status in (
            ("insufficient_balance", 400), ("overloaded", 503), ("new_code", 409),
            ("new_code", 418), ("", 599), ("rate_limit_exceeded", 429),
        )
    ]  # fmt: skip
    assert kinds == [InsufficientBalance, Unavailable, Conflict, Refused, ServerFault, RateLimited]


def test_retry_after_is_honoured_with_jitter_on_top() -> None:
    course = Course([refused(429, "rate_limit_exceeded", after="3"), ok(BALANCE)])

    course.run(deposit())

    (pause,) = course.waits
    assert 3 < pause <= 3.1


def test_pauses_double_and_patience_ends() -> None:
    course = Course([LOST] * MANY, patience=Patience(attempts_max=8, in_all_s=NEVER))

    with pytest.raises(OutcomeUnknown) as told:
        course.run(deposit())

    assert len(course.sent) == 8
    assert told.value.key == course.sent[0].headers["Idempotency-Key"]
    for number, pause in enumerate(course.waits):
        ceiling = min(5, 0.1 * 2**number)
        assert ceiling / 2 <= pause <= ceiling


def test_a_wait_beyond_patience_is_not_begun() -> None:
    course = Course([refused(503, "overloaded", after="60")])

    with pytest.raises(Unavailable) as told:
        course.run(deposit())

    assert (told.value.retry_after_s, course.waits) == (60, [])


def test_an_unknown_outcome_is_not_forgotten_for_a_later_failure() -> None:
    course = Course([LOST, NOBODY], patience=Patience(attempts_max=2))

    with pytest.raises(OutcomeUnknown):
        course.run(deposit())


def test_a_read_that_is_not_answered_had_no_outcome() -> None:
    course = Course([LOST] * 2, patience=Patience(attempts_max=2))

    with pytest.raises(NoConnection):
        course.run(Client.markets.make(None))


def test_each_attempt_is_signed_anew_and_the_same_time_never_twice() -> None:
    course = Course([LOST, LOST, ok(BALANCE)], credential=SigningKey("k" * 64, "secret"))
    course.exchanges.patience = Patience(back_off=BackOff(0, 0))

    course.run(deposit())

    stamps = [step.headers["Zavora-Timestamp"] for step in course.sent]
    assert len(set(stamps)) == 3
    for step in course.sent:
        body = hashlib.sha256(step.content).hexdigest()
        stamp = step.headers["Zavora-Timestamp"]
        text = f"{stamp}\n5000\nPOST\n{step.target}\n{body}"
        signature = hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest()
        assert step.headers["Zavora-Signature"] == signature


def test_an_ed25519_key_signs_as_the_document_says() -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    headers = SigningKey("name", pem).headers(method="GET", target="/api/v1/x", body=b"", now_us=7)

    nothing = hashlib.sha256(b"").hexdigest()
    text = f"7\n5000\nGET\n/api/v1/x\n{nothing}".encode()
    private.public_key().verify(base64.b64decode(headers["Zavora-Signature"]), text)
    assert "PRIVATE" not in repr(SigningKey("name", pem))
    assert "abc" not in repr(Token("abc"))


def test_a_clock_that_is_off_is_set_once_by_the_exchanges() -> None:
    off = refused(401, "unauthorized", reason="outside_window", server_time_ms=500_000)
    course = Course([off, ok(BALANCE)], credential=SigningKey("k", "s"))

    course.run(deposit())

    assert 500_000_000 <= int(course.sent[1].headers["Zavora-Timestamp"]) < 500_001_000
    assert course.waits == []
    stubborn = Course([off, off, ok(BALANCE)], credential=SigningKey("k", "s"))
    with pytest.raises(Unauthorized):
        stubborn.run(deposit())


def test_limits_are_waited_for_before_they_are_hit() -> None:
    limit = RateLimit()
    limit.note({"x-ratelimit-limit": "600", "x-ratelimit-remaining": "2"}, now=10.0)

    assert limit.take(1, now=10.0) == 0
    assert limit.take(1, now=10.0) == 0
    # Ten fill up each second: five of them take half of one.
    assert limit.take(5, now=10.0) == pytest.approx(0.5)
    assert limit.take(1, now=12.0) == 0
    limit.note({"x-ratelimit-limit": "many"}, now=12.0)
    assert limit.limit == 600


def test_an_unreadable_answer_says_so() -> None:
    with pytest.raises(Unreadable, match="/accounts"):
        Course([Answer(200, {}, b'{"data": {"total": 1}}')]).run(deposit())


def test_the_only_account_of_ones_own_is_meant() -> None:
    def account(number: int, role: str) -> dict[str, Any]:
        times = dict.fromkeys(("created_at", "updated_at"), "2026-01-31T12:00:00Z")
        return {"id": f"a-{number}", "label": "", "role": role, "status": "Active", **times}

    shared = [account(1, "Viewer"), account(2, "Owner"), account(3, "Trader")]
    course = Course([ok(shared), ok(BALANCE), ok(BALANCE)])
    course.exchanges.account = None

    course.run(deposit())
    course.run(deposit())

    paths = [step.target for step in course.sent]
    assert paths == ["/api/v1/accounts", *["/api/v1/accounts/a-2/deposit"] * 2]
    several = Course([ok([account(1, "Owner"), account(2, "Owner")])])
    several.exchanges.account = None
    with pytest.raises(Exception, match="a-1"):
        several.run(deposit())


def test_both_clients_have_every_route_by_the_same_names() -> None:
    named = {name for name in dir(Client) if hasattr(getattr(Client, name), "make")}

    assert named == {
        name for name in dir(AsyncClient) if hasattr(getattr(AsyncClient, name), "make")
    }
    assert len(named) > 50
    assert all(getattr(Client, name).__doc__ for name in named)
