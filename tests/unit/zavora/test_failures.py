"""What a report of a failure is made of, and how many there may be."""

import logging
import subprocess
import sys
from typing import Any

import structlog

from tests.failure_stub import reporting
from zavora.foundation.failures import CAUSES_MAX, FRAMES_MAX, PER_MINUTE_MAX, FailureHandler
from zavora.runner.home import PROJECT_DIR

FAILING = """
import threading, django
django.setup()
from zavora.foundation import failures
failures.start("worker")
failures.start("worker")
thread = threading.Thread(target=lambda: {}["ann@example.com"])
thread.start()
thread.join()
raise OSError("ann@example.com")
"""
REQUEST_ID = "0b9a7a9e-6a1c-4a55-9d30-0f6f0d3f1b1a"


def record(message: Any, *arguments: Any, failure: Any = None) -> logging.LogRecord:
    return logging.LogRecord("some.logger", logging.ERROR, "x", 1, message, arguments, failure)


def reported(message: Any, *arguments: Any, failure: Any = None) -> dict[str, Any]:
    events: list[dict[str, Any]] = []
    FailureHandler("web", events.append).emit(record(message, *arguments, failure=failure))
    (event,) = events
    return event


def test_a_line_gives_its_name_and_the_ids_that_lead_on() -> None:
    said = {"event": "command_void", "shard": 3, "request_id": REQUEST_ID, "account": 4711}
    assert reported(said) == {
        "level": "error",
        "logger": "some.logger",
        "message": "command_void",
        "tags": {"role": "web", "shard": "3", "request_id": REQUEST_ID},
    }


def test_what_others_write_is_not_repeated() -> None:
    for said in ("no such user: ann@example.com", {"event": "Ann's 100 EUR"}, {"event": 5}):
        assert reported(said)["message"] == "error_logged"
    assert reported({"event": "x", "request_id": "ann@example.com", "shard": "ann"})["tags"] == {
        "role": "web"
    }
    with structlog.contextvars.bound_contextvars(request_id=REQUEST_ID):
        assert reported("whatever %s", "ann")["tags"]["request_id"] == REQUEST_ID


def test_exceptions_are_told_by_type_and_place_without_their_words() -> None:
    def fail(depth: int) -> None:
        if depth:
            fail(depth - 1)
        raise ValueError("ann@example.com")

    try:
        try:
            fail(2 * FRAMES_MAX)
        except ValueError as cause:
            raise LookupError("100 EUR") from cause
    except LookupError as error:
        event = reported({"event": "x", "exc_info": error})
        by_record = reported("x", failure=(type(error), error, error.__traceback__))
        by_truth = reported({"event": "x", "exc_info": True})
    first, last = event["exception"]["values"]
    assert (first["type"], last["type"]) == ("ValueError", "LookupError")
    assert (first["value"], last["value"]) == ("", "")
    assert len(first["stacktrace"]["frames"]) == FRAMES_MAX
    assert first["stacktrace"]["frames"][-1]["function"] == "fail"
    assert by_record["exception"] == event["exception"] == by_truth["exception"]
    assert "ann" not in str(event)
    assert "EUR" not in str(event)


def test_a_chain_without_end_is_cut() -> None:
    error: Exception = ValueError()
    for _ in range(3 * CAUSES_MAX):
        outer = ValueError()
        outer.__cause__, error = error, outer
    assert (
        len(reported("x", failure=(ValueError, error, None))["exception"]["values"]) == CAUSES_MAX
    )


def test_more_than_so_many_a_minute_are_not_sent() -> None:
    events: list[Any] = []
    handler = FailureHandler("web", events.append)
    for _ in range(3 * PER_MINUTE_MAX):
        handler.emit(record("x"))
    # The minute may end meanwhile.
    assert PER_MINUTE_MAX <= len(events) <= 2 * PER_MINUTE_MAX


def test_what_cannot_be_sent_and_the_senders_own_lines_are_no_failures() -> None:
    def fail(_: object) -> None:
        raise OSError("no")

    FailureHandler("web", fail).emit(record("x"))
    events: list[Any] = []
    line = record("x")
    line.name = "urllib3.connectionpool"
    FailureHandler("web", events.append).emit(line)
    assert not events


def test_what_ends_a_process_or_a_thread_is_reported_before_it_ends() -> None:
    with reporting() as reports:
        ended = subprocess.run(
            [
                *(sys.executable, "-c"),
                FAILING,
            ],
            cwd=PROJECT_DIR,
            env={
                "DJANGO_SETTINGS_MODULE": "zavora.settings",
                "SECRET_KEY": "x" * 50,
                "SENTRY_DSN": reports.dsn,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 1
        assert "OSError: ann@example.com" in ended.stderr  # as ever
        reports.wait_for("process_failed", role="worker")
        reports.wait_for("thread_failed", role="worker")
        assert len(reports.events) == 2
        assert "ann@" not in reports.text
