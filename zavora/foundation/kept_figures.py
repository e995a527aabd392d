"""Figures that outlive who knows them: told by a task, a command or cron, exposed by celery.

A command that ends can be asked nothing, and a process that began a moment ago knows nothing of the
backup of last night. So these are kept in the queue's server, in one hash, by metric and labels;
celery's listener shows what is there. What was never told is not shown, and so is no zero.
"""

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from zavora.foundation.metrics import (
    CATALOGUE,
    HELD_AMOUNT,
    KEPT,
    RECONCILE_BREAKS,
    RECONCILED_AT,
)
from zavora.foundation.queue import connect
from zavora.foundation.told import Labels, Told

KEY: Final = "measured"
TIMEOUT_S: Final = 1.0
# Between a metric's name and its labels: names of tables, codes of assets, numbers of shards.
_BAR: Final = "|"

log = structlog.get_logger(__name__)


def tell(metric: Told, value: float, *labels: str) -> None:
    """Keep a figure. Where the queue is away it is lost, and the log says so: nothing fails."""
    tell_all(metric, {labels: value})


def tell_all(metric: Told, values: Mapping[Labels, float]) -> None:
    """Keep figures of one metric, as ``tell`` does; those of other labels stay as they are."""
    fields = {}
    for labels, value in values.items():
        if metric not in KEPT or len(labels) != len(CATALOGUE[metric.name].labels):
            raise ValueError(f"{metric.name} is not kept with the labels {labels}")
        fields[_BAR.join((metric.name, *labels))] = repr(float(value))
    if not fields:
        return
    try:
        with connect(timeout_s=TIMEOUT_S) as client:
            client.hset(KEY, mapping=fields)
    except (RedisError, OSError) as error:
        log.warning("figure_not_kept", metric=metric.name, error=str(error))


def tell_reconciled(breaks: int, held: Mapping[str, Decimal]) -> None:
    """Keep that the books were looked at just now, what does not add up, what is held by asset."""
    tell(RECONCILE_BREAKS, breaks)
    tell_all(HELD_AMOUNT, {(asset,): float(amount) for asset, amount in held.items()})
    tell(RECONCILED_AT, time.time())


class KeptFigures:
    """Brings the kept gauges up to date. Used by one thread, the metrics' listener's."""

    def __init__(self) -> None:
        self._client: Any = None

    def refresh(self) -> None:
        """Tell what is kept; where the queue does not answer, nothing of it."""
        for metric in KEPT:
            metric.tell({})
        if self._client is None:
            self._client = connect(timeout_s=TIMEOUT_S)
        try:
            kept: dict[bytes, bytes] = self._client.hgetall(KEY)
        except (RedisError, OSError):
            return
        values: dict[str, dict[Labels, float]] = {}
        for field, value in kept.items():
            name, *labels = field.decode().split(_BAR)
            values.setdefault(name, {})[tuple(labels)] = float(value)
        for metric in KEPT:
            metric.tell(values.get(metric.name, {}))
