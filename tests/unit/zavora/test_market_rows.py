"""The overview of markets as the server makes it: figures, order and states, without a script."""

from decimal import Decimal

import pytest

from api.v1.words import PHASE
from marketdata.wire import TickerState
from tests.terms import btc_usd
from zavora.pages.market_rows import NONE, Row, columns, compact, in_words, market_rows

MARKETS = [
    btc_usd(market_id=1, symbol="BTC/USD"),
    btc_usd(market_id=2, symbol="ETH/USD", phase="halted"),
    btc_usd(market_id=3, symbol="NEW/USD"),
]
TOLD = {
    1: TickerState(1, 9, "61025.68", "60000.00", "62000.00", "59000.10", "12.5", "760000", 9, 1),
    2: TickerState(2, 4, "2970.00", "3000.00", "3100.00", "2900.00", "100", "300000.5", 4, 1),
}


def rows(sort: str = "", *, descending: bool = False) -> list[Row]:
    return market_rows(MARKETS, TOLD, sort=sort, descending=descending)


def test_a_row_has_the_figures_as_the_page_writes_them() -> None:
    first, second, third = rows()
    assert (first.last, first.change, first.trend) == ("61,025.68", "+1.70%", "up")
    assert (first.high, first.low) == ("62,000.00", "59,000.10")
    assert (first.volume, first.quote_volume) == ("12.50", "760.00K")
    assert first.address == "/trade/BTC-USD"
    assert first.state == ""
    assert (second.change, second.trend, second.state) == ("-1.00%", "down", "Halted")
    assert {third.last, third.change, third.high, third.volume} == {NONE}


@pytest.mark.parametrize(
    ("sort", "descending", "order"),
    [
        ("", False, "BTC ETH NEW"),
        ("name", True, "NEW ETH BTC"),
        ("last", False, "ETH BTC NEW"),
        ("last", True, "BTC ETH NEW"),
        ("change", False, "ETH BTC NEW"),
        ("base", True, "ETH BTC NEW"),
        ("volume", True, "BTC ETH NEW"),
        ("spread", True, "BTC ETH NEW"),
    ],
)
def test_rows_stand_in_the_order_that_was_asked_for(
    sort: str, descending: bool, order: str
) -> None:
    shown = rows(sort, descending=descending)
    assert " ".join(row.symbol.partition("/")[0] for row in shown) == order


def test_a_head_leads_to_the_other_order_and_keeps_what_was_searched() -> None:
    heads = {one.name: one for one in columns({"q": "btc"}, "last", descending=True)}
    assert heads["last"].order == "descending"
    assert heads["last"].address == "?q=btc&sort=last&order=up"
    assert heads["change"].order == ""
    assert heads["change"].address == "?q=btc&sort=change&order=down"
    assert heads["name"].address == "?q=btc&sort=name&order=up"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0.00"),
        ("0.0020649", "0.00206"),
        ("0.5", "0.50"),
        ("0.123456", "0.123"),
        ("9999.999", "9,999.99"),
        ("12345.678", "12.34K"),
        ("1234567", "1.23M"),
        ("98765432100", "98.76B"),
        ("1" + "0" * 37, "10,000,000,000,000,000,000,000,000,000.00B"),
    ],
)
def test_volumes_are_told_in_short_as_the_script_does(amount: str, text: str) -> None:
    assert compact(Decimal(amount)) == text


def test_every_state_has_words() -> None:
    assert {in_words(one) for one in PHASE.values()} == {
        *("Pre open", "Auction", "Continuous", "Post only"),
        *("Cancel only", "Halted", "Closed", "Delisted"),
    }
