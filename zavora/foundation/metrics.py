"""What is measured: the whole catalogue, declared here and nowhere else (docs/adr/0041).

Each process exposes what is its own (``expose``) by its own listener. Where none is configured
nothing is counted either: ``is_on`` is asked at each seam, so that measuring can be had for nothing
where nobody looks. Labels are of our own making, never a client's: shards, kinds, templates of
routes; markets on counters and gauges only.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.registry import Collector

from zavora import __version__
from zavora.foundation.setting_values import SettingValue
from zavora.foundation.told import Labels, Told
from zavora.foundation.versions import COMMIT

# Series that say when others began: as many again, and nobody asks for them.
_without_created: Callable[[], None] = disable_created_metrics
_without_created()

WEB: Final = "web"
WORKER: Final = "worker"
MARKET_DATA: Final = "marketdata"
CELERY: Final = "celery"
BEAT: Final = "beat"
ROLES: Final = (WEB, WORKER, MARKET_DATA, CELERY, BEAT)

# Seconds. A quarter of a second is what acknowledgements are held to (docs/runbooks.md).
FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
STEPS: Final = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
COUNTS: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_000)

_BIND: Final = SettingValue("ZAVORA_METRICS_BIND")
Made = TypeVar("Made", bound=Collector)
Labelled = TypeVar("Labelled", Counter, Gauge, Histogram)
SERIES_KEPT_MAX: Final = 4_096

SOCKET_APIS: Final = ("v1", "binance", "binance_streams")
SOCKET_ENDS: Final = ("gone", "slow", "silent", "auth", "old", "refused", "later", "failed")
LIMITS: Final = (
    *("address", "key", "account", "compat-weight", "compat-orders-10s", "compat-orders-day"),
    *("sign-ups", "new-keys", "withdrawals", "alert-mails", "provider-address"),
)


def is_on() -> bool:
    """Tell whether anybody can look at what is measured here."""
    return _BIND.value is not None


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric of the catalogue, and which processes expose it.

    ``zeros``: labels whose series are there before anything has happened: the first time must be
    seen to be one more, and what stands at zero is another thing than what nobody measures.
    """

    name: str
    kind: str
    text: str
    labels: Labels
    roles: Labels
    collector: Any
    zeros: tuple[Labels, ...] = ()


CATALOGUE: Final[dict[str, Declared]] = {}


def _declare(
    made: Made,
    kind: str,
    text: str,
    labels: Labels,
    of: Labels,
    name: str,
    *,
    zeros: Iterable[Labels] = (),
) -> Made:
    CATALOGUE[name] = Declared(name, kind, text, labels, of, made, tuple(zeros))
    return made


def _counter(
    name: str,
    text: str,
    labels: Labels = (),
    *,
    of: str,
    also_of: Labels = (),
    zeros: Iterable[Labels] = (),
) -> Counter:
    made = Counter(name, text, labels, registry=None)
    return _declare(made, "counter", text, labels, (of, *also_of), name, zeros=zeros)


def _gauge(
    name: str, text: str, labels: Labels = (), *, of: str, zeros: Iterable[Labels] = ()
) -> Gauge:
    made = Gauge(name, text, labels, registry=None)
    return _declare(made, "gauge", text, labels, (of,), name, zeros=zeros)


def _histogram(
    name: str, text: str, labels: Labels = (), *, of: str, buckets: tuple[float, ...]
) -> Histogram:
    made = Histogram(name, text, labels, buckets=buckets, registry=None)
    return _declare(made, "histogram", text, labels, (of,), name)


def _told(name: str, text: str, labels: Labels = (), *, of: Labels) -> Told:
    made = Told(name, text, labels)
    return _declare(made, "gauge", text, labels, of, name)


@lru_cache(maxsize=SERIES_KEPT_MAX)
def series(metric: Labelled, *labels: str) -> Labelled:
    """Return the one series of a metric with these labels, kept: finding it costs as much again."""
    return metric.labels(*labels)


# --- every process --------------------------------------------------------------------------------

BUILD_INFO: Final = _told("zavora_build_info", "1; what runs here", ("version", "commit"), of=ROLES)

SPANS: Final = _counter(
    "zavora_spans_total",
    "Spans of traces: made, sent or failed; what was made and is neither waits, or was dropped",
    ("result",),
    of=WEB,
    also_of=(WORKER,),
)

