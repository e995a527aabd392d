"""One exchange of request and answer, with all that may go wrong on the way, as a generator.

It yields what is to be done (``Send``, ``Wait``) and is sent what came of it (``Answer``,
``NoAnswer``, None): drivers of any kind do the I/O, and all of them retry alike.
"""

import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

import msgspec

from zavora.core.calls import Call
from zavora.core.credentials import Credential
from zavora.core.pace import BackOff, RateLimit
from zavora.errors import (
    NoConnection,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
    Unreadable,
    ZavoraError,
    kind_of,
)
from zavora.models import Account

T = TypeVar("T")
Way = Literal["http", "socket"]

JSON: Final = "application/json"
# The exchange took nothing of it, for want of time or room: asking again is always right.
TURNED_AWAY: Final = frozenset({408, 429, 503})
# Somebody on the way answered, or the exchange failed: it may have taken effect.
UNSURE: Final = frozenset({500, 502, 504})
# Refused for when it was signed alone: signed anew it passes.
SIGNED_AMISS: Final = frozenset({"too_old", "replayed"})
RETRY_AFTER: Final = "retry-after"


@dataclass(frozen=True)
class Send:
    """Send this and say what came back."""

    call: Call[Any]
    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes
    timeout_s: float


@dataclass(frozen=True)
class Wait:
    """Let so much time pass."""

    seconds: float


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class NoAnswer:
    """Nothing came back; `was_sent`: the exchange may have got it all the same."""

    was_sent: bool
    why: str


Step = Send | Wait
Came = Answer | NoAnswer | None
Course = Generator[Step, Came, T]


@dataclass(frozen=True)
class Patience:
    """How long to try: attempts, seconds for each, and seconds for all of them together."""

    attempts_max: int = 6
    timeout_s: float = 10.0
    in_all_s: float = 45.0
    back_off: BackOff = field(default_factory=BackOff)


@dataclass
class Exchanges:
    """What is remembered from one exchange to the next. Not for several threads at once."""

    credential: Credential | None = None
    account: str | None = None
    patience: Patience = field(default_factory=Patience)
    user_agent: str = "zavora-python"
    clock: Callable[[], float] = time.monotonic
    wall_us: Callable[[], int] = lambda: time.time_ns() // 1_000
    source: random.Random = field(default_factory=random.Random)
    rate_limit: RateLimit = field(default_factory=RateLimit)
    clock_offset_us: int = 0
    _last_us: int = 0

    def now_us(self) -> int:
        """Return the exchange's time as far as it is known; never the same twice."""
        self._last_us = max(self._last_us + 1, self.wall_us() + self.clock_offset_us)
        return self._last_us

    def run(self, call: Call[T], way: Way = "http") -> Course[T]:
        """Carry a call through; return what the exchange answered. Raises a ZavoraError."""
        data, _ = yield from self.run_page(call, way)
        return data

    def run_page(self, call: Call[T], way: Way = "http") -> Course[tuple[T, str | None]]:
        """Carry a call through; return the answer and the cursor of the page after it."""
        if call.needs_account:
            call = call.of((yield from self.own_account()))
        content = yield from self._until_answered(call, way)
        try:
            return call.read_page(content)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Unreadable(f"{call.method} {call.path}: {error}") from error

    def own_account(self) -> Course[str]:
        """Return the account that is meant where none is named: the only one of its own."""
        if self.account is None:
            rows: list[Account] = yield from self.run(
                Call("GET", "/accounts", list[Account], is_repeatable=True)
            )
            own = [row for row in rows if row.role == "Owner"] or rows
            if len(own) != 1:
                names = ", ".join(f"{row.id} ({row.label})" for row in own)
                raise ZavoraError(f"Say which account is meant: there are {names or 'none'}.")
            self.account = own[0].id
        return self.account

    def _until_answered(self, call: Call[Any], way: Way) -> Course[bytes]:
        """Send until there is an answer that counts; return its body."""
        patience, began = self.patience, self.clock()
        is_unsure = has_set_clock = False
        for attempt in range(1, patience.attempts_max + 1):
            if way == "http" and (ahead_s := self.rate_limit.take(call.weight, self.clock())):
                yield Wait(ahead_s)
            came = yield self._request(call, way)
            if isinstance(came, Answer):
                self.rate_limit.note(came.headers, self.clock())
                if came.status == 200 or came.status in call.also_answers:
                    return came.content
            error = _error_of(came, call)
            if self._sets_clock(error) and not has_set_clock:
                has_set_clock = True
                continue
            is_unsure = is_unsure or isinstance(error, OutcomeUnknown)
            pause_s = patience.back_off.pause_s(attempt, _asked_s(error), self.source)
            left_s = patience.in_all_s - (self.clock() - began) - pause_s
            if not _may_repeat(error, call, way) or attempt == patience.attempts_max or left_s < 0:
                raise _told(error, call, is_unsure=is_unsure)
            yield Wait(pause_s)
        raise AssertionError("the last attempt raises")

    def _request(self, call: Call[Any], way: Way) -> Send:
        target, content = call.target(), b""
        headers = {"Accept": "*/*" if call.is_file else JSON, "User-Agent": self.user_agent}
        if way == "http":
            content = call.content()
            if content:
                headers["Content-Type"] = JSON
            if call.key is not None and not call.has_key_within:
                headers["Idempotency-Key"] = call.key
            if self.credential is not None and not call.is_public:
                # Signed anew for each attempt: the exchange takes no signature twice.
                headers |= self.credential.headers(
                    method=call.method, target=target, body=content, now_us=self.now_us()
                )
        return Send(call, call.method, target, headers, content, self.patience.timeout_s)

    def _sets_clock(self, error: ZavoraError) -> bool:
        """Take over the exchange's clock where it says that ours is off."""
        if not isinstance(error, Unauthorized) or error.reason != "outside_window":
            return False
        server_ms = error.details.get("server_time_ms")
        if not isinstance(server_ms, int):
            return False
        self.clock_offset_us = server_ms * 1_000 - self.wall_us()
        self._last_us = 0
        return True


