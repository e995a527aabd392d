"""What a worker measures of its batches: once a batch, not once a command."""

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Literal, get_args

from matching.worker import traced
from matching.worker.decide import Decision
from zavora.foundation import metrics, tracing
from zavora.foundation.metrics import series

Phase = Literal["read", "decide", "write", "commit", "tell"]
Cause = Literal["moved", "busy", "in_doubt"]
_NOTHING: Final[AbstractContextManager[Any]] = nullcontext()


def phase(shard_id: int, name: Phase) -> AbstractContextManager[Any]:
    """Return what measures a part of a batch's way; in whichever thread it is gone."""
    if not metrics.is_on() and not tracing.is_on():
        return _NOTHING
    return _Timed(shard_id, name)


class _Timed:
    """Measures a part of a batch's way for whoever wants to know."""

    __slots__ = ("_began", "_name", "_shard_id")

    def __init__(self, shard_id: int, name: Phase) -> None:
        self._shard_id = shard_id
        self._name = name

    def __enter__(self) -> None:
        self._began = time.perf_counter_ns()

    def __exit__(self, *_: object) -> None:
        took_ns = time.perf_counter_ns() - self._began
        if metrics.is_on():
            shard = str(self._shard_id)
            series(metrics.BATCH_PHASE, shard, self._name).observe(took_ns / 1e9)
        if tracing.is_on():
            traced.note(self._shard_id, self._name, took_ns)


def committed(shard_id: int, decision: Decision) -> None:
    """Count a committed batch: its commands by kind and outcome, its trades by market."""
    if not metrics.is_on():
        return
    shard = str(shard_id)
    series(metrics.BATCH_COMMANDS, shard).observe(decision.outcomes.total())
    for (kind, outcome), number in decision.outcomes.items():
        series(metrics.COMMANDS, shard, kind, outcome).inc(number)
    for market_id, market in decision.outcome.markets.items():
        terms = decision.terms(market_id)
        if market.trades and terms is not None:
            series(metrics.TRADES, terms.symbol).inc(len(market.trades))


def retried(shard_id: int, cause: Cause) -> None:
    """Count a batch that did not commit at once."""
    if metrics.is_on():
        metrics.BATCH_RETRIES.labels(str(shard_id), cause).inc()


def voided(shard_id: int) -> None:
    """Count a command that is journaled as void."""
    if metrics.is_on():
        metrics.COMMANDS_VOID.labels(str(shard_id)).inc()


def halted(shard_id: int) -> None:
    """Count a market that is halted as its commands fail."""
    if metrics.is_on():
        metrics.MARKETS_HALTED.labels(str(shard_id)).inc()


def begin(shard_id: int) -> None:
    """Let counts begin at zero: the first void command or retry must be seen to be one more."""
    if metrics.is_on():
        shard = str(shard_id)
        metrics.COMMANDS_VOID.labels(shard)
        metrics.MARKETS_HALTED.labels(shard)
        for cause in get_args(Cause):
            metrics.BATCH_RETRIES.labels(shard, cause)