# --- the edge: web --------------------------------------------------------------------------------

HTTP_REQUESTS: Final = _counter(
    "zavora_http_requests_total",
    "Answered requests by template of route",
    ("route", "method", "code"),
    of=WEB,
)
HTTP_DURATION: Final = _histogram(
    "zavora_http_request_duration_seconds",
    "From a request's headers to the end of its answer",
    ("route",),
    of=WEB,
    buckets=FAST,
)
ORDER_ACK: Final = _histogram(
    "zavora_order_ack_duration_seconds",
    "From handing a command in to its answer after the commit; unknown outcomes count, too",
    ("api",),
    of=WEB,
    buckets=FAST,
)
COMMANDS_SUBMITTED: Final = _counter(
    "zavora_commands_submitted_total",
    "Commands handed to a shard's queue: queued, overloaded, no_worker, unreachable or lost",
    ("shard", "result"),
    of=WEB,
)
COMMANDS_UNRESOLVED: Final = _counter(
    "zavora_commands_unresolved_total",
    "Commands of which nobody could say in time what became of them (504)",
    of=WEB,
)
SOCKETS: Final = _gauge(
    "zavora_websocket_connections",
    "Open WebSockets",
    ("api",),
    of=WEB,
    zeros=((api,) for api in SOCKET_APIS),
)
SOCKETS_CLOSED: Final = _counter(
    "zavora_websocket_closed_total",
    "WebSockets that ended: gone, slow, silent, auth, old, refused, later or failed",
    ("api", "reason"),
    of=WEB,
    zeros=product(SOCKET_APIS, SOCKET_ENDS),
)
FEED_RESYNCS: Final = _counter(
    "zavora_feed_resyncs_total",
    "Comparisons of a market with the tables: connection, gap or distrust",
    ("reason",),
    of=WEB,
    zeros=(("connection",), ("gap",), ("distrust",)),
)
FEED_DELAY: Final = _histogram(
    "zavora_feed_delay_seconds",
    "From deciding a batch to showing what it did to a market",
    of=WEB,
    buckets=FAST,
)
LATE_READS: Final = _counter(
    "zavora_late_reads_total",
    "Reads that a replica may answer, by who did: replica, or primary_ and what the replica was",
    ("answered",),
    of=WEB,
    zeros=(("replica",), ("primary_late",), ("primary_away",), ("primary_unknown",)),
)
RATE_LIMITED: Final = _counter(
    "zavora_rate_limited_total",
    "Refusals by a limit",
    ("limit",),
    of=WEB,
    zeros=((limit,) for limit in LIMITS),
)
LOOP_DELAY: Final = _histogram(
    "zavora_event_loop_delay_seconds",
    "How late the event loop wakes who asked to be woken, ten times a second",
    of=WEB,
    buckets=FAST,
)

# --- the queue, as whoever lives sees it: web and market data -------------------------------------

WATCHERS: Final = (WEB, MARKET_DATA)
QUEUE_UP: Final = _told(
    "zavora_queue_up", "Whether this process reaches the queue's server", of=WATCHERS
)
QUEUE_AGE: Final = _told(
    "zavora_queue_age_seconds",
    "Age of the oldest command that is not settled, by the queue's own clock; 0: there is none",
    ("shard",),
    of=WATCHERS,
)
QUEUE_LENGTH: Final = _told(
    "zavora_queue_length", "Commands that are not settled", ("shard",), of=WATCHERS
)
LIVE_WORKERS: Final = _told(
    "zavora_live_workers", "1: a shard's worker shows life; 0: none does", ("shard",), of=WATCHERS
)
STANDBY_WORKERS: Final = _told(
    "zavora_standby_workers", "1: a standby waits for the shard; 0: none", ("shard",), of=WATCHERS
)
PART_UP: Final = _told(
    "zavora_part_up", "Whether market data and celery show life", ("part",), of=WATCHERS
)

# --- a shard: its worker --------------------------------------------------------------------------

