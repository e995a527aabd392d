"""Chains of depth events: one after another, whole quantities, and over what was missed."""

import random

import pytest

from api.binance.streams.depth_chain import ChainBroken, DepthChain
from marketdata.feed.book import BookSide, Level
from marketdata.feed.view import DepthDelta


def _chain(sequence: int = 10) -> DepthChain:
    return DepthChain([("100", "1"), ("99", "2")], [("101", "3")], sequence)


def test_an_event_covers_everything_since_the_one_before() -> None:
    chain = _chain()
    assert chain.take() is None
    chain.change(DepthDelta([("100", "5")], [], 10, 11))
    chain.change(DepthDelta([("100", "0.00")], [("102", "1")], 11, 14))
    assert chain.take() == (11, 14, [("100", "0.00")], [("102", "1")])
    assert chain.take() is None
    chain.change(DepthDelta([], [("102", "0.00")], 14, 15))
    assert chain.take() == (15, 15, [], [("102", "0.00")])


def test_a_book_loaded_anew_is_told_as_its_difference() -> None:
    chain = _chain()
    chain.change(DepthDelta([("98", "1")], [], 10, 11))
    chain.reload([("100", "1"), ("99", "4")], [("103", "1")], 40)
    event = chain.take()
    assert event is not None
    assert (event.first, event.last) == (11, 40)
    # 98 came and went unseen: its removal is told, and nothing of what stayed as it was.
    assert dict(event.bids) == {"98": "0", "99": "4"}
    assert dict(event.asks) == {"101": "0", "103": "1"}
    chain.change(DepthDelta([("100", "2")], [], 40, 41))
    assert chain.take() == (41, 41, [("100", "2")], [])


def test_a_book_loaded_anew_without_a_difference_still_announces_its_numbers() -> None:
    chain = _chain()
    chain.reload([("100", "1"), ("99", "2")], [("101", "3")], 10)
    assert chain.take() is None
    chain.reload([("100", "1"), ("99", "2")], [("101", "3")], 12)
    assert chain.take() == (11, 12, [], [])


def test_what_does_not_follow_is_no_part_of_a_chain() -> None:
    chain = _chain()
    assert not chain.follows(DepthDelta([], [], 11, 12))
    with pytest.raises(ChainBroken):
        chain.change(DepthDelta([], [], 11, 12))
    with pytest.raises(ChainBroken):
        chain.reload([], [], 9)
    assert chain.take() is None


def test_any_snapshot_and_the_events_after_it_give_the_same_book() -> None:
    draw = random.Random(3)
    side = BookSide(best_is_highest=True)
    chain = DepthChain([], [], 0)
    sequence = 0
    snapshots: list[tuple[int, list[Level]]] = [(0, [])]
    events = []
    for _ in range(2_000):
        before, changed = sequence, {}
        for _ in range(draw.randrange(1, 4)):
            price, quantity = f"{draw.randrange(10, 40)}", f"{draw.choice((0, 0, 1, 2, 3))}"
            side.set(price, quantity)
            changed[price] = quantity
            sequence += 1
        if draw.random() < 0.1:
            chain.reload(side.top(), [], sequence)
        else:
            chain.change(DepthDelta(list(changed.items()), [], before, sequence))
        snapshots.append((sequence, side.top()))
        if draw.random() < 0.3 and (event := chain.take()) is not None:
            events.append(event)
    if (event := chain.take()) is not None:
        events.append(event)

    for known, levels in draw.sample(snapshots, 100):
        book, last = dict(levels), known
        for event in events:
            if event.last <= known:
                continue
            assert event.first == last + 1 or (last == known and event.first <= known + 1)
            for price, quantity in event.bids:
                book[price] = quantity
                if quantity == "0":
                    del book[price]
            last = event.last
        assert (last, book) == (sequence, dict(side.top()))
