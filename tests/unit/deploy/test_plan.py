"""Who runs where, on which ports: nothing of a pair on one host, nothing twice."""

import json
from pathlib import Path

import pytest

from deploy.local.hosts import EDGE, HOSTS
from deploy.local.plan import (
    ENDPOINTS,
    MARKET_DATA,
    SHARDS,
    VALKEY_HOSTS,
    WORKER_HOSTS,
    ZAVORA,
    host_of,
)
from deploy.local.ports import BLOCK, take_block
from zavora.runner.home import HomeError


def test_no_pair_is_on_one_host() -> None:
    pairs = [
        *([host_of(f"worker-{shard}-{h}") for h in WORKER_HOSTS[shard]] for shard in SHARDS),
        [host_of(name) for name in MARKET_DATA],
        list(VALKEY_HOSTS),
    ]

    assert [pair for pair in pairs if len(pair) < 2 or len(set(pair)) != len(pair)] == []


def test_names_tell_the_host() -> None:
    assert {host_of(name) for name in ENDPOINTS} == {*HOSTS, EDGE}
    assert host_of("metrics-worker-0-b") == "b"
    assert host_of("alertmanager") == EDGE


def test_endpoints_are_told_apart_and_fit_into_a_block() -> None:
    assert len(set(ENDPOINTS)) == len(ENDPOINTS) < BLOCK
    assert {f"metrics-{name}" for name in ZAVORA} <= set(ENDPOINTS)


def test_two_clusters_never_have_a_port_in_common(tmp_path: Path) -> None:
    taken: set[int] = set()
    claims = []
    for number in range(5):
        ports, claim = take_block(tmp_path / f"{number}.json", ENDPOINTS)
        claims.append(claim)
        assert taken.isdisjoint(ports.values())
        taken |= set(ports.values())

    for claim in claims:
        claim.close()
    assert len(taken) == 5 * len(ENDPOINTS)


def test_a_cluster_gets_its_ports_back(tmp_path: Path) -> None:
    first, claim = take_block(tmp_path / "ports.json", ENDPOINTS)
    claim.close()
    again, claim = take_block(tmp_path / "ports.json", ENDPOINTS)
    claim.close()

    assert again == first


def test_ports_that_somebody_has_are_told_of(tmp_path: Path) -> None:
    ports, claim = take_block(tmp_path / "mine.json", ENDPOINTS)
    (tmp_path / "theirs.json").write_text(json.dumps({"first": min(ports.values()) - 1}))

    with claim, pytest.raises(HomeError, match="in use by another program"):
        take_block(tmp_path / "theirs.json", ENDPOINTS)
