"""The book that verifies itself, against one that is kept naively."""

import random
import zlib
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zavora.book import Book, BookData, OutOfStep

EMPTY: dict[str, Any] = {"bids": [], "asks": [], "sequence": 0, "checksum": 0}
Sides = tuple[dict[int, int], dict[int, int]]


def price_text(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02d}"


def quantity_text(lots: int) -> str:
    # Eight decimals: a Decimal would show nothing of it as 0E-8.
    return f"{lots // 10**8}.{lots % 10**8:08d}"


def levels(side: dict[int, int], *, is_bids: bool) -> list[tuple[str, str]]:
    return [(price_text(p), quantity_text(side[p])) for p in sorted(side, reverse=is_bids)]


def checksum(sides: Sides) -> int:
    """The rule of docs/market-data.md, spelled as it stands there."""
    bids, asks = levels(sides[0], is_bids=True), levels(sides[1], is_bids=False)
    parts = []
    for index in range(10):
        if index < len(bids):
            parts.append(":".join(bids[index]))
        if index < len(asks):
            parts.append(":".join(asks[index]))
    return zlib.crc32(":".join(parts).encode())


def message(**fields: Any) -> BookData:
    """A message as it comes: text, read as the feed reads it."""
    return msgspec.json.decode(msgspec.json.encode(fields), type=BookData)


def snapshot(sides: Sides, sequence: int) -> BookData:
    bids, asks = levels(sides[0], is_bids=True), levels(sides[1], is_bids=False)
    return message(bids=bids, asks=asks, sequence=sequence, checksum=checksum(sides))


def changed(sides: Sides, sequence: int, source: random.Random) -> tuple[BookData, int]:
    """Change some levels; return the delta and the sequence after it."""
    told: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for _ in range(source.randint(1, 4)):
        index = source.randrange(2)
        price = source.randint(1, 30) + 30 * index
        lots = source.choice([0, 0, source.randint(1, 10**10)])
        told[index][price] = lots
        if lots:
            sides[index][price] = lots
        else:
            sides[index].pop(price, None)
    count = sum(map(len, told))
    delta = message(
        bids=[(price_text(p), quantity_text(q)) for p, q in told[0].items()],
        asks=[(price_text(p), quantity_text(q)) for p, q in told[1].items()],
        prev_sequence=sequence,
        sequence=sequence + count,
        checksum=checksum(sides),
    )
    return delta, sequence + count


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 60))
def test_a_book_equals_the_exchanges_or_says_that_it_does_not(seed: int, steps: int) -> None:
    source = random.Random(seed)
    sides: Sides = ({}, {})
    sequence, renewals = 0, 0
    book = Book("BTC/EUR")
    book.apply(snapshot(sides, sequence))
    waits = False
    for _ in range(steps):
        delta, sequence = changed(sides, sequence, source)
        fate = source.random()
        if fate < 0.1:
            continue  # lost on the way
        copies = 2 if fate < 0.2 else 1
        for _ in range(copies):
            try:
                book.apply(delta)
            except OutOfStep:
                assert not book.is_valid
                renewals += 1
                waits = True
        if waits and source.random() < 0.7:
            book.apply(snapshot(sides, sequence))
            waits = False
        if book.is_valid and book.sequence == sequence:
            view = book.view()
            for found, side, is_bids in ((view.bids, 0, True), (view.asks, 1, False)):
                expected = levels(sides[side], is_bids=is_bids)
                assert [(f"{p:f}", f"{q:f}") for p, q in found] == expected
    if waits:
        assert not book.is_valid


def test_the_documents_example_has_its_checksum() -> None:
    text = "20000.00:0.50000:21000.00:2.00000:19500.00:1.00000"
    bids = [("20000.00", "0.50000"), ("19500.00", "1.00000")]
    book = Book("BTC/EUR")

    is_new = book.apply(
        message(
            bids=bids,
            asks=[("21000.00", "2.00000")],
            sequence=3,
            checksum=zlib.crc32(text.encode()),
        )
    )

    assert is_new
    view = book.view()
    assert (view.bid, view.ask) == (Decimal(20000), Decimal(21000))
    assert (view.mid, view.spread) == (Decimal(20500), Decimal(1000))


def test_a_gap_and_a_wrong_checksum_are_noticed_and_a_snapshot_heals() -> None:
    book = Book("BTC/EUR")
    assert book.apply(message(**EMPTY))
    bid = {"bids": [("1.00", "2.0")], "asks": []}
    right = zlib.crc32(b"1.00:2.0")

    with pytest.raises(OutOfStep, match="does not follow"):
        book.apply(message(**bid, prev_sequence=1, sequence=2, checksum=right))
    # What still comes of the book that was given up changes nothing.
    assert not book.apply(message(**bid, prev_sequence=0, sequence=1, checksum=right))
    assert book.apply(message(**bid, sequence=2, checksum=right))
    with pytest.raises(OutOfStep, match="checksum"):
        book.apply(
            message(bids=[("1.00", "0.0")], asks=[], prev_sequence=2, sequence=3, checksum=7)
        )
    assert book.apply(message(**EMPTY))
    assert book.is_valid
