"""Failures that somebody must look at, reported by Sentry's protocol where ``SENTRY_DSN`` says so.

A report says what failed and where in our code: a line's name, types of exceptions, places in
functions, release, and the ids that lead to the log and the journal. It is put together here from
nothing else, so that no message, value, header or name of anybody's can get into one
(docs/adr/0048-traces.md). The library only sends it.
"""

import atexit
import logging
import re
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, cast

import structlog

from zavora import __version__
from zavora.foundation.setting_values import SettingValue
from zavora.foundation.watch_settings import DSN

_DSN: Final = SettingValue(DSN)
# A failure that repeats says nothing new, and costs the failing process a millisecond each time.
PER_MINUTE_MAX: Final = 30
# What waits to be sent; what is more is dropped by the library.
QUEUE_MAX: Final = 100
# What waits when a process ends has so long.
STOP_S: Final = 1.0
FRAMES_MAX: Final = 50
CAUSES_MAX: Final = 5
# The library's own, which would report of reporting.
_NOT_OURS: Final = ("sentry_sdk", "urllib3")
# Lines of ours are called by a name; whoever else logs may put anything in theirs.
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_KEPT: Final = frozenset(
    (
        *("event_id", "timestamp", "platform", "level", "logger", "message", "exception"),
        *("release", "environment", "server_name", "tags", "sdk"),
    )
)

Event = dict[str, Any]
Failure = tuple[type[BaseException], BaseException, TracebackType | None]


def start(role: str) -> None:
    """Report failures of this process from now on, where settings say so; more often is no harm."""
    if not _DSN.value:
        return
    root = logging.getLogger()
    # Celery takes away whatever hears the root's lines when it sets its own up.
    handler = _started(role)
    if handler not in root.handlers:
        root.addHandler(handler)


_handler: "FailureHandler | None" = None


def _started(role: str) -> "FailureHandler":
    global _handler
    if _handler is None:
        _handler = FailureHandler(role, _sending(role))
        _hear_crashes(_handler)
    return _handler


def _sending(role: str) -> Callable[[Event], object]:
    import sentry_sdk  # noqa: PLC0415  (0.1 s, and only where it is wanted)

    sentry_sdk.init(
        dsn=_DSN.value,
        release=f"zavora@{__version__}",
        server_name=role,
        before_send=_kept,
        # Nothing of what it would find out by itself.
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        send_default_pii=False,
        send_client_reports=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        propagate_traces=False,
        enable_backpressure_handling=False,
        spotlight=False,
        transport_queue_size=QUEUE_MAX,
        shutdown_timeout=STOP_S,
    )
    atexit.register(sentry_sdk.flush, STOP_S)
    send: Any = sentry_sdk.capture_event
    return cast(Callable[[Event], object], send)


def _kept(event: Any, _hint: Any) -> Any:
    """Return an event without what is not on the list, whoever added it."""
    return {name: value for name, value in event.items() if name in _KEPT}


def _hear_crashes(handler: "FailureHandler") -> None:
    """Report what ends the process, or one of its threads, as well; it is then told as ever."""
    process, thread = sys.excepthook, threading.excepthook

    def end_process(
        kind: type[BaseException], error: BaseException, place: TracebackType | None
    ) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            handler.report("process_failed", failure=(kind, error, place))
        process(kind, error, place)

    def end_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            error = arguments.exc_value
            handler.report("thread_failed", failure=(type(error), error, error.__traceback__))
        thread(arguments)

    sys.excepthook, threading.excepthook = end_process, end_thread


class FailureHandler(logging.Handler):
    """Reports lines of level error and above, so many a minute at most."""

    def __init__(self, role: str, send: Callable[[Event], object]) -> None:
        super().__init__(logging.ERROR)
        self._role = role
        self._send = send
        self._minute = 0
        self._sent = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Report a line."""
        if record.name.split(".")[0] in _NOT_OURS:
            return
        # A line of ours is still the mapping that it is rendered from.
        said = record.msg if isinstance(record.msg, dict) else {}
        name = said.get("event")
        self.report(
            name if isinstance(name, str) and _NAME.fullmatch(name) else "error_logged",
            logger=record.name,
            level="fatal" if record.levelno >= logging.CRITICAL else "error",
            said={**structlog.contextvars.get_contextvars(), **said},
            failure=_failure_of(record.exc_info or said.get("exc_info")),
        )

    def report(
        self,
        name: str,
        *,
        failure: Failure | None,
        logger: str = "zavora",
        level: str = "fatal",
        said: dict[str, Any] | None = None,
    ) -> None:
        """Report a failure, unless too many were reported just now. Never fails, never waits."""
        if not self._may_send():
            return
        event: Event = {
            "level": level,
            "logger": logger,
            "message": name,
            "tags": {"role": self._role, **_ids(said or {})},
        }
        if failure is not None:
            event["exception"] = {"values": _chain(failure)}
        try:
            self._send(event)
        except Exception:  # whatever it is, the failure that it was about is told in the log
            return

    def _may_send(self) -> bool:
        minute = int(time.monotonic() / 60)
        if minute != self._minute:
            self._minute, self._sent = minute, 0
        self._sent += 1
        return self._sent <= PER_MINUTE_MAX


def _ids(said: dict[str, Any]) -> dict[str, str]:
    """Return what leads from a report to log, journal and trace: nothing that is not such an id."""
    ids = {}
    if isinstance(said.get("shard"), int):
        ids["shard"] = str(said["shard"])
    if _UUID.fullmatch(str(said.get("request_id"))):
        ids["request_id"] = said["request_id"]
    return ids


def _failure_of(given: Any) -> Failure | None:
    """Return the exception of a line, in any of the ways in which one may be given."""
    if given is True:
        given = sys.exc_info()
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    return given if isinstance(given, tuple) and given[0] is not None else None


def _chain(failure: Failure) -> list[Event]:
    """Return an exception and what caused it, first what caused all, without their messages."""
    chain: list[Event] = []
    error: BaseException | None = failure[1]
    place = failure[2]
    while error is not None and len(chain) < CAUSES_MAX:
        kind = type(error)
        chain.append(
            {
                "type": kind.__qualname__,
                "module": kind.__module__,
                "value": "",
                "stacktrace": {"frames": _frames(place)},
            }
        )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        place = None if error is None else error.__traceback__
    return chain[::-1]


def _frames(place: TracebackType | None) -> list[Event]:
    """Return where it went, the innermost last: names of our functions, and numbers of lines."""
    frames: list[Event] = []
    while place is not None:
        code = place.tb_frame.f_code
        module = str(place.tb_frame.f_globals.get("__name__", ""))
        frames.append(
            {
                "function": code.co_name,
                "module": module,
                "filename": module.replace(".", "/"),
                "lineno": place.tb_lineno,
                "in_app": module.split(".")[0]
                in ("accounts", "api", "marketdata", "matching", "zavora"),
            }
        )
        place = place.tb_next
    return frames[-FRAMES_MAX:]
