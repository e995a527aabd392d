"""Counts of connections, sockets and bytes: kept to the bound, and given back whole."""

import asyncio

import pytest

from zavora.foundation.addresses import parse_networks
from zavora.foundation.bodies import FREE_BYTES, BodyBudget, HeldBody
from zavora.foundation.socket_counts import PURGE_AT_LEAST, Silence, SocketCounts, Turns
from zavora.serving.connections import Connections


def test_an_address_has_so_many_connections_and_others_are_served():
    connections = Connections(total_max=100, per_address_max=2)
    assert [connections.admit(number, "198.51.100.1") for number in range(4)] == [True] * 2 + [
        False
    ] * 2
    assert connections.admit("other", "198.51.100.2")
    connections.release(0)
    connections.release(0)
    connections.release("never admitted")
    assert connections.admit("next", "198.51.100.1")
    assert not connections.admit("one more", "198.51.100.1")
    assert len(connections) == 3


def test_neighbours_in_an_ipv6_network_share_the_bound():
    connections = Connections(total_max=100, per_address_max=1)
    assert connections.admit(1, "2001:db8::1")
    assert not connections.admit(2, "2001:db8::2")
    assert connections.admit(3, "2001:db8:0:1::1")


def test_all_together_have_a_bound():
    connections = Connections(total_max=2, per_address_max=0)
    assert [connections.admit(n, f"198.51.100.{n}") for n in range(3)] == [True, True, False]


def test_a_trusted_proxy_speaks_for_many(settings):
    settings.ZAVORA_TRUSTED_PROXIES = parse_networks(["198.51.100.1"])
    connections = Connections(total_max=100, per_address_max=1)
    assert all(connections.admit(number, "198.51.100.1") for number in range(5))


def test_sockets_are_counted_by_address(settings):
    settings.ZAVORA_SOCKETS_PER_ADDRESS_MAX = 2
    counts = SocketCounts()
    assert counts.open("198.51.100.1")
    assert counts.open("198.51.100.1")
    assert not counts.open("198.51.100.1")
    assert [counts.is_full(f"198.51.100.{n}") for n in (1, 2)] == [True, False]
    assert counts.open("198.51.100.2")
    counts.close("198.51.100.1")
    assert counts.open("198.51.100.1")


def test_what_one_address_begins_has_time_between_and_no_other_waits():
    turns = Turns(0.25)
    assert [turns.wait_s("198.51.100.1", now=10.0) for _ in range(3)] == [0.0, 0.25, 0.5]
    assert turns.wait_s("198.51.100.2", now=10.0) == 0.0
    assert turns.wait_s("198.51.100.1", now=10.5) == 0.25
    assert turns.wait_s("198.51.100.1", now=20.0) == 0.0


def test_turns_of_addresses_that_are_past_are_not_kept():
    turns = Turns(0.25)
    for number in range(20 * PURGE_AT_LEAST):
        turns.wait_s(f"2001:db8:{number:x}::1", now=float(number))
    assert len(turns) <= PURGE_AT_LEAST


def test_a_budget_of_bodies_is_kept_and_given_back(settings):
    settings.ZAVORA_UNREAD_BODY_BYTES_MAX = 400_000
    budget = BodyBudget()
    first = HeldBody(budget, "198.51.100.1")
    assert first.add(FREE_BYTES + 100_000)
    assert not HeldBody(budget, "198.51.100.1").add(FREE_BYTES + 1)  # a quarter is an address' part
    others = [HeldBody(budget, f"198.51.100.{n}") for n in range(2, 5)]
    assert all(held.add(FREE_BYTES + 100_000) for held in others)
    full = HeldBody(budget, "198.51.100.9")
    assert not full.add(FREE_BYTES + 1)
    assert HeldBody(budget, "198.51.100.9").add(FREE_BYTES)  # an order always finds room
    for held in (first, *others, full):
        held.release()
        held.release()
    assert budget.bytes == 0
    assert full.add(1)


@pytest.mark.parametrize("reason", ["said something", "follows something"])
async def test_only_a_socket_without_a_reason_to_be_silent_is_ended(settings, reason):
    settings.ZAVORA_SOCKET_SILENCE_S = 0.05
    ended = asyncio.Event()
    silence = Silence(ended.set, lambda: reason == "follows something" and not stops.is_set())
    stops = asyncio.Event()
    silence.heard()
    begun = asyncio.get_running_loop().time()
    if reason == "follows something":
        asyncio.get_running_loop().call_later(0.2, stops.set)
    await asyncio.wait_for(ended.wait(), 5)
    took = asyncio.get_running_loop().time() - begun
    assert took >= (0.2 if reason == "follows something" else 0.1)