COMMANDS: Final = _counter(
    "zavora_commands_total",
    "Committed commands by kind, and applied, rejected, duplicate, expired or void",
    ("shard", "kind", "outcome"),
    of=WORKER,
)
BATCH_COMMANDS: Final = _histogram(
    "zavora_batch_commands", "Commands of a batch", ("shard",), of=WORKER, buckets=COUNTS
)
BATCH_PHASE: Final = _histogram(
    "zavora_batch_phase_duration_seconds",
    "What a batch takes: read, decide, write, commit or tell",
    ("shard", "phase"),
    of=WORKER,
    buckets=STEPS,
)
BATCH_RETRIES: Final = _counter(
    "zavora_batch_retries_total",
    "Batches that did not commit at once: moved, busy or in_doubt",
    ("shard", "cause"),
    of=WORKER,
)
COMMANDS_VOID: Final = _counter(
    "zavora_commands_void_total",
    "Commands that could not be applied or stored and were journaled as void",
    ("shard",),
    of=WORKER,
)
MARKETS_HALTED: Final = _counter(
    "zavora_markets_halted_total",
    "Markets halted by three void commands in a row",
    ("shard",),
    of=WORKER,
)
SHARD_EPOCH: Final = _told(
    "zavora_shard_epoch",
    "The lease's epoch, of the worker that owns the shard",
    ("shard",),
    of=(WORKER,),
)
LEASE_REMAINING: Final = _told(
    "zavora_lease_remaining_seconds", "Until the lease would run out", ("shard",), of=(WORKER,)
)
TAKEOVER_DURATION: Final = _told(
    "zavora_takeover_duration_seconds",
    "From having the lease to being ready, of this worker",
    ("shard",),
    of=(WORKER,),
)
JOURNAL_SEQUENCE: Final = _told(
    "zavora_journal_sequence", "Commands in the shard's journal", ("shard",), of=(WORKER,)
)
TRADES: Final = _counter("zavora_trades_total", "Committed trades", ("market",), of=WORKER)
OPEN_ORDERS: Final = _told(
    "zavora_open_orders", "Open orders, waiting ones too", ("market",), of=(WORKER,)
)
MARKET_PHASE: Final = _told(
    "zavora_market_phase", "1: the phase that the market is in", ("market", "phase"), of=(WORKER,)
)
SPREAD: Final = _told(
    "zavora_spread_ratio",
    "Ask less bid over their mean; none where a side is empty",
    ("market",),
    of=(WORKER,),
)

# --- money and keeping: told by whoever knows (kept_figures.py), exposed by celery ----------------

RECONCILE_BREAKS: Final = _told(
    "zavora_reconcile_breaks", "What did not add up when it was last looked at", of=(CELERY,)
)
RECONCILED_AT: Final = _told(
    "zavora_reconcile_success_timestamp_seconds", "When the books were last looked at", of=(CELERY,)
)
HELD_AMOUNT: Final = _told(
    "zavora_held_amount",
    "Held of an asset for orders and withdrawals, in its units, when the books were looked at",
    ("asset",),
    of=(CELERY,),
)
JOURNAL_VERIFIED: Final = _told(
    "zavora_journal_verified_sequence",
    "Up to where verify_journal last found the journal to agree with the tables",
    ("shard",),
    of=(CELERY,),
)
WITHDRAWALS_PENDING: Final = _told(
    "zavora_withdrawals_pending", "Withdrawals that wait for approval or payment", of=(CELERY,)
)
PARTITIONS_AHEAD: Final = _told(
    "zavora_partitions_ahead", "Partitions that begin in the future", ("table",), of=(CELERY,)
)
BACKUP_AT: Final = _told(
    "zavora_backup_success_timestamp_seconds", "When a backup was last verified", of=(CELERY,)
)
RESTORE_DRILL_AT: Final = _told(
    "zavora_restore_drill_success_timestamp_seconds", "When a restore last agreed", of=(CELERY,)
)
KEPT: Final = (
    RECONCILE_BREAKS,
    RECONCILED_AT,
    HELD_AMOUNT,
    JOURNAL_VERIFIED,
    WITHDRAWALS_PENDING,
    PARTITIONS_AHEAD,
    BACKUP_AT,
    RESTORE_DRILL_AT,
)

# --- exposing -------------------------------------------------------------------------------------

_lock: Final = threading.Lock()


def expose(role: str) -> CollectorRegistry:
    """Return a registry with what processes of a role tell of themselves."""
    if role not in ROLES:
        raise ValueError(f"no such role: {role}")
    with _lock:
        BUILD_INFO.tell({(__version__, COMMIT): 1})
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        for declared in CATALOGUE.values():
            if role in declared.roles:
                registry.register(declared.collector)
                for labels in declared.zeros:
                    declared.collector.labels(*labels)
    return registry
