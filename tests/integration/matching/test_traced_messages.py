"""Commands that belong to a trace, and those of a version that knew of none, are read alike."""

from collections.abc import Iterator
from typing import Any

import pytest

from matching import wire
from matching.commands import encode
from matching.commands.cancel import CancelOrder
from matching.worker.stream import CommandStream
from tests.collector import Collector, collecting
from tests.integration.matching.worker_setup import driven_worker, journal, queue_client
from zavora.foundation import tracing

PARENT = f"00-{'4b' * 16}-{'f0' * 8}-01"
COMMAND = CancelOrder(account_id=1, market_id=1, order_id=1, client_order_id=None)
# As every version so far has written them.
FIELDS = {b"b": encode(COMMAND), b"r": b"00000000-0000-4000-8000-000000000001", b"a": b"p", b"c": 7}


@pytest.fixture
def queue() -> Iterator[Any]:
    client = queue_client()
    client.delete(wire.stream_name(0))
    yield client
    client.delete(wire.stream_name(0))
    client.close()


def read(queue: Any, **more: str) -> Any:
    """Return what a worker reads of a message."""
    queue.xadd(wire.stream_name(0), {**FIELDS, **more})
    stream = CommandStream(0)
    try:
        (found,) = stream.read("0-0", count_max=10)
    finally:
        stream.close()
    assert (found.command, found.correlation, found.reply_to) == (COMMAND, 7, "p")
    assert found.request_id == "00000000-0000-4000-8000-000000000001"
    return found


@pytest.fixture
def traced(settings: Any) -> Iterator[Collector]:
    with collecting() as collector:
        settings.ZAVORA_TRACE_RATIO = 1.0
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url
        tracing.start("test")
        try:
            yield collector
        finally:
            tracing.stop()


def test_a_message_of_a_version_without_traces_belongs_to_none(queue, traced):
    assert read(queue).parent == ""


def test_a_message_says_which_span_it_belongs_to(queue, traced):
    assert read(queue, t=PARENT).parent == PARENT


def test_a_worker_that_traces_nothing_passes_it_over(queue):
    assert read(queue, t=PARENT).parent == ""


@pytest.mark.parametrize(
    "said",
    [
        *("", "junk", PARENT.upper(), f"{PARENT}-more", PARENT[:-2] + "00", f"ff{PARENT[2:]}"),
        *(f"00-{'0' * 32}-{'f0' * 8}-01", f"00-{'4b' * 16}-{'0' * 16}-01"),
        "\N{ARABIC-INDIC DIGIT ONE}" * 55,
    ],
)
def test_what_is_no_span_is_passed_over(queue, traced, said):
    assert read(queue, t=said).parent == ""


@pytest.mark.django_db(transaction=True)
def test_a_traced_message_that_cannot_be_read_is_journaled_and_told_of(queue, traced):
    queue.xadd(wire.stream_name(0), {**FIELDS, b"b": b"junk", b"t": PARENT})
    stream = CommandStream(0)
    with driven_worker() as worker:
        worker.shard.batches.settle(stream.read("0-0", count_max=10))
        assert journal() == [("unreadable", "rejected", "bad_command")]
    stream.close()
    found = traced.wait_for(PARENT[3:35], {"queue wait", "batch", "commit"})
    assert found["batch"].attributes["zavora.journal_sequence"] == 1
    assert found["batch"].parent_id == "f0" * 8