def refusal(answer: Answer) -> Refused:
    """Return what an answer that is no success says."""
    try:
        body = msgspec.json.decode(answer.content)
        error = body["error"]
        code, message = str(error["code"]), str(error["message"])
        details, request_id = error.get("details"), body.get("request_id")
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        code, message, details, request_id = "", f"Status {answer.status}.", None, None
    return kind_of(code, answer.status)(
        message,
        status=answer.status,
        code=code,
        details=details if isinstance(details, dict) else None,
        request_id=request_id or answer.headers.get("x-request-id"),
        retry_after_s=_seconds(answer.headers.get(RETRY_AFTER)),
    )


def _error_of(came: Came, call: Call[Any]) -> ZavoraError:
    if isinstance(came, Answer):
        error = refusal(came)
        if came.status in UNSURE and call.method != "GET":
            return OutcomeUnknown(f"{error.message} {_about(call)}", key=call.key)
        return error
    why = came.why if isinstance(came, NoAnswer) else "no answer"
    if isinstance(came, NoAnswer) and not came.was_sent:
        return NoConnection(f"The exchange cannot be reached: {why}")
    return OutcomeUnknown(f"No answer: {why}. {_about(call)}", key=call.key)


def _about(call: Call[Any]) -> str:
    return f"{call.method} {call.path} may have taken effect." if call.method != "GET" else ""


def _may_repeat(error: ZavoraError, call: Call[Any], way: Way) -> bool:
    if isinstance(error, NoConnection):
        return True
    if isinstance(error, Refused) and error.status in TURNED_AWAY:
        return True
    if isinstance(error, Unauthorized) and error.reason in SIGNED_AMISS:
        return True
    has_key = call.has_key_within or (call.key is not None and way == "http")
    is_safe = call.method == "GET" or call.is_repeatable or has_key
    if isinstance(error, Refused):
        return error.status in UNSURE and is_safe
    return isinstance(error, OutcomeUnknown) and is_safe


def _told(error: ZavoraError, call: Call[Any], *, is_unsure: bool) -> ZavoraError:
    """Return what to raise: where an earlier attempt may have got through, that is what counts."""
    came_to_nothing = isinstance(error, NoConnection | RateLimited | Unavailable)
    if is_unsure and came_to_nothing and call.method != "GET":
        return OutcomeUnknown(f"{error} {_about(call)}", key=call.key)
    if isinstance(error, OutcomeUnknown) and call.method == "GET":
        return NoConnection(str(error))
    return error


def _asked_s(error: ZavoraError) -> float | None:
    return error.retry_after_s if isinstance(error, Refused) else None


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None
