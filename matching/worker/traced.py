"""The spans of a worker: one of each batch that holds a traced order, and three in each such order.

They are made once the batch has committed, of times that were noted on the way, so what is decided,
written and journaled knows nothing of them (docs/adr/0048-traces.md).
"""

from collections.abc import Iterable
from typing import Final

import structlog

from matching import wire
from matching.commands import parts_of
from matching.worker.entries import Entry
from matching.worker.results import Committed
from zavora.foundation import tracing
from zavora.foundation.times import now_us

log = structlog.get_logger(__name__)

# Of one batch, whoever sampled more: else tracing all would hold up who is not traced.
ORDERS_MAX: Final = 64

# When each part of a batch's way began and ended last, by shard and name; a batch is noted before
# the next one is written.
_phases: Final[dict[tuple[int, str], tuple[int, int]]] = {}


def note(shard_id: int, name: str, took_ns: int) -> None:
    """Note that a part of a batch's way has just ended; in whichever thread."""
    now_ns = tracing.now_ns()
    _phases[shard_id, name] = (now_ns - took_ns, now_ns)


def sampled(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries of a batch that are traced, the first ``ORDERS_MAX``."""
    if not tracing.is_on():
        return []
    return [entry for entry in entries if entry.parent][:ORDERS_MAX]


def to_tell(entries: list[Entry], committed: Committed) -> list[tuple[int, bytes]]:
    """Return what is said of traced entries before the events of their batch, by market."""
    if not entries:
        return []
    parents: dict[int, list[str]] = {}
    sequences = committed.settled.event_sequences
    for entry in entries:
        for market_id in {getattr(part, "market_id", 0) for part in parts_of(entry.command)}:
            if market_id in sequences:
                parents.setdefault(market_id, []).append(entry.parent)
    told_us = now_us()
    return [
        (market_id, wire.encode(wire.TracedEvent(sequences[market_id], told_us, spans)))
        for market_id, spans in parents.items()
    ]


def record(shard_id: int, numbered: Iterable[tuple[Entry, int]], committed: Committed) -> None:
    """Make the spans of a batch that has committed, at least one entry of which is traced."""
    every = list(numbered)
    traced = [(entry, sequence) for entry, sequence in every if entry.parent][:ORDERS_MAX]
    decided_ns = committed.decision.time_us * 1_000
    write, commit = _phases.get((shard_id, "write")), _phases.get((shard_id, "commit"))
    # With its commit, as by now it has been told of, too.
    ended_ns = max(tracing.now_ns() if commit is None else commit[1], decided_ns)
    whole = tracing.begin(
        "batch",
        kind="consumer",
        start_ns=decided_ns,
        attributes={
            "zavora.shard": shard_id,
            "zavora.commands": len(every),
            "zavora.journal_sequence": every[0][1],
            "zavora.write_us": _took_us(write),
            "zavora.commit_us": _took_us(commit),
        },
        links=tuple(entry.parent for entry, _ in traced),
    )
    if whole is None:  # tracing ends with the process
        return
    whole.end(end_ns=ended_ns)
    for entry, sequence in traced:
        _record_entry(entry, sequence, shard_id, (decided_ns, ended_ns), whole.traceparent)
    log.info(
        "batch_traced",
        shard=shard_id,
        requests=[
            {
                "request_id": entry.request_id,
                "trace_id": tracing.trace_id_of(entry.parent),
                "journal_sequence": sequence,
            }
            for entry, sequence in traced
        ],
    )


def _took_us(phase: tuple[int, int] | None) -> int:
    return 0 if phase is None else (phase[1] - phase[0]) // 1_000


def _record_entry(
    entry: Entry, sequence: int, shard_id: int, times: tuple[int, int], batch: str
) -> None:
    """Make the spans of one entry: its wait, its batch, and the commit within."""
    decided_ns, ended_ns = times
    # By the queue's clock, in whole milliseconds.
    queued_ns = int(entry.stream_id.partition("-")[0]) * 1_000_000
    _make("queue wait", entry.parent, (min(queued_ns, decided_ns), decided_ns))
    own = tracing.begin(
        "batch",
        kind="consumer",
        parent=entry.parent,
        start_ns=decided_ns,
        # An attribute costs half as much again as a span: what else there is the batch's has.
        attributes={"zavora.journal_sequence": sequence},
        links=(batch,),
    )
    if own is None:
        return
    commit = _phases.get((shard_id, "commit"))
    if commit is not None:
        _make("commit", own.traceparent, commit)
    own.end(end_ns=ended_ns)


def _make(name: str, parent: str, times: tuple[int, int]) -> None:
    span = tracing.begin(name, parent=parent, start_ns=times[0])
    if span is not None:
        span.end(end_ns=times[1])
