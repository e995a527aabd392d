"""The readers' book: order of levels, removal, the checksum's exact text."""

import zlib
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from marketdata.feed.book import DepthBook

changes = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]), st.integers(1, 3_000), st.sampled_from([0, 1, 5, 250])
    ),
    max_size=200,
)


@given(changes)
def test_levels_stand_best_first_with_the_last_quantity(steps: list[tuple[str, int, int]]) -> None:
    book = DepthBook()
    naive: dict[str, dict[Decimal, str]] = {"buy": {}, "sell": {}}
    for side, ticks, lots in steps:
        price, quantity = f"{ticks // 100}.{ticks % 100:02d}", f"0.{lots:03d}"
        book.set(side, price, quantity)
        naive[side][Decimal(price)] = quantity

    for side, found in (("buy", book.bids), ("sell", book.asks)):
        standing = {price: text for price, text in naive[side].items() if Decimal(text)}
        expected = [standing[price] for price in sorted(standing, reverse=side == "buy")]
        assert [quantity for _, quantity in found.top()] == expected
        prices = [Decimal(price) for price, _ in found.top()]
        assert prices == sorted(prices, reverse=side == "buy")
        assert found.top(3) == found.top()[:3]
        assert found.best_price == (found.top()[0][0] if prices else None)


def test_checksum_text_takes_bid_and_ask_by_turns() -> None:
    book = DepthBook()
    book.set("buy", "19500.00", "1.00000")
    book.set("buy", "20000.00", "0.50000")
    book.set("sell", "21000.00", "2.00000")

    assert book.checksum_text() == "20000.00:0.50000:21000.00:2.00000:19500.00:1.00000"
    assert book.checksum() == zlib.crc32(b"20000.00:0.50000:21000.00:2.00000:19500.00:1.00000")


def test_checksum_covers_the_best_ten_levels_of_a_side_only() -> None:
    book = DepthBook()
    for ticks in range(1, 13):
        book.set("sell", f"{ticks}.0", "1")
    before = book.checksum()

    book.set("sell", "11.0", "7")
    assert book.checksum() == before
    book.set("sell", "10.0", "7")
    assert book.checksum() != before


def test_checksum_of_an_empty_book_is_zero() -> None:
    assert DepthBook().checksum() == 0
