"""What tracing holds: nothing where it is off, a bounded amount where nobody takes it."""

import subprocess
import sys
import time
from typing import Any
from uuid import uuid4

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.collector import Collector, collecting
from tests.exchange import wait_until
from zavora.foundation import tracing
from zavora.foundation.redaction import HIDDEN, hide
from zavora.foundation.span_export import AT_ONCE_MAX, QUEUE_MAX, STOP_S
from zavora.foundation.watch_settings import watch_settings
from zavora.runner.home import PROJECT_DIR

COLLECTOR = "http://127.0.0.1:4318"
DSN = "https://key@sentry.example/1"
OFF = """
import sys, django
django.setup()
from zavora.foundation import failures, tracing
tracing.start("x")
failures.start("x")
tracing.stop()
assert not tracing.is_on() and tracing.step("x") is None
assert tracing.sample("", is_ours=True) is None
assert not {"opentelemetry", "sentry_sdk"} & set(sys.modules)
"""


def read(monkeypatch: pytest.MonkeyPatch, **env: str) -> dict[str, Any]:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return watch_settings(environ.Env())


def test_nothing_leaves_unless_settings_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = {"ZAVORA_TRACE_RATIO": 0, "OTEL_EXPORTER_OTLP_ENDPOINT": "", "SENTRY_DSN": ""}
    assert read(monkeypatch) == nothing
    # An endpoint alone is what other programs of the machine may have it for.
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{COLLECTOR}/", "SENTRY_DSN": DSN}
    assert read(monkeypatch, **given) == {
        "ZAVORA_TRACE_RATIO": 0, "OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR, "SENTRY_DSN": DSN,
    }  # fmt: skip
    assert read(monkeypatch, ZAVORA_TRACE_RATIO="0.01")["ZAVORA_TRACE_RATIO"] == 0.01


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("ZAVORA_TRACE_RATIO", text) for text in ("-0.1", "1.1", "nan", "1%", "always")),
        ("ZAVORA_TRACE_RATIO", "0.5"),  # and nowhere to send anything
        *(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", text)
            for text in ("4318", "grpc://x:4317", "http://", "http://x:y", "http://u:p@x:4318")
        ),
        *(
            ("SENTRY_DSN", text)
            for text in ("yes", "https://sentry.example/1", "https://secret@x/y", "ftp://key@x/1")
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=name) as refused:
        read(monkeypatch, **{name: text})
    assert "secret" not in str(refused.value)


def test_a_traces_id_stays_readable_and_nothing_that_looks_like_it() -> None:
    known = uuid4().hex
    for line in (f'{{"trace_id": "{known}"}}', f"traced trace_id={known}"):
        assert hide(line) == line
    for line in (f"key {known}", f"trace_id={known}f", f'"trace_id": "Zk3{known[3:]}"'):
        assert HIDDEN in hide(line)


def test_where_it_is_off_there_is_no_span_and_no_library() -> None:
    tried = subprocess.run(
        [
            *(sys.executable, "-c"),
            OFF,
        ],
        cwd=PROJECT_DIR,
        env={"DJANGO_SETTINGS_MODULE": "zavora.settings", "SECRET_KEY": "x" * 50},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr


@pytest.fixture
def collector(settings: Any) -> Any:
    with collecting() as running:
        settings.ZAVORA_TRACE_RATIO = 1.0
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = running.url
        tracing.start("test")
        try:
            yield running
        finally:
            running.released.set()
            tracing.stop()


def test_a_span_below_another_lies_in_its_trace(collector: Collector) -> None:
    request_id = str(uuid4())
    root = tracing.sample(request_id, is_ours=True)
    assert root is not None
    assert root.trace_id == request_id.replace("-", "") == tracing.trace_id_of(root.traceparent)
    token = tracing.current.set(root)
    child = tracing.step("step")
    tracing.current.reset(token)
    assert child is not None
    assert tracing.step("of no request") is None
    child.end(attributes={"a": 1})
    root.end(name="whole")

    found = collector.wait_for(root.trace_id, {"whole", "step"})
    assert found["step"].parent_id == found["whole"].span_id
    assert found["step"].attributes == {"a": 1}
    assert found["whole"].attributes == {"zavora.request_id": request_id}


def test_a_share_is_traced_by_chance(collector: Collector, settings: Any) -> None:
    settings.ZAVORA_TRACE_RATIO = 0.25
    sampled = sum(tracing.sample(str(uuid4()), is_ours=True) is not None for _ in range(4_000))
    assert 800 < sampled < 1_200  # seven standard deviations


def test_a_collector_that_hangs_makes_nobody_wait_and_is_held_a_bounded_amount_for(
    collector: Collector,
) -> None:
    collector.hangs.set()
    trace = tracing.sample(str(uuid4()), is_ours=True)
    assert trace is not None
    number = 3 * QUEUE_MAX
    began = time.process_time()
    for place in range(number):
        span = tracing.begin(f"{place}", parent=trace.traceparent, start_ns=1)
        assert span is not None
        span.end()
    assert (time.process_time() - began) / number < 0.001
    assert collector.asked.wait(10)

    collector.hangs.clear()
    collector.released.set()
    collector.wait_for(trace.trace_id, {f"{number - 1}"})
    wait_until(lambda: len(collector.spans) >= QUEUE_MAX - AT_ONCE_MAX, timeout_s=10, what="rest")
    assert len(collector.spans) <= QUEUE_MAX + AT_ONCE_MAX


def test_an_end_does_not_wait_for_a_collector_that_hangs(collector: Collector) -> None:
    collector.hangs.set()
    span = tracing.sample(str(uuid4()), is_ours=True)
    assert span is not None
    span.end()
    began = time.perf_counter()
    tracing.stop()
    assert time.perf_counter() - began < STOP_S + 1
