"""What is there at zero before it happens is what can happen: names that the code has elsewhere."""

import re
from pathlib import Path

from prometheus_client.samples import Sample

from tests.rules.source import ROOT
from zavora.foundation import metrics
from zavora.foundation.late_reads import State
from zavora.foundation.metrics import CATALOGUE

FOLDERS = ("accounts", "api", "marketdata", "zavora")


def _written(pattern: str) -> set[str]:
    """Return what a pattern finds in our sources."""
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return {name for path in files for name in re.findall(pattern, Path(path).read_text())}


def test_every_limit_begins_at_zero() -> None:
    assert _written(r'\bLimit\(\s*"([a-z0-9-]+)"') == set(metrics.LIMITS)


def test_sockets_of_every_api_begin_at_zero() -> None:
    assert _written(r'\bAPI: ClassVar\[str\] = "(\w+)"') - {"other"} == set(metrics.SOCKET_APIS)


def test_every_way_in_which_a_socket_ends_begins_at_zero() -> None:
    told = CATALOGUE["zavora_websocket_closed_total"].text
    assert told == f"WebSockets that ended: {_list(metrics.SOCKET_ENDS)}"


def test_every_reason_to_compare_a_market_begins_at_zero() -> None:
    zeros = {labels[0] for labels in CATALOGUE["zavora_feed_resyncs_total"].zeros}
    assert zeros == _written(r'\bresync\("(\w+)"\)')


def test_reads_of_every_state_of_the_replica_begin_at_zero() -> None:
    zeros = {labels[0] for labels in CATALOGUE["zavora_late_reads_total"].zeros}
    states = {f"primary_{state}" for state in State if state is not State.USED}
    assert zeros == states | {"replica"}


def test_what_begins_at_zero_is_exposed_before_anything_happens() -> None:
    registry = metrics.expose(metrics.WEB)
    told: list[Sample] = [sample for metric in registry.collect() for sample in metric.samples]
    limits = {one.labels["limit"] for one in told if one.name == "zavora_rate_limited_total"}
    assert limits >= set(metrics.LIMITS)


def _list(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
